"""Reductions of dual arrays.

Sums and means act on values and tangents alike. The derivative of a maximum or minimum is that of the rank that wins,
the lowest rank at ties.

In reverse mode the cotangents of the ranks are those of one function of all ranks' variables, the sum of their results:
a sum over the ranks is its own transpose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, assemble, components, levels_of, value_of
from numbafunc.dual.products import whole
from numbafunc.dual.recorded import recorded_level
from numbafunc.dual.recorder import SHARED, Primitive, Recorder, variable
from numbafunc.interrupts import held_back
from numbafunc.parallel.axes import Axis
from numbafunc.parallel.call_site import Place
from numbafunc.parallel.dtypes import MAX, MIN, SUM
from numbafunc.parallel.plan import plan_for

# The annotations of NumPy's function don't allow for recorders.
_where: Any = np.where

_BITS = {2: np.uint16, 4: np.uint32, 8: np.uint64}


def reduce_duals(
    operation: str, operands: Sequence[Any], axis: Axis, nest: str, reproducible: bool, place: Place
) -> list[Any]:
    """The results of a reduction of operands of which at least one is a dual array."""
    if recorded_level(*operands):
        return _reduce_recorded(operation, operands, axis, nest, reproducible, place)
    if operation in (MAX, MIN):
        return extremum(operation, operands, axis, nest, place)
    return reduce_components(operation, operands, axis, nest, reproducible, place)


def _reduce(operation: str, operands: list[Any], axis: Axis, nest: str, reproducible: bool, place: Place) -> list[Any]:
    if any(type(operand) is Dual for operand in operands):
        return reduce_duals(operation, operands, axis, nest, reproducible, place)
    return plan_for(operation, operands, axis, nest, reproducible).run(operands, None, place)


def _reduce_recorded(
    operation: str, operands: Sequence[Any], axis: Axis, nest: str, reproducible: bool, place: Place
) -> list[Any]:
    nest = f"{nest}, with recorded derivatives {describe_derivatives(operands)}"
    rests, recorded = apart_from_recorded(operands)
    with axis, held_back():  # several reductions that belong together
        values = [whole(x) for x in _reduce(operation, rests, axis, nest, reproducible, place)]
        if operation in (MAX, MIN):
            plain = [value_of(x) for x in operands]
            winners = winning_ranks(operation, plain, [value_of(x) for x in values], axis, nest, place)
            recorded = [
                {key: _where(winner == axis.rank, part, 0) for key, part in parts.items()}
                for winner, parts in zip(winners, recorded, strict=True)
            ]
            operation = SUM
    results = []
    for operand, value, parts in zip(operands, values, recorded, strict=True):
        result = components(value)
        for key, part in parts.items():
            result[key] = shared(operation, operand, part, axis, nest, reproducible, place)
        results.append(assemble(result))
    return results


def apart_from_recorded(operands: Sequence[Any]) -> tuple[list[Any], list[dict[tuple[int, ...], Recorder]]]:
    """The operands without recorded tangents, and these."""
    rests, recorded = [], []
    for operand in operands:
        parts = components(operand)
        recorded.append({key: part for key, part in parts.items() if type(part) is Recorder})
        rests.append(assemble({key: part for key, part in parts.items() if type(part) is not Recorder}))
    return rests, recorded


def shared(
    operation: str, operand: Any, part: Recorder, axis: Axis, nest: str, reproducible: bool, place: Place
) -> Recorder:
    """The sum or mean over the ranks of recorded tangents of an operand, which is its own transpose."""

    def run(x: Any) -> Any:
        return _reduce(operation, [x], axis, nest, reproducible, place)[0]

    return shared_step(f"p{operation}", run, run, operand, part, axis)


def shared_step(
    name: str,
    run: Callable[[Any], Any],
    back: Callable[[Any], Any],
    operand: Any,
    part: Recorder,
    axis: Axis,
    shape: tuple[int, ...] | None = None,
) -> Recorder:
    """A linear step of recorded tangents of an operand that all ranks take together, and its transpose too.

    The tangents of the result have the shape of the operand's, or the one given.
    """
    lower = {key: other for key, other in components(operand).items() if key and key[-1] < part.level}

    def complete(x: Any) -> Any:
        # The cotangents of some ranks may be zero, but all ranks have to send the same derivatives.
        parts = components(x)
        parts[()] = np.array(parts[()])
        for key, other in lower.items():
            shape = (*other.shape[: len(key)], *parts[()].shape)
            zeros: Any = variable(shape, part.dtype, other.level) if type(other) is Recorder else None
            parts.setdefault(key, np.zeros(shape, part.dtype) if zeros is None else zeros)
        return assemble(parts)

    step = Primitive(name, lambda x: run(complete(x)), lambda cotangent, place, x: back(complete(cotangent)))
    result = step.record(part.shape if shape is None else shape, part.dtype, part)
    if axis.size > 1:
        SHARED.setdefault(part.level, []).append(result.node)
    return result


def reduce_components(
    operation: str, operands: Sequence[Any], axis: Axis, nest: str, reproducible: bool, place: Place
) -> list[Any]:
    """The results of an op that is linear, and so acts on values and tangents alike."""
    parts = [components(operand) for operand in operands]
    nest = f"{nest}, with derivatives {describe_derivatives(operands)}"
    flat = [array for part in parts for array in part.values()]
    results = iter(plan_for(operation, flat, axis, nest, reproducible).run(flat, None, place))
    return [assemble({levels: next(results) for levels in part}) for part in parts]


def describe_derivatives(operands: Sequence[Any]) -> list[list[tuple[int, ...]]]:
    """Description of the operands' derivatives; levels count from 1, since their numbers may differ between ranks."""
    numbers = {level: number for number, level in enumerate(levels_of(*operands), 1)}
    return [[tuple(numbers[level] for level in levels) for levels in components(operand)] for operand in operands]


