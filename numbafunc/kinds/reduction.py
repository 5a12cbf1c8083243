"""The reduction kind: stages written in scalars become an op over any axes, layout, dtype and derivative order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numbafunc.autodiff.dual import Dual, assemble, components
from numbafunc.kinds import arguments
from numbafunc.cpu.memory import flat_words
from numbafunc.kinds.directions import Levels, plan, result_keys

Array = Any  # numpy.ndarray or Dual

NoneType = type(None)

REGISTRY: dict[str, Reduction] = {}

# Rows this long, when there are this few of them, are shared out to threads in segments.
_LONG, _FEW = 1 << 16, 16


@dataclass(frozen=True)
class Stages:
    """What an op of the reduction kind declares, all of it functions of scalars.

    Attributes
    ----------
    lift : callable
        ``lift(shift, *operands)``: a tuple of the terms to sum.
    finish : callable
        ``finish(shift, count, *totals)``: a tuple, the results of a row or what the epilogue needs.
    key : callable, optional
        ``key(*operands)``; its largest value in a row is the shift, a constant for derivatives. Without a key it is 0.
    epilogue : callable, optional
        ``epilogue(*operands, *finals)``: the result for each element of the row, which then keeps its length.
    kept : bool
        Whether the epilogue gets the first lifted term in place of the operands.
    integers : tuple of int
        Positions of operands that are handed over as integers.
    sums, finals, results : int
        Number of terms, of values that ``finish`` returns, and of results.
    """

    lift: Callable[..., Any]
    finish: Callable[..., Any]
    key: Callable[..., Any] | None = None
    epilogue: Callable[..., Any] | None = None
    kept: bool = False
    integers: tuple[int, ...] = ()
    sums: int = 1
    finals: int = 1
    results: int = 1


class Reduction:
    """An op of the reduction kind."""

    def __init__(self, name: str, stages: Stages) -> None:
        self.name = name
        self.stages = stages
        self._kernels: dict[Any, Any] = {}
        self._quick: dict[Any, Any] = {}
        REGISTRY[name] = self

    def __call__(
        self,
        operands: Sequence[Any],
        axes: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        shape: tuple[int, ...] | None = None,
        keepdims: bool = False,
        out: Any = None,
    ) -> Any:
        """Reduce checked operands over ascending axes of their common shape; a tuple when there are several results."""
        if shape is None:
            shape = np.broadcast_shapes(*(np.shape(x) if not isinstance(x, Dual) else x.shape for x in operands))
        parts = [components(x) if isinstance(x, Dual) else {(): x} for x in operands]
        if out is not None:
            if any(isinstance(x, Dual) for x in operands):
                raise TypeError("out can't take a result with tangents; leave it out when differentiating")
            arguments.check_out(out, shape, dtype, operands)
        outputs = self._run(parts, shape, axes, dtype)
        if out is not None:
            np.copyto(out, outputs[0][()])
            return out
        finished = []
        for output in outputs:
            if self.stages.epilogue is None and keepdims:
                kept = tuple(1 if axis in axes else length for axis, length in enumerate(shape))
                output = {levels: part.reshape(*part.shape[: len(levels)], *kept) for levels, part in output.items()}
            finished.append(output[()] if len(output) == 1 else assemble(output))
        return finished[0] if len(finished) == 1 else tuple(finished)

    def quick(self, x: np.ndarray[Any, Any], axis: Any, out: Any) -> Any:
        """The result for one C-contiguous float array, if a call of the same form has been prepared; else None.

        Small calls would otherwise spend their time on checks whose outcome is known.
        """
        if type(axis) not in (int, NoneType) or not x.flags.c_contiguous or x.dtype.char not in "fd":
            return None
        key = (x.shape, x.dtype.char, axis)
        prepared = self._quick.get(key)
        if prepared is None:
            prepared = self._prepare(x, axis)
            if len(self._quick) >= 1024:
                self._quick.clear()
            self._quick[key] = prepared
        kernel, shape, tail = prepared
        if out is None:
            result = arguments.empty(shape, x.dtype)
        else:
            arguments.check_out(out, shape, x.dtype, [x])
            result = out if out.flags.c_contiguous else arguments.empty(shape, x.dtype)
        flat = x if x.ndim == 1 else x.reshape(-1)
        if not flat.flags.writeable:
            flat = flat_words(flat, 0)
        kernel(flat, tail[0], tail[1], result if result.ndim == 1 else result.reshape(-1), *tail[2])
        if out is not None and result is not out:
            np.copyto(out, result)
        return result if out is None else out

    def _prepare(self, x: np.ndarray[Any, Any], axis: Any) -> Any:
        """Kernel, shape of the result, and the remaining arguments of the kernel, for one contiguous array."""
        from numbafunc.cpu.access import Operand

        axes = arguments.normalize_axes(axis, x.ndim)
        view = _View.of(x.shape, axes)
        varies = view.varies(x)
        operand = Operand(x.dtype.name, x.dtype.name, ((),), True)
        kernel = self._kernel(view, (operand,), (varies[2],), x.dtype.name, ((),))
        kept = tuple(length for position, length in enumerate(x.shape) if position not in axes)
        return kernel, x.shape if self.stages.epilogue is not None else kept, (*view.strides(varies), view.sizes)

    def _run(
        self, operands: list[dict[Levels, Any]], shape: tuple[int, ...], axes: tuple[int, ...], dtype: np.dtype[Any]
    ) -> list[dict[Levels, Any]]:
        from numbafunc.cpu.access import Operand

        view = _View.of(shape, axes)
        compute = "float64" if dtype.itemsize == 8 else "float32"
        steps = plan(operands)
        descriptions, along, strides, sources = [], [], [], []
        for position, parts in enumerate(operands):
            keys = steps.operand_keys(parts)
            value = parts[()]
            indexed = isinstance(value, np.ndarray)
            native = position in self.stages.integers
            varies = view.varies(value)
            sources.append({levels: view.flat(part, levels) for levels, part in parts.items()})
            descriptions.append(
                Operand(value.dtype.name if indexed else "number", None if native else compute, keys, indexed)
            )
            along.append(varies[2])
            strides += view.strides(varies)
        keys = result_keys([description.keys for description in descriptions])
        elementwise = self.stages.epilogue is not None
        stored = (view.blocks, view.count, view.inner) if elementwise else (view.blocks, view.inner)
        targets: list[dict[Levels, Any]] = [
            {
                levels: arguments.empty(steps.shape(levels, stored), dtype)
                for levels in {steps.component(key) for key in keys}
            }
            for _ in range(self.stages.results)
        ]
        flats = [
            {levels: flat_words(target, len(levels)) for levels, target in group.items()}
            for group in targets
        ]
        kernel = self._kernel(view, tuple(descriptions), tuple(along), dtype.name, keys)
        for call in steps.calls():
            slots = [
                _pick(source[steps.component(key)], steps.index(key, call))
                for source, description in zip(sources, descriptions)
                for key in description.keys
            ]
            results = [_pick(flat[steps.component(key)], steps.index(key, call)) for flat in flats for key in keys]
            kernel(*slots, *strides, *results, *view.sizes)
        return [
            {levels: view.restore(target, len(levels), elementwise) for levels, target in group.items()}
            for group in targets
        ]

    def _kernel(
        self, view: _View, operands: tuple[Any, ...], along: tuple[bool, ...], storage: str, keys: tuple[Any, ...]
    ) -> Any:
        from numbafunc.cpu import threads

        parallel = threads.parallel_allowed()
        key = (view.form, operands, along, storage, keys, parallel)
        kernel = self._kernels.get(key)
        if kernel is None:
            from numbafunc.cpu import reduction

            build = {"rows": reduction.build_rows, "columns": reduction.build_columns, "segments": reduction.build_segments}
            layout = reduction.Layout(operands, along, storage, keys)
            kernel = build[view.form](self.stages, layout, self.name, parallel=parallel)
            self._kernels[key] = kernel
        return kernel


@dataclass(frozen=True)
class _View:
    """The shape of a reduction as blocks of ``count`` rows of ``inner`` columns, after a permutation of the axes."""

    shape: tuple[int, ...]
    order: tuple[int, ...]
    blocks: int
    count: int
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

        return cls(shape, order, total(sizes[:before]), total(sizes[before : split[1]]), total(sizes[split[1] :]), split)

    @property
    def form(self) -> str:
        """Which loop serves."""
        if self.inner != 1:
            return "columns"
        return "segments" if self.blocks <= _FEW and self.count >= _LONG else "rows"

    @property
    def sizes(self) -> tuple[int, ...]:
        """The last arguments of a kernel."""
        return (self.blocks, self.count, self.inner) if self.form == "columns" else (self.blocks, self.count)

    def varies(self, value: Any) -> tuple[bool, bool, bool]:
        """Whether an operand varies from block to block, from row to row, and within what the inner loop runs over.

        The inner loop of columns runs over columns; otherwise it runs over rows of one column.
        """
        lengths = np.shape(value)
        padded = (1,) * (len(self.shape) - len(lengths)) + lengths
        permuted = [padded[axis] for axis in self.order]
        before, after = self.split
        parts = (permuted[:before], permuted[before:after], permuted[after:])
        block, row, column = (any(length != 1 for length in part) for part in parts)
        if self.form != "columns":
            return block, row, row
        return block, row, column

    def flat(self, array: Any, levels: Levels) -> Any:
        """The elements of an operand in one run, broadcast only where a group of axes is not constant as a whole."""
        if not isinstance(array, np.ndarray):
            return array
        leading = len(levels)
        directions, lengths = array.shape[:leading], array.shape[leading:]
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
        if self.form != "columns":
            return [(self.count if row else 1) if block else 0, 1 if row else 0]
        width = self.inner if column else 1
        return [(width * self.count if row else width) if block else 0, width if row else 0]

    def restore(self, target: np.ndarray[Any, Any], leading: int, elementwise: bool) -> np.ndarray[Any, Any]:
        """A result in the order of the axes of the operands."""
        directions = target.shape[:leading]
        kept = [axis for axis in self.order if elementwise or axis not in self.order[self.split[0] : self.split[1]]]
        shaped = target.reshape((*directions, *(self.shape[axis] for axis in kept)))
        ranks = sorted(range(len(kept)), key=kept.__getitem__)
        if ranks == list(range(len(kept))):
            return shaped
        return shaped.transpose(*range(leading), *(leading + rank for rank in ranks))


def _pick(source: Any, index: tuple[int, ...]) -> Any:
    return source[index] if isinstance(source, np.ndarray) else source
