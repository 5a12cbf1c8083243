"""Figures, forms of arguments, special values and weights of interpolate and upsample_2d."""

import math
from fractions import Fraction

import ml_dtypes
import numba
import numpy as np
import pytest
from chosen_backend import SIMULATED, Interpolate, interpolate, numbafunc, sized, upsample_2d

from numbafunc.ops.resize import interpolate as in_main_memory

pytestmark = pytest.mark.any_backend

INF, NAN = np.inf, np.nan
LINE = np.array([1.0, 2.0, 4.0, 8.0])
METHODS = ("linear", "cubic", "lanczos3", "lanczos5")


# The oracle: dense matrices of weights, straight from the rule.


def kernel(method, d):
    if method == "linear":
        return max(0.0, 1 - d)
    if method == "cubic":
        if d < 1:
            return 1.5 * d**3 - 2.5 * d**2 + 1
        return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0
    r = int(method[-1])
    if d <= 1e-3:
        return 1.0
    if d == int(d):
        return 0.0  # the sines of multiples of pi, which the computed ones are not
    return r * np.sin(np.pi * d) * np.sin(np.pi * d / r) / (np.pi * d) ** 2 if d <= r else 0.0


def matrix(n, m, method):
    weights = np.zeros((m, n))
    for o in range(m):
        for i in range(n):
            # |centre - i| / max(n / m, 1) with centre = (o + 1/2) n / m - 1/2, over a common denominator.
            weights[o, i] = kernel(method, abs((2 * o + 1) * n - m - 2 * m * i) / (2 * max(n, m)))
        weights[o] /= weights[o].sum()
    return weights


def dense(x, target, method):
    """The result in float64, one axis after the other."""
    result = x.astype(np.float64)
    for axis, (n, m) in enumerate(zip(x.shape, target)):
        if n != m:
            result = np.moveaxis(np.tensordot(matrix(n, m, method), result, (1, axis)), 0, axis)
    return result


