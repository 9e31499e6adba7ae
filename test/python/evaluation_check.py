"""
Offline evaluation against Transformers' own forward pass, models whose answers are known, and figures by hand.

    RETRACE_MODEL=DIR RETRACE_SHARDS=DIR python test/python/evaluation_check.py

`evaluation.test.ts` packs the shards and runs this.
"""

import contextlib
import io
import json
import math
import os
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import pyarrow.parquet
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from retrace_eval import model as model_module
from retrace_eval.__main__ import main
from retrace_eval.choices import log_likelihoods, score_choices
from retrace_eval.completion import compare, complete, score_completions
from retrace_eval.held_out import buckets_of, documents_of, score_held_out
from retrace_eval.model import Model, load_model, read_config
from retrace_eval.results import Progress, write_whole
from retrace_eval.tasks import ChoiceTask, CompletionTask, read_tasks
from retrace_eval.token_bytes import read_token_bytes
from retrace_train.failures import TrainingFailure
from retrace_train.model import load_for_evaluation
from retrace_train.shards import open_rows

SMALL, SHARDS = Path(os.environ["RETRACE_MODEL"]), Path(os.environ["RETRACE_SHARDS"])
END = 256  # the special token of the models made here; the ids below are the bytes


def load(folder: Path) -> Model:
    tokens = read_token_bytes(folder / "tokenizer.json")
    return load_model(folder, read_config(folder, tokens), tokens, torch.device("cpu"), "float32")


def quiet(suite: str) -> Progress:
    with contextlib.redirect_stdout(io.StringIO()):
        progress = Progress(suite, 0)
    progress.advance = lambda: None
    return progress


def save_folder(folder: Path, llama: LlamaForCausalLM) -> Path:
    """With a tokenizer that has a token for each byte, in order, and one special."""
    llama.save_pretrained(folder)
    prints = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    vocabulary = {chr(byte if byte in prints else next(others)): byte for byte in range(256)}
    special = {"id": END, "content": "<|end|>", "special": True}
    entries = vocabulary | {"<|end|>": END}  # some tokenizers list their specials here too
    file = {"added_tokens": [special], "model": {"type": "BPE", "vocab": entries, "merges": []}}
    (folder / "tokenizer.json").write_text(json.dumps(file))
    return folder


def tiny(channels: int = 32, **changes) -> LlamaForCausalLM:
    torch.manual_seed(1)
    shape = dict(vocab_size=END + 1, hidden_size=channels, intermediate_size=8, num_hidden_layers=1)
    heads = dict(num_attention_heads=1, num_key_value_heads=1, max_position_embeddings=64, tie_word_embeddings=False)
    settings: dict[str, Any] = shape | heads | changes
    return LlamaForCausalLM(LlamaConfig(**settings))


def chain(following: dict[int, int]) -> LlamaForCausalLM:
    """After a token there comes always the same one: one-hot embeddings, and a head that maps them."""
    llama = tiny(channels=END + 2)
    with torch.no_grad():
        for parameter in llama.model.layers.parameters():
            parameter.zero_()
        llama.model.embed_tokens.weight.copy_(torch.eye(END + 1, END + 2))
        llama.lm_head.weight.zero_()
        for token, after in following.items():
            llama.lm_head.weight[after, token] = 1
    return llama


def ids(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64)


def choice(context, choices, answer=0, length=8, depth=0.5) -> ChoiceTask:
    return ChoiceTask("c", length, depth, np.array(context), [np.array(one) for one in choices], answer)


def completion(context: str, target: str, lines=1, max_new_tokens=12, repository="r") -> CompletionTask:
    return CompletionTask("c", repository, "a.py", ids(context), target, lines, max_new_tokens)


class WithFolder(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)


