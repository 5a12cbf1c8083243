"""Printing of numbers with tangents, inside a user's compiled function that is differentiated: the value is printed."""

from __future__ import annotations

from typing import Any

from numba import extending
from numba.core import types
from numba.core.errors import TypingError
from numba.core.typing import signature

from numbafunc.numbers.numba_array import NumberArray
from numbafunc.numbers.numba_scalars import without_tangents
from numbafunc.numbers.numba_type import NumberType


def _print(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (given,) = sig.args
    plain = types.Array(given.dtype.dtype, given.ndim, "C") if isinstance(given, NumberArray) else given.dtype
    value = context.compile_internal(builder, without_tangents(given), signature(plain, given), args)
    return context.get_function("print_item", signature(types.none, plain))(builder, [value])


for _kind in (NumberType, NumberArray):
    extending.lower_builtin("print_item", _kind)(_print)


def _refuse(given: Any) -> Any:
    raise TypingError(f"there is no text of {given}; wanted: print, which shows the value")


for _kind in (NumberType, NumberArray):
    for _method in ("__str__", "__repr__"):
        extending.overload_method(_kind, _method, strict=False)(_refuse)
