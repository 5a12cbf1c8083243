"""Large arrays that variables of reverse mode borrow from the caller, who may change them when the function has run.

Steps must not refer to such an array. Most functions of one operand don't: they read it once and keep a derivative, or
nothing. So a copy is made when something first takes the value of the variable, and these functions take none.
"""

from __future__ import annotations

from typing import Any

from numpy import ndarray

from numbafunc.result_memory import DERIVATIVES_FROM, recycled

LENT_FROM = 2**17
"""Bytes of an array from which on a copy takes longer than to find out that it is not needed."""


def is_lendable(x: Any) -> bool:
    """Whether an array is large and of a usual dtype."""
    return type(x) is ndarray and x.nbytes > LENT_FROM and x.dtype.char in "fd"


def lend(variables: list[Any]) -> None:
    """Let the Duals of lendable arrays of the caller's have values of their own as soon as these are asked for."""
    for x in variables:
        if is_lendable(x.primal):
            x.lent = x.primal
            del x.primal


def to_read(x: Any) -> Any:
    """The value of a Dual, for a function that keeps no reference to it, and whose result shares no memory with it."""
    return x.primal if x.lent is None else x.lent


def own_value(x: Any) -> Any:
    """The value of a Dual that has borrowed one: a copy from now on."""
    lent = x.lent
    if lent is not None:  # else another thread has been quicker
        x.primal = lent.copy() if lent.nbytes < DERIVATIVES_FROM else recycled(lent.copy)
        x.lent = None
    return x.primal


__all__ = ["LENT_FROM", "is_lendable", "lend", "own_value", "to_read"]
