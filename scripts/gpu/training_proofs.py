"""That training is right on this device: small shapes, against what is simple. In processes of their own (isolated.py).

Errors are told as norm of the difference over norm of what is right. How large they may be follows from the type and
from how many terms are summed: so many roundings to the type in which results are kept, and sums in float32 whose
errors add up like a random walk.
"""

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from torch.distributed.tensor import DTensor

from isolated import run_command
from models import TINY, Shape
from retrace_train import attention, loop
from retrace_train.model import PackedModel
from retrace_train.ranks import be_deterministic
from training_run import MemoryRows, make_job, open_training, ranks_of

SMALL = Shape("small", 512, 1024, 3, 4, 2, 128, 2048, 8192, 0.02)
# Lengths at and around the sizes of tiles, and a document of one token.
DOCUMENTS = [1, 7, 64, 65, 127, 128, 129, 300, 1027]
HEADS = (32, 8, 128)
TINY_HEADS = (4, 2, 16)
CHUNK = 33


class Findings:
    def __init__(self, device: str, tiny: bool) -> None:
        self.device, self.tiny = torch.device(device), tiny
        self.proofs: dict[str, dict] = {}
        self.facts: dict[str, object] = {}
        self.notes: list[str] = []

    def proof(self, name: str, passed: bool, detail: str) -> None:
        self.proofs[name] = {"passed": bool(passed), "detail": detail}

    def within(self, name: str, error: float, tolerance: float) -> None:
        self.proof(name, error <= tolerance, f"error {error:.2e}, at most {tolerance:.2e}")

    @property
    def shape(self) -> Shape:
        return TINY if self.tiny else SMALL

    @property
    def documents(self) -> list[int]:
        return [1, 5, 16, 17, 40] if self.tiny else DOCUMENTS


def prove(name: str, device: str, tiny: bool, root: str) -> dict:
    found = Findings(device, tiny)
    if device == "cuda":
        torch.cuda.set_device(0)
    if name == "loop":
        prove_loop(found, Path(root))
    else:
        {"attention": prove_attention, "loss": prove_loss, "repeats": prove_repeats}[name](found)
    return {"proofs": found.proofs, "facts": found.facts, "notes": found.notes}


def tolerance(dtype: torch.dtype, roundings: int, terms: int) -> float:
    return roundings * torch.finfo(dtype).eps / 2 + 4 * terms**0.5 * torch.finfo(torch.float32).eps / 2


def relative(found: torch.Tensor, right: torch.Tensor) -> float:
    """NaN where anything is NaN, so that no comparison passes."""
    return float((found.double() - right.double()).norm() / right.double().norm())


# ---- attention -------------------------------------------------------------------------------------

Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def prove_attention(found: Findings) -> None:
    found.facts["varlen_attn"] = describe_varlen()
    for dtype in (torch.float32, torch.bfloat16):
        states = draw_states(found, dtype)
        right = with_gradients(apart(found.documents), [one.double() for one in states[:3]], states[3].double())
        ours = with_gradients(packed(found.documents), states[:3], states[3])
        name = f"{dtype}".removeprefix("torch.")
        found.facts[f"attention in {name}"] = attention.describe_attention(found.device, dtype)
        for part, what, value in zip(("output", "query", "key", "value"), ours, right, strict=True):
            error = worst_of_documents(what, value, found.documents)
            roundings = 2 if part == "output" else 8
            found.within(f"{name}, {part}", error, tolerance(dtype, roundings, max(found.documents)))
        if found.device.type == "cuda" and dtype == torch.bfloat16:
            try_grouped(found, states, right)


def draw_states(found: Findings, dtype: torch.dtype) -> list[torch.Tensor]:
    """Query, key, value [1, heads, T, D] as a model hands them over (of other strides), and a gradient [1, T, H, D]."""
    heads, kv_heads, size = TINY_HEADS if found.tiny else HEADS
    generator, tokens = torch.Generator(found.device).manual_seed(3), sum(found.documents)

    def draw(count: int) -> torch.Tensor:
        return torch.randn(1, tokens, count, size, generator=generator, device=found.device).to(dtype)

    return [draw(heads).transpose(1, 2), draw(kv_heads).transpose(1, 2), draw(kv_heads).transpose(1, 2), draw(heads)]


def with_gradients(attend: Attend, states: list[torch.Tensor], gradient: torch.Tensor) -> list[torch.Tensor]:
    """Output [1, T, H, D] and the gradients of query, key and value."""
    leaves = [one.detach().clone().requires_grad_() for one in states]
    output = attend(*leaves)
    output.backward(gradient)
    return [output.detach(), *(gradient_of(one).transpose(1, 2) for one in leaves)]


