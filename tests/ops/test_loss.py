"""Special values, labels, kept axes and products of the losses."""

import numpy as np
import pytest
import scipy.special
from chosen_backend import loss, numbafunc

pytestmark = pytest.mark.any_backend

INF, NAN = np.inf, np.nan


# cross entropies


def test_cross_entropy_logits():
    np.testing.assert_array_equal(loss.cross_entropy_logits([[1e4, -1e4]], [[0, 1]]), [20000])
    np.testing.assert_allclose(loss.cross_entropy_logits([[1e4, -1e4]], [[1, 0]]), [0], atol=0)
    assert loss.cross_entropy_logits([-INF, 0.0], [0.0, 1.0]) == 0
    assert loss.cross_entropy_logits([-INF, 0.0], [1.0, 0.0]) != 0
    assert loss.cross_entropy_logits([-INF, 0.0], [0.5, 0.5]) == INF
    np.testing.assert_allclose(loss.cross_entropy_logits([1.0, 2.0], [2, 3]), np.log(np.e + np.e**2) - 8)
    assert loss.cross_entropy_logits(np.zeros((2, 3, 4), np.float32), np.zeros((2, 3, 4), np.float32)).shape == (2, 3)
    assert loss.cross_entropy_logits(np.zeros((0, 4)), np.zeros((0, 4))).shape == (0,)


def test_cross_entropy_logits_keeps_small_differences_of_large_logits():
    x = np.array([1e4, 1e4 - 1, 1e4 - 3], np.float32)
    y = np.array([0.25, 0.25, 0.5], np.float32)
    np.testing.assert_allclose(
        loss.cross_entropy_logits_sparse(x, 2), scipy.special.logsumexp([3.0, 2.0, 0.0]), rtol=1e-6
    )
    np.testing.assert_allclose(loss.cross_entropy_logits(x, y), scipy.special.logsumexp([3, 2, 0]) - 1.25, rtol=1e-6)


