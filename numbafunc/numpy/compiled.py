"""Compiled functions that meet the objects which stand in NumPy's place while a function is being differentiated."""

from __future__ import annotations

from typing import Any

import numba
from numba.core import types
from numba.core.datamodel.models import ArrayModel
from numba.extending import lower_cast, register_model, typeof_impl, unbox

from numbafunc.dual.array import Dual, is_blank, value_of
from numbafunc.numpy.classes import AnyNumber
from numbafunc.numpy.functions import StandIn


@typeof_impl.register(StandIn)
def _type_of_function(x: StandIn, context: Any) -> Any:
    """Compiled functions see NumPy's function, whenever they are compiled."""
    return _as_numpy_has_it(x.function)


@typeof_impl.register(AnyNumber)
def _type_of_class(x: AnyNumber, context: Any) -> Any:
    return _as_numpy_has_it(x.plain)


def _as_numpy_has_it(x: Any) -> Any:
    from numba.core.registry import cpu_target

    return cpu_target.typing_context.resolve_value_type(x)


class BlankArray(types.Array):
    """The type of a blank dual array, which compiled functions read and write as the array of its values."""


register_model(BlankArray)(ArrayModel)


@typeof_impl.register(Dual)
def _type_of_array(x: Dual, context: Any) -> Any:
    if not is_blank(x):
        return None
    array = numba.typeof(value_of(x))
    return BlankArray(array.dtype, array.ndim, array.layout, readonly=not array.mutable)


@unbox(BlankArray)
def _unbox(kind: Any, x: Any, context: Any) -> Any:
    array = context.pyapi.call_method(x, "__array__")
    native = context.unbox(types.Array(kind.dtype, kind.ndim, kind.layout, readonly=not kind.mutable), array)
    context.pyapi.decref(array)
    return native


@lower_cast(BlankArray, types.Array)
def _as_array(context: Any, builder: Any, blank: Any, array: Any, value: Any) -> Any:
    return value
