"""The training loop of python/retrace_train, driven from here: one rank, rows in memory, steps on the clock.

This times `Training.make_step`, the step of `retrace train`; only its rows come from memory and not from shards. It
runs in a process of its own (isolated.py), which adds a line to a file for every trial.
"""

import json
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import training_plan as plan
from models import Shape, config_of
from retrace_train import loop
from retrace_train.job import Checkpointing, Config, Job, Optimizer
from retrace_train.order import Order
from retrace_train.ranks import Ranks, join_ranks
from retrace_train.shards import Row
from retrace_train.stopping import StopRequest
from training_plan import Setup, Trial

MANY_STEPS = 1_000_000
RANKS: list[Ranks] = []


@dataclass
class MemoryRows:
    """Stands in for `retrace_train.shards.Rows`, drawn from a seed. All tokens but a document's first are trained."""

    documents: list[list[int]]  # lengths, by row
    vocabulary: int
    domains: list[str] = field(default_factory=lambda: ["drawn"])

    def __post_init__(self) -> None:
        self.tokens = np.array([sum(lengths) for lengths in self.documents], np.int64)
        self.square_sums = np.array([sum(one * one for one in lengths) for lengths in self.documents], np.float64)
        self.domain_of = np.zeros(len(self.documents), np.int32)
        self.sequence_length = int(self.tokens.max())

    def __len__(self) -> int:
        return len(self.documents)

    def read(self, index: int) -> Row:
        lengths = np.array(self.documents[index], np.int64)
        ids = np.random.default_rng(index).integers(0, self.vocabulary, int(lengths.sum()), np.int64)
        labels = ids.copy()
        labels[np.concatenate([[0], lengths.cumsum()[:-1]])] = -100
        return Row(ids, labels, lengths, self.domains[0], [f"row-{index}-{number}" for number in range(len(lengths))])


def make_job(folder: Path, shape: Shape, device: Any, **changes: Any) -> Job:
    """A job in a folder, with ProLong's optimizer and random weights; `changes` are of its config."""
    model = folder / "base"
    model.mkdir(parents=True, exist_ok=True)
    (model / "config.json").write_text(json.dumps(config_of(shape)))
    optimizer = Optimizer(
        learning_rate=1e-5,
        final_share=0.1,
        warm_up_share=0.1,
        beta1=0.9,
        beta2=0.95,
        epsilon=1e-8,
        weight_decay=0.1,
        max_grad_norm=1.0,
        moments=changes.pop("moments", "float32"),
    )
    config = Config(
        init="random",
        rope_theta=8e6,
        context_length=None,
        until={"steps": MANY_STEPS},
        batch_rows=1,
        micro_batch_rows=1,
        mixture=None,
        optimizer=optimizer,
        compute="bfloat16",
        activation_checkpointing=True,
        loss_chunk_tokens=2048,
        checkpoint=Checkpointing(every_steps=MANY_STEPS, keep=3),
        export_type="float32",
        deterministic=False,
        seed=5,
    )
    return Job(1, folder, model, (), "fsdp2", device, torch.get_num_threads(), replace(config, **changes))


class TimedTraining(loop.Training):
    """The loop, with what is measured beside it."""

    rows: Any  # in memory
    clock: "Clock"
    peak_source: str | None


def open_training(job: Job, rows: MemoryRows) -> TimedTraining:
    """A start of the loop on rows in memory. `run()` is then all of it; `prepare` only what comes before the steps."""
    replaced: Any = loop
    replaced.open_rows = lambda *_: rows
    return TimedTraining(job, ranks_of(job), StopRequest(job))


def ranks_of(job: Job) -> Ranks:
    """A single rank: this process, which joins once."""
    if not RANKS:
        RANKS.append(join_ranks(job))
    return RANKS[0]


def prepare(training: TimedTraining) -> None:
    """Does what `Training.run` does before its first step."""
    job, device = training.job, training.ranks.device
    training.model = loop.build_model(job, device, loop.make_mesh(device), training.rows.sequence_length)
    training.peak_flops, training.peak_source = loop.peak_flops(device, loop.TYPES[job.config.compute])
    training.optimizer = loop.make_optimizer(training.model, job.config.optimizer, training.step)


# ---- a trial ---------------------------------------------------------------------------------------


