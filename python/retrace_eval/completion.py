"""The next lines of a file, generated greedily, against the real ones: exact match and edit similarity."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein

from .model import Model
from .results import Progress, mean
from .tasks import CompletionTask


@dataclass(frozen=True)
class Completed:
    exact: bool
    similarity: float  # 1 - Levenshtein distance / longer length, in characters


def score_completions(model: Model, tasks: list[CompletionTask], progress: Progress) -> dict[str, Any]:
    repositories: dict[str, list[Completed | None]] = defaultdict(list)
    for task in tasks:
        fits = len(task.context) + task.max_new_tokens <= model.max_positions
        repositories[task.repository].append(compare(complete(model, task), task.target) if fits else None)
        progress.advance()
    return {
        **_means([done for group in repositories.values() for done in group]),
        "repositories": {name: _means(repositories[name]) for name in sorted(repositories)},
    }


def complete(model: Model, task: CompletionTask) -> str:
    """The generated text, up to the requested number of lines, a token that is no text, or the most new tokens."""
    text, read = b"", model.read(task.context)
    for _ in range(task.max_new_tokens):
        token = model.likeliest_after(read)
        piece = model.tokens.of(token)
        if piece is None:
            break
        text += piece
        if text.count(b"\n") >= task.lines:
            break
        read = model.read(np.array([token]), after=read)
    lines = text.split(b"\n")[: task.lines]
    return b"\n".join(lines).decode("utf-8", errors="replace")  # bytes first: a character can span two tokens


def compare(written: str, target: str) -> Completed:
    ours, theirs = _stripped(written), _stripped(target)
    return Completed(ours == theirs, Levenshtein.normalized_similarity(ours, theirs))


def _stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _means(completed: list[Completed | None]) -> dict[str, Any]:
    done = [completion for completion in completed if completion is not None]
    return {
        "tasks": len(done),
        "tooLong": len(completed) - len(done),
        "exactMatch": mean(completion.exact for completion in done),
        "editSimilarity": mean(completion.similarity for completion in done),
    }
