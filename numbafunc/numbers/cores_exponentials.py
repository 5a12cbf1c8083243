"""Cores of exponential and hyperbolic functions and of activations; see :mod:`numbafunc.numbers.cores`."""

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
from numbafunc.numbers.cores_constants import constants_of
from numbafunc.numbers.cores_logarithms import log1p
from numbafunc.numbers.real import Bit, Real, Word, fma, polynomial, select


def exp(x: Real) -> Real:
    """exp(x) = 2**n * exp(r) (Tang 1989, without a table).

    For a result in [0.7, 1] the sum ``p`` is off by 1/4 ULP, the result itself by 1/2.
    """
    c = constants_of(x)
    word, r, r_lo = reduce(at_most(at_least(x, c.exp_limits[0]), c.exp_limits[1]), 2 * x.format.bias)
    return _exp_scaled(r, r_lo, word)


def exp_nonpositive(x: Real) -> Real:
    """exp(x) for ``x`` <= 0, with the bits of :func:`exp` and fewer instructions; NaN for large ``x`` > 0.

    The result is computed ``2**lift`` times too large, where nothing is subnormal, so that one power of two serves.
    """
    c = constants_of(x)
    lift = (x.format.bias + 1) // 2
    word, r, r_lo = reduce(at_least(x, c.exp_limits[0]), x.format.bias + lift)
    p = r + expm1_tail(r + r_lo, r_lo, c.exp)
    power = power_of_two(word)
    return fma(p, power, power) * 2.0**-lift


def exp2(x: Real) -> Real:
    """exp2(x) = 2**n * exp(r), where r = (x - n) * ln 2."""
    c = constants_of(x)
    x = at_most(at_least(x, c.exp2_limits[0]), c.exp2_limits[1])
    word, n = nearest_integer(x, 1.0, 2 * x.format.bias)
    fraction = x - n
    r = fraction * c.ln2[0]
    return _exp_scaled(r, fma(fraction, c.ln2[1], fma(fraction, c.ln2[0], -r)), word)


def _exp_scaled(r: Real, r_lo: Real, word: Word) -> Real:
    p = r + expm1_tail(r + r_lo, r_lo, constants_of(r).exp)
    a, b = two_powers_of_two(word)
    return fma(p, a, a) * b


def expm1(x: Real) -> Real:
    """expm1(x) = (2**n - 1) + 2**n * expm1(r), with the rounding errors of both sums added back (Tang 1992).

    Errors are largest for n = 1 and x near 0.35, where 1 + 2 * expm1(r) cancels and the error of the tail counts twice.
    """
    c = constants_of(x)
    large = x > c.large
    clamped = at_most(at_least(x, c.expm1_least), c.exp_limits[1])
    word, r, r_lo = reduce(clamped, x.format.bias)
    p_lo = expm1_tail(r + r_lo, r_lo, c.expm1)
    power = power_of_two(_decrement_where(large, word))
    base = power - 1.0
    base_lo = (power - base) - 1.0
    high = fma(power, r, base)
    low = fma(power, r, base - high) + base_lo
    y = high + fma(power, p_lo, low)
    return with_sign_of(y * select(large, x.constant(2.0), 1.0), x)


def _decrement_where(condition: Bit, word: Word) -> Word:
    return word - condition.to_word(word)


def tanh(x: Real) -> Real:
    """tanh|x| = h / (1 - h) with h = (1 - exp(-2|x|)) / 2, where exp(-2|x|) = 2**n * exp(-2 r): nothing is lost near 0.

    Of h the rounding error of the last sum is kept. For q = h / (1 - h), rounded, h - q is exact, and so is the
    remainder h - q + q * h but for one rounding; the one of 1 - h, which is 1 / (1 + q), does not matter. ``n`` is
    not so small that 1 - 2**n were rounded.
    """
    c = constants_of(x)
    magnitude = at_most(abs(x), c.tanh_largest)
    word, n = nearest_integer(magnitude, -2.0 * c.log2_e[0], x.format.bias, -x.format.mantissa - 1)
    r = fma(n, 0.5 * c.ln2[0], magnitude)
    square = r * r
    # -expm1(-2 r) / 2 = r + square * tail
    tail = fma(r, even_odd(r, square, tuple(a * (-2.0) ** k for k, a in enumerate(c.expm1, 2))), -1.0)
    p = fma(square, tail, r)
    power = power_of_two(word)
    base = fma(power, -0.5, 0.5)
    above = fma(power, p, base)
    above_lo = fma(power, p, base - above)
    q = above / (1.0 - above)
    return with_sign_of(fma(fma(q, above, above - q) + above_lo, q + 1.0, q), x)


