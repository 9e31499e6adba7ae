"""
The packed Parquet of Megatron-Bridge: `input_ids`, `loss_mask`, `seq_start_id`, and nothing else.

The mask is aligned with the input: position t says whether the prediction of token t + 1 counts, so it is our labels
shifted by one. A row group has one row; with Bridge's own 500 a shuffled reader decodes all of them for one.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ..shards import IGNORE_INDEX, Row, Rows
from .output import FilesByDomain


def write_bridge(rows: Rows, out: Path) -> dict[str, int]:
    files = FilesByDomain(lambda name, domain: _BridgeFile(out / f"{name}.parquet"))
    for index in range(len(rows)):
        files.add(rows.read(index))
    files.close()
    return {"rows": len(rows), "tokens": int(rows.tokens.sum())}


def loss_mask_of(row: Row) -> np.ndarray:
    """int8 [T]; 0 at the last token of a document, since the next label is of another document and never trained."""
    mask = np.zeros(len(row.labels), np.int8)
    mask[:-1] = row.labels[1:] != IGNORE_INDEX
    return mask


class _BridgeFile:
    def __init__(self, path: Path):
        import pyarrow as arrow
        import pyarrow.parquet as parquet

        integers = {"input_ids": arrow.int32(), "loss_mask": arrow.int8(), "seq_start_id": arrow.int32()}
        self._schema = arrow.schema([(name, arrow.list_(kind)) for name, kind in integers.items()])
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd", use_dictionary=False)
        self._arrow = arrow

    def add(self, row: Row) -> None:
        starts = np.cumsum(row.seq_lengths) - row.seq_lengths
        cells: list[Any] = [row.input_ids, loss_mask_of(row), starts]
        arrays = [self._arrow.array([cell], field.type) for cell, field in zip(cells, self._schema, strict=True)]
        self._writer.write_table(self._arrow.table(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()
