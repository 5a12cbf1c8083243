"""Transposes of copies, of resizing and of padding on a device: each element gathers the results that it has entered.

No two threads write to one element, and each adds in the order of the results, so the bits depend on nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.cpu.resize import multiply_add
from numbafunc.ops.pad_index import MAPS, Widths
from numbafunc.ops.resize_taps import Sampling, nearest, taps
from numbafunc.rules.device_ufuncs import copied_into
from numbafunc_cuda.arrays import View, arranged, empty, pointer, stream_for, view
from numbafunc_cuda.copy import in_order
from numbafunc_cuda.fill import zeros
from numbafunc_cuda.launch import access, compiled, launch
from numbafunc_cuda.layout import Shape
from numbafunc_cuda.steps import reshaped_view, selected_view, summed
from numbafunc_cuda.tables import table

# Copies.


def scattered(part: Any, leading: int, shape: Shape, arrange: Callable[..., Any], *static: Any) -> Any:
    """See :func:`numbafunc.kinds.copy.scattered`: each element gets the sum of its copies."""
    cotangent = view(part, "a cotangent")
    result = zeros((*cotangent.shape[:leading], *shape), cotangent.dtype, cotangent.stream)
    if not cotangent.size:
        return result.array
    target = selected_view(result, lambda array: arrange(array, leading, *static)[0])
    moved = reshaped_view(cotangent, target.shape)
    repeated = tuple(
        axis for axis, (length, stride) in enumerate(zip(target.shape, target.strides)) if stride == 0 and length > 1
    )
    if repeated:
        lengths = tuple(1 if axis in repeated else length for axis, length in enumerate(target.shape))
        moved = reshaped_view(summed(moved, repeated), lengths)
        target = arranged(target, lengths, target.strides)
    copied_into(target.array, moved.array)
    return result.array


# Functions along one axis, as tables: for each element the results that it enters, in ascending order, with weights.


class Entered(NamedTuple):
    """The numbers of the results, those of the first element first; where those of each begin; and their weights."""

    results: np.ndarray[Any, Any]
    starts: np.ndarray[Any, Any]
    weights: np.ndarray[Any, Any]


def entered(sources: np.ndarray[Any, Any], length: int, weights: np.ndarray[Any, Any] | None = None) -> Entered:
    """The table of a function whose results are made of ``sources[i]``, one element or several, with weights."""
    many = math.prod(sources.shape[1:])
    results = np.repeat(np.arange(len(sources)), many)
    flat = sources.reshape(-1)
    order = np.argsort(flat, kind="stable")
    shares = np.ones(flat.size) if weights is None else weights.reshape(-1)
    order = order[shares[order] != 0]  # what has no weight adds nothing, whatever it is
    starts = np.searchsorted(flat[order], np.arange(length + 1))
    return Entered(results[order], starts.astype(np.int64), shares[order])


def build(storage: str, result: str, index: tuple[str, str]) -> Any:
    """The kernel of a pass, not compiled yet: for arrays of a dtype, and tables of results and starts of such."""
    compute = "float64" if result == "float64" else "float32"
    number = np.dtype(compute).type
    get, put = access.make_read(storage), access.make_write(result)
    get_result, get_start = map(access.make_read, index)
    get_weight = access.make_read(compute)
    index_like, advance, split = access.index_like, access.advance, access.split
    fused = access.adopted(multiply_add)

    def kernel(x, results, starts, weights, y, size, n, columns, m):  # type: ignore[no-untyped-def]
        step = index_like(cuda.gridsize(1), size)
        i = index_like(cuda.grid(1), size)
        width = int(columns)
        while i < size:
            plane, element, column = split(i, (n, columns))
            value = number(0)
            for place in range(get_start(starts, element), get_start(starts, element + 1)):
                source = (plane * m + get_result(results, place)) * width + column
                value = fused(get_weight(weights, place), number(get(x, source)), value)
            put(y, i, value)
            i = advance(i, step)

    return kernel


def argument_types(wide: bool) -> tuple[Any, ...]:
    """Numba's types of the arguments of the kernel."""
    return (*[types.uint64] * 5, *[types.uint64 if wide else types.uint32] * 3, types.int64)


