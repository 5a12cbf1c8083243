"""numpy.linalg, products, convolution and interpolation of dual arrays: derivatives against finite differences."""

import dual_checks
import mpmath
import numpy as np
import pytest
from dual_table_linalg import CASES

from numbafunc import grad, jacfwd, jacrev, jvp, value_and_grad
from numbafunc.autodiff import Dual
from numbafunc.dual.tables import FUNCTION_RULES, UFUNC_RULES


@pytest.mark.parametrize("case", [case for case in CASES if len(case.arrays) > 1], ids=lambda case: case.name)
def test_operands_of_two_levels(case):
    dual_checks.check_levels(case)


def dual(value, *directions):
    value = np.asarray(value, float)
    return Dual(value, np.stack([np.broadcast_to(np.asarray(v, float), value.shape) for v in directions]), 1)


# Every function of numpy.linalg and numpy.fft has a rule or says by name that it has none.


@pytest.mark.parametrize("module", [np.linalg, np.fft])
def test_every_function_is_decided(module):
    for name in set(module.__all__) - {"LinAlgError", "fftfreq", "rfftfreq"}:
        function = getattr(module, name)
        assert function in FUNCTION_RULES or getattr(np, name, None) in UFUNC_RULES, name


# Kinks, ties and points where no derivative exists.


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("order", [None, 2, 3, 1.5, "fro", "nuc"])
def test_norm_of_zero(order, mode):
    shape = (2, 2) if isinstance(order, str) else (3,)
    slope = grad(lambda x: np.linalg.norm(x, order), mode=mode)(np.zeros(shape))
    if order == "nuc":
        # A subgradient: its singular values are at most 1.
        assert np.linalg.norm(slope, 2) <= 1 + 1e-15
    else:
        np.testing.assert_array_equal(slope, np.zeros(shape))


@pytest.mark.parametrize("driver", [jacfwd, jacrev])
def test_norm_of_zero_spoils_no_other_row(driver):
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    jacobian = driver(lambda x: np.linalg.norm(x, axis=1))(x)
    np.testing.assert_allclose(jacobian, [[[0, 0], [0, 0]], [[0, 0], [0.6, 0.8]]])


def test_ties_follow_the_first():
    x = np.array([1.0, -2.0, 2.0])
    np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, np.inf))(x), [0, -1, 0])
    np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, 1))(np.array([0.0, -1.0])), [1, -1])
    matrix = np.array([[1.0, 1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, 1))(matrix), [[1, 0], [1, 0]])
    np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, np.inf))(matrix), [[1, 1], [0, 0]])


def test_only_the_triangle_that_is_read_counts():
    a = np.array([[4.0, 1.0], [1.0, 3.0]])
    for function, other in (
        (np.linalg.cholesky, lambda a: np.linalg.cholesky(a, upper=True)),
        (np.linalg.eigvalsh, lambda a: np.linalg.eigvalsh(a, "U")),
        (lambda a: np.linalg.eigh(a).eigenvectors, lambda a: np.linalg.eigh(a, "U").eigenvectors),
    ):
        assert np.all(jacfwd(function)(a)[..., 0, 1] == 0)
        assert np.any(jacfwd(function)(a)[..., 1, 0] != 0)
        assert np.all(jacfwd(other)(a)[..., 1, 0] == 0)
        assert np.any(jacfwd(other)(a)[..., 0, 1] != 0)


def test_eigenvalues_that_coincide():
    identity = np.eye(2)
    # A direction that does not mix the vectors keeps their derivative finite.
    values, vectors = np.linalg.eigh(dual(identity, np.diag([2.0, 3.0]), [[0, 1], [1, 0]]))
    np.testing.assert_array_equal(values.tangent, [[2, 3], [0, 0]])
    np.testing.assert_array_equal(vectors.tangent[0], np.zeros((2, 2)))
    assert not np.isfinite(vectors.tangent[1]).all()
    trace = lambda a: np.sum(np.linalg.eigvalsh(a))  # noqa: E731
    np.testing.assert_allclose(grad(trace)(identity), identity, atol=1e-15)


