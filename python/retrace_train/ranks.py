"""
The processes that train together: the number of this one, and the small values that they exchange.

Those are sent by gloo on the CPU, as float64, so that counts and sums are exact, also where gradients are sent by NCCL.
"""

import os
import platform
import resource
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from .failures import TrainingFailure
from .job import Job


@dataclass(frozen=True)
class Ranks:
    rank: int
    size: int
    device: torch.device

    def sum(self, values: list[float]) -> list[float]:
        return self._reduce(values, dist.ReduceOp.SUM)

    def most(self, values: list[float]) -> list[float]:
        return self._reduce(values, dist.ReduceOp.MAX)

    def gather(self, value: Any) -> list[Any]:
        """The values of all ranks, on every rank."""
        gathered: list[Any] = [None] * self.size
        dist.all_gather_object(gathered, value)
        return gathered

    def barrier(self) -> None:
        self.sum([0.0])

    def _reduce(self, values: list[float], operation: Any) -> list[float]:
        tensor = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(tensor, operation)
        return tensor.tolist()


def join_ranks(job: Job) -> Ranks:
    """Joins the ranks that torchrun started; without torchrun there is one rank. @raises TrainingFailure NO_DEVICE"""
    cuda = job.device == "cuda" or (job.device == "auto" and torch.cuda.is_available())
    if cuda and not torch.cuda.is_available():
        why = "PyTorch sees no CUDA device. Check the driver and that torch is a CUDA build, or use the device cpu."
        raise TrainingFailure("NO_DEVICE", why)
    torch.set_num_threads(job.threads)
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    alone = {} if "RANK" in os.environ else {"store": dist.HashStore(), "rank": 0, "world_size": 1}
    dist.init_process_group(backend, **alone)
    return Ranks(dist.get_rank(), dist.get_world_size(), device)


def be_deterministic() -> None:
    """Selects kernels that always give the same bits, or fail where there is none. Call it before CUDA is used."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]


def peak_memory(device: torch.device) -> int:
    """The most bytes in use so far: of tensors on a GPU, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
