"""The cache of compiled kernels on disk: safe for any number of processes in one folder.

A cached kernel is one file whose name is a digest of everything that its machine code depends on: the sources of this
package, the kernel, the types of its arguments, the processor, and the versions of Python, NumPy, Numba and llvmlite.
So a file is never changed, only created, and creation is atomic (a temporary file is renamed). The file repeats all
that the digest is made of and has a checksum; a file that does not match is ignored. Unlike Numba's own cache, this one
has no index file on which processes could disagree.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import platform
import sys
import tempfile
import types
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.runtime import _nrt_python, rtsys
from numba.core.serialize import dumps
from numba.core.typing.templates import builtin_registry

from numbafunc.cpu.identity import UnidentifiableError, is_released, names_in, type_words
from numbafunc.cpu.parts import KernelCompiler, PartCompiler
from numbafunc.numbers import elementary

_MAGIC = b"numbafunc kernel 1\n"


def folder() -> Path:
    """Folder of the cached kernels: ``NUMBAFUNC_CACHE_DIR``, or ``numbafunc`` in the user's cache folder."""
    chosen = os.environ.get("NUMBAFUNC_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local"), "numbafunc", "Cache")
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/numbafunc"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "numbafunc")


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


# Ufuncs of scipy.special, and the elementary functions that take their places.
_OF_SCIPY = {
    **{name: name for name in ("erf", "erfc", "gamma")},
    **{"gammaln": "lgamma", "psi": "digamma", "expit": "logistic"},
}


def frozen(function: Any) -> Any:
    """A copy of a user's function whose global variables, and those of enclosing functions, keep their present values.

    So do those of other functions of the user that it names.
    """
    return _with_helpers(function, lambda helper: helper, {})


def with_compiled_helpers(function: Any) -> Any:
    """A frozen copy of a function that calls compiled copies of the user's functions that it names."""
    return _with_helpers(function, inline, {})


def _with_helpers(function: Any, finish: Callable[[Any], Any], made: dict[Any, Any]) -> Any:
    made[function] = function  # while it is being made: Numba refuses functions that call themselves
    names = names_in(function.__code__)
    variables = dict(function.__globals__)
    variables.update({n: _replaced(variables[n], names, finish, made) for n in names if n in variables})
    values = (_replaced(cell.cell_contents, names, finish, made) for cell in function.__closure__ or ())
    cells = tuple(map(types.CellType, values))
    copy = types.FunctionType(function.__code__, variables, function.__name__, function.__defaults__, cells or None)
    copy.__qualname__, copy.__module__ = function.__qualname__, function.__module__
    made[function] = copy
    return copy


def _replaced(value: Any, names: list[str], finish: Callable[[Any], Any], made: dict[Any, Any]) -> Any:
    """What takes the place of a value that a function names: a copy of a function of the user, also one of a module.

    Functions under ``numba.njit`` are copied from their source, since they become a part of the loop as all others do.
    """
    if isinstance(value, types.ModuleType):
        if is_released(value.__name__):
            return value
        held = vars(value)
        changed = {name: _replaced(held[name], names, finish, made) for name in names if callable(held.get(name))}
        if all(new is held[name] for name, new in changed.items()):
            return value
        module = types.ModuleType(value.__name__)
        vars(module).update(held, **changed)
        return module
    op = getattr(value, "elementwise_op", None)
    if op is not None:
        return value if finish is not inline else inline(op.settled())
    if (
        finish is inline
        and isinstance(value, np.ufunc)
        and value.__name__ in _OF_SCIPY
        and value is not getattr(np, value.__name__, None)
    ):
        return elementary.FUNCTIONS[_OF_SCIPY[value.__name__]]
    plain = getattr(value, "py_func", value)
    if not isinstance(plain, types.FunctionType) or is_released(plain.__module__):
        return value
    if plain is value and any(known is value for known, _ in builtin_registry.globals):
        return value  # Numba knows it by an overload of the user's
    copy = made[plain] if plain in made else _with_helpers(plain, finish, made)
    return value if copy is plain else finish(copy)


