"""Complex values on the way from real variables: analytic functions, and those that are not."""

import operator

import dual_checks
import mpmath
import numpy as np
import pytest
from dual_table_linalg import case, draws, of_complex

import numbafunc
from numbafunc import grad, jvp
from numbafunc.autodiff import Dual

normal = draws(1)

# Away from zero and from the branch cuts, on the real and the imaginary axis beyond 1.
REAL = np.array([[0.3, -0.8, 0.7], [-0.4, 0.9, 0.5]])
IMAGINARY = np.array([[0.6, 0.5, -0.7], [-0.4, 0.8, 0.3]])

ANALYTIC = [
    np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sqrt, np.square, np.reciprocal, np.sin, np.cos,
    np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh,
    np.negative, np.positive,
]  # fmt: skip
NOT_ANALYTIC = [np.abs, np.absolute, np.conj, np.real, np.imag, np.angle, np.sign]
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]

CASES = [
    *(case(f.__name__, of_complex(f), REAL, IMAGINARY) for f in ANALYTIC + NOT_ANALYTIC),
    *(
        case(f"{f.__name__} of two", lambda x, y, f=f: f(x + 1j * y, np.exp(1j * x) - y), normal(3), normal(2, 3))
        for f in OPERATORS
    ),
    *(case(f"real {f.__name__} complex", lambda x, f=f: f(np.exp(x), 2 + 1j), normal(3)) for f in OPERATORS),
    *(case(f"complex {f.__name__} real", lambda x, f=f: f(2 + 1j, np.exp(x)), normal(3)) for f in OPERATORS),
    *(case(f"power {n}", of_complex(lambda z, n=n: z**n), REAL[0], IMAGINARY[0]) for n in (0, 1, 2, 3, 4, -1, 0.5, 1j)),
    case("angle in degrees", of_complex(lambda z: np.angle(z, deg=True)), normal(3), normal(3)),
    case("angle of real", lambda x: (np.angle(x), np.angle(x[0], True)), normal(3)),
    case("attributes", of_complex(lambda z: (z.real, z.imag, z.conj(), z.conjugate())), normal(3), normal(3)),
    case("attributes of real", lambda x: (x.real, x * (1 + x.imag), x.conj()), normal(3)),
    case("functions of real", lambda x: (np.real(x), x + np.imag(x), np.conj(x)), normal(3)),
    case("real_if_close", of_complex(np.real_if_close), normal(3), normal(3)),
    case("real_if_close, close", lambda x: np.real_if_close(x + 0j), normal(3)),
    case("square of the absolute value", of_complex(lambda z: (z * z.conj()).real), normal(3), normal(3)),
    case("indexing and joining", of_complex(lambda z: np.concatenate([z[1:], [1j], z.real])), normal(3), normal(3)),
    case("where", of_complex(lambda z: np.where(z.real > 0, z, 1j)), normal(5), normal(5)),
    case("sums", of_complex(lambda z: (np.sum(z, 0), np.mean(z), np.cumsum(z))), normal(2, 3), normal(2, 3)),
    case("astype", lambda x: x.astype(complex) ** (2 + 1j), abs(normal(3))),
]  # fmt: skip
each = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@each
def test_value_is_that_of_numpy(case):
    dual_checks.check_value(case)


@each
def test_first_order(case):
    dual_checks.check_first_order(case)


@each
def test_second_order(case):
    dual_checks.check_second_order(case)


@each
def test_directions_at_once(case):
    dual_checks.check_directions(case)


@each
def test_float32(case):
    if case.name != "astype":  # asks for the wide type
        dual_checks.check_float32(case)


def test_tanh_of_large_arguments():
    for z in (20 + 1j, -20 + 1j, 400 - 2j, -800 + 3j, 0j):
        slope = jvp(lambda x, z=z: np.tanh(x + z), (0.0,), (1.0,))[1]
        with mpmath.workdps(30):
            exact = complex(mpmath.sech(mpmath.mpc(z)) ** 2)
        np.testing.assert_allclose(slope, exact, rtol=1e-14)


def test_at_zero():
    z = Dual(np.zeros(1, complex), np.array([[2 + 3j], [-1j]]), 1)
    np.testing.assert_array_equal(abs(z).tangent, [[2], [0]])
    np.testing.assert_array_equal(np.sign(z).tangent, [[0], [0]])
    assert abs(z).dtype == float


def test_zero_tangent_against_infinity():
    z = Dual(np.array([0j, complex(np.inf, 0)]), np.zeros((1, 2), complex), 1)
    with np.errstate(all="ignore"):
        for function in (np.log, np.sqrt, np.exp, abs, np.sign, lambda z: 1 / z, lambda z: z * z):
            np.testing.assert_array_equal(function(z).tangent, [[0, 0]])


def test_queries_look_at_the_value():
    z = Dual(np.array([1j, 2 + 0j]), np.ones((1, 2), complex), 1)
    np.testing.assert_array_equal(z == 1j, [True, False])
    np.testing.assert_array_equal(np.isreal(z), [False, True])
    np.testing.assert_array_equal(np.iscomplex(z), [True, False])
    assert np.iscomplexobj(z)
    assert not np.isrealobj(z)


def test_precision_of_python_numbers_is_weak():
    x = np.array([1, 2], np.float32)
    for function in (lambda x: x * 1j, lambda x: x + (2 + 1j), lambda x: 1j - x, lambda x: np.multiply(x, 1j)):
        value, tangent = jvp(function, (x,), (x,))
        assert value.dtype == tangent.dtype == function(x).dtype == np.complex64


def test_imaginary_part_is_not_dropped():
    z = Dual(np.array([1j]), np.array([[1j]]), 1)
    with pytest.raises(TypeError, match="imaginary part"):
        z.astype(float)
    for conversion in (complex, np.asarray, lambda z: z.astype(int)):
        with pytest.raises(TypeError, match="stop_gradient"):
            conversion(z)


@pytest.mark.parametrize("function", [np.floor, np.arctan2, np.hypot, np.logaddexp, np.remainder, np.cbrt, np.fabs])
def test_what_numpy_refuses(function):
    z = Dual(np.array([1j]), np.array([[1j]]), 1)
    with pytest.raises(TypeError, match="not supported for the input types"):
        function(*[z] * function.nin)


@pytest.mark.parametrize("function", [numbafunc.sigmoid, numbafunc.softmax, numbafunc.logsumexp, numbafunc.flatten])
def test_own_functions_are_real(function):
    z = Dual(np.array([[1j]]), np.array([[[1j]]]), 1)
    with pytest.raises(TypeError, match="complex"):
        function(z)


def test_derivative_of_a_real_function_through_complex_values():
    # |exp(i x) - 1|**2 = 2 - 2 cos(x)
    gradient = grad(lambda x: abs(np.exp(1j * x) - 1) ** 2)
    np.testing.assert_allclose(gradient(0.7), 2 * np.sin(0.7), rtol=1e-14)
    np.testing.assert_allclose(grad(gradient)(0.7), 2 * np.cos(0.7), rtol=1e-14)
