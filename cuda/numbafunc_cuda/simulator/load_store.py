"""Kernels in Numba's simulator, where they are plain Python: numbers, loads and stores by the interpreter.

The definitions, the algebra and the elementary functions are those of compiled kernels; only who carries out the
instructions differs. See :mod:`numbafunc_cuda.simulator.interpreter`.
"""

from __future__ import annotations

import builtins
import inspect
import math
import operator
import sys
import types
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.cuda.simulator.kernelapi import FakeCUDAShared
from numba.np.numpy_support import as_dtype

from numbafunc.cpu.load_store import HALF, narrow, widen
from numbafunc.kinds.njit import OPS
from numbafunc.numbers.cores import CORES
from numbafunc.numbers.keys import VALUE, Key
from numbafunc.numbers.number import Number
from numbafunc.numbers.operations import OPERATIONS, QUERIES
from numbafunc.numbers.real import Real
from numbafunc_cuda.simulator.interpreter import BUILDER, DOUBLE, FLOAT, Value, lift, real

_HALF_WORD = ir.IntType(16)
_FORMATS = {"float32": FLOAT, "float64": DOUBLE}


class SimulatedNumber:
    """A number with tangents that plain Python computes with."""

    __slots__ = ("number",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, number: Number) -> None:
        self.number = number

    @property
    def format(self) -> Any:
        """LLVM's type of the coefficients."""
        return self.number.value.value.type

    def emit_elementary(self, name: str) -> SimulatedNumber:
        """An elementary function of this number: what :mod:`numbafunc.elementary` asks for."""
        return SimulatedNumber(self.number.emit_elementary(name))

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        if method != "__call__" or options or not (ufunc in OPERATIONS or ufunc in QUERIES):
            return NotImplemented
        return apply(ufunc, *operands)

    def __pow__(self, exponent: Any) -> SimulatedNumber:
        return _power(self, exponent)

    def __rpow__(self, base: Any) -> SimulatedNumber:
        return _power(base, self)

    def __floor__(self) -> SimulatedNumber:
        return apply(math.floor, self)  # type: ignore[no-any-return]

    def __float__(self) -> float:
        raise TypeError("a number of a kernel can't become a Python float, which would drop its derivative")


def _operator(name: str, function: Any) -> None:
    arity = (OPERATIONS.get(function) or QUERIES[function]).arity
    method: Any
    if arity == 1:
        method = lambda self: apply(function, self)  # noqa: E731
    else:
        method = lambda self, other: apply(function, self, other)  # noqa: E731
        if function in OPERATIONS:
            setattr(SimulatedNumber, f"__r{name}__", lambda self, other: apply(function, other, self))
    setattr(SimulatedNumber, f"__{name}__", method)


for _name in ("add", "sub", "mul", "truediv", "neg", "pos", "lt", "le", "gt", "ge", "eq", "ne"):
    _operator(_name, getattr(operator, _name))
_operator("abs", builtins.abs)


def _lowered(operand: Any, format: Any) -> Number:
    """A number of the algebra in a format, of a simulated number or of one of Python."""
    if not isinstance(operand, SimulatedNumber):
        return Number({VALUE: lift(operand, format)}, CORES, literal=True)
    if operand.format == format:
        return operand.number
    parts = {key: lift(part.value.data, format) for key, part in operand.number.parts.items()}
    return Number(parts, CORES)


def _widest(operands: tuple[Any, ...]) -> Any:
    formats = [operand.format for operand in operands if isinstance(operand, SimulatedNumber)]
    return DOUBLE if DOUBLE in formats else FLOAT


def apply(function: Any, *operands: Any) -> Any:
    """The result of a function or operator of simulated numbers."""
    format = _widest(operands)
    numbers = [_lowered(operand, format) for operand in operands]
    operation = OPERATIONS.get(function)
    if operation is not None:
        return SimulatedNumber(operation.emit(*numbers))
    return bool(QUERIES[function].ask(*(number.value for number in numbers)).value.data)


def _power(base: Any, exponent: Any) -> SimulatedNumber:
    format = _widest((base, exponent))
    literal = not isinstance(exponent, SimulatedNumber)
    return SimulatedNumber(_lowered(base, format).power(exponent if literal else _lowered(exponent, format)))


# Definitions name functions of NumPy, of math and of this package, which know no simulated numbers.


@cache
def interpreted(definition: Any) -> Any:
    """A copy of a definition in which these functions take simulated numbers."""
    definition = getattr(definition, "py_func", definition)
    names = {name: _adapted(value) for name, value in definition.__globals__.items() if name in _names(definition)}
    names.update({name: _adapted(getattr(builtins, name)) for name in ("max", "min") if name not in names})
    cells = tuple(types.CellType(_adapted(cell.cell_contents)) for cell in definition.__closure__ or ())
    return types.FunctionType(
        definition.__code__,
        {"__builtins__": builtins, **names},
        definition.__name__,
        definition.__defaults__,
        cells or None,
    )


