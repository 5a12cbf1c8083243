"""A call whose form was seen before takes a short cut: it gives the same, and refuses the same."""

import warnings

import numpy as np
import pytest

import numbafunc
from numbafunc import divergence, loss
from numbafunc.kinds.shortcuts import form_of

RANDOM = np.random.default_rng(5)
X, Y, LABELS = RANDOM.random((6, 4)), RANDOM.random((6, 4)), RANDOM.integers(-4, 4, 6)
INDICES = RANDOM.integers(-1, 5, 7)

CALLS = {
    "elu of an array alpha": lambda: numbafunc.elu(X, Y),
    "elu of a row of alphas": lambda: numbafunc.elu(X, Y[0]),
    "elu of one alpha": lambda: numbafunc.elu(X, Y[:1, 0]),
    "sigmoid": lambda: numbafunc.sigmoid(X),
    "softmax": lambda: numbafunc.softmax(X),
    "softmax along the first axis": lambda: numbafunc.softmax(X, 0),
    "log_softmax of all": lambda: numbafunc.log_softmax(X, None),
    "logsumexp": lambda: numbafunc.logsumexp(X, 1),
    "one_hot": lambda: numbafunc.one_hot(INDICES, 4),
    "one_hot of one index": lambda: numbafunc.one_hot(INDICES[:1], 4, dtype=bool, axis=0),
    "one_hot of unsigned indices": lambda: numbafunc.one_hot(INDICES[:1].astype(np.uint8), 4),
    "sigmoid_cross_entropy_logits": lambda: loss.sigmoid_cross_entropy_logits(X, Y),
    "cross_entropy_logits": lambda: loss.cross_entropy_logits(X, Y),
    "cross_entropy_logits_sparse": lambda: loss.cross_entropy_logits_sparse(X, LABELS),
    "cross_entropy_logits_sparse of one label": lambda: loss.cross_entropy_logits_sparse(X, 2),
    "l2": lambda: loss.l2(X),
    "mean_absolute_error": lambda: loss.mean_absolute_error(X, Y),
    "mean_squared_error of all": lambda: loss.mean_squared_error(X, Y, None),
    "mean_squared_log_error of columns": lambda: loss.mean_squared_log_error(X, Y, (1,)),
    "kl": lambda: divergence.kl(X[0], Y[0]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_later_calls_give_the_same(call):
    first, *others = (call() for _ in range(3))
    for other in others:
        assert other.dtype == first.dtype
        assert other.flags.c_contiguous == first.flags.c_contiguous
        np.testing.assert_array_equal(other, first, strict=True)
        assert not np.shares_memory(first, other)


@pytest.mark.parametrize(
    "function",
    [
        numbafunc.sigmoid,
        numbafunc.softmax,
        lambda x, out: numbafunc.elu(x, Y, out=out),
        lambda x, out: loss.sigmoid_cross_entropy_logits(x, Y, out=out),
    ],
)
def test_out_is_checked_on_every_call(function):
    for _ in range(2):
        out = np.zeros_like(X)
        assert function(X, out=out) is out
        np.testing.assert_array_equal(out, function(X, out=np.zeros_like(X)))
        spread = np.zeros((6, 8))[:, ::2]
        assert function(X, out=spread) is spread
        np.testing.assert_array_equal(spread, out)
        copy = X.copy()
        with pytest.raises(ValueError, match="out overlaps"):
            function(copy, out=copy)
        with pytest.raises(ValueError, match="out has shape"):
            function(X, out=np.zeros((4, 6)))
        with pytest.raises(TypeError, match="out has dtype"):
            function(X, out=np.zeros((6, 4), np.float32))
        with pytest.raises(TypeError, match="out is a list"):
            function(X, out=[])
        locked = np.zeros_like(X)
        locked.flags.writeable = False
        with pytest.raises(ValueError, match="out is read-only"):
            function(X, out=locked)


def test_arguments_that_equal_accepted_ones_are_still_refused():
    loss.mean_squared_error(X, Y, (1,))
    with pytest.raises(TypeError, match="keep_axis"):
        loss.mean_squared_error(X, Y, (True,))
    numbafunc.softmax(X, 1)
    for axis in (True, 1.0):
        with pytest.raises(TypeError, match="axis"):
            numbafunc.softmax(X, axis)
    numbafunc.one_hot(INDICES, 1, axis=0)
    with pytest.raises(TypeError, match="num_classes"):
        numbafunc.one_hot(INDICES, True, axis=0)
    with pytest.raises(ValueError, match="axis"):
        numbafunc.one_hot(INDICES, 1, axis=False)
    loss.cross_entropy_logits_sparse(X, 1)
    with pytest.raises(TypeError, match="labels"):
        loss.cross_entropy_logits_sparse(X, True)


def test_one_label_is_not_another():
    for label in (0, 1, 1, 0, -1, 3):
        expected = numbafunc.logsumexp(X, 1) - X[:, label]
        np.testing.assert_allclose(loss.cross_entropy_logits_sparse(X, label), expected, rtol=1e-14)


def test_different_shapes_warn_every_time():
    for function in (loss.mean_squared_error, loss.cross_entropy_logits, loss.sigmoid_cross_entropy_logits):
        for _ in range(3):
            with pytest.warns(UserWarning, match="are broadcast"):
                function(X, Y[:1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss.mean_squared_error(X, Y)


def test_what_has_a_form():
    assert form_of(X, 1.0) == ((6, 4), X.dtype, float)
    locked = X.copy()
    locked.flags.writeable = False
    for other in (X.T, X[:, ::2], X.view(np.matrix), locked, 1, np.float64(1), [1.0], np.broadcast_arrays(X, X)[0].T):
        assert form_of(X, other) is None


def test_indices_beyond_the_signed_words():
    for index in (3, 2**64 - 1, 3):
        result = numbafunc.one_hot(np.array([index], np.uint64), 4)
        np.testing.assert_array_equal(result, [[0, 0, 0, index == 3]])


def test_labels_of_all_kinds():
    for labels in (LABELS, LABELS.astype(np.int8), np.abs(LABELS).astype(np.uint64), np.full(6, 2**64 - 1, np.uint64)):
        for _ in range(2):
            result = loss.cross_entropy_logits_sparse(X, labels)
            known = labels < 4
            expected = np.where(
                known, numbafunc.logsumexp(X, 1) - X[np.arange(6), np.where(known, labels, 0).astype(int)], np.nan
            )
            np.testing.assert_allclose(result, expected, rtol=1e-14)


def test_tangent_with_a_derivative_after_a_call_of_the_same_form():
    point, direction = np.array([0.3, -0.7]), np.array([1.0, 2.0])

    def slope(v):
        return numbafunc.jvp(numbafunc.sigmoid, (point,), (v,))[1]

    expected = numbafunc.jvp(slope, (direction,), (direction,))
    slope(direction)
    np.testing.assert_array_equal(numbafunc.jvp(slope, (direction,), (direction,)), expected)
