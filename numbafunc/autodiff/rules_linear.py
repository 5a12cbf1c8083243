"""Rules of array functions that are linear: the function is applied to the value and to every tangent.

Each rule says only how its axes are counted. ``linear(x, apply)`` calls ``apply(array, lead)`` with ``lead = 0`` for
the value and ``lead = 1`` for the tangents, whose axis 0 is the directions: ``axis + lead`` is the same axis of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from numbafunc.autodiff.dual import FUNCTION_RULES, Dual, Operand, make, quiet, value_of
from numbafunc.autodiff.products import align, finish

_UNSET: Any = np._NoValue


def rule_for(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as the rule of NumPy's `functions`."""

    def register(rule: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            FUNCTION_RULES[function] = rule
        return rule

    return register


def linear(x: Operand, apply: Callable[[Any, int], Any]) -> Any:
    """Apply a linear function to a value and its tangents."""
    if type(x) is not Dual:
        return apply(x, 0)
    value = apply(x.primal, 0)
    if type(value) is not Dual:
        value = np.asarray(value)
    with quiet():
        return make(value, apply(x.tangent, 1), x.level)


def reordered(x: Operand, apply: Callable[[Any], Any]) -> Any:
    """Apply a function that keeps all elements in row-major order and changes nothing but the shape."""
    if type(x) is not Dual:
        return apply(x)
    value = apply(x.primal)
    return make(value, x.tangent.reshape((x.tangent.shape[0], *value.shape)), x.level)


def several(operands: Sequence[Operand], apply: Callable[[list[Any], int], Any]) -> Any:
    """Apply a function that is linear in several operands together; those of lower levels have zero tangents."""
    level = max(operand.level if type(operand) is Dual else 0 for operand in operands)
    if level == 0:
        return apply(list(operands), 0)
    moving = [type(operand) is Dual and operand.level == level for operand in operands]
    primals = [operand.primal if moves else operand for operand, moves in zip(operands, moving, strict=True)]
    value = apply(primals, 0)
    directions = next(x.tangent.shape[0] for x, moves in zip(operands, moving, strict=True) if moves)
    with quiet():
        tangents = [
            operand.tangent if moves else np.broadcast_to(np.zeros((), value.dtype), (directions, *np.shape(operand)))
            for operand, moves in zip(operands, moving, strict=True)
        ]
        return finish(value, apply(tangents, 1), level)


def refuse(function: str, **options: Any) -> None:
    """TypeError for the first option that is given."""
    for name, value in options.items():
        if value is not None and value is not _UNSET:
            raise TypeError(f"numpy.{function}: the argument {name} is not supported for dual arrays")


def _refuse_order(function: str, order: str | None) -> None:
    if order not in ("C", None):
        raise TypeError(f"numpy.{function}: only order='C' is supported for dual arrays, not {order!r}")


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def _behind(axes: Sequence[int], lead: int) -> tuple[int, ...]:
    return tuple(axis + lead for axis in axes)


# Shape only.


@rule_for(np.reshape)
def _reshape(a: Operand, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    _refuse_order("reshape", order)
    refuse("reshape", copy=copy)
    return reordered(a, lambda v: v.reshape(shape))


@rule_for(np.ravel)
def _ravel(a: Operand, order: str = "C") -> Any:
    _refuse_order("ravel", order)
    return reordered(a, lambda v: v.reshape(-1))


@rule_for(np.expand_dims)
def _expand_dims(a: Operand, axis: Any) -> Any:
    return reordered(a, lambda v: np.expand_dims(v, axis))


@rule_for(np.squeeze)
def _squeeze(a: Operand, axis: Any = None) -> Any:
    return reordered(a, lambda v: np.squeeze(v, axis))


@rule_for(np.atleast_1d)
def _atleast_1d(*arrays: Operand) -> Any:
    results = tuple(reordered(x, np.atleast_1d) for x in arrays)
    return results[0] if len(results) == 1 else results


@rule_for(np.atleast_2d)
def _atleast_2d(*arrays: Operand) -> Any:
    results = tuple(reordered(x, np.atleast_2d) for x in arrays)
    return results[0] if len(results) == 1 else results


# Axes exchanged.


@rule_for(np.transpose, np.permute_dims)
def _transpose(a: Operand, axes: Any = None) -> Any:
    order = tuple(reversed(range(a.ndim))) if axes is None else normalize_axis_tuple(axes, a.ndim)

    def apply(v: Any, lead: int) -> Any:
        return np.transpose(v, (0, *_behind(order, 1)) if lead else order)

    return linear(a, apply)


@rule_for(np.swapaxes)
def _swapaxes(a: Operand, axis1: int, axis2: int) -> Any:
    axis1, axis2 = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    return linear(a, lambda v, lead: np.swapaxes(v, axis1 + lead, axis2 + lead))


@rule_for(np.matrix_transpose)
def _matrix_transpose(x: Operand, /) -> Any:
    return _swapaxes(x, -1, -2)


@rule_for(np.moveaxis)
def _moveaxis(a: Operand, source: Any, destination: Any) -> Any:
    old, new = _axes(source, a.ndim), _axes(destination, a.ndim)
    return linear(a, lambda v, lead: np.moveaxis(v, _behind(old, lead), _behind(new, lead)))


@rule_for(np.broadcast_to)
def _broadcast_to(array: Operand, shape: Any, subok: bool = False) -> Any:
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    value = np.broadcast_to(array.primal, shape)
    tangent = align(array.tangent, len(shape))
    return make(value, np.broadcast_to(tangent, (tangent.shape[0], *shape)), array.level)


@rule_for(np.broadcast_arrays)
def _broadcast_arrays(*args: Operand, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(x, shape) for x in args)


# Elements taken, repeated and moved.


@rule_for(np.flip)
def _flip(m: Operand, axis: Any = None) -> Any:
    axes = _axes(axis, m.ndim)
    return linear(m, lambda v, lead: np.flip(v, _behind(axes, lead)))


@rule_for(np.roll)
def _roll(a: Operand, shift: Any, axis: Any = None) -> Any:
    if axis is None:
        return _roll(_ravel(a), shift, 0).reshape(a.shape)
    # The same axis may be rolled twice, and one shift may serve all axes.
    axes = normalize_axis_tuple(axis, a.ndim, allow_duplicate=True)
    return linear(a, lambda v, lead: np.roll(v, shift, _behind(axes, lead)))


@rule_for(np.repeat)
def _repeat(a: Operand, repeats: Any, axis: int | None = None) -> Any:
    if axis is None:
        a, axis = _ravel(a), 0
    along = normalize_axis_index(axis, a.ndim)
    return linear(a, lambda v, lead: np.repeat(v, repeats, along + lead))


@rule_for(np.take)
def _take(a: Operand, indices: Any, axis: int | None = None, out: Any = None, mode: Any = "raise") -> Any:
    refuse("take", out=out)
    if axis is None:
        a, axis = _ravel(a), 0
    along = normalize_axis_index(axis, a.ndim)
    return linear(a, lambda v, lead: np.take(v, indices, along + lead, None, mode))


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
    return linear(a, lambda v, lead: np.diagonal(v, offset, axis1 + lead, axis2 + lead))


@rule_for(np.tril)
def _tril(m: Operand, k: int = 0) -> Any:
    return linear(m, lambda v, lead: np.tril(v, k))


@rule_for(np.triu)
def _triu(m: Operand, k: int = 0) -> Any:
    return linear(m, lambda v, lead: np.triu(v, k))


@rule_for(np.copy)
def _copy(a: Operand, order: str = "K", subok: bool = False) -> Any:
    return a.copy()


@rule_for(np.split)
def _split(ary: Operand, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    axis = normalize_axis_index(axis, ary.ndim)
    pieces = np.split(np.arange(ary.shape[axis]), indices_or_sections)
    before = (slice(None),) * axis
    return [ary[(*before, slice(p[0], p[-1] + 1) if p.size else slice(0, 0))] for p in pieces]


# Several arrays joined.


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
    refuse("concatenate", out=out, dtype=dtype)
    if axis is None:
        arrays, axis = [np.ravel(x) for x in arrays], 0
    along = normalize_axis_index(axis, np.ndim(arrays[0]))
    return several(arrays, lambda parts, lead: np.concatenate(parts, along + lead))


@rule_for(np.stack)
def _stack(
    arrays: Sequence[Operand], axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    refuse("stack", out=out, dtype=dtype)
    arrays = list(arrays)
    along = normalize_axis_index(axis, np.ndim(arrays[0]) + 1)
    return several(arrays, lambda parts, lead: np.stack(parts, along + lead))


@rule_for(np.vstack)
def _vstack(tup: Sequence[Operand], *, dtype: Any = None, casting: str = "same_kind") -> Any:
    refuse("vstack", dtype=dtype)
    return np.concatenate([np.atleast_2d(x) for x in tup], 0)


@rule_for(np.hstack)
def _hstack(tup: Sequence[Operand], *, dtype: Any = None, casting: str = "same_kind") -> Any:
    refuse("hstack", dtype=dtype)
    arrays = [np.atleast_1d(x) for x in tup]
    return np.concatenate(arrays, 0 if arrays[0].ndim == 1 else 1)


@rule_for(np.where)
def _where(condition: Any, x: Operand = _UNSET, y: Operand = _UNSET, /) -> Any:
    condition = value_of(condition)
    if x is _UNSET and y is _UNSET:
        return np.where(condition)
    x_level = x.level if type(x) is Dual else 0
    y_level = y.level if type(y) is Dual else 0
    level = max(x_level, y_level)
    if level == 0:
        return np.where(condition, x, y)
    ndim = np.broadcast(condition, value_of(x), value_of(y)).ndim
    dx: Any = 0
    dy: Any = 0
    if x_level == level:
        x, dx = x.primal, align(x.tangent, ndim)
    if y_level == level:
        y, dy = y.primal, align(y.tangent, ndim)
    value: Any = np.where(condition, x, y)
    with quiet():
        return finish(value, np.where(condition, dx, dy), level)


# Sums.


@rule_for(np.sum)
def _sum(
    a: Operand, axis: Any = None, dtype: Any = None, out: Any = None,
    keepdims: Any = False, initial: Any = None, where: Any = True,
) -> Any:  # fmt: skip
    refuse("sum", dtype=dtype, out=out, initial=initial, where=None if where is True else where)
    axes = _axes(axis, a.ndim)
    keepdims = keepdims is not _UNSET and bool(keepdims)
    return linear(a, lambda v, lead: np.add.reduce(v, axis=_behind(axes, lead), keepdims=keepdims))


@rule_for(np.mean)
def _mean(
    a: Operand, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    refuse("mean", dtype=dtype, out=out, where=None if where is True else where)
    axes = _axes(axis, a.ndim)
    keepdims = keepdims is not _UNSET and bool(keepdims)
    return linear(a, lambda v, lead: np.mean(v, _behind(axes, lead), keepdims=keepdims))


@rule_for(np.cumsum)
def _cumsum(a: Operand, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    refuse("cumsum", dtype=dtype, out=out)
    if axis is None:
        a, axis = _ravel(a), 0
    along = normalize_axis_index(axis, a.ndim)
    return linear(a, lambda v, lead: np.cumsum(v, along + lead))


@rule_for(np.diff)
def _diff(a: Operand, n: int = 1, axis: int = -1, prepend: Any = _UNSET, append: Any = _UNSET) -> Any:
    refuse("diff", prepend=prepend, append=append)
    along = normalize_axis_index(axis, a.ndim)
    return linear(a, lambda v, lead: np.diff(v, n, along + lead))


@rule_for(np.trace)
def _trace(a: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    refuse("trace", dtype=dtype, out=out)
    return _diagonal(a, offset, axis1, axis2).sum(axis=-1)
