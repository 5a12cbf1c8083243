"""Application of functions to values and tangents: linear functions, selections, sums of terms, reductions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from numbafunc.dual.array import Dual, Operand, assemble, components, make, value_of
from numbafunc.dual.axes import axes_of
from numbafunc.dual.dtypes import refuse_long
from numbafunc.dual.products import finish, masked
from numbafunc.dual.quiet import quiet, quietly
from numbafunc.dual.recorded import recorded_level
from numbafunc.dual.recorder import Recorder
from numbafunc.dual.storage import gather, view
from numbafunc.rules.arguments import UNSET

Tangent: TypeAlias = Any


def linear(x: Operand, apply: Callable[[Any, int], Any]) -> Any:
    """Apply a linear function to a value and its tangents.

    ``apply(array, lead)`` is called with ``lead = 0`` for the value and ``lead = 1`` for the tangents, whose axis 0 is
    that of the directions: ``axis + lead`` is the same axis of both.
    """
    if type(x) is not Dual:
        return apply(x, 0)
    value = apply(x.primal, 0)
    if type(value) is not np.ndarray and type(value) is not Dual:
        value = np.asarray(value)
    tangent = apply(x.tangent, 1) if type(x.tangent) is Recorder else _quietly(apply, x.tangent)
    return make(value, tangent, x.level)


@quietly
def _quietly(apply: Callable[[Any, int], Any], tangent: Any) -> Any:
    return apply(tangent, 1)


def reordered(x: Operand, apply: Callable[[Any], Any]) -> Any:
    """Apply a function that changes only the shape and keeps all elements in row-major order."""
    if type(x) is not Dual:
        return apply(x)
    shape = apply(value_of(x)).shape
    return view(x, lambda v, lead: v.reshape((*v.shape[:lead], *shape)) if lead else apply(v))


def several(operands: Sequence[Operand], apply: Callable[[list[Any], int], Any]) -> Any:
    """Apply a function that is linear in several operands together; those of lower levels have zero tangents."""
    level = 0
    for x in operands:
        if type(x) is Dual and x.level > level:
            level = x.level
    if level == 0:
        return apply(list(operands), 0)
    primals: list[Any] = []
    tangents: list[Any] = []
    still: list[int] = []
    for x in operands:
        if type(x) is Dual and x.level == level:
            primals.append(x.primal)
            tangents.append(x.tangent)
            directions = x.tangent.shape[0]
        else:
            still.append(len(primals))
            primals.append(x)
            tangents.append(None)
    value = apply(primals, 0)
    refuse_long(value.dtype, "a function of a dual array")
    with quiet():
        for place in still:
            shape = (directions, *np.shape(operands[place]))
            tangents[place] = np.broadcast_to(np.zeros((), value.dtype), shape)
        return finish(value, apply(tangents, 1), level)


def rearranged(operands: Sequence[Operand], function: Callable[..., Any]) -> Any:
    """The result of a function that only moves, repeats and leaves out elements of its operands.

    The function is run on the positions of the elements, and value and tangents are gathered by its result.
    """
    dtype = np.result_type(*(x if type(x) in (int, float, complex) else np.result_type(x) for x in operands))
    refuse_long(dtype, f"numpy.{getattr(function, '__name__', 'function')}")
    arrays = [x if type(x) is Dual else np.asarray(x, dtype) for x in operands]
    positions, start = [], 0
    for array in arrays:
        positions.append(np.arange(start, start + array.size).reshape(array.shape))
        start += array.size
    order = function(*positions)
    flat = [np.reshape(array, (array.size,)) for array in arrays]
    elements = flat[0] if len(flat) == 1 else np.concatenate(flat)
    return gather(elements, order)


def combine(first: Tangent, second: Tangent) -> Tangent:
    """The sum of two terms, of which either may be None."""
    if first is None:
        return second
    return first if second is None else first + second


def select(condition: Any, x: Tangent, y: Tangent) -> Tangent:
    """The tangent of a selection; None stands for a zero tangent."""
    if y is None:
        return masked(condition, x)
    return masked(~condition, y) if x is None else np.where(condition, x, y)


# Reductions.


def merged(x: Operand, axis: Any) -> Any:
    """The array with the axes of a reduction merged into one, the last."""
    if axis is None:
        return np.reshape(x, (x.size,))
    axes = normalize_axis_tuple(axis, x.ndim)
    if len(axes) != 1:
        axes = tuple(sorted(axes))  # so the first element of a row does not depend on the order in which axes are given
        x = np.moveaxis(x, axes, range(-len(axes), 0))
        kept, merging = x.shape[: x.ndim - len(axes)], x.shape[x.ndim - len(axes) :]
        return np.reshape(x, (*kept, math.prod(merging)))
    return x if axes[0] == x.ndim - 1 else np.moveaxis(x, axes[0], -1)


def along(x: Dual, value: Operand, tangent_of: Callable[[Operand, Operand], Any]) -> Dual:
    """The Dual of a reduced value; the result of ``tangent_of(primal, tangent)`` may keep the reduced axes."""
    if type(value) is not np.ndarray and type(value) is not Dual:
        value = np.asarray(value)
    return _along(x, value, tangent_of)


@quietly
def _along(x: Dual, value: Operand, tangent_of: Callable[[Operand, Operand], Any]) -> Dual:
    tangent = tangent_of(x.primal, x.tangent)
    return finish(value, tangent.reshape((tangent.shape[0], *value.shape)), x.level)


def pick(x: Operand, axis: Any, keepdims: Any, index_of: Callable[[Any], Any]) -> Any:
    """One element of each row: the one at the index that ``index_of(values)`` gives along the last axis."""
    if axis is None or x.ndim == 1:
        value = value_of(x)
        picked = gather(x, index_of(value if value.ndim == 1 and axis is None else merged(value, axis)))
    else:
        rows = merged(x, axis)
        index = np.asarray(index_of(value_of(rows)))
        picked = gather(rows, index + rows.shape[-1] * np.arange(index.size).reshape(index.shape))
    return with_axes(picked, x, axis, keepdims)


def with_axes(reduced: Operand, x: Operand, axis: Any, keepdims: Any) -> Any:
    """The result of a reduction of `x`; with `keepdims`, the reduced axes are kept with length 1."""
    if keepdims is UNSET or not keepdims:
        return reduced
    axes = set(axes_of(axis, x.ndim))
    return np.reshape(reduced, [1 if one in axes else length for one, length in enumerate(x.shape)])


def with_scale(x: Dual, length: Any, axis: Any, function: Callable[[Dual], Any], keepdims: bool = False) -> Any:
    """The Dual of a length that NumPy computes by sums of squares, where these, or those of quotients, leave the range.

    None where they don't. There the derivatives are those of ``power * function(x / power)``; the value is NumPy's.

    Parameters
    ----------
    x : Dual
        The operand.
    length : array
        The value of the result.
    axis : int, tuple of int or None
        The axes that are summed over.
    function : callable
        The length, with derivatives, homogeneous of degree 1.
    keepdims : bool
        Whether it keeps these axes.
    """
    smallest, largest = SAFE_LENGTHS.get(length.dtype.char, (0.0, np.inf))
    if length.ndim == 0:
        number = length.item()
        if smallest < number < largest or number != number:
            return None
    elif not length.size or (smallest < length.min() and length.max() < largest):
        return None
    size = abs(value_of(x))
    axes = axes_of(axis, x.ndim)
    size = np.max(size, axes, keepdims=True, initial=0)
    kept = length.reshape(size.shape)
    unsafe = (size > 0) & (size < np.inf) & ~((size > smallest) & (size < largest))
    # Powers other than squares leave the range earlier.
    unsafe |= ((kept == 0) | (kept == np.inf)) & (size > 0) & ((size < 0.25) | (size > 4)) & (size < np.inf)
    if not unsafe.any():
        return None
    power = np.where(unsafe, np.ldexp(size.dtype.type(1), np.frexp(size)[1] - 1), size.dtype.type(1))
    reduced = power if keepdims else power.reshape(length.shape)
    with quiet():
        if recorded_level(x):
            parts = components(function(x / power) * reduced)
        else:
            # With tangents by the operand over the power as well, derivatives of order n are scaled by its power n - 1;
            # so no product of tangents leaves the range.
            scaled = {key: _times_power(part, power, len(key) - 1) for key, part in components(x).items()}
            parts = components(function(assemble(scaled)))
            parts = {key: _times_power(part, 1 / reduced, len(key) - 1) for key, part in parts.items()}
    parts[()] = length
    return assemble(parts)


def _times_power(part: Any, base: Any, exponent: int) -> Any:
    if exponent < 0:
        return part / base
    for _ in range(exponent):
        part = part * base
    return part


SAFE_LENGTHS = {"f": (2.0**-43, 2.0**44), "d": (2.0**-491, 2.0**492)}
"""Lengths between these, by the character of the dtype, have squares, and inverse squares, that are accurate."""
