"""Arrays of a device as kernels see them, whatever library they come from, and new ones for results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import cuda
from numba.cuda.cudadrv import devicearray

from numbafunc.cpu.memory import span
from numbafunc_cuda import dlpack
from numbafunc_cuda.launch import SIMULATED
from numbafunc_cuda.layout import Shape, contiguous

# Numbers of the CUDA array interface that stand for streams.
_LEGACY, _PER_THREAD = 1, 2

# NumPy's flag. Reading `flags.writeable` of a broadcast array would warn.
_WRITEABLE = 0x400


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
        """Addresses of the first byte and of the one after the last."""
        reach = [(length - 1) * stride for length, stride in zip(self.shape, self.strides)]
        before, after = sum(min(0, r) for r in reach), sum(max(0, r) for r in reach)
        return self.address + before, self.address + after + self.dtype.itemsize

    def overlaps(self, other: View) -> bool:
        """Whether the two ranges of memory overlap."""
        if not self.size or not other.size:
            return False
        (start, stop), (other_start, other_stop) = self.bounds(), other.bounds()
        return start < other_stop and other_start < stop


def view(x: Any, name: str) -> View:
    """The view of an array of a device; a view as it is.

    Raises
    ------
    TypeError
        For a byte order that is not that of the device, for masked arrays, and for what the simulator doesn't know.
    ValueError
        For elements that are not aligned, which a device can't read.
    """
    if type(x) is View:
        return x
    if SIMULATED and not hasattr(x, "_ary"):
        raise TypeError(
            f"{name} is a {type(x).__name__}; wanted, in the simulator: an array that numba.cuda made there"
        )
    found = _simulated(x) if SIMULATED else _from_interface(x, name)
    if not found.dtype.isnative:
        raise TypeError(f"{name} has dtype {found.dtype}, in a byte order that is not that of the device")
    item = found.dtype.itemsize
    if found.size and (found.address % item or any(stride % item for stride in found.strides)):
        raise ValueError(f"{name} has elements that are not aligned to {item} bytes; pass a contiguous copy")
    return found


def _simulated(x: Any) -> View:
    memory = x._ary
    address = memory.__array_interface__["data"][0]
    writeable = bool(memory.flags.num & _WRITEABLE)
    return View(x, address, memory.shape, memory.strides, memory.dtype, 0, writeable, memory)


def _from_interface(x: Any, name: str) -> View:
    interface = _interface(x)
    if interface is None:
        return _from_dlpack(x, name)
    if interface.get("mask") is not None:
        raise TypeError(f"{name} is a masked array, whose mask would be lost")
    # Numba's arrays know a dtype that has no name in the interface.
    dtype = x.dtype if type(x).__module__.startswith("numba.") else np.dtype(interface["typestr"])
    shape = tuple(interface["shape"])
    strides = interface.get("strides")
    strides = contiguous(shape, dtype.itemsize) if strides is None else tuple(strides)
    address, read_only = interface["data"]
    return View(x, address, shape, strides, dtype, _stream(interface.get("stream")), not read_only)


def _interface(x: Any) -> Any:
    try:
        return getattr(x, "__cuda_array_interface__", None)
    except (TypeError, RuntimeError):  # of PyTorch, for a dtype that has no name there
        return None


def _from_dlpack(x: Any, name: str) -> View:
    # The producer makes its work come before that on this stream, the default one.
    capsule = x.__dlpack__(stream=_LEGACY)
    found = dlpack.read(capsule, name)
    strides = contiguous(found.shape, found.dtype.itemsize) if found.strides is None else found.strides
    return View(_Kept(x, capsule), found.address, found.shape, strides, found.dtype, 0)


class _Kept(NamedTuple):
    """An array and the capsule that keeps its memory alive."""

    array: Any
    capsule: Any


def _stream(number: int | None) -> Any:
    if number is None:
        return 0
    if number == _LEGACY:
        return cuda.legacy_default_stream()
    return cuda.per_thread_default_stream() if number == _PER_THREAD else cuda.external_stream(number)


def stream_for(views: Sequence[View]) -> Any:
    """The stream for work on some arrays: the first that one of them names; it waits for the others."""
    streams = {int(v.stream): v.stream for v in views if v.stream != 0}
    if not streams:
        return 0
    first, *others = streams.values()
    for other in others:
        follow(first, other)
    return first


def follow(stream: Any, other: Any) -> None:
    """Make a stream wait for the work on another one; 0 stands for none."""
    if other != 0 and int(stream) != int(other):
        event = cuda.event(timing=False)
        event.record(other)
        event.wait(stream)


def empty(shape: Shape, dtype: np.dtype[Any], order: Shape | None, stream: Any) -> View:
    """A new array with its axes in a given order in memory, by default C's."""
    strides = contiguous(shape, dtype.itemsize)
    if order is not None:
        stored = contiguous(tuple(shape[axis] for axis in order), dtype.itemsize)
        strides = tuple(stored[order.index(axis)] for axis in range(len(shape)))
    array = cuda.device_array(shape, dtype, strides=strides if order is not None else None, stream=stream)
    if SIMULATED:
        return _simulated(array)
    address = array.__cuda_array_interface__["data"][0]
    return View(array, address, shape, strides, dtype, stream)


