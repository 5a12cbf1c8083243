"""Functions of real arrays that go through numbafunc.scipy.linalg."""

import numpy as np
from dual_checks import case
from dual_table_linalg import COMPLEX_SPECTRUM, REAL_SPECTRUM, draws, of_complex, phase_free, positive, regular

from numbafunc.scipy import linalg

normal = draws(2)


def structure(assume_a, lower=False):
    return lambda a, b: linalg.solve(a, b, assume_a=assume_a, lower=lower)


def triangular(**options):
    return lambda a, b: linalg.solve_triangular(a, b, **options)


def eigh(**options):
    """Eigenvalues and vectors, without the signs that LAPACK chooses anew for each matrix."""

    def function(*matrices):
        values, vectors = linalg.eigh(*matrices, **options)
        return values, phase_free(vectors)

    return function


def complex_pair(x, y, b):
    z = x + 1j * y
    values, vectors = linalg.eigh(z + np.conj(z.T), b)
    return values, phase_free(vectors)


def symmetric(a):
    return (a + a.T) / 2


def riccati(solve):
    return lambda a, b, q, r: solve(a, b, symmetric(q), symmetric(r))


TALL, WIDE = normal(5, 3), normal(3, 5)
STABLE = regular(3, 3)
STRUCTURES = ["gen", "sym", "her", "pos", "diagonal", "tridiagonal", "upper triangular", "lower triangular"]

SYSTEMS = [
    *(case(f"solve {one}", structure(one), positive(3, 3), normal(3)) for one in STRUCTURES),
    *(case(f"solve {one}, lower", structure(one, True), positive(3, 3), normal(3, 2)) for one in ("sym", "pos")),
    case("solve", linalg.solve, regular(2, 3, 3), normal(2, 3, 1)),
    case("solve transposed", lambda a, b: linalg.solve(a, b, transposed=True), regular(3, 3), normal(3)),
    case(
        "solve symmetric of complex",
        lambda x, y, b: linalg.solve(x + 1j * y, b, assume_a="sym"),
        regular(3, 3),
        normal(3, 3),
        normal(3),
    ),
    *(
        case(f"solve_triangular {trans} {lower}", triangular(trans=trans, lower=lower), regular(3, 3), normal(3, 2))
        for trans in (0, "T")
        for lower in (False, True)
    ),
    case("solve_triangular, unit", triangular(unit_diagonal=True), regular(3, 3), normal(3)),
    case("solve_triangular, unit, lower", triangular(unit_diagonal=True, lower=True), regular(3, 3), normal(3)),
    case(
        "solve_triangular of complex, adjoint",
        lambda x, y, b: linalg.solve_triangular(x + 1j * y, b, trans="C"),
        regular(3, 3),
        normal(3, 3),
        normal(3),
    ),
    case("cholesky", linalg.cholesky, positive(3, 3)),
    case("cholesky lower", lambda a: linalg.cholesky(a, lower=True), positive(3, 3)),
    case("cho_factor", lambda a: linalg.cho_factor(a)[0], positive(3, 3)),
    *(
        case(
            f"cho_solve {lower}",
            lambda a, b, lower=lower: linalg.cho_solve(linalg.cho_factor(a, lower), b),
            positive(3, 3),
            normal(3),
        )
        for lower in (False, True)
    ),
    case(
        "cho_solve of complex",
        lambda x, y, b: linalg.cho_solve(linalg.cho_factor(x + 1j * (y - y.T)), b),
        positive(3, 3),
        0.1 * normal(3, 3),
        normal(3, 2),
    ),
    case("inv", linalg.inv, regular(3, 3)),
    case("det", linalg.det, regular(3, 3)),
    case("pinv", linalg.pinv, normal(4, 2)),
    case("pinv of a cut rank", lambda x, y: linalg.pinv(x @ y, atol=1e-8, return_rank=True)[0], TALL, WIDE),
    case("lstsq", lambda a, b: linalg.lstsq(a, b)[:2], normal(5, 2), normal(5)),
    case("lstsq of columns", lambda a, b: linalg.lstsq(a, b)[:2], normal(5, 2), normal(5, 2)),
    case("norm", lambda a: linalg.norm(a, 2), normal(3, 2)),
]

