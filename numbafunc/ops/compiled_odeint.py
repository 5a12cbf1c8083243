"""The loop of odeint around a function that the user has compiled: all steps in one call of machine code.

The steps are those of :func:`numbafunc.ops.dormand_prince.steps`, written for one element after the other. They are
compiled once, without the function: where its value is needed they return, and are called again when it is there. So
what is compiled for a function of the user's is a short loop.
"""

from __future__ import annotations

import math
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import types
from numba.core.errors import NumbaError

from numbafunc.cpu.cache import are_covered, recall, remember
from numbafunc.cpu.differentiated import copy_for_values, identity_of
from numbafunc.cpu.dispatchers import compile_lazily, compile_loop, part_of_loop
from numbafunc.cpu.identity import UnidentifiableError, type_words
from numbafunc.cpu.polling import PERIOD, interrupted, now, raise_what_came
from numbafunc.interrupts import held_back
from numbafunc.ops.dormand_prince import (
    ERROR,
    NODES,
    STAGES,
    Control,
    Step,
    dense_weights,
    first_guess,
    first_size,
    next_size,
    shorter_size,
)

DONE, FAILED, FULL = -1, -2, -3
"""How a loop ends; where it fails, the loop in Python does so too, and says why."""

# What the steps keep between two calls: places among numbers, and among counts.
T, SIZE, STEP, REACHED, LENGTH, LEAST, SLOPE, TIME = range(8)
STAGE, GREW, COUNT, OUTPUTS, TAKEN = range(5)
_BEGIN, _NEARBY, _FIRST = 7, 8, 9  # of STAGE, besides the numbers of stages

VECTORS = 10
"""The vectors that the steps work in: seven stages, the state, the next one, and zeros."""

ROWS = np.zeros((9, 7))
"""The weights of the stages in the argument of each stage, and in the error; a row to work in."""
for _place, _row in enumerate((*STAGES, ERROR)):
    ROWS[_place, : len(_row)] = _row
TIMES = np.array(NODES)


def add_stages(out: Any, y: Any, stages: Any, count: int, weights: Any, size: Any) -> None:
    """Store ``y`` plus the sum of the first stages times their weights, times the size of the step."""
    for k in range(out.size):
        out[k] = weights[0] * stages[0, k]
    for i in range(1, count):
        weight = weights[i]
        for k in range(out.size):
            out[k] += weight * stages[i, k]
    for k in range(out.size):
        out[k] = y[k] + size * out[k]


def _store(out: Any, x: Any) -> None:
    """Store a vector; assignments to slices took half of the time in which the steps compile."""
    for k in range(out.size):
        out[k] = x[k]


def _norm(error: Any, zero: Any, y: Any, new: Any, rtol: Any, atol: Any) -> float:
    """The root of the mean square of a difference, in units of what is tolerated."""
    total = 0.0
    for k in range(error.size):
        relative = (error[k] - zero[k]) / (atol + rtol * max(abs(y[k]), abs(new[k])))
        total += relative * relative
    return math.sqrt(total / error.size)


def _all_finite(x: Any) -> bool:
    finite = True
    for k in range(x.size):
        finite &= math.isfinite(x[k])
    return finite


