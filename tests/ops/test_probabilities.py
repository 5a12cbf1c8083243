"""Exponentials and probabilities where one dominates, far from zero, at infinities, and of weight zero."""

import functools

import numpy as np
import pytest
from chosen_backend import divergence, log_softmax, logsumexp, loss, numbafunc, softmax
from oracles import mp

pytestmark = pytest.mark.any_backend

INF = np.inf


def exact_logsumexp(x, b=None):
    return mp.log(mp.fsum(weight * mp.exp(mp.mpf(float(v))) for v, weight in zip(x, b or [1] * len(x))))


def exact_entropy(x, y):
    products = mp.fsum(mp.mpf(float(v)) * mp.mpf(float(share)) for v, share in zip(x, y))
    return exact_logsumexp(x) - products


ONE_HOT = functools.cache(lambda size, dtype: np.eye(1, size, dtype=dtype)[0])

# Of each function the exact value at logits of which the first one is the largest.
FUNCTIONS = {
    "logsumexp": (lambda x: logsumexp(x) - x[0], lambda x: exact_logsumexp(x) - x[0]),
    "log_softmax": (lambda x: -log_softmax(x)[0], lambda x: exact_logsumexp(x) - x[0]),
    "log_softmax_where": (
        lambda x: -log_softmax(x, where=np.ones(len(x), bool))[0], lambda x: exact_logsumexp(x) - x[0]
    ),
    "logsumexp_weighted": (
        lambda x: logsumexp(x, b=np.ones(len(x), x.dtype)) - x[0], lambda x: exact_logsumexp(x) - x[0]
    ),
    "logsumexp_signed": (
        lambda x: logsumexp(x, b=-np.ones(len(x), x.dtype), return_sign=True)[0] - x[0],
        lambda x: exact_logsumexp(x) - x[0],
    ),
    "sparse": (lambda x: loss.cross_entropy_logits_sparse(x, 0), lambda x: exact_logsumexp(x) - x[0]),
    "dense": (
        lambda x: loss.cross_entropy_logits(x, ONE_HOT(len(x), x.dtype)), lambda x: exact_logsumexp(x) - x[0]
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("x", [[0, -40], [0, -30, -31], [0, -0.5], [0, 0], [0, -80, -80, -79]], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_dominant_term_leaves_the_digits_of_the_others(name, x, dtype):
    function, exact = FUNCTIONS[name]
    result = function(np.array(x, dtype))
    assert result.dtype == dtype
    np.testing.assert_allclose(result, float(exact(x)), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_dominant_term_in_rows_and_columns(axis, dtype):
    # Long enough for each loop of the kind; the dominant element is at another place in each row.
    for rows, length in ((40, 7), (3, 70)):
        x = np.full((rows, length), -20.0, dtype)
        x[np.arange(rows), np.arange(rows) % length] = 0
        x = x if axis == 1 else np.ascontiguousarray(x.T)
        wanted = float(mp.log1p((length - 1) * mp.exp(-20)))
        tolerance = 16 * np.finfo(dtype).eps
        np.testing.assert_allclose(logsumexp(x, axis), wanted, rtol=tolerance)
        np.testing.assert_allclose(-np.max(log_softmax(x, axis), axis), wanted, rtol=tolerance)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["sparse", "dense"])
def test_gradient_of_the_dominant_class_keeps_its_digits(name, dtype, mode):
    x = np.array([30, 0, -3, 2], dtype)
    exponentials = [mp.exp(mp.mpf(float(v))) for v in x]
    rest = mp.fsum(exponentials[1:])
    exact = [float(part / (rest + exponentials[0])) for part in (-rest, *exponentials[1:])]
    gradient = numbafunc.grad(FUNCTIONS[name][0], mode=mode)
    np.testing.assert_allclose(gradient(x), exact, rtol=8 * np.finfo(dtype).eps)
    # The first row of the Hessian is p * (1 - p), and -p times the others.
    first = numbafunc.jvp(gradient, (x,), (ONE_HOT(4, dtype),))[1]
    share = exact[:1] + exact[1:]
    np.testing.assert_allclose(first, [-share[0], *(-part for part in share[1:])], rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0, -7, 1000, -1000, 1e6, -1e6], ids=str)
@pytest.mark.parametrize("labels", [[0.3, 0.7], [0.2, 0.3, 0.5], [1, 0, 0], [0.1] * 10, [2, 3]], ids=str)
def test_a_common_offset_costs_no_digits(labels, offset, dtype):
    y = np.array(labels, dtype)
    for rows in (1, 40):
        x = np.tile(np.array(offset + np.arange(len(y)) % 3, dtype), (rows, 1))
        exact = float(exact_entropy(x[0], y))
        result = loss.cross_entropy_logits(x, np.tile(y, (rows, 1)))
        np.testing.assert_allclose(result, exact, rtol=1e-6 if dtype is np.float32 else 2e-14)


def test_a_common_offset_of_a_long_row():
    size = 70_000
    x = np.full(size, 1000, np.float32)
    x[::7] += 1
    y = np.full(size, 2.0**-16, np.float32)
    exact = np.log(60000 + 10000 * np.e) + 1000 - float(x.astype(float) @ y.astype(float))
    np.testing.assert_allclose(loss.cross_entropy_logits(x, y), exact, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_times_infinity_is_nothing(dtype):
    def array(*x):
        return np.array(x, dtype)

    dense, sparse = loss.cross_entropy_logits, loss.cross_entropy_logits_sparse
    np.testing.assert_allclose(dense(array(-INF, 0, 0), array(0, 1, 0)), np.log(2), rtol=1e-6)
    assert dense(array(INF, 0), array(1, 0)) == 0
    assert dense(array(INF, 0), array(0, 1)) == INF
    np.testing.assert_array_equal(sparse(np.tile(array(INF, 0), (2, 1)), [0, 1]), [0, INF])
    sigmoid = loss.sigmoid_cross_entropy_logits(array(INF, -INF, INF, -INF, INF), array(1, 0, 0, 1, 0.5))
    np.testing.assert_array_equal(sigmoid, [0, 0, INF, INF, INF])
    np.testing.assert_allclose(divergence.kl(array(0, 1), array(0.5, 0.5), eps=0), np.log(2), rtol=1e-6)
    assert divergence.kl(array(0, 1), array(0, 1), eps=0) == 0
    assert divergence.kl(array(0.5, 0.5), array(0, 1), eps=0) == INF
    assert np.isnan(divergence.kl(array(0, 1), array(np.nan, 1), eps=0))


GRADIENTS = [
    (lambda x: loss.cross_entropy_logits(x, np.array([0.0, 1.0, 0.0])), [-INF, 0, 0], [0, -0.5, 0.5]),
    (lambda x: loss.cross_entropy_logits(x, np.array([0.0, 1.0, 0.0])), [INF, 0, 0], [1, -1, 0]),
    (lambda x: loss.cross_entropy_logits_sparse(x, 1), [INF, 0, 0], [1, -1, 0]),
    (lambda y: loss.cross_entropy_logits(np.array([-INF, 1.0, 2.0]), y), [0, 1, 0], [INF, -1, -2]),
    (lambda x: np.sum(loss.sigmoid_cross_entropy_logits(x, np.array([1.0, 0, 0]))), [INF, -INF, INF], [0, 0, 1]),
    (lambda y: np.sum(loss.sigmoid_cross_entropy_logits(np.array([INF, -INF]), y)), [1, 0], [-INF, INF]),
    (lambda p: divergence.kl(p, np.array([0.5, 0.5]), 0.0), [0, 1], [-INF, 1 + np.log(2)]),
    (lambda q: divergence.kl(np.array([0.0, 1.0]), q, 0.0), [0, 0.5], [0, -2]),
    (lambda b: logsumexp(np.zeros(3), b=b), [2, 0, 5], [1 / 7] * 3),
    (lambda b: logsumexp(np.zeros(3), b=b, return_sign=True)[0], [2, 0, -5], [-1 / 3] * 3),
]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(("function", "x", "expected"), GRADIENTS)
def test_gradients_at_the_edges(function, x, expected, mode):
    np.testing.assert_allclose(numbafunc.grad(function, mode=mode)(np.array(x, float)), expected, rtol=1e-14)


def test_weights_move_off_zero_to_second_order():
    # The Hessian of log(b @ exp(a)) by b is -s s^T with s = exp(a) / total.
    a, b = np.array([0.0, 2.0, 1.0]), np.array([1.0, 0.0, 2.0])
    share = np.exp(a) / (b @ np.exp(a))
    for mode in ("forward", "reverse"):
        hessian = numbafunc.hessian(lambda b: logsumexp(a, b=b), mode=mode)(b)
        np.testing.assert_allclose(hessian, -np.outer(share, share), rtol=1e-13)


ROWS = [
    ([-INF, -INF], [0, 0]),
    ([1, INF], [0, 1]),
    ([INF, 1, INF], [0.5, 0, 0.5]),
    ([0, -INF, 0], [0.5, 0, 0.5]),
]


@pytest.mark.parametrize("mode", ["jacfwd", "jacrev"])
@pytest.mark.parametrize(("x", "shares"), ROWS, ids=str)
def test_one_rule_at_infinities(x, shares, mode):
    x, shares, jacobian = np.array(x, float), np.array(shares, float), getattr(numbafunc, mode)
    ones = np.ones(len(x))
    curvature = np.diag(shares) - np.outer(shares, shares)
    for function in (
        logsumexp,
        lambda x: logsumexp(x, b=ones),
        lambda x: logsumexp(x, keepdims=True)[0],
        lambda x: logsumexp(x, b=-ones, return_sign=True)[0],
    ):
        np.testing.assert_allclose(jacobian(function)(x), shares, atol=0)
        np.testing.assert_allclose(jacobian(jacobian(function))(x), curvature, atol=0)
    mask = np.ones(len(x), bool)
    for where in (None, mask):
        found = jacobian(lambda x: softmax(x, where=where))(x)  # noqa: B023
        np.testing.assert_allclose(found, curvature, atol=0)
        found = jacobian(lambda x: log_softmax(x, where=where))(x)  # noqa: B023
        expected = (np.eye(len(x)) if shares.any() else 0) - shares * np.ones((len(x), 1))
        np.testing.assert_allclose(found, expected, atol=0)


def test_a_row_of_nothing_leaves_other_derivatives_alone():
    def function(v):
        return v[0] + np.exp(logsumexp(v[2:]))

    for mode in ("forward", "reverse"):
        gradient = numbafunc.grad(function, mode=mode)(np.array([1, 2, -INF, -INF]))
        np.testing.assert_array_equal(gradient, [1, 0, 0, 0])
