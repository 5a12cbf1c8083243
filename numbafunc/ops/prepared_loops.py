"""Prepared calls of loops around compiled functions: a call like an earlier one goes straight to the machine code.

Calls are alike if their functions are the same, and their nests are tuples of the same form with leaves of the same
types: numbers, and arrays of one number of axes and dtype. Dual arrays among these have one level, in which they move
along the same number of directions. A call is prepared after the first one like it has passed all checks, and found
the types of carry and results.
"""

from __future__ import annotations

import builtins
import dis
import math
import types
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from numbafunc.bounded import Bounded
from numbafunc.dual.array import Dual, number_of, value_of
from numbafunc.dual.recorder import Recorder
from numbafunc.dual.trees import flatten, tree_map
from numbafunc.kinds.compiled import is_dispatcher, prepared_for

WEAK = (int, float, complex)
"""Types of Python numbers."""

_MOST = 256
"""Prepared calls that are kept."""

# Bits of NumPy's flags: C-contiguous, aligned and writeable, as arrays of one type of Numba's are.
_USUAL = 0x501

_CODES = "?bBhHiIlLqQfdFD"
_NUMBERS = frozenset((*WEAK, bool, *(np.dtype(code).type for code in _CODES)))

PREPARED = Bounded(_MOST)
"""The prepared calls, by the functions and the forms of the nests."""


class Described:
    """The leaves of nests, and what calls with such leaves have in common."""

    __slots__ = ("directions", "kind", "leaves", "level", "usual")

    def __init__(self) -> None:
        self.leaves: list[Any] = []
        self.level = 0
        self.directions = 0
        self.kind: Any = None  # type of the tangents
        self.usual = True

    def form(self, tree: Any) -> Any:
        """The form of a nest; None of something that is not ``usual``, with which no call is prepared."""
        kind = type(tree)
        if kind is tuple:
            return tuple([self.form(part) for part in tree])
        if tree is None:
            return "none"
        self.leaves.append(tree)
        if kind is np.ndarray:
            dtype = tree.dtype
            if tree.flags.num & _USUAL == _USUAL and dtype.char in _CODES and dtype.isnative:
                return tree.ndim, dtype
        elif kind is Dual:
            return self._of_dual(tree)
        elif kind in _NUMBERS and (kind is not int or -(2**63) <= tree < 2**63):
            return kind
        self.usual = False
        return None

    def _of_dual(self, x: Dual) -> Any:
        value, tangent = x.primal, x.tangent
        blank = x.family is not None and x.family[0].blank
        if type(value) is np.ndarray and value.dtype.char in "fd" and value.dtype.isnative and not blank:
            kind = type(tangent)
            if self.level == 0:
                self.level, self.kind, self.directions = x.level, kind, tangent.shape[0]
            if x.level == self.level and kind is self.kind:
                if kind is np.ndarray:
                    return kind, len(tangent), value.ndim, value.dtype
                if kind is Recorder and value.flags.num & _USUAL == _USUAL:
                    return kind, value.ndim, value.dtype
        self.usual = False
        return None


def owned(entries: Any) -> Any:
    """Entries that steps may change; numbers among them they only read."""
    return entries.copy() if entries.ndim > 1 else entries


def converter(leaf: Any, dtype: Any) -> Callable[[Any], Any]:
    """What makes a leaf like this one without tangents the argument of a loop: an array of its own, or a number."""
    if type(leaf) is np.ndarray and leaf.ndim:
        return lambda leaf: leaf.copy()
    if type(leaf) is np.ndarray:
        return lambda leaf: leaf[()]
    if type(leaf) is dtype.type:
        return _as_it_is
    if dtype.kind in "iub" or dtype.char == "d":
        return dtype.type  # type: ignore[no-any-return]
    return lambda leaf: np.asarray(leaf, dtype)[()]


def _as_it_is(leaf: Any) -> Any:
    return leaf


def keeps_types(function: Any, leaves: Any, dtypes: Any) -> bool:
    """Whether the dtypes that Python numbers have taken are those that such numbers take at all times."""
    steady = True
    for leaf, dtype in zip(leaves, dtypes, strict=True):
        kind = type(leaf)
        if kind in WEAK:
            steady = steady and (dtype == np.dtype(kind) or (dtype.kind == "f" and kind is not complex))
            steady = steady and _is_steady(function)
    return steady


