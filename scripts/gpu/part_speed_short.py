"""Part speed-short: prefixes of 2k and 8k tokens."""

from kernel_race import exact_choices, open_contest
from results import Report
from run import Run
from speed import workloads_of


def main(run: Run, report: Report) -> None:
    contest = open_contest(run, report, "B", exact_choices, warm_ups=2, repeats=5, seconds=60, prefixes=[2048, 8192])
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