def test_general_eigenvalues_that_coincide():
    defective = np.array([[1.0, 1.0], [0.0, 1.0]])
    values, vectors = np.linalg.eig(dual(defective, [[0, 0], [1, 0]]))
    # Rounding keeps the two vectors, which are parallel, about 1e-16 apart.
    assert not np.max(abs(values.tangent)) < 1e15
    assert not np.max(abs(vectors.tangent)) < 1e15
    values, vectors = np.linalg.eig(dual(np.eye(2), np.diag([2.0, 3.0])))
    np.testing.assert_array_equal(values.tangent, [[2, 3]])
    np.testing.assert_array_equal(vectors.tangent, np.zeros((1, 2, 2)))


def test_eigenvectors_stay_as_numpy_normalises_them():
    a, v = np.random.default_rng(6).normal(size=(2, 4, 4))
    vectors, slope = jvp(lambda a: np.linalg.eig(a).eigenvectors, (a,), (v,))
    assert vectors.dtype.kind == "c"
    np.testing.assert_allclose(np.sum(np.conj(vectors) * slope, axis=0).real, np.zeros(4), atol=1e-13)
    largest = np.argmax(abs(vectors), axis=0)
    np.testing.assert_allclose(slope[largest, range(4)].imag, np.zeros(4), atol=1e-13)


def test_singular_values_that_coincide():
    u, s, vh = np.linalg.svd(dual(np.eye(2), np.diag([2.0, 3.0]), [[0, 1], [0, 0]]))
    np.testing.assert_allclose(np.sum(s.tangent, 1), [5, 0], atol=1e-15)
    assert np.isfinite(u.tangent[0]).all()
    assert not np.isfinite(vh.tangent[1]).all()


def test_singular_value_of_zero():
    a = np.array([[2.0, 0.0], [0.0, 0.0]])
    u, s, vh = np.linalg.svd(dual(a, [[1, 2], [3, 4]]))
    np.testing.assert_array_equal(u.primal @ np.diag(s.primal) @ vh.primal, a)
    product = u @ (s[:, np.newaxis] * vh)
    np.testing.assert_allclose(product.tangent[0], [[1, 2], [3, 4]], atol=1e-15)


def test_second_derivative_of_the_determinant_of_a_singular_matrix():
    # The second derivative of a d - b c is constant.
    hessian = jacfwd(grad(np.linalg.det))
    for matrix in (np.zeros((2, 2)), np.ones((2, 2)), np.eye(2)):
        second = hessian(matrix)
        assert second[0, 0, 1, 1] == second[1, 1, 0, 0] == 1
        assert second[0, 1, 1, 0] == second[1, 0, 0, 1] == -1
        assert np.count_nonzero(second) == 4


def test_gaussian_log_likelihood():
    # With S = L L*, d log det S / dS_ij of a symmetric change is 2 inv(S)_ij.
    generator = np.random.default_rng(3)
    data = generator.normal(size=(20, 3))

    def log_likelihood(parameters):
        factor = np.tril(parameters)
        covariance = factor @ factor.T
        lower = np.linalg.cholesky(covariance)
        whitened = np.linalg.solve(lower, data.T)
        return -0.5 * np.sum(whitened**2) - len(data) * np.sum(np.log(np.diagonal(lower)))

    factor = np.linalg.cholesky(np.cov(data.T) * 19 / 20 + np.outer(*[data.mean(0)] * 2))
    np.testing.assert_allclose(grad(log_likelihood)(factor), np.zeros((3, 3)), atol=1e-10)
    hessian = jacfwd(grad(log_likelihood))(factor).reshape(9, 9)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-9)
    assert np.max(np.linalg.eigvalsh(hessian)) < 1e-9


