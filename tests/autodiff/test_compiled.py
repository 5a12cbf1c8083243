"""Derivatives of functions that the user has compiled with Numba, against complex steps and differences."""

import itertools
import math
import os
import re
import subprocess
import sys
import warnings
from collections import namedtuple

import compiled_programs as programs
import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbafunc as nf
from numbafunc.errors import CompiledDerivativeWarning

NAMES = sorted(programs.PROGRAMS)


@pytest.fixture(autouse=True)
def _compiled():
    with warnings.catch_warnings():
        warnings.simplefilter("error", CompiledDerivativeWarning)
        yield


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("driver", [nf.jacfwd, nf.jacrev])
def test_first_derivatives_are_those_of_complex_steps(name, driver):
    f, args = programs.PROGRAMS[name]
    found = driver(f, tuple(range(len(args))))(*args)
    for position in range(len(args)):
        wanted = programs.by_complex_steps(f, args, position)
        assert_allclose(found[position], wanted, rtol=1e-11, atol=1e-12 * max(1, np.max(np.abs(wanted))))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("driver", [nf.jacfwd, nf.jacrev])
def test_second_derivatives_are_differences_of_first_ones(name, driver):
    f, args = programs.PROGRAMS[name]
    found = driver(nf.jacfwd(f, 0), 0)(*args)
    step = 1e-5
    x = np.asarray(args[0], float)
    wanted = np.empty(found.shape)
    for index in np.ndindex(x.shape):
        change = np.zeros(x.shape)
        change[index] = step
        ahead, behind = (nf.jacfwd(f, 0)(programs.like(args[0], x + s * change), *args[1:]) for s in (1, -1))
        wanted[(..., *index)] = (ahead - behind) / (2 * step)
    assert_allclose(found, wanted, rtol=1e-6, atol=1e-7 * max(1, np.max(np.abs(wanted))))


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_follows_double(name):
    f, args = programs.PROGRAMS[name]
    single = [x.astype(np.float32) if isinstance(x, np.ndarray) else np.float32(x) for x in args]
    found = nf.jacfwd(f, 0)(*single)
    wanted = nf.jacfwd(f, 0)(*args)
    assert_allclose(found, wanted, rtol=2e-4, atol=2e-4 * np.max(np.abs(wanted)))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9, 17])
def test_any_number_of_directions(count):
    f = programs.horner
    c = np.linspace(0.5, 1.5, count)
    assert_allclose(nf.jacfwd(f)(c, 1.25), 1.25 ** np.arange(count)[::-1], rtol=1e-14)


def test_helpers_of_a_python_function_are_compiled():
    def f(x):
        return programs.newton(x) * x

    assert_allclose(nf.grad(f)(2.0), 1.5 * math.sqrt(2.0), rtol=1e-14)
    assert_allclose(nf.grad(f, mode="reverse")(2.0), 1.5 * math.sqrt(2.0), rtol=1e-14)
    assert_allclose(nf.derivative(f, 2)(2.0), 0.75 / math.sqrt(2.0), rtol=1e-13)
    for outer, inner in itertools.product(("forward", "reverse"), repeat=2):
        slope = nf.grad(lambda x: f(f(x)), mode=inner)
        assert_allclose(nf.grad(slope, mode=outer)(2.0), 9 / 4 * 5 / 4 * 2**0.25, rtol=1e-12)


State = namedtuple("State", "position velocity")


@numba.njit
def _pair(state, y, k=2):
    return State(state.position**k + y.sum(), state.velocity * y[::-1]), k, y > 1


def test_named_tuples_integers_and_defaults():
    state, y = State(1.5, 0.5), np.array([0.5, 1.5])
    value, change = nf.jvp(_pair, (state, y), (State(1.0, 0.0), np.array([1.0, 2.0])))
    assert type(value[0]) is State
    assert type(change[0]) is State
    assert_allclose(value[0].position, 1.5**2 + 2)
    assert_allclose(change[0].position, 3.0 + 3)
    assert_allclose(change[0].velocity, 0.5 * np.array([2.0, 1.0]))
    assert value[1] == 2
    assert list(value[2]) == [False, True]


@numba.njit
def _largest(x):
    best = None
    for v in x:
        if best is None or v > best:
            best = v * v
    return best


@numba.njit
def _listed(x):
    parts = [0.0]
    for v in x:
        parts.append(parts[-1] * 0.5 + v)
    return parts[-1]


@numba.njit
def _factorial(x, n):
    if n <= 1:
        return x
    return x * _factorial(x + 1.0, n - 1)


@numba.njit(parallel=True, fastmath=True)
def _squares(x):
    result = np.empty(len(x))
    for i in numba.prange(len(x)):
        result[i] = x[i] ** 2
    return result


@numba.njit
def _choice(x, mode):
    return x * x if mode == "square" else x


