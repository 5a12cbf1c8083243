"""Reductions of operands with recorded tangents: the transpose of their derivative, from the stages.

With the terms l of an element, their totals t over a row, the finals f of ``finish``, and the epilogue e, the
cotangent c of a result gives that of an operand x:

- of each final, ``g = sum(c * de/df)`` over the row, or the cotangent of the result itself where there is no epilogue;
- of each total, ``b = sum(g * df/dt)`` over the finals;
- of the operand, ``c * de/dx + sum(b * dl/dx)`` over the terms.

Each of these derivatives is that of an elementwise function, which is composed of stages here and compiled by the
elementwise kind. The totals are kept, one number of each for a row; all else is computed again.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np

from numbafunc.cpu.threads import Kernels
from numbafunc.dual import anywhere
from numbafunc.dual.array import Dual, make, on_device, value_of
from numbafunc.dual.levels import Level
from numbafunc.dual.quiet import quiet
from numbafunc.dual.recorded import (
    recorded_level,
    shaped_like,
    simply_recorded,
    taken_apart,
    with_level,
    without_level,
)
from numbafunc.dual.recorder import PICKED, Node, Primitive, watch
from numbafunc.kinds import arguments
from numbafunc.kinds.elementwise import Elementwise
from numbafunc.kinds.moving_calls import keep_recorded
from numbafunc.kinds.partials import partials_of
from numbafunc.kinds.shortcuts import Shortcut, signature_of
from numbafunc.numba_import import after_import

_MANY = 2**18
"""Elements from which on a reduction with tangents takes less time than elementwise functions and a sum."""

_EXACT = 2**24
"""Indices from which on float32 leaves some out."""


def _names(letter: str, count: int) -> list[str]:
    return [f"{letter}{number}" for number in range(count)]


def _namespace(**stages: Callable[..., Any] | None) -> dict[str, Any]:
    """The global variables of a definition that calls stages: Numba's functions of them, once Numba is there."""
    namespace: dict[str, Any] = {"__name__": __name__}

    def put() -> None:
        from numbafunc.cpu.dispatchers import inline

        namespace.update({name: stage and inline(stage) for name, stage in stages.items()})

    after_import(put)
    return namespace


@cache
def stage_op(function: Callable[..., Any], place: int, reduction: str, stage: str) -> Elementwise:
    """The elementwise op that computes one of the numbers that a stage returns; the only one for a negative place."""
    names = ", ".join(_names("x", len(inspect.signature(function).parameters)))
    picked = f"[{place}]" if place >= 0 else ""
    namespace = _namespace(stage=function)
    exec(f"def definition({names}):\n    return stage({names}){picked}\n", namespace)
    name = f"{stage} {place} of {reduction}"
    return Elementwise(namespace["definition"], name=name, identity=name)


def _total(shift: Any, count: Any, total: Any) -> Any:
    return (total,)


