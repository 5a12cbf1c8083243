"""Numerical programs under numba.njit, and derivatives of them by complex steps and differences."""

import collections
import types

import numba
import numpy as np

njit = numba.njit


@njit
def newton(c):
    x = 1.0
    for _ in range(60):
        change = (x * x - c) / (2 * x)
        x = x - change
        if abs(change) < 1e-15:
            break
    return x


@njit
def horner(coefficients, x):
    total = 0.0
    for c in coefficients:
        total = total * x + c
    return total


@njit
def tridiagonal(a, b, c, d):
    n = len(d)
    upper, right, x = np.zeros(n), np.zeros_like(b), np.empty(n)
    upper[0], right[0] = c[0] / b[0], d[0] / b[0]
    for i in range(1, n):
        pivot = b[i] - a[i] * upper[i - 1]
        upper[i] = c[i] / pivot
        right[i] = (d[i] - a[i] * right[i - 1]) / pivot
    x[n - 1] = right[n - 1]
    for i in range(n - 2, -1, -1):
        x[i] = right[i] - upper[i] * x[i + 1]
    return x


@njit
def _rates(y, p):
    return np.array([p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]])


@njit
def _runge_kutta(y, p, h):
    k1 = _rates(y, p)
    k2 = _rates(y + 0.5 * h * k1, p)
    k3 = _rates(y + 0.5 * h * k2, p)
    k4 = _rates(y + h * k3, p)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


@njit
def lotka_volterra(p, y):
    for _ in range(20):
        y = _runge_kutta(y, p, 0.05)
    return y


@njit
def lotka_volterra_step(carry, x):
    y, p = carry
    y = _runge_kutta(y, p, 0.05)
    return (y, p), y


@njit
def lotka_volterra_scalars(carry, x):
    (prey, predators), p = carry
    slope = p[0] * prey - p[1] * prey * predators
    other = p[2] * prey * predators - p[3] * predators
    new = (prey + 0.01 * slope, predators + 0.01 * other)
    return (new, p), new[0] * new[1]


@njit
def verlet(x, v):
    dt = 0.02
    a = -x / (x @ x) ** 1.5
    for _ in range(30):
        v_half = v + 0.5 * dt * a
        x = x + dt * v_half
        a = -x / np.dot(x, x) ** 1.5
        v = v_half + 0.5 * dt * a
    return x * v


@njit
def kalman(observations, noise):
    # A walk with a drift: state of two numbers, covariance by loops.
    state = np.zeros(2)
    cov = np.eye(2)
    total = 0.0
    for z in observations:
        state[0] += state[1]
        new = np.empty((2, 2))
        for i in range(2):
            for j in range(2):
                new[i, j] = cov[i, j]
        new[0, 0] += 2 * cov[0, 1] + cov[1, 1] + noise
        new[0, 1] += cov[1, 1]
        new[1, 0] = new[0, 1]
        new[1, 1] += noise
        spread = new[0, 0] + 0.5
        gain = new[:, 0] / spread
        error = z - state[0]
        total += np.log(spread) + error * error / spread
        state = state + gain * error
        cov = new - np.outer(gain, new[0])
    return total


@njit
def binomial_tree(spot, volatility):
    steps, rate, strike = 20, 0.03, 1.0
    dt = 1.0 / steps
    up = np.exp(volatility * np.sqrt(dt))
    down = 1 / up
    chance = (np.exp(rate * dt) - down) / (up - down)
    values = np.zeros(steps + 1)
    for i in range(steps + 1):
        payoff = strike - spot * up ** (2 * i - steps)
        values[i] = payoff if payoff.real > 0 else 0.0 * payoff
    for step in range(steps):
        for i in range(steps - step):
            values[i] = np.exp(-rate * dt) * (chance * values[i + 1] + (1 - chance) * values[i])
    return values[0]


@njit
def automaton(cells, coupling):
    for _ in range(6):
        new = np.empty_like(cells)
        n = len(cells)
        for i in range(n):
            near = cells[i - 1] + cells[(i + 1) % n]
            new[i] = np.tanh(coupling * near - cells[i] ** 2)
        cells = new
    return cells


@njit
def matrices(a, b):
    c = a @ b.T
    c[0, :] *= 2.0
    d = np.sqrt(c * c + 1.0) + np.sin(a) * c.sum() - c.mean()
    d += np.outer(a[0], b[:, 1])
    return (d.copy() / (2.0 + np.exp(-c))).reshape(-1)[1:]


@njit
def cholesky(a):
    n = a.shape[0]
    factor = np.zeros_like(a)
    for i in range(n):
        for j in range(i + 1):
            total = a[i, j]
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            factor[i, j] = np.sqrt(total) if i == j else total / factor[j, j]
    return factor


