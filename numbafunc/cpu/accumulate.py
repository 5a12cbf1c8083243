"""Accumulation inside reduction kernels: sums that vectorise and still do not depend on the number of threads.

A block of a few hundred terms is summed in lanes, see :mod:`numbafunc.cpu.order_of_sums`. Block sums are then added one
after the other, and the rounding error of each addition is kept (Knuth's two-sum; Ogita, Rump and Oishi, Accurate sum
and dot product, SIAM J. Sci. Comput. 26, 2005). So the error does not grow with the number of blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from numba.core import types
from numba.extending import intrinsic

from numbafunc.cpu.order_of_sums import MAY_REORDER, summed_in
from numbafunc.numbers.keys import VALUE, sort_keys
from numbafunc.numbers.numba_type import NumberType, pack, unpack
from numbafunc.numbers.number import Number
from numbafunc.numbers.real import Real, select


def typed_and_lowered(name: str, unpack: Callable[..., Number]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Typing function and code generator of an intrinsic on numbers, given the compiler's way to unpack them."""
    emit, keys = EMITTED[name]

    def typed(*operands: Any) -> Any:
        widest = max((o.dtype for o in operands if isinstance(o, NumberType)), key=lambda dtype: dtype.bitwidth)
        return NumberType(widest, keys(*(o.keys if isinstance(o, NumberType) else (VALUE,) for o in operands)))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        numbers = (unpack(context, builder, t, v, sig.return_type.dtype) for t, v in zip(sig.args, args))
        return pack(context, builder, sig.return_type, emit(*numbers))

    return typed, codegen


def _union(*keys: Any) -> Any:
    return sort_keys(key for some in keys for key in some)


def _each(operation: Callable[..., Real]) -> Callable[..., Number]:
    """Apply an operation of reals to the coefficients of numbers, zero where one is missing."""

    def emit(*numbers: Number) -> Number:
        zero = numbers[0].value.constant(0.0)
        keys = _union(*(number.parts for number in numbers))
        return Number({key: operation(*(n.parts.get(key, zero) for n in numbers)) for key in keys}, numbers[0].cores)

    return emit


def _reassociable_sum(a: Real, b: Real) -> Real:
    return Real(a.builder, a.builder.fadd(a.value, b.value, flags=(MAY_REORDER,)))


def _sum_error(a: Real, b: Real) -> Real:
    total = a + b
    b_share = total - a
    return (a - (total - b_share)) + (b - b_share)


def _with_finite(total: Real, lost: Real) -> Real:
    # An infinite total leaves NaN behind as its error.
    return total + select(abs(lost) < math.inf, lost, 0.0)


# For each operation the code that it emits and the coefficients of its result.
EMITTED: dict[str, tuple[Callable[..., Number], Callable[..., Any]]] = {
    "larger": (lambda a, b: Number({VALUE: a.value.maximum(b.value)}, a.cores), lambda *keys: (VALUE,)),
    "add": (_each(_reassociable_sum), _union),
    "plus": (_each(lambda a, b: a + b), _union),
    "rounding_error": (_each(_sum_error), _union),
    "settled": (_each(_with_finite), _union),
}

_LARGER, _SUM, _EXACT_SUM, _ERROR, _SETTLED = (typed_and_lowered(name, unpack) for name in EMITTED)


@intrinsic
def larger(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger of two values, NaN when either is NaN; tangents are dropped, since a shift is a constant."""
    return _LARGER[0](a, b)(a, b), _LARGER[1]


@intrinsic
def add(typingctx: Any, a: Any, b: Any, lanes: Any) -> Any:
    """Sum of two numbers in a loop that sums in so many lanes, a literal: :mod:`numbafunc.cpu.order_of_sums`."""
    if not isinstance(lanes, types.IntegerLiteral):
        return None  # Numba tries again with the literal

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        inner = sig.return_type(*sig.args[:2])
        with summed_in(builder.basic_block, lanes.literal_value):
            return _SUM[1](context, builder, inner, args[:2])

    return _SUM[0](a, b)(a, b, lanes), codegen


@intrinsic
def plus(typingctx: Any, a: Any, b: Any) -> Any:
    """Sum of two numbers, rounded."""
    return _EXACT_SUM[0](a, b)(a, b), _EXACT_SUM[1]


@intrinsic
def rounding_error(typingctx: Any, a: Any, b: Any) -> Any:
    """The rounding error of ``plus(a, b)``, exactly."""
    return _ERROR[0](a, b)(a, b), _ERROR[1]


@intrinsic
def settled(typingctx: Any, total: Any, lost: Any) -> Any:
    """A total plus its rounding error, kept until now."""
    return _SETTLED[0](total, lost)(total, lost), _SETTLED[1]
