"""
`python -m retrace_train.probe`: what this Python and this machine offer for training, as one JSON object on standard
output, where nothing else is printed. A package that cannot be imported is null, whatever the reason.
"""

import contextlib
import importlib
import json
import math
import os
import platform
import sys
from pathlib import Path
from typing import Any

NO_LIMIT = 1 << 60  # cgroup v1 writes "unlimited" as a number near 2^63


def probe() -> dict:
    torch = _import("torch")
    total, available = memory()
    return {
        "python": platform.python_version(),
        "torch": _version(torch),
        "transformers": _version(_import("transformers")),
        "pyarrow": _version(_import("pyarrow")),
        "trl": _version(_import("trl")),
        "cuda": _cuda(torch),
        "cpuCount": _cpu_count(),
        "memoryBytes": total,
        "availableBytes": available,
        "varlenAttention": bool(_cuda(torch)) and _import("torch.nn.attention.varlen") is not None,
    }


def _import(name: str) -> Any:
    """A broken package raises any error: for a missing library OSError, for a wrong version AttributeError."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        if not isinstance(error, ModuleNotFoundError):
            print(f"{name} is there but cannot be imported: {error}", file=sys.stderr)
        return None


def _version(module: Any) -> str | None:
    return None if module is None else str(getattr(module, "__version__", "unknown"))


def _cuda(torch: Any) -> list[dict]:
    try:
        properties = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    except Exception:  # no torch, or a driver that does not respond
        return []
    return [{"name": one.name, "memoryBytes": one.total_memory} for one in properties]


def _cpu_count() -> int:
    """Cores that this process may use, within the limit of its container."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shares = [read_cpu_share(folder) for folder in cgroup_folders()]
    return max(1, min([count, *(math.ceil(share) for share in shares if share is not None)]))


def read_cpu_share(folder: Path) -> float | None:
    quota, period = (_text(folder / "cpu.max") or "max 100000").split()[:2]
    return None if quota == "max" else int(quota) / int(period)


def memory() -> tuple[int, int]:
    """Bytes of the machine, and bytes that a process may still use within the limits of all its cgroups."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    fields = dict(line.split(":", 1) for line in (_text(Path("/proc/meminfo")) or "").splitlines() if ":" in line)
    free = int(fields["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in fields else total
    rooms = [room for folder in cgroup_folders() if (room := memory_room(folder)) is not None]
    return total, max(0, min([free, *rooms]))


def memory_room(folder: Path) -> int | None:
    """Bytes that a cgroup still allows; None where it has no limit. File pages that it can drop are not counted."""
    for limit_name, used_name in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        limit, used = _text(folder / limit_name), _text(folder / used_name)
        if limit is None or used is None or limit == "max" or int(limit) > NO_LIMIT:
            continue
        counts = dict(line.split(" ", 1) for line in (_text(folder / "memory.stat") or "").splitlines() if " " in line)
        files = int(counts.get("total_inactive_file", counts.get("inactive_file", "0")))
        return int(limit) - int(used) + files
    return None


def cgroup_folders() -> list[Path]:
    """The cgroups of this process and all their parents, since each has its own limit; of both versions."""
    folders = []
    for line in (_text(Path("/proc/self/cgroup")) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        root = Path("/sys/fs/cgroup") / (controllers.split(",")[0] if controllers else "")
        if controllers not in ("", "memory"):
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        folders += [root.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]
    return folders


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


if __name__ == "__main__":
    # Packages may print while they load, which must not mix with the object.
    with contextlib.redirect_stdout(sys.stderr):
        found = probe()
    print(json.dumps(found))
