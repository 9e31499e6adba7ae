"""
Training from the first step to the exported model.

A step depends only on the job, the shards and its number: which rows it takes, which rank gets which, the learning
rate. The state consists of weights, moments and that number. So going on from a checkpoint with as many ranks repeats
the bits, and with another number of ranks it repeats the rows, and the gradient up to the order of sums.

The gradient of a step is that of (sum of nll of all trained tokens of all ranks) / (their exact number). Rows differ in
how many of their tokens are trained, so a mean of the ranks' means would weigh tokens differently.
"""

import fcntl
import math
import sys
import time
from typing import Any, NoReturn, TextIO

import torch
import torch.distributed as dist

from .attention import describe_attention
from .batch import Batch, make_batches
from .checkpoint import Checkpoints, identify, list_steps, state_of
from .export import export_model
from .failures import TrainingFailure
from .flops import model_flops, peak_flops
from .job import Job
from .metrics import Metrics
from .model import TYPES, build_model, count_parameters, make_mesh, trained_config
from .optimizer import clip_gradient, gradient_norm, learning_rate, make_optimizer
from .order import Order, deal, total_steps
from .ranks import Ranks, be_deterministic, device_name, join_ranks, peak_memory
from .shards import open_rows
from .stopping import StopRequest


def train(job: Job) -> None:
    """@raises TrainingFailure"""
    run_training(job, Training)


def run_training(job: Job, engine: "type[Training]") -> None:
    """Everything that a rank does, under any engine. @raises TrainingFailure"""
    stop = StopRequest(job)
    if job.config.deterministic:
        be_deterministic()
    ranks = join_ranks(job)
    lock = lock_folder(job) if ranks.rank == 0 else None
    ranks.barrier()
    engine(job, ranks, stop).run()
    dist.destroy_process_group()
    if lock is not None:
        lock.close()


