"""Pooling: the figures of the API's description, all ways to give windows and padding, and what is refused."""

import json

import ml_dtypes
import numpy as np
import pytest
from chosen_backend import ConvPadding, average_pool_2d, max_pool_2d, numbafunc
from hypothesis import given, settings, strategies as st

from numbafunc.errors import ShapeError

pytestmark = pytest.mark.any_backend

RAMP = np.arange(25.0).reshape(1, 1, 5, 5)
BOTH = pytest.mark.parametrize("pool", [average_pool_2d, max_pool_2d], ids=lambda pool: pool.__name__)


def plane(values, dtype=np.float64):
    return np.array(values, dtype)[None, None]


def margins(length, size, step):
    """Padding before and after by which SAME gives a window for every step."""
    total = max((-(-length // step) - 1) * step + size - length, 0)
    return total // 2, total - total // 2


def oracle(x, size, strides, padding, nothing):
    """All windows of the padded array, by NumPy."""
    padded = np.pad(x, [(0, 0), (0, 0), *padding], constant_values=nothing)
    if padded.shape[2] < size[0] or padded.shape[3] < size[1]:
        counts = [max(0, (n - s) // step + 1) for n, s, step in zip(padded.shape[2:], size, strides)]
        return np.empty((*x.shape[:2], *counts, 1, 1), x.dtype)
    views = np.lib.stride_tricks.sliding_window_view(padded, size, (2, 3))
    return views[:, :, :: strides[0], :: strides[1]]


# The figures


def test_ramp():
    np.testing.assert_array_equal(max_pool_2d(RAMP)[0, 0], [[6, 8], [16, 18]])
    np.testing.assert_array_equal(average_pool_2d(RAMP)[0, 0], [[3, 5], [13, 15]])
    same = ConvPadding.SAME
    np.testing.assert_array_equal(max_pool_2d(RAMP, padding=same)[0, 0], [[6, 8, 9], [16, 18, 19], [21, 23, 24]])
    np.testing.assert_array_equal(
        average_pool_2d(RAMP, padding=same)[0, 0], [[3, 5, 3.25], [13, 15, 8.25], [10.25, 11.25, 6]]
    )


def test_average_divides_by_the_full_window():
    result = average_pool_2d(np.ones((1, 1, 5, 5)), 3, 1, "SAME")[0, 0]
    expected = np.full((5, 5), 9.0)
    expected[0] = expected[-1] = expected[:, 0] = expected[:, -1] = 6
    expected[0, 0] = expected[0, -1] = expected[-1, 0] = expected[-1, -1] = 4
    np.testing.assert_allclose(result, expected / 9, rtol=1e-15)


@pytest.mark.parametrize(("size", "before", "after"), [(2, 0, 1), (3, 1, 1), (4, 1, 2), (1, 0, 0), (5, 2, 2)])
@BOTH
def test_same_at_stride_one(pool, size, before, after):
    np.testing.assert_array_equal(pool(RAMP, size, 1, "same"), pool(RAMP, size, 1, (before, after)))


# Windows and padding, in every form


@pytest.mark.parametrize("size", [3, (3, 3), [3, 3], np.int32(3), (np.int64(3), 3), np.array(3)], ids=repr)
@BOTH
def test_forms_of_size(pool, size):
    np.testing.assert_array_equal(pool(RAMP, size), pool(RAMP, 3, 3))
    np.testing.assert_array_equal(pool(RAMP, 3, size), pool(RAMP, 3, 3))


@BOTH
def test_strides_that_are_those_of_the_window(pool):
    np.testing.assert_array_equal(pool(RAMP, (2, 3), None), pool(RAMP, (2, 3), (2, 3)))


@pytest.mark.parametrize(
    ("padding", "meaning"),
    [
        (ConvPadding.VALID, ((0, 0), (0, 0))),
        ("VALID", ((0, 0), (0, 0))),
        ("valid", ((0, 0), (0, 0))),
        (ConvPadding.SAME, ((0, 1), (0, 1))),
        ("Same", ((0, 1), (0, 1))),
        (1, ((1, 1), (1, 1))),
        (np.int64(1), ((1, 1), (1, 1))),
        ((0, 1), ((0, 1), (0, 1))),
        (((1, 0), (0, 2)), ((1, 0), (0, 2))),
        ([(1, 0), (0, 2)], ((1, 0), (0, 2))),
        (([1, 0], [0, 2]), ((1, 0), (0, 2))),
        ([[1, 0], [0, 2]], ((1, 0), (0, 2))),
        (np.array([[1, 0], [0, 2]]), ((1, 0), (0, 2))),
    ],
    ids=repr,
)
def test_forms_of_padding(padding, meaning):
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 5))
    for size, steps in (((2, 2), (2, 2)), ((1, 2), (1, 1))):
        if isinstance(padding, (str, ConvPadding)):
            meaning = ((0, 0), (0, 0))
            if str(padding).upper().endswith("SAME"):
                meaning = tuple(margins(5, s, step) for s, step in zip(size, steps))
        expected = oracle(x, size, steps, meaning, -np.inf).max((-2, -1))
        np.testing.assert_array_equal(max_pool_2d(x, size, steps, padding), expected)
        expected = oracle(x, size, steps, meaning, 0).mean((-2, -1))
        np.testing.assert_allclose(average_pool_2d(x, size, steps, padding), expected, rtol=1e-13, atol=1e-15)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 11), st.integers(0, 41)),
    size=st.tuples(st.integers(1, 4), st.integers(1, 5)) | st.sampled_from([(2, 2), (3, 3)]),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)) | st.sampled_from([(1, 1), (2, 2)]),
    padding=st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
)
def test_any_windows(shape, size, strides, padding):
    x = np.random.default_rng(1).normal(size=shape)
    views = oracle(x, size, strides, padding, -np.inf)
    largest = views.max((-2, -1))
    np.testing.assert_array_equal(max_pool_2d(x, size, strides, padding), largest)
    means = oracle(x, size, strides, padding, 0).sum((-2, -1)) / (size[0] * size[1])
    np.testing.assert_allclose(average_pool_2d(x, size, strides, padding), means, rtol=1e-13, atol=1e-14)
    _, slope = numbafunc.jvp(lambda y: max_pool_2d(y, size, strides, padding), (x,), (x * x,))
    np.testing.assert_array_equal(slope, np.where(largest == -np.inf, 0, largest**2))


