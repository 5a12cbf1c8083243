"""Operators in place on plain arrays: ``x += y``, where y is a dual array.

A plain array can't take tangents. But if nothing except the name ``x`` refers to it, nobody can tell a new array from
the old one: the operator then binds the name to a dual array that continues it. Otherwise it raises TypeError.

What stands on the left may be stored elsewhere than where it came from (``x.total += y`` of an attribute of the class),
or nowhere. So the old array has to die when the new one is stored: else the run of the function ends with TypeError.
"""

from __future__ import annotations

import dis
import sys
import weakref
from types import FrameType
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand
from numbafunc.dual.levels import AT_THE_END, innermost
from numbafunc.dual.recorder import WATCHED
from numbafunc.dual.storage import replace
from numbafunc.dual.tables import UFUNC_RULES
from numbafunc.rules.arguments import refuse_plain_target
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


class _Old:
    """Sees to it that a plain array dies in the statement that stores the dual array which continues it."""

    def __init__(self, array: Any, frame: FrameType, level: int, name: str) -> None:
        self._frame: FrameType | None = frame
        self._level = level
        self._first = self._last = frame.f_lasti
        code = frame.f_code.co_code
        while not dis.opname[code[self._last]].startswith("STORE_"):
            self._last += 2
        AT_THE_END.setdefault(level, {})[self] = lambda: refuse_plain_target(name)
        self._reference = weakref.ref(array, self._died)

    def _died(self, _: object) -> None:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame is not self._frame:
            frame = frame.f_back
        if frame is not None and self._first < frame.f_lasti <= self._last:
            AT_THE_END.get(self._level, {}).pop(self, None)
        self._frame = None


@hook("in_place")
def _in_place(ufunc: np.ufunc, inputs: tuple[Operand, ...], references: int, frame: FrameType) -> Any:
    """The dual array that continues the plain one, the first input; None if something else may refer to that."""
    x, y = inputs
    run = innermost()
    if run is None or weakref.getweakrefcount(x):
        return None
    if not _COUNTED or references > _ONE_NAME or x.base is not None or not x.flags.owndata or not _is_operator(frame):
        return None
    # Steps of a tape may keep the operand, and the array itself has to die.
    result = UFUNC_RULES[ufunc](x.copy() if WATCHED else x, y)
    if type(result) is not Dual:
        return None
    _Old(x, frame, run[0], ufunc.__name__)
    return replace(blank(x, result.tangent.shape[0], result.level), result, f"numpy.{ufunc.__name__}")
