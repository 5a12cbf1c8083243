"""Loops that carry a state and collect a result of each step."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import CPU, Backend, is_device_array
from numbafunc.cpu import scan as compiled
from numbafunc.cpu.differentiated import copy_for_values
from numbafunc.cpu.scan import carry_error
from numbafunc.dual import anywhere
from numbafunc.dual.array import Dual, assemble, components, value_of
from numbafunc.dual.checkpoint import checkpoint
from numbafunc.dual.dtypes import NUMBERS, is_float, is_long, long_words
from numbafunc.dual.levels import LIVE
from numbafunc.dual.recorder import Recorder, variable
from numbafunc.dual.trees import Structure, flatten, flatten_with_names
from numbafunc.errors import RankError
from numbafunc.kinds.arguments import check_flag, is_array
from numbafunc.kinds.compiled import is_dispatcher, python_source
from numbafunc.kinds.njit import register
from numbafunc.kinds.scan import differentiated

__all__ = ["scan"]

_OF_NUMPY = (np.ndarray, np.generic)


def scan(
    f: Any, init: Any, xs: Any, length: Any = None, reverse: bool = False, unroll: Any = 1, *, until: Any = None
) -> Any:
    r"""Apply a function along the leading axis of arrays, carrying a state from step to step.

    .. math:: (c_{i+1}, y_i) = f(c_i, x_i), \quad c_0 = \text{init}

    Parameters
    ----------
    f : callable
        ``f(carry, x)``, which returns the pair of the new carry and the result of the step, ``y``. The carry keeps its
        structure, shapes and dtypes. A function compiled by ``numba.njit`` makes the whole loop run compiled.
    init : nest of array_like
        The first carry: arrays and numbers in tuples, lists, dicts, with None anywhere. Python numbers take the dtypes
        in which steps keep them, those of the arrays that they meet; 64 bits where they meet none.
    xs : nest of numpy.ndarray or None
        Arrays of equal length along their first axis; each step gets one entry of each. None if there are none. Of
        arrays of a CUDA device the steps get entries on the device, as arrays of Numba; an elementwise step under
        ``numba.njit`` gets numbers, and the loop is one kernel.
    length : int, optional
        Number of steps; needed only where ``xs`` has no arrays.
    reverse : bool, default False
        Whether to begin with the last entry. The results of the steps stay aligned with ``xs``.
    unroll : int, default 1
        Accepted for compatibility and positive; it has no influence.
    until : callable, optional
        ``until(carry)`` of the value of the new carry; the loop ends after the first step for which it is true.

    Returns
    -------
    tuple of two
        The last carry, and the nest of arrays of all ``y``, stacked along a new first axis; only those of the steps
        that were taken, if ``until`` has ended the loop.

    Raises
    ------
    TypeError
        For an ``f`` that does not return a pair, a carry that changes its structure, or a shape or dtype in it, or a
        ``y`` that does, for leaves that are not arrays or numbers, for a ``reverse`` that is not True or False, and for
        an ``until`` that is not callable or returns neither.
    ValueError
        For neither ``xs`` nor ``length``, lengths that disagree, a negative ``length``, an ``unroll`` that is not
        positive, and for a number among ``xs``.
    IndexError
        For an array of no dimensions among ``xs``.

    Notes
    -----
    Derivatives go through the carry, through ``xs``, and through all that ``f`` refers to. A carry without tangents may
    get some during the loop. Reverse mode keeps what each step computes; with ``checkpoint(f)`` in place of ``f``, see
    :func:`checkpoint`, it needs memory for about ``2 * sqrt(n)`` of n steps.

    Without any step ``f`` is called once all the same, with zeros for ``x``, to learn the shapes. Where ``init`` has
    Python numbers the first step is taken until it keeps the dtypes of the carry, twice as a rule.

    With a function compiled by ``numba.njit`` the carry may be (named) tuples of arrays and numbers, and its types are
    those that Numba infers: a sum of 32-bit integers, for one, has 64 bits, and the carry must not change to that.
    Its derivatives run compiled as well; what they don't go through is named by a
    :class:`numbafunc.errors.CompiledDerivativeWarning`, and the Python source runs. So it does, at the speed of Python,
    for arrays of a device, unless the step is elementwise. With ``until`` each step runs compiled, and the loop around
    it in Python.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.scan(lambda total, x: (total + x, total), 0, np.array([1, 2, 3]))
    (array(6), array([0, 1, 3]))
    """
    if not callable(f):
        raise TypeError(f"f is a {type(f).__name__}; wanted: a function of a carry and an entry of xs")
    _check_unroll(unroll)
    reverse = check_flag(reverse, "reverse")
    entries, x_structure = _entries(xs)
    steps = _length(entries, xs, length)
    if until is not None and not callable(until):
        raise TypeError(f"until is a {type(until).__name__}; wanted: a function of the carry")
    step = getattr(f, "keeps_arguments", None)
    if step is not None:
        # Memory matters where a derivative is being taken.
        if steps > _SHORTEST and LIVE and until is None:
            if backend.of(*flatten(init)[0], *entries) is CPU:
                return _in_segments(step, init, entries, x_structure, steps, reverse)
        else:
            f = step
    leaves, structure = start_of(init, "init")
    jitted = is_dispatcher(f)
    here = backend.of(*leaves, *entries)
    loop = Loop(f.py_func if jitted else f, structure, entries, x_structure, steps, reverse, here)
    if until is not None:
        loop.f = f if here is CPU else loop.f
        return loop.run(leaves, until)
    if jitted and here.has(Backend.scan_compiled):
        found = here.scan_compiled(f, init, xs, leaves, entries, steps, reverse)
        if found is not None:
            return found
        if here is CPU:
            loop.f = python_source(f)
    return loop.run(leaves)


@CPU.brings(Backend.scan_compiled)
def _compiled(
    f: Any, init: Any, xs: Any, leaves: list[Any], entries: list[Any], steps: int, reverse: bool
) -> tuple[Any, Any] | None:
    weak = [is_weak(leaf) for leaf in leaves]
    typed = leaves
    if any(weak):
        copy_for_values(f)  # before what it calls is compiled
        # Numba has no weak numbers, so the Python source is run to find their types, unless that fails.
        with contextlib.suppress(Exception):
            loop = Loop(f.py_func, flatten(init)[1], entries, flatten(xs)[1], steps, reverse, CPU)
            typed = _of_values(loop).promoted([value_of(leaf) for leaf in leaves])[0]
        typed = [new if is_number else leaf for new, leaf, is_number in zip(typed, leaves, weak)]
    if any(type(leaf) is Dual for leaf in (*leaves, *entries)):
        return differentiated(f, init, typed, xs, entries, steps, reverse)  # type: ignore[no-any-return]
    return compiled.run(f, init, typed, weak, xs, entries, steps, reverse)  # type: ignore[no-any-return]


_SHORTEST = 3
"""Steps up to which a loop is not cut into segments."""


def _in_segments(
    f: Any, init: Any, entries: list[Any], x_structure: Structure, steps: int, reverse: bool
) -> tuple[Any, Any]:
    """The loop in segments of about as many steps as there are segments, which keep nothing but their first carries."""
    size = math.isqrt(steps - 1) + 1
    starts = range(0, steps, size)
    carry, results = init, []
    for start in reversed(starts) if reverse else starts:
        count = min(size, steps - start)

        def segment(carry: Any, parts: Any, count: int = count) -> tuple[Any, Any]:
            return scan(f, carry, parts, count, reverse)  # type: ignore[no-any-return]

        parts = x_structure.unflatten([entry[start : start + count] for entry in entries])
        carry, ys = checkpoint(segment)(carry, parts)
        results.append(flatten(ys))
    joined = [np.concatenate(pieces) for pieces in zip(*(leaves for leaves, _ in results[:: -1 if reverse else 1]))]
    return carry, results[0][1].unflatten(joined)


def _check_unroll(unroll: Any) -> None:
    try:
        times = operator.index(unroll)
    except TypeError:
        raise TypeError(f"unroll is {unroll!r}; wanted: a positive int") from None
    if times < 1:
        raise ValueError(f"unroll is {unroll!r}; wanted: a positive int")


def _is_numeric(leaf: Any) -> bool:
    if isinstance(leaf, (Dual, bool, float, complex)):
        return True
    if isinstance(leaf, int):
        return -(2**63) <= leaf < 2**63
    if isinstance(leaf, _OF_NUMPY):
        numbers = leaf.dtype.char in NUMBERS or leaf.dtype.name == "bfloat16"
        return numbers and not isinstance(leaf, np.ma.MaskedArray)
    return is_array(leaf)


def _refuse(tree: Any, argument: str) -> TypeError:
    """The error for the first leaf of a nest that is neither an array nor a number."""
    leaves, names, _ = flatten_with_names(tree)
    leaf, name = next((leaf, name) for leaf, name in zip(leaves, names) if not _is_numeric(leaf))
    if isinstance(leaf, _OF_NUMPY) and is_long(leaf.dtype):
        return TypeError(long_words(leaf.dtype, f"{argument}{name}"))
    what = f"an array of dtype {leaf.dtype}" if isinstance(leaf, np.ndarray) else f"a {type(leaf).__name__}"
    if isinstance(leaf, int):
        what = f"{leaf}, which no integer of 64 bits holds"
    if isinstance(leaf, np.ma.MaskedArray):
        what = "a masked array, whose mask would be lost"
    return TypeError(f"{argument}{name} is {what}; wanted: arrays, numbers and nests of them")


def _entries(xs: Any) -> tuple[list[Any], Structure]:
    """The arrays of xs, all of which have a first axis."""
    leaves, structure = _leaves(xs, "xs")
    for position, leaf in enumerate(leaves):
        number = not hasattr(leaf, "ndim")
        if number or leaf.ndim == 0:
            name = flatten_with_names(xs)[1][position]
            if not number:
                raise RankError(f"xs{name} has no dimensions; wanted: arrays with a leading axis to go along")
            raise ValueError(f"xs{name} is the number {leaf!r}; wanted: arrays with a leading axis to go along")
    return [backend.of(leaf).scan_own(leaf, leaf.ndim == 1) for leaf in leaves], structure


def _leaves(tree: Any, argument: str) -> tuple[list[Any], Structure]:
    """The leaves of a nest, all of them arrays or numbers, as steps get them."""
    leaves, structure = flatten(tree)
    if not all(map(_is_numeric, leaves)):
        raise _refuse(tree, argument)
    return backend.of(*leaves).scan_leaves(leaves, argument), structure


def _own(leaf: Any) -> Any:
    return backend.of(leaf).scan_own(leaf, False)


@CPU.brings(Backend.scan_leaves)
def _as_they_are(leaves: list[Any], name: str) -> list[Any]:
    return leaves


@CPU.brings(Backend.scan_own)
def _own_in_main_memory(leaf: Any, shared: bool) -> Any:
    """An array in native byte order; the caller's own array where its elements are only read."""
    if not isinstance(leaf, np.ndarray):
        return leaf
    native = leaf.dtype.newbyteorder("=")
    return np.asarray(leaf, native) if shared else np.array(leaf, native)


