"""
A training job, as in the file `job.json`; `src/training/options.ts` documents every key of its config.

    {"schemaVersion": 1, "out": DIR, "model": DIR, "shards": [DIR, ...], "engine": "fsdp2", "device": "auto",
     "threads": 1, "config": {...}}
"""

import json
import re
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from .failures import TrainingFailure


@dataclass(frozen=True)
class Optimizer:
    learning_rate: float
    final_share: float
    warm_up_share: float
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    max_grad_norm: float
    moments: Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Checkpointing:
    every_steps: int
    keep: int


@dataclass(frozen=True)
class Config:
    init: Literal["pretrained", "random"]
    rope_theta: float | None
    context_length: int | None
    until: dict  # one of {"epochs": x}, {"tokens": n}, {"steps": n}
    batch_rows: int
    micro_batch_rows: int
    mixture: dict | None
    optimizer: Optimizer
    compute: Literal["float32", "bfloat16"]
    activation_checkpointing: bool
    loss_chunk_tokens: int
    checkpoint: Checkpointing
    export_type: Literal["float32", "bfloat16"]
    deterministic: bool
    seed: int


@dataclass(frozen=True)
class Job:
    schema_version: int
    out: Path
    model: Path
    shards: tuple[Path, ...]  # folders with a manifest.json each
    engine: Literal["fsdp2", "trl"]
    device: Literal["auto", "cpu", "cuda"]
    threads: int  # of one rank on a CPU
    config: Config

    @property
    def metrics(self) -> Path:
        return self.out / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.out / "checkpoints"

    @property
    def exported(self) -> Path:
        """Hugging Face folder of the trained model."""
        return self.out / "model"

    @property
    def stop_request(self) -> Path:
        """Where this file exists, training saves and ends after the current step."""
        return self.out / "stop"


def read_job(path: Path) -> Job:
    """@raises TrainingFailure JOB_INVALID"""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise TrainingFailure("JOB_INVALID", f"{path} cannot be read: {error}. `retrace train` writes it.") from error
    return _build(Job, value, str(path))


def _build(kind: Any, value: Any, where: str) -> Any:
    """Makes a dataclass from an object with the same keys in camel case; a missing or unknown key is an error."""
    names = {_camel(field.name): field for field in fields(kind)}
    if not isinstance(value, dict) or set(value) != set(names):
        found = sorted(value) if isinstance(value, dict) else value
        wrong = f"{where}: expected the keys {sorted(names)}, found {found}."
        raise TrainingFailure("JOB_INVALID", f"{wrong} `retrace train` writes such a file.")
    return kind(**{field.name: _convert(field.type, value[name], f"{where}.{name}") for name, field in names.items()})


def _convert(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _build(kind, value, where)
    if kind is Path:
        return Path(_checked(str, value, where))
    if kind == tuple[Path, ...]:
        items = enumerate(_checked(list, value, where))
        return tuple(Path(_checked(str, item, f"{where}[{i}]")) for i, item in items)
    return _checked(kind, value, where)


def _checked(kind: Any, value: Any, where: str) -> Any:
    """Returns the value if it has a type of the field. A whole number is a float too, since JSON writes 1.0 as 1."""
    kinds = get_args(kind) or (kind,)
    words = get_origin(kind) is Literal
    if float in kinds and type(value) is int:
        return float(value)
    if (value if words else type(value)) not in kinds:  # not isinstance, for which True is an int
        names = " or ".join(repr(k) if words else "null" if k is NoneType else k.__name__ for k in kinds)
        wrong = f"{where}: expected {names}, found {json.dumps(value)[:80]}."
        raise TrainingFailure("JOB_INVALID", f"{wrong} `retrace train` writes such a file.")
    return value


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
