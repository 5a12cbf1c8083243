"""Errors for functions that have no rule, and for conversions that would drop a derivative."""

from __future__ import annotations

from typing import Any

import numpy as np


def refuse_subclass(x: Any, name: str) -> None:
    """Raise TypeError for an array of a subclass that computes differently (matrix, MaskedArray)."""
    if isinstance(x, np.ndarray) and type(x) is not np.ndarray and not isinstance(x, np.memmap):
        raise TypeError(
            f"{name} is a {type(x).__name__}, not a plain numpy.ndarray, for which alone derivatives are taken"
        )


def without_rule(name: str) -> TypeError:
    """The error for a function that has no derivative rule."""
    return TypeError(
        f"{name} has no rule for dual arrays (the values that are differentiated); "
        "if only the value is needed, pass numbafunc.stop_gradient(x)"
    )


def dropped(what: str, otherwise: str = "") -> TypeError:
    """The error for a conversion that would lose a derivative; ``otherwise`` names an alternative."""
    return TypeError(
        f"{what} of a dual array would silently drop its derivative; "
        f"take numbafunc.stop_gradient(x) first if only the value is needed{otherwise}"
    )


IN_ARRAYS = (
    "; join dual arrays with numpy.stack([x, y]) in place of numpy.array([x, y]), store them in an array "
    "made by numpy.zeros_like(x), which is dual itself; call NumPy's functions, not methods of plain arrays: "
    "numpy.dot(a, x) for a.dot(x); in place of functions of scipy.linalg, and of scipy.special's "
    "logsumexp and the like, take those that numbafunc.scipy has under their names"
)
IN_NUMBERS = (
    "; functions of math take no dual arrays, so call numpy.exp(x) for math.exp(x), and store numbers in an array made "
    "by numpy.zeros_like(x), which is dual itself"
)