def test_cross_entropy_logits_warns_and_broadcasts():
    x, y = np.random.default_rng(0).normal(size=(3, 4)), np.array([0.1, 0.2, 0.3, 0.4])
    with pytest.warns(UserWarning, match="logits has shape .* labels has shape"):
        result = loss.cross_entropy_logits(x, y)
    np.testing.assert_allclose(result, scipy.special.logsumexp(x, 1) - x @ y, rtol=1e-13)
    with pytest.warns(UserWarning, match="broadcast"):
        result = loss.cross_entropy_logits(x[:, :1], np.tile(y, (3, 1)))
    np.testing.assert_allclose(result, x[:, 0] - x[:, 0] * y.sum(), rtol=1e-13)
    with pytest.warns(UserWarning, match="broadcast"):
        result = loss.cross_entropy_logits(x, np.ones((3, 1)))
    np.testing.assert_allclose(result, scipy.special.logsumexp(x, 1) - x.sum(1), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_sparse_labels(dtype):
    x = np.random.default_rng(0).normal(size=(4, 3))
    labels = np.array([0, 2, 1, 2], dtype)
    expected = scipy.special.logsumexp(x, 1) - x[np.arange(4), labels.astype(int)]
    np.testing.assert_allclose(loss.cross_entropy_logits_sparse(x, labels), expected, rtol=1e-13)
    np.testing.assert_array_equal(
        loss.cross_entropy_logits_sparse(x, [0, 2, 1, 2]), loss.cross_entropy_logits_sparse(x, labels)
    )
    if dtype.startswith("int"):
        np.testing.assert_array_equal(
            loss.cross_entropy_logits_sparse(x, labels - np.array(3, dtype)),
            loss.cross_entropy_logits_sparse(x, labels),
        )


def test_one_label_for_all_rows():
    x = np.random.default_rng(0).normal(size=(4, 2, 3))
    for label in (-3, -1, 0, 2):
        expected = scipy.special.logsumexp(x, -1) - x[..., label]
        np.testing.assert_allclose(loss.cross_entropy_logits_sparse(x, label), expected, rtol=1e-13)
    for label in (3, -4, 10**30):
        with pytest.raises(IndexError, match="labels"):
            loss.cross_entropy_logits_sparse(x, label)


def test_labels_broadcast():
    x = np.random.default_rng(0).normal(size=(4, 2, 3))
    labels = np.array([[0], [1], [2], [-1]])
    expected = scipy.special.logsumexp(x, -1) - np.take_along_axis(x, (labels % 3)[..., None], -1)[..., 0]
    np.testing.assert_allclose(loss.cross_entropy_logits_sparse(x, labels), expected, rtol=1e-13)
    np.testing.assert_allclose(
        loss.cross_entropy_logits_sparse(x, np.array([[1, 2]])),
        scipy.special.logsumexp(x, -1) - np.stack([x[:, 0, 1], x[:, 1, 2]], 1),
        rtol=1e-13,
    )


def test_labels_of_single_logits():
    x = np.array([0.5, 1.0, -1.0])
    expected = scipy.special.logsumexp(x) - 1
    for label in (1, np.int64(1), np.array(1), -2):
        result = loss.cross_entropy_logits_sparse(x, label)
        assert result.shape == ()
        np.testing.assert_allclose(result, expected, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_labels_out_of_range_in_an_array(dtype):
    x = np.array([[0.5, 1.0, -1.0]] * 5, dtype)
    labels = np.array([0, 3, -4, -3, 100])
    result = loss.cross_entropy_logits_sparse(x, labels)
    assert result.dtype == dtype
    np.testing.assert_array_equal(np.isnan(result), [False, True, True, False, True])
    if dtype is not np.float16:
        tangent = numbafunc.jvp(
            lambda x: loss.cross_entropy_logits_sparse(x, labels), (x,), (np.tile(np.array([1, 0, 0], dtype), (5, 1)),)
        )[1]
        share = scipy.special.softmax(x[0].astype(float))[0]
        np.testing.assert_allclose(tangent, [share - 1, share, share, share - 1, share], rtol=1e-5)
    single = loss.cross_entropy_logits_sparse(x[0], np.array(3))
    assert type(single) is np.ndarray
    assert np.isnan(single)
    labels = np.array([2**64 - 1, 2**63, 0, 1, 2], np.uint64)
    assert np.isnan(loss.cross_entropy_logits_sparse(x, labels)[:2]).all()


def test_sparse_special_values():
    sparse = loss.cross_entropy_logits_sparse
    np.testing.assert_array_equal(sparse([[-INF, 0.0]], [0]), [INF])
    np.testing.assert_array_equal(sparse([[-INF, 0.0]], [1]), [0])
    assert sparse(np.zeros((0, 3)), np.zeros(0, int)).shape == (0,)
    assert sparse(np.zeros((0, 3)), []).shape == (0,)
    assert sparse(np.zeros((0, 3)), 1).shape == (0,)
    np.testing.assert_array_equal(sparse(np.zeros((2, 4), np.int8), [1, 2]), [np.log(4)] * 2)


@pytest.mark.parametrize("labels", [[0.0, 1.0], [True, False], True, "a", None, 1.0, np.float64(1), [0.5, 1]], ids=str)
def test_labels_of_wrong_type(labels):
    with pytest.raises(TypeError, match="labels"):
        loss.cross_entropy_logits_sparse(np.zeros((2, 3)), labels)


@pytest.mark.parametrize("labels", [np.array(1), np.int64(1), [[1], [2]]], ids=str)
def test_labels_of_wrong_rank(labels):
    with pytest.raises(ValueError, match="labels"):
        loss.cross_entropy_logits_sparse(np.zeros((2, 3)), labels)


# the others


def test_l2():
    assert loss.l2([3.0, 4.0]).shape == ()
    assert loss.l2([3.0, 4.0]) == 12.5
    assert loss.l2(3.0) == 4.5
    assert loss.l2([]) == 0
    assert loss.l2(np.zeros((0, 3), np.float32)).dtype == np.float32
    assert loss.l2(np.array([100, 100], np.int8)) == 10000
    assert loss.l2(np.array([True, True])) == 1
    assert np.isnan(loss.l2([NAN, 1.0]))
    assert loss.l2([INF, 1.0]) == INF
    assert loss.l2(np.full(5, 300, np.float16)) == INF
    np.testing.assert_array_equal(numbafunc.grad(loss.l2)(np.array([3.0, -4.0])), [3, -4])


KEEP = [
    None,
    (),
    (0,),
    (1,),
    (0, 2),
    (2, 0),
    [1],
    {0, 1},
    range(2),
    (0, 1, 2),
    frozenset((2,)),
]


@pytest.mark.parametrize("keep", KEEP, ids=str)
@pytest.mark.parametrize("name", ["mean_absolute_error", "mean_squared_error", "mean_squared_log_error"])
def test_keep_axis(name, keep):
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 2, (2, 3, 4)), random.uniform(0, 2, (2, 3, 4))
    elements = {
        "mean_absolute_error": np.abs(x - y),
        "mean_squared_error": (x - y) ** 2,
        "mean_squared_log_error": (np.log1p(x) - np.log1p(y)) ** 2,
    }[name]
    kept = set() if keep is None else set(keep)
    expected = elements.mean(tuple(axis for axis in range(3) if axis not in kept))
    result = getattr(loss, name)(x, y, keep)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-13)
    if keep == (0,):
        np.testing.assert_array_equal(getattr(loss, name)(x, y), result)
        np.testing.assert_array_equal(getattr(loss, name)(x, y, keep_axis=(np.int64(0),)), result)


