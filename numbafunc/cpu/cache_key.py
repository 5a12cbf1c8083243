"""What the machine code of a kernel depends on, in words: the key of its entry in the cache.

These are the sources of this package, the kernel, the types of its arguments, the processor, Numba's settings, and the
versions of Python, NumPy, Numba and llvmlite. All are found without importing Numba, which takes longer than the rest
of a first call. What Numba makes of its environment is kept in an entry of its own, by a process that has imported it.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from numbafunc.cpu.cache_entries import keep, packed, read, unpacked
from numbafunc.cpu.cache_folder import NOTE
from numbafunc.numba_import import AT_IMPORT, environment, import_numba

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

_VERSION = re.compile(r'"version": "([^"]+)"')


def full_identity(identity: str, *, parallel: bool) -> str:
    """The identity of a kernel in one of its two forms, for one thread or for several."""
    return f"{identity} parallel={parallel}"


def key_of(identity: str, signature: str) -> bytes:
    """The key of a kernel for types of arguments."""
    return repr((source_digest(), identity, signature, *settings())).encode()


@cache
def source_digest() -> str:
    """Digest of the sources of this package and of the versions that compile them."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    # Without sources there is bytecode in their places; or all is in an archive, or in one file with the interpreter.
    paths = sorted(root.rglob("*.py")) or sorted(root.rglob("*.pyc"))
    for path in paths or [Path(getattr(__spec__.loader, "archive", sys.executable))]:
        digest.update(str(path.relative_to(root) if paths else "").encode())
        digest.update(path.read_bytes())
    versions = (numba_version(), llvmlite.__version__, np.__version__, sys.version, platform.machine())
    digest.update(repr(versions).encode())
    return digest.hexdigest()


def numba_folder() -> Path | None:
    """Where Numba's modules are, as files; None where that is not known without importing it."""
    spec = find_spec("numba")
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    return Path(folders[0]) if len(folders) == 1 else None


def numba_version() -> str:
    """The version of Numba, which its file of that name tells."""
    folder = numba_folder()
    try:
        found = folder and _VERSION.search(Path(folder, "_version.py").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1] if found else str(import_numba().__version__)


def settings() -> tuple[Any, list[tuple[str, str]]]:
    """The processor that Numba compiles for, and its settings."""
    # Where LLVM can call Intel's vector functions, Numba looks for their library and tells LLVM before it is first
    # used.
    noted = None if "numba" in sys.modules or llvm.targets.has_svml() else _noted(environment())
    if noted is not None:
        return noted
    known = vars(import_numba().config)  # the program may have changed settings since the import
    _note(known)
    return _settled(known, _features)


def _settled(config: dict[str, Any], features: Any) -> tuple[Any, list[tuple[str, str]]]:
    processor = (llvm.get_process_triple(), config["CPU_NAME"] or llvm.get_host_cpu_name(), features(config))
    return processor, [(name, repr(config.get(name))) for name in _SETTINGS]


def _features(config: dict[str, Any]) -> str:
    """The features of the processor for which Numba compiles in this process."""
    from numba.core.registry import cpu_target

    return str(cpu_target.target_context.codegen().magic_tuple()[2])


def _features_at_import(config: dict[str, Any]) -> str:
    from numba.core.codegen import get_host_cpu_features

    chosen = config["CPU_FEATURES"]
    return str(get_host_cpu_features()) if chosen is None else str(chosen)


# ---- what Numba makes of its environment


@cache
def _noted(environment: Any) -> tuple[Any, list[tuple[str, str]]] | None:
    """The settings that Numba had in this environment, on this processor."""
    payload = read(_key_of_note(environment), NOTE)
    try:
        facts = unpacked(payload or b"")[0]
        processor, values = facts["processor"], facts["settings"]
        return (*map(str, processor),), [(str(name), str(value)) for name, value in values]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _key_of_note(environment: Any) -> bytes:
    host = llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return repr((source_digest(), "settings of Numba", host, environment)).encode()


def _note(known: dict[str, Any]) -> None:
    """Keep what Numba made of its environment when it was imported, before the program could change anything.

    It is not known where Numba was imported before this package.
    """
    found = tuple(AT_IMPORT)  # another thread may be about to clear it
    if found and known["ENABLE_AVX"] == found[1]["ENABLE_AVX"]:  # on which the features depend
        environment, config = found
        if _noted(environment) is None:
            processor, values = _settled(config, _features_at_import)
            keep(_key_of_note(environment), packed({"processor": processor, "settings": values}), NOTE)
        AT_IMPORT.clear()


__all__ = ["full_identity", "key_of", "numba_folder", "settings", "source_digest"]
