"""Speed: the same scores by the engine, by Transformers, and by the engine held to what other engines do.

All in one process over the same random weights, alternating, with fresh random tokens in every repeat:

    ours         prefix warm; targets alone meet the head
    as SGLang    prefix warm; scores of thought and target, every row through the last layer (policy of its radix cache)
    as vLLM      every candidate from its first token on, target-only head (policy of its prompt log-probabilities)
    HF smart     Transformers, prefix cached once and expanded, logits of the targets alone
    HF naive     Transformers, one forward for each candidate with logits everywhere

The two in the middle are emulations of policies on our own kernels, not those engines; that SGLang rounds a warm prefix
down to whole pages is left out, which favours it.
"""

from dataclasses import dataclass

import torch

import baselines
import rates
from engine import Branch, Engine, open_engine
from models import LLAMA_3_8B, TINY_WIDE, Shape, make_transformers_model, make_weights, random_tokens
from results import Report
from run import Run
from timing import time_ms
from workloads import FULL, FULL_SEARCH, TINY_SCALE, TINY_SEARCH, Accounting, Search, Workload

GIB = 2**30
POLICIES = ("ours", "as SGLang", "as vLLM", "HF smart", "HF naive")
RESERVE_GIB = 1.5  # the goal: what an engine may take beside weights and pages


def shape_of(run: Run) -> Shape:
    return TINY_WIDE if run.tiny else LLAMA_3_8B


def workloads_of(run: Run) -> dict[str, Workload]:
    return TINY_SCALE if run.tiny else FULL


def search_of(run: Run) -> Search:
    return TINY_SEARCH if run.tiny else FULL_SEARCH


@dataclass
class Sample:
    """One repeat's tokens: all branches end in the same target, as candidates of one step do."""

    prefix: torch.Tensor
    branches: list[torch.Tensor]
    thought: int

    def ranges(self, everything: bool = False) -> list[Branch]:
        return [Branch(tokens, [(0 if everything else self.thought, tokens.numel())]) for tokens in self.branches]


def draw(shape: Shape, work: Workload, generator: torch.Generator) -> Sample:
    target = random_tokens(shape, work.target, generator)
    thoughts = [random_tokens(shape, work.thought, generator) for _ in range(work.branches)]
    prefix = random_tokens(shape, work.prefix, generator)
    return Sample(prefix, [torch.cat([thought, target]) for thought in thoughts], work.thought)


def cache_bytes_for(shape: Shape, work: Workload, page_tokens: int = 128) -> int:
    """Pages of the prefix and of each branch, each with a partly filled page at both ends."""
    tokens = work.prefix + 2 * page_tokens + work.branches * (work.suffix + 2 * page_tokens)
    return tokens * shape.kv_bytes_per_token


def free_memory() -> int:
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    return torch.cuda.mem_get_info()[0]


def is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "ALLOC_FAILED" in str(error) or "out of memory" in str(error)


