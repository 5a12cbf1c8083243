"""Threads for the end of a program: Python 3.12 starts none there, so they have to be there before."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

_LATE = sys.version_info[:2] != (3, 12)  # whether threads can be started when the program ends


class _Spare:
    """A thread that waits for something to do."""

    def __init__(self) -> None:
        self._work: Callable[[], Any] | None = None
        self._given, self._over = threading.Event(), threading.Event()
        threading.Thread(target=self._run, name="numbafunc spare", daemon=True).start()

    def _run(self) -> None:
        self._given.wait()
        try:
            self._work()  # type: ignore[misc]
        finally:
            self._over.set()

    def give(self, work: Callable[[], Any]) -> None:
        """Let the thread do this, and end."""
        self._work = work
        self._given.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until it is done."""
        self._over.wait(timeout)


_spare: list[_Spare] = []


def reserve(count: int) -> None:
    """Have so many threads ready, if they can't be started later."""
    while not _LATE and len(_spare) < count:
        _spare.append(_Spare())


def start(work: Callable[[], Any]) -> Any:
    """Do this in another thread, which can be joined; at the end of the program too, as far as threads are reserved."""
    if _spare:
        spare = _spare.pop()
        spare.give(work)
        return spare
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


__all__ = ["reserve", "start"]
