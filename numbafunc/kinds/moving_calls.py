"""Prepared calls of public functions with dual arrays, see :mod:`numbafunc.kinds.shortcuts`.

Operands of a public function become those of its kind: as they are, or in another shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy import ndarray

from numbafunc.dual.array import Dual, make
from numbafunc.kinds.plan import Plan
from numbafunc.kinds.shortcuts import Shortcut, planned_arrays

Route = list[tuple[int, ...] | None]
"""For each operand of the kind its shape, if that is not the one of the given operand at its place."""


def keep_forward(shortcut: Shortcut, plan: Plan, operands: Sequence[Any]) -> None:
    """Keep a plan for operands with tangents along one direction, if it comes down to one call of its kernel."""
    route = _route(shortcut.operands, operands)
    if route is None:
        return
    components = [target.component for target in plan.targets]
    run = planned_arrays(plan, _parts(operands)) if components == [(), (0,)] else None
    if run is None:
        return
    if len(operands) == 1:

        def call_of_one(x: Dual) -> Dual:
            value, tangent = run((x.primal, x.tangent))
            return make(value, tangent, x.level)

        shortcut.keep(call_of_one)
        return

    def call(*given: Any) -> Dual:
        taken = _taken(given, route)
        value, tangent = run(_parts(taken))
        return make(value, tangent, next(x.level for x in taken if type(x) is Dual))

    shortcut.keep(call)


def keep_recorded(
    shortcut: Shortcut,
    operands: Sequence[Any],
    record: Callable[[Sequence[Any], Sequence[Any], int], Any],
    kept: bool = True,
) -> None:
    """Keep ``record(rests, recorders, level)`` for operands with recorded tangents, which gives the result.

    Without ``kept`` it reads the operands and keeps none of them.
    """
    route = _route(shortcut.operands, operands)
    if route is None:
        return

    def call(*given: Any) -> Any:
        rests, recorders = [], []
        level = 0
        for x in _taken(given, route):
            if type(x) is Dual:
                recorders.append(x.tangent)
                x, level = x.primal if kept or x.lent is None else x.lent, x.level
            rests.append(x)
        return record(rests, recorders, level)

    shortcut.keep(call)


def _route(given: Sequence[Any], operands: Sequence[Any]) -> Route | None:
    """The shapes of operands of the kind where they are not those of the given ones; None if one is another array."""
    if len(given) != len(operands):
        return None
    found: Route = []
    for x, one in zip(operands, given):
        if x is one:
            found.append(None)
            continue
        if type(x) is not ndarray or type(one) is not ndarray or x.dtype != one.dtype or not x.size == one.size > 0:
            return None
        if not x.flags.c_contiguous or _address(x) != _address(one):
            return None
        found.append(x.shape)
    return found


def _address(x: Any) -> int:
    return x.__array_interface__["data"][0]  # type: ignore[no-any-return]


def _taken(given: Sequence[Any], route: Route) -> list[Any]:
    return [x if shape is None else x.reshape(shape) for x, shape in zip(given, route)]


def _parts(operands: Sequence[Any]) -> list[Any]:
    """The operands, of dual arrays value and tangent."""
    parts: list[Any] = []
    for x in operands:
        if type(x) is Dual:
            parts += (x.primal, x.tangent)
        else:
            parts.append(x)
    return parts


__all__ = ["keep_forward", "keep_recorded"]