class Composed:
    """The elementwise functions that are composed of the stages of a reduction."""

    def __init__(self, op: Any) -> None:
        self.name = op.name
        self._reduction = type(op)
        self.stages = stages = op.stages
        self.operands = _names("x", len(inspect.signature(stages.lift).parameters) - 1)
        self.terms, self.totals = _names("b", stages.sums), _names("t", stages.sums)
        self.more = ["0.0"] * stages.more  # constants for derivatives
        self.picked = ["picked"] if stages.picks else []
        self.finals = _names("f", stages.finals)
        self.results = 1 if stages.epilogue is not None else stages.results
        # Without an epilogue the results are the first finals.
        self.weights = _names("g", stages.finals if stages.epilogue is not None else stages.results)

    def _compiled(self, what: str, parameters: Sequence[str], lines: Sequence[str]) -> Elementwise:
        stages = self.stages
        namespace = _namespace(lift=stages.lift, finish=stages.finish, epilogue=stages.epilogue, balance=stages.balance)
        source = f"def definition({', '.join(parameters)}):\n    " + "\n    ".join(lines)
        exec(compile(source, f"<{what} of {self.name}>", "exec"), namespace)
        name = f"{what} of {self.name}"
        return Elementwise(namespace["definition"], name=name, identity=name)

    def _called(self, stage: str) -> str:
        """The expression that calls a stage."""
        if stage == "finish":
            return f"finish(shift, count, {', '.join([*self.totals, *self.more, *self.picked])})"
        if stage == "epilogue":
            return f"epilogue({', '.join([*(['terms[0]'] if self.stages.kept else self.operands), *self.finals])})"
        return f"lift(shift, {', '.join(self.operands)})"

    @cached_property
    def of_finals(self) -> Elementwise:
        """A cotangent times the result of an element."""
        lines = [f"terms = {self._called('lift')}"] if self.stages.kept else []
        parameters = ["cotangent", "shift", *self.operands, *self.finals]
        return self._compiled("finals' part", parameters, [*lines, f"return cotangent * {self._called('epilogue')}"])

    @cached_property
    def sums_of_finals(self) -> Any:
        """The reduction that sums :attr:`of_finals` over a row; its derivatives by the finals are what is sought."""
        namespace = _namespace(lift=self.stages.lift, epilogue=self.stages.epilogue)
        lines = [f"terms = {self._called('lift')}"] if self.stages.kept else []
        parameters = ", ".join(["unused", "cotangent", "shift", *self.operands, *self.finals])
        lines.append(f"return (cotangent * {self._called('epilogue')},)")
        exec(f"def product({parameters}):\n    " + "\n    ".join(lines), namespace)
        stages = type(self.stages)(lift=namespace["product"], finish=_total)
        return self._reduction(f"finals' part of {self.name}, summed", stages, listed=False)

    @cached_property
    def of_totals(self) -> Elementwise:
        """The sum of weights times the finals of a row."""
        parameters = [*self.weights, "shift", "count", *self.totals, *self.picked]
        products = " + ".join(f"{weight} * finals[{number}]" for number, weight in enumerate(self.weights))
        return self._compiled("totals' part", parameters, [f"finals = {self._called('finish')}", f"return {products}"])

    @cached_property
    def of_operands(self) -> Elementwise:
        """The sum of weights times the terms of an element, and of a cotangent times its result."""
        lines = [f"terms = {self._called('lift')}"]
        parameters = [*self.terms, "shift", *self.operands]
        if self.stages.balance:
            # Both totals have the same weight, and what the other part weighs is that times their sum.
            lines = [f"terms = balance(shift, {', '.join(self.operands)})"]
            first, second = ("t0 * terms[1]", "t1 * terms[1]")
            if self.picked:
                first, second = (f"({total} * x0 if place == index else 0)" for total in ("t0", "t1"))
            total = f"b0 * ((terms[0] - {first}) - {second})"
            parameters = ["b0", "t0", "t1", *parameters[self.stages.sums :]]
        else:
            total = " + ".join(f"{weight} * terms[{number}]" for number, weight in enumerate(self.terms))
            if self.picked:
                parameters = [*self.terms, "weight", *parameters[self.stages.sums :]]
                total += " + (weight * x0 if place == index else 0)"
        if self.stages.epilogue is not None:
            parameters = ["cotangent", *parameters, *self.finals]
            total += f" + cotangent * {self._called('epilogue')}"
        if self.picked:
            parameters = [*parameters, "place", "index"]
        return self._compiled("operands' part", parameters, [*lines, f"return {total}"])

    @cached_property
    def stages_with_totals(self) -> Any:
        """The reduction to results of a row, or finals before an epilogue, its shift, totals and picked element."""
        stages = self.stages
        kept = stages.finals if stages.epilogue is not None else stages.results
        more = _names("m", stages.more)
        called = f"finish({', '.join(['shift', 'count', *self.totals, *more, *self.picked])})"
        parameters = ["shift", "count", *self.totals, *more, *self.picked]
        namespace = _namespace(finish=stages.finish)
        finals = ", ".join(f"finals[{number}]" for number in range(kept))
        exec(
            f"def totals({', '.join(parameters)}):\n    finals = {called}\n"
            f"    return ({finals}, {', '.join(['shift', *self.totals, *self.picked])},)\n",
            namespace,
        )
        number = kept + 1 + stages.sums + len(self.picked)
        finish = namespace["totals"]
        # The totals are no logarithm, so their parts do not balance.
        return stages._replace(finish=finish, epilogue=None, kept=False, balance=None, finals=number, results=number)


