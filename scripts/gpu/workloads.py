"""The workloads that are measured, and the arithmetic that each policy needs for them.

P prefix tokens, K branches, z thought tokens and x target tokens of each branch; n = z + x. Floors are operations over
rates that were measured in the same run.
"""

from dataclasses import dataclass

from models import Shape


@dataclass(frozen=True)
class Workload:
    name: str
    prefix: int
    branches: int
    thought: int
    target: int

    @property
    def suffix(self) -> int:
        return self.thought + self.target

    @property
    def text(self) -> str:
        return f"P={self.prefix} K={self.branches} z={self.thought} x={self.target}"


FULL = {
    "A": Workload("A", 2048, 16, 256, 768),
    "B": Workload("B", 8192, 8, 256, 768),
    "C": Workload("C", 32768, 8, 256, 768),
    "D": Workload("D", 8192, 8, 256, 4000),
    "E": Workload("E", 8192, 8, 600, 200),
    "F": Workload("F", 65536, 8, 256, 768),
    "H": Workload("H", 8192, 2, 256, 768),
    "I": Workload("I", 32768, 2, 256, 768),
    "long": Workload("long", 65536, 16, 256, 4000),
}
TINY_SCALE = {
    name: Workload(name, max(48, one.prefix // 128), min(one.branches, 4), one.thought // 32, max(6, one.target // 64))
    for name, one in FULL.items()
}


@dataclass(frozen=True)
class Search:
    """A search over a trajectory: at each step `rounds` rounds of `candidates` thoughts and one baseline without a
    thought; the accepted thought and the real action become prefix, and then the observation."""

    steps: int
    first_prefix: int
    last_prefix: int
    candidates: int
    rounds: int
    thought: int
    target: int

    @property
    def observation(self) -> int:
        return (self.last_prefix - self.first_prefix) // self.steps - self.thought - self.target


FULL_SEARCH = Search(24, 1024, 32768, 2, 3, 256, 768)
TINY_SEARCH = Search(3, 48, 48 + 3 * 40, 2, 2, 8, 12)


@dataclass(frozen=True)
class Operations:
    """Floating-point operations of matrix products with weights, and of attention."""

    matrix: float = 0.0
    attention: float = 0.0

    def __add__(self, other: "Operations") -> "Operations":
        return Operations(self.matrix + other.matrix, self.attention + other.attention)

    def __mul__(self, times: float) -> "Operations":
        return Operations(self.matrix * times, self.attention * times)

    def milliseconds(self, matrix_rate: float, attention_rate: float) -> float:
        """Rates in operations per second."""
        return 1e3 * (self.matrix / matrix_rate + self.attention / attention_rate)


class Accounting:
    """Operations of one model. Two for each multiply-add; a query at position p sees p + 1 keys."""

    def __init__(self, shape: Shape) -> None:
        attention_width = shape.heads * shape.head_size
        query_and_output = 2 * shape.hidden * attention_width
        keys_and_values = 2 * shape.hidden * shape.kv_heads * shape.head_size
        mlp = 3 * shape.hidden * shape.intermediate
        self.layers = shape.layers
        self.trunk = 2 * shape.layers * (query_and_output + keys_and_values + mlp)
        self.trimmed = 2 * (query_and_output + mlp)  # what a row saves in the last layer
        self.head = 2 * shape.vocabulary * shape.hidden
        self.per_pair = 4 * attention_width * shape.layers  # a query and a key, all layers

    def pairs(self, past: int, new: int) -> float:
        return past * new + new * (new + 1) / 2

    def forward(self, past: int, new: int, head_rows: int) -> Operations:
        return Operations(self.trunk * new + self.head * head_rows, self.per_pair * self.pairs(past, new))

    def trimmed_away(self, past: int, rows: int) -> Operations:
        """Rows [past, past + rows) whose result nobody needs do only keys and values in the last layer."""
        return Operations(-self.trimmed * rows, -self.per_pair / self.layers * self.pairs(past, rows))

    def branch(self, prefix: int, thought: int, target: int) -> Operations:
        """A branch behind a warm prefix: the last target is no input, only rows that predict a target meet the head."""
        new = thought + target - 1
        return self.forward(prefix, new, target) + self.trimmed_away(prefix, max(0, thought - 1))

    def warm(self, work: Workload) -> Operations:
        return self.branch(work.prefix, work.thought, work.target) * work.branches

    def naive(self, work: Workload, all_logits: bool) -> Operations:
        tokens = work.prefix + work.suffix
        return self.forward(0, tokens, tokens if all_logits else work.target) * work.branches

    def search(self, search: Search, reuse: bool) -> Operations:
        """A whole search; without `reuse` every candidate is scored from scratch with target-only logits."""
        total, prefix = Operations(), search.first_prefix
        calls = search.candidates * search.rounds
        if reuse:
            total += self.forward(0, prefix, 0)
        for _ in range(search.steps):
            if reuse:
                total += self.branch(prefix, search.thought, search.target) * calls
                total += self.branch(prefix, 0, search.target)
            else:
                total += self.forward(0, prefix + search.thought + search.target, search.target) * calls
                total += self.forward(0, prefix + search.target, search.target)
            prefix += search.thought + search.target
            if reuse:  # the last target of the accepted branch was never an input
                total += self.forward(prefix - 1, search.observation + 1, 0)
            prefix += search.observation
        return total
