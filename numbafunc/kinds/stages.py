"""Reductions of operands with recorded tangents: each stage becomes an elementwise op, with a sum between two of them.

The value comes from the loop of the reduction; the steps of the tape from the stages, whose partial derivatives the
elementwise kind finds.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from numbafunc.dual import anywhere
from numbafunc.dual.array import quiet, value_of
from numbafunc.dual.recorded import recorded_level, shaped_like, taken_apart, with_level, without_level
from numbafunc.kinds import arguments
from numbafunc.kinds.elementwise import Elementwise


@cache
def stage_op(function: Callable[..., Any], place: int, reduction: str, stage: str) -> Elementwise:
    """The elementwise op that computes one of the numbers that a stage returns; the only one for a negative place."""
    from numbafunc.cpu.cache import inline

    names = ", ".join(f"x{number}" for number in range(len(inspect.signature(function).parameters)))
    picked = f"[{place}]" if place >= 0 else ""
    namespace: dict[str, Any] = {"stage": inline(function), "__name__": __name__}
    exec(f"def definition({names}):\n    return stage({names}){picked}\n", namespace)
    name = f"{stage} {place} of {reduction}"
    return Elementwise(namespace["definition"], name=name, identity=name)


def by_stages(
    op: Any,
    operands: Sequence[Any],
    names: Sequence[str],
    axes: tuple[int, ...],
    dtype: Any,
    shape: tuple[int, ...],
    keepdims: bool,
) -> list[Any]:
    """The results of a reduction of operands of which at least one has a recorded tangent."""
    level = recorded_level(*operands)
    rests, tangents = taken_apart(operands, level)
    values = op(rests, axes, dtype, shape=shape, keepdims=keepdims, names=names)
    values = list(values) if type(values) is tuple else [values]
    compute = np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    moving = [
        rest if tangent is None else with_level(rest, tangent, level)
        for rest, tangent in zip(rests, tangents, strict=True)
    ]
    with quiet():
        found = _results(op, [_in(x, compute) for x in moving], axes, compute, shape)
    results = []
    for value, result in zip(values, found, strict=True):
        _, change = without_level(result, level)
        if change is None:
            results.append(value)
            continue
        results.append(with_level(value, shaped_like(change, value), level))
    return results


def _in(x: Any, dtype: Any) -> Any:
    if not hasattr(x, "dtype"):
        return x
    return x if x.dtype == dtype or not arguments.is_float(x.dtype) else anywhere.converted(x, dtype)


def _results(op: Any, operands: list[Any], axes: tuple[int, ...], dtype: Any, shape: Any) -> list[Any]:
    """The results with the reduced axes kept, with derivatives; their values are rounded in another order."""
    stages = op.stages
    reals = [0.0 if position in stages.integers else x for position, x in enumerate(operands)]
    shift: Any = 0.0
    if stages.shift_of is not None:
        keys = stage_op(stages.shift_of, -1, op.name, "shift").evaluate([value_of(x) for x in reals], dtype=dtype)
        shift = anywhere.place_of(keys).largest(anywhere.repeated(keys, shape), axes)
    terms = [stage_op(stages.lift, place, op.name, "lift").evaluate([shift, *reals], dtype=dtype)
             for place in range(stages.sums)]  # fmt: skip
    totals = [anywhere.total(anywhere.repeated(term, shape), axes, keepdims=True) for term in terms]
    count = math.prod(shape[axis] for axis in axes)
    picked = []
    if stages.picks:
        picked.append(anywhere.place_of(operands[0]).picked(operands[0], operands[-1], axes[-1]))
    finals = [
        stage_op(stages.finish, place, op.name, "finish").evaluate([shift, float(count), *totals, *picked], dtype=dtype)
        for place in range(stages.finals)
    ]
    if stages.epilogue is None:
        return finals[: stages.results]
    elements = terms[:1] if stages.kept else reals
    return [stage_op(stages.epilogue, -1, op.name, "epilogue").evaluate([*elements, *finals], dtype=dtype)]
