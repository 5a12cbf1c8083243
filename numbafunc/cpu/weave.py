"""Some runs of elements made into one with an element of each in turn, and the way back, a vector at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from numbafunc.cpu.access import Separation, address_of

_BYTES = 32


def lanes(length: int, block: int, itemsize: int) -> int:
    """Elements of each run to take at once; 1 where vectors don't pay."""
    if block & (block - 1):  # runs are woven in pairs, and pairs of these
        return 1
    most = min(length, _BYTES // itemsize)
    return 1 << (most.bit_length() - 1)


def _shuffled(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order)
    return builder.shuffle_vector(a, b, mask)


def _woven(builder: Any, vectors: list[Any]) -> Any:
    """One vector with an element of each in turn."""
    if len(vectors) == 1:
        return vectors[0]
    even, odd = _woven(builder, vectors[::2]), _woven(builder, vectors[1::2])
    count = even.type.count
    return _shuffled(builder, even, odd, [place for i in range(count) for place in (i, count + i)])


def _taken_apart(builder: Any, vector: Any, block: int) -> list[Any]:
    """The inverse, for a number of vectors."""
    if block == 1:
        return [vector]
    count = vector.type.count
    halves = [_shuffled(builder, vector, vector, list(range(first, count, 2))) for first in (0, 1)]
    parts = [_taken_apart(builder, half, block // 2) for half in halves]
    return [part for pair in zip(*parts) for part in pair]


def _at(context: Any, builder: Any, array_type: Any, array: Any, index: Any, count: int) -> Any:
    """Pointer to so many elements."""
    address = address_of(context, builder, array_type, array, index)
    return builder.bitcast(address, ir.VectorType(address.type.pointee, count).as_pointer())


def make_interleave(block: int, count: int, separation: Separation, groups: tuple[str, str]) -> Callable[..., Any]:
    """The intrinsic ``interleave(result, to, source, start, stride)`` for ``count`` elements of each run.

    The runs are ``stride`` apart in the source; the groups are those of source and result.
    """

    @intrinsic
    def interleave(typingctx: Any, result: Any, to: Any, source: Any, start: Any, stride: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            item = context.get_abi_sizeof(context.get_data_type(result.dtype))
            index, vectors = args[3], []
            for _ in range(block):
                vectors.append(builder.load(_at(context, builder, source, args[2], index, count), align=item))
                separation.mark(builder.module, vectors[-1], groups[0])
                index = builder.add(index, args[4])
            target = _at(context, builder, result, args[0], args[1], count * block)
            stored = builder.store(_woven(builder, vectors), target, align=item)
            separation.mark(builder.module, stored, groups[1])
            return context.get_dummy_value()

        return types.none(result, to, source, start, stride), codegen

    return interleave  # type: ignore[no-any-return]


def make_deinterleave(block: int, count: int, separation: Separation, groups: tuple[str, str]) -> Callable[..., Any]:
    """The intrinsic ``deinterleave(result, to, apart, source, start)`` for ``count`` elements of each run.

    The runs are ``apart`` in the result; the groups are those of source and result.
    """

    @intrinsic
    def deinterleave(typingctx: Any, result: Any, to: Any, apart: Any, source: Any, start: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            item = context.get_abi_sizeof(context.get_data_type(result.dtype))
            loaded = builder.load(_at(context, builder, source, args[3], args[4], count * block), align=item)
            separation.mark(builder.module, loaded, groups[0])
            index = args[1]
            for part in _taken_apart(builder, loaded, block):
                stored = builder.store(part, _at(context, builder, result, args[0], index, count), align=item)
                separation.mark(builder.module, stored, groups[1])
                index = builder.add(index, args[2])
            return context.get_dummy_value()

        return types.none(result, to, apart, source, start), codegen

    return deinterleave  # type: ignore[no-any-return]


__all__ = ["lanes", "make_deinterleave", "make_interleave"]
