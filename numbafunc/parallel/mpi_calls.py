"""Collective functions of MPI as compiled code calls them.

MPI waits for other ranks without ever giving up the processor. Where a node has more ranks than cores, those that wait
take the cores from those that are waited for. There each function is called in its form that returns at once, and the
rank asks whether it is done, in pauses that grow: it gives up the processor first, then it sleeps.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

import llvmlite.binding
import numpy as np
from numba.core import types

from numbafunc import launcher
from numbafunc.cpu.dispatchers import inline
from numbafunc.parallel.agreement import CROWDED, FLAG, REQUEST, STATUS

# Handles are integers in some MPIs and pointers in others; both travel in a register of 64 bits.
_WORD, _INT = types.int64, types.int32
_SIGNATURES = {
    "Allreduce": (_WORD, _WORD, _INT, _WORD, _WORD, _WORD),
    "Allgather": (_WORD, _INT, _WORD, _WORD, _INT, _WORD, _WORD),
    "Allgatherv": (_WORD, _INT, _WORD, _WORD, _WORD, _WORD, _WORD, _WORD),
    "Alltoallv": (_WORD, _WORD, _WORD, _WORD, _WORD, _WORD, _WORD, _WORD, _WORD),
    "Bcast": (_WORD, _INT, _WORD, _INT, _WORD),
    "Comm_split": (_WORD, _INT, _INT, _WORD),
    "Irecv": (_WORD, _INT, _WORD, _INT, _INT, _WORD, _WORD),
    "Isend": (_WORD, _INT, _WORD, _INT, _INT, _WORD, _WORD),
    "Reduce_scatter_block": (_WORD, _WORD, _INT, _WORD, _WORD, _WORD),
    "Reduce_local": (_WORD, _WORD, _INT, _WORD, _WORD),
    "Test": (_WORD, _WORD, _WORD),
    "Testall": (_INT, _WORD, _WORD, _WORD),
    "Waitall": (_INT, _WORD, _WORD),
}
# The forms that return at once have the address of a request behind the other arguments.
for _name in ("Allreduce", "Allgather", "Allgatherv", "Alltoallv", "Bcast", "Reduce_scatter_block"):
    _SIGNATURES[f"I{_name.lower()}"] = (*_SIGNATURES[_name], _WORD)

# Times that a rank asks before it sleeps, and the first and the longest sleep: microseconds, of Windows milliseconds.
_EAGER = 50
_FIRST, _LONGEST = (1, 1) if sys.platform == "win32" else (20, 500)


def _symbol(name: str) -> str:
    return f"numbafunc_mpi_{name.lower()}"


def _external(name: str) -> Any:
    return types.ExternalFunction(_symbol(name), _INT(*_SIGNATURES[name]))


_allreduce, iallreduce = _external("Allreduce"), _external("Iallreduce")
_allgather, _iallgather = _external("Allgather"), _external("Iallgather")
_allgatherv, _iallgatherv = _external("Allgatherv"), _external("Iallgatherv")
_alltoallv, _ialltoallv = _external("Alltoallv"), _external("Ialltoallv")
_bcast, _ibcast = _external("Bcast"), _external("Ibcast")
_reduce_scatter, _ireduce_scatter = _external("Reduce_scatter_block"), _external("Ireduce_scatter_block")
test = _external("Test")
comm_split = _external("Comm_split")
isend, irecv, _waitall, _testall = map(_external, ("Isend", "Irecv", "Waitall", "Testall"))
reduce_local = _external("Reduce_local")
_yield = types.ExternalFunction("numbafunc_yield", _INT())
sleep = types.ExternalFunction("numbafunc_sleep", _INT(_INT))


@cache
def name_functions() -> None:
    """Let compiled code find the functions."""
    library = launcher.library()
    found = {_symbol(name): getattr(library, f"MPI_{name}") for name in _SIGNATURES}
    if sys.platform == "win32":
        kernel: Any = ctypes.WinDLL("kernel32")
        found |= {"numbafunc_yield": kernel.SwitchToThread, "numbafunc_sleep": kernel.Sleep}
    else:
        system = ctypes.CDLL(None)
        found |= {"numbafunc_yield": system.sched_yield, "numbafunc_sleep": system.usleep}
    for name, function in found.items():
        llvmlite.binding.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)


@inline
def _rest(asked: Any) -> Any:
    """Leave the processor to others, the longer the more often a rank has asked."""
    if asked < _EAGER:
        _yield()
    else:
        sleep(min(_FIRST << min(asked - _EAGER, 5), _LONGEST))


@inline
def _finish(state: Any, code: Any) -> Any:
    """Wait for the request in a state; MPI's error code."""
    address = state.ctypes.data
    state[FLAG] = 0
    asked = 0
    while code == 0 and state[FLAG] == 0:
        code = test(address + 8 * REQUEST, address + 8 * FLAG, address + 8 * STATUS)
        if state[FLAG] == 0:
            asked += 1
            _rest(asked)
    return code


