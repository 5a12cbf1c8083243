"""Array helpers of the drivers of derivatives: their common parts, and the functions for arrays in main memory.

The latter are entries of :class:`numbafunc.backend.Backend`, which documents them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import CPU, Backend
from numbafunc.dual.array import Dual
from numbafunc.dual.trees import flatten


def in_main_memory(driver: str, arguments: Sequence[Any]) -> None:
    """Raise TypeError where a differentiated argument has an array of a device, which the driver can't take."""
    for number, argument in enumerate(arguments):
        here = backend.of(*flatten(argument)[0])
        if here is not CPU:
            raise TypeError(
                f"{driver} is given an array of {here.place} (differentiated argument {number}); wanted: arrays in "
                "main memory. jvp, vjp, grad, value_and_grad, jacfwd, jacrev and hvp take those of a device"
            )


def only_direction(primal: Any, tangent: Any, given: Sequence[Any]) -> Any:
    """The tangent along the only direction, sharing no memory with ``given`` arrays; a tangent of None gives zeros."""
    here = backend.of(primal)
    if tangent is None:
        return here.zeros(primal.shape, primal.dtype, primal)
    return here.only_direction(tangent, given)


def tangents(directions: int, primal: Any, tangent: Any) -> Any:
    """The tangents along all directions; a tangent of None gives zeros."""
    if tangent is not None:
        return tangent
    return backend.of(primal).zeros((directions, *primal.shape), primal.dtype, primal)


def unit_directions(chunk: range, start: int, stop: int, x: Any) -> Any:
    """Unit tangents of a leaf (variables ``start`` to ``stop``) for a chunk of variables; None if they share none."""
    if max(chunk.start, start) >= min(chunk.stop, stop):
        return None
    return backend.of(x).unit_directions(len(chunk), chunk.start - start, x)


def joined(pieces: Sequence[Any]) -> Any:
    """Arrays joined along the first axis."""
    return pieces[0] if len(pieces) == 1 else backend.of(pieces[0]).joined(pieces)


@CPU.brings(Backend.add_direction)
def _add_direction(direction: Any) -> Any:
    return direction.reshape((1, *direction.shape))


@CPU.brings(Backend.only_direction)
def _only_direction(tangent: Any, given: Sequence[Any]) -> Any:
    change = tangent[0]
    if type(change) is Dual:
        return change
    # An element of a one-axis array is no array, and a broadcast tangent is a read-only view; and the result must not
    # be an array of the caller's that f has handed through.
    if type(change) is not np.ndarray or not change.flags.writeable:
        return np.array(change)
    return change.copy() if any(_share_memory(change, one) for one in given) else change


def _share_memory(x: Any, other: Any) -> bool:
    if type(other) is not np.ndarray:
        return False
    own, others = owner_of(x), owner_of(other)
    if own.base is None and others.base is None:
        return own is others
    return np.may_share_memory(x, other)


def owner_of(x: Any) -> Any:
    """The array that an array is a view of, or itself."""
    while type(x) is np.ndarray and type(x.base) is np.ndarray:
        x = x.base
    return x


@CPU.brings(Backend.unit_directions)
def _unit_directions(count: int, shift: int, x: Any) -> Any:
    moving = np.arange(max(0, -shift), min(count, x.size - shift))
    tangent = np.zeros((count, x.size), x.dtype)
    tangent[moving, moving + shift] = 1
    return tangent.reshape((count, *x.shape))


CPU.bring(Backend.joined, np.concatenate)


@CPU.brings(Backend.part)
def _part(gradient: Any, start: int, stop: int, x: Any) -> Any:
    return gradient[start:stop].reshape(x.shape).astype(x.dtype)


@CPU.brings(Backend.block)
def _block(rows: Any, start: int, stop: int, shape: tuple[int, ...], x: Any) -> Any:
    return np.moveaxis(rows, 0, -1)[..., start:stop].reshape(shape + x.shape).copy()
