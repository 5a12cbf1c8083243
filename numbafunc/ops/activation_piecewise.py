"""Activation functions in pieces: on either side of a kink, or of a change of formula, each is another function."""

from __future__ import annotations

from math import isinf
from typing import Any

from numbafunc.kinds.elementwise import define
from numbafunc.kinds.njit import register
from numbafunc.numbers.elementary import constant, expm1, like, multiply_add, still_below, with_slope_of

SELU_SCALE = 1.0507009873554805


SELU_ALPHA = 1.6732632423543772
# Their product, correctly rounded: that of the rounded two is 1 ULP off, by which the result would err by up to 2.7
# ULP.
SELU_SCALE_ALPHA = 1.7580993408473768


@define()
def _celu(x: Any, alpha: Any) -> Any:
    negative = 0 if x > 0 else x
    # The exponential of the bound is 0 already; an infinite ratio would give a NaN derivative. So would 0 / 0: for an
    # alpha of 0 any divisor as small as this gives the limit. NaN over an infinite alpha would have derivative 0.
    ratio = still_below(negative / (alpha if alpha != 0 and x == x else 1e-37), -800)
    exponential = alpha * expm1(ratio)
    # Nearer to 0 than this bound, expm1 equals its argument to the last bit, but the ratio may be too small to be
    # accurate; and the product is 0 * infinity where alpha is infinite.
    value = x if x > -1e-18 * abs(alpha) else exponential
    return with_slope_of(value, x if x > 0 or (isinf(alpha) and x == x) else exponential)


@define()
def _elu(x: Any, alpha: Any) -> Any:
    return x if x > 0 else alpha * expm1(x)


@define(light=True)
def _hard_swish(x: Any) -> Any:
    total = x + 3
    error = (3 - total) + x  # the sum's rounding error, without which the result would be off by more than 2 ULP
    return 0 if x <= -3 else x if x >= 3 else multiply_add(x, total, x * error) / 6


@define(keep_integers=True, light=True)
def _leaky_relu(x: Any, negative_slope: Any) -> Any:
    return x if x >= 0 else like(negative_slope * x, x)


@define(keep_integers=True, light=True)
def _relu(x: Any) -> Any:
    return like(0, x) if x <= 0 else x if x > 0 else constant(x)  # in this order the value takes one comparison


@define()
def _selu(x: Any) -> Any:
    return SELU_SCALE * x if x > 0 else SELU_SCALE_ALPHA * expm1(x)


def celu(x: Any, alpha: Any = 1.0, *, out: Any = None) -> Any:
    r"""Continuously differentiable exponential linear unit, elementwise.

    .. math:: \max(x, 0) + \alpha \, (e^{\min(x, 0) / \alpha} - 1)

    Parameters
    ----------
    x : array_like
        Real numbers of any shape. Integers are taken as float64.
    alpha : array_like, default 1.0
        Scale; broadcasts with ``x``.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the inputs.

    Returns
    -------
    numpy.ndarray
        Of the broadcast shape, in the widest floating-point dtype of the operands.

    Raises
    ------
    TypeError
        For inputs that are not real numbers, or shapes that do not broadcast (which is a ValueError too).

    Notes
    -----
    At zero the derivative is 1 and the second derivative that from the left, ``1 / alpha``. Where ``alpha`` is 0 or
    infinite, value and derivative are the limits: those of :func:`relu`, and of ``x``. For NaN the derivative is NaN.

    References
    ----------
    J. T. Barron, Continuously differentiable exponential linear units, arXiv:1704.07483, 2017.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.celu([-2.0, 0.0, 3.0], alpha=2.0)
    array([-1.26424112,  0.        ,  3.        ])
    """
    return _celu.call(x, alpha, out)


def elu(x: Any, alpha: Any = 1.0, *, out: Any = None) -> Any:
    r"""Exponential linear unit, elementwise.

    .. math:: x \text{ for } x > 0, \quad \alpha \, (e^x - 1) \text{ else}

    Parameters
    ----------
    x : array_like
        Real numbers of any shape. Integers are taken as float64.
    alpha : array_like, default 1.0
        Scale; broadcasts with ``x``.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the inputs.

    Returns
    -------
    numpy.ndarray
        Of the broadcast shape, in the widest floating-point dtype of the operands.

    Raises
    ------
    TypeError
        For inputs that are not real numbers, or shapes that do not broadcast (which is a ValueError too).

    Notes
    -----
    At zero the derivative is ``alpha``, that from the left; for NaN it is NaN.

    References
    ----------
    D. Clevert, T. Unterthiner, S. Hochreiter, Fast and accurate deep network learning by exponential linear units,
    ICLR 2016.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.elu([-1.0, 0.0, 2.0])
    array([-0.63212056,  0.        ,  2.        ])
    """
    return _elu.call(x, alpha, out)


