"""Padding by a function of the user on a device: replaces each line of an array by what the function returns."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, on_device, value_of
from numbafunc.dual.errors import refused
from numbafunc.errors import ShapeError
from numbafunc.kinds.arguments import is_float
from numbafunc.rules.device_ufuncs import converted
from numbafunc_cuda.array_helpers import mapped
from numbafunc_cuda.arrays import View, arranged
from numbafunc_cuda.copy import copied
from numbafunc_cuda.layout import contiguous
from numbafunc_cuda.scan import Stack, adopt, entry, own


def replaced(x: Any, axis: int, function: Callable[[Any], Any]) -> Any:
    """A new array, or Dual, with the lines of one along an axis replaced in order.

    Raises
    ------
    TypeError
        For a result that is not on the device, or whose tangents an array of integers has no room for.
    ValueError
        For one of another shape.
    """
    value = value_of(x)
    shape, dtype = value.shape, value.dtype
    others = (*shape[:axis], *shape[axis + 1 :])
    if not math.prod(others):
        return x

    def rows(part: View, levels: int) -> View:
        order = [*range(levels), *(levels + a for a in range(len(shape)) if a != axis), levels + axis]
        turned = arranged(part, tuple(part.shape[a] for a in order), tuple(part.strides[a] for a in order))
        return copied(turned, (*part.shape[:levels], math.prod(others), shape[axis]))

    def restored(part: View, levels: int) -> View:
        stored = (*part.shape[:levels], *others, shape[axis])
        strides = contiguous(stored, part.dtype.itemsize)
        order = [*range(levels + axis), len(stored) - 1, *range(levels + axis, len(stored) - 1)]
        return copied(arranged(part, tuple(stored[a] for a in order), tuple(strides[a] for a in order)))

    given = mapped(rows, x)
    stack = None
    for i in range(math.prod(others)):
        line = _checked(function(own(entry(given, i))), shape[axis], dtype)
        if stack is None:
            stack = Stack(math.prod(others), line)
        stack.put(i, line)
    assert stack is not None
    return mapped(restored, stack.stacked())


def _checked(line: Any, length: int, dtype: np.dtype[Any]) -> Any:
    """A line that the function returned, checked and in the dtype of the array."""
    if not on_device(line):
        found = "an array in main memory" if isinstance(value_of(line), np.ndarray) else repr(line)
        raise TypeError(f"what mode returned is {found}; wanted: an array of the device, as the line is")
    line = adopt(line, "what mode returned")
    if line.shape != (length,):
        raise ShapeError(f"what mode returned has shape {line.shape}; wanted: the new line, {(length,)}")
    if line.dtype == dtype:
        return line
    if isinstance(line, Dual) and not is_float(dtype):
        raise refused(
            f"what mode returned is {line.dtype}, but array has dtype {dtype}, which would lose the derivative"
        )
    return converted(line, dtype)
