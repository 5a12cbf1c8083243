"""A builder that carries out LLVM instructions in place of emitting them, for Numba's simulator.

:mod:`numbafunc.numbers.real` and all that is built on it append instructions to a builder. :data:`BUILDER` takes the
same calls and computes: a value is a number together with its LLVM type. Floats are Python's, rounded to their format
after each instruction, which for float32 gives what the instruction gives, since float64 has more than twice the
digits.
"""

from __future__ import annotations

import ctypes
import math
import operator
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from numbafunc.numbers.real import Real

FLOAT, DOUBLE, BIT = ir.FloatType(), ir.DoubleType(), ir.IntType(1)
_FORMATS = {"float": "f", "double": "d", "half": "e", "i16": "H", "i32": "I", "i64": "Q"}


class Value:
    """A number and its LLVM type; integers are kept without sign."""

    __slots__ = ("data", "type")

    def __init__(self, type_: Any, data: Any) -> None:
        self.type = type_
        self.data = data


def _number(value: Any) -> Any:
    """The Python number of a value, or of a constant of LLVM."""
    if type(value) is Value:
        return value.data
    constant = value.constant
    return constant % (1 << value.type.width) if isinstance(value.type, ir.IntType) else float(constant)


def _signed(value: Any) -> int:
    number, width = _number(value), value.type.width
    return int(number - (1 << width) if number >> (width - 1) else number)


def real(type_: Any, number: float) -> Value:
    """A float, rounded to a format."""
    return Value(type_, ctypes.c_float(number).value if type_ == FLOAT else number)


def _integer(type_: Any, number: int) -> Value:
    return Value(type_, number % (1 << type_.width))


def _real_operation(function: Callable[[float, float], float]) -> Callable[..., Value]:
    return lambda self, a, b: real(a.type, function(_number(a), _number(b)))


def _integer_operation(function: Callable[[int, int], int]) -> Callable[..., Value]:
    return lambda self, a, b: _integer(a.type, function(_number(a), _number(b)))


def _divided(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


_COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class Interpreter:
    """Carries out instructions; the methods are those of ``llvmlite.ir.IRBuilder``."""

    fadd = _real_operation(operator.add)
    fsub = _real_operation(operator.sub)
    fmul = _real_operation(operator.mul)
    fdiv = _real_operation(_divided)
    add = _integer_operation(operator.add)
    sub = _integer_operation(operator.sub)
    and_ = _integer_operation(operator.and_)
    or_ = _integer_operation(operator.or_)
    xor = _integer_operation(operator.xor)
    shl = _integer_operation(operator.lshift)
    lshr = _integer_operation(operator.rshift)

    @property
    def substitutes(self) -> dict[str, Callable[..., Value]]:
        """Functions of LLVM and of the C library by name."""
        return _SUBSTITUTES

    def ashr(self, a: Any, b: Any) -> Value:
        return _integer(a.type, _signed(a) >> _number(b))

    def fneg(self, a: Any) -> Value:
        return Value(a.type, -_number(a))

    def not_(self, a: Any) -> Value:
        return _integer(a.type, ~_number(a))

    def fcmp_ordered(self, comparison: str, a: Any, b: Any) -> Value:
        x, y = _number(a), _number(b)
        return Value(BIT, int(x == x and y == y and (comparison == "ord" or _COMPARISONS[comparison](x, y))))

    def fcmp_unordered(self, comparison: str, a: Any, b: Any) -> Value:
        x, y = _number(a), _number(b)
        return Value(BIT, int(x != x or y != y or (comparison != "uno" and _COMPARISONS[comparison](x, y))))

    def icmp_signed(self, comparison: str, a: Any, b: Any) -> Value:
        return Value(BIT, int(_COMPARISONS[comparison](_signed(a), _signed(b))))

    def icmp_unsigned(self, comparison: str, a: Any, b: Any) -> Value:
        return Value(BIT, int(_COMPARISONS[comparison](_number(a), _number(b))))

    def select(self, condition: Any, a: Any, b: Any) -> Value:
        return Value(a.type, _number(a if _number(condition) else b))

    def zext(self, a: Any, type_: Any) -> Value:
        return Value(type_, _number(a))

    def sext(self, a: Any, type_: Any) -> Value:
        return _integer(type_, _signed(a))

    def trunc(self, a: Any, type_: Any) -> Value:
        return _integer(type_, _number(a))

    def sitofp(self, a: Any, type_: Any) -> Value:
        # Python rounds an integer to the nearest double; a second rounding could go the wrong way.
        return Value(type_, float(np.float32(_signed(a)) if type_ == FLOAT else _signed(a)))

    def bitcast(self, a: Any, type_: Any) -> Value:
        stored = struct.pack(_FORMATS[str(a.type)], _number(a))
        return Value(type_, struct.unpack(_FORMATS[str(type_)], stored)[0])

    def fpext(self, a: Any, type_: Any) -> Value:
        return Value(type_, _number(a))

    def fptrunc(self, a: Any, type_: Any) -> Value:
        if type_ == FLOAT:
            return real(type_, _number(a))
        with np.errstate(over="ignore"):
            return Value(type_, float(np.float16(_number(a))))


def _fma(a: float, b: float, c: float) -> float:
    """``a * b + c`` rounded once."""
    product = a * b
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)) or a == 0 or b == 0:
        return product + c
    (p, q), (r, s), (t, u) = (x.as_integer_ratio() for x in (a, b, c))
    above, below = p * r * u + t * q * s, q * s * u
    if above == 0:
        return product + c if product != 0 else math.copysign(0.0, product) + c
    try:
        return above / below  # rounded correctly, whatever the size of the integers
    except OverflowError:
        return math.inf if above > 0 else -math.inf


