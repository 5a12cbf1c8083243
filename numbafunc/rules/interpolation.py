"""Rules of interp and unwrap.

Between the knots i and i + 1, interp is ``f_i + s (x - x_i)`` with the slope ``s = (f_{i+1} - f_i) / (x_{i+1} - x_i)``.
At a knot the interval on its right counts, at the last knot the one on its left; outside, the end values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, make, quiet, value_of
from numbafunc.dual.products import align, finish, scale
from numbafunc.rules.linalg import separate, whole
from numbafunc.rules.linear import rule_for
from numbafunc.rules.ufuncs import combine


@rule_for(np.interp)
def _interp(
    x: Operand, xp: Operand, fp: Operand, left: Operand = None, right: Operand = None, period: Any = None
) -> Any:
    x, xp, fp = (v if type(v) is Dual else np.asarray(v) for v in (x, xp, fp))
    if period is not None:
        if type(period) is Dual:
            raise TypeError("numpy.interp: period can't be a dual array")
        if period == 0:
            raise ValueError("period must be a non-zero value")
        period = abs(period)
        left = right = None
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(value_of(xp))
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    # The end values are operands too.
    left = fp[0] if left is None else left
    right = fp[-1] if right is None else right
    level, operands, tangents = separate("numpy.interp", x, xp, fp, left, right)
    if level == 0:
        # NumPy takes complex end values as Python numbers only.
        return np.interp(x, xp, fp, *(np.asarray(end).item() for end in (left, right)))
    value = whole(_interp(*operands))
    with quiet():
        return finish(value, _interp_tangent(value.ndim, *operands, *tangents), level)


def _interp_tangent(
    ndim: int,
    x: Operand, xp: Operand, fp: Operand, left: Operand, right: Operand,
    dx: Any, dxp: Any, dfp: Any, dleft: Any, dright: Any,
) -> Any:  # fmt: skip
    points, knots = value_of(x), value_of(xp)
    below, above = points < knots[0], points > knots[-1]
    inside = ~(below | above)
    change: Any = None
    if len(knots) > 1:
        i = np.clip(np.searchsorted(knots, points, "right") - 1, 0, len(knots) - 2)
        width = xp[i + 1] - xp[i]
        slope = (fp[i + 1] - fp[i]) / width
        share = (x - xp[i]) / width
        if dx is not None:
            change = scale(slope, dx)
        if dxp is not None:
            change = combine(change, -scale(slope, scale(1 - share, dxp[:, i]) + scale(share, dxp[:, i + 1])))
        if dfp is not None:
            change = combine(change, scale(1 - share, dfp[:, i]) + scale(share, dfp[:, i + 1]))
    elif dfp is not None:
        change = np.broadcast_to(align(dfp[:, 0], ndim), (dfp.shape[0], *points.shape))
    if change is None:
        change = 0
    change = np.where(inside, change, 0)
    for outside, moved in ((below, dleft), (above, dright)):
        if moved is not None:
            change = np.where(outside, align(moved, ndim), change)
    if np.ndim(change) == ndim:
        # Only end values moved, and no point lies beyond them.
        directions = next(d.shape[0] for d in (dx, dxp, dfp, dleft, dright) if d is not None)
        change = np.broadcast_to(change, (directions, *points.shape))
    return change


@rule_for(np.unwrap)
def _unwrap(p: Operand, discont: Any = None, axis: int = -1, *, period: float = 2 * np.pi) -> Any:
    value = np.unwrap(p.primal, discont, axis, period=period)
    # Multiples of the period are added, which do not move.
    return make(value, p.tangent.astype(value.dtype), p.level)
