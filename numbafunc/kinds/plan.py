"""Plans: the kernel calls that a call of an op comes down to, made once for operands of the same description.

The description of an operand is everything but its elements that the work depends on: dtype, shape, strides and
tangents. Directions of tangents are split into kernel calls of up to 8: each call takes one chunk of directions of the
lowest level and one direction of every other level. The value is computed once a call and serves the whole chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from numbafunc.cpu.machine_code import machine_code
from numbafunc.cpu.memory import flat_words, is_plain
from numbafunc.dual.array import Dual, assemble, components, levels_of
from numbafunc.numbers.keys import Key, closed_keys, sort_keys
from numbafunc.result_memory import empty_result

Index = tuple[int, ...]


class Source(NamedTuple):
    """A component of an operand and how it becomes the arrays, or numbers, that a kernel takes."""

    operand: int
    component: Levels
    flatten: Callable[[Any], Any]


class Target(NamedTuple):
    """A component of a result: the array that is filled, and the view of it that the caller gets."""

    result: int
    component: Levels
    shape: tuple[int, ...]
    restore: Callable[[Any], Any] | None


class Call(NamedTuple):
    """One call of the kernel: the parts of sources and targets that it gets."""

    slots: tuple[tuple[int, Index], ...]
    results: tuple[tuple[int, Index], ...]


class Plan(NamedTuple):
    """All calls of a kernel for operands of given descriptions.

    The arguments of a call are its slots, ``middle``, its results, and ``tail``. ``code`` holds the machine code of the
    kernel once it has been called, and a word more where integers among the slots have to be looked at first.
    """

    kernel: Any
    dtype: np.dtype[Any]
    sources: tuple[Source, ...]
    targets: tuple[Target, ...]
    calls: tuple[Call, ...]
    middle: tuple[int, ...]
    tail: tuple[int, ...]
    code: list[Any]

    def shape(self) -> tuple[int, ...]:
        """Shape of the first result."""
        first = self.targets[0]
        if first.restore is None:
            return first.shape
        return first.restore(np.broadcast_to(np.zeros((), np.bool_), first.shape)).shape  # type: ignore[no-any-return]

    def run(self, operands: Operands, out: Any = None) -> list[Any]:
        """The results, as arrays or duals; ``out`` takes the value of the only one."""
        arrays = self.arrays(operands, out)
        if out is not None:
            return arrays
        groups: list[dict[Levels, Any]] = []
        for target, array in zip(self.targets, arrays):
            while len(groups) <= target.result:
                groups.append({})
            groups[target.result][tuple(operands.levels[level] for level in target.component)] = array
        return [group[()] if len(group) == 1 else assemble(group) for group in groups]

    def arrays(self, operands: Operands, out: Any = None) -> list[Any]:
        """The arrays of all targets; ``out`` takes the value of the only one."""
        parts = operands.parts
        arrays = [empty_result(target.shape, self.dtype) for target in self.targets]
        if (
            arrays and not arrays[0].size and not any(array.size for array in arrays)
        ):  # operands that broadcast may be large all the same
            return self._restored(arrays, out)
        flats = [source.flatten(parts[source.operand][source.component]) for source in self.sources]
        direct = out is not None and self.targets[0].restore is None and is_plain(out)
        if direct:
            arrays[0] = out
        words = [_words(array, len(target.component)) for array, target in zip(arrays, self.targets)]
        for call in self.calls:
            slots = [flats[number][index] if index else flats[number] for number, index in call.slots]
            results = [words[number][index] if index else words[number] for number, index in call.results]
            self._call(slots, results)
        if out is not None:
            if not direct:
                restore = self.targets[0].restore
                np.copyto(out, arrays[0] if restore is None else restore(arrays[0]))
            return [out]
        return self._restored(arrays)

    def _restored(self, arrays: list[Any], out: Any = None) -> list[Any]:
        """The arrays of all targets with the axes of the results; ``out`` in place of one without elements."""
        if out is not None:
            return [out]
        return [
            array if target.restore is None else target.restore(array) for target, array in zip(self.targets, arrays)
        ]

    def _call(self, slots: list[Any], results: list[Any]) -> None:
        """Call the kernel."""
        given = (*slots, *self.middle, *results, *self.tail)
        if len(self.code) == 1:
            self.code[0](*given)
        elif not any(type(x) is int for x in slots):
            self.code.append(machine_code(self.kernel, given))
            self.code[0](*given)
        elif all(type(x) is not int or -(2**63) <= x < 2**63 for x in slots):
            if not self.code:
                self.code.extend((machine_code(self.kernel, given), "for 64 bits"))
            self.code[0](*given)
        else:
            self.kernel(*given)  # machine code is for one integer type, and this one is too large for it


def _words(array: np.ndarray[Any, Any], leading: int) -> np.ndarray[Any, Any]:
    """A new array as a kernel takes it."""
    if leading or array.itemsize == 2:
        return flat_words(array, leading)
    return array.reshape(-1)


class Operands:
    """The operands of one call, split into components.

    Attributes
    ----------
    parts : list of dict
        For each operand its components, keyed by levels counted from 0.
    levels : tuple of int
        The levels themselves.
    description : tuple
        Equal for calls that one plan serves.
    """

    __slots__ = ("description", "levels", "parts")

    def __init__(self, operands: Sequence[Any]) -> None:
        self.levels: Levels = levels_of(*operands) if any(type(x) is Dual for x in operands) else ()
        rank = {level: position for position, level in enumerate(self.levels)}
        self.parts: list[dict[Levels, Any]] = []
        described: list[Any] = []
        for x in operands:
            found: dict[Levels, Any]
            if type(x) is Dual:
                found = {tuple(rank[level] for level in levels): part for levels, part in components(x).items()}
            else:
                found = {(): x}
            self.parts.append(found)
            for component, part in found.items():
                if isinstance(part, np.ndarray):
                    layout = None if part.flags.c_contiguous else part.strides
                    described.append((component, part.dtype, part.shape, layout))
                else:
                    described.append((component, type(part)))
        self.description = tuple(described)

    def counts(self) -> tuple[int, ...]:
        """Number of directions at each level."""
        counts = [0] * len(self.levels)
        for found in self.parts:
            for component, part in found.items():
                for level, length in zip(component, np.shape(part)):
                    counts[level] = length
        return tuple(counts)


def number(part: Any, leading: int = 0) -> Any:
    """A component that is the same for all elements: a number, or one for each of its directions in an array."""
    if not isinstance(part, np.ndarray):
        return float(part)
    return part.reshape(part.shape[:leading]).astype(np.float64) if leading else float(part.reshape(())[()])


# Directions carried past one evaluation of the value; more would not fit into the vector registers.
LARGEST_CHUNK = 8

Levels = tuple[int, ...]


class Chunks(NamedTuple):
    """Chunks of directions that kernel calls carry, and their keys in the kernel.

    Levels are counted from 0, the lowest; ``counts`` has the number of directions of each.
    """

    counts: tuple[int, ...]
    chunk: int

    def keys(self, component: Levels) -> tuple[Key, ...]:
        """The keys in the kernel of a chunk of this component."""
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
        """Index of a key in its component's array during a call."""
        return tuple(call[level] + direction for level, direction in key)


