"""Softmax and its relatives inside compiled functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from numbafunc.inside.operands import Operand, as_mask, chosen, flag, float_dtype
from numbafunc.inside.reduction import Axes, reduction
from numbafunc.kinds.njit_arguments import UNKNOWN, known, refuse
from numbafunc.kinds.reduction import REGISTRY
from numbafunc.ops import softmax as ops


def _normalized(public: Any, x: Any, axis: Any, where: Any, initial: Any) -> Any:
    name = public.__name__
    operand = Operand.of(name, "x", x, boolean=False)
    dtype = float_dtype([operand])
    if known(where) is None and known(initial) is None:
        return reduction(public, REGISTRY[name], [operand], Axes.of(name, axis, operand.ndim), dtype)
    number = initial.dtype if isinstance(initial, types.Array) and initial.ndim == 0 else initial
    if not isinstance(number, (types.Number, types.Boolean, types.Literal)) and known(initial) is UNKNOWN:
        raise refuse(name, "initial", initial, "a number")
    start = "-np.inf" if known(initial) is None else "initial[()]" if isinstance(initial, types.Array) else "initial"
    op = REGISTRY[f"{name}_where"]
    if known(where) is None:
        mask, before = Operand("mask", np.dtype(bool), 0, False, True), ["mask = True"]
    else:
        mask, before = as_mask(name, where)
    axes = Axes.of(name, axis, max(operand.ndim, mask.ndim))
    return reduction(public, op, [operand, mask], axes, dtype, numbers=[start], before=before)


def softmax(x: Any, axis: Any, where: Any, initial: Any) -> Any:
    """Implementation of softmax."""
    return _normalized(ops.softmax, x, axis, where, initial)


def log_softmax(x: Any, axis: Any, where: Any, initial: Any) -> Any:
    """Implementation of log_softmax."""
    return _normalized(ops.log_softmax, x, axis, where, initial)


def logsumexp(a: Any, axis: Any, b: Any, keepdims: Any, return_sign: Any, where: Any) -> Any:
    """Implementation of logsumexp."""
    public, name = ops.logsumexp, "logsumexp"
    kept, signed = flag(name, "keepdims", keepdims), flag(name, "return_sign", return_sign)
    operands = [Operand.of(name, "a", a)]
    numbers: list[str] = []
    if known(b) is not None:
        operands.append(Operand.of(name, "b", b))
    elif signed:
        numbers = ["1.0"]
    dtype, before = float_dtype(operands), list[str]()
    names: dict[str, Any] = {}
    if known(where) is not None and known(b) is None and not signed:
        mask, before = as_mask(name, where)
        axes = Axes.of(name, axis, max(operands[0].ndim, mask.ndim))
        op = REGISTRY["logsumexp_where"]
        return reduction(public, op, [*operands, mask], axes, dtype, keepdims=kept, before=before)
    if known(where) is not None:
        given, operands = operands, []
        for one, fill in zip(given, ("-np.inf", "0.0")):
            kept_one, lines, names = chosen(name, one, where, fill, dtype)
            operands.append(kept_one)
            before += lines
    axes = Axes.of(name, axis, max(one.ndim for one in operands))
    op = REGISTRY["logsumexp_signed" if signed else name if known(b) is None else "logsumexp_weighted"]
    return reduction(public, op, operands, axes, dtype, numbers=numbers, keepdims=kept, before=before, names=names)


__all__ = ["log_softmax", "logsumexp", "softmax"]
