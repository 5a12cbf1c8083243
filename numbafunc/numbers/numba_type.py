"""The Numba type of :class:`~numbafunc.numbers.number.Number`: how definitions of ops are typed and emitted.

A value of this type is a struct of the number's coefficients, in the order of its keys. Operators and elementary
functions emit their code directly (no Numba function is compiled for them), which keeps the compilation of a kernel
short.

Literals and plain Numba numbers are weak: they take the precision of the :class:`NumberType` they meet.

Numba's compiler for CUDA has registries of its own, so the type is installed by an :class:`Installation`: here for
processors, in a back end for devices once more.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import extending
from numba.core import types
from numba.core.typeconv import Conversion

from numbafunc.numbers import elementary
from numbafunc.numbers.cores import CORES
from numbafunc.numbers.keys import VALUE, Key, sort_keys
from numbafunc.numbers.number import Cores, Number, choose
from numbafunc.numbers.operations import OPERATIONS, PLAIN, QUERIES, Operation, Query, closed, union
from numbafunc.numbers.real import Bit, Real, repeated

LANES = (0, 0)
"""The unit whose coefficients are vectors, where numbers have several lanes."""


class Algebra(NamedTuple):
    """The keys of numbers; with several lanes the unit :data:`LANES` stands for as many directions."""

    keys: tuple[Key, ...]
    lanes: int = 1


class Lanes(types.Type):
    """Type of the coefficients of several directions: a vector in registers, an array in memory."""

    def __init__(self, dtype: Any, count: int) -> None:
        self.dtype = dtype
        self.count = count
        super().__init__(f"Lanes({dtype}, {count})")


class NumberType(types.Type):
    """Type of a number with given precision (a Numba float type), keys of coefficients, and lanes of some of these."""

    def __init__(self, dtype: Any, keys: tuple[Key, ...], lanes: int = 1) -> None:
        self.dtype = dtype
        self.keys = keys
        self.lanes = lanes
        super().__init__(f"Number({dtype}, {keys})" if lanes == 1 else f"Number({dtype}, {keys}, {lanes})")

    def members(self) -> list[Any]:
        """The types of the coefficients."""
        vector = Lanes(self.dtype, self.lanes) if self.lanes > 1 else self.dtype
        return [vector if LANES in key else self.dtype for key in self.keys]

    @property
    def floats(self) -> int:
        """How many floats the coefficients are in memory."""
        return sum(getattr(member, "count", 1) for member in self.members())

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
        """A number may gain precision or coefficients, and lose precision where it is stored; never coefficients."""
        if isinstance(other, NumberType) and set(self.keys) <= set(other.keys):
            return Conversion.promote if self.dtype.bitwidth <= other.dtype.bitwidth else Conversion.unsafe
        return None


def _wider(a: NumberType, b: NumberType, keys: tuple[Key, ...]) -> NumberType:
    dtype = a.dtype if a.dtype.bitwidth >= b.dtype.bitwidth else b.dtype
    return NumberType(dtype, keys, max(a.lanes, b.lanes))


def pack(context: Any, builder: Any, target: NumberType, number: Number) -> Any:
    """The Numba value of an emitted number; coefficients that it lacks are zero."""
    struct = context.get_constant_undef(target)
    zero = number.value.constant(0.0)
    for index, (key, member) in enumerate(zip(target.keys, target.members())):
        part = number.parts.get(key, zero).value
        struct = builder.insert_value(struct, repeated(builder, part, getattr(member, "count", 1)), index)
    return struct


def _is_operand(type_: Any) -> bool:
    return isinstance(type_, (NumberType, types.Number, types.Boolean))


def _are_operands(operands: tuple[Any, ...]) -> bool:
    """Whether these are operands of which at least one is a number of ours."""
    return any(isinstance(o, NumberType) for o in operands) and all(map(_is_operand, operands))


def _keys(type_: Any) -> tuple[Key, ...]:
    return type_.keys if isinstance(type_, NumberType) else PLAIN


def lanes_in(operands: Iterable[Any]) -> int:
    """The lanes of the numbers among some types; all that meet have the same."""
    return max((o.lanes for o in operands if isinstance(o, NumberType)), default=1)


def _dtype(*operands: Any) -> Any:
    return max((o.dtype for o in operands if isinstance(o, NumberType)), key=lambda dtype: dtype.bitwidth)


def _result(keys: Callable[..., tuple[Key, ...]]) -> Callable[..., Any]:
    def typer(*operands: Any) -> Any:
        if not _are_operands(operands):
            return None
        return NumberType(_dtype(*operands), keys(*map(_keys, operands)), lanes_in(operands))

    return typer


def _answer(*operands: Any) -> Any:
    return types.boolean if _are_operands(operands) else None


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


class Installation:
    """The type and its operations in the registries of one compiler.

    Parameters
    ----------
    extending : module
        The compiler's ``extending``: that of Numba, or that of its counterpart for CUDA.
    cores : mapping
        The elementary functions of the machine that is compiled for.
    builder : callable
        Adds to a builder of LLVM instructions the substitutes for functions that the machine lacks.
    """

    def __init__(self, extending: Any, cores: Cores, builder: Callable[[Any], Any] = lambda builder: builder) -> None:
        self._extending = extending
        self._cores = cores
        self._builder = builder

    def unpack(self, context: Any, builder: Any, source: Any, value: Any, dtype: Any) -> Number:
        """The emitted number of a Numba value: a :class:`NumberType` or a plain number, in a given precision."""
        own = self._builder(builder)
        if not isinstance(source, NumberType):
            literal = hasattr(value, "constant")  # a number that Numba has folded into the code
            plain = Real(own, context.cast(builder, value, source, dtype))
            return Number({VALUE: plain}, self._cores, literal=literal)
        parts = {}
        for index, key in enumerate(source.keys):
            part = builder.extract_value(value, index)
            if isinstance(part.type, ir.VectorType):
                parts[key] = Real(own, _converted(context, builder, part, dtype))
            else:
                parts[key] = Real(own, context.cast(builder, part, source.dtype, dtype))
        return Number(parts, self._cores)

    def make_start(self, dtype: Any) -> Any:
        """The intrinsic ``number(x)``: a plain number in a given precision, to start a computation with."""
        target = NumberType(dtype, (VALUE,))

        @self._extending.intrinsic
        def number(typingctx: Any, x: Any) -> Any:
            def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
                return pack(context, builder, target, self.unpack(context, builder, x, args[0], dtype))

            return target(x), codegen

        return number

    def install(self) -> None:
        """Register the type and its operations with the compiler."""
        models, lower_cast = self._extending.models, self._extending.lower_cast

        @self._extending.register_model(NumberType)
        class NumberModel(models.StructModel):  # type: ignore[name-defined]
            def __init__(self, manager: Any, fe_type: NumberType) -> None:
                members = [(f"part{index}", member) for index, member in enumerate(fe_type.members())]
                super().__init__(manager, fe_type, members)

        @self._extending.register_model(Lanes)
        class LanesModel(models.PrimitiveModel):  # type: ignore[name-defined]
            def __init__(self, manager: Any, fe_type: Lanes) -> None:
                element = manager[fe_type.dtype].get_value_type()
                self._stored = ir.ArrayType(element, fe_type.count)
                super().__init__(manager, fe_type, ir.VectorType(element, fe_type.count))

            def get_data_type(self) -> Any:
                return self._stored

            def as_data(self, builder: Any, value: Any) -> Any:
                array = ir.Constant(self._stored, ir.Undefined)
                for lane in range(self._stored.count):
                    part = builder.extract_element(value, ir.Constant(ir.IntType(32), lane))
                    array = builder.insert_value(array, part, lane)
                return array

            def from_data(self, builder: Any, value: Any) -> Any:
                vector = ir.Constant(self.get_value_type(), ir.Undefined)
                for lane in range(self._stored.count):
                    part = builder.extract_value(value, lane)
                    vector = builder.insert_element(vector, part, ir.Constant(ir.IntType(32), lane))
                return vector

            def get_argument_type(self) -> Any:
                return self._stored

            as_argument, from_argument = as_data, from_data

            def get_return_type(self) -> Any:
                return self._stored

            as_return, from_return = as_data, from_data

        for source in (NumberType, types.Number, types.Boolean):
            lower_cast(source, NumberType)(self._cast)
        for function, operation in OPERATIONS.items():
            self._register(function, operation)
        for function, query in QUERIES.items():
            self._register_query(function, query)
        self._register_typed(operator.pow, _BINARY, _result(closed), self._power)
        self._extending.type_callable(np.where)(lambda context: _type_where)
        for pattern in ((NumberType, NumberType), (NumberType, types.Number), (types.Number, NumberType)):
            self._extending.lower_builtin(np.where, types.Boolean, *pattern)(self._where)
        self._register_plain()

    def _register_typed(self, function: Any, arity: int, typer: Callable[..., Any], lower: Callable[..., Any]) -> None:
        self._extending.type_callable(function)(_fixed_arity(typer, arity))
        for pattern in _PATTERNS[arity]:
            self._extending.lower_builtin(function, *pattern)(lower)

    def _register(self, function: Any, operation: Operation) -> None:
        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            dtype = sig.return_type.dtype
            operands = [self.unpack(context, builder, t, v, dtype) for t, v in zip(sig.args, args)]
            return pack(context, builder, sig.return_type, operation.emit(*operands))

        self._register_typed(function, operation.arity, _result(operation.keys), lower)

    def _register_query(self, function: Any, query: Query) -> None:
        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            dtype = _dtype(*sig.args)
            operands = [self.unpack(context, builder, t, v, dtype) for t, v in zip(sig.args, args)]
            return query.ask(*(operand.value for operand in operands)).value

        self._register_typed(function, query.arity, _answer, lower)

    def _register_plain(self) -> None:
        """Register the functions of this package that ops on integers need."""
        type_callable, lower_builtin = self._extending.type_callable, self._extending.lower_builtin
        type_callable(elementary.like)(lambda context: _type_like)
        lower_builtin(elementary.like, types.Integer, types.Integer)(_lower_like)
        type_callable(elementary.constant)(lambda context: lambda x: x if isinstance(x, types.Number) else None)
        lower_builtin(elementary.constant, types.Number)(lambda context, builder, sig, args: args[0])

    def _power(self, context: Any, builder: Any, sig: Any, args: Any) -> Any:
        dtype = sig.return_type.dtype
        base, exponent = (self.unpack(context, builder, t, v, dtype) for t, v in zip(sig.args, args))
        literal = getattr(sig.args[1], "literal_value", None)
        if literal is None:
            constant = getattr(args[1], "constant", None)  # a number that Numba has folded into the code
            literal = constant if isinstance(constant, (int, float)) else None
        return pack(context, builder, sig.return_type, base.power(exponent if literal is None else literal))

    def _where(self, context: Any, builder: Any, sig: Any, args: Any) -> Any:
        dtype = sig.return_type.dtype
        a, b = (self.unpack(context, builder, t, v, dtype) for t, v in zip(sig.args[1:], args[1:]))
        return pack(context, builder, sig.return_type, choose(Bit(a.value.builder, args[0]), a, b))

    def _cast(self, context: Any, builder: Any, source: Any, target: NumberType, value: Any) -> Any:
        return pack(context, builder, target, self.unpack(context, builder, source, value, target.dtype))


def _type_where(condition: Any, x: Any, y: Any) -> Any:
    return _result(union)(x, y) if isinstance(condition, types.Boolean) else None


def _converted(context: Any, builder: Any, vector: Any, dtype: Any) -> Any:
    """The lanes in a given precision."""
    target = ir.VectorType(context.get_value_type(dtype), vector.type.count)
    if target == vector.type:
        return vector
    widens = dtype.bitwidth == 64
    return builder.fpext(vector, target) if widens else builder.fptrunc(vector, target)


def _type_like(value: Any, x: Any) -> Any:
    return x if isinstance(x, types.Integer) and isinstance(value, types.Integer) else None


def _lower_like(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return context.cast(builder, args[0], sig.args[0], sig.return_type)


_PROCESSOR = Installation(extending, CORES)
_PROCESSOR.install()

unpack = _PROCESSOR.unpack
make_start = _PROCESSOR.make_start


@extending.intrinsic
def leave(typingctx: Any, number: Any) -> Any:
    """The value of a number as a float of its precision."""
    target = number.dtype if isinstance(number, NumberType) else types.float64

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return unpack(context, builder, number, args[0], target).value.value

    return target(number), codegen
