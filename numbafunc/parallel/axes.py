"""Axes: the names of groups of ranks, and the communicators behind them."""

from __future__ import annotations

import math
import operator
import os
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from numbafunc import launcher
from numbafunc.bounded import Bounded
from numbafunc.dual.recorder import collective_calls
from numbafunc.errors import CollectiveMismatchError
from numbafunc.interrupts import are_held_back, held_back, uninterrupted
from numbafunc.parallel.call_site import Place, digest_of
from numbafunc.parallel.crowding import ranks_outnumber_cores
from numbafunc.parallel.leaving import leave_at_the_end
from numbafunc.parallel.locks import MAIN, ONLY, Barrier, NoLock
from numbafunc.parallel.watchdog import Board, watchdog

if TYPE_CHECKING:
    from numbafunc.parallel.agreement import Text
    from numbafunc.parallel.in_flight import Flight

DEVICE = "device"

# Most plans that are kept, of calls on different shapes and dtypes.
MOST_PLANS = 512

_LISTED = 16  # ranks that an error lists one by one


class Axis:
    """A group of ranks that reduce with each other.

    Attributes
    ----------
    label : str
        The name in messages.
    size, rank : int
        How many ranks there are, and which one this process is.
    communicator : mpi4py.MPI.Comm or None
        A communicator that only this package uses; None where there is one rank.
    """

    # The program waits in the calls on this axis.
    in_background = False

    def __init__(self, label: str, communicator: Any, parent: Axis | None = None) -> None:
        self.label = label
        self.size = 1 if communicator is None else communicator.Get_size()
        self.rank = 0 if communicator is None else communicator.Get_rank()
        self.communicator = communicator
        self.groups: dict[Any, Axis] = {}
        self.plans = Bounded(MOST_PLANS)
        self.lock: Any = threading.RLock()
        self.board: Board | None = None
        self._call: tuple[Callable[[], str], Place] | None = None
        self._parent = parent
        self.crowded = False
        self._flight: Flight | None = None
        if self.size == 1:
            self.lock = NoLock()
            return
        _shared.add(self)
        _bar_when_finalized()
        level = _mpi().Query_thread()
        if level < _mpi().THREAD_MULTIPLE:
            self.lock = ONLY if level == _mpi().THREAD_SERIALIZED else MAIN
        from numbafunc.parallel import agreement, exchange

        communicator.Set_errhandler(_mpi().ERRORS_RETURN)
        self._frame, self._exchange = agreement, exchange
        self.state = agreement.new_state(communicator)
        self._calls = np.zeros((self.size, agreement.CALL_BYTES), np.uint8)
        self._places = np.zeros((self.size, agreement.PLACE_BYTES), np.uint8)
        self.state[agreement.CALLS], self.state[agreement.PLACES] = self._calls.ctypes.data, self._places.ctypes.data
        self._kernel = exchange.exchange()
        self._guard = watchdog()
        if parent is None:
            with watchdog().stage(f"the start of axis {label!r}"):
                self.board = Board(communicator)
                self.crowded = ranks_outnumber_cores(communicator)
            watchdog().add_board(self.board)
        else:
            self.board, self.crowded = parent.board, parent.crowded
        self.state[agreement.CROWDED] = self.crowded
        watchdog().add_axis(self)
        leave_at_the_end()

    def free(self) -> None:
        """Give the communicators back to MPI."""
        for group in self.groups.values():
            group.free()
        if self._flight is not None:
            self._flight.free()
        if self.size > 1:
            watchdog().remove_axis(self, None if self._parent is not None else self.board)
        if self.communicator is not None:
            self.communicator.Free()

    def may_fly(self) -> bool:
        """Whether MPI allows that data move while the program goes on."""
        return bool(_mpi().Query_thread() == _mpi().THREAD_MULTIPLE)

    def flight(self, place: Place) -> Flight:
        """The thread that takes part in sums while the program goes on; all ranks make it together."""
        if self._flight is None:
            from numbafunc.parallel.in_flight import Flight

            communicator = self.split("flight", 0, self.rank, f"{self.label!r} for data in flight", place)
            self._flight = Flight(self.label, communicator, self.board, self.crowded)
        return self._flight

    def finish(self) -> None:
        """Wait until no data are in flight."""
        if self._flight is not None:
            self._flight.finish()

    # Queries of the watchdog.

    def entered(self) -> int:
        """Odd while this rank is inside a call of MPI on this axis."""
        return int(self.state[self._frame.ENTERED])

    def current(self) -> str:
        """The call that this rank is in, or was in last."""
        call = self._call
        return "no call" if call is None else f"{call[0]()} at {call[1]}"

    # One thread at a time makes a collective call, from the first use of the buffers to the last.

    def __enter__(self) -> None:
        if not self.lock.acquire(False):
            if self.lock in (ONLY, MAIN):
                raise RuntimeError(
                    "two threads make collective calls at once, for which MPI has not been started: it needs the "
                    "thread level MPI_THREAD_MULTIPLE"
                )
            raise RuntimeError(
                f"two threads call collectives on axis {self.label!r} at once; give each an axis of its own"
            )

    def __exit__(self, *error: object) -> None:
        self.lock.release()

    # Exchanges.

    def exchange(
        self,
        digest: int,
        describe: Callable[[], str],
        call: Text,
        place: Place,
        steps: Any = None,
        how: int = 0,
        payload: Any = None,
    ) -> None:
        """Make sure that all ranks make this call, reduce the payload, and take the steps that move the data.

        It is one call of compiled code, so an exception of a handler of signals comes up before it or after it.

        Raises
        ------
        CollectiveMismatchError
            On all ranks, where one of them makes another call.
        """
        with self:
            self._call = (describe, place)
            self._guard.axis = self
            collective_calls[0] += 1
            status = self._kernel(
                self.state,
                digest ^ place.digest,
                how,
                self._exchange.NO_PAYLOAD if payload is None else payload,
                call.address,
                place.address or place.send(),
                self._exchange.NO_STEPS if steps is None else steps,
            )
            if status:
                self._raise(status)

    def agree(self, digest: int, describe: str, place: Place, steps: Sequence[Sequence[int]] = ()) -> None:
        """An exchange that is made once or seldom; see :meth:`exchange`."""
        table = np.array(steps, np.int64) if steps else None
        self.exchange(digest, lambda: describe, self.text(describe), place, table)

    def exchange_by(
        self, kernel: Any, digest: int, describe: Callable[[], str], call: Text, place: Place, payload: Any, *data: Any
    ) -> bool:
        """As :meth:`exchange`, by machine code that moves the data in its own way.

        False where that has found that the data of the ranks don't fit each other; :meth:`calls` has all calls then.
        """
        with self:
            self._call = (describe, place)
            self._guard.axis = self
            collective_calls[0] += 1
            address = place.address or place.send()
            status = kernel(self.state, digest ^ place.digest, payload, call.address, address, *data)
            if status and status != self._exchange.UNFIT:
                self._raise(status)
            return not status

    def agree_and_reduce_kernel(self, dtype: np.dtype[Any]) -> Any:
        """The kernel that agrees and reduces flat arrays of a dtype."""
        return self._exchange.agree_and_reduce(dtype)

    def fixed(self, count: int, itemsize: int, datatype: int, operation: int, shared: bool) -> Any:
        """What that kernel takes for a reduction of so many elements."""
        return np.array(self._exchange.reduction(0, 0, count, itemsize, datatype, operation, shared)[3:], np.int64)

    def text(self, describe: str) -> Text:
        """The description of a call, as compiled code sends it."""
        return self._frame.Text(describe, self._frame.CALL_BYTES)

    def split(self, key: Any, color: int, position: int, label: str, place: Place) -> Any:
        """A communicator of the ranks of this axis that give the same color; all ranks make it together."""
        made = np.zeros(1, np.int64)
        step = self._exchange.splitting(made.ctypes.data, color, position)
        self.agree(digest_of(key), f"the first use of axis {label}", place, [step])
        # Where handles are 32-bit integers, the upper half has stayed zero.
        return _mpi().Intracomm.fromhandle(int(made[0]))

    def calls(self) -> list[str]:
        """The calls of all ranks, when they have told each other."""
        return list(map(" at ".join, zip(self._frame.texts(self._calls), self._frame.texts(self._places))))

    def _raise(self, status: int) -> None:
        if status < 0:
            raise RuntimeError(f"MPI failed in {self.current()}: {_mpi().Get_error_string(-status)}")
        raise CollectiveMismatchError(
            f"the ranks of axis {self.label!r} make different collective calls:\n{listing(self.calls())}\n"
            "All ranks of an axis have to make the same calls in the same order, with the same shapes and dtypes."
        )


