"""Derivatives of loops around a function that the user has compiled: the loop is compiled for numbers with tangents.

In forward mode all tangents go through one loop, up to eight at a time.

Reverse mode keeps the Jacobian of each step by carry and entry, which the loop over values finds on its way, see
:mod:`numbafunc.cpu.scan_jacobians`. The linear recurrence

    tangent of (c[i+1], y[i]) = (tangent of (c[i], x[i])) @ J[i]

is one step of the tape, and a compiled loop in the other direction transposes it. Where the loop is inside of forward
mode, so that its values move, a first loop keeps the carry before each step, and a second one finds the Jacobians.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from numbafunc.cpu import scan as compiled
from numbafunc.dual.array import Dual, make, settled, value_of
from numbafunc.dual.dtypes import is_float
from numbafunc.dual.levels import Level
from numbafunc.dual.recorded import recorded_level, taken_apart
from numbafunc.dual.recorder import PICKED, Node, Primitive, Recorder
from numbafunc.dual.trees import flatten, flatten_with_names
from numbafunc.kinds.compiled import NotCompiledError, warn_once
from numbafunc.result_memory import empty_result

LARGEST_STEP = 64
"""The most elements of carry and entry for which reverse mode finds the Jacobian of a step."""

LARGEST_TAPE = 2**24
"""The most elements of the Jacobians of all steps."""


_SHARED = "leaves of the carry share memory in reverse mode; wanted: copies, or forward mode"


def differentiated(f: Any, init: Any, leaves: list[Any], xs: Any, entries: list[Any], steps: int, reverse: bool) -> Any:
    """The last carry and the stacked results of a loop in which something moves; None if it can't be compiled."""
    leaves, entries = list(map(settled, leaves)), list(map(settled, entries))
    if steps == 0:
        return _without_steps(f, init, leaves, xs, entries)
    level = recorded_level(*leaves, *entries)
    try:
        if level:
            return _recorded(f, init, leaves, xs, entries, steps, reverse, level)
        return _forward(f, init, leaves, xs, entries, steps, reverse)
    except NotCompiledError as error:
        if error.args:
            warn_once(f, error.args[0], 4)
        return None


def _without_steps(f: Any, init: Any, leaves: list[Any], xs: Any, entries: list[Any]) -> Any:
    """The first carry, and results that have no elements to move."""
    values, x_values = list(map(value_of, leaves)), list(map(value_of, entries))
    try:
        last, ys = _forward(f, init, values, flatten(xs)[1].unflatten(x_values), x_values, 0, False)
    except NotCompiledError:
        return None
    parts, structure = flatten(last)
    return structure.unflatten([x if type(x) is Dual else part for x, part in zip(leaves, parts)]), ys


def _forward(f: Any, init: Any, leaves: list[Any], xs: Any, entries: list[Any], steps: int, reverse: bool) -> Any:
    from numbafunc.cpu.coefficients import Directions

    weak = [type(leaf) in (int, float, complex) for leaf in flatten(init)[0]]
    moves = any(type(x) is Dual for x in (*leaves, *entries))
    directions = Directions([*leaves, *entries]) if moves else None
    try:
        return compiled.run(f, init, leaves, weak, xs, entries, steps, reverse, directions)
    except TypeError as error:
        raise NotCompiledError(error) from None


def _loop(f: Any, init: Any, xs: Any, steps: int, reverse: bool) -> Any:
    """The loop around one of the functions below."""
    leaves, entries = flatten(init)[0], flatten(xs)[0]
    if recorded_level(*leaves, *entries):
        raise NotCompiledError
    return _forward(f, init, leaves, xs, entries, steps, reverse)


# Reverse mode.


@lru_cache(maxsize=128)
def _keeping(f: Any, form: Any, arrays: tuple[bool, ...]) -> Any:
    """The step that also returns the carry it begins with, and whether leaves of that share memory."""
    import numba

    from numbafunc.cpu.scan_jacobians import overlap, sharing

    names = [f"carry{compiled.place(path)}" for path in compiled.paths_of(form)]
    leaves = (name + ".copy()" * is_array for name, is_array in zip(names, arrays))
    namespace = {"__name__": __name__, "f": f, "overlap": overlap, **compiled.classes_of(form)}
    exec(
        f"def keeping(carry, x):\n    old = {compiled.text(form, leaves)}\n"
        f"    shared = {sharing([name for name, is_array in zip(names, arrays) if is_array])}\n"
        "    new, y = f(carry, x)\n    return new, (old, shared, y)\n",
        namespace,
    )
    return numba.njit(namespace["keeping"])


