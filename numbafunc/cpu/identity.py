"""The identity of a user's function: a digest of its code and of all that its machine code depends on.

Machine code of a function with an identity may be kept on disk. There is none where anything that the function refers
to could change without the digest: objects of other classes, and what users have taught Numba by overloads.
"""

from __future__ import annotations

import builtins
import contextlib
import enum
import hashlib
import sys
import types
from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import event, imputils
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
    try:
        digest = _Digest(arrays)
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
        values = {one: member.value for one, member in kind.__members__.items()}  # second names too
        if _are_plain(values):
            return f"{name} {values}"
    # Machine code that makes such a tuple finds the class by its name.
    if issubclass(kind, tuple) and hasattr(kind, "_fields") and _found(kind) and _are_plain(kind._field_defaults):
        return f"{name} {kind._fields} {kind._field_defaults}"
    raise UnidentifiableError


def _are_plain(values: dict[str, Any]) -> bool:
    return all(type(value) in _PLAIN for value in values.values())


def _found(named: Any) -> bool:
    """Whether a function or a class is what its module has under its name."""
    value: Any = sys.modules.get(named.__module__)
    for part in named.__qualname__.split("."):
        value = getattr(value, part, None)
    return value is named and named.__module__ != "__main__"


def is_constant(array: Any) -> bool:
    """Whether an array that a function refers to is a part of its machine code; of larger ones that has the address."""
    return array.nbytes < LARGEST_CONSTANT and array.dtype.kind in "biufc"


def _may_be_set(attribute: Any) -> bool:
    """Whether an attribute of a released module is one that programs may set: a constant, or a user's function."""
    plain = type(attribute) in _PLAIN or isinstance(attribute, (tuple, np.generic, np.ndarray))
    return plain or _is_users(attribute)


def _is_users(value: Any) -> bool:
    return isinstance(value, (types.FunctionType, Dispatcher)) and not is_released(value.__module__)


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
        self._taught = _taught(
            len(builtin_registry.globals), len(builtin_registry.attributes), len(imputils.builtin_registry.functions)
        )
        self._add("settings", numba.config.BOUNDSCHECK)
        if self._taught.operators:
            raise UnidentifiableError

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def _add(self, *words: Any) -> None:
        self._hash.update(repr(words).encode())

    def value(self, value: Any) -> None:
        """Add a value that a function refers to."""
        if id(value) in self._taught.functions:
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
                self._add("jitable", self._taught.options.get(id(value)))
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
        _note(function)
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
        if self._taught.attributes.intersection(names):
            raise UnidentifiableError
        for name in names:
            if name in function.__globals__:
                self._add("global", name)
                self.value(function.__globals__[name])
                self._module(function.__globals__[name], names, ())
            elif type(vars(builtins).get(name, float)) in _PLAIN:  # which any module can add to
                self._add("builtin", name)
                self.value(vars(builtins)[name])

    def _module(self, module: Any, names: list[str], outer: tuple[Any, ...]) -> None:
        """Add the attributes of a user's module that a function names."""
        if not isinstance(module, types.ModuleType) or module in outer:
            return
        released = is_released(module.__name__)
        # NumPy warns where it is asked for names that it once had, or will have; they are not listed.
        there: Any = {*vars(module), *dir(module)} if released else names
        for name in names:
            if name not in there or not hasattr(module, name):
                continue
            attribute = getattr(module, name)
            if id(attribute) in self._taught.functions:
                raise UnidentifiableError
            if not released or _may_be_set(attribute):
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


class _Taught(NamedTuple):
    """What users have taught Numba.

    Attributes
    ----------
    functions : frozenset of int
        The ids of functions for which they have implementations of their own.
    attributes : frozenset of str
        The names of attributes and methods for which they have.
    operators : bool
        Whether they have lowered operators on types of Numba's own, which code doesn't name.
    options : dict
        Options of functions under ``register_jitable``, by the ids of these.
    """

    functions: frozenset[int]
    attributes: frozenset[str]
    operators: bool
    options: dict[int, str]


@lru_cache(maxsize=1)
def _taught(functions: int, attributes: int, lowered: int) -> _Taught:
    """What users have taught Numba; the arguments are the numbers of all that Numba knows."""
    found, options = set(), {}
    for value, type_ in builtin_registry.globals:
        for template in getattr(type_, "templates", ()):
            if _is_foreign(template):
                found.add(id(value))
            elif hasattr(template, "_jit_options") and _is_users(value):
                options[id(value)] = f"{template._jit_options} {template._inline.value}"
    lowered_functions, operators = _lowered(lowered)
    found.update(lowered_functions)
    names = frozenset(t._attr for t in builtin_registry.attributes if hasattr(t, "_attr") and _is_foreign(t))
    return _Taught(frozenset(found), names, operators, options)


@lru_cache(maxsize=1)
def _lowered(number: int) -> tuple[list[int], bool]:
    """The ids of what users have lowered themselves, and whether operators on types of Numba's own are among that."""
    found, operators = [], False
    for implementation, key, signature in imputils.builtin_registry.functions:
        if not is_released(implementation.__module__):
            found.append(id(key))
            own = (is_released((one if isinstance(one, type) else type(one)).__module__) for one in signature)
            operators |= (isinstance(key, str) or getattr(key, "__module__", None) == "_operator") and all(own)
    return found, operators


def _is_foreign(template: Any) -> bool:
    implementation = getattr(template, "_overload_func", None)
    return implementation is not None and not is_released(implementation.__module__)


# What the functions of identities are made of. Machine code tells functions apart by their names alone.
_NOTED: set[tuple[Any, ...]] = set()


def _note(function: types.FunctionType) -> None:
    """Note a function, and those inside of it, as parts of an identity."""
    COVERED.add(mangled(function.__module__, function.__qualname__))
    _NOTED.add(_outline(function))
    codes = [function.__code__]
    for code in codes:
        inside = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
        _NOTED.update((one,) for one in inside)
        codes += inside


def _outline(function: types.FunctionType) -> tuple[Any, ...]:
    """The code of a function and the plain values that it is closed over, which copies of it have too."""
    held = []
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # what it holds is not known yet
            held.append(repr(cell.cell_contents) if type(cell.cell_contents) in _PLAIN else "")
    return function.__code__, *held


class _Namesakes(event.Listener):
    """Looks for functions that are compiled under the name of one that an identity is made of."""

    def on_start(self, event: Any) -> None:
        function = event.data["dispatcher"].py_func
        name = mangled(function.__module__, function.__qualname__)
        own = is_released(function.__module__) or not is_covered(name)
        if not (own or _outline(function) in _NOTED or (function.__code__,) in _NOTED):
            TAINTED.add(name)

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:compile", _Namesakes())


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
