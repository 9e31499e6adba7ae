"""
`metrics.jsonl`: the events of a training, one JSON object in a line (src/records/training-event.ts), and the same
figures for TensorBoard where it is installed. Only rank 0 writes.
"""

import json
import os
from pathlib import Path
from typing import Any

from .job import Job


class Metrics:
    def __init__(self, job: Job):
        self._path, self._tensorboard = job.metrics, job.out / "tensorboard"
        self._file: Any = None
        self._writer: Any = None

    def resume_at(self, step: int) -> dict | None:
        """
        Removes the lines of later steps, which will run again, and lines that a kill cut; then opens the file to
        append. Returns the last remaining step event, which has the totals so far.
        """
        events = [event for event in _events(self._path) if event["step"] <= step]
        temporary = self._path.with_name(f"{self._path.name}.tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines(_line(event) for event in events)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        self._file = self._path.open("a", encoding="utf-8")
        self._writer = _tensorboard_writer(self._tensorboard, step + 1)
        return next((event for event in reversed(events) if event["event"] == "step"), None)

    def write(self, event: dict) -> None:
        line = _line(event)  # complete before it is written: an invalid value leaves no half line
        self._file.write(line)
        self._file.flush()
        if event["event"] != "step":
            os.fsync(self._file.fileno())  # after a power cut the lines of a checkpoint's steps must be there too
        if self._writer is not None and event["event"] == "step":
            _draw(self._writer, event)

    def close(self) -> None:
        for writer in (self._file, self._writer):
            if writer is not None:
                writer.close()


def _line(event: dict) -> str:
    return json.dumps(event, allow_nan=False) + "\n"


def _events(path: Path) -> list[dict]:
    """Complete lines, as bytes, since the last one may be cut within a character."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]  # the text after the last line end is an incomplete line
    parsed = (_parse(line) for line in lines)
    return [event for event in parsed if event is not None]


def _parse(line: bytes) -> dict | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("step"), int) and "event" in event else None


def _tensorboard_writer(folder: Path, first_step: int) -> Any:
    """`purge_step` hides the points of steps that run again."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=first_step)


SCALARS = ("loss", "gradNorm", "learningRate", "tokensPerSecond", "mfu", "memoryBytes")


def _draw(writer: Any, event: dict) -> None:
    step = event["step"]
    for name in SCALARS:
        if event.get(name) is not None:
            writer.add_scalar(name, event[name], step)
    for domain, of in event.get("domainLoss", {}).items():
        writer.add_scalar(f"loss/{domain}", of["loss"], step)
