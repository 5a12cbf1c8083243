"""From the components of Dual operands to calls of a kernel, a chunk of directions at a time.

Each call handles one chunk of directions of the lowest level and one direction of every other level. The value is
computed once a call and serves the whole chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from numbafunc.autodiff.number import Key, closed_keys, sort_keys

# Directions carried past one evaluation of the value; more would not fit into the vector registers.
LARGEST_CHUNK = 8

Levels = tuple[int, ...]


class Plan(NamedTuple):
    """How levels and directions of the operands of one call map to the keys of a kernel.

    Levels are counted from 0, the lowest; ``counts`` has the number of directions of each.
    """

    counts: tuple[int, ...]
    chunk: int

    def keys(self, component: Levels) -> tuple[Key, ...]:
        """The keys of a kernel under which a chunk of this component travels."""
        spans = [range(self.chunk if level == 0 else 1) for level in component]
        return sort_keys(tuple(zip(component, directions)) for directions in product(*spans))

    def operand_keys(self, components: Iterable[Levels]) -> tuple[Key, ...]:
        """The keys of an operand with these components."""
        return sort_keys(key for component in components for key in self.keys(component))

    def shape(self, component: Levels, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a component of a result: its directions come first."""
        return (*(self.counts[level] for level in component), *shape)

    def calls(self) -> Iterator[tuple[int, ...]]:
        """For each call of the kernel, the first direction at every level."""
        if not self.counts:
            yield ()
            return
        last = self.counts[0] - self.chunk
        # The last chunk overlaps the one before: the same results are written twice, and no smaller kernel is needed.
        starts = [min(start, last) for start in range(0, self.counts[0], self.chunk)]
        yield from product(starts, *map(range, self.counts[1:]))

    @staticmethod
    def position(key: Key, call: tuple[int, ...]) -> tuple[int, ...]:
        """Where in its component's array a key lies during a call."""
        return tuple(call[level] + direction for level, direction in key)


def component_of(key: Key) -> Levels:
    """The component that a key belongs to."""
    return tuple(level for level, _ in key)


def plan(counts: tuple[int, ...]) -> Plan:
    """The plan for these numbers of directions at each level."""
    chunk = LARGEST_CHUNK
    while counts and chunk > max(1, counts[0]):
        chunk //= 2
    return Plan(counts, chunk if counts else 1)


def result_keys(operand_keys: list[tuple[Key, ...]]) -> tuple[Key, ...]:
    """The keys that an analytic function of these operands can have."""
    return closed_keys(sort_keys(key for keys in operand_keys for key in keys))
