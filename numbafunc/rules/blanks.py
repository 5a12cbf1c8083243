"""Blank dual arrays: constants to which values with tangents may be assigned.

Functions of :mod:`numbafunc.numpy` that make arrays give them while a function is being differentiated. A blank array
counts as the plain array of its values, in the same memory, until a value with tangents is stored in it or in a view
of it. New arrays that are computed from blank ones are blank in their turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, is_blank, make, settled, value_of
from numbafunc.dual.dtypes import is_inexact
from numbafunc.dual.levels import LIVE, innermost
from numbafunc.dual.storage import Family, detach, show
from numbafunc.dual.tables import FUNCTION_RULES, UFUNC_METHODS
from numbafunc.rules.register import hook

_WRITES = frozenset((np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask))
"""Functions that write to their first argument."""

hook("show")(show)


def blank(value: np.ndarray[Any, Any], directions: int, level: int) -> Dual:
    """The blank dual array of a value, in whose memory constants are stored."""
    # The tangent takes no memory: the first assignment of a value with tangents gives the array memory of its own.
    tangent = np.ndarray((directions, *value.shape), value.dtype, bytes(value.itemsize), 0, (0,) * (value.ndim + 1))
    x = make(value, tangent, level)
    family = Family(make(value, tangent, level))
    family.blank = True
    family.add(x, None)
    return x


@hook("fillable")
def fillable(x: Any) -> Any:
    """A new plain array, or each of a tuple, as a blank dual array if a function is differentiated in this thread."""
    if type(x) is not np.ndarray:
        return tuple(map(fillable, x)) if type(x) is tuple else x
    if not is_inexact(x.dtype):
        return x
    run = innermost()
    return x if run is None else blank(x, run[1], run[0])


def fresh(result: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The result of a function, or each of several, as a blank dual array unless it is an argument or a view of one."""
    if isinstance(result, (list, tuple)):
        # Those that are parts of one array would become separate.
        new = [fresh(x, args, options) if type(x) is np.ndarray and x.base is None else x for x in result]
        return result._make(new) if hasattr(result, "_make") else type(result)(new)
    if type(result) is not np.ndarray or not is_inexact(result.dtype):
        return result
    owner = _owner(result)
    if any(type(x) is np.ndarray and _owner(x) is owner for x in (*args, *options.values())):
        return result
    return fillable(result)


def _owner(x: Any) -> Any:
    """What the memory of an array belongs to."""
    while type(x) is np.ndarray and x.base is not None:
        x = x.base
    return x


@hook("ufunc_of_blanks")
def _ufunc_of_blanks(ufunc: np.ufunc, method: str, inputs: tuple[Operand, ...], options: dict[str, Any]) -> Any:
    """The result of a ufunc, or of a method of it, where blank arrays take part."""
    if method == "at" and is_blank(inputs[0]):
        detach(inputs[0])
    plain = tuple(map(settled, inputs))
    if method == "at" and is_blank(inputs[0]) and Dual in map(type, plain):
        return UFUNC_METHODS[method](ufunc, inputs[0], *plain[1:])
    result = getattr(ufunc, method)(*plain, **options)
    return result if "out" in options else fillable(result)


@hook("function_of_blanks")
def _function_of_blanks(function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The result of a function of plain arrays and blank ones.

    None if another argument has tangents, or if the result is a view, in which such a value may be stored later.
    """
    duals = _duals_in((*args, *options.values()))
    if not all(map(is_blank, duals)):
        return None
    targets: tuple[Any, ...] = (args[0] if function in _WRITES else None, options.get("out"))
    for target in targets:
        if is_blank(target):
            detach(target)
    has_rule = duals[0].level in LIVE and function in FUNCTION_RULES
    plain = settled if has_rule else _shown  # a view that has no rule remains a plain array
    result = function(
        *(_plain_nest(x, plain) for x in args), **{name: _plain_nest(x, plain) for name, x in options.items()}
    )
    for view in result if isinstance(result, (list, tuple)) else (result,):
        if type(view) is np.ndarray and any(np.may_share_memory(view, value_of(x)) for x in duals):
            return None if has_rule else result
    return fresh(result, args, options)


def _duals_in(nest: Any) -> list[Dual]:
    """The dual arrays in a nest of lists and tuples."""
    found: list[Dual] = []
    for x in nest:
        if type(x) is Dual:
            found.append(x)
        elif type(x) is list or type(x) is tuple:
            found += _duals_in(x)
    return found


def _shown(x: Any) -> Any:
    return show(x) if is_blank(x) else x


def _plain_nest(x: Any, plain: Callable[[Any], Any]) -> Any:
    """A nest of lists and tuples with plain arrays in the place of blank ones."""
    return type(x)(_plain_nest(one, plain) for one in x) if type(x) is list or type(x) is tuple else plain(x)
