"""NumPy's functions that join arrays of numbers with tangents, or convert them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import extending
from numba.core import types

from numbafunc.numbers.keys import sort_keys
from numbafunc.numbers.numba_array import NumberArray
from numbafunc.numbers.numba_functions import SHARED, make_empty, replaces
from numbafunc.numbers.numba_type import NumberType, lanes_in


def _parts(arrays: Any, ndim: int) -> bool:
    return isinstance(arrays, types.BaseTuple) and all(isinstance(x, types.Array) and x.ndim == ndim for x in arrays)


def _widest(arrays: Any) -> NumberType:
    numbers = [x.dtype for x in arrays if isinstance(x.dtype, NumberType)]
    dtype = max((x.dtype for x in numbers), key=lambda dtype: dtype.bitwidth)
    return NumberType(dtype, sort_keys([key for x in numbers for key in x.keys]), lanes_in(numbers))


@replaces(np.concatenate)
def _concatenate(arrays: Any, axis: Any = 0) -> Any:
    zero = axis == 0 or getattr(axis, "literal_value", getattr(axis, "value", None)) == 0
    if not zero or not (_parts(arrays, 1) or _parts(arrays, 2)):
        return None
    shape = "" if arrays[0].ndim == 1 else ", arrays[0].shape[1]"
    lines = [f"    length = {' + '.join(f'len(arrays[{i}])' for i in range(len(arrays)))}"]
    lines += [f"    result = make((length{shape},))", "    start = 0"]
    for i in range(len(arrays)):
        lines += [f"    result[start:start + len(arrays[{i}])] = arrays[{i}]", f"    start += len(arrays[{i}])"]
    namespace = {"__name__": __name__, "make": make_empty(_widest(arrays))}
    exec("\n".join(["def implementation(arrays, axis=0):", *lines, "    return result"]), namespace)
    return namespace["implementation"]


@replaces(np.hstack)
def _hstack(tup: Any) -> Any:
    concatenate = SHARED[np.concatenate]
    return (lambda tup: concatenate(tup)) if _parts(tup, 1) else None


@replaces(np.stack, np.vstack)
def _stack(arrays: Any) -> Any:
    if not _parts(arrays, 1):
        return None
    lines = [f"    result = make(({len(arrays)}, len(arrays[0])))"]
    lines += [f"    result[{i}] = arrays[{i}]" for i in range(len(arrays))]
    namespace = {"__name__": __name__, "make": make_empty(_widest(arrays))}
    exec("\n".join(["def implementation(arrays):", *lines, "    return result"]), namespace)
    return namespace["implementation"]


@replaces(np.append)
def _append(arr: Any, values: Any) -> Any:
    if not isinstance(arr, NumberArray) or arr.ndim != 1:
        return None
    make = make_empty(arr.dtype)

    def implementation(arr: Any, values: Any) -> Any:
        result = make(len(arr) + 1)
        result[:-1] = arr
        result[-1] = values
        return result

    return implementation if not isinstance(values, types.Array) else None


@extending.overload_method(NumberArray, "astype", strict=False)
def _astype(x: Any, dtype: Any) -> Any:
    element = getattr(dtype, "dtype", None)
    if isinstance(element, NumberType):
        element = element.dtype
    if not isinstance(element, types.Float):
        return None
    make = make_empty(NumberType(element, x.dtype.keys, x.dtype.lanes))

    def implementation(x: Any, dtype: Any) -> Any:
        result = make(x.shape)
        result[...] = x
        return result

    return implementation
