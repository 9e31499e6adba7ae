"""Why training stops: a code to decide by, and a message with the cause and the next step."""

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
    """Writes `failure.json` where no other rank was first; it appears whole or not at all."""
    print(f"{failure.code}: {failure.message}", file=sys.stderr, flush=True)
    value = {"code": failure.code, "message": failure.message, "details": failure.details}
    temporary = out / f"failure.json.{os.getpid()}.tmp"
    try:
        temporary.write_text(json.dumps(value, default=str) + "\n")
        os.link(temporary, out / "failure.json")
    except OSError:
        pass  # another rank was first; or there is no room for it, and standard error has to do
    finally:
        temporary.unlink(missing_ok=True)
