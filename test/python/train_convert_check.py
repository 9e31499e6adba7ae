"""
Converts shards and reads what came out by readers of its own: `train_convert_check.py CHECK WORK MODEL [SHARDS]`.

Prints one JSON object where the check holds, fails by an exception where it does not.
"""

import gzip
import json
import random
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from retrace_train.convert.__main__ import main
from retrace_train.convert.bridge import loss_mask_of
from retrace_train.convert.mds import Untrained, write_mds
from retrace_train.convert.output import whole_folder
from retrace_train.convert.shard_files import write_shards
from retrace_train.engines.titan import make_row_processor
from retrace_train.failures import TrainingFailure
from retrace_train.shards import IGNORE_INDEX, Row, open_rows

EOS = 4092


def random_row(seed: random.Random, domains: list[str]) -> Row:
    """Documents of 2 to 40 tokens, each with something to train, some with an EOS at the end, none with one inside."""
    ids, labels, lengths = [], [], []
    for _ in range(seed.randint(1, 6)):
        document = [seed.randrange(4091) for _ in range(seed.randint(2, 40))]
        if seed.random() < 0.7:
            document[-1] = EOS
        mask = [seed.random() < 0.5 for _ in document]
        mask[0], mask[seed.randint(1, len(document) - 1)] = False, True
        ids += document
        labels += [token if trained else IGNORE_INDEX for token, trained in zip(document, mask, strict=True)]
        lengths.append(len(document))
    names = [f"doc-{seed.randrange(10**6)}#é" for _ in lengths]
    return Row(np.array(ids), np.array(labels), np.array(lengths), seed.choice(domains), names)


def plain(row: Row) -> tuple:
    lists = (row.input_ids.tolist(), row.labels.tolist(), row.seq_lengths.tolist())
    return (row.domain, *lists, row.doc_ids)


def by_domain(rows: list[Row]) -> list[tuple]:
    """The order of rows within a domain is kept; that of domains follows from names."""
    return sorted((plain(row) for row in rows), key=lambda row: row[0])


def written(rows: list[Row], folder: Path, model: Path, max_tokens: int = 300) -> list[Row]:
    folder.mkdir()
    write_shards(rows, folder, model, "test", Untrained(), max_tokens)
    return read(folder, model)


def read(folder: Path, model: Path) -> list[Row]:
    rows = open_rows([folder], model, 2**20)
    return [rows.read(index) for index in range(len(rows))]


def check_round_trip(work: Path, model: Path) -> dict:
    seen = 0
    for number in range(12):
        seed = random.Random(number)
        rows = [random_row(seed, ["python", "A.b_c-1"]) for _ in range(seed.randint(1, 30))]
        assert by_domain(written(rows, work / f"shards{number}", model)) == by_domain(rows)
        mds, back = work / f"mds{number}", work / f"back{number}"
        run("--to", "mds", "--shards", work / f"shards{number}", "--model", model, "--out", mds)
        run("--from", "mds", "--data", mds, "--model", model, "--out", back)
        assert by_domain(read(back, model)) == by_domain(rows)
        seen += len(rows)
    return {"rows": seen, "folder": str(back)}


def check_prolong(work: Path, model: Path) -> dict:
    """What datatools' pack.py writes: no doc_ids, a mask for instructions alone, domains that are paths."""
    from streaming import MDSWriter  # pyright: ignore[reportMissingImports]

    columns = {"input_ids": "ndarray:uint32", "indices": "ndarray:uint32", "length": "uint64", "domain": "str"}
    for worker, mask in (("0-0", None), ("0-1", [1, 1, 0, 1, 0, 1, 1, 0, 0, 1])):
        kinds = columns | ({"mask": "ndarray:uint8"} if mask else {})
        with MDSWriter(columns=kinds, out=str(work / "data/arxiv/64-64" / worker), compression=None) as writer:
            sample = {"input_ids": np.arange(10, 20, dtype=np.uint32), "length": 10, "domain": "SlimPajama/ArXiv"}
            # A document of one token trains nothing, and the last token is in none.
            sample["indices"] = np.array([[0, 4], [4, 5], [5, 9]], np.uint32)
            writer.write(sample | ({"mask": np.array(mask, np.uint8)} if mask else {}))
    run("--from", "mds", "--data", work / "data", "--model", model, "--out", work / "out")
    none, masked = read(work / "out", model)
    ignored = IGNORE_INDEX
    assert none.domain == masked.domain == "SlimPajama-ArXiv"
    assert none.input_ids.tolist() == masked.input_ids.tolist() == [10, 11, 12, 13, 15, 16, 17, 18]
    assert none.seq_lengths.tolist() == [4, 4]
    assert none.labels.tolist() == [ignored, 11, 12, 13, ignored, 16, 17, 18]
    # The mask of the token itself counts: that of 12 is 0, so 12 is no target.
    assert masked.labels.tolist() == [ignored, 11, ignored, 13, ignored, 16, ignored, ignored]
    packing = json.loads((work / "out/manifest.json").read_text())["packing"]
    assert packing["untrained"] == {"pieces": 2, "tokens": 4}, packing
    assert packing["tokens"] == 16 and packing["sourceTokens"] == 20
    return {"folder": str(work / "out")}


