"""How the axes of several arrays are gone through together: in which order, and as few of them as possible."""

from __future__ import annotations

from collections.abc import Sequence

from numbafunc_cuda.arrays import Shape, contiguous


def memory_order(arrays: Sequence[tuple[Shape, Shape]], shape: Shape) -> Shape:
    """The permutation of axes under which the first array of full size is laid out by descending strides.

    Arrays are given as their shapes and strides.
    """
    for own, strides in arrays:
        if own == shape and len(shape) > 1:
            return tuple(sorted(range(len(shape)), key=lambda axis: (-abs(strides[axis]), axis)))
    return tuple(range(len(shape)))


def broadcast_strides(own: Shape, strides: Shape, shape: Shape) -> Shape:
    """Strides of an array broadcast to a shape."""
    missing = len(shape) - len(own)
    return (0,) * missing + tuple(
        0 if length == 1 and wanted != 1 else stride for length, stride, wanted in zip(own, strides, shape[missing:])
    )


def merged(shape: Shape, arrays: Sequence[Shape]) -> tuple[Shape, list[Shape]]:
    """The same elements in the same order with fewer axes: shape, and strides of each array.

    Axes of length 1 go; neighbours become one where every array can step through both with one stride.
    """
    lengths: list[int] = []
    strides: list[list[int]] = [[] for _ in arrays]
    for axis, length in enumerate(shape):
        if length == 1:
            continue
        steps = [array[axis] for array in arrays]
        if lengths and all(have[-1] == step * length for have, step in zip(strides, steps)):
            lengths[-1] *= length
            for have, step in zip(strides, steps):
                have[-1] = step
        else:
            lengths.append(length)
            for have, step in zip(strides, steps):
                have.append(step)
    return tuple(lengths), [tuple(have) for have in strides]


def span_of(shape: Shape, strides: Shape) -> str:
    """How an array is gone through: see :class:`numbafunc_cuda.load_store.Slot`."""
    if not any(strides):
        return "once"
    return "element" if strides == contiguous(shape) else "strided"
