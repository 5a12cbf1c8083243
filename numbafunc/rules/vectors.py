"""Rules of products of stacks of vectors and matrices: vecdot, matvec, vecmat. Linear in each operand."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Operand
from numbafunc.dual.products import align
from numbafunc.rules.ufuncs import Tangent, combine, define_binary

# Axes of the operands and of the result that are not looped over.
_CORE_AXES = {"vecdot": (1, 1, 0), "matvec": (2, 1, 1), "vecmat": (1, 2, 1)}


def _define_product(ufunc: Any) -> None:
    of_x, of_y, of_z = _CORE_AXES[ufunc.__name__]

    def tangent_of(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
        looped = z.ndim - of_z
        return combine(
            None if dx is None else ufunc(_looped(dx, x, looped + of_x), y),
            None if dy is None else ufunc(x, _looped(dy, y, looped + of_y)),
        )

    define_binary(ufunc, tangent_of)


def _looped(tangent: Tangent, operand: Operand, ndim: int) -> Tangent:
    return align(tangent.reshape((tangent.shape[0], *operand.shape)), ndim)


for _name in _CORE_AXES:
    # NumPy 2.0 has vecdot; 2.2 added the others.
    if hasattr(np, _name):
        _define_product(getattr(np, _name))
