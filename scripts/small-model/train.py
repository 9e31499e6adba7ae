"""
Train the small model on CPU: Muon for the matrices, AdamW for the rest, bfloat16 autocast, one compiled graph per
window length.

Processes of one thread each share the weights and take micro-batches of a step from one counter, so they meet once a
step and a process that the machine holds up simply takes fewer; on a busy machine that is many times faster than
threads.

Most of the time goes to short windows of a few steps; the last part to long ones as the scorer sees them (header, then
whole steps in a row), so that the whole context is learned. The learning rate warms up, stays, and falls to zero; its
clock is the time spent, which the checkpoint holds, so a killed run goes on where its last checkpoint was.

    python train.py --work DIR --minutes 55     writes DIR/checkpoint.pt and DIR/train.jsonl; again to resume
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as multiprocessing

from data import load_pass, long_windows, short_windows
from model import Llama, Shape
from muon import Muon

SEED = 20
WARM_UP_STEPS, DECAY_FROM = 60, 0.5
MATRIX_RATE, OTHER_RATE = 0.02, 0.004
# (ends at this share of the time, window, rows in a micro-batch, micro-batches in a step, windows)
PHASES = ((0.7, 512, 4, 8, "short"), (0.92, 2048, 1, 8, "long"), (1.0, 4096, 1, 4, "long"))
SAVE_EVERY_S = 120
MEET_TIMEOUT_S = 900


def learning_rate(step: int, progress: float) -> float:
    """Share of the full rate: up over the first steps, level, then down to zero over the last part of the time."""
    return max(0.0, min(1.0, (step + 1) / WARM_UP_STEPS, (1 - progress) / (1 - DECAY_FROM)))


class Windows:
    """Rows of an endless seeded order by their number, so resuming needs one integer."""

    def __init__(self, work: Path, kind: str, length: int):
        self.kind, self.length = kind, length
        self.data = [load_pass(work, name) for name in (("first", "second") if kind == "short" else ("long",))]
        make = short_windows if kind == "short" else long_windows
        self.windows = [make(data, length) for data in self.data]

    def batch(self, row: int, rows: int):
        """ids [rows, length], targets, weights float; rows `row` to `row + rows` of the endless seeded order."""
        ids = np.zeros((rows, self.length + 1), np.int64)
        weights = np.zeros((rows, self.length + 1), np.float32)
        for i in range(rows):
            tokens, trained = self.window(row + i)
            ids[i, : len(tokens)], weights[i, : len(tokens)] = tokens, trained
        ids, weights = torch.from_numpy(ids), torch.from_numpy(weights)
        return ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), weights[:, 1:].contiguous()

    def window(self, row: int):
        epoch = 0
        while row >= len(self.windows[epoch % len(self.data)]):
            row -= len(self.windows[epoch % len(self.data)])
            epoch += 1
        data, windows = self.data[epoch % len(self.data)], self.windows[epoch % len(self.data)]
        spans = windows[self.order(epoch, len(windows))[row]]
        spans = [spans] if self.kind == "short" else spans
        return tuple(np.concatenate([data[key][a:b] for a, b in spans]) for key in ("ids", "trained"))

    def order(self, epoch: int, count: int):
        if getattr(self, "ordered", None) != epoch:
            self.ordered, self.permutation = epoch, np.random.default_rng((SEED, self.length, epoch)).permutation(count)
        return self.permutation


class Shared:
    """What the processes have in common: weights, one set of gradients each, and the step at hand."""

    def __init__(self, model: Llama, processes: int):
        context = multiprocessing.get_context("spawn")
        self.model = model.share_memory()
        self.gradients = [[torch.zeros_like(p).share_memory_() for p in model.parameters()] for _ in range(processes)]
        self.sums = torch.zeros(processes, 2, dtype=torch.float64).share_memory_()  # loss and weight
        self.phase, self.row, self.ticket = context.Value("i", 0), context.Value("q", 0), context.Value("i", 0)
        self.begin, self.end = context.Barrier(processes), context.Barrier(processes)


class Worker:
    """One process's share of every step."""

    def __init__(self, work: Path, shared: Shared, rank: int):
        torch.set_num_threads(1)
        self.work, self.shared, self.rank, self.loaded = work, shared, rank, None
        self.loss_of = torch.compile(shared.model.loss, dynamic=False)

    def step(self) -> None:
        shared = self.shared
        _, length, rows, micro_batches, kind = phase = PHASES[shared.phase.value]
        if phase is not self.loaded:
            self.windows, self.loaded = Windows(self.work, kind, length), phase
        for parameter, gradient in zip(shared.model.parameters(), shared.gradients[self.rank], strict=True):
            parameter.grad = gradient
        while (ticket := self.take()) < micro_batches:
            ids, targets, weights = self.windows.batch(shared.row.value + ticket * rows, rows)
            with torch.autocast("cpu", torch.bfloat16):
                loss = self.loss_of(ids, targets, weights)
            (loss / ids.numel() / micro_batches).backward()
            shared.sums[self.rank] += torch.tensor([loss.item(), weights.sum().item()], dtype=torch.float64)

    def take(self) -> int:
        with self.shared.ticket.get_lock():
            self.shared.ticket.value += 1
            return self.shared.ticket.value - 1


