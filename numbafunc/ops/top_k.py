"""The largest elements of rows and their indices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from numbafunc import backend
from numbafunc.backend import Backend
from numbafunc.cpu import kernels, threads
from numbafunc.cpu.kernel import Kernel
from numbafunc.cpu.machine_code import machine_code
from numbafunc.cpu.memory import flat_words
from numbafunc.cpu.top_k_order import FEW, order_of
from numbafunc.dual.array import Dual, parts_to_read
from numbafunc.dual.lent import to_read
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments
from numbafunc.kinds.copy import with_axis_moved
from numbafunc.kinds.njit import register
from numbafunc.kinds.registry import CALLS, ROWS, Call
from numbafunc.kinds.selection import Positions, Selection
from numbafunc.kinds.shortcuts import AS_STORED, Shortcut, new_shortcut, shortcut
from numbafunc.result_memory import empty_for, empty_result

__all__ = ["TopK", "top_k"]

# From about this many elements on, several threads pay.
_PARALLEL_FROM = threads.asked_from(1 << 15, 1 << 17)
# Fewer rows than _MANY are cut into segments of at least _SEGMENT elements, and at least _SHARE times ``k``.
_MANY, _SEGMENT, _SHARE = 8, 1 << 15, 16
_PLACE = np.dtype(np.int32)


class TopK(NamedTuple):
    """The largest or smallest elements along an axis, and their indices on it."""

    values: Any
    indices: np.ndarray[Any, Any]


def width(dtype: np.dtype[Any]) -> int:
    """Bits of the keys by which elements are compared."""
    return 64 if dtype.itemsize == 8 else 32


def _prepare(
    shape: tuple[int, ...], dtype: np.dtype[Any], k: int, largest: bool
) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """Kernel, shape of the results, and the integers that the kernel is given."""
    rows, n = math.prod(shape[:-1]), shape[-1]
    parallel = rows * (n + 32 * k) >= _PARALLEL_FROM and threads.parallel_allowed()
    kernel = kernels.top_k(order_of(dtype, largest), width(dtype), few=k <= FEW, parallel=parallel, word=dtype.name)
    segments = n // max(_SEGMENT, _SHARE * k) if rows < _MANY else 1
    if segments > 1:
        kernel = _in_segments(kernel, rows, n, segments)
    return kernel, (*shape[:-1], k), (rows, k)


def _in_segments(kernel: Any, rows: int, n: int, segments: int) -> Any:
    """A kernel that searches segments of rows, and then the elements that it found in them."""
    begins = np.tile(np.arange(segments) * n // segments, rows).astype(np.int32)[:, None]

    def search(x: Any, values: Any, indices: Any, rows: int, k: int) -> None:
        # Equal elements stay in order, so the first of them is the first of the row.
        some, places = empty_result((rows, segments * k), x.dtype), empty_result((rows * segments, k), _PLACE)
        kernel.run(x, some.reshape(-1, k), places, rows * segments, k)
        kernel.run(some, values, indices, rows, k)
        places += begins
        indices[...] = np.take_along_axis(places.reshape(rows, -1), indices, 1)

    return search


def _words(array: np.ndarray[Any, Any], n: int) -> np.ndarray[Any, Any]:
    """Rows of ``n`` elements as a kernel takes them; bool comes as bytes."""
    words = flat_words(array, 0)
    words = words.view(np.uint8) if words.dtype.kind == "b" else words
    return words.reshape(-1, n)


def _top_k(x: np.ndarray[Any, Any], k: int, largest: bool) -> TopK:
    shape = (*x.shape[:-1], k)
    values, indices = empty_result(shape, x.dtype), empty_result(shape, _PLACE)
    if values.size:
        kernel, _, sizes = _prepare(x.shape, x.dtype, k, largest)
        run = kernel.run if isinstance(kernel, Kernel) else kernel
        run(_words(x, x.shape[-1]), _words(values, k), _words(indices, k), *sizes)
    return TopK(values, indices)


def _prepared(x: np.ndarray[Any, Any], result: TopK, k: int) -> Callable[[np.ndarray[Any, Any]], TopK]:
    """The prepared call for arrays of this shape, of two axes, and dtype."""
    kernel, shape, sizes = _prepare(x.shape, x.dtype, k, True)
    code = machine_code(kernel, (x, *result, *sizes)) if isinstance(kernel, Kernel) else kernel
    dtype = x.dtype
    new = empty_for(shape, dtype)

    def call(x: np.ndarray[Any, Any]) -> TopK:
        values, indices = new(shape, dtype), new(shape, _PLACE)
        code(x, values, indices, *sizes)
        return TopK(values, indices)

    return call


def _positions(indices: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Positions:
    return Positions(indices.reshape(math.prod(shape[:-1]), indices.shape[-1]).astype(np.int64), indices.shape)


def _find(x: np.ndarray[Any, Any], k: int, largest: bool) -> Positions:
    return _positions(_top_k(x, k, largest).indices, x.shape)


_selection = Selection("top_k", _find, Backend.top_k)


@backend.CPU.brings(Backend.top_k)
def _of_any(x: Any, k: int, largest: bool) -> TopK:
    found = _top_k(parts_to_read(x)[()], k, largest)
    if type(x) is not Dual:
        return found
    return TopK(_selection.gather(x, _positions(found.indices, x.shape), found.values), found.indices)


def _along_last(x: Any, k: int, largest: bool) -> TopK:
    return TopK(*Backend.top_k.of(backend.of(x), "top_k")(x, k, largest))


@shortcut("operand", unset=["axis", "largest"])
def top_k(operand: Any, k: int, *, axis: int = -1, largest: bool = True) -> TopK:
    r"""The ``k`` largest or smallest elements along an axis, in order, and their indices.

    .. math:: v_i = x_{j_i}, \quad x_{j_0} \ge x_{j_1} \ge \dots \ge x_{j_{k-1}} \ge \text{all others}

    Parameters
    ----------
    operand : array_like
        Real numbers or bool, with at least one axis.
    k : int
        How many; from 0 to the length of the axis.
    axis : int, default -1
        The axis to go along.
    largest : bool, default True
        Whether the largest come first; otherwise the smallest elements are found, in ascending order.

    Returns
    -------
    values : numpy.ndarray
        Of the shape of ``operand`` with ``k`` for the length of the axis, and of its dtype.
    indices : numpy.ndarray
        Positions on the axis, int32.

    Raises
    ------
    TypeError
        For an operand that does not hold real numbers, a ``k`` or ``axis`` that is not an integer, or a ``largest``
        that is not True or False.
    ValueError
        For a ``k`` that is negative or too large, an operand without axes, one longer than int32 can count, or an axis
        out of range.

    Notes
    -----
    Of equal elements the one with the lower index comes first. NaN is larger than all numbers and equal to every other
    NaN, whatever its sign; 0.0 is larger than -0.0. Among the smallest, NaN comes last. The result is a named tuple.
    Derivatives follow the indices.

    Examples
    --------
    >>> import numbafunc
    >>> values, indices = numbafunc.top_k([3.0, 1.0, 4.0, 1.5], 2)
    >>> values
    array([4., 3.])
    >>> indices
    array([2, 0], dtype=int32)
    """
    x = arguments.as_array_anywhere(operand, "operand")
    if x.ndim == 0:
        raise ShapeError("operand has no axes; wanted: at least one")
    count, shape = arguments.as_int(k), tuple(x.shape)
    if count is None:
        raise TypeError(f"k is {k!r}; wanted: an int")
    place, first = arguments.as_int(axis), arguments.check_flag(largest, "largest")
    if place is None:
        raise TypeError(f"axis is {axis!r}; wanted: an int")
    if not -x.ndim <= place < x.ndim:
        raise ValueError(
            f"axis is {axis!r}; wanted: from {-x.ndim} to {x.ndim - 1} for an array of {x.ndim} dimensions"
        )
    if not 0 <= count <= shape[place]:
        of_axis = "the last axis" if place in (-1, x.ndim - 1) else f"axis {place}"
        raise ValueError(f"k is {k!r}; wanted: from 0 to {shape[place]}, the length of {of_axis} of operand")
    if shape[place] > np.iinfo(np.int32).max:
        raise ValueError(f"operand has shape {shape}; wanted: an axis that int32 can index")
    place, last = place % x.ndim, x.ndim - 1
    if place != last:
        found = _along_last(with_axis_moved(x, place, last), count, first)
        return TopK(*(with_axis_moved(part, last, place) for part in found))
    shortcut = new_shortcut(moving=True)
    if shortcut is not None and shortcut.moving:
        return _keep_moving(shortcut, x, count)
    if not isinstance(x, np.ndarray) or not first:
        return _along_last(x, count, first)
    result = _top_k(x, count, True)
    if shortcut is not None and shortcut.operands[0] is x and _is_usual(result.values):
        shortcut.keep(_prepared(x, result, count))
    return result


def _is_usual(values: np.ndarray[Any, Any]) -> bool:
    return values.ndim == 2 and values.size > 0 and values.dtype.char in AS_STORED


def _keep_moving(shortcut: Shortcut, x: Any, k: int) -> TopK:
    """The largest elements of a dual array, kept for others like it."""
    result: TopK = shortcut.keep_moving(x, lambda x: _along_last(x, k, True))
    values, indices = result
    if x is shortcut.operands[0] and _is_usual(values.primal):
        find = _prepared(to_read(x), TopK(values.primal, indices), k)
        carry = _positions(indices, x.shape).carrier(x)

        def call(x: Dual) -> TopK:
            values, indices = find(to_read(x))
            return TopK(carry(x, values, indices.astype(np.int64)), indices)

        shortcut.keep(call)
    return result


CALLS["top_k"] = Call(ROWS, settings={"k": 5})
register(__name__)
