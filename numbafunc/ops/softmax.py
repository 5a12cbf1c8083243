"""Softmax, its logarithm, and the logarithm of a sum of exponentials."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.kinds import arguments
from numbafunc.kinds.njit import register
from numbafunc.kinds.reduction import Reduction, Stages
from numbafunc.kinds.registry import CALLS, ROWS, Call
from numbafunc.kinds.shortcuts import new_shortcut, shortcut
from numbafunc.numbers.elementary import (
    at_top,
    below_top,
    constant,
    damped,
    exp,
    exp_at_top,
    exp_below_top,
    exp_nonpositive,
    from_top,
    log,
    log1p,
    maximum,
    still_below,
    with_slope_of,
)
from numbafunc.ops.complex_logsumexp import complex_logsumexp, is_complex
from numbafunc.ops.masks import as_mask, masked, number_taken

_INFINITY = np.inf


# In all of these the largest element of a row is its top. The totals keep the number of tops apart from the sum of the
# other exponentials, so that log1p has all digits of the latter where one element dominates.


def _itself(x: Any) -> Any:
    return x


def _exponential(shift: Any, x: Any) -> Any:
    return (exp_nonpositive(from_top(x, shift)),)


def _inverse_and_mark(shift: Any, count: Any, total: Any) -> Any:
    # The total is at least 1, so a product with its inverse is a quotient, within one more rounding.
    return (1 / total, 0 * shift)  # the mark is NaN where the shift is infinite


def _share(exponential: Any, inverse: Any, mark: Any) -> Any:
    share = exponential * inverse
    return with_slope_of(share + mark, share)


_softmax = Reduction(
    "softmax",
    Stages(
        shift_of=_itself,
        lift=_exponential,
        finish=_inverse_and_mark,
        epilogue=_share,
        kept=True,
        finals=2,
        still=(1,),
    ),
)


def _tops_and_rest(shift: Any, x: Any) -> Any:
    top = at_top(x, shift)
    exponential = exp_nonpositive(below_top(x, shift))
    return (top, with_slope_of(-0.0 if top != 0 else exponential, exponential))


def _moving_tops_and_rest(shift: Any, x: Any) -> Any:
    return (exp_at_top(x, shift), exp_below_top(x, shift))


def _shift_and_logarithms(shift: Any, count: Any, tops: Any, rest: Any) -> Any:
    # The last one is for a top that is the only one: the others move it by what they move the rest.
    return (shift, log1p((tops - 1) + rest) + 0 * shift, rest if tops == 1 else -1)


def _log_share(x: Any, shift: Any, log_total: Any, rest: Any) -> Any:
    # Where all elements are -inf, nothing has a derivative.
    share = (still_below(x, _INFINITY if shift == -_INFINITY else -_INFINITY) - shift) - log_total
    below_only_top = -log1p(rest * exp(with_slope_of(0, -x)))
    return with_slope_of(share, below_only_top if x == shift and rest >= 0 else share)


_log_softmax = Reduction(
    "log_softmax",
    Stages(
        shift_of=_itself,
        lift=_moving_tops_and_rest,
        finish=_shift_and_logarithms,
        epilogue=_log_share,
        sums=2,
        finals=3,
        still=(0,),
    ),
)


def _shift_where(x: Any, mask: Any, initial: Any) -> Any:
    key = x if mask != 0 else -_INFINITY
    return maximum(initial, key)


def _exponential_where(shift: Any, x: Any, mask: Any, initial: Any) -> Any:
    return (exp_nonpositive(from_top(x, shift)) if mask != 0 else 0 * mask,)


def _share_where(x: Any, mask: Any, initial: Any, shift: Any, total: Any) -> Any:
    share = exp_nonpositive(from_top(x, shift)) / total
    return with_slope_of(share + 0 * shift, share) if mask != 0 else 0 * mask


def _tops_and_rest_where(shift: Any, x: Any, mask: Any, initial: Any) -> Any:
    tops, rest = exp_at_top(x, shift), exp_below_top(x, shift)
    return (tops if mask != 0 else 0 * mask, rest if mask != 0 else 0 * mask)


def _shift_and_logarithms_where(shift: Any, count: Any, tops: Any, rest: Any) -> Any:
    # No element is a top where the initial value is larger than all.
    logarithm = log1p((tops - 1) + rest) if tops > 0 else log(rest)
    return (shift, logarithm + 0 * shift, rest if tops == 1 else -1)


def _log_share_where(x: Any, mask: Any, initial: Any, shift: Any, log_total: Any, rest: Any) -> Any:
    share = (still_below(x, _INFINITY if shift == -_INFINITY else -_INFINITY) - shift) - log_total
    below_only_top = -log1p(rest * exp(with_slope_of(0, -x)))
    relative = with_slope_of(share, below_only_top if x == shift and rest >= 0 else share)
    return relative if mask != 0 else -_INFINITY


def _shift_and_total(shift: Any, count: Any, total: Any) -> Any:
    return (shift, total)


_softmax_where = Reduction(
    "softmax_where",
    Stages(
        shift_of=_shift_where,
        lift=_exponential_where,
        finish=_shift_and_total,
        epilogue=_share_where,
        finals=2,
        still=(0,),
    ),
)
_log_softmax_where = Reduction(
    "log_softmax_where",
    Stages(
        shift_of=_shift_where,
        lift=_tops_and_rest_where,
        finish=_shift_and_logarithms_where,
        epilogue=_log_share_where,
        sums=2,
        finals=3,
        still=(0,),
    ),
)


def _log_total(shift: Any, count: Any, tops: Any, rest: Any) -> Any:
    return (log1p((tops - 1) + rest) + shift,)


_logsumexp = Reduction("logsumexp", Stages(shift_of=_itself, lift=_tops_and_rest, finish=_log_total, sums=2))


def _left(x: Any, mask: Any) -> Any:
    return x if mask != 0 else -_INFINITY


def _tops_and_rest_left(shift: Any, x: Any, mask: Any) -> Any:
    tops, rest = exp_at_top(x, shift), exp_below_top(x, shift)
    return (tops if mask != 0 else 0 * mask, rest if mask != 0 else 0 * mask)


_logsumexp_where = Reduction(
    "logsumexp_where", Stages(shift_of=_left, lift=_tops_and_rest_left, finish=_log_total, sums=2)
)


def _shift_weighted(x: Any, weight: Any) -> Any:
    return x if weight != 0 else -_INFINITY


def _tops_and_rest_weighted(shift: Any, x: Any, weight: Any) -> Any:
    # Elements of weight 0 may be above the shift, or NaN, which counts as nothing. They move with their weight alone.
    top = at_top(x, shift)
    term = damped(exp(from_top(x, shift)), weight) if x == x or weight != 0 else 0
    return (term if top != 0 else 0, 0 if top != 0 else term)


def _log_total_weighted(shift: Any, count: Any, tops: Any, rest: Any) -> Any:
    above = (tops - 1) + rest
    return ((log1p(above) if abs(above) < 0.5 else log(tops + rest)) + shift,)


_logsumexp_weighted = Reduction(
    "logsumexp_weighted",
    Stages(shift_of=_shift_weighted, lift=_tops_and_rest_weighted, finish=_log_total_weighted, sums=2),
)


def _log_total_and_sign(shift: Any, count: Any, tops: Any, rest: Any) -> Any:
    total = tops + rest
    sign = 1 if total > 0 else -1 if total < 0 else constant(abs(total)) + (0 * shift if shift > 0 else 0)  # 0, or NaN
    above = (sign * tops - 1) + sign * rest
    return ((log1p(above) if abs(above) < 0.5 else log(abs(total))) + shift, sign)


_logsumexp_signed = Reduction(
    "logsumexp_signed",
    Stages(
        shift_of=_shift_weighted,
        lift=_tops_and_rest_weighted,
        finish=_log_total_and_sign,
        sums=2,
        finals=2,
        results=2,
    ),
)


def _prepare(x: Any, name: str, axis: Any) -> tuple[Any, tuple[int, ...]]:
    operand = arguments.as_array(x, name, boolean=False, device=True)
    return operand, arguments.normalize_axes(axis, operand.ndim)


def _normalized(plain: Reduction, masked: Reduction, x: Any, axis: Any, where: Any, initial: Any, out: Any) -> Any:
    if where is None and initial is None:
        operand, axes = _prepare(x, "x", axis)
        return plain([operand], axes, arguments.float_dtype([operand]), out=out, shortcut=new_shortcut(moving=True))
    operand = arguments.as_array(x, "x", boolean=False, device=True)
    mask = as_mask(True if where is None else where)
    start = arguments.as_scalar(-np.inf if initial is None else initial, "initial")
    shape = arguments.broadcast({"x": operand.shape, "where": mask.shape})
    axes = arguments.normalize_axes(axis, len(shape))
    names = ("x", "where", "initial")
    dtype = arguments.float_dtype([operand])
    return masked([operand, mask, start], axes, dtype, shape=shape, out=out, names=names)


@shortcut("x", unset=["where", "initial"])
def softmax(x: Any, axis: Any = -1, where: Any = None, initial: Any = None, *, out: Any = None) -> Any:
    r"""Softmax: exponentials divided by their sum.

    .. math:: e^{x_i - m} / \sum_j e^{x_j - m}, \quad m = \max_j x_j

    Parameters
    ----------
    x : array_like
        Real numbers. Integers are taken as float64; bool is refused.
    axis : int, tuple of int or None, default -1
        Axes that are normalised together; None means all, ``()`` none.
    where : array_like of bool, optional
        Entries that take part; broadcasts with ``x`` and may enlarge the result. The others give 0.
    initial : number, optional
        Lower bound for the shift ``m``.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the input.

    Returns
    -------
    numpy.ndarray
        Of the shape and floating-point dtype of ``x``. A row with NaN, +inf, or nothing but -inf is NaN.

    Raises
    ------
    TypeError
        For inputs that are not real numbers, or bool.
    ValueError
        For an axis out of range, or given twice.

    Notes
    -----
    Where +inf makes the row NaN, the derivative is that of the shares: 1 for the element that is +inf, or equal for
    several. In a row of nothing but -inf it is 0.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.softmax([1e4, 1e4, -1e4])
    array([0.5, 0.5, 0. ])
    """
    return _normalized(_softmax, _softmax_where, x, axis, where, initial, out)


@shortcut("x", unset=["where", "initial"])
def log_softmax(x: Any, axis: Any = -1, where: Any = None, initial: Any = None, *, out: Any = None) -> Any:
    r"""Logarithm of the softmax, accurate where the softmax underflows, and where it is nearly 1.

    .. math:: (x_i - m) - \log \sum_j e^{x_j - m}, \quad m = \max_j x_j

    Parameters
    ----------
    x : array_like
        Real numbers. Integers are taken as float64; bool is refused.
    axis : int, tuple of int or None, default -1
        Axes that are normalised together; None means all, ``()`` none.
    where : array_like of bool, optional
        Entries that take part; broadcasts with ``x`` and may enlarge the result. The others give -inf.
    initial : number, optional
        Lower bound for the shift ``m``.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the input.

    Returns
    -------
    numpy.ndarray
        Of the shape and floating-point dtype of ``x``. A row with NaN, +inf, or nothing but -inf is NaN.

    Raises
    ------
    TypeError
        For inputs that are not real numbers, or bool.
    ValueError
        For an axis out of range, or given twice.

    Notes
    -----
    The derivative by ``x`` is 1 at the element itself, less the shares. Where +inf makes the row NaN, the element that
    is +inf has the share 1, or several have equal ones. In a row of nothing but -inf the derivative is 0.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.log_softmax([0.0, 0.0, -1e4])
    array([-6.93147181e-01, -6.93147181e-01, -1.00006931e+04])
    >>> numbafunc.log_softmax([40.0, 0.0])
    array([-4.24835426e-18, -4.00000000e+01])
    """
    return _normalized(_log_softmax, _log_softmax_where, x, axis, where, initial, out)


def _weighted_where(a: Any, axis: Any, b: Any, keepdims: bool, return_sign: bool, mask: Any) -> Any:
    given = [
        arguments.as_operand(x, name, device=True) for x, name in ((a, "a"), (b, "b")) if x is not None or name == "a"
    ]
    dtype = arguments.float_dtype(given if b is not None else [arguments.as_array(given[0], "a", device=True)])
    shape = arguments.broadcast(dict(zip("ab", map(arguments.shape_of, given))) | {"where": mask.shape})
    axes = arguments.normalize_axes(axis, len(shape))
    # Both: infinity may be among the weights that are left out.
    exponents, *weights = (masked(x, mask, fill, dtype=dtype) for x, fill in zip(given, (-_INFINITY, 0.0)))
    found = logsumexp(exponents, axes, weights[0] if weights else None, keepdims, return_sign)
    left = number_taken(mask, shape, axes, dtype, keepdims=keepdims)
    if return_sign:
        return masked(found[0], left, -_INFINITY, dtype=dtype), found[1]
    return masked(found, left, -_INFINITY, dtype=dtype)


@shortcut("a", unset=["b", "keepdims", "return_sign"], options=["where"])
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False, *, where: Any = None
) -> Any:
    r"""Logarithm of a sum of exponentials, without overflow.

    .. math:: \log \sum_j b_j e^{a_j}

    Parameters
    ----------
    a : array_like
        Exponents, real or complex. Integers and bool are taken as float64.
    axis : int, tuple of int or None, default None
        Axes to sum over; None means all, ``()`` none.
    b : array_like, optional
        Weights; they broadcast with ``a`` and may enlarge it. Entries with weight 0 are ignored, NaN included.
    keepdims : bool, default False
        Whether the reduced axes stay, with length 1.
    return_sign : bool, default False
        Whether to return the pair ``(log(abs(sum)), sign)``; otherwise a negative sum of real numbers gives NaN. The
        sign of a complex sum is ``sum / abs(sum)``.
    where : array_like of bool, optional
        Entries that take part; broadcasts with ``a`` and may enlarge it. The others may be NaN, and have derivative 0.

    Returns
    -------
    numpy.ndarray or tuple of two
        In the floating-point dtype of the operands. An empty sum gives -inf, with sign 0. Of complex numbers the
        logarithm has an imaginary part above -pi, up to pi.

    Raises
    ------
    TypeError
        For inputs that are not numbers, complex ones of a device or inside compiled functions, shapes that do not
        broadcast (which is a ValueError too), or flags that are not True or False.
    ValueError
        For an axis out of range, or given twice.

    Notes
    -----
    The derivative by ``a`` is the softmax: the share of each element in the sum. An element that is +inf has the share
    1, several such have equal ones, and in a row of nothing but -inf all are 0. An element with weight 0 has a
    derivative by its weight, unless it is NaN. The sign of a real sum has derivative 0.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.logsumexp([1000.0, 1000.0])
    array(1000.69314718)
    >>> numbafunc.logsumexp([0.0, 1.0], b=[1.0, -1.0], return_sign=True)
    (array(0.54132485), array(-1.))
    """
    if keepdims is not False or return_sign is not False:
        keepdims = arguments.check_flag(keepdims, "keepdims")
        return_sign = arguments.check_flag(return_sign, "return_sign")
    mask = None if where is None else as_mask(where)
    if is_complex(a) or is_complex(b):
        return complex_logsumexp(a, axis, b, keepdims, return_sign, mask)
    if mask is not None and b is None and not return_sign:
        operand = arguments.as_array(a, "a", device=True)
        shape = arguments.broadcast({"a": operand.shape, "where": arguments.shape_of(mask)})
        axes, dtype = arguments.normalize_axes(axis, len(shape)), arguments.float_dtype([operand])
        return _logsumexp_where([operand, mask], axes, dtype, shape=shape, keepdims=keepdims, names=("a", "where"))
    if mask is not None:
        return _weighted_where(a, axis, b, keepdims, return_sign, mask)
    if b is None and not return_sign:
        operand = arguments.as_array(a, "a", device=True)
        axes = arguments.normalize_axes(axis, operand.ndim)
        dtype = arguments.float_dtype([operand])
        return _logsumexp([operand], axes, dtype, keepdims=keepdims, shortcut=new_shortcut(moving=True), names=("a",))
    weight = 1.0 if b is None else arguments.as_operand(b, "b", device=True)
    given = [arguments.as_operand(a, "a", device=True), weight]
    operands = [arguments.as_array(given[0], "a", device=True), weight]
    shapes = {"a": operands[0].shape} if b is None else {"a": operands[0].shape, "b": arguments.shape_of(weight)}
    shape = arguments.broadcast(shapes)
    axes = arguments.normalize_axes(axis, len(shape))
    op = _logsumexp_signed if return_sign else _logsumexp_weighted
    return op(operands, axes, arguments.float_dtype(given), shape=shape, keepdims=keepdims, names=("a", "b"))


CALLS["softmax"] = CALLS["log_softmax"] = Call(ROWS)
CALLS["logsumexp"] = Call(ROWS, settings={"axis": -1})
register(__name__)
