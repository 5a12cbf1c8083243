"""Single elements in kernels of the simulator, as NumPy's numbers; see :mod:`numbafunc_cuda.element`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.np import numpy_support

from numbafunc.cpu.load_store import HALF
from numbafunc_cuda.simulator.interpreter import BUILDER, DOUBLE, FLOAT, Value
from numbafunc_cuda.simulator.load_store import Pointer, lowered, widened, wrap


def make_read(storage: str, *, changing: bool = False) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.element.make_read`."""
    if storage not in HALF:
        return lambda pointer, index: pointer.words[pointer.first + index]

    return lambda pointer, index: np.float32(widened(storage, pointer.words[pointer.first + index]))


def make_write(storage: str) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.element.make_write`."""

    def write(pointer: Pointer, index: int, value: Any) -> None:
        pointer.words[pointer.first + index] = lowered(storage, value, pointer.words.dtype)

    return write


def _types(number: Any) -> tuple[Any, Any]:
    """Numba's type of a number, and LLVM's."""
    known = numba.typeof(number)
    if isinstance(known, numba.types.Float):
        return known, FLOAT if known.bitwidth == 32 else DOUBLE
    return known, ir.IntType(1 if isinstance(known, numba.types.Boolean) else known.bitwidth)


def _value(operand: Any) -> Value:
    type_ = _types(operand)[1]
    if isinstance(type_, ir.IntType):
        return Value(type_, int(operand) % (1 << type_.width))
    return Value(type_, float(operand))


def _number(type_: Any, value: Value) -> Any:
    kind = numpy_support.as_dtype(type_)
    return wrap(value.data, kind) if kind.kind in "iu" else kind.type(value.data)


def adopted(original: Any) -> Any:
    """See :func:`numbafunc_cuda.element.adopted`."""
    definition = original._defn

    def call(*operands: Any) -> Any:
        signature, codegen = definition(None, *(_types(operand)[0] for operand in operands))
        result = codegen(None, BUILDER, signature, [_value(operand) for operand in operands])
        return _number(signature.return_type, result)

    return call


def split(index: int, lengths: tuple[int, ...]) -> tuple[int, ...]:
    """See :data:`numbafunc_cuda.element.split`."""
    places = []
    for length in reversed(lengths):
        index, place = divmod(index, length)
        places.append(place)
    return (index, *reversed(places))
