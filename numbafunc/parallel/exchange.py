"""The exchange: one compiled call that finds out whether all ranks make the same call, and then moves the data.

No Python code runs from the moment at which other ranks wait for this one to the last byte that they wait for. So no
signal handler, Ctrl-C or lack of memory can part the ranks in the midst of a call: what a handler raises comes up when
the call is over. All memory is there before.

What is to be moved is a table of *steps*, one row each: the kind and what the step needs, as integers of 64 bits.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba.core import types

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
from numbafunc.parallel.mpi_calls import (
    allgather,
    allgatherv,
    allreduce,
    alltoallv,
    bcast,
    comm_split,
    in_place,
    name_functions,
    reduce_local,
    reduce_scatter,
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
# Bytes that MPI reduces in one call, as many times as there are so many ranks: its buffers stay in the caches of
# processors, and need no new memory.
PIECE = 1 << 24
RANKS_OF_PIECE = 16
# Bytes from which ranks share the work of an operation, if they do.
SHARED = 1 << 16
# Elements that a rank sends to another one at a time in sums in the order of the ranks.
BLOCK = 1 << 16
# Bytes of all ranks up to which each of them adds up everything by itself, which takes one message in place of two.
ADDED_BY_ALL = 1 << 16

memcpy = types.ExternalFunction("memcpy", types.int64(types.int64, types.int64, types.int64))


def tell(state: Any, call: Any, place: Any) -> Any:
    """Gather the calls and places of all ranks, given as addresses of texts: 0, or MPI's error code."""
    communicator, byte = state[COMMUNICATOR], state[BYTE_TYPE]
    code = allgather(state, call, CALL_BYTES, byte, state[CALLS], communicator)
    if code == 0:
        code = allgather(state, place, PLACE_BYTES, byte, state[PLACES], communicator)
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
        code = allreduce(
            state, address, address + 8 * RECEIVED, 1, state[FRAME_TYPE], state[FRAME_OPERATION], state[COMMUNICATOR]
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
    shared: Any,
) -> Any:
    """Reduce `count` elements at address `source` into `target`: 0, or MPI's error code.

    If the work is `shared`, each rank reduces a part of the elements and gives the results to all.
    """
    state[ENTERED] += 1
    code = np.int32(0)
    size, rank, communicator = state[SIZE], state[RANK], state[COMMUNICATOR]
    done = 0
    piece = min(CHUNK, chunk * max(1, size // RANKS_OF_PIECE))
    while done < count and code == 0:
        part = min(piece, count - done)
        given, place = source + done * itemsize, target + done * itemsize
        origin = in_place if source == target else given
        share = part // size if shared else 0
        if share > 0:
            own = place + rank * share * itemsize
            code = reduce_scatter(
                state, origin, place if source == target else own, share, datatype, operation, communicator
            )
            if source == target and rank > 0:  # MPI has put the result where the memory begins
                memcpy(own, place, share * itemsize)
            if code == 0:
                code = allgather(state, in_place, share, datatype, place, communicator)
            skip = share * size * itemsize
            part -= share * size
            given, place, done = given + skip, place + skip, done + share * size
            origin = in_place if source == target else given
        if part > 0 and code == 0:
            code = allreduce(state, origin, place, part, datatype, operation, communicator)
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
        code = allgather(state, source, count, datatype, scratch, communicator)
        for other in range(1, size):
            if code == 0:
                code = reduce_local(scratch + other * count * itemsize, scratch, count, datatype, operation)
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
        state[ENTERED] += 1
        code = alltoallv(state, source + start * itemsize, address, scratch, 4 * size, datatype, communicator)
        for other in range(1, size):
            if code == 0 and mine > 0:
                code = reduce_local(scratch + other * mine * itemsize, scratch, mine, datatype, operation)
        if code == 0:
            code = allgatherv(
                state, scratch, mine, datatype, target + start * itemsize, address, address + 4 * size, communicator
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
        code = bcast(state, target + done, part, state[BYTE_TYPE], root, state[COMMUNICATOR])
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
                code = reduce_memory(
                    state, step[1], step[2], step[3], step[4], step[5], step[6], step[7], step[8], step[9]
                )
            elif kind == ORDERED:
                code = ordered_sum(state, step[1], step[2], step[3], step[4], step[5], step[6], step[7], step[8])
            elif kind == BROADCAST:
                code = broadcast_memory(state, step[2], step[3], step[4], step[5])
            elif kind == SPLIT:
                state[ENTERED] += 1
                code = np.int64(comm_split(state[COMMUNICATOR], step[3], step[4], step[2]))
                state[ENTERED] += 1
            elif kind == MOVE:
                state[ENTERED] += 1
                code = np.int64(
                    alltoallv(state, step[1], step[3], step[2], 4 * state[SIZE], step[4], state[COMMUNICATOR])
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
        return -reduce_memory(
            state, origin, destination, fixed[0], fixed[1], fixed[2], fixed[3], fixed[4], fixed[5], fixed[6]
        )

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
    name_functions()
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
    made = parts()
    function = compile_lazily(_make_agree_and_reduce(made.agree, made.reduce_memory), "parallel agree_and_reduce")
    words, data = np.zeros(1, np.int64), np.zeros(1, dtype)
    return machine_code(function, (words, 0, words, 0, 0, words, data, data))


def _step(*facts: int) -> list[int]:
    return [*facts, *[0] * (WIDTH - len(facts))]


def reduction(
    source: int,
    target: int,
    count: int,
    itemsize: int,
    datatype: int,
    operation: int,
    shared: bool = False,
    piece: int | None = None,
) -> list[int]:
    """The step that reduces elements by an operation of MPI; equal addresses mean in place.

    If it is `shared`, each rank reduces a part of large arrays.
    """
    chunk = min(CHUNK, (PIECE if piece is None else piece) // itemsize)
    parts = shared and count * itemsize >= SHARED
    return _step(REDUCE, source, target, count, itemsize, datatype, operation, in_place(), chunk, parts)


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