def test_other_constructs():
    x = np.array([1.0, 2.0, 3.0])
    assert_allclose(nf.grad(_largest)(x), [0.0, 4.0, 0.0])
    assert_allclose(nf.grad(_listed)(x), [0.25, 0.5, 1.0])
    assert_allclose(nf.grad(_factorial)(1.5, 3), 3 * 1.5**2 + 6 * 1.5 + 2)
    assert_allclose(nf.jacfwd(_squares)(x), np.diag(2 * x))
    assert nf.grad(_choice)(3.0, "square") == 6.0
    assert nf.grad(_choice)(3.0, mode="square") == 6.0


def test_arrays_of_the_caller_stay_as_they_are():
    @numba.njit
    def f(x, start):
        start[0] = x[0]
        x[1] = 0.0
        return start * x.sum()

    x, start = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert_allclose(nf.jacfwd(f)(x, start), [[2.0, 0.0], [4.0, 0.0]])
    assert list(x) == [1.0, 2.0]
    assert list(start) == [3.0, 4.0]


def test_errors_of_the_function_are_raised():
    @numba.njit
    def f(x):
        if x > 0:
            raise ValueError("positive")
        return x

    with pytest.raises(ValueError, match="positive"):
        nf.grad(f)(1.0)


@numba.njit
def _counted(x):
    return x * int(x)


def test_what_is_not_compiled_is_named_once():
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        for _ in range(2):
            with pytest.raises(TypeError, match="int"):
                nf.grad(_counted)(2.0)
    (warning,) = record
    assert warning.category is CompiledDerivativeWarning
    assert re.search(r"int\(number\).*line \d+ of .*test_compiled.py", str(warning.message))


def test_reasons_are_found_behind_headings():
    rounded = numba.njit(lambda x: x.astype(np.int64).sum() * x[0])
    with (
        pytest.warns(
            CompiledDerivativeWarning, match=r"there is no astype\(array\(number, .*line \d+ of .*_compiled.py"
        ),
        pytest.raises(TypeError, match="astype"),
    ):
        nf.grad(rounded)(np.ones(3))


@numba.njit("float64(float64)")
def _with_signature(x):
    return x * x


def test_functions_with_signatures():
    assert nf.grad(_with_signature)(3.0) == 6.0
    with pytest.raises(TypeError, match="signatures"):
        nf.grad(lambda x: _with_signature(x))(3.0)


def _loop(f, state, n):
    return lambda p: nf.scan(f, (state, p), None, n)


@pytest.mark.parametrize("f", [programs.lotka_volterra_step, programs.lotka_volterra_scalars])
def test_scan_in_forward_mode(f):
    p = np.array([1.1, 0.4, 0.1, 0.4])
    state = np.array([1.0, 1.0]) if f is programs.lotka_volterra_step else (1.0, 1.0)
    run = _loop(f, state, 50)
    final = lambda p: np.stack(run(p)[0][0])  # noqa: E731
    path = lambda p: run(p)[1]  # noqa: E731
    for g in (final, path):
        wanted = programs.differences(g, p)
        assert_allclose(nf.jacfwd(g)(p), wanted, rtol=1e-8, atol=1e-8)
        second = programs.differences(nf.jacfwd(g), p)
        assert_allclose(nf.jacfwd(nf.jacfwd(g))(p), second, rtol=1e-7, atol=1e-7)


@numba.njit
def _averaged(carry, x):
    mean, count = carry
    mean = 0.75 * mean + 0.25 * x[0]
    return (mean, count + 1), (mean * mean, count, x * mean)


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_by_its_entries(reverse):
    x = np.random.default_rng(0).random((5, 2))

    def run(f):
        return nf.jvp(lambda x: nf.scan(f, (0.0, 0), x, reverse=reverse), (x,), (np.ones_like(x),))

    (carry, ys), (carry_change, ys_change) = run(_averaged)
    (carry_p, ys_p), (carry_change_p, ys_change_p) = run(_averaged.py_func)
    for a, b in zip((*carry, *ys, *carry_change, *ys_change), (*carry_p, *ys_p, *carry_change_p, *ys_change_p)):
        assert_allclose(a, b, rtol=1e-14)


_EIGHTH = np.float32(0.125)  # a float of 64 bits would make the carry one


@numba.njit
def _filtered(carry, x):
    mean, count = carry
    mean = mean + _EIGHTH * np.sin(x[0] * mean[::-1])
    return (mean, count + 1), (mean.sum() ** 2, count, x * mean)


def _of_filtered(f, reverse):
    def run(x, start, weight):
        (mean, _), (squares, _, products) = nf.scan(f, (start, 0), x, reverse=reverse)
        return mean[0] * weight + squares.sum() + (products**3).sum()

    return run


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scan_in_reverse_mode(reverse, dtype):
    args = [x.astype(dtype) for x in (np.random.default_rng(0).random((6, 2)), np.array([0.3, 0.5]), np.array(2.0))]
    found = nf.grad(_of_filtered(_filtered, reverse), (0, 1, 2), mode="reverse")(*args)
    wanted = nf.grad(_of_filtered(_filtered.py_func, reverse), (0, 1, 2), mode="reverse")(*args)
    for a, b in zip(found, wanted):
        assert a.dtype == dtype
        assert_allclose(a, b, rtol=1e-12 if dtype == np.float64 else 1e-5)


