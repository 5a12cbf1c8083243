"""Locks of a process: a forked child, where the thread that held one does not go on, has them anew."""

from __future__ import annotations

import os
import threading


class ProcessLock:
    """A reentrant lock, ``lock``, which a forked child makes anew. Ask for it each time: ``with known.lock:``."""

    def __init__(self) -> None:
        self._make()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._make)

    def _make(self) -> None:
        self.lock = threading.RLock()


__all__ = ["ProcessLock"]
