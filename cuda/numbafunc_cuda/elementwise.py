"""The elementwise kind on a device: its kernels, and the plans of calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.bounded import Bounded
from numbafunc.dual.array import assemble
from numbafunc.kinds import arguments
from numbafunc.kinds.plan import Chunks, Levels, chunks_of, component_of, result_keys
from numbafunc.numbers.keys import Key
from numbafunc_cuda.arrays import View, address, empty, pointer, stream_for
from numbafunc_cuda.launch import access, compiled, inline, launch
from numbafunc_cuda.layout import (
    Slot,
    StoredOperand,
    argument_type,
    broadcast_strides,
    contiguous,
    memory_order,
    merged,
    span_of,
)
from numbafunc_cuda.operands import Operands, check_out

# Bytes that a thread loads or stores at once, and the most coefficients that it holds while doing so.
_LOAD, _HELD = 16, 16
_MOST_LANES = 8

_FLAT = """
def kernel({slots}, {results}, size):
    step = index_like(cuda.gridsize(1), size)
    i = index_like(cuda.grid(1), size)
    zero = index_like(0, size)
    while i < size:
        store(({results},), i, definition(*load(({slots},), ({indices},))))
        i = advance(i, step)
"""

_VECTOR = """
def kernel({slots}, {results}, size):
    step = index_like(cuda.gridsize(1), size)
    first = index_like(cuda.grid(1), size)
    zero = index_like(0, size)
    full = groups(size)
    i = first
    while i < full:
        lanes = load_vector(({slots},), i)
        store_vector(({results},), i, ({each},))
        i = advance(i, step)
    i = behind(full, first)
    if i < size:
        store(({results},), i, definition(*load(({slots},), ({indices},))))
"""

_STRIDED = """
def kernel({slots}, {results}, size, {lengths}{strides}):
    step = index_like(cuda.gridsize(1), size)
    i = index_like(cuda.grid(1), size)
    zero = index_like(0, size)
    while i < size:
        {offsets}
        store(({results},), {place}, definition(*load(({slots},), ({indices},))))
        i = advance(i, step)
"""


class KernelSpec(NamedTuple):
    """Parameters from which a kernel is generated.

    ``strided`` tells for each slot which of the arrays that need strides it belongs to, counted from 0, or -1;
    ``result`` is the number of that of the results, or -1. ``ndim`` is the number of axes where there are any such.
    """

    operands: tuple[StoredOperand, ...]
    storage: str
    keys: tuple[Key, ...]
    strided: tuple[int, ...]
    result: int
    ndim: int
    lanes: int
    wide: bool

    def argument_types(self) -> tuple[Any, ...]:
        """Numba's types of the arguments of the kernel."""
        index, stride = (types.uint64, types.int64) if self.wide else (types.uint32, types.int32)
        slots = [argument_type(operand) for operand in self.operands for _ in operand.slots]
        tables = 1 + max(*self.strided, self.result)
        lengths = [index] * (self.ndim - 1) if tables else []
        return (*slots, *[types.uint64] * len(self.keys), index, *lengths, *[stride] * (tables * self.ndim))


