"""Part kernels: rates of the machine, and our kernels one by one through the device's own function table.

Products and attention are compared with float64 (on a sample of rows) before they are timed. Each choice of kernels
runs in a process of its own, since some have not run on this device before.
"""

import ctypes
import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import rates
from attention_case import AttentionCase, device_shape, shape_of
from device_abi import ADD, STORE, SWIGLU, Device
from isolated import HERE as ISOLATED
from isolated import run_command, run_isolated
from machine import find_cuda_home
from models import Shape
from results import Report
from run import Run
from timing import sample_batches_ms

# ||out - reference|| / ||reference||: a bfloat16 result is off by at most 2^-9 of itself, 2^-9 / sqrt(3) = 1.1e-3 in
# quadratic mean, and the probabilities of the attention are rounded to bfloat16 once more before they meet the values.
PRODUCT_TOLERANCE = 3e-3
# Where the result stays float32: what matrix units lose in their sums, which cut off instead of rounding, is under
# K / 16 additions of 2^-23 each; 14336 / 16 * 1.2e-7.
SUM_TOLERANCE = 1.1e-4
# A log-probability near -ln V = -12 of logits that are float32 sums.
HEAD_TOLERANCE = 1e-3
ATTENTION_TOLERANCE = 4e-3
CHECKED_ROWS = 48
# What differs between the choices of kernels: products, and attention.
PRODUCT_CHOICES = ("auto", "portable", "hopper")
ATTENTION_CHOICES = ("portable", "hopper", "cublaslt,cudnn")


def products_of(shape: Shape) -> dict[str, tuple[int, int]]:
    """The model's five products, weight [N, K]."""
    return {
        "qkv": ((shape.heads + 2 * shape.kv_heads) * shape.head_size, shape.hidden),
        "o": (shape.hidden, shape.heads * shape.head_size),
        "gate_up": (2 * shape.intermediate, shape.hidden),
        "down": (shape.hidden, shape.intermediate),
        "head": (shape.vocabulary, shape.hidden),
    }


def batch_rows(run: Run) -> int:
    return 8192 if not run.tiny else 256


def relative_error(found: torch.Tensor, exact: torch.Tensor) -> float:
    """NaN, where something was not written, passes no comparison."""
    return float((found.double() - exact).norm() / exact.norm())


# ---- torch's own ------------------------------------------------------------------------------------


def time_torch_products(run: Run, report: Report) -> None:
    for name, (n, k) in products_of(shape_of(run)).items():
        rows = batch_rows(run)
        note = f"{n}x{k}, M={rows}"
        report.figure(f"torch {name}", time_torch_product(run, rows, n, k), "TFLOP/s", note)
        report.save()


def time_torch_product(run: Run, rows: int, n: int, k: int) -> list[float]:
    a, weight = rates.random_bf16(run, rows, k), rates.random_bf16(run, n, k)
    samples = sample_batches_ms(lambda _: torch.mm(a, weight.t()), rates.waiter(run), 0.1, 5)
    return [2 * rows * n * k / (ms * 1e9) for ms in samples]


# ---- ours: products ------------------------------------------------------------------------------------


def expected_product(a: torch.Tensor, weight: torch.Tensor, epilogue: int) -> torch.Tensor:
    """float64 [rows, N], or of SwiGLU [rows, N / 2]; `weight` is as the device has it."""
    product = a.double() @ weight.double().t()
    if epilogue != SWIGLU:
        return product
    blocks = product.view(product.shape[0], -1, 2, 8)
    gate, up = blocks[:, :, 0], blocks[:, :, 1]
    return (torch.nn.functional.silu(gate) * up).reshape(product.shape[0], -1)


EPILOGUES = {"qkv": STORE, "o": ADD, "gate_up": SWIGLU, "down": ADD}


def check_products(run: dict, kernels: str) -> dict:
    """Errors against float64, rates, and whether a row's bits depend on how many rows there are."""
    here = Run.from_arguments(run)
    shape, rows = shape_of(here), batch_rows(here)
    device = Device(here.device_library, device_shape(shape, 1, 4096), kernels)
    device.call("make_workspace", rows, rows)  # the choice of kernels is tried out here
    facts = device.facts()
    products = {}
    for name, epilogue in EPILOGUES.items():
        n, k = products_of(shape)[name]
        products[name] = check_product(here, device, n, k, rows, epilogue)
    device.close()
    products["head"] = check_head(here, kernels)
    return {"facts": facts.kernels.decode(), "name": facts.name.decode(), "products": products}


