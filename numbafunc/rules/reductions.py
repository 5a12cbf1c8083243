"""Rules of reductions along axes: products, extrema, moments, and their variants that leave out NaN.

An extremum is the first of those that tie. The derivative of a standard deviation is zero where all elements are equal.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from numbafunc.dual.array import Dual, Operand, quiet, value_of
from numbafunc.dual.dtypes import is_finite
from numbafunc.dual.products import beside, divide, finish, scale
from numbafunc.dual.storage import gather
from numbafunc.rules.linear import from_end, given, into, refuse, rule_for

_UNSET: Any = np._NoValue

Along: Any = Callable[[Any, Any], Any]


def cast(x: Operand, dtype: Any) -> Operand:
    """The operand in the dtype that is asked for."""
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def merged(x: Operand, axis: Any) -> Any:
    """The array with the axes of a reduction merged into one, the last."""
    if axis is None:
        return np.reshape(x, (x.size,))
    axes = normalize_axis_tuple(axis, x.ndim)
    if len(axes) != 1:
        x = np.moveaxis(x, axes, range(-len(axes), 0))
        shape = x.shape[: x.ndim - len(axes)]
        return np.reshape(x, (*shape, _size(x.shape[x.ndim - len(axes) :])))
    return x if axes[0] == x.ndim - 1 else np.moveaxis(x, axes[0], -1)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def along(x: Dual, value: Operand, tangent_of: Callable[[Operand, Operand], Any]) -> Dual:
    """The Dual of a reduced value; ``tangent_of(primal, tangent)`` may have the reduced axes of another length."""
    if type(value) is not np.ndarray and type(value) is not Dual:
        value = np.asarray(value)
    return _along(x, value, tangent_of)


@np.errstate(all="ignore")  # as a decorator it takes half the time of a with statement
def _along(x: Dual, value: Operand, tangent_of: Callable[[Operand, Operand], Any]) -> Dual:
    tangent = tangent_of(x.primal, x.tangent)
    return finish(value, tangent.reshape((tangent.shape[0], *value.shape)), x.level)


# Extrema.


def pick(x: Operand, axis: Any, keepdims: Any, index_of: Callable[[Any], Any]) -> Any:
    """The element of each row that stands where ``index_of`` the values, along the last axis, says."""
    if axis is None or x.ndim == 1:
        picked = gather(x, index_of(value_of(merged(value_of(x), axis))))
    else:
        rows = merged(x, axis)
        index = np.asarray(index_of(value_of(rows)))
        picked = gather(rows, index + rows.shape[-1] * np.arange(index.size).reshape(index.shape))
    return _with_axes(picked, x, axis, keepdims)


def _with_axes(reduced: Operand, x: Operand, axis: Any, keepdims: Any) -> Any:
    if keepdims is _UNSET or not keepdims:
        return reduced
    axes = set(range(x.ndim)) if axis is None else set(normalize_axis_tuple(axis, x.ndim))
    return np.reshape(reduced, [1 if one in axes else length for one, length in enumerate(x.shape)])


def _define_extremum(function: Any, ufunc: np.ufunc, arg: Callable[..., Any], lowest: float, *names: Any) -> None:
    name = function.__name__

    @rule_for(function, *names)
    def rule(
        a: Operand,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = _UNSET,
        initial: Any = _UNSET,
        where: Any = _UNSET,
    ) -> Any:
        if type(a) is not Dual:
            result = function(a, axis, **given(keepdims=keepdims, initial=value_of(initial), where=where))
            if type(initial) is Dual:
                result = ufunc(result, initial)
            return into(out, result, name)
        options = given(initial=value_of(initial), where=where)
        if options or a.size == 0:
            # Errors that the value alone shows.
            function(value_of(a), axis, **options)
        if where is not _UNSET and where is not True:
            mask = np.broadcast_to(where, a.shape)
            a = np.where(mask, a, np.asarray(lowest, a.dtype))
        if a.size:
            result = pick(a, axis, keepdims, lambda v: arg(v, axis=-1))
            if initial is not _UNSET:
                result = ufunc(result, initial)
        else:
            result = np.asarray(function(value_of(a), axis, **options, **given(keepdims=keepdims)))
            if type(initial) is Dual:
                result = np.broadcast_to(initial, result.shape).copy()
        return into(out, result, name)


_define_extremum(np.max, np.maximum, np.argmax, -np.inf, np.amax)
_define_extremum(np.min, np.minimum, np.argmin, np.inf, np.amin)


@rule_for(np.ptp)
def _ptp(a: Operand, axis: Any = None, out: Any = None, keepdims: Any = _UNSET) -> Any:
    options = given(keepdims=keepdims)
    return into(out, np.max(a, axis, **options) - np.min(a, axis, **options), "ptp")


def first_largest_number(v: Any) -> Any:
    """The index of the largest that is no NaN, along the last axis."""
    return np.argmax(np.where(np.isnan(v), -np.inf, v), -1)


def first_smallest_number(v: Any) -> Any:
    """The index of the smallest that is no NaN, along the last axis."""
    return np.argmin(np.where(np.isnan(v), np.inf, v), -1)


def _first_number(v: Any, index: Any) -> Any:
    # -inf among NaN ties with what stands for NaN.
    found = np.take_along_axis(v, index[..., np.newaxis], -1)[..., 0]
    return np.where(np.isnan(found), np.argmax(~np.isnan(v), -1), index)


def _define_extremum_of_numbers(function: Any, extremum: Any, index_of: Callable[[Any], Any], lowest: float) -> None:
    name = function.__name__

    @rule_for(function)
    def rule(
        a: Operand,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = _UNSET,
        initial: Any = _UNSET,
        where: Any = _UNSET,
    ) -> Any:
        refuse(name, initial=initial, where=where)
        function(value_of(a), axis)  # warnings, and errors
        result = pick(a, axis, keepdims, lambda v: _first_number(v, np.asarray(index_of(v))))
        return into(out, result, name)


_define_extremum_of_numbers(np.nanmax, np.max, first_largest_number, -np.inf)
_define_extremum_of_numbers(np.nanmin, np.min, first_smallest_number, np.inf)


# Products.


@rule_for(np.prod)
def _prod(
    a: Operand, axis: Any = None, dtype: Any = None, out: Any = None,
    keepdims: Any = _UNSET, initial: Any = _UNSET, where: Any = _UNSET,
) -> Any:  # fmt: skip
    if type(initial) is Dual:
        return into(out, _prod_from(cast(a, dtype), axis, keepdims, initial, where), "prod")
    options = given(keepdims=keepdims, initial=initial, where=where)
    if type(a) is not Dual:
        return into(out, np.prod(a, axis, dtype, **options), "prod")
    a = cast(a, dtype)
    value = a.primal.prod(axis, **options)

    def tangent_of(x: Operand, dx: Operand) -> Any:
        if not options and _can_divide(x, value):
            if x.ndim == 1 and dx.size < 8192:  # a product of BLAS on one thread takes half the time of a sum
                tangent = dx.dot(np.reciprocal(x)) * value
            else:
                tangent = np.add.reduce(dx / beside(x, dx), from_end(axis, x.ndim)) * value
            if is_finite(tangent):
                return tangent
        if where is not _UNSET and where is not True:
            mask = np.broadcast_to(where, x.shape)
            x, dx = np.where(mask, x, np.ones((), x.dtype)), np.where(mask, dx, np.zeros((), dx.dtype))
        axes = from_end(axis, x.ndim)
        factors = products_of_others(merged(x, axes))
        if initial is not _UNSET:
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
    if where is not _UNSET and where is not True:
        a = np.where(where, a, np.ones((), a.dtype))
    rows = merged(a, axis)
    first: Any = np.broadcast_to(initial, (*rows.shape[:-1], 1))
    return _with_axes(np.prod(np.concatenate([first, rows], -1), -1), a, axis, keepdims)


def products_of_others(x: Operand) -> Any:
    """For each element the product of all others in its row; no division, so zeros do no harm."""
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
    """Tangents of products of the first elements: in each pass, products of twice as many by the product rule."""
    shift = 1
    while shift < x.shape[-1]:
        later = scale(x[..., shift:], dx[..., :-shift]) + scale(x[..., :-shift], dx[..., shift:])
        dx = np.concatenate([dx[..., :shift], later], -1)
        x = np.concatenate([x[..., :shift], x[..., shift:] * x[..., :-shift]], -1)
        shift *= 2
    return dx


# Moments.


def _moment(
    function: Any, a: Operand, axis: Any, dtype: Any, ddof: float, keepdims: Any, where: Any, skip: bool
) -> Any:
    options = given(keepdims=keepdims, where=where)
    a = cast(a, dtype)
    if not skip and type(a.primal) is np.ndarray:
        method = a.primal.var if function is np.var else a.primal.std  # which spares NumPy's wrapper
        value = method(axis, ddof=ddof, **options)
    else:
        value = function(a.primal, axis, ddof=ddof, **options)
    if type(value) is not np.ndarray and type(value) is not Dual:
        value = np.asarray(value)
    axes = from_end(axis, a.ndim)
    masked = skip or (where is not _UNSET and where is not True)
    count: Any
    if masked:
        mask: Any = True if where is _UNSET else where
        mask = ~np.isnan(value_of(a)) & mask if skip else mask
        count = np.sum(np.broadcast_to(mask, a.shape), axes, keepdims=True)
    else:
        mask = True
        count = math.prod(a.shape[one] for one in axes)

    def tangent_of(x: Operand, dx: Operand) -> Any:
        zero = x.dtype.type(0)
        if masked:
            x, dx = np.where(mask, x, zero), np.where(mask, dx, zero)
        deviation = x - np.add.reduce(x, axes, keepdims=True) / (np.asarray(count, x.dtype) if masked else count)
        if masked:
            deviation = np.where(mask, deviation, zero)
        if x.dtype.kind == "c":
            products = scale(deviation.real, dx.real) + scale(deviation.imag, dx.imag)
        else:
            products = scale(deviation, dx)
        total = np.add.reduce(products, axes, keepdims=True)
        weight = np.asarray(np.maximum(count - ddof, 0), total.dtype) if masked else max(count - ddof, 0)
        if function is np.var or function is np.nanvar:
            return divide(total + total, weight)
        return divide(total, weight * value.reshape(total.shape[1:]))

    return along(a, value, tangent_of)


def _moment_about(
    function: Any, a: Operand, axis: Any, dtype: Any, ddof: float, keepdims: Any, where: Any, mean: Operand, skip: bool
) -> Any:
    """The moment about a mean that is given, which is a variable like others and need not be the mean at all."""
    plain = value_of(a)
    options = given(keepdims=keepdims, where=where, mean=value_of(mean))
    expected = np.asarray(function(plain, axis, dtype, ddof=ddof, **options))  # errors, shape and dtype
    deviation = a - mean
    mask: Any = True if where is _UNSET else where
    if skip:
        mask = ~np.isnan(plain) & mask
    count = np.sum(np.broadcast_to(mask, plain.shape), axis, keepdims=True)
    # As NumPy has it, of complex arrays, and of no others, the squares are those of absolute values.
    squares = deviation * deviation if plain.dtype.kind != "c" else (deviation * np.conjugate(deviation)).real
    squares = cast(squares, np.float32 if dtype is None and squares.dtype == np.float16 else dtype)
    total = np.sum(np.where(mask, squares, 0), axis, keepdims=True)
    with quiet():
        variance = (total / np.maximum(count - ddof, 0)).astype(expected.dtype)
    if skip:
        variance = np.where(count > ddof, variance, np.nan)
    return np.reshape(variance if function is np.var or function is np.nanvar else np.sqrt(variance), expected.shape)


def _define_moment(function: Any, skip: bool) -> None:
    @rule_for(function)
    def rule(
        a: Operand, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = _UNSET,
        *, where: Any = _UNSET, mean: Any = _UNSET, correction: Any = _UNSET,
    ) -> Any:  # fmt: skip
        if correction is not _UNSET:
            if ddof != 0:
                raise ValueError("ddof and correction can't be provided simultaneously.")
            ddof = correction
        if mean is None:
            mean = _UNSET
        if mean is not _UNSET and (type(a) is Dual or type(mean) is Dual):
            a, mean = (x if type(x) is Dual else np.asarray(x) for x in (a, mean))
            result = _moment_about(function, a, axis, dtype, ddof, keepdims, where, mean, skip)
        elif type(a) is Dual:
            result = _moment(function, a, axis, dtype, ddof, keepdims, where, skip)
        else:
            result = function(a, axis, dtype, ddof=ddof, **given(keepdims=keepdims, where=where, mean=mean))
        return into(out, result, function.__name__)


_define_moment(np.var, False)
_define_moment(np.std, False)
_define_moment(np.nanvar, True)
_define_moment(np.nanstd, True)


@rule_for(np.average)
def _average(
    a: Operand, axis: Any = None, weights: Operand = None, returned: bool = False, *, keepdims: Any = _UNSET
) -> Any:
    options = given(keepdims=keepdims)
    if weights is None:
        mean = np.mean(a, axis, **options)
        total = np.full(mean.shape, np.asarray(a.size / max(mean.size, 1), a.dtype))
        return (mean, total) if returned else mean
    a, weights = (x if type(x) is Dual else np.asarray(x) for x in (a, weights))
    value_a, value_weights = value_of(a), value_of(weights)
    np.average(value_a, axis, value_weights, **options)  # errors
    dtype = np.result_type(value_a.dtype, value_weights.dtype)
    if value_a.dtype.kind in "iub":
        dtype = np.result_type(dtype, np.float64)
    if weights.shape != a.shape:
        # One weight for each position along the axes, in the order in which they are named.
        axes = normalize_axis_tuple(axis, a.ndim)
        weights = np.transpose(weights, np.argsort(axes))
        weights = np.reshape(weights, [length if one in axes else 1 for one, length in enumerate(a.shape)])
    total = np.sum(weights, axis, dtype=dtype, **options)
    average = np.sum(np.multiply(a, weights, dtype=dtype), axis, **options) / total
    return (average, np.broadcast_to(total, average.shape).copy()) if returned else average


# Without NaN.


def _without_nan(a: Operand, neutral: float) -> Any:
    return np.where(np.isnan(value_of(a)), np.asarray(neutral, a.dtype), a)


@rule_for(np.nansum)
def _nansum(
    a: Operand, axis: Any = None, dtype: Any = None, out: Any = None,
    keepdims: Any = _UNSET, initial: Any = _UNSET, where: Any = _UNSET,
) -> Any:  # fmt: skip
    options = given(keepdims=keepdims, initial=initial, where=where)
    return into(out, np.sum(_without_nan(a, 0), axis, dtype, **options), "nansum")


@rule_for(np.nanprod)
def _nanprod(
    a: Operand, axis: Any = None, dtype: Any = None, out: Any = None,
    keepdims: Any = _UNSET, initial: Any = _UNSET, where: Any = _UNSET,
) -> Any:  # fmt: skip
    options = given(keepdims=keepdims, initial=initial, where=where)
    return into(out, np.prod(_without_nan(a, 1), axis, dtype, **options), "nanprod")


@rule_for(np.nancumsum)
def _nancumsum(a: Operand, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    return into(out, np.cumsum(_without_nan(a, 0), axis, dtype), "nancumsum")


@rule_for(np.nancumprod)
def _nancumprod(a: Operand, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    return into(out, np.cumprod(_without_nan(a, 1), axis, dtype), "nancumprod")


@rule_for(np.nanmean)
def _nanmean(
    a: Operand, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _UNSET, *, where: Any = _UNSET
) -> Any:
    options = given(keepdims=keepdims, where=where)
    if type(a) is not Dual:
        return into(out, np.nanmean(a, axis, dtype, **options), "nanmean")
    a = cast(a, dtype)
    value = np.nanmean(a.primal, axis, **options)
    axes = from_end(axis, a.ndim)
    mask = ~np.isnan(value_of(a)) & (True if where is _UNSET else where)
    count = np.sum(mask, axes, keepdims=True)

    def tangent_of(x: Operand, dx: Operand) -> Any:
        kept = np.where(mask, dx, np.zeros((), dx.dtype))
        return np.sum(kept, axes, keepdims=True) / np.maximum(count, 1).astype(dx.dtype)

    return into(out, along(a, value, tangent_of), "nanmean")


@rule_for(np.nan_to_num)
def _nan_to_num(x: Operand, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if any(type(number) is Dual for number in (nan, posinf, neginf)):
        raise TypeError("numpy.nan_to_num: nan, posinf and neginf can't be dual arrays; use numpy.where")
    value = np.nan_to_num(value_of(x), nan=nan, posinf=posinf, neginf=neginf)
    result = np.where(np.isfinite(value_of(x)), x, value)
    if copy:
        return result
    x[...] = result
    return x
