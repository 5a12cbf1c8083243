"""Numbers of the algebra that forward-mode differentiation computes in, while code is being emitted.

A :class:`Number` is a value plus coefficients of nilpotent units. A unit is a pair (level, direction): a level is
one nesting depth of differentiation, a direction one of the tangents that are carried side by side at that level.
Products of units of the same level vanish, products of units of different levels give the mixed derivatives. So

- ``{(): v}`` is a plain number,
- ``{(): v, ((0, 0),): t}`` is a dual number,
- ``{(): v, ((0, 0),): t0, ((0, 1),): t1}`` carries two directions past one evaluation of the value,
- ``{(): v, ((0, 0),): a, ((1, 0),): b, ((0, 0), (1, 0)): c}`` is a dual number of dual numbers.

Coefficients that are not there are zero by structure: no instruction is emitted for them, and no ``0 * inf`` appears.
Any analytic ``f`` extends to the algebra level by level, ``f(p + q * unit) = f(p) + f'(p) * q * unit``, where
``p`` and ``q`` are free of the level (Griewank and Walther, Evaluating Derivatives, 2008, chapter 13).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import product

from numbafunc.numbers.elementary import FUNCTIONS
from numbafunc.numbers.keys import VALUE, Key, join_keys, sort_keys
from numbafunc.numbers.real import Bit, Real, fma, select

Cores = Mapping[str, Callable[[Real], Real]]
Scalar = int | float


class Number:
    """An element of the algebra: emitted coefficients by key; ``literal`` if it is one in the source."""

    __slots__ = ("cores", "literal", "parts")

    def __init__(self, parts: dict[Key, Real], cores: Cores, *, literal: bool = False) -> None:
        self.parts = parts
        self.cores = cores
        self.literal = literal

    @property
    def value(self) -> Real:
        """The number without its units."""
        return self.parts[VALUE]

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys of the coefficients that are there."""
        return sort_keys(self.parts)

    def _top(self) -> int:
        return max((key[-1][0] for key in self.parts if key), default=-1)

    def _split(self, level: int) -> tuple[Number, dict[int, Number]]:
        """The part free of a level, which is the highest, and the coefficients of its directions."""
        lower: dict[Key, Real] = {}
        upper: dict[int, dict[Key, Real]] = {}
        for key, part in self.parts.items():
            if key and key[-1][0] == level:
                upper.setdefault(key[-1][1], {})[key[:-1]] = part
            else:
                lower[key] = part
        return self._new(lower), {direction: self._new(parts) for direction, parts in upper.items()}

    def _new(self, parts: dict[Key, Real]) -> Number:
        return Number(parts, self.cores)

    def _lift(self, other: Number | Scalar) -> Number:
        return other if isinstance(other, Number) else self._new({VALUE: self.value.constant(other)})

    def _merge(self, level: int, lower: Number, upper: Mapping[int, Number]) -> Number:
        parts = dict(lower.parts)
        for direction, number in upper.items():
            for key, part in number.parts.items():
                parts[(*key, (level, direction))] = part
        return self._new(parts)

    def __neg__(self) -> Number:
        return self._new({key: -part for key, part in self.parts.items()})

    def __pos__(self) -> Number:
        return self

    def __add__(self, other: Number | Scalar) -> Number:
        parts = dict(self.parts)
        for key, part in self._lift(other).parts.items():
            parts[key] = parts[key] + part if key in parts else part
        return self._new(parts)

    __radd__ = __add__

    def __sub__(self, other: Number | Scalar) -> Number:
        parts = dict(self.parts)
        for key, part in self._lift(other).parts.items():
            parts[key] = parts[key] - part if key in parts else -part
        return self._new(parts)

    def __rsub__(self, other: Scalar) -> Number:
        return self._lift(other) - self

    def __mul__(self, other: Number | Scalar) -> Number:
        # A zero tangent times an infinite factor is zero, not NaN. Literals are finite, or meant to give NaN; one that
        # is zero hides an infinite tangent, which costs no instruction.
        other_literal = not isinstance(other, Number) or other.literal
        moving = not self.literal and not other_literal
        parts: dict[Key, Real] = {}
        for (key_a, a), (key_b, b) in product(self.parts.items(), self._lift(other).parts.items()):
            key = join_keys(key_a, key_b)
            if key is not None:
                first = select(b.equals(0.0), 0.0, a) if (key_b and moving) or (key_a and other_literal) else a
                second = select(a.equals(0.0), 0.0, b) if (key_a and moving) or (key_b and self.literal) else b
                parts[key] = fma(first, second, parts[key]) if key in parts else first * second
        return self._new(parts)

    __rmul__ = __mul__

    def __truediv__(self, other: Number | Scalar) -> Number:
        divisor = self._lift(other)
        level = max(self._top(), divisor._top())
        if level < 0:
            return self._new({VALUE: self.value / divisor.value})
        a, da = self._split(level)
        b, db = divisor._split(level)
        quotient = a / b
        upper = {}
        for direction in da.keys() | db.keys():
            change = da.get(direction)
            if direction in db:
                drag = db[direction].scaled(quotient)
                change = -drag if change is None else change - drag
            assert change is not None
            upper[direction] = change._divided(b)
        return self._merge(level, quotient, upper)

    def __rtruediv__(self, other: Scalar) -> Number:
        return self._lift(other) / self

    def scaled(self, slope: Number) -> Number:
        """``slope * self`` for a tangent: zero where the tangent is zero, even for an infinite slope."""
        parts: dict[Key, Real] = {}
        for (key_a, a), (key_b, b) in product(slope.parts.items(), self.parts.items()):
            key = join_keys(key_a, key_b)
            if key is not None:
                factor = select(b.equals(0.0), 0.0, a)
                parts[key] = fma(factor, b, parts[key]) if key in parts else factor * b
        return self._new(parts)

    def _divided(self, divisor: Number) -> Number:
        """``self / divisor`` for a tangent, see :meth:`scaled`."""
        if max(self._top(), divisor._top()) < 0:
            change = self.value
            return self._new({VALUE: select(change.equals(0.0), 0.0, change / divisor.value)})
        return self.scaled(1 / divisor)

    def compose(self, value: Callable[[Number], Number], derivative: Callable[[Number, Number], Number]) -> Number:
        """``value(self)``, where ``value`` serves plain numbers and ``derivative(x, y)`` gives the coefficients."""
        level = self._top()
        if level < 0:
            return value(self)
        lower, upper = self._split(level)
        y = lower.compose(value, derivative)
        slope = derivative(lower, y)
        return self._merge(level, y, {direction: change.scaled(slope) for direction, change in upper.items()})

    def emit_elementary(self, name: str) -> Number:
        """An elementary function of this number."""
        core, function = self.cores[name], FUNCTIONS[name]
        result = self.compose(lambda x: x._new({VALUE: core(x.value)}), function.derivative)
        order = function.unknown_from
        if order is None or not any(len(key) >= order for key in self.parts):
            return result
        plain = self._new({VALUE: self.value})
        slope = function.derivative(plain, plain._new({VALUE: result.value})).value
        return result._without_guesses(self, abs(slope).equals(math.inf), lambda n: n >= order)

    def _without_guesses(self, argument: Number, edge: Bit, is_unknown: Callable[[int], Bit | bool]) -> Number:
        """A function of an argument, NaN for the coefficients that do not follow from those of the argument.

        ``edge`` says where the slope is infinite, ``is_unknown(n)`` whether order n is unknown there; see
        :class:`~numbafunc.numbers.elementary.ElementaryFunction`. Then an argument that moves decides, and of order 2
        one that is like a square: there is a kink, of infinite curvature.
        """
        still, flat = edge, edge
        for key, part in argument.parts.items():
            if len(key) == 1:
                still = still & part.equals(0.0).in_all_lanes()
            elif len(key) == 2:
                flat = flat & part.equals(0.0).in_all_lanes()
        always = is_unknown(1)
        parts = dict(self.parts)
        for key, part in parts.items():
            # What is linear in the variables and does not move is zero to any order.
            curved = any(len(other) > 1 and set(other) <= set(key) for other in argument.parts)
            unknown = is_unknown(len(key)) if curved or len(key) == 1 else False
            if unknown is False:
                continue
            guess = still if unknown is True else still & unknown
            if len(key) == 2 and always is not True:
                guess = guess & (flat if always is False else flat | always)
            parts[key] = select(guess, math.nan, part)
        return self._new(parts)

    def emit_choose(self, below: Number | Scalar, above: Number | Scalar) -> Number:
        """``below`` where this is negative, else ``above``."""
        return choose(self.value < 0, self._lift(below), self._lift(above))

    def emit_with_slope_of(self, other: Number) -> Number:
        """This value with the coefficients of another number."""
        return self._new({**other.parts, VALUE: self.value})

    def locally_constant(self, function: Callable[[Real], Real]) -> Number:
        """``function(self)``, for a function whose derivative is zero wherever it has one."""
        return self._new({VALUE: function(self.value)})

    def __abs__(self) -> Number:
        # At zero of either sign the slope is 1, the one of the branch x >= 0; for NaN it is -1.
        positive = self.value >= 0
        parts = {key: select(positive, part, -part) for key, part in self.parts.items()}
        parts[VALUE] = abs(self.value)
        return self._new(parts)

    def power(self, other: Number | Scalar) -> Number:
        """``self ** other``; small whole exponents that are constant by repeated multiplication."""
        if not isinstance(other, Number):
            if float(other).is_integer() and abs(other) <= 64:
                return self._integer_power(int(other))
            if other == 0.5:
                return self.emit_elementary("sqrt")
            if not 0 < other < 1:
                return self._general_power(self._lift(other))
        exponent = self._lift(other)
        power = self._general_power(exponent)
        return power._root_without_guesses(self, exponent.value) if self.keys != (VALUE,) else power

    def _general_power(self, other: Number) -> Number:
        level = max(self._top(), other._top())
        if level < 0:
            return self._new({VALUE: self.value.power(other.value)})
        base, base_changes = self._split(level)
        exponent, exponent_changes = other._split(level)
        y = base._general_power(exponent)
        upper: dict[int, Number] = {}
        if base_changes:
            # x**0 is 1 at every x, so its slope is 0, also where x**-1 is infinite; unless the exponent moves.
            slope = exponent.scaled(base._general_power(exponent - 1))
            upper = {direction: change.scaled(slope) for direction, change in base_changes.items()}
        if exponent_changes:
            slope = y.scaled(base.emit_elementary("log"))
            for direction, change in exponent_changes.items():
                part = change.scaled(slope)
                upper[direction] = upper[direction] + part if direction in upper else part
        return self._merge(level, y, upper)

    def _root_without_guesses(self, base: Number, exponent: Real) -> Number:
        """A power of a base; unknown from the order p / (1 - p) on, and at p = 1/2 as a square root."""
        edge = base.value.equals(0.0) & (exponent > 0.0) & (exponent < 1.0)
        return self._without_guesses(
            base, edge, lambda n: exponent < 0.5 if n == 1 else exponent * (n + 1.0) <= exponent.constant(n)
        )

    def _integer_power(self, exponent: int) -> Number:
        if exponent < 0:
            return 1 / self._integer_power(-exponent)
        result: Number | None = None
        square = self
        while exponent:
            if exponent & 1:
                result = square if result is None else result * square
            exponent >>= 1
            if exponent:
                square = square * square
        return self._lift(1) if result is None else result


