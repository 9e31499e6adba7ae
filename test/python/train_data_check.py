"""The data side of training: shards and what is wrong with them, order of rows, metrics, arithmetic, the job file."""

import hashlib
import json
import math
import multiprocessing
import os
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import torch

from retrace_train import probe as machine
from retrace_train.failures import TrainingFailure, record_failure
from retrace_train.flops import PEAK_FLOPS, datasheet_flops, model_flops, peak_flops
from retrace_train.job import read_job
from retrace_train.metrics import Metrics
from retrace_train.order import Order, deal, total_steps
from retrace_train.shards import open_rows

ROOT = Path(__file__).resolve().parents[2]

INTS, STRINGS = pa.list_(pa.int32()), pa.list_(pa.string())
SCHEMA = pa.schema(
    [("input_ids", INTS), ("labels", INTS), ("seq_lengths", INTS), ("domain", pa.string()), ("doc_ids", STRINGS)]
)
VOCABULARY = 50


def a_row(lengths: list[int], domain: str, seed: int) -> dict:
    generator = np.random.default_rng(seed)
    ids = generator.integers(0, VOCABULARY, sum(lengths)).tolist()
    labels = [-100 if generator.random() < 0.4 else one for one in ids]
    for start in np.cumsum([0, *lengths[:-1]]):
        labels[start] = -100
    names = [f"{domain}-{seed}-{i}" for i in range(len(lengths))]
    return {"input_ids": ids, "labels": labels, "seq_lengths": lengths, "domain": domain, "doc_ids": names}


def some_rows(domain: str, count: int, seed: int = 0) -> list[dict]:
    generator = np.random.default_rng([seed, len(domain)])
    sizes = (generator.integers(1, 9, generator.integers(1, 5)).tolist() for _ in range(count))
    return [a_row(lengths, domain, seed * 1000 + i) for i, lengths in enumerate(sizes)]


def write_file(path: Path, rows: list[dict]) -> None:
    tables = [pa.Table.from_pylist([row], SCHEMA) for row in rows]
    if path.suffix == ".parquet":
        with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table)
    else:
        with ipc.new_file(path, SCHEMA) as writer:
            for table in tables:
                writer.write_table(table)


def write_model(folder: Path, tokenizer: bytes = b"{}") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_bytes(tokenizer)
    (folder / "config.json").write_text(json.dumps({"vocab_size": VOCABULARY}))
    return folder


def write_shards(folder: Path, shards: dict[str, list[dict]], length: int = 64, tokenizer: bytes = b"{}") -> Path:
    """A folder as packing writes it. @param shards rows by file name"""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for file, rows in shards.items():
        write_file(folder / file, rows)
        entry = {"file": file, "format": file.rsplit(".", 1)[1], "rows": len(rows)}
        entry["tokens"] = sum(len(row["input_ids"]) for row in rows)
        entry["sha256"] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        entries.append(entry)
    digest = {"digest": hashlib.sha256(tokenizer).hexdigest(), "vocabularySize": VOCABULARY}
    manifest = {"schemaVersion": 1, "sequenceLength": length, "tokenizer": digest, "shards": entries}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


