"""Pooling: one number for each window that slides over an image."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from numbafunc.backend import Backend
from numbafunc.constants import ConvPadding
from numbafunc.cpu import threads
from numbafunc.cpu.memory import empty, flat_words
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments
from numbafunc.kinds.linear import Linear
from numbafunc.kinds.njit import register
from numbafunc.kinds.selection import Positions, Selection
from numbafunc.kinds.shortcuts import AS_STORED, new_shortcut, shortcut

__all__ = ["average_pool_2d", "max_pool_2d"]

Array = Any  # numpy.ndarray or Dual
Pair = tuple[int, int]

# Elements read and combined per task; from this many on several threads pay.
_TASK = 1 << 15
_PARALLEL_FROM = 1 << 18

_PREPARED = threads.Kernels(1024)


class Windows(NamedTuple):
    """Windows on an image with padding: their size and the strides between them.

    Attributes
    ----------
    size, strides : tuple of int
        Down and across.
    padding : tuple of tuple of int
        Rows before and after, columns before and after; negative ones are cropped.
    """

    size: Pair
    strides: Pair
    padding: tuple[Pair, Pair]

    @classmethod
    def of(cls, shape: tuple[int, ...], size: Any, strides: Any, padding: Any) -> Windows:
        """The windows that the arguments of a pooling function describe, on images of shape (N, C, H, W)."""
        if len(shape) != 4:
            raise ShapeError(f"x has shape {shape}; wanted: 4 axes, (N, C, H, W)")
        lengths = _lengths(size, "size")
        unset = strides is None or (not isinstance(strides, (tuple, list, bool)) and _whole(strides) == 0)
        steps = lengths if unset else _lengths(strides, "strides")
        named = _named(padding)
        if named is ConvPadding.SAME:
            margins = tuple(margins_of_same(*axis) for axis in zip(shape[2:], lengths, steps))
            return cls(lengths, steps, (margins[0], margins[1]))
        return cls(lengths, steps, ((0, 0), (0, 0)) if named is not None else _margins(padding))

    def result_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the result for an operand of a shape whose last two axes are rows and columns."""
        counts = []
        for length, size, step, margins in zip(shape[-2:], self.size, self.strides, self.padding):
            counts.append(count_of(length + sum(margins) - size, step))
        return (*shape[:-2], *counts)


# Windows as long as this are refused: they have no use, and take memory for a line as long as the padded image.
_LARGEST = 2**24


def _whole(value: Any) -> int | None:
    """The int of a single integer, limited to lengths that make sense."""
    whole = arguments.as_int(value)
    return whole if whole is not None and abs(whole) < _LARGEST else None


def _lengths(given: Any, name: str) -> Pair:
    items = list(given) if isinstance(given, (tuple, list)) else [given, given]
    wholes = [_whole(item) for item in items]
    if len(wholes) != 2 or None in wholes:
        raise TypeError(f"{name} is {given!r}; wanted: a positive int below 2**24 or two of them")
    down, across = (whole for whole in wholes if whole is not None)
    if down < 1 or across < 1:
        raise ShapeError(f"{name} is {given!r}; wanted: a positive int or two of them")
    return down, across


def _named(padding: Any) -> ConvPadding | None:
    if isinstance(padding, ConvPadding):
        return padding
    if not isinstance(padding, str):
        return None
    try:
        return ConvPadding[padding.upper()]
    except KeyError:
        names = ", ".join(repr(member.name) for member in ConvPadding)
        raise ValueError(f"padding is {padding!r}; wanted: {names}, an int, or pairs of ints") from None


def count_of(room: int, step: int) -> int:
    """The number of windows, given how far the first one can be moved."""
    return room // step + 1 if room >= 0 else 0


