"""The name by which compiled code reaches the reductions over ranks.

Machine code that Numba keeps on disk holds the name alone, and may be loaded before `numbafunc.parallel` is, so
importing the package defines the name.
"""

from __future__ import annotations

import ctypes
from importlib import import_module

import llvmlite.binding

SYMBOL = "numbafunc_parallel_reduce"
FAILURE = 3


def _reduce(*arguments: int) -> int:
    try:
        # Imported late: compiled code may call this before that module, which imports this one, has been loaded.
        reduce_memory = import_module("numbafunc.parallel.njit").reduce_memory
    except BaseException:  # compiled code can hand on nothing but a status
        return FAILURE
    return int(reduce_memory(*arguments))


_callback = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 8)(_reduce)


def name_reduction() -> None:
    """Define the name for LLVM."""
    llvmlite.binding.add_symbol(SYMBOL, ctypes.cast(_callback, ctypes.c_void_p).value)
