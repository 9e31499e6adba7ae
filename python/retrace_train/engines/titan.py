"""
Our shards in torchtitan: a row as its `TextSequence`. Not run inside torchtitan by us: its data components are on main
alone (the releases up to 0.3.0 have none), they change from week to week, and main wants a nightly torch.

    SingleDatasetConfig(
        source=HuggingFaceRandomAccessSource.Config(
            path="parquet", load_dataset_kwargs={"data_files": "SHARDS/*.parquet"}, split="train"
        ),
        processor=make_row_processor().Config(),
    )

No packing config behind it: a row is packed. Labels are moved here, as main's own processors do it; some of its earlier
collators moved them once more, so see that yours leaves them where they are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


def shifted(row: dict[str, Any]) -> dict[str, np.ndarray]:
    """
    int64 [T - 1] each: labels[t] belongs to input_ids[t + 1], or is -100; positions are 0 where a document begins.

    Nothing is predicted over a border, for a document's first label is -100 in every shard.
    """
    ids, labels = (np.asarray(row[name], np.int64) for name in ("input_ids", "labels"))
    positions = np.concatenate([np.arange(length, dtype=np.int64) for length in row["seq_lengths"]])
    return {"input_ids": ids[:-1], "labels": labels[1:], "positions": positions[:-1]}


def make_row_processor() -> type:
    """The class for torchtitan's `processor`; made on call, for without torchtitan there is nothing to derive from."""
    from torchtitan.components.data import (  # pyright: ignore[reportMissingImports]
        SampleProcessor,
        TextSequence,
    )

    class RowProcessor(SampleProcessor):
        @dataclass(kw_only=True, slots=True)
        class Config(SampleProcessor.Config):
            pass

        def __init__(self, config: Any, *, context: Any):
            pass

        def __call__(self, row: dict[str, Any], rng: Any) -> Any:
            return TextSequence(**shifted(row))

    return RowProcessor
