"""Activation functions by one formula; those in pieces are in :mod:`numbafunc.ops.activation_piecewise`."""

from __future__ import annotations

from math import isinf
from typing import Any

import numpy as np

from numbafunc.backend import is_device_array
from numbafunc.dual.array import value_of
from numbafunc.kinds import arguments
from numbafunc.kinds.elementwise import define
from numbafunc.kinds.njit import register
from numbafunc.numbers import elementary
from numbafunc.numbers.elementary import constant, multiply_add

_SHARPNESS = 1.0


@define()
def _gelu(x: Any) -> Any:
    return elementary.gelu(x)


@define()
def _gelu_tanh(x: Any) -> Any:
    return elementary.gelu_tanh(x)


_gelu.variant = ("approximate", _gelu_tanh)


@define(boolean=False)
def _log_sigmoid(x: Any) -> Any:
    return -elementary.softplus(-x)


@define()
def _mish(x: Any) -> Any:
    return elementary.mish(x)


@define()
def _rsqrt(x: Any) -> Any:
    return elementary.rsqrt(x)


@define()
def _sigmoid(x: Any) -> Any:
    return elementary.logistic(x)


@define()
def _softplus(x: Any) -> Any:
    return elementary.softplus(x)


@define()
def _softplus_scaled(x: Any, beta: Any) -> Any:
    product = beta * x
    below = -product if product > 0 else product
    # What the product was rounded by, relative to an exponential of it.
    error = constant(multiply_add(beta, x, -product)) if below > -1e4 else 0
    total = elementary.softplus(below)
    rest = multiply_add(total, -error if product > 0 else error, total) / beta
    return (x if product > 0 else 0) + (0 if isinf(beta) and x == x else rest)


_softplus.variant = ("beta", _softplus_scaled)


@define()
def _swish(x: Any) -> Any:
    return elementary.swish(x)


@define()
def _tanh(x: Any) -> Any:
    return elementary.tanh(x)


