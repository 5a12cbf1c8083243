"""Programs in plain NumPy, written without this package in mind, differentiated unchanged.

First derivatives along a direction are held against a complex step where the program is analytic and takes complex
numbers, else against central differences with Richardson's extrapolation; second ones against differences of the
exact first ones.
"""

import itertools

import numpy as np
import pytest

from numbafunc import grad, hvp, jvp

GENERATOR = np.random.default_rng(11)


def robertson_rates(y, k):
    fast = k[1] * y[1] * y[1]
    return np.stack([-k[0] * y[0] + k[2] * y[1] * y[2], k[0] * y[0] - k[2] * y[1] * y[2] - fast, fast])


def robertson_runge_kutta(k):
    y, h = np.array([1.0, 3e-5, 0.1]), 1e-4
    for _ in range(5):
        a = robertson_rates(y, k)
        b = robertson_rates(y + h / 2 * a, k)
        c = robertson_rates(y + h / 2 * b, k)
        d = robertson_rates(y + h * c, k)
        y = y + h / 6 * (a + 2 * b + 2 * c + d)
    return y


def robertson_implicit_euler(k):
    y_old = np.array([1.0, 3e-5, 0.1])
    y, h = y_old, 1e-2
    for _ in range(6):
        jacobian = np.zeros((3, 3), dtype=np.result_type(k, y)) + 0 * k[0]
        jacobian[0, 0] = -k[0]
        jacobian[0, 1] = k[2] * y[2]
        jacobian[0, 2] = k[2] * y[1]
        jacobian[2, 1] = 2 * k[1] * y[1]
        jacobian[1] = -jacobian[0] - jacobian[2]
        residual = y - y_old - h * robertson_rates(y, k)
        y = y - np.linalg.solve(np.eye(3) - h * jacobian, residual)
    return y


DATA = GENERATOR.normal(size=(20, 3))


def normal_log_likelihood(parameters):
    mean, factor = parameters[:3], parameters[3:].reshape(3, 3)
    covariance = factor @ factor.T + np.eye(3)
    lower = np.linalg.cholesky(covariance)
    white = np.linalg.solve(lower, (DATA - mean).T)
    log_determinant = 2 * np.sum(np.log(np.diag(lower)))
    return -0.5 * (np.sum(white**2) + len(DATA) * (log_determinant + 3 * np.log(2 * np.pi)))


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1 - x[:-1]) ** 2.0)


def rosenbrock_gradient(x):
    middle = x[1:-1]
    result = np.zeros_like(x)
    result[1:-1] = 200 * (middle - x[:-2] ** 2) - 400 * (x[2:] - middle**2) * middle - 2 * (1 - middle)
    result[0] = -400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0])
    result[-1] = 200 * (x[-1] - x[-2] ** 2)
    return result


def descent(x):
    velocity = 0 * x
    for _ in range(3):
        gradient = rosenbrock_gradient(x)
        velocity = 0.9 * velocity - 1e-3 * gradient / np.sqrt(1 + np.dot(gradient, gradient))
        x = x + velocity
    return rosenbrock(x)


def heat(u):
    for _ in range(4):
        u = u.copy()
        u[1:-1, 1:-1] += 0.2 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1])
        u[0, :] = u[1, :]
        u[-1, :] = 0.0
        u[:, [0, -1]] = u[:, [1, -2]] ** 2
    return u


def burgers(u):
    for _ in range(4):
        flux = 0.5 * u**2
        u = u - 0.1 * (flux - np.roll(flux, 1)) + 0.05 * (np.roll(u, -1) - 2 * u + np.roll(u, 1))
    return np.concatenate([u, np.cumsum(u), np.diff(u)])


def low_pass(signal):
    spectrum = np.fft.rfft(signal * np.hanning(len(signal)))
    frequency = np.fft.rfftfreq(len(signal), d=0.1)
    smooth = np.fft.irfft(spectrum / (1 + (frequency / 0.8) ** 4), n=len(signal))
    return np.sum(smooth**2 * np.sin(signal))


LABELS = (GENERATOR.uniform(size=20) > 0.4).astype(float)


def logistic_regression(w):
    z = np.dot(DATA, w[:3]) + w[3]
    return np.mean(np.logaddexp(0, z) - LABELS * z) + 0.1 * np.linalg.norm(w) ** 2


def mixture(parameters):
    mean, log_width, weight = parameters.reshape(3, 4)
    log_weight = weight - np.log(np.sum(np.exp(weight)))
    z = (DATA[:, :1] - mean) / np.exp(log_width)
    terms = log_weight - log_width - 0.5 * z * z
    top = np.max(terms, axis=1, keepdims=True)
    return np.sum(top[:, 0] + np.log(np.exp(terms - top).sum(axis=1)))


