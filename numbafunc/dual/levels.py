"""Levels: numbers of the derivatives that tangents belong to, and the record of those still being taken.

Each run of a differentiated function draws new levels, higher than all that are in use. They are
live until the function returns. A dual array that was kept beyond that, in a list or an attribute, belongs to no
derivative any more: whatever is computed from it is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from numpy import ndarray

from numbafunc.dual.errors import translated
from numbafunc.process_lock import free_in_children
from numbafunc.result_memory import DERIVATIVES_FROM, Token, begin_recycling, end_recycling

FIRST_DRAWN = 10**6
"""Levels below are for dual arrays that users make themselves."""

INSIDE = threading.local()
"""Its attribute ``runs`` is the list of the runs of differentiated functions in this thread, the innermost last: the
level and the number of directions of each."""

WATCHERS: list[Callable[[bool], None]] = []
"""Functions that are told when the first of all runs begins, and when the last has ended."""

AT_THE_END: dict[int, dict[object, Callable[[], BaseException]]] = {}
"""For each level what makes its derivative wrong unless it is taken out before the function returns: the errors."""

RECYCLING: dict[int, Token] = {}
"""For each level the token with which its run ends the use of recycled memory, if it has begun that."""

LIVE: set[int] = set()
"""The levels that may take part in computations."""

_lock = free_in_children(threading.Lock())
_next = FIRST_DRAWN
_runs = 0


def draw() -> int:
    """A new level above all others, which is live from now on; the caller takes it out of `LIVE` in the end."""
    global _next
    with _lock:
        level = _next
        _next = level + 1
    LIVE.add(level)
    return level


def check_end(level: int) -> None:
    """Raise the error of something that was not put right in a run of a level."""
    for make_error in AT_THE_END.pop(level, {}).values():
        raise make_error()


class Level:
    """A fresh level, live inside a ``with`` block."""

    __slots__ = ("_level",)

    def __enter__(self) -> int:
        self._level = draw()
        return self._level

    def __exit__(self, *exception: object) -> None:
        LIVE.discard(self._level)


def replace_error(error: BaseException, traceback: TracebackType | None = None) -> None:
    """Raise the TypeError for an error that arises from dual arrays but does not say so."""
    told = translated(error, traceback)
    if told is not None:
        raise told from error


class Run:
    """A fresh level, live inside a ``with`` block in which a function of the user's is differentiated.

    An error that the function raises because something can't take dual arrays, but in other words, is replaced by a
    TypeError that says so.

    Parameters
    ----------
    directions : int
        The number of directions of its tangents.
    """

    __slots__ = ("_directions", "_level")

    def __init__(self, directions: int) -> None:
        self._directions = directions

    def __enter__(self) -> int:
        global _next, _runs
        try:
            runs = INSIDE.runs
        except AttributeError:
            runs = _runs_here()
        with _lock:  # draw() and begin_run() in one
            self._level = level = _next
            _next = level + 1
            LIVE.add(level)
            runs.append((level, self._directions))
            _runs += 1
            if _runs == 1 and WATCHERS:
                _tell(True)
        return level

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        global _runs
        LIVE.discard(self._level)
        INSIDE.runs.pop()
        with _lock:  # end_run(), without the call
            _runs -= 1
            if _runs == 0 and WATCHERS:
                _tell(False)
        if RECYCLING:
            end_recycling(RECYCLING.pop(self._level, None))
        if error is not None:
            AT_THE_END.pop(self._level, None)
            replace_error(error, traceback)
        if AT_THE_END:
            check_end(self._level)


def recycle_memory(level: int, arrays: Iterable[Any]) -> None:
    """Let large arrays get memory that is used again until a run of this thread ends, if one of its arrays is large."""
    for x in arrays:
        if type(x) is ndarray and x.nbytes >= DERIVATIVES_FROM:
            run = innermost()  # an array may be used in another thread than that of the run
            token = begin_recycling() if run is not None and run[0] == level else None
            if token is not None:
                RECYCLING[level] = token
            return


def begin_run(level: int, directions: int) -> None:
    """Note that a run of a differentiated function begins in this thread; :func:`end_run` ends it."""
    global _runs
    _runs_here().append((level, directions))
    with _lock:
        _runs += 1
        if _runs == 1:
            _tell(True)


def _runs_here() -> list[tuple[int, int]]:
    try:
        runs: list[tuple[int, int]] = INSIDE.runs
    except AttributeError:
        runs = INSIDE.runs = []
    return runs


def _tell(running: bool) -> None:
    for watcher in WATCHERS:
        watcher(running)


def end_run() -> None:
    """Note the end of the innermost run of this thread."""
    global _runs
    INSIDE.runs.pop()
    with _lock:
        _runs -= 1
        if _runs == 0:
            _tell(False)


def watch_runs(watcher: Callable[[bool], None]) -> None:
    """Have a function told when the first of all runs begins, and when the last has ended."""
    with _lock:
        WATCHERS.append(watcher)
        if _runs:
            watcher(True)


def innermost() -> tuple[int, int] | None:
    """Level and number of directions of the innermost run of this thread; None outside of all."""
    runs = getattr(INSIDE, "runs", None)
    return runs[-1] if runs else None


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
