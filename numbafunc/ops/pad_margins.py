"""Padding whose margins are computed: ramps, statistics of the array near its edges, and odd reflections.

Axes are padded one after the other, so a margin of a later axis is computed from those of the earlier ones. Only the
margins are computed here; the array itself is moved by :mod:`numbafunc.ops.pad_index`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from numbafunc.dual.array import Components, assemble, components
from numbafunc.dual.dtypes import is_float, is_inexact
from numbafunc.dual.recorder import Recorder
from numbafunc.ops.pad_index import Widths, padded

Array = Any  # numpy.ndarray or Dual
NDArray = np.ndarray[Any, Any]
Lengths = tuple[tuple[int, int], ...] | None  # elements before and after each axis that a statistic is taken of


def _steps(widths: Widths, shape: tuple[int, ...]) -> Iterator[tuple[int, Callable[[int | None, int | None], Any]]]:
    """The padded axes in order; for each a function that gives the index, in the result, of a range of its places.

    There are none where the result has no elements. The index takes all of the earlier axes, margins included, and of
    the later ones the elements of the array.
    """
    if not all(before + length + after for (before, after), length in zip(widths, shape)):
        return
    inner = [slice(before, before + length) for (before, _), length in zip(widths, shape)]
    for axis, width in enumerate(widths):
        if any(width):
            later = inner[axis + 1 :]

            def index(first: int | None, last: int | None, axis: int = axis, later: Any = later) -> Any:
                return (..., *(slice(None),) * axis, slice(first, last), *later)

            yield axis, index


def ramp(arrays: tuple[NDArray, NDArray], leading: int, widths: Widths) -> NDArray:
    """The array padded by equal steps from the end values, outermost, to the edges."""
    array, ends = arrays
    shape = array.shape[leading:]
    result = padded(array, leading, widths, "constant")
    for axis, index in _steps(widths, shape):
        before, after = widths[axis]
        stop = before + shape[axis]
        behind = (1,) * (len(shape) - axis - 1)
        for side, (count, edge) in enumerate(((before, index(before, before + 1)), (after, index(stop - 1, stop)))):
            if not count:
                continue
            end = ends[(..., axis, side)].reshape((*ends.shape[:leading], *(1,) * len(shape)))
            steps = np.arange(count).reshape((count, *behind))
            if side:
                steps = steps[::-1]
            place = index(0, before) if side == 0 else index(stop, None)
            result[place] = _between(end, result[edge], steps, count)
    return result  # type: ignore[no-any-return]


def _between(end: NDArray, edge: NDArray, step: NDArray, count: int) -> NDArray:
    """The points of a ramp, ``step`` of ``count`` steps from its end towards the edge; integers are rounded down."""
    dtype = edge.dtype
    if is_float(dtype):
        first, last = end.astype(np.float64), edge.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            points: Any = between(first, last, step / count)
            if type(points) is Recorder:
                return points.astype(dtype)  # type: ignore[return-value]
            # From an end at infinity, infinite steps towards the edge reach no defined point.
            return np.where(np.isfinite(first), points, np.nan).astype(dtype)
    if dtype.kind == "b":
        return np.logical_or(end, np.logical_and(edge, step > 0))
    wide = np.uint64 if dtype == np.uint64 else np.int64
    points = between_integers(*(part.astype(wide) for part in (end, edge, step, count - step)))
    return points.astype(dtype)  # type: ignore[no-any-return]


def between(end: Any, edge: Any, share: Any) -> Any:
    """The point at a share of the way from the end of a ramp to the edge."""
    return end * (1 - share) + edge * share


def between_integers(end: Any, edge: Any, taken: Any, left: Any) -> Any:
    """As :func:`between` for integers of one width, rounded down, given the numbers of steps taken and left."""
    count = taken + left
    # Quotients and remainders separately, so that no product overflows.
    rest = (end % count * left + edge % count * taken) // count
    return end // count * left + edge // count * taken + rest


def odd(array: NDArray, leading: int, widths: Widths, repeat_edge: bool) -> NDArray:
    """Reflections about the point at the edge: twice the edge, less what lies inside; continued outwards."""
    shape = array.shape[leading:]
    work = array.astype(np.int64) if array.dtype.kind == "b" else array
    result = padded(work, leading, widths, "constant")
    for axis, index in _steps(widths, shape):
        length = shape[axis]
        skipped = 0 if repeat_edge or length == 1 else 1
        first, last = widths[axis][0], widths[axis][0] + length
        while first > 0:
            count = min(first, length - skipped)
            inside = result[index(first + skipped, first + skipped + count)]
            result[index(first - count, first)] = _mirrored(inside, result[index(first, first + 1)], leading + axis)
            first -= count
        total = result.shape[leading + axis]
        while last < total:
            count = min(total - last, length - skipped)
            inside = result[index(last - skipped - count, last - skipped)]
            result[index(last, last + count)] = _mirrored(inside, result[index(last - 1, last)], leading + axis)
            last += count
    return result.astype(array.dtype) if work is not array else result  # type: ignore[no-any-return]


def mirrored(edge: Any, inside: Any) -> Any:
    """Odd reflection of an element about the edge: as far beyond it as the element lies inside."""
    return (edge + edge) - inside


def _mirrored(inside: NDArray, edge: NDArray, axis: int) -> NDArray:
    inside, dtype = np.flip(inside, axis), inside.dtype
    if dtype.itemsize == 2 and is_float(dtype):
        return mirrored(edge.astype(np.float32), inside.astype(np.float32)).astype(dtype)  # type: ignore[no-any-return]
    return mirrored(edge, inside)  # type: ignore[no-any-return]


# A statistic is a function of the values along an axis. It returns the statistic and a function that takes it of a
# tangent; elements are chosen by their values, once.

Taken = Callable[[NDArray], NDArray]
Statistic = Callable[[NDArray, int], tuple[NDArray, Taken]]


def statistical(array: Array, widths: Widths, lengths: Lengths, statistic: Statistic) -> Array:
    """The array with margins that repeat a statistic of the elements near the edge, or of all along the axis."""
    parts = components(array)
    shape = parts[()].shape
    grown: Components = {levels: padded(part, len(levels), widths, "constant") for levels, part in parts.items()}
    value = grown[()]
    for axis, index in _steps(widths, shape):
        before, after = widths[axis]
        stop = before + shape[axis]
        near = (shape[axis], shape[axis]) if lengths is None else tuple(min(n, shape[axis]) for n in lengths[axis])
        sides = {(before, before + near[0]): [index(0, before)] if before else []}
        sides.setdefault((stop - near[1], stop), []).extend([index(stop, None)] if after else [])
        for region, places in sides.items():
            if places:
                found, taken = statistic(value[index(*region)], axis - len(shape))
                for levels, part in grown.items():
                    margin = taken(part[index(*region)]) if levels else found
                    for place in places:
                        part[place] = margin
    return assemble(grown)


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which floating or complex numbers are added up."""
    return np.dtype(np.complex128 if dtype.kind == "c" else np.float64)