_shared: weakref.WeakSet[Axis] = weakref.WeakSet()


def _bar(reason: str) -> None:
    for axis in _shared:
        axis.lock = Barrier(reason)


def _after_fork() -> None:
    _bar("in a forked child of an MPI process")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@cache
def _bar_when_finalized() -> None:
    """Make calls raise once MPI is finalized: MPI would end a process that calls it then."""
    # The attributes of this communicator are the first thing that MPI_Finalize deletes.
    key = _mpi().Comm.Create_keyval(delete_fn=lambda *_: _bar("after MPI.Finalize()"))
    _mpi().COMM_SELF.Set_attr(key, None)


def listing(calls: Sequence[str]) -> str:
    """Lines of the calls of all ranks; where there are many, those with the same call share one."""
    if len(calls) <= _LISTED:
        return "\n".join(f"  rank {rank}: {call}" for rank, call in enumerate(calls))
    ranks: dict[str, list[int]] = {}
    for rank, call in enumerate(calls):
        ranks.setdefault(call, []).append(rank)
    lines = []
    for call, members in ranks.items():
        shown = ", ".join(map(str, members[:8])) + (f" and {len(members) - 8} more" if len(members) > 8 else "")
        lines.append(f"  rank {shown}: {call}")
    return "\n".join(lines)


