"""The results of a part: figures, proofs and notes, merged into one JSON file after every step.

A figure is a list of samples with a unit; its median and spread are written beside it. A proof passes or fails, and a
failed one fails the check. A goal is met or missed, and a missed one fails nothing.
"""

import json
import math
import os
import statistics
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1
GOOD = ("passed", "short of time")  # nothing that ran failed


def load(path: Path) -> dict:
    if not path.exists():
        return {"schemaVersion": SCHEMA_VERSION, "parts": {}}
    return json.loads(path.read_text())


def without_nan(value: object) -> object:
    """JSON has no NaN and no infinities: null in their place."""
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(inner) for inner in value]
    return finite(value) if isinstance(value, float) else value


def update(path: Path, changes: dict) -> None:
    """Merges; parts replace parts of the same name. Never leaves half a file."""
    content = load(path)
    for key, value in changes.items():
        content[key] = content.get(key, {}) | value if key == "parts" else value
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(without_nan(content), indent=1, allow_nan=False) + "\n")
    temporary.replace(path)


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def summary(samples: list[float], unit: str) -> dict:
    """`spread` is (largest - smallest) / median."""
    median = statistics.median(samples)
    spread = (max(samples) - min(samples)) / median if median else 0.0
    return {
        "unit": unit,
        "median": finite(median),
        "spread": finite(spread),
        "repeats": len(samples),
        "samples": [finite(value) for value in samples],
    }


class OutOfTime(Exception):
    """A step that would not end before the limit of the part."""


class Report:
    def __init__(self, path: Path, part: str, seconds: float, goals_apply: bool = True) -> None:
        self.path, self.part, self.goals_apply = path, part, goals_apply
        self.deadline = time.monotonic() + seconds
        self.started = time.monotonic()
        self.content: dict = {
            "status": "running",
            "startedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "figures": {},
            "proofs": {},
            "goals": {},
            "facts": {},
            "notes": [],
            "errors": {},
        }
        self.save()

    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    def save(self) -> None:
        self.content["seconds"] = round(time.monotonic() - self.started, 1)
        update(self.path, {"parts": {self.part: self.content}})

    def figure(self, name: str, samples: list[float] | float, unit: str, note: str | None = None) -> float:
        """Records and returns the median."""
        entry: dict[str, Any] = summary(samples if isinstance(samples, list) else [samples], unit)
        if note is not None:
            entry["note"] = note
        self.content["figures"][name] = entry
        median: Any = entry["median"]  # none where a sample is not finite
        spread = f" (spread {entry['spread']:.1%})" if entry["repeats"] > 1 and entry["spread"] is not None else ""
        shown = format(entry["median"], ".4g") if entry["median"] is not None else "none"
        print(f"  {name}: {shown} {unit}{spread}", flush=True)
        return median

    def median(self, name: str) -> float | None:
        entry = self.content["figures"].get(name)
        return None if entry is None else entry["median"]

    def proof(self, name: str, passed: bool, detail: str) -> None:
        self.content["proofs"][name] = {"passed": bool(passed), "detail": detail}
        print(f"  {'proved' if passed else 'DISPROVED'}: {name}: {detail}")

    def goal(self, name: str, value: float | None, goal: float, better: str = ">=") -> None:
        """Records whether a goal is met, in a run of the size that the goal is for; else only the value."""
        entry: dict = {"goal": goal, "better": better, "value": value, "met": None}
        if self.goals_apply and value is not None:
            entry["met"] = value >= goal if better == ">=" else value <= goal
        self.content["goals"][name] = entry

    def fact(self, name: str, value: object) -> None:
        self.content["facts"][name] = value

    def note(self, text: str) -> None:
        self.content["notes"].append(text)
        print(f"  note: {text}")

    def need(self, seconds: float) -> None:
        """Ends a step where less time is left than it takes. @raises OutOfTime"""
        if self.seconds_left() < seconds:
            raise OutOfTime(f"not run: it takes about {seconds:.0f} s and {self.seconds_left():.0f} s are left")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step of the part. Its failure is recorded, and the next step runs."""
        print(f"{self.part}: {name}", flush=True)
        try:
            yield
        except Exception as error:  # of any kind: one step's failure must not hide the others
            kind = "outOfTime" if isinstance(error, OutOfTime) else type(error).__name__
            entry: dict[str, Any] = {"kind": kind, "message": str(error)[-2000:]}
            if kind != "outOfTime":
                entry["trace"] = traceback.format_exc().splitlines()[-6:]
            self.content["errors"][name] = entry
            print(f"  ERROR {name}: {kind}: {str(error)[-600:]}", flush=True)
        finally:
            self.save()

    def finish(self) -> bool:
        proofs = self.content["proofs"].values()
        kinds = {entry["kind"] for entry in self.content["errors"].values()}
        if any(not proof["passed"] for proof in proofs):
            self.content["status"] = "failed"
        elif kinds - {"outOfTime"}:
            self.content["status"] = "incomplete"
        else:
            self.content["status"] = "short of time" if kinds else "passed"
        self.save()
        return self.content["status"] in GOOD


def print_table(content: dict) -> None:
    """Short: every part, what failed, and the goals."""
    goals = [(name, goal) for entry in content["parts"].values() for name, goal in entry.get("goals", {}).items()]
    wide = 2 + max([38, *(len(name) for name, _ in goals)])
    width = wide + 33
    print("\n" + "=" * width)
    for part, entry in content["parts"].items():
        proofs = entry.get("proofs", {})
        passed = sum(1 for proof in proofs.values() if proof["passed"])
        line = f"{part:<14}{entry['status']:<14}{entry.get('seconds', 0):>6.0f} s  {passed}/{len(proofs)} proofs"
        print(line + (f", {len(entry['errors'])} errors" if entry.get("errors") else ""))
        for name, proof in proofs.items():
            if not proof["passed"]:
                print(f"    DISPROVED {name}: {proof['detail'][:150]}")
        for name, error in entry.get("errors", {}).items():
            print(f"    {error['kind']} in {name}: {error['message'][:150]}")
    if goals:
        print("-" * width)
        print(f"{'goal':<{wide}}{'value':>10}{'goal':>9}  met")
    for name, goal in goals:
        value = "-" if goal["value"] is None else f"{goal['value']:.3g}"
        met = {None: "no verdict", True: "yes", False: "NO"}[goal["met"]]
        print(f"{name:<{wide}}{value:>10}{goal['better'] + format(goal['goal'], '.3g'):>9}  {met}")
    print("=" * width, flush=True)
