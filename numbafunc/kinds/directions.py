"""From the components of Dual operands to calls of a kernel, a chunk of directions at a time.

Each call handles one chunk of directions of the lowest level and one direction of every other level. The value is
computed once a call and serves the whole chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from numbafunc.autodiff.number import Key, closed_keys, sort_keys

# Directions carried past one evaluation of the value; more would not fit into the vector registers.
LARGEST_CHUNK = 8

Levels = tuple[int, ...]
Components = Mapping[Levels, "np.ndarray[Any, Any]"]


@dataclass(frozen=True)
class Plan:
    """How levels and directions of the operands of one call map to the keys of a kernel."""

    levels: Levels
    counts: tuple[int, ...]
    chunk: int

    def keys(self, component: Levels) -> tuple[Key, ...]:
        """The keys of a kernel under which a chunk of this component travels."""
        positions = [self.levels.index(level) for level in component]
        spans = [range(self.chunk if position == 0 else 1) for position in positions]
        return sort_keys(tuple(zip(positions, directions)) for directions in product(*spans))

    def operand_keys(self, components: Components) -> tuple[Key, ...]:
        """The keys of an operand with these components."""
        return sort_keys(key for component in components for key in self.keys(component))

    def component(self, key: Key) -> Levels:
        """The component that a key belongs to."""
        return tuple(self.levels[position] for position, _ in key)

    def shape(self, component: Levels, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a component of a result: its directions come first."""
        return (*(self.counts[self.levels.index(level)] for level in component), *shape)

    def calls(self) -> Iterator[tuple[int, ...]]:
        """For each call of the kernel, the first direction at every level."""
        if not self.levels:
            yield ()
            return
        last = self.counts[0] - self.chunk
        # The last chunk overlaps the one before: the same results are written twice, and no smaller kernel is needed.
        starts = [min(start, last) for start in range(0, self.counts[0], self.chunk)]
        yield from product(starts, *map(range, self.counts[1:]))

    def index(self, key: Key, call: tuple[int, ...]) -> tuple[int, ...]:
        """Where in its component's array a key lies during a call."""
        return tuple(call[position] + direction for position, direction in key)


def plan(operands: list[Components]) -> Plan:
    """The plan for operands given as components."""
    counts: dict[int, int] = {}
    for components in operands:
        for levels, array in components.items():
            if levels:
                counts.update(zip(levels, array.shape))
    levels = tuple(sorted(counts))
    if not levels:
        return Plan((), (), 1)
    chunk = LARGEST_CHUNK
    while chunk > max(1, counts[levels[0]]):
        chunk //= 2
    return Plan(levels, tuple(counts[level] for level in levels), chunk)


def result_keys(operand_keys: list[tuple[Key, ...]]) -> tuple[Key, ...]:
    """The keys that an analytic function of these operands can have."""
    return closed_keys(sort_keys(key for keys in operand_keys for key in keys))
