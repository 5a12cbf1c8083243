"""Resizing on a device: one pass for each axis, in the same order and with the same weights as on processors.

A sum that is not finite is made once more without the elements that have no weight, since these may be what is not.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.cpu.pad import HEADER
from numbafunc.cpu.resize import multiply_add
from numbafunc.kinds.arguments import is_float
from numbafunc.ops.pad_index import tables_of
from numbafunc.ops.resize_taps import Sampling, nearest, order_of_axes, taps
from numbafunc_cuda.arrays import View, empty, pointer, stream_for, view
from numbafunc_cuda.copy import copied, in_order
from numbafunc_cuda.launch import access, compiled, launch
from numbafunc_cuda.layout import Shape
from numbafunc_cuda.pad import gathered
from numbafunc_cuda.tables import table

_BYTE = np.dtype(np.uint8)


def build(storage: str, result: str, first: str) -> Any:
    """The kernel of a pass, not compiled yet.

    Parameters
    ----------
    storage, result, first : str
        Dtypes of the operand, of the result, and of the positions of the first taps.
    """
    compute = "float64" if result == "float64" else "float32"
    number = np.dtype(compute).type
    largest = number(np.finfo(compute).max)
    get, put, get_first = access.make_read(storage), access.make_write(result), access.make_read(first)
    get_weight = access.make_read(compute)
    index_like, advance, split = access.index_like, access.advance, access.split
    fused = access.adopted(multiply_add)

    def kernel(x, firsts, weights, y, size, m, columns, n, many):  # type: ignore[no-untyped-def]
        step = index_like(cuda.gridsize(1), size)
        i = index_like(cuda.grid(1), size)
        width = int(columns)
        while i < size:
            plane, o, column = split(i, (m, columns))
            start = (plane * n + get_first(firsts, o)) * width + column
            place = start
            tap = o * many
            value = get_weight(weights, tap) * number(get(x, place))
            for _ in range(1, many):
                tap += 1
                place += width
                value = fused(get_weight(weights, tap), number(get(x, place)), value)
            if not (value <= largest and value >= -largest):
                scale = number(1)
                for _ in range(2):
                    value = number(0)
                    for t in range(many):
                        weight = get_weight(weights, o * many + t)
                        if weight != 0:
                            value = fused(weight, number(get(x, start + t * width)) * scale, value)
                    value = value / scale
                    if value <= largest and value >= -largest:
                        break
                    scale = number(2.0**-16)  # sums on the way may overflow where the result does not
            put(y, i, value)
            i = advance(i, step)

    return kernel


def argument_types(wide: bool) -> tuple[Any, ...]:
    """Numba's types of the arguments of the kernel of a pass."""
    return (*[types.uint64] * 4, *[types.uint64 if wide else types.uint32] * 3, types.int64, types.int64)


@cache
def _kernel(storage: str, result: str, first: str, wide: bool) -> Any:
    return compiled(build(storage, result, first), argument_types(wide))


def _pass(x: View, axis: int, m: int, sampling: Sampling, dtype: np.dtype[Any]) -> View:
    """Resize one axis."""
    stream = stream_for([x])
    x = in_order(x)
    n, columns = x.shape[axis], math.prod(x.shape[axis + 1 :])
    result = empty((*x.shape[:axis], m, *x.shape[axis + 1 :]), dtype, None, stream)
    wide = max(x.size, result.size) >= 2**31
    compute = np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    firsts = table(("first", n, m, sampling), lambda: taps(n, m, sampling).first)
    weights = table(
        ("weights", n, m, sampling, compute), lambda: taps(n, m, sampling).weights.reshape(-1).astype(compute)
    )
    boolean = _BYTE if x.dtype.kind == "b" else None
    storage = _BYTE.name if boolean is not None else x.dtype.name
    kernel = _kernel(storage, dtype.name, firsts.dtype.name, wide)
    arrays = (pointer(x, word=boolean), pointer(firsts), pointer(weights), pointer(result))
    launch(kernel, result.size, (*arrays, result.size, m, columns, n, weights.size // m), stream)
    return result


def _nearest(x: View, leading: int, target: Shape, sampling: Sampling) -> View:
    shape = x.shape[leading:]
    *outside, m = target
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]

    def index(axis: int) -> np.ndarray[Any, Any]:
        length, new = shape[axis], target[axis]
        along = sampling.along(axis - len(shape))
        return nearest(length, new, along) if sampling.changes(length, new, axis - len(shape)) else np.arange(new)

    def plan() -> np.ndarray[Any, Any]:
        *outer, last = map(index, range(len(shape)))
        planes, rows = tables_of(outer, strides)
        return np.concatenate((np.zeros(HEADER, np.int64), planes, rows, last))

    planes, rows = math.prod(outside[:-1]), outside[-1] if outside else 1
    return gathered(x, leading, target, ("nearest", shape, target, sampling.scales), plan, (planes, rows, m, 0, 0))


def resample(part: Any, leading: int, target: Shape, sampling: Sampling) -> Any:
    """See :func:`numbafunc.ops.resize_taps.resample`; here integers become float64 on the way."""
    x = view(part, "a tangent")
    dtype = x.dtype if sampling.method == "nearest" or is_float(x.dtype) else np.dtype(np.float64)
    full = (*x.shape[:leading], *target)
    if 0 in full:
        return empty(full, dtype, None, stream_for([x])).array
    axes = [axis for together in order_of_axes(x.shape, full, sampling) for axis in together]
    if not axes and x.dtype == dtype:
        return copied(x).array
    if sampling.method == "nearest":
        return _nearest(x, leading, target, sampling).array
    if not axes:
        shape = full or (1,)
        found = _pass(copied(x, shape), len(shape) - 1, shape[-1], sampling, dtype)
        return copied(found, full).array
    between = np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    for axis in axes:
        x = _pass(x, axis, full[axis], sampling.along(axis - len(full)), dtype if axis == axes[-1] else between)
    return x.array
