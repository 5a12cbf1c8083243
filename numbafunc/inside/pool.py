"""Pooling inside compiled functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba.core import types

from numbafunc.constants import ConvPadding
from numbafunc.cpu.dispatchers import inline, separate
from numbafunc.cpu.pool import build
from numbafunc.cpu.pool_places import PLACES, UNROLLED, Window
from numbafunc.inside.operands import implementation, is_integer
from numbafunc.inside.rearrange import images, pair
from numbafunc.kinds.njit_arguments import UNKNOWN, at_defaults, known, refuse
from numbafunc.ops import pool as ops
from numbafunc.ops.pool_windows import count_of, margins_of_same

_PADDING = "'VALID', 'SAME', an integer, a pair (before, after) or ((top, bottom), (left, right))"


@cache
def _loop(form: str, storage: str, window: Window | None) -> Any:
    return separate(build(form, storage, window, parallel=False).py_func)


def average_pool_2d(x: Any, size: Any, strides: Any, padding: Any, *options: Any) -> Any:
    """Implementation of average_pool_2d."""
    at_defaults(ops.average_pool_2d, options)
    return _pool(ops.average_pool_2d, "mean", x, size, strides, padding)


def max_pool_2d(x: Any, size: Any, strides: Any, padding: Any, *options: Any) -> Any:
    """Implementation of max_pool_2d."""
    at_defaults(ops.max_pool_2d, options)
    return _pool(ops.max_pool_2d, "largest", x, size, strides, padding)


def _pool(public: Callable[..., Any], form: str, x: Any, size: Any, strides: Any, padding: Any) -> Any:
    function = public.__name__
    operand = images(function, x, boolean=form == "largest")
    unset = known(strides) is None
    lines = [
        "n, channels, rows, columns = x.shape",
        f"high, wide = {pair(function, 'size', size)}",
        f"down, across = {'high, wide' if unset else pair(function, 'strides', strides)}",
        "if high < 1 or wide < 1 or down < 1 or across < 1:",
        "    raise ValueError('size or strides are not positive')",
        "if max(high, wide, down, across) >= 16777216:",
        "    raise ValueError('size or strides are not below 2**24')",
        *_margins(function, padding),
        "if min(top, bottom, left, right) < 0:",
        "    raise ValueError('padding is negative')",
        "new_rows = count_of(rows + top + bottom - high, down)",
        "new_columns = count_of(columns + left + right - wide, across)",
        "result = np.empty((n, channels, new_rows, new_columns), kind)",
        "total = n * channels * new_rows",
        "step = 1",
        "if result.size > 0:",
        f"    places = listed(({', '.join(PLACES)}))",
        *("    " + line for line in _calls(operand, size, None if unset else strides)),
        "return result",
    ]
    loops = {
        name: _loop(form, "uint8" if operand.dtype.kind == "b" else operand.storage, window)
        for name, window in _windows(known(size), None if unset else known(strides)).items()
    }
    mean = form == "mean" and operand.dtype.kind != "f"
    kind = np.dtype(np.float64) if mean else operand.dtype
    helpers = {"same": inline(margins_of_same), "count_of": inline(count_of), "kind": kind}
    return implementation(public, lines, {**loops, **helpers, "SAME": ConvPadding.SAME})


def _margins(function: str, given: Any) -> list[str]:
    """Lines that find ``top``, ``bottom``, ``left`` and ``right``."""
    value = known(given)
    same = ["top, bottom = same(rows, high, down)", "left, right = same(columns, wide, across)"]
    none = ["top, bottom, left, right = 0, 0, 0, 0"]
    if isinstance(value, str) and value.upper() in ConvPadding.__members__:
        value = ConvPadding[value.upper()]
    if isinstance(value, ConvPadding):
        return same if value is ConvPadding.SAME else none
    if isinstance(given, types.EnumMember) and given.instance_class is ConvPadding:
        return [*none, "if padding == SAME:", *("    " + line for line in same)]
    if is_integer(given):
        return ["top, bottom, left, right = padding, padding, padding, padding"]
    entries = value if isinstance(value, tuple) else tuple(given) if isinstance(given, types.BaseTuple) else ()
    if len(entries) == 2:
        if all(map(is_integer, entries)):
            return ["top, bottom = padding[0], padding[1]", "left, right = padding[0], padding[1]"]
        nested = [isinstance(one, (tuple, types.BaseTuple)) and len(one) == 2 for one in entries]
        if all(nested) and all(is_integer(number) for one in entries for number in one):
            return ["top, bottom = padding[0]", "left, right = padding[1]"]
    raise refuse(function, "padding", given, _PADDING)


def _windows(size: Any, strides: Any) -> dict[str, Window | None]:
    """The loops that a call may need: unrolled ones for the usual windows, and one for all others."""
    if size is UNKNOWN or strides is UNKNOWN:
        return {**{f"window{place}": window for place, window in enumerate(UNROLLED)}, "any_window": None}
    size = size if isinstance(size, tuple) else (size, size)
    strides = size if strides is None else strides if isinstance(strides, tuple) else (strides, strides)
    window = (*size, *strides)
    return {"window0": window} if window in UNROLLED else {"any_window": None}


def _calls(operand: Any, size: Any, strides: Any) -> list[str]:
    loops = _windows(known(size), None if strides is None else known(strides))
    wrapped = "words({})" if operand.dtype.kind == "b" else "{}"
    source, target = wrapped.format(operand.flat()), wrapped.format("run_of(result)")
    if len(loops) == 1:
        return [f"{name}({source}, {target}, places)" for name in loops]
    lines = []
    for name, window in loops.items():
        lines.append("else:" if window is None else f"if (high, wide, down, across) == {window}:")
        lines[-1] = lines[-1] if not lines[:-1] or window is None else f"el{lines[-1]}"
        lines.append(f"    {name}({source}, {target}, places)")
    return lines
