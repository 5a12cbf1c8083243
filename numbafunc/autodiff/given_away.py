"""Values that ``vjp`` gives away without a copy, where nothing else refers to them.

What a user is given may be changed in place before the walk back, so steps must not refer to it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.dual import anywhere
from numbafunc.dual.own_memory import owns_memory

# Elements from which on a copy takes longer than to find out that it is not needed.
_LARGE = 2**14


def _is_large(x: Any) -> bool:
    return type(x) is np.ndarray and x.size > _LARGE and x.dtype.char in "fdFD"


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
