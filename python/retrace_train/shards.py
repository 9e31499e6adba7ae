"""
Packed rows from shards: checked against their manifests once, then read in any order.

A row is a packed sequence, and a row group (Parquet) or record batch (Arrow) of its own, so that it can be read alone.
Opening reads only `seq_lengths` and `domain`. `order.py` decides which rows a step trains.
"""

import hashlib
import json
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .failures import TrainingFailure

IGNORE_INDEX = -100


@dataclass(frozen=True)
class Row:
    input_ids: np.ndarray  # int64 [T]
    labels: np.ndarray  # int64 [T], target-aligned: the token itself or -100; -100 at each document's first token
    seq_lengths: np.ndarray  # int64 [documents], sums to T
    domain: str
    doc_ids: list[str]


class Rows:
    """All rows of all folders, numbered in the order of folders, manifests and files."""

    def __init__(self, shards: "list[_Shard]", surveys: "list[_Survey]", sequence_length: int, vocabulary: int):
        self.sequence_length = sequence_length
        self.tokens = np.concatenate([survey.tokens for survey in surveys])  # int64 [N]
        self.square_sums = np.concatenate([survey.square_sums for survey in surveys])  # float64 [N], of documents
        self.domains = sorted({domain for survey in surveys for domain in survey.domains})
        indices = [[self.domains.index(name) for name in survey.domains] for survey in surveys]
        columns = [np.array(of, np.int32)[survey.domain_of] for of, survey in zip(indices, surveys, strict=True)]
        self.domain_of = np.concatenate(columns)  # int32 [N]
        self._shards = shards
        self._ends = np.cumsum([len(survey.tokens) for survey in surveys])
        self._vocabulary = vocabulary

    def __len__(self) -> int:
        return len(self.tokens)

    def read(self, index: int) -> Row:
        """Not thread-safe: a file has one reader. @raises TrainingFailure SHARD_INVALID"""
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        shard_index = int(np.searchsorted(self._ends, index, side="right"))
        shard = self._shards[shard_index]
        number = int(index - (self._ends[shard_index - 1] if shard_index else 0))
        row = shard.row(number)
        reason = _contradiction(row, self._vocabulary)
        if reason is not None:
            raise _invalid(shard.path, f"row {number}: {reason}")
        return row


def open_rows(folders: Sequence[Path], model: Path, context_length: int, rank: int = 0, world: int = 1) -> Rows:
    """
    Checks every shard and returns the rows. 20 B tokens in rows of 64k are 305,000 rows, which takes seconds and 5 kB a
    row, besides the hashing. Of several ranks each hashes and surveys a share of the files and sends the others (over
    torch.distributed, which must be initialized) its findings, failures too, so that all stop together. All ranks have
    to see the same files.

    @raises TrainingFailure SHARD_MISSING, SHARD_CHANGED, SHARD_INVALID, MANIFEST_INVALID, TOKENIZER_MISMATCH,
        ROW_TOO_LONG, MODEL_INVALID, PYTHON_PACKAGE_MISSING
    """

    opened: dict[int, _Shard] = {}
    found: dict[int, _Survey] | TrainingFailure = {}
    try:
        entries, sequence_length = _list_entries([Path(folder) for folder in folders], Path(model))
        vocabulary = _vocabulary_of(Path(model))
        _allow_open_files(len(entries))
        for i in range(rank, len(entries), world):
            opened[i], found[i] = _check_shard(*entries[i], context_length)
    except TrainingFailure as failure:
        found = failure
    surveys = {i: survey for part in _gather(found, world) for i, survey in part.items()}
    shards = [opened.get(i) or _open_shard(folder / entry["file"]) for i, (folder, entry) in enumerate(entries)]
    return Rows(shards, [surveys[i] for i in range(len(shards))], sequence_length, vocabulary)


