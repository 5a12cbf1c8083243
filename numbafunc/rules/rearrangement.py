"""Rules of functions that only say where each element of the result comes from.

NumPy's own function is run on the positions of the elements in place of the elements, and everything, value and
tangents, is gathered by what it gives. So the table names for each function the
arguments that hold elements, and nothing else. Functions that are views in NumPy are made of views here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from numbafunc.dual.array import FUNCTION_RULES, Dual, Operand, value_of
from numbafunc.dual.storage import gather
from numbafunc.rules.linear import into, refuse, reordered, rule_for

_UNSET: Any = np._NoValue


def rearranged(operands: Sequence[Operand], function: Callable[..., Any]) -> Any:
    """What ``function(*operands)`` gives, for a function that does nothing but move, repeat and leave out elements."""
    dtype = np.result_type(*(x if type(x) in (int, float, complex) else np.result_type(x) for x in operands))
    arrays = [x if type(x) is Dual else np.asarray(x, dtype) for x in operands]
    positions, start = [], 0
    for array in arrays:
        positions.append(np.arange(start, start + array.size).reshape(array.shape))
        start += array.size
    order = function(*positions)
    flat = [np.reshape(array, (array.size,)) for array in arrays]
    elements = flat[0] if len(flat) == 1 else np.concatenate(flat)
    return gather(elements, order)


@rule_for(np.append)
def _append(arr: Operand, values: Operand, axis: int | None = None) -> Any:
    if axis is None:
        arr, values = np.ravel(arr), np.ravel(values)
    return np.concatenate([arr, values], 0 if axis is None else axis)


@rule_for(np.insert)
def _insert(arr: Operand, obj: Any, values: Operand, axis: int | None = None) -> Any:
    if type(arr) is not Dual:
        arr = np.asarray(arr)
    if type(values) is Dual:
        if arr.dtype != np.result_type(arr.dtype, values.dtype):
            raise TypeError(f"numpy.insert: an array of dtype {arr.dtype} can't hold values that are dual arrays")
        values = values.astype(arr.dtype)
    else:
        values = np.asarray(values, arr.dtype)
    return rearranged([arr, values], lambda a, v: np.insert(a, value_of(obj), v, axis))


@rule_for(np.delete)
def _delete(arr: Operand, obj: Any, axis: int | None = None) -> Any:
    return rearranged([arr], lambda a: np.delete(a, obj, axis))


@rule_for(np.resize)
def _resize(a: Operand, new_shape: Any) -> Any:
    if a.size == 0:
        return np.zeros(new_shape, a.dtype)
    return rearranged([a], lambda v: np.resize(v, new_shape))


@rule_for(np.tile)
def _tile(A: Operand, reps: Any) -> Any:
    return rearranged([A], lambda v: np.tile(v, reps))


@rule_for(np.compress)
def _compress(condition: Any, a: Operand, axis: int | None = None, out: Any = None) -> Any:
    return into(out, rearranged([a], lambda v: np.compress(value_of(condition), v, axis)), "compress")


@rule_for(np.extract)
def _extract(condition: Any, arr: Operand) -> Any:
    return rearranged([arr], lambda v: np.extract(value_of(condition), v))


@rule_for(np.choose)
def _choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    if type(a) is Dual:
        raise TypeError("numpy.choose: a dual array can't be the choice, which is an index")
    choices = list(choices)
    return into(out, rearranged(choices, lambda *v: np.choose(a, v, mode=mode)), "choose")


@rule_for(np.trim_zeros)
def _trim_zeros(filt: Operand, trim: str = "fb", axis: Any = None) -> Any:
    refuse("trim_zeros", axis=axis)
    nonzero = np.flatnonzero(value_of(filt))
    first = int(nonzero[0]) if nonzero.size and "f" in trim.lower() else 0 if nonzero.size else len(filt)
    last = int(nonzero[-1]) + 1 if nonzero.size and "b" in trim.lower() else len(filt)
    return filt[first:last]


@rule_for(np.diag)
def _diag(v: Operand, k: int = 0) -> Any:
    if v.ndim == 2:
        return np.diagonal(v, k)
    np.diag(value_of(v), k)  # errors
    with_zero = np.concatenate([np.zeros(1, v.dtype), v])
    return gather(with_zero, np.diag(np.arange(1, v.size + 1), k))


@rule_for(np.diagflat)
def _diagflat(v: Operand, k: int = 0) -> Any:
    return np.diag(np.ravel(v), k)


# Views.


@rule_for(np.rollaxis)
def _rollaxis(a: Operand, axis: int, start: int = 0) -> Any:
    np.rollaxis(np.empty((0,) * a.ndim), axis, start)  # errors
    axis = normalize_axis_index(axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


@rule_for(np.atleast_3d)
def _atleast_3d(*arys: Operand) -> Any:
    results = tuple(reordered(x, np.atleast_3d) if type(x) is Dual else np.atleast_3d(x) for x in arys)
    return results[0] if len(results) == 1 else results


@rule_for(np.fliplr)
def _fliplr(m: Operand) -> Any:
    if m.ndim < 2:
        raise ValueError("Input must be >= 2-d.")
    return np.flip(m, 1)


@rule_for(np.flipud)
def _flipud(m: Operand) -> Any:
    if m.ndim < 1:
        raise ValueError("Input must be >= 1-d.")
    return np.flip(m, 0)


@rule_for(np.rot90)
def _rot90(m: Operand, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    np.rot90(value_of(m), k, axes)  # errors
    first, second = axes
    if k % 4 == 0:
        return m[:]
    if k % 4 == 2:
        return np.flip(np.flip(m, first), second)
    if k % 4 == 1:
        return np.swapaxes(np.flip(m, second), first, second)
    return np.flip(np.swapaxes(m, first, second), second)


@rule_for(np.array_split)
def _array_split(ary: Operand, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    axis = normalize_axis_index(axis, ary.ndim)
    pieces = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
    before = (slice(None),) * axis
    return [ary[(*before, slice(int(p[0]), int(p[-1]) + 1) if p.size else slice(0, 0))] for p in pieces]


def _define_split(function: Any, axis: int) -> None:
    @rule_for(function)
    def rule(ary: Operand, indices_or_sections: Any) -> list[Any]:
        function(value_of(ary), indices_or_sections)  # errors
        return FUNCTION_RULES[np.split](ary, indices_or_sections, 0 if ary.ndim == 1 else axis)  # type: ignore[no-any-return]


_define_split(np.hsplit, 1)
_define_split(np.vsplit, 0)
_define_split(np.dsplit, 2)

# NumPy 2.1 added it.
if hasattr(np, "unstack"):

    @rule_for(np.unstack)
    def _unstack(x: Operand, /, *, axis: int = 0) -> tuple[Any, ...]:
        if x.ndim == 0:
            raise ValueError("Input array must be at least 1-d.")
        return tuple(np.moveaxis(x, axis, 0))


# Joined.


@rule_for(np.dstack)
def _dstack(tup: Sequence[Operand]) -> Any:
    return np.concatenate([np.atleast_3d(x) for x in tup], 2)


@rule_for(np.column_stack)
def _column_stack(tup: Sequence[Operand]) -> Any:
    arrays = [x if type(x) is Dual else np.asarray(x) for x in tup]
    return np.concatenate([x if x.ndim >= 2 else np.reshape(x, (-1, 1)) for x in arrays], 1)


@rule_for(np.block)
def _block(arrays: Any) -> Any:
    depth = _depth(arrays)
    ndim = max(depth, _most_axes(arrays))

    def join(nest: Any, level: int) -> Any:
        if not isinstance(nest, list):
            return np.reshape(nest, (1,) * (ndim - np.ndim(nest)) + np.shape(nest))
        return np.concatenate([join(one, level + 1) for one in nest], ndim - depth + level)

    return join(arrays, 0).copy() if not isinstance(arrays, list) else join(arrays, 0)


def _depth(nest: Any) -> int:
    if not isinstance(nest, list):
        return 0
    depths = {_depth(one) for one in nest}
    if not nest:
        raise ValueError("List at arrays cannot be empty")
    if len(depths) > 1:
        raise ValueError("List depths are mismatched")
    return 1 + depths.pop()


def _most_axes(nest: Any) -> int:
    return max(map(_most_axes, nest)) if isinstance(nest, list) else np.ndim(nest)


# Grids.


@rule_for(np.meshgrid)
def _meshgrid(*xi: Operand, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    options: dict[str, Any] = {"sparse": True, "indexing": indexing}
    shapes = [grid.shape for grid in np.meshgrid(*(np.empty(np.size(x)) for x in xi), **options)]
    grids = [np.reshape(x, shape) for x, shape in zip(xi, shapes, strict=True)]
    if not sparse:
        grids = list(np.broadcast_arrays(*grids))
    return tuple(x.copy() for x in grids) if copy else tuple(grids)


@rule_for(np.ix_)
def _ix(*args: Operand) -> tuple[Any, ...]:
    shapes = [grid.shape for grid in np.ix_(*(np.empty(np.shape(x)) for x in args))]
    plain = np.ix_(*(x if type(x) is not Dual else np.empty(x.shape) for x in args))
    return tuple(
        np.reshape(x, shape) if type(x) is Dual else grid for x, shape, grid in zip(args, shapes, plain, strict=True)
    )
