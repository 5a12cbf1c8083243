"""Resizing on a device: one pass for each axis, in the same order and with the same weights as on processors.

Elements that are not finite make the results of their lines NaN, those that they have no weight in included; which
lines have any is looked up first.
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
from numbafunc.ops.resize_taps import nearest, order_of_axes, taps
from numbafunc_cuda.arrays import View, empty, pointer, stream_for, view
from numbafunc_cuda.copy import copied, in_order
from numbafunc_cuda.fill import zeros
from numbafunc_cuda.launch import access, compiled, launch
from numbafunc_cuda.layout import Shape
from numbafunc_cuda.pad import gathered
from numbafunc_cuda.tables import table

_BYTE = np.dtype(np.uint8)


def build_watch(storage: str) -> Any:
    """The kernel ``kernel(x, flags, size, n, columns)``: marks the lines in which an element is not finite."""
    get, put = access.make_read(storage), access.make_write("uint8")
    index_like, advance, split = access.index_like, access.advance, access.split
    number = np.float64 if storage == "float64" else np.float32
    largest = number(np.finfo(number).max)

    def kernel(x, flags, size, n, columns):  # type: ignore[no-untyped-def]
        step = index_like(cuda.gridsize(1), size)
        i = index_like(cuda.grid(1), size)
        while i < size:
            found = get(x, i)
            if not (found <= largest and found >= -largest):
                plane, _, column = split(i, (n, columns))
                put(flags, plane * int(columns) + column, 1)
            i = advance(i, step)

    return kernel


def build(storage: str, result: str, first: str, *, watched: bool) -> Any:
    """The kernel of a pass, not compiled yet.

    Parameters
    ----------
    storage, result, first : str
        Dtypes of the operand, of the result, and of the positions of the first taps.
    watched : bool
        Whether lines may be marked.
    """
    compute = "float64" if result == "float64" else "float32"
    number = np.dtype(compute).type
    nan = number(np.nan)
    get, put, get_first = access.make_read(storage), access.make_write(result), access.make_read(first)
    get_weight, get_flag = access.make_read(compute), access.make_read("uint8")
    index_like, advance, split = access.index_like, access.advance, access.split
    fused = access.adopted(multiply_add)

    def kernel(x, flags, firsts, weights, y, size, m, columns, n, many):  # type: ignore[no-untyped-def]
        step = index_like(cuda.gridsize(1), size)
        i = index_like(cuda.grid(1), size)
        width = int(columns)
        while i < size:
            plane, o, column = split(i, (m, columns))
            place = (plane * n + get_first(firsts, o)) * width + column
            tap = o * many
            value = get_weight(weights, tap) * number(get(x, place))
            for _ in range(1, many):
                tap += 1
                place += width
                value = fused(get_weight(weights, tap), number(get(x, place)), value)
            if watched and get_flag(flags, plane * width + column) != 0:
                value = nan
            put(y, i, value)
            i = advance(i, step)

    return kernel


def watch_types(wide: bool) -> tuple[Any, ...]:
    """Numba's types of the arguments of the kernel that marks lines."""
    return (types.uint64, types.uint64, *[types.uint64 if wide else types.uint32] * 3)


def argument_types(wide: bool) -> tuple[Any, ...]:
    """Numba's types of the arguments of the kernel of a pass."""
    return (*[types.uint64] * 5, *[types.uint64 if wide else types.uint32] * 3, types.int64, types.int64)


@cache
def _watch(storage: str, wide: bool) -> Any:
    return compiled(build_watch(storage), watch_types(wide))


@cache
def _kernel(storage: str, result: str, first: str, watched: bool, wide: bool) -> Any:
    return compiled(build(storage, result, first, watched=watched), argument_types(wide))


def _pass(x: View, axis: int, m: int, method: str, dtype: np.dtype[Any]) -> View:
    """Resize one axis."""
    stream = stream_for([x])
    x = in_order(x)
    n, columns = x.shape[axis], math.prod(x.shape[axis + 1 :])
    result = empty((*x.shape[:axis], m, *x.shape[axis + 1 :]), dtype, None, stream)
    wide = max(x.size, result.size) >= 2**31
    compute = np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    firsts = table(("first", n, m, method), lambda: taps(n, m, method).first)
    weights = table(("weights", n, m, method, compute), lambda: taps(n, m, method).weights.reshape(-1).astype(compute))
    boolean = _BYTE if x.dtype.kind == "b" else None
    storage = _BYTE.name if boolean is not None else x.dtype.name
    watched = is_float(x.dtype)
    flags = zeros((x.size // n if watched else 1,), _BYTE, stream)
    source = pointer(x, word=boolean)
    if watched:
        launch(_watch(storage, wide), x.size, (source, pointer(flags), x.size, n, columns), stream)
    kernel = _kernel(storage, dtype.name, firsts.dtype.name, watched, wide)
    arrays = (source, pointer(flags), pointer(firsts), pointer(weights), pointer(result))
    launch(kernel, result.size, (*arrays, result.size, m, columns, n, weights.size // m), stream)
    return result


def _nearest(x: View, leading: int, target: Shape) -> View:
    shape = x.shape[leading:]
    *outside, (n, m) = zip(shape, target)
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]

    def plan() -> np.ndarray[Any, Any]:
        planes, rows = tables_of([nearest(length, new) for length, new in outside], strides)
        return np.concatenate((np.zeros(HEADER, np.int64), planes, rows, nearest(n, m)))

    planes = math.prod(new for _, new in outside[:-1])
    rows = outside[-1][1] if outside else 1
    return gathered(x, leading, target, ("nearest", shape, target), plan, (planes, rows, m, 0, 0))


def resample(part: Any, leading: int, target: Shape, method: str) -> Any:
    """See :func:`numbafunc.ops.resize_taps.resample`; here integers become float64 on the way."""
    x = view(part, "a tangent")
    dtype = x.dtype if method == "nearest" or is_float(x.dtype) else np.dtype(np.float64)
    full = (*x.shape[:leading], *target)
    if 0 in full:
        return empty(full, dtype, None, stream_for([x])).array
    axes = [axis for together in order_of_axes(x.shape, full) for axis in together]
    if not axes and x.dtype == dtype:
        return copied(x).array
    if method == "nearest":
        return _nearest(x, leading, target).array
    if not axes:
        shape = full or (1,)
        found = _pass(copied(x, shape), len(shape) - 1, shape[-1], method, dtype)
        return copied(found, full).array
    between = np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    for axis in axes:
        x = _pass(x, axis, full[axis], method, dtype if axis == axes[-1] else between)
    return x.array
