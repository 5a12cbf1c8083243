"""How the operands of an elementwise op lie in memory, and how its loop goes along them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.cpu.memory import flat_words


def memory_order(values: Sequence[Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation of axes under which the first full-size operand is laid out by descending strides."""
    for value in values:
        if isinstance(value, np.ndarray) and value.shape == shape and value.ndim > 1:
            if value.flags.c_contiguous:
                break
            return tuple(sorted(range(value.ndim), key=lambda axis: (-abs(value.strides[axis]), axis)))
    return tuple(range(len(shape)))


def _ordered(array: np.ndarray[Any, Any], order: tuple[int, ...], leading: int = 0) -> np.ndarray[Any, Any]:
    if order == tuple(range(len(order))):
        return array
    return array.transpose(*range(leading), *(leading + axis for axis in order))


def flat(array: Any, leading: int, shape: tuple[int, ...], order: tuple[int, ...]) -> Any:
    """The array broadcast to the shape of the result, its elements in one contiguous run behind the directions."""
    if array.shape[leading:] != shape:
        directions = array.shape[:leading]
        padded = array.reshape((*directions, *(1,) * (len(shape) - array.ndim + leading), *array.shape[leading:]))
        array = np.broadcast_to(padded, (*directions, *shape))
    return flat_words(_ordered(array, order, leading), leading)


def integer(value: Any) -> int:
    """An operand without axes as an int."""
    return int(np.reshape(value, ())[()])


def lengths_of(shape: tuple[int, ...], order: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an operand with as many axes as the result, in the order of memory."""
    padded = (1,) * (len(order) - len(shape)) + shape
    return tuple(padded[axis] for axis in order)


def spans_of(operands: list[tuple[int, ...] | None], shape: tuple[int, ...]) -> tuple[tuple[str, ...], int | None]:
    """Span of each operand (element, row, column or number), and the number of columns of a result taken as a table.

    A table splits the axes in two parts such that each operand is constant along one part or neither. Where that is not
    possible, operands are broadcast in memory.
    """
    if not shape:
        return ("number",) * len(operands), None
    whole = ["number" if o is None or (math.prod(o) == 1 and math.prod(shape) != 1) else "element" for o in operands]
    if all(span == "number" or lengths == shape for span, lengths in zip(whole, operands)):
        return tuple(whole), None
    for cut in range(1, len(shape)):
        spans = []
        for span, lengths in zip(whole, operands):
            if lengths is None or span == "number" or lengths == shape:
                spans.append(span)
            elif lengths[:cut] == shape[:cut] and math.prod(lengths[cut:]) == 1:
                spans.append("row")
            elif lengths[cut:] == shape[cut:] and math.prod(lengths[:cut]) == 1:
                spans.append("column")
        if len(spans) == len(operands):
            return tuple(spans), math.prod(shape[cut:])
    return tuple(whole), None


def run_of(array: Any, leading: int, ndim: int, order: tuple[int, ...]) -> Any:
    """The elements of an operand, not broadcast, in the order of memory, behind the directions."""
    lengths = array.shape[leading:]
    padded = array.reshape((*array.shape[:leading], *(1,) * (ndim - len(lengths)), *lengths))
    return flat_words(_ordered(padded, order, leading), leading)


def restored(array: np.ndarray[Any, Any], order: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The view of an array whose memory is laid out in an order of axes, behind its directions."""
    inverse = tuple(sorted(range(len(order)), key=order.__getitem__))
    return _ordered(array, inverse, array.ndim - len(order))
