"""Functions that make arrays while a function is being differentiated: of lists of dual arrays, or blank ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, is_blank, value_of
from numbafunc.dual.nests import array_of, holds_dual
from numbafunc.rules.blanks import fillable

FUNCTIONS: dict[str, Any] = {}
"""What stands in the place of NumPy's functions, by their names."""

_LISTS = (list, tuple)


def stands_in(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register the decorated function in the place of NumPy's of the same name."""
    FUNCTIONS[function.__name__] = function
    return function


def _as_dual(x: Any) -> Any:
    """A dual array with tangents, or one of a list that holds such; None for anything else."""
    if type(x) is Dual:
        return None if is_blank(x) else x
    return array_of(x) if type(x) in _LISTS and holds_dual(x) else None


def _converted(x: Any, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What a function makes of a blank array: the same array where the function copies nothing."""
    plain = value_of(x)
    result = function(plain, *args, **options)
    if result is plain:
        return x
    if np.may_share_memory(result, plain) and result.dtype == plain.dtype:
        return np.reshape(x, result.shape)
    return fillable(result)


@stands_in
def array(
    object: Any, dtype: Any = None, *, copy: bool | None = True, order: Any = "K", ndmin: int = 0, **options: Any
) -> Any:
    """As :func:`numpy.array`."""
    x = _as_dual(object)
    if is_blank(object):
        return _converted(object, np.array, dtype, copy=copy, order=order, ndmin=ndmin, **options)
    if x is None:
        result = np.array(object, dtype, copy=copy, order=order, ndmin=ndmin, **options)
        return fillable(result) if copy or type(object) in _LISTS else result
    if dtype is not None and x.dtype != dtype:
        x = x.astype(dtype)
    elif copy and x is object:
        x = x.copy()
    return x if x.ndim >= ndmin else np.reshape(x, (1,) * (ndmin - x.ndim) + x.shape)


def _define_conversion(name: str) -> None:
    function: Any = getattr(np, name)

    def convert(a: Any, dtype: Any = None, order: Any = None, *, copy: bool | None = None, **options: Any) -> Any:
        x = _as_dual(a)
        if x is None:
            if copy is not None:
                options["copy"] = copy
            if is_blank(a):
                return _converted(a, function, dtype, order, **options)
            result = function(a, dtype, order, **options)
            return fillable(result) if type(a) in _LISTS or copy else result
        if dtype is not None and x.dtype != dtype:
            return x.astype(dtype)
        return x.copy() if copy and x is a else x

    convert.__name__, convert.__doc__ = name, f"As :func:`numpy.{name}`."
    stands_in(convert)


_define_conversion("asarray")
_define_conversion("asanyarray")


def _define_contiguous(name: str) -> None:
    function: Any = getattr(np, name)

    def convert(a: Any, dtype: Any = None, **options: Any) -> Any:
        x = _as_dual(a)
        if is_blank(a):
            return _converted(a, function, dtype, **options)
        if x is None:
            return function(a, dtype, **options)
        return np.atleast_1d(x if dtype is None else x.astype(dtype, copy=False))

    convert.__name__, convert.__doc__ = name, f"As :func:`numpy.{name}`; a dual array has no order in memory."
    stands_in(convert)


_define_contiguous("ascontiguousarray")
_define_contiguous("asfortranarray")


@stands_in
def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Any:
    """As :func:`numpy.asarray_chkfinite`."""
    x = FUNCTIONS["asarray"](a, dtype, order)
    np.asarray_chkfinite(value_of(x))
    return x


@stands_in
def full(shape: Any, fill_value: Operand, dtype: Any = None, **options: Any) -> Any:
    """As :func:`numpy.full`."""
    x = _as_dual(fill_value)
    if x is None:
        return fillable(np.full(shape, fill_value, dtype, **options))
    filled = np.broadcast_to(x, shape).copy()
    return filled if dtype is None else filled.astype(dtype)


@stands_in
def full_like(a: Operand, fill_value: Operand, dtype: Any = None, **options: Any) -> Any:
    """As :func:`numpy.full_like`."""
    x = _as_dual(fill_value)
    if x is None or (type(a) is Dual and not is_blank(a)):
        return fillable(np.full_like(a, fill_value if x is None else x, dtype, **options))
    like = np.empty_like(value_of(a), dtype, **options)
    return np.broadcast_to(x, like.shape).astype(like.dtype)


@stands_in
def fromiter(iter: Iterable[Any], dtype: Any, count: int = -1, **options: Any) -> Any:
    """As :func:`numpy.fromiter`."""
    entries = list(iter)
    if not holds_dual(entries):
        return fillable(np.fromiter(entries, dtype, count, **options))
    if count > len(entries):
        raise ValueError(f"iterator too short: Expected {count} but iterator had only {len(entries)} items.")
    return array_of(entries[: None if count < 0 else count]).astype(dtype)


class _Joined:
    """The object :data:`numpy.r_` or :data:`numpy.c_`, for keys that hold dual arrays."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def __getitem__(self, key: Any) -> Any:
        entries = list(key) if type(key) is tuple else [key]
        entries = [array_of(x) if type(x) in _LISTS and holds_dual(x) else x for x in entries]
        if not holds_dual(entries):
            return fillable(self._plain[key])
        from numbafunc.rules.application import rearranged

        operands = [np.asarray(self._plain[x]) if isinstance(x, slice) else x for x in entries]
        places = [place for place, x in enumerate(operands) if not isinstance(x, str)]

        def arrange(*positions: Any) -> Any:
            for place, one in zip(places, positions, strict=True):
                operands[place] = one
            return self._plain[tuple(operands)]

        return rearranged([operands[place] for place in places], arrange)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)


FUNCTIONS["r_"] = _Joined(np.r_)
FUNCTIONS["c_"] = _Joined(np.c_)
