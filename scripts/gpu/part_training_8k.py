"""Part training-8k: first that training is right on this device, then its rate and memory with rows of 8,192 tokens."""

from results import Report
from run import Run
from training import measure_setups, prove


def main(run: Run, report: Report) -> None:
    prove(run, report)
    measure_setups(run, report)
