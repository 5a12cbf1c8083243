"""Accumulation inside reduction kernels: the counterpart of :mod:`numbafunc.cpu.accumulate` for device code.

The operations are the processor's. What is added here moves numbers between the threads of a block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from numbafunc.cpu.accumulate import typed_and_lowered
from numbafunc.cpu.load_store import FLOATS
from numbafunc.numbers.cores import CORES
from numbafunc.numbers.keys import Key
from numbafunc.numbers.numba_type import NumberType, pack
from numbafunc.numbers.number import Number
from numbafunc_cuda.compiler import intrinsic, unpack

_WORD = ir.IntType(32)
_ALL_LANES, _LAST_LANE = -1, 31


def make_operation(name: str) -> Callable[..., Any]:
    """Intrinsic of two numbers: the operation of this name in :mod:`numbafunc.cpu.accumulate`."""
    typed, codegen = typed_and_lowered(name, unpack)

    @intrinsic
    def operation(typingctx: Any, a: Any, b: Any) -> Any:
        return typed(a, b)(a, b), codegen

    return operation  # type: ignore[no-any-return]


def make_number(compute: str, keys: tuple[Key, ...]) -> Callable[..., Any]:
    """The intrinsic ``number(parts)``: the number with these coefficients, a tuple in the order of the keys."""
    target = NumberType(FLOATS[compute], keys)

    @intrinsic
    def number(typingctx: Any, parts: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            found = {
                key: unpack(context, builder, type_, builder.extract_value(args[0], index), target.dtype).value
                for index, (key, type_) in enumerate(zip(keys, parts.types))
            }
            return pack(context, builder, target, Number(found, CORES))

        return target(parts), codegen

    return number  # type: ignore[no-any-return]


def make_parts(compute: str, keys: tuple[Key, ...]) -> Callable[..., Any]:
    """The intrinsic ``parts(number)``: its coefficients as a tuple of floats, zero where it lacks one."""
    real = FLOATS[compute]

    @intrinsic
    def parts(typingctx: Any, number: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            found = unpack(context, builder, number, args[0], real)
            zero = found.value.constant(0.0)
            return context.make_tuple(builder, sig.return_type, [found.parts.get(key, zero).value for key in keys])

        return types.UniTuple(real, len(keys))(number), codegen

    return parts  # type: ignore[no-any-return]


def make_exchange(distance: int) -> Callable[..., Any]:
    """The intrinsic ``exchange(parts)``: the floats of the lane whose number is this one's, XOR ``distance``."""

    @intrinsic
    def exchange(typingctx: Any, parts: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            moved = [_shuffled(builder, builder.extract_value(args[0], index), distance) for index in range(len(parts))]
            return context.make_tuple(builder, sig.return_type, moved)

        return parts(parts), codegen

    return exchange  # type: ignore[no-any-return]


def _shuffled(builder: Any, x: Any, distance: int) -> Any:
    """A float of another lane; shuffles move 32 bits at a time."""
    count = 2 if x.type == ir.DoubleType() else 1
    words = builder.bitcast(x, ir.VectorType(_WORD, count))
    shuffle = ir.FunctionType(_WORD, [_WORD] * 4)
    name = "llvm.nvvm.shfl.sync.bfly.i32"
    function = builder.module.globals.get(name) or ir.Function(builder.module, shuffle, name)
    lanes, *settings = (ir.Constant(_WORD, number) for number in (_ALL_LANES, distance, _LAST_LANE))
    for index in range(count):
        place = ir.Constant(_WORD, index)
        moved = builder.call(function, [lanes, builder.extract_element(words, place), *settings])
        words = builder.insert_element(words, moved, place)
    return builder.bitcast(words, x.type)