def _gather(found: "dict[int, _Survey] | TrainingFailure", world: int) -> "list[dict[int, _Survey]]":
    """The findings of all ranks. Raises the failure of any rank on every rank."""
    everything: list[Any] = [found]
    if world > 1:
        import torch.distributed as dist

        # Pickle loses the details of an exception.
        mine = (found.code, found.message, found.details) if isinstance(found, TrainingFailure) else found
        everything = [None] * world
        dist.all_gather_object(everything, mine)
    for finding in everything:
        if isinstance(finding, TrainingFailure):
            raise finding
        if isinstance(finding, tuple):
            raise TrainingFailure(finding[0], finding[1], **finding[2])
    return everything


# Manifests


def _list_entries(folders: list[Path], model: Path) -> tuple[list[tuple[Path, dict]], int]:
    """The files to read, each as its folder and its entry in the manifest; and the longest row allowed."""
    manifests = [(folder, _read_manifest(folder)) for folder in folders]
    digest = _digest_of_tokenizer(model)
    for folder, manifest in manifests:
        _check_tokenizer(folder, manifest["tokenizer"], model, digest)
    entries = [(folder, entry) for folder, manifest in manifests for entry in _used(manifest)]
    if not any(entry["rows"] for _, entry in entries):
        named = ", ".join(str(folder) for folder in folders)
        raise TrainingFailure("MANIFEST_INVALID", f"No rows in {named or 'no folder'}. Pack a run that has documents.")
    # Before the files are hashed, which takes long.
    missing = [folder / entry["file"] for folder, entry in entries if not (folder / entry["file"]).is_file()]
    if missing:
        which = f"{missing[0]}" + (f" and {len(missing) - 1} more shards" if len(missing) > 1 else "")
        message = f"{which}: in the manifest but not there. Copy from where they were packed, or pack the run again."
        raise TrainingFailure("SHARD_MISSING", message, paths=[str(path) for path in missing[:100]])
    return entries, max(manifest["sequenceLength"] for _, manifest in manifests)


MANIFEST_KEYS = {"schemaVersion": int, "sequenceLength": int, "tokenizer": dict, "shards": list}
SHARD_KEYS = {"file": str, "format": str, "rows": int, "tokens": int, "sha256": str}


def _read_manifest(folder: Path) -> dict:
    path = folder / "manifest.json"

    def wrong(reason: str) -> TrainingFailure:
        message = f"{path} {reason}. Name the folder `shards` of a run that packing finished, or pack the run again."
        return TrainingFailure("MANIFEST_INVALID", message, path=str(path))

    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise wrong("is not there") from error
    except (OSError, ValueError, RecursionError) as error:
        raise wrong(f"cannot be read as JSON ({error})") from error
    missing = _lacks(manifest, MANIFEST_KEYS)
    if missing:
        raise wrong(f"is no manifest of shards: {missing}")
    if manifest["schemaVersion"] != 1:
        raise wrong(f"has schemaVersion {manifest['schemaVersion']}, expected 1")
    for entry in manifest["shards"]:
        missing = _lacks(entry, SHARD_KEYS)
        if missing:
            raise wrong(f"lists a shard that says too little: {missing}")
        file, kind = entry["file"], entry["format"]
        if kind not in ("parquet", "arrow") or not file.endswith(f".{kind}") or Path(file).name != file:
            raise wrong(f"lists {file!r} as {kind!r}, expected NAME.parquet or NAME.arrow of the same folder")
    return manifest


def _lacks(value: Any, keys: dict[str, type]) -> str | None:
    if not isinstance(value, dict):
        return f"expected an object, found {type(value).__name__}"
    for key, kind in keys.items():
        if not isinstance(value.get(key), kind):
            return f"{key} is {json.dumps(value.get(key))[:80]}, expected {kind.__name__}"
    return None


def _used(manifest: dict) -> list[dict]:
    """Each shard in one format: Parquet where it is listed, which is a fifth of the bytes to hash and to read."""
    formats = {entry["format"] for entry in manifest["shards"]}
    chosen = "parquet" if "parquet" in formats else "arrow"
    return [entry for entry in manifest["shards"] if entry["format"] == chosen]


def _digest_of_tokenizer(model: Path) -> str:
    path = model / "tokenizer.json"
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}. Name a Hugging Face folder that has one."
        raise TrainingFailure("MODEL_INVALID", message, path=str(path)) from error


