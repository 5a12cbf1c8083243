"""Options of the losses: masks, ignored labels, weights of classes and smoothed labels."""

import itertools

import numpy as np
import pytest
import scipy.special
from chosen_backend import ACTIVE, loss, refused

import numbafunc
from numbafunc.errors import ShapeError

any_backend = pytest.mark.any_backend

RANDOM = np.random.default_rng(3)
INF, NAN = np.inf, np.nan
X, TARGETS = RANDOM.normal(0, 3, (7, 5)), RANDOM.dirichlet(np.ones(5), 7)
LABELS = RANDOM.integers(0, 5, 7)
WEIGHT = RANDOM.uniform(0.1, 2, 5)
SOME = RANDOM.random((7, 5)) < 0.7
SOME[0], SOME[1] = False, True
SOME[np.arange(7), LABELS] = SOME.any(1)
MEANS = ["mean_absolute_error", "mean_squared_error", "mean_squared_log_error"]
COMBINATIONS = list(itertools.product([None, WEIGHT], [None, SOME], [0.0, 0.1, 1.0]))


def spoiled(x, mask=SOME):
    """An array that holds NaN and infinities where a mask is false."""
    return np.where(mask, x, np.resize([NAN, INF, -INF], x.shape))


def expected_loss(targets, weight, where, smoothing):
    """The formula of PyTorch, over the classes that take part."""
    mask = np.ones(X.shape, bool) if where is None else where
    with np.errstate(divide="ignore"):
        log_shares = np.where(mask, X - scipy.special.logsumexp(X, 1, mask, keepdims=True), 0)
    share = smoothing / np.maximum(mask.sum(1, keepdims=True), 1)
    smoothed = (1 if weight is None else weight) * ((1 - smoothing) * targets + share)
    return -np.sum(smoothed * log_shares, 1)


@any_backend
@pytest.mark.parametrize(("weight", "where", "smoothing"), COMBINATIONS)
def test_cross_entropies(weight, where, smoothing):
    options = {"weight": weight, "where": where, "label_smoothing": smoothing}
    logits, targets = (X, TARGETS) if where is None else (spoiled(X), spoiled(TARGETS))
    for dtype, rtol in ((np.float64, 1e-13), (np.float32, 1e-5)):
        result = loss.cross_entropy_logits(logits.astype(dtype), targets.astype(dtype), **options)
        assert result.dtype == dtype
        np.testing.assert_allclose(result, expected_loss(TARGETS, weight, where, smoothing), rtol)
        if ACTIVE and weight is not None:
            continue
        result = loss.cross_entropy_logits_sparse(logits.astype(dtype), LABELS, **options)
        assert result.dtype == dtype
        np.testing.assert_allclose(result, expected_loss(np.eye(5)[LABELS], weight, where, smoothing), rtol)


@any_backend
@pytest.mark.parametrize("keep", [None, (0,), (1,), (0, 1)], ids=str)
@pytest.mark.parametrize("name", MEANS)
def test_means_of_what_is_left(name, keep):
    x, y = np.abs(X), TARGETS
    elements = {
        "mean_absolute_error": np.abs(x - y),
        "mean_squared_error": (x - y) ** 2,
        "mean_squared_log_error": (np.log1p(x) - np.log1p(y)) ** 2,
    }[name]
    axes = tuple(axis for axis in range(2) if axis not in (keep or ()))
    with np.errstate(invalid="ignore"):  # a mean of nothing is NaN
        expected = np.sum(elements, axes, where=SOME) / np.sum(SOME, axes)
    result = getattr(loss, name)(spoiled(x), spoiled(y), keep, where=SOME)
    np.testing.assert_allclose(result, expected, 1e-13)
    np.testing.assert_array_equal(getattr(loss, name)(spoiled(x), spoiled(y), keep, where=2 * SOME), result)
    result = getattr(loss, name)(x, y, keep, where=np.array([True, True, False, True, True]))
    np.testing.assert_allclose(result, np.delete(elements, 2, 1).mean(axes) if keep != (1,) and axes else result, 1e-13)


@any_backend
def test_l2_and_sigmoid_cross_entropy_of_what_is_left():
    assert loss.l2(np.array([3.0, NAN, 4.0]), where=np.array([True, False, True])) == 12.5
    assert loss.l2(np.float32([1, 2]), where=np.array([False])) == 0
    x, y = spoiled(X), spoiled(TARGETS)
    result = loss.sigmoid_cross_entropy_logits(x, y, where=SOME)
    np.testing.assert_array_equal(result, np.where(SOME, loss.sigmoid_cross_entropy_logits(X, TARGETS), 0))
    out = np.full_like(X, 7.0)
    assert loss.sigmoid_cross_entropy_logits(x, y, out=out, where=SOME) is out
    np.testing.assert_array_equal(out, result)


