"""Messages between neighbours, and the strided copies before and after them, in one compiled call.

As every exchange it finds out first whether all ranks make the same call. Then it goes through a table of *steps*: all
messages up to the next wait are in flight at once, and what is copied between is copied meanwhile. Whatever is not one
run of memory is packed before it is sent, and unpacked after the wait.

The table is worked out once for arrays of given shapes and strides. It refers to memory as places in these arrays, by
number and distance from their first element, so a later call gives addresses alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from numbafunc.cpu.dispatchers import compile_lazily, inline
from numbafunc.cpu.machine_code import machine_code
from numbafunc.parallel import exchange
from numbafunc.parallel.agreement import COMMUNICATOR, ENTERED, INTEGER_SUM
from numbafunc.parallel.dtypes import element
from numbafunc.parallel.exchange import UNFIT, memcpy
from numbafunc.parallel.mpi_calls import irecv, isend, waitall

SEND, RECEIVE, COPY, WAIT = range(4)
# Columns of a step: its kind, array and distance of what is sent or written and of what is read, then the number of
# elements, their type, rank and tag of a message, or the place of the form of a copy in its table.
WIDTH = 9
# Numbers of a form before its axes; each axis has its length, two strides in bytes, and a counter.
HEAD, AXIS = 2, 4

_MOST = 2**31 - 1
_ALIGNMENT = 64


class Part(NamedTuple):
    """Some elements of one of the arrays of a table."""

    array: int
    view: np.ndarray[Any, Any]

    def layers(self, axis: int, start: int, stop: int) -> Part:
        """A slice along an axis."""
        return self._replace(view=self.view[(slice(None),) * axis + (slice(start, stop),)])

    def flipped(self, axis: int) -> Part:
        """In the opposite order along an axis."""
        return self._replace(view=np.flip(self.view, axis))

    def spread(self, shape: tuple[int, ...]) -> Part:
        """Broadcast to a shape."""
        return self._replace(view=np.broadcast_to(self.view, shape))


class Messages:
    """A table of messages and copies.

    Parameters
    ----------
    arrays : sequence of numpy.ndarray
        Examples of the arrays that the calls are about.
    """

    def __init__(self, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        self._addresses = [address(array) for array in arrays]
        self._scratch = len(arrays)
        self._bytes = 0
        self._steps: list[list[int]] = []
        self._forms: list[int] = []
        self._after: list[list[int]] = []
        self._in_flight = self._most = 0

    def send(self, source: Part, rank: int, tag: int) -> None:
        """Send elements to a rank."""
        self._message(SEND, self._place(source), source.view, rank, tag)

    def receive(self, target: Part, rank: int, tag: int) -> None:
        """Receive elements from a rank; they are there after the next wait."""
        self._message(RECEIVE, self._place(target), target.view, rank, tag)

    def _message(self, kind: int, place: tuple[int, int], view: np.ndarray[Any, Any], rank: int, tag: int) -> None:
        if not view.size:
            return
        if view.size > _MOST:
            raise ValueError(f"x has {view.size} elements to send to one rank; it can be {_MOST} at most")
        if not view.flags.c_contiguous:
            packed = (self._scratch, self._bytes)
            self._bytes += -(-view.nbytes // _ALIGNMENT) * _ALIGNMENT
            form = self._form(view, _strides(view.shape, view.itemsize), view.strides)
            if kind == SEND:
                self._steps.append([COPY, *packed, *place, form, 0, 0, 0])
            else:
                back = self._form(view, view.strides, _strides(view.shape, view.itemsize))
                self._after.append([COPY, *place, *packed, back, 0, 0, 0])
            place = packed
        self._steps.append([kind, *place, 0, 0, view.size, element(view.itemsize), rank, tag])
        self._in_flight += 1
        self._most = max(self._most, self._in_flight)

    def copy(self, target: Part, source: Part) -> None:
        """Copy elements of an array, of the same shape and dtype; now, as seen from the messages."""
        if target.view.size:
            form = self._form(target.view, target.view.strides, source.view.strides)
            self._steps.append([COPY, *self._place(target), *self._place(source), form, 0, 0, 0])

    def wait(self) -> None:
        """Wait for all messages in flight."""
        self._steps += [[WAIT, *[0] * (WIDTH - 1)], *self._after]
        self._after = []
        self._in_flight = 0

    def _place(self, part: Part) -> tuple[int, int]:
        return part.array, address(part.view) - self._addresses[part.array]

    def _form(self, view: np.ndarray[Any, Any], targets: Sequence[int], sources: Sequence[int]) -> int:
        """The place of the form of a copy: axes that can be gone through as one are joined."""
        axes: list[tuple[int, int, int]] = []
        for length, target, source in zip(view.shape, targets, sources, strict=True):
            if length == 1:
                continue
            if axes and axes[-1][1:] == (length * target, length * source):
                axes[-1] = (axes[-1][0] * length, target, source)
            else:
                axes.append((length, target, source))
        unit = view.itemsize
        if axes and axes[-1][1:] == (unit, unit):
            unit *= axes.pop()[0]
        place = len(self._forms)
        self._forms += [len(axes), unit, *(number for axis in axes for number in (*axis, 0))]
        return place

    def table(self) -> Table:
        """The table, complete."""
        sizes = (0, 0)
        if self._most:
            from mpi4py import MPI

            sizes = MPI._sizeof(MPI.Request), MPI._sizeof(MPI.Status)
        return Table(
            np.array(self._steps, np.int64).reshape(len(self._steps), WIDTH),
            np.array([*self._forms, 0], np.int64),
            self._bytes,
            np.zeros(self._most * sizes[0] + 1, np.uint8),
            sizes[0],
            np.zeros(self._most * sizes[1] + 1, np.uint8),
        )


class Table(NamedTuple):
    """What the compiled call takes, but for the addresses of the arrays.

    Attributes
    ----------
    steps, forms : numpy.ndarray
        The steps, and the forms of the copies among them.
    scratch : int
        Bytes of memory for what is packed.
    requests, request_size, statuses
        Memory for what MPI notes of messages in flight.
    """

    steps: np.ndarray[Any, Any]
    forms: np.ndarray[Any, Any]
    scratch: int
    requests: np.ndarray[Any, Any]
    request_size: int
    statuses: np.ndarray[Any, Any]

    def data(self, arrays: Sequence[np.ndarray[Any, Any]]) -> tuple[Any, ...]:
        """Arguments of :func:`exchange_messages` behind those that all exchanges have."""
        scratch = np.empty(self.scratch, np.uint8)
        addresses = np.array([*map(address, arrays), address(scratch)], np.int64)
        # The forms have counters. The scratch memory is an argument so that it lives as long as the call.
        return self.steps, self.forms.copy(), addresses, scratch, self.requests, self.request_size, self.statuses

    def copy(self, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        """Take the steps of a table without messages."""
        copy_all()(self.steps, self.forms.copy(), np.array([*map(address, arrays)], np.int64))


def address(array: np.ndarray[Any, Any]) -> int:
    """The address of the first element."""
    found: int = array.__array_interface__["data"][0]
    return found


def _strides(shape: Sequence[int], itemsize: int) -> list[int]:
    strides = []
    for length in reversed(shape):
        strides.append(itemsize)
        itemsize *= length
    return strides[::-1]


def _make_move(size: int) -> Any:
    """The function that copies so many bytes from one address to another."""

    def typed(typingctx: Any, target: Any, source: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            pointer = ir.IntType(8 * size).as_pointer()
            value = builder.load(builder.inttoptr(args[1], pointer), align=1)
            builder.store(value, builder.inttoptr(args[0], pointer), align=1)
            return context.get_dummy_value()

        return types.none(target, source), codegen

    return intrinsic(typed)


_move_1, _move_2, _move_4, _move_8, _move_16 = map(_make_move, (1, 2, 4, 8, 16))


def copy_row(target: Any, source: Any, count: Any, target_stride: Any, source_stride: Any, unit: Any) -> None:
    """Copy pieces of some bytes from one row of them to another."""
    if unit == 8:
        for i in range(count):
            _move_8(target + i * target_stride, source + i * source_stride)
    elif unit == 4:
        for i in range(count):
            _move_4(target + i * target_stride, source + i * source_stride)
    elif unit == 16:
        for i in range(count):
            _move_16(target + i * target_stride, source + i * source_stride)
    elif unit == 2:
        for i in range(count):
            _move_2(target + i * target_stride, source + i * source_stride)
    elif unit == 1:
        for i in range(count):
            _move_1(target + i * target_stride, source + i * source_stride)
    else:
        for i in range(count):
            memcpy(target + i * target_stride, source + i * source_stride, unit)


def _make_copy(copy_row: Any) -> Any:
    def copy_strided(form: Any, target: Any, source: Any) -> None:
        axes, unit = form[0], form[1]
        if axes == 0:
            copy_row(target, source, 1, 0, 0, unit)
            return
        row = HEAD + AXIS * (axes - 1)
        for axis in range(axes):
            form[HEAD + AXIS * axis + 3] = 0
        while True:
            copy_row(target, source, form[row], form[row + 1], form[row + 2], unit)
            axis = axes - 2
            while axis >= 0:
                place = HEAD + AXIS * axis
                target += form[place + 1]
                source += form[place + 2]
                form[place + 3] += 1
                if form[place + 3] < form[place]:
                    break
                target -= form[place] * form[place + 1]
                source -= form[place] * form[place + 2]
                form[place + 3] = 0
                axis -= 1
            if axis < 0:
                return

    return copy_strided


def _make_exchange(agree: Any, tell: Any, copy_strided: Any) -> Any:
    def exchange_messages(
        state: Any,
        digest: Any,
        payload: Any,
        call: Any,
        place: Any,
        steps: Any,
        forms: Any,
        addresses: Any,
        scratch: Any,
        requests: Any,
        request_size: Any,
        statuses: Any,
    ) -> Any:
        status = agree(state, digest, INTEGER_SUM, payload, call, place)
        if status != 0:
            return status
        for i in range(payload.size):
            if payload[i] != 0:
                state[ENTERED] += 1
                code = tell(state, call, place)
                state[ENTERED] += 1
                return np.int64(UNFIT) if code == 0 else -np.int64(code)
        communicator = state[COMMUNICATOR]
        first, noted = requests.ctypes.data, statuses.ctypes.data
        in_flight = 0
        code = np.int32(0)
        state[ENTERED] += 1
        for number in range(steps.shape[0]):
            step = steps[number]
            kind = step[0]
            here = addresses[step[1]] + step[2]
            if kind == COPY:
                copy_strided(forms[step[5] :], here, addresses[step[3]] + step[4])
            elif kind == WAIT:
                code = waitall(state, in_flight, first, noted)
                in_flight = 0
            else:
                request = first + in_flight * request_size
                if kind == SEND:
                    code = isend(here, step[5], step[6], step[7], step[8], communicator, request)
                else:
                    code = irecv(here, step[5], step[6], step[7], step[8], communicator, request)
                in_flight += 1
            if code != 0:
                break
        state[ENTERED] += 1
        return -np.int64(code)

    return exchange_messages


def _make_copy_all(copy_strided: Any) -> Any:
    def copy_all(steps: Any, forms: Any, addresses: Any) -> None:
        for number in range(steps.shape[0]):
            step = steps[number]
            if step[0] == COPY:
                copy_strided(forms[step[5] :], addresses[step[1]] + step[2], addresses[step[3]] + step[4])

    return copy_all


@cache
def _copy_strided() -> Any:
    return inline(_make_copy(inline(copy_row)))


@cache
def copy_all() -> Any:
    """Machine code that makes the copies of a table."""
    words, steps = np.zeros(1, np.int64), np.zeros((1, WIDTH), np.int64)
    return machine_code(compile_lazily(_make_copy_all(_copy_strided()), "strided copies"), (steps, words, words))


@cache
def exchange_messages() -> Any:
    """Machine code that agrees and, where the payload adds up to zeros, takes the steps of a table.

    Where it does not, the ranks tell each other their calls.
    """
    made = _make_exchange(exchange.parts().agree, exchange.parts().tell, _copy_strided())
    function = compile_lazily(made, "parallel exchange of messages")
    words, octets = np.zeros(1, np.int64), np.zeros(1, np.uint8)
    steps = np.zeros((1, WIDTH), np.int64)
    return machine_code(function, (words, 0, words, 0, 0, steps, words, words, octets, octets, 0, octets))
