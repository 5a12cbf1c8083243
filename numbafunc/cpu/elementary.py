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
    large: float  # from here on expm1, sinh and cosh are halved until the end
    expm1_least: float  # below, expm1 rounds to -1
    tanh_least: float  # when 2|x| is larger, tanh rounds to 1
    tiny: float  # below, log1p(x) rounds to x
    smallest_normal: float
    exp: tuple[float, ...]
    log: tuple[float, ...]


_CONSTANTS = {
    FLOAT32.name: Constants(
        ln2=(float.fromhex("0x1.62e43p-1"), float.fromhex("-0x1.05c61p-29")),
        log2_e=(float.fromhex("0x1.715476p+0"), float.fromhex("0x1.4ae0cp-26")),
        log10_2=(float.fromhex("0x1.344136p-2"), float.fromhex("-0x1.ec10cp-27")),
        log10_e=(float.fromhex("0x1.bcb7b2p-2"), float.fromhex("-0x1.5b235ep-27")),
        exp_limits=(-105.0, 89.0),
        large=64.0,
        expm1_least=-20.0,
        tanh_least=-20.0,
        tiny=2.0**-25,
        smallest_normal=2.0**-126,
        # exp, float32, [-0.346608, 0.346608], error 2**-26.128
        exp=(
            0.49999997,
            0.166665465,
            0.0416674428,
            0.00836625323,
            0.00138699461,
        ),
        # log, float32, [9.53674e-7, 0.17159], error 2**-30.167
        log=(
            0.666667759,
            0.399775833,
            0.2987113,
        ),
    ),
    FLOAT64.name: Constants(
        ln2=(float.fromhex("0x1.62e42fefa39efp-1"), float.fromhex("0x1.abc9e3b39803fp-56")),
        log2_e=(float.fromhex("0x1.71547652b82fep+0"), float.fromhex("0x1.777d0ffda0d24p-56")),
        log10_2=(float.fromhex("0x1.34413509f79ffp-2"), float.fromhex("-0x1.9dc1da994fd21p-59")),
        log10_e=(float.fromhex("0x1.bcb7b1526e50ep-2"), float.fromhex("0x1.95355baaafad3p-57")),
        exp_limits=(-746.0, 710.0),
        large=512.0,
        expm1_least=-40.0,
        tanh_least=-40.0,
        tiny=2.0**-54,
        smallest_normal=2.0**-1022,
        # exp, float64, [-0.346608, 0.346608], error 2**-55.296
        exp=(
            0.50000000000000056,
            0.16666666666666693,
            0.041666666666567528,
            0.0083333333332941198,
            0.0013888888935326986,
            0.0001984126998720656,
            2.4801500212277928e-05,
            2.7557114868538694e-06,
            2.7628193736540289e-07,
            2.5162429694523247e-08,
        ),
        # log, float64, [9.53674e-7, 0.17159], error 2**-59.479
        log=(
            0.6666666666666734,
            0.39999999999416824,
            0.28571428742071164,
            0.22222198589362827,
            0.18183564266679603,
            0.15314033808171376,
            0.14796284878581564,
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
    """``x = n * ln 2 + r + r_lo`` with ``|r| <= ln(2) / 2``: the word of ``n + offset``, ``r`` and ``r_lo``.

    ``x - n * hi(ln 2)`` is exact: a multiple of the last place of ``hi(ln 2)`` or of ``x``, and small (Cody and Waite).
    """
    c = _constants(x)
    word, n = _nearest_integer(x, c.log2_e[0], offset)
    difference = fma(n, -c.ln2[0], x)
    r = fma(n, -c.ln2[1], difference)
    r_lo = fma(n, -c.ln2[1], difference - r)
    return word, r, r_lo


def _expm1_tail(r: Real) -> Real:
    """``exp(r) - 1 - r`` for ``|r| <= ln(2) / 2``."""
    square = r * r
    return square * _even_odd(r, square, _constants(r).exp)


def _quotient(a: Real, a_lo: Real | None, b: Real, b_lo: Real) -> Real:
    """``(a + a_lo) / (b + b_lo)`` to little more than half an ULP: one division and a correction by the remainder."""
    inverse = 1.0 / b
    q = a * inverse
    remainder = fma(-q, b_lo, fma(-q, b, a))
    if a_lo is not None:
        remainder = remainder + a_lo
    return fma(remainder, inverse, q)


# ---- Exponential functions -------------------------------------------------------------------------------------------


def exp(x: Real) -> Real:
    """exp(x) = 2**n * exp(r) (Tang 1989, without a table)."""
    x = _clamp_exponential(x)
    word, r, _ = _reduce(x, 2 * x.format.bias)
    p = fma(r * r, _even_odd(r, r * r, _constants(x).exp), r)
    a, b = _two_powers_of_two(word)
    return fma(p, a, a) * b


def _clamp_exponential(x: Real) -> Real:
    low, high = _constants(x).exp_limits
    return _at_most(_at_least(x, low), high)


def expm1(x: Real) -> Real:
    """expm1(x) = (2**n - 1) + 2**n * expm1(r), with the rounding errors of both sums added back (Tang 1992)."""
    c = _constants(x)
    large = x > c.large
    clamped = _at_most(_at_least(x, c.expm1_least), c.exp_limits[1])
    word, r, r_lo = _reduce(clamped, x.format.bias)
    word = _decrement_where(large, word)
    p_lo = _expm1_tail(r) + r_lo
    power = _power_of_two(word)
    base = power - 1.0
    base_lo = (power - base) - 1.0
    high = fma(power, r, base)
    low = fma(power, r, base - high) + base_lo
    y = high + fma(power, p_lo, low)
    return _with_sign_of(y * select(large, x.constant(2.0), 1.0), x)


def _decrement_where(condition: Bit, word: Word) -> Word:
    builder = word.builder
    return Word(builder, builder.add(word.value, builder.sext(condition.value, word.format.word)), word.format)


def tanh(x: Real) -> Real:
    """tanh(x) = (1 - e) / (1 + e) with e = exp(-2|x|) = 2**n + 2**n * expm1(r), so 1 - e loses nothing near 0."""
    double = abs(x) * -2.0
    word, r, r_lo = _reduce(_at_least(double, _constants(x).tanh_least), x.format.bias)
    p, p_lo = _sum(r, _expm1_tail(r) + r_lo)
    power = _power_of_two(word)
    minus, plus = 1.0 - power, 1.0 + power
    above = fma(-power, p, minus)
    above_lo = fma(-power, p_lo, fma(-power, p, minus - above))
    below = fma(power, p, plus)
    below_lo = fma(power, p_lo, fma(power, p, plus - below))
    return _with_sign_of(_quotient(above, above_lo, below, below_lo), x)


def _sum(a: Real, b: Real) -> tuple[Real, Real]:
    """``a + b`` and its rounding error, for ``|a| >= |b|`` or ``a = 0``."""
    total = a + b
    return total, b - (total - a)


def _decay(x: Real) -> tuple[Real, Real, Real, Real]:
    """exp(-|x|) = (p + p_lo) * a * b with powers of two ``a`` and ``b``: shared by all that need it."""
    low, _ = _constants(x).exp_limits
    word, r, r_lo = _reduce(_at_least(-abs(x), low), 2 * x.format.bias)
    v, v_lo = _sum(r, _expm1_tail(r) + r_lo)
    p, p_lo = _sum(r.constant(1.0), v)
    p_lo = p_lo + v_lo
    a, b = _two_powers_of_two(word)
    return p, p_lo, a, b


def logistic(x: Real) -> Real:
    """1 / (1 + e) for x >= 0 and e / (1 + e) for x < 0, with e = exp(-|x|) and the scale of e applied last."""
    p, p_lo, a, b = _decay(x)
    power = a * b
    below = fma(power, p, 1.0)
    below_lo = fma(power, p_lo, fma(power, p, 1.0 - below))
    negative = x < 0
    y = _quotient(select(negative, p, 1.0), select(negative, p_lo, 0.0), below, below_lo)
    return y * select(negative, a, 1.0) * select(negative, b, 1.0)


def sech(x: Real) -> Real:
    """2 e / (1 + e**2) with e = exp(-|x|)."""
    p, p_lo, a, b = _decay(x)
    power = a * b
    e = power * p
    below = fma(e, e, 1.0)
    below_lo = fma(e, power * p_lo * 2.0, fma(e, e, 1.0 - below))
    y = _quotient(p, p_lo, below, below_lo)
    return (y + y) * a * b


# ---- Logarithms ------------------------------------------------------------------------------------------------------


def _exponent(x: Real) -> tuple[Word, Word]:
    """``k`` with ``x = 2**k * m`` and sqrt(1/2) <= m < sqrt(2): as an exponent field, and ``k + 512`` in the low bits."""
    shift = x.format.mantissa
    root_half = {23: 0x3F3504F3, 52: 0x3FE6A09E667F3BCD}[shift]
    above = x.bits() - root_half
    offset = _exponent_offset(x)
    return above & -(1 << shift), (above + (offset << shift)).shift_right_logical(shift)


def _exponent_offset(x: Real) -> int:
    return x.format.bias + x.format.mantissa + 2


def _log_sum(k: Real, f: Real, base: tuple[float, float] | None, two: tuple[float, float]) -> Real:
    """``k * two + base * log(1 + f)`` for sqrt(1/2) <= 1 + f < sqrt(2).

    With s = f / (2 + f), log(1 + f) = 2 atanh(s) = f - f**2 / 2 + s * (f**2 / 2 + z * P(z)), z = s**2 (fdlibm).
    """
    s = f / (f + 2.0)
    z = s * s
    half_square = (f * 0.5) * f
    tail = fma(z, polynomial(z, *_constants(f).log), half_square)
    if base is None:
        main = f
        high = fma(k, two[0], main)
        low = fma(k, two[0], -high) + main
        return high + (fma(s, tail, fma(k, two[1], low)) - half_square)
    main = f * base[0]
    main_lo = fma(f, base[1], fma(f, base[0], -main))
    high = fma(k, two[0], main)
    low = (fma(k, two[0], -high) + main) + main_lo
    return high + fma(fma(s, tail, -half_square), base[0], fma(k, two[1], low))


def _log_special(y: Real, x: Real, argument: Real) -> Real:
    """NaN for negative arguments, -inf at zero, and ``x`` itself for infinity and NaN."""
    y = select(x < INFINITY, y, x)
    return select(argument > 0, y, select(argument.equals(0), x.constant(-INFINITY), NAN))


def _log(x: Real, base: tuple[float, float] | None, two: tuple[float, float]) -> Real:
    c = _constants(x)
    shift = x.format.mantissa
    lift = shift + 1
    subnormal = x < c.smallest_normal
    scaled = select(subnormal, x * 2.0**lift, x)
    exponent, word = _exponent(scaled)
    magic = 2.0**shift + _exponent_offset(x)
    k = _low_bits_to_real(word) - select(subnormal, x.constant(magic + lift), magic)
    f = (scaled.bits() - exponent).reinterpret() - 1.0
    return _log_special(_log_sum(k, f, base, two), x, x)


def _low_bits_to_real(word: Word) -> Real:
    """2**mantissa plus a small nonnegative integer."""
    return (word | ((word.format.bias + word.format.mantissa) << word.format.mantissa)).reinterpret()


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
    """log1p(x) = k * log(2) + log(1 + f), where f = 2**-k * x + (2**-k - 1) is rounded once and exact for k = 0."""
    c = _constants(x)
    shift = x.format.mantissa
    u = x + 1.0
    exponent, word = _exponent(u)
    k = _low_bits_to_real(word) - (2.0**shift + _exponent_offset(x))
    # 2**(2 - k), as 2**-k would be subnormal for the largest x.
    power = (x.word((x.format.bias + 2) << shift) - exponent).reinterpret()
    f = fma(x * 0.25, power, fma(power, 0.25, -1.0))
    y = _log_sum(k, f, None, c.ln2)
    return select(abs(x) < c.tiny, x, _log_special(y, x, u))


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


CORES: dict[str, Callable[[Real], Real]] = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log2": log2,
    "log10": log10,
    "log1p": log1p,
    "tanh": tanh,
    "sech": sech,
    "logistic": logistic,
    "sqrt": sqrt,
    "rsqrt": rsqrt,
}
