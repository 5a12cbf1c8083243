"""Complex values on the way from real variables: analytic functions, and those that are not."""

import mpmath
import numpy as np
import pytest
from dual_table_linalg import draws

import numbafunc
from numbafunc import grad, jvp
from numbafunc.autodiff import Dual

normal = draws(1)


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


@pytest.mark.parametrize("function", [numbafunc.sigmoid, numbafunc.softmax, numbafunc.interpolate])
def test_own_functions_are_real(function):
    z = Dual(np.array([[1j]]), np.array([[[1j]]]), 1)
    with pytest.raises(TypeError, match="complex"):
        function(z)


def test_derivative_of_a_real_function_through_complex_values():
    # |exp(i x) - 1|**2 = 2 - 2 cos(x)
    gradient = grad(lambda x: abs(np.exp(1j * x) - 1) ** 2)
    np.testing.assert_allclose(gradient(0.7), 2 * np.sin(0.7), rtol=1e-14)
    np.testing.assert_allclose(grad(gradient)(0.7), 2 * np.cos(0.7), rtol=1e-14)
