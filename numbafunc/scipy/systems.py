"""Linear systems, inverses and determinants of ``scipy.linalg``."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Operand, value_of
from numbafunc.rules.complex_values import conjugate, is_complex
from numbafunc.rules.decompositions import from_triangle
from numbafunc.scipy.original import differentiable, double, matrix, operand
from numbafunc.scipy.triangular import substitute, transposition


def _symmetric(a: Operand, upper: bool) -> Any:
    if not is_complex(a):
        return from_triangle(a, upper)
    half = np.triu(a, 1) if upper else np.tril(a, -1)
    return np.where(np.eye(a.shape[-1], dtype=bool), a, half + np.swapaxes(half, -1, -2))


def _structured(name: str, a: Operand, assume_a: Any, lower: bool) -> Any:
    """The matrix that a solver sees which reads only the elements that a structure has."""
    if assume_a in (None, "gen", "general", "banded"):
        return a
    if assume_a in ("sym", "symmetric"):
        return _symmetric(a, not lower)
    if assume_a in ("her", "hermitian", "pos", "positive definite"):
        return from_triangle(a, not lower)
    bands = {"diagonal": (0, 0), "tridiagonal": (-1, 1), "upper triangular": (0, None), "lower triangular": (None, 0)}
    if assume_a not in bands:
        raise ValueError(f"scipy.linalg.{name}: assume_a is {assume_a!r}, which is no structure of a matrix")
    first, last = bands[assume_a]
    a = a if first is None else np.triu(a, first)
    return a if last is None else np.tril(a, last)


def _columns(name: str, a: Operand, b: Operand) -> tuple[Any, bool]:
    """A right side as a stack of matrices, and whether it was a vector."""
    is_vector = b.ndim == 1
    b = b[:, np.newaxis] if is_vector else b
    if b.ndim == 0 or b.shape[-2] != a.shape[-1]:
        raise ValueError(f"scipy.linalg.{name}: a has shape {a.shape} and b has shape {b.shape}, whose rows differ")
    return b, is_vector


@differentiable("linalg")
def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: Any = None,
    transposed: bool = False,
) -> Any:
    r"""Solution of the linear system :math:`A X = B`.

    .. math:: A \, dX = dB - dA \, X

    The arguments are those of :func:`scipy.linalg.solve`. For dual arrays ``assume_a`` tells which elements of ``a``
    count: one triangle for ``"sym"``, ``"her"`` and ``"pos"``, the band or triangle of the other structures. The
    derivative is with respect to these, and the system is solved as a general one. Nothing is overwritten.

    Raises
    ------
    ValueError
        For matrices that are not square, right sides that do not fit, infinities or NaN, or an unknown structure.
    numpy.linalg.LinAlgError
        For a singular matrix.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> a = np.array([[2.0, 0.0], [0.0, 4.0]])
    >>> numbafunc.grad(lambda b: np.sum(linalg.solve(a, b)))(np.array([1.0, 1.0]))
    array([0.5 , 0.25])
    """
    a, b = matrix("solve", np.atleast_2d(a), check_finite, square=True), operand("solve", b, check_finite)
    a = _structured("solve", a, assume_a, lower)
    b, is_vector = _columns("solve", a, b)
    x = np.linalg.solve(np.swapaxes(a, -1, -2) if transposed else a, b)
    return x[..., 0] if is_vector else x


@differentiable("linalg")
def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    r"""Solution of a linear system with a triangular matrix.

    .. math:: T \, dX = dB - dT \, X

    The arguments are those of :func:`scipy.linalg.solve_triangular`. The derivative is with respect to the triangle
    that counts, without its diagonal if ``unit_diagonal``. Nothing is overwritten.

    Raises
    ------
    ValueError
        For matrices that are not square, right sides that do not fit, infinities or NaN, or an unknown ``trans``.
    numpy.linalg.LinAlgError
        For a zero on the diagonal.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> a = np.array([[2.0, 7.0], [1.0, 4.0]])
    >>> numbafunc.jacfwd(lambda b: linalg.solve_triangular(a, b, lower=True))(np.ones(2))
    array([[ 0.5  ,  0.   ],
           [-0.125,  0.25 ]])
    """
    a = matrix("solve_triangular", a, check_finite, square=True)
    b, is_vector = _columns("solve_triangular", a, operand("solve_triangular", b, check_finite))
    a, transposed = transposition("solve_triangular", trans, a)
    x = substitute(a, b, transposed, lower, unit_diagonal)
    return x[..., 0] if is_vector else x


@differentiable("linalg")
def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    r"""Cholesky factor: :math:`A = U^* U`, or :math:`A = L L^*` if ``lower``.

    .. math:: dL = L \, \Phi(L^{-1} \, dA \, L^{-*}), \quad \Phi \text{ the lower triangle with half the diagonal}

    The arguments are those of :func:`scipy.linalg.cholesky`; the derivative is with respect to the triangle that is
    read. Nothing is overwritten.

    Raises
    ------
    ValueError
        For matrices that are not square, infinities or NaN.
    numpy.linalg.LinAlgError
        For a matrix that is not positive definite.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda a: linalg.cholesky(a, lower=True)[0, 0])(np.diag([4.0, 9.0]))
    array([[0.25, 0.  ],
           [0.  , 0.  ]])
    """
    return np.linalg.cholesky(matrix("cholesky", a, check_finite, square=True), upper=not lower)


@differentiable("linalg")
def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Cholesky factor for :func:`cho_solve`: the pair of a matrix and ``lower``, which says which triangle counts.

    The arguments are those of :func:`scipy.linalg.cho_factor`. The other triangle holds the elements of ``a``.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> a = np.diag([2.0, 4.0])
    >>> numbafunc.grad(lambda s: np.sum(linalg.cho_solve(linalg.cho_factor(s * a), np.ones(2))))(1.0)
    array(-0.75)
    """
    a = matrix("cho_factor", a, check_finite, square=True)
    factor = np.linalg.cholesky(a, upper=not lower)
    counts = np.tri(a.shape[-1], dtype=bool)
    return np.where(counts if lower else counts.T, factor, a), lower


