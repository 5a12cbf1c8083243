"""Functions under SciPy's names that differentiate: :mod:`numbafunc.scipy.linalg` and :mod:`numbafunc.scipy.special`.

SciPy converts the arguments of most of its functions to arrays, which dual arrays refuse. The functions here go
straight to SciPy unless an argument is a dual array. SciPy is imported when one of the two modules is first used.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import Any as _Any

__all__ = ["linalg", "special"]


def __getattr__(name: str) -> _Any:
    from numbafunc.prompt import no_attribute

    if name in __all__:
        return _import_module(f"numbafunc.scipy.{name}")
    raise no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return __all__
