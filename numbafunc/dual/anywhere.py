"""Functions of arrays in main memory and elsewhere, in which recorded steps and the walk back over them compute.

Arrays of main memory are told apart first, by their type, and NumPy serves them. Those of other back ends, and dual
arrays of such, go to entries of their back end, which take recorded tangents too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import CPU, Backend
from numbafunc.dual.array import Dual, Operand, assemble, components
from numbafunc.dual.recorder import Primitive, Recorder

Shape = tuple[int, ...]


def place_of(x: Any) -> Backend:
    """The back end of an array, a Dual or a recorder."""
    while type(x) is Dual:
        x = x.primal if x.lent is None else x.lent
    return CPU if type(x) is np.ndarray or type(x) is Recorder else backend.of(x)


def added(x: Any, y: Any) -> Any:
    """The sum of two arrays of one place."""
    here = place_of(x)
    return x + y if here is CPU else here.ufunc(np.add, x, y)


def negative(x: Any) -> Any:
    """The array with the other sign."""
    here = place_of(x)
    return -x if here is CPU else here.ufunc(np.negative, x)


def converted(x: Any, dtype: Any) -> Any:
    """A new array in another dtype."""
    here = place_of(x)
    return x.astype(dtype) if here is CPU else here.convert(x, dtype)


def copied(x: Any) -> Any:
    """A new array with the same elements."""
    here = place_of(x)
    return x.copy() if here is CPU else here.convert(x, x.dtype)


def reshaped(x: Any, shape: Shape) -> Any:
    """The elements in another shape, in the same memory where that is possible."""
    here = place_of(x)
    return x.reshape(shape) if here is CPU else here.reshape(x, shape)


def transposed(x: Any, order: Shape) -> Any:
    """The array with its axes in another order, in the same memory."""
    here = place_of(x)
    return x.transpose(order) if here is CPU else here.transpose(x, order)


def repeated(x: Any, shape: Shape) -> Any:
    """The array broadcast to a shape, in the same memory; the array itself where it has that shape."""
    if x.shape == shape:
        return x
    if type(x) is np.ndarray and x.size == 1:
        # NumPy's function takes several times as long as this.
        return np.ndarray(shape, x.dtype, x if x.flags.c_contiguous else x.copy(), 0, (0,) * len(shape))
    here = place_of(x)
    return np.broadcast_to(x, shape) if here is CPU else here.broadcast_to(x, shape)


def total(x: Any, axes: Shape, keepdims: bool = False) -> Any:
    """The sum over axes."""
    here = place_of(x)
    return x.sum(axes, keepdims=keepdims) if here is CPU else here.total(x, axes, keepdims)


def part(x: Any, key: Any) -> Any:
    """The part that an index of numbers and slices selects, in the same memory."""
    here = place_of(x)
    return x[key] if here is CPU else here.selected(x, key)


@CPU.brings(Backend.reshape)
def _reshape(x: Any, shape: Shape) -> Any:
    return x.reshape(shape)


@CPU.brings(Backend.transpose)
def _transpose(x: Any, order: Shape) -> Any:
    return x.transpose(order)


CPU.bring(Backend.broadcast_to, np.broadcast_to)


@CPU.brings(Backend.total)
def _total(x: Any, axes: Shape, keepdims: bool) -> Any:
    return x.sum(axes, keepdims=keepdims)


@CPU.brings(Backend.selected)
def _selected(x: Any, key: Any) -> Any:
    return x[key]


@CPU.brings(Backend.units)
def _units(count: int, direction: int, x: Any) -> Any:
    units = np.zeros((count, *x.shape), x.dtype)
    units[direction] = 1
    return units


@CPU.brings(Backend.largest)
def _largest(x: Any, axes: Shape) -> Any:
    return np.max(x, axes, keepdims=True, initial=-np.inf)


@CPU.brings(Backend.picked)
def _picked(x: Any, index: Any, axis: int) -> Any:
    """The element of each row at its index; NaN where the row has none."""
    count = x.shape[axis]
    places = np.asarray(index)
    places = np.where(places < 0, places + count, places).astype(np.int64)
    inside = (places >= 0) & (places < count)
    if not count:
        return np.full(places.shape, np.nan, x.dtype)
    places = np.broadcast_to(np.where(inside, places, 0), (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    found = np.take_along_axis(x, places, axis)
    return np.where(inside, found, x.dtype.type(np.nan))


# To main memory and back, for what other places lack.


@CPU.brings(Backend.in_main_memory)
@CPU.brings(Backend.from_main_memory)
def _there_already(x: Any) -> Any:
    return x


def fetched(x: Any) -> Any:
    """An array, or a Dual of such, copied to main memory; as it is if it is there."""
    here = place_of(x)
    if here is CPU:
        return x
    return assemble(
        {
            key: fetched_tangent(part, here) if type(part) is Recorder else here.in_main_memory(part)
            for key, part in components(x).items()
        }
    )


def fetched_tangent(x: Recorder, here: Backend) -> Recorder:
    """A recorded tangent of an array of a back end, as one of an array in main memory."""
    return FETCHED.record(x.shape, x.dtype, x, here)


def sent(x: Any, here: Backend) -> Any:
    """An array of main memory, a Dual of such or a recorder, copied to a back end; as it is if it is there."""
    if place_of(x) is here:
        return x
    return assemble(
        {
            key: SENT.record(part.shape, part.dtype, part, here)
            if type(part) is Recorder
            else here.from_main_memory(np.asarray(part))
            for key, part in components(x).items()
        }
    )


FETCHED = Primitive(
    "copy to main memory", lambda x, here: fetched(x), lambda cotangent, place, x, here: sent(cotangent, here)
)
SENT = Primitive(
    "copy from main memory", lambda x, here: sent(x, here), lambda cotangent, place, x, here: fetched(cotangent)
)


def is_recorded_elsewhere(x: Any) -> bool:
    """Whether a Dual has recorded tangents and a value that is not in main memory."""
    if type(x) is not Dual or backend.of(x) is CPU:
        return False
    return any(type(part) is Recorder for part in components(x).values())


# Entries of the back end of main memory.


@CPU.brings(Backend.convert)
def _converted(x: Operand, dtype: np.dtype[Any]) -> Any:
    return x.astype(dtype)


@CPU.brings(Backend.zeros)
def _zeros_in_main_memory(shape: tuple[int, ...], dtype: np.dtype[Any], like: Any) -> Any:
    return np.zeros(shape, dtype)


@CPU.brings(Backend.full)
def _full_in_main_memory(shape: tuple[int, ...], value: Any, dtype: np.dtype[Any], like: Any) -> Any:
    found = np.empty(shape, dtype)
    found.fill(value)
    return found


@CPU.brings(Backend.ufunc)
def _apply_in_main_memory(ufunc: Any, *operands: Operand) -> Any:
    result = ufunc(*operands)
    return result if type(result) is Dual else np.asarray(result)
