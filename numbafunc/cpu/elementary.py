"""Elementary functions as emitted code: straight-line, branch-free, and so vectorised with the loop around it.

``CORES`` maps a name of :mod:`numbafunc.elementary` to a function of an emitted :class:`~numbafunc.cpu.real.Real`. One source
serves float32 and float64; what differs is in the table of constants. Nothing here calls, branches, looks up a table or
converts between integers and floating-point numbers (AVX2 has no such conversion for 64 bits: adding 1.5 * 2**52 leaves an
integer in the low bits instead). Rounding errors that matter are carried along as a low part, obtained without error
from fused multiply-adds and from ``a + b = h + ((a - h) + b)``, exact for ``|a| >= |b|`` (Dekker 1971).

Every polynomial comes from ``bench/minimax.py``. Error bounds are in units in the last place (ULP) of the exact result.

References: Cody and Waite, Software Manual for the Elementary Functions, 1980; Tang, Table-driven implementation of the
exponential function, ACM TOMS 15 (1989), of the logarithm, 16 (1990), of expm1, 18 (1992); Muller, Elementary Functions,
3rd edition, 2016; Ng, the fdlibm sources, 1993.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from numbafunc.cpu.real import FLOAT32, FLOAT64, Bit, Real, Word, fma, polynomial, select

INFINITY = float("inf")
NAN = float("nan")


@dataclass(frozen=True)
class Constants:
    """What depends on the format. A pair (hi, lo) is a number to twice the precision."""

    ln2: tuple[float, float]
    log2_e: tuple[float, float]
    log10_2: tuple[float, float]
    log10_e: tuple[float, float]
    exp_limits: tuple[float, float]  # beyond these exp is 0 or infinite; 2**n is still within the two factors
    exp2_limits: tuple[float, float]
    cosh_largest: float  # above, cosh is infinite
    large: float  # from here on expm1, sinh and cosh are halved until the end
    expm1_least: float  # below, expm1 rounds to -1
    tanh_largest: float  # beyond, tanh rounds to 1
    tiny: float  # below, log1p(x) rounds to x
    smallest_normal: float
    exp: tuple[float, ...]
    expm1: tuple[float, ...]
    cosh: tuple[float, ...]
    sinh: tuple[float, ...]
    log: tuple[float, ...]
    cbrt: tuple[float, ...]


_CONSTANTS = {
    FLOAT32.name: Constants(
        ln2=(float.fromhex("0x1.62e43p-1"), float.fromhex("-0x1.05c61p-29")),
        log2_e=(float.fromhex("0x1.715476p+0"), float.fromhex("0x1.4ae0cp-26")),
        log10_2=(float.fromhex("0x1.344136p-2"), float.fromhex("-0x1.ec10cp-27")),
        log10_e=(float.fromhex("0x1.bcb7b2p-2"), float.fromhex("-0x1.5b235ep-27")),
        exp_limits=(-105.0, 89.0),
        exp2_limits=(-151.0, 129.0),
        cosh_largest=89.75,
        large=64.0,
        expm1_least=-20.0,
        tanh_largest=10.0,
        tiny=2.0**-25,
        smallest_normal=2.0**-126,
        # exp, float32, [-0.346608, 0.346608], error 2**-28.029
        exp=(
            0.166665345,
            0.0416672416,
            0.00836743321,
            0.00138634176,
        ),
        # expm1, float32, [-0.346608, 0.346608], error 2**-30.74
        expm1=(
            0.166666657,
            0.0416664928,
            0.00833365601,
            0.00139320584,
            0.000196690264,
        ),
        # cosh, float32, [9.53674e-7, 0.346608], error 2**-33.278
        cosh=(
            0.5,
            0.0416664593,
            0.00139354519,
        ),
        # sinh, float32, [9.53674e-7, 0.346608], error 2**-34.331
        sinh=(
            0.166666672,
            0.00833317544,
            0.000199740884,
        ),
        # log, float32, [9.53674e-7, 0.20002], error 2**-28.389
        log=(
            0.666669488,
            0.399576575,
            0.303640395,
        ),
        # cbrt, float32, [1.0, 2.0], error 2**-14.696
        cbrt=(
            1.67000675,
            -1.17288029,
            0.695482731,
            -0.221237898,
            0.0285910331,
        ),
    ),
    FLOAT64.name: Constants(
        ln2=(float.fromhex("0x1.62e42fefa39efp-1"), float.fromhex("0x1.abc9e3b39803fp-56")),
        log2_e=(float.fromhex("0x1.71547652b82fep+0"), float.fromhex("0x1.777d0ffda0d24p-56")),
        log10_2=(float.fromhex("0x1.34413509f79ffp-2"), float.fromhex("-0x1.9dc1da994fd21p-59")),
        log10_e=(float.fromhex("0x1.bcb7b1526e50ep-2"), float.fromhex("0x1.95355baaafad3p-57")),
        exp_limits=(-746.0, 710.0),
        exp2_limits=(-1076.0, 1025.0),
        cosh_largest=710.75,
        large=512.0,
        expm1_least=-40.0,
        tanh_largest=20.0,
        tiny=2.0**-54,
        smallest_normal=2.0**-1022,
        # exp, float64, [-0.346608, 0.346608], error 2**-57.366
        exp=(
            0.16666666666666433,
            0.041666666666603978,
            0.0083333333335004062,
            0.0013888888926789915,
            0.0001984126946556438,
            2.4801508688303857e-05,
            2.7557641363183784e-06,
            2.7625185357717889e-07,
            2.4978244734747932e-08,
        ),
        # expm1, float64, [-0.346608, 0.346608], error 2**-61.618
        expm1=(
            0.16666666666666677,
            0.041666666666666692,
            0.0083333333333217748,
            0.0013888888888886786,
            0.00019841269885348596,
            2.4801587294850801e-05,
            2.7557245202605665e-06,
            2.7557315811568193e-07,
            2.5108652006537799e-08,
            2.0897986728804696e-09,
        ),
        # cosh, float64, [9.53674e-7, 0.346608], error 2**-58.048
        cosh=(
            0.50000000000000122,
            0.041666666666519261,
            0.001388888894610752,
            2.4801490807085067e-05,
            2.7630993052057483e-07,
        ),
        # sinh, float64, [9.53674e-7, 0.346608], error 2**-61.623
        sinh=(
            0.16666666666666677,
            0.0083333333333213758,
            0.00019841269886776547,
            2.755724362774168e-06,
            2.5109203668730634e-08,
        ),
        # log, float64, [9.53674e-7, 0.20002], error 2**-55.894
        log=(
            0.66666666666672691,
            0.39999999996170316,
            0.28571429394013914,
            0.22222138587471363,
            0.18186353146436532,
            0.15250237736500974,
            0.15367865545046575,
        ),
        # cbrt, float64, [1.0, 2.0], error 2**-14.696
        cbrt=(
            1.6700067641938048,
            -1.1728803652098481,
            0.69548287104327844,
            -0.22123799430852967,
            0.028591053822838986,
        ),
    ),
}


def _constants(x: Real) -> Constants:
    return _CONSTANTS[x.format.name]


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

    ``r = x - n * hi(ln 2)`` is exact: a multiple of the last place of ``hi(ln 2)`` or of ``x``, and small (Cody and Waite).
    """
    c = _constants(x)
    word, n = _nearest_integer(x, c.log2_e[0], offset)
    return word, fma(n, -c.ln2[0], x), n * -c.ln2[1]


