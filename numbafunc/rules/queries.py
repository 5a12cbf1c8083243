"""Rules of functions that depend on the value alone, and of those made of functions that have rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.dual.array import FUNCTION_RULES, Dual, Operand, make, quiet, value_of
from numbafunc.dual.dtypes import is_float
from numbafunc.dual.products import align, finish
from numbafunc.rules.linear import into, rule_for


def define_on_value(function: Callable[..., Any]) -> None:
    """Register a function whose result has no derivative: an index, a truth value, a shape, a constant array."""

    def rule(*args: Any, **options: Any) -> Any:
        return function(*map(value_of, args), **{name: value_of(option) for name, option in options.items()})

    FUNCTION_RULES[function] = rule


for _function in (
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.iscomplexobj, np.isrealobj,
    np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.argwhere, np.nonzero,
    np.flatnonzero, np.count_nonzero, np.searchsorted, np.digitize, np.isin, np.common_type,
    np.tril_indices_from, np.triu_indices_from, np.diag_indices_from,
    np.any, np.all, np.array_equal, np.array_equiv, np.allclose, np.isclose, np.isreal, np.iscomplex,
    np.isposinf, np.isneginf, np.round, np.around, np.fix,
):  # fmt: skip
    define_on_value(_function)


@rule_for(np.lexsort)
def _lexsort(keys: Any, axis: int = -1) -> Any:
    return np.lexsort(value_of(keys) if type(keys) is Dual else tuple(map(value_of, keys)), axis)


def _constant_like(function: Callable[..., Any], a: Operand, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    value = function(value_of(a), *args, **options)
    if type(a) is not Dual or not (is_float(value.dtype) or value.dtype.kind == "c"):
        return value
    # It has a tangent, of zeros, so that what is made to be filled can be filled with dual arrays.
    return make(value, np.zeros((a.tangent.shape[0], *value.shape), value.dtype), a.level)


def _define_constant_like(function: Callable[..., Any]) -> None:
    @rule_for(function)
    def rule(prototype: Operand, *args: Any, **options: Any) -> Any:
        return _constant_like(function, prototype, args, options)


_define_constant_like(np.zeros_like)
_define_constant_like(np.ones_like)
_define_constant_like(np.empty_like)


@rule_for(np.full_like)
def _full_like(a: Operand, fill_value: Operand, *args: Any, **options: Any) -> Any:
    if type(fill_value) is not Dual:
        return _constant_like(np.full_like, a, (fill_value, *args), options)
    like = _constant_like(np.zeros_like, fill_value if type(a) is not Dual else a, (), {})
    value = np.zeros_like(value_of(a), *args, **options)
    if type(like) is not Dual or not is_float(value.dtype):
        raise TypeError(f"numpy.full_like: an array of dtype {value.dtype} can't be filled with a dual array")
    filled = make(value, np.zeros((like.tangent.shape[0], *value.shape), value.dtype), like.level)
    filled[...] = fill_value
    return filled


def _clip_between(a: Dual, lower: Any, upper: Any) -> Any:
    primal = value_of(a)
    # The first operand at a tie, like maximum and minimum; NaN passes through.
    taken = primal == primal if lower is None else primal >= lower
    if upper is not None:
        taken = taken & (primal <= upper)
    taken = taken | (primal != primal)
    value = np.clip(a.primal, lower, upper)
    tangent = align(a.tangent, value.ndim)
    with quiet():
        return finish(value if type(value) is Dual else np.asarray(value), np.where(taken, tangent, 0), a.level)


@rule_for(np.clip)
def _clip(
    a: Operand, a_min: Operand = None, a_max: Operand = None, out: Any = None, *, min: Any = None, max: Any = None
) -> Any:
    lower = min if a_min is None else a_min
    upper = max if a_max is None else a_max
    if type(a) is Dual and type(lower) is not Dual and type(upper) is not Dual:
        return into(out, a.copy() if lower is None and upper is None else _clip_between(a, lower, upper), "clip")
    if lower is not None:
        a = np.maximum(a, lower)
    if upper is not None:
        a = np.minimum(a, upper)
    elif lower is None:
        a = a.copy()
    return into(out, a, "clip")
