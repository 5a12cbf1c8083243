"""The kernels of reverse mode as :mod:`ptx` examines them: the transposes of ops, and what recorded steps compute with.

Reductions among them are in :mod:`ptx_reduction`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, product
from typing import Any

import numba
import numpy as np
from numbafunc_cuda import gather, loop, pool, spread
from numbafunc_cuda.launch import inline
from numbafunc_cuda.layout import Slot, StoredOperand
from numbafunc_cuda.steps import DEFINITIONS
from ptx import FLOATS, ORDERS, Case, ScalarFunction, elementwise_case

import numbafunc
from numbafunc.kinds.plan import chunks_of, result_keys
from numbafunc.kinds.reduction import REGISTRY
from numbafunc.kinds.stages import stage_op

_WORDS = ("uint8", "uint16", "uint32", "uint64")


def _case(kind: str, name: str, dtype: str, layout: str, kernel: Any, types: tuple[Any, ...]) -> Case:
    return Case(kind, name, dtype, "0", layout, lambda: (kernel, types))


def cases() -> Iterator[Case]:
    """Each kernel for each dtype that cotangents have, or for words of its size where it computes nothing."""
    yield from (loop_case(dtype, order) for dtype, order in product(("float32", "float64"), ORDERS))
    for (name, definition), dtype, order in product(DEFINITIONS.items(), ("float32", "float64"), ("0", "1", "2")):
        code = definition.__code__
        op = ScalarFunction(definition, code.co_varnames[: code.co_argcount])
        yield elementwise_case(op, f"{name} in a walk back", dtype, order, "flat, a step", moving=2)
    for name, op in sorted(REGISTRY.items()):
        for stage, place, function in _stages(op.stages):
            made = stage_op(function, place, name, stage)
            for order in ("0", "1"):
                yield elementwise_case(made, made.name, "float32", order, "flat, a stage", moving=2)
    for storage, wide in product(FLOATS, (False, True)):
        layout = "lines, wide" if wide else "lines"
        kernel = spread.build(storage, storage, ("int32", "int64"))
        yield _case("transpose", "resize and pad", storage, layout, kernel, spread.argument_types(wide))
        for form in ("mean", "find"):
            kernel = pool.build_transpose(form, storage, "int32")
            types = pool.transpose_types(form, wide)
            yield _case("transpose", f"pooling {form}", storage, "wide" if wide else "any window", kernel, types)
    kernel = pool.build_transpose("mean", "float32", dilated=True, counted="int32")
    types = pool.transpose_types("mean", wide=False, dilated=True, counted=True)
    yield _case("transpose", "pooling mean", "float32", "dilated", kernel, types)
    for word, positions, wide in product(_WORDS, ("int32", "int64"), (False, True)):
        kernel, types = gather.build_scatter(word, positions), gather.argument_types(word, wide)[:-1]
        layout = f"positions {positions}{', wide' if wide else ''}"
        yield _case("transpose", "gather", word, layout, kernel, types)


def _rates(u: Any, v: Any) -> Any:
    return 1.1 * u - 0.4 * u * v, 0.1 * u * v - 0.4 * v


def _runge_kutta(carry: Any, x: Any) -> Any:
    """A step of Lotka and Volterra's equations, with a term that comes from outside."""
    u, v = carry
    half, third = np.float32(0.05), np.float32(0.1)
    a, b = rates(u, v)
    c, d = rates(u + half * a, v + half * b)
    e, f = rates(u + half * c, v + half * d)
    g, h = rates(u + third * e, v + third * f)
    u = u + third / 6 * (a + 2 * c + 2 * e + g) + numbafunc.sigmoid(x)
    v = v + third / 6 * (b + 2 * d + 2 * f + h)
    return (u, v), u * v


rates = numba.njit(_rates)


def loop_case(dtype: str, order: str) -> Case:
    """The kernel of a loop: all that is carried moves, and what enters does not."""

    def make() -> Any:
        chunks = chunks_of(ORDERS[order])
        levels = range(len(ORDERS[order]))
        parts = [tuple(c) for n in range(len(levels) + 1) for c in combinations(levels, n)]
        stored = [
            StoredOperand(dtype, dtype, tuple(Slot(key, "element") for key in chunks.operand_keys(own)))
            for own in (parts, parts, [()])
        ]
        keys = result_keys([operand.keys for operand in stored])
        form = loop.LoopSpec(("leaf", "leaf"), "leaf", "leaf", tuple(stored), keys, False)
        return loop.build(inline(_runge_kutta), form), form.argument_types()

    return Case("scan", "Runge and Kutta's step", dtype, order, "one element a thread", make)


def _stages(stages: Any) -> Iterator[tuple[str, int, Callable[..., Any]]]:
    """The stages of a reduction as elementwise ops: for each its name, the number of the result, the function."""
    if stages.shift_of is not None:
        yield "shift", -1, stages.shift_of
    for place in range(stages.sums):
        yield "lift", place, stages.lift
    for place in range(stages.finals):
        yield "finish", place, stages.finish
    if stages.epilogue is not None:
        yield "epilogue", -1, stages.epilogue