@pytest.mark.parametrize("keep", [0, 1, -1, 1.0, "0", (0.0,), (True,), ("a",), (None,)], ids=repr)
def test_wrong_keep_axis(keep):
    with pytest.raises(TypeError, match="keep_axis"):
        loss.mean_squared_error([1.0], [2.0], keep)


@pytest.mark.parametrize("keep", [(-1,), (2,), [0, 9], {-2, 0}], ids=repr)
def test_keep_axis_out_of_range(keep):
    with pytest.raises(ValueError, match=r"^keep_axis is .*wanted: axes from 0 to 1"):
        loss.mean_squared_error([[1.0]], [[2.0]], keep)


def test_means_of_nothing():
    assert np.isnan(loss.mean_squared_error([], [], None))
    np.testing.assert_array_equal(loss.mean_absolute_error(np.zeros((2, 0)), np.zeros((2, 0))), [NAN, NAN])
    assert loss.mean_squared_log_error(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0,)
    assert loss.mean_squared_error(2.0, 5.0) == 9


def test_means_of_integers_do_not_wrap():
    one, three = np.array([1], np.uint8), np.array([3], np.uint8)
    np.testing.assert_array_equal(loss.mean_absolute_error(one, three), [2])
    np.testing.assert_array_equal(loss.mean_squared_error(np.array([-100], np.int8), np.array([100], np.int8)), [40000])


def test_squared_log_error_near_zero_and_below():
    np.testing.assert_allclose(loss.mean_squared_log_error([1e-10], [0.0]), [1e-20], rtol=1e-9)
    np.testing.assert_array_equal(loss.mean_squared_log_error([-1.0, -2.0], [0.0, 0.0]), [INF, NAN])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_absolute_error_where_both_are_equal(dtype):
    x = np.array([1.0, NAN, 2.0, 0.0], dtype)
    y = np.array([1.0, 1.0, 5.0, -0.0], dtype)
    one = np.ones(4, dtype)
    tangent = numbafunc.jvp(lambda x: loss.mean_absolute_error(x, y), (x,), (one,))[1]
    np.testing.assert_array_equal(tangent, [1, -1, -1, 1])
    tangent = numbafunc.jvp(lambda y: loss.mean_absolute_error(x, y), (y,), (one,))[1]
    np.testing.assert_array_equal(tangent, [-1, 1, 1, -1])
    curvature = numbafunc.jvp(
        lambda x: numbafunc.jvp(lambda x: loss.mean_absolute_error(x, y), (x,), (one,))[1], (x,), (one,)
    )[1]
    np.testing.assert_array_equal(curvature, 0)