def extremum(operation: str, operands: Sequence[Any], axis: Axis, nest: str, place: Place) -> list[Any]:
    """The extremal values, each with the tangents that the winning rank has there."""
    with axis, held_back():  # three reductions that belong together
        return _extremum(operation, operands, axis, nest, place)


def winning_ranks(
    operation: str, values: Sequence[Any], best: Sequence[Any], axis: Axis, nest: str, place: Place
) -> list[Any]:
    """The lowest rank that has the extremum, for each element."""
    # A NaN that wins is not equal to itself.
    candidates = [
        np.where((x == y) | (np.isnan(x) & np.isnan(y)), axis.rank, axis.size).astype(np.int32)
        for x, y in zip(values, best, strict=True)
    ]
    return plan_for(MIN, candidates, axis, f"{nest}: winners of {operation}").run(candidates, None, place)


def _extremum(operation: str, operands: Sequence[Any], axis: Axis, nest: str, place: Place) -> list[Any]:
    nest = f"{nest}, with derivatives {describe_derivatives(operands)}"
    values = [value_of(operand) for operand in operands]
    best = plan_for(operation, values, axis, nest).run(values, None, place)

    dual = [index for index, operand in enumerate(operands) if type(operand) is Dual]
    winners = winning_ranks(
        operation, [values[index] for index in dual], [best[index] for index in dual], axis, nest, place
    )

    # All ranks but the winner send zero bits: the sum of integers has the winner's bits, the sign of a zero included.
    parts = [components(operands[index]) for index in dual]
    chosen = [
        np.where(winner == axis.rank, array, 0).astype(array.dtype).view(_BITS[array.dtype.itemsize])
        for winner, part in zip(winners, parts)
        for levels, array in part.items()
        if levels
    ]
    tangents = iter(plan_for(SUM, chosen, axis, f"{nest}: tangents of {operation}").run(chosen, None, place))
    results: list[Any] = list(best)
    for index, part in zip(dual, parts):
        results[index] = assemble(
            {
                levels: next(tangents).view(array.dtype) if levels else np.asarray(best[index])
                for levels, array in part.items()
            }
        )
    return results
