"""numbafunc.scipy.linalg: values against SciPy, derivatives against finite differences, reverse against forward."""

import inspect

import dual_checks
import numpy as np
import pytest
import reverse_checks
import scipy
import scipy.linalg
from scipy_table_linalg import CASES as ALL_CASES, regular

import numbafunc
from numbafunc.scipy import linalg
from numbafunc.scipy.original import FUNCTIONS

# What SciPy 1.13 refuses, or finds to few digits, in the calls for plain arrays and in those behind the derivatives.
RECENT = tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 17)
LATER = {*(f"solve {one}" for one in ("diagonal", "tridiagonal", "upper triangular", "lower triangular")), "solve"}
CASES = [case for case in ALL_CASES if RECENT or case.name not in {*LATER, "sqrtm of complex"}]

each = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
several = pytest.mark.parametrize("case", [case for case in CASES if len(case.arrays) > 1], ids=lambda case: case.name)


@each
def test_value_is_that_of_scipy(case):
    value, tangent = numbafunc.jvp(case.function, case.arrays, dual_checks.draw(case.arrays, 1))
    expected = dual_checks.leaves(case.function(*case.arrays))
    dual_checks.close(value, expected, 1e-12)
    for got, change, wanted in zip(dual_checks.leaves(value), dual_checks.leaves(tangent), expected, strict=True):
        assert got.dtype == change.dtype == np.asarray(wanted).dtype


@each
def test_forward_mode(case):
    dual_checks.check_forward(case)


@several
def test_operands_of_two_levels(case):
    dual_checks.check_levels(case)


@each
def test_reverse_mode(case, monkeypatch):
    reverse_checks.check_reverse(case, monkeypatch)


def test_every_function_is_among_the_cases():
    missing = set(linalg.__all__) - {word.strip(",") for case in CASES for word in case.name.split()}
    assert not missing
    assert set(linalg.__all__) == set(FUNCTIONS["linalg"])


@pytest.mark.skipif(not RECENT, reason="SciPy's signatures have changed since")
@pytest.mark.parametrize("name", linalg.__all__)
def test_signature_is_that_of_scipy(name):
    wanted = inspect.signature(getattr(scipy.linalg, name)).parameters
    found = inspect.signature(getattr(linalg, name)).parameters
    assert list(found) == list(wanted)
    for one in wanted:
        if isinstance(wanted[one].default, (bool, int, str, type(None))):
            assert found[one].default == wanted[one].default


