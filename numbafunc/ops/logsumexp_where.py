"""The logarithm of a sum of exponentials of what a mask leaves."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.kinds import arguments
from numbafunc.kinds.reduction import Reduction, Stages
from numbafunc.numbers.elementary import exp, log1p, with_slope_of

_INFINITY = np.inf


def _shift_where(x: Any, mask: Any) -> Any:
    return x if mask != 0 else -_INFINITY


def _tops_and_rest(shift: Any, x: Any, mask: Any) -> Any:
    # Largest elements are counted apart from the sum of the others, of which log1p keeps all digits.
    none = 0 * mask
    top = with_slope_of(1, exp(with_slope_of(0, x))) if shift > -_INFINITY else none
    below = exp(x - shift) if shift > -_INFINITY else exp(x)
    if mask == 0:
        return (none, none)
    return (top if x == shift else none, none if x == shift else below)


def _log_total(shift: Any, count: Any, tops: Any, rest: Any) -> Any:
    return (log1p((tops - 1) + rest) + shift,)


_logsumexp_where = Reduction(
    "logsumexp_where", Stages(shift_of=_shift_where, lift=_tops_and_rest, finish=_log_total, sums=2)
)


def logsumexp_where(a: Any, axis: Any, mask: Any, *, keepdims: bool) -> Any:
    """``log(sum(exp(a)))`` over entries where the mask is true, which may enlarge ``a``; -inf where there are none."""
    operand = arguments.as_array(a, "a", device=True)
    shape = arguments.broadcast({"a": arguments.shape_of(operand), "where": arguments.shape_of(mask)})
    axes, dtype = arguments.normalize_axes(axis, len(shape)), arguments.float_dtype([operand])
    return _logsumexp_where([operand, mask], axes, dtype, shape=shape, keepdims=keepdims, names=("a", "where"))