@cache
def _kernel(storage: str, result: str, index: tuple[str, str], wide: bool) -> Any:
    return compiled(build(storage, result, index), argument_types(wide))


def _pass(x: View, axis: int, n: int, dtype: np.dtype[Any], key: Hashable, make: Callable[[], Entered]) -> View:
    """The transpose along an axis of a function of ``n`` elements."""
    stream = stream_for([x])
    shape = (*x.shape[:axis], n, *x.shape[axis + 1 :])
    if not math.prod(shape) or not x.size:
        return zeros(shape, dtype, stream)
    x = in_order(x)
    columns = math.prod(shape[axis + 1 :])
    result = empty(shape, dtype, None, stream)
    compute = np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    made = cache(make)
    results = table(("results", key), lambda: made().results)
    starts = table(("starts", key), lambda: made().starts)
    weights = table(("shares", key, compute), lambda: made().weights.astype(compute))
    wide = max(x.size, result.size) >= 2**31
    kernel = _kernel(x.dtype.name, dtype.name, (results.dtype.name, starts.dtype.name), wide)
    arrays = pointer(x), pointer(results), pointer(starts), pointer(weights), pointer(result)
    launch(kernel, result.size, (*arrays, result.size, n, columns, x.shape[axis]), stream)
    return result


Pass = tuple[int, int, Hashable, Callable[[], Entered]]  # an axis, its length, the key of its table, what makes it


def _along_axes(x: View, leading: int, passes: list[Pass]) -> View:
    """Passes along axes, with sums in float32 or float64 on the way."""
    dtype = x.dtype
    between = np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    for number, (axis, length, key, make) in enumerate(passes):
        x = _pass(x, leading + axis, length, dtype if number == len(passes) - 1 else between, key, make)
    return x


def _resized(n: int, m: int, sampling: Sampling) -> Entered:
    if sampling.method == "nearest":
        return entered(nearest(n, m, sampling), n)
    made = taps(n, m, sampling)
    return entered(made.first[:, None] + np.arange(made.weights.shape[1]), n, made.weights)


def resized_back(part: Any, leading: int, shape: Shape, target: Shape, sampling: Sampling) -> Any:
    """See :func:`numbafunc.ops.resize_taps.resample_transpose`."""
    passes: list[Pass] = []
    for axis, (n, m) in enumerate(zip(shape, target)):
        if sampling.changes(n, m, axis - len(shape)):
            along = sampling.along(axis - len(shape))
            passes.append((axis, n, ("resize", n, m, along), partial(_resized, n, m, along)))
    return _along_axes(view(part, "a cotangent"), leading, passes).array


def _padded(n: int, before: int, after: int, mode: str) -> Entered:
    return entered(MAPS[mode](np.arange(-before, n + after), n), n)


def padded_back(part: Any, leading: int, shape: Shape, widths: Widths, mode: str) -> Any:
    """See :func:`numbafunc.ops.pad_index.padded_transpose`."""
    x = view(part, "a cotangent")
    if not math.prod(shape):
        return empty((*x.shape[:leading], *shape), x.dtype, None, x.stream).array
    if mode == "constant":
        inner = tuple(slice(before, before + length) for (before, _), length in zip(widths, shape))
        return selected_view(x, lambda array: array[(*(slice(None),) * leading, *inner)]).array
    passes: list[Pass] = [
        (axis, n, ("pad", n, before, after, mode), partial(_padded, n, before, after, mode))
        for axis, ((before, after), n) in enumerate(zip(widths, shape))
        if before or after
    ]
    return _along_axes(x, leading, passes).array
