"""NumPy's functions of dual arrays beside JAX: first and second derivatives of the same functions, where JAX has them.

JAX is not among what tests install: `tox run -e jax` does.
"""

import importlib

import numpy as np
import pytest
from dual_checks import close, draw, leaves

from numbafunc import jvp

jax = pytest.importorskip("jax")
TABLES = ("dual_table", "dual_table_complex", "dual_table_fft", "dual_table_linalg", "dual_table_statistics")

# What JAX does in another way.
DIFFERENT = {
    "arccosh": "of complex numbers: the slope has the wrong sign left of the imaginary axis (mpmath agrees with ours)",
    "i0": "the second derivative at 0 is not 1/2",
    "lstsq, wide": "there are residuals where NumPy has none",
    "method sort": "not in place",
    "polydiv": "the remainder keeps leading zeros",
    "polydiv by a constant": "the remainder keeps leading zeros",
    "sign": "of complex numbers has no slope",
    "unique": "has no slope",
}
# JAX takes the Hermitian part of matrices of which NumPy reads one triangle, so both are given Hermitian ones.
HERMITIAN = ("cholesky", "eigh", "eigvalsh")


def hermitian(function):
    def of_hermitian(real, *imaginary):
        parts = [real + real.swapaxes(-1, -2), *(part - part.swapaxes(-1, -2) for part in imaginary)]
        return function(*parts)

    return of_hermitian


CASES = [pytest.param(table, case, id=case.name) for table in TABLES for case in importlib.import_module(table).CASES]


@pytest.fixture(scope="module")
def theirs():
    """The cases of all tables under JAX, by table and name."""
    from jax_numpy import imported

    jax.config.update("jax_enable_x64", True)
    return {(table, case.name): case.function for table in TABLES for case in imported(table).CASES}


@pytest.mark.parametrize(("table", "case"), CASES)
def test_first_and_second_order(table, case, theirs):
    if case.name in DIFFERENT:
        pytest.skip(f"JAX: {DIFFERENT[case.name]}")
    symmetric = case.name.startswith(HERMITIAN)
    ours, function = case.function, theirs[table, case.name]
    if symmetric:
        ours, function = hermitian(ours), hermitian(function)
    first, second = draw(case.arrays, 3), draw(case.arrays, 4)
    arrays, along, further = (tuple(map(jax.numpy.asarray, x)) for x in (case.arrays, first, second))
    try:
        slopes = jax.jvp(lambda *x: jax.jvp(function, x, along)[1], arrays, further)
    except Exception as error:  # of many kinds
        pytest.skip(f"JAX can't: {type(error).__name__}: {str(error)[:80]}")
    wanted = [
        [np.zeros(x.shape) if x.dtype == jax.dtypes.float0 else np.asarray(x) for x in leaves(slope)]
        for slope in slopes
    ]
    found = jvp(lambda *x: jvp(ours, x, first)[1], case.arrays, second)
    for got, expected in zip(found, wanted, strict=True):
        close(got, expected, 1e-9)
