"""The identity of a user's function: a digest of its code and of all that its machine code depends on.

Machine code of a function with an identity may be kept on disk. There is none where anything that the function refers
to could change without the digest: objects of other classes, and what users have taught Numba by overloads.
"""

from __future__ import annotations

import enum
import hashlib
import sys
import types
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.itanium_mangler import mangle_identifier
from numba.core.typing.templates import builtin_registry

from numbafunc.numbers.numba_type import NumberType

RELEASED = ("builtins", "cmath", "math", "numba", "numbafunc", "numpy", "operator")
"""Modules whose functions and constants are identified by the version of the module."""

LARGEST_CONSTANT = 10**6
"""Numba refers to arrays with more bytes by their address."""

COVERED: set[str] = set()
"""The functions of users that identities are made of, as machine code names them."""

TAINTED: set[str] = set()
"""Those for which others have been compiled that no identity covers."""

_PLAIN = (type(None), type(...), bool, int, float, complex, str, bytes)


class UnidentifiableError(Exception):
    """Something can change without any sign of it."""


def is_released(module: str | None) -> bool:
    """Whether a module is one of those that are identified by their version."""
    return (module or "").partition(".")[0] in RELEASED


def identify(function: Any, *, arrays: bool = False) -> str | None:
    """Digest of a user's function: its code and all that it refers to; None where that can't be determined.

    With ``arrays`` it may refer to arrays, of which the caller keeps a copy.
    """
    digest = _Digest(arrays)
    try:
        digest.value(function)
    except UnidentifiableError:
        return None
    return digest.hexdigest()


def is_covered(name: str) -> bool:
    """Whether a function, as machine code names it, is that of a released module or a part of some identity."""
    covered = name.startswith(_NAMES_OF_RELEASED) or _OF_LOOPS in name or any(map(name.startswith, COVERED))
    return covered and not any(map(name.startswith, TAINTED))


def mangled(module: Any, name: str) -> str:
    """The beginning of the name of a function in machine code: its module, its name, and what it is defined in."""
    return str(mangle_identifier(f"{module}.{name}.")).removeprefix("N").removesuffix("0E")


_NAMES_OF_RELEASED = (
    *(mangle_identifier(module) for module in RELEASED),
    mangled("<dynamic>", "implementation"),  # what this package generates for calls of ops in compiled functions
)
_OF_LOOPS = "__numba_parfor_gufunc"  # the body of a parallel loop, which belongs to the function around it


def names_in(code: types.CodeType) -> list[str]:
    """The names of global variables and attributes in a function and in those inside it."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += names_in(constant)
    return names


def class_words(kind: Any) -> str:
    """What identifies a class that a function refers to: the fields of named tuples, the members of enumerations."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    if is_released(kind.__module__) or issubclass(kind, BaseException):
        return name
    if issubclass(kind, enum.Enum):
        return f"{name} {[(member.name, member.value) for member in kind]}"
    # Machine code that makes such a tuple finds the class by its name.
    if issubclass(kind, tuple) and hasattr(kind, "_fields") and _found(kind):
        return f"{name} {kind._fields} {kind._field_defaults}"
    raise UnidentifiableError


def _found(named: Any) -> bool:
    """Whether a function or a class is what its module has under its name."""
    value: Any = sys.modules.get(named.__module__)
    for part in named.__qualname__.split("."):
        value = getattr(value, part, None)
    return value is named and named.__module__ != "__main__"


def is_constant(array: Any) -> bool:
    """Whether an array that a function refers to is a part of its machine code; of larger ones that has the address."""
    return array.nbytes < LARGEST_CONSTANT and array.dtype.kind in "biufc"


def _is_function(value: Any) -> bool:
    """Whether a value is a function of a module, not a method that belongs to some object."""
    owner = getattr(value, "__self__", None)
    return callable(value) and hasattr(value, "__name__") and (owner is None or isinstance(owner, types.ModuleType))


def type_words(type_: Any) -> str:
    """What identifies one of Numba's types, whose own names leave out the fields of named tuples."""
    kinds = numba.types
    if isinstance(type_, kinds.BaseTuple):
        kind = class_words(type_.instance_class) if isinstance(type_, kinds.BaseNamedTuple) else "tuple"
        return f"{kind}({', '.join(map(type_words, type_))})"
    if isinstance(type_, kinds.Array):
        return f"{type_words(type_.dtype)} {type_}"
    if isinstance(type_, kinds.Optional):
        return f"optional {type_words(type_.type)}"
    if isinstance(type_, (kinds.Number, kinds.Boolean, kinds.NoneType, kinds.UnicodeType, NumberType)):
        return str(type_)
    if isinstance(type_, kinds.Literal) and type(type_.literal_value) in _PLAIN:
        return str(type_)
    raise UnidentifiableError


