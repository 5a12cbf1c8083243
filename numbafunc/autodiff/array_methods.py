"""Methods that dual arrays have from NumPy's arrays: each calls the function of the same name."""

from __future__ import annotations

from typing import Any

import numpy as np


class ArrayMethods:
    """What is said with NumPy's public functions alone; they dispatch to the rules of dual arrays."""

    __slots__ = ()

    def __setitem__(self, key: Any, value: Any) -> None:
        raise NotImplementedError

    # Of values: plain results.

    def argmax(self, axis: int | None = None, **options: Any) -> Any:
        return np.argmax(self, axis, **options)  # type: ignore[call-overload]

    def argmin(self, axis: int | None = None, **options: Any) -> Any:
        return np.argmin(self, axis, **options)  # type: ignore[call-overload]

    def argsort(self, axis: int | None = -1, kind: Any = None, **options: Any) -> Any:
        return np.argsort(self, axis, kind, **options)  # type: ignore[call-overload]

    def argpartition(self, kth: Any, axis: int | None = -1, kind: Any = "introselect") -> Any:
        return np.argpartition(self, kth, axis, kind)  # type: ignore[call-overload]

    def all(self, axis: Any = None, **options: Any) -> Any:
        return np.all(self, axis, **options)  # type: ignore[call-overload]

    def any(self, axis: Any = None, **options: Any) -> Any:
        return np.any(self, axis, **options)  # type: ignore[call-overload]

    def nonzero(self) -> Any:
        return np.nonzero(self)  # type: ignore[call-overload]

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        return np.searchsorted(self, v, side, sorter)  # type: ignore[call-overload]

    def round(self, decimals: int = 0) -> Any:
        return np.round(self, decimals)  # type: ignore[call-overload]

    # Of duals: dual results.

    def max(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        return np.max(self, axis, out, **options)  # type: ignore[call-overload]

    def min(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        return np.min(self, axis, out, **options)  # type: ignore[call-overload]

    def prod(self, axis: Any = None, dtype: Any = None, out: Any = None, **options: Any) -> Any:
        return np.prod(self, axis, dtype, out, **options)  # type: ignore[call-overload]

    def var(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, **options: Any) -> Any:
        return np.var(self, axis, dtype, out, ddof, **options)  # type: ignore[call-overload]

    def std(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, **options: Any) -> Any:
        return np.std(self, axis, dtype, out, ddof, **options)  # type: ignore[call-overload]

    def cumsum(self, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
        return np.cumsum(self, axis, dtype, out)  # type: ignore[call-overload]

    def cumprod(self, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
        return np.cumprod(self, axis, dtype, out)  # type: ignore[call-overload]

    def repeat(self, repeats: Any, axis: int | None = None) -> Any:
        return np.repeat(self, repeats, axis)  # type: ignore[call-overload]

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
        return np.trace(self, offset, axis1, axis2, dtype, out)  # type: ignore[call-overload]

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return np.diagonal(self, offset, axis1, axis2)  # type: ignore[call-overload]

    def compress(self, condition: Any, axis: int | None = None, out: Any = None) -> Any:
        return np.compress(condition, self, axis, out)  # type: ignore[call-overload]

    def choose(self, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
        return np.choose(self, choices, out, mode)  # type: ignore[call-overload]

    # In place.

    def sort(self, axis: int = -1, kind: Any = None, **options: Any) -> None:
        self[...] = np.sort(self, axis, kind, **options)  # type: ignore[call-overload]

    def partition(self, kth: Any, axis: int = -1, kind: Any = "introselect") -> None:
        self[...] = np.partition(self, kth, axis, kind)  # type: ignore[call-overload]

    def fill(self, value: Any) -> None:
        self[...] = value

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        np.put(self, indices, values, mode)  # type: ignore[arg-type]
