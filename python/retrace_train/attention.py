"""
Attention that keeps the documents of a packed sequence apart, under the name "packed" for Transformers' models.

On CUDA one `varlen_attn` call (FlashAttention, built into torch) for all documents. Elsewhere, and in float32, which
that kernel does not support, one causal call of scaled_dot_product_attention for each document. No mask of T x T is
made: Transformers makes none for an attention without a mask function.

The starts of the documents come from `cu_seq_lens_q` where the caller gives it (PackedModel does), else from
`position_ids` that restart at 0 (TRL does that). A call with neither has a single document.

Shapes: B rows, T tokens, H query heads, K key/value heads, D head size, N documents.
"""

import inspect
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F

try:
    from torch.nn.attention import varlen

    varlen_attn: Any = varlen.varlen_attn  # its keywords differ between versions of torch
except ImportError:  # older than torch 2.10
    varlen_attn = None

NAME = "packed"


def register_packed_attention() -> str:
    """Registers "packed" with Transformers; returns the name, for a config's `_attn_implementation`."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, packed_attention)
    return NAME


def describe_attention(device: torch.device, dtype: torch.dtype) -> str:
    return "varlen_attn" if _has_varlen(device, dtype) else "scaled_dot_product_attention per document"


def boundaries(seq_lengths: Any, device: torch.device) -> dict[str, Any]:
    """Arguments that the model passes to every block: starts of documents (int32 [N + 1]), length of the longest."""
    lengths = torch.as_tensor(seq_lengths, dtype=torch.int32)
    starts = F.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0)).to(device)
    longest = int(lengths.max())
    return {"cu_seq_lens_q": starts, "cu_seq_lens_k": starts, "max_length_q": longest, "max_length_k": longest}


def packed_attention(
    module: torch.nn.Module | None,
    query: torch.Tensor,  # [B, H, T, D]
    key: torch.Tensor,  # [B, K, T, D]
    value: torch.Tensor,  # [B, K, T, D]
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention function of Transformers: returns [B, T, H, D] and no weights."""
    if attention_mask is not None or dropout or query.shape[2] != key.shape[2]:
        raise ValueError("packed attention takes no mask, no dropout and no cached keys; position_ids part documents")
    rows, heads, tokens, size = query.shape
    starts = kwargs.get("cu_seq_lens_q")
    if starts is None:
        starts = _starts(kwargs.get("position_ids"), rows, tokens, query.device)
    # All rows in sequence: [B * T, heads, D].
    query, key, value = (states.transpose(1, 2).reshape(rows * tokens, -1, size) for states in (query, key, value))
    if _has_varlen(query.device, query.dtype):
        longest = kwargs.get("max_length_q") or int(starts.diff().max())
        output = _attend_varlen(query, key, value, starts, longest, scaling)
    else:
        output = _attend_each(query, key, value, starts.tolist(), scaling)
    return output.view(rows, tokens, heads, size), None


def _starts(position_ids: torch.Tensor | None, rows: int, tokens: int, device: torch.device) -> torch.Tensor:
    """int32 [N + 1] from position_ids [1 or B, T]; every row begins a document, whatever its first position is."""
    if position_ids is None:
        return torch.arange(0, rows * tokens + 1, tokens, dtype=torch.int32, device=device)
    begins = position_ids.expand(rows, tokens) == 0
    first = torch.arange(tokens, device=begins.device) == 0
    starts = (begins | first).flatten().nonzero().squeeze(1).to(device=device, dtype=torch.int32)
    return F.pad(starts, (0, 1), value=rows * tokens)


def _has_varlen(device: torch.device, dtype: torch.dtype) -> bool:
    return varlen_attn is not None and device.type == "cuda" and dtype in (torch.bfloat16, torch.float16)


def _attend_varlen(query, key, value, starts, longest: int, scaling: float | None) -> torch.Tensor:
    """query [T, H, D], key and value [T, K, D] to [T, H, D]; the keywords differ between versions of torch."""
    known = inspect.signature(varlen_attn).parameters
    options: dict[str, Any] = {"scale": scaling} if "scale" in known else {}
    options |= {"window_size": (-1, 0)} if "window_size" in known else {"is_causal": True}
    if "num_splits" in known and torch.are_deterministic_algorithms_enabled():
        options["num_splits"] = 1  # else the kernel splits, and so rounds, by length
    groups = query.shape[1] // key.shape[1]
    if groups > 1 and "enable_gqa" in known:
        options["enable_gqa"] = True
    elif groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    if "scale" not in known and scaling is not None:
        query = query * (scaling * query.shape[-1] ** 0.5)  # the kernel then scales by D ** -0.5
    return varlen_attn(query, key, value, starts, starts, longest, longest, **options)


def _attend_each(query, key, value, starts: list[int], scaling: float | None) -> torch.Tensor:
    """query [T, H, D], key and value [T, K, D] to [T, H, D], one document after the other."""
    if key.shape[1] != query.shape[1] and query.device.type == "cuda":
        # In float32 the only kernel with grouped heads writes all scores. With repeated heads another one can be used.
        groups = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    outputs = []
    for begin, end in pairwise(starts):
        # [1, heads, document, D]
        states = [whole[begin:end].transpose(0, 1).unsqueeze(0) for whole in (query, key, value)]
        grouped = query.shape[1] != key.shape[1]
        output = F.scaled_dot_product_attention(*states, is_causal=True, scale=scaling, enable_gqa=grouped)
        outputs.append(output.squeeze(0).transpose(0, 1))
    return torch.cat(outputs)