def by_stages(
    op: Any, operands: Sequence[Any], names: Sequence[str], axes: tuple[int, ...], dtype: Any, shape: tuple[int, ...],
    keepdims: bool, shortcut: Shortcut | None = None,
) -> list[Any]:  # fmt: skip
    """The results of a reduction of operands of which at least one has a recorded tangent."""
    taken = simply_recorded(operands)
    if taken is not None:
        rests, recorders, moving, level = taken
        signature = signature_of(*rests)
        if signature is not None:
            key = (moving, axes, dtype, shape, keepdims, signature)
            known: _Step | None = op.steps.get(key)
            if known is None and not _is_inexact(op, dtype, axes, shape):
                known = op.steps[key] = _Step(op, moving, axes, dtype, shape, keepdims, prepared=True)
            if known is not None:
                if shortcut is not None and shortcut.moving:
                    keep_recorded(shortcut, operands, known.result_of)
                return known.record(rests, recorders, level)
    level = recorded_level(*operands)
    rests, tangents = taken_apart(operands, level)
    nested = any(type(x) is Dual and x.level > level for x in operands)
    if nested or on_device(*rests) or _is_inexact(op, dtype, axes, shape):
        values = op(rests, axes, dtype, shape=shape, keepdims=keepdims, names=names)
        return _step_by_step(op, values, rests, tangents, level, axes, _precision(dtype), shape)
    moving = tuple([number for number, tangent in enumerate(tangents) if tangent is not None])
    step = _Step(op, moving, axes, dtype, shape, keepdims)
    return step.record(rests, [tangents[number] for number in moving], level)


def _precision(dtype: Any) -> Any:
    """The dtype to compute in."""
    return np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)


