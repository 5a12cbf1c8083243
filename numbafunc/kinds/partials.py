"""Elementwise functions of operands with recorded tangents: products of these with the partial derivatives.

The op is evaluated once, with each operand that moves along a direction of its own: the tangents of the result are the
partial derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import CPU
from numbafunc.dual import anywhere
from numbafunc.dual.array import Dual, assemble, components, make
from numbafunc.dual.levels import Level
from numbafunc.dual.products import SCALED, SUM_OF_SCALED, align, scale
from numbafunc.dual.recorded import added, recorded_level, shaped_like, simply_recorded, taken_apart, with_level
from numbafunc.dual.recorder import Recorder
from numbafunc.kinds.moving_calls import keep_recorded
from numbafunc.kinds.plan import LARGEST_CHUNK
from numbafunc.kinds.shortcuts import Shortcut

_PLAIN = (np.ndarray, float, int)


def by_partials(op: Any, operands: Sequence[Any], dtype: Any) -> Any:
    """The result of an op of operands of which at least one has a recorded tangent."""
    level = recorded_level(*operands)
    rests, tangents = taken_apart(operands, level)
    moving = [number for number, tangent in enumerate(tangents) if tangent is not None]
    value, partials = partials_of(op, rests, moving, dtype)
    if partials is None:
        return value
    return _combined(value, partials, rests, moving, [tangents[number] for number in moving], level)


def at_once(op: Any, operands: Sequence[Any], dtype: Any = None, shortcut: Shortcut | None = None) -> Any:
    """The same for plain arrays, floats and dual arrays of one level, if such a call has been prepared; else None.

    What is done then is kept in the short cut.
    """
    taken = simply_recorded(operands, kept=False)
    if taken is None:
        return None
    rests, recorders, moving, level = taken
    call = op.prepared_partials(rests, moving, dtype)
    if call is None:
        return None

    def record(rests: Sequence[Any], recorders: Sequence[Any], level: int) -> Any:
        value, partials = call(rests)
        return _combined(value, partials, rests, moving, recorders, level)

    if shortcut is not None:
        keep_recorded(shortcut, operands, record, kept=False)
    return record(rests, recorders, level)


def _combined(
    value: Any, partials: Any, rests: Sequence[Any], moving: Sequence[int], tangents: Sequence[Any], level: int
) -> Any:
    """The dual array of a value, given the partial derivatives by the operands that move, and their tangents."""
    if type(value) is np.ndarray:
        first, dtype = tangents[0], value.dtype
        shape = (*first.shape[:1], *value.shape)
        if all(type(x) is Recorder and x.shape == shape and x.dtype == dtype for x in tangents):
            if len(tangents) == 1:
                return make(value, SCALED.of(first, shape, dtype, partials[0]), level)
            return make(value, SUM_OF_SCALED.record(shape, dtype, *tangents, partials), level)
    change = None
    here = anywhere.place_of(value)
    for partial, number, tangent in zip(partials, moving, tangents, strict=True):
        aligned = _aligned(tangent, value.ndim)
        if here is not CPU and backend.of(rests[number]) is CPU:
            # The cotangents of numbers of main memory go back there.
            aligned = anywhere.sent(aligned, here)
        term = scale(partial, aligned)
        change = term if change is None else added(change, term)
    return with_level(value, shaped_like(change, value), level)


def partials_of(
    op: Any, rests: Sequence[Any], moving: Sequence[int], dtype: Any, value: bool = True
) -> tuple[Any, Any]:
    """The value, and the partial derivatives by the operands at some positions; None if all are zero.

    The value may be left out, and is None then.
    """
    if len(moving) <= LARGEST_CHUNK and all(type(x) in _PLAIN for x in rests):
        found = op.partials(rests, moving, dtype, value)
        return (found[0], found[1]) if value else (None, found[0])
    seeded = list(rests)
    with Level() as own:
        for direction, number in enumerate(moving):
            seeded[number] = make(
                rests[number], backend.of(rests[number]).units(len(moving), direction, rests[number]), own
            )
        result = op.evaluate(seeded, dtype=dtype)
    if type(result) is not Dual or result.level != own:
        return result, None
    return result.primal, [anywhere.part(result.tangent, direction) for direction in range(len(moving))]


def _aligned(tangent: Any, ndim: int) -> Any:
    """The tangent of an operand that is broadcast to some axes with those that it lacks, behind its directions."""
    if type(tangent) is not Dual:
        return align(tangent, ndim)
    parts = {}
    for key, part in components(tangent).items():
        leading = len(key) + 1
        missing = ndim + leading - part.ndim
        if missing > 0:
            part = anywhere.reshaped(part, (*part.shape[:leading], *(1,) * missing, *part.shape[leading:]))
        parts[key] = part
    return assemble(parts)
