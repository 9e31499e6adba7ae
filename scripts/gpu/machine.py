"""Describes the machine on which the figures were measured."""

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from isolated import run_isolated


def output_of(*command: str) -> str | None:
    """Standard output, stripped; None where the command is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def first_match(pattern: str, text: str | None) -> str | None:
    found = re.search(pattern, text or "", re.MULTILINE)
    return found.group(1).strip() if found else None


def find_nvcc() -> str | None:
    candidates = [shutil.which("nvcc"), os.environ.get("CUDA_HOME", "") + "/bin/nvcc", "/usr/local/cuda/bin/nvcc"]
    return next((path for path in candidates if path and Path(path).is_file()), None)


def find_cuda_home() -> str | None:
    """The toolkit's folder. nvcc on the path may be a script that calls the real one, so it is asked where it lives."""
    nvcc = find_nvcc()
    if nvcc is None:
        return None
    with tempfile.NamedTemporaryFile(suffix=".cu") as empty:
        answer = subprocess.run([nvcc, "--dryrun", "-E", empty.name], capture_output=True, text=True)
    top = first_match(r"TOP=(\S+)", answer.stdout + answer.stderr)
    candidates = [os.environ.get("CUDA_HOME"), top, "/usr/local/cuda", str(Path(nvcc).resolve().parent.parent)]
    homes = [Path(home).resolve() for home in candidates if home]
    return next((str(home) for home in homes if (home / "include/cuda_runtime_api.h").exists()), None)


def cuda_library_folders() -> str:
    """Where torch's packages have NVIDIA's libraries, separated by colons, for the engine to find them."""
    spec = importlib.util.find_spec("nvidia")
    places = [Path(place) for place in spec.submodule_search_locations or []] if spec else []
    return ":".join(sorted({str(folder) for place in places for folder in place.glob("*/lib")}))


def describe_gpu() -> dict | None:
    fields = "name,driver_version,memory.total,clocks.sm,clocks.max.sm,power.limit,ecc.mode.current,mig.mode.current"
    line = output_of("nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader")
    if not line:
        return None
    values = [value.strip() for value in line.splitlines()[0].split(",")]
    names = ["name", "driver", "memory", "clock", "maxClock", "powerLimit", "ecc", "mig"]
    gpu: dict[str, str | None] = dict(zip(names, values, strict=False))
    gpu["cudaOfDriver"] = first_match(r"CUDA Version:\s*([\d.]+)", output_of("nvidia-smi"))
    return gpu


def describe_torch() -> dict:
    try:
        import torch
    except ImportError as error:
        return {"error": str(error)}
    facts: dict = {"version": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        facts["gpu"] = {
            "name": properties.name,
            "capability": f"{properties.major}.{properties.minor}",
            "multiprocessors": properties.multi_processor_count,
            "memoryBytes": properties.total_memory,
        }
    try:
        import transformers

        facts["transformers"] = transformers.__version__
    except ImportError as error:
        facts["transformers"] = f"missing: {error}"
    return facts


def describe_source(root: Path) -> str:
    """The commit; where the sources came without their history, a digest of those of the engine."""
    commit = output_of("git", "-C", str(root), "describe", "--always", "--dirty", "--tags")
    if commit is not None and (root / ".git").exists():
        return commit
    digest = hashlib.sha256()
    for path in sorted(path for path in (root / "native").rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return f"native sha256 {digest.hexdigest()[:16]}"


def describe_machine(root: Path) -> dict:
    cpu = output_of("lscpu") or ""
    memory_kib = first_match(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    nvcc = find_nvcc()
    return {
        "gpu": describe_gpu(),
        "nvcc": first_match(r"release ([^\n]+)", output_of(nvcc, "--version") if nvcc else None),
        "python": sys.version.split()[0],
        # In a process of its own: this one takes no memory on the GPU.
        "torch": run_isolated("machine", "describe_torch", {}, 120).value,
        "cpu": first_match(r"Model name:\s*(.+)", cpu) or platform.processor(),
        "cores": os.cpu_count(),
        "memoryGiB": round(int(memory_kib) / 2**20) if memory_kib else None,
        "kernel": platform.release(),
        "compiler": (output_of("c++", "--version") or "").split("\n")[0] or None,
        "node": output_of("node", "--version"),
        "source": describe_source(root),
    }
