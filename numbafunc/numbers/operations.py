"""Functions and operators of Python on numbers of the algebra: one table for all that run definitions.

It is registered with Numba twice, for processors and for CUDA devices; plain Python uses it where kernels are
simulated.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from numbafunc.numbers import binary, elementary, number as algebra
from numbafunc.numbers.keys import VALUE, Key, closed_keys, product_keys, sort_keys

Keys = tuple[Key, ...]

PLAIN: Keys = (VALUE,)


class Operation(NamedTuple):
    """A function of numbers: the keys of its result, given those of the operands, and what computes it."""

    arity: int
    keys: Callable[..., Keys]
    emit: Callable[..., Any]


class Query(NamedTuple):
    """A question about values: coefficients are ignored, and the answer is a truth value."""

    arity: int
    ask: Callable[..., Any]


OPERATIONS: dict[Any, Operation] = {}
QUERIES: dict[Any, Query] = {}


def union(*keys: Keys) -> Keys:
    """The keys that a sum can have."""
    return sort_keys([key for some in keys for key in some])


def closed(*keys: Keys) -> Keys:
    """The keys that an analytic function of some numbers can have."""
    return closed_keys(union(*keys))


def _plain(*keys: Keys) -> Keys:
    return PLAIN


def _first(*keys: Keys) -> Keys:
    return keys[0]


def _on_value(name: str) -> Callable[[Any], Any]:
    """A step function, by the name of the method of a value."""
    return lambda x: x.locally_constant(lambda value: getattr(value, name)())


def _elementary(name: str) -> Callable[[Any], Any]:
    return lambda x: x.emit_elementary(name)


def _arithmetic() -> Iterator[tuple[Any, Operation]]:
    for name, keys in (("add", union), ("sub", union), ("mul", product_keys), ("truediv", closed)):
        emit = getattr(operator, name)
        for function in (emit, getattr(operator, f"i{name}")):
            yield function, Operation(2, keys, emit)
    yield operator.neg, Operation(1, union, operator.neg)
    yield operator.pos, Operation(1, union, operator.pos)
    for function in (builtins.abs, math.fabs, np.abs, np.fabs):
        yield function, Operation(1, union, operator.abs)


def _functions() -> Iterator[tuple[Any, Operation]]:
    for name, entry in elementary.FUNCTIONS.items():
        for function in {entry, getattr(math, name, entry), getattr(np, name, entry)}:
            yield function, Operation(1, closed, _elementary(name))
    for function, name in ((np.floor, "floor"), (np.rint, "rint"), (math.floor, "floor")):
        yield function, Operation(1, _plain, _on_value(name))
    for function in (np.ceil, math.ceil):
        yield function, Operation(1, _plain, lambda x: x.locally_constant(lambda value: -((-value).floor())))
    for names, emit, keys in (
        (("hypot",), binary.hypot, closed),
        (("mod", "remainder"), binary.remainder, union),
        (("fmod",), binary.fmod, union),
        (("floordiv", "floor_divide"), binary.floor_divide, _plain),
        (("atan2", "arctan2"), binary.arctan2, closed),
    ):
        # math.remainder is another function: it rounds the quotient to nearest.
        places = [(module, name) for module in (math, np, operator) for name in names]
        found = {getattr(module, name) for module, name in places if hasattr(module, name)} - {math.remainder}
        for function in found:
            yield function, Operation(2, keys, emit)
    yield np.square, Operation(1, lambda x: product_keys(x, x), lambda x: x * x)
    for function in (elementary.maximum, np.maximum, builtins.max):
        yield function, Operation(2, union, algebra.maximum)
    for function in (elementary.minimum, np.minimum, builtins.min):
        yield function, Operation(2, union, algebra.minimum)
    yield (
        elementary.multiply_add,
        Operation(3, lambda a, b, c: union(product_keys(a, b), c), algebra.multiply_add),
    )
    yield elementary.with_slope_of, Operation(2, union, algebra.Number.emit_with_slope_of)
    yield elementary.still_below, Operation(2, _first, algebra.still_below)
    yield elementary.damped, Operation(2, product_keys, lambda x, factor: factor.scaled(x))
    yield elementary.coarse, Operation(1, _plain, algebra.coarse)
    yield elementary.at_top, Operation(2, _plain, algebra.at_top)
    yield elementary.below_top, Operation(2, _first, algebra.below_top)
    yield elementary.from_top, Operation(2, _first, algebra.from_top)
    yield elementary.exp_at_top, Operation(2, lambda x, top: closed(x), algebra.exp_at_top)
    yield elementary.exp_below_top, Operation(2, lambda x, top: closed(x), algebra.exp_below_top)
    yield elementary.like, Operation(2, union, lambda value, x: value)
    yield elementary.constant, Operation(1, _plain, lambda x: x.locally_constant(lambda value: value))


def _queries() -> Iterator[tuple[Any, Query]]:
    yield operator.lt, Query(2, operator.lt)
    yield operator.le, Query(2, operator.le)
    yield operator.gt, Query(2, operator.gt)
    yield operator.ge, Query(2, operator.ge)
    yield operator.eq, Query(2, lambda a, b: a.equals(b))
    yield operator.ne, Query(2, lambda a, b: a.differs(b))
    for module in (math, np):
        yield module.isnan, Query(1, lambda x: x.is_nan())
        yield module.isinf, Query(1, lambda x: abs(x).equals(math.inf))
        yield module.isfinite, Query(1, lambda x: abs(x) < math.inf)


OPERATIONS.update(_arithmetic())
OPERATIONS.update(_functions())
QUERIES.update(_queries())
