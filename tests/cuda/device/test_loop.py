"""Loops with an elementwise step on a device: one kernel, with the values and derivatives of main memory."""

from types import FunctionType

import numba
import numpy as np
import pytest
from numba import cuda

import numbafunc as nf

pytestmark = pytest.mark.any_backend

RANDOM = np.random.default_rng(3)
STEPS, SHAPE = 6, (2, 3)
CARRY = RANDOM.uniform(0.5, 1.5, SHAPE), RANDOM.uniform(1, 2, SHAPE)
ENTRIES = RANDOM.normal(size=(STEPS, *SHAPE))


@numba.njit
def rates(u, v):
    return u * (1.1 - 0.4 * v), 0.1 * u * v - 0.4 * v


@numba.njit
def step(carry, x):
    (u,), v = carry
    a, b = rates(u, v)
    u, v = u + 0.1 * a + nf.sigmoid(x), v + 0.1 * b * np.exp(-x * x)
    return ((u,), v), (u * v, None, (v,))


# Numba computes in float64 where NumPy, and numbers of kernels, stay in float32.
in_python = FunctionType(step.py_func.__code__, {**globals(), "rates": rates.py_func})


def scanned(f, reverse=False):
    def run(u, v, x):
        ((u,), v), (product, _, (other,)) = nf.scan(f, ((u,), v), x, reverse=reverse)
        return u, v, product, other

    return run


@pytest.fixture
def launches(monkeypatch, simulator):
    found = []
    if simulator is not None:  # the test runs in that process, which sets up its own
        return found
    from numbafunc_cuda import loop

    launch = loop.launch
    monkeypatch.setattr(loop, "launch", lambda kernel, *rest: (found.append(kernel), launch(kernel, *rest)))
    return found


def moved(arrays):
    return tuple(map(cuda.to_device, arrays))


def close(found, wanted, tolerance=1e-13):
    for one, other in zip(found, wanted, strict=True):
        if isinstance(one, tuple):
            close(one, other, tolerance)
            continue
        one = one.copy_to_host()
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_allclose(one, other, tolerance, tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reverse", [False, True])
def test_values_and_first_derivatives(launches, dtype, reverse):
    given = tuple(x.astype(dtype) for x in (*CARRY, ENTRIES))
    tangents = tuple(np.cos(x).astype(dtype) for x in given)
    f, other = scanned(step, reverse), scanned(in_python, reverse)
    tolerance = 1e-13 if dtype == np.float64 else 2e-5
    close(f(*moved(given)), other(*given), tolerance)
    assert len(launches) == 1
    close(nf.jvp(f, moved(given), moved(tangents)), nf.jvp(other, given, tangents), tolerance)
    assert len(launches) == 2


def test_only_what_moves_has_tangents(launches):
    by_first = lambda f: lambda u: scanned(f)(u, *given[1:])  # noqa: E731
    given = (*CARRY, ENTRIES)
    wanted = nf.jvp(by_first(in_python), (CARRY[0],), (CARRY[1],))
    given = moved(given)
    close(nf.jvp(by_first(step), (given[0],), (given[1],)), wanted)
    assert len(launches) == 1


def test_many_directions_and_second_derivatives(launches):
    given = tuple(x[..., :1, :2].copy() for x in (*CARRY, ENTRIES))
    for derivative in (lambda f: nf.jacfwd(f, 2), lambda f: lambda *x: nf.jvp(nf.jacfwd(f), x, x)):
        wanted = derivative(scanned(in_python))(*given)
        close(derivative(scanned(step))(*moved(given)), wanted, 1e-12)
    assert len(launches) == 2 + 2  # for 12 directions, of which 8 are taken at once


def test_slices_and_no_entries(launches):
    once = numba.njit(lambda carry, x: (carry * (1 - carry), carry))
    wide = RANDOM.uniform(size=(3, 8))
    found = nf.scan(once, cuda.to_device(wide)[:, ::2], None, 4)
    close(found, nf.scan(once.py_func, wide[:, ::2], None, 4))
    assert len(launches) == 1


@numba.njit
def _of_ops(carry, x):
    return nf.tanh(x), nf.softmax(carry)


@numba.njit
def _of_one(carry, x):
    return nf.tanh(x), nf.relu(carry)


@pytest.mark.parametrize("f", [_of_ops, _of_one])
def test_what_is_not_elementwise_and_reverse_mode_run_in_python(launches, f):
    start, entries = moved((CARRY[0], ENTRIES))
    close(nf.scan(f, start, entries), nf.scan(f.py_func, CARRY[0], ENTRIES))
    assert len(launches) == (f is _of_one)
    total = lambda x: nf.loss.l2(nf.scan(f, x, entries)[1])  # noqa: E731
    wanted = nf.grad(lambda x: nf.loss.l2(nf.scan(f.py_func, x, ENTRIES)[1]), mode="reverse")(CARRY[0])
    np.testing.assert_allclose(nf.grad(total, mode="reverse")(start).copy_to_host(), wanted, 1e-13, 1e-13)
    assert len(launches) == (f is _of_one)


def test_steps_that_look_at_their_element(launches):
    @numba.njit
    def newton(carry, x):
        root = carry
        for _ in range(3):
            if abs(root * root - x) > 1e-9:
                root = root - (root * root - x) / (2 * root)
        return root, root

    x = np.linspace(1, 4, 5)
    found = nf.jvp(lambda x, c: nf.scan(newton, c, x)[0], (moved([np.stack([x, x])])[0], moved([x + 1])[0]),
                   (moved([np.ones((2, 5))])[0], None))  # fmt: skip
    close(found, (np.sqrt(x), 0.5 / np.sqrt(x)), 1e-8)
    assert len(launches) == 1
