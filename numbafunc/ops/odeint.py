"""Solutions of ordinary differential equations: odeint."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import CPU
from numbafunc.dual.array import Dual, assemble, components, levels_of, make, number_of, settled, value_of
from numbafunc.dual.checkpoint import checkpoint
from numbafunc.dual.combination import combination
from numbafunc.dual.dtypes import is_long, long_words
from numbafunc.dual.levels import innermost
from numbafunc.dual.trees import SINGLE, as_one_array, flatten, flatten_with_names, tree_map
from numbafunc.kinds.arguments import as_float, as_int
from numbafunc.kinds.compiled import is_dispatcher, python_source
from numbafunc.kinds.njit import register
from numbafunc.kinds.registry import CALLS, Call
from numbafunc.limits import MOST_AXES
from numbafunc.ops.dormand_prince import NODES, SOLUTION, STAGES, Control, Step, control_of, dense_weights, steps
from numbafunc.ops.prepared_loops import PREPARED, Described, keep_odeint, plain_argument

if TYPE_CHECKING:
    from numbafunc.ops.compiled_odeint import Solved

__all__ = ["odeint"]


def odeint(
    f: Callable[..., Any],
    y0: Any,
    t: Any,
    *args: Any,
    rtol: float = 1e-8,
    atol: float = 1e-10,
    max_steps: int = 100_000,
    first_step: float | None = None,
) -> Any:
    r"""Solve an ordinary differential equation, by steps of adaptive size.

    .. math:: \frac{\mathrm{d} y}{\mathrm{d} t} = f(y, t, p), \qquad y(t_0) = y_0

    Parameters
    ----------
    f : callable
        ``f(y, t, *args)``: the derivative of the state, nested as `y0`, of the same shapes; where `y0` is an array, a
        list or tuple is taken as the array of its elements. It may refer to other arrays that are differentiated. A
        function compiled by ``numba.njit`` runs compiled, and so does the loop around it if the state is an array of
        real numbers with at least one axis, what `f` returns another one, and the parameters are numbers and arrays.
        Derivatives run compiled as well; those by times, by more than 64 numbers in reverse mode, and of functions
        that numbers with tangents don't go through, take its Python source, with :mod:`numbafunc.numpy` in NumPy's
        place.
    y0 : array_like or nest of array_like
        The state at the first time: float32, float64 or complex numbers, an array or a nest of these. Integers are
        taken as float64. A list is a nest of numbers, not an array.
    t : array_like
        The times at which the state is wanted, ascending or descending, equal ones allowed; the first is that of `y0`.
    *args
        The parameters p: passed on to `f`, arrays or nests of these, or anything else.
    rtol, atol : float
        The error that a step may make: ``atol + rtol * abs(y)`` in the root of the mean square over all elements of the
        state. An `rtol` below 10 times the precision of the state's dtype counts as that.
    max_steps : int
        The number of steps, with those whose error was too large, after which to give up.
    first_step : float, optional
        The size of the first step to try. By default it is found from `f`.

    Returns
    -------
    array or nest
        The states at the times `t`, nested as `y0`, each of shape ``(len(t), *y0.shape)``.

    Raises
    ------
    TypeError
        For states of other dtypes, a derivative that is nested otherwise than the state, or is complex where the state
        is real, and arrays of a device.
    ValueError
        For times that are not one axis of finite numbers in order; a state or first derivative that is not finite; a
        derivative of another shape than the state; settings that are out of range.
    RuntimeError
        For more than `max_steps` steps; for a derivative that is not finite, or changes so fast that no step is small
        enough.

    See Also
    --------
    scan : loops of a given number of steps.

    Notes
    -----
    The embedded Runge-Kutta method of orders 5 and 4 of Dormand and Prince [1]_, with a polynomial of degree 4 between
    the ends of a step. It is for equations that are not stiff.

    Derivatives with respect to the state, the parameters and all that `f` refers to are those of the steps taken, with
    their sizes as constants; the sizes depend on the values alone. For smooth solutions they are about as accurate as
    the values; where derivatives grow faster than values, take smaller tolerances. The derivative with respect to a
    time is `f` there. Where there are derivatives each accepted step is taken again with them, so reverse mode keeps
    nothing of rejected ones. It keeps what the six evaluations of `f` of each step need; with ``checkpoint(f)`` in
    place of `f`, see :func:`checkpoint`, the state and its derivative alone.

    References
    ----------
    .. [1] J. R. Dormand and P. J. Prince, "A family of embedded Runge-Kutta formulae", Journal of Computational and
       Applied Mathematics 6 (1980).

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> def decay(y, t, rate):
    ...     return -rate * y
    >>> numbafunc.odeint(decay, 1.0, [0.0, 1.0, 2.0], 0.5).round(6)
    array([1.      , 0.606531, 0.367879])
    >>> numbafunc.grad(lambda rate: numbafunc.odeint(decay, 1.0, [0.0, 2.0], rate)[-1])(0.5).round(6)
    np.float64(-0.735759)
    """
    if not callable(f):
        raise TypeError(f"f is a {type(f).__name__}; wanted: a function of a state and a time")
    described = key = None
    if is_dispatcher(f):
        described = Described()
        key = f, described.form((y0, t, args))
        prepared = PREPARED.get(key)
        if prepared is not None:
            found = prepared(described, args, rtol, atol, max_steps, first_step)
            if found is not None:
                return found
    times, t = _times(t)
    system = _System(f, y0, args)
    control = system.control(rtol, atol, max_steps, first_step)
    solved = system.solved(times, control, system.moves or type(t) is Dual)
    found = system.solution(times, t, control, solved)
    if solved is not None and described is not None:
        keep_odeint(key, described, args, solved)
    return found


def _times(t: Any) -> tuple[list[float], Any]:
    """The times as numbers, and as the array that may have tangents."""
    try:
        t = settled(as_one_array(t))
        array = t if type(t) is Dual else np.asarray(t)
    except ValueError as error:
        raise ValueError(f"t can't be made an array: {error}") from None
    if is_long(array.dtype):
        raise TypeError(long_words(array.dtype, "t"))
    if backend.of(array) is not CPU or array.dtype.kind not in "iuf":
        raise TypeError(f"t is {t!r}; wanted: real numbers in main memory")
    if array.ndim != 1 or not array.size:
        raise ValueError(f"t has shape {array.shape}; wanted: one axis of at least one time")
    values = np.asarray(value_of(array), float)
    if not np.isfinite(values).all():
        raise ValueError(f"t[{np.argmin(np.isfinite(values))}] is not finite; wanted: times that are finite")
    changes = np.diff(values)
    against = changes * (values[-1] - values[0]) < 0 if values[-1] != values[0] else changes != 0
    if against.any():
        k = int(np.argmax(against))
        raise ValueError(f"t goes from {values[k]:g} to {values[k + 1]:g} at t[{k}]; wanted: ascending or descending")
    return values.tolist(), array


def _leaf(x: Any, name: str) -> Any:
    """A part of the first state as an array."""
    x = settled(x)
    x = x if type(x) is Dual else np.asarray(x)
    if backend.of(x) is not CPU:
        raise TypeError(f"y0{name} is an array of {backend.of(x).place}; wanted: one in main memory")
    if x.dtype.kind in "iub":
        x = x.astype(float)
    if is_long(x.dtype):
        raise TypeError(long_words(x.dtype, f"y0{name}"))
    if x.dtype.char not in "fdFD":
        raise TypeError(f"y0{name} has dtype {x.dtype}; wanted: float32, float64, complex64 or complex128")
    if x.ndim >= MOST_AXES:
        raise ValueError(f"y0{name} has {x.ndim} axes; wanted: at most {MOST_AXES - 1}, since the times have one")
    if not np.isfinite(value_of(x)).all():
        raise ValueError(f"y0{name} is not finite; wanted: numbers that are finite")
    return x


_SEQUENCES = (list, tuple)


class _System:
    """A differential equation with the state at the first time."""

    def __init__(self, f: Callable[..., Any], y0: Any, args: tuple[Any, ...]) -> None:
        keeps = getattr(f, "keeps_arguments", None)
        self.checkpointed = keeps is not None
        self.plain_f = f if keeps is None else keeps
        self.jitted = is_dispatcher(self.plain_f)
        # A compiled function takes no dual arrays.
        self.f = python_source(self.plain_f) if self.jitted else getattr(self.plain_f, "py_func", self.plain_f)
        leaves, self.names, self.structure = flatten_with_names(y0)
        self.leaves = [_leaf(x, name) for x, name in zip(leaves, self.names, strict=True)]
        self.shapes = [x.shape for x in self.leaves]
        self.dtypes = [x.dtype for x in self.leaves]
        self.dtype = np.result_type(np.float32, *self.dtypes)
        self.sequence = type(y0)
        self.alone = self.structure is SINGLE
        self.flat = self.alone and len(self.shapes[0]) == 1
        self.real = np.zeros(0, self.dtype).real.dtype
        self.number = self.real.type
        self.args = tree_map(settled, args)
        self.plain_args = tree_map(plain_argument, args)
        parts = flatten(self.args)[0]
        for x in parts:
            if backend.of(x) is not CPU:
                raise TypeError(f"odeint is given an array of {backend.of(x).place}; wanted: arrays in main memory")
        self.moves = bool(levels_of(*parts, *self.leaves))
        # Arrays that can't be changed need not be watched for changes.
        self.read_only = innermost() is not None and self.f is self.plain_f

    def control(self, rtol: Any, atol: Any, max_steps: Any, first_step: Any) -> Control:
        """The checked settings of steps."""
        for name, number in (("rtol", rtol), ("atol", atol)):
            if not 0 <= as_float(number, name, "a number that is not negative") < math.inf:
                raise ValueError(f"{name} is {number!r}; wanted: a number that is not negative")
        most = as_int(max_steps)
        if most is None or most < 1:
            raise ValueError(f"max_steps is {max_steps!r}; wanted: a positive int")
        if first_step is not None and not 0 < as_float(first_step, "first_step", "a positive number") < math.inf:
            raise ValueError(f"first_step is {first_step!r}; wanted: a positive number")
        return control_of(self.dtype, float(rtol), float(atol), most, first_step)

    # The state as a vector of plain numbers.

    def vector(self, leaves: Sequence[Any]) -> Any:
        parts = [np.reshape(x, -1) for x in leaves]
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, self.dtype), *parts], dtype=self.dtype)

    def apart(self, vector: Any) -> list[Any]:
        """The leaves of a vector, or of a stack of vectors."""
        leading = vector.shape[:-1]
        if len(self.shapes) == 1:
            return [vector.reshape((*leading, *self.shapes[0]))]
        leaves = []
        start = 0
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True):
            stop = start + math.prod(shape)
            part = vector[..., start:stop].reshape((*leading, *shape))
            leaves.append((part if dtype.kind == "c" else part.real).astype(dtype, copy=False))
            start = stop
        return leaves

    def plain(self, y: Any, t: float) -> Any:
        """The derivative of a vector."""
        if self.read_only:
            y = y.view()
            y.flags.writeable = False
        if self.alone:
            given = y if self.flat else y.reshape(self.shapes[0])
            result = self.plain_f(number_of(given) if self.jitted else given, self.number(t), *self.plain_args)
            if type(result) is np.ndarray and result.shape == self.shapes[0] and result.dtype == self.dtype:
                return result if result.ndim == 1 else result.reshape(-1)
        else:
            parts = map(number_of, self.apart(y)) if self.jitted else self.apart(y)
            result = self.plain_f(self.structure.unflatten(parts), self.number(t), *self.plain_args)
        leaves = self.checked(result)
        for i, leaf in enumerate(leaves):
            if type(leaf) is Dual:
                # The function refers to something that moves.
                self.moves = True
                leaves[i] = value_of(leaf)
        return self.vector(leaves)

    def moved(self, leaves: list[Any], t: Any) -> list[Any]:
        """The derivative of the leaves of a state with tangents."""
        time = t.astype(self.real) if type(t) is Dual else self.number(t)
        result = self.f(self.structure.unflatten(leaves), time, *self.args)
        if self.alone and type(result) is Dual:
            value = result.primal
            if type(value) is np.ndarray and value.shape == self.shapes[0] and value.dtype == self.dtypes[0]:
                return [result]
        found = self.checked(result)
        return [x if x.dtype == dtype else x.astype(dtype) for x, dtype in zip(found, self.dtypes, strict=True)]

    def checked(self, result: Any) -> list[Any]:
        """The leaves that `f` has returned."""
        if self.alone:
            result = as_one_array(result)
        elif type(result) in _SEQUENCES and self.sequence in _SEQUENCES:
            result = self.sequence(result)
        leaves, structure = flatten(result)
        if structure != self.structure:
            hint = ", or numpy.array(y0)" if structure is SINGLE and self.sequence in _SEQUENCES else ""
            raise TypeError(
                f"f returns a derivative nested as {structure}, and y0 is nested as {self.structure}; "
                f"wanted: alike{hint}"
            )
        for i, shape in enumerate(self.shapes):
            leaf = leaves[i]
            if type(leaf) is not np.ndarray and type(leaf) is not Dual:
                leaves[i] = leaf = np.asarray(leaf)
            if leaf.shape != shape:
                name = self.names[i]
                raise ValueError(
                    f"f returns a derivative{name} of shape {leaf.shape}, and y0{name} has shape {shape}; wanted: alike"
                )
            kind = leaf.dtype.kind
            if kind not in "iubf" and not (kind == "c" and self.dtypes[i].kind == "c"):
                raise TypeError(
                    f"f returns a derivative{self.names[i]} of dtype {leaf.dtype}, and y0{self.names[i]} has dtype "
                    f"{self.dtypes[i]}; wanted: a derivative that the state can hold"
                )
        return leaves

    # Steps.

    def solved(self, times: list[float], control: Control, keep: bool) -> Solved | None:
        """What the loop around a compiled function finds, with its steps if they are kept; None of other equations."""
        if not is_dispatcher(self.plain_f) or not self.alone or not self.shapes[0] or self.dtype.char not in "fd":
            return None
        y0 = np.array(value_of(self.leaves[0]), order="C")
        described = Described()
        described.form((y0, self.plain_args))
        if not described.usual or not y0.size:
            return None
        from numbafunc.ops.compiled_odeint import returns_states, solve

        if not returns_states(self.plain_f, y0, self.plain_args):
            return None
        found = solve(self.plain_f, y0, np.array(times), self.plain_args, control, keep)
        if found is None and keep:  # what is wrong is said before any derivative is taken
            for _ in self.taken(times, control):
                pass
        return found

    def taken(self, times: list[float], control: Control) -> Iterator[Step]:
        """The steps, by the loop in Python."""
        y = self.vector([value_of(x) for x in self.leaves]).astype(self.dtype)
        first = self.plain(y.copy(), times[0])
        if not np.isfinite(first).all():
            raise ValueError(f"f is not finite at the first time, t = {times[0]:g}; wanted: a finite derivative")
        return steps(self.plain, y, times[0], times[-1], first, control)

    def solution(self, times: list[float], t: Any, control: Control, solved: Solved | None) -> Any:
        """The states at all times."""
        if solved is not None and not self.moves and type(t) is not Dual:
            return self.apart(solved.values)[0]
        if solved is not None and type(t) is not Dual:
            from numbafunc.ops.odeint_replay import replayed

            found = replayed(self.plain_f, self.leaves[0], self.args, solved)
            if found is not None:
                return found
        values, states = [], []
        for value, state in self.outputs(times, t, control, solved):
            values.append(value)
            states.append(state)
        parts = self.apart(np.stack(values))
        moving = [state is not None and any(type(x) is Dual for x in state) for state in states]
        if any(moving):
            parts = [
                _with_tangents(part, [part[k] if state is None else state[i] for k, state in enumerate(states)])
                for i, part in enumerate(parts)
            ]
        return self.structure.unflatten(parts)

    def outputs(
        self, times: list[float], t: Any, control: Control, solved: Solved | None
    ) -> Iterator[tuple[Any, list[Any] | None]]:
        """For each time the state as a vector, and its leaves with tangents, or None where nothing moves."""
        y = self.vector([value_of(x) for x in self.leaves]).astype(self.dtype)
        yield y, self.leaves
        start = times[0]
        taken: Iterable[Step] = self.taken(times, control) if solved is None else solved.steps
        # From here on the times are numbers: a change of the first one, of value zero, is a step of that size.
        changes = [t[k] - times[k] for k in range(len(times))] if type(t) is Dual else None
        self.moves |= changes is not None
        leaves = self.leaves if changes is None else self.shifted(self.leaves, start, -changes[0])
        slopes = None
        k = 1
        while k < len(times) and times[k] == start:
            yield y, leaves if changes is None else self.shifted(leaves, start, changes[k])
            k += 1
        started = self.moves
        for step in taken:
            began, stages = leaves, None
            if self.moves:
                if not started:
                    # What `f` refers to began to move in this step.
                    began, started = self.apart(y), True
                leaves, stages = self.replayed(began, slopes, step)
                slopes = stages[6]
            while k < len(times) and abs(times[k] - step.start) <= abs(step.size):
                value, state = step.state, leaves
                if times[k] != step.end:
                    weights = [step.size * w for w in dense_weights((times[k] - step.start) / step.size)]
                    value = solved.values[k] if solved else y + np.array(weights, self.dtype) @ step.stages
                    state = began if stages is None else self.combined(began, weights, stages)
                if changes is not None:
                    state = self.shifted(state, times[k], changes[k])
                yield value, None if stages is None else state
                k += 1
            y = step.state

    def combined(self, leaves: Sequence[Any], weights: Sequence[float], stages: Sequence[Sequence[Any]]) -> list[Any]:
        """The state plus the stages times their weights."""
        return [
            combination((1.0, *weights), (x, *(stage[i] for stage in stages[: len(weights)])))
            for i, x in enumerate(leaves)
        ]

    def replayed(self, leaves: list[Any], slopes: list[Any] | None, step: Step) -> tuple[list[Any], list[list[Any]]]:
        """A step with tangents: the state at its end, and the stages."""
        ends = self.apart(step.state)
        if slopes is None:
            slopes = self.moved(leaves, step.start)

        def run(leaves: list[Any], slopes: list[Any]) -> tuple[list[Any], list[list[Any]]]:
            stages = [slopes]
            for node, row in zip(NODES[1:6], STAGES[1:6], strict=True):
                at = self.combined(leaves, [step.size * a for a in row], stages)
                stages.append(self.moved(at, step.start + node * step.size))
            new = self.combined(leaves, [step.size * a for a in SOLUTION], stages)
            # The values are those of the step as it was taken, to the bit.
            new = [_with_value(x, value) for x, value in zip(new, ends, strict=True)]
            return new, [*stages, self.moved([x.copy() for x in new], step.end)]

        return (checkpoint(run) if self.checkpointed else run)(leaves, slopes)

    def shifted(self, leaves: list[Any], t: float, change: Any) -> list[Any]:
        """The state at a time that differs by a change of value zero."""
        orders = len(levels_of(change))
        if orders > 5:
            raise ValueError(f"odeint has derivatives up to order 5 with respect to t; wanted is one of order {orders}")
        change = change.astype(self.real)
        stages: list[list[Any]] = []
        # A step of a method of order n has the derivatives by its size that the solution has, up to order n.
        rows = STAGES[:6] if orders > 1 else ((),)
        for node, row in zip(NODES, rows):
            at = leaves if not row else self.moved_by(leaves, change, row, stages)
            stages.append(self.moved(at, t + node * change if node else t))
        return self.moved_by(leaves, change, SOLUTION if orders > 1 else (1.0,), stages)

    def moved_by(self, leaves: list[Any], change: Any, weights: Sequence[float], stages: list[list[Any]]) -> list[Any]:
        slopes = [combination(weights, [stage[i] for stage in stages]) for i in range(len(leaves))]
        return [x + change * slope for x, slope in zip(leaves, slopes, strict=True)]


def _with_value(x: Any, value: Any) -> Any:
    """An array with another value, and the tangents that it has."""
    if type(x) is Dual and type(x.primal) is np.ndarray and type(x.tangent) is not Dual:
        return make(value, x.tangent, x.level)
    return assemble({**components(x), (): value})


def _with_tangents(values: Any, states: list[Any]) -> Any:
    """The states of all times, which have these values."""
    return assemble({**components(np.stack(states)), (): values})


CALLS["odeint"] = Call(())
register(__name__)
