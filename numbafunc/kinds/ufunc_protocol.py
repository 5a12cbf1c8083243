"""Op ops on arrays of other libraries, by NumPy's protocol for ufuncs.

An array that has ``__array_ufunc__`` is asked to apply the op as it applies a ufunc of NumPy: one of pandas or xarray
keeps its labels, one of Dask stays lazy. One that declines is data, whose elements are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from numbafunc.backend import IN_MAIN_MEMORY, is_device_array
from numbafunc.dual.array import Dual


class Op(Protocol):
    """An elementwise op, as much of it as is needed here."""

    name: str
    parameters: tuple[str, ...]
    call: Callable[..., Any]


class AsUfunc:
    """An op with the attributes of a ufunc.

    Parameters
    ----------
    op : Elementwise
        The op.
    """

    nout = 1
    signature = None
    identity = None

    def __init__(self, op: Op) -> None:
        self.op = op
        self.nin = len(op.parameters)
        self.nargs = self.nin + 1
        # Some look ufuncs up by their names, so that of NumPy's own would be taken for theirs.
        self.__name__ = f"numbafunc.{op.name}"

    def __call__(self, *operands: Any) -> Any:
        return self.op.call(*operands, None)

    def __repr__(self) -> str:
        return f"<{self.__name__}>"

    def __reduce__(self) -> Any:
        # Dask names its tasks by what it can pickle, and sends them to other processes.
        return AsUfunc, (self.op,)


def applied(op: Op, operands: Sequence[Any]) -> Any:
    """The result that an operand of another library gives; NotImplemented where none does."""
    for x in operands:
        kind = type(x)
        if kind in IN_MAIN_MEMORY or kind is Dual or isinstance(x, (np.ndarray, np.generic)) or is_device_array(x):
            continue
        protocol = getattr(kind, "__array_ufunc__", None)
        if protocol is not None:
            result = protocol(x, AsUfunc(op), "__call__", *operands)
            if result is not NotImplemented:
                return result
    return NotImplemented
