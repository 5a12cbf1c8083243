"""The exchange: one compiled call that finds out whether all ranks make the same call, and then moves the data.

No Python code runs from the moment at which other ranks wait for this one to the last byte that they wait for. So no
signal handler, Ctrl-C or lack of memory can part the ranks in the midst of a call: what a handler raises comes up when
the call is over. All memory is there before.

What is to be moved is a table of *steps*, one row each: the kind and what the step needs, as integers of 64 bits.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding
import numpy as np
from numba.core import types

from numbafunc import launcher
from numbafunc.cpu.dispatchers import compile_lazily, inline
from numbafunc.cpu.machine_code import machine_code
from numbafunc.parallel.agreement import (
    BYTE_TYPE,
    CALL_BYTES,
    CALLS,
    COMMUNICATOR,
    COUNTS,
    ENTERED,
    FRAME_OPERATION,
    FRAME_TYPE,
    HEADER,
    PLACE_BYTES,
    PLACES,
    RANK,
    RECEIVED,
    SIZE,
)

# Kinds of steps.
REDUCE, ORDERED, BROADCAST, SPLIT, MOVE = range(5)
WIDTH = 10
# Columns of the steps that reduce.
SOURCE, TARGET, SCRATCH = 1, 2, 7
NO_STEPS = np.zeros((0, WIDTH), np.int64)
NO_PAYLOAD = np.zeros(0, np.int64)

# The status where all ranks make one call with data that don't fit each other; where they make different ones it is 1.
UNFIT = 2

# Most elements in one call of MPI: counts are 32-bit integers.
CHUNK = 1 << 30
# Elements that a rank sends to another one at a time in sums in the order of the ranks.
BLOCK = 1 << 16
# Bytes of all ranks up to which each of them adds up everything by itself, which takes one message in place of two.
ADDED_BY_ALL = 1 << 16

# Handles are integers in some MPIs and pointers in others; both travel in a register of 64 bits.
_WORD, _INT = types.int64, types.int32
_SIGNATURES = {
    "Allreduce": (_WORD, _WORD, _INT, _WORD, _WORD, _WORD),
    "Allgather": (_WORD, _INT, _WORD, _WORD, _INT, _WORD, _WORD),
    "Allgatherv": (_WORD, _INT, _WORD, _WORD, _WORD, _WORD, _WORD, _WORD),
    "Alltoallv": (_WORD, _WORD, _WORD, _WORD, _WORD, _WORD, _WORD, _WORD, _WORD),
    "Bcast": (_WORD, _INT, _WORD, _INT, _WORD),
    "Comm_split": (_WORD, _INT, _INT, _WORD),
    "Iallreduce": (_WORD, _WORD, _INT, _WORD, _WORD, _WORD, _WORD),
    "Irecv": (_WORD, _INT, _WORD, _INT, _INT, _WORD, _WORD),
    "Isend": (_WORD, _INT, _WORD, _INT, _INT, _WORD, _WORD),
    "Reduce_local": (_WORD, _WORD, _INT, _WORD, _WORD),
    "Test": (_WORD, _WORD, _WORD),
    "Waitall": (_INT, _WORD, _WORD),
}


def _symbol(name: str) -> str:
    return f"numbafunc_mpi_{name.lower()}"


def external(name: str) -> Any:
    """A function of MPI for compiled code, which :func:`parts` makes known to the linker."""
    return types.ExternalFunction(_symbol(name), _INT(*_SIGNATURES[name]))


_allreduce = external("Allreduce")
_allgather = external("Allgather")
_allgatherv = external("Allgatherv")
_alltoallv = external("Alltoallv")
_bcast = external("Bcast")
_comm_split = external("Comm_split")
_reduce_local = external("Reduce_local")
memcpy = types.ExternalFunction("memcpy", _WORD(_WORD, _WORD, _WORD))


def tell(state: Any, call: Any, place: Any) -> Any:
    """Gather the calls and places of all ranks, given as addresses of texts: 0, or MPI's error code."""
    communicator, byte = state[COMMUNICATOR], state[BYTE_TYPE]
    code = _allgather(call, CALL_BYTES, byte, state[CALLS], CALL_BYTES, byte, communicator)
    if code == 0:
        code = _allgather(place, PLACE_BYTES, byte, state[PLACES], PLACE_BYTES, byte, communicator)
    return code


