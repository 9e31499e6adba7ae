"""Part training-64k: rate and memory of training with rows of 65,536 tokens."""

from results import Report
from run import Run
from training import measure_setups


def main(run: Run, report: Report) -> None:
    measure_setups(run, report)
