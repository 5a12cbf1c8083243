"""Elementary functions as emitted code: straight-line, branch-free, and so vectorised with the loop around it.

``CORES`` maps a name of :mod:`numbafunc.elementary` to a function of an emitted :class:`~numbafunc.numbers.real.Real`.
One source serves float32 and float64; what differs is in :mod:`numbafunc.numbers.cores_constants`. ``VECTORISED`` holds
those that do not call, branch, look up tables or convert between integers and floating-point numbers (AVX2 has no such
conversion for 64 bits: adding 1.5 * 2**52 leaves an integer in the low bits instead). Rounding errors that matter are
carried along as a low part, obtained without error from fused multiply-adds and from ``a + b = h + ((a - h) + b)``,
exact for ``|a| >= |b|`` (Dekker 1971). The code is right only as written: no flag may let the compiler reassociate it.

Every polynomial comes from ``bench/minimax.py``. Errors are in units in the last place (ULP) of the exact result;
``bench/exhaustive_float32.py`` measures them for every float32 input.

References: Cody and Waite, Software Manual for the Elementary Functions, 1980; Tang, Table-driven implementation of the
exponential function, ACM TOMS 15 (1989), of the logarithm, 16 (1990), of expm1, 18 (1992); Muller, Elementary
Functions, 3rd edition, 2016; Ng, the fdlibm sources, 1993; Shepherd and Laframboise, Chebyshev approximation of
(1 + 2 x) exp(x**2) erfc x, Mathematics of Computation 36 (1981).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from numbafunc.numbers.cores_constants import constants_of
from numbafunc.numbers.real import FLOAT64, Bit, Real, Word, fma, polynomial, select

INFINITY = float("inf")
NAN = float("nan")


# ---- Building blocks -------------------------------------------------------------------------------------------------


def _at_least(x: Real, bound: float) -> Real:
    # Written so that NaN passes; one instruction on x86-64.
    return select(x < bound, bound, x)


def _at_most(x: Real, bound: float) -> Real:
    return select(x > bound, bound, x)


def _sign_bit(x: Real) -> Word:
    return x.bits() & -(1 << (x.format.width - 1))


def _with_sign_of(y: Real, x: Real) -> Real:
    """``y`` with the sign of ``x``, for ``y`` >= 0 or of that sign already: makes f(-0) = -0."""
    return (y.bits() | _sign_bit(x)).reinterpret()


def _even_odd(x: Real, square: Real, coefficients: tuple[float, ...]) -> Real:
    """A polynomial as even(x**2) + x * odd(x**2): as many steps as Horner's rule, in half the time."""
    return fma(x, polynomial(square, *coefficients[1::2]), polynomial(square, *coefficients[::2]))


def _nearest_integer(x: Real, factor: float, offset: int) -> tuple[Word, Real]:
    """``n``, the integer nearest to ``x * factor``: ``n + offset`` in the low bits of a word, and as a number.

    In the binade of 1.5 * 2**mantissa neighbours differ by one, so adding this rounds to an integer.
    """
    magic = 1.5 * 2.0**x.format.mantissa + offset
    shifted = fma(x, factor, magic)
    return shifted.bits(), shifted - magic


def _power_of_two(n: Word) -> Real:
    """2**n from a word with ``n + bias`` in the low bits, within the normal range."""
    return (n << n.format.mantissa).reinterpret()


def _two_powers_of_two(n: Word) -> tuple[Real, Real]:
    """Two normal numbers with the product 2**n, from a word with ``n + 2 * bias`` in the low bits.

    Multiplied by one after the other, a number rounds once when it becomes subnormal, and overflows when it should.
    """
    half = n.shift_right_logical(1)
    return _power_of_two(half), _power_of_two(n - half)


def _reduce(x: Real, offset: int) -> tuple[Word, Real, Real]:
    """``x = n * ln 2 + r + c`` with ``|r| <= ln(2) / 2`` and a tiny ``c``: the word of ``n + offset``, ``r`` and ``c``.

    ``r = x - n * hi(ln 2)`` is exact: a multiple of the last place of ``hi(ln 2)`` or of ``x``, and small (Cody and
    Waite).
    """
    c = constants_of(x)
    word, n = _nearest_integer(x, c.log2_e[0], offset)
    return word, fma(n, -c.ln2[0], x), n * -c.ln2[1]


