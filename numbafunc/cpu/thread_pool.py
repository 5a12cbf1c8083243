"""The threads of this package, for kernels that are shared out: started without Numba, which takes longer to import.

What they do is told in :mod:`numbafunc.cpu.thread_pool_code`. They exist on Linux, on the processors that are named
there.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import sys
from typing import Any

import llvmlite.binding as llvm

from numbafunc.cpu.kernel_loader import alone, engine_of
from numbafunc.cpu.thread_pool_code import PROCESSORS, code_for

RENAMED = {"numba_parallel_for": "numbafunc_parallel_for", "get_num_threads": "numbafunc_get_num_threads"}
"""The functions that launch and count threads: as Numba calls them, and as kernels do."""

_FUNCTIONS = {
    "numbafunc_parallel_for": None,
    "numbafunc_get_num_threads": ctypes.CFUNCTYPE(ctypes.c_int64),
    "numbafunc_set_num_threads": ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p),
    "numbafunc_forget_workers": ctypes.CFUNCTYPE(None),
    "numbafunc_stop_workers": ctypes.CFUNCTYPE(None),
}


def exists() -> bool:
    """Whether there are such threads on this system and processor."""
    return sys.platform == "linux" and platform.machine() in PROCESSORS and sys.maxsize > 2**32


def count() -> int:
    """The number of threads that a kernel uses now."""
    return int(_functions()["get_num_threads"]())


def set_count(number: int, counter: int | None = None) -> None:
    """Set the number of threads, or the address of a C function that knows it for each thread of the program."""
    _functions()["set_num_threads"](number, counter)


_ready: dict[str, Any] | None = None


def _functions() -> dict[str, Any]:
    """The functions, ready for kernels; the workers are started by the first launch that has something for them."""
    global _ready
    if _ready is None:  # else no thread waits for one that compiles
        with alone():
            if _ready is None:
                _ready = _loaded()
    return _ready


def _loaded() -> dict[str, Any]:
    engine = engine_of(code_for(platform.machine()), list(_FUNCTIONS))
    addresses = {name: engine.get_function_address(name) for name in _FUNCTIONS}
    for name, address in addresses.items():
        llvm.add_symbol(name, address)
    found = {name.removeprefix("numbafunc_"): kind(addresses[name]) for name, kind in _FUNCTIONS.items() if kind}
    process = [os.getpid()]

    def forget_workers() -> None:
        process[0] = os.getpid()
        found["forget_workers"]()

    def stop_workers() -> None:
        if process[0] == os.getpid():  # a child that C code has forked was not told, and has no workers to wait for
            found["stop_workers"]()

    os.register_at_fork(after_in_child=forget_workers)
    atexit.register(stop_workers)
    return found


__all__ = ["RENAMED", "count", "exists", "set_count"]