class Contest:
    """The contenders for one shape and one choice of kernels."""

    def __init__(self, run: Run, report: Report | None, kernels: str, seed: int = 7) -> None:
        self.run, self.reported_to, self.kernels = run, report, kernels
        self.shape = shape_of(run)
        self.accounting = Accounting(self.shape)
        self.generator = torch.Generator().manual_seed(seed)
        self.weights = make_weights(self.shape, run.torch_device)
        self.engines: dict[str, Engine] = {}
        self.model = None
        self.out_of_memory: set[tuple[str, str]] = set()

    @property
    def report(self) -> Report:
        assert self.reported_to is not None, "this contest only measures"
        return self.reported_to

    # ---- engines and their memory --------------------------------------------------------------

    def open_engine(self, name: str, cache_bytes: int, **options: int) -> Engine:
        self.close_engine(name)
        before = free_memory() if self.run.device == "cuda" else 0
        # On a CPU pages hold float32, and there is room.
        scale = 1 if self.run.device == "cuda" else 4
        engine = open_engine(self.run, self.shape, self.weights, self.kernels, scale * cache_bytes, **options)
        self.engines[name] = engine
        if self.run.device == "cuda":
            engine.memory_taken = before - free_memory()
        return engine

    def close_engine(self, name: str) -> None:
        engine = self.engines.pop(name, None)
        if engine is not None:
            engine.close()

    def close(self) -> None:
        for name in list(self.engines):
            self.close_engine(name)

    def transformers_model(self):
        if self.model is None:
            self.model = make_transformers_model(self.shape, self.weights)
        return self.model

    # ---- one repeat of each policy: milliseconds -------------------------------------------------

    def score_warm(self, name: str, sample: Sample, everything: bool) -> dict:
        engine = self.engines[name]
        engine.drop_unpinned()
        opened: list[int] = []
        prefix_ms = time_ms(self.run.torch_device, lambda: opened.append(engine.open_prefix(sample.prefix)))
        scores: list[torch.Tensor] = []
        branches = sample.ranges(everything)
        ms = time_ms(self.run.torch_device, lambda: scores.append(engine.score(opened[0], branches)))
        engine.close_prefix(opened[0])
        return {"ms": ms, "prefixMs": prefix_ms, "scores": scores[0]}

    def score_from_scratch(self, name: str, sample: Sample, candidates: int | None = None) -> dict:
        """`candidates`: how many are measured, for all: they are of one length."""
        engine, total = self.engines[name], 0.0
        measured = sample.branches[: candidates or len(sample.branches)]
        start = sample.prefix.numel() + sample.thought
        for branch in measured:
            engine.drop_unpinned()
            tokens = torch.cat([sample.prefix, branch])
            first = engine.open_prefix(tokens[:1])
            job = [Branch(tokens[1:], [(start - 1, tokens.numel() - 1)])]
            total += time_ms(self.run.torch_device, lambda: engine.score(first, job))  # noqa: B023  called at once
            engine.close_prefix(first)
        return {"ms": total * len(sample.branches) / len(measured), "measured": len(measured)}

    def score_smart(self, sample: Sample) -> dict:
        model = self.transformers_model()
        cache: list = []
        prefix_ms = time_ms(self.run.torch_device, lambda: cache.append(baselines.prefill(model, sample.prefix)))
        scores: list = []
        if self.run.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        ms = time_ms(
            self.run.torch_device,
            lambda: scores.append(baselines.score_behind_cache(model, cache[0], sample.branches, sample.thought)),
        )
        taken = torch.cuda.max_memory_allocated() - self.weight_memory() if self.run.device == "cuda" else None
        return {"ms": ms, "prefixMs": prefix_ms, "scores": scores[0], "memory": taken}

    def score_naively(self, sample: Sample, candidates: int | None = None) -> dict:
        model = self.transformers_model()
        measured = sample.branches[: candidates or len(sample.branches)]
        ms = time_ms(
            self.run.torch_device,
            lambda: baselines.score_naively(model, sample.prefix, measured, sample.thought),
        )
        return {"ms": ms * len(sample.branches) / len(measured), "measured": len(measured)}

    def weight_memory(self) -> int:
        return sum(tensor.numel() * tensor.element_size() for tensor in self.weights.values())

    def repeat(self, policy: str, work: Workload, sample: Sample, candidates: int | None) -> dict | None:
        """None where memory ran out, which is a result and is not tried again."""
        if (policy, work.name) in self.out_of_memory:
            return None
        try:
            if policy == "ours":
                return self.score_warm("ours", sample, everything=False)
            if policy == "as SGLang":
                return self.score_warm("as SGLang", sample, everything=True)
            if policy == "as vLLM":
                return self.score_from_scratch("ours", sample, candidates)
            return self.score_smart(sample) if policy == "HF smart" else self.score_naively(sample, candidates)
        except RuntimeError as error:
            if not policy.startswith("HF") or not is_out_of_memory(error):
                raise
            self.out_of_memory.add((policy, work.name))
        # Out here, as the exception holds what its frames held. Not after every repeat: torch would have to ask the
        # driver for its memory again each time, on the clock.
        torch.cuda.empty_cache()
        return None

    # ---- a workload -------------------------------------------------------------------------------

    def measure(
        self,
        work: Workload,
        warm_ups: int = 3,
        repeats: int = 7,
        repeats_of: dict[str, int] | None = None,
        candidates_of: dict[str, int] | None = None,
    ) -> None:
        """All policies in turns. `repeats_of`: fewer, for the slow ones; 0 leaves one out. `candidates_of`: how many
        candidates of the naive policies are measured for all."""
        report, repeats_of, candidates_of = self.report, repeats_of or {}, candidates_of or {}
        print(f"  {work.name}: {work.text}", flush=True)
        page_bytes = cache_bytes_for(self.shape, work)
        self.open_engine("ours", page_bytes)
        wanted = {policy: repeats_of.get(policy, repeats) for policy in POLICIES}
        if wanted["as SGLang"]:
            self.open_engine("as SGLang", page_bytes, keep_all_rows=1)
        samples: dict[str, list[dict]] = {policy: [] for policy in POLICIES}
        for turn in range(-warm_ups, repeats):
            sample = draw(self.shape, work, self.generator)
            for policy in POLICIES:
                # The slow ones warm up once.
                warm_up = turn >= -1 and wanted[policy] > 0 if wanted[policy] < repeats else True
                if not (warm_up if turn < 0 else turn < wanted[policy]):
                    continue
                result = self.repeat(policy, work, sample, candidates_of.get(policy))
                if result is not None and turn >= 0:
                    samples[policy].append(result)
            if report.seconds_left() < 45 and turn >= 2:
                report.note(f"{work.name}: stopped after {turn + 1} repeats: time is short")
                break
        self.retry_alone(work, wanted, samples, candidates_of)
        self.write_down(work, samples)

    def retry_alone(self, work: Workload, wanted: dict, samples: dict, candidates_of: dict) -> None:
        """Where Transformers ran out of memory beside our engines, repeats it without them."""
        lost = [policy for policy in ("HF smart", "HF naive") if (policy, work.name) in self.out_of_memory]
        memory = {name: getattr(engine, "memory_taken", None) for name, engine in self.engines.items()}
        self.record_memory(work, samples, memory)
        if not lost:
            return
        self.close()
        for policy in lost:
            self.out_of_memory.discard((policy, work.name))
            samples[policy] = []
            for _ in range(min(wanted[policy], 2)):
                result = self.repeat(policy, work, draw(self.shape, work, self.generator), candidates_of.get(policy))
                if result is None:
                    self.report.fact(f"{work.name} {policy}", "out of memory, also alone on the GPU")
                    self.report.note(f"{work.name}, {policy}: out of memory, also alone on the GPU")
                    break
                samples[policy].append(result)

    def record_memory(self, work: Workload, samples: dict, memory: dict) -> None:
        if "ours" not in self.engines:
            return
        facts = self.engines["ours"].describe()
        self.report.fact(f"{work.name} engine", facts)
        if memory.get("ours") is None:
            return
        # What left the GPU's free memory when the engine was opened; `quick_look` proves that nothing goes later.
        beside_weights = (memory["ours"] - facts["weightBytes"]) / GIB
        pages = facts["cacheBytes"] / GIB
        name = f"{work.name} memory"
        self.report.figure(f"{name}, ours over weights", beside_weights, "GiB")
        self.report.figure(f"{name}, pages", pages, "GiB")
        if work.name == "long":
            self.report.goal(f"{name} over weights, pages", beside_weights - pages, RESERVE_GIB, "<=")
        taken = [result["memory"] for result in samples["HF smart"] if result.get("memory") is not None]
        if taken:
            smart = self.report.figure(f"{name}, HF smart over weights", max(taken) / GIB, "GiB")
            goal = {"B": 3, "C": 5}.get(work.name)
            if goal is not None:
                self.report.goal(f"{name}, HF smart / ours", smart / beside_weights, goal)

    def write_down(self, work: Workload, samples: dict[str, list[dict]]) -> None:
        report = self.report
        medians: dict[str, float] = {}
        for policy, results in samples.items():
            if not results:
                continue
            measured, note = results[-1].get("measured", work.branches), work.text
            if measured < work.branches:
                note += f"; {measured} of {work.branches} candidates measured, for all"
            medians[policy] = report.figure(f"{work.name} {policy}", [result["ms"] for result in results], "ms", note)
            prefixes = [result["prefixMs"] for result in results if "prefixMs" in result]
            if prefixes:
                report.figure(f"{work.name} {policy}, prefix", prefixes, "ms")
        if "ours" not in medians:
            return
        ours = medians["ours"]
        for policy, results in samples.items():
            if policy != "ours" and results:
                self.write_ratio(work, policy, samples["ours"], results)
        floor = self.floor_ms(work)
        if floor is not None:
            share = report.figure(f"{work.name} floor", floor, "ms", "operations over the rates of this run") / ours
            report.figure(f"{work.name} share of the floor", share, "1")
            for label, goals in FLOOR_GOALS.items():
                if work.name in goals:
                    report.goal(f"{work.name} share of the floor, {label}", share, goals[work.name])
        self.check_scores(work, samples)

    def write_ratio(self, work: Workload, policy: str, ours: list[dict], theirs: list[dict]) -> None:
        """The ratio over the repeats that ran side by side."""
        pairs = [their["ms"] / our["ms"] for our, their in zip(ours, theirs, strict=False)]
        median = self.report.figure(f"{work.name} {policy} / ours", pairs, "1")
        goal = RATIO_GOALS.get(policy, {}).get(work.name)
        if goal is not None:
            self.report.goal(f"{work.name} {policy} / ours", median, goal)

    def check_scores(self, work: Workload, samples: dict[str, list[dict]]) -> None:
        """Both did the same work: the scores agree as far as bfloat16 goes."""
        ours = samples["ours"][-1]["scores"]
        finite = bool(torch.isfinite(ours).all()) and float(ours.max()) <= 0
        self.report.proof(
            f"{work.name}: every score was written", finite, f"{ours.numel()} scores, mean {ours.mean():.3f}"
        )
        if len(samples["HF smart"]) == len(samples["ours"]):  # the last of each are of the same tokens
            theirs = samples["HF smart"][-1]["scores"]
            difference = float((ours - theirs).abs().mean())
            self.report.figure(f"{work.name} mean |ours - HF smart|", difference, "nats")

    def floor_ms(self, work: Workload) -> float | None:
        found = floor_rates(self.report, work.prefix)
        return None if found is None else self.accounting.warm(work).milliseconds(*found)

    # ---- the whole search ---------------------------------------------------------------------------

    def search_ours(self, search: Search, keeps_accepted: bool = True) -> dict:
        """Seconds of a whole search. The accepted branch is committed, and so stays computed; without `keeps_accepted`
        it is dropped before, as engines do that keep finished requests out of their caches."""
        engine = self.engines["ours"]
        engine.drop_unpinned()
        before = engine.counters.as_dict()

        def work() -> None:
            handle = engine.open_prefix(random_tokens(self.shape, search.first_prefix, self.generator))
            for _ in range(search.steps):
                target = random_tokens(self.shape, search.target, self.generator)
                best_score, accepted = float("-inf"), None
                engine.score(handle, [Branch(target, [(0, search.target)])])
                for _ in range(search.rounds):
                    candidates = [
                        torch.cat([random_tokens(self.shape, search.thought, self.generator), target])
                        for _ in range(search.candidates)
                    ]
                    span = [(search.thought, search.thought + search.target)]
                    scores = engine.score(handle, [Branch(tokens, span) for tokens in candidates])
                    means = scores.view(search.candidates, -1).mean(1).tolist()
                    for tokens, mean in zip(candidates, means, strict=True):
                        if mean > best_score:
                            best_score, accepted = mean, tokens
                if not keeps_accepted:
                    engine.drop_unpinned()
                assert accepted is not None, "no candidate has a score that can be compared"
                committed = engine.commit(handle, accepted)
                engine.close_prefix(handle)
                handle = engine.commit(committed, random_tokens(self.shape, search.observation, self.generator))
                engine.close_prefix(committed)
            engine.close_prefix(handle)

        seconds = time_ms(self.run.torch_device, work) / 1e3
        after = engine.counters.as_dict()
        return {"seconds": seconds, "counters": {name: after[name] - before[name] for name in after}}

    def search_from_scratch(self, search: Search) -> float:
        """Seconds of the same search where every candidate is scored from its first token on. One candidate of each
        step is measured for all of the step's: they are of one length."""
        total, prefix_tokens = 0.0, search.first_prefix
        for _ in range(search.steps):
            for thought, times in ((search.thought, search.candidates * search.rounds), (0, 1)):
                work = Workload("search", prefix_tokens, 1, thought, search.target)
                total += times * self.score_from_scratch("ours", draw(self.shape, work, self.generator))["ms"]
            prefix_tokens += search.thought + search.target + search.observation
        return total / 1e3