class Training:
    """A start of the training: from the newest checkpoint to the end, or to a requested stop."""

    def __init__(self, job: Job, ranks: Ranks, stop: StopRequest):
        self.job, self.ranks, self.stop, config = job, ranks, stop, job.config
        self.rows = open_rows(job.shards, job.model, config.context_length or sys.maxsize, ranks.rank, ranks.size)
        rows = self.rows
        self.order = Order(rows.tokens, rows.domain_of, rows.domains, config.seed, config.batch_rows, config.mixture)
        self.total_steps = total_steps(self.order, config.until)
        self.model_config = trained_config(job, rows.sequence_length)
        self.checkpoints = Checkpoints(job, ranks, identify(job))
        if ranks.rank == 0:
            self.checkpoints.remove_unfinished()
        ranks.barrier()
        saved = self.checkpoints.newest_whole()
        self.step: int = saved["step"] if saved else 0
        # Since step 1, over all starts; the loss is the last step's.
        self.totals: dict[str, Any] = saved["totals"] if saved else {"tokens": 0, "trainedTokens": 0, "loss": None}
        self.metrics = Metrics(job) if ranks.rank == 0 else None
        if self.metrics is not None:
            self.metrics.resume_at(self.step)

    def run(self) -> None:
        job, config, ranks = self.job, self.job.config, self.ranks
        self.peak_flops, peak_source = peak_flops(ranks.device, TYPES[config.compute])
        self.write(self.start_event(peak_source))
        if self.step == self.total_steps and job.exported.is_dir():
            return self.end("done")

        self.model = build_model(job, ranks.device, make_mesh(ranks.device), self.rows.sequence_length)
        self.optimizer = make_optimizer(self.model, config.optimizer, self.step)
        state = state_of(self.model, self.optimizer)
        if self.step > 0:
            self.checkpoints.load(self.step, state)
        while self.step < self.total_steps:
            stopped = self.make_step()
            last = self.step == self.total_steps
            if last or stopped or self.step % config.checkpoint.every_steps == 0:
                path, seconds = self.checkpoints.save(self.step, state, self.totals)
                self.write({"event": "checkpoint", "step": self.step, "path": str(path), "seconds": seconds})
            if stopped and not last:
                return self.end("stopped")

        export_model(job, ranks, self.model, {"step": self.step, **self.totals})
        self.end("done")

    def make_step(self) -> bool:
        """A step of all ranks together. Returns whether a stop was requested."""
        begin, ranks, options = time.perf_counter(), self.ranks, self.job.config.optimizer
        drawn = self.order.rows_of(self.step)
        costs = self.rows.square_sums[drawn]
        mine = deal(drawn, costs, ranks.size)[ranks.rank]
        batches = make_batches([self.rows.read(index) for index in mine], self.job.config.micro_batch_rows)
        trained = int(ranks.sum([sum(batch.trained for batch in batches)])[0])

        # Gradients are summed over ranks in every micro-batch. With long rows that costs little, and no rank has to
        # hold the gradient of the whole model in between. FSDP takes the mean over ranks; the factor makes it a sum.
        for batch in batches:
            nll = batch.run(self.model, ranks.device)
            (nll.sum() * (ranks.size / max(trained, 1))).backward()
            batch.note_loss(nll)
        domain_loss = self.sum_by_domain(batches)
        loss = sum(nll for nll, _ in domain_loss.values()) / max(trained, 1)
        norm = gradient_norm(self.model, ranks)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self.fail_not_finite(loss, norm, batches)

        clip_gradient(self.model, norm, options.max_grad_norm)
        rate = learning_rate(self.step + 1, self.total_steps, options)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()

        self.step += 1
        tokens = int(self.rows.tokens[drawn].sum())
        totals = self.totals
        self.totals = {
            "tokens": totals["tokens"] + tokens,
            "trainedTokens": totals["trainedTokens"] + trained,
            "loss": loss,
        }
        memory, stopped = ranks.most([peak_memory(ranks.device), self.stop.is_asked()])
        seconds = time.perf_counter() - begin
        peak = self.peak_flops and self.peak_flops * ranks.size
        flops = model_flops(self.model_config, tokens, trained, float(costs.sum()))
        self.write(
            {
                "event": "step",
                "step": self.step,
                "loss": loss,
                "domainLoss": {
                    domain: {"loss": nll / count, "trainedTokens": count}
                    for domain, (nll, count) in domain_loss.items()
                },
                "gradNorm": norm,
                "learningRate": rate,
                "tokens": tokens,
                "trainedTokens": trained,
                "totalTokens": self.totals["tokens"],
                "totalTrainedTokens": self.totals["trainedTokens"],
                "seconds": seconds,
                "tokensPerSecond": tokens / seconds,
                "mfu": flops / seconds / peak if peak else None,
                "memoryBytes": int(memory),
            }
        )
        return bool(stopped)

    def sum_by_domain(self, batches: list[Batch]) -> dict[str, tuple[float, int]]:
        """Nats and trained tokens over all ranks, of each domain that has trained tokens in this step."""
        names = self.rows.domains
        nats, counts = [0.0] * len(names), [0] * len(names)
        for batch in batches:
            for row, nll, count in zip(batch.rows, batch.nll_of, batch.trained_of, strict=True):
                nats[names.index(row.domain)] += nll
                counts[names.index(row.domain)] += count
        sums = self.ranks.sum([*nats, *counts])
        found = zip(names, sums[: len(names)], sums[len(names) :], strict=True)
        return {name: (nll, int(count)) for name, nll, count in found if count > 0}

    def fail_not_finite(self, loss: float, norm: float, batches: list[Batch]) -> NoReturn:
        """Called on every rank, since all have the same sums."""
        for only_not_finite in (True, False):
            mine = [name for batch in batches for name in batch.documents(only_not_finite)]
            documents = sorted(set(sum(self.ranks.gather(mine), [])))
            if documents:
                break
        more = f" and {len(documents) - 5} more" if len(documents) > 5 else ""
        saved = list_steps(self.job.checkpoints)
        raise TrainingFailure(
            "NON_FINITE",
            f"Step {self.step + 1} gave the loss {loss} and the gradient norm {norm}, and changed no weight. "
            f"Documents: {', '.join(documents[:5])}{more}. The last checkpoint is of step {saved[-1] if saved else 0}. "
            "Lower the learning rate, or look at these documents.",
            step=self.step + 1,
            documents=documents[:1000],
            checkpoint=saved[-1] if saved else None,
        )

    def start_event(self, peak_source: str | None) -> dict[str, Any]:
        rows, device, config = self.rows, self.ranks.device, self.job.config
        of_domain = {name: rows.domain_of == index for index, name in enumerate(rows.domains)}
        return {
            "event": "start",
            "step": self.step,
            "totalSteps": self.total_steps,
            "worldSize": self.ranks.size,
            "device": device.type,
            "deviceName": device_name(device),
            "engine": "fsdp2",
            "attention": describe_attention(device, TYPES[config.compute]),
            "parameters": count_parameters(self.model_config),
            "domains": {
                name: {"rows": int(chosen.sum()), "tokens": int(rows.tokens[chosen].sum())}
                for name, chosen in of_domain.items()
            },
            "peakFlops": self.peak_flops,
            "peakFlopsSource": peak_source,
            "torch": torch.__version__,
        }

    def end(self, reason: str) -> None:
        model = str(self.job.exported) if reason == "done" else None
        self.write({"event": "end", "step": self.step, "reason": reason, "model": model})
        if self.metrics is not None:
            self.metrics.close()
            self.stop.was_obeyed()
        self.ranks.barrier()

    def write(self, event: dict[str, Any]) -> None:
        if self.metrics is not None:
            self.metrics.write(event)


def lock_folder(job: Job) -> TextIO:
    """Locks the folder for the life of this process. @raises TrainingFailure FOLDER_BUSY"""
    file = (job.out / "loop.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        why = f"Another training writes to {job.out}. Wait for it or stop it, or train into another folder."
        raise TrainingFailure("FOLDER_BUSY", why) from error
    (job.out / "failure.json").unlink(missing_ok=True)  # of an earlier start
    return file
