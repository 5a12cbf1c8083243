"""Rules of functions of samples: differences and integrals on a grid, grids, interpolation, phases, sinc and i0.

Between the knots i and i + 1, interp is ``f_i + s (x - x_i)`` with the slope ``s = (f_{i+1} - f_i) / (x_{i+1} - x_i)``.
At a knot the interval on its right counts, at the last knot the one on its left; outside, the end values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from numbafunc.dual.array import Dual, Operand, assemble, components, make, value_of
from numbafunc.dual.axes import axes_of
from numbafunc.dual.products import align, finish, scale, whole
from numbafunc.dual.quiet import quiet
from numbafunc.dual.storage import componentwise
from numbafunc.limits import broadcast_shapes
from numbafunc.rules.application import combine, several
from numbafunc.rules.arguments import as_array, refuse, separate
from numbafunc.rules.register import rule_for

# Differences and integrals.


@rule_for(np.gradient)
def _gradient(f: Operand, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = as_array(f)
    axes = axes_of(axis, f.ndim)
    results = [
        _slope(f, one, spacing, edge_order)
        for one, spacing in zip(axes, _spacings(varargs, len(axes), value_of(f), axes, edge_order), strict=True)
    ]
    return results[0] if len(results) == 1 else tuple(results)


def _slope(f: Operand, axis: int, spacing: Any, edge_order: Any) -> Any:
    if spacing and type(spacing[0]) is Dual:
        by_place = spacing[0].ndim == 1
        slope: Any = _slope_by_coordinates if by_place else _slope_by_distance
        return slope(f, axis, spacing[0], edge_order)
    if type(f) is not Dual:
        return np.gradient(f, *spacing, axis=axis, edge_order=edge_order)
    return componentwise(f, lambda v, lead: np.gradient(v, *spacing, axis=axis + lead, edge_order=edge_order))


def _slope_by_distance(f: Operand, axis: int, distance: Dual, edge_order: Any) -> Any:
    slope = _slope(f, axis, (), edge_order)
    return (slope / distance).astype(slope.dtype)


def _slope_by_coordinates(f: Operand, axis: int, places: Dual, edge_order: Any) -> Any:
    # In the middle the parabola through three points, at the edges a line or that parabola, as in NumPy, whose formulas
    # depend on whether the distances are equal and round differently.
    value = np.gradient(value_of(f), value_of(places), axis=axis, edge_order=edge_order)
    f = np.moveaxis(f if value_of(f).dtype.kind in "fc" else f.astype(float), axis, -1)
    steps: Any = np.diff(places)
    slopes = np.diff(f) / steps
    before, after = steps[:-1], steps[1:]
    inside = (after * slopes[..., :-1] + before * slopes[..., 1:]) / (before + after)
    first, last = slopes[..., :1], slopes[..., -1:]
    if edge_order == 2:
        curved = np.diff(slopes) / (before + after)
        first = first - steps[:1] * curved[..., :1]
        last = last + steps[-1:] * curved[..., -1:]
    result = np.moveaxis(np.concatenate([first, inside, last], -1), -1, axis).astype(value.dtype)
    return assemble({**components(result), (): value})


def _spacings(varargs: tuple[Any, ...], count: int, value: Any, axes: Any, edge_order: Any) -> list[tuple[Any, ...]]:
    np.gradient(value, *map(value_of, varargs), axis=axes, edge_order=edge_order)  # raises NumPy's errors
    if not varargs:
        return [()] * count
    return [varargs] * count if len(varargs) == 1 else [(one,) for one in varargs]


@rule_for(np.trapezoid)
def _trapezoid(y: Operand, x: Operand = None, dx: Operand = 1.0, axis: int = -1) -> Any:
    y = as_array(y)
    axis = normalize_axis_index(axis, y.ndim)
    width = dx
    if x is not None:
        x = as_array(x)
        width = np.diff(x, axis=axis if x.ndim > 1 else -1)
        if x.ndim == 1:
            width = np.reshape(width, [-1 if one == axis else 1 for one in range(y.ndim)])
    before = (slice(None),) * axis
    total: Any = np.sum(width * (y[(*before, slice(1, None))] + y[(*before, slice(None, -1))]) / 2.0, axis)
    return total


# Grids.


@rule_for(np.linspace)
def _linspace(
    start: Operand, stop: Operand, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    refuse("linspace", dtype=dtype, device=device)
    ends = [x if type(x) is Dual else np.asarray(x, np.result_type(x, 0.0)) for x in (start, stop)]
    shape = broadcast_shapes(*(x.shape for x in ends))
    ends = [np.broadcast_to(x, shape) for x in ends]
    place = normalize_axis_index(axis, len(shape) + 1)
    samples = several(ends, lambda parts, lead: np.linspace(parts[0], parts[1], num, endpoint, axis=place + lead))
    if not retstep:
        return samples
    divisor = num - 1 if endpoint else num
    return samples, (ends[1] - ends[0]) / (divisor if divisor > 0 else np.nan)


@rule_for(np.logspace)
def _logspace(
    start: Operand, stop: Operand, num: int = 50, endpoint: bool = True, base: Operand = 10.0, dtype: Any = None,
    axis: int = 0,
) -> Any:  # fmt: skip
    if np.ndim(base):
        # Bases, one for each pair of ends, broadcast with the ends, before the axis of the samples is added.
        ndim = max(np.ndim(x) for x in (start, stop, base))
        start, stop, base = (np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) for x in (start, stop, base))
        base = np.expand_dims(base, axis)
    samples: Any = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return samples if dtype is None else samples.astype(dtype)


@rule_for(np.geomspace)
def _geomspace(
    start: Operand, stop: Operand, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    np.geomspace(value_of(start), value_of(stop), num, endpoint, dtype, axis)  # raises NumPy's errors
    common = np.result_type(value_of(start), value_of(stop), float(num), np.zeros((), dtype))
    start, stop = (as_array(x).astype(common) for x in (start, stop))
    # Rotated so that they start at a positive number, which has a logarithm.
    turn = np.sign(start)
    start, stop = start / turn, stop / turn
    samples: Any = np.logspace(np.log10(start), np.log10(stop), num, endpoint)
    if num > 0:
        samples[0] = start
        if num > 1 and endpoint:
            samples[-1] = stop
    samples = np.moveaxis(samples * turn, 0, axis)
    return samples if dtype is None else samples.astype(dtype)


@rule_for(np.vander)
def _vander(x: Operand, N: int | None = None, increasing: bool = False) -> Any:
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    x = x.astype(np.result_type(x.dtype, int))
    count = len(x) if N is None else N
    if count <= 0:
        return np.zeros((len(x), count), x.dtype)
    powers = np.cumprod(np.stack([np.ones(len(x), x.dtype)] + [x] * (count - 1), 1), 1)
    return powers if increasing else np.flip(powers, 1)


# Interpolation and phases.


@rule_for(np.interp)
def _interp(
    x: Operand, xp: Operand, fp: Operand, left: Operand = None, right: Operand = None, period: Any = None
) -> Any:
    x, xp, fp = (as_array(v) for v in (x, xp, fp))
    if period is not None:
        if type(period) is Dual:
            raise TypeError("numpy.interp: period can't be a dual array")
        if period == 0:
            raise ValueError("period must be a non-zero value")
        period = abs(period)
        left = right = None
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(value_of(xp))
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    # The end values are operands too.
    left = fp[0] if left is None else left
    right = fp[-1] if right is None else right
    level, operands, tangents = separate("numpy.interp", x, xp, fp, left, right)
    if level == 0:
        # NumPy takes complex end values as Python numbers only.
        return np.interp(x, xp, fp, *(np.asarray(end).item() for end in (left, right)))
    value = whole(_interp(*operands))
    with quiet():
        return finish(value, _interp_tangent(value.ndim, *operands, *tangents), level)


def _interp_tangent(
    ndim: int,
    x: Operand, xp: Operand, fp: Operand, left: Operand, right: Operand,
    dx: Any, dxp: Any, dfp: Any, dleft: Any, dright: Any,
) -> Any:  # fmt: skip
    points, knots = value_of(x), value_of(xp)
    below, above = points < knots[0], points > knots[-1]
    inside = ~(below | above)
    change: Any = None
    if len(knots) > 1:
        i = np.clip(np.searchsorted(knots, points, "right") - 1, 0, len(knots) - 2)
        width = xp[i + 1] - xp[i]
        slope = (fp[i + 1] - fp[i]) / width
        share = (x - xp[i]) / width
        if dx is not None:
            change = scale(slope, dx)
        if dxp is not None:
            change = combine(change, -scale(slope, scale(1 - share, dxp[:, i]) + scale(share, dxp[:, i + 1])))
        if dfp is not None:
            change = combine(change, scale(1 - share, dfp[:, i]) + scale(share, dfp[:, i + 1]))
    elif dfp is not None:
        change = np.broadcast_to(align(dfp[:, 0], ndim), (dfp.shape[0], *points.shape))
    if change is None:
        change = 0
    change = np.where(inside, change, 0)
    for outside, moved in ((below, dleft), (above, dright)):
        if moved is not None:
            change = np.where(outside, align(moved, ndim), change)
    if np.ndim(change) == ndim:
        # Only end values moved, and no point lies beyond them.
        directions = next(d.shape[0] for d in (dx, dxp, dfp, dleft, dright) if d is not None)
        change = np.broadcast_to(change, (directions, *points.shape))
    return change


@rule_for(np.unwrap)
def _unwrap(p: Operand, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    if type(p) is not Dual or type(period) is Dual or type(discont) is Dual:
        raise TypeError("numpy.unwrap: discont and period can't be dual arrays")
    value = np.unwrap(p.primal, discont, axis, period=period)
    # The multiples of the period that are added are constant.
    return make(value, p.tangent.copy(), p.level)


# Special functions.

_SINC_SERIES = [(-1) ** k * math.pi ** (2 * k) * 2 * k / math.factorial(2 * k + 1) for k in range(16, 0, -1)]
"""Coefficients of sinc'(x) / x as a series in x**2, highest power first, long enough for the fourth derivative too."""


