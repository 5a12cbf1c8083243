"""The largest elements of rows on a device, the first of equal ones first: a block of threads for each row.

Elements are compared by the keys of processors. Where few are selected, each takes one look at the row, in which the
threads keep the largest of those behind the one selected before, and a tree that decides among the threads. Where many
are, the last of them is found first, with one look at the row for each bit of its key and of its place; then all up to
there are collected and sorted.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.cpu.pool import add
from numbafunc.cpu.top_k import make_key
from numbafunc.cpu.top_k_order import order_of
from numbafunc.dual.array import Dual, value_of
from numbafunc_cuda.arrays import View, empty, pointer, stream_for, view
from numbafunc_cuda.copy import in_order
from numbafunc_cuda.gather import Positions, gathered
from numbafunc_cuda.launch import BLOCK, access, compiled, inline, launch
from numbafunc_cuda.teams import indented, joined


def build(order: str, word: str) -> Any:
    """The kernel ``kernel(x, values, indices, rows, n, k)``, not compiled yet."""
    get, put, put_index = access.make_read(word), access.make_write(word), access.make_write("int32")
    key_of = access.adopted(make_key(order))
    key_type, number = (types.int64, np.int64) if word == "uint64" else (types.int32, np.int32)
    lowest = number(np.iinfo(number).min)

    def kernel(x, values, indices, rows, n, k):  # type: ignore[no-untyped-def]
        keys = cuda.shared.array(BLOCK, key_type)
        places = cuda.shared.array(BLOCK, types.int64)
        thread = cuda.threadIdx.x
        row = cuda.blockIdx.x
        while row < rows:
            last_key = lowest
            last_place = -1
            for selected in range(k):
                best_key = lowest
                best_place = n  # none yet
                for i in range(thread, n, BLOCK):
                    key = key_of(get(x, row * n + i))
                    behind = selected == 0 or key < last_key or (key == last_key and i > last_place)
                    if behind and (best_place == n or key > best_key):
                        best_key = key
                        best_place = i
                keys[thread] = best_key
                places[thread] = best_place
                cuda.syncthreads()
                half = BLOCK // 2
                while half > 0:
                    if thread < half:
                        key, place = keys[thread + half], places[thread + half]
                        tied = key == keys[thread] and place < places[thread]
                        if place < n and (places[thread] == n or key > keys[thread] or tied):
                            keys[thread] = key
                            places[thread] = place
                    cuda.syncthreads()
                    half //= 2
                last_key = keys[0]
                last_place = places[0]
                cuda.syncthreads()
                if thread == 0:
                    put(values, row * k + selected, get(x, row * n + last_place))
                    put_index(indices, row * k + selected, last_place)
            row += cuda.gridDim.x

    return kernel


_MANY = """
def kernel(x, values, indices, scratch, rows, n, k, room):
    tallys = cuda.shared.array(TEAM, tally_type)
    taken = cuda.shared.array(1, taken_type)
    thread = cuda.threadIdx.x
    row = int64(cuda.blockIdx.x)
    held = row * room
    while row < rows:
        first = row * n
        bound, place = lowest, int64(n)
        bit = BITS - 1 if k < n else -1
        while bit >= 0:
            candidate = int64(0)
            if bit < BITS - 1:
                candidate = bound + (int64(1) << bit)
            {by_key}
            if tally >= k:
                bound = candidate
            bit -= 1
        start = int64(0) if k < n else place
        while start < place:
            middle = (start + place) // 2
            {by_place}
            if tally >= k:
                place = middle
            else:
                start = middle + 1
        if thread == 0:
            taken[0] = 0
        cuda.syncthreads()
        for i in range(thread, n, TEAM):
            key = key_of(get(x, first + i))
            if key > bound or (key == bound and i <= place):
                put_index(scratch, held + cuda.atomic.add(taken, 0, 1), i)
        for i in range(k + thread, room, TEAM):
            put_index(scratch, held + i, n)
        cuda.syncthreads()
        {sort}
        for i in range(thread, k, TEAM):
            found = int64(get_index(scratch, held + i))
            put(values, row * k + i, get(x, first + found))
            put_index(indices, row * k + i, found)
        cuda.syncthreads()
        row += cuda.gridDim.x
"""

_TALLY = """
tally = int64(0)
for i in range(thread, n, TEAM):
    key = key_of(get(x, first + i))
    if key > {bound} or (key == {bound} and i <= {place}):
        tally += 1
