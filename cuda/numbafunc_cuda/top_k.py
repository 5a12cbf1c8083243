"""The largest elements of rows on a device, the first of equal ones first: a block of threads for each row.

Elements are compared by the keys of processors. Each element that is selected takes one look at the row, in which the
threads keep the largest of those behind the one selected before, and a tree that decides among the threads.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.autodiff.dual import Dual, value_of
from numbafunc.cpu.top_k import make_key
from numbafunc_cuda.arrays import View, empty, pointer, stream_for
from numbafunc_cuda.machine import BLOCK, compiled, element, launch
from numbafunc_cuda.movement import as_view, in_order
from numbafunc_cuda.selection import Positions, gathered


def build(order: str, word: str) -> Any:
    """The kernel ``kernel(x, values, indices, rows, n, k)``, not compiled yet."""
    get, put, put_index = element.make_read(word), element.make_write(word), element.make_write("int32")
    key_of = element.adopted(make_key(order))
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


ARGUMENT_TYPES = (*[types.uint64] * 3, *[types.int64] * 3)


@cache
def _kernel(order: str, word: str) -> Any:
    return compiled(build(order, word), ARGUMENT_TYPES)


def _largest(x: View, k: int) -> tuple[View, View]:
    stream = stream_for([x])
    shape = (*x.shape[:-1], k)
    values, indices = empty(shape, x.dtype, None, stream), empty(shape, np.dtype(np.int32), None, stream)
    if values.size:
        x = in_order(x)
        word = np.dtype(f"u{x.dtype.itemsize}")
        order = {"i": "signed", "u": "unsigned", "b": "unsigned"}.get(x.dtype.kind, "float")
        rows = math.prod(x.shape[:-1])
        arrays = (pointer(x, word=word), pointer(values, word=word), pointer(indices))
        launch(_kernel(order, word.name), rows * BLOCK, (*arrays, rows, x.shape[-1], k), stream)
    return values, indices


def top_k(x: Any, k: int) -> tuple[Any, Any]:
    """The largest elements, with all their tangents, and where they are on the last axis."""
    if type(x) is not Dual:
        values, indices = _largest(x, k)
        return values.array, indices.array
    value = as_view(value_of(x))
    values, indices = _largest(value, k)
    positions = Positions(indices, max(1, math.prod(value.shape[:-1])), indices.shape)
    return gathered(x, positions, values.array), indices.array