class InFolder(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory(prefix="train-data-")
        self.addCleanup(held.cleanup)
        self.folder = Path(held.name)

    def fails(self, code: str, *words: str):
        """Asserts the code, and that the message has the words and a next step."""
        test = self

        class Expected:
            def __enter__(self):
                return self

            def __exit__(self, kind, error, trace):
                test.assertIsInstance(error, TrainingFailure, f"expected {code}, got {error!r}")
                test.assertEqual(error.code, code, error.message)
                for word in words:
                    test.assertIn(word, error.message)
                return True

        return Expected()


class Shards(InFolder):
    def setUp(self):
        super().setUp()
        self.model = write_model(self.folder / "model")

    def open(self, *folders: Path, context: int = 64):
        return open_rows(list(folders), self.model, context)

    def test_rows_come_in_the_order_of_folders_manifests_and_files_with_what_was_written(self):
        code, books = some_rows("code", 7), some_rows("books", 5)
        one = write_shards(self.folder / "one", {"code-00000.parquet": code[:4], "code-00001.parquet": code[4:]}, 32)
        two = write_shards(self.folder / "two", {"books-00000.parquet": books}, 48)
        rows = self.open(one, two)
        expected = [*code, *books]
        self.assertEqual(len(rows), 12)
        self.assertEqual((rows.domains, rows.sequence_length), (["books", "code"], 48))
        for i, written in enumerate(expected):
            row = rows.read(i)
            found = {name: getattr(row, name) for name in ("input_ids", "labels", "seq_lengths")}
            self.assertTrue(all(column.dtype == np.int64 for column in found.values()))
            found = {name: column.tolist() for name, column in found.items()}
            self.assertEqual(found | {"domain": row.domain, "doc_ids": row.doc_ids}, written)
            self.assertEqual(rows.tokens[i], len(written["input_ids"]))
            self.assertEqual(rows.square_sums[i], sum(length**2 for length in written["seq_lengths"]))
            self.assertEqual(rows.domains[rows.domain_of[i]], written["domain"])

    def test_arrow_alone_is_read_as_parquet_is_and_only_what_is_read_is_asked_for(self):
        written = some_rows("code", 5)
        arrow = write_shards(self.folder / "arrow", {"code-00000.arrow": written})
        both = write_shards(self.folder / "both", {"code-00000.arrow": written, "code-00000.parquet": written})
        (both / "code-00000.arrow").unlink()
        for folder in (arrow, both):
            rows = self.open(folder)
            self.assertEqual([rows.read(i).input_ids.tolist() for i in range(5)], [r["input_ids"] for r in written])
            self.assertEqual(rows.tokens.tolist(), [len(row["input_ids"]) for row in written])

    def test_a_shard_of_the_manifest_that_is_not_there_is_named(self):
        folder = write_shards(self.folder / "s", {"code-00000.parquet": some_rows("code", 2)})
        (folder / "code-00000.parquet").unlink()
        with self.fails("SHARD_MISSING", "code-00000.parquet", "Copy from where"):
            self.open(folder)

    def test_one_changed_byte_anywhere_is_found(self):
        folder = write_shards(self.folder / "s", {"code-00000.parquet": some_rows("code", 3)})
        path = folder / "code-00000.parquet"
        whole = path.read_bytes()
        for place in (0, 5, len(whole) // 2, len(whole) - 20, len(whole) - 1):
            changed = bytearray(whole)
            changed[place] ^= 1
            path.write_bytes(changed)
            with self.fails("SHARD_CHANGED", "code-00000.parquet", "Copy it again"):
                self.open(folder)
        path.write_bytes(whole)
        self.assertEqual(len(self.open(folder)), 3)

    def test_shards_of_another_tokenizer_are_refused(self):
        folder = write_shards(self.folder / "s", {"code-00000.parquet": some_rows("code", 2)}, tokenizer=b"{ }")
        with self.fails("TOKENIZER_MISMATCH", "another tokenizer", str(folder), "Pack the run again"):
            self.open(folder)

    def test_a_row_that_the_model_cannot_take_is_named(self):
        rows = [a_row([9], "code", 0), a_row([7, 8], "code", 1)]
        folder = write_shards(self.folder / "s", {"code-00000.parquet": rows})
        self.assertEqual(len(self.open(folder, context=15)), 2)
        with self.fails("ROW_TOO_LONG", "row 1", "15 tokens", "takes 14", "contextLength"):
            self.open(folder, context=14)

    def test_what_is_no_manifest_says_so(self):
        for text, word in [
            ("{", "JSON"),
            ("[" * 100_000, "JSON"),
            ("[]", "expected an object"),
            ("{}", "schemaVersion"),
            (json.dumps({"schemaVersion": 2, "sequenceLength": 8, "tokenizer": {}, "shards": []}), "schemaVersion 2"),
            (json.dumps({"schemaVersion": 1, "sequenceLength": 8, "tokenizer": {}, "shards": [{"file": 1}]}), "file"),
            (b"\xff\xfe", "JSON"),
        ]:
            folder = self.folder / "s"
            folder.mkdir(exist_ok=True)
            (folder / "manifest.json").write_bytes(text if isinstance(text, bytes) else text.encode())
            with self.fails("MANIFEST_INVALID", str(folder), word, "pack the run again"):
                self.open(folder)
        with self.fails("MANIFEST_INVALID", "is not there"):
            self.open(self.folder / "nowhere")
        with self.fails("MANIFEST_INVALID", "No rows"):
            self.open(write_shards(self.folder / "empty", {}))

    def test_a_manifest_leads_to_no_file_outside_its_folder(self):
        folder = write_shards(self.folder / "s", {"code-00000.parquet": some_rows("code", 2)})
        manifest = json.loads((folder / "manifest.json").read_text())
        for file in ("../s/code-00000.parquet", str(folder / "code-00000.parquet"), ".."):
            manifest["shards"][0]["file"] = file
            (folder / "manifest.json").write_text(json.dumps(manifest))
            with self.fails("MANIFEST_INVALID", "same folder"):
                self.open(folder)

    def test_a_row_that_contradicts_itself_is_named_with_its_file(self):
        def broken(change) -> list[dict]:
            rows = [a_row([4, 5], "code", i) for i in range(3)]
            rows[1] = rows[1] | {"labels": [-100] * 9}
            change(rows[1])
            return rows

        def first_of_second_document(row):
            row["labels"][4] = row["input_ids"][4]

        cases = {
            "documents of 8 tokens": lambda row: row.update(seq_lengths=[4, 4]),
            "8 labels": lambda row: row.update(labels=[-100] * 8),
            "first token of a document is trained": first_of_second_document,
            "expected its id": lambda row: row["labels"].__setitem__(2, (row["input_ids"][2] + 1) % VOCABULARY),
            f"the model has {VOCABULARY} ids": lambda row: row["input_ids"].__setitem__(8, VOCABULARY),
            "id -1 at token 3": lambda row: row["input_ids"].__setitem__(3, -1),
            "document ids": lambda row: row.update(doc_ids=["one"]),
        }
        for number, (reason, change) in enumerate(cases.items()):
            folder = write_shards(self.folder / f"s{number}", {"code-00000.parquet": broken(change)})
            manifest = json.loads((folder / "manifest.json").read_text())
            manifest["shards"][0]["tokens"] = sum(sum(row["seq_lengths"]) for row in broken(change))
            (folder / "manifest.json").write_text(json.dumps(manifest))
            rows = self.open(folder)
            rows.read(0)
            with self.fails("SHARD_INVALID", "code-00000.parquet", "row 1", reason, "Pack the run again"):
                rows.read(1)

    def test_a_file_that_does_not_hold_what_the_manifest_says_is_refused_at_once(self):
        rows = some_rows("code", 3)
        folder = write_shards(self.folder / "s", {"code-00000.parquet": rows})
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["shards"][0]["rows"] = 4
        (folder / "manifest.json").write_text(json.dumps(manifest))
        with self.fails("SHARD_INVALID", "3 rows", "4 rows"):
            self.open(folder)

        def rehash(file: str) -> Path:
            entry = {"file": file, "format": "parquet", "rows": 3, "tokens": sum(len(r["input_ids"]) for r in rows)}
            entry["sha256"] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
            (folder / "manifest.json").write_text(json.dumps(manifest | {"shards": [entry]}))
            return folder

        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / "one-group.parquet")
        with self.fails("SHARD_INVALID", "3 rows in 1 row groups"):
            self.open(rehash("one-group.parquet"))
        (folder / "text.parquet").write_text("no shard at all")
        with self.fails("SHARD_INVALID", "text.parquet"):
            self.open(rehash("text.parquet"))
        with pq.ParquetWriter(folder / "lacks.parquet", SCHEMA.remove(2)) as writer:
            for row in rows:
                writer.write_table(pa.Table.from_pylist([row], SCHEMA.remove(2)))
        with self.fails("SHARD_INVALID", "lacks.parquet", "seq_lengths"):
            self.open(rehash("lacks.parquet"))

    def test_without_pyarrow_the_package_is_named(self):
        folder = write_shards(self.folder / "s", {"code-00000.parquet": some_rows("code", 2)})
        with mock.patch.dict(sys.modules, {"pyarrow": None}), self.fails("PYTHON_PACKAGE_MISSING", "pip install"):
            self.open(folder)

    def test_a_model_without_a_tokenizer_or_a_vocabulary_is_refused(self):
        folder = write_shards(self.folder / "s", {"code-00000.parquet": some_rows("code", 2)})
        (self.model / "config.json").write_text("{}")
        with self.fails("MODEL_INVALID", "vocab_size"):
            self.open(folder)
        (self.model / "tokenizer.json").unlink()
        with self.fails("MODEL_INVALID", "tokenizer.json"):
            self.open(folder)

    def test_ranks_share_the_files_and_stop_together_with_what_one_of_them_found(self):
        files = {f"code-{i:05d}.parquet": some_rows("code", 2, i) for i in range(5)}
        folder = write_shards(self.folder / "s", files)
        alone = self.open(folder)
        whole = on_two_ranks(folder, self.model)
        for outcome in whole:
            self.assertEqual(outcome["tokens"], alone.tokens.tolist())
            self.assertEqual(outcome["last"], alone.read(9).input_ids.tolist())
        # Between them, and no file twice.
        hashed = [Path(name).name for outcome in whole for name in outcome["hashed"]]
        self.assertEqual(sorted(hashed), sorted(files))

        path = folder / "code-00001.parquet"
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        for outcome in on_two_ranks(folder, self.model):
            self.assertEqual(outcome["code"], "SHARD_CHANGED")
            self.assertIn("code-00001.parquet", outcome["message"])


def on_two_ranks(folder: Path, model: Path) -> list[dict]:
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="train-data-rendezvous-") as rendezvous, spawn.Pool(2) as pool:
        arguments = [(rank, folder, model, f"{rendezvous}/store") for rank in range(2)]
        return pool.starmap_async(open_as_rank, arguments, chunksize=1).get(timeout=600)


