"""
Checkpoints: weights, moments and the step. With as many ranks training goes on bit for bit; any number can go on.

    checkpoints/step-00000012/   files of torch.distributed.checkpoint, each rank's parts
                 retrace.json    what the checkpoint belongs to, and the sizes of the files; written last

A checkpoint is written under a name that ends in .tmp and renamed when the bytes of every rank are on the disk. So
every folder without .tmp is complete, unless it was changed since. Missing files and files of another length are
reported, and no older checkpoint is used instead. A changed byte within a tensor is not noticed: nothing is hashed.
"""

import hashlib
import json
import re
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint import CheckpointException

from .failures import TrainingFailure
from .files import sync, write_synced
from .job import Job
from .ranks import Ranks

FACTS = "retrace.json"
# These change at most the rounding of what is computed; some are changed by users to get past a failure.
FREE_KEYS = ("checkpoint", "micro_batch_rows", "activation_checkpointing", "loss_chunk_tokens", "deterministic")


def identify(job: Job) -> dict[str, str]:
    """What a checkpoint belongs to: the engine, and digests of the config, the data and the model's config."""
    config = {key: value for key, value in asdict(job.config).items() if key not in FREE_KEYS}
    manifests = [(folder / "manifest.json").read_bytes() for folder in job.shards]
    return {
        "engine": job.engine,
        "config": _digest(json.dumps(config, sort_keys=True).encode()),
        "data": _digest(*manifests),
        "model": _digest((job.model / "config.json").read_bytes()),
    }


def state_of(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, dict[str, torch.Tensor]]:
    """The tensors by name, not copied: loading into them changes the model. A tied weight occurs once."""
    named = dict(model.named_parameters())
    moments = ("exp_avg", "exp_avg_sq")
    state = {key: {name: optimizer.state[parameter][key] for name, parameter in named.items()} for key in moments}
    return {"weights": {name: parameter.detach() for name, parameter in named.items()}, **state}


def list_steps(folder: Path) -> list[int]:
    """Steps with a checkpoint, ascending."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name.removeprefix("step-")) for name in names if re.fullmatch(r"step-\d{8,}", name))


class Checkpoints:
    def __init__(self, job: Job, ranks: Ranks, identity: dict[str, str]):
        self.folder, self.keep, self.ranks, self.identity = job.checkpoints, job.config.checkpoint.keep, ranks, identity

    def path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def remove_unfinished(self) -> None:
        """Removes what a kill left. For rank 0, before anything is saved."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.glob("*.tmp"):
            shutil.rmtree(path)

    def newest_whole(self) -> dict | None:
        """
        The facts of the newest checkpoint; None where there is none.

        @raises TrainingFailure CHECKPOINT_INVALID, RUN_MISMATCH
        """
        steps = list_steps(self.folder)
        if not steps:
            return None
        path = self.path(steps[-1])
        try:
            facts = json.loads((path / FACTS).read_text())
            identity, sizes = facts["identity"], facts["files"]
            wrong = [name for name, size in sizes.items() if (path / name).stat().st_size != size]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._invalid(path, str(error)) from error
        if wrong or facts.get("step") != steps[-1]:
            raise self._invalid(path, f"{', '.join(wrong) or FACTS} is not as it was written")
        changed = [part for part, digest in self.identity.items() if identity.get(part) != digest]
        if changed:
            why = f"{path} was made with another {' and another '.join(changed)} than this job has"
            how = "Train into another folder, or give back what was changed"
            raise TrainingFailure("RUN_MISMATCH", f"{why}. {how}.", path=str(path), changed=changed)
        return facts

    def load(self, step: int, state: dict) -> None:
        """Reads into `state` what any number of ranks wrote. @raises TrainingFailure CHECKPOINT_INVALID"""
        try:
            dcp.load(state, checkpoint_id=self.path(step))
        except (Exception, CheckpointException) as error:  # the latter is not an Exception
            raise self._invalid(self.path(step), str(error).strip().splitlines()[-1]) from error

    def save(self, step: int, state: dict, totals: dict[str, Any]) -> tuple[Path, float]:
        """For all ranks together. Returns the folder and the seconds it took."""
        begin, path = time.perf_counter(), self.path(step)
        unfinished = path.with_name(f"{path.name}.tmp")
        dcp.save(state, checkpoint_id=unfinished)  # returns when all ranks have synced their files
        if self.ranks.rank == 0:
            self.publish(unfinished, step, totals)
        self.ranks.barrier()
        return path, time.perf_counter() - begin

    def publish(self, unfinished: Path, step: int, totals: dict[str, Any]) -> None:
        """Writes the facts and renames the folder to its step. For rank 0, when every file is on the disk."""
        sizes = {file.name: file.stat().st_size for file in unfinished.iterdir() if file.is_file()}
        facts = {"step": step, "identity": self.identity, "worldSize": self.ranks.size, "totals": totals}
        write_synced(unfinished / FACTS, json.dumps({**facts, "files": sizes}) + "\n")
        sync(unfinished)
        unfinished.rename(self.path(step))
        sync(self.folder)
        self._remove_old()

    def _remove_old(self) -> None:
        for step in list_steps(self.folder)[: -self.keep]:
            # Renamed first, so that a kill in between leaves nothing that looks complete.
            leaving = self.path(step).rename(self.path(step).with_suffix(".tmp"))
            shutil.rmtree(leaving)

    def _invalid(self, path: Path, why: str) -> TrainingFailure:
        before = list_steps(self.folder)[:-1]
        then = f"go on from step {before[-1]}" if before else "start over"
        message = f"{path} cannot be read: {why}. Delete it to {then}."
        return TrainingFailure("CHECKPOINT_INVALID", message, path=str(path))


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()
