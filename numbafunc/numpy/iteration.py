"""Functions that call other functions for each element or slice, and iterators, while a function is differentiated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand
from numbafunc.dual.nests import array_of, holds_dual
from numbafunc.limits import broadcast_shapes
from numbafunc.rules.blanks import fillable

FUNCTIONS: dict[str, Any] = {}
"""What stands in the place of NumPy's functions, by their names."""

_LISTS = (list, tuple)


def stands_in(function: Any) -> Any:
    """Register the decorated function or class in the place of NumPy's of the same name."""
    FUNCTIONS[function.__name__] = function
    return function


def _entries(operands: Sequence[Operand]) -> tuple[tuple[int, ...], list[tuple[Any, ...]]]:
    """The common shape of operands, and their elements: a tuple for each place."""
    arrays = [array_of(x) if type(x) in _LISTS and holds_dual(x) else x for x in operands]
    arrays = [x if type(x) is Dual else np.asarray(x) for x in arrays]
    shape = broadcast_shapes(*(x.shape for x in arrays))
    flat = [np.reshape(np.broadcast_to(x, shape), (-1,)) for x in arrays]
    return shape, list(zip(*flat, strict=True))


def _results(results: list[Any], shape: tuple[int, ...], dtype: Any) -> Any:
    """The array of the results of a function that was called for each element."""
    if not holds_dual(results):
        return fillable(np.reshape(np.array(results, dtype), shape))
    joined = array_of(results)
    return np.reshape(joined if dtype is None else joined.astype(dtype), shape)


def _called(function: Callable[..., Any], operands: Sequence[Operand], dtypes: Sequence[Any]) -> Any:
    """The results of a function that is called for each element, an array for each of its outputs."""
    shape, entries = _entries(operands)
    results = [function(*entry) for entry in entries]
    if not isinstance(results[0], tuple):
        return _results(results, shape, dtypes[0] if dtypes else None)
    outputs = zip(*results, strict=True)
    wanted = dtypes or [None] * len(results[0])
    return tuple(_results(list(output), shape, dtype) for output, dtype in zip(outputs, wanted, strict=True))


def call_for_each(self: Any, *args: Any, **options: Any) -> Any:
    """The method ``__call__`` of :class:`numpy.vectorize`, for a function that takes or gives dual numbers."""
    function: Any = self.pyfunc
    if not callable(function):
        return np.vectorize.__call__(self, *args, **options)  # a decorator with options, which gets the function now
    moving = [place for place in range(len(args)) if place not in self.excluded]
    named = [name for name in options if name not in self.excluded]
    operands = [*(args[place] for place in moving), *(options[name] for name in named)]
    operands = [array_of(x) if type(x) in _LISTS and holds_dual(x) else x for x in operands]
    if self.signature is not None or not operands or any(np.size(x) == 0 for x in operands):
        return np.vectorize.__call__(self, *args, **options)

    def of_elements(*elements: Any) -> Any:
        arguments, keywords = list(args), dict(options)
        for place, x in zip(moving, elements, strict=False):
            arguments[place] = x
        keywords.update(zip(named, elements[len(moving) :], strict=True))
        return function(*arguments, **keywords)

    return _called(of_elements, operands, self.otypes or ())


@stands_in
def piecewise(x: Operand, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """As :func:`numpy.piecewise`, for functions that give dual arrays."""
    from numbafunc.rules.pieces import pieces

    return pieces(x, condlist, funclist, fillable(np.zeros_like(x)), args, kw)


@stands_in
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Operand, *args: Any, **kwargs: Any) -> Any:
    """As :func:`numpy.apply_along_axis`, for a function that gives dual arrays."""
    from numbafunc.rules.pieces import along_axis

    return along_axis(func1d, axis, arr if type(arr) is Dual else np.asanyarray(arr), *args, **kwargs)


@stands_in
class ndenumerate:
    """As :class:`numpy.ndenumerate`."""

    def __new__(cls, arr: Operand) -> Any:
        return _pairs(arr) if type(arr) is Dual else np.ndenumerate(arr)


def _pairs(x: Dual) -> Iterator[tuple[tuple[int, ...], Any]]:
    for index in np.ndindex(x.shape):
        yield index, x[index]


@stands_in
class nditer:
    """As :class:`numpy.nditer`, which reads dual arrays element by element in row-major order."""

    def __new__(cls, op: Any, *args: Any, **options: Any) -> Any:
        operands = op if type(op) in _LISTS else (op,)
        if not holds_dual(operands):
            return np.nditer(op, *args, **options)
        return _Elements(operands, type(op) not in _LISTS, *args, **options)


class _Elements:
    """Iterator over the elements of operands, some of them dual arrays."""

    def __init__(self, operands: Sequence[Operand], single: bool, flags: Any = (), op_flags: Any = (), **options: Any):
        unknown = {*(flags or ())} - {"multi_index", "c_index", "refs_ok", "zerosize_ok"}
        kinds = {x for one in op_flags or () for x in ([one] if isinstance(one, str) else one)}
        unknown |= kinds - {"readonly"}
        unknown |= {name for name, option in options.items() if option is not None and name != "order"}
        if unknown:
            raise TypeError(
                f"numpy.nditer of dual arrays is given {', '.join(sorted(unknown))}; wanted: no more than the flags "
                "multi_index and c_index, for reading; write to x[index] in a loop over numpy.ndindex(x.shape)"
            )
        self.shape, self._entries = _entries(operands)
        self._indices = list(np.ndindex(self.shape))
        self._single = single
        self.iterindex = -1

    @property
    def multi_index(self) -> tuple[int, ...]:
        """The index of the element."""
        return self._indices[max(self.iterindex, 0)]

    @property
    def index(self) -> int:
        """The position of the element in row-major order."""
        return max(self.iterindex, 0)

    def __iter__(self) -> _Elements:
        return self

    def __next__(self) -> Any:
        self.iterindex += 1
        if self.iterindex >= len(self._entries):
            raise StopIteration
        entry = self._entries[self.iterindex]
        return entry[0] if self._single else entry

    def __enter__(self) -> _Elements:
        return self

    def __exit__(self, *exception: Any) -> None:
        pass
