"""What recorded steps and the walk back over them compute with on a device: see :class:`numbafunc.backend.Backend`.

Each function is linear, and a step of the tape itself where tangents are recorded: its transpose is another one of
these. Reshaping, transposing, repeating and selecting make views of the memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numba import cuda
from numpy.lib.stride_tricks import as_strided

from numbafunc.dual.array import value_of
from numbafunc.dual.recorder import Primitive
from numbafunc.kinds.elementwise import Elementwise
from numbafunc.kinds.linear import LinearFunction
from numbafunc.kinds.reduction import Reduction, Stages
from numbafunc.numbers import elementary
from numbafunc.rules.device_ufuncs import copied_into
from numbafunc_cuda.arrays import View, arranged, numba_array, view
from numbafunc_cuda.copy import in_order
from numbafunc_cuda.fill import arange, zeros
from numbafunc_cuda.launch import SIMULATED
from numbafunc_cuda.layout import Shape, broadcast_strides, contiguous
from numbafunc_cuda.tables import table


class DeviceFunction(LinearFunction):
    """A linear function of arrays of a device; ``apply`` takes and returns views."""

    def anywhere(self, part: Any, leading: int, *static: Any) -> Any:
        """The result for a component of an operand."""
        result: Any = self.apply(view(part, "x"), leading, *static)
        return result.array


def paired(name: str, apply: Callable[..., View], transpose: Callable[..., View]) -> DeviceFunction:
    """A linear function with its transpose, ``transpose(cotangent, leading, shape, *static)``."""
    function: Any = DeviceFunction(name, apply)  # type: ignore[arg-type]
    back: Any = DeviceFunction(f"the transpose of {name}", transpose)  # type: ignore[arg-type]
    function.step = Primitive(
        name,
        function.behind,
        lambda cotangent, place, x, leading, *static: back.behind(cotangent, leading, x.shape[leading:], *static),
    )
    back.step = Primitive(
        back.name,
        back.behind,
        lambda cotangent, place, x, leading, shape, *static: function.behind(cotangent, leading, *static),
    )
    return function  # type: ignore[no-any-return]


def selected_view(x: View, arrange: Callable[[Any], Any]) -> View:
    """The view of a device's memory that a function of NumPy's arrays makes, which reads no elements."""
    word = np.empty(1, f"u{x.dtype.itemsize}")
    found = arrange(as_strided(word, x.shape, x.strides))
    start = found.__array_interface__["data"][0] - word.__array_interface__["data"][0]
    return arranged(x, found.shape, found.strides, start)


# Views, and their transposes.


def reshaped_view(x: View, shape: Shape) -> View:
    """The elements in another shape; copied where no strides do."""
    if x.shape == shape:
        return x
    if x.size:
        try:
            return selected_view(x, lambda array: np.reshape(array, shape, copy=False))
        except ValueError:
            x = in_order(x)
    return arranged(x, shape, contiguous(shape, x.dtype.itemsize))


def repeated_view(x: View, shape: Shape) -> View:
    """The array broadcast to a shape."""
    return arranged(x, shape, broadcast_strides(x.shape, x.strides, shape)) if x.shape != shape else x


def summed_to(x: View, shape: Shape) -> View:
    """The sum over the axes that broadcasting from a shape has added or lengthened."""
    extra = x.ndim - len(shape)
    axes = [axis for axis in range(x.ndim) if axis < extra or (shape[axis - extra] == 1 and x.shape[axis] != 1)]
    return reshaped_view(summed(x, tuple(axes)), shape)


def summed(x: View, axes: Shape, keepdims: bool = False) -> View:
    """The sum over axes."""
    return view(SUM((x,), axes, x.dtype, shape=x.shape, keepdims=keepdims), "a sum") if axes else x


def _placed(cotangent: View, leading: int, shape: Shape, key: Any) -> View:
    whole = zeros((*cotangent.shape[:leading], *shape), cotangent.dtype, cotangent.stream)
    if cotangent.size:
        target = selected_view(whole, lambda array: array[_behind(leading, key)])
        copied_into(target.array, cotangent.array)
    return whole


def _behind(leading: int, key: Any) -> Any:
    key = key if type(key) is tuple else (key,)
    # With an ellipsis NumPy makes a view of a single element too.
    return (*(slice(None),) * leading, *key, *(() if Ellipsis in key else (Ellipsis,)))


def _ordered(x: View, leading: int, order: Shape) -> View:
    axes = (*range(leading), *(leading + axis for axis in order))
    return arranged(x, tuple(x.shape[axis] for axis in axes), tuple(x.strides[axis] for axis in axes))


_RESHAPED = paired(
    "reshape",
    lambda x, leading, shape: reshaped_view(x, (*x.shape[:leading], *shape)),
    lambda x, leading, shape, to: reshaped_view(x, (*x.shape[:leading], *shape)),
)
_TRANSPOSED = paired(
    "transpose",
    _ordered,
    lambda x, leading, shape, order: _ordered(x, leading, tuple(sorted(range(len(order)), key=order.__getitem__))),
)


def _repeat_behind(x: View, leading: int, shape: Shape) -> View:
    # New axes are between the directions and the others.
    missing = len(shape) - (x.ndim - leading)
    whole = reshaped_view(x, (*x.shape[:leading], *(1,) * missing, *x.shape[leading:])) if missing else x
    return repeated_view(whole, (*x.shape[:leading], *shape))


def _repeat_back(x: View, leading: int, shape: Shape, to: Shape) -> View:
    directions = x.shape[:leading]
    whole = summed_to(x, (*directions, *(1,) * (len(to) - len(shape)), *shape))
    return reshaped_view(whole, (*directions, *shape))


_REPEATED = paired("broadcast_to", _repeat_behind, _repeat_back)


def _total_of(x: View, leading: int, axes: Shape, keepdims: bool) -> View:
    return summed(x, tuple(leading + axis for axis in axes), keepdims)


def _total_back(x: View, leading: int, shape: Shape, axes: Shape, keepdims: bool) -> View:
    directions = x.shape[:leading]
    kept = tuple(1 if axis in axes else length for axis, length in enumerate(shape))
    return repeated_view(reshaped_view(x, (*directions, *kept)), (*directions, *shape))


_TOTAL = paired("sum", _total_of, _total_back)
_SELECTED = paired(
    "indexing", lambda x, leading, key: selected_view(x, lambda array: array[_behind(leading, key)]), _placed
)


def reshape(x: Any, shape: Sequence[int]) -> Any:
    """The elements in another shape."""
    return _RESHAPED.behind(x, 0, tuple(shape))


def transpose(x: Any, order: Sequence[int]) -> Any:
    """The array with its axes in another order."""
    return _TRANSPOSED.behind(x, 0, tuple(order))


def broadcast_to(x: Any, shape: Sequence[int]) -> Any:
    """The array broadcast to a shape."""
    return _REPEATED.behind(x, 0, tuple(shape))


def total(x: Any, axes: Sequence[int], keepdims: bool) -> Any:
    """The sum over axes, which are ascending."""
    return _TOTAL.behind(x, 0, tuple(axes), keepdims)


def selected(x: Any, key: Any) -> Any:
    """The part that an index of numbers and slices selects."""
    return _SELECTED.behind(x, 0, key)


# Reductions and elementwise functions. They are not listed among the ops, since no public function calls them.

SUM = Reduction("sum", Stages(lift=lambda shift, x: (x,), finish=lambda shift, count, total: (total,)), listed=False)
LARGEST = Reduction(
    "largest element",
    Stages(shift_of=lambda x: x, lift=lambda shift, x: (0.0 * x,), finish=lambda shift, count, total: (shift,)),
    listed=False,
)


def largest(x: Any, axes: Shape) -> Any:
    """The maximum over axes, which are kept."""
    found = view(x, "x")
    return LARGEST((found,), axes, found.dtype, shape=found.shape, keepdims=True)


def _scaled(factor: Any, tangent: Any) -> Any:
    product = factor * tangent
    return elementary.with_slope_of(product if tangent != 0 else 0.0, product)


def _mixed(a: Any, b: Any) -> Any:
    product = a * b
    return elementary.with_slope_of((product if a != 0 else 0.0) if b != 0 else 0.0, product)


def _chosen(place: Any, index: Any, x: Any) -> Any:
    return x if place == index else 0.0


def _inside(index: Any, count: Any, x: Any) -> Any:
    return x if index >= 0 and index < count else math.nan


def _wrapped(index: Any, count: Any) -> Any:
    return index + count if index < 0 else index


DEFINITIONS: dict[str, Callable[..., Any]] = {
    "scale": _scaled,
    "mixed": _mixed,
    "chosen": _chosen,
    "inside": _inside,
    "wrapped": _wrapped,
}
"""The elementwise functions, of which kernels are made."""


@cache
def _op(name: str) -> Elementwise:
    return Elementwise(DEFINITIONS[name], name=name, identity=f"{name} of the walk back")


def scale(factor: Any, tangent: Any) -> Any:
    """The product of a factor and a tangent, zero where the tangent is zero."""
    return _op("scale").on_device((factor, tangent), None, tangent.dtype)


def mixed(a: Any, b: Any) -> Any:
    """The product of two tangents, zero where either is zero."""
    return _op("mixed").on_device((a, b), None, b.dtype)


def picked(x: Any, index: Any, axis: int) -> Any:
    """The element of each row along an axis at its index; NaN where the row has none."""
    count = x.shape[axis]
    place = arange(count, view(value_of(x), "x").stream)
    behind = (1,) * (x.ndim - axis - 1)
    places = reshaped_view(place, (count, *behind)).array
    index = _op("wrapped")(index, float(count))
    chosen = _op("chosen").on_device((places, index, x), None, x.dtype)
    found = total(chosen, (axis,), keepdims=True)
    return _op("inside").on_device((index, float(count), found), None, x.dtype)


def units(count: int, direction: int, x: Any) -> Any:
    """Tangents of an array along some directions, 1 along one of them."""
    shape, dtype = x.shape, x.dtype
    found = table(("unit", count, direction, dtype.name), lambda: np.eye(count)[direction].astype(dtype))
    strides = (found.strides[0], *(0,) * len(shape))
    return arranged(found, (count, *shape), strides).array


def in_main_memory(x: Any) -> np.ndarray[Any, Any]:
    """A copy of an array in main memory."""
    found = in_order(view(x, "x"))
    if not found.size:
        return np.zeros(found.shape, found.dtype)
    return numba_array(found).copy_to_host(stream=found.stream)  # type: ignore[no-any-return]


def from_main_memory(x: np.ndarray[Any, Any]) -> Any:
    """A copy of an array of main memory on the device."""
    result = cuda.to_device(np.ascontiguousarray(x).reshape(x.shape))
    if not SIMULATED:
        # Small copies return before they are done, and other streams do not wait for the default one.
        cuda.default_stream().synchronize()
    return result
