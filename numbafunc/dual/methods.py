"""Queries and methods of NumPy's arrays for dual arrays: each method calls the function of the same name."""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

# The annotations of NumPy's functions don't allow for other arrays than its own.
_functions: Any = np


class ArrayMethods:
    """Methods that need nothing but NumPy's public functions, which dispatch to the rules of dual arrays.

    Those in much use go to the rules directly, by ``_call``.
    """

    __slots__ = ()

    primal: Any
    lent: Any

    def __setitem__(self, key: Any, value: Any) -> None:
        raise NotImplementedError

    def _call(self, function: Any, *args: Any, **options: Any) -> Any:
        raise NotImplementedError

    # Queries of the value.

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.primal if self.lent is None else self.lent).shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        return (self.primal if self.lent is None else self.lent).dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        return (self.primal if self.lent is None else self.lent).ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        return (self.primal if self.lent is None else self.lent).size  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        return self.primal.dtype.itemsize  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        """Bytes of the value; the tangents are not counted."""
        return self.size * self.itemsize

    # Results without derivatives.

    def argmax(self, axis: int | None = None, **options: Any) -> Any:
        return _functions.argmax(self, axis, **options)

    def argmin(self, axis: int | None = None, **options: Any) -> Any:
        return _functions.argmin(self, axis, **options)

    def argsort(self, axis: int | None = -1, kind: Any = None, **options: Any) -> Any:
        return _functions.argsort(self, axis, kind, **options)

    def argpartition(self, kth: Any, axis: int | None = -1, kind: Any = "introselect") -> Any:
        return _functions.argpartition(self, kth, axis, kind)

    def all(self, axis: Any = None, **options: Any) -> Any:
        return _functions.all(self, axis, **options)

    def any(self, axis: Any = None, **options: Any) -> Any:
        return _functions.any(self, axis, **options)

    def nonzero(self) -> Any:
        return _functions.nonzero(self)

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        return _functions.searchsorted(self, v, side, sorter)

    def round(self, decimals: int = 0) -> Any:
        return _functions.round(self, decimals)

    # Results with derivatives.

    @property
    def T(self) -> Any:
        return self.transpose()

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return self.swapaxes(-1, -2)

    @property
    def real(self) -> Any:
        return self._call(np.real)

    @real.setter
    def real(self, values: Any) -> None:
        self.real[...] = values

    @property
    def imag(self) -> Any:
        return self._call(np.imag)

    @imag.setter
    def imag(self, values: Any) -> None:
        if self.dtype.kind != "c":
            raise TypeError("imag of a real dual array can't be set")
        self.imag[...] = values

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        return self._call(np.reshape, shape[0] if len(shape) == 1 else shape, order=order)

    def ravel(self, order: str = "C") -> Any:
        return self._call(np.ravel, order=order)

    def flatten(self, order: str = "C") -> Any:
        return self._call(np.ravel, order=order).copy()

    def transpose(self, *axes: Any) -> Any:
        return self._call(np.transpose, (axes[0] if len(axes) == 1 else axes) if axes else None)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        return self._call(np.swapaxes, axis1, axis2)

    def squeeze(self, axis: int | tuple[int, ...] | None = None) -> Any:
        return self._call(np.squeeze, axis)

    def sum(self, axis: int | tuple[int, ...] | None = None, dtype: Any = None, out: Any = None, **options: Any) -> Any:
        return self._call(np.sum, axis, dtype, out, **options)

    def mean(
        self, axis: int | tuple[int, ...] | None = None, dtype: Any = None, out: Any = None, **options: Any
    ) -> Any:
        return self._call(np.mean, axis, dtype, out, **options)

    def dot(self, other: Any, out: Any = None) -> Any:
        return self._call(np.dot, other) if out is None else _functions.dot(self, other, out)

    def take(self, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
        return self._call(np.take, indices, axis, mode=mode)

    def clip(self, min: Any = None, max: Any = None) -> Any:
        return self._call(np.clip, min, max)

    def max(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        return _functions.max(self, axis, out, **options)

    def min(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        return _functions.min(self, axis, out, **options)

    def prod(self, axis: Any = None, dtype: Any = None, out: Any = None, **options: Any) -> Any:
        return _functions.prod(self, axis, dtype, out, **options)

    def var(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, **options: Any) -> Any:
        return _functions.var(self, axis, dtype, out, ddof, **options)

    def std(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, **options: Any) -> Any:
        return _functions.std(self, axis, dtype, out, ddof, **options)

    def cumsum(self, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
        return _functions.cumsum(self, axis, dtype, out)

    def cumprod(self, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
        return _functions.cumprod(self, axis, dtype, out)

    def repeat(self, repeats: Any, axis: int | None = None) -> Any:
        return _functions.repeat(self, repeats, axis)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
        return _functions.trace(self, offset, axis1, axis2, dtype, out)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return _functions.diagonal(self, offset, axis1, axis2)

    def compress(self, condition: Any, axis: int | None = None, out: Any = None) -> Any:
        return _functions.compress(condition, self, axis, out)

    def choose(self, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
        return _functions.choose(self, choices, out, mode)

    # In place.

    def sort(self, axis: int = -1, kind: Any = None, **options: Any) -> None:
        self[...] = _functions.sort(self, axis, kind, **options)

    def partition(self, kth: Any, axis: int = -1, kind: Any = "introselect") -> None:
        self[...] = _functions.partition(self, kth, axis, kind)

    def fill(self, value: Any) -> None:
        self[...] = value

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        _functions.put(self, indices, values, mode)

    @property
    def flat(self) -> Flat:
        return Flat(self)

    @flat.setter
    def flat(self, values: Any) -> None:
        Flat(self)[:] = values


def _compared(operator: Callable[[Any, Any], Any]) -> Any:
    return lambda self, other: operator(self.copy(), other)


class Flat:
    """The elements of a dual array in the order of C, whatever their order in memory: its attribute ``flat``.

    Functions of NumPy take it for a vector with a copy of the elements.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, base: Any) -> None:
        self.base = base
        self.index = 0

    def __len__(self) -> int:
        return int(self.base.size)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.index >= len(self):
            raise StopIteration
        self.index += 1
        return self[self.index - 1]

    def __getitem__(self, key: Any) -> Any:
        return self.copy()[key]

    def __setitem__(self, key: Any, values: Any) -> None:
        places = np.arange(len(self))[key]
        if np.ndim(places):
            if not _functions.size(values):
                return
            # Too few values are repeated, and those beyond the places are left out.
            values = _functions.resize(values, places.shape)
        self.base[np.unravel_index(places, self.base.shape) if self.base.ndim else ...] = values

    def copy(self) -> Any:
        """A new vector with the elements."""
        return self.base.flatten()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        return getattr(ufunc, method)(*_copied(operands), **options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return function(*_copied(args), **options)

    __eq__ = _compared(operators.eq)
    __ne__ = _compared(operators.ne)
    __lt__ = _compared(operators.lt)
    __le__ = _compared(operators.le)
    __gt__ = _compared(operators.gt)
    __ge__ = _compared(operators.ge)


def _copied(arguments: Any) -> Any:
    """The arguments, with each Flat replaced by a vector."""
    if isinstance(arguments, (list, tuple)):
        return type(arguments)(map(_copied, arguments))
    return arguments.copy() if isinstance(arguments, Flat) else arguments
