"""Distribution of a kernel's tasks: one at a time, so that threads that join late find tasks left."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

# Numba's own function holds an address of this process, so a kernel that calls it could not be cached.
SET_CHUNK = types.ExternalFunction("set_parallel_chunksize", types.uint64(types.uint64))


def _choice(order: str) -> Any:
    def of(typingctx: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.select(builder.icmp_signed(order, *args), *args)

        return types.int64(types.int64, types.int64), codegen

    return intrinsic(of)


# ``min`` and ``max`` of indices. Numba would compile a function of its own for each combination of types.
MIN_MAX = {"min": _choice("<"), "max": _choice(">")}


def schedule(parallel: bool) -> dict[str, str]:
    """Pieces of a template's loop over tasks; the function ``SET_CHUNK`` exists once threads have been started."""
    if not parallel:
        return {"tasks": "range", "dynamic": "pass", "static": "pass"}
    return {
        "tasks": "prange",
        "dynamic": "chunk = set_parallel_chunksize(1)",
        "static": "set_parallel_chunksize(chunk)",
    }
