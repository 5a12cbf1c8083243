"""Copies of a user's compiled functions that run on numbers with tangents.

A copy has the code of the function and other global variables: NumPy's functions are replaced where those for numbers
differ, and every compiled function that it refers to by its own copy. Compiled for the Numba type of numbers, and of
arrays of them, it computes derivatives. Its arguments come as float arrays whose last axis holds coefficients.
"""

from __future__ import annotations

import importlib
import threading
import types as python_types
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numba
import numpy as np
from numba import extending
from numba.core import types
from numba.core.dispatcher import Dispatcher
from numba.core.errors import TypingError
from numba.typed.typedobjectutils import _nonoptional

from numbafunc.cpu.dispatchers import compile_loop, part_of_loop
from numbafunc.cpu.identity import UnidentifiableError, class_words, identify, is_constant, is_released, names_in
from numbafunc.numbers.numba_array import NumberArray, floats_of, make_enter, make_store
from numbafunc.numbers.numba_creation import replacements
from numbafunc.numbers.numba_type import Algebra, NumberType
from numbafunc.process_lock import held_by_forks

FUNCTIONS: dict[Any, Any] = {}
"""What stands in the place of functions of this package, by these functions."""

_COPIES: WeakKeyDictionary[Any, dict[Algebra, Any]] = WeakKeyDictionary()
_FOR_VALUES: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_IDENTITIES: WeakKeyDictionary[Any, str | None] = WeakKeyDictionary()
_LOCK = held_by_forks(threading.RLock())


class Coefficients(NamedTuple):
    """A result with tangents, as a float array whose last axis has a coefficient for each key."""

    array: Any


def copy_for(dispatcher: Any, algebra: Algebra) -> Any:
    """The copy of a compiled function for numbers with these algebra, itself a compiled function."""
    with _LOCK:
        copies = _COPIES.setdefault(dispatcher, {})
        if algebra not in copies:
            _Copier(algebra).copy(dispatcher, copies)
        return copies[algebra]


def copy_for_values(dispatcher: Any) -> Any:
    """A copy of a function without derivatives, which the cache on disk may know; the function itself if it may not.

    Numba compiles a function with what it refers to at that moment. So a function that has been compiled stays as it
    is.
    """
    with _LOCK:
        if dispatcher not in _FOR_VALUES:
            copier = _Copier(None)
            copy = copier.copy(dispatcher, copier.copies(dispatcher))
            used = is_released(dispatcher.py_func.__module__) or not any(
                one.overloads or _is_special(one) for one in copier.own
            )
            _FOR_VALUES[dispatcher] = copy if used and _IDENTITIES[copy] is not None else dispatcher
        return _FOR_VALUES[dispatcher]


def _is_special(dispatcher: Any) -> bool:
    """Whether options of a function are left out of copies, or let the bits of its values depend on its caller."""
    options = dispatcher.targetoptions
    inline = options.get("inline", "never") != "never"
    others = any(options.get(name) for name in ("parallel", "forceobj", "fastmath"))
    return bool(others or inline or dispatcher.locals)


def identity_of(copy: Any) -> str | None:
    """What identifies a copy in the cache on disk; None where it is compiled anew in each process."""
    return _IDENTITIES.get(copy)


