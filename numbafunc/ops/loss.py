"""Losses that are sums or means over elements: of squares, and of differences."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from numbafunc.errors import BroadcastWarning
from numbafunc.kinds import arguments
from numbafunc.kinds.njit import register
from numbafunc.kinds.reduction import Reduction, Stages
from numbafunc.kinds.registry import CALLS, ROWS, Call
from numbafunc.kinds.shortcuts import new_shortcut, shortcut
from numbafunc.numbers.elementary import (
    constant,
    log1p,
    with_slope_of,
)
from numbafunc.ops.masks import mask_for

_INFINITY = np.inf


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


_l2 = Reduction("l2", Stages(lift=_square, again=_small_square, wanted=_overflows, finish=_half, more=1, lanes=64))
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


# Means of what a mask leaves, which is counted.


def _mean_of_left(shift: Any, count: Any, total: Any, left: Any) -> Any:
    mean = total / left
    return (mean if left != 0 else constant(mean),)


def _square_where(shift: Any, x: Any, mask: Any) -> Any:
    return (x * x if mask != 0 else 0 * mask,)


def _small_square_where(shift: Any, x: Any, mask: Any) -> Any:
    x = constant(x) * _DOWN
    return (x * x if mask != 0 else 0 * mask,)


def _overflows_where(shift: Any, total: Any, left: Any) -> Any:
    return abs(total) == _INFINITY


def _mean_absolute_of_left(shift: Any, count: Any, total: Any, left: Any, small: Any) -> Any:
    value = small / left * _UP if abs(total) == _INFINITY else total / left
    mean = with_slope_of(value, total / left)
    return (mean if left != 0 else constant(mean),)


def _mean_square_of_left(shift: Any, count: Any, total: Any, left: Any, small: Any) -> Any:
    value = small / left * _UP * _UP if abs(total) == _INFINITY else total / left
    mean = with_slope_of(value, total / left)
    return (mean if left != 0 else constant(mean),)


def _small_absolute_difference_where(shift: Any, x: Any, y: Any, mask: Any) -> Any:
    return (abs(constant(x) * _DOWN - constant(y) * _DOWN) if mask != 0 else 0 * mask,)


def _small_squared_difference_where(shift: Any, x: Any, y: Any, mask: Any) -> Any:
    difference = constant(x) * _DOWN - constant(y) * _DOWN
    return (difference * difference if mask != 0 else 0 * mask,)


def _absolute_difference_where(shift: Any, x: Any, y: Any, mask: Any) -> Any:
    return (abs(x - y) if mask != 0 else 0 * mask, mask)


def _squared_difference_where(shift: Any, x: Any, y: Any, mask: Any) -> Any:
    return ((x - y) * (x - y) if mask != 0 else 0 * mask, mask)


def _squared_log_difference_where(shift: Any, x: Any, y: Any, mask: Any) -> Any:
    difference = log1p(x) - log1p(y) if mask != 0 else 0 * mask
    return (difference * difference, mask)


_l2_where = Reduction(
    "l2_where", Stages(lift=_square_where, again=_small_square_where, wanted=_overflows, finish=_half, more=1)
)
_mean_absolute_error_where = Reduction(
    "mean_absolute_error_where",
    Stages(
        lift=_absolute_difference_where,
        again=_small_absolute_difference_where,
        wanted=_overflows_where,
        finish=_mean_absolute_of_left,
        sums=2,
        more=1,
    ),
)
_mean_squared_error_where = Reduction(
    "mean_squared_error_where",
    Stages(
        lift=_squared_difference_where,
        again=_small_squared_difference_where,
        wanted=_overflows_where,
        finish=_mean_square_of_left,
        sums=2,
        more=1,
    ),
)
_mean_squared_log_error_where = Reduction(
    "mean_squared_log_error_where", Stages(lift=_squared_log_difference_where, finish=_mean_of_left, sums=2)
)


def warn_of_shapes(names: tuple[str, str], shapes: tuple[tuple[int, ...], tuple[int, ...]], depth: int = 0) -> None:
    """Warn of different shapes, at the caller of the public function that called this one through ``depth`` others."""
    if shapes[0] != shapes[1]:
        given = f"{names[0]} has shape {shapes[0]} and {names[1]} has shape {shapes[1]}"
        warnings.warn(f"{given}; they are broadcast", BroadcastWarning, stacklevel=4 + depth)


@shortcut("x", options=["where"])
def l2(x: Any, *, where: Any = None) -> Any:
    r"""Half the sum of squares of all elements.

    .. math:: \frac12 \sum_i x_i^2

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    where : array_like of bool, optional
        Elements that take part; broadcasts to ``x``. The others may be NaN, and have derivative 0.

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
    axes = tuple(range(operand.ndim))
    if where is not None:
        mask = mask_for(where, "x", arguments.shape_of(operand))
        return _l2_where([operand, mask], axes, dtype, names=("x", "where"))
    return _l2([operand], axes, dtype, shortcut=new_shortcut(moving=True))


def _mean_over(
    ops: tuple[Reduction, Reduction], names: tuple[str, str], x: Any, y: Any, keep_axis: Any, where: Any, *,
    boolean: bool,
) -> Any:  # fmt: skip
    op, masked_op = ops
    checked = [arguments.as_operand(z, name, boolean=boolean, device=True) for z, name in zip((x, y), names)]
    operands = [arguments.as_array(operand, name, device=True) for operand, name in zip(checked, names)]
    shapes = (operands[0].shape, operands[1].shape)
    shape = arguments.broadcast(dict(zip(names, shapes)))
    kept = _kept_axes(keep_axis, len(shape))
    warn_of_shapes(names, shapes, depth=1)
    shortcut = new_shortcut(moving=True) if shapes[0] == shapes[1] else None  # a short cut would skip the warning
    axes, dtype = tuple(axis for axis in range(len(shape)) if axis not in kept), arguments.float_dtype(checked)
    if where is not None:
        operands.append(mask_for(where, f"{names[0]} with {names[1]}", shape))
        return masked_op(operands, axes, dtype, shape=shape, names=(*names, "where"))
    return op(operands, axes, dtype, shape=shape, shortcut=shortcut, names=names)


