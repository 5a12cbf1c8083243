"""Reductions inside the user's own ``@numba.njit`` functions, cached ones included.

The compiled code calls a C function by a name that it has in the process. It leads back to the reduction of arrays,
with all its checks, and holds the interpreter's lock only between exchanges. So machine code
contains no handle of MPI and can be kept on disk, and a rank that waits can be watched.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import Any

import numpy as np

from numbafunc.errors import CollectiveMismatchError
from numbafunc.kinds.njit import refresh
from numbafunc.parallel.call_site import Place
from numbafunc.parallel.dtypes import MAX, MEAN, MIN, SUM, wire_of
from numbafunc.reduction_symbol import FAILURE, SYMBOL

_OPERATIONS = (SUM, MEAN, MAX, MIN)
_SEPARATOR = "\0"
_MISMATCH, _UNKNOWN_AXIS = 1, 2
# Not zero, which C gets where an exception of a signal handler comes up before the first line of the function.
_DONE = 7


_NOT_CALLED = "the call was interrupted before it began, or numbafunc.parallel could not be loaded"


class _Pending(threading.local):
    """Message of this thread's next exception, and what it comes from.

    Exceptions made later, as from a pickle, bring their own text.
    """

    text = _NOT_CALLED
    cause: BaseException | None = None


_pending = _Pending()


class CompiledMismatchError(CollectiveMismatchError):
    """A mismatch met inside a compiled function, whose exceptions can only have constant arguments."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*(args or (_pending.text,)))


class CompiledNameError(NameError):
    """An unknown axis met inside a compiled function."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*(args or (_pending.text,)))


class CompiledReductionError(RuntimeError):
    """Any other exception met inside a compiled function; it is the ``__cause__``."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*(args or (_pending.text,)))
        if not args:
            self.__cause__ = _pending.cause


def reduce_memory(
    operation: int, character: int, source: int, target: int, ndim: int, shape: int, name: int, length: int
) -> int:
    """Reduce the array at an address into memory at another; return the status and leave errors in ``_pending``."""
    from numbafunc.parallel.reduce import reduce

    try:
        _pending.text, _pending.cause = _NOT_CALLED, None
        dtype = np.dtype(chr(character))
        lengths = tuple(_memory(shape, (ndim,), np.dtype(np.int64)).tolist())
        names = bytes(_memory(name, (length,), np.dtype(np.uint8))).decode().split(_SEPARATOR)
        label = _OPERATIONS[operation]
        entered = sys._getframe().f_back
        frame = None if entered is None else entered.f_back
        reduce(
            label,
            _memory(source, lengths, dtype),
            names[0] if len(names) == 1 else tuple(names),
            None,
            _memory(target, lengths, wire_of(label, dtype).result),
            False,
            Place("a compiled function") if frame is None else Place.of(frame),
        )
    except CollectiveMismatchError as error:
        _pending.text = str(error)
        return _MISMATCH
    except NameError as error:
        _pending.text = str(error)
        return _UNKNOWN_AXIS
    except BaseException as error:
        _pending.text = f"{type(error).__name__}: {error}"
        _pending.cause = error
        return FAILURE
    return _DONE


def _memory(address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    size = dtype.itemsize
    for length in shape:
        size *= length
    if size == 0:
        return np.empty(shape, dtype)
    memory: Any = (ctypes.c_char * size).from_address(address)
    return np.frombuffer(memory, dtype).reshape(shape)


def _check(status: int, alive: Any) -> None:
    if status == _MISMATCH:
        raise CompiledMismatchError()
    if status == _UNKNOWN_AXIS:
        raise CompiledNameError()
    if status != _DONE:
        raise CompiledReductionError()


def register(*reductions: Any) -> None:
    """Register the functions for sums, means, maxima and minima with Numba."""
    from numba.core import types
    from numba.extending import overload, register_jitable

    check = register_jitable(_check)
    external = types.ExternalFunction(SYMBOL, types.int64(*[types.int64] * 8))
    for code, function in enumerate(reductions):
        overload(function, strict=False)(_typed(code, external, check))
    refresh()


def _typed(code: int, external: Any, check: Any) -> Any:
    """The function that Numba asks for an implementation, given the types of the arguments."""

    def typed(x: Any, axis_name: Any = "device") -> Any:
        from numba.core import types
        from numba.core.errors import TypingError
        from numba.np.numpy_support import as_dtype

        element = x.dtype if isinstance(x, types.Array) else x
        if not isinstance(element, (types.Boolean, types.Integer, types.Float, types.Complex)):
            raise TypingError(f"x is a {x}; wanted inside a compiled function: an array of numbers, or a number")
        given = as_dtype(types.unliteral(element))
        try:
            result_dtype = wire_of(_OPERATIONS[code], given).result
        except TypeError as error:
            raise TypingError(str(error)) from None
        names = _literal_names(axis_name)
        if names is None:
            raise TypingError(
                "axis_name has to be written out inside a compiled function: a string, or a tuple of them"
            )
        name = np.frombuffer(_SEPARATOR.join(names).encode(), np.uint8)
        character = ord(given.char)

        def implementation(x: Any, axis_name: Any = "device") -> Any:
            source = np.ascontiguousarray(x)
            shape = np.array(x.shape, np.int64)
            result = np.empty(x.shape, result_dtype)
            status = external(
                code,
                character,
                source.ctypes.data,
                result.ctypes.data,
                shape.size,
                shape.ctypes.data,
                name.ctypes.data,
                name.size,
            )
            # Arrays stay alive until the last line that names them.
            check(status, (source, shape))
            return result

        def implementation_of_numbers(x: Any, axis_name: Any = "device") -> Any:
            source = np.empty(1, given)
            source[0] = x
            result = np.empty(1, result_dtype)
            status = external(
                code, character, source.ctypes.data, result.ctypes.data, 0, 0, name.ctypes.data, name.size
            )
            check(status, source)
            return result[0]

        if not isinstance(x, types.Array):
            return implementation_of_numbers
        if x.ndim > 0:
            return implementation

        def implementation_of_single(x: Any, axis_name: Any = "device") -> Any:
            source = np.empty(1, given)
            source[0] = x[()]
            result = np.empty((), result_dtype)
            status = external(
                code, character, source.ctypes.data, result.ctypes.data, 0, 0, name.ctypes.data, name.size
            )
            check(status, source)
            return result

        return implementation_of_single

    return typed


def _literal_names(axis_name: Any) -> list[str] | None:
    """The axis names, if they are literals in the program; None if they are known only when it runs."""
    from numba.core import types

    if isinstance(axis_name, types.Omitted):
        axis_name = axis_name.value
    if isinstance(axis_name, str):
        return [axis_name]
    if isinstance(axis_name, types.StringLiteral):
        return [axis_name.literal_value]
    if isinstance(axis_name, types.BaseTuple) and all(isinstance(name, types.StringLiteral) for name in axis_name):
        return [name.literal_value for name in axis_name]
    return None
