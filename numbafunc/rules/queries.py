"""Rules of functions of the value alone (indices, truth values, shapes), and of those that make arrays like others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, make, value_of
from numbafunc.dual.dtypes import is_float, is_inexact
from numbafunc.rules.register import define_on_value, rule_for

define_on_value(
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.common_type,
    np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.argwhere, np.nonzero,
    np.flatnonzero, np.count_nonzero, np.searchsorted, np.digitize, np.isin,
    np.tril_indices_from, np.triu_indices_from, np.diag_indices_from,
    np.any, np.all, np.array_equal, np.array_equiv, np.allclose, np.isclose, np.isposinf, np.isneginf,
)  # fmt: skip


@rule_for(np.lexsort)
def _lexsort(keys: Any, axis: int = -1) -> Any:
    return np.lexsort(value_of(keys) if type(keys) is Dual else tuple(map(value_of, keys)), axis)


def _constant_like(function: Callable[..., Any], a: Operand, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    value = function(value_of(a), *args, **options)
    if type(a) is not Dual or not is_inexact(value.dtype):
        return value
    # It has a tangent, of zeros, so that dual arrays can be stored in it.
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