class HeldOut(WithFolder):
    @classmethod
    def setUpClass(cls) -> None:
        cls.model = load(SMALL)
        cls.rows = open_rows([SHARDS], SMALL, sys.maxsize)
        cls.documents = list(documents_by_pyarrow())

    def test_every_label_as_transformers_forward_pass_of_its_document_has_it(self) -> None:
        llama = LlamaForCausalLM.from_pretrained(SMALL, dtype=torch.float32, attn_implementation="eager")
        everything, domains, buckets = [], {}, {}
        for domain, tokens, labels in self.documents:
            with torch.no_grad():
                logits = llama(torch.tensor([tokens])).logits[0].double()
            expected = {
                t: -torch.log_softmax(logits[t - 1], -1)[tokens[t]].item()
                for t in range(1, len(tokens))
                if labels[t] != -100
            }
            found = self.model.nll(np.array(tokens), np.array(list(expected)))
            self.assertLess(np.abs(found - np.array(list(expected.values()))).max(), 1e-4)
            self.assertAlmostEqual(float(found.mean(dtype=np.float64)), np.mean(list(expected.values())), delta=1e-5)
            for position, nll in expected.items():
                low = next(low for low in (2048, 1024, 512, 0) if position >= low)
                for where in (everything, domains.setdefault(domain, []), buckets.setdefault(low, [])):
                    where.append(nll)
        result = score_held_out(self.model, self.rows, quiet("heldOut"))
        self.check(result["all"], everything)
        self.assertEqual(list(result["domains"]), sorted(domains))
        self.assertGreater(len(domains), 1)
        self.assertEqual([one["from"] for one in result["positions"]], sorted(buckets))
        self.assertGreater(len(buckets), 2)
        for domain, likelihood in result["domains"].items():
            self.check(likelihood, domains[domain])
        for one in result["positions"]:
            self.assertEqual(one["to"], max(512, 2 * one["from"]))
            self.check(one["likelihood"], buckets[one["from"]])

    def check(self, likelihood: dict, nll: list[float]) -> None:
        self.assertEqual(likelihood["tokens"], len(nll))
        self.assertAlmostEqual(likelihood["nllPerToken"], sum(nll) / len(nll), delta=1e-5)
        self.assertAlmostEqual(likelihood["bitsPerByte"], sum(nll) / math.log(2) / likelihood["bytes"], delta=1e-5)

    def test_packed_rows_in_the_loop_have_the_same_nll(self) -> None:
        packed = load_for_evaluation(SMALL, torch.device("cpu"), torch.float32)
        several = 0
        for row in map(self.rows.read, range(len(self.rows))):
            positions = np.concatenate([np.arange(length) for length in row.seq_lengths])
            with torch.no_grad():
                inputs = (torch.from_numpy(column)[None] for column in (row.input_ids, row.labels, positions))
                expected = packed(*inputs, row.seq_lengths).numpy()
            documents = documents_of(row)
            found = [self.model.nll(tokens, np.flatnonzero(labels != -100)) for tokens, labels in documents]
            np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-4)
            several += len(row.seq_lengths) > 1
        self.assertGreater(several, 0)

    def test_bytes_are_those_of_the_text_that_is_labelled(self) -> None:
        tokenizer, expected, wide = Tokenizer.from_file(str(SMALL / "tokenizer.json")), 0, 0
        for _, tokens, labels in self.documents:
            labelled = [t for t, label in zip(tokens, labels, strict=True) if label != -100]
            text = tokenizer.decode(labelled, skip_special_tokens=True)
            expected += len(text.encode())
            wide += len(text.encode()) - len(text)
        result = score_held_out(self.model, self.rows, quiet("heldOut"))
        self.assertEqual(result["all"]["bytes"], expected)
        self.assertEqual(sum(one["bytes"] for one in result["domains"].values()), expected)
        self.assertEqual(sum(one["likelihood"]["bytes"] for one in result["positions"]), expected)
        self.assertGreater(wide, 0)  # characters of several bytes were among them

    def test_chunks_of_the_head_change_nothing(self) -> None:
        _, tokens, _ = max(self.documents, key=lambda document: len(document[1]))
        whole = self.model.nll(np.array(tokens), np.arange(1, len(tokens)))
        with mock.patch.object(model_module, "HEAD_CHUNK", 7):
            parts = self.model.nll(np.array(tokens), np.arange(1, len(tokens)))
        self.assertEqual(len(parts), len(tokens) - 1)
        np.testing.assert_allclose(parts, whole, atol=1e-5)

    def test_a_document_longer_than_the_context_is_counted_and_not_scored(self) -> None:
        limit = max(len(tokens) for _, tokens, _ in self.documents) - 1
        longer = [tokens for _, tokens, _ in self.documents if len(tokens) > limit]
        kept = [labels for _, tokens, labels in self.documents if len(tokens) <= limit]
        labelled = sum(label != -100 for labels in kept for label in labels)
        with mock.patch.object(self.model, "max_positions", limit):
            result = score_held_out(self.model, self.rows, quiet("heldOut"))
        self.assertEqual(result["tooLong"], {"documents": len(longer), "tokens": sum(map(len, longer))})
        self.assertGreater(len(longer), 0)
        self.assertEqual(result["all"]["tokens"], labelled)
        with mock.patch.object(self.model, "max_positions", 1):
            nothing = score_held_out(self.model, self.rows, quiet("heldOut"))
        self.assertEqual(nothing["all"], {"tokens": 0, "bytes": 0, "nll": 0, "nllPerToken": None, "bitsPerByte": None})

    def test_a_head_of_zeros_costs_the_logarithm_of_the_vocabulary(self) -> None:
        llama = tiny(vocab_size=512)
        with torch.no_grad():
            llama.lm_head.weight.zero_()
        model = load(save_folder(self.folder, llama))
        np.testing.assert_allclose(model.nll(ids("grüße\n"), np.arange(1, 8)) / math.log(2), 9, atol=1e-5)
        # "grüße\n" behind its first letter is 7 bytes in 7 tokens: 9 bits a byte.
        self.assertEqual(int(model.tokens.sizes[ids("rüße\n")].sum()), 7)

    def test_buckets_end_at_512_and_its_doubles(self) -> None:
        positions = np.array([1, 511, 512, 1023, 1024, 65_535, 65_536, 131_071])
        self.assertEqual(buckets_of(positions).tolist(), [0, 0, 1, 1, 2, 7, 8, 8])