def _length(entries: list[Any], xs: Any, length: Any) -> int:
    """The number of steps."""
    given: int | None = None
    if length is not None:
        try:
            given = operator.index(length)
        except TypeError:
            raise TypeError(f"length is {length!r}; wanted: an int") from None
        if not 0 <= given < 2**63:
            raise ValueError(f"length is {length!r}; wanted: nothing negative, and less than 2**63")
    lengths = [len(leaf) for leaf in entries]
    if not lengths:
        if given is None:
            raise ValueError("length is missing; wanted: the number of steps, since xs has no arrays")
        return given
    if len(set(lengths)) > 1:
        names = flatten_with_names(xs)[1]
        described = ", ".join(f"xs{name} has length {n}" for name, n in zip(names, lengths))
        raise ValueError(f"{described}; wanted: one length")
    if given is not None and given != lengths[0]:
        raise ValueError(f"length is {length!r} and xs has length {lengths[0]}; wanted: the same")
    return lengths[0]


def start_of(init: Any, argument: str) -> tuple[list[Any], Structure]:
    """The leaves of the first carry; arrays are copied, so that steps that work in place don't change the caller's."""
    leaves, structure = _leaves(init, argument)
    return [_own(leaf) for leaf in leaves], structure


def is_weak(leaf: Any) -> bool:
    """Whether a leaf is a Python number, which takes the dtype of the arrays it is combined with."""
    return type(leaf) in _WEAK


