"""The loop of the selection kind: elements at positions that were found before."""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
import numpy as np

from numbafunc.cpu.cache import compile_lazily
from numbafunc.cpu.schedule import MIN_MAX, SET_CHUNK, schedule

# Elements per task: fewer are not worth one.
TASK = 1 << 14

_GATHER = """
def kernel(source, positions, result, directions, blocks, size, count, missing):
    per_task = max(1, TASK // max(1, count))
    {dynamic}
    for index in {tasks}((directions * blocks + per_task - 1) // per_task):
        first = int64(index) * per_task
        for row in range(first, min(first + per_task, directions * blocks)):
            begin = row * size
            block = row % blocks
            taken = positions[block * count : (block + 1) * count]
            filled = result[row * count : (row + 1) * count]
            for i in range(count):
                position = taken[i]
                filled[i] = source[unsigned(begin + position)] if position >= 0 else missing
    {static}
"""


@cache
def build_gather(parallel: bool) -> Any:
    """Kernel ``kernel(source, positions, result, directions, blocks, size, count, missing)`` over flat arrays.

    ``positions`` has ``count`` positions in each of ``blocks`` blocks of ``size`` elements; ``source`` has such blocks
    for each of ``directions``, and ``missing`` stands where the position is negative.
    """
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "set_parallel_chunksize": SET_CHUNK,
        **MIN_MAX,
        "prange": numba.prange,
        "int64": np.int64,  # the index of prange is unsigned
        "unsigned": np.uint64,
        "TASK": TASK,
    }
    exec(compile(_GATHER.format(**schedule(parallel)), "<numbafunc gather>", "exec"), namespace)
    return compile_lazily(namespace["kernel"], "gather", parallel=parallel)
