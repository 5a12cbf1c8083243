"""Pooling on a device: a thread computes the result of one window at a time."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import Any

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.cpu import pool, pool_places, pool_positions
from numbafunc.cpu.load_store import beats, chosen, maximum
from numbafunc.dual.array import Dual, value_of
from numbafunc.kinds.arguments import is_float
from numbafunc_cuda.arrays import View, empty, pointer, stream_for, view
from numbafunc_cuda.copy import in_order
from numbafunc_cuda.gather import Positions, gathered
from numbafunc_cuda.launch import access, compiled, inline, launch
from numbafunc_cuda.tables import table

# Arguments of a kernel after the number of results.
_PLACES = ("new_rows", "new_columns", "rows", "columns", "top", "left", "high", "wide", "down", "across")

_KERNEL = """
def kernel(x, {arrays}y, size, {places}):
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
        value = finish(total, {area})
{more}
        put(y, i, value)
"""

# A mean that is not finite may be one whose sum overflows: it is taken once more in float64, of smaller elements.
_REPAIR = """
        if not (value <= largest and value >= -largest):
            wider = float64(0)
            for c in range(column, column + wide):
                line_of_wider = float64(0)
                if c >= 0 and c < columns:
                    for r in range(row, row + high):
                        if r >= 0 and r < rows:
                            line_of_wider += float64(get(x, origin + r * columns + c)) * small
                wider += line_of_wider
            value = number(wider / {area} / small)
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
                        better = {better}
                        held = chosen(better, found, held)
                        place = chosen(better, int64(r * columns + c), place)
        put(y, i, place)
"""

_AREA = "number(high * wide)"
_COUNTED_AREA = "number(get_count(counts, new_row) * get_count(counts, new_rows + new_column))"

Window = pool_places.Window


def build(
    form: str,
    storage: str,
    window: Window | None,
    index: str = "int64",
    *,
    dilated: bool = False,
    counted: str | None = None,
) -> Any:
    """The kernel for a form of :func:`numbafunc.ops.pool._prepare`, not compiled yet.

    A window whose sizes and steps are given is unrolled. ``index`` is the dtype of positions, ``counted`` that of a
    table of the elements that means are taken of. The form "place" is "find" with the first element where none is.
    """
    integer = storage != "bfloat16" and np.dtype(storage).kind in "iu"
    result = index if form in ("find", "place") else "float64" if integer and form == "mean" else storage
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
    if form in ("find", "place"):
        body = _FIND.replace("{better}", "beats(found, held)" + " or place < 0" * (form == "place"))
        namespace.update(
            beats=inline(pool_positions.larger) if integer else access.adopted(beats), chosen=access.adopted(chosen)
        )
    else:
        mean = form == "mean"
        watched = mean and not integer and storage != "float16"
        body = _COMBINE.replace("{more}", _REPAIR.strip("\n") if watched else "")
        body = body.replace("{area}", _COUNTED_AREA if counted else _AREA)
        if watched:
            small = np.float64(2.0**-64 if compute == "float64" else 1)
            namespace.update(float64=np.float64, small=small, largest=number(np.finfo(compute).max))
        if counted:
            namespace["get_count"] = access.make_read(counted)
        namespace["combine"] = inline(pool.add) if mean else access.adopted(maximum)
        namespace["finish"] = inline(pool.divide if mean else pool.keep)
    if dilated:
        body = body.replace("column + wide)", "column + wide * wide_gap, wide_gap)")
        body = body.replace("row + high)", "row + high * high_gap, high_gap)")
    places = ", ".join([name for name in _PLACES if name not in given] + list(pool_places.GAPS) * dilated)
    source = _KERNEL.format(places=places, body=body.strip("\n"), arrays="counts, " if counted else "")
    exec(compile(source, f"<numbafunc pooling {form} on a device>", "exec"), namespace)
    return namespace["kernel"]


def argument_types(
    window: Window | None, wide: bool, *, dilated: bool = False, counted: bool = False
) -> tuple[Any, ...]:
    """Numba's types of the arguments of the kernel."""
    index = types.uint64 if wide else types.uint32
    numbers = len(_PLACES) - 2 - (4 if window else 0) + (2 if dilated else 0)
    return (*[types.uint64] * (3 if counted else 2), *[index] * 3, *[types.int64] * numbers)


@cache
def _kernel(
    form: str, storage: str, window: Window | None, index: str, wide: bool, dilated: bool, counted: str | None
) -> Any:
    kernel = build(form, storage, window, index, dilated=dilated, counted=counted)
    return compiled(kernel, argument_types(window, wide, dilated=dilated, counted=counted is not None))


def _counts(windows: Any, shape: tuple[int, ...]) -> View | None:
    """The table of the elements that means are taken of, if they are not always all."""
    counts = windows.counts(shape)
    return None if counts is None else table(("pooling", windows, shape[-2:]), lambda: counts)


