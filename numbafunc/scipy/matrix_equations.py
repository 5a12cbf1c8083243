"""Matrix equations of ``scipy.linalg``: those of Sylvester, Lyapunov and Riccati.

``A X + X B = Q`` has the tangent ``A dX + dX B = dQ - dA X - X dB``, and the transpose of its solution solves the
equation with transposed matrices. The tangents of Riccati's equations solve those of Lyapunov.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand
from numbafunc.dual.products import align, finish
from numbafunc.dual.quiet import quiet
from numbafunc.dual.recorder import Primitive, Recorder
from numbafunc.rules.application import Tangent, combine
from numbafunc.rules.arguments import cast, separate
from numbafunc.rules.complex_values import adjoint, conjugate
from numbafunc.rules.linalg import identity_like
from numbafunc.scipy.original import differentiable, double, matrix, original


def _sylvester(a: Operand, b: Operand, q: Tangent) -> Any:
    """The solution of Sylvester's equation for a stack of right sides."""
    if type(q) is Recorder:
        return SYLVESTER.record(q.shape, np.result_type(a.dtype, b.dtype, q.dtype), a, b, q)
    if all(type(x) is not Dual for x in (a, b, q)):
        solve = original("linalg").solve_sylvester
        # SciPy's result for real and complex matrices together is wrong.
        a, b, q = (cast(x, np.result_type(a, b, q)) for x in (a, b, q))
        if q.ndim == 2:
            return np.asarray(solve(a, b, q))
        return np.reshape(np.stack([solve(a, b, one) for one in np.reshape(q, (-1, *q.shape[-2:]))]), q.shape)
    level, (a, b, q), (da, db, dq) = separate("scipy.linalg.solve_sylvester", a, b, q)
    x = _sylvester(a, b, q)
    with quiet():
        right = dq
        if da is not None:
            right = combine(right, -(align(da, x.ndim) @ x))
        if db is not None:
            right = combine(right, -(x @ align(db, x.ndim)))
        return finish(x, _sylvester(a, b, right), level)


SYLVESTER = Primitive(
    "solve_sylvester",
    _sylvester,
    lambda cotangent, place, a, b, q: _sylvester(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2), cotangent),
)


def _one(name: str, *matrices: Any) -> list[Any]:
    """The matrices, of which there must be one each."""
    found = [matrix(name, x) for x in matrices]
    if any(x.ndim != 2 for x in found):
        raise TypeError(f"scipy.linalg.{name}: stacks of matrices are not supported for dual arrays")
    return found


@differentiable("linalg")
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    r"""Solution of Sylvester's equation :math:`A X + X B = Q`.

    .. math:: A \, dX + dX \, B = dQ - dA \, X - X \, dB

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda q: np.sum(linalg.solve_sylvester(np.eye(2), 3 * np.eye(2), q)))(np.ones((2, 2)))
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    return _sylvester(*_one("solve_sylvester", a, b, q))


@differentiable("linalg")
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    r"""Solution of Lyapunov's equation in continuous time, :math:`A X + X A^* = Q`.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda s: linalg.solve_continuous_lyapunov(s * np.eye(2), np.eye(2))[0, 0])(1.0)
    array(-0.5)
    """
    a, q = _one("solve_continuous_lyapunov", a, q)
    return _sylvester(a, adjoint(a), q)


@differentiable("linalg")
def solve_discrete_lyapunov(a: Any, q: Any, method: Any = None) -> Any:
    r"""Solution of Lyapunov's equation in discrete time, :math:`A X A^* - X + Q = 0`.

    The arguments are those of :func:`scipy.linalg.solve_discrete_lyapunov`, with its two methods: "direct" is a linear
    system of M² unknowns, the default up to M = 9, "bilinear" an equation in continuous time.

    Raises
    ------
    ValueError
        For an unknown method.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda s: linalg.solve_discrete_lyapunov(s * np.eye(2), np.eye(2))[0, 0])(0.5)
    array(1.77777778)
    """
    # Like SciPy's, the result has double precision.
    a, q = map(double, _one("solve_discrete_lyapunov", a, q))
    if method is None:
        method = _method_for(a)
    if method not in ("direct", "bilinear"):
        raise ValueError(f"scipy.linalg.solve_discrete_lyapunov: method is {method!r}; wanted: 'direct' or 'bilinear'")
    return _discrete_lyapunov(a, q, method)


def _discrete_lyapunov(a: Operand, q: Tangent, method: str) -> Any:
    """The solution of Lyapunov's equation in discrete time for a stack of right sides."""
    if method == "direct":
        system = np.kron(a, conjugate(a))
        column = np.reshape(q, (*q.shape[:-2], q.shape[-1] ** 2, 1))
        return np.reshape(np.linalg.solve(identity_like(system) - system, column), q.shape)
    # Cayley's transform C = (A - I) inv(A + I) makes it C X + X C* = -2 inv(A + I) Q inv(A + I)*.
    identity = identity_like(a)
    inverse = np.linalg.inv(a + identity)
    c = (a - identity) @ inverse
    return _sylvester(c, adjoint(c), -2 * (inverse @ q @ adjoint(inverse)))


