"""The kernels of the reduction kind: a block for each row, a thread for each row, and rows shared out in segments.

The stages of an op (see :class:`numbafunc.kinds.reduction.Stages`) become loops over a row, the counterpart of
:mod:`numbafunc.cpu.reduction`. Every thread keeps aside what rounding loses of its sum, and threads join their sums in
a fixed order: the error does not grow with the length, and results do not depend on how blocks are scheduled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.cpu.load_store import FLOATS
from numbafunc.numbers.keys import VALUE, Key
from numbafunc_cuda.launch import BLOCK, SIMULATED, access, inline
from numbafunc_cuda.layout import Slot, StoredOperand, argument_type

if SIMULATED:
    from numbafunc_cuda.simulator import accumulate
else:
    from numbafunc_cuda import accumulate  # type: ignore[no-redef]

# Elements of a segment: the part of a row that one block handles where several share it.
SEGMENT = 64 if SIMULATED else 1 << 14
# Threads of a block, and of a warp, within which numbers are exchanged without memory.
THREADS, _WARP = (8, 4) if SIMULATED else (BLOCK, 32)
_WARPS = THREADS // _WARP
_DISTANCES = tuple(1 << bit for bit in reversed(range(_WARP.bit_length() - 1)))


class KernelSpec(NamedTuple):
    """Parameters from which kernels are generated.

    ``tables`` tells for each slot of the operands which pair of strides is its own, or -1 for numbers; ``result`` is
    that of the results where each element has one, otherwise -1. ``kept`` and ``reduced`` are the numbers of axes.
    """

    team: str  # "block", "thread" or "segments"
    operands: tuple[StoredOperand, ...]
    storage: str
    compute: str
    keys: tuple[Key, ...]
    tables: tuple[int, ...]
    result: int
    kept: int
    reduced: int
    wide: bool


class _Source:
    """Generates the pieces of source of the kernels of a form."""

    def __init__(self, stages: Any, form: KernelSpec) -> None:
        self.stages, self.form = stages, form
        self.width = len(form.keys)
        self.slots = [f"slot{i}" for i in range(len(form.tables))]
        self.results = [f"result{i}" for i in range(self.width * stages.results)]
        self.count = 1 + max(*form.tables, form.result)
        self.kept = [f"kept{axis}" for axis in range(1, form.kept)]
        self.reduced = [f"reduced{axis}" for axis in range(1, form.reduced)]
        self.outer = [[f"outer{t}_{axis}" for axis in range(form.kept)] for t in range(self.count)]
        self.steps = [[f"step{t}_{axis}" for axis in range(form.reduced)] for t in range(self.count)]
        # What the processor's loops sum in a second pass, for few rows, costs nothing beside memory here.
        sums = stages.sums + stages.more
        self.totals = [f"total{i}" for i in range(sums)]
        self.lost = [f"lost{i}" for i in range(sums)]
        self.finals = [f"final{i}" for i in range(stages.finals)]
        self.shared = self.width * 2 * sums

    @property
    def parameters(self) -> str:
        """Parameters of every kernel."""
        strides = [name for names in (*self.outer, *self.steps) for name in names]
        return ", ".join((*self.slots, *self.results, "scratch", "rows", "count", *self.kept, *self.reduced, *strides))

    def argument_types(self) -> tuple[Any, ...]:
        """Numba's types of those parameters."""
        form = self.form
        index, stride = (types.uint64, types.int64) if form.wide else (types.uint32, types.int32)
        slots = [argument_type(operand) for operand in form.operands for _ in operand.slots]
        lengths = [index] * (2 + len(self.kept) + len(self.reduced))
        strides = [stride] * (self.count * (form.kept + form.reduced))
        return (*slots, *[types.uint64] * (len(self.results) + 1), *lengths, *strides)

    def row(self) -> list[str]:
        """Source: offsets of the row in every array."""
        if not self.form.kept:
            return [f"base{t} = start_of(count)" for t in range(self.count)]
        return [f"base{t} = offset(row, {_tuple(self.kept)}, {_tuple(names)})" for t, names in enumerate(self.outer)]

    def place(self, table: int, index: str) -> str:
        """Source: the offset of an element of the row in an array."""
        if not self.form.reduced:
            return f"base{table}"
        return f"advance(base{table}, offset({index}, {_tuple(self.reduced)}, {_tuple(self.steps[table])}))"

    def element(self, index: str | None) -> str:
        """The numbers of the operands at an element of the row, at its first one for None."""
        places = ["zero" if t < 0 else f"base{t}" if index is None else self.place(t, index) for t in self.form.tables]
        return f"load({_tuple(self.slots)}, {_tuple(places)})"

    def shift(self, stop: str) -> list[str]:
        """The shift of a run of elements, as far as this thread sees it."""
        if self.stages.shift_of is None:
            return ["shift = plain((0.0,))"]
        return [
            "shift = plain((-inf,))",
            "i = begin",
            f"while i < {stop}:",
            f"    shift = larger(shift, shift_of(*{self.element('i')}))",
            "    i = advance(i, hop)",
        ]

    def sums(self, stop: str) -> list[str]:
        """The totals of the lifted terms of a run of elements, and what rounding lost of them, seen by this thread."""
        terms = [f"term{i}" for i in range(len(self.totals))]
        lines = [*self.nothing(), "i = begin", f"while i < {stop}:"]
        lines += [f"    {_tuple(terms[: self.stages.sums])} = lift(shift, *{self.element('i')})"]
        if self.stages.more:
            lines += [f"    {_tuple(terms[self.stages.sums :])} = again(shift, *{self.element('i')})"]
        for total, lost, term in zip(self.totals, self.lost, terms):
            lines += [
                f"    {lost} = plus({lost}, rounding_error({total}, {term}))",
                f"    {total} = plus({total}, {term})",
            ]
        return [*lines, "    i = advance(i, hop)"]

    def nothing(self) -> list[str]:
        """Totals to begin with."""
        zeros = "0.0, " * self.width
        return [f"{name} = number(({zeros}))" for name in (*self.totals, *self.lost)]

    def finish(self) -> list[str]:
        """The results of a row, or what its epilogue needs."""
        arguments = ["shift", "int64(count)", *(f"settled({t}, {e})" for t, e in zip(self.totals, self.lost))]
        lines = []
        if self.stages.picks:
            label = f"{self.element(None)}[{len(self.form.operands) - 1}]"
            if self.form.operands[-1].storage == "uint64":  # no label may come out negative
                label = f"min({label}, uint64(count))"
            lines = [
                f"label = int64({label})",
                "label = label + int64(count) if label < 0 else label",
                "inside = label >= 0 and label < int64(count)",
                "at = index_like(label if inside else 0, count)",
                f"picked = parts({self.element('at')}[0])",
            ]
            chosen = "".join(f"picked[{k}] if inside else {'nan' if k == 0 else '0.0'}, " for k in range(self.width))
            arguments.append(f"number(({chosen}))")
        return [*lines, f"{_tuple(self.finals)} = finish({', '.join(arguments)})"]

    def store_finals(self) -> list[str]:
        """Store the results of a row."""
        return [
            f"store({_tuple(self.results[i * self.width : (i + 1) * self.width])}, row, final{i})"
            for i in range(self.stages.results)
        ]

    def epilogue(self, stop: str) -> list[str]:
        """Store the results of a run of elements."""
        given = [f"*{self.element('i')}"]
        if self.stages.kept:
            given = [f"lift(shift, *{self.element('i')})[0]"]
        value = f"epilogue({', '.join((*given, *self.finals))})"
        return [
            "i = begin",
            f"while i < {stop}:",
            f"    store({_tuple(self.results)}, {self.place(self.form.result, 'i')}, {value})",
            "    i = advance(i, hop)",
        ]

    # Combining what the threads of a block have found, so that all of them know the result.

    def _exchanged(self, name: str, distance: int) -> str:
        make, split = ("plain", "plain_parts") if name == "shift" else ("number", "parts")
        return f"other_{name} = {make}(exchange{distance}({split}({name})))"

    def _published(self, name: str, region: int, keys: int) -> list[str]:
        split = "plain_parts" if name == "shift" else "parts"
        lines = [f"own = {split}({name})"]
        return lines + [f"shared[{(region + k) * _WARPS} + warp] = own[{k}]" for k in range(keys)]

    def _read(self, name: str, region: int, keys: int) -> str:
        make = "plain" if name == "shift" else "number"
        parts = "".join(f"shared[{(region + k) * _WARPS} + w], " for k in range(keys))
        return f"other_{name} = {make}(({parts}))"

    def _joined(self, names: list[str], join: list[str], start: list[str]) -> list[str]:
        """Source: combine variables of all threads, first within each warp, then among the warps."""
        keys = 1 if names == ["shift"] else self.width
        lines = []
        for distance in _DISTANCES:
            lines += [self._exchanged(name, distance) for name in names]
            lines += join
        lines += ["cuda.syncthreads()", "if lane == 0:"]
        for i, name in enumerate(names):
            lines += _indented(self._published(name, i * keys, keys))
        lines += ["cuda.syncthreads()", *start, f"for w in range({_WARPS}):"]
        lines += [f"    {self._read(name, i * keys, keys)}" for i, name in enumerate(names)]
        return lines + _indented(join)

    def join_shift(self) -> list[str]:
        """The shift of all threads."""
        if self.stages.shift_of is None:
            return []
        return self._joined(["shift"], ["shift = larger(shift, other_shift)"], ["shift = plain((-inf,))"])

    def join_sums(self) -> list[str]:
        """The totals of all threads."""
        return self._joined([*self.totals, *self.lost], self.add_others(), self.nothing())

    def add_others(self) -> list[str]:
        """Add other totals and what was lost of them."""
        lines = []
        for total, lost in zip(self.totals, self.lost):
            lines += [
                f"{lost} = plus(plus({lost}, other_{lost}), rounding_error({total}, other_{total}))",
                f"{total} = plus({total}, other_{total})",
            ]
        return lines

    # Scratch memory of a call in segments: for each task its shift, then totals and what was lost; then finals of rows.

    def _cell(self, region: int, task: str) -> str:
        return f"int64({task}) + {region} * tasks"

    def put(self, names: list[str], region: int, task: str) -> list[str]:
        """Write numbers to scratch memory."""
        lines = []
        for i, name in enumerate(names):
            split, keys = ("plain_parts", 1) if name == "shift" else ("parts", self.width)
            lines += [f"own = {split}({name})"]
            for k in range(keys):
                lines += [f"store_scratch((scratch,), {self._cell(region + i * keys + k, task)}, own[{k}])"]
        return lines

    def get(self, name: str, region: int, task: str, *, plain: bool = False) -> str:
        """Read a number from scratch memory."""
        keys = 1 if plain else self.width
        cells = _tuple(self._cell(region + k, task) for k in range(keys))
        return f"{name} = load_{'plain' if plain else 'scratch'}({'(' + 'scratch, ' * keys + ')'}, {cells})[0]"

    def namespace(self, inlined: dict[str, Any]) -> dict[str, Any]:
        """The names that the source uses."""
        form = self.form
        plain = StoredOperand(form.compute, form.compute, (Slot(VALUE, "strided"),))
        full = StoredOperand(form.compute, form.compute, tuple(Slot(key, "strided") for key in form.keys))
        names: dict[str, Any] = {
            "__name__": __name__,
            "cuda": cuda,
            "inf": np.inf,
            "nan": np.nan,
            "int64": int if SIMULATED else np.int64,
            "uint64": int if SIMULATED else np.uint64,
            "real": FLOATS[form.compute],
            "load": access.make_load(form.operands),
            "store": access.make_store(form.storage, form.keys),
            "load_plain": access.make_load((plain,)),
            "load_scratch": access.make_load((full,)),
            "store_scratch": access.make_store(form.compute, (VALUE,)),
            "plain": accumulate.make_number(form.compute, (VALUE,)),
            "number": accumulate.make_number(form.compute, form.keys),
            "plain_parts": accumulate.make_parts(form.compute, (VALUE,)),
            "parts": accumulate.make_parts(form.compute, form.keys),
            "index_like": access.index_like,
            "advance": access.advance,
            "offset": access.offset,
            "start_of": _nowhere(wide=form.wide),
            **inlined,
        }
        for name in ("larger", "plus", "rounding_error", "settled"):
            names[name] = accumulate.make_operation(name)
        for distance in _DISTANCES:
            names[f"exchange{distance}"] = accumulate.make_exchange(distance)
        return names


