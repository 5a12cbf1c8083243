"""The driver linearize: what it returns, how often it runs the function, and errors."""

import numpy as np
import pytest

from numbafunc.autodiff import grad, jacfwd, jvp, linearize

GENERATOR = np.random.default_rng(3)


def f(x, p):
    return {"a": np.sin(x) * p["s"], "b": (np.sum(x) * p["s"], np.ones(2), 3)}


@pytest.mark.parametrize("size", [0, 1, 5, 31, 32, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_jvp(size, dtype):
    x, v = GENERATOR.normal(size=(2, size)).astype(dtype)
    p, q = {"s": dtype(2)}, {"s": dtype(0.5)}
    value, push = linearize(f, x, p)
    np.testing.assert_array_equal(value["a"], f(x, p)["a"])
    for direction in ((v, q), (-v, q), (None, q), (v, None), (v, {"s": None})):
        expected = jvp(f, (x, p), direction)[1]
        tangent = push(*direction)
        np.testing.assert_allclose(tangent["a"], expected["a"], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(tangent["b"][0], expected["b"][0], rtol=1e-5, atol=1e-5)
        assert tangent["a"].dtype == dtype
        assert tangent["b"][0].shape == ()
        np.testing.assert_array_equal(tangent["b"][1], [0, 0])
        assert tangent["b"][2] == 0


@pytest.mark.parametrize("size", [32, 33])
def test_runs(size):
    calls = []

    def g(x):
        calls.append(1)
        return x * x

    x = np.ones(size)
    _, push = linearize(g, x)
    for _ in range(3):
        push(x)
    assert len(calls) == 1


def test_auxiliary_result():
    for size in (2, 50):
        value, push, aux = linearize(lambda x: (x * x, [x, "text"]), np.ones(size), has_aux=True)
        np.testing.assert_array_equal(value, 1)
        np.testing.assert_array_equal(push(np.ones(size)), 2)
        assert type(aux[0]) is np.ndarray
        assert aux[1] == "text"


def test_what_does_not_move_contributes_nothing():
    _, push = linearize(np.sqrt, np.array([0.0, 4.0]))
    np.testing.assert_array_equal(push(np.array([0.0, 1.0])), [0, 0.25])
    np.testing.assert_array_equal(push(np.array([1.0, 0.0])), [np.inf, 0])


@pytest.mark.parametrize("size", [3, 40])
def test_nests_with_other_derivatives(size):
    x = GENERATOR.normal(size=size)
    v = np.ones(size)
    gradient = grad(lambda x: np.sum(linearize(lambda y: y**3, x)[1](v)))(x)
    np.testing.assert_allclose(gradient, 6 * x, rtol=1e-14)
    jacobian = jacfwd(linearize(lambda y: y**3, x)[1])(v)
    np.testing.assert_allclose(jacobian, np.diag(3 * x**2), rtol=1e-14)


@pytest.mark.parametrize("size", [3, 40])
def test_errors(size):
    x = np.ones(size)
    _, push = linearize(np.sin, x)
    with pytest.raises(TypeError, match="primals has 1 entries and tangents has 2"):
        push(x, x)
    with pytest.raises(ValueError, match=r"tangents\[0\] has shape"):
        push(x[:2])
    with pytest.raises(TypeError, match=r"tangents\[0\] has dtype float32"):
        push(x.astype(np.float32))
    with pytest.raises(TypeError, match=r"tangents\[0\] is nested"):
        push([x])


def test_arguments_that_are_not_floating():
    with pytest.raises(TypeError, match="argument 1 has dtype int64"):
        linearize(lambda x, n: x**n, 1.0, 3)
    with pytest.raises(TypeError, match="argument 0 is complex"):
        linearize(np.sin, 1j)
    with pytest.raises(TypeError, match="pair"):
        linearize(np.sin, 1.0, has_aux=True)