@dataclass
class Clock:
    """Seconds of the optimizer's work within a step."""

    device: torch.device
    update_s: float = 0.0

    def watch(self, optimizer: torch.optim.Optimizer) -> None:
        optimizer.register_step_pre_hook(lambda *_: self.begin())
        optimizer.register_step_post_hook(lambda *_: self.end())

    def now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def begin(self) -> None:
        self.began = self.now()

    def end(self) -> None:
        self.update_s = self.now() - self.began


def take_rows(training: TimedTraining, shape: Shape, documents: list[list[int]]) -> None:
    """The next steps train these rows, all of them in each step."""
    rows = MemoryRows(documents, shape.vocabulary)
    training.rows, training.step, training.total_steps = rows, 0, MANY_STEPS
    training.order = Order(rows.tokens, rows.domain_of, rows.domains, 0, len(rows), None)


def events_of(training: loop.Training) -> list[dict]:
    lines = training.job.metrics.read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == "step"]


def run_trial(training: TimedTraining, shape: Shape, setup: Setup, trial: Trial, deadline: float) -> dict:
    """Timed steps; fewer than wanted where time is short."""
    import retrace_train.attention as attention

    clock, device = training.clock, training.ranks.device
    documents = plan.rows_of(setup, trial)
    take_rows(training, shape, documents)
    varlen = attention.varlen_attn
    fresh_memory(device)
    samples: list[dict] = []
    try:
        torch.use_deterministic_algorithms(trial.deterministic)
        torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]  as the loop
        if trial.attention == "per document":
            attention.varlen_attn = None
        described = attention.describe_attention(device, loop.TYPES[training.job.config.compute])
        for turn in range(-trial.warm_ups, trial.repeats):
            began = clock.now()
            training.make_step()
            seconds = clock.now() - began
            if turn >= 0:
                samples.append({"seconds": seconds, "updateSeconds": clock.update_s})
            if samples and time.monotonic() + seconds > deadline:
                break
    finally:
        attention.varlen_attn = varlen
        torch.use_deterministic_algorithms(False)
    step, squares = events_of(training)[-1], plan.square_sum(documents)
    return {
        "outcome": "done",
        "samples": samples,
        "rows": len(documents),
        "tokens": step["tokens"],
        "trainedTokens": step["trainedTokens"],
        "squareSum": squares,
        "flops": loop.model_flops(training.model_config, step["tokens"], step["trainedTokens"], squares),
        "losses": [event["loss"] for event in events_of(training)][-len(samples) :],
        "attention": described,
        "memory": memory_of(device),
    }


def fresh_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def memory_of(device: torch.device) -> dict | None:
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info()
    return {
        "allocated": torch.cuda.max_memory_allocated(),
        "reserved": torch.cuda.max_memory_reserved(),
        # What the driver counts: the context and NCCL too, and what is reserved at the end.
        "driver": total - free,
        "total": total,
    }


def is_out_of_memory(error: BaseException) -> bool:
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "ALLOC_FAILED" in text


def measure(device: str, tiny: bool, setup: dict, trials: list[dict], answers: str, deadline: float) -> None:
    """Builds the setup and runs the trials; each adds a line to the file `answers`. One that fails ends the process,
    since what it left of the model is not to be measured."""
    began = time.perf_counter()
    wanted, shape = Setup(**setup), plan.shape_of(tiny)

    def answer(content: dict) -> None:
        with open(answers, "a") as file:
            file.write(json.dumps(content) + "\n")

    with tempfile.TemporaryDirectory() as folder:
        changes = {"moments": wanted.moments, "activation_checkpointing": wanted.checkpointing}
        job = make_job(Path(folder), shape, device, **changes, loss_chunk_tokens=64 if tiny else 2048)
        try:
            training = open_training(job, MemoryRows([[wanted.row_tokens]], shape.vocabulary))
            prepare(training)
            training.clock = Clock(training.ranks.device)
            training.clock.watch(training.optimizer)
            built = {"outcome": "built", "seconds": time.perf_counter() - began}
            answer(built | {"peakFlops": training.peak_flops, "peakSource": training.peak_source})
            for number, trial in enumerate(Trial(**given) for given in trials):
                least = 0.0 if tiny else 0.6 * trial.seconds(wanted.row_tokens, shape)
                late = number > 0 and time.monotonic() + least > deadline
                answer({"outcome": "out of time"} if late else run_trial(training, shape, wanted, trial, deadline))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            print(error, file=sys.stderr)
            answer({"outcome": "out of memory", "why": str(error)[:600], "memory": memory_of(torch.device(device))})
