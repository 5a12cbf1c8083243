"""Steps of the method of Dormand and Prince for ordinary differential equations, of sizes that keep the error small.

Two solutions of orders 5 and 4 share the stages of a step; their difference estimates the error, and so the size of the
next step [1]_. Between the ends of a step a polynomial of degree 4 in time interpolates, of order 4 as well [2]_.

References
----------
.. [1] J. R. Dormand and P. J. Prince, "A family of embedded Runge-Kutta formulae", Journal of Computational and Applied
   Mathematics 6 (1980).
.. [2] E. Hairer, S. P. Nørsett and G. Wanner, Solving Ordinary Differential Equations I, 2nd edition, Springer (1993),
   sections II.4 to II.6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

# Row i has the weights of the stages before stage i in its argument, NODES[i] its time as a part of the step. The last
# stage is the derivative at the end of the step, where the next one begins.
NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
STAGES: tuple[tuple[float, ...], ...] = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
SOLUTION = STAGES[6]
"""The weights of the solution of order 5."""

ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
_DENSE = (
    *(-12715105075 / 11282082432, 0.0, 87487479700 / 32700410799, -10690763975 / 1880347072),
    *(701980252875 / 199316789632, -1453857185 / 822651844, 69997945 / 29380423),
)


_END = (*SOLUTION, 0.0)


# Functions of numbers, which Numba compiles too for the loop around a compiled function.


def dense_weights(part: float) -> list[float]:
    """The weights of the seven stages for the solution inside of a step, at a part of its length."""
    rest = 1.0 - part
    smooth, inner = part * part * (3.0 - 2.0 * part), (part * rest) ** 2
    weights = [smooth * _END[i] + inner * _DENSE[i] for i in range(7)]
    weights[0] += part * rest * rest
    weights[6] -= part * part * rest
    return weights


def first_guess(of_state: float, of_slope: float, span: float) -> float:
    """A size at which to look how the derivative changes, given norms of the state and of its derivative."""
    size = 1e-6 if of_state < 1e-5 or of_slope < 1e-5 else 0.01 * of_state / of_slope
    return min(size, span)


def first_size(size: float, of_slope: float, curvature: float, span: float) -> float:
    """A first step whose error is about what is tolerated, given the guess and how fast the derivative changes."""
    largest = max(of_slope, curvature)
    if not math.isfinite(largest):
        return size
    other = max(1e-6, 1e-3 * size) if largest <= 1e-15 else (0.01 / largest) ** 0.2
    return min(100.0 * size, other, span)


def shorter_size(length: float, error: float) -> float:
    """The size to try after a step of this length, whose error was too large."""
    return length * (max(0.2, 0.9 * error**-0.2) if math.isfinite(error) else 0.2)


def next_size(length: float, error: float, grew: bool) -> float:
    """The size of the step after an accepted one; it does not grow behind one that had to be made shorter."""
    factor = 10.0 if error == 0.0 else min(10.0, 0.9 * error**-0.2)
    return length * (factor if grew else min(1.0, factor))


class Step(NamedTuple):
    """An accepted step: from which time, of what size, to which time; the state there, and the stages."""

    start: float
    size: float
    end: float
    state: Any
    stages: Any


class Control(NamedTuple):
    """What chooses the sizes of steps."""

    rtol: float
    atol: float
    max_steps: int
    first_step: float | None


@lru_cache(maxsize=128)
def control_of(dtype: Any, rtol: float, atol: float, max_steps: int, first_step: float | None) -> Control:
    """The settings for states of a dtype, with tolerances that are not below its precision."""
    limits = np.finfo(dtype)
    return Control(max(rtol, 10 * float(limits.eps)), max(atol, float(limits.tiny)), max_steps, first_step)


def steps(
    f: Callable[[Any, float], Any], y: Any, start: float, end: float, first: Any, control: Control
) -> Iterator[Step]:
    """The accepted steps from a state, a vector, to a time; ``f(y, t)`` is the derivative, ``first`` that at the start.

    The arrays of a step are valid until the next one is asked for; its state remains.
    """
    dtype = y.dtype
    nodes, rows = NODES, [np.array(row, dtype) for row in STAGES]
    error_row = np.array(ERROR, dtype)
    stages = np.empty((7, y.size), dtype)
    stages[0] = first
    before = [stages[:i] for i in range(7)]
    slope, length_of_step = np.empty(y.size, dtype), np.empty((), dtype)
    dot, multiply = np.dot, np.multiply
    t, towards = start, math.copysign(1.0, end - start)
    span = abs(end - start)
    size = min(span, _first_size(f, y, t, towards, stages[0], control, span))
    count = 0
    while t != end:
        smallest = 10.0 * abs(math.nextafter(t, towards * math.inf) - t)
        rest = abs(end - t)
        size = max(size, smallest)
        grew = True
        while True:
            if count == control.max_steps:
                raise RuntimeError(
                    f"odeint has taken max_steps={control.max_steps} steps and is at t = {t:.6g}, on the way from "
                    f"{start:.6g} to {end:.6g}; the equation may be stiff, or the tolerances smaller than needed"
                )
            count += 1
            length = min(size, rest)
            h = towards * length
            reached = end if length == rest else t + h
            h = reached - t
            length_of_step[()] = h
            for i in range(1, 6):
                dot(rows[i], before[i], slope)
                stages[i] = f(y + multiply(slope, length_of_step, slope), t + nodes[i] * h)
            dot(rows[6], before[6], slope)
            new = y + multiply(slope, length_of_step, slope)
            stages[6] = f(new.copy(), reached)  # which may change its argument in place
            dot(error_row, stages, slope)
            error = _norm(multiply(slope, length_of_step, slope), y, new, control)
            if error < 1.0:
                break
            if not length > smallest:
                raise RuntimeError(_too_small(t, stages, new, control))
            size = shorter_size(length, error)
            grew = False
        size = next_size(length, error, grew)
        yield Step(t, h, reached, new, stages)
        t, y = reached, new
        stages[0] = stages[6]


def _norm(error: Any, y: Any, new: Any, control: Control) -> float:
    """The root of the mean square of an error, in units of what is tolerated."""
    if not error.size:
        return 0.0
    relative = error / (control.atol + control.rtol * np.maximum(np.abs(y), np.abs(new)))
    return math.sqrt(np.vdot(relative, relative).real / relative.size)


def _first_size(
    f: Callable[[Any, float], Any], y: Any, t: float, towards: float, slope: Any, control: Control, span: float
) -> float:
    """The size of the first step, by one evaluation nearby."""
    if control.first_step is not None:
        return control.first_step
    if not span or not y.size:
        return span
    of_state, of_slope = _norm(y, y, y, control), _norm(slope, y, y, control)
    size = first_guess(of_state, of_slope, span)
    nearby = f(y + towards * size * slope, t + towards * size)
    return first_size(size, of_slope, _norm(nearby - slope, y, y, control) / size, span)


def _too_small(t: float, stages: Any, new: Any, control: Control) -> str:
    if not (np.isfinite(stages).all() and np.isfinite(new).all()):
        return f"odeint: the derivative that f returns is not finite just after t = {t:.6g}, however small the step is"
    return (
        f"odeint can't go on at t = {t:.6g}: steps of the precision of the time are too long for rtol={control.rtol:g} "
        f"and atol={control.atol:g}; the solution may have a singularity there"
    )
