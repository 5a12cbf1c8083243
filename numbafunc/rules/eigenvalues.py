r"""Rules of the eigenvalues and eigenvectors of general matrices, which may be complex.

With A V = V Λ and B = inv(V) dA V,

    dΛ = diag(B),  dV = V (F ∘ B + C),  F_ij = 1 / (λ_j - λ_i) off the diagonal, 0 on it.

The diagonal matrix C keeps the vectors as NumPy normalises them: of length 1, and of a complex vector the first of the
elements of largest magnitude real. Where eigenvalues coincide neither they nor their vectors have derivatives: these
come out huge, infinite or NaN, except along directions that do not mix the vectors concerned. The order of
eigenvalues is that of LAPACK; it may change from one matrix to the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Operand, value_of
from numbafunc.dual.products import divide, finish
from numbafunc.dual.quiet import quiet
from numbafunc.rules.application import Tangent
from numbafunc.rules.complex_values import is_complex, real_product
from numbafunc.rules.decompositions import diagonal_part, off_diagonal
from numbafunc.rules.linalg import solve_all
from numbafunc.rules.register import rule_for


def _normalised(v: Operand, dv: Tangent) -> Tangent:
    """The tangents of vectors in columns, changed along the vectors so that they stay as NumPy normalises them."""
    along = -np.sum(real_product(v, dv), axis=-2, keepdims=True)
    if not is_complex(v):
        return dv + v * along
    largest = np.argmax(abs(value_of(v)), axis=-2)[..., np.newaxis, :]
    element = np.take_along_axis(v, largest, axis=-2).real
    # A column turns by as much as brings its largest element back to the real axis.
    turn = divide(np.take_along_axis(dv, np.broadcast_to(largest, (dv.shape[0], *largest.shape)), -2).imag, element)
    return dv + (v * along - v * (1j * turn))


@rule_for(np.linalg.eig)
def _eig(a: Operand) -> Any:
    value: Any = np.linalg.eig(a.primal)
    eigenvalues, v = value
    with quiet():
        b = solve_all(v, a.tangent @ v)
        gaps = eigenvalues[..., np.newaxis, :] - eigenvalues[..., :, np.newaxis]
        dv = _normalised(v, v @ off_diagonal(b, gaps))
        return type(value)(finish(eigenvalues, diagonal_part(b), a.level), finish(v, dv, a.level))


@rule_for(np.linalg.eigvals)
def _eigvals(a: Operand) -> Any:
    value: Any = np.linalg.eigvals(a.primal)
    eigenvalues, v = np.linalg.eig(a.primal)
    with quiet():
        change = diagonal_part(solve_all(v, a.tangent @ v))
        # LAPACK finds eigenvalues alone in another way, so their order may be another.
        distance = abs(value_of(value)[..., :, np.newaxis] - value_of(eigenvalues)[..., np.newaxis, :])
        order = np.argmin(distance, axis=-1)
        return finish(value, np.take_along_axis(change, np.broadcast_to(order, change.shape), -1), a.level)
