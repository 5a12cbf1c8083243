"""The transpose of average pooling, for reverse mode."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.cpu import threads
from numbafunc.cpu.memory import flat_words
from numbafunc.ops.pool_windows import Windows, reach_of
from numbafunc.ops.resize_step import Step, Taps, group_of, lengths_of_step, weighted_step
from numbafunc.ops.resize_taps import rounded
from numbafunc.ops.resize_transpose import repeating_pass
from numbafunc.result_memory import empty_result

# Elements from which on a kernel is worth compiling, and most numbers of the table of an axis.
_KERNEL_FROM, _LARGEST = 1 << 12, 1 << 20


def average_transpose(
    array: np.ndarray[Any, Any], leading: int, shape: tuple[int, ...], windows: Windows
) -> np.ndarray[Any, Any]:
    """Each element of an image gets its share of all windows that it lies in."""
    dtype = array.dtype
    if dtype.itemsize == 2:  # whose numbers end below those of elements in a window
        array = array.astype(np.float32)
    full = (*array.shape[:leading], *shape)
    step = _step(array.shape, full, windows, array.dtype) if math.prod(full) >= _KERNEL_FROM else None
    if step is None:
        return _by_axes(array, shape, windows).astype(dtype, copy=False)
    result = empty_result(full, array.dtype)
    step.kernel.run(flat_words(array, 0), result.reshape(-1), step.places, step.weights)
    return result.astype(dtype, copy=False)


def prepared_transpose(
    array: np.ndarray[Any, Any], leading: int, shape: tuple[int, ...], windows: Windows
) -> Callable[[Any], Any] | None:
    """What :func:`average_transpose` does to small arrays like this one; None but for windows that fill the image."""
    full = (*array.shape[:leading], *shape)
    high, wide = windows.size
    filled = (array.shape[-2] * high, array.shape[-1] * wide) == full[-2:]
    plain = windows == Windows(windows.size, windows.size, ((0, 0), (0, 0))) and array.dtype.char in "fd"
    if not (filled and plain and 0 < math.prod(full) < _KERNEL_FROM):
        return None
    dtype, count = array.dtype, array.dtype.type(high * wide)
    blocks = (*full[:-2], array.shape[-2], high, array.shape[-1], wide)
    part = (*array.shape[:-1], 1, array.shape[-1], 1)

    def back(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        share = array / count
        share += 0  # each element is a sum that begins with zero
        result = np.empty(full, dtype)
        result.reshape(blocks)[...] = share.reshape(part)
        return result

    return back


_STEPS = threads.Kernels(256, 1 << 26)


def _step(shape: tuple[int, ...], target: tuple[int, ...], windows: Windows, dtype: np.dtype[Any]) -> Step | None:
    """The call of the kernel of resampling for which windows are taps of elements; None where its table is too large.

    The kernel is that of a sum along columns, and then along rows.
    """
    key = (shape, target, windows, dtype)
    if key in _STEPS:
        known: Step | None = _STEPS[key]
        return known
    found = None
    tables = [_hull(*axis) for axis in zip(target[-2:], windows.size, windows.strides, windows.dilation)]
    if 0 not in shape and max(tables) <= _LARGEST:
        down, across = (_taps(target[-2:], shape[-2:], windows, target, number) for number in range(2))
        axes = (len(shape) - 2, len(shape) - 1)
        places = lengths_of_step(shape, target, axes)
        form = repeating_pass(across, shape[-1], target[-1], places)
        rows_first = target[-2] < shape[-2] or down.group < down.weights.shape[1]
        found = weighted_step(target, places, down, across, form, rows_first, dtype)
    _STEPS[key] = found
    return found


def _hull(length: int, size: int, step: int, gap: int) -> int:
    """Numbers in the table of an axis."""
    return length * (reach_of(size, gap) // step + 2)


def _taps(
    lengths: tuple[int, ...], counts: tuple[int, ...], windows: Windows, shape: tuple[int, ...], number: int
) -> Taps:
    """For each place of an axis the first of the windows that it lies in, and its share of these."""
    length, count = lengths[number], counts[number]
    size, step, gap = windows.size[number], windows.strides[number], windows.dilation[number]
    reach = reach_of(size, gap)
    place = np.arange(length) + windows.padding[number][0]
    first = np.maximum(-((reach - 1 - place) // step), 0)  # rounded up
    last = np.minimum(place // step, count - 1)
    taps = rounded(max(1, int((last - first).max()) + 1), count)
    begin = np.clip(first, 0, count - taps)
    window = begin[:, None] + np.arange(taps)
    within = place[:, None] - window * step
    there = (within >= 0) & (within < reach) & (within % gap == 0)
    of_windows = windows.counts(shape)
    if of_windows is None:
        share: Any = 1 / math.prod(windows.size) if number == 0 else 1.0
    else:
        share = 1 / (of_windows[: counts[0]] if number == 0 else of_windows[counts[0] :])[window]
    return Taps(begin, np.where(there, share, 0.0), group_of(taps), ())


def _by_axes(array: np.ndarray[Any, Any], shape: tuple[int, ...], windows: Windows) -> np.ndarray[Any, Any]:
    """The transpose by NumPy's functions: first along columns, then along rows."""
    (high, wide), (down, across), gaps = windows.size, windows.strides, windows.dilation
    counts = windows.counts(shape)
    if counts is None:
        part = array / array.dtype.type(high * wide)
    else:
        new_rows = array.shape[-2]
        part = array / (counts[:new_rows, None] * counts[new_rows:]).astype(array.dtype)
    part = np.swapaxes(_spread(part, wide, across, gaps[1], shape[-1], windows.padding[1][0]), -1, -2)
    return np.swapaxes(_spread(part, high, down, gaps[0], shape[-2], windows.padding[0][0]), -1, -2)


def _spread(
    array: np.ndarray[Any, Any], size: int, step: int, gap: int, length: int, before: int
) -> np.ndarray[Any, Any]:
    """The last axis, of windows, spread over an axis of a length with padding before it."""
    count = array.shape[-1]
    extent = max(before + length, (count - 1) * step + reach_of(size, gap), 0)
    whole = np.zeros((*array.shape[:-1], extent), array.dtype)
    for place in range(0, size * gap if count else 0, gap):
        whole[..., place : place + (count - 1) * step + 1 : step] += array
    if before < 0:
        whole = np.concatenate([np.zeros((*array.shape[:-1], -before), array.dtype), whole], -1)
        before = 0
    return whole[..., before : before + length]


__all__ = ["average_transpose", "prepared_transpose"]