def numbers(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def close(result, expected, dtype):
    epsilon = float(ml_dtypes.finfo(dtype).eps)
    assert result.dtype == dtype
    assert result.shape == expected.shape
    bound = 8 * epsilon * np.max(np.abs(expected), initial=1.0)
    assert np.max(np.abs(result.astype(np.float64) - expected), initial=0.0) <= bound


# Figures


@pytest.mark.parametrize(
    ("size", "mode", "expected"),
    [
        (8, "linear", [1, 1.25, 1.75, 2.5, 3.5, 5, 7, 8]),
        (2, "linear", [1.8571429, 5.4285717]),
        (3, "linear", [1.3, 3, 6.8]),
        (1, "linear", [3.625]),
        (8, "cubic", [0.9117647, 1.1459854, 1.6412214, 2.3828125, 3.3359375, 5.0229006, 7.284672, 8.352941]),
        (2, "lanczos3", [1.4018557, 5.782835]),
        (6, "nearest", [1, 2, 2, 4, 8, 8]),
        (5, "nearest", [1, 2, 4, 4, 8]),
        (3, "nearest", [1, 4, 8]),
        (2, "nearest", [2, 8]),
        (1, "nearest", [4]),
    ],
)
def test_figures(size, mode, expected):
    for dtype in (np.float32, np.float64):
        result = interpolate(LINE.astype(dtype), size, mode=mode)
        assert result.dtype == dtype
        np.testing.assert_allclose(result, expected, rtol=2e-7)


@pytest.mark.parametrize(
    ("n", "m"), [(2, 41), (10, 25), (41, 2), (25, 10), (3, 5), (7, 13), (12, 8), (97, 89), (1, 9), (9, 1), (4097, 4099)]
)
def test_nearest_is_the_floor_of_the_exact_centre(n, m):
    exact = [math.floor(Fraction(2 * o + 1, 2) * Fraction(n, m)) for o in range(m)]
    np.testing.assert_array_equal(interpolate(np.arange(n), m, mode="nearest"), exact)
    tall = interpolate(np.arange(2 * n).reshape(n, 2), (m, 2), mode="nearest")
    np.testing.assert_array_equal(tall[:, 0], 2 * np.array(exact))


@pytest.mark.skipif(SIMULATED, reason="33 million elements")
def test_nearest_for_lengths_that_float32_does_not_tell_apart():
    n, m = 2**25, 2**25 - 1
    result = interpolate(np.arange(n, dtype=np.int32), m, mode="nearest")
    # Floor of (o + 1/2) (1 + 1/m) is o as long as (o + 1/2) / m is below 1/2.
    np.testing.assert_array_equal(result, np.arange(m) + (np.arange(m) >= m // 2))
    large = interpolate(np.arange(2, dtype=np.int8), 2**24 + 2, mode="nearest")
    assert large.sum() == 2**23 + 1
    assert large[2**23] == 0
    assert large[2**23 + 1] == 1


# Against the oracle

# Whole factors and others, lengths too short for either, and more taps than are unrolled.
LENGTHS = {
    "linear": [(1, 5), (4, 8), (8, 4), (2, 4), (5, 15), (24, 8), (17, 5), (30, 1), (13, 1)],
    "cubic": [(8, 16), (24, 12), (9, 7)],
    "lanczos3": [(24, 12)],
    "lanczos5": [(12, 24)],
}


@pytest.mark.parametrize("method", METHODS)
def test_one_axis(method):
    for n, m in LENGTHS[method]:
        x = numbers((3, n), np.float32)
        close(interpolate(x, m, mode=method), dense(x, (3, m), method), np.float32)
        close(interpolate(x.T, (m, 3), mode=method), dense(x.T, (m, 3), method), np.float32)


@pytest.mark.parametrize(
    ("shape", "target", "method", "dtype"),
    [
        ((7, 9), (14, 18), "linear", np.float32),
        ((7, 9), (14, 18), "cubic", np.float32),
        ((7, 9), (14, 18), "cubic", np.float64),
        ((26, 24), (13, 12), "linear", np.float32),
        ((26, 24), (13, 12), "cubic", np.float32),
        ((6, 14), (9, 7), "linear", np.float32),
        ((20, 6), (10, 18), "linear", np.float32),
        ((7, 7), (100, 111), "lanczos3", np.float64),
        ((64, 40), (3, 50), "lanczos5", np.float32),
    ],
    ids=str,
)
def test_two_axes(shape, target, method, dtype):
    x = numbers((2, *shape), dtype)
    close(interpolate(x, target, mode=method), dense(x, (2, *target), method), dtype)


@pytest.mark.parametrize(
    ("shape", "target"),
    [
        ((3, 4, 5, 6), (5, 8, 4, 3)),
        ((4, 6, 3, 2), (2, 3, 3, 2)),
        ((2, 3, 4, 3), (2, 6, 8, 3)),
        ((4, 3, 2, 2), (2, 3, 2, 4)),
    ],
    ids=str,
)
def test_any_axes(shape, target):
    x = numbers(shape, np.float32)
    close(interpolate(x, list(target)), dense(x, target, "linear"), np.float32)
    expected = x
    for axis, (n, m) in enumerate(zip(shape, target)):
        expected = expected.take(((2 * np.arange(m) + 1) * n) // (2 * m), axis)
    np.testing.assert_array_equal(interpolate(x, target, mode="nearest"), expected)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16], ids=lambda dtype: np.dtype(dtype).name)
def test_half_precision_is_computed_in_float32(dtype):
    for shape, target in (((2, 8, 8), (16, 16)), ((2, 40, 6), (40, 12)), ((2, 64, 4), (1, 4)), ((3, 4, 5), (6, 8, 10))):
        x = numbers(shape, dtype)
        expected = interpolate(x.astype(np.float32), target).astype(dtype)
        result = interpolate(x, target)
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.float16, np.int32, np.float64], ids=lambda d: np.dtype(d).name)
def test_nearest_by_whole_factors_in_every_width(dtype, factor):
    x = (numbers((2, 3, 12, 24)) * 5).astype(dtype)
    large = interpolate(x, scale_factor=(factor, factor), mode="nearest")
    assert large.dtype == dtype
    np.testing.assert_array_equal(large, x.repeat(factor, -1).repeat(factor, -2))
    small = interpolate(x, (12 // factor, 24 // factor), mode="nearest")
    np.testing.assert_array_equal(small, x[:, :, factor // 2 :: factor, factor // 2 :: factor])


@pytest.mark.parametrize(
    "dtype", [np.bool_, np.int8, np.uint8, np.int16, np.int32, np.uint64], ids=lambda d: d.__name__
)
def test_integers_are_converted_first(dtype):
    x = np.array([1, 0, 1, 1]) if dtype is np.bool_ else np.array([100, 0, 120, 120])
    result = interpolate(x.astype(dtype), 8)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, interpolate(x.astype(np.float64), 8))


# What threads and bands have to do with it: nothing.


@pytest.mark.parametrize(
    ("shape", "target"),
    sized(
        [
            *(((1, 300, 200), (600, 400)), ((1, 300, 400), (150, 200))),
            *(((40, 30, 30), (45, 50)), ((1, 50, 3000), (70, 3000))),
        ],
        simulated=[((1, 7, 5), (14, 10)), ((1, 8, 12), (4, 6)), ((3, 4, 5), (6, 7)), ((1, 5, 70), (7, 70))],
    ),
    ids=str,
)
def test_large_operands_and_any_number_of_threads(shape, target):
    x = numbers(shape, np.float32)
    result = interpolate(x, target)
    close(result, dense(x, (*shape[:-2], *target), "linear"), np.float32)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        np.testing.assert_array_equal(interpolate(x, target), result)
    finally:
        numba.set_num_threads(threads)
    # A stack of many is shared out in another way than one alone.
    stacked = np.concatenate([x[:1]] * sized(20, simulated=8))
    np.testing.assert_array_equal(interpolate(stacked, target)[7], result[0])


# What is not finite


def touched(hit, target, method):
    """Which results are made of an element that is marked, with a weight other than zero."""
    for axis, (n, m) in enumerate(zip(hit.shape, target)):
        if n != m:
            hit = np.moveaxis(np.tensordot(matrix(n, m, method) != 0, hit, (1, axis)), 0, axis)
    return hit


# Whole factors, where some weights are 0, others, and borders, where windows are moved inside.
@pytest.mark.parametrize("target", [(8, 16), (24, 8), (16, 24), (24, 16), (4, 4), (2, 24), (11, 5), (3, 8)], ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_finite_reaches_the_results_that_it_is_part_of(method, target):
    x = numbers((3, 8, 8), np.float32)
    clean = interpolate(x, target, mode=method)
    for bad in (NAN, INF, -INF):
        for place in ((2, 5), (0, 0), (7, 4)):
            y = x.copy()
            y[(1, *place)] = bad
            result = interpolate(y, target, mode=method)
            hit = touched(~np.isfinite(y), (3, *target), method)
            np.testing.assert_array_equal(np.isfinite(result), ~hit)
            np.testing.assert_array_equal(result[~hit], clean[~hit])
            signs = dense(np.where(np.isfinite(y), 0, 1), (3, *target), method)[hit] > 0
            expected = np.full(signs.shape, NAN) if np.isnan(bad) else np.where(signs, bad, -bad)
            np.testing.assert_array_equal(result[hit], expected)


@pytest.mark.parametrize(
    "dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64], ids=lambda d: np.dtype(d).name
)
def test_what_is_not_finite_in_every_dtype(dtype):
    x = numbers((3, 8, 8), dtype)
    targets = (8, 16), (16, 8), (24, 24), (4, 3)
    clean = [interpolate(x, target, mode="cubic").astype(np.float64) for target in targets]
    x[1, 2, 5], x[1, 6, 6], x[2] = NAN, INF, -INF
    for target, expected in zip(targets, clean):
        result = interpolate(x, target, mode="cubic").astype(np.float64)
        hit = touched(~np.isfinite(x.astype(np.float64)), (3, *target), "cubic")
        np.testing.assert_array_equal(np.isfinite(result), ~hit)
        np.testing.assert_array_equal(result[~hit], expected[~hit])
    nearest = interpolate(x, (16, 16), mode="nearest")
    np.testing.assert_array_equal(nearest.astype(np.float64), x.repeat(2, 1).repeat(2, 2).astype(np.float64))


def test_what_is_not_finite_in_one_band_of_a_large_plane():
    rows, columns = sized((300, 200), simulated=(12, 9))
    for target in ((2 * rows, 2 * columns), (rows // 3, columns), (rows, 3 * columns), (rows // 3, columns // 2)):
        for place in ((0, 0), (rows - 1, 0), (rows // 2, columns - 1)):
            x = numbers((2, rows, columns), np.float32)
            clean = interpolate(x, target)
            x[(1, *place)] = NAN
            result = interpolate(x, target)
            hit = touched(np.isnan(x), (2, *target), "linear")
            np.testing.assert_array_equal(np.isnan(result), hit)
            np.testing.assert_array_equal(result[~hit], clean[~hit])


@pytest.mark.parametrize("method", METHODS)
def test_sums_on_the_way_may_overflow(method):
    large = 2.0**127
    x = np.full((2, 8, 8), large, np.float32)
    x[1] *= np.where(numbers((8, 8)) > 0, 1, -1)
    for target in ((8, 24), (24, 8), (8, 3)):
        expected = dense(x, (2, *target), method)
        kept = np.abs(expected) < 1.9 * large
        assert kept.any()
        np.testing.assert_allclose(interpolate(x, target, mode=method)[kept], expected[kept], rtol=2e-6, atol=1e32)


def test_what_overflows_spoils_no_neighbours():
    x = np.zeros((1, 16, 16), np.float32)
    x[0, 8, 8] = 3.4e38
    for target in ((32, 32), (8, 8)):
        result = interpolate(x, target, mode="cubic")
        assert not np.isnan(result).any()
        assert result[0, 0, 0] == 0


def test_tangents_that_are_not_finite():
    x, t = numbers((2, 8)), numbers((2, 8), seed=1)
    clean = interpolate(t, 24)
    t[0, 3] = INF
    hit = touched(~np.isfinite(t), (2, 24), "linear")
    for mark in (0, NAN):
        x[1, 2] = mark
        value, tangent = numbafunc.jvp(lambda x: interpolate(x, 24), (x,), (t,))
        np.testing.assert_array_equal(value, interpolate(x, 24))
        np.testing.assert_array_equal(np.isfinite(tangent), ~hit)
        np.testing.assert_array_equal(tangent[~hit], clean[~hit])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("n", "m"), [(8, 24), (8, 16), (12, 4), (9, 7), (5, 12)])
def test_cotangents_that_are_not_finite(method, n, m):
    weights = matrix(n, m, method)

    def resized(x):
        return in_main_memory(x, (m, 3), mode=method)

    cotangent = numbers((2, m, 3))
    _, back = numbafunc.vjp(resized, numbers((2, n, 3), seed=1))
    (clean,) = back(cotangent)
    for bad in (NAN, INF):
        for place in (0, m // 2, m - 1):
            given = cotangent.copy()
            given[1, place, 2] = bad
            (result,) = numbafunc.vjp(resized, numbers((2, n, 3)))[1](given)
            hit = np.zeros((2, n, 3), bool)
            hit[1, :, 2] = weights[place] != 0
            np.testing.assert_array_equal(np.isfinite(result), ~hit)
            np.testing.assert_array_equal(result[~hit], clean[~hit])


# Derivatives


def test_derivative_is_the_matrix():
    x = numbers(5)
    np.testing.assert_allclose(numbafunc.jacfwd(lambda x: interpolate(x, 8))(x), matrix(5, 8, "linear"), atol=1e-15)
    second = numbafunc.jacfwd(numbafunc.grad(lambda x: np.sum(interpolate(x, 3) ** 2)))(x)
    weights = matrix(5, 3, "linear")
    np.testing.assert_allclose(second, 2 * weights.T @ weights, atol=1e-15)


# Forms of arguments


def test_size():
    x = numbers((2, 3, 4, 5), np.float32)
    assert interpolate(x, 7).shape == (2, 3, 4, 7)
    assert interpolate(x, (7,)).shape == (2, 3, 4, 7)
    assert interpolate(x, (6, 7)).shape == (2, 3, 6, 7)
    assert interpolate(x, (3, 4, 5, 6)).shape == (3, 4, 5, 6)
    assert interpolate(x, [2, 3, 4, 7]).shape == (2, 3, 4, 7)
    assert interpolate(x, np.int64(7)).shape == (2, 3, 4, 7)
    assert interpolate(x, size=(np.int32(6), 7)).shape == (2, 3, 6, 7)


def test_scale_factor():
    x = numbers((2, 3, 4, 5), np.float32)
    assert interpolate(x, scale_factor=2).shape == (2, 6, 8, 10)
    assert interpolate(x, scale_factor=(2,)).shape == (2, 3, 4, 10)
    assert interpolate(x, scale_factor=(3, 2)).shape == (2, 3, 12, 10)
    assert interpolate(x, None, (3, 2, 1, 1)).shape == (6, 6, 4, 5)
    line = numbers(4)
    result = interpolate(line, scale_factor=2)
    np.testing.assert_array_equal(result, line)
    assert not np.shares_memory(result, line)
    assert interpolate(3.0, scale_factor=2) == 3


def test_the_same_length_is_left_alone():
    x = numbers((3, 4), np.float32)
    x[1, 1] = NAN
    for mode in Interpolate:
        result = interpolate(x, (3, 4), mode=mode)
        np.testing.assert_array_equal(result, x)
        assert not np.shares_memory(result, x)


def test_names_of_methods():
    groups = {
        "linear": ("linear", "bilinear", "trilinear", "triangle", "BILINEAR", "Linear", Interpolate.TRIANGLE),
        "cubic": ("cubic", "bicubic", "tricubic", "BiCubic", Interpolate.TRICUBIC, Interpolate.CUBIC),
        "lanczos3": ("lanczos3", "LANCZOS3", Interpolate.LANCZOS3),
        "lanczos5": ("lanczos5", Interpolate.LANCZOS5),
    }
    for method, names in groups.items():
        expected = dense(LINE, (8,), method)
        for name in names:
            np.testing.assert_allclose(interpolate(LINE, 8, mode=name), expected, rtol=1e-14)
            image = upsample_2d(LINE.reshape(1, 1, 1, 4), (1, 2), name)
            np.testing.assert_allclose(image.reshape(8), expected, rtol=1e-14)
    for name in ("nearest", "NEAREST", Interpolate.NEAREST):
        np.testing.assert_array_equal(interpolate(LINE, 2, None, name), [2, 8])


def test_upsample_2d():
    x = numbers((2, 3, 4, 5), np.float32)
    for scale, target in ((2, (8, 10)), ((3, 2), (12, 10)), ([1, 2], (4, 10)), (np.int64(2), (8, 10)), (1, (4, 5))):
        for method in ("bilinear", "cubic", "nearest"):
            for _ in range(2):
                result = upsample_2d(x, scale, method)
                np.testing.assert_array_equal(result, interpolate(x, target, mode=method))
    assert upsample_2d(x, 0).shape == (2, 3, 0, 0)
    assert upsample_2d(x, (0, 2)).shape == (2, 3, 0, 10)
    assert upsample_2d(x.astype(np.int16), 2).dtype == np.float64
    assert upsample_2d(x.astype(np.int16), 2, "nearest").dtype == np.int16


def test_empty():
    x = numbers((2, 3), np.float32)
    assert interpolate(x, (0,)).shape == (2, 0)
    assert interpolate(x, (0, 4)).shape == (0, 4)
    assert interpolate(np.zeros((0, 3), np.float32), 6).shape == (0, 6)
    assert interpolate(np.zeros((0, 3), np.float32), (0, 6), mode="nearest").shape == (0, 6)
    for mode in ("linear", "nearest"):
        with pytest.raises(ValueError, match=r"^input has shape \(2, 0\).*wanted"):
            interpolate(np.zeros((2, 0)), 3, mode=mode)
    with pytest.raises(ValueError, match=r"^x has shape"):
        upsample_2d(np.zeros((1, 1, 0)), 2)


def test_quick_calls_tell_arguments_apart():
    x = numbers((1, 1, 4, 4), np.float32)
    for _ in range(2):
        assert upsample_2d(x, 2).shape == (1, 1, 8, 8)
        assert interpolate(x, (2, 1)).shape == (1, 1, 2, 1)
        for wrong in ((True, 2), True):
            with pytest.raises(TypeError, match="^scale is"):
                upsample_2d(x, wrong)
        for wrong in (2.0, (2.0, 1), (2, True)):
            with pytest.raises(TypeError, match="^size is"):
                interpolate(x, wrong)
    swapped = x.astype(x.dtype.newbyteorder())
    for _ in range(2):
        np.testing.assert_array_equal(upsample_2d(swapped, 2), upsample_2d(x, 2))
        np.testing.assert_array_equal(upsample_2d(x.T, 2), upsample_2d(x.T.copy(), 2))


# Errors


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "^size is None and scale_factor is None"),
        ({"size": 2, "scale_factor": 2}, ValueError, "^size is 2 and scale_factor is 2"),
        ({"size": 0}, ValueError, "exactly one"),
        ({"size": ()}, ValueError, "exactly one"),
        ({"scale_factor": 0}, ValueError, "exactly one"),
        ({"size": (1, 2, 3)}, ValueError, r"^size is \(1, 2, 3\) for an input of shape \(2, 3\)"),
        ({"size": [3]}, ValueError, r"^size is \[3\]"),
        ({"size": 2.5}, TypeError, "^size is 2.5"),
        ({"size": "large"}, TypeError, "^size is 'large'"),
        ({"size": (1, "a")}, TypeError, "^size is"),
        ({"size": -2}, ValueError, "^size is -2"),
        ({"scale_factor": -1.5}, ValueError, "^scale_factor is -1.5"),
        ({"scale_factor": NAN}, ValueError, "^scale_factor is nan"),
        ({"scale_factor": (INF, 1)}, ValueError, "^scale_factor is"),
        ({"scale_factor": "1.5"}, TypeError, "^scale_factor is '1.5'"),
        ({"size": 3, "mode": "nearest", "align_corners": True}, ValueError, "^align_corners is True for nearest"),
        ({"size": 3, "mode": "nearest", "border": "replicate"}, ValueError, "^border is 'replicate' for nearest"),
        ({"size": 3, "cubic_coefficient": -0.75}, ValueError, "^cubic_coefficient is -0.75 for linear"),
        ({"size": 3, "mode": "cubic", "cubic_coefficient": NAN}, ValueError, "^cubic_coefficient is nan"),
        ({"size": 3, "mode": "cubic", "cubic_coefficient": "a"}, TypeError, "^cubic_coefficient is 'a'"),
        ({"size": 3, "align_corners": 1}, TypeError, "^align_corners is 1"),
        ({"size": 3, "antialias": None}, TypeError, "^antialias is None"),
        ({"size": 3, "border": "edge"}, ValueError, "^border is 'edge'"),
        ({"size": 3, "border": 1}, TypeError, "^border is 1"),
        ({"scale_factor": [2, 2]}, TypeError, r"^scale_factor is \[2, 2\]"),
        ({"scale_factor": (1, 1, 2)}, ValueError, "^scale_factor is"),
        ({"scale_factor": (-1, 2)}, ValueError, "^scale_factor is"),
        ({"size": 3, "mode": "quadratic"}, ValueError, "^mode is 'quadratic'.*bicubic"),
        ({"size": 3, "mode": 1}, TypeError, "^mode is 1"),
        ({"size": 3, "mode": None}, TypeError, "^mode is None"),
        ({"size": 3, "mode": ["linear"]}, TypeError, "^mode is"),
    ],
    ids=str,
)
def test_errors_of_interpolate(options, error, message):
    with pytest.raises(error, match=message):
        interpolate(np.zeros((2, 3)), **options)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros((2, 3)), 2), ValueError, r"^x has shape \(2, 3\); wanted: four axes"),
        ((np.zeros((1, 1, 2, 3)), -1.5), ValueError, "^scale is -1.5"),
        ((np.zeros((1, 1, 2, 3)), None), TypeError, "^scale is None"),
        ((np.zeros((1, 1, 2, 3)), (1, 2, 3)), ValueError, "^scale is"),
        ((np.zeros((1, 1, 2, 3)), (2,)), ValueError, "^scale is"),
        ((np.zeros((1, 1, 2, 3)), -1), ValueError, "^scale is -1"),
        ((np.zeros((1, 1, 2, 3)), 2, "best"), ValueError, "^method is 'best'"),
        ((np.zeros((1, 1, 2, 3)), 2, 7), TypeError, "^method is 7"),
        ((None, 2), TypeError, "^x is None"),
    ],
    ids=range(9),
)
def test_errors_of_upsample_2d(arguments, error, message):
    with pytest.raises(error, match=message):
        upsample_2d(*arguments)


IMAGE = np.zeros((1, 1, 4, 4))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda n: numbafunc.interpolate(IMAGE, n), "size"),
        (lambda n: numbafunc.interpolate(IMAGE, scale_factor=n), "scale_factor"),
        (lambda n: numbafunc.upsample_2d(IMAGE, n), "scale"),
    ],
)
@pytest.mark.parametrize("number", [2**40, 2**63, 2**70])
def test_sizes_beyond_reason(call, name, number):
    with pytest.raises((TypeError, ValueError), match=f"^{name} is"):
        call(number)
