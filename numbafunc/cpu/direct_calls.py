"""Calls of machine code on small arrays, without a look at each argument, by functions that Python takes for its own.

Beside one element a call through Python costs all the time: the result is made by one function, the addresses of
arrays are taken by another, and Numba's wrapper unpacks them once more. The functions of
:mod:`numbafunc.cpu.direct_code` do that at once: they make the result through NumPy's interface for C, and enter the
kernel with the words that it expects. They are for little work, and hold the lock of the interpreter meanwhile, unless
the work is a user's, which may take any time.
Whatever they are not made for they hand on to a function of Python.
"""

from __future__ import annotations

import ctypes
import itertools
import platform
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from numbafunc.cpu.direct_code import (
    ARGUMENTS,
    ARRAY,
    AXES,
    DATA,
    DTYPE,
    ENTRIES,
    FLAGS_AT,
    LARGEST,
    LENGTHS,
    NAMES,
    NDIM,
    NUMBER,
    OPERANDS,
    POINTER,
    REALS,
    SKIPPED,
    TEXT,
    THIS,
    WORDS,
    AllKnown,
    AnyArrays,
    Known,
    Prepared,
)
from numbafunc.cpu.kernel_loader import alone, engine_of
from numbafunc.cpu.memory import OWNS
from numbafunc.interrupts import held_back


class _Method(ctypes.Structure):
    """CPython's structure ``PyMethodDef``."""

    _fields_ = (("name", ctypes.c_char_p), ("code", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


class _Methods(NamedTuple):
    """The functions for arrays of known shapes, of any, for known arguments, and the address of the copy of a view."""

    prepared: _Method
    any_shape: _Method
    known: _Method
    copy_view: int


_FAST_CALL = 0x80  # METH_FASTCALL: the arguments come as addresses, without a tuple
_CAPSULE = b"numbafunc"


@cache
def _methods() -> _Methods | None:
    """The functions; None where they don't work."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64") or not _is_known():
        return None
    with held_back(), alone():
        engine = engine_of(TEXT, NAMES)
    addresses = [engine.get_function_address(name) for name in NAMES]
    api = ctypes.pythonapi
    setup = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 10)(addresses[0])
    needed = "Py_IncRef", "Py_DecRef", "PyObject_CallFunctionObjArgs", "PyEval_SaveThread", "PyEval_RestoreThread"
    *functions, save, restore = (ctypes.cast(getattr(api, name), ctypes.c_void_p) for name in needed)
    setup(id(np.ndarray), id(float), id(None), _new_array(), *functions, id(NotImplemented), save, restore)
    prepared, any_shape, known = (_Method(b"call", address, _FAST_CALL, None) for address in addresses[1:4])
    found = _Methods(prepared, any_shape, known, addresses[4])
    for part in (engine, found):  # functions may outlive this module
        api.Py_IncRef(ctypes.py_object(part))
    return found


def _new_array() -> int:
    """The address of NumPy's function ``PyArray_NewFromDescr``, by its place in the interface, which never changes."""
    table = _pointer_in(import_module("numpy._core._multiarray_umath")._ARRAY_API)
    return int(ctypes.c_size_t.from_address(table + 8 * 94).value)


def _pointer_in(capsule: Any) -> int:
    return int(ctypes.c_size_t.from_address(id(capsule) + POINTER).value)


def _is_known() -> bool:
    """Whether CPython and NumPy keep things where they are looked for, which builds without the lock don't."""
    array, number = np.zeros((2, 3)), 1.25
    row = array[0]
    start, lengths = id(array), ctypes.c_size_t.from_address(id(array) + LENGTHS).value
    return (
        object.__basicsize__ == 16
        and ctypes.c_size_t.from_address(start + 8).value == id(np.ndarray)
        and ctypes.c_size_t.from_address(start + DATA).value == array.ctypes.data
        and ctypes.c_int.from_address(start + NDIM).value == 2
        and [ctypes.c_int64.from_address(lengths + 8 * axis).value for axis in (0, 1)] == [2, 3]
        and array.flags.num & OWNS == OWNS
        and ctypes.c_size_t.from_address(id(row) + DTYPE).value == id(array.dtype)
        and ctypes.c_size_t.from_address(start + DTYPE).value == id(array.dtype)
        and ctypes.c_uint32.from_address(start + FLAGS_AT).value == array.flags.num
        and ctypes.c_double.from_address(id(number) + DATA).value == number
    )


def _function(method: _Method, state: ctypes.Structure, *kept: Any) -> Callable[..., Any]:
    """A function of Python that calls a method with a state, and keeps that and other objects."""
    api = ctypes.pythonapi
    capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
        ("PyCapsule_New", api)
    )
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object)(
        ("PyCFunction_NewEx", api)
    )
    own = capsule(ctypes.addressof(state), _CAPSULE, None)
    # What would be the module of the function is an object that it keeps.
    return new(ctypes.addressof(method), own, (state, *kept))  # type: ignore[no-any-return]


