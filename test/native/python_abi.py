"""Prints, as JSON, how the GPU check's Python lays out the structs of the two C interfaces and calls them."""

import ctypes
import json
import sys
import tempfile
from pathlib import Path
from unittest.mock import MagicMock

sys.path.insert(0, str(Path(sys.argv[1]) / "scripts/gpu"))
sys.modules["torch"] = MagicMock()  # no layout depends on it
import device_abi  # noqa: E402
import engine  # noqa: E402

SIMPLE = {
    ctypes.c_int: "4 bytes",
    ctypes.c_int32: "4 bytes",
    ctypes.c_uint32: "4 bytes",
    ctypes.c_int64: "8 bytes",
    ctypes.c_uint64: "8 bytes",
    ctypes.c_size_t: "8 bytes",
    ctypes.c_float: "float",
    None: "void",
}


def kind(type_: object) -> str:
    return SIMPLE.get(type_, "pointer")


def layout(struct: type) -> dict:
    fields = []
    for name, type_ in struct._fields_:
        place = getattr(struct, name)
        is_function = isinstance(type_, type) and issubclass(type_, ctypes._CFuncPtr)
        call = [kind(part) for part in (type_._restype_, *type_._argtypes_)] if is_function else None
        fields.append({"name": name, "offset": place.offset, "size": place.size, "call": call})
    return {"size": ctypes.sizeof(struct), "fields": fields}


class Recorder:
    """Stands for a library, and records the types that are set on each of its functions."""

    def __init__(self) -> None:
        self.functions: dict[str, MagicMock] = {}

    def __getattr__(self, name: str) -> MagicMock:
        return self.functions.setdefault(name, MagicMock(return_value=engine.ENGINE_ABI, argtypes=[]))


def engine_calls() -> dict:
    recorder = Recorder()
    engine.ctypes = MagicMock(wraps=ctypes, CDLL=lambda path: recorder)
    for name in ("Structure", "c_void_p", "c_char_p", "c_int", "c_int64", "c_uint64", "c_uint32", "c_size_t"):
        setattr(engine.ctypes, name, getattr(ctypes, name))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "libretrace_engine.so").touch()
        engine.load_library(Path(folder))
    return {
        name: [kind(part) for part in (function.restype, *function.argtypes)]
        for name, function in recorder.functions.items()
    }


structs = {
    name: layout(value)
    for module in (engine, device_abi)
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, ctypes.Structure)
}
constants = {
    "RETRACE_ENGINE_ABI": engine.ENGINE_ABI,
    "RETRACE_DEVICE_ABI": device_abi.DEVICE_ABI,
    "RETRACE_STORE": device_abi.STORE,
    "RETRACE_ADD": device_abi.ADD,
    "RETRACE_SWIGLU": device_abi.SWIGLU,
    "RETRACE_F32": engine.DTYPES[engine.torch.float32],
    "RETRACE_F16": engine.DTYPES[engine.torch.float16],
    "RETRACE_BF16": engine.DTYPES[engine.torch.bfloat16],
    "BF16 of device_abi": device_abi.BF16,
}
json.dump({"structs": structs, "constants": constants, "calls": engine_calls()}, sys.stdout)
