"""Tasks for evaluation, a JSON object in each line; `src/records/evaluation.ts` documents their keys."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retrace_train.failures import TrainingFailure


@dataclass(frozen=True)
class ChoiceTask:
    id: str
    length: int
    depth: float
    context: np.ndarray
    choices: list[np.ndarray]  # all of one length
    answer: int


@dataclass(frozen=True)
class CompletionTask:
    id: str
    repository: str
    path: str
    context: np.ndarray
    target: str
    lines: int
    max_new_tokens: int


def read_tasks(path: Path, vocabulary_size: int) -> list[ChoiceTask | CompletionTask]:
    """@raises TrainingFailure TASKS_INVALID, with the line"""
    tasks, line = [], 0
    try:
        with path.open(encoding="utf-8") as file:
            for line, text in enumerate(file, start=1):  # noqa: B007  a failure names the line
                if text.strip():
                    tasks.append(_read_task(json.loads(text), vocabulary_size))
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"no key {error}" if isinstance(error, KeyError) else str(error)
        where = f"{path}, line {line}" if line else str(path)
        raise TrainingFailure("TASKS_INVALID", f"{where}: {why}. `retrace eval` writes such a file.") from error
    if not tasks:
        raise TrainingFailure("TASKS_INVALID", f"{path} has no task. `retrace eval` writes such a file.")
    return tasks


def _read_task(value: dict[str, Any], vocabulary_size: int) -> ChoiceTask | CompletionTask:
    context = _ids(value["context"], vocabulary_size)
    if value["kind"] == "choice":
        choices = [_ids(choice, vocabulary_size) for choice in value["choices"]]
        if len(choices) < 2 or len({len(choice) for choice in choices}) > 1:
            # The sum of log-probabilities falls with each token, which would favour a shorter choice.
            raise ValueError(f"expected choices of one length, got {[len(choice) for choice in choices]} tokens")
        if not 0 <= value["answer"] < len(choices):
            raise ValueError(f"answer {value['answer']} is none of {len(choices)} choices")
        return ChoiceTask(value["id"], value["length"], value["depth"], context, choices, value["answer"])
    if value["kind"] == "completion":
        where = (value["id"], value["repository"], value["path"])
        return CompletionTask(*where, context, value["target"], value["lines"], value["maxNewTokens"])
    raise ValueError(f"kind {value['kind']!r} is neither choice nor completion")


def _ids(values: list[int], vocabulary_size: int) -> np.ndarray:
    ids = np.array(values)
    if ids.ndim != 1 or ids.size == 0 or ids.dtype.kind != "i" or ids.min() < 0 or ids.max() >= vocabulary_size:
        raise ValueError(f"expected one or more ids in [0, {vocabulary_size}), got {str(values)[:60]}")
    return ids
