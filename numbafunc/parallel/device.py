"""Reductions of arrays in the memory of a CUDA device: by an MPI that reads it, or through main memory."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import Memory, is_device_array, place_of
from numbafunc.dual import anywhere
from numbafunc.dual.array import Dual, assemble, components, on_device, value_of
from numbafunc.dual.recorder import Recorder
from numbafunc.dual.trees import Structure
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments
from numbafunc.parallel.axes import Axis
from numbafunc.parallel.call_site import Place
from numbafunc.parallel.dtypes import MAX, MEAN, MIN, Wire, as_leaf, native, wire_of
from numbafunc.parallel.plan import FUSED_BYTES, ArrayForm, plan_for


@cache
def mpi_reads_device_memory() -> bool:
    """Whether MPI can be given addresses on a device; ``NUMBAFUNC_MPI_CUDA_AWARE`` overrides what the library says."""
    told = os.environ.get("NUMBAFUNC_MPI_CUDA_AWARE", "")
    if told not in ("", "0", "1"):
        raise ValueError(f"NUMBAFUNC_MPI_CUDA_AWARE is {told!r}; wanted: 0 or 1")
    if told:
        return told == "1"
    from mpi4py import MPI

    try:
        query = ctypes.CDLL(MPI.__file__).MPIX_Query_cuda_support
    except (AttributeError, OSError):
        return False
    return bool(query())


def reduce_on_device(
    operation: str,
    leaves: Sequence[Any],
    names: Sequence[str],
    axis: Axis,
    structure: Structure,
    reproducible: bool,
    outs: Sequence[Any] | None,
    place: Place,
) -> list[Any]:
    """The results for a nest with device arrays: each where its operand is.

    All work on the device is waited for before the exchange, and all copies to it before the results are handed out.
    """
    there = [is_device_array(leaf) for leaf in leaves]
    memory = next(_memory(leaf, name) for leaf, name, device in zip(leaves, names, there) if device)
    arrays = []
    for leaf, name, device in zip(leaves, names, there):
        if device:
            arrays.append(_checked(memory.view(leaf), name))
        else:
            arrays.append(as_leaf(leaf, name))
            if type(arrays[-1]) is Dual:
                raise TypeError(f"{name} is a dual array beside arrays of a device; reduce them in calls of their own")
    wires = [wire_of(operation, array.dtype) for array in arrays]
    if outs is not None:
        for array, wire, out, name, device in zip(arrays, wires, outs, names, there):
            _check_out(out, array, wire.result, f"out{name[1:]}", memory if device else None)
        targets = [memory.view(out) for out, device in zip(outs, there) if device]
        spans = sorted((memory.address(target), target.nbytes) for target in targets if target.nbytes)
        if any(start + size > following for (start, size), (following, _) in itertools.pairwise(spans)):
            raise ValueError("two arrays of out share memory")
        in_main_memory = [index for index, device in enumerate(there) if not device]
        here = [(outs[index], arrays[index]) for index in in_main_memory]
        arguments.check_overlaps([out for out, _ in here], [array for out, array in here if array is not out])

    def direct(array: Any, wire: Wire, device: bool) -> bool:
        if not device or reproducible or not array.is_c_contiguous():
            return False
        if axis.size == 1:
            return bool(wire.result == array.dtype)
        # The maximum of floats that keeps NaN is computed by the processor, in main memory.
        if not wire.carried == wire.result == array.dtype or (operation in (MAX, MIN) and array.dtype.kind == "f"):
            return False
        return array.size * array.dtype.itemsize > FUSED_BYTES and mpi_reads_device_memory()

    memory.synchronize()
    direct_ones = [index for index, what in enumerate(zip(arrays, wires, there)) if direct(*what)]
    others = [index for index in range(len(arrays)) if index not in direct_ones]
    nest = f"{structure}, on a device {[index for index, device in enumerate(there) if device]}"
    if direct_ones:
        nest += (
            f", directly {[f'{index}: {ArrayForm(arrays[index].shape, arrays[index].dtype)}' for index in direct_ones]}"
        )
    staged = [arrays[index] for index in others if there[index]]
    results: list[Any] = [None] * len(arrays)
    with axis, memory.Staging(staged) as copies:
        remaining = iter(copies)
        host = [next(remaining) if there[index] else arrays[index] for index in others]
        plan = plan_for(operation, host, axis, nest, reproducible)
        pairs = [
            (arrays[index], _direct_target(arrays[index], None if outs is None else outs[index], memory))
            for index in direct_ones
        ]
        steps = np.array([_step(operation, *pair, memory) for pair in pairs]) if pairs and axis.size > 1 else None
        for index, result in zip(others, plan.run(host, None, place, steps)):
            out = None if outs is None else outs[index]
            if there[index]:
                results[index] = memory.to_device(result, out)
            elif out is None:
                results[index] = result
            else:
                np.copyto(out, result)
                results[index] = out
        for index, (array, target) in zip(direct_ones, pairs):
            if axis.size == 1:
                if array.size:
                    target.copy_to_device(array)
            elif operation == MEAN:
                memory.divide(target, axis.size)
            results[index] = target if outs is None else outs[index]
        memory.synchronize()
    return results


def through_main_memory(leaves: Sequence[Any], collective: Callable[[list[Any]], list[Any]]) -> list[Any]:
    """The results of a collective function of arrays in main memory, each copied back to where its operand is.

    Recorded tangents have no memory: copying them is a step of the tape, whose transpose copies the cotangent back.
    """
    memory = next(_memory(leaf, "x") for leaf in leaves if on_device(leaf))
    memory.synchronize()
    there = [components(leaf) if on_device(leaf) else {} for leaf in leaves]
    here = backend.of(*leaves)
    staged = [
        _checked(memory.view(part), "x") for parts in there for part in parts.values() if type(part) is not Recorder
    ]
    with memory.Staging(staged) as copies:
        remaining = iter(copies)

        def fetched(part: Any) -> Any:
            return anywhere.fetched_tangent(part, here) if type(part) is Recorder else next(remaining)

        def sent(part: Any) -> Any:
            return anywhere.sent(part, here) if type(part) is Recorder else memory.to_device(part)

        host = [
            assemble({levels: fetched(part) for levels, part in parts.items()}) if parts else leaf
            for leaf, parts in zip(leaves, there)
        ]
        results = [
            assemble({levels: sent(part) for levels, part in components(result).items()}) if parts else result
            for result, parts in zip(collective(host), there)
        ]
        memory.synchronize()
    return results


def fetch(
    leaves: Sequence[Any], names: Sequence[str]
) -> tuple[list[Any], list[int], Callable[[Sequence[Any]], Sequence[Any]]]:
    """Leaves with copies in the place of device arrays, which ones these are, and what sends results back to them."""
    there = [i for i, leaf in enumerate(leaves) if type(leaf) is not np.ndarray and is_device_array(leaf)]
    if not there:
        return list(leaves), there, lambda results: results
    memory = next(_memory(leaves[i], names[i]) for i in there)
    memory.synchronize()
    host = list(leaves)
    with memory.Staging([_checked(memory.view(leaves[i]), names[i]) for i in there]) as copies:
        for i, copied in zip(there, copies, strict=True):
            host[i] = np.copy(copied)

    def send(results: Sequence[Any]) -> list[Any]:
        sent = [memory.to_device(result) if i in there else result for i, result in enumerate(results)]
        memory.synchronize()
        return sent

    return host, there, send


def _memory(x: Any, name: str) -> Memory:
    """The device memory that holds an array or a Dual; TypeError if this machine has none that works."""
    with contextlib.suppress(ImportError):
        memory: Memory = backend.of(x).memory
        if memory.available():
            return memory
    raise TypeError(f"{name} is in the memory of {place_of(value_of(x))}, but this machine has none that works")


def _direct_target(array: Any, out: Any, memory: Memory) -> Any:
    return memory.empty_like(array) if out is None else memory.view(out)


def _step(operation: str, array: Any, target: Any, memory: Memory) -> list[int]:
    """The step of the exchange by which MPI itself reads and writes the memory of the device."""
    from numbafunc.parallel.exchange import CHUNK, reduction

    datatype, handle, elements, itemsize, _ = native(operation, array.dtype)
    facts = array.size * elements, itemsize, datatype, handle
    # MPI cuts what is on a device into pieces itself.
    return reduction(memory.address(array), memory.address(target), *facts, piece=CHUNK * itemsize)


def _checked(array: Any, name: str) -> Any:
    if any(stride < 0 for stride in array.strides):
        raise ValueError(f"{name} has negative strides {array.strides} on the device; pass a contiguous copy")
    return array


def _check_out(out: Any, array: Any, dtype: np.dtype[Any], name: str, memory: Memory | None) -> None:
    """Raise unless ``out`` can take a result; with ``memory`` a result in that memory."""
    where = "in main memory" if memory is None else "on the device"
    if is_device_array(out) == (memory is None):
        raise TypeError(f"{name} is {type(out).__name__}; wanted: an array {where}, as the operand is")
    if memory is None:
        arguments.check_out(out, array.shape, dtype, ())
        return
    if out.shape != array.shape:
        raise ShapeError(f"{name} has shape {out.shape}; wanted: {array.shape}")
    if out.dtype != dtype:
        raise TypeError(f"{name} has dtype {out.dtype}; wanted: {dtype}")
    target = memory.view(out)
    if not target.is_c_contiguous():
        raise ValueError(f"{name} is not C-contiguous")
    in_place = memory.address(target) == memory.address(array) and array.is_c_contiguous()
    if (
        array.size
        and not (in_place and target.dtype == array.dtype)
        and _overlap(memory.address(target), target.nbytes, memory.address(array), array.alloc_size)
    ):
        raise ValueError(f"{name} shares memory with x")


def _overlap(start: int, size: int, other: int, other_size: int) -> bool:
    return start < other + other_size and other < start + size