@cache
def _steps() -> Any:
    """The compiled steps: the number of the stage that the function has to be evaluated for, or how they end."""
    numeric = (add_stages, _store, _norm, _all_finite, dense_weights, first_guess, first_size, next_size, shorter_size)
    weighted, store, norm, all_finite, dense, guess, first, following, shorter = (
        part_of_loop(function, error_model="numpy") for function in numeric
    )

    def odeint_steps(
        at: Any, vectors: Any, rows: Any, times: Any, values: Any, kept: Any, rtol: Any, atol: Any, most: int,
        numbers: Any, counts: Any,
    ) -> Any:  # fmt: skip
        stages, y, new, zero, row = vectors[:7], vectors[7], vectors[8], vectors[9], rows[8]
        marks, states, places, inside = kept
        t, end, stage = numbers[T], times[-1], counts[STAGE]
        towards = 1.0 if end >= times[0] else -1.0
        span = abs(end - times[0])
        if stage == _BEGIN:
            for k in range(zero.size):
                zero[k] = 0
            store(y, at)
            t = numbers[T] = numbers[TIME] = previous = times[0]
            for k in range(times.size):
                if not math.isfinite(times[k]) or (times[k] - previous) * towards < 0:
                    return FAILED
                previous = times[k]
            if not all_finite(y):
                return FAILED
            counts[STAGE] = _FIRST
            return 0
        begins = stage == _NEARBY
        if stage == _FIRST:
            if not all_finite(stages[0]):
                return FAILED
            while counts[OUTPUTS] < times.size and times[counts[OUTPUTS]] == t:
                store(values[counts[OUTPUTS]], y)
                counts[OUTPUTS] += 1
            begins = numbers[SIZE] != 0 or span == 0
            if not begins:
                numbers[SLOPE] = norm(stages[0], zero, y, y, rtol, atol)
                numbers[SIZE] = guess(norm(y, zero, y, y, rtol, atol), numbers[SLOPE], span)
                row[0] = 1
                weighted(at, y, stages, 1, row, towards * numbers[SIZE])
                numbers[TIME] = t + towards * numbers[SIZE]
                counts[STAGE] = _NEARBY
                return 1
            numbers[SIZE] = min(span, numbers[SIZE])
        elif stage == _NEARBY:
            curvature = norm(stages[1], stages[0], y, y, rtol, atol) / numbers[SIZE]
            numbers[SIZE] = min(span, first(numbers[SIZE], numbers[SLOPE], curvature, span))
        elif stage < 6:
            stage += 1
        else:
            weighted(at, zero, stages, 7, rows[7], numbers[STEP])
            error = norm(at, zero, y, new, rtol, atol)
            length = numbers[LENGTH]
            begins = error < 1.0
            if not begins:
                if not length > numbers[LEAST]:
                    return FAILED
                numbers[SIZE] = shorter(length, error)
                counts[GREW] = 0
                stage = 1
            else:
                numbers[SIZE] = following(length, error, counts[GREW] == 1)
                while counts[OUTPUTS] < times.size and abs(times[counts[OUTPUTS]] - t) <= abs(numbers[STEP]):
                    k = counts[OUTPUTS]
                    if times[k] == numbers[REACHED]:
                        store(values[k], new)
                        if len(marks):
                            places[k, 0] = counts[TAKEN] + 1
                    else:
                        weights = dense((times[k] - t) / numbers[STEP])
                        for i in range(7):
                            row[i] = numbers[STEP] * weights[i]
                        weighted(values[k], y, stages, 7, row, 1.0)
                        if len(marks):
                            places[k, 0], places[k, 1] = counts[TAKEN], 1
                            store(inside[k], row)
                    counts[OUTPUTS] += 1
                if len(marks):
                    taken = counts[TAKEN]
                    if taken == len(marks):
                        return FULL
                    marks[taken, 0], marks[taken, 1], marks[taken, 2] = t, numbers[STEP], numbers[REACHED]
                    store(states[taken], new)
                    counts[TAKEN] += 1
                t = numbers[T] = numbers[REACHED]
                store(y, new)
                store(stages[0], stages[6])
        if begins:
            if t == end:
                return DONE
            numbers[LEAST] = 10.0 * abs(np.nextafter(t, towards * np.inf) - t)
            numbers[SIZE] = max(numbers[SIZE], numbers[LEAST])
            counts[GREW] = 1
            stage = 1
        if stage == 1:
            if counts[COUNT] == most:
                return FAILED
            counts[COUNT] += 1
            rest = abs(end - t)
            length = numbers[LENGTH] = min(numbers[SIZE], rest)
            numbers[REACHED] = end if length == rest else t + towards * length
            numbers[STEP] = numbers[REACHED] - t
        weighted(at, y, stages, stage, rows[stage], numbers[STEP])
        if stage == 6:
            store(new, at)
        numbers[TIME] = numbers[REACHED] if stage == 6 else t + TIMES[stage] * numbers[STEP]
        counts[STAGE] = stage
        return stage

    return compile_lazily(odeint_steps, f"{__name__}.steps")


def returns_states(f: Any, y0: Any, args: tuple[Any, ...]) -> bool:
    """Whether Numba finds that a function of states like this one, and of these arguments, returns arrays like them."""
    return _returns_states(f, tuple(map(numba.typeof, (y0, y0.dtype.type(0), *args))))


@lru_cache(maxsize=256)
def _returns_states(f: Any, given: tuple[Any, ...]) -> bool:
    f = copy_for_values(f)
    identity = identity_of(f)
    key = None
    with suppress(UnidentifiableError):
        key = identity and f"slope of odeint {identity} {[*map(type_words, given)]}"
    found = recall(key) if key else None
    if found is None:
        try:
            with held_back():
                call = numba.typeof(f).get_call_type(f.targetdescr.typing_context, given, {})
        except (NumbaError, NotImplementedError, RuntimeError, TypeError):  # the call in Python says what is wrong
            return False
        slope = call and call.return_type  # none of a function of other types, or of objects
        found = isinstance(slope, types.Array) and (slope.dtype, slope.ndim) == (given[0].dtype, given[0].ndim)
        if key and are_covered(compiled.library for compiled in f.overloads.values()):
            remember(key, found)
    return bool(found)


