"""Partial derivatives of elementwise functions, for tangents that are recorded.

The function is evaluated once, with each operand that moves along a direction of its own: the tangents of the result
are the partial derivatives, by which the recorded tangents are multiplied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numbafunc import backend
from numbafunc.backend import CPU
from numbafunc.dual import anywhere
from numbafunc.dual.array import Dual, assemble, components, make
from numbafunc.dual.levels import Level
from numbafunc.dual.products import align, scale
from numbafunc.dual.recorded import added, recorded_level, shaped_like, taken_apart, with_level


def by_partials(function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """The result of an elementwise function of operands of which at least one has a recorded tangent."""
    level = recorded_level(*operands)
    rests, tangents = taken_apart(operands, level)
    moving = [number for number, tangent in enumerate(tangents) if tangent is not None]
    with Level() as own:
        for direction, number in enumerate(moving):
            x = rests[number]
            rests[number] = make(x, backend.of(x).units(len(moving), direction, x), own)
        result = function(*rests)
        if type(result) is not Dual or result.level != own:
            return result
        value, partials = result.primal, result.tangent
    change = None
    here = anywhere.place_of(value)
    for direction, number in enumerate(moving):
        tangent = _aligned(tangents[number], value.ndim)
        if here is not CPU:
            # The cotangents of numbers of main memory go back there.
            tangent = anywhere.sent(tangent, here) if backend.of(rests[number]) is CPU else tangent
        term = scale(anywhere.part(partials, direction), tangent)
        change = term if change is None else added(change, term)
    return with_level(value, shaped_like(change, value), level)


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
