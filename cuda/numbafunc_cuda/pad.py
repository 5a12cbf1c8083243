"""Padding on a device: margins that repeat elements or constants are gathered by tables, others are computed.

The tables are those of processors, see :mod:`numbafunc.cpu.pad`; entries for plane, row and column add up to the place
of an element. Margins that are computed follow :mod:`numbafunc.ops.pad_margins`: the array is moved into the middle of
the result, then the axes are padded in order, in place. Those behind an axis are taken with their margins, which are
overwritten when their turn comes, so lines along the axis lie at regular steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from functools import cache, lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.cpu.pad import HEADER
from numbafunc.kinds.arguments import is_float
from numbafunc.numbers.keys import VALUE
from numbafunc.ops.pad_index import Padding, Widths
from numbafunc.ops.pad_margins import between, between_integers, mirrored
from numbafunc.rules.device_ufuncs import apply, copied_into
from numbafunc_cuda.arrays import View, empty, pointer, stream_for, view
from numbafunc_cuda.copy import copied, in_order
from numbafunc_cuda.fill import signed
from numbafunc_cuda.launch import SIMULATED, access, compiled, inline, launch
from numbafunc_cuda.layout import Shape, Slot, StoredOperand
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
        "get": access.make_read(word),
        "get_entry": access.make_read(entries),
        "put": access.make_write(word),
        "split": access.split,
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
    source = view(part, "a tangent")
    shape = source.shape[leading:]
    if not shape:
        return copied(source).array
    wide = tuple(before + length + after for length, (before, after) in zip(shape, widths))
    if not math.prod(wide):
        return empty((*source.shape[:leading], *wide), source.dtype, None, source.stream).array
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
    """An array padded with constants; both are operands."""
    return padded(arrays[0], leading, widths, "constant", arrays[1])


@lru_cache(maxsize=256)
def _padding(shape: Shape, widths: Widths, mode: str) -> Padding:
    return Padding(shape, widths, mode)


# A thread makes one element of a margin. ``side`` is the way outwards from the edge, -1 or 1.
_MARGIN = """
def kernel(array, size, count, inner, length, edge, side, {argument}):
    step = index_like(cuda.gridsize(1), size)
    i = index_like(cuda.grid(1), size)
    width = int64(inner)
    while i < size:
        outer, k, inside = split(i, (count, inner))
        first = outer * length * width + inside
        {body}
        i = advance(i, step)
"""

_ODD = """
        nearest = load((array,), (first + edge * width,))[0]
        other = load((array,), (first + (edge - side * (k + skipped)) * width,))[0]
        store((array,), first + (edge + side * (k + 1)) * width, mirrored(nearest, other))
"""

# Steps of a ramp are counted from its outer end.
_RAMP = """
        nearest, outermost = load((array, end), (first + edge * width, 0))
        place = first + (edge + side * (int64(count) - k)) * width
        store((array,), place, {point})
