"""A device's function table (native/device.h) from Python: its kernels one by one, without the engine."""

import ctypes
import json
from pathlib import Path
from typing import Any

import torch

DEVICE_ABI = 1
STORE, ADD, SWIGLU = 0, 1, 2
BF16 = 2
POINTER = ctypes.c_void_p
I32, I64, SIZE = ctypes.c_int32, ctypes.c_int64, ctypes.c_size_t


class DeviceError(RuntimeError):
    pass


class CDeviceError(ctypes.Structure):
    _fields_ = [
        ("status", I32),
        ("native_status", I32),
        ("line", I32),
        ("file", ctypes.c_char * 96),
        ("message", ctypes.c_char * 400),
    ]


class CShape(ctypes.Structure):
    _fields_ = [
        *((name, I32) for name in ("hidden_size", "intermediate_size", "layers", "heads", "kv_heads", "head_size")),
        ("vocabulary_size", I32),
        ("context_length", I32),
        ("norm_epsilon", ctypes.c_float),
    ]


class CDeviceOptions(ctypes.Structure):
    _fields_ = [
        ("ordinal", I32),
        ("threads", I32),
        ("round_to_bf16", I32),
        ("page_tokens", I32),
        ("kernels", ctypes.c_char_p),
        ("shape", CShape),
    ]


class CFacts(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 128),
        ("kernels", ctypes.c_char * 192),
        ("activation_bytes", I32),
        ("computes_bf16", I32),
        ("page_tokens", I32),
        ("attention_tile_rows", I32),
        ("row_multiple", I64),
        ("total_bytes", I64),
        ("free_bytes", I64),
    ]


class CWeight(ctypes.Structure):
    _fields_ = [("data", POINTER), ("rows", I64), ("columns", I64)]


class CSegment(ctypes.Structure):
    _fields_ = [(name, I32) for name in ("first_row", "rows", "first_position", "first_page")]


class CTile(ctypes.Structure):
    _fields_ = [("segment", I32), ("row", I32)]


class CPlan(ctypes.Structure):
    _fields_ = [
        ("segments", POINTER),
        ("tiles", POINTER),
        ("page_table", POINTER),
        ("host_segments", POINTER),
        ("host_page_table", POINTER),
        ("segment_count", I32),
        ("tile_count", I32),
        ("page_table_length", I32),
        ("longest_position", I32),
    ]


