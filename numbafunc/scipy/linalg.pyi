from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeVar

from numbafunc._types import Axes, Element, Float, FloatArray, Inexact, NumberLike
from numbafunc.dual.array import Dual

Matrix = TypeVar("Matrix", bound=NDArray[np.inexact[Any]] | Dual)

@overload
def block_diag(*arrs: NDArray[Element]) -> NDArray[Element]: ...
@overload
def block_diag(*arrs: Dual) -> Dual: ...
@overload
def block_diag(*arrs: NumberLike) -> Any: ...
@overload
def cho_factor(
    a: Matrix, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Matrix, bool]: ...
@overload
def cho_factor(
    a: NumberLike, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[NDArray[np.inexact[Any]], bool]: ...
@overload
def cho_solve(
    c_and_lower: tuple[NDArray[Inexact], bool],
    b: NDArray[Inexact],
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> NDArray[Inexact]: ...
@overload
def cho_solve(
    c_and_lower: tuple[Dual, bool], b: NumberLike, overwrite_b: bool = False, check_finite: bool = True
) -> Dual: ...
@overload
def cho_solve(
    c_and_lower: tuple[NumberLike, bool], b: NumberLike, overwrite_b: bool = False, check_finite: bool = True
) -> Any: ...
@overload
def cholesky(a: Matrix, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Matrix: ...
@overload
def cholesky(
    a: NumberLike, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> NDArray[np.inexact[Any]]: ...
@overload
def circulant(c: NDArray[Element]) -> NDArray[Element]: ...
@overload
def circulant(c: Dual) -> Dual: ...
@overload
def circulant(c: NumberLike) -> Any: ...
@overload
def coshm(A: Matrix) -> Matrix: ...
@overload
def coshm(A: NumberLike) -> NDArray[np.inexact[Any]]: ...
@overload
def cosm(A: Matrix) -> Matrix: ...
@overload
def cosm(A: NumberLike) -> NDArray[np.inexact[Any]]: ...
@overload
def det(a: Dual, overwrite_a: bool = False, check_finite: bool = True) -> Dual: ...
@overload
def det(a: NumberLike, overwrite_a: bool = False, check_finite: bool = True) -> Any: ...
@overload
def eig(
    a: Dual,
    b: NumberLike | None = None,
    left: Literal[False] = False,
    right: Literal[True] = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> tuple[Dual, Dual]: ...
@overload
def eig(
    a: NumberLike,
    b: NumberLike | None = None,
    left: Literal[False] = False,
    right: Literal[True] = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> tuple[NDArray[np.complexfloating[Any, Any]], NDArray[np.inexact[Any]]]: ...
@overload
def eig(
    a: NumberLike,
    b: NumberLike | None = None,
    left: bool = False,
    right: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any: ...
@overload
def eigh(
    a: NDArray[Float],
    b: NDArray[Float] | None = None,
    *,
    lower: bool = True,
    eigvals_only: Literal[False] = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Sequence[SupportsIndex] | None = None,
    subset_by_value: Sequence[float] | None = None,
    driver: str | None = None,
) -> tuple[NDArray[Float], NDArray[Float]]: ...
@overload
def eigh(
    a: NDArray[Float],
    b: NDArray[Float] | None = None,
    *,
    lower: bool = True,
    eigvals_only: Literal[True],
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Sequence[SupportsIndex] | None = None,
    subset_by_value: Sequence[float] | None = None,
    driver: str | None = None,
) -> NDArray[Float]: ...
@overload
def eigh(
    a: NumberLike,
    b: NumberLike | None = None,
    *,
    lower: bool = True,
    eigvals_only: Literal[False] = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Sequence[SupportsIndex] | None = None,
    subset_by_value: Sequence[float] | None = None,
    driver: str | None = None,
) -> tuple[Any, Any]: ...
@overload
def eigh(
    a: NumberLike,
    b: NumberLike | None = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Sequence[SupportsIndex] | None = None,
    subset_by_value: Sequence[float] | None = None,
    driver: str | None = None,
) -> Any: ...
@overload
def eigvals(
    a: Dual,
    b: NumberLike | None = None,
    overwrite_a: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Dual: ...
@overload
def eigvals(
    a: NumberLike,
    b: NumberLike | None = None,
    overwrite_a: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> NDArray[np.complexfloating[Any, Any]]: ...
@overload
def eigvalsh(
    a: NDArray[Float],
    b: NDArray[Float] | None = None,
    *,
    lower: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Sequence[SupportsIndex] | None = None,
    subset_by_value: Sequence[float] | None = None,
    driver: str | None = None,
) -> NDArray[Float]: ...
@overload
def eigvalsh(
    a: NumberLike,
    b: NumberLike | None = None,
    *,
    lower: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Sequence[SupportsIndex] | None = None,
    subset_by_value: Sequence[float] | None = None,
    driver: str | None = None,
) -> Any: ...
@overload
def expm(A: Matrix) -> Matrix: ...
@overload
def expm(A: NumberLike) -> NDArray[np.inexact[Any]]: ...
@overload
def hankel(c: NDArray[Element], r: NDArray[Element] | None = None) -> NDArray[Element]: ...
@overload
def hankel(c: Dual, r: NumberLike | None = None) -> Dual: ...
@overload
def hankel(c: NumberLike, r: NumberLike | None = None) -> Any: ...
@overload
def inv(
    a: Matrix, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: str | None = None, lower: bool = False
) -> Matrix: ...
@overload
def inv(
    a: NumberLike,
    overwrite_a: bool = False,
    check_finite: bool = True,
    *,
    assume_a: str | None = None,
    lower: bool = False,
) -> NDArray[np.inexact[Any]]: ...
@overload
def logm(A: Dual, disp: Any = ...) -> Dual: ...
@overload
def logm(A: NumberLike, disp: Any = ...) -> Any: ...
@overload
def lstsq(
    a: NDArray[Float],
    b: NDArray[Float],
    cond: float | None = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: str | None = None,
) -> tuple[NDArray[Float], NDArray[Float], Any, NDArray[Float] | None]: ...
@overload
def lstsq(
    a: NumberLike,
    b: NumberLike,
    cond: float | None = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: str | None = None,
) -> tuple[Any, Any, Any, Any]: ...
@overload
def lu(
    a: Matrix,
    permute_l: Literal[False] = False,
    overwrite_a: bool = False,
    check_finite: bool = True,
    p_indices: bool = False,
) -> tuple[NDArray[Any], Matrix, Matrix]: ...
@overload
def lu(
    a: Matrix, permute_l: Literal[True], overwrite_a: bool = False, check_finite: bool = True, p_indices: bool = False
) -> tuple[Matrix, Matrix]: ...
@overload
def lu(
    a: NumberLike,
    permute_l: bool = False,
    overwrite_a: bool = False,
    check_finite: bool = True,
    p_indices: bool = False,
) -> tuple[Any, ...]: ...
@overload
def lu_factor(a: Matrix, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Matrix, NDArray[np.int32]]: ...
@overload
def lu_factor(
    a: NumberLike, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[NDArray[np.inexact[Any]], NDArray[np.int32]]: ...
@overload
def lu_solve(
    lu_and_piv: tuple[NDArray[Inexact], NDArray[np.integer[Any]]],
    b: NDArray[Inexact],
    trans: int = 0,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> NDArray[Inexact]: ...
@overload
def lu_solve(
    lu_and_piv: tuple[Dual, NDArray[np.integer[Any]]],
    b: NumberLike,
    trans: int = 0,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Dual: ...
@overload
def lu_solve(
    lu_and_piv: tuple[NumberLike, NDArray[np.integer[Any]]],
    b: NumberLike,
    trans: int = 0,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any: ...
@overload
def norm(
    a: Dual, ord: float | str | None = None, axis: Axes = None, keepdims: bool = False, check_finite: bool = True
) -> Dual: ...
@overload
def norm(
    a: NumberLike,
    ord: float | str | None = None,
    axis: None = None,
    keepdims: Literal[False] = False,
    check_finite: bool = True,
) -> np.floating[Any]: ...
@overload
def norm(
    a: NumberLike, ord: float | str | None = None, axis: Axes = None, keepdims: bool = False, check_finite: bool = True
) -> Any: ...
@overload
def pinv(
    a: Matrix,
    *,
    atol: float | None = None,
    rtol: float | None = None,
    return_rank: Literal[False] = False,
    check_finite: bool = True,
) -> Matrix: ...
@overload
def pinv(
    a: Matrix,
    *,
    atol: float | None = None,
    rtol: float | None = None,
    return_rank: Literal[True],
    check_finite: bool = True,
) -> tuple[Matrix, Any]: ...
@overload
def pinv(
    a: NumberLike,
    *,
    atol: float | None = None,
    rtol: float | None = None,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any: ...
@overload
def qr(
    a: Matrix,
    overwrite_a: bool = False,
    lwork: int | None = None,
    mode: Literal["full", "economic"] = "full",
    pivoting: Literal[False] = False,
    check_finite: bool = True,
) -> tuple[Matrix, Matrix]: ...
@overload
def qr(
    a: NumberLike,
    overwrite_a: bool = False,
    lwork: int | None = None,
    mode: Literal["full", "economic"] = "full",
    pivoting: Literal[False] = False,
    check_finite: bool = True,
) -> tuple[Any, Any]: ...
@overload
def qr(
    a: NumberLike,
    overwrite_a: bool = False,
    lwork: int | None = None,
    mode: Literal["full", "r", "economic", "raw"] = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> tuple[Any, ...]: ...
@overload
def sinhm(A: Matrix) -> Matrix: ...
@overload
def sinhm(A: NumberLike) -> NDArray[np.inexact[Any]]: ...
@overload
def sinm(A: Matrix) -> Matrix: ...
@overload
def sinm(A: NumberLike) -> NDArray[np.inexact[Any]]: ...
@overload
def solve(
    a: NDArray[Inexact],
    b: NDArray[Inexact],
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> NDArray[Inexact]: ...
@overload
def solve(
    a: Dual,
    b: NumberLike,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Dual: ...
@overload
def solve(
    a: NumberLike,
    b: NumberLike,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Any: ...
@overload
def solve_continuous_are(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    q: NDArray[np.float64],
    r: NDArray[np.float64],
    e: NDArray[np.float64] | None = None,
    s: NDArray[np.float64] | None = None,
    balanced: bool = True,
) -> NDArray[np.float64]: ...
@overload
def solve_continuous_are(
    a: Dual,
    b: NumberLike,
    q: NumberLike,
    r: NumberLike,
    e: NumberLike | None = None,
    s: NumberLike | None = None,
    balanced: bool = True,
) -> Dual: ...
@overload
def solve_continuous_are(
    a: NumberLike,
    b: NumberLike,
    q: NumberLike,
    r: NumberLike,
    e: NumberLike | None = None,
    s: NumberLike | None = None,
    balanced: bool = True,
) -> Any: ...
@overload
def solve_continuous_lyapunov(a: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]: ...
@overload
def solve_continuous_lyapunov(a: Dual, q: NumberLike) -> Dual: ...
@overload
def solve_continuous_lyapunov(a: NumberLike, q: NumberLike) -> Any: ...
@overload
def solve_discrete_are(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    q: NDArray[np.float64],
    r: NDArray[np.float64],
    e: NDArray[np.float64] | None = None,
    s: NDArray[np.float64] | None = None,
    balanced: bool = True,
) -> NDArray[np.float64]: ...
@overload
def solve_discrete_are(
    a: Dual,
    b: NumberLike,
    q: NumberLike,
    r: NumberLike,
    e: NumberLike | None = None,
    s: NumberLike | None = None,
    balanced: bool = True,
) -> Dual: ...
@overload
def solve_discrete_are(
    a: NumberLike,
    b: NumberLike,
    q: NumberLike,
    r: NumberLike,
    e: NumberLike | None = None,
    s: NumberLike | None = None,
    balanced: bool = True,
) -> Any: ...
@overload
def solve_discrete_lyapunov(
    a: NDArray[np.float64], q: NDArray[np.float64], method: str | None = None
) -> NDArray[np.float64]: ...
@overload
def solve_discrete_lyapunov(a: Dual, q: NumberLike, method: str | None = None) -> Dual: ...
@overload
def solve_discrete_lyapunov(a: NumberLike, q: NumberLike, method: str | None = None) -> Any: ...
@overload
def solve_sylvester(a: NDArray[np.float64], b: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]: ...
@overload
def solve_sylvester(a: Dual, b: NumberLike, q: NumberLike) -> Dual: ...
@overload
def solve_sylvester(a: NumberLike, b: NumberLike, q: NumberLike) -> Any: ...
@overload
def solve_triangular(
    a: NDArray[Inexact],
    b: NDArray[Inexact],
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> NDArray[Inexact]: ...
@overload
def solve_triangular(
    a: Dual,
    b: NumberLike,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Dual: ...
@overload
def solve_triangular(
    a: NumberLike,
    b: NumberLike,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any: ...
@overload
def sqrtm(A: Dual, disp: Any = ..., blocksize: Any = ...) -> Dual: ...
@overload
def sqrtm(A: NumberLike, disp: Any = ..., blocksize: Any = ...) -> Any: ...
@overload
def svd(
    a: NDArray[Float],
    full_matrices: bool = True,
    compute_uv: Literal[True] = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = ...,
) -> tuple[NDArray[Float], NDArray[Float], NDArray[Float]]: ...
@overload
def svd(
    a: NDArray[Float],
    full_matrices: bool = True,
    *,
    compute_uv: Literal[False],
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = ...,
) -> NDArray[Float]: ...
@overload
def svd(
    a: NumberLike,
    full_matrices: bool = True,
    compute_uv: Literal[True] = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = ...,
) -> tuple[Any, Any, Any]: ...
@overload
def svd(
    a: NumberLike,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = ...,
) -> Any: ...
@overload
def svdvals(a: NDArray[Float], overwrite_a: bool = False, check_finite: bool = True) -> NDArray[Float]: ...
@overload
def svdvals(a: Dual, overwrite_a: bool = False, check_finite: bool = True) -> Dual: ...
@overload
def svdvals(a: NumberLike, overwrite_a: bool = False, check_finite: bool = True) -> FloatArray: ...
@overload
def tanhm(A: Matrix) -> Matrix: ...
@overload
def tanhm(A: NumberLike) -> NDArray[np.inexact[Any]]: ...
@overload
def tanm(A: Matrix) -> Matrix: ...
@overload
def tanm(A: NumberLike) -> NDArray[np.inexact[Any]]: ...
@overload
def toeplitz(c: NDArray[Element], r: NDArray[Element] | None = None) -> NDArray[Element]: ...
@overload
def toeplitz(c: Dual, r: NumberLike | None = None) -> Dual: ...
@overload
def toeplitz(c: NumberLike, r: NumberLike | None = None) -> Any: ...
def __getattr__(name: str) -> Any: ...

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