def _kept_axes(keep_axis: Any, ndim: int) -> set[int]:
    if keep_axis is None:
        return set()
    if not isinstance(keep_axis, (tuple, list, set, frozenset, range)) or any(
        isinstance(axis, bool) or not hasattr(axis, "__index__") for axis in keep_axis
    ):
        raise TypeError(f"keep_axis is {keep_axis!r}; wanted: None or a sequence of ints")
    kept = {axis.__index__() for axis in keep_axis}
    if kept and not 0 <= min(kept) <= max(kept) < max(ndim, 1):  # the default, (0,), is for numbers too
        raise ValueError(f"keep_axis is {keep_axis!r}; wanted: axes from 0 to {max(ndim, 1) - 1}, or None")
    return kept


@shortcut("x", "y", tuples=["keep_axis"], options=["where"])
def mean_absolute_error(x: Any, y: Any, keep_axis: Any = (0,), *, where: Any = None) -> Any:
    r"""Mean of absolute differences over all axes but those kept.

    .. math:: \frac1n \sum_i |x_i - y_i|

    Parameters
    ----------
    x, y : array_like
        Real numbers; bool is refused.
    keep_axis : sequence of int or None, default (0,)
        Axes of the broadcast shape that stay, counted from 0. None keeps none. By default there is a mean for each
        entry along the first axis, not one number.
    where : array_like of bool, optional
        Elements that take part; broadcasts to the common shape. The mean is over these; the others may be NaN, and
        have derivative 0.

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
    numbafunc.errors.BroadcastWarning
        When the shapes differ; they are then broadcast.

    Notes
    -----
    Where ``x`` equals ``y`` the derivative is +1 with respect to ``x`` and -1 with respect to ``y``.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.loss.mean_absolute_error([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 0.0]])
    array([1. , 3.5])
    >>> numbafunc.loss.mean_absolute_error([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 0.0]], keep_axis=None)
    array(2.25)
    """
    ops = _mean_absolute_error, _mean_absolute_error_where
    return _mean_over(ops, ("x", "y"), x, y, keep_axis, where, boolean=False)


@shortcut("x", "y", tuples=["keep_axis"], options=["where"])
def mean_squared_error(x: Any, y: Any, keep_axis: Any = (0,), *, where: Any = None) -> Any:
    r"""Mean of squared differences over all axes but those kept.

    .. math:: \frac1n \sum_i (x_i - y_i)^2

    Parameters
    ----------
    x, y : array_like
        Real numbers; bool is refused.
    keep_axis : sequence of int or None, default (0,)
        Axes of the broadcast shape that stay, counted from 0. None keeps none. By default there is a mean for each
        entry along the first axis, not one number.
    where : array_like of bool, optional
        Elements that take part; broadcasts to the common shape. The mean is over these; the others may be NaN, and
        have derivative 0.

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
    numbafunc.errors.BroadcastWarning
        When the shapes differ; they are then broadcast.

    Examples
    --------
    The mean of each row, by default, and that of all elements:

    >>> import numbafunc, numpy as np
    >>> x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    >>> numbafunc.loss.mean_squared_error(x, y)
    array([ 2. , 12.5])
    >>> numbafunc.loss.mean_squared_error(x, y, keep_axis=None)
    array(7.25)

    A mean over what a mask leaves:

    >>> numbafunc.loss.mean_squared_error(x, y, where=x > 1)
    array([ 4. , 12.5])
    """
    ops = _mean_squared_error, _mean_squared_error_where
    return _mean_over(ops, ("x", "y"), x, y, keep_axis, where, boolean=False)


@shortcut("y_true", "y_pred", tuples=["keep_axis"], options=["where"])
def mean_squared_log_error(y_true: Any, y_pred: Any, keep_axis: Any = (0,), *, where: Any = None) -> Any:
    r"""Mean of squared differences of ``log(1 + y)`` over all axes but those kept.

    .. math:: \frac1n \sum_i (\operatorname{log1p} y_i - \operatorname{log1p} \hat y_i)^2

    Parameters
    ----------
    y_true, y_pred : array_like
        Real numbers above -1. At -1 the result is inf, below it NaN.
    keep_axis : sequence of int or None, default (0,)
        Axes of the broadcast shape that stay, counted from 0. None keeps none. By default there is a mean for each
        entry along the first axis, not one number.
    where : array_like of bool, optional
        Elements that take part; broadcasts to the common shape. The mean is over these; the others may be NaN, and
        have derivative 0.

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
    numbafunc.errors.BroadcastWarning
        When the shapes differ; they are then broadcast.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.loss.mean_squared_log_error([[1e-10, 0.0]], [[0.0, 0.0]])
    array([5.e-21])
    """
    ops = _mean_squared_log_error, _mean_squared_log_error_where
    return _mean_over(ops, ("y_true", "y_pred"), y_true, y_pred, keep_axis, where, boolean=True)


__all__ = [
    "l2",
    "mean_absolute_error",
    "mean_squared_error",
    "mean_squared_log_error",
]


CALLS["mean_absolute_error"] = CALLS["mean_squared_error"] = CALLS["mean_squared_log_error"] = Call(
    ROWS[1:], ("real", "real")
)
register(__name__)