def check_product(run: Run, device: Device, n: int, k: int, rows: int, epilogue: int) -> dict:
    matrix = (torch.randn(n, k, device=run.torch_device) * 0.05).to(torch.bfloat16)
    a = torch.randn(rows, k, device=run.torch_device).to(torch.bfloat16)
    weight, inputs = device.weight(matrix), device.put(a)
    width, dtype = (n // 2 if epilogue == SWIGLU else n), (torch.float32 if epilogue == ADD else torch.bfloat16)
    out = device.memory(rows * width * dtype.itemsize)

    def launch(_: int, m: int = rows) -> None:
        device.call("gemm", ctypes.byref(weight), inputs, m, epilogue, out)

    def product(m: int) -> torch.Tensor:
        # What is added to is zero; anything else is poisoned, so that a value nobody wrote shows.
        start = torch.full((rows, width), 0.0 if epilogue == ADD else float("nan"), dtype=dtype)
        device.call("upload", out, start.data_ptr(), start.numel() * dtype.itemsize)
        launch(0, m)
        return device.get(out, (m, width), dtype)

    full = product(rows)
    sample = torch.randperm(rows)[:CHECKED_ROWS]
    exact = expected_product(a.cpu()[sample], matrix.cpu(), epilogue)
    whole = full.view(torch.uint8)
    different = 0
    for m in (1, 7, 129, 256):
        different += int((product(m).view(torch.uint8) != whole[:m]).sum())
    samples = sample_batches_ms(launch, device.synchronize, 0.1 if not run.tiny else 0.02, 5)
    for address in (weight.data, inputs, out):
        device.release(address)
    return {
        "error": relative_error(full[sample], exact),
        "tolerance": SUM_TOLERANCE if epilogue == ADD else PRODUCT_TOLERANCE,
        "different": different,
        "tflops": [2 * rows * n * k / (ms * 1e9) for ms in samples],
    }


def check_head(here: Run, kernels: str) -> dict:
    """Final states [R, C] through the norm to the cache, and from there against the whole vocabulary. The error is in
    nats."""
    shape, targets = shape_of(here), 4096 if not here.tiny else 130
    device = Device(here.device_library, device_shape(shape, 1, 8192), kernels)
    device.call("make_workspace", targets, targets)
    device.call("make_cache", -(-targets // device.facts().page_tokens))
    matrix = (torch.randn(shape.vocabulary, shape.hidden, device=here.torch_device) * 0.02).to(torch.bfloat16)
    states = torch.randn(targets, shape.hidden)
    gain, slots = torch.ones(shape.hidden), torch.randperm(targets).to(torch.int32)
    ids = torch.randint(0, shape.vocabulary, (targets,), dtype=torch.int32)
    weight, out = device.weight(matrix), device.memory(targets * 4)
    places = [device.put(tensor) for tensor in (states, gain, slots, ids)]
    device.call("store_hidden", places[0], places[1], places[2], targets)

    def launch(_: int, count: int = targets) -> None:
        device.call("head", ctypes.byref(weight), places[2], places[3], count, out)

    def log_probs(count: int) -> torch.Tensor:
        device.call("upload", out, torch.full((targets,), float("nan")).data_ptr(), targets * 4)
        launch(0, count)
        return device.get(out, (count,), torch.float32)

    full = log_probs(targets)
    sample = torch.randperm(targets)[:CHECKED_ROWS]
    normed = states[sample] / (states[sample].double().pow(2).mean(1, keepdim=True) + 1e-5).sqrt()
    logits = normed.to(torch.bfloat16).double() @ matrix.cpu().double().t()
    exact = logits.log_softmax(-1).gather(1, ids[sample].long()[:, None]).squeeze(1)
    different = sum(int((log_probs(m).view(torch.int32) != full[:m].view(torch.int32)).sum()) for m in (1, 7, 129))
    samples = sample_batches_ms(launch, device.synchronize, 0.1 if not here.tiny else 0.02, 5)
    device.close()
    return {
        "error": float((full[sample].double() - exact).abs().max()),
        "tolerance": HEAD_TOLERANCE,
        "different": different,
        "tflops": [2 * targets * shape.vocabulary * shape.hidden / (ms * 1e9) for ms in samples],
    }


# ---- ours: attention --------------------------------------------------------------------------------------


def check_attention(run: dict, kernels: str) -> list[dict]:
    """All cases, one by one; a case that fails does not hide the others."""
    here, results = Run.from_arguments(run), []
    for numbers in attention_cases(here):
        try:
            results.append(check_attention_case(here, kernels, *numbers))
        except Exception as error:  # of any kind: it is the result of this case
            results.append({"failure": f"{type(error).__name__}: {error}"})
    return results


def check_attention_case(here: Run, kernels: str, prefix: int, branches: int, suffix: int) -> dict:
    case = AttentionCase(here, kernels, prefix, branches, suffix)
    case.poison()
    case.attend()
    found = case.found()
    some = torch.randperm(case.rows)[: CHECKED_ROWS - 2].tolist()
    rows = torch.tensor(sorted({0, case.rows - 1, *some}))
    error = relative_error(found[rows], case.exact(rows))
    unwritten = int((~torch.isfinite(found.float())).sum())
    different = 0
    for _ in range(3):
        case.poison()
        case.attend()
        different += int((case.found().view(torch.int16) != found.view(torch.int16)).sum())
    samples = sample_batches_ms(case.attend, case.device.synchronize, 0.15 if not here.tiny else 0.02, 5)
    tflops = [case.operations / (ms * 1e9) for ms in samples]
    kernels_used = case.kernels
    case.device.close()
    return {"error": error, "unwritten": unwritten, "different": different, "tflops": tflops, "facts": kernels_used}


def attention_cases(run: Run) -> list[tuple[int, int, int]]:
    """Prefix, branches, rows of each; one where nothing is a multiple of anything."""
    if run.tiny:
        return [(200, 3, 40), (128, 1, 70)]
    return [(1999, 5, 333), (2048, 8, 1023), (8192, 8, 1023), (32768, 8, 1023)]


# ---- the part -------------------------------------------------------------------------------------------------


def ask(run: Run, report: Report, function: str, kernels: str, limit_s: float) -> Any:
    """The result of the function in a process of its own; None where these kernels are not available here."""
    arguments = {"run": run.as_arguments(), "kernels": kernels}
    outcome = run_isolated("part_kernels", function, arguments, min(limit_s, report.seconds_left() - 5))
    if run.is_refusal(kernels, outcome.why):
        report.note(f"kernels {kernels} are not to be had here: {outcome.why[-300:]}")
        return None
    if outcome.status != "ok":
        raise RuntimeError(outcome.why)
    return outcome.value


def report_products(run: Run, report: Report, kernels: str) -> None:
    answer = ask(run, report, "check_products", kernels, 120)
    if answer is None:
        return
    report.fact(f"kernels {kernels}", answer["facts"])
    for name, entry in answer["products"].items():
        label = f"{name}, kernels {kernels}"
        report.figure(label, entry["tflops"], "TFLOP/s", f"M={batch_rows(run)}")
        detail = f"error {entry['error']:.2e}, at most {entry['tolerance']}"
        report.proof(f"{label}: equals float64", entry["error"] <= entry["tolerance"], detail)
        detail = f"{entry['different']} bytes differ in smaller batches"
        report.proof(f"{label}: a row does not depend on how many there are", entry["different"] == 0, detail)


def report_attention(run: Run, report: Report, kernels: str) -> None:
    answer = ask(run, report, "check_attention", kernels, 120)
    for (prefix, branches, suffix), entry in zip(attention_cases(run), answer or [], strict=False):
        label = f"attention, kernels {kernels}, P={prefix} K={branches} n={suffix}"
        if "failure" in entry:
            if run.is_refusal(kernels, entry["failure"]):
                report.note(f"{label}: not to be had here: {entry['failure'][:300]}")
            else:
                report.proof(f"{label}: runs", False, entry["failure"][:600])
            continue
        report.figure(label, entry["tflops"], "TFLOP/s", entry["facts"])
        detail = f"relative error {entry['error']:.2e}, at most {ATTENTION_TOLERANCE}"
        report.proof(f"{label}: equals float64", entry["error"] <= ATTENTION_TOLERANCE, detail)
        complete = entry["unwritten"] == 0 and entry["different"] == 0
        detail = f"{entry['unwritten']} values not written, {entry['different']} differ over 3 runs"
        report.proof(f"{label}: every value is written, and the same in 3 runs", complete, detail)


def sanitizer() -> str | None:
    beside = f"{find_cuda_home()}/bin/compute-sanitizer"
    return shutil.which("compute-sanitizer") or (beside if Path(beside).exists() else None)


def watch(
    report: Report, name: str, check: str, command: list[str], input_text: str | None, answer: Path | None = None
) -> None:
    """One program under one of the sanitizer's checks. `answer`: where it writes what it found, as `isolated` does."""
    if report.seconds_left() < 20:
        report.note(f"{check} of {name}: not run: out of time")
        return
    tool = [sanitizer() or "compute-sanitizer", "--tool", check, "--error-exitcode", "77"]
    outcome = run_command([*tool, *command], min(70, report.seconds_left() - 10), input_text)
    text = str(outcome.value or "")
    report.fact(f"{check} of {name}", {"seconds": outcome.seconds, "output": outcome.output_tail.splitlines()[-20:]})
    said = [line for line in text.splitlines() if line.startswith("====")]  # the sanitizer itself
    summary = " | ".join(line.strip("= ") for line in said if "SUMMARY" in line)
    if any("not supported" in line or "Unable to" in line for line in said):
        report.note(f"{check} of {name}: this machine does not let it work (gVisor does not)")
    elif outcome.status == "timed out":
        report.note(f"{check} of {name}: not done after {outcome.seconds:.0f} s")
    else:
        # No errors in what did not run prove nothing.
        failure = outcome.why[-300:] if outcome.status != "ok" else failure_in(answer) if answer is not None else None
        report.proof(f"{check} of {name}", failure is None and summary != "", f"{summary} {failure or ''}".strip())


def failure_in(answer: Path) -> str | None:
    """What a process of `isolated` failed with, as a whole or in one of its cases; None where all of it ran."""
    content = json.loads(answer.read_text()) if answer.exists() else {"error": "it ended without an answer"}
    cases = content.get("value")
    failures = [case["failure"] for case in cases if "failure" in case] if isinstance(cases, list) else []
    return content.get("error") or next(iter(failures), None)


def sanitize(run: Run, report: Report) -> None:
    """The C++ test of the device, and the kernels of Hopper on small shapes, as that test does not name them all."""
    program = run.build_folder / "tests/device_test"
    if sanitizer() is None:
        report.note("compute-sanitizer is not on this machine: not run")
        return
    if program.exists():
        for check in ("memcheck", "racecheck"):
            watch(report, "device_test", check, [str(program), "cuda "], None)
    else:
        report.note("tests/device_test was not built: not run under compute-sanitizer")
    small = replace(run, scale="tiny", host_tensors=True)
    for function in ("check_attention", "check_products"):
        arguments = json.dumps({"run": small.as_arguments(), "kernels": "hopper"})
        with tempfile.TemporaryDirectory() as folder:
            answer = Path(folder) / "answer.json"
            command = [sys.executable, str(ISOLATED), "part_kernels", function, str(answer)]
            watch(report, f"hopper, {function}", "memcheck", command, arguments, answer)


def main(run: Run, report: Report) -> None:
    with report.step("copy"):
        rates.measure_copy(run, report)
    with report.step("torch, square product"):
        rates.measure_square_product(run, report)
    with report.step("torch, products of the model"):
        time_torch_products(run, report)
    for tokens in [2048, 8192, 32768] if not run.tiny else [256]:
        for causal in (False, True):
            with report.step(f"torch, attention of {tokens} {'causal' if causal else 'no mask'}"):
                rates.measure_attention(run, report, tokens, causal)
    if run.device == "cpu":
        report.note(
            "the CPU reference has no function table of its own to call: use --device emulated to try our kernels"
        )
        return
    for kernels in run.kernels:
        why_not = run.why_not(kernels)
        if why_not is not None:
            report.note(f"kernels {kernels}: left out: {why_not}")
            continue
        if kernels in PRODUCT_CHOICES:
            with report.step(f"products, kernels {kernels}"):
                report.need(20)
                report_products(run, report, kernels)
        if kernels in ATTENTION_CHOICES:
            with report.step(f"attention, kernels {kernels}"):
                report.need(20)
                report_attention(run, report, kernels)
    if run.device == "cuda":
        with report.step("compute-sanitizer"):
            report.need(25)
            sanitize(run, report)