def documents_by_pyarrow():
    """Domain, ids and labels of each document, by another way than the one that is tried here."""
    for file in json.loads((SHARDS / "manifest.json").read_text())["shards"]:
        for row in pyarrow.parquet.read_table(SHARDS / file["file"]).to_pylist():
            start = 0
            for length in row["seq_lengths"]:
                yield row["domain"], *(row[name][start : start + length] for name in ("input_ids", "labels"))
                start += length


class TokenBytesTest(unittest.TestCase):
    def test_text_comes_back_byte_for_byte_and_specials_are_no_text(self) -> None:
        path = SMALL / "tokenizer.json"
        tokenizer, tokens = Tokenizer.from_file(str(path)), read_token_bytes(path)
        text = "def f(x):\r\n\treturn '你好 🎉 grüße \x00\x7f\xad' # é\n"
        encoded = tokenizer.encode(text, add_special_tokens=False).ids
        self.assertEqual(b"".join(tokens.of(one) or b"" for one in encoded), text.encode())
        self.assertEqual(int(tokens.sizes[encoded].sum()), len(text.encode()))
        special = tokenizer.token_to_id("<|end_of_text|>")
        assert special is not None
        self.assertEqual((tokens.of(special), tokens.sizes[special], tokens.of(10**6)), (None, 0, None))


