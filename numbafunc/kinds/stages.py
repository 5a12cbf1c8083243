"""Reductions of operands with recorded tangents: the transpose of their derivative, from the stages.

With the terms l of an element, their totals t over a row, the finals f of ``finish``, and the epilogue e, the
cotangent c of a result gives that of an operand x:

- of each final, ``g = sum(c * de/df)`` over the row, or the cotangent of the result itself where there is no epilogue;
- of each total, ``b = sum(g * df/dt)`` over the finals;
- of the operand, ``c * de/dx + sum(b * dl/dx)`` over the terms.

These derivatives are taken inside of one function, which is composed of stages here: an elementwise one, or with an
epilogue the stages of another reduction, whose totals are the g. The totals t are kept, one number of each for a row;
all else is computed again.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from types import MappingProxyType
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


class Composed:
    """The functions that are composed of the stages of a reduction."""

    def __init__(self, op: Any) -> None:
        self.name = op.name
        self._reduction = type(op)
        self.stages = stages = op.stages
        self.operands = _names("x", len(inspect.signature(stages.lift).parameters) - 1)
        self.terms, self.totals = _names("b", stages.sums), _names("t", stages.sums)
        self.more = ["0.0"] * stages.more  # constants for derivatives
        self.picked = ["picked"] if stages.picks else []
        self.finals = _names("f", stages.finals)
        # Without an epilogue the results are the first finals.
        self.weights = _names("g", stages.results)
        self._sum = " + ".join(f"{weight} * terms[{number}]" for number, weight in enumerate(self.terms))
        self._parts: dict[int, Any] = {}

    def _namespace(self) -> dict[str, Any]:
        stages = self.stages
        namespace = _namespace(lift=stages.lift, finish=stages.finish, epilogue=stages.epilogue, balance=stages.balance)

        def put() -> None:
            from numbafunc.numbers.inner_derivative import moving, slope

            for direction in range(max(stages.sums + len(self.picked), stages.finals)):
                namespace[f"moving{direction}"] = moving(direction)
                namespace[f"slope{direction}"] = slope(direction)

        after_import(put)
        return namespace

    def _called(self, stage: str, names: Mapping[str, str] = MappingProxyType({})) -> str:
        """The expression that calls a stage, with other names in place of some arguments."""
        if stage == "finish":
            taken = ["shift", "count", *self.totals, *self.more, *self.picked]
        elif stage == "epilogue":
            taken = [*(["terms[0]"] if self.stages.kept else self.operands), *self.finals]
        else:
            taken = ["shift", *self.operands]
        return f"{stage}({', '.join(names.get(name, name) for name in taken)})"

    def _of_totals(self, weights: Mapping[int, str]) -> list[str]:
        """Lines that find what a total weighs, given what the finals weigh, by their numbers."""
        # The picked element is behind the totals; where parts balance, it has the weight of the first.
        totals = self.totals[:1] if self.stages.balance else [*self.totals, *self.picked]
        products = " + ".join(f"{weight} * finals[{number}]" for number, weight in weights.items())
        found = ["b0"] if self.stages.balance else [*self.terms, *(["weight"] if self.picked else [])]
        moved = {total: f"moved_{total}" for total in totals}
        return [
            *(f"moved_{total} = moving{direction}({total})" for direction, total in enumerate(totals)),
            f"finals = {self._called('finish', moved)}",
            f"weighed = {products}",
            *(f"{name} = slope{direction}(weighed)" for direction, name in enumerate(found)),
        ]

    @cached_property
    def of_operands(self) -> Elementwise:
        """The sum of weights times the terms of an element, of an op without an epilogue."""
        lines = self._of_totals(dict(enumerate(self.weights)))
        if self.stages.balance:
            # Both totals have the same weight, and what the other part weighs is that times their sum.
            lines.append(f"terms = {self._called('balance')}")
            first, second = ("t0 * terms[1]", "t1 * terms[1]")
            if self.picked:
                first, second = (f"({total} * x0 if place == index else 0)" for total in ("t0", "t1"))
            total = f"b0 * ((terms[0] - {first}) - {second})"
        else:
            lines.append(f"terms = {self._called('lift')}")
            total = self._sum
            if self.picked:
                total += " + (weight * x0 if place == index else 0)"
        parameters = [*self.weights, "shift", "count", *self.totals, *self.picked, *self.operands]
        if self.picked:
            parameters += ["place", "index"]
        return self._compiled("operands' part", parameters, [*lines, f"return {total}"])

    def _compiled(self, what: str, parameters: Sequence[str], lines: Sequence[str]) -> Elementwise:
        namespace, name = self._namespace(), f"{what} of {self.name}"
        body = "\n    ".join(lines)
        exec(compile(f"def definition({', '.join(parameters)}):\n    {body}\n", f"<{name}>", "exec"), namespace)
        return Elementwise(namespace["definition"], name=name, identity=name)

    # The parts of an op with an epilogue, whose derivatives are what is sought: by the finals, the totals, an operand.

    @cached_property
    def of_finals(self) -> Elementwise:
        """A cotangent times the result of an element."""
        lines = [f"terms = {self._called('lift')}"] if self.stages.kept else []
        parameters = ["cotangent", "shift", *self.operands, *self.finals]
        return self._compiled("finals' part", parameters, [*lines, f"return cotangent * {self._called('epilogue')}"])

    @cached_property
    def of_totals(self) -> Elementwise:
        """The sum of weights times the finals of a row."""
        weights = _names("g", self.stages.finals)
        products = " + ".join(f"{weight} * finals[{number}]" for number, weight in enumerate(weights))
        lines = [f"finals = {self._called('finish')}", f"return {products}"]
        return self._compiled("totals' part", [*weights, "shift", "count", *self.totals], lines)

    @cached_property
    def of_elements(self) -> Elementwise:
        """The sum of weights times the terms of an element, and of a cotangent times its result."""
        lines = [f"terms = {self._called('lift')}", f"return {self._sum} + cotangent * {self._called('epilogue')}"]
        parameters = ["cotangent", *self.terms, "shift", *self.operands, *self.finals]
        return self._compiled("elements' part", parameters, lines)

    def of_operand(self, place: int) -> Any:
        """The reduction to the cotangent of an operand, of an op with an epilogue.

        Its totals are what the finals of a row weigh.
        """
        if place in self._parts:
            return self._parts[place]
        moving = [number for number in range(self.stages.finals) if number not in self.stages.still]
        weights = {number: f"g{number}" for number in moving}
        given = ["cotangent", "shift", "count", *self.operands, *self.totals, *self.finals]
        kept = [f"terms = {self._called('lift')}"] if self.stages.kept else []
        moved = {self.finals[number]: f"moved{number}" for number in moving}
        product = [
            *kept,
            *(f"{name} = moving{direction}({final})" for direction, (final, name) in enumerate(moved.items())),
            f"result = cotangent * {self._called('epilogue', moved)}",
            f"return ({''.join(f'slope{direction}(result), ' for direction in range(len(moved)))})",
        ]
        x = self.operands[place]
        part = [
            *self._of_totals(weights),
            f"moved_{x} = moving0({x})",
            f"terms = {self._called('lift', {x: f'moved_{x}'})}",
            f"return slope0({self._sum} + cotangent * {self._called('epilogue', {x: f'moved_{x}'})})",
        ]
        sums = ", ".join(weights.values())
        source = "\n\n".join(
            f"def {name}({parameters}):\n    " + "\n    ".join(lines)
            for name, parameters, lines in (
                ("product", f"unused, {', '.join(given)}", product),
                ("taken", f"unused, count, {sums}", [f"return ({sums},)"]),
                ("part", f"{', '.join(given)}, {sums}", part),
            )
        )
        namespace, name = self._namespace(), f"operand {place}'s part of {self.name}"
        exec(compile(source, f"<{name}>", "exec"), namespace)
        made = type(self.stages)(
            lift=namespace["product"],
            finish=namespace["taken"],
            epilogue=namespace["part"],
            sums=len(weights),
            finals=len(weights),
        )
        return self._parts.setdefault(place, self._reduction(name, made, listed=False))

    def with_totals(self, elements: bool) -> Any:
        """The reduction to the results, or finals before an epilogue, of a row, its shift, totals and picked element.

        With ``elements`` the results of an epilogue come before them.
        """
        stages = self.stages
        kept = stages.finals if stages.epilogue is not None else stages.results
        more = _names("m", stages.more)
        called = f"finish({', '.join(['shift', 'count', *self.totals, *more, *self.picked])})"
        parameters = ["shift", "count", *self.totals, *more, *self.picked]
        namespace = _namespace(finish=stages.finish, epilogue=stages.epilogue)
        finals = ", ".join(f"finals[{number}]" for number in range(kept))
        shown = ["shift", *self.totals, *self.picked]
        source = (
            f"def totals({', '.join(parameters)}):\n    finals = {called}\n    return ({finals}, {', '.join(shown)},)\n"
        )
        if elements:
            given = ", ".join([*(["term"] if stages.kept else self.operands), *self.finals])
            unused = ", ".join(f"unused{number}" for number in range(len(shown)))
            source += f"\ndef element({given}, {unused}):\n    return epilogue({given})\n"
        exec(source, namespace)
        number = kept + len(shown)
        # The totals are no logarithm, so their parts do not balance.
        made = stages._replace(
            finish=namespace["totals"],
            epilogue=namespace.get("element"),
            kept=stages.kept and elements,
            balance=None,
            finals=number,
            results=number + elements,
        )
        name = f"{self.name} with totals" if elements else f"totals of {self.name}"
        return self._reduction(name, made, listed=False)


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
        self.primitive = Primitive(op.name, self.push, self.pull, joint=True)
        self.calls: Kernels | None = Kernels(64) if prepared else None

    def _found(self, rests: Sequence[Any]) -> Sequence[Any]:
        """The results as they are computed; then of each row the finals before an epilogue, the shift, the totals."""
        if self.has_epilogue and recorded_level(*rests):
            # Elements and rows together have no transpose.
            value = self.op(rests, self.axes, self.compute, shape=self.shape)
            return [value, *self.op.totals(rests, self.axes, self.compute, shape=self.shape, keepdims=True)]
        op = self.op.with_totals if self.has_epilogue else self.op.totals
        call = self._prepared("found", lambda: op.prepared(rests, self.axes, self.compute, self.shape, keepdims=True))
        if call is not None:
            return call(rests)  # type: ignore[no-any-return]
        return op(rests, self.axes, self.compute, shape=self.shape, keepdims=True)  # type: ignore[no-any-return]

    def _prepared(self, what: Any, prepare: Callable[[], Any]) -> Any:
        """A call of a kernel that is kept; None where there is none."""
        if self.calls is None:
            return None
        call = self.calls.get(what)
        if call is None:
            call = self.calls[what] = prepare() or False
        return call or None

    def record(self, rests: Sequence[Any], recorders: Sequence[Any], level: int) -> list[Any]:
        """The results with their recorded tangents, given those of the operands that move."""
        found = self._found(rests)
        at_shift = len(found) - 1 - len(self.composed.totals) - len(self.composed.picked)
        if self.has_epilogue:
            values, finals = found[:1], found[1:at_shift]
        else:
            values = finals = found[:at_shift]
            if not self.keepdims:
                values = [x.reshape(self.result) for x in values]
        if self.dtype is not self.compute:
            values = [x if x.dtype == self.dtype else x.astype(self.dtype) for x in values]
        if len(recorders) < len(rests):
            for number, rest in enumerate(rests):
                if number not in self.moving:
                    watch(rest, level)
        state = (rests, value_of(found[at_shift]), found[at_shift + 1 :], finals)
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
        shape = (arguments[0].shape[0], *self.lengths)
        reals = rests
        if stages.integers:
            reals = [0.0 if number in stages.integers else x for number, x in enumerate(rests)]
        if self.has_epilogue:
            laid_out = _laid_out(cotangents, shape, self.compute)
            operands = [laid_out, shift, float(self.count), *reals, *totals, *finals]
            parts: Sequence[Any]
            if recorded_level(*operands):
                parts = self._part_by_part(laid_out, shift, reals, totals, finals, shape)
            else:
                parts = [self._of_operand(place, operands, shape) for place in self.moving]
        else:
            given = cotangents if type(cotangents) is dict else {0: cotangents}
            weights: list[Any] = [0.0] * stages.results
            for number, x in given.items():
                weights[number] = _laid_out(x, shape, self.compute)
            plain = {type(weights[number]) for number in given} == {np.ndarray}
            operands = [*weights, shift, float(self.count), *totals, *reals]
            if stages.picks:
                places = np.asarray(rests[-1])
                operands += [self.place, np.where(places < 0, places + self.count, places)]
            parts = self._of_operands(operands, (shape[0], *given), plain)
        if len(arguments) == 2:
            return [_summed_behind(parts[0], arguments[0])]
        return [_summed_behind(part, node) for part, node in zip(parts, arguments[:-1], strict=True)]

    def _of_operand(self, place: int, operands: Sequence[Any], shape: tuple[int, ...]) -> Any:
        """The cotangent of an operand, from the reduction of an op with an epilogue."""
        op = self.composed.of_operand(place)
        call = None
        if type(operands[0]) is np.ndarray:
            key = (place, shape[0])
            call = self._prepared(key, lambda: op.prepared(operands, self.behind, self.compute, shape))
        if call is not None:
            return call(operands)[0]
        return op(operands, self.behind, self.compute, shape=shape)

    def _part_by_part(
        self, cotangent: Any, shift: Any, reals: Sequence[Any], totals: Sequence[Any], finals: Sequence[Any],
        shape: tuple[int, ...],
    ) -> Sequence[Any]:  # fmt: skip
        """The same where the cotangent, or an operand, has a recorded tangent.

        A reduction that differentiates inside would be differentiated inside itself, and grow with each order.
        """
        composed, stages = self.composed, self.composed.stages
        moving = [number for number in range(stages.finals) if number not in stages.still]

        def partials(op: Elementwise, operands: Sequence[Any], places: Sequence[int]) -> Sequence[Any]:
            _, found = partials_of(op, operands, places, self.compute, value=False)
            return [0.0] * len(places) if found is None else found

        before = 2 + len(reals)
        parts = partials(
            composed.of_finals, [cotangent, shift, *reals, *finals], [before + number for number in moving]
        )
        weights: list[Any] = [0.0] * stages.finals
        for number, part in zip(moving, parts, strict=True):
            weights[number] = anywhere.total(anywhere.repeated(part, shape), self.behind, keepdims=True)
        before = len(weights) + 2
        terms = partials(
            composed.of_totals,
            [*weights, shift, float(self.count), *totals],
            [before + number for number in range(len(totals))],
        )
        before = 2 + len(terms)
        given = [cotangent, *terms, shift, *reals, *finals]
        return partials(composed.of_elements, given, [before + number for number in self.moving])

    def _of_operands(self, operands: Sequence[Any], key: tuple[Any, ...], plain: bool) -> Sequence[Any]:
        """The cotangents of the operands that move, of an op without an epilogue.

        ``key`` is what its calls with ``plain`` cotangents differ in.
        """
        op, moving = self.composed.of_operands, self.moving_operands

        def prepare() -> Any:
            op.partials(operands, moving, self.compute, value=False)  # now it is kept
            return op.prepared_partials(operands, moving, self.compute, value=False)

        call = self._prepared(key, prepare) if plain else None
        if call is not None:
            return call(operands)[0]  # type: ignore[no-any-return]
        _, partials = partials_of(op, operands, moving, self.compute, value=False)
        return [0.0] * len(moving) if partials is None else partials

    @cached_property
    def moving_operands(self) -> tuple[int, ...]:
        """The positions of the operands that move among those of the composed function."""
        before = self.op.stages.results + 2 + len(self.composed.totals) + len(self.composed.picked)
        return tuple(before + number for number in self.moving)

    @cached_property
    def place(self) -> Any:
        """The indices of the elements of a row."""
        return np.arange(self.count).reshape((-1,) + (1,) * (len(self.shape) - self.axes[-1] - 1))


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
