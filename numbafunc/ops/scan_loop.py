"""The loop of scan and while_loop in Python: it checks and promotes the carry, and collects the results of steps."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import CPU, Backend, is_device_array
from numbafunc.cpu.scan import carry_error
from numbafunc.dual import anywhere
from numbafunc.dual.array import Dual, assemble, components, number_of, value_of
from numbafunc.dual.dtypes import is_float
from numbafunc.dual.recorder import Recorder, variable
from numbafunc.dual.trees import Structure, flatten, flatten_with_names
from numbafunc.kinds.arguments import is_array
from numbafunc.ops.scan_leaves import (
    OF_NUMPY,
    describe,
    fitted,
    in_dtype,
    is_numeric,
    is_weak,
    leaves_of,
    own,
    refuse,
    words,
)

_ONE = flatten(0)[1]


_SCALARS = (np.float64, np.float32, np.int64)


class Loop:
    """The loop in Python."""

    def __init__(
        self,
        f: Callable[[Any, Any], Any],
        structure: Structure,
        entries: list[Any],
        x_structure: Structure,
        steps: int,
        reverse: bool,
        here: Backend,
        name: str = "f",
    ) -> None:
        self.f = f
        self.name = name
        self.structure = structure
        self.entries = entries
        self.x_structure = x_structure
        self.steps = steps
        self.reverse = reverse
        self.here = here
        self.expected: list[tuple[tuple[int, ...], np.dtype[Any]]] = []
        self.weak: tuple[int, ...] = ()  # places of leaves that stay Python numbers

    def run(self, leaves: list[Any], until: Any = None) -> tuple[Any, Any]:
        """The last carry and the stacked results, from the leaves of the first carry."""
        taken: Any = None
        if any(map(is_weak, leaves)) or any(backend.of(leaf) is not self.here for leaf in leaves):
            leaves, taken = self.promoted(leaves)
        self.expect(leaves)
        results = _Results(self.steps)
        if self.steps == 0:
            with np.errstate(all="ignore"):
                _, y = self.checked(taken or self.f(self.structure.unflatten(leaves), self._x(None)))
            results.shape(y)
        elif taken:
            leaves, y = self.checked(taken)
            results.put(self.steps - 1 if self.reverse else 0, y)
        # If carry and result are one NumPy scalar each, their types alone show that they are as expected.
        alone = len(self.expected) == 1 and self.structure == _ONE and self.expected[0][0] == ()
        kind = self.expected[0][1].type if alone else None
        entries = self.here.scan_entries
        taken_steps = 1 if taken else 0
        ended = taken_steps and until is not None and self.holds(until, leaves, "until")
        for step in range(taken_steps, 0 if ended else self.steps):
            i = self.steps - 1 - step if self.reverse else step
            x = self.x_structure.unflatten(entries(self.entries, i))
            returned = self.f(leaves[0] if alone else self.structure.unflatten(leaves), x)
            if type(returned) is tuple and len(returned) == 2 and type(returned[0]) is kind:
                leaves, y = [returned[0]], returned[1]
            else:
                leaves, y = self.checked(returned)
            if type(y) is results.kind:
                results.array[i] = y
            else:
                results.put(i, y)
            if until is not None:
                taken_steps = step + 1
                if self.holds(until, leaves, "until"):
                    break
        last = [np.asarray(leaf) if backend.of(leaf) is CPU and type(leaf) is not Dual else leaf for leaf in leaves]
        ys = results.stacked()
        if until is not None and taken_steps < self.steps:
            parts, nest = flatten(ys)
            there = slice(self.steps - taken_steps, None) if self.reverse else slice(taken_steps)
            ys = nest.unflatten([part[there] for part in parts])
        return self.structure.unflatten(last), ys

    def expect(self, leaves: list[Any]) -> None:
        """Let all carries be as the first one, which has these leaves."""
        self.expected = [describe(leaf) for leaf in leaves]
        self.weak = tuple(position for position, leaf in enumerate(leaves) if is_weak(leaf))

    def holds(self, condition: Callable[[Any], Any], leaves: list[Any], name: str) -> bool:
        """Whether a condition is true of the value of a carry."""
        found = anywhere.fetched(condition(self.structure.unflatten([number_of(leaf) for leaf in leaves])))
        if type(found) is bool:
            return found
        if isinstance(found, (np.ndarray, np.generic)) and found.shape == () and found.dtype.kind == "b":
            return bool(found)
        what = words(describe(found)) if is_array(found) else f"a {type(found).__name__}"
        raise TypeError(f"{name} returns {what}; wanted: True or False")

    def _x(self, i: int | None) -> Any:
        """An entry of xs; zeros for None."""
        if i is None:
            return self.x_structure.unflatten([backend.of(leaf).scan_zeros(leaf) for leaf in self.entries])
        return self.x_structure.unflatten(self.here.scan_entries(self.entries, i))

    def _taken_apart(self, result: Any) -> tuple[list[Any], Any, Any]:
        """The leaves of the carry that a step has returned, the carry, and the result."""
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            what = f"{len(result)} values" if isinstance(result, (tuple, list)) else f"a {type(result).__name__}"
            raise TypeError(f"f returns {what}; wanted: the pair of the new carry and a result")
        carry, y = result
        new, structure = flatten(carry)
        if structure != self.structure:
            raise carry_error("", f"a nest of structure {self.structure}", f"one of structure {structure}", self.name)
        return self.here.scan_leaves(new, "the carry"), carry, y

    def checked(self, result: Any) -> tuple[list[Any], Any]:
        """The checked leaves of the carry that a step has returned, and the result."""
        new, carry, y = self._taken_apart(result)
        for position, (leaf, expected) in enumerate(zip(new, self.expected)):
            if is_array(leaf):
                if (leaf.shape, leaf.dtype) == expected:
                    continue
            elif not is_numeric(leaf):
                raise refuse(carry, "the carry")
            elif position in self.weak and np.asarray(leaf).dtype == expected[1]:
                continue
            elif expected[0] == () and np.result_type(leaf, expected[1]) == expected[1]:
                with contextlib.suppress(OverflowError):
                    new[position] = expected[1].type(leaf)
                    continue
            name = flatten_with_names(carry)[1][position]
            raise carry_error(name, words(expected), words(describe(leaf)), self.name)
        return new, y

    def promoted(self, leaves: list[Any]) -> tuple[list[Any], Any]:
        """The first carry with Python numbers in dtypes that a step keeps, and what the first step then returns."""
        given, rounds = leaves, 0
        if self.alone():
            # As below for one number, the usual case: by the types of NumPy's scalars.
            first = self._first_step(leaves)
            if type(first) is tuple and len(first) == 2 and type(first[0]) in _SCALARS:
                number = in_dtype(leaves[0], first[0].dtype)
                again = self._first_step([number])
                if type(again) is tuple and len(again) == 2 and type(again[0]) is type(number):
                    return [number], again
        settled = False  # whether the numbers that have met no array are in dtypes of their own
        while True:
            returned = self._first_step(leaves)
            new, carry, _ = self._taken_apart(returned)
            if not all(map(is_numeric, new)):
                raise refuse(carry, "the carry")
            # From some round on dtypes only widen, so that there is a last one.
            widen = rounds > len(leaves)
            found = [fitted(*each, widen) for each in zip(given, leaves, new)]
            rounds += 1
            changed = any(one is not leaf for one, leaf in zip(found, leaves))
            if not changed and not settled and any(map(is_weak, found)):
                found, settled = self._settled(found), True
                changed = True
            leaves = found
            if not changed:
                return leaves, returned

    def alone(self) -> bool:
        """Whether the carry is one leaf."""
        return self.here is CPU and self.structure == _ONE

    def _first_step(self, leaves: list[Any]) -> Any:
        """What the first step returns."""
        first = None if self.steps == 0 else self.steps - 1 if self.reverse else 0
        x = self._x(first)
        if any(isinstance(leaf, (np.ndarray, Dual)) or is_device_array(leaf) for leaf in leaves) or any(
            entry.ndim != 1 for entry in self.entries
        ):
            # The step may be taken again, and one that works in place must then find the arrays as they were.
            leaves, (entries, nest) = list(map(own, leaves)), flatten(x)
            x = nest.unflatten(map(own, entries))
        if first is not None:
            return self.f(self.structure.unflatten(leaves), x)
        with np.errstate(all="ignore"):
            return self.f(self.structure.unflatten(leaves), x)

    def _settled(self, leaves: list[Any]) -> list[Any]:
        """Leaves of which some are Python numbers still, with these as a step keeps all others.

        They get 64 bits if they do not widen other leaves in a step. Otherwise floats take the dtype of those, and
        integers stay Python's.
        """
        numbers = [np.asarray(leaf)[()] if is_weak(leaf) else leaf for leaf in leaves]
        new = self._taken_apart(self._first_step(numbers))[0]
        widened = [
            describe(leaf)[1] for leaf, one in zip(numbers, new) if is_array(one) and describe(one) != describe(leaf)
        ]
        if not widened:
            return numbers
        wanted = np.result_type(*widened)
        return [
            in_dtype(leaf, wanted) if type(leaf) in (float, complex) and is_float(wanted) else leaf for leaf in leaves
        ]


def of_values(loop: Loop) -> Loop:
    """The loop over values alone."""
    entries = [value_of(entry) for entry in loop.entries]
    return Loop(loop.f, loop.structure, entries, loop.x_structure, loop.steps, loop.reverse, loop.here)


@CPU.brings(Backend.scan_entries)
def _entries_at(leaves: list[Any], i: int) -> list[Any]:
    return [leaf[i] for leaf in leaves]


@CPU.brings(Backend.scan_zeros)
def _zeros(leaf: Any) -> Any:
    if type(leaf) is not Dual:
        return np.zeros(leaf.shape[1:], leaf.dtype)[()]
    parts = components(leaf)
    return assemble(
        {
            levels: np.zeros(part.shape[: len(levels)] + part.shape[len(levels) + 1 :], part.dtype)
            for levels, part in parts.items()
        }
    )


class _Results:
    """Collects the results of all steps; the arrays are made when the first result is known."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.kind: type | None = None  # type of the only leaf, where that is a NumPy scalar,
        self.array: Any = None  # and the array of these scalars
        self.structure: Structure | None = None
        self.none = False  # whether steps have no result
        self.here = CPU
        self.expected: list[tuple[tuple[int, ...], np.dtype[Any]]] = []
        self.places: list[Backend] = []
        self.stacks: list[Any] = []

    def shape(self, y: Any) -> list[Any]:
        """The leaves of a result; the first decides on the shapes of all."""
        first = self.structure is None
        leaves, structure = leaves_of(y, "the result of f") if first or self.here is not CPU else flatten(y)
        if first:
            self.structure, self.none = structure, y is None
            self.expected = [describe(leaf) for leaf in leaves]
            self.places = [backend.of(leaf) for leaf in leaves]
            self.stacks = [here.scan_stack(self.steps, leaf) for here, leaf in zip(self.places, leaves)]
            self.here = backend.of(*leaves)
            if isinstance(y, np.generic):
                self.kind = type(y)
                self.array = self.stacks[0].parts[()]
        elif structure != self.structure:
            raise TypeError(f"the result of f has structure {structure}, and {self.structure} in the first step")
        return leaves

    def put(self, i: int, y: Any) -> None:
        """Store the result of a step."""
        if y is None and self.none:
            return
        leaves = self.shape(y)
        for position, (leaf, stack) in enumerate(zip(leaves, self.stacks)):
            expected = self.expected[position]
            if type(stack) is _Stack and isinstance(leaf, OF_NUMPY) and (leaf.shape, leaf.dtype) == expected:
                stack.put(i, leaf)
                continue
            if not is_numeric(leaf):
                raise refuse(y, "the result of f")
            described = describe(leaf)
            if described != expected:
                name = flatten_with_names(y)[1][position]
                was = words(expected)
                raise TypeError(f"the result of f{name} is {words(described)}, and {was} in the first step")
            here, place = backend.of(leaf), self.places[position]
            # Only a number of main memory can be moved to where the other results are.
            if here is not place and (here is not CPU or described[0] != ()):
                name = flatten_with_names(y)[1][position]
                where = (place if here is CPU else here).place
                raise TypeError(f"the result of f{name} is on {where} in some steps only; wanted: in all or none")
            stack.put(i, leaf)

    def stacked(self) -> Any:
        """The nest of all results."""
        assert self.structure is not None
        return self.structure.unflatten([stack.stacked() for stack in self.stacks])


