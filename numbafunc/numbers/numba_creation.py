"""NumPy's functions that make arrays, inside a user's compiled function that is differentiated.

They make arrays of numbers with tangents of floating dtypes, since tangents may be stored in them later.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba.core import types
from numba.np.numpy_support import from_dtype

from numbafunc.numbers import (  # noqa: F401  (they fill the table)
    numba_joining as _joining,
    numba_linalg as _linalg,
    numba_scalars as _scalars,
    numba_text as _text,
    numba_tuples as _tuples,
)
from numbafunc.numbers.numba_functions import SHARED, absent, make_empty, stand_in
from numbafunc.numbers.numba_type import Algebra, NumberType

Choose = Callable[..., Any]


def _float_of(dtype: Any) -> Any:
    """Numba's float type of an argument ``dtype``; None where it is no floating dtype."""
    if absent(dtype):
        return types.float64
    if isinstance(dtype, types.Omitted):
        dtype = dtype.value
    if isinstance(dtype, types.StringLiteral):
        dtype = types.DType(from_dtype(np.dtype(dtype.literal_value)))
    element = getattr(dtype, "dtype", None)
    if isinstance(element, NumberType):
        element = element.dtype
    if isinstance(dtype, types.Function) and dtype.typing_key is float:
        element = types.float64
    return element if isinstance(element, types.Float) and element.bitwidth >= 32 else None


