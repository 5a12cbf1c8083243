"""Derivatives of nested closures never mix levels."""

import numpy as np
import pytest

from numbafunc.autodiff import grad, jacfwd, jvp
from numbafunc.ops.stop_gradient import stop_gradient


def by_jvp(f):
    return lambda x: jvp(f, (x,), (np.ones_like(x),))[1]


def by_jacfwd(f):
    return jacfwd(f)


every = pytest.mark.parametrize("d", [grad, by_jvp, by_jacfwd], ids=["grad", "jvp", "jacfwd"])


def test_in_one_line_each():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1
    assert jvp(lambda x: x * jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,)) == (1, 1)


@every
def test_inner_derivative_of_a_closure(d):
    assert d(lambda x: x * d(lambda y: x + y)(1.0))(1.0) == 1
    assert d(lambda x: d(lambda y: x * y)(2.0))(3.0) == 1
    assert d(lambda x: x * d(lambda y: x * y * y)(x))(3.0) == 6 * 3.0**2
    assert d(lambda x: d(lambda y: x)(2.0))(3.0) == 0
    assert d(lambda x: d(lambda y: d(lambda z: x * y * z)(1.0))(1.0))(5.0) == 1


@every
def test_both_levels_meet(d):
    # d/dx [x * d/dy (x**2 * y**3) at y = x] = d/dx [3 * x**5] = 15 * x**4
    assert d(lambda x: x * d(lambda y: x**2 * y**3)(x))(2.0) == 15 * 16


@every
@pytest.mark.parametrize("order", range(6))
def test_any_order(d, order):
    f = lambda x: x**5  # noqa: E731
    for _ in range(order):
        f = d(f)
    falling = [1, 5, 20, 60, 120, 120]
    assert f(2.0) == falling[order] * 2.0 ** (5 - order)


@every
def test_escaping_inner_function(d):
    def curried(x):
        return lambda y: x * y * y

    assert d(lambda x: d(curried(x))(3.0))(2.0) == 6
    assert d(lambda x: curried(x)(x))(2.0) == 12


def test_levels_as_arguments_of_each_other():
    # The tangent itself depends on the outer variable.
    f = lambda v: jvp(lambda x: x * x * x, (2.0,), (v,))[1]  # noqa: E731
    assert jvp(f, (5.0,), (1.0,)) == (60, 12)
    g = lambda x: jvp(np.sin, (x,), (x * x,))[1]  # noqa: E731
    np.testing.assert_allclose(grad(g)(0.7), -np.sin(0.7) * 0.49 + 1.4 * np.cos(0.7), rtol=1e-15)


def test_mixed_drivers_and_arrays():
    x = np.array([0.3, -1.2, 2.0])
    f = lambda x: np.sum(np.sin(x) * x[::-1])  # noqa: E731
    hessian = jacfwd(grad(f))(x)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-14)
    v = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(jvp(grad(f), (x,), (v,))[1], hessian @ v, rtol=1e-14)
    np.testing.assert_allclose(grad(lambda x: jvp(f, (x,), (v,))[1])(x), hessian @ v, rtol=1e-14)
    third = jacfwd(jacfwd(jacfwd(f)))(x)
    np.testing.assert_allclose(third, np.transpose(third, (2, 0, 1)), rtol=1e-13, atol=1e-15)


def test_gradient_inside_a_function():
    # One step of gradient descent, differentiated through.
    target = np.array([1.0, 2.0])

    def after_step(rate):
        x = np.zeros(2)
        x = x - rate * grad(lambda x: np.sum((x - target) ** 2))(x)
        return np.sum((x - target) ** 2)

    # The loss after the step is |target|**2 * (1 - 2 * rate)**2.
    np.testing.assert_allclose(grad(after_step)(0.1), -4 * 5 * 0.8, rtol=1e-14)


def test_stop_gradient_acts_on_every_level():
    assert grad(lambda x: x * grad(lambda y: stop_gradient(x) * y)(1.0))(3.0) == 3
    assert grad(lambda x: grad(lambda y: stop_gradient(x * y) * y)(2.0))(3.0) == 0