def _nowhere(*, wide: bool) -> Any:
    zero: Any = 0 if SIMULATED else (np.int64(0) if wide else np.int32(0))

    def start_of(count):  # type: ignore[no-untyped-def]
        return zero

    return start_of if SIMULATED else inline(start_of)


def _tuple(names: Any) -> str:
    return "(" + "".join(f"{name}, " for name in names) + ")"


def _indented(lines: list[str], depth: int = 1) -> list[str]:
    return ["    " * depth + line for line in lines]


_WHOLE = """
def whole({parameters}):
    zero = index_like(0, count)
{shared}
    begin = index_like({thread}, count)
    hop = index_like({team}, count)
    row = index_like({first}, rows)
    next_row = index_like({next}, rows)
    while row < rows:
{body}
        row = advance(row, next_row)
"""

_SEGMENT_LOOP = """
def {name}({parameters}):
    zero = index_like(0, count)
{shared}
    hop = index_like(cuda.blockDim.x, count)
    segments = (int64(count) + {segment} - 1) // {segment}
    tasks = int64(rows) * segments
    for task in range(cuda.blockIdx.x, {tasks}, cuda.gridDim.x):
        row = index_like({row}, rows)
        begin = index_like(task % segments * {segment} + cuda.threadIdx.x, count)
        end = index_like(min(task % segments * {segment} + {segment}, int64(count)), count)
{body}
"""


