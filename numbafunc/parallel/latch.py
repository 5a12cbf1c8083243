"""Something that happens once, and that threads wait for."""

from __future__ import annotations

import threading


class Latch:
    """Is open from some time on.

    The handler of a signal may raise at any line of Python. In the midst of ``threading.Event`` it leaves a lock held
    for good, at which the thread that would set it waits. This one waits in one instruction.
    """

    def __init__(self) -> None:
        self.is_open = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def open(self) -> None:
        """Let all go on that wait; to be called once."""
        self.is_open = True
        self._lock.release()

    def wait(self) -> None:
        """Wait until it is open."""
        if not self.is_open:
            with self._lock:
                pass


__all__ = ["Latch"]