def _mpi() -> Any:
    return sys.modules["mpi4py.MPI"]


class Grid:
    """Axes that divide the ranks of another axis along the dimensions of a grid."""

    def __init__(self, sizes: dict[str, int], parent: Axis) -> None:
        self.sizes = sizes
        self.names = tuple(sizes)
        self.parent = parent
        self._axes: dict[tuple[str, ...], Axis] = {}

    def axis(self, names: tuple[str, ...], place: Place) -> Axis:
        """The axis along some of the dimensions; all ranks make it together at the first use."""
        chosen = tuple(name for name in self.names if name in names)
        axis = self._axes.get(chosen)
        return self._make(chosen, place) if axis is None else axis

    def _make(self, chosen: tuple[str, ...], place: Place) -> Axis:
        _check_held()
        label = chosen[0] if len(chosen) == 1 else repr(chosen)
        if self.parent.size == 1:
            axis = Axis(label, None)
        else:
            color, position = self._place(chosen)
            communicator = self.parent.split(("axis", chosen), color, position, repr(label), place)
            axis = Axis(label, communicator, self.parent)
        self._axes[chosen] = axis
        return axis

    def _place(self, chosen: tuple[str, ...]) -> tuple[int, int]:
        """Number of this rank's part of the ranks, and its position there; the last dimension varies fastest."""
        coordinates = np.unravel_index(self.parent.rank, tuple(self.sizes.values()))
        color = position = 0
        for (name, size), coordinate in zip(self.sizes.items(), coordinates):
            if name in chosen:
                position = position * size + int(coordinate)
            else:
                color = color * size + int(coordinate)
        return color, position

    def free(self) -> None:
        for axis in self._axes.values():
            axis.free()


_axes: dict[str, Axis] = {}
_grids: dict[str, Grid] = {}
_started = False

# Functions to call when a name gets another meaning.
ON_CHANGE: list[Callable[[], None]] = []


