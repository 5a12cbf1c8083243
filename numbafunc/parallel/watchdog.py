"""Watchdog over collective calls: ends a job in which a rank does not come, with a message that names rank and call.

A thread of each rank looks, a few times within the time limit, whether its rank is still inside the same call of MPI.
It also writes what the rank is doing to a board in memory that the ranks of a node share, so that a rank whose time is
up can say what the others do. An uncaught exception ends the job at once, and so does a rank that leaves the program
while others wait for it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import mmap
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from numbafunc import launcher
from numbafunc.interrupts import held_back
from numbafunc.kinds.arguments import as_float
from numbafunc.parallel import spare_threads

VARIABLE = "NUMBAFUNC_MPI_TIMEOUT"
DEFAULT_LIMIT = 300.0

_MEMORY = "/dev/shm"  # files there are never written to a disk
_TEXT = 480
_ENTRY = np.dtype([("seconds", np.float64), ("length", np.int64), ("text", np.uint8, _TEXT)])
_LEFT = "has left the program"
# Seconds that MPI_Abort gets before the process ends without it.
_PATIENCE = 5.0


class Board:
    """State of each rank of a communicator that runs on this node, in memory that they share."""

    def __init__(self, communicator: Any) -> None:
        from mpi4py import MPI

        self.rank, self.size = communicator.Get_rank(), communicator.Get_size()
        node = communicator.Split_type(MPI.COMM_TYPE_SHARED)
        rank, size = node.Get_rank(), node.Get_size()
        entries = _shared_entries(node, rank, size)
        if entries is None:  # no shared memory: only this rank is known
            self.ranks, entries, rank = [self.rank], np.zeros(1, _ENTRY), 0
        else:
            self.ranks = node.allgather(self.rank)
        node.Free()
        self._entries = [entries[number : number + 1] for number in range(len(self.ranks))]
        self._own = self._entries[rank]

    def write(self, text: str) -> None:
        """Write what this rank is doing."""
        content = np.frombuffer(text.encode()[:_TEXT], np.uint8)
        self._own["text"][0, : content.size] = content
        self._own["length"] = content.size
        self._own["seconds"] = time.monotonic()

    def read(self) -> dict[int, tuple[str, float]]:
        """States of the ranks on this node, and how many seconds ago they were written."""
        now = time.monotonic()
        result = {}
        for rank, entry in zip(self.ranks, self._entries):
            text = entry["text"][0, : int(entry["length"][0])].tobytes().decode(errors="replace")
            result[rank] = (text, now - float(entry["seconds"][0]))
        return result


def _shared_entries(node: Any, rank: int, size: int) -> Any:
    """Zeros in memory that the ranks of a node share, or None where they can't.

    All of them map a file, whose name is then deleted. Windows of MPI are avoided, since making one prints warnings in
    some libraries.
    """
    path = None
    if rank == 0:
        with contextlib.suppress(OSError):
            handle, path = tempfile.mkstemp(prefix="numbafunc-", dir=_MEMORY if Path(_MEMORY).is_dir() else None)
            os.write(handle, bytes(size * _ENTRY.itemsize))
            os.close(handle)
    path = node.bcast(path)
    entries = None
    if path is not None:
        with contextlib.suppress(OSError), Path(path).open("r+b") as file:
            entries = np.frombuffer(mmap.mmap(file.fileno(), size * _ENTRY.itemsize), _ENTRY)
    complete = all(node.allgather(entries is not None))
    if rank == 0 and path is not None:
        with contextlib.suppress(OSError):  # Windows keeps the name of a file that is mapped
            Path(path).unlink()
    return entries if complete else None


class Watched(Protocol):
    """A watched axis, on which this rank makes its calls."""

    board: Board | None
    in_background: bool  # whether the program goes on while it waits there

    def entered(self) -> int:
        """Odd while this rank is inside a call of MPI on this axis."""

    def current(self) -> str:
        """The call that this rank is in, or was in last."""


class Watchdog:
    """The thread, its time limit, and what it watches."""

    def __init__(self) -> None:
        self._limit = _limit_from_environment()
        self._axes: list[Watched] = []
        self._boards: list[Board] = []
        self._stage: tuple[str, float] | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._main = threading.main_thread().ident
        self.process = os.getpid()
        self.axis: Watched | None = None  # of the last call
        self.leaving = False
        self._farewell = ""

    @property
    def limit(self) -> float:
        """Seconds; 0 means that there is no limit."""
        return self._limit

    @limit.setter
    def limit(self, seconds: float) -> None:
        self._limit = seconds
        with held_back():  # what a handler raises could leave the lock of the event held, see Latch
            self._wake.set()

    @property
    def last(self) -> str:
        """The last collective call of this rank."""
        if self._farewell:
            return self._farewell
        return "none so far" if self.axis is None else self.axis.current()

    def leave(self) -> str:
        """Drop the time limit, since this rank makes no more calls; return its last call."""
        self._farewell = self.last
        self.leaving = True
        self._publish(None, None)
        return self._farewell

    def start(self) -> None:
        """Start the thread and take over uncaught exceptions, once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="numbafunc watchdog", daemon=True)
            self._thread.start()
            self._previous_hook = sys.excepthook
            sys.excepthook = self._uncaught
            leave_with(self.leave)

    @property
    def axes(self) -> list[Any]:
        """The axes on which this rank makes calls."""
        return [axis for axis in self._axes if not axis.in_background]

    def add_axis(self, axis: Watched) -> None:
        """Watch the calls on an axis."""
        self._axes.append(axis)

    def remove_axis(self, axis: Watched, board: Board | None) -> None:
        """Stop watching the calls on an axis, and drop its board."""
        self._axes.remove(axis)
        if board is not None:
            self._boards.remove(board)

    def add_board(self, board: Board) -> None:
        """Keep a board up to date."""
        self._boards.append(board)

    @contextlib.contextmanager
    def stage(self, text: str) -> Any:
        """Watch a piece of work that is not a call on an axis."""
        self._stage = (text, time.monotonic())
        try:
            yield
        finally:
            self._stage = None

    def _watch(self) -> None:
        seen: dict[int, tuple[int, float]] = {}
        while True:
            limit = self._limit
            self._wake.wait(min(1.0, limit / 5) if limit else 1.0)
            self._wake.clear()
            now = time.monotonic()
            waiting: Watched | None = None
            for axis in list(self._axes):
                entered = axis.entered()
                if entered % 2 == 0:
                    seen.pop(id(axis), None)
                    continue
                if not axis.in_background:
                    waiting = axis
                number, since = seen.get(id(axis), (-1, now))
                if number != entered:
                    seen[id(axis)] = (entered, now)
                elif limit and now - since >= limit and not self.leaving:
                    self._expire(f"{axis.current()}", now - since, axis)
            stage = self._stage
            self._publish(waiting, stage)
            if stage is not None and limit and now - stage[1] >= limit:
                self._expire(stage[0], now - stage[1], None)

    def _publish(self, waiting: Watched | None, stage: tuple[str, float] | None) -> None:
        if self.leaving:
            text = f"{_LEFT}; its last call: {self.last}"
        elif waiting is not None:
            text = f"waits in {waiting.current()}"
        elif stage is not None:
            text = f"waits in {stage[0]}"
        else:
            text = f"in no collective call, now at {self._place()}; its last call: {self.last}"
        for board in list(self._boards):
            board.write(text)

    def _place(self) -> str:
        frame = sys._current_frames().get(self._main or 0)
        return "an unknown place" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"

    def _expire(self, what: str, seconds: float, axis: Watched | None) -> None:
        board = axis.board if axis is not None else next(iter(self._boards), None)
        if board is not None and min(board.ranks) != board.rank:
            # All waiting ranks run out of time together; one message is enough.
            time.sleep(min(1.0, self._limit))
        rank = launcher.rank_before_start() if board is None else board.rank
        lines = [f"numbafunc: rank {rank} has waited {seconds:.1f} s for the other ranks in {what}."]
        if board is not None:
            for other, (text, age) in sorted(board.read().items()):
                if other != rank:
                    silent = text and not text.startswith(_LEFT) and age > 3 + 2 * min(1.0, self._limit / 5)
                    heard = f" (no sign of life for {age:.0f} s)" if silent else ""
                    lines.append(f"  rank {other}: {text or 'has done nothing yet'}{heard}")
            absent = board.size - len(board.ranks)
            if absent:
                lines.append(f"  {absent} ranks on other nodes: unknown from here")
        lines.append(
            f"The job ends. {VARIABLE} or numbafunc.parallel.set_timeout() set the limit in seconds; 0 switches it off."
        )
        abort("\n".join(lines))

    def _uncaught(self, kind: Any, error: Any, traceback: Any) -> None:
        with contextlib.suppress(Exception):  # a hook of the program may fail in turn
            self._previous_hook(kind, error, traceback)
        mpi = launcher.loaded_mpi()
        if mpi is None or os.getpid() != self.process or mpi.COMM_WORLD.Get_size() == 1:
            return
        rank = mpi.COMM_WORLD.Get_rank()
        text = str(error).split("\n")[0]
        abort(
            f"numbafunc: rank {rank} raised {kind.__name__}: {text}\n"
            f"  its last collective call: {self.last}\nThe job ends, since the other ranks would wait for it for ever."
        )


