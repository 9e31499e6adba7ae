"""
MDS, the format of MosaicML's streaming, in which ProLong trains (princeton-nlp/ProLong, training/dataset.py and
datatools' pack.py) and publishes its data.

A sample is a row: `input_ids`, `indices` (start and end of each document), `length`, `domain`, and `mask`, aligned with
the target. ProLong uses the mask only with --apply_instruct_masks. `doc_ids` is our addition, which it does not read.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..failures import TrainingFailure
from ..shards import IGNORE_INDEX, Row, Rows
from .output import check_domain

COLUMNS = {
    "input_ids": "ndarray:uint32",
    "indices": "ndarray:uint32",
    "length": "uint64",
    "domain": "str",
    "mask": "ndarray:uint8",
    "doc_ids": "json",
}
# Levels of folders in ProLong's data: domain, length, worker.
MAX_DEPTH = 6


def write_mds(rows: Rows, out: Path) -> dict[str, int]:
    """Writes a dataset for each domain, in its own folder, since ProLong mixes by path. @raises TrainingFailure"""
    streaming = _import_streaming()
    writers: dict[str, Any] = {}
    with ExitStack() as closing:
        for index in range(len(rows)):
            row = rows.read(index)
            if row.domain not in writers:
                folder = out / check_domain(row.domain)
                writer = streaming.MDSWriter(columns=COLUMNS, out=str(folder), compression=None)
                writers[row.domain] = closing.enter_context(writer)
            writers[row.domain].write(_sample_of(row))
    return {"rows": len(rows), "tokens": int(rows.tokens.sum())}


def _sample_of(row: Row) -> dict[str, Any]:
    ends = np.cumsum(row.seq_lengths)
    return {
        "input_ids": row.input_ids.astype(np.uint32),
        "indices": np.stack([ends - row.seq_lengths, ends], axis=1).astype(np.uint32),
        "length": len(row.input_ids),
        "domain": row.domain,
        "mask": (row.labels != IGNORE_INDEX).astype(np.uint8),
        "doc_ids": row.doc_ids,
    }


@dataclass
class Untrained:
    """Counts of what is not written: documents with nothing to train, and tokens outside of all documents."""

    pieces: int = 0
    tokens: int = 0


def read_mds(folder: Path, untrained: Untrained) -> Iterator[Row]:
    """The rows of all datasets below a folder, in the order of their paths. @raises TrainingFailure DATA_INVALID"""
    streaming = _import_streaming()
    folders = sorted(_datasets_in(folder, MAX_DEPTH))
    if not folders:
        raise _invalid(folder, "no index.json in it or below. Name the folder of an MDS dataset, or one of several")
    for path in folders:
        # Hostile or broken data makes the library raise any error.
        try:
            dataset = streaming.LocalDataset(str(path))
            for shard in dataset.shards:
                _check_shard(path, shard)
        except TrainingFailure:
            raise
        except Exception as error:
            raise _invalid(path, f"its index.json cannot be used ({type(error).__name__}: {error})") from error
        name = path.relative_to(folder).as_posix() if path != folder else folder.resolve().name
        for number in range(len(dataset)):
            try:
                row = _row_of(dataset[number], name, number, untrained)
            except Exception as error:
                raise _invalid(path, f"sample {number}: {type(error).__name__}: {error}") from error
            if row is not None:
                yield row


def _datasets_in(folder: Path, depth: int) -> Iterator[Path]:
    """Folders with an index. Their subfolders are not searched, since the index may list the shards there."""
    if (folder / "index.json").is_file():
        yield folder
    elif depth > 0 and folder.is_dir():
        for child in folder.iterdir():
            if child.is_dir() and not child.is_symlink():
                yield from _datasets_in(child, depth - 1)


def _check_shard(folder: Path, shard: Any) -> None:
    """Names are paths, and one type is unpickled: a foreign index could lead out of the folder or run code."""
    shard.validate(allow_unsafe_types=False)
    path = folder / shard.raw_data.basename
    if not path.resolve().is_relative_to(folder.resolve()):
        raise _invalid(folder, f"its index.json names {shard.raw_data.basename!r}, outside of the folder")
    if not path.is_file():
        reason = "is there compressed alone: decompress it first" if shard.zip_data else "is not there: fetch it again"
        raise _invalid(folder, f"{shard.raw_data.basename} {reason}")


def _row_of(sample: dict[str, Any], dataset: str, number: int, untrained: Untrained) -> Row | None:
    """`None` for a sample without trained tokens. @raises ValueError"""
    ids = np.asarray(sample["input_ids"])
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise ValueError(f"input_ids are {ids.dtype} of shape {ids.shape}, expected integers in one row")
    ids = ids.astype(np.int64)
    mask = np.asarray(sample.get("mask", np.ones(len(ids), np.uint8)))
    if mask.shape != ids.shape:
        raise ValueError(f"a mask of shape {mask.shape} for {len(ids)} tokens")
    borders = _borders(sample, len(ids))
    domain = _file_name_of(str(sample.get("domain") or dataset))
    named = sample.get("doc_ids")
    names = named if isinstance(named, list) and len(named) == len(borders) else None

    documents, labels, doc_ids = [], [], []
    untrained.tokens += len(ids) - sum(end - start for start, end in borders)
    for piece, (start, end) in enumerate(borders):
        label = np.where(mask[start:end] != 0, ids[start:end], IGNORE_INDEX)
        label[:1] = IGNORE_INDEX
        if (label == IGNORE_INDEX).all():
            untrained.pieces += 1
            untrained.tokens += end - start
            continue
        documents.append(ids[start:end])
        labels.append(label)
        doc_ids.append(str(names[piece]) if names else f"{dataset}:{number}.{piece}")
    if not documents:
        return None
    lengths = np.array([len(document) for document in documents], np.int64)
    return Row(np.concatenate(documents), np.concatenate(labels), lengths, domain, doc_ids)


def _borders(sample: dict[str, Any], length: int) -> list[tuple[int, int]]:
    if "indices" not in sample:
        return [(0, length)]
    borders = [(int(start), int(end)) for start, end in np.asarray(sample["indices"]).reshape(-1, 2)]
    reached = 0
    for start, end in borders:
        if not reached <= start <= end <= length:
            raise ValueError(f"a document [{start}, {end}) after {reached} of {length} tokens")
        reached = end
    return borders


def _file_name_of(domain: str) -> str:
    """ProLong's domains are paths, such as `SlimPajama/ArXiv`; ours are names of files."""
    return check_domain("".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in domain))


def _import_streaming() -> Any:
    try:
        import streaming  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        message = (
            f"MDS is written and read by mosaicml-streaming, which cannot be imported ({error}). Install "
            "python/retrace_train/convert/requirements.txt into an environment of its own (it asks for older libraries "
            "than training does) and run the converter by that Python."
        )
        raise TrainingFailure("PYTHON_PACKAGE_MISSING", message, package="mosaicml-streaming") from error
    return streaming


def _invalid(folder: Path, reason: str) -> TrainingFailure:
    return TrainingFailure("DATA_INVALID", f"{folder}: {reason}.", path=str(folder))
