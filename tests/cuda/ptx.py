"""What can be told of kernels without a device: they compile, they assemble, and what they then need.

Each is compiled by libNVVM to PTX for the oldest architecture of the toolkit, sm_80, sm_90 and sm_100, and assembled by
the ``ptxas`` of the package nvidia-cuda-nvcc.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

from numba import cuda
from numbafunc_cuda import elementwise
from numbafunc_cuda.launch import inline
from numbafunc_cuda.layout import Slot, StoredOperand

from numbafunc.kinds.plan import chunks_of, component_of, result_keys

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


def name_of(capability: Capability) -> str:
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
        command = [str(ptxas()), f"-arch={name_of(capability)}", "-v", str(source), "-o", str(target)]
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
        operands.append(StoredOperand(storage, compute, slots))
        for key in keys:
            place = position, component_of(key)
            tables.append(numbers.setdefault(place, len(numbers)) if strided else -1)
            itemsizes.append({**FLOATS, **INTEGERS, "bool": 1}[storage])
    results = result_keys([operand.keys for operand in operands])
    form = elementwise.KernelSpec(tuple(operands), dtype, results, tuple(tables), -1, 3 if strided else 0, 1, wide)
    form = form._replace(lanes=elementwise.lanes_for(form, itemsizes))
    return elementwise.build(_inlined(op), form), form.argument_types()
