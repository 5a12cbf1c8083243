"""Rules of moments: averages, variances, standard deviations, covariances and correlations.

The derivative of a standard deviation is zero where all elements are equal, like that of a norm.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.dual.guesses import of_length
from numbafunc.dual.products import divide, divide_by_length, sloped
from numbafunc.dual.quiet import quiet
from numbafunc.rules.application import along, linear, with_scale
from numbafunc.rules.arguments import UNSET, as_array, cast, from_end, given, into, weights_beside
from numbafunc.rules.complex_values import conjugate, is_complex
from numbafunc.rules.register import rule_for

# Averages.


@rule_for(np.mean)
def _mean(
    a: Operand, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = UNSET, *, where: Any = UNSET
) -> Any:
    options = {} if keepdims is where is UNSET else given(keepdims=keepdims, where=where)
    if type(a) is not Dual:
        return into(out, np.mean(a, axis, dtype, **options), "mean")
    a = cast(a, dtype)
    axes = from_end(axis, a.ndim)
    count = 0
    if not options and a.dtype.char in "fd":
        count = a.size if axis is None else math.prod([a.shape[one] for one in axes])

    def apply(v: Any, lead: int) -> Any:
        if 0 < count <= 2**24 and type(v) is np.ndarray:
            # As NumPy's method does it, in half the time. From here on float32 leaves out some counts.
            return np.add.reduce(v, axes) / count
        return v.mean(axes, **options)

    return into(out, linear(a, apply), "mean")


@rule_for(np.nanmean)
def _nanmean(
    a: Operand, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = UNSET, *, where: Any = UNSET
) -> Any:
    options = given(keepdims=keepdims, where=where)
    if type(a) is not Dual:
        return into(out, np.nanmean(a, axis, dtype, **options), "nanmean")
    a = cast(a, dtype)
    value = np.nanmean(a.primal, axis, **options)
    axes = from_end(axis, a.ndim)
    mask = ~np.isnan(value_of(a)) & (True if where is UNSET else where)
    count = np.sum(mask, axes, keepdims=True)

    def tangent_of(x: Operand, dx: Operand) -> Any:
        kept = np.where(mask, dx, np.zeros((), dx.dtype))
        return np.sum(kept, axes, keepdims=True) / np.maximum(count, 1).astype(dx.dtype)

    return into(out, along(a, value, tangent_of), "nanmean")


@rule_for(np.average)
def _average(
    a: Operand, axis: Any = None, weights: Operand = None, returned: bool = False, *, keepdims: Any = UNSET
) -> Any:
    options = given(keepdims=keepdims)
    if weights is None:
        mean = np.mean(a, axis, **options)
        total = np.full(mean.shape, np.asarray(a.size / max(mean.size, 1), a.dtype))
        return (mean, total) if returned else mean
    a, weights = (as_array(x) for x in (a, weights))
    value_a, value_weights = value_of(a), value_of(weights)
    np.average(value_a, axis, value_weights, **options)  # raises NumPy's errors
    dtype = np.result_type(value_a.dtype, value_weights.dtype)
    if value_a.dtype.kind in "iub":
        dtype = np.result_type(dtype, np.float64)
    weights = weights_beside(weights, axis, a.shape)
    total = np.sum(weights, axis, dtype=dtype, **options)
    average = np.sum(np.multiply(a, weights, dtype=dtype), axis, **options) / total
    return (average, np.broadcast_to(total, average.shape).copy()) if returned else average


# Variances.


def _by_steps(function: Any, x: Any, axis: Any, ddof: float) -> tuple[Any, Any]:
    """A moment and the deviations from the mean, by the steps that NumPy's method takes, in half the time.

    None and None where that method warns, looks at the axes or computes with another dtype.
    """
    if type(ddof) is not int or (axis is not None and type(axis) is not int) or x.dtype.char not in "fd":
        return None, None
    axes = from_end(axis, x.ndim)
    count = math.prod([x.shape[one] for one in axes])
    if not 0 <= ddof < count <= 2**24:
        return None, None
    deviation = x - np.add.reduce(x, axes, keepdims=True) / count
    variance = np.add.reduce(np.square(deviation), axes) / (count - ddof)
    return variance if function is np.var else np.sqrt(variance), deviation


def _moment(
    function: Any, a: Operand, axis: Any, dtype: Any, ddof: float, keepdims: Any, where: Any, skip: bool
) -> Any:
    options = given(keepdims=keepdims, where=where)
    a = cast(a, dtype)
    value = deviation = None
    if not skip and type(a.primal) is np.ndarray:
        if not options:
            value, deviation = _by_steps(function, a.primal, axis, ddof)
        if value is None:
            method = a.primal.var if function is np.var else a.primal.std  # the method avoids NumPy's wrapper
            value = method(axis, ddof=ddof, **options)
    else:
        value = function(a.primal, axis, ddof=ddof, **options)
    if type(value) is not np.ndarray and type(value) is not Dual:
        value = np.asarray(value)
    axes = from_end(axis, a.ndim)
    if function is np.std and not options:
        scaled = with_scale(a, value_of(value), axis, lambda a: np.std(a, axis, ddof=ddof))
        if scaled is not None:
            return scaled
    masked = skip or (where is not UNSET and where is not True)
    count: Any
    if masked:
        mask: Any = True if where is UNSET else where
        mask = ~np.isnan(value_of(a)) & mask if skip else mask
        count = np.sum(np.broadcast_to(mask, a.shape), axes, keepdims=True)
    else:
        mask = True
        count = math.prod(a.shape[one] for one in axes)

    def tangent_of(x: Operand, dx: Operand, deviation: Operand = deviation) -> Any:
        zero = x.dtype.type(0)
        if masked:
            x, dx = np.where(mask, x, zero), np.where(mask, dx, zero)
        if deviation is None:
            deviation = x - np.add.reduce(x, axes, keepdims=True) / (np.asarray(count, x.dtype) if masked else count)
        if masked:
            deviation = np.where(mask, deviation, zero)
        if x.dtype.kind == "c":
            products = sloped(deviation.real, dx.real) + sloped(deviation.imag, dx.imag)
        else:
            products = sloped(deviation, dx)
        total = np.add.reduce(products, axes, keepdims=True)
        weight = np.asarray(np.maximum(count - ddof, 0), total.dtype) if masked else max(count - ddof, 0)
        if function is np.var or function is np.nanvar:
            return divide(total, weight / 2)  # twice the total may overflow
        length = value.reshape(total.shape[1:])
        change = divide_by_length(total, weight * length)
        if type(change) is not Dual:
            return change
        moves = dx - np.add.reduce(dx, axes, keepdims=True) / (np.asarray(count, x.dtype) if masked else count)
        if masked:
            moves = np.where(mask, moves, zero)
        return of_length(change, value_of(length) == 0, [(deviation, moves)], axes, keepdims=True)

    return along(a, value, tangent_of)


def _moment_about(
    function: Any, a: Operand, axis: Any, dtype: Any, ddof: float, keepdims: Any, where: Any, mean: Operand, skip: bool
) -> Any:
    """The moment about a mean that the caller gives: any array, with derivatives of its own."""
    plain = value_of(a)
    options = given(keepdims=keepdims, where=where, mean=value_of(mean))
    # This raises NumPy's errors, and gives shape and dtype.
    expected = np.asarray(function(plain, axis, dtype, ddof=ddof, **options))
    deviation = a - mean
    mask: Any = True if where is UNSET else where
    if skip:
        mask = ~np.isnan(plain) & mask
    count = np.sum(np.broadcast_to(mask, plain.shape), axis, keepdims=True)
    # For complex arrays, NumPy squares absolute values.
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
        a: Operand, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = UNSET,
        *, where: Any = UNSET, mean: Any = UNSET, correction: Any = UNSET,
    ) -> Any:  # fmt: skip
        if correction is not UNSET:
            if ddof != 0:
                raise ValueError("ddof and correction can't be provided simultaneously.")
            ddof = correction
        if mean is None:
            mean = UNSET
        if mean is not UNSET and (type(a) is Dual or type(mean) is Dual):
            a, mean = (as_array(x) for x in (a, mean))
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


# Several variables.


def _in_rows(x: Operand, dtype: Any, turn: bool) -> Any:
    """The samples as a matrix with a row for each variable."""
    rows = np.atleast_2d(as_array(x).astype(dtype))
    return rows.T if turn else rows


@rule_for(np.cov)
def _cov(
    m: Operand, y: Operand = None, rowvar: Any = True, bias: Any = False, ddof: Any = None, fweights: Any = None,
    aweights: Operand = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    values = (value_of(x) for x in (m, y, rowvar, bias, ddof, fweights, aweights))
    if np.cov(*values, dtype=dtype).size == 0:  # raises NumPy's errors; warns of too few samples
        return np.zeros((0, 0))
    if dtype is None:
        dtype = np.result_type(np.float64, *(value_of(x) for x in (m, y) if x is not None))
    rows = _in_rows(m, dtype, not rowvar and np.ndim(m) > 1)
    if y is not None:
        rows = np.concatenate([rows, _in_rows(y, dtype, not rowvar and np.atleast_2d(y).shape[0] != 1)])
    if ddof is None:
        ddof = 0 if bias else 1
    weights = fweights = None if fweights is None else np.asarray(fweights, float)
    if aweights is not None:
        aweights = as_array(aweights).astype(float)
        weights = aweights if fweights is None else aweights * fweights
    mean, total = np.average(rows, 1, weights, returned=True)
    total = total[0]
    if weights is None:
        count = rows.shape[1] - ddof
    elif ddof == 0:
        count = total
    elif aweights is None:
        count = total - ddof
    else:
        count = total - ddof * np.sum(weights * aweights) / total
    if value_of(count) <= 0:
        count = 0.0
    deviation = (rows - mean[:, np.newaxis]).astype(dtype)
    weighted = deviation if weights is None else deviation * weights
    products: Any = np.dot(deviation, conjugate(weighted.T))
    return np.squeeze((products * np.true_divide(1, count)).astype(products.dtype))


@rule_for(np.corrcoef)
def _corrcoef(
    x: Operand, y: Operand = None, rowvar: Any = True, bias: Any = UNSET, ddof: Any = UNSET, *, dtype: Any = None
) -> Any:
    # Up to NumPy 2.3 there are a bias and a ddof, which do nothing but warn.
    np.corrcoef(value_of(x), value_of(y), rowvar, **given(bias=bias, ddof=ddof), dtype=dtype)
    c: Any = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.diag(c).real)
    c = (c / deviation[:, np.newaxis] / deviation).astype(c.dtype)
    # Rounding may have put some beyond 1.
    return np.clip(c.real, -1, 1) + 1j * np.clip(c.imag, -1, 1) if is_complex(c) else np.clip(c, -1, 1)
