"""Part build: configures and builds for this machine, reads the compiler's resource report, runs the C++ tests."""

import os
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from isolated import Outcome, run_command
from machine import find_cuda_home, output_of
from results import Report
from run import Run

ARTIFACTS = (
    "libretrace_engine.so",
    "libretrace_cuda.so",
    "libretrace_cudnn.so",
    "libretrace_emulated.so",
    "retrace.node",
)


def tool(name: str) -> str | None:
    """A program on the path, or beside this Python."""
    beside = Path(sys.executable).parent / name
    return shutil.which(name) or (str(beside) if beside.exists() else None)


def cuda_architecture() -> str | None:
    """What nvcc compiles for: this machine's GPU alone, with Hopper's own instructions where it has them."""
    capability = output_of("nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader")
    if not capability:
        return None
    digits = capability.splitlines()[0].strip().replace(".", "")
    return "90a-real" if digits == "90" else f"{digits}-real"


def configure(run: Run, report: Report, with_tests: bool = True) -> None:
    architecture = cuda_architecture()
    cmake = tool("cmake")
    if cmake is None:
        raise FileNotFoundError("cmake is not on the path: install it (pip install cmake)")
    options = ["-DCMAKE_BUILD_TYPE=Release", f"-DWITH_TESTS={'ON' if with_tests else 'OFF'}", "-DWITH_ADDON=AUTO"]
    if architecture is not None:
        options.append(f"-DCUDA_ARCHS={architecture}")
    if run.device != "cuda":
        options.append("-DWITH_CUDA=OFF")
    home = find_cuda_home()
    if run.device == "cuda":
        options += ["-DWITH_CUDA=ON"] + ([f"-DCUDA_HOME={home}"] if home else [])
    generator = ["-G", "Ninja"] if tool("ninja") else []
    if generator:
        options.append(f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}")
    command = [cmake, "-S", str(run.root / "native"), "-B", str(run.build_folder), *generator, *options]
    outcome = run_command(command, 120)
    report.fact("configure", {"command": command[1:], "output": outcome.output_tail.splitlines()[-25:]})
    must_succeed(outcome, "cmake could not configure")


def must_succeed(outcome: Outcome, what: str) -> None:
    if outcome.status != "ok":
        raise RuntimeError(f"{what}: {outcome.error}\n{outcome.output_tail[-1800:]}")


def make_sure_it_is_built(run: Run, report: Report, with_tests: bool = False) -> None:
    """Builds the libraries, and the tests where wanted, for the other parts where the part build did not run."""
    needed = [run.build_folder / "libretrace_engine.so"] + ([] if run.device == "cpu" else [run.device_library])
    if with_tests:
        needed.append(run.build_folder / "tests/device_test")
    if all(file.exists() for file in needed):
        return
    print("building what this part needs first")
    configure(run, report, with_tests=with_tests or run.device == "emulated")
    build(run, report)


def build(run: Run, report: Report) -> None:
    cores = os.cpu_count() or 1
    # Tests and libraries; a target that fails must not stop the others, as each part needs only some of them.
    command = [tool("cmake") or "cmake", "--build", str(run.build_folder), "--parallel", str(min(cores, 16)), "--"]
    keep_going = ["-k", "0"] if tool("ninja") else ["-k"]
    # nvcc reads its flags from here too: registers and spills of each kernel, into the log.
    environment = {**os.environ, "NVCC_APPEND_FLAGS": f"{os.environ.get('NVCC_APPEND_FLAGS', '')} -Xptxas=-v".strip()}
    outcome = run_command([*command, *keep_going], min(report.seconds_left() - 20, 420), env=environment)
    log = str(outcome.value or "")
    run.build_log.write_text(log)
    report.figure("build", outcome.seconds, "s", f"{min(cores, 16)} jobs")
    sizes = {name: (run.build_folder / name).stat().st_size for name in ARTIFACTS if (run.build_folder / name).exists()}
    report.fact("sizes", sizes)
    report.fact("warnings", [line for line in log.splitlines() if re.search(r"\bwarning\b", line)][:40])
    report.proof("everything compiles", outcome.status == "ok", outcome.error or f"{len(sizes)} artifacts")
    if outcome.status != "ok":
        failures = [line[:300] for line in log.splitlines() if re.search(r"\berror\b|FAILED|undefined reference", line)]
        report.fact("buildErrors", failures[:60])


def resource_usage(text: str) -> dict[str, dict[str, int]]:
    """From `cuobjdump --dump-resource-usage`: registers and bytes of stack, shared and local memory of each kernel."""
    kernels: dict[str, dict[str, int]] = {}
    name = None
    for line in text.splitlines():
        function = re.match(r"\s*Function (\S+):", line)
        if function:
            name = function.group(1)
        elif name is not None and "REG:" in line:
            found = dict(re.findall(r"(REG|STACK|SHARED|LOCAL):(\d+)", line))
            kernels[name] = {key.lower(): int(value) for key, value in found.items()}
            name = None
    return kernels


