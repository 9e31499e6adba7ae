"""The GPU check's own logic, without a GPU: accounting, results, processes of their own, readers of tools' output."""

import argparse
import io
import json
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/gpu"))
sys.dont_write_bytecode = True

import check  # noqa: E402
import part_build  # noqa: E402
import part_exactness  # noqa: E402
import part_kernels  # noqa: E402
import part_speed_long  # noqa: E402
import results  # noqa: E402
import torch  # noqa: E402
from isolated import Outcome, run_command, run_isolated  # noqa: E402
from machine import describe_source  # noqa: E402
from part_exactness import Trial  # noqa: E402
from results import Report  # noqa: E402
from run import Run  # noqa: E402
from speed import Contest  # noqa: E402
from workloads import FULL, FULL_SEARCH, Accounting, Operations  # noqa: E402

from models import LLAMA_3_8B, TINY, make_weights  # noqa: E402


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
    def ask(self, function: str, arguments: dict | None = None, limit_s: float = 30):
        environment = {"PYTHONPATH": str(Path(__file__).parent)}
        return run_isolated("gpu_check_test", function, arguments or {}, limit_s, environment)

    def test_an_answer_comes_back(self) -> None:
        outcome = self.ask("add", {"a": 2, "b": 3}, 120)
        self.assertEqual((outcome.status, outcome.value), ("ok", 5))

    def test_an_exception_comes_back_as_its_text(self) -> None:
        outcome = self.ask("refuse", limit_s=120)
        self.assertEqual((outcome.status, outcome.error), ("failed", "ValueError: no such thing"))

    def test_a_crash_is_told_by_its_signal(self) -> None:
        outcome = self.ask("crash", limit_s=120)
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
        content = {"parts": {"speed-short": {"figures": figures}}}
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
        contest.run, contest.report, contest.shape = run_on(self.folder, "cpu"), self.report, TINY
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
            self.assertIsNone(contest.repeat("HF smart", work, None, None))
            self.assertIsNone(contest.repeat("HF smart", work, None, None))
            contest.retry_alone(work, {"HF smart": 7, "HF naive": 2}, samples, {})
        self.assertEqual([result["ms"] for result in samples["HF smart"]], [5.0, 5.0])


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
