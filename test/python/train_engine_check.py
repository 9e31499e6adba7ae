"""
Claims about the training engine, each checked against something written apart from it: Transformers' own attention over
single documents, F.cross_entropy over all logits, AdamW in float64, numbers worked out by hand.

    python train_engine_check.py      prints one JSON line per claim: {"claim": ..., "wrong": null or what was wrong}
"""

import contextlib
import json
import resource
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torch.distributed as dist
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from retrace_train.__main__ import main as run_as_rank
from retrace_train.attention import boundaries
from retrace_train.checkpoint import Checkpoints, state_of
from retrace_train.export import export_config, export_model, plan_files
from retrace_train.failures import TrainingFailure
from retrace_train.job import Checkpointing, Config, Job, Optimizer
from retrace_train.loss import chunked_nll
from retrace_train.model import PackedModel, build_model, load_for_evaluation, make_mesh, trained_config
from retrace_train.optimizer import clip_gradient, gradient_norm, learning_rate, make_optimizer
from retrace_train.ranks import Ranks, join_ranks

VOCABULARY, LENGTHS = 128, [5, 17, 1, 40, 9]
CPU = torch.device("cpu")
CLAIMS: list[Callable[[Path], None]] = []


def claim(check: Callable[[Path], None]) -> Callable[[Path], None]:
    CLAIMS.append(check)
    return check


# What the claims are checked on


def write_model(folder: Path, kv_heads: int = 2, tied: bool = False) -> Path:
    """A tiny Llama with weights that are far from zero, so that no difference hides."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        max_position_embeddings=64,
        tie_word_embeddings=tied,
        initializer_range=0.2,
    )
    torch.manual_seed(kv_heads)
    LlamaForCausalLM(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text("{}")
    return folder


def make_job(out: Path, model: Path, **changes) -> Job:
    optimizer = Optimizer(1e-3, 0.1, 0.1, 0.9, 0.95, 1e-8, 0.1, 1.0, "float32")
    config = Config(
        init="pretrained",
        rope_theta=None,
        context_length=None,
        until={"steps": 4},
        batch_rows=2,
        micro_batch_rows=1,
        mixture=None,
        optimizer=optimizer,
        compute="float32",
        activation_checkpointing=True,
        loss_chunk_tokens=7,
        checkpoint=Checkpointing(2, 2),
        export_type="float32",
        deterministic=False,
        seed=3,
    )
    out.mkdir(parents=True, exist_ok=True)
    return Job(1, out, model, (), "fsdp2", "cpu", 1, replace(config, **changes))


def draw_documents(seed: int = 0, lengths: list[int] = LENGTHS) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Ids and target-aligned labels of each document; about half of the tokens are trained, a first one never."""
    generator = torch.Generator().manual_seed(seed)
    ids = [torch.randint(VOCABULARY, (length,), generator=generator) for length in lengths]
    labels = [torch.where(torch.rand(len(one), generator=generator) < 0.5, one, -100) for one in ids]
    for one in labels:
        one[0] = -100
    return ids, labels


def pack(documents: list[torch.Tensor], labels: list[torch.Tensor]) -> tuple:
    lengths = [len(one) for one in documents]
    positions = torch.cat([torch.arange(length) for length in lengths])
    return torch.cat(documents)[None], torch.cat(labels)[None], positions[None], lengths


def nll_apart(model: LlamaForCausalLM, documents: list[torch.Tensor], labels: list[torch.Tensor]) -> torch.Tensor:
    """Every document on its own through Transformers' eager attention and F.cross_entropy over all logits."""
    parts = []
    for ids, targets in zip(documents, labels, strict=True):
        logits = model(input_ids=ids[None]).logits[0]
        nll = F.cross_entropy(logits[:-1], targets[1:], ignore_index=-100, reduction="none")
        parts.append(nll[targets[1:] != -100])
    return torch.cat(parts)


def reference_of(folder: Path) -> LlamaForCausalLM:
    model = LlamaForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    model.config.use_cache = False
    return model.train()


