"""Division of sums by the number of ranks, and means whose sums overflow."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray


def divide(array: Array, number: int) -> bool:
    """Divide contiguous floats or complex numbers in place; whether a quotient is not finite.

    Complex numbers are divided part by part, since complex division of inf gives NaN.
    """
    flat = array.reshape(-1)
    if flat.dtype.kind == "c":
        flat = flat.view(flat.real.dtype)
    if not flat.size:
        return False
    return bool(_divider(flat.dtype)(flat, flat.dtype.type(number)))


def share(array: Array, dtype: np.dtype[Any], number: int) -> Array:
    """The array divided by the number of ranks, as the dtype that travels: its sum is no larger than the largest."""
    result = np.array(array, dtype, order="C")
    divide(result, number)
    return result


@cache
def _divider(dtype: np.dtype[Any]) -> Any:
    from numbafunc.cpu.dispatchers import compile_lazily
    from numbafunc.cpu.machine_code import machine_code
    from numbafunc.cpu.overflow import marks

    function = compile_lazily(_make_divider(**marks(dtype.name)), f"parallel divide {dtype.name}")
    return machine_code(function, (np.zeros(1, dtype), dtype.type(1)))


def _make_divider(unmarked: Any, mark: Any, is_marked: Any) -> Any:
    def divide(array: Any, number: Any) -> Any:
        seen = unmarked()
        for i in range(array.size):
            quotient = array[i] / number
            array[i] = quotient
            seen = mark(seen, quotient)
        return is_marked(seen)

    return divide


__all__ = ["divide", "share"]