<add tally>
"""

# Bitonic, of a power of two of elements; n stands for none and comes behind all. No two are equal, so that the order in
# which they were collected leaves no trace.
_SORT = """
span = 2
while span <= room:
    apart = span // 2
    while apart > 0:
        for i in range(thread, room // 2, TEAM):
            low = held + 2 * i - (i & (apart - 1))
            a, b = int64(get_index(scratch, low)), int64(get_index(scratch, low + apart))
            swap = False
            if a < n and b < n:
                a_key, b_key = key_of(get(x, first + a)), key_of(get(x, first + b))
                swap = b_key > a_key or (b_key == a_key and b < a)
            else:
                swap = b < a
            if swap == ((low - held) & span == 0):
                put_index(scratch, low, b)
                put_index(scratch, low + apart, a)
        cuda.syncthreads()
        apart //= 2
    span *= 2
"""

# Up to this many are selected one by one.
FEW = 16
# Indices that are held while they are sorted, unless one row needs more.
_HELD = 1 << 24


def build_many(order: str, word: str) -> Any:
    """The kernel ``kernel(x, values, indices, scratch, rows, n, k, room)``, not compiled yet."""
    width = np.dtype(word).itemsize * 8
    bits = width if width >= 32 else width + 1  # whose keys are of 32 bits, with the sign or without
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "cuda": cuda,
        "TEAM": BLOCK,
        "BITS": bits,
        "lowest": np.int64(-(2 ** (bits - 1))),
        "tally_type": types.int64,
        "taken_type": types.int32,
        "int64": np.int64,
        "get": access.make_read(word),
        "put": access.make_write(word),
        "get_index": access.make_read("int32", changing=True),
        "put_index": access.make_write("int32"),
        "key_of": access.adopted(make_key(order)),
        "add": inline(add),
    }
    by_key, by_place = _TALLY.format(bound="candidate", place="n"), _TALLY.format(bound="bound", place="middle")
    source = joined(indented(_MANY, by_key=by_key, by_place=by_place, sort=_SORT), BLOCK)
    exec(compile(source, "<numbafunc top_k of many on a device>", "exec"), namespace)
    return namespace["kernel"]


MANY_ARGUMENT_TYPES = (*[types.uint64] * 4, *[types.int64] * 4)
ARGUMENT_TYPES = (*[types.uint64] * 3, *[types.int64] * 3)


@cache
def _kernel(order: str, word: str) -> Any:
    return compiled(build(order, word), ARGUMENT_TYPES)


@cache
def _kernel_of_many(order: str, word: str) -> Any:
    return compiled(build_many(order, word), MANY_ARGUMENT_TYPES)


def _selected(x: View, k: int, largest: bool) -> tuple[View, View]:
    stream = stream_for([x])
    shape = (*x.shape[:-1], k)
    values, indices = empty(shape, x.dtype, None, stream), empty(shape, np.dtype(np.int32), None, stream)
    if values.size:
        x = in_order(x)
        word = np.dtype(f"u{x.dtype.itemsize}")
        order = order_of(x.dtype, largest)
        rows = math.prod(x.shape[:-1])
        arrays = (pointer(x, word=word), pointer(values, word=word), pointer(indices))
        if k <= FEW:
            launch(_kernel(order, word.name), rows * BLOCK, (*arrays, rows, x.shape[-1], k), stream)
            return values, indices
        room = 1 << (k - 1).bit_length()
        blocks = min(rows, max(1, _HELD // room), 1 << 16)
        scratch = empty((blocks * room,), np.dtype(np.int32), None, stream)
        numbers = (rows, x.shape[-1], k, room)
        launch(_kernel_of_many(order, word.name), blocks * BLOCK, (*arrays, pointer(scratch), *numbers), stream)
    return values, indices


def top_k(x: Any, k: int, largest: bool) -> tuple[Any, Any]:
    """The largest or smallest elements, with all their tangents, and where they are on the last axis."""
    if type(x) is not Dual:
        values, indices = _selected(view(x, "x"), k, largest)
        return values.array, indices.array
    value = view(value_of(x), "x")
    values, indices = _selected(value, k, largest)
    positions = Positions(indices, max(1, math.prod(value.shape[:-1])), indices.shape)
    return gathered(x, positions, values.array), indices.array