def choose(condition: Bit, true: Number, false: Number) -> Number:
    """``true`` where the condition holds, else ``false``; the coefficients of the other have no effect."""
    zero = true.value.constant(0.0)
    keys = sort_keys([*true.parts, *false.parts])
    return true._new({key: select(condition, true.parts.get(key, zero), false.parts.get(key, zero)) for key in keys})


def maximum(a: Number, b: Number) -> Number:
    """The larger of both, the first at a tie; NaN when either is NaN."""
    return choose((a.value >= b.value) | a.value.is_nan(), a, b)


def minimum(a: Number, b: Number) -> Number:
    """The smaller of both, the first at a tie; NaN when either is NaN."""
    return choose((a.value <= b.value) | a.value.is_nan(), a, b)


def multiply_add(a: Number, b: Number, c: Number) -> Number:
    """``a * b + c``, its value rounded once."""
    parts = (a * b + c).parts
    parts[VALUE] = fma(a.value, b.value, c.value)
    return a._new(parts)


def still_below(a: Number, bound: Number) -> Number:
    """``a``, whose coefficients are zero where its value is below the bound."""
    below = a.value < bound.value
    return a._new({key: select(below, 0.0, part) if key else part for key, part in a.parts.items()})


def _is_top(x: Number, top: Number) -> Bit:
    # NaN equals nothing. A loop over x compares with a number that it knows before.
    return x.value.equals(select(top.value.equals(-math.inf), math.nan, top.value))