def _mean(values: NDArray, axis: int) -> tuple[NDArray, Taken]:
    def taken(part: NDArray) -> NDArray:
        with np.errstate(invalid="ignore", over="ignore"):
            total = np.add.reduce(part, axis=axis, dtype=_wide(part.dtype), keepdims=True)
            return (total / part.shape[axis]).astype(part.dtype)  # type: ignore[no-any-return]

    if is_inexact(values.dtype):
        found = taken(values)
        if not np.isfinite(found).all():
            # The sum may overflow where the mean does not.
            with np.errstate(invalid="ignore", over="ignore"):
                again = np.add.reduce(values / values.shape[axis], axis=axis, keepdims=True, dtype=_wide(values.dtype))
                found = np.where(np.isfinite(found), found, again.astype(found.dtype))
        return found, taken
    if values.dtype.kind == "b":
        return np.any(values, axis=axis, keepdims=True), taken
    return _integer_mean(values, axis), taken


def _integer_mean(values: NDArray, axis: int) -> NDArray:
    """The exact mean, rounded half to even."""
    wide = values.astype(np.uint64 if values.dtype == np.uint64 else np.int64)
    count = values.shape[axis]
    # Sums of the halves of words, since sums of whole words can overflow.
    high, low = ((wide >> 32).astype(np.int64), (wide & 0xFFFFFFFF).astype(np.int64))
    high, low = (part.sum(axis=axis, keepdims=True) for part in (high, low))
    return integer_mean(high, low, count).astype(values.dtype)  # type: ignore[no-any-return]