def test_interp_at_knots_and_beyond():
    x = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, np.nan])
    slope = jvp(lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 5.0]), (x,), (np.ones(6),))[1]
    np.testing.assert_array_equal(slope[:5], [0, 1, 4, 4, 0])
    ends = jvp(lambda f: np.interp(x, [0.0, 1.0, 2.0], f), (np.zeros(3),), (np.array([1.0, 2.0, 3.0]),))[1]
    np.testing.assert_array_equal(ends[:5], [1, 1, 2, 3, 3])


def test_sinc_around_zero():
    derivatives = [np.sinc]
    for _ in range(4):
        derivatives.append(lambda x, f=derivatives[-1]: jvp(f, (x,), (np.ones_like(x),))[1])
    points = np.array([0.0, 1e-9, 1e-3, 0.2, 0.49, 0.51, 3.3])
    for order in range(1, 4):
        exact = [float(mpmath.diff(mpmath.sincpi, point, order)) for point in points]
        np.testing.assert_allclose(derivatives[order](points), exact, rtol=1e-9, atol=1e-9)


# What is refused, and NumPy's own errors.


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x: np.linalg.svd(x), "numpy.linalg.svd: .*full_matrices=False"),
        (lambda x: np.linalg.svd(x, False, hermitian=True), "numpy.linalg.svd: hermitian"),
        (lambda x: np.linalg.pinv(x, hermitian=True), "numpy.linalg.pinv: hermitian"),
        (lambda x: np.linalg.qr(x, "complete"), "numpy.linalg.qr: .*mode='complete'"),
        (lambda x: np.linalg.qr(x, "raw"), "numpy.linalg.qr: mode='raw'"),
        (lambda x: np.linalg.multi_dot([x, x.T], out=np.zeros((3, 3))), "numpy.linalg.multi_dot: out can't"),
        (lambda x: np.linalg.trace(x, dtype=np.float32), "numpy.linalg.trace: the argument dtype"),
        (lambda x: np.linalg.matrix_power(x.T @ x, 0.5), "integer"),
        (lambda x: np.einsum("ij->ji", x, out=np.zeros((2, 3))), "numpy.einsum: out can't"),
        (lambda x: np.einsum("ij->ji", x, dtype=np.float32), "numpy.einsum: the argument dtype"),
        (lambda x: np.outer(x, x, out=np.zeros((6, 6))), "numpy.outer: out can't"),
        (lambda x: np.polyfit(x[:, 0], x[:, 1], 1, full=True), "numpy.polyfit: full"),
        (lambda x: np.polyfit(x[:, 0], x[:, 1], 1, cov=True), "numpy.polyfit: .*cov"),
        (lambda x: np.polyval(x[0], np.poly1d([1, 2])), "numpy.polyval: a poly1d"),
        (lambda x: np.poly(x[:2]), "numpy.poly: the characteristic polynomial"),
        (lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0], period=x[0, 0]), "numpy.interp: period"),
        (lambda x: np.linalg.solve(np.array([[object()]]), x[:1]), "numpy.linalg.solve: an operand of dtype object"),
        (lambda x: np.polynomial.polynomial.polyval(2.0, x[0]), "stop_gradient"),
    ],
)
def test_what_is_refused(call, match):
    with pytest.raises(TypeError, match=match):
        call(dual(np.arange(6.0).reshape(3, 2), np.ones((3, 2))))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: np.linalg.inv(x), np.linalg.LinAlgError),
        (lambda x: np.linalg.inv(x[0]), np.linalg.LinAlgError),
        (lambda x: np.linalg.cholesky(-np.eye(2) * x), np.linalg.LinAlgError),
        (lambda x: np.linalg.solve(np.ones((2, 2)), x), np.linalg.LinAlgError),
        (lambda x: np.linalg.solve(np.eye(3), x), ValueError),
        (lambda x: np.linalg.norm(x, 7), ValueError),
        (lambda x: np.linalg.norm(x, axis=2), np.exceptions.AxisError),
        (lambda x: np.linalg.norm(x, axis=(0, 0)), ValueError),
        (lambda x: np.linalg.multi_dot([x, x[0, 0] * np.ones((1, 1, 1)), x]), np.linalg.LinAlgError),
        (lambda x: np.einsum("ij,jk", x), ValueError),
        (lambda x: np.einsum("ijk->i", x), ValueError),
        (lambda x: np.tensordot(x, np.ones(3), 1), ValueError),
        (lambda x: np.cross(x, np.ones(4)), ValueError),
        (lambda x: np.linalg.cross(x, x), ValueError),
        (lambda x: np.linalg.outer(x, x), ValueError),
        (lambda x: np.vecdot(x[0, 0], x), ValueError),
        (lambda x: np.convolve(x[0], []), ValueError),
        (lambda x: np.convolve(x[0], [1.0], "none"), ValueError),
        (lambda x: np.linalg.tensorinv(x, 0), ValueError),
        (lambda x: np.polyder(x[0], -1), ValueError),
        (lambda x: np.polyint(x[0], -1), ValueError),
        (lambda x: np.vander(x), ValueError),
        (lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0], period=0), ValueError),
    ],
)
def test_errors_of_shapes_and_values(call, error):
    with pytest.raises(error):
        call(dual(np.ones((2, 2)), np.ones((2, 2))))


