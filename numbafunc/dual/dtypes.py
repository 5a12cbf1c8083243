"""Tests of dtypes for values that can have derivatives, and of arrays for finite values."""

from __future__ import annotations

from cmath import isfinite
from typing import Any

import numpy as np
from numpy import ndarray

from numbafunc.dual.recorder import Recorder

NUMBERS = "".join(code for code in np.typecodes["All"] if code not in "gG" and np.dtype(code).kind in "biufc")
"""Type codes of NumPy's numbers without long doubles."""


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is one of the floating-point types that ops compute with."""
    return (dtype.kind == "f" and dtype.itemsize <= 8) or (dtype.kind == "V" and dtype.name == "bfloat16")


def is_inexact(dtype: np.dtype[Any]) -> bool:
    """Whether values of a dtype can have derivatives: floating or complex."""
    return is_float(dtype) or (dtype.kind == "c" and dtype.itemsize <= 16)


def is_long(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is NumPy's long double, or complex of such, which NumPy computes with and nothing here does."""
    return dtype.kind in "fc" and dtype.char in "gG"


def shorter(dtype: np.dtype[Any]) -> str:
    """What to call for an array of long doubles."""
    return f"astype(numpy.{'complex128' if dtype.kind == 'c' else 'float64'})"


def long_words(dtype: np.dtype[Any], name: str) -> str:
    """The message for an argument of long doubles."""
    return f"{name} has dtype {dtype} (long double), of more than 64 bits; pass {name}.{shorter(dtype)}"


def refuse_long(dtype: np.dtype[Any], name: str) -> None:
    """Raise TypeError where a function of dual arrays would compute with long doubles."""
    if is_long(dtype):
        raise TypeError(
            f"{name} meets an array of dtype {dtype} (long double), which has no derivatives; pass it .{shorter(dtype)}"
        )


def is_finite(array: Any) -> bool:
    """Whether all elements are known to be finite; False also where the sum, or that of the squares, overflows."""
    if type(array) is ndarray:
        # BLAS hands larger products to threads, which take thousands of times as long when the cores are busy; OpenBLAS
        # does so from this size on.
        size = array.size
        if size == 1:
            return isfinite(array.item())
        if size > 10000:
            return isfinite(np.add.reduce(array, None))
        if array.ndim != 1:
            array = array.ravel()
        return isfinite(array.dot(array))
    # A recorder has no elements that could be looked at.
    return type(array) is not Recorder and isfinite(array)
