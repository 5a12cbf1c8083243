"""The loop of the elementwise kind."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from numbafunc.cpu.dispatchers import compile_kernel, inline, separate
from numbafunc.cpu.load_store import Separation, make_load, make_store, out_of_line
from numbafunc.cpu.loop_hints import TOGETHER
from numbafunc.cpu.schedule import MIN_MAX, tasks
from numbafunc.cpu.stored_operand import StoredOperand
from numbafunc.numbers.keys import Key

# Elements of a block, a thread's unit of work: some microseconds, so that threads that join late find blocks left. The
# blocks of small arrays are smaller, in whole vectors, so that there is one for each of a few threads.
BLOCK = 1 << 14
SMALLEST, VECTORS = 1 << 11, 1 << 10

# Loops take several vectors together where no tangents come along, which would take more registers than there are. What
# does not fill as many is done vector by vector: LLVM would take it in halves of vectors.
_STEP = dict(TOGETHER)["interleave.count"] * 16  # elements of the longest vector of any processor
_MANY = 512  # from so many elements on it pays to enter two loops

_SERIAL = """
def kernel({slots}, {results}):
    for i in range(result0.size):
        store(({results},), i, definition(*load(({slots},), ({indices},))))
"""

_SERIAL_TOGETHER = """
def kernel({slots}, {results}):
    n = result0.size
    whole = n & -STEP if n >= MANY else 0
    for i in range(whole):
        store_together(({results},), i, definition(*load(({slots},), ({indices},))))
    for i in range(whole, n):
        store(({results},), i, definition(*load(({slots},), ({indices},))))
"""

_PARALLEL = """
def body({slots}, {results}, start, stop):
    for i in range(start, stop):
        store_together(({results},), i, definition(*load(({slots},), ({indices},))))


def block({slots}, {results}, start, stop):
    out_of_line()
    body({slots}, {results}, start, stop)


def kernel({slots}, {results}):
    n = result0.size
    size = min(BLOCK, max(SMALLEST, (n + 8 * VECTORS - 1) // (8 * VECTORS) * VECTORS))
    for index in prange((n + size - 1) // size):
        start = int64(index) * size
        block({slots}, {results}, start, min(start + size, n))
"""

_TABLE = """
def body({slots}, {results}, first, last, columns):
    for row in range(first, last):
        start = row * columns
        for column in range(columns):
            store(({results},), start + column, definition(*load(({slots},), ({indices},))))


def kernel({slots}, {results}, columns):
    rows = result0.size // max(1, columns)
    step = max(1, BLOCK // max(1, columns))
    for index in {tasks}((rows + step - 1) // step):
        first = int64(index) * step
        body({slots}, {results}, first, min(first + step, rows), columns)
"""

_TABLE_INDICES = {"element": "start + column", "row": "row", "column": "column", "number": "0"}


def build(
    definition: Any,
    operands: tuple[StoredOperand, ...],
    storage: str,
    keys: tuple[Key, ...],
    spans: tuple[str, ...],
    *,
    parallel: bool,
    identity: str | None = None,
) -> Any:
    """Kernel ``kernel(*slots, *results)`` over flat contiguous arrays of equal size, or over a table.

    When an operand spans only the rows or only the columns of a table, the kernel is ``kernel(*slots, *results,
    columns)``.

    Parameters
    ----------
    definition : callable
        Scalar function of as many numbers as there are operands.
    operands : tuple of StoredOperand
        How the operands are stored.
    storage : str
        Name of the dtype of the results.
    keys : tuple of Key
        Coefficients of the result, one array each.
    spans : tuple of str
        Whether each operand has a value per "element", per "row", per "column", or a single one, a "number".
    parallel : bool
        Whether the array is shared out to threads.
    identity : str, optional
        Identifies the kernel in the cache; without one it is compiled anew in each process.
    """
    slots = tuple(f"slot{index}" for index in range(sum(operand.slots for operand in operands)))
    results = tuple(f"result{index}" for index in range(len(keys)))
    separation = Separation(("operands", *results))
    moves = len(keys) > 1
    namespace = {
        "__name__": __name__,
        "load": make_load(operands, ("operands",) * len(slots), separation),
        "store": make_store(storage, keys, results, separation),
        "store_together": make_store(storage, keys, results, separation, () if moves else TOGETHER),
        "definition": inline(definition),
        "out_of_line": out_of_line,
        **MIN_MAX,
        "prange": numba.prange,
        "int64": np.int64,  # the index of prange is unsigned
        "BLOCK": BLOCK,
        "SMALLEST": SMALLEST,
        "VECTORS": VECTORS,
        "STEP": _STEP,
        "MANY": _MANY,
    }
    table = "row" in spans or "column" in spans
    indices = [_TABLE_INDICES[span] if table else "i" for span in spans]
    template = _TABLE if table else _PARALLEL if parallel else _SERIAL if moves else _SERIAL_TOGETHER
    source = template.format(
        slots=", ".join(slots),
        results=", ".join(results),
        indices=", ".join(indices),
        tasks=tasks(parallel),
    )
    exec(compile(source, "<numbafunc elementwise>", "exec"), namespace)
    if "body" in namespace:
        namespace["body"] = inline(namespace["body"])
    if "block" in namespace:
        namespace["block"] = separate(namespace["block"])
    return compile_kernel(namespace["kernel"], identity, parallel=parallel)