def gelu(x: Any, approximate: bool = False, *, out: Any = None) -> Any:
    r"""Gaussian error linear unit, elementwise.

    .. math:: x \, \Phi(x) = \frac{x}{2} \operatorname{erfc}\left(-\frac{x}{\sqrt 2}\right)

    where :math:`\Phi` is the distribution function of the standard normal distribution, or its approximation

    .. math:: \frac{x}{2} \left(1 + \tanh\left(\sqrt{2 / \pi} \, (x + 0.044715 \, x^3)\right)\right)

    Parameters
    ----------
    x : array_like
        Real numbers of any shape. Integers are taken as float64.
    approximate : bool, default False
        Whether to compute the approximation, which is off by at most 0.0005. PyTorch and JAX have it too: there it is
        ``approximate="tanh"`` and ``approximate=True``, the default of JAX but not of PyTorch.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the input.

    Returns
    -------
    numpy.ndarray
        Of the shape and floating-point dtype of ``x``; with full relative accuracy in the left tail. At minus infinity
        the limit, -0.

    Raises
    ------
    TypeError
        For inputs that are not real numbers, and where ``approximate`` is no bool.

    Notes
    -----
    The derivative is :math:`\Phi(x) + x \, \Phi'(x)`, 0 at minus infinity, 1 at infinity and NaN for NaN.

    References
    ----------
    D. Hendrycks, K. Gimpel, Gaussian error linear units (GELUs), arXiv:1606.08415, 2016.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.gelu([-10.0, -1.0, 0.0, 2.0])
    array([-7.61985302e-23, -1.58655254e-01,  0.00000000e+00,  1.95449974e+00])
    >>> numbafunc.gelu([-1.0, 2.0], approximate=True)
    array([-0.15880801,  1.95459769])
    """
    if not isinstance(approximate, (bool, np.bool_)):
        raise TypeError(f"approximate of gelu is {approximate!r}; wanted: True or False")
    return (_gelu_tanh if approximate else _gelu).call(x, out)


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
        For inputs that are not real numbers, or bool.

    Notes
    -----
    The derivative is ``sigmoid(-x)``: 1 at minus infinity, 0 at infinity and NaN for NaN.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.log_sigmoid([-1000.0, 0.0, 40.0])
    array([-1.00000000e+03, -6.93147181e-01, -4.24835426e-18])
    """
    return _log_sigmoid.call(x, out)


def mish(x: Any, *, out: Any = None) -> Any:
    r"""Mish, elementwise.

    .. math:: x \tanh(\operatorname{softplus}(x)) = x \tanh(\log(1 + e^x))

    Parameters
    ----------
    x : array_like
        Real numbers of any shape. Integers are taken as float64.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the input.

    Returns
    -------
    numpy.ndarray
        Of the shape and floating-point dtype of ``x``; with full relative accuracy in the left tail. At minus infinity
        the limit, -0.

    Raises
    ------
    TypeError
        For inputs that are not real numbers.

    Notes
    -----
    The derivative is 0 at minus infinity, 1 at infinity and NaN for NaN.

    References
    ----------
    D. Misra, Mish: a self regularized non-monotonic activation function, BMVC 2020.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.mish([-50.0, -1.0, 0.0, 2.0])
    array([-9.64374924e-21, -3.03401461e-01,  0.00000000e+00,  1.94395896e+00])
    """
    return _mish.call(x, out)


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
        For inputs that are not real numbers.

    Notes
    -----
    At zero the derivative is minus infinity; for NaN it is NaN.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.rsqrt([0.25, 1.0, 4.0])
    array([2. , 1. , 0.5])
    """
    return _rsqrt.call(x, out)


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
        For inputs that are not real numbers.

    Notes
    -----
    The derivative is ``sigmoid(x) * sigmoid(-x)``, accurate in both tails; for NaN it is NaN.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.sigmoid([-2.0, 0.0, 2.0])
    array([0.11920292, 0.5       , 0.88079708])
    """
    return _sigmoid.call(x, out)


def softplus(x: Any, *, beta: Any = _SHARPNESS, out: Any = None) -> Any:
    r"""Smooth version of :func:`relu`, elementwise and without overflow.

    .. math:: \frac1\beta \log(1 + e^{\beta x}) = \max(x, 0) + \frac1\beta \operatorname{log1p}(e^{-|\beta x|})

    Parameters
    ----------
    x : array_like
        Real numbers of any shape. Integers are taken as float64.
    beta : array_like, default 1.0
        Sharpness; broadcasts with ``x``. A negative one gives minus the function of -x with its opposite. Any other
        than 1 costs up to one more unit in the last place.
    out : numpy.ndarray, optional
        Where to put the result; of its shape and dtype, and apart from the input.

    Returns
    -------
    numpy.ndarray
        Of the shape and floating-point dtype of ``x``, or of both if they broadcast.

    Raises
    ------
    TypeError
        For inputs that are not real numbers.
    ValueError
        For a ``beta`` of 0 in main memory, where the function is infinite.

    Notes
    -----
    The derivative by ``x`` is ``sigmoid(beta * x)``: for a positive ``beta`` 0 at minus infinity, 1 at infinity; NaN
    for NaN. With an infinite ``beta``, the limit, this is :func:`relu` with its derivatives.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.softplus([-40.0, 0.0, 1000.0])
    array([4.24835426e-18, 6.93147181e-01, 1.00000000e+03])
    >>> numbafunc.softplus([-1.0, 0.0, 1.0], beta=10.0)
    array([4.53988992e-06, 6.93147181e-02, 1.00000454e+00])
    """
    if beta is _SHARPNESS:
        return _softplus.call(x, out)
    known = value_of(beta if type(beta) is float else arguments.as_operand(beta, "beta", device=True))
    if not is_device_array(known) and np.any(np.equal(known, 0)):
        raise ValueError(f"beta is {beta!r}; wanted: numbers other than 0, at which the function is infinite")
    if type(beta) is float and beta == 1:
        return _softplus.call(x, out)
    return _softplus_scaled.call(x, beta, out)


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
        Of the shape and floating-point dtype of ``x``. At minus infinity the limit, -0.

    Raises
    ------
    TypeError
        For inputs that are not real numbers.

    Notes
    -----
    The derivative is 0 at minus infinity, 1 at infinity and NaN for NaN.

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
        For inputs that are not real numbers.

    Notes
    -----
    The derivative is computed as ``1 / cosh(x)**2``, accurate in both tails; for NaN it is NaN.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.tanh([-1.0, 0.0, 1.0])
    array([-0.76159416,  0.        ,  0.76159416])
    """
    return _tanh.call(x, out)


register(__name__)
