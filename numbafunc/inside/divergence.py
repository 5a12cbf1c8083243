"""Divergences inside compiled functions."""

from __future__ import annotations

from typing import Any

from numba.core import types

from numbafunc.inside.operands import Operand, float_dtype
from numbafunc.inside.reduction import Axes, reduction
from numbafunc.kinds.njit_arguments import refuse
from numbafunc.kinds.reduction import REGISTRY
from numbafunc.ops import divergence as ops


def kl(p: Any, q: Any, eps: Any) -> Any:
    """Implementation of kl for vectors; the matrix product of others is NumPy's."""
    name = "divergence.kl"
    given = [Operand.of(name, one, type_) for one, type_ in (("p", p), ("q", q), ("eps", eps))]
    for one, type_, most in zip(given, (p, q, eps), (1, 1, 0)):
        if one.ndim > most or (one.name == "p" and not one.ndim):
            raise refuse(name, one.name, type_, "a number" if not most else "a vector")
    number = "eps[()]" if isinstance(eps, types.Array) else "eps"
    before = ["if q.shape[0] != 1 and q.shape[0] != p.shape[0]:", "    raise ValueError('p and q differ in length')"]
    dtype = float_dtype(given)
    axes = Axes(1, (0,))
    before = before if given[1].ndim else []
    return reduction(ops.kl, REGISTRY["kl"], given[:2], axes, dtype, numbers=[number], before=before)
