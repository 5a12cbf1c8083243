"""Padding in which each element of the margin is a constant or an element of the array: one pass writes the result."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import add

from numbafunc.bounded import Bounded
from numbafunc.cpu import kernels, threads
from numbafunc.cpu.memory import WORDS, flat_words
from numbafunc.dual.recorder import Recorder
from numbafunc.kinds.copy import MANY, PARALLEL_FROM, contiguous
from numbafunc.kinds.linear import by_parts
from numbafunc.result_memory import empty_result

Widths = tuple[tuple[int, int], ...]  # before and after each axis
Places = Any  # array of indices of an axis, which may lie outside of it

# Most entries of a table that is worth keeping, and of a margin that is better described column by column.
LARGEST_TABLE, LARGEST_MARGIN = 1 << 16, 1 << 12


def _edge(place: Places, length: int) -> Places:
    return np.minimum(np.maximum(place, 0), length - 1)


def _reflect(place: Places, length: int) -> Places:
    period = max(1, 2 * (length - 1))
    place = place % period
    return np.minimum(place, period - place) if length > 1 else place


def _symmetric(place: Places, length: int) -> Places:
    place = place % (2 * length)
    return np.minimum(place, 2 * length - 1 - place)


def _wrap(place: Places, length: int) -> Places:
    return np.remainder(place, length)


# For each mode, the index in an axis of the element that a place outside of it takes.
MAPS: dict[str, Callable[[Places, int], Places]] = {
    "edge": _edge,
    "reflect": _reflect,
    "symmetric": _symmetric,
    "wrap": _wrap,
}


class Padding:
    """The tables that lead from an array of a shape to the padded one.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.
    widths : tuple of pairs
        What is added before and after each axis.
    mode : str
        A name among the maps, or "constant".
    """

    def __init__(self, shape: tuple[int, ...], widths: Widths, mode: str) -> None:
        self.constant = mode == "constant"
        self.shape = tuple(before + length + after for length, (before, after) in zip(shape, widths))
        sources = [_Axis(length, *width, axis) for axis, (length, width) in enumerate(zip(shape, widths))]
        axes = _joined(sources)
        *outside, last = axes
        entries = [axis.entries(mode) for axis in outside]
        strides = [math.prod(axis.length for axis in axes[position + 1 :]) for position in range(len(axes))]
        planes, rows = tables_of(entries, strides)
        margins = last.entries(mode, inside=False)
        self.entries = len(planes) + len(rows) + len(margins)
        header = [len(planes), len(rows), last.before, last.length, last.after]
        self.plan = np.concatenate((np.array(header, np.int64), planes, rows, margins))

    def kernel(self, itemsize: int) -> Any:
        """The kernel for elements of a size."""
        parallel = math.prod(self.shape) * itemsize >= PARALLEL_FROM and threads.parallel_allowed()
        return kernels.pad(WORDS[itemsize].name, constant=self.constant, parallel=parallel)


class _Axis:
    """An axis with its margins; ``run`` elements behind it are moved together."""

    def __init__(self, length: int, before: int, after: int, number: int, run: int = 1) -> None:
        self.length, self.before, self.after, self.number, self.run = length, before, after, number, run

    @property
    def padded(self) -> bool:
        return bool(self.before or self.after)

    def entries(self, mode: str, *, inside: bool = True) -> np.ndarray[Any, Any]:
        """Entry of each index of the result, or of the margins alone."""
        before, length, after = (n // self.run for n in (self.before, self.length, self.after))
        place = np.concatenate((np.arange(-before, length if inside else 0), np.arange(length, length + after)))
        if mode == "constant":
            result = np.where(place < 0, -1 - 2 * self.number, np.where(place < length, place, -2 - 2 * self.number))
        else:
            result = MAPS[mode](place, length) if self.padded else place
        if self.run == 1:
            return result
        within = np.where(result[:, None] < 0, result[:, None], result[:, None] * self.run + np.arange(self.run))
        return within.reshape(-1)


def _joined(axes: list[_Axis]) -> list[_Axis]:
    """Axes that are not padded, joined with those before them where that makes rows longer."""
    joined: list[_Axis] = []
    for axis in axes:
        if joined and not axis.padded and not joined[-1].padded:
            joined[-1] = _Axis(joined[-1].length * axis.length, 0, 0, axis.number)
        else:
            joined.append(axis)
    if len(joined) > 1 and not joined[-1].padded:
        row, run = joined[-2], joined[-1].length
        if run and (row.before + row.after) * run <= LARGEST_MARGIN:
            joined[-2:] = [_Axis(row.length * run, row.before * run, row.after * run, row.number, run)]
    return joined


def tables_of(
    entries: list[np.ndarray[Any, Any]], strides: list[int]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The tables for planes and for rows, given the entries of all axes but the last and the strides of the axes."""
    planes, rows = np.zeros(1, np.int64), np.zeros(1, np.int64)
    for entry, stride in zip(entries[:-1], strides):
        planes = _combined(planes, entry, stride)
    if entries:
        rows = _combined(rows, entries[-1], strides[len(entries) - 1])
    return planes, rows


def _combined(outer: np.ndarray[Any, Any], inner: np.ndarray[Any, Any], stride: int) -> np.ndarray[Any, Any]:
    """The entries of two axes together; a constant of the inner one takes precedence over one of the outer."""
    first, second = outer[:, None], inner[None, :]
    both = np.where(first < 0, first, first + second * stride)
    return np.where(second < 0, second, both).reshape(-1)


_PREPARED = threads.Kernels(512)