@lru_cache(maxsize=128)
def _alone(f: Any) -> Any:
    """The step without a carry: that is part of its entry."""
    import numba

    def alone(nothing: Any, entry: Any) -> Any:
        return nothing, f(entry[0], entry[1])

    return numba.njit(alone)


def _recorded(
    f: Any, init: Any, leaves: list[Any], xs: Any, entries: list[Any], steps: int, reverse: bool, level: int
) -> Any:
    if any(type(x) is Dual and x.level > level for x in (*leaves, *entries)):
        raise NotCompiledError("reverse mode goes around a derivative of the loop; wanted: forward mode around it")
    form, structure, x_structure = compiled.form_of(init, "init"), flatten(init)[1], flatten(xs)[1]
    rests, tangents = taken_apart([*leaves, *entries], level)
    if recorded_level(*rests):
        raise NotCompiledError("reverse mode is taken twice; wanted: forward mode for one of both")
    count = len(leaves)
    state = [number for number in range(count) if is_float(np.asarray(value_of(rests[number])).dtype)]
    moving = [number for number in range(count, len(rests)) if tangents[number] is not None]
    sizes = [math.prod(np.shape(value_of(rests[i]))) for i in state]
    sizes += [math.prod(rests[i].shape[1:]) for i in moving]
    total = sum(sizes)
    if total > LARGEST_STEP:
        raise NotCompiledError(
            f"reverse mode by {total} elements of carry and entry; wanted: at most {LARGEST_STEP}, or forward mode"
        )
    if not any(type(x) is Dual for x in rests):
        xs = x_structure.unflatten(rests[count:])
        recording = Recording(f, init, rests[:count], xs, rests[count:], [t is not None for t in tangents])
        rests[:count] = recording.loop.typed(rests[:count])
        return recording.run(rests, steps, reverse, tangents, level)
    keeping = _keeping(f, form, tuple(np.ndim(value_of(leaf)) > 0 for leaf in leaves))
    # Steps may work in place, and the entries are needed once more as they are.
    given = [x.copy() if type(x) is not Dual and x.ndim > 1 else x for x in rests[count:]]
    xs = x_structure.unflatten(given)
    last, (carries, shared, ys) = _forward(keeping, init, rests[:count], xs, given, steps, reverse)
    if shared.any():
        raise NotCompiledError(_SHARED)
    steps_of = [*flatten(carries)[0], *rests[count:]]
    with Level() as own:
        start = 0
        for number, size in zip((*state, *moving), sizes, strict=True):
            x = steps_of[number]
            units = np.zeros((total, steps, size), x.dtype)
            for element in range(size):
                units[start + element, :, element] = 1
            steps_of[number] = make(x, units.reshape((total, *x.shape)), own)
            start += size
        seeded = (structure.unflatten(steps_of[:count]), x_structure.unflatten(steps_of[count:]))
        _, (new, outputs) = _loop(_alone(f), None, seeded, steps, False)
        new_leaves, y_leaves = flatten(new)[0], flatten(outputs)[0]
        to_carry = [_rows(new_leaves[i], own, total, steps) for i in state]
        floats = [i for i, y in enumerate(y_leaves) if is_float(y.dtype)]
        to_results = [_rows(y_leaves[i], own, total, steps) for i in floats]
    size = sum(x.shape[-1] for x in to_carry)
    if total * steps * (size + sum(x.shape[-1] for x in to_results)) > LARGEST_TAPE:
        raise NotCompiledError(
            f"the Jacobians of {steps} steps have more than {LARGEST_TAPE} elements in reverse mode; wanted: fewer "
            "results, or forward mode"
        )
    last_leaves, ys_leaves = flatten(last)[0], flatten(ys)[0]
    recorders = [tangents[i] for i in (*state, *moving)]
    run = _Recurrence(
        _joined([*to_carry, *to_results], total, steps), size, steps, reverse,
        [rests[i].shape if i >= count else np.shape(value_of(rests[i])) for i in (*state, *moving)],
        [last_leaves[i].shape for i in state], [ys_leaves[i].shape for i in floats],
        len(state), [r is not None for r in recorders],
    )  # fmt: skip
    if not np.all(np.isfinite(value_of(run.jacobians))):
        raise NotCompiledError  # a cotangent of zero stays zero step by step, whatever the derivative
    primitive = Primitive("scan", run.push, run.pull, joint=True)
    recorded = [r for r in recorders if r is not None]
    joint = primitive.record((), recorded[0].dtype, *recorded)
    width = recorded[0].shape[0]
    for place, i in enumerate(state):
        last_leaves[i] = _moving(last_leaves[i], joint, place, width, level)
    for place, i in enumerate(floats, len(state)):
        ys_leaves[i] = _moving(ys_leaves[i], joint, place, width, level)
    return structure.unflatten(last_leaves), flatten(ys)[1].unflatten(ys_leaves)


