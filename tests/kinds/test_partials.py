"""Elementwise ops whose tangents are recorded."""

import numpy as np

import numbafunc


def test_tangents_of_two_levels_with_operands_that_broadcast():
    # The Hessian of sum(x_i**2 * x_j**3) along a direction, by hand.
    function = numbafunc.elementwise(lambda x, y: x**2 * y**3)
    x, v = np.random.default_rng(0).normal(size=(2, 3))
    slope = numbafunc.grad(
        lambda x: numbafunc.jvp(lambda x: np.sum(function(x[:, np.newaxis], x)), (x,), (v,))[1], mode="reverse"
    )(x)
    square, cube = np.sum(x**2), np.sum(x**3)
    mixed = np.outer(2 * x, 3 * x**2)
    expected = (2 * cube + 6 * x * square) * v + (mixed + mixed.T) @ v
    np.testing.assert_allclose(slope, expected, 1e-12)
