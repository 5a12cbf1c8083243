"""The ops of the linear kind as the test modules see them: one entry for each name in the registry."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from chosen_backend import SIMULATED, numbafunc


@dataclass(frozen=True)
class Entry:
    """An op with what it computes and on what it is tested.

    ``function`` takes one array; everything else is bound. ``oracle`` does the same in NumPy for float64, or for any
    dtype when the op only moves elements, which ``moves`` tells. ``shapes`` are small, the first of them is used where
    one is enough, the last is large enough for several threads. ``argument`` is the name of the array in messages.
    ``integers`` tells whether integers stay what they are, rounded down if need be, ``boolean`` whether bool is
    accepted. ``tolerance`` is in units of the dtype's epsilon.
    """

    function: Any
    oracle: Any
    shapes: tuple[tuple[int, ...], ...]
    argument: str = "x"
    moves: bool = True
    integers: bool = True
    boolean: bool = True
    tolerance: float = 0.0


def _space_to(order):
    def oracle(x, a, b):
        n, c, h, w = x.shape
        return x.reshape(n, c, h // a, a, w // b, b).transpose(order)

    return oracle


def _space_to_channel(x, a, b):
    n, c, h, w = x.shape
    return _space_to((0, 1, 3, 5, 2, 4))(x, a, b).reshape(n, c * a * b, h // a, w // b)


def _space_to_batch(x, a, b):
    n, c, h, w = x.shape
    return _space_to((0, 3, 5, 1, 2, 4))(x, a, b).reshape(n * a * b, c, h // a, w // b)


def _channel_to_space(x, a, b):
    n, c, h, w = x.shape
    result = np.empty((n, c // (a * b), h * a, w * b), x.dtype)
    for i in range(a):
        for j in range(b):
            result[:, :, i::a, j::b] = x[:, i * b + j :: a * b]
    return result


def _batch_to_space(x, a, b):
    return np.swapaxes(_channel_to_space(np.swapaxes(x, 0, 1), a, b), 0, 1)


def _resized(x, axis, m):
    """Linear interpolation along an axis: triangles around the centres of the results, wider where there are fewer."""
    n = x.shape[axis]
    distance = np.abs((np.arange(m)[:, None] + 0.5) * n / m - 0.5 - np.arange(n)) / max(n / m, 1)
    weights = np.maximum(0, 1 - distance)
    weights /= weights.sum(1, keepdims=True)
    return np.moveaxis(np.tensordot(weights, x, (1, axis)), 0, axis)


def _average(x, size, strides, padding):
    padded = np.pad(x, ((0, 0), (0, 0), *padding))
    views = np.lib.stride_tricks.sliding_window_view(padded, size, (2, 3))
    return views[:, :, :: strides[0], :: strides[1]].sum((-2, -1)) / (size[0] * size[1])


TABLE = {
    "average_pool_2d": Entry(
        lambda x: numbafunc.average_pool_2d(x, 3, 2, 1),
        lambda x: _average(x, (3, 3), (2, 2), ((1, 1), (1, 1))),
        ((2, 2, 3, 4), (1, 1, 1, 1), (2, 0, 3, 4), (3, 5, 90, 80)),
        moves=False,
        integers=False,
        boolean=False,
        tolerance=1.0,
    ),
    "batch_to_space2d": Entry(
        lambda x: numbafunc.batch_to_space2d(x, (2, 3)),
        lambda x: _batch_to_space(x, 2, 3),
        ((6, 2, 2, 3), (12, 1, 1, 1), (0, 2, 3, 4), (12, 8, 40, 40)),
    ),
    "channel_to_space2d": Entry(
        numbafunc.channel_to_space2d,
        lambda x: _channel_to_space(x, 2, 2),
        ((2, 4, 3, 2), (1, 8, 1, 5), (2, 0, 3, 4), (2, 24, 40, 50)),
    ),
    "dynamic_slice": Entry(
        lambda x: numbafunc.dynamic_slice(x, (1, -1, 0), (2, 1, 2)),
        lambda x: x[1:3, -1:, :2],
        ((4, 3, 2), (3, 1, 5), (300, 40, 50)),
        argument="operand",
    ),
    "flatten": Entry(
        numbafunc.flatten,
        lambda x: x.reshape(len(x), int(np.prod(x.shape[1:]))),
        ((2, 3, 4, 2), (5, 3), (3, 0, 2), (0, 2, 2), (7, 30, 40, 12)),
    ),
    "pad_constant": Entry(
        lambda x: numbafunc.pad(x, (2, 1)),
        lambda x: np.pad(x, (2, 1)),
        ((4, 3, 2), (1,), (0, 3), (6, 100, 300)),
        argument="array",
    ),
    "pad_linear_ramp": Entry(
        lambda x: numbafunc.pad(x, ((0, 0), (3, 4)), "linear_ramp"),
        lambda x: np.pad(x, ((0, 0), (3, 4)), "linear_ramp"),
        ((4, 3), (1, 1), (4, 300)),
        argument="array",
        moves=False,
        tolerance=0.5,
    ),
    "pad_mapped": Entry(
        lambda x: numbafunc.pad(x, (5, 1), "reflect"),
        lambda x: np.pad(x, (5, 1), "reflect"),
        ((4, 3, 2), (3,), (300, 400)),
        argument="array",
    ),
    "pad_odd": Entry(
        lambda x: numbafunc.pad(x, (1, 3), "symmetric", reflect_type="odd"),
        lambda x: (
            np.pad(x.astype(np.int8), (1, 3), "symmetric", reflect_type="odd") != 0
            if x.dtype.kind == "b"
            else np.pad(x, (1, 3), "symmetric", reflect_type="odd")
        ),
        ((4, 3, 2), (3,), (50, 60)),
        argument="array",
    ),
    "interpolate": Entry(
        lambda x: numbafunc.interpolate(x, (4, 7)),
        lambda x: _resized(_resized(x, -2, 4), -1, 7),
        ((2, 3, 5), (3, 2, 4, 6), (0, 3, 5), (4, 70, 80)),
        argument="input",
        moves=False,
        integers=False,
        tolerance=4,
    ),
    "space_to_batch2d": Entry(
        numbafunc.space_to_batch2d,
        lambda x: _space_to_batch(x, 2, 2),
        ((2, 3, 4, 2), (1, 1, 2, 2), (2, 3, 0, 4), (4, 6, 50, 80)),
    ),
    "space_to_channel2d": Entry(
        lambda x: numbafunc.space_to_channel2d(x, (3, 2)),
        lambda x: _space_to_channel(x, 3, 2),
        ((2, 3, 3, 2), (1, 1, 3, 8), (0, 3, 6, 4), (4, 6, 51, 82)),
    ),
    "upsample_2d": Entry(
        lambda x: numbafunc.upsample_2d(x, (2, 3)),
        lambda x: _resized(_resized(x, -2, 2 * x.shape[-2]), -1, 3 * x.shape[-1]),
        ((2, 1, 3, 4), (1, 3, 1, 2), (0, 2, 3, 3), (2, 3, 60, 70)),
        moves=False,
        integers=False,
        tolerance=4,
    ),
    "upscale_nn": Entry(
        lambda x: numbafunc.upscale_nn(x, 3),
        lambda x: x.repeat(3, 2).repeat(3, 3),
        ((2, 2, 3, 2), (1, 3, 1, 1), (2, 0, 3, 3), (3, 4, 40, 50)),
    ),
}

if SIMULATED:  # where each element is worked on by a Python program
    TABLE = {name: replace(entry, shapes=(*entry.shapes[:-1], entry.shapes[0])) for name, entry in TABLE.items()}

NAMES = sorted(TABLE)


def operand(name, shape, dtype=np.float64, seed=0):
    """An operand of an op; whole numbers, so that no dtype rounds them, with a fraction where the dtype has one."""
    dtype = np.dtype(dtype)
    numbers = np.random.default_rng(seed).integers(-50, 50, shape)
    if dtype.kind == "b":
        return numbers % 2 == 0
    if dtype.kind == "u":
        return np.abs(numbers).astype(dtype)
    return numbers.astype(dtype) if dtype.kind == "i" else (numbers / 8).astype(dtype)
