"""Derivatives of odeint around a function that the user has compiled: all accepted steps in one compiled loop.

The loop takes the steps that the loop over values has taken, with their sizes as constants. It is a compiled function
as users write them, and is differentiated as those are: forward mode of any order runs it on numbers with tangents, and
reverse mode by the Jacobian that such runs find.

A step is linear in its stages, so outside of the user's function the loop works with the coefficients of all numbers as
with floats in a row.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from numbafunc.cpu.coefficients import width_for
from numbafunc.cpu.differentiated import Moving
from numbafunc.cpu.dispatchers import part_of_loop
from numbafunc.cpu.polling import PERIOD, leave_if_interrupted, now
from numbafunc.dual.array import Dual, assemble, components, make
from numbafunc.dual.levels import Level
from numbafunc.dual.recorded import recorded_level
from numbafunc.dual.trees import flatten
from numbafunc.kinds.compiled import NotCompiledError, WithoutSource, with_steps
from numbafunc.numbers.numba_array import floats_of
from numbafunc.ops.compiled_odeint import ROWS, TIMES, Solved, add_stages

LARGEST_STATE = 64
"""The most elements of state and parameters for which reverse mode finds the Jacobian of all steps."""

LARGEST_JACOBIAN = 2**24
"""The most elements of that Jacobian."""


class _Replay(WithoutSource):
    """A compiled loop over steps, on dual arrays."""

    def _offers(self, forms: Any, leaves: list[Any]) -> Any:
        # The state moves though only parameters may do so at its beginning.
        return ((Moving(leaves[0].dtype.name, leaves[0].ndim), *forms[1:]),)


_STATE, _AT, _NEXT, _RESULTS = 7, 8, 9, 10
"""The vectors besides the seven stages: the state, the argument of the function, the next state, and the results."""


@lru_cache(maxsize=128)
def _compiled(f: Any, real: Any) -> _Replay:
    """The loop around a function of states whose numbers are of the type ``real``."""
    combined = part_of_loop(add_stages, error_model="numpy")

    def replay(y0: Any, shape: Any, marks: Any, states: Any, places: Any, weights: Any, args: Any) -> Any:
        held = np.empty((_RESULTS + len(places), y0.size), y0.dtype)
        vectors = floats_of(held).reshape((len(held), -1))
        width = vectors.shape[1] // y0.size
        given = held[_AT].reshape(shape)
        for i in range(y0.size):
            held[_STATE, i] = y0[i]
        k, stage, polled = 0, 0, now()
        for step in range(len(marks) + 1):
            while True:
                if k < len(places) and places[k, 0] == step and (stage == 7 or places[k, 1] == 0):
                    out, row, size, count = _RESULTS + k, len(ROWS) + k, 1.0, 7 if places[k, 1] else 1
                    k += 1
                elif stage == 7 or step == len(marks):
                    break
                else:
                    out, row, size, count = _AT, stage, marks[step, 1], stage
                combined(vectors[out], vectors[_STATE], vectors, count, weights[row], size)
                if out != _AT:
                    continue
                time = marks[step, 0] + TIMES[stage] * size
                if stage == 6:
                    time = marks[step, 2]
                    # The values are those of the step as it was taken.
                    for i in range(y0.size):
                        vectors[_AT, i * width] = states[step, i]
                    for i in range(vectors.shape[1]):
                        vectors[_NEXT, i] = vectors[_AT, i]
                slope = f(given, real(time), *args)
                for i, x in enumerate(slope.flat):
                    held[stage, i] = x
                stage += 1
                reached = now()
                if reached - polled > PERIOD:
                    polled = reached
                    leave_if_interrupted()
            for i in range(vectors.shape[1]):
                vectors[_STATE, i] = vectors[_NEXT, i]
                vectors[0, i] = vectors[6, i]
            stage = 1
        return held[_RESULTS:]

    return _Replay(part_of_loop(replay, error_model="numpy"))


def replayed(f: Any, y0: Any, args: tuple[Any, ...], solved: Solved) -> Any:
    """The states at all times with their tangents, of shape ``(times, *y0.shape)``; None if they can't be compiled.

    Parameters
    ----------
    f : dispatcher
        The user's function.
    y0, args : array, tuple
        The first state and what the function gets behind state and time; tangents in either.
    solved : Solved
        What the loop over values has found.
    """
    values = solved.values.reshape((-1, *y0.shape))
    moving = [x for x in (y0, *flatten(args)[0]) if type(x) is Dual]
    if recorded_level(*moving) and not _fits(sum(math.prod(x.shape) for x in moving), values):
        return None
    try:
        found = _compiled(f, y0.dtype.type)(*_steps_of(y0, solved), args)
    except NotCompiledError:
        return None
    return assemble({**components(found.reshape(values.shape)), (): values})


def _fits(total: int, values: Any) -> bool:
    """Whether reverse mode by so many elements finds a Jacobian."""
    return bool(total <= LARGEST_STATE and total * values.size <= LARGEST_JACOBIAN)


def _steps_of(y0: Any, solved: Solved) -> tuple[Any, ...]:
    """The arguments of the loop, without those of the user's function."""
    weights = np.concatenate([ROWS, solved.inside], dtype=y0.dtype)
    return y0 if y0.ndim == 1 else y0.reshape(-1), y0.shape, solved.marks, solved.states, solved.places, weights


