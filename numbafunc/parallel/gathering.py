"""Collective functions that move data between ranks: of arrays, numbers and nests."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import on_device, value_of
from numbafunc.dual.trees import flatten, flatten_with_names
from numbafunc.errors import ShapeError
from numbafunc.interrupts import held_back
from numbafunc.kinds.arguments import as_int, check_flag
from numbafunc.limits import MOST_AXES
from numbafunc.parallel import axes
from numbafunc.parallel.axes import Axis
from numbafunc.parallel.call_site import Place, digest_of
from numbafunc.parallel.device import through_main_memory
from numbafunc.parallel.dtypes import MAX, SUM, as_leaf, wire_of
from numbafunc.parallel.moving import Route, move
from numbafunc.parallel.plan import plan_for
from numbafunc.parallel.tangents import winning_ranks

# The annotations of NumPy's functions don't allow for dual arrays.
_numpy: Any = np

# A function of operands, their names, an axis and the text of the nest.
_Collective = Callable[[Sequence[Any], Sequence[str], Axis, str, Place], list[Any]]


def _on_nest(collective: _Collective, x: Any, axis_name: Any, groups: Any, place: Place) -> Any:
    """The results of a function for the leaves of a nest, each where its operand is."""
    with held_back():  # the axis may be made here, and some functions take two exchanges
        axis = axes.find_made(axis_name, groups, place)
        leaves, structure = flatten(x)
        names = [f"x{name}" for name in flatten_with_names(x)[1]]

        def in_main_memory(host: Sequence[Any]) -> list[Any]:
            operands = [as_leaf(leaf, name) for leaf, name in zip(host, names, strict=True)]
            for operand in operands:
                wire_of(SUM, operand.dtype)  # raises for what is not a number
            for operand, name in zip(operands, names, strict=True):
                if operand.ndim >= MOST_AXES:
                    raise ShapeError(
                        f"{name} has {operand.ndim} axes; wanted: at most {MOST_AXES - 1}, and one for ranks"
                    )
            results = collective(operands, names, axis, str(structure), place)
            # Of an array without axes NumPy's functions make a scalar.
            return [np.asarray(result) if isinstance(result, np.generic) else result for result in results]

        if on_device(*leaves):
            return structure.unflatten(through_main_memory(leaves, in_main_memory))
        return structure.unflatten(in_main_memory(leaves))


def _position(given: Any, ndim: int, argument: str, name: str) -> int:
    """An axis of an array as a number that is not negative."""
    number = as_int(given)
    if number is None:
        raise TypeError(f"{argument} is {given!r}; wanted: an int")
    if not -ndim <= number < ndim:
        raise ValueError(f"{argument} is {given}, but {name} has {ndim} axes")
    return number % ndim


def all_gather(x: Any, axis_name: Any, axis: Any, tiled: bool, groups: Any, place: Place) -> Any:
    """The arrays of all ranks, stacked or joined, on all ranks."""
    tiled = check_flag(tiled, "tiled")

    def gather(operands: Sequence[Any], names: Sequence[str], ranks: Axis, nest: str, place: Place) -> list[Any]:
        joined = [
            _position(axis, operand.ndim + (not tiled), "axis", name)
            for operand, name in zip(operands, names, strict=True)
        ]
        route = Route(f"all_gather{' (tiled)' if tiled else ''} along axis {axis}")
        if not tiled:
            moved = _to_all(route, operands, ranks, nest, place)
            return [_numpy.moveaxis(x, 0, where) for x, where in zip(moved, joined, strict=True)]
        lengths = _lengths(route, operands, joined, ranks, nest, place)
        padded = [_padded(x, where, max(counts)) for x, where, counts in zip(operands, joined, lengths, strict=True)]
        results = []
        for rows, where, counts in zip(_to_all(route, padded, ranks, nest, place), joined, lengths, strict=True):
            before = (slice(None),) * where
            pieces = [rows[(rank, *before, slice(count))] for rank, count in enumerate(counts)]
            results.append(_numpy.concatenate(pieces, axis=where))
        return results

    return _on_nest(gather, x, axis_name, groups, place)


def _to_all(route: Route, operands: Sequence[Any], ranks: Axis, nest: str, place: Place) -> list[Any]:
    copies = [_numpy.broadcast_to(x, (ranks.size, *x.shape)) for x in operands]
    return move(route, copies, [0] * len(copies), ranks, nest, place)


def _lengths(
    route: Route, operands: Sequence[Any], joined: Sequence[int], ranks: Axis, nest: str, place: Place
) -> list[list[int]]:
    """The lengths of all ranks' arrays along the axes along which they are joined; all else has to be the same."""
    own = np.zeros((len(operands), ranks.size), np.int64)
    own[:, ranks.rank] = [x.shape[where] for x, where in zip(operands, joined, strict=True)]
    others = [
        f"{x.dtype} {(*x.shape[:where], '*', *x.shape[where + 1 :])}" for x, where in zip(operands, joined, strict=True)
    ]
    what = f"{nest}: lengths for {route.name} of {', '.join(others)}"
    (everyone,) = plan_for(SUM, [own], ranks, what).run([own], None, place)
    return [list(map(int, counts)) for counts in everyone]