def gradients_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    gradients: dict[str, Any] = {name: one.grad for name, one in model.named_parameters()}
    return {name: one.full_tensor() if hasattr(one, "full_tensor") else one for name, one in gradients.items()}


def expect_close(seen: torch.Tensor, expected: torch.Tensor, relative: float, what: str) -> None:
    assert seen.shape == expected.shape, f"{what}: {list(seen.shape)}, expected {list(expected.shape)}"
    difference = float((seen - expected).norm() / expected.norm().clamp_min(1e-30))
    assert difference <= relative, f"{what}: off by {difference:.3g} of its norm, allowed {relative:.3g}"


def failure_of(call: Callable[[], object]) -> TrainingFailure:
    try:
        call()
    except TrainingFailure as failure:
        return failure
    raise AssertionError("no failure")


# Attention and loss


@claim
def packed_documents_equal_documents_apart(folder: Path) -> None:
    check_against_apart(write_model(folder / "model"), folder)


@claim
def grouped_queries_equal_those_of_transformers(folder: Path) -> None:
    for kv_heads in (1, 2, 4):
        check_against_apart(write_model(folder / f"model-{kv_heads}", kv_heads), folder)


@claim
def tied_embeddings_get_the_gradient_of_both_their_uses(folder: Path) -> None:
    model = check_against_apart(write_model(folder / "model", tied=True), folder)
    assert model.causal_lm.lm_head.weight is model.causal_lm.model.embed_tokens.weight, "parted"


def check_against_apart(model_dir: Path, folder: Path) -> PackedModel:
    documents, labels = draw_documents()
    model = build_model(make_job(folder / "out", model_dir), CPU, make_mesh(CPU))
    nll = model(*pack(documents, labels))
    nll.sum().backward()
    reference = reference_of(model_dir)
    expected = nll_apart(reference, documents, labels)
    assert len(expected) > 20
    expected.sum().backward()
    expect_close(nll, expected, 1e-5, "nll")
    wanted = gradients_of(reference)
    for name, gradient in gradients_of(model.causal_lm).items():
        expect_close(gradient, wanted[name], 1e-5, name)
    return model


@claim
def documents_are_found_by_position_ids_alone(folder: Path) -> None:
    documents, labels = draw_documents()
    model_dir = write_model(folder / "model")
    ids, _, positions, lengths = pack(documents, labels)
    packed = load_for_evaluation(model_dir, CPU, torch.float32).causal_lm
    expected = torch.cat([reference_of(model_dir)(input_ids=one[None]).logits[0] for one in documents])
    expect_close(packed(input_ids=ids, position_ids=positions).logits[0], expected, 1e-5, "one row")
    given = packed(input_ids=ids, position_ids=positions, **boundaries(lengths, CPU)).logits[0]
    expect_close(given, expected, 1e-5, "boundaries given")
    half = sum(LENGTHS) // 2
    rows, places = ids[0, : 2 * half].view(2, half), positions[0, : 2 * half].view(2, half)
    both = packed(input_ids=rows, position_ids=places).logits
    for row in range(2):
        alone = packed(input_ids=rows[row : row + 1], position_ids=places[row : row + 1]).logits[0]
        expect_close(both[row], alone, 1e-5, f"row {row} of two")
    plain = reference_of(model_dir)(input_ids=ids).logits[0]
    expect_close(packed(input_ids=ids).logits[0], plain, 1e-5, "no position_ids: one document")


@claim
def chunks_of_the_loss_equal_all_logits_at_once(_: Path) -> None:
    torch.manual_seed(1)
    head = torch.nn.Linear(32, VOCABULARY, bias=False)
    hidden, targets = torch.randn(50, 32, requires_grad=True), torch.randint(VOCABULARY, (50,))
    expected = F.cross_entropy(head(hidden), targets, reduction="none")
    wanted = torch.autograd.grad(expected.sum(), [hidden, head.weight])
    for chunk in (1, 7, 50, 1000):
        nll = chunked_nll(hidden, targets, head, chunk)
        expect_close(nll, expected, 1e-6, f"nll in chunks of {chunk}")
        found = torch.autograd.grad(nll.sum(), [hidden, head.weight])
        for seen, gradient in zip(found, wanted, strict=True):
            expect_close(seen, gradient, 1e-6, f"gradient in chunks of {chunk}")


