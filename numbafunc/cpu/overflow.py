"""Whether sums in a kernel have overflowed, which is rare: asked of the processor, or of the results.

Processors note in a register of flags that an operation has overflowed, so that loops need not look. Compilers don't
move whole loops beyond a call that reads it.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

# The register of flags of x86 and the bit of overflow in it; on other machines the results are searched.
_FLAGS = platform.machine().lower() in ("x86_64", "amd64")
_OVERFLOW = 0x8

_WORD = ir.IntType(32)


def _call(builder: Any, name: str, address: Any) -> None:
    """Store the flags at an address, or load them from there."""
    pointer = ir.IntType(8).as_pointer()
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [pointer]), name)
    builder.call(function, [builder.bitcast(address, pointer)])


def _flags(builder: Any) -> tuple[Any, Any]:
    """The flags, and the address that they have been stored at."""
    address = cgutils.alloca_once(builder, _WORD)
    _call(builder, "llvm.x86.sse.stmxcsr", address)
    return builder.load(address), address


@intrinsic
def forget_overflow(typingctx: Any) -> Any:
    """Forget what has overflowed before."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if _FLAGS:
            flags, address = _flags(builder)
            raised = builder.icmp_unsigned("!=", builder.and_(flags, ir.Constant(_WORD, _OVERFLOW)), _WORD(0))
            with builder.if_then(raised, likely=False):  # loading them takes much longer
                builder.store(builder.and_(flags, ir.Constant(_WORD, 0xFFFFFFFF ^ _OVERFLOW)), address)
                _call(builder, "llvm.x86.sse.ldmxcsr", address)
        return context.get_dummy_value()

    return types.none(), codegen


@intrinsic
def may_have_overflowed(typingctx: Any) -> Any:
    """Whether an operation has overflowed since :func:`forget_overflow`; true where that is not known."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if not _FLAGS:
            return ir.Constant(ir.IntType(1), 1)
        flags, _ = _flags(builder)
        return builder.icmp_unsigned("!=", builder.and_(flags, ir.Constant(_WORD, _OVERFLOW)), _WORD(0))

    return types.boolean(), codegen


def marks(compute: str) -> dict[str, Any]:
    """The intrinsics ``unmarked()``, ``mark(word, number)`` and ``is_marked(word)``: whether a number was not finite.

    The word is the largest of exponents, since flags in a loop don't vectorise.
    """
    exponent, width = (0x7FF << 52, 64) if compute == "float64" else (0x7F800000, 32)
    word = ir.IntType(width)
    type_ = getattr(types, f"int{width}")

    @intrinsic
    def unmarked(typingctx: Any) -> Any:
        return type_(), lambda context, builder, sig, args: ir.Constant(word, 0)

    @intrinsic
    def mark(typingctx: Any, seen: Any, number: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            bits = builder.and_(builder.bitcast(args[1], word), ir.Constant(word, exponent))
            return builder.select(builder.icmp_signed(">", bits, args[0]), bits, args[0])

        return type_(seen, number), codegen

    @intrinsic
    def is_marked(typingctx: Any, seen: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.icmp_signed("==", args[0], ir.Constant(word, exponent))

        return types.boolean(seen), codegen

    return {"unmarked": unmarked, "mark": mark, "is_marked": is_marked}


__all__ = ["forget_overflow", "marks", "may_have_overflowed"]
