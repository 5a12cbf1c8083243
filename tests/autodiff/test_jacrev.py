"""The driver jacrev against jacfwd: outputs of all kinds, chunks, argnums, errors."""

import numpy as np
import pytest

from numbafunc.autodiff import grad, jacfwd, jacrev

GENERATOR = np.random.default_rng(8)
X = GENERATOR.normal(size=(2, 3))
Y = GENERATOR.normal(size=3)


def check(f, *args, argnums=0, **options):
    got, wanted = jacrev(f, argnums, **options)(*args), jacfwd(f, argnums)(*args)
    compare(got, wanted)


def compare(got, wanted):
    assert type(got) is type(wanted)
    if wanted is None:
        return
    if isinstance(got, dict):
        assert list(got) == list(wanted)
        got, wanted = list(got.values()), list(wanted.values())
    if isinstance(got, (list, tuple)):
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            compare(one, other)
        return
    np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-14)
    assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)


CHUNKS = pytest.mark.parametrize("chunk_size", [None, 1, 2, 3, 5, 100])


@CHUNKS
def test_one_output(chunk_size):
    check(lambda x: np.sin(x.T)[1:] * x[0, 0], X, chunk_size=chunk_size)
    check(lambda x: np.cumsum(x, axis=1) @ x.T, X, chunk_size=chunk_size)


@CHUNKS
def test_several_outputs(chunk_size):
    def f(x):
        return {"a": np.exp(x[0]), "b": [np.sum(x), (x * x).T, np.ones(2)], "c": np.float32(2) * np.ones(2, np.float32)}

    check(f, X, chunk_size=chunk_size)


@CHUNKS
def test_argnums(chunk_size):
    f = lambda x, y, z: (x * y * z, np.sum(y) * z)  # noqa: E731
    check(f, X, Y, 2.0, argnums=(0, 1, 2), chunk_size=chunk_size)
    check(f, X, Y, 2.0, argnums=(2, 0), chunk_size=chunk_size)
    check(f, X, Y, 2.0, argnums=-1, chunk_size=chunk_size)
    check(f, X, Y, 2.0, argnums=[1], chunk_size=chunk_size)
    check(lambda p: p["w"] * p["b"][0], {"w": Y, "b": (2.0, None)}, chunk_size=chunk_size)


@CHUNKS
def test_complex_outputs(chunk_size):
    check(np.fft.rfft, Y, chunk_size=chunk_size)
    check(lambda x: (np.fft.fft2(x) ** 2, np.sum(x), np.conj(x[0] * 1j)), X, chunk_size=chunk_size)
    assert jacrev(np.fft.fft)(Y.astype(np.float32)).dtype == np.complex64


def test_scalar_output_is_the_gradient():
    f = lambda x: np.sum(np.sin(x) * x)  # noqa: E731
    np.testing.assert_array_equal(jacrev(f)(X), grad(f, mode="reverse")(X))
    assert jacrev(lambda x: x * x)(3.0) == 6
    assert jacrev(lambda x: x * x)(3.0).shape == ()


def test_outputs_of_integers_and_constants():
    check(lambda x: (np.argsort(x), np.arange(2), 3.0, True, x), Y)
    assert jacrev(lambda x: np.argmax(x))(Y).dtype.kind == "i"
    np.testing.assert_array_equal(jacrev(lambda x: 2.0)(X), np.zeros((2, 3)))


@pytest.mark.parametrize("size", [0, 1, 4])
def test_sizes(size):
    check(lambda x: np.concatenate([x, x[:0]]) * 2.0, np.ones(size))
    check(lambda x: np.concatenate([x, [1.0, 2.0]]), np.ones(size))
    check(lambda x: x[:0], np.ones(size))


def test_no_outputs():
    assert jacrev(lambda x: ())(X) == ()
    assert jacrev(lambda x: {"a": None})(X) == {"a": None}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes(dtype):
    x = Y.astype(dtype)
    assert jacrev(lambda x: x * 2)(x).dtype == dtype
    assert jacrev(lambda x: x * np.float64(2))(x).dtype == np.float64
    # Rows have the dtype of the output, whatever that of the other variables.
    first, second = jacrev(lambda x, y: x * y, (0, 1))(x, Y)
    assert first.dtype == second.dtype == np.float64
    np.testing.assert_allclose(first, np.diag(Y), rtol=1e-3)


def test_auxiliary_result():
    for chunk_size in (None, 1):
        jacobian, aux = jacrev(lambda x: (2 * x, {"x": x, "name": "text"}), has_aux=True, chunk_size=chunk_size)(Y)
        np.testing.assert_array_equal(jacobian, 2 * np.eye(3))
        assert type(aux["x"]) is np.ndarray
        np.testing.assert_array_equal(aux["x"], Y)
        assert aux["name"] == "text"
    with pytest.raises(TypeError, match="pair"):
        jacrev(lambda x: x, has_aux=True)(1.0)


def test_other_arguments_pass_through():
    def g(x, label, *, scale):
        assert label == "text"
        return x * scale

    np.testing.assert_array_equal(jacrev(g)(Y, "text", scale=5.0), 5 * np.eye(3))


def test_runs():
    calls = []

    def f(x):
        calls.append(1)
        return x * x

    jacrev(f, chunk_size=1)(np.ones(20))
    assert len(calls) == 2


def test_rows_share_no_memory():
    first, second = jacrev(lambda x: (x, x))(np.ones(2))
    first += 1
    np.testing.assert_array_equal(second, np.eye(2))
    jacobian = jacrev(lambda x: np.broadcast_to(x, (4, 2)))(np.ones(2))
    jacobian += 1
    np.testing.assert_array_equal(jacobian, 1 + np.stack([np.eye(2)] * 4))
    for jacobian in jacrev(lambda x, y: x + y, (0, 1))(Y, Y):
        jacobian += 1
        np.testing.assert_array_equal(jacobian, 1 + np.eye(3))


def test_nested():
    f = lambda x: np.sum(np.sin(x) * x[::-1] ** 2)  # noqa: E731
    wanted = jacfwd(jacfwd(f))(Y)
    for inner in (jacfwd, jacrev):
        for outer in (jacfwd, jacrev):
            np.testing.assert_allclose(outer(inner(f))(Y), wanted, rtol=1e-12, atol=1e-13)
    wanted = jacfwd(jacfwd(jacfwd(f)))(Y)
    np.testing.assert_allclose(jacrev(jacrev(jacrev(f)))(Y), wanted, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(jacrev(jacfwd(jacrev(f)), chunk_size=2)(Y), wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"argnums": 1.0}, TypeError, "argnums"),
        ({"argnums": ()}, TypeError, "argnums"),
        ({"chunk_size": 0}, ValueError, "chunk_size is 0"),
        ({"chunk_size": 2.0}, TypeError, "chunk_size"),
    ],
)
def test_options_are_checked_at_once(options, error, match):
    with pytest.raises(error, match=match):
        jacrev(np.sin, **options)


@pytest.mark.parametrize(
    ("x", "match"),
    [(2, "argument 0 has dtype int64"), (1j, "complex"), ({"a": [1.0, 1]}, r"argument 0\['a'\]\[1\] has dtype int64")],
)
def test_argument_that_is_not_floating(x, match):
    with pytest.raises(TypeError, match=match):
        jacrev(lambda x: 1.0)(x)


def test_outputs_that_are_no_arrays():
    with pytest.raises(TypeError, match=r"the output of f\[1\] is a str"):
        jacrev(lambda x: (x, "text"))(1.0)
    with pytest.raises(TypeError, match="2 positional|1 positional"):
        jacrev(np.sin, 1)(1.0)
