"""The end of a rank's program: the other ranks of all axes are told, so that none waits for it in vain."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from numbafunc import launcher
from numbafunc.errors import CollectiveMismatchError
from numbafunc.parallel.call_site import Place, digest_of
from numbafunc.parallel.spare_threads import reserve, start
from numbafunc.parallel.watchdog import abort, leave_with, watchdog


def _leave() -> None:
    """Tell the ranks of all axes that this one ends; end the job if they wait for it in a call.

    On all axes at once: the other ranks may wait in a call on any, and come to the end of the program later.
    """
    mpi = launcher.loaded_mpi()
    if mpi is None:
        return
    last = watchdog().leave()
    axes = watchdog().axes
    for axis in axes:
        axis.finish()
    if mpi.Query_thread() < mpi.THREAD_MULTIPLE:
        for axis in axes:
            _leave_axis(axis, last)
        return
    threads = [start(partial(_leave_axis, axis, last)) for axis in axes[1:]]
    if axes:
        _leave_axis(axes[0], last)
    for thread in threads:
        thread.join()


def _leave_axis(axis: Any, last: str) -> None:
    try:
        axis.agree(digest_of("end"), f"the end of the program; the last call was {last}", Place.nowhere())
    except CollectiveMismatchError as error:
        abort(f"numbafunc: rank {axis.rank} has left the program while others wait for it. {error}")
    except RuntimeError as error:
        # The end of MPI waits for that thread, and the watchdog does not watch it.
        abort(f"numbafunc: rank {axis.rank} has left the program in the midst of a call of another thread: {error}")


def leave_at_the_end() -> None:
    """Let the ranks of a new axis know when the program ends."""
    _register()
    reserve(1 + len(watchdog().axes))  # one for the end of a job that can't go on


@cache
def _register() -> None:
    leave_with(_leave)
