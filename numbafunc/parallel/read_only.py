"""Arrays that are made read-only for a while, since MPI reads them while the program goes on."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

# Arrays whose flag was cleared, by identity, with the number of those who hold them.
_held: dict[int, list[Any]] = {}
_lock = threading.RLock()


def hold(arrays: Iterable[Any]) -> list[Any]:
    """Make arrays read-only and return those that :func:`release` has to be called for.

    Others are read-only anyway, or could not be made writeable again. Views that exist keep their own flags.
    """
    held = []
    with _lock:
        for x in arrays:
            entry = _held.get(id(x))
            if entry is None:
                if not x.flags.writeable or not _can_be_restored(x):
                    continue
                x.flags.writeable = False
                entry = _held[id(x)] = [x, 0]
            entry[1] += 1
            held.append(x)
    return held


def release(arrays: Sequence[Any]) -> None:
    """Make arrays writeable again that nobody else holds."""
    with _lock:
        for x in arrays:
            _held[id(x)][1] -= 1
        # NumPy makes no view writeable whose base isn't, so bases come first; a view whose base is still held waits.
        for x, holders in sorted(_held.values(), key=lambda entry: entry[0].base is not None):
            if not holders:
                with contextlib.suppress(ValueError):
                    x.flags.writeable = True
                    _held.pop(id(x))


def _can_be_restored(x: Any) -> bool:
    """Whether NumPy can make a writeable array writeable again: not where its memory belongs to another library."""
    while not x.flags.owndata:
        x = x.base
        if not isinstance(x, np.ndarray):
            try:
                return not memoryview(x).readonly
            except TypeError:
                return False
        if x.flags.writeable or id(x) in _held:
            return True
    return True


__all__ = ["hold", "release"]
