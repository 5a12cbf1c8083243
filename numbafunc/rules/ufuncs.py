"""Rules of elementwise ufuncs: tables of derivatives.

At points where the derivative jumps: ``absolute`` has +1 at 0 (and -1 at NaN), ``maximum``, ``minimum``, ``fmax`` and
``fmin`` follow their first operand at a tie, and the operand not taken contributes nothing even if its tangent is
infinite or NaN. Functions that are constant between jumps (``floor``, ``sign``, ``floor_divide``, ...) and predicates
give plain arrays: their derivative is zero, and an array says so at no cost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from numbafunc.dual.array import UFUNC_RULES, Dual, Operand, make, quiet, value_of
from numbafunc.dual.dtypes import is_finite
from numbafunc.dual.errors import refuse_subclass
from numbafunc.dual.products import align, beside, divide, finish, scale
from numbafunc.numbers import elementary

_LOG_2 = math.log(2.0)

Tangent: TypeAlias = Any
BinaryTangent: TypeAlias = Callable[[Operand, Operand, Operand, Tangent, Tangent], Tangent]
"""tangent(x, y, z, dx, dy) of z = f(x, y); dx or dy is None where that operand does not move."""


ON_VALUE: set[np.ufunc] = set()
"""The ufuncs whose results are plain arrays."""


# One operand.

_ufunc: Any


def define_unary(ufunc: Callable[[Any], Any], derivative: Callable[[Any, Any], Any]) -> None:
    """Register a smooth function of one operand by ``derivative(x, y)``, ``y = ufunc(x)``."""

    def rule(x: Dual) -> Any:
        primal = x.primal
        # Of a Dual, what is no ufunc would be taken apart.
        value = rule(primal) if type(primal) is Dual else np.asarray(ufunc(primal))
        return make(value, _chain(derivative, primal, value, x.tangent), x.level)

    UFUNC_RULES[ufunc] = rule


@np.errstate(all="ignore")  # as a decorator it takes half the time of a with statement
def _chain(derivative: Callable[[Any, Any], Any], x: Operand, y: Operand, dx: Tangent) -> Tangent:
    return scale(derivative(x, y), dx)


def define_linear(ufunc: np.ufunc) -> None:
    """Register an elementwise function that is its own derivative."""

    def rule(x: Dual) -> Any:
        value = ufunc(x.primal)
        with quiet():
            return make(value if type(value) is Dual else np.asarray(value), ufunc(x.tangent), x.level)

    UFUNC_RULES[ufunc] = rule


def define_absolute(ufunc: np.ufunc) -> None:
    """Register the absolute value."""

    def rule(x: Dual) -> Any:
        value = ufunc(x.primal)
        tangent = x.tangent
        with quiet():
            tangent = select(value_of(x) >= 0, tangent, -tangent)
        return make(value if type(value) is Dual else np.asarray(value), tangent, x.level)

    UFUNC_RULES[ufunc] = rule


def define_on_value(ufunc: np.ufunc) -> None:
    """Register a function whose derivative is zero wherever it has one."""

    def rule(*operands: Operand) -> Any:
        return ufunc(*map(value_of, operands))

    UFUNC_RULES[ufunc] = rule
    ON_VALUE.add(ufunc)


_quotient = np.errstate(all="ignore")(divide)


def _log(x: Dual) -> Any:
    # A quotient by itself takes less time than a product with 1 / x.
    value = np.log(x.primal)
    return make(value if type(value) is Dual else np.asarray(value), _quotient(x.tangent, x.primal), x.level)


for _function in elementary.FUNCTIONS.values():
    define_unary(_function.evaluate, _function.derivative)

define_unary(np.square, lambda x, y: x + x)
define_unary(np.reciprocal, lambda x, y: -y * y)
UFUNC_RULES[np.log] = _log

for _ufunc in (np.negative, np.positive, np.conjugate, np.deg2rad, np.radians, np.rad2deg, np.degrees):
    define_linear(_ufunc)
for _ufunc in (np.absolute, np.fabs):
    define_absolute(_ufunc)
for _ufunc in (
    np.sign, np.floor, np.ceil, np.trunc, np.rint, np.floor_divide, np.spacing,
    np.isnan, np.isinf, np.isfinite, np.signbit,
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
):  # fmt: skip
    define_on_value(_ufunc)


# Two operands.


def constant(x: Operand, name: str) -> Operand:
    """An operand that is no Dual, as an array or Python number; objects are refused."""
    if type(x) is np.ndarray or isinstance(x, np.generic):
        kind = x.dtype.kind
    elif type(x) is float or type(x) is int or type(x) is bool or type(x) is complex:
        return x
    else:
        refuse_subclass(x, f"{name}: an operand that meets a dual array")
        x = np.asarray(x)
        kind = x.dtype.kind
    if kind not in "fiubc":
        raise TypeError(f"{name}: an operand of dtype {x.dtype} can't meet a dual array, which holds numbers")
    return x


def define_binary(ufunc: Callable[..., Any], tangent_of: BinaryTangent) -> None:
    """Register a function of two operands."""
    name = f"numpy.{ufunc.__name__}"

    def rule(x: Operand, y: Operand) -> Any:
        x_level = x.level if type(x) is Dual else 0
        y_level = y.level if type(y) is Dual else 0
        dx = dy = None
        if x_level >= y_level:
            level = x_level
            x, dx = x.primal, x.tangent
        else:
            level = y_level
        if not x_level:
            x = constant(x, name)
        if y_level == level:
            y, dy = y.primal, y.tangent
        if not y_level:
            y = constant(y, name)
        value = ufunc(x, y)
        if type(value) is not np.ndarray and type(value) is not Dual:
            value = np.asarray(value)
        ndim = value.ndim
        dtype = value.dtype
        # An integer operand must not take part as an integer: n - 1 wraps, and int64 would widen.
        if getattr(x, "dtype", dtype) != dtype:
            x = x.astype(dtype)
        if getattr(y, "dtype", dtype) != dtype:
            y = y.astype(dtype)
        if dx is not None and dx.ndim <= ndim:
            dx = align(dx, ndim)
        if dy is not None and dy.ndim <= ndim:
            dy = align(dy, ndim)
        return _finish(tangent_of, x, y, value, dx, dy, level)

    UFUNC_RULES[ufunc] = rule


@np.errstate(all="ignore")
def _finish(
    tangent_of: BinaryTangent, x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent, level: int
) -> Dual:
    return finish(z, tangent_of(x, y, z, dx, dy), level)


def combine(first: Tangent, second: Tangent) -> Tangent:
    """The sum of two terms of which one may be missing."""
    if first is None:
        return second
    return first if second is None else first + second


def define_partials(
    ufunc: Callable[..., Any], by_x: Callable[[Any, Any, Any], Any], by_y: Callable[[Any, Any, Any], Any]
) -> None:
    """Register a function by its partial derivatives, functions of x, y and z = ufunc(x, y)."""

    def tangent_of(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
        if dy is None:
            return scale(by_x(x, y, z), dx)
        if dx is None:
            return scale(by_y(x, y, z), dy)
        return _sum_of_products(by_x(x, y, z), dx, by_y(x, y, z), dy)

    define_binary(ufunc, tangent_of)


def _sum_of_products(a: Operand, dx: Tangent, b: Operand, dy: Tangent) -> Tangent:
    """``a * dx + b * dy``, without a term whose tangent is zero."""
    if type(dx) is np.ndarray and type(dy) is np.ndarray and type(a) is not Dual and type(b) is not Dual:
        # Both in one go; what is not finite is looked at term by term.
        tangent = beside(a, dx) * dx
        second = beside(b, dy) * dy
        if tangent.shape == second.shape:
            tangent += second
        else:
            tangent = tangent + second
        if is_finite(tangent):
            return tangent
    return scale(a, dx) + scale(b, dy)


def select(condition: Any, x: Tangent, y: Tangent) -> Tangent:
    """The tangent of a selection; None stands for a zero tangent."""
    return np.where(condition, 0 if x is None else x, 0 if y is None else y)


def define_selection(ufunc: np.ufunc, takes_first: Callable[[Any, Any], Any]) -> None:
    """Register a function that returns one of its operands: the first where ``takes_first(x, y)`` of the values."""

    def tangent_of(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
        return select(takes_first(value_of(x), value_of(y)), dx, dy)

    define_binary(ufunc, tangent_of)


def _add(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    return combine(dx, dy)


def _subtract(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    if dy is None:
        return dx
    return -dy if dx is None else dx - dy


def _multiply(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    if dx is None:
        return scale(x, dy)
    if dy is None:
        return scale(y, dx)
    return _sum_of_products(y, dx, x, dy)


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
    return np.where((value_of(x) == 0) & (value_of(y) == 0), 0, y * np.power(x, y - 1))


def _power_by_exponent(x: Operand, y: Operand, z: Operand) -> Operand:
    # log(x) * z is -inf * 0 at x = 0 < y, where the power stays 0; likewise at x = inf, y < 0.
    return np.where(value_of(z) == 0, 0, np.log(x) * z)


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
    """A smooth function of two operands that slopes need and NumPy lacks, with slopes of its own."""

    def __init__(
        self,
        name: str,
        evaluate: Callable[[Any, Any], Any],
        by_x: Callable[[Any, Any, Any], Any],
        by_y: Callable[[Any, Any, Any], Any],
    ) -> None:
        self.__name__ = name
        self.evaluate = evaluate
        define_partials(self, by_x, by_y)

    def __call__(self, x: Operand, y: Operand) -> Any:
        moves = type(x) is Dual or type(y) is Dual
        return UFUNC_RULES[self](x, y) if moves else self.evaluate(x, y)


# The derivative of the quotient would subtract nearly equal numbers where x is much larger than y.
_cosine: Helper = Helper(
    "x / hypot(x, y)",
    lambda x, y: np.where(np.isinf(x) & np.isfinite(y), np.sign(x), x / np.hypot(x, y)),
    lambda x, y, z: np.square(_cosine(y, x)) / np.hypot(x, y),
    lambda x, y, z: -z * _cosine(y, x) / np.hypot(x, y),
)


def _hypot_slope(x: Operand, y: Operand, z: Operand) -> Any:
    return _cosine(x, y) if type(z) is Dual else x / z


def _share(x: Operand, y: Operand) -> Operand:
    # exp(x) / (exp(x) + exp(y)). With the logarithm of the sum, exp(x - z), it would lose what rounding to a large z
    # has lost, and its derivative all of the smaller share.
    if type(x) is Dual or type(y) is Dual:
        return elementary.logistic(x - y)
    ratio = np.exp(y - x)
    return np.reciprocal(ratio + 1) if is_finite(ratio) else elementary.logistic(x - y)


def _logaddexp(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    if dx is None:
        return scale(_share(y, x), dy)
    if dy is None:
        return scale(_share(x, y), dx)
    if type(x) is not Dual and type(y) is not Dual:
        ratio = np.exp(y - x)
        if is_finite(ratio):
            share = np.reciprocal(ratio + 1)
            return _sum_of_products(share, dx, ratio * share, dy)
    return _sum_of_products(elementary.logistic(x - y), dx, elementary.logistic(y - x), dy)


def _over_square(x: Operand, radius: Operand) -> Operand:
    # The square itself would overflow.
    return x / radius / radius


def _ldexp(x: Operand, exponent: Operand) -> Any:
    if type(x) is not Dual or type(exponent) is Dual:
        raise TypeError("numpy.ldexp: only the first operand may be a dual array; the exponent is an integer")
    exponent = np.asarray(exponent)
    value = np.ldexp(x.primal, exponent)
    value = value if type(value) is Dual else np.asarray(value)
    with quiet():
        return finish(value, np.ldexp(align(x.tangent, value.ndim), exponent), x.level)


def _frexp(x: Dual) -> Any:
    mantissa, exponent = np.frexp(value_of(x))
    value = np.frexp(x.primal)[0]
    with quiet():
        tangent = np.ldexp(x.tangent, -exponent)
    return make(value if type(value) is Dual else np.asarray(mantissa), tangent, x.level), exponent


def _nextafter(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    return np.zeros_like(dy) if dx is None else dx


def _divmod(x: Operand, y: Operand) -> Any:
    return UFUNC_RULES[np.floor_divide](x, y), UFUNC_RULES[np.remainder](x, y)


def _modf(x: Dual) -> Any:
    whole = np.trunc(value_of(x))
    fraction, _ = np.modf(x.primal)
    return make(fraction if type(fraction) is Dual else np.asarray(fraction), x.tangent, x.level), whole


define_binary(np.add, _add)
define_binary(np.subtract, _subtract)
define_binary(np.multiply, _multiply)
define_binary(np.divide, _divide)
for _ufunc in (np.power, np.float_power):
    define_partials(_ufunc, _power_by_base, _power_by_exponent)

define_selection(np.maximum, lambda x, y: (x >= y) | np.isnan(x))
define_selection(np.minimum, lambda x, y: (x <= y) | np.isnan(x))
define_selection(np.fmax, lambda x, y: (x >= y) | np.isnan(y))
define_selection(np.fmin, lambda x, y: (x <= y) | np.isnan(y))

define_partials(
    np.arctan2, lambda y, x, z: _over_square(x, np.hypot(x, y)), lambda y, x, z: -_over_square(y, np.hypot(x, y))
)
define_partials(np.hypot, _hypot_slope, lambda x, y, z: _hypot_slope(y, x, z))
define_binary(np.logaddexp, _logaddexp)
define_binary(np.logaddexp2, lambda x, y, z, dx, dy: _logaddexp(_LOG_2 * x, _LOG_2 * y, z, dx, dy))

define_binary(np.remainder, _remainder)
define_binary(np.fmod, _fmod)
define_binary(np.copysign, _copysign)
define_binary(np.heaviside, _heaviside)
define_binary(np.nextafter, _nextafter)
UFUNC_RULES[np.frexp] = _frexp
UFUNC_RULES[np.ldexp] = _ldexp
UFUNC_RULES[np.divmod] = _divmod
UFUNC_RULES[np.modf] = _modf
