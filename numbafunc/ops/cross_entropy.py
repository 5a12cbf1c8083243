"""Cross entropies of the softmax, or the logistic function, of logits with labels."""

from __future__ import annotations

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
from numbafunc.kinds.registry import CALLS, ROWS, VECTORS, Call
from numbafunc.kinds.shortcuts import new_shortcut, shortcut
from numbafunc.kinds.ufunc_protocol import applied
from numbafunc.numbers.elementary import (
    at_top,
    below_top,
    coarse,
    constant,
    damped,
    exp,
    exp_at_top,
    exp_below_top,
    exp_nonpositive,
    from_top,
    log1p,
    multiply_add,
    with_slope_of,
)
from numbafunc.ops import loss_options
from numbafunc.ops.loss import warn_of_shapes
from numbafunc.ops.softmax import logsumexp

_INFINITY = np.inf

_NAMES = ("logits", "labels")


def _logit(logit: Any, label: Any) -> Any:
    return logit


_NEAR = 16
"""Shifts up to this are not taken off the logits before these meet the labels: it would gain next to nothing."""


def _tops_rest_and_product(shift: Any, logit: Any, label: Any) -> Any:
    base = 0 if abs(shift) <= _NEAR else shift
    at_base = shift if abs(shift) <= _NEAR else 0
    distance = at_base if at_top(logit, shift) != 0 else logit - base
    return (
        exp_at_top(logit, shift),
        exp_below_top(logit, shift),
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
    return (exp_at_top(logit, shift), exp_below_top(logit, shift))


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


@shortcut("logits", "labels", options=["weight", "where", "label_smoothing"])
def cross_entropy_logits(
    logits: Any, labels: Any, *, weight: Any = None, where: Any = None, label_smoothing: Any = 0.0
) -> Any:
    r"""Cross entropy of the softmax of logits with label probabilities, over the last axis.

    .. math:: \log \sum_j e^{x_j} - \sum_j x_j y_j

    Parameters
    ----------
    logits : array_like, shape (..., C)
        Unnormalised logarithms of probabilities.
    labels : array_like, shape (..., C)
        Probabilities of the classes; they need not sum to 1.
    weight : array_like, shape (C,), optional
        A factor for each class. It does not widen the result.
    where : array_like of bool, optional
        Classes that take part; broadcasts to logits with labels. A row of which nothing is left gives 0, so a mask
        of rows is ``where=mask[..., None]``. What is left out may be NaN, and has derivative 0.
    label_smoothing : float, default 0.0
        Share of the labels, from 0 to 1, that is spread over the classes that take part.

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
    numbafunc.errors.BroadcastWarning
        When the shapes differ; they are then broadcast.

    Notes
    -----
    A class of label 0 contributes nothing, whatever its logit. Logits of +inf are the limit of large ones. Neither a
    common offset of the logits nor a dominant class costs digits, of the gradient neither.

    With an option the loss of a row is that of PyTorch and Optax, the same where labels sum to 1:

    .. math:: -\sum_j w_j \left((1 - \epsilon) y_j + \frac{\epsilon}{C}\right) \log \operatorname{softmax}(x)_j

    There is no ``reduction``: take ``numpy.mean`` or ``numpy.sum`` of the result. The mean over rows that are left is
    ``numpy.sum(loss) / numpy.sum(mask)``.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.loss.cross_entropy_logits([[1e4, -1e4], [0.0, 0.0]], [[0, 1], [1, 0]])
    array([2.00000000e+04, 6.93147181e-01])
    >>> numbafunc.loss.cross_entropy_logits([[0.0, 0.0, 9.0]], [[1, 0, 0]], where=[True, True, False])
    array([0.69314718])
    """
    x = arguments.as_array(logits, "logits", boolean=False, device=True)
    y = arguments.as_array(labels, "labels", boolean=False, device=True)
    for name, operand in (("logits", x), ("labels", y)):
        if operand.ndim == 0:
            raise ValueError(f"{name} has no axes; wanted: shape (..., classes)")
    shapes = arguments.shape_of(x), arguments.shape_of(y)
    shape = arguments.broadcast(dict(zip(_NAMES, shapes)))
    warn_of_shapes(_NAMES, shapes)
    last, dtype = (len(shape) - 1,), arguments.float_dtype([x, y])
    share = loss_options.smoothing(label_smoothing)
    if weight is not None or where is not None or share:
        return loss_options.dense(x, y, shape, dtype, weight, where, share)
    if shapes[0][-1] == shape[-1]:
        shortcut = new_shortcut(moving=True) if shapes[0] == shapes[1] else None  # a short cut would skip the warning
        return _cross_entropy([x, y], last, dtype, shape=shape, shortcut=shortcut, names=_NAMES)
    terms = logsumexp(x, -1), inner_product([x, y], last, dtype, shape=shape, names=_NAMES)
    return backend.of(*terms).ufunc(np.subtract, *terms)


@shortcut("logits", "labels", ints=True, options=["ignore_index", "weight", "where", "label_smoothing"])
def cross_entropy_logits_sparse(
    logits: Any,
    labels: Any,
    *,
    ignore_index: int | None = None,
    weight: Any = None,
    where: Any = None,
    label_smoothing: Any = 0.0,
) -> Any:
    r"""Cross entropy of the softmax of logits with one class per row, over the last axis.

    .. math:: \log \sum_j e^{x_j} - x_{\text{label}}

    Parameters
    ----------
    logits : array_like, shape (..., C)
        Unnormalised logarithms of probabilities.
    labels : int or array_like of int, shape (...)
        The class of each row; one int serves all rows. Negative ones count from the end.
    ignore_index : int, optional
        A label whose rows give 0, whatever their logits, with derivative 0. PyTorch's default is -100.
    weight : array_like, shape (C,), optional
        A factor for each class. It does not widen the result.
    where : array_like of bool, optional
        Classes that take part; broadcasts to the logits. A row of which nothing is left gives 0, so a mask of rows is
        ``where=mask[..., None]``; one whose label is left out gives inf. What is left out may be NaN, and has
        derivative 0.
    label_smoothing : float, default 0.0
        Share of the label, from 0 to 1, that is spread over the classes that take part.

    Returns
    -------
    numpy.ndarray, shape (...)
        In the floating-point dtype of the logits; integers are taken as float64. Rows whose label in an array is out
        of range are NaN; so are those of label -100 without ``ignore_index``, for less than 100 classes.

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

    With weights and smoothed labels the loss of a row with label ``l`` is that of PyTorch:

    .. math:: -(1 - \epsilon) w_l \log \operatorname{softmax}(x)_l
        - \frac{\epsilon}{C} \sum_j w_j \log \operatorname{softmax}(x)_j

    There is no ``reduction``: take ``numpy.mean`` or ``numpy.sum`` of the result. PyTorch's mean is the sum of losses
    over the sum of the weights of labels, ``numpy.sum(loss) / numpy.sum(weight[labels])``, where ignored rows have
    weight 0: without weights it is the mean over the rows that are left, NaN if there are none.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> numbafunc.loss.cross_entropy_logits_sparse([[0.0, 0.0], [1.0, 3.0]], [0, 1])
    array([0.69314718, 0.12692801])
    >>> labels = np.array([0, -100])
    >>> losses = numbafunc.loss.cross_entropy_logits_sparse([[0.0, 0.0], [1.0, 3.0]], labels, ignore_index=-100)
    >>> losses, np.sum(losses) / np.sum(labels != -100)
    (array([0.69314718, 0.        ]), np.float64(0.6931471805599453))
    """
    x = arguments.as_array(logits, "logits", boolean=False, device=True)
    if x.ndim == 0:
        raise ValueError("logits has no axes; wanted: shape (..., classes)")
    *rows, classes = arguments.shape_of(x)
    if type(labels) is int:
        if not -classes <= labels < classes and labels != loss_options.ignored_label(ignore_index):
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
    share = loss_options.smoothing(label_smoothing)
    if ignore_index is not None or weight is not None or where is not None or share:
        plain = cross_entropy_logits_sparse
        return loss_options.sparse(plain, x, y, shape, dtype, ignore_index, weight, where, share)
    y = here.labels(y, x.ndim, classes)
    return _cross_entropy_sparse([x, y], last, dtype, shape=shape, shortcut=new_shortcut(moving=True), names=_NAMES)


@backend.CPU.brings(Backend.labels)
def _labels(labels: Any, ndim: int, classes: int) -> Any:
    if type(labels) is int:
        return np.full((1,) * ndim, labels)
    if labels.dtype == np.uint64:
        labels = np.minimum(labels, np.uint64(classes))  # so that no label becomes negative below
    return labels.astype(np.int64, copy=False)[..., None]


@shortcut("logits", "labels", options=["pos_weight", "where"])
def sigmoid_cross_entropy_logits(
    logits: Any, labels: Any, *, out: Any = None, pos_weight: Any = None, where: Any = None
) -> Any:
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
    pos_weight : array_like, optional
        Factor of the term with label 1, as in PyTorch; broadcasts to the result and does not widen it.
    where : array_like of bool, optional
        Elements that take part; broadcasts to the result. The others give 0, whatever they are, with derivative 0.

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
    numbafunc.errors.BroadcastWarning
        When the shapes of two arrays differ; they are then broadcast.

    Notes
    -----
    The derivative with respect to the logits is ``sigmoid(x) - y``, at 0 too. Infinite logits give the limit: 0 where
    the label agrees, inf where not.

    With a weight ``p`` of positives it is

    .. math:: (1 - y) \log(1 + e^x) + p y \log(1 + e^{-x})

    There is no ``reduction`` and no other ``weight``: take ``numpy.mean`` of the result, or of its product with
    weights.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.loss.sigmoid_cross_entropy_logits([0.0, 100.0, -100.0], [1.0, 1.0, 1.0])
    array([6.93147181e-01, 3.72007598e-44, 1.00000000e+02])
    """
    if pos_weight is None and where is None and out is None:
        result = applied(_sigmoid_cross_entropy_logits, (logits, labels))
        if result is not NotImplemented:
            return result
    x = arguments.as_operand(logits, "logits", boolean=False, device=True)
    y = arguments.as_operand(labels, "labels", boolean=False, device=True)
    shortcut = new_shortcut(moving=True)
    if arguments.dtype_of(x) is not None and arguments.dtype_of(y) is not None:
        shapes = arguments.shape_of(x), arguments.shape_of(y)
        arguments.broadcast(dict(zip(_NAMES, shapes)))
        if shapes[0] != shapes[1]:
            warn_of_shapes(_NAMES, shapes)
            shortcut = None  # a short cut would skip the warning
    if pos_weight is None and where is None:
        return _sigmoid_cross_entropy_logits.evaluate([x, y], out=out, shortcut=shortcut)
    return loss_options.binary(_sigmoid_cross_entropy_logits, x, y, pos_weight, where, out)


__all__ = ["cross_entropy_logits", "cross_entropy_logits_sparse", "sigmoid_cross_entropy_logits"]


CALLS["sigmoid_cross_entropy_logits"] = Call(VECTORS, ("real", "real"))
CALLS["cross_entropy_logits"] = Call(ROWS, ("real", "real"))
CALLS["cross_entropy_logits_sparse"] = Call(ROWS[1:], ("real", "label"))
register(__name__)
