"""All kernels, and the table of what they need on devices: ``python tests/cuda/ptx_table.py FILE`` writes it."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import ptx_reduction
import ptx_rules
import ptx_selection
import ptx_steps
from ptx import FLOATS, INTEGERS, ORDERS, Case, ScalarFunction, capabilities, elementwise_case, name_of, report

import numbafunc
from numbafunc.kinds.elementwise import REGISTRY
from numbafunc.numbers import elementary


def cases() -> Iterator[Case]:
    """All kernels of the table."""
    for public in numbafunc.__all__:  # registries hold the ops whose modules have been loaded
        getattr(numbafunc, public)
    for name, op in sorted(REGISTRY.items()):
        orders = list(ORDERS) if name != "one_hot" else ["0"]
        for dtype in FLOATS:
            for order in orders:
                for layout in ("flat", "strided"):
                    yield elementwise_case(op, name, dtype, order, layout)
        if op.keep_integers:
            for dtype in INTEGERS:
                for layout in ("flat", "strided"):
                    yield elementwise_case(op, name, dtype, "0", layout)
    for name in elementary.FUNCTIONS:
        for dtype in ("float32", "float64"):
            for order in ("0", "1"):
                yield elementwise_case(_elementary_op(name), f"elementary.{name}", dtype, order, "flat")
    yield from ptx_reduction.cases()
    yield from ptx_selection.cases()
    yield from ptx_rules.cases()
    yield from ptx_steps.cases()


@cache
def _elementary_op(name: str) -> Any:
    function = elementary.FUNCTIONS[name]
    return ScalarFunction(lambda x: function(x), ("x",))


def table() -> str:
    """The reports of all kernels for all architectures, in Markdown; of several figures, those in that order."""
    names = list(map(name_of, capabilities()))
    columns = ["kernel", "dtype", "order", "layout", "registers", "shared bytes", "spilled bytes", "loads", "stores"]
    columns.append("float64 instructions")
    lines = [
        "# Kernels for CUDA devices, as compiled",
        "",
        f"Written by `tox run -e ptx-table`. Figures separated by slashes are those for {', '.join(names)}.",
        f"Loads and stores are those of global memory, for {names[-1]}: how many words of how many bits at once.",
        "",
        f"| {' | '.join(columns)} |",
        f"|{' --- |' * len(columns)}",
    ]
    with multiprocessing.get_context("spawn").Pool() as pool:
        lines += pool.imap(_line, range(len(_cases())), chunksize=16)
    return "\n".join(lines) + "\n"


@cache
def _cases() -> list[Case]:
    return list(cases())


def _line(number: int) -> str:
    """The line of a case, by its number, which a process can be told."""
    case = _cases()[number]
    reports = [report(case, capability) for capability in capabilities()]

    def each(field: str) -> str:
        return "/".join(str(getattr(one, field)) for one in reports)

    last = reports[-1]
    cells = [case.name, case.dtype, case.order, case.layout, each("registers"), each("shared"), each("spilled")]
    cells += [", ".join(last.loads), ", ".join(last.stores), each("doubles")]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(table())
