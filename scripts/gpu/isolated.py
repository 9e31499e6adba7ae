"""Runs one function in a process of its own, with a time limit.

Kernels that have not run on this device before may hang or crash; the check has to go on and report what happened.
The function takes keyword arguments and returns a JSON value.
"""

import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
TAIL_CHARACTERS = 4000
PR_SET_PDEATHSIG = 1  # linux/prctl.h
PRCTL = ctypes.CDLL(None).prctl  # found before any fork


@dataclass
class Outcome:
    status: str  # "ok", "failed" (an exception), "crashed" (a signal or an exit), "timed out"
    value: Any = None
    error: str | None = None
    output_tail: str = ""
    seconds: float = 0.0

    @property
    def why(self) -> str:
        last_lines = " | ".join(self.output_tail.strip().splitlines()[-3:])
        return f"{self.status}: {self.error or ''} {last_lines if self.status != 'failed' else ''}".strip()


def end_group(process: subprocess.Popen) -> None:
    """Ends the process and its children. A process that hangs in the driver is given up after ten seconds."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass


def end_with_parent() -> None:
    """Runs between fork and exec: when the part is ended at its limit, its children end too."""
    PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL)


def run_command(command: list[str], limit_s: float, input_text: str | None = None, **options: Any) -> Outcome:
    """Runs a command. Its output goes to a file, so that it is kept where the command is killed."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if input_text is not None else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=end_with_parent,
            **options,
        )
        status, error = "ok", None
        try:
            process.communicate(input_text, timeout=max(1.0, limit_s))
        except subprocess.TimeoutExpired:
            status, error = "timed out", f"ended after {limit_s:.0f} s"
            end_group(process)
        if status == "ok" and process.returncode != 0:
            signalled = process.returncode < 0
            status = "crashed"
            error = f"signal {-process.returncode}" if signalled else f"exit code {process.returncode}"
        output.seek(0)
        text = output.read()
    return Outcome(status, text, error, text[-TAIL_CHARACTERS:], round(time.monotonic() - started, 1))


def run_isolated(
    module: str, function: str, arguments: dict, limit_s: float, environment: dict | None = None
) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, str(HERE), module, function, str(answer)]
        surroundings = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        outcome = run_command(command, limit_s, json.dumps(arguments), env=surroundings)
        outcome.value = None
        # An answer is used even where the process crashed at its exit; the crash is reported.
        if answer.exists():
            content = json.loads(answer.read_text())
            if "error" in content:
                outcome.status, outcome.error = "failed", content["error"]
            else:
                outcome.value = content["value"]
        elif outcome.status == "ok":
            outcome.status, outcome.error = "crashed", "ended without an answer"
        return outcome


def main() -> None:
    module, function, answer = sys.argv[1:]
    sys.path.insert(0, str(HERE.parent))
    try:
        value = getattr(importlib.import_module(module), function)(**json.load(sys.stdin))
        content = {"value": value}
    except Exception as error:  # of any kind: the parent gets it
        traceback.print_exc()
        content = {"error": f"{type(error).__name__}: {error}"}
    temporary = Path(answer + ".tmp")
    temporary.write_text(json.dumps(content))
    temporary.replace(answer)


if __name__ == "__main__":
    main()
