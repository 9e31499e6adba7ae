"""The engine's C interface (native/engine/retrace_engine.h) from Python, without a copy of a tensor.

    engine = Engine(folder, device="cuda", config=config, tensors=weights)
    prefix = engine.open_prefix(tokens)
    log_probs = engine.score(prefix, [Branch(tokens, [(256, 1024)])])

Tokens are int32 tensors on the CPU, log-probabilities float32 tensors on the CPU (nats).
"""

import ctypes
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from models import Shape, config_of
from run import Run

ENGINE_ABI = 1
DTYPES = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}


class CError(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_char * 32),
        ("message", ctypes.c_char * 600),
        ("file", ctypes.c_char * 96),
        ("line", ctypes.c_int32),
        ("native_status", ctypes.c_int32),
        ("needed", ctypes.c_int64),
        ("available", ctypes.c_int64),
    ]


class CTensor(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.c_int64 * 4),
        ("data", ctypes.c_void_p),
    ]


class COptions(ctypes.Structure):
    _fields_ = [
        ("struct_bytes", ctypes.c_uint32),
        ("model_dir", ctypes.c_char_p),
        ("config_json", ctypes.c_char_p),
        ("tensors", ctypes.POINTER(CTensor)),
        ("tensor_count", ctypes.c_int64),
        ("random_seed", ctypes.c_uint64),
        ("device", ctypes.c_char_p),
        ("device_folder", ctypes.c_char_p),
        ("kernels", ctypes.c_char_p),
        ("ordinal", ctypes.c_int32),
        ("precision", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("page_tokens", ctypes.c_int32),
        ("keep_all_rows", ctypes.c_int32),
        ("max_batch_rows", ctypes.c_int64),
        ("max_head_rows", ctypes.c_int64),
        ("cache_bytes", ctypes.c_int64),
        ("context_length", ctypes.c_int64),
    ]


class CBranch(ctypes.Structure):
    _fields_ = [
        ("tokens", ctypes.c_void_p),
        ("token_count", ctypes.c_int64),
        ("ranges", ctypes.POINTER(ctypes.c_int64)),
        ("range_count", ctypes.c_int64),
    ]


class Counters(ctypes.Structure):
    _fields_ = [
        ("prefix_tokens_computed", ctypes.c_int64),
        ("branch_tokens_computed", ctypes.c_int64),
        ("tokens_recomputed", ctypes.c_int64),
        ("prefix_tokens_reused", ctypes.c_int64),
        ("forward_passes", ctypes.c_int64),
        ("pages_evicted", ctypes.c_int64),
    ]

    def as_dict(self) -> dict[str, int]:
        return {field[0]: getattr(self, field[0]) for field in self._fields_}


class EngineError(RuntimeError):
    """`code` decides, the message is for people."""

    def __init__(self, error: CError, call: str) -> None:
        self.code = error.code.decode(errors="replace")
        where = (
            f" ({error.file.decode(errors='replace')}:{error.line}, status {error.native_status})" if error.file else ""
        )
        super().__init__(f"{call}: {self.code}: {error.message.decode(errors='replace')}{where}")


@dataclass
class Branch:
    """Tokens behind a prefix; those in `ranges` ([start, end) each) are scored."""

    tokens: torch.Tensor
    ranges: list[tuple[int, int]] = field(default_factory=list)

    @property
    def scored(self) -> int:
        return sum(end - start for start, end in self.ranges)


def as_tokens(tokens: torch.Tensor) -> torch.Tensor:
    return tokens.to("cpu", torch.int32).contiguous()


def load_library(folder: Path) -> ctypes.CDLL:
    path = folder / "libretrace_engine.so"
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: run scripts/gpu-check --part build first")
    library = ctypes.CDLL(str(path))
    library.retrace_abi.restype = ctypes.c_uint32
    found = library.retrace_abi()
    if found != ENGINE_ABI:
        raise RuntimeError(f"{path} has ABI {found}, this program was written for {ENGINE_ABI}: build it again")
    error, counters, uint64 = ctypes.POINTER(CError), ctypes.POINTER(Counters), ctypes.c_uint64
    engine, tokens, size = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64
    signatures = {
        "retrace_probe": (None, [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]),
        "retrace_engine_open": (ctypes.c_int, [ctypes.POINTER(COptions), ctypes.POINTER(engine), error]),
        "retrace_engine_close": (None, [engine]),
        "retrace_engine_describe": (ctypes.c_char_p, [engine]),
        "retrace_prefix_open": (
            ctypes.c_int,
            [engine, tokens, size, ctypes.c_void_p, ctypes.POINTER(uint64), counters, error],
        ),
        "retrace_score": (
            ctypes.c_int,
            [engine, uint64, ctypes.POINTER(CBranch), size, ctypes.c_void_p, ctypes.c_void_p, counters, error],
        ),
        "retrace_commit": (
            ctypes.c_int,
            [engine, uint64, tokens, size, ctypes.c_void_p, ctypes.POINTER(uint64), counters, error],
        ),
        "retrace_prefix_close": (None, [engine, uint64]),
        "retrace_drop_unpinned": (None, [engine]),
        "retrace_audit": (ctypes.c_int, [engine, error]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def probe(folder: Path) -> dict:
    """Devices that could be used, as the engine sees them."""
    text = ctypes.create_string_buffer(1 << 16)
    load_library(folder).retrace_probe(None, text, len(text))
    return json.loads(text.value)


class Engine:
    """One open engine. Ends with `close`, or as a context manager."""

    memory_taken: int | None = None  # bytes of the GPU, where they were measured

    def __init__(
        self,
        folder: Path,
        device: str,
        config: dict | None = None,
        tensors: dict[str, torch.Tensor] | None = None,
        model_dir: Path | None = None,
        **options: int | str,
    ) -> None:
        """`tensors` may lie on the GPU: the engine reads them where they are. Without them and without a folder the
        weights are the engine's own random ones. `options` are fields of `retrace_engine_options`."""
        self._library = load_library(folder)
        c_options = COptions(struct_bytes=ctypes.sizeof(COptions), device=device.encode())
        if model_dir is not None:
            c_options.model_dir = str(model_dir).encode()
        if config is not None:
            c_options.config_json = json.dumps(config).encode()
        keep_alive = self._hand_over(c_options, tensors or {})
        for name, value in options.items():
            if not hasattr(c_options, name):
                raise ValueError(f"retrace_engine_options has no field {name}")
            setattr(c_options, name, value.encode() if isinstance(value, str) else value)
        self._engine = ctypes.c_void_p()
        error = CError()
        status = self._library.retrace_engine_open(
            ctypes.byref(c_options), ctypes.byref(self._engine), ctypes.byref(error)
        )
        del keep_alive
        if status != 0:
            raise EngineError(error, "open")
        self.counters = Counters()

    @staticmethod
    def _hand_over(c_options: COptions, tensors: dict[str, torch.Tensor]) -> list:
        if not tensors:
            return []
        if any(tensor.is_cuda for tensor in tensors.values()):
            torch.cuda.synchronize()  # what torch still writes must be there before the engine's own stream reads it
        array = (CTensor * len(tensors))()
        for slot, (name, tensor) in zip(array, tensors.items(), strict=True):
            if not tensor.is_contiguous():
                raise ValueError(f"{name} is not contiguous")
            slot.name, slot.dtype, slot.rank = name.encode(), DTYPES[tensor.dtype], tensor.dim()
            slot.shape[: tensor.dim()] = list(tensor.shape)
            slot.data = tensor.data_ptr()
        c_options.tensors, c_options.tensor_count = array, len(tensors)
        return [array, tensors]

    def _check(self, status: int, error: CError, call: str) -> None:
        if status != 0:
            raise EngineError(error, call)

    def describe(self) -> dict:
        return json.loads(self._library.retrace_engine_describe(self._engine))

    def open_prefix(self, tokens: torch.Tensor) -> int:
        tokens, prefix, error = as_tokens(tokens), ctypes.c_uint64(), CError()
        status = self._library.retrace_prefix_open(
            self._engine, tokens.data_ptr(), tokens.numel(), None, ctypes.byref(prefix), self.counters, error
        )
        self._check(status, error, "open_prefix")
        return prefix.value

    def score(self, prefix: int, branches: list[Branch]) -> torch.Tensor:
        """Log-probabilities of all scored tokens, branch after branch."""
        tokens = [as_tokens(branch.tokens) for branch in branches]
        array, ranges = (CBranch * len(branches))(), []
        for slot, branch, ids in zip(array, branches, tokens, strict=True):
            flat = (ctypes.c_int64 * (2 * len(branch.ranges)))(*[edge for pair in branch.ranges for edge in pair])
            ranges.append(flat)
            slot.tokens, slot.token_count = ids.data_ptr(), ids.numel()
            slot.ranges, slot.range_count = flat, len(branch.ranges)
        # Poisoned: a score that nothing wrote must not pass for one.
        log_probs = torch.full((sum(branch.scored for branch in branches),), float("nan"), dtype=torch.float32)
        error = CError()
        status = self._library.retrace_score(
            self._engine, prefix, array, len(branches), log_probs.data_ptr(), None, self.counters, error
        )
        self._check(status, error, "score")
        return log_probs

    def commit(self, prefix: int, tokens: torch.Tensor) -> int:
        tokens, committed, error = as_tokens(tokens), ctypes.c_uint64(), CError()
        status = self._library.retrace_commit(
            self._engine, prefix, tokens.data_ptr(), tokens.numel(), None, ctypes.byref(committed), self.counters, error
        )
        self._check(status, error, "commit")
        return committed.value

    def close_prefix(self, prefix: int) -> None:
        self._library.retrace_prefix_close(self._engine, prefix)

    def drop_unpinned(self) -> None:
        self._library.retrace_drop_unpinned(self._engine)

    def audit(self) -> None:
        """Raises where a page is not accounted for."""
        error = CError()
        self._check(self._library.retrace_audit(self._engine, error), error, "audit")

    def close(self) -> None:
        if self._engine:
            self._library.retrace_engine_close(self._engine)
            self._engine = ctypes.c_void_p()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_engine(run: Run, shape: Shape, weights: dict, kernels: str, cache_bytes: int, **options: Any) -> Engine:
    """An engine as the parts of the check want theirs."""
    return Engine(
        run.build_folder,
        run.device,
        config_of(shape),
        weights,
        kernels=kernels,
        precision=run.precision,
        threads=2,
        cache_bytes=cache_bytes,
        **options,
    )
