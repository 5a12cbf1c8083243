"""The kernels of the reduction kind in the form in which :mod:`ptx` examines them."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from numbafunc_cuda.layout import Slot, StoredOperand
from numbafunc_cuda.reduction import ReductionOnDevice, device_chunks
from numbafunc_cuda.reduction_kernels import KernelSpec, build
from numbafunc_cuda.steps import LARGEST, SUM
from ptx import FLOATS, ORDERS, Case

from numbafunc.kinds.plan import result_keys
from numbafunc.kinds.reduction import REGISTRY, Stages

# The ops, and the reductions that the walk back of reverse mode computes with.
OPS = {**REGISTRY, SUM.name: SUM, LARGEST.name: LARGEST}

TEAMS = ("block", "thread", "segments")

# Operands that are no arrays of the op's dtype.
_STORED = {"mask": "bool", **dict.fromkeys(("initial", "eps", "kept", "spread"), "number")}


@cache
def _op(name: str) -> ReductionOnDevice:
    return ReductionOnDevice(OPS[name])


def form(stages: Stages, dtype: str, order: str, team: str, *, wide: bool = False) -> KernelSpec:
    """A kernel of which the first operand moves, each with strides of its own."""
    compute = "float64" if dtype == "float64" else "float32"
    counts = ORDERS[order]
    steps = device_chunks(stages, counts)
    moving = [()] if not counts else [(), (0,)] if len(counts) == 1 else [(), (0,), (1,), (0, 1)]
    operands, tables = [], []
    for position, name in enumerate(list(inspect.signature(stages.lift).parameters)[1:]):
        integer = position in stages.integers
        storage = "int64" if integer else _STORED.get(name, dtype)
        keys = steps.operand_keys([()] if position else moving)
        span = "number" if storage == "number" else "strided"
        operands.append(StoredOperand(storage, None if integer else compute, tuple(Slot(key, span) for key in keys)))
        tables += [-1 if span == "number" else position] * len(keys)
    keys = result_keys([operand.keys for operand in operands])
    result = -1 if stages.epilogue is None else 0
    return KernelSpec(team, tuple(operands), dtype, compute, keys, tuple(tables), result, 1, 1, wide)


def _maker(name: str, made: KernelSpec, number: int) -> Callable[[], tuple[Callable[..., Any], tuple[Any, ...]]]:
    def make() -> tuple[Callable[..., Any], tuple[Any, ...]]:
        kernels, types = build(OPS[name].stages, made, _op(name).inlined())
        return kernels[number], types

    return make


def cases() -> Iterator[Case]:
    """The kernels of each op for each dtype: all of them at orders 0 and 1, and those of blocks at all orders."""
    for name, op in sorted(OPS.items()):
        for dtype, order, team in itertools.product(FLOATS, ORDERS, TEAMS):
            if team == "block" or order in ("0", "1"):
                yield from reduction_cases(name, op.stages, dtype, order, team)


def reduction_cases(
    name: str, stages: Stages, dtype: str, order: str, team: str, *, wide: bool = False
) -> Iterator[Case]:
    """The kernels of one op for one dtype, order of derivatives and team."""
    made = form(stages, dtype, order, team, wide=wide)
    layout = f"{team}, wide" if wide else team
    if team != "segments":
        yield Case("reduction", name, dtype, order, layout, _maker(name, made, 0))
        return
    steps = ["shifts"] if stages.shift_of is not None else []
    steps += ["sums", "rows"] + (["elements"] if stages.epilogue is not None else [])
    for number, step in enumerate(steps):
        yield Case("reduction", name, dtype, order, f"{layout}, {step}", _maker(name, made, number))
