"""Transposes of functions that take elements, or assign or add to them, by indices."""

from __future__ import annotations

import operator
from typing import Any

import numpy
from numpy.lib.array_utils import normalize_axis_index

from numbafunc.dual.recorder import RECORDED_METHODS, At, Primitive, Recorder
from numbafunc.dual.storage import is_basic
from numbafunc.transposes.register import records
from numbafunc.transposes.shape import outline, reshaped

# The annotations of NumPy's functions don't allow for recorders.
np: Any = numpy

_function: Any


def _positions(shape: Any, key: Any) -> Any:
    """The positions, in row-major order, of the elements that an index selects."""
    size = int(np.prod(shape, dtype=np.int64))
    return np.asarray(np.arange(size).reshape(shape)[key])


# A part that an index of numbers and slices selects, in which no element occurs twice.

PART = Primitive("indexing", operator.getitem, lambda cotangent, place, x, key: At(key, cotangent))

# Elements at positions in row-major order, which may repeat.

ELEMENTS = Primitive(
    "indexing by arrays",
    lambda x, positions: x.reshape(-1)[positions],
    lambda cotangent, place, x, positions: At(positions, cotangent, flat=True),
)


def elements(x: Recorder, positions: Any) -> Recorder:
    """The elements at positions in row-major order, in the shape of these."""
    return ELEMENTS.of(x, positions.shape, x.dtype, positions)


@records(operator.getitem)
def _getitem(x: Recorder, key: Any) -> Recorder:
    if is_basic(key):
        return PART.of(x, outline(x)[key].shape, x.dtype, key)
    return elements(x, _positions(x.shape, key))


@records(np.take)
def _take(x: Recorder, indices: Any, axis: int | None = None, out: Any = None, mode: Any = "raise") -> Recorder:
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    return elements(x, np.take(np.arange(x.size).reshape(x.shape), indices, axis, None, mode))


def _rearranging(function: Any) -> None:
    """Register a function that moves, repeats and leaves out elements, by what it makes of their positions."""

    @records(function)
    def step(x: Recorder, *args: Any, **options: Any) -> Recorder:
        return elements(x, np.asarray(function(np.arange(x.size).reshape(x.shape), *args, **options)))


for _function in (
    np.take_along_axis,
    np.diagonal,
    np.repeat,
    np.roll,
    np.tile,
    np.resize,
    np.lib.stride_tricks.sliding_window_view,
):
    _rearranging(_function)


def _triangle(function: Any) -> None:
    @records(function)
    def step(x: Recorder, k: int = 0) -> Any:
        return np.where(function(np.ones(x.shape[-2:], bool), k), x, 0)


for _function in (np.tril, np.triu):
    _triangle(_function)


# Assignment. The value that is stored may be zero, where a constant replaces elements that have tangents.


def _assigned(x: Any, values: Any, key: Any) -> Any:
    x = x.copy()
    x[key] = values
    return x


def _assigned_transpose(cotangent: Any, place: int, x: Any, values: Any, key: Any) -> Any:
    if place == 1:
        # The walk goes on to write to the cotangent.
        return cotangent[key].copy()
    cotangent[key] = 0
    return cotangent


ASSIGNED = Primitive("assignment", _assigned, _assigned_transpose, overwrites=True)


@records(operator.setitem)
def assigned(x: Recorder, key: Any, values: Any) -> Recorder:
    """What ``x`` becomes when a part of it is replaced."""
    if not is_basic(key):
        # Of several values for one element the last one counts.
        positions = _positions(x.shape, key)
        places = np.arange(positions.size)
        winner = np.full(x.size, -1)
        winner[positions.reshape(-1)] = places
        last = winner[positions.reshape(-1)] == places
        if type(values) is Recorder:
            if values.shape != positions.shape:
                values = np.broadcast_to(values, positions.shape)
            values = elements(values, np.flatnonzero(last))
        flat = ASSIGNED.record((x.size,), x.dtype, reshaped(x, (x.size,)), values, positions.reshape(-1)[last])
        return reshaped(flat, x.shape)
    if type(values) is Recorder:
        shape = outline(x)[key].shape
        if values.ndim > len(shape):
            values = reshaped(values, values.shape[values.ndim - len(shape) :])
        if values.shape != shape:
            values = np.broadcast_to(values, shape)
    return ASSIGNED.record(x.shape, x.dtype, x, values, key)


def _added(x: Any, values: Any, positions: Any) -> Any:
    x = x.copy()
    np.add.at(x.reshape(-1), positions.reshape(-1), np.broadcast_to(values, positions.shape).reshape(-1))
    return x


ADDED = Primitive(
    "add.at",
    _added,
    lambda cotangent, place, x, values, positions: cotangent.reshape(-1)[positions] if place == 1 else cotangent,
)


def _add_at(x: Recorder, key: Any, values: Any) -> None:
    if type(values) is Recorder:
        x.become(ADDED.record(x.shape, x.dtype, x, values, _positions(x.shape, key)))


RECORDED_METHODS[np.add, "at"] = _add_at
RECORDED_METHODS[np.subtract, "at"] = lambda x, key, values: _add_at(x, key, -values)


# Sums over bins and over segments.


def _counted_transpose(cotangent: Any, place: int, bins: Any, weights: Any, size: int) -> Any:
    return cotangent[bins]


COUNTED = Primitive("bincount", lambda bins, weights, size: np.bincount(bins, weights, size), _counted_transpose)


@records(np.bincount)
def _bincount(bins: Any, weights: Recorder, minlength: int = 0) -> Recorder:
    size = max(minlength, int(np.max(bins, initial=-1)) + 1)
    return COUNTED.record((size,), np.dtype(np.float64), np.asarray(bins), weights, size)


def _segments_transpose(cotangent: Any, place: int, x: Any, indices: Any, axis: int) -> Any:
    length = x.shape[axis]
    stops = np.append(indices[1:], length)
    counts = np.where(stops > indices, stops - indices, 1)
    owners = np.repeat(np.arange(len(indices)), counts)
    sources = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(indices, counts)
    positions = np.take(np.arange(x.size).reshape(x.shape), sources, axis)
    return At(positions, np.take(cotangent, owners, axis), flat=True)


SEGMENTS = Primitive("add.reduceat", lambda x, indices, axis: np.add.reduceat(x, indices, axis), _segments_transpose)


def _reduceat(x: Recorder, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Recorder:
    axis, indices = normalize_axis_index(axis, x.ndim), np.asarray(indices)
    shape = (*x.shape[:axis], len(indices), *x.shape[axis + 1 :])
    return SEGMENTS.of(x, shape, x.dtype, indices, axis)


RECORDED_METHODS[np.add, "reduceat"] = _reduceat
