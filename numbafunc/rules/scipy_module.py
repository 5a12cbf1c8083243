"""The functions of ``scipy.special``, for rules that need them, without importing SciPy."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand

MODULE = "scipy.special._ufuncs"
"""The module in which SciPy defines the ufuncs of ``scipy.special``."""


class _Special:
    """The functions of scipy.special, once it has been imported."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.modules.get("scipy.special"), name)


special = _Special()


def wide(x: Operand) -> Any:
    """An operand as an array of float64, for series and quadratures."""
    return x.astype(np.float64, copy=False) if type(x) is Dual else np.asarray(x, np.float64)


def polynomial(coefficients: Sequence[float], x: Operand) -> Any:
    """The polynomial with these coefficients, highest power first, in the dtype of `x`."""
    value: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value
