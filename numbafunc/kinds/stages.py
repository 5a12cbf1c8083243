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

from numbafunc.dual import anywhere
from numbafunc.dual.array import Dual, make, on_device, quiet, value_of
from numbafunc.dual.levels import Level
from numbafunc.dual.recorded import recorded_level, shaped_like, taken_apart, with_level, without_level
from numbafunc.dual.recorder import PICKED, Node, Primitive, watch
from numbafunc.kinds import arguments
from numbafunc.kinds.elementwise import Elementwise
from numbafunc.kinds.partials import partials_of
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
    keepdims: bool,
) -> list[Any]:  # fmt: skip
    """The results of a reduction of operands of which at least one has a recorded tangent."""
    level = recorded_level(*operands)
    rests, tangents = taken_apart(operands, level)
    compute = np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    composed = op.composed
    count = math.prod(shape[axis] for axis in axes)
    nested = any(type(x) is Dual and x.level > level for x in operands)
    if nested or on_device(*rests) or (composed.picked and count > _EXACT and compute.itemsize < 8):
        values = op(rests, axes, dtype, shape=shape, keepdims=keepdims, names=names)
        return _step_by_step(op, values, rests, tangents, level, axes, compute, shape)
    # Rows with one number of each, and with the results themselves if there is no epilogue.
    rows = op.with_totals.rows(rests, axes, compute, shape)
    kept = len(composed.weights)
    finals, shift, totals = rows[:kept], value_of(rows[kept]), rows[kept + 1 :]
    if composed.stages.epilogue is not None:
        values = [op(rests, axes, dtype, shape=shape)]
    else:
        lengths = [length for axis, length in enumerate(shape) if axis not in axes]
        values = [x if keepdims else x.reshape(lengths) for x in finals]
        values = [x if x.dtype == dtype else x.astype(dtype) for x in values]
    moving = [number for number, tangent in enumerate(tangents) if tangent is not None]
    for number, rest in enumerate(rests):
        if number not in moving:
            watch(rest, level)
    run = _Run(op, composed, rests, moving, axes, shape, compute, shift, totals, finals, count, dtype, keepdims)
    step = Primitive(op.name, run.push, run.pull, joint=True)
    recorders = [tangents[number] for number in moving]
    directions = recorders[0].shape[0]
    if len(values) == 1:
        return [make(values[0], step.record((directions, *values[0].shape), dtype, *recorders), level)]
    joint = step.record((), compute, *recorders)
    return [
        make(value, PICKED.record((directions, *value.shape), dtype, joint, number), level)
        for number, value in enumerate(values)
    ]


class _Run:
    """What a reduction keeps for the walk back."""

    def __init__(
        self, op: Any, composed: Composed, rests: list[Any], moving: list[int], axes: tuple[int, ...],
        shape: tuple[int, ...], compute: Any, shift: Any, totals: Sequence[Any], finals: Sequence[Any], count: int,
        dtype: Any, keepdims: bool,
    ) -> None:  # fmt: skip
        self.op, self.composed, self.rests, self.moving = op, composed, rests, moving
        self.axes, self.shape, self.compute, self.count = axes, shape, compute, count
        self.shift, self.totals, self.finals = shift, totals, finals
        self.dtype, self.keepdims = dtype, keepdims

    def push(self, *tangents: Any) -> Any:
        """The tangents of the results, given those of the operands."""
        operands = list(self.rests)
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

    def pull(self, cotangents: Any, *arguments: Node) -> list[Any]:
        """The cotangents of the operands that move, given those of the results."""
        composed, stages = self.composed, self.composed.stages
        given = cotangents if type(cotangents) is dict else {0: cotangents}
        reals = [0.0 if number in stages.integers else x for number, x in enumerate(self.rests)]
        directions = arguments[0].shape[0]
        row = tuple(1 if axis in self.axes else length for axis, length in enumerate(self.shape))
        lengths = self.shape if stages.epilogue is not None else row
        cotangent = {number: _in(_laid_out(x, (directions, *lengths)), self.compute) for number, x in given.items()}
        if stages.epilogue is None:
            weights = [cotangent.get(number, 0.0) for number in range(len(composed.weights))]
        else:
            numbers = [number for number in range(stages.finals) if number not in stages.still]
            summed = self._sums_of_finals([cotangent[0], self.shift, *reals], numbers)
            weights = [0.0] * stages.finals
            for number, x in zip(numbers, summed, strict=True):
                weights[number] = x
        start = len(weights) + 2
        operands = [*weights, self.shift, float(self.count), *self.totals]
        # The picked element is behind the totals; where parts balance, it has the weight of the first.
        sums = 1 if stages.balance else stages.sums + len(composed.picked)
        terms = self._partials(composed.of_totals, operands, range(start, start + sums))
        if stages.balance:
            terms = [terms[0], *self.totals[:2]]
        operands = [*terms, self.shift, *reals]
        first = len(terms) + 1
        if stages.epilogue is not None:
            operands = [cotangent[0], *operands, *self.finals]
            first += 1
        if stages.picks:
            places = np.asarray(self.rests[-1])
            axis = self.axes[-1]
            place = np.arange(self.count).reshape((-1,) + (1,) * (len(self.shape) - axis - 1))
            operands += [place, np.where(places < 0, places + self.count, places)]
        parts = self._partials(composed.of_operands, operands, [first + number for number in self.moving])
        return [_summed_behind(part, node) for part, node in zip(parts, arguments, strict=True)]

    def _sums_of_finals(self, operands: list[Any], numbers: list[int]) -> list[Any]:
        """The sum over each row of a cotangent times the derivatives of the results by some of the finals."""
        cotangent, *others = operands
        plain = all(type(x) in (np.ndarray, float) for x in (*operands, *self.finals))
        if plain and cotangent.shape[0] == 1 and cotangent.size >= _MANY:
            finals = list(self.finals)
            with Level() as level:
                for direction, number in enumerate(numbers):
                    units = np.zeros((len(numbers), *finals[number].shape), self.compute)
                    units[direction] = 1
                    finals[number] = make(finals[number], units, level)
                sums = self.composed.sums_of_finals(
                    [cotangent[0], *others, *finals], self.axes, self.compute, shape=self.shape, keepdims=True
                )
            return [part[np.newaxis] for part in sums.tangent]
        moving = [len(operands) + number for number in numbers]
        parts = self._partials(self.composed.of_finals, [*operands, *self.finals], moving)
        behind = tuple(axis + 1 for axis in self.axes)
        whole = (cotangent.shape[0], *self.shape)
        return [np.sum(np.broadcast_to(x, whole), behind, keepdims=True) for x in parts]

    def _partials(self, op: Elementwise, operands: Sequence[Any], moving: Sequence[int]) -> list[Any]:
        _, partials = partials_of(op, operands, list(moving), self.compute, value=False)
        if partials is None:
            return [0.0] * len(moving)
        return list(partials)


def _summed_behind(part: Any, node: Node) -> Any:
    """The sum over the axes behind the directions that broadcasting has given to an operand of fewer axes."""
    extra = part.ndim - node.ndim
    return anywhere.total(part, tuple(range(1, 1 + extra))) if extra > 0 else part


def _laid_out(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """A cotangent in a shape; that of a mean, one number repeated, in memory, as calls that are prepared want it."""
    cotangent = cotangent.reshape(shape)
    return np.ascontiguousarray(cotangent) if type(cotangent) is np.ndarray else cotangent


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
