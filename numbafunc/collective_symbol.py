"""The name by which compiled code reaches the collective functions.

Machine code that Numba keeps on disk holds the name alone, and may be loaded before `numbafunc.parallel` is, so
importing the package defines the name.
"""

from __future__ import annotations

import ctypes
from importlib import import_module

SYMBOL = "numbafunc_parallel_call"
FAILURE = 3


def _call(*arguments: int) -> int:
    try:
        # Imported late: compiled code may call this before that module, which imports this one, has been loaded.
        call = import_module("numbafunc.parallel.compiled_calls").call
    except BaseException:  # compiled code can hand on nothing but a status
        return FAILURE
    return int(call(*arguments))


_callback = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)(_call)


def name_collective() -> None:
    """Define the name for LLVM."""
    import llvmlite.binding

    llvmlite.binding.add_symbol(SYMBOL, ctypes.cast(_callback, ctypes.c_void_p).value)
