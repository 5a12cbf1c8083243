"""Rules of array functions that are linear: the function is applied to the value and to every tangent.

Each rule says only how its axes are counted. ``linear(x, apply)`` calls ``apply(array, lead)`` with ``lead = 0`` for
the value and ``lead = 1`` for the tangents, whose axis 0 is the directions: ``axis + lead`` is the same axis of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from numbafunc.dual.array import FUNCTION_RULES, Dual, Operand, make, quiet, value_of
from numbafunc.dual.products import align, finish
from numbafunc.dual.storage import replace, view

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
    if type(value) is not np.ndarray and type(value) is not Dual:
        value = np.asarray(value)
    return make(value, _quietly(apply, x.tangent), x.level)


@np.errstate(all="ignore")  # as a decorator it takes half the time of a with statement
def _quietly(apply: Callable[[Any, int], Any], tangent: Any) -> Any:
    return apply(tangent, 1)


def reordered(x: Operand, apply: Callable[[Any], Any]) -> Any:
    """Apply a function that keeps all elements in row-major order and changes nothing but the shape."""
    if type(x) is not Dual:
        return apply(x)
    shape = apply(value_of(x)).shape
    return view(x, lambda v, lead: v.reshape((*v.shape[:lead], *shape)) if lead else apply(v))


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


def into(out: Any, result: Any, name: str) -> Any:
    """The result, in `out` if that is given; only a dual array can hold one that has tangents."""
    if out is None:
        return result
    (target,) = out if type(out) is tuple else (out,)
    if type(target) is Dual:
        return replace(target, result if type(result) is Dual else np.asarray(result), f"numpy.{name}")
    if type(result) is not Dual:
        target[...] = result
        return target
    raise TypeError(
        f"numpy.{name}: out can't hold the result for a dual array, as a plain array has no tangents; leave it out "
        "(write x = x + y in place of x += y), or make the array by numpy.zeros_like(x), which is dual itself"
    )


def _refuse_order(function: str, order: str | None) -> None:
    if order not in ("C", "F", None):
        raise TypeError(f"numpy.{function}: only order='C' and order='F' are supported for dual arrays, not {order!r}")


def from_end(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of a reduction, counted from the end: the same for the value and for tangents."""
    if axis is None:
        return tuple(range(-ndim, 0))
    if type(axis) is int:
        return (normalize_axis_index(axis, ndim) - ndim,)
    return tuple(one - ndim for one in normalize_axis_tuple(axis, ndim))


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


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
    # No view of what is not contiguous, even if it has one axis already.
    return reordered(np.transpose(a) if order == "F" else a, np.ravel)


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
    return view(a, lambda v, lead: v.transpose((*range(lead), *_behind(order, lead))))


@rule_for(np.swapaxes)
def _swapaxes(a: Operand, axis1: int, axis2: int) -> Any:
    axis1, axis2 = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    return view(a, lambda v, lead: v.swapaxes(axis1 + lead, axis2 + lead))


@rule_for(np.matrix_transpose)
def _matrix_transpose(x: Operand, /) -> Any:
    return _swapaxes(x, -1, -2)


@rule_for(np.moveaxis)
def _moveaxis(a: Operand, source: Any, destination: Any) -> Any:
    old, new = _axes(source, a.ndim), _axes(destination, a.ndim)
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


@rule_for(np.broadcast_arrays)
def _broadcast_arrays(*args: Operand, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(x, shape) for x in args)


# Elements taken, repeated and moved.


@rule_for(np.flip)
def _flip(m: Operand, axis: Any = None) -> Any:
    axes = _axes(axis, m.ndim)
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
    """An array rolled along one axis behind ``lead`` others, or along all of them in a row: numpy.roll in less time."""
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