def test_windows_that_do_not_fit():
    for pool in (average_pool_2d, max_pool_2d):
        assert pool(RAMP, 6).shape == (1, 1, 0, 0)
        assert pool(RAMP, (2, 9)).shape == (1, 1, 2, 0)
        for shape in ((0, 3, 4, 4), (3, 0, 4, 4), (2, 2, 0, 4), (2, 2, 4, 0)):
            expected = (*shape[:2], *(length // 2 for length in shape[2:]))
            assert pool(np.zeros(shape)).shape == expected
            assert numbafunc.jvp(pool, (np.zeros(shape),), (np.zeros(shape),))[1].shape == expected


def test_windows_of_nothing_but_padding():
    assert (average_pool_2d(np.zeros((1, 1, 0, 2)), 1, 1, 1) == 0).all()
    for dtype in (np.float16, np.float32, np.float64, ml_dtypes.bfloat16):
        assert (max_pool_2d(np.zeros((1, 2, 0, 2), dtype), 1, 1, 1) == -np.inf).all()
    for dtype in (np.int8, np.uint8, np.int64, np.uint64):
        x = np.full((1, 1, 1, 1), 1, dtype)
        assert max_pool_2d(x, 1, 1, 1)[0, 0, 0, 0] == np.iinfo(dtype).min
    result = max_pool_2d(np.ones((1, 1, 1, 1), bool), 1, 1, 1)
    assert result.dtype == bool
    np.testing.assert_array_equal(result[0, 0], [[False] * 3, [False, True, False], [False] * 3])


# Dtypes and numbers that are not finite


def test_dtypes_of_means():
    for dtype in (np.float16, np.float32, np.float64, ml_dtypes.bfloat16):
        assert average_pool_2d(RAMP.astype(dtype)).dtype == dtype
    assert average_pool_2d(np.full((1, 1, 2, 2), 100, np.int8)) == 100
    assert average_pool_2d(np.full((1, 1, 2, 2), 2**63, np.uint64)) == 2.0**63
    assert average_pool_2d(np.full((1, 1, 2, 2), 1, np.int64)).dtype == np.float64
    assert average_pool_2d(RAMP.tolist()).dtype == np.float64
    # Their sum is beyond float16.
    assert average_pool_2d(np.full((1, 1, 2, 2), 6e4, np.float16)) == np.float16(6e4)
    x = np.full((1, 1, 64, 64), 1, np.float16)
    assert average_pool_2d(x, 64) == 1  # a sum in float16 stops at 2048


@BOTH
def test_nan_and_infinity_spread(pool):
    x = np.random.default_rng(2).normal(size=(1, 1, 9, 40)).astype(np.float32)
    x[0, 0, 4, 17] = np.nan
    x[0, 0, 7, 30] = -np.nan
    hit = np.isnan(x)
    for size, step, padding in ((2, 2, 0), (3, 2, 1), (3, 1, 1), ((2, 4), (1, 3), (0, 2))):
        pair = size if isinstance(size, tuple) else (size, size)
        steps = step if isinstance(step, tuple) else (step, step)
        margin = padding if isinstance(padding, tuple) else (padding, padding)
        expected = oracle(hit, pair, steps, (margin, margin), False).any((-2, -1))
        np.testing.assert_array_equal(np.isnan(pool(x, size, step, padding)), expected)
    assert pool(plane([[np.inf, 1], [2, 3]])) == np.inf
    assert np.isnan(average_pool_2d(plane([[np.inf, -np.inf], [2, 3]])))
    assert max_pool_2d(plane([[np.inf, -np.inf], [2, np.nan]])) != max_pool_2d(plane([[np.inf, -np.inf], [2, 4]]))


def test_largest_integers_keep_all_bits():
    x = plane([[2**63 - 2, 2**63 - 1], [-(2**63), 0]], np.int64)
    assert max_pool_2d(x) == 2**63 - 1
    assert max_pool_2d(plane([[2**64 - 1, 2**63], [0, 1]], np.uint64)) == 2**64 - 1
    assert max_pool_2d(plane([[-5, -3], [-9, -4]], np.int16)) == -3


# Derivatives where they are one-sided


def slope(values, tangent, **options):
    return numbafunc.jvp(lambda y: max_pool_2d(y, **options), (plane(values),), (plane(tangent),))[1][0, 0]


def test_first_of_the_largest_gets_it_all():
    assert slope([[1, 1], [1, 1]], [[1, 20], [300, 4000]]) == 1
    assert slope([[0, 1], [1, 1]], [[1, 20], [300, 4000]]) == 20
    assert slope([[0, 0], [1, 1]], [[1, 20], [300, 4000]]) == 300
    assert slope([[-0.0, 0.0], [0.0, -0.0]], [[1, 20], [300, 4000]]) == 1
    np.testing.assert_array_equal(
        slope([[5, 5, 5], [5, 5, 5], [5, 5, 5]], np.arange(9).reshape(3, 3), size=2, strides=1), [[0, 1], [3, 4]]
    )


def test_no_slope_where_nothing_is_larger_than_minus_infinity():
    infinite = np.full((2, 2), -np.inf)
    assert slope(infinite, [[1, 20], [300, 4000]]) == 0
    np.testing.assert_array_equal(slope([[7.0]], [[3.0]], size=1, padding=1), [[0, 0, 0], [0, 3, 0], [0, 0, 0]])
    assert slope([[-np.inf, -np.inf], [-np.inf, -1e308]], [[1, 20], [300, 4000]]) == 4000
    assert slope(infinite, np.full((2, 2), np.nan)) == 0


def test_slope_of_the_first_nan():
    assert slope([[9, np.nan], [np.nan, np.inf]], [[1, 20], [300, 4000]]) == 20
    # What was not selected contributes nothing.
    assert slope([[9, 1], [2, 3]], [[1, np.nan], [np.inf, 4000]]) == 1


def test_second_derivative():
    def second(x):
        return numbafunc.jvp(lambda y: numbafunc.jvp(lambda z: max_pool_2d(z**3), (y,), (x,))[1], (x,), (x,))[1]

    x = np.random.default_rng(3).normal(size=(1, 2, 4, 4))
    np.testing.assert_allclose(second(x), 6 * max_pool_2d(x) ** 3, rtol=1e-14)


def test_gradient():
    weights = plane([[1.0, 2.0], [3.0, 4.0]])
    gradient = numbafunc.grad(lambda x: np.sum(max_pool_2d(x) * weights))(RAMP[:, :, :4, :4])
    expected = np.zeros((4, 4))
    expected[1::2, 1::2] = weights[0, 0]
    np.testing.assert_array_equal(gradient[0, 0], expected)


# Errors


@pytest.mark.parametrize("shape", [(), (4,), (4, 4), (1, 4, 4), (1, 1, 1, 4, 4)], ids=str)
@BOTH
def test_operands_that_are_no_batches_of_images(pool, shape):
    for error in (TypeError, ValueError, ShapeError):
        with pytest.raises(error, match=r"^x has shape .*wanted: 4 axes"):
            pool(np.zeros(shape))


@pytest.mark.parametrize("wrong", [0, np.int64(0), -1, (2, 0), (0, 2), (-1, 2)], ids=repr)
@BOTH
def test_windows_that_are_not_positive(pool, wrong):
    with pytest.raises(ShapeError, match=r"^size is .*wanted"):
        pool(RAMP, wrong)
    with pytest.raises(ShapeError, match=r"^strides is .*wanted"):
        pool(RAMP, 2, wrong)


@pytest.mark.parametrize("wrong", [-1, (2, -1), ((0, 1), (-1, 0)), np.array([[0, 0], [0, -1]])], ids=repr)
@BOTH
def test_negative_padding(pool, wrong):
    for options in ({}, {"ceil_mode": True}):
        with pytest.raises(ValueError, match=r"(?s)^padding is .*wanted: nothing negative"):
            pool(RAMP, padding=wrong, **options)


@pytest.mark.parametrize(
    "wrong", [2.0, "2", (2,), (2, 2, 2), (), (2.0, 2), True, (True, 2), {2}, np.array([2, 2]), 2j], ids=repr
)
@BOTH
def test_windows_that_are_no_numbers(pool, wrong):
    pool(RAMP, 2, 2)  # a known call with an equal number must not be taken for it
    pool(RAMP, 1, 1)
    with pytest.raises(TypeError, match=r"^size is .*wanted"):
        pool(RAMP, wrong)
    with pytest.raises(TypeError, match=r"^strides is .*wanted"):
        pool(RAMP, 2, wrong)
    with pytest.raises(TypeError, match="^size is None"):
        pool(RAMP, None)


@pytest.mark.parametrize(
    "wrong",
    [
        *[[1, 2], None, 1.0, True, False, (1,), (1, 2, 3), (1.0, 2), ((1, 1),), ((1, 1), (1,)), (1, (1, 1)), {1}],
        *[b"SAME", np.array([1, 2]), np.array([[0.5, 0.5], [1, 1]]), ((1, 1), (1, 1.0)), ((1, 1), (1, 1), (1, 1))],
    ],
    ids=repr,
)
@BOTH
def test_wrong_padding(pool, wrong):
    pool(RAMP, 2, 2, 1)
    pool(RAMP, 2, 2, 0)
    with pytest.raises(TypeError, match=r"(?s)^padding is .*wanted"):
        pool(RAMP, 2, 2, wrong)


@BOTH
def test_unknown_padding(pool):
    for name in ("full", "", "SAME ", "0"):
        with pytest.raises(ValueError, match=r"^padding is .*wanted: 'SAME', 'VALID'"):
            pool(RAMP, padding=name)


def test_no_mean_of_bool():
    for pool in (average_pool_2d,):
        with pytest.raises(TypeError, match="^x has dtype bool"):
            pool(RAMP > 3)


# Results do not depend on threads.

THREADS = """
import hashlib, json
import numba
import numpy as np
import numbafunc

x = np.random.default_rng(0).normal(size=(8, 16, 57, 61)).astype(np.float32)
digests = {}
for size, step, padding in ((2, 2, 0), (3, 2, 1), (3, 1, "SAME"), ((4, 7), (1, 3), 2)):
    for pool in (numbafunc.average_pool_2d, numbafunc.max_pool_2d):
        found = set()
        for threads in (1, 2, 3):
            numba.set_num_threads(threads)
            for _ in range(2):
                value, slope = numbafunc.jvp(lambda y: pool(y, size, step, padding), (x,), (x * x,))
                assert np.array_equal(value, pool(x, size, step, padding))
                found.add(hashlib.sha256(value.tobytes() + slope.tobytes()).hexdigest())
        digests[f"{pool.__name__} {size} {step}"] = len(found)
print(json.dumps(digests))
"""


def test_threads(programs):
    counts = json.loads(programs.run(THREADS, NUMBA_NUM_THREADS="3"))
    assert len(counts) == 8
    assert set(counts.values()) == {1}


def slopes_of_maxima(x, change, size, step, padding):
    """What NumPy's argmax finds in each window: the first NaN, or the first of the largest; 0 where nothing is."""
    margins = ((0, 0), (0, 0), *2 * (padding if isinstance(padding, tuple) else (padding, padding),))
    values, slopes = (
        np.lib.stride_tricks.sliding_window_view(padded, (size, size), (2, 3))[:, :, ::step, ::step]
        for padded in (np.pad(x, margins, constant_values=-np.inf), np.pad(change, margins))
    )
    values, slopes = (part.reshape(*part.shape[:4], -1) for part in (values, slopes))
    place = np.argmax(values, -1)[..., None]
    found, slope = (np.take_along_axis(part, place, -1)[..., 0] for part in (values, slopes))
    return np.where(found == -np.inf, 0, slope)


@pytest.mark.parametrize("directions", [1, 3, 5])
@pytest.mark.parametrize(
    ("window", "columns"),
    [
        *(((3, 2, 1), columns) for columns in (5, 13, 38)),  # one by one, few and many side by side
        *(((2, 2, 0), 38), ((2, 3, 0), 38), ((2, 5, 1), 38), ((1, 1, (2, 1)), 13)),
        *(((4, 3, (2, 0)), 13), ((7, 5, 3), 13), ((27, 1, 9), 13)),
    ],
)
def test_all_numbers_of_directions_follow_the_same_maximum(window, columns, directions):
    random = np.random.default_rng(directions)
    x = np.round(random.normal(size=(2, 3, 11, columns)))
    x[0, 0, 3], x[1, 2, :, 4] = np.nan, -np.inf
    changes = random.normal(size=(directions, *x.shape))
    followed = numbafunc.max_pool_2d(numbafunc.Dual(x, changes, 1), *window)
    np.testing.assert_array_equal(followed.primal, numbafunc.max_pool_2d(x, *window))
    for change, slope in zip(changes, followed.tangent):
        marked = numbafunc.max_pool_2d(numbafunc.Dual(x, np.stack([change, *5 * [x]]), 1), *window)
        np.testing.assert_array_equal(slope, marked.tangent[0])
        np.testing.assert_array_equal(slope, slopes_of_maxima(x, change, *window))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_maxima_of_16_bits_carry_tangents_along(dtype):
    random = np.random.default_rng(0)
    x, change = (np.round(4 * random.normal(size=(2, 3, 11, 38))).astype(dtype) for _ in range(2))
    x[0, 0, 3], x[1, 2, :, 4] = np.nan, -np.inf
    found = numbafunc.jvp(lambda x: numbafunc.max_pool_2d(x, 3, 2, 1), (x,), (change,))
    assert [part.dtype for part in found] == [dtype, dtype]
    # NumPy takes no NaN of bfloat16 for another.
    wide, changes = x.astype(np.float64), change.astype(np.float64)
    value, slope = (part.astype(np.float64) for part in found)
    np.testing.assert_array_equal(value, numbafunc.max_pool_2d(wide, 3, 2, 1))
    np.testing.assert_array_equal(slope, slopes_of_maxima(wide, changes, 3, 2, 1))


IMAGE = np.zeros((1, 1, 4, 4))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda n: numbafunc.max_pool_2d(IMAGE, (1, n), 1, ((0, 0), (n, 0))), "size"),
        (lambda n: numbafunc.average_pool_2d(IMAGE, n, 1, "same"), "size"),
        (lambda n: numbafunc.max_pool_2d(IMAGE, 1, n), "strides"),
    ],
)
@pytest.mark.parametrize("number", [2**40, 2**63, 2**70])
def test_sizes_beyond_reason(call, name, number):
    with pytest.raises((TypeError, ValueError), match=f"^{name} is"):
        call(number)
