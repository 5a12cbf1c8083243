"""Maximum and minimum of floats as operations of MPI: NaN wins, on every rank.

Whether MPI's own operations keep a NaN depends on rank, library and position in the array, and they lose real values
with it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray
from numba.core import types
from numba.extending import intrinsic

from numbafunc.parallel.agreement import make_operation


def _extremum(name: str) -> Any:
    def typed(typingctx: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            kind = args[0].type
            signature = ir.FunctionType(kind, (kind, kind))
            return builder.call(builder.module.declare_intrinsic(f"llvm.{name}", (kind,), signature), args)

        return (a(a, b), codegen) if isinstance(a, types.Float) and a == b else None

    return intrinsic(typed)


_maximum = _extremum("maximum")
_minimum = _extremum("minimum")


def _make(dtype: Any, extremum: Any) -> Any:
    def function(incoming: Any, accumulated: Any, length: Any, datatype: Any) -> None:
        count = carray(length, 1)[0]
        a = carray(incoming, count, dtype)
        b = carray(accumulated, count, dtype)
        nan = dtype(np.nan)
        for i in range(b.size):
            value = extremum(a[i], b[i])
            # One NaN for all: of two, each rank would keep another one.
            b[i] = value if value == value else nan

    return function


@cache
def operation(name: str, dtype: str) -> int:
    """Handle of the operation ``"max"`` or ``"min"`` for ``"float32"`` or ``"float64"``."""
    extremum = {"max": _maximum, "min": _minimum}[name]
    return make_operation(_make(getattr(np, dtype), extremum), f"{name} of {dtype}")
