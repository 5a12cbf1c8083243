"""The pieces of source that the loops of the reduction kind are made of."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from numbafunc.cpu import accumulate
from numbafunc.cpu.dispatchers import compile_kernel, inline, inline_loop
from numbafunc.cpu.load_store import (
    FLOATS,
    Separation,
    kept,
    make_load,
    make_pieces,
    make_read,
    make_store,
    make_write,
    pointers,
)
from numbafunc.cpu.reduction_layout import Layout
from numbafunc.cpu.schedule import MIN_MAX
from numbafunc.cpu.stored_operand import StoredOperand
from numbafunc.numbers.keys import VALUE, Key
from numbafunc.numbers.numba_type import make_start

# Terms that are summed in vector order before the compensated sum takes over.
BLOCK = 512


# Elements of a row that one thread handles where threads share a row: a sixteenth, in whole blocks, within bounds.
SEGMENT, SMALLEST_SEGMENT = 1 << 15, 1 << 12


# Numbers of columns in scratch memory are multiples of this, the float32 numbers of the longest vectors.
VECTOR = 16


# Elements per task: fewer are not worth one. In small arrays they are, so that there is one for each of a few threads.
TASK = 1 << 13
SMALLEST_TASK = 1 << 11


class Source:
    """The pieces of source that the loops of the kind are made of."""

    def __init__(self, stages: Any, layout: Layout) -> None:
        self.stages = stages
        self.layout = layout
        width = len(layout.keys)
        self.slots = [f"slot{i}" for i in range(sum(o.slots for o in layout.operands))]
        self.steps = [f"{kind}{i}" for i in range(len(layout.operands)) for kind in ("outer", "step")]
        self.results = [f"result{i}" for i in range(width * stages.results)]
        self.groups = [self.results[i * width : (i + 1) * width] for i in range(stages.results)]
        self.totals = [f"total{i}" for i in range(stages.sums)]
        self.lost = [f"lost{i}" for i in range(stages.sums)]
        self.partials = [f"partial{i}" for i in range(stages.sums)]
        self.terms = [f"term{i}" for i in range(stages.sums)]
        self.more = [f"more{i}" for i in range(stages.more)]
        self.finals = [f"final{i}" for i in range(stages.finals)]
        self.keep = stages.kept and layout.storage == layout.compute

    @property
    def parameters(self) -> str:
        """Parameters that every function of a kernel hands on."""
        return ", ".join((*self.slots, *self.steps, *self.results))

    def element(self, *indices: str) -> str:
        """The numbers of the operands, given the index of each."""
        return f"*load(operands, {tuple_of(indices)})"

    def heads(self) -> list[str]:
        """Lines that put pointers to the elements of the operands and the results into tuples."""
        groups = {"operands": self.slots, **{f"to{i}": group for i, group in enumerate(self.groups)}}
        return [f"{name} = pointers({tuple_of(group)})" for name, group in groups.items()]

    def shift(self, element: str, start: str, stop: str) -> list[str]:
        """The shift of a run of elements."""
        if self.stages.shift_of is None:
            return ["shift = number(0.0)"]
        return [
            "shift = number(-inf)",
            f"for i in range({start}, {stop}):",
            f"    shift = larger(shift, shift_of({element}))",
        ]

    def sums(self, element: str, start: str, stop: str) -> list[str]:
        """The totals of the lifted terms of a run of elements, and their rounding errors."""
        lines = [f"{name} = number(0.0)" for name in self.totals + self.lost]
        lines += [f"for first in range({start}, {stop}, BLOCK):"]
        lines += [f"    {name} = 0.0" for name in self.partials]
        lines += [
            f"    for i in range(first, min(first + BLOCK, {stop})):",
            f"        {tuple_of(self.terms)} = lift(shift, {element})",
        ]
        if self.keep:
            lines += ["        store0(to0, begin + i, term0)"]
        lines += [f"        {p} = add({p}, {t}, {self.stages.lanes})" for p, t in zip(self.partials, self.terms)]
        return lines + indented(self.compensate(self.totals, self.lost, self.partials), 1)

    def sums_again(self, element: str, totals: list[str]) -> list[str]:
        """The sums of the terms of the second pass over a row, zeros where it is not wanted."""
        if not self.more:
            return []
        terms = [f"next_{name}" for name in self.more]
        parts = [f"part_{name}" for name in self.more]
        lost = [f"lost_{name}" for name in self.more]
        return [
            *(f"{name} = number(0.0)" for name in (*self.more, *lost)),
            f"if wanted({', '.join(['shift', *totals])}):",
            "    for first_again in range(0, count, BLOCK):",
            *(f"        {part} = 0.0" for part in parts),
            "        for i in range(first_again, min(first_again + BLOCK, count)):",
            f"            {tuple_of(terms)} = again(shift, {element})",
            *(f"            {part} = add({part}, {term}, {self.stages.lanes})" for part, term in zip(parts, terms)),
            *indented(self.compensate(self.more, lost, parts), 2),
            *(f"    {name} = settled({name}, {error})" for name, error in zip(self.more, lost)),
        ]

    @staticmethod
    def compensate(totals: list[str], lost: list[str], terms: list[str]) -> list[str]:
        """Add terms to totals and keep the rounding errors."""
        lines = []
        for total, error, term in zip(totals, lost, terms):
            lines += [
                f"{error} = plus({error}, rounding_error({total}, {term}))",
                f"{total} = plus({total}, {term})",
            ]
        return lines

    def finish(self, shift: str, totals: list[str], row: str) -> list[str]:
        """The results of a row, or what its epilogue needs."""
        lines, arguments = [], [shift, "count", *totals]
        if self.stages.picks:
            last = len(self.layout.operands) - 1
            rows = [f"{row} * outer{i}" for i in range(last + 1)]
            picked = [f"{at} + place * step{i}" for i, at in enumerate(rows[:last])]
            lines = [
                f"place = int64({self.element(*rows)[1:]}[{last}])",
                "place = place + count if place < 0 else place",
                "inside = 0 <= place < count",
                "place = place if inside else 0",
                f"picked = {self.element(*picked, rows[last])[1:]}[0]",
            ]
            arguments.append("picked if inside else number(nan)")
        return [*lines, f"{tuple_of(self.finals)} = finish({', '.join(arguments)})"]

    def store_finals(self, index: str) -> list[str]:
        """Store the results of a row."""
        first = 0 if self.stages.epilogue is None else 1
        return [f"store{i}(to{i}, {index}, final{i - first})" for i in range(first, self.stages.results)]

    def epilogue(self, element: str, shift: str, finals: list[str], index: str) -> str:
        """Store the result of an element."""
        arguments = element
        if self.keep:
            arguments = f"load_result(to0, {index})"
        elif self.stages.kept:
            arguments = f"lift({shift}, {element})[0]"
        return f"store0(to0, {index}, epilogue({', '.join((arguments, *finals))}))"

    def compile(
        self,
        form: str,
        source: str,
        inner: tuple[str, ...],
        identity: str | None,
        scratch: list[str],
        *,
        parallel: bool,
    ) -> Any:
        """The dispatcher of the function ``kernel`` of a source; ``scratch`` names groups of temporary arrays."""
        layout, stages = self.layout, self.stages
        width = len(layout.keys)
        groups = {name: tuple(f"{name}{i}" for i in range(1 if name == "shift" else width)) for name in scratch}
        # In these forms "operands" and results are columns in scratch memory, which are copies.
        rows = ("rows", "turned") if form in ("lanes", "narrow") else ()
        arrays = (array for group in groups.values() for array in group)
        separation = Separation(("operands", *self.results, *rows, *arrays))

        def load_from(group: tuple[str, ...], keys: tuple[Key, ...]) -> Any:
            return make_load((StoredOperand(layout.compute, layout.compute, keys),), group, separation, alone=True)

        namespace: dict[str, Any] = {
            "__name__": __name__,
            **MIN_MAX,
            "prange": numba.prange,
            "int64": np.int64,  # the index of prange is unsigned
            "inf": np.inf,
            "nan": np.nan,
            "number": make_start(FLOATS[layout.compute]),
            "pointers": pointers,
            "kept": kept,
            "empty": np.empty,
            "compute": np.dtype(layout.compute),
            "load": make_load(layout.operands, ("operands",) * len(self.slots), separation),
            "load_result": load_from(tuple(self.results[:width]), layout.keys),
            "shift_of": stages.shift_of and inline(stages.shift_of),
            "lift": inline(stages.lift),
            "finish": inline(stages.finish),
            "again": stages.again and inline(stages.again),
            "wanted": stages.wanted and inline(stages.wanted),
            "epilogue": stages.epilogue and inline(stages.epilogue),
        }
        for name in ("BLOCK", "SEGMENT", "SMALLEST_SEGMENT", "SMALLEST_TASK", "TASK", "VECTOR"):
            namespace[name] = globals()[name]
        for name in ("larger", "add", "plus", "rounding_error", "settled"):
            namespace[name] = getattr(accumulate, name)
        if rows:
            namespace["read_row"], namespace["write_row"] = (
                make("words", separation, name) for make, name in zip((make_read, make_write), rows)
            )
            namespace["write_lane"] = make_write("words", separation, "operands")
            namespace |= {f"read_{result}": make_read("words", separation, result) for result in self.results}
        for i in range(stages.results):
            group = tuple(self.results[i * width : (i + 1) * width])
            namespace[f"store{i}"] = make_store(layout.storage, layout.keys, group, separation)
        for number, (name, group) in enumerate(groups.items()):
            first = sum(map(len, [*groups.values()][:number]))
            namespace[f"pieces_{name}"] = make_pieces(first, len(group))
            keys = (VALUE,) if name == "shift" else layout.keys
            namespace[f"get_{name}"] = load_from(group, keys)
            namespace[f"put_{name}"] = make_store(layout.compute, keys, group, separation)
        exec(compile(source, f"<numbafunc reduction {form}>", "exec"), namespace)
        for name in inner:
            namespace[name] = inline_loop(namespace[name])
        return compile_kernel(namespace["kernel"], identity, parallel=parallel)


def tuple_of(names: Any) -> str:
    """Source of a tuple of names."""
    return "(" + "".join(f"{name}, " for name in names) + ")"


def indented(lines: list[str], depth: int) -> list[str]:
    """Lines further to the right."""
    return ["    " * depth + line for line in lines]


def joined(lines: list[str], depth: int) -> str:
    """The text of lines further to the right."""
    return "\n".join(indented(lines, depth))
