"""``numpy.polynomial`` while a function is being differentiated: its functions convert coefficients to plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre, polynomial

from numbafunc.dual.nests import array_of, holds_dual
from numbafunc.rules.polynomial_series import REPLACEMENTS

_LISTS = (list, tuple)


class _Module(SimpleNamespace):
    """A module of NumPy's, some names of which are replaced."""

    original: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


def _for_both(function: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's function for plain arguments, its replacement where a dual array takes part."""

    def call(*args: Any, **options: Any) -> Any:
        if not holds_dual((*args, *options.values())):
            return function(*args, **options)
        return replacement(*map(_array, args), **{name: _array(option) for name, option in options.items()})

    return call


def _array(x: Any) -> Any:
    return array_of(x) if type(x) in _LISTS and holds_dual(x) else x


def namespace() -> Any:
    """What stands in the place of ``numpy.polynomial``."""
    import numpy.polynomial as original

    modules = {}
    for module in (chebyshev, hermite, hermite_e, laguerre, legendre, polynomial):
        name = module.__name__.rpartition(".")[2]
        replaced = {
            function.__name__: _for_both(function, replacement)
            for function, replacement in REPLACEMENTS.items()
            if function.__module__ == module.__name__
        }
        modules[name] = _Module(original=module, **replaced)
    return _Module(original=original, **modules)