class KernelCache(_Cache):
    """Cache of a Numba dispatcher, which reads it before a compilation and writes to it afterwards."""

    def __init__(self, identity: str) -> None:
        self._identity = identity

    @property
    def cache_path(self) -> str:
        """The folder of the cached kernels."""
        return str(folder())

    def enable(self) -> None:
        """Do nothing: caching is always on, except where the folder can't be used."""

    def disable(self) -> None:
        """Do nothing, see :meth:`enable`."""

    def flush(self) -> None:
        """Do nothing: cached kernels never go stale."""

    def _key(self, signature: Any, target: Any) -> bytes:
        return repr((source_digest(), self._identity, str(signature), target.codegen().magic_tuple())).encode()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel for these types, or None."""
        # A full refresh of the context would load the whole compiler, which takes half a second.
        _name_runtime()
        payload = _read(self._key(sig, target_context))
        try:
            return None if payload is None else CompileResult._rebuild(target_context, *pickle.loads(payload))
        except (ImportError, AttributeError):  # it refers to a user's module that no longer exists
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel."""
        if data.lifted or data.library.has_dynamic_globals or _is_recursive(data.library) or _needs_more(data.library):
            return
        _keep(self._key(sig, data.target_context), dumps(data._reduce()))


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


def _head(key: bytes) -> bytes:
    return _MAGIC + len(key).to_bytes(8, "little") + key


def _entry(key: bytes) -> Path:
    name = hashlib.sha256(key).hexdigest()
    return folder() / name[:2] / f"{name}.kernel"


def _read(key: bytes) -> bytes | None:
    """The content of an entry, if it is whole."""
    try:
        content = _entry(key).read_bytes()
    except OSError:
        return None
    head = _head(key)
    payload = content[len(head) + 32 :]
    whole = content.startswith(head) and hashlib.sha256(payload).digest() == content[len(head) : len(head) + 32]
    return payload if whole else None


def _keep(key: bytes, payload: bytes) -> None:
    with contextlib.suppress(OSError):  # no space, no permission: the kernel is compiled anew next time
        _write(_entry(key), _head(key) + hashlib.sha256(payload).digest() + payload)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


# IEEE arithmetic as written, no exceptions. All flags are given, since a callee inherits those of its caller.
FLAGS: dict[str, Any] = {
    "nogil": True,
    "fastmath": False,
    "error_model": "numpy",
    "boundscheck": False,
    "no_cfunc_wrapper": True,
}


@cache
def inline(function: Any) -> Any:
    """The Numba dispatcher of a function that is copied into kernels, so that loops around it are vectorised.

    A call would reach the copy in the function's own library, which is hardly optimised.
    """
    return numba.njit(**FLAGS, no_cpython_wrapper=True, forceinline=True, pipeline_class=PartCompiler)(function)


def separate(function: Any) -> Any:
    """The Numba dispatcher of a function that kernels call and that is not copied into them."""
    return numba.njit(**FLAGS, no_cpython_wrapper=True, pipeline_class=PartCompiler)(function)


def compile_lazily(function: Any, identity: str | None, *, parallel: bool = False) -> Any:
    """The Numba dispatcher of a kernel: it compiles, or reads the cache, at the first call with new types.

    A kernel without an identity is compiled anew in each process. Others are named by it: symbols of machine code that
    different processes have compiled would otherwise meet under one name where functions of the user call kernels.
    """
    return _kept(function, identity and f"{identity} parallel={parallel}", KernelCache, **FLAGS, parallel=parallel)


def compile_loop(function: Any, identity: str | None) -> Any:
    """The Numba dispatcher of a loop around a user's function, compiled or read as :func:`compile_lazily` says."""
    return _kept(function, identity, UserCache, nogil=True)


def _kept(function: Any, identity: str | None, kind: Any, **options: Any) -> Any:
    if identity is not None:
        digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
        function.__name__ = function.__qualname__ = f"{function.__name__}_{digest}"
    dispatcher = numba.njit(**options, pipeline_class=KernelCompiler)(function)
    if identity is not None:
        dispatcher._cache = kind(identity)
    return dispatcher


def part_of_loop(function: Any, **options: Any) -> Any:
    """The Numba dispatcher of a function that only such loops, and others like it, call."""
    return numba.njit(**options, no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=PartCompiler)(function)
