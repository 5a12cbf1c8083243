"""Copies that vjp need not take: of operands that no step refers to, and of values that nothing else refers to.

What a user has given, or is given, may be changed in place before the walk back, so steps must not refer to it. For
most functions they don't, but that is known only when the function has run. So a first run gets copies of large
operands; if nothing refers to these afterwards, later runs of the function get the operands themselves.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from numbafunc.dual import anywhere
from numbafunc.dual.own_memory import owns_memory
from numbafunc.dual.recorder import collective_calls

# Elements from which on a copy takes longer than to find out that it is not needed.
LARGE = 2**14

_LETS_GO: weakref.WeakKeyDictionary[CodeType, bool] = weakref.WeakKeyDictionary()
"""Whether the runs of a function so far have left no reference to its operands."""


def _is_large(x: Any) -> bool:
    return type(x) is np.ndarray and x.size > LARGE and x.dtype.char in "fdFD"


class Borrowed:
    """The operands of a run, copied unless the function is known to keep no reference to them.

    Parameters
    ----------
    f : callable
        The user's function.
    given : list of array or Dual
        The user's operands.
    copy : callable
        What makes a copy of one.
    """

    def __init__(self, f: Callable[..., Any], given: list[Any], copy: Callable[[Any], Any]) -> None:
        self._code: CodeType | None = None
        self._held: list[weakref.ref[Any]] = []
        if type(f) is not FunctionType:
            f = getattr(f, "__wrapped__", f)  # what Numba has compiled
        if type(f) is not FunctionType or not any(map(_is_large, given)):
            self.operands = list(map(copy, given))
            return
        self._code, self._calls = f.__code__, collective_calls[0]
        self._lent = _LETS_GO.get(self._code, False)
        # Views of an array that is made of a memoryview refer to this array, not to the user's.
        taken = [np.asarray(memoryview(x)) if self._lent and _is_large(x) else copy(x) for x in given]
        self._held = [weakref.ref(array) for array, x in zip(taken, given, strict=True) if _is_large(x)]
        self.operands = taken

    def returned(self) -> bool:
        """Whether no step refers to an operand of the user's, when nothing else is left of the run; else run again."""
        if self._code is None:
            return True
        free = all(reference() is None for reference in self._held)
        # Ranks have to agree on how often they call collective functions. And no code runs twice more than once, though
        # functions of the same code may differ.
        _LETS_GO[self._code] = free and self._calls == collective_calls[0] and _LETS_GO.get(self._code, True)
        return free or not self._lent


def outline(x: Any) -> Any:
    """An array of the shape and dtype of a large one that takes no memory; others as they are."""
    return anywhere.repeated(np.zeros((1,) * x.ndim, x.dtype), x.shape) if _is_large(x) else x


def given_away(values: list[Any], copy: Callable[[Any], Any]) -> list[Any]:
    """The values, copied unless the list alone refers to them; the list keeps outlines of those that were not."""
    results = []
    for place in range(len(values)):
        if (
            _is_large(values[place])
            and sys.getrefcount(values[place]) <= _IN_LIST
            and owns_memory(values[place])
            and (values[place].base is None or values[place].base.size == values[place].size)
        ):
            results.append(values[place])
            values[place] = outline(values[place])
        else:
            results.append(copy(values[place]))
    return results


def _count_in_list() -> int:
    held = [np.empty(0)]
    place = 0
    return sys.getrefcount(held[place])


_IN_LIST = _count_in_list()
"""References that sys.getrefcount counts of an object that a list alone refers to."""
