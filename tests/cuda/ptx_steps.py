"""The kernels of reverse mode as :mod:`ptx` examines them: the transposes of ops, and what recorded steps compute with.

Reductions among them are in :mod:`ptx_reduction`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from numbafunc_cuda import gather, pool, spread
from numbafunc_cuda.steps import DEFINITIONS
from ptx import FLOATS, Case, ScalarFunction, elementwise_case

from numbafunc.kinds.reduction import REGISTRY
from numbafunc.kinds.stages import stage_op

_WORDS = ("uint8", "uint16", "uint32", "uint64")


def _case(kind: str, name: str, dtype: str, layout: str, kernel: Any, types: tuple[Any, ...]) -> Case:
    return Case(kind, name, dtype, "0", layout, lambda: (kernel, types))


def cases() -> Iterator[Case]:
    """Each kernel for each dtype that cotangents have, or for words of its size where it computes nothing."""
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
