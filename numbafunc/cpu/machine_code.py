"""The machine code of a kernel for given argument types, called without Numba's dispatch on each argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def _type_of(value: Any) -> Any:
    """Numba's type of an argument. Numba's own function imports numpy.ma, which takes longer than reading a kernel."""
    from numba.core import types
    from numba.np.numpy_support import from_dtype

    if type(value) is np.ndarray:
        return types.Array(from_dtype(value.dtype), value.ndim, "C")
    if isinstance(value, np.generic):
        return from_dtype(value.dtype)
    return types.float64 if isinstance(value, float) else types.int64


def machine_code(dispatcher: Any, arguments: Sequence[Any]) -> Any:
    """The function behind a dispatcher for contiguous, aligned, writeable arrays, floats and signed integers.

    It takes any arguments of the same types and must not get others.
    """
    return dispatcher.compile(tuple(map(_type_of, arguments)))
