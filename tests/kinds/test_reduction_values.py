"""Values of the reductions against NumPy and SciPy in double precision or better, over any axes, in every dtype."""

import itertools
import math

import numpy as np
import oracles
import pytest
import scipy.special
from chosen_backend import SIMULATED, loss, numbafunc, sized
from hypothesis import given, settings, strategies as st
from reduction_table import FREE, NAMES, TABLE, TOLERANCE, mask, operands, shape_for
from sweep import mostly_thorough, thorough

from numbafunc.errors import BroadcastWarning
from numbafunc.kinds import reduction

pytestmark = pytest.mark.any_backend


def test_every_op_has_an_entry():
    assert set(TABLE) == set(reduction.REGISTRY)


def compare(result, expected, dtype):
    assert type(result) is np.ndarray
    assert result.dtype == dtype
    assert result.shape == np.shape(expected)
    tolerance = TOLERANCE[str(dtype)]
    np.testing.assert_allclose(result.astype(np.float64), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", mostly_thorough(oracles.FLOATS, [np.float32, np.float64]), ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_rows(name, dtype):
    # 1000 is no multiple of a block, and longer than one; so is 70 of one of the simulator. Nine rows are a batch.
    for shape in ((9, 7), (3, sized(1000, simulated=70)), (11,)):
        entry = TABLE[name]
        arrays = operands(name, shape_for(name, shape), dtype)
        copies = [array.copy() for array in arrays]
        result = entry.function(arrays[0], -1, *arrays[1:])
        expected = entry.oracle(arrays[0].astype(np.float64), -1, *(a.astype(np.float64) for a in arrays[1:]))
        compare(result, expected, dtype)
        for array, copy in zip(arrays, copies):
            np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), *thorough(np.dtype(np.float64))], ids=str)
@pytest.mark.parametrize("name", FREE)
def test_columns(name, dtype):
    # Tiles of columns with a remainder, blocks before them, rows in more than one block, columns too few for vectors.
    tall = (sized(300, simulated=33), sized(131, simulated=34))
    for shape, axis in (((sized(40, simulated=7), 5), 0), (tall, 0), ((2, 6, 3), 1), ((2, 3, 4, 5), (1, 2))):
        arrays = operands(name, shape, dtype)
        result = TABLE[name].function(arrays[0], axis, *arrays[1:])
        expected = TABLE[name].oracle(arrays[0].astype(np.float64), axis, *(a.astype(np.float64) for a in arrays[1:]))
        compare(result, expected, dtype)


@pytest.mark.parametrize("name", NAMES)
def test_long_rows(name):
    for shape in ((sized(70_001, simulated=261),), (3, sized(66_000, simulated=256))):
        arrays = operands(name, shape_for(name, shape), np.float32)
        result = TABLE[name].function(arrays[0], -1, *arrays[1:])
        expected = TABLE[name].oracle(arrays[0].astype(np.float64), -1, *(a.astype(np.float64) for a in arrays[1:]))
        compare(result, expected, np.dtype(np.float32))


@pytest.mark.parametrize("name", NAMES)
def test_many_rows(name):
    # Enough for several threads, short enough that a task holds many.
    arrays = operands(name, shape_for(name, (sized(9_001, simulated=41), 5)), np.float32)
    result = TABLE[name].function(arrays[0], -1, *arrays[1:])
    expected = TABLE[name].oracle(arrays[0].astype(np.float64), -1, *(a.astype(np.float64) for a in arrays[1:]))
    compare(result, expected, np.dtype(np.float32))


@pytest.mark.parametrize("name", FREE)
def test_all_axes(name):
    arrays = operands(name, (3, 4, 5), np.float64)
    entry = TABLE[name]
    subsets = [axes for count in range(4) for axes in itertools.combinations(range(3), count)]
    for axes in [*subsets, None, -1, -2, (-1, 0), (2, 0)]:
        result = entry.function(arrays[0], axes, *arrays[1:])
        if axes == () and name == "logsumexp":
            np.testing.assert_allclose(result, arrays[0], rtol=1e-15)
            continue
        if axes == () and "softmax" in name:
            expected = np.ones(arrays[0].shape) if name.startswith("softmax") else np.zeros(arrays[0].shape)
            if name.endswith("where"):
                expected = np.where(mask((3, 4, 5)), expected, 0 if name == "softmax_where" else -np.inf)
            np.testing.assert_array_equal(result, expected)
            continue
        expected = entry.oracle(arrays[0], axes, *arrays[1:])
        compare(result, expected, np.dtype(np.float64))


