"""Numba's dispatchers of kernels, and of the functions of which kernels are made."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import numba
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

from numbafunc.cpu.cache import KernelCache, LinkedCache, NoCache, UserCache
from numbafunc.cpu.cache_key import full_identity
from numbafunc.cpu.parts import GlueCompiler, KernelCompiler, PartCompiler
from numbafunc.interrupts import uninterrupted

# IEEE arithmetic as written, no exceptions. All flags are given, since a callee inherits those of its caller.
FLAGS: dict[str, Any] = {
    "nogil": True,
    "fastmath": False,
    "error_model": "numpy",
    "boundscheck": False,
    "no_cfunc_wrapper": True,
}


def _compiled(function: Any, *, pipeline_class: Any, **options: Any) -> Any:
    """A dispatcher that is not interrupted while it compiles.

    An exception of a signal handler would leave Numba's registries half filled, and be lost in LLVM. It compiles though
    ``NUMBA_DISABLE_JIT`` is set, by which users debug functions of their own: ``numba.njit`` would return the function.
    """
    # Modules make dispatchers while they are imported, so this takes no lock: compilations import modules.
    targets = {"boundscheck": None, **options, "nopython": True}
    dispatcher = CPUDispatcher(py_func=function, locals={}, targetoptions=targets, pipeline_class=pipeline_class)

    def compile(*signature: Any) -> Any:
        with global_compiler_lock:
            setting, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, 0
            try:
                # Found at each call, so that a method of the class that is replaced for a time is not kept.
                return type(dispatcher).compile(dispatcher, *signature)
            finally:
                numba.config.DISABLE_JIT = setting

    dispatcher.compile = uninterrupted(compile)
    return dispatcher


@cache
def inline(function: Any) -> Any:
    """The Numba dispatcher of a function that is copied into kernels, so that loops around it are vectorised.

    A call would reach the copy in the function's own library, which is hardly optimised.
    """
    return _compiled(function, **FLAGS, no_cpython_wrapper=True, forceinline=True, pipeline_class=PartCompiler)


def inline_loop(function: Any) -> Any:
    """The Numba dispatcher of a loop that is copied into one kernel, and optimised there, once."""
    return _compiled(function, **FLAGS, no_cpython_wrapper=True, forceinline=True, pipeline_class=GlueCompiler)


def separate(function: Any, identity: str | None = None) -> Any:
    """The Numba dispatcher of a function that kernels call and that is not copied into them.

    One that is made for a kernel is named by the identity of the kernel, see :func:`compile_lazily`.
    """
    if identity is not None:
        _name(function, identity)
    return _compiled(function, **FLAGS, no_cpython_wrapper=True, pipeline_class=PartCompiler)


def _name(function: Any, identity: str) -> None:
    """Give a function a name of its own."""
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    function.__name__ = function.__qualname__ = f"{function.__name__}_{digest}"


def compile_kernel(function: Any, identity: str | None, *, parallel: bool) -> Any:
    """The Numba dispatcher of a kernel of an op, which only Python calls: see :class:`numbafunc.cpu.kernel.Kernel`."""
    identity = identity and full_identity(identity, parallel=parallel)
    return _kept(function, identity, KernelCache, **FLAGS, parallel=parallel)


def compile_lazily(function: Any, identity: str | None) -> Any:
    """The Numba dispatcher of a kernel: it compiles, or reads the cache, at the first call with new types.

    A kernel without an identity is compiled anew in each process. Others are named by it: symbols of machine code that
    different processes have compiled would otherwise meet under one name where functions of the user call kernels.
    """
    return _kept(function, identity, LinkedCache, **FLAGS)


def compile_loop(function: Any, identity: str | None) -> Any:
    """The Numba dispatcher of a loop around a user's function, compiled or read as :func:`compile_lazily` says."""
    return _kept(function, identity, UserCache, nogil=True)


def _kept(function: Any, identity: str | None, kind: Any, **options: Any) -> Any:
    if identity is not None:
        _name(function, identity)
    dispatcher = _compiled(function, **options, pipeline_class=KernelCompiler)
    dispatcher._cache = NoCache() if identity is None else kind(identity)
    return dispatcher


def part_of_loop(function: Any, **options: Any) -> Any:
    """The Numba dispatcher of a function that only such loops, and others like it, call."""
    return _compiled(function, **options, no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=PartCompiler)


__all__ = [
    "FLAGS",
    "compile_kernel",
    "compile_lazily",
    "compile_loop",
    "inline",
    "inline_loop",
    "part_of_loop",
    "separate",
]
