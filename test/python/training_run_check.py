"""
What a training left, seen by others than its loop: Transformers reads the export and scores the documents of a step,
each in a sequence of its own; torch.distributed.checkpoint reads the last checkpoint without any ranks.

    python test/python/training_run_check.py JOB --step N                     prints one JSON object
    python test/python/training_run_check.py JOB --step N --plant-nan FOLDER

`loss` and `domainLoss` are of step N's documents under the exported model. `document` is one of them with the
log-probability of each of its tokens but the first. `tensors` has the SHA-256 of every tensor of the export, and
`differsFromCheckpoint` names those that are not what the newest checkpoint has.
With `--plant-nan` the export is copied to FOLDER with a NaN for a token that no step before N meets, and `token` and
`documents`, those that have it in step N, are printed.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp
from safetensors.torch import load_file, save_file
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from transformers import AutoModelForCausalLM

from retrace_train.job import Job, read_job
from retrace_train.order import Order
from retrace_train.shards import Row, open_rows

ROOT = Path(__file__).resolve().parents[2]


def rows_of_step(job: Job, step: int) -> list[Row]:
    rows = open_rows(job.shards, job.model, 1 << 20)
    config = job.config
    order = Order(rows.tokens, rows.domain_of, rows.domains, config.seed, config.batch_rows, config.mixture)
    return [rows.read(int(index)) for index in order.rows_of(step - 1)]


def documents_of(row: Row) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Ids and labels of each document [T]."""
    lengths = row.seq_lengths.tolist()
    ids, labels = (torch.from_numpy(column).split(lengths) for column in (row.input_ids, row.labels))
    return list(zip(ids, labels, strict=True))


@torch.no_grad()
def score(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """Log-probabilities [T - 1] of all tokens but the first."""
    logits = model(ids[None]).logits[0, :-1].double()
    return torch.log_softmax(logits, -1).gather(1, ids[1:, None])[:, 0]


def losses(model: torch.nn.Module, rows: list[Row]) -> dict:
    sums: dict[str, list[float]] = {}
    for row in rows:
        for ids, labels in documents_of(row):
            trained = labels[1:] != -100
            entry = sums.setdefault(row.domain, [0.0, 0])
            entry[0] -= float(score(model, ids)[trained].sum())
            entry[1] += int(trained.sum())
    total, count = (sum(column) for column in zip(*sums.values(), strict=True))
    of_domain = {name: {"loss": nll / n, "trainedTokens": n} for name, (nll, n) in sums.items()}
    return {"loss": total / count, "domainLoss": of_domain}


def read_checkpoint(folder: Path) -> dict[str, torch.Tensor]:
    metadata = dcp.FileSystemReader(folder).read_metadata().state_dict_metadata
    tensors = {
        name: torch.empty(entry.size, dtype=entry.properties.dtype)
        for name, entry in metadata.items()
        if isinstance(entry, TensorStorageMetadata) and name.startswith("weights.")
    }
    dcp.load(tensors, checkpoint_id=folder, no_dist=True)
    return {name.removeprefix("weights.causal_lm."): tensor for name, tensor in tensors.items()}


def plant_nan(job: Job, step: int, folder: Path) -> dict:
    before = {token for earlier in range(1, step) for row in rows_of_step(job, earlier) for token in row.input_ids}
    found: dict[int, list[str]] = {}
    for row in rows_of_step(job, step):
        for (ids, labels), name in zip(documents_of(row), row.doc_ids, strict=True):
            last = int((labels != -100).nonzero().max()) if (labels != -100).any() else 0
            for token in {*ids[:last].tolist()} - before:  # only what a trained token behind it sees
                found.setdefault(token, []).append(name)
    token = min(found)
    shutil.copytree(job.exported, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.embed_tokens.weight"][token] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return {"token": token, "documents": sorted(found[token])}


def differences(exported: dict[str, torch.Tensor], saved: dict[str, torch.Tensor]) -> list[str]:
    shared = {name for name in exported if name in saved and torch.equal(exported[name], saved[name])}
    return sorted({*exported, *saved} - shared)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("job", type=Path)
    parser.add_argument("--step", type=int, required=True)
    parser.add_argument("--plant-nan", type=Path)
    arguments = parser.parse_args()
    job = read_job(arguments.job)
    torch.set_num_threads(1)
    if arguments.plant_nan is not None:
        return print(json.dumps(plant_nan(job, arguments.step, arguments.plant_nan)))

    rows = rows_of_step(job, arguments.step)
    model = AutoModelForCausalLM.from_pretrained(job.exported, dtype=torch.float32).eval()
    exported = load_file(job.exported / "model.safetensors")
    newest = max(path for path in job.checkpoints.iterdir() if path.suffix != ".tmp")
    saved = read_checkpoint(newest)
    ids, _ = documents_of(rows[0])[0]
    digests = {name: hashlib.sha256(one.numpy().tobytes()).hexdigest() for name, one in sorted(exported.items())}
    result = {
        **losses(model, rows),
        "document": {"ids": ids.tolist(), "logProbs": score(model, ids).tolist()},
        "tensors": digests,
        "differsFromCheckpoint": differences(exported, saved),
        "ropeTheta": json.loads((job.exported / "config.json").read_text())["rope_theta"],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
