"""The largest or smallest elements of rows and their indices, inside compiled functions."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from numbafunc.cpu.dispatchers import separate
from numbafunc.cpu.top_k import build
from numbafunc.cpu.top_k_order import FEW, order_of
from numbafunc.inside.operands import Operand, flag, implementation, is_integer
from numbafunc.kinds.njit_arguments import UNKNOWN, known, refuse
from numbafunc.ops import top_k as ops


@cache
def _loop(dtype: np.dtype[Any], few: bool, largest: bool) -> Any:
    return separate(build(order_of(dtype, largest), ops.width(dtype), few=few, parallel=False).py_func)


def top_k(operand: Any, k: Any, axis: Any, largest: Any) -> Any:
    """Implementation of top_k."""
    x = Operand.of("top_k", "operand", operand)
    if not x.ndim:
        raise refuse("top_k", "operand", operand, "an array with at least one axis")
    if not is_integer(k):
        raise refuse("top_k", "k", k, "an integer")
    place = known(axis)
    if place is UNKNOWN or not is_integer(axis):
        raise refuse("top_k", "axis", axis, "an integer, written out")
    if not -x.ndim <= place < x.ndim:
        raise refuse("top_k", "axis", axis, f"from {-x.ndim} to {x.ndim - 1}")
    place %= x.ndim
    first = flag("top_k", "largest", largest)
    order = (*(one for one in range(x.ndim) if one != place), place)
    back = tuple(np.argsort(order).tolist())
    count = known(k)
    arguments = "(source, target, run_of(indices), rows, count)"
    calls = {
        True: [f"few{arguments}"],
        False: [f"many{arguments}"],
        None: [f"if count <= {FEW}:", f"    few{arguments}", "else:", f"    many{arguments}"],
    }
    chosen = None if count is UNKNOWN else count <= FEW
    wrapped = "words({})" if x.dtype.kind == "b" else "{}"
    last = place == x.ndim - 1
    named = "the last axis" if last else f"axis {place}"
    shape = "operand.shape" if last else f"({', '.join(f'operand.shape[{one}]' for one in order)})"
    results = ["values", "indices"]
    if not last:
        results = [f"np.ascontiguousarray({result}.transpose({back}))" for result in results]
    lines = [
        "count = np.int64(k)",
        f"if count < 0 or count > operand.shape[{place}] or operand.shape[{place}] > 2147483647:",
        f"    raise ValueError('k is not from 0 to the length of {named} of operand')",
        f"shape = tuple_setitem({shape}, {x.ndim - 1}, count)",
        "values = np.empty(shape, operand.dtype)",
        "indices = np.empty(shape, np.int32)",
        "if values.size > 0:",
        "    rows = values.size // count",
        f"    source = {wrapped.format(x.flat(order))}",
        f"    target = {wrapped.format('run_of(values)')}",
        *("    " + line for line in calls[chosen]),
        f"return TopK({', '.join(results)})",
    ]
    loops = {
        name: _loop(x.dtype, few, first) for name, few in (("few", True), ("many", False)) if chosen in (None, few)
    }
    return implementation(ops.top_k, lines, {**loops, "TopK": ops.TopK})