def _shared(source: _Source) -> list[str]:
    return [
        f"shared = cuda.shared.array({source.shared * _WARPS}, real)",
        f"lane = cuda.threadIdx.x % {_WARP}",
        f"warp = cuda.threadIdx.x // {_WARP}",
    ]


def _text(lines: list[str], depth: int) -> str:
    return "\n".join(_indented(lines, depth))


def _whole(source: _Source) -> dict[str, str]:
    """The kernel for rows that are each reduced by one block or one thread."""
    alone = source.form.team == "thread"
    body = [*source.row(), *source.shift("count")]
    body += [] if alone else source.join_shift()
    body += source.sums("count")
    body += [] if alone else source.join_sums()
    body += source.finish()
    if source.stages.epilogue is None:
        # No barrier is needed before the next row: combining starts with one.
        body += source.store_finals() if alone else ["if begin == 0:", *_indented(source.store_finals())]
    else:
        body += source.epilogue("count")
    places = ("0", "1", "cuda.grid(1)", "cuda.gridsize(1)")
    if not alone:
        places = ("cuda.threadIdx.x", "cuda.blockDim.x", "cuda.blockIdx.x", "cuda.gridDim.x")
    settings = dict(zip(("thread", "team", "first", "next"), places))
    shared = [] if alone else _shared(source)
    text = _WHOLE.format(parameters=source.parameters, shared=_text(shared, 1), body=_text(body, 2), **settings)
    return {"whole": text}