@claim
def no_gradient_comes_from_an_untrained_token(folder: Path) -> None:
    documents, labels = draw_documents()
    labels[1][:] = -100  # nothing of this document is trained
    documents[1] = documents[1] % 8 + 100  # and no other has its ids
    for one in (0, 2, 3, 4):
        documents[one], labels[one] = documents[one] % 100, torch.where(labels[one] < 0, -100, labels[one] % 100)
    model = build_model(make_job(folder / "out", write_model(folder / "model")), CPU, make_mesh(CPU))
    ids, targets, positions, lengths = pack(documents, labels)
    captured = []
    model.causal_lm.model.norm.register_forward_hook(lambda _module, _given, output: captured.append(output))
    captured_gradients: list[torch.Tensor] = []
    through_head: list[int] = []
    model.causal_lm.lm_head.register_forward_hook(lambda _module, given, _output: through_head.append(len(given[0])))
    first = model(ids, targets, positions, lengths)
    trained = int((targets != -100).sum())
    assert (first.shape, sum(through_head)) == ((trained,), trained), f"{sum(through_head)} of {trained} in the head"
    captured[0].register_hook(captured_gradients.append)
    first.sum().backward()
    predicts = torch.zeros(ids.shape[1], dtype=torch.bool)
    predicts[:-1] = targets[0, 1:] != -100
    of_state = captured_gradients[0][0].abs().sum(1)
    assert (of_state[~predicts] == 0).all(), "a state that predicts no trained token got a gradient"
    assert (of_state[predicts] > 0).all(), "a state that predicts a trained token got none"
    rows = gradients_of(model.causal_lm)["model.embed_tokens.weight"]
    assert (rows[100:108] == 0).all() and (rows[documents[3][0]] != 0).any(), "an untrained document got a gradient"
    # What stands at a document's first token counts for nothing: no state of its document predicts it.
    again = targets.clone()
    again[0, [0, 5, 22, 23, 63]] = ids[0, [0, 5, 22, 23, 63]]
    assert torch.equal(model(ids, again, positions, lengths), first), "a first token was trained"


@claim
def nothing_trained_gives_gradients_of_zero_and_not_none(folder: Path) -> None:
    documents, labels = draw_documents()
    model = build_model(make_job(folder / "out", write_model(folder / "model")), CPU, make_mesh(CPU))
    nll = model(*pack(documents, [torch.full_like(one, -100) for one in labels]))
    assert nll.shape == (0,)
    nll.sum().backward()
    missing = [name for name, one in model.named_parameters() if one.grad is None]
    assert not missing, f"no gradient for {missing}"
    assert all((one == 0).all() for one in gradients_of(model).values())


@claim
def rotary_frequencies_are_right_and_float32_in_bfloat16_too(folder: Path) -> None:
    job = make_job(folder / "out", write_model(folder / "model"), compute="bfloat16", rope_theta=8e6)
    model = build_model(job, CPU, make_mesh(CPU), sequence_length=200)
    documents, labels = draw_documents()
    assert model(*pack(documents, labels)).isfinite().all()
    assert model.config.max_position_embeddings == 200
    evaluated = load_for_evaluation(job.model, CPU, torch.bfloat16)
    for theta, of in ((8e6, model), (1e4, evaluated)):
        frequencies = of.causal_lm.model.rotary_emb.inv_freq
        assert frequencies.dtype == torch.float32
        expected = torch.tensor([theta ** (-2 * index / 16) for index in range(8)])
        expect_close(frequencies, expected, 1e-6, f"frequencies of theta {theta}")


