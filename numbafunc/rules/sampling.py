"""Rules of functions of samples: differences and integrals on a grid, grids themselves, sinc, phases."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from numbafunc.dual.array import Dual, Operand, assemble, components, make, quiet, value_of
from numbafunc.dual.products import finish, scale
from numbafunc.dual.storage import componentwise
from numbafunc.rules.linear import into, refuse, rule_for, several


@rule_for(np.gradient)
def _gradient(f: Operand, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = f if type(f) is Dual else np.asarray(f)
    ndim = f.ndim
    axes = tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)
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
    # In the middle the parabola through three points, at the edges a line or that parabola, as NumPy has it; its own
    # words for that, which depend on whether the distances are equal, round in other ways.
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
    np.gradient(value, *map(value_of, varargs), axis=axes, edge_order=edge_order)  # errors
    if not varargs:
        return [()] * count
    return [varargs] * count if len(varargs) == 1 else [(one,) for one in varargs]


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


@rule_for(np.trapezoid)
def _trapezoid(y: Operand, x: Operand = None, dx: Operand = 1.0, axis: int = -1) -> Any:
    y = y if type(y) is Dual else np.asarray(y)
    axis = normalize_axis_index(axis, y.ndim)
    width = dx
    if x is not None:
        x = x if type(x) is Dual else np.asarray(x)
        width = np.diff(x, axis=axis if x.ndim > 1 else -1)
        if x.ndim == 1:
            width = np.reshape(width, [-1 if one == axis else 1 for one in range(y.ndim)])
    before = (slice(None),) * axis
    total: Any = np.sum(width * (y[(*before, slice(1, None))] + y[(*before, slice(None, -1))]) / 2.0, axis)
    return total


@rule_for(np.linspace)
def _linspace(
    start: Operand, stop: Operand, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    refuse("linspace", dtype=dtype, device=device)
    ends = [x if type(x) is Dual else np.asarray(x, np.result_type(x, 0.0)) for x in (start, stop)]
    shape = np.broadcast_shapes(*(x.shape for x in ends))
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
        # Bases, one for each pair of ends, stand beside the ends in axes that count before that of the samples.
        ndim = max(np.ndim(x) for x in (start, stop, base))
        start, stop, base = (np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) for x in (start, stop, base))
        base = np.expand_dims(base, axis)
    samples: Any = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return samples if dtype is None else samples.astype(dtype)


@rule_for(np.geomspace)
def _geomspace(
    start: Operand, stop: Operand, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    np.geomspace(value_of(start), value_of(stop), num, endpoint, dtype, axis)  # errors
    common = np.result_type(value_of(start), value_of(stop), float(num), np.zeros((), dtype))
    start, stop = ((x if type(x) is Dual else np.asarray(x)).astype(common) for x in (start, stop))
    # Turned so that they start on the positive side, where there are logarithms.
    turn = np.sign(start)
    start, stop = start / turn, stop / turn
    samples: Any = np.logspace(np.log10(start), np.log10(stop), num, endpoint)
    if num > 0:
        samples[0] = start
        if num > 1 and endpoint:
            samples[-1] = stop
    samples = np.moveaxis(samples * turn, 0, axis)
    return samples if dtype is None else samples.astype(dtype)


@rule_for(np.unwrap)
def _unwrap(p: Operand, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    if type(p) is not Dual or type(period) is Dual or type(discont) is Dual:
        raise TypeError("numpy.unwrap: discont and period can't be dual arrays")
    value = np.unwrap(p.primal, discont, axis, period=period)
    # Multiples of the period are added, which don't change.
    return make(value, p.tangent.copy(), p.level)


_TERMS = 16


@rule_for(np.sinc)
def _sinc(x: Operand) -> Any:
    value = np.sinc(x.primal)
    with quiet():
        return finish(
            value if type(value) is Dual else np.asarray(value), scale(_sinc_slope(x.primal), x.tangent), x.level
        )


def _sinc_slope(x: Operand) -> Any:
    """The derivative of ``sin(pi x) / (pi x)``; its Taylor series where the difference would cancel."""
    small = np.abs(value_of(x)) < 0.5
    near = np.where(small, x, x.dtype.type(0)) * np.pi
    square = near * near
    series: Any = 0.0
    for term in range(_TERMS, 0, -1):
        # (-1)**n 2n y**(2n - 1) / (2n + 1)!, by Horner's rule from the last term.
        series = (2 * term) * _SIGNED[term] + square * series
    far = np.where(small, x.dtype.type(1), x)
    return np.where(small, np.pi * near * series, (np.cos(np.pi * far) - np.sinc(far)) / far)


def _signed_reciprocals() -> list[float]:
    found, factorial = [1.0], 1.0
    for term in range(1, _TERMS + 1):
        factorial *= 2 * term * (2 * term + 1)
        found.append((-1) ** term / factorial)
    return found


_SIGNED = _signed_reciprocals()


# Midpoints of a quarter of a turn: for analytic periodic functions the rule of equal weights is exact to rounding.
_ANGLES = (np.arange(64) + 0.5) * (np.pi / 128)


@rule_for(np.i0)
def _i0(x: Operand) -> Any:
    value: Any = np.i0(x.primal)
    with quiet():
        return finish(value if type(value) is Dual else np.asarray(value), scale(_i1(x.primal), x.tangent), x.level)


def _i1(x: Operand) -> Any:
    """The mean of ``cos(t) sinh(x cos(t))``, whose terms have one sign."""
    cosines, halves = (weights.astype(x.dtype) for weights in (np.cos(_ANGLES), np.sin(_ANGLES / 2) ** 2))
    size = abs(x)
    twice = -2 * size[..., np.newaxis]
    # sinh(x c) = exp(x) exp(-2 x h) (1 - exp(-2 x c)) / 2 with h = (1 - c) / 2: large exponents would lose digits.
    mean = np.mean(-cosines * np.exp(twice * halves) * np.expm1(twice * cosines), -1)
    return np.where(value_of(x) < 0, -0.5, x.dtype.type(0.5)) * np.exp(size) * mean


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
