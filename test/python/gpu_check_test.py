"""The GPU check's own logic, without a GPU: accounting, results, processes of their own, readers of tools' output."""

import argparse
import io
import json
import shutil
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import torch

import check
import part_build
import part_exactness
import part_kernels
import part_speed_long
import results
import training
import training_plan as plan
from isolated import Outcome, run_command, run_isolated
from machine import describe_source
from models import LLAMA_3_8B, TINY, make_weights
from part_exactness import Trial
from results import Report
from run import Run
from speed import Contest
from workloads import FULL, FULL_SEARCH, Accounting, Operations

ROOT = Path(__file__).resolve().parents[2]


def crash() -> None:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    import time

    time.sleep(60)


def add(a: int, b: int) -> int:
    return a + b


def refuse() -> None:
    raise ValueError("no such thing")


def run_on(folder: str, device: str = "cuda", kernels: tuple[str, ...] = ("auto", "portable")) -> Run:
    return Run(ROOT, Path(folder), device, "tiny", kernels)


class AccountingTest(unittest.TestCase):
    def test_a_token_of_llama_3_8b_costs_what_its_matrices_say(self) -> None:
        accounting = Accounting(LLAMA_3_8B)
        # q and o are 4096 x 4096, k and v 1024 x 4096, the MLP's three 14336 x 4096; two operations each, 32 layers.
        per_layer = 2 * 4096 * (2 * 4096 + 2 * 1024 + 3 * 14336)
        self.assertEqual(accounting.trunk, 32 * per_layer)
        self.assertEqual(accounting.head, 2 * 128256 * 4096)

    def test_pairs_of_a_causal_forward_are_counted_one_by_one(self) -> None:
        accounting = Accounting(TINY)
        counted = sum(past + 1 for past in range(7, 7 + 5))  # position p sees p + 1 keys
        self.assertEqual(accounting.pairs(7, 5), counted)

    def test_a_branch_is_the_forward_without_what_the_last_layer_leaves_out(self) -> None:
        accounting, work = Accounting(TINY), FULL["B"]
        branch = accounting.branch(100, 4, 6)
        whole = accounting.forward(100, 9, 6)
        # Thought tokens but the last, which predicts, need only keys and values in the last layer.
        saved = 3 * 2 * (2 * 64 * 64 + 3 * 64 * 160)
        self.assertEqual(whole.matrix - branch.matrix, saved)
        self.assertGreater(whole.attention, branch.attention)
        self.assertEqual(
            (accounting.warm(work) * 2).matrix, 2 * work.branches * accounting.branch(8192, 256, 768).matrix
        )

    def test_committing_beats_scoring_from_scratch_by_more_than_the_goal(self) -> None:
        accounting = Accounting(LLAMA_3_8B)
        rates = (790e12, 690e12)
        ratio = accounting.search(FULL_SEARCH, False).milliseconds(*rates) / accounting.search(
            FULL_SEARCH, True
        ).milliseconds(*rates)
        self.assertTrue(13 < ratio < 15, ratio)

    def test_operations_are_put_over_their_own_rates(self) -> None:
        self.assertEqual(Operations(4e9, 9e9).milliseconds(2e9, 3e9), 5000)


class ResultsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "out.json"

    def tearDown(self) -> None:
        self.folder.cleanup()

    def read(self) -> dict:
        return json.loads(self.path.read_text())

    def test_parts_fill_one_file_and_a_part_run_again_replaces_its_own(self) -> None:
        for part in ("build", "kernels", "build"):
            report = Report(self.path, part, 60)
            report.proof("holds", True, part)
            self.assertTrue(report.finish())
        self.assertEqual(sorted(self.read()["parts"]), ["build", "kernels"])

    def test_median_and_spread_are_of_the_samples(self) -> None:
        report = Report(self.path, "speed", 60)
        report.figure("time", [3.0, 1.0, 2.0], "ms")
        report.save()
        entry = self.read()["parts"]["speed"]["figures"]["time"]
        self.assertEqual((entry["median"], entry["spread"], entry["repeats"]), (2.0, 1.0, 3))

    def test_a_failed_step_is_written_down_and_the_next_one_runs(self) -> None:
        report = Report(self.path, "kernels", 60)
        with report.step("first"):
            raise ValueError("broken")
        with report.step("second"):
            report.proof("second", True, "ran")
        self.assertFalse(report.finish())
        part = self.read()["parts"]["kernels"]
        self.assertEqual(part["status"], "incomplete")
        self.assertEqual(part["errors"]["first"]["message"], "broken")
        self.assertTrue(part["proofs"]["second"]["passed"])

    def test_a_failed_proof_fails_the_part_and_a_missed_goal_does_not(self) -> None:
        report = Report(self.path, "speed", 60)
        report.goal("fast", 1.0, 7.5)
        self.assertTrue(report.finish())
        self.assertIs(self.read()["parts"]["speed"]["goals"]["fast"]["met"], False)
        report.proof("exact", False, "1 bit")
        self.assertFalse(report.finish())

    def test_goals_of_the_large_model_judge_no_small_one(self) -> None:
        report = Report(self.path, "speed", 60, goals_apply=False)
        report.goal("fast", 100.0, 7.5)
        report.save()
        self.assertIsNone(self.read()["parts"]["speed"]["goals"]["fast"]["met"])

    def test_a_step_that_would_not_end_in_time_is_left_out_and_said_so(self) -> None:
        report = Report(self.path, "speed", 1)
        ran = []
        with report.step("long"):
            report.need(1000)
            ran.append("long")
        with report.step("short"):
            report.need(0.1)
            ran.append("short")
        self.assertEqual(ran, ["short"])
        self.assertTrue(report.finish())
        self.assertEqual(self.read()["parts"]["speed"]["status"], "short of time")
        self.assertEqual(self.read()["parts"]["speed"]["errors"]["long"]["kind"], "outOfTime")

    def test_no_number_in_the_file_is_one_that_json_lacks(self) -> None:
        report = Report(self.path, "speed", 60)
        report.figure("ratio", [float("nan"), float("inf")], "1")
        report.save()
        report.fact("deep", {"list": [float("nan"), 1.5]})
        report.save()
        part = self.read()["parts"]["speed"]
        self.assertIsNone(part["figures"]["ratio"]["samples"][0])
        self.assertEqual(part["facts"]["deep"]["list"], [None, 1.5])

    def test_the_table_shows_whole_names(self) -> None:
        report = Report(self.path, "accuracy", 60)
        names = [f"Llama-3-8B, 4 layers, head x 8, kernels {kernels}: mean" for kernels in ("auto", "portable")]
        for name in names:
            report.goal(name, 1.0, 1.0, "<=")
        report.finish()
        printed = io.StringIO()
        with redirect_stdout(printed):
            results.print_table(self.read())
        for name in names:
            self.assertIn(name, printed.getvalue())

    def test_a_part_that_ends_before_it_wrote_a_word_is_told_as_crashed(self) -> None:
        options = argparse.Namespace(out=self.path, device="none", scale="tiny", build_folder=Path("."), kernels=None)
        with redirect_stdout(io.StringIO()):
            check.run_part("kernels", options, 1)
        entry = self.read()["parts"]["kernels"]
        self.assertEqual((entry["status"], entry["errors"]["process"]["message"]), ("crashed", "crashed: exit code 2"))


class IsolatedTest(unittest.TestCase):
    def ask(self, function: str, arguments: dict | None = None, limit_s: float = 600):
        environment = {"PYTHONPATH": str(Path(__file__).parent)}
        return run_isolated("gpu_check_test", function, arguments or {}, limit_s, environment)

    def test_an_answer_comes_back(self) -> None:
        outcome = self.ask("add", {"a": 2, "b": 3}, 120)
        self.assertEqual((outcome.status, outcome.value), ("ok", 5))

    def test_an_exception_comes_back_as_its_text(self) -> None:
        outcome = self.ask("refuse")
        self.assertEqual((outcome.status, outcome.error), ("failed", "ValueError: no such thing"))

    def test_a_crash_is_told_by_its_signal(self) -> None:
        outcome = self.ask("crash")
        self.assertEqual((outcome.status, outcome.error), ("crashed", "signal 11"))

    def test_what_hangs_is_ended(self) -> None:
        outcome = self.ask("hang", limit_s=20)
        self.assertEqual(outcome.status, "timed out")
        self.assertLess(outcome.seconds, 40)

    def test_output_of_a_command_that_is_ended_is_kept(self) -> None:
        outcome = run_command(["sh", "-c", "echo before; sleep 60"], 1)
        self.assertEqual((outcome.status, outcome.value), ("timed out", "before\n"))