def _padded(x: Any, where: int, length: int) -> Any:
    missing = length - x.shape[where]
    if not missing:
        return x
    shape = (*x.shape[:where], missing, *x.shape[where + 1 :])
    return _numpy.concatenate([x, np.zeros(shape, x.dtype)], axis=where)


def _rows(x: Any, where: int, size: int, tiled: bool, argument: str, name: str) -> Any:
    """The array as one row for each rank along a new first axis; each row has the axis first that was divided."""
    length = x.shape[where]
    if length % size if tiled else length != size:
        wanted = f"a multiple of {size}" if tiled else f"{size}"
        raise ValueError(f"{name} has length {length} along {argument} {where}; wanted: {wanted}, the number of ranks")
    front = _numpy.moveaxis(x, where, 0)
    return front.reshape((size, length // size, *front.shape[1:]))


def reduce_scatter(x: Any, axis_name: Any, axis: Any, tiled: bool, groups: Any, place: Place) -> Any:
    """The part of this rank of the sum over the ranks."""
    tiled = check_flag(tiled, "tiled")

    def scatter(operands: Sequence[Any], names: Sequence[str], ranks: Axis, nest: str, place: Place) -> list[Any]:
        divided = [_position(axis, x.ndim, "axis", name) for x, name in zip(operands, names, strict=True)]
        wires = [wire_of(SUM, x.dtype) for x in operands]
        rows = [
            _rows(x if x.dtype == wire.carried else x.astype(wire.carried), where, ranks.size, tiled, "axis", name)
            for x, wire, where, name in zip(operands, wires, divided, names, strict=True)
        ]
        route = Route(f"reduce_scatter{' (tiled)' if tiled else ''} along axis {axis}")
        results = []
        for moved, wire, where in zip(
            move(route, rows, [0] * len(rows), ranks, nest, place), wires, divided, strict=True
        ):
            total = moved[0]
            for row in range(1, ranks.size):  # in the order of the ranks
                total = total + moved[row]
            total = _numpy.moveaxis(total, 0, where) if tiled else total[0]
            results.append(total if total.dtype == wire.result else total.astype(wire.result))
        return results

    with np.errstate(all="ignore"):
        return _on_nest(scatter, x, axis_name, groups, place)


def all_to_all(
    x: Any, axis_name: Any, split_axis: Any, concat_axis: Any, tiled: bool, groups: Any, place: Place
) -> Any:
    """The parts for this rank of the arrays of all ranks, stacked or joined."""
    tiled = check_flag(tiled, "tiled")

    def exchange(operands: Sequence[Any], names: Sequence[str], ranks: Axis, nest: str, place: Place) -> list[Any]:
        split = [_position(split_axis, x.ndim, "split_axis", name) for x, name in zip(operands, names, strict=True)]
        joined = [_position(concat_axis, x.ndim, "concat_axis", name) for x, name in zip(operands, names, strict=True)]
        rows = [
            _rows(x, where, ranks.size, tiled, "split_axis", name)
            for x, where, name in zip(operands, split, names, strict=True)
        ]
        route = Route(f"all_to_all{' (tiled)' if tiled else ''} from axis {split_axis} to axis {concat_axis}")
        results = []
        for moved, where, target in zip(
            move(route, rows, [0] * len(rows), ranks, nest, place), split, joined, strict=True
        ):
            if tiled:
                pieces = [_numpy.moveaxis(moved[rank], 0, where) for rank in range(ranks.size)]
                results.append(_numpy.concatenate(pieces, axis=target))
            else:
                results.append(_numpy.moveaxis(moved[:, 0], 0, target))
        return results

    return _on_nest(exchange, x, axis_name, groups, place)


def ppermute(x: Any, axis_name: Any, perm: Any, groups: Any, place: Place) -> Any:
    """The arrays of the ranks that send to this one, or zeros."""
    try:
        pairs = tuple(sorted((operator.index(source), operator.index(target)) for source, target in perm))
    except (TypeError, ValueError):
        raise TypeError(f"perm is {perm!r}; wanted: pairs of ranks, each of a sender and a receiver") from None

    def permute(operands: Sequence[Any], names: Sequence[str], ranks: Axis, nest: str, place: Place) -> list[Any]:
        for who, members in zip(("senders", "receivers"), zip(*pairs)):
            if len(set(members)) != len(members):
                raise ValueError(f"perm is {perm!r}, which has a rank twice among its {who}")
            if not all(0 <= rank < ranks.size for rank in members):
                raise ValueError(f"perm is {perm!r}; wanted: ranks from 0 to {ranks.size - 1} of axis {ranks.label!r}")
        return move(Route(f"ppermute {list(pairs)}", pairs), operands, [0] * len(operands), ranks, nest, place)

    return _on_nest(permute, x, axis_name, groups, place)


def barrier(axis_name: Any, groups: Any, place: Place) -> None:
    """Wait for all ranks."""
    axis = axes.find(axis_name, groups, place)
    if axis.size > 1:
        axis.agree(digest_of("barrier"), f"barrier over {axis.label!r}", place)


def pscan(x: Any, axis_name: Any, op: Any, exclusive: Any, groups: Any, place: Place) -> Any:
    """The sum or maximum over the ranks up to this one."""
    if not isinstance(op, str) or op not in _SCANS:
        raise ValueError(f"op is {op!r}; wanted: 'sum' or 'max'")
    exclusive = check_flag(exclusive, "exclusive")
    operation, least, combine = _SCANS[op]

    def scan(operands: Sequence[Any], names: Sequence[str], ranks: Axis, nest: str, place: Place) -> list[Any]:
        wires = [wire_of(operation, x.dtype) for x in operands]
        values = [
            x if x.dtype == wire.carried else x.astype(wire.carried) for x, wire in zip(operands, wires, strict=True)
        ]

        def from_below(distance: int) -> list[Any]:
            pairs = tuple((rank, rank + distance) for rank in range(ranks.size - distance))
            which = "exclusive" if exclusive else "inclusive"
            route = Route(f"pscan of {op}, {which}, over a distance of {distance}", pairs)
            return move(route, values, [0] * len(values), ranks, nest, place)

        distance = 1
        while distance < ranks.size:  # each round doubles the number of ranks that a value is of
            below = from_below(distance)
            if ranks.rank >= distance:
                values = [combine(lower, value) for lower, value in zip(below, values, strict=True)]
            distance *= 2
        if exclusive:
            values = from_below(1)
            if ranks.rank == 0:
                values = [value + least(value.dtype) for value in values]
        return [
            value if value.dtype == wire.result else value.astype(wire.result)
            for value, wire in zip(values, wires, strict=True)
        ]

    with np.errstate(all="ignore"):
        return _on_nest(scan, x, axis_name, groups, place)


def _larger(lower: Any, value: Any) -> Any:
    """The larger one element by element, that of the lower rank at ties; NaN wins."""
    first, second = value_of(lower), value_of(value)
    return _numpy.where((first >= second) | np.isnan(first), lower, value)


def _least(dtype: np.dtype[Any]) -> Any:
    """What every number of a dtype is at least."""
    return dtype.type(-np.inf if dtype.kind == "f" else np.iinfo(dtype).min)


_SCANS: dict[Any, Any] = {
    "sum": (SUM, lambda dtype: dtype.type(0), operator.add),
    "max": (MAX, _least, _larger),
}


def winner(x: Any, operation: str, axis_name: Any, groups: Any, place: Place) -> Any:
    """The lowest rank that has the maximum or minimum, for each element."""

    def find(operands: Sequence[Any], names: Sequence[str], ranks: Axis, nest: str, place: Place) -> list[Any]:
        values = [value_of(operand) for operand in operands]
        nest = f"{nest}, for its rank"
        best = plan_for(operation, values, ranks, nest).run(values, None, place)
        return [found.astype(np.int64) for found in winning_ranks(operation, values, best, ranks, nest, place)]

    return _on_nest(find, x, axis_name, groups, place)