@pytest.mark.parametrize(
    ("name", "x", "value", "slope"),
    [
        ("mean_absolute_error", [[3e38, 3e38, NAN]], 3e38, [[0.5, 0.5, 0]]),
        ("mean_squared_error", [[1.5e19, -1.5e19, NAN]], 2.25e38, [[1.5e19, -1.5e19, 0]]),
    ],
)
def test_means_whose_sums_leave_the_range(name, x, value, slope):
    x, left = np.array(x, np.float32), [[True, True, False]]

    def f(x):
        return np.sum(getattr(loss, name)(x, np.zeros((1, 3), np.float32), where=left))

    np.testing.assert_allclose(float(f(x)), value, rtol=1e-6)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(numbafunc.grad(f, mode=mode)(x), slope, rtol=1e-6)


@any_backend
def test_weight_of_positives():
    positive, negative = np.logaddexp(0, -X), np.logaddexp(0, X)
    for dtype, rtol in ((np.float64, 1e-13), (np.float32, 1e-5)):
        x, y = X.astype(dtype), TARGETS.astype(dtype)
        result = loss.sigmoid_cross_entropy_logits(x, y, pos_weight=WEIGHT)
        assert result.dtype == dtype
        np.testing.assert_allclose(result, (1 - TARGETS) * negative + WEIGHT * TARGETS * positive, rtol)
    result = loss.sigmoid_cross_entropy_logits(
        np.array([INF, INF, -INF, -INF]), np.array([1.0, 0, 1, 0]), pos_weight=np.array(2.0)
    )
    np.testing.assert_array_equal(result, [0, INF, INF, 0])


@any_backend
@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint64])
def test_ignored_labels(dtype):
    ignored = -100 if dtype != np.uint64 else 2**64 - 1
    labels = LABELS.astype(dtype)
    labels[2], x = ignored, X.copy()
    x[2] = NAN
    result = loss.cross_entropy_logits_sparse(x, labels, ignore_index=ignored)
    expected = np.where(np.arange(7) == 2, 0, loss.cross_entropy_logits_sparse(X, LABELS))
    np.testing.assert_array_equal(result, expected)
    assert np.isnan(loss.cross_entropy_logits_sparse(X, labels)[2])
    result = loss.cross_entropy_logits_sparse(X, LABELS, ignore_index=int(LABELS[0]))
    np.testing.assert_array_equal(np.flatnonzero(result == 0), np.flatnonzero(int(LABELS[0]) == LABELS))


@any_backend
def test_one_ignored_label_for_all_rows():
    for label, zero in ((-100, True), (1, False)):
        result = loss.cross_entropy_logits_sparse(X, label, ignore_index=-100)
        np.testing.assert_array_equal(result, 0 if zero else loss.cross_entropy_logits_sparse(X, 1))
    with pytest.raises(IndexError, match="labels is -100"):
        loss.cross_entropy_logits_sparse(X, -100, ignore_index=-1)


@any_backend
def test_labels_of_classes_that_take_no_part():
    x = np.array([[NAN, 1.0, 2.0], [3.0, 1.0, 2.0]])
    where = np.array([[False, True, True]])
    result = loss.cross_entropy_logits_sparse(x, np.array([0, 1]), where=where)
    np.testing.assert_allclose(result, [INF, np.log(1 + np.e)], 1e-14)
    result = loss.cross_entropy_logits(x[1:], np.array([[NAN, 0.5, 0.5]]), where=where)
    np.testing.assert_allclose(result, np.log(1 + np.e) - 0.5, 1e-14)
    # Of a class with weight 0, and one with label 0, an infinite surprise counts for nothing.
    dense, weight = np.array([[-INF, 0.0, 0.0]]), np.array([0.0, 1.0, 1.0])
    np.testing.assert_array_equal(loss.cross_entropy_logits(dense, np.array([[1.0, 0, 0]]), weight=weight), 0)
    result = loss.cross_entropy_logits(dense, np.array([[0, 1.0, 0]]), weight=weight)
    np.testing.assert_allclose(result, np.log(2), 1e-15)
    if not ACTIVE:
        assert loss.cross_entropy_logits_sparse(dense, np.array([0]), weight=weight) == 0
        assert np.isnan(loss.cross_entropy_logits_sparse(dense, np.array([7]), weight=weight))


