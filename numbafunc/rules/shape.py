"""Rules of functions that change the shape of arrays, or move, repeat, leave out and join their elements.

They are linear: tangents are treated as the value. Functions that give views in NumPy give views here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from numbafunc.dual.array import Dual, Operand, ndim_of, value_of
from numbafunc.dual.axes import axes_of
from numbafunc.dual.storage import gather, view
from numbafunc.limits import broadcast_shapes
from numbafunc.rules.application import linear, rearranged, reordered, several
from numbafunc.rules.arguments import as_array, from_end, into, refuse
from numbafunc.rules.register import register, rule_for


def _refuse_order(function: str, order: str | None) -> None:
    if order not in ("C", "F", None):
        raise TypeError(f"numpy.{function}: only order='C' and order='F' are supported for dual arrays, not {order!r}")


def _behind(axes: Sequence[int], lead: int) -> tuple[int, ...]:
    return tuple(axis + lead for axis in axes)


# Shape only.


@rule_for(np.reshape)
def _reshape(
    a: Operand, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: bool | None = None
) -> Any:
    # The shape's name up to NumPy 2.3.
    shape = newshape if shape is None else shape
    if shape is None:
        raise TypeError("numpy.reshape needs a shape")
    _refuse_order("reshape", order)
    refuse("reshape", copy=copy)
    if order == "F":
        # Column-major order is row-major order of the transposes.
        shape = np.empty(np.shape(a), bool).reshape(shape).shape
        return np.transpose(np.reshape(np.transpose(a), shape[::-1]))
    return reordered(a, lambda v: v.reshape(shape))


@rule_for(np.ravel)
def _ravel(a: Operand, order: str = "C") -> Any:
    _refuse_order("ravel", order)
    # A copy of what is not contiguous, even if it has one axis already.
    return reordered(np.transpose(a) if order == "F" else a, np.ravel)


@rule_for(np.expand_dims)
def _expand_dims(a: Operand, axis: Any) -> Any:
    return reordered(a, lambda v: np.expand_dims(v, axis))


@rule_for(np.squeeze)
def _squeeze(a: Operand, axis: Any = None) -> Any:
    return reordered(a, lambda v: np.squeeze(v, axis))


def _define_at_least(function: Callable[..., Any]) -> None:
    @rule_for(function)
    def rule(*arrays: Operand) -> Any:
        results = tuple(reordered(x, function) for x in arrays)
        return results[0] if len(results) == 1 else results


_define_at_least(np.atleast_1d)
_define_at_least(np.atleast_2d)
_define_at_least(np.atleast_3d)


# Axes exchanged.


@rule_for(np.transpose)  # and numpy.permute_dims, which is the same function
def _transpose(a: Operand, axes: Any = None) -> Any:
    if axes is None:
        return view(a, lambda v, lead: v.transpose((*range(lead), *range(v.ndim - 1, lead - 1, -1))))
    order = normalize_axis_tuple(axes, a.ndim)
    return view(a, lambda v, lead: v.transpose((*range(lead), *_behind(order, lead))))


@rule_for(np.swapaxes)
def _swapaxes(a: Operand, axis1: int, axis2: int) -> Any:
    axis1, axis2 = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    return view(a, lambda v, lead: v.swapaxes(axis1 + lead, axis2 + lead))


@rule_for(np.matrix_transpose)
def _matrix_transpose(x: Operand, /) -> Any:
    return _swapaxes(x, -1, -2)


register(np.linalg.matrix_transpose, _matrix_transpose)


@rule_for(np.moveaxis)
def _moveaxis(a: Operand, source: Any, destination: Any) -> Any:
    old, new = axes_of(source, a.ndim), axes_of(destination, a.ndim)
    return view(a, lambda v, lead: np.moveaxis(v, _behind(old, lead), _behind(new, lead)))


@rule_for(np.broadcast_to)
def _broadcast_to(array: Operand, shape: Any, subok: bool = False) -> Any:
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    extra = len(shape) - np.ndim(array)

    def apply(v: Any, lead: int) -> Any:
        directions, own = v.shape[:lead], v.shape[lead:]
        if lead and extra > 0:
            v = v.reshape((*directions, *(1,) * extra, *own))
        return np.broadcast_to(v, (*directions, *shape))

    return view(array, apply)


@rule_for(np.lib.stride_tricks.sliding_window_view)
def _sliding_window_view(
    x: Operand, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    if writeable:
        raise TypeError("numpy.lib.stride_tricks.sliding_window_view: writeable is not supported for dual arrays")
    lengths = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    if axis is None and len(lengths) != x.ndim:
        raise ValueError(f"window_shape is {lengths}; without axis there must be a length for each of {x.ndim} axes")
    axes = from_end(axis, x.ndim, allow_duplicate=True)
    return view(x, lambda v, lead: np.lib.stride_tricks.sliding_window_view(v, lengths, axes))


@rule_for(np.broadcast_arrays)
def _broadcast_arrays(*args: Operand, subok: bool = False) -> Any:
    shape = broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(x, shape) for x in args)


# Elements taken, repeated and moved.


@rule_for(np.flip)
def _flip(m: Operand, axis: Any = None) -> Any:
    axes = axes_of(axis, m.ndim)
    return view(m, lambda v, lead: np.flip(v, _behind(axes, lead)))


@rule_for(np.roll)
def _roll(a: Operand, shift: Any, axis: Any = None) -> Any:
    if isinstance(shift, int) and (axis is None or isinstance(axis, int)):
        place = None if axis is None else normalize_axis_index(axis, a.ndim)
        return linear(a, lambda v, lead: _rolled(v, shift, lead, place))
    if axis is None:
        return _roll(_ravel(a), shift, 0).reshape(a.shape)
    # The same axis may be rolled twice, and one shift may serve all axes.
    axes = normalize_axis_tuple(axis, a.ndim, allow_duplicate=True)
    return linear(a, lambda v, lead: np.roll(v, shift, _behind(axes, lead)))


def _rolled(v: Any, shift: int, lead: int, axis: int | None) -> Any:
    """An array rolled along one axis behind ``lead`` others, or along all of them in a row: faster than numpy.roll."""
    if axis is None:
        return _rolled(v.reshape((*v.shape[:lead], -1)), shift, lead, 0).reshape(v.shape) if v.size else v.copy()
    before = (slice(None),) * (lead + axis)
    length = v.shape[lead + axis]
    cut = length - shift % length if length else 0
    return np.concatenate((v[(*before, slice(cut, None))], v[(*before, slice(cut))]), lead + axis)


@rule_for(np.repeat)
def _repeat(a: Operand, repeats: Any, axis: int | None = None) -> Any:
    if axis is None:
        a, axis = _ravel(a), 0
    along = normalize_axis_index(axis, a.ndim)
    return linear(a, lambda v, lead: np.repeat(v, repeats, along + lead))


@rule_for(np.take)
def _take(a: Operand, indices: Any, axis: int | None = None, out: Any = None, mode: Any = "raise") -> Any:
    if type(a) is not Dual:
        return into(out, np.take(a, indices, axis, None, mode), "take")
    if axis is None:
        a, axis = _ravel(a), 0
    along = normalize_axis_index(axis, a.ndim)
    return into(out, linear(a, lambda v, lead: np.take(v, indices, along + lead, None, mode)), "take")


@rule_for(np.take_along_axis)
def _take_along_axis(arr: Operand, indices: Any, axis: int | None = -1) -> Any:
    if axis is None:
        arr, axis = _ravel(arr), 0
    along = normalize_axis_index(axis, arr.ndim)

    def apply(v: Any, lead: int) -> Any:
        return np.take_along_axis(v, np.asarray(indices)[np.newaxis] if lead else indices, along + lead)

    return linear(arr, apply)


@rule_for(np.diagonal)
def _diagonal(a: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    axis1, axis2 = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    return view(a, lambda v, lead: np.diagonal(v, offset, axis1 + lead, axis2 + lead))


@rule_for(np.linalg.diagonal)
def _linalg_diagonal(x: Operand, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, -2, -1)


@rule_for(np.tril)
def _tril(m: Operand, k: int = 0) -> Any:
    return linear(m, lambda v, lead: np.tril(v, k))


@rule_for(np.triu)
def _triu(m: Operand, k: int = 0) -> Any:
    return linear(m, lambda v, lead: np.triu(v, k))


@rule_for(np.copy)
def _copy(a: Operand, order: str = "K", subok: bool = False) -> Any:
    return a.copy()


@rule_for(np.astype)
def _astype(x: Operand, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    refuse("astype", device=device)
    return x.astype(dtype, copy=copy)


@rule_for(np.rollaxis)
def _rollaxis(a: Operand, axis: int, start: int = 0) -> Any:
    np.rollaxis(np.empty((0,) * a.ndim), axis, start)  # raises NumPy's errors
    axis = normalize_axis_index(axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


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
    np.rot90(value_of(m), k, axes)  # raises NumPy's errors
    first, second = axes
    if k % 4 == 0:
        return m[:]
    if k % 4 == 2:
        return np.flip(np.flip(m, first), second)
    if k % 4 == 1:
        return np.swapaxes(np.flip(m, second), first, second)
    return np.flip(np.swapaxes(m, first, second), second)


# Elements by their positions.


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
    np.diag(value_of(v), k)  # raises NumPy's errors
    with_zero = np.concatenate([np.zeros(1, v.dtype), v])
    return gather(with_zero, np.diag(np.arange(1, v.size + 1), k))


@rule_for(np.diagflat)
def _diagflat(v: Operand, k: int = 0) -> Any:
    return np.diag(np.ravel(v), k)


# Split.


def _define_split(function: Callable[..., Any]) -> None:
    @rule_for(function)
    def rule(ary: Operand, indices_or_sections: Any, axis: int = 0) -> list[Any]:
        axis = normalize_axis_index(axis, ary.ndim)
        pieces = function(np.arange(ary.shape[axis]), indices_or_sections)
        before = (slice(None),) * axis
        return [ary[(*before, slice(int(p[0]), int(p[-1]) + 1) if p.size else slice(0, 0))] for p in pieces]


_define_split(np.split)
_define_split(np.array_split)


def _define_split_along(function: Any, axis: int) -> None:
    @rule_for(function)
    def rule(ary: Operand, indices_or_sections: Any) -> list[Any]:
        function(value_of(ary), indices_or_sections)  # raises NumPy's errors
        pieces: list[Any] = np.split(ary, indices_or_sections, 0 if ary.ndim == 1 else axis)
        return pieces


_define_split_along(np.hsplit, 1)
_define_split_along(np.vsplit, 0)
_define_split_along(np.dsplit, 2)

# NumPy 2.1 added it.
if hasattr(np, "unstack"):

    @rule_for(np.unstack)
    def _unstack(x: Operand, /, *, axis: int = 0) -> tuple[Any, ...]:
        if x.ndim == 0:
            raise ValueError("Input array must be at least 1-d.")
        return tuple(np.moveaxis(x, axis, 0))


# Several arrays joined.


def _cast_all(arrays: Sequence[Operand], dtype: Any) -> list[Any]:
    if dtype is None:
        return list(arrays)
    return [as_array(x).astype(dtype) for x in arrays]


@rule_for(np.concatenate)
def _concatenate(
    arrays: Sequence[Operand],
    /,
    axis: int | None = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: str = "same_kind",
) -> Any:
    arrays = _cast_all(arrays, dtype)
    if axis is None:
        arrays, axis = [np.ravel(x) for x in arrays], 0
    along = normalize_axis_index(axis, ndim_of(arrays[0]))
    return into(out, several(arrays, lambda parts, lead: np.concatenate(parts, along + lead)), "concatenate")


@rule_for(np.stack)
def _stack(
    arrays: Sequence[Operand], axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    arrays = _cast_all(arrays, dtype)
    along = normalize_axis_index(axis, ndim_of(arrays[0]) + 1)
    return into(out, several(arrays, lambda parts, lead: np.stack(parts, along + lead)), "stack")


@rule_for(np.vstack)
def _vstack(tup: Sequence[Operand], *, dtype: Any = None, casting: str = "same_kind") -> Any:
    return np.concatenate([np.atleast_2d(x) for x in tup], 0, dtype=dtype)


@rule_for(np.hstack)
def _hstack(tup: Sequence[Operand], *, dtype: Any = None, casting: str = "same_kind") -> Any:
    arrays = [np.atleast_1d(x) for x in tup]
    return np.concatenate(arrays, 0 if arrays[0].ndim == 1 else 1, dtype=dtype)


@rule_for(np.dstack)
def _dstack(tup: Sequence[Operand]) -> Any:
    return np.concatenate([np.atleast_3d(x) for x in tup], 2)


@rule_for(np.column_stack)
def _column_stack(tup: Sequence[Operand]) -> Any:
    arrays = list(map(as_array, tup))
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
