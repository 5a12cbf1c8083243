"""What ops inside compiled functions refuse, when code is compiled or when it runs."""

import numba
import numpy as np
import pytest

import numbafunc
import numbafunc.divergence
import numbafunc.loss

X = np.arange(24.0).reshape(2, 3, 4)
IMAGES = np.ones((2, 4, 6, 6))


@pytest.mark.parametrize(
    ("function", "x", "words"),
    [
        (lambda x: numbafunc.softmax(x), X > 0, "x of numbafunc.softmax is .*wanted: numbers or arrays of integers"),
        (lambda x: numbafunc.softmax(x), X.astype(np.float16), "x of numbafunc.softmax is .*float32 or float64"),
        (lambda x: numbafunc.softmax(x, 3), X[..., 0, 0], "axis is out of range|axis of numbafunc.softmax"),
        (lambda x: numbafunc.softmax(x, (0, 0)), X, r"axis of numbafunc.softmax is \(0, 0\); wanted: .* given once"),
        (lambda x: numbafunc.softmax(x, (0, len(x))), X, "axis of numbafunc.softmax is .* written out"),
        (lambda x: numbafunc.logsumexp(x, 0, None, len(x) > 1), X, "keepdims of .* wanted: True or False, written out"),
        (lambda x: numbafunc.loss.mean_squared_error(x, x, [0]), X, "keep_axis of numbafunc.loss.mean_squared_error"),
        (lambda x: numbafunc.loss.mean_squared_error(x, x, 0), X, "keep_axis of .* is 0; wanted"),
        (lambda x: numbafunc.loss.mean_squared_error(x, x, (7,)), X, "keep_axis of .* wanted: axes from 0 to"),
        (lambda x: numbafunc.logsumexp(x, 0, None, 1), X, "keepdims of .* is 1; wanted: True or False, written out"),
        (lambda x: numbafunc.softplus(x, 2.5), X, "softplus is given more than 1 arguments by position; wanted: beta"),
        (
            lambda x: numbafunc.top_k(x, 1, 0),
            X,
            "top_k is given more than 2 arguments .* wanted: axis, largest by name",
        ),
        (
            lambda x: numbafunc.loss.cross_entropy_logits_sparse(x, x[0]),
            X,
            "labels of .* array of integers with 2 axes",
        ),
        (
            lambda x: numbafunc.loss.cross_entropy_logits(x, x, weight=x[0, 0]),
            X,
            "weight of numbafunc.cross_entropy_logits is array.*; wanted: None inside compiled functions",
        ),
        (
            lambda x: numbafunc.loss.cross_entropy_logits_sparse(x, 0, ignore_index=0.5),
            X,
            "ignore_index of .* is float64; wanted: None or an integer",
        ),
        (
            lambda x: numbafunc.loss.sigmoid_cross_entropy_logits(x, x, where=x > 0),
            X,
            "where of numbafunc.sigmoid_cross_entropy_logits is array.*; wanted: None inside compiled functions",
        ),
        (lambda x: numbafunc.loss.l2(x[0], where=x > 0), X, "where of .* wanted: truth values with at most 2 axes"),
        (lambda x: numbafunc.logsumexp(x + 1j), X, "a of numbafunc.logsumexp is .*complex128"),
        (lambda x: numbafunc.divergence.kl(x, x), X, "p of numbafunc.divergence.kl is .*wanted: a vector"),
        (lambda x: numbafunc.one_hot(x, 2.0), X, "num_classes of numbafunc.one_hot is .*wanted: an integer"),
        (lambda x: numbafunc.one_hot(x, 2, dtype="U3"), X, "dtype of numbafunc.one_hot is 'U3'; wanted: bool, integer"),
        (lambda x: numbafunc.max_pool_2d(x), X, "x of numbafunc.max_pool_2d is .*four axes"),
        (
            lambda x: numbafunc.max_pool_2d(x, padding="full"),
            IMAGES,
            "padding of .* is 'full'; wanted: 'VALID', 'SAME'",
        ),
        (lambda x: numbafunc.pad(x, 1, "mean"), X, "mode of numbafunc.pad is 'mean'; wanted: 'constant', 'empty'"),
        (
            lambda x: numbafunc.pad(x, 1, "edge", constant_values=0),
            X,
            "constant_values of numbafunc.pad is .*0.*'edge'",
        ),
        (lambda x: numbafunc.pad(x, 1.5), X, "pad_width of numbafunc.pad is 1.5; wanted: an integer"),
        (
            lambda x: numbafunc.max_pool_2d(x, ceil_mode=True),
            X[None, None],
            "ceil_mode of numbafunc.max_pool_2d is True; wanted: False inside compiled functions",
        ),
        (
            lambda x: numbafunc.interpolate(x, 3, align_corners=True),
            X,
            "align_corners of numbafunc.interpolate is True; wanted: False inside",
        ),
        (lambda x: numbafunc.interpolate(x, 3, mode="best"), X, "mode of .* is 'best'; wanted: one of 'nearest'"),
        (lambda x: numbafunc.interpolate(x), X, "size of numbafunc.interpolate .* exactly one of"),
        (lambda x: numbafunc.top_k(x, 1, axis=1.5), X, "axis of numbafunc.top_k is .*wanted: an integer"),
        (lambda x: numbafunc.top_k(x, 1.0), X, "k of numbafunc.top_k is .*wanted: an integer"),
        (lambda x: numbafunc.dynamic_slice(x, (1,), (1,)), X, "start_indices of .* wanted: 3 integers"),
        (lambda x: numbafunc.scan(x, 0, x), X, "f of numbafunc.scan is .*wanted: a function under numba.njit"),
        (lambda x: numbafunc.stop_gradient("x"), X, "x of numbafunc.stop_gradient is 'x'; wanted: arrays, numbers"),
    ],
)
def test_types(function, x, words):
    with pytest.raises((numba.TypingError, ValueError), match=words):
        numba.njit(function)(x)


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda x: numbafunc.softmax(x, len(x) + 1), ValueError, "axis is out of range"),
        (lambda x: numbafunc.loss.mean_squared_error(x, x[:, :2]), ValueError, "broadcast"),
        (lambda x: numbafunc.loss.cross_entropy_logits_sparse(x, len(x) + 2), IndexError, "labels is out of range"),
        (lambda x: numbafunc.top_k(x, 5), ValueError, "k is not from 0 to the length"),
        (lambda x: numbafunc.one_hot(x, -len(x)), ValueError, "num_classes is negative"),
        (lambda x: numbafunc.pad(x, -len(x)), ValueError, "pad_width is negative"),
        (lambda x: numbafunc.max_pool_2d(np.ones((1, 1, 2, 3)), 1, len(x) - 2), ValueError, "strides are not positive"),
        (lambda x: numbafunc.max_pool_2d(np.ones((1, 1, 2, 3)), 1, 1, 1 - len(x)), ValueError, "padding is negative"),
        (lambda x: numbafunc.interpolate(x, -len(x)), ValueError, "not negative"),
        (lambda x: numbafunc.dynamic_slice(x, (0, 0, 0), (1, 1, 5)), ValueError, "slice_sizes is not from 0"),
        (lambda x: numbafunc.space_to_channel2d(np.ones((1, 1, 2, 3)), len(x)), ValueError, "does not divide"),
        (lambda x: numbafunc.max_pool_2d(np.ones((1, 1, 2, 3)), len(x) - 2), ValueError, "not positive"),
    ],
)
def test_values(function, error, words):
    with pytest.raises(error, match=words):
        numba.njit(function)(X)