def _names(definition: Any) -> set[str]:
    """The names of global variables that a function, or one inside it, may read."""
    names, pending = set(), [definition.__code__]
    while pending:
        code = pending.pop()
        names.update(code.co_names)
        pending += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return names


def _adapted(value: Any) -> Any:
    if isinstance(value, types.ModuleType):
        return _Module(value)
    try:
        known = value in OPERATIONS or value in QUERIES
    except TypeError:  # what has no hash is no function
        return value
    if known:
        return _either(value)
    op = OPS.get(value)
    if op is not None:
        return _definition_of(value, op)
    if isinstance(value, types.FunctionType) or hasattr(value, "py_func"):
        return interpreted(value)
    return value


def _either(function: Any) -> Callable[..., Any]:
    def call(*operands: Any) -> Any:
        if any(isinstance(operand, SimulatedNumber) for operand in operands):
            return apply(function, *operands)
        return function(*operands)

    return call


def _definition_of(public: Any, op: Any) -> Callable[..., Any]:
    """An op's definition, with the defaults of the public function."""
    signature = inspect.signature(public)

    def call(*operands: Any, **named: Any) -> Any:
        bound = signature.bind(*operands, **named)
        bound.apply_defaults()
        operands = tuple(map(bound.arguments.get, op.parameters))
        format = _widest(operands)
        return interpreted(op.definition)(*(SimulatedNumber(_lowered(operand, format)) for operand in operands))

    return call


class _Module:
    """A module whose functions take simulated numbers."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return _adapted(getattr(self._module, name))


# Memory.


class Pointer:
    """An address: words in a row, and which of them is meant."""

    __slots__ = ("first", "words")

    def __init__(self, words: Any, first: int) -> None:
        self.words = words
        self.first = first


def widened(storage: str, word: Any) -> float:
    """The number that the word of a 16-bit float stands for."""
    return float(widen(BUILDER, storage, Value(_HALF_WORD, int(word))).data)


def lowered(storage: str, number: Any, dtype: Any) -> Any:
    """A number converted to the dtype of the memory where it is stored."""
    if storage in HALF:
        return narrow(BUILDER, storage, real(DOUBLE, float(number))).data
    if dtype.kind in "iu":
        return wrap(number, dtype)
    with np.errstate(over="ignore"):
        return dtype.type(number)


def _read(pointer: Pointer, index: int, storage: str, compute: str | None) -> Any:
    word = pointer.words[pointer.first + index]
    if compute is None:
        return int(word)
    format = _FORMATS[compute]
    if storage in HALF:
        return Real(BUILDER, real(format, widened(storage, word)))
    # Integers are rounded once; by way of float64 they would be twice.
    rounded = np.float32(word) if format == FLOAT else np.float64(word)
    return Real(BUILDER, Value(format, float(rounded)))


def make_load(operands: tuple[Any, ...]) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.load_store.make_load`."""

    def load(slots: tuple[Any, ...], indices: tuple[int, ...]) -> tuple[Any, ...]:
        remaining = iter(zip(slots, indices))
        return tuple(_number(operand, remaining) for operand in operands)

    return load


def _number(operand: Any, slots: Any) -> Any:
    if operand.compute is None:
        given, index = next(slots)
        return int(given) if operand.number else _read(given, index, operand.storage, None)
    parts: dict[Key, Real] = {}
    for slot in operand.slots:
        given, index = next(slots)
        if operand.number:
            parts[slot.key] = lift(given, _FORMATS[operand.compute])
        else:
            parts[slot.key] = _read(given, index, operand.storage, operand.compute)
    return SimulatedNumber(Number(parts, CORES))


def make_load_vector(operands: tuple[Any, ...], lanes: int) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.load_store.make_load_vector`."""
    load = make_load(operands)
    scattered = [slot.span == "element" for operand in operands for slot in operand.slots]

    def load_vector(slots: tuple[Any, ...], index: int) -> tuple[Any, ...]:
        return tuple(
            load(slots, tuple(index * lanes + lane if each else 0 for each in scattered)) for lane in range(lanes)
        )

    return load_vector


def make_store(storage: str, keys: tuple[Key, ...]) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.load_store.make_store`."""

    def store(results: tuple[Any, ...], index: int, value: Any) -> None:
        for slot, (key, pointer) in enumerate(zip(keys, results)):
            if isinstance(value, SimulatedNumber):
                part = value.number.parts.get(key)
                number = 0.0 if part is None else part.value.data
            else:
                number = value if slot == 0 else 0
            pointer.words[pointer.first + index] = lowered(storage, number, pointer.words.dtype)

    return store


def make_complete(target: Any) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.load_store.make_complete`; the store knows what is missing is zero."""
    format = _FORMATS[str(target.dtype)]
    return lambda numbers: tuple(SimulatedNumber(_lowered(number, format)) for number in numbers)


