"""The cache of compiled kernels on disk, as Numba's dispatchers see it: safe for any number of processes in one folder.

Unlike Numba's own cache, this one has no index file on which processes could disagree, see
:mod:`numbafunc.cpu.cache_entries`.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterable
from functools import cache
from typing import Any

import llvmlite
from numba.core import event
from numba.core.caching import NullCache, _Cache
from numba.core.compiler import CompileResult
from numba.core.runtime import _nrt_python, rtsys
from numba.core.serialize import dumps

from numbafunc.cpu import cache_folder
from numbafunc.cpu.cache_entries import keep, read
from numbafunc.cpu.cache_key import key_of, source_digest
from numbafunc.cpu.compile_log import CompileTimer
from numbafunc.cpu.identity import TAINTED, UnidentifiableError, is_covered, mangled, type_words
from numbafunc.cpu.kernel_loader import ENVIRONMENT, payload_of


class _Compilations(event.Listener):
    """Notes what is compiled for which functions, and so which of these depend on some that no identity covers."""

    def __init__(self) -> None:
        self._running: list[str] = []

    def on_start(self, event: Any) -> None:
        name = mangled(event.data["module"], event.data["qualname"])
        if not is_covered(name):
            TAINTED.update(self._running)
        self._running.append(name)

    def on_end(self, event: Any) -> None:
        if self._running:  # this module may be loaded while something is being compiled
            self._running.pop()


event.register("numba:run_pass", _Compilations())


def are_covered(libraries: Iterable[Any]) -> bool:
    """Whether identities cover all functions in some libraries, which have a variable for each."""
    names = (variable.name for one in libraries for variable in one._final_module.global_variables)
    return all(is_covered(name.removeprefix(ENVIRONMENT)) for name in names if name.startswith(ENVIRONMENT))


class _Cached(_Cache):
    """Cache of a Numba dispatcher, which asks it before a compilation and writes to it afterwards."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._timer = CompileTimer()

    @property
    def cache_path(self) -> str:
        """The folder of the cached kernels."""
        return str(cache_folder.folder())

    def enable(self) -> None:
        """Do nothing: caching is always on, except where the folder can't be used."""

    def disable(self) -> None:
        """Do nothing, see :meth:`enable`."""

    def flush(self) -> None:
        """Do nothing: cached kernels never go stale."""

    def _words(self, signature: Any) -> str:
        """The types of arguments in words."""
        return f"({', '.join(map(str, getattr(signature, 'args', signature)))})"

    def _payload(self, compiled: Any) -> bytes:
        """The entry of a compiled kernel."""
        raise NotImplementedError

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel, unless its code is also that of functions that its identity says nothing of."""
        self._timer.log(self._identity, _Cached._words(self, sig), cache_hit=False)
        if not are_covered([data.library]):
            return
        if data.lifted or data.library.has_dynamic_globals or _is_recursive(data.library) or _needs_more(data.library):
            return
        key = key_of(self._identity, self._words(sig))
        try:
            payload = self._payload(data)
        except Exception as error:
            cache_folder.warn_once(f"A compiled kernel can't be kept, and is compiled anew next time: {error!r}")
            return
        keep(key, payload)


class KernelCache(_Cached):
    """Cache of a kernel of an op. Its entries hold machine code and plain words, from which no object is made."""

    def _payload(self, compiled: Any) -> bytes:
        return payload_of(compiled)

    def load_overload(self, sig: Any, target_context: Any) -> None:
        """Nothing: a kernel has looked for its machine code before it asks Numba."""
        self._timer = CompileTimer()


class LinkedCache(_Cached):
    """Cache of a kernel that compiled functions call too.

    Numba has to know it by its types, which have no plain form: its entries are pickles.
    """

    def _payload(self, compiled: Any) -> bytes:
        return bytes(dumps(compiled._reduce()))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel for these types, or None."""
        # A full refresh of the context would load the whole compiler, which takes half a second.
        _name_runtime()
        self._timer = CompileTimer()
        payload = read(key_of(self._identity, self._words(sig)))
        try:
            found = None if payload is None else CompileResult._rebuild(target_context, *pickle.loads(payload))
        except (ImportError, AttributeError):  # it refers to a user's module that no longer exists
            return None
        except Exception as error:
            cache_folder.warn_once(f"A cached kernel can't be loaded, and is compiled anew: {error!r}")
            return None
        if found is not None:
            self._timer.log(self._identity, sig, cache_hit=True)
        return found


class NoCache(NullCache):
    """In place of the cache, for functions that can't be told from others: it logs what is compiled."""

    def load_overload(self, sig: Any, target_context: Any) -> None:
        """Nothing."""
        self._timer = CompileTimer()

    def save_overload(self, sig: Any, cres: Any) -> None:
        """Keep nothing."""
        self._timer.log(None, sig, cache_hit=False)


class UserCache(LinkedCache):
    """Cache of a dispatcher whose arguments come from users, and may be of any type."""

    def _words(self, signature: Any) -> str:
        return "; ".join(map(type_words, signature))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel for these types, or None."""
        try:
            return super().load_overload(sig, target_context)
        except UnidentifiableError:
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel, unless one of its types can change without any sign of it."""
        with contextlib.suppress(UnidentifiableError):
            super().save_overload(sig, data)


def recall(identity: str) -> Any:
    """What :func:`remember` has kept under an identity; None where that is nothing."""
    payload = read(repr((source_digest(), identity)).encode())
    try:
        return None if payload is None else pickle.loads(payload)
    except (ImportError, AttributeError):
        return None


def remember(identity: str, value: Any) -> None:
    """Keep a value beside the machine code that goes with it."""
    keep(repr((source_digest(), identity)).encode(), dumps(value))


@cache
def _name_runtime() -> None:
    """Give LLVM the addresses of the functions of Numba's runtime that are written in C.

    ``rtsys.initialize`` compiles the others as well, which takes half of the time of a first call. Cached
    machine code has its own copies of those.
    """
    for name, address in _nrt_python.c_helpers.items():
        llvmlite.binding.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


def _needs_more(library: Any) -> bool:
    """Whether code calls runtime functions that Numba compiles: loaded without them, it would crash the process."""
    compiled = {function.name for function in rtsys.library._final_module.functions if not function.is_declaration}
    return any(f.is_declaration and f.name in compiled for f in library._final_module.functions)


def _is_recursive(library: Any) -> bool:
    """Whether code calls functions through pointers that Numba sets only in the process that compiled them."""
    return any(variable.name.startswith(".numba.unresolved$") for variable in library._final_module.global_variables)


__all__ = ["KernelCache", "LinkedCache", "NoCache", "UserCache", "are_covered", "recall", "remember"]