@lru_cache(maxsize=256)
def _is_steady(dispatcher: Any) -> bool:
    """Whether the types of what a function returns depend on the types of its arguments alone, in Python too.

    So it is without branches, and without the few functions that return one of their arguments. The type of a power
    depends on the sign of the exponent.
    """
    function = dispatcher.py_func
    if any(isinstance(constant, types.CodeType) for constant in function.__code__.co_consts):
        return False
    known = {**vars(builtins), **function.__globals__}
    values = [cell.cell_contents for cell in function.__closure__ or ()]
    for instruction in dis.get_instructions(function):
        name = instruction.opname
        if instruction.opcode in _JUMPS or name in ("BINARY_POWER", "INPLACE_POWER") or "**" in instruction.argrepr:
            return False
        if name in ("LOAD_GLOBAL", "LOAD_NAME"):
            values.append(known.get(instruction.argval))
    return all(_is_steady(x) if is_dispatcher(x) and x is not dispatcher else _is_plain(x) for x in values)


_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))


def _is_plain(value: Any) -> bool:
    kind = type(value)
    return (
        kind in _NUMBERS or kind in (np.ndarray, np.ufunc) or any(value is one for one in (np, math, abs, len, float))
    )


# scan


def keep_scan(key: Any, described: Described, f: Any, init: Any, xs: Any, last: Any) -> None:
    """Prepare calls like one that has given this last carry."""
    from numbafunc.cpu.coefficients import Directions, algebra_of, packed, unpacked
    from numbafunc.cpu.differentiated import Coefficients
    from numbafunc.cpu.scan import loop_for
    from numbafunc.kinds.scan import Recording

    carry = flatten(init)[0]
    dtypes = [leaf.dtype for leaf in flatten(last)[0]]
    if not described.usual or not keeps_types(f, carry, dtypes):
        return
    count = len(carry)
    entries = described.leaves[count:]
    numbers = [np.ndim(value_of(leaf)) == 0 and type(leaf) is not Dual for leaf in carry]
    typed = [np.asarray(leaf, dtype)[()] if n else leaf for leaf, dtype, n in zip(carry, dtypes, numbers)]
    weak = [type(leaf) in WEAK for leaf in carry]
    recorded = described.kind is Recorder
    widths = Directions(described.leaves).widths if described.kind is np.ndarray else ()
    if len(widths) > 1 or described.directions > 8:
        return
    if recorded:
        moves = [type(leaf) is Dual for leaf in described.leaves]
        typed, entries = list(map(value_of, typed)), list(map(value_of, entries))
        recording = Recording(f, init, typed, flatten(xs)[1].unflatten(entries), entries, moves)
        loop = recording.loop
        ready = [i >= count or moved for i, moved in enumerate(moves)]
    else:
        loop = loop_for(f, init, typed, weak, xs, entries, algebra_of(widths) if widths else None)
        moving = [i for i, moves in enumerate(loop.moving) if moves]
        ready = loop.moving
    all_dtypes = [*dtypes, *(leaf.dtype for leaf in entries)]
    convert = [
        _as_it_is if is_ready else converter(leaf, dtype) if i < count else owned
        for i, (leaf, dtype, is_ready) in enumerate(zip(described.leaves, all_dtypes, ready))
    ]

    def given(described: Described, length: Any) -> tuple[list[Any] | None, int]:
        """The arguments of the machine code, and the number of steps; None if they need be looked at more closely."""
        entries = described.leaves[count:]
        steps = len(entries[0]) if entries else length
        for entry in entries:
            if len(entry) != steps:
                return None, 0
        if type(steps) is not int or steps < 1 or (length is not None and (type(length) is not int or length != steps)):
            return None, 0
        return [make(leaf) for make, leaf in zip(convert, described.leaves)], steps

    def of_values(described: Described, length: Any, reverse: bool) -> Any:
        arguments, steps = given(described, length)
        return arguments and loop.nested(loop.results(arguments, steps, reverse))

    def of_duals(described: Described, length: Any, reverse: bool) -> Any:
        arguments, steps = given(described, length)
        if arguments is None:
            return None
        for i in moving:
            arguments[i] = packed(arguments[i], all_dtypes[i], width)
        results = loop.results(arguments, steps, reverse)
        for i, found in enumerate(results):
            if type(found) is Coefficients:
                results[i] = unpacked(found.array, directions, described.level)
        return loop.nested(results)

    def of_recorded(described: Described, length: Any, reverse: bool) -> Any:
        arguments, steps = given(described, length)
        if arguments is None:
            return None
        tangents: list[Any] = [None] * len(arguments)
        for i, leaf in enumerate(described.leaves):
            if type(leaf) is Dual:
                arguments[i], tangents[i] = leaf.primal[()], leaf.tangent
        return recording(arguments, steps, reverse, tangents, described.level)

    if recorded:
        PREPARED[key] = of_recorded
    elif widths:
        width, directions = widths[0], described.directions
        PREPARED[key] = of_duals
    else:
        PREPARED[key] = of_values


