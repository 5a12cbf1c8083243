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
from numbafunc.cpu.schedule import SET_CHUNK, schedule

# Elements that are worth a task of their own; longer rows are cut.
TASK = 1 << 14

_KERNEL = """
def get(array, index):
    return load((array,), (index,))[0]


def margin(source, constants, result, table, entries, base, begin, end, to):
    for column in range(begin, end):
        entry = table[entries + column - begin]
        if entry < 0:
            store((result,), to + column, get(constants, -1 - entry))
        else:
            store((result,), to + column, get(source, base + entry))


def piece(source, constants, result, table, planes, rows, left, middle, right, row, first, last):
    plane_entry, row_entry = table[row // rows], table[planes + row % rows]
    to = row * (left + middle + right)
    base = plane_entry + row_entry
    columns = planes + rows
    if first < left:
        margin(source, constants, result, table, columns + first, base, first, min(last, left), to)
    begin, end = max(first, left), min(last, left + middle)
    if row_entry < 0 or plane_entry < 0:
        value = get(constants, -1 - row_entry if row_entry < 0 else -1 - plane_entry)
        for column in range(begin, end):
            store((result,), to + column, value)
    else:
        for column in range(begin, end):
            store((result,), to + column, get(source, base + column - left))
    begin = max(first, left + middle)
    if begin < last:
        margin(source, constants, result, table, columns + begin - middle, base, begin, last, to)


def kernel(source, constants, result, table, plan):
    planes, rows, left, middle, right = plan[0], plan[1], plan[2], plan[3], plan[4]
    width = left + middle + right
    pieces = (width + TASK - 1) // TASK
    group = max(1, TASK // width)
    groups = (planes * rows + group - 1) // group
    {dynamic}
    for index in {tasks}(groups * pieces):
        task = int64(index)
        first = task % pieces * TASK
        start = task // pieces * group
        for row in range(start, min(start + group, planes * rows)):
            last = min(first + TASK, width)
            piece(source, constants, result, table, planes, rows, left, middle, right, row, first, last)
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
        "set_parallel_chunksize": SET_CHUNK,
        "prange": numba.prange,
        "int64": np.int64,  # the index of prange is unsigned
        "TASK": TASK,
    }
    exec(compile(_KERNEL.format(**schedule(parallel)), "<numbafunc pad>", "exec"), namespace)
    for name in ("get", "margin", "piece"):
        namespace[name] = inline(namespace[name])
    return compile_lazily(namespace["kernel"], repr(("pad", word)), parallel=parallel)
