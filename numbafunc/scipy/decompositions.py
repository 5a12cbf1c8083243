"""Matrix decompositions of ``scipy.linalg``: LU, QR, eigenvalues, singular values.

QR, eigenvalues and singular values are NumPy's functions of dual arrays. LU has its rule here: with the rows in the
order of the pivots and the blocks of Q = min(M, N) rows and columns marked by 1,

    F = inv(L1) dA1 inv(U1),  dL1 = L1 tril(F, -1),  dU1 = triu(F) U1,
    dL2 = (dA2 - L2 dU1) inv(U1)  below,  dU2 = inv(L1) dA2 - tril(F, -1) U2  beside.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.dual.products import finish
from numbafunc.dual.quiet import quiet
from numbafunc.rules.arguments import cast
from numbafunc.rules.complex_values import adjoint
from numbafunc.rules.decompositions import from_triangle
from numbafunc.scipy.original import differentiable, matrix, operand, original
from numbafunc.scipy.triangular import substitute, transposition

# LU.


def _rows(a: Any, order: Any) -> Any:
    """The rows of a stack of matrices in another order."""
    return np.take_along_axis(a, order.reshape((*(1,) * (a.ndim - order.ndim - 1), *order.shape, 1)), axis=-2)


def _factors(a: Operand) -> tuple[Any, Any, Any]:
    """The order in which the pivots take the rows, and the two triangular factors."""
    if type(a) is not Dual:
        places, lower, upper = original("linalg").lu(a, p_indices=True, check_finite=False)
        return np.argsort(places, axis=-1), lower, upper
    order, lower, upper = _factors(a.primal)
    rows, columns = a.shape[-2:]
    square = min(rows, columns)
    with quiet():
        da = _rows(a.tangent, order)
        left, right = np.linalg.inv(lower[..., :square, :]), np.linalg.inv(upper[..., :, :square])
        projected = left @ da[..., :square, :]
        turn = projected[..., :square] @ right
        below, above = np.tril(turn, -1), np.triu(turn)
        dl, du = lower[..., :square, :] @ below, above @ upper[..., :, :square]
        if rows > columns:
            dl = np.concatenate([dl, (da[..., square:, :] - lower[..., square:, :] @ du) @ right], -2)
        if columns > rows:
            du = np.concatenate([du, projected[..., square:] - below @ upper[..., :, square:]], -1)
        return order, finish(lower, dl, a.level), finish(upper, du, a.level)


@differentiable("linalg")
def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True, p_indices: bool = False
) -> Any:
    """LU decomposition with rows exchanged: ``A = P L U``, differentiable where the leading block has full rank.

    The arguments are those of :func:`scipy.linalg.lu`. The permutation is constant. Nothing is overwritten.

    Raises
    ------
    ValueError
        For what is no matrix, infinities or NaN.
    numpy.linalg.LinAlgError
        For a factor U whose first min(M, N) columns are singular: there is no derivative.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda a: linalg.lu(a)[2][1, 1])(np.array([[2.0, 1.0], [1.0, 3.0]]))
    array([[ 0.25, -0.5 ],
           [-0.5 ,  1.  ]])
    """
    order, lower, upper = _factors(matrix("lu", a, check_finite))
    places = np.argsort(order, axis=-1)
    if permute_l:
        return _rows(lower, places), upper
    if p_indices:
        return places, lower, upper
    identity = np.eye(places.shape[-1], dtype=value_of(a).real.dtype)
    return _rows(np.broadcast_to(identity, (*places.shape, places.shape[-1])), places), lower, upper


@differentiable("linalg")
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """LU decomposition for :func:`lu_solve`: both factors in one matrix, and the exchanges of rows.

    The arguments are those of :func:`scipy.linalg.lu_factor`; nothing is overwritten.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> a = np.diag([2.0, 4.0])
    >>> numbafunc.grad(lambda s: np.sum(linalg.lu_solve(linalg.lu_factor(s * a), np.ones(2))))(1.0)
    array(-0.75)
    """
    a = matrix("lu_factor", a, check_finite)
    _, lower, upper = _factors(a)
    rows, columns = a.shape[-2:]
    widths = [(0, 0)] * (a.ndim - 2)
    lower = np.pad(np.tril(lower, -1), [*widths, (0, 0), (0, max(columns - rows, 0))])
    upper = np.pad(upper, [*widths, (0, max(rows - columns, 0)), (0, 0)])
    return lower + upper, original("linalg").lu_factor(value_of(a), check_finite=False)[1]


@differentiable("linalg")
def lu_solve(lu_and_piv: Any, b: Any, trans: Any = 0, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """Solution of a linear system, given the result of :func:`lu_factor`, by two triangular systems.

    The arguments are those of :func:`scipy.linalg.lu_solve`; nothing is overwritten.

    Raises
    ------
    ValueError
        For a matrix that is not square, right sides that do not fit, infinities or NaN, or an unknown ``trans``.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> factors = linalg.lu_factor(np.diag([2.0, 4.0]))
    >>> numbafunc.grad(lambda b: np.sum(linalg.lu_solve(factors, b)))(np.ones(2))
    array([0.5 , 0.25])
    """
    packed, pivots = lu_and_piv
    packed = matrix("lu_solve", packed, check_finite, square=True)
    b = operand("lu_solve", b, check_finite)
    if packed.ndim > 2:
        raise TypeError("scipy.linalg.lu_solve: lu_and_piv of a stack of matrices is not supported for dual arrays")
    if b.ndim not in (1, 2) or b.shape[0] != packed.shape[0]:
        raise ValueError(f"scipy.linalg.lu_solve: the factors have shape {packed.shape} and b has shape {b.shape}")
    order = np.arange(packed.shape[0])
    for place, other in enumerate(pivots):
        order[[place, other]] = order[[other, place]]
    columns = b[:, np.newaxis] if b.ndim == 1 else b
    packed, transposed = transposition("lu_solve", trans, packed)
    if transposed:
        x = substitute(packed, substitute(packed, columns, True, False), True, True, True)[np.argsort(order)]
    else:
        x = substitute(packed, substitute(packed, columns[order], False, True, True), False, False)
    return x[:, 0] if b.ndim == 1 else x


# QR.


@differentiable("linalg")
def qr(
    a: Any,
    overwrite_a: bool = False,
    lwork: Any = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> Any:
    """QR decomposition, where the columns of Q are determined.

    The arguments are those of :func:`scipy.linalg.qr`. For dual arrays with more rows than columns ``mode`` must be
    "economic" or "r": the columns that "full" adds are free to turn. ``mode="raw"`` is refused. With ``pivoting`` the
    permutation is constant.

    Raises
    ------
    TypeError
        For a mode that has no derivative.
    numpy.linalg.LinAlgError
        For a matrix that lacks full rank.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda a: linalg.qr(a, mode="economic")[1][0, 0])(np.array([[3.0], [4.0]]))
    array([[-0.6],
           [-0.8]])
    """
    a = matrix("qr", a, check_finite)
    if mode not in ("full", "economic", "r"):
        raise TypeError(f"scipy.linalg.qr: mode={mode!r} is not supported for dual arrays; 'economic' and 'r' are")
    rows, columns = a.shape[-2:]
    if mode == "full" and rows > columns:
        raise TypeError(
            "scipy.linalg.qr: the columns that mode='full' adds to Q are free to turn, so they have no derivative; "
            "use mode='economic'"
        )
    order: tuple[Any, ...] = ()
    if pivoting:
        order = original("linalg").qr(value_of(a), mode="r", pivoting=True, check_finite=False)[-1:]
        a = np.take_along_axis(a, np.broadcast_to(np.expand_dims(order[0], -2), (*a.shape[:-1], columns)), axis=-1)
    if mode == "r":
        r = np.linalg.qr(a, "r")
        return np.pad(r, [(0, 0)] * (a.ndim - 2) + [(0, max(rows - columns, 0)), (0, 0)]), *order
    return *np.linalg.qr(a), *order


# Eigenvalues.


def _turned_like(v: Operand, wanted: Any) -> Any:
    """Vectors in columns, times constants that give them the signs or phases of others."""
    phases = np.sum(np.conjugate(value_of(v)) * wanted, axis=-2, keepdims=True)
    lengths = abs(phases)
    return v * cast(np.where(lengths == 0, 1, phases / np.where(lengths == 0, 1, lengths)), v.dtype)


def _chosen(values: Any, subset_by_index: Any, subset_by_value: Any) -> Any:
    if subset_by_index is not None:
        return slice(int(subset_by_index[0]), int(subset_by_index[1]) + 1)
    if subset_by_value is not None:
        lowest, highest = subset_by_value
        inside = np.flatnonzero((values > lowest) & (values <= highest))
        return slice(inside[0], inside[-1] + 1) if inside.size else slice(0, 0)
    return slice(None)


@differentiable("linalg")
def eigh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: Any = None,
) -> Any:
    r"""Eigenvalues and eigenvectors of a Hermitian matrix, or of a pair of such: :math:`A v = \lambda B v`.

    With :math:`B = L L^*` the pair is the matrix :math:`L^{-1} A L^{-*}`, or :math:`L^* A L` for types 2 and 3.

    The arguments are those of :func:`scipy.linalg.eigh`. The derivative is with respect to the triangles that are read.
    Where eigenvalues coincide, vectors have no derivative, and of those of the values the sum is meaningful. Values and
    signs are those that SciPy finds with this ``driver``; nothing is overwritten.

    Raises
    ------
    ValueError
        For matrices that are not square, infinities or NaN, and what SciPy refuses.
    numpy.linalg.LinAlgError
        If ``b`` is not positive definite.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda a: linalg.eigh(a, np.diag([2.0, 1.0]), eigvals_only=True)[1])(np.diag([2.0, 3.0]))
    array([[0., 0.],
           [0., 1.]])
    """
    a = matrix("eigh", a, check_finite, square=True)
    b = None if b is None else matrix("eigh", b, check_finite, square=True)
    found = original("linalg").eigh(
        value_of(a), value_of(b), lower=lower, eigvals_only=eigvals_only, type=type, check_finite=False,
        subset_by_index=subset_by_index, subset_by_value=subset_by_value, driver=driver,
    )  # fmt: skip
    if b is None:
        values, vectors = np.linalg.eigh(a, "L" if lower else "U")
    else:
        a, factor = from_triangle(a, not lower), np.linalg.cholesky(b, upper=not lower)
        factor = factor if lower else adjoint(factor)
        inverse = np.linalg.inv(factor)
        similar = inverse @ a @ adjoint(inverse) if type == 1 else adjoint(factor) @ a @ factor
        values, vectors = np.linalg.eigh(similar)
        vectors = factor @ vectors if type == 3 else adjoint(inverse) @ vectors
    part = _chosen(value_of(values), subset_by_index, subset_by_value)
    if eigvals_only:
        return values[..., part]
    return values[..., part], _turned_like(vectors[..., part], found[1])


@differentiable("linalg")
def eigvalsh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: Any = None,
) -> Any:
    """Eigenvalues of a Hermitian matrix or of a pair of such: those of :func:`eigh`.

    The arguments are those of :func:`scipy.linalg.eigvalsh`.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.jacfwd(lambda s: linalg.eigvalsh(s * np.diag([1.0, 2.0])))(3.0)
    array([1., 2.])
    """
    return eigh(
        a, b, lower=lower, eigvals_only=True, type=type, check_finite=check_finite,
        subset_by_index=subset_by_index, subset_by_value=subset_by_value, driver=driver,
    )  # fmt: skip


@differentiable("linalg")
def eig(
    a: Any,
    b: Any = None,
    left: bool = False,
    right: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """Eigenvalues and right eigenvectors of a general matrix: :func:`numpy.linalg.eig`, with complex eigenvalues.

    The arguments are those of :func:`scipy.linalg.eig`. For dual arrays ``b``, ``left`` and ``homogeneous_eigvals`` are
    refused. The derivative exists where eigenvalues are simple. Vectors have length 1; the largest element of a complex
    one is real.

    Raises
    ------
    TypeError
        For an argument that is refused.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> rotation = np.array([[0.0, -1.0], [1.0, 0.0]])
    >>> numbafunc.grad(lambda s: abs(linalg.eig(s * rotation)[0][0]))(2.0)
    array(1.)
    """
    for name, given in (("b", b is not None), ("left", left), ("homogeneous_eigvals", homogeneous_eigvals)):
        if given:
            raise TypeError(f"scipy.linalg.eig: the argument {name} is not supported for dual arrays")
    a = matrix("eig", a, check_finite, square=True)
    eigenvalues, vectors = np.linalg.eig(a) if right else (np.linalg.eigvals(a), None)
    eigenvalues = eigenvalues.astype(np.result_type(eigenvalues, np.complex64), copy=False)
    return (eigenvalues, vectors) if right else eigenvalues


@differentiable("linalg")
def eigvals(
    a: Any, b: Any = None, overwrite_a: bool = False, check_finite: bool = True, homogeneous_eigvals: bool = False
) -> Any:
    """Eigenvalues of a general matrix: those of :func:`eig`.

    The arguments are those of :func:`scipy.linalg.eigvals`.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.jacfwd(lambda s: linalg.eigvals(s * np.diag([1.0, 2.0])))(3.0)
    array([1.+0.j, 2.+0.j])
    """
    return eig(a, b, right=False, check_finite=check_finite, homogeneous_eigvals=homogeneous_eigvals)


# Singular values.


@differentiable("linalg")
def svd(
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    """Singular value decomposition.

    The arguments are those of :func:`scipy.linalg.svd`. For a dual array that is not square ``full_matrices`` must be
    False: the vectors that it adds are free to turn. The driver is always "gesdd", and signs may differ from those that
    another one gives. Where singular values coincide, vectors have no derivative.

    Raises
    ------
    TypeError
        For ``full_matrices=True`` of a matrix that is not square.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda a: linalg.svd(a, full_matrices=False)[1][0])(np.diag([3.0, 2.0]))
    array([[1., 0.],
           [0., 0.]])
    """
    a = matrix("svd", a, check_finite)
    return tuple(np.linalg.svd(a, full_matrices)) if compute_uv else np.linalg.svdvals(a)


@differentiable("linalg")
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Singular values, in descending order.

    The arguments are those of :func:`scipy.linalg.svdvals`.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda a: np.sum(linalg.svdvals(a)))(np.diag([3.0, 2.0]))
    array([[1., 0.],
           [0., 1.]])
    """
    return np.linalg.svdvals(matrix("svdvals", a, check_finite))