def _make_agree(tell: Any) -> Any:
    def agree(state: Any, digest: Any, how: Any, payload: Any, call: Any, place: Any) -> Any:
        """Exchange the frame of an axis and reduce the payload in place.

        0 if all ranks sent this digest; 1 if not, when the calls and places of all ranks have been gathered; else
        minus the error code of MPI. ``call`` and ``place`` are addresses of texts.
        """
        state[0] = digest
        state[1] = 0
        state[2] = how
        state[3] = payload.size
        for i in range(payload.size):
            state[HEADER + i] = payload[i]
        state[ENTERED] += 1
        address = state.ctypes.data
        code = _allreduce(
            address, address + 8 * RECEIVED, 1, state[FRAME_TYPE], state[FRAME_OPERATION], state[COMMUNICATOR]
        )
        differs = state[RECEIVED + 1]
        if code == 0 and differs != 0:
            code = tell(state, call, place)
        state[ENTERED] += 1
        if code != 0:
            return -np.int64(code)
        if differs != 0:
            return np.int64(1)
        for i in range(payload.size):
            payload[i] = state[RECEIVED + HEADER + i]
        return np.int64(0)

    return agree


def reduce_memory(
    state: Any,
    source: Any,
    target: Any,
    count: Any,
    itemsize: Any,
    datatype: Any,
    operation: Any,
    in_place: Any,
    chunk: Any,
) -> Any:
    """Reduce `count` elements at address `source` into `target`: 0, or MPI's error code."""
    state[ENTERED] += 1
    code = np.int32(0)
    done = 0
    while done < count and code == 0:
        part = min(chunk, count - done)
        origin = in_place if source == target else source + done * itemsize
        code = _allreduce(origin, target + done * itemsize, part, datatype, operation, state[COMMUNICATOR])
        done += part
    state[ENTERED] += 1
    return np.int64(code)


def ordered_sum(
    state: Any,
    source: Any,
    target: Any,
    count: Any,
    itemsize: Any,
    datatype: Any,
    operation: Any,
    scratch: Any,
    block: Any,
) -> Any:
    """Sum in the order of the ranks: the same bits whatever the MPI and however arrays are combined in a call.

    Each rank gets a part of the elements from all ranks, adds them up beginning with rank 0, and gives the sum to all.
    With a block of 0 each rank gets all elements of all ranks.
    """
    size, rank, communicator = state[SIZE], state[RANK], state[COMMUNICATOR]
    counts = state[COUNTS:].view(np.int32)
    address = state.ctypes.data + 8 * COUNTS
    code = np.int32(0)
    if block == 0:
        state[ENTERED] += 1
        code = _allgather(source, count, datatype, scratch, count, datatype, communicator)
        for other in range(1, size):
            if code == 0:
                code = _reduce_local(scratch + other * count * itemsize, scratch, count, datatype, operation)
        memcpy(target, scratch, count * itemsize)
        state[ENTERED] += 1
        return np.int64(code)
    start = 0
    while start < count and code == 0:
        part = min(block * size, count - start)
        share = (part + size - 1) // size
        mine = min(part, (rank + 1) * share) - min(part, rank * share)
        for other in range(size):
            low = min(part, other * share)
            counts[other] = min(part, low + share) - low
            counts[size + other] = low
            counts[2 * size + other] = mine
            counts[3 * size + other] = other * mine
        lengths, offsets = address, address + 4 * size
        state[ENTERED] += 1
        code = _alltoallv(
            source + start * itemsize,
            lengths,
            offsets,
            datatype,
            scratch,
            address + 8 * size,
            address + 12 * size,
            datatype,
            communicator,
        )
        for other in range(1, size):
            if code == 0 and mine > 0:
                code = _reduce_local(scratch + other * mine * itemsize, scratch, mine, datatype, operation)
        if code == 0:
            code = _allgatherv(
                scratch, mine, datatype, target + start * itemsize, lengths, offsets, datatype, communicator
            )
        state[ENTERED] += 1
        start += part
    return np.int64(code)


def broadcast_memory(state: Any, target: Any, count: Any, root: Any, chunk: Any) -> Any:
    """Send bytes from one rank to all: 0, or MPI's error code."""
    state[ENTERED] += 1
    code = np.int32(0)
    done = 0
    while done < count and code == 0:
        part = min(chunk, count - done)
        code = _bcast(target + done, part, state[BYTE_TYPE], root, state[COMMUNICATOR])
        done += part
    state[ENTERED] += 1
    return np.int64(code)


def _make_exchange(agree: Any, reduce_memory: Any, ordered_sum: Any, broadcast_memory: Any) -> Any:
    def exchange(state: Any, digest: Any, how: Any, payload: Any, call: Any, place: Any, steps: Any) -> Any:
        status = agree(state, digest, how, payload, call, place)
        if status != 0:
            return status
        for number in range(steps.shape[0]):
            step = steps[number]
            kind = step[0]
            code = np.int64(0)
            if kind == REDUCE:
                code = reduce_memory(state, step[1], step[2], step[3], step[4], step[5], step[6], step[7], step[8])
            elif kind == ORDERED:
                code = ordered_sum(state, step[1], step[2], step[3], step[4], step[5], step[6], step[7], step[8])
            elif kind == BROADCAST:
                code = broadcast_memory(state, step[2], step[3], step[4], step[5])
            elif kind == SPLIT:
                state[ENTERED] += 1
                code = np.int64(_comm_split(state[COMMUNICATOR], step[3], step[4], step[2]))
                state[ENTERED] += 1
            elif kind == MOVE:
                # Counts and offsets of what is sent, and of what is received, of 32 bits each.
                counts, skip, datatype = step[3], 4 * state[SIZE], step[4]
                state[ENTERED] += 1
                code = np.int64(
                    _alltoallv(
                        step[1],
                        counts,
                        counts + skip,
                        datatype,
                        step[2],
                        counts + 2 * skip,
                        counts + 3 * skip,
                        datatype,
                        state[COMMUNICATOR],
                    )
                )
                state[ENTERED] += 1
            if code != 0:
                return -code
        return np.int64(0)

    return exchange