def spills(text: str) -> dict[str, dict[str, int]]:
    """From `nvcc -Xptxas -v`: bytes spilled and registers of each kernel, by name and architecture."""
    kernels: dict[str, dict[str, int]] = {}
    name = None
    for line in text.splitlines():
        entry = re.search(r"Compiling entry function '([\w$.]+)' for '(\w+)'", line)
        spill = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line)
        registers = re.search(r"Used (\d+) registers", line)
        if entry:
            name = f"{entry.group(1)} {entry.group(2)}"
        elif spill and name:
            stack, stores, loads = (int(value) for value in spill.groups())
            kernels.setdefault(name, {}).update(stack=stack, spillStores=stores, spillLoads=loads)
        elif registers and name:
            kernels.setdefault(name, {})["registers"] = int(registers.group(1))
    return kernels


def readable(kernels: dict[str, dict]) -> dict[str, dict]:
    """With C++ names, where there is a program that knows them."""
    if not kernels or tool("c++filt") is None:
        return kernels
    outcome = run_command(["c++filt"], 20, "\n".join(kernels))
    names = str(outcome.value).splitlines()
    return dict(zip(names, kernels.values(), strict=True)) if len(names) == len(kernels) else kernels


def report_resources(run: Run, report: Report) -> None:
    library = run.build_folder / "libretrace_cuda.so"
    if not library.exists():
        report.note("no CUDA library was built: no resource report")
        return
    spilled = readable(spills(run.build_log.read_text()))
    if spilled:
        report.fact("ptxas", spilled)
        bad = {
            name: entry for name, entry in spilled.items() if entry.get("spillStores", 0) + entry.get("spillLoads", 0)
        }
        report.proof("no kernel spills registers", not bad, f"{len(spilled)} kernels; {bad or 'none spills'}"[:600])
    cuobjdump = tool("cuobjdump") or f"{find_cuda_home()}/bin/cuobjdump"
    outcome = run_command([cuobjdump, "--dump-resource-usage", str(library)], 60) if Path(cuobjdump).exists() else None
    if outcome is None or outcome.status != "ok":
        report.note("cuobjdump did not answer: registers only where the build's log has them")
        return
    report.fact("resources", readable(resource_usage(str(outcome.value))))


def tests_of(run: Run) -> list[Path]:
    return sorted(path for path in (run.build_folder / "tests").glob("*_test") if os.access(path, os.X_OK))


def count_tap(text: str) -> tuple[int, int, int]:
    passed = len(re.findall(r"^ok \d+", text, re.MULTILINE))
    failed = len(re.findall(r"^not ok \d+", text, re.MULTILINE))
    skipped = len(re.findall(r"^ok \d+ .*# SKIP", text, re.MULTILINE))
    return passed - skipped, failed, skipped


def run_tests(run: Run, report: Report) -> None:
    """Runs the tests at once, since most use one core, with a limit that leaves time to record their output."""
    tests = tests_of(run)
    report.proof("there are C++ tests", len(tests) > 0, f"{len(tests)} programs")
    environment = {**os.environ, "RETRACE_ROOT": str(run.root)}
    limit = min(170, report.seconds_left() - 10)

    def start(path: Path) -> Outcome:
        return run_command([str(path)], limit, env=environment, cwd=run.root)

    with ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) // 2)) as pool:
        for path, outcome in zip(tests, pool.map(start, tests), strict=True):
            report_test(report, path.name, outcome)


def report_test(report: Report, name: str, outcome: Outcome) -> None:
    text = str(outcome.value or "")
    passed, failed, skipped = count_tap(text)
    wrong = [line for line in text.splitlines() if line.startswith("not ok") or "# SKIP" in line]
    report.fact(f"test {name}", {"seconds": outcome.seconds, "skippedOrFailed": wrong[:20]})
    detail = f"{passed} passed, {failed} failed, {skipped} skipped"
    if outcome.status == "timed out" and failed == 0:
        report.note(f"{name}: not done after {outcome.seconds:.0f} s; {detail} until then")
        return
    good = outcome.status == "ok" and failed == 0 and passed + skipped > 0
    report.proof(f"{name} passes", good, detail if good else f"{detail}; {wrong[:3]} {outcome.why[-300:]}")


def main(run: Run, report: Report) -> None:
    with report.step("configure and build"):
        configure(run, report)
        build(run, report)
    with report.step("resources of the kernels"):
        report_resources(run, report)
    with report.step("C++ tests"):
        run_tests(run, report)
