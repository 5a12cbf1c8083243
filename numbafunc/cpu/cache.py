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
    names = _names(function.__code__)
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
        if value.__name__.split(".")[0] in RELEASED:
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
    if not isinstance(plain, types.FunctionType) or (plain.__module__ or "").split(".")[0] in RELEASED:
        return value
    if plain is value and any(known is value for known, _ in builtin_registry.globals):
        return value  # Numba knows it by an overload of the user's
    copy = made[plain] if plain in made else _with_helpers(plain, finish, made)
    return value if copy is plain else finish(copy)


def identify(function: Any) -> str | None:
    """Digest of a user's function: its code and all that it refers to; None where that can't be determined."""
    digest = hashlib.sha256()
    try:
        _digest_value(digest, function, set())
    except _UnidentifiableError:
        return None
    return digest.hexdigest()


class _UnidentifiableError(Exception):
    pass


def _digest_value(digest: Any, value: Any, seen: set[int]) -> None:
    if hasattr(value, "py_func"):
        digest.update(repr(sorted(getattr(value, "targetoptions", {}).items())).encode())
        value = value.py_func
    if id(value) in seen:
        return
    if isinstance(value, types.FunctionType):
        seen.add(id(value))
        _digest_code(digest, value.__code__)
        for cell in value.__closure__ or ():
            _digest_value(digest, cell.cell_contents, seen)
        _digest_value(digest, value.__defaults__, seen)
        names = _names(value.__code__)
        for name in names:
            if name in value.__globals__:
                digest.update(name.encode())
                _digest_value(digest, value.__globals__[name], seen)
                _digest_attributes(digest, value.__globals__[name], names, seen)
    elif isinstance(value, tuple):
        for item in value:
            _digest_value(digest, item, seen)
    elif isinstance(value, types.ModuleType):
        digest.update(f"module {value.__name__} {getattr(value, '__version__', '')}".encode())
    elif value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
        digest.update(f"{type(value).__name__} {value!r}".encode())
    elif getattr(value, "__module__", "").split(".")[0] in ("numbafunc", "numpy", "math", "builtins"):
        digest.update(repr(value).encode() if not hasattr(value, "__name__") else value.__name__.encode())
    elif isinstance(value, (types.BuiltinFunctionType, np.ufunc, type)):
        digest.update(f"{value.__name__}".encode())
    else:
        raise _UnidentifiableError


# Modules whose functions and constants are identified by the version of the module.
RELEASED = ("builtins", "cmath", "math", "numba", "numbafunc", "numpy", "operator")


def _digest_attributes(digest: Any, value: Any, names: list[str], seen: set[int]) -> None:
    """Add the attributes of a user's module that a function names."""
    if not isinstance(value, types.ModuleType) or value.__name__.split(".")[0] in RELEASED:
        return
    for name in names:
        if hasattr(value, name):
            attribute = getattr(value, name)
            digest.update(f"{value.__name__}.{name}".encode())
            _digest_value(digest, attribute, seen)
            _digest_attributes(digest, attribute, names, seen)


def _names(code: types.CodeType) -> list[str]:
    """The names of global variables and attributes in a function and in those inside it."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += _names(constant)
    return names


def _digest_code(digest: Any, code: types.CodeType) -> None:
    digest.update(code.co_code)
    digest.update(repr((code.co_names, code.co_varnames, code.co_freevars)).encode())
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _digest_code(digest, constant)
        else:
            digest.update(repr(constant).encode())


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
        key = self._key(sig, target_context)
        try:
            content = _entry(key).read_bytes()
        except OSError:
            return None
        head = _head(key)
        payload = content[len(head) + 32 :]
        if not content.startswith(head) or hashlib.sha256(payload).digest() != content[len(head) : len(head) + 32]:
            return None
        try:
            return CompileResult._rebuild(target_context, *pickle.loads(payload))
        except (ImportError, AttributeError):  # it refers to a user's module that no longer exists
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel."""
        if data.lifted or data.library.has_dynamic_globals or _is_recursive(data.library) or _needs_more(data.library):
            return
        key = self._key(sig, data.target_context)
        payload = dumps(data._reduce())
        with contextlib.suppress(OSError):  # no space, no permission: the kernel is compiled anew next time
            _write(_entry(key), _head(key) + hashlib.sha256(payload).digest() + payload)


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


def separate(function: Any, identity: str | None = None) -> Any:
    """The Numba dispatcher of a function that kernels call and that is not copied into them.

    One that is made for a kernel is named by the identity of the kernel, see :func:`compile_lazily`.
    """
    if identity is not None:
        _name(function, identity)
    return numba.njit(**FLAGS, no_cpython_wrapper=True, pipeline_class=PartCompiler)(function)


def _name(function: Any, identity: str) -> None:
    """Give a function a name of its own."""
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    function.__name__ = function.__qualname__ = f"{function.__name__}_{digest}"


def compile_lazily(function: Any, identity: str | None, *, parallel: bool = False) -> Any:
    """The Numba dispatcher of a kernel: it compiles, or reads the cache, at the first call with new types.

    A kernel without an identity is compiled anew in each process. Others are named by it: symbols of machine code that
    different processes have compiled would otherwise meet under one name where functions of the user call kernels.
    """
    if identity is not None:
        _name(function, f"{identity} parallel={parallel}")
    dispatcher = numba.njit(**FLAGS, parallel=parallel, pipeline_class=KernelCompiler)(function)
    if identity is not None:
        dispatcher._cache = KernelCache(f"{identity} parallel={parallel}")
    return dispatcher
