"""Dual arrays whose tangents are recorded: the level of these, and operands taken apart at it.

An op that finds such operands computes with what is left of them, and applies the linear step to the recorded tangents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import Components, Dual, Operand, assemble, components, make
from numbafunc.dual.recorder import Recorder


def recorded_level(*operands: Operand) -> int:
    """The highest level at which an operand has a recorded tangent; 0 if none has."""
    level = 0
    pending = [operand for operand in operands if type(operand) is Dual]
    while pending:
        dual = pending.pop()
        if type(dual.tangent) is Recorder:
            level = max(level, dual.level)
        elif type(dual.tangent) is Dual:
            pending.append(dual.tangent)
        if dual.lent is None and type(dual.primal) is Dual:
            pending.append(dual.primal)
    return level


def simply_recorded(
    operands: Sequence[Operand], kept: bool = True
) -> tuple[list[Any], list[Recorder], tuple[int, ...], int] | None:
    """The operands without tangents, the recorded tangents, the positions of these, and their level.

    Without ``kept`` they are to be read only, as :func:`numbafunc.dual.lent.to_read` has them.
    None unless operands that have tangents have recorded ones, and no others, all of one level.
    """
    rests: list[Any] = []
    recorders: list[Recorder] = []
    moving: list[int] = []
    level = 0
    for x in operands:
        if type(x) is Dual:
            tangent, family = x.tangent, x.family
            primal = x.primal if kept or x.lent is None else x.lent
            if type(tangent) is not Recorder or type(primal) is Dual or (family is not None and family[0].blank):
                return None
            if level and x.level != level:
                return None
            moving.append(len(rests))
            recorders.append(tangent)
            x, level = primal, x.level
        rests.append(x)
    return (rests, recorders, tuple(moving), level) if level else None


def without_level(x: Operand, level: int) -> tuple[Any, Any]:
    """An operand without the tangents of a level, and these, with all other derivatives; None if it has none.

    The axis of directions of the level stands behind those of higher levels.
    """
    if type(x) is not Dual:
        return x, None
    if x.level == level:
        return x.primal, x.tangent
    rest: Components = {}
    moving: Components = {}
    for key, part in components(x).items():
        if level not in key:
            rest[key] = part
            continue
        place = key.index(level)
        if place < len(key) - 1:
            part = np.moveaxis(part, place, len(key) - 1)
        moving[key[:place] + key[place + 1 :]] = part
    return assemble(rest), assemble(moving) if moving else None


def with_level(value: Operand, change: Any, level: int) -> Any:
    """The Dual of a value and its tangent at a level: the inverse of :func:`without_level`."""
    if all(type(x) is not Dual or x.level < level for x in (value, change)):
        return make(value, change, level)
    parts = dict(components(value))
    for key, part in components(change).items():
        place = sum(other < level for other in key)
        if place < len(key):
            part = np.moveaxis(part, len(key), place)
        parts[(*key[:place], level, *key[place:])] = part
    return assemble(parts)


def taken_apart(operands: Sequence[Operand], level: int) -> tuple[list[Any], list[Any]]:
    """The operands without the tangents of a level, and these tangents."""
    pairs = [without_level(x, level) for x in operands]
    return [rest for rest, _ in pairs], [tangent for _, tangent in pairs]


def added(x: Any, y: Any) -> Any:
    """The sum of two tangents, recorders or dual arrays of such."""
    if type(x) is Recorder and type(y) is Recorder:
        return x + y
    parts = dict(components(x))
    for key, part in components(y).items():
        parts[key] = parts[key] + part if key in parts else part
    return assemble(parts)


def shaped_like(tangent: Any, value: Operand) -> Any:
    """A tangent, a recorder or a dual array of such, in the dtype and, behind the directions, the shape of a value."""
    parts = {}
    for key, part in components(tangent).items():
        shape = (*part.shape[: len(key) + 1], *value.shape)
        if part.shape != shape:
            part = part.reshape(shape) if part.size == math.prod(shape) else np.broadcast_to(part, shape)
        parts[key] = part if part.dtype == value.dtype else part.astype(value.dtype)
    return assemble(parts)
