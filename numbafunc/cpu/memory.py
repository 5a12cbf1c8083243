"""Memory of operands and results."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import empty

# NumPy's flags as bits: C-contiguous, aligned, writeable. Bit 31 marks arrays of numpy.broadcast_arrays, which warn
# when they are asked by name whether they are writeable. One comparison tells that kernels take an array as it is.
FLAGS, PLAIN = 1 << 31 | 0x501, 0x501
READABLE = 0x101
"""C-contiguous and aligned. Machine code only reads operands, so these may be read-only."""
OWNS = 0x4
"""Of arrays that own their memory, which have no base; without one an array may still be a view: C code makes such."""
_ALIGNED = 0x100


def is_plain(array: np.ndarray[Any, Any]) -> bool:
    """Whether an array is C-contiguous, aligned and writeable."""
    return array.flags.num & FLAGS == PLAIN


class _Alias:
    """An array's memory without its read-only flag."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface


def flat_words(array: np.ndarray[Any, Any], leading: int) -> np.ndarray[Any, Any]:
    """The elements behind ``leading`` axes in one contiguous run, as a kernel takes them.

    16-bit floats come as words, unaligned arrays as copies. A read-only array gets a writeable alias: kernels only read
    operands, and Numba would compile every kernel once more for the read-only type.
    """
    if type(array) is np.ndarray and array.flags.num & FLAGS == PLAIN and array.itemsize != 2 and not leading:
        return array if array.ndim == 1 else array.reshape(-1)
    array = np.ascontiguousarray(array)
    if not array.flags.num & _ALIGNED:
        array = array.copy()
    if array.itemsize == 2 and array.dtype.kind in "fV":
        array = array.view(np.uint16)
    if array.ndim != leading + 1:
        size = 1
        for length in array.shape[leading:]:
            size *= length
        array = array.reshape((*array.shape[:leading], size))
    return array if is_plain(array) else np.asarray(_Alias(array))


# The words as which elements of a size are moved. Moving a float changes none of its bits.
WORDS: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.uint8),
    2: np.dtype(np.uint16),
    4: np.dtype(np.float32),
    8: np.dtype(np.float64),
}


class _Span:
    """The memory that a strided array reaches, as words in a row."""

    def __init__(self, array: np.ndarray[Any, Any], address: int, size: int) -> None:
        self.array = array
        word = WORDS[array.itemsize]
        self.__array_interface__ = {"data": (address, False), "shape": (size,), "typestr": word.str, "version": 3}


def span(array: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], int] | None:
    """The memory of a non-empty strided array, from its lowest word to its highest, and the index of its first element.

    None where the elements do not lie on whole words.
    """
    item = array.itemsize
    first = array.__array_interface__["data"][0]
    if first % item or any(stride % item for stride in array.strides):
        return None
    reach = [(length - 1) * stride // item for length, stride in zip(array.shape, array.strides)]
    before = -sum(min(0, distance) for distance in reach)
    after = sum(max(0, distance) for distance in reach)
    return np.asarray(_Span(array, first - before * item, before + 1 + after)), before


__all__ = ["FLAGS", "OWNS", "PLAIN", "READABLE", "WORDS", "empty", "flat_words", "is_plain", "span"]