class _Digest:
    """A digest of values, and of what these refer to."""

    def __init__(self, arrays: bool) -> None:
        self._hash = hashlib.sha256()
        self._arrays = arrays
        self._seen: dict[int, tuple[int, Any]] = {}
        self._extended, self._attributes = _extensions(len(builtin_registry.globals), len(builtin_registry.attributes))
        self._add("settings", numba.config.BOUNDSCHECK)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def _add(self, *words: Any) -> None:
        self._hash.update(repr(words).encode())

    def value(self, value: Any) -> None:
        """Add a value that a function refers to."""
        if id(value) in self._extended:
            raise UnidentifiableError
        op = getattr(value, "elementwise_op", None)
        if isinstance(value, Dispatcher):
            self._add("options", sorted(value.targetoptions.items(), key=str))
            self.value(value.py_func)
        elif op is not None:
            self._op(op)
        elif isinstance(value, types.FunctionType):
            if is_released(value.__module__) and _found(value):
                self._add(value.__module__, value.__qualname__)
            else:
                self._function(value)
        elif isinstance(value, tuple):
            self._add("tuple", len(value), "" if type(value) is tuple else class_words(type(value)))
            for item in value:
                self.value(item)
        elif isinstance(value, types.ModuleType):
            self._add("module", value.__name__, str(getattr(value, "__version__", "")))
        elif isinstance(value, enum.Enum):
            self._add(class_words(type(value)), value.name)
        elif type(value) in _PLAIN or isinstance(value, (np.number, np.bool_, np.dtype)):
            self._add(type(value).__name__, value)
        elif type(value) is np.ndarray and self._arrays and is_constant(value):
            content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
            self._add("array", value.dtype.descr, value.shape, value.strides, value.flags.aligned, content)
        elif isinstance(value, type):
            self._add(class_words(value))
        elif isinstance(value, np.ufunc) and any(value is one for one in vars(np).values()):
            self._add("ufunc", str(value))
        elif isinstance(value, (numba.types.Number, numba.types.Boolean)):
            self._add("type", str(value))
        elif _is_function(value) and is_released(value.__module__):
            self._add(value.__module__, value.__name__)
        else:
            raise UnidentifiableError

    def _op(self, op: Any) -> None:
        """Add an elementwise op; those of users are frozen at the first call."""
        if op.identity is not None:
            self._add("op", op.identity)
            return
        try:
            op.settled()
        except TypeError:
            raise UnidentifiableError from None
        self._function(op.given)

    def _function(self, function: types.FunctionType) -> None:
        if id(function) in self._seen:
            self._add("seen", self._seen[id(function)][0])
            return
        self._seen[id(function)] = len(self._seen), function
        COVERED.add(mangled(function.__module__, function.__qualname__))
        self._code(function.__code__)
        for cell in function.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:  # what it holds is not known yet
                raise UnidentifiableError from None
            self.value(content)
        self.value(function.__defaults__)
        for name, value in (function.__kwdefaults__ or {}).items():
            self._add("default", name)
            self.value(value)
        names = names_in(function.__code__)
        if self._attributes.intersection(names):
            raise UnidentifiableError
        for name in names:
            if name in function.__globals__:
                self._add("global", name)
                self.value(function.__globals__[name])
                self._module(function.__globals__[name], names, ())

    def _module(self, module: Any, names: list[str], outer: tuple[Any, ...]) -> None:
        """Add the attributes of a user's module that a function names."""
        if not isinstance(module, types.ModuleType) or module in outer:
            return
        released = is_released(module.__name__)
        for name in names:
            if not hasattr(module, name):
                continue
            attribute = getattr(module, name)
            if id(attribute) in self._extended:
                raise UnidentifiableError
            if not released:
                self._add("attribute", module.__name__, name)
                self.value(attribute)
            self._module(attribute, names, (*outer, module))

    def _code(self, code: types.CodeType) -> None:
        self._add(code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags)
        self._add(getattr(code, "co_exceptiontable", b""), code.co_argcount, code.co_kwonlyargcount)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._code(constant)
            else:
                self._add(constant)


@lru_cache(maxsize=1)
def _extensions(functions: int, attributes: int) -> tuple[frozenset[int], frozenset[str]]:
    """The functions, by their ids, and the attributes for which others have taught Numba implementations.

    The arguments are the numbers of all that Numba knows.
    """
    extended = frozenset(
        id(value) for value, type_ in builtin_registry.globals if any(map(_is_foreign, getattr(type_, "templates", ())))
    )
    return extended, frozenset(t._attr for t in builtin_registry.attributes if hasattr(t, "_attr") and _is_foreign(t))


def _is_foreign(template: Any) -> bool:
    implementation = getattr(template, "_overload_func", None)
    return implementation is not None and not is_released(implementation.__module__)


__all__ = [
    "COVERED",
    "RELEASED",
    "TAINTED",
    "UnidentifiableError",
    "class_words",
    "identify",
    "is_constant",
    "is_covered",
    "is_released",
    "mangled",
    "names_in",
    "type_words",
]
