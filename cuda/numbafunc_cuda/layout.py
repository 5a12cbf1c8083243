"""Operands of kernels: which arguments hold which coefficients, and the order of axes, joined where possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numba.core import types

from numbafunc.numbers.keys import Key

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Slot:
    """An argument of a kernel that belongs to an operand.

    Attributes
    ----------
    key : Key
        The coefficient that it holds, see :mod:`numbafunc.numbers.number`.
    span : str
        "element" where there is one for each element of the result, in the same order; "strided" where its place is
        computed from strides; "once" where there is one for all; "number" where it comes as a number, not an address.
    """

    key: Key
    span: str


@dataclass(frozen=True)
class StoredOperand:
    """Storage of an operand of a kernel, like :class:`numbafunc.cpu.load_store.StoredOperand`."""

    storage: str
    compute: str | None
    slots: tuple[Slot, ...]

    @property
    def keys(self) -> tuple[Key, ...]:
        """The coefficients that it has."""
        return tuple(slot.key for slot in self.slots)

    @property
    def number(self) -> bool:
        """Whether it is passed as numbers, not as addresses."""
        return self.slots[0].span == "number"


def argument_type(operand: StoredOperand) -> Any:
    """Numba's type of an argument of a kernel."""
    if operand.number:
        return types.int64 if operand.compute is None else getattr(types, operand.compute)
    return types.uint64


def contiguous(shape: Shape, itemsize: int = 1) -> Shape:
    """Strides of an array in the order of C."""
    strides, step = [], itemsize
    for length in reversed(shape):
        strides.append(step)
        step *= max(1, length)
    return tuple(reversed(strides))


def memory_order(arrays: Sequence[tuple[Shape, Shape]], shape: Shape) -> Shape:
    """The order of axes by descending strides of the first array that has the shape of the result.

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
    """The span of an array: see :class:`Slot`."""
    if not any(strides):
        return "once"
    return "element" if strides == contiguous(shape) else "strided"
