"""The output of evaluation: sums, means, progress, and a file that is complete or missing."""

import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Likelihood:
    """Sums over tokens: their number, their bytes as text, and their negative log-likelihood in nats, in float64."""

    tokens: int = 0
    bytes: int = 0
    nll: float = 0.0

    def add(self, nll: np.ndarray, sizes: np.ndarray) -> None:
        self.tokens += len(nll)
        self.bytes += int(sizes.sum())
        self.nll += float(nll.sum(dtype=np.float64))

    def to_json(self) -> dict[str, Any]:
        per_token = self.nll / self.tokens if self.tokens else None
        bits_per_byte = self.nll / math.log(2) / self.bytes if self.bytes else None
        sums = {"tokens": self.tokens, "bytes": self.bytes, "nll": self.nll}
        return {**sums, "nllPerToken": per_token, "bitsPerByte": bits_per_byte}


def mean(values: Iterable[float]) -> float | None:
    kept = list(values)
    return math.fsum(kept) / len(kept) if kept else None


class Progress:
    """Writes progress as lines for the parent process."""

    def __init__(self, suite: str, total: int):
        self.suite, self.total, self.done = suite, total, -1
        self.advance()

    def advance(self) -> None:
        self.done += 1
        print(json.dumps({"suite": self.suite, "done": self.done, "total": self.total}), flush=True)


def write_whole(path: Path, value: dict[str, Any]) -> None:
    """Writes under a temporary name and renames. A value that is not a finite number is an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(value, indent=1, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
