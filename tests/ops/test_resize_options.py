"""Options of interpolate and upsample_2d: corners, factors that are not whole, the cubic coefficient, borders."""

import importlib.util
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from chosen_backend import interpolate, numbafunc, upsample_2d

from numbafunc.cpu.threads import Kernels
from numbafunc.ops import resize_taps, resize_transpose
from numbafunc.ops.resize import interpolate as in_main_memory

pytestmark = pytest.mark.any_backend


def weight(method, d, a):
    if method == "linear":
        return max(0.0, 1 - d)
    if d < 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def matrix(n, m, method, scale=None, align_corners=False, antialias=True, cubic_coefficient=-0.5, border="renormalize"):
    """The weights, straight from the documented rule; positions are ratios."""
    ratio = Fraction(n, m) if scale is None else 1 / Fraction(scale).limit_denominator(1000)
    if align_corners:
        ratio = Fraction(n - 1, m - 1) if m > 1 else Fraction(0)
    weights = np.zeros((m, n))
    stretch = max(ratio, Fraction(1)) if antialias else Fraction(1)
    for o in range(m):
        centre = o * ratio if align_corners else (o + Fraction(1, 2)) * ratio - Fraction(1, 2)
        if method == "nearest":
            weights[o, min(math.floor(centre + Fraction(1, 2)), n - 1)] = 1
            continue
        beyond = math.ceil(3 * stretch) if border == "replicate" else 0
        for i in range(-beyond, n + beyond):
            found = weight(method, float(abs(centre - i) / stretch), cubic_coefficient)
            weights[o, min(max(i, 0), n - 1)] += found
        weights[o] /= weights[o].sum()
    return weights


