"""Arrays of a device as kernels see them, whatever library they come from, and new ones for results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from numbafunc.cpu.memory import span
from numbafunc_cuda.machine import SIMULATED

Shape = tuple[int, ...]

# The streams that the CUDA array interface names by small numbers.
_LEGACY, _PER_THREAD = 1, 2


class View(NamedTuple):
    """An array of a device.

    ``strides`` count bytes, ``stream`` is the one on which the array is computed, 0 where none is named; ``memory`` is
    the array in main memory that the simulator takes for one of a device.
    """

    array: Any
    address: int
    shape: Shape
    strides: Shape
    dtype: np.dtype[Any]
    stream: Any
    writeable: bool = True
    memory: Any = None

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def bounds(self) -> tuple[int, int]:
        """Addresses of the first byte and of the first one behind."""
        reach = [(length - 1) * stride for length, stride in zip(self.shape, self.strides)]
        before, after = sum(min(0, r) for r in reach), sum(max(0, r) for r in reach)
        return self.address + before, self.address + after + self.dtype.itemsize

    def overlaps(self, other: View) -> bool:
        """Whether both reach over the same memory."""
        if not self.size or not other.size:
            return False
        (start, stop), (other_start, other_stop) = self.bounds(), other.bounds()
        return start < other_stop and other_start < stop


def view(x: Any, name: str) -> View:
    """The view of an array of a device.

    Raises
    ------
    TypeError
        For a byte order that is not that of the device, and for masked arrays.
    ValueError
        For elements that are not aligned, which a device can't read.
    """
    found = _simulated(x) if SIMULATED else _from_interface(x, name)
    item = found.dtype.itemsize
    if found.size and (found.address % item or any(stride % item for stride in found.strides)):
        raise ValueError(f"{name} has elements that are not aligned to {item} bytes; pass a contiguous copy")
    return found


def _simulated(x: Any) -> View:
    memory = x._ary
    address = memory.__array_interface__["data"][0]
    return View(x, address, memory.shape, memory.strides, memory.dtype, 0, memory.flags.writeable, memory)


def _from_interface(x: Any, name: str) -> View:
    interface = x.__cuda_array_interface__
    if interface.get("mask") is not None:
        raise TypeError(f"{name} is a masked array, whose mask would be lost")
    # Numba's arrays know a dtype that has no name in the interface.
    dtype = x.dtype if type(x).__module__.startswith("numba.") else np.dtype(interface["typestr"])
    if not dtype.isnative:
        raise TypeError(f"{name} has dtype {dtype}, in a byte order that is not that of the device")
    shape = tuple(interface["shape"])
    strides = interface.get("strides")
    strides = contiguous(shape, dtype.itemsize) if strides is None else tuple(strides)
    address, read_only = interface["data"]
    return View(x, address, shape, strides, dtype, _stream(interface.get("stream")), not read_only)


def _stream(number: int | None) -> Any:
    if number is None:
        return 0
    if number == _LEGACY:
        return cuda.legacy_default_stream()
    return cuda.per_thread_default_stream() if number == _PER_THREAD else cuda.external_stream(number)


def stream_for(views: Sequence[View]) -> Any:
    """The stream on which to use arrays: that of the first which names one, made to wait for the others'."""
    streams = {getattr(v.stream, "handle", v.stream): v.stream for v in views if v.stream != 0}
    if not streams:
        return 0
    first, *others = streams.values()
    for other in others:
        event = cuda.event(timing=False)
        event.record(other)
        event.wait(first)
    return first


def contiguous(shape: Shape, itemsize: int = 1) -> Shape:
    """Strides of an array in the order of C."""
    strides, step = [], itemsize
    for length in reversed(shape):
        strides.append(step)
        step *= max(1, length)
    return tuple(reversed(strides))


def empty(shape: Shape, dtype: np.dtype[Any], order: Shape | None, stream: Any) -> View:
    """A new array whose axes lie in memory in an order, that of C by default."""
    strides = contiguous(shape, dtype.itemsize)
    if order is not None:
        stored = contiguous(tuple(shape[axis] for axis in order), dtype.itemsize)
        strides = tuple(stored[order.index(axis)] for axis in range(len(shape)))
    array = cuda.device_array(shape, dtype, strides=strides if order is not None else None, stream=stream)
    if SIMULATED:
        return _simulated(array)
    address = array.__cuda_array_interface__["data"][0]
    return View(array, address, shape, strides, dtype, stream)


class _Memory:
    """Memory of the simulator in another arrangement."""

    def __init__(self, owner: Any, **interface: Any) -> None:
        self.owner = owner
        self.__array_interface__ = {**interface, "version": 3}


def rearranged(array: View, distance: int, shape: Shape, strides: Shape) -> View:
    """Another arrangement of elements of an array, the first of them ``distance`` bytes from its first."""
    address, memory = array.address + distance, None
    if SIMULATED:
        word = np.dtype(f"u{array.dtype.itemsize}")
        found = _Memory(array.memory, data=(address, False), shape=shape, strides=strides, typestr=word.str)
        memory = np.asarray(found).view(array.dtype)
    return array._replace(address=address, shape=shape, strides=strides, memory=memory)


def pointer(array: View, position: tuple[int, ...] = (), word: np.dtype[Any] | None = None) -> Any:
    """Where the element of a kernel's argument begins: at the index ``position`` of the leading axes.

    The kernel sees words of a dtype, by default that of the array, or words of 16 bits for floats of so many.
    """
    if SIMULATED:
        from numbafunc_cuda.simulation import Pointer

        memory = array.memory[(*position, ...)]
        if memory.size == 0:
            return Pointer(memory.reshape(-1), 0)
        found = span(memory)
        assert found is not None
        words, first = found
        if word is None:
            half = memory.itemsize == 2 and memory.dtype.kind in "fV"
            word = np.dtype(np.uint16) if half else memory.dtype
        return Pointer(words.view(word), first * memory.itemsize // word.itemsize)
    return array.address + sum(index * stride for index, stride in zip(position, array.strides))


def address(argument: Any) -> int:
    """The address in what :func:`pointer` gives."""
    if not SIMULATED:
        return int(argument)
    return int(argument.words.__array_interface__["data"][0] + argument.first * argument.words.itemsize)
