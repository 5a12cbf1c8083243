"""The identity of a user's function: a digest of its code and of all that its machine code depends on."""

from __future__ import annotations

import hashlib
import types
from typing import Any

import numpy as np


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
        names = names_in(value.__code__)
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


def names_in(code: types.CodeType) -> list[str]:
    """The names of global variables and attributes in a function and in those inside it."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += names_in(constant)
    return names


def _digest_code(digest: Any, code: types.CodeType) -> None:
    digest.update(code.co_code)
    digest.update(repr((code.co_names, code.co_varnames, code.co_freevars)).encode())
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _digest_code(digest, constant)
        else:
            digest.update(repr(constant).encode())


__all__ = ["RELEASED", "identify", "names_in"]