RATIO_GOALS = {
    "HF naive": {"A": 2.7, "B": 7.5, "C": 22},
    "HF smart": {"A": 1.3, "B": 1.4, "C": 1.7},
    "as vLLM": {"A": 2.6, "B": 7.2, "C": 21},
    "as SGLang": {"A": 1.02, "B": 1.02, "C": 1.01},
}
FLOOR_GOALS = {"first release": {"B": 0.60, "C": 0.45}, "where this should end": {"A": 0.75, "B": 0.80, "C": 0.80}}
SEARCH_GOAL = 13
KEEPING_GOAL = 1.12


def measure_ceilings(run: Run, report: Report, prefixes: list[int]) -> None:
    """The rates that floors are taken over, in this very run."""
    rates.measure_square_product(run, report)
    for tokens in prefixes:
        tokens = tokens if not run.tiny else 256
        best = rates.measure_attention(run, report, tokens, causal=False)
        if best is not None:
            report.fact(f"attention rate {tokens}", best)
    if run.torch_device == "cpu":
        report.note("rates, floors and ratios of a CPU say nothing about a GPU; they are here to try the program")


def floor_rates(report: Report, prefix: int) -> tuple[float, float] | None:
    """Operations per second of matrix products, and of attention at the measured length that is nearest."""
    matrix = report.median("torch matmul, square")
    measured = {
        int(name.split()[-1]): value
        for name, value in report.content["facts"].items()
        if name.startswith("attention rate ")
    }
    if matrix is None or not measured:
        return None
    nearest = min(measured, key=lambda tokens: abs(tokens - prefix))
    return matrix * 1e12, measured[nearest]