def work_along(work: Path, shared: Shared, rank: int) -> None:
    """What every process but the first does."""
    worker = Worker(work, shared, rank)
    while True:
        shared.begin.wait(MEET_TIMEOUT_S)
        worker.step()
        shared.end.wait(MEET_TIMEOUT_S)


class Optimizer:
    """Muon and AdamW over the model, and what a checkpoint holds."""

    def __init__(self, model: Llama, path: Path):
        self.model, self.path = model, path
        named = list(model.named_parameters())
        self.muon = Muon([p for n, p in named if p.ndim == 2 and ".layers." in n], rate=MATRIX_RATE)
        others = [p for n, p in named if p.ndim == 1 or ".layers." not in n]
        self.adam = torch.optim.AdamW(others, lr=OTHER_RATE, betas=(0.9, 0.95), weight_decay=0.0)
        self.counters = {"step": 0, "tokens": 0, "seconds": 0.0, "rows": {}}
        if path.exists():
            self.load()

    def update(self, gradients: list[list[torch.Tensor]], rate: float) -> float:
        """One step along the sum of the gradients at this share of the full rate; the gradient's norm."""
        for parameter, *others in zip(self.model.parameters(), *gradients, strict=True):
            parameter.grad = others[0]
            for other in others[1:]:
                parameter.grad += other
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.muon.step(rate)
        self.adam.param_groups[0]["lr"] = OTHER_RATE * rate
        self.adam.step()
        for gradient in (g for one in gradients for g in one):
            gradient.zero_()
        return norm.item()

    def save(self) -> None:
        """Whole or not at all: a kill in the middle leaves the checkpoint before."""
        state = {
            "model": self.model.state_dict(),
            "muon": self.muon.state,
            "adam": self.adam.state_dict(),
            "counters": self.counters,
        }
        temporary = self.path.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.path)

    def load(self) -> None:
        state = torch.load(self.path)
        self.model.load_state_dict(state["model"])
        self.muon.state = state["muon"]
        self.adam.load_state_dict(state["adam"])
        self.counters = state["counters"]
        print(f"resumed at step {self.counters['step']}, {self.counters['seconds'] / 60:.1f} minutes", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".retrace/small-model"))
    parser.add_argument("--minutes", type=float, default=55)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(SEED)
    model = Llama(Shape())
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimizer = Optimizer(model, options.work / "checkpoint.pt")
    shared = Shared(model, options.processes)
    for rank in range(1, options.processes):
        multiprocessing.get_context("spawn").Process(
            target=work_along, args=(options.work, shared, rank), daemon=True
        ).start()
    worker, counters, saved = Worker(options.work, shared, 0), optimizer.counters, time.monotonic()
    log = (options.work / "train.jsonl").open("a")

    while (progress := counters["seconds"] / 60 / options.minutes) < 1:
        began = time.monotonic()
        phase = next(index for index, phase in enumerate(PHASES) if progress < phase[0])
        _, length, rows, micro_batches, _ = PHASES[phase]
        shared.phase.value, shared.row.value, shared.ticket.value = phase, counters["rows"].get(length, 0), 0
        shared.sums.zero_()
        shared.begin.wait(MEET_TIMEOUT_S)
        worker.step()
        shared.end.wait(MEET_TIMEOUT_S)
        norm = optimizer.update(shared.gradients, learning_rate(counters["step"], progress))

        tokens, seconds = length * rows * micro_batches, time.monotonic() - began
        counters["rows"][length] = shared.row.value + rows * micro_batches
        counters["step"] += 1
        counters["tokens"] += tokens
        counters["seconds"] += seconds
        loss, weight = shared.sums.sum(0).tolist()
        entry = {"step": counters["step"], "loss": round(loss / weight, 4), "norm": round(norm, 3), "window": length}
        entry |= {
            "tokens": counters["tokens"],
            "tokens_per_s": round(tokens / seconds),
            "minutes": round(counters["seconds"] / 60, 3),
        }
        print(json.dumps(entry), file=log, flush=True)
        if time.monotonic() - saved > SAVE_EVERY_S:
            optimizer.save()
            saved = time.monotonic()
    optimizer.save()
    print(f"done: {counters['step']} steps, {counters['tokens'] / 1e6:.1f} M tokens", flush=True)


if __name__ == "__main__":
    main()