_WEAK = (int, float, complex)
"""Types of Python numbers, each of which holds those of the ones before."""


def describe(leaf: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of a leaf."""
    if is_array(leaf):
        return leaf.shape, leaf.dtype
    return (), np.asarray(leaf).dtype


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
        found = anywhere.fetched(condition(self.structure.unflatten([value_of(leaf) for leaf in leaves])))
        if type(found) is bool:
            return found
        if isinstance(found, (np.ndarray, np.generic)) and found.shape == () and found.dtype.kind == "b":
            return bool(found)
        what = _words(describe(found)) if is_array(found) else f"a {type(found).__name__}"
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
            elif not _is_numeric(leaf):
                raise _refuse(carry, "the carry")
            elif position in self.weak and np.asarray(leaf).dtype == expected[1]:
                continue
            elif expected[0] == () and np.result_type(leaf, expected[1]) == expected[1]:
                with contextlib.suppress(OverflowError):
                    new[position] = expected[1].type(leaf)
                    continue
            name = flatten_with_names(carry)[1][position]
            raise carry_error(name, _words(expected), _words(describe(leaf)), self.name)
        return new, y

    def promoted(self, leaves: list[Any]) -> tuple[list[Any], Any]:
        """The first carry with Python numbers in dtypes that a step keeps, and what the first step then returns."""
        given, rounds = leaves, 0
        if self.alone():
            # As below for one number, the usual case: by the types of NumPy's scalars.
            first = self._first_step(leaves)
            if type(first) is tuple and len(first) == 2 and type(first[0]) in _SCALARS:
                number = _typed(leaves[0], first[0].dtype)
                again = self._first_step([number])
                if type(again) is tuple and len(again) == 2 and type(again[0]) is type(number):
                    return [number], again
        settled = False  # whether the numbers that have met no array are in dtypes of their own
        while True:
            returned = self._first_step(leaves)
            new, carry, _ = self._taken_apart(returned)
            if not all(map(_is_numeric, new)):
                raise _refuse(carry, "the carry")
            # From some round on dtypes only widen, so that there is a last one.
            widen = rounds > len(leaves)
            found = [_fitted(*each, widen) for each in zip(given, leaves, new)]
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
        if any(isinstance(leaf, np.ndarray) or is_device_array(leaf) for leaf in leaves) or any(
            entry.ndim != 1 for entry in self.entries
        ):
            # The step may be taken again, and one that works in place must then find the arrays as they were.
            leaves, (entries, nest) = list(map(_own, leaves)), flatten(x)
            x = nest.unflatten(map(_own, entries))
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
            _typed(leaf, wanted) if type(leaf) in (float, complex) and is_float(wanted) else leaf for leaf in leaves
        ]


def _of_values(loop: Loop) -> Loop:
    """The loop over values alone."""
    entries = [value_of(entry) for entry in loop.entries]
    return Loop(loop.f, loop.structure, entries, loop.x_structure, loop.steps, loop.reverse, loop.here)


def _fitted(given: Any, leaf: Any, new: Any, widen: bool) -> Any:
    """A leaf of the first carry as a step returns it: numbers in its dtype and memory; itself if it is so already."""
    number = leaf
    if is_weak(given):
        if is_weak(new):
            if is_weak(leaf) and _WEAK.index(type(new)) > _WEAK.index(type(leaf)):
                number = type(new)(leaf)
        else:
            dtype = describe(new)[1]
            if not is_weak(leaf) and widen:
                dtype = np.result_type(leaf.dtype, dtype)
            typed = _typed(given, dtype)
            number = typed if is_weak(leaf) or typed.dtype != leaf.dtype else leaf
    if describe(number)[0] != () or is_weak(number):
        return number
    return backend.of(new).scan_number(number, describe(number)[1], new)


@CPU.brings(Backend.scan_number)
def _number(number: Any, dtype: np.dtype[Any], like: Any) -> Any:
    return number


@CPU.brings(Backend.scan_entries)
def _entries_at(leaves: list[Any], i: int) -> list[Any]:
    return [leaf[i] for leaf in leaves]


def _typed(number: Any, dtype: np.dtype[Any]) -> Any:
    """A Python number in the dtype that it takes in a step."""
    wanted = dtype if is_float(dtype) and type(number) is not complex else np.result_type(number, dtype)
    try:
        return np.asarray(number, wanted)[()]
    except OverflowError:
        raise TypeError(f"init has {number!r}, which f makes {wanted}; wanted: a number that fits") from None


def _words(described: tuple[tuple[int, ...], np.dtype[Any]]) -> str:
    return f"of shape {described[0]} and dtype {described[1]}"


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
        leaves, structure = _leaves(y, "the result of f") if first or self.here is not CPU else flatten(y)
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
            if type(stack) is _Stack and isinstance(leaf, _OF_NUMPY) and (leaf.shape, leaf.dtype) == expected:
                stack.put(i, leaf)
                continue
            if not _is_numeric(leaf):
                raise _refuse(y, "the result of f")
            described = describe(leaf)
            if described != expected:
                name = flatten_with_names(y)[1][position]
                was = _words(expected)
                raise TypeError(f"the result of f{name} is {_words(described)}, and {was} in the first step")
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


register(__name__)