class NotMadeError(Exception):
    """An axis is to be made by its first use, of which an exception of a signal handler must not come in the midst."""


def _check_held() -> None:
    if not are_held_back():
        raise NotMadeError


def find(axis_name: Any, groups: Any, place: Place) -> Axis:
    """The axis with a name, or with several names of one grid, or a group of its ranks; it is made if need be."""
    try:
        return find_made(axis_name, groups, place)
    except NotMadeError:
        with held_back():
            return find_made(axis_name, groups, place)


def find_made(axis_name: Any, groups: Any, place: Place) -> Axis:
    """The axis with a name, or with several names of one grid, or a group of its ranks.

    One that is to be made is made where signal handlers are held back, up to the end of the call that uses it.

    Raises
    ------
    NotMadeError
        For an axis that is to be made, where handlers are not held back.
    NameError
        For an unknown name.
    TypeError
        For names that are not strings and groups that are not lists of ranks.
    ValueError
        For names of different grids, or groups that do not hold each rank once.
    """
    axis = _named(axis_name, place)
    return axis if groups is None else _group(axis, groups, place)


def _named(axis_name: Any, place: Place) -> Axis:
    if isinstance(axis_name, str):
        names: tuple[Any, ...] = (axis_name,)
    elif isinstance(axis_name, (tuple, list)) and all(isinstance(name, str) for name in axis_name):
        names = tuple(axis_name)
    else:
        raise TypeError(f"axis_name is {axis_name!r}; wanted: a string or a tuple of strings")
    for name in names:
        if name != DEVICE and name not in _axes and name not in _grids:
            known = ", ".join(map(repr, sorted({DEVICE, *_axes, *_grids})))
            raise NameError(f"axis_name is {axis_name!r}, but there is no axis {name!r}; known: {known}")
    if len(set(names)) != len(names):
        raise ValueError(f"axis_name is {axis_name!r}, which has a name twice")
    if len(names) == 1:
        name = names[0]
        if name in _grids:
            return _grids[name].axis(names, place)
        return _device() if name == DEVICE else _axes[name]
    grid = _grids.get(names[0]) if names else None
    if grid is None or any(_grids.get(name) is not grid for name in names):
        raise ValueError(f"axis_name is {axis_name!r}; wanted: one name, or names of one numbafunc.parallel.grid")
    return grid.axis(names, place)


def coordinates(axis_name: Any, place: Place) -> int:
    """Position of this rank on an axis; row-major in the order of the names where there are several."""
    if isinstance(axis_name, (tuple, list)) and len(axis_name) > 1:
        find(axis_name, None, place)
        index = 0
        for name in axis_name:
            axis = _named(name, place)
            index = index * axis.size + axis.rank
        return index
    return _named(axis_name, place).rank


def lengths(axis_name: Any, axis: Axis) -> dict[str, int]:
    """The names that an axis is made of, with their lengths; the last one varies fastest with the rank."""
    names = (axis_name,) if isinstance(axis_name, str) else axis_name
    grid = _grids.get(names[0])
    if grid is None:
        return {names[0]: axis.size}
    return {name: size for name, size in grid.sizes.items() if name in names}


def _device() -> Axis:
    return _axes[DEVICE] if _started else _start_device()


@uninterrupted
def _start_device() -> Axis:
    global _started
    with _starting:
        if _started:  # by another thread, while this one waited
            return _axes[DEVICE]
        axis = Axis(DEVICE, None)
        if launcher.launched() or launcher.loaded_mpi() is not None:
            guard = watchdog()
            guard.start()
            with guard.stage("the start of MPI"):
                MPI = launcher.start()
            if MPI is not None and MPI.COMM_WORLD.Get_size() > 1:
                with guard.stage("the start of axis 'device'"):
                    communicator = MPI.COMM_WORLD.Dup()
                axis = Axis(DEVICE, communicator)
        _axes[DEVICE] = axis
        _started = True
        return axis


_starting = threading.Lock()


