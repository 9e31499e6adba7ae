"""
A micro-batch: rows in sequence as a single packed sequence, and the loss of each row.

Shapes: T tokens of all its rows, n trained tokens, R rows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from .loss import trained_positions
from .shards import Row


@dataclass
class Batch:
    rows: Sequence[Row]
    input_ids: torch.Tensor  # int64 [1, T]
    labels: torch.Tensor  # int64 [1, T]
    position_ids: torch.Tensor  # int64 [1, T], from 0 in each document
    seq_lengths: np.ndarray  # int64, of all documents
    trained_of: list[int]  # [R], sums to n
    nll_of: list[float] = field(default_factory=list)  # [R] nats, once the loss is known

    @property
    def trained(self) -> int:
        return sum(self.trained_of)

    def run(self, model: torch.nn.Module, device: torch.device) -> torch.Tensor:
        """nll [n] of the trained tokens, for the backward pass."""
        tensors = (self.input_ids, self.labels, self.position_ids)
        return model(*(tensor.to(device, non_blocking=True) for tensor in tensors), self.seq_lengths)

    def note_loss(self, nll: torch.Tensor) -> None:
        parts = nll.detach().double().split(self.trained_of)
        self.nll_of = torch.stack([part.sum() for part in parts]).tolist()

    def documents(self, only_not_finite: bool = False) -> list[str]:
        rows = zip(self.rows, self.nll_of, strict=True)
        return [name for row, nll in rows if not (only_not_finite and math.isfinite(nll)) for name in row.doc_ids]


def make_batches(rows: Sequence[Row], batch_rows: int) -> list[Batch]:
    return [_make_batch(rows[begin : begin + batch_rows]) for begin in range(0, len(rows), batch_rows)]


def _make_batch(rows: Sequence[Row]) -> Batch:
    positions = [np.concatenate([np.arange(length) for length in row.seq_lengths]) for row in rows]
    labels = [torch.from_numpy(row.labels) for row in rows]
    position_ids = [torch.from_numpy(row_positions) for row_positions in positions]
    trained_of = [len(trained_positions(*row)) for row in zip(labels, position_ids, strict=True)]
    return Batch(
        rows=rows,
        input_ids=torch.cat([torch.from_numpy(row.input_ids) for row in rows]).unsqueeze(0),
        labels=torch.cat(labels).unsqueeze(0),
        position_ids=torch.cat(position_ids).unsqueeze(0),
        seq_lengths=np.concatenate([row.seq_lengths for row in rows]),
        trained_of=trained_of,
    )
