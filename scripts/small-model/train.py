"""
Train the small model on CPU: Muon for the matrices, AdamW for the rest, bfloat16 autocast, one compiled graph per length.

Most of the time goes to short windows of a few steps; the last part to long ones as the scorer sees them (header, then
whole steps in a row), so that the whole context is learned. The learning rate warms up, stays, and falls to zero over the
last part; the schedule follows the clock's share (`--minutes`) and is written to the checkpoint, so a killed run goes on
where its last checkpoint was.

    python train.py --work DIR --minutes 55     writes DIR/checkpoint.pt and DIR/train.jsonl; again to resume
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch

from data import load_pass, long_windows, short_windows
from model import Llama, Shape
from muon import Muon

SEED = 20
WARM_UP = 0.01
DECAY_FROM = 0.55
MATRIX_RATE, OTHER_RATE = 0.02, 0.004
# (ends at this share of the time, window, rows, pass); tokens per update stay about the same
PHASES = ((0.82, 512, 24, "short"), (0.96, 2048, 6, "long"), (1.0, 4096, 3, "long"))
SAVE_EVERY_S = 120


def learning_rate(progress: float) -> float:
    """Share of the full rate at this share of the time: trapezoid."""
    return min(1.0, progress / WARM_UP, (1 - progress) / (1 - DECAY_FROM))


class Windows:
    """Batches by their number: (epoch, position) follow from how many rows were taken, so resuming needs one integer."""

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


class Run:
    """Everything that a checkpoint holds."""

    def __init__(self, work: Path, shape: Shape):
        torch.manual_seed(SEED)
        self.path = work / "checkpoint.pt"
        self.shape, self.model = shape, Llama(shape)
        matrices = [p for n, p in self.model.named_parameters() if p.ndim == 2 and ".layers." in n]
        others = [p for n, p in self.model.named_parameters() if p.ndim == 1 or ".layers." not in n]
        self.muon = Muon(matrices, rate=MATRIX_RATE)
        self.adam = torch.optim.AdamW(others, lr=OTHER_RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
        self.counters = {"step": 0, "tokens": 0, "seconds": 0.0, "rows": {}}
        if self.path.exists():
            self.load()

    def update(self, rate: float) -> float:
        """One optimizer step at this share of the full learning rate; the gradient's norm."""
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.muon.step(rate)
        for group in self.adam.param_groups:
            group["lr"] = OTHER_RATE * rate
        self.adam.step()
        for parameter in self.model.parameters():
            parameter.grad = None
        return norm.item()

    def save(self) -> None:
        """Whole or not at all: a kill in the middle leaves the checkpoint before."""
        state = {"model": self.model.state_dict(), "muon": self.muon.state, "adam": self.adam.state_dict(), "counters": self.counters}
        torch.save(state, temporary := self.path.with_suffix(".tmp"))
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
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    run, log = Run(options.work, Shape()), (options.work / "train.jsonl").open("a")
    counters, saved = run.counters, time.monotonic()
    print(f"{sum(p.numel() for p in run.model.parameters()) / 1e6:.2f} M parameters", flush=True)

    loss_of, windows, loaded = torch.compile(run.model.loss, dynamic=False), None, None
    while (progress := counters["seconds"] / 60 / options.minutes) < 1:
        began = time.monotonic()
        phase = next(p for p in PHASES if progress < p[0])
        _, length, rows, kind = phase
        if phase is not loaded:
            windows, loaded = Windows(options.work, kind, length), phase
            began = time.monotonic()
        row = counters["rows"].get(length, 0)
        ids, targets, weights = windows.batch(row, rows)
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(ids, targets, weights) / weights.sum()
        loss.backward()
        norm, rate = run.update(learning_rate(progress)), learning_rate(progress)

        seconds = time.monotonic() - began
        counters["rows"][length] = row + rows
        counters["step"] += 1
        counters["tokens"] += ids.numel()
        counters["seconds"] += seconds
        entry = {"step": counters["step"], "loss": round(loss.item(), 4), "norm": round(norm, 3), "rate": round(rate, 4), "window": length}
        entry |= {"tokens": counters["tokens"], "tokens_per_s": round(ids.numel() / seconds), "minutes": round(counters["seconds"] / 60, 3)}
        print(json.dumps(entry), file=log, flush=True)
        if time.monotonic() - saved > SAVE_EVERY_S:
            run.save()
            saved = time.monotonic()
    run.save()
    print(f"done: {counters['step']} steps, {counters['tokens'] / 1e6:.1f} M tokens", flush=True)


if __name__ == "__main__":
    main()
