"""The drivers grad, value_and_grad and jacfwd: arguments, structures, chunks and errors."""

import numpy as np
import pytest

from numbafunc.autodiff import Dual, grad, jacfwd, value_and_grad, variables

X = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])


def f(x):
    return np.sum(np.sin(x) * x)


def gradient_of_f(x):
    return np.cos(x) * x + np.sin(x)


@pytest.mark.parametrize("chunk_size", [None, 1, 2, 4, 5, 6, 100])
def test_gradient(chunk_size):
    gradient = grad(f, chunk_size=chunk_size)(X)
    assert type(gradient) is np.ndarray
    np.testing.assert_allclose(gradient, gradient_of_f(X), rtol=1e-15)
    value, gradient = value_and_grad(f, chunk_size=chunk_size)(X)
    assert value == f(X)
    assert value.shape == ()
    np.testing.assert_allclose(gradient, gradient_of_f(X), rtol=1e-15)


@pytest.mark.parametrize("chunk_size", [None, 1, 4, 100])
def test_jacobian(chunk_size):
    jacobian = jacfwd(lambda x: np.sin(x.T)[1:] * x[0, 0], chunk_size=chunk_size)(X)
    assert jacobian.shape == (2, 2, 2, 3)
    expected = np.zeros((2, 2, 2, 3))
    for i in range(2):
        for j in range(2):
            expected[i, j, j, i + 1] += np.cos(X[j, i + 1]) * X[0, 0]
            expected[i, j, 0, 0] += np.sin(X[j, i + 1])
    np.testing.assert_allclose(jacobian, expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_that_of_the_argument(dtype):
    x = np.array([1.0, 2.0], dtype)
    assert grad(lambda x: np.sum(x * x))(x).dtype == dtype
    assert grad(lambda x: np.sum(x * np.array([1.0, 2.0])))(x).dtype == dtype
    assert jacfwd(lambda x: x * 2)(x).dtype == dtype
    assert jacfwd(lambda x: x * np.float64(2))(x).dtype == np.float64


def test_python_float():
    gradient = grad(lambda x: x**3)(2.0)
    assert type(gradient) is np.ndarray
    assert gradient.shape == ()
    assert gradient == 12
    value, gradient = value_and_grad(lambda x: x**3)(2.0)
    assert (value, gradient) == (8, 12)


def test_gradient_is_fresh_and_writable():
    for gradient in (grad(np.sum)(X), grad(lambda x: x)(2.0), jacfwd(lambda x: np.broadcast_to(x, (4, 2, 3)))(X)):
        gradient += 1
    first, second = jacfwd(lambda x: (x, x))(np.ones(2))
    first += 1
    np.testing.assert_array_equal(second, np.eye(2))


def test_nested_arguments():
    parameters = {"w": np.array([1.0, 2.0]), "b": (3.0, None, [np.float32(2)])}
    gradient = grad(lambda p: np.sum(p["w"] ** 2) * p["b"][0] + p["b"][2][0])(parameters)
    np.testing.assert_array_equal(gradient["w"], [6, 12])
    assert gradient["b"][0] == 5
    assert gradient["b"][1] is None
    assert gradient["b"][2][0] == 1
    assert gradient["b"][2][0].dtype == np.float32


@pytest.mark.parametrize("chunk_size", [None, 1, 2, 3])
def test_argnums(chunk_size):
    def g(x, y, z):
        return np.sum(x * y) * z

    x, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    np.testing.assert_array_equal(grad(g, chunk_size=chunk_size)(x, y, 2.0), 2 * y)
    np.testing.assert_array_equal(grad(g, 1, chunk_size=chunk_size)(x, y, 2.0), 2 * x)
    np.testing.assert_array_equal(grad(g, -1, chunk_size=chunk_size)(x, y, 2.0), 13)
    both = grad(g, (2, 0), chunk_size=chunk_size)(x, y, 2.0)
    assert type(both) is tuple
    np.testing.assert_array_equal(both[0], 13)
    np.testing.assert_array_equal(both[1], 2 * y)
    (single,) = grad(g, [0])(x, y, 2.0)
    np.testing.assert_array_equal(single, 2 * y)
    blocks = jacfwd(lambda x, y: {"a": x * y}, (0, 1), chunk_size=chunk_size)(x, y)
    np.testing.assert_array_equal(blocks["a"][0], np.diag(y))
    np.testing.assert_array_equal(blocks["a"][1], np.diag(x))


def test_other_arguments_pass_through():
    def g(x, label, *, scale, table):
        assert label == "text"
        assert table == {"n": 3}
        return x * scale * table["n"]

    assert grad(g)(2.0, "text", scale=5.0, table={"n": 3}) == 15


def test_auxiliary_result():
    def g(x):
        return np.sum(x * x), {"double": 2 * x, "name": "text", "count": 3}

    gradient, aux = grad(g, has_aux=True)(X)
    np.testing.assert_array_equal(gradient, 2 * X)
    assert type(aux["double"]) is np.ndarray
    np.testing.assert_array_equal(aux["double"], 2 * X)
    assert (aux["name"], aux["count"]) == ("text", 3)
    (value, aux), gradient = value_and_grad(g, has_aux=True, chunk_size=2)(X)
    assert value == np.sum(X * X)
    assert aux["name"] == "text"
    jacobian, aux = jacfwd(lambda x: (2 * x, x), has_aux=True)(np.ones(2))
    np.testing.assert_array_equal(jacobian, 2 * np.eye(2))
    np.testing.assert_array_equal(aux, 1)
    with pytest.raises(TypeError, match="pair"):
        grad(lambda x: x, has_aux=True)(1.0)
    with pytest.raises(TypeError, match="pair"):
        jacfwd(lambda x: x, has_aux=True)(1.0)


def test_result_that_does_not_depend():
    np.testing.assert_array_equal(grad(lambda x: 2.0)(X), np.zeros((2, 3)))
    np.testing.assert_array_equal(jacfwd(lambda x: (np.ones(2), np.arange(2)))(X)[1], np.zeros((2, 2, 3)))


def test_empty_argument():
    assert grad(np.sum)(np.zeros((0, 3))).shape == (0, 3)
    value, gradient = value_and_grad(np.sum)(np.zeros(0))
    assert value == 0
    assert gradient.shape == (0,)
    assert jacfwd(lambda x: np.concatenate([x, [1.0, 2.0]]))(np.zeros(0)).shape == (2, 0)
    with pytest.raises(TypeError, match="shape"):
        grad(lambda x: x)(np.zeros(0))


def test_work_is_shared_between_directions():
    calls = []

    def g(x):
        calls.append(x.tangent.shape if isinstance(x, Dual) else None)
        return np.sum(x)

    grad(g, mode="forward")(np.ones(1000))
    assert calls == [(1000, 1000)]
    calls.clear()
    grad(g, chunk_size=400)(np.ones(1000))
    assert calls == [(400, 1000), (400, 1000), (200, 1000)]


def test_memory_is_bounded(monkeypatch):
    sizes = []

    def g(x):
        sizes.append(x.tangent.nbytes)
        return np.sum(x)

    monkeypatch.setattr(variables, "CHUNK_BYTES", 2**14)
    np.testing.assert_array_equal(grad(g, mode="forward")(np.ones(100)), np.ones(100))
    assert max(sizes) <= 2**14
    assert len(sizes) == 5
    monkeypatch.setattr(variables, "CHUNK_BYTES", 1)
    assert grad(np.sum)(np.ones(3)).sum() == 3
    monkeypatch.setattr(variables, "CHUNK_BYTES", 2**30)
    sizes.clear()
    grad(g, mode="forward")(np.ones(1500))
    assert len(sizes) == 2


def test_parts_that_do_not_move_stay_arrays():
    seen = []

    def g(p):
        seen.append([isinstance(x, Dual) for x in p])
        return np.sum(p[0]) + np.sum(p[1])

    grad(g, chunk_size=2)([np.ones(2), np.ones(2)])
    assert seen == [[True, False], [False, True]]


@pytest.mark.parametrize("driver", [grad, value_and_grad, jacfwd])
@pytest.mark.parametrize(
    ("x", "match"),
    [
        (2, "argument 0 has dtype int64"),
        (np.ones(2, np.int8), "int8"),
        (True, "bool"),
        (1j, "complex"),
        ("text", "argument 0 is a str"),
        ({"a": [1.0, 1]}, r"argument 0\['a'\]\[1\] has dtype int64"),
    ],
)
def test_argument_that_is_not_floating(driver, x, match):
    with pytest.raises(TypeError, match=match):
        driver(lambda x: 1.0)(x)


@pytest.mark.parametrize("driver", [grad, value_and_grad])
@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda x: x, r"shape \(2,\)"),
        (lambda x: x.reshape(2, 1)[:1], r"shape \(1, 1\)"),
        (lambda x: np.argmax(x), "dtype int64"),
        (lambda x: 3, "dtype int64"),
        (lambda x: True, "dtype bool"),
        (lambda x: 1j, "dtype complex128"),
        (lambda x: (x.sum(), x.sum()), "a tuple"),
        (lambda x: [x.sum()], "a list"),
        (lambda x: None, "None"),
        (lambda x: "text", "a str"),
    ],
)
def test_result_that_is_no_floating_scalar(driver, function, match):
    with pytest.raises(TypeError, match=match):
        driver(function)(np.ones(2))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"argnums": 1.0}, TypeError, "argnums"),
        ({"argnums": ()}, TypeError, "argnums"),
        ({"argnums": True}, TypeError, "argnums"),
        ({"argnums": "x"}, TypeError, "argnums"),
        ({"chunk_size": 0}, ValueError, "chunk_size is 0"),
        ({"chunk_size": 2.0}, TypeError, "chunk_size"),
    ],
)
@pytest.mark.parametrize("driver", [grad, value_and_grad, jacfwd])
def test_options_are_checked_at_once(driver, options, error, match):
    with pytest.raises(error, match=match):
        driver(f, **options)


@pytest.mark.parametrize("driver", [grad, value_and_grad, jacfwd])
def test_argnums_are_checked_against_the_call(driver):
    with pytest.raises(TypeError, match="1 positional"):
        driver(f, 1)(X)
    with pytest.raises(ValueError, match="twice"):
        driver(f, (0, -1))(X)


def test_name_and_docstring_are_kept():
    assert grad(f).__name__ == "f"
    assert grad(np.sum)(X).shape == X.shape
