"""Copies of elements that are consecutive on both sides: of rows of images mostly, which are short."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from numbafunc.cpu.cache import inline

# Bytes that are moved at once, and the numbers of blocks from which up to which that is quickest.
_BLOCK, _FEW, _MANY = 32, 1, 64


def _pointers(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Where to copy to and from; the arguments are the target, an index, the source, an index."""
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
    """Copy elements. In between, a call of the library's function takes longer than the copy."""
    block = _per_block(target)
    if block * _FEW <= count < block * _MANY:
        index = 0
        while index < count - block:
            _move_block(target, to + index, source, start + index)
            index += block
        _move_block(target, to + count - block, source, start + count - block)
    else:
        _move_any(target, to, source, start, count)
