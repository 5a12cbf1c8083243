"""Pooling: one number for each window that slides over an image."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from numbafunc import backend
from numbafunc.backend import Backend
from numbafunc.constants import ConvPadding
from numbafunc.cpu import kernels, threads
from numbafunc.cpu.machine_code import machine_code
from numbafunc.cpu.memory import empty, flat_words
from numbafunc.cpu.pool_places import GAPS, PLACES, UNROLLED
from numbafunc.dual.array import Dual, make, value_of
from numbafunc.dual.lent import to_read
from numbafunc.kinds import arguments
from numbafunc.kinds.linear import Linear
from numbafunc.kinds.moving_calls import keep_linear
from numbafunc.kinds.njit import register
from numbafunc.kinds.registry import CALLS, IMAGES, Call
from numbafunc.kinds.selection import FEW, Positions, Selection
from numbafunc.kinds.shortcuts import AS_IT_IS, AS_STORED, Shortcut, kernel_call, new_shortcut, shortcut
from numbafunc.ops.pool_transpose import average_transpose, prepared_transpose
from numbafunc.ops.pool_windows import Windows, reach_of
from numbafunc.result_memory import empty_for, empty_result

__all__ = ["average_pool_2d", "max_pool_2d"]

Array = Any  # numpy.ndarray or Dual

# Elements read and combined per task; from this many on several threads pay.
_TASK = 1 << 15
_PARALLEL_FROM = threads.asked_from(1 << 16, 1 << 18)

_PREPARED = threads.Kernels(1024)


class _Prepared(NamedTuple):
    """A kernel, the result that it fills, and the sizes that it is given."""

    kernel: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    tail: tuple[np.ndarray[Any, Any], ...]

    def run(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The result for an array in any layout."""
        result = empty_result(self.shape, self.dtype)
        if result.size:
            self.kernel.run(_planes(x), _planes(result), *self.tail)
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
        **dict(zip(GAPS, windows.dilation)),
    }
    dilated = windows.dilation != (1, 1)
    places = np.array([sizes[name] for name in (*PLACES, *GAPS[: 2 * dilated])], np.int64)
    parallel = total * work >= _PARALLEL_FROM and threads.parallel_allowed()
    window = (high, wide, down, across)
    unrolled = window if window in UNROLLED and not dilated else None
    storage = "uint8" if dtype.kind == "b" else dtype.name
    result = np.dtype(np.float64) if form == "mean" and not arguments.is_float(dtype) else dtype
    if form == "find":
        many = rows * columns + reach_of(wide, windows.dilation[1]) > np.iinfo(np.int32).max
        kernel = kernels.pool_find(storage, unrolled, many, parallel=parallel, dilated=dilated)
        return _Prepared(kernel, result_shape, np.dtype(np.int64), (places,))
    if form.startswith("follow"):
        kernel = kernels.pool_follow(storage, window, int(form.split()[1]), parallel=parallel)
        return _Prepared(kernel, result_shape, result, (places,))
    counts = windows.counts(shape) if form == "mean" else None
    kernel = kernels.pool(form, storage, unrolled, parallel=parallel, dilated=dilated, counted=counts is not None)
    return _Prepared(kernel, result_shape, result, (places,) if counts is None else (counts, places))


def _average(x: np.ndarray[Any, Any], leading: int, windows: Windows) -> np.ndarray[Any, Any]:
    return _prepare("mean", x.shape, x.dtype, windows).run(x)


def _found(x: np.ndarray[Any, Any], windows: Windows) -> np.ndarray[Any, Any]:
    """The position in its plane of the first of the largest elements of each window; -1 for none above the smallest."""
    # float16 has no arithmetic; the order of float32 is the same.
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 and arguments.is_float(x.dtype) else x
    return _prepare("find", wide.shape, wide.dtype, windows).run(wide)


def _largest(x: np.ndarray[Any, Any], windows: Windows) -> Positions:
    return _positions(_found(x, windows), x.shape)