def build(definition: Any, form: KernelSpec) -> Callable[..., Any]:
    """The kernel, not compiled yet.

    Parameters
    ----------
    definition : callable
        What :func:`numbafunc_cuda.launch.inline` made of the scalar function.
    form : KernelSpec
        What it is made for.
    """
    slots = tuple(f"slot{number}" for number in range(len(form.strided)))
    results = tuple(f"result{number}" for number in range(len(form.keys)))
    spans = [slot.span for operand in form.operands for slot in operand.slots]
    indices = [
        "i" if span == "element" else f"offset{table}" if span == "strided" else "zero"
        for span, table in zip(spans, form.strided)
    ]
    tables = 1 + max(*form.strided, form.result)
    lengths = [f"length{axis}" for axis in range(1, form.ndim)]
    strides = [[f"stride{table}_{axis}" for axis in range(form.ndim)] for table in range(tables)]
    offsets = [
        f"offset{table} = offset(i, ({''.join(f'{x}, ' for x in lengths)}), ({', '.join(names)},))"
        for table, names in enumerate(strides)
    ]
    template = _STRIDED if tables else _FLAT if form.lanes == 1 else _VECTOR
    source = template.format(
        slots=", ".join(slots),
        results=", ".join(results),
        indices=", ".join(indices),
        each=", ".join(f"definition(*lanes[{lane}])" for lane in range(form.lanes)),
        lengths="".join(f"{name}, " for name in lengths),
        strides=", ".join(name for names in strides for name in names),
        offsets="\n        ".join(offsets),
        place="i" if form.result < 0 else f"offset{form.result}",
    )
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "cuda": cuda,
        "definition": definition,
        "load": access.make_load(form.operands),
        "store": access.make_store(form.storage, form.keys),
        "index_like": access.index_like,
        "advance": access.advance,
        "offset": access.offset,
    }
    if form.lanes > 1:
        namespace.update(
            load_vector=access.make_load_vector(form.operands, form.lanes),
            store_vector=access.make_store_vector(form.storage, form.keys, form.lanes),
            groups=access.make_groups(form.lanes),
            behind=access.make_behind(form.lanes),
        )
    exec(compile(source, "<numbafunc elementwise on a device>", "exec"), namespace)
    return namespace["kernel"]  # type: ignore[no-any-return]