Carry, Entry = namedtuple("Carry", "position velocity count"), namedtuple("Entry", "force weight")


@numba.njit
def _driven(carry, entry):
    velocity = carry.velocity + 0.1 * (np.sin(carry.position) * entry.force - carry.position)
    carry = Carry(carry.position + 0.1 * velocity, velocity, carry.count + 1)
    return carry, Entry(velocity * velocity, carry.position.sum() * entry.weight)


def test_scan_of_named_tuples():
    x, forces, weights = np.array([0.5, 1.0]), np.linspace(0, 1, 6), np.linspace(1, 2, 6)

    def run(f):
        return lambda x, w: nf.scan(f, Carry(x, np.array([0.1, 0.2]), 0), Entry(forces, w))

    def total(f):
        def of(x, w):
            carry, entry = run(f)(x, w)
            return carry.position.sum() * carry.velocity[0] + (entry.force[:, 1] * entry.weight).sum()

        return of

    (carry, entries), (by_python, entries_by_python) = (run(f)(x, weights) for f in (_driven, _driven.py_func))
    assert type(carry) is Carry
    assert type(entries) is Entry
    for found, wanted in zip((*carry, *entries), (*by_python, *entries_by_python)):
        assert_allclose(found, wanted, rtol=1e-14)
    wanted = nf.grad(total(_driven.py_func), (0, 1))(x, weights)
    for mode in ("forward", "reverse"):
        for one, other in zip(nf.grad(total(_driven), (0, 1), mode=mode)(x, weights), wanted):
            assert_allclose(one, other, rtol=1e-12)
    found, wanted = (nf.hessian(lambda x: total(f)(x, weights))(x) for f in (_driven, _driven.py_func))  # noqa: B023
    assert_allclose(found, wanted, rtol=1e-12)


def test_second_derivatives_of_scan_in_reverse_mode():
    x, start = np.random.default_rng(1).random((4, 2)), np.array([0.3, 0.5])
    found = nf.hessian(lambda x: _of_filtered(_filtered, False)(x, start, 2.0), mode="reverse")(x)
    wanted = nf.hessian(lambda x: _of_filtered(_filtered.py_func, False)(x, start, 2.0), mode="forward")(x)
    assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)


def test_recorded_steps_of_scan_push_tangents_too():
    x = np.random.default_rng(2).random((40, 2))
    run = lambda x: nf.scan(_filtered, (np.array([0.3, 0.5]), 0), x)[1][2]  # noqa: E731
    _, push = nf.linearize(run, x)
    assert_allclose(push(np.cos(x)), nf.jvp(run, (x,), (np.cos(x),))[1], rtol=1e-13)


@pytest.mark.parametrize("outer", [nf.jacfwd, nf.jacrev])
@pytest.mark.parametrize("inner", [nf.jacfwd, nf.jacrev])
def test_modes_nest_around_scan(outer, inner):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompiledDerivativeWarning)
        run = _loop(programs.lotka_volterra_step, np.array([1.0, 1.0]), 3)
        final = lambda p: run(p)[0][0]  # noqa: E731
        p = np.array([1.1, 0.4, 0.1, 0.4])
        assert_allclose(outer(inner(final))(p), programs.differences(nf.jacfwd(final), p), rtol=1e-8, atol=1e-10)


def test_large_steps_go_backward_in_python():
    step = numba.njit(lambda carry, x: (np.sin(carry) + x, carry.sum()))
    run = lambda c: nf.scan(step, c, np.ones(3))[0].sum()  # noqa: E731
    with pytest.warns(CompiledDerivativeWarning, match="at most 64"):
        found = nf.grad(run)(np.linspace(0, 1, 80))
    assert_allclose(found, nf.grad(run, mode="forward")(np.linspace(0, 1, 80)), rtol=1e-13)


_MODULE = """
import numba
import numpy as np

FACTOR = {factor}

@numba.njit
def scaled(x):
    return np.array([FACTOR * x[0], x[1]])

@numba.njit
def f(x):
    y = np.zeros(2)
    for _ in range(3):
        y = y + scaled(x) * y
        y[0] += x[1]
    return y.sum()
"""

_SCRIPT = """
import sys
import numba.core.compiler
import numpy as np
import numbafunc
from user_module import f

def refuse(*args, **options):
    raise RuntimeError("compiled")

if sys.argv[1] == "loads":
    numba.core.compiler.compile_extra = refuse
print(*numbafunc.jacfwd(f)(np.array([1.5, 2.0])))
"""


def test_the_next_process_loads_machine_code(tmp_path):
    def run(factor, what):
        (tmp_path / "user_module.py").write_text(_MODULE.format(factor=factor))
        environment = {**os.environ, "NUMBAFUNC_CACHE_DIR": str(tmp_path / "cache")}
        environment["PYTHONPATH"] = os.pathsep.join([*sys.path, str(tmp_path)])
        command = [sys.executable, "-B", "-c", _SCRIPT, what]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    first = run(2.0, "compiles")
    assert run(2.0, "loads") == first
    assert run(3.0, "compiles") != first
