"""Registration of rules in the tables of dual arrays; there is no other way in.

Each function, ufunc and method of ufuncs has one rule. A second registration raises RuntimeError while the file that
makes it is imported, and names both places. Where each rule was registered is kept, for the table in the documentation.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from numbafunc.dual.array import Dual, value_of
from numbafunc.dual.tables import FUNCTION_RULES, HOOKS, UFUNC_METHODS, UFUNC_RULES

Function: TypeAlias = Callable[..., Any]
Rule: TypeAlias = Callable[..., Any]


class Place(NamedTuple):
    """A line of a module."""

    module: str
    line: int

    def __str__(self) -> str:
        return f"{self.module}, line {self.line}"


PLACES: dict[Any, Place] = {}
"""The place where each rule was registered, by its function or ufunc, ``("method", name)`` for a method
of ufuncs, ``("hook", name)``, and ``(module, name)`` for a ufunc of a package that is not imported."""

RULES_BY_NAME: dict[str, dict[str, Callable[[np.ufunc], Rule]]] = {}
"""For each module that this package never imports, the names of its ufuncs and the functions that make their rules."""

ON_VALUE: set[np.ufunc] = set()
"""The ufuncs whose results are plain arrays."""


def _note(key: Any, name: str) -> None:
    """Record the place of a registration; RuntimeError if there is one for this function already."""
    frame = sys._getframe(1)
    while frame.f_globals is globals() and frame.f_back is not None:
        frame = frame.f_back
    # Skip functions of this package that register on behalf of the file that calls them.
    while frame.f_back is not None and frame.f_back.f_globals.get("__package__") == __package__:
        frame = frame.f_back
    place = Place(frame.f_globals["__name__"], frame.f_lineno)
    if key in PLACES:
        raise RuntimeError(f"{name} has a rule already, from {PLACES[key]}; a second one is registered by {place}")
    PLACES[key] = place


def _name_of(function: Function) -> str:
    name = getattr(function, "__name__", repr(function))
    return f"numpy.{name}" if isinstance(function, np.ufunc) else f"{function.__module__}.{name}"


def register(function: Function, rule: Rule) -> None:
    """Register the rule of a function or ufunc."""
    _note(function, _name_of(function))
    (UFUNC_RULES if isinstance(function, np.ufunc) else FUNCTION_RULES)[function] = rule


def register_like_ufunc(function: Function, rule: Rule) -> None:
    """Register the rule of a ufunc, or of a function that is not from NumPy but called like one."""
    _note(function, _name_of(function))
    UFUNC_RULES[function] = rule


def rule_for(*functions: Function) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of `functions`."""

    def decorate(rule: Rule) -> Rule:
        for function in functions:
            register(function, rule)
        return rule

    return decorate


def ufunc_method(rule: Rule) -> Rule:
    """Register the decorated function as the rule of the method of ufuncs that has its name."""
    _note(("method", rule.__name__), f"numpy.ufunc.{rule.__name__}")
    UFUNC_METHODS[rule.__name__] = rule
    return rule


def hook(name: str) -> Callable[[Function], Function]:
    """Register the decorated function as a hook, which dual arrays call by its name."""

    def decorate(function: Function) -> Function:
        _note(("hook", name), f"the hook {name}")
        HOOKS[name] = function
        return function

    return decorate


def on_value(function: Function) -> Rule:
    """The rule of a function whose result has no derivative: an index, a truth value, a shape, a rounded number."""
    if isinstance(function, np.ufunc):
        ON_VALUE.add(function)
        return lambda *operands: function(*map(value_of, operands))
    return lambda *args, **options: function(
        *map(value_of, args), **{name: value_of(option) for name, option in options.items()}
    )


def define_on_value(*functions: Function) -> None:
    """Register functions whose results have no derivative."""
    for function in functions:
        register(function, on_value(function))


REFUSED: set[Function] = set()
"""The functions that refuse dual arrays, with an error that names the reason."""


def define_refusal(function: Function, reason: str) -> None:
    """Register a function that raises TypeError for dual arrays, and why."""

    @rule_for(function)
    def rule(*args: Any, **options: Any) -> Any:
        raise TypeError(f"{_name_of(function)} has no rule for dual arrays: {reason}")

    REFUSED.add(function)


def register_by_name(module: str, name: str, make: Callable[[np.ufunc], Rule]) -> None:
    """Register the rule, ``make(ufunc)``, of a ufunc of a module that this package never imports."""
    _note((module, name), f"{module}.{name}")
    RULES_BY_NAME.setdefault(module, {})[name] = make


@hook("find_ufunc_rule")
def find_ufunc_rule(ufunc: np.ufunc) -> Rule | None:
    """The rule of a ufunc that the table lacks: registered by name and its module has been imported, or of objects."""
    name = ufunc.__name__
    for module, makers in RULES_BY_NAME.items():
        if name in makers and getattr(sys.modules.get(module), name, None) is ufunc:
            return UFUNC_RULES.setdefault(ufunc, makers[name](ufunc))
    return _by_elements(ufunc) if all(set(signature) == set("O->") for signature in ufunc.types) else None


def _by_elements(ufunc: np.ufunc) -> Rule:
    """The rule of a ufunc of objects, as :func:`numpy.frompyfunc` makes it: its function takes dual numbers."""

    def rule(*operands: Any) -> Any:
        results = ufunc(*map(_as_objects, operands))
        return tuple(map(_joined, results)) if type(results) is tuple else _joined(results)

    return rule


def _as_objects(x: Any) -> Any:
    """The elements of a dual array, each a dual number, as an array of objects."""
    if type(x) is not Dual:
        return x
    objects = np.empty(x.shape, object)
    for index in np.ndindex(x.shape):
        objects[index] = x[index]
    return objects


def _joined(objects: Any) -> Any:
    """The array of the results that a function gives for each element."""
    if type(objects) is not np.ndarray:
        return objects
    elements = list(objects.flat)
    if any(type(x) is Dual for x in elements):
        return np.reshape(np.stack(elements), objects.shape)
    return objects
