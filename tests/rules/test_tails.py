"""First and second derivatives where formulas of textbooks overflow, or subtract numbers that are nearly equal."""

import mpmath
import numpy as np
import pytest
from scipy import special

import numbafunc
from numbafunc import elementary

TINY = (1e-9, -1e-20, 1e-160)
LARGE = (1e8, -1e20, 1e160)


def logaddexp(y):
    return lambda x: np.logaddexp(x, y), lambda x: mpmath.log(mpmath.exp(x) + mpmath.exp(y))


def hypot(y):
    return lambda x: np.hypot(x, y), lambda x: mpmath.hypot(x, y)


def logarithm_of_normal(x):
    return mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)


def dilogarithm(x):
    return mpmath.polylog(2, 1 - x).real


length = numbafunc.elementwise(lambda x, y: np.hypot(x, y))

# The function, the same in mpmath, and where.
CASES = {
    "arcsinh": (np.arcsinh, mpmath.asinh, (*TINY, 0.5, 2.0, *LARGE)),
    "arcsinh in a kernel": (numbafunc.elementwise(lambda x: np.arcsinh(x)), mpmath.asinh, (*TINY, 0.5, 2.0, *LARGE)),
    "tanh": (np.tanh, mpmath.tanh, (*TINY, 20.0, -300.0)),
    "arctanh": (np.arctanh, mpmath.atanh, (*TINY, 0.999999)),
    "arcsin": (np.arcsin, mpmath.asin, (*TINY, 0.999999)),
    "arcsin in a kernel": (numbafunc.elementwise(lambda x: np.arcsin(x)), mpmath.asin, (*TINY, 0.999999)),
    "arccos": (np.arccos, mpmath.acos, (*TINY, -0.999999)),
    "logaddexp": (*logaddexp(0.0), (20.0, 40.0, -300.0, 700.0)),
    "logaddexp far from zero": (*logaddexp(1e8), (1e8, 1e8 + 3, 1e8 - 40)),
    "logaddexp2": (
        lambda x: np.logaddexp2(3.0, x),
        lambda x: mpmath.log(8 + mpmath.power(2, x), 2),
        (60.0, -60.0, 900.0),
    ),
    "hypot": (*hypot(30.0), (1e8, 1e20, -1e60)),
    "hypot of tiny numbers": (*hypot(1e-200), (1e-160, -1e-220)),
    "hypot in a kernel": (
        lambda x: length(x, 3e-160),
        lambda x: mpmath.hypot(x, mpmath.mpf(3e-160)),
        (1e-160, -2e-155),
    ),
    "hypot in a kernel, of large numbers": (lambda x: length(x, 3e200), hypot(3e200)[1], (1e198, -4e200)),
    "pseudo_huber": (
        lambda x: special.pseudo_huber(3.0, x),
        lambda x: 9 * (mpmath.sqrt(1 + x * x / 9) - 1),
        (1e-9, 2.0, 1e8, -1e40),
    ),
    "pseudo_huber by the first": (
        lambda x: special.pseudo_huber(x, 3.0),
        lambda x: x * (mpmath.hypot(x, 3) - x),
        (1e-30, 1e-9, 2.0, 1e8, 1e40),
    ),
    "betaln": (
        lambda x: special.betaln(2.5, x),
        lambda x: mpmath.loggamma(2.5) + mpmath.loggamma(x) - mpmath.loggamma(x + 2.5),
        (0.3, 15.9, 16.1, 1e4, 1e8, 1e20),
    ),
    "spence": (special.spence, dilogarithm, (0.76, 0.74, 1 - 1e-9, 1.0, 1 + 1e-9, 1.26)),
    "wrightomega": (special.wrightomega, lambda x: mpmath.lambertw(mpmath.exp(x)), (-300.0, 2.0, 1e2)),
    "log_ndtr": (special.log_ndtr, logarithm_of_normal, (-200.0, -1.0, 0.0, 1.0, 8.0, 37.0)),
    "erfcx": (special.erfcx, lambda x: mpmath.exp(x * x) * mpmath.erfc(x), (-2.0, 3.0, 12.5, 40.0, 500.0)),
    "rel_entr": (
        lambda x: special.rel_entr(x, 1e-200),
        lambda x: x * mpmath.log(x / mpmath.mpf(1e-200)),
        (1e-190, 1e150),
    ),
    "kl_div": (
        lambda x: special.kl_div(3.0, x),
        lambda x: 3 * mpmath.log(3 / x) - 3 + x,
        (3.000001, 1e8, 1e100, 1e-100),
    ),
    "kl_div by the first": (
        lambda x: special.kl_div(x, 3.0),
        lambda x: x * mpmath.log(x / 3) - x + 3,
        (3.000001, 1e8, 1e-100),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_tails(name):
    function, exact, points = CASES[name]
    first = numbafunc.grad(function)
    for point in points:
        with mpmath.workdps(1000):
            wanted = [float(mpmath.diff(exact, mpmath.mpf(point), order, h=mpmath.mpf(10) ** -280)) for order in (1, 2)]
        np.testing.assert_allclose(first(point), wanted[0], rtol=2e-14, err_msg=f"at {point}")
        np.testing.assert_allclose(numbafunc.grad(first)(point), wanted[1], rtol=1e-11, err_msg=f"at {point}")


def test_shares_of_logarithms_of_sums():
    x = np.array([1e8, 1e8 + 1, 1e8 - 2])
    shares = special.softmax(x - 1e8)
    _, tangent = numbafunc.jvp(np.logaddexp.reduce, (x,), (np.eye(3)[0],))
    np.testing.assert_allclose(tangent, shares[0], rtol=1e-14)
    hessian = numbafunc.hessian(np.logaddexp.reduce)(x)
    np.testing.assert_allclose(hessian, np.diag(shares) - np.outer(shares, shares), rtol=1e-13)
    nothing = np.full(2, -np.inf)
    np.testing.assert_array_equal(numbafunc.grad(np.logaddexp.reduce)(nothing), 0)


@pytest.mark.parametrize(("function", "exact"), [(np.tanh, mpmath.tanh), (lambda x: np.logaddexp(x, 0.0), None)])
def test_third_order(function, exact):
    def third(x):
        return numbafunc.grad(numbafunc.grad(numbafunc.grad(function)))(x)

    exact = exact or (lambda x: mpmath.log1p(mpmath.exp(x)))
    for point in (-300.0, -30.0, 0.3, 30.0, 300.0):
        with mpmath.workdps(600):
            wanted = float(mpmath.diff(exact, mpmath.mpf(point), 3))
        np.testing.assert_allclose(third(point), wanted, rtol=1e-13, err_msg=f"at {point}")
    for point in (-np.inf, 800.0, np.inf):
        assert third(point) == 0


def test_narrow_floats():
    half = np.float16
    assert np.isclose(numbafunc.grad(special.erfcx)(half(12.5)), -0.003576, rtol=2e-3)
    assert np.isclose(numbafunc.grad(numbafunc.grad(special.log_ndtr))(half(-38)), -1, rtol=2e-3)
    small = np.exp(-12.0)
    np.testing.assert_allclose(numbafunc.grad(np.logaddexp, (0, 1))(half(0), half(12)), (small, 1), rtol=0.01)
    np.testing.assert_allclose(numbafunc.grad(numbafunc.grad(np.logaddexp))(half(12), half(0)), small, rtol=0.02)
    np.testing.assert_allclose(elementary.logistic(half(-12)), small, rtol=0.01)
    np.testing.assert_allclose(elementary.sech(half(12)), 2 * small, rtol=0.01)
    np.testing.assert_allclose(
        numbafunc.grad(np.logaddexp, (0, 1))(np.float32(-90), np.float32(0)), (np.exp(-90), 1), rtol=1e-3
    )


def test_nothing_overflows_where_the_function_is_small():
    with np.errstate(all="raise", under="ignore"):
        for function in (elementary.logistic, elementary.sech, elementary.swish):
            assert function(-1000.0) == 0
            assert numbafunc.grad(function)(-1000.0) == 0
            assert numbafunc.grad(numbafunc.grad(function))(-1000.0) == 0


def test_large_complex_numbers():
    for function, slope in ((elementary.swish, 1), (elementary.logistic, 0), (elementary.sech, 0)):
        tangent = numbafunc.jvp(lambda x, f=function: f(x + 1j), (1000.0,), (1.0,))[1]
        np.testing.assert_allclose(tangent, slope, atol=1e-300)
    tangent = numbafunc.jvp(lambda x: special.log_ndtr(x + 40j), (0.0,), (1.0,))[1]
    np.testing.assert_allclose(tangent, -39.97496865j, rtol=1e-9)


def test_infinite_operands():
    grad, hessian = numbafunc.grad, numbafunc.hessian
    assert grad(special.kl_div, 1)(2.0, np.inf) == 1
    np.testing.assert_array_equal(grad(np.logaddexp.reduce)(np.array([0.0, np.inf])), [0, 1])
    np.testing.assert_array_equal(grad(np.logaddexp.reduce)(np.array([np.inf, -np.inf, 0.0])), [1, 0, 0])
    found = hessian(lambda v: np.hypot(v[0], v[1]))(np.array([2.0, np.inf]))
    assert found[0, 0] == found[1, 1] == 0


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**-600, 2.0**-400, 2.0**400, 2.0**1000])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(
    "length",
    [np.linalg.norm, lambda x: np.linalg.norm(x, 3), lambda x: np.sum(np.linalg.norm(x.reshape(1, 3), axis=1)), np.std],
    ids=["norm", "norm of order 3", "norm along an axis", "std"],
)
def test_lengths_whose_squares_leave_the_range(length, mode, scale):
    # Lengths are homogeneous of degree 1: the scale is a power of two, and leaves all digits as they are.
    x = np.array([3.0, 4.0, 12.0])
    with np.errstate(over="ignore"):
        slope = numbafunc.grad(length, mode=mode)(x * scale)
        curvature = numbafunc.hessian(length, mode=mode)(x * scale) * scale
    np.testing.assert_allclose(slope, numbafunc.grad(length)(x), rtol=1e-13)
    np.testing.assert_allclose(curvature, numbafunc.hessian(length)(x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_variances_beyond_the_range(mode):
    x = np.array([3e38, -2e38], np.float32)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(numbafunc.grad(np.var, mode=mode)(x), [2.5e38, -2.5e38], rtol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-14)])