# Optimizer


def adamw_in_float64(weight: torch.Tensor, gradients: list[torch.Tensor], rate: float, decay: float) -> torch.Tensor:
    weight, mean, square = weight.double(), 0.0, 0.0
    for step, gradient in enumerate(gradients, start=1):
        mean = 0.9 * mean + 0.1 * gradient.double()
        square = 0.95 * square + 0.05 * gradient.double() ** 2
        weight = weight - rate * decay * weight
        weight = weight - rate * (mean / (1 - 0.9**step)) / ((square / (1 - 0.95**step)).sqrt() + 1e-8)
    return weight


@claim
def adamw_equals_its_formula_with_moments_of_either_type(_: Path) -> None:
    torch.manual_seed(2)
    rate, steps = 0.01, 8
    shapes = {"matrix": (20, 30), "norm": (30,)}
    # Eight steps of a moment that bfloat16 rounds by 2^-9 at most, in the mean and, halved by the root, in the divisor.
    allowed = {"float32": 1e-6, "bfloat16": rate * steps * 2**-7}
    for moments in ("float32", "bfloat16"):
        model = torch.nn.ParameterDict({name: torch.randn(shape) for name, shape in shapes.items()})
        before = {name: one.detach().clone() for name, one in model.items()}
        gradients = {name: [torch.randn(shape) for _ in range(steps)] for name, shape in shapes.items()}
        optimizer = make_optimizer(model, Optimizer(rate, 0.1, 0.1, 0.9, 0.95, 1e-8, 0.5, 1.0, moments))
        for step in range(steps):
            for name, one in model.items():
                one.grad = gradients[name][step].clone()
            optimizer.step()
        for name, one in model.items():
            expected = adamw_in_float64(before[name], gradients[name], rate, 0.5 if name == "matrix" else 0.0)
            error = float((one.detach().double() - expected).abs().max())
            assert error <= allowed[moments], f"{name} with {moments}: off by {error:.3g}"
            assert str(optimizer.state[one]["exp_avg_sq"].dtype) == f"torch.{moments}"


@claim
def a_second_moment_that_bfloat16_cannot_shrink_is_refused(_: Path) -> None:
    options = Optimizer(0.01, 0.1, 0.1, 0.9, 0.999, 1e-8, 0.1, 1.0, "bfloat16")
    model = torch.nn.Linear(2, 2)
    assert failure_of(lambda: make_optimizer(model, options)).code == "CONFIG_INVALID"
    make_optimizer(model, replace(options, moments="float32"))
    # The reason, by hand: 0.999 of 1 is nearer to 1 than to the number below it, 1 - 2^-8.
    assert torch.tensor(0.999).bfloat16() == 1 and torch.tensor(0.99).bfloat16() < 1


@claim
def the_learning_rate_is_what_a_hand_works_out(_: Path) -> None:
    options = Optimizer(2.0, 0.1, 0.2, 0.9, 0.95, 1e-8, 0.1, 1.0, "float32")
    by_hand = {1: 1.0, 2: 2.0, 4: 1.736396, 6: 1.1, 8: 0.463604, 10: 0.2}
    for step, rate in by_hand.items():
        seen = learning_rate(step, 10, options)
        assert abs(seen - rate) < 1e-6, f"step {step}: {seen}, expected {rate}"
    without = replace(options, warm_up_share=0.0)
    assert abs(learning_rate(1, 2, without) - 1.1) < 1e-9 and learning_rate(1, 1, without) == 0.2
    assert learning_rate(3, 3, replace(options, warm_up_share=1.0)) == 2.0


