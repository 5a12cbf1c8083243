"""Matrix equations of ``scipy.linalg``: those of Sylvester and Lyapunov.

``A X + X B = Q`` has the tangent ``A dX + dX B = dQ - dA X - X dB``, and the transpose of its solution solves the
equation with transposed matrices.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, quiet
from numbafunc.dual.products import align, finish
from numbafunc.dual.recorder import Primitive, Recorder
from numbafunc.rules.application import Tangent, combine
from numbafunc.rules.arguments import cast, separate
from numbafunc.rules.complex_values import adjoint, conjugate
from numbafunc.rules.linalg import identity_like
from numbafunc.scipy.original import differentiable, matrix, original


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
    a, q = _one("solve_discrete_lyapunov", a, q)
    if method is None:
        method = "direct" if a.shape[0] < 10 else "bilinear"
    if method == "direct":
        system = np.kron(a, conjugate(a))
        return np.reshape(np.linalg.solve(identity_like(system) - system, np.ravel(q)), q.shape)
    if method != "bilinear":
        raise ValueError(f"scipy.linalg.solve_discrete_lyapunov: method is {method!r}; wanted: 'direct' or 'bilinear'")
    # Cayley's transform C = (A - I) inv(A + I) makes it C X + X C* = -2 inv(A + I) Q inv(A + I)*.
    identity = identity_like(a)
    inverse = np.linalg.inv(a + identity)
    c = (a - identity) @ inverse
    return _sylvester(c, adjoint(c), -2 * (inverse @ q @ adjoint(inverse)))
