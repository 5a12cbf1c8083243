"""``scan`` whose step is elementwise, as one kernel: each thread takes its own element through all steps.

The step is a user's function under ``numba.njit``. It is compiled for numbers: the carry, its tangents and the entry of
a step are in registers, and memory sees each entry and each result once. That is the same as the step of whole arrays
where all leaves of carry and entries have one shape and the step computes numbers from them by arithmetic and
elementwise functions. A step that does anything else is no function of numbers; the loop in Python takes it then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.backend import is_device_array
from numbafunc.bounded import Bounded
from numbafunc.cpu.scan import place, text
from numbafunc.cpu.user_functions import frozen, with_compiled_helpers
from numbafunc.dual.array import Dual, assemble, components, on_device
from numbafunc.kinds.plan import chunks_of, component_of, result_keys
from numbafunc.numbers.keys import Key
from numbafunc.numbers.numba_type import NumberType
from numbafunc_cuda.arrays import View, empty, pointer, stream_for
from numbafunc_cuda.copy import in_order
from numbafunc_cuda.launch import SIMULATED, access, compiled, inline, launch
from numbafunc_cuda.layout import Slot, StoredOperand
from numbafunc_cuda.operands import Operands

_SOURCE = """
def kernel({slots}, {results}, size, length, start, stride):
    threads = index_like(cuda.gridsize(1), size)
    i = index_like(cuda.grid(1), size)
    while i < size:
        {carries} = load_carry(({carry_slots}), ({at_carry}))
        at = advance(i, start)
        for step in range(length):
            {entries} = load_entry(({entry_slots}), ({at_entry}))
            carry, y = definition({carry}, {entry})
            {stores}
            {carries} = complete(({new},))
            at = advance(at, stride)
        {last}
        i = advance(i, threads)
"""

_KERNELS: Bounded = Bounded(math.inf)


class LoopSpec(NamedTuple):
    """Parameters from which a kernel is generated.

    ``carry`` and ``entry`` are the nests of tuples, with "leaf" for each number, and ``result`` is that of the results
    of a step. The operands are those of the carry, then those of the entry.
    """

    carry: Any
    entry: Any
    result: Any
    operands: tuple[StoredOperand, ...]
    keys: tuple[Key, ...]
    wide: bool

    def argument_types(self) -> tuple[Any, ...]:
        """Numba's types of the arguments of the kernel."""
        index = types.uint64 if self.wide else types.uint32
        slots = sum(len(operand.slots) for operand in self.operands)
        results = (len(list(_paths(self.carry))) + len(list(_paths(self.result)))) * len(self.keys)
        return (*[types.uint64] * (slots + results), index, types.int64, index, index)

    def number(self) -> Any:
        """Numba's type of the numbers that are carried."""
        return NumberType(getattr(types, self.operands[0].storage), self.keys)


def build(definition: Any, form: LoopSpec) -> Callable[..., Any]:
    """The kernel, not compiled yet; ``definition`` is what ``inline`` made of the step."""
    count = len(list(_paths(form.carry)))
    names = [[f"slot{i}_{k}" for k in range(len(operand.slots))] for i, operand in enumerate(form.operands)]
    carry_slots, entry_slots = [*chain(*names[:count])], [*chain(*names[count:])]
    outputs = [*(f"carry{place(path)}" for path in _paths(form.carry)), *(f"y{place(p)}" for p in _paths(form.result))]
    places = [[f"result{i}_{k}" for k in range(len(form.keys))] for i in range(len(outputs))]
    carries = [f"c{i}" for i in range(count)]
    entries = [f"x{i}" for i in range(len(form.operands) - count)]
    stores = [f"store(({_listed(p)}), at, {y})" for p, y in zip(places[count:], outputs[count:])]
    last = [f"store(({_listed(p)}), i, {c})" for p, c in zip(places, carries)]
    source = _SOURCE.format(
        slots=", ".join((*carry_slots, *entry_slots)),
        results=", ".join(chain(*places)),
        carries=_listed(carries) or "_",
        carry_slots=_listed(carry_slots),
        at_carry="i, " * len(carry_slots),
        entries=_listed(entries) or "_",
        entry_slots=_listed(entry_slots),
        at_entry="at, " * len(entry_slots),
        carry=text(form.carry, iter(carries)),
        entry=text(form.entry, iter(entries)),
        stores="\n            ".join(stores) or "pass",
        new=", ".join(outputs[:count]),
        last="\n        ".join(last),
    )
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "cuda": cuda,
        "definition": definition,
        "load_carry": access.make_load(form.operands[:count]),
        "load_entry": access.make_load(form.operands[count:]),
        "complete": access.make_complete(form.number()),
        "store": access.make_store(form.operands[0].storage, form.keys),
        "index_like": access.index_like,
        "advance": access.advance,
    }
    exec(compile(source, "<numbafunc loop on a device>", "exec"), namespace)
    return namespace["kernel"]  # type: ignore[no-any-return]


