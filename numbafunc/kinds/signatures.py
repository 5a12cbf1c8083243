"""Signatures: what calls have in common that one prepared call serves, apart from their settings."""

from __future__ import annotations

from typing import Any

from numpy import ndarray

from numbafunc.cpu.memory import READABLE
from numbafunc.dual.array import Dual
from numbafunc.dual.recorder import Recorder


def signature_of(*operands: Any, ints: bool = False) -> tuple[Any, ...] | None:
    """Shapes and dtypes of arrays, ``float`` for floats, and ints if wanted; None if anything else is among them."""
    signature: list[Any] = []
    for x in operands:
        if type(x) is ndarray and x.flags.num & READABLE == READABLE:
            signature += (x.shape, x.dtype)
        elif type(x) is float:
            signature.append(float)
        elif ints and type(x) is int:
            signature.append(x)
        else:
            return None
    return tuple(signature)


def moving_signature(*operands: Any, ints: bool = False) -> tuple[Any, ...] | None:
    """The same where dual arrays are among the operands, with the type of their tangents; else None.

    They have one level, and all have recorded tangents, or all have plain ones, with elements.
    """
    signature: list[Any] = []
    level, kind = 0, None
    for x in operands:
        if type(x) is Dual:
            value, change, family = x.primal if x.lent is None else x.lent, x.tangent, x.family
            if type(value) is not ndarray or value.flags.num & READABLE != READABLE:
                return None
            if level == 0:
                level, kind = x.level, type(change)
            if x.level != level or type(change) is not kind or (family is not None and family[0].blank):
                return None
            if kind is ndarray:
                if not change.size or change.flags.num & READABLE != READABLE:
                    return None
                signature += (kind, change.shape, value.dtype)
            elif kind is Recorder:
                signature += (kind, value.shape, value.dtype)
            else:
                return None
        elif type(x) is ndarray and x.flags.num & READABLE == READABLE:
            signature += (x.shape, x.dtype)
        elif type(x) is float:
            signature.append(float)
        elif ints and type(x) is int:
            signature.append(x)
        else:
            return None
    return tuple(signature) if level else None