@CPU.brings(Backend.scan_stack)
class _Stack:
    """Collects the results of all steps at one place of a nest."""

    def __init__(self, steps: int, first: Any) -> None:
        self.steps = steps
        # The component of each set of levels. A step without some tangent leaves zeros there.
        self.parts: dict[tuple[int, ...], np.ndarray[Any, Any]] = {}
        # Recorded tangents of the steps, which have no memory to be put in.
        self.recorded: dict[tuple[int, ...], list[Any]] = {}
        for levels, part in (components(first) if type(first) is Dual else {(): np.asarray(first)}).items():
            if type(part) is not Recorder:
                self._add(levels, part)

    def _add(self, levels: tuple[int, ...], part: Any) -> None:
        axis = len(levels)
        self.parts[levels] = np.zeros((*part.shape[:axis], self.steps, *part.shape[axis:]), part.dtype)

    def put(self, i: int, leaf: Any) -> None:
        """Store the leaf of a step's result."""
        if type(leaf) is not Dual:
            self.parts[()][i] = leaf
            return
        for levels, part in components(leaf).items():
            if type(part) is Recorder:
                if levels not in self.recorded:
                    zeros = variable(part.shape, part.dtype, part.level)
                    self.recorded[levels] = [zeros] * self.steps
                self.recorded[levels][i] = part
                continue
            if levels not in self.parts:
                self._add(levels, part)
            place: Any = (*(slice(None),) * len(levels), i)
            self.parts[levels][place] = part

    def stacked(self) -> Any:
        """The results of all steps, along a new first axis."""
        parts = dict(self.parts)
        for levels, steps in self.recorded.items():
            parts[levels] = np.stack(steps, len(levels))
        return assemble(parts) if len(parts) > 1 else parts[()]
