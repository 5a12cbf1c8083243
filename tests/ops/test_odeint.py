"""Solutions of differential equations: values beside SciPy, derivatives beside equations for these, errors."""

import importlib
import itertools
import math

import numba
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import numbafunc
from numbafunc import checkpoint, derivative, grad, hessian, hvp, jacfwd, jacrev, jvp, odeint, scan, vjp

MODES = ["forward", "reverse"]
modes = pytest.mark.parametrize("mode", MODES)
TIGHT = {"rtol": 1e-12, "atol": 1e-12}


def lotka_volterra(y, t, p):
    return [p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]]


def van_der_pol(y, t, p):
    return [y[1] + p[2] * np.sin(t), p[0] * (1 - y[0] ** 2) * y[1] - p[1] * y[0]]


EQUATIONS = {
    "Lotka-Volterra": (lotka_volterra, np.array([1.5, 1.0, 0.8, 3.0]), np.array([3.0, 2.0])),
    "van der Pol": (van_der_pol, np.array([1.2, 0.9, 0.3]), np.array([1.0, 0.5])),
}
TIMES = np.array([0.5, 0.7, 1.1, 2.5])
equations = pytest.mark.parametrize("name", EQUATIONS)


def sensitivities(f, y0, p, order):
    """The states and their derivatives by y0 and p together, by integration of the equations for these.

    Their right-hand sides come from complex steps, or from central differences of such.
    """
    n, z0 = len(y0), np.concatenate([y0, p])

    def of(z, t):
        return np.concatenate([np.array(f(z[:n], t, z[n:])), np.zeros(len(p))])

    m = len(z0)

    def jacobian(z, t):
        return np.stack([of(z + 1e-30j * row, t).imag for row in np.eye(m)], 1) * 1e30

    def second(z, t):
        h = 1e-3
        points = ((1, 8), (-1, -8), (2, -1), (-2, 1))
        return np.stack([sum(w * jacobian(z + k * h * row, t) for k, w in points) / (12 * h) for row in np.eye(m)], 2)

    def rate(t, state):
        z, s, h = state[:m], state[m : m + m * m].reshape(m, m), state[m + m * m :]
        parts = [of(z, t), (jacobian(z, t) @ s).ravel()]
        if order == 2:
            change = np.einsum("abc,bi,cj->aij", second(z, t), s, s)
            parts.append((change + np.einsum("ab,bij->aij", jacobian(z, t), h.reshape(m, m, m))).ravel())
        return np.concatenate(parts)

    start = np.concatenate([z0, np.eye(m).ravel(), np.zeros(m**3 if order == 2 else 0)])
    found = solve_ivp(rate, (TIMES[0], TIMES[-1]), start, "DOP853", TIMES, rtol=1e-12, atol=1e-13).y.T
    count = len(TIMES)
    return (
        found[:, :n],
        found[:, m : m + m * m].reshape(count, m, m)[:, :n],
        found[:, m + m * m :].reshape(count, m, m, m)[:, :n] if order == 2 else None,
    )


def solved(f, n, **options):
    return lambda z: odeint(f, z[:n], TIMES, z[n:], **(options or TIGHT))


@equations
def test_first_derivatives_by_state_and_parameters(name):
    f, p, y0 = EQUATIONS[name]
    values, wanted, _ = sensitivities(f, y0, p, 1)
    z = np.concatenate([y0, p])
    g = solved(f, len(y0))
    np.testing.assert_allclose(g(z), values, rtol=1e-10)
    np.testing.assert_allclose(jacfwd(g)(z), wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(jacrev(g)(z), wanted, rtol=1e-9, atol=1e-9)
    # Values with derivatives have the bits of those without.
    np.testing.assert_array_equal(jvp(g, (z,), (z,))[0], g(z))
    np.testing.assert_array_equal(vjp(g, z)[0], g(z))


@equations
@modes
def test_second_derivatives_by_state_and_parameters(name, mode):
    f, p, y0 = EQUATIONS[name]
    _, _, wanted = sensitivities(f, y0, p, 2)
    z = np.concatenate([y0, p])
    weights = np.cos(np.arange(8.0)).reshape(4, 2)
    g = solved(f, len(y0))
    wanted = np.einsum("kn,knij->ij", weights, wanted)
    size = np.abs(wanted).max()
    got = hessian(lambda z: np.sum(weights * g(z)), mode=mode)(z)
    np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-8 * size)
    got = hvp(lambda z: np.sum(weights * g(z)), (z,), (z,), mode=mode)
    np.testing.assert_allclose(got, wanted @ z, rtol=1e-7, atol=1e-8 * size)


