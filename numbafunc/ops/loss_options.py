"""Options of the cross entropies: classes and rows that are left out, weights of classes, smoothed labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.dual.array import on_device
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments
from numbafunc.kinds.elementwise import Elementwise
from numbafunc.kinds.reduction import Reduction, Stages
from numbafunc.limits import broadcast_shapes
from numbafunc.numbers.elementary import (
    at_top,
    below_top,
    damped,
    exp_at_top,
    exp_below_top,
    log1p,
    softplus,
    with_slope_of,
)
from numbafunc.ops.masks import mask_for, masked, number_taken

_INFINITY = np.inf


def _left(x: Any, label: Any, weight: Any, mask: Any, kept: Any, spread: Any) -> Any:
    return x if mask != 0 else -_INFINITY


def _tops_rest_and_products(shift: Any, x: Any, label: Any, weight: Any, mask: Any, kept: Any, spread: Any) -> Any:
    # A class whose label is 0 contributes nothing, even if its share is 0 too.
    factor = weight * (kept * label + spread)
    top, none = at_top(x, shift), 0 * mask
    terms = (
        exp_at_top(x, shift),
        exp_below_top(x, shift),
        factor if top != 0 else 0 * factor,
        0 * factor if top != 0 else factor,
        factor * with_slope_of(0, x) if top != 0 else 0 * factor,
        0 * factor if top != 0 else damped(below_top(x, shift), factor),
    )
    return (
        terms[0] if mask != 0 else none,
        terms[1] if mask != 0 else none,
        terms[2] if mask != 0 else none,
        terms[3] if mask != 0 else none,
        terms[4] if mask != 0 else none,
        terms[5] if mask != 0 else none,
    )


def _total_of_surprises(
    shift: Any, count: Any, tops: Any, rest: Any, of_tops: Any, of_rest: Any, moves: Any, product: Any
) -> Any:
    # With l = log(tops + rest), the factors of the tops times l, and the factors of the others times l - (x - shift).
    # A top that is the only one cancels in its own surprise, log1p(rest / tops), which so keeps its digits.
    logarithm = log1p((tops - 1) + rest)
    at_tops = of_tops * log1p(rest / tops) if tops == 1 else damped(logarithm, of_tops) - moves
    return (at_tops + (damped(logarithm, of_rest) - product),)


_weighted = Reduction(
    "cross_entropy_weighted",
    Stages(shift_of=_left, lift=_tops_rest_and_products, finish=_total_of_surprises, sums=6),
)

_WEIGHTED = ("logits", "labels", "weight", "where", "label_smoothing", "label_smoothing")


def _row(surprise: Any, weight: Any, kept: Any, spread: Any, label_taken: Any, left: Any) -> Any:
    if label_taken == 0 or left == 0:
        return 0 * left
    # Weight 0 takes no notice of an infinite loss, but of one that is no number, as for a label out of range.
    share = kept * weight
    return (surprise * share if math.isnan(surprise) else damped(surprise, share)) + spread


_ROW = Elementwise(_row, name="cross_entropy_row", identity=f"{__name__}._row")


def _weighted_binary(logits: Any, labels: Any, pos_weight: Any) -> Any:
    return damped(softplus(logits), 1 - labels) + damped(softplus(-logits), pos_weight * labels)


_WEIGHTED_BINARY = Elementwise(
    _weighted_binary, name="weighted sigmoid cross entropy", identity=f"{__name__}._weighted_binary"
)


def smoothing(label_smoothing: Any) -> float:
    """The share of a label that is spread over all classes, checked."""
    if type(label_smoothing) is float and label_smoothing == 0:
        return 0.0
    arguments.check_known(label_smoothing, "label_smoothing")
    share = arguments.as_scalar(label_smoothing, "label_smoothing")
    if not 0 <= share <= 1:
        raise ValueError(f"label_smoothing is {label_smoothing!r}; wanted: from 0 to 1")
    return share  # type: ignore[no-any-return]


def ignored_label(ignore_index: Any) -> int | None:
    """The label that is left out, checked; None if there is none."""
    ignored = None if ignore_index is None else arguments.as_int(ignore_index)
    if ignored is None and ignore_index is not None:
        raise TypeError(f"ignore_index is {ignore_index!r}; wanted: None or an int")
    return ignored


def class_weights(weight: Any, classes: int) -> Any:
    """The weights of the classes, checked; 1.0 where there are none."""
    if weight is None:
        return 1.0
    weights = arguments.as_array(weight, "weight", boolean=False, device=True)
    if arguments.shape_of(weights) != (classes,):
        raise ShapeError(f"weight has shape {weights.shape}; wanted: ({classes},), a weight for each class")
    return weights


def dense(x: Any, y: Any, shape: tuple[int, ...], dtype: np.dtype[Any], weight: Any, where: Any, share: float) -> Any:
    """Cross entropy with label probabilities, with options."""
    classes = shape[-1]
    if arguments.shape_of(x)[-1] != classes:
        raise ShapeError(f"logits has shape {x.shape} and labels has {classes} classes; wanted: as many logits")
    weights = class_weights(weight, classes)
    mask = None if where is None else mask_for(where, "logits with labels", shape)
    return _smoothed(x, y, shape, dtype, weights, mask, 1 - share, share)


def _smoothed(
    x: Any, y: Any, shape: tuple[int, ...], dtype: np.dtype[Any], weights: Any, mask: Any, kept: float, share: float
) -> Any:
    """The sum over classes of weights times ``kept`` labels plus an equal share for each class, times surprises."""
    last, classes = (len(shape) - 1,), shape[-1]
    spread: Any = share / classes if classes else 0.0
    if mask is not None and share:
        here, left = backend.of(mask), number_taken(mask, shape, last, dtype, keepdims=True)
        spread = here.ufunc(np.divide, share, here.ufunc(np.maximum, left, 1.0))
    operands = [x, y, weights, True if mask is None else mask, kept, spread]
    return _weighted(operands, last, dtype, shape=shape, names=_WEIGHTED)


def sparse(
    plain: Any, x: Any, labels: Any, shape: tuple[int, ...], dtype: np.dtype[Any], ignore_index: Any, weight: Any,
    where: Any, share: float,
) -> Any:  # fmt: skip
    """Cross entropy with one class per row, with options; ``plain(logits, labels)`` is that without."""
    classes = shape[-1]
    weights = class_weights(weight, classes)
    taken: Any = True
    if ignore_index is not None:
        ignored = ignored_label(ignore_index)
        if type(labels) is int:
            taken, labels = np.asarray(labels != ignored), 0 if labels == ignored else labels
        else:
            taken = backend.of(labels).ufunc(np.not_equal, labels, ignored)
    mask = None if where is None else mask_for(where, "logits", shape)
    left = 1.0 if mask is None else number_taken(mask, shape, (len(shape) - 1,), dtype, keepdims=False)
    surprise = plain(x if mask is None else masked(x, mask, -np.inf), labels)
    spread = _smoothed(x, 1.0, shape, dtype, weights, mask, 0.0, share) if share else 0.0
    if weight is None and mask is None and not share:
        return surprise if ignore_index is None else masked(surprise, taken, 0.0)
    of_labels = weights if weight is None else _at(weights, labels, classes)
    return _ROW.evaluate([surprise, of_labels, 1 - share, spread, taken, left], dtype=dtype)


def _at(weights: Any, labels: Any, classes: int) -> Any:
    """The weight of each label; any for a label out of range."""
    if on_device(labels) or on_device(weights):
        raise TypeError(
            "weight is for arrays in main memory here; on a device give cross_entropy_logits one_hot(labels, classes)"
        )
    if not classes:
        return 1.0
    if type(labels) is int:
        return weights[labels]
    return np.take(weights, labels.astype(np.int64) % classes)


def binary(plain: Elementwise, x: Any, y: Any, pos_weight: Any, where: Any, out: Any) -> Any:
    """Cross entropy of the logistic function, with options; ``plain`` is the op without."""
    shape, dtype = broadcast_shapes(arguments.shape_of(x), arguments.shape_of(y)), arguments.float_dtype([x, y])
    operands, op = [x, y], plain
    if pos_weight is not None:
        operands, op = (
            [x, y, arguments.as_operand(pos_weight, "pos_weight", boolean=False, device=True)],
            _WEIGHTED_BINARY,
        )
        lengths = arguments.shape_of(operands[-1])
        if arguments.broadcast({"logits with labels": shape, "pos_weight": lengths}) != shape:
            raise ShapeError(f"pos_weight has shape {lengths}; wanted: one that broadcasts to {shape}")
    mask = None if where is None else mask_for(where, "logits with labels", shape)
    if mask is None:
        return op.evaluate(operands, out=out, dtype=dtype)
    return masked(op.evaluate(operands, dtype=dtype), mask, 0.0, out=out)
