"""Functions on numbers with tangents inside a user's compiled functions, against differences of their values."""

import math
import warnings

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbafunc as nf
from numbafunc.errors import CompiledDerivativeWarning

MATRIX = np.array([[1.0, 0.5], [0.25, 2.0]])

GROUPS = {
    "functions of math": """
        math.asin(x[0] * 0.1) + math.atan(x[1]), math.atan2(x[0], x[1]), math.atan2(-x[0], -x[1]), math.pow(x[0], 2),
        math.hypot(x[0], x[1]), math.copysign(x[0], -1.0), math.erf(x[0]) + math.erfc(x[1]), math.degrees(x[0]),
        math.floor(x[0]) * x[1], math.trunc(x[0]) * x[1], math.exp(x[0]) if x[0] > 1 else x[1]""",
    "ufuncs of numbers": """
        np.hypot(x[0], x[1]), np.power(x[0], x[1]), np.sign(x[0]) * x[1], np.logaddexp(x[0], x[1]), x[0] % 0.7,
        x[0] // 0.7 + x[1], np.reciprocal(x[0]), np.deg2rad(x[0]), x[0] ** x[1], 1 / x[0] + 2 ** x[1], -x[0] + +x[1],
        np.exp2(x[0]) + np.expm1(x[1]) + np.log1p(x[0]), np.isfinite(x[0]) * x[1]""",
    "ufuncs of arrays": """
        np.arctan2(x, x[0])[1], np.power(x, 2.5).sum(), np.maximum(x, 1.0).sum(), np.abs(x - 1.2).sum(),
        np.square(x).sum(), np.add(x, x)[0], np.subtract(x, x[0])[1], np.multiply(x, MATRIX).sum(),
        np.divide(x, x[0])[1], np.negative(x)[0], np.exp(-(x**2)).sum() / len(x), (x % 0.6)[0], np.sqrt(x).mean()""",
    "Python's own": """
        max(x[0], x[1], 0.5), min(x), max(x), sum(x), abs(x[0]), round(x[0]) * x[1], float(x[0]) ** 2,
        (x[0] > 1) * x[1], int(x[0] > 1) * x[1], bool(x[0]) * x[1], [x[0] * i for i in range(3)][2],
        sum([v * v for v in x]), x.size * x[0] + x.shape[0] + x.ndim""",
    "reductions": """
        x.max() + x.min() + x.prod() + x.mean(), np.var(x) + np.std(x), np.argmax(x) * x[0], np.cumsum(x)[1],
        np.diff(x)[0] ** 2, np.linalg.norm(x), (MATRIX * x).sum(axis=0)[1], np.trace(np.outer(x, x)),
        np.clip(x, 0.1, 1.2).sum(), np.where(x > 1, x, x * x).sum(), np.all(x > 0) * x[1]""",
    "products": """
        (MATRIX @ x).sum(), np.dot(MATRIX, x)[0], x.dot(MATRIX @ x), x @ MATRIX @ x, np.sum(np.outer(x, x) ** 2),
        np.vdot(x, x), np.kron(x, x)[1], (np.outer(x, x) @ MATRIX)[0, 1]""",
    "linear systems": """
        np.linalg.solve(MATRIX * x[0], x)[0], np.linalg.solve(MATRIX[::-1] + np.outer(x, x), MATRIX)[1, 0],
        np.linalg.inv(MATRIX * x[0])[0, 1], np.linalg.det(MATRIX * x[0] + np.outer(x, x))""",
    "arrays made": """
        np.array([x[0], 2.0, 1]).sum(), np.array([[x[0], 2.0], [x[1], 1.0]])[1, 0] ** 2, np.array((x[0], x[1]))[1],
        np.asarray(x)[0], np.zeros((2, 2))[0, 0] + x[0], np.eye(2)[0, 0] * x[0], np.full(3, x[0]).sum(),
        np.full_like(x, x[1])[0], np.ones_like(x)[0] * x[0], np.linspace(0.0, 1.0, 3)[1] * x[0], np.diag(x)[1, 1]""",
    "arrays moved": """
        x.reshape((2, 1))[1, 0], x.T[0] * x.ravel()[1], x[::-1].copy()[0], x[x > 1].sum(), x[np.array([0, 1, 0])].sum(),
        np.concatenate((x, x * x)).sum(), np.hstack((x, x * x)).prod(), np.stack((x, x * x)).sum(),
        np.append(x, x[0])[2], np.flip(x)[0], np.roll(x, 1)[0], np.transpose(np.outer(x, x))[0, 1], x.flatten()[1],
        np.broadcast_to(x, (3, 2))[2, 1], x.astype(np.float64)[0], np.sort(x)[0]""",
    "interpolation": """
        np.interp(x[0], np.array([0.0, 3.0]), np.array([0.0, 9.0])), np.interp(0.5, np.array([0.0, 3.0]), x),
        np.searchsorted(np.array([0.0, 1.0, 2.0]), x[0]) * x[1]""",
    "ops of this package": "nf.relu(x[0]) * x[1], nf.sigmoid(x)[0], nf.gelu(x[0])",
}


@pytest.mark.parametrize("group", GROUPS)
def test_derivatives_are_differences_of_values(group):
    names = {"np": np, "math": math, "nf": nf, "MATRIX": MATRIX}
    exec(f"def f(x):\n    return ({GROUPS[group].strip()},)", names)
    f = numba.njit(names["f"])
    x, step = np.array([1.3, 0.7]), 1e-4

    def stacked(x):
        return np.array(f(x))

    wanted = np.empty((len(f(x)), 2))
    for i, e in enumerate(np.eye(2)):
        near, far = (stacked(x + k * step * e) - stacked(x - k * step * e) for k in (1, 2))
        wanted[:, i] = (8 * near - far) / (12 * step)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CompiledDerivativeWarning)
        found, values = map(np.stack, nf.jacfwd(lambda x: (f(x),) * 2, has_aux=True)(x))
    assert_allclose(found, wanted, rtol=1e-8, atol=1e-8)
    assert_allclose(values, stacked(x), rtol=1e-14)


def test_stop_gradient():
    @numba.njit
    def f(x):
        return nf.stop_gradient(x[0]) * x[1] + (nf.stop_gradient(x) * x).sum()

    x = np.array([2.0, 3.0])
    assert f(x) == 19.0
    assert_allclose(nf.grad(f)(x), [2.0, 5.0])


def test_zero_tangents_stay_zero_at_infinite_slopes():
    f = numba.njit(lambda x, y: np.sqrt(x) * y)
    assert_allclose(nf.jvp(f, (0.0, 2.0), (0.0, 1.0))[1], 0.0)


def test_a_zero_of_arctan2_and_hypot_is_finite():
    f = numba.njit(lambda x, y: (math.hypot(x, y), math.atan2(x, 1.0 + y)))
    assert_allclose(nf.jacfwd(f, (0, 1))(3.0, -4.0)[0], (0.6, -0.8), rtol=1e-15)