def _sum(a: Real | float, b: Real) -> tuple[Real, Real]:
    """``a + b`` and its rounding error, for ``|a| >= |b|`` or ``a = 0``."""
    total = b + a
    return total, b - (total - a)


def _two_sum(a: Real, b: Real | float) -> tuple[Real, Real]:
    """``a + b`` and its rounding error, whichever is larger (Knuth 1969)."""
    total = a + b
    rest = total - a
    return total, (a - (total - rest)) + (b - rest)


def _expm1_tail(r: Real, c: Real, coefficients: tuple[float, ...]) -> Real:
    """``c + exp(r) - 1 - r``."""
    square = r * r
    if len(coefficients) < 5:
        return fma(square, polynomial(r, 0.5, *coefficients), c)
    return fma(square * r, _even_odd(r, square, coefficients), fma(square, 0.5, c))


def _quotient(a: Real, a_lo: Real, b: Real, b_lo: Real) -> Real:
    """``(a + a_lo) / (b + b_lo)`` to little more than half an ULP: one division, corrected by the remainder."""
    inverse = 1.0 / b
    q = a * inverse
    remainder = fma(-q, b, a) + fma(-q, b_lo, a_lo)
    return fma(remainder, inverse, q)


# ---- Exponential functions -------------------------------------------------------------------------------------------


def exp(x: Real) -> Real:
    """exp(x) = 2**n * exp(r) (Tang 1989, without a table).

    For a result in [0.7, 1] the sum ``p`` is off by 1/4 ULP, the result itself by 1/2.
    """
    c = constants_of(x)
    word, r, r_lo = _reduce(_at_most(_at_least(x, c.exp_limits[0]), c.exp_limits[1]), 2 * x.format.bias)
    return _exp_scaled(r, r_lo, word)


def exp2(x: Real) -> Real:
    """exp2(x) = 2**n * exp(r), where r = (x - n) * ln 2."""
    c = constants_of(x)
    x = _at_most(_at_least(x, c.exp2_limits[0]), c.exp2_limits[1])
    word, n = _nearest_integer(x, 1.0, 2 * x.format.bias)
    fraction = x - n
    r = fraction * c.ln2[0]
    return _exp_scaled(r, fma(fraction, c.ln2[1], fma(fraction, c.ln2[0], -r)), word)


def _exp_scaled(r: Real, r_lo: Real, word: Word) -> Real:
    p = r + _expm1_tail(r + r_lo, r_lo, constants_of(r).exp)
    a, b = _two_powers_of_two(word)
    return fma(p, a, a) * b


def expm1(x: Real) -> Real:
    """expm1(x) = (2**n - 1) + 2**n * expm1(r), with the rounding errors of both sums added back (Tang 1992).

    Errors are largest for n = 1 and x near 0.35, where 1 + 2 * expm1(r) cancels and the error of the tail counts twice.
    """
    c = constants_of(x)
    large = x > c.large
    clamped = _at_most(_at_least(x, c.expm1_least), c.exp_limits[1])
    word, r, r_lo = _reduce(clamped, x.format.bias)
    p_lo = _expm1_tail(r + r_lo, r_lo, c.expm1)
    power = _power_of_two(_decrement_where(large, word))
    base = power - 1.0
    base_lo = (power - base) - 1.0
    high = fma(power, r, base)
    low = fma(power, r, base - high) + base_lo
    y = high + fma(power, p_lo, low)
    return _with_sign_of(y * select(large, x.constant(2.0), 1.0), x)


def _decrement_where(condition: Bit, word: Word) -> Word:
    return word - condition.to_word(word)


