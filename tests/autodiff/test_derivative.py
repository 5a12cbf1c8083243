"""The driver derivative: orders against mpmath, arrays, structures and errors."""

import mpmath
import numpy as np
import pytest

from numbafunc.autodiff import derivative, grad

FUNCTIONS = {
    "sin": (np.sin, mpmath.sin, 0.7),
    "exp_sin": (lambda x: np.exp(np.sin(x)), lambda x: mpmath.exp(mpmath.sin(x)), -0.3),
    "rational": (lambda x: 1 / (1 + x**2), lambda x: 1 / (1 + x**2), 0.4),
    "tanh": (np.tanh, mpmath.tanh, 0.5),
    "sqrt_log": (lambda x: np.sqrt(x) * np.log(x), lambda x: mpmath.sqrt(x) * mpmath.log(x), 1.7),
    "power": (lambda x: x**x, lambda x: x**x, 1.3),
}


@pytest.mark.parametrize("order", range(7))
@pytest.mark.parametrize("name", FUNCTIONS)
def test_orders(name, order):
    f, exact, x = FUNCTIONS[name]
    result = derivative(f, order)(x)
    assert type(result) is np.ndarray or order == 0
    with mpmath.workdps(40):
        expected = float(mpmath.diff(exact, mpmath.mpf(x), order))
    np.testing.assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_element_by_element(dtype):
    x = np.array([[0.1, 0.2], [0.3, -0.4]], dtype)
    result = derivative(np.sin, 2)(x)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, -np.sin(x), rtol=1e-6)
    result += 1
    wider = derivative(lambda x: np.broadcast_to(x**3, (5, 2, 2)), 2)(x)
    assert wider.shape == (5, 2, 2)
    wider += 1


def test_curves_and_nests():
    result = derivative(lambda t: {"p": np.stack([np.cos(t), np.sin(t)]), "t": (t, 1.0, 3)}, 2)(0.5)
    np.testing.assert_allclose(result["p"], [-np.cos(0.5), -np.sin(0.5)], rtol=1e-15)
    np.testing.assert_array_equal(result["t"], [0, 0, 0])


def test_other_arguments():
    def f(n, x, *, scale):
        return x**n * scale

    assert derivative(f, 2, argnum=1)(3, 2.0, scale=10.0) == 120
    assert derivative(f, 1, -1)(3, 2.0, scale=10.0) == 120
    with pytest.raises(TypeError, match="argument 0 has dtype int64"):
        derivative(f)(3, 2.0, scale=1.0)


def test_auxiliary_result():
    result, aux = derivative(lambda x: (x**3, [x, "text"]), 3, has_aux=True)(2.0)
    assert result == 6
    assert aux == [2.0, "text"]
    assert type(aux[0]) is np.ndarray


def test_nests_with_other_derivatives():
    assert grad(lambda x: derivative(lambda y: x * y**3, 2)(x))(2.0) == 24
    assert derivative(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"n": -1}, ValueError, "n is -1"),
        ({"n": 1.0}, TypeError, "n must be an int"),
        ({"n": True}, TypeError, "n must be an int"),
        ({"argnum": (0,)}, TypeError, "argnum must be an int"),
    ],
)
def test_options(options, error, match):
    with pytest.raises(error, match=match):
        derivative(np.sin, **options)


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        (3, TypeError, "argument 0 has dtype int64"),
        (1j, TypeError, "argument 0 is complex"),
        ([1.0], TypeError, "argument 0 is a list"),
        (np.ones(2), ValueError, r"shape \(\) for an argument of shape \(2,\)"),
    ],
)
def test_arguments(x, error, match):
    with pytest.raises(error, match=match):
        derivative(np.sum)(x)
    with pytest.raises(TypeError, match="1 positional"):
        derivative(np.sin, 1, 1)(1.0)
