"""Cores of the error functions and the normal distribution, within 2 ULP; see :mod:`numbafunc.numbers.cores`."""

from __future__ import annotations

from typing import NamedTuple

from numbafunc.numbers.cores_blocks import (
    at_least,
    at_most,
    even_odd,
    exact_sum,
    expm1_tail,
    quotient,
    reduce,
    two_powers_of_two,
    two_sum,
    with_sign_of,
)
from numbafunc.numbers.cores_constants import constants_of
from numbafunc.numbers.cores_exponentials import logistic_of_decay, raised_decay
from numbafunc.numbers.real import Real, fma, polynomial, select


def _exp_of_negative(s: Real, s_lo: Real) -> tuple[Real, Real, Real, Real]:
    """exp(-(s + s_lo)) = (p + p_lo) * a * b with powers of two ``a`` and ``b``."""
    word, r, r_lo = reduce(-s, 2 * s.format.bias)
    r_lo = r_lo - s_lo
    p, p_lo = exact_sum(1.0, r + expm1_tail(r + r_lo, r_lo, constants_of(s).exp))
    a, b = two_powers_of_two(word)
    return p, p_lo, a, b


class _Tail(NamedTuple):
    """A tail of the normal distribution as (high + low) * a * b, with powers of two ``a`` and ``b``."""

    high: Real
    low: Real
    a: Real
    b: Real


def _tail(s: Real, s_lo: Real, distance: Real, distance_lo: Real, scale: float) -> _Tail:
    """exp(-(s + s_lo)) * erfcx(z) * scale / 2 for z = 2 * distance / scale - 2.

    The scaled function erfcx(z) = exp(z**2) * erfc(z), times z + 2, is a polynomial in t = (z - 2) / (z + 2), for all
    z >= 0 (Shepherd and Laframboise 1981). Of the division, the polynomial and the exponential, low parts are kept.
    """
    c = constants_of(s)
    u = 1.0 / distance
    u_lo = u * fma(-u, distance_lo, fma(-u, distance, 1.0))
    t = fma(u, -2.0 * scale, 1.0)
    t_lo = fma(u_lo, -2.0 * scale, fma(u, -2.0 * scale, 1.0 - t))
    change = fma(t, even_odd(t, t * t, c.erfc[1:]), c.erfc[0])  # the largest term last, for fewer rounding errors
    slope = fma(t, 2.0 * c.erfc[1], c.erfc[0])  # of the polynomial, roughly
    sum_ = fma(t, change, c.erfc_center[0])
    sum_lo = fma(t, change, c.erfc_center[0] - sum_) + fma(t_lo, slope, c.erfc_center[1])
    q = sum_ * u
    q_lo = fma(sum_, u, -q) + fma(sum_, u_lo, sum_lo * u)
    p, p_lo, a, b = _exp_of_negative(s, s_lo)
    high = q * p
    return _Tail(high, fma(q, p, -high) + fma(q, p_lo, q_lo * p), a, b)


def _square(x: Real, factor: float) -> tuple[Real, Real]:
    """``factor * x**2`` and its rounding error, for a power of two as the factor."""
    scaled = x * factor
    square = x * scaled
    return square, fma(x, scaled, -square)


def _erfc_of_magnitude(x: Real) -> Real:
    magnitude = at_most(abs(x), constants_of(x).gaussian_largest)
    tail = _tail(*_square(magnitude, 1.0), *two_sum(magnitude, 2.0), 2.0)
    return (tail.high + tail.low) * tail.a * tail.b


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


def _normal_tail(x: Real) -> _Tail:
    """The normal distribution function at -|x|, which is erfc(|x| / sqrt(2)) / 2."""
    c = constants_of(x)
    magnitude = at_most(abs(x), c.normal_largest)
    scaled = magnitude * c.root_two[0]
    scaled_lo = fma(magnitude, c.root_two[0], -scaled) + magnitude * c.root_two[1]
    distance, distance_lo = two_sum(scaled, 4.0)
    return _tail(*_square(magnitude, 0.5), distance, distance_lo + scaled_lo, 4.0)


def normal_cdf(x: Real) -> Real:
    """The distribution function of the standard normal distribution, with full relative accuracy in the left tail."""
    tail = _normal_tail(x)
    y = (tail.high + tail.low) * tail.a * tail.b
    return select(x > 0, 1.0 - y, y)


def gelu(x: Real) -> Real:
    """The product x * normal_cdf(x), accurate also where normal_cdf(x) is subnormal and it is not; -0 at -inf."""
    c = constants_of(x)
    tail = _normal_tail(x)
    negative = x < 0
    y, y_lo = tail.high * tail.a * tail.b, tail.low * tail.a * tail.b
    rest = 1.0 - y
    high = select(negative, tail.high, rest)
    low = select(negative, tail.low, ((1.0 - rest) - y) - y_lo)
    factor = at_least(x, -c.normal_largest)
    product = fma(factor, high, at_most(factor, c.normal_largest) * low)
    one = x.constant(1.0)
    return with_sign_of(product * select(negative, tail.a, one) * select(negative, tail.b, one), x)


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
