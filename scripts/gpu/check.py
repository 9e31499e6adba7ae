"""The program behind scripts/gpu-check: runs the parts one after another, each in a process of its own."""

import argparse
import importlib
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

import part_build
import results
from isolated import HERE as HERE_ISOLATED
from isolated import end_group
from machine import cuda_library_folders, describe_machine
from results import Report
from run import DEVICES, KERNELS, Run

ROOT = HERE_ISOLATED.parent.parent.parent
PARTS = {
    "build": "part_build",
    "kernels": "part_kernels",
    "exactness": "part_exactness",
    "accuracy": "part_accuracy",
    "speed-short": "part_speed_short",
    "speed-long": "part_speed_long",
    "training-8k": "part_training_8k",
    "training-64k": "part_training_64k",
}
# They build the native engine, or do without it.
WITHOUT_ENGINE = ("build", "training-8k", "training-64k")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="gpu-check", description="Builds, proves and measures the native engine here."
    )
    parser.add_argument("--part", default="all", help=f"all, or some of {', '.join(PARTS)}, separated by commas")
    parser.add_argument(
        "--out", type=Path, default=Path("gpu-check.json"), help="results; parts run again replace theirs"
    )
    parser.add_argument("--device", choices=DEVICES, default="cuda")
    parser.add_argument(
        "--scale", choices=("tiny", "full"), default="full", help="tiny: small shapes, for machines without GPU"
    )
    parser.add_argument("--build-folder", type=Path, default=ROOT / "build/gpu", help="where cmake builds")
    parser.add_argument(
        "--kernels", action="append", help=f"a choice of kernels, may be repeated (default: {' | '.join(KERNELS)})"
    )
    parser.add_argument("--minutes", type=float, default=9, help="limit of each part")
    parser.add_argument("--total-minutes", type=float, help="limit of the whole call; parts get what is left")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.parts = list(PARTS) if options.part == "all" else options.part.split(",")
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown part {', '.join(unknown)}: expected all or some of {', '.join(PARTS)}")
    return options


def run_of(options: argparse.Namespace) -> Run:
    kernels = tuple(options.kernels or KERNELS)
    if options.device == "cpu":
        kernels = ("auto",)
    return Run(ROOT, options.build_folder.resolve(), options.device, options.scale, kernels)


def run_inside(options: argparse.Namespace) -> int:
    """One part, in this process."""
    [part] = options.parts
    report = Report(options.out, part, options.minutes * 60, options.scale == "full" and options.device == "cuda")
    try:
        run = run_of(options)
        if part not in WITHOUT_ENGINE:
            # The sanitizer watches a test.
            part_build.make_sure_it_is_built(run, report, with_tests=part == "kernels" and run.device == "cuda")
        importlib.import_module(PARTS[part]).main(run, report)
    except Exception as error:  # of any kind: it is recorded, and the exit code reports it
        traceback.print_exc()
        report.content["errors"][part] = {"kind": type(error).__name__, "message": str(error)[-2000:]}
    return 0 if report.finish() else 1


def run_part(part: str, options: argparse.Namespace, minutes: float) -> None:
    """Runs a part in a process of its own. Whatever happens to it, the other parts run, and the file reports it."""
    command = [sys.executable, str(ROOT / "scripts/gpu-check"), "--inside", "--part", part, "--out", str(options.out)]
    command += ["--device", options.device, "--scale", options.scale, "--build-folder", str(options.build_folder)]
    command += [word for choice in options.kernels or [] for word in ("--kernels", choice)]
    # The part knows its limit and leaves out what does not fit; half a minute later it is ended.
    command += ["--minutes", str(minutes - 0.5 if minutes > 2 else minutes)]
    process = subprocess.Popen(command, start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    died = None
    try:
        code = process.wait(timeout=minutes * 60)
        if code < 0:
            died = f"crashed: signal {-code}"
    except subprocess.TimeoutExpired:
        died = f"timed out: ended after {minutes:.1f} minutes"
    except KeyboardInterrupt:
        end_group(process)
        raise
    end_group(process)  # also what a part that crashed left behind
    entry = results.load(options.out)["parts"].get(part, {"status": "running"})
    if died is None and entry["status"] == "running":
        died = f"crashed: exit code {process.returncode}"
    if died is not None:
        entry["status"] = died.split(":")[0]
        entry.setdefault("errors", {})["process"] = {"kind": "crash", "message": died}
        results.update(options.out, {"parts": {part: entry}})
        print(f"{part}: {died}", flush=True)


def main() -> int:
    options = parse_arguments()
    options.out = options.out.resolve()
    options.build_folder = options.build_folder.resolve()
    if options.inside:
        return run_inside(options)
    if not os.environ.get("RETRACE_CUDA_LIBS"):
        os.environ["RETRACE_CUDA_LIBS"] = cuda_library_folders()
    started = time.monotonic()
    machine = describe_machine(ROOT)
    facts = {"what": "scripts/gpu-check", "machine": machine, "device": options.device, "scale": options.scale}
    results.update(options.out, facts)
    if options.device == "cuda" and options.parts != ["build"] and "gpu" not in (machine["torch"] or {}):
        print(
            f"gpu-check: torch sees no GPU here ({machine['torch']}). On a machine with one, install a torch built for "
            "CUDA; without one, use --part build, or --device cpu --scale tiny.",
            file=sys.stderr,
        )
        return 2
    for part in options.parts:
        minutes = options.minutes
        if options.total_minutes is not None:
            minutes = min(minutes, options.total_minutes - (time.monotonic() - started) / 60)
        if minutes < 0.3:
            late = {"status": "not run", "errors": {"time": {"kind": "outOfTime", "message": "no minutes were left"}}}
            results.update(options.out, {"parts": {part: late}})
            continue
        run_part(part, options, minutes)
    content = results.load(options.out)
    results.print_table(content)
    print(f"results: {options.out}")
    good = all(content["parts"][part]["status"] in results.GOOD for part in options.parts)
    return 0 if good else 1