class ExactnessTest(unittest.TestCase):
    def setUp(self) -> None:
        self.trial = object.__new__(Trial)  # the comparison alone, without an engine
        self.trial.comparisons = {}
        self.scores = torch.tensor([-1.5, -0.25, -7.0])

    def test_one_bit_of_one_score_is_seen(self) -> None:
        changed = self.scores.clone()
        changed.view(torch.int32)[1] ^= 1
        self.trial.compare("case", self.scores, self.scores)
        self.trial.compare("case", changed, self.scores)
        expected = {"scores": 6, "different": 1, "bits": 1, "unwritten": 0}
        self.assertEqual(self.trial.comparisons["case"], expected)

    def test_a_sign_counts_as_a_bit_like_any_other(self) -> None:
        self.trial.compare("case", -self.scores, self.scores)
        self.assertEqual(self.trial.comparisons["case"]["bits"], 3)

    def test_scores_that_nobody_wrote_are_seen_though_both_lack_them(self) -> None:
        self.scores[0] = float("nan")
        self.trial.compare("case", self.scores, self.scores)
        self.assertEqual(self.trial.comparisons["case"]["unwritten"], 1)


class PartsTest(unittest.TestCase):
    """What the parts decide, where the work itself is imitated."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.report = Report(Path(self.folder) / "out.json", "part", 600)

    def exact_kernels(self, answer: object) -> list[str]:
        with mock.patch.object(part_exactness, "run_isolated", answer):
            part_exactness.main(run_on(self.folder), self.report)
        return self.report.content["facts"]["exact kernels"]

    def test_kernels_are_exact_where_every_shape_was_proved(self) -> None:
        same = {"scores": 9, "different": 0, "bits": 0, "unwritten": 0}
        value = {"finite": True, "distinct": 9, "scores": 9, "mean": -1.0, "digest": "0", "comparisons": {"x": same}}

        def answer(module: str, function: str, arguments: dict, limit_s: float) -> Outcome:
            if arguments["kernels"] == "auto" and arguments["shape_name"] == "wide":
                self.report.deadline = 0.0  # no time for the rest
            return Outcome("ok", value)

        self.assertEqual(self.exact_kernels(answer), ["auto"])

    def test_kernels_that_there_was_no_time_for_are_not_called_exact(self) -> None:
        same = {"scores": 9, "different": 0, "bits": 0, "unwritten": 0}
        value = {"finite": True, "distinct": 9, "scores": 9, "mean": -1.0, "digest": "0", "comparisons": {"x": same}}

        def answer(module: str, function: str, arguments: dict, limit_s: float) -> Outcome:
            self.report.deadline = 0.0  # behind the first and smallest shape
            return Outcome("ok", value)

        self.assertEqual(self.exact_kernels(answer), [])

    def test_the_default_that_is_not_exact_is_not_raced(self) -> None:
        figures = {f"B ours, kernels {kernels}": {"median": 1.0} for kernels in ("auto", "portable")}
        content: dict = {"parts": {"speed-short": {"figures": figures}}}
        run = run_on(self.folder)
        content["parts"]["exactness"] = {"facts": {"exact kernels": ["portable"]}}
        self.assertEqual(part_speed_long.fastest_of_short(run, content), ["portable"])
        content["parts"]["exactness"]["facts"]["exact kernels"].append("auto")
        self.assertEqual(part_speed_long.fastest_of_short(run, content), ["auto", "portable"])

    def test_the_part_kernels_has_its_test_built_on_a_machine_that_has_libraries_alone(self) -> None:
        run = run_on(self.folder)
        for name in ("libretrace_engine.so", "libretrace_cuda.so"):
            (run.build_folder / name).touch()
        with mock.patch.multiple(part_build, configure=mock.DEFAULT, build=mock.DEFAULT) as called:
            part_build.make_sure_it_is_built(run, self.report)
            called["configure"].assert_not_called()
            with redirect_stdout(io.StringIO()):
                part_build.make_sure_it_is_built(run, self.report, with_tests=True)
            called["configure"].assert_called_once_with(run, self.report, with_tests=True)

    def watched(self, said: str, answer: object) -> dict:
        path = Path(self.folder) / "answer.json"
        path.write_text(json.dumps(answer))
        with (
            redirect_stdout(io.StringIO()),
            mock.patch.object(part_kernels, "run_command", lambda *_: Outcome("ok", said)),
        ):
            part_kernels.watch(self.report, "hopper", "memcheck", ["program"], None, path)
        return self.report.content["proofs"].get("memcheck of hopper", {})

    def test_a_sanitizer_that_finds_nothing_proves_nothing_of_what_did_not_run(self) -> None:
        clean = "========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n"
        self.assertTrue(self.watched(clean, {"value": [{"error": 0.0}]})["passed"])
        for answer in ({"error": "DeviceError: open"}, {"value": [{"error": 0.0}, {"failure": "DeviceError: gemm"}]}):
            proof = self.watched(clean, answer)
            self.assertFalse(proof["passed"])
            self.assertIn("DeviceError", proof["detail"])

    def test_what_the_program_says_is_not_taken_for_the_sanitizers_word(self) -> None:
        said = "ok 1 - a shape that is not supported is refused\n========= ERROR SUMMARY: 3 errors\n"
        self.assertIn("3 errors", self.watched(said, {"value": {}})["detail"])
        self.report.content["proofs"].clear()
        self.assertEqual(self.watched("========= Error: Device not supported\n", {"value": {}}), {})

    def contest(self) -> Contest:
        contest = object.__new__(Contest)
        contest.run, contest.reported_to, contest.shape = run_on(self.folder, "cpu"), self.report, TINY
        contest.accounting, contest.generator = Accounting(TINY), torch.Generator()
        contest.engines, contest.out_of_memory = {}, set()
        return contest

    def test_candidates_that_were_measured_for_others_are_told(self) -> None:
        samples = {policy: [] for policy in ("ours", "HF naive")}
        samples["ours"] = [{"ms": 1.0, "scores": torch.tensor([-1.0])}]
        samples["HF naive"] = [{"ms": 8.0, "measured": 2}]
        with redirect_stdout(io.StringIO()):
            self.contest().write_down(FULL["C"], samples | {"HF smart": []})
        note = self.report.content["figures"]["C HF naive"]["note"]
        self.assertTrue(note.endswith("; 2 of 8 candidates measured, for all"), note)
        self.assertEqual(self.report.content["figures"]["C ours"]["note"], FULL["C"].text)

    def test_transformers_out_of_memory_is_asked_again_alone(self) -> None:
        contest = self.contest()
        contest.engines["ours"] = mock.Mock()

        def score_smart(sample: object) -> dict:
            if contest.engines:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return {"ms": 5.0, "prefixMs": 1.0}

        work, samples = FULL["H"], {"HF smart": [], "HF naive": []}
        with mock.patch.multiple(contest, score_smart=score_smart, record_memory=mock.DEFAULT):
            for _ in range(2):
                self.assertIsNone(contest.repeat("HF smart", work, mock.sentinel.sample, None))
            contest.retry_alone(work, {"HF smart": 7, "HF naive": 2}, samples, {})
        self.assertEqual([result["ms"] for result in samples["HF smart"]], [5.0, 5.0])


class TrainingPlanTest(unittest.TestCase):
    """Against tables that were worked out by hand, apart from this program."""

    def memory(self, row_tokens: int, moments: str) -> float:
        setup = plan.Setup("x", row_tokens, moments, True, ())
        return plan.estimated_memory(LLAMA_3_8B, setup, micro_batches=2) / plan.GIB

    def test_the_memory_is_that_of_the_table(self) -> None:
        table = {"float32": (128.8, 156.4), "bfloat16": (98.9, 126.5)}
        wanted = [(rows, moments, each[at]) for moments, each in table.items() for at, rows in enumerate((8192, 65536))]
        for row_tokens, moments, gibibytes in wanted:
            self.assertAlmostEqual(self.memory(row_tokens, moments), gibibytes, delta=0.15)

    def test_one_row_a_step_never_takes_more_than_several(self) -> None:
        for part in ("training-8k", "training-64k"):
            for setup in plan.setups_of(part, tiny=False):
                few, many = (plan.estimated_memory(LLAMA_3_8B, setup, rows) for rows in (1, 2))
                self.assertLessEqual(few, many)

    def test_the_rates_are_those_of_the_table(self) -> None:
        for row_tokens, thousands in ((8192, 7.7), (65536, 4.1)):
            rate = plan.estimated_tokens_per_second(LLAMA_3_8B, row_tokens, row_tokens**2)
            self.assertAlmostEqual(rate / 1e3, thousands, delta=0.05)

    def test_the_loop_counts_the_same_operations(self) -> None:
        from retrace_train.flops import model_flops

        names = ("hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size")
        names += ("num_hidden_layers", "vocab_size")
        config = argparse.Namespace(**dict(zip(names, (4096, 32, 8, 128, 14336, 32, 128256), strict=True)))
        rows = (8192, 8000, 3e7)
        self.assertAlmostEqual(plan.step_flops(LLAMA_3_8B, *rows) / model_flops(config, *rows), 1, delta=1e-9)

    def test_drawn_documents_fill_their_rows(self) -> None:
        for part in ("training-8k", "training-64k"):
            for setup in plan.setups_of(part, tiny=False):
                for trial in setup.trials:
                    rows = plan.rows_of(setup, trial)
                    self.assertEqual([sum(row) for row in rows], [setup.row_tokens] * trial.micro_batches)
                    self.assertTrue(all(length > 0 for row in rows for length in row))

    def test_packed_rows_of_64k_have_the_pairs_that_packing_leaves(self) -> None:
        [setup] = [one for one in plan.setups_of("training-64k", tiny=False) if one.moments == "bfloat16"]
        rows = plan.rows_of(setup, setup.trials[0])
        # A simulation of packed trajectories had 0.39 of one document's.
        self.assertAlmostEqual(plan.square_sum(rows) / (len(rows) * 65536**2), 0.39, delta=0.03)


DONE = {
    "outcome": "done",
    "samples": [{"seconds": 2.0, "updateSeconds": 0.5}, {"seconds": 2.5, "updateSeconds": 0.5}],
    "rows": 2,
    "tokens": 384,
    "trainedTokens": 380,
    "squareSum": 384 * 192,
    "flops": 1e12,
    "losses": [6.2, 6.1],
    "attention": "varlen_attn",
    "memory": {"allocated": 3 << 30, "reserved": 4 << 30, "driver": 5 << 30, "total": 8 << 30},
}
BUILT = {"outcome": "built", "seconds": 1.0, "peakFlops": 1e13, "peakSource": "measured"}
RAN_OUT = {"outcome": "out of memory", "why": "CUDA out of memory", "memory": None}


class TrainingTest(unittest.TestCase):
    """What becomes of a setup's trials, where their processes are imitated."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.report = Report(Path(self.folder) / "out.json", "training-8k", 600)
        self.setup = plan.Setup("8k", 192, "float32", True, tuple(plan.Trial(name, micro_batches=2) for name in "abc"))
        self.started: list[tuple[list[str], bool]] = []

    def measure(self, *processes: tuple[str, list[dict]]) -> None:
        """Each process ends with a status, behind some answers."""
        left = list(processes)

        def run_isolated(module: str, function: str, arguments: dict, limit_s: float, environment: dict) -> Outcome:
            status, answers = left.pop(0)
            self.started.append(([trial["name"] for trial in arguments["trials"]], arguments["setup"]["expandable"]))
            Path(arguments["answers"]).write_text("".join(json.dumps(answer) + "\n" for answer in answers))
            return Outcome(status, error="signal 9")

        with mock.patch.object(training, "run_isolated", run_isolated), redirect_stdout(io.StringIO()):
            training.measure_setup(run_on(self.folder), self.report, self.setup)
        self.assertEqual(left, [])

    def test_rates_are_of_the_step_and_of_its_parts(self) -> None:
        self.measure(("ok", [BUILT, DONE, DONE, DONE]))
        self.assertEqual(self.started, [(["a", "b", "c"], False)])
        median: Any = self.report.median
        self.assertAlmostEqual(median("8k, a: tokens/s"), (384 / 2 + 384 / 2.5) / 2)
        self.assertAlmostEqual(median("8k, a: forward and backward of a row"), (750 + 1000) / 2)
        self.assertAlmostEqual(median("8k, a: MFU"), (0.05 + 0.04) / 2)
        self.assertEqual(median("8k, a: peak memory, tensors"), 3.0)
        goal = self.report.content["goals"]["8k, a: peak memory, GiB"]
        self.assertEqual((goal["value"], goal["better"]), (3.0, "<="))
        self.assertTrue(self.report.finish())

    def test_a_trial_that_crashes_costs_itself_alone(self) -> None:
        self.measure(("crashed", [BUILT, DONE]), ("ok", [BUILT, DONE]))
        self.assertEqual(self.started, [(["a", "b", "c"], False), (["c"], False)])
        self.assertIsNone(self.report.median("8k, b: tokens/s"))
        self.assertIsNotNone(self.report.median("8k, c: tokens/s"))
        [error] = self.report.content["errors"].values()
        self.assertIn("8k, b: crashed: signal 9", error["message"])
        self.assertFalse(self.report.finish())

    def test_where_memory_runs_out_it_is_tried_with_another_allocator_and_is_no_failure(self) -> None:
        self.measure(("ok", [BUILT, RAN_OUT]), ("ok", [BUILT, RAN_OUT]), ("ok", [BUILT, DONE, DONE]))
        wanted = [(["a", "b", "c"], False), (["a", "b", "c"], True), (["b", "c"], True)]
        self.assertEqual(self.started, wanted)
        facts = self.report.content["facts"]
        self.assertEqual(facts["8k, a: outcome"]["outcome"], "out of memory")
        self.assertEqual(facts["8k, expandable segments, a: outcome"]["outcome"], "out of memory")
        self.assertIsNotNone(self.report.median("8k, expandable segments, c: tokens/s"))
        self.assertTrue(self.report.finish())

    def test_a_setup_that_cannot_be_built_is_not_tried_for_each_trial(self) -> None:
        self.measure(("crashed", []))
        [error] = self.report.content["errors"].values()
        self.assertIn("before its first trial", error["message"])

    def test_what_there_is_no_time_for_is_said(self) -> None:
        self.report.deadline = 0.0
        self.measure()
        self.assertEqual([error["kind"] for error in self.report.content["errors"].values()], ["outOfTime"])

    def test_a_loss_that_is_no_number_is_disproved(self) -> None:
        self.measure(("ok", [BUILT, DONE | {"losses": [float("nan")]}, DONE, DONE]))
        self.assertFalse(self.report.content["proofs"]["8k, a: every loss is finite"]["passed"])


