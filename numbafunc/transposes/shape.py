"""Transposes of functions that change the shape, exchange axes, repeat along axes or join arrays."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from numbafunc.dual import anywhere
from numbafunc.dual.axes import axes_of
from numbafunc.dual.recorder import Primitive, Recorder, Shape
from numbafunc.transposes.register import records

# The annotations of NumPy's functions don't allow for recorders.
np: Any = numpy

_function: Any

_FALSE = np.zeros((), bool)


def outline(x: Any) -> Any:
    """An array of the shape of a recorder that takes no memory, to learn what a function makes of the shape."""
    return _outline(x.shape)


@functools.lru_cache(1024)
def _outline(shape: Shape) -> Any:
    return np.ndarray(shape, bool, b"\0", 0, (0,) * len(shape))


RESHAPED = Primitive(
    "reshape", anywhere.reshaped, lambda cotangent, place, x, shape: anywhere.reshaped(cotangent, x.shape)
)
REPEATED = Primitive("broadcast_to", anywhere.repeated, lambda cotangent, place, x, shape: cotangent)
TRANSPOSED = Primitive(
    "transpose",
    lambda x, order, back: anywhere.transposed(x, order),
    lambda cotangent, place, x, order, back: anywhere.transposed(cotangent, back),
)
FLIPPED = Primitive("flip", np.flip, lambda cotangent, place, x, axes: np.flip(cotangent, axes))


def reshaped(x: Recorder, shape: Shape) -> Recorder:
    """The elements in another shape, which has as many."""
    return x.copy() if shape == x.shape else RESHAPED.of(x, shape, x.dtype, shape)


@records(np.reshape)
def _reshape(x: Recorder, shape: Any) -> Recorder:
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if -1 in shape:
        rest = -math.prod(shape)
        shape = tuple((x.size // rest if rest else 0) if length == -1 else length for length in shape)
    return reshaped(x, shape)


def _same_order(function: Callable[..., Any]) -> None:
    @records(function)
    def step(x: Recorder, *args: Any, **options: Any) -> Recorder:
        return reshaped(x, function(outline(x), *args, **options).shape)


for _function in (np.expand_dims, np.squeeze, np.ravel, np.atleast_1d, np.atleast_2d, np.atleast_3d):
    _same_order(_function)


@records(np.transpose)
def _transpose(x: Recorder, axes: Any = None) -> Recorder:
    order, back = _orders(None if axes is None else tuple(axes), x.ndim)
    if order == back == tuple(range(x.ndim)):
        return x.copy()
    shape = x.shape
    return TRANSPOSED.of(x, tuple([shape[axis] for axis in order]), x.dtype, order, back)


@functools.lru_cache(1024)
def _orders(axes: Shape | None, ndim: int) -> tuple[Shape, Shape]:
    """The order in which axes of a transposed array are, counted from the front, and the one that leads back."""
    order = tuple(range(ndim))[::-1] if axes is None else normalize_axis_tuple(axes, ndim)
    return order, tuple(sorted(range(ndim), key=order.__getitem__))


def _exchanged(function: Callable[..., Any]) -> None:
    """Register a function that only reorders axes."""

    @records(function)
    def step(x: Recorder, *args: Any) -> Recorder:
        # Lengths that tell the axes apart show their order.
        marked = np.broadcast_to(_FALSE, tuple(range(1, x.ndim + 1)))
        return _transpose(x, [length - 1 for length in function(marked, *args).shape])


for _function in (np.swapaxes, np.moveaxis, np.matrix_transpose, np.rollaxis):
    _exchanged(_function)


@records(np.broadcast_to)
def _broadcast_to(x: Recorder, shape: Any, subok: bool = False) -> Recorder:
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if shape == x.shape:
        return x.copy()
    np.broadcast_to(outline(x), shape)  # raises NumPy's errors
    return REPEATED.of(x, shape, x.dtype, shape)


@records(np.flip)
def _flip(x: Recorder, axis: Any = None) -> Recorder:
    axes = axes_of(axis, x.ndim)
    return FLIPPED.of(x, x.shape, x.dtype, axes)


@records(np.copy)
def _copy(x: Recorder, order: str = "K", subok: bool = False) -> Recorder:
    return x.copy()


for _function in (np.zeros_like, np.empty_like):
    records(_function)(lambda x, dtype=None, **options: np.zeros(x.shape, x.dtype if dtype is None else dtype))
for _function in (np.ndim, np.shape, np.size):
    records(_function)(lambda x, *args, function=_function: function(outline(x), *args))


# Several arrays joined.


def _joined_transpose(cotangent: Any, place: int, axis: int, starts: Sequence[int], *parts: Any) -> Any:
    start, length = starts[place - 2], parts[place - 2].shape[axis]
    return anywhere.part(cotangent, (*(slice(None),) * axis, slice(start, start + length)))


JOINED = Primitive("concatenate", lambda axis, starts, *parts: np.concatenate(parts, axis), _joined_transpose)


@records(np.concatenate)
def concatenate(parts: Sequence[Any], axis: int = 0) -> Recorder:
    """The parts joined along an axis; those that are no recorders are zeros."""
    parts = list(parts)
    first = next(part for part in parts if type(part) is Recorder)
    axis = normalize_axis_index(axis, first.ndim)
    starts, total = [], 0
    for part in parts:
        starts.append(total)
        total += part.shape[axis]
    shape = (*first.shape[:axis], total, *first.shape[axis + 1 :])
    return JOINED.record(shape, np.result_type(*(part.dtype for part in parts)), axis, starts, *parts)


def _stacked_transpose(cotangent: Any, place: int, axis: int, *parts: Any) -> Any:
    return anywhere.part(cotangent, (*(slice(None),) * axis, place - 1))


STACKED = Primitive("stack", lambda axis, *parts: np.stack(parts, axis), _stacked_transpose)


@records(np.stack)
def _stack(parts: Sequence[Any], axis: int = 0) -> Recorder:
    first = parts[0]
    axis = normalize_axis_index(axis, first.ndim + 1)
    shape = (*first.shape[:axis], len(parts), *first.shape[axis:])
    return STACKED.record(shape, np.result_type(*{part.dtype for part in parts}), axis, *parts)


# Margins. Those of constants are zeros.


@records(np.pad)
def _pad(x: Recorder, pairs: Any, mode: str = "constant", *, reflect_type: str = "even") -> Any:
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            ends = _margins(x, axis, before, after, mode, reflect_type == "odd")
            x = concatenate([ends[0], x, ends[1]], axis)
    return x


def _margins(x: Recorder, axis: int, before: int, after: int, mode: str, odd: bool) -> tuple[Any, Any]:
    """What is added before and after an axis."""
    length = x.shape[axis]

    def take(places: Any) -> Any:
        return np.take(x, places, axis)

    if mode in ("constant", "empty"):
        return tuple(np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype) for n in (before, after))
    if mode == "mean":
        mean = x.mean(axis, keepdims=True)
        return tuple(np.repeat(mean, n, axis) for n in (before, after))
    if mode == "linear_ramp":
        behind = (1,) * (x.ndim - axis - 1)
        shares = (np.arange(before) / max(before, 1), np.arange(after)[::-1] / max(after, 1))
        ends = (take(np.zeros(1, int)), take(np.full(1, length - 1)))
        return tuple(
            end * share.astype(x.dtype).reshape((-1, *behind)) for end, share in zip(ends, shares, strict=True)
        )
    if not odd:
        places = np.pad(np.arange(length), (before, after), mode)
        return take(places[:before]), take(places[before + length :])
    # Padded unit vectors are the weights with which each element enters the margins.
    weights = np.pad(np.eye(length), ((before, after), (0, 0)), mode, reflect_type="odd")
    moved = np.moveaxis(x, axis, -1)
    parts = (weights[:before], weights[before + length :])
    return tuple(np.moveaxis(np.matmul(moved, part.T.astype(x.dtype)), -1, axis) for part in parts)
