"""Part exactness: the same bits for a branch alone, with others, in any order, split anywhere, cold or warm, before and
after an eviction, in every run, whatever the size of a batch.

The first scores are those of each branch alone on a cold engine; everything else is compared with them bit for bit.
"""

import hashlib
from collections.abc import Callable

import torch

from engine import Branch, Engine, open_engine
from isolated import run_isolated
from models import LLAMA_3_8B, TINY, TINY_WIDE, Shape, make_weights, random_tokens
from results import Report
from run import Run

BRANCHES = 16
PAGE = 128


def bits(scores: torch.Tensor) -> torch.Tensor:
    return scores.view(torch.int32)


class Trial:
    """One engine's worth of comparisons: a prefix and sixteen branches of different lengths."""

    def __init__(self, run: Run, shape: Shape, kernels: str, prefix_tokens: int, longest: int) -> None:
        self.run, self.shape, self.kernels, self.longest = run, shape, kernels, longest
        self.weights = make_weights(shape, run.torch_device, seed=11)
        generator = torch.Generator().manual_seed(12)
        self.generator = generator
        self.prefix = random_tokens(shape, prefix_tokens, generator)
        self.branches = []
        for index in range(BRANCHES):
            count = longest - index * (longest // (2 * BRANCHES))
            tokens = random_tokens(shape, count, generator)
            # Branches of a round often start alike; a branch that is another's start must change nothing either.
            if index % 4 == 3:
                tokens[: count // 2] = self.branches[index - 1].tokens[: count // 2]
            start = count // 4
            # With a hole, and for the first with a target right behind the prefix.
            spans = [(0, start + 2), (start + 5, count)] if index == 0 else [(start, count)]
            self.branches.append(Branch(tokens, spans))
        self.expected: list[torch.Tensor] = []
        self.comparisons: dict[str, dict[str, int]] = {}
        self.opened: Engine | None = None
        self.open_engine()

    @property
    def engine(self) -> Engine:
        assert self.opened is not None, "the engine was closed"
        return self.opened

    def open_engine(self, **options: int) -> None:
        self.close()
        tokens = self.prefix.numel() + BRANCHES * (self.longest + 2 * PAGE) + 4 * PAGE
        bytes_per_token = self.shape.kv_bytes_per_token * (2 if self.run.device == "cpu" else 1)
        settings = {
            "cache_bytes": 2 * tokens * bytes_per_token,
            "max_batch_rows": 2048,
            "max_head_rows": 1024,
        } | options
        self.opened = open_engine(self.run, self.shape, self.weights, self.kernels, **settings)

    def close(self) -> None:
        if self.opened is not None:
            self.opened.close()
            self.opened = None

    def compare(self, name: str, found: torch.Tensor, expected: torch.Tensor) -> None:
        entry = self.comparisons.setdefault(name, {"scores": 0, "different": 0, "bits": 0, "unwritten": 0})
        if found.numel() != expected.numel():
            raise AssertionError(f"{name}: {found.numel()} scores, expected {expected.numel()}")
        changed = bits(found) ^ bits(expected)
        entry["scores"] += found.numel()
        entry["different"] += int((changed != 0).sum())
        entry["bits"] += sum(int((changed >> bit & 1).sum()) for bit in range(32)) if bool(changed.any()) else 0
        entry["unwritten"] += int((~torch.isfinite(found)).sum())

    def split_scores(self, scores: torch.Tensor, order: list[int]) -> list[torch.Tensor]:
        return list(scores.split([self.branches[index].scored for index in order]))

    def score_together(self, name: str, order: list[int], prefix: int) -> None:
        scores = self.engine.score(prefix, [self.branches[index] for index in order])
        for index, found in zip(order, self.split_scores(scores, order), strict=True):
            self.compare(name, found, self.expected[index])

    # ---- the comparisons -------------------------------------------------------------------------

    def alone_and_cold(self) -> None:
        """What everything else is compared with."""
        for branch in self.branches:
            self.engine.drop_unpinned()
            prefix = self.engine.open_prefix(self.prefix)
            self.expected.append(self.engine.score(prefix, [branch]))
            self.engine.close_prefix(prefix)

    def runs(self) -> None:
        for _ in range(3):
            self.engine.drop_unpinned()
            prefix = self.engine.open_prefix(self.prefix)
            for index in range(BRANCHES):
                self.score_together("alone, warm, three runs", [index], prefix)
            self.engine.close_prefix(prefix)

    def together(self) -> None:
        self.engine.drop_unpinned()
        prefix = self.engine.open_prefix(self.prefix)
        everyone = list(range(BRANCHES))
        for turn in range(3):
            self.engine.drop_unpinned()
            self.score_together("with 15 others", everyone, prefix)
            if turn > 0:
                self.score_together("with 15 others, found in the cache", everyone, prefix)
        for count in everyone:
            self.engine.drop_unpinned()
            self.score_together("with 0 to 15 others", everyone[: count + 1], prefix)
        for _ in range(4):
            self.engine.drop_unpinned()
            self.score_together("in any order", torch.randperm(BRANCHES, generator=self.generator).tolist(), prefix)
        self.engine.drop_unpinned()
        self.score_together("in any order", everyone[::-1], prefix)
        self.engine.close_prefix(prefix)

    def cold(self) -> None:
        """Prefix and branch in one call behind nothing but the first token."""
        for index in range(0, BRANCHES, 3):
            self.engine.drop_unpinned()
            branch, moved = self.branches[index], self.prefix.numel() - 1
            tokens = torch.cat([self.prefix[1:], branch.tokens])
            first = self.engine.open_prefix(self.prefix[:1])
            spans = [(start + moved, end + moved) for start, end in branch.ranges]
            self.compare(
                "cold, prefix and branch at once",
                self.engine.score(first, [Branch(tokens, spans)]),
                self.expected[index],
            )
            self.engine.close_prefix(first)

    def split(self, points: list[int]) -> None:
        """The branch's first tokens committed or opened as prefix, the rest scored behind them."""
        index = 1
        branch = self.branches[index]
        [(start, end)] = branch.ranges
        for point in points:
            if point >= end:
                continue
            rest = Branch(branch.tokens[point:], [(max(start, point) - point, end - point)])
            expected = self.expected[index][max(0, point - start) :]
            self.engine.drop_unpinned()
            prefix = self.engine.open_prefix(self.prefix)
            committed = self.engine.commit(prefix, branch.tokens[:point]) if point > 0 else prefix
            self.compare("split by a commit", self.engine.score(committed, [rest]), expected)
            self.engine.close_prefix(committed)
            if committed != prefix:
                self.engine.close_prefix(prefix)
            self.engine.drop_unpinned()
            opened = self.engine.open_prefix(torch.cat([self.prefix, branch.tokens[:point]]))
            self.compare("split by a longer prefix", self.engine.score(opened, [rest]), expected)
            self.engine.close_prefix(opened)

    def split_prefix(self, points: list[int]) -> None:
        branch = self.branches[2]
        for point in points:
            self.engine.drop_unpinned()
            shorter = self.engine.open_prefix(self.prefix[:point])
            tokens = torch.cat([self.prefix[point:], branch.tokens])
            moved = self.prefix.numel() - point
            spans = [(start + moved, end + moved) for start, end in branch.ranges]
            self.compare("split in the prefix", self.engine.score(shorter, [Branch(tokens, spans)]), self.expected[2])
            self.engine.close_prefix(shorter)

    def after_commit(self) -> None:
        """A branch that was scored and accepted, and another behind it, against the same computed at once."""
        accepted, behind = self.branches[4], self.branches[5]
        self.engine.drop_unpinned()
        prefix = self.engine.open_prefix(self.prefix)
        self.engine.score(prefix, self.branches)
        committed = self.engine.commit(prefix, accepted.tokens)
        kept = self.engine.score(committed, [behind])
        self.engine.close_prefix(committed)
        self.engine.close_prefix(prefix)
        self.engine.drop_unpinned()
        fresh = self.engine.open_prefix(torch.cat([self.prefix, accepted.tokens]))
        self.compare("behind an accepted branch", kept, self.engine.score(fresh, [behind]))
        self.engine.close_prefix(fresh)

    def batch_sizes(self) -> None:
        everyone = list(range(BRANCHES))
        for rows, heads in ((64, 32), (200, 77), (4096, 4096)):
            self.open_engine(max_batch_rows=rows, max_head_rows=heads)
            prefix = self.engine.open_prefix(self.prefix)
            self.score_together(f"in batches of {rows} rows", everyone, prefix)
            self.engine.close_prefix(prefix)
        self.open_engine(keep_all_rows=1)
        prefix = self.engine.open_prefix(self.prefix)
        self.score_together("with every row through the last layer", everyone, prefix)
        self.engine.close_prefix(prefix)

    def eviction(self) -> None:
        """A cache with room for the prefix and a few branches: they come in waves, and what was dropped comes back."""
        pages = self.prefix.numel() // PAGE + 2 + 3 * (self.longest // PAGE + 2)
        bytes_per_token = self.shape.kv_bytes_per_token * (2 if self.run.device == "cpu" else 1)
        self.open_engine(cache_bytes=pages * PAGE * bytes_per_token)
        everyone = list(range(BRANCHES))
        prefix = self.engine.open_prefix(self.prefix)
        self.score_together("in waves of a small cache", everyone, prefix)
        for index in everyone:
            self.score_together("after an eviction", [index], prefix)
        self.engine.close_prefix(prefix)
        other = self.engine.open_prefix(random_tokens(self.shape, self.prefix.numel(), self.generator))
        self.engine.close_prefix(other)
        prefix = self.engine.open_prefix(self.prefix)
        self.score_together("after the prefix was evicted", everyone, prefix)
        self.engine.audit()
        self.engine.close_prefix(prefix)
        if self.engine.counters.pages_evicted == 0:
            raise AssertionError("nothing was evicted: this cache is too large to show anything")


def shapes_of(run: Run) -> dict[str, tuple[Shape, int, int]]:
    """Shape, prefix tokens, longest branch. Neither is a multiple of a page."""
    if run.device == "emulated":  # thousands of times slower than a GPU
        return {"wide": (TINY_WIDE, 141, 24)}
    if run.tiny:
        return {"tiny": (TINY, 205, 60), "wide": (TINY_WIDE, 141, 44)}
    return {
        "tiny": (TINY, 205, 60),
        "wide": (TINY_WIDE, 1000, 300),
        "8B": (LLAMA_3_8B.with_layers(3), 1500, 420),
    }


def split_points(trial: Trial) -> tuple[list[int], list[int]]:
    """Every token of a short branch; of a long one those around borders of pages, and some others."""
    border = PAGE - trial.prefix.numel() % PAGE
    inside = list(range(trial.branches[1].tokens.numel() - 1))
    if len(inside) > 64:
        near = {border + delta for delta in (-2, -1, 0, 1, 2, PAGE - 1, PAGE, PAGE + 1)}
        inside = [point for point in inside if point in near or point % 23 == 0]
    prefix = trial.prefix.numel()
    return inside, sorted({1, 2, 63, 64, 65, PAGE - 1, PAGE, PAGE + 1, prefix // 2, prefix - 1} & set(range(1, prefix)))


def try_everything(run: dict, kernels: str, shape_name: str) -> dict:
    """All comparisons of one shape and one choice of kernels; runs in a process of its own."""
    here = Run.from_arguments(run)
    shape, prefix_tokens, longest = shapes_of(here)[shape_name]
    trial = Trial(here, shape, kernels, prefix_tokens, longest)
    description = trial.engine.describe()
    branch_points, prefix_points = split_points(trial)
    steps: list[Callable[[], None]] = [
        trial.alone_and_cold,
        trial.runs,
        trial.together,
        trial.cold,
        lambda: trial.split(branch_points),
        lambda: trial.split_prefix(prefix_points),
        trial.after_commit,
        trial.batch_sizes,
        trial.eviction,
    ]
    for step in steps:
        step()
    scores = torch.cat(trial.expected)
    trial.close()
    return {
        "comparisons": trial.comparisons,
        "engine": description,
        "digest": hashlib.sha256(scores.numpy().tobytes()).hexdigest()[:16],
        "distinct": len(set(scores.tolist())),
        "scores": scores.numel(),
        "finite": bool(torch.isfinite(scores).all()) and float(scores.max()) <= 0,
        "mean": float(scores.mean()),
        "deviation": float(scores.std()),
    }


def judge(report: Report, label: str, found: dict) -> bool:
    report.fact(label, found)
    sound = found["finite"] and found["distinct"] > found["scores"] // 2
    detail = f"{found['scores']} scores, {found['distinct']} distinct, mean {found['mean']:.3f} nats"
    report.proof(f"{label}: scores are finite and differ", sound, detail)
    exact = True
    for name, entry in found["comparisons"].items():
        same = entry["bits"] == 0 and entry["unwritten"] == 0 and entry["scores"] > 0
        exact = exact and same
        detail = f"{entry['different']} of {entry['scores']} scores differ, in {entry['bits']} bits"
        report.proof(f"{label}: {name}", same, detail)
    return exact and sound


def main(run: Run, report: Report) -> None:
    exact: list[str] = []
    for kernels in run.kernels:
        why_not = run.why_not(kernels)
        if why_not is not None:
            report.note(f"kernels {kernels}: left out: {why_not}")
            continue
        verdicts: dict[str, bool] = {}
        for shape_name in shapes_of(run):
            with report.step(f"{shape_name}, kernels {kernels}"):
                verdicts[shape_name] = False  # also where there is no time to ask
                report.need(15)
                arguments = {"run": run.as_arguments(), "kernels": kernels, "shape_name": shape_name}
                limit = min(150 * run.patience, report.seconds_left() - 5)
                outcome = run_isolated("part_exactness", "try_everything", arguments, limit)
                if outcome.status != "ok":
                    # Kernels of Hopper know heads of 128 alone; what they do not know is no failure of theirs.
                    if run.is_refusal(kernels, outcome.why):
                        report.note(f"{shape_name}, kernels {kernels}: {outcome.why[-300:]}")
                        del verdicts[shape_name]
                        continue
                    raise RuntimeError(outcome.why)
                verdicts[shape_name] = judge(report, f"{shape_name}, kernels {kernels}", outcome.value)
        if verdicts and all(verdicts.values()):
            exact.append(kernels)
        report.fact("exact kernels", exact)
    with report.step("another process"):
        report.need(15)
        shape_name = list(shapes_of(run))[-1]
        first = report.content["facts"].get(f"{shape_name}, kernels auto")
        if first is None:
            return
        arguments = {"run": run.as_arguments(), "kernels": "auto", "shape_name": shape_name}
        outcome = run_isolated("part_exactness", "try_everything", arguments, report.seconds_left() - 5)
        again = outcome.value["digest"] if outcome.value else outcome.why
        report.proof("the same bits in another process", again == first["digest"], f"{first['digest']} and {again}")
