"""Resampling of axes: filters, their taps, and the steps from one shape to another."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from numbafunc.cpu import threads
from numbafunc.cpu.memory import empty, flat_words
from numbafunc.kinds.elementwise import Elementwise
from numbafunc.numbers.elementary import sin

Shape = tuple[int, ...]
Array = np.ndarray[Any, Any]

# From this many elements of operand and result on, several threads pay.
PARALLEL_FROM = 1 << 14

# Results per task: fewer are not worth one.
_TASK = 1 << 15

# Columns that a thread processes together when it goes down an axis; their rows stay in the first-level cache.
TILE = 1024

# Most taps whose code is unrolled as a whole, and the size of groups of more taps.
UNROLLED, GROUP = 12, 8

# Whole factors with loops of their own, in which the taps are constant.
_FACTORS = (2, 3, 4)

# Results whose weights have a smaller sum are 0.
SMALLEST_TOTAL = 1000 * float(np.finfo(np.float32).eps)


class Filter(NamedTuple):
    """Weight as a function of the distance, 0 from ``radius`` on."""

    radius: int
    weight: Callable[[Array], Array]


def _linear(d: Array) -> Array:
    return 1 - d


def cubic_near(d: Any) -> Any:
    """Weight of the cubic filter below a distance of 1."""
    return ((1.5 * d - 2.5) * d) * d + 1


def cubic_far(d: Any) -> Any:
    """Weight of the cubic filter from 1 to 2."""
    return ((-0.5 * d + 2.5) * d - 4) * d + 2


def _cubic(d: Array) -> Array:
    weights: Array = np.where(d < 1, cubic_near(d), cubic_far(d))
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


class Taps(NamedTuple):
    """The elements that each result is made of, and their weights.

    Attributes
    ----------
    first : numpy.ndarray
        Position of the first tap of each result.
    weights : numpy.ndarray
        Of float64; one row for each result.
    group : int
        Number of taps that are processed together, a divisor of the number of taps.
    offset : tuple of int
        Where the window of the first few results begins: negative when it hangs over the border.
    """

    first: Array
    weights: Array
    group: int
    offset: tuple[int, ...]


@functools.lru_cache(maxsize=256)
def taps(n: int, m: int, method: str) -> Taps:
    """The taps from n elements to m by one of the FILTERS; computed in float64, from exact distances.

    The centre of result o is ((2o + 1) n - m) / 2m. Distances are stretched by n / m when an axis shrinks.
    """
    chosen = FILTERS[method]
    centre = (2 * np.arange(m) + 1) * n - m
    reach = 2 * chosen.radius * max(n, m)
    lowest = (centre - reach) // (2 * m) + 1
    highest = -((-centre - reach) // (2 * m)) - 1
    count = int((highest - lowest).max()) + 1
    count = rounded(min(count, n), n)
    group = count if count <= UNROLLED else next(size for size in range(GROUP, 0, -1) if count % size == 0)
    first = np.clip(lowest, 0, n - count)
    distance = np.abs(2 * m * (first[:, None] + np.arange(count)) - centre[:, None]) / (2 * max(n, m))
    weights = np.where(distance < chosen.radius, chosen.weight(distance), 0.0)
    total = weights[:, :1]
    for tap in range(1, count):  # in this order
        total = total + weights[:, tap : tap + 1]
    weights = np.where(np.abs(total) < SMALLEST_TOTAL, 0.0, weights / total)
    return Taps(first, weights, group, tuple(map(int, lowest[: max(_FACTORS)])))


def rounded(count: int, n: int) -> int:
    """A number of taps from ``count`` to n, few different ones for small counts, groups of taps for others."""
    if count <= 1:
        return count
    return min(count + count % 2 if count <= UNROLLED else -(-count // GROUP) * GROUP, n)


@functools.lru_cache(maxsize=256)
def nearest(n: int, m: int) -> Array:
    """The element that each of m results copies: floor((o + 1/2) n / m), computed in float32 with a rounded factor."""
    factor = np.float32(n) * (np.float32(1) / np.float32(m))
    exact: Array = np.floor((np.arange(m, dtype=np.float32) + np.float32(0.5)) * factor)
    return np.minimum(exact.astype(np.int64), n - 1)


class Step(NamedTuple):
    """One call of a kernel, which changes one axis or the last two."""

    kernel: Any
    shape: Shape
    places: Array
    weights: Array


def order_of_axes(shape: Shape, target: Shape) -> list[tuple[int, ...]]:
    """The axes that change, in the order of the steps; the last two may be one step.

    Axes that shrink come first, so that the others have fewer elements to process. Of the last two, rows come first
    unless they grow.
    """
    changed = [axis for axis, (n, m) in enumerate(zip(shape, target)) if n != m]
    last = len(shape) - 1
    trailing = [axis for axis in changed if axis >= last - 1] if last in changed else []
    if len(trailing) == 2 and target[last - 1] > shape[last - 1]:
        trailing.reverse()
    others = sorted((axis for axis in changed if axis not in trailing), key=lambda axis: target[axis] / shape[axis])
    order = [(axis,) for axis in others if target[axis] < shape[axis]]
    order += [tuple(trailing)] if trailing else []  # type: ignore[list-item]
    order += [(axis,) for axis in others if target[axis] > shape[axis]]
    return order  # type: ignore[return-value]


def steps_to(shape: Shape, target: Shape, method: str, dtype: np.dtype[Any]) -> tuple[Step, ...]:
    """The steps from one shape to another of as many axes; none where nothing changes or the result is empty."""
    if 0 in target:
        return ()
    steps = []
    current = list(shape)
    for axes in order_of_axes(shape, target):
        before = tuple(current)
        for axis in axes:
            current[axis] = target[axis]
        steps.append(_step(before, tuple(current), tuple(sorted(axes)), method, dtype))
    return tuple(steps)


def _step(shape: Shape, target: Shape, axes: tuple[int, ...], method: str, dtype: np.dtype[Any]) -> Step:
    from numbafunc.cpu import resize

    last = axes[-1] == len(shape) - 1
    down = axes[0] if len(axes) == 2 or not last else None
    planes = math.prod(shape[: axes[0]])
    rows, new_rows = (1, 1) if down is None else (shape[down], target[down])
    columns, new_columns = (shape[-1], target[-1]) if last else (math.prod(shape[axes[0] + 1 :]),) * 2
    places = np.zeros(resize.HEADER, np.int64)
    places[: resize.PER_TASK] = planes, rows, columns, new_rows, new_columns
    several = planes * (rows * columns + new_rows * new_columns) >= PARALLEL_FROM and threads.parallel_allowed()
    if method == "nearest":
        places[resize.PER_TASK] = max(1, _TASK // max(1, new_columns))
        down_index = np.zeros(1, np.int64) if down is None else nearest(rows, new_rows)
        across_index = nearest(columns, new_columns) if last else np.zeros(0, np.int64)
        kernel = _kernel(
            ("nearest", _copies(columns, new_columns, across_index if last else None), _word(dtype), several)
        )
        return Step(kernel, target, np.concatenate((places, down_index, across_index)), np.zeros(0, np.float32))
    nothing = Taps(np.zeros(1, np.int64), np.zeros((1, 0)), 1, ())
    down_taps = nothing if down is None else taps(rows, new_rows, method)
    across_taps = taps(columns, new_columns, method) if last else nothing
    across = _across(columns, new_columns, across_taps, places) if last else resize.Pass("none")
    extent, size = new_rows, new_rows
    if not last:
        extent, size = columns, min(columns, TILE)
    elif planes < 16:  # too few to share them out
        size = max(8, 2 * _TASK // new_columns)
    bands = max(1, -(-extent // max(1, size)))
    per_task = max(1, _TASK // max(1, new_rows * new_columns)) if bands == 1 else 1
    places[resize.PER_TASK : resize.GROUPS_DOWN] = per_task, bands, size
    for position, made in ((resize.GROUPS_DOWN, down_taps), (resize.GROUPS_ACROSS, across_taps)):
        places[position] = made.weights.shape[1] // made.group
    passes = (_table(down_taps) if down is not None else resize.Pass("none"), across)
    kernel = _kernel((*passes, new_rows < rows, dtype.name, several))
    weights = np.concatenate((down_taps.weights.reshape(-1), across_taps.weights.reshape(-1)))
    compute = np.float64 if dtype.itemsize == 8 else np.float32
    first = (down_taps.first, across_taps.first) if last else (down_taps.first,)
    return Step(kernel, target, np.concatenate((places, *first)), weights.astype(compute))


def _table(made: Taps) -> Any:
    from numbafunc.cpu.resize import Pass

    return Pass("any", made.group, made.weights.shape[1] > made.group)


def _across(n: int, m: int, made: Taps, places: Array) -> Any:
    """The pass along rows; writes to ``places`` where the repeating taps begin and end."""
    from numbafunc.cpu import resize

    count = made.weights.shape[1]
    general = _table(made)
    if general.several:
        return general
    if m % n == 0 and m // n in _FACTORS:
        step = m // n
        offsets = made.offset[:step]
        begin, end = max(0, -min(offsets)), n - count - max(offsets) + 1
        form, inner = "grow", begin * step * count
    elif n % m == 0 and n // m in _FACTORS:
        step = n // m
        offsets = made.offset[:1]
        begin, end = max(0, -(offsets[0] // step)), (n - count - offsets[0]) // step + 1
        form, inner = "shrink", begin * count
    else:
        return general
    if begin >= end:
        return general
    places[resize.BEGIN :] = begin, end, inner
    return resize.Pass(form, count, False, step, offsets)


def _copies(n: int, m: int, index: Array | None) -> Any:
    """The pass that copies the elements of a row."""
    from numbafunc.cpu.resize import Pass

    if index is None:
        return Pass("none")
    if m % n == 0 and m // n in _FACTORS and np.array_equal(index, np.arange(m) // (m // n)):
        return Pass("grow", step=m // n)
    step = n // m
    if n % m == 0 and step in _FACTORS and np.array_equal(index, np.arange(m) * step + index[0]):
        return Pass("shrink", step=step, offsets=(int(index[0]),))
    return Pass("any")


def _word(dtype: np.dtype[Any]) -> str:
    """The type as which elements are copied."""
    return dtype.name if dtype.name in ("float32", "float64") else f"uint{8 * dtype.itemsize}"


_KERNELS = threads.Kernels()


def _kernel(key: tuple[Any, ...]) -> Any:
    kernel = _KERNELS.get(key)
    if kernel is None:
        from numbafunc.cpu import resize

        build = resize.build_nearest if key[0] == "nearest" else resize.build
        arguments = key[1:-1] if key[0] == "nearest" else key[:-1]
        kernel = _KERNELS[key] = build(*arguments, parallel=key[-1])
    return kernel


# Kept steps, by the description of a call.
_STEPS = threads.Kernels(1024)


def resample(x: Array, leading: int, target: Shape, method: str) -> Array:
    """An array with its axes behind the leading ones brought to other lengths."""
    full = x.shape[:leading] + target
    key = (x.shape, full, method, x.dtype)
    steps = _STEPS.get(key)
    if steps is None:
        steps = _STEPS[key] = steps_to(x.shape, full, method, x.dtype)
    if not steps:
        return np.array(x, order="C") if full == x.shape else empty(full, x.dtype)
    if len(steps) > 1 and x.itemsize == 2 and method != "nearest":  # avoids rounding to 16 bits between the steps
        return resample(x.astype(np.float32), leading, target, method).astype(x.dtype)
    word = _word(x.dtype) if method == "nearest" else None
    for step in steps:
        result = empty(step.shape, x.dtype)
        flat, target_words = flat_words(x, 0), flat_words(result, 0)
        if word is not None:
            flat, target_words = flat.view(word), target_words.view(word)
        step.kernel(flat, target_words, step.places, step.weights)
        x = result
    return x


@functools.lru_cache(maxsize=64)
def _taps_back(n: int, m: int, method: str) -> tuple[Array, Array]:
    """For each of n elements the results that it enters, of m, and with which weights: arrays (most results, n)."""
    if method == "nearest":
        sources, weights = nearest(n, m), np.ones(m)
        results = np.arange(m)
    else:
        made = taps(n, m, method)
        count = made.weights.shape[1]
        sources = (made.first[:, None] + np.arange(count)).reshape(-1)
        weights = made.weights.reshape(-1)
        results = np.repeat(np.arange(m), count)
    order = np.argsort(sources, kind="stable")
    sources, weights, results = sources[order], weights[order], results[order]
    number = np.arange(len(sources)) - np.searchsorted(sources, sources)
    table = (int(number.max(initial=0)) + 1, n)
    entered, shares = np.zeros(table, np.int64), np.zeros(table)
    entered[number, sources] = results
    shares[number, sources] = weights
    return entered, shares


def resample_transpose(cotangent: Array, leading: int, shape: Shape, target: Shape, method: str) -> Array:
    """The transpose of :func:`resample`: each element gets the weighted sum of the results that it enters."""
    if not math.prod(shape):
        return np.zeros((*cotangent.shape[:leading], *shape), cotangent.dtype)
    compute = np.float32 if cotangent.dtype.itemsize == 2 else cotangent.dtype
    x = cotangent.astype(compute)
    for number, (n, m) in enumerate(zip(shape, target)):
        if n == m:
            continue
        axis = leading + number
        if n == 0 or m == 0:
            x = np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype)
            continue
        entered, shares = _taps_back(n, m, method)
        behind = (1,) * (len(shape) - number - 1)
        total = np.take(x, entered[0], axis) * shares[0].astype(compute).reshape((n, *behind))
        for results, share in zip(entered[1:], shares[1:]):
            total += np.take(x, results, axis) * share.astype(compute).reshape((n, *behind))
        x = total
    return x.astype(cotangent.dtype)


__all__ = ["FILTERS", "Step", "Taps", "nearest", "order_of_axes", "resample", "resample_transpose", "steps_to", "taps"]