@claim
def the_gradient_is_clipped_to_its_norm(_: Path) -> None:
    model = torch.nn.ParameterList([torch.zeros(2, 2), torch.zeros(3)])
    model[0].grad, model[1].grad = torch.tensor([[1.0, 2.0], [2.0, 4.0]]), torch.tensor([0.0, 12.0, 0.0])
    assert gradient_norm(model, Ranks(0, 1, CPU)) == 13
    clip_gradient(model, 13.0, 20.0)
    assert model[1].grad[1] == 12
    clip_gradient(model, 13.0, 1.0)
    expect_close(model[0].grad, torch.tensor([[1.0, 2.0], [2.0, 4.0]]) / 13, 1e-6, "clipped")


# Checkpoints and export


@claim
def the_exported_folder_loads_in_transformers_with_the_same_logits(folder: Path) -> None:
    ids = torch.randint(VOCABULARY, (1, 200), generator=torch.Generator().manual_seed(5))
    for tied, file_bytes in ((True, 10**9), (False, 60_000)):
        job = make_job(folder / f"out-{tied}", write_model(folder / f"model-{tied}", tied=tied), rope_theta=8e6)
        (job.model / "chat_template.jinja").write_text("{{ messages }}")
        model = build_model(job, CPU, make_mesh(CPU), sequence_length=200)
        export_model(job, Ranks(0, 1, CPU), model, {"step": 4, "tokens": 800, "loss": 1.5}, file_bytes)
        names = sorted(path.name for path in job.exported.iterdir())
        assert ("model.safetensors.index.json" in names) == (not tied), names
        assert {"tokenizer.json", "chat_template.jinja", "retrace-training.json"} <= set(names), names
        config = json.loads((job.exported / "config.json").read_text())
        assert (config["rope_theta"], config["rope_parameters"]["rope_theta"]) == (8e6, 8e6), config
        assert config["max_position_embeddings"] == 200 and config["torch_dtype"] == "float32", config
        loaded = AutoModelForCausalLM.from_pretrained(job.exported, attn_implementation="eager", dtype=torch.float32)
        assert loaded.config.rope_parameters["rope_theta"] == 8e6
        targets, positions = ids.clone(), torch.arange(200)[None]
        nll = model(ids, targets, positions, [200])
        expected = F.cross_entropy(loaded(ids).logits[0, :-1], ids[0, 1:], reduction="none")
        expect_close(nll, expected, 1e-5, f"nll of the export, tied {tied}")
        other = reference_of(job.model)(input_ids=ids).logits[0, :-1]
        before = F.cross_entropy(other, ids[0, 1:], reduction="none")
        assert (before - expected).abs().max() > 1e-3, "the RoPE base made no difference, so nothing was shown"
        evaluated = load_for_evaluation(job.exported, CPU, torch.float32)(ids, targets, positions, [200])
        expect_close(evaluated, nll, 1e-5, "nll of load_for_evaluation")
    # Exported again, and killed over deleting what was there: under the name stands one whole model.
    killed = mock.patch("retrace_train.export.shutil.rmtree", die_while_deleting)
    with killed, contextlib.suppress(InterruptedError):
        export_model(job, Ranks(0, 1, CPU), model, {}, file_bytes)
    assert sorted(path.name for path in job.exported.iterdir()) == names, "half of the earlier export was left"
    export_model(job, Ranks(0, 1, CPU), model, {}, file_bytes)
    assert [path.name for path in job.out.iterdir()] == ["model"]
    assert plan_files({"a": 4, "b": 5, "c": 20, "d": 1}, 10) == [["a", "b"], ["c"], ["d"]]


@claim
def scaled_positions_are_exported_for_transformers_4_and_5(folder: Path) -> None:
    """Llama 3.1's, in the words of either version."""
    model = write_model(folder / "model")
    plain = {key: value for key, value in json.loads((model / "config.json").read_text()).items() if "rope" not in key}
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    scaling["original_max_position_embeddings"] = 32
    of_five = {"rope_parameters": {**scaling, "rope_theta": 5e5}}
    written = {"4": {"rope_theta": 5e5, "rope_scaling": scaling}, "5": of_five}
    for version, positions in written.items():
        (model / "config.json").write_text(json.dumps({**plain, **positions}))
        job = make_job(folder / version, model, rope_theta=8e6)
        config = export_config(model, trained_config(job, 64), "float32")
        seen = (config["rope_theta"], config["rope_scaling"], config["rope_parameters"])
        assert seen == (8e6, scaling, {**scaling, "rope_theta": 8e6}), f"of a config of Transformers {version}: {seen}"