class TrainingProofsTest(unittest.TestCase):
    """A proof has to see what it is there for."""

    @classmethod
    def setUpClass(cls) -> None:
        import training_proofs

        cls.proofs = training_proofs

    def wrong(self, name: str) -> set[str]:
        found = self.proofs.Findings("cpu", True)
        getattr(self.proofs, name)(found)
        return {name for name, proof in found.proofs.items() if not proof["passed"]}

    def test_attention_that_is_right_passes(self) -> None:
        self.assertEqual(self.wrong("prove_attention"), set())

    def test_attention_into_the_document_before_is_seen(self) -> None:
        boundaries = self.proofs.attention.boundaries

        def joined(lengths: list[int], device: torch.device) -> dict:
            first, second, *others = lengths  # the shortest ones, a token and five: the others are right
            return boundaries([first + second, *others], device)

        with mock.patch.object(self.proofs.attention, "boundaries", joined):
            wrong = self.wrong("prove_attention")
        self.assertTrue({"float32, output", "bfloat16, output", "bfloat16, key", "bfloat16, value"} <= wrong, wrong)

    def test_documents_that_see_each_other_are_seen_in_the_loss(self) -> None:
        from retrace_train import model

        boundaries = model.boundaries
        with mock.patch.object(model, "boundaries", lambda lengths, device: boundaries([int(sum(lengths))], device)):
            wrong = self.wrong("prove_loss")
        self.assertEqual(wrong, {"float32, documents apart", "bfloat16, documents apart"})

    def test_memory_that_runs_out_is_an_answer(self) -> None:
        import training_run

        answers, [setup] = Path(tempfile.mkdtemp()) / "answers.jsonl", plan.setups_of("training-64k", tiny=True)[1:]
        self.addCleanup(shutil.rmtree, answers.parent)
        with mock.patch.object(training_run, "run_trial", side_effect=torch.OutOfMemoryError("CUDA out of memory")):
            training_run.measure("cpu", True, vars(setup), [vars(setup.trials[0])], str(answers), 1e9)
        outcomes = [json.loads(line)["outcome"] for line in answers.read_text().splitlines()]
        self.assertEqual(outcomes, ["built", "out of memory"])

    def test_an_error_of_a_part_is_not_lost_in_the_whole(self) -> None:
        right = torch.ones(1, 100, 2, 4)
        found = right.clone()
        found[:, :1] = 1.5
        self.assertAlmostEqual(self.proofs.worst_of_documents(found, right, [1, 99]), 0.5, places=5)
        self.assertLess(self.proofs.relative(found, right), 0.06)
        found[:, 5] = float("nan")
        self.assertFalse(self.proofs.worst_of_documents(found, right, [1, 99]) <= 1.0)