def test_accuracy_follows_the_tolerance():
    f, p, y0 = EQUATIONS["Lotka-Volterra"]
    z = np.concatenate([y0, p])
    _, wanted, _ = sensitivities(f, y0, p, 1)
    errors = [np.abs(jacfwd(solved(f, 2, rtol=r, atol=r))(z) - wanted).max() for r in (1e-4, 1e-6, 1e-8, 1e-10)]
    assert all(error < 300 * r for error, r in zip(errors, (1e-4, 1e-6, 1e-8, 1e-10), strict=True)), errors


def swing(y, t, w):
    return {"x": y["v"], "v": -(w**2) * y["x"]}


def swung(y0, t, w):
    """The position of a harmonic oscillator."""
    return odeint(swing, {"x": y0[0], "v": y0[1]}, t, w, rtol=1e-9)["x"]


def swung_in_closed_form(y0, t, w):
    since = t - t[0]
    return y0[0] * np.cos(w * since) + y0[1] * np.sin(w * since) / w


UP, DOWN = [0.3, 0.3, 0.6, 0.9], [1.0, 0.5, 0.2, 0.0]


@pytest.mark.parametrize(("order", "times"), [(1, UP), (2, DOWN), (3, UP)])
def test_every_order_and_nesting_of_a_nest_by_everything(order, times):
    def along(solve):
        """A function of a number that moves state, times and parameter."""

        def f(s):
            y0 = np.stack([1.0 + s, np.sin(s)])
            t = np.array(times) + (s - 0.4) * np.stack([0.3, -0.2, s, 1.0])
            return np.sum(solve(y0, t, 2.0 + s * s) * np.arange(1.0, 5.0))

        return f

    wanted = derivative(along(swung_in_closed_form), order)(0.4)
    for chosen in itertools.product(MODES, repeat=order):
        f = along(swung)
        for mode in chosen:
            f = grad(f, mode=mode)
        np.testing.assert_allclose(f(0.4), wanted, rtol=1e-6)


@modes
def test_derivative_by_time_is_that_of_the_equation(mode):
    f, p, y0 = EQUATIONS["van der Pol"]
    jacobian = (jacfwd if mode == "forward" else jacrev)(lambda t: odeint(f, y0, t, p, **TIGHT))(TIMES)
    y = odeint(f, y0, TIMES, p, **TIGHT)
    wanted = np.zeros((4, 2, 4))
    for k in range(1, 4):
        wanted[k, :, k] = f(y[k], TIMES[k], p)
    # The state at the other times when the first one moves alone.
    early, late = (odeint(f, y0, [TIMES[0] + h, *TIMES[1:]], p, **TIGHT) for h in (-1e-4, 1e-4))
    wanted[1:, :, 0] = ((late - early) / 2e-4)[1:]
    np.testing.assert_allclose(jacobian, wanted, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(np.delete(jacobian, 0, 2), np.delete(wanted, 0, 2), rtol=1e-14)


def test_orders_by_time_end_where_the_method_does():
    def growth(t):
        return odeint(lambda y, t: y, 1.0, np.stack([0.0 * t, t]), **TIGHT)[1]

    np.testing.assert_allclose(derivative(growth, 5)(0.5), math.exp(0.5), rtol=1e-10)
    with pytest.raises(ValueError, match="up to order 5 with respect to t; wanted is one of order 6"):
        derivative(growth, 6)(0.5)


@modes
def test_complex_states(mode):
    """A spin in a field: the equation of Schroedinger."""

    def spin(y, t, b):
        return -1j * np.stack([b * y[0] + y[1], y[0] - b * y[1]])

    def up(b):
        return np.abs(odeint(spin, np.array([1, 0], complex), [0.0, 2.0], b, **TIGHT)[1, 1]) ** 2

    def in_closed_form(b):
        return np.sin(2.0 * np.sqrt(1 + b * b)) ** 2 / (1 + b * b)

    for take in (grad, hessian):
        np.testing.assert_allclose(take(up, mode=mode)(0.7), take(in_closed_form)(0.7), rtol=1e-8)


@modes
def test_float32(mode):
    def last(rate):
        y = odeint(lambda y, t, rate: -rate * y * np.cos(t), np.ones(2, np.float32), [0.0, 1.0], rate)
        assert y.dtype == np.float32
        return np.sum(y[1])

    got = grad(last, mode=mode)(np.float32(0.5))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, -2 * math.sin(1) * math.exp(-0.5 * math.sin(1)), rtol=1e-5)