def function(result: Any, *arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(result, *arguments)


WEIGHT = ctypes.POINTER(CWeight)


class CApi(ctypes.Structure):
    """In the order of `retrace_device_api`."""

    _fields_ = [
        ("abi", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
        ("probe", function(None, ctypes.c_char_p, SIZE)),
        (
            "open",
            function(
                ctypes.c_int, ctypes.POINTER(CDeviceOptions), ctypes.POINTER(POINTER), ctypes.POINTER(CDeviceError)
            ),
        ),
        ("close", function(None, POINTER)),
        ("last_error", function(ctypes.POINTER(CDeviceError), POINTER)),
        ("facts", function(ctypes.c_int, POINTER, ctypes.POINTER(CFacts))),
        ("allocate", function(ctypes.c_int, POINTER, SIZE, ctypes.POINTER(POINTER))),
        ("release", function(None, POINTER, POINTER)),
        ("upload", function(ctypes.c_int, POINTER, POINTER, POINTER, SIZE)),
        ("download", function(ctypes.c_int, POINTER, POINTER, POINTER, SIZE)),
        ("synchronize", function(ctypes.c_int, POINTER)),
        ("cache_bytes", function(SIZE, POINTER, I64)),
        ("make_cache", function(ctypes.c_int, POINTER, I64)),
        ("workspace_bytes", function(SIZE, POINTER, I64, I64)),
        ("make_workspace", function(ctypes.c_int, POINTER, I64, I64)),
        ("set_rotary", function(ctypes.c_int, POINTER, POINTER, POINTER)),
        ("weight_bytes", function(SIZE, POINTER, I64, I64)),
        ("write_weight", function(ctypes.c_int, POINTER, WEIGHT, POINTER, ctypes.c_int, I64, I64, I64, I64)),
        ("randomize_weight", function(ctypes.c_int, POINTER, WEIGHT, ctypes.c_uint64, ctypes.c_float)),
        ("embed", function(ctypes.c_int, POINTER, WEIGHT, POINTER, I64, POINTER)),
        ("rms_norm", function(ctypes.c_int, POINTER, POINTER, POINTER, I64, POINTER)),
        ("gemm", function(ctypes.c_int, POINTER, WEIGHT, POINTER, I64, ctypes.c_int, POINTER)),
        ("rope_and_store", function(ctypes.c_int, POINTER, POINTER, POINTER, POINTER, I64, I32)),
        ("attention", function(ctypes.c_int, POINTER, POINTER, ctypes.POINTER(CPlan), I32, POINTER)),
        ("gather_rows", function(ctypes.c_int, POINTER, POINTER, POINTER, I64, I64, POINTER)),
        ("store_hidden", function(ctypes.c_int, POINTER, POINTER, POINTER, POINTER, I64)),
        ("copy_page_rows", function(ctypes.c_int, POINTER, POINTER, I64)),
        ("head", function(ctypes.c_int, POINTER, WEIGHT, POINTER, POINTER, I64, POINTER)),
    ]


class Device:
    """An open device. Memory of `memory(...)` and weights are the device's until `close`."""

    def __init__(self, library_path: Path, shape: dict, kernels: str = "auto", page_tokens: int = 0) -> None:
        library = ctypes.CDLL(str(library_path))
        library.retrace_device_entry_point.restype = ctypes.POINTER(CApi)
        library.retrace_device_entry_point.argtypes = [ctypes.c_uint32]
        table = library.retrace_device_entry_point(DEVICE_ABI)
        if not table:
            raise DeviceError(f"{library_path} was built for another ABI than {DEVICE_ABI}: build it again")
        self.library, self.api = library, table.contents
        self.name = self.api.name.decode()
        options = CDeviceOptions(page_tokens=page_tokens, threads=1, kernels=kernels.encode(), shape=CShape(**shape))
        self._device, error = POINTER(), CDeviceError()
        if self.api.open(ctypes.byref(options), ctypes.byref(self._device), ctypes.byref(error)) != 0:
            raise DeviceError(f"open: {error.message.decode(errors='replace')} (status {error.status})")
        self._memory: list[int] = []

    def probe(self) -> dict:
        text = ctypes.create_string_buffer(1 << 16)
        self.api.probe(text, len(text))
        return json.loads(text.value)

    def call(self, name: str, *arguments: object) -> None:
        if getattr(self.api, name)(self._device, *arguments) != 0:
            error = self.api.last_error(self._device).contents
            where = f"{error.file.decode()}:{error.line}, status {error.native_status}"
            raise DeviceError(f"{name}: {error.message.decode(errors='replace')} ({where})")

    def facts(self) -> CFacts:
        facts = CFacts()
        self.call("facts", ctypes.byref(facts))
        return facts

    def memory(self, size: int) -> int:
        address = POINTER()
        self.call("allocate", size, ctypes.byref(address))
        self._memory.append(address.value or 0)
        return self._memory[-1]

    def release(self, address: int) -> None:
        self._memory.remove(address)
        self.api.release(self._device, address)

    def put(self, tensor: torch.Tensor) -> int:
        """Device memory with the tensor's content."""
        size = tensor.numel() * tensor.element_size()
        address = self.memory(size)
        if tensor.is_cuda:
            torch.cuda.synchronize()
        self.call("upload", address, tensor.data_ptr(), size)
        self.synchronize()
        return address

    def get(self, address: int, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        tensor = torch.empty(shape, dtype=dtype)
        self.call("download", tensor.data_ptr(), address, tensor.numel() * tensor.element_size())
        return tensor

    def synchronize(self) -> None:
        self.call("synchronize")

    def weight(self, matrix: torch.Tensor, block: int = 0, stride: int = 0, first_row: int = 0) -> CWeight:
        """A bfloat16 matrix [rows, columns] in the device's own layout."""
        rows, columns = matrix.shape
        weight = CWeight(self.memory(self.api.weight_bytes(self._device, rows, columns)), rows, columns)
        if matrix.is_cuda:
            torch.cuda.synchronize()
        block = block or rows
        source = matrix.contiguous()
        self.call(
            "write_weight", ctypes.byref(weight), source.data_ptr(), BF16, rows, first_row, block, stride or block
        )
        self.synchronize()
        return weight

    def close(self) -> None:
        if self._device:
            for address in self._memory:
                self.api.release(self._device, address)
            self._memory = []
            self.api.close(self._device)
            self._device = POINTER()
