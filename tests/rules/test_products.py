"""Matrix products: two terms, every combination of shapes, batches and levels."""

import numpy as np
import pytest

from numbafunc.autodiff import Dual, grad, jacfwd, jvp

GENERATOR = np.random.default_rng(11)

CASES = [
    (function, left, right)
    for function, shapes in {
        np.matmul: [
            ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((2, 3), (3, 40)), ((5, 2, 3), (3, 4)),
            ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4)), ((3,), (5, 3, 4)),
            ((5, 2, 3), (3,)), ((0, 3), (3, 4)), ((2, 0), (0, 4)), ((2, 3), (3, 0)), ((1, 1), (1, 1)),
        ],
        np.dot: [
            ((), ()), ((), (2, 3)), ((2,), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)),
            ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((2, 3), (6, 5, 3, 4)), ((5, 2, 3), (6, 3, 4)), ((3,), (5, 3, 4)),
        ],
        np.inner: [((), (2,)), ((3,), (3,)), ((2, 3), (4, 3)), ((2, 3), (3,)), ((3,), (5, 4, 3))],
        np.outer: [((3,), (4,)), ((2, 2), (3,)), ((), (2,))],
        np.vdot: [((3,), (3,)), ((2, 3), (2, 3))],
    }.items()
    for left, right in shapes
]  # fmt: skip
each = pytest.mark.parametrize(("function", "left", "right"), CASES)


@each
def test_one_direction(function, left, right):
    x, dx = GENERATOR.normal(size=(2, *left))
    y, dy = GENERATOR.normal(size=(2, *right))
    value, tangent = jvp(function, (x, y), (dx, dy))
    np.testing.assert_allclose(value, function(x, y), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(tangent, function(dx, y) + function(x, dy), rtol=1e-13, atol=1e-13)
    assert value.shape == tangent.shape == function(x, y).shape


@each
def test_batch_of_directions(function, left, right):
    x, *dx = GENERATOR.normal(size=(4, *left))
    y, *dy = GENERATOR.normal(size=(4, *right))
    moving_x, moving_y = Dual(x, np.array(dx), 1), Dual(y, np.array(dy), 1)
    for result, expected in (
        (function(moving_x, y), [function(d, y) for d in dx]),
        (function(x, moving_y), [function(x, d) for d in dy]),
        (function(moving_x, moving_y), [function(a, y) + function(x, b) for a, b in zip(dx, dy, strict=True)]),
    ):
        assert result.tangent.shape == (3, *result.shape)
        np.testing.assert_allclose(result.tangent, expected, rtol=1e-13, atol=1e-13)


@each
def test_mixed_second_derivative(function, left, right):
    x, dx = GENERATOR.normal(size=(2, *left))
    y, dy = GENERATOR.normal(size=(2, *right))

    def by_x(y):
        return jvp(lambda x: function(x, y), (x,), (dx,))[1]

    def by_y(x):
        return jvp(lambda y: function(x, y), (y,), (dy,))[1]

    for mixed in (jvp(by_x, (y,), (dy,))[1], jvp(by_y, (x,), (dx,))[1]):
        np.testing.assert_allclose(mixed, function(dx, dy), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype(dtype):
    x, y = np.ones((2, 3), dtype), np.ones((3, 4), dtype)
    value, tangent = jvp(np.matmul, (x, y), (x, y))
    assert value.dtype == tangent.dtype == dtype


def test_operator_and_method():
    x, y = GENERATOR.normal(size=(2, 3)), GENERATOR.normal(size=(3, 4))
    for f in (lambda x: x @ y, lambda x: x.dot(y), lambda x: np.dot(x, y)):
        np.testing.assert_allclose(jvp(f, (x,), (x,))[1], x @ y)
    np.testing.assert_allclose(jvp(lambda y: x @ y, (y,), (y,))[1], x @ y)
    np.testing.assert_allclose(jvp(lambda y: x.tolist() @ y, (y,), (y,))[1], x @ y)


def test_quadratic_form():
    matrix = GENERATOR.normal(size=(4, 4))
    x = GENERATOR.normal(size=4)
    np.testing.assert_allclose(grad(lambda x: x @ matrix @ x)(x), (matrix + matrix.T) @ x, rtol=1e-13)
    hessian = jacfwd(grad(lambda x: x @ matrix @ x))(x)
    np.testing.assert_allclose(hessian, matrix + matrix.T, rtol=1e-13)


def test_shapes_that_do_not_fit():
    x = Dual(np.ones((2, 3)), np.ones((1, 2, 3)), 1)
    with pytest.raises(ValueError, match="matmul"):
        x @ np.ones((2, 3))
    with pytest.raises(ValueError, match="matmul"):
        x @ 2.0


def test_classifier_gradient():
    x = GENERATOR.normal(size=(30, 6))
    labels = GENERATOR.integers(0, 4, size=30)
    parameters = {"weight": GENERATOR.normal(size=(6, 4)), "bias": GENERATOR.normal(size=4)}

    def loss(p):
        logits = x @ p["weight"] + p["bias"]
        exponentials = np.exp(logits)
        normaliser = np.log(np.sum(exponentials, 1))
        return np.mean(normaliser - np.take_along_axis(logits, labels[:, None], 1)[:, 0])

    exponentials = np.exp(x @ parameters["weight"] + parameters["bias"])
    residual = exponentials / exponentials.sum(1, keepdims=True) - np.eye(4)[labels]
    gradient = grad(loss)(parameters)
    np.testing.assert_allclose(gradient["weight"], x.T @ residual / 30, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(gradient["bias"], residual.mean(0), rtol=1e-12, atol=1e-15)
