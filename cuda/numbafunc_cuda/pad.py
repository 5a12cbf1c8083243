"""Gathers by tables on a device: padding, and other copies whose places are sums of entries for plane, row and column.

The tables are those of processors, see :mod:`numbafunc.cpu.pad`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from functools import cache, lru_cache
from itertools import product
from typing import Any

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.cpu.pad import HEADER
from numbafunc.ops.pad_index import Padding, Widths
from numbafunc_cuda.arrays import Shape, View, empty, pointer, stream_for
from numbafunc_cuda.copy import as_view, copied, in_order
from numbafunc_cuda.launch import access, compiled, element, launch
from numbafunc_cuda.tables import table

_KERNEL = """
def kernel(source, plan, result, size, planes, rows, width, left, middle, block{constants}):
    step = index_like(cuda.gridsize(1), size)
    i = index_like(cuda.grid(1), size)
    while i < size:
        direction, plane, row, column = split(i, (planes, rows, width))
        plane_entry = int64(get_entry(plan, HEADER + plane))
        row_entry = int64(get_entry(plan, HEADER + planes + row))
        if column < left:
            entry = int64(get_entry(plan, HEADER + planes + rows + column))
        elif column < left + middle:
            entry = column - left
        else:
            entry = int64(get_entry(plan, HEADER + planes + rows + column - middle))
{put}
        i = advance(i, step)
"""

_COPY = """
        put(result, i, get(source, direction * block + plane_entry + row_entry + entry))
"""

_CONSTANT = """
        if entry >= 0:
            entry = row_entry if row_entry < 0 else plane_entry if plane_entry < 0 else plane_entry + row_entry + entry
        if entry >= 0:
            put(result, i, get(source, direction * block + entry))
        else:
            value = constant0
{choices}
            put(result, i, value)
"""

_CHOICE = """
            if entry == -1 - {number}:
                value = constant{number}
"""


def build(word: str, entries: str, constants: int) -> Any:
    """The kernel, not compiled yet.

    Parameters
    ----------
    word : str
        Dtype as which elements are copied.
    entries : str
        Dtype of the tables.
    constants : int
        Number of constants: 0 where there are none in the tables, 1 where all are the same.
    """
    names = [f"constant{number}" for number in range(constants)]
    choices = "".join(_CHOICE.format(number=number).rstrip() for number in range(1, constants))
    put = _CONSTANT.format(choices=choices) if constants else _COPY
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "cuda": cuda,
        "get": element.make_read(word),
        "get_entry": element.make_read(entries),
        "put": element.make_write(word),
        "split": element.split,
        "index_like": access.index_like,
        "advance": access.advance,
        "int64": np.int64,
        "HEADER": HEADER,
    }
    source = _KERNEL.format(constants="".join(f", {name}" for name in names), put=put.strip("\n"))
    exec(compile(source, "<numbafunc pad on a device>", "exec"), namespace)
    return namespace["kernel"]


def argument_types(word: str, constants: int, wide: bool) -> tuple[Any, ...]:
    """Numba's types of the arguments of the kernel."""
    index = types.uint64 if wide else types.uint32
    return (*[types.uint64] * 3, *[index] * 4, *[types.int64] * 3, *[getattr(types, word)] * constants)


@cache
def _kernel(word: str, entries: str, constants: int, wide: bool) -> Any:
    return compiled(build(word, entries, constants), argument_types(word, constants, wide))


def gathered(
    source: View,
    leading: int,
    shape: Shape,
    key: Hashable,
    plan: Callable[[], np.ndarray[Any, Any]],
    sizes: Shape,
    constants: np.ndarray[Any, Any] | None = None,
) -> View:
    """A new array of a shape behind the directions.

    ``plan`` makes the tables, behind a header with the ``sizes``; ``constants`` are words, those of each direction
    behind one another, unless they are the same for all.
    """
    stream = stream_for([source])
    directions = source.shape[:leading]
    result = empty((*directions, *shape), source.dtype, None, stream)
    if not result.size:
        return result
    source = in_order(source)
    tables = table(key, plan)
    word = np.dtype(f"u{source.dtype.itemsize}")
    planes, rows, left, middle, right = sizes
    block = math.prod(source.shape[leading:])
    wide = max(result.size, source.size) >= 2**31
    numbers = (planes, rows, left + middle + right, left, middle, block)
    each = constants is not None and constants.ndim > 1
    for direction in product(*map(range, directions)) if each else [()]:
        values = [] if constants is None else [int(value) for value in constants[direction].reshape(-1)]
        kernel = _kernel(word.name, tables.dtype.name, len(values), wide)
        size = result.size // math.prod(directions) if each else result.size
        arrays = (pointer(source, direction, word), pointer(tables), pointer(result, direction, word))
        launch(kernel, size, (*arrays, size, *numbers, *values), stream)
    return result


def padded(part: Any, leading: int, widths: Widths, mode: str, constants: Any = None) -> Any:
    """See :func:`numbafunc.ops.pad_index.padded`; the constants are in main memory."""
    source = as_view(part)
    shape = source.shape[leading:]
    if not shape:
        return copied(source).array
    padding = _padding(shape, widths, mode)
    sizes = tuple(int(number) for number in padding.plan[:HEADER])
    words = None
    if padding.constant:
        words = np.zeros(1, f"u{source.dtype.itemsize}")
        if constants is not None:
            words = np.ascontiguousarray(constants).view(words.dtype).reshape(*constants.shape[:leading], -1)
            if (words == words.flat[0]).all():
                words = words.reshape(-1)[:1]
            elif (words == words[(0,) * leading]).all():
                words = words[(0,) * leading]
    key = "pad", shape, widths, mode
    return gathered(source, leading, padding.shape, key, lambda: padding.plan, sizes, words).array


def padded_with_constants(arrays: tuple[Any, Any], leading: int, widths: Widths) -> Any:
    """The same with constants that are an operand of their own."""
    return padded(arrays[0], leading, widths, "constant", arrays[1])


@lru_cache(maxsize=256)
def _padding(shape: Shape, widths: Widths, mode: str) -> Padding:
    return Padding(shape, widths, mode)