class Choices(WithFolder):
    def repeated(self) -> ChoiceTask:
        """A line that was there twelve times goes on as before, or as no line of the context does."""
        tokenizer = Tokenizer.from_file(str(SMALL / "tokenizer.json"))
        line = tokenizer.encode("const answer = compute(first, second)\n", add_special_tokens=False).ids
        half = len(line) // 2
        right, others = line[half:], [list(reversed(line))[: len(line) - half], [5] * (len(line) - half)]
        return choice(line * 12 + line[:half], [others[0], right, others[1]], answer=1)

    def test_what_the_context_repeats_is_the_likeliest(self) -> None:
        model, task = load(SMALL), self.repeated()
        result = score_choices(model, [task], quiet("needle"))
        self.assertEqual([result[key] for key in ("tasks", "tooLong", "accuracy", "chance")], [1, 0, 1, 1 / 3])
        self.assertEqual(len(result["cells"]), 1)
        self.assertGreater(result["cells"][0]["margin"], 1)

    def test_another_answer_turns_the_verdict_around(self) -> None:
        model, task = load(SMALL), self.repeated()
        right, others = task.choices[1], (task.choices[0], task.choices[2])
        pair = [choice(task.context, [right, other], answer=0) for other in others]
        turned = [choice(one.context, one.choices, answer=1) for one in pair]
        right, wrong = (score_choices(model, tasks, quiet("needle")) for tasks in (pair, turned))
        self.assertEqual((right["accuracy"], wrong["accuracy"]), (1, 0))
        self.assertEqual(right["cells"][0]["margin"], -wrong["cells"][0]["margin"])

    def test_the_margin_is_worked_out_by_hand_where_the_model_is_known(self) -> None:
        """A head of ones and zeros on one-hot states: a logit is sqrt(channels) or 0, by the norm before the head."""
        model = load(save_folder(self.folder, chain({97: 98, 98: 99})))
        task = choice([97], [[98, 99], [98, 120], [120, 121]])
        # The choices differ in the second token, and in both: log-probabilities differ by the logit that is missing.
        logit = 1 / math.sqrt(1 / (END + 2) + 1e-6)
        result = score_choices(model, [task], quiet("needle"))
        self.assertAlmostEqual(result["cells"][0]["margin"], logit, delta=1e-4)
        scores = log_likelihoods(model, task.context, task.choices)
        each = logit - math.log(math.exp(logit) + END)
        self.assertAlmostEqual(scores[0], 2 * each, delta=1e-4)
        self.assertAlmostEqual(scores[1], 2 * each - logit, delta=1e-4)

    def test_a_model_that_says_the_same_of_all_gets_none_right(self) -> None:
        llama = tiny()
        with torch.no_grad():
            llama.lm_head.weight.zero_()
        tasks = [choice([1, 2, 3], [[4, 5], [6, 7]], answer) for answer in (0, 1)]
        result = score_choices(load(save_folder(self.folder, llama)), tasks, quiet("needle"))
        self.assertEqual((result["accuracy"], result["cells"][0]["margin"]), (0, 0))

    def test_a_kept_context_gives_what_reading_all_again_gives(self) -> None:
        model, random = load(SMALL), np.random.default_rng(0)
        for length in (1, 5):
            context = random.integers(0, 4000, 200)
            choices = [random.integers(0, 4000, length) for _ in range(3)]
            cached = log_likelihoods(model, context, [*choices, choices[0]])
            self.assertEqual(cached[0], cached[3])  # reading on changes nothing for those that come after
            for score, one in zip(cached[:3], choices, strict=True):
                again = model.nll(np.concatenate([context, one]), np.arange(200, 200 + length))
                self.assertAlmostEqual(score, -float(again.sum()), delta=1e-4)

    def test_cells_are_apart_and_what_does_not_fit_is_counted(self) -> None:
        model = load(save_folder(self.folder, chain({1: 2})))
        long = np.ones(63, dtype=np.int64)
        tasks = [
            choice([1], [[2], [3]], length=8, depth=0.5),
            choice([1], [[2], [3]], answer=1, length=8, depth=0.5),
            choice([1], [[2], [3]], length=8, depth=0),
            choice(long, [[2], [3]], length=64),  # exactly the 64 positions of the model
            choice(long, [[1, 2], [1, 3]], length=65),
        ]
        result = score_choices(model, tasks, quiet("needle"))
        self.assertEqual((result["tasks"], result["tooLong"], result["accuracy"], result["chance"]), (4, 1, 0.75, 0.5))
        cells = [[cell[key] for key in ("length", "depth", "tasks", "tooLong", "accuracy")] for cell in result["cells"]]
        self.assertEqual(cells, [[8, 0, 1, 0, 1], [8, 0.5, 2, 0, 0.5], [64, 0.5, 1, 0, 1], [65, 0.5, 0, 1, None]])
        self.assertIsNone(result["cells"][-1]["margin"])


