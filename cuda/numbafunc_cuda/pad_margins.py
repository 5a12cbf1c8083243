"""Margins that are computed, on a device: the counterpart of :mod:`numbafunc.ops.pad_margins`.

The array is moved into the middle of the result, then the axes are padded in order, in place. Those behind an axis are
taken with their margins, which are overwritten when their turn comes: so lines along the axis lie at regular steps.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.kinds.arguments import is_float
from numbafunc.numbers.number import VALUE
from numbafunc.ops.pad_index import Widths
from numbafunc.ops.pad_margins import between, between_integers, mirrored
from numbafunc.rules.device_ufuncs import apply, copied_into
from numbafunc_cuda.arrays import View, empty, pointer, view
from numbafunc_cuda.copy import as_view
from numbafunc_cuda.fill import signed
from numbafunc_cuda.launch import SIMULATED, access, compiled, element, inline, launch
from numbafunc_cuda.pad import padded
from numbafunc_cuda.slots import Operand, Slot

# A thread makes one element of a margin. ``side`` is the way outwards from the edge, -1 or 1.
_KERNEL = """
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

# Ramps are counted from their ends, of which the margin's last element is the first.
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


def build(form: str, storage: str) -> Any:
    """The kernel of a form, "odd" or "ramp", not compiled yet."""
    kind = _kind(storage)
    compute = None
    if kind == "float":
        compute = "float64" if storage == "float64" or form == "ramp" else "float32"
    word: Any = np.uint64 if storage == "uint64" else np.int64
    if SIMULATED:  # whose integers have no bounds
        word = (lambda x: int(x) % 2**64) if storage == "uint64" else int
    operands = [Operand(storage, compute, (Slot(VALUE, "strided"),))]
    if form == "ramp":
        operands.append(Operand("number", compute, (Slot(VALUE, "number"),)))
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "cuda": cuda,
        "load": access.make_load(tuple(operands)),
        "store": access.make_store(storage, (VALUE,)),
        "split": element.split,
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
    source = _KERNEL.format(argument="skipped" if form == "odd" else "end", body=body.strip())
    exec(compile(source, f"<numbafunc {form} margin on a device>", "exec"), namespace)
    return namespace["kernel"]


def argument_types(form: str, storage: str, wide: bool) -> tuple[Any, ...]:
    """Numba's types of the arguments of the kernel."""
    index = types.uint64 if wide else types.uint32
    last: Any = types.float64 if form == "ramp" and _kind(storage) == "float" else types.int64
    return (types.uint64, *[index] * 3, *[types.int64] * 3, last)


@cache
def _kernel(form: str, storage: str, wide: bool) -> Any:
    return compiled(build(form, storage), argument_types(form, storage, wide))


def _fill(form: str, array: View, along: Lines, count: int, edge: int, side: int, last: Any, start: Any = ()) -> None:
    """Make ``count`` elements of all lines next to the edge, in the part of the array that an index selects."""
    size = along.outer * count * along.inner
    if size:
        kernel = _kernel(form, array.dtype.name, array.size >= 2**31)
        numbers = (size, count, along.inner, along.length, edge, side, last)
        launch(kernel, size, (pointer(array, start), *numbers), array.stream)


def odd(part: Any, leading: int, widths: Widths, repeat_edge: bool) -> Any:
    """See :func:`numbafunc.ops.pad_margins.odd`."""
    source = as_view(part)
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
    source = as_view(part)
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
