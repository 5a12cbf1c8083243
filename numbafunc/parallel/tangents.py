"""Reductions of dual arrays.

Sums and means act on values and tangents alike. The derivative of a maximum or minimum is that of the rank that wins,
the lowest rank at ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, assemble, components, levels_of, value_of
from numbafunc.parallel.axes import Axis
from numbafunc.parallel.call_site import Place
from numbafunc.parallel.dtypes import MIN, SUM
from numbafunc.parallel.plan import plan_for

_BITS = {2: np.uint16, 4: np.uint32, 8: np.uint64}


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
    with axis:  # three reductions that belong together
        return _extremum(operation, operands, axis, nest, place)


def _extremum(operation: str, operands: Sequence[Any], axis: Axis, nest: str, place: Place) -> list[Any]:
    nest = f"{nest}, with derivatives {describe_derivatives(operands)}"
    values = [value_of(operand) for operand in operands]
    best = plan_for(operation, values, axis, nest).run(values, None, place)

    dual = [index for index, operand in enumerate(operands) if type(operand) is Dual]
    # A NaN that wins is not equal to itself.
    candidates = [
        np.where(
            (values[index] == best[index]) | (np.isnan(values[index]) & np.isnan(best[index])), axis.rank, axis.size
        ).astype(np.int32)
        for index in dual
    ]
    winners = plan_for(MIN, candidates, axis, f"{nest}: winners of {operation}").run(candidates, None, place)

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
