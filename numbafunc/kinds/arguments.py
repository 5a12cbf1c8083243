"""Checks and conversions of arguments that all kinds share: operands, their dtypes, shapes and axes, and ``out``."""

from __future__ import annotations

import itertools
import math
import operator
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import Backend, is_device_array, place_of
from numbafunc.dual.array import Dual, settled, value_of
from numbafunc.dual.dtypes import is_float, is_inexact, is_long, long_words
from numbafunc.dual.other_arrays import as_numpy
from numbafunc.errors import ShapeError
from numbafunc.limits import FEW_ELEMENTS, MOST_AXES, broadcast_shapes, bytes_of, check_memory

_KINDS = {
    "c": "complex",
    "O": "object",
    "S": "bytes",
    "U": "string",
    "M": "datetime",
    "m": "timedelta",
    "V": "void",
    "T": "string",
}

# Work to spend on the search for an overlap of interleaved arrays before one is assumed.
_OVERLAP_WORK: Any = 10_000

Operand = Any  # numpy.ndarray, Dual, or a Python int or float, which takes the dtype of the arrays it meets


def check_dtype(
    dtype: np.dtype[Any], name: str, *, boolean: bool = True, complex_values: bool = False, given: Any = None
) -> None:
    """Raise TypeError unless a dtype is a float of at most 64 bits, an integer or, where allowed, bool or complex."""
    if is_float(dtype) or dtype.kind in "iu" or (boolean and dtype.kind == "b"):
        return
    if complex_values and is_inexact(dtype):
        return
    wanted = "float16, float32, float64, bfloat16, integer" + (" or bool" if boolean else "")
    wanted = f"complex64, complex128, {wanted}" if complex_values else wanted
    if is_long(dtype) and (dtype.kind == "f" or complex_values):
        raise TypeError(long_words(dtype, name))
    what = _KINDS.get(dtype.kind, dtype.name)
    if dtype.kind == "O" and isinstance(given, int):
        raise TypeError(f"{name} is an int of {given.bit_length()} bits; wanted: at most 64")
    if dtype.kind == "O" and given is not None and not isinstance(given, np.ndarray):
        raise TypeError(f"{name} is of type {type(given).__name__}, of which NumPy makes no numbers; wanted: {wanted}")
    raise TypeError(f"{name} has dtype {dtype} ({what}); wanted: {wanted}")


def as_operand(
    x: Any, name: str, *, boolean: bool = True, device: bool = False, complex_values: bool = False
) -> Operand:
    """An argument as ndarray in native byte order, as Dual, or as the Python number that it is.

    With ``device`` an array of another back end is returned as it is.

    Raises
    ------
    TypeError
        For None, strings, masked arrays and dtypes that are not real numbers.
    """
    x = settled(x)
    if type(x) is np.ndarray:
        array = x
    elif type(x) is Dual:
        check_dtype(x.dtype, name, boolean=boolean, complex_values=complex_values)
        return x
    elif _is_number(x):
        return x
    elif device and is_device_array(x):
        array = backend.of(x).adopt(x, name)
        check_dtype(array.dtype, name, boolean=boolean)
        return array
    else:
        array = converted(x, name)
    check_dtype(array.dtype, name, boolean=boolean, complex_values=complex_values, given=x)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array


def _is_number(x: Any) -> bool:
    """Whether something is a Python number that kernels take as it is; larger ints become arrays first."""
    if isinstance(x, float):
        return not isinstance(x, np.generic)
    return isinstance(x, int) and not isinstance(x, bool) and -(2**63) <= x < 2**63


def as_array(x: Any, name: str, *, boolean: bool = True, device: bool = False, complex_values: bool = False) -> Any:
    """An argument as ndarray or Dual, or array of a device where allowed; a Python number becomes a 0-d array."""
    operand = as_operand(x, name, boolean=boolean, device=device, complex_values=complex_values)
    return np.asarray(operand) if isinstance(operand, (float, int)) else operand


@backend.CPU.brings(Backend.adopt)
@backend.CPU.brings(Backend.view)
def _in_main_memory(x: Any, name: str) -> Any:
    return as_array(x, name)


def as_array_anywhere(x: Any, name: str, *, boolean: bool = True, complex_values: bool = False) -> Any:
    """An argument as :func:`as_array` gives it; an array of another back end as functions of a ``part`` take it."""
    if not is_device_array(x):
        return as_array(x, name, boolean=boolean, complex_values=complex_values)
    found = backend.of(x).view(x, name)
    check_dtype(found.dtype, name, boolean=boolean)
    return found


def as_scalar(x: Any, name: str) -> Any:
    """A number as float; an array without axes of another back end as it is."""
    found = as_array(x, name, device=True)
    if found.ndim or isinstance(found, Dual):
        raise TypeError(f"{name} is {x!r}; wanted: a number")
    return float(found) if isinstance(found, np.ndarray) else found


