"""Padding with statistics of elements near the edge: a thread, or a block of threads, for each line."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.cpu.load_store import HALF, halfway, maximum, minimum, ordinal
from numbafunc.cpu.pool import add
from numbafunc.dual.array import Components, assemble, components
from numbafunc.ops.pad_index import Widths
from numbafunc.ops.pad_margins import Lengths, integer_mean, middle_of_integers
from numbafunc_cuda.arrays import View, arranged, empty, pointer, stream_for, view
from numbafunc_cuda.launch import BLOCK, SIMULATED, access, compiled, inline, launch
from numbafunc_cuda.pad import FLOATS, Lines, lines, padded
from numbafunc_cuda.reduction import MANY, SHORT
from numbafunc_cuda.teams import indented, joined

# All threads of a team know the statistic and each writes a share of the margins. ``own`` is the number of lines of one
# direction of tangents; elements of tangents are chosen where the values say.
_KERNEL = """
def kernel(array, other, all_lines, own, length, inner, start, count, before, after):
    {slots}
    thread = cuda.threadIdx.x % TEAM
    line = int64(cuda.grid(1)) // TEAM
    while line < all_lines:
        outer = line // inner
        base = outer * length * inner + (line - outer * inner)
        first = base + start * inner
        line_of_values = line % own
        outer = line_of_values // inner
        first_of_values = outer * length * inner + (line_of_values - outer * inner) + start * inner
        {body}
        line += int64(cuda.gridsize(1)) // TEAM
"""

_FILL = """
for i in range(thread, before, TEAM):
    put(array, base + i * inner, value)
for i in range(thread, after, TEAM):
    put(array, base + (length - after + i) * inner, value)
"""

_MEAN = """
total = double(0)
for i in range(thread, count, TEAM):
    total += double(get(array, first + i * inner))
<add total>
value = total / count if count > 0 else nan
"""

# Compensated sum: the rounding errors are added up, too, so that the error does not grow with the length; they are NaN
# where sums are not finite.
_MEAN_IN_FULL = """
total = double(0)
lost = double(0)
for i in range(thread, count, TEAM):
    x = double(get(array, first + i * inner))
    new = total + x
    taken = new - total
    lost += (total - (new - taken)) + (x - taken)
    total = new
<add total>
<add lost>
value = (total + lost if lost == lost else total) / count if count > 0 else nan
"""

_MEAN_OF_INTEGERS = """
high = int64(0)
low = int64(0)
for i in range(thread, count, TEAM):
    number = word(get(array, first + i * inner))
    high += int64(number >> word(32))
    low += int64(number & word(0xFFFFFFFF))
<add high>
<add low>
value = integer_mean(int64(high), int64(low), count)
"""

_BEST = """
best = get({array}, {first})
for i in range(thread, count, TEAM):
    best = better(best, get({array}, {first} + i * inner))
<better best>
"""

_EXTREME = f"""
{_BEST.format(array="array", first="first")}
value = best
"""

# A NaN is the result, and ties with nothing.
_TIED = f"""
{_BEST.format(array="other", first="first_of_values")}
total = double(0)
tally = int64(0)
for i in range(thread, count, TEAM):
    found = get(other, first_of_values + i * inner)
    if found == best or found != found:
        total += double(get(array, first + i * inner))
        tally += 1
<add total>
<add tally>
value = total / tally
"""

_TALLY = """
tally = int64(0)
for i in range(thread, count, TEAM):
    found = ordinal(get(array, first + i * inner))
    if found < {key} or (found == {key} and i <= {place}):
        tally += 1
<add tally>
"""

# The places of the two in the middle of the stable order, found bit by bit: so many elements come before; of equal ones
# those that stand before. Where there is NaN, the last one comes last.
_PLACES = """
last = int64(-1)
for i in range(thread, count, TEAM):
    found = get(array, first + i * inner)
    if found != found:
        last = int64(i)
<largest last>
place = last
for second in range(2):
    if last < 0 and (second == 0 or count % 2 == 0):
        rank = (count - 1 + second) // 2
        key = lowest
        bit = BITS - 1
        while bit >= 0:
            bound = int64(0)
            if bit < BITS - 1:
                bound = key + (int64(1) << bit)
            {by_key}
            if tally <= rank:
                key = bound
            bit -= 1
        place = int64(0)
        end = int64(count - 1)
        while place < end:
            middle = (place + end) // 2
            {by_place}
            if tally > rank:
                end = middle
            else:
                place = middle + 1
    if thread == 0:
        put_place(other, 2 * line + second, place)