@rule_for(np.split)
def _split(ary: Operand, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    axis = normalize_axis_index(axis, ary.ndim)
    pieces = np.split(np.arange(ary.shape[axis]), indices_or_sections)
    before = (slice(None),) * axis
    return [ary[(*before, slice(p[0], p[-1] + 1) if p.size else slice(0, 0))] for p in pieces]


# Several arrays joined.


def _cast_all(arrays: Sequence[Operand], dtype: Any) -> list[Any]:
    if dtype is None:
        return list(arrays)
    return [(x if type(x) is Dual else np.asarray(x)).astype(dtype) for x in arrays]


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
    along = normalize_axis_index(axis, np.ndim(arrays[0]))
    return into(out, several(arrays, lambda parts, lead: np.concatenate(parts, along + lead)), "concatenate")


@rule_for(np.stack)
def _stack(
    arrays: Sequence[Operand], axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    arrays = _cast_all(arrays, dtype)
    along = normalize_axis_index(axis, np.ndim(arrays[0]) + 1)
    return into(out, several(arrays, lambda parts, lead: np.stack(parts, along + lead)), "stack")


@rule_for(np.vstack)
def _vstack(tup: Sequence[Operand], *, dtype: Any = None, casting: str = "same_kind") -> Any:
    return np.concatenate([np.atleast_2d(x) for x in tup], 0, dtype=dtype)


@rule_for(np.hstack)
def _hstack(tup: Sequence[Operand], *, dtype: Any = None, casting: str = "same_kind") -> Any:
    arrays = [np.atleast_1d(x) for x in tup]
    return np.concatenate(arrays, 0 if arrays[0].ndim == 1 else 1, dtype=dtype)


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


def given(**options: Any) -> dict[str, Any]:
    """The options that are given."""
    return {name: option for name, option in options.items() if option is not _UNSET and option is not None}


@rule_for(np.sum)
def _sum(
    a: Operand, axis: Any = None, dtype: Any = None, out: Any = None,
    keepdims: Any = _UNSET, initial: Any = _UNSET, where: Any = _UNSET,
) -> Any:  # fmt: skip
    options = given(keepdims=keepdims, where=where)
    if type(initial) is Dual:
        return into(out, initial + np.sum(a, axis, dtype, **options), "sum")
    start = {} if initial is _UNSET else {"initial": initial}
    if type(a) is not Dual:
        return into(out, np.sum(a, axis, dtype, **options, **start), "sum")
    if dtype is not None:
        a = a.astype(dtype, copy=False)
    axes = from_end(axis, a.ndim)

    def apply(v: Any, lead: int) -> Any:
        return np.add.reduce(v, axes, **options) if lead else np.add.reduce(v, axes, **options, **start)

    return into(out, linear(a, apply), "sum")


@rule_for(np.mean)
def _mean(
    a: Operand, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _UNSET, *, where: Any = _UNSET
) -> Any:
    options = given(keepdims=keepdims, where=where)
    if type(a) is not Dual:
        return into(out, np.mean(a, axis, dtype, **options), "mean")
    if dtype is not None:
        a = a.astype(dtype, copy=False)
    axes = from_end(axis, a.ndim)
    return into(out, linear(a, lambda v, lead: v.mean(axes, **options)), "mean")


@rule_for(np.cumsum)
def _cumsum(a: Operand, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    if type(a) is not Dual:
        return into(out, np.cumsum(a, axis, dtype), "cumsum")
    if dtype is not None:
        a = a.astype(dtype, copy=False)
    if axis is None:
        a, axis = a if a.ndim == 1 else _ravel(a), 0
    (along,) = from_end(axis, a.ndim)
    return into(out, linear(a, lambda v, lead: v.cumsum(along)), "cumsum")


@rule_for(np.diff)
def _diff(a: Operand, n: int = 1, axis: int = -1, prepend: Any = _UNSET, append: Any = _UNSET) -> Any:
    along = normalize_axis_index(axis, np.ndim(a))
    ends = [prepend, append]
    if prepend is not _UNSET or append is not _UNSET:
        # A number stands for a slice of its own.
        ends = [
            np.broadcast_to(end, (*a.shape[:along], 1, *a.shape[along + 1 :])) if np.ndim(end) == 0 else end
            for end in ends
            if end is not _UNSET
        ]
        pieces = [*ends[: prepend is not _UNSET], a, *ends[prepend is not _UNSET :]]
        return np.diff(np.concatenate(pieces, along), n, along)
    return linear(a, lambda v, lead: np.diff(v, n, along + lead))


@rule_for(np.trace)
def _trace(a: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    return into(out, np.sum(np.diagonal(a, offset, axis1, axis2), -1, dtype), "trace")
