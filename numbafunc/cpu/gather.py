"""The loops of the selection kind: elements taken from positions that were found before, and added to them."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from numbafunc.cpu.dispatchers import compile_kernel
from numbafunc.cpu.schedule import MIN_MAX, tasks

# Elements per task: fewer are not worth one.
TASK = 1 << 14

# A block of positions after the other, each on one thread.
_LOOP = """
def kernel(source, positions, result, directions, blocks, size, count{missing}):
    per_task = max(1, TASK // max(1, count))
    for index in {tasks}((directions * blocks + per_task - 1) // per_task):
        first = int64(index) * per_task
        for row in range(first, min(first + per_task, directions * blocks)):
            begin = row * size
            block = row % blocks
            taken = positions[block * count : (block + 1) * count]
            part = {part}[row * count : (row + 1) * count]
            for i in range(count):
                position = taken[i]
                {step}
"""
_GATHER = {
    "missing": ", missing",
    "part": "result",
    "step": "part[i] = source[unsigned(begin + position)] if position >= 0 else missing",
}
_SCATTER = {
    "missing": "",
    "part": "source",
    "step": "if position >= 0: result[unsigned(begin + position)] += part[i]",
}


def build_gather(*, parallel: bool, identity: str | None = None) -> Any:
    """Kernel ``kernel(source, positions, result, directions, blocks, size, count, missing)`` over flat arrays.

    ``positions`` has ``count`` positions in each of ``blocks`` blocks of ``size`` elements; ``source`` has such blocks
    for each of ``directions``, and ``missing`` stands where the position is negative.
    """
    return _build(_GATHER, "gather", parallel, identity)


def build_scatter(*, parallel: bool, identity: str | None = None) -> Any:
    """Kernel ``kernel(source, positions, result, directions, blocks, size, count)``: the transpose of the other one.

    It adds ``source`` to the elements of ``result``, which is laid out as the source of the other one, in order; each
    block belongs to one thread, so the sums do not depend on their number.
    """
    return _build(_SCATTER, "scatter", parallel, identity)


def _build(parts: dict[str, str], name: str, parallel: bool, identity: str | None) -> Any:
    namespace: dict[str, Any] = {
        "__name__": __name__,
        **MIN_MAX,
        "prange": numba.prange,
        "int64": np.int64,  # the index of prange is unsigned
        "unsigned": np.uint64,
        "TASK": TASK,
    }
    exec(compile(_LOOP.format(**parts, tasks=tasks(parallel)), f"<numbafunc {name}>", "exec"), namespace)
    return compile_kernel(namespace["kernel"], identity, parallel=parallel)