def numbers(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


OPTIONS = [
    ("linear", {"align_corners": True}),
    ("linear", {"align_corners": True, "antialias": False}),
    ("linear", {"antialias": False}),
    ("linear", {"border": "replicate"}),
    ("cubic", {"antialias": False, "cubic_coefficient": -0.75, "border": "replicate"}),
    ("cubic", {"cubic_coefficient": -0.75}),
    ("cubic", {"align_corners": True, "cubic_coefficient": 0, "border": "replicate"}),
]


@pytest.mark.parametrize(("method", "options"), OPTIONS, ids=str)
def test_lengths(method, options):
    for n, m in ((4, 8), (8, 4), (5, 13), (13, 5), (6, 1), (1, 6), (30, 2), (2, 9)):
        x = numbers((3, n))
        expected = x @ matrix(n, m, method, **options).T
        np.testing.assert_allclose(interpolate(x, m, mode=method, **options), expected, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(
            interpolate(x.T.copy(), (m, 3), mode=method, **options), expected.T, rtol=1e-13, atol=1e-13
        )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("method", "options"), OPTIONS, ids=str)
def test_both_axes_in_every_dtype(method, options, dtype):
    x = numbers((2, 1, 7, 9), dtype)
    down, across = matrix(7, 14, method, **options), matrix(9, 4, method, **options)
    expected = np.einsum("ij,ncjk,lk->ncil", down, x.astype(np.float64), across)
    for given in (x, np.asfortranarray(x), x[::-1, :, ::-1][::-1, :, ::-1]):
        result = interpolate(given, (14, 4), mode=method, **options)
        assert result.dtype == dtype
        np.testing.assert_allclose(result.astype(np.float64), expected, rtol=0, atol=40 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("scale", [1.5, 0.7, 0.3, 2.5, 1.1, 2.0])
@pytest.mark.parametrize("method", ["nearest", "linear", "cubic"])
def test_factors(method, scale):
    x = numbers((1, 2, 10, 7))
    lengths = [math.floor(n * scale) for n in x.shape[2:]]
    down, across = (
        np.eye(n) if n == m and method != "nearest" else matrix(n, m, method, scale)
        for n, m in zip(x.shape[2:], lengths)
    )
    expected = np.einsum("ij,ncjk,lk->ncil", down, x, across)
    found = interpolate(x, scale_factor=(scale, scale), mode=method)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(upsample_2d(x, scale, method), found)
    np.testing.assert_array_equal(upsample_2d(x, (scale, scale), method), found)
    np.testing.assert_array_equal(interpolate(x, scale_factor=(1, 1, scale, scale), mode=method), found)


def test_whole_factors_may_be_floats():
    x = numbers((1, 2, 4, 5), np.float32)
    np.testing.assert_array_equal(interpolate(x, scale_factor=2.0), interpolate(x, scale_factor=2))
    np.testing.assert_array_equal(upsample_2d(x, np.float32(3)), upsample_2d(x, 3))
    assert interpolate(x, scale_factor=(0.1, 1)).shape == (1, 2, 0, 5)


def test_a_factor_that_no_small_ratio_stands_for():
    x, scale = numbers(40), math.pi / 2
    ratio = 1 / Fraction(scale)
    centres = [(o + Fraction(1, 2)) * ratio for o in range(62)]
    np.testing.assert_array_equal(
        interpolate(x, scale_factor=(scale,), mode="nearest"), x[[min(math.floor(c), 39) for c in centres]]
    )
    expected = np.interp([float(c - Fraction(1, 2)) for c in centres], np.arange(40), x)
    np.testing.assert_allclose(interpolate(x, scale_factor=(scale,)), expected, rtol=1e-13)


# By hand, as sums of elements times weights; torch.nn.functional.interpolate of PyTorch 2.13 gives the same.
FIGURES = [
    ({"size": 7, "mode": "linear", "align_corners": True}, [1, 1.5, 2, 3, 4, 6, 8]),
    ({"size": 3, "mode": "linear"}, [7 / 6, 3, 22 / 3]),
    ({"size": 2, "mode": "linear", "align_corners": True}, [1, 8]),
    (
        {"size": 2, "mode": "cubic", "cubic_coefficient": -0.75, "border": "replicate"},
        [1.5 * 0.59375 * 2 - 5 * 0.09375, 12 * 0.59375 - 10 * 0.09375],
    ),
]


@pytest.mark.parametrize(("options", "expected"), FIGURES, ids=str)
def test_figures(options, expected):
    line = np.array([1.0, 2.0, 4.0, 8.0])
    np.testing.assert_allclose(interpolate(line, **{"antialias": False, **options}), expected, rtol=1e-14)


# Derivatives


@pytest.mark.parametrize(
    "options",
    [
        {"size": (9, 4), "align_corners": True},
        {"size": (9, 4), "mode": "cubic", "antialias": False, "cubic_coefficient": -0.75, "border": "replicate"},
        {"scale_factor": (1.5, 0.7), "mode": "nearest"},
        {"scale_factor": (1.1, 0.6), "mode": "cubic"},
    ],
    ids=str,
)
def test_derivatives_in_both_modes(options):
    x, direction = numbers((2, 6, 7)), numbers((2, 6, 7), seed=1)

    def resized(x):
        return in_main_memory(x, **options)

    value, tangent = numbafunc.jvp(lambda x: interpolate(x, **options), (x,), (direction,))
    np.testing.assert_allclose(tangent, (resized(x + direction) - resized(x - direction)) / 2, atol=1e-14)
    cotangent = numbers(value.shape, seed=2)
    (back,) = numbafunc.vjp(resized, x)[1](cotangent)
    np.testing.assert_allclose(np.sum(back * direction), np.sum(cotangent * tangent), rtol=1e-13)
    second = numbafunc.hvp(lambda x: np.sum(resized(x) ** 3), (x,), (direction,))
    np.testing.assert_allclose(second, numbafunc.vjp(resized, x)[1](6 * resized(x) * tangent)[0], rtol=1e-12)


# PyTorch, where it is installed.


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_against_pytorch():
    import torch
    from torch.nn import functional

    def close(result, theirs):
        np.testing.assert_allclose(result, theirs.numpy(), rtol=1e-10, atol=1e-10)

    cubic = {"cubic_coefficient": -0.75, "border": "replicate"}
    for shape in ((7, 9), (12, 5)):
        x = numbers((1, 2, *shape))
        given = torch.from_numpy(x)
        for mode, options in (("bilinear", {}), ("bicubic", cubic)):
            for size, corners in itertools.product(((14, 18), (5, 4), (21, 3), (7, 9), (1, 1)), (False, True)):
                found = interpolate(x, size, mode=mode, align_corners=corners, antialias=False, **options)
                close(found, functional.interpolate(given, size, mode=mode, align_corners=corners))
            close(interpolate(x, (5, 20), mode=mode), functional.interpolate(given, (5, 20), mode=mode, antialias=True))
        for mode, options in (("bilinear", {}), ("bicubic", cubic), ("nearest-exact", {})):
            for scale in (1.5, 0.7, 0.3, 2.0, 1.1):
                found = upsample_2d(x, scale, mode.partition("-")[0], antialias=False, **options)
                close(found, functional.interpolate(given, scale_factor=scale, mode=mode))
                # PyTorch 2.13 differs for a width of 1 and two channels, but agrees if there is one channel.
                if mode != "nearest-exact" and (scale != 0.3 or 5 not in shape):
                    theirs = functional.interpolate(given, scale_factor=scale, mode=mode, antialias=True)
                    close(upsample_2d(x, scale, mode), theirs)


@pytest.mark.parametrize(
    "sampling", [("nearest",), ("linear",), ("cubic", False, False, -0.75, "replicate"), ("lanczos3",)]
)
@pytest.mark.parametrize(("n", "m"), [(90, 97), (90, 270), (96, 32), (97, 31), (7, 300), (300, 7), (1, 90), (90, 1)])
def test_long_axes_are_made_in_pieces_of_the_same_bits(n, m, sampling, monkeypatch):
    sampling = resize_taps.Sampling(*sampling)
    x, cotangent = (np.random.default_rng(0).normal(size=(count, 3)) for count in (n, m))
    x[n // 3], x[n // 2, 0] = np.inf, 1e308
    cotangent[m // 2, 1] = np.nan

    def both():
        monkeypatch.setattr(resize_taps, "_STEPS", Kernels())
        columns = [resize_taps.resample(np.ascontiguousarray(x[:, i]), 0, (m,), sampling) for i in range(3)]
        back = resize_transpose.resample_transpose(cotangent, 0, (n, 3), (m, 3), sampling)
        return resize_taps.resample(x, 0, (m, 3), sampling), np.stack(columns, 1), back

    whole = both()
    for module in (resize_taps, resize_transpose):
        monkeypatch.setattr(module, "LARGEST", 0)
    monkeypatch.setattr(resize_taps, "WORDS_OF_PIECE", 40)
    monkeypatch.setattr(resize_transpose, "_PIECE", 11)
    (step,) = resize_taps.steps_to((n,), (m,), sampling, x.dtype)
    assert isinstance(step.kernel, resize_taps._Pieces)
    for one, other in zip(both(), whole):
        np.testing.assert_array_equal(one, other)
