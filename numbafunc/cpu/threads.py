"""Choice of the threads for parallel kernels, and of kernels that must run on the calling thread alone.

On Linux they are our own, :mod:`numbafunc.cpu.thread_pool`, which need no import of Numba. Where these do not exist, or
the user has chosen one of Numba's threading layers, they are Numba's, of which there are three. TBB serves any mix of
threads and forked processes and is asked for first: :mod:`numbafunc.tbb_library` has loaded it.
OpenMP must not be entered in a process that was forked after its first use: it ends the child. The work queue ends
the process when two threads enter it at once. So kernels run in parallel on TBB, on OpenMP in the process that
started it, and never on the work queue.
"""

from __future__ import annotations

import math
import os
import sys
import weakref
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from numbafunc.bounded import Bounded
from numbafunc.cpu import thread_pool
from numbafunc.interrupts import held_back
from numbafunc.launcher import threads_of_rank
from numbafunc.numba_import import after_import, import_numba

OWN = "numbafunc"
"""The name of our own threads, beside those of Numba's layers."""


@cache
def start() -> tuple[str, int]:
    """Start the threads on first use; return the name of the layer and the process that started it.

    A layer that the user has chosen by ``NUMBA_THREADING_LAYER`` stays chosen. Ranks of an MPI job that share a node
    share its cores, unless the user has set the number of threads.
    """
    with held_back():
        most, layer_is_chosen = _settings()
        choose_for(most)
        if thread_pool.exists() and not layer_is_chosen:
            thread_pool.set_count(_of_rank(most))
            after_import(_follow_numba)
            return OWN, os.getpid()
        numba = import_numba()
        from numba.np.ufunc.parallel import _launch_threads

        _launch_threads()
        if numba.get_num_threads() == most:
            numba.set_num_threads(_of_rank(most))
        for name, own in thread_pool.RENAMED.items():
            llvm.add_symbol(own, llvm.address_of_symbol(name))
        return numba.threading_layer(), os.getpid()


_LAYER_SETTINGS = "NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY"


def _settings() -> tuple[int, bool]:
    """The largest number of threads by Numba's settings, and whether they choose one of its layers."""
    number = os.environ.get("NUMBA_NUM_THREADS", "")
    unknown = (number and not (number.isdecimal() and int(number))) or Path(".numba_config.yaml").is_file()
    if "numba" in sys.modules or unknown or any(name in os.environ for name in _LAYER_SETTINGS):
        known: Any = import_numba().config
        usual = str(known.THREADING_LAYER).lower() == "default" and _LAYER_SETTINGS[1] not in os.environ
        return known.NUMBA_NUM_THREADS, not usual
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(number or cores or 1), False


def asked_from(own: int, others: int) -> int:
    """The size from which loops are shared out: with our own threads, which are quick to ask, and with Numba's."""
    quick = thread_pool.exists() and not any(name in os.environ for name in _LAYER_SETTINGS)
    return own if quick else others


def _of_rank(most: int) -> int:
    """The number of threads of this process, of so many, where the user has not set it."""
    share = None if "NUMBA_NUM_THREADS" in os.environ else threads_of_rank()
    return most if share is None else min(share, most)


def _follow_numba() -> None:
    """Take the number of threads from Numba as soon as it has one, which is when it starts threads of its own.

    The program may set the number for each of its threads then, in compiled functions too.
    """
    from numba.np.ufunc import parallel

    load = parallel._load_threading_functions

    def follow() -> None:
        most = parallel.NUM_THREADS
        if most != _most:  # it was set between
            choose_for(most)
        if parallel._get_num_threads() == most:
            parallel._set_num_threads(_of_rank(most))
        thread_pool.set_count(most, llvm.address_of_symbol("get_num_threads"))

    def load_and_follow(library: Any) -> None:
        load(library)
        follow()

    with parallel._backend_init_thread_lock:  # another thread may be about to start them
        if parallel._is_initialized:
            follow()
        else:
            parallel._load_threading_functions = load_and_follow


class Kernels(Bounded):
    """Kernels kept for later calls. A forked child that must not use threads forgets them."""

    def __init__(self, most: float = math.inf, most_bytes: float = math.inf) -> None:
        super().__init__(most, most_bytes)
        _KEPT.append(weakref.ref(self, _KEPT.remove))


_KEPT: list[weakref.ref[Kernels]] = []


_most = 1


def choose_for(most: int) -> None:
    """Choose kernels for a process that may have so many threads from now on; let go of those that are kept."""
    global _most
    _most = most
    forget()


def forget() -> None:
    """Let go of all kernels that are kept, so that later calls choose anew between one thread and several."""
    for reference in list(_KEPT):  # threads may make and drop some meanwhile
        kernels = reference()
        if kernels is not None:
            kernels.clear()


def _forget_in_child() -> None:
    if start.cache_info().currsize and start()[0] == "omp":
        forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


def parallel_allowed() -> bool:
    """Whether kernels for several threads are to be used.

    That is so while the number of threads is 1 too, where the program can raise it: kernels are kept, ask for the
    number at each call, and take no longer on one thread than those that are for one.
    """
    layer, process = start()
    if layer == "workqueue" or (layer == "omp" and process != os.getpid()):
        return False
    return _most > 1


def usual_count() -> int:
    """The number of threads for which loops are divided, now or when the program has raised it to the usual one."""
    return max(count(), _of_rank(_most))


def count() -> int:
    """The number of threads that a parallel kernel uses now."""
    if start()[0] == OWN:
        return max(1, thread_pool.count())
    return max(1, int(import_numba().get_num_threads()))
