"""Functions of indices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import Backend
from numbafunc.dual.array import value_of
from numbafunc.dual.dtypes import is_long
from numbafunc.kinds import arguments
from numbafunc.kinds.elementwise import define
from numbafunc.kinds.njit import register
from numbafunc.kinds.registry import CALLS, Call
from numbafunc.kinds.shortcuts import new_shortcut, shortcut


@define(keep_integers=True)
def _one_hot(x: Any, index: Any) -> Any:
    return 1 if x == index else 0


@shortcut("x", numbers=True)
def one_hot(x: Any, num_classes: int, *, dtype: Any = np.float64, axis: int = -1) -> Any:
    r"""Vectors that are 1 at the given index and 0 elsewhere.

    .. math:: y_{\dots c} = [x_{\dots} = c], \quad 0 \le c < \text{num\_classes}

    Parameters
    ----------
    x : array_like
        Indices. Those that are negative, too large, not whole or NaN give zeros only.
    num_classes : int
        Length of the new axis.
    dtype : dtype, default numpy.float64
        Any numeric dtype, or bool.
    axis : int, default -1
        Position of the new axis in the result.

    Returns
    -------
    numpy.ndarray
        Of the shape of ``x`` with the new axis, in the given dtype.

    Raises
    ------
    TypeError
        For indices that are not real numbers or bool, a ``num_classes`` that is not an integer or negative, or a
        ``dtype`` that is not numeric.
    ValueError
        For an axis out of range.

    Notes
    -----
    The derivative is 0, so the result is a plain array for a Dual ``x`` too.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.one_hot([0, 2, -1], 3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 0., 0.]])
    """
    indices = value_of(arguments.as_array(x, "x", boolean=False, device=True))
    classes = arguments.as_int(num_classes)
    if classes is None or classes < 0:
        raise TypeError(f"num_classes is {num_classes!r}; wanted: a non-negative int")
    try:
        kind = np.dtype(dtype)
    except (TypeError, ValueError):
        raise TypeError(f"dtype is {dtype!r}; wanted: a numeric dtype or bool") from None
    if is_long(kind):
        raise TypeError(f"dtype is {kind} (long double), of more than 64 bits; wanted: a shorter numeric dtype or bool")
    if kind.kind not in "ciub" and not arguments.is_float(kind):
        raise TypeError(f"dtype is {kind}; wanted: a numeric dtype or bool")
    ndim = len(indices.shape) + 1
    place = arguments.as_int(axis)
    if place is None or not -ndim <= place < ndim:
        raise ValueError(f"axis is {axis!r}; wanted: an int from {-ndim} to {ndim - 1}")
    position = place % ndim
    shape = (*indices.shape[:position], classes, *indices.shape[position:])
    arguments.check_size(
        shape, max(kind, np.dtype(np.intp), key=lambda dtype: dtype.itemsize), "num_classes", num_classes
    )
    here = backend.of(indices)
    if 0 in shape:
        return here.zeros(shape, kind, indices)
    if classes > _MANY and here is backend.CPU:
        return _marked(indices, shape, position, kind)
    compared = here.one_hot(indices, classes, position)
    return _one_hot.evaluate(compared, dtype=kind, shortcut=new_shortcut())


# From this many classes on, the numbers of all of them would need memory, and vectors are zeros but for one element.
_MANY = 1 << 16


def _marked(indices: Any, shape: tuple[int, ...], position: int, kind: np.dtype[Any]) -> Any:
    """The vectors, in which only the elements are written that are 1."""
    flat, result = np.asarray(indices).reshape(-1), np.zeros(shape, kind)
    if flat.dtype.itemsize == 2 and arguments.is_float(flat.dtype):
        flat = flat.astype(np.float32)
    taken = (flat >= 0) & (flat < shape[position]) & (flat == np.floor(flat))
    places, inside = np.flatnonzero(taken), math.prod(shape[position + 1 :])
    result.reshape(-1, shape[position], inside)[places // inside, flat[taken].astype(np.int64), places % inside] = 1
    return result


@backend.CPU.brings(Backend.one_hot)
def _compared(indices: np.ndarray[Any, Any], classes: int, position: int) -> tuple[Any, Any]:
    if indices.dtype == np.uint64:
        indices = np.minimum(indices, classes)  # a single index goes to the kernel as a signed word
    spread = indices.reshape((*indices.shape[:position], 1, *indices.shape[position:]))
    return spread, np.arange(classes).reshape((classes,) + (1,) * (indices.ndim - position))


CALLS["one_hot"] = Call(((100,), (100_000,)), ("whole",), {"num_classes": 10})
register(__name__)