def arranged(array: View, shape: Shape, strides: Shape, start: int = 0) -> View:
    """A view of the same memory with other shape and strides, ``start`` bytes further on."""
    if SIMULATED:
        first = array.memory.view() if not start else _bytes_from(array.memory, start)
        return _simulated(type(array.array)(np.lib.stride_tricks.as_strided(first, shape, strides)))
    interface = {"shape": (1,), "strides": None, "typestr": "|u1", "data": (array.address + start, False), "version": 3}
    memory = cuda.from_cuda_array_interface(interface, array.array, sync=False).gpu_data
    changed = devicearray.DeviceNDArray(shape, strides, array.dtype, stream=array.stream, gpu_data=memory)
    return array._replace(array=changed, address=array.address + start, shape=shape, strides=strides)


def _bytes_from(memory: Any, start: int) -> Any:
    """The memory behind the first element of an array, as elements of its dtype."""
    interface = dict(memory.__array_interface__)
    interface.update(data=(interface["data"][0] + start, False), shape=(1,), strides=None)
    words = np.dtype(f"u{memory.itemsize}")
    interface.update(typestr=words.str, descr=[("", words.str)])
    return np.asarray(_Memory(memory, interface)).view(memory.dtype)


class _Memory:
    """An object with an array interface that keeps the owner of the memory alive."""

    def __init__(self, owner: Any, interface: dict[str, Any]) -> None:
        self.owner = owner
        self.__array_interface__ = interface


def numba_array(array: View) -> Any:
    """Numba's array on the same memory."""
    if SIMULATED or isinstance(array.array, devicearray.DeviceNDArray):
        return array.array
    return arranged(array, array.shape, array.strides).array


def part_of(array: View, start: int, count: int, axis: int = 0) -> View:
    """The elements along an axis from ``start`` on."""
    shape = (*array.shape[:axis], count, *array.shape[axis + 1 :])
    if not count:
        start = 0
    return arranged(array, shape, array.strides, start * array.strides[axis])


def with_axis(array: View, position: int) -> View:
    """The array with a new axis of length 1."""
    shape, strides = list(array.shape), list(array.strides)
    shape.insert(position, 1)
    strides.insert(position, 0)
    return arranged(array, tuple(shape), tuple(strides))


def without_axis(array: View, position: int) -> View:
    """The array without an axis, at index 0 of it."""
    shape, strides = list(array.shape), list(array.strides)
    del shape[position], strides[position]
    return arranged(array, tuple(shape), tuple(strides))


def pointer(array: View, position: tuple[int, ...] = (), word: np.dtype[Any] | None = None) -> Any:
    """A kernel's argument for an array: the address of the element at ``position`` of the leading axes.

    The kernel sees words of a dtype, by default that of the array, or words of 16 bits for floats of so many.
    """
    if SIMULATED:
        from numbafunc_cuda.simulator.load_store import Pointer

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
