"""Part speed-long: prefixes of 32k and 64k tokens, targets of 4,000, and a whole search."""

from kernel_race import exact_choices, open_contest
from results import Report
from run import Run
from speed import (
    KEEPING_GOAL,
    SEARCH_GOAL,
    Contest,
    cache_bytes_for,
    draw,
    floor_rates,
    search_of,
    workloads_of,
)
from workloads import Workload


def fastest_of_short(run: Run, content: dict) -> list[str]:
    """The default, and the two that were fastest behind a shorter prefix: time is short here. Exact ones alone."""
    figures = content["parts"].get("speed-short", {}).get("figures", {})
    known = {kernels: figures.get(f"B ours, kernels {kernels}") for kernels in exact_choices(run, content)}
    if not any(known.values()):
        return exact_choices(run, content)
    best = sorted((kernels for kernels in known if known[kernels]), key=lambda kernels: known[kernels]["median"])[:2]
    return best if "auto" in best or "auto" not in known else ["auto", *best]


def measure_search(contest: Contest, repeats: int) -> None:
    report, search = contest.report, search_of(contest.run)
    longest = Workload("search", search.last_prefix, 8, search.thought, search.target)
    contest.close_engine("as SGLang")
    contest.open_engine("ours", 2 * cache_bytes_for(contest.shape, longest))
    contest.search_ours(search)  # warms up
    done = [contest.search_ours(search) for _ in range(repeats)]
    ours = report.figure("search ours", [one["seconds"] for one in done], "s", f"{search.steps} steps")
    report.fact("search counters", done[-1]["counters"])
    report.proof(
        "the search computes nothing twice",
        done[-1]["counters"]["tokens_recomputed"] <= search.steps * 4,
        f"{done[-1]['counters']}",
    )
    rates = floor_rates(report, search.last_prefix // 2)
    if rates is not None:
        floor = contest.accounting.search(search, reuse=True).milliseconds(*rates) / 1e3
        report.figure("search floor", floor, "s")
        report.figure("search share of the floor", floor / ours, "1")
    again = [contest.search_ours(search, keeps_accepted=False)["seconds"] for _ in range(2)]
    again_s = report.figure("search, the accepted branch computed again", again, "s")
    report.goal("search, accepted branch again / ours", again_s / ours, KEEPING_GOAL)
    report.save()
    scratch = report.figure(
        "search as vLLM",
        contest.search_from_scratch(search),
        "s",
        "one candidate of each step measured for all of the step's",
    )
    report.goal("search as vLLM / ours", scratch / ours, SEARCH_GOAL)


def measure_longest(contest: Contest) -> None:
    """64k tokens of prefix, 16 branches, targets of 4,000: it has to run, and within its memory."""
    report, work = contest.report, workloads_of(contest.run)["long"]
    contest.close()
    engine = contest.open_engine("ours", cache_bytes_for(contest.shape, work))
    contest.record_memory(work, {"HF smart": []}, {"ours": engine.memory_taken})
    samples, ours_ms = [], float("nan")
    for _ in range(2):
        samples.append(contest.score_warm("ours", draw(contest.shape, work, contest.generator), everything=False))
        ours_ms = report.figure("long ours", [sample["ms"] for sample in samples], "ms", work.text)
        report.figure("long ours, prefix", [sample["prefixMs"] for sample in samples], "ms")
        report.save()
    scores = samples[-1]["scores"]
    complete = scores.numel() == work.branches * work.target and bool(scores.isfinite().all())
    report.proof("64k of prefix, 16 branches, 4,000 targets run", complete, f"{scores.numel()} scores; {work.text}")
    rates = floor_rates(report, work.prefix)
    if rates is not None:
        floor = contest.accounting.warm(work).milliseconds(*rates)
        report.figure("long floor", floor, "ms")
        report.figure("long share of the floor", floor / ours_ms, "1")


def main(run: Run, report: Report) -> None:
    contest = open_contest(
        run, report, "C", fastest_of_short, warm_ups=1, repeats=3, seconds=120, prefixes=[8192, 32768]
    )
    if contest is None:
        return
    work = workloads_of(run)
    few = {"as vLLM": 2, "HF naive": 2}
    with report.step("C"):
        report.need(90)
        # One candidate in full costs seconds, and all cost the same.
        contest.measure(work["C"], warm_ups=2, repeats=5, repeats_of=few, candidates_of={"as vLLM": 2, "HF naive": 2})
    with report.step("search"):
        report.need(60)
        measure_search(contest, repeats=3)
    with report.step("long"):
        report.need(40)
        measure_longest(contest)
    with report.step("F"):
        report.need(50)
        once = {"as vLLM": 1, "HF naive": 1, "HF smart": 2, "as SGLang": 2}
        contest.measure(work["F"], warm_ups=1, repeats=3, repeats_of=once, candidates_of={"as vLLM": 1, "HF naive": 1})
    with report.step("I"):
        report.need(20)
        contest.measure(work["I"], warm_ups=1, repeats=3, repeats_of={"as vLLM": 1, "HF naive": 1})
    contest.close()
