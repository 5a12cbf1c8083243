"""Rearrangements, flatten and upscale_nn: element orders, the figures of the objax API, and errors."""

import itertools

import numpy as np
import pytest
from chosen_backend import batch_to_space2d, channel_to_space2d, numbafunc, space_to_batch2d, space_to_channel2d
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from numbafunc.kinds.copy import contiguous, traversal

pytestmark = pytest.mark.any_backend

RAMP = np.arange(16)
BLOCKS = [[[0, 2], [8, 10]], [[1, 3], [9, 11]], [[4, 6], [12, 14]], [[5, 7], [13, 15]]]
ASSEMBLED = [[0, 4, 1, 5], [8, 12, 9, 13], [2, 6, 3, 7], [10, 14, 11, 15]]


def test_figures():
    np.testing.assert_array_equal(space_to_channel2d(RAMP.reshape(1, 1, 4, 4))[0], BLOCKS)
    np.testing.assert_array_equal(space_to_batch2d(RAMP.reshape(1, 1, 4, 4))[:, 0], BLOCKS)
    np.testing.assert_array_equal(channel_to_space2d(RAMP.reshape(1, 4, 2, 2))[0, 0], ASSEMBLED)
    np.testing.assert_array_equal(batch_to_space2d(RAMP.reshape(4, 1, 2, 2))[0, 0], ASSEMBLED)
    np.testing.assert_array_equal(
        space_to_batch2d(RAMP.reshape(2, 2, 2, 2))[..., 0, 0],
        [[0, 4], [1, 5], [2, 6], [3, 7], [8, 12], [9, 13], [10, 14], [11, 15]],
    )


@pytest.mark.parametrize("size", [1, 2, 3, (1, 2), (2, 1), (3, 2), (2, 5), (9, 1), (1, 9)], ids=str)
def test_element_order(size):
    a, b = size if isinstance(size, tuple) else (size, size)
    x = np.random.default_rng(0).normal(size=(2, 3, 2 * a, 3 * b)).astype(np.float32)
    channels, batch = space_to_channel2d(x, size), space_to_batch2d(x, size)
    assert channels.shape == (2, 3 * a * b, 2, 3)
    assert batch.shape == (2 * a * b, 3, 2, 3)
    for n, c, i, j, h, w in itertools.product(range(2), range(3), range(a), range(b), range(2), range(3)):
        pixel = x[n, c, h * a + i, w * b + j]
        assert channels[n, (c * a + i) * b + j, h, w] == pixel
        assert batch[(n * a + i) * b + j, c, h, w] == pixel
    np.testing.assert_array_equal(channel_to_space2d(channels, size), x)
    np.testing.assert_array_equal(batch_to_space2d(batch, size), x)


def test_forms_of_size():
    x = RAMP.reshape(1, 1, 4, 4)
    expected = space_to_channel2d(x, (2, 4))
    for size in ([2, 4], np.array([2, 4]), (np.int8(2), 4)):
        np.testing.assert_array_equal(space_to_channel2d(x, size), expected)
    np.testing.assert_array_equal(space_to_channel2d(x, np.int64(2)), space_to_channel2d(x))
    np.testing.assert_array_equal(space_to_channel2d(x=x, size=2), space_to_channel2d(x))


def test_empty_axes():
    assert space_to_batch2d(np.zeros((2, 0, 4, 4))).shape == (8, 0, 2, 2)
    assert space_to_channel2d(np.zeros((0, 3, 4, 0))).shape == (0, 12, 2, 0)
    assert batch_to_space2d(np.zeros((0, 3, 4, 4))).shape == (0, 3, 8, 8)
    assert channel_to_space2d(np.zeros((2, 4, 0, 4))).shape == (2, 1, 0, 8)


OPS = [batch_to_space2d, channel_to_space2d, space_to_batch2d, space_to_channel2d]


@pytest.mark.parametrize("op", OPS)
def test_wrong_size(op):
    x = np.zeros((4, 4, 4, 4))
    op(x, 2)  # a call that is kept must not admit others
    op(x, 1)
    for size in (0, -1, (2, 0), (-2, 2)):
        with pytest.raises(ValueError, match="^size is"):
            op(x, size)
    for size in (2.0, 1.0, True, "2", None, (2, 2.0), (True, 2), np.float32(2), {2}, np.array([2.0, 2.0])):
        with pytest.raises(TypeError, match="^size is"):
            op(x, size)
    for size in ((), (2,), [2], np.array([2])):
        with pytest.raises(ValueError, match="^size is"):
            op(x, size)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("shape", [(), (4,), (4, 4, 4), (4, 4, 4, 4, 4)], ids=str)
def test_wrong_rank(op, shape):
    for error in (ValueError, TypeError, IndexError):
        with pytest.raises(error, match="^x has shape .*wanted: four axes"):
            op(np.zeros(shape))
        with pytest.raises(error, match="^x has shape .*wanted: four axes"):
            numbafunc.upscale_nn(np.zeros(shape))


