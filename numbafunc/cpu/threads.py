"""Choice of the threading layer for parallel kernels, and of kernels that must run on the calling thread alone.

Numba knows three threading layers. TBB serves any mix of threads and forked processes and is asked for first:
:mod:`numbafunc.tbb_library` has loaded it.
OpenMP must not be entered in a process that was forked after its first use: it ends the child. The work queue ends
the process when two threads enter it at once. So kernels run in parallel on TBB, on OpenMP in the process that
started it, and never on the work queue.
"""

from __future__ import annotations

import math
import os
import weakref
from functools import cache

from numbafunc.bounded import Bounded


@cache
def start() -> tuple[str, int]:
    """Start the threads on first use; return the name of the layer and the process that started it.

    A layer that the user has chosen by ``NUMBA_THREADING_LAYER`` stays chosen. Ranks of an MPI job that share a node
    share its cores, unless the user has set the number of threads.
    """
    import numba
    from numba.np.ufunc.parallel import _launch_threads

    from numbafunc.launcher import threads_of_rank

    _launch_threads()
    share = threads_of_rank()
    chosen = "NUMBA_NUM_THREADS" in os.environ or numba.get_num_threads() != numba.config.NUMBA_NUM_THREADS
    if share is not None and not chosen:
        numba.set_num_threads(min(share, numba.config.NUMBA_NUM_THREADS))
    return numba.threading_layer(), os.getpid()


class Kernels(Bounded):
    """Kernels kept for later calls. A forked child that must not use threads forgets them."""

    def __init__(self, most: float = math.inf, most_bytes: float = math.inf) -> None:
        super().__init__(most, most_bytes)
        _KEPT.append(weakref.ref(self, _KEPT.remove))


_KEPT: list[weakref.ref[Kernels]] = []


def _forget_in_child() -> None:
    if start.cache_info().currsize and start()[0] == "omp":
        for reference in list(_KEPT):
            kernels = reference()
            if kernels is not None:
                kernels.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


def parallel_allowed() -> bool:
    """Whether a kernel may use several threads here and now."""
    layer, process = start()
    if layer == "workqueue" or (layer == "omp" and process != os.getpid()):
        return False
    return count() > 1


def count() -> int:
    """The number of threads that a parallel kernel uses now."""
    import numba

    start()
    return max(1, int(numba.get_num_threads()))