@modes
def test_closures_checkpoints_and_loops(mode):
    f, p, y0 = EQUATIONS["van der Pol"]

    def by_argument(p):
        return np.sum(odeint(f, y0, TIMES, p, **TIGHT)[1:] ** 2)

    def by_closure(p):
        return np.sum(odeint(lambda y, t: f(y, t, p), y0, TIMES, **TIGHT)[1:] ** 2)

    def by_checkpoint(p):
        return np.sum(odeint(checkpoint(f), y0, TIMES, p, **TIGHT)[1:] ** 2)

    def in_a_loop(p):
        times = np.stack([TIMES[:-1], TIMES[1:]], 1)
        return np.sum(scan(lambda y, t: (odeint(f, y, t, p, **TIGHT)[1],) * 2, y0, times)[1] ** 2)

    wanted = grad(by_argument, mode="forward")(p)
    second = hessian(by_argument, mode="forward")(p)
    for g in (by_argument, by_closure, by_checkpoint, in_a_loop):
        np.testing.assert_allclose(grad(g, mode=mode)(p), wanted, rtol=1e-7)
        np.testing.assert_allclose(hessian(g, mode=mode)(p), second, rtol=1e-6)


@modes
def test_closure_that_begins_to_count_on_the_way(mode):
    def last(c):
        return odeint(lambda y, t: c * y if t > 1.0 else np.zeros_like(y), 1.0, [0.0, 0.5, 1.0, 2.0], first_step=0.25)

    got = grad(lambda c: last(c)[-1], mode=mode)(0.5)
    np.testing.assert_allclose(got, math.exp(0.5), rtol=1e-6)
    np.testing.assert_array_equal(jvp(last, (0.5,), (1.0,))[1][:2], 0)


def test_closure_at_different_levels():
    def g(p, q):
        return odeint(lambda y, t: -p * q * y, 1.0, [0.0, 1.0], **TIGHT)[1]

    for mode, other in itertools.product(MODES, MODES):
        mixed = grad(lambda p, other=other: grad(lambda q: g(p, q), mode=other)(0.5), mode=mode)(2.0)
        np.testing.assert_allclose(mixed, 0.0, atol=1e-10)
        assert grad(lambda p, other=other: p * grad(lambda q: g(q, 1.0), mode=other)(1.0), mode=mode)(2.0) < -0.36


@numba.njit
def compiled(y, t, rate):
    return -rate * y


@modes
def test_compiled_function(mode):
    y = odeint(compiled, np.ones(3), [0.0, 1.0], 0.5)
    np.testing.assert_allclose(y[1], math.exp(-0.5), rtol=1e-7)
    got = grad(lambda rate: odeint(compiled, np.ones(3), [0.0, 1.0], rate)[1, 0], mode=mode)(0.5)
    np.testing.assert_allclose(got, -math.exp(-0.5), rtol=1e-6)


