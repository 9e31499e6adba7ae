"""
Loss on held-out rows, by domain and by position in the document.

Each document is scored alone, from position 0, as training sees it in its row. Tokens without a label are context. A
trained special token counts in the loss and has no bytes, so it raises the bits per byte.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from retrace_train.shards import IGNORE_INDEX, Row, Rows

from .model import Model
from .results import Likelihood, Progress

FIRST_BUCKET = 512  # tokens; each following bucket ends at twice the position


def score_held_out(model: Model, rows: Rows, progress: Progress) -> dict[str, Any]:
    everything, by_domain, by_bucket = Likelihood(), defaultdict(Likelihood), defaultdict(Likelihood)
    too_long = {"documents": 0, "tokens": 0}
    for index in range(len(rows)):
        row = rows.read(index)
        for ids, labels in documents_of(row):
            if len(ids) > model.max_positions:
                too_long["documents"] += 1
                too_long["tokens"] += len(ids)
                continue
            positions = np.flatnonzero(labels[1:] != IGNORE_INDEX) + 1  # nothing predicts the first token
            nll, sizes, buckets = model.nll(ids, positions), model.tokens.sizes[ids[positions]], buckets_of(positions)
            everything.add(nll, sizes)
            by_domain[row.domain].add(nll, sizes)
            for bucket in np.unique(buckets):
                by_bucket[int(bucket)].add(nll[buckets == bucket], sizes[buckets == bucket])
        progress.advance()
    return {
        "all": everything.to_json(),
        "domains": {domain: by_domain[domain].to_json() for domain in sorted(by_domain)},
        "positions": [{**_range_of(bucket), "likelihood": by_bucket[bucket].to_json()} for bucket in sorted(by_bucket)],
        "tooLong": too_long,
    }


def documents_of(row: Row) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Ids and labels of each document."""
    borders = np.cumsum(row.seq_lengths)[:-1]
    return zip(np.split(row.input_ids, borders), np.split(row.labels, borders), strict=True)


def buckets_of(positions: np.ndarray) -> np.ndarray:
    """0 for positions before 512, 1 before 1024, 2 before 2048 and so on."""
    return np.ceil(np.log2((positions + 1) / FIRST_BUCKET)).clip(0).astype(np.int64)


def _range_of(bucket: int) -> dict[str, int]:
    return {"from": FIRST_BUCKET << bucket >> 1 if bucket else 0, "to": FIRST_BUCKET << bucket}