@inline
def _request(state: Any) -> Any:
    return state.ctypes.data + 8 * REQUEST


@inline
def allreduce(
    state: Any, source: Any, target: Any, count: Any, datatype: Any, operation: Any, communicator: Any
) -> Any:
    """Reduce elements over the ranks; MPI's error code, as of all functions here."""
    if state[CROWDED] == 0:
        return _allreduce(source, target, count, datatype, operation, communicator)
    code = iallreduce(source, target, count, datatype, operation, communicator, _request(state))
    return _finish(state, code)


@inline
def reduce_scatter(
    state: Any, source: Any, target: Any, count: Any, datatype: Any, operation: Any, communicator: Any
) -> Any:
    """Reduce elements over the ranks, of which each gets a block of so many."""
    if state[CROWDED] == 0:
        return _reduce_scatter(source, target, count, datatype, operation, communicator)
    code = _ireduce_scatter(source, target, count, datatype, operation, communicator, _request(state))
    return _finish(state, code)


@inline
def allgather(state: Any, source: Any, count: Any, datatype: Any, target: Any, communicator: Any) -> Any:
    """Give all ranks the elements of all."""
    if state[CROWDED] == 0:
        return _allgather(source, count, datatype, target, count, datatype, communicator)
    code = _iallgather(source, count, datatype, target, count, datatype, communicator, _request(state))
    return _finish(state, code)


@inline
def allgatherv(
    state: Any, source: Any, count: Any, datatype: Any, target: Any, counts: Any, offsets: Any, communicator: Any
) -> Any:
    """Give all ranks the elements of all, in numbers that differ."""
    if state[CROWDED] == 0:
        return _allgatherv(source, count, datatype, target, counts, offsets, datatype, communicator)
    code = _iallgatherv(source, count, datatype, target, counts, offsets, datatype, communicator, _request(state))
    return _finish(state, code)


@inline
def alltoallv(state: Any, source: Any, counts: Any, target: Any, skip: Any, datatype: Any, communicator: Any) -> Any:
    """Send elements of each rank to each.

    Counts and offsets of what is sent, and of what is received, are lists one behind the other.
    """
    sent, received = counts, counts + 2 * skip
    if state[CROWDED] == 0:
        return _alltoallv(
            source, sent, sent + skip, datatype, target, received, received + skip, datatype, communicator
        )
    code = _ialltoallv(
        source, sent, sent + skip, datatype, target, received, received + skip, datatype, communicator, _request(state)
    )
    return _finish(state, code)


@inline
def waitall(state: Any, count: Any, requests: Any, statuses: Any) -> Any:
    """Wait for requests at an address; their statuses are written to another one."""
    if state[CROWDED] == 0:
        return _waitall(count, requests, statuses)
    state[FLAG] = 0
    code, asked = np.int32(0), 0
    while code == 0 and state[FLAG] == 0:
        code = _testall(count, requests, state.ctypes.data + 8 * FLAG, statuses)
        if state[FLAG] == 0:
            asked += 1
            _rest(asked)
    return code


@inline
def bcast(state: Any, target: Any, count: Any, datatype: Any, root: Any, communicator: Any) -> Any:
    """Send elements of one rank to all."""
    if state[CROWDED] == 0:
        return _bcast(target, count, datatype, root, communicator)
    code = _ibcast(target, count, datatype, root, communicator, _request(state))
    return _finish(state, code)


def in_place() -> int:
    """The address by which MPI knows that the source is the target."""
    from mpi4py import MPI

    return int(MPI.IN_PLACE)