def _sinc_slope(x: Operand, y: Operand) -> Any:
    near = abs(value_of(x)) < 0.5
    # The quotient loses all digits towards 0, the series none.
    series = x * np.polyval(_SINC_SERIES, np.where(near, x * x, 0))
    far = np.where(near, 1, x)
    return np.where(near, series, (np.cos(math.pi * far) - y) / far)


@rule_for(np.sinc)
def _sinc(x: Dual) -> Any:
    value = whole(np.sinc(x.primal))
    with quiet():
        return finish(value, scale(_sinc_slope(x.primal, value), x.tangent), x.level)


# Midpoints of a quarter of a turn: for analytic periodic functions the rule of equal weights is exact to rounding.
_ANGLES = (np.arange(64) + 0.5) * (np.pi / 128)


@rule_for(np.i0)
def _i0(x: Operand) -> Any:
    value = whole(np.i0(x.primal))
    with quiet():
        return finish(value, scale(_i1(x.primal), x.tangent), x.level)


def _i1(x: Operand) -> Any:
    """The mean of ``cos(t) sinh(x cos(t))``, whose terms have one sign."""
    cosines, halves = (weights.astype(x.dtype) for weights in (np.cos(_ANGLES), np.sin(_ANGLES / 2) ** 2))
    size = abs(x)
    twice = -2 * size[..., np.newaxis]
    # sinh(x c) = exp(x) exp(-2 x h) (1 - exp(-2 x c)) / 2 with h = (1 - c) / 2: large exponents would lose digits.
    mean = np.mean(-cosines * np.exp(twice * halves) * np.expm1(twice * cosines), -1)
    return np.where(value_of(x) < 0, -0.5, x.dtype.type(0.5)) * np.exp(size) * mean
