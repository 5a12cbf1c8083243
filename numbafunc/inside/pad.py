"""Padding inside compiled functions: by constants and by elements of the array."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba.core import types

from numbafunc.cpu.dispatchers import compile_lazily, inline, separate
from numbafunc.cpu.memory import WORDS
from numbafunc.cpu.pad import HEADER, build
from numbafunc.inside.operands import Operand, implementation, is_integer
from numbafunc.kinds.njit_arguments import UNKNOWN, known, refuse
from numbafunc.ops import pad as ops
from numbafunc.ops.pad_index import MAPS

_MODES = ("constant", "empty", *sorted(MAPS))


def _entry_constant(place: Any, length: Any, axis: Any) -> Any:
    return -1 - 2 * axis if place < 0 else place if place < length else -2 - 2 * axis


def _entry_mapped(map_of: Any) -> Any:
    def entry(place: Any, length: Any, axis: Any) -> Any:
        return place if 0 <= place < length else np.int64(map_of(place, length))

    return entry


@cache
def _padder(itemsize: int, mode: str) -> Any:
    """The function ``pad(source, constants, result, lengths, widths)`` for runs of words of a size.

    ``lengths`` are those of the array, ``widths`` a run with the margins before and after each axis; ``constants`` has
    a word for each of these.
    """
    word, constant = WORDS[itemsize].name, mode == "constant"
    loop = separate(build(word, constant=constant, parallel=False).py_func)
    entry = separate(_entry_constant if constant else _entry_mapped(inline(MAPS[mode])))

    @separate
    def entries(table: Any, at: Any, first: Any, last: Any, lengths: Any, widths: Any) -> Any:
        # The entries of some axes together, the last one fastest; a constant of a later axis wins.
        count = 1
        table[at] = 0
        for axis in range(first, last):
            before, length, after = widths[2 * axis], lengths[axis], widths[2 * axis + 1]
            total = before + length + after
            apart = 1
            for later in range(axis + 1, len(lengths)):
                apart *= lengths[later]
            for outer in range(count - 1, -1, -1):
                held = table[at + outer]
                for place in range(total):
                    own = entry(place - before, length, axis)
                    new = own if own < 0 else held if held < 0 else held + own * apart
                    table[at + outer * total + place] = new
            count *= total
        return count

    def pad(source: Any, constants: Any, result: Any, lengths: Any, widths: Any) -> None:
        if result.size == 0:
            return
        last = len(lengths) - 1
        before, length, after = widths[2 * last], lengths[last], widths[2 * last + 1]
        rows = result.size // (before + length + after)
        inner = 1 if last == 0 else widths[2 * last - 2] + lengths[last - 1] + widths[2 * last - 1]
        table = np.empty(HEADER + rows // inner + inner + before + after, np.int64)
        planes = entries(table, HEADER, 0, max(0, last - 1), lengths, widths)
        at = HEADER + planes
        at += entries(table, at, max(0, last - 1), last, lengths, widths)
        table[0] = planes
        table[1] = inner
        table[2] = before
        table[3] = length
        table[4] = after
        for place in range(before):
            table[at + place] = entry(place - before, length, last)
        for place in range(after):
            table[at + before + place] = entry(length + place, length, last)
        loop(source, constants, result, table)

    return compile_lazily(pad, repr(("pad inside", word, mode)))


def pad(
    array: Any,
    pad_width: Any,
    mode: Any,
    stat_length: Any,
    constant_values: Any,
    end_values: Any,
    reflect_type: Any,
) -> Any:
    """Implementation of pad."""
    operand = Operand.of("pad", "array", array)
    if not operand.ndim:
        raise refuse("pad", "array", array, "an array with at least one axis")
    name = known(mode)
    if name not in _MODES:
        raise refuse("pad", "mode", mode, f"{', '.join(map(repr, _MODES))}, written out")
    for option, given in (("stat_length", stat_length), ("end_values", end_values)):
        if known(given) is not None:
            raise refuse("pad", option, given, "None inside compiled functions")
    if known(reflect_type) not in (None, "even"):
        raise refuse("pad", "reflect_type", reflect_type, "None or 'even' inside compiled functions")
    unset = known(constant_values) is None
    if name != "constant" and not unset:
        raise refuse("pad", "constant_values", constant_values, f"nothing for mode {name!r}")
    kind = "constant" if name == "empty" else name
    ndim = operand.ndim
    widths = [f"np.int64({one})" for one in _pairs("pad_width", pad_width, ndim, integers=True)]
    values = ["0"] * (2 * ndim) if unset else _pairs("constant_values", constant_values, ndim, integers=False)
    lengths = [f"array.shape[{axis}] + widths[{2 * axis}] + widths[{2 * axis + 1}]" for axis in range(ndim)]
    lines = [
        f"widths = listed(({', '.join(widths)}))",
        "if widths.min() < 0:",
        "    raise ValueError('pad_width is negative')",
        f"constants = np.zeros({2 * ndim}, array.dtype)",
        *([] if unset else [f"constants[{place}] = {value}" for place, value in enumerate(values)]),
        *([] if kind == "constant" else [f"for axis in range({ndim}):", *_WITHOUT_ELEMENTS]),
        f"result = np.empty(({', '.join(lengths)},), array.dtype)",
        f"pad(words({operand.flat()}), words(constants), words(run_of(result)), listed(array.shape), widths)",
        "return result",
    ]
    return implementation(ops.pad, lines, {"pad": _padder(operand.dtype.itemsize, kind)})


_WITHOUT_ELEMENTS = [
    "    if array.shape[axis] == 0 and widths[2 * axis] + widths[2 * axis + 1] > 0:",
    "        raise ValueError('array has no elements on an axis that is padded')",
]


def _pairs(name: str, given: Any, ndim: int, *, integers: bool) -> list[str]:
    """Expressions of a number before and one after each axis."""
    number = "an integer" if integers else "a number"
    wanted = f"{number}, (before, after), or one such pair for each of {ndim} axes"

    def fits(one: Any) -> bool:
        if integers:
            return is_integer(one)
        value = known(one)
        return isinstance(value, (int, float)) if value is not UNKNOWN else isinstance(one, types.Number)

    if fits(given):
        return [name] * (2 * ndim)
    if isinstance(given, types.Array):
        fit = not integers or isinstance(given.dtype, types.Integer)
        if fit and given.ndim == 2:
            return [f"{name}[{axis}, {side}]" for axis in range(ndim) for side in (0, 1)]
        raise refuse("pad", name, given, wanted)
    value = known(given)
    entries = value if isinstance(value, tuple) else tuple(given) if isinstance(given, types.BaseTuple) else ()
    if len(entries) == 1 and fits(entries[0]):
        return [f"{name}[0]"] * (2 * ndim)
    if len(entries) == 2 and all(map(fits, entries)):
        return [f"{name}[0]", f"{name}[1]"] * ndim
    lengths = {len(one) if isinstance(one, (tuple, types.BaseTuple)) and all(map(fits, one)) else 0 for one in entries}
    if lengths in ({1}, {2}) and len(entries) in (1, ndim):
        places = [
            (axis if len(entries) > 1 else 0, side if 2 in lengths else 0) for axis in range(ndim) for side in (0, 1)
        ]
        return [f"{name}[{axis}][{side}]" for axis, side in places]
    raise refuse("pad", name, given, wanted)