def component_of(key: Key) -> Levels:
    """The component that a key belongs to."""
    return tuple(level for level, _ in key)


def chunks_of(counts: tuple[int, ...], largest: int = LARGEST_CHUNK) -> Chunks:
    """The chunks for these numbers of directions at each level, of up to so many directions."""
    chunk = largest
    while counts and chunk > max(1, counts[0]):
        chunk //= 2
    return Chunks(counts, chunk if counts else 1)


def result_keys(operand_keys: list[tuple[Key, ...]]) -> tuple[Key, ...]:
    """The keys that an analytic function of these operands can have."""
    return closed_keys(sort_keys(key for keys in operand_keys for key in keys))


def calls_of(
    chunks: Chunks,
    operand_keys: Sequence[tuple[Key, ...]],
    sources: Sequence[Source],
    targets: Sequence[Target],
    keys: tuple[Key, ...] | None = None,
) -> tuple[Call, ...]:
    """The calls of a kernel with a slot for each key of its operands, and then of its results.

    The keys of a result follow from those of the operands where they are not given.
    """
    keys = result_keys(list(operand_keys)) if keys is None else keys
    source_numbers = {(source.operand, source.component): number for number, source in enumerate(sources)}
    target_numbers = {(target.result, target.component): number for number, target in enumerate(targets)}
    slots = [
        (source_numbers[operand, component_of(key)], key) for operand, keys in enumerate(operand_keys) for key in keys
    ]
    results = [
        (target_numbers[result, component_of(key)], key)
        for result in dict.fromkeys(target.result for target in targets)
        for key in keys
    ]
    return tuple(
        Call(
            tuple((number, chunks.position(key, call)) for number, key in slots),
            tuple((number, chunks.position(key, call)) for number, key in results),
        )
        for call in chunks.calls()
    )