def _fma_single(a: float, b: float, c: float) -> float:
    """The same for float32: a double that rounds to the right one."""
    product = a * b  # exact
    total = product + c
    if not math.isfinite(total):
        return total
    rest = total - product
    error = (product - (total - rest)) + (c - rest)
    if error == 0:
        return total
    # Rounded to odd, which lets a second rounding go the right way.
    bits = struct.unpack("q", struct.pack("d", total))[0]
    if not bits & 1:
        total = math.nextafter(total, math.inf if error > 0 else -math.inf)
    return total


def _rint(x: float) -> float:
    return math.copysign(float(round(x)), x) if math.isfinite(x) else x


def _floor(x: float) -> float:
    return math.copysign(float(math.floor(x)), x) if math.isfinite(x) else x


def _extremum(function: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    def choose(a: float, b: float) -> float:
        if a != a or b != b:
            return math.nan
        if a == b == 0:
            a, b = math.copysign(1.0, a), math.copysign(1.0, b)
            return math.copysign(0.0, a if function(a, b) else b)
        return a if function(a, b) else b

    return choose


def _power(a: float, b: float) -> float:
    with np.errstate(all="ignore"):
        return float(np.power(np.float64(a), np.float64(b)))


def _root(x: float) -> float:
    return math.sqrt(x) if x >= 0 else x if x != x else math.nan


def _circular(function: Callable[[float], float]) -> Callable[[float], float]:
    def evaluate(x: float) -> float:
        try:
            return function(x)
        except ValueError:  # where the C library gives NaN
            return math.nan

    return evaluate


def _rounded(function: Callable[..., float]) -> Callable[..., Value]:
    return lambda builder, *values: real(values[0].type, function(*map(_number, values)))


_SUBSTITUTES: dict[str, Callable[..., Value]] = {
    "llvm.fabs": _rounded(abs),
    "llvm.copysign": _rounded(math.copysign),
    "llvm.floor": _rounded(_floor),
    "llvm.rint": _rounded(_rint),
    "llvm.sqrt": _rounded(_root),
    "llvm.pow": _rounded(_power),
    "llvm.maximum": _rounded(_extremum(operator.gt)),
    "llvm.minimum": _rounded(_extremum(operator.lt)),
    "llvm.fma": lambda builder, a, b, c: real(
        a.type, (_fma_single if a.type == FLOAT else _fma)(_number(a), _number(b), _number(c))
    ),
}
for _name in ("sin", "cos", "tan", "asin", "acos", "atan"):
    _SUBSTITUTES[_name] = _SUBSTITUTES[f"{_name}f"] = _rounded(_circular(getattr(math, _name)))

BUILDER = Interpreter()


def lift(number: float, type_: Any) -> Real:
    """A number of Python as a value in a format."""
    return Real(BUILDER, real(type_, float(number)))