def _positions(found: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Positions:
    planes = math.prod(shape[:-2])
    return Positions(found.reshape(planes, -1) if planes else found.reshape(0, 0), found.shape, -math.inf)


def _follow(
    x: np.ndarray[Any, Any], tangents: list[np.ndarray[Any, Any]], windows: Windows
) -> list[np.ndarray[Any, Any]]:
    if windows.dilation != (1, 1):  # for which there is no loop of this kind
        positions = _largest(x, windows)
        return [positions.gather(x, 0), *(positions.gather(some, 1) for some in tangents)]
    results = [empty_result((len(some), *windows.result_shape(x.shape)), x.dtype) for some in (x[None], *tangents)]
    if results[0].size:
        sources = [_planes(tangent) for some in tangents for tangent in some]
        targets = [_planes(target) for some in results[1:] for target in some]
        value, result = _planes(x), _planes(results[0][0])
        prepared = _prepare(f"follow {len(sources)}", x.shape, x.dtype, windows)
        prepared.kernel.run(value, *sources, result, *targets, *prepared.tail)
    return [results[0][0], *results[1:]]


_average_pool_2d = Linear(
    "average_pool_2d",
    _average,
    Backend.average_pool,
    average_transpose,
    Backend.average_pool_transpose,
    prepared_transpose,
)
_max_pool_2d = Selection("max_pool_2d", _largest, Backend.max_pool, _follow)


@backend.CPU.brings(Backend.max_pool_with_places)
def _with_places(x: Any, windows: Windows) -> tuple[Array, Any]:
    """The largest elements of windows, and their positions in a plane as int64."""
    value: Any = value_of(x)
    found = _found(value, windows)
    result: Any
    if type(x) is Dual:
        result = _max_pool_2d.gather(x, _positions(found, value.shape))
    else:
        result = _prepare("largest", value.shape, value.dtype, windows).run(value)
    return result, np.where(found < 0, windows.first_places(value.shape), found)


def _prepared_mean(x: np.ndarray[Any, Any], windows: Windows) -> Callable[..., Any] | None:
    """A prepared call for contiguous arrays like this one, if there is one."""
    prepared = _prepare("mean", x.shape, x.dtype, windows)
    if not math.prod(prepared.shape) or x.dtype.char not in AS_STORED:
        return None
    shape, dtype, tail = prepared.shape, prepared.dtype, prepared.tail
    result = empty(shape, dtype)
    planes, new_planes = _planes(x), _planes(result)
    code = machine_code(prepared.kernel, (planes, new_planes, *tail))
    if x.ndim == 4:
        return kernel_call(code, shape, dtype, [AS_IT_IS], (), tail, result=AS_IT_IS)
    given, wanted = planes.shape, new_planes.shape
    new = empty_for(shape, dtype)

    def call(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        result = new(shape, dtype)
        code(x.reshape(given), result.reshape(wanted), *tail)
        return result

    return call


def _keep_selecting(shortcut: Shortcut, x: Any, call: Callable[[Any], Any], windows: Windows) -> Any:
    """The largest elements of the windows of a dual array, kept for others like it."""
    result = shortcut.keep_moving(x, call)
    if x is shortcut.operands[0] and result.size and x.dtype.char in "fd":
        few = windows.dilation == (1, 1) and type(x.tangent) is np.ndarray and len(x.tangent) <= FEW
        shortcut.keep(_following(x, result, windows) if few else _finding(x, windows))
    return result


def _following(x: Dual, result: Dual, windows: Windows) -> Callable[[Dual], Dual]:
    """The prepared call for dual arrays like this one that carries the tangents along."""
    prepared = _prepare(f"follow {len(x.tangent)}", x.shape, x.dtype, windows)
    shape, shapes, dtype, tail = prepared.shape, result.tangent.shape, x.dtype, prepared.tail
    code = machine_code(prepared.kernel, (x.primal, *x.tangent, result.primal, *result.tangent, *tail))
    new = empty_for(shape, dtype)

    def call(x: Dual) -> Dual:
        value, change = new(shape, dtype), new(shapes, dtype)
        code(x.primal, *x.tangent, value, *change, *tail)
        return make(value, change, x.level)

    return call


def _finding(x: Dual, windows: Windows) -> Callable[[Dual], Dual]:
    """The prepared call for dual arrays like this one that finds positions first."""
    prepared = _prepare("find", x.shape, x.dtype, windows)
    shape, dtype, tail = prepared.shape, prepared.dtype, prepared.tail
    value, found = to_read(x), empty(shape, dtype)
    code = machine_code(prepared.kernel, (value, found, *tail))
    positions = _positions(found, x.shape)
    take, carry = positions.gatherer(value, 0), positions.carrier(x)
    new = empty_for(shape, dtype)

    def call(x: Dual) -> Dual:
        value, found = to_read(x), new(shape, dtype)
        code(value, found, *tail)
        return carry(x, take(value, found), found)

    return call


def _pool(op: Linear | Selection, form: str, x: Any, size: Any, strides: Any, padding: Any, **options: Any) -> Array:
    operand = arguments.as_array_anywhere(x, "x", boolean=form == "largest", complex_values=form == "mean")
    windows = Windows.of(operand.shape, size, strides, padding, **options)
    shortcut = new_shortcut(moving=True)
    if shortcut is not None and shortcut.moving:
        if form == "largest":
            return _keep_selecting(shortcut, operand, lambda x: op(x, windows), windows)
        return keep_linear(shortcut, operand, lambda x: op(x, windows), lambda part, _: _prepared_mean(part, windows))
    if not isinstance(operand, np.ndarray) or operand.dtype.kind == "c":
        return op(operand, windows)
    prepared = _prepare(form, operand.shape, operand.dtype, windows)
    result = prepared.run(operand)
    if shortcut is not None and shortcut.operands[0] is operand and result.size and x.dtype.char in AS_STORED:
        shortcut.keep_kernel(prepared.kernel, result, *prepared.tail, flat=False)
    return result


@shortcut("x", tuples=["size", "strides", "padding"], options=["dilation", "ceil_mode", "count_include_pad"])
def average_pool_2d(
    x: Any,
    size: Any = 2,
    strides: Any = None,
    padding: Any = ConvPadding.VALID,
    *,
    dilation: Any = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
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
        Rows and columns from one window to the next; those of a window by default.
    padding : ConvPadding, str, int or pairs of int, default ConvPadding.VALID
        Rows and columns of padding: a :class:`ConvPadding` or its name, a number for all sides, a tuple
        ``(before, after)`` for both axes, or ``((top, bottom), (left, right))``.
    dilation : int or pair of int, default 1
        Rows and columns from one element of a window to the next.
    ceil_mode : bool, default False
        Whether a last window may hang over the end, which then counts as more padding, if it begins in the image or in
        the padding before it.
    count_include_pad : bool, default True
        Whether padding is averaged as zeros; otherwise the mean is that of the elements alone, and 0 where there are
        none. What hangs over the padding is never averaged.

    Returns
    -------
    numpy.ndarray
        Of shape (N, C, H', W') and of the floating-point dtype of ``x``. A length is
        ``(length + padding - dilation * (size - 1) - 1) // stride + 1``, or 0 where no window fits.

    Raises
    ------
    TypeError
        For an ``x`` that does not hold numbers, or bool, and for arguments that are not such numbers.
    ValueError
        For an unknown name of a padding, or a negative one, or a result that no memory can hold. An ``x`` without 4
        axes, or windows or steps that are not positive, raise an error that is both.

    Notes
    -----
    float16 and bfloat16 are summed in float32. Where a sum overflows and the mean does not, the result is the mean.
    Options are those of ``torch.nn.functional.avg_pool2d``.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> x = np.arange(25.0).reshape(1, 1, 5, 5)
    >>> numbafunc.average_pool_2d(x)[0, 0]
    array([[ 3.,  5.],
           [13., 15.]])
    """
    return _pool(
        _average_pool_2d,
        "mean",
        x,
        size,
        strides,
        padding,
        dilation=dilation,
        ceil=ceil_mode,
        include_padding=count_include_pad,
    )


@shortcut("x", tuples=["size", "strides", "padding"], options=["dilation", "ceil_mode", "return_indices"])
def max_pool_2d(
    x: Any,
    size: Any = 2,
    strides: Any = None,
    padding: Any = ConvPadding.VALID,
    *,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array:
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
        Rows and columns from one window to the next; those of a window by default.
    padding : ConvPadding, str, int or pairs of int, default ConvPadding.VALID
        Rows and columns of padding, as in :func:`average_pool_2d`.
    dilation : int or pair of int, default 1
        Rows and columns from one element of a window to the next.
    ceil_mode : bool, default False
        Whether a last window may hang over the end, as in :func:`average_pool_2d`.
    return_indices : bool, default False
        Whether the positions of the largest elements are returned too.

    Returns
    -------
    values : numpy.ndarray
        Of shape (N, C, H', W') and the dtype of ``x``. A window with NaN gives NaN; one that lies in the padding gives
        -inf, the smallest integer, or False.
    indices : numpy.ndarray
        With ``return_indices``: of the same shape and int64, position ``row * W + column`` in the image of the first of
        the largest elements; of the first NaN, if there is one; -1 for a window that lies in the padding.

    Raises
    ------
    TypeError
        For an ``x`` that does not hold real numbers, and for arguments that are not such numbers.
    ValueError
        For an unknown name of a padding, or a negative one, or a result that no memory can hold. An ``x`` without 4
        axes, or windows or steps that are not positive, raise an error that is both.

    Notes
    -----
    The derivative is that of the first of the largest elements, row by row; of the first NaN, if there is one; and 0
    where the result is -inf. Options are those of ``torch.nn.functional.max_pool2d``, whose index is that of the last
    NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> x = np.arange(25.0).reshape(1, 1, 5, 5)
    >>> numbafunc.max_pool_2d(x, padding="SAME")[0, 0]
    array([[ 6.,  8.,  9.],
           [16., 18., 19.],
           [21., 23., 24.]])
    >>> values, indices = numbafunc.max_pool_2d(x, return_indices=True)
    >>> indices[0, 0]
    array([[ 6,  8],
           [16, 18]])
    """
    if not arguments.check_flag(return_indices, "return_indices"):
        return _pool(_max_pool_2d, "largest", x, size, strides, padding, dilation=dilation, ceil=ceil_mode)
    operand = arguments.as_array_anywhere(x, "x")
    windows = Windows.of(operand.shape, size, strides, padding, dilation, ceil_mode)
    return Backend.max_pool_with_places.of(backend.of(operand), "max_pool_2d")(operand, windows)


CALLS["average_pool_2d"] = CALLS["max_pool_2d"] = Call(IMAGES)
register(__name__)