def _group(axis: Axis, groups: Any, place: Place) -> Axis:
    try:
        key = tuple(tuple(operator.index(rank) for rank in group) for group in groups)
    except TypeError:
        raise TypeError(f"axis_index_groups is {groups!r}; wanted: a list of lists of ranks") from None
    group = axis.groups.get(key)
    if group is not None:
        return group
    if sorted(rank for members in key for rank in members) != list(range(axis.size)):
        raise ValueError(
            f"axis_index_groups is {groups!r}; wanted: each of the {axis.size} ranks of axis {axis.label!r} once"
        )
    return axis if axis.size == 1 else _make_group(axis, key, place)


def _make_group(axis: Axis, key: tuple[tuple[int, ...], ...], place: Place) -> Axis:
    _check_held()
    label = f"{axis.label} in groups {[list(members) for members in key]}"
    color = next(number for number, members in enumerate(key) if axis.rank in members)
    communicator = axis.split(("groups", key), color, key[color].index(axis.rank), label, place)
    group = Axis(label, communicator, axis)
    axis.groups[key] = group
    return group


@uninterrupted
def register(name: Any, communicator: Any) -> None:
    """Give a name to the ranks of a communicator of mpi4py."""
    _check_name(name)
    mpi = launcher.loaded_mpi()
    if mpi is None or not isinstance(communicator, mpi.Intracomm):
        raise TypeError(f"communicator is {communicator!r}; wanted: an intracommunicator of mpi4py")
    if communicator == mpi.COMM_NULL:
        raise ValueError("communicator is MPI.COMM_NULL; only the ranks that belong to an axis can register it")
    guard = watchdog()
    guard.start()
    with guard.stage(f"the start of axis {name!r}"):
        own = communicator.Dup()
    axis = Axis(name, own)
    _forget(name)
    _axes[name] = axis


@uninterrupted
def make_grid(sizes: dict[str, Any], place: Place) -> dict[str, int]:
    """Arrange the ranks of axis 'device' as a grid and name its dimensions."""
    if not sizes:
        raise ValueError("grid got no axis; wanted: name=size for each")
    device = _device()
    lengths: dict[str, int] = {}
    for name, size in sizes.items():
        _check_name(name)
        try:
            lengths[name] = operator.index(size)
        except TypeError:
            raise TypeError(f"{name} is {size!r}; wanted: an int") from None
        if lengths[name] < 1 and lengths[name] != -1:
            raise ValueError(f"{name} is {size}; wanted: a positive number of ranks, or -1 for what is left")
    unknown = [name for name, size in lengths.items() if size == -1]
    if len(unknown) > 1:
        raise ValueError(f"{' and '.join(unknown)} are -1; wanted: one size at most that is what the others leave")
    product = math.prod(size for size in lengths.values() if size != -1)
    if len(unknown) == 1 and device.size % product == 0:
        lengths[unknown[0]] = device.size // product
    elif unknown or product != device.size:
        raise ValueError(f"a grid of {sizes} does not fit on the {device.size} ranks of axis 'device'")
    if device.size > 1:
        device.agree(digest_of("grid", lengths), f"grid of {lengths}", place)
    grid = Grid(lengths, device)
    for name in lengths:
        _forget(name)
    for name in lengths:
        _grids[name] = grid
    # Made now, while all ranks take part: perhaps only the ranks of the first row make calls later.
    for name in lengths:
        grid.axis((name,), place)
    return lengths


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"name is {name!r}; wanted: a string")
    if name == DEVICE:
        raise ValueError("name is 'device', which always means all ranks; wanted: another name")


def _forget(name: str) -> None:
    """Free the axis of a name; the other names of its grid are freed with it."""
    grid = _grids.get(name)
    if grid is not None:
        for other in grid.names:
            _grids.pop(other, None)
        grid.free()
    elif name in _axes:
        _axes.pop(name).free()
    for callback in ON_CHANGE:
        callback()


__all__ = ["DEVICE", "ON_CHANGE", "Axis", "Grid", "coordinates", "find", "make_grid", "register"]
