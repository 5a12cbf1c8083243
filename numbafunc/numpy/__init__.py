"""NumPy with the same names, for functions that are differentiated: ``import numbafunc.numpy as np``.

All names are NumPy's own objects (``vectorize`` is a class derived from NumPy's), so that nothing is slower. While a
function is being differentiated, those that can't know of dual arrays give others in their place: then lists and
tuples may hold dual numbers, and ``zeros(n)`` and its like give arrays to which dual numbers can be assigned. Write
``np.zeros``: a name that was taken out of this module by ``from numbafunc.numpy import zeros`` remains NumPy's.

Examples
--------
>>> import numbafunc
>>> import numbafunc.numpy as np
>>> def rotated(angle):
...     c, s = np.cos(angle), np.sin(angle)
...     return np.array([[c, -s], [s, c]]) @ [1.0, 0.0]
>>> numbafunc.jacfwd(rotated)(0.0)
array([0., 1.])
>>> def powers(x):
...     result = np.ones(4)
...     for i in range(1, 4):
...         result[i] = result[i - 1] * x
...     return result
>>> numbafunc.jacfwd(powers)(2.0)
array([ 0.,  1.,  4., 12.])
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy

from numbafunc.dual.levels import watch_runs
from numbafunc.numba_import import after_import
from numbafunc.numpy import fft, linalg

__all__ = numpy.__all__


def __getattr__(name: str) -> Any:
    """The names of NumPy that are loaded when they are first used, or not public."""
    return getattr(numpy, name)


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in dir(numpy) if name[0] != "_")})


def _names_of(module: ModuleType) -> dict[str, Any]:
    """The names that a module has without loading more, except of modules that have a counterpart here."""
    found = vars(module)
    ours = (numpy.linalg, numpy.fft)
    return {name: found[name] for name in module.__all__ if name in found and found[name] not in ours}


_MODULES = {sys.modules[__name__]: numpy, linalg: numpy.linalg, fft: numpy.fft}

for _module, _original in _MODULES.items():
    vars(_module).update(_names_of(_original))


class vectorize(numpy.vectorize):
    """NumPy's class; while a function is differentiated its instances know of dual arrays, wherever they were made."""


def _constant_property(found: Any) -> property:
    return property(lambda module: found)


_INSIDE: dict[ModuleType, type[ModuleType]] = {}
_CALL_FOR_EACH: list[Any] = []


def _change(inside: bool) -> None:
    """Give the modules the class whose properties hide NumPy's objects, or take it away again.

    A property of the class comes before the attribute of the module, and to assign a class takes less than a tenth of
    a microsecond, whatever the number of its properties.
    """
    if not _INSIDE:
        # Here, since the functions that know of dual arrays load all rules.
        from numbafunc.numpy import iteration
        from numbafunc.numpy.functions import replacements

        after_import(lambda: import_module("numbafunc.numpy.compiled"))
        _CALL_FOR_EACH.append(iteration.call_for_each)
        for module, original in _MODULES.items():
            properties = {name: _constant_property(found) for name, found in replacements(original).items()}
            _INSIDE[module] = type("ModuleInside", (ModuleType,), properties)
    for module, class_inside in _INSIDE.items():
        module.__class__ = class_inside if inside else ModuleType
    # Without a method of its own the class costs nothing.
    changed: Any = vectorize
    if inside:
        changed.__call__ = _CALL_FOR_EACH[0]
    else:
        del changed.__call__


watch_runs(_change)
