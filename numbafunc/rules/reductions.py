"""Rules of reductions along axes: sums, products, differences and extrema, and their variants that leave out NaN.

At ties the first element is the extremum.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.dual.dtypes import is_finite
from numbafunc.dual.products import beside, finish, scale
from numbafunc.dual.quiet import quiet
from numbafunc.dual.recorder import Recorder
from numbafunc.rules.application import along, linear, merged, pick, with_axes
from numbafunc.rules.arguments import UNSET, cast, from_end, given, into, refuse
from numbafunc.rules.register import rule_for

# Sums and differences.


@rule_for(np.sum)
def _sum(
    a: Operand, axis: Any = None, dtype: Any = None, out: Any = None,
    keepdims: Any = UNSET, initial: Any = UNSET, where: Any = UNSET,
) -> Any:  # fmt: skip
    if type(a) is Dual and dtype is None and out is None and keepdims is initial is where is UNSET:
        # The common case.
        places = from_end(axis, a.ndim)
        return linear(a, lambda v, lead: v.sum(places) if type(v) is Recorder else np.add.reduce(v, places))
    options = given(keepdims=keepdims, where=where)
    if type(initial) is Dual:
        return into(out, initial + np.sum(a, axis, dtype, **options), "sum")
    start = {} if initial is UNSET else {"initial": initial}
    if type(a) is not Dual:
        return into(out, np.sum(a, axis, dtype, **options, **start), "sum")
    a = cast(a, dtype)
    axes = from_end(axis, a.ndim)

    def apply(v: Any, lead: int) -> Any:
        if lead:
            return v.sum(axes, **options) if type(v) is Recorder else np.add.reduce(v, axes, **options)
        return np.add.reduce(v, axes, **options, **start)

    return into(out, linear(a, apply), "sum")


@rule_for(np.cumsum)
def _cumsum(a: Operand, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    if type(a) is not Dual:
        return into(out, np.cumsum(a, axis, dtype), "cumsum")
    a = cast(a, dtype)
    if axis is None:
        a, axis = a if a.ndim == 1 else np.ravel(a), 0
    (place,) = from_end(axis, a.ndim)

    def apply(v: Any, lead: int) -> Any:
        # The method comes down to the former, and takes twice as long.
        return np.add.accumulate(v, place) if type(v) is np.ndarray else v.cumsum(place)

    return into(out, linear(a, apply), "cumsum")


@rule_for(np.diff)
def _diff(a: Operand, n: int = 1, axis: int = -1, prepend: Any = UNSET, append: Any = UNSET) -> Any:
    place = normalize_axis_index(axis, np.ndim(a))
    ends = [prepend, append]
    if prepend is not UNSET or append is not UNSET:
        # A number stands for a slice of its own.
        ends = [
            np.broadcast_to(end, (*a.shape[:place], 1, *a.shape[place + 1 :])) if np.ndim(end) == 0 else end
            for end in ends
            if end is not UNSET
        ]
        pieces = [*ends[: prepend is not UNSET], a, *ends[prepend is not UNSET :]]
        return np.diff(np.concatenate(pieces, place), n, place)
    return linear(a, lambda v, lead: np.diff(v, n, place + lead))


@rule_for(np.trace)
def _trace(a: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    return into(out, np.sum(np.diagonal(a, offset, axis1, axis2), -1, dtype), "trace")


@rule_for(np.linalg.trace)
def _linalg_trace(x: Operand, /, *, offset: int = 0, dtype: Any = None) -> Any:
    refuse("linalg.trace", dtype=dtype)
    return np.trace(x, offset, -2, -1)


@rule_for(np.ediff1d)
def _ediff1d(ary: Operand, to_end: Operand = None, to_begin: Operand = None) -> Any:
    pieces = [np.diff(np.ravel(ary))]
    if to_begin is not None:
        pieces.insert(0, _as_end("to_begin", to_begin, pieces[0]))
    if to_end is not None:
        pieces.append(_as_end("to_end", to_end, pieces[0]))
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _as_end(name: str, end: Operand, differences: Operand) -> Any:
    end = np.ravel(end)
    if not np.can_cast(end.dtype, differences.dtype, "same_kind"):
        raise TypeError(f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` rule.")
    return end.astype(differences.dtype)


# Extrema.


def _define_extremum(
    function: Any, ufunc: np.ufunc, index_of: Callable[[Any], Any], lowest: float, *names: Any
) -> None:
    name = function.__name__

    @rule_for(function, *names)
    def rule(
        a: Operand,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = UNSET,
        initial: Any = UNSET,
        where: Any = UNSET,
    ) -> Any:
        if type(a) is not Dual:
            result = function(a, axis, **given(keepdims=keepdims, initial=value_of(initial), where=where))
            if type(initial) is Dual:
                result = ufunc(result, initial)
            return into(out, result, name)
        if out is None and keepdims is initial is where is UNSET and a.size:  # the common case
            return pick(a, axis, keepdims, index_of)
        options = given(initial=value_of(initial), where=where)
        if options or a.size == 0:
            # Errors that the value alone shows.
            function(value_of(a), axis, **options)
        if where is not UNSET and where is not True:
            mask = np.broadcast_to(where, a.shape)
            a = np.where(mask, a, np.asarray(lowest, a.dtype))
        if a.size:
            result = pick(a, axis, keepdims, index_of)
            if initial is not UNSET:
                result = ufunc(result, initial)
        else:
            result = np.asarray(function(value_of(a), axis, **options, **given(keepdims=keepdims)))
            if type(initial) is Dual:
                result = np.broadcast_to(initial, result.shape).copy()
        return into(out, result, name)


_define_extremum(np.max, np.maximum, lambda v: v.argmax(-1), -np.inf, np.amax)
_define_extremum(np.min, np.minimum, lambda v: v.argmin(-1), np.inf, np.amin)


@rule_for(np.ptp)
def _ptp(a: Operand, axis: Any = None, out: Any = None, keepdims: Any = UNSET) -> Any:
    options = given(keepdims=keepdims)
    return into(out, np.max(a, axis, **options) - np.min(a, axis, **options), "ptp")


def first_largest_number(v: Any) -> Any:
    """The index of the largest that is no NaN, along the last axis."""
    return np.argmax(np.where(np.isnan(v), -np.inf, v), -1)


def first_smallest_number(v: Any) -> Any:
    """The index of the smallest that is no NaN, along the last axis."""
    return np.argmin(np.where(np.isnan(v), np.inf, v), -1)


def _first_number(v: Any, index: Any) -> Any:
    # -inf among NaN ties with the number that stands in for NaN.
    found = np.take_along_axis(v, index[..., np.newaxis], -1)[..., 0]
    return np.where(np.isnan(found), np.argmax(~np.isnan(v), -1), index)


def _define_extremum_of_numbers(function: Any, index_of: Callable[[Any], Any]) -> None:
    name = function.__name__

    @rule_for(function)
    def rule(
        a: Operand,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = UNSET,
        initial: Any = UNSET,
        where: Any = UNSET,
    ) -> Any:
        refuse(name, initial=initial, where=where)
        function(value_of(a), axis)  # gives NumPy's warnings and errors
        result = pick(a, axis, keepdims, lambda v: _first_number(v, np.asarray(index_of(v))))
        return into(out, result, name)


_define_extremum_of_numbers(np.nanmax, first_largest_number)
_define_extremum_of_numbers(np.nanmin, first_smallest_number)


# Products.


@rule_for(np.prod)
def _prod(
    a: Operand, axis: Any = None, dtype: Any = None, out: Any = None,
    keepdims: Any = UNSET, initial: Any = UNSET, where: Any = UNSET,
) -> Any:  # fmt: skip
    if type(initial) is Dual:
        return into(out, _prod_from(cast(a, dtype), axis, keepdims, initial, where), "prod")
    options = given(keepdims=keepdims, initial=initial, where=where)
    if type(a) is not Dual:
        return into(out, np.prod(a, axis, dtype, **options), "prod")
    a = cast(a, dtype)
    plain = not options and type(a.primal) is np.ndarray
    value = np.multiply.reduce(a.primal, axis) if plain else a.primal.prod(axis, **options)  # the method calls that

    def tangent_of(x: Operand, dx: Operand) -> Any:
        if not options and _can_divide(x, value):
            if x.ndim == 1 and dx.size < 8192:  # a BLAS product on one thread takes half the time of a sum
                tangent = dx.dot(np.reciprocal(x)) * value
            else:
                tangent = np.add.reduce(dx / beside(x, dx), from_end(axis, x.ndim)) * value
            if is_finite(tangent):
                return tangent
        if where is not UNSET and where is not True:
            mask = np.broadcast_to(where, x.shape)
            x, dx = np.where(mask, x, np.ones((), x.dtype)), np.where(mask, dx, np.zeros((), dx.dtype))
        axes = from_end(axis, x.ndim)
        factors = products_of_others(merged(x, axes))
        if initial is not UNSET:
            factors = factors * initial
        return np.sum(scale(factors, merged(dx, axes)), -1)

    return into(out, along(a, value, tangent_of), "prod")


def _can_divide(x: Operand, value: Operand) -> bool:
    """Whether a product may be divided by its factors: plain arrays, nothing near zero or infinity."""
    if type(x) is Dual or x.dtype.kind == "V":
        return False
    lowest, highest = _limits(value.dtype)
    size = abs(value)
    if size.ndim == 0:
        return bool(lowest < size < highest)
    return bool(((size > lowest) & (size < highest)).all())


@functools.cache
def _limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    limits = np.finfo(dtype)
    return float(limits.tiny / limits.eps), float(limits.max * limits.eps)


def _prod_from(a: Operand, axis: Any, keepdims: Any, initial: Dual, where: Any) -> Any:
    if where is not UNSET and where is not True:
        a = np.where(where, a, np.ones((), a.dtype))
    rows = merged(a, axis)
    first: Any = np.broadcast_to(initial, (*rows.shape[:-1], 1))
    return with_axes(np.prod(np.concatenate([first, rows], -1), -1), a, axis, keepdims)


def products_of_others(x: Operand) -> Any:
    """For each element the product of all others in its row, without division, so that zeros are allowed."""
    if x.shape[-1] == 0:
        return x
    one = np.ones((*x.shape[:-1], 1), x.dtype)
    before = np.cumprod(np.concatenate([one, x[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([one, np.flip(x[..., 1:], -1)], -1), -1)
    return before * np.flip(after, -1)


@rule_for(np.cumprod)
def _cumprod(a: Operand, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    if type(a) is not Dual:
        return into(out, np.cumprod(a, axis, dtype), "cumprod")
    a = cast(a, dtype)
    if axis is None:
        a, axis = np.reshape(a, (a.size,)), 0
    place = normalize_axis_index(axis, a.ndim) - a.ndim
    value = np.cumprod(a.primal, place)
    with quiet():
        x, dx = np.moveaxis(a.primal, place, -1), np.moveaxis(a.tangent, place, -1)
        tangent = np.moveaxis(_running_products(x, dx), -1, place)
        return into(out, finish(value, tangent, a.level), "cumprod")


def _running_products(x: Operand, dx: Operand) -> Any:
    """Tangents of running products: each pass doubles the number of factors, by the product rule."""
    shift = 1
    while shift < x.shape[-1]:
        later = scale(x[..., shift:], dx[..., :-shift]) + scale(x[..., :-shift], dx[..., shift:])
        dx = np.concatenate([dx[..., :shift], later], -1)
        x = np.concatenate([x[..., :shift], x[..., shift:] * x[..., :-shift]], -1)
        shift *= 2
    return dx


# Without NaN.


def _without_nan(a: Operand, neutral: float) -> Any:
    return np.where(np.isnan(value_of(a)), np.asarray(neutral, a.dtype), a)


def _define_without_nan(function: Any, plain: Any, neutral: float) -> None:
    @rule_for(function)
    def rule(
        a: Operand, axis: Any = None, dtype: Any = None, out: Any = None,
        keepdims: Any = UNSET, initial: Any = UNSET, where: Any = UNSET,
    ) -> Any:  # fmt: skip
        options = given(keepdims=keepdims, initial=initial, where=where)
        return into(out, plain(_without_nan(a, neutral), axis, dtype, **options), function.__name__)


_define_without_nan(np.nansum, np.sum, 0)
_define_without_nan(np.nanprod, np.prod, 1)


@rule_for(np.nancumsum)
def _nancumsum(a: Operand, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    return into(out, np.cumsum(_without_nan(a, 0), axis, dtype), "nancumsum")


@rule_for(np.nancumprod)
def _nancumprod(a: Operand, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    return into(out, np.cumprod(_without_nan(a, 1), axis, dtype), "nancumprod")


# NumPy 2.1 added these.


def _define_cumulative(name: str, function: Any, neutral: float) -> None:
    if not hasattr(np, name):
        return

    @rule_for(getattr(np, name))
    def rule(
        x: Operand, /, *, axis: int | None = None, dtype: Any = None, out: Any = None, include_initial: bool = False
    ) -> Any:
        if axis is None and x.ndim >= 2:
            raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
        place = normalize_axis_index(axis or 0, x.ndim)
        result = function(x, place, dtype)
        if include_initial:
            shape = (*x.shape[:place], 1, *x.shape[place + 1 :])
            result = np.concatenate([np.full(shape, neutral, result.dtype), result], place)
        return into(out, result, name)


_define_cumulative("cumulative_sum", np.cumsum, 0)
_define_cumulative("cumulative_prod", np.cumprod, 1)