def example(type_: Any) -> SimulatedNumber:
    """Some number of a type."""
    format = _FORMATS[str(type_.dtype)]
    return SimulatedNumber(Number({key: lift(0.5, format) for key in type_.keys}, CORES))


def is_number(value: Any) -> bool:
    """Whether a value is a number of a kernel."""
    return isinstance(value, SimulatedNumber)


def wrap(number: Any, dtype: Any) -> Any:
    """An integer as wide as a dtype, which wraps around."""
    limits = np.iinfo(dtype)
    least, most = int(limits.min), int(limits.max)
    return dtype.type((int(number) - least) % (most - least + 1) + least)


def make_store_vector(storage: str, keys: tuple[Key, ...], lanes: int) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.load_store.make_store_vector`."""
    store = make_store(storage, keys)

    def store_vector(results: tuple[Any, ...], index: int, values: tuple[Any, ...]) -> None:
        for lane, value in enumerate(values):
            store(results, index * lanes + lane, value)

    return store_vector


def index_like(value: Any, size: int) -> int:
    """See :data:`numbafunc_cuda.load_store.index_like`."""
    return int(value)


def advance(index: int, step: int) -> int:
    """See :data:`numbafunc_cuda.load_store.advance`."""
    return index + step


def make_groups(lanes: int) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.load_store.make_groups`."""
    return lambda size: size // lanes


def make_behind(lanes: int) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.load_store.make_behind`."""
    return lambda groups, index: groups * lanes + index


def offset(index: int, lengths: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """See :data:`numbafunc_cuda.load_store.offset`."""
    total = 0
    for length, stride in zip(reversed(lengths), reversed(strides[1:])):
        index, place = divmod(index, length)
        total += place * stride
    return total + index * strides[0]


def make_read(storage: str, *, changing: bool = False) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.load_store.make_read`."""
    if storage not in HALF:
        return lambda pointer, index: pointer.words[pointer.first + index]

    return lambda pointer, index: np.float32(widened(storage, pointer.words[pointer.first + index]))


def make_write(storage: str) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.load_store.make_write`."""

    def write(pointer: Pointer, index: int, value: Any) -> None:
        pointer.words[pointer.first + index] = lowered(storage, value, pointer.words.dtype)

    return write


def _llvm_types(number: Any) -> tuple[Any, Any]:
    """Numba's type of a number, and LLVM's."""
    known = numba.typeof(number)
    if isinstance(known, numba.types.Float):
        return known, FLOAT if known.bitwidth == 32 else DOUBLE
    return known, ir.IntType(1 if isinstance(known, numba.types.Boolean) else known.bitwidth)


def _value(operand: Any) -> Value:
    type_ = _llvm_types(operand)[1]
    if isinstance(type_, ir.IntType):
        return Value(type_, int(operand) % (1 << type_.width))
    return Value(type_, float(operand))


def _scalar(type_: Any, value: Value) -> Any:
    kind = as_dtype(type_)
    return wrap(value.data, kind) if kind.kind in "iu" else kind.type(value.data)


def adopted(original: Any) -> Any:
    """See :func:`numbafunc_cuda.load_store.adopted`."""
    definition = original._defn

    def call(*operands: Any) -> Any:
        signature, codegen = definition(None, *(_llvm_types(operand)[0] for operand in operands))
        result = codegen(None, BUILDER, signature, [_value(operand) for operand in operands])
        return _scalar(signature.return_type, result)

    return call


def split(index: int, lengths: tuple[int, ...]) -> tuple[int, ...]:
    """See :data:`numbafunc_cuda.load_store.split`."""
    places = []
    for length in reversed(lengths):
        index, place = divmod(index, length)
        places.append(place)
    return (index, *reversed(places))


_array_of_the_simulator = FakeCUDAShared.array


def _shared_array(self: Any, shape: Any, dtype: Any, alignment: Any = None) -> Any:
    """``cuda.shared.array`` of a block: one array for all threads that reach a line of source.

    The simulator looks whether there is one, and makes it, in two steps. Of two threads that come at once each may get
    an array of its own, and the others read memory that nobody has written to.
    """
    if shape == 0 or alignment is not None:
        return _array_of_the_simulator(self, shape, dtype, alignment)
    caller = sys._getframe(1)
    place = caller.f_code.co_filename, caller.f_lineno
    return self._allocations.setdefault(place, np.empty(shape, dtype if isinstance(dtype, type) else as_dtype(dtype)))


FakeCUDAShared.array = _shared_array