def test_plain_arguments_go_to_scipy():
    a, b = regular(3, 3), np.arange(3)
    np.testing.assert_array_equal(linalg.solve(a, b), scipy.linalg.solve(a, b))
    np.testing.assert_array_equal(linalg.expm(a), scipy.linalg.expm(a))
    assert isinstance(linalg.det(a), float)
    assert linalg.hilbert is scipy.linalg.hilbert
    assert {"hilbert", "solve"} <= set(dir(linalg))
    with pytest.raises(AttributeError):
        linalg.no_such_function  # noqa: B018


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda a: linalg.solve(a[:2], a), ValueError, r"solve: an array has shape \(2, 3\); wanted: square matrices"),
        (lambda a: linalg.solve(a, a[:2]), ValueError, r"a has shape \(3, 3\) and b has shape \(2, 3\)"),
        (lambda a: linalg.solve(a, a, assume_a="round"), ValueError, "assume_a is 'round'"),
        (lambda a: linalg.solve(a * np.inf, a), ValueError, "infinities or NaN; check_finite=False"),
        (lambda a: linalg.solve_triangular(a, a, trans=3), ValueError, "trans is 3; wanted: 0, 1, 2"),
        (lambda a: linalg.qr(a[:, :2]), TypeError, "use mode='economic'"),
        (lambda a: linalg.qr(a, mode="raw"), TypeError, "mode='raw' is not supported"),
        (lambda a: linalg.svd(a[:, :2]), TypeError, "pass full_matrices=False"),
        (lambda a: linalg.eig(a, left=True), TypeError, "the argument left is not supported"),
        (lambda a: linalg.logm(a, disp=False), TypeError, "the argument disp is not supported"),
        (lambda a: linalg.solve_discrete_lyapunov(a, a, "other"), ValueError, "method is 'other'"),
        (lambda a: linalg.solve_sylvester(a, a, np.stack([a, a])), TypeError, "stacks of matrices"),
        (lambda a: linalg.toeplitz(a), TypeError, "stacks of vectors"),
        (lambda a: linalg.lu_solve((a, np.arange(3)), a[:2]), ValueError, r"b has shape \(2, 3\)"),
        (lambda a: linalg.hilbert(a), TypeError, "dual"),
        (lambda a: linalg.solve(a, np.array(["x"])), TypeError, "dtype"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        numbafunc.jvp(call, (np.eye(3) + 0.1,), (np.eye(3),))


@each
@pytest.mark.filterwarnings("ignore:logm result may be inaccurate:RuntimeWarning")  # says SciPy of the value
def test_float32(case):
    arrays = tuple(x.astype(np.float32) for x in case.arrays)
    directions = dual_checks.draw(arrays, 9)
    value, tangent = numbafunc.jvp(case.function, arrays, directions)
    expected = dual_checks.leaves(case.function(*arrays))
    for got, change, wanted in zip(dual_checks.leaves(value), dual_checks.leaves(tangent), expected, strict=True):
        assert got.dtype == change.dtype == np.asarray(wanted).dtype
    dual_checks.close(value, expected, 1e-3)
    reverse_checks.check_precision(case.function, case.arrays, "float32", 2e-2)


def test_a_large_direction_does_not_spoil_the_exponential():
    a, v = regular(3, 3), np.eye(3) + 0.5
    slope = numbafunc.jvp(linalg.expm, (a,), (v,))[1]
    np.testing.assert_allclose(numbafunc.jvp(linalg.expm, (a,), (1e100 * v,))[1], 1e100 * slope, rtol=1e-13)
    np.testing.assert_allclose(slope, scipy.linalg.expm_frechet(a, v)[1], rtol=1e-12)


def test_eigenvectors_have_the_signs_of_scipy():
    for seed in range(5):
        a, b = np.random.default_rng(seed).normal(size=(2, 4, 4))
        b = b @ b.T + np.eye(4)
        for matrices in ((a,), (a, b)):
            wanted = scipy.linalg.eigh(*matrices)[1]
            value = numbafunc.jvp(lambda *x: linalg.eigh(*x)[1], matrices, matrices)[0]
            np.testing.assert_allclose(value, wanted, rtol=1e-10, atol=1e-12)


def test_sylvester_of_real_and_complex_matrices():
    a, b, q = regular(3, 3) * (1 + 0.5j), np.array([[3.0, 1.0], [-2.0, 3.0]]), np.ones((3, 2))
    x, _ = numbafunc.jvp(lambda q: linalg.solve_sylvester(a, b, q), (q,), (q,))
    np.testing.assert_allclose(a @ x + x @ b, q, atol=1e-14)


def test_without_scipy(programs):
    output = programs.run(
        """
        import sys
        import numbafunc
        sys.modules["scipy"] = None
        try:
            numbafunc.scipy.linalg
        except ImportError as error:
            print(error)
        """
    )
    assert output == "numbafunc.scipy.linalg needs SciPy, which is not installed: pip install numbafunc[scipy]"


def test_arrays_of_constants_go_to_scipy():
    import numbafunc.numpy as inside

    def f(x):
        a = inside.array([[4.0, 1.0], [1.0, 3.0]])
        assert float(numbafunc.scipy.linalg.det(a)) == scipy.linalg.det(np.array([[4.0, 1.0], [1.0, 3.0]]))
        return x * numbafunc.scipy.linalg.solve(a, inside.ones(2))[0]

    np.testing.assert_allclose(numbafunc.grad(f)(2.0), 2 / 11, rtol=1e-15)
