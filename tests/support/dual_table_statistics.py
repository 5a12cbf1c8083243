"""Covariances, grids in proportion, roots and quotients of polynomials, and what else is no part of other tables."""

import numpy as np
from dual_checks import case

GENERATOR = np.random.default_rng(43)


def normal(*shape):
    return GENERATOR.normal(size=shape)


def positive(*shape):
    return GENERATOR.uniform(0.5, 2.0, size=shape)


DATA = normal(3, 6)
COUNTS = np.array([1, 3, 2, 1, 1, 2])
SCALAR = np.float64(0.7)

CASES = [
    case("cov", np.cov, DATA),
    case("cov of a vector", np.cov, DATA[0]),
    case("cov of two", lambda x, y: np.cov(x, y), DATA, normal(2, 6)),
    case("cov of two vectors", lambda x, y: np.cov(x, y, bias=True), DATA[0], DATA[1]),
    case("cov of columns", lambda x: np.cov(x, rowvar=False, ddof=0), DATA),
    case("cov of columns of two", lambda x, y: np.cov(x, y, False), DATA, normal(3, 2)),
    case("cov by counts", lambda x: np.cov(x, fweights=COUNTS), DATA),
    case("cov by moving weights", lambda x, w: np.cov(x, aweights=w), DATA, positive(6)),
    case("cov by counts and weights", lambda x, w: np.cov(x, fweights=COUNTS, aweights=w, ddof=2), DATA, positive(6)),
    case("cov of complex", lambda x: np.cov(x[:2] + 1j * x[1:]).imag, DATA),
    case("cov in a dtype", lambda x: np.cov(x, dtype=x.dtype), DATA),
    case("corrcoef", np.corrcoef, DATA),
    case("corrcoef of two", lambda x, y: np.corrcoef(x, y), DATA[0], DATA[1]),
    case("corrcoef of columns", lambda x: np.corrcoef(x, rowvar=False), normal(5, 2)),
    case("corrcoef of complex", lambda x: np.corrcoef(x[:2] + 1j * x[1:]).real, DATA),
    case("i0", np.i0, np.array([-9.3, -2.1, -0.4, 0.0, 1e-3, 0.9, 7.9, 8.1, 20.0])),
    case("logspace", lambda x, y: np.logspace(x, y, 4), SCALAR, SCALAR + 0.4),
    case("logspace of arrays", lambda x, y: np.logspace(x, y, 3, False, axis=-1), normal(3), normal(2, 1)),
    case(
        "logspace of moving bases", lambda x, y, b: np.logspace(x, y, 3, base=b, axis=1), normal(2), SCALAR, positive(2)
    ),
    case("logspace of a moving base", lambda b: np.logspace(0.5, 2.0, 4, base=b, dtype=b.dtype), SCALAR),
    case("geomspace", lambda x, y: np.geomspace(x, y, 4), SCALAR, SCALAR + 1.5),
    case("geomspace, negative", lambda x, y: np.geomspace(x, -y, 3, False), -positive(2), positive(2)),
    case("geomspace axis", lambda x: np.geomspace(x, 9.0, 3, axis=1), positive(2)),
    case("geomspace of one", lambda x, y: np.geomspace(x, y, 1), SCALAR, SCALAR),
    case("roots", np.roots, np.array([2.0, -3.0, -11.0, 6.0])),
    case("roots, complex", lambda p: np.abs(np.roots(p)), np.array([1.0, 0.4, 3.0, -2.0])),
    case(
        "roots at zero",
        lambda p: np.roots(p * np.array([0.0, 1.0, 1.0, 1.0, 0.0])),
        np.array([9.0, 1.0, -5.0, 4.0, 9.0]),
    ),
    # In float32 more of the remainder is zero for NumPy.
    case("polydiv", lambda u, v: np.polydiv(u, v), normal(6), 1 + normal(3), keeps_float32=False),
    case("polydiv, quotient", lambda u, v: np.polydiv(u, v)[0], normal(6), 2 + positive(3)),
    case("polydiv by a constant", lambda u: np.polydiv(u, [2.0, 1.0]), normal(4)),
    case("polydiv, short", lambda v: np.polydiv([1.0, 2.0], v), 1 + normal(4)),
    case("polydiv without remainder", lambda u, v: np.polydiv(np.polymul(u, v), v)[0], normal(3), 2 + normal(3)),
]
