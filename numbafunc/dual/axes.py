"""Which axes an argument ``axis`` of NumPy's functions means."""

from __future__ import annotations

from typing import Any

from numpy.lib.array_utils import normalize_axis_tuple


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes counted from the front; all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    # One axis is the common case; the call of NumPy's function takes longer.
    one = axis[0] if type(axis) is tuple and len(axis) == 1 else axis
    if type(one) is int and -ndim <= one < ndim:
        return (one % ndim,)
    return normalize_axis_tuple(axis, ndim)
