"""Pooling on a device: a thread computes the result of one window at a time."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import Any

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.cpu import pool
from numbafunc.cpu.load_store import beats, chosen, maximum
from numbafunc.dual.array import Dual, value_of
from numbafunc.kinds.arguments import is_float
from numbafunc_cuda.arrays import View, empty, pointer, stream_for, view
from numbafunc_cuda.copy import in_order
from numbafunc_cuda.gather import Positions, gathered
from numbafunc_cuda.launch import access, compiled, inline, launch

# Arguments of a kernel after the number of results.
_PLACES = ("new_rows", "new_columns", "rows", "columns", "top", "left", "high", "wide", "down", "across")

_KERNEL = """
def kernel(x, y, size, {places}):
    step = index_like(cuda.gridsize(1), size)
    i = index_like(cuda.grid(1), size)
    while i < size:
        plane, new_row, new_column = split(i, (new_rows, new_columns))
        row = new_row * down - top
        column = new_column * across - left
        origin = plane * rows * columns
{body}
        i = advance(i, step)
"""

# Columns first, as on processors, so that sums are the same.
_COMBINE = """
        total = nothing
        for c in range(column, column + wide):
            line = nothing
            if c >= 0 and c < columns:
                for r in range(row, row + high):
                    if r >= 0 and r < rows:
                        line = combine(line, number(get(x, origin + r * columns + c)))
            total = combine(total, line)
        put(y, i, finish(total, area))
"""

# Elements in the order that decides ties; once found, a NaN stays the result.
_FIND = """
        held = nothing
        place = int64(-1)
        for r in range(row, row + high):
            if r >= 0 and r < rows:
                for c in range(column, column + wide):
                    if c >= 0 and c < columns:
                        found = get(x, origin + r * columns + c)
                        better = beats(found, held)
                        held = chosen(better, found, held)
                        place = chosen(better, int64(r * columns + c), place)
        put(y, i, place)
"""

Window = pool.Window


def build(form: str, storage: str, window: Window | None, index: str = "int64") -> Any:
    """The kernel for a form of :func:`numbafunc.ops.pool._prepare`, not compiled yet.

    A window whose sizes and steps are given is unrolled. ``index`` is the dtype of positions.
    """
    integer = storage != "bfloat16" and np.dtype(storage).kind in "iu"
    result = index if form == "find" else "float64" if integer and form == "mean" else storage
    compute = "float64" if integer and form == "mean" else storage if integer or storage == "float64" else "float32"
    number = np.dtype(compute).type
    given = dict(zip(_PLACES[-4:], window)) if window else {}
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "cuda": cuda,
        "get": access.make_read(storage),
        "put": access.make_write(result),
        "split": access.split,
        "index_like": access.index_like,
        "advance": access.advance,
        "int64": np.int64,
        "number": number,
        "nothing": number(0 if form == "mean" else np.iinfo(compute).min if integer else -np.inf),
        **given,
    }
    body = _FIND
    if form == "find":
        namespace.update(beats=access.adopted(beats), chosen=access.adopted(chosen))
    else:
        mean = form == "mean"
        body = _COMBINE.replace("area", "number(high * wide)")
        namespace["combine"] = inline(pool.add) if mean else access.adopted(maximum)
        namespace["finish"] = inline(pool.divide if mean else pool.keep)
    places = ", ".join(name for name in _PLACES if name not in given)
    source = _KERNEL.format(places=places, body=body.strip("\n"))
    exec(compile(source, f"<numbafunc pooling {form} on a device>", "exec"), namespace)
    return namespace["kernel"]


def argument_types(window: Window | None, wide: bool) -> tuple[Any, ...]:
    """Numba's types of the arguments of the kernel."""
    index = types.uint64 if wide else types.uint32
    return (types.uint64, types.uint64, *[index] * 3, *[types.int64] * (len(_PLACES) - 2 - (4 if window else 0)))


@cache
def _kernel(form: str, storage: str, window: Window | None, index: str, wide: bool) -> Any:
    return compiled(build(form, storage, window, index), argument_types(window, wide))


def _pooled(form: str, x: View, windows: Any) -> View:
    stream = stream_for([x])
    shape = windows.result_shape(x.shape)
    rows, columns = x.shape[-2:]
    index = "int64" if rows * columns >= 2**31 else "int32"
    dtype = np.dtype(index) if form == "find" else x.dtype
    if form == "mean" and not is_float(dtype):
        dtype = np.dtype(np.float64)
    result = empty(shape, dtype, None, stream)
    if result.size:
        x = in_order(x)
        window = (*windows.size, *windows.strides)
        known = window if window in pool.UNROLLED else None
        boolean = np.dtype(np.uint8) if x.dtype.kind == "b" else None
        storage = x.dtype.name if boolean is None else boolean.name
        kernel = _kernel(form, storage, known, index, max(x.size, result.size) >= 2**31)
        places = (*shape[-2:], rows, columns, windows.padding[0][0], windows.padding[1][0], *(() if known else window))
        y = pointer(result) if form == "find" else pointer(result, word=boolean)
        launch(kernel, result.size, (pointer(x, word=boolean), y, result.size, *places), stream)
    return result


