"""Functions of indices inside compiled functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.np.numpy_support import as_dtype

from numbafunc.cpu.dispatchers import inline
from numbafunc.inside.operands import Operand, implementation, is_integer
from numbafunc.kinds.elementwise import REGISTRY
from numbafunc.kinds.njit_arguments import known, refuse
from numbafunc.ops import one_hot as ops

_ANY = [
    "outer, _, inner = split(x.shape, position, position)",
    "result = np.empty(with_axis(x.shape, position, num_classes), kind)",
]
_NUMBER = ["outer, inner = 1, 1", "result = np.empty(num_classes, kind)"]


def _dtype(given: Any) -> np.dtype[Any]:
    """The dtype that is asked for."""
    wanted = "bool, integer, float32, float64 or complex"
    try:
        typed = isinstance(given, (types.DType, types.NumberClass))
        found: np.dtype[Any] = as_dtype(given.dtype) if typed else np.dtype(known(given))
    except (TypeError, ValueError, NotImplementedError):
        raise refuse("one_hot", "dtype", given, wanted) from None
    if found.kind not in "ciubf" or found == np.float16:
        raise refuse("one_hot", "dtype", given, wanted)
    return found


def one_hot(x: Any, num_classes: Any, dtype: Any, axis: Any) -> Any:
    """Implementation of one_hot."""
    operand = Operand.of("one_hot", "x", x, boolean=False)
    for name, given in (("num_classes", num_classes), ("axis", axis)):
        if not is_integer(given):
            raise refuse("one_hot", name, given, "an integer")
    # Classes are compared in the dtype of the indices, whole ones as signed integers.
    number = operand.dtype if operand.dtype.kind == "f" else np.dtype(np.int64)
    lines = [
        "if num_classes < 0:",
        "    raise ValueError('num_classes is negative')",
        f"position = axis_of(axis, {operand.ndim + 1})",
        f"flat = {operand.flat()}",
        *(_ANY if operand.ndim else _NUMBER),
        "target = run_of(result)",
        "for i in range(outer):",
        "    for c in range(num_classes):",
        "        for j in range(inner):",
        "            index = flat[i * inner + j]",
        *(["            index = min(index, np.uint64(num_classes))"] if operand.dtype == np.uint64 else []),
        "            target[(i * num_classes + c) * inner + j] = definition(number(index), number(c))",
        "return result",
    ]
    namespace = {"kind": _dtype(dtype), "number": number.type, "definition": inline(REGISTRY["one_hot"].definition)}
    return implementation(ops.one_hot, lines, namespace)
