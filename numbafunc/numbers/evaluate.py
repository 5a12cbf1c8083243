"""Elementary functions that NumPy lacks, for plain numbers and arrays: NumPy ufuncs compiled from their cores."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np


def evaluator(name: str) -> Callable[[Any], Any]:
    """The function of the core ``name`` for plain numbers and arrays; it is compiled at the first call."""

    @np.errstate(all="ignore")  # branches that are not taken may overflow
    def evaluate(x: Any) -> Any:
        x = x if isinstance(x, np.generic) else np.asarray(x)
        if x.dtype.char in "fd":
            return _ufunc(name)(x)
        if x.dtype.kind in "iub":
            return _ufunc(name)(x.astype(np.float64))
        if x.dtype.itemsize == 2 and x.dtype.kind in "fV":  # float16 and bfloat16
            return _ufunc(name)(x.astype(np.float32)).astype(x.dtype)
        raise TypeError(f"{name} is given {x.dtype}; wanted: real numbers of at most 64 bits")

    evaluate.__name__ = name
    return evaluate


@cache
def _ufunc(name: str) -> Any:
    import numba
    from numba.core import types
    from numba.extending import intrinsic

    from numbafunc.numbers.cores import CORES
    from numbafunc.numbers.real import Real

    core = CORES[name]

    @intrinsic
    def emit(context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return core(Real(builder, arguments[0])).value

        return x(x), generate

    def elementwise(x: Any) -> Any:
        return emit(x)

    return numba.vectorize([types.float32(types.float32), types.float64(types.float64)])(elementwise)