def _decay(x: Real) -> tuple[Real, Real, Real, Real]:
    """exp(-|x|) = (p + p_lo) * a * b with powers of two ``a`` and ``b``: shared by all that need it."""
    c = constants_of(x)
    word, r, r_lo = reduce(at_least(-abs(x), c.exp_limits[0]), 2 * x.format.bias)
    p, p_lo = exact_sum(1.0, r + expm1_tail(r + r_lo, r_lo, c.exp))
    a, b = two_powers_of_two(word)
    return p, p_lo, a, b


def raised_decay(x: Real, low: Real | None = None) -> tuple[Real, Real, float]:
    """exp(-|x|) = power * (1 + p) / shift: a power of two that is normal, ``p``, and how far the power is raised.

    With a low part it is exp(-(x + low)), for ``x`` >= 0.
    """
    c = constants_of(x)
    shift = 2.0**c.logistic_shift
    word, r, r_lo = reduce(at_least(-abs(x), c.exp_limits[0]), x.format.bias + c.logistic_shift)
    if low is not None:
        r_lo = r_lo - low
    return power_of_two(word), r + expm1_tail(r + r_lo, r_lo, c.exp), shift


def logistic(x: Real) -> Real:
    """1 / (1 + exp(-x)), with full relative accuracy in both tails.

    It is 1 / (1 + e) for x >= 0 and e / (1 + e) for x < 0, with e = exp(-|x|). The denominator and the quotient are
    corrected for their rounding, e is not. All up to the numerator is the same for x and -x, and emitted once.
    """
    return logistic_of_decay(x, *raised_decay(x))


def logistic_of_decay(x: Real, power: Real, p: Real, shift: float) -> Real:
    """1 / (1 + e) for x >= 0, e / (1 + e) for x < 0. The remainder of the quotient is exact but for one rounding."""
    e = fma(power, p, power) * (1 / shift)  # rounded once more where it is subnormal, and is the result itself
    above = select(x.bits() < 0, e, 1.0)  # the sign bit, which a blend takes as it is
    inverse = 1.0 / (e + 1.0)
    q = above * inverse
    return fma(fma(-q, e, above - q), inverse, q)


def softplus(x: Real) -> Real:
    """log(1 + exp(x)) as max(x, 0) + log1p(exp(-|x|))."""
    return select(x < 0, 0.0, x) + log1p(exp(-abs(x)))


def swish(x: Real) -> Real:
    """The product x * logistic(x), accurate also where logistic(x) is subnormal and it is not; -0 at -inf.

    Three roundings add up for x < 0: of the numerator, the denominator and the quotient. The excess of the denominator
    is passed to the numerator through ``p``, times 0.8, which is 1 / (1 + e) to a quarter for the ``e`` that matter.
    """
    power, p, shift = raised_decay(x)
    raised = fma(power, p, power)
    below = fma(raised, 1 / shift, 1.0)
    excess = fma(raised, -1 / shift, below - 1.0)
    negative = x.bits() < 0
    # Of the magnitude, so that no sign of zero changes; the bound is that of raised_decay, emitted once.
    scaled = -at_least(-abs(x), constants_of(x).exp_limits[0]) * power
    corrected = fma(excess, fma(p, 0.8, 0.8), p)
    above = select(negative, fma(scaled, corrected, scaled), x)  # raised for x >= 0 it could overflow
    return above / below * select(negative, x.constant(-1 / shift), 1.0)


