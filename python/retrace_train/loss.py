"""
Loss of the trained tokens only. They are picked before the head, so that untrained tokens cost no logits and give the
head and the hidden states no gradient.

Shapes: T tokens, n trained tokens, C channels, V vocabulary.
"""

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

IGNORED = -100


def trained_positions(labels: torch.Tensor, position_ids: torch.Tensor) -> torch.Tensor:
    """
    Ascending positions t [n] of the trained tokens; labels and position_ids are [T].

    Labels are target-aligned: labels[t] is token t, or IGNORED. The state at t - 1 predicts token t. For the first
    token of a document that state is in the document before, so it is never trained.
    """
    return ((labels != IGNORED) & (position_ids != 0)).nonzero().squeeze(1)


def chunked_nll(hidden: torch.Tensor, targets: torch.Tensor, head: torch.nn.Linear, chunk_tokens: int) -> torch.Tensor:
    """
    Negative log-likelihoods in nats, float32 [n], of targets [n] behind hidden [n, C].

    Only the logits of `chunk_tokens` tokens exist at a time, and the backward pass computes them again: for 64k tokens
    of Llama-3's vocabulary they would be 31 GiB of float32. With n = 0 an empty chunk still passes through the head, so
    that its gradient is zero and not missing, and all ranks reduce the same parameters.
    """
    parts = [
        checkpoint(_nll, states, wanted, head, use_reentrant=False, preserve_rng_state=False)
        for states, wanted in zip(hidden.split(chunk_tokens), targets.split(chunk_tokens), strict=True)
    ]
    return torch.cat(parts)


def _nll(hidden: torch.Tensor, targets: torch.Tensor, head: torch.nn.Linear) -> torch.Tensor:
    return F.cross_entropy(head(hidden).float(), targets, reduction="none")