def gradient_of(tensor: torch.Tensor) -> torch.Tensor:
    assert tensor.grad is not None
    return whole_of(tensor.grad)


def whole_of(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def packed(documents: list[int]) -> Attend:
    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        starts = attention.boundaries(documents, query.device)
        return attention.packed_attention(None, query, key, value, None, scaling=query.shape[-1] ** -0.5, **starts)[0]

    return attend


def apart(documents: list[int]) -> Attend:
    """One call of torch's attention for each document, keys and values repeated. In float64: what is right."""

    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        groups = query.shape[1] // key.shape[1]
        states = [query, key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)]
        pieces = zip(*(one.split(documents, dim=2) for one in states), strict=True)
        outputs = [functional.scaled_dot_product_attention(*piece, is_causal=True) for piece in pieces]
        return torch.cat(outputs, dim=2).transpose(1, 2)

    return attend


def worst_of_documents(found: torch.Tensor, right: torch.Tensor, documents: list[int]) -> float:
    """The largest relative error of a document; one whose right values are next to nothing is put over the usual."""
    usual = float(right.double().norm()) / sum(documents) ** 0.5
    errors = []
    for mine, exact in zip(found.split(documents, dim=1), right.split(documents, dim=1), strict=True):
        scale = max(float(exact.double().norm()), usual * exact.shape[1] ** 0.5)
        errors.append(float((mine.double() - exact.double()).norm()) / scale)
    return float("nan") if any(error != error for error in errors) else max(errors)


def describe_varlen() -> dict:
    import inspect

    if attention.varlen_attn is None:
        return {"there": False}
    known = inspect.signature(attention.varlen_attn).parameters
    names = ("window_size", "is_causal", "enable_gqa", "scale", "num_splits")
    return {"there": True, "parameters": list(known), **{name: name in known for name in names}}


def try_grouped(found: Findings, states: list[torch.Tensor], right: list[torch.Tensor]) -> None:
    """Whether the kernel takes fewer keys' heads than queries' by itself where it has no flag for that: worth knowing,
    since repeated keys cost memory."""
    known = describe_varlen()
    if not known.get("window_size") or known["enable_gqa"]:
        return

    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        starts = attention.boundaries(found.documents, query.device)
        flat = [one.transpose(1, 2)[0].contiguous() for one in (query, key, value)]
        begins, longest = starts["cu_seq_lens_q"], starts["max_length_q"]
        return attention.varlen_attn(*flat, begins, begins, longest, longest, window_size=(-1, 0))[None]

    try:
        errors = map(relative, with_gradients(attend, states[:3], states[3]), right)
        found.facts["grouped heads without a flag, errors"] = [f"{error:.2e}" for error in errors]
    except RuntimeError as error:
        found.facts["grouped heads without a flag"] = f"refused: {str(error)[:300]}"


# ---- loss ------------------------------------------------------------------------------------------


def prove_loss(found: Findings) -> None:
    """Chunks of logits against all at once, and packed documents against Transformers' own on each document alone."""
    shape, documents = found.shape, found.documents
    rows = MemoryRows([documents], shape.vocabulary)
    row, count = rows.read(0), sum(documents) - len(documents)
    for compute in ("float32", "bfloat16"):
        dtype = getattr(torch, compute)
        whole, gradients, model = nll_and_gradients(found, rows, compute, 1 << 30)
        chunked, of_chunks, _ = nll_and_gradients(found, rows, compute, CHUNK)
        alone = nll_apart(model, torch.from_numpy(row.input_ids).to(found.device), documents)
        found.proof(f"{compute}, every trained token has a loss", len(whole) == count, f"{len(whole)} of {count}")
        found.within(f"{compute}, chunked nll", *error_of_nll(chunked, whole, dtype, shape))
        found.within(f"{compute}, documents apart", *error_of_nll(whole, alone, dtype, shape))
        worst = max(relative(of_chunks[name], gradients[name]) for name in gradients)
        # The head's gradient is added up in the compute type, chunk by chunk.
        roundings = 8 + round(2 * (count / CHUNK) ** 0.5)
        found.within(f"{compute}, chunked, worst gradient", worst, tolerance(dtype, roundings, shape.vocabulary))


def error_of_nll(found: torch.Tensor, right: torch.Tensor, dtype: torch.dtype, shape: Shape) -> tuple[float, float]:
    """Over the deviation of what is right: untrained weights give about ln V everywhere, and that hides errors. In
    float32 is rounded what is as large as ln V itself."""
    deviation = float(right.double().std())
    error = float((found.double() - right.double()).square().mean().sqrt()) / deviation
    rounded = 4 * torch.finfo(torch.float32).eps / 2 * float(right.double().abs().max()) / deviation
    return error, tolerance(dtype, 8, max(shape.vocabulary, shape.intermediate)) + rounded