class Completions(WithFolder):
    def forced(self, text: str) -> Model:
        """Writes this text after its first character, and begins again at its end; no byte may be in it twice."""
        bytes_of = [*text.encode()]
        following = dict(zip(bytes_of, [*bytes_of[1:], bytes_of[0]], strict=True))
        return load(save_folder(self.folder, chain(following)))

    def test_lines_end_where_they_were_asked_to(self) -> None:
        model = self.forced("xé€\n")
        self.assertEqual(complete(model, completion("x", "")), "é€")
        self.assertEqual(complete(model, completion("x", "", lines=2)), "é€\nxé€")
        # Four bytes: a whole character and two thirds of the next.
        self.assertEqual(complete(model, completion("x", "", max_new_tokens=4)), "é\ufffd")

    def test_a_special_token_ends_the_text(self) -> None:
        model = load(save_folder(self.folder, chain({97: 98, 98: END, END: 99})))
        self.assertEqual(complete(model, completion("a", "", lines=3)), "b")

    def test_a_token_with_two_lines_is_cut_at_the_first(self) -> None:
        model = self.forced("ab\n")
        model.tokens.pieces[ord("b")] = b"b  \n\nzz"
        self.assertEqual(complete(model, completion("a", "")), "b  ")

    def test_greedy_is_as_transformers_generates(self) -> None:
        model, tokenizer = load(SMALL), Tokenizer.from_file(str(SMALL / "tokenizer.json"))
        context = tokenizer.encode("import { join } from 'node:path'\n\nexport function", add_special_tokens=False).ids
        given = dict(do_sample=False, max_new_tokens=40, pad_token_id=0)
        llama: Any = model.llama
        theirs = llama.generate(torch.tensor([context]), attention_mask=torch.ones(1, len(context)), **given)
        expected = tokenizer.decode(theirs[0, len(context) :].tolist(), skip_special_tokens=True)
        task = CompletionTask("c", "r", "a.ts", np.array(context), "", lines=99, max_new_tokens=40)
        self.assertEqual(complete(model, task), expected)
        self.assertGreater(len(expected), 20)

    def test_likeness_by_hand(self) -> None:
        self.assertAlmostEqual(compare("kitten", "sitting").similarity, 1 - 3 / 7)
        self.assertEqual(compare("", "").similarity, 1)
        self.assertEqual(compare("", "ab").similarity, 0)
        self.assertEqual(compare("ä", "a").similarity, 0)  # characters, not bytes
        same, indented, shorter = compare("a  \nb\r", "a\nb"), compare(" a", "a"), compare("a", "a\nb")
        self.assertEqual([same.exact, indented.exact, shorter.exact], [True, False, False])
        self.assertEqual([same.similarity, indented.similarity], [1, 1 / 2])
        self.assertAlmostEqual(shorter.similarity, 1 / 3)

    def test_means_by_repository_and_what_does_not_fit(self) -> None:
        model = self.forced("abcd\n")
        tasks = [
            completion("a", "bcd", repository="one"),
            completion("a", "bcx", repository="one"),
            completion("a", "bcd", repository="two"),
            completion("a" * 52, "bcd", repository="two"),  # and 12 new tokens are exactly 64
            completion("a" * 53, "bcd", repository="two"),
            completion("a" * 53, "bcd", repository="three"),
        ]
        result = score_completions(model, tasks, quiet("completion"))
        keys = ("tasks", "tooLong", "exactMatch", "editSimilarity")
        self.assertEqual([round(result[key], 9) for key in keys], [4, 2, 0.75, round((3 + 2 / 3) / 4, 9)])
        self.assertEqual([result["repositories"]["two"][key] for key in keys], [2, 1, 1, 1])
        self.assertEqual([result["repositories"]["three"][key] for key in keys], [0, 1, None, None])


