"""What can be told of kernels without a device: they compile, they assemble, and what they then need.

``python -m numbafunc_cuda.ptx FILE`` writes a table of all kernels. Each is compiled by libNVVM to PTX for the oldest
architecture of the toolkit, sm_80, sm_90 and sm_100, and assembled by the ``ptxas`` of the package nvidia-cuda-nvcc.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import multiprocessing
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

from numba import cuda

import numbafunc
from numbafunc.kinds.elementwise import REGISTRY
from numbafunc.kinds.plan import chunks_of, component_of, result_keys
from numbafunc.numbers import elementary
from numbafunc_cuda import elementwise
from numbafunc_cuda.launch import inline
from numbafunc_cuda.slots import Operand, Slot

Capability = tuple[int, int]

_NEWER: tuple[Capability, ...] = ((8, 0), (9, 0), (10, 0))

FLOATS = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
INTEGERS = {"int8": 1, "uint16": 2, "int32": 4, "uint64": 8}

# Directions at each level, by the name of an order of differentiation.
ORDERS: dict[str, tuple[int, ...]] = {"0": (), "1": (1,), "1, 8 directions": (8,), "2": (1, 1)}


class Case(NamedTuple):
    """A kernel in the table: what it is called, and what makes its Python function and the types of its arguments."""

    kind: str
    name: str
    dtype: str
    order: str
    layout: str
    make: Callable[[], tuple[Callable[..., Any], tuple[Any, ...]]]

    @property
    def title(self) -> str:
        """All of the above in words."""
        return f"{self.name}, {self.dtype}, order {self.order}, {self.layout}"


class ScalarFunction(NamedTuple):
    """What a kernel needs to know of an op: the scalar function and the names of its parameters."""

    definition: Callable[..., Any]
    parameters: tuple[str, ...]


class Report(NamedTuple):
    """What the assembler says of a kernel, and what is in its code."""

    registers: int
    shared: int
    spilled: int
    loads: tuple[str, ...]
    stores: tuple[str, ...]
    doubles: int


@cache
def ptxas() -> Path:
    """The assembler that pip has installed.

    Raises
    ------
    FileNotFoundError
        When there is none.
    """
    namespace = importlib.util.find_spec("nvidia")
    for folder in namespace.submodule_search_locations or () if namespace is not None else ():
        for found in sorted(Path(folder).glob("*/bin/ptxas")):
            return found
    raise FileNotFoundError("there is no ptxas; install nvidia-cuda-nvcc in the version of the toolkit")


@cache
def capabilities() -> tuple[Capability, ...]:
    """What kernels are compiled for: the oldest that the assembler knows first."""
    told = subprocess.run([ptxas(), "--help"], check=True, capture_output=True, text=True).stdout
    numbers = sorted(int(number) for number in set(re.findall(r"'sm_(\d+)'", told)))
    return (divmod(numbers[0], 10), *_NEWER)


def _name(capability: Capability) -> str:
    return f"sm_{capability[0]}{capability[1]}"


@contextlib.contextmanager
def no_device(capability: Capability) -> Iterator[None]:
    """Let Numba compile for a compute capability where there is no device.

    It asks for the device on which device functions shall run, for their cache only.
    """
    device = SimpleNamespace(compute_capability=capability)
    with mock.patch("numba.cuda.dispatcher.get_current_device", return_value=device):
        yield


def compiled(case: Case, capability: Capability) -> str:
    """The PTX of a kernel."""
    kernel, types = case.make()
    with no_device(capability):
        return str(cuda.compile_ptx(kernel, types, cc=capability)[0])


def assembled(ptx: str, capability: Capability) -> Report:
    """What becomes of PTX."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "kernel.ptx")
        source.write_text(ptx)
        target = Path(folder, "kernel.cubin")
        command = [str(ptxas()), f"-arch={_name(capability)}", "-v", str(source), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"ptxas refuses a kernel: {done.stderr}")

    def number(pattern: str) -> int:
        found = re.search(pattern, done.stderr)
        return int(found[1]) if found else 0

    return Report(
        registers=number(r"Used (\d+) registers"),
        shared=number(r"(\d+) bytes smem"),
        spilled=number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads"),
        loads=_widths("ld", ptx),
        stores=_widths("st", ptx),
        doubles=len(re.findall(r"^\s+(?:@\S+ )?[a-z]\S*\.f64", ptx, re.MULTILINE)),
    )


def _widths(instruction: str, ptx: str) -> tuple[str, ...]:
    """How wide loads from global memory, or stores to it, are: "4 x 32"."""
    found = set(re.findall(rf"\b{instruction}\.global(?:\.nc)?(?:\.v(\d))?\.[a-z]+(\d+)", ptx))
    words = sorted((int(count or 1) * int(bits), int(count or 1), int(bits)) for count, bits in found)
    return tuple(f"{count} x {bits}" for _, count, bits in words)


def report(case: Case, capability: Capability) -> Report:
    """What a kernel needs on devices of a compute capability."""
    return assembled(compiled(case, capability), capability)


def elementwise_case(
    op: Any, name: str, dtype: str, order: str, layout: str, *, moving: int = 1, storage: str = "", wide: bool = False
) -> Case:
    """A kernel of the elementwise kind of which the first operands move, all of them arrays.

    Operands have the dtype of the result, or that of ``storage``; ``wide`` is said of indices of 64 bits.
    """
    made = functools.partial(_elementwise, op, dtype, ORDERS[order], layout, moving, storage or dtype, wide)
    return Case("elementwise", name, dtype, order, layout, made)


@cache
def _inlined(op: Any) -> Any:
    return inline(op.definition)


def _elementwise(
    op: Any, dtype: str, counts: tuple[int, ...], layout: str, moving: int, storage: str, wide: bool
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    steps = chunks_of(counts)
    compute = None
    if storage in FLOATS or dtype in FLOATS:
        compute = "float32" if storage in FLOATS and storage != "float64" else "float64"
    components = [()] if not counts else [(), (0,)] if len(counts) == 1 else [(), (0,), (1,), (0, 1)]
    strided = layout.startswith("strided")
    operands, tables, itemsizes = [], [], []
    numbers: dict[Any, int] = {}
    for position, _ in enumerate(op.parameters):
        keys = steps.operand_keys(components if position < moving else [()])
        slots = tuple(Slot(key, "strided" if strided else "element") for key in keys)
        operands.append(Operand(storage, compute, slots))
        for key in keys:
            place = position, component_of(key)
            tables.append(numbers.setdefault(place, len(numbers)) if strided else -1)
            itemsizes.append({**FLOATS, **INTEGERS, "bool": 1}[storage])
    results = result_keys([operand.keys for operand in operands])
    form = elementwise.Form(tuple(operands), dtype, results, tuple(tables), -1, 3 if strided else 0, 1, wide)
    form = form._replace(lanes=elementwise.lanes_for(form, itemsizes))
    return elementwise.build(_inlined(op), form), form.argument_types()


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
    from numbafunc_cuda import ptx_reduction, ptx_rules, ptx_selection  # which are built on this module

    yield from ptx_reduction.cases()
    yield from ptx_selection.cases()
    yield from ptx_rules.cases()


@cache
def _elementary_op(name: str) -> Any:
    function = elementary.FUNCTIONS[name]
    return ScalarFunction(lambda x: function(x), ("x",))


def table() -> str:
    """The reports of all kernels for all architectures, in Markdown; of several figures, those in that order."""
    names = list(map(_name, capabilities()))
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
