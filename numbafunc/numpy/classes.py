"""NumPy's classes while a function is being differentiated: dual arrays count among their instances."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, is_blank
from numbafunc.numpy.creation import FUNCTIONS as CREATION

FUNCTIONS: dict[str, Any] = {}
"""What stands in the place of NumPy's classes, by their names."""


class _AnyArray(type):
    """The type of :class:`ndarray`: its instances are dual arrays with axes too."""

    def __instancecheck__(cls, x: Any) -> bool:
        return x.ndim > 0 if type(x) is Dual else isinstance(x, np.ndarray)

    def __subclasscheck__(cls, other: type) -> bool:
        return other is Dual or issubclass(other, np.ndarray)


class ndarray(np.ndarray, metaclass=_AnyArray):
    """NumPy's class, for ``isinstance(x, np.ndarray)``."""

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return np.ndarray(*args, **options)


FUNCTIONS["ndarray"] = ndarray


class AnyNumber(type):
    """The type of classes of numbers: their instances are dual arrays without axes too."""

    plain: Any

    def __instancecheck__(cls, x: Any) -> bool:
        if type(x) is Dual:
            return x.ndim == 0 and issubclass(x.dtype.type, cls.plain)
        return isinstance(x, cls.plain)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.plain)

    def __eq__(cls, other: object) -> Any:
        return True if other is cls.plain or other is cls else NotImplemented

    def __hash__(cls) -> int:
        return hash(cls.plain)

    def __call__(cls, *args: Any) -> Any:
        x = CREATION["asarray"](*args[:1]) if args else None
        return x.astype(cls.plain) if type(x) is Dual and not is_blank(x) else cls.plain(*args)


for _name in ("generic", "number", "inexact", "floating", "float32", "float64", "double", "complex64", "complex128"):
    _plain: Any = getattr(np, _name)
    FUNCTIONS[_name] = AnyNumber(_name, (_plain,), {"plain": _plain, "__module__": "numpy", "__doc__": _plain.__doc__})


def isscalar(element: Any) -> bool:
    """As :func:`numpy.isscalar`; dual numbers are such too."""
    return element.ndim == 0 if type(element) is Dual else np.isscalar(element)


FUNCTIONS["isscalar"] = isscalar
