"""A kernel of an op: machine code for each combination of types of its arguments, from the cache if it is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from numbafunc.cpu import cache_folder
from numbafunc.cpu.cache_entries import read
from numbafunc.cpu.cache_key import full_identity, key_of
from numbafunc.cpu.compile_log import CompileTimer
from numbafunc.cpu.kernel_loader import alone, load
from numbafunc.cpu.memory import is_plain
from numbafunc.interrupts import held_back
from numbafunc.numba_import import import_numba


class NotKeptError(Exception):
    """A kernel is not in the cache, in a process that compiles none; its text is the identity of the kernel."""


class Kernel:
    """A kernel that Numba compiles where the cache has no machine code of it; otherwise it is not even imported.

    Parameters
    ----------
    identity : tuple or None
        All that identifies the kernel beside the types of its arguments; None for one that can't be kept.
    builder : str
        Module of this folder, and the function in it that makes the dispatcher: ``builder(*given, identity=...,
        parallel=..., **options)``.
    parallel : bool
        Whether the work is shared out to threads.
    *given, **options
        Arguments of the builder.
    """

    compiled_when_missing = True

    def __init__(
        self, identity: tuple[Any, ...] | None, builder: str, *given: Any, parallel: bool, **options: Any
    ) -> None:
        self._words = None if identity is None else repr(identity)
        self._builder = builder
        self._given = given
        self._options = {**options, "parallel": parallel}
        self._identity = None if self._words is None else full_identity(self._words, parallel=parallel)
        self._dispatcher: Any = None
        self._codes: dict[tuple[str, ...], Any] = {}
        self.run: Callable[..., Any] = self._first_run
        """The function for arguments that always have the types of the first ones, as :meth:`code` takes them."""

    @property
    def dispatcher(self) -> Any:
        """Numba's dispatcher of the kernel."""
        if self._dispatcher is None:
            if not Kernel.compiled_when_missing:
                raise NotKeptError(self._identity)
            with held_back(), alone():
                if self._dispatcher is None:  # else another thread has built it meanwhile
                    import_numba()
                    module, function = self._builder.split(".")
                    build = getattr(import_module(f"{__package__}.{module}"), function)
                    self._dispatcher = build(*self._given, identity=self._words, **self._options)
        return self._dispatcher

    def code(self, arguments: Sequence[Any]) -> Any:
        """The function for arguments of these types: contiguous, aligned, writeable arrays, floats, signed integers."""
        types = tuple(map(_type_words, arguments))
        found = self._codes.get(types)
        if found is None:
            with held_back():
                with alone():
                    found = self._codes.get(types) or self._kept(types)
                # Numba has a lock of its own, and what it compiles elsewhere may wait for this one.
                found = self._codes[types] = found or self._compiled(arguments)
        return found

    def _first_run(self, *arguments: Any) -> Any:
        self.run = self.code(arguments)
        return self.run(*arguments)

    def __call__(self, *arguments: Any) -> Any:
        """Call the kernel with any arguments, whose types take longer to tell than :attr:`run`."""
        if all(map(_is_usual, arguments)):
            return self.code(arguments)(*arguments)
        return self.dispatcher(*arguments)

    def _kept(self, types: tuple[str, ...]) -> Any:
        """The function, if the cache has it."""
        if self._identity is None:
            return None
        timer, signature = CompileTimer(), f"({', '.join(types)})"
        payload = read(key_of(self._identity, signature))
        if payload is None:
            return None
        try:
            found, address = load(payload, self._builder)
        except Exception as error:
            cache_folder.warn_once(f"A cached kernel can't be loaded, and is compiled anew: {error!r}")
            return None
        timer.log(self._identity, signature, cache_hit=True)
        self._note(found, address)
        return found

    def _compiled(self, arguments: Sequence[Any]) -> Any:
        signature = tuple(map(type_of, arguments))
        dispatcher = self.dispatcher
        found = dispatcher.compile(signature)
        compiled = dispatcher.overloads[signature]
        self._note(found, compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))
        return found

    def _note(self, code: Any, address: int) -> None:
        """Keep the address of a function's code, unless threads share its work."""
        if address and not self._options["parallel"]:
            _ADDRESSES[code] = address


_ADDRESSES: WeakKeyDictionary[Any, int] = WeakKeyDictionary()


def address_of(code: Any) -> int | None:
    """The address of the code of a function as :meth:`Kernel.code` gives it; None for one that threads share."""
    try:
        return _ADDRESSES.get(code)
    except TypeError:  # there are no weak references to it
        return None


def type_of(value: Any) -> Any:
    """Numba's type of an argument. Numba's own function imports numpy.ma, which takes longer than reading a kernel."""
    from numba.core import types
    from numba.np.numpy_support import from_dtype

    if type(value) is np.ndarray:
        return types.Array(from_dtype(value.dtype), value.ndim, "C")
    if isinstance(value, np.generic):
        return from_dtype(value.dtype)
    return types.float64 if isinstance(value, float) else types.int64


def _type_words(value: Any) -> str:
    """The name of this type."""
    if type(value) is np.ndarray:
        return f"array({value.dtype.name}, {value.ndim}d, C)"
    if isinstance(value, np.generic):
        return value.dtype.name
    return "float64" if isinstance(value, float) else "int64"


def _is_usual(value: Any) -> bool:
    """Whether an argument is of a type that :meth:`Kernel.code` knows."""
    kind = type(value)
    if kind is np.ndarray:
        return is_plain(value) and value.dtype.isnative
    if kind is int:
        return bool(-(2**63) <= value < 2**63)
    return kind is float or isinstance(value, np.generic)


__all__ = ["Kernel", "NotKeptError", "address_of", "type_of"]