def abort(message: str) -> None:
    """Print a message and end all ranks of the job."""
    # The job has to end even where the program has closed or replaced its streams.
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    try:
        print(message, file=sys.stderr, flush=True)
    except Exception:
        with contextlib.suppress(OSError):
            os.write(2, f"{message}\n".encode(errors="replace"))
    mpi = launcher.loaded_mpi()
    if mpi is not None:
        handle = ctypes.c_void_p(mpi.COMM_WORLD.handle)
        # MPI_Abort may itself wait for the call that hangs.
        spare_threads.start(lambda: launcher.library().MPI_Abort(handle, 1)).join(_PATIENCE)
    os._exit(1)


def _limit_from_environment() -> float:
    text = os.environ.get(VARIABLE)
    if not text:
        return DEFAULT_LIMIT
    try:
        return checked_limit(float(text))
    except ValueError:
        raise ValueError(f"{VARIABLE} is {text!r}; wanted: a number of seconds, 0 for no limit") from None


def checked_limit(seconds: Any) -> float:
    """A time limit as given; raises if it is negative, NaN or not a number."""
    limit = as_float(seconds, "seconds", _SECONDS)
    if not limit >= 0:
        raise ValueError(f"seconds is {seconds}; wanted: {_SECONDS}")
    return 0.0 if limit == float("inf") else limit


_SECONDS = "a number of seconds, 0 for no limit"

_watchdog: Watchdog | None = None


def watchdog() -> Watchdog:
    """The watchdog of this process; its thread starts with MPI."""
    global _watchdog
    if _watchdog is None:
        _watchdog = Watchdog()
    return _watchdog


def leave_with(function: Any) -> None:
    """Call a function when the program ends, except in forked children."""
    process = os.getpid()

    def leave() -> None:
        if os.getpid() == process:
            function()

    atexit.register(leave)
