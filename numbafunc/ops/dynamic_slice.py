"""Slices whose place may depend on values."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments
from numbafunc.kinds.copy import MANY, Movement, scattered
from numbafunc.kinds.njit import register
from numbafunc.kinds.registry import CALLS, Call
from numbafunc.kinds.shortcuts import new_shortcut, shortcut
from numbafunc.ops.pad_index import padded


def _window(array: np.ndarray[Any, Any], leading: int, starts: tuple[int, ...], sizes: tuple[int, ...]) -> Any:
    behind = (slice(start, start + size) for start, size in zip(starts, sizes))
    # The ellipsis gives a view of an array without axes too, where indexing alone would give a number with its own
    # memory.
    places: tuple[Any, ...] = (*(slice(None),) * leading, *behind, ...)
    return array[places], (*array.shape[:leading], *sizes)


def _window_transpose(
    cotangent: np.ndarray[Any, Any], leading: int, shape: tuple[int, ...], arrange: Any,
    starts: tuple[int, ...], sizes: tuple[int, ...],
) -> Any:  # fmt: skip
    """The transpose of a slice: margins of zeros."""
    if cotangent.size < MANY:
        return scattered(cotangent, leading, shape, arrange, starts, sizes)
    widths = tuple((start, length - start - size) for length, start, size in zip(shape, starts, sizes))
    return padded(cotangent, leading, widths, "constant")


_dynamic_slice = Movement("dynamic_slice", _window, _window_transpose)


def _integers(given: Any, name: str) -> tuple[int, ...]:
    """A sequence of integers, all of one type."""
    wanted = "a sequence of ints, one for each axis"
    if isinstance(given, Dual):
        raise TypeError(f"{name} is a Dual array; wanted: {wanted}")
    if isinstance(given, np.ndarray):
        fits = given.ndim == 1 and (given.dtype.kind in "iu" or not given.size)
    else:
        fits = isinstance(given, Sequence) and not isinstance(given, (str, bytes))
    if not fits:
        raise TypeError(f"{name} is {given!r}; wanted: {wanted}")
    found = []
    types = set()
    for entry in given:
        try:
            found.append(operator.index(entry))
        except TypeError:
            raise TypeError(f"{name} is {given!r}; wanted: {wanted}") from None
        if isinstance(entry, (bool, np.bool_)):
            raise TypeError(f"{name} is {given!r}; wanted: {wanted}, not bool")
        if type(entry) is not int:
            types.add(np.asarray(entry).dtype)
    if len(types) > 1:
        raise TypeError(f"{name} is {given!r}; wanted: integers of one type")
    return tuple(found)


@shortcut("operand", tuples=["start_indices", "slice_sizes"])
def dynamic_slice(operand: Any, start_indices: Any, slice_sizes: Any) -> Any:
    r"""Slice of a fixed size at a place that is adjusted so that the slice fits.

    .. math:: y_i = x_{s + i}, \quad 0 \le i < \text{size}, \quad s = \min(\max(s', 0), n - \text{size})

    on each axis, of length n, where :math:`s'` is the start, or the start plus n if that is negative.

    Parameters
    ----------
    operand : array_like
        Array to slice.
    start_indices : sequence of int
        Where the slice begins, one start for each axis. Negative starts count from the end.
    slice_sizes : sequence of int
        Length of the slice on each axis.

    Returns
    -------
    numpy.ndarray
        Of shape ``slice_sizes``, in the dtype of ``operand``, integers and bool included.

    Raises
    ------
    ValueError
        For a number of starts or sizes that is not the number of axes, or a size that is negative or larger than the
        axis (each a TypeError too).
    TypeError
        For an operand that does not hold numbers, or starts and sizes that are not sequences of integers of one
        type.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> x = np.arange(12).reshape(3, 4)
    >>> numbafunc.dynamic_slice(x, (1, 9), (2, 3))
    array([[ 5,  6,  7],
           [ 9, 10, 11]])
    """
    array = arguments.as_array_anywhere(operand, "operand", complex_values=True)
    starts = _integers(start_indices, "start_indices")
    sizes = _integers(slice_sizes, "slice_sizes")
    for name, entries in (("start_indices", starts), ("slice_sizes", sizes)):
        if len(entries) != array.ndim:
            raise ShapeError(f"{name} has {len(entries)} entries; wanted: {array.ndim}, one for each axis of operand")
    places = []
    for length, start, size in zip(array.shape, starts, sizes):
        if not 0 <= size <= length:
            raise ShapeError(f"slice_sizes is {slice_sizes!r}; wanted: from 0 to the axes of operand, {array.shape}")
        places.append(min(max(start + length if start < 0 else start, 0), length - size))
    return _dynamic_slice(array, tuple(places), sizes, shortcut=new_shortcut(moving=True))


CALLS["dynamic_slice"] = Call(((1000, 1000),), settings={"start_indices": (1, 1), "slice_sizes": (500, 500)})
register(__name__)