class Program(WithFolder):
    def evaluate(self, *arguments: object) -> tuple[int, list[str], str]:
        """Exit code, lines of progress, and the last line on standard error."""
        out, err = io.StringIO(), io.StringIO()
        words = mock.patch.object(sys, "argv", ["retrace_eval", "--device", "cpu", *map(str, arguments)])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), words:
            code = main()
        return code, out.getvalue().splitlines(), (err.getvalue().splitlines() or [""])[-1]

    def tasks(self, *values: object) -> Path:
        path = self.folder / "tasks.jsonl"
        path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in values))
        return path

    def copy(self) -> Path:
        folder = self.folder / "model"
        folder.mkdir()
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            (folder / name).write_bytes((SMALL / name).read_bytes())
        return folder

    needle = {
        "kind": "choice", "id": "n", "length": 4, "depth": 0, "context": [1, 2], "choices": [[3], [4]], "answer": 0,
    }  # fmt: skip
    next_lines = {
        "kind": "completion", "id": "c", "repository": "r", "path": "p", "context": [1], "target": "a", "lines": 1,
        "maxNewTokens": 2,
    }  # fmt: skip

    def test_all_suites_in_one_file_twice_the_same(self) -> None:
        out, tasks = self.folder / "new" / "out.json", self.tasks(self.needle, "", self.next_lines)
        given = ("--model", SMALL, "--out", out, "--held-out", f"a={SHARDS}", "--tasks", tasks)
        code, lines, error = self.evaluate(*given)
        self.assertEqual(code, 0, error)
        first = out.read_bytes()
        self.assertEqual(self.evaluate(*given)[0], 0)
        self.assertEqual(out.read_bytes(), first)
        self.assertEqual(sorted(json.loads(first)), ["completion", "heldOut", "needle"])
        self.assertEqual([path.name for path in out.parent.iterdir()], ["out.json"])
        progress = [json.loads(line) for line in lines]
        self.assertEqual(list(dict.fromkeys(one["suite"] for one in progress)), ["heldOut", "needle", "completion"])
        self.assertTrue({"suite": "needle", "done": 1, "total": 1} in progress)

    def test_a_suite_that_nobody_asked_for_is_not_there(self) -> None:
        out = self.folder / "out.json"
        self.assertEqual(self.evaluate("--model", SMALL, "--out", out, "--tasks", self.tasks(self.needle))[0], 0)
        self.assertEqual(list(json.loads(out.read_text())), ["needle"])

    def test_a_value_that_is_no_number_leaves_no_file(self) -> None:
        with self.assertRaises(ValueError):
            write_whole(self.folder / "out.json", {"first": 1, "second": float("nan")})
        self.assertEqual(list(self.folder.iterdir()), [])

    def refused(self, code: str, *arguments: object, saying: str) -> None:
        out = self.folder / "out.json"
        out.write_text("of an earlier run")
        exit_code, _, error = self.evaluate("--out", out, *arguments)
        self.assertEqual(exit_code, 1)
        self.assertTrue(error.startswith(f"{code}: "), error)
        self.assertIn(saying, error)
        self.assertEqual([path.name for path in self.folder.glob("out.json*")], [])

    def test_wrong_tasks_are_refused_with_their_line(self) -> None:
        wrong = [
            (self.needle | {"choices": [[3], [4, 5]]}, "choices of one length"),
            (self.needle | {"answer": 2}, "answer 2"),
            (self.needle | {"context": []}, "one or more ids"),
            (self.needle | {"context": [4096]}, "[0, 4096)"),
            (self.next_lines | {"kind": "essay"}, "essay"),
            ({"kind": "choice"}, "no key 'context'"),
            ("{", "line 2"),
            ("[]", "line 2"),
        ]
        for value, saying in wrong:
            with self.subTest(saying), self.assertRaises(TrainingFailure) as caught:
                read_tasks(self.tasks(self.needle, value), 4096)
            self.assertEqual(caught.exception.code, "TASKS_INVALID")
            self.assertIn("line 2", caught.exception.message)
            self.assertIn(saying, caught.exception.message)
        given = ("TASKS_INVALID", "--model", SMALL, "--tasks")
        self.refused(*given, self.tasks(self.needle, wrong[0][0]), saying="line 2")
        self.refused(*given, self.folder / "none", saying="No such file")
        self.refused(*given, self.tasks(), saying="no task")

    def test_shards_of_another_tokenizer_are_refused(self) -> None:
        folder = self.copy()
        text = (folder / "tokenizer.json").read_text()
        (folder / "tokenizer.json").write_text(text + " ")
        self.refused("TOKENIZER_MISMATCH", "--model", folder, "--held-out", f"a={SHARDS}", saying="another tokenizer")
        (folder / "tokenizer.json").write_text(text.replace("Ġ", "語"))
        self.refused("TOKENIZER_INVALID", "--model", folder, "--held-out", f"a={SHARDS}", saying="byte-level")

    def test_weights_that_are_not_all_there_are_not_drawn_at_random(self) -> None:
        folder = self.copy()
        weights = load_file(folder / "model.safetensors")
        name = "model.layers.1.mlp.up_proj.weight"
        save_file({key: value for key, value in weights.items() if key != name}, folder / "model.safetensors")
        self.refused("MODEL_INVALID", "--model", folder, "--tasks", self.tasks(self.needle), saying=name)
        save_file(weights | {name: weights[name][:-1].contiguous()}, folder / "model.safetensors", {"format": "pt"})
        self.refused("MODEL_INVALID", "--model", folder, "--tasks", self.tasks(self.needle), saying=name)
        save_file(weights | {name: weights[name] * float("nan")}, folder / "model.safetensors", {"format": "pt"})
        self.refused("MODEL_INVALID", "--model", folder, "--held-out", f"a={SHARDS}", saying="not a number")
        lines = self.tasks(self.next_lines)
        self.refused("MODEL_INVALID", "--model", folder, "--tasks", lines, saying="not a number")
        (folder / "model.safetensors").write_bytes(b"no weights")
        self.refused("MODEL_INVALID", "--model", folder, "--tasks", self.tasks(self.needle), saying=str(folder))
        (folder / "config.json").write_text('{"model_type": "gpt2"}')
        self.refused("MODEL_UNSUPPORTED", "--model", folder, "--tasks", self.tasks(self.needle), saying="gpt2")
        (folder / "config.json").unlink()
        self.refused("MODEL_INVALID", "--model", folder, "--tasks", self.tasks(self.needle), saying="config.json")

    def test_a_missing_package_is_named(self) -> None:
        hidden = {"rapidfuzz.distance": None, "retrace_eval.completion": None}
        with mock.patch.dict(sys.modules, hidden):
            tasks = self.tasks(self.next_lines)
            self.refused("PYTHON_PACKAGE_MISSING", "--model", SMALL, "--tasks", tasks, saying="requirements.txt")


if __name__ == "__main__":
    unittest.main()
