"""
Needles: is the right one of several continuations the likeliest?

The context is read once; each choice goes on from its cache. A tie counts as wrong, so that a model that scores all
choices equally gains nothing from their order.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .model import Model
from .results import Progress, mean
from .tasks import ChoiceTask


@dataclass(frozen=True)
class Scored:
    task: ChoiceTask
    margin: float | None  # log p(right) - log p(best wrong) in nats; None where the model has too few positions


def score_choices(model: Model, tasks: list[ChoiceTask], progress: Progress) -> dict[str, Any]:
    cells: dict[tuple[int, float], list[Scored]] = defaultdict(list)
    for task in tasks:
        cells[task.length, task.depth].append(Scored(task, margin_of(model, task)))
        progress.advance()
    return {
        **_accuracy([scored for cell in cells.values() for scored in cell]),
        "chance": mean(
            1 / len(scored.task.choices) for cell in cells.values() for scored in cell if scored.margin is not None
        ),
        "cells": [
            {
                "length": length,
                "depth": depth,
                **_accuracy(cell),
                "margin": mean(scored.margin for scored in cell if scored.margin is not None),
            }
            for (length, depth), cell in sorted(cells.items())
        ],
    }


def margin_of(model: Model, task: ChoiceTask) -> float | None:
    if len(task.context) + len(task.choices[0]) > model.max_positions:
        return None
    scores = log_likelihoods(model, task.context, task.choices)
    right = scores.pop(task.answer)
    return right - max(scores)


def log_likelihoods(model: Model, context: np.ndarray, choices: list[np.ndarray]) -> list[float]:
    """log p(choice | context) of each choice, in nats."""
    read = model.read(context)
    return [_log_likelihood(model, read, choice) for choice in choices]


def _log_likelihood(model: Model, context: Any, choice: np.ndarray) -> float:
    states = [context.hidden[-1:]]  # predicts the first token of the choice
    if len(choice) > 1:
        states.append(model.read(choice[:-1], after=context).hidden)
    targets = torch.from_numpy(choice).to(context.hidden.device)
    return -float(model.nll_of(torch.cat(states), targets).sum(dtype=np.float64))


def _accuracy(cell: list[Scored]) -> dict[str, Any]:
    margins = [scored.margin for scored in cell if scored.margin is not None]
    return {
        "tasks": len(margins),
        "tooLong": len(cell) - len(margins),
        "accuracy": mean(margin > 0 for margin in margins),
    }
