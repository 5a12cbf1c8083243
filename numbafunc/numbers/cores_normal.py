"""Cores of the error functions and the normal distribution, within 2 ULP; see :mod:`numbafunc.numbers.cores`."""

from __future__ import annotations

from typing import NamedTuple

from numbafunc.numbers.cores_blocks import (
    at_least,
    at_most,
    even_odd,
    exact_sum,
    expm1_tail,
    nearest_integer,
    power_of_two,
    quotient,
    reduce,
    two_powers_of_two,
    two_sum,
    with_sign_of,
)
from numbafunc.numbers.cores_constants import NORMAL_CENTER, constants_of
from numbafunc.numbers.cores_exponentials import logistic_of_decay, raised_decay
from numbafunc.numbers.real import Real, fma, polynomial, select


def _exp_of_negative(s: Real, s_lo: Real) -> tuple[Real, Real, Real, Real]:
    """exp(-(s + s_lo)) = (p + p_lo) * a * b with powers of two ``a`` and ``b``."""
    word, r, r_lo = reduce(-s, 2 * s.format.bias)
    r_lo = r_lo - s_lo
    p, p_lo = exact_sum(1.0, r + expm1_tail(r + r_lo, r_lo, constants_of(s).exp))
    a, b = two_powers_of_two(word)
    return p, p_lo, a, b


def _square(x: Real, factor: float) -> tuple[Real, Real]:
    """``factor * x**2`` and its rounding error, for a power of two as the factor."""
    scaled = x * factor
    square = x * scaled
    return square, fma(x, scaled, -square)


def _erfc_of_magnitude(x: Real) -> Real:
    """exp(-x**2) * erfcx|x|.

    The scaled function erfcx(z) = exp(z**2) * erfc(z), times z + 2, is a polynomial in t = (z - 2) / (z + 2), for all
    z >= 0 (Shepherd and Laframboise 1981). Of the division, the polynomial and the exponential, low parts are kept.
    """
    c = constants_of(x)
    magnitude = at_most(abs(x), c.gaussian_largest)
    distance, distance_lo = two_sum(magnitude, 2.0)
    u = 1.0 / distance
    u_lo = u * fma(-u, distance_lo, fma(-u, distance, 1.0))
    t = fma(u, -4.0, 1.0)
    t_lo = fma(u_lo, -4.0, fma(u, -4.0, 1.0 - t))
    change = fma(t, even_odd(t, t * t, c.erfc[1:]), c.erfc[0])  # the largest term last, for fewer rounding errors
    slope = fma(t, 2.0 * c.erfc[1], c.erfc[0])  # of the polynomial, roughly
    sum_ = fma(t, change, c.erfc_center[0])
    sum_lo = fma(t, change, c.erfc_center[0] - sum_) + fma(t_lo, slope, c.erfc_center[1])
    q = sum_ * u
    q_lo = fma(sum_, u, -q) + fma(sum_, u_lo, sum_lo * u)
    p, p_lo, a, b = _exp_of_negative(*_square(magnitude, 1.0))
    high = q * p
    low = fma(q, p, -high) + fma(q, p_lo, q_lo * p)
    return (high + low) * a * b


def erfc(x: Real) -> Real:
    """erfc(x), down to the smallest subnormal number; 2 - erfc(|x|) for x < 0."""
    y = _erfc_of_magnitude(x)
    return select(x < 0, 2.0 - y, y)


def erf(x: Real) -> Real:
    """erf(x) by a polynomial around 0, as 1 - erfc(|x|) from 1/2 on."""
    c = constants_of(x)
    square = x * x
    small = fma(x, c.two_over_root_pi[0], x * fma(square, polynomial(square, *c.erf), c.two_over_root_pi[1]))
    return with_sign_of(select(abs(x) < 0.5, small, with_sign_of(1.0 - _erfc_of_magnitude(x), x)), x)


def gaussian(x: Real) -> Real:
    """exp(-x**2), the rounding error of the square included."""
    magnitude = at_most(abs(x), constants_of(x).gaussian_largest)
    p, p_lo, a, b = _exp_of_negative(*_square(magnitude, 1.0))
    return (p + p_lo) * a * b


def normal_pdf(x: Real) -> Real:
    """exp(-x**2 / 2) / sqrt(2 pi)."""
    c = constants_of(x)
    magnitude = at_most(abs(x), c.normal_largest)
    p, p_lo, a, b = _exp_of_negative(*_square(magnitude, 0.5))
    return (
        fma(p, c.one_over_root_two_pi[0], fma(p, c.one_over_root_two_pi[1], p_lo * c.one_over_root_two_pi[0])) * a * b
    )


class _NormalTail(NamedTuple):
    """The normal distribution function at ``minus`` = -|x|, lowered, as ``u * (sum + sum_lo) * (1 + p) * power``."""

    minus: Real
    u: Real
    sum: Real
    sum_lo: Real
    p: Real
    power: Real

    def times(self, high: Real, low: Real) -> Real:
        """``(high + low) * (1 + p) * power``, rounded once."""
        return (fma(high, self.p, fma(low, self.p, low)) + high) * self.power


