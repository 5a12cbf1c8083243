"""What is done as soon as Numba has been imported, by whoever it is.

Importing Numba takes longer than all else that a first call does, and kernels that are kept run without it. What this
package teaches Numba waits until the program, or a compilation, imports it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from numbafunc.interrupts import held_back
from numbafunc.process_lock import free_in_children

AT_IMPORT: list[Any] = []
"""What :func:`environment` was when Numba was imported, and Numba's settings then; empty where that is not known."""

# Settings by which no machine code differs.
_WITHOUT_EFFECT = ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY")

if "numba" in sys.modules:
    import_module("numba")  # another thread may be about to import it: this waits
_waiting: list[Callable[[], object]] | None = None if "numba" in sys.modules else []
_lock = free_in_children(threading.Lock())


def after_import(function: Callable[[], object]) -> None:
    """Call a function when Numba has been imported: now, or at the end of the program's own import statement."""
    with _lock:
        if _waiting is not None:
            _waiting.append(function)
            return
    function()


def is_imported() -> bool:
    """Whether Numba has been imported as a whole.

    While another thread imports it, ``from numba.core import ...`` would find modules that are loaded in part: only
    ``import numba`` and :func:`import_numba` wait for that thread.
    """
    return _waiting is None


def import_numba() -> Any:
    """Numba, with all that waits for it done."""
    numba = import_module("numba")
    if _waiting is not None:  # it was not found by the finder below
        _imported()
    return numba


def environment() -> tuple[Any, ...]:
    """All that Numba makes its settings of when it is imported, apart from the processor."""
    file = Path(".numba_config.yaml")
    names = sorted(name for name in os.environ if name.startswith("NUMBA_") and name not in _WITHOUT_EFFECT)
    variables = [(name, os.environ[name]) for name in names]
    if not file.is_file():
        return tuple(variables), None
    from importlib.util import find_spec

    return tuple(variables), (find_spec("yaml") is not None, file.read_bytes())  # which reads the file


def _imported() -> None:
    global _waiting
    with held_back():  # else an exception of a signal handler would leave the rest undone
        while True:
            with _lock:
                if not _waiting:
                    _waiting = None
                    return
                function = _waiting.pop(0)
            try:
                function()
            except BaseException:  # the import fails, and the next one does the rest
                with _lock:
                    _waiting = [function, *(_waiting or ())]
                raise


def name_parts() -> None:
    """Let packages of Numba know those of their modules that were loaded before them, as an import would have done."""
    for name in [name for name in list(sys.modules) if name.startswith("numba.")]:  # other threads import meanwhile
        package, _, word = name.rpartition(".")
        if package in sys.modules and not hasattr(sys.modules[package], word):
            setattr(sys.modules[package], word, sys.modules[name])


class _Finder(MetaPathFinder):
    """Finds nothing by itself: it asks the other finders for Numba, and lets what they find call :func:`_imported`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "numba" or _waiting is None or getattr(_ASKING, "others", False):
            return None
        _ASKING.others = True  # one of them may do the same
        try:
            specs = (find(fullname, path, target) for find in _others(self))
            spec: ModuleSpec | None = next((spec for spec in specs if spec is not None), None)
        finally:
            _ASKING.others = False
        if spec is not None and spec.loader is not None:
            _call_afterwards(spec.loader)
        return spec


_ASKING = threading.local()


def _others(own: Any) -> list[Any]:
    found = [getattr(finder, "find_spec", None) for finder in list(sys.meta_path) if finder is not own]
    return [find for find in found if find is not None]


def _call_afterwards(loader: Any) -> None:
    """Let a loader call :func:`_imported` when it has executed the module."""
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        if module.__name__ != "numba":  # some finders have one loader for all modules
            execute(module)
            return
        vars(loader).pop("exec_module", None)
        name_parts()
        found = environment()
        execute(module)
        AT_IMPORT[:] = found, dict(vars(module.config))
        name_parts()
        _imported()

    loader.exec_module = exec_module


if _waiting is not None:
    sys.meta_path.insert(0, _Finder())

__all__ = ["AT_IMPORT", "after_import", "environment", "import_numba", "is_imported"]
