"""The frame that is exchanged before, or in place of, every reduction: 256 bytes that tell whether all ranks agree.

A frame has 64-bit words: a digest of the call, a status, the way to combine the payload, its length, and the payload.
The frames of all ranks are reduced by one operation of MPI, a compiled function. Where two digests differ it sets the
status, which stays set in whatever order the MPI library combines frames. So every rank learns of a disagreement before
any data are sent, whose lengths may differ. A payload of up to 28 words travels along, so a small reduction costs a
single exchange.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding
import numpy as np
from numba import carray
from numba.core import types
from numba.core.ccallback import CFunc

from numbafunc import launcher
from numbafunc.cpu.cache import KernelCache
from numbafunc.cpu.dispatchers import FLAGS, compile_lazily, inline
from numbafunc.cpu.machine_code import machine_code

WORDS = 32
HEADER = 4
PAYLOAD = WORDS - HEADER

# Offsets in the state of an axis, in words, of the frame to send, the frame received, what MPI needs, and a count
# that is odd while this rank is inside MPI.
RECEIVED = WORDS
COMMUNICATOR, FRAME_TYPE, FRAME_OPERATION, ENTERED = range(2 * WORDS, 2 * WORDS + 4)
STATE_WORDS = 2 * WORDS + 4

# Ways to combine a payload.
NOTHING, FLOAT_SUM, FLOAT_MAX, FLOAT_MIN, INTEGER_SUM, SIGNED_MAX, SIGNED_MIN, UNSIGNED_MAX, UNSIGNED_MIN = range(9)

# Most elements in one call of MPI: counts are 32-bit integers.
CHUNK = 1 << 30


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


_ALLREDUCE = "numbafunc_mpi_allreduce"
_USER_FUNCTION = types.void(types.voidptr, types.voidptr, types.CPointer(types.int32), types.voidptr)
# Handles are integers in some MPIs and pointers in others; both travel in a register of 64 bits.
_allreduce = types.ExternalFunction(
    _ALLREDUCE,
    types.int32(types.int64, types.int64, types.int32, types.int64, types.int64, types.int64),
)


def agree(state: Any, digest: Any, how: Any, count: Any) -> Any:
    """Exchange the frame of an axis: 0 if all ranks sent this digest, 1 if not, else minus MPI's error code."""
    state[0] = digest
    state[1] = 0
    state[2] = how
    state[3] = count
    state[ENTERED] += 1
    address = state.ctypes.data
    code = _allreduce(
        address, address + 8 * RECEIVED, 1, state[FRAME_TYPE], state[FRAME_OPERATION], state[COMMUNICATOR]
    )
    state[ENTERED] += 1
    return -np.int64(code) if code != 0 else state[RECEIVED + 1]


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


def make_agree_and_reduce(agree: Any, reduce_memory: Any) -> Any:
    """Make the function that does both in one call; a plan gives ``fixed``. It returns what :func:`agree` does."""

    def agree_and_reduce(state: Any, digest: Any, fixed: Any, source: Any, target: Any) -> Any:
        status = agree(state, digest, 0, 0)
        if status != 0:
            return status
        origin, destination = source.ctypes.data, target.ctypes.data
        return -reduce_memory(state, origin, destination, fixed[0], fixed[1], fixed[2], fixed[3], fixed[4], fixed[5])

    return agree_and_reduce


class Kernels(NamedTuple):
    """Machine code of :func:`agree` and :func:`reduce_memory`."""

    agree: Any
    reduce_memory: Any


@cache
def kernels() -> Kernels:
    """The compiled functions; the first call needs MPI."""
    address = ctypes.cast(launcher.library().MPI_Allreduce, ctypes.c_void_p).value
    llvmlite.binding.add_symbol(_ALLREDUCE, address)
    words = np.zeros(1, np.int64)
    return Kernels(
        machine_code(compile_lazily(agree, "parallel agree"), (words, 0, 0, 0)),
        machine_code(compile_lazily(reduce_memory, "parallel reduce_memory"), (words, *[0] * 8)),
    )


@cache
def agree_and_reduce(dtype: np.dtype[Any]) -> Any:
    """Machine code that agrees and reduces in one call, for flat arrays of a dtype."""
    kernels()
    function = make_agree_and_reduce(inline(agree), inline(reduce_memory))
    words, data = np.zeros(1, np.int64), np.zeros(1, dtype)
    return machine_code(compile_lazily(function, "parallel agree_and_reduce"), (words, 0, words, data, data))


def make_operation(function: Any, identity: str, *, commutative: bool = True) -> int:
    """Compile a function and make it known to MPI; the handle of the operation."""
    options = {name: FLAGS[name] for name in ("fastmath", "error_model", "boundscheck")}
    compiled = CFunc(function, (_USER_FUNCTION.args, _USER_FUNCTION.return_type), {}, options)
    compiled._cache = KernelCache(f"parallel {identity}")
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
    state = np.zeros(STATE_WORDS, np.int64)
    state[COMMUNICATOR] = signed(communicator.handle)
    state[FRAME_TYPE] = frame_type()
    state[FRAME_OPERATION] = frame_operation()
    return state
