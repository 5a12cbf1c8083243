"""A dual array that is kept beyond its derivative is refused, and none that is in use is taken for such."""

import concurrent.futures
import copy
import io
import multiprocessing
import pickle

import numpy as np
import pytest
from worker import in_another_process

import numbafunc
from numbafunc import Dual, derivative, grad, hessian, hvp, jacfwd, jvp, linearize, stop_gradient

X = np.array([0.3, -1.2, 2.0])
refused = pytest.mark.parametrize(
    "use",
    [
        np.sin,
        np.sum,
        lambda x: x + 1,
        lambda x: 2 * x,
        lambda x: x[0],
        lambda x: x.T,
        lambda x: x.copy(),
        lambda x: np.where(X > 0, X, x),
        lambda x: np.concatenate([X, x]),
        lambda x: np.linalg.norm(x),
        lambda x: x.__setitem__(0, 1.0),
        lambda x: np.add.at(x, [0], 1.0),
        numbafunc.sigmoid,
        numbafunc.softmax,
        copy.deepcopy,
        grad(lambda x: np.sum(x * x)),
        hessian(lambda x: np.sum(x * x)),
        lambda x: jvp(np.sin, (X,), (x,)),
        lambda x: jvp(lambda y: y * x, (X,), (X,)),
        lambda x: grad(lambda y: np.sum(y * x))(X),
        lambda x: jacfwd(lambda y: x)(X),
        lambda x: jacfwd(lambda y: np.stack([y, x]))(X),
        lambda x: hvp(lambda y: np.sum(y * y * x), (X,), (X,)),
        lambda x: linearize(lambda y: y * x, X),
        lambda x: derivative(lambda y: y * x)(X),
    ],
)


def leaks(driver):
    """A dual array that was kept beyond a derivative."""
    seen = []

    def f(x):
        seen.append(x)
        return np.sum(x * x)

    driver(f)
    return seen[-1]


DRIVERS = {
    "jvp": lambda f: jvp(f, (X,), (X,)),
    "grad": lambda f: grad(f)(X),
    "jacfwd": lambda f: jacfwd(f, chunk_size=1)(X),
    "hvp": lambda f: hvp(f, (X,), (X,)),
    "hessian": lambda f: hessian(f)(X),
    "linearize": lambda f: linearize(f, X),
    "derivative": lambda f: derivative(f, 2)(X[0]),
}


@refused
def test_use_is_refused(use):
    leaked = leaks(DRIVERS["grad"])
    with pytest.raises(ValueError, match=rf"dual array of level {leaked.level} was kept beyond .*stop_gradient"):
        use(leaked)


@pytest.mark.parametrize("name", DRIVERS)
def test_every_driver_ends_its_levels(name):
    leaked = leaks(DRIVERS[name])
    with pytest.raises(ValueError, match="was kept beyond"):
        np.exp(leaked)
    with pytest.raises(ValueError, match="was kept beyond"):
        grad(lambda x: np.sum(x * leaked))(X)


def test_levels_end_where_the_function_raises():
    seen = []

    def f(x):
        seen.append(x)
        raise KeyError("own")

    with pytest.raises(KeyError, match="own"):
        grad(f)(X)
    with pytest.raises(ValueError, match="was kept beyond"):
        seen[0] + 1


def test_value_can_still_be_seen():
    leaked = leaks(DRIVERS["grad"])
    np.testing.assert_array_equal(stop_gradient(leaked), X)
    assert leaked.shape == (3,)
    assert "Dual(" in repr(leaked)


def test_array_outside_that_took_an_inner_tangent():
    def outer(x):
        store = np.zeros_like(x)

        def inner(y):
            store[0] = y * x[0]
            return y * y

        grad(inner)(2.0)
        return np.sum(store)

    with pytest.raises(ValueError, match="was kept beyond"):
        grad(outer)(X)


def test_kept_at_an_outer_level_is_in_use():
    seen = []

    def f(x):
        seen.append(x)
        inner = grad(lambda y: np.sum(y * y * seen[0]))(x)
        seen.append(inner)
        return np.sum(seen[1] * seen[0])

    # sum of 2 x x x
    np.testing.assert_allclose(grad(f)(X), 6 * X * X, rtol=1e-14)


def test_pushing_inside_a_derivative():
    def f(x):
        _, push = linearize(lambda y: y * y * x, x)
        return np.sum(push(X) + push(x))

    # sum of 2 x x (X + x)
    np.testing.assert_allclose(grad(f)(X), 4 * X * X + 6 * X * X, rtol=1e-14)


def test_made_by_hand_is_always_in_use():
    x = Dual(X, np.ones((1, 3)), 7)
    leaks(DRIVERS["grad"])
    np.testing.assert_array_equal((x * x).tangent, 2 * X[np.newaxis])
    # To a derivative it is a constant, whatever its level.
    for level in range(1, 40):
        constant = Dual(np.array(3.0), np.ones(1), level)
        value, tangent = jvp(lambda y, constant=constant: y * constant, (2.0,), (1.0,))
        assert stop_gradient(value) == 6
        assert tangent is constant or stop_gradient(tangent) == 3
    with pytest.raises(ValueError, match="from 1 to 999999"):
        Dual(X, np.ones((1, 3)), 10**6)


def test_copies_in_use():
    for duplicate in (copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        np.testing.assert_array_equal(grad(lambda x, d=duplicate: np.sum(d(x) * x), mode="forward")(X), 2 * X)
    for duplicate in (copy.copy, copy.deepcopy):
        np.testing.assert_array_equal(grad(lambda x, d=duplicate: np.sum(d(x) * x), mode="reverse")(X), 2 * X)


def test_pickled_with_a_table_of_its_own():
    x = Dual(np.array([1.0, 2.0]), np.eye(2), 1)
    content = io.BytesIO()
    pickler = pickle.Pickler(content)
    pickler.dispatch_table = {}
    pickler.dump(x)
    np.testing.assert_array_equal((pickle.loads(content.getvalue()) * x).tangent, (x * x).tangent)
    function, arguments = x.__reduce__()
    assert function(*arguments).level == 1


def test_pickled_and_kept():
    pickled = []

    def f(x):
        pickled.append(pickle.dumps(x))
        return np.sum(x)

    grad(f, mode="forward")(X)
    with pytest.raises(ValueError, match="was kept beyond"):
        pickle.loads(pickled[0])


def test_worker_processes():
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        assert grad(lambda x: pool.submit(in_another_process, x).result())(5.0) == 20


def test_threads():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:

        def f(x):
            parts = pool.map(lambda i: x[i] * grad(lambda y: y * y * x[i])(1.0), range(3))
            return sum(parts)

        np.testing.assert_allclose(grad(f)(X), 4 * X, rtol=1e-14)
