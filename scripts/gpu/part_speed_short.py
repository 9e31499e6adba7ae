"""Part speed-short: prefixes of 2k and 8k tokens."""

import results
from kernel_race import choose_kernels, exact_choices
from results import Report
from run import Run
from speed import Contest, measure_ceilings, workloads_of


def main(run: Run, report: Report) -> None:
    kernels = "auto"
    with report.step("which kernels"):
        report.need(60)
        kernels = choose_kernels(run, report, "B", exact_choices(run, results.load(report.path)), 2, 5)
    report.fact("kernels", kernels)
    with report.step("ceilings"):
        measure_ceilings(run, report, [2048, 8192])
    contest = None
    with report.step("weights"):
        contest = Contest(run, report, kernels)
    if contest is None:
        return
    work = workloads_of(run)
    with report.step("B"):
        report.need(40)
        contest.measure(work["B"], repeats_of={"as vLLM": 3, "HF naive": 3})
    with report.step("A"):
        report.need(30)
        contest.measure(work["A"], repeats_of={"as vLLM": 3, "HF naive": 3})
    with report.step("E"):
        report.need(30)
        contest.measure(work["E"], repeats_of={"as vLLM": 2, "HF naive": 2})
    with report.step("H"):
        report.need(15)
        contest.measure(work["H"], repeats_of={"as vLLM": 3, "HF naive": 3})
    with report.step("D"):
        report.need(60)
        contest.measure(work["D"], warm_ups=1, repeats=5, repeats_of={"as vLLM": 2, "HF naive": 2})
    contest.close()