def test_small_differences_before_the_tails(dtype, tolerance):
    for function, exact in (
        (special.erfcx, lambda x: mpmath.exp(x * x) * mpmath.erfc(x)),
        (special.dawsn, lambda x: mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-x * x) * mpmath.erfi(x)),
    ):
        for order in (1, 2, 3):
            with mpmath.workdps(40):
                wanted = float(mpmath.diff(exact, 9, order))
            np.testing.assert_allclose(numbafunc.derivative(function, order)(dtype(9)), wanted, rtol=tolerance)


def test_scaled_functions_far_out():
    # By the first terms of the asymptotic series, DLMF 10.40 and 7.12.
    for x in (1e10, 1e14):
        near_i, near_k = 1 / np.sqrt(2 * np.pi * x) / x, np.sqrt(np.pi / 2 / x) / x
        for n, (i, k) in enumerate(((special.i0e, special.k0e), (special.i1e, special.k1e))):
            a = (4 * n * n - 1) / 8 / x
            for function, near, sign in ((i, near_i, -1), (k, near_k, 1)):
                np.testing.assert_allclose(numbafunc.grad(function)(x), -near * (0.5 + 1.5 * sign * a), rtol=1e-14)
                second = near / x * (0.75 + 3.75 * sign * a)
                np.testing.assert_allclose(numbafunc.derivative(function, 2)(x), second, rtol=1e-14)
        np.testing.assert_allclose(numbafunc.grad(special.dawsn)(x), -0.5 / x / x, rtol=1e-14)
        slope = numbafunc.jacfwd(lambda x: special.wofz(x + 0j))
        np.testing.assert_allclose(slope(x), -1j / np.sqrt(np.pi) / x / x, rtol=1e-14)
        np.testing.assert_allclose(numbafunc.jacfwd(slope)(x), 2j / np.sqrt(np.pi) / x / x / x, rtol=1e-14)
    assert numbafunc.grad(special.i0e)(-1e10) == -numbafunc.grad(special.i0e)(1e10)
    assert numbafunc.grad(special.i1e)(-1e10) == numbafunc.grad(special.i1e)(1e10)
    # W(exp(x)) is x - log(x) + log(x) / x, its second derivative 1 / x**2.
    np.testing.assert_allclose(numbafunc.derivative(special.wrightomega, 2)(1e20), 1e-40, rtol=1e-14)
    # k1(700) is 4.673e-306, where kv of order 2 gives 0.
    np.testing.assert_allclose(numbafunc.grad(special.k1)(700.0), -4.6764523e-306, rtol=1e-6)


@pytest.mark.parametrize("z", [13, 9 + 9j, -20 + 0.5j, 12 - 8j, 3 - 13j, 15 - 15j, 14j, 11.9 + 0j])
def test_faddeeva_function(z):
    with mpmath.workdps(400):
        point = mpmath.mpc(z)
        value = mpmath.exp(-point * point) * mpmath.erfc(-1j * point)
        first = 2j / mpmath.sqrt(mpmath.pi) - 2 * point * value
        wanted = [complex(first), complex(-2 * value - 2 * point * first)]
    slope = numbafunc.jacfwd(lambda x: special.wofz(x + z))
    np.testing.assert_allclose(slope(0.0), wanted[0], rtol=2e-12)
    np.testing.assert_allclose(numbafunc.jacfwd(slope)(0.0), wanted[1], rtol=1e-9)
