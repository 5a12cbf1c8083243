"""Arrays in the memory of a CUDA device: seen through Numba, copied from and to main memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import cuda

DeviceArray = Any  # what has __cuda_array_interface__, or an array of Numba's simulator
Array = np.ndarray[Any, Any]

_ALIGNMENT = 64
# Allocating page-locked memory takes milliseconds, so buffers are kept. `pop` and `append` of lists are atomic.
_buffers: list[Array] = []


def available() -> bool:
    """Whether Numba finds a device, or simulates one."""
    return bool(cuda.is_available())


def view(x: DeviceArray) -> DeviceArray:
    """Numba's array on the same memory."""
    return cuda.as_cuda_array(x) if hasattr(x, "__cuda_array_interface__") else x


def synchronize() -> None:
    """Wait until the device has finished all its work.

    Not every producer of an array names the stream on which it works, so waiting for one stream is not enough.
    """
    cuda.synchronize()


def address(x: DeviceArray) -> int:
    """The address of the first element."""
    interface = getattr(x, "__cuda_array_interface__", None)
    return int(x.ctypes.data if interface is None else interface["data"][0])


def empty_like(x: DeviceArray) -> DeviceArray:
    """A new C-contiguous array of the same shape and dtype."""
    return cuda.device_array(x.shape, x.dtype)


def copy(x: DeviceArray) -> DeviceArray:
    """A new C-contiguous array with the same elements."""
    if not x.is_c_contiguous():
        return to_device(x.copy_to_host())
    result = empty_like(x)
    if result.size:
        result.copy_to_device(x)
    return result


def to_device(array: Array, out: DeviceArray | None = None) -> DeviceArray:
    """A host array copied to the device, into the C-contiguous array `out` where that is given."""
    target = cuda.device_array(array.shape, array.dtype) if out is None else view(out)
    if array.size:
        target.copy_to_device(array)
    return target if out is None else out


@cuda.jit
def _divide(flat: Any, divisor: Any) -> None:
    for i in range(cuda.grid(1), flat.size, cuda.gridsize(1)):
        flat[i] = flat[i] / divisor


def divide(x: DeviceArray, divisor: int) -> None:
    """Divide all elements of a C-contiguous array of floats in place."""
    if x.size:
        real = np.zeros((), x.dtype).real.dtype.type
        _divide[min(-(-x.size // 256), 1024), 256](x.reshape(x.size), real(divisor))


class Staging:
    """Context manager: copies of device arrays in page-locked main memory, which is reused after exit."""

    def __init__(self, arrays: Sequence[DeviceArray]) -> None:
        self._arrays = arrays

    def __enter__(self) -> list[Array]:
        """The arrays, copied to main memory."""
        sizes = [-(-array.size * array.dtype.itemsize // _ALIGNMENT) * _ALIGNMENT for array in self._arrays]
        total = max(sum(sizes), _ALIGNMENT)
        self._buffer = _buffers.pop() if _buffers else np.empty(0, np.uint8)
        if self._buffer.size < total:
            self._buffer = cuda.pinned_array(total, np.uint8)
        copies, start = [], 0
        for array, size in zip(self._arrays, sizes):
            stop = start + array.size * array.dtype.itemsize
            host = self._buffer[start:stop].view(array.dtype).reshape(array.shape)
            start += size
            if array.size and array.is_c_contiguous():
                array.copy_to_host(host)
            elif array.size:
                host[...] = array.copy_to_host()
            copies.append(host)
        synchronize()
        return copies

    def __exit__(self, *exception: object) -> None:
        _buffers.append(self._buffer)
