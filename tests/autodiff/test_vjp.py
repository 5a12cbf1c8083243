"""The driver vjp: nests, constants, cotangents and their errors; gradients have memory of their own."""

import ml_dtypes
import numpy as np
import pytest

from numbafunc import flatten, leaky_relu, pad, relu, softmax, top_k
from numbafunc.autodiff import checkpoint, grad, jvp, linearize, value_and_grad, vjp
from numbafunc.dual import levels
from numbafunc.loss import sigmoid_cross_entropy_logits

X = np.array([1.0, -2.0, 0.5])
Y = np.array([3.0, 0.25, -1.0])


def test_nests():
    parameters = {"w": X, "b": (2.0, None, [np.float32(3)])}

    def f(p, y):
        return [p["w"] * y, (np.sum(p["w"]) * p["b"][0], p["b"][2][0] * p["b"][2][0])]

    value, pull = vjp(f, parameters, Y)
    np.testing.assert_array_equal(value[0], X * Y)
    assert value[1] == (-1.0, 9.0)
    p, y = pull([np.array([1.0, 10.0, 100.0]), (5.0, np.float32(2))])
    np.testing.assert_array_equal(p["w"], np.array([1.0, 10.0, 100.0]) * Y + 10.0)
    assert (p["b"][0], p["b"][1], p["b"][2][0]) == (-2.5, None, 12)
    assert p["b"][2][0].dtype == np.float32
    assert p["b"][0].shape == ()
    np.testing.assert_array_equal(y, np.array([1.0, 10.0, 100.0]) * X)


def test_none_is_a_cotangent_of_zero():
    _, pull = vjp(lambda x, y: (x * y, {"s": np.sum(x)}), X, Y)
    np.testing.assert_array_equal(pull((None, {"s": 2.0}))[0], [2, 2, 2])
    np.testing.assert_array_equal(pull((None, {"s": 2.0}))[1], [0, 0, 0])
    np.testing.assert_array_equal(pull((X, {"s": None}))[0], X * Y)
    for gradient in pull(None):
        np.testing.assert_array_equal(gradient, [0, 0, 0])


def test_leaves_that_are_not_floating_give_none():
    value, pull = vjp(lambda d, n, flag: d["x"] ** n * d["k"] * flag, {"x": X, "k": np.array([1, 2, 3])}, 2, True)
    np.testing.assert_array_equal(value, X**2 * [1, 2, 3])
    d, n, flag = pull(np.ones(3))
    np.testing.assert_array_equal(d["x"], 2 * X * [1, 2, 3])
    assert (d["k"], n, flag) == (None, None, None)


def test_integer_outputs_take_none_or_any_integers():
    value, pull = vjp(lambda x: (x * x, np.argmax(x), 7), X)
    assert (value[1], value[2]) == (0, 7)
    np.testing.assert_array_equal(pull((np.ones(3), None, None))[0], 2 * X)
    np.testing.assert_array_equal(pull((np.ones(3), np.int64(5), 1))[0], 2 * X)


def test_auxiliary_result():
    value, pull, aux = vjp(lambda x: (np.sum(x * x), {"twice": 2 * x, "name": "text"}), X, has_aux=True)
    assert value == np.sum(X * X)
    assert type(aux["twice"]) is np.ndarray
    np.testing.assert_array_equal(aux["twice"], 2 * X)
    assert aux["name"] == "text"
    np.testing.assert_array_equal(pull(1.0)[0], 2 * X)
    with pytest.raises(TypeError, match="pair"):
        vjp(np.sin, X, has_aux=True)


def test_pull_may_be_called_again():
    _, pull = vjp(lambda x: np.cumsum(np.sin(x) * x[::-1])[[0, 0, 2]], X)
    first = pull(np.array([1.0, 2.0, 3.0]))[0]
    kept = first.copy()
    first += 1e6
    np.testing.assert_array_equal(pull(np.array([1.0, 2.0, 3.0]))[0], kept)
    np.testing.assert_allclose(pull(np.array([2.0, 4.0, 6.0]))[0], 2 * kept, rtol=1e-15)


def test_function_runs_once():
    calls = []

    def f(x):
        calls.append(1)
        return x * x

    _, pull = vjp(f, X)
    pull(X)
    pull(Y)
    assert calls == [1]