@cache
def replacements(algebra: Algebra) -> dict[Any, Any]:
    """What stands in the place of functions of NumPy where numbers are of an algebra, by these functions."""

    def new(dtype: Any, fill: bool = False) -> Any:
        element = _float_of(dtype)
        return None if element is None else make_empty(NumberType(element, *algebra), fill)

    def makes(original: Any, choose: Choose) -> Any:
        return stand_in(original, choose, lambda *given: True)

    def like(array: Any) -> Any:
        return getattr(array, "dtype", array) if isinstance(array, types.Array) else array

    def zeros(shape: Any, dtype: Any = None) -> Any:
        make = new(dtype, True)
        if make is None:
            return lambda shape, dtype=None: np.zeros(shape, dtype)
        return lambda shape, dtype=None: make(shape)

    def empty(shape: Any, dtype: Any = None) -> Any:
        make = new(dtype, True)
        if make is None:
            return lambda shape, dtype=None: np.empty(shape, dtype)
        return lambda shape, dtype=None: make(shape)

    def ones(shape: Any, dtype: Any = None) -> Any:
        make = new(dtype)
        if make is None:
            return lambda shape, dtype=None: np.ones(shape, dtype)

        def implementation(shape: Any, dtype: Any = None) -> Any:
            result = make(shape)
            result[...] = 1.0
            return result

        return implementation

    def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
        kind = dtype
        if absent(dtype):
            kind = types.DType(fill_value) if isinstance(fill_value, types.Float) else fill_value
        make = new(kind)
        if make is None:
            if absent(dtype):
                return lambda shape, fill_value, dtype=None: np.full(shape, fill_value)
            return lambda shape, fill_value, dtype=None: np.full(shape, fill_value, dtype)

        def implementation(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
            result = make(shape)
            result[...] = fill_value
            return result

        return implementation

    def eye(N: Any, M: Any = None, k: Any = 0, dtype: Any = None) -> Any:
        make = new(dtype, True)
        if make is None:
            return None
        square = absent(M)

        def implementation(N: Any, M: Any = None, k: Any = 0, dtype: Any = None) -> Any:
            columns = N if square else M
            result = make((N, columns))
            for i in range(max(0, -k), min(N, columns - k)):
                result[i, i + k] = 1.0
            return result

        return implementation

    def identity(n: Any, dtype: Any = None) -> Any:
        make = new(dtype, True)
        if make is None:
            return lambda n, dtype=None: np.identity(n, dtype)

        def implementation(n: Any, dtype: Any = None) -> Any:
            result = make((n, n))
            for i in range(n):
                result[i, i] = 1.0
            return result

        return implementation

    def made_like(value: float | None) -> Choose:
        function: Any = {0.0: np.zeros_like, 1.0: np.ones_like, None: np.empty_like}[value]

        def choose(a: Any, dtype: Any = None) -> Any:
            kind = dtype
            if absent(dtype):
                element = like(a)
                kind = types.DType(element) if isinstance(element, (types.Number, types.Boolean)) else element
                kind = a if isinstance(element, NumberType) else kind
            make = new(kind, value != 1.0)
            if make is None:
                if absent(dtype):
                    return lambda a, dtype=None: function(a)
                return lambda a, dtype=None: function(a, dtype)
            if value == 1.0:

                def implementation(a: Any, dtype: Any = None) -> Any:
                    result = make(a.shape)
                    result[...] = 1.0
                    return result

                return implementation
            return lambda a, dtype=None: make(a.shape)

        return choose

    def full_like(a: Any, fill_value: Any, dtype: Any = None) -> Any:
        element = like(a)
        kind = dtype
        if absent(dtype):
            kind = a if isinstance(element, NumberType) else types.DType(element)
        make = new(kind)
        if make is None:
            return None

        def implementation(a: Any, fill_value: Any, dtype: Any = None) -> Any:
            result = make(a.shape)
            result[...] = fill_value
            return result

        return implementation

    def array(object: Any, dtype: Any = None) -> Any:
        """An array of numbers of a list, a tuple or another array."""
        depth, leaf = 0, object
        while isinstance(leaf, (types.List, types.BaseTuple)):
            depth += 1
            leaf = _common(leaf)
        if isinstance(leaf, types.Array):
            leaf = leaf.dtype if depth == 0 else None
        if leaf is None or depth > 2:
            return None
        kind = dtype
        if absent(dtype):
            kind = types.DType(leaf) if isinstance(leaf, (types.Number, types.Boolean)) else object
            if isinstance(leaf, NumberType):
                kind = types.DType(leaf.dtype)
        make = new(kind)
        if make is None:
            if absent(dtype):
                return lambda object, dtype=None: np.array(object)
            return lambda object, dtype=None: np.array(object, dtype)
        if depth == 0:

            def implementation(object: Any, dtype: Any = None) -> Any:
                result = make(object.shape)
                result[...] = object
                return result

            return implementation
        if isinstance(object, types.BaseTuple):
            return _of_tuple(make, object, depth)
        if depth == 1:

            def implementation(object: Any, dtype: Any = None) -> Any:
                result = make(len(object))
                for i in range(len(object)):
                    result[i] = object[i]
                return result

            return implementation

        def of_lists(object: Any, dtype: Any = None) -> Any:
            result = make((len(object), len(object[0])))
            for i in range(len(object)):
                for j in range(len(object[i])):
                    result[i, j] = object[i][j]
            return result

        return of_lists

    made: dict[Any, Any] = {
        np.zeros: zeros,
        np.empty: empty,
        np.ones: ones,
        np.full: full,
        np.eye: eye,
        np.identity: identity,
        np.zeros_like: made_like(0.0),
        np.empty_like: made_like(None),
        np.ones_like: made_like(1.0),
        np.full_like: full_like,
        np.array: array,
        np.asarray: array,
        np.copy: array,
    }
    return {**SHARED, **{original: makes(original, choose) for original, choose in made.items()}}


def _common(nest: Any) -> Any:
    """The type of the elements of a list or tuple; None where they have none in common."""
    if isinstance(nest, types.List):
        return nest.dtype
    found = None
    for part in nest:
        part = types.unliteral(part)
        if found is None or isinstance(part, NumberType) or (isinstance(found, types.Integer) and part != found):
            found = part
    return found


def _of_tuple(make: Any, nest: Any, depth: int) -> Any:
    lines = [f"    result = make({len(nest) if depth == 1 else f'({len(nest)}, len(object[0]))'})"]
    for i in range(len(nest)):
        if depth == 1:
            lines.append(f"    result[{i}] = object[{i}]")
        elif isinstance(nest[i], types.BaseTuple):
            lines += [f"    result[{i}, {j}] = object[{i}][{j}]" for j in range(len(nest[i]))]
        else:
            lines += [f"    for j in range(len(object[{i}])):", f"        result[{i}, j] = object[{i}][j]"]
    namespace = {"__name__": __name__, "make": make}
    exec("\n".join(["def implementation(object, dtype=None):", *lines, "    return result"]), namespace)
    return namespace["implementation"]
