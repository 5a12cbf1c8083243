"""Sums and means that are started, and waited for later: the data move while the program computes."""

from __future__ import annotations

import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from types import GenericAlias
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual
from numbafunc.interrupts import held_back
from numbafunc.kinds.arguments import check_flag
from numbafunc.parallel import axes, dtypes, read_only
from numbafunc.parallel.axes import Axis
from numbafunc.parallel.call_site import Place
from numbafunc.parallel.device import fetch
from numbafunc.parallel.dtypes import as_leaf
from numbafunc.parallel.latch import Latch
from numbafunc.parallel.plan import Plan, plan_for
from numbafunc.parallel.reduce import flatten_nest, names_of, reduce
from numbafunc.parallel.watchdog import leave_with


def psum_start(
    x: Any,
    axis_name: Any = "device",
    *,
    axis_index_groups: Any = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Handle:
    r"""Start a sum over the ranks of an axis, and compute on while the data move.

    .. math:: \operatorname{psum\_start}(x)\operatorname{.wait}() = \operatorname{psum}(x)

    Parameters
    ----------
    x : array_like or nest of array_like
        Real or complex; of the same shape, dtype and nest on all ranks. Its arrays are read-only until ``wait``; views
        of them that exist are not, and must not be written to.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`psum`.
    reproducible : bool, default False
        As of :func:`psum`.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    Handle
        Its method ``wait()`` returns what :func:`psum` would, the same objects each time.

    Raises
    ------
    CollectiveMismatchError
        Here, on all ranks, where they call different functions, or with different shapes, dtypes, nests or in another
        order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold numbers, a ``reproducible`` that is not True or False, or a ``name`` that is not a
        string.
    ValueError
        For groups that do not hold each rank once.

    Warns
    -----
    RuntimeWarning
        For a handle that goes away before ``wait``, with the line of the start. The sum is finished nevertheless.

    Notes
    -----
    The ranks meet here, to compare their calls; a ``wait`` waits for data alone, so handles can be waited for in any
    order. Sums of up to 64 KB are finished here, as are those of one rank, those of dual arrays, whose derivatives are
    those of :func:`psum`, and all where MPI was started with less than ``MPI_THREAD_MULTIPLE``. Arrays of a device are
    copied to main memory here and back in ``wait``.

    Examples
    --------
    In a single process:

    >>> import numpy as np
    >>> import numbafunc
    >>> gradient = np.array([1.0, 2.0])
    >>> handle = numbafunc.parallel.psum_start(gradient)
    >>> gradient *= 2
    Traceback (most recent call last):
        ...
    ValueError: output array is read-only
    >>> handle.wait()
    array([1., 2.])
    >>> gradient *= 2
    """
    place = Place.of(sys._getframe(1), name)
    return start(dtypes.SUM, x, axis_name, axis_index_groups, reproducible, place)


def pmean_start(
    x: Any,
    axis_name: Any = "device",
    *,
    axis_index_groups: Any = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Handle:
    r"""Start a mean over the ranks of an axis, and compute on while the data move.

    .. math:: \operatorname{pmean\_start}(x)\operatorname{.wait}() = \operatorname{pmean}(x)

    Parameters
    ----------
    x : array_like or nest of array_like
        As of :func:`psum_start`.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`pmean`.
    reproducible : bool, default False
        As of :func:`psum`.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    Handle
        Its method ``wait()`` returns what :func:`pmean` would, the same objects each time.

    Raises
    ------
    CollectiveMismatchError
        As :func:`psum_start`.
    NameError
        For an axis that does not exist.
    TypeError
        As :func:`psum_start`.
    ValueError
        For groups that do not hold each rank once.

    Warns
    -----
    RuntimeWarning
        For a handle that goes away before ``wait``.

    Notes
    -----
    As :func:`psum_start`. Ranks that count differently multiply ``x`` by their share first.

    Examples
    --------
    In a single process:

    >>> import numbafunc
    >>> handle = numbafunc.parallel.pmean_start({"loss": 0.5})
    >>> handle.wait()
    {'loss': array(0.5)}
    """
    place = Place.of(sys._getframe(1), name)
    return start(dtypes.MEAN, x, axis_name, axis_index_groups, reproducible, place)


def start(operation: str, x: Any, axis_name: Any, groups: Any, reproducible: Any, place: Place) -> Handle:
    """Let the ranks compare their calls, and hand the data to the thread of the axis."""
    reproducible = check_flag(reproducible, "reproducible")
    leaves, structure = flatten_nest(x)
    # No exception of a signal handler may come between the comparison and the thread, on which the others count.
    with held_back():
        axis = axes.find_made(axis_name, groups, place)
        if any(type(leaf) is Dual for leaf in leaves):
            nest = reduce(operation, x, axis_name, groups, None, reproducible, place)
            return Handle(
                _Call(lambda: f"{operation}_start of dual arrays", place, leaves, [nest]), lambda only: only[0]
            )
        names = names_of(x, leaves)
        host, there, send = fetch(leaves, names)
        arrays = [x if type(x) is np.ndarray and x.dtype.isnative else as_leaf(x, name) for x, name in zip(host, names)]
        text = f"{structure}, on a device {there}" if there else structure
        plan = plan_for(operation, arrays, axis, text, reproducible, started=True)
        call = _take_off(plan, arrays, leaves, axis, place)
        return Handle(call, lambda results: structure.unflatten(send(results)))


def _take_off(plan: Plan, arrays: Sequence[Any], leaves: Sequence[Any], axis: Axis, place: Place) -> _Call:
    with axis:
        small = sum(array.nbytes for array in arrays) <= AT_ONCE
        if axis.size == 1 or small or not axis.may_fly():
            return _Call(plan.describe, place, leaves, plan.run(arrays, None, place))
        flight = axis.flight(place)
        targets, steps, _kept = plan.prepare(arrays, None)
        axis.exchange(plan.digest, plan.describe, plan.text, place)

        def work() -> list[Any]:
            flight.take(steps)
            return plan.finish(targets, arrays, None, flight.take)

        call = _Call(plan.describe, place, leaves, work, flight, _kept)
        flight.add(call)
    return call


# Bytes up to which a sum takes less time than it takes to hand it to another thread and back.
AT_ONCE = 1 << 16


class _Call:
    """A call that was started: what it needs until it is over, and its outcome.

    Parameters
    ----------
    describe : callable
        The call, for messages.
    place : Place
        Where it was started.
    leaves : sequence
        What the user gave; arrays are held read-only until :meth:`release`.
    work : callable or list
        What gives the results, or the results.
    flight : Flight, optional
        What does the work.
    kept : object, optional
        Memory that MPI works on.
    """

    def __init__(
        self,
        describe: Callable[[], str],
        place: Place,
        leaves: Sequence[Any],
        work: Callable[[], list[Any]] | list[Any],
        flight: Any = None,
        kept: Any = None,
    ) -> None:
        self.place = place
        self.process = os.getpid()
        self.results: list[Any] = []
        self.error: BaseException | None = None
        self._describe = describe
        self._lock = threading.RLock()
        self._over = Latch()
        self._dropped = False
        self._work: Any = work
        self._flight = flight
        self._kept = kept
        if isinstance(work, list):
            self.results = work
            self._over.open()
        self._held = read_only.hold(leaf for leaf in leaves if isinstance(leaf, np.ndarray))

    def describe(self) -> str:
        """The call, for messages."""
        return f"{self._describe()} at {self.place}"

    def run(self) -> None:
        """Find the results, in the thread of the axis."""
        try:
            with np.errstate(all="ignore"):
                self.results = self._work()
        except BaseException as error:
            self.error = error
        self._work = self._kept = None
        with self._lock:
            self._over.open()
            if self._dropped:
                self.release()

    def is_over(self) -> bool:
        """Whether the results are there."""
        return self._over.is_open

    def join(self) -> None:
        """Wait until the call is over."""
        if self.is_over():
            return
        if os.getpid() != self.process:
            raise RuntimeError("data are in flight between MPI processes, and this is a forked child of one")
        with self._flight.hurried():
            self._over.wait()

    def release(self) -> None:
        """Give the arrays of the user free."""
        held, self._held = self._held, []
        read_only.release(held)

    def drop(self) -> None:
        """Give the arrays free when the call is over."""
        with self._lock:
            self._dropped = True
            if self.is_over():
                self.release()


class Handle:
    """A sum or mean on its way, which :func:`psum_start` or :func:`pmean_start` has started."""

    __class_getitem__: Any = classmethod(GenericAlias)  # the stubs say what wait returns

    def __init__(self, call: _Call, convert: Callable[[list[Any]], Any]) -> None:
        self._call = call
        self._convert = convert
        self._lock = threading.Lock()
        self._result: Any = None
        self._waited = False
        _handles.add(self)
        _look_at_the_end()

    def wait(self) -> Any:
        """The result, when the data are there; the same objects each time."""
        call = self._call
        call.join()
        with held_back(), self._lock:
            if not self._waited:
                call.release()
                if call.error is None:
                    self._result = self._convert(call.results)
                self._waited = True
        if call.error is not None:
            raise call.error
        return self._result

    def __repr__(self) -> str:
        return f"<{self._call.describe()}, {'over' if self._call.is_over() else 'in flight'}>"

    def __del__(self) -> None:
        if not self._waited and os.getpid() == self._call.process:
            self._call.drop()
            self._warn()

    def _warn(self) -> None:
        # Once, where nobody has waited.
        if not self._waited:
            self._waited = True
            file, _, line = self._call.place.line.rpartition(":")
            message = f"nobody waited for {self._call.describe()}; its result is lost"
            warnings.warn_explicit(message, RuntimeWarning, file, int(line))


_handles: weakref.WeakSet[Handle] = weakref.WeakSet()


@cache
def _look_at_the_end() -> None:
    def look() -> None:
        for handle in list(_handles):
            handle._warn()

    leave_with(look)


__all__ = ["AT_ONCE", "Handle", "pmean_start", "psum_start"]
