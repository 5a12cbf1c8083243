"""The cache of compiled kernels on disk: safe for any number of processes in one folder.

A cached kernel is one file whose name is a digest of everything that its machine code depends on: the sources of this
package, the kernel, the types of its arguments, the processor, and the versions of Python, NumPy, Numba and llvmlite.
So a file is never changed, only created, and creation is atomic (a temporary file is renamed). The file repeats all
that the digest is made of and has a checksum; a file that does not match is ignored. Unlike Numba's own cache, this one
has no index file on which processes could disagree.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import pickle
import platform
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import event
from numba.core.caching import NullCache, _Cache
from numba.core.compiler import CompileResult
from numba.core.runtime import _nrt_python, rtsys
from numba.core.serialize import dumps

from numbafunc.cpu import cache_folder
from numbafunc.cpu.compile_log import CompileTimer, dtypes_of, op_of
from numbafunc.cpu.identity import TAINTED, UnidentifiableError, is_covered, mangled, type_words

_MAGIC = b"numbafunc kernel 1\n"

_LONGEST_KEY = 2**20  # bytes of a key that are read to describe an entry

# How the names of variables begin that hold the environments of functions.
_ENVIRONMENT = "_ZN08NumbaEnv"

# Settings of Numba's that change the machine code, beside the processor and its features.
_SETTINGS = (
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "DISABLE_INTEL_SVML",
    "ENABLE_AVX",
    "ENABLE_PROFILING",
    "EXTEND_VARIABLE_LIFETIMES",
    "LLVM_REFPRUNE_FLAGS",
    "LLVM_REFPRUNE_PASS",
    "LOOP_VECTORIZE",
    "OPT",
    "PARFOR_MAX_TUPLE_SIZE",
    "SLP_VECTORIZE",
    "USING_SVML",
)


@cache
def source_digest() -> str:
    """Digest of the sources of this package and of the versions that compile them."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    versions = (numba.__version__, llvmlite.__version__, np.__version__, sys.version, platform.machine())
    digest.update(repr(versions).encode())
    return digest.hexdigest()


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
    return all(is_covered(name.removeprefix(_ENVIRONMENT)) for name in names if name.startswith(_ENVIRONMENT))


class KernelCache(_Cache):
    """Cache of a Numba dispatcher, which reads it before a compilation and writes to it afterwards."""

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

    def _key(self, signature: Any, target: Any) -> bytes:
        settings = [(name, getattr(numba.config, name, None)) for name in _SETTINGS]
        processor = target.codegen().magic_tuple()
        return repr((source_digest(), self._identity, str(signature), processor, settings)).encode()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel for these types, or None."""
        # A full refresh of the context would load the whole compiler, which takes half a second.
        _name_runtime()
        self._timer = CompileTimer()
        payload = _read(self._key(sig, target_context))
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

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel, unless its code is also that of functions that its identity says nothing of."""
        self._timer.log(self._identity, sig, cache_hit=False)
        if not are_covered([data.library]):
            return
        if data.lifted or data.library.has_dynamic_globals or _is_recursive(data.library) or _needs_more(data.library):
            return
        key = self._key(sig, data.target_context)
        try:
            payload = dumps(data._reduce())
        except Exception as error:
            cache_folder.warn_once(f"A compiled kernel can't be kept, and is compiled anew next time: {error!r}")
            return
        _keep(key, payload)


class NoCache(NullCache):
    """In place of the cache, for functions that can't be told from others: it logs what is compiled."""

    def load_overload(self, sig: Any, target_context: Any) -> None:
        """Nothing."""
        self._timer = CompileTimer()

    def save_overload(self, sig: Any, cres: Any) -> None:
        """Keep nothing."""
        self._timer.log(None, sig, cache_hit=False)


class UserCache(KernelCache):
    """Cache of a dispatcher whose arguments come from users, and may be of any type."""

    def _key(self, signature: Any, target: Any) -> bytes:
        return super()._key("; ".join(map(type_words, signature)), target)

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
    payload = _read(repr((source_digest(), identity)).encode())
    try:
        return None if payload is None else pickle.loads(payload)
    except (ImportError, AttributeError):
        return None


def remember(identity: str, value: Any) -> None:
    """Keep a value beside the machine code that goes with it."""
    _keep(repr((source_digest(), identity)).encode(), dumps(value))


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


def contents(root: Path) -> list[tuple[str, str, int, float]]:
    """What is in a folder of kernels: of each the op, its dtypes, bytes, and when it was last used, newest first."""
    found = []
    for entry in cache_folder.entries(root):
        with contextlib.suppress(OSError):
            if entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                op, dtypes = _described(Path(entry.path))
                found.append((op, dtypes, status.st_size, max(status.st_atime, status.st_mtime)))
    return sorted(found, key=lambda one: -one[3])


def _described(path: Path) -> tuple[str, str]:
    """The op and the dtypes of an entry, by what its digest is made of."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return "not a kernel", ""
        key = file.read(min(int.from_bytes(file.read(8), "little"), _LONGEST_KEY))
    try:
        _, identity, *others = ast.parse(key.decode(), mode="eval").body.elts[:3]  # type: ignore[attr-defined]
        return op_of(ast.literal_eval(identity)), dtypes_of(ast.literal_eval(others[0])) if others else ""
    except (AttributeError, SyntaxError, ValueError):
        return "not a kernel", ""


def _name(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _head(key: bytes) -> bytes:
    return _MAGIC + len(key).to_bytes(8, "little") + key


def _read(key: bytes) -> bytes | None:
    """The content of an entry, if it is whole."""
    content, head = cache_folder.read(_name(key)), _head(key)
    if content is None:
        return None
    payload = content[len(head) + 32 :]
    whole = content.startswith(head) and hashlib.sha256(payload).digest() == content[len(head) : len(head) + 32]
    return payload if whole else None


def _keep(key: bytes, payload: bytes) -> None:
    cache_folder.write(_name(key), _head(key) + hashlib.sha256(payload).digest() + payload)


__all__ = ["KernelCache", "NoCache", "UserCache", "are_covered", "contents", "recall", "remember", "source_digest"]
