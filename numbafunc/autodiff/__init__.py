"""Differentiation: dual arrays, their rules, and the functions that take derivatives in both modes."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import Any as _Any

# Loaded when first used, like the names of the package: ops have to know dual arrays, but only derivatives need the
# rules.
_DEFINITIONS = {
    "autodiff.custom": ("custom_derivative",),
    "autodiff.drivers": ("grad", "jacfwd", "jvp", "value_and_grad"),
    "autodiff.implicit": ("custom_root",),
    "autodiff.linearization": ("linearize",),
    "autodiff.nth_derivative": ("derivative",),
    "autodiff.reverse": ("jacrev", "vjp"),
    "autodiff.second_order": ("hessian", "hvp"),
    "dual.checkpoint": ("checkpoint",),
    "dual.array": ("Dual", "assemble", "components", "levels_of", "value_of"),
}
_HOMES = {name: module for module, names in _DEFINITIONS.items() for name in names}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> _Any:
    from numbafunc.prompt import no_attribute, presented

    home = _HOMES.get(name)
    if home is None:
        raise no_attribute(__name__, name, __all__)
    if home == "dual.array":
        _import_module("numbafunc.rules")  # dual arrays can't compute without them
    return presented(getattr(_import_module(f"numbafunc.{home}"), name))


def __dir__() -> list[str]:
    return __all__