def integer_mean(high: Any, low: Any, count: Any) -> Any:
    """The mean of ``count`` integers, rounded half to even, given the sums of their halves of 32 bits."""
    whole = high // count
    total = (high % count << 32) + low
    part = total // count
    twice = 2 * (total % count)
    return (whole << 32) + part + ((twice > count) | ((twice == count) & (part & 1 == 1)))


def _extreme(best: Callable[..., Any]) -> Statistic:
    def statistic(values: NDArray, axis: int) -> tuple[NDArray, Taken]:
        with np.errstate(invalid="ignore"):  # bfloat16 warns of NaN
            found = best(values, axis=axis, keepdims=True)
        tied = values == found
        if is_inexact(values.dtype):
            tied |= np.isnan(values)  # the result is NaN if an element is, and equals none of them
            zero = found == 0
            if zero.any() and is_float(
                values.dtype
            ):  # NumPy's result has the sign of any of them; here +0 is larger than -0
                negative = np.signbit(values)
                minus = (
                    np.all(negative | ~tied, axis, keepdims=True)
                    if best is np.max
                    else np.any(negative & tied, axis, keepdims=True)
                )
                found = np.where(zero, np.where(minus, -0.0, 0.0).astype(values.dtype), found)
        count = np.count_nonzero(tied, axis=axis, keepdims=True)

        def taken(part: NDArray) -> NDArray:
            chosen = np.where(tied, part, part.dtype.type(0))
            return (chosen.sum(axis=axis, keepdims=True, dtype=_wide(part.dtype)) / count).astype(part.dtype)  # type: ignore[no-any-return]

        return found, taken

    return statistic


def _median(values: NDArray, axis: int) -> tuple[NDArray, Taken]:
    keys = values.astype(np.float32) if values.dtype.kind == "V" else values
    order = np.argsort(keys, axis=axis, kind="stable")
    count = values.shape[axis]
    low, high, last = (np.take(order, [place], axis) for place in ((count - 1) // 2, count // 2, count - 1))
    if keys.dtype.kind in "fc":  # NaN comes last
        undefined = np.isnan(np.take_along_axis(keys, last, axis))
        low, high = np.where(undefined, last, low), np.where(undefined, last, high)

    def taken(part: NDArray) -> NDArray:
        directions = part.shape[: part.ndim - values.ndim]
        return _middle(*(np.take_along_axis(part, np.broadcast_to(i, directions + i.shape), axis) for i in (low, high)))

    return taken(values), taken


def _middle(a: NDArray, b: NDArray) -> NDArray:
    """Halfway between two numbers; integers are rounded half to even, and bool is true where either is."""
    if is_inexact(a.dtype):
        wide = _wide(a.dtype)
        halves: Any = a.astype(wide) * 0.5 + b.astype(wide) * 0.5
        if type(halves) is Recorder:
            return halves.astype(a.dtype)  # type: ignore[return-value]
        return np.where(a == b, a, halves.astype(a.dtype))
    if a.dtype.kind == "b":
        return a | b
    return middle_of_integers(a, b, a.dtype.type(1))  # type: ignore[no-any-return]


def middle_of_integers(a: Any, b: Any, one: Any) -> Any:
    """Halfway between two integers, rounded half to even; ``one`` is of their dtype."""
    down = (a & b) + ((a ^ b) >> one)
    return down + ((a ^ b) & down & one)


STATISTICS: dict[str, Statistic] = {
    "maximum": _extreme(np.max),
    "mean": _mean,
    "median": _median,
    "minimum": _extreme(np.min),
}