# One level of tangents and calls like an earlier one, as most derivatives are: the same without questions.


def prepared_replay(f: Any, leaves: list[Any], args: tuple[Any, ...], solved: Solved) -> Any:
    """The function ``call(leaves, solved, level)`` that :func:`replayed` is for leaves like these; None if it is none.

    The leaves are the first state, and those of ``args``. They have tangents of one level, or recorded ones. The
    function gives None where there are other numbers of directions.
    """
    loop, moves = _compiled(f, leaves[0].dtype.type), any(type(x) is Dual for x in leaves[1:])

    nest = flatten(args)[1]

    def given(leaves: list[Any], solved: Solved) -> list[Any]:
        return [*_steps_of(leaves[0], solved), *(leaves[1:] if moves else [nest.unflatten(leaves[1:])])]

    def prepared(leaves: list[Any]) -> Any:
        return loop.prepared((*_steps_of(leaves[0], solved), nest.unflatten(leaves[1:])), given(leaves, solved))

    if not recorded_level(*leaves):
        run = prepared(leaves)

        def of_duals(leaves: list[Any], solved: Solved, level: int) -> Any:
            values = solved.values.reshape((-1, *leaves[0].shape))
            found = run(given(leaves, solved), level)
            return make(values, found.tangent.reshape((-1, *values.shape)), level)

        return run and of_duals
    if not _fits(sum(x.size for x in leaves if type(x) is Dual), solved.values):
        return None
    width = _width(leaves)
    with Level() as own:
        run = prepared(_seeded(leaves, own, 0, width))

    def of_recorded(leaves: list[Any], solved: Solved, level: int) -> Any:
        values = solved.values.reshape((-1, *leaves[0].shape))
        sizes = [x.size for x in leaves if type(x) is Dual]
        total = sum(sizes)
        if _width(leaves) != width or not _fits(total, values):
            return None
        with Level() as own:
            rows = [
                run(given(_seeded(leaves, own, first, width), solved), own).tangent[: total - first]
                for first in range(0, total, width)
            ]
            tangent = np.concatenate(rows) if len(rows) > 1 else rows[0]
            moved = make(values, tangent.reshape((total, *values.shape)), own)
            return with_steps(moved, own, [x.tangent for x in leaves if type(x) is Dual], sizes, level)

    return run and of_recorded


def _width(leaves: list[Any]) -> int:
    """The number of directions that are taken together."""
    return width_for(sum(x.size for x in leaves if type(x) is Dual))


def _seeded(leaves: list[Any], level: int, first: int, width: int) -> list[Any]:
    """Leaves whose recorded tangents are replaced by units, from the direction with a number on."""
    found, start = list(leaves), -first
    for i, x in enumerate(leaves):
        if type(x) is Dual:
            units = np.eye(width, x.size, -start, x.dtype)
            found[i] = make(x.primal, units.reshape((width, *x.shape)), level)
            start += x.size
    return found


__all__ = ["prepared_replay", "replayed"]
