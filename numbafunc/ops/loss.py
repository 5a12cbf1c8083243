"""Loss functions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import Backend
from numbafunc.dual.array import Dual
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments
from numbafunc.kinds.elementwise import define
from numbafunc.kinds.njit import register
from numbafunc.kinds.reduction import Reduction, Stages
from numbafunc.kinds.shortcuts import new_shortcut, shortcut
from numbafunc.kinds.ufunc_protocol import applied
from numbafunc.numbers.elementary import (
    at_top,
    below_top,
    coarse,
    constant,
    damped,
    exp,
    exp_nonpositive,
    from_top,
    log1p,
    multiply_add,
    with_slope_of,
)
from numbafunc.ops.softmax import logsumexp

_INFINITY = np.inf

_NAMES = ("logits", "labels")


# Where a sum overflows, it is taken a second time of terms that are 2**64 times smaller, or 2**128 times where squared.
_DOWN, _UP = 2.0**-64, 2.0**64


def _overflows(shift: Any, total: Any) -> Any:
    return abs(total) == _INFINITY


def _half(shift: Any, count: Any, total: Any, small: Any) -> Any:
    value = 0.5 * small * _UP * _UP if abs(total) == _INFINITY else 0.5 * total
    return (with_slope_of(value, 0.5 * total),)


def _mean(shift: Any, count: Any, total: Any) -> Any:
    return (total / count,)


def _mean_absolute(shift: Any, count: Any, total: Any, small: Any) -> Any:
    value = small / count * _UP if abs(total) == _INFINITY else total / count
    return (with_slope_of(value, total / count),)


def _mean_square(shift: Any, count: Any, total: Any, small: Any) -> Any:
    value = small / count * _UP * _UP if abs(total) == _INFINITY else total / count
    return (with_slope_of(value, total / count),)


def _small_square(shift: Any, x: Any) -> Any:
    x = constant(x) * _DOWN
    return (x * x,)


def _small_absolute_difference(shift: Any, x: Any, y: Any) -> Any:
    return (abs(constant(x) * _DOWN - constant(y) * _DOWN),)


def _small_squared_difference(shift: Any, x: Any, y: Any) -> Any:
    difference = constant(x) * _DOWN - constant(y) * _DOWN
    return (difference * difference,)


def _square(shift: Any, x: Any) -> Any:
    return (x * x,)


def _absolute_difference(shift: Any, x: Any, y: Any) -> Any:
    return (abs(x - y),)


def _squared_difference(shift: Any, x: Any, y: Any) -> Any:
    return ((x - y) * (x - y),)


def _squared_log_difference(shift: Any, x: Any, y: Any) -> Any:
    difference = log1p(x) - log1p(y)
    return (difference * difference,)


_l2 = Reduction("l2", Stages(lift=_square, again=_small_square, wanted=_overflows, finish=_half, more=1))
_mean_absolute_error = Reduction(
    "mean_absolute_error",
    Stages(
        lift=_absolute_difference, again=_small_absolute_difference, wanted=_overflows, finish=_mean_absolute, more=1
    ),
)
_mean_squared_error = Reduction(
    "mean_squared_error",
    Stages(lift=_squared_difference, again=_small_squared_difference, wanted=_overflows, finish=_mean_square, more=1),
)
_mean_squared_log_error = Reduction("mean_squared_log_error", Stages(lift=_squared_log_difference, finish=_mean))


def _logit(logit: Any, label: Any) -> Any:
    return logit


_NEAR = 16
"""Shifts up to this are not taken off the logits before these meet the labels: it would gain next to nothing."""


def _tops_rest_and_product(shift: Any, logit: Any, label: Any) -> Any:
    top = at_top(logit, shift)
    exponential = exp_nonpositive(below_top(logit, shift))
    base = 0 if abs(shift) <= _NEAR else shift
    at_base = shift if abs(shift) <= _NEAR else 0
    distance = at_base if top != 0 else logit - base
    return (
        with_slope_of(top, exponential if top != 0 else -0.0),
        -0.0 if top != 0 else exponential,
        with_slope_of(damped(distance, label), damped(logit, label)),
    )


def _is_far(shift: Any, tops: Any, rest: Any, product: Any) -> Any:
    return _NEAR < abs(shift) < _INFINITY


def _label_in_parts(shift: Any, logit: Any, label: Any) -> Any:
    label = constant(label)
    high = coarse(label)
    return (high, label - high)


def _exponential_and_product(shift: Any, logit: Any, label: Any) -> Any:
    return (exp_nonpositive(below_top(logit, shift)), logit * label)


def _log_total_less_product(shift: Any, count: Any, tops: Any, rest: Any, product: Any, high: Any, low: Any) -> Any:
    # What the labels lack to a sum of 1 counts with a shift that is far: their sum in two parts is exact.
    near = shift if abs(shift) <= _NEAR else 0
    far = shift if _NEAR < abs(shift) < _INFINITY else 0
    value = log1p((tops - 1) + rest) + (near - product) + far * ((1 - high) - low)
    # The derivative is that of log((tops + rest) * exp(-product)), in which the parts of a dominant class cancel.
    factor = exp(with_slope_of(0, -product))
    return (with_slope_of(value, log1p((tops * factor - 1) + rest * factor)),)


def _product(shift: Any, logit: Any, label: Any) -> Any:
    return (logit * label,)


def _sum(shift: Any, count: Any, total: Any) -> Any:
    return (total,)


_cross_entropy = Reduction(
    "cross_entropy_logits",
    Stages(
        shift_of=_logit,
        lift=_tops_rest_and_product,
        again=_label_in_parts,
        wanted=_is_far,
        finish=_log_total_less_product,
        balance=_exponential_and_product,
        sums=3,
        more=2,
    ),
)
inner_product = Reduction("inner_product", Stages(lift=_product, finish=_sum))


def _tops_and_rest(shift: Any, logit: Any, label: Any) -> Any:
    top = at_top(logit, shift)
    exponential = exp_nonpositive(below_top(logit, shift))
    return (with_slope_of(top, exponential if top != 0 else -0.0), -0.0 if top != 0 else exponential)


def _exponential(shift: Any, logit: Any, label: Any) -> Any:
    return (exp_nonpositive(below_top(logit, shift)),)


def _log_total_less_picked(shift: Any, count: Any, tops: Any, rest: Any, picked: Any) -> Any:
    value = log1p((tops - 1) + rest) - from_top(constant(picked), shift)
    factor = exp(with_slope_of(0, -picked))
    return (with_slope_of(value, log1p((tops * factor - 1) + rest * factor)),)


_cross_entropy_sparse = Reduction(
    "cross_entropy_logits_sparse",
    Stages(
        shift_of=_logit,
        lift=_tops_and_rest,
        finish=_log_total_less_picked,
        integers=(1,),
        picks=True,
        sums=2,
        balance=_exponential,
    ),
)


@define(boolean=False)
def _sigmoid_cross_entropy_logits(logits: Any, labels: Any) -> Any:
    linear = multiply_add(-logits, labels, 0 if logits < 0 else logits)
    bound = damped(abs(logits), labels if logits < 0 else 1 - labels)  # the limit of the linear part
    return with_slope_of(linear if abs(logits) < _INFINITY else bound, linear) + log1p(exp_nonpositive(-abs(logits)))


def _warn_of_shapes(names: tuple[str, str], shapes: tuple[tuple[int, ...], tuple[int, ...]], depth: int = 0) -> None:
    """Warn of different shapes, at the caller of the public function that called this one through ``depth`` others."""
    if shapes[0] != shapes[1]:
        given = f"{names[0]} has shape {shapes[0]} and {names[1]} has shape {shapes[1]}"
        warnings.warn(f"{given}; they are broadcast", UserWarning, stacklevel=4 + depth)


@shortcut("logits", "labels")
def cross_entropy_logits(logits: Any, labels: Any) -> Any:
    r"""Cross entropy of the softmax of logits with label probabilities, over the last axis.

    .. math:: \log \sum_j e^{x_j} - \sum_j x_j y_j

    Parameters
    ----------
    logits : array_like, shape (..., C)
        Unnormalised logarithms of probabilities.
    labels : array_like, shape (..., C)
        Probabilities of the classes; they need not sum to 1.

    Returns
    -------
    numpy.ndarray, shape (...)
        In the widest floating-point dtype of both; integers are taken as float64.

    Raises
    ------
    TypeError
        For inputs that are not real numbers, bool, or shapes that do not broadcast (which is a ValueError too).
    ValueError
        For an input without axes.

    Warns
    -----
    UserWarning
        When the shapes differ; they are then broadcast.

    Notes
    -----
    A class of label 0 contributes nothing, whatever its logit. Logits of +inf are the limit of large ones. Neither a
    common offset of the logits nor a dominant class costs digits, of the gradient neither.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.loss.cross_entropy_logits([[1e4, -1e4], [0.0, 0.0]], [[0, 1], [1, 0]])
    array([2.00000000e+04, 6.93147181e-01])
    """
    x = arguments.as_array(logits, "logits", boolean=False, device=True)
    y = arguments.as_array(labels, "labels", boolean=False, device=True)
    for name, operand in (("logits", x), ("labels", y)):
        if operand.ndim == 0:
            raise ValueError(f"{name} has no axes; wanted: shape (..., classes)")
    shapes = arguments.shape_of(x), arguments.shape_of(y)
    shape = arguments.broadcast(dict(zip(_NAMES, shapes)))
    _warn_of_shapes(_NAMES, shapes)
    last, dtype = (len(shape) - 1,), arguments.float_dtype([x, y])
    if shapes[0][-1] == shape[-1]:
        shortcut = new_shortcut() if shapes[0] == shapes[1] else None  # a short cut would skip the warning
        return _cross_entropy([x, y], last, dtype, shape=shape, shortcut=shortcut, names=_NAMES)
    terms = logsumexp(x, -1), inner_product([x, y], last, dtype, shape=shape, names=_NAMES)
    return backend.of(*terms).ufunc(np.subtract, *terms)


@shortcut("logits", "labels", ints=True)
def cross_entropy_logits_sparse(logits: Any, labels: Any) -> Any:
    r"""Cross entropy of the softmax of logits with one class per row, over the last axis.

    .. math:: \log \sum_j e^{x_j} - x_{\text{label}}

    Parameters
    ----------
    logits : array_like, shape (..., C)
        Unnormalised logarithms of probabilities.
    labels : int or array_like of int, shape (...)
        The class of each row; one int serves all rows. Negative ones count from the end.

    Returns
    -------
    numpy.ndarray, shape (...)
        In the floating-point dtype of the logits; integers are taken as float64. Rows whose label in an array is out
        of range are NaN.

    Raises
    ------
    TypeError
        For labels that are not integers, or logits that are not real numbers, or bool.
    ValueError
        For logits without axes, or an array of labels with other than one axis less than the logits.
    IndexError
        For a single int that is out of range.

    Notes
    -----
    The derivative is the softmax less one at the label, with all digits where that class dominates; where the label
    is out of range, the softmax alone.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.loss.cross_entropy_logits_sparse([[0.0, 0.0], [1.0, 3.0]], [0, 1])
    array([0.69314718, 0.12692801])
    """
    x = arguments.as_array(logits, "logits", boolean=False, device=True)
    if x.ndim == 0:
        raise ValueError("logits has no axes; wanted: shape (..., classes)")
    *rows, classes = arguments.shape_of(x)
    if type(labels) is int:
        if not -classes <= labels < classes:
            raise IndexError(f"labels is {labels}; wanted: from {-classes} to {classes - 1} for {classes} classes")
        y: Any = labels
    elif isinstance(labels, (bool, Dual)):
        raise TypeError(f"labels is {labels!r}; wanted: integers")
    else:
        y = arguments.as_array(labels, "labels", device=True)
        if y.size == 0 and isinstance(labels, (list, tuple)):
            y = y.astype(np.int64)
        if y.dtype.kind not in "iu":
            raise TypeError(f"labels has dtype {y.dtype}; wanted: integers")
        if y.ndim != x.ndim - 1:
            raise ValueError(f"labels has {y.ndim} axes; wanted: {x.ndim - 1}, one less than logits")
        if any(n != m and 1 not in (n, m) for n, m in zip(y.shape, rows)):
            raise ShapeError(f"logits has shape {x.shape} and labels has shape {y.shape}; wanted: one label a row")
    shape = arguments.broadcast({"logits": x.shape, "labels": (*arguments.shape_of(y), 1)})
    last, dtype = (len(shape) - 1,), arguments.float_dtype([x])
    here = backend.of(x, y)
    if classes == 0:
        return here.full(shape[:-1], np.nan, dtype, x)
    y = here.labels(y, x.ndim, classes)
    return _cross_entropy_sparse([x, y], last, dtype, shape=shape, shortcut=new_shortcut(), names=_NAMES)


@backend.CPU.brings(Backend.labels)
def _labels(labels: Any, ndim: int, classes: int) -> Any:
    if type(labels) is int:
        return np.full((1,) * ndim, labels)
    if labels.dtype == np.uint64:
        labels = np.minimum(labels, np.uint64(classes))  # so that no label becomes negative below
    return labels.astype(np.int64, copy=False)[..., None]


@shortcut("x")
def l2(x: Any) -> Any:
    r"""Half the sum of squares of all elements.

    .. math:: \frac12 \sum_i x_i^2

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.

    Returns
    -------
    numpy.ndarray, shape ()
        In the floating-point dtype of ``x``; integers and bool are taken as float64.

    Raises
    ------
    TypeError
        For inputs that are not real numbers.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.loss.l2([3.0, 4.0])
    array(12.5)
    """
    operand = arguments.as_array(x, "x", device=True)
    dtype = arguments.float_dtype([operand])
    return _l2([operand], tuple(range(operand.ndim)), dtype, shortcut=new_shortcut())


def _mean_over(op: Reduction, names: tuple[str, str], x: Any, y: Any, keep_axis: Any, *, boolean: bool) -> Any:
    checked = [arguments.as_operand(z, name, boolean=boolean, device=True) for z, name in zip((x, y), names)]
    operands = [arguments.as_array(operand, name, device=True) for operand, name in zip(checked, names)]
    shapes = (operands[0].shape, operands[1].shape)
    shape = arguments.broadcast(dict(zip(names, shapes)))
    kept = _kept_axes(keep_axis)
    _warn_of_shapes(names, shapes, depth=1)
    shortcut = new_shortcut() if shapes[0] == shapes[1] else None  # a short cut would skip the warning
    axes = tuple(axis for axis in range(len(shape)) if axis not in kept)
    return op(operands, axes, arguments.float_dtype(checked), shape=shape, shortcut=shortcut, names=names)


def _kept_axes(keep_axis: Any) -> set[int]:
    # The number 0 keeps no axis, as the original has it; (0,) keeps the first.
    if keep_axis is None or (type(keep_axis) is int and keep_axis == 0):
        return set()
    if not isinstance(keep_axis, (tuple, list, set, frozenset, range)) or any(
        isinstance(axis, bool) or not hasattr(axis, "__index__") for axis in keep_axis
    ):
        raise TypeError(f"keep_axis is {keep_axis!r}; wanted: None or a sequence of ints")
    return {axis.__index__() for axis in keep_axis}


@shortcut("x", "y", tuples=["keep_axis"])
def mean_absolute_error(x: Any, y: Any, keep_axis: Any = (0,)) -> Any:
    r"""Mean of absolute differences over all axes but those kept.

    .. math:: \frac1n \sum_i |x_i - y_i|

    Parameters
    ----------
    x, y : array_like
        Real numbers; bool is refused.
    keep_axis : sequence of int or None, default (0,)
        Axes of the broadcast shape that stay; those out of range or negative are ignored. None keeps none.

    Returns
    -------
    numpy.ndarray
        In the widest floating-point dtype of both; integers are taken as float64. A mean of nothing is NaN.

    Raises
    ------
    TypeError
        For inputs that are not real numbers, bool, a bad ``keep_axis``, or shapes that do not broadcast (which is a
        ValueError too).

    Warns
    -----
    UserWarning
        When the shapes differ; they are then broadcast.

    Notes
    -----
    Where ``x`` equals ``y`` the derivative is +1 with respect to ``x`` and -1 with respect to ``y``.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.loss.mean_absolute_error([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 0.0]])
    array([1. , 3.5])
    """
    return _mean_over(_mean_absolute_error, ("x", "y"), x, y, keep_axis, boolean=False)


@shortcut("x", "y", tuples=["keep_axis"])
def mean_squared_error(x: Any, y: Any, keep_axis: Any = (0,)) -> Any:
    r"""Mean of squared differences over all axes but those kept.

    .. math:: \frac1n \sum_i (x_i - y_i)^2

    Parameters
    ----------
    x, y : array_like
        Real numbers; bool is refused.
    keep_axis : sequence of int or None, default (0,)
        Axes of the broadcast shape that stay; those out of range or negative are ignored. None keeps none.

    Returns
    -------
    numpy.ndarray
        In the widest floating-point dtype of both; integers are taken as float64. A mean of nothing is NaN.

    Raises
    ------
    TypeError
        For inputs that are not real numbers, bool, a bad ``keep_axis``, or shapes that do not broadcast (which is a
        ValueError too).

    Warns
    -----
    UserWarning
        When the shapes differ; they are then broadcast.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.loss.mean_squared_error([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 0.0]])
    array([ 2. , 12.5])
    """
    return _mean_over(_mean_squared_error, ("x", "y"), x, y, keep_axis, boolean=False)


@shortcut("y_true", "y_pred", tuples=["keep_axis"])
def mean_squared_log_error(y_true: Any, y_pred: Any, keep_axis: Any = (0,)) -> Any:
    r"""Mean of squared differences of ``log(1 + y)`` over all axes but those kept.

    .. math:: \frac1n \sum_i (\operatorname{log1p} y_i - \operatorname{log1p} \hat y_i)^2

    Parameters
    ----------
    y_true, y_pred : array_like
        Real numbers above -1. At -1 the result is inf, below it NaN.
    keep_axis : sequence of int or None, default (0,)
        Axes of the broadcast shape that stay; those out of range or negative are ignored. None keeps none.

    Returns
    -------
    numpy.ndarray
        In the widest floating-point dtype of both; integers and bool are taken as float64. A mean of nothing is NaN.

    Raises
    ------
    TypeError
        For inputs that are not real numbers, a bad ``keep_axis``, or shapes that do not broadcast (which is a
        ValueError too).

    Warns
    -----
    UserWarning
        When the shapes differ; they are then broadcast.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.loss.mean_squared_log_error([[1e-10, 0.0]], [[0.0, 0.0]])
    array([5.e-21])
    """
    return _mean_over(_mean_squared_log_error, ("y_true", "y_pred"), y_true, y_pred, keep_axis, boolean=True)


@shortcut("logits", "labels")
def sigmoid_cross_entropy_logits(logits: Any, labels: Any, *, out: Any = None) -> Any:
    r"""Cross entropy of the logistic function of logits with label probabilities, elementwise.

    .. math:: \max(x, 0) - x y + \operatorname{log1p}(e^{-|x|})

    Parameters
    ----------
    logits : array_like
        Logarithms of odds.
    labels : array_like
        Probabilities; they broadcast with the logits.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the inputs.

    Returns
    -------
    numpy.ndarray
        Of the broadcast shape, not reduced, in the widest floating-point dtype of both; integers are taken as float64.

    Raises
    ------
    TypeError
        For inputs that are not real numbers, bool, or shapes that do not broadcast (which is a ValueError too).

    Warns
    -----
    UserWarning
        When the shapes of two arrays differ; they are then broadcast.

    Notes
    -----
    The derivative with respect to the logits is ``sigmoid(x) - y``, at 0 too. Infinite logits give the limit: 0 where
    the label agrees, inf where not.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.loss.sigmoid_cross_entropy_logits([0.0, 100.0, -100.0], [1.0, 1.0, 1.0])
    array([6.93147181e-01, 3.72007598e-44, 1.00000000e+02])
    """
    if out is None:
        result = applied(_sigmoid_cross_entropy_logits, (logits, labels))
        if result is not NotImplemented:
            return result
    x = arguments.as_operand(logits, "logits", boolean=False, device=True)
    y = arguments.as_operand(labels, "labels", boolean=False, device=True)
    shortcut = new_shortcut()
    if arguments.dtype_of(x) is not None and arguments.dtype_of(y) is not None:
        shapes = arguments.shape_of(x), arguments.shape_of(y)
        arguments.broadcast(dict(zip(_NAMES, shapes)))
        if shapes[0] != shapes[1]:
            _warn_of_shapes(_NAMES, shapes)
            shortcut = None  # a short cut would skip the warning
    return _sigmoid_cross_entropy_logits.evaluate([x, y], out=out, shortcut=shortcut)


__all__ = [
    "cross_entropy_logits",
    "cross_entropy_logits_sparse",
    "l2",
    "mean_absolute_error",
    "mean_squared_error",
    "mean_squared_log_error",
    "sigmoid_cross_entropy_logits",
]


register(__name__)