def prepared_call(
    address: int | None,
    given: Sequence[Any],
    operands: Sequence[int],
    result: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    otherwise: Callable[..., Any],
    releases: bool = False,
) -> Callable[..., Any]:
    """A function of operands and an optional None that enters a kernel; ``otherwise`` where that can't be.

    Parameters
    ----------
    address : int or None
        Of the kernel.
    given : sequence
        Arguments like those that it gets: arrays, floats and integers, all but the operands and the result as they are.
    operands : sequence of int
        For each operand its place among the arguments, or -1 if it isn't handed over.
    result : int
        The place of the result.
    shape, dtype
        Of the array that is made for the result.
    otherwise : callable
        What is called with any other arguments.
    releases : bool
        Whether other threads may run while the kernel does.
    """
    if address is None or len(operands) > OPERANDS or len(shape) > AXES or not _little(given):
        return otherwise
    methods = _methods()
    words, places = [0, 0], []
    reals: list[float] = []
    for argument in given:
        if type(argument) is np.ndarray:
            places.append(len(words) + 4)
            words += [0, 0, argument.size, argument.itemsize, argument.ctypes.data, *argument.shape, *argument.strides]
        elif type(argument) is float:
            places.append(-1 - len(reals))
            reals.append(argument)
        elif type(argument) is int:
            places.append(SKIPPED)
            words.append(argument)
        else:
            return otherwise
    if methods is None or len(words) > WORDS or len(reals) > REALS:
        return otherwise
    state = Prepared(address, id(otherwise), id(dtype), len(shape), len(operands), places[result], releases)
    state.places[:] = [SKIPPED if place < 0 else places[place] for place in operands] + [0] * (OPERANDS - len(operands))
    state.lengths[: len(shape)] = shape
    state.words[: len(words)] = words
    state.reals[: len(reals)] = reals
    # Arrays that stand for operands and the result would keep the memory of the first call's.
    kept = [one for place, one in enumerate(given) if place != result and place not in operands]
    call = _function(methods.prepared, state, otherwise, dtype, *kept)
    _STATES[call] = state
    return call


_STATES: WeakKeyDictionary[Callable[..., Any], Prepared] = WeakKeyDictionary()
_REPLACED = 64
"""So many calls are unknown before one of them replaces a known one."""