def mish(x: Real) -> Real:
    """The product x * tanh(softplus(x)); -0 at -inf.

    With e = exp(-|x|), the factor is n / (n + 2 e**2), n = 1 + 2 e, for x >= 0, and n / (n + 2), n = e * (e + 2), for
    x < 0, where 1 + p takes the place of e in the numerator and the power of two is multiplied in last.
    """
    x = at_least(x, constants_of(x).exp_limits[0])
    power, p, shift = raised_decay(x)
    scale = power * (1 / shift)
    significand, significand_lo = exact_sum(1.0, p)
    e, e_lo = significand * scale, significand_lo * scale
    twice = e + e
    factor, factor_lo = exact_sum(2.0, e)
    left = significand * factor
    left_lo = fma(significand, factor, -left) + fma(significand, factor_lo + e_lo, significand_lo * factor)
    right, right_lo = two_sum(twice, 1.0)
    square = e * twice
    square_lo = fma(twice, e_lo + e_lo, fma(e, twice, -square))
    negative = x < 0
    one = x.constant(1.0)
    above = select(negative, left, right)
    above_lo = select(negative, left_lo, fma(e_lo, 2.0, right_lo))
    inner = select(negative, scale, one)
    below, below_lo = two_sum(above * inner, select(negative, x.constant(2.0), square))
    below_lo = fma(above_lo, inner, below_lo) + select(negative, x.constant(0.0), square_lo)
    outer = select(negative, x.constant(1 / shift), one)
    return select(negative, x * power, x) * quotient(above, above_lo, below, below_lo) * outer


def sech(x: Real) -> Real:
    """2 e / (1 + e**2) with e = exp(-|x|)."""
    p, p_lo, a, b = _decay(x)
    power = a * b
    e = power * p
    below = fma(e, e, 1.0)
    below_lo = fma(e, power * p_lo * 2.0, fma(e, e, 1.0 - below))
    y = quotient(p, p_lo, below, below_lo)
    return (y + y) * a * b


class _Hyperbolic(NamedTuple):
    """Parts of sinh and cosh of ``n ln 2 + r``."""

    a: Real  # sinh(n ln 2)
    a_lo: Real
    b: Real  # cosh(n ln 2)
    b_lo: Real
    r: Real
    sinh_lo: Real  # sinh(r) - r
    cosh_lo: Real  # cosh(r) - 1
    factor: Real  # 2 where the above are halved so that large results come out right


def _hyperbolic(x: Real) -> _Hyperbolic:
    c = constants_of(x)
    magnitude = abs(x)
    large = magnitude > c.large
    word, r, r_lo = reduce(at_most(magnitude, c.cosh_largest), x.format.bias - 1)
    half = power_of_two(_decrement_where(large, word))  # 2**(n - 1)
    inverse = 0.25 / half
    a, a_lo = exact_sum(half, -inverse)
    b, b_lo = exact_sum(half, inverse)
    rounded = r + r_lo
    square = rounded * rounded
    sinh_lo = fma(rounded * square, polynomial(square, *c.sinh), r_lo)
    cosh_lo = square * polynomial(square, *c.cosh)
    return _Hyperbolic(a, a_lo, b, b_lo, r, sinh_lo, cosh_lo, select(large, x.constant(2.0), 1.0))


def sinh(x: Real) -> Real:
    """sinh(n ln 2 + r) = sinh(n ln 2) * cosh(r) + cosh(n ln 2) * sinh(r)."""
    h = _hyperbolic(x)
    high = fma(h.b, h.r, h.a)
    low = fma(h.b_lo, h.r, fma(h.b, h.r, h.a - high) + h.a_lo)
    y = high + fma(h.b, h.sinh_lo, fma(h.a, h.cosh_lo, low))
    return with_sign_of(y * h.factor, x)


def cosh(x: Real) -> Real:
    """cosh(n ln 2 + r) = cosh(n ln 2) * cosh(r) + sinh(n ln 2) * sinh(r)."""
    h = _hyperbolic(x)
    high = fma(h.a, h.r, h.b)
    low = fma(h.a, h.r, h.b - high) + h.b_lo
    return (high + fma(h.a, h.sinh_lo, fma(h.b, h.cosh_lo, low))) * h.factor
