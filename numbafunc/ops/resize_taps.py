"""Resampling of axes: filters, their taps, and the steps from one shape to another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from numbafunc.bounded import LARGEST, remembered
from numbafunc.cpu import resize_pass, threads
from numbafunc.cpu.memory import flat_words
from numbafunc.kinds.elementwise import Elementwise
from numbafunc.numbers.elementary import sin
from numbafunc.ops.resize_step import (
    FACTORS,
    GROUP,
    TASK,
    TILE,
    UNROLLED,
    Step,
    Taps,
    general_pass,
    group_of,
    is_large,
    kernel_of,
    lengths_of_step,
    weighted_step,
)
from numbafunc.result_memory import empty_result

Shape = tuple[int, ...]
Array = np.ndarray[Any, Any]

# Bytes of tables of each kind that are kept.
_TABLES = 1 << 26

# Results whose weights have a smaller sum are 0.
SMALLEST_TOTAL = 1000 * float(np.finfo(np.float32).eps)


class Filter(NamedTuple):
    """Weight as a function of the distance, 0 from ``radius`` on; that of "cubic" takes the coefficient too."""

    radius: int
    weight: Callable[..., Array]


def _linear(d: Array) -> Array:
    return 1 - d


def cubic_near(d: Any, a: Any) -> Any:
    """Weight of the cubic filter with a coefficient below a distance of 1."""
    return (((a + 2) * d - (a + 3)) * d) * d + 1


def cubic_far(d: Any, a: Any) -> Any:
    """Weight of the cubic filter with a coefficient from 1 to 2."""
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a


def _cubic(d: Array, a: float) -> Array:
    weights: Array = np.where(d < 1, cubic_near(d, a), cubic_far(d, a))
    return weights


def _lanczos(d: Any, radius: Any) -> Any:
    angle = math.pi * max(d, 1e-3)
    return radius * sin(angle) * sin(angle / radius) / (angle * angle) if d > 1e-3 else 1.0


# An op of its own, so that the weights have the same bits in compiled functions.
lanczos = Elementwise(_lanczos, name="lanczos", identity=f"{__name__}.lanczos")


FILTERS = {
    "linear": Filter(1, _linear),
    "cubic": Filter(2, _cubic),
    "lanczos3": Filter(3, lambda d: lanczos(d, 3.0)),
    "lanczos5": Filter(5, lambda d: lanczos(d, 5.0)),
}


class Sampling(NamedTuple):
    """How an array is resampled.

    Attributes
    ----------
    method : str
        "nearest" or one of the FILTERS.
    align_corners : bool
        Whether the first and the last result of an axis lie on its first and last element; otherwise the borders of the
        results, half a step further, lie on those of the elements.
    antialias : bool
        Whether filters are stretched where an axis shrinks.
    coefficient : float
        That of the cubic filter.
    border : str
        "renormalize" to divide the weights of elements that exist by their sum, "replicate" to repeat the element at
        the border.
    scales : tuple
        For each axis a factor, as a pair of numerator and denominator, from which positions are computed; None for the
        ratio of the lengths. Empty for none at all.
    """

    method: str
    align_corners: bool = False
    antialias: bool = True
    coefficient: float = -0.5
    border: str = "renormalize"
    scales: tuple[tuple[int, int] | None, ...] = ()

    def along(self, axis: int) -> Sampling:
        """That of one axis, counted from the end."""
        if not self.scales:
            return self
        scale = self.scales[axis] if -axis <= len(self.scales) else None
        return self._replace(scales=() if scale is None else (scale,))

    def changes(self, n: int, m: int, axis: int) -> bool:
        """Whether an axis, counted from the end, is resampled from n elements to m.

        A factor that leaves the length as it is moves the elements for nearest, and for other methods than linear
        without antialiasing: as in PyTorch.
        """
        moves = self.method == "nearest" or not (self.method == "linear" or self.antialias)
        return n != m or (bool(self.scales) and moves and bool(self.along(axis).scales))


@remembered(256, _TABLES)
def taps(n: int, m: int, sampling: Sampling) -> Taps:
    """The taps from n elements to m by one of the FILTERS; computed in float64, from exact distances."""
    windows = _windows(n, m, sampling, 0, m)
    return _taps(n, m, sampling, windows, windows.span)


def taps_between(n: int, m: int, sampling: Sampling, begin: int, end: int, span: int) -> Taps:
    """The taps of some of m results, given the span of all."""
    return _taps(n, m, sampling, _windows(n, m, sampling, begin, end), span)


def span_of(n: int, m: int, sampling: Sampling) -> int:
    """The most elements that lie in the window of a result, before and behind the ends included."""
    pieces = range(0, m, _AT_ONCE)
    return max(_windows(n, m, sampling, begin, min(begin + _AT_ONCE, m)).span for begin in pieces)


def table_words(n: int, m: int, sampling: Sampling) -> int:
    """About how many numbers the taps of an axis are."""
    if sampling.method == "nearest":
        return m
    step, _, unit = grid(n, m, sampling)
    return m * (1 + min(n, 2 * FILTERS[sampling.method].radius * _stretch(step, unit, sampling) // unit + 1))


def first_of(n: int, m: int, sampling: Sampling, count: int) -> Callable[[int], int]:
    """The function that tells the first of the elements, as many as ``count``, that a result is made of."""
    step, start, unit = grid(n, m, sampling)
    if sampling.method == "nearest":
        return lambda result: min((2 * (step * result + start) + unit) // (2 * unit), n - 1)
    reach = FILTERS[sampling.method].radius * _stretch(step, unit, sampling)
    return lambda result: max(0, min((step * result + start - reach) // unit + 1, n - count))


class _Windows(NamedTuple):
    """The windows of some results: their centres, their first elements, and the most elements that one has."""

    centre: Array
    lowest: Array
    span: int


def _windows(n: int, m: int, sampling: Sampling, begin: int, end: int) -> _Windows:
    step, start, unit = grid(n, m, sampling)
    reach = FILTERS[sampling.method].radius * _stretch(step, unit, sampling)
    centre = _integers(begin, end, 2 * (step * m + abs(start) + reach) + unit * n) * step + start
    lowest = ((centre - reach) // unit + 1).astype(np.int64)
    highest = (-((-centre - reach) // unit) - 1).astype(np.int64)
    return _Windows(centre, lowest, int((highest - lowest).max()) + 1)


def _stretch(step: int, unit: int, sampling: Sampling) -> int:
    return max(step, unit) if sampling.antialias else unit


def _taps(n: int, m: int, sampling: Sampling, windows: _Windows, span: int) -> Taps:
    """The taps of some windows, given the span of all."""
    centre, lowest, _ = windows
    step, _, unit = grid(n, m, sampling)
    count = rounded(min(span, n), n)
    group = group_of(count)
    first = np.clip(lowest, 0, n - count)
    weights = np.empty((len(first), count))
    rows = max(1, _AT_ONCE // span)  # so that what is computed on the way takes little memory
    scale = (_stretch(step, unit, sampling), unit)
    for begin in range(0, len(first), rows):
        some = slice(begin, begin + rows)
        weights[some] = _weights(centre[some], lowest[some], first[some], (n, span, count), scale, sampling)
    return Taps(first, weights, group, tuple(map(int, lowest[: max(FACTORS)])))


# Weights that are computed together.
_AT_ONCE = 1 << 16


def _weights(
    centre: Array, lowest: Array, first: Array, lengths: tuple[int, int, int], scale: tuple[int, int],
    sampling: Sampling,
) -> Array:  # fmt: skip
    """The weights of some results, a row for each, given their centres and the first elements that they are made of."""
    (n, span, count), (stretch, unit), chosen = lengths, scale, FILTERS[sampling.method]
    outside = sampling.border == "replicate"
    places = lowest[:, None] + np.arange(span) if outside else first[:, None] + np.arange(count)
    distance = np.abs(unit * places.astype(centre.dtype, copy=False) - centre[:, None])
    # At whole distances all filters are 0; a sine computed there is not.
    zero = ((distance % stretch == 0) & (distance > 0)).astype(bool)
    distance = (distance / stretch).astype(np.float64)
    weighed = chosen.weight(distance, sampling.coefficient) if sampling.method == "cubic" else chosen.weight(distance)
    weights: Array = np.where((distance < chosen.radius) & ~zero, weighed, 0.0)
    total = weights[:, :1]
    for tap in range(1, weights.shape[1]):  # in this order
        total = total + weights[:, tap : tap + 1]
    weights = np.where(np.abs(total) < SMALLEST_TOTAL, 0.0, weights / total)
    return _folded(weights, np.clip(places, 0, n - 1) - first[:, None], count) if outside else weights


def _folded(weights: Array, columns: Array, count: int) -> Array:
    """Weights in ``count`` columns, to each of which those are added that have its number."""
    folded = np.zeros((len(weights), count))
    rows = np.arange(len(weights))[:, None]
    np.add.at(folded, (rows, np.clip(columns, 0, count - 1)), weights)  # what is beyond has no weight
    return folded


def _integers(begin: int, end: int, largest: int) -> Array:
    """The integers between two, as ints of any size where products with them would not fit a word."""
    return np.arange(begin, end, dtype=np.int64 if largest < 2**62 else object)


def grid(n: int, m: int, sampling: Sampling) -> tuple[int, int, int]:
    """Integers a, b, c such that the centre of result o of m lies at (a o + b) / c among n elements."""
    if sampling.align_corners:
        return (n - 1, 0, m - 1) if m > 1 else (0, 0, 1)
    if sampling.scales and sampling.scales[0] is not None:
        up, down = sampling.scales[0]
        return 2 * down, down - up, 2 * up
    return 2 * n, n - m, 2 * m


def rounded(count: int, n: int) -> int:
    """A number of taps from ``count`` to n, few different ones for small counts, groups of taps for others."""
    if count <= 1:
        return count
    return min(count + count % 2 if count <= UNROLLED else -(-count // GROUP) * GROUP, n)


@remembered(256, _TABLES)
def nearest(n: int, m: int, sampling: Sampling) -> Array:
    """The element that each of m results copies: the floor of 1/2 more than its centre, in integers."""
    return nearest_between(n, m, sampling, 0, m)


def nearest_between(n: int, m: int, sampling: Sampling, begin: int, end: int) -> Array:
    """The elements that some of m results copy."""
    step, start, unit = grid(n, m, sampling)
    index = _integers(begin, end, 2 * (step * m + abs(start)) + unit)
    index *= 2 * step
    index += 2 * start + unit
    index //= 2 * unit
    return np.minimum(index, n - 1).astype(np.int64, copy=False)


def order_of_axes(shape: Shape, target: Shape, sampling: Sampling) -> list[tuple[int, ...]]:
    """The axes that change, in the order of the steps; the last two may be one step.

    Axes that shrink come first, so that the others have fewer elements to process. Of the last two, rows come first
    unless they grow.
    """
    lengths = enumerate(zip(shape, target))
    changed = [axis for axis, (n, m) in lengths if sampling.changes(n, m, axis - len(shape))]
    last = len(shape) - 1
    trailing = [axis for axis in changed if axis >= last - 1] if last in changed else []
    if len(trailing) == 2 and target[last - 1] > shape[last - 1]:
        trailing.reverse()
    others = sorted((axis for axis in changed if axis not in trailing), key=lambda axis: target[axis] / shape[axis])
    order = [(axis,) for axis in others if target[axis] < shape[axis]]
    order += [tuple(trailing)] if trailing else []  # type: ignore[list-item]
    order += [(axis,) for axis in others if target[axis] >= shape[axis]]
    return order  # type: ignore[return-value]


def changes(shape: Shape, target: Shape, sampling: Sampling) -> Iterator[tuple[Shape, Shape, tuple[int, ...]]]:
    """The shapes before and behind each step, and the axes that it changes, as :func:`order_of_axes` has them."""
    current = list(shape)
    for axes in order_of_axes(shape, target, sampling):
        before = tuple(current)
        for axis in axes:
            current[axis] = target[axis]
        yield before, tuple(current), axes


def steps_to(shape: Shape, target: Shape, sampling: Sampling, dtype: np.dtype[Any]) -> tuple[Step, ...]:
    """The steps from one shape to another of as many axes; none where nothing changes or the result is empty."""
    if 0 in target:
        return ()
    steps = []
    for before, goal, axes in changes(shape, target, sampling):
        if len(axes) == 1 and _has_long_table(before, goal, axes[0], sampling):
            pieces = _Pieces(before, goal, axes[0], sampling, dtype)
            steps.append(Step(pieces, goal, np.zeros(0, np.int64), np.zeros(0, np.float32)))
        else:
            steps.append(_step(before, goal, tuple(sorted(axes)), sampling, dtype))
    return tuple(steps)


def _has_long_table(shape: Shape, target: Shape, axis: int, sampling: Sampling) -> bool:
    """Whether the table of an axis is too large to be kept, and as large as the result or larger."""
    if math.prod(shape[:axis]) > 1 or math.prod(shape[axis + 1 :]) > 16:
        return False
    return 8 * table_words(shape[axis], target[axis], sampling.along(axis - len(shape))) > LARGEST


class _Pieces(NamedTuple):
    """In the place of the kernel for a long axis: makes the result piece by piece, each with a small table."""

    shape: Shape
    target: Shape
    axis: int
    sampling: Sampling
    dtype: np.dtype[Any]

    def run(self, x: Array, out: Array, places: Array, weights: Array) -> None:
        axis, method = self.axis, self.sampling.method
        n, m, inside = self.shape[axis], self.target[axis], math.prod(self.shape[axis + 1 :])
        along = self.sampling.along(axis - len(self.shape))
        span = 1 if method == "nearest" else span_of(n, m, along)
        count = rounded(min(span, n), n)
        size = max(1, WORDS_OF_PIECE // (count + 1))
        table: Any
        for begin in range(0, m, size):
            end = min(begin + size, m)
            if method == "nearest":
                table = nearest_between(n, m, along, begin, end)
                low, high = int(table[0]), int(table[-1]) + 1
                table -= low
            else:
                made = taps_between(n, m, along, begin, end, span)
                low, high = int(made.first[0]), int(made.first[-1]) + count
                table = made._replace(first=made.first - low)
            shape = (high - low, *self.shape[axis + 1 :])
            step = _step(shape, (end - begin, *shape[1:]), (0,), self.sampling, self.dtype, (table, m < n))
            part = slice(low * inside, high * inside)
            step.kernel.run(x[part], out[begin * inside : end * inside], step.places, step.weights)


# Words of the tables of a piece.
WORDS_OF_PIECE = 1 << 17


def _step(
    shape: Shape, target: Shape, axes: tuple[int, ...], sampling: Sampling, dtype: np.dtype[Any],
    of_piece: tuple[Any, bool] | None = None,
) -> Step:  # fmt: skip
    """The step that changes one axis or the last two; for a piece of an axis with its table and whether it shrinks."""
    last = axes[-1] == len(shape) - 1
    down = axes[0] if len(axes) == 2 or not last else None
    places = lengths_of_step(shape, target, axes)
    _, rows, columns, new_rows, new_columns = places[: resize_pass.PER_TASK].tolist()
    table, shrinks = of_piece or (None, new_rows < rows)
    along_down, along_rows = sampling.along(axes[0] - len(shape)), sampling.along(-1)
    if sampling.method == "nearest":
        places[resize_pass.PER_TASK] = max(1, TASK // max(1, new_columns))
        down_index, across_index = np.zeros(1, np.int64), np.zeros(0, np.int64)
        if down is not None:
            down_index = nearest(rows, new_rows, along_down) if table is None else table
        if last:
            across_index = nearest(columns, new_columns, along_rows) if table is None else table
        several = is_large(places)
        kernel = kernel_of(
            ("nearest", _copies(columns, new_columns, across_index if last else None), _word(dtype), several)
        )
        return Step(kernel, target, np.concatenate((places, down_index, across_index)), np.zeros(0, np.float32))
    down_taps = across_taps = across = None
    if down is not None:
        down_taps = taps(rows, new_rows, along_down) if table is None else table
    if last:
        across_taps = taps(columns, new_columns, along_rows) if table is None else table
        across = _across(columns, new_columns, across_taps, along_rows, places) if table is None else None
    return weighted_step(target, places, down_taps, across_taps, across, shrinks, dtype)


def _across(n: int, m: int, made: Taps, sampling: Sampling, places: Array) -> Any:
    """The pass along rows; writes to ``places`` where the repeating taps begin and end."""
    count = made.weights.shape[1]
    general = general_pass(made)
    if general.several or sampling.align_corners or sampling.scales:
        return general
    if m % n == 0 and m // n in FACTORS:
        step = m // n
        offsets = made.offset[:step]
        begin, end = max(0, -min(offsets)), n - count - max(offsets) + 1
        form, inner = "grow", begin * step * count
    elif n % m == 0 and n // m in FACTORS:
        step = n // m
        offsets = made.offset[:1]
        begin, end = max(0, -(offsets[0] // step)), (n - count - offsets[0]) // step + 1
        form, inner = "shrink", begin * count
    else:
        return general
    if begin >= end:
        return general
    places[resize_pass.BEGIN :] = begin, end, inner
    return resize_pass.Pass(form, count, False, step, offsets)


def _copies(n: int, m: int, index: Array | None) -> Any:
    """The pass that copies the elements of a row."""
    if index is None:
        return resize_pass.Pass("none")
    if m % n == 0 and m // n in FACTORS and np.array_equal(index, np.arange(m) // (m // n)):
        return resize_pass.Pass("grow", step=m // n)
    step = n // m
    if n % m == 0 and step in FACTORS and np.array_equal(index, np.arange(m) * step + index[0]):
        return resize_pass.Pass("shrink", step=step, offsets=(int(index[0]),))
    return resize_pass.Pass("any")


def _word(dtype: np.dtype[Any]) -> str:
    """The type as which elements are copied."""
    return dtype.name if dtype.name in ("float32", "float64") else f"uint{8 * dtype.itemsize}"


# Kept steps, by the description of a call.
_STEPS = threads.Kernels(1024, _TABLES)


def kept_steps(shape: Shape, target: Shape, sampling: Sampling, dtype: np.dtype[Any]) -> tuple[Step, ...]:
    """The steps of an earlier call; none where their tables are too large to be kept."""
    steps: tuple[Step, ...] = _STEPS.get((shape, target, sampling, dtype), ())
    return () if any(isinstance(step.kernel, _Pieces) for step in steps) else steps


def resample(x: Array, leading: int, target: Shape, sampling: Sampling) -> Array:
    """An array with its axes behind the leading ones brought to other lengths."""
    full = x.shape[:leading] + target
    key = (x.shape, full, sampling, x.dtype)
    steps = _STEPS.get(key)
    if steps is None:
        steps = _STEPS[key] = steps_to(x.shape, full, sampling, x.dtype)
    if not steps:
        return np.array(x, order="C") if full == x.shape else empty_result(full, x.dtype)
    # Rounding to 16 bits between the steps is avoided.
    if len(steps) > 1 and x.itemsize == 2 and sampling.method != "nearest":
        return resample(x.astype(np.float32), leading, target, sampling).astype(x.dtype)
    word = _word(x.dtype) if sampling.method == "nearest" else None
    for step in steps:
        result = empty_result(step.shape, x.dtype)
        flat, target_words = flat_words(x, 0), flat_words(result, 0)
        if word is not None:
            flat, target_words = flat.view(word), target_words.view(word)
        step.kernel.run(flat, target_words, step.places, step.weights)
        x = result
    return x


__all__ = [
    "FILTERS",
    "TILE",
    "Sampling",
    "Step",
    "Taps",
    "changes",
    "first_of",
    "grid",
    "kept_steps",
    "nearest",
    "nearest_between",
    "order_of_axes",
    "resample",
    "rounded",
    "span_of",
    "steps_to",
    "table_words",
    "taps",
    "taps_between",
]
