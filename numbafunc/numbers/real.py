"""Machine values while code is being emitted: Python operators on them append LLVM instructions.

:class:`Real` is a floating-point value, :class:`Word` the integer of the same width, :class:`Bit` a truth value. A
function of them runs once, while a kernel is compiled, and emits straight-line code without branches, which LLVM turns
into vector instructions when the surrounding loop allows. Python numbers in an expression take the precision of the
value they meet, so one source serves float32 and float64.

A real may also be a vector of several values, its lanes, which arithmetic, comparisons and choices take side by side:
so tangents along several directions are carried. What meets a vector is repeated for each lane.
"""

from __future__ import annotations

import functools
import struct
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core.cgutils import get_or_insert_function

Number = int | float


class Format(NamedTuple):
    """A binary interchange format of IEEE 754."""

    name: str
    width: int
    mantissa: int  # stored bits
    bias: int
    real: Any
    word: Any


FLOAT32 = Format("float32", 32, 23, 127, ir.FloatType(), ir.IntType(32))
FLOAT64 = Format("float64", 64, 52, 1023, ir.DoubleType(), ir.IntType(64))
_FORMATS = {str(f.real): f for f in (FLOAT32, FLOAT64)}

# A builder for a machine other than the processor has ``substitutes``: for each intrinsic function of LLVM or function
# of the C library that the machine lacks, by name, a function of the builder and values that computes it.
_NONE: dict[str, Any] = {}


def lanes_of(value: Any) -> int:
    """The lanes of an LLVM value: 1 unless it is a vector."""
    return value.type.count if isinstance(value.type, ir.VectorType) else 1