class Recording:
    """A loop whose tangents are recorded, for plain values of given types: reverse mode outside of all others.

    Parameters
    ----------
    f : dispatcher
        The user's function.
    init, leaves : nest, list
        The first carry, and its leaves without tangents.
    xs, entries : nest, list
        The nest that the steps go through, and its leaves, without tangents.
    moves : list of bool
        Which of all leaves have tangents, those of the carry before entries.
    """

    def __init__(self, f: Any, init: Any, leaves: list[Any], xs: Any, entries: list[Any], moves: list[bool]) -> None:
        given, names, _ = flatten_with_names(init)
        self.count = len(leaves)
        self.moving = [i for i in range(self.count, len(moves)) if moves[i]]
        try:
            weak = [type(leaf) in (int, float, complex) for leaf in given]
            self.loop = compiled.loop_for(f, init, leaves, weak, xs, entries, None)
            floats = [i for i, dtype in enumerate(self.loop.dtypes) if dtype.kind == "f"]
            self.shaped = any(map(compiled.ndim_of, self.loop.carry_types + self.loop.x_types))
            # A carry of several leaves may have some that never get tangents, as the types of what a step returns tell.
            self.state = [i for i in floats if moves[i] or len(floats) == 1]
            while not self._finds_jacobians(f, names, [*self.loop.typed(leaves), *entries], floats):
                pass
        except TypeError as error:
            raise NotCompiledError(error) from None
        kinds = [compiled.dtype_of(type_).kind for _, type_ in self.loop.y_leaves]
        self.places = [*self.state, *(i for i, kind in enumerate(kinds, self.count) if kind == "f")]

    def _finds_jacobians(self, f: Any, names: list[str], given: list[Any], floats: list[int]) -> bool:
        """Make the loop for derivatives by the leaves in the state; False if more get tangents, which are in it now."""
        from numbafunc.cpu.coefficients import algebra_of, width_for
        from numbafunc.cpu.scan_jacobians import JacobianLoop

        self.lanes = width_for(self._sizes(given)[1])
        state, along = self.state, tuple(i - self.count for i in self.moving)
        try:
            self.forth = JacobianLoop(self.loop, f, names, tuple(state), along, algebra_of((self.lanes,)))
            self.state = [i for i in floats if i in state or self.forth.moved[i]]
        except TypeError:  # a step may put numbers with tangents into an array of the carry
            if state == floats:
                raise
            self.state = floats
        return self.state == state

    def __call__(self, rests: list[Any], steps: int, reverse: bool, tangents: list[Any], level: int) -> Any:
        """What :meth:`run` gives; None if there are more elements than there are lanes, or Python has to run."""
        if self._sizes(rests)[1] > (self.lanes if self.lanes < 8 else LARGEST_STEP):
            return None
        try:
            return self.run(rests, steps, reverse, tangents, level)
        except NotCompiledError:
            return None

    def _sizes(self, given: list[Any]) -> tuple[int, int]:
        """Elements of the floating carry; of that and of the entries that move, in a step."""
        if not self.shaped:
            return len(self.state), len(self.state) + len(self.moving)
        size = sum(given[i].size for i in self.state)
        return size, size + sum(math.prod(given[i].shape[1:]) for i in self.moving)

    def run(self, rests: list[Any], steps: int, reverse: bool, tangents: list[Any], level: int) -> Any:
        """The last carry and the stacked results, with recorded tangents, given all leaves and theirs."""
        from numbafunc.cpu.scan_jacobians import NOT_FINITE, SHARED, TOO_LARGE

        count, state = self.count, self.state
        # Steps may work in place.
        given = [
            x.copy() if x.ndim > (i >= count) else x if x.ndim == 0 else np.ascontiguousarray(x)
            for i, x in enumerate(rests)
        ]
        size, total = self._sizes(given)
        try:
            status, jacobians, *results = self.forth(given, steps, reverse, size, total, LARGEST_TAPE)
            if status > 0:
                self.loop.explain(status)
        except TypeError as error:
            raise NotCompiledError(error) from None
        if status == TOO_LARGE:
            raise NotCompiledError(
                f"the Jacobians of {steps} steps have more than {LARGEST_TAPE} elements in reverse mode; wanted: fewer "
                "results, or forward mode"
            )
        if status == SHARED:
            raise NotCompiledError(_SHARED)
        if status == NOT_FINITE:
            raise NotCompiledError  # a cotangent of zero stays zero step by step, whatever the derivative
        results[:count] = [np.array(x, dtype) for x, dtype in zip(results, self.loop.dtypes)]
        recorders = [tangents[i] for i in (*state, *self.moving)]
        run = _Recurrence(
            jacobians, size, steps, reverse,
            [given[i].shape for i in (*state, *self.moving)], [results[i].shape for i in state],
            [results[i].shape for i in self.places[len(state) :]], len(state), [r is not None for r in recorders],
        )  # fmt: skip
        moved = [r for r in recorders if r is not None]
        joint = Primitive("scan", run.push, run.pull, joint=True).record((), moved[0].dtype, *moved)
        width = moved[0].shape[0]
        for number, place in enumerate(self.places):
            results[place] = _moving(results[place], joint, number, width, level)
        return self.loop.nest(*results)


