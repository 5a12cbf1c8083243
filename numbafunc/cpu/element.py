"""Single elements of flat arrays in kernels, as plain Numba values: loads, stores, and what is done to two of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from numbafunc.cpu.access import Separation, address_of, narrow, widen
from numbafunc.cpu.real import Real

HALF = ("float16", "bfloat16")


def make_read(storage: str, separation: Separation, group: str, compute: Any = None) -> Callable[..., Any]:
    """The intrinsic ``read(array, index)``: an element, in the Numba type ``compute`` if one is given.

    Otherwise it comes as it is stored; 16-bit floats, whose arrays come as words, as float32. The index counts elements
    in memory, whatever the number of axes.
    """

    @intrinsic
    def read(typingctx: Any, array: Any, index: Any) -> Any:
        stored = types.float32 if storage in HALF else array.dtype
        result = stored if compute is None else compute

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            loaded = builder.load(address_of(context, builder, array, *args))
            separation.mark(builder.module, loaded, group)
            value = widen(builder, storage, loaded) if storage in HALF else loaded
            return context.cast(builder, value, stored, result)

        return result(array, index), codegen

    return read  # type: ignore[no-any-return]


def make_write(storage: str, separation: Separation, group: str) -> Callable[..., Any]:
    """The intrinsic ``write(array, index, value)``, the counterpart of :func:`make_read`."""

    @intrinsic
    def write(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            if storage in HALF:
                stored = narrow(builder, storage, context.cast(builder, args[2], value, types.float32))
            else:
                stored = context.cast(builder, args[2], value, array.dtype)
            address = address_of(context, builder, array, args[0], args[1])
            separation.mark(builder.module, builder.store(stored, address), group)
            return context.get_dummy_value()

        return types.none(array, index, value), codegen

    return write  # type: ignore[no-any-return]


def _extremum(type_: Any, comparison: str, of_reals: Callable[[Real, Real], Real]) -> tuple[Any, Any]:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if isinstance(type_, types.Float):
            return of_reals(*(Real(builder, arg) for arg in args)).value
        compare = builder.icmp_signed if type_.signed else builder.icmp_unsigned
        return builder.select(compare(comparison, *args), *args)

    return type_(type_, type_), codegen


@intrinsic
def maximum(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger of two numbers of one type; NaN when either is."""
    return _extremum(a, ">", Real.maximum)


@intrinsic
def minimum(typingctx: Any, a: Any, b: Any) -> Any:
    """The smaller of two numbers of one type; NaN when either is."""
    return _extremum(a, "<", Real.minimum)


@intrinsic
def halfway(typingctx: Any, a: Any, b: Any) -> Any:
    """The number in the middle of two floats of one type, as float64; no sum that overflows."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        double = ir.DoubleType()
        wide = args if a.bitwidth == 64 else [builder.fpext(part, double) for part in args]
        return builder.fadd(*(builder.fmul(part, ir.Constant(double, 0.5)) for part in wide))

    return types.float64(a, b), codegen


@intrinsic
def ordinal(typingctx: Any, number: Any) -> Any:
    """An integer with the sign of 64 bits that is ordered as numbers are, from -(2**(n - 1)) on for those of n bits.

    Both zeros have the same one.
    """
    word = ir.IntType(number.bitwidth)
    lowest = ir.Constant(word, 1 << (number.bitwidth - 1))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bits = args[0]
        if isinstance(number, types.Float):
            bits = builder.bitcast(bits, word)
            bits = builder.select(builder.icmp_signed("<", bits, ir.Constant(word, 0)), builder.sub(lowest, bits), bits)
        elif not number.signed:
            bits = builder.xor(bits, lowest)
        return bits if number.bitwidth == 64 else builder.sext(bits, ir.IntType(64))

    return types.int64(number), codegen


@intrinsic
def beats(typingctx: Any, new: Any, held: Any) -> Any:
    """Whether a float is larger than the one that is held, or the first NaN."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        larger = builder.fcmp_unordered(">", *args)
        return builder.and_(larger, builder.fcmp_ordered("ord", args[1], args[1]))

    return types.boolean(new, held), codegen


@intrinsic
def chosen(typingctx: Any, condition: Any, a: Any, b: Any) -> Any:
    """The first of two numbers of one type where the condition holds, else the second; no branch."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(*args)

    return b(condition, a, b), codegen
