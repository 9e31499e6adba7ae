"""The settings of a call of the check."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

DEVICES = ("cuda", "cpu", "emulated")
# What the device may compute with (native/kernels/kernel_choice.h has the words): its own choice, kernels for every GPU
# since sm_80, kernels of Hopper's own instructions, and mixtures with NVIDIA's libraries.
KERNELS = ("auto", "portable", "hopper", "cublaslt,hopper-attention", "cublaslt,cudnn")


@dataclass(frozen=True)
class Run:
    root: Path
    build_folder: Path
    device: str  # of the engine: one of DEVICES
    scale: str  # "full" (Llama-3-8B) or "tiny"
    kernels: tuple[str, ...]
    host_tensors: bool = False  # torch stays off the GPU, for tools that watch every call of the driver

    @property
    def torch_device(self) -> str:
        return "cuda" if self.device == "cuda" and not self.host_tensors else "cpu"

    @property
    def tiny(self) -> bool:
        return self.scale == "tiny"

    @property
    def patience(self) -> int:
        """Factor of all time limits: they are for a GPU, and a CPU that has other work too may take far longer."""
        return 1 if self.device == "cuda" else 10

    @property
    def build_log(self) -> Path:
        return self.build_folder / "build.log"

    @property
    def precision(self) -> int:
        """The engine's precision: bfloat16 on a CPU too, so that it rounds where a GPU does."""
        return 2 if self.device == "cpu" else 0

    def why_not(self, kernels: str) -> str | None:
        """Why a choice of kernels cannot be tried here; None where it can."""
        if "cudnn" in kernels and not (self.build_folder / "libretrace_cudnn.so").exists():
            return "libretrace_cudnn.so was not built"
        return None

    def is_refusal(self, kernels: str, why: str) -> bool:
        """Whether the device reported, when it was opened, that it has no such kernels for this model or GPU. For the
        two choices that have to work everywhere this counts as a failure."""
        return kernels not in ("auto", "portable") and ("MODEL_UNSUPPORTED" in why or "(status 5)" in why)

    @property
    def device_library(self) -> Path:
        return self.build_folder / f"libretrace_{self.device}.so"

    def as_arguments(self) -> dict:
        """A JSON value for another process; `Run.from_arguments` reads it."""
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}

    @staticmethod
    def from_arguments(arguments: dict) -> "Run":
        fields: dict[str, Any] = {**arguments, "kernels": tuple(arguments["kernels"])}
        fields |= {key: Path(arguments[key]) for key in ("root", "build_folder")}
        return Run(**fields)
