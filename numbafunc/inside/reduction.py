"""The reduction kind inside compiled functions: the loops of :mod:`numbafunc.cpu.reduction`, on the calling thread.

Python chooses a loop by the shape; so does the compiled code, and results have the same bits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from numbafunc.cpu import reduction as loops
from numbafunc.cpu.dispatchers import compile_lazily, separate
from numbafunc.cpu.reduction_layout import Layout
from numbafunc.cpu.stored_operand import StoredOperand
from numbafunc.inside.operands import Operand, implementation, is_integer, shape_lines
from numbafunc.kinds.njit_arguments import UNKNOWN, known, refuse
from numbafunc.kinds.reduction import FEW, LANES, LARGEST_TILE, LONG, MIDDLE, SEVERAL, SHORT, Reduction
from numbafunc.numbers.keys import VALUE


class Axes(NamedTuple):
    """The axes to reduce: those known when code is compiled, or a single one that a variable names."""

    ndim: int
    fixed: tuple[int, ...] | None
    variable: str = ""

    @classmethod
    def of(cls, function: str, given: Any, ndim: int) -> Axes:
        """The axes of an argument ``axis``."""
        value = known(given)
        if value is UNKNOWN and is_integer(given) and ndim:
            return cls(ndim, None, "axis")
        wanted = "an integer, None, or a tuple of integers written out" + f", for {ndim} axes"
        if value is None:
            return cls(ndim, tuple(range(ndim)))
        entries = value if isinstance(value, tuple) else (value,)
        if value is UNKNOWN or not all(map(is_integer, entries)):
            raise refuse(function, "axis", given, wanted)
        found = {entry % ndim for entry in entries if -ndim <= entry < ndim}
        if len(found) != len(entries):
            raise refuse(function, "axis", given, f"{wanted}, each in range and given once")
        return cls(ndim, tuple(sorted(found)))

    @property
    def order(self) -> tuple[int, ...] | None:
        """The permutation that brings the axes together, behind all others; None where they are."""
        fixed = self.fixed
        if not fixed or fixed[-1] - fixed[0] == len(fixed) - 1:
            return None
        return (*(axis for axis in range(self.ndim) if axis not in fixed), *fixed)

    def sizes(self, shape: str) -> list[str]:
        """Lines that find ``blocks``, ``length`` and ``inner``."""
        if self.fixed is None:
            return [
                f"place = axis_of({self.variable}, {self.ndim})",
                f"blocks, length, inner = split({shape}, place, place + 1)",
            ]
        if not self.ndim:
            return ["blocks, length, inner = 1, 1, 1"]
        first, last = (self.fixed[0], self.fixed[-1] + 1) if self.fixed else (self.ndim, self.ndim)
        if self.order is None:
            return [f"blocks, length, inner = split({shape}, {first}, {last})"]
        lengths = ", ".join(f"{shape}[{axis}]" for axis in self.order)
        first = self.ndim - len(self.fixed)
        return [f"blocks, length, inner = split(({lengths},), {first}, {self.ndim})"]

    def kept(self, shape: str, *, keepdims: bool) -> str:
        """Expression of the shape of what is left."""
        if self.fixed is None:
            return f"tuple_setitem({shape}, place, 1)" if keepdims else f"without_axis({shape}, place)"
        lengths = [
            "1" if axis in self.fixed else f"{shape}[{axis}]"
            for axis in range(self.ndim)
            if keepdims or axis not in self.fixed
        ]
        return f"({''.join(length + ', ' for length in lengths)})"

    def left(self, *, keepdims: bool) -> int:
        """Number of axes that are left."""
        if keepdims:
            return self.ndim
        return self.ndim - (1 if self.fixed is None else len(self.fixed))


@functools.cache
def reducer(op: Reduction, slots: tuple[str, ...], along: tuple[bool, ...], storage: str) -> Any:
    """The function ``reduce(*slots, *steps, *results, blocks, length, inner)``.

    ``slots`` names the dtype of each operand, "number" for numbers; ``along`` tells which of them vary along the
    reduced axes. ``steps`` has for each of the others the number of elements from row to row.
    """
    stages = op.stages
    compute = "float64" if storage == "float64" else "float32"
    operands = tuple(
        StoredOperand(slot, None if place in stages.integers else compute, (VALUE,), slot != "number")
        for place, slot in enumerate(slots)
    )
    layout = Layout(operands, along, storage, (VALUE,))
    names = [f"x{place}" for place in range(len(slots))]
    steps = [f"step{place}" for place in range(len(slots)) if not along[place]]
    results = [f"y{place}" for place in range(stages.results)]

    def call(kernel: str, apart: tuple[str, str], sizes: str) -> str:
        strides = [step for place, varies in enumerate(along) for step in (apart if varies else (f"step{place}", "0"))]
        return f"{kernel}({', '.join((*names, *strides, *results))}, {sizes})"

    source = f"""
