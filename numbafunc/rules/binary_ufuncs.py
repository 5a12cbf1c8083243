"""Rules of NumPy's ufuncs of two operands, by their derivatives."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from numbafunc.dual.array import Dual, Operand, assemble, components, ndim_of, value_of
from numbafunc.dual.dtypes import is_finite, refuse_long
from numbafunc.dual.guesses import of_length, without_guesses
from numbafunc.dual.products import (
    align,
    beside,
    chained,
    divide,
    divide_by_length,
    finish,
    scale,
    sloped,
    sum_of_products,
    times_constant,
    whole,
)
from numbafunc.dual.quiet import begin_quiet, end_quiet, quiet
from numbafunc.dual.recorder import Recorder, watch
from numbafunc.dual.tables import UFUNC_RULES
from numbafunc.numbers import elementary
from numbafunc.rules.application import Tangent, combine, select
from numbafunc.rules.arguments import constant
from numbafunc.rules.register import Rule, register, rule_for

_LOG_2 = math.log(2.0)


BinaryTangent: TypeAlias = Callable[[Operand, Operand, Operand, Tangent, Tangent], Tangent]
"""tangent(x, y, z, dx, dy) of z = f(x, y); dx or dy is None where that operand has no tangent."""


def binary(ufunc: Callable[..., Any], tangent_of: BinaryTangent) -> Rule:
    """The rule of a function of two operands."""
    name = f"numpy.{ufunc.__name__}"
    keeps_operands, is_quiet = tangent_of not in KEEPING_NOTHING, tangent_of in QUIET

    def rule(x: Operand, y: Operand) -> Any:
        x_level = y_level = 0
        dx = dy = None
        if type(x) is Dual:
            x_level = x.level
        elif type(x) is not float:
            x = constant(x, name)
        if type(y) is Dual:
            y_level = y.level
        elif type(y) is not float:
            y = constant(y, name)
        level = x_level if x_level >= y_level else y_level
        if x_level == level:
            x, dx = x.primal, x.tangent
        if y_level == level:
            y, dy = y.primal, y.tangent
        value = ufunc(x, y)
        if type(value) is not np.ndarray and type(value) is not Dual:
            value = np.asarray(value)
        ndim = value.ndim
        dtype = value.dtype
        # An integer operand is converted: as an integer, n - 1 could wrap, and int64 would widen the result.
        own = getattr(x, "dtype", dtype)
        if own is not dtype and own != dtype:
            refuse_long(dtype, name)
            x = x.astype(dtype)
        own = getattr(y, "dtype", dtype)
        if own is not dtype and own != dtype:
            refuse_long(dtype, name)
            y = y.astype(dtype)
        if dx is not None and len(dx.shape) <= ndim:
            dx = align(dx, ndim)
        if dy is not None and len(dy.shape) <= ndim:
            dy = align(dy, ndim)
        if keeps_operands:
            if type(dx) is Recorder and not y_level:
                watch(y, level)
            if type(dy) is Recorder and not x_level:
                watch(x, level)
        if is_quiet and (dx is None or type(dx) is Recorder) and (dy is None or type(dy) is Recorder):
            return finish(value, tangent_of(x, y, value, dx, dy), level)
        token = begin_quiet()
        try:
            return finish(value, tangent_of(x, y, value, dx, dy), level)
        finally:
            end_quiet(token)

    return rule


def by_partials(
    ufunc: Callable[..., Any], by_x: Callable[[Any, Any, Any], Any], by_y: Callable[[Any, Any, Any], Any]
) -> Rule:
    """The rule of a function by its partial derivatives, functions of x, y and z = ufunc(x, y)."""
    return binary(ufunc, _tangent_by_partials(by_x, by_y))


def _tangent_by_partials(by_x: Callable[[Any, Any, Any], Any], by_y: Callable[[Any, Any, Any], Any]) -> BinaryTangent:
    def tangent_of(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
        if dy is None:
            return sloped(by_x(x, y, z), dx)
        if dx is None:
            return sloped(by_y(x, y, z), dy)
        return sum_of_products(by_x(x, y, z), dx, by_y(x, y, z), dy)

    return tangent_of


def _define_selection(ufunc: np.ufunc, takes_first: Callable[[Any, Any], Any]) -> None:
    """Register a function that returns one of its operands: the first where ``takes_first(x, y)`` of the values."""

    def tangent_of(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
        return select(takes_first(value_of(x), value_of(y)), dx, dy)

    register(ufunc, binary(ufunc, tangent_of))


def _add(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    return combine(dx, dy)


def _subtract(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    if dy is None:
        return dx
    return -dy if dx is None else dx - dy


def _multiply(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    if dx is None:
        return times_constant(x, dy)
    if dy is None:
        return times_constant(y, dx)
    return sum_of_products(y, dx, x, dy)


KEEPING_NOTHING = {_add, _subtract}
"""The functions of tangents for which recorded ones need no operand."""


QUIET = {_add, _subtract, _multiply}
"""The functions of tangents that compute nothing with recorded ones, so that nothing can warn."""


def _divide(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    if type(dx) is np.ndarray and type(dy) is np.ndarray and type(y) is not Dual and type(z) is not Dual:
        # Both terms at once; results that are not finite are computed again, term by term.
        tangent = dx / beside(y, dx)
        second = beside(z / y, dy) * dy
        if tangent.shape == second.shape:
            tangent -= second
        else:
            tangent = tangent - second
        if is_finite(tangent):
            return tangent
    first = None if dx is None else divide(dx, y)
    second = None if dy is None else scale(-z / y, dy)
    return combine(first, second)


def _power_by_base(x: Operand, y: Operand, z: Operand) -> Operand:
    if type(y) is not Dual and ndim_of(y) == 0:
        exponent = y.item() if hasattr(y, "item") else y
        if exponent == 0:
            return 0.0
        if exponent == 1:
            return 1.0
        if exponent == 2:
            return x + x
        if exponent == 3:
            return 3 * (x * x)
    # y * x**(y - 1) is 0 * inf at x = y = 0, where a power with a fixed exponent is constant.
    return damped(np.power(x, y - 1), y)


def _power_by_exponent(x: Operand, y: Operand, z: Operand) -> Operand:
    # log(x) * z is -inf * 0 at x = 0 < y, where the power stays 0; likewise at x = inf, y < 0.
    return damped(np.log(x), z)


def damped(x: Operand, factor: Operand) -> Any:
    """``x * factor``, and zero where the factor is, even for an infinite ``x``; the factor may move off zero."""
    if type(factor) is Dual:
        return scale(x, factor)
    product = x * factor
    return product if type(product) is np.ndarray and is_finite(product) else np.where(factor == 0, 0, product)


def _root_slope(exponent: Any, x: Operand, y: Operand) -> Operand:
    return _power_by_base(x, exponent, y)


_power_by_both = _tangent_by_partials(_power_by_base, _power_by_exponent)


def _power(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    exponent = value_of(y)
    if z.dtype.kind == "c" and np.iscomplexobj(exponent):
        return _power_by_both(x, y, z, dx, dy)
    if dx is None or (type(dx) is not Recorder and np.count_nonzero(value_of(x)) == x.size):
        return _power_by_both(x, y, z, dx, dy)
    root = (exponent > 0) & (exponent < 1)
    if not np.any(root):
        return _power_by_both(x, y, z, dx, dy)
    if type(dx) is Recorder:
        if dy is None and type(y) is not Dual and np.ndim(y) == 0 and dx.shape[1:] == z.shape:
            # In place of the slope the tape keeps the base.
            order = 1 if exponent < 0.5 else max(2, math.ceil(exponent / (1 - exponent)))
            return chained(functools.partial(_root_slope, y), x, z, dx, order)
        return _power_by_both(x, y, z, dx, dy)
    change = _power_by_both(x, y, z, dx, dy)
    # Unknown from the order p / (1 - p) on, and at p = 1/2 as a square root.
    return without_guesses(
        change,
        root & (value_of(x) == 0),
        ((x, dx),),
        lambda order: exponent < 0.5 if order == 1 else exponent * (order + 1) <= order,
    )


def _remainder(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    return combine(dx, None if dy is None else scale(-np.floor_divide(value_of(x), value_of(y)), dy))


def _fmod(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    quotient = np.rint((value_of(x) - value_of(z)) / value_of(y))
    return combine(dx, None if dy is None else scale(-quotient, dy))


def _copysign(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    if dx is None:
        return np.zeros_like(dy)
    return select(np.signbit(value_of(x)) == np.signbit(value_of(y)), dx, -dx)


def _heaviside(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    return np.zeros_like(dx) if dy is None else select(value_of(x) == 0, dy, None)


class Helper:
    """A smooth function of two operands that derivatives need and NumPy lacks, with its own partial derivatives."""

    def __init__(
        self,
        name: str,
        evaluate: Callable[[Any, Any], Any],
        by_x: Callable[[Any, Any, Any], Any],
        by_y: Callable[[Any, Any, Any], Any],
    ) -> None:
        self.__name__ = name
        self.evaluate = evaluate
        self.rule = by_partials(self, by_x, by_y)

    def __call__(self, x: Operand, y: Operand) -> Any:
        moves = type(x) is Dual or type(y) is Dual
        return self.rule(x, y) if moves else self.evaluate(x, y)


# The derivative of the quotient would subtract nearly equal numbers where x is much larger than y. At zero the
# subgradient of least length, as for norms.
cosine: Helper = Helper(
    "x / hypot(x, y)",
    lambda x, y: np.where((np.isinf(x) & np.isfinite(y)) | ((x == 0) & (y == 0)), np.sign(x), x / np.hypot(x, y)),
    lambda x, y, z: np.square(cosine(y, x)) / np.hypot(x, y),
    lambda x, y, z: -z * cosine(y, x) / np.hypot(x, y),
)


def _hypot_slope(x: Operand, y: Operand, z: Operand) -> Any:
    if type(z) is Dual:
        return cosine(x, y)
    slope = x / z
    return slope if is_finite(slope) else cosine.evaluate(x, y)


_hypot_by_both = _tangent_by_partials(_hypot_slope, lambda x, y, z: _hypot_slope(y, x, z))


def _hypot(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    moving = [(v, dv) for v, dv in ((x, dx), (y, dy)) if dv is not None]
    change, at_zero = _hypot_by_both(x, y, z, dx, dy), value_of(z) == 0
    if type(change) is np.ndarray or not np.any(at_zero):
        return change
    quotient = divide_by_length(functools.reduce(np.add, [sloped(v, dv) for v, dv in moving]), z)
    return of_length(np.where(at_zero, quotient, change), at_zero, moving)


def _share(x: Operand, y: Operand) -> Operand:
    # exp(x) / (exp(x) + exp(y)). Computed as exp(x - z), with z the logarithm of the sum, it would lose the digits that
    # a large z lost by rounding, and its derivative would lose the smaller share.
    if type(x) is Dual or type(y) is Dual:
        return _share_at_infinity(x, y)
    ratio = np.exp(y - x)
    return np.reciprocal(ratio + 1) if is_finite(ratio) else _share_at_infinity(x, y)


def _share_at_infinity(x: Operand, y: Operand) -> Any:
    # Equal infinities share equally, but -inf has no share.
    plain, other = value_of(x), value_of(y)
    difference: Any = x - y
    share = elementary.logistic(with_value(difference, np.where(plain == other, 0, value_of(difference))))
    return np.where(np.maximum(plain, other) == -np.inf, 0, share)


def with_value(x: Operand, value: Any) -> Any:
    """Another value with the tangents of an operand."""
    return assemble({**components(x), (): value}) if type(x) is Dual else value


def _logaddexp(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    if dx is None:
        return scale(_share(y, x), dy)
    if dy is None:
        return scale(_share(x, y), dx)
    if type(x) is not Dual and type(y) is not Dual:
        ratio = np.exp(y - x)
        if is_finite(ratio):
            share = np.reciprocal(ratio + 1)
            return sum_of_products(share, dx, ratio * share, dy)
    return sum_of_products(_share_at_infinity(x, y), dx, _share_at_infinity(y, x), dy)


def _arctan2(y: Operand, x: Operand, z: Operand, dy: Tangent, dx: Tangent) -> Tangent:
    # Two quotients, as the square of the radius would overflow.
    radius = np.hypot(x, y)
    if dx is None:
        return sloped(x / radius / radius, dy)
    by_x = -(y / radius / radius)
    return sloped(by_x, dx) if dy is None else sum_of_products(x / radius / radius, dy, by_x, dx)


@rule_for(np.ldexp)
def _ldexp(x: Operand, exponent: Operand) -> Any:
    if type(x) is not Dual or type(exponent) is Dual:
        raise TypeError("numpy.ldexp: only the first operand may be a dual array; the exponent is an integer")
    exponent = np.asarray(exponent)
    value = whole(np.ldexp(x.primal, exponent))
    with quiet():
        return finish(value, np.ldexp(align(x.tangent, value.ndim), exponent), x.level)


def _nextafter(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    return np.zeros_like(dy) if dx is None else dx


@rule_for(np.divmod)
def _divmod(x: Operand, y: Operand) -> Any:
    return UFUNC_RULES[np.floor_divide](x, y), UFUNC_RULES[np.remainder](x, y)


for _ufunc, _tangent in (
    (np.add, _add),
    (np.subtract, _subtract),
    (np.multiply, _multiply),
    (np.divide, _divide),
    (np.logaddexp, _logaddexp),
    (np.logaddexp2, lambda x, y, z, dx, dy: _logaddexp(_LOG_2 * x, _LOG_2 * y, z, dx, dy)),
    (np.remainder, _remainder),
    (np.fmod, _fmod),
    (np.copysign, _copysign),
    (np.heaviside, _heaviside),
    (np.nextafter, _nextafter),
    (np.power, _power),
    (np.float_power, _power),
    (np.hypot, _hypot),
    (np.arctan2, _arctan2),
):
    register(_ufunc, binary(_ufunc, _tangent))

_define_selection(np.maximum, lambda x, y: (x >= y) | np.isnan(x))
_define_selection(np.minimum, lambda x, y: (x <= y) | np.isnan(x))
_define_selection(np.fmax, lambda x, y: (x >= y) | np.isnan(y))
_define_selection(np.fmin, lambda x, y: (x <= y) | np.isnan(y))
