"""The locks of axes: one thread at a time makes a collective call; where MPI wants it, only the one that started it."""

from __future__ import annotations

import sys
import threading


class NoLock:
    """Stand-in for the lock of an axis of one rank, where threads don't meet."""

    def acquire(self, blocking: bool) -> bool:
        return True

    def release(self) -> None:
        pass


class Barrier:
    """Stand-in for the lock of an axis where MPI can't be called; it raises and says why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def acquire(self, blocking: bool) -> bool:
        raise RuntimeError(f"collective calls are not possible {self._reason}")

    def release(self) -> None:
        pass


# One lock for all axes, where MPI does not allow calls of several threads at once.
ONLY = threading.RLock()


class MainLock:
    """The lock of all axes where MPI allows calls of the thread alone that has started it."""

    def acquire(self, blocking: bool) -> bool:
        if not sys.modules["mpi4py.MPI"].Is_thread_main():
            raise RuntimeError(
                "a thread other than the one that started MPI makes a collective call, for which MPI has not been "
                "started: it needs the thread level MPI_THREAD_MULTIPLE"
            )
        return ONLY.acquire(blocking)

    def release(self) -> None:
        ONLY.release()


MAIN = MainLock()
