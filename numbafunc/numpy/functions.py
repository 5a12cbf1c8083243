"""What stands in the place of NumPy's functions while a function is being differentiated.

NumPy asks a dual array how a function acts on it (``__array_function__``, ``__array_ufunc__``), but it does not look
into lists, and it asks nobody which array ``zeros(n)`` should give. So each function is called through an
:class:`Aware` one, which turns lists that hold dual arrays into dual arrays. Functions that make arrays give *blank*
dual arrays: these count as plain until a value with tangents is assigned to them (``numbafunc.dual.array.is_blank``).
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy

from numbafunc.dual.nests import array_of, holds_dual
from numbafunc.numpy import classes, creation, iteration
from numbafunc.rules.blanks import fillable, fresh

_LISTS = (list, tuple)

_TAKE_SEQUENCES = frozenset(
    (
        *("choose", "column_stack", "concat", "concatenate", "dstack", "hstack", "lexsort", "multi_dot", "piecewise"),
        *("row_stack", "select", "stack", "vstack"),
    )
)
"""Functions that take a list of arrays, of which each may be a list in its turn."""

_MAKE_ARRAYS = frozenset(
    (
        *(
            "arange",
            "column_stack",
            "concat",
            "concatenate",
            "copy",
            "diag",
            "diagflat",
            "dstack",
            "empty",
            "empty_like",
        ),
        *("eye", "full", "full_like", "geomspace", "hstack", "identity", "linspace", "logspace", "ones", "ones_like"),
        *("repeat", "row_stack", "stack", "tile", "tri", "vander", "vstack", "zeros", "zeros_like", "block"),
    )
)
"""Functions whose results programs fill or change afterwards."""

_METHODS = frozenset(("accumulate", "at", "outer", "reduce", "reduceat"))
"""The methods of ufuncs that take arrays."""

_OTHERS: dict[str, Any] = {**creation.FUNCTIONS, **iteration.FUNCTIONS}

# A nest of lists is what this function is given: it asks the arrays in it.
_AS_THEY_ARE = frozenset(("block", "shape", "ndim", "size", "iscomplexobj", "isrealobj"))


class Aware:
    """A function of NumPy's, for arguments that may be lists of dual arrays.

    Parameters
    ----------
    function : callable
        The function or ufunc; its attributes are those of the result.
    """

    __slots__ = ("_convert", "_makes", "function")

    def __init__(self, function: Callable[..., Any]) -> None:
        name = function.__name__
        self.function = function
        self._convert = _items_as_arrays if name in _TAKE_SEQUENCES else array_of
        self._makes = name in _MAKE_ARRAYS

    def __call__(self, *args: Any, **options: Any) -> Any:
        for x in args:
            if type(x) in _LISTS and holds_dual(x):
                args = tuple([self._argument(one) for one in args])
                break
        for name, option in options.items():
            if type(option) in _LISTS and holds_dual(option):
                options = {**options, name: self._argument(option)}
        result = self.function(*args, **options)
        return fillable(result) if self._makes else fresh(result, args, options)

    def _argument(self, x: Any) -> Any:
        return self._convert(x) if type(x) in _LISTS and holds_dual(x) else x

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.function, name)
        return Aware(found) if name in _METHODS else found

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return self.function.__doc__

    def __repr__(self) -> str:
        return repr(self.function)

    def __reduce__(self) -> Any:
        return self.function.__reduce__()


def _items_as_arrays(sequence: Any) -> Any:
    return [array_of(x) if type(x) in _LISTS and holds_dual(x) else x for x in sequence]


def replacements(module: ModuleType) -> dict[str, Any]:
    """What stands in the place of functions of a module of NumPy's, by name."""
    found: dict[str, Any] = {}
    dispatching = type(numpy.sum)
    for name in module.__all__:
        function = vars(module).get(name)
        if module is numpy and name in _OTHERS:
            found[name] = _OTHERS[name]
        elif name in _AS_THEY_ARE:
            continue
        elif function is not None and (isinstance(function, (numpy.ufunc, dispatching)) or name in _MAKE_ARRAYS):
            found[name] = Aware(function)
    if module is numpy:
        found.update(classes.FUNCTIONS)
    return found