# while_loop


def keep_while_loop(key: Any, described: Described, condition: Any, driver: Any, initial: Any, last: Any) -> None:
    """Prepare calls like one that has given this carry, by the compiled condition and loop."""
    from numbafunc.cpu.polling import raise_what_came
    from numbafunc.cpu.scan import carry_error, form_of, leaves_by, nest_of

    if not described.usual:
        return
    body = key[1]
    carry, ends = flatten(initial)[0], flatten(last)[0]
    dtypes = [leaf.dtype for leaf in ends]
    # The condition may have been asked of Python numbers, in their own dtypes.
    own = all(type(x) not in WEAK or dtype == np.dtype(type(x)) for x, dtype in zip(carry, dtypes))
    if not own or not keeps_types(body, carry, dtypes):
        return
    form = form_of(initial, "initial")
    nest, leaves_of = nest_of(form, len(carry)), leaves_by(form)
    shaped = [i for i, leaf in enumerate(ends) if leaf.ndim]
    numbers = [i for i, leaf in enumerate(carry) if type(leaf) is np.ndarray and not leaf.ndim]
    of_duals = None
    if described.level:
        taken = [leaf[()] if i in numbers else leaf for i, leaf in enumerate(carry)]
        of_duals = prepared_for(driver, (nest(*taken),), taken)
        if of_duals is None:
            return

    def call(described: Described) -> Any:
        leaves = [leaf.copy() if type(leaf) is np.ndarray else leaf for leaf in described.leaves]
        for i in numbers:
            leaves[i] = leaves[i][()]
        start = nest(*(map(number_of, leaves) if of_duals else leaves))
        if not condition(start):
            return nest(*[leaf if type(leaf) is Dual else np.asarray(leaf) for leaf in leaves])
        if of_duals is not None:
            found = of_duals(leaves, described.level)
            if found is None:
                return None
            new = leaves_of(found)
        else:
            try:
                new = leaves_of(driver(start))
            finally:  # the step after the one that was interrupted may have failed
                raise_what_came()
        for i in shaped:
            if new[i].shape != leaves[i].shape:
                raise carry_error("", "of one shape", "of another", "body")
        return nest(*[leaf if type(leaf) is Dual else np.asarray(leaf, dtype) for leaf, dtype in zip(new, dtypes)])

    PREPARED[key] = call


# odeint


def plain_argument(x: Any) -> Any:
    """An argument without tangents, for a function of plain values; what has none may be anything."""
    return number_of(x) if type(x) is Dual else x


def keep_odeint(key: Any, described: Described, args: tuple[Any, ...], solved: Any) -> None:
    """Prepare calls like one that the compiled loop has solved."""
    from numbafunc.ops.compiled_odeint import solve
    from numbafunc.ops.dormand_prince import control_of

    y0, t = described.leaves[:2]
    if not described.usual or type(value_of(y0)) is not np.ndarray or type(t) is not np.ndarray:
        return
    if y0.dtype.char not in "fd" or t.dtype.kind not in "iuf" or t.ndim != 1:
        return
    f, dtype, moved = key[0], y0.dtype, None
    if described.level:
        from numbafunc.ops.odeint_replay import prepared_replay

        moved = prepared_replay(f, [y0, *described.leaves[2:]], args, solved)
        if moved is None:
            return

    def call(described: Described, args: tuple[Any, ...], rtol: Any, atol: Any, max_steps: Any, first_step: Any) -> Any:
        leaves = described.leaves
        y0, t = value_of(leaves[0]), leaves[1]
        usual = type(rtol) is type(atol) is float and type(max_steps) is int
        usual = usual and (first_step is None or (type(first_step) is float and 0 < first_step < math.inf))
        if not usual or not (0 <= rtol < math.inf and 0 <= atol < math.inf and max_steps > 0 and t.size and y0.size):
            return None
        if moved is not None:
            args = tree_map(plain_argument, args)
        control = control_of(dtype, rtol, atol, max_steps, first_step)
        found = solve(f, y0, t.astype(np.float64, copy=False), args, control, keep=moved is not None)
        if found is None:
            return None
        if moved is not None:
            return moved([leaves[0], *leaves[2:]], found, described.level)
        return found.values.reshape((t.size, *y0.shape))

    PREPARED[key] = call


__all__ = ["PREPARED", "Described", "keep_odeint", "keep_scan", "keep_while_loop", "plain_argument"]