def _moving(value: Any, joint: Recorder, place: int, width: int, level: int) -> Any:
    """A result with its recorded tangent."""
    return make(value, PICKED.of(joint, (width, *value.shape), value.dtype, place), level)


def _rows(x: Any, own: int, total: int, steps: int) -> Any:
    """The derivatives of a result of all steps along all unit directions: shape (directions, steps, elements)."""
    size = math.prod(x.shape[1:])
    if type(x) is not Dual or x.level != own:
        return np.zeros((total, steps, size), x.dtype)
    return x.tangent.reshape((total, steps, size))


def _joined(parts: Sequence[Any], total: int, steps: int) -> Any:
    """The Jacobians of all steps, of shape (steps, directions, elements)."""
    if not parts:
        return np.zeros((steps, total, 0))
    return np.moveaxis(np.concatenate(parts, -1), 0, 1)


class _Recurrence:
    """The linear recurrence of the tangents of a loop."""

    def __init__(
        self, jacobians: Any, size: int, steps: int, reverse: bool, given: list[tuple[int, ...]],
        carry: list[tuple[int, ...]], results: list[tuple[int, ...]], count: int, moves: list[bool],
    ) -> None:  # fmt: skip
        self.jacobians, self.size = jacobians, size  # the first columns of that size are of the carry
        self.steps, self.reverse, self.count, self.moves = steps, reverse, count, moves
        self.given, self.carry, self.results = given, carry, results

    def push(self, *tangents: Any) -> list[Any]:
        """The tangents of the results, given those of what moves."""
        width = tangents[0].shape[0]
        remaining = iter(tangents)
        parts = [
            next(remaining) if moves else np.zeros((width, *shape)) for moves, shape in zip(self.moves, self.given)
        ]
        carry = _columns(parts[: self.count], 0, width)
        entries = _columns(parts[self.count :], self.steps, width)
        last, results = _either(_forth(), carry, (*self._blocks(), entries), self.steps, self.reverse)
        return [*_split(np.moveaxis(last, -1, 0), self.carry), *_split(np.moveaxis(results, -1, 0), self.results)]

    def _blocks(self) -> tuple[Any, Any]:
        """The derivatives of the carry and of the results of each step."""
        return self.jacobians[..., : self.size], self.jacobians[..., self.size :]

    def pull(self, cotangents: dict[int, Any], *arguments: Node) -> list[Any]:
        """The cotangents of what moves, given those of the results."""
        width = arguments[0].shape[0]
        if all(type(x) is np.ndarray for x in (self.jacobians, *cotangents.values())):
            return self._pull_plain(cotangents, width)
        shapes = [*self.carry, *self.results]
        parts = [cotangents.get(i, np.zeros((width, *shape))) for i, shape in enumerate(shapes)]
        carry = _columns(parts[: self.count], 0, width)
        entries = _columns(parts[self.count :], self.steps, width)
        first, found = _either(_back(), carry, (*self._blocks(), entries), self.steps, not self.reverse)
        return self._contributions(np.moveaxis(first, -1, 0), np.moveaxis(found, -1, 0))

    def _pull_plain(self, cotangents: dict[int, Any], width: int) -> list[Any]:
        from numbafunc.cpu.scan_jacobians import pull_back

        steps, count, size = self.steps, self.count, self.size
        _, total, columns = self.jacobians.shape
        carry = np.zeros((width, size))
        _put_side_by_side(carry, cotangents, 0, self.carry)
        ys = cotangents.get(count) if len(self.results) == 1 else None
        if ys is not None and ys.flags.carray:
            ys = ys.reshape((width, steps, columns - size))
        else:
            ys = np.zeros((width, steps, columns - size), self.jacobians.dtype)
            _put_side_by_side(ys, cotangents, count, self.results)
        found = empty_result((width, steps, total - size), self.jacobians.dtype)
        pull_back(self.jacobians, carry, ys, found, self.reverse)
        return self._contributions(carry, found)

    def _contributions(self, carry: Any, entries: Any) -> list[Any]:
        """The cotangents of what moves, given those of the first carry and of the entries."""
        parts = [*_split(carry, self.given[: self.count]), *_split(entries, self.given[self.count :])]
        return [x for x, moves in zip(parts, self.moves) if moves]


