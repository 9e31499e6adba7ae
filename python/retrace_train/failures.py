"""The failures of training: a code for programs, and a message with the cause and the next step."""

import json
import os
import sys
from pathlib import Path
from typing import Any


class TrainingFailure(Exception):
    def __init__(self, code: str, message: str, **details: Any):
        super().__init__(message)
        self.code, self.message, self.details = code, message, details


def record_failure(out: Path, failure: TrainingFailure) -> None:
    """Writes `failure.json`, complete or not at all, unless another rank was first."""
    print(f"{failure.code}: {failure.message}", file=sys.stderr, flush=True)
    value = {"code": failure.code, "message": failure.message, "details": failure.details}
    temporary = out / f"failure.json.{os.getpid()}.tmp"
    try:
        temporary.write_text(json.dumps(value, default=str) + "\n")
        os.link(temporary, out / "failure.json")
    except OSError:
        pass  # another rank was first, or the disk is full; it is on standard error too
    finally:
        temporary.unlink(missing_ok=True)
