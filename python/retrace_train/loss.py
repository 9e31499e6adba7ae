"""
Loss of the trained tokens alone: they are picked before the head, so an untrained token costs no logits and no
gradient reaches the head or a hidden state from it.

Shapes: T tokens, n trained tokens, C channels, V vocabulary.
"""

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

IGNORED = -100


def trained_positions(labels: torch.Tensor, position_ids: torch.Tensor) -> torch.Tensor:
    """
    Ascending positions t [n] of the tokens that are predicted and count; labels and position_ids are [T].

    Labels are target-aligned: labels[t] is token t, or IGNORED. The state that predicts token t is that of t - 1, which
    for a document's first token is in the document before it: such a token is never trained.
    """
    return ((labels != IGNORED) & (position_ids != 0)).nonzero().squeeze(1)


def chunked_nll(hidden: torch.Tensor, targets: torch.Tensor, head: torch.nn.Linear, chunk_tokens: int) -> torch.Tensor:
    """
    Negative log-likelihoods in nats, float32 [n], of targets [n] behind hidden [n, C].

    Logits exist for `chunk_tokens` tokens at once; the backward pass makes them again: 64k tokens of Llama-3's
    vocabulary would be 31 GiB of float32. With n = 0 one empty chunk still goes through the head: its gradient is then
    zeros and not missing, and all ranks reduce the same parameters.
    """
    parts = [
        checkpoint(_nll, states, wanted, head, use_reentrant=False, preserve_rng_state=False)
        for states, wanted in zip(hidden.split(chunk_tokens), targets.split(chunk_tokens), strict=True)
    ]
    return torch.cat(parts)


def _nll(hidden: torch.Tensor, targets: torch.Tensor, head: torch.nn.Linear) -> torch.Tensor:
    return F.cross_entropy(head(hidden).float(), targets, reduction="none")
