"""Slices whose place may depend on values, inside compiled functions."""

from __future__ import annotations

from typing import Any

from numba.core import types

from numbafunc.inside.copy import mover
from numbafunc.inside.operands import Operand, implementation, is_integer
from numbafunc.kinds.njit_arguments import refuse
from numbafunc.ops import dynamic_slice as ops


def _integers(name: str, given: Any, ndim: int) -> list[str]:
    """Expressions of the entries of a sequence of integers."""
    wanted = f"{ndim} integers, one for each axis of operand, in a tuple or an array"
    if isinstance(given, types.Array):
        if given.ndim != 1 or not isinstance(given.dtype, types.Integer):
            raise refuse("dynamic_slice", name, given, wanted)
    elif not isinstance(given, types.BaseTuple) or len(given) != ndim or not all(map(is_integer, given)):
        raise refuse("dynamic_slice", name, given, wanted)
    return [f"np.int64({name}[{axis}])" for axis in range(ndim)]


def dynamic_slice(operand: Any, start_indices: Any, slice_sizes: Any) -> Any:
    """Implementation of dynamic_slice."""
    array = Operand.of("dynamic_slice", "operand", operand)
    ndim = array.ndim
    if not ndim:
        raise refuse("dynamic_slice", "operand", operand, "an array with at least one axis")
    starts = _integers("start_indices", start_indices, ndim)
    sizes = _integers("slice_sizes", slice_sizes, ndim)
    lines = [
        line
        for name, given in (("start_indices", start_indices), ("slice_sizes", slice_sizes))
        if isinstance(given, types.Array)
        for line in (f"if len({name}) != {ndim}:", f"    raise ValueError('{name} has not one entry for each axis')")
    ]
    lines += [
        f"shape = ({', '.join(sizes)},)",
        f"starts = ({', '.join(starts)},)",
        "strides = strides_of(operand.shape)",
        "place = 0",
        f"for axis in range({ndim}):",
        "    length, start, size = operand.shape[axis], starts[axis], shape[axis]",
        "    if size < 0 or size > length:",
        "        raise ValueError('slice_sizes is not from 0 to the lengths of operand')",
        "    start = start + length if start < 0 else start",
        "    place += min(max(start, 0), length - size) * strides[axis]",
        "result = np.empty(shape, operand.dtype)",
        f"move(words({array.flat()}), words(run_of(result)), listed(shape), strides, place)",
        "return result",
    ]
    return implementation(ops.dynamic_slice, lines, {"move": mover(array.dtype.itemsize)})
