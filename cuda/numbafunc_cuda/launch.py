"""Compiles and launches kernels, on a CUDA device or in Numba's simulator: all other modules take either from here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import cuda

SIMULATED = bool(numba.config.ENABLE_CUDASIM)

if SIMULATED:
    from numbafunc_cuda.simulator import load_store as access
else:
    from numbafunc_cuda import load_store as access  # type: ignore[no-redef]

__all__ = ["BLOCK", "SIMULATED", "access", "compiled", "inline", "launch"]

# Threads of a block. The simulator starts a thread of the operating system for each.
BLOCK = 32 if SIMULATED else 256
_BLOCKS = 3 if SIMULATED else 1 << 16


def inline(definition: Callable[..., Any]) -> Any:
    """A device function that is inlined into the kernels that call it."""
    if SIMULATED:
        return access.interpreted(definition)
    return cuda.jit(device=True, forceinline=True)(definition)


def compiled(kernel: Callable[..., Any], types: tuple[Any, ...]) -> Any:
    """A kernel compiled for arguments of these types."""
    # Link-time optimisation would change the code that tests have examined.
    return cuda.jit(kernel) if SIMULATED else cuda.jit(types, lto=False)(kernel)


def launch(kernel: Any, tasks: int, arguments: tuple[Any, ...], stream: Any, block: int = BLOCK) -> None:
    """Run a kernel with one thread for each task, or with several tasks for each thread."""
    blocks = min(-(-tasks // block), _BLOCKS)
    kernel[blocks, block, stream](*arguments)
