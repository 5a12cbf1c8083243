"""The drivers hvp and hessian: values, structures, chunks, memory and errors."""

import tracemalloc

import numpy as np
import pytest

from numbafunc.autodiff import Dual, grad, hessian, hvp, jvp, variables

X = np.array([0.3, -1.2, 0.7, 2.0, 0.1])
CHUNKS = [None, 1, 2, 3, 5, 9]


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def hessian_of_rosenbrock(x):
    n = x.size
    h = np.zeros((n, n))
    for i in range(n - 1):
        h[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        h[i + 1, i + 1] += 200
        h[i, i + 1] = h[i + 1, i] = -400 * x[i]
    return h


@pytest.mark.parametrize("chunk_size", CHUNKS)
def test_hessian(chunk_size):
    result = hessian(rosenbrock, chunk_size=chunk_size)(X)
    assert type(result) is np.ndarray
    np.testing.assert_allclose(result, hessian_of_rosenbrock(X), rtol=1e-14, atol=1e-12)
    result += 1


@pytest.mark.parametrize("chunk_size", CHUNKS)
def test_hessian_vector_product(chunk_size):
    v = np.array([1.0, -2.0, 0.5, 0.0, 3.0])
    result = hvp(rosenbrock, (X,), (v,), chunk_size=chunk_size)
    np.testing.assert_allclose(result, hessian_of_rosenbrock(X) @ v, rtol=1e-14)


def mixed(p, scale, *, shift=0.0):
    return np.sum(np.sin(p["a"]) * scale[0]) * p["b"] ** 2 + shift * p["b"] ** 3


@pytest.mark.parametrize("chunk_size", CHUNKS)
def test_nests_and_keywords(chunk_size):
    p = {"a": np.array([[0.1, 0.2], [0.3, 0.4]]), "b": 2.0}
    h = hessian(mixed, chunk_size=chunk_size)(p, (3.0,), shift=5.0)
    np.testing.assert_allclose(h["a"]["a"].reshape(4, 4), np.diag(-12 * np.sin(p["a"]).ravel()), rtol=1e-14)
    np.testing.assert_allclose(h["a"]["b"], 12 * np.cos(p["a"]), rtol=1e-14)
    np.testing.assert_allclose(h["b"]["a"], 12 * np.cos(p["a"]), rtol=1e-14)
    np.testing.assert_allclose(h["b"]["b"], 6 * np.sin(p["a"]).sum() + 60, rtol=1e-14)
    assert h["b"]["b"].shape == ()


@pytest.mark.parametrize("chunk_size", CHUNKS)
def test_argnums(chunk_size):
    def f(x, n, y):
        return np.sum(x * x * y) * n

    x, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    np.testing.assert_allclose(hessian(f, chunk_size=chunk_size)(x, 3, y), np.diag(6 * y))
    np.testing.assert_allclose(hessian(f, -1, chunk_size=chunk_size)(x, 3, y), np.zeros((2, 2)))
    ((yy, yx), (xy, xx)) = hessian(f, (2, 0), chunk_size=chunk_size)(x, 3, y)
    np.testing.assert_allclose(yy, np.zeros((2, 2)))
    np.testing.assert_allclose(xx, np.diag(6 * y))
    np.testing.assert_allclose(xy, np.diag(6 * x))
    np.testing.assert_allclose(yx, np.diag(6 * x))


def test_several_primals():
    def f(x, y):
        return np.sum(x * x * y)

    x, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    by_x, by_y = hvp(f, (x, y), (np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    np.testing.assert_allclose(by_x, [2 * 3.0, 2 * 2.0])
    np.testing.assert_allclose(by_y, [2 * 1.0, 0.0])
    by_x, by_y = hvp(f, (x, y), (None, np.array([0.0, 1.0])))
    np.testing.assert_allclose(by_x, [0.0, 4.0])
    np.testing.assert_allclose(by_y, [0.0, 0.0])


def test_auxiliary_result():
    def f(x):
        return np.sum(x**3), {"x": x, "note": "text"}

    h, aux = hessian(f, has_aux=True)(X)
    np.testing.assert_allclose(h, np.diag(6 * X))
    product, other = hvp(f, (X,), (X,), has_aux=True)
    np.testing.assert_allclose(product, 6 * X * X)
    for found in (aux, other):
        assert type(found["x"]) is np.ndarray
        np.testing.assert_array_equal(found["x"], X)
        assert found["note"] == "text"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype(dtype):
    x = np.array([1.0, 2.0], dtype)
    assert hessian(lambda x: np.sum(x**3))(x).dtype == dtype
    assert hvp(lambda x: np.sum(x**3), (x,), (x,)).dtype == dtype


def test_inside_and_around_other_derivatives():
    third = grad(lambda t: hessian(lambda x: np.sum(x**3) * t)(X)[1, 1])(2.0)
    np.testing.assert_allclose(third, 6 * X[1])
    change = jvp(lambda x: hessian(rosenbrock, chunk_size=2)(x), (X,), (np.eye(5)[1],))[1]
    h = 1e-6
    e = np.eye(5)[1] * h
    np.testing.assert_allclose(
        change, (hessian_of_rosenbrock(X + e) - hessian_of_rosenbrock(X - e)) / (2 * h), atol=1e-5
    )
    outer = hessian(lambda x: np.sum(grad(lambda y: np.sum(y**2 * x))(x) ** 2))(X)
    np.testing.assert_allclose(outer, np.diag(48 * X**2), rtol=1e-14)


def test_functions_without_curvature_and_empty_arguments():
    for f in (lambda x: 2.0, np.sum, lambda x: grad(lambda y: np.sum(y))(x)[0]):
        np.testing.assert_array_equal(hessian(f)(X), np.zeros((5, 5)))
        np.testing.assert_array_equal(hvp(f, (X,), (X,)), np.zeros(5))
    assert hessian(np.sum)(np.zeros((0, 3))).shape == (0, 3, 0, 3)
    assert hessian(lambda x: x**3)(2.0) == 12


def test_runs_are_bounded_and_half_of_the_blocks():
    seen = []

    def f(x):
        seen.append(x.tangent.shape[0] * x.primal.tangent.shape[0] if isinstance(x.primal, Dual) else 0)
        return np.sum(x**2)

    hessian(f, chunk_size=10)(np.ones(100))
    assert len(seen) == 55
    assert max(seen) == 100
    seen.clear()
    hessian(f)(np.ones(1000))
    assert max(seen) * 8000 <= variables.MIXED_CHUNK_BYTES


@pytest.mark.parametrize("chunk_size", [1, 30, 60])
def test_blocks_in_which_few_variables_meet(chunk_size):
    x = np.linspace(-1, 1, 60)
    np.testing.assert_allclose(hessian(rosenbrock, chunk_size=chunk_size)(x), hessian_of_rosenbrock(x), atol=1e-12)

    def f(x):
        # The third variable and the last but one meet in one element, after they stood apart in others.
        y = x * x
        z = y[::-1] * x
        return np.sum(y * y) + z[1] * z[2] + np.sum(np.where(np.arange(60) == 2, z * x, 0))

    wanted = np.diag(12 * x**2)
    a, b, c, d = 1, 58, 2, 57
    # a b^2 c d^2 + c^2 d^2
    powers = {a: 1, b: 2, c: 1, d: 2}

    def term(*left):
        exponents = dict(powers)
        factor = 1.0
        for i in left:
            factor *= exponents[i]
            exponents[i] -= 1
        return factor * np.prod([x[i] ** e for i, e in exponents.items()])

    for i in powers:
        for j in powers:
            wanted[i, j] += term(i, j)
    wanted[c, c] += 2 * x[d] ** 2
    wanted[d, d] += 2 * x[c] ** 2
    wanted[c, d] += 4 * x[c] * x[d]
    wanted[d, c] += 4 * x[c] * x[d]
    np.testing.assert_allclose(hessian(f, chunk_size=chunk_size)(x), wanted, atol=1e-13)


@pytest.mark.parametrize("chunk_size", [1, 30, 60])
def test_infinite_curvature_stays_where_it_is(chunk_size):
    x = np.linspace(0, 1, 60)
    with np.errstate(divide="ignore"):
        wanted = np.diag(-0.25 * x**-1.5)
    np.testing.assert_allclose(hessian(lambda x: np.sum(np.sqrt(x)), chunk_size=chunk_size)(x), wanted)


def test_memory():
    x = np.linspace(0, 1, 300)
    peaks = []
    for chunk_size in (5, 30):
        tracemalloc.start()
        hessian(rosenbrock, chunk_size=chunk_size)(x)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    result = 300 * 300 * 8
    # Result, its blocks and the joining, and some second-order tangents of the argument's size.
    assert peaks[0] < 4 * result + 12 * 5 * 5 * 300 * 8
    assert peaks[1] < 4 * result + 12 * 30 * 30 * 300 * 8


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (2, "argument 0 has dtype int64"),
        (True, "bool"),
        (np.ones(2, complex), "argument 0 is complex"),
        ({"a": [1.0, 1]}, r"argument 0\['a'\]\[1\] has dtype int64"),
    ],
)
def test_arguments_that_are_not_floating(x, match):
    with pytest.raises(TypeError, match=match):
        hessian(lambda x: 1.0)(x)


def test_errors():
    with pytest.raises(TypeError, match="shape \\(5,\\)"):
        hessian(lambda x: x * x)(X)
    with pytest.raises(TypeError, match="pair"):
        hessian(np.sum, has_aux=True)(X)
    with pytest.raises(TypeError, match="pair"):
        hvp(np.sum, (X,), (X,), has_aux=True)
    with pytest.raises(ValueError, match="chunk_size is 0"):
        hessian(np.sum, chunk_size=0)
    with pytest.raises(TypeError, match="argnums"):
        hessian(np.sum, 1.5)
    with pytest.raises(TypeError, match="shape \\(5,\\)"):
        hvp(lambda x: x, (X,), (X,))
    with pytest.raises(TypeError, match="primals must be a tuple or list"):
        hvp(np.sum, X, X)
    with pytest.raises(ValueError, match=r"tangents\[0\] has shape"):
        hvp(np.sum, (X,), (X[:2],))
    with pytest.raises(TypeError, match=r"primals\[0\] has dtype int64"):
        hvp(np.sum, (3,), (3,))
