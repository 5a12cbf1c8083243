"""Arrays that are changed in place between their use in a function and the walk back over its tape."""

import numpy as np
import pytest

from numbafunc import checkpoint, grad, loss
from numbafunc.autodiff import jacrev, vjp
from numbafunc.dual.recorder import SHARED, WATCHED

X = np.array([0.7, -1.3, 0.2])


def product(x, t):
    return np.sum(x * t)


# Functions of the variable and an array t that is changed after they have used it.
USES = {
    "multiply": product,
    "divide": lambda x, t: np.sum(t / x),
    "power": lambda x, t: np.sum((x * x) ** t),
    "matmul": lambda x, t: np.sum(np.outer(t, t) @ x + x @ t),
    "dot": lambda x, t: np.dot(x, t),
    "einsum": lambda x, t: np.einsum("i,i->", x, t),
    "where": lambda x, t: np.sum(np.where(t > 1.5, x, t * x)),
    "condition": lambda x, t: np.sum(np.where(t, x * x, x)),
    "loss": lambda x, t: np.sum(loss.mean_squared_error(x, t)),
    "checkpoint": lambda x, t: checkpoint(product)(x, t),
    "large": lambda x, t: np.sum(np.resize(x, 10**5) * np.resize(t, 10**5)) / 10**5,
}


def changed(use, change):
    """A function that uses an array, then changes it, if that is what ``use`` kept."""

    def f(x):
        t = np.array([1.0, 2.0, 3.0])
        y = use(x, t)
        change(t)
        return y

    return f


@pytest.mark.parametrize("name", [name for name in USES if name not in ("where", "large")])
def test_a_changed_array_is_refused(name):
    use = USES[name]
    if name == "condition":

        def f(x):
            t = np.array([True, False, True])
            y = use(x, t)
            t[:] = False
            return y
    else:
        f = changed(use, lambda t: np.add(t, 1, out=t))
    if name == "matmul":
        # The outer product is an array of its own.
        assert np.isfinite(grad(lambda x: np.sum(np.outer([1.0, 2, 3], [1.0, 2, 3]) @ x), mode="reverse")(X)).all()
    with pytest.raises(ValueError, match="was changed in place after the differentiated function used it"):
        grad(f, mode="reverse")(X)
    assert not WATCHED
    assert not SHARED


def test_a_changed_order_or_one_changed_element_is_seen():
    for change in (lambda t: t.__setitem__(slice(None), t[::-1].copy()), lambda t: t.__setitem__(1, 2.5)):
        with pytest.raises(ValueError, match="changed in place"):
            grad(changed(product, change), mode="reverse")(X)


def test_a_buffer_that_is_filled_anew_is_refused_at_its_next_use():
    def f(x):
        buffer = np.zeros(3)
        for step in range(3):
            buffer[:] = step + 1
            x = x * buffer
        return np.sum(x)

    np.testing.assert_array_equal(grad(f, mode="forward")(X), [6.0, 6.0, 6.0])
    with pytest.raises(ValueError, match="changed in place"):
        grad(f, mode="reverse")(X)
    assert not WATCHED


def test_pull_and_jacobians_look_too():
    t = np.array([1.0, 2.0, 3.0])
    _, pull = vjp(lambda x: x * t, X)
    np.testing.assert_array_equal(pull(np.ones(3))[0], t)
    t += 1
    with pytest.raises(ValueError, match="changed in place"):
        pull(np.ones(3))
    with pytest.raises(ValueError, match="changed in place"):
        jacrev(changed(lambda x, t: x * t, lambda t: t.fill(0)))(X)


def test_what_steps_do_not_need_may_change():
    def f(x):
        t = np.array([1.0, 2.0, 3.0])
        y = (x + t) - t
        t += 1
        index = np.array([0, 1, 1])
        z = x[index]
        index[:] = 2
        return np.sum(y * y) + np.sum(z * z)

    np.testing.assert_allclose(grad(f, mode="reverse")(X), grad(f, mode="forward")(X), rtol=1e-14)


def test_arrays_of_other_dtypes_and_layouts():
    for t in (np.arange(3), np.arange(3, dtype=np.float32), np.arange(6.0)[::2], np.float16([1, 2, 3]), np.array(2.0)):
        np.testing.assert_allclose(
            grad(lambda x, t=t: product(x, t), mode="reverse")(X), np.broadcast_to(t, 3).astype(float), rtol=1e-14
        )
    large = np.random.default_rng(0).normal(size=(300, 3, 40)).transpose(2, 1, 0)
    found = grad(lambda x: np.sum(x[:, np.newaxis] * large), mode="reverse")(X)
    np.testing.assert_allclose(found, large.sum((0, 2)), rtol=1e-12)


def test_a_dual_array_that_was_kept_leaves_nothing_behind():
    kept = []
    grad(lambda x: (kept.append(x), np.sum(x * x))[1], mode="reverse")(X)
    with pytest.raises(ValueError, match="kept beyond the derivative"):
        grad(lambda y: np.sum(y * kept[0]), mode="reverse")(X)
    assert not WATCHED
