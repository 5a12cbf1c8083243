"""The reduction kind on a device: plans of calls and launches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from numbafunc.bounded import Bounded
from numbafunc.dual.array import assemble
from numbafunc.kinds.plan import LARGEST_CHUNK, Chunks, Levels, chunks_of, component_of, result_keys
from numbafunc.numbers.keys import Key
from numbafunc_cuda.arrays import View, empty, pointer, stream_for
from numbafunc_cuda.launch import SIMULATED, compiled, inline, launch
from numbafunc_cuda.layout import Slot, StoredOperand, broadcast_strides, contiguous, merged
from numbafunc_cuda.operands import Operands, check_out
from numbafunc_cuda.reduction_kernels import SEGMENT, THREADS, KernelSpec, build, scratch_size

# Rows at least this long, if there are at most this many, are split into segments for several blocks.
_LONG, _FEW = 4 * SEGMENT, 16 if SIMULATED else 64
# Shorter rows get one thread each, if there are as many; and so do rows of any length that lie side by side in memory,
# if there are enough of them to keep a device busy.
SHORT, MANY = 32, 32 if SIMULATED else 1 << 13


class _Plan(NamedTuple):
    """The plan of a call, for operands and ``out`` of one description."""

    form: KernelSpec
    steps: Chunks
    slots: tuple[tuple[int, Key], ...]
    rows: int
    length: int
    stored: tuple[int, ...]
    tail: tuple[int, ...]


class ReductionOnDevice:
    """Evaluates a :class:`numbafunc.kinds.reduction.Reduction` on arrays of a device."""

    def __init__(self, op: Any) -> None:
        self._stages = op.stages
        self._inlined: dict[str, Any] = {}
        self._plans: Bounded = Bounded(4096)
        self._kernels: Bounded = Bounded(math.inf)

    def __call__(
        self,
        given: Sequence[Any],
        names: Sequence[str],
        axes: tuple[int, ...],
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        keepdims: bool,
        out: Any,
    ) -> tuple[Any, ...]:
        """The results, each an array of the device or a Dual of such."""
        operands = Operands(given, names)
        target = None
        if out is not None:
            if operands.levels:
                raise TypeError("out can't take a result with tangents; leave it out when differentiating")
            target = check_out(out, shape, dtype, operands.views())
        key = (shape, axes, dtype, keepdims, target and target.strides, operands.description)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _plan(self._stages, operands, target, axes, dtype, shape, keepdims)
        return self._run(plan, operands, dtype, out, target)

    def _run(
        self, plan: _Plan, operands: Operands, dtype: np.dtype[Any], out: Any, target: View | None
    ) -> tuple[Any, ...]:
        steps, form = plan.steps, plan.form
        stream = stream_for(operands.views() if target is None else [*operands.views(), target])
        results: list[dict[Levels, View]] = [
            {
                component: empty(steps.shape(component, plan.stored), dtype, None, stream) if target is None else target
                for component in dict.fromkeys(map(component_of, form.keys))
            }
            for _ in range(self._stages.results)
        ]
        if math.prod(plan.stored):
            scratch: Any = None
            if form.team == "segments":
                size = scratch_size(self._stages, form, plan.rows, plan.length)
                scratch = empty((size,), np.dtype(form.compute), None, stream)
            for call in steps.calls():
                slots = [
                    _argument(operands.parts[position][component_of(key)], steps.position(key, call))
                    for position, key in plan.slots
                ]
                places = [
                    pointer(found[component_of(key)], steps.position(key, call))
                    for found in results
                    for key in form.keys
                ]
                place = places[0] if scratch is None else pointer(scratch)
                self._launch(plan, (*slots, *places, place, plan.rows, plan.length, *plan.tail), stream)
        if out is not None:
            return (out,)
        return tuple(
            assemble(
                {
                    tuple(operands.levels[level] for level in component): result.array
                    for component, result in found.items()
                }
            )
            for found in results
        )

    def _launch(self, plan: _Plan, arguments: tuple[Any, ...], stream: Any) -> None:
        form = plan.form
        kernels = self._kernels.get(form)
        if kernels is None:
            functions, types = build(self._stages, form, self.inlined())
            kernels = self._kernels[form] = [compiled(function, types) for function in functions]
        threads = plan.rows
        if form.team == "block":
            threads *= THREADS
        elif form.team == "segments":
            threads *= -(-plan.length // SEGMENT) * THREADS
        for kernel in kernels:
            launch(kernel, threads, arguments, stream, THREADS)

    def inlined(self) -> dict[str, Any]:
        """The functions among the stages as device functions."""
        if not self._inlined:
            for name in ("shift_of", "lift", "again", "finish", "epilogue"):
                function = getattr(self._stages, name)
                self._inlined[name] = function and inline(function)
        return self._inlined


def _argument(part: Any, position: tuple[int, ...]) -> Any:
    if isinstance(part, View):
        return pointer(part, position)
    number = part if isinstance(part, (float, int)) else np.asarray(part)[position].item()
    return int(number) if isinstance(number, bool) else number


def device_chunks(stages: Any, counts: tuple[int, ...]) -> Chunks:
    """The chunks of directions of a kernel: eight tangents of six sums are more than registers hold."""
    return chunks_of(counts, LARGEST_CHUNK if stages.sums <= 4 else LARGEST_CHUNK // 2)


def _plan(
    stages: Any,
    operands: Operands,
    out: View | None,
    axes: tuple[int, ...],
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    keepdims: bool,
) -> _Plan:
    steps = device_chunks(stages, operands.counts())
    compute = "float64" if dtype.itemsize == 8 else "float32"
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    elementwise = stages.epilogue is not None
    components: dict[tuple[int, Levels], tuple[int, ...]] = {}
    for position, parts in enumerate(operands.parts):
        for component, part in parts.items():
            if isinstance(part, View):
                leading, item = len(component), part.dtype.itemsize
                own = tuple(stride // item for stride in part.strides[leading:])
                components[position, component] = broadcast_strides(part.shape[leading:], own, shape)
    arrays = list(components.values())
    if elementwise:
        target = contiguous(shape) if out is None else tuple(stride // dtype.itemsize for stride in out.strides)
        arrays.append(target)
    kept_lengths, outer = merged(tuple(shape[a] for a in kept), [tuple(s[a] for a in kept) for s in arrays])
    reduced_lengths, inner = merged(tuple(shape[a] for a in axes), [tuple(s[a] for a in axes) for s in arrays])
    tables: dict[tuple[Any, Any], int] = {}
    numbers = [tables.setdefault(pair, len(tables)) for pair in zip(outer, inner)]
    numbered = dict(zip(components, numbers))
    descriptions, slots, chosen = [], [], []
    for position, (parts, value) in enumerate(zip(operands.parts, operands.values)):
        array = isinstance(value, View)
        description = StoredOperand(
            value.dtype.name if array else "number",
            None if position in stages.integers else compute,
            tuple(Slot(key, "strided" if array else "number") for key in steps.operand_keys(parts)),
        )
        descriptions.append(description)
        for slot in description.slots:
            slots.append((position, slot.key))
            chosen.append(numbered[position, component_of(slot.key)] if array else -1)
    rows, count = math.prod(shape[axis] for axis in kept), math.prod(shape[axis] for axis in axes)
    reach = [
        sum((n - 1) * abs(s) for n, s in zip((*kept_lengths, *reduced_lengths), (*first, *second)))
        for first, second in tables
    ]
    form = KernelSpec(
        _team(rows, count, outer, inner),
        tuple(descriptions),
        dtype.name,
        compute,
        result_keys([description.keys for description in descriptions]),
        tuple(chosen),
        numbers[-1] if elementwise else -1,
        len(kept_lengths),
        len(reduced_lengths),
        max(rows, count, *reach) >= 2**31,
    )
    stored = shape if elementwise or not axes else tuple(shape[axis] for axis in kept)
    if not elementwise and keepdims:
        stored = tuple(1 if axis in axes else length for axis, length in enumerate(shape))
    pairs = list(tables)
    strides = [stride for side in (0, 1) for pair in pairs for stride in pair[side]]
    tail = (*kept_lengths[1:], *reduced_lengths[1:], *strides)
    return _Plan(form, steps, tuple(slots), rows, count, stored, tail)


def _team(rows: int, count: int, outer: list[Any], inner: list[Any]) -> str:
    """Who reduces a row: "block", "thread", or several blocks, in "segments"."""
    side_by_side = any(o and i and 0 < abs(o[-1]) < abs(i[-1]) for o, i in zip(outer, inner))
    if (count < SHORT and rows >= SHORT) or (side_by_side and rows >= MANY):
        return "thread"
    return "segments" if rows <= _FEW and count >= _LONG else "block"