"""

_POINTS = {
    "float": "between(outermost, nearest, k / int64(count)) if abs(outermost) < inf else nan",
    "bool": "1 if outermost != 0 or (nearest != 0 and k > 0) else 0",
    "integer": "between_integers(word(outermost), word(nearest), word(k), word(int64(count) - k))",
}


# Dtypes of arrays.
FLOATS = ("bfloat16", "float16", "float32", "float64")


class Lines(NamedTuple):
    """The lines of an array along an axis: ``length`` elements at steps of ``inner``, so many for each ``outer``."""

    outer: int
    length: int
    inner: int


def lines(array: View, axis: int) -> Lines:
    """The lines of an array that lies in the order of C."""
    return Lines(math.prod(array.shape[:axis]), array.shape[axis], math.prod(array.shape[axis + 1 :]))


def _kind(storage: str) -> str:
    return "float" if storage in FLOATS else "bool" if storage == "bool" else "integer"


def build_margin(form: str, storage: str) -> Any:
    """The kernel of a form, "odd" or "ramp", not compiled yet."""
    kind = _kind(storage)
    compute = None
    if kind == "float":
        compute = "float64" if storage == "float64" or form == "ramp" else "float32"
    word: Any = np.uint64 if storage == "uint64" else np.int64
    if SIMULATED:  # whose integers have no bounds
        word = (lambda x: int(x) % 2**64) if storage == "uint64" else int
    operands = [StoredOperand(storage, compute, (Slot(VALUE, "strided"),))]
    if form == "ramp":
        operands.append(StoredOperand("number", compute, (Slot(VALUE, "number"),)))
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "cuda": cuda,
        "load": access.make_load(tuple(operands)),
        "store": access.make_store(storage, (VALUE,)),
        "split": access.split,
        "index_like": access.index_like,
        "advance": access.advance,
        "int64": np.int64,
        "word": word,
        "inf": math.inf,
        "nan": math.nan,
        "mirrored": inline(mirrored),
        "between": inline(between),
        "between_integers": inline(between_integers),
    }
    body = _ODD if form == "odd" else _RAMP.format(point=_POINTS[kind])
    source = _MARGIN.format(argument="skipped" if form == "odd" else "end", body=body.strip())
    exec(compile(source, f"<numbafunc {form} margin on a device>", "exec"), namespace)
    return namespace["kernel"]


def margin_types(form: str, storage: str, wide: bool) -> tuple[Any, ...]:
    """Numba's types of the arguments of the kernel."""
    index = types.uint64 if wide else types.uint32
    last: Any = types.float64 if form == "ramp" and _kind(storage) == "float" else types.int64
    return (types.uint64, *[index] * 3, *[types.int64] * 3, last)


@cache
def _margin_kernel(form: str, storage: str, wide: bool) -> Any:
    return compiled(build_margin(form, storage), margin_types(form, storage, wide))


def _fill(form: str, array: View, along: Lines, count: int, edge: int, side: int, last: Any, start: Any = ()) -> None:
    """Make ``count`` elements of all lines next to the edge, in the part of the array that an index selects."""
    size = along.outer * count * along.inner
    if size:
        kernel = _margin_kernel(form, array.dtype.name, array.size >= 2**31)
        numbers = (size, count, along.inner, along.length, edge, side, last)
        launch(kernel, size, (pointer(array, start), *numbers), array.stream)


def odd(part: Any, leading: int, widths: Widths, repeat_edge: bool) -> Any:
    """See :func:`numbafunc.ops.pad_margins.odd`."""
    source = view(part, "a tangent")
    if source.dtype.kind == "b":
        numbers = empty(source.shape, np.dtype(np.int64), None, source.stream)
        copied_into(numbers.array, source.array)
        return apply(np.not_equal, odd(numbers.array, leading, widths, repeat_edge), 0)
    result = view(padded(part, leading, widths, "constant"), "the result")
    for axis, (before, after) in enumerate(widths):
        along, length = lines(result, leading + axis), source.shape[leading + axis]
        skipped = 0 if repeat_edge or length == 1 else 1
        for side, edge, missing in ((-1, before, before), (1, before + length - 1, after)):
            while missing > 0:
                count = min(missing, length - skipped)
                _fill("odd", result, along, count, edge, side, skipped)
                edge += side * count
                missing -= count
    return result.array


def ramp(arrays: tuple[Any, np.ndarray[Any, Any]], leading: int, widths: Widths) -> Any:
    """See :func:`numbafunc.ops.pad_margins.ramp`; the ends are in main memory."""
    part, ends = arrays
    source = view(part, "a tangent")
    result = view(padded(part, leading, widths, "constant"), "the result")
    directions = source.shape[:leading]
    number = float if is_float(source.dtype) else signed
    for axis, (before, after) in enumerate(widths):
        length = source.shape[leading + axis]
        for place, side, edge, count in ((0, -1, before, before), (1, 1, before + length - 1, after)):
            own = ends[..., axis, place]
            same = bool((own == own.reshape(-1)[:1]).all())
            along = lines(result, leading + axis)
            if not same:
                along = along._replace(outer=along.outer // math.prod(directions))
            for direction in [()] if same else np.ndindex(*directions):
                _fill("ramp", result, along, count, edge, side, number(own[direction].flat[0]), direction)
    return result.array
