"""Rules of elementwise functions: NumPy's ufuncs by their derivatives, and clip, round, nan_to_num.

At points where the derivative jumps: ``absolute`` has +1 at 0 (and -1 at NaN), ``maximum``, ``minimum``, ``fmax``,
``fmin`` and ``clip`` follow their first operand at a tie, and the operand not taken contributes nothing even if its
tangent is infinite or NaN. Functions that are constant between jumps (``floor``, ``sign``, ``floor_divide``,
``round``, ...) and predicates give plain arrays: their derivative is zero, which a plain array expresses at no cost.

Rules for complex values alone are in :mod:`numbafunc.rules.complex_values`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from numbafunc.dual.array import UFUNC_RULES, Dual, Operand, assemble, components, make, quiet, value_of
from numbafunc.dual.dtypes import is_finite, refuse_long
from numbafunc.dual.guesses import at_infinite_slope, of_length, without_guesses
from numbafunc.dual.products import (
    align,
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
from numbafunc.dual.recorder import Recorder, watch
from numbafunc.numbers import elementary
from numbafunc.rules.application import Tangent, combine, select
from numbafunc.rules.arguments import constant, into
from numbafunc.rules.complex_values import absolute_tangent, is_complex, sign_of_complex, tanh_slope
from numbafunc.rules.register import Rule, define_on_value, register, register_like_ufunc, rule_for

_LOG_2 = math.log(2.0)

BinaryTangent: TypeAlias = Callable[[Operand, Operand, Operand, Tangent, Tangent], Tangent]
"""tangent(x, y, z, dx, dy) of z = f(x, y); dx or dy is None where that operand has no tangent."""


# One operand.


def unary(
    ufunc: Callable[[Any], Any],
    of_real: Callable[[Any, Any], Any],
    of_complex: Callable[[Any, Any], Any] | None = None,
    unknown_from: int | None = None,
) -> Rule:
    """The rule of a smooth function of one operand by its derivative, a function of ``x`` and ``y = ufunc(x)``.

    The one for complex values may be another. ``unknown_from`` is that of an elementary function.
    """

    def rule(x: Dual) -> Any:
        primal = x.primal
        derivative = of_real if of_complex is None or not is_complex(primal) else of_complex
        # A function that is not a ufunc can't be called with a Dual; the rule can.
        value = rule(primal) if type(primal) is Dual else np.asarray(ufunc(primal))
        tangent = x.tangent
        if type(tangent) is Recorder:
            return make(value, chained(derivative, primal, value, tangent, unknown_from), x.level)
        return make(value, _chain(derivative, primal, value, tangent, unknown_from), x.level)

    return rule


@np.errstate(all="ignore")  # a decorator takes half the time of a with statement
def _chain(
    derivative: Callable[[Any, Any], Any], x: Operand, y: Operand, dx: Tangent, unknown_from: int | None
) -> Tangent:
    slope = derivative(x, y)
    change = scale(slope, dx)
    return change if unknown_from is None else at_infinite_slope(change, slope, x, y, dx, unknown_from)


def _define_linear(ufunc: np.ufunc) -> None:
    """Register a linear elementwise function, which acts on tangents as on values."""

    @rule_for(ufunc)
    def rule(x: Dual) -> Any:
        value = ufunc(x.primal)
        with quiet():
            return make(value if type(value) is Dual else np.asarray(value), ufunc(x.tangent), x.level)


def _define_absolute(ufunc: np.ufunc) -> None:
    """Register the absolute value."""

    @rule_for(ufunc)
    def rule(x: Dual) -> Any:
        value = ufunc(x.primal)
        with quiet():
            return make(whole(value), absolute_tangent(x.primal, x.tangent), x.level)


_quotient = np.errstate(all="ignore")(divide)


@rule_for(np.log)
def _log(x: Dual) -> Any:
    # A division takes less time than a product with 1 / x.
    value = np.log(x.primal)
    quotient = divide if type(x.tangent) is Recorder else _quotient
    return make(value if type(value) is Dual else np.asarray(value), quotient(x.tangent, x.primal), x.level)


@rule_for(np.sign)
def _sign(x: Dual) -> Any:
    return sign_of_complex(x) if is_complex(x) else np.sign(value_of(x))


for _name, _function in elementary.FUNCTIONS.items():
    if _name == "tanh":
        register(np.tanh, unary(np.tanh, _function.derivative, tanh_slope))
    elif _name != "log":
        register_like_ufunc(
            _function.evaluate,
            unary(_function.evaluate, _function.derivative, unknown_from=_function.unknown_from),
        )

register(np.square, unary(np.square, lambda x, y: x + x))
register(np.reciprocal, unary(np.reciprocal, lambda x, y: -y * y))

_ufunc: Any
for _ufunc in (np.negative, np.positive, np.conjugate, np.deg2rad, np.radians, np.rad2deg, np.degrees):
    _define_linear(_ufunc)
for _ufunc in (np.absolute, np.fabs):
    _define_absolute(_ufunc)

define_on_value(
    np.floor, np.ceil, np.trunc, np.rint, np.floor_divide, np.spacing, np.round, np.around, np.fix,
    np.isnan, np.isinf, np.isfinite, np.signbit,
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
)  # fmt: skip


# Two operands.


def binary(ufunc: Callable[..., Any], tangent_of: BinaryTangent) -> Rule:
    """The rule of a function of two operands."""
    name = f"numpy.{ufunc.__name__}"
    keeps_operands, is_quiet = tangent_of not in KEEPING_NOTHING, tangent_of in QUIET

    def rule(x: Operand, y: Operand) -> Any:
        x_level = y_level = 0
        dx = dy = None
        if type(x) is Dual:
            x_level = x.level
        else:
            x = constant(x, name)
        if type(y) is Dual:
            y_level = y.level
        else:
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
        if getattr(x, "dtype", dtype) != dtype:
            refuse_long(dtype, name)
            x = x.astype(dtype)
        if getattr(y, "dtype", dtype) != dtype:
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
        return _finish(tangent_of, x, y, value, dx, dy, level)

    return rule


@np.errstate(all="ignore")
def _finish(
    tangent_of: BinaryTangent, x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent, level: int
) -> Dual:
    return finish(z, tangent_of(x, y, z, dx, dy), level)


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
    first = None if dx is None else divide(dx, y)
    second = None if dy is None else scale(-z / y, dy)
    return combine(first, second)


def _power_by_base(x: Operand, y: Operand, z: Operand) -> Operand:
    if type(y) is not Dual and np.ndim(y) == 0:
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
    return scale(x, factor) if type(factor) is Dual else np.where(factor == 0, 0, x * factor)


def _root_slope(exponent: Any, x: Operand, y: Operand) -> Operand:
    return _power_by_base(x, exponent, y)


_power_by_both = _tangent_by_partials(_power_by_base, _power_by_exponent)


def _power(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    exponent = value_of(y)
    if np.iscomplexobj(exponent):
        return _power_by_both(x, y, z, dx, dy)
    root = (exponent > 0) & (exponent < 1)
    if dx is None or not np.any(root):
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


def _over_square(x: Operand, radius: Operand) -> Operand:
    # The square itself would overflow.
    return x / radius / radius


@rule_for(np.ldexp)
def _ldexp(x: Operand, exponent: Operand) -> Any:
    if type(x) is not Dual or type(exponent) is Dual:
        raise TypeError("numpy.ldexp: only the first operand may be a dual array; the exponent is an integer")
    exponent = np.asarray(exponent)
    value = whole(np.ldexp(x.primal, exponent))
    with quiet():
        return finish(value, np.ldexp(align(x.tangent, value.ndim), exponent), x.level)


@rule_for(np.frexp)
def _frexp(x: Dual) -> Any:
    mantissa, exponent = np.frexp(value_of(x))
    value = np.frexp(x.primal)[0]
    with quiet():
        tangent = np.ldexp(x.tangent, -exponent)
    return make(value if type(value) is Dual else np.asarray(mantissa), tangent, x.level), exponent


def _nextafter(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    return np.zeros_like(dy) if dx is None else dx


@rule_for(np.divmod)
def _divmod(x: Operand, y: Operand) -> Any:
    return UFUNC_RULES[np.floor_divide](x, y), UFUNC_RULES[np.remainder](x, y)


@rule_for(np.modf)
def _modf(x: Dual) -> Any:
    integer = np.trunc(value_of(x))
    fraction, _ = np.modf(x.primal)
    return make(whole(fraction), x.tangent, x.level), integer


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
):
    register(_ufunc, binary(_ufunc, _tangent))

for _ufunc, _by_x, _by_y in (
    (
        np.arctan2,
        lambda y, x, z: _over_square(x, np.hypot(x, y)),
        lambda y, x, z: -_over_square(y, np.hypot(x, y)),
    ),
):
    register(_ufunc, by_partials(_ufunc, _by_x, _by_y))

_define_selection(np.maximum, lambda x, y: (x >= y) | np.isnan(x))
_define_selection(np.minimum, lambda x, y: (x <= y) | np.isnan(x))
_define_selection(np.fmax, lambda x, y: (x >= y) | np.isnan(y))
_define_selection(np.fmin, lambda x, y: (x <= y) | np.isnan(y))


# Functions that are not ufuncs.


def _clip_between(a: Dual, lower: Any, upper: Any) -> Any:
    primal = value_of(a)
    # The first operand at a tie, like maximum and minimum; NaN passes through.
    taken = primal == primal if lower is None else primal >= lower
    if upper is not None:
        taken = taken & (primal <= upper)
    taken = taken | (primal != primal)
    value = whole(np.clip(a.primal, lower, upper))
    tangent = align(a.tangent, value.ndim)
    with quiet():
        return finish(value, np.where(taken, tangent, 0), a.level)


@rule_for(np.clip)
def _clip(
    a: Operand, a_min: Operand = None, a_max: Operand = None, out: Any = None, *, min: Any = None, max: Any = None
) -> Any:
    lower = min if a_min is None else a_min
    upper = max if a_max is None else a_max
    if type(a) is Dual and type(lower) is not Dual and type(upper) is not Dual:
        return into(out, a.copy() if lower is None and upper is None else _clip_between(a, lower, upper), "clip")
    if lower is not None:
        a = np.maximum(a, lower)
    if upper is not None:
        a = np.minimum(a, upper)
    elif lower is None:
        a = a.copy()
    return into(out, a, "clip")


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