def tanh(x: Real) -> Real:
    """tanh(x) = (1 - e) / (1 + e) with e = exp(-2|x|) = 2**n + 2**n * expm1(r), so 1 - e loses nothing near 0.

    Both terms of the quotient carry low parts, so that little is added to the final rounding.
    """
    c = constants_of(x)
    magnitude = _at_most(abs(x), c.tanh_largest)
    word, n = _nearest_integer(magnitude, -2.0 * c.log2_e[0], x.format.bias)
    r, r_lo = fma(n, -c.ln2[0], magnitude * -2.0), n * -c.ln2[1]
    tail = _expm1_tail(r + r_lo, r_lo, c.expm1)
    power = _power_of_two(word)
    minus, minus_lo = _sum(1.0, -power)
    main = fma(-power, r, minus)
    main_lo = fma(-power, r, minus - main) + minus_lo
    above = fma(-power, tail, main)
    above_lo = fma(-power, tail, main - above) + main_lo
    below, below_lo = _sum(2.0, -above)
    return _with_sign_of(_quotient(above, above_lo, below, below_lo - above_lo), x)


def _decay(x: Real) -> tuple[Real, Real, Real, Real]:
    """exp(-|x|) = (p + p_lo) * a * b with powers of two ``a`` and ``b``: shared by all that need it."""
    c = constants_of(x)
    word, r, r_lo = _reduce(_at_least(-abs(x), c.exp_limits[0]), 2 * x.format.bias)
    p, p_lo = _sum(1.0, r + _expm1_tail(r + r_lo, r_lo, c.exp))
    a, b = _two_powers_of_two(word)
    return p, p_lo, a, b


def _raised_decay(x: Real, low: Real | None = None) -> tuple[Real, Real, float]:
    """exp(-|x|) = power * (1 + p) / shift: a power of two that is normal, ``p``, and how far the power is raised.

    With a low part it is exp(-(x + low)), for ``x`` >= 0.
    """
    c = constants_of(x)
    shift = 2.0**c.logistic_shift
    word, r, r_lo = _reduce(_at_least(-abs(x), c.exp_limits[0]), x.format.bias + c.logistic_shift)
    if low is not None:
        r_lo = r_lo - low
    return _power_of_two(word), r + _expm1_tail(r + r_lo, r_lo, c.exp), shift


def logistic(x: Real) -> Real:
    """1 / (1 + exp(-x)), with full relative accuracy in both tails.

    It is 1 / (1 + e) for x >= 0 and e / (1 + e) for x < 0, with e = exp(-|x|). The denominator and the quotient are
    corrected for their rounding, e is not. All up to the numerator is the same for x and -x, and emitted once.
    """
    return _logistic(x, *_raised_decay(x))


def _logistic(x: Real, power: Real, p: Real, shift: float) -> Real:
    """1 / (1 + e) for x >= 0, e / (1 + e) for x < 0."""
    raised = fma(power, p, power)
    below = fma(raised, 1 / shift, 1.0)
    below_lo = fma(raised, 1 / shift, 1.0 - below)
    above = select(x.bits() < 0, raised, shift)  # the sign bit, which a blend takes as it is
    inverse = 1.0 / below
    q = above * inverse
    return fma(fma(-q, below_lo, fma(-q, below, above)), inverse, q) * (1 / shift)


def softplus(x: Real) -> Real:
    """log(1 + exp(x)) as max(x, 0) + log1p(exp(-|x|))."""
    return select(x < 0, 0.0, x) + log1p(exp(-abs(x)))


def swish(x: Real) -> Real:
    """The product x * logistic(x), accurate also where logistic(x) is subnormal and it is not; NaN at -inf.

    Three roundings add up for x < 0: of the numerator, the denominator and the quotient. The excess of the denominator
    is passed to the numerator through ``p``, times 0.8, which is 1 / (1 + e) to a quarter for the ``e`` that matter.
    """
    return _swish(x, *_raised_decay(x))


def _swish(x: Real, power: Real, p: Real, shift: float) -> Real:
    """The quotient x / (1 + e) for x >= 0, x * e / (1 + e) for x < 0."""
    raised = fma(power, p, power)
    below = fma(raised, 1 / shift, 1.0)
    excess = fma(raised, -1 / shift, below - 1.0)
    negative = x.bits() < 0
    scaled = x * power
    corrected = fma(excess, fma(p, 0.8, 0.8), p)
    above = select(negative, fma(scaled, corrected, scaled), x)  # raised for x >= 0 it could overflow
    return above / below * select(negative, x.constant(1 / shift), 1.0)