class KnownArguments:
    """The arguments of a public function for which there are prepared calls, the latest few.

    Parameters
    ----------
    operands : sequence of int
        The places of the operands among the arguments.
    """

    def __init__(self, operands: Sequence[int]) -> None:
        self._operands = operands
        self._state = AllKnown()
        self._entries: list[Any] = [None] * ENTRIES
        self._call: Callable[..., Any] | None = None
        self._unknown = 0
        self._lock = threading.Lock()

    def learn(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[..., Any] | None:
        """A function of all arguments that makes the prepared call for them, or returns NotImplemented."""
        if self._state.many == ENTRIES:
            # So many kinds of calls take turns that few find theirs, unless the program has gone on to others.
            self._unknown += 1
            if self._unknown % _REPLACED:
                return self._call
        methods, prepared = _methods(), _STATES.get(call)
        if methods is None or prepared is None or len(arguments) > ARGUMENTS:
            return self._call
        known = Known(ctypes.addressof(prepared))
        known.operands[: len(self._operands)] = self._operands
        for place, argument in enumerate(arguments):
            if type(argument) is np.ndarray:
                if place not in self._operands or argument.ndim > AXES:
                    return self._call
                known.kinds[place], known.objects[place] = ARRAY, id(argument.dtype)
                known.ndims[place] = argument.ndim
                known.lengths[place][: argument.ndim] = argument.shape
            elif type(argument) is float and place in self._operands:
                known.kinds[place] = NUMBER
            else:
                known.kinds[place], known.objects[place] = THIS, id(argument)
        kept = [one.dtype if type(one) is np.ndarray else one for one in arguments]
        # Whoever comes while another thread, or the function that was interrupted, is at this goes on without.
        if self._lock.acquire(blocking=False):
            try:
                self._put(methods.known, known, (known, call, kept))
            finally:
                self._lock.release()
        return self._call

    def _put(self, method: _Method, known: Known, entry: Any) -> None:
        state = self._state
        place = self._unknown // _REPLACED % ENTRIES if state.many == ENTRIES else state.many
        # What was there must be kept until nothing refers to it, and what is new from when something does.
        before, state.entries[place] = self._entries[place], ctypes.addressof(known)
        self._entries[place] = entry
        del before
        state.many = max(state.many, place + 1)
        if self._call is None:
            self._call = _function(method, state, self._entries)


def _little(given: Sequence[Any]) -> bool:
    return all(argument.size <= LARGEST for argument in given if type(argument) is np.ndarray)


def copying_call(
    x: np.ndarray[Any, Any],
    view: np.ndarray[Any, Any],
    start: int,
    shape: tuple[int, ...],
    otherwise: Callable[..., Any],
) -> Callable[..., Any]:
    """A function of arrays like ``x``, contiguous ones, that copies a view from an element on into a shape."""
    item = view.itemsize
    if max(x.size, view.size) > LARGEST or item not in (1, 2, 4, 8):
        return otherwise
    methods = _methods()
    if methods is None:
        return otherwise
    axes = [(view.size, item)]
    if not view.flags.c_contiguous:
        axes = [(length, step) for length, step in zip(view.shape, view.strides) if length != 1]
    numbers = np.array([item, start * item, len(axes), *itertools.chain(*axes)])
    given = x.ravel(), np.empty(view.size, view.dtype), numbers
    return prepared_call(methods.copy_view, given, [0], 1, shape, view.dtype, otherwise)


class AnyShape:
    """A function of one contiguous array, or of that and another or a float, and of an optional None.

    Parameters
    ----------
    count : int
        The number of operands, one or two.
    most : int
        The most elements of an array.
    otherwise : callable
        What is called with any other arguments.
    releases : bool
        Whether other threads may run while the kernel does.
    """

    def __init__(self, count: int, most: int, otherwise: Callable[..., Any], releases: bool = False) -> None:
        self._state = AnyArrays(id(otherwise), count, most, releases)
        self._otherwise = otherwise
        self._kept: list[Any] = []

    def learn(self, dtype: np.dtype[Any], number: bool, address: int | None, code: Any) -> Callable[..., Any]:
        """The function, once it knows the kernel at an address, which ``code`` keeps, for a dtype."""
        methods = _methods()
        if methods is None or address is None:
            return self._otherwise
        # Each dtype has its own place, and the address comes last: other threads may call, or learn, meanwhile.
        kind = self._state.kinds[0 if dtype.char == "d" else 1]
        self._kept += [dtype, code]
        kind.size, kind.dtype = dtype.itemsize, id(dtype)
        setattr(kind, "number" if number else "alone", address)
        return _function(methods.any_shape, self._state, self._otherwise, self._kept)


__all__ = ["LARGEST", "AnyShape", "KnownArguments", "copying_call", "prepared_call"]
