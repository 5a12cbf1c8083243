"""Rules of functions of one operand: NumPy's ufuncs by their derivatives, and clip, round, nan_to_num.

At points where the derivative jumps: ``absolute`` has +1 at 0 (and -1 at NaN), ``maximum``, ``minimum``, ``fmax``,
``fmin`` and ``clip`` follow their first operand at a tie, and the operand not taken contributes nothing even if its
tangent is infinite or NaN. Functions that are constant between jumps (``floor``, ``sign``, ``floor_divide``,
``round``, ...) and predicates give plain arrays: their derivative is zero, which a plain array expresses at no cost.

Ufuncs of two operands are in :mod:`numbafunc.rules.binary_ufuncs`, rules for complex values alone in
:mod:`numbafunc.rules.complex_values`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, make, value_of
from numbafunc.dual.dtypes import is_finite
from numbafunc.dual.guesses import at_infinite_slope
from numbafunc.dual.products import (
    align,
    chained,
    divide,
    finish,
    scale,
    whole,
)
from numbafunc.dual.quiet import begin_quiet, end_quiet, quiet, quietly
from numbafunc.dual.recorder import Recorder
from numbafunc.numbers import elementary
from numbafunc.rules.arguments import into
from numbafunc.rules.complex_values import absolute_tangent, is_complex, sign_of_complex, tanh_slope
from numbafunc.rules.register import Rule, define_on_value, register, register_like_ufunc, rule_for

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
        primal, tangent = x.primal, x.tangent
        derivative = of_real if of_complex is None or not is_complex(primal) else of_complex
        # A function that is not a ufunc can't be called with a Dual; the rule can.
        value = rule(primal) if type(primal) is Dual else np.asarray(ufunc(primal))
        if type(tangent) is Recorder:
            return make(value, chained(derivative, primal, value, tangent, unknown_from), x.level)
        token = begin_quiet()
        try:
            slope = derivative(primal, value)
            if type(tangent) is np.ndarray and type(slope) is np.ndarray and is_finite(slope):
                change = slope[None] * tangent
            else:
                change = scale(slope, tangent)
                if unknown_from is not None:
                    change = at_infinite_slope(change, slope, primal, value, tangent, unknown_from)
        finally:
            end_quiet(token)
        return make(value, change, x.level)

    return rule


def _define_linear(ufunc: np.ufunc) -> None:
    """Register a linear elementwise function, which acts on tangents as on values."""
    of_tangent = quietly(ufunc)

    @rule_for(ufunc)
    def rule(x: Dual) -> Any:
        value = ufunc(x.primal)
        tangent = ufunc(x.tangent) if type(x.tangent) is Recorder else of_tangent(x.tangent)
        return make(value if type(value) is Dual else np.asarray(value), tangent, x.level)


def _define_absolute(ufunc: np.ufunc) -> None:
    """Register the absolute value."""

    @rule_for(ufunc)
    def rule(x: Dual) -> Any:
        value = ufunc(x.primal)
        with quiet():
            return make(whole(value), absolute_tangent(x.primal, x.tangent), x.level)


@rule_for(np.log)
def _log(x: Dual) -> Any:
    # A division takes less time than a product with 1 / x.
    primal, tangent = x.primal, x.tangent
    value = np.log(primal)
    if type(tangent) is Recorder:
        change = divide(tangent, primal)
    else:
        token = begin_quiet()
        try:
            change = divide(tangent, primal)
        finally:
            end_quiet(token)
    return make(value if type(value) is Dual else np.asarray(value), change, x.level)


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


@rule_for(np.frexp)
def _frexp(x: Dual) -> Any:
    mantissa, exponent = np.frexp(value_of(x))
    value = np.frexp(x.primal)[0]
    with quiet():
        tangent = np.ldexp(x.tangent, -exponent)
    return make(value if type(value) is Dual else np.asarray(mantissa), tangent, x.level), exponent


@rule_for(np.modf)
def _modf(x: Dual) -> Any:
    integer = np.trunc(value_of(x))
    fraction, _ = np.modf(x.primal)
    return make(whole(fraction), x.tangent, x.level), integer


# Functions that are not ufuncs.


def _clip_between(a: Dual, lower: Any, upper: Any) -> Any:
    primal = value_of(a)
    value = whole(a.primal.clip(lower, upper))  # the method avoids NumPy's wrapper
    # The first operand at a tie, like maximum and minimum; NaN passes through.
    if type(lower) is float and type(upper) is float and lower <= upper and not is_complex(primal):
        taken = value_of(value) == primal
    else:
        taken = primal == primal if lower is None else primal >= lower
        if upper is not None:
            taken = taken & (primal <= upper)
    taken = taken | (primal != primal)
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
