"""Rules of dual arrays of a CUDA device: each ufunc is an op of the elementwise kind, one kernel for all components.

The rules of dual arrays in main memory compose NumPy's functions. On a device each of these would be a kernel of its
own that passes over memory, and rules that look at elements to choose a formula would have to wait for the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from numbafunc.dual.array import value_of
from numbafunc.numbers import elementary

_DEFINITIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: lambda x, y: x + y,
    np.subtract: lambda x, y: x - y,
    np.multiply: lambda x, y: x * y,
    np.divide: lambda x, y: x / y,
    np.power: lambda x, y: x**y,
    np.float_power: lambda x, y: x**y,
    np.maximum: lambda x, y: elementary.maximum(x, y),
    np.minimum: lambda x, y: elementary.minimum(x, y),
    np.negative: lambda x: -x,
    np.positive: lambda x: +x,
    np.absolute: lambda x: abs(x),
    np.fabs: lambda x: abs(x),
    np.square: lambda x: x * x,
    np.reciprocal: lambda x: 1 / x,
}

# Predicates, and functions that are constant between jumps: their results are plain arrays.
_ON_VALUE: dict[np.ufunc, Callable[..., Any]] = {
    np.less: lambda x, y: 1 if x < y else 0,
    np.less_equal: lambda x, y: 1 if x <= y else 0,
    np.greater: lambda x, y: 1 if x > y else 0,
    np.greater_equal: lambda x, y: 1 if x >= y else 0,
    np.equal: lambda x, y: 1 if x == y else 0,
    np.not_equal: lambda x, y: 1 if x != y else 0,
    np.isnan: lambda x: 1 if math.isnan(x) else 0,
    np.isinf: lambda x: 1 if math.isinf(x) else 0,
    np.isfinite: lambda x: 1 if math.isfinite(x) else 0,
}
_STEPS: dict[np.ufunc, Callable[..., Any]] = {
    np.floor: lambda x: np.floor(x),
    np.rint: lambda x: np.rint(x),
}


def kernels() -> dict[str, dict[np.ufunc, Callable[..., Any]]]:
    """The definitions that kernels are made of, in two groups: functions with derivatives, and those without."""
    return {"moves": _DEFINITIONS, "asks": _ON_VALUE, "steps": _STEPS}


def _of(function: Any) -> Callable[[Any], Any]:
    return lambda x: function(x)


for _function in elementary.FUNCTIONS.values():
    if isinstance(_function.evaluate, np.ufunc):
        _DEFINITIONS.setdefault(_function.evaluate, _of(_function))


@cache
def _op(ufunc: np.ufunc) -> Any:
    from numbafunc.kinds.elementwise import Elementwise

    definition = _DEFINITIONS.get(ufunc) or _ON_VALUE.get(ufunc) or _STEPS.get(ufunc)
    if definition is None:
        raise TypeError(
            f"numpy.{ufunc.__name__} has no rule for arrays of a CUDA device; write it with numbafunc.elementwise"
        )
    return Elementwise(definition, name=f"numpy.{ufunc.__name__}", identity=f"numpy.{ufunc.__name__}")


def apply(ufunc: np.ufunc, *operands: Any) -> Any:
    """Apply a ufunc to operands of which at least one is an array of a device, or a dual array of one."""
    op = _op(ufunc)
    if ufunc in _ON_VALUE:
        return op.on_device(list(map(value_of, operands)), None, np.dtype(bool))
    return op.on_device(list(map(value_of, operands)) if ufunc in _STEPS else operands, None)


def converted(x: Any, dtype: np.dtype[Any]) -> Any:
    """A new array, or Dual, of a dtype, with the elements and tangents of another one."""
    return _conversion(x, dtype).on_device((x,), None, dtype)


def copied_into(target: Any, source: Any) -> None:
    """Copy an array of a device into another one, converted to its dtype."""
    _conversion(source, target.dtype).on_device((source,), target, target.dtype)


def _conversion(source: Any, dtype: np.dtype[Any]) -> Any:
    integers = not isinstance(source, float) and source.dtype.kind in "iub" and dtype.kind in "iub"
    return _positive_of_integers() if integers else _op(np.positive)


@cache
def _positive_of_integers() -> Any:
    from numbafunc.kinds.elementwise import Elementwise

    name = "numpy.positive of integers"
    return Elementwise(_DEFINITIONS[np.positive], keep_integers=True, name=name, identity=name)