def test_lengths_that_do_not_divide():
    x = np.zeros((6, 6, 6, 6))
    cases = [
        (batch_to_space2d, 2, "6 batch entries; wanted: a multiple of 4 "),
        (channel_to_space2d, (2, 4), "6 channels; wanted: a multiple of 8 "),
        (space_to_batch2d, (4, 2), "6 rows; wanted: a multiple of 4 "),
        (space_to_batch2d, (2, 4), "6 columns; wanted: a multiple of 4 "),
        (space_to_channel2d, (4, 2), "6 rows; wanted: a multiple of 4 "),
        (space_to_channel2d, 12, "6 rows; wanted: a multiple of 12 "),
    ]
    for op, size, message in cases:
        for error in (ValueError, TypeError):
            with pytest.raises(error, match=f"^x has shape .*{message}"):
                op(x, size)


@pytest.mark.parametrize("shape", [(1, 1, 2, 2), (1, 1, 0, 2)], ids=str)
def test_result_that_is_too_large(shape):
    for scale in (1 << 31, 1 << 62, 1 << 70):
        if shape[2] or scale > 1 << 31:
            with pytest.raises(ValueError, match="^scale is .*wanted: one that an array can have"):
                numbafunc.upscale_nn(np.ones(shape), scale)


# Whatever the layout, the copy does what NumPy's does.


@settings(derandomize=True, max_examples=120, deadline=None)
@given(data=st.data(), shape=hnp.array_shapes(min_dims=1, max_dims=6, max_side=9))
def test_any_view(data, shape):
    x = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    x = x.transpose(data.draw(st.permutations(range(x.ndim))))
    steps = data.draw(st.tuples(*[st.sampled_from([1, 1, 2, 3, -1, -2]) for _ in shape]))
    x = x[tuple(slice(None, None, step) for step in steps)]
    if data.draw(st.booleans()):
        x = np.broadcast_to(x[..., None], (*x.shape, data.draw(st.integers(1, 9))))
    result = contiguous(x)
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, x)


@pytest.mark.parametrize(
    ("shape", "strides", "form"),
    [
        ((100,), (1,), "run"),
        ((1 << 20,), (1,), "cut"),
        ((8, 8), (64, 1), "run"),
        ((3, 5, 6, 5, 2), (120, 6, 60, 1, 30), "interleave"),
        ((7, 10, 3), (10, 1, 0), "interleave"),
        ((4, 3, 50), (150, 1, 3), "deinterleave"),
        ((4, 9, 50), (450, 1, 9), "transpose"),
        ((40, 50), (1, 40), "transpose"),
        ((40, 50), (200, 4), "gather"),
        ((5,), (0,), "gather"),
        ((5,), (-1,), "gather"),
    ],
)
def test_form_of_the_loop(shape, strides, form):
    assert traversal(shape, strides).form == form
    extent = 1 + sum((length - 1) * abs(stride) for length, stride in zip(shape, strides))
    memory = np.arange(extent, dtype=np.float64)
    start = sum((length - 1) * -stride for length, stride in zip(shape, strides) if stride < 0)
    view = np.lib.stride_tricks.as_strided(memory[start:], shape, [8 * stride for stride in strides])
    np.testing.assert_array_equal(contiguous(view), view)


def test_every_bit_is_kept():
    payloads = np.array([0x7FA00001, 0xFFC12345, 0x7F800000, 0x80000000, 0x00000001], np.uint32)
    moved = numbafunc.upscale_nn(payloads.view(np.float32).reshape(1, 1, 1, 5)).view(np.uint32)
    np.testing.assert_array_equal(moved[0, 0, 0], payloads.repeat(2))
    assert numbafunc.pad(payloads.view(np.float32), 1, "edge").view(np.uint32)[0] == payloads[0]


# flatten


def test_flatten():
    assert numbafunc.flatten(np.zeros(4)).shape == (4, 1)
    assert numbafunc.flatten(np.zeros((3, 0, 2))).shape == (3, 0)
    assert numbafunc.flatten(np.zeros((0, 3, 2))).shape == (0, 6)
    assert numbafunc.flatten([[[1, 2], [3, 4]]]).tolist() == [[1, 2, 3, 4]]
    x = np.zeros((2, 3))
    assert not np.shares_memory(numbafunc.flatten(x), x)
    for error in (ValueError, TypeError, IndexError):
        with pytest.raises(error, match="^x has no axes"):
            numbafunc.flatten(1.0)


# upscale_nn


def test_upscale_nn():
    x = np.arange(4.0).reshape(1, 1, 2, 2)
    expected = [[0, 0, 0, 1, 1, 1]] * 3 + [[2, 2, 2, 3, 3, 3]] * 3
    np.testing.assert_array_equal(numbafunc.upscale_nn(x, 3)[0, 0], expected)
    assert numbafunc.upscale_nn(x, 0).shape == (1, 1, 0, 0)
    for scale in (1, 2, 4, 5, 8, 11):
        np.testing.assert_array_equal(numbafunc.upscale_nn(x, scale), x.repeat(scale, 2).repeat(scale, 3))
        value, pull = numbafunc.vjp(lambda x, scale=scale: numbafunc.upscale_nn(x, scale), x)
        np.testing.assert_array_equal(pull(value), (scale**2 * x,))
    np.testing.assert_array_equal(numbafunc.upscale_nn(x, np.int32(2)), numbafunc.upscale_nn(x))
    for scale in (-1, 2.0, 1.0, True, "2", None, (2, 2), [2]):
        with pytest.raises(TypeError, match="^scale is"):
            numbafunc.upscale_nn(x, scale)
    with pytest.raises(ValueError, match="^scale is"):
        numbafunc.upscale_nn(x, (2, 2))
