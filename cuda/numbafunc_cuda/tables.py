"""Tables that kernels read, worked out in main memory: copied to a device once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numba import cuda

from numbafunc.bounded import Bounded
from numbafunc_cuda.arrays import View, view
from numbafunc_cuda.launch import SIMULATED

_TABLES: Bounded = Bounded(256)


def table(key: Hashable, make: Callable[[], np.ndarray[Any, Any]]) -> View:
    """The table under a key on the current device; integers in 32 bits where they fit."""
    place = 0 if SIMULATED else cuda.get_current_device().id, key
    found = _TABLES.get(place)
    if found is None:
        made = make()
        if made.dtype == np.int64 and made.size and max(made.max(), -made.min()) < 2**31:
            made = made.astype(np.int32)
        found = _TABLES[place] = view(cuda.to_device(made), "a table")
        if not SIMULATED:
            # A copy of little memory may still be under way, and streams that don't wait for the default one read it.
            cuda.default_stream().synchronize()
    return found
