"""A core as a compiled function, and as a compiled loop over two arrays.

The kernels of the library do not pass through here. Checks do: the loop has nothing in it but the core, so its
accuracy, its instructions and its speed are those of the emitted code.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
from numba.core import types
from numba.extending import intrinsic

from numbafunc.numbers.cores import CORES
from numbafunc.numbers.real import Real


@cache
def core_function(name: str) -> Any:
    """The core ``name`` as a function that compiled code can call on a float32 or float64 scalar."""
    core = CORES[name]

    @intrinsic
    def emit(context: Any, x: Any) -> Any:
        if x not in (types.float32, types.float64):
            raise numba.TypingError(f"{name} is defined for float32 and float64, not for {x}")

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return core(Real(builder, arguments[0])).value

        return x(x), generate

    return emit


@cache
def core_loop(name: str) -> Any:
    """Compiled ``loop(x, out)`` for contiguous arrays of equal size."""
    function = core_function(name)

    @numba.njit(nogil=True, fastmath=False, error_model="numpy", boundscheck=False)
    def loop(x: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = function(x[i])

    return loop