def _pooled(form: str, x: View, windows: Any) -> View:
    stream = stream_for([x])
    shape = windows.result_shape(x.shape)
    rows, columns = x.shape[-2:]
    index = "int64" if form == "place" or rows * columns >= 2**31 else "int32"
    positions = form in ("find", "place")
    dtype = np.dtype(index) if positions else x.dtype
    if form == "mean" and not is_float(dtype):
        dtype = np.dtype(np.float64)
    result = empty(shape, dtype, None, stream)
    if result.size:
        x = in_order(x)
        window = (*windows.size, *windows.strides)
        dilated = windows.dilation != (1, 1)
        known = window if window in pool_places.UNROLLED and not dilated else None
        counts = _counts(windows, x.shape) if form == "mean" else None
        boolean = np.dtype(np.uint8) if x.dtype.kind == "b" else None
        storage = x.dtype.name if boolean is None else boolean.name
        counted = None if counts is None else counts.dtype.name
        kernel = _kernel(form, storage, known, index, max(x.size, result.size) >= 2**31, dilated, counted)
        places = (*shape[-2:], rows, columns, windows.padding[0][0], windows.padding[1][0], *(() if known else window))
        y = pointer(result) if positions else pointer(result, word=boolean)
        tables = () if counts is None else (pointer(counts),)
        gaps = windows.dilation if dilated else ()
        launch(kernel, result.size, (pointer(x, word=boolean), *tables, y, result.size, *places, *gaps), stream)
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


def largest_with_places(x: Any, windows: Any) -> tuple[Any, Any]:
    """The same, and the positions of the largest elements in a plane."""
    value = view(value_of(x), "x")
    return largest(x, windows), _pooled("place", value, windows).array


# Transposes: a thread adds up what an element of an image gets from the windows that it lies in.

_SPREAD = """
def kernel(x, {arrays}y, size, new_rows, new_columns, rows, columns, top, left, high, wide, down, across, {gaps}planes):
    step = index_like(cuda.gridsize(1), size)
    i = index_like(cuda.grid(1), size)
    while i < size:
        plane, row, column = split(i, (rows, columns))
        r, c = row + top, column + left
        first, first_column = max(0, -(({reach} - r) // down)), max(0, -(({reach_across} - c) // across))
        last, last_column = min(new_rows - 1, r // down), min(new_columns - 1, c // across)
        value = number(0)
        for o in range(first, last + 1):
            for p in range(first_column, last_column + 1):
                place = (plane * new_rows + o) * new_columns + p
                {add}
        put(y, i, value)
        i = advance(i, step)
"""

_SHARE = "value += number(get(x, place)) / {area}"
# Windows with gaps between their elements.
_IN_GAPS = "if (r - o * down) % high_gap == 0 and (c - p * across) % wide_gap == 0:\n                    "
_CHOSEN = """
                if get_found(found, ((plane % planes) * new_rows + o) * new_columns + p) == row * columns + column:
                    value += number(get(x, place))
"""


def build_transpose(
    form: str, storage: str, index: str = "int64", *, dilated: bool = False, counted: str | None = None
) -> Any:
    """The kernel of the transpose of a form, "mean" or "find", not compiled yet; see :func:`build`."""
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
    add = _CHOSEN.strip()
    if not found:
        area = "number(get_count(counts, o) * get_count(counts, new_rows + p))" if counted else _AREA
        add = _IN_GAPS * dilated + _SHARE.format(area=area)
        if counted:
            namespace["get_count"] = access.make_read(counted)
    source = _SPREAD.format(
        arrays="found, " if found else "counts, " if counted else "",
        gaps="high_gap, wide_gap, " if dilated else "",
        reach="(high - 1) * high_gap" if dilated else "high - 1",
        reach_across="(wide - 1) * wide_gap" if dilated else "wide - 1",
        add=add,
    )
    exec(compile(source, f"<numbafunc transpose of pooling {form} on a device>", "exec"), namespace)
    return namespace["kernel"]


def transpose_types(form: str, wide: bool, *, dilated: bool = False, counted: bool = False) -> tuple[Any, ...]:
    """Numba's types of the arguments of the kernel."""
    index = types.uint64 if wide else types.uint32
    arrays = [types.uint64] * (3 if form == "find" or counted else 2)
    return (*arrays, index, types.int64, types.int64, index, index, *[types.int64] * (9 if dilated else 7))


@cache
def _transpose_kernel(form: str, storage: str, index: str, wide: bool, dilated: bool, counted: str | None) -> Any:
    kernel = build_transpose(form, storage, index, dilated=dilated, counted=counted)
    return compiled(kernel, transpose_types(form, wide, dilated=dilated, counted=counted is not None))


def _spread(windows: Any, found: View | None, x: View, leading: int, shape: tuple[int, ...]) -> View:
    """What windows give back to the elements that they cover, or to those at the positions that were found."""
    stream = stream_for([x] if found is None else [x, found])
    result = empty((*x.shape[:leading], *shape), x.dtype, None, stream)
    if result.size:
        x = in_order(x)
        places = (*windows.padding[0][:1], *windows.padding[1][:1], *windows.size, *windows.strides)
        dilated = windows.dilation != (1, 1)
        gaps = windows.dilation if dilated else ()
        sizes = (result.size, *x.shape[-2:], *shape[-2:], *places, *gaps, max(1, math.prod(shape[:-2])))
        form, index = ("mean", "int64") if found is None else ("find", found.dtype.name)
        counts = _counts(windows, shape) if found is None else None
        counted = None if counts is None else counts.dtype.name
        kernel = _transpose_kernel(form, x.dtype.name, index, max(x.size, result.size) >= 2**31, dilated, counted)
        arrays = [pointer(one) for one in (x, found, counts) if one is not None]
        launch(kernel, result.size, (*arrays, pointer(result), *sizes), stream)
    return result


def average_back(part: Any, leading: int, shape: tuple[int, ...], windows: Any) -> Any:
    """The transpose of :func:`average`."""
    return _spread(windows, None, view(part, "a cotangent"), leading, shape).array