class _Copier:
    """Makes the copies of a function and of all that it calls.

    A copy keeps global variables, attributes of modules and arrays as they are when it is made, and its identity is of
    the same moment. It has none if it calls an earlier copy for which something has changed since.
    """

    def __init__(self, algebra: Algebra | None) -> None:
        self.algebra = algebra
        self.replaced = {} if algebra is None else replacements(algebra)
        self.functions = {} if algebra is None else FUNCTIONS
        self.own: dict[Any, dict[Any, Any]] = {}
        self.modules: dict[int, Any] = {}
        self.arrays: dict[int, Any] = {}
        self.earlier: list[Any] = []
        self.made: set[Any] = set()

    def copies(self, dispatcher: Any) -> dict[Any, Any]:
        """The copies of a function, by their algebras; those without one belong to this copier."""
        return (self.own if self.algebra is None else _COPIES).setdefault(dispatcher, {})

    def copy(self, dispatcher: Any, copies: dict[Any, Any]) -> Any:
        original = dispatcher.py_func
        variables = dict(original.__globals__)
        cells = tuple(python_types.CellType() for _ in original.__closure__ or ())
        function = python_types.FunctionType(
            original.__code__, variables, original.__name__, original.__defaults__, cells or None
        )
        function.__kwdefaults__ = original.__kwdefaults__
        function.__qualname__, function.__module__ = original.__qualname__, original.__module__
        options = {name: option for name, option in dispatcher.targetoptions.items() if name not in _LEFT_OUT}
        # Functions that call each other find the copy that is being made.
        made = copies[self.algebra] = part_of_loop(function, **options)
        self.made.add(made)
        try:
            names = names_in(original.__code__)
            for name in set(names).intersection(variables):
                variables[name] = self.value(variables[name])
                self.settle(variables[name], names)
            for cell, own in zip(original.__closure__ or (), cells):
                own.cell_contents = self.value(cell.cell_contents)
        except BaseException:
            del copies[self.algebra]
            raise
        current = all(identity_of(self.copies(one)[self.algebra]) == _identity(one) for one in self.earlier)
        _IDENTITIES[made] = _identity(dispatcher) if current else None
        return made

    def settle(self, value: Any, names: list[str]) -> None:
        """Look up the attributes of a user's module that a function names."""
        if isinstance(value, _Module) and not is_released(value.__name__):
            for name in names:
                if name not in vars(value) and hasattr(value._original, name):
                    self.settle(getattr(value, name), names)

    def value(self, value: Any) -> Any:
        """What stands in the place of something that a function refers to."""
        if isinstance(value, Dispatcher):
            copies = self.copies(value)
            if self.algebra not in copies:
                return self.copy(value, copies)
            if copies[self.algebra] not in self.made:
                self.earlier.append(value)
            return copies[self.algebra]
        if isinstance(value, python_types.ModuleType):
            return self.module(value)
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(map(self.value, value))
        if type(value) is np.ndarray and is_constant(value):
            return self.arrays.setdefault(id(value), value.copy("K"))
        try:
            return self.replaced.get(value, self.functions.get(value, value))
        except TypeError:  # not hashable
            return value

    def module(self, module: Any) -> Any:
        """A module with the copies of the functions in it."""
        if id(module) not in self.modules:
            name = module.__name__
            if is_released(name) and (self.algebra is None or name not in _WITH_FUNCTIONS):
                return module
            own = self.modules[id(module)] = _Module(name)
            own.__dict__.update(_original=module, _copier=self)
        return self.modules[id(module)]


_WITH_FUNCTIONS = ("math", "numpy", "numpy.linalg", "numbafunc")
_LEFT_OUT = ("nopython", "parallel", "inline", "no_cpython_wrapper", "no_cfunc_wrapper", "forceobj", "looplift")


class _Module(python_types.ModuleType):
    """A module whose attributes are replaced when they are asked for."""

    def __reduce__(self) -> Any:
        # The environment of cached machine code names it.
        return importlib.import_module, (self.__name__,)

    def __getattr__(self, name: str) -> Any:
        value = self.__dict__["_copier"].value(getattr(self.__dict__["_original"], name))
        self.__dict__[name] = value
        return value


def _identity(dispatcher: Any) -> str | None:
    return identify(dispatcher, arrays=True)


# Nests of arguments and results.


class Moving(NamedTuple):
    """The form of an argument with tangents: its float type, and its number of axes."""

    dtype: str
    ndim: int


@cache
def entrance(dtype: Any, ndim: int, algebra: Algebra) -> Any:
    """The intrinsic that turns a float array into a number or an array of numbers."""
    return make_enter(NumberType(dtype, *algebra), ndim)