def open_as_rank(rank: int, folder: Path, model: Path, store: str) -> dict:
    import torch.distributed as dist

    hashed, digest = [], hashlib.file_digest

    def noting(file, algorithm):
        hashed.append(file.name)
        return digest(file, algorithm)

    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    try:
        with mock.patch("hashlib.file_digest", noting):
            rows = open_rows([folder], model, 64, rank, 2)
        return {"tokens": rows.tokens.tolist(), "last": rows.read(9).input_ids.tolist(), "hashed": hashed}
    except TrainingFailure as failure:
        return {"code": failure.code, "message": failure.message}
    finally:
        dist.destroy_process_group()


def an_order(count=40, seed=1, batch=6, mixture=None, sizes=(5, 60), domains=2):
    generator = np.random.default_rng(seed)
    tokens = generator.integers(sizes[0], sizes[1], count)
    domain_of = np.arange(count, dtype=np.int32) % domains
    return Order(tokens, domain_of, [f"d{i}" for i in range(domains)], seed, batch, mixture), tokens, domain_of


class Orders(InFolder):
    def test_each_epoch_is_a_permutation_and_another_one(self):
        order, *_ = an_order(count=42, batch=6)
        epochs = [np.concatenate([order.rows_of(step) for step in range(e * 7, e * 7 + 7)]) for e in range(3)]
        for epoch in epochs:
            self.assertEqual(sorted(epoch.tolist()), list(range(42)))
        self.assertEqual(len({tuple(epoch) for epoch in [*epochs, range(42)]}), 4)

    def test_a_step_is_the_same_whatever_was_asked_before(self):
        for mixture in (None, {"d0": 1, "d1": 3}):
            through, *_ = an_order(mixture=mixture)
            steps = [through.rows_of(step).tolist() for step in range(30)]
            for step in (29, 0, 17):
                self.assertEqual(an_order(mixture=mixture)[0].rows_of(step).tolist(), steps[step])
            self.assertEqual(through.rows_of(3).tolist(), steps[3])

    def test_seeds_give_orders_that_have_little_in_common(self):
        firsts = Counter()
        for seed in range(500):
            order = Order(np.ones(10), np.zeros(10, np.int32), ["d"], seed, 10, None)
            firsts[int(order.rows_of(0)[0])] += 1
        # 50 each are expected; a binomial of 500 and 1/10 leaves 20 to 85 less than once in 10,000.
        self.assertTrue(all(20 <= firsts[row] <= 85 for row in range(10)), firsts)

    def test_the_keys_are_those_of_splitmix64(self):
        from retrace_train.order import _mix

        # Of the reference program by Vigna: the first outputs of the state 1234567.
        gamma, state = 0x9E3779B97F4A7C15, 1234567
        expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
        found = [int(_mix(np.uint64((state + i * gamma) % 2**64))) for i in range(4)]
        self.assertEqual(found, expected)

    def test_tokens_given_keep_to_the_shares_within_one_row(self):
        for seed in range(30):
            share = (1 + seed) / 32
            order, tokens, domain_of = an_order(seed=seed, mixture={"d0": share * 7, "d1": (1 - share) * 7})
            given = [0, 0]
            for step in range(40):
                for row in order.rows_of(step):
                    given[domain_of[row]] += int(tokens[row])
                    self.assertLessEqual(abs(given[0] - share * sum(given)), tokens.max(), f"seed {seed}, step {step}")
            self.assertGreater(min(given), 0)

    def test_of_many_domains_none_gets_more_than_its_share_and_one_row(self):
        for seed in range(10):
            weights = np.random.default_rng(seed).uniform(0.2, 3, 5)
            mixture = {f"d{i}": float(weight) for i, weight in enumerate(weights)}
            order, tokens, domain_of = an_order(count=60, seed=seed, mixture=mixture, domains=5)
            given = np.zeros(5)
            for step in range(60):
                for row in order.rows_of(step):
                    given[domain_of[row]] += tokens[row]
                    ahead = given - weights / weights.sum() * given.sum()
                    self.assertLessEqual(ahead.max(), tokens.max())
                    self.assertGreaterEqual(ahead.min(), -4 * tokens.max())

    def test_a_domain_of_the_mixture_repeats_its_rows_no_sooner_than_all_were_given(self):
        order, _, domain_of = an_order(mixture={"d0": 9, "d1": 1})
        rows = [int(row) for step in range(50) for row in order.rows_of(step)]
        for domain in (0, 1):
            mine = [row for row in rows if domain_of[row] == domain]
            self.assertGreaterEqual(len(mine), 20)
            for start in range(0, len(mine) - 19, 20):
                self.assertEqual(len(set(mine[start : start + 20])), 20)

    def test_a_domain_that_the_mixture_leaves_out_is_not_given(self):
        order, _, domain_of = an_order(mixture={"d1": 2})
        self.assertTrue(all(domain_of[row] == 1 for step in range(20) for row in order.rows_of(step)))

    def test_a_domain_that_no_shard_has_is_refused_with_those_there_are(self):
        with self.fails("CONFIG_INVALID", "names d7", "d0, d1"):
            an_order(mixture={"d7": 1, "d0": 1})

    def test_steps_reach_epochs_and_tokens_and_no_more(self):
        order, tokens, _ = an_order(count=42, batch=6)
        self.assertEqual([total_steps(order, {"epochs": e}) for e in (1, 2, 0.0001)], [7, 14, 1])
        self.assertEqual(total_steps(an_order(count=43, batch=6)[0], {"epochs": 1}), 8)
        self.assertEqual(total_steps(order, {"steps": 3}), 3)
        to_three = sum(int(tokens[row]) for step in range(3) for row in order.rows_of(step))
        self.assertEqual([total_steps(order, {"tokens": to_three + more}) for more in (0, 1)], [3, 4])
        mixed, tokens, domain_of = an_order(mixture={"d0": 1})
        steps, of_d0 = total_steps(mixed, {"epochs": 1}), int(tokens[domain_of == 0].sum())
        given = [sum(int(tokens[row]) for s in range(n) for row in mixed.rows_of(s)) for n in (steps - 1, steps)]
        self.assertTrue(given[0] < of_d0 <= given[1])


