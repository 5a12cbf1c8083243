"""Forks while other threads work: the child finds no lock held, and nothing half done, by a thread that it lacks.

While something is compiled or loaded, or Numba is imported, a fork waits: the child could not go on with it. So the
thread that forks takes the locks of Numba's compiler and of LLVM, and ours for machine code.
"""

from __future__ import annotations

import contextlib

# Loaded first, since the locks of what registers last are taken first: a thread that compiles may wait for its lock.
import logging  # noqa: F401
import os
import sys
import threading
from importlib import import_module
from typing import Any, TypeVar

Lock = TypeVar("Lock")

# Those of Numba and of LLVM, by the modules that have them: nothing is imported for a fork.
_OTHERS = {
    "numba.core.compiler_lock": ("global_compiler_lock", "_lock"),
    "numba.np.ufunc.parallel": ("_backend_init_thread_lock",),
    "llvmlite.binding.ffi": ("lib", "_lock", "_lock"),
}
_PACKAGES = frozenset(("llvmlite", "numba", "numbafunc"))

_OWN: list[Any] = []


def free_in_children(lock: Any) -> Any:
    """The lock, for some lines of Python only, which is free in a forked child whoever held it."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)
    return lock


def held_by_forks(lock: Lock) -> Lock:
    """The lock, a reentrant one, which a thread takes before it forks.

    It is free in a forked child, unless the thread holds it that forks, even if a signal has ended the wait for it.
    """
    known: Any = lock
    _OWN.append(known)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: None if known._is_owned() else known._at_fork_reinit())
    return lock


held_by_forks(threading.RLock())  # so that there is one always


def _locks() -> list[Any]:
    found = []
    for name, path in _OTHERS.items():
        lock: Any = sys.modules.get(name)
        for word in path:
            lock = getattr(lock, word, None)
        found.append(lock)
    return [*(lock for lock in found if lock is not None), *_OWN]


def _being_imported() -> set[str]:
    """The modules that threads import now; before such a module exists, Python has just a lock for it."""
    locked = list(getattr(sys.modules["_frozen_importlib"], "_module_locks", ()))
    begun = [name for name, module in list(sys.modules.items()) if _is_ours(name) and _is_begun(module)]
    return {name for name in (*locked, *begun) if _is_ours(name)}


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in _PACKAGES


def _is_begun(module: Any) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


_held: dict[int, contextlib.ExitStack] = {}
"""What threads hold that are forking now."""


def _before() -> None:
    own: set[str] = set()  # modules that this thread imports itself
    first: Any = None
    while True:
        with contextlib.ExitStack() as stack:
            # Wait for one while no other is held: threads take them in various orders.
            first = first or _locks()[0]
            first.acquire()
            stack.callback(first.release)
            # There may be more of them by now.
            blocked = next((lock for lock in _locks() if lock is not first and not _taken(lock, stack)), None)
            modules = _being_imported() - own
            if blocked is None and not modules:
                _held[threading.get_ident()] = stack.pop_all()
                return
        first = blocked
        for name in modules:
            with contextlib.suppress(Exception):
                import_module(name)  # waits for the thread that does
        own |= modules


def _taken(lock: Any, stack: contextlib.ExitStack) -> bool:
    taken = bool(lock.acquire(blocking=False))
    if taken:
        stack.callback(lock.release)
    return taken


def _after() -> None:
    stack = _held.pop(threading.get_ident(), None)  # None where a signal handler's exception has ended the wait
    if stack is not None:
        stack.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)

__all__ = ["free_in_children", "held_by_forks"]
