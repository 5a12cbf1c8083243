"""The argument mode of grad, value_and_grad, hvp and hessian; linearize on many variables; nests of both modes."""

import itertools
import pickle

import numpy as np
import pytest

from numbafunc.autodiff import Dual, derivative, grad, hessian, hvp, jacfwd, jacrev, jvp, linearize, value_and_grad, vjp
from numbafunc.ops.softmax import logsumexp
from numbafunc.ops.stop_gradient import stop_gradient

GENERATOR = np.random.default_rng(6)
X = GENERATOR.normal(size=(2, 3))
MODES = ["forward", "reverse"]
modes = pytest.mark.parametrize("mode", MODES)


def f(x):
    return np.sum(np.sin(x) * x)


def is_reverse(size, **options):
    """Whether a gradient is found by reverse mode, by what the function is given."""
    seen = []

    def g(x):
        seen.append(type(x.tangent) is not np.ndarray)
        return np.sum(x * x)

    np.testing.assert_array_equal(grad(g, **options)(np.ones(size)), 2 * np.ones(size))
    assert len(set(seen)) == 1
    return seen[0]


def test_choice_of_the_mode():
    assert not is_reverse(2)
    assert is_reverse(3)
    assert is_reverse(1, mode="reverse")
    assert not is_reverse(1000, mode="forward")
    assert not is_reverse(1000, chunk_size=500)
    assert not is_reverse(1000, chunk_size=500, mode="forward")


@pytest.mark.parametrize("driver", [grad, value_and_grad, hessian])
def test_options_are_checked_at_once(driver):
    with pytest.raises(ValueError, match="mode is 'backward'; it must be 'forward', 'reverse' or None"):
        driver(f, mode="backward")
    with pytest.raises(ValueError, match="chunk_size is 3; reverse mode has no chunks"):
        driver(f, mode="reverse", chunk_size=3)


def test_options_of_hvp():
    with pytest.raises(ValueError, match="mode is 1"):
        hvp(f, (X,), (X,), mode=1)
    with pytest.raises(ValueError, match="chunk_size is 3"):
        hvp(f, (X,), (X,), mode="reverse", chunk_size=3)


@modes
def test_gradient(mode):
    expected = np.cos(X) * X + np.sin(X)
    np.testing.assert_allclose(grad(f, mode=mode)(X), expected, rtol=1e-15)
    value, gradient = value_and_grad(f, mode=mode)(X)
    assert value == f(X)
    assert (type(value), value.shape) == (np.ndarray, ())
    np.testing.assert_allclose(gradient, expected, rtol=1e-15)


@modes
def test_arguments(mode):
    def g(x, label, p, *, scale):
        assert label == "text"
        return np.sum(x * p["w"]) * p["b"][0] * scale, {"x": x, "label": label}

    x, w = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    p = {"w": w, "b": (2.0, None)}
    (value, aux), (by_p, by_x) = value_and_grad(g, (2, 0), True, mode=mode)(x, "text", p, scale=10.0)
    assert value == 13 * 20
    assert type(aux["x"]) is np.ndarray
    assert aux["label"] == "text"
    np.testing.assert_array_equal(by_x, 20 * w)
    np.testing.assert_array_equal(by_p["w"], 20 * x)
    assert by_p["b"] == (130, None)
    gradient, _ = grad(g, -1, has_aux=True, mode=mode)(x, "text", p, scale=1)
    np.testing.assert_array_equal(gradient["w"], 2 * x)
    np.testing.assert_array_equal(grad(lambda x: 2.0, mode=mode)(X), np.zeros((2, 3)))
    assert grad(np.sum, mode=mode)(np.zeros((0, 3))).shape == (0, 3)
    assert grad(f, mode=mode).__name__ == "f"


@modes
@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda x: x, r"shape \(2,\)"),
        (lambda x: np.argmax(x), "dtype int64"),
        (lambda x: x[0] * 1j, "dtype complex128"),
        (lambda x: (x.sum(), x.sum()), "a tuple"),
        (lambda x: None, "None"),
    ],
)
def test_result_that_is_no_floating_scalar(mode, function, match):
    with pytest.raises(TypeError, match=match):
        grad(function, mode=mode)(np.ones(2))


