"""Copies of runs of elements with vector instructions: consecutive, interleaved and deinterleaved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from numbafunc.cpu.dispatchers import inline
from numbafunc.cpu.load_store import Separation, address_of


def _shuffled(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order)
    return builder.shuffle_vector(a, b, mask)


def _woven(builder: Any, vectors: list[Any]) -> Any:
    """One vector with an element of each vector in turn."""
    if len(vectors) == 1:
        return vectors[0]
    even, odd = _woven(builder, vectors[::2]), _woven(builder, vectors[1::2])
    count = even.type.count
    return _shuffled(builder, even, odd, [place for i in range(count) for place in (i, count + i)])


def _taken_apart(builder: Any, vector: Any, block: int) -> list[Any]:
    """As many vectors as a block has, from one: the inverse of :func:`_woven`."""
    if block == 1:
        return [vector]
    count = vector.type.count
    halves = [_shuffled(builder, vector, vector, list(range(first, count, 2))) for first in (0, 1)]
    parts = [_taken_apart(builder, half, block // 2) for half in halves]
    return [part for pair in zip(*parts) for part in pair]


def _at(context: Any, builder: Any, array_type: Any, array: Any, index: Any, count: int) -> Any:
    """Pointer to ``count`` elements, as one vector."""
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


# Bytes of a block, which is moved at once, and the smallest and largest number of blocks for which that is quickest.
_BLOCK, _FEW, _MANY = 32, 1, 64


def _pointers(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Pointers to copy to and from; the arguments are the target, an index, the source, an index."""
    for position in (0, 2):
        data = context.make_array(sig.args[position])(context, builder, args[position]).data
        yield builder.gep(data, [args[position + 1]])


def _size(context: Any, array: Any) -> int:
    return int(context.get_abi_sizeof(context.get_data_type(array.dtype)))


@intrinsic
def _move_block(typingctx: Any, target: Any, to: Any, source: Any, start: Any) -> Any:
    """Copy a block."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        block = ir.VectorType(ir.IntType(8), _BLOCK).as_pointer()
        destination, origin = (builder.bitcast(p, block) for p in _pointers(context, builder, sig, args))
        builder.store(builder.load(origin, align=1), destination, align=1)
        return context.get_dummy_value()

    return types.none(target, to, source, start), codegen


@intrinsic
def _move_any(typingctx: Any, target: Any, to: Any, source: Any, start: Any, count: Any) -> Any:
    """Copy any number of elements."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        destination, origin = _pointers(context, builder, sig, args)
        cgutils.raw_memcpy(builder, destination, origin, args[4], _size(context, target))
        return context.get_dummy_value()

    return types.none(target, to, source, start, count), codegen


@intrinsic
def _per_block(typingctx: Any, array: Any) -> Any:
    """Elements of a block."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.get_constant(types.int64, _BLOCK // _size(context, array))

    return types.int64(array), codegen


@inline
def move(target: Any, to: Any, source: Any, start: Any, count: Any) -> None:
    """Copy elements: from ``_FEW`` to ``_MANY`` blocks of them without a call of the C library, which takes longer."""
    block = _per_block(target)
    if block * _FEW <= count < block * _MANY:
        index = 0
        while index < count - block:
            _move_block(target, to + index, source, start + index)
            index += block
        _move_block(target, to + count - block, source, start + count - block)
    else:
        _move_any(target, to, source, start, count)
