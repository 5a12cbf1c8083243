"""What stands in the place of NumPy's functions while a function is being differentiated.

NumPy asks a dual array how a function acts on it (``__array_function__``, ``__array_ufunc__``), but it does not look
into lists, and it asks nobody which array ``zeros(n)`` should give. So each function has a
:class:`StandIn`, which turns lists that hold dual arrays into dual arrays. Functions that make arrays give *blank*
dual arrays: these count as plain until a value with tangents is assigned to them (``numbafunc.dual.array.is_blank``).
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy

from numbafunc.dual.nests import array_of, holds_dual
from numbafunc.numpy import classes, creation, iteration, polynomials
from numbafunc.rules.blanks import fillable, fresh

_LISTS = (list, tuple)

_TAKE_SEQUENCES = frozenset(
    (
        *("choose", "column_stack", "concat", "concatenate", "dstack", "hstack", "lexsort", "multi_dot", "row_stack"),
        *("select", "stack", "vstack"),
    )
)
"""Functions that take a list of arrays, of which each may be a list in its turn."""

_MAKE_ARRAYS = frozenset(
    (
        *("arange", "block", "column_stack", "concat", "concatenate", "copy", "diag", "diagflat", "dstack", "empty"),
        *("empty_like", "eye", "full_like", "geomspace", "hstack", "identity", "linspace", "logspace", "ones"),
        *("ones_like", "repeat", "row_stack", "stack", "tile", "tri", "vander", "vstack", "zeros", "zeros_like"),
    )
)
"""Functions whose results programs fill or change afterwards."""

_METHODS = frozenset(("accumulate", "at", "outer", "reduce", "reduceat"))
"""The methods of ufuncs that take arrays."""

_OTHERS: dict[str, Any] = {**creation.FUNCTIONS, **iteration.FUNCTIONS}


class StandIn:
    """A function in the place of one of NumPy's, of which it has the attributes.

    Parameters
    ----------
    function : callable
        The function, ufunc or class of NumPy's.
    call : callable
        What is called in its place.
    """

    __slots__ = ("call", "function")

    def __init__(self, function: Callable[..., Any], call: Callable[..., Any]) -> None:
        self.function = function
        self.call = call

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.call(*args, **options)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.function, name)
        return StandIn(found, looking_into_lists(found)) if name in _METHODS else found

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return self.function.__doc__

    def __repr__(self) -> str:
        return repr(self.function)

    def __reduce__(self) -> Any:
        return self.function.__reduce__()


def looking_into_lists(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function or ufunc of NumPy's, for arguments that may be lists of dual arrays."""
    if function is numpy.block:
        return lambda arrays: fillable(numpy.block(arrays))  # it asks the arrays in the nest
    convert = _items_as_arrays if function.__name__ in _TAKE_SEQUENCES else array_of
    makes = function.__name__ in _MAKE_ARRAYS

    def argument(x: Any) -> Any:
        return convert(x) if type(x) in _LISTS and holds_dual(x) else x

    def call(*args: Any, **options: Any) -> Any:
        for x in args:
            if type(x) in _LISTS:
                args = tuple(map(argument, args))
                break
        for name, option in options.items():
            if type(option) in _LISTS:
                options = {**options, name: argument(option)}
        result = function(*args, **options)
        return fillable(result) if makes else fresh(result, args, options)

    return call


def _items_as_arrays(sequence: Any) -> Any:
    return [array_of(x) if type(x) in _LISTS and holds_dual(x) else x for x in sequence]


def replacements(module: ModuleType) -> dict[str, Any]:
    """What stands in the place of functions of a module of NumPy's, by name."""
    found: dict[str, Any] = {}
    dispatching = type(numpy.sum)
    for name in module.__all__:
        function = vars(module).get(name)
        if module is numpy and name in _OTHERS:
            found[name] = StandIn(function, _OTHERS[name]) if callable(function) else _OTHERS[name]
        elif function is not None and (isinstance(function, (numpy.ufunc, dispatching)) or name in _MAKE_ARRAYS):
            found[name] = StandIn(function, looking_into_lists(function))
    if module is numpy:
        found.update(classes.FUNCTIONS, polynomial=polynomials.namespace())
    return found
