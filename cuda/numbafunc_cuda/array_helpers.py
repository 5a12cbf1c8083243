"""Helpers of derivatives on arrays of a device, the counterparts of :mod:`numbafunc.autodiff.array_helpers`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, assemble, components, value_of
from numbafunc.rules.device_ufuncs import copied_into
from numbafunc_cuda.arrays import View, arranged, contiguous, empty, numba_array, part_of, view, with_axis, without_axis
from numbafunc_cuda.fill import units, zeros


def adopt(x: Any, name: str) -> Any:
    """Numba's array on the memory of any array of a device."""
    return numba_array(view(x, name))


def mapped(function: Callable[[View, int], View], x: Any, name: str = "x") -> Any:
    """A Dual, or an array, with a function of each component and its number of levels in the place of components."""
    parts = {levels: function(view(part, name), len(levels)) for levels, part in components(x).items()}
    return assemble({levels: part.array for levels, part in parts.items()})


def as_column(x: Any) -> Any:
    """An array with a new last axis of length 1."""
    found = view(x, "x")
    return with_axis(found, found.ndim).array


def with_axes(x: Any, positions: Sequence[int]) -> Any:
    """An array, or a Dual, with new axes of length 1, each at its position behind the directions when it is added."""

    def grown(part: View, levels: int) -> View:
        for position in positions:
            part = with_axis(part, levels + position)
        return part

    return mapped(grown, x)


def add_direction(direction: Any) -> Any:
    """A direction as the tangents along one."""
    return mapped(lambda part, levels: with_axis(part, levels), direction)


def only_direction(tangent: Any) -> Any:
    """The tangent along the only direction."""
    return mapped(lambda part, levels: without_axis(part, levels), tangent)


def nothing(shape: Sequence[int], dtype: np.dtype[Any], like: Any) -> Any:
    """Zeros where another array is."""
    return zeros(tuple(shape), dtype, view(value_of(like), "x").stream).array


def unit_directions(count: int, shift: int, x: Any) -> Any:
    """Tangents of an array along directions, of which number ``i`` moves the element ``i + shift``."""
    found = view(value_of(x), "x")
    matrix = units(count, found.size, shift, found.dtype, found.stream)
    shape = (count, *found.shape)
    return arranged(matrix, shape, contiguous(shape, found.dtype.itemsize)).array


def joined(pieces: Sequence[Any]) -> Any:
    """Arrays, or Duals, joined along the first axis."""
    if len(pieces) == 1:
        return pieces[0]
    if any(type(piece) is Dual for piece in pieces):
        raise TypeError("derivatives of a device are taken in one run inside others; pass a larger chunk_size")
    views = [view(piece, "x") for piece in pieces]
    first = views[0]
    result = empty((sum(v.shape[0] for v in views), *first.shape[1:]), first.dtype, None, first.stream)
    start = 0
    for found in views:
        copied_into(part_of(result, start, found.shape[0]).array, found.array)
        start += found.shape[0]
    return result.array


def part(gradient: Any, start: int, stop: int, x: Any) -> Any:
    """The part of a gradient that belongs to a leaf, in its shape and dtype."""

    def cut(found: View, levels: int) -> View:
        rows = part_of(found, start, stop - start, levels)
        shape = (*rows.shape[:levels], *x.shape)
        strides = (*rows.strides[:levels], *(step * rows.strides[levels] for step in contiguous(x.shape)))
        own = arranged(rows, shape, strides)
        result = empty(shape, value_of(x).dtype, None, found.stream)
        copied_into(result.array, own.array)
        return result

    return mapped(cut, gradient)


def block(rows: Any, start: int, stop: int, shape: Sequence[int], x: Any) -> Any:
    """The part of a Jacobian, whose directions come first, that belongs to a leaf: they become its axes."""

    def turned(found: View, levels: int) -> View:
        own = part_of(found, start, stop - start, levels)
        before, after = own.shape[:levels], own.shape[levels + 1 :]
        axes = (*range(levels), *range(levels + 1, own.ndim), levels)
        moved = arranged(own, tuple(own.shape[a] for a in axes), tuple(own.strides[a] for a in axes))
        result = empty((*before, *after, stop - start), found.dtype, None, found.stream)
        copied_into(result.array, moved.array)
        final = (*before, *shape, *x.shape)
        return arranged(result, final, contiguous(final, found.dtype.itemsize))

    return mapped(turned, rows)


def apart(change: Any, given: Sequence[Any]) -> Any:
    """A tangent in memory of its own."""
    if type(change) is Dual or not any(view(change, "x").overlaps(view(one, "x")) for one in given):
        return change
    found = view(change, "x")
    result = empty(found.shape, found.dtype, None, found.stream)
    copied_into(result.array, change)
    return result.array
