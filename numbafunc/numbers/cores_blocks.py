"""Building blocks of the cores: reduction of arguments, powers of two, sums and quotients with their low parts."""

from __future__ import annotations

from numbafunc.numbers.cores_constants import constants_of
from numbafunc.numbers.real import Real, Word, fma, polynomial, select

INFINITY = float("inf")
NAN = float("nan")


def at_least(x: Real, bound: float) -> Real:
    """The larger of ``x`` and a bound; NaN stays NaN."""
    # One instruction on x86-64.
    return select(x < bound, bound, x)


def at_most(x: Real, bound: float) -> Real:
    """The smaller of ``x`` and a bound; NaN stays NaN."""
    return select(x > bound, bound, x)


def _sign_bit(x: Real) -> Word:
    return x.bits() & -(1 << (x.format.width - 1))


def with_sign_of(y: Real, x: Real) -> Real:
    """``y`` with the sign of ``x``, for ``y`` >= 0 or of that sign already: makes f(-0) = -0."""
    return (y.bits() | _sign_bit(x)).reinterpret()


def even_odd(x: Real, square: Real, coefficients: tuple[float, ...]) -> Real:
    """A polynomial as even(x**2) + x * odd(x**2): as many steps as Horner's rule, in half the time."""
    return fma(x, polynomial(square, *coefficients[1::2]), polynomial(square, *coefficients[::2]))


def nearest_integer(x: Real, factor: float, offset: int, least: int | None = None) -> tuple[Word, Real]:
    """``n``, the integer nearest to ``x * factor``: ``n + offset`` in the low bits of a word, and as a number.

    It is not below the least one, if that is given.

    In the binade of 1.5 * 2**mantissa neighbours differ by one, so adding this rounds to an integer.
    """
    magic = 1.5 * 2.0**x.format.mantissa + offset
    shifted = fma(x, factor, magic)
    if least is not None:
        shifted = at_least(shifted, magic + least)
    return shifted.bits(), shifted - magic


def power_of_two(n: Word) -> Real:
    """2**n from a word with ``n + bias`` in the low bits, within the normal range."""
    return (n << n.format.mantissa).reinterpret()


def two_powers_of_two(n: Word) -> tuple[Real, Real]:
    """Two normal numbers with the product 2**n, from a word with ``n + 2 * bias`` in the low bits.

    Multiplied by one after the other, a number rounds once when it becomes subnormal, and overflows when it should.
    """
    half = n.shift_right_logical(1)
    return power_of_two(half), power_of_two(n - half)


def reduce(x: Real, offset: int) -> tuple[Word, Real, Real]:
    """``x = n * ln 2 + r + c`` with ``|r| <= ln(2) / 2`` and a tiny ``c``: the word of ``n + offset``, ``r`` and ``c``.

    ``r = x - n * hi(ln 2)`` is exact: a multiple of the last place of ``hi(ln 2)`` or of ``x``, and small (Cody and
    Waite).
    """
    c = constants_of(x)
    word, n = nearest_integer(x, c.log2_e[0], offset)
    return word, fma(n, -c.ln2[0], x), n * -c.ln2[1]


def exact_sum(a: Real | float, b: Real) -> tuple[Real, Real]:
    """``a + b`` and its rounding error, for ``|a| >= |b|`` or ``a = 0``."""
    total = b + a
    return total, b - (total - a)


def two_sum(a: Real, b: Real | float) -> tuple[Real, Real]:
    """``a + b`` and its rounding error, whichever is larger (Knuth 1969)."""
    total = a + b
    rest = total - a
    return total, (a - (total - rest)) + (b - rest)


def expm1_tail(r: Real, c: Real, coefficients: tuple[float, ...]) -> Real:
    """``c + exp(r) - 1 - r``."""
    square = r * r
    if len(coefficients) < 5:
        return fma(square, polynomial(r, 0.5, *coefficients), c)
    return fma(square * r, even_odd(r, square, coefficients), fma(square, 0.5, c))


def quotient(a: Real, a_lo: Real, b: Real, b_lo: Real) -> Real:
    """``(a + a_lo) / (b + b_lo)`` to little more than half an ULP: one division, corrected by the remainder."""
    inverse = 1.0 / b
    q = a * inverse
    remainder = fma(-q, b, a) + fma(-q, b_lo, a_lo)
    return fma(remainder, inverse, q)
