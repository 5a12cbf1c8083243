"""Functions that change how a computation is differentiated."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, value_of
from numbafunc.dual.dtypes import NUMBERS, is_long, long_words
from numbafunc.dual.trees import flatten, flatten_with_names
from numbafunc.kinds.njit import refresh
from numbafunc.kinds.registry import CALLS, Call
from numbafunc.numba_import import after_import

__all__ = ["stop_gradient"]


def stop_gradient(x: Any) -> Any:
    r"""Return `x` as a constant: its derivative is zero.

    .. math:: \operatorname{stop\_gradient}(x) = x, \qquad \operatorname{d} \operatorname{stop\_gradient}(x) = 0

    Parameters
    ----------
    x : array_like or nest of array_like
        An array, a number, or tuples, lists and dicts of these, with None anywhere.

    Returns
    -------
    same nest as x
        The same arrays and numbers, not copied. The value of a :class:`numbafunc.Dual` with the tangents of all levels
        dropped, that is, for every derivative being taken around the call. It is the array that the dual array has, of
        a variable the caller's own: change a copy in place, not the array itself.

    Raises
    ------
    TypeError
        For a leaf that is neither an array nor a number, or a long double.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.grad(lambda x: x**2)(3.0)
    array(6.)
    >>> numbafunc.grad(lambda x: numbafunc.stop_gradient(x) ** 2)(3.0)
    array(0.)
    """
    if type(x) is Dual or type(x) is float:
        return value_of(x)
    leaves, structure = flatten(x)
    if not all(map(_is_numeric, leaves)):
        leaves, names, structure = flatten_with_names(x)
        for leaf, name in zip(leaves, names, strict=True):
            if not _is_numeric(leaf):
                if isinstance(leaf, (np.ndarray, np.generic)) and is_long(leaf.dtype):
                    raise TypeError(long_words(leaf.dtype, f"x{name}"))
                what = f"an array of dtype {leaf.dtype}" if isinstance(leaf, np.ndarray) else f"a {type(leaf).__name__}"
                raise TypeError(f"x{name} is {what}; stop_gradient takes arrays, numbers and nests of them")
    return structure.unflatten([value_of(leaf) for leaf in leaves])


def _is_numeric(leaf: Any) -> bool:
    if isinstance(leaf, (Dual, bool, int, float, complex)):
        return True
    dtype = getattr(leaf, "dtype", None)
    if isinstance(leaf, (np.ndarray, np.generic)):
        # ml_dtypes registers its floating types as kind V, with a scalar type of their own.
        return leaf.dtype.char in NUMBERS or (leaf.dtype.kind == "V" and leaf.dtype.type is not np.void)
    return dtype is not None and any(
        hasattr(leaf, protocol) for protocol in ("__cuda_array_interface__", "__array_interface__", "__dlpack__")
    )


def _choose(x: Any) -> Any:
    from numbafunc.numbers.numba_scalars import without_tangents

    return without_tangents(x)


def _register() -> None:
    from numba.extending import overload

    overload(stop_gradient, strict=False)(_choose)
    refresh()


CALLS["stop_gradient"] = Call(())
after_import(_register)
