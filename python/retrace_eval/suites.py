"""Runs the requested suites one after the other. Checks what it can before the weights are loaded."""

import argparse
import sys

from retrace_train.shards import open_rows

from .choices import score_choices
from .held_out import score_held_out
from .model import load_model, pick_device, read_config
from .results import Progress, write_whole
from .tasks import ChoiceTask, CompletionTask, read_tasks
from .token_bytes import read_token_bytes


def run_suites(options: argparse.Namespace) -> None:
    device = pick_device(options.device)
    tokens = read_token_bytes(options.model / "tokenizer.json")
    config = read_config(options.model, tokens)
    # A row may be longer than the model's context, since its documents are read one by one.
    sets = {name: open_rows([folder], options.model, sys.maxsize) for name, folder in options.held_out}
    tasks = read_tasks(options.tasks, config.vocab_size) if options.tasks else []
    choices = [task for task in tasks if isinstance(task, ChoiceTask)]
    completions = [task for task in tasks if isinstance(task, CompletionTask)]
    if completions:
        from .completion import score_completions  # needs rapidfuzz: reported now, and not after the other suites

    model = load_model(options.model, config, tokens, device, options.dtype)
    results = {}
    if sets:
        progress = Progress("heldOut", sum(len(rows) for rows in sets.values()))
        results["heldOut"] = {name: score_held_out(model, rows, progress) for name, rows in sets.items()}
    if choices:
        results["needle"] = score_choices(model, choices, Progress("needle", len(choices)))
    if completions:
        results["completion"] = score_completions(model, completions, Progress("completion", len(completions)))
    write_whole(options.out, results)