def mish(x: Real) -> Real:
    """The product x * tanh(softplus(x)); -0 at -inf.

    With e = exp(-|x|), the factor is n / (n + 2 e**2), n = 1 + 2 e, for x >= 0, and n / (n + 2), n = e * (e + 2), for
    x < 0, where 1 + p takes the place of e in the numerator and the power of two is multiplied in last.
    """
    x = _at_least(x, constants_of(x).exp_limits[0])
    power, p, shift = _raised_decay(x)
    scale = power * (1 / shift)
    significand, significand_lo = _sum(1.0, p)
    e, e_lo = significand * scale, significand_lo * scale
    twice = e + e
    factor, factor_lo = _sum(2.0, e)
    left = significand * factor
    left_lo = fma(significand, factor, -left) + fma(significand, factor_lo + e_lo, significand_lo * factor)
    right, right_lo = _two_sum(twice, 1.0)
    square = e * twice
    square_lo = fma(twice, e_lo + e_lo, fma(e, twice, -square))
    negative = x < 0
    one = x.constant(1.0)
    above = select(negative, left, right)
    above_lo = select(negative, left_lo, fma(e_lo, 2.0, right_lo))
    inner = select(negative, scale, one)
    below, below_lo = _two_sum(above * inner, select(negative, x.constant(2.0), square))
    below_lo = fma(above_lo, inner, below_lo) + select(negative, x.constant(0.0), square_lo)
    outer = select(negative, x.constant(1 / shift), one)
    return select(negative, x * power, x) * _quotient(above, above_lo, below, below_lo) * outer


def sech(x: Real) -> Real:
    """2 e / (1 + e**2) with e = exp(-|x|)."""
    p, p_lo, a, b = _decay(x)
    power = a * b
    e = power * p
    below = fma(e, e, 1.0)
    below_lo = fma(e, power * p_lo * 2.0, fma(e, e, 1.0 - below))
    y = _quotient(p, p_lo, below, below_lo)
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
    word, r, r_lo = _reduce(_at_most(magnitude, c.cosh_largest), x.format.bias - 1)
    half = _power_of_two(_decrement_where(large, word))  # 2**(n - 1)
    inverse = 0.25 / half
    a, a_lo = _sum(half, -inverse)
    b, b_lo = _sum(half, inverse)
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
    return _with_sign_of(y * h.factor, x)


def cosh(x: Real) -> Real:
    """cosh(n ln 2 + r) = cosh(n ln 2) * cosh(r) + sinh(n ln 2) * sinh(r)."""
    h = _hyperbolic(x)
    high = fma(h.a, h.r, h.b)
    low = fma(h.a, h.r, h.b - high) + h.b_lo
    return (high + fma(h.a, h.sinh_lo, fma(h.b, h.cosh_lo, low))) * h.factor


# ---- Error functions, normal distribution (2 ULP) --------------------------------------------------------------------


def _exp_of_negative(s: Real, s_lo: Real) -> tuple[Real, Real, Real, Real]:
    """exp(-(s + s_lo)) = (p + p_lo) * a * b with powers of two ``a`` and ``b``."""
    word, r, r_lo = _reduce(-s, 2 * s.format.bias)
    r_lo = r_lo - s_lo
    p, p_lo = _sum(1.0, r + _expm1_tail(r + r_lo, r_lo, constants_of(s).exp))
    a, b = _two_powers_of_two(word)
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
    change = fma(t, _even_odd(t, t * t, c.erfc[1:]), c.erfc[0])  # the largest term last, for fewer rounding errors
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
    magnitude = _at_most(abs(x), constants_of(x).gaussian_largest)
    tail = _tail(*_square(magnitude, 1.0), *_two_sum(magnitude, 2.0), 2.0)
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
    return _with_sign_of(select(abs(x) < 0.5, small, _with_sign_of(1.0 - _erfc_of_magnitude(x), x)), x)


def gaussian(x: Real) -> Real:
    """exp(-x**2), the rounding error of the square included."""
    magnitude = _at_most(abs(x), constants_of(x).gaussian_largest)
    p, p_lo, a, b = _exp_of_negative(*_square(magnitude, 1.0))
    return (p + p_lo) * a * b