def check_olmo(work: Path, model: Path, shards: Path) -> dict:
    rows = read(shards, model)
    run("--to", "olmo", "--shards", shards, "--model", model, "--out", work / "olmo")
    documents: dict[str, list] = {}
    for file in sorted((work / "olmo/tokens").glob("*.npy")):
        tokens = np.fromfile(file, np.uint32)
        mask = np.fromfile(work / "olmo/label_mask" / file.name, np.bool_)
        assert len(tokens) == len(mask)
        # As OLMo-core finds documents: up to each EOS.
        ends = np.flatnonzero(tokens == EOS) + 1
        assert ends[-1] == len(tokens)
        found = zip(np.split(tokens, ends)[:-1], np.split(mask, ends)[:-1], strict=True)
        documents.setdefault(file.stem.rpartition("-")[0], []).extend(found)
        with gzip.open(file.with_suffix(".csv.gz"), "rt") as lines:
            borders = [tuple(map(int, line.split(","))) for line in lines]
        assert borders == list(zip([0, *ends[:-1]], ends, strict=True)), file
    added = 0
    for domain, found in documents.items():
        expected = []
        for row in (row for row in rows if row.domain == domain):
            ends = np.cumsum(row.seq_lengths)[:-1]
            expected += list(zip(np.split(row.input_ids, ends), np.split(row.labels, ends), strict=True))
        assert len(found) == len(expected) > 0
        for (ids, mask), (wanted, labels) in zip(found, expected, strict=True):
            trained = (labels != IGNORE_INDEX).tolist()
            extra = int(wanted[-1] != EOS)
            added += extra
            assert ids.tolist() == wanted.tolist() + [EOS] * extra
            assert mask.tolist() == trained + [False] * extra
    assert sum(len(found) for found in documents.values()) == sum(len(row.seq_lengths) for row in rows)
    return {"documents": sum(map(len, documents.values())), "eosAdded": added, "domains": sorted(documents)}


def check_bridge(work: Path, model: Path, shards: Path) -> dict:
    """The packer wrote `loss_mask` and `seq_start_id` too, in another language: both have to say the same."""
    import pyarrow.parquet as parquet

    run("--to", "bridge", "--shards", shards, "--model", model, "--out", work / "bridge")
    files = sorted((work / "bridge").glob("*.parquet"))
    names, trained = ["input_ids", "loss_mask", "seq_start_id"], 0
    ours = [row for file in files for row in parquet.read_table(file).to_pylist()]
    theirs = [row for f in sorted(shards.glob("*.parquet")) for row in parquet.read_table(f, columns=names).to_pylist()]

    def key(row: dict) -> list[int]:
        return row["input_ids"]

    assert sorted(ours, key=key) == sorted(theirs, key=key) and len(ours) > 3
    for file in files:
        schema = parquet.ParquetFile(file).schema_arrow
        assert [str(field.type.value_type) for field in schema] == ["int32", "int8", "int32"], schema
        assert parquet.ParquetFile(file).num_row_groups == parquet.ParquetFile(file).metadata.num_rows
    for row in ours:
        trained += sum(row["loss_mask"])
    labels = sum(int((row.labels != IGNORE_INDEX).sum()) for row in read(shards, model))
    assert trained == labels, "moving the mask by one lost a target"
    row = Row(np.arange(5), np.array([-100, 1, -100, -100, 4]), np.array([3, 2]), "d", ["a", "b"])
    assert loss_mask_of(row).tolist() == [1, 0, 0, 1, 0]
    return {"rows": len(ours), "trained": trained}


def check_refusals(work: Path, model: Path, shards: Path) -> dict:
    seen = []

    def refused(code: str, *arguments: object) -> str:
        done = run(*arguments, fails=True)
        assert done.returncode == 1 and done.stderr.startswith(f"{code}: "), done
        assert sorted(path.name for path in work.iterdir()) == before, "something was left behind"
        seen.append(code)
        return done.stderr

    (work / "there").mkdir()
    (work / "empty").mkdir()
    inside = random_row(random.Random(1), ["d"])
    inside.input_ids[1], inside.labels[1] = EOS, EOS
    written([Row(inside.input_ids, inside.labels, inside.seq_lengths, "d", inside.doc_ids)], work / "eos-inside", model)
    before = sorted(path.name for path in work.iterdir())

    to = ("--to", "bridge", "--shards", shards, "--model", model, "--out")
    refused("OUTPUT_EXISTS", *to, work / "there")
    refused("OUTPUT_EXISTS", *to, shards)
    refused("DATA_INVALID", "--to", "olmo", "--shards", work / "eos-inside", "--model", model, "--out", work / "out")
    refused("MANIFEST_INVALID", "--to", "olmo", "--shards", work / "empty", "--model", model, "--out", work / "out")
    return {"seen": seen}