DECOMPOSITIONS = [
    case("lu", lambda a: linalg.lu(a), regular(3, 3)),
    case("lu, tall", lambda a: linalg.lu(a, permute_l=True), normal(5, 3)),
    case("lu, wide", lambda a: linalg.lu(a, p_indices=True)[1:], normal(3, 5)),
    case("lu of a stack", lambda a: linalg.lu(a), normal(2, 3, 3)),
    case("lu of complex", of_complex(lambda z: linalg.lu(z, permute_l=True)), normal(3, 3), normal(3, 3)),
    case("lu_factor", lambda a: linalg.lu_factor(a)[0], normal(3, 3)),
    *(
        case(
            f"lu_solve {trans}",
            lambda a, b, trans=trans: linalg.lu_solve(linalg.lu_factor(a), b, trans),
            normal(3, 3),
            normal(3, 2),
        )
        for trans in (0, 1)
    ),
    case(
        "lu_solve of complex, adjoint",
        lambda x, y, b: linalg.lu_solve(linalg.lu_factor(x + 1j * y), b, 2),
        normal(3, 3),
        normal(3, 3),
        normal(3),
    ),
    case("qr", lambda a: linalg.qr(a), normal(3, 3)),
    case("qr economic", lambda a: linalg.qr(a, mode="economic"), normal(4, 2)),
    case("qr wide", lambda a: linalg.qr(a), normal(2, 4)),
    case("qr r", lambda a: linalg.qr(a, mode="r"), normal(4, 2)),
    case("qr pivoting", lambda a: linalg.qr(a, mode="economic", pivoting=True)[:2], normal(4, 3)),
    *(case(f"eigh {lower}", eigh(lower=lower), positive(3, 3)) for lower in (False, True)),
    *(
        case(f"eigh of a pair {type} {lower}", eigh(type=type, lower=lower), regular(3, 3), positive(3, 3))
        for type in (1, 2, 3)
        for lower in (False, True)
    ),
    case("eigh of a complex pair", complex_pair, regular(3, 3), normal(3, 3), positive(3, 3)),
    case("eigh by index", eigh(subset_by_index=[1, 2]), positive(4, 4)),
    case("eigh by value", eigh(subset_by_value=[1.5, 3.5]), positive(4, 4)),
    case("eig", lambda a: linalg.eig(a), REAL_SPECTRUM[0]),
    case("eig, complex", lambda a: linalg.eig(a), COMPLEX_SPECTRUM),
    case("eigvals", linalg.eigvals, COMPLEX_SPECTRUM),
    case("eigvals of complex", of_complex(linalg.eigvals), normal(3, 3), normal(3, 3)),
    case("eigvalsh", linalg.eigvalsh, positive(3, 3)),
    case("eigvalsh of a pair", linalg.eigvalsh, regular(3, 3), positive(3, 3)),
    case("svd", lambda a: linalg.svd(a), regular(3, 3)),
    case("svd tall", lambda a: linalg.svd(a, full_matrices=False), normal(4, 2)),
    case("svd values", lambda a: linalg.svd(a, compute_uv=False), normal(2, 3)),
    case("svdvals", linalg.svdvals, normal(3, 4)),
]

FUNCTIONS = [
    case("expm", linalg.expm, normal(3, 3)),
    case("expm of a stack", linalg.expm, normal(2, 2, 2)),
    case("expm of zero", linalg.expm, np.zeros((3, 3))),
    case("expm near zero", linalg.expm, 1e-9 * normal(3, 3)),
    case("expm of large elements", linalg.expm, 3 * normal(3, 3) - 8 * np.eye(3)),
    case("expm of complex", of_complex(linalg.expm), normal(3, 3), normal(3, 3)),
    case("expm of 0 x 0", linalg.expm, normal(0, 0)),
    case("sqrtm", linalg.sqrtm, regular(3, 3)),
    case("sqrtm of complex", of_complex(linalg.sqrtm), regular(3, 3), 0.3 * normal(3, 3)),
    case("logm", linalg.logm, regular(3, 3)),
    *(
        case(name, getattr(linalg, name), normal(3, 3) / 2)
        for name in ("cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")
    ),
    case("solve_sylvester", linalg.solve_sylvester, regular(3, 3), regular(2, 2), normal(3, 2)),
    case(
        "solve_sylvester of complex",
        lambda x, y, b, q: linalg.solve_sylvester(x + 1j * y, b + 0j, q),
        regular(3, 3),
        normal(3, 3),
        regular(2, 2),
        normal(3, 2),
    ),
    case("solve_continuous_lyapunov", linalg.solve_continuous_lyapunov, regular(3, 3), normal(3, 3)),
    case(
        "solve_continuous_lyapunov of complex",
        lambda x, y, q: linalg.solve_continuous_lyapunov(x + 1j * y, q),
        regular(3, 3),
        normal(3, 3),
        normal(3, 3),
    ),
    *(
        case(
            f"solve_discrete_lyapunov {method}",
            lambda a, q, method=method: linalg.solve_discrete_lyapunov(a, q, method),
            0.1 * regular(3, 3),
            normal(3, 3),
        )
        for method in ("direct", "bilinear")
    ),
    *(
        case(name, riccati(getattr(linalg, name)), normal(3, 3), normal(3, 2), positive(3, 3), positive(2, 2))
        for name in ("solve_continuous_are", "solve_discrete_are")
    ),
    case(
        "solve_discrete_are of larger matrices",
        lambda a, q: linalg.solve_discrete_are(a, np.eye(10), symmetric(q), np.eye(10)),
        normal(10, 10) / 3,
        positive(10, 10),
    ),
    case(
        "solve_continuous_are of complex",
        lambda x, y: linalg.solve_continuous_are(x + 1j * y, np.eye(3), np.eye(3), np.eye(3)),
        normal(3, 3),
        normal(3, 3),
    ),
    case("block_diag", linalg.block_diag, normal(2, 3), normal(), normal(2)),
    case("block_diag with a constant", lambda x: linalg.block_diag([[1, 2]], x * x), normal(2, 2)),
    case("toeplitz", linalg.toeplitz, normal(3), normal(4)),
    case("toeplitz of one", lambda x: linalg.toeplitz(x * x), normal(3)),
    case("toeplitz of complex", of_complex(linalg.toeplitz), normal(3), normal(3)),
    case("hankel", linalg.hankel, normal(3), normal(4)),
    case("hankel of one", linalg.hankel, normal(3)),
    case("circulant", lambda x: linalg.circulant(x * x), normal(4)),
]

CASES = SYSTEMS + DECOMPOSITIONS + FUNCTIONS