def normal_pdf(x: Real) -> Real:
    """exp(-x**2 / 2) / sqrt(2 pi)."""
    c = constants_of(x)
    magnitude = _at_most(abs(x), c.normal_largest)
    p, p_lo, a, b = _exp_of_negative(*_square(magnitude, 0.5))
    return (
        fma(p, c.one_over_root_two_pi[0], fma(p, c.one_over_root_two_pi[1], p_lo * c.one_over_root_two_pi[0])) * a * b
    )


def _normal_tail(x: Real) -> _Tail:
    """The normal distribution function at -|x|, which is erfc(|x| / sqrt(2)) / 2."""
    c = constants_of(x)
    magnitude = _at_most(abs(x), c.normal_largest)
    scaled = magnitude * c.root_two[0]
    scaled_lo = fma(magnitude, c.root_two[0], -scaled) + magnitude * c.root_two[1]
    distance, distance_lo = _two_sum(scaled, 4.0)
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
    factor = _at_least(x, -c.normal_largest)
    product = fma(factor, high, _at_most(factor, c.normal_largest) * low)
    one = x.constant(1.0)
    return _with_sign_of(product * select(negative, tail.a, one) * select(negative, tail.b, one), x)


def _cubic_decay(x: Real) -> tuple[Real, Real, float]:
    """exp(-2 v) as in :func:`_raised_decay`, where v = sqrt(2 / pi) * (|x| + 0.044715 * |x|**3) has a low part."""
    c = constants_of(x)
    magnitude = _at_most(abs(x), c.cubic_largest)
    square, square_lo = _square(magnitude, 1.0)
    term = square * c.cubic[0]
    term_lo = fma(square, c.cubic[0], -term) + fma(square, c.cubic[1], square_lo * c.cubic[0])
    slope, slope_lo = _two_sum(term, c.cubic_slope[0])
    slope_lo = slope_lo + (term_lo + c.cubic_slope[1])
    v = magnitude * slope
    return _raised_decay(v, fma(magnitude, slope, -v) + magnitude * slope_lo)


def normal_cdf_tanh(x: Real) -> Real:
    """The approximation (1 + tanh(v)) / 2 of normal_cdf(x), which is the logistic function of 2 v."""
    return _logistic(x, *_cubic_decay(x))


def gelu_tanh(x: Real) -> Real:
    """The product x * normal_cdf_tanh(x), accurate to the smallest results; -0 at -inf."""
    return _swish(_at_least(x, -constants_of(x).cubic_largest), *_cubic_decay(x))


# ---- Logarithms ------------------------------------------------------------------------------------------------------


def _exponent(x: Real, least: float) -> tuple[Word, Real]:
    """``k`` with ``x = 2**k * m``, least <= m < 2 * least: as an exponent field, and as ``k + _to_exponent(x)``."""
    shift = x.format.mantissa
    above = x.bits() - ((x.format.bias - 1) << shift | int((2 * least - 1) * 2**shift))
    biased = (above + (_exponent_offset(x) << shift)).shift_right_logical(shift)
    return above & -(1 << shift), _small_to_real(biased)


def _exponent_offset(x: Real) -> int:
    return x.format.bias + x.format.mantissa + 2


def _small_to_real(word: Word) -> Real:
    """2**mantissa plus a small nonnegative integer."""
    format = word.format
    return (word | ((format.bias + format.mantissa) << format.mantissa)).reinterpret()


def _to_exponent(x: Real) -> float:
    """The constant that :func:`_exponent` adds to the number ``k``."""
    return 2.0**x.format.mantissa + _exponent_offset(x)


def _log_sum(k: Real, f: Real, f_lo: Real | None, base: tuple[float, float] | None, two: tuple[float, float]) -> Real:
    """``k * two + base * log(1 + f + f_lo)`` for 0.7 <= 1 + f <= 1.5; a ``base`` of None is 1.

    With s = f / (2 + f), log(1 + f) = 2 atanh(s) = f - f**2 / 2 + s * (f**2 / 2 + z * P(z)), z = s**2 (fdlibm).
    """
    s = f / (f + 2.0)
    z = s * s
    half_square = (f * 0.5) * f
    tail = fma(z, polynomial(z, *constants_of(f).log), half_square)
    if base is None:
        high = fma(k, two[0], f)
        low = fma(k, two[1], fma(k, two[0], -high) + f)
        if f_lo is not None:  # times 1 / (1 + f), to a tenth
            low = fma(f_lo, fma(half_square, 2.0, 1.0 - f), low)
        return high + (fma(s, tail, low) - half_square)
    partial, partial_lo = _sum(f, -half_square)
    main = partial * base[0]
    main_lo = fma(partial, base[1], fma(partial, base[0], -main))
    high = fma(k, two[0], main)
    low = fma(k, two[1], fma(k, two[0], -high) + main)
    return high + fma(fma(s, tail, partial_lo), base[0], low + main_lo)


