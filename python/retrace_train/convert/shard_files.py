"""
Foreign rows as our own shards: Parquet, one row in a row group, and a manifest.

What is not known of foreign data has the value that claims least: `renderer` names its format, `masks` is empty, and
cuts and repeated headers are 0.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..failures import TrainingFailure
from ..shards import IGNORE_INDEX, Row
from .mds import Untrained
from .output import MAX_FILE_TOKENS, FilesByDomain


def write_shards(
    rows: Iterable[Row],
    out: Path,
    model: Path,
    origin: str,
    untrained: Untrained,
    max_tokens: int = MAX_FILE_TOKENS,
) -> dict[str, Any]:
    """Returns the manifest; reads `untrained` after all rows. @raises TrainingFailure DATA_INVALID, MODEL_INVALID"""
    tokenizer = _tokenizer_of(model)
    shards: list[dict[str, Any]] = []
    domains: dict[str, dict[str, int]] = {}
    longest = 0

    def open_file(name: str, domain: str) -> _ShardFile:
        return _ShardFile(out, name, {"domain": domain, "renderer": origin, "tokenizer": tokenizer["digest"]}, shards)

    files = FilesByDomain(open_file, max_tokens)
    for row in rows:
        _check_ids(row, tokenizer["vocabularySize"], model)
        files.add(row)
        longest = max(longest, len(row.input_ids))
        totals = domains.setdefault(row.domain, {"documents": 0, "pieces": 0, "tokens": 0, "trainedTokens": 0})
        totals["documents"] += len(row.doc_ids)
        totals["pieces"] += len(row.doc_ids)
        totals["tokens"] += len(row.input_ids)
        totals["trainedTokens"] += _trained(row)
    files.close()
    if not shards:
        raise TrainingFailure("DATA_INVALID", "No row has anything to train, so nothing was converted.")
    manifest = {
        "schemaVersion": 1,
        "sequenceLength": longest,
        "renderer": origin,
        "masks": {},
        "tokenizer": tokenizer,
        "seed": 0,
        "shards": sorted(shards, key=lambda shard: shard["file"]),
        "domains": domains,
        "packing": _packing(shards, domains, longest, untrained),
    }
    (out / "manifest.json").write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n")
    return manifest


def _packing(shards: list[dict], domains: dict[str, dict[str, int]], longest: int, untrained: Untrained) -> dict:
    total = {key: sum(domain[key] for domain in domains.values()) for key in ("documents", "tokens", "trainedTokens")}
    rows = sum(shard["rows"] for shard in shards)
    return {
        **total,
        "rows": rows,
        "fillRatio": total["tokens"] / (rows * longest),
        "documentsCut": 0,
        "pieces": total["documents"],
        "sourceTokens": total["tokens"] + untrained.tokens,
        "repeatedHeaderTokens": 0,
        "piecesWithoutHeader": 0,
        "untrained": {"pieces": untrained.pieces, "tokens": untrained.tokens},
        "dropped": [],
        "irregularBorders": 0,
    }


class _ShardFile:
    def __init__(self, out: Path, name: str, metadata: dict[str, Any], shards: list[dict]):
        import pyarrow as arrow
        import pyarrow.parquet as parquet

        lists = [(column, arrow.list_(arrow.int32())) for column in ("input_ids", "labels", "seq_lengths")]
        others = [("domain", arrow.string()), ("doc_ids", arrow.list_(arrow.string()))]
        self._schema = arrow.schema(lists + others)
        self._path = out / f"{name}.parquet"
        self._writer = parquet.ParquetWriter(
            self._path, self._schema, compression="zstd", use_dictionary=False, write_statistics=False
        )
        self._arrow, self._metadata, self._shards = arrow, metadata, shards
        self._totals = {"rows": 0, "tokens": 0, "trainedTokens": 0}
        self._longest = 0

    def add(self, row: Row) -> None:
        cells = [row.input_ids, row.labels, row.seq_lengths, row.domain, row.doc_ids]
        arrays = [self._arrow.array([cell], field.type) for cell, field in zip(cells, self._schema, strict=True)]
        self._writer.write_table(self._arrow.table(arrays, schema=self._schema))
        self._totals["rows"] += 1
        self._totals["tokens"] += len(row.input_ids)
        self._totals["trainedTokens"] += _trained(row)
        self._longest = max(self._longest, len(row.input_ids))

    def close(self) -> None:
        footer = json.dumps({**self._metadata, "sequenceLength": self._longest}, sort_keys=True, separators=(",", ":"))
        self._writer.add_key_value_metadata({"retrace": footer})
        self._writer.close()
        with self._path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = self._path.stat().st_size
        written = {"file": self._path.name, "format": "parquet", "sha256": sha256, "sizeBytes": size}
        self._shards.append(written | self._totals)


def _tokenizer_of(model: Path) -> dict[str, Any]:
    """Digest of the file and size of the vocabulary (the largest id plus one), as in packing."""
    path = model / "tokenizer.json"
    try:
        data = path.read_bytes()
        tokenizer = json.loads(data)
        ids = [*tokenizer["model"]["vocab"].values(), *(token["id"] for token in tokenizer.get("added_tokens", []))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} cannot be read as a tokenizer ({error}). Name a Hugging Face folder that has one."
        raise TrainingFailure("MODEL_INVALID", message, path=str(path)) from error
    return {"digest": hashlib.sha256(data).hexdigest(), "vocabularySize": max(ids) + 1}


def _check_ids(row: Row, vocabulary: int, model: Path) -> None:
    low, high = int(row.input_ids.min()), int(row.input_ids.max())
    if low >= 0 and high < vocabulary:
        return
    message = (
        f"Document {row.doc_ids[0]} and those beside it have ids from {low} to {high}, and the tokenizer of {model} "
        f"has {vocabulary}: they come from another tokenizer. Name a model with theirs."
    )
    raise TrainingFailure("DATA_INVALID", message, document=row.doc_ids[0])


def _trained(row: Row) -> int:
    return int(np.count_nonzero(row.labels != IGNORE_INDEX))
