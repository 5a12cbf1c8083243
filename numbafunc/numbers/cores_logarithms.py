"""Cores of logarithms and inverse hyperbolic functions, as in Muller 2016; see :mod:`numbafunc.numbers.cores`."""

from __future__ import annotations

import math

from numbafunc.numbers.cores_blocks import INFINITY, NAN, exact_sum, with_sign_of
from numbafunc.numbers.cores_constants import constants_of
from numbafunc.numbers.real import Bit, Real, Word, fma, polynomial, select


def _exponent(x: Real, least: float) -> tuple[Word, Real]:
    """``k`` with ``x = 2**k * m``, least <= m < 2 * least: as an exponent field, and as ``k + _to_exponent(x)``."""
    shift = x.format.mantissa
    above = x.bits() - ((x.format.bias - 1) << shift | int((2 * least - 1) * 2**shift))
    biased = (above + (_exponent_offset(x) << shift)).shift_right_logical(shift)
    return above & -(1 << shift), small_to_real(biased)


def _exponent_offset(x: Real) -> int:
    return x.format.bias + x.format.mantissa + 2


def small_to_real(word: Word) -> Real:
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
    partial, partial_lo = exact_sum(f, -half_square)
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


def arcsinh(x: Real) -> Real:
    """arcsinh|x| = log1p(|x| + x**2 / (1 + sqrt(1 + x**2))), or log(2|x|) where 1 makes no difference."""
    a = abs(x)
    large = a > 2.0 ** (x.format.mantissa + 4)
    b = select(large, x.constant(0.0), a * (a / (fma(a, a, 1.0).sqrt() + 1.0)))
    argument, low = exact_sum(a, b)
    return with_sign_of(_log1p(argument, low, large), x)


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
    below, below_lo = exact_sum(1.0, -a)
    inverse = 1.0 / below
    q = above * inverse
    q_lo = fma(-q, below_lo, fma(-q, below, above)) * inverse
    return with_sign_of(_log1p(q, q_lo, None) * 0.5, x)
