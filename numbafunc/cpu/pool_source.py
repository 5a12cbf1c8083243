"""The pieces of source that the loops of sliding windows are made of."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from numbafunc.cpu.dispatchers import compile_kernel, inline, separate
from numbafunc.cpu.pool_places import GAPS, PLACES
from numbafunc.cpu.schedule import MIN_MAX, tasks

# Windows are compared in multiples of this number, so that none is left for scalar instructions, whose comparisons
# would be branches that the processor mispredicts.
LANES = 8


_HEAD = """
def pool({arrays}, {places}, first, last):
    length = (new_columns - 1) * across + wide
    begin = max(left, 0)
    width = min(left + columns, length) - begin
    {more}
    for index in range(first, last):
        row = index % new_rows * down - top
        start = max(row, 0)
        stop = min(row + high, rows)
        origin = (index // new_rows * rows + start) * columns + begin - left
"""


_KERNEL = """
def kernel({arrays}, places):
{unpack}
    for index in {tasks}((total + step - 1) // step):
        first = int64(index) * step
        pool({arrays}, {places}, first, min(first + step, total))
"""


_IF_OVERFLOWED = """
    if may_have_overflowed():
        repair({names}, first, last)
"""


# Pieces of source that are others where windows are dilated.
_DILATED = {
    "start = max(row, 0)": "start = row if row >= 0 else row + (high_gap - 1 - row) // high_gap * high_gap",
    "stop = min(row + high, rows)": "stop = min(row + (high - 1) * high_gap + 1, rows)",
    "range(start, stop)": "range(start, stop, high_gap)",
    "range(max(row, 0), min(row + high, rows))": "range(row, row + high * high_gap, high_gap)",
    "range(column, column + wide)": "range(column, column + wide * wide_gap, wide_gap)",
    "if c >= 0 and c < columns": "if c >= 0 and c < columns and r >= 0 and r < rows",
    "* across + wide": "* across + (wide - 1) * wide_gap + 1",
    "+ k)": "+ k * wide_gap)",
}


def _dilated(source: str) -> str:
    for plain, other in _DILATED.items():
        source = source.replace(plain, other)
    return source


# The number of whole blocks of windows, and the length of the line below them.
BLOCKS = ["blocks = (new_columns + LANES - 1) // LANES", "room = (LANES * blocks - 1) * across + wide"]


def indented(text: str, depth: int) -> str:
    """Source text further to the right."""
    return "\n".join("    " * depth + line for line in text.strip("\n").splitlines())


def compile_loop(
    form: str,
    body: str,
    more: list[str],
    sizes: dict[str, int],
    namespace: dict[str, Any],
    identity: str | None,
    parallel: bool,
    arrays: str = "x, y",
    line: str | None = "length",
    dilated: bool = False,
    repair: str = "",
) -> Any:
    """The dispatcher of the function ``kernel`` around the body of a row of results; ``more`` is done once before.

    So is a line of as many elements as are given filled, if there is one, with what loses to all others.
    """
    fill = [] if line is None else [f"for j in range({line}):", "    put_line(line, j, nothing)"]
    every = (*PLACES, *GAPS) if dilated else PLACES
    handed = [name for name in every if name not in sizes and name not in ("total", "step")]
    constants = [f"{name} = {value}" for name, value in sizes.items()]
    head = _HEAD.format(
        arrays=arrays,
        places=", ".join(handed),
        more="\n    ".join([*more, *fill]),
    )
    lines = head.strip("\n").splitlines()
    lines[1:1] = ["    " + line for line in constants]
    unpack = [f"{name} = places[{place}]" for place, name in enumerate(every)]
    kernel = _KERNEL.format(
        unpack="\n".join("    " + line for line in unpack),
        arrays=arrays,
        places=", ".join(handed),
        tasks=tasks(parallel),
    )
    source = "\n".join(lines) + "\n" + indented(body, 2) + "\n"
    if repair:
        source += _IF_OVERFLOWED + repair.replace("{constants}", "\n    ".join(constants))
        source = source.replace("{names}", f"{arrays}, {', '.join(handed)}")
    source += "\n\n" + kernel
    if dilated:
        source = _dilated(source)
    namespace.update(
        __name__=__name__,
        **MIN_MAX,
        prange=numba.prange,
        LANES=LANES,
        int64=np.int64,  # the index of prange is unsigned
        empty=np.empty,
    )
    exec(compile(source, f"<numbafunc {form}>", "exec"), namespace)
    namespace["pool"] = inline(namespace["pool"])
    if repair:
        namespace["repair"] = separate(namespace["repair"], identity)
    return compile_kernel(namespace["kernel"], identity, parallel=parallel)
