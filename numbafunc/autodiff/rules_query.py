"""Rules of functions that depend on the value alone, and of those made of functions that have rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.autodiff.dual import FUNCTION_RULES, Dual, Operand, quiet, value_of
from numbafunc.autodiff.products import align, finish
from numbafunc.autodiff.rules_linear import refuse, rule_for


def define_on_value(function: Callable[..., Any]) -> None:
    """Register a function whose result has no derivative: an index, a truth value, a shape, a constant array."""

    def rule(*args: Any, **options: Any) -> Any:
        return function(*map(value_of, args), **{name: value_of(option) for name, option in options.items()})

    FUNCTION_RULES[function] = rule


for _function in (
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.iscomplexobj, np.isrealobj,
    np.zeros_like, np.ones_like, np.empty_like,
    np.argmax, np.argmin, np.argsort, np.nonzero, np.flatnonzero, np.count_nonzero, np.searchsorted,
    np.any, np.all, np.array_equal, np.allclose, np.isclose, np.round, np.around,
):  # fmt: skip
    define_on_value(_function)


@rule_for(np.full_like)
def _full_like(a: Operand, fill_value: Operand, **options: Any) -> Any:
    if type(fill_value) is Dual:
        raise TypeError(
            "numpy.full_like: fill_value can't be a dual array; use numpy.broadcast_to(fill_value, a.shape)"
        )
    return np.full_like(value_of(a), fill_value, **options)


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
    refuse("clip", out=out)
    lower = min if a_min is None else a_min
    upper = max if a_max is None else a_max
    if type(a) is Dual and type(lower) is not Dual and type(upper) is not Dual:
        return _clip_between(a, lower, upper)
    if lower is not None:
        a = np.maximum(a, lower)
    return a if upper is None else np.minimum(a, upper)
