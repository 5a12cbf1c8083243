"""The largest elements of rows and their indices, inside compiled functions."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from numbafunc.cpu.dispatchers import separate
from numbafunc.cpu.top_k import FEW, build
from numbafunc.inside.operands import UNKNOWN, Operand, implementation, is_integer, known, refuse
from numbafunc.ops import top_k as ops


@cache
def _loop(dtype: np.dtype[Any], few: bool) -> Any:
    return separate(build(ops.ORDERS.get(dtype.kind, "float"), ops.width(dtype), few=few, parallel=False).py_func)


def top_k(operand: Any, k: Any) -> Any:
    """Implementation of top_k."""
    x = Operand.of("top_k", "operand", operand)
    if not x.ndim:
        raise refuse("top_k", "operand", operand, "an array with at least one axis")
    if not is_integer(k):
        raise refuse("top_k", "k", k, "an integer")
    count = known(k)
    arguments = "(source, target, run_of(indices), rows, count)"
    calls = {
        True: [f"few{arguments}"],
        False: [f"many{arguments}"],
        None: [f"if count <= {FEW}:", f"    few{arguments}", "else:", f"    many{arguments}"],
    }
    chosen = None if count is UNKNOWN else count <= FEW
    wrapped = "words({})" if x.dtype.kind == "b" else "{}"
    lines = [
        "count = np.int64(k)",
        "if count < 0 or count > operand.shape[-1] or operand.shape[-1] > 2147483647:",
        "    raise ValueError('k is not from 0 to the length of the last axis of operand')",
        f"shape = tuple_setitem(operand.shape, {x.ndim - 1}, count)",
        "values = np.empty(shape, operand.dtype)",
        "indices = np.empty(shape, np.int32)",
        "if values.size > 0:",
        "    rows = values.size // count",
        f"    source = {wrapped.format(x.flat())}",
        f"    target = {wrapped.format('run_of(values)')}",
        *("    " + line for line in calls[chosen]),
        "return TopK(values, indices)",
    ]
    loops = {name: _loop(x.dtype, few) for name, few in (("few", True), ("many", False)) if chosen in (None, few)}
    return implementation(ops.top_k, lines, {**loops, "TopK": ops.TopK})
