"""The Numba type of :class:`~numbafunc.autodiff.number.Number`: how definitions of ops are typed and emitted.

A value of this type is a struct of the number's coefficients, in the order of its keys. Operators and elementary
functions emit their code directly (no Numba function is compiled for them), which keeps the compilation of a kernel
short.

Literals and plain Numba numbers are weak: they take the precision of the :class:`NumberType` they meet.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numba.core import types
from numba.core.typeconv import Conversion
from numba.extending import lower_builtin, lower_cast, models, register_model, type_callable

from numbafunc import elementary
from numbafunc.autodiff import number as algebra
from numbafunc.autodiff.number import VALUE, Key, Number, closed_keys, product_keys, sort_keys
from numbafunc.cpu.elementary import CORES
from numbafunc.cpu.real import Bit, Real

_PLAIN: tuple[Key, ...] = (VALUE,)


class NumberType(types.Type):
    """Type of a number with given precision (a Numba float type) and keys of coefficients."""

    def __init__(self, dtype: Any, keys: tuple[Key, ...]) -> None:
        self.dtype = dtype
        self.keys = keys
        super().__init__(f"Number({dtype}, {keys})")

    def unify(self, typingctx: Any, other: Any) -> Any:
        """Type that holds both: what the branches of a definition agree on."""
        if isinstance(other, NumberType):
            return _wider(self, other, sort_keys([*self.keys, *other.keys]))
        if isinstance(other, (types.Number, types.Boolean)):
            return self
        return None

    def can_convert_from(self, typingctx: Any, other: Any) -> Any:
        """A plain number becomes a constant."""
        if isinstance(other, (types.Number, types.Boolean)):
            return Conversion.promote
        return None

    def can_convert_to(self, typingctx: Any, other: Any) -> Any:
        """More precision or more coefficients: never fewer."""
        if isinstance(other, NumberType) and set(self.keys) <= set(other.keys):
            return Conversion.promote if self.dtype.bitwidth <= other.dtype.bitwidth else None
        return None


def _wider(a: NumberType, b: NumberType, keys: tuple[Key, ...]) -> NumberType:
    return NumberType(a.dtype if a.dtype.bitwidth >= b.dtype.bitwidth else b.dtype, keys)


@register_model(NumberType)
class _NumberModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: NumberType) -> None:
        members = [(f"part{index}", fe_type.dtype) for index in range(len(fe_type.keys))]
        super().__init__(manager, fe_type, members)


def unpack(context: Any, builder: Any, source: Any, value: Any, dtype: Any) -> Number:
    """The emitted number of a Numba value: a :class:`NumberType` or a plain number, in a given precision."""
    if not isinstance(source, NumberType):
        literal = hasattr(value, "constant")  # a number that Numba has folded into the code
        return Number({VALUE: Real(builder, context.cast(builder, value, source, dtype))}, CORES, literal=literal)
    parts = {}
    for index, key in enumerate(source.keys):
        part = builder.extract_value(value, index)
        parts[key] = Real(builder, context.cast(builder, part, source.dtype, dtype))
    return Number(parts, CORES)


def pack(context: Any, builder: Any, target: NumberType, number: Number) -> Any:
    """The Numba value of an emitted number; coefficients that it lacks are zero."""
    struct = context.get_constant_undef(target)
    zero = number.value.constant(0.0)
    for index, key in enumerate(target.keys):
        struct = builder.insert_value(struct, number.parts.get(key, zero).value, index)
    return struct


def _is_operand(type_: Any) -> bool:
    return isinstance(type_, (NumberType, types.Number, types.Boolean))


def _keys(type_: Any) -> tuple[Key, ...]:
    return type_.keys if isinstance(type_, NumberType) else _PLAIN


def _dtype(*operands: Any) -> Any:
    return max((o.dtype for o in operands if isinstance(o, NumberType)), key=lambda dtype: dtype.bitwidth)


def _result(keys: Callable[..., tuple[Key, ...]]) -> Callable[..., Any]:
    """A typer for operands of which at least one is a number of ours."""

    def typer(*operands: Any) -> Any:
        if any(isinstance(o, NumberType) for o in operands) and all(map(_is_operand, operands)):
            return NumberType(_dtype(*operands), keys(*map(_keys, operands)))
        return None

    return typer


def _union(*keys: tuple[Key, ...]) -> tuple[Key, ...]:
    return sort_keys([key for some in keys for key in some])


def _closed(*keys: tuple[Key, ...]) -> tuple[Key, ...]:
    return closed_keys(_union(*keys))


_UNARY, _BINARY, _TERNARY = 1, 2, 3
_PATTERNS: dict[int, list[tuple[Any, ...]]] = {
    _UNARY: [(NumberType,)],
    _BINARY: [
        (NumberType, NumberType),
        *((NumberType, plain) for plain in (types.Number, types.Boolean)),
        *((plain, NumberType) for plain in (types.Number, types.Boolean)),
    ],
    _TERNARY: [pattern for pattern in product((NumberType, types.Number), repeat=3) if NumberType in pattern],
}


def _fixed_arity(typer: Callable[..., Any], arity: int) -> Callable[[Any], Any]:
    # Numba reads the number of parameters off the typer.
    if arity == _UNARY:
        return lambda context: lambda a: typer(a)
    if arity == _BINARY:
        return lambda context: lambda a, b: typer(a, b)
    return lambda context: lambda a, b, c: typer(a, b, c)


def _register(function: Any, arity: int, keys: Callable[..., Any], emit: Callable[..., Number]) -> None:
    """Make a function of numbers known to Numba: ``emit`` gets emitted numbers and returns one."""
    type_callable(function)(_fixed_arity(_result(keys), arity))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        operands = [unpack(context, builder, t, v, sig.return_type.dtype) for t, v in zip(sig.args, args)]
        return pack(context, builder, sig.return_type, emit(*operands))

    for pattern in _PATTERNS[arity]:
        lower_builtin(function, *pattern)(lower)


def _register_query(function: Any, arity: int, emit: Callable[..., Bit]) -> None:
    """A question about values: the coefficients have no say and the answer is a truth value."""

    def typer(*operands: Any) -> Any:
        some = any(isinstance(o, NumberType) for o in operands)
        return types.boolean if some and all(map(_is_operand, operands)) else None

    type_callable(function)(_fixed_arity(typer, arity))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        dtype = _dtype(*sig.args)
        return emit(*(unpack(context, builder, t, v, dtype).value for t, v in zip(sig.args, args))).value

    for pattern in _PATTERNS[arity]:
        lower_builtin(function, *pattern)(lower)


def _install() -> None:
    function: Any
    emit: Any
    keys: Any
    compare: Any
    ask: Any
    for function, emit, keys in (
        (operator.add, lambda a, b: a + b, _union),
        (operator.sub, lambda a, b: a - b, _union),
        (operator.mul, lambda a, b: a * b, product_keys),
        (operator.truediv, lambda a, b: a / b, _closed),
        (elementary.maximum, algebra.maximum, _union),
        (elementary.minimum, algebra.minimum, _union),
        (builtins.max, algebra.maximum, _union),
        (builtins.min, algebra.minimum, _union),
    ):
        _register(function, _BINARY, keys, emit)
    for function in (operator.iadd, operator.isub, operator.imul, operator.itruediv):
        plain = {"iadd": "add", "isub": "sub", "imul": "mul", "itruediv": "truediv"}[function.__name__]
        emit = getattr(operator, plain)
        keys = {"add": _union, "sub": _union, "mul": product_keys, "truediv": _closed}[plain]
        _register(function, _BINARY, keys, emit)
    _register(elementary.multiply_add, _TERNARY, lambda a, b, c: _union(product_keys(a, b), c), algebra.multiply_add)
    _register(operator.neg, _UNARY, _union, operator.neg)
    _register(operator.pos, _UNARY, _union, operator.pos)
    for function in (builtins.abs, math.fabs, np.abs, np.fabs):
        _register(function, _UNARY, _union, operator.abs)
    for name, entry in elementary.FUNCTIONS.items():
        if name in CORES:
            for function in {entry, getattr(math, name, entry), getattr(np, name, entry)}:
                _register(function, _UNARY, _closed, lambda x, name=name: x.emit_elementary(name))
    for name in ("floor", "rint"):
        _register(
            getattr(np, name),
            _UNARY,
            lambda keys: _PLAIN,
            lambda x, n=name: x.locally_constant(getattr(type(x.value), n)),
        )
    _register(math.floor, _UNARY, lambda keys: _PLAIN, lambda x: x.locally_constant(Real.floor))
    for function, compare in (
        (operator.lt, lambda a, b: a < b),
        (operator.le, lambda a, b: a <= b),
        (operator.gt, lambda a, b: a > b),
        (operator.ge, lambda a, b: a >= b),
        (operator.eq, Real.equals),
        (operator.ne, Real.differs),
    ):
        _register_query(function, _BINARY, compare)
    for function, ask in (
        (math.isnan, Real.is_nan),
        (np.isnan, Real.is_nan),
        (math.isinf, _is_infinite),
        (np.isinf, _is_infinite),
        (math.isfinite, _is_finite),
        (np.isfinite, _is_finite),
    ):
        _register_query(function, _UNARY, ask)

    _register(elementary.with_slope_of, _BINARY, _union, algebra.with_slope_of)
    _register(elementary.still_below, _BINARY, lambda a, bound: a, algebra.still_below)
    _register(elementary.like, _BINARY, _union, lambda value, x: value)
    type_callable(elementary.like)(lambda context: _type_like)
    lower_builtin(elementary.like, types.Integer, types.Integer)(_lower_like)
    _register(elementary.constant, _UNARY, lambda keys: _PLAIN, lambda x: x.locally_constant(lambda value: value))
    type_callable(elementary.constant)(lambda context: lambda x: x if isinstance(x, types.Number) else None)
    lower_builtin(elementary.constant, types.Number)(lambda context, builder, sig, args: args[0])


def _type_like(value: Any, x: Any) -> Any:
    return x if isinstance(x, types.Integer) and isinstance(value, types.Integer) else None


def _lower_like(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return context.cast(builder, args[0], sig.args[0], sig.return_type)


def _is_infinite(x: Real) -> Bit:
    return abs(x).equals(math.inf)


def _is_finite(x: Real) -> Bit:
    return abs(x) < math.inf


def _plain_power_keys(base: Any, exponent: Any) -> Any:
    return NumberType(_dtype(base, exponent), _closed(_keys(base), _keys(exponent)))


@type_callable(operator.pow)
def _type_power(context: Any) -> Any:
    def typer(base: Any, exponent: Any) -> Any:
        if any(isinstance(o, NumberType) for o in (base, exponent)) and all(map(_is_operand, (base, exponent))):
            return _plain_power_keys(base, exponent)
        return None

    return typer


def _lower_power(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    base, exponent = (unpack(context, builder, t, v, sig.return_type.dtype) for t, v in zip(sig.args, args))
    literal = getattr(sig.args[1], "literal_value", None)
    if literal is None:
        constant = getattr(args[1], "constant", None)  # a number that Numba has folded into the code
        literal = constant if isinstance(constant, (int, float)) else None
    return pack(context, builder, sig.return_type, base.power(exponent if literal is None else literal))


for _pattern in _PATTERNS[_BINARY]:
    lower_builtin(operator.pow, *_pattern)(_lower_power)


@lower_cast(NumberType, NumberType)
@lower_cast(types.Number, NumberType)
@lower_cast(types.Boolean, NumberType)
def _cast(context: Any, builder: Any, source: Any, target: NumberType, value: Any) -> Any:
    return pack(context, builder, target, unpack(context, builder, source, value, target.dtype))


_install()
