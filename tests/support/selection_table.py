"""The ops of the selection kind as the test modules see them: one entry for each name in the registry."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from chosen_backend import SIMULATED, numbafunc


@dataclass(frozen=True)
class Entry:
    """An op with what it selects and on what it is tested.

    ``function`` takes one array; everything else is bound. ``oracle`` gives the positions in the flat operand, -1 where
    there is none, as loops over plain Python numbers find them. The last of ``shapes`` is large enough for several
    threads. ``argument`` is the name of the array in messages.
    """

    function: Any
    oracle: Any
    shapes: tuple[tuple[int, ...], ...]
    argument: str


def windows(shape, size, strides, padding):
    """For each window the flat positions of its elements, row by row."""
    n, c, rows, columns = shape
    counts = [
        max(0, (length + sum(margin) - s) // step + 1) if length + sum(margin) >= s else 0
        for length, s, step, margin in zip((rows, columns), size, strides, padding)
    ]
    for plane in range(n * c):
        for i in range(counts[0]):
            for j in range(counts[1]):
                window = []
                for k in range(size[0]):
                    for m in range(size[1]):
                        row = i * strides[0] + k - padding[0][0]
                        column = j * strides[1] + m - padding[1][0]
                        if 0 <= row < rows and 0 <= column < columns:
                            window.append((plane * rows + row) * columns + column)
                yield window
    yield (n, c, *counts)


def pooled(size, strides, padding):
    """Oracle of max_pool_2d."""

    def positions(x):
        *found, shape = windows(x.shape, size, strides, padding)
        flat = x.reshape(-1).tolist()
        result = []
        for window in found:
            best = -1
            for position in window:
                value = flat[position]
                if value != value:
                    best = position
                    break
                if x.dtype.kind not in "fV" or value > -np.inf:
                    best = position if best < 0 or value > flat[best] else best
            result.append(best)
        return np.array(result, np.int64).reshape(shape)

    return positions


def sort_keys(x):
    """Integers in the order of the elements; that of every NaN is the largest."""
    if x.dtype == np.uint64:
        return (x ^ np.uint64(2**63)).view(np.int64)
    if x.dtype.kind not in "fV":
        return x.astype(np.int64)
    bits = x.view(f"i{x.itemsize}")
    most = np.iinfo(bits.dtype).max
    return np.where(np.isnan(x), most, np.where(bits < 0, bits ^ most, bits)).astype(np.int64)


def ranked(k):
    """Oracle of top_k."""

    def positions(x):
        order = np.argsort(~sort_keys(x), axis=-1, kind="stable")[..., :k]
        rows = int(np.prod(x.shape[:-1]))
        return order + x.shape[-1] * np.arange(rows).reshape((*x.shape[:-1], 1))

    return positions


TABLE = {
    "max_pool_2d": {
        "halves": Entry(
            numbafunc.max_pool_2d,
            pooled((2, 2), (2, 2), ((0, 0), (0, 0))),
            ((2, 3, 4, 6), (1, 1, 5, 3), (2, 0, 4, 4), (2, 2, 0, 4), (3, 7, 110, 90)),
            "x",
        ),
        "overlapping": Entry(
            lambda x: numbafunc.max_pool_2d(x, 3, 2, 1),
            pooled((3, 3), (2, 2), ((1, 1), (1, 1))),
            ((2, 2, 5, 7), (1, 1, 1, 1), (3, 5, 70, 90)),
            "x",
        ),
        "same": Entry(
            lambda x: numbafunc.max_pool_2d(x, 3, 1, "same"),
            pooled((3, 3), (1, 1), ((1, 1), (1, 1))),
            ((1, 2, 4, 5), (2, 1, 2, 2), (2, 3, 60, 70)),
            "x",
        ),
        "any": Entry(
            lambda x: numbafunc.max_pool_2d(x, (3, 2), (1, 3), ((2, 0), (1, 4))),
            pooled((3, 2), (1, 3), ((2, 0), (1, 4))),
            ((2, 2, 5, 7), (1, 1, 3, 9), (2, 3, 60, 70)),
            "x",
        ),
        "wide": Entry(
            lambda x: numbafunc.max_pool_2d(x, (2, 5), 1, (1, 2)),
            pooled((2, 5), (1, 1), ((1, 2), (1, 2))),
            ((2, 2, 3, 4), (1, 1, 3, 19), (2, 3, 50, 60)),
            "x",
        ),
    },
    "top_k": {
        "two": Entry(lambda x: numbafunc.top_k(x, 2)[0], ranked(2), ((3, 5), (2,), (2, 0, 3), (9, 20000)), "operand"),
        "more": Entry(
            lambda x: numbafunc.top_k(x, 17)[0], ranked(17), ((2, 40), (17,), (900,), (3, 300000)), "operand"
        ),
        "all": Entry(
            lambda x: numbafunc.top_k(x, np.shape(x)[-1] if hasattr(x, "shape") else 5)[0],
            lambda x: ranked(x.shape[-1])(x),
            ((2, 3, 7), (1,), (1, 300), (2, 0), (70, 3000)),
            "operand",
        ),
    },
}

if SIMULATED:  # where each element is worked on by a Python program
    TABLE = {
        name: {case: replace(entry, shapes=(*entry.shapes[:-1], entry.shapes[0])) for case, entry in cases.items()}
        for name, cases in TABLE.items()
    }

CASES = [f"{name} {case}" for name, cases in sorted(TABLE.items()) for case in cases]


def entry(case):
    name, _, variant = case.partition(" ")
    return TABLE[name][variant]


def operand(case, shape, dtype=np.float64, seed=0):
    """An operand with many ties; floats have NaN of both signs, infinities, and zeros of both signs among them."""
    dtype = np.dtype(dtype)
    random = np.random.default_rng(seed)
    numbers = random.integers(-20, 20, shape)
    if dtype.kind == "b":
        return numbers > 0
    if dtype.kind == "u":
        return np.abs(numbers).astype(dtype)
    if dtype.kind == "i":
        return numbers.astype(dtype)
    x = (numbers / 4).astype(dtype)
    for special in (np.nan, -np.nan, np.inf, -np.inf, -0.0):
        x[random.random(shape) < 0.02] = special
    x[..., : x.shape[-1] // 3] = np.where(random.random(shape) < 0.1, -np.inf, x)[..., : x.shape[-1] // 3]
    return x


def taken(x, positions, missing):
    """The elements of an array at flat positions."""
    flat = np.append(x.reshape(-1), np.array(missing, x.dtype))
    return flat[positions]