def _log_special(y: Real, x: Real, argument: Real) -> Real:
    """NaN for negative arguments, -inf at zero, and ``x`` itself for infinity and NaN."""
    y = select(x < INFINITY, y, x)
    return select(argument > 0, y, select(argument.equals(0), x.constant(-INFINITY), NAN))


def _log(x: Real, base: tuple[float, float] | None, two: tuple[float, float]) -> Real:
    lift = x.format.mantissa + 1
    subnormal = x < constants_of(x).smallest_normal
    scaled = select(subnormal, x * 2.0**lift, x)
    exponent, k = _exponent(scaled, math.sqrt(0.5))
    k = k - select(subnormal, x.constant(_to_exponent(x) + lift), _to_exponent(x))
    f = (scaled.bits() - exponent).reinterpret() - 1.0
    return _log_special(_log_sum(k, f, None, base, two), x, x)


def log(x: Real) -> Real:
    """log(x) = k * log(2) + log(m) (Tang 1990, without a table).

    The sum of the leading terms is exact; what is added is at most a third of the result and rounded twice.
    """
    return _log(x, None, constants_of(x).ln2)


def log2(x: Real) -> Real:
    """log2(x) = k + log2(m)."""
    return _log(x, constants_of(x).log2_e, (1.0, 0.0))


def log10(x: Real) -> Real:
    """log10(x) = k * log10(2) + log10(m)."""
    return _log(x, constants_of(x).log10_e, constants_of(x).log10_2)


def log1p(x: Real) -> Real:
    """log1p(x) = k * log(2) + log(1 + f), where f = 2**-k * x + (2**-k - 1) is exact unless ``k`` is large.

    1 + f lies in [3/4, 3/2): with the usual sqrt(1/2) as the lower end, ``f`` would be rounded when k = 1.
    """
    return _log1p(x, None, None)


def _log1p(x: Real, x_lo: Real | None, doubled: Bit | None) -> Real:
    """log(1 + x + x_lo), or log(2 * (1 + x + x_lo)) where ``doubled``."""
    shift = x.format.mantissa
    u = x + 1.0
    exponent, k = _exponent(u, 0.75)
    k = k - _to_exponent(x)
    if doubled is not None:
        k = k + select(doubled, x.constant(1.0), 0.0)
    # 2**(2 - k), as 2**-k would be subnormal for the largest x.
    power = (x.word((x.format.bias + 2) << shift) - exponent).reinterpret()
    f = fma(x * 0.25, power, fma(power, 0.25, -1.0))
    f_lo = None if x_lo is None else x_lo * 0.25 * power
    y = _log_special(_log_sum(k, f, f_lo, None, constants_of(x).ln2), x, u)
    return select(abs(x) < constants_of(x).tiny, x, y)


# ---- Inverse hyperbolic functions (Muller 2016, chapter 11; 2 ULP) ---------------------------------------------------


def arcsinh(x: Real) -> Real:
    """arcsinh|x| = log1p(|x| + x**2 / (1 + sqrt(1 + x**2))), or log(2|x|) where 1 makes no difference."""
    a = abs(x)
    large = a > 2.0 ** (x.format.mantissa + 4)
    b = select(large, x.constant(0.0), a * (a / (fma(a, a, 1.0).sqrt() + 1.0)))
    argument, low = _sum(a, b)
    return _with_sign_of(_log1p(argument, low, large), x)


def arccosh(x: Real) -> Real:
    """arccosh(x) = log1p(t + sqrt(t**2 + 2 t)) with t = x - 1, or log(2 x) where that makes no difference."""
    t = x - 1.0
    large = x > 2.0 ** (x.format.mantissa + 4)
    root = select(large, x.constant(0.0), fma(t, t, t + t).sqrt())
    argument = t + root
    low = select(t < root, t - (argument - root), root - (argument - t))
    return select(t < 0, x.constant(NAN), _log1p(argument, low, large))


