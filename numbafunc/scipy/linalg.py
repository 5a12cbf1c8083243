"""``scipy.linalg`` with derivatives; names that are not here are SciPy's own.

Functions go straight to SciPy where no argument is a dual array. See :doc:`/scipy` for which there are.
"""

from typing import Any as _Any

from numbafunc.prompt import presented as _presented
from numbafunc.scipy.decompositions import eig, eigh, eigvals, eigvalsh, lu, lu_factor, lu_solve, qr, svd, svdvals
from numbafunc.scipy.matrix_equations import (
    solve_continuous_are,
    solve_continuous_lyapunov,
    solve_discrete_are,
    solve_discrete_lyapunov,
    solve_sylvester,
)
from numbafunc.scipy.matrix_functions import coshm, cosm, expm, logm, sinhm, sinm, sqrtm, tanhm, tanm
from numbafunc.scipy.original import original as _original
from numbafunc.scipy.special_matrices import block_diag, circulant, hankel, toeplitz
from numbafunc.scipy.systems import (
    cho_factor,
    cho_solve,
    cholesky,
    det,
    inv,
    lstsq,
    norm,
    pinv,
    solve,
    solve_triangular,
)

_original("linalg")  # so that a program without SciPy learns it here

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "cholesky",
    "circulant",
    "coshm",
    "cosm",
    "det",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "expm",
    "hankel",
    "inv",
    "logm",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_solve",
    "norm",
    "pinv",
    "qr",
    "sinhm",
    "sinm",
    "solve",
    "solve_continuous_are",
    "solve_continuous_lyapunov",
    "solve_discrete_are",
    "solve_discrete_lyapunov",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
    "svd",
    "svdvals",
    "tanhm",
    "tanm",
    "toeplitz",
]

_presented(*map(globals().get, __all__))


def __getattr__(name: str) -> _Any:
    return getattr(_original("linalg"), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in dir(_original("linalg")) if name[0] != "_")})