@differentiable("linalg")
def cho_solve(c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """Solution of a linear system, given the result of :func:`cho_factor`, by two triangular systems.

    The arguments are those of :func:`scipy.linalg.cho_solve`; nothing is overwritten.

    Raises
    ------
    ValueError
        For matrices that are not square, right sides that do not fit, infinities or NaN.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> factor = linalg.cho_factor(np.diag([2.0, 4.0]))
    >>> numbafunc.grad(lambda b: np.sum(linalg.cho_solve(factor, b)))(np.ones(2))
    array([0.5 , 0.25])
    """
    c, lower = c_and_lower
    c = matrix("cho_solve", c, check_finite, square=True)
    b, is_vector = _columns("cho_solve", c, operand("cho_solve", b, check_finite))
    # L L* X = B, or U* U X = B.
    first, last = (c, conjugate(c)) if lower else (conjugate(c), c)
    x = substitute(last, substitute(first, b, not lower, bool(lower)), bool(lower), bool(lower))
    return x[..., 0] if is_vector else x


@differentiable("linalg")
def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: Any = None, lower: bool = False
) -> Any:
    r"""Inverse of a matrix.

    .. math:: dX = -X \, dA \, X

    The arguments are those of :func:`scipy.linalg.inv`; ``assume_a`` and ``lower`` say which elements count, as in
    :func:`solve`. Nothing is overwritten.

    Raises
    ------
    ValueError
        For matrices that are not square, infinities or NaN, or an unknown structure.
    numpy.linalg.LinAlgError
        For a singular matrix.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda a: np.trace(linalg.inv(a)))(np.diag([1.0, 2.0]))
    array([[-1.  ,  0.  ],
           [ 0.  , -0.25]])
    """
    return np.linalg.inv(_structured("inv", matrix("inv", a, check_finite, square=True), assume_a, lower))


@differentiable("linalg")
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    r"""Determinant, differentiable at singular matrices too.

    .. math:: dy = \operatorname{tr}(\operatorname{adj}(A) \, dA)

    The arguments are those of :func:`scipy.linalg.det`; nothing is overwritten. Like SciPy's, the result has double
    precision whatever the matrix has.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(linalg.det)(np.diag([3.0, 2.0]))
    array([[2., 0.],
           [0., 3.]])
    """
    return np.linalg.det(double(matrix("det", a, check_finite, square=True)))


@differentiable("linalg")
def pinv(a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False, check_finite: bool = True) -> Any:
    """Pseudoinverse, differentiable where the rank does not change.

    The arguments are those of :func:`scipy.linalg.pinv`; ``atol`` and ``rtol`` must be constant.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda a: linalg.pinv(a)[0, 0])(np.array([[2.0], [0.0]]))
    array([[-0.25],
           [ 0.  ]])
    """
    a = matrix("pinv", a, check_finite)
    singular_values = np.linalg.svd(value_of(a), compute_uv=False)
    largest = np.max(singular_values, axis=-1, initial=0)
    absolute = 0.0 if atol is None else value_of(atol)
    relative = max(a.shape[-2:]) * np.finfo(a.dtype).eps if rtol is None else value_of(rtol)
    cutoff = relative + absolute / np.where(largest == 0, 1, largest)
    inverse = np.linalg.pinv(a, rtol=cutoff)
    if not return_rank:
        return inverse
    ranks = np.sum(singular_values > np.expand_dims(cutoff * largest, -1), axis=-1)
    return inverse, ranks if np.ndim(ranks) else int(ranks)


@differentiable("linalg")
def lstsq(
    a: Any,
    b: Any,
    cond: Any = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: Any = None,
) -> Any:
    """Least-squares solution, sums of squared residuals, rank and singular values.

    The arguments are those of :func:`scipy.linalg.lstsq`. For dual arrays the driver is always "gelsd", and ``cond``
    must be constant.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda b: linalg.lstsq(np.ones((2, 1)), b)[0][0])(np.array([1.0, 3.0]))
    array([0.5, 0.5])
    """
    a, b = matrix("lstsq", a, check_finite), operand("lstsq", b, check_finite)
    x, residuals, rank, singular_values = np.linalg.lstsq(a, b, np.finfo(a.dtype).eps if cond is None else cond)
    return x, residuals[0] if b.ndim == 1 and residuals.size else residuals, rank, singular_values


@differentiable("linalg")
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:
    """Norm of vectors or matrices: :func:`numpy.linalg.norm`, which has its kinks and its derivatives.

    The arguments are those of :func:`scipy.linalg.norm`.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(linalg.norm)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    return np.linalg.norm(operand("norm", a, check_finite), ord, axis, keepdims)