def prepare(shape: tuple[int, ...], widths: Widths, mode: str, itemsize: int) -> tuple[Padding, Any]:
    """The tables for arrays of a shape, and the kernel for elements of a size."""
    key = (shape, widths, mode, itemsize)
    known = _PREPARED.get(key)
    if known is None:
        padding = Padding(shape, widths, mode)
        known = (padding, padding.kernel(itemsize))
        if padding.entries <= LARGEST_TABLE:
            _PREPARED[key] = known
    return known


def padded(array: Any, leading: int, widths: Widths, mode: str, constants: np.ndarray[Any, Any] | None = None) -> Any:
    """The array padded behind its directions.

    ``constants`` has the directions in front too, then a value before and one after each axis, in the array's dtype.
    """
    if type(array) is Recorder:
        return _recorded(array, leading, widths, mode, constants)
    if array.dtype.kind == "c":
        if constants is None:
            return by_parts(padded, array, leading, widths, mode)
        joint = (array, constants)
        return by_parts(lambda pair, leading: padded(pair[0], leading, widths, mode, pair[1]), joint, leading)
    directions, shape = array.shape[:leading], array.shape[leading:]
    if not shape:
        return array.copy()
    wide = tuple(before + length + after for length, (before, after) in zip(shape, widths))
    result = empty_result((*directions, *wide), array.dtype)
    if not result.size:
        return result
    padding, kernel = prepare(shape, widths, mode, array.itemsize)
    if constants is None:
        constants = np.zeros((*directions, len(shape), 2), array.dtype)
    if not array.flags.c_contiguous:
        array = contiguous(array)
    count = math.prod(directions)
    sources, values, results = (
        flat_words(part, 0).view(WORDS[array.itemsize]).reshape(count, -1) for part in (array, constants, result)
    )
    for direction in range(count):
        kernel.run(sources[direction], values[direction], results[direction], padding.plan)
    return result


def padded_transpose(cotangent: Any, leading: int, shape: tuple[int, ...], widths: Widths, mode: str) -> Any:
    """The transpose of :func:`padded`: each element gets the sum of its copies, axis by axis."""
    if not math.prod(shape):
        return np.zeros((*cotangent.shape[:leading], *shape), cotangent.dtype)
    return _summing(leading, shape, widths, mode)(cotangent)


def prepared_back(
    cotangent: Any, leading: int, shape: tuple[int, ...], widths: Widths, mode: str
) -> Callable[[Any], Any] | None:
    """What :func:`padded_transpose` does to small arrays like this one."""
    small = math.prod(shape) and cotangent.size < MANY and cotangent.dtype.kind == "f"
    return _summing(leading, shape, widths, mode) if small else None


_SUMMING = Bounded(512)


def _summing(leading: int, shape: tuple[int, ...], widths: Widths, mode: str) -> Callable[[Any], Any]:
    """The function that gives a new array with the padded axes as they were, behind directions."""
    key = (leading, shape, widths, mode)
    found: Callable[[Any], Any] | None = _SUMMING.get(key)
    if found is None:
        found = _new_summing(*key)
        if max(map(max, widths), default=0) <= LARGEST_MARGIN:
            _SUMMING[key] = found
    return found


def _new_summing(leading: int, shape: tuple[int, ...], widths: Widths, mode: str) -> Callable[[Any], Any]:
    total: Callable[[Any], Any] = _copied
    for number, (before, after) in enumerate(widths):
        if (before, after) != (0, 0):
            total = _summing_along(total, (slice(None),) * (leading + number), shape[number], before, after, mode)
    return total


def _copied(x: Any) -> Any:
    return contiguous(x) if x.size >= MANY or x.dtype.kind == "c" else x.copy(order="C")


def _summing_along(
    others: Callable[[Any], Any], along: tuple[slice, ...], length: int, before: int, after: int, mode: str
) -> Callable[[Any], Any]:
    """The function that sums the margins of an axis too, given that for the axes before it.

    The margins are summed along the others first, so that nothing large is copied twice.
    """
    middle = (*along, slice(before, before + length))
    if mode == "constant":
        return lambda x: others(x[middle])
    places = np.concatenate((np.arange(-before, 0), np.arange(length, length + after)))
    axis, outside = len(along), before + places
    # With an ellipsis the parts are views even of an array with one axis.
    pairs = [
        ((*along, source, ...), (*along, place)) for place, source in enumerate(MAPS[mode](places, length).tolist())
    ]

    def total(x: Any) -> Any:
        result, margins = others(x[middle]), others(x.take(outside, axis))
        for source, place in pairs:
            part = result[source]
            add(part, margins[place], part)
        return result

    return total


def _recorded(x: Any, leading: int, widths: Widths, mode: str, constants: Any) -> Any:
    """The same for a recorded tangent, axis by axis, where constants have tangents too."""
    directions, ndim = x.shape[:leading], x.ndim - leading
    for number, (before, after) in enumerate(widths):
        axis = leading + number
        if not before and not after:
            continue
        margins = []
        for side, count in enumerate((before, after)):
            if mode != "constant":
                places = np.arange(count) + (x.shape[axis] if side else -before)
                margins.append(np.take(x, MAPS[mode](places, x.shape[axis]), axis))
                continue
            shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
            if type(constants) is Recorder:
                value: Any = constants[..., number, side].reshape((*directions, *(1,) * ndim))
                margins.append(np.broadcast_to(value, shape))
            else:
                margins.append(np.zeros(shape, x.dtype))
        x = np.concatenate([margins[0], x, margins[1]], axis)
    return x