def margins_of_same(length: int, size: int, step: int) -> Pair:
    """Padding before and after an axis that gives one window for every step."""
    total = max((-(-length // step) - 1) * step + size - length, 0)
    return total // 2, total - total // 2


def _margins(padding: Any) -> tuple[Pair, Pair]:
    same = _whole(padding)
    if same is not None:
        return (same, same), (same, same)
    pairs = padding.tolist() if isinstance(padding, np.ndarray) and padding.dtype.kind in "iu" else padding
    if isinstance(pairs, tuple) and len(pairs) == 2:
        one = _pair(pairs)
        if one is not None:
            return one, one
    if isinstance(pairs, (tuple, list)) and len(pairs) == 2:
        down, across = map(_pair, pairs)
        if down is not None and across is not None:
            return down, across
    raise TypeError(
        f"padding is {padding!r}; wanted: 'VALID', 'SAME', an int, a tuple (before, after) or "
        "((top, bottom), (left, right))"
    )


def _pair(given: Any) -> Pair | None:
    """Two ints, if that is what is given."""
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        return None
    before, after = map(_whole, given)
    return None if before is None or after is None else (before, after)


class _Prepared(NamedTuple):
    """A kernel, the result that it fills, and the sizes that it is given."""

    kernel: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    places: np.ndarray[Any, Any]

    def run(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The result for an array in any layout."""
        result = empty(self.shape, self.dtype)
        if result.size:
            self.kernel(_planes(x), _planes(result), self.places)
        return result


def _planes(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array as a kernel takes it: contiguous, four axes, the last two of them rows and columns; bool as bytes."""
    planes = array.reshape((math.prod(array.shape[:-3]), *array.shape[-3:])) if array.ndim != 4 else array
    words = flat_words(planes, 3)
    return words.view(np.uint8) if words.dtype.kind == "b" else words


def _prepare(form: str, shape: tuple[int, ...], dtype: np.dtype[Any], windows: Windows) -> _Prepared:
    """The kernel and its arguments for arrays with planes of rows and columns behind any axes.

    The form is "mean" or "largest", "find" for positions of the largest, or "follow 2" for the largest with 2 tangents.
    """
    key = (form, shape, dtype, windows)
    prepared = _PREPARED.get(key)
    if prepared is None:
        prepared = _PREPARED[key] = _new(form, shape, dtype, windows)
    return prepared


def _new(form: str, shape: tuple[int, ...], dtype: np.dtype[Any], windows: Windows) -> _Prepared:
    from numbafunc.cpu.pool import PLACES, UNROLLED, build, build_find, build_follow

    (high, wide), (down, across) = windows.size, windows.strides
    (rows, columns), (top, left) = shape[-2:], (margins[0] for margins in windows.padding)
    result_shape = windows.result_shape(shape)
    new_rows, new_columns = result_shape[-2:]
    total = math.prod(result_shape[:-1])
    work = max(1, high * columns + wide * new_columns)
    sizes = {
        **{"total": total, "step": max(1, _TASK // work), "rows": rows, "columns": columns},
        **{"new_rows": new_rows, "new_columns": new_columns, "top": top, "left": left},
        **{"high": high, "wide": wide, "down": down, "across": across},
    }
    places = np.array([sizes[name] for name in PLACES], np.int64)
    parallel = total * work >= _PARALLEL_FROM and threads.parallel_allowed()
    window = (high, wide, down, across)
    unrolled = window if window in UNROLLED else None
    storage = "uint8" if dtype.kind == "b" else dtype.name
    result = np.dtype(np.float64) if form == "mean" and not arguments.is_float(dtype) else dtype
    if form == "find":
        many = rows * columns + wide > np.iinfo(np.int32).max
        return _Prepared(
            build_find(storage, unrolled, many, parallel=parallel), result_shape, np.dtype(np.int64), places
        )
    if form.startswith("follow"):
        kernel = build_follow(storage, window, int(form.split()[1]), parallel=parallel)
        return _Prepared(kernel, result_shape, result, places)
    return _Prepared(build(form, storage, unrolled, parallel=parallel), result_shape, result, places)


def _average(x: np.ndarray[Any, Any], leading: int, windows: Windows) -> np.ndarray[Any, Any]:
    return _prepare("mean", x.shape, x.dtype, windows).run(x)


def _average_transpose(
    array: np.ndarray[Any, Any], leading: int, shape: tuple[int, ...], windows: Windows
) -> np.ndarray[Any, Any]:
    """Each element of an image gets its share of all windows that it lies in: first along columns, then along rows."""
    (high, wide), (down, across) = windows.size, windows.strides
    part = array / array.dtype.type(high * wide)
    part = np.swapaxes(_spread(part, wide, across, shape[-1], windows.padding[1][0]), -1, -2)
    return np.swapaxes(_spread(part, high, down, shape[-2], windows.padding[0][0]), -1, -2)


def _spread(array: np.ndarray[Any, Any], size: int, step: int, length: int, before: int) -> np.ndarray[Any, Any]:
    """The last axis, of windows, spread over an axis of a length with padding before it."""
    count = array.shape[-1]
    whole = np.zeros((*array.shape[:-1], max(before + length, (count - 1) * step + size, 0)), array.dtype)
    for place in range(size if count else 0):
        whole[..., place : place + (count - 1) * step + 1 : step] += array
    if before < 0:
        whole = np.concatenate([np.zeros((*array.shape[:-1], -before), array.dtype), whole], -1)
        before = 0
    return whole[..., before : before + length]


def _largest(x: np.ndarray[Any, Any], windows: Windows) -> Positions:
    # float16 has no arithmetic; the order of float32 is the same.
    wide = x if x.dtype.itemsize > 2 else x.astype(np.float32)
    found = _prepare("find", wide.shape, wide.dtype, windows).run(wide)
    planes = math.prod(x.shape[:-2])
    return Positions(found.reshape(planes, -1) if planes else found.reshape(0, 0), found.shape, -math.inf)


def _follow(
    x: np.ndarray[Any, Any], tangents: list[np.ndarray[Any, Any]], windows: Windows
) -> list[np.ndarray[Any, Any]]:
    results = [empty((len(some), *windows.result_shape(x.shape)), x.dtype) for some in (x[None], *tangents)]
    if results[0].size:
        sources = [_planes(tangent) for some in tangents for tangent in some]
        targets = [_planes(target) for some in results[1:] for target in some]
        value, result = _planes(x), _planes(results[0][0])
        kernel, *_, places = _prepare(f"follow {len(sources)}", x.shape, x.dtype, windows)
        kernel(value, *sources, result, *targets, places)
    return [results[0][0], *results[1:]]


_average_pool_2d = Linear(
    "average_pool_2d", _average, Backend.average_pool, _average_transpose, Backend.average_pool_transpose
)
_max_pool_2d = Selection("max_pool_2d", _largest, Backend.max_pool, _follow)


def _pool(op: Linear | Selection, form: str, x: Any, size: Any, strides: Any, padding: Any) -> Array:
    operand = arguments.as_array_anywhere(x, "x", boolean=form == "largest", complex_values=form == "mean")
    windows = Windows.of(operand.shape, size, strides, padding)
    if not isinstance(operand, np.ndarray) or operand.dtype.kind == "c":
        return op(operand, windows)
    prepared = _prepare(form, operand.shape, operand.dtype, windows)
    result = prepared.run(operand)
    shortcut = new_shortcut()
    if shortcut is not None and shortcut.operands[0] is operand and result.size and x.dtype.char in AS_STORED:
        shortcut.keep_kernel(prepared.kernel, result, prepared.places, flat=False)
    return result


@shortcut("x", tuples=["size", "strides", "padding"])
def average_pool_2d(x: Any, size: Any = 2, strides: Any = None, padding: Any = ConvPadding.VALID) -> Array:
    r"""Mean of each window; padding counts as zeros.

    .. math:: y_{ncij} = \frac{1}{hw} \sum_{k < h,\, l < w} x_{n,\, c,\, is + k - t,\, jr + l - u}

    for windows of :math:`h` rows and :math:`w` columns, :math:`s` rows and :math:`r` columns apart, behind :math:`t`
    rows and :math:`u` columns of padding.

    Parameters
    ----------
    x : array_like
        Real numbers of shape (N, C, H, W). Integers are taken as float64; bool is refused.
    size : int or pair of int, default 2
        Rows and columns of a window.
    strides : int or pair of int, optional
        Rows and columns from one window to the next; those of a window by default, and for 0.
    padding : ConvPadding, str, int or pairs of int, default ConvPadding.VALID
        Rows and columns of padding: a :class:`ConvPadding` or its name, a number for all sides, a tuple
        ``(before, after)`` for both axes, or ``((top, bottom), (left, right))``. Negative numbers crop.

    Returns
    -------
    numpy.ndarray
        Of shape (N, C, H', W') and of the floating-point dtype of ``x``. A length is
        ``(length + padding - size) // stride + 1``, or 0 where no window fits.

    Raises
    ------
    TypeError
        For an ``x`` that does not hold numbers, or bool, and for arguments that are not such numbers.
    ValueError
        For an unknown name of a padding. An ``x`` without 4 axes, or windows or steps that are not positive, raise an
        error that is both.

    Notes
    -----
    float16 and bfloat16 are summed in float32.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> x = np.arange(25.0).reshape(1, 1, 5, 5)
    >>> numbafunc.average_pool_2d(x)[0, 0]
    array([[ 3.,  5.],
           [13., 15.]])
    """
    return _pool(_average_pool_2d, "mean", x, size, strides, padding)


@shortcut("x", tuples=["size", "strides", "padding"])
def max_pool_2d(x: Any, size: Any = 2, strides: Any = None, padding: Any = ConvPadding.VALID) -> Array:
    r"""Largest element of each window; padding never wins.

    .. math:: y_{ncij} = \max_{k < h,\, l < w} x_{n,\, c,\, is + k - t,\, jr + l - u}

    for windows of :math:`h` rows and :math:`w` columns, :math:`s` rows and :math:`r` columns apart, behind :math:`t`
    rows and :math:`u` columns of padding.

    Parameters
    ----------
    x : array_like
        Real numbers or bool of shape (N, C, H, W).
    size : int or pair of int, default 2
        Rows and columns of a window.
    strides : int or pair of int, optional
        Rows and columns from one window to the next; those of a window by default, and for 0.
    padding : ConvPadding, str, int or pairs of int, default ConvPadding.VALID
        Rows and columns of padding, as in :func:`average_pool_2d`.

    Returns
    -------
    numpy.ndarray
        Of shape (N, C, H', W') and the dtype of ``x``. A window with NaN gives NaN; one that lies in the padding gives
        -inf, the smallest integer, or False.

    Raises
    ------
    TypeError
        For an ``x`` that does not hold real numbers, and for arguments that are not such numbers.
    ValueError
        For an unknown name of a padding. An ``x`` without 4 axes, or windows or steps that are not positive, raise an
        error that is both.

    Notes
    -----
    The derivative is that of the first of the largest elements, row by row; of the first NaN, if there is one; and 0
    where the result is -inf.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> x = np.arange(25.0).reshape(1, 1, 5, 5)
    >>> numbafunc.max_pool_2d(x, padding="SAME")[0, 0]
    array([[ 6.,  8.,  9.],
           [16., 18., 19.],
           [21., 23., 24.]])
    """
    return _pool(_max_pool_2d, "largest", x, size, strides, padding)


register(__name__)
