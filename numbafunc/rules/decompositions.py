r"""Rules of matrix decompositions: Cholesky, QR, eigenvalues of Hermitian matrices, singular values.

With the adjoint \*, the elementwise product ∘ and matrices dA that are moved one for each direction:

========== ===================================================================================================
cholesky   A = L L*:   dL = L Φ(inv(L) dA inv(L)*), Φ the lower triangle with half the diagonal
qr         A = Q R:    C = Q* dA inv(R), Ω = tril(C, -1) - its adjoint, dQ = Q Ω + (I - Q Q*) dA inv(R),
                       dR = Q* dA - Ω R
eigh       A = V Λ V*: B = V* dA V, dΛ = diag(B), dV = V (F ∘ B), F_ij = 1 / (λ_j - λ_i) off the diagonal
svd        A = U S V*: B = U* dA V, dS = diag(B), dU = U X + (I - U U*) dA V inv(S),
                       X_ij = (B_ij s_j + s_i conj(B_ji)) / (s_j² - s_i²) off the diagonal, and dV alike
========== ===================================================================================================

These follow Giles [1]_; qr, Walter and Lehmann [2]_. ``cholesky`` and ``eigh`` depend only on the triangle that NumPy
reads, and so do their derivatives. Where eigenvalues or singular values coincide, vectors have no derivative: it is
infinite or NaN, except along directions that do not mix the vectors concerned; the derivatives of the values are then
those in the basis that NumPy returned, of which only the sum is meaningful. The phase of complex vectors is
free: in ``eigh`` the tangent of each vector is taken orthogonal to it, in ``svd`` that of each vector of V.

References
----------
.. [1] M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation",
   Advances in Automatic Differentiation, Springer (2008).
.. [2] S. F. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions", Optimization Methods and
   Software 25 (2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Operand
from numbafunc.dual.products import divide, finish
from numbafunc.dual.quiet import quiet
from numbafunc.rules.application import Tangent
from numbafunc.rules.complex_values import adjoint, is_complex
from numbafunc.rules.linalg import identity_like, singular_value_tangents
from numbafunc.rules.register import rule_for


def from_triangle(da: Tangent, upper: bool) -> Tangent:
    """The Hermitian matrix with a given triangle."""
    triangle = np.triu(da, 1) if upper else np.tril(da, -1)
    return np.where(np.eye(da.shape[-1], dtype=bool), da.real, triangle + adjoint(triangle))


def off_diagonal(numerator: Tangent, denominator: Operand) -> Tangent:
    """The quotient off the diagonal, zero on it; zero also where the numerator is zero."""
    on_diagonal = np.eye(numerator.shape[-1], dtype=bool)
    return divide(np.where(on_diagonal, 0, numerator), np.where(on_diagonal, 1, denominator))


def diagonal_part(b: Tangent) -> Tangent:
    """The diagonals of a stack of matrices."""
    return np.diagonal(b, 0, -2, -1)


@rule_for(np.linalg.cholesky)
def _cholesky(a: Operand, /, *, upper: bool = False) -> Any:
    value = np.linalg.cholesky(a.primal, upper=upper)
    with quiet():
        lower = adjoint(value) if upper else value
        inverse = np.linalg.inv(lower)
        change = inverse @ from_triangle(a.tangent, upper) @ adjoint(inverse)
        tangent = lower @ (np.tril(change) - change * (identity_like(lower) / 2))
        return finish(value, adjoint(tangent) if upper else tangent, a.level)


@rule_for(np.linalg.qr)
def _qr(a: Operand, mode: str = "reduced") -> Any:
    rows, columns = a.shape[-2:]
    if mode not in ("reduced", "complete", "r"):
        raise TypeError(f"numpy.linalg.qr: mode={mode!r} is not supported for dual arrays, 'reduced' and 'r' are")
    if mode == "complete" and rows > columns:
        raise TypeError(
            "numpy.linalg.qr: the columns that mode='complete' adds to Q are free to turn, so they have no derivative; "
            "use mode='reduced'"
        )
    value: Any = np.linalg.qr(a.primal, mode="reduced")
    q, r = value
    square = min(rows, columns)
    with quiet():
        projected = adjoint(q) @ a.tangent
        inverse = np.linalg.inv(r[..., :square])
        c = projected[..., :square] @ inverse
        turn = np.tril(c, -1)
        turn = turn - adjoint(turn)
        if is_complex(a):
            # R has a real diagonal.
            turn = turn + 1j * (c.imag * identity_like(c).real)
        dr = finish(r, np.triu(projected - turn @ r), a.level)
        if mode == "r":
            return dr
        dq = q @ turn
        if rows > columns:
            dq = dq + (a.tangent @ inverse - q @ c)
        return type(value)(finish(q, dq, a.level), dr)


@rule_for(np.linalg.eigh)
def _eigh(a: Operand, UPLO: Any = "L") -> Any:
    value: Any = np.linalg.eigh(a.primal, UPLO)
    eigenvalues, v = value
    with quiet():
        b = adjoint(v) @ from_triangle(a.tangent, UPLO.upper() == "U") @ v
        gaps = eigenvalues[..., np.newaxis, :] - eigenvalues[..., :, np.newaxis]
        return type(value)(
            finish(eigenvalues, diagonal_part(b).real, a.level), finish(v, v @ off_diagonal(b, gaps), a.level)
        )


@rule_for(np.linalg.eigvalsh)
def _eigvalsh(a: Operand, UPLO: Any = "L") -> Any:
    value = np.linalg.eigvalsh(a.primal, UPLO)
    v = np.linalg.eigh(a.primal, UPLO)[1]
    with quiet():
        change = from_triangle(a.tangent, UPLO.upper() == "U") @ v
        return finish(value, np.sum((np.conjugate(v) * change).real, axis=-2), a.level)


@rule_for(np.linalg.svd)
def _svd(a: Operand, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if hermitian:
        raise TypeError("numpy.linalg.svd: hermitian=True is not supported for dual arrays; use numpy.linalg.eigh")
    if not compute_uv:
        return np.linalg.svdvals(a)
    rows, columns = a.shape[-2:]
    if full_matrices and rows != columns:
        raise TypeError(
            "numpy.linalg.svd: the vectors that full_matrices=True adds are free to turn, so they have no derivative; "
            "pass full_matrices=False"
        )
    value: Any = np.linalg.svd(a.primal, full_matrices=False)
    u, s, vh = value
    with quiet():
        v = adjoint(vh)
        across, down = a.tangent @ v, adjoint(a.tangent) @ u
        b = adjoint(u) @ across
        b_adjoint = adjoint(b)
        s_row, s_column = s[..., np.newaxis, :], s[..., :, np.newaxis]
        gaps = (s_row - s_column) * (s_row + s_column)
        turn_u = off_diagonal(b * s_row + s_column * b_adjoint, gaps)
        turn_v = off_diagonal(s_column * b + b_adjoint * s_row, gaps)
        if is_complex(a):
            turn_u = turn_u + 1j * divide(b.imag * identity_like(b).real, s_row)
        du, dv = u @ turn_u, v @ turn_v
        if rows > columns:
            du = du + divide(across - u @ b, s_row)
        if columns > rows:
            dv = dv + divide(down - v @ b_adjoint, s_row)
        return type(value)(
            finish(u, du, a.level), finish(s, diagonal_part(b).real, a.level), finish(vh, adjoint(dv), a.level)
        )


@rule_for(np.linalg.svdvals)
def _svdvals(x: Operand, /) -> Any:
    value = np.linalg.svd(x.primal, compute_uv=False)
    with quiet():
        return finish(value, singular_value_tangents(x.primal, x.tangent), x.level)
