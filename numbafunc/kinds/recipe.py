"""Recipes: what a call of an op comes down to, worked out once for operands of the same description.

The description of an operand is all that matters for the work to be done but its elements: dtype, shape, strides and
the tangents that it carries. The first call with some descriptions takes time to think, the next ones do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from numbafunc.autodiff.dual import Dual, assemble, components, levels_of
from numbafunc.cpu.machine_code import machine_code
from numbafunc.cpu.memory import empty, flat_words, is_plain
from numbafunc.kinds.directions import Levels

Index = tuple[int, ...]
Description = tuple[Any, ...]


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
    """One call of the kernel: which part of which source and target it gets."""

    slots: tuple[tuple[int, Index], ...]
    results: tuple[tuple[int, Index], ...]


class Recipe(NamedTuple):
    """All calls of a kernel for operands of given descriptions.

    The arguments of a call are its slots, ``middle``, its results, and ``tail``. ``code`` holds the machine code of the
    kernel once it has been called.
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
        parts = operands.parts
        flats = [source.flatten(parts[source.operand][source.component]) for source in self.sources]
        arrays = [empty(target.shape, self.dtype) for target in self.targets]
        direct = out is not None and self.targets[0].restore is None and is_plain(out)
        if direct:
            arrays[0] = out
        words = [flat_words(array, len(target.component)) for array, target in zip(arrays, self.targets)]
        for call in self.calls:
            slots = [flats[number][index] if index else flats[number] for number, index in call.slots]
            results = [words[number][index] if index else words[number] for number, index in call.results]
            self._call(slots, results)
        if out is not None:
            if not direct:
                restore = self.targets[0].restore
                np.copyto(out, arrays[0] if restore is None else restore(arrays[0]))
            return [out]
        groups: list[dict[Levels, Any]] = []
        for target, array in zip(self.targets, arrays):
            while len(groups) <= target.result:
                groups.append({})
            levels = tuple(operands.levels[level] for level in target.component)
            groups[target.result][levels] = array if target.restore is None else target.restore(array)
        return [group[()] if len(group) == 1 else assemble(group) for group in groups]

    def _call(self, slots: list[Any], results: list[Any]) -> None:
        """Call the kernel."""
        given = (*slots, *self.middle, *results, *self.tail)
        if self.code:
            self.code[0](*given)
        elif any(type(x) is int for x in slots):
            self.kernel(*given)  # an integer may be too large for the type of an earlier one
        else:
            self.code.append(machine_code(self.kernel, given))
            self.code[0](*given)


class Operands:
    """The operands of one call, taken apart.

    Attributes
    ----------
    parts : list of dict
        For each operand its components, keyed by levels counted from 0.
    levels : tuple of int
        The levels themselves.
    description : tuple
        Equal for calls that one recipe serves.
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