@any_backend
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"weight": np.ones(4)}, ShapeError, "weight has shape (4,); wanted: (5,), a weight for each class"),
        ({"where": np.ones((2, 7, 5), bool)}, ShapeError, "where has shape (2, 7, 5); wanted: one that broadcasts to"),
        ({"where": np.ones(7, bool)}, ShapeError, "where has shape (7,)"),
        ({"label_smoothing": 1.5}, ValueError, "label_smoothing is 1.5; wanted: from 0 to 1"),
        ({"label_smoothing": NAN}, ValueError, "label_smoothing is nan"),
        ({"label_smoothing": "a"}, TypeError, "label_smoothing"),
        ({"ignore_index": 1.0}, TypeError, "ignore_index is 1.0; wanted: None or an int"),
        ({"reduction": "mean"}, TypeError, "unexpected keyword argument"),
    ],
)
def test_wrong_options(options, error, words):
    refused(error, words, loss.cross_entropy_logits_sparse, X, LABELS, **options)
    if "ignore_index" not in options:
        refused(error, words, loss.cross_entropy_logits, X, TARGETS, **options)


def test_options_are_given_by_keyword():
    for call in (
        lambda: loss.l2(X, SOME),
        lambda: loss.mean_squared_error(X, X, (0,), SOME),
        lambda: loss.cross_entropy_logits(X, TARGETS, WEIGHT),
        lambda: loss.cross_entropy_logits_sparse(X, LABELS, None),
        lambda: numbafunc.logsumexp(X, 0, None, False, False, SOME),
    ):
        with pytest.raises(TypeError, match="positional argument"):
            call()


CALLS = {
    **{name: lambda x, y, name=name: getattr(loss, name)(abs(x), abs(y), None, where=SOME) for name in MEANS},
    "l2": lambda x, y: loss.l2(x + y, where=SOME),
    "sigmoid": lambda x, y: loss.sigmoid_cross_entropy_logits(x, y, where=SOME, pos_weight=WEIGHT),
    "dense": lambda x, y: loss.cross_entropy_logits(x, y, where=SOME, weight=WEIGHT, label_smoothing=0.1),
    "sparse": lambda x, y: loss.cross_entropy_logits_sparse(
        x * y, LABELS, where=SOME, weight=WEIGHT, label_smoothing=0.1, ignore_index=int(LABELS[3])
    ),
    "logsumexp": lambda x, y: numbafunc.logsumexp(x, 1, y, where=SOME)[1:],
}


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("name", CALLS)
def test_what_is_left_out_has_derivative_zero(name, mode):
    def total(x, y):
        return np.sum(CALLS[name](x, y))

    def slope(x, y):
        return sum(np.sum(np.sin(part)) for part in numbafunc.grad(total, (0, 1), mode=mode)(x, y))

    x, y = spoiled(X), spoiled(TARGETS)
    for function in (total, slope):
        harmless = numbafunc.grad(function, (0, 1), mode=mode)(np.where(SOME, X, 0.5), np.where(SOME, TARGETS, 0.5))
        for part, expected in zip(numbafunc.grad(function, (0, 1), mode=mode)(x, y), harmless):
            np.testing.assert_array_equal(part[~SOME], 0)
            np.testing.assert_allclose(part, np.where(SOME, expected, 0), 1e-12)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("name", MEANS)
def test_a_mean_of_nothing_has_derivative_zero(name, mode):
    slope = numbafunc.grad(lambda x: getattr(loss, name)(x, x + 1, (0,), where=SOME)[0], mode=mode)(TARGETS)
    np.testing.assert_array_equal(slope, 0)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_against_pytorch(weight, smoothing):
    torch = pytest.importorskip("torch")
    cross_entropy = torch.nn.functional.cross_entropy
    given = {"weight": None if weight is None else torch.tensor(weight), "label_smoothing": smoothing}
    labels = np.where(np.arange(7) == 4, -100, LABELS)
    logits = torch.tensor(X, requires_grad=True)
    for targets, ours in (
        (TARGETS, lambda x: loss.cross_entropy_logits(x, TARGETS, weight=weight, label_smoothing=smoothing)),
        (
            labels,
            lambda x: loss.cross_entropy_logits_sparse(
                x, labels, ignore_index=-100, weight=weight, label_smoothing=smoothing
            ),
        ),
    ):
        theirs = cross_entropy(logits, torch.tensor(targets), reduction="none", **given)
        np.testing.assert_allclose(ours(X), theirs.detach(), 1e-12, 1e-15)
        (slope,) = torch.autograd.grad(theirs.sum(), logits)
        np.testing.assert_allclose(numbafunc.vjp(ours, X)[1](np.ones(7))[0], slope, 1e-12, 1e-15)
    counted = labels[labels >= 0]
    share = counted.size if weight is None else weight[counted].sum()
    np.testing.assert_allclose(
        np.sum(ours(X)) / share, cross_entropy(logits, torch.tensor(labels), **given).item(), 1e-12
    )
