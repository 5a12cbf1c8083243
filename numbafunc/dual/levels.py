"""Levels: numbers of the derivatives that tangents belong to, and the record of those still being taken.

Each run of a differentiated function draws new levels, higher than all that are in use. They are
live until the function returns. A dual array that was kept beyond that, in a list or an attribute, belongs to no
derivative any more: whatever is computed from it is refused.
"""

from __future__ import annotations

import threading
from types import TracebackType

from numbafunc.dual.errors import translated

FIRST_DRAWN = 10**6
"""Levels below are for dual arrays that users make themselves."""

LIVE: set[int] = set()
"""The levels that may take part in computations."""

_lock = threading.Lock()
_next = FIRST_DRAWN


def draw() -> int:
    """A new level above all others, which is live from now on; the caller takes it out of `LIVE` in the end."""
    global _next
    with _lock:
        level = _next
        _next = level + 1
    LIVE.add(level)
    return level


class Level:
    """A fresh level, live inside a ``with`` block: that of one run of a differentiated function.

    An error that the function raises because something can't take dual arrays, but in other words, is replaced by a
    TypeError that says so.
    """

    __slots__ = ("_level",)

    def __enter__(self) -> int:
        self._level = draw()
        return self._level

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        LIVE.discard(self._level)
        if error is not None:
            replace(error, traceback)


def replace(error: BaseException, traceback: TracebackType | None = None) -> None:
    """Raise the TypeError for an error that arises from dual arrays but does not say so."""
    told = translated(error, traceback)
    if told is not None:
        raise told from error


def admit(level: int) -> None:
    """Make a level live that was not drawn here: one that a user chose, or that another process drew."""
    global _next
    with _lock:
        LIVE.add(level)
        if level >= FIRST_DRAWN:
            # Levels drawn from now on are higher: their derivatives are inner ones.
            _next = max(_next, level + 1)


def leaked(level: int) -> ValueError:
    """The error for a dual array whose level is not live."""
    return ValueError(
        f"a dual array of level {level} was kept beyond the derivative that it belongs to, in a variable outside of "
        "the differentiated function; return it from the function (with has_aux beside the value), or keep "
        "numbafunc.stop_gradient(x)"
    )
