"""
The trained model as a Hugging Face folder, which Transformers, vLLM and retrace's own scorer read.

Tensors are gathered one after the other, and a file is written as soon as it has its tensors: rank 0 holds one file and
not the whole model. The folder gets its name when it is complete.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor

from .files import sync, write_synced
from .job import Job
from .model import TYPES, PackedModel
from .ranks import Ranks

FILE_BYTES = 5_000_000_000
INDEX = "model.safetensors.index.json"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
)


def export_model(
    job: Job, ranks: Ranks, model: PackedModel, facts: dict[str, Any], file_bytes: int = FILE_BYTES
) -> None:
    """For all ranks together; rank 0 writes. `facts` describe the training: step, tokens, loss."""
    folder = job.exported.with_name(f"{job.exported.name}.tmp")
    if ranks.rank == 0:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    ranks.barrier()
    _write_weights(folder, ranks, model.causal_lm, TYPES[job.config.export_type], file_bytes)
    if ranks.rank == 0:
        config = export_config(job.model, model.config, job.config.export_type)
        write_synced(folder / "config.json", json.dumps(config, indent=2) + "\n")
        write_synced(folder / "retrace-training.json", json.dumps(facts, indent=2) + "\n")
        for name in TOKENIZER_FILES:
            if (job.model / name).is_file():
                shutil.copyfile(job.model / name, folder / name)
        for path in folder.iterdir():
            sync(path)
        sync(folder)
        _replace(job.exported, folder)
        sync(job.out)
    ranks.barrier()


def _replace(old: Path, new: Path) -> None:
    """Renames the earlier export first, so that a kill during its deletion does not leave half of it as the model."""
    leaving = old.with_name(f"{old.name}.old.tmp")
    shutil.rmtree(leaving, ignore_errors=True)
    if old.exists():
        old.rename(leaving)
    new.rename(old)
    shutil.rmtree(leaving, ignore_errors=True)


def export_config(model_dir: Path, config: Any, export_type: str) -> dict[str, Any]:
    """
    The model's `config.json` with the changes of training. The RoPE base and scaling are written where Transformers 4
    reads them (`rope_theta`, `rope_scaling`) and where 5 does (`rope_parameters`): with only one of the two, the other
    version would score with other positions.
    """
    original = json.loads((model_dir / "config.json").read_text())
    parameters = getattr(config, "rope_parameters", None) or {**(getattr(config, "rope_scaling", None) or {})}
    theta = parameters.get("rope_theta") or config.rope_theta
    scaling = {key: value for key, value in parameters.items() if key != "rope_theta"}
    return {
        **original,
        "rope_scaling": scaling if scaling.get("rope_type", "default") != "default" else None,
        "architectures": ["LlamaForCausalLM"],
        "max_position_embeddings": config.max_position_embeddings,
        "rope_theta": theta,
        "rope_parameters": {"rope_type": "default", **parameters, "rope_theta": theta},
        "dtype": export_type,
        "torch_dtype": export_type,
    }


def plan_files(sizes: dict[str, int], file_bytes: int) -> list[list[str]]:
    """Names of tensors by file, in order; a file with more than one tensor has at most `file_bytes`."""
    files: list[list[str]] = []
    room = -1
    for name, size in sizes.items():
        if size > room:
            files.append([])
            room = file_bytes
        files[-1].append(name)
        room -= size
    return files


def _write_weights(folder: Path, ranks: Ranks, causal_lm: torch.nn.Module, dtype: torch.dtype, file_bytes: int) -> None:
    # A tied head is written only as the embedding, as Transformers does.
    parameters = dict(causal_lm.named_parameters())
    sizes = {name: parameter.numel() * dtype.itemsize for name, parameter in parameters.items()}
    files = plan_files(sizes, file_bytes)
    names = _file_names(len(files))
    for file, members in zip(names, files, strict=True):
        wholes = {name: _whole(parameters[name], dtype, ranks.rank) for name in members}
        tensors = {name: whole for name, whole in wholes.items() if whole is not None}
        if ranks.rank == 0:
            save_file(tensors, folder / file, metadata={"format": "pt"})
    if ranks.rank == 0 and len(files) > 1:
        weight_map = {name: file for file, members in zip(names, files, strict=True) for name in members}
        index = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": weight_map}
        write_synced(folder / INDEX, json.dumps(index, indent=2) + "\n")


def _file_names(count: int) -> list[str]:
    if count == 1:
        return ["model.safetensors"]
    return [f"model-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]


def _whole(parameter: torch.Tensor, dtype: torch.dtype, rank: int) -> torch.Tensor | None:
    """The whole tensor on the CPU of rank 0, else None. Converted before it is sent: that halves the bytes."""
    part = parameter.detach().to(dtype)
    whole = part.full_tensor() if isinstance(part, DTensor) else part
    return whole.cpu().contiguous() if rank == 0 else None