def test_complex_outputs():
    # The cotangent of real(z) is 1, that of imag(z) is -1j.
    _, pull = vjp(np.fft.fft, X)
    for turn, part in ((1, np.real), (-1j, np.imag)):
        for i in range(3):
            cotangent = turn * np.eye(3)[i].astype(complex)
            expected = [part(np.fft.fft(unit))[i] for unit in np.eye(3)]
            np.testing.assert_allclose(pull(cotangent)[0], expected, atol=1e-15)
    (gradient,) = vjp(lambda x: (x + 1j * Y) ** 2, X)[1](np.ones(3, complex))
    np.testing.assert_allclose(gradient, 2 * X)
    (gradient,) = vjp(lambda x: (x + 1j * Y) ** 2, X)[1](np.full(3, -1j))
    np.testing.assert_allclose(gradient, 2 * Y)
    assert gradient.dtype == np.float64


def test_outputs_that_do_not_depend():
    value, pull = vjp(lambda x: (np.ones(2), x[:1]), X)
    np.testing.assert_array_equal(value[0], [1, 1])
    np.testing.assert_array_equal(pull((np.full(2, np.nan), np.ones(1)))[0], [1, 0, 0])


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_dtypes(dtype):
    x = np.array([1.0, 2.0, 0.5], dtype)
    value, pull = vjp(lambda x: x * x * x, x)
    assert value.dtype == dtype
    (gradient,) = pull(np.ones(3, dtype))
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient.astype(float), 3 * x.astype(float) ** 2, rtol=1e-2)
    # A constant of a larger dtype widens the value, not the gradient.
    value, pull = vjp(lambda x: np.sum(x * np.array([1.0, 2.0, 3.0])), x)
    assert value.dtype == np.float64
    assert pull(1.0)[0].dtype == dtype


def test_empty_arrays():
    _, pull = vjp(lambda x, y: np.concatenate([x, y]) * 2.0, np.zeros((0, 2)), np.ones((1, 2)))
    x, y = pull(np.ones((1, 2)))
    assert x.shape == (0, 2)
    np.testing.assert_array_equal(y, [[2, 2]])
    assert vjp(np.sum, np.zeros(0))[1](1.0)[0].shape == (0,)


@pytest.mark.parametrize(
    ("cotangent", "error", "words"),
    [
        ((np.ones(2), {"a": None}), ValueError, r"cotangent\[0\] has shape \(2,\); .* of the value, \(3,\)"),
        ((np.ones((1, 3)), {"a": None}), ValueError, r"cotangent\[0\] has shape \(1, 3\)"),
        (
            (np.ones(3, np.float32), {"a": None}),
            TypeError,
            r"cotangent\[0\] has dtype float32; .* of the value, float64",
        ),
        ((np.ones(3, int), {"a": None}), TypeError, r"cotangent\[0\] has dtype int64"),
        ((np.ones(3, complex), {"a": None}), TypeError, r"cotangent\[0\] has dtype complex128"),
        ((None, {"a": np.ones(3, np.float64)}), ValueError, r"cotangent\[1\]\['a'\] has shape \(3,\)"),
        ((None, {"a": "text"}), TypeError, r"cotangent\[1\]\['a'\] is a str"),
        ((None, {"b": 1.0}), TypeError, "cotangent is nested as .* it must be nested as the value"),
        ((None,), TypeError, "cotangent is nested as"),
        (np.ones(3), TypeError, "cotangent is nested as a single array"),
    ],
)
def test_wrong_cotangents(cotangent, error, words):
    _, pull = vjp(lambda x: (x * x, {"a": np.sum(x)}), X)
    with pytest.raises(error, match=words):
        pull(cotangent)
    np.testing.assert_array_equal(pull((np.ones(3), {"a": None}))[0], 2 * X)


@pytest.mark.parametrize(
    ("primals", "words"),
    [
        ((), "no floating array"),
        ((1, np.arange(3)), "no floating array"),
        (("text",), r"primals\[0\] is a str"),
        ((1.0, {"a": 1j}), r"primals\[1\]\['a'\] is complex"),
        ((np.ma.ones(2),), r"primals\[0\]"),
    ],
)
def test_wrong_primals(primals, words):
    with pytest.raises(TypeError, match=words):
        vjp(lambda *primals: 1.0, *primals)


# Memory of gradients.


def sharing(x, y):
    return np.sum(x) + np.sum(y)


