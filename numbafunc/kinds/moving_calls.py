"""Prepared calls of public functions with dual arrays, see :mod:`numbafunc.kinds.shortcuts`.

Operands of a public function become those of its kind: as they are, or in another shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Any

from numpy import empty, ndarray

from numbafunc.cpu.machine_code import machine_code
from numbafunc.dual.array import Dual, make
from numbafunc.kinds.plan import Index, Plan
from numbafunc.kinds.shortcuts import AS_IT_IS, AS_STORED, FLAT, Shortcut, planned_arrays, way_of
from numbafunc.result_memory import empty_for

Route = list[tuple[int, ...] | None]
"""For each operand of the kind its shape, if that is not the one of the given operand at its place."""


def keep_forward(shortcut: Shortcut, plan: Plan, operands: Sequence[Any]) -> None:
    """Keep a plan for operands with tangents at one level, if it comes down to calls of its kernel."""
    route = _route(shortcut.operands, operands)
    if route is None:
        return
    components = [target.component for target in plan.targets]
    parts = _parts(operands)
    run = (planned_arrays(plan, parts) or _planned_rows(plan, parts)) if components == [(), (0,)] else None
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


def keep_linear(
    shortcut: Shortcut,
    x: Any,
    call: Callable[[Any], Any],
    prepare: Callable[[ndarray[Any, Any], int], Callable[[ndarray[Any, Any]], ndarray[Any, Any]] | None],
) -> Any:
    """``call(x)`` of a function that is linear in a dual array, kept for others like it.

    ``prepare(part, leading)`` gives a prepared call for plain arrays like a component of ``x``, whose first ``leading``
    axes are directions, or None if there is none.
    """
    result = shortcut.keep_moving(x, call)
    if x is shortcut.operands[0] and type(x.tangent) is ndarray:
        of_value, of_tangent = prepare(x.primal, 0), prepare(x.tangent, 1)
        if of_value is not None and of_tangent is not None:
            shortcut.keep(_apart(of_value, of_tangent))
    return result


def _apart(of_value: Callable[[Any], Any], of_tangent: Callable[[Any], Any]) -> Callable[[Dual], Dual]:
    def call(x: Dual) -> Dual:
        return make(of_value(x.primal), of_tangent(x.tangent), x.level)

    return call


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
    if route == [None]:

        def call_of_one(x: Dual) -> Any:
            return record([x.primal if kept or x.lent is None else x.lent], [x.tangent], x.level)

        shortcut.keep(call_of_one)
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


def _planned_rows(plan: Plan, given: Sequence[Any]) -> Callable[[Sequence[Any]], list[ndarray[Any, Any]]] | None:
    """What ``planned_arrays`` gives where tangents have several directions.

    Each is a row for the kernel, which may be called several times.
    """
    if len(plan.sources) != len(given) or plan.dtype.char not in AS_STORED:
        return None
    flats = [source.flatten(x) for source, x in zip(plan.sources, given)]
    if any(way_of(x, flat) not in (FLAT, AS_IT_IS) for x, flat in zip(given, flats)):
        return None
    # All that calls take stands in one list: operands, or the rows of their tangents, and then results.
    shapes = [target.shape for target in plan.targets]
    results = [empty(shape, plan.dtype) for shape in shapes]
    leading = [len(x.component) for x in plan.sources] + [len(x.component) for x in plan.targets]
    given_shapes = [_rows_of(x, lead) for x, lead in zip((*given, *results), leading)]
    counts = [shape[0] if shape is not None and len(shape) == 2 else 1 for shape in given_shapes]
    starts = list(accumulate(counts, initial=0))

    def places(slots: Sequence[tuple[int, Index]], first: int) -> list[int]:
        return [starts[first + number] + sum(index) for number, index in slots]

    takes = [itemgetter(*places(call.slots, 0), *places(call.results, len(given))) for call in plan.calls]
    count = len(plan.calls[0].slots)
    middle, tail, dtype = plan.middle, plan.tail, plan.dtype
    restores = [target.restore for target in plan.targets]
    restored = any(restore is not None for restore in restores)
    new = empty_for(max(shapes, key=math.prod), dtype)

    def listed(arrays: Sequence[Any]) -> list[Any]:
        cells: list[Any] = []
        for x, shape in zip(arrays, given_shapes):
            if shape is None:
                cells.append(x)
            elif len(shape) == 1:
                cells.append(x.ravel())
            else:
                cells.extend(x.reshape(shape))
        return cells

    def arguments(cells: list[Any], take: Callable[[list[Any]], tuple[Any, ...]]) -> tuple[Any, ...]:
        taken = take(cells)
        return (*taken[:count], *middle, *taken[count:], *tail)

    code = machine_code(plan.kernel, arguments(listed([*flats, *results]), takes[0]))

    def run(operands: Sequence[Any]) -> list[ndarray[Any, Any]]:
        arrays = [new(shape, dtype) for shape in shapes]
        cells = listed([*operands, *arrays])
        for take in takes:
            code(*arguments(cells, take))
        if restored:
            return [array if restore is None else restore(array) for array, restore in zip(arrays, restores)]
        return arrays

    return run


def _rows_of(x: Any, leading: int) -> tuple[int, ...] | None:
    """The shape in which a kernel takes an array, a row for each direction; None for a number."""
    return (*x.shape[:leading], math.prod(x.shape[leading:])) if isinstance(x, ndarray) else None


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


__all__ = ["keep_forward", "keep_linear", "keep_recorded"]