def check_mds_refusals(work: Path, model: Path) -> dict:
    from streaming import MDSWriter  # pyright: ignore[reportMissingImports]

    def dataset(name: str, kind: str, value: object, spoil=lambda index: None) -> Path:
        folder = work / name
        with MDSWriter(columns={"input_ids": kind}, out=str(folder), compression=None) as writer:
            writer.write({"input_ids": value})
        index = json.loads((folder / "index.json").read_text())
        spoil(index)
        (folder / "index.json").write_text(json.dumps(index))
        return folder

    def lead_out(index: dict) -> None:
        index["shards"][0]["raw_data"]["basename"] = "../sound/shard.00000.mds"

    def lose(index: dict) -> None:
        index["shards"][0]["raw_data"]["basename"] = "shard.00001.mds"

    ids = np.arange(9, dtype=np.uint32)
    dataset("sound", "ndarray:uint32", ids)
    cases = {
        "unsafe type": dataset("pickled", "pkl", [1, 2, 3]),
        "outside of the folder": dataset("outside", "ndarray:uint32", ids, lead_out),
        "is not there": dataset("lost", "ndarray:uint32", ids, lose),
        "another tokenizer": dataset("foreign", "ndarray:uint32", ids + 4090),
        "expected integers": dataset("floats", "ndarray:float32", ids.astype(np.float32)),
    }
    (work / "nothing").mkdir()
    cases["no index.json"] = work / "nothing"
    before = sorted(path.name for path in work.iterdir())
    for reason, folder in cases.items():
        done = run("--from", "mds", "--data", folder, "--model", model, "--out", work / "out", fails=True)
        assert done.returncode == 1, reason
        assert done.stderr.startswith("DATA_INVALID: ") and reason in done.stderr, (reason, done)
        assert sorted(path.name for path in work.iterdir()) == before, f"{reason}: something was left behind"
    run("--from", "mds", "--data", work / "sound", "--model", model, "--out", work / "out")
    return {"refused": len(cases)}


def check_without_library(work: Path, model: Path, shards: Path) -> dict:
    sys.modules["streaming"] = None  # pyright: ignore[reportArgumentType]  importing it fails
    try:
        with whole_folder(work / "out") as folder:
            write_mds(open_rows([shards], model, 2**20), folder)
    except TrainingFailure as failure:
        assert failure.code == "PYTHON_PACKAGE_MISSING" and "requirements.txt" in failure.message, failure.message
        assert list(work.iterdir()) == []
        return {"code": failure.code}
    raise AssertionError("nothing was missed")


def check_stopped(work: Path, model: Path) -> dict:
    """One that is stopped half-way leaves nothing, and nothing has the name before all of it is there."""
    try:
        with whole_folder(work / "out") as folder:
            (folder / "half").write_text("half")
            assert not (work / "out").exists()
            raise SystemExit(143)
    except SystemExit:
        assert list(work.iterdir()) == []
    with whole_folder(work / "out") as folder:
        (folder / "whole").write_text("whole")
    assert [path.name for path in work.rglob("*")] == ["out", "whole"]
    return {}


def check_titan(*_: Path) -> dict:
    """With stand-ins for torchtitan's classes; the real ones are on its main branch alone."""
    row = {"input_ids": [7, 8, 9, 5, 6], "labels": [-100, 8, -100, -100, 6], "seq_lengths": [3, 2]}
    titan: Any = ModuleType("torchtitan.components.data")
    titan.SampleProcessor = type("SampleProcessor", (), {"Config": type("Config", (), {})})
    titan.TextSequence = dict
    for name in ("torchtitan", "torchtitan.components"):
        sys.modules[name] = ModuleType(name)
    sys.modules["torchtitan.components.data"] = titan
    processor = make_row_processor()
    sample = processor(processor.Config(), context=None)(row, None)
    assert {str(column.dtype) for column in sample.values()} == {"int64"}
    return {name: column.tolist() for name, column in sample.items()}


@dataclass
class Done:
    returncode: int
    stderr: str


def run(*arguments: object, fails: bool = False) -> Done:
    """The command within this process, for importing the library for MDS takes seconds."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as stderr:
        code = main([str(argument) for argument in arguments])
    assert fails or code == 0, stderr.getvalue()
    return Done(code, stderr.getvalue())


if __name__ == "__main__":
    name, *paths = sys.argv[1:]
    print(json.dumps(globals()[f"check_{name}"](*map(Path, paths))))