@njit
def determinant(a):
    a, n, product = a.copy(), a.shape[0], 1.0
    for k in range(n):
        row = k
        for i in range(k + 1, n):
            if abs(a[i, k]) > abs(a[row, k]):
                row = i
        if row != k:
            product = -product
            for j in range(n):
                a[k, j], a[row, j] = a[row, j], a[k, j]
        product *= a[k, k]
        for i in range(k + 1, n):
            a[i, k:] -= a[i, k] / a[k, k] * a[k, k:]
    return product


@njit
def stencil(u, rate):
    for _ in range(2):
        new = u.copy()
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                new[i, j] += rate * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4 * u[i, j])
        u = new
    return u


State = collections.namedtuple("State", "position velocity work steps")


@njit
def _advanced(state, h):
    force = -(state.position**3) + np.sin(state.position)
    velocity = state.velocity + h * force
    return State(state.position + h * velocity, velocity, state.work + h * force * velocity, state.steps + 1)


@njit
def named_tuples(start, h):
    state = State(start, 0.5 * start, 0.0, 0)  # a field that is a constant becomes a number
    while True:
        state = _advanced(state, h)
        if state.steps == 5:
            return state.position + state.velocity * state.work


@njit
def moving_average(x, weight):
    state, path = np.zeros(2), np.empty((len(x), 2))
    for t in range(len(x)):
        state = weight * x[t] + (1 - weight) * state
        path[t] = state
    return path


def _draw(*shape):
    return np.random.default_rng(len(shape) + sum(shape)).random(shape) + 0.5


PROGRAMS = {
    "newton": (newton, (2.0,)),
    "horner": (horner, (_draw(5), 1.5)),
    "tridiagonal": (tridiagonal, (_draw(6), _draw(6) + 3, _draw(6), _draw(6))),
    "lotka_volterra": (lotka_volterra, (np.array([1.1, 0.4, 0.1, 0.4]), np.array([1.0, 2.0]))),
    "verlet": (verlet, (np.array([1.0, 0.1]), np.array([0.1, 0.9]))),
    "kalman": (kalman, (_draw(7), 0.2)),
    "binomial_tree": (binomial_tree, (0.9, 0.3)),
    "automaton": (automaton, (_draw(7), 0.4)),
    "cholesky": (cholesky, (_draw(3, 3) + 4 * np.eye(3),)),
    "determinant": (determinant, (_draw(3, 3)[:, ::-1].copy(),)),
    "stencil": (stencil, (_draw(4, 5), 0.2)),
    "named_tuples": (named_tuples, (0.7, 0.1)),
    "moving_average": (moving_average, (_draw(4, 2), 0.3)),
    "matrices": (matrices, (_draw(3, 3), _draw(3, 3) - 0.5)),
}
"""Programs with arguments, all of which they are differentiated by."""


def like(original, x):
    return x if isinstance(original, np.ndarray) else x[()]


class _Complex(types.ModuleType):
    """NumPy whose arrays are complex where the program leaves the dtype out."""

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def zeros(shape):
        return np.zeros(shape, complex)

    empty = zeros

    @staticmethod
    def eye(n):
        return np.eye(n, dtype=complex)

    @staticmethod
    def empty_like(x):
        return np.empty(x.shape, complex)

    @staticmethod
    def zeros_like(x):
        return np.zeros(x.shape, complex)


def _source(f):
    """The Python function with complex arrays, and the functions that it calls likewise."""
    function = f.py_func
    names = dict(function.__globals__)
    names["np"] = _Complex("numpy")
    for name in function.__code__.co_names:
        if hasattr(names.get(name), "py_func"):
            names[name] = _source(names[name])
    return types.FunctionType(function.__code__, names, function.__name__, function.__defaults__)


def by_complex_steps(f, args, position):
    """The Jacobian by one argument (Squire and Trapp, SIAM Review 40, 1998)."""
    source = _source(f)
    x = np.asarray(args[position], complex)
    given = [np.asarray(a, complex) if isinstance(a, np.ndarray) else a for a in args]
    columns = []
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] += 1e-30j
        given[position] = like(args[position], moved)
        columns.append(np.imag(source(*given)) / 1e-30)
    return np.stack(columns, -1).reshape((*columns[0].shape, *x.shape))


def differences(f, x, step=1e-3):
    """The Jacobian by central differences of sixth order."""
    columns = []
    for e in np.eye(len(x)):
        pairs = [(f(x + k * step * e) - f(x - k * step * e)) / (2 * k * step) for k in (1, 2, 3)]
        columns.append(1.5 * pairs[0] - 0.6 * pairs[1] + 0.1 * pairs[2])
    return np.stack(columns, -1)
