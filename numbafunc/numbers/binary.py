"""Functions of two numbers, made of values and of numbers with tangents: each has its derivative from these."""

from __future__ import annotations

import math

from numbafunc.numbers.keys import VALUE
from numbafunc.numbers.number import Number, choose, multiply_add
from numbafunc.numbers.real import FLOAT64, Bit, Real, select


def _constant(like: Number, value: Real) -> Number:
    return like.locally_constant(lambda _: value)


def hypot(a: Number, b: Number) -> Number:
    """``sqrt(a**2 + b**2)`` where squares can't overflow: the larger one is brought near 1 by a power of two."""
    x, y = abs(a.value), abs(b.value)
    largest = x.maximum(y)
    exponents = ((1 << largest.format.width - 1 - largest.format.mantissa) - 1) << largest.format.mantissa
    smallest = 2.0 ** (1 - largest.format.bias)
    power = (largest.bits() & exponents).reinterpret()
    power = select(power < smallest, smallest, select(power < math.inf, power, 1.0))
    scale = _constant(a, power)
    u, v = a / scale, b / scale
    root = multiply_add(u, u, v * v).emit_elementary("sqrt") * scale
    value = select(x.equals(math.inf) | y.equals(math.inf), math.inf, root.value)
    result = _constant(a, value).emit_with_slope_of(root)
    if all(len(key) < 2 for key in root.parts):
        return result
    # Beyond order 1 the powers of the scale, squared here, may be out of range where the derivative is not.
    usual = (value > 0.0) & (value < math.inf)
    parts = _length(a, b).parts
    return result._new({key: select(usual, parts.get(key, part), part) for key, part in result.parts.items()})


def _length(a: Number, b: Number) -> Number:
    """:func:`hypot` by its partial derivatives, the cosines."""
    level = max(a._top(), b._top())
    (lower_a, changes_a), (lower_b, changes_b) = a._split(level), b._split(level)
    along_a, along_b = _cosine(lower_a, lower_b), _cosine(lower_b, lower_a)
    return _moved(level, hypot(lower_a, lower_b), (changes_a, along_a), (changes_b, along_b))


def _cosine(a: Number, b: Number) -> Number:
    """``a / hypot(a, b)``, whose derivatives would lose digits as those of a quotient where ``a`` is the larger one."""
    level = max(a._top(), b._top())
    if level < 0:
        return a / hypot(a, b)
    (lower_a, changes_a), (lower_b, changes_b) = a._split(level), b._split(level)
    along, across = _cosine(lower_a, lower_b), _cosine(lower_b, lower_a)
    turn = across / hypot(lower_a, lower_b)
    return _moved(level, along, (changes_a, across * turn), (changes_b, -along * turn))


def _moved(level: int, lower: Number, *changes: tuple[dict[int, Number], Number]) -> Number:
    """A function of numbers, given its value without a level and pairs of the changes of one and its slope by that."""
    upper: dict[int, Number] = {}
    for directions, slope in changes:
        for direction, change in directions.items():
            part = change.scaled(slope)
            upper[direction] = upper[direction] + part if direction in upper else part
    return lower._merge(level, lower, upper)


def _truncated(x: Real, y: Real) -> Real:
    """The remainder of a division that is rounded towards zero; exact."""
    return x.call("fmod" if x.format is FLOAT64 else "fmodf", y)


def _floored(x: Real, y: Real) -> Real:
    """The remainder of a division that is rounded down, with the sign of the divisor."""
    rest = _truncated(x, y)
    return select(rest.equals(0), rest.copysign(y), select(_opposite(rest, y), rest + y, rest))


def _opposite(rest: Real, y: Real) -> Bit:
    return ((rest < 0) & (y > 0)) | ((rest > 0) & (y < 0))


def _with_rest(a: Number, b: Number, rest: Real) -> Number:
    """A remainder: what is left of ``a`` less a whole multiple of ``b``."""
    whole = _constant(a, ((a.value - rest) / b.value).rint())
    return _constant(a, rest).emit_with_slope_of(a - whole * b)


def remainder(a: Number, b: Number) -> Number:
    """``a % b`` as Python has it; NaN for a divisor of zero."""
    return _with_rest(a, b, _floored(a.value, b.value))


def fmod(a: Number, b: Number) -> Number:
    """The remainder with the sign of ``a``."""
    return _with_rest(a, b, _truncated(a.value, b.value))


def floor_divide(a: Number, b: Number) -> Number:
    """``a // b``."""
    x, y = a.value, b.value
    quotient = x / y
    rest = _truncated(x, y)
    whole = ((x - rest) / y).rint()
    whole = select(_opposite(rest, y), whole - 1.0, whole)
    whole = select(whole.equals(0), whole.constant(0.0).copysign(quotient), whole)
    return _constant(a, select(y.equals(0), quotient, whole))


def arctan2(y: Number, x: Number) -> Number:
    """The angle of the point ``(x, y)``."""
    value = y.value.call("atan2" if y.value.format is FLOAT64 else "atan2f", x.value)
    if set(y.keys) | set(x.keys) == {VALUE}:
        return _constant(y, value)
    flat = abs(x.value) > abs(y.value)
    slope = choose(flat, (y / x).emit_elementary("arctan"), -(x / y).emit_elementary("arctan"))
    return _constant(y, value).emit_with_slope_of(slope)