ALIASES = {
    "same step": sharing,
    "broadcast": lambda x, y: np.sum(np.broadcast_to(x, (4, 3)) + y),
    "views": lambda x, y: np.sum(x[::-1].reshape(3, 1)) + np.sum(y.T),
    "identity": lambda x, y: np.sum(np.stack([x, y])),
    "part": lambda x, y: np.sum(np.concatenate([x, y])),
    "halves": lambda x, y: np.sum(np.concatenate([x, y]) ** 2),
    "unused": lambda x, y: 3.0,
}


@pytest.mark.parametrize("name", ALIASES)
def test_gradients_share_no_memory(name):
    f = ALIASES[name]
    first, second = grad(f, (0, 1), mode="reverse")(X, Y)
    assert first.flags.writeable
    assert second.flags.writeable
    assert not np.shares_memory(first, second)
    assert first.base is None or first.base.size == first.size


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (3,)])
def test_gradients_can_be_written_to(shape):
    for f in (np.sum, np.mean, lambda x: np.sum(np.broadcast_to(x, (2, *x.shape))), lambda x: np.reshape(x, -1)[0]):
        gradient = grad(f, mode="reverse")(np.ones(shape))
        gradient += 1.0


def test_gradients_share_no_memory_with_the_callers_arrays():
    x, y, cotangent = X.copy(), Y.copy(), np.array([1.0, 2.0, 3.0])
    value, pull = vjp(lambda x, y: x + y, x, y)
    gradients = pull(cotangent)
    assert not np.shares_memory(*gradients)
    for gradient in gradients:
        assert not any(np.shares_memory(gradient, other) for other in (x, y, value, cotangent))
        gradient += 1
    np.testing.assert_array_equal(cotangent, [1, 2, 3])
    # Those of products are arrays of the caller's until they are copied.
    gradients = grad(lambda x, y: np.sum(x * y), (0, 1), mode="reverse")(x, y)
    np.testing.assert_array_equal(gradients, [y, x])
    assert not any(np.shares_memory(gradient, other) for gradient in gradients for other in (x, y))


def test_one_array_as_two_arguments():
    first, second = grad(lambda x, y: np.sum(x * y * y), (0, 1), mode="reverse")(X, X)
    np.testing.assert_array_equal(first, X**2)
    np.testing.assert_array_equal(second, 2 * X**2)
    nested = grad(lambda p: np.sum(p[0] * p[1]), mode="reverse")([X, X])
    assert not np.shares_memory(*nested)


def test_arguments_are_left_as_they_are():
    x = X.copy()
    x.flags.writeable = False
    cotangent = np.ones(3)
    cotangent.flags.writeable = False

    def f(x):
        y = x * 1.0
        y[1:] += x[:-1] * y[:-1]
        y[0] = 3.0
        return y

    (gradient,) = vjp(f, x)[1](cotangent)
    np.testing.assert_allclose(gradient @ Y, np.sum(jvp(f, (X,), (Y,))[1]), rtol=1e-14)
    np.testing.assert_array_equal(x, X)


# What is left behind.


def test_no_level_stays_live():
    before = set(levels.LIVE)
    value_and_grad(lambda x: np.sum(x * x), mode="reverse")(X)
    vjp(np.sin, X)[1](X)

    def failing(x):
        y = np.exp(x)
        raise RuntimeError(f"after {y.shape}")

    with pytest.raises(RuntimeError, match="after"):
        grad(failing, mode="reverse")(X)
    with pytest.raises(RuntimeError, match="after"):
        vjp(failing, X)
    with pytest.raises(RuntimeError, match="after"):
        grad(lambda x: np.sum(grad(failing, mode="reverse")(x)), mode="reverse")(X)
    assert before == levels.LIVE


def test_dual_array_that_was_kept_is_refused():
    kept = []
    grad(lambda x: [np.sum(x), kept.append(x)][0], mode="reverse")(X)
    with pytest.raises(ValueError, match="kept beyond the derivative"):
        grad(lambda x: np.sum(x * kept[0]), mode="reverse")(X)
    with pytest.raises(ValueError, match="kept beyond the derivative"):
        vjp(lambda x: kept[0], X)


# Changes in place after the function has run.


# Large operands are copied when something may keep them; what only reads them is prepared at the first call.
LARGE = 2**15


