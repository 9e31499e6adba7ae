"""What the training parts measure, and what was estimated of it before any GPU was at hand.

A setup is a model with its optimizer, built once by a process of its own; a trial is one way to run its step. Nothing
here needs torch.
"""

import random
from dataclasses import dataclass

from models import LLAMA_3_8B, TINY, Shape

GIB = 2**30
H200_FLOPS = 989.4e12  # bfloat16, dense, by the data sheet
ESTIMATED_MFU = 0.40  # the estimate; its tokens/s follow
SLOWEST_MFU = 0.22  # for the time that a trial may take
BUILD_SECONDS = 30.0  # a process starts, draws its weights and loads its first kernels

# Documents as trajectories are: their tokens' logarithms are normal.
MEAN_DOCUMENT = 12_083
SIGMA = 1.0
# Of this seed the rows of 64k have 0.38 to 0.41 of the pairs of tokens that one document has, as packed rows do.
SEED = 221


@dataclass(frozen=True)
class Trial:
    """One way to run the step. `micro_batches` rows go through the model before the weights change."""

    name: str
    layout: str = "packed"  # or "one document"
    attention: str = "packed"  # or "per document": one call of torch's attention each
    deterministic: bool = False
    micro_batches: int = 1
    warm_ups: int = 1
    repeats: int = 3

    def seconds(self, row_tokens: int, shape: Shape) -> float:
        """An upper estimate, for leaving out what no longer fits."""
        rows = self.micro_batches * (self.warm_ups + self.repeats)
        share = ESTIMATED_MFU / SLOWEST_MFU * (1.5 if self.deterministic or self.attention != "packed" else 1.0)
        square_sum = expected_square_sum(row_tokens, self.layout)
        return rows * row_tokens / estimated_tokens_per_second(shape, row_tokens, square_sum) * share


@dataclass(frozen=True)
class Setup:
    name: str
    row_tokens: int
    moments: str  # "float32" or "bfloat16"
    checkpointing: bool
    trials: tuple[Trial, ...]
    expandable: bool = False  # torch's allocator with segments that grow, so that less memory lies unused

    def label(self, trial: Trial) -> str:
        return f"{self.name}, {trial.name}"


def shape_of(tiny: bool) -> Shape:
    return TINY if tiny else LLAMA_3_8B


def setups_of(part: str, tiny: bool) -> list[Setup]:
    """The most wanted first. A trial that is compared stands beside its counterpart in one process."""
    if part == "training-8k":
        row = 192 if tiny else 8192
        main = (
            Trial("packed", micro_batches=4, warm_ups=2, repeats=5),
            Trial("attention per document", attention="per document", micro_batches=4),
            Trial("deterministic", deterministic=True, micro_batches=4),
            Trial("packed again", micro_batches=4, warm_ups=0),
            Trial("one document", layout="one document", micro_batches=4),
        )
        return [
            Setup("8k, float32 moments", row, "float32", True, main),
            Setup(
                "8k, bfloat16 moments",
                row,
                "bfloat16",
                True,
                (Trial("packed", micro_batches=4), Trial("packed, one row a step", repeats=5)),
            ),
            Setup("8k, bfloat16 moments, all activations kept", row, "bfloat16", False, (one_row(repeats=5),)),
        ]
    row = 512 if tiny else 65536
    return [
        Setup(
            "64k, bfloat16 moments",
            row,
            "bfloat16",
            True,
            (
                Trial("packed", micro_batches=2, repeats=2),
                Trial("one document", layout="one document", micro_batches=2, warm_ups=0, repeats=2),
                Trial("attention per document", attention="per document", repeats=2),
                Trial("packed, one row a step", warm_ups=0, repeats=2),
                Trial("deterministic", deterministic=True, repeats=2),
            ),
        ),
        # The table has no room for it; but with one row a step there are no gradients yet where activations are most.
        Setup("64k, float32 moments", row, "float32", True, (one_row(repeats=2),)),
    ]


def one_row(repeats: int) -> Trial:
    return Trial("packed, one row a step", repeats=repeats)


# ---- rows ------------------------------------------------------------------------------------------


def draw_documents(row_tokens: int, layout: str, generator: random.Random, mean: float | None = None) -> list[int]:
    """Lengths of one row's documents, which fill it. In a tiny row the documents are as many as in one of 64k."""
    if layout == "one document":
        return [row_tokens]
    if mean is None:
        mean = MEAN_DOCUMENT if row_tokens >= 8192 else MEAN_DOCUMENT * row_tokens / 65536
    # A lognormal's mean is exp(mu + sigma^2 / 2).
    scale = mean / 2.718281828459045 ** (SIGMA**2 / 2)
    lengths: list[int] = []
    while sum(lengths) < row_tokens:
        length = max(2, round(scale * generator.lognormvariate(0, SIGMA)))
        lengths.append(min(length, row_tokens - sum(lengths)))
    return lengths


def rows_of(setup: Setup, trial: Trial, seed: int = SEED) -> list[list[int]]:
    """Documents of the micro-batches of a step: the same ones every step, so that steps can be compared."""
    generator = random.Random(seed)
    return [draw_documents(setup.row_tokens, trial.layout, generator) for _ in range(trial.micro_batches)]


def square_sum(rows: list[list[int]]) -> int:
    return sum(length * length for row in rows for length in row)


def expected_square_sum(row_tokens: int, layout: str) -> float:
    return row_tokens * row_tokens * (1.0 if layout == "one document" else 0.45)


# ---- estimates -------------------------------------------------------------------------------------


def parameters(shape: Shape) -> int:
    norms = shape.hidden * (2 * shape.layers + 1)
    return shape.weight_bytes // 2 + norms


def step_flops(shape: Shape, tokens: int, trained_tokens: int, squares: float) -> float:
    """Forward and backward of one step's rows; what checkpointing computes again is not counted as work."""
    blocks = shape.weight_bytes // 2 - 2 * shape.vocabulary * shape.hidden
    head = shape.vocabulary * shape.hidden
    attention = 2 * shape.layers * shape.heads * shape.head_size * squares
    return 3.0 * (2 * blocks * tokens + 2 * head * trained_tokens + attention)


def estimated_tokens_per_second(shape: Shape, row_tokens: int, squares_of_row: float) -> float:
    flops = step_flops(shape, row_tokens, row_tokens, squares_of_row)
    return ESTIMATED_MFU * H200_FLOPS * row_tokens / flops


def estimated_memory(shape: Shape, setup: Setup, micro_batches: int) -> float:
    """Bytes. Weights and gradients in float32 and two moments; inputs of all blocks (or all that a block keeps), one
    block computed again, a chunk of logits, unsharded embedding and head, copies of layers. With one row a step the
    gradients come as the activations go: the larger of both counts."""
    count = parameters(shape)
    moment_bytes = 8 if setup.moments == "float32" else 4
    per_row = setup.row_tokens / 65536 * GIB * (shape.layers * shape.hidden) / (32 * 4096)
    inputs, block = 16.0 * per_row, 15.5 * per_row * 32 / shape.layers
    rest = 5.2 * GIB * (shape.vocabulary * shape.hidden) / (128256 * 4096)
    activations = inputs + block if setup.checkpointing else shape.layers * block
    gradients = 4 * count
    if micro_batches > 1:
        return count * (4 + moment_bytes) + gradients + activations + rest
    return count * (4 + moment_bytes) + max(activations, gradients + block) + rest
