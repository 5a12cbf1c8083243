"""What compiled functions of the user call: collective functions of memory at given addresses.

Compiled code calls a C function by a name that it has in the process, with two blocks of memory: a text that is known
when code is compiled (the function, its options, the nest) and words of 64 bits (addresses, shapes, what is known at
run time). The C function leads here, and from here to the functions that Python calls, with all their checks. It holds
the interpreter's lock only between exchanges. So machine code contains no handle of MPI and can be kept on disk, and
a rank that waits can be watched.
"""

from __future__ import annotations

import ast
import ctypes
import sys
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from numbafunc import launcher
from numbafunc.collective_symbol import FAILURE
from numbafunc.dual.trees import flatten
from numbafunc.errors import CollectiveMismatchError
from numbafunc.parallel import axes, gathering
from numbafunc.parallel.broadcasting import broadcast
from numbafunc.parallel.call_site import Place
from numbafunc.parallel.dtypes import MAX, MEAN, MIN, SUM
from numbafunc.parallel.reduce import reduce
from numbafunc.parallel.watchdog import abort
from numbafunc.parallel.weighted import weighted_mean

MISMATCH, UNKNOWN_AXIS, WRONG_VALUE, WRONG_TYPE = 1, 2, 4, 5
# Not zero, which C gets where an exception of a signal handler comes up before the first line of the function.
DONE = 7

_NOT_CALLED = "the call was interrupted before it began, or numbafunc.parallel could not be loaded"


class _Pending(threading.local):
    """Message of this thread's next exception and what it comes from, and results that compiled code will fetch.

    Exceptions made later, as from a pickle, bring their own text.
    """

    text = _NOT_CALLED
    cause: BaseException | None = None
    results: tuple[Any, ...] = ()


_pending = _Pending()


