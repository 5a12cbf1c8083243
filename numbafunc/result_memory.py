"""Memory of large results, which comes from blocks that are used again.

Memory that comes from the system is mapped page by page when it is first written to, which takes longer than most of
what is computed here. So arrays from :data:`SMALLEST` bytes on get blocks of a pool. They are arrays like any other,
that own their data: NumPy asks a *handler* for memory, and gives it back to the one that it came from. Ours is set
while results are made, and while large derivatives are taken, in this thread alone. Where the program has set a
handler of its own, that one stays.
"""

from __future__ import annotations

import contextvars
import ctypes
import math
import os
import threading
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

from numpy import dtype, empty, ndarray

from numbafunc.process_lock import held_by_forks
from numbafunc.recycled_blocks import SMALLEST, Handler, Pool, new_handler

VARIABLE = "NUMBAFUNC_RESULT_MEMORY"

LARGE = SMALLEST // 8
"""Elements from which on a result may have that many bytes."""

DERIVATIVES_FROM = 2**20
"""Bytes of an array from which on all that is made while its derivative is taken gets such memory, by NumPy too.

It takes a microsecond to arrange for that, and smaller temporaries are in the heap of the C library anyway.
"""

Token = contextvars.Token[Any]


def limit() -> int:
    """How many bytes of memory are kept for results to come: ``NUMBAFUNC_RESULT_MEMORY`` in MiB, 1024 by default."""
    text = os.environ.get(VARIABLE, "1024")
    try:
        return min(max(int(float(text) * 2**20), 0), 2**62)
    except (ValueError, OverflowError):
        warnings.warn(f"{VARIABLE} is {text!r}; wanted: a number of MiB. 1024 is used.", RuntimeWarning, stacklevel=2)
        return 2**30


def _first(_: None) -> Any:
    """Make our handler, which takes a few milliseconds, at the first question which handler is set."""
    with _lock:
        if _handler_set is _first:
            most = limit()
            if most:
                _make(most)
            else:
                _turn_off()
    return _handler_set(None)


_handler_set: Callable[[None], Any] = _first
"""The handler that is set in this thread; None if it is NumPy's own."""

_ours: Any = None
_default: Any = None
_variable: contextvars.ContextVar[Any]
_new_context: Callable[[], contextvars.Context]
_pool: Pool | None = None
_lock = held_by_forks(threading.RLock())


def _turn_off() -> None:
    global _handler_set
    _handler_set = bool  # False: one that stays


def _make(most: int) -> None:
    global _handler_set, _ours, _default, _variable, _new_context, _pool
    api, name = ctypes.pythonapi, b"mem_handler"
    pointer = ctypes.PYFUNCTYPE(ctypes.c_size_t, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", api))
    capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p)(
        ("PyCapsule_New", api)
    )
    # The functions of NumPy's interface for C, by their places there, which never change.
    numpy = import_module("numpy._core._multiarray_umath")
    table = pointer(numpy._ARRAY_API, None)
    set_handler, get_handler = (ctypes.c_size_t.from_address(table + 8 * place).value for place in (304, 305))
    _default = contextvars.Context().run(ctypes.PYFUNCTYPE(ctypes.py_object)(get_handler))
    huge = 2**22 if numpy._get_madvise_hugepage() else 2**62
    made, _pool = new_handler(Handler.from_address(pointer(_default, name)), most, huge)
    _ours = capsule(ctypes.addressof(made), name, None)
    # That function of NumPy's sets a context variable, which takes less time once that is known.
    context = contextvars.Context()
    context.run(ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(set_handler), _ours)
    (_variable,) = (variable for variable in context if context[variable] is _ours)
    _new_context = context.copy
    _handler_set = _variable.get  # at the end, since it says that all is there


def begin_recycling() -> Token | None:
    """Let all large arrays that are made in this thread get such memory; None where another handler stays."""
    known = _handler_set(None)
    return _variable.set(_ours) if known is None or known is _default else None


def end_recycling(token: Token | None) -> None:
    """Let it be as it was when it began."""
    if token is not None:
        _variable.reset(token)


def recycled(make: Callable[[], ndarray[Any, Any]]) -> ndarray[Any, Any]:
    """What a function of NumPy's gives, a large array that takes such memory.

    It runs in a context of its own, which takes less time than to set a variable and to set it back.
    """
    known = _handler_set(None)
    if known is None or known is _default:
        return _new_context().run(make)
    return make()


def recycled_empty(shape: tuple[int, ...], dtype: Any) -> ndarray[Any, Any]:
    """``numpy.empty`` for a large result."""
    known = _handler_set(None)
    if known is None or known is _default:
        return _new_context().run(empty, shape, dtype)
    return empty(shape, dtype)


def empty_for(shape: tuple[int, ...], dtype: dtype[Any]) -> Callable[..., ndarray[Any, Any]]:
    """The function that makes empty results of a shape and a dtype: that for large ones, or NumPy's."""
    return recycled_empty if math.prod(shape) * dtype.itemsize >= SMALLEST else empty


def empty_result(shape: tuple[int, ...], dtype: dtype[Any]) -> ndarray[Any, Any]:
    """``numpy.empty`` for a result."""
    return empty_for(shape, dtype)(shape, dtype)


def pool() -> Pool | None:
    """The pool; None before the first large result, or if nothing is kept."""
    return _pool


__all__ = [
    "DERIVATIVES_FROM",
    "LARGE",
    "SMALLEST",
    "Token",
    "begin_recycling",
    "empty_for",
    "empty_result",
    "end_recycling",
    "limit",
    "pool",
    "recycled",
    "recycled_empty",
]