def at_top(x: Number, top: Number) -> Number:
    """1 where ``x`` is the largest element of a row, which is not -inf; elsewhere -0, which a sum leaves as it is."""
    return x.locally_constant(lambda value: select(_is_top(x, top), value.constant(1.0), -0.0))


def below_top(x: Number, top: Number) -> Number:
    """``x - top`` for a constant ``top``, the largest element of a row; ``x`` where ``top`` is -inf.

    At the top itself it is 0 where ``x`` moves, infinite or not. Where nothing moves no instruction is spent on that.
    """
    value = x.value - select(top.value.equals(-math.inf), 0.0, top.value)
    if set(x.parts) != {VALUE}:
        value = select(_is_top(x, top), 0.0, value)
    return x._new({**x.parts, VALUE: value})


def from_top(x: Number, top: Number) -> Number:
    """:func:`below_top`, and 0 at the top in any case."""
    below = below_top(x, top)
    return x._new({**x.parts, VALUE: select(_is_top(x, top), 0.0, below.value)})


def _exp_from_top(x: Number, top: Number, of_top: bool) -> Number:
    parts = below_top(x, top).emit_elementary("exp_nonpositive").parts
    if of_top:
        parts = {**parts, VALUE: x.value.constant(1.0)}
    is_top, zero = _is_top(x, top), x.value.constant(0.0)
    # Zeros that a sum leaves as it is.
    pairs = {key: (part, zero if key else -zero) for key, part in parts.items()}
    return x._new({key: select(is_top, *(pair if of_top else pair[::-1])) for key, pair in pairs.items()})


def exp_at_top(x: Number, top: Number) -> Number:
    """1 with the coefficients of ``exp(x - top)`` where ``x`` is the largest element of a row; elsewhere -0."""
    return _exp_from_top(x, top, True)


def exp_below_top(x: Number, top: Number) -> Number:
    """``exp(x - top)`` where ``x`` is not the largest element of a row; there -0."""
    return _exp_from_top(x, top, False)


def coarse(x: Number) -> Number:
    """``x`` without coefficients, rounded to a multiple of 2**-16 in float32 and 2**-32 in float64.

    So a sum of such numbers is exact as long as it is below 2**8, or 2**21.
    """

    def rounded(value: Real) -> Real:
        magic = 1.5 * 2.0 ** (value.format.mantissa - (16 if value.format.width == 32 else 32))
        return (value + magic) - magic

    return x.locally_constant(rounded)
