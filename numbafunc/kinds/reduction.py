"""The reduction kind: stages written in scalars become an op over any axes, layout, dtype and derivative order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from numbafunc import backend
from numbafunc.backend import Backend
from numbafunc.cpu import kernels, threads
from numbafunc.cpu.memory import flat_words
from numbafunc.cpu.reduction_layout import Layout
from numbafunc.cpu.stored_operand import StoredOperand
from numbafunc.dual.other_arrays import as_target
from numbafunc.dual.recorded import recorded_level
from numbafunc.kinds import arguments
from numbafunc.kinds.moving_calls import keep_forward
from numbafunc.kinds.plan import (
    Operands,
    Plan,
    Source,
    Target,
    calls_of,
    chunks_of,
    component_of,
    number,
    result_keys,
)
from numbafunc.kinds.shortcuts import Shortcut, planned_arrays

Array = Any  # numpy.ndarray or Dual

REGISTRY: dict[str, Reduction] = {}

# Rows this long, when there are this few of them, are shared out to threads in segments.
LONG, FEW = 1 << 14, 16

# Rows shorter than this, when there are at least as many, are reduced side by side, so many at a time.
SHORT, LANES = 32, 128

# Rows up to this long, when there are at least so many, are taken in batches, unless each number has more coefficients
# than this, which then do not stay in registers.
MIDDLE, SEVERAL, LIGHT = 2048, 8, 2

# Columns whose accumulators still fit into the first-level cache.
LARGEST_TILE = 1024

# Fewer columns than this, which would not fill vectors of 512 bits, are copied to scratch memory, where there are more,
# if there are as many rows as pay for it and no more elements than fit into a cache. Other processors gain nothing.
NARROW, TALL, MOST = 32, 32, 1 << 14

# From this many elements on, several threads pay in spite of the cost of starting them.
PARALLEL_FROM = threads.asked_from(1 << 13, 1 << 14)


class Stages(NamedTuple):
    """Stages of an op of the reduction kind, all of them functions of scalars.

    Attributes
    ----------
    lift : callable
        ``lift(shift, *operands)``: a tuple of the terms to sum.
    finish : callable
        ``finish(shift, count, *totals)``: a tuple, the results of a row or what the epilogue needs. ``count`` is the
        number of elements of the row.
    shift_of : callable, optional
        ``shift_of(*operands)``; its largest value in a row is the shift, a constant for derivatives. Without it, 0.
    epilogue : callable, optional
        ``epilogue(*operands, *finals)``: the result for each element of the row, which then keeps its length.
    kept : bool
        Whether the epilogue gets the first lifted term in place of the operands.
    integers : tuple of int
        Positions of operands that are handed over as integers.
    picks : bool
        Whether the last operand has an index for each row. ``finish`` then gets the first operand's element there as
        its last argument, NaN where the row has no such element; negative indices count from the end.
    again, wanted : callable, optional
        ``again(shift, *operands)``: a tuple of more terms, of which ``finish`` gets the plain sums behind the totals,
        as constants for derivatives. Rows for which ``wanted(shift, *totals)`` holds are passed a second time for them.
        For other rows they may be zero, or not.
    balance : callable, optional
        Of an op whose result is ``log(t[0] + t[1]) - s``, where s is a sum over the row or the picked element:
        ``balance(shift, *operands)`` gives the sum of the first two terms of an element, and its term of s. Reverse
        mode adds up these parts before it multiplies, so that those of a dominant element cancel exactly.
    still : tuple of int
        Places of values that ``finish`` returns, and that have no derivatives.
    sums, more, finals, results : int
        Number of terms, of those of ``again``, of values that ``finish`` returns, and of results. Behind the result of
        an epilogue further ones are the first values of ``finish``, for each row.
    lanes : int
        Number of terms that are summed side by side, a multiple of 16. Where terms cost little, more of them hide the
        time that an addition takes; but the rest of a row that does not fill them is added one by one.
    """

    lift: Callable[..., Any]
    finish: Callable[..., Any]
    shift_of: Callable[..., Any] | None = None
    epilogue: Callable[..., Any] | None = None
    kept: bool = False
    integers: tuple[int, ...] = ()
    picks: bool = False
    again: Callable[..., Any] | None = None
    wanted: Callable[..., Any] | None = None
    balance: Callable[..., Any] | None = None
    still: tuple[int, ...] = ()
    sums: int = 1
    more: int = 0
    finals: int = 1
    results: int = 1
    lanes: int = 16


class Reduction:
    """An op of the reduction kind; ``listed`` in the registry unless it is a part of others."""

    def __init__(self, name: str, stages: Stages, *, listed: bool = True) -> None:
        self.name = name
        self.stages = stages
        self._kernels = threads.Kernels()
        self._plans = threads.Kernels(4096)
        self.steps = threads.Kernels(1024)
        """What :mod:`numbafunc.kinds.stages` knows of reductions of operands with recorded tangents."""
        self._elsewhere: dict[Backend, Callable[..., Any]] = {}
        if listed:
            REGISTRY[name] = self

    @functools.cached_property
    def composed(self) -> Any:
        """The functions that reverse mode composes of the stages."""
        from numbafunc.kinds.stages import Composed

        return Composed(self)

    @functools.cached_property
    def with_totals(self) -> Reduction:
        """The reduction to the elements of an epilogue, and for each row its finals, shift and totals."""
        made: Reduction = self.composed.with_totals(elements=True)
        return made

    @functools.cached_property
    def totals(self) -> Reduction:
        """The reduction to the results of each row, or the finals before an epilogue, with its shift and totals."""
        made: Reduction = self.composed.with_totals(elements=False)
        return made

    def __call__(
        self,
        operands: Sequence[Any],
        axes: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        shape: tuple[int, ...] | None = None,
        keepdims: bool = False,
        out: Any = None,
        shortcut: Shortcut | None = None,
        names: Sequence[str] = ("x",),
    ) -> Any:
        """Reduce checked operands over ascending axes of their common shape; a tuple when there are several results.

        ``names`` are the names of the operands in messages. The plan is kept in the ``shortcut``.
        """
        if shape is None:
            shape = arguments.shape_of(operands[0])
        if recorded_level(*operands):
            from numbafunc.kinds.stages import by_stages

            if out is not None:
                raise TypeError("out can't take a result with tangents; leave it out when differentiating")
            results = by_stages(self, operands, names, axes, dtype, shape, keepdims, shortcut)
            return results[0] if len(results) == 1 else tuple(results)
        here = backend.of(*operands)
        if here is not backend.CPU:
            results = self._run_on(here)(operands, names, axes, dtype, shape, keepdims, out)
            return results[0] if len(results) == 1 else results
        taken = Operands(operands)
        key = (shape, axes, dtype, keepdims, taken.description)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(taken, shape, axes, dtype, keepdims)
        target = out
        if out is not None:
            if taken.levels:
                raise TypeError("out can't take a result with tangents; leave it out when differentiating")
            target = as_target(out)
            arguments.check_out(target, shape, dtype, operands)
        results = plan.run(taken, target)
        if shortcut is not None and shortcut.moving:
            keep_forward(shortcut, plan, operands)
        elif shortcut is not None:
            shortcut.keep_plan(plan, operands)
        if target is not out:
            return out
        return results[0] if len(results) == 1 else tuple(results)

    def prepared(
        self,
        operands: Sequence[Any],
        axes: tuple[int, ...],
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        keepdims: bool = False,
    ) -> Callable[[Sequence[Any]], list[Any]] | None:
        """A function of operands like these, plain arrays and floats, that returns the results.

        None if it does not come down to one call of a kernel on operands as they lie in memory.
        """
        taken = Operands(operands)
        key = (shape, axes, dtype, keepdims, taken.description)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(taken, shape, axes, dtype, keepdims)
        return planned_arrays(plan, operands)

    def _run_on(self, here: Backend) -> Callable[..., Any]:
        """The function that reduces arrays of another back end."""
        run = self._elsewhere.get(here)
        if run is None:
            run = self._elsewhere[here] = Backend.reduction.of(here, self.name)(self)
        return run

    def _plan(
        self, operands: Operands, shape: tuple[int, ...], axes: tuple[int, ...], dtype: np.dtype[Any], keepdims: bool
    ) -> Plan:
        view = _View.of(shape, axes)
        compute = "float64" if dtype.itemsize == 8 else "float32"
        steps = chunks_of(operands.counts())
        descriptions, along = [], []
        middle: list[int] = []
        sources: list[Source] = []
        for position, parts in enumerate(operands.parts):
            value = parts[()]
            indexed = isinstance(value, np.ndarray)
            varies = view.varies(np.shape(value))
            for component in parts:
                flatten: Any = functools.partial(view.flat, leading=len(component)) if indexed else number
                sources.append(Source(position, component, flatten))
            storage = value.dtype.name if indexed else "number"
            precision = None if position in self.stages.integers else compute
            descriptions.append(StoredOperand(storage, precision, steps.operand_keys(parts), indexed))
            along.append(varies[2])
            middle += view.strides(varies)
        keys = result_keys([description.keys for description in descriptions])
        components = sorted({component_of(key) for key in keys}, key=lambda c: (len(c), c))
        # What is left of the axes is in their order.
        row = tuple(1 if axis in axes else length for axis, length in enumerate(shape) if keepdims or axis not in axes)
        stored: list[tuple[tuple[int, ...], Any]] = [(row, None)] * self.stages.results
        if self.stages.epilogue is not None:
            permuted = view.order != tuple(range(len(shape)))
            stored[0] = ((view.blocks, view.length, view.inner), view.restore) if permuted else (shape, None)
        targets = [
            Target(result, component, steps.shape(component, lengths), restore)
            for result, (lengths, restore) in enumerate(stored)
            for component in components
        ]
        kernel = self._kernel(view, tuple(descriptions), tuple(along), dtype.name, keys)
        calls = calls_of(steps, [description.keys for description in descriptions], sources, targets)
        return Plan(kernel, dtype, tuple(sources), tuple(targets), calls, tuple(middle), tuple(view.sizes), [])

    def _kernel(
        self, view: _View, operands: tuple[Any, ...], along: tuple[bool, ...], storage: str, keys: tuple[Any, ...]
    ) -> Any:
        parallel = view.is_large and threads.parallel_allowed()
        key = (view.form, operands, along, storage, keys, parallel)
        kernel = self._kernels.get(key)
        if kernel is None:
            form = view.form
            if len(keys) > LIGHT:
                form = {"batch": "rows", "narrow": "columns"}.get(form, form)
            layout = Layout(operands, along, storage, keys)
            kernel = kernels.reduction(form, self.stages, layout, self.name, parallel=parallel)
            self._kernels[key] = kernel
        return kernel


@backend.CPU.brings(Backend.reduction)
def _in_main_memory(op: Reduction) -> Callable[..., tuple[Any, ...]]:
    def run(operands: Any, names: Any, axes: Any, dtype: Any, shape: Any, keepdims: bool, out: Any) -> tuple[Any, ...]:
        results = op(operands, axes, dtype, shape=shape, keepdims=keepdims, out=out, names=names)
        return results if type(results) is tuple else (results,)

    return run


@functools.cache
def _has_long_vectors() -> bool:
    """Whether the processor that Numba compiles for has vectors of 512 bits."""
    from numbafunc.cpu.cache_key import settings

    return "+avx512f" in settings()[0][2]


class _View(NamedTuple):
    """The shape of a reduction as blocks of ``length`` rows of ``inner`` columns, after a permutation of the axes."""

    shape: tuple[int, ...]
    order: tuple[int, ...]
    blocks: int
    length: int
    inner: int
    split: tuple[int, int]  # positions in the permuted axes where the reduced ones begin and end

    @classmethod
    def of(cls, shape: tuple[int, ...], axes: tuple[int, ...]) -> _View:
        kept = [axis for axis in range(len(shape)) if axis not in axes]
        consecutive = bool(axes) and axes[-1] - axes[0] == len(axes) - 1
        before = axes[0] if consecutive else len(kept)
        order = (*kept[:before], *axes, *kept[before:])
        sizes = [shape[axis] for axis in order]
        split = (before, before + len(axes))

        def total(some: list[int]) -> int:
            return int(np.prod(some, dtype=np.int64))

        return cls(
            shape, order, total(sizes[:before]), total(sizes[before : split[1]]), total(sizes[split[1] :]), split
        )

    @property
    def form(self) -> str:
        """Name of the loop to use."""
        if self.inner != 1:
            poor = self.inner < NARROW // 2 or (self.inner < NARROW and self.inner % 4)
            pays = poor and self.length >= TALL and self.length * self.inner <= MOST
            return "narrow" if pays and _has_long_vectors() else "columns"
        if self.length < SHORT and self.blocks >= SHORT:
            return "lanes"
        if self.length <= MIDDLE and self.blocks >= SEVERAL:
            return "batch"
        return "segments" if self.blocks <= FEW and self.length >= LONG else "rows"

    @property
    def is_large(self) -> bool:
        """Whether several threads pay."""
        return self.blocks * self.length * self.inner >= PARALLEL_FROM

    @property
    def sizes(self) -> tuple[int, ...]:
        """The last arguments of a kernel."""
        if self.form == "lanes":
            return (1, self.length, self.blocks, LANES)
        if self.inner == 1:
            return (self.blocks, self.length)
        # Results do not depend on how many columns a thread takes together. Long runs are read faster.
        share = -(-self.inner // (threads.usual_count() if self.is_large else 1))
        return (self.blocks, self.length, self.inner, max(32, min(LARGEST_TILE, -(-share // 32) * 32)))

    def varies(self, lengths: tuple[int, ...]) -> tuple[bool, bool, bool]:
        """Whether an operand varies from block to block, from row to row, and along the inner loop.

        The inner loop of columns runs over columns; otherwise it runs over rows of one column.
        """
        padded = (1,) * (len(self.shape) - len(lengths)) + lengths
        permuted = [padded[axis] for axis in self.order]
        before, after = self.split
        parts = (permuted[:before], permuted[before:after], permuted[after:])
        block, row, column = (any(length != 1 for length in part) for part in parts)
        if self.inner == 1:
            return block, row, row
        return block, row, column

    def flat(self, array: Any, leading: int) -> Any:
        """The elements of an operand in one run, broadcast only within groups of axes along which it varies."""
        directions, lengths = array.shape[:leading], array.shape[leading:]
        if lengths == self.shape and array.flags.c_contiguous and self.order == tuple(range(len(lengths))):
            return flat_words(array, leading)
        padded = array.reshape((*directions, *(1,) * (len(self.shape) - len(lengths)), *lengths))
        if self.order != tuple(range(len(self.order))):
            padded = padded.transpose(*range(leading), *(leading + axis for axis in self.order))
        target = list(padded.shape[leading:])
        for start, stop in ((0, self.split[0]), self.split, (self.split[1], len(self.order))):
            if any(length != 1 for length in target[start:stop]):
                target[start:stop] = [self.shape[axis] for axis in self.order[start:stop]]
        if padded.shape != (*directions, *target):
            padded = np.broadcast_to(padded, (*directions, *target))
        return flat_words(padded, leading)

    def strides(self, varies: tuple[bool, bool, bool]) -> list[int]:
        """Elements of an operand from one block to the next and from one row to the next."""
        block, row, column = varies
        if self.inner == 1:
            return [(self.length if row else 1) if block else 0, 1 if row else 0]
        width = self.inner if column else 1
        return [(width * self.length if row else width) if block else 0, width if row else 0]

    def restore(self, target: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A result, stored as (directions, blocks, count, inner), in the order of the axes of the operands."""
        directions = target.shape[: target.ndim - 3]
        shaped = target.reshape((*directions, *(self.shape[axis] for axis in self.order)))
        leading = len(directions)
        ranks = sorted(range(len(self.order)), key=self.order.__getitem__)
        return shaped.transpose(*range(leading), *(leading + rank for rank in ranks))
