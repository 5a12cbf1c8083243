"""Memory of operands and results."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import empty

# NumPy's flags as bits. Asking an array of numpy.broadcast_arrays by name whether it is writeable makes it warn.
_WRITEABLE, _WRITEABLE_OR_WARNS = 0x400, 0x400 | 1 << 31

# ``array.flags.num & ABOUT_LAYOUT == IN_ORDER`` tells that a kernel can take an array as it is: C-contiguous,
# aligned and writeable.
ABOUT_LAYOUT, IN_ORDER = 0x501 | 1 << 31, 0x501


class _Alias:
    """An array's memory without its read-only flag."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface


def flat_words(array: np.ndarray[Any, Any], leading: int) -> np.ndarray[Any, Any]:
    """The elements behind ``leading`` axes in one contiguous run, as a kernel takes them.

    16-bit floats come as words. A read-only array gets a writeable alias: kernels only read operands, and Numba
    would compile every kernel once more for the read-only type.
    """
    array = np.ascontiguousarray(array)
    if array.itemsize == 2 and array.dtype.kind in "fV":
        array = array.view(np.uint16)
    if array.ndim != leading + 1:
        size = 1
        for length in array.shape[leading:]:
            size *= length
        array = array.reshape((*array.shape[:leading], size))
    return array if array.flags.num & _WRITEABLE_OR_WARNS == _WRITEABLE else np.asarray(_Alias(array))


# Words that elements of a size are moved as. Moving a float changes none of its bits.
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
    """All words from the lowest to the highest in memory of a strided array that is not empty, and where its first is.

    None where it does not lie on whole words.
    """
    item = array.itemsize
    first = array.__array_interface__["data"][0]
    if first % item or any(stride % item for stride in array.strides):
        return None
    reach = [(length - 1) * stride // item for length, stride in zip(array.shape, array.strides)]
    before = -sum(min(0, distance) for distance in reach)
    after = sum(max(0, distance) for distance in reach)
    return np.asarray(_Span(array, first - before * item, before + 1 + after)), before


__all__ = ["ABOUT_LAYOUT", "IN_ORDER", "WORDS", "empty", "flat_words", "span"]