def arctanh(x: Real) -> Real:
    """arctanh|x| = log1p(2|x| / (1 - |x|)) / 2."""
    a = abs(x)
    above = a + a
    below, below_lo = _sum(1.0, -a)
    inverse = 1.0 / below
    q = above * inverse
    q_lo = fma(-q, below_lo, fma(-q, below, above)) * inverse
    return _with_sign_of(_log1p(q, q_lo, None) * 0.5, x)


# ---- Roots -----------------------------------------------------------------------------------------------------------


def sqrt(x: Real) -> Real:
    """Correctly rounded by the processor."""
    return x.sqrt()


def rsqrt(x: Real) -> Real:
    """1 / sqrt(x): two correctly rounded operations, together within 1.5 ULP."""
    return 1.0 / x.sqrt()


def cbrt(x: Real) -> Real:
    """Cube root of 2**(3 q + j) * m: a polynomial for m**(-1/3), a step of third order, one on the exact residual."""
    c = constants_of(x)
    format = x.format
    shift = format.mantissa
    magnitude = abs(x)
    lift = 24 if shift == 23 else 54
    subnormal = magnitude < c.smallest_normal
    scaled = select(subnormal, magnitude * 2.0**lift, magnitude)
    bits = scaled.bits()
    e = _small_to_real(bits.shift_right_logical(shift)) - (2.0**shift + format.bias)
    magic = 1.5 * 2.0**shift + format.bias
    shifted = fma(e - 1.0, 1.0 / 3.0, magic)
    j = fma(shifted - magic, -3.0, e)
    m = ((bits & ((1 << shift) - 1)) | (format.bias << shift)).reinterpret()
    w = select(j > 0.5, select(j > 1.5, m * 4.0, m * 2.0), m)
    third = select(j > 0.5, select(j > 1.5, x.constant(2.0 ** (-2 / 3)), 2.0 ** (-1 / 3)), 1.0)
    y = polynomial(m, *c.cbrt) * third
    h = fma(-w * y, y * y, 1.0)
    y = fma(y * h, fma(h, 2.0 / 9.0, 1.0 / 3.0), y)
    square = y * y
    root = w * square
    root_square = root * root
    residual = fma(-fma(root, root, -root_square), root, fma(-root_square, root, w))
    root = fma(residual, square * (1.0 / 3.0), root)
    root = root * _power_of_two(shifted.bits()) * select(subnormal, x.constant(2.0 ** (-lift // 3)), 1.0)
    return select(magnitude.equals(0) | ~(magnitude < INFINITY), x, _with_sign_of(root, x))


# ---- Functions of the C library, which do not vectorise --------------------------------------------------------------

_LIBRARY = {"sin": "sin", "cos": "cos", "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan"}


def _library_function(symbol: str) -> Callable[[Real], Real]:
    def emit(x: Real) -> Real:
        return x.call(symbol if x.format is FLOAT64 else symbol + "f")

    emit.__doc__ = f"The C library's {symbol}."
    return emit


VECTORISED: dict[str, Callable[[Real], Real]] = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "log": log,
    "log2": log2,
    "log10": log10,
    "log1p": log1p,
    "sqrt": sqrt,
    "rsqrt": rsqrt,
    "cbrt": cbrt,
    "tanh": tanh,
    "sech": sech,
    "sinh": sinh,
    "cosh": cosh,
    "arcsinh": arcsinh,
    "arccosh": arccosh,
    "arctanh": arctanh,
    "logistic": logistic,
    "softplus": softplus,
    "swish": swish,
    "mish": mish,
    "erf": erf,
    "erfc": erfc,
    "gaussian": gaussian,
    "normal_pdf": normal_pdf,
    "normal_cdf": normal_cdf,
    "normal_cdf_tanh": normal_cdf_tanh,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
}

CORES: dict[str, Callable[[Real], Real]] = {
    **VECTORISED,
    **{name: _library_function(symbol) for name, symbol in _LIBRARY.items()},
}
