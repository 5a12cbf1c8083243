"""The loop of padding: the result is written once and in order, row after row, margins and all.

An entry of the table is the source index for an index of the result, or ``-1 - i`` for the constant ``i``. A row of the
result is the sum of an entry for its plane, one for its place in the plane, and one for each column of a margin;
columns in between are consecutive in the source. Where margins of two axes meet, the constant of the later axis wins.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from numbafunc.cpu.copy_vectors import move
from numbafunc.cpu.dispatchers import compile_kernel, inline
from numbafunc.cpu.load_store import Separation, make_read, make_write
from numbafunc.cpu.schedule import tasks

# Elements per task: fewer are not worth one, and longer rows are cut.
TASK = 1 << 15

# Integers before the table: counts of planes, of rows of a plane, and of columns on the left, in the middle and on
# the right.
HEADER = 5

# Elements of a band, few enough to stay in the first-level cache between the loop over rows and the loops over the
# columns of margins. These are separate loops, since small loops keep their variables in registers.
BAND = 1 << 12

# A margin is one constant throughout, or each of its columns has an entry. Rows that are constant throughout have
# neither.
_MARGINS = {
    True: """
        for column in range(first, left_end):
            fill_column(result, to + column, width, many, before)
        for column in range(right_begin, last):
            fill_column(result, to + column, width, many, after)
""",
    False: """
        for column in range(first, left_end):
            entry = get(table, columns + column)
            gather_column(source, result, table, to + column, width, place, many, plane_entry + entry)
        for column in range(right_begin, last):
            entry = get(table, columns - middle + column)
            gather_column(source, result, table, to + column, width, place, many, plane_entry + entry)
""",
}

_COPY = {
    True: """
            if (entry | plane_entry) >= 0:
                move(result, goal, source, plane_entry + entry + begin - left, count)
            goal += width
        for index in range(many):
            entry = get(table, place + index)
            if (entry | plane_entry) < 0:
                value = get(constants, -1 - (entry if entry < 0 else plane_entry))
                fill(result, to + index * width + begin, count, value)
""",
    False: """
            move(result, goal, source, plane_entry + entry + begin - left, count)
            goal += width
""",
}

_CONSTANTS = """
    before = get(constants, -1 - get(table, columns) if left > 0 else 0)
    after = get(constants, -1 - get(table, columns + left) if right > 0 else 0)
"""

_KERNEL = """
def fill(result, to, count, value):
    for column in range(count):
        put(result, to + column, value)


def fill_column(result, to, width, many, value):
    for row in range(many):
        put(result, to + row * width, value)


def gather_column(source, result, table, to, width, place, many, base):
    for row in range(many):
        put(result, to + row * width, get(source, base + get(table, place + row)))


def pad_rows(source, constants, result, table, start, stop, first, last):
    planes, rows, left, middle, right = table[0], table[1], table[2], table[3], table[4]
    columns = HEADER + planes + rows
    width = left + middle + right
    left_end, right_begin = min(last, left), max(first, left + middle)
    begin, end = max(first, left), min(last, left + middle)
    count = max(0, end - begin)
    band = max(1, BAND // width)
    {constants}
    plane = start // rows
    row = start - plane * rows
    to = start * width
    while start < stop:
        plane_entry = get(table, HEADER + plane)
        place = HEADER + planes + row
        many = min(rows - row, stop - start, band)
        goal = to + begin
        for index in range(place, place + many):
            entry = get(table, index)
{copy}
{margins}
        to += many * width
        start += many
        row += many
        if row == rows:
            row = 0
            plane += 1


def kernel(source, constants, result, table):
    width = table[2] + table[3] + table[4]
    total = table[0] * table[1]
    pieces = (width + TASK - 1) // TASK
    group = max(1, TASK // width)
    for index in {tasks}((total + group - 1) // group * pieces):
        task = int64(index)
        start = task // pieces * group
        first = task % pieces * TASK
        stop, last = min(start + group, total), min(first + TASK, width)
        pad_rows(source, constants, result, table, start, stop, first, last)
"""


def build(word: str, *, constant: bool, parallel: bool, identity: str | None = None) -> Any:
    """Kernel ``kernel(source, constants, result, table)`` over flat arrays of words.

    The table has a header, then an entry for each plane, each row, each column on the left and each
    on the right. Only kernels for ``constant`` margins know entries for constants.
    """
    separation = Separation(("operands", "result"))
    namespace = {
        "__name__": __name__,
        "get": make_read(word, separation, "operands"),
        "put": make_write(word, separation, "result"),
        "move": move,
        "prange": numba.prange,
        "int64": np.int64,  # the index of prange is unsigned
        "BAND": BAND,
        "HEADER": HEADER,
        "TASK": TASK,
    }
    parts = {
        "constants": _CONSTANTS.strip() if constant else "",
        "copy": _COPY[constant].strip("\n"),
        "margins": _MARGINS[constant].strip("\n"),
    }
    exec(compile(_KERNEL.format(**parts, tasks=tasks(parallel)), "<numbafunc pad>", "exec"), namespace)
    for name in ("fill", "fill_column", "gather_column", "pad_rows"):
        namespace[name] = inline(namespace[name])
    return compile_kernel(namespace["kernel"], identity, parallel=parallel)
