"""logsumexp of complex numbers: values against mpmath and SciPy, derivatives against formulas."""

import mpmath
import numpy as np
import pytest
import scipy.special

from numbafunc import grad, hessian, logsumexp
from numbafunc.errors import ShapeError

RANDOM = np.random.default_rng(4)
A = RANDOM.normal(0, 3, (3, 4, 5)) + 1j * RANDOM.normal(0, 3, (3, 4, 5))
WEIGHTS = {
    "none": None,
    "real": RANDOM.normal(size=(4, 5)),
    "complex": RANDOM.normal(size=(3, 4, 5)) + 1j * RANDOM.normal(size=(3, 4, 5)),
}
INF, NAN = np.inf, np.nan


def exact(a, b):
    with mpmath.workdps(60):
        return complex(mpmath.log(mpmath.fsum(mpmath.mpmathify(w) * mpmath.exp(z) for z, w in zip(a, b))))


@pytest.mark.parametrize(("dtype", "rtol"), [(np.complex128, 1e-12), (np.complex64, 1e-4)])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), [1]], ids=str)
@pytest.mark.parametrize("b", WEIGHTS.values(), ids=WEIGHTS)
def test_against_scipy(b, axis, dtype, rtol):
    a = A.astype(dtype)
    if b is not None:
        b = b.astype(dtype if b.dtype.kind == "c" else dtype(0).real.dtype)
    axis_of_scipy = tuple(axis) if isinstance(axis, list) else axis
    for keepdims in (False, True):
        expected = scipy.special.logsumexp(a, axis_of_scipy, b, keepdims)
        result = logsumexp(a, axis, b, keepdims)
        assert (result.dtype, result.shape) == (dtype, expected.shape)
        np.testing.assert_allclose(result, expected, rtol, rtol)
        expected = scipy.special.logsumexp(a, axis_of_scipy, b, keepdims, True)
        for one, wanted in zip(logsumexp(a, axis, b, keepdims, True), expected, strict=True):
            assert (one.dtype, one.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_allclose(one, wanted, rtol, rtol)


def test_digits_and_extremes():
    for a, b in (
        ([0, -40 + 1j], [1, 1]),
        ([1000 + 2j, 1000 - 1j, -1e5], [1, 2j, 1]),
        ([-1e4, -1e4 + 3j], [1, -2]),
        ([3 + 3j, 2 + 2.5j], [-1, 1e-9]),
        ([0.3j, -0.3j, 5], [1e10, 1, 1]),
    ):
        expected, result = exact(a, b), logsumexp(np.array(a, complex), b=np.array(b))
        np.testing.assert_allclose([result.real, result.imag], [expected.real, expected.imag], 2e-15)
    np.testing.assert_array_equal(logsumexp([5j]), (5 - 2 * np.pi) * 1j)
    np.testing.assert_array_equal(logsumexp([1 + 0j, 1], b=[1, -1]), -INF)
    np.testing.assert_array_equal(logsumexp([1 + 0j, 1], b=[1, -1], return_sign=True), [-INF, 0])
    np.testing.assert_array_equal(logsumexp(np.zeros((2, 0), complex), 1), [-INF, -INF])
    np.testing.assert_array_equal(logsumexp([complex(-INF, NAN), 1]), 1)
    np.testing.assert_array_equal(logsumexp([INF + 1j, 1]), complex(INF, 1))
    np.testing.assert_array_equal(logsumexp([complex(NAN, 1), 1j], b=[0, 1]), 1j)
    assert np.isnan(logsumexp([complex(NAN, 1), 1j]))
    np.testing.assert_array_equal(logsumexp(A, 1, where=np.zeros(5, bool)), np.full((3, 5), -INF))


def test_where():
    some = RANDOM.random((4, 5)) < 0.5
    some[0] = True
    expected = scipy.special.logsumexp(np.where(some, A, -INF), 1)
    np.testing.assert_allclose(logsumexp(np.where(some, A, NAN), 1, where=some), expected, 1e-13)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_derivatives(mode):
    x = np.stack([A[0, 0].real, A[0, 0].imag])
    b, c = np.array([1.0, -2.0, 0.0, 3.0, 1.0]), 2 - 1j
    share = b * np.exp(A[0, 0]) / np.sum(b * np.exp(A[0, 0]))
    along = np.array([1, 1j])  # the real and the imaginary parts of a

    def function(x):
        return np.real(c * logsumexp(x[0] + 1j * x[1], b=b))

    np.testing.assert_allclose(grad(function, mode=mode)(x), np.real(c * along[:, None] * share), 1e-12)
    second = np.diag(share) - np.outer(share, share)
    expected = np.real(c * np.einsum("i,k,jl->ijkl", along, along, second))
    np.testing.assert_allclose(hessian(function, mode=mode)(x), expected, 1e-11, 1e-13)
    by_weight = grad(lambda b: np.real(c * logsumexp(A[0, 0], b=b)), mode=mode)(b)
    np.testing.assert_allclose(by_weight, np.real(c * np.exp(A[0, 0]) / np.sum(b * np.exp(A[0, 0]))), 1e-12)
    # The size and the phase of the sum are the real and the imaginary part.
    signed = grad(lambda x: logsumexp(x[0] + 1j * x[1], b=b, return_sign=True)[0], mode=mode)(x)
    np.testing.assert_allclose(signed, np.real(along[:, None] * share), 1e-12)
    some = np.array([1, 0, 1, 1, 0], bool)
    spoiled = np.where(some, x, NAN)
    masked = grad(lambda x: np.imag(logsumexp(x[0] + 1j * x[1], where=some)), mode=mode)(spoiled)
    part = np.where(some, np.exp(A[0, 0]), 0)
    np.testing.assert_allclose(masked, np.imag(along[:, None] * part / np.sum(part)), 1e-12)


def test_refusals():
    with pytest.raises(TypeError, match="b has dtype complex256"):
        logsumexp([1.0], b=np.ones(1, np.clongdouble))
    with pytest.raises(ShapeError, match="a has shape .*b has shape"):
        logsumexp(A, b=np.ones(3))
    with pytest.raises(ValueError, match="axis"):
        logsumexp(A, 3)
    with pytest.raises(TypeError, match="a is a masked array"):
        logsumexp(np.ma.masked_array(A, A.real > 0))
