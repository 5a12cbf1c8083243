"""New arrays of a device: zeros, counts, single numbers, unit matrices."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc_cuda.arrays import View, empty, pointer
from numbafunc_cuda.launch import access, compiled, inline, launch
from numbafunc_cuda.layout import Shape


def build(element: Callable[[Any, Any, Any], Any], storage: str) -> Any:
    """The kernel ``kernel(result, size, first, second)``, not compiled yet."""
    store = access.make_store(storage, ((),))
    index_like = access.index_like
    advance = access.advance
    value = inline(element)

    def kernel(result, size, first, second):  # type: ignore[no-untyped-def]
        step = index_like(cuda.gridsize(1), size)
        i = index_like(cuda.grid(1), size)
        while i < size:
            store((result,), i, value(i, first, second))
            i = advance(i, step)

    return kernel


ARGUMENT_TYPES = (types.uint64, types.int64, types.int64, types.int64)


@cache
def _kernel(element: Callable[[Any, Any, Any], Any], storage: str) -> Any:
    return compiled(build(element, storage), ARGUMENT_TYPES)


def _filled(
    element: Callable[[Any, Any, Any], Any], shape: Shape, dtype: np.dtype[Any], stream: Any, *settings: int
) -> View:
    result = empty(shape, dtype, None, stream)
    if result.size:
        launch(_kernel(element, dtype.name), result.size, (pointer(result), result.size, *settings), stream)
    return result


def _index(i: Any, first: Any, second: Any) -> Any:
    return i


def _nothing(i: Any, first: Any, second: Any) -> Any:
    return 0


def _given(i: Any, first: Any, second: Any) -> Any:
    return first


def _diagonal(i: Any, columns: Any, shift: Any) -> Any:
    return 1 if i // columns + shift == i % columns else 0


def signed(value: Any) -> int:
    """The signed 64-bit integer with the bits of an unsigned one, since kernels take signed ones."""
    number = int(value)
    return number - 2**64 if number >= 2**63 else number


ELEMENTS = {"index": _index, "nothing": _nothing, "given": _given, "diagonal": _diagonal}


def arange(size: int, stream: Any) -> View:
    """The integers from 0."""
    return _filled(_index, (size,), np.dtype(np.int64), stream, 0, 0)


def zeros(shape: Shape, dtype: np.dtype[Any], stream: Any) -> View:
    """Zeros everywhere."""
    return _filled(_nothing, shape, dtype, stream, 0, 0)


def integer(value: int, dtype: np.dtype[Any], stream: Any) -> View:
    """An integer, or a truth value, as an array without axes."""
    return _filled(_given, (), dtype, stream, signed(value), 0)


def units(rows: int, columns: int, shift: int, dtype: np.dtype[Any], stream: Any) -> View:
    """A matrix with 1 where the column is the row plus a shift, else 0."""
    return _filled(_diagonal, (rows, columns), dtype, stream, max(1, columns), shift)
