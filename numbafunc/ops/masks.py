"""Masks: which entries take part in what a function computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.dual.array import Dual
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments
from numbafunc.kinds.elementwise import Elementwise
from numbafunc.kinds.reduction import Reduction, Stages


def _chosen(x: Any, where: Any, fill: Any) -> Any:
    return x if where != 0 else fill


def _taken(shift: Any, mask: Any) -> Any:
    return (mask,)


def _number(shift: Any, count: Any, total: Any) -> Any:
    return (total,)


_NUMBER_TAKEN = Reduction("number taken", Stages(lift=_taken, finish=_number), listed=False)
_CHOSEN = Elementwise(_chosen, name="where", identity=f"{__name__}._chosen")


def as_mask(where: Any) -> Any:
    """The argument ``where`` as an array of bool, or of numbers that are zero where it is false on a device."""
    if isinstance(where, Dual):
        raise TypeError("where is a Dual array; wanted: truth values")
    mask = arguments.as_array(where, "where", device=True)
    if mask.dtype.kind != "b":
        mask = backend.of(mask).ufunc(np.not_equal, mask, 0)
    return mask


def mask_for(where: Any, name: str, shape: tuple[int, ...]) -> Any:
    """The argument ``where`` as a mask that broadcasts to the shape of the operand ``name``."""
    mask = as_mask(where)
    lengths = arguments.shape_of(mask)
    if arguments.broadcast({name: shape, "where": lengths}) != shape:
        raise ShapeError(f"where has shape {lengths}; wanted: one that broadcasts to {shape}, the shape of {name}")
    return mask


def masked(x: Any, mask: Any, fill: float, *, out: Any = None, dtype: np.dtype[Any] | None = None) -> Any:
    """``x`` where the mask is true, else a constant, in the floating-point dtype of ``x`` or in a given one.

    What is left out has derivative zero, whatever stands there.
    """
    if dtype is None:
        return _CHOSEN.call(x, mask, fill, out)
    return _CHOSEN.evaluate([x, mask, fill], out=out, dtype=dtype)


def number_taken(
    mask: Any, shape: tuple[int, ...], axes: tuple[int, ...], dtype: np.dtype[Any], *, keepdims: bool
) -> Any:
    """The number of entries of an operand of a shape that take part, over some axes, in a dtype that computes."""
    precise = np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    return _NUMBER_TAKEN([mask], axes, precise, shape=shape, keepdims=keepdims, names=("where",))
