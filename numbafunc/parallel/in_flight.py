"""Data in flight: sums that a thread of each rank takes part in while its program goes on.

MPI moves data only while somebody calls it. MPICH, Open MPI and Intel MPI all wait for that unless they are told to
start threads of their own, so the thread of an axis asks MPI, again and again, how far a sum is. It sleeps in between,
since the processors are there for the program, until the program waits too.

The ranks have compared their calls before, in the order in which their programs make them, so the threads of all ranks
take the same steps in the same order. Nothing that a program does or omits later can keep them from it.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

import numpy as np

from numbafunc.cpu.dispatchers import compile_lazily
from numbafunc.cpu.machine_code import machine_code
from numbafunc.parallel.agreement import COMMUNICATOR, CROWDED, ENTERED, new_state
from numbafunc.parallel.exchange import NO_STEPS, ORDERED, parts
from numbafunc.parallel.latch import Latch
from numbafunc.parallel.mpi_calls import iallreduce, sleep, test
from numbafunc.parallel.watchdog import Board, watchdog

# Microseconds (milliseconds of Windows) between two looks, and how many questions a look asks: MPI moves a piece of the
# data at each.
PAUSE = 1 if sys.platform == "win32" else 20
QUESTIONS = 16

# Words of a request, a flag, the number of threads that wait, and a status, whose length depends on the MPI.
_FLAG, _WAITING, _STATUS, _WORDS = 1, 2, 3, 64


class Job(Protocol):
    """What the thread of an axis is given to do."""

    def run(self) -> None:
        """Take the steps; it must not raise."""

    def describe(self) -> str:
        """The call, for messages."""


class Flight:
    """The thread of an axis, with a communicator and a queue of its own.

    Parameters
    ----------
    label : str
        The axis in messages.
    communicator : mpi4py.MPI.Intracomm
        Of the ranks of the axis, for the thread alone.
    board : Board or None
        What the ranks tell each other.
    crowded : bool
        Whether ranks share cores.
    """

    # The program does not wait where this thread does.
    in_background = True

    def __init__(self, label: str, communicator: Any, board: Board | None, crowded: bool) -> None:
        communicator.Set_errhandler(_mpi().ERRORS_RETURN)
        self.board = board
        self._communicator = communicator
        self._state = new_state(communicator)
        self._state[CROWDED] = crowded
        self._request = np.zeros(_WORDS, np.int64)
        self._kernel = _kernel()
        # Written in C: what a handler of a signal raises leaves no lock held, see Latch.
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._job: Job | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name=f"numbafunc axis {label}", daemon=True)
        self._thread.start()
        watchdog().add_axis(self)

    def add(self, job: Job) -> None:
        """Let the thread do a job after those that it has."""
        self._jobs.put(job)

    def take(self, steps: Any) -> None:
        """Take steps together with the threads of the other ranks."""
        code = self._kernel(self._state, steps, self._request)
        if code:
            raise RuntimeError(f"MPI failed in {self.current()}: {_mpi().Get_error_string(int(code))}")

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Let the thread take no pauses: the program waits."""
        with self._lock:
            self._request[_WAITING] += 1
        try:
            yield
        finally:
            with self._lock:
                self._request[_WAITING] -= 1

    def finish(self) -> None:
        """Wait until all jobs are done."""
        end = _End()
        self._jobs.put(end)
        with self.hurried():
            end.latch.wait()

    def free(self) -> None:
        """Finish, and give the communicator back to MPI."""
        self._jobs.put(None)
        self._thread.join()
        watchdog().remove_axis(self, None)
        self._communicator.Free()

    def entered(self) -> int:
        """Odd while the thread waits for the other ranks."""
        return int(self._state[ENTERED])

    def current(self) -> str:
        """The call whose data are in flight."""
        job = self._job
        return "no call" if job is None else job.describe()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._job = job
            job.run()
            self._job = job = None


class _End:
    """The job behind all that were added, which tells that they are done."""

    def __init__(self) -> None:
        self.latch = Latch()

    def run(self) -> None:
        self.latch.open()

    def describe(self) -> str:
        return "no call"


def _mpi() -> Any:
    return sys.modules["mpi4py.MPI"]


def _make_take(ordered_sum: Any) -> Any:
    def take(state: Any, steps: Any, request: Any) -> Any:
        address = request.ctypes.data
        flag = request[_FLAG:_WAITING].view(np.int32)
        code = np.int64(0)
        for number in range(steps.shape[0]):
            step = steps[number]
            if code == 0 and step[0] == ORDERED:
                code = ordered_sum(state, step[1], step[2], step[3], step[4], step[5], step[6], step[7], step[8])
                continue
            done = 0  # in place, as all that is started
            while done < step[3] and code == 0:
                part = min(step[8], step[3] - done)
                target = step[2] + done * step[4]
                state[ENTERED] += 1
                code = np.int64(iallreduce(step[7], target, part, step[5], step[6], state[COMMUNICATOR], address))
                flag[0] = 0
                questions = 0
                while code == 0:
                    code = np.int64(test(address, address + 8 * _FLAG, address + 8 * _STATUS))
                    if flag[0] != 0:
                        break
                    questions += 1
                    if questions % QUESTIONS == 0 and request[_WAITING] == 0:
                        sleep(PAUSE)
                state[ENTERED] += 1
                done += part
        return code

    return take


@cache
def _kernel() -> Any:
    """Machine code that takes the steps of sums, and leaves the processor to others where it waits."""
    function = compile_lazily(_make_take(parts().ordered_sum), "parallel in flight")
    words = np.zeros(1, np.int64)
    return machine_code(function, (words, NO_STEPS, words))


__all__ = ["Flight", "Job"]
