"""How fast the loop of python/retrace_train goes and what memory it takes, and proofs that it is right on this device.

The shape of Llama-3-8B, random weights, one rank. Each setup runs in a process of its own, which writes an answer for
every trial; what fails costs itself alone, and running out of memory is an answer. Beside each figure stands the
estimate that was made of it (training_plan.py), as the goal.
"""

import hashlib
import json
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import training_plan as plan
from isolated import Outcome, run_isolated
from results import Report
from run import Run
from training_plan import GIB, Setup, Trial

PROOFS = {
    "attention": ("packed attention", 120),
    "loss": ("loss", 120),
    "repeats": ("deterministic training repeats its bits", 200),
    "loop": ("the loop, as it is started", 240),
}
PEAK = "FLOP/s that MFU is measured against"
LEAVE_SECONDS = 8.0  # for writing down


def surroundings(run: Run, expandable: bool = False) -> dict[str, str]:
    """Environment variables of the processes that prove and measure.

    Where `retrace_train` is; the workspace that deterministic cuBLAS needs, in all of them, so that they stay
    comparable; one thread where there is no GPU.
    """
    variables = {"PYTHONPATH": str(run.root / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
    if run.torch_device != "cuda":
        return variables | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    variables |= {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    return variables | ({"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"} if expandable else {})


# ---- proofs ----------------------------------------------------------------------------------------


def prove(run: Run, report: Report) -> None:
    report.fact("sources of python/retrace_train", digest_of_sources(run.root / "python/retrace_train"))
    for name, (title, seconds) in PROOFS.items():
        with report.step(name):
            report.need(20)
            limit = min(seconds * run.patience, report.seconds_left() - LEAVE_SECONDS)
            arguments = {"name": name, "device": run.torch_device, "tiny": run.tiny, "root": str(run.root)}
            outcome = run_isolated("training_proofs", "prove", arguments, limit, surroundings(run))
            record_proof(report, title, outcome)


def record_proof(report: Report, title: str, outcome: Outcome) -> None:
    if outcome.value is None:
        report.proof(title, False, outcome.why)
        return
    for name, value in outcome.value["facts"].items():
        report.fact(name, value)
    for text in outcome.value["notes"]:
        report.note(text)
    for name, proof in outcome.value["proofs"].items():
        report.proof(f"{title}: {name}", proof["passed"], proof["detail"])


def digest_of_sources(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return f"sha256 {digest.hexdigest()[:16]}"


# ---- figures ---------------------------------------------------------------------------------------


def measure_setups(run: Run, report: Report) -> None:
    for setup in plan.setups_of(report.part, run.tiny):
        measure_setup(run, report, setup)


def measure_setup(run: Run, report: Report, setup: Setup) -> None:
    """Its trials, in one process as long as none fails; behind a failed one another process goes on. Where memory ran
    out, they go on with an allocator that leaves less of it unused."""
    left = list(setup.trials)
    while left:
        before = len(left), setup
        with report.step(f"{setup.name}: {', '.join(trial.name for trial in left)}"):
            report.need(least_seconds(run, setup, left[0]))
            outcome, answers = run_trials(run, report, setup, left)
            ran_out = record_answers(run, report, setup, left, answers)
            if ran_out is not None and not setup.expandable:
                setup = replace(setup, name=f"{setup.name}, expandable segments", expandable=True)
                left.insert(0, ran_out)
            elif outcome.status != "ok" and left:
                failed = setup.label(left.pop(0)) if answers else f"{setup.name}, before its first trial"
                raise RuntimeError(f"{failed}: {outcome.why}")
        if (len(left), setup) == before:
            return  # out of time, or never built: the other trials would fare no better


def record_answers(run: Run, report: Report, setup: Setup, left: list[Trial], answers: list[dict]) -> Trial | None:
    """Takes the trials that were answered off the list. Gives the one that memory ran out in."""
    ran_out = None
    for answer in answers:
        if answer["outcome"] == "built":
            record_built(report, setup, answer)
            continue
        trial = left.pop(0)
        record_answer(run, report, setup, trial, answer)
        ran_out = trial if answer["outcome"] == "out of memory" else None
    return ran_out


def least_seconds(run: Run, setup: Setup, trial: Trial) -> float:
    """A process has to start, and one trial to end."""
    if run.tiny:
        return 5.0
    return plan.BUILD_SECONDS + 0.6 * trial.seconds(setup.row_tokens, plan.shape_of(run.tiny)) + LEAVE_SECONDS


def run_trials(run: Run, report: Report, setup: Setup, trials: list[Trial]) -> tuple[Outcome, list[dict]]:
    """What the process answered counts also where it then crashed, hung or was ended."""
    shape = plan.shape_of(run.tiny)
    wanted = 2 * sum(trial.seconds(setup.row_tokens, shape) for trial in trials) + 4 * plan.BUILD_SECONDS
    limit = min(wanted * run.patience, report.seconds_left() - LEAVE_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder) / "answers.jsonl"
        arguments = {
            "device": run.torch_device,
            "tiny": run.tiny,
            "setup": asdict(setup),
            "trials": [asdict(trial) for trial in trials],
            "answers": str(answers),
            "deadline": time.monotonic() + limit - LEAVE_SECONDS,  # the same clock in all processes
        }
        outcome = run_isolated("training_run", "measure", arguments, limit, surroundings(run, setup.expandable))
        lines = answers.read_text().splitlines() if answers.exists() else []
    return outcome, [json.loads(line) for line in lines]


def record_built(report: Report, setup: Setup, answer: dict) -> None:
    report.figure(f"{setup.name}: until the first step", answer["seconds"], "s", "weights drawn, moments made")
    report.fact(PEAK, [answer["peakFlops"], answer["peakSource"]])


def record_answer(run: Run, report: Report, setup: Setup, trial: Trial, answer: dict) -> None:
    label = setup.label(trial)
    print(f"  {label}: {answer['outcome']}", flush=True)
    if answer["outcome"] == "done":
        record_rates(run, report, setup, trial, answer)
        return
    report.fact(f"{label}: outcome", answer)
    if answer["outcome"] == "out of memory":
        estimate = plan.estimated_memory(plan.shape_of(run.tiny), setup, trial.micro_batches) / GIB
        report.note(f"{label}: out of memory; estimated were {estimate:.1f} GiB. {answer['why'][:200]}")
    else:
        report.note(f"{label}: left out, no time")


def record_rates(run: Run, report: Report, setup: Setup, trial: Trial, answer: dict) -> None:
    label, shape = setup.label(trial), plan.shape_of(run.tiny)
    seconds = [sample["seconds"] for sample in answer["samples"]]
    updates = [sample["updateSeconds"] for sample in answer["samples"]]
    rows, tokens = answer["rows"], answer["tokens"]
    share = answer["squareSum"] / (tokens * setup.row_tokens)
    what = f"{rows} rows a step; {share:.2f} of one document's pairs; {answer['attention']}"
    rate = report.figure(f"{label}: tokens/s", [tokens / one for one in seconds], "tokens/s", what)
    per_row = [(one - update) / rows for one, update in zip(seconds, updates, strict=True)]
    report.figure(f"{label}: forward and backward of a row", [1e3 * one for one in per_row], "ms")
    report.figure(f"{label}: update", [1e3 * one for one in updates], "ms", "the optimizer's part of a step")
    whole = [64 * setup.row_tokens / (64 * one + update) for one, update in zip(per_row, updates, strict=True)]
    report.figure(f"{label}: tokens/s of steps of 64 rows", whole, "tokens/s", "worked out from the two above")
    peak = report.content["facts"].get(PEAK, [None])[0]
    if peak:
        mfu = [answer["flops"] / one / peak for one in seconds]
        report.goal(f"{label}: MFU", report.figure(f"{label}: MFU", mfu, "1"), plan.ESTIMATED_MFU)
    estimate = plan.estimated_tokens_per_second(shape, setup.row_tokens, answer["squareSum"] / rows)
    report.goal(f"{label}: thousand tokens/s", rate / 1e3, estimate / 1e3)
    record_memory(report, setup, trial, answer["memory"], plan.estimated_memory(shape, setup, trial.micro_batches))
    report.fact(f"{label}: losses", answer["losses"])
    good = all(isinstance(loss, float) and abs(loss) < float("inf") for loss in answer["losses"])
    report.proof(f"{label}: every loss is finite", good, f"{answer['losses']}")


def record_memory(report: Report, setup: Setup, trial: Trial, memory: dict | None, estimate: float) -> None:
    if memory is None:
        return
    label = setup.label(trial)
    peak = report.figure(f"{label}: peak memory, tensors", memory["allocated"] / GIB, "GiB", "max_memory_allocated")
    report.figure(f"{label}: peak memory, reserved", memory["reserved"] / GIB, "GiB", "max_memory_reserved")
    report.figure(f"{label}: memory by the driver", memory["driver"] / GIB, "GiB", "at the end, the context with it")
    report.goal(f"{label}: peak memory, GiB", peak, estimate / GIB, "<=")