def average(part: Any, leading: int, windows: Any) -> Any:
    """The mean of each window, behind any axes."""
    return _pooled("mean", view(part, "a tangent"), windows).array


def largest(x: Any, windows: Any) -> Any:
    """The largest element of each window, with all its tangents."""
    if type(x) is not Dual:
        return _pooled("largest", x, windows).array
    value = view(value_of(x), "x")
    found = _pooled("find", value, windows)
    blocks = max(1, math.prod(value.shape[:-2]))
    back = partial(_spread, windows, found)
    return gathered(x, Positions(found, blocks, found.shape, -math.inf, back))


# Transposes: a thread adds up what an element of an image gets from the windows that it lies in.

_SPREAD = """
def kernel(x, {found}y, size, new_rows, new_columns, rows, columns, top, left, high, wide, down, across, planes):
    step = index_like(cuda.gridsize(1), size)
    i = index_like(cuda.grid(1), size)
    while i < size:
        plane, row, column = split(i, (rows, columns))
        r, c = row + top, column + left
        first, first_column = max(0, -((high - 1 - r) // down)), max(0, -((wide - 1 - c) // across))
        last, last_column = min(new_rows - 1, r // down), min(new_columns - 1, c // across)
        value = number(0)
        for o in range(first, last + 1):
            for p in range(first_column, last_column + 1):
                place = (plane * new_rows + o) * new_columns + p
                {add}
        put(y, i, value)
        i = advance(i, step)
"""

_SHARE = "value += number(get(x, place)) / number(high * wide)"
_CHOSEN = """
                if get_found(found, ((plane % planes) * new_rows + o) * new_columns + p) == row * columns + column:
                    value += number(get(x, place))
"""


def build_transpose(form: str, storage: str, index: str = "int64") -> Any:
    """The kernel of the transpose of a form, "mean" or "find", not compiled yet."""
    found = form == "find"
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "cuda": cuda,
        "get": access.make_read(storage),
        "get_found": access.make_read(index),
        "put": access.make_write(storage),
        "split": access.split,
        "index_like": access.index_like,
        "advance": access.advance,
        "number": np.float64 if storage == "float64" else np.float32,
    }
    source = _SPREAD.format(found="found, " if found else "", add=_CHOSEN.strip() if found else _SHARE)
    exec(compile(source, f"<numbafunc transpose of pooling {form} on a device>", "exec"), namespace)
    return namespace["kernel"]


def transpose_types(form: str, wide: bool) -> tuple[Any, ...]:
    """Numba's types of the arguments of the kernel."""
    index = types.uint64 if wide else types.uint32
    arrays = [types.uint64] * (3 if form == "find" else 2)
    return (*arrays, index, types.int64, types.int64, index, index, *[types.int64] * 7)


@cache
def _transpose_kernel(form: str, storage: str, index: str, wide: bool) -> Any:
    return compiled(build_transpose(form, storage, index), transpose_types(form, wide))


def _spread(windows: Any, found: View | None, x: View, leading: int, shape: tuple[int, ...]) -> View:
    """What windows give back to the elements that they cover, or to those at the positions that were found."""
    stream = stream_for([x] if found is None else [x, found])
    result = empty((*x.shape[:leading], *shape), x.dtype, None, stream)
    if result.size:
        x = in_order(x)
        places = (*windows.padding[0][:1], *windows.padding[1][:1], *windows.size, *windows.strides)
        sizes = (result.size, *x.shape[-2:], *shape[-2:], *places, max(1, math.prod(shape[:-2])))
        form, index = ("mean", "int64") if found is None else ("find", found.dtype.name)
        kernel = _transpose_kernel(form, x.dtype.name, index, max(x.size, result.size) >= 2**31)
        arrays = [pointer(x)] if found is None else [pointer(x), pointer(found)]
        launch(kernel, result.size, (*arrays, pointer(result), *sizes), stream)
    return result


def average_back(part: Any, leading: int, shape: tuple[int, ...], windows: Any) -> Any:
    """The transpose of :func:`average`."""
    return _spread(windows, None, view(part, "a cotangent"), leading, shape).array