def reduce({", ".join((*names, *steps, *results))}, blocks, length, inner):
    if inner != 1:
        tile = min(LARGEST_TILE, (inner + 31) // 32 * 32)
        {call("columns", ("length * inner", "inner"), "blocks, length, inner, max(32, tile)")}
    elif length < SHORT and blocks >= SHORT:
        {call("lanes", ("length", "1"), "1, length, blocks, LANES")}
    elif length <= MIDDLE and blocks >= SEVERAL:
        {call("batch", ("length", "1"), "blocks, length")}
    elif blocks <= FEW and length >= LONG:
        {call("segments", ("length", "1"), "blocks, length")}
    else:
        {call("rows", ("length", "1"), "blocks, length")}
"""
    builds: dict[str, Callable[..., Any]] = {
        "columns": loops.build_columns,
        "lanes": functools.partial(loops.build_columns, form="lanes"),
        "batch": functools.partial(loops.build_rows, batch=True),
        "segments": loops.build_segments,
        "rows": loops.build_rows,
    }
    namespace: dict[str, Any] = {
        **{form: separate(build(stages, layout, parallel=False).py_func) for form, build in builds.items()},
        **{"LARGEST_TILE": LARGEST_TILE, "SHORT": SHORT, "LANES": LANES, "FEW": FEW, "LONG": LONG},
        **{"MIDDLE": MIDDLE, "SEVERAL": SEVERAL},
        "__name__": __name__,
    }
    exec(compile(source, "<numbafunc reduction>", "exec"), namespace)
    return compile_lazily(namespace["reduce"], repr(("reduction inside", op.name, layout)))


def reduction(
    public: Callable[..., Any],
    op: Reduction,
    operands: Sequence[Operand],
    axes: Axes,
    dtype: np.dtype[Any],
    *,
    numbers: Sequence[str] = (),
    keepdims: bool = False,
    before: Sequence[str] = (),
    names: Mapping[str, Any] | None = None,
) -> Any:
    """The implementation of a reduction of operands, which broadcast, and of numbers, given as expressions.

    ``names`` are those in the lines that come ``before``.
    """
    lines = shape_lines(operands)
    order = axes.order
    lines += axes.sizes("shape")
    for one in operands:
        if len(operands) == 1:
            lines.append(f"flat_{one.name} = {one.flat(order)}")
        else:
            lines += one.spread("shape", axes.ndim, order)
    flats = [f"flat_{one.name}" for one in operands]
    slots = (*(one.storage for one in operands), *("number" for _ in numbers))
    along = (*(True for _ in operands), *(False for _ in numbers))
    reduce = reducer(op, slots, along, dtype.name)
    arguments = [*flats, *(f"float({number})" for number in numbers), *("0" for _ in numbers)]
    lines = [*before, *lines, *results(op, arguments, axes, keepdims=keepdims)]
    return implementation(public, lines, {"reduce": reduce, "dtype": dtype, **(names or {})})


def results(op: Reduction, arguments: Sequence[str], axes: Axes, *, keepdims: bool = False) -> list[str]:
    """Lines that reduce and return the results: arrays, or numbers in place of arrays without axes."""
    stages = op.stages
    if stages.epilogue is not None:
        order = axes.order
        shape = "shape" if order is None else f"({', '.join(f'shape[{axis}]' for axis in order)},)"
        lines = [f"result = np.empty({shape}, dtype)" if axes.ndim else "result = np.empty(1, dtype)"]
        lines.append(f"reduce({', '.join(arguments)}, run_of(result), blocks, length, inner)")
        if not axes.ndim:
            return [*lines, "return result[0]"]
        if order is None:
            return [*lines, "return result"]
        inverse = tuple(sorted(range(axes.ndim), key=order.__getitem__))
        return [*lines, f"return result.transpose({inverse}).copy()"]
    names = [f"result{place}" for place in range(stages.results)]
    left = axes.left(keepdims=keepdims)
    shape = axes.kept("shape", keepdims=keepdims) if left else "1"
    lines = [f"{name} = np.empty({shape}, dtype)" for name in names]
    runs = [f"run_of({name})" for name in names]
    lines.append(f"reduce({', '.join((*arguments, *runs))}, blocks, length, inner)")
    given = [name if left else f"{name}[0]" for name in names]
    return [*lines, f"return {', '.join(given)}"]