def test_means_warn_and_broadcast():
    with pytest.warns(UserWarning, match="x has shape .* y has shape"):
        result = loss.mean_squared_error(np.array([[1.0], [2.0]]), np.array([0.0, 1.0]))
    np.testing.assert_array_equal(result, [0.5, 2.5])
    with pytest.warns(UserWarning, match="y_true has shape"):
        loss.mean_squared_log_error(np.ones(3), 1.0)


def test_sigmoid_cross_entropy():
    function = loss.sigmoid_cross_entropy_logits
    x = np.array([-100.0, 0.0, 50.0, 1000.0, INF, NAN])
    np.testing.assert_allclose(function(x, np.ones(6)), [100, np.log(2), np.exp(-50), 0, 0, NAN], rtol=1e-15)
    np.testing.assert_array_equal(function([-INF, INF], [0.0, 0.0]), [0, INF])
    assert function(np.ones((2, 3)), np.ones((2, 3))).shape == (2, 3)
    labels = np.array([0.0, 0.25, 1.0])
    for x in (0.0, -0.0, 2.0, -3.0):
        tangent = numbafunc.jvp(lambda x: function(x, labels), (np.full(3, x),), (np.ones(3),))[1]
        share = 1 / (1 + np.exp(-x))
        np.testing.assert_allclose(tangent, share - labels, rtol=1e-14, atol=1e-16)
        tangent = numbafunc.jvp(lambda y: function(np.full(3, x), y), (labels,), (np.ones(3),))[1]  # noqa: B023
        np.testing.assert_array_equal(tangent, -x)
        inner = lambda x: numbafunc.jvp(lambda x: function(x, labels), (x,), (np.ones(3),))[1]  # noqa: E731
        curvature = numbafunc.jvp(inner, (np.full(3, x),), (np.ones(3),))[1]
        np.testing.assert_allclose(curvature, share * (1 - share), rtol=1e-14)


def test_sigmoid_cross_entropy_labels():
    function = loss.sigmoid_cross_entropy_logits
    np.testing.assert_allclose(function([0.5, -1.0], 1), function([0.5, -1.0], [1.0, 1.0]))
    np.testing.assert_allclose(function([0.5, -1.0], [1, 0]), function([0.5, -1.0], [1.0, 0.0]))
    assert function(np.float32([0.5, -1.0]), [1, 0]).dtype == np.float32
    with pytest.warns(UserWarning, match="logits has shape .* labels has shape"):
        assert function(np.ones((2, 3)), np.ones(3)).shape == (2, 3)


@pytest.mark.filterwarnings("ignore:.*they are broadcast:UserWarning")
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_python_numbers_are_weak(dtype):
    x = np.array([[0.5, 0.25], [0.75, 1.0]], dtype)
    for function in (loss.mean_absolute_error, loss.mean_squared_error, loss.mean_squared_log_error):
        for number in (0.5, 1):
            assert function(x, number).dtype == dtype
            assert function(number, x).dtype == dtype
            np.testing.assert_array_equal(function(x, number), function(x, np.full((2, 2), number, dtype)))
        assert function(x, np.float64(0.5)).dtype == np.float64
    assert numbafunc.logsumexp(0.5, b=x).dtype == dtype
    assert numbafunc.logsumexp(x, b=0.5).dtype == dtype


def test_labels_are_named_with_the_shape_they_were_given_in():
    with pytest.raises(ValueError, match=r"labels has shape \(3,\)"):
        loss.cross_entropy_logits_sparse(np.ones((2, 3)), np.array([1, 2, 3]))