def _sum(a: Real | float, b: Real) -> tuple[Real, Real]:
    """``a + b`` and its rounding error, for ``|a| >= |b|`` or ``a = 0``."""
    total = b + a
    return total, b - (total - a)


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
    c = _constants(x)
    word, r, r_lo = _reduce(_at_most(_at_least(x, c.exp_limits[0]), c.exp_limits[1]), 2 * x.format.bias)
    return _exp_scaled(r, r_lo, word)


def exp2(x: Real) -> Real:
    """exp2(x) = 2**n * exp(r), where r = (x - n) * ln 2."""
    c = _constants(x)
    x = _at_most(_at_least(x, c.exp2_limits[0]), c.exp2_limits[1])
    word, n = _nearest_integer(x, 1.0, 2 * x.format.bias)
    fraction = x - n
    r = fraction * c.ln2[0]
    return _exp_scaled(r, fma(fraction, c.ln2[1], fma(fraction, c.ln2[0], -r)), word)


def _exp_scaled(r: Real, r_lo: Real, word: Word) -> Real:
    p = r + _expm1_tail(r + r_lo, r_lo, _constants(r).exp)
    a, b = _two_powers_of_two(word)
    return fma(p, a, a) * b


def expm1(x: Real) -> Real:
    """expm1(x) = (2**n - 1) + 2**n * expm1(r), with the rounding errors of both sums added back (Tang 1992)."""
    c = _constants(x)
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
    """tanh(x) = (1 - e) / (1 + e) with e = exp(-2|x|) = 2**n + 2**n * expm1(r), so 1 - e loses nothing near 0."""
    c = _constants(x)
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
    c = _constants(x)
    word, r, r_lo = _reduce(_at_least(-abs(x), c.exp_limits[0]), 2 * x.format.bias)
    p, p_lo = _sum(1.0, r + _expm1_tail(r + r_lo, r_lo, c.exp))
    a, b = _two_powers_of_two(word)
    return p, p_lo, a, b