def _method_for(a: Operand) -> str:
    return "direct" if a.shape[0] < 10 else "bilinear"


# Riccati's equations. With the gain K and the closed loop C = A - B K, both have the form of an equation of Lyapunov in
# which K does not change: X is stationary with respect to it.


def _riccati(name: str, *matrices: Operand) -> Any:
    """The solution of Riccati's equation with the matrices A, B, Q and R."""
    if all(type(x) is not Dual for x in matrices):
        return np.asarray(getattr(original("linalg"), name)(*matrices))
    level, (a, b, q, r), (da, db, dq, dr) = separate(f"scipy.linalg.{name}", *matrices)
    x = _riccati(name, a, b, q, r)
    with quiet():
        continuous = name == "solve_continuous_are"
        if continuous:
            gain = np.linalg.solve(r, adjoint(b) @ x)
        else:
            gain = np.linalg.solve(r + adjoint(b) @ x @ b, adjoint(b) @ x @ a)
        loop = a - b @ gain
        moved = combine(da, None if db is None else -(db @ gain))
        change = dq
        if moved is not None:
            half = (x if continuous else adjoint(loop) @ x) @ moved
            change = combine(change, half + adjoint(half))
        if dr is not None:
            change = combine(change, adjoint(gain) @ dr @ gain)
        if continuous:
            return finish(x, _sylvester(adjoint(loop), loop, -change), level)
        return finish(x, _discrete_lyapunov(adjoint(loop), change, _method_for(a)), level)


def _checked_riccati(name: str, e: Any, s: Any, *matrices: Any) -> Any:
    for option, given in (("e", e), ("s", s)):
        if given is not None:
            raise TypeError(f"scipy.linalg.{name}: the argument {option} is not supported for dual arrays")
    return _riccati(name, *_one(name, *map(np.atleast_2d, matrices)))


@differentiable("linalg")
def solve_continuous_are(a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True) -> Any:
    r"""Stabilising solution of Riccati's equation in continuous time, :math:`A^* X + X A - X B R^{-1} B^* X + Q = 0`.

    .. math:: C^* dX + dX \, C = -\left(X (dA - dB \, K) + (dA - dB \, K)^* X + dQ + K^* dR \, K\right),
        \quad K = R^{-1} B^* X, \; C = A - B K

    The arguments are those of :func:`scipy.linalg.solve_continuous_are`. For dual arrays ``e`` and ``s`` are refused,
    and ``balanced`` is always True.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda q: linalg.solve_continuous_are([[0.0]], [[1.0]], q, [[1.0]])[0, 0])(np.array([[4.0]]))
    array([[0.25]])
    """
    return _checked_riccati("solve_continuous_are", e, s, a, b, q, r)


@differentiable("linalg")
def solve_discrete_are(a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True) -> Any:
    r"""Stabilising solution of Riccati's equation in discrete time.

    .. math:: A^* X A - X - A^* X B \, (R + B^* X B)^{-1} B^* X A + Q = 0

    The arguments are those of :func:`scipy.linalg.solve_discrete_are`. For dual arrays ``e`` and ``s`` are refused, and
    ``balanced`` is always True.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda q: linalg.solve_discrete_are([[0.0]], [[1.0]], q, [[1.0]])[0, 0])(np.array([[4.0]]))
    array([[1.]])
    """
    return _checked_riccati("solve_discrete_are", e, s, a, b, q, r)