"""

_MIDDLE = """
a = get(array, first + int64(get_place(other, 2 * line_of_values)) * inner)
b = get(array, first + int64(get_place(other, 2 * line_of_values + 1)) * inner)
value = {middle}
"""

_MIDDLES = {
    "float": "double(a) if a == b else halfway(a, b)",
    "bool": "a | b",
    "integer": "middle_of_integers(word(a), word(b), word(1))",
}

_INTEGER = types.int64
_FEW = 1  # threads of a team where each line has one


class KernelSpec(NamedTuple):
    """Parameters from which a kernel is generated.

    ``work`` is "mean", "maximum" or "minimum"; "tied maximum" or "tied minimum" for tangents; "places" of the median,
    or "middle", what lies there. ``team`` is the number of threads for a line.
    """

    work: str
    storage: str
    team: int


def _body(form: KernelSpec) -> str:
    kind = "float" if form.storage in FLOATS else form.storage if form.storage == "bool" else "integer"
    if form.work == "places":
        by_key, by_place = _TALLY.format(key="bound", place=-1), _TALLY.format(key="key", place="middle")
        return indented(_PLACES, by_key=by_key, by_place=by_place)
    if form.work == "middle":
        body = _MIDDLE.format(middle=_MIDDLES[kind])
    elif form.work == "mean" and kind != "bool":
        body = _MEAN_OF_INTEGERS
        if kind == "float":
            body = _MEAN_IN_FULL if form.storage == "float64" else _MEAN
    else:
        body = _TIED if form.work.startswith("tied") else _EXTREME
    return body + _FILL


def build(form: KernelSpec) -> Any:
    """The kernel, not compiled yet."""
    storage = "uint8" if form.storage == "bool" else form.storage
    compute = "float32" if storage in HALF else storage
    number = getattr(types, compute)
    names = {
        "total": types.float64,
        "lost": types.float64,
        "tally": _INTEGER,
        "high": _INTEGER,
        "low": _INTEGER,
        "last": _INTEGER,
        "best": number,
    }
    body = joined(_body(form), form.team)
    slots = [f"{name}s = cuda.shared.array(TEAM, {name}_type)" for name in names if f"{name}s[" in body]
    word = np.uint64 if compute == "uint64" else np.int64
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "cuda": cuda,
        "TEAM": form.team,
        "BITS": number.bitwidth,
        "lowest": -(2 ** (number.bitwidth - 1)),
        "nan": math.nan,
        **{f"{name}_type": type_ for name, type_ in names.items()},
        "get": access.make_read(storage),
        "put": access.make_write(storage),
        "get_place": access.make_read("int64"),
        "put_place": access.make_write("int64"),
        # Integers of the simulator are Python's: they do not overflow, and give no warnings.
        "double": float if SIMULATED else np.float64,
        "int64": int if SIMULATED else np.int64,
        "word": int if SIMULATED else word,
        "add": inline(add),
        "largest": access.adopted(maximum),
        "better": access.adopted(minimum if form.work.endswith("minimum") else maximum),
        "ordinal": access.adopted(ordinal),
        "halfway": access.adopted(halfway),
        "integer_mean": inline(integer_mean),
        "middle_of_integers": inline(middle_of_integers),
    }
    source = indented(_KERNEL, slots="\n".join(slots) or "pass", body=body)
    exec(compile(source, f"<numbafunc {form.work} of margins on a device>", "exec"), namespace)
    return namespace["kernel"]


ARGUMENT_TYPES = (types.uint64, types.uint64, *[types.int64] * 8)


@cache
def _kernel(form: KernelSpec) -> Any:
    return compiled(build(form), ARGUMENT_TYPES)


class _Region(NamedTuple):
    """Elements near the edge of an axis, and the widths of the margins before and after it that get their statistic."""

    start: int
    elements: int
    before: int
    after: int


def _run(work: str, array: View, other: View, axis: int, values: Lines, region: _Region, stream: Any) -> None:
    along = lines(array, axis)
    own, count = values.outer * values.inner, along.outer * along.inner
    if not count:
        return
    alone = work == "middle" or region.elements < SHORT or (along.inner > 1 and count >= MANY)
    form = KernelSpec(work, array.dtype.name, _FEW if alone else BLOCK)
    words = [np.dtype(np.uint8) if one.dtype.kind == "b" else None for one in (array, other)]
    arrays = (pointer(array, word=words[0]), pointer(other, word=words[1]))
    numbers = (count, own, along.length, along.inner, *region)
    launch(_kernel(form), count * form.team, (*arrays, *numbers), stream)


def statistical(array: Any, widths: Widths, lengths: Lengths, mode: str) -> Any:
    """See :func:`numbafunc.ops.pad_margins.statistical`."""
    parts = components(array)
    shape = view(parts[()], "array").shape
    grown: Components = {levels: padded(part, len(levels), widths, "constant") for levels, part in parts.items()}
    views = {levels: view(part, "the result") for levels, part in grown.items()}
    value, stream = views[()], stream_for(list(views.values()))
    for axis, (before, after) in enumerate(widths):
        length = shape[axis]
        first, second = (length, length) if lengths is None else (min(n, length) for n in lengths[axis])
        if first == second == length:
            regions = [_Region(before, length, before, after)]
        else:
            regions = [_Region(before, first, before, 0), _Region(before + length - second, second, 0, after)]
        for region in regions:
            if region.before or region.after:
                _fill(mode, views, axis, lines(value, axis), region, stream)
    # All margins were written on one stream, which may not be the one that a component came on.
    return assemble(
        {
            levels: arranged(found._replace(stream=stream), found.shape, found.strides).array
            for levels, found in views.items()
        }
    )


def _fill(mode: str, views: dict[Any, View], axis: int, values: Lines, region: _Region, stream: Any) -> None:
    value = views[()]
    places = value
    if mode == "median" and value.size:
        places = empty((values.outer * values.inner, 2), np.dtype(np.int64), None, stream)
        _run("places", value, places, axis, values, region, stream)
    for levels, part in views.items():
        work = mode if mode in ("mean", "median") or not levels else f"tied {mode}"
        _run("middle" if mode == "median" else work, part, places, len(levels) + axis, values, region, stream)
