"""Single elements in kernels, as plain Numba values: the counterpart of :mod:`numbafunc.cpu.load_store`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from numbafunc.cpu.load_store import HALF, narrow, widen
from numbafunc_cuda.compiler import DeviceBuilder, intrinsic
from numbafunc_cuda.load_store import in_memory, load_from, pointer_to


def make_read(storage: str, *, changing: bool = False) -> Callable[..., Any]:
    """The intrinsic ``read(address, index)``: an element as it is stored; 16-bit floats as float32.

    ``changing`` tells of memory that the kernel itself writes.
    """

    @intrinsic
    def read(typingctx: Any, address: Any, index: Any) -> Any:
        result = types.float32 if storage in HALF else getattr(types, storage)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            element = in_memory(context, storage)
            pointer = pointer_to(builder, args[0], element, args[1], index)
            align = context.get_abi_sizeof(element)
            loaded = builder.load(pointer, align=align) if changing else load_from(builder, pointer, align)
            return widen(builder, storage, loaded) if storage in HALF else loaded

        return result(address, index), codegen

    return read  # type: ignore[no-any-return]


def make_write(storage: str) -> Callable[..., Any]:
    """The intrinsic ``write(address, index, value)``, the counterpart of :func:`make_read`."""

    @intrinsic
    def write(typingctx: Any, address: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            element = in_memory(context, storage)
            if storage in HALF:
                real = value if value == types.float64 else types.float32  # one rounding to float16
                stored = narrow(builder, storage, context.cast(builder, args[2], value, real))
            else:
                stored = context.cast(builder, args[2], value, getattr(types, storage))
            pointer = pointer_to(builder, args[0], element, args[1], index)
            builder.store(stored, pointer, align=context.get_abi_sizeof(element))
            return context.get_dummy_value()

        return types.none(address, index, value), codegen

    return write  # type: ignore[no-any-return]


def adopted(original: Any) -> Any:
    """An intrinsic of the loops of processors, for kernels: the same instructions."""
    definition = original._defn

    @functools.wraps(definition)
    def typed(typingctx: Any, *operands: Any) -> Any:
        signature, codegen = definition(typingctx, *operands)

        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return codegen(context, DeviceBuilder(builder), sig, args)

        return signature, emit

    return intrinsic(typed)


@intrinsic
def split(typingctx: Any, index: Any, lengths: Any) -> Any:
    """An index taken apart into those of axes of these lengths and, in front, of one without limit; all of 64 bits."""
    word = ir.IntType(64)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rest, places = args[0], []
        for axis in reversed(range(len(lengths))):
            length = builder.extract_value(args[1], axis)
            quotient = builder.udiv(rest, length)
            places.append(builder.sub(rest, builder.mul(quotient, length)))
            rest = quotient
        wide = [place if index.bitwidth == 64 else builder.zext(place, word) for place in (*places, rest)]
        return context.make_tuple(builder, sig.return_type, wide[::-1])

    return types.UniTuple(types.int64, 1 + len(lengths))(index, lengths), codegen