class _CompiledError(Exception):
    """An exception raised by a compiled function, which can only give it constant arguments."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*(args or (_pending.text,)))
        if not args:
            self.__cause__ = _pending.cause


class CompiledMismatchError(_CompiledError, CollectiveMismatchError):
    """A mismatch met inside a compiled function."""


class CompiledNameError(_CompiledError, NameError):
    """An unknown axis met inside a compiled function."""


class CompiledValueError(_CompiledError, ValueError):
    """A wrong value met inside a compiled function."""


class CompiledTypeError(_CompiledError, TypeError):
    """A wrong type met inside a compiled function."""


class CompiledCollectiveError(_CompiledError, RuntimeError):
    """Any other exception met inside a compiled function; it is the ``__cause__``."""


IN_PARALLEL_LOOP = (
    "a collective function was called in a parallel loop (numba.prange), whose threads come to it in any order; "
    "wanted: a call outside of the loop, on an array that the loop fills"
)


class Leaf(NamedTuple):
    """An array or number of the nest that compiled code gives.

    Attributes
    ----------
    dtype, result : str
        Characters of the dtypes of the operand and of the result.
    ndim : int
        Number of axes of the operand.
    axes : int or None
        Number of axes of the result, if its shape is found by the call; None if it is that of the operand.
    """

    dtype: str
    result: str
    ndim: int
    axes: int | None

    @property
    def words(self) -> int:
        """How many words a leaf takes: addresses of operand and result, and their shapes."""
        return 2 + self.ndim + (self.axes or 0)


class Request(NamedTuple):
    """What is known of a call when code is compiled.

    Attributes
    ----------
    function : str
        The public function.
    axis_name : str or tuple of str
        As of the public function.
    nest : object
        How arrays are nested: 0 for one, None for None, a tuple ``(name, fields, entries)`` for a tuple; its name and
        fields are empty but for a named one.
    leaves : tuple of Leaf
        The arrays and numbers of the nest.
    options : dict
        Options that are known.
    given : tuple of (str, str)
        Options that come as words, and what these are: ``"int"``, ``"float"``, ``"pairs"`` or ``"text"``.
    """

    function: str
    axis_name: Any
    nest: Any
    leaves: tuple[Leaf, ...]
    options: dict[str, Any]
    given: tuple[tuple[str, str], ...]

    def text(self) -> str:
        """The request as compiled code keeps it."""
        return repr((*self[:3], tuple(map(tuple, self.leaves)), *self[4:]))


@lru_cache(1024)
def _read(text: bytes) -> Request:
    function, axis_name, nest, leaves, options, given = ast.literal_eval(text.decode())
    return Request(function, axis_name, nest, tuple(Leaf(*leaf) for leaf in leaves), options, given)


def call(text: int, length: int, words: int, count: int) -> int:
    """Make the call that is described at some addresses; the status. Errors are left in ``_pending``.

    Without a text the results of the last call of this thread are copied to the addresses among the words.
    """
    try:
        _pending.text, _pending.cause = _NOT_CALLED, None
        memory = (ctypes.c_int64 * count).from_address(words)
        if not length:
            for address, result in zip(memory, _pending.results, strict=True):
                ctypes.memmove(address, result.ctypes.data, result.nbytes)
            _pending.results = ()
            return DONE
        request = _read(ctypes.string_at(text, length))
        entered = sys._getframe().f_back
        frame = None if entered is None else entered.f_back
        if request.function in FACTS:
            memory[0] = FACTS[request.function](request.axis_name, _place(frame))
        else:
            if frame is None and axes.find(request.axis_name, None, _place(frame)).size > 1:
                # An exception would be lost: Numba does not hand on those of the threads of a loop.
                abort(f"numbafunc: rank {launcher.rank_before_start()}: {IN_PARALLEL_LOOP}. The job ends.")
            _run(request, memory, frame)
    except CollectiveMismatchError as error:
        return _failed(MISMATCH, error, str(error))
    except NameError as error:
        return _failed(UNKNOWN_AXIS, error, str(error))
    except ValueError as error:
        return _failed(WRONG_VALUE, error, str(error))
    except TypeError as error:
        return _failed(WRONG_TYPE, error, str(error))
    except BaseException as error:
        return _failed(FAILURE, error, f"{type(error).__name__}: {error}")
    return DONE


def _failed(status: int, error: BaseException, text: str) -> int:
    _pending.text, _pending.cause = text, error
    return status


def _memory(address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    size = dtype.itemsize
    for length in shape:
        size *= length
    if size == 0:
        return np.empty(shape, dtype)
    memory: Any = (ctypes.c_char * size).from_address(address)
    return np.frombuffer(memory, dtype).reshape(shape)


def _place(frame: Any, name: str | None = None) -> Place:
    # A thread that runs no Python is one of those that share a loop.
    return Place("a parallel loop", name) if frame is None else Place.of(frame, name)


def _run(request: Request, memory: Any, frame: Any) -> None:
    words: list[int] = memory[:]
    operands, targets, position = [], [], 0
    for leaf in request.leaves:
        shape = tuple(words[position + 2 : position + 2 + leaf.ndim])
        operands.append(_memory(words[position], shape, np.dtype(leaf.dtype)))
        if leaf.axes is None:
            targets.append(_memory(words[position + 1], shape, np.dtype(leaf.result)))
        position += leaf.words
    options = dict(request.options)
    for name, kind in request.given:
        options[name], size = _OPTIONS[kind](words[position : position + 3])
        position += size
    place = _place(frame, options.pop("name", None))
    x = _nested(request.nest, iter(operands))
    if request.function in _INTO:
        _INTO[request.function](x, request.axis_name, _nested(request.nest, iter(targets)), place, **options)
        return
    results = flatten(_NEW[request.function](x, request.axis_name, place, **options))[0]
    if targets:
        for target, result in zip(targets, results, strict=True):
            np.copyto(target, result)
        return
    position = 0
    for leaf, result in zip(request.leaves, results, strict=True):
        position += leaf.words
        memory[position - result.ndim : position] = result.shape
    _pending.results = tuple(map(np.ascontiguousarray, results))


def _nested(nest: Any, leaves: Iterator[Any]) -> Any:
    if nest is None:
        return None
    if nest == 0:
        return next(leaves)
    name, fields, entries = nest
    nested = tuple(_nested(entry, leaves) for entry in entries)
    return _named_tuple(name, fields)(*nested) if name else nested


@lru_cache(128)
def _named_tuple(name: str, fields: tuple[str, ...]) -> Any:
    return namedtuple(name, fields)


def _pairs(words: list[int]) -> tuple[Any, int]:
    address, count, *_ = words
    return _memory(address, (count, 2), np.dtype(np.int64)).tolist(), 2


def _text(words: list[int]) -> tuple[str, int]:
    address, length, width = words
    coding = {1: "latin-1", 2: f"utf-16-{sys.byteorder[0]}e", 4: f"utf-32-{sys.byteorder[0]}e"}[width]
    return ctypes.string_at(address, length * width).decode(coding), 3


_OPTIONS: dict[str, Callable[[list[int]], tuple[Any, int]]] = {
    "int": lambda words: (words[0], 1),
    "bool": lambda words: (bool(words[0]), 1),
    "float": lambda words: (ctypes.c_double.from_address(words[0]).value, 1),
    "pairs": _pairs,
    "text": _text,
}


def _reduction(operation: str) -> Callable[..., Any]:
    def into(x: Any, axis_name: Any, out: Any, place: Place, reproducible: bool = False) -> None:
        reduce(operation, x, axis_name, None, out, reproducible, place)

    return into


def _mean(
    x: Any, axis_name: Any, out: Any, place: Place, weight: float | None = None, reproducible: bool = False
) -> None:
    if weight is None:
        reduce(MEAN, x, axis_name, None, out, reproducible, place)
    else:
        weighted_mean(x, weight, axis_name, None, out, reproducible, place)


def _barrier(x: Any, axis_name: Any, place: Place) -> None:
    gathering.barrier(axis_name, None, place)


# Functions that tell something of an axis; that write results to memory that is given; that return them.
FACTS: dict[str, Callable[..., int]] = {
    "axis_index": axes.coordinates,
    "axis_size": lambda axis_name, place: axes.find(axis_name, None, place).size,
}
_INTO: dict[str, Callable[..., None]] = {
    SUM: _reduction(SUM),
    MEAN: _mean,
    MAX: _reduction(MAX),
    MIN: _reduction(MIN),
}
_NEW: dict[str, Callable[..., Any]] = {
    "barrier": _barrier,
    "broadcast": lambda x, axis_name, place, root: broadcast(x, axis_name, root, place),
    "all_gather": lambda x, axis_name, place, axis, tiled: gathering.all_gather(x, axis_name, axis, tiled, None, place),
    "reduce_scatter": lambda x, axis_name, place, axis, tiled: gathering.reduce_scatter(
        x, axis_name, axis, tiled, None, place
    ),
    "all_to_all": lambda x, axis_name, place, split_axis, concat_axis, tiled: gathering.all_to_all(
        x, axis_name, split_axis, concat_axis, tiled, None, place
    ),
    "ppermute": lambda x, axis_name, place, perm: gathering.ppermute(x, axis_name, perm, None, place),
    "pscan": lambda x, axis_name, place, op, exclusive: gathering.pscan(x, axis_name, op, exclusive, None, place),
    "pargmax": lambda x, axis_name, place: gathering.winner(x, MAX, axis_name, None, place),
    "pargmin": lambda x, axis_name, place: gathering.winner(x, MIN, axis_name, None, place),
}