def die_while_deleting(folder: Path, ignore_errors: bool = False) -> None:
    for path in folder.glob("*"):
        path.unlink()
        raise InterruptedError


@claim
def a_checkpoint_is_whole_or_refused_by_name(folder: Path) -> None:
    job = make_job(folder / "out", write_model(folder / "model"))
    model = build_model(job, CPU, make_mesh(CPU))
    state = state_of(model, make_optimizer(model, job.config.optimizer))
    identity = {"config": "a", "data": "b", "model": "c"}
    checkpoints = Checkpoints(job, Ranks(0, 1, CPU), identity)
    (job.checkpoints / "step-00000009.tmp").mkdir(parents=True)
    checkpoints.remove_unfinished()
    assert checkpoints.newest_whole() is None
    totals = {"tokens": 3, "trainedTokens": 2, "loss": 0.5}
    for step in (2, 4, 6):
        checkpoints.save(step, state, totals)
    assert sorted(path.name for path in job.checkpoints.iterdir()) == ["step-00000004", "step-00000006"]
    found = checkpoints.newest_whole()
    assert found is not None and (found["step"], found["totals"]) == (6, totals), found

    other = Checkpoints(job, Ranks(0, 1, CPU), {**identity, "data": "x"})
    failure = failure_of(other.newest_whole)
    assert failure.code == "RUN_MISMATCH" and "data" in failure.message, failure.message
    newest = job.checkpoints / "step-00000006"
    data = next(newest.glob("*.distcp"))
    whole = data.read_bytes()
    data.write_bytes(whole[:-1])
    failure = failure_of(checkpoints.newest_whole)
    assert failure.code == "CHECKPOINT_INVALID" and str(newest) in failure.message, failure.message
    assert "go on from step 4" in failure.message, failure.message
    middle = len(whole) // 2
    data.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    checkpoints.newest_whole()  # its size is right
    (newest / ".metadata").write_bytes(b"x" * (newest / ".metadata").stat().st_size)
    assert failure_of(lambda: checkpoints.load(6, state)).code == "CHECKPOINT_INVALID"


@claim
def a_checkpoint_that_cannot_be_written_is_told(folder: Path) -> None:
    """As on a full disk. What torch raises then is no Exception, which `except Exception` lets through."""
    job = make_job(folder / "out", write_model(folder / "model"))
    model = build_model(job, CPU, make_mesh(CPU))
    state = state_of(model, make_optimizer(model, job.config.optimizer))
    replaced = {
        "read_job": lambda _: job,
        "_run": lambda _: Checkpoints(job, Ranks(0, 1, CPU), {}).save(1, state, {}),
    }
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    words = mock.patch("sys.argv", ["retrace_train", "--job", "job.json"])
    with mock.patch.multiple("retrace_train.__main__", **replaced), words, mock.patch("os._exit") as leave:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            run_as_rank()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    leave.assert_called_once_with(1)
    failure = json.loads((job.out / "failure.json").read_text())
    assert failure["code"] == "UNEXPECTED" and "GB are free" in failure["message"], failure
    assert [path.name for path in job.checkpoints.iterdir()] == ["step-00000001.tmp"]


# Several ranks


