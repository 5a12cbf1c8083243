"""Tables that kernels read: computed in main memory, copied to each device once."""

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
    """The table of a key on the current device; integers are stored in 32 bits where they fit."""
    place = 0 if SIMULATED else cuda.get_current_device().id, key
    found = _TABLES.get(place)
    if found is None:
        made = make()
        if made.dtype == np.int64 and made.size and max(made.max(), -made.min()) < 2**31:
            made = made.astype(np.int32)
        found = _TABLES[place] = view(cuda.to_device(made), "a table")
        if not SIMULATED:
            # Small copies return before they are done, and other streams do not wait for the default one.
            cuda.default_stream().synchronize()
    return found
