"""Functions that compiled functions call: contiguous runs of elements, and shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.cpython.unsafe.tuple import tuple_setitem
from numba.extending import intrinsic

from numbafunc.cpu.dispatchers import inline


@intrinsic
def writeable(typingctx: Any, array: Any) -> Any:
    """The array in the type of a writeable one: loops only read operands, and are compiled for one type."""
    result = array.copy(readonly=False)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        from numba.core.imputils import impl_ret_borrowed

        return impl_ret_borrowed(context, builder, sig.return_type, args[0])

    return result(array), codegen


@intrinsic
def words(typingctx: Any, array: Any) -> Any:
    """A contiguous array in the type of an array of words of the size of its elements, which are moved, not read."""
    width = 8 if isinstance(array.dtype, types.Boolean) else array.dtype.bitwidth
    word = {8: types.uint8, 16: types.uint16, 32: types.float32, 64: types.float64}[width]
    result = types.Array(word, array.ndim, "C")

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        from numba.core.imputils import impl_ret_borrowed

        given = context.make_array(array)(context, builder, args[0])
        made = context.make_array(result)(context, builder)
        for name in ("meminfo", "parent", "nitems", "itemsize", "shape", "strides"):
            setattr(made, name, getattr(given, name))
        made.data = builder.bitcast(given.data, context.get_data_type(word).as_pointer())
        return impl_ret_borrowed(context, builder, result, made._getvalue())

    return result(array), codegen


@inline
def run_of(array: Any) -> Any:
    """The elements of a contiguous array in one run."""
    return array.reshape(array.size)


@inline
def one_element(number: Any) -> Any:
    """An array with a number."""
    result = np.empty(1, type(number))
    result[0] = number
    return result


@inline
def size_of(shape: Any) -> Any:
    """Number of elements of an array of a shape."""
    total = 1
    for length in shape:
        total *= length
    return total


@inline
def repeated(number: Any, shape: Any) -> Any:
    """A run of a number as long as an array of a shape."""
    return np.full(size_of(shape), number)


@inline
def axis_of(axis: Any, ndim: Any) -> Any:
    """An axis counted from the front."""
    if axis < -ndim or axis >= ndim:
        raise ValueError("axis is out of range")
    return axis + ndim if axis < 0 else axis


@inline
def split(shape: Any, first: Any, last: Any) -> Any:
    """Products of the lengths before an axis, from there on, and from another axis on."""
    blocks, length, inner = 1, 1, 1
    for axis, size in enumerate(shape):
        if axis < first:
            blocks *= size
        elif axis < last:
            length *= size
        else:
            inner *= size
    return blocks, length, inner


@inline
def without_axis(shape: Any, axis: Any) -> Any:
    """A shape without the length of an axis."""
    result = shape[1:]
    for position in range(axis):
        result = tuple_setitem(result, position, shape[position])
    return result


@inline
def with_axis(shape: Any, axis: Any, length: Any) -> Any:
    """A shape with one more length, at an axis."""
    result = shape + (length,)  # noqa: RUF005  (Numba knows no other way)
    for position in range(axis + 1, len(result)):
        result = tuple_setitem(result, position, shape[position - 1])
    return tuple_setitem(result, axis, length)


@inline
def listed(numbers: Any) -> Any:
    """The integers of a tuple in an array."""
    result = np.empty(len(numbers), np.int64)
    for place, number in enumerate(numbers):
        result[place] = number
    return result


@inline
def strides_of(lengths: Any) -> Any:
    """Elements from one to the next along each axis of a contiguous array."""
    result = np.empty(len(lengths), np.int64)
    apart = 1
    for axis in range(len(lengths) - 1, -1, -1):
        result[axis] = apart
        apart *= lengths[axis]
    return result


@inline
def arranged(lengths: Any, order: Any) -> Any:
    """Lengths and strides of the axes of a contiguous array in another order."""
    strides = strides_of(lengths)
    moved, apart = np.empty(len(order), np.int64), np.empty(len(order), np.int64)
    for place, axis in enumerate(order):
        moved[place] = lengths[axis]
        apart[place] = strides[axis]
    return moved, apart


FUNCTIONS: dict[str, Any] = {
    "arranged": arranged,
    "axis_of": axis_of,
    "listed": listed,
    "one_element": one_element,
    "repeated": repeated,
    "run_of": run_of,
    "size_of": size_of,
    "split": split,
    "strides_of": strides_of,
    "tuple_setitem": tuple_setitem,
    "with_axis": with_axis,
    "without_axis": without_axis,
    "words": words,
    "writeable": writeable,
}
"""All of these, by the names that implementations call them by."""
