"""The gamma function and its relatives, emitted in float64; float32 is converted before and after.

``gamma`` and ``lgamma`` are the C library's. The derivatives of the logarithm of the gamma function come from their
asymptotic series (Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, 6.3.18 and 6.4.11) at an argument
that is raised by recurrence, left of 1/2 by reflection. Errors of ``digamma`` are absolute near its zeros.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llvmlite import ir

from numbafunc.numbers.cores_logarithms import log
from numbafunc.numbers.real import FLOAT64, Real, select

Core = Callable[[Real], Real]

_STEPS = 12
"""How far the argument is raised."""

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)
"""The Bernoulli numbers of index 2, 4, 6, ..."""


def in_float64(core: Core) -> Core:
    """A core that computes in float64 whatever the precision of its argument."""

    def emit(x: Real) -> Real:
        if x.format is FLOAT64:
            return core(x)
        builder = x.builder
        result = core(Real(builder, builder.fpext(x.value, ir.DoubleType())))
        return Real(builder, builder.fptrunc(result.value, ir.FloatType()))

    emit.__doc__ = core.__doc__
    return emit


@in_float64
def gamma(x: Real) -> Real:
    """The gamma function of the C library."""
    return x.call("tgamma")


@in_float64
def lgamma(x: Real) -> Real:
    """The logarithm of the magnitude of the gamma function, by the C library."""
    return x.call("lgamma")


def _cotangent_polynomial(order: int) -> list[float]:
    """The derivative of an order of ``cot(u)`` as a polynomial in ``c = cot(u)``, whose own is ``-(1 + c * c)``."""
    coefficients = [0.0, 1.0]
    for _ in range(order):
        slope = [power * c for power, c in enumerate(coefficients)][1:]
        coefficients = [0.0] * (len(slope) + 2)
        for power, c in enumerate(slope):
            coefficients[power] -= c
            coefficients[power + 2] -= c
    return coefficients


def polygamma(order: int) -> Core:
    """The derivative of an order of the digamma function."""

    @in_float64
    def emit(x: Real) -> Real:
        sign = 1.0 if order % 2 else -1.0
        reflected = x < 0.5
        z = select(reflected, 1.0 - x, x)
        terms = z.constant(0.0)
        for step in reversed(range(_STEPS)):  # the small ones first
            terms = terms + _power(1.0 / (z + float(step)), order + 1)
        inverse = 1.0 / (z + float(_STEPS))
        square = inverse * inverse
        series = z.constant(0.0)
        for place in reversed(range(len(_BERNOULLI))):
            two = 2 * place + 2
            series = (series + _BERNOULLI[place] * math.factorial(two + order - 1) / math.factorial(two)) * square
        if order:
            tail = series + math.factorial(order - 1) + inverse * (math.factorial(order) / 2)
            value = sign * (terms * float(math.factorial(order)) + tail * _power(inverse, order))
        else:
            value = log(z + float(_STEPS)) - (terms + (inverse * 0.5 + series))
        distance = x - x.rint()
        distance = select(distance.equals(0), x.constant(0.0).copysign(x), distance)
        cotangent = 1.0 / (distance * math.pi).call("tan")
        *lower, highest = _cotangent_polynomial(order)
        slope = x.constant(highest)
        for coefficient in reversed(lower):
            slope = slope * cotangent + coefficient if coefficient else slope * cotangent
        left = -sign * value - slope * math.pi ** (order + 1)
        if order % 2 == 0:
            left = select((x < 0) & distance.equals(0), math.nan, left)
        return select(reflected, left, value)

    emit.__doc__ = f"The derivative of order {order} of the digamma function."
    return emit


def _power(x: Real, exponent: int) -> Real:
    result = x
    for _ in range(exponent - 1):
        result = result * x
    return result


GAMMA: dict[str, Core] = {
    "gamma": gamma,
    "lgamma": lgamma,
    "digamma": polygamma(0),
    "trigamma": polygamma(1),
    "tetragamma": polygamma(2),
    "pentagamma": polygamma(3),
}
"""The cores of this module by name."""
