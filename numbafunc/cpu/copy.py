"""The copy behind all ops that move elements: from a strided view into a result in order.

A form is the loop over the one or two innermost axes, the part that has to be fast:

- ``run``: consecutive elements stay consecutive;
- ``cut``: all elements are consecutive; they are cut into runs that threads share;
- ``interleave``: several runs, or one run several times, become one run, with an element of each in turn;
- ``deinterleave``: one run becomes several, with an element for each in turn;
- ``transpose``: consecutive elements go to different rows; done in tiles, so that both sides use whole cache lines;
- ``gather``: elements at any distance become consecutive.

A :class:`~numbafunc.cpu.traversal.Traversal` tells how the loops go through the other axes.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from numbafunc.cpu.copy_vectors import make_deinterleave, make_interleave, move
from numbafunc.cpu.dispatchers import compile_kernel, inline
from numbafunc.cpu.load_store import Separation, make_read, make_write
from numbafunc.cpu.schedule import tasks
from numbafunc.cpu.traversal import TILE

_FORMS = {
    "run": """
    move(result, d, source, s, length)
""",
    # The last one may be shorter.
    "cut": """
    move(result, d, source, s, min(length, result.size - d))
""",
    "interleave": """
    for x in range(length):
{interleaved}
""",
    "deinterleave": """
    for x in range(length):
{deinterleaved}
""",
    # The last vector overlaps the one before it, in place of a loop over single elements.
    "interleave vectors": """
    x = 0
    while x < length - {lanes}:
        interleave(result, d + {block} * x, source, s + x, stride)
        x += {lanes}
    interleave(result, d + {block} * (length - {lanes}), source, s + length - {lanes}, stride)
""",
    "deinterleave vectors": """
    x = 0
    while x < length - {lanes}:
        deinterleave(result, d + x, apart, source, s + {block} * x)
        x += {lanes}
    deinterleave(result, d + length - {lanes}, apart, source, s + {block} * (length - {lanes}))
""",
    "transpose": """
    height = min(TILE, breadth - row * TILE)
    for start in range(0, length, TILE):
        for y in range(height):
            for x in range(start, min(start + TILE, length)):
                put(result, d + y * apart + x, get(source, s + x * stride + y))
""",
    "gather": """
    for x in range(length):
        put(result, d + x, get(source, s + x * stride))
""",
}

_KERNEL = """
def innermost(source, result, s, d, row, length, stride, apart, breadth):
{innermost}


def copy_rows(source, result, numbers, start, first, last):
    length, stride, apart, breadth = numbers[2], numbers[3], numbers[4], numbers[5]
    rows, row_source, row_result = numbers[6], numbers[7], numbers[8]
    columns, column_source, column_result = numbers[9], numbers[10], numbers[11]
    done = first
    while done < last:
        outer = done // rows
        begin = done - outer * rows
        from_, to = start, int64(0)
        for axis in range(numbers[12]):
            size = numbers[13 + 3 * axis]
            rest = outer // size
            from_ += (outer - rest * size) * numbers[14 + 3 * axis]
            to += (outer - rest * size) * numbers[15 + 3 * axis]
            outer = rest
        end = min(rows, begin + last - done)
        for row in range(begin, end):
            s, d = from_ + row * row_source, to + row * row_result
            for _ in range(columns):
                innermost(source, result, s, d, row, length, stride, apart, breadth)
                s += column_source
                d += column_result
        done += end - begin


def kernel(source, result, numbers, start):
    total, task = numbers[0], numbers[1]
    for index in {tasks}((total + task - 1) // task):
        first = int64(index) * task
        copy_rows(source, result, numbers, start, first, min(first + task, total))
"""


def build(form: str, block: int, lanes: int, word: str, *, parallel: bool = False, identity: str | None = None) -> Any:
    """Kernel ``kernel(source, result, numbers, start)`` over flat arrays of words, which are floats for larger sizes.

    The first element of the view has the index ``start`` in the source. For the form and the numbers see
    :class:`~numbafunc.cpu.traversal.Traversal`; ``lanes`` elements of each of ``block`` runs are taken at once.
    """
    groups = ("operands", "result")
    separation = Separation(groups)
    namespace = {
        "__name__": __name__,
        "get": make_read(word, separation, "operands"),
        "put": make_write(word, separation, "result"),
        "interleave": make_interleave(block, lanes, separation, groups),
        "deinterleave": make_deinterleave(block, lanes, separation, groups),
        "move": move,
        "prange": numba.prange,
        "int64": np.int64,  # the index of prange is unsigned
        "TILE": TILE,
    }
    loop = "        put(result, {to}, get(source, {from_}))"
    innermost = _FORMS[form if lanes == 1 else f"{form} vectors"].format(
        interleaved="\n".join(
            loop.format(to=f"d + {block} * x + {j}", from_=f"s + x + {j} * stride") for j in range(block)
        ),
        deinterleaved="\n".join(
            loop.format(to=f"d + x + {j} * apart", from_=f"s + {block} * x + {j}") for j in range(block)
        ),
        lanes=lanes,
        block=block,
    )
    source = _KERNEL.format(innermost=innermost.strip("\n"), tasks=tasks(parallel))
    exec(compile(source, f"<numbafunc copy {form}>", "exec"), namespace)
    for name in ("innermost", "copy_rows"):
        namespace[name] = inline(namespace[name])
    return compile_kernel(namespace["kernel"], identity, parallel=parallel)
