"""The ceilings of this machine, measured with torch's libraries: copies, matrix products, attention."""

from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as functional

from results import Report
from run import Run
from timing import sample_batches_ms, synchronize

# Random inputs always: products of zeros run faster than any model's.
SQUARE = 8192


def random_bf16(run: Run, *size: int) -> torch.Tensor:
    return torch.empty(size, dtype=torch.bfloat16, device=run.torch_device).normal_()


def waiter(run: Run):
    return lambda: synchronize(run.torch_device)


def measure_copy(run: Run, report: Report) -> float:
    """Bytes read and written, per second."""
    elements = (1 << 32) // 2 if not run.tiny else 1 << 22
    source = random_bf16(run, elements)
    target = torch.empty_like(source)
    samples = sample_batches_ms(lambda _: target.copy_(source), waiter(run), 0.2, 5)
    rates = [2 * source.numel() * 2 / (ms * 1e-3) for ms in samples]
    return report.figure("copy", [rate / 1e12 for rate in rates], "TB/s", "device to device, read and written") * 1e12


def measure_square_product(run: Run, report: Report, name: str = "torch matmul, square") -> float:
    """Operations per second of one large product: the ceiling of matrix work."""
    size = SQUARE if not run.tiny else 384
    inputs = [(random_bf16(run, size, size), random_bf16(run, size, size)) for _ in range(2)]
    samples = sample_batches_ms(lambda turn: torch.mm(*inputs[turn % 2]), waiter(run), 0.15, 7)
    rates = [2 * size**3 / (ms * 1e-3) / 1e12 for ms in samples]
    return report.figure(name, rates, "TFLOP/s", f"{size}^3, bfloat16, random") * 1e12


def backends(run: Run) -> dict:
    if run.torch_device == "cpu":
        return {"default": None}
    from torch.nn.attention import SDPBackend

    return {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}


def attention_samples(run: Run, tokens: int, causal: bool, backend: Any, heads: int, kv_heads: int, width: int):
    """Milliseconds of torch's attention of `tokens` queries over as many keys. As with grouped heads; where a backend
    does not know them, the keys are expanded before the clock starts."""
    batch = max(1, 16384 // tokens) if not run.tiny else 1
    query = random_bf16(run, batch, heads, tokens, width)
    key, value = (random_bf16(run, batch, kv_heads, tokens, width) for _ in range(2))

    def context():
        return torch.nn.attention.sdpa_kernel(backend) if backend is not None else nullcontext()

    def sample(k: torch.Tensor, v: torch.Tensor, **options: Any) -> list[float]:
        def launch(_: int) -> None:
            functional.scaled_dot_product_attention(query, k, v, is_causal=causal, **options)

        with context(), torch.inference_mode():
            return sample_batches_ms(launch, waiter(run), 0.15, 5)

    try:
        return batch, sample(key, value, enable_gqa=True), "grouped"
    except RuntimeError:
        repeats = heads // kv_heads
        expanded = [tensor.repeat_interleave(repeats, dim=1) for tensor in (key, value)]
        return batch, sample(*expanded), "expanded"


def measure_attention(run: Run, report: Report, tokens: int, causal: bool) -> float | None:
    """The best backend's operations per second."""
    heads, kv_heads, width = (32, 8, 128) if not run.tiny else (4, 2, 64)
    best = None
    for name, backend in backends(run).items():
        label = f"torch attention {name} {'causal' if causal else 'no mask'} {tokens}"
        try:
            batch, samples, how = attention_samples(run, tokens, causal, backend, heads, kv_heads, width)
        except RuntimeError as error:
            report.note(f"{label}: {str(error).splitlines()[0][:200]}")
            continue
        pairs = tokens * (tokens + 1) / 2 if causal else tokens * tokens
        operations = 4 * batch * heads * width * pairs
        median = report.figure(label, [operations / (ms * 1e-3) / 1e12 for ms in samples], "TFLOP/s", f"{how} heads")
        best = max(best or 0.0, median * 1e12)
    return best