@pytest.mark.parametrize("dtype", [np.dtype(np.int64), np.dtype(bool), *thorough(np.dtype(np.uint8))], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_integers_become_double(name, dtype):
    entry = TABLE[name]
    shape = shape_for(name, (3, 7))
    arrays = [np.floor(np.abs(a) * 40 + 1).clip(0, 200).astype(dtype) for a in operands(name, shape)]
    if dtype.kind == "b" and not entry.boolean:
        with pytest.raises(TypeError, match="bool"):
            entry.function(arrays[0], -1, *arrays[1:])
        return
    if dtype.kind == "b" and name == "logsumexp_signed":
        arrays[1] = arrays[1].astype(np.int8)
    if name == "logsumexp_signed":
        arrays[1] = arrays[1].astype(np.int64)
    result = entry.function(arrays[0], -1, *arrays[1:])
    assert result.dtype == np.float64
    expected = entry.function(arrays[0].astype(np.float64), -1, *(a.astype(np.float64) for a in arrays[1:]))
    np.testing.assert_array_equal(result, expected)


def test_against_scipy():
    x = np.random.default_rng(0).normal(0, 20, (6, 9))
    b = np.random.default_rng(1).normal(0, 1, (9,))
    for axis in (0, 1, None):
        np.testing.assert_allclose(numbafunc.softmax(x, axis), scipy.special.softmax(x, axis), rtol=1e-14)
        np.testing.assert_allclose(
            numbafunc.log_softmax(x, axis), scipy.special.log_softmax(x, axis), rtol=1e-14, atol=1e-15
        )
        for keepdims in (False, True):
            result = numbafunc.logsumexp(x, axis, b, keepdims, return_sign=True)
            expected = scipy.special.logsumexp(x, axis, b, keepdims, return_sign=True)
            for mine, theirs in zip(result, expected):
                assert mine.shape == np.shape(theirs)
                np.testing.assert_allclose(mine, theirs, rtol=1e-12)


# Accuracy of sums.


def _error(result, exact, dtype):
    return abs(float(result) - exact) / (abs(exact) * np.finfo(dtype).eps)


@pytest.mark.parametrize("size", [1_000, 30_000, 1_000_003] if not SIMULATED else [1_000])
def test_sums_lose_nothing_with_their_length(size):
    random = np.random.default_rng(0)
    x = random.uniform(0, 1, size).astype(np.float32)
    y = random.uniform(0, 1, size).astype(np.float32)
    doubles = x.astype(np.float64)
    bar = math.log2(size) / 4
    assert _error(loss.l2(x), math.fsum(doubles**2) / 2, np.float32) <= bar
    squared = math.fsum((doubles - y.astype(np.float64)) ** 2) / size
    assert _error(loss.mean_squared_error(x, y, None), squared, np.float32) <= bar
    assert _error(loss.mean_squared_error(x[:, None], y[:, None], (1,))[0], squared, np.float32) <= bar
    total = math.log(math.fsum(np.exp(doubles)))
    assert abs(float(numbafunc.logsumexp(x)) - total) <= 2 * np.spacing(np.float32(total))
    assert abs(math.fsum(numbafunc.softmax(x).astype(np.float64)) - 1) <= 4 * np.finfo(np.float32).eps


@pytest.mark.parametrize("number", [0.1, 0.3, 0.7])
def test_rounding_errors_of_one_sign_do_not_add_up(number):
    # Equal terms round the same way at each step, so a plain sum of blocks drifts away.
    size = sized(3_000_003, simulated=3_003)
    x = np.full(size, number, np.float32)
    exact = float(x[0]) ** 2
    bar = 4
    assert _error(loss.l2(x), size * exact / 2, np.float32) <= bar
    zero = np.zeros(1, np.float32)
    with pytest.warns(BroadcastWarning, match="broadcast"):
        assert _error(loss.mean_squared_error(x, zero, None), exact, np.float32) <= bar
    with pytest.warns(BroadcastWarning, match="broadcast"):
        columns = loss.mean_squared_error(x.reshape(-1, 3), zero, (1,))
    assert _error(columns[0], exact, np.float32) <= 16  # a column adds 128 terms one by one
    with pytest.warns(BroadcastWarning, match="broadcast"):
        rows = loss.mean_squared_error(x[: size // 60 * 30].reshape(30, -1), zero, (0,))
    assert _error(rows[0], exact, np.float32) <= bar


@pytest.mark.parametrize("size", [30_000, 300_007] if not SIMULATED else [701])
def test_sums_down_columns_lose_nothing_with_their_length(size):
    x = np.random.default_rng(0).uniform(0, 1, (size, 3)).astype(np.float32)
    zero = np.zeros((1, 1), np.float32)
    with pytest.warns(BroadcastWarning, match="broadcast"):
        means = loss.mean_squared_error(x, zero, (1,))
    for column in range(3):
        exact = math.fsum(x[:, column].astype(np.float64) ** 2) / size
        assert _error(means[column], exact, np.float32) <= math.log2(size) / 4


def test_doubles_lose_nothing_with_their_length():
    x = np.random.default_rng(0).uniform(0, 1, sized(1_000_003, simulated=3_003))
    assert _error(loss.l2(x), math.fsum(x * x) / 2, np.float64) <= 5


def test_half_precision_sums_are_wide():
    # In float16 the sum would stop at 2048; that of 70000 ones is beyond the largest float16.
    size = sized(70_000, simulated=2_600)
    for dtype in oracles.FLOATS[:2]:
        ones = np.ones(size, dtype)
        assert loss.mean_squared_error(ones, ones * 0, None) == 1
        assert loss.mean_absolute_error(ones, ones * 0, None) == 1
        np.testing.assert_allclose(float(numbafunc.logsumexp(ones)), 1 + math.log(size), rtol=4e-3)
    large = np.full(64, 600, np.float16)
    assert loss.mean_squared_error(large, large * 0, None) == np.inf  # 360000 is
    assert loss.mean_absolute_error(np.full(1000, 100, np.float16), np.zeros(1000, np.float16), None) == 100


# Broadcast operands.


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((4, 3, 5), (5,)),
        ((5,), (4, 3, 5)),
        ((4, 1, 5), (3, 1)),
        ((4, 3, 5), ()),
        ((), (4, 3)),
        ((1, 1), (4, 3)),
        ((0, 3), (1, 1)),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:.*they are broadcast:UserWarning")
def test_broadcast_operands(first, second):
    random = np.random.default_rng(0)
    x, y = random.normal(size=first), random.uniform(0.5, 2, size=second)
    full_x, full_y = (np.array(array) for array in np.broadcast_arrays(x, y))
    for axis in [*range(full_x.ndim), None, tuple(range(full_x.ndim))[::2]]:
        if full_x.size:
            result = numbafunc.logsumexp(x, axis, y)
            np.testing.assert_allclose(result, scipy.special.logsumexp(full_x, axis, full_y), rtol=1e-13, atol=1e-13)
        kept = () if axis is None else tuple(one for one in range(full_x.ndim) if one not in np.atleast_1d(axis))
        if full_x.size or 0 in (full_x.shape[one] for one in kept):
            result = loss.mean_squared_error(x, y, kept)
            axes = tuple(one for one in range(full_x.ndim) if one not in kept)
            np.testing.assert_allclose(result, np.mean((full_x - full_y) ** 2, axes), rtol=1e-13)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    data=st.data(),
    scale=st.sampled_from([1e-3, 1.0, 50.0, 1e3]),
)
def test_any_shape_and_axes(shape, data, scale):
    axes = tuple(data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1)))
    order = data.draw(st.permutations(range(len(shape))))
    x = np.random.default_rng(0).normal(0, scale, shape)
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    np.testing.assert_allclose(numbafunc.softmax(x, axes), scipy.special.softmax(x, axes), rtol=1e-12)
    np.testing.assert_allclose(numbafunc.logsumexp(x, axes), scipy.special.logsumexp(x, axes), rtol=1e-12)
    np.testing.assert_allclose(
        numbafunc.log_softmax(x, axes), scipy.special.log_softmax(x, axes), rtol=1e-12, atol=1e-12
    )


@settings(derandomize=True, max_examples=25, deadline=None)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=True, width=64), min_size=1, max_size=6))
def test_any_row(values):
    x = np.array(values)
    result = numbafunc.softmax(x)
    if (x == np.inf).any() or (x == -np.inf).all():
        assert np.isnan(result).all()
        assert numbafunc.logsumexp(x) == x.max()
        return
    with np.errstate(all="ignore"):
        expected = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
    np.testing.assert_allclose(result, expected, rtol=1e-14, atol=0)
    np.testing.assert_allclose(
        numbafunc.logsumexp(x), x.max() + np.log(np.sum(np.exp(x - x.max()))), rtol=1e-14, atol=1e-15
    )
