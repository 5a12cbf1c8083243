"""``scipy.special`` with derivatives; names that are not here are SciPy's own.

The ufuncs of ``scipy.special`` take dual arrays as they are. Here are functions that SciPy wrote in Python around them,
and that convert their arguments to arrays. They go straight to SciPy where no argument is a dual array.
"""

from __future__ import annotations

import operator as _operator
from typing import Any as _Any

import numpy as _np

from numbafunc.dual.array import Dual as _Dual, value_of as _value_of
from numbafunc.ops import softmax as _ops
from numbafunc.prompt import presented as _presented
from numbafunc.scipy.original import differentiable as _differentiable, original as _original

_original("special")  # so that a program without SciPy learns it here

__all__ = ["log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax"]


@_differentiable("special")
def logsumexp(a: _Any, axis: _Any = None, b: _Any = None, keepdims: bool = False, return_sign: bool = False) -> _Any:
    """Logarithm of a sum of exponentials: :func:`numbafunc.logsumexp`.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import special
    >>> numbafunc.grad(special.logsumexp)(np.zeros(2))
    array([0.5, 0.5])
    """
    return _ops.logsumexp(a, axis, b, keepdims, return_sign)


@_differentiable("special")
def softmax(x: _Any, axis: _Any = None) -> _Any:
    """Exponentials divided by their sum: :func:`numbafunc.softmax`, by default over all axes.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import special
    >>> numbafunc.grad(lambda x: special.softmax(x)[0])(np.zeros(2))
    array([ 0.25, -0.25])
    """
    return _ops.softmax(x, axis)


@_differentiable("special")
def log_softmax(x: _Any, axis: _Any = None) -> _Any:
    """Logarithm of the softmax: :func:`numbafunc.log_softmax`, by default over all axes.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import special
    >>> numbafunc.grad(lambda x: special.log_softmax(x)[0])(np.zeros(2))
    array([ 0.5, -0.5])
    """
    return _ops.log_softmax(x, axis)


@_differentiable("special")
def polygamma(n: _Any, x: _Any) -> _Any:
    r"""Derivative of order ``n`` of the digamma function, by Hurwitz's zeta function.

    .. math:: \psi^{(n)}(x) = (-1)^{n+1} \, n! \, \zeta(n + 1, x)

    Raises
    ------
    TypeError
        For orders with derivatives.

    Examples
    --------
    >>> import numbafunc
    >>> from numbafunc.scipy import special
    >>> bool(numbafunc.grad(lambda x: special.polygamma(1, x))(2.0) == special.polygamma(2, 2.0))
    True
    """
    if type(n) is _Dual:
        raise TypeError("scipy.special.polygamma has no derivative with respect to the order n, which is an integer")
    special = _original("special")
    n = _np.asarray(n)
    factor = (-1.0) ** (n + 1) * special.gamma(n + 1.0)
    return _np.where(n == 0, special.psi(x), factor * special.zeta(_np.where(n == 0, 2, n + 1.0), x))


@_differentiable("special")
def multigammaln(a: _Any, d: _Any) -> _Any:
    r"""Logarithm of the gamma function of ``d`` dimensions.

    .. math:: \frac{d (d - 1)}{4} \log \pi + \sum_{j=1}^d \log \Gamma\left(a - \frac{j - 1}{2}\right)

    Raises
    ------
    ValueError
        For ``a`` of at most ``(d - 1) / 2``.

    Examples
    --------
    >>> import numbafunc
    >>> from numbafunc.scipy import special
    >>> bool(numbafunc.grad(lambda a: special.multigammaln(a, 1))(2.0) == special.psi(2.0))
    True
    """
    d = _operator.index(d)
    if not _np.all(_value_of(a) > (d - 1) / 2):
        raise ValueError(f"scipy.special.multigammaln: a is {_value_of(a)}; wanted: above {(d - 1) / 2}, as d is {d}")
    terms = _original("special").gammaln(_np.expand_dims(a, -1) - _np.arange(d) / 2)
    return d * (d - 1) / 4 * _np.log(_np.pi) + _np.sum(terms, -1)


_presented(*map(globals().get, __all__))


def __getattr__(name: str) -> _Any:
    return getattr(_original("special"), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in dir(_original("special")) if name[0] != "_")})