@pytest.mark.parametrize("size", [3, LARGE])
@pytest.mark.parametrize("wrap", [lambda f: f, checkpoint], ids=["alone", "in a checkpoint"])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x, np.exp, lambda x: x, lambda x: x[::-1] * x, relu, softmax, lambda x: relu(x).reshape(-1, 1),
        flatten, lambda x: pad(x, 1), lambda x: pad(x, 1, "edge"), lambda x: top_k(x, 2).values,
        lambda x: leaky_relu(x) * x, lambda x: x * leaky_relu(x), lambda x: sigmoid_cross_entropy_logits(x,
        np.resize(X, x.shape)),
    ],
)  # fmt: skip
def test_pull_is_that_of_the_point_where_the_function_ran(function, wrap, size):
    start = np.resize(X, size)
    f = wrap(function)
    cotangent = np.resize(Y, function(start).shape)
    wanted = jvp(function, (start,), (np.resize(Y, size)[::-1],))[1]
    for _ in range(3):
        x = start.copy()
        value, pull = vjp(f, x)
        assert not np.shares_memory(value, x)
        np.testing.assert_array_equal(value, function(start))
        (gradient,) = pull(cotangent)
        np.testing.assert_allclose(gradient @ np.resize(Y, size)[::-1], np.sum(cotangent * wanted), rtol=1e-9)
        # An optimiser's step, and a residual, both in place.
        x -= 0.1 * gradient
        value -= cotangent
        np.testing.assert_array_equal(pull(cotangent)[0], gradient)


def test_large_operands_are_written_to_as_copies():
    def f(x):
        y = relu(x)
        x[1:] = 2.0
        y += x[0]
        return y

    start = np.linspace(0.5, 1.0, LARGE)
    for _ in range(3):
        x = start.copy()
        value, pull = vjp(f, x)
        np.testing.assert_array_equal(x, start)
        np.testing.assert_array_equal(value, start + start[0])
        np.testing.assert_array_equal(pull(np.ones(LARGE))[0][:2], [1 + LARGE, 1])


@pytest.mark.parametrize("write", [lambda x, y: np.multiply(y, 2.0, out=x), lambda x, y: x.__setitem__(..., 2.0 * y)])
def test_large_operands_may_be_written_to_before_they_are_read(write):
    def f(x, y):
        write(x, relu(y))
        return relu(x)

    x, y = np.linspace(-1.0, 1.0, LARGE), np.linspace(0.5, 2.0, LARGE)
    for _ in range(3):
        value, pull = vjp(f, x, y)
        np.testing.assert_array_equal(value, 2.0 * y)
        by_x, by_y = pull(y)
        np.testing.assert_array_equal(by_x, 0.0)
        np.testing.assert_array_equal(by_y, 2.0 * y)
        np.testing.assert_array_equal(x, np.linspace(-1.0, 1.0, LARGE))


def test_large_operands_of_nested_derivatives_are_lent_too():
    x, cotangent = np.linspace(-1.0, 1.0, LARGE), np.linspace(0.5, 2.0, LARGE)
    outer = lambda x: vjp(leaky_relu, x * x)[1](cotangent)[0] * x  # noqa: E731
    for _ in range(2):
        value, pull = vjp(outer, x)
        np.testing.assert_array_equal(value, cotangent * x)
        np.testing.assert_array_equal(pull(cotangent)[0], cotangent * cotangent)


def test_values_that_are_one_array_are_two():
    def f(x):
        y = relu(x)
        return y, y, y[::2]

    for _ in range(2):
        values, _ = vjp(f, np.ones(LARGE))
        assert not np.shares_memory(values[0], values[1])
        assert not np.shares_memory(values[0], values[2])


def test_auxiliary_result_may_be_changed():
    def f(x):
        y = np.exp(x)
        return np.sum(y * y), {"y": y, "name": "text"}

    _, pull, aux = vjp(f, X, has_aux=True)
    wanted = pull(1.0)[0]
    aux["y"] += 1.0
    np.testing.assert_array_equal(pull(1.0)[0], wanted)


def test_value_with_derivatives_may_be_changed():
    def f(x):
        value, pull = vjp(np.exp, x)
        value -= Y
        value[0] = 0.0
        return np.sum(pull(value)[0])

    def plain(x):
        return np.sum((np.exp(x) - Y)[1:] * np.exp(x)[1:])

    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(grad(f, mode=mode)(X), grad(plain, mode=mode)(X), rtol=1e-14)


@pytest.mark.parametrize("size", [5, 50])
def test_push_is_that_of_the_point_where_the_function_ran(size):
    x = np.linspace(0.1, 1.0, size)
    value, push = linearize(np.exp, x)
    wanted = np.exp(x)
    x += 1.0
    value -= 1.0
    np.testing.assert_array_equal(push(np.ones(size)), wanted)
