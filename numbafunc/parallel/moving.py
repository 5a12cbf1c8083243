"""Movements: pieces of arrays go from rank to rank, and nothing is computed with them. All are linear.

The other collective functions that move data are made of these and of NumPy's functions, whose rules give them their
derivatives: the transpose of a copy to all ranks is a sum of what comes from all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from numbafunc.dual.array import Dual, assemble, components
from numbafunc.dual.products import whole
from numbafunc.dual.recorded import recorded_level
from numbafunc.parallel.axes import Axis
from numbafunc.parallel.call_site import Place, digest_of
from numbafunc.parallel.dtypes import element
from numbafunc.parallel.tangents import apart_from_recorded, describe_derivatives, shared_step

_MOST = 2**31 - 1


class Route(NamedTuple):
    """What goes where.

    Attributes
    ----------
    name : str
        The call, for messages and for the comparison of the ranks.
    pairs : tuple of (int, int) or None
        The ranks that send their array and those that get it. None: row number r of an array goes to rank r, which
        has it as the row with the number of the sender.
    """

    name: str
    pairs: tuple[tuple[int, int], ...] | None = None

    def back(self) -> Route:
        """The transpose."""
        pairs = None if self.pairs is None else tuple((target, source) for source, target in self.pairs)
        return Route(f"the transpose of {self.name}", pairs)


class Movement:
    """The exchange for arrays of given shapes and dtypes, worked out once and kept."""

    def __init__(self, route: Route, forms: Sequence[tuple[tuple[int, ...], np.dtype[Any]]], nest: str, axis: Axis):
        self.axis = axis
        self._route = route
        self._forms, self._nest = forms, nest
        self._digest = digest_of(*route, [(shape, dtype.name) for shape, dtype in forms], nest)
        self._text = axis.text(self.describe())
        self._complete = route.pairs is None or any(target == axis.rank for _, target in route.pairs)
        tables = [self._counts(int(np.prod(shape))) for shape, _ in forms]
        self._tables = np.array(tables, np.int32).reshape(len(forms), 4, axis.size)
        from numbafunc.parallel import exchange

        steps = [
            exchange.moving(table.ctypes.data, element(dtype.itemsize))
            for table, (_, dtype) in zip(self._tables, forms, strict=True)
        ]
        self._steps = np.array(steps, np.int64).reshape(len(steps), exchange.WIDTH)
        self._columns = exchange.SOURCE, exchange.TARGET

    def _counts(self, size: int) -> list[list[int]]:
        ranks, rank = range(self.axis.size), self.axis.rank
        if size > _MOST:
            raise ValueError(f"x has {size} elements; {self._route.name} takes at most {_MOST}")
        if self._route.pairs is None:
            row = size // self.axis.size
            counts, offsets = [row] * len(ranks), [other * row for other in ranks]
            return [counts, offsets, counts, offsets]
        sent = [size * ((rank, other) in self._route.pairs) for other in ranks]
        received = [size * ((other, rank) in self._route.pairs) for other in ranks]
        return [sent, [0] * len(ranks), received, [0] * len(ranks)]

    def describe(self) -> str:
        """The call, for messages."""
        shown = ", ".join(f"{dtype} {shape}" for shape, dtype in self._forms[:_SHOWN])
        more = f" and {len(self._forms) - _SHOWN} more" if len(self._forms) > _SHOWN else ""
        return f"{self._route.name} of {shown}{more}, in {self._nest} over {self.axis.label!r}"

    def run(self, arrays: Sequence[Any], place: Place) -> list[Any]:
        """New arrays with what this rank gets."""
        results = [np.empty_like(x) if self._complete else np.zeros_like(x) for x in arrays]
        steps = self._steps.copy()
        source, target = self._columns
        for step, x, result in zip(steps, arrays, results, strict=True):
            step[source], step[target] = x.ctypes.data, result.ctypes.data
        self.axis.exchange(self._digest, self.describe, self._text, place, steps)
        return results


_SHOWN = 8


def move(route: Route, operands: Sequence[Any], rows: Sequence[int], axis: Axis, nest: str, place: Place) -> list[Any]:
    """What each rank gets of arrays and dual arrays, in one exchange; shapes and dtypes stay.

    ``rows`` is the axis of each operand along which the rows of the route are.
    """
    if recorded_level(*operands):
        return _move_recorded(route, operands, rows, axis, nest, place)
    parts = [components(operand) if type(operand) is Dual else {(): operand} for operand in operands]
    nest = f"{nest}, with derivatives {describe_derivatives(operands)}"
    arrays, places = [], []
    for part, row in zip(parts, rows, strict=True):
        for array in part.values():
            position = array.ndim - part[()].ndim + row if route.pairs is None else 0
            places.append(position)
            arrays.append(np.asarray(np.moveaxis(array, position, 0) if position else array, order="C"))
    if axis.size == 1:
        kept = route.pairs is None or bool(route.pairs)
        moved = [np.copy(array) if kept else np.zeros_like(array) for array in arrays]
    else:
        forms = tuple((array.shape, array.dtype) for array in arrays)
        key = (route, nest, forms)
        movement = axis.plans.get(key)
        if movement is None:
            movement = axis.plans[key] = Movement(route, forms, nest, axis)
        moved = movement.run(arrays, place)
    results = iter([np.moveaxis(array, 0, position) if position else array for array, position in zip(moved, places)])
    return [assemble({key: next(results) for key in part}) for part in parts]


def _move_recorded(
    route: Route, operands: Sequence[Any], rows: Sequence[int], axis: Axis, nest: str, place: Place
) -> list[Any]:
    nest = f"{nest}, with recorded derivatives {describe_derivatives(operands)}"
    rests, recorded = apart_from_recorded(operands)
    values = [whole(x) for x in move(route, rests, rows, axis, nest, place)]
    results = []
    for operand, value, parts, row in zip(operands, values, recorded, rows, strict=True):
        result = components(value)
        for key, part in parts.items():
            result[key] = _step(route, operand, part, row + len(part.shape) - operand.ndim, axis, nest, place)
        results.append(assemble(result))
    return results


def _step(route: Route, operand: Any, part: Any, row: int, axis: Axis, nest: str, place: Place) -> Any:
    back = route.back()
    return shared_step(
        route.name,
        lambda x: move(route, [x], [row], axis, nest, place)[0],
        lambda x: move(back, [x], [row], axis, nest, place)[0],
        operand,
        part,
        axis,
    )
