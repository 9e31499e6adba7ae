"""
The initial weights of a model: from the files of a Hugging Face folder, or random from a seed.

Both return a whole tensor by name, of which each rank keeps its part. So the weights do not depend on the number or
order of ranks, no rank ever holds the whole model, and nothing is sent between ranks.
"""

import hashlib
import json
from pathlib import Path
from typing import Protocol

import torch
from safetensors import safe_open
from torch.distributed.tensor import DTensor, distribute_tensor

from .failures import TrainingFailure

STANDARD_DEVIATION = 0.02


class Weights(Protocol):
    def tensor(self, name: str, shape: torch.Size) -> torch.Tensor:
        """The whole tensor, of any floating type, on any device."""
        ...


class StoredWeights:
    """Tensors of model.safetensors, or of the files in its index, read on request."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.file_of = _list_tensors(folder)
        self.opened: dict[str, safe_open] = {}

    def tensor(self, name: str, shape: torch.Size) -> torch.Tensor:
        """@raises TrainingFailure MODEL_INVALID"""
        file = self.file_of.get(name)
        if file is None:
            raise _invalid(self.folder, f"it has no tensor {name}")
        try:
            if file not in self.opened:
                self.opened[file] = safe_open(self.folder / file, framework="pt")
            tensor = self.opened[file].get_tensor(name)
        except Exception as error:
            raise _invalid(self.folder, f"{name} cannot be read from {file}: {error}") from error
        if tensor.shape != shape or not tensor.is_floating_point():
            found = f"{tensor.dtype} {list(tensor.shape)}"
            raise _invalid(self.folder, f"{name} is {found}, and config.json asks for {list(shape)} of a float type")
        return tensor


class RandomWeights:
    """Normal values, each tensor from a generator of its own; norms are one and biases zero."""

    def __init__(self, seed: int, device: torch.device):
        self.seed, self.device = seed, device

    def tensor(self, name: str, shape: torch.Size) -> torch.Tensor:
        if len(shape) < 2:
            return torch.full(shape, 0.0 if name.endswith("bias") else 1.0, device=self.device)
        digest = hashlib.sha256(f"{self.seed} {name}".encode()).digest()
        generator = torch.Generator(self.device).manual_seed(int.from_bytes(digest[:7], "big"))
        return torch.empty(shape, device=self.device).normal_(0, STANDARD_DEVIATION, generator=generator)


def place_weights(model: torch.nn.Module, weights: Weights, device: torch.device, dtype: torch.dtype) -> None:
    """
    Replaces every parameter of a model on the meta device by its values on `device`; a sharded one by its rank's part.

    A tied parameter stays a single tensor under all its names: `to_empty` would make several of it.
    """
    owners: dict[torch.nn.Parameter, list[tuple[torch.nn.Module, str]]] = {}
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            owners.setdefault(parameter, []).append((module, name))
    for name, parameter in list(model.named_parameters()):
        whole = weights.tensor(name, parameter.shape)
        placed = torch.nn.Parameter(_part_of(whole, parameter, device, dtype), requires_grad=parameter.requires_grad)
        for module, own_name in owners[parameter]:
            setattr(module, own_name, placed)


def _part_of(whole: torch.Tensor, parameter: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    if not isinstance(parameter, DTensor):
        return whole.to(device=device, dtype=dtype, copy=True)
    mesh, placements = parameter.device_mesh, parameter.placements
    # Without a source rank each rank cuts its part from its own tensor. The part is copied to free the whole tensor.
    part = distribute_tensor(whole.to(device), mesh, placements, src_data_rank=None).to_local()
    part = part.to(dtype=dtype, copy=True).contiguous()
    return DTensor.from_local(part, mesh, placements, run_check=False, shape=whole.shape, stride=whole.stride())


def _list_tensors(folder: Path) -> dict[str, str]:
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    try:
        if single.exists():
            with safe_open(single, framework="pt") as file:
                return {name: single.name for name in file.keys()}  # noqa: SIM118  it is not iterable
        file_of = json.loads(index.read_text())["weight_map"]
    except Exception as error:
        wanted = f"{single.name} or {index.name}"
        raise _invalid(folder, f"neither {wanted} can be read: {error}") from error
    if not all(isinstance(file, str) and file == Path(file).name for file in file_of.values()):
        raise _invalid(folder, f"{index.name} names files that are not in the folder")
    return file_of


def _invalid(folder: Path, why: str) -> TrainingFailure:
    return TrainingFailure("MODEL_INVALID", f"{folder} cannot be trained on: {why}. Fetch the model again.")
