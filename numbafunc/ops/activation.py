"""Activation functions."""

from __future__ import annotations

import math
from typing import Any

from numbafunc.kinds.elementwise import define
from numbafunc.kinds.njit import register
from numbafunc.numbers import elementary
from numbafunc.numbers.elementary import constant, expm1, like, still_below, with_slope_of

SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


@define()
def _celu(x: Any, alpha: Any) -> Any:
    negative = x if x <= 0 else 0
    # The exponential of the bound is 0 already; an infinite ratio would make NaN of its derivative.
    ratio = still_below(negative / alpha, -800)
    exponential = alpha * expm1(ratio)
    # From here on expm1 is its argument to the last bit, but the ratio may be too small to be accurate. The products
    # with zero and infinity are NaN where they should be.
    bound = -1e-18 * abs(alpha) if 0 < abs(alpha) < math.inf else math.inf
    value = exponential if x <= bound else x
    return with_slope_of(value, exponential + (0 if x <= 0 else x))


@define()
def _elu(x: Any, alpha: Any) -> Any:
    return x if x > 0 else alpha * expm1(x)


@define(keep_integers=True, light=True)
def _leaky_relu(x: Any, negative_slope: Any) -> Any:
    return x if x >= 0 else like(negative_slope * x, x)


@define(boolean=False)
def _log_sigmoid(x: Any) -> Any:
    return -elementary.softplus(-x)


@define(keep_integers=True, light=True)
def _relu(x: Any) -> Any:
    return x if x > 0 else like(0, x) if x <= 0 else constant(x)


@define()
def _rsqrt(x: Any) -> Any:
    return elementary.rsqrt(x)


@define()
def _selu(x: Any) -> Any:
    return SELU_SCALE * x if x > 0 else SELU_SCALE * SELU_ALPHA * expm1(x)


@define()
def _sigmoid(x: Any) -> Any:
    return elementary.logistic(x)


@define()
def _softplus(x: Any) -> Any:
    return elementary.softplus(x)


@define()
def _swish(x: Any) -> Any:
    return elementary.swish(x)


@define()
def _tanh(x: Any) -> Any:
    return elementary.tanh(x)


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
        For inputs that are no real numbers, or shapes that do not broadcast (which is a ValueError too).

    Notes
    -----
    At zero the derivative is 1 and the second derivative that from the left, ``1 / alpha``.

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
        For inputs that are no real numbers, or shapes that do not broadcast (which is a ValueError too).

    Notes
    -----
    At zero the derivative is ``alpha``, that from the left.

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
        For inputs that are no real numbers, or shapes that do not broadcast (which is a ValueError too).

    Notes
    -----
    At zero the derivative is 1, that from the right; for NaN it is the slope.

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


def log_sigmoid(x: Any, *, out: Any = None) -> Any:
    r"""Logarithm of the logistic function, elementwise and without overflow.

    .. math:: -\log(1 + e^{-x}) = \min(x, 0) - \operatorname{log1p}(e^{-|x|})

    Parameters
    ----------
    x : array_like
        Real numbers of any shape. Integers are taken as float64; bool is refused.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the input.

    Returns
    -------
    numpy.ndarray
        Of the shape and floating-point dtype of ``x``.

    Raises
    ------
    TypeError
        For inputs that are no real numbers, or bool.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.log_sigmoid([-1000.0, 0.0, 40.0])
    array([-1.00000000e+03, -6.93147181e-01, -4.24835426e-18])
    """
    return _log_sigmoid.call(x, out)


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
        For inputs that are no real numbers.

    Notes
    -----
    At zero, and for NaN, the derivative is 0.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.relu([-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    """
    return _relu.call(x, out)


def rsqrt(x: Any, *, out: Any = None) -> Any:
    r"""Reciprocal square root, elementwise.

    .. math:: 1 / \sqrt{x}

    Parameters
    ----------
    x : array_like
        Real numbers of any shape. Integers are taken as float64.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the input.

    Returns
    -------
    numpy.ndarray
        Of the shape and floating-point dtype of ``x``. NaN for negative numbers, an infinity with the sign of the
        zero at 0.

    Raises
    ------
    TypeError
        For inputs that are no real numbers.

    Notes
    -----
    At zero the derivative is minus infinity.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.rsqrt([0.25, 1.0, 4.0])
    array([2. , 1. , 0.5])
    """
    return _rsqrt.call(x, out)


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
        For inputs that are no real numbers.

    Notes
    -----
    At zero the derivative is that from the left, :math:`\lambda \alpha`.

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


def sigmoid(x: Any, *, out: Any = None) -> Any:
    r"""Logistic function, elementwise.

    .. math:: 1 / (1 + e^{-x})

    Parameters
    ----------
    x : array_like
        Real numbers of any shape. Integers are taken as float64.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the input.

    Returns
    -------
    numpy.ndarray
        Of the shape and floating-point dtype of ``x``; with full relative accuracy in the left tail.

    Raises
    ------
    TypeError
        For inputs that are no real numbers.

    Notes
    -----
    The derivative is ``sigmoid(x) * sigmoid(-x)``, accurate in both tails.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.sigmoid([-2.0, 0.0, 2.0])
    array([0.11920292, 0.5       , 0.88079708])
    """
    return _sigmoid.call(x, out)


def softplus(x: Any, *, out: Any = None) -> Any:
    r"""Smooth version of :func:`relu`, elementwise and without overflow.

    .. math:: \log(1 + e^x) = \max(x, 0) + \operatorname{log1p}(e^{-|x|})

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
        For inputs that are no real numbers.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.softplus([-40.0, 0.0, 1000.0])
    array([4.24835426e-18, 6.93147181e-01, 1.00000000e+03])
    """
    return _softplus.call(x, out)


def swish(x: Any, *, out: Any = None) -> Any:
    r"""Swish, or sigmoid linear unit, elementwise.

    .. math:: x / (1 + e^{-x})

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
        For inputs that are no real numbers.

    References
    ----------
    P. Ramachandran, B. Zoph, Q. V. Le, Searching for activation functions, arXiv:1710.05941, 2017.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.swish([-2.0, 0.0, 2.0])
    array([-0.23840584,  0.        ,  1.76159416])
    """
    return _swish.call(x, out)


def tanh(x: Any, *, out: Any = None) -> Any:
    r"""Hyperbolic tangent, elementwise.

    .. math:: (e^x - e^{-x}) / (e^x + e^{-x})

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
        For inputs that are no real numbers.

    Notes
    -----
    The derivative is computed as ``1 / cosh(x)**2``, accurate in both tails.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.tanh([-1.0, 0.0, 1.0])
    array([-0.76159416,  0.        ,  0.76159416])
    """
    return _tanh.call(x, out)


register(__name__)