def lanes_for(form: KernelSpec, itemsizes: Sequence[int]) -> int:
    """Number of elements that a thread handles at once where addresses are aligned."""
    if 1 + max(*form.strided, form.result):
        return 1
    lanes = min(_MOST_LANES, _LOAD // max(itemsizes), max(1, _HELD // len(form.keys)))
    return 1 << (lanes.bit_length() - 1)


class _Plan(NamedTuple):
    """The plan of a call, for operands and ``out`` of one description."""

    form: KernelSpec
    lanes: int
    itemsizes: tuple[int, ...]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: tuple[int, ...] | None
    steps: Chunks
    slots: tuple[tuple[int, Key], ...]
    tail: tuple[int, ...]


class ElementwiseOnDevice:
    """Evaluates a :class:`numbafunc.kinds.elementwise.Elementwise` on arrays of a device."""

    def __init__(self, op: Any) -> None:
        self._op = op
        self._inlined: Any = None
        self._plans: Bounded = Bounded(4096)
        self._kernels: Bounded = Bounded(math.inf)

    def __call__(self, given: Sequence[Any], out: Any, dtype: np.dtype[Any] | None = None) -> Any:
        """The result, in another dtype than usual if one is given."""
        op = self._op
        if dtype is not None and dtype.kind == "c":
            raise TypeError(f"dtype is {dtype}; wanted, on a device: a real dtype or bool")
        operands = Operands(given, op.parameters, boolean=op.boolean)
        if out is not None and operands.levels:
            raise TypeError("out can't take a result with tangents; leave it out when differentiating")
        strides = None if out is None else getattr(out, "strides", ())
        key = (dtype, strides, *operands.description)
        plan = self._plans.get(key)
        target = None
        if plan is None or out is not None:
            result_dtype, compute = op._precision(operands.values)
            result_dtype = result_dtype if dtype is None else dtype
            names = dict(zip(op.parameters, operands.values))
            shape = arguments.broadcast({name: arguments.shape_of(x) for name, x in names.items()})
            if out is not None:
                target = check_out(out, shape, result_dtype, operands.views())
            if plan is None:
                plan = self._plans[key] = _plan(operands, target, result_dtype, compute, shape)
        return self._run(plan, operands, out, target)

    def _run(self, plan: _Plan, operands: Operands, out: Any, target: View | None) -> Any:
        views = operands.views() if target is None else [*operands.views(), target]
        stream = stream_for(views)
        steps, form = plan.steps, plan.form
        results: dict[Levels, View] = {}
        for component in dict.fromkeys(map(component_of, form.keys)):
            shape = steps.shape(component, plan.shape)
            leading = len(component)
            order = None
            if plan.order is not None:
                order = (*range(leading), *(leading + axis for axis in plan.order))
            results[component] = empty(shape, plan.dtype, order, stream) if target is None else target
        size = math.prod(plan.shape)
        if size:
            for call in steps.calls():
                slots = [
                    _argument(operands.parts[position][component_of(key)], steps.position(key, call))
                    for position, key in plan.slots
                ]
                places = [pointer(results[component_of(key)], steps.position(key, call)) for key in form.keys]
                self._launch(plan, (*slots, *places), size, stream)
        if out is not None:
            return out
        parts = {
            tuple(operands.levels[level] for level in component): result.array for component, result in results.items()
        }
        return parts[()] if len(parts) == 1 else assemble(parts)

    def _launch(self, plan: _Plan, given: tuple[Any, ...], size: int, stream: Any) -> None:
        lanes = plan.lanes
        if lanes > 1:
            for place, itemsize in zip(given, plan.itemsizes):
                if itemsize and address(place) % (itemsize * lanes):
                    lanes = 1
        kernel = self._kernel(plan.form._replace(lanes=lanes))
        launch(kernel, -(-size // lanes), (*given, size, *plan.tail), stream)

    def _kernel(self, form: KernelSpec) -> Any:
        kernel = self._kernels.get(form)
        if kernel is None:
            if self._inlined is None:
                self._inlined = inline(self._op.settled())
            kernel = self._kernels[form] = compiled(build(self._inlined, form), form.argument_types())
        return kernel


def _argument(part: Any, position: tuple[int, ...]) -> Any:
    if isinstance(part, View):
        return pointer(part, position)
    return part if isinstance(part, (float, int)) else np.asarray(part)[position].item()


def _plan(
    operands: Operands, out: View | None, dtype: np.dtype[Any], compute: str | None, shape: tuple[int, ...]
) -> _Plan:
    steps = chunks_of(operands.counts())
    arrays = [x for x in operands.values if isinstance(x, View)]
    order = memory_order([(x.shape, x.strides) for x in arrays], shape)
    plain = order == tuple(range(len(order)))
    components: dict[tuple[int, Levels], tuple[int, ...]] = {}
    for position, parts in enumerate(operands.parts):
        for component, part in parts.items():
            if isinstance(part, View):
                leading, item = len(component), part.dtype.itemsize
                own = [stride // item for stride in part.strides[leading:]]
                components[position, component] = broadcast_strides(part.shape[leading:], tuple(own), shape)
    ordered = [tuple(strides[axis] for axis in order) for strides in components.values()]
    stored = tuple(shape[axis] for axis in order)
    target = contiguous(stored)
    if out is not None:
        target = tuple(out.strides[axis] // dtype.itemsize for axis in order)
    lengths, found = merged(stored, [*ordered, target])
    spans = {place: span_of(lengths, strides) for place, strides in zip(components, found)}
    tables: list[tuple[int, ...]] = []
    numbers: dict[tuple[int, Levels], int] = {}
    for place, strides in zip(components, found):
        numbers[place] = -1
        if spans[place] == "strided":
            numbers[place] = len(tables)
            tables.append(strides)
    result = -1
    if found[-1] != contiguous(lengths):
        result = len(tables)
        tables.append(found[-1])
    descriptions, slots, strided, itemsizes = [], [], [], []
    for position, (parts, value) in enumerate(zip(operands.parts, operands.values)):
        keys = steps.operand_keys(parts)
        given = isinstance(value, View)
        description = StoredOperand(
            value.dtype.name if given else "number",
            compute,
            tuple(Slot(key, spans[position, component_of(key)] if given else "number") for key in keys),
        )
        descriptions.append(description)
        for slot in description.slots:
            slots.append((position, slot.key))
            strided.append(numbers[position, component_of(slot.key)] if given else -1)
            itemsizes.append(value.dtype.itemsize if slot.span == "element" else 0)
    keys = result_keys([description.keys for description in descriptions])
    itemsizes += [dtype.itemsize] * len(keys)
    reach = [sum((n - 1) * abs(s) for n, s in zip(lengths, table)) for table in tables]
    wide = max(math.prod(shape), *reach, 0) >= 2**31
    form = KernelSpec(
        tuple(descriptions), dtype.name, keys, tuple(strided), result, len(lengths) if tables else 0, 1, wide
    )
    tail = (*lengths[1:], *(stride for table in tables for stride in table)) if tables else ()
    return _Plan(
        form,
        lanes_for(form, itemsizes),
        tuple(itemsizes),
        dtype,
        shape,
        None if plain else order,
        steps,
        tuple(slots),
        tail,
    )
