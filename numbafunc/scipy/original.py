"""SciPy itself, imported when first needed, and the choice between its functions and those for dual arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.dual.nests import holds_dual
from numbafunc.rules.arguments import cast, constant

Function = TypeVar("Function", bound=Callable[..., Any])

FUNCTIONS: dict[str, dict[str, Callable[..., Any]]] = {"linalg": {}, "special": {}}
"""The functions that differentiate, by the name of SciPy's module and their own."""


def original(module: str) -> ModuleType:
    """SciPy's module of this name; ImportError that says what to install if there is none."""
    try:
        return import_module(f"scipy.{module}")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"numbafunc.scipy.{module} needs SciPy, which is not installed: pip install numbafunc[scipy]"
        ) from error


def differentiable(module: str) -> Callable[[Function], Function]:
    """Make the decorated function SciPy's own, of the same name, wherever no argument is a dual array."""

    def decorate(function: Function) -> Function:
        name = function.__name__

        @functools.wraps(function)
        def chosen(*args: Any, **options: Any) -> Any:
            if holds_dual(args) or holds_dual(options.values()):
                return function(*args, **options)
            return getattr(original(module), name)(*args, **options)

        FUNCTIONS[module][name] = chosen
        return chosen  # type: ignore[return-value]

    return decorate


def operand(name: str, x: Operand, check_finite: bool = True) -> Any:
    """A dual array as it is, anything else as an array of floating or complex numbers; ValueError unless all finite."""
    if type(x) is not Dual:
        x = np.asarray(constant(x, f"scipy.linalg.{name}"))
        if x.dtype.kind in "biu":
            x = x.astype(np.float64)
    if check_finite and not np.isfinite(value_of(x)).all():
        raise ValueError(f"scipy.linalg.{name}: an array holds infinities or NaN; check_finite=False lets them pass")
    return x


def matrix(name: str, x: Operand, check_finite: bool = True, square: bool = False) -> Any:
    """The operand, which must be a matrix or a stack of such."""
    x = operand(name, x, check_finite)
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        wanted = "square matrices" if square else "matrices"
        raise ValueError(f"scipy.linalg.{name}: an array has shape {x.shape}; wanted: {wanted}")
    return x


def double(x: Operand) -> Any:
    """The operand in double precision, real or complex."""
    return cast(x, np.result_type(x.dtype, np.float64))