def _make_agree_and_reduce(agree: Any, reduce_memory: Any) -> Any:
    """Make the function for one array, whose addresses it finds faster than Python; ``fixed`` is the rest of a step."""

    def agree_and_reduce(
        state: Any, digest: Any, payload: Any, call: Any, place: Any, fixed: Any, source: Any, target: Any
    ) -> Any:
        status = agree(state, digest, 0, payload, call, place)
        if status != 0:
            return status
        origin, destination = source.ctypes.data, target.ctypes.data
        return -reduce_memory(state, origin, destination, fixed[0], fixed[1], fixed[2], fixed[3], fixed[4], fixed[5])

    return agree_and_reduce


class Parts(NamedTuple):
    """The functions that the exchanges are made of."""

    tell: Any
    agree: Any
    reduce_memory: Any
    ordered_sum: Any
    broadcast_memory: Any


@cache
def parts() -> Parts:
    """The parts, once the functions of MPI are known to the linker."""
    library = launcher.library()
    for name in _SIGNATURES:
        address = ctypes.cast(getattr(library, f"MPI_{name}"), ctypes.c_void_p).value
        llvmlite.binding.add_symbol(_symbol(name), address)
    telling = inline(tell)
    agreeing = inline(_make_agree(telling))
    return Parts(telling, agreeing, *map(inline, (reduce_memory, ordered_sum, broadcast_memory)))


@cache
def exchange() -> Any:
    """Machine code of the exchange; the first call needs MPI."""
    words = np.zeros(1, np.int64)
    function = compile_lazily(_make_exchange(*parts()[1:]), "parallel exchange")
    return machine_code(function, (words, 0, 0, words, 0, 0, NO_STEPS))


@cache
def agree_and_reduce(dtype: np.dtype[Any]) -> Any:
    """Machine code that agrees and reduces one flat array of a dtype."""
    function = compile_lazily(_make_agree_and_reduce(parts().agree, parts().reduce_memory), "parallel agree_and_reduce")
    words, data = np.zeros(1, np.int64), np.zeros(1, dtype)
    return machine_code(function, (words, 0, words, 0, 0, words, data, data))


def _step(*facts: int) -> list[int]:
    return [*facts, *[0] * (WIDTH - len(facts))]


def reduction(source: int, target: int, count: int, itemsize: int, datatype: int, operation: int) -> list[int]:
    """The step that reduces elements by an operation of MPI; equal addresses mean in place."""
    return _step(REDUCE, source, target, count, itemsize, datatype, operation, in_place(), CHUNK)


def ordered_reduction(
    source: int, target: int, count: int, itemsize: int, datatype: int, operation: int, size: int
) -> list[int]:
    """The step that adds elements in the order of the ranks, in memory of :func:`scratch_bytes`."""
    block = 0 if _added_by_all(count, itemsize, size) else BLOCK
    return _step(ORDERED, source, target, count, itemsize, datatype, operation, 0, block)


def scratch_bytes(count: int, itemsize: int, size: int) -> int:
    """Bytes of memory that :func:`ordered_reduction` needs beside source and target."""
    return itemsize * size * (count if _added_by_all(count, itemsize, size) else min(BLOCK, -(-count // size)))


def _added_by_all(count: int, itemsize: int, size: int) -> bool:
    return count * itemsize * size <= ADDED_BY_ALL


def broadcasting(target: int, count: int, root: int) -> list[int]:
    """The step that sends bytes from one rank to all."""
    return _step(BROADCAST, 0, target, count, root, CHUNK)


def splitting(target: int, color: int, key: int) -> list[int]:
    """The step that makes a communicator of the ranks of one color and writes its handle to memory."""
    return _step(SPLIT, 0, target, color, key)


def moving(counts: int, datatype: int) -> list[int]:
    """The step that sends elements of each rank to each other, but for the addresses of source and target.

    At ``counts`` are four lists of 32-bit integers, an entry for each rank: how many elements are sent, from which one
    on, how many are received, to which one on.
    """
    return _step(MOVE, 0, 0, counts, datatype)


def in_place() -> int:
    """The address by which MPI knows that the source is the target."""
    from mpi4py import MPI

    return int(MPI.IN_PLACE)
