"""Operators in place on plain arrays: ``x += y``, where y is a dual array.

A plain array can't take tangents. But if nothing except the name ``x`` refers to it, nobody can tell a new array from
the old one: the operator then binds the name to a dual array that continues it. Otherwise it raises TypeError.
"""

from __future__ import annotations

import dis
import sys
from types import FrameType
from typing import Any

import numpy as np

from numbafunc.dual.array import UFUNC_RULES, Dual, Operand
from numbafunc.dual.storage import replace
from numbafunc.rules.blanks import blank
from numbafunc.rules.register import hook

_FIRST_IN_PLACE = 13
"""The argument of Python's instruction BINARY_OP for ``+=``, the first of the operators in place."""


class _Counts:
    """Counts the references to an array in the course of an operator, as a dual array does."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> int:
        return sys.getrefcount(inputs[0])


def _count_of_one_name() -> int:
    x: Any = np.empty(1)
    x += _Counts()
    return int(x)


_ONE_NAME = _count_of_one_name()


_COUNTED = sys.version_info < (3, 14) and getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether Python counts each reference: from 3.14 on, and without the global lock, some names borrow theirs."""


def _is_operator(frame: FrameType) -> bool:
    """Whether a frame is at an operator in place, not at the call of a ufunc."""
    code = frame.f_code.co_code
    name = dis.opname[code[frame.f_lasti]]
    if name == "BINARY_OP":
        return code[frame.f_lasti + 1] >= _FIRST_IN_PLACE
    return name.startswith("INPLACE_")


@hook("in_place")
def _in_place(ufunc: np.ufunc, inputs: tuple[Operand, ...], references: int, frame: FrameType) -> Any:
    """The dual array that continues the plain one, the first input; None if something else may refer to that."""
    x, y = inputs
    if not _COUNTED or references > _ONE_NAME or x.base is not None or not x.flags.owndata or not _is_operator(frame):
        return None
    result = UFUNC_RULES[ufunc](x, y)
    if type(result) is not Dual:
        return None
    return replace(blank(x, result.tangent.shape[0], result.level), result, f"numpy.{ufunc.__name__}")