@pytest.mark.parametrize("size", [33, 100])
def test_linearize_on_many_variables(size):
    x, v = GENERATOR.normal(size=(2, size))
    calls = []

    def g(x, s):
        calls.append(1)
        return {"a": np.tanh(x) * x[::-1], "b": (np.sum(x) * s, np.ones(2), 3, np.fft.rfft(x))}

    value, push = linearize(g, x, 2.0)
    assert len(calls) == 1
    for direction in ((v, 1.0), (None, 1.0), (v, None), (-v, 0.5)):
        tangent = push(*direction)
        wanted = jvp(g, (x, 2.0), direction)[1]
        np.testing.assert_allclose(tangent["a"], wanted["a"], rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(tangent["b"][0], wanted["b"][0], rtol=1e-13)
        np.testing.assert_array_equal(tangent["b"][1], [0, 0])
        assert tangent["b"][2] == 0
        np.testing.assert_allclose(tangent["b"][3], wanted["b"][3], rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(value["a"], g(x, 2.0)["a"])
    np.testing.assert_array_equal(push(None, None)["a"], np.zeros(size))


def test_adjoints_of_each_other():
    x, v, c = GENERATOR.normal(size=(3, 60))
    g = lambda x: np.cumsum(np.exp(-x * x)) * x[::-1]  # noqa: E731
    tangent = linearize(g, x)[1](v)
    (gradient,) = vjp(g, x)[1](c)
    np.testing.assert_allclose(c @ tangent, gradient @ v, rtol=1e-12)
    # The push is linear, so its own gradient is the pull.
    push = linearize(g, x)[1]
    np.testing.assert_allclose(vjp(push, v)[1](c)[0], gradient, rtol=1e-12)
    np.testing.assert_allclose(jacrev(push)(v), jacfwd(g)(x), rtol=1e-12, atol=1e-14)
    # And so is the pull, whose derivative is the push.
    pull = vjp(g, x)[1]
    np.testing.assert_allclose(jvp(pull, (c,), (v,))[1][0], pull(v)[0], rtol=1e-12)
    np.testing.assert_allclose(jacfwd(lambda c: pull(c)[0])(c), jacfwd(g)(x).T, rtol=1e-12, atol=1e-14)


# Second derivatives.


def quartic(x, y):
    return np.sum(x**3 * np.roll(x, 1)) * y[0] + np.sum(y) * x[0] * x[1]


@pytest.mark.parametrize("chosen", ["forward", "reverse", None])
def test_hvp_and_hessian(chosen):
    x, v = GENERATOR.normal(size=(2, 9))
    y, u = GENERATOR.normal(size=(2, 10))
    point = (x, y)
    g = lambda z: quartic(z[:9], z[9:])  # noqa: E731
    wanted = jacfwd(jacfwd(g))(np.concatenate(point))
    product = hvp(quartic, point, (v, u), mode=chosen)
    np.testing.assert_allclose(np.concatenate(product), wanted @ np.concatenate([v, u]), rtol=1e-12)
    blocks = hessian(quartic, (0, 1), mode=chosen)(x, y)
    np.testing.assert_allclose(np.block([list(row) for row in blocks]), wanted, rtol=1e-11, atol=1e-13)
    alone = hessian(quartic, 1, mode=chosen)(x, y)
    np.testing.assert_allclose(alone, wanted[9:, 9:], rtol=1e-12, atol=1e-13)
    alone, aux = hessian(lambda x, y: (quartic(x, y), {"x": x}), has_aux=True, mode=chosen)(x, y)
    np.testing.assert_allclose(alone, wanted[:9, :9], rtol=1e-12, atol=1e-13)
    assert type(aux["x"]) is np.ndarray


@modes
def test_hessian_of_nests_and_dtypes(mode):
    p = {"w": np.array([1.0, 2.0], np.float32), "b": 3.0}
    blocks = hessian(lambda p: np.sum(p["w"] ** 2) * p["b"], mode=mode)(p)
    np.testing.assert_array_equal(blocks["w"]["w"], 6 * np.eye(2))
    np.testing.assert_array_equal(blocks["w"]["b"], [2, 4])
    np.testing.assert_array_equal(blocks["b"]["w"], [2, 4])
    assert blocks["b"]["b"] == 0
    np.testing.assert_array_equal(hessian(lambda x: 2.0, mode=mode)(np.ones(2)), np.zeros((2, 2)))
    assert hessian(np.sum, mode=mode)(np.ones(0)).shape == (0, 0)


# Nested closures, of one mode or of both.


def by_grad(f):
    return grad(f, mode="forward")


def by_reverse(f):
    return grad(f, mode="reverse")


def by_vjp(f):
    def slope(x):
        value, pull = vjp(f, x)
        return pull(1.0 if value.dtype == float else value.dtype.type(1))[0]

    return slope


def by_jvp(f):
    return lambda x: jvp(f, (x,), (np.ones_like(x),))[1]


def by_linearize(f):
    return lambda x: linearize(f, x)[1](np.ones_like(x))


DRIVERS = [by_grad, by_reverse, by_vjp, by_jvp, jacrev, by_linearize, derivative]
pairs = pytest.mark.parametrize(
    ("outer", "inner"),
    [pair for pair in itertools.product(DRIVERS, repeat=2) if {*pair} & {by_reverse, by_vjp, jacrev}],
    ids=lambda driver: driver.__name__,
)


@pairs
def test_inner_derivative_of_a_closure(outer, inner):
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1
    assert outer(lambda x: inner(lambda y: x * y)(2.0))(3.0) == 1
    assert outer(lambda x: x * inner(lambda y: x * y * y)(x))(3.0) == 6 * 3.0**2
    assert outer(lambda x: inner(lambda y: x)(2.0))(3.0) == 0
    assert outer(lambda x: inner(lambda y: outer(lambda z: x * y * z)(1.0))(1.0))(5.0) == 1
    assert outer(lambda x: x * inner(lambda y: x**2 * y**3)(x))(2.0) == 15 * 16


@pairs
def test_inner_function_that_escapes(outer, inner):
    def curried(x):
        return lambda y: x * y * y

    assert outer(lambda x: inner(curried(x))(3.0))(2.0) == 6
    assert outer(lambda x: curried(x)(x))(2.0) == 12


@pairs
def test_stop_gradient_acts_on_every_level(outer, inner):
    assert outer(lambda x: x * inner(lambda y: stop_gradient(x) * y)(1.0))(3.0) == 3
    assert outer(lambda x: inner(lambda y: stop_gradient(x * y) * y)(2.0))(3.0) == 0
    assert outer(lambda x: inner(lambda y: x * y * stop_gradient(y))(2.0))(3.0) == 2
    assert outer(lambda x: stop_gradient(inner(lambda y: x * y)(2.0)) * x)(3.0) == 3


@pairs
@pytest.mark.parametrize("order", range(1, 6))
def test_any_order(outer, inner, order):
    f = lambda x: x**5  # noqa: E731
    for depth in range(order):
        f = (inner, outer)[depth % 2](f)
    falling = [1, 5, 20, 60, 120, 120]
    np.testing.assert_allclose(f(2.0), falling[order] * 2.0 ** (5 - order), rtol=1e-14)


def test_cotangents_that_move():
    # The cotangent itself depends on the outer variable.
    f = lambda c: vjp(lambda x: x * x * x, 2.0)[1](c)[0]  # noqa: E731
    assert jvp(f, (5.0,), (1.0,)) == (60, 12)
    for d in DRIVERS:
        assert d(f)(5.0) == 12
        assert d(lambda x: vjp(lambda y: y * y, x)[1](x * x)[0])(3.0) == 6 * 9


def test_gradient_inside_a_function():
    target = np.array([1.0, 2.0])

    def after_step(rate, mode):
        x = np.zeros(2)
        x = x - rate * grad(lambda x: np.sum((x - target) ** 2), mode=mode)(x)
        return np.sum((x - target) ** 2)

    for inner, outer in itertools.product(MODES, repeat=2):
        np.testing.assert_allclose(grad(after_step, mode=outer)(0.1, inner), -4 * 5 * 0.8, rtol=1e-14)


def test_dual_arrays_that_users_make():
    x = Dual(np.array([1.0, 2.0]), np.array([[1.0, 10.0]]), 1)
    value, pull = vjp(lambda y: y**3 * x, np.array([1.0, 2.0]))
    assert isinstance(value, Dual)
    gradient = pull(np.ones(2))[0]
    np.testing.assert_array_equal(gradient.primal, [3, 24])
    np.testing.assert_array_equal(gradient.tangent, [[3, 120]])


@pytest.mark.parametrize("driver", [grad, value_and_grad, hessian, jacfwd, jacrev])
def test_what_is_no_function_is_refused_at_once(driver):
    with pytest.raises(TypeError, match=f"{driver.__name__} is given a ndarray; wanted: a function to differentiate"):
        driver(np.ones(3))
    for argnums in (np.ones(3), np.ones(3, int), True, "0", ()):
        with pytest.raises(TypeError, match="argnums must be an int or a non-empty sequence of ints"):
            driver(np.sum, argnums)


def test_a_recorded_tangent_is_not_pickled():
    with pytest.raises(TypeError, match="pickling looks at the value of a tangent"):
        grad(lambda x: pickle.dumps(x) and np.sum(x), mode="reverse")(np.ones(3))


@pytest.mark.parametrize("modes", list(itertools.product(["forward", "reverse"], repeat=3)))
def test_third_order_of_a_reduction(modes):
    x, direction = np.linspace(0.5, 1.5, 6), np.cos(np.arange(6.0))

    def along(f, mode):
        return lambda x: np.sum(grad(f, mode=mode)(x) * direction)

    f = logsumexp
    for mode in modes:
        f = along(f, mode)
    # The third cumulant of the direction under the probabilities.
    p = np.exp(x) / np.exp(x).sum()
    np.testing.assert_allclose(f(x), p @ (direction - p @ direction) ** 3, rtol=1e-11)
