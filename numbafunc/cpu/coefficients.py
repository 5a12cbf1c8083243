"""Dual arrays as float arrays whose last axis holds coefficients, as compiled functions of numbers take them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from numbafunc.dual.array import Components, Dual, assemble, components, levels_of
from numbafunc.numbers.number import Key, sort_keys

WIDTHS = {1: (1, 2, 4, 8), 2: (1, 2)}
"""The numbers of directions of each level that there is machine code for, by how many levels there are."""

_NARROW = (1,)

Chunk = tuple[range, ...]


@cache
def keys_of(widths: tuple[int, ...]) -> tuple[Key, ...]:
    """The keys of numbers with a number of directions for each level, numbered from 0."""
    levels = [[(), *(((level, d),) for d in range(width))] for level, width in enumerate(widths)]
    return sort_keys(sum(parts, ()) for parts in itertools.product(*levels))


@cache
def _places(widths: tuple[int, ...]) -> dict[tuple[int, ...], Any]:
    """The places of coefficients, by the levels of their keys: an array with an axis for each of these."""
    keys = {key: place for place, key in enumerate(keys_of(widths))}
    found = {}
    for count in range(len(widths) + 1):
        for levels in itertools.combinations(range(len(widths)), count):
            places = np.empty([widths[level] for level in levels], np.intp)
            for directions in np.ndindex(*places.shape):
                places[directions] = keys[tuple(zip(levels, directions, strict=True))]
            found[levels] = places
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
        offered = WIDTHS.get(len(self.levels), _NARROW)
        self.widths = tuple(next((w for w in offered if w >= count), offered[-1]) for count in self.counts)
        self.keys = keys_of(self.widths)
        self._places = _places(self.widths)

    def chunks(self) -> Iterator[Chunk]:
        """The directions of each level in each run."""
        parts = [
            [range(first, min(first + width, count)) for first in range(0, max(count, 1), width)]
            for count, width in zip(self.counts, self.widths, strict=True)
        ]
        return itertools.product(*parts)

    def pack(self, leaf: Any, chunk: Chunk) -> Any:
        """The float array of a leaf for a run."""
        value = np.asarray(leaf) if type(leaf) is not Dual else leaf
        packed = np.zeros((*value.shape, len(self.keys)), value.dtype)
        for levels, part in components(value).items():
            own = tuple(map(self.levels.index, levels))
            taken = tuple(slice(chunk[level].start, chunk[level].stop) for level in own)
            places = self._places[own][tuple(slice(len(chunk[level])) for level in own)]
            chosen = part[taken].reshape((places.size, *value.shape))
            packed[..., places.reshape(-1)] = np.moveaxis(chosen, 0, -1)
        return packed

    def unpack(self, results: Sequence[Any]) -> Any:
        """The dual array of the float arrays that all runs have given."""
        shape, dtype = results[0].shape[:-1], results[0].dtype
        parts: Components = {}
        for own, places in self._places.items():
            counts = [self.counts[level] for level in own]
            whole = np.empty((*counts, *shape), dtype)
            for chunk, result in zip(self.chunks(), results, strict=True):
                taken = tuple(slice(chunk[level].start, chunk[level].stop) for level in own)
                chosen = places[tuple(slice(len(chunk[level])) for level in own)]
                found = np.moveaxis(result[..., chosen.reshape(-1)], -1, 0)
                whole[taken] = found.reshape((*chosen.shape, *shape))
            parts[tuple(self.levels[level] for level in own)] = whole
        return assemble(parts)


__all__ = ["Directions", "keys_of"]
