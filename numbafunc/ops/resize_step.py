"""One step of resizing: the call of a kernel that gives one axis, or the last two, another length."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from numbafunc.cpu import kernels, resize_pass, threads

Shape = tuple[int, ...]
Array = np.ndarray[Any, Any]

# From this many elements of operand and result on, several threads pay.
PARALLEL_FROM = 1 << 14

# Results per task: fewer are not worth one.
TASK = 1 << 15

# Columns that a thread processes together when it goes down an axis; their rows stay in the first-level cache.
TILE = 1024

# Most taps whose code is unrolled as a whole, and the size of groups of more taps.
UNROLLED, GROUP = 12, 8

# Whole factors with loops of their own, in which the taps are constant.
FACTORS = (2, 3, 4)


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


class Step(NamedTuple):
    """One call of a kernel, which changes one axis or the last two."""

    kernel: Any
    shape: Shape
    places: Array
    weights: Array


def group_of(count: int) -> int:
    """The number of taps that are processed together, of so many."""
    return count if count <= UNROLLED else next(size for size in range(GROUP, 0, -1) if count % size == 0)


def lengths_of_step(shape: Shape, target: Shape, axes: tuple[int, ...]) -> Array:
    """The lengths of a step that changes one axis or the last two, at the head of its table of places."""
    last = axes[-1] == len(shape) - 1
    down = axes[0] if len(axes) == 2 or not last else None
    planes = math.prod(shape[: axes[0]])
    rows, new_rows = (1, 1) if down is None else (shape[down], target[down])
    columns, new_columns = (shape[-1], target[-1]) if last else (math.prod(shape[axes[0] + 1 :]),) * 2
    places = np.zeros(resize_pass.HEADER, np.int64)
    places[: resize_pass.PER_TASK] = planes, rows, columns, new_rows, new_columns
    return places


def is_large(places: Array) -> bool:
    """Whether several threads take a step with these lengths."""
    planes, rows, columns, new_rows, new_columns = places[: resize_pass.PER_TASK].tolist()
    return planes * (rows * columns + new_rows * new_columns) >= PARALLEL_FROM and threads.parallel_allowed()


_NOTHING = Taps(np.zeros(1, np.int64), np.zeros((1, 0)), 1, ())


def weighted_step(
    target: Shape, places: Array, down_taps: Taps | None, across_taps: Taps | None, across: Any, shrinks: bool,
    dtype: np.dtype[Any],
) -> Step:  # fmt: skip
    """The step with given taps, None where an axis stays; the pass across is of the general form if it is None."""
    planes, _, columns, new_rows, new_columns = places[: resize_pass.PER_TASK].tolist()
    extent, size = new_rows, new_rows
    if across_taps is None:
        extent, size = columns, min(columns, TILE)
    elif planes < 16:  # too few to share them out
        size = max(8, 2 * TASK // new_columns)
    bands = max(1, -(-extent // max(1, size)))
    per_task = max(1, TASK // max(1, new_rows * new_columns)) if bands == 1 else 1
    places[resize_pass.PER_TASK : resize_pass.GROUPS_DOWN] = per_task, bands, size
    made = (down_taps or _NOTHING, across_taps or _NOTHING)
    for position, of_axis in zip((resize_pass.GROUPS_DOWN, resize_pass.GROUPS_ACROSS), made):
        places[position] = of_axis.weights.shape[1] // of_axis.group
    none = resize_pass.Pass("none")
    passes = (
        none if down_taps is None else general_pass(down_taps),
        across or (none if across_taps is None else general_pass(across_taps)),
    )
    kernel = kernel_of((*passes, shrinks, dtype.name, is_large(places)))
    compute = np.float64 if dtype.itemsize == 8 else np.float32
    parts = [of_axis.weights.reshape(-1) for of_axis in made if of_axis.weights.size]
    weights = parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0), *parts])
    first = [of_axis.first for of_axis in (made if across_taps is not None else made[:1])]
    return Step(kernel, target, np.concatenate((places, *first)), weights.astype(compute, copy=False))


def general_pass(made: Taps) -> Any:
    """The pass that looks up the taps of each result."""
    return resize_pass.Pass("any", made.group, made.weights.shape[1] > made.group)


_KERNELS = threads.Kernels()


def kernel_of(key: tuple[Any, ...]) -> Any:
    """The kernel of passes, made at its first call."""
    kernel = _KERNELS.get(key)
    if kernel is None:
        build = kernels.resize_nearest if key[0] == "nearest" else kernels.resize
        arguments = key[1:-1] if key[0] == "nearest" else key[:-1]
        kernel = _KERNELS[key] = build(*arguments, parallel=key[-1])
    return kernel


__all__ = [
    "FACTORS",
    "GROUP",
    "TASK",
    "TILE",
    "UNROLLED",
    "Step",
    "Taps",
    "general_pass",
    "group_of",
    "is_large",
    "kernel_of",
    "lengths_of_step",
    "weighted_step",
]
