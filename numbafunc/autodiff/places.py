"""What the drivers of derivatives do to arrays: in main memory by NumPy, on a CUDA device by ``numbafunc_cuda``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.autodiff.dual import Dual, on_device


def add_direction(direction: Any) -> Any:
    """A direction as the tangents along one."""
    if on_device(direction):
        from numbafunc_cuda import drivers

        return drivers.add_direction(direction)
    return direction.reshape((1, *direction.shape))


def only_direction(primal: Any, tangent: Any) -> Any:
    """The tangent along the only direction; None stands for zeros."""
    if on_device(primal):
        from numbafunc_cuda import drivers

        return (
            drivers.nothing(primal.shape, primal.dtype, primal) if tangent is None else drivers.only_direction(tangent)
        )
    if tangent is None:
        return np.zeros(primal.shape, primal.dtype)
    tangent = tangent.reshape(primal.shape)
    # Broadcasting leaves read-only views; the caller may write to results.
    return tangent if type(tangent) is Dual or tangent.flags.writeable else tangent.copy()


def tangents(directions: int, primal: Any, tangent: Any) -> Any:
    """The tangents along some directions; None stands for zeros."""
    if tangent is not None:
        return tangent
    if on_device(primal):
        from numbafunc_cuda import drivers

        return drivers.nothing((directions, *primal.shape), primal.dtype, primal)
    return np.zeros((directions, *primal.shape), primal.dtype)


def unit_directions(chunk: range, start: int, stop: int, x: Any) -> Any:
    """Tangents of a leaf, the variables from ``start`` to ``stop``, of which a chunk moves; None if it has none."""
    moving = np.arange(max(chunk.start, start), min(chunk.stop, stop))
    if not moving.size:
        return None
    if on_device(x):
        from numbafunc_cuda import drivers

        return drivers.unit_directions(len(chunk), chunk.start - start, x)
    tangent = np.zeros((len(chunk), x.size), x.dtype)
    tangent[moving - chunk.start, moving - start] = 1
    return tangent.reshape((len(chunk), *x.shape))


def joined(pieces: Sequence[Any]) -> Any:
    """Arrays joined along the first axis."""
    if len(pieces) == 1:
        return pieces[0]
    if on_device(pieces[0]):
        from numbafunc_cuda import drivers

        return drivers.joined(pieces)
    return np.concatenate(pieces)


def part(gradient: Any, start: int, stop: int, x: Any) -> Any:
    """The part of a gradient that belongs to a leaf, in its shape and dtype."""
    if on_device(gradient):
        from numbafunc_cuda import drivers

        return drivers.part(gradient, start, stop, x)
    return gradient[start:stop].reshape(x.shape).astype(x.dtype)


def block(rows: Any, start: int, stop: int, shape: tuple[int, ...], x: Any) -> Any:
    """The part of a Jacobian, whose directions come first, that belongs to a leaf: they become its axes."""
    if on_device(rows):
        from numbafunc_cuda import drivers

        return drivers.block(rows, start, stop, shape, x)
    return np.moveaxis(rows, 0, -1)[..., start:stop].reshape(shape + x.shape).copy()


def apart(change: Any, given: Sequence[Any]) -> Any:
    """A tangent in memory of its own."""
    if on_device(change):
        from numbafunc_cuda import drivers

        return drivers.apart(change, [one for one in given if type(one) is not np.ndarray])
    shared = type(change) is np.ndarray and any(np.may_share_memory(change, one) for one in given)
    return change.copy() if shared else change
