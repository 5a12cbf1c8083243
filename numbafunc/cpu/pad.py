"""The loop of padding: the result is written once and in order, row after row, margins and all.

An entry of the table is where in the source an index of the result comes from, or ``-1 - i`` for the constant ``i``. A
row of the result is the sum of an entry for its plane, one for its place in the plane, and one for each column of a
margin; columns in between are consecutive in the source. Constants of a later axis go over those of an earlier one.
"""

from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np

from numbafunc.cpu.access import Operand, Separation, make_load, make_store
from numbafunc.cpu.cache import compile_lazily, inline
from numbafunc.cpu.run import move
from numbafunc.cpu.schedule import SET_CHUNK, schedule

# Elements that are worth a task of their own; longer rows are cut.
TASK = 1 << 14

_KERNEL = """
def get(array, index):
    return load((array,), (index,))[0]


def pad_rows(source, constants, result, table, plan, start, stop, first, last):
    planes, rows, left, middle, right = plan[0], plan[1], plan[2], plan[3], plan[4]
    width = left + middle + right
    begin, end = max(first, left), min(last, left + middle)
    # The columns of both margins that are among those from first to last, in one loop: it is short for most.
    margins = min(first, left) + max(0, first - left - middle), min(last, left) + max(0, last - left - middle)
    plane = start // rows
    row = start - plane * rows
    for to in range(start * width, stop * width, width):
        plane_entry, row_entry = table[plane], table[planes + row]
        base = plane_entry + row_entry
        for index in range(margins[0], margins[1]):
            entry = table[planes + rows + index]
            column = index if index < left else index + middle
            store((result,), to + column, get(constants, -1 - entry) if entry < 0 else get(source, base + entry))
        if row_entry < 0 or plane_entry < 0:
            value = get(constants, -1 - (row_entry if row_entry < 0 else plane_entry))
            for column in range(begin, end):
                store((result,), to + column, value)
        else:
            move(result, to + begin, source, base - left + begin, max(0, end - begin))
        row += 1
        if row == rows:
            row = 0
            plane += 1


def kernel(source, constants, result, table, plan):
    width = plan[2] + plan[3] + plan[4]
    total = plan[0] * plan[1]
    pieces = (width + TASK - 1) // TASK
    group = max(1, TASK // width)
    {dynamic}
    for index in {tasks}((total + group - 1) // group * pieces):
        task = int64(index)
        start = task // pieces * group
        first = task % pieces * TASK
        stop, last = min(start + group, total), min(first + TASK, width)
        pad_rows(source, constants, result, table, plan, start, stop, first, last)
    {static}
"""


@functools.cache
def build(word: str, *, parallel: bool) -> Any:
    """Kernel ``kernel(source, constants, result, table, plan)`` over flat arrays of words.

    The plan is the number of planes, of rows of a plane, and of columns on the left, in the middle and on the right.
    The table has an entry for each plane, each row, each column on the left and each on the right.
    """
    separation = Separation(("operands", "result"))
    namespace = {
        "__name__": __name__,
        "load": make_load((Operand(word, None, ((),)),), ("operands",), separation),
        "store": make_store(word, ((),), ("result",), separation),
        "move": move,
        "set_parallel_chunksize": SET_CHUNK,
        "prange": numba.prange,
        "int64": np.int64,  # the index of prange is unsigned
        "TASK": TASK,
    }
    exec(compile(_KERNEL.format(**schedule(parallel)), "<numbafunc pad>", "exec"), namespace)
    for name in ("get", "pad_rows"):
        namespace[name] = inline(namespace[name])
    return compile_lazily(namespace["kernel"], repr(("pad", word)), parallel=parallel)
