"""Finds the fastest kernels on this machine: each choice alone, in a process of its own."""

from collections.abc import Callable

import torch

import results
from isolated import run_isolated
from results import Report
from run import Run
from speed import GIB, RESERVE_GIB, Contest, cache_bytes_for, draw, free_memory, measure_ceilings, workloads_of


def choose_kernels(run: Run, report: Report, workload: str, candidates: list[str], warm_ups: int, repeats: int) -> str:
    """Times each choice of kernels and returns the fastest; "auto" where none gave a result. Each runs in a process of
    its own, since kernels that have not run on this device before may hang."""
    medians: dict[str, float] = {}
    for kernels in candidates:
        label = f"{workload} ours, kernels {kernels}"
        why_not = run.why_not(kernels)
        if why_not is not None:
            report.note(f"{label}: left out: {why_not}")
            continue
        arguments = {"run": run.as_arguments(), "kernels": kernels, "workload": workload}
        arguments |= {"warm_ups": warm_ups, "repeats": repeats}
        outcome = run_isolated(
            "kernel_race", "quick_look", arguments, min(90 * run.patience, report.seconds_left() - 60)
        )
        if outcome.status != "ok":
            report.fact(label, outcome.why[-1500:])
            report.note(f"{label}: {outcome.why[-300:]}")
            continue
        found = outcome.value
        report.fact(label, found["kernels"])
        report.proof(f"{label}: every score was written", found["finite"], found["kernels"])
        medians[kernels] = report.figure(label, found["ms"], "ms", found["kernels"])
        report.figure(f"{label}, prefix", found["prefixMs"], "ms")
        if found["overWeightsAndPages"] is not None:
            report.figure(f"{label}, over weights and pages", found["overWeightsAndPages"], "GiB")
            if kernels == "auto":
                name = f"{workload} memory over weights, pages (GiB)"
                report.goal(name, found["overWeightsAndPages"], RESERVE_GIB, "<=")
        report.save()
    return min(medians, key=lambda kernels: medians[kernels]) if medians else "auto"


def open_contest(
    run: Run,
    report: Report,
    workload: str,
    choices_of: Callable[[Run, dict], list[str]],
    warm_ups: int,
    repeats: int,
    seconds: float,
    prefixes: list[int],
) -> Contest | None:
    """The beginning of both speed parts: the fastest kernels, the rates for the floors, and the weights."""
    kernels = "auto"
    with report.step("which kernels"):
        report.need(seconds)
        choices = choices_of(run, results.load(report.path))
        kernels = choose_kernels(run, report, workload, choices, warm_ups, repeats)
    report.fact("kernels", kernels)
    with report.step("ceilings"):
        measure_ceilings(run, report, prefixes)
    contest = None
    with report.step("weights"):
        contest = Contest(run, report, kernels)
    return contest


def exact_choices(run: Run, content: dict) -> list[str]:
    """The choices of kernels that the part exactness found exact; all where it did not run."""
    exactness = content["parts"].get("exactness", {}).get("facts", {}).get("exact kernels")
    return [kernels for kernels in run.kernels if exactness is None or kernels in exactness]


def quick_look(run: dict, kernels: str, workload: str, warm_ups: int, repeats: int) -> dict:
    """Ours alone with one choice of kernels, in a process of its own. Milliseconds."""
    here = Run.from_arguments(run)
    contest = Contest(here, None, kernels)
    work = workloads_of(here)[workload]
    before = free_memory() if here.device == "cuda" else None
    contest.open_engine("ours", cache_bytes_for(contest.shape, work))
    results = []
    for turn in range(-warm_ups, repeats):
        result = contest.score_warm("ours", draw(contest.shape, work, contest.generator), everything=False)
        if turn >= 0:
            results.append(result)
    facts = contest.engines["ours"].describe()
    taken = None if before is None else before - free_memory()  # behind all the work: what was allocated late shows
    contest.close()
    finite = all(bool(torch.isfinite(result["scores"]).all()) for result in results)
    return {
        "overWeightsAndPages": None if taken is None else (taken - facts["weightBytes"] - facts["cacheBytes"]) / GIB,
        "ms": [result["ms"] for result in results],
        "prefixMs": [result["prefixMs"] for result in results],
        "kernels": facts["kernels"],
        "finite": finite,
    }