def _segments(source: _Source) -> dict[str, str]:
    """The kernels for rows in segments: shifts, sums, results of rows, results of elements."""
    stages = source.stages
    keyed = stages.shift_of is not None
    known = ["shift = plain((0.0,))"]
    if keyed:
        known = [
            "shift = plain((-inf,))",
            "for other in range(cuda.threadIdx.x, segments, cuda.blockDim.x):",
            "    " + source.get("found", 0, "int64(row) * segments + other", plain=True),
            "    shift = larger(shift, found)",
            *source.join_shift(),
        ]
    sums = [*source.totals, *source.lost]
    finals = 1 + source.width * len(sums)
    first = "if cuda.threadIdx.x == 0:"
    bodies = {}
    if keyed:
        found = [*source.shift("end"), *source.join_shift(), first, *_indented(source.put(["shift"], 0, "task"))]
        bodies["segment_shifts"] = [*source.row(), *found]
    found = [*source.sums("end"), *source.join_sums(), first, *_indented(source.put(sums, 1, "task"))]
    bodies["segment_sums"] = [*source.row(), *known, *found]
    joined = [*source.nothing(), "for other in range(cuda.threadIdx.x, segments, cuda.blockDim.x):"]
    for i, name in enumerate(sums):
        cell = "int64(row) * segments + other"
        joined += ["    " + source.get(f"other_{name}", 1 + i * source.width, cell)]
    joined += [*_indented(source.add_others()), *source.join_sums(), *source.finish(), first]
    stored = source.store_finals() if stages.epilogue is None else source.put(source.finals, finals, "row")
    bodies["row_results"] = [*source.row(), *known, *joined, *_indented(stored)]
    if stages.epilogue is not None:
        read = [source.get(name, finals + i * source.width, "row") for i, name in enumerate(source.finals)]
        bodies["element_results"] = [*source.row(), *(known if stages.kept else []), *read, *source.epilogue("end")]
    texts = {}
    for name, body in bodies.items():
        of_rows = name == "row_results"
        texts[name] = _SEGMENT_LOOP.format(
            name=name,
            parameters=source.parameters,
            shared=_text(_shared(source), 1),
            segment=SEGMENT,
            tasks="int64(rows)" if of_rows else "tasks",
            row="task" if of_rows else "task // segments",
            body=_text(body, 2),
        )
    return texts


def scratch_size(stages: Any, form: KernelSpec, rows: int, count: int) -> int:
    """Number of elements of the scratch memory for rows in segments."""
    tasks = rows * -(-count // SEGMENT)
    return tasks * (1 + len(form.keys) * (2 * int(stages.sums + stages.more) + int(stages.finals)))


def build(stages: Any, form: KernelSpec, inlined: dict[str, Any]) -> tuple[list[Callable[..., Any]], tuple[Any, ...]]:
    """The kernels of a call in their order, not compiled yet, and the types of the arguments that all of them have.

    Parameters
    ----------
    stages : Stages
        What the op declares.
    form : KernelSpec
        What the kernels are made for.
    inlined : dict
        What :func:`numbafunc_cuda.launch.inline` made of the functions among the stages, by their names.
    """
    source = _Source(stages, form)
    texts = _segments(source) if form.team == "segments" else _whole(source)
    kernels = []
    for name, text in texts.items():
        namespace = source.namespace(inlined)
        exec(compile(text, f"<numbafunc reduction on a device, {name}>", "exec"), namespace)
        kernels.append(namespace[name])
    return kernels, source.argument_types()
