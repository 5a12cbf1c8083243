"""Copies of the user's functions as they are at the first use, with all that they call."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core.typing.templates import builtin_registry

from numbafunc.cpu.dispatchers import inline
from numbafunc.cpu.identity import is_released, names_in
from numbafunc.numbers import elementary

# Ufuncs of scipy.special, and the elementary functions that take their places.
_OF_SCIPY = {
    **{name: name for name in ("erf", "erfc", "gamma")},
    **{"gammaln": "lgamma", "psi": "digamma", "expit": "logistic"},
}


def frozen(function: Any) -> Any:
    """A copy of a user's function whose global variables, and those of enclosing functions, keep their present values.

    So do those of other functions of the user that it names.
    """
    return _with_helpers(function, lambda helper: helper, {})


def with_compiled_helpers(function: Any) -> Any:
    """A frozen copy of a function that calls compiled copies of the user's functions that it names."""
    return _with_helpers(function, inline, {})


def _with_helpers(function: Any, finish: Callable[[Any], Any], made: dict[Any, Any]) -> Any:
    made[function] = function  # while it is being made: Numba refuses functions that call themselves
    names = names_in(function.__code__)
    variables = dict(function.__globals__)
    variables.update({n: _replaced(variables[n], names, finish, made) for n in names if n in variables})
    values = (_replaced(cell.cell_contents, names, finish, made) for cell in function.__closure__ or ())
    cells = tuple(map(types.CellType, values))
    copy = types.FunctionType(function.__code__, variables, function.__name__, function.__defaults__, cells or None)
    copy.__qualname__, copy.__module__ = function.__qualname__, function.__module__
    made[function] = copy
    return copy


def _replaced(value: Any, names: list[str], finish: Callable[[Any], Any], made: dict[Any, Any]) -> Any:
    """What takes the place of a value that a function names: a copy of a function of the user, also one of a module.

    Functions under ``numba.njit`` are copied from their source, since they become a part of the loop as all others do.
    """
    if isinstance(value, types.ModuleType):
        if is_released(value.__name__):
            return value
        held = vars(value)
        changed = {name: _replaced(held[name], names, finish, made) for name in names if callable(held.get(name))}
        if all(new is held[name] for name, new in changed.items()):
            return value
        module = types.ModuleType(value.__name__)
        vars(module).update(held, **changed)
        return module
    op = getattr(value, "elementwise_op", None)
    if op is not None:
        return value if finish is not inline else inline(op.settled())
    if (
        finish is inline
        and isinstance(value, np.ufunc)
        and value.__name__ in _OF_SCIPY
        and value is not getattr(np, value.__name__, None)
    ):
        return elementary.FUNCTIONS[_OF_SCIPY[value.__name__]]
    plain = getattr(value, "py_func", value)
    if not isinstance(plain, types.FunctionType) or is_released(plain.__module__):
        return value
    if plain is value and any(known is value for known, _ in builtin_registry.globals):
        return value  # Numba knows it by an overload of the user's
    copy = made[plain] if plain in made else _with_helpers(plain, finish, made)
    return value if copy is plain else finish(copy)


__all__ = ["frozen", "with_compiled_helpers"]
