"""Attention over pages on the device: branches behind one prefix, and some rows of it in float64."""

import ctypes
import math

import torch

from device_abi import CPlan, CSegment, CTile, Device
from models import LLAMA_3_8B, TINY_WIDE, Shape
from run import Run

PAGE = 128


def shape_of(run: Run) -> Shape:
    return TINY_WIDE if run.tiny else LLAMA_3_8B


def device_shape(shape: Shape, layers: int, context: int) -> dict:
    return {
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "layers": layers,
        "heads": shape.heads,
        "kv_heads": shape.kv_heads,
        "head_size": shape.head_size,
        "vocabulary_size": shape.vocabulary,
        "context_length": context,
        "norm_epsilon": 1e-5,
    }


class AttentionCase:
    """Branches behind one prefix: K branches of `suffix` rows, keys and values of all positions in the cache.

    Cosines of one and sines of zero: nothing is rotated, so that the cache holds what was given.
    """

    def __init__(self, run: Run, kernels: str, prefix: int, branches: int, suffix: int) -> None:
        self.shape, self.run = shape_of(run), run
        self.prefix, self.branches, self.suffix = prefix, branches, suffix
        self.device = Device(run.device_library, device_shape(self.shape, 1, prefix + suffix + PAGE), kernels)
        facts = self.device.facts()
        self.page, self.tile_rows = facts.page_tokens, facts.attention_tile_rows
        self.kernels = facts.kernels.decode()
        self.keys: list[torch.Tensor] = []
        self.make_memory()
        self.fill()
        self.plan = self.make_plan()

    def make_memory(self) -> None:
        prefix_pages = -(-self.prefix // self.page)
        # A branch has pages of its own from the one that the prefix ends in.
        self.first_own_page = self.prefix // self.page
        self.own_pages = (self.prefix + self.suffix - 1) // self.page + 1 - self.first_own_page
        self.device.call("make_cache", prefix_pages + self.branches * self.own_pages)
        self.device.call("make_workspace", max(self.rows, 1024), 128)
        positions = self.prefix + self.suffix + PAGE
        half = self.shape.head_size // 2
        cosines, sines = torch.ones(positions, half), torch.zeros(positions, half)
        self.device.call("set_rotary", cosines.data_ptr(), sines.data_ptr())
        self.prefix_pages = prefix_pages

    @property
    def rows(self) -> int:
        return self.branches * self.suffix

    def table(self, branch: int) -> list[int]:
        own = self.prefix_pages + branch * self.own_pages
        return list(range(self.first_own_page)) + list(range(own, own + self.own_pages))

    def store(self, qkv: torch.Tensor, positions: torch.Tensor, slots: torch.Tensor) -> int:
        """Writes keys and values to the cache; returns the address of qkv on the device."""
        address = self.device.put(qkv)
        places = [self.device.put(values.to(torch.int32).contiguous()) for values in (positions, slots)]
        self.device.call("rope_and_store", address, *places, len(positions), 0)
        self.device.synchronize()
        for place in places:
            self.device.release(place)
        return address

    def fill(self) -> None:
        on, width = self.run.torch_device, (self.shape.heads + 2 * self.shape.kv_heads) * self.shape.head_size
        rows = -(-max(self.rows, 1) // 128) * 128
        self.prefix_qkv = torch.randn(self.prefix, width, device=on).to(torch.bfloat16)
        chunk = 8192
        for start in range(0, self.prefix, chunk):
            positions = torch.arange(start, min(self.prefix, start + chunk))
            pages = positions // self.page
            # The page that the prefix ends in is each branch's own: its rows go to all of them.
            self.device.release(
                self.store(
                    self.prefix_qkv[start : start + chunk].contiguous(),
                    positions,
                    pages * self.page + positions % self.page,
                )
            )
        tail = torch.arange(self.first_own_page * self.page, self.prefix)
        for branch in range(self.branches if len(tail) else 0):
            slots = self.table(branch)[self.first_own_page] * self.page + tail % self.page
            self.device.release(self.store(self.prefix_qkv[tail.to(on)].contiguous(), tail, slots))
        self.qkv = torch.zeros(rows, width, device=on, dtype=torch.bfloat16)
        self.qkv[: self.rows] = torch.randn(self.rows, width, device=on).to(torch.bfloat16)
        positions = torch.arange(self.prefix, self.prefix + self.suffix)
        slots = torch.cat(
            [
                torch.tensor(self.table(branch))[positions // self.page] * self.page + positions % self.page
                for branch in range(self.branches)
            ]
        )
        self.queries = self.device.put(self.qkv)
        places = [
            self.device.put(values.to(torch.int32).contiguous()) for values in (positions.repeat(self.branches), slots)
        ]
        self.device.call("rope_and_store", self.queries, *places, self.rows, 0)
        self.out = self.device.memory(rows * self.shape.heads * self.shape.head_size * 2)
        self.device.synchronize()

    def make_plan(self) -> CPlan:
        tables = [self.table(branch) for branch in range(self.branches)]
        length = len(tables[0])
        segments = (CSegment * self.branches)(
            *[
                CSegment(branch * self.suffix, self.suffix, self.prefix, branch * length)
                for branch in range(self.branches)
            ]
        )
        pairs = [(branch, row) for branch in range(self.branches) for row in range(0, self.suffix, self.tile_rows)]
        tiles = (CTile * len(pairs))(*[CTile(*pair) for pair in pairs])
        table = (ctypes.c_int32 * (length * self.branches))(*[page for one in tables for page in one])
        self.host = [segments, tiles, table]  # must outlive the calls
        device_side = []
        for array in self.host:
            address = self.device.memory(ctypes.sizeof(array))
            self.device.call("upload", address, ctypes.addressof(array), ctypes.sizeof(array))
            device_side.append(address)
        self.device.synchronize()
        return CPlan(
            *device_side,
            ctypes.addressof(segments),
            ctypes.addressof(table),
            self.branches,
            len(pairs),
            length * self.branches,
            self.prefix + self.suffix - 1,
        )

    def attend(self, _: int = 0) -> None:
        self.device.call("attention", self.queries, ctypes.byref(self.plan), 0, self.out)

    def poison(self) -> None:
        size = self.rows * self.shape.heads * self.shape.head_size
        poison = torch.full((size,), float("nan"), dtype=torch.bfloat16)
        self.device.call("upload", self.out, poison.data_ptr(), size * 2)
        self.device.synchronize()

    def found(self) -> torch.Tensor:
        return self.device.get(self.out, (self.rows, self.shape.heads, self.shape.head_size), torch.bfloat16)

    def exact(self, rows: torch.Tensor) -> torch.Tensor:
        """float64 [len(rows), H, D], each row by itself."""
        shape, size = self.shape, self.shape.head_size
        split = [shape.heads * size, shape.kv_heads * size, shape.kv_heads * size]
        _, prefix_keys, prefix_values = self.prefix_qkv.split(split, dim=1)
        queries, keys, values = self.qkv.split(split, dim=1)
        results = []
        for row in rows.tolist():
            first = row // self.suffix * self.suffix
            seen_keys = torch.cat([prefix_keys, keys[first : row + 1]]).view(-1, shape.kv_heads, size).double()
            seen_values = torch.cat([prefix_values, values[first : row + 1]]).view(-1, shape.kv_heads, size).double()
            query = queries[row].view(shape.kv_heads, -1, size).double()
            weights = torch.softmax(torch.einsum("ghd,tgd->ght", query, seen_keys) / math.sqrt(size), dim=-1)
            results.append(torch.einsum("ght,tgd->ghd", weights, seen_values).reshape(shape.heads, size))
        return torch.stack(results).cpu()

    @property
    def operations(self) -> float:
        pairs = self.suffix * self.prefix + self.suffix * (self.suffix + 1) / 2
        return 4 * self.branches * self.shape.heads * self.shape.head_size * pairs
