"""Derivatives that do not follow from what is kept: at an infinite slope, of an argument whose derivatives are zero.

A tangent of zero contributes nothing, whatever the slope, which is right for what does not move. The argument of
``sqrt`` in ``sqrt(x**4)`` moves at 0, but all that a dual array of order 2 knows of it is zeros. The result has a
second derivative, 2, which needs the fourth one of the argument: so it is NaN. See
:mod:`numbafunc.numbers.elementary` for the orders, and ``_without_guesses`` of :mod:`numbafunc.numbers.number` for
the same in kernels.

Where some direction moves the argument, zeros along the others are true ones; and what is linear in the variables has
no derivatives of order 2, not even zeros, and is left alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, assemble, components, on_device, value_of
from numbafunc.dual.dtypes import is_finite
from numbafunc.dual.recorder import Node, Primitive, Recorder, Rooted

Tangent = Any
Cotangent = Any
IsUnknown = Callable[[int], Any]


def at_infinite_slope(
    change: Tangent, slope: Operand, x: Operand, y: Operand, dx: Tangent, unknown_from: int
) -> Tangent:
    """The tangent of ``y = f(x)``, without guesses where the slope is infinite and the value is not."""
    if type(change) is not Dual and unknown_from > 1:
        return change
    slope = value_of(slope)
    if is_finite(slope) or on_device(slope):
        return change
    edge = np.isinf(slope) & np.isfinite(value_of(y))
    return without_guesses(change, edge, ((x, dx),), lambda order: order >= unknown_from)


def _derivatives(x: Operand, dx: Tangent) -> list[tuple[tuple[int, ...], Any]]:
    """The derivatives of an operand by level: those of its tangent, whose own is called 0, and the first of itself."""
    kept = [((*key, 0), part) for key, part in components(dx).items()]
    return kept + [(key, part) for key, part in components(x).items() if len(key) == 1]


BEHIND = Primitive(
    "tangent that has passed an infinite slope",
    lambda x, unknown_from: x,
    lambda cotangent, place, x, unknown_from: Rooted(cotangent, unknown_from),
)


def _marked(change: Tangent, unknown_from: int) -> Tangent:
    """A tangent with recorded components, which let the walk back know that they have passed an infinite slope."""
    parts = components(change)
    for key, part in parts.items():
        if type(part) is Recorder:
            # The levels of the other components count as orders too.
            parts[key] = BEHIND.record(part.shape, part.dtype, part, max(1, unknown_from - len(key)))
    return assemble(parts)


def without_guesses(
    change: Tangent, edge: Any, operands: Sequence[tuple[Operand, Tangent]], is_unknown: IsUnknown
) -> Tangent:
    """A tangent, NaN where ``edge`` holds, no operand moves, and ``is_unknown(order)``; these may be arrays."""
    if not np.any(edge):
        return change
    curved: set[tuple[int, ...]] = set()
    flat: dict[tuple[int, ...], Any] = {}
    still = edge
    for x, dx in operands:
        for key, part in _derivatives(x, dx):
            if type(part) is Recorder:
                return _marked(change, next(order for order in itertools.count(1) if np.any(edge & is_unknown(order))))
            if len(key) == 1:
                still = still & ~np.any(part, 0)
            else:
                curved.add(key)
                flat[key] = ~np.any(part, tuple(range(len(key)))) & flat.get(key, True)
    if not np.any(still):
        return change
    always = is_unknown(1)
    parts = components(change)
    for key, part in parts.items():
        order = len(key) + 1
        if order > 1 and not any(set(other) <= {*key, 0} for other in curved):
            continue
        guess = still & is_unknown(order)
        second = (*key, 0)
        if order == 2 and second in flat:
            # An argument that is like a square leads to a kink, of infinite curvature.
            guess = guess & (flat[second] | always)
        if np.any(guess) and type(part) is not Recorder:
            parts[key] = np.where(guess, part.dtype.type(np.nan), part)
    return assemble(parts)


def of_length(
    change: Tangent, edge: Any, operands: Sequence[tuple[Operand, Tangent]], over: Any = (), *, keepdims: bool = False
) -> Tangent:
    """The tangent of a length, which is ``edge`` (zero) where no operand moves, NaN for orders above 1 if that matters.

    The length of ``u`` is like ``abs(u)``: what is zero to order n has a length that is.

    Parameters
    ----------
    change : Dual or array
        The tangent.
    edge : array
        Where the length is zero.
    operands : sequence of pairs
        The operands with their tangents.
    over : int or tuple of int
        The axes of the operands, counted from the end, that are summed over.
    keepdims : bool
        Whether the tangent has these, with length 1.
    """
    if type(change) is not Dual or not np.any(edge):
        return change
    still, curved = edge, np.zeros((), bool)
    for x, dx in operands:
        for key, part in _derivatives(x, dx):
            if type(part) is Recorder:
                return _marked(change, 2)
            moves = np.any(part, tuple(range(len(key))))
            moves = np.any(moves, over, keepdims=keepdims)
            if len(key) == 1:
                still = still & ~moves
            else:
                curved = curved | moves
    guess = still & curved
    if not np.any(guess):
        return change
    parts = components(change)
    for key, part in parts.items():
        if key and type(part) is not Recorder:
            parts[key] = np.where(guess, part.dtype.type(np.nan), part)
    return assemble(parts)


def behind_infinite_slope(contribution: Cotangent, cotangent: Cotangent, unknown_from: int) -> Cotangent:
    """What a step makes of a cotangent that passed an infinite slope, NaN where it is a guess.

    A step that is not linear and has the slope zero has a result that is of higher order in its operand.
    """
    if type(contribution) is Rooted:
        return Rooted(behind_infinite_slope(contribution.cotangent, cotangent, unknown_from), contribution.unknown_from)
    value = value_of(cotangent)
    if type(value) is not np.ndarray or contribution.shape != cotangent.shape:
        return contribution
    guess = np.isinf(value) & (value_of(contribution) == 0)
    if type(contribution) is Dual and guess.any():
        contribution = _marked(contribution, unknown_from)
    given, parts = components(cotangent), components(contribution)
    for key, part in parts.items():
        if type(part) is not np.ndarray or len(key) + 1 < unknown_from:
            continue
        zero = part == 0
        unknown = guess & (zero.all(tuple(range(len(key)))) if unknown_from > 1 else True)
        if key in given:
            # What was unknown stays so.
            unknown = unknown | (zero & np.isnan(given[key]))
        if unknown.any():
            parts[key] = np.where(unknown, part.dtype.type(np.nan), part)
    return assemble(parts)


def before_infinite_slope(contribution: Cotangent, cotangent: Cotangent, root: Node) -> Cotangent:
    """The contribution of a step to one with infinite slopes, NaN where the step has made a cotangent of these zero.

    So the square of ``sqrt(x)`` does at 0, where the product of the slopes, 0 and infinity, is 1.
    """
    if type(contribution) is Rooted:
        return Rooted(before_infinite_slope(contribution.cotangent, cotangent, root), contribution.unknown_from)
    value, given = value_of(contribution), value_of(cotangent)
    if type(value) is not np.ndarray or value.all() or value.shape != root.shape:
        return contribution
    _, derivative, x, y, _ = root.arguments
    slope = derivative(*(None if v is None else value_of(v) for v in (x, y)))
    guess = (value == 0) & (given != 0) & np.isinf(slope)
    if not guess.any():
        return contribution
    parts = components(contribution)
    for key, part in parts.items():
        if type(part) is np.ndarray:
            parts[key] = np.where(guess, part.dtype.type(np.nan), part)
    return assemble(parts)