def check_known(x: Any, name: str, depth: int = 0) -> None:
    """Raise TypeError for an array of a device, or sequences with one, whose elements would have to be read first."""
    if isinstance(x, (list, tuple)):
        _check_depth(depth, name)
        for entry in x:
            check_known(entry, name, depth + 1)
    elif is_device_array(value_of(x)):
        raise TypeError(f"{name} has an array of {place_of(value_of(x))}; wanted: numbers that are known to the host")


def is_array(x: Any) -> bool:
    """Whether something is an array of any back end, a NumPy scalar or a Dual."""
    return isinstance(x, (np.ndarray, np.generic, Dual)) or is_device_array(x)


def converted(x: Any, name: str) -> np.ndarray[Any, Any]:
    """An argument that is no ndarray as one, of whatever dtype; TypeError for what would lose or hide something."""
    if x is None or isinstance(x, (str, bytes)):
        raise TypeError(f"{name} is {x!r}; wanted: an array or a number")
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, whose mask would be lost; pass {name}.filled(...) or {name}.data")
    if is_device_array(x):
        raise TypeError(f"{name} is an array of {place_of(x)}; wanted: one in main memory, as the others are")
    _check_entries(x, name, 0)
    if not hasattr(x, "__array__") and not hasattr(x, "__array_interface__") and hasattr(x, "__dlpack__"):
        return np.from_dlpack(x)
    try:
        return as_numpy(x, name)
    except ValueError as error:
        raise TypeError(f"{name} can't be made an array: {error}") from None


def _check_entries(x: Any, name: str, depth: int) -> None:
    """Raise TypeError if a nest of lists and tuples holds a dual array, or an array that must be read from a device."""
    if isinstance(x, (list, tuple)):
        _check_depth(depth, name)
        for entry in x:
            if type(entry) is not float and type(entry) is not int:
                _check_entries(entry, name, depth + 1)
    elif isinstance(x, Dual):
        raise TypeError(f"{name} is a sequence that holds Dual numbers; join them with numpy.stack first")
    elif is_device_array(x):
        raise TypeError(f"{name} is a sequence that holds arrays of {place_of(x)}; wanted: one array, or numbers")


def _check_depth(depth: int, name: str) -> None:
    """Raise TypeError for sequences in sequences that no array has as many axes as; such a one may hold itself."""
    if depth >= MOST_AXES:
        raise TypeError(f"{name} is a sequence of sequences, more than {MOST_AXES} deep; wanted: an array or numbers")


def contains_dual(x: Any) -> bool:
    """Whether a nest of lists and tuples holds a Dual."""
    return isinstance(x, Dual) or (isinstance(x, (list, tuple)) and any(map(contains_dual, x)))


def dtype_of(x: Operand) -> np.dtype[Any] | None:
    """The dtype of an operand; None for Python numbers, which take any."""
    return None if isinstance(x, (float, int)) and not isinstance(x, np.generic) else x.dtype


def shape_of(x: Operand) -> tuple[int, ...]:
    """The shape of an operand; () for Python numbers."""
    return () if isinstance(x, (float, int)) else tuple(x.shape)  # the shapes of CUDA's simulator are no tuples


def float_dtype(operands: Sequence[Operand]) -> np.dtype[Any]:
    """Dtype of a floating-point result: the widest float among the operands, float64 where there is none.

    Integers never widen a float and Python numbers take the dtype of the arrays they meet.
    """
    dtypes = [dtype for dtype in map(dtype_of, operands) if dtype is not None and is_float(dtype)]
    if not dtypes:
        return np.dtype(np.float64)
    result = dtypes[0]
    for dtype in dtypes[1:]:
        if dtype != result:
            result = _wider(result, dtype)
    return result