def nll_and_gradients(found: Findings, rows: MemoryRows, compute: str, chunk: int):
    with tempfile.TemporaryDirectory() as folder:
        job = make_job(Path(folder), found.shape, found.device.type, compute=compute, loss_chunk_tokens=chunk)
        device = ranks_of(job).device
        model = loop.build_model(job, device, loop.make_mesh(device), rows.sequence_length)
        [batch] = loop.make_batches([rows.read(0)], 1)
        nll = batch.run(model, device)
        nll.sum().backward()
        gradients = {name: gradient_of(one) for name, one in model.named_parameters()}
        return nll.detach(), gradients, model


def nll_apart(model: PackedModel, ids: torch.Tensor, documents: list[int]) -> torch.Tensor:
    """By Transformers' Llama in float32, its own attention, a document at a time, with the same weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig.from_dict(model.causal_lm.config.to_dict())
    config._attn_implementation = "sdpa"
    plain: Any = LlamaForCausalLM(config)
    plain = plain.to(ids.device, torch.float32).eval()
    weights = {name.removeprefix("causal_lm."): whole_of(one) for name, one in model.named_parameters()}
    plain.load_state_dict({name: one.detach() for name, one in weights.items()}, strict=True)
    losses = []
    with torch.no_grad():
        for piece in ids.split(documents):
            logits = plain(piece[None]).logits[0, :-1].float()
            losses.append(functional.cross_entropy(logits, piece[1:], reduction="none"))
    return torch.cat(losses)


# ---- repeating -------------------------------------------------------------------------------------


def prove_repeats(found: Findings) -> None:
    """The whole loop in this process, deterministic: twice from the start, and on from a checkpoint."""
    be_deterministic()
    steps = 6
    for moments in ("float32", "bfloat16"):
        with tempfile.TemporaryDirectory() as place:
            first, second = (train_whole(found, Path(place) / name, moments, steps) for name in ("a", "b"))
            same = first["steps"] == second["steps"]
            found.proof(f"{moments} moments, twice: same losses and norms", same, tell(first))
            same = first["digest"] == second["digest"]
            found.proof(f"{moments} moments, twice: same weights", same, f"{first['digest']}, {second['digest']}")
            on = go_on(found, Path(place) / "a", moments, steps)
            began = on.get("began")
            found.proof(f"{moments} moments, resumed: from a checkpoint of step 3", began == 3, f"step {began}")
            found.proof(f"{moments} moments, resumed: same losses and norms", on["steps"] == first["steps"], tell(on))
            same = first["digest"] == on["digest"]
            found.proof(f"{moments} moments, resumed: same weights", same, f"{first['digest']}, {on['digest']}")
    losses = [loss for loss, _ in first["steps"]]
    found.proof("training lowers the loss of rows that it sees again", losses[-1] < losses[0], f"{losses}")


def tell(result: dict) -> str:
    return ", ".join(f"{loss:.6f}" for loss, _ in result["steps"])


def train_whole(found: Findings, folder: Path, moments: str, steps: int) -> dict:
    """From the newest checkpoint of the folder to the exported model."""
    folder.mkdir(exist_ok=True)
    rows = MemoryRows([found.documents, found.documents[::-1]], found.shape.vocabulary)
    changes = {"batch_rows": 2, "until": {"steps": steps}, "deterministic": True, "moments": moments}
    job = make_job(folder, found.shape, found.device.type, **changes)
    optimizer = replace(job.config.optimizer, learning_rate=1e-3, warm_up_share=0.0)
    job = replace(job, config=replace(job.config, optimizer=optimizer, checkpoint=replace_every(job, 3)))
    training = open_training(job, rows)
    began = training.step
    training.run()
    events = [json.loads(line) for line in job.metrics.read_text().splitlines()]
    pairs = [(event["loss"], event["gradNorm"]) for event in events if event["event"] == "step"]
    return {"began": began, "steps": pairs, "digest": digest_of_weights(job.exported)}


def replace_every(job, steps: int):
    return replace(job.config.checkpoint, every_steps=steps)


def go_on(found: Findings, folder: Path, moments: str, steps: int) -> dict:
    """As after a kill behind step 3 and more steps that were never saved."""
    last = max((folder / "checkpoints").glob("step-*"))
    shutil.rmtree(last)
    shutil.rmtree(folder / "model")
    return train_whole(found, folder, moments, steps)


def digest_of_weights(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# ---- the loop, as users start it -------------------------------------------------------------------


def prove_loop(found: Findings, root: Path) -> None:
    """torchrun, shards on the disk, checkpoints, the exported model: everything but the launcher in TypeScript."""
    try:
        import pyarrow  # noqa: F401  the loop reads its shards with it
    except ImportError:
        found.notes.append("no pyarrow here: the loop was not run on shards, only on rows in memory")
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = write_job(found, folder)
        started, detail = start(found, root, path)
        found.proof("torchrun", started, detail)
        if not started:
            return
        events = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        found.facts["start of the loop"] = events[0]
        losses = [event["loss"] for event in events if event["event"] == "step"]
        good = len(losses) == 6 and losses[-1] < losses[0]
        found.proof("six steps, the loss falls", good, f"{losses}")
        shutil.rmtree(max((folder / "checkpoints").glob("step-*")))
        shutil.rmtree(folder / "model")
        before = digest_of_steps(events)
        found.proof("torchrun again, from a checkpoint", *start(found, root, path))
        again = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        resumed = [event["step"] for event in again if event["event"] == "start"]
        found.proof("it went on from step 3", resumed == [0, 3], f"starts at {resumed}")
        found.proof("the same losses and norms to the bit", before == digest_of_steps(again), f"{losses}")
        prove_export(found, folder / "model")


def digest_of_steps(events: list[dict]) -> list[tuple[float, float]]:
    return [(event["loss"], event["gradNorm"]) for event in events if event["event"] == "step"]


def prove_export(found: Findings, folder: Path) -> None:
    from transformers import LlamaForCausalLM

    model: Any = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model = model.to(found.device)
    ids = torch.arange(64, device=found.device)[None]
    with torch.no_grad():
        loss = float(model(input_ids=ids, labels=ids).loss)
    found.proof("Transformers reads the export", loss == loss and loss < 100, f"loss {loss:.3f} of some tokens")


def write_job(found: Findings, folder: Path) -> Path:
    optimizer = {"learning_rate": 1e-3, "warm_up_share": 0.0}
    job = make_job(folder, found.shape, found.device.type, deterministic=True, batch_rows=2, until={"steps": 6})
    config = replace(job.config, checkpoint=replace_every(job, 3), optimizer=replace(job.config.optimizer, **optimizer))
    (job.model / "tokenizer.json").write_text("{}")
    shards = folder / "shards"
    shards.mkdir()
    write_shards(shards, MemoryRows([found.documents, found.documents[::-1]], found.shape.vocabulary))
    value = camel(asdict(replace(job, config=config, shards=(shards,))))
    path = folder / "job.json"
    path.write_text(json.dumps(value, default=str))
    return path


def write_shards(folder: Path, rows: MemoryRows) -> None:
    """As packing writes them (src/records/manifest.ts), no more than the loop looks at."""
    import pyarrow
    import pyarrow.parquet as parquet

    integers = pyarrow.list_(pyarrow.int32())
    columns = {"input_ids": integers, "labels": integers, "seq_lengths": integers}
    schema = pyarrow.schema({**columns, "domain": pyarrow.string(), "doc_ids": pyarrow.list_(pyarrow.string())})
    table = pyarrow.Table.from_pylist([vars(rows.read(index)) for index in range(len(rows))], schema)
    parquet.write_table(table, folder / "drawn.parquet", row_group_size=1)
    entry = {
        "file": "drawn.parquet",
        "format": "parquet",
        "rows": len(rows),
        "tokens": int(rows.tokens.sum()),
        "sha256": hashlib.sha256((folder / "drawn.parquet").read_bytes()).hexdigest(),
    }
    tokenizer = {"digest": hashlib.sha256(b"{}").hexdigest(), "vocabularySize": rows.vocabulary}
    manifest = {"schemaVersion": 1, "sequenceLength": rows.sequence_length, "tokenizer": tokenizer, "shards": [entry]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def camel(value: object) -> object:
    """Keys as job.json has them; the keys of `until` and `mixture` are of one word."""
    if not isinstance(value, dict):
        return value
    words = {key: key.split("_") for key in value}
    return {words[key][0] + "".join(map(str.capitalize, words[key][1:])): camel(inner) for key, inner in value.items()}


def start(found: Findings, root: Path, job: Path) -> tuple[bool, str]:
    limit_s = 100 if found.device.type == "cuda" else 1000
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1"]
    outcome = run_command([*command, "-m", "retrace_train", "--job", str(job)], limit_s, cwd=root)
    failure = job.parent / "failure.json"
    why = failure.read_text()[:600] if failure.exists() else outcome.why[-600:]
    return outcome.status == "ok", f"{outcome.seconds:.0f} s" if outcome.status == "ok" else why
