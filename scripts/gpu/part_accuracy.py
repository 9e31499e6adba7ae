"""Part accuracy: how far bfloat16 is from float32, ours beside Transformers' own.

The same random weights three times: Transformers in float32, Transformers in bfloat16, the engine in bfloat16. All
tokens of one sequence are scored. Also with the head times eight: random weights give log-probabilities near -ln V
that hide errors, a sharpened head shows them.
"""

import torch

import baselines
import results
from engine import Branch, Engine
from models import (
    LLAMA_3_8B,
    TINY,
    TINY_WIDE,
    Shape,
    config_of,
    make_transformers_model,
    make_weights,
    random_tokens,
    sharpened,
)
from results import Report
from run import Run

FEW_LAYERS = 4
GATE = 1.25  # our mean error over Transformers' own in bfloat16


def score_with_engine(run: Run, shape: Shape, weights: dict, kernels: str, tokens: torch.Tensor) -> torch.Tensor:
    options = {
        "kernels": kernels,
        "precision": run.precision,
        "cache_bytes": 3 * tokens.numel() * shape.kv_bytes_per_token,
    }
    if run.device == "cpu":
        options["cache_bytes"] *= 4
    options["cache_bytes"] += 4 * 128 * shape.kv_bytes_per_token * (4 if run.device == "cpu" else 1)
    with Engine(run.build_folder, run.device, config_of(shape), weights, **options) as engine:
        first = engine.open_prefix(tokens[:1])
        return engine.score(first, [Branch(tokens[1:], [(0, tokens.numel() - 1)])])


def error_of(found: torch.Tensor, exact: torch.Tensor) -> dict[str, float]:
    difference = (found.double() - exact.double()).abs()
    return {"mean": float(difference.mean()), "max": float(difference.max())}


def compare(run: Run, report: Report, shape: Shape, weights: dict, label: str, tokens: torch.Tensor) -> None:
    model = make_transformers_model(shape, weights, torch.float32)
    exact = baselines.score_sequence(model, tokens)
    del model
    theirs = error_of(baselines.score_sequence(make_transformers_model(shape, weights), tokens), exact)
    report.figure(f"{label}: HF bf16, mean error", theirs["mean"], "nats")
    report.figure(f"{label}: HF bf16, max error", theirs["max"], "nats")
    report.figure(
        f"{label}: deviation of the log-probabilities", float(exact.std()), "nats", "what there is to be wrong about"
    )
    if run.device == "cuda":
        torch.cuda.empty_cache()
    for kernels in accurate_choices(run, report, shape):
        with report.step(f"{label}, kernels {kernels}"):
            ours = error_of(score_with_engine(run, shape, weights, kernels, tokens), exact)
            name = f"{label}, kernels {kernels}"
            report.figure(f"{name}: mean error", ours["mean"], "nats")
            report.figure(f"{name}: max error", ours["max"], "nats")
            ratio = report.figure(f"{name}: mean error / HF bf16's", ours["mean"] / theirs["mean"], "1")
            report.figure(f"{name}: max error / HF bf16's", ours["max"] / theirs["max"], "1")
            detail = f"mean {ours['mean']:.3g} nats, Transformers in bfloat16 {theirs['mean']:.3g}; ratio {ratio:.3f}"
            report.proof(f"{name}: mean error at most {GATE} x HF bf16's", ratio <= GATE, detail)
            report.goal(f"{name}: mean error / HF's", ratio, 1.0, "<=")


def accurate_choices(run: Run, report: Report, shape: Shape) -> list[str]:
    """All that the part exactness found to run here; without it, the default and the portable kernels."""
    exact = results.load(report.path)["parts"].get("exactness", {}).get("facts", {}).get("exact kernels")
    trusted = ("auto", "portable") if exact is None else tuple(exact)
    choices = [kernels for kernels in run.kernels if kernels in trusted]
    return choices if shape.layers <= FEW_LAYERS else choices[:2]  # a whole model takes long to load


def cases(run: Run) -> list[tuple[Shape, int]]:
    if run.tiny:
        return [(TINY, 300), (TINY_WIDE, 300)]
    return [(LLAMA_3_8B.with_layers(FEW_LAYERS), 2048), (LLAMA_3_8B, 2048)]


def main(run: Run, report: Report) -> None:
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    for shape, count in cases(run):
        with report.step(shape.name):
            report.need(30)
            # Float32 weights beside two bfloat16 copies, and logits of all rows.
            needed = 4 * shape.weight_bytes + 12 * count * shape.vocabulary
            if run.device == "cuda" and torch.cuda.mem_get_info()[0] < needed:
                report.note(f"{shape.name}: left out: it needs {needed / 2**30:.0f} GiB of free GPU memory")
                continue
            weights = make_weights(shape, run.torch_device, seed=3)
            tokens = random_tokens(shape, count, torch.Generator().manual_seed(4))
            compare(run, report, shape, weights, shape.name, tokens)
            with report.step(f"{shape.name}, head x 8"):
                compare(run, report, shape, sharpened(weights), f"{shape.name}, head x 8", tokens)
            del weights
            if run.device == "cuda":
                torch.cuda.empty_cache()