def repeated(builder: Any, value: Any, lanes: int) -> Any:
    """An LLVM value as a vector of some lanes; as it is for one lane, or if it is a vector."""
    if lanes == 1 or isinstance(value.type, ir.VectorType):
        return value
    whole = ir.VectorType(value.type, lanes)
    if isinstance(value, ir.Constant):
        return ir.Constant(whole, [value] * lanes)
    first = builder.insert_element(ir.Constant(whole, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(first, ir.Constant(whole, ir.Undefined), mask)


class Bit:
    """A truth value, or one for each lane."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    def _with(self, other: Bit) -> tuple[Any, Any]:
        """The LLVM values of this and another one, both with the lanes of either."""
        a, b = self.value, other.value
        if lanes_of(a) == lanes_of(b):
            return a, b
        lanes = max(lanes_of(a), lanes_of(b))
        return repeated(self.builder, a, lanes), repeated(self.builder, b, lanes)

    def __and__(self, other: Bit) -> Bit:
        return Bit(self.builder, self.builder.and_(*self._with(other)))

    def __or__(self, other: Bit) -> Bit:
        return Bit(self.builder, self.builder.or_(*self._with(other)))

    def __invert__(self) -> Bit:
        return Bit(self.builder, self.builder.not_(self.value))

    def in_all_lanes(self) -> Bit:
        """Whether it holds for each lane."""
        lanes = lanes_of(self.value)
        if lanes == 1:
            return self
        builder = self.builder
        every = [builder.extract_element(self.value, ir.Constant(ir.IntType(32), lane)) for lane in range(lanes)]
        return Bit(builder, functools.reduce(builder.and_, every))

    def to_word(self, like: Word) -> Word:
        """1 or 0, as wide as another word."""
        return like._new(self.builder.zext(self.value, like.format.word))


class Word:
    """A signed integer as wide as the floating-point format it belongs to; it wraps around."""

    __slots__ = ("builder", "format", "value")

    def __init__(self, builder: Any, value: Any, format: Format) -> None:
        self.builder = builder
        self.value = value
        self.format = format

    def _other(self, other: Word | int) -> Any:
        return other.value if isinstance(other, Word) else ir.Constant(self.format.word, other)

    def _new(self, value: Any) -> Word:
        return Word(self.builder, value, self.format)

    def __add__(self, other: Word | int) -> Word:
        return self._new(self.builder.add(self.value, self._other(other)))

    def __sub__(self, other: Word | int) -> Word:
        return self._new(self.builder.sub(self.value, self._other(other)))

    def __and__(self, other: Word | int) -> Word:
        return self._new(self.builder.and_(self.value, self._other(other)))

    def __or__(self, other: Word | int) -> Word:
        return self._new(self.builder.or_(self.value, self._other(other)))

    def __xor__(self, other: Word | int) -> Word:
        return self._new(self.builder.xor(self.value, self._other(other)))

    def __lshift__(self, count: int) -> Word:
        return self._new(self.builder.shl(self.value, self._other(count)))

    def __rshift__(self, count: int) -> Word:
        """Arithmetic shift: the sign bit is repeated."""
        return self._new(self.builder.ashr(self.value, self._other(count)))

    def shift_right_logical(self, count: int) -> Word:
        """Logical shift: zeros come in."""
        return self._new(self.builder.lshr(self.value, self._other(count)))

    def __lt__(self, other: Word | int) -> Bit:
        return Bit(self.builder, self.builder.icmp_signed("<", self.value, self._other(other)))

    def __gt__(self, other: Word | int) -> Bit:
        return Bit(self.builder, self.builder.icmp_signed(">", self.value, self._other(other)))

    def equals(self, other: Word | int) -> Bit:
        """Whether both have the same bits."""
        return Bit(self.builder, self.builder.icmp_signed("==", self.value, self._other(other)))

    def reinterpret(self) -> Real:
        """The floating-point value with these bits."""
        return Real(self.builder, self.builder.bitcast(self.value, self.format.real))

    def to_real(self) -> Real:
        """The floating-point value nearest to this integer."""
        return Real(self.builder, self.builder.sitofp(self.value, self.format.real))


class Real:
    """A floating-point value."""

    __slots__ = ("builder", "format", "value")

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value
        self.format = _FORMATS[str(getattr(value.type, "element", value.type))]

    def constant(self, number: Number) -> Real:
        """A constant in the format of this value."""
        if self.format is FLOAT32:
            number = struct.unpack("f", struct.pack("f", _clip_float32(float(number))))[0]
        return Real(self.builder, ir.Constant(self.format.real, float(number)))

    def word(self, number: int) -> Word:
        """An integer constant as wide as this value."""
        return Word(self.builder, ir.Constant(self.format.word, number), self.format)

    def _other(self, other: Real | Number) -> Any:
        return other.value if isinstance(other, Real) else self.constant(other).value

    def _new(self, value: Any) -> Real:
        return Real(self.builder, value)

    def _with(self, other: Real | Number) -> tuple[Any, Any]:
        """The LLVM values of this and another one, both with the lanes of either."""
        a, b = self.value, self._other(other)
        if a.type == b.type:
            return a, b
        lanes = max(lanes_of(a), lanes_of(b))
        return repeated(self.builder, a, lanes), repeated(self.builder, b, lanes)

    def __add__(self, other: Real | Number) -> Real:
        return self._new(self.builder.fadd(*self._with(other)))

    def __radd__(self, other: Number) -> Real:
        return self._new(self.builder.fadd(*self._with(other)[::-1]))

    def __sub__(self, other: Real | Number) -> Real:
        return self._new(self.builder.fsub(*self._with(other)))

    def __rsub__(self, other: Number) -> Real:
        return self._new(self.builder.fsub(*self._with(other)[::-1]))

    def __mul__(self, other: Real | Number) -> Real:
        return self._new(self.builder.fmul(*self._with(other)))

    __rmul__ = __mul__

    def __truediv__(self, other: Real | Number) -> Real:
        return self._new(self.builder.fdiv(*self._with(other)))

    def __rtruediv__(self, other: Number) -> Real:
        return self._new(self.builder.fdiv(*self._with(other)[::-1]))

    def __neg__(self) -> Real:
        return self._new(self.builder.fneg(self.value))

    def __abs__(self) -> Real:
        return self._intrinsic("llvm.fabs")

    def _compare(self, operator: str, other: Real | Number) -> Bit:
        a, b = self._with(other)
        if operator == "!=":  # the one comparison that holds for NaN
            return Bit(self.builder, self.builder.fcmp_unordered(operator, a, b))
        return Bit(self.builder, self.builder.fcmp_ordered(operator, a, b))

    def __lt__(self, other: Real | Number) -> Bit:
        return self._compare("<", other)

    def __le__(self, other: Real | Number) -> Bit:
        return self._compare("<=", other)

    def __gt__(self, other: Real | Number) -> Bit:
        return self._compare(">", other)

    def __ge__(self, other: Real | Number) -> Bit:
        return self._compare(">=", other)

    def equals(self, other: Real | Number) -> Bit:
        """Whether both are equal: false for NaN, true for zeros of either sign."""
        return self._compare("==", other)

    def differs(self, other: Real | Number) -> Bit:
        """Whether both are unequal: true for NaN."""
        return self._compare("!=", other)

    def is_nan(self) -> Bit:
        """Whether this is not a number."""
        return Bit(self.builder, self.builder.fcmp_unordered("uno", self.value, self.value))

    def bits(self) -> Word:
        """The integer with the same bits."""
        return Word(self.builder, self.builder.bitcast(self.value, self.format.word), self.format)

    def _intrinsic(self, name: str, *others: Real | Number, flags: tuple[str, ...] = ()) -> Real:
        arguments = [self.value, *(self._other(other) for other in others)]
        substitute = getattr(self.builder, "substitutes", _NONE).get(name)
        if substitute is not None:
            return self._new(substitute(self.builder, *arguments))
        real = self.format.real
        lanes = max(map(lanes_of, arguments))
        if lanes > 1:
            whole = ir.VectorType(real, lanes)
            arguments = [repeated(self.builder, argument, lanes) for argument in arguments]
            kind = ir.FunctionType(whole, [whole] * len(arguments))
            name = f"{name}.v{lanes}f{self.format.width}"
            function = get_or_insert_function(self.builder.module, kind, name)
            return self._new(self.builder.call(function, arguments, fastmath=flags))
        function = self.builder.module.declare_intrinsic(name, [real], ir.FunctionType(real, [real] * len(arguments)))
        return self._new(self.builder.call(function, arguments, fastmath=flags))

    def call(self, symbol: str, *others: Real) -> Real:
        """An external C function of this value, and of others, such as ``sinf``."""
        arguments = [self.value, *(other.value for other in others)]
        substitute = getattr(self.builder, "substitutes", _NONE).get(symbol)
        if substitute is not None:
            return self._new(substitute(self.builder, *arguments))
        real = self.format.real
        type_ = ir.FunctionType(real, [real] * len(arguments))
        function = get_or_insert_function(self.builder.module, type_, symbol)
        return self._new(self.builder.call(function, arguments))

    def power(self, other: Real) -> Real:
        """``self ** other`` by the C library."""
        return self._intrinsic("llvm.pow", other)

    def sqrt(self) -> Real:
        """Correctly rounded square root."""
        return self._intrinsic("llvm.sqrt")

    def rint(self) -> Real:
        """The nearest integer, ties to even."""
        return self._intrinsic("llvm.rint")

    def floor(self) -> Real:
        """The largest integer that is not larger."""
        return self._intrinsic("llvm.floor")

    def copysign(self, sign: Real | Number) -> Real:
        """This magnitude with the sign of another value."""
        return self._intrinsic("llvm.copysign", sign)

    def maximum(self, other: Real | Number) -> Real:
        """The larger of both, NaN when either is NaN; of zeros of both signs any, which halves the instructions."""
        return self._intrinsic("llvm.maximum", other, flags=("nsz",))

    def minimum(self, other: Real | Number) -> Real:
        """The smaller of both, NaN when either is NaN."""
        return self._intrinsic("llvm.minimum", other)


def _clip_float32(number: float) -> float:
    # struct refuses what rounds beyond the largest float32.
    largest = 3.4028234663852886e38
    if number != number or abs(number) == float("inf") or abs(number) <= largest:
        return number
    return float("inf") if number > 0 else -float("inf")


def fma(a: Real, b: Real | Number, c: Real | Number) -> Real:
    """``a * b + c`` rounded once."""
    return a._intrinsic("llvm.fma", b, c)


def select(condition: Bit, true: Real | Number, false: Real | Number) -> Real:
    """``true`` where the condition holds, ``false`` elsewhere; the other one has no effect, NaN included."""
    if not isinstance(true, Real):
        if not isinstance(false, Real):
            raise TypeError("select needs at least one emitted value")
        true = false.constant(true)
    elif not isinstance(false, Real):
        false = true.constant(false)
    builder = condition.builder
    lanes = max(lanes_of(condition.value), lanes_of(true.value), lanes_of(false.value))
    a, b = repeated(builder, true.value, lanes), repeated(builder, false.value, lanes)
    return Real(builder, builder.select(condition.value, a, b))


def polynomial(x: Real, *coefficients: Number) -> Real:
    """``coefficients[0] + coefficients[1] * x + ...`` by Horner's rule with fused steps."""
    result = x.constant(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = fma(result, x, coefficient)
    return result
