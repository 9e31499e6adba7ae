"""
The arithmetic that training needs and the arithmetic that a device can do: MFU is their quotient.

A product of [m, k] and [k, n] counts as 2 m k n; the backward pass counts twice the forward pass. Not counted are
recomputation by activation checkpointing, norms, rotations and the softmax, as in the papers that MFU is compared with.
"""

import re
import time
from typing import Any

import torch

# FLOP/s by words of the device's name; NVIDIA's data sheets and architecture papers: bf16 with float32 sums, dense
# (half of the figure "with sparsity"). The first line whose words all occur is used, so longer names come first.
PEAK_FLOPS = {
    ("GB200",): 2.5e15,
    ("B200",): 2.25e15,
    ("GH200",): 989.4e12,
    ("H200", "NVL"): 835.5e12,
    ("H200",): 989.4e12,
    ("H100", "PCIe"): 756.5e12,
    ("H100", "NVL"): 835.5e12,
    ("H100",): 989.4e12,
    ("H800", "PCIe"): 756.5e12,
    ("H800",): 989.4e12,
    ("H20",): 148e12,
    ("A100",): 311.8e12,
    ("A800",): 311.8e12,
    ("L40S",): 362.1e12,
    ("L40",): 181.1e12,
    ("L4",): 121e12,
    ("A40",): 149.7e12,
    ("A30",): 165e12,
    ("A10",): 125e12,
    ("A6000",): 154.8e12,
    ("6000", "Ada"): 364.2e12,
    ("5090",): 209.5e12,
    ("4090",): 165.2e12,
    ("3090",): 71e12,
}
# Words in the names of parts of a GPU, or of slower GPUs.
NOT_THE_WHOLE_CARD = {"MIG", "Laptop", "D", "Max", "Ti", "Mobile"}


def model_flops(config: Any, tokens: int, trained_tokens: int, square_sum: float) -> float:
    """
    FLOP of the forward and backward pass over packed rows.

    @param config Hugging Face's config of a Llama
    @param square_sum sum of the squared lengths of documents: causal attention computes half of each square for the
        scores, and again for the values
    """
    hidden, heads = config.hidden_size, config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or hidden // heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    attention = 2 * hidden * heads * head_dim + 2 * hidden * kv_heads * head_dim  # queries and output, keys and values
    block = attention + 3 * hidden * config.intermediate_size
    matmuls = 2 * config.num_hidden_layers * block * tokens
    head = 2 * hidden * config.vocab_size * trained_tokens  # targets are picked before the head
    causal = 2 * config.num_hidden_layers * heads * head_dim * square_sum
    return 3.0 * (matmuls + head + causal)


def peak_flops(device: torch.device, dtype: torch.dtype = torch.bfloat16) -> tuple[float | None, str | None]:
    """
    FLOP/s of a device and their source: "datasheet" (bf16, dense) for a known GPU, else "measured" by a product in the
    type that training computes in; `(None, None)` where the product fails.
    """
    if device.type == "cuda":
        known = datasheet_flops(torch.cuda.get_device_name(device))
        if known is not None and dtype == torch.bfloat16:
            return known, "datasheet"
    try:
        return _measure(device, dtype), "measured"
    except RuntimeError:  # no such product on this device, or no memory for it
        return None, None


def datasheet_flops(name: str) -> float | None:
    words = set(re.split(r"[\s-]+", name))
    if words & NOT_THE_WHOLE_CARD:
        return None
    return next((flops for card, flops in PEAK_FLOPS.items() if words.issuperset(card)), None)


def _measure(device: torch.device, dtype: torch.dtype) -> float:
    """The fastest of a few products of square matrices; on a CPU with the process's threads, in about 0.2 s."""
    side = 8192 if device.type == "cuda" else 1024
    # Random, since constant data switches fewer transistors, so that a GPU runs faster than on real data.
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    seconds, deadline = float("inf"), time.perf_counter() + 0.2
    for attempt in range(20):
        _wait(device)
        start = time.perf_counter()
        torch.mm(left, right)
        _wait(device)
        if attempt > 0:  # the first run only warms up
            seconds = min(seconds, time.perf_counter() - start)
        if attempt > 1 and time.perf_counter() > deadline:
            break
    return 2.0 * side**3 / seconds


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