def _wider(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    if a.itemsize == b.itemsize:  # float16 with bfloat16: neither holds the other
        return np.dtype(np.float32)
    return a if a.itemsize > b.itemsize else b


def broadcast(shapes: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The common shape of named operands; ShapeError where there is none."""
    try:
        return broadcast_shapes(*shapes.values())
    except ValueError:
        given = ", ".join(f"{name} has shape {shape}" for name, shape in shapes.items())
        raise ShapeError(f"{given}; wanted: shapes that broadcast together") from None


def check_size(shape: tuple[int, ...], dtype: np.dtype[Any], name: str, given: Any) -> None:
    """Raise ValueError where an argument asks for a result that no array can be, or no memory can hold."""
    if 0 < math.prod(shape) < FEW_ELEMENTS and len(shape) <= MOST_AXES:
        return
    count, what = bytes_of(shape, dtype.itemsize), f"{name} is {given!r}, for a result of shape {shape}"
    # NumPy applies this limit to arrays without elements too.
    if count > sys.maxsize or len(shape) > MOST_AXES:
        raise ValueError(f"{what}; wanted: one that an array can have")
    if 0 not in shape:
        check_memory(count, f"{what}, which", "a smaller one")


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], inputs: Sequence[Any]) -> None:
    """Raise unless ``out`` can take a result of this shape and dtype without touching an input."""
    if not isinstance(out, np.ndarray) or (type(out) is not np.ndarray and isinstance(out, np.ma.MaskedArray)):
        raise TypeError(f"out is a {type(out).__name__}; wanted: a numpy.ndarray")
    if out.dtype != dtype or not out.dtype.isnative:
        raise TypeError(f"out has dtype {out.dtype}; wanted: {dtype}")
    if out.shape != shape:
        raise ShapeError(f"out has shape {out.shape}; wanted: {shape}")
    if not out.flags.writeable:
        raise ValueError("out is read-only; wanted: a writeable array")
    if not out.flags.c_contiguous and _overlaps_itself(out):
        raise ValueError(f"out has strides {out.strides}, one memory for several elements; wanted: an array of its own")
    if any(_overlap(out, x) for x in inputs if isinstance(x, np.ndarray)):
        raise ValueError("out overlaps the memory of an input; wanted: an array of its own")


def _overlaps_itself(x: np.ndarray[Any, Any]) -> bool:
    """Whether elements of an array share memory, as they may in one with strides of its own."""
    if not x.size:
        return False
    axes = sorted((abs(stride), length) for stride, length in zip(x.strides, x.shape) if length > 1)
    reach, apart = x.itemsize, True
    for stride, length in axes:
        apart = apart and stride >= reach
        reach += stride * (length - 1)
    if apart:
        return False
    places = np.zeros(1, np.intp)
    for stride, length in axes:  # such as interleaved ones, which no one has by chance
        places = np.sort((places[:, None] + stride * np.arange(length)).reshape(-1))
    return bool((np.diff(places) < x.itemsize).any())


def check_overlaps(outs: Sequence[Any], inputs: Sequence[Any]) -> None:
    """Raise ValueError if one of several ``out`` shares memory with an input or with another one."""
    everything = (*outs, *inputs)
    owned = all(map(operator.is_, map(_base_of, everything), itertools.repeat(None)))
    if owned and len(set(map(id, everything))) == len(everything):
        return  # each owns its memory
    # Sorted by address, only neighbours have to be compared, not each array with all others.
    spans = [(*_bounds(x), number < len(outs), x) for number, x in enumerate(everything) if x.size]
    spans.sort(key=lambda span: span[0])
    reaching: list[Any] = []
    for low, high, written, array in spans:
        reaching = [span for span in reaching if span[0] > low]
        for _, other_written, other in reaching:
            if (written or other_written) and _overlap(array, other):
                if written and other_written:
                    raise ValueError("out has two arrays that share memory; wanted: one of its own for each result")
                raise ValueError("out overlaps the memory of an input; wanted: an array of its own")
        reaching.append((high, written, array))


_base_of = operator.attrgetter("base")


def _bounds(x: np.ndarray[Any, Any]) -> tuple[int, int]:
    if x.flags.c_contiguous:
        low = x.__array_interface__["data"][0]
        return low, low + x.nbytes
    return np.lib.array_utils.byte_bounds(x)


def _overlap(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=_OVERLAP_WORK)
    except np.exceptions.TooHardError:
        return True


def check_flag(flag: Any, name: str) -> bool:
    """A flag as bool; TypeError for anything else, such as numbers and strings, some of which Python takes for true."""
    if isinstance(flag, (bool, np.bool_)):
        return bool(flag)
    raise TypeError(f"{name} is {flag!r}; wanted: True or False")


def as_int(value: Any) -> int | None:
    """The int of a single integer; None for anything else, bool included."""
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def as_float(value: Any, name: str, wanted: str) -> float:
    """The float of a number; TypeError for anything else, ValueError for an int that is beyond all floats."""
    if isinstance(value, (bool, np.timedelta64)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} is {value!r}; wanted: {wanted}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is an int of {int(value).bit_length()} bits; wanted: {wanted}") from None


def normalize_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes as an ascending tuple of non-negative ints; None means all, () none.

    Raises
    ------
    TypeError
        For an axis that is not an integer.
    ValueError
        For an axis out of range or given twice.
    """
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    result = set()
    for one in axes:
        index = as_int(one)
        if index is None:
            raise TypeError(f"axis is {axis!r}; wanted: None, an int or a tuple of ints")
        if not -ndim <= index < ndim:
            wanted = f"from {-ndim} to {ndim - 1} for an array of {ndim} dimensions"
            raise ValueError(f"axis is {axis!r}; wanted: {wanted if ndim else 'None for a number, which has no axes'}")
        if index % ndim in result:
            raise ValueError(f"axis is {axis!r}, which names an axis twice")
        result.add(index % ndim)
    return tuple(sorted(result))


__all__ = [
    "Operand",
    "as_array",
    "as_array_anywhere",
    "as_float",
    "as_int",
    "as_operand",
    "as_scalar",
    "broadcast",
    "check_dtype",
    "check_flag",
    "check_known",
    "check_out",
    "check_overlaps",
    "contains_dual",
    "converted",
    "dtype_of",
    "float_dtype",
    "is_array",
    "is_float",
    "normalize_axes",
    "shape_of",
]