def run(
    f: Any, init: Any, xs: Any, carries: list[Any], entries: list[Any], steps: int, reverse: bool
) -> tuple[Any, Any] | None:
    """The last carry and the stacked results; None where the step is not elementwise on these arrays.

    Parameters
    ----------
    f : dispatcher
        The user's step.
    init, xs : nests
        The first carry and the nest that the steps go through.
    carries, entries : lists
        Their leaves.
    steps, reverse : int, bool
        The number of steps, and whether the last entry comes first.
    """
    carry, entry = _form(init), _form(xs)
    if not steps or not carries or carry is None or entry is None or not _alike(carries, entries, steps):
        return None
    operands = Operands([*carries, *entries], [f"leaf {i}" for i in range(len(carries) + len(entries))])
    chunks = chunks_of(operands.counts())
    dtype, shape = operands.values[0].dtype, operands.values[0].shape
    stored = tuple(
        StoredOperand(dtype.name, dtype.name, tuple(Slot(key, "element") for key in chunks.operand_keys(parts)))
        for parts in operands.parts
    )
    keys = result_keys([operand.keys for operand in stored])
    size = math.prod(shape)
    wide = size * steps >= 2**31
    step = _inlined(f)
    returned = _returned(f, carry, entry, NumberType(getattr(types, dtype.name), keys))
    if returned is None or returned[0] != carry:
        return None
    form = LoopSpec(carry, entry, returned[1], stored, keys, wide)
    kernel = _KERNELS.get((f, form))
    if kernel is None:
        kernel = _KERNELS[f, form] = compiled(build(step, form), form.argument_types())
    stream = stream_for(operands.views())
    given = [{component: in_order(part) for component, part in parts.items()} for parts in operands.parts]
    outputs = [
        {component: empty(chunks.shape(component, whole), dtype, None, stream) for component in map(component_of, keys)}
        for whole in (*[shape] * len(carries), *[(steps, *shape)] * len(list(_paths(form.result))))
    ]
    bits = 64 if wide else 32
    backwards = -size if SIMULATED else 2**bits - size  # indices wrap around
    behind = (size, steps, (steps - 1) * size if reverse else 0, backwards if reverse else size)
    if size:
        for call in chunks.calls():
            slots = [
                pointer(parts[component_of(slot.key)], chunks.position(slot.key, call))
                for parts, operand in zip(given, stored)
                for slot in operand.slots
            ]
            results = [
                pointer(parts[component_of(key)], chunks.position(key, call)) for parts in outputs for key in keys
            ]
            launch(kernel, size, (*slots, *results, *behind), stream)
    arrays = iter([_assembled(parts, operands.levels) for parts in outputs])
    return _filled(carry, arrays), _filled(form.result, arrays)


def _assembled(parts: dict[Any, View], levels: tuple[int, ...]) -> Any:
    return assemble({tuple(levels[level] for level in own): part.array for own, part in parts.items()})


def _alike(carries: list[Any], entries: list[Any], steps: int) -> bool:
    """Whether all leaves are float arrays of the device of one dtype and shape; entries have the steps in front."""
    leaves = [*carries, *entries]
    if not all(map(on_device, leaves)):
        return False
    for leaf in leaves:
        if type(leaf) is Dual and any(not is_device_array(part) for part in components(leaf).values()):
            return False
    first = carries[0]
    return (
        np.dtype(first.dtype).char in "fd"
        and all(leaf.dtype == first.dtype for leaf in leaves)
        and all(tuple(leaf.shape) == tuple(first.shape) for leaf in carries)
        and all(tuple(leaf.shape) == (steps, *first.shape) for leaf in entries)
    )


@lru_cache(maxsize=128)
def _inlined(f: Any) -> Any:
    """The step for kernels; it keeps the global variables of the first call."""
    return inline(with_compiled_helpers(frozen(f.py_func)))


@lru_cache(maxsize=128)
def _returned(f: Any, carry: Any, entry: Any, number: Any) -> Any:
    """The nests that the step returns for numbers; None where it takes no numbers, or returns something else."""
    step = _inlined(f)
    try:
        if SIMULATED:
            one = access.example(number)
            returned = _nest(step(_filled(carry, iter(lambda: one, 0)), _filled(entry, iter(lambda: one, 0))))
        else:
            arguments = [_typed(form, number) for form in (carry, entry)]
            returned = _nest_of(step.compile_device(tuple(arguments)).signature.return_type)
    except Exception:  # whatever Numba raises for what is no function of numbers; the loop in Python takes it
        return None
    return returned if type(returned) is tuple and len(returned) == 2 and _is_whole(returned) else None


def _is_whole(form: Any) -> bool:
    return all(map(_is_whole, form)) if type(form) is tuple else form is not None


def _nest(value: Any) -> Any:
    if type(value) is tuple:
        return tuple(map(_nest, value))
    return "none" if value is None else "leaf" if access.is_number(value) else None


def _nest_of(type_: Any) -> Any:
    if isinstance(type_, types.BaseTuple) and not isinstance(type_, types.BaseNamedTuple):
        return tuple(map(_nest_of, type_))
    return "none" if isinstance(type_, types.NoneType) else "leaf" if isinstance(type_, NumberType) else None


def _typed(form: Any, number: Any) -> Any:
    if form == "leaf":
        return number
    return types.none if form == "none" else types.containers.Tuple([_typed(part, number) for part in form])


def _form(tree: Any) -> Any:
    """The nest of an argument; None for anything but tuples of arrays."""
    if tree is None:
        return "none"
    if type(tree) is tuple:
        parts = tuple(map(_form, tree))
        return None if None in parts else parts
    return "leaf" if on_device(tree) else None


def _filled(form: Any, leaves: Iterator[Any]) -> Any:
    if form == "leaf":
        return next(leaves)
    return None if form == "none" else tuple(_filled(part, leaves) for part in form)


@cache
def _paths(form: Any, path: tuple[int, ...] = ()) -> tuple[tuple[int, ...], ...]:
    """The places of the numbers in a nest."""
    if type(form) is tuple:
        return tuple(inner for index, part in enumerate(form) for inner in _paths(part, (*path, index)))
    return (path,) if form == "leaf" else ()


def _listed(names: list[str]) -> str:
    """Source text of the parts of a tuple."""
    return "".join(f"{name}, " for name in names)


__all__ = ["LoopSpec", "build", "run"]