def pendulum_energy(state):
    angle, speed = np.split(state, 2)
    energies = []
    for _ in range(10):
        speed = speed - 0.05 * np.sin(angle)
        angle = angle + 0.05 * speed
        energies.append(0.5 * speed.dot(speed) - np.cos(angle).sum())
    return np.std(np.stack(energies)) + np.max(np.stack(energies))


def network(w):
    hidden = DATA
    for layer in w[:18].reshape(2, 3, 3):
        hidden = np.maximum(np.einsum("ni,ij->nj", hidden, layer), 0.1 * hidden)
        hidden = (hidden - hidden.mean(axis=0)) / np.sqrt(hidden.var(axis=0) + 1e-3)
    return np.where(hidden > 0, np.tanh(hidden), hidden).sum() + np.prod(hidden[:2, 0])


def cubic_interpolation(y):
    x = np.linspace(0, 1, len(y))
    h = x[1] - x[0]
    matrix = np.diag(np.full(len(y), 4.0)) + np.diag(np.ones(len(y) - 1), 1) + np.diag(np.ones(len(y) - 1), -1)
    right = np.zeros(len(y)) * y
    right[1:-1] = 6 * (y[2:] - 2 * y[1:-1] + y[:-2]) / h**2
    moments = np.linalg.inv(matrix) @ right
    t = np.linspace(0, 1, 13)
    i = np.clip(np.searchsorted(x, t) - 1, 0, len(y) - 2)
    a, b = (x[i + 1] - t) / h, (t - x[i]) / h
    return a * y[i] + b * y[i + 1] + ((a**3 - a) * moments[i] + (b**3 - b) * moments[i + 1]) * h * h / 6


# Program, its point, and whether a complex number may take the place of a real one.
SCRIPTS = {
    "robertson_runge_kutta": (robertson_runge_kutta, np.array([0.04, 3e2, 1e1]), True),
    "robertson_implicit_euler": (robertson_implicit_euler, np.array([0.04, 3e2, 1e1]), True),
    "normal_log_likelihood": (normal_log_likelihood, GENERATOR.normal(size=12), False),
    "rosenbrock": (rosenbrock, GENERATOR.normal(size=6), True),
    "descent": (descent, GENERATOR.normal(size=6), True),
    "heat": (heat, GENERATOR.normal(size=(6, 7)), True),
    "burgers": (burgers, GENERATOR.normal(size=9), True),
    "low_pass": (low_pass, GENERATOR.normal(size=16), False),
    "logistic_regression": (logistic_regression, GENERATOR.normal(size=4), False),
    "mixture": (mixture, GENERATOR.normal(size=12), False),
    "pendulum_energy": (pendulum_energy, GENERATOR.normal(size=6), False),
    "network": (network, GENERATOR.normal(size=18), False),
    "cubic_interpolation": (cubic_interpolation, GENERATOR.normal(size=8), True),
}


@pytest.fixture(params=SCRIPTS)
def script(request):
    f, x, analytic = SCRIPTS[request.param]
    return f, x, np.random.default_rng(5).normal(size=x.shape) * np.maximum(0.01, abs(x)), analytic


def central(f, h):
    """Derivative at 0, of sixth order in h."""
    slopes = [(f(step) - f(-step)) / (2 * step) for step in (h, h / 2, h / 4)]
    first = [(4 * b - a) / 3 for a, b in itertools.pairwise(slopes)]
    return (16 * first[1] - first[0]) / 15


def close(result, expected, tolerance):
    np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance * np.max(abs(expected)))


def test_first_derivative(script):
    f, x, v, analytic = script
    value, tangent = jvp(f, (x,), (v,))
    np.testing.assert_array_equal(value, f(x))
    if analytic:
        close(tangent, np.imag(f(x + 1e-30j * v)) / 1e-30, 1e-11)
    close(tangent, central(lambda t: f(x + t * v), 2e-3), 1e-7)


def test_second_derivative(script):
    f, x, v, _ = script
    w = np.cos(np.arange(x.size)).reshape(x.shape) * np.maximum(0.01, abs(x))

    def along(x):
        return jvp(f, (x,), (v,))[1]

    second = jvp(along, (x,), (w,))[1]
    close(second, central(lambda t: along(x + t * w), 2e-3), 1e-7)


def test_gradient_and_hessian_product(script):
    f, x, v, _ = script

    def scalar(x):
        result = f(x)
        return np.sum(np.cos(np.arange(result.size)).reshape(result.shape) * result)

    gradient = grad(scalar)(x)
    close(np.vdot(gradient, v), jvp(scalar, (x,), (v,))[1], 1e-11)
    close(hvp(scalar, (x,), (v,)), central(lambda t: grad(scalar)(x + t * v), 2e-3), 1e-7)
