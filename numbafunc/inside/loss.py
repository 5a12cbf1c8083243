"""Losses inside compiled functions. Shapes that differ are broadcast without the warning that Python gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from numbafunc.inside.operands import (
    Operand,
    as_mask,
    at_defaults,
    float_dtype,
    implementation,
    is_integer,
    known,
    refuse,
)
from numbafunc.inside.reduction import Axes, reducer, reduction, results
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


def _logits(name: str, operand: str, given: Any) -> Operand:
    found = Operand.of(name, operand, given, boolean=False)
    if not found.ndim:
        raise refuse(name, operand, given, "an array of shape (..., classes)")
    return found


def cross_entropy_logits(logits: Any, labels: Any, weight: Any, where: Any, label_smoothing: Any) -> Any:
    """Implementation of cross_entropy_logits."""
    at_defaults(ops.cross_entropy_logits, (weight, where, label_smoothing))
    name = "loss.cross_entropy_logits"
    operands = [_logits(name, "logits", logits), _logits(name, "labels", labels)]
    ndim = max(one.ndim for one in operands)
    before = [
        "if logits.shape[-1] < labels.shape[-1]:",
        "    raise ValueError('labels has more classes than logits')",
    ]
    axes = Axes(ndim, (ndim - 1,))
    dtype = float_dtype(operands)
    return reduction(ops.cross_entropy_logits, REGISTRY["cross_entropy_logits"], operands, axes, dtype, before=before)


def cross_entropy_logits_sparse(
    logits: Any, labels: Any, ignore_index: Any, weight: Any, where: Any, label_smoothing: Any
) -> Any:
    """Implementation of cross_entropy_logits_sparse."""
    at_defaults(ops.cross_entropy_logits_sparse, (weight, where, label_smoothing))
    name = "loss.cross_entropy_logits_sparse"
    ignores = known(ignore_index) is not None
    if ignores and not is_integer(ignore_index):
        raise refuse(name, "ignore_index", ignore_index, "None or an integer")
    x = _logits(name, "logits", logits)
    array = isinstance(labels, types.Array)
    wanted = f"an integer, or an array of integers with {x.ndim - 1} axes"
    integers = isinstance(labels.dtype, types.Integer) if array else is_integer(labels)
    if not integers or (array and labels.ndim != x.ndim - 1):
        raise refuse(name, "labels", labels, wanted)
    op, dtype = REGISTRY["cross_entropy_logits_sparse"], float_dtype([x])
    axes = Axes(x.ndim, (x.ndim - 1,))
    lines = ["classes = logits.shape[-1]"]
    if array and labels.ndim:
        lines += [
            "rows = np.broadcast_shapes(logits.shape[:-1], labels.shape)",
            "shape = rows + (classes,)",
            "places = run_of(np.broadcast_to(labels, rows).copy())",
        ]
        if labels.dtype == types.uint64:
            lines.append("places = np.minimum(places, np.uint64(classes))")  # none becomes negative
        lines += [*x.spread("shape", x.ndim), "places = places.astype(np.int64)"]
    else:
        if not array:
            lines += [
                f"if (labels < -classes or labels >= classes){' and labels != ignore_index' if ignores else ''}:",
                "    raise IndexError('labels is out of range')",
            ]
        number = "labels[()]" if array else "labels"
        lines += ["shape = logits.shape", f"flat_logits = {x.flat()}", f"places = np.full(1, np.int64({number}))"]
    lines += [*axes.sizes("shape")]
    if axes.left(keepdims=False):
        lines += ["if classes == 0:", "    return np.full(shape[:-1], np.nan, dtype)"]
    reduce = reducer(op, (x.storage, "int64"), (True, False), dtype.name)
    step = "1" if array and labels.ndim else "0"
    *found, last = results(op, ["flat_logits", "places", step], axes)
    if ignores:
        found += [
            "flat = run_of(result0)",
            "for i in range(flat.size):",
            f"    if places[{'i' if step == '1' else '0'}] == ignore_index:",
            "        flat[i] = 0",
        ]
    lines += [*found, last]
    return implementation(ops.cross_entropy_logits_sparse, lines, {"reduce": reduce, "dtype": np.dtype(dtype)})
