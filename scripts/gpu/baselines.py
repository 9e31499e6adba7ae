"""The same work done by Transformers: scores of K branches behind a prefix.

Both are written as well as their users could write them without kernels of their own: log-softmax is taken of the
rows that are scored alone, and in chunks.
"""

import copy

import torch

CHUNK_ROWS = 2048


def target_log_probs(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """logits [R, V], targets [R] -> float32 [R], nats."""
    parts = []
    for start in range(0, targets.numel(), CHUNK_ROWS):
        rows = logits[start : start + CHUNK_ROWS].float().log_softmax(-1)
        chosen = targets[start : start + CHUNK_ROWS]
        parts.append(rows.gather(1, chosen[:, None]).squeeze(1))
    return torch.cat(parts)


def on(device: torch.device, tokens: torch.Tensor) -> torch.Tensor:
    return tokens.to(device=device, dtype=torch.long)


@torch.inference_mode()
def score_naively(model, prefix: torch.Tensor, branches: list[torch.Tensor], thought: int) -> torch.Tensor:
    """One forward for each candidate over prefix and branch, with logits at every position."""
    device = model.lm_head.weight.device
    results = []
    for branch in branches:
        ids = on(device, torch.cat([prefix, branch]))
        logits = model(ids[None], use_cache=False).logits[0]
        first = prefix.numel() + thought
        results.append(target_log_probs(logits[first - 1 : -1], ids[first:]))
        del logits
    return torch.cat(results).cpu()


@torch.inference_mode()
def prefill(model, prefix: torch.Tensor):
    """The prefix's cache, and the logits behind its last token."""
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    ids = on(model.lm_head.weight.device, prefix)
    output = model(ids[None], past_key_values=cache, use_cache=True, logits_to_keep=1)
    return output.past_key_values


@torch.inference_mode()
def score_behind_cache(model, cache, branches: list[torch.Tensor], thought: int) -> torch.Tensor:
    """The prefix's cache expanded to one copy for each branch, all branches as one batch, logits of the targets alone.
    All branches are of one length, and `thought` is at least 1."""
    expanded = copy.copy(cache)
    expanded.layers = [copy.copy(layer) for layer in cache.layers]  # the tensors are copied by the expansion alone
    expanded.batch_repeat_interleave(len(branches))
    ids = on(model.lm_head.weight.device, torch.stack(branches))
    targets = ids[:, thought:]
    logits = model(ids[:, :-1], past_key_values=expanded, use_cache=True, logits_to_keep=targets.shape[1]).logits
    return target_log_probs(logits.flatten(0, 1), targets.flatten()).cpu()


@torch.inference_mode()
def score_sequence(model, tokens: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of all tokens but the first."""
    ids = on(model.lm_head.weight.device, tokens)
    logits = model(ids[None], use_cache=False).logits[0]
    return target_log_probs(logits[:-1], ids[1:]).cpu()
