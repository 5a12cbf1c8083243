"""Functions of device arrays for drivers of derivatives and single ops: see :class:`numbafunc.backend.Backend`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numbafunc.backend import is_device_array
from numbafunc.dual.array import Dual, assemble, components, value_of
from numbafunc.kinds.arguments import shape_of
from numbafunc.ops.cross_entropy import inner_product
from numbafunc.rules.device_ufuncs import apply, converted, copied_into
from numbafunc_cuda.arrays import View, arranged, empty, numba_array, part_of, view, with_axis
from numbafunc_cuda.fill import units, zeros
from numbafunc_cuda.layout import contiguous
from numbafunc_cuda.steps import reshape, selected, transpose


def adopt(x: Any, name: str) -> Any:
    """Numba's array on the memory of any array of a device."""
    return numba_array(view(x, name))


def mapped(function: Callable[[View, int], View], x: Any, name: str = "x") -> Any:
    """The Dual, or array, whose components are ``function(component, number of levels)`` of those of another."""
    parts = {levels: function(view(part, name), len(levels)) for levels, part in components(x).items()}
    return assemble({levels: part.array for levels, part in parts.items()})


def labels(given: Any, ndim: int, classes: int) -> Any:
    """Labels of rows with a new last axis; a single one stays a number, which kernels take as an argument."""
    if not is_device_array(given):
        return given
    found = view(given, "labels")
    return with_axis(found, found.ndim).array


def dot(p: Any, ratio: Any, q: Any, dtype: np.dtype[Any]) -> Any:
    """:func:`numpy.dot` of operands of which the second is an array of the device, or a Dual of such."""
    rows, columns = shape_of(p), tuple(ratio.shape)
    if not rows or not columns:
        return apply(np.multiply, p, ratio)
    if len(columns) > 1:
        # The sum is over the last axis but one of what both are broadcast to.
        p = reshape(p, (*rows[:-1], *(1,) * (len(columns) - 2), rows[-1], 1))
        rows = (*rows[:-1], *columns)
    return inner_product((p, ratio), (len(rows) - min(2, len(columns)),), dtype, shape=rows, names=("p", "log(p / q)"))


def ufunc(function: np.ufunc, *operands: Any) -> Any:
    """A ufunc of arrays of a device, or Duals of such."""
    return apply(function, *operands)


def convert(x: Any, dtype: np.dtype[Any]) -> Any:
    """A new array, or Dual, with the elements in another dtype."""
    if dtype.kind == "c":
        raise TypeError(f"astype({dtype}) of an array of a CUDA device; wanted: a real floating dtype")
    return converted(x, dtype)


def full(shape: Sequence[int], value: float, dtype: np.dtype[Any], like: Any) -> Any:
    """A new array filled with one number, on the stream of another array."""
    return apply(np.add, nothing(shape, dtype, like), value)


def add_direction(direction: Any) -> Any:
    """A direction as the tangents along one."""
    return reshape(direction, (1, *direction.shape))


def only_direction(tangent: Any, given: Sequence[Any]) -> Any:
    """The tangent along the only direction, in memory apart from some arrays."""
    change = selected(tangent, 0)
    if type(change) is Dual:
        return change
    others = [view(one, "x") for one in given if type(one) is not Dual and is_device_array(one)]
    if any(view(change, "x").overlaps(other) for other in others):
        return converted(change, change.dtype)
    return change


def nothing(shape: Sequence[int], dtype: np.dtype[Any], like: Any) -> Any:
    """A new array of zeros, on the stream of another array."""
    return zeros(tuple(shape), dtype, view(value_of(like), "x").stream).array


def unit_directions(count: int, shift: int, x: Any) -> Any:
    """Tangents of an array along unit directions: number ``i`` moves element ``i + shift``."""
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
    return converted(reshape(selected(gradient, slice(start, stop)), x.shape), value_of(x).dtype)


def block(rows: Any, start: int, stop: int, shape: Sequence[int], x: Any) -> Any:
    """The part of a Jacobian that belongs to a leaf; its directions, which come first, become the last axes."""
    own = selected(rows, slice(start, stop))
    turned = transpose(own, (*range(1, own.ndim), 0))
    return reshape(converted(turned, own.dtype), (*shape, *x.shape))