class ReadersTest(unittest.TestCase):
    def test_spills_are_read_from_the_compilers_report(self) -> None:
        log = (
            "ptxas info    : Compiling entry function '_Z4gemmv' for 'sm_90a'\n"
            "ptxas info    : Function properties for _Z4gemmv\n"
            "    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads\n"
            "ptxas info    : Used 168 registers, used 1 barriers, 400 bytes cmem[0]\n"
        )
        expected = {"_Z4gemmv sm_90a": {"stack": 16, "spillStores": 8, "spillLoads": 12, "registers": 168}}
        self.assertEqual(part_build.spills(log), expected)

    def test_registers_are_read_from_the_library(self) -> None:
        text = " Function _Z4gemmv:\n  REG:58 STACK:0 SHARED:1024 LOCAL:0 CONSTANT[0]:400 TEXTURE:0\n"
        self.assertEqual(part_build.resource_usage(text)["_Z4gemmv"]["reg"], 58)

    def test_tests_are_counted_by_what_they_print(self) -> None:
        text = "ok 1 - a\nok 2 - b # SKIP no GPU\nnot ok 3 - c # why\n1..3\n"
        self.assertEqual(part_build.count_tap(text), (1, 1, 1))


class MachineTest(unittest.TestCase):
    def test_sources_without_their_history_are_told_by_a_digest(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "native/kernels/gemm.cu"
            source.parent.mkdir(parents=True)
            told = []
            for text in ("one", "other", "one"):
                source.write_text(text)
                told.append(describe_source(Path(folder)))
        self.assertRegex(told[0], "^native sha256 [0-9a-f]{16}$")
        self.assertEqual((told[0] == told[1], told[0] == told[2]), (False, True))


class ModelsTest(unittest.TestCase):
    def test_the_same_seed_makes_the_same_weights(self) -> None:
        first, second = make_weights(TINY, "cpu", 5), make_weights(TINY, "cpu", 5)
        self.assertTrue(all(torch.equal(first[name], second[name]) for name in first))
        other = make_weights(TINY, "cpu", 6)
        self.assertFalse(torch.equal(first["lm_head.weight"], other["lm_head.weight"]))

    def test_weights_take_the_bytes_that_the_shape_says(self) -> None:
        weights = make_weights(TINY, "cpu")
        matrices = sum(tensor.numel() * 2 for tensor in weights.values() if tensor.dim() == 2)
        self.assertEqual(matrices, TINY.weight_bytes)


if __name__ == "__main__":
    unittest.main()
