"""How the tasks of a kernel are shared out: one at a time, so that threads that join late find tasks left."""

from __future__ import annotations

from numba.core import types

# Numba's own function holds an address of this process, with which a kernel could not be cached.
SET_CHUNK = types.ExternalFunction("set_parallel_chunksize", types.uint64(types.uint64))


def schedule(parallel: bool) -> dict[str, str]:
    """What a template needs for its loop over tasks; the symbol above exists once threads have been started."""
    if not parallel:
        return {"tasks": "range", "dynamic": "pass", "static": "pass"}
    return {
        "tasks": "prange",
        "dynamic": "chunk = set_parallel_chunksize(1)",
        "static": "set_parallel_chunksize(chunk)",
    }
