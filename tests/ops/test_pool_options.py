"""Options of pooling: dilation, ceil_mode, count_include_pad, return_indices; and means whose sums overflow."""

import importlib.util
import itertools
from functools import partial

import ml_dtypes
import numpy as np
import pytest
from chosen_backend import average_pool_2d, max_pool_2d, numbafunc

from numbafunc.ops.pool import average_pool_2d as average_in_main_memory, max_pool_2d as max_in_main_memory

pytestmark = pytest.mark.any_backend

RAMP = np.arange(25.0).reshape(1, 1, 5, 5)


def numbers(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def windows_of(length, size, step, before, after, gap, ceil):
    """The places of each window along an axis, and how many of them are not beyond the padding: PyTorch's rule."""
    room = length + before + after - gap * (size - 1) - 1
    count = max((room + (step - 1 if ceil else 0)) // step + 1, 0)
    if ceil and count and (count - 1) * step >= length + before:
        count -= 1
    places = [[o * step - before + k * gap for k in range(size)] for o in range(count)]
    return places, [sum(p < length + after for p in window) for window in places]


def pooled(x, size, strides, padding, dilation=(1, 1), ceil=False, include=True):
    """Maxima, their positions, and means in float64, by loops over windows."""
    planes = x.reshape(-1, *x.shape[2:]).astype(np.float64)
    axes = [
        windows_of(n, s, step, *p, gap, ceil)
        for n, s, step, p, gap in zip(x.shape[2:], size, strides, padding, dilation)
    ]
    (rows, heights), (columns, widths) = axes
    shape = (len(planes), len(rows), len(columns))
    largest, place, mean = np.full(shape, -np.inf), np.full(shape, -1), np.zeros(shape)
    for n, i, j in np.ndindex(*shape):
        inside = [
            (r, c) for r, c in itertools.product(rows[i], columns[j]) if 0 <= r < x.shape[2] and 0 <= c < x.shape[3]
        ]
        if inside:
            values = np.array([planes[n][at] for at in inside])
            first = int(np.argmax(values))  # the first NaN, or the first of the largest
            largest[n, i, j], (r, c) = values[first], inside[first]
            place[n, i, j] = r * x.shape[3] + c
            mean[n, i, j] = values.sum() / (heights[i] * widths[j] if include else len(inside))
    result = (*x.shape[:2], *shape[1:])
    return largest.reshape(result), place.reshape(result), mean.reshape(result)


# Size, strides, padding, dilation, ceil_mode.
CASES = [
    ((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), True),
    ((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), False),
    ((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), True),
    ((3, 2), (1, 2), ((1, 1), (1, 1)), (2, 3), False),
    ((2, 3), (3, 2), ((1, 0), (0, 1)), (3, 2), True),
    ((3, 3), (1, 1), ((2, 1), (0, 2)), (1, 1), False),
    ((2, 2), (5, 5), ((2, 2), (2, 2)), (1, 1), True),
    ((4, 5), (1, 3), ((0, 0), (1, 1)), (2, 1), False),
    ((1, 1), (2, 3), ((1, 2), (2, 1)), (1, 1), True),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_loops(case):
    size, strides, padding, dilation, ceil = case
    options = {"dilation": dilation, "ceil_mode": ceil}
    for shape in ((2, 1, 7, 9), (1, 2, 6, 11), (1, 1, 3, 20), (0, 2, 7, 7)):
        x = numbers(shape)
        largest, place, mean = pooled(x, *case)
        np.testing.assert_array_equal(max_pool_2d(x, size, strides, padding, **options), largest)
        values, indices = max_pool_2d(x, size, strides, padding, **options, return_indices=True)
        np.testing.assert_array_equal(values, largest)
        np.testing.assert_array_equal(indices, place)
        assert indices.dtype == np.int64
        found = average_pool_2d(x, size, strides, padding, **options)
        np.testing.assert_allclose(found, mean, rtol=1e-13, atol=1e-14)
        found = average_pool_2d(x, size, strides, padding, **options, count_include_pad=False)
        np.testing.assert_allclose(found, pooled(x, *case, include=False)[2], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    "dtype",
    [np.float16, ml_dtypes.bfloat16, np.float32, np.int8, np.uint8, np.int64, np.bool_],
    ids=lambda d: d.__name__,
)
def test_dtypes(dtype):
    x = (numbers((2, 2, 6, 7)) * 4).astype(dtype)
    for case in CASES[:5]:
        size, strides, padding, dilation, ceil = case
        largest, place, mean = pooled(x, *case)
        options = {"dilation": dilation, "ceil_mode": ceil}
        values, indices = max_pool_2d(x, size, strides, padding, **options, return_indices=True)
        assert values.dtype == dtype
        np.testing.assert_array_equal(values[place >= 0].astype(np.float64), largest[place >= 0])
        np.testing.assert_array_equal(indices, place)
        if dtype is not np.bool_:
            found = average_pool_2d(x, size, strides, padding, **options).astype(np.float64)
            np.testing.assert_allclose(found, mean, rtol=1e-2 if found.dtype != dtype else 1e-13, atol=1e-2)


def test_indices_of_what_ties_and_of_what_is_not_finite():
    x = np.array(
        [[[[1, 1, -np.inf, -np.inf], [1, 1, -np.inf, -np.inf], [np.nan, 5, 2, np.nan], [5, np.nan, np.inf, 3]]]]
    )
    values, indices = max_pool_2d(x, return_indices=True)
    np.testing.assert_array_equal(values[0, 0], [[1, -np.inf], [np.nan, np.nan]])
    np.testing.assert_array_equal(indices[0, 0], [[0, 2], [8, 11]])
    _, indices = max_pool_2d(np.full((1, 1, 1, 1), np.iinfo(np.int64).min), 1, 1, 1, return_indices=True)
    np.testing.assert_array_equal(indices[0, 0], [[-1, -1, -1], [-1, 0, -1], [-1, -1, -1]])


def test_layouts():
    x = numbers((2, 3, 8, 9), np.float32)
    options = {"dilation": 2, "ceil_mode": True}
    expected = max_pool_2d(x, 2, **options, return_indices=True)
    means = average_pool_2d(x, 3, 2, 1, count_include_pad=False)
    for given in (np.asfortranarray(x), x[:, :, ::-1].copy()[:, :, ::-1], x.astype(x.dtype.newbyteorder())):
        for found, wanted in zip(max_pool_2d(given, 2, **options, return_indices=True), expected):
            np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(average_pool_2d(given, 3, 2, 1, count_include_pad=False), means)


# By hand: windows of 2 by 2 on 5 by 5, of which the last hang over the end.
def test_figures():
    np.testing.assert_array_equal(
        average_pool_2d(RAMP, ceil_mode=True)[0, 0], [[3, 5, 6.5], [13, 15, 16.5], [20.5, 22.5, 24]]
    )
    corners = average_pool_2d(RAMP, 3, 4, 1, count_include_pad=False)[0, 0]
    np.testing.assert_array_equal(corners, [[3, 6], [18, 21]])
    np.testing.assert_array_equal(max_pool_2d(RAMP, 2, 1, dilation=2)[0, 0], [[12, 13, 14], [17, 18, 19], [22, 23, 24]])


# Derivatives


@pytest.mark.parametrize("case", CASES[:6], ids=str)
@pytest.mark.parametrize("include", [True, False])
def test_derivatives_in_both_modes(case, include):
    size, strides, padding, dilation, ceil = case
    options = {"dilation": dilation, "ceil_mode": ceil}
    x, direction = numbers((1, 2, 6, 7)), numbers((1, 2, 6, 7), seed=1)
    arguments = (size, strides, padding)
    pairs = [
        (average_pool_2d, average_in_main_memory, {**options, "count_include_pad": include}),
        (max_pool_2d, max_in_main_memory, options),
    ]
    for anywhere, main, given in pairs:
        pool, pool_here = (
            partial(one, size=size, strides=strides, padding=padding, **given) for one in (anywhere, main)
        )
        value, tangent = numbafunc.jvp(pool, (x,), (direction,))
        plus, minus = (pool_here(x + step * direction) for step in (1e-5, -1e-5))
        kept = np.isfinite(value)
        np.testing.assert_allclose(tangent[kept], (plus[kept] - minus[kept]) / 2e-5, rtol=1e-6, atol=1e-8)
        cotangent = numbers(value.shape, seed=2)
        (back,) = numbafunc.vjp(pool_here, x)[1](cotangent)
        np.testing.assert_allclose(np.sum(back * direction), np.sum(cotangent * tangent), rtol=1e-12, atol=1e-13)
    directions = numbers((6, 1, 2, 6, 7), seed=3)  # more than are followed in one pass
    several = numbafunc.jacfwd(lambda c: max_pool_2d(x + np.tensordot(c, directions, 1), *arguments, **options))(
        np.zeros(6)
    )
    for number, one in enumerate(directions):
        tangent = numbafunc.jvp(lambda x: max_pool_2d(x, *arguments, **options), (x,), (one,))[1]
        np.testing.assert_allclose(several[..., number], tangent, rtol=1e-13)


def test_values_have_derivatives_and_indices_have_none():
    x, direction = numbers((1, 1, 4, 6)), numbers((1, 1, 4, 6), seed=1)

    def pooled(x):
        values, indices = max_pool_2d(x, return_indices=True)
        assert not isinstance(indices, numbafunc.Dual)
        return values

    value, tangent = numbafunc.jvp(pooled, (x,), (direction,))
    indices = max_in_main_memory(x, return_indices=True)[1]
    np.testing.assert_array_equal(value, x.ravel()[indices])
    np.testing.assert_array_equal(tangent, direction.ravel()[indices])
    gradient = numbafunc.grad(lambda x: np.sum(max_in_main_memory(x, return_indices=True)[0] ** 2))(x)
    expected = np.zeros(24)
    expected[indices.ravel()] = 2 * x.ravel()[indices.ravel()]
    np.testing.assert_allclose(gradient.ravel(), expected)


# Sums that overflow where means do not


@pytest.mark.parametrize(
    "dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64], ids=lambda d: np.dtype(d).name
)
def test_sums_may_overflow(dtype):
    largest = float(ml_dtypes.finfo(dtype).max)
    signs = np.where(numbers((1, 2, 9, 33)) > 0, 1, -1)
    for x in (np.full((1, 2, 9, 33), largest, dtype), (largest * signs).astype(dtype)):
        for arguments, options in (
            ((2,), {}),
            ((3, 2, 1), {}),
            ((3, 1, 1), {}),
            ((4, 3), {}),
            (((5, 40), 1, 20), {}),
            ((3, 2, 1), {"count_include_pad": False}),
            ((3, 1), {"dilation": 2}),
        ):
            tiny = (x.astype(np.float64) / largest).astype(np.float64)
            expected = average_in_main_memory(tiny, *arguments, **options) * largest
            found = average_pool_2d(x, *arguments, **options).astype(np.float64)
            np.testing.assert_allclose(
                found, expected, rtol=4 * float(ml_dtypes.finfo(dtype).eps), atol=largest * 1e-15
            )


def test_what_is_infinite_stays_where_it_is():
    x = np.full((1, 1, 6, 6), 3e38, np.float32)
    x[0, 0, 0, 0], x[0, 0, 3, 3], x[0, 0, 5, 0] = np.inf, np.nan, -np.inf
    expected = np.full((3, 3), 3e38, np.float32)
    expected[0, 0], expected[1, 1], expected[2, 0] = np.inf, np.nan, -np.inf
    np.testing.assert_array_equal(average_pool_2d(x)[0, 0], expected)


def test_cotangents_of_windows_with_more_elements_than_float16_counts():
    x = np.ones((1, 1, 300, 300), np.float16)
    (back,) = numbafunc.vjp(lambda x: average_in_main_memory(x, 300), x)[1](np.full((1, 1, 1, 1), 9e4 / 2, np.float16))
    np.testing.assert_array_equal(back, np.full_like(x, np.float16(np.float32(np.float16(9e4 / 2)) / 9e4)))


# Errors


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dilation": 0}, ValueError, "^dilation is 0"),
        ({"dilation": 1.5}, TypeError, "^dilation is 1.5"),
        ({"dilation": (1, 2, 3)}, TypeError, "^dilation is"),
        ({"dilation": True}, TypeError, "^dilation is True"),
        ({"ceil_mode": 1}, TypeError, "^ceil_mode is 1"),
    ],
    ids=str,
)
def test_errors(options, error, message):
    for pool in (average_pool_2d, max_pool_2d):
        with pytest.raises(error, match=message):
            pool(RAMP, **options)


def test_errors_of_one_function():
    with pytest.raises(TypeError, match="^count_include_pad is None"):
        average_pool_2d(RAMP, count_include_pad=None)
    with pytest.raises(TypeError, match="^return_indices is 2"):
        max_pool_2d(RAMP, return_indices=2)
    with pytest.raises(TypeError, match="return_indices"):
        average_pool_2d(RAMP, return_indices=True)
    with pytest.raises(TypeError, match="positional"):
        max_pool_2d(RAMP, 2, 2, 0, 1)


# PyTorch, where it is installed.


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_against_pytorch():
    import torch
    from torch.nn import functional

    for shape, size, stride, padding, ceil in itertools.product(
        ((7, 9), (12, 5)), (2, 3, (3, 2)), (1, 2, 3), (0, 1), (False, True)
    ):
        x = numbers((1, 2, *shape))
        given = torch.from_numpy(x)
        for include in (True, False):
            found = average_pool_2d(x, size, stride, padding, ceil_mode=ceil, count_include_pad=include)
            theirs = functional.avg_pool2d(given, size, stride, padding, ceil, include)
            np.testing.assert_allclose(found, theirs.numpy(), rtol=1e-12, atol=1e-14)
        for dilation in (1, 2):
            options = {"dilation": dilation, "ceil_mode": ceil, "return_indices": True}
            theirs = functional.max_pool2d(given, size, stride, padding, **options)
            for one, other in zip(max_pool_2d(x, size, stride, padding, **options), theirs):
                np.testing.assert_array_equal(one, other.numpy())