class Deals(InFolder):
    def test_every_rank_gets_as_many_rows_and_all_of_them_are_dealt_in_falling_cost(self):
        for seed in range(50):
            generator = np.random.default_rng(seed)
            ranks = int(generator.integers(1, 9))
            rows = generator.permutation(1000)[: ranks * int(generator.integers(1, 9))]
            cost_of = dict(zip(rows.tolist(), generator.lognormal(9, 1, len(rows)), strict=True))
            dealt = deal(rows, np.array([cost_of[row] for row in rows.tolist()]), ranks)
            self.assertEqual({len(share) for share in dealt}, {len(rows) // ranks})
            self.assertEqual(sorted(row for share in dealt for row in share), sorted(rows.tolist()))
            for share in dealt:
                costs = [cost_of[row] for row in share]
                self.assertEqual(costs, sorted(costs, reverse=True))
            sums = [sum(cost_of[row] for row in share) for share in dealt]
            # There and back: the ranks differ by no more than the dearest row from the cheapest.
            self.assertLessEqual(max(sums) - min(sums), max(cost_of.values()) - min(cost_of.values()) + 1e-6)

    def test_ranks_wait_less_for_each_other_than_in_the_order_of_the_data(self):
        def time_of(shares, costs) -> float:
            """Every micro-batch takes as long as its dearest row."""
            return costs[np.array(shares)].max(axis=0).sum() / costs.sum() * len(shares)

        def spread_of(shares, costs) -> float:
            sums = costs[np.array(shares)].sum(axis=1)
            return (sums.max() - sums.min()) / sums.mean()

        figures = []
        for seed in range(200):
            costs = np.random.default_rng(seed).lognormal(9, 1, 64)
            ours, plain = deal(np.arange(64), costs, 8), [list(range(rank, 64, 8)) for rank in range(8)]
            self.assertLessEqual(time_of(ours, costs), time_of(plain, costs))
            figures.append([measure(d, costs) for measure in (time_of, spread_of) for d in (ours, plain)])
        our_time, plain_time, our_spread, plain_spread = np.mean(figures, axis=0)
        self.assertLess(our_time - 1, (plain_time - 1) / 3)
        self.assertLess(our_spread, plain_spread * 0.8)

    def test_equal_costs_are_dealt_the_same_each_time_and_uneven_rows_are_refused(self):
        self.assertEqual(deal(np.array([4, 8, 2, 6]), np.ones(4), 2), [[4, 6], [8, 2]])
        with self.fails("CONFIG_INVALID", "batchRows is 6", "4 ranks", "multiple of 4"):
            deal(np.arange(6), np.ones(6), 4)


class MetricsLines(InFolder):
    def setUp(self):
        super().setUp()
        (self.folder / "out").mkdir()
        out = self.folder / "out"
        self.job: Any = SimpleNamespace(out=out, metrics=out / "metrics.jsonl")

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.job.metrics.read_text().splitlines()]

    def test_going_on_drops_later_steps_and_half_lines_and_gives_the_last_step_kept(self):
        metrics = Metrics(self.job)
        self.assertIsNone(metrics.resume_at(0))
        metrics.write({"event": "start", "step": 0})
        for step in range(1, 6):
            metrics.write({"event": "step", "step": step, "loss": 1 / step})
            if step == 3:
                metrics.write({"event": "checkpoint", "step": 3})
        metrics.close()
        cut = '{"event": "step", "step": 6, "na\u00efve'.encode()[:-3]
        for tail in (b"", cut, cut + b"\nnull\n", b'{"event": "step", "step": 3, "loss": 0.1}'):
            before = self.job.metrics.read_bytes()
            self.job.metrics.write_bytes(before + tail)
            again = Metrics(self.job)
            self.assertEqual(again.resume_at(3), {"event": "step", "step": 3, "loss": 1 / 3})
            again.write({"event": "start", "step": 3})
            again.write({"event": "step", "step": 4, "loss": 0.25})
            again.close()
            steps = [line["step"] for line in self.lines() if line["event"] == "step"]
            self.assertEqual(steps, [1, 2, 3, 4])
        self.assertEqual([line["event"] for line in self.lines()].count("start"), 5)

    def test_what_is_no_json_is_not_written_at_all(self):
        metrics = Metrics(self.job)
        metrics.resume_at(0)
        with self.assertRaises(ValueError):
            metrics.write({"event": "step", "step": 1, "loss": math.nan})
        metrics.write({"event": "step", "step": 1, "loss": 2.5})
        self.assertEqual(self.lines(), [{"event": "step", "step": 1, "loss": 2.5}])
        metrics.close()

    def test_a_line_is_there_as_soon_as_it_is_written(self):
        metrics = Metrics(self.job)
        metrics.resume_at(0)
        for step in (1, 2):
            metrics.write({"event": "step", "step": step})
            self.assertEqual(self.lines()[-1]["step"], step)
        metrics.close()


LLAMA_3_8B = SimpleNamespace(
    hidden_size=4096,
    num_attention_heads=32,
    num_key_value_heads=8,
    num_hidden_layers=32,
    intermediate_size=14336,
    vocab_size=128256,
)


class Arithmetic(unittest.TestCase):
    def test_llama_3_8b_takes_what_the_literature_counts_for_it(self):
        # 6 FLOP a token for each of the 8.03e9 parameters but for the embedding's 0.525e9, which multiplies nothing.
        matmuls = model_flops(LLAMA_3_8B, 1000, 1000, 0) / 1000
        self.assertAlmostEqual(matmuls / (6 * (8.030e9 - 0.525e9)), 1, delta=0.001)
        untrained = model_flops(LLAMA_3_8B, 1000, 0, 0) / 1000
        self.assertAlmostEqual((matmuls - untrained) / (6 * 128256 * 4096), 1, delta=1e-6)

    def test_attention_grows_with_the_square_of_documents(self):
        # Half of T^2 scores, 2 FLOP for each of 128 channels of 32 heads in 32 blocks, for scores and for values; and
        # all that once forward and twice back.
        for length in (8192, 65536):
            attention = model_flops(LLAMA_3_8B, length, 0, length**2) - model_flops(LLAMA_3_8B, length, 0, 0)
            self.assertEqual(attention, 3 * 2 * 32 * 32 * 128 * 2 * length**2 / 2)

    def test_the_products_are_those_that_torch_counts(self):
        from torch.utils.flop_counter import FlopCounterMode
        from transformers import LlamaConfig, LlamaForCausalLM

        shape = {"hidden_size": 48, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 16}
        shape |= {"intermediate_size": 80, "num_hidden_layers": 3, "vocab_size": 70}
        settings: dict[str, Any] = {**shape, "attn_implementation": "eager"}
        config = LlamaConfig(**settings)
        model = LlamaForCausalLM(config)
        with FlopCounterMode(display=False) as counter:
            loss = model(torch.arange(20)[None], labels=torch.arange(20)[None]).loss
            loss.backward()
        # Eager attention computes both halves of the square; rotations multiply a vector of frequencies, one product.
        expected = model_flops(config, 20, 20, 2 * 20**2)
        self.assertAlmostEqual(counter.get_total_flops() / expected, 1, delta=0.005)

    def test_cards_are_told_by_their_names(self):
        expected = {
            "NVIDIA H200": 989.4e12,
            "NVIDIA H100 80GB HBM3": 989.4e12,
            "NVIDIA H100 PCIe": 756.5e12,
            "NVIDIA A100-SXM4-80GB": 311.8e12,
            "NVIDIA B200": 2.25e15,
            "NVIDIA L40S": 362.1e12,
            "NVIDIA L4": 121e12,
            "NVIDIA GeForce RTX 4090": 165.2e12,
            "NVIDIA GeForce RTX 4090 Laptop GPU": None,
            "NVIDIA H200 MIG 1g.18gb": None,
            "AMD Instinct MI300X": None,
        }
        self.assertEqual({name: datasheet_flops(name) for name in expected}, expected)
        for card, flops in PEAK_FLOPS.items():
            self.assertEqual(datasheet_flops(" ".join(["NVIDIA", *card])), flops, card)

    def test_a_cpu_is_measured(self):
        value, source = peak_flops(torch.device("cpu"), torch.float32)
        self.assertEqual(source, "measured")
        assert value is not None
        self.assertTrue(1e8 < value < 1e14, value)


class Probe(InFolder):
    def run_probe(self, **environment: str) -> dict:
        variables = os.environ | {"PYTHONPATH": str(ROOT / "python"), "PYTHONDONTWRITEBYTECODE": "1"} | environment
        command = [sys.executable, "-m", "retrace_train.probe"]
        return json.loads(subprocess.run(command, env=variables, capture_output=True, check=True, timeout=600).stdout)

    def test_it_says_what_is_here(self):
        found = self.run_probe()
        self.assertEqual((found["torch"], found["pyarrow"]), (str(torch.__version__), pa.__version__))
        self.assertTrue(0 < found["availableBytes"] <= found["memoryBytes"])
        self.assertTrue(1 <= found["cpuCount"] <= os.cpu_count())

    def test_packages_that_fail_in_any_way_are_null_and_what_they_print_stays_out(self):
        broken = self.folder / "broken"
        for name, text in {
            "torch": "raise OSError('libcudart.so.99: cannot open shared object file')",
            "transformers": "print('Welcome!')\n__version__ = '5.0.0'",
            "pyarrow": "import a_package_that_is_nowhere",
            "trl": "raise AttributeError('too old')",
        }.items():
            (broken / name).mkdir(parents=True)
            (broken / name / "__init__.py").write_text(text)
        found = self.run_probe(PYTHONPATH=f"{broken}:{ROOT / 'python'}")
        versions = {name: found[name] for name in ("torch", "transformers", "pyarrow", "trl")}
        self.assertEqual(versions, {"torch": None, "transformers": "5.0.0", "pyarrow": None, "trl": None})
        self.assertEqual((found["cuda"], found["varlenAttention"]), ([], False))

    def test_a_cgroup_limits_memory_and_cores(self):
        def group(**files: str) -> Path:
            folder = Path(tempfile.mkdtemp(dir=self.folder))
            for name, text in files.items():
                (folder / name.replace("__", ".")).write_text(f"{text}\n")
            return folder

        limited = group(memory__max="1000", memory__current="700", memory__stat="anon 1\ninactive_file 250\nfile 9")
        self.assertEqual(machine.memory_room(limited), 550)
        used = {"memory__limit_in_bytes": "1000", "memory__usage_in_bytes": "700"}
        older = group(**used, memory__stat="inactive_file 9\ntotal_inactive_file 50")
        self.assertEqual(machine.memory_room(older), 350)
        unlimited = group(memory__limit_in_bytes="9223372036854771712", memory__usage_in_bytes="7")
        for free in (group(memory__max="max", memory__current="7"), unlimited, group()):
            self.assertIsNone(machine.memory_room(free))
        self.assertEqual(machine.read_cpu_share(group(cpu__max="150000 100000")), 1.5)
        self.assertIsNone(machine.read_cpu_share(group(cpu__max="max 100000")))
        with mock.patch.object(machine, "cgroup_folders", lambda: [limited]):
            self.assertEqual(machine.memory()[1], 550)


CONFIG = {
    "init": "random",
    "ropeTheta": 8e6,
    "contextLength": None,
    "until": {"steps": 6},
    "batchRows": 4,
    "microBatchRows": 1,
    "mixture": None,
    "optimizer": {
        "learningRate": 1,
        "finalShare": 0.1,
        "warmUpShare": 0.1,
        "beta1": 0.9,
        "beta2": 0.95,
        "epsilon": 1e-8,
        "weightDecay": 0.1,
        "maxGradNorm": 1.0,
        "moments": "float32",
    },
    "compute": "float32",
    "activationCheckpointing": True,
    "lossChunkTokens": 64,
    "checkpoint": {"everySteps": 3, "keep": 2},
    "exportType": "float32",
    "deterministic": False,
    "seed": 0,
}
JOB = {
    "schemaVersion": 1,
    "out": "out",
    "model": "model",
    "shards": ["a", "b"],
    "engine": "fsdp2",
    "device": "cpu",
    "threads": 1,
    "config": CONFIG,
}


class JobFile(InFolder):
    def read(self, value):
        path = self.folder / "job.json"
        path.write_text(json.dumps(value))
        return read_job(path)

    def test_it_is_read_as_it_was_written(self):
        job = self.read(JOB)
        self.assertEqual((job.out, job.shards), (Path("out"), (Path("a"), Path("b"))))
        self.assertEqual((job.config.optimizer.learning_rate, job.config.rope_theta), (1.0, 8e6))
        self.assertIs(type(job.config.optimizer.learning_rate), float)

    def test_a_wrong_value_is_named_in_one_line(self):
        for change, words in [
            ({"batchRows": "4"}, ("config.batchRows", "expected int", '"4"')),
            ({"batchRows": True}, ("config.batchRows", "expected int", "true")),
            ({"batchRows": 4.5}, ("config.batchRows", "4.5")),
            ({"ropeTheta": "8e6"}, ("config.ropeTheta", "float or null")),
            ({"mixture": [1]}, ("config.mixture", "dict or null")),
            ({"deterministic": 1}, ("config.deterministic", "bool")),
            ({"optimizer": None}, ("config.optimizer", "expected the keys")),
            ({"until": None}, ("config.until", "dict")),
            ({"exportType": "float16"}, ("config.exportType", "'float32' or 'bfloat16'", '"float16"')),
        ]:
            with self.fails("JOB_INVALID", *words):
                self.read(JOB | {"config": CONFIG | change})
        for change, words in [({"shards": "a"}, ("shards", "list")), ({"shards": [1]}, ("shards[0]", "str"))]:
            with self.fails("JOB_INVALID", *words):
                self.read(JOB | change)
        with self.fails("JOB_INVALID", "expected the keys"):
            self.read(JOB | {"color": 1})

    def test_the_first_failure_stays(self):
        with redirect_stderr(StringIO()):
            record_failure(self.folder, TrainingFailure("FIRST", "one", step=3))
            record_failure(self.folder, TrainingFailure("SECOND", "two"))
        failure = json.loads((self.folder / "failure.json").read_text())
        self.assertEqual(failure, {"code": "FIRST", "message": "one", "details": {"step": 3}})
        self.assertEqual([path.name for path in self.folder.iterdir()], ["failure.json"])


if __name__ == "__main__":
    unittest.main()
