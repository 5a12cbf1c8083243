"""kl: vectors and products of matrices, the share that is added, and special values."""

import math

import numpy as np
import pytest
from chosen_backend import ACTIVE, divergence, numbafunc

pytestmark = pytest.mark.any_backend

INF, NAN = np.inf, np.nan
kl = divergence.kl


def test_kl_of_vectors():
    p, q = np.array([0.2, 0.3, 0.5], np.float32), np.array([0.1, 0.4, 0.5], np.float32)
    assert kl(p, q).shape == ()
    assert kl(p, q).dtype == np.float32
    np.testing.assert_allclose(kl(p, q), 0.0523191, rtol=2e-6)
    np.testing.assert_allclose(kl(p, q, 0), 0.0523248, rtol=2e-6)
    np.testing.assert_allclose(kl(p, q, eps=1e-3), 0.05158155, rtol=2e-6)


def test_kl_of_matrices_is_a_matrix_product():
    p, q = np.array([[0.2, 0.8], [0.5, 0.5]]), np.array([[0.3, 0.7], [0.6, 0.4]])
    np.testing.assert_allclose(kl(p, q), [[-0.22694574, 0.20521778], [-0.29388577, 0.17833488]], rtol=2e-5)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        *[((3,), (3,)), ((3,), (1,)), ((3,), ()), ((), (3,)), ((), ()), ((2, 2), (2, 2)), ((2, 2), (2,))],
        *[((2, 2), (1, 2)), ((2, 3, 3), (3, 3)), ((2, 3, 3), (2, 3, 3)), ((3,), (3, 3)), ((0,), (0,)), ((1,), (1,))],
    ],
    ids=str,
)
def test_kl_forms(p, q):
    random = np.random.default_rng(0)
    p, q = random.uniform(0.1, 1, p), random.uniform(0.1, 1, q)
    eps = 2.0**-17
    expected = np.dot(p, np.log(p + eps) - np.log(q + eps))
    result = kl(p, q)
    assert type(result) is np.ndarray
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-14)
    for position, x in enumerate((p, q)):
        tangent = numbafunc.jvp(lambda x: kl(x, q) if position == 0 else kl(p, x), (x,), (np.ones_like(x),))[1]  # noqa: B023
        if position == 0:
            stepped = np.dot(p + 1e-30j, np.log(p + 1e-30j + eps) - np.log(q + eps))
        else:
            stepped = np.dot(p, np.log(p + eps) - np.log(q + 1e-30j + eps))
        np.testing.assert_allclose(tangent, np.imag(stepped) / 1e-30, rtol=1e-11, atol=1e-12)


def test_kl_along_eps():
    p, q = np.array([0.2, 0.8]), np.array([0.5, 0.5])
    slope = numbafunc.grad(lambda eps: kl(p, q, eps))(0.01)
    np.testing.assert_allclose(slope, np.sum(p / (p + 0.01) - p / (q + 0.01)), rtol=1e-13)
    assert numbafunc.grad(lambda eps: kl(p, q, eps))(np.float32(0.01)).dtype == np.float32


@pytest.mark.parametrize(("p", "q"), [((1,), (3,)), ((3,), (2,)), ((2, 3), (2, 3)), ((2, 3), (3,))], ids=str)
def test_kl_that_does_not_contract(p, q):
    for error in (ValueError, TypeError):
        with pytest.raises(error, match="p has shape"):
            kl(np.full(p, 0.5), np.full(q, 0.5))


def test_kl_special_values():
    assert kl(np.zeros(0), np.zeros(0)) == 0
    assert kl([0.0, 1.0], [0.5, 0.5], 0) == pytest.approx(math.log(2), 1e-15)
    assert np.isnan(kl([-0.5, 1.0], [0.5, 0.5]))
    assert kl([0.5, 0.5], [0.0, 1.0], 0) == INF
    assert kl([0, 1], [1, 1]).dtype == np.float64
    assert kl([True, False], [True, True]).dtype == np.float64
    assert kl(np.float16([0.5, 0.5]), np.float16([0.25, 0.75])).dtype == np.float16
    assert kl(np.float32([[0.5]]), 0.5).dtype == np.float32
    assert kl(np.float32([0.5]), np.float64([0.5])).dtype == np.float64


@pytest.mark.skipif(ACTIVE, reason="products of a device hide nothing")
def test_weights_of_zero_in_a_product_of_matrices():
    # They hide log(0 / 0), but no NaN that was given.
    np.testing.assert_array_equal(kl(np.zeros((2, 2)), np.zeros((2, 2)), 0), np.zeros((2, 2)))
    np.testing.assert_array_equal(kl(np.eye(2), np.eye(2), 0), [[0, NAN], [NAN, 0]])
    np.testing.assert_array_equal(kl(np.eye(2), [[1, NAN], [0, 1]], 0), [[0, NAN], [NAN, NAN]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_python_numbers_are_weak(dtype):
    x = np.array([[0.5, 0.25], [0.75, 1.0]], dtype)
    for p, q in ((x, 0.5), (x[0], 0.5), (0.5, x), (1, x[0])):
        assert kl(p, q).dtype == dtype
        assert kl(p, q, 0.1).dtype == dtype
    assert kl(x[0], x[0], np.float64(0.1)).dtype == np.float64
