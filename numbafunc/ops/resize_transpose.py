"""The transpose of resampling, for reverse mode."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

import numpy as np

from numbafunc.bounded import LARGEST, remembered
from numbafunc.ops.resize_taps import (
    Sampling,
    first_of,
    nearest,
    nearest_between,
    rounded,
    span_of,
    table_words,
    taps,
    taps_between,
)

Shape = tuple[int, ...]
Array = np.ndarray[Any, Any]

# Elements whose gradients are computed together, at least, where the table of an axis is not kept.
_PIECE = 1 << 15


def resample_transpose(cotangent: Array, leading: int, shape: Shape, target: Shape, sampling: Sampling) -> Array:
    """The transpose of resampling: each element gets the weighted sum of the results that it enters."""
    if not math.prod(shape):
        return np.zeros((*cotangent.shape[:leading], *shape), cotangent.dtype)
    compute = np.float32 if cotangent.dtype.itemsize == 2 else cotangent.dtype
    x = cotangent.astype(compute, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        found = _transposed(x, leading, shape, target, sampling, careful=False)
        if not np.isfinite(found).all():  # which something without weight may be to blame for
            found = _transposed(x, leading, shape, target, sampling, careful=True)
    return found.astype(cotangent.dtype, copy=found is cotangent)


def _transposed(x: Array, leading: int, shape: Shape, target: Shape, sampling: Sampling, *, careful: bool) -> Array:
    """The transpose in the dtype of x; with care what has no weight adds nothing, whatever it is."""
    for number, (n, m) in enumerate(zip(shape, target)):
        if not sampling.changes(n, m, number - len(shape)):
            continue
        axis = leading + number
        found = np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype)
        if n > 0 and m > 0:
            before, behind = (slice(None),) * axis, (1,) * (len(shape) - number - 1)
            for begin, end, rows in _pieces(n, m, sampling.along(number - len(shape))):
                total = found[(*before, slice(begin, end))]
                for row, (results, share) in enumerate(rows):
                    weights = share.astype(x.dtype).reshape(-1, *behind)
                    term = np.take(x, results, axis)
                    term *= weights
                    if careful:
                        term[(*before, share == 0)] = 0
                    if row == 0:
                        total[...] = term
                    else:
                        total += term
        x = found
    return x


def _pieces(n: int, m: int, sampling: Sampling) -> Iterator[tuple[int, int, Any]]:
    """Ranges of elements, with rows of a result that each of them enters and the weight there."""
    if 16 * table_words(n, m, sampling) <= LARGEST:
        yield 0, n, zip(*_kept(n, m, sampling))
        return
    span = 1 if sampling.method == "nearest" else span_of(n, m, sampling)
    size = max(_PIECE, 4 * span)  # few results enter two pieces
    for begin in range(0, n, size):
        end = min(begin + size, n)
        yield begin, end, _rows(n, m, sampling, span, begin, end)


@remembered(64, 1 << 26)
def _kept(n: int, m: int, sampling: Sampling) -> tuple[Array, Array]:
    """The rows for all elements, results and weights."""
    span = 1 if sampling.method == "nearest" else span_of(n, m, sampling)
    entered, shares = zip(*_rows(n, m, sampling, span, 0, n))
    return np.stack(entered), np.stack(shares)


def _rows(n: int, m: int, sampling: Sampling, span: int, start_at: int, end: int) -> Iterator[tuple[Array, Array]]:
    """For some of n elements: of m results the first that each of them enters, the second, ..., with their weights."""
    count = rounded(min(span, n), n)
    first_element = first_of(n, m, sampling, count)
    low = bisect_left(range(m), start_at - count + 1, key=first_element)
    high = bisect_left(range(m), end, key=first_element)
    elements = np.arange(start_at, end)
    if low == high:
        yield np.zeros_like(elements), np.zeros(len(elements))
        return
    whole = (low, high) == (0, m)
    if sampling.method == "nearest":
        first = nearest(n, m, sampling) if whole else nearest_between(n, m, sampling, low, high)
        weights = np.ones((high - low, 1))
    else:
        made = taps(n, m, sampling) if whole else taps_between(n, m, sampling, low, high, span)
        first, weights = made.first, made.weights
    start = np.searchsorted(first, elements - count, "right")
    number = np.searchsorted(first, elements, "right") - start
    most = max(1, int(number.max()))
    together = max(1, _PIECE // len(elements))
    for begin in range(0, most, together):
        row = np.arange(begin, min(begin + together, most))[:, None]
        there = row < number
        result = np.where(there, start + row, 0)
        tap = np.where(there, elements - first[result], 0)
        yield from zip(result + low, np.where(there, weights[result, tap], 0.0))


__all__ = ["resample_transpose"]
