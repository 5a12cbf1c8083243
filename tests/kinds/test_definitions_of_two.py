"""Functions of two numbers in definitions of elementwise functions, with their derivatives."""

import math

import mpmath
import numpy as np
import pytest
from scipy import special

import numbafunc

FUNCTIONS = {
    "hypot": (lambda x, y: math.hypot(x, y), np.hypot),
    "np.hypot": (lambda x, y: np.hypot(x, y), np.hypot),
    "%": (lambda x, y: x % y, np.remainder),
    "np.mod": (lambda x, y: np.mod(x, y), np.mod),
    "//": (lambda x, y: x // y, np.floor_divide),
    "fmod": (lambda x, y: math.fmod(x, y), np.fmod),
    "atan2": (lambda x, y: math.atan2(x, y), np.arctan2),
    "np.arctan2": (lambda x, y: np.arctan2(x, y), np.arctan2),
    "where": (lambda x, y: np.where(x > y, x * y, 2.0), lambda x, y: np.where(x > y, x * y, 2.0)),
}
SPECIAL = {
    "erf": (lambda x, y: special.erf(x) * y, lambda x, y: special.erf(x) * y),
    "gamma": (lambda x, y: math.gamma(abs(x) + 0.5) * y, lambda x, y: special.gamma(abs(x) + 0.5) * y),
    "lgamma": (lambda x, y: math.lgamma(x) + y, lambda x, y: special.gammaln(x) + y),
    "gammaln": (lambda x, y: special.gammaln(x) + y, lambda x, y: special.gammaln(x) + y),
    "digamma": (lambda x, y: special.digamma(x) * y, lambda x, y: special.psi(x) * y),
    "expit": (lambda x, y: special.expit(x) * y, lambda x, y: special.expit(x) * y),
}


def operands(dtype=np.float64):
    x, y = np.random.default_rng(0).normal(0, 3, (2, 500)).astype(dtype)
    return x, y


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*FUNCTIONS, *SPECIAL])
def test_values(name, dtype):
    definition, oracle = {**FUNCTIONS, **SPECIAL}[name]
    x, y = operands(dtype)
    tolerance = 1e-11 if name in SPECIAL and dtype == "float64" else 3e-16 if dtype == "float64" else 2e-6
    exact = name in ("%", "np.mod", "//", "fmod")
    result = numbafunc.elementwise(definition)(x, y)
    np.testing.assert_allclose(result, oracle(x, y), rtol=0 if exact else tolerance, atol=0)
    assert result.dtype == dtype


@pytest.mark.parametrize("name", ["hypot", "%", "//", "fmod", "atan2"])
def test_special_values(name):
    definition, oracle = FUNCTIONS[name]
    points = [0.0, -0.0, 1.0, -1.0, 5.0, np.inf, -np.inf, np.nan, 1e300, 3e-320]
    x, y = (part.ravel() for part in np.meshgrid(points, points))
    with np.errstate(all="ignore"):
        expected = oracle(x, y)
    result = numbafunc.elementwise(definition)(x, y)
    np.testing.assert_allclose(result, expected, rtol=3e-16, atol=0)
    zero = expected == 0
    np.testing.assert_array_equal(np.signbit(result[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize("name", [*FUNCTIONS, *SPECIAL])
def test_derivatives(name):
    definition, oracle = {**FUNCTIONS, **SPECIAL}[name]
    op = numbafunc.elementwise(definition)
    x, y = operands()
    step = 1e-6 * (1 + abs(x))
    near = [oracle(x + sign * step, y) for sign in (1, -1)]
    by_y = [oracle(x, y + sign * step) for sign in (1, -1)]
    # Away from jumps and poles.
    smooth = np.abs(near[0] - near[1]) < 1e-4 * (1 + np.abs(oracle(x, y)))
    smooth &= np.abs(by_y[0] - by_y[1]) < 1e-4 * (1 + np.abs(oracle(x, y)))
    for place, (above, below) in enumerate((near, by_y)):
        tangents = [np.zeros_like(x), np.zeros_like(x)]
        tangents[place][:] = 1
        slope = numbafunc.jvp(op, (x, y), tuple(tangents))[1]
        expected = (above - below) / (2 * step)
        np.testing.assert_allclose(slope[smooth], expected[smooth], rtol=3e-5, atol=1e-6)
    assert smooth.sum() > 300


def test_second_derivatives():
    angle = numbafunc.elementwise(lambda x, y: math.atan2(x, y))
    length = numbafunc.elementwise(lambda x, y: math.hypot(x, y))
    x, y = 0.75, -1.5
    square = x * x + y * y
    np.testing.assert_allclose(numbafunc.grad(numbafunc.grad(angle))(x, y), -2 * x * y / square**2, rtol=1e-14)
    np.testing.assert_allclose(numbafunc.grad(numbafunc.grad(length))(x, y), y * y / square**1.5, rtol=1e-14)
    logarithm = numbafunc.elementwise(lambda x: math.lgamma(x))
    third = numbafunc.grad(numbafunc.grad(numbafunc.grad(logarithm)))(2.5)
    np.testing.assert_allclose(third, float(mpmath.psi(2, 2.5)), rtol=1e-14)


def test_accuracy_of_hypot():
    x, y = 10.0 ** np.random.default_rng(1).uniform(-300, 300, (2, 300))
    y = x * 10.0 ** np.random.default_rng(2).uniform(-3, 3, 300)
    result = numbafunc.elementwise(lambda x, y: math.hypot(x, y))(x, y)
    mpmath.mp.prec = 120
    errors = [
        abs(mpmath.mpf(r) - mpmath.hypot(a, b)) / np.spacing(r)
        for r, a, b in zip(*map(np.ndarray.tolist, (result, x, y)))
    ]
    assert max(errors) < 1.3