_RAISED = 2.0**32  # so that the low parts of the smallest products are no subnormal numbers


def _lowered(x: Real) -> float:
    """What undoes that ``u`` and ``power`` of a tail are raised."""
    return 2.0 ** -constants_of(x).logistic_shift / _RAISED


def _normal_tail(x: Real) -> _NormalTail:
    """The normal distribution function at -|x|, which is small.

    With a = |x|, exp(a**2 / 2) times it, times a + k, is a polynomial in t = (a - k) / (a + k) / 2 for all a >= 0; its
    constant term is exact for this k. An error of ``u``, the reciprocal of a + k, changes the logarithm of the whole by
    ``slope`` times as much, and is taken back in the exponent. Of the polynomial a low part is kept.
    """
    c = constants_of(x)
    minus = at_least(-abs(x), -c.normal_largest)
    distance = NORMAL_CENTER - minus
    u = _RAISED / distance
    t = fma(u, -NORMAL_CENTER / _RAISED, 0.5)
    error = fma(u, (distance - NORMAL_CENTER) + minus, fma(-u, distance, _RAISED))
    rest = _evaluated(t, c.normal[1:])
    sum_ = fma(t, rest, c.normal[0])
    first, second = c.normal[1] / c.normal[0], c.normal[2] / c.normal[0]
    slope = fma(t, (first - second + 0.5 * first * first) * (-2 / _RAISED), (1 - 0.5 * first) * (-2 / _RAISED))
    # a**2 = -2 * n * ln 2 + r, and exp(-r / 2) = 1 + p
    square = minus * minus
    word, n = nearest_integer(square, -0.5 * c.log2_e[0], x.format.bias + c.logistic_shift)
    r_lo = fma(error, slope, fma(n, 2.0 * c.ln2[1], fma(minus, minus, -square)))
    r = fma(n, 2.0 * c.ln2[0], square) + r_lo
    p = fma(r * r, _evaluated(r, tuple(a * (-0.5) ** k for k, a in enumerate((0.5, *c.exp), 2))), r * -0.5)
    return _NormalTail(minus, u, sum_, fma(t, rest, c.normal[0] - sum_), p, power_of_two(word))


def _evaluated(x: Real, coefficients: tuple[float, ...]) -> Real:
    """A polynomial: a long one in half the time, with more rounding errors in its small terms."""
    return even_odd(x, x * x, coefficients) if len(coefficients) > 10 else polynomial(x, *coefficients)


def normal_cdf(x: Real) -> Real:
    """The distribution function of the standard normal distribution, with full relative accuracy in the left tail."""
    tail = _normal_tail(x)
    high = tail.u * tail.sum
    low = fma(tail.u, tail.sum_lo, fma(tail.u, tail.sum, -high))
    y = tail.times(high, low) * _lowered(x)
    return select(x > 0, 1.0 - y, y)


def gelu(x: Real) -> Real:
    """The product x * normal_cdf(x) as max(x, 0) - |x| * normal_cdf(-|x|); -0 at -inf."""
    tail = _normal_tail(x)
    factor = tail.minus * tail.u
    factor_lo = fma(tail.minus, tail.u, -factor)
    high = factor * tail.sum
    low = fma(factor, tail.sum_lo, fma(factor_lo, tail.sum, fma(factor, tail.sum, -high)))
    return with_sign_of(fma(tail.times(high, low), _lowered(x), at_least(x, 0.0)), x)


def _cubic_decay(x: Real) -> tuple[Real, Real, float]:
    """exp(-2 v) as in :func:`raised_decay`, where v = sqrt(2 / pi) * (|x| + 0.044715 * |x|**3) has a low part."""
    c = constants_of(x)
    magnitude = at_most(abs(x), c.cubic_largest)
    square, square_lo = _square(magnitude, 1.0)
    term = square * c.cubic[0]
    term_lo = fma(square, c.cubic[0], -term) + fma(square, c.cubic[1], square_lo * c.cubic[0])
    slope, slope_lo = two_sum(term, c.cubic_slope[0])
    slope_lo = slope_lo + (term_lo + c.cubic_slope[1])
    v = magnitude * slope
    return raised_decay(v, fma(magnitude, slope, -v) + magnitude * slope_lo)


def normal_cdf_tanh(x: Real) -> Real:
    """The approximation (1 + tanh(v)) / 2 of normal_cdf(x), which is the logistic function of 2 v."""
    return logistic_of_decay(x, *_cubic_decay(x))


def gelu_tanh(x: Real) -> Real:
    """The product x * normal_cdf_tanh(x), accurate to the smallest results; -0 at -inf."""
    power, p, shift = _cubic_decay(x)
    x = at_least(x, -constants_of(x).cubic_largest)
    scale = power * (1 / shift)
    significand, significand_lo = exact_sum(1.0, p)
    below, below_lo = exact_sum(1.0, significand * scale)
    below_lo = fma(significand_lo, scale, below_lo)
    negative = x < 0
    one, zero = x.constant(1.0), x.constant(0.0)
    q = quotient(select(negative, significand, one), select(negative, significand_lo, zero), below, below_lo)
    return select(negative, x * power, x) * q * select(negative, x.constant(1 / shift), one)
