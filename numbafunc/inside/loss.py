"""Losses inside compiled functions. Shapes that differ are broadcast without the warning that Python gives."""

from __future__ import annotations

from typing import Any

from numbafunc.inside.operands import Operand, as_mask, float_dtype, is_integer
from numbafunc.inside.reduction import Axes, reduction
from numbafunc.kinds.njit_arguments import known, refuse
from numbafunc.kinds.reduction import REGISTRY
from numbafunc.ops import loss as ops


def l2(x: Any, where: Any) -> Any:
    """Implementation of l2."""
    operand = Operand.of("loss.l2", "x", x)
    dtype, axes = float_dtype([operand]), Axes(operand.ndim, tuple(range(operand.ndim)))
    if known(where) is None:
        return reduction(ops.l2, REGISTRY["l2"], [operand], axes, dtype)
    mask, before = as_mask("loss.l2", where)
    if mask.ndim > operand.ndim:
        raise refuse("loss.l2", "where", where, f"truth values with at most {operand.ndim} axes")
    return reduction(ops.l2, REGISTRY["l2_where"], [operand, mask], axes, dtype, before=before)


def _mean(public: Any, names: tuple[str, str], x: Any, y: Any, keep_axis: Any, where: Any, *, boolean: bool) -> Any:
    name = f"loss.{public.__name__}"
    operands = [Operand.of(name, one, type_, boolean=boolean) for one, type_ in zip(names, (x, y))]
    kept = known(keep_axis)
    if kept is not None and not (isinstance(kept, tuple) and all(map(is_integer, kept))):
        raise refuse(name, "keep_axis", keep_axis, "None or a tuple of integers written out")
    ndim, dtype = max(one.ndim for one in operands), float_dtype(operands)
    if any(not 0 <= axis < max(ndim, 1) for axis in kept or ()):
        raise refuse(name, "keep_axis", keep_axis, f"axes from 0 to {max(ndim, 1) - 1}, or None")
    axes = Axes(ndim, tuple(axis for axis in range(ndim) if axis not in (kept or ())))
    if known(where) is None:
        return reduction(public, REGISTRY[public.__name__], operands, axes, dtype)
    mask, before = as_mask(name, where)
    if mask.ndim > ndim:
        raise refuse(name, "where", where, f"truth values with at most {ndim} axes")
    return reduction(public, REGISTRY[f"{public.__name__}_where"], [*operands, mask], axes, dtype, before=before)


def mean_absolute_error(x: Any, y: Any, keep_axis: Any, where: Any) -> Any:
    """Implementation of mean_absolute_error."""
    return _mean(ops.mean_absolute_error, ("x", "y"), x, y, keep_axis, where, boolean=False)


def mean_squared_error(x: Any, y: Any, keep_axis: Any, where: Any) -> Any:
    """Implementation of mean_squared_error."""
    return _mean(ops.mean_squared_error, ("x", "y"), x, y, keep_axis, where, boolean=False)


def mean_squared_log_error(y_true: Any, y_pred: Any, keep_axis: Any, where: Any) -> Any:
    """Implementation of mean_squared_log_error."""
    return _mean(ops.mean_squared_log_error, ("y_true", "y_pred"), y_true, y_pred, keep_axis, where, boolean=True)