def logistic(x: Real) -> Real:
    """1 / (1 + e) for x >= 0 and e / (1 + e) for x < 0, with e = exp(-|x|), whose scale comes last."""
    p, p_lo, a, b = _decay(x)
    power = a * b
    below = fma(power, p, 1.0)
    below_lo = fma(power, p_lo, fma(power, p, 1.0 - below))
    negative = x < 0
    y = _quotient(select(negative, p, 1.0), select(negative, p_lo, 0.0), below, below_lo)
    return select(negative, y * a * b, y)


def sech(x: Real) -> Real:
    """2 e / (1 + e**2) with e = exp(-|x|)."""
    p, p_lo, a, b = _decay(x)
    power = a * b
    e = power * p
    below = fma(e, e, 1.0)
    below_lo = fma(e, power * p_lo * 2.0, fma(e, e, 1.0 - below))
    y = _quotient(p, p_lo, below, below_lo)
    return (y + y) * a * b


def _hyperbolic(x: Real) -> tuple[Real, ...]:
    """What sinh and cosh of ``|x|`` are made of: ``a`` = sinh(n ln 2), ``b`` = cosh(n ln 2), ``b``'s rounding error, sinh(r)
    and cosh(r) - 1 (sinh(r) as ``r`` and the rest), and the factor that makes large results come out right."""
    c = _constants(x)
    magnitude = abs(x)
    large = magnitude > c.large
    word, r, r_lo = _reduce(_at_most(magnitude, c.cosh_largest), x.format.bias - 1)
    half = _power_of_two(_decrement_where(large, word))  # 2**(n - 1)
    inverse = 0.25 / half
    a, b = half - inverse, half + inverse
    b_lo = inverse - (b - half)
    rounded = r + r_lo
    square = rounded * rounded
    sinh_lo = fma(rounded * square, polynomial(square, *c.sinh), r_lo)
    cosh_lo = square * polynomial(square, *c.cosh)
    return a, b, b_lo, r, sinh_lo, cosh_lo, select(large, x.constant(2.0), 1.0)


def sinh(x: Real) -> Real:
    """sinh(n ln 2 + r) = sinh(n ln 2) * cosh(r) + cosh(n ln 2) * sinh(r)."""
    a, b, b_lo, r, sinh_lo, cosh_lo, factor = _hyperbolic(x)
    high = fma(b, r, a)
    low = fma(b_lo, r, fma(b, r, a - high))
    y = high + fma(b, sinh_lo, fma(a, cosh_lo, low))
    return _with_sign_of(y * factor, x)


def cosh(x: Real) -> Real:
    """cosh(n ln 2 + r) = cosh(n ln 2) * cosh(r) + sinh(n ln 2) * sinh(r)."""
    a, b, b_lo, r, sinh_lo, cosh_lo, factor = _hyperbolic(x)
    high = fma(a, r, b)
    low = fma(a, r, b - high) + b_lo
    return (high + fma(a, sinh_lo, fma(b, cosh_lo, low))) * factor


# ---- Logarithms ------------------------------------------------------------------------------------------------------


def _exponent(x: Real, least: float) -> tuple[Word, Real]:
    """``k`` with ``x = 2**k * m``, least <= m < 2 * least: as an exponent field, and as a number too large by the offset."""
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
    """What :func:`_exponent` adds to the number ``k``."""
    return 2.0**x.format.mantissa + _exponent_offset(x)