@claim
def ranks_change_neither_random_weights_nor_the_gradient_nor_a_checkpoint(folder: Path) -> None:
    """Three ranks: one has no trained token, and rows of a matrix do not divide evenly."""
    write_model(folder / "model", tied=True)
    alone, size = run_rank(0, 1, folder), 3
    torch.multiprocessing.spawn(work_as_rank, (size, folder), nprocs=size)
    together = torch.load(folder / "seen.pt")
    for name, weight in alone["weights"].items():
        assert torch.equal(together["weights"][name], weight), f"{name} is other with {size} ranks"
    for name, gradient in alone["gradients"].items():
        expect_close(together["gradients"][name], gradient, 1e-5, f"gradient of {name} with {size} ranks")
    assert abs(together["norm"] / alone["norm"] - 1) < 1e-6, f"norm with {size} ranks"
    for name, weight in alone["after"].items():
        expect_close(together["after"][name], weight, 1e-4, f"{name} after a step with {size} ranks")
    # What they saved, read by one.
    job = rank_job(folder, size)
    model = build_model(job, CPU, make_mesh(CPU))
    optimizer = make_optimizer(model, job.config.optimizer, 1)
    Checkpoints(job, Ranks(0, 1, CPU), {}).load(1, state_of(model, optimizer))
    for name, weight in whole_weights(model).items():
        assert torch.equal(weight, together["after"][name]), f"{name} was read otherwise than {size} ranks saved it"
    for name, moments in whole_moments(model, optimizer).items():
        for key, moment in moments.items():
            saved = together["moments"][name][key]
            assert saved.any() and torch.equal(moment, saved), f"{key} of {name} was not read as it was saved"


def rank_job(folder: Path, size: int) -> Job:
    return make_job(folder / f"out-{size}", folder / "model", init="random")


def whole_weights(model: PackedModel) -> dict[str, torch.Tensor]:
    parameters: dict[str, Any] = dict(model.causal_lm.named_parameters())
    return {name: one.detach().full_tensor().clone() for name, one in parameters.items()}


def whole_moments(model: PackedModel, optimizer: torch.optim.Optimizer) -> dict[str, dict[str, torch.Tensor]]:
    keys = ("exp_avg", "exp_avg_sq")
    named = model.causal_lm.named_parameters()
    return {name: {key: optimizer.state[one][key].full_tensor().clone() for key in keys} for name, one in named}


def run_rank(rank: int, size: int, folder: Path) -> dict:
    """Six rows dealt to the ranks, all of them packed into one micro-batch; the last two have nothing trained."""
    job = rank_job(folder, size)
    model = build_model(job, CPU, make_mesh(CPU))
    weights = whole_weights(model)
    documents, labels = draw_documents(seed=9, lengths=[30, 12, 25, 8, 14, 21])
    for one in labels[4:]:
        one[:] = -100
    share = len(documents) // size
    mine = slice(rank * share, (rank + 1) * share)
    nll = model(*pack(documents[mine], labels[mine]))
    trained = sum(int((one != -100).sum()) for one in labels)
    (nll.sum() * (size / trained)).backward()
    gradients = gradients_of(model.causal_lm)
    norm = gradient_norm(model, Ranks(rank, size, CPU))
    optimizer = make_optimizer(model, job.config.optimizer)
    optimizer.step()
    Checkpoints(job, Ranks(rank, size, CPU), {}).save(1, state_of(model, optimizer), {})
    after, moments = whole_weights(model), whole_moments(model, optimizer)
    return {"weights": weights, "gradients": gradients, "norm": norm, "after": after, "moments": moments}


def work_as_rank(rank: int, size: int, folder: Path) -> None:
    torch.set_num_threads(1)
    store = dist.FileStore(str(folder / "store"), size)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    seen = run_rank(rank, size, folder)
    if rank == 0:
        torch.save(seen, folder / "seen.pt")
    dist.destroy_process_group()


def main() -> None:
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        join_ranks(make_job(Path(folder), Path(folder)))
        for check in CLAIMS:
            if wanted and check.__name__ not in wanted:
                continue
            wrong = None
            try:
                own = Path(folder) / check.__name__
                own.mkdir()
                check(own)
            except Exception as error:
                traceback.print_exc()
                wrong = f"{type(error).__name__}: {error}"
            print(json.dumps({"claim": check.__name__.replace("_", " "), "wrong": wrong}), flush=True)
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
