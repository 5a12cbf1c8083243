"""How a copy goes through a strided view: the innermost loop and the axes around it, see :mod:`numbafunc.cpu.copy`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

# Elements per task: fewer are not worth one.
TASK = 1 << 14
# Side of a tile of a transpose, in elements.
TILE = 16
# Bytes of a vector.
_BYTES = 32
# Most runs that one unrolled loop interleaves or deinterleaves.
LARGEST_BLOCK = 8

Axis = tuple[int, int, int]  # length, and elements from one to the next in the source and in the result
ONCE: Axis = (1, 0, 0)


class Traversal(NamedTuple):
    """Order and grouping of the axes of a copy.

    Attributes
    ----------
    form : str
        Name of the innermost loop.
    length : int
        Number of its iterations.
    block : int
        Number of runs that are interleaved or deinterleaved.
    stride : int
        Elements in the source between runs that are interleaved, elements that are gathered, rows that are transposed.
    apart : int
        Elements in the result between deinterleaved runs, or between the rows that a transpose makes of columns.
    breadth : int
        Number of these rows.
    rows, columns : Axis
        The axes next to the innermost loop. Threads share the rows; those of a transpose are rows of tiles.
    others : tuple of Axis
        The remaining axes, from the inside to the outside.
    """

    form: str
    length: int
    block: int = 1
    stride: int = 0
    apart: int = 0
    breadth: int = 0
    rows: Axis = ONCE
    columns: Axis = ONCE
    others: tuple[Axis, ...] = ()

    def numbers(self) -> np.ndarray[Any, Any]:
        """The settings of a kernel, in one array."""
        total = self.rows[0]
        for length, _, _ in self.others:
            total *= length
        row = self.columns[0] * self.length * (TILE if self.form == "transpose" else self.block)
        head = [total, max(1, TASK // row), self.length, self.stride, self.apart, self.breadth]
        tail = [number for axis in self.others for number in axis]
        return np.array([*head, *self.rows, *self.columns, len(self.others), *tail], np.int64)


def lanes(length: int, block: int, itemsize: int) -> int:
    """Elements of each run to take at once; 1 where vectors don't pay."""
    if block & (block - 1):  # runs are interleaved in pairs, and then pairs of pairs
        return 1
    most = min(length, _BYTES // itemsize)
    return 1 << (most.bit_length() - 1)


__all__ = ["LARGEST_BLOCK", "ONCE", "TILE", "Axis", "Traversal", "lanes"]
