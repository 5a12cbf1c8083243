"""What the drivers of derivatives do to arrays: in main memory by NumPy, on a CUDA device by ``numbafunc_cuda``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, on_device
from numbafunc.dual.trees import flatten


def in_main_memory(driver: str, arguments: Sequence[Any]) -> None:
    """Raise TypeError where a differentiated argument has an array of a CUDA device, which the driver can't take."""
    for number, argument in enumerate(arguments):
        if any(map(on_device, flatten(argument)[0])):
            raise TypeError(
                f"{driver} is given an array of a CUDA device (differentiated argument {number}); wanted: arrays in "
                "main memory. jvp, grad, value_and_grad, jacfwd and hvp take those of a device"
            )


def add_direction(direction: Any) -> Any:
    """A direction as the tangents along one."""
    if on_device(direction):
        from numbafunc_cuda import array_helpers

        return array_helpers.add_direction(direction)
    return direction.reshape((1, *direction.shape))


def only_direction(primal: Any, tangent: Any, given: Sequence[Any]) -> Any:
    """The tangent along the only direction, in memory apart from some arrays; None stands for zeros."""
    if on_device(primal):
        from numbafunc_cuda import array_helpers

        if tangent is None:
            return array_helpers.nothing(primal.shape, primal.dtype, primal)
        return array_helpers.apart(array_helpers.only_direction(tangent), [one for one in given if on_device(one)])
    if tangent is None:
        return np.zeros(primal.shape, primal.dtype)
    change = tangent[0]
    if type(change) is Dual:
        return change
    # An element of an array of one axis is a number, a broadcast one a view that is read-only; and what f hands through
    # must not be the caller's array.
    if type(change) is not np.ndarray or not change.flags.writeable:
        return np.array(change)
    return change.copy() if any(_share_memory(change, one) for one in given) else change


def _share_memory(x: Any, other: Any) -> bool:
    if type(other) is not np.ndarray:
        return False
    own, others = _owner(x), _owner(other)
    if own.base is None and others.base is None:
        return own is others
    return np.may_share_memory(x, other)


def _owner(x: Any) -> Any:
    """The array that an array is a view of."""
    while type(x.base) is np.ndarray:
        x = x.base
    return x


def tangents(directions: int, primal: Any, tangent: Any) -> Any:
    """The tangents along some directions; None stands for zeros."""
    if tangent is not None:
        return tangent
    if on_device(primal):
        from numbafunc_cuda import array_helpers

        return array_helpers.nothing((directions, *primal.shape), primal.dtype, primal)
    return np.zeros((directions, *primal.shape), primal.dtype)


def unit_directions(chunk: range, start: int, stop: int, x: Any) -> Any:
    """Tangents of a leaf, the variables from ``start`` to ``stop``, of which a chunk moves; None if it has none."""
    moving = np.arange(max(chunk.start, start), min(chunk.stop, stop))
    if not moving.size:
        return None
    if on_device(x):
        from numbafunc_cuda import array_helpers

        return array_helpers.unit_directions(len(chunk), chunk.start - start, x)
    tangent = np.zeros((len(chunk), x.size), x.dtype)
    tangent[moving - chunk.start, moving - start] = 1
    return tangent.reshape((len(chunk), *x.shape))


def joined(pieces: Sequence[Any]) -> Any:
    """Arrays joined along the first axis."""
    if len(pieces) == 1:
        return pieces[0]
    if on_device(pieces[0]):
        from numbafunc_cuda import array_helpers

        return array_helpers.joined(pieces)
    return np.concatenate(pieces)


def part(gradient: Any, start: int, stop: int, x: Any) -> Any:
    """The part of a gradient that belongs to a leaf, in its shape and dtype."""
    if on_device(gradient):
        from numbafunc_cuda import array_helpers

        return array_helpers.part(gradient, start, stop, x)
    return gradient[start:stop].reshape(x.shape).astype(x.dtype)


def block(rows: Any, start: int, stop: int, shape: tuple[int, ...], x: Any) -> Any:
    """The part of a Jacobian, whose directions come first, that belongs to a leaf: they become its axes."""
    if on_device(rows):
        from numbafunc_cuda import array_helpers

        return array_helpers.block(rows, start, stop, shape, x)
    return np.moveaxis(rows, 0, -1)[..., start:stop].reshape(shape + x.shape).copy()