def _log_sum(k: Real, f: Real, f_lo: Real | None, base: tuple[float, float] | None, two: tuple[float, float]) -> Real:
    """``k * two + base * log(1 + f + f_lo)`` for 0.7 <= 1 + f <= 1.5; a ``base`` of None is 1.

    With s = f / (2 + f), log(1 + f) = 2 atanh(s) = f - f**2 / 2 + s * (f**2 / 2 + z * P(z)), z = s**2 (fdlibm).
    """
    s = f / (f + 2.0)
    z = s * s
    half_square = (f * 0.5) * f
    tail = fma(z, polynomial(z, *_constants(f).log), half_square)
    main = f if base is None else f * base[0]
    high = fma(k, two[0], main)
    low = fma(k, two[1], fma(k, two[0], -high) + main)
    if base is not None:
        low = low + fma(f, base[1], fma(f, base[0], -main))
        return high + fma(fma(s, tail, -half_square), base[0], low)
    if f_lo is not None:  # times 1 / (1 + f), to a tenth
        low = fma(f_lo, fma(half_square, 2.0, 1.0 - f), low)
    return high + (fma(s, tail, low) - half_square)


def _log_special(y: Real, x: Real, argument: Real) -> Real:
    """NaN for negative arguments, -inf at zero, and ``x`` itself for infinity and NaN."""
    y = select(x < INFINITY, y, x)
    return select(argument > 0, y, select(argument.equals(0), x.constant(-INFINITY), NAN))


def _log(x: Real, base: tuple[float, float] | None, two: tuple[float, float]) -> Real:
    lift = x.format.mantissa + 1
    subnormal = x < _constants(x).smallest_normal
    scaled = select(subnormal, x * 2.0**lift, x)
    exponent, k = _exponent(scaled, math.sqrt(0.5))
    k = k - select(subnormal, x.constant(_to_exponent(x) + lift), _to_exponent(x))
    f = (scaled.bits() - exponent).reinterpret() - 1.0
    return _log_special(_log_sum(k, f, None, base, two), x, x)


def log(x: Real) -> Real:
    """log(x) = k * log(2) + log(m) (Tang 1990, without a table)."""
    return _log(x, None, _constants(x).ln2)


def log2(x: Real) -> Real:
    """log2(x) = k + log2(m)."""
    return _log(x, _constants(x).log2_e, (1.0, 0.0))


def log10(x: Real) -> Real:
    """log10(x) = k * log10(2) + log10(m)."""
    return _log(x, _constants(x).log10_e, _constants(x).log10_2)


def log1p(x: Real) -> Real:
    """log1p(x) = k * log(2) + log(1 + f), where f = 2**-k * x + (2**-k - 1) is exact unless ``k`` is large.

    1 + f lies in [3/4, 3/2): with the usual sqrt(1/2) as the lower end, ``f`` would be rounded when k = 1.
    """
    return _log1p(x, None, None)


def _log1p(x: Real, x_lo: Real | None, doubled: Bit | None) -> Real:
    """log(1 + x + x_lo), of twice that where wanted."""
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
    y = _log_special(_log_sum(k, f, f_lo, None, _constants(x).ln2), x, u)
    return select(abs(x) < _constants(x).tiny, x, y)


# ---- Inverse hyperbolic functions (Muller 2016, chapter 11; 2 ULP) ---------------------------------------------------


def arcsinh(x: Real) -> Real:
    """arcsinh|x| = log1p(|x| + x**2 / (1 + sqrt(1 + x**2))), or log(2|x|) where 1 makes no difference."""
    a = abs(x)
    large = a > 2.0 ** (x.format.mantissa + 4)
    b = select(large, x.constant(0.0), a * (a / (fma(a, a, 1.0).sqrt() + 1.0)))
    argument, low = _sum(a, b)
    return _with_sign_of(_log1p(argument, low, large), x)


def arccosh(x: Real) -> Real:
    """arccosh(x) = log1p(t + sqrt(t * (t + 2))) with t = x - 1, or log(2 x) where that makes no difference."""
    t = x - 1.0
    large = x > 2.0 ** (x.format.mantissa + 4)
    root = select(large, x.constant(0.0), (t * (t + 2.0)).sqrt())
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
    """1 / sqrt(x), and a Newton step with the residual 1 - x * y**2 computed to twice the precision."""
    y = 1.0 / x.sqrt()
    z = x * y
    residual = fma(-fma(x, y, -z), y, fma(-z, y, 1.0))
    return select(residual.is_nan(), y, fma(y * 0.5, residual, y))


def cbrt(x: Real) -> Real:
    """x = 2**(3 q + j) * m: a polynomial for m**(-1/3), a step of third order, and one on the exact residual."""
    c = _constants(x)
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
}

CORES: dict[str, Callable[[Real], Real]] = {
    **VECTORISED,
    **{name: _library_function(symbol) for name, symbol in _LIBRARY.items()},
}
