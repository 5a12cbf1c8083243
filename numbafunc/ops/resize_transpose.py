"""The transpose of resampling, for reverse mode."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from numbafunc.bounded import LARGEST, remembered
from numbafunc.cpu import resize_pass, threads
from numbafunc.cpu.memory import flat_words
from numbafunc.dual.dtypes import is_finite
from numbafunc.ops.resize_step import FACTORS, Step, Taps, group_of, lengths_of_step, weighted_step
from numbafunc.ops.resize_taps import (
    Sampling,
    changes,
    first_of,
    nearest,
    nearest_between,
    rounded,
    span_of,
    table_words,
    taps,
    taps_between,
)
from numbafunc.result_memory import empty_result

Shape = tuple[int, ...]
Array = np.ndarray[Any, Any]

# Elements of operand and result from which on kernels are worth compiling.
_KERNEL_FROM = 1 << 12

# Elements whose gradients are computed together, at least, where the table of an axis is not kept.
_PIECE = 1 << 15


def resample_transpose(cotangent: Array, leading: int, shape: Shape, target: Shape, sampling: Sampling) -> Array:
    """The transpose of resampling: each element gets the weighted sum of the results that it enters."""
    if not math.prod(shape):
        return np.zeros((*cotangent.shape[:leading], *shape), cotangent.dtype)
    compute = np.float32 if cotangent.dtype.itemsize == 2 else cotangent.dtype
    x = cotangent.astype(compute, copy=False)
    if math.prod(shape) + math.prod(target) >= _KERNEL_FROM and _has_tables(shape, target, sampling):
        return _by_kernels(x, leading, shape, sampling).astype(cotangent.dtype, copy=False)
    found = _by_numpy(x, leading, shape, target, sampling)
    return found if found.dtype is cotangent.dtype else found.astype(cotangent.dtype)


def prepared_transpose(
    cotangent: Array, leading: int, shape: Shape, target: Shape, sampling: Sampling
) -> Callable[[Array], Array] | None:
    """What :func:`resample_transpose` does to small arrays like this one, for which there are tables, quietly."""
    small = 0 < math.prod(shape) + math.prod(target) < _KERNEL_FROM and 0 not in shape
    if not small or cotangent.dtype.char not in "fd" or not _has_tables(shape, target, sampling):
        return None
    ndim = len(shape)
    passes = [
        (leading + number, _weighted(n, m, sampling.along(number - ndim), cotangent.dtype, ndim - number - 1))
        for number, (n, m) in enumerate(zip(shape, target))
        if sampling.changes(n, m, number - ndim)
    ]
    if not passes:
        return None

    def back(x: Array) -> Array:
        found = x
        for axis, terms in passes:
            found = _weighted_sum(found, axis, terms)
        # Something without weight may be to blame for what is not finite.
        return found if is_finite(found) else _by_numpy(x, leading, shape, target, sampling)

    return back


@np.errstate(over="ignore", invalid="ignore")
def _by_numpy(x: Array, leading: int, shape: Shape, target: Shape, sampling: Sampling) -> Array:
    """The transpose in the dtype of x, as a new array."""
    found = _transposed(x, leading, shape, target, sampling, careful=False)
    if not is_finite(found) and not np.isfinite(found).all():  # which something without weight may be to blame for
        found = _transposed(x, leading, shape, target, sampling, careful=True)
    return x.copy() if found is x else found


# The weights with which results enter an element are taps of that element, so the kernels of resampling serve.

_STEPS = threads.Kernels(256, 1 << 26)


def _has_tables(shape: Shape, target: Shape, sampling: Sampling) -> bool:
    """Whether the tables of all axes that change are small enough to be kept."""
    return 0 not in target and all(
        16 * table_words(n, m, sampling.along(axis)) <= LARGEST
        for axis, n, m in zip(range(-len(shape), 0), shape, target)
        if sampling.changes(n, m, axis)
    )


def _by_kernels(x: Array, leading: int, shape: Shape, sampling: Sampling) -> Array:
    """The transpose in the dtype of x, float32 or float64."""
    full = (*x.shape[:leading], *shape)
    key = (x.shape, full, sampling, x.dtype)
    steps = _STEPS.get(key)
    if steps is None:
        steps = _STEPS[key] = _steps_back(x.shape, full, sampling, x.dtype)
    if not steps:
        return x.copy(order="C")
    for step in steps:
        result = empty_result(step.shape, x.dtype)
        step.kernel.run(flat_words(x, 0), result.reshape(-1), step.places, step.weights)
        x = result
    return x


def _steps_back(shape: Shape, target: Shape, sampling: Sampling, dtype: np.dtype[Any]) -> tuple[Step, ...]:
    """The steps from the shape of a cotangent to that of the operand."""
    steps = []
    for before, goal, axes in changes(shape, target, sampling):
        axes = tuple(sorted(axes))
        places = lengths_of_step(before, goal, axes)
        _, rows, columns, new_rows, new_columns = places[: resize_pass.PER_TASK].tolist()
        last = axes[-1] == len(shape) - 1
        down = across = form = None
        if len(axes) == 2 or not last:
            down = _taps_back(new_rows, rows, sampling.along(axes[0] - len(shape)))
        if last:
            across = _taps_back(new_columns, columns, sampling.along(-1))
            form = repeating_pass(across, columns, new_columns, places)
        # The order of passes that keeps a few rows between them has no loop over groups of taps.
        rows_first = new_rows < rows or (down is not None and down.group < down.weights.shape[1])
        steps.append(weighted_step(goal, places, down, across, form, rows_first, dtype))
    return tuple(steps)


@remembered(64, 1 << 26)
def _taps_back(n: int, m: int, sampling: Sampling) -> Taps:
    """For each of n elements the first of the m results that it enters, and the weights in these."""
    if sampling.method == "nearest":
        first, weights = nearest(n, m, sampling), np.ones((m, 1))
    else:
        first, weights, *_ = taps(n, m, sampling)
    elements = np.arange(n)
    start = np.searchsorted(first, elements - weights.shape[1], "right")
    stop = np.searchsorted(first, elements, "right")
    count = rounded(max(1, int((stop - start).max())), m)
    begin = np.minimum(start, m - count)
    results = begin[:, None] + np.arange(count)
    there = (results >= start[:, None]) & (results < stop[:, None])
    own = np.where(there, elements[:, None] - first[results], 0)
    return Taps(begin, np.where(there, weights[results, own], 0.0), group_of(count), ())


def repeating_pass(made: Taps, n: int, m: int, places: Array) -> Any:
    """The pass along rows from n elements to m whose inner taps repeat; writes to ``places`` where they do."""
    count = made.weights.shape[1]
    if m % n == 0 and m // n in FACTORS:
        form, step, width, stride = "grow", m // n, m // n, 1
    elif n % m == 0 and n // m in FACTORS:
        form, step, width, stride = "shrink", n // m, 1, n // m
    else:
        return None
    if made.group < count:
        return None
    positions = np.arange(m // width)
    first = made.first.reshape(-1, width) - stride * positions[:, None]
    weights = made.weights.reshape(len(first), -1)
    middle = len(first) // 2
    other = np.flatnonzero((first != first[middle]).any(1) | (weights != weights[middle]).any(1))
    begin = max(other[other < middle].tolist(), default=-1) + 1
    end = min(other[other > middle].tolist(), default=len(first))
    places[resize_pass.BEGIN :] = begin, end, begin * width * count
    return resize_pass.Pass(form, count, False, step, tuple(first[middle].tolist()))


def _transposed(x: Array, leading: int, shape: Shape, target: Shape, sampling: Sampling, *, careful: bool) -> Array:
    """The transpose in the dtype of x; with care what has no weight adds nothing, whatever it is."""
    for number, (n, m) in enumerate(zip(shape, target)):
        if not sampling.changes(n, m, number - len(shape)):
            continue
        axis = leading + number
        along, behind = sampling.along(number - len(shape)), len(shape) - number - 1
        if n > 0 and m > 0 and not careful and 16 * table_words(n, m, along) <= LARGEST:
            x = _weighted_sum(x, axis, _weighted(n, m, along, x.dtype, behind))
            continue
        found = np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype)
        if n > 0 and m > 0:
            before = (slice(None),) * axis
            for begin, end, rows in _pieces(n, m, along):
                total = found[(*before, slice(begin, end))]
                for row, (results, share) in enumerate(rows):
                    weights = share.astype(x.dtype).reshape(-1, *(1,) * behind)
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


def _weighted_sum(x: Array, axis: int, terms: tuple[tuple[Array, Array], ...]) -> Array:
    """The sum of entries of an axis, in rows that each term names, with weights."""
    (results, weights), *others = terms
    total = x.take(results, axis)
    total *= weights
    for results, weights in others:
        term = x.take(results, axis)
        term *= weights
        total += term
    return total


@remembered(64, 1 << 26)
def _weighted(n: int, m: int, sampling: Sampling, dtype: np.dtype[Any], behind: int) -> tuple[tuple[Array, Array], ...]:
    """The rows for all elements, with weights in a dtype and a number of axes behind them."""
    rows = zip(*_kept(n, m, sampling))
    return tuple((results, share.astype(dtype).reshape(-1, *(1,) * behind)) for results, share in rows)


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


__all__ = ["prepared_transpose", "repeating_pass", "resample_transpose"]