def _is_inexact(op: Any, dtype: Any, axes: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether some indices of picked elements are no numbers of the precision."""
    if not op.stages.picks or _precision(dtype).itemsize == 8:
        return False
    return math.prod(shape[axis] for axis in axes) > _EXACT


class _Step:
    """The step of a reduction on the tape, for operands of some shapes and dtypes.

    What an execution keeps for the walk back is the last argument of its node: the operands without tangents, the
    shift, the totals and the finals.

    Parameters
    ----------
    moving : tuple of int
        The positions of the operands that move.
    prepared : bool
        Whether it serves plain operands that all have the same shapes and dtypes, and lie in memory as kernels take
        them. The calls of kernels that it comes down to are kept then.
    """

    def __init__(
        self, op: Any, moving: tuple[int, ...], axes: tuple[int, ...], dtype: Any, shape: tuple[int, ...],
        keepdims: bool, prepared: bool = False,
    ) -> None:  # fmt: skip
        self.op, self.moving, self.axes, self.dtype, self.shape, self.keepdims = (
            op,
            moving,
            axes,
            dtype,
            shape,
            keepdims,
        )
        self.composed = composed = op.composed
        self.compute = _precision(dtype)
        self.count = math.prod(shape[axis] for axis in axes)
        row = tuple(1 if axis in axes else length for axis, length in enumerate(shape))
        self.has_epilogue = composed.stages.epilogue is not None
        # Of results as they are computed, and as they are returned.
        self.lengths = shape if self.has_epilogue else row
        self.result = self.lengths
        if not self.has_epilogue and not keepdims:
            self.result = tuple(length for axis, length in enumerate(shape) if axis not in axes)
        self.behind = tuple(axis + 1 for axis in axes)
        self.kept = len(composed.weights)
        self.behind_parts = tuple(axis + 2 for axis in axes)
        self.primitive = Primitive(op.name, self.push, self.pull, joint=True)
        self.calls: Kernels | None = Kernels(64) if prepared else None

    def _call(self, what: str, prepare: Callable[[], Any]) -> Any:
        """A call of a kernel that is kept; None where there is none."""
        if self.calls is None:
            return None
        call = self.calls[what] = prepare() or False
        return call or None

    def _rows(self, rests: Sequence[Any]) -> Sequence[Any]:
        """One number of each for a row: the finals or, without an epilogue, the results; the shift; the totals."""
        call = None if self.calls is None else self.calls.get("rows")
        if call is None:
            op = self.op.with_totals
            call = self._call("rows", lambda: op.prepared(rests, self.axes, self.compute, self.shape, keepdims=True))
        if call:
            return call(rests)  # type: ignore[no-any-return]
        op = self.op.with_totals
        return op(rests, self.axes, self.compute, shape=self.shape, keepdims=True)  # type: ignore[no-any-return]

    def _values(self, rests: Sequence[Any], finals: Sequence[Any]) -> list[Any]:
        """The results."""
        if not self.has_epilogue:
            values = finals if self.keepdims else [x.reshape(self.result) for x in finals]
            if self.dtype is not self.compute:
                values = [x if x.dtype == self.dtype else x.astype(self.dtype) for x in values]
            return values  # type: ignore[return-value]
        call = None if self.calls is None else self.calls.get("values")
        if call is None:
            call = self._call("values", lambda: self.op.prepared(rests, self.axes, self.dtype, self.shape))
        if call:
            return call(rests)  # type: ignore[no-any-return]
        return [self.op(rests, self.axes, self.dtype, shape=self.shape)]

    def record(self, rests: Sequence[Any], recorders: Sequence[Any], level: int) -> list[Any]:
        """The results with their recorded tangents, given those of the operands that move."""
        rows = self._rows(rests)
        kept = self.kept
        finals = rows[:kept]
        values = self._values(rests, finals)
        if len(recorders) < len(rests):
            for number, rest in enumerate(rests):
                if number not in self.moving:
                    watch(rest, level)
        state = (rests, value_of(rows[kept]), rows[kept + 1 :], finals)
        directions = recorders[0].shape[0]
        if len(values) == 1:
            value, shape = values[0], (directions, *self.result)
            if len(recorders) == 1:
                return [make(value, self.primitive.of(recorders[0], shape, self.dtype, state), level)]
            return [make(value, self.primitive.record(shape, self.dtype, *recorders, state), level)]
        joint = self.primitive.record((), self.compute, *recorders, state)
        return [
            make(value, PICKED.record((directions, *value.shape), self.dtype, joint, number), level)
            for number, value in enumerate(values)
        ]

    def result_of(self, rests: Sequence[Any], recorders: Sequence[Any], level: int) -> Any:
        """The result, or a tuple of several."""
        results = self.record(rests, recorders, level)
        return results[0] if len(results) == 1 else tuple(results)

    def push(self, *arguments: Any) -> Any:
        """The tangents of the results, given those of the operands."""
        *tangents, state = arguments
        operands = list(state[0])
        with Level() as level:
            for number, tangent in zip(self.moving, tangents, strict=True):
                operands[number] = make(operands[number], tangent, level)
            results = self.op(operands, self.axes, self.dtype, shape=self.shape, keepdims=self.keepdims)
        several = results if type(results) is tuple else (results,)
        found = [
            x.tangent if type(x) is Dual and x.level == level else np.zeros((tangents[0].shape[0], *x.shape), x.dtype)
            for x in several
        ]
        return found if type(results) is tuple else found[0]

    def pull(self, cotangents: Any, *arguments: Any) -> list[Any]:
        """The cotangents of the operands that move, given those of the results."""
        stages = self.composed.stages
        rests, shift, totals, finals = arguments[-1]
        directions = arguments[0].shape[0]
        shape = (directions, *self.lengths)
        if type(cotangents) is dict:
            numbers = tuple(cotangents)
            laid_out = [_laid_out(x, shape, self.compute) for x in cotangents.values()]
        else:
            numbers, laid_out = _ONLY, [_laid_out(cotangents, shape, self.compute)]
        of_finals, of_totals, of_operands = self._parts(directions, numbers, laid_out)
        reals = rests
        if stages.integers:
            reals = [0.0 if number in stages.integers else x for number, x in enumerate(rests)]
        weights: list[Any]
        if not self.has_epilogue:
            weights = [0.0] * self.kept
            for number, x in zip(numbers, laid_out, strict=True):
                weights[number] = x
        else:
            summed = self._sums_of_finals(of_finals, [laid_out[0], shift, *reals, *finals], shape)
            weights = list(summed)
            for number in sorted(stages.still):
                weights.insert(number, 0.0)
        terms = of_totals([*weights, shift, float(self.count), *totals])
        if stages.balance:
            terms = [terms[0], *totals[:2]]
        operands = [*terms, shift, *reals]
        if self.has_epilogue:
            operands = [laid_out[0], *operands, *finals]
        if stages.picks:
            places = np.asarray(rests[-1])
            operands += [self.place, np.where(places < 0, places + self.count, places)]
        parts = of_operands(operands)
        if len(arguments) == 2:
            return [_summed_behind(parts[0], arguments[0])]
        return [_summed_behind(part, node) for part, node in zip(parts, arguments[:-1], strict=True)]

    def _parts(
        self, directions: int, numbers: tuple[int, ...], cotangents: Sequence[Any]
    ) -> tuple[_Partials, _Partials, _Partials]:
        """The partial derivatives of the composed functions, for cotangents of some of the results."""
        known = self.calls
        for x in cotangents:
            if type(x) is not np.ndarray:
                known = None
        parts = None if known is None else known.get((directions, numbers))
        if parts is None:
            composed, keep = self.composed, known is not None
            parts = (
                _Partials(composed, "of_finals", self.moving_finals, self.compute, keep),
                _Partials(composed, "of_totals", self.moving_totals, self.compute, keep),
                _Partials(composed, "of_operands", self.moving_operands, self.compute, keep),
            )
            if known is not None:
                known[directions, numbers] = parts
        return parts

    def _sums_of_finals(self, partials: _Partials, operands: list[Any], shape: tuple[int, ...]) -> Sequence[Any]:
        """The sum over each row of a cotangent times the derivatives of the results by each of the finals that move."""
        cotangent, *others = operands
        if shape[0] == 1 and cotangent.size >= _MANY and all(type(x) in (np.ndarray, float) for x in operands):
            moved = [cotangent[0], *others]
            with Level() as level:
                for direction, place in enumerate(self.moving_finals):
                    units = np.zeros((len(self.moving_finals), *moved[place].shape), self.compute)
                    units[direction] = 1
                    moved[place] = make(moved[place], units, level)
                sums = self.composed.sums_of_finals(moved, self.axes, self.compute, shape=self.shape, keepdims=True)
            return [part[np.newaxis] for part in sums.tangent]
        parts = partials(operands)
        if type(parts) is np.ndarray and parts.shape[1:] == shape:
            # All at once: NumPy's function takes longer to start than for a small array.
            return np.add.reduce(parts, self.behind_parts, keepdims=True)  # type: ignore[return-value]
        found = []
        for x in parts:
            x = anywhere.repeated(x, shape)
            total = np.add.reduce if type(x) is np.ndarray else anywhere.total
            found.append(total(x, self.behind, keepdims=True))
        return found

    # The positions, among the operands of the composed functions, of those by which derivatives are wanted.

    @cached_property
    def moving_finals(self) -> tuple[int, ...]:
        stages, before = self.composed.stages, 2 + len(self.composed.operands)
        return tuple(before + number for number in range(stages.finals) if number not in stages.still)

    @cached_property
    def moving_totals(self) -> tuple[int, ...]:
        stages, start = self.composed.stages, len(self.composed.weights) + 2
        # The picked element is behind the totals; where parts balance, it has the weight of the first.
        return tuple(range(start, start + (1 if stages.balance else stages.sums + len(self.composed.picked))))

    @cached_property
    def moving_operands(self) -> tuple[int, ...]:
        before = 1 + (3 if self.composed.stages.balance else len(self.moving_totals)) + self.has_epilogue
        return tuple(before + number for number in self.moving)

    @cached_property
    def place(self) -> Any:
        """The indices of the elements of a row."""
        return np.arange(self.count).reshape((-1,) + (1,) * (len(self.shape) - self.axes[-1] - 1))


class _Partials:
    """The partial derivatives of one of the composed functions by some of its operands.

    Parameters
    ----------
    composed : Composed
        The functions.
    name : str
        The name of the one.
    moving : tuple of int
        The positions of the operands.
    compute : dtype
        The precision.
    keep : bool
        Whether all calls have operands of the same shapes, so that the call of the kernel is kept.
    """

    __slots__ = ("_call", "_composed", "_compute", "_keep", "_moving", "_name")

    def __init__(self, composed: Composed, name: str, moving: tuple[int, ...], compute: Any, keep: bool) -> None:
        self._composed, self._name, self._moving, self._compute, self._keep = composed, name, moving, compute, keep
        self._call: Callable[[Sequence[Any]], Any] | None = None

    def __call__(self, operands: Sequence[Any]) -> Any:
        if self._call is not None:
            return self._call(operands)[0]
        op: Elementwise = getattr(self._composed, self._name)
        _, partials = partials_of(op, operands, self._moving, self._compute, value=False)
        if self._keep:
            self._call = op.prepared_partials(operands, self._moving, self._compute, value=False)
        return [0.0] * len(self._moving) if partials is None else partials


_ONLY = (0,)
"""The number of the only result."""


def _summed_behind(part: Any, node: Node) -> Any:
    """The sum over the axes behind the directions that broadcasting has given to an operand of fewer axes."""
    extra = part.ndim - len(node.shape)
    return anywhere.total(part, tuple(range(1, 1 + extra))) if extra > 0 else part


def _laid_out(cotangent: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """A cotangent in a shape and dtype; that of a mean, one number repeated, in memory, as prepared calls want it."""
    if cotangent.shape != shape:
        cotangent = anywhere.reshaped(cotangent, shape)
    if type(cotangent) is np.ndarray and not cotangent.flags.c_contiguous:
        cotangent = np.ascontiguousarray(cotangent)
    return cotangent if cotangent.dtype is dtype else _in(cotangent, dtype)


def _in(x: Any, dtype: Any) -> Any:
    if not hasattr(x, "dtype"):
        return x
    return x if x.dtype == dtype or not arguments.is_float(x.dtype) else anywhere.converted(x, dtype)


# Recorded tangents of operands that move at higher levels as well, or lie on a device: each stage is a step of its own.


def _step_by_step(
    op: Any, values: Any, rests: list[Any], tangents: list[Any], level: int, axes: tuple[int, ...], compute: Any,
    shape: tuple[int, ...],
) -> list[Any]:  # fmt: skip
    moving = [
        rest if tangent is None else with_level(rest, tangent, level)
        for rest, tangent in zip(rests, tangents, strict=True)
    ]
    with quiet():
        found = _results(op, [_in(x, compute) for x in moving], axes, compute, shape)
    results = []
    for value, result in zip(values if type(values) is tuple else [values], found, strict=True):
        _, change = without_level(result, level)
        results.append(value if change is None else with_level(value, shaped_like(change, value), level))
    return results


def _results(op: Any, operands: list[Any], axes: tuple[int, ...], dtype: Any, shape: tuple[int, ...]) -> list[Any]:
    """The results with the reduced axes kept, with derivatives; their values are rounded in another order."""
    stages = op.stages
    reals = [0.0 if position in stages.integers else x for position, x in enumerate(operands)]
    shift: Any = 0.0
    if stages.shift_of is not None:
        keys = stage_op(stages.shift_of, -1, op.name, "shift").evaluate([value_of(x) for x in reals], dtype=dtype)
        shift = anywhere.place_of(keys).largest(anywhere.repeated(keys, shape), axes)
    terms = [
        stage_op(stages.lift, place, op.name, "lift").evaluate([shift, *reals], dtype=dtype)
        for place in range(stages.sums)
    ]
    totals = [anywhere.total(anywhere.repeated(term, shape), axes, keepdims=True) for term in terms]
    count = math.prod(shape[axis] for axis in axes)
    more = [0.0] * stages.more
    picked = []
    if stages.picks:
        picked.append(anywhere.place_of(operands[0]).picked(operands[0], operands[-1], axes[-1]))
    finals = [
        stage_op(stages.finish, place, op.name, "finish").evaluate(
            [shift, float(count), *totals, *more, *picked], dtype=dtype
        )
        for place in range(stages.finals)
    ]
    if stages.epilogue is None:
        return finals[: stages.results]
    elements = terms[:1] if stages.kept else reals
    return [stage_op(stages.epilogue, -1, op.name, "epilogue").evaluate([*elements, *finals], dtype=dtype)]