def _check_tokenizer(folder: Path, tokenizer: dict, model: Path, digest: str) -> None:
    packed = str(tokenizer.get("digest"))
    if packed == digest:
        return
    message = (
        f"The shards in {folder} were packed with another tokenizer than {model}/tokenizer.json "
        f"(sha256 {packed[:12]}..., found {digest[:12]}...): their ids mean other text. Pack the run again with "
        "this model's tokenizer, or train the model that the shards were packed for."
    )
    raise TrainingFailure("TOKENIZER_MISMATCH", message, folder=str(folder), expected=packed, found=digest)


def _vocabulary_of(model: Path) -> int:
    """The number of ids that the model has embeddings for."""
    path = model / "config.json"
    try:
        return int(json.loads(path.read_bytes())["vocab_size"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path} names no vocab_size ({error}). Name a Hugging Face folder of a Llama model."
        raise TrainingFailure("MODEL_INVALID", message, path=str(path)) from error


# Opening


@dataclass(frozen=True)
class _Survey:
    """The lengths and domains of the rows of a shard."""

    tokens: np.ndarray
    square_sums: np.ndarray
    domains: list[str]
    domain_of: np.ndarray


def _check_shard(folder: Path, entry: dict, context_length: int) -> "tuple[_Shard, _Survey]":
    path = folder / entry["file"]
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != entry["sha256"]:
        message = (
            f"{path} is not the file that its manifest lists: sha256 {entry['sha256'][:12]}... expected, "
            f"{sha256[:12]}... found. Copy it again from where it was packed, or pack the run again."
        )
        raise TrainingFailure("SHARD_CHANGED", message, path=str(path), expected=entry["sha256"], found=sha256)
    shard = _open_shard(path)
    survey = shard.survey()
    found = (len(survey.tokens), int(survey.tokens.sum()))
    if found != (entry["rows"], entry["tokens"]):
        expected = f"{entry['rows']} rows and {entry['tokens']} tokens"
        raise _invalid(path, f"{found[0]} rows and {found[1]} tokens, the manifest says {expected}")
    longest = int(survey.tokens.argmax()) if found[0] else 0
    if found[0] and survey.tokens[longest] > context_length:
        message = (
            f"{path} row {longest} has {survey.tokens[longest]} tokens, and the model takes {context_length}. "
            "Set contextLength (with a ropeTheta for it), or pack the run again with a shorter sequenceLength."
        )
        raise TrainingFailure("ROW_TOO_LONG", message, path=str(path), row=longest)
    return shard, survey


def _survey_of(lengths: Any, domain: Any) -> _Survey:
    """From the columns `seq_lengths` (list<int32>) and `domain` (string) of all rows, as Arrow arrays."""
    documents = lengths.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    counts = lengths.value_lengths().to_numpy(zero_copy_only=False)
    if len(counts) and (counts.min() < 1 or documents.min() < 1):
        raise ValueError("a row without documents, or a document without tokens")
    names = domain.dictionary_encode()
    starts = np.cumsum(counts) - counts
    return _Survey(
        tokens=np.add.reduceat(documents, starts) if len(counts) else np.zeros(0, np.int64),
        square_sums=np.add.reduceat(documents.astype(np.float64) ** 2, starts) if len(counts) else np.zeros(0),
        domains=[str(name) for name in names.dictionary.to_pylist()],
        domain_of=names.indices.to_numpy().astype(np.int32),
    )


# Files


class _Shard:
    """An open file; each subclass reads a format."""

    def __init__(self, path: Path):
        self.path = path

    def survey(self) -> _Survey:
        try:
            return _survey_of(*self._columns(["seq_lengths", "domain"]))
        except Exception as error:  # pyarrow raises a dozen kinds, KeyError and ValueError among them
            raise _invalid(self.path, str(error)) from error

    def row(self, index: int) -> Row:
        try:
            input_ids, labels, seq_lengths, domain, doc_ids = self._cells(index)
            columns = [_integers(column) for column in (input_ids, labels, seq_lengths)]
            return Row(*columns, domain=domain[0].as_py(), doc_ids=doc_ids[0].as_py())
        except Exception as error:
            raise _invalid(self.path, f"row {index}: {error}") from error

    def _columns(self, names: list[str]) -> list[Any]:
        raise NotImplementedError

    def _cells(self, index: int) -> list[Any]:
        raise NotImplementedError


COLUMNS = ["input_ids", "labels", "seq_lengths", "domain", "doc_ids"]


class _ParquetShard(_Shard):
    def __init__(self, path: Path, parquet: Any):
        super().__init__(path)
        self._file = parquet.ParquetFile(path)
        if self._file.num_row_groups != self._file.metadata.num_rows:
            groups = f"{self._file.metadata.num_rows} rows in {self._file.num_row_groups} row groups"
            raise _invalid(path, f"{groups}, expected one row in each, so that a row can be read alone")

    def _columns(self, names: list[str]) -> list[Any]:
        table = self._file.read(columns=names, use_threads=False)
        return [table[name].combine_chunks() for name in names]

    def _cells(self, index: int) -> list[Any]:
        table = self._file.read_row_group(index, columns=COLUMNS, use_threads=False)
        return [table[name].combine_chunks() for name in COLUMNS]


class _ArrowShard(_Shard):
    def __init__(self, path: Path, arrow: Any, ipc: Any):
        super().__init__(path)
        self._arrow, self._file = arrow, ipc.open_file(arrow.memory_map(str(path)))

    def _columns(self, names: list[str]) -> list[Any]:
        batches = [self._file.get_batch(i) for i in range(self._file.num_record_batches)]
        if any(batch.num_rows != 1 for batch in batches):
            raise ValueError("a record batch of several rows, expected one in each")
        return [self._arrow.concat_arrays([batch.column(name) for batch in batches]) for name in names]

    def _cells(self, index: int) -> list[Any]:
        batch = self._file.get_batch(index)
        return [batch.column(name) for name in COLUMNS]


def _open_shard(path: Path) -> _Shard:
    try:
        import pyarrow as arrow
        import pyarrow.ipc as ipc
        import pyarrow.parquet as parquet
    except ImportError as error:
        message = f"Shards are read with pyarrow, which cannot be imported ({error}). Install it: pip install pyarrow"
        raise TrainingFailure("PYTHON_PACKAGE_MISSING", message, package="pyarrow") from error
    try:
        return _ParquetShard(path, parquet) if path.suffix == ".parquet" else _ArrowShard(path, arrow, ipc)
    except (OSError, arrow.ArrowException) as error:
        raise _invalid(path, str(error)) from error


def _allow_open_files(count: int) -> None:
    """Raises the limit, since every shard stays open and many systems allow 1,024 files by default."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 512
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _integers(column: Any) -> np.ndarray:
    if len(column) != 1:
        raise ValueError(f"{len(column)} rows where one was expected")
    return column.flatten().to_numpy().astype(np.int64)


def _contradiction(row: Row, vocabulary: int) -> str | None:
    """What is wrong with a row, or None. Training on such a row would be silently wrong."""
    ids, labels, lengths = row.input_ids, row.labels, row.seq_lengths
    if not len(ids) == len(labels) == lengths.sum():
        return f"{len(ids)} ids, {len(labels)} labels and documents of {lengths.sum()} tokens in all"
    if len(row.doc_ids) != len(lengths):
        return f"{len(lengths)} documents and {len(row.doc_ids)} document ids"
    outside = (ids < 0) | (ids >= vocabulary)
    if outside.any():
        return f"id {ids[outside.argmax()]} at token {outside.argmax()}, and the model has {vocabulary} ids"
    strange = (labels != IGNORE_INDEX) & (labels != ids)
    if strange.any():
        return f"label {labels[strange.argmax()]} at token {strange.argmax()}, expected its id or {IGNORE_INDEX}"
    starts = np.cumsum(lengths) - lengths
    if (labels[starts] != IGNORE_INDEX).any():
        return "the first token of a document is trained, which no token before it can predict"
    return None


def _invalid(path: Path, reason: str) -> TrainingFailure:
    message = f"{path} does not hold packed rows: {reason}. Pack the run again."
    return TrainingFailure("SHARD_INVALID", message, path=str(path))
