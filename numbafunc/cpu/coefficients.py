"""Dual arrays as float arrays whose last axis holds coefficients, as compiled functions of numbers take them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from numbafunc.dual.array import Components, Dual, assemble, components, levels_of, make
from numbafunc.numbers.keys import sort_keys
from numbafunc.numbers.numba_type import LANES, Algebra

_FIRST = (1, 2, 4, 8)
_SECOND = (1, 2)
"""The numbers of directions that there is machine code for: of the lowest level, and of a second one.

Those of the lowest level are the lanes of vectors. Of further levels there is one direction at a time.
"""

Chunk = tuple[slice, ...]


def width_for(count: int, offer: tuple[int, ...] = _FIRST) -> int:
    """The directions of one run where there are so many: the first number offered that is enough, or the last."""
    return next((width for width in offer if width >= count), offer[-1])


@cache
def algebra_of(widths: tuple[int, ...]) -> Algebra:
    """The algebra of numbers with a number of directions for each level, numbered from 0."""
    counts = (1, *widths[1:])
    levels = [[(), *(((level, d),) for d in range(count))] for level, count in enumerate(counts)]
    return Algebra(sort_keys(sum(parts, ()) for parts in itertools.product(*levels)), widths[0])


@cache
def _places(widths: tuple[int, ...]) -> dict[tuple[int, ...], Any]:
    """The places in memory of coefficients, by the levels of their keys: an array with an axis for each of these."""
    found: dict[tuple[int, ...], Any] = {}
    for count in range(len(widths) + 1):
        for levels in itertools.combinations(range(len(widths)), count):
            found[levels] = np.empty([widths[level] for level in levels], np.intp)
    place = 0
    for key in algebra_of(widths).keys:
        levels = tuple(level for level, _ in key)
        lanes = widths[0] if LANES in key else 1
        directions: Any = tuple(slice(None) if unit == LANES else unit[1] for unit in key)
        found[levels][directions] = np.arange(place, place + lanes) if LANES in key else place
        place += lanes
    return found


class Directions:
    """The levels and directions of some dual arrays, none of them recorded, and the runs that they take.

    Parameters
    ----------
    leaves : sequence
        Dual arrays, and others, which have no tangents.
    """

    def __init__(self, leaves: Sequence[Any]) -> None:
        self.levels = levels_of(*leaves)
        counts: dict[int, int] = {}
        for leaf in leaves:
            if type(leaf) is Dual:
                for levels, part in components(leaf).items():
                    counts.update(zip(levels, part.shape))
        self.counts = tuple(counts[level] for level in self.levels)
        offers: list[tuple[int, ...]] = [_FIRST, _SECOND, *[(1,)] * len(self.counts)]
        self.widths = tuple(map(width_for, self.counts, offers))
        self.algebra = algebra_of(self.widths)
        self.floats = sum(places.size for places in _places(self.widths).values())
        self._places = _places(self.widths)
        # The directions of each level in each run.
        self.chunks: list[Chunk] = list(
            itertools.product(
                *(
                    [slice(first, min(first + width, count)) for first in range(0, max(count, 1), width)]
                    for count, width in zip(self.counts, self.widths, strict=True)
                )
            )
        )

    def _taken(self, levels: tuple[int, ...], chunk: Chunk) -> tuple[Any, Any]:
        """The directions of some levels in a run, as an index, and their places in memory."""
        taken = tuple([chunk[level] for level in levels])
        return taken, self._places[levels][tuple([slice(part.stop - part.start) for part in taken])]

    def pack(self, leaf: Any, chunk: Chunk) -> Any:
        """The float array of a leaf for a run."""
        value = np.asarray(leaf) if type(leaf) is not Dual else leaf
        packed = np.zeros((*value.shape, self.floats), value.dtype)
        behind = (*range(1, value.ndim + 1), 0)
        for levels, part in components(value).items():
            taken, places = self._taken(tuple([self.levels.index(level) for level in levels]), chunk)
            packed[..., places.reshape(-1)] = part[taken].reshape((places.size, *value.shape)).transpose(behind)
        return packed

    def unpack(self, results: Sequence[Any]) -> Any:
        """The dual array of the float arrays that all runs have given."""
        shape, dtype = results[0].shape[:-1], results[0].dtype
        front = (len(shape), *range(len(shape)))
        parts: Components = {}
        for own in self._places:
            whole = np.empty((*[self.counts[level] for level in own], *shape), dtype)
            for chunk, result in zip(self.chunks, results, strict=True):
                taken, places = self._taken(own, chunk)
                whole[taken] = result[..., places.reshape(-1)].transpose(front).reshape((*places.shape, *shape))
            parts[tuple([self.levels[level] for level in own])] = whole
        return assemble(parts)


# One level whose directions fit into one run, as most derivatives are: the same without questions.


def packed(leaf: Any, dtype: Any, width: int) -> Any:
    """The float array of a leaf, or of a number or an array without tangents, for a run with so many directions."""
    moves = type(leaf) is Dual
    value = leaf.primal if moves else leaf
    floats = np.zeros((*np.shape(value), width + 1), dtype)
    floats[..., 0] = value
    if moves:
        tangent = leaf.tangent
        if len(tangent) == 1:
            floats[..., 1] = tangent[0]
        else:
            floats[..., 1 : len(tangent) + 1] = np.moveaxis(tangent, 0, -1)
    return floats


def unpacked(floats: Any, count: int, level: int) -> Any:
    """The dual array of the float array that a run with ``count`` directions has given."""
    tangent = floats[..., 1][None] if count == 1 else np.moveaxis(floats[..., 1 : count + 1], -1, 0)
    return make(floats[..., 0].copy(), tangent.copy(), level)


__all__ = ["Directions", "algebra_of", "packed", "unpacked"]
