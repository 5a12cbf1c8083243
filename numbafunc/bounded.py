"""Tables of bounded size, for results that are worked out once for calls of the same description."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

LARGEST = 1 << 20
"""Bytes of the largest arrays that a table keeps whose bytes are counted: larger ones take as long to use as make."""


class Bounded(dict[Any, Any]):
    """A table that is emptied when another item would be one too many, or its arrays would take too many bytes.

    With ``most_bytes`` items with large arrays are not kept at all.
    """

    def __init__(self, most: float = math.inf, most_bytes: float = math.inf) -> None:
        super().__init__()
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._most_bytes < math.inf:
            count = size_of(value)
            if count > LARGEST:
                return
            if self._bytes + count > self._most_bytes:
                self.clear()
            self._bytes += count
        if len(self) >= self._most and key not in self:
            self.clear()
        super().__setitem__(key, value)

    def clear(self) -> None:
        self._bytes = 0
        super().clear()


def size_of(value: Any) -> int:
    """Bytes of the arrays in nests of tuples."""
    if isinstance(value, tuple):
        return sum(map(size_of, value))
    return value.nbytes if isinstance(value, np.ndarray) else 0


def remembered(most: int, most_bytes: int) -> Callable[[Function], Function]:
    """Decorate a function of hashable arguments, whose results are kept in a table of bounded size."""

    def decorate(function: Function) -> Function:
        known = Bounded(most, most_bytes)

        @functools.wraps(function)
        def make(*key: Any) -> Any:
            found = known.get(key)
            if found is None:
                found = known[key] = function(*key)
            return found

        return make  # type: ignore[return-value]

    return decorate
