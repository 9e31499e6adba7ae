"""
The format of OLMo-core: `tokens/DOMAIN-00000.npy`, which despite its name is plain uint32, and a file of the same name
in `label_mask/` with a byte for each token, 1 where it is trained (target-aligned, like our labels).

OLMo-core finds documents by their EOS (in remote files by `.csv.gz`, which is written too) and packs them itself, so
the packed rows are lost. A piece of a cut document has no EOS: it gets one, untrained, so that it does not run into the
next document.
"""

import gzip
import json
from pathlib import Path

import numpy as np

from ..failures import TrainingFailure
from ..shards import IGNORE_INDEX, Row, Rows
from .output import FilesByDomain

# The last token of a document in all our renderers and in ProLong's data.
EOS = "<|end_of_text|>"


def write_olmo(rows: Rows, out: Path, model: Path) -> dict[str, int]:
    """@raises TrainingFailure MODEL_INVALID, DATA_INVALID where a document has an EOS before its end"""
    eos = _id_of(EOS, model)
    (out / "tokens").mkdir()
    (out / "label_mask").mkdir()
    counts = {"rows": len(rows), "documents": 0, "tokens": 0, "eosAdded": 0, "eosId": eos}
    files = FilesByDomain(lambda name, domain: _OlmoFile(out, name, eos, counts))
    for index in range(len(rows)):
        files.add(rows.read(index))
    files.close()
    return counts


class _OlmoFile:
    def __init__(self, out: Path, name: str, eos: int, counts: dict[str, int]):
        self._tokens = (out / "tokens" / f"{name}.npy").open("wb")
        self._mask = (out / "label_mask" / f"{name}.npy").open("wb")
        self._borders = gzip.open(out / "tokens" / f"{name}.csv.gz", "wt")  # noqa: SIM115  close() closes it
        self._eos, self._counts, self._length = eos, counts, 0

    def add(self, row: Row) -> None:
        ends = np.cumsum(row.seq_lengths)[:-1]
        documents = zip(np.split(row.input_ids, ends), np.split(row.labels, ends), row.doc_ids, strict=True)
        for ids, labels, name in documents:
            self._add_document(ids, labels != IGNORE_INDEX, name)

    def _add_document(self, ids: np.ndarray, trained: np.ndarray, name: str) -> None:
        if (ids[:-1] == self._eos).any():
            why = f"Document {name} has {EOS} before its end, and OLMo-core would cut it there"
            raise TrainingFailure("DATA_INVALID", f"{why}. Convert to mds or bridge.", document=name)
        if ids[-1] != self._eos:
            ids, trained = np.append(ids, self._eos), np.append(trained, False)
            self._counts["eosAdded"] += 1
        self._tokens.write(ids.astype("<u4").tobytes())
        self._mask.write(trained.astype(np.bool_).tobytes())
        self._borders.write(f"{self._length},{self._length + len(ids)}\n")
        self._length += len(ids)
        self._counts["documents"] += 1
        self._counts["tokens"] += len(ids)

    def close(self) -> None:
        for file in (self._tokens, self._mask, self._borders):
            file.close()


def _id_of(token: str, model: Path) -> int:
    path = model / "tokenizer.json"
    added = json.loads(path.read_bytes()).get("added_tokens", [])
    for entry in added:
        if entry["content"] == token:
            return int(entry["id"])
    message = f"{path} has no token {token}, by which OLMo-core would tell documents apart. Convert to mds or bridge."
    raise TrainingFailure("MODEL_INVALID", message, path=str(path), token=token)