@numba.njit
def rotation(y, t, speed):
    slope = np.empty_like(y)
    slope[0], slope[1] = -speed * y[1], speed * y[0]
    y[:] = 0  # its own
    return slope


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2,), (2, 3)])
def test_compiled_loop_is_that_of_python(shape, dtype):
    """Values beside SciPy and the loop in Python; again in a prepared call, and with derivatives, to the bit."""
    y0, speed = np.arange(1, 1 + math.prod(shape)).reshape(shape).astype(dtype), dtype(3)
    for times in ([0.0, 0.0, 0.3, 0.3, 20.0], [2.0, 1.5, -4.0], [1.0, 1.0], [0.5]):
        times = np.array(times)
        for options in ({}, {"first_step": 1e-3}, {"first_step": 50.0}, {"rtol": 1e-4, "atol": 1e-4}):
            got = odeint(rotation, y0, times, speed, **options)
            assert (got.shape, got.dtype) == ((len(times), *shape), dtype)
            in_python = odeint(rotation.py_func, y0, times, speed, **options)
            np.testing.assert_allclose(got, in_python, rtol=1e-10 if dtype is np.float64 else 2e-4, atol=1e-9)
            np.testing.assert_array_equal(odeint(rotation, y0, times, speed, **options), got)
            again = jvp(lambda y, times=times, o=options: odeint(swinging, y, times, speed, **o), (y0,), (y0,))[0]
            np.testing.assert_array_equal(again, odeint(swinging, y0, times, speed, **options))
        angle = speed * (times - times[0])
        exact = np.stack([y0[0] * np.cos(a) - y0[1] * np.sin(a) for a in angle])
        tight = odeint(rotation, y0, times, speed, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(tight[:, 0], exact, atol=1e-7 if dtype is np.float64 else 1e-3)


@numba.njit
def swinging(y, t, speed):
    return speed * y * np.cos(t)


def test_compiled_loop_takes_as_many_evaluations():
    """The function counts them in an array that it is given."""
    seen = np.zeros(1)

    def counting(y, t, seen):
        seen[0] += 1
        return -y * np.cos(t)

    for times in (np.array([0.0, 5.0]), np.array([0.0, 40.0])):
        counts = []
        for f in (counting, numba.njit(counting)):
            seen[0] = 0
            odeint(f, np.ones(2), times, seen)
            counts.append(seen[0])
        assert counts[1] == counts[0]


@modes
def test_derivatives_of_compiled_loops(mode):
    """Of more steps than there is room for at first; by a time as well."""
    times = np.array([0.0, 1.0, 30.0])

    def last(speed, end):
        return odeint(swinging, np.ones(2), np.stack([0.0, 1.0, end]), speed, **TIGHT)[2, 0]

    assert odeint(swinging, np.ones(2), times, 2.0, **TIGHT)[2, 0] == last(2.0, 30.0)
    value = math.exp(2 * math.sin(30))
    np.testing.assert_allclose(last(2.0, 30.0), value, rtol=1e-9)
    got = grad(last, (0, 1), mode=mode)(2.0, 30.0)
    np.testing.assert_allclose(got, (math.sin(30) * value, 2 * math.cos(30) * value), rtol=1e-8)


@numba.njit
def competition(y, t, p):
    return y * (p[:2] + p[2:] * y[::-1]) * (1.0 + 0.1 * np.sin(t))


@numba.njit
def driven(y, t, rate, force):
    return rate * (force - y) + np.cos(t) * y * y


@numba.njit
def handed_on(y, t, slope, unused):
    return slope


P = np.array([1.5, -3.0, -1.0, 0.8])
SHAPED = np.linspace(0.2, 0.9, 6).reshape(2, 3)
OF_STATE, OF_PARAMETER, BOTH = "state", "parameter", "both"
COMPILED = {
    "Lotka-Volterra": (competition, np.array([3.0, 2.0]), (P,), 0.0, BOTH),
    "two axes and a plain parameter": (driven, SHAPED, (0.7, SHAPED[::-1].copy()), 0.0, OF_PARAMETER),
    "more than eight elements": (driven, np.linspace(0.1, 0.8, 9), (0.4, np.linspace(0.0, 1.0, 9)), 0.0, OF_STATE),
    "downward": (driven, np.array([0.4]), (np.float64(0.5), np.array([0.3])), 2.5, BOTH),
    "a slope that does not move": (handed_on, np.array([0.5, 0.1]), (np.array([1.0, 2.0]), 1.0), 0.0, OF_STATE),
}


@pytest.fixture
def no_replay_in_python(monkeypatch):
    def refuse(*given):
        raise AssertionError("a step is taken again in Python")

    def allow():
        monkeypatch.undo()

    monkeypatch.setattr(importlib.import_module("numbafunc.ops.odeint")._System, "replayed", refuse)
    return allow


def along(f, y0, args, last, moving):
    """The states as a function of a number that moves the state, the first parameter, or both."""
    # Times of the first state, at the end of its step, and inside of steps.
    times = np.array([0.5, 0.5, 0.75, 1.0, 2.0]) if last == 0 else np.array([last, 2.25, 1.4, 0.5])
    first, *others = args

    def g(s, f=f):
        y = y0 * (1.0 + s) if moving != OF_PARAMETER else y0
        p = first * (1.0 + s * s) + s if moving != OF_STATE else first
        return odeint(f, y, times, p, *others, first_step=0.25, rtol=1e-9, atol=1e-9)

    return g


@pytest.mark.parametrize("name", COMPILED)
def test_derivatives_of_compiled_functions_are_those_of_their_sources(name, no_replay_in_python):
    f, *given = COMPILED[name]
    g = along(f, *given)
    weights = np.cos(np.arange(math.prod(g(0.3).shape))).reshape(g(0.3).shape)

    def found(g):
        def total(s):
            return np.sum(weights * g(s) ** 2)

        return [
            (jvp(g, (0.3,), (1.0,))[1], 1e-11),
            (jvp(lambda s: jvp(g, (s,), (1.0,))[1], (0.3,), (1.0,))[1], 1e-10),
            *((grad(total, mode=mode)(0.3), 1e-11) for mode in MODES),
            (grad(grad(total, mode="forward"), mode="reverse")(0.3), 1e-10),
            (grad(grad(total, mode="reverse"), mode="reverse")(0.3), 1e-10),
        ]

    for _ in range(2):  # a second time in prepared calls
        got = found(g)
    values = [jvp(g, (0.3,), (1.0,))[0], vjp(g, 0.3)[0]]
    plain = g(0.3)
    assert all(np.array_equal(value, plain) for value in values)
    h = 1e-4
    slope = (8 * (g(0.3 + h) - g(0.3 - h)) - g(0.3 + 2 * h) + g(0.3 - 2 * h)) / (12 * h)
    np.testing.assert_allclose(got[0][0], slope, rtol=1e-6, atol=1e-6)
    no_replay_in_python()
    for (x, tolerance), (wanted, _) in zip(got, found(lambda s: g(s, f.py_func)), strict=True):
        np.testing.assert_allclose(x, wanted, rtol=tolerance, atol=tolerance * np.abs(wanted).max())


@modes
def test_derivatives_of_a_compiled_function_by_the_equations_for_them(mode, no_replay_in_python):
    y0 = np.array([3.0, 2.0])
    _, wanted, second = sensitivities(competition.py_func, y0, P, 2)
    z = np.concatenate([y0, P])
    g = solved(competition, 2)
    take = jacfwd if mode == "forward" else jacrev
    np.testing.assert_allclose(take(g)(z), wanted, rtol=1e-9, atol=1e-9)
    weights = np.cos(np.arange(8.0)).reshape(4, 2)
    second = np.einsum("kn,knij->ij", weights, second)
    got = hessian(lambda z: np.sum(weights * g(z)), mode=mode)(z)
    np.testing.assert_allclose(got, second, rtol=1e-7, atol=1e-8 * np.abs(second).max())


def test_prepared_derivatives_of_compiled_functions_of_several_sizes(no_replay_in_python):
    for n in (1, 3, 12, 3, 9, 64, 1):
        y0 = np.linspace(0.5, 1.0, n)
        for dtype in (np.float64, np.float32):
            x, factor = y0.astype(dtype), np.exp(np.sin(1.0))

            def last(y, dtype=dtype):
                return odeint(swinging, y, np.array([0.0, 0.4, 1.0]), dtype(1), rtol=1e-10)[2]

            tolerance = 1e-8 if dtype is np.float64 else 1e-5
            got = grad(lambda y, last=last: np.sum(last(y) ** 2), mode="reverse")(x)
            assert got.dtype == dtype
            np.testing.assert_allclose(got, 2 * x * factor**2, rtol=tolerance)
            np.testing.assert_allclose(jvp(last, (x,), (x,))[1], x * factor, rtol=tolerance)
            np.testing.assert_allclose(jacfwd(last)(x), factor * np.eye(n), rtol=tolerance, atol=tolerance)


@numba.njit
def through_complex_numbers(y, t, rates):
    return -rates[0] * rates[1] * np.real(y * (1.0 + 0.0j))


@modes
def test_what_compiled_steps_do_not_take_runs_in_python(mode, recwarn):
    """Functions that numbers with tangents don't know, and reverse mode by many elements, without a warning."""
    times = np.array([0.0, 1.0])
    for n in (64, 65):
        got = grad(lambda y: np.sum(odeint(swinging, y, times, 1.0)[1]), mode=mode)(np.ones(n))
        np.testing.assert_allclose(got, math.exp(math.sin(1.0)), rtol=1e-7)
    rates = np.array([0.5, 2.0])
    got = grad(lambda r: np.sum(odeint(through_complex_numbers, np.ones(3), times, r)[1]), mode=mode)(rates)
    np.testing.assert_allclose(got, -3.0 * math.exp(-1.0) * rates[::-1], rtol=1e-6)
    assert not recwarn.list


@modes
def test_compiled_functions_get_numbers(mode, no_replay_in_python):
    """Functions of math take no arrays, not even such without axes."""
    cooling, times = numba.njit(lambda y, t, a: -math.exp(a) * y), np.array([0.0, 1.0])
    for start in (0.0, np.float64(0), np.array(0.0)):
        for _ in range(2):  # the second call is prepared
            got = grad(lambda a: odeint(cooling, np.ones(2), times, a)[1, 0], mode=mode)(start)
            np.testing.assert_allclose(got, -math.exp(-1), rtol=1e-7)
    scalar, pair = numba.njit(lambda y, t: -math.sin(y)), numba.njit(lambda y, t: (math.sin(y[1]), -y[0]))
    np.testing.assert_array_equal(odeint(scalar, 1.0, times), odeint(scalar.py_func, 1.0, times))
    np.testing.assert_array_equal(odeint(pair, (1.0, 0.5), times), odeint(pair.py_func, (1.0, 0.5), times))


@modes
def test_the_source_of_a_compiled_function_may_make_arrays(mode):
    """What takes the Python source has NumPy replaced by arrays that hold tangents, as that of a loop."""
    turning = numba.njit(lambda y, t, a: np.array([a * y[1], -a * y[0]]))
    got = grad(lambda t, a: odeint(turning, np.array([0.0, 1.0]), t, a)[1, 0], (0, 1), mode=mode)(
        np.array([0.0, 1.0]), 2.0
    )
    np.testing.assert_allclose(got[0], 2 * math.cos(2.0) * np.array([-1, 1]), rtol=1e-7)
    np.testing.assert_allclose(got[1], math.cos(2.0), rtol=1e-6)


@modes
def test_a_solution_that_fails_says_so_before_its_derivatives_do(mode):
    decay = numba.njit(lambda y, t, a: -math.exp(a) * y)
    with pytest.raises(RuntimeError, match="max_steps=3"):
        grad(lambda a: odeint(decay, np.ones(2), np.array([0.0, 9.0]), a, max_steps=3)[1, 0], mode=mode)(0.0)


def test_errors_of_compiled_functions_are_those_of_others():
    square = numba.njit(lambda y, t: y * y)
    shorter = numba.njit(lambda y, t: y[1:])
    late = numba.njit(lambda y, t: y[: 1 if t > 0.5 else 2])
    times = np.array([0.0, 1.0])
    assert odeint(square, np.full(2, 0.1), times).shape == (2, 2)  # from here on there is a prepared call
    wanted = {
        "not finite": (ValueError, lambda: odeint(square, np.array([1.0, np.nan]), times)),
        "ascending": (ValueError, lambda: odeint(square, np.ones(2), np.array([0.0, 1.0, 0.5]))),
        "t\\[1\\] is not finite": (ValueError, lambda: odeint(square, np.ones(2), np.array([0.0, np.inf]))),
        "rtol is -1": (ValueError, lambda: odeint(square, np.ones(2), times, rtol=-1.0)),
        "max_steps=3": (RuntimeError, lambda: odeint(square, np.full(2, 0.1), times, max_steps=3)),
        "singularity": (RuntimeError, lambda: odeint(square, np.ones(2), 2 * times)),
        "at the first time": (ValueError, lambda: odeint(square, np.full(2, 1e300), times)),
        "shape \\(1,\\)": (ValueError, lambda: odeint(shorter, np.ones(2), times)),
        "of shape \\(1,\\)": (ValueError, lambda: odeint(late, np.ones(2), times)),
    }
    for words, (kind, call) in wanted.items():
        with pytest.raises(kind, match=words):
            call()


@equations
def test_steps_are_those_of_scipy(name):
    f, p, y0 = EQUATIONS[name]
    for rtol, up in itertools.product((1e-5, 1e-9), (True, False)):
        times = TIMES if up else TIMES[::-1]
        count = [0]

        def counted(y, t, p, count=count):
            count[0] += 1
            return f(y, t, p)

        got = odeint(counted, y0, times, p, rtol=rtol, atol=1e-9)
        wanted = solve_ivp(lambda t, y: f(y, t, p), times[[0, -1]], y0, "RK45", times, rtol=rtol, atol=1e-9)
        np.testing.assert_allclose(got, wanted.y.T, rtol=1e-9)
        assert count[0] == wanted.nfev


def test_reverse_mode_keeps_nothing_of_rejected_steps():
    """A first step that is far too long costs evaluations, and no recorded ones."""
    counts = []
    for first_step in (0.05, 50.0):
        seen = [0, 0]

        def f(y, t, p, seen=seen):
            seen[type(y) is numbafunc.Dual] += 1
            return -p * y * np.exp(-t)

        grad(lambda p, f=f, h=first_step: odeint(f, 1.0, [0.0, 50.0], p, first_step=h)[1], mode="reverse")(3.0)
        counts.append(seen)
    assert counts[0][1] < counts[0][0]
    assert counts[1][0] > counts[1][1] + 12


def test_arguments_are_not_changed_and_functions_may_work_in_place():
    y0 = np.ones(2)
    numbafunc.Dual(np.ones(2), np.ones((1, 2)), level=1)  # levels that others have made don't matter

    def f(y, t):
        y *= -1.0
        return y

    np.testing.assert_allclose(odeint(f, y0, [0.0, 1.0])[1], math.exp(-1), rtol=1e-7)
    np.testing.assert_array_equal(y0, 1.0)


def test_lists_and_tuples_of_numbers():
    for y0, kind in itertools.product(((1.0, 2), [1.0, 2]), (list, tuple)):
        got = odeint(lambda y, t, kind=kind: kind([y[1], -y[0]]), y0, [0.0, 1.0])
        assert type(got) is type(y0)
        np.testing.assert_allclose(got[0], [1.0, math.cos(1) + 2 * math.sin(1)], rtol=1e-7)


def test_one_time_and_equal_times():
    np.testing.assert_array_equal(odeint(lambda y, t: y, 2, [3.0]), [2.0])
    np.testing.assert_array_equal(odeint(lambda y, t: y, [2, 3], [3.0, 3.0])[1], [3.0, 3.0])
    assert grad(lambda y: odeint(lambda y, t: y, y, [3.0, 3.0])[1])(2.0) == 1
    assert grad(lambda end: odeint(lambda y, t: 3.0, 1.0, [0.0, end])[1])(2.0) == 3


ERRORS = {
    "no function": (TypeError, r"f is a int; wanted: a function", lambda f: odeint(1, 1.0, [0.0, 1.0])),
    "no times": (ValueError, r"t has shape \(0,\); wanted: one axis", lambda f: odeint(f, 1.0, [])),
    "a time": (ValueError, r"t has shape \(\); wanted: one axis", lambda f: odeint(f, 1.0, 2.0)),
    "complex times": (TypeError, r"wanted: real numbers in main memory", lambda f: odeint(f, 1.0, [1j, 2j])),
    "disorder": (ValueError, r"t goes from 2 to 1 at t\[1\]; wanted", lambda f: odeint(f, 1.0, [0.0, 2.0, 1.0, 3.0])),
    "there and back": (ValueError, r"t goes from 0 to 2 at t\[0\]", lambda f: odeint(f, 1.0, [0.0, 2.0, 0.0])),
    "infinite time": (ValueError, r"t\[1\] is not finite", lambda f: odeint(f, 1.0, [0.0, np.inf])),
    "infinite state": (ValueError, r"y0\['a'\] is not finite", lambda f: odeint(f, {"a": np.nan}, [0.0, 1.0])),
    "text": (TypeError, r"y0 has dtype <U1; wanted: float32, float64", lambda f: odeint(f, "y", [0.0, 1.0])),
    "float16": (TypeError, r"y0 has dtype float16; wanted", lambda f: odeint(f, np.float16(1), [0.0, 1.0])),
    "shape": (
        *(ValueError, r"f returns a derivative of shape \(\), and y0 has shape \(2,\); wanted: alike"),
        lambda f: odeint(lambda y, t: y[0], np.ones(2), [0.0, 1.0]),
    ),
    "nest": (
        *(TypeError, r"f returns a derivative nested as \(\*,\), and y0 is nested as \{'a': \*\}; wanted: alike$"),
        lambda f: odeint(lambda y, t: (y["a"],), {"a": 1.0}, [0.0, 1.0]),
    ),
    "an array for a list": (
        *(
            TypeError,
            r"nested as a single array, and y0 is nested as \[\*, \*\]; wanted: alike, or numpy\.array\(y0\)$",
        ),
        lambda f: odeint(lambda y, t: np.array(y), [1.0, 2.0], [0.0, 1.0]),
    ),
    "None": (
        TypeError,
        r"nested as .*, and y0 is nested as a single",
        lambda f: odeint(lambda y, t: None, 1.0, [0.0, 1.0]),
    ),
    "complex": (
        *(TypeError, r"derivative of dtype complex128, and y0 has dtype float64; wanted: a derivative that the state"),
        lambda f: odeint(lambda y, t: 1j * y, 1.0, [0.0, 1.0]),
    ),
    "NaN at once": (
        *(ValueError, r"f is not finite at the first time, t = 1"),
        lambda f: odeint(lambda y, t: y * np.nan, 1.0, [1.0, 2.0]),
    ),
    "NaN on the way": (
        *(RuntimeError, r"derivative that f returns is not finite just after t = 0\.5, however small"),
        lambda f: odeint(lambda y, t: y if t <= 0.5 else y * np.nan, 1.0, [0.0, 1.0]),
    ),
    "pole": (
        RuntimeError,
        r"can't go on at t = 1: .* singularity",
        lambda f: odeint(lambda y, t: y * y, 1.0, [0.0, 2.0]),
    ),
    "stiff": (
        *(
            RuntimeError,
            r"taken max_steps=50 steps and is at t = .*, on the way from 0 to 10; the equation may be stiff",
        ),
        lambda f: odeint(lambda y, t: -1000 * (y - np.cos(t)), 1.0, [0.0, 10.0], max_steps=50),
    ),
    "rtol": (ValueError, r"rtol is -1; wanted: a number that", lambda f: odeint(f, 1.0, [0.0, 1.0], rtol=-1)),
    "atol": (TypeError, r"atol is None; wanted: a number that", lambda f: odeint(f, 1.0, [0.0, 1.0], atol=None)),
    "max_steps": (ValueError, r"max_steps is 0; wanted: a pos", lambda f: odeint(f, 1.0, [0.0, 1.0], max_steps=0)),
    "first_step": (ValueError, r"first_step is 0; wanted: a", lambda f: odeint(f, 1.0, [0.0, 1.0], first_step=0)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    error, match, call = ERRORS[name]
    with pytest.raises(error, match=match):
        call(lambda y, t: y)


def test_constants_made_inside_give_plain_results():
    import numbafunc.numpy as inside

    def f(x):
        times, rate = inside.array([0.0, 1.0]), inside.ones(1)
        y = numbafunc.odeint(lambda y, t, rate: -rate * y, inside.ones(1), times, rate)
        assert float(y[1, 0]) == pytest.approx(np.exp(-1), rel=1e-7)
        return x * y[1, 0]

    np.testing.assert_allclose(numbafunc.grad(f)(2.0), np.exp(-1), rtol=1e-7)