@cache
def exit_of(algebra: Algebra) -> Any:
    """The function by which compiled code turns a nest of results into one of float arrays."""

    def leave(result: Any) -> Any:
        raise NotImplementedError

    @extending.overload(leave, strict=False)
    def typed(result: Any) -> Any:
        if isinstance(result, NumberType):
            whole = NumberType(result.dtype, *algebra)
            store, dtype, count = make_store(whole), result.dtype, whole.floats

            def of_number(result: Any) -> Any:
                array = np.empty(count, dtype)
                store(array, result)
                return Coefficients(array)

            return of_number
        if isinstance(result, NumberArray):
            if (result.dtype.keys, result.dtype.lanes) == algebra:
                return lambda result: Coefficients(floats_of(result))
            complete = replacements(algebra)[np.array]
            dtype = result.dtype.dtype
            return lambda result: Coefficients(floats_of(complete(result, dtype)))
        if isinstance(result, types.BaseTuple):
            return _mapped(result, leave)
        if isinstance(result, types.Optional) and isinstance(result.type, (NumberType, NumberArray)):

            def of_optional(result: Any) -> Any:
                return None if result is None else leave(_nonoptional(result))

            return of_optional
        if "Number(" in str(result):
            raise TypingError(f"it returns {result}; wanted: numbers, arrays and tuples of them")
        return lambda result: result

    return leave


def _mapped(nest: Any, function: Any) -> Any:
    """The implementation that applies a function to each part of a tuple."""
    parts = "".join(f"function(result[{i}]), " for i in range(len(nest)))
    namespace = {"__name__": __name__, "function": function}
    expression = f"({parts})"
    if isinstance(nest, types.BaseNamedTuple):
        namespace["kind"], expression = nest.instance_class, f"kind({parts})"
    exec(f"def implementation(result):\n    return {expression}\n", namespace)
    return namespace["implementation"]


def text_of(form: Any, leaves: Iterator[str], namespace: dict[str, Any]) -> str:
    """The expression of a nest of tuples; ``form`` has tuples, named tuples with their classes, and leaves."""
    if isinstance(form, Nest):
        parts = "".join(text_of(part, leaves, namespace) + ", " for part in form.parts)
        if form.kind is None:
            return f"({parts})"
        name = f"kind{len(namespace)}"
        namespace[name] = form.kind
        return f"{name}({parts})"
    return "None" if form is None else next(leaves)


class Nest(NamedTuple):
    """The form of a tuple: the class of a named one, and the forms of its parts."""

    kind: Any
    parts: tuple[Any, ...]


@lru_cache(maxsize=512)
def driver(dispatcher: Any, forms: tuple[Any, ...], algebra: Algebra) -> Any:
    """The compiled function that takes the leaves of all arguments and returns the nest of results.

    ``forms`` has the form of each argument: a :class:`Nest`, None, :class:`Moving` for a leaf with tangents, or "leaf"
    for one without.
    """
    leaves: list[Any] = []

    def collect(form: Any) -> None:
        if isinstance(form, Nest):
            for part in form.parts:
                collect(part)
        elif form is not None:
            leaves.append(form)

    for form in forms:
        collect(form)
    names = [f"a{i}" for i in range(len(leaves))]
    namespace: dict[str, Any] = {"__name__": __name__, "f": copy_for(dispatcher, algebra), "leave": exit_of(algebra)}
    entered = []
    for i, (name, form) in enumerate(zip(names, leaves)):
        if isinstance(form, Moving):
            namespace[f"enter{i}"] = entrance(getattr(numba, form.dtype), form.ndim, algebra)
            entered.append(f"enter{i}({name})")
        else:
            entered.append(name)
    remaining = iter(entered)
    arguments = ", ".join(text_of(form, remaining, namespace) for form in forms)
    exec(f"def driver({', '.join(names)}):\n    return leave(f({arguments}))\n", namespace)
    return compile_loop(namespace["driver"], _driver_identity(namespace["f"], forms, algebra))


def _driver_identity(f: Any, forms: Any, algebra: Algebra) -> str | None:
    identity = identity_of(f)
    with suppress(UnidentifiableError):
        return identity and f"derivative {identity} {_form_words(forms)} {algebra}"
    return None


def _form_words(form: Any) -> str:
    if isinstance(form, Nest):
        kind = "tuple" if form.kind is None else class_words(form.kind)
        return f"{kind}{[*map(_form_words, form.parts)]}"
    return str(form) if isinstance(form, (Moving, str)) or form is None else str([*map(_form_words, form)])


def load(compiled: Any, signature: Any) -> bool:
    """Whether the cache on disk has the machine code of a driver, which has it then."""
    context = compiled.targetctx
    found = compiled._cache.load_overload(signature, context)
    if found is None:
        return False
    context.insert_user_function(found.entry_point, found.fndesc, [found.library])
    compiled.add_overload(found)
    return True