def hard_swish(x: Any, *, out: Any = None) -> Any:
    r"""Piecewise quadratic version of :func:`swish`, elementwise.

    .. math:: x \, \min(\max(x + 3, 0), 6) / 6

    Parameters
    ----------
    x : array_like
        Real numbers of any shape. Integers are taken as float64.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the input.

    Returns
    -------
    numpy.ndarray
        Of the shape and floating-point dtype of ``x``; 0 up to -3, minus infinity included.

    Raises
    ------
    TypeError
        For inputs that are not real numbers.

    Notes
    -----
    At the kinks the derivatives are those of the straight sides: the first is 0 at -3 and 1 at 3, the second 0 at both.
    For NaN the first is NaN.

    References
    ----------
    A. Howard et al., Searching for MobileNetV3, ICCV 2019.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.hard_swish([-4.0, -1.5, 0.0, 1.5, 4.0])
    array([ 0.   , -0.375,  0.   ,  1.125,  4.   ])
    """
    return _hard_swish.call(x, out)


def leaky_relu(x: Any, negative_slope: Any = 0.01, *, out: Any = None) -> Any:
    r"""Rectified linear unit with a slope for negative numbers, elementwise.

    .. math:: x \text{ for } x \ge 0, \quad \text{negative\_slope} \cdot x \text{ else}

    Parameters
    ----------
    x : array_like
        Real numbers of any shape. Integers stay integers when the slope is an integer, else they are taken as float64.
    negative_slope : array_like, default 0.01
        Slope; broadcasts with ``x``.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the inputs.

    Returns
    -------
    numpy.ndarray
        Of the broadcast shape, in the widest floating-point dtype of the operands.

    Raises
    ------
    TypeError
        For inputs that are not real numbers, or shapes that do not broadcast (which is a ValueError too).

    Notes
    -----
    At zero the derivative is 1, that from the right; for NaN it is ``negative_slope``.

    References
    ----------
    A. L. Maas, A. Y. Hannun, A. Y. Ng, Rectifier nonlinearities improve neural network acoustic models, ICML 2013.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.leaky_relu([-2.0, 0.0, 3.0])
    array([-0.02,  0.  ,  3.  ])
    """
    return _leaky_relu.call(x, negative_slope, out)


def relu(x: Any, *, out: Any = None) -> Any:
    r"""Rectified linear unit, elementwise.

    .. math:: \max(x, 0)

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the input.

    Returns
    -------
    numpy.ndarray
        Of the shape and dtype of ``x``, integers included; bool becomes int64.

    Raises
    ------
    TypeError
        For inputs that are not real numbers.

    Notes
    -----
    At zero, and for NaN, the derivative is 0. ``numpy.maximum(x, 0)`` has 1 at zero, the derivative of its first
    operand.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.relu([-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    """
    return _relu.call(x, out)


def selu(x: Any, *, out: Any = None) -> Any:
    r"""Scaled exponential linear unit, elementwise.

    .. math:: \lambda x \text{ for } x > 0, \quad \lambda \alpha (e^x - 1) \text{ else}

    with :math:`\lambda = 1.0507009873554805` and :math:`\alpha = 1.6732632423543772`.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape. Integers are taken as float64.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the input.

    Returns
    -------
    numpy.ndarray
        Of the shape and floating-point dtype of ``x``.

    Raises
    ------
    TypeError
        For inputs that are not real numbers.

    Notes
    -----
    At zero the derivative is that from the left, :math:`\lambda \alpha`; for NaN it is NaN.

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, Self-normalizing neural networks, NeurIPS 2017.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.selu([-1.0, 0.0, 1.0])
    array([-1.11133074,  0.        ,  1.05070099])
    """
    return _selu.call(x, out)


register(__name__)
