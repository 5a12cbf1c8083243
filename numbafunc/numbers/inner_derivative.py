"""Derivatives inside of a definition: a number is made to move along a direction, and what that does is taken apart.

The directions belong to a level above all those that the operands of kernels have. There is one such level, so a
definition with such derivatives must not be part of another one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba.extending import intrinsic

from numbafunc.numbers.keys import VALUE, Key, Unit, sort_keys
from numbafunc.numbers.numba_type import NumberType, pack, unpack
from numbafunc.numbers.number import Number

_ABOVE_ALL = 1 << 20


@cache
def moving(direction: int) -> Any:
    """The intrinsic ``moving(x)``: a number with a tangent of 1 along a direction."""
    key: Key = ((_ABOVE_ALL, direction),)

    @intrinsic
    def seed(typingctx: Any, x: Any) -> Any:
        target = NumberType(x.dtype, sort_keys([*x.keys, key]), x.lanes)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            number = unpack(context, builder, x, args[0], target.dtype)
            parts = {**number.parts, key: number.value.constant(1.0)}
            return pack(context, builder, target, Number(parts, number.cores))

        return target(x), codegen

    return seed


@cache
def slope(direction: int) -> Any:
    """The intrinsic ``slope(y)``: the derivative of a number along a direction, a number of the levels below."""
    unit: Unit = (_ABOVE_ALL, direction)

    def without(key: Key) -> Key:
        return tuple(other for other in key if other != unit)

    @intrinsic
    def taken(typingctx: Any, y: Any) -> Any:
        kept = [key for key in y.keys if unit in key]
        target = NumberType(y.dtype, sort_keys([VALUE, *map(without, kept)]), y.lanes)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            number = unpack(context, builder, y, args[0], target.dtype)
            parts = {without(key): number.parts[key] for key in kept}
            parts.setdefault(VALUE, number.value.constant(0.0))
            return pack(context, builder, target, Number(parts, number.cores))

        return target(y), codegen

    return taken


__all__ = ["moving", "slope"]