def _put_side_by_side(whole: Any, cotangents: dict[int, Any], first: int, shapes: list[tuple[int, ...]]) -> None:
    """Put those of some results, of which that of number ``first`` has the first of the shapes, along the last axis."""
    start = 0
    for place, shape in enumerate(shapes, first):
        stop = start + math.prod(shape[whole.ndim - 2 :])
        if place in cotangents:
            whole[..., start:stop] = cotangents[place].reshape((*whole.shape[:-1], stop - start))
        start = stop


def _columns(parts: Sequence[Any], steps: int, width: int) -> Any:
    """Arrays of shape (directions, ...), or (directions, steps, ...), as one: ([steps,] elements, directions)."""
    if not parts:
        return np.zeros((steps, 0, width) if steps else (0, width))
    flat = [x.reshape((width, steps, -1) if steps else (width, -1)) for x in parts]
    joined = np.concatenate(flat, -1) if len(flat) > 1 else flat[0]
    return np.moveaxis(joined, 0, -1)


def _split(whole: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """The arrays whose elements stand side by side along the last axis, behind directions, or directions and steps."""
    parts, start = [], 0
    for shape in shapes:
        stop = start + math.prod(shape[whole.ndim - 2 :])
        parts.append(whole[..., start:stop].reshape((whole.shape[0], *shape)))
        start = stop
    return parts


def _either(f: Any, carry: Any, entries: tuple[Any, ...], steps: int, reverse: bool) -> Any:
    """The loop around one of the two functions below, compiled unless something is recorded once more."""
    wide = np.result_type(*(x.dtype for x in (carry, *entries)))
    carry, entries = carry.astype(wide), tuple(x.astype(wide) for x in entries)
    try:
        return _loop(f, carry, entries, steps, reverse)
    except NotCompiledError:
        step = _PLAIN[f.py_func.__name__]
        results: list[Any] = [None] * steps
        for i in reversed(range(steps)) if reverse else range(steps):
            carry, results[i] = step(carry, *(x[i] for x in entries))
        return carry, np.stack(results)


@cache
def _forth() -> Any:
    import numba

    @numba.njit
    def forth(carry: Any, entry: Any) -> Any:
        to_carry, to_results, x = entry
        count, width = carry.shape
        new, y = np.zeros((to_carry.shape[1], width)), np.zeros((to_results.shape[1], width))
        for i in range(to_carry.shape[0]):
            for d in range(width):
                v = carry[i, d] if i < count else x[i - count, d]
                for k in range(new.shape[0]):
                    new[k, d] += to_carry[i, k] * v
                for k in range(y.shape[0]):
                    y[k, d] += to_results[i, k] * v
        return new, y

    return forth


@cache
def _back() -> Any:
    import numba

    @numba.njit
    def back(carry: Any, entry: Any) -> Any:
        to_carry, to_results, y = entry
        count, width = carry.shape
        total = to_carry.shape[0]
        first, x = np.zeros((count, width)), np.zeros((total - count, width))
        for i in range(total):
            for d in range(width):
                v = 0.0
                for k in range(count):
                    v = v + to_carry[i, k] * carry[k, d]
                for k in range(y.shape[0]):
                    v = v + to_results[i, k] * y[k, d]
                if i < count:
                    first[i, d] = v
                else:
                    x[i - count, d] = v
        return first, x

    return back


def _forth_by_products(carry: Any, to_carry: Any, to_results: Any, x: Any) -> Any:
    v = np.concatenate([carry, x])
    return np.matmul(to_carry.T, v), np.matmul(to_results.T, v)


def _back_by_products(carry: Any, to_carry: Any, to_results: Any, y: Any) -> Any:
    v = np.matmul(to_carry, carry) + np.matmul(to_results, y)
    return v[: len(carry)], v[len(carry) :]


_PLAIN = {"forth": _forth_by_products, "back": _back_by_products}