@lru_cache(maxsize=128)
def loop_around(f: Any, real: Any) -> Any:
    """The compiled loop around a function of states of a dtype, whose numbers are of the type ``real``."""
    steps, f = _steps(), copy_for_values(f)

    def driver(
        given: Any, at: Any, vectors: Any, rows: Any, times: Any, values: Any, kept: Any, rtol: Any, atol: Any,
        most: int, numbers: Any, counts: Any, args: Any,
    ) -> Any:  # fmt: skip
        polled = now()
        stage = 0
        while stage >= 0:
            stage = steps(at, vectors, rows, times, values, kept, rtol, atol, most, numbers, counts)
            if stage >= 0:
                slope = f(given, real(numbers[TIME]), *args)
                if slope.shape != given.shape:
                    return FAILED
                for k, x in enumerate(slope.flat):
                    vectors[stage, k] = x
                time = now()
                if time - polled > PERIOD:
                    polled = time
                    if interrupted():
                        stage = FAILED
        return stage

    identity = identity_of(f)
    return compile_loop(driver, identity and f"odeint {identity} {real.__name__}")


class Solved(NamedTuple):
    """The states at all times, one in each row, and the accepted steps, if they were kept.

    Attributes
    ----------
    values : numpy.ndarray
        The states at all times.
    marks, states : numpy.ndarray
        The start, the size and the end of each step, and the state there.
    places, inside : numpy.ndarray
        For each time how many steps end before or at it, and whether it is inside of the next one; then the state has
        these weights of the stages of that step besides the state before it.
    """

    values: Any
    marks: Any
    states: Any
    places: Any
    inside: Any

    @property
    def steps(self) -> list[Step]:
        """The accepted steps."""
        return [
            Step(start, size, end, state, None) for (start, size, end), state in zip(self.marks.tolist(), self.states)
        ]


def _room(steps: int, size: int, count: int, dtype: Any) -> tuple[Any, ...]:
    """The arrays for what is kept, see :class:`Solved`."""
    ends = np.empty((steps, 3)), np.empty((steps, size), dtype)
    return *ends, np.zeros((count, 2), np.int64), np.zeros((count, 7), dtype)


@lru_cache(maxsize=16)
def _no_room(dtype: Any) -> tuple[Any, ...]:
    return _room(0, 0, 0, dtype)


def solve(f: Any, y0: Any, times: Any, args: tuple[Any, ...], control: Control, keep: bool) -> Solved | None:
    """Solve an equation by the compiled loop; None where the loop in Python has to say what is wrong.

    Parameters
    ----------
    f : dispatcher
        The function, whose result is an array of the shape and dtype of `y0`.
    y0, times : numpy.ndarray
        The first state, of float32 or float64 with at least one axis, and the times.
    args : tuple
        What the function gets behind state and time.
    control : Control
        What chooses the sizes of steps.
    keep : bool
        Whether the accepted steps are wanted.
    """
    dtype, size, count = y0.dtype, y0.size, times.size
    driver = loop_around(f, dtype.type)
    rows = ROWS.astype(dtype)
    values = np.empty((count, size), dtype)
    room = 32 if keep else 0
    while True:
        given, vectors = y0.copy(), np.empty((VECTORS, size), dtype)
        kept = _room(room, size, count, dtype) if keep else _no_room(dtype)
        numbers, counts = np.zeros(8), np.zeros(5, np.int64)
        numbers[SIZE], counts[STAGE] = control.first_step or 0.0, _BEGIN
        try:
            status = driver(
                given, given.reshape(-1), vectors, rows, times, values, kept, dtype.type(control.rtol),
                dtype.type(control.atol), control.max_steps, numbers, counts, args,
            )  # fmt: skip
        finally:  # a handler's exception may have come before one of the function's own
            raise_what_came()
        if status != FULL:
            break
        room *= 4
    if status == FAILED:
        return None
    marks, states, places, inside = kept
    return Solved(values, marks[: counts[TAKEN]], states[: counts[TAKEN]], places, inside)


__all__ = ["ROWS", "TIMES", "Solved", "add_stages", "returns_states", "solve"]
