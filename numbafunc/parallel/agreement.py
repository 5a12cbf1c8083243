"""The frame that is exchanged before, or in place of, all data: 256 bytes that tell whether all ranks agree.

A frame has 64-bit words: a digest of the call, a status, the way to combine the payload, its length, and the payload.
The frames of all ranks are reduced by one operation of MPI, a compiled function. Where two digests differ it sets the
status, which stays set in whatever order the MPI library combines frames. So every rank learns of a disagreement before
any data are sent, whose lengths may differ. A payload of up to 28 words travels along, so a small reduction costs a
single exchange. Where the ranks disagree they tell each other their calls, in the same compiled function.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numba import carray
from numba.core import types
from numba.core.ccallback import CFunc

from numbafunc import launcher
from numbafunc.cpu.cache import LinkedCache
from numbafunc.cpu.dispatchers import FLAGS

WORDS = 32
HEADER = 4
PAYLOAD = WORDS - HEADER

# Offsets in the state of an axis, in words, of the frame to send, the frame received, what MPI needs, a count that is
# odd while this rank is inside MPI, where the ranks' calls go when they differ, whether a node has more ranks than
# cores, what MPI writes when it is asked whether a request is done, and the counts of collectives of MPI.
RECEIVED = WORDS
(
    COMMUNICATOR,
    FRAME_TYPE,
    FRAME_OPERATION,
    ENTERED,
    BYTE_TYPE,
    SIZE,
    RANK,
    CALLS,
    PLACES,
    CROWDED,
    REQUEST,
    FLAG,
    STATUS,
) = range(2 * WORDS, 2 * WORDS + 13)
COUNTS = STATUS + 8

# Bytes of the text that describes a call, and of the place in the program that makes it.
CALL_BYTES = 4096
PLACE_BYTES = 1024

# Ways to combine a payload.
NOTHING, FLOAT_SUM, FLOAT_MAX, FLOAT_MIN, INTEGER_SUM, SIGNED_MAX, SIGNED_MIN, UNSIGNED_MAX, UNSIGNED_MIN = range(9)


def combine(incoming: Any, accumulated: Any, length: Any, datatype: Any) -> None:
    """Combine frames, as an MPI_User_function."""
    for frame in range(carray(length, 1)[0]):
        a = carray(incoming, (frame + 1) * WORDS, np.int64)[frame * WORDS :]
        b = carray(accumulated, (frame + 1) * WORDS, np.int64)[frame * WORDS :]
        if a[0] != b[0] or a[1] != 0 or b[1] != 0:
            b[1] = 1
            continue
        how = b[2]
        x = a[HEADER : HEADER + b[3]]
        y = b[HEADER : HEADER + b[3]]
        u, v = x.view(np.uint64), y.view(np.uint64)
        f, g = x.view(np.float64), y.view(np.float64)
        if how == FLOAT_SUM:
            for i in range(y.size):
                g[i] += f[i]
        elif how == INTEGER_SUM:
            for i in range(y.size):
                y[i] += x[i]
        elif how in (FLOAT_MAX, FLOAT_MIN):
            for i in range(y.size):
                if f[i] != f[i] or g[i] != g[i]:
                    g[i] = np.nan  # one NaN for all: which of two is kept would depend on the rank
                elif f[i] == g[i]:
                    # Equal numbers have equal bits, but for the two zeros.
                    y[i] = x[i] & y[i] if how == FLOAT_MAX else x[i] | y[i]
                elif (f[i] > g[i]) == (how == FLOAT_MAX):
                    g[i] = f[i]
        elif how in (SIGNED_MAX, SIGNED_MIN):
            for i in range(y.size):
                if (x[i] > y[i]) == (how == SIGNED_MAX):
                    y[i] = x[i]
        elif how in (UNSIGNED_MAX, UNSIGNED_MIN):
            for i in range(v.size):
                if (u[i] > v[i]) == (how == UNSIGNED_MAX):
                    v[i] = u[i]


_USER_FUNCTION = types.void(types.voidptr, types.voidptr, types.CPointer(types.int32), types.voidptr)


def make_operation(function: Any, identity: str, *, commutative: bool = True) -> int:
    """Compile a function and make it known to MPI; the handle of the operation."""
    options = {name: FLAGS[name] for name in ("fastmath", "error_model", "boundscheck")}
    compiled = CFunc(function, (_USER_FUNCTION.args, _USER_FUNCTION.return_type), {}, options)
    compiled._cache = LinkedCache(f"parallel {identity}")
    compiled.compile()
    _KEPT.append(compiled)
    handle = ctypes.c_int64(0)
    code = launcher.library().MPI_Op_create(
        ctypes.c_void_p(compiled.address), ctypes.c_int(commutative), ctypes.byref(handle)
    )
    if code != 0:
        raise RuntimeError(f"MPI_Op_create failed with code {code}")
    return handle.value


_KEPT: list[Any] = []


@cache
def frame_operation() -> int:
    """Handle of the operation that combines frames."""
    return make_operation(combine, "combine frames")


@cache
def frame_type() -> int:
    """Handle of the datatype of a frame. A frame is one element, so no MPI splits it."""
    from mpi4py import MPI

    datatype = MPI.BYTE.Create_contiguous(8 * WORDS).Commit()
    _KEPT.append(datatype)
    return signed(datatype.handle)


def signed(handle: int) -> int:
    """A handle as a signed integer of 64 bits."""
    return ctypes.c_int64(handle).value


def new_state(communicator: Any) -> Any:
    """State of an axis over a communicator of mpi4py."""
    from mpi4py import MPI

    size = communicator.Get_size()
    # Two lists of counts and two of offsets, of 32 bits each, for each rank.
    state = np.zeros(COUNTS + 2 * size, np.int64)
    state[COMMUNICATOR] = signed(communicator.handle)
    state[FRAME_TYPE] = frame_type()
    state[FRAME_OPERATION] = frame_operation()
    state[BYTE_TYPE] = signed(MPI.BYTE.handle)
    state[SIZE], state[RANK] = size, communicator.Get_rank()
    return state


class Text:
    """A text in memory of fixed length, which compiled code sends to the other ranks."""

    __slots__ = ("_bytes", "address")

    def __init__(self, text: str, length: int) -> None:
        content = text.encode(errors="replace")
        if len(content) > length:
            content = content[: length - len(_CUT)] + _CUT
        self._bytes = np.zeros(length, np.uint8)
        self._bytes[: len(content)] = np.frombuffer(content, np.uint8)
        self.address = int(self._bytes.ctypes.data)


_CUT = b" ..."


def texts(received: Any) -> list[str]:
    """The texts in rows of bytes."""
    return [row.tobytes().rstrip(b"\0").decode(errors="replace") for row in received]