def test_cross_of_vectors_in_the_plane():
    rule = FUNCTION_RULES[np.cross]
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])
    moving = dual(x, [1, 0], [0, 1])
    np.testing.assert_array_equal(rule(moving, y[:2]).tangent, [4, -3])
    np.testing.assert_array_equal(rule(moving, y).tangent, [[0, -5, 4], [5, 0, -3]])
    np.testing.assert_array_equal(rule(y, moving).tangent, [[0, 5, -4], [-5, 0, 3]])


def test_results_have_the_names_of_numpy():
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    assert jvp(lambda a: np.linalg.svd(a).S, (a,), (a,))[1].shape == (2,)
    assert jvp(lambda a: np.linalg.qr(a).R, (a,), (a,))[1].shape == (2, 2)
    assert jvp(lambda a: np.linalg.eigh(a).eigenvalues, (a,), (a,))[1].shape == (2,)
    assert jvp(lambda a: np.linalg.slogdet(a).sign, (a,), (a,))[1] == 0


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_long_convolutions_take_little_memory(mode):
    x, y = np.ones(20000), np.ones(3000)
    value, tangent = jvp(lambda x: np.convolve(x, y, mode), (x,), (x,))
    np.testing.assert_allclose(tangent, value)


def test_einsum_of_many_directions():
    x, y, z = (np.random.default_rng(seed).normal(size=(6, 6)) for seed in range(3))
    for function, term in (
        (lambda x: np.einsum("ij,jk,kl->il", x, y, z), lambda d: d @ y @ z),
        (lambda x: np.einsum("ij,kj->ik", y, x), lambda d: y @ d.T),
    ):
        directions = np.random.default_rng(3).normal(size=(2000, 6, 6))
        tangent = function(Dual(x, directions, 1)).tangent
        np.testing.assert_allclose(tangent, [term(d) for d in directions], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_slogdet_of_singular_matrices(mode):
    a = np.array([[[2.0, 0.0], [0.0, 4.0]], [[1.0, 2.0], [2.0, 4.0]]])
    value, slope = value_and_grad(lambda a: np.sum(np.linalg.slogdet(a).logabsdet), mode=mode)(a)
    assert value == -np.inf
    np.testing.assert_array_equal(slope, [[[0.5, 0], [0, 0.25]], np.full((2, 2), np.nan)])
    assert jvp(np.linalg.slogdet, (a[1],), (np.zeros((2, 2)),))[0].sign == 0
