"""Ops of the linear kind that only move elements: each names a strided view of its operand, and all share one copy.

Elements are moved as words of their size, so all dtypes work, and every bit is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import add, zeros
from numpy.lib.stride_tricks import as_strided

from numbafunc.backend import CPU, Backend
from numbafunc.cpu import kernels, threads
from numbafunc.cpu.direct_calls import copying_call
from numbafunc.cpu.machine_code import machine_code
from numbafunc.cpu.memory import WORDS, empty, is_plain, span
from numbafunc.cpu.traversal import LARGEST_BLOCK, TILE, Axis, Traversal
from numbafunc.kinds.linear import Linear, LinearFunction
from numbafunc.kinds.moving_calls import keep_linear
from numbafunc.kinds.shortcuts import FLAT, WORDS_OF_IT, Shortcut, kernel_call
from numbafunc.result_memory import SMALLEST, empty_result, recycled

# From this many bytes on, several threads pay in spite of the cost of starting them.
PARALLEL_FROM = threads.asked_from(1 << 17, 1 << 18)

# From so many elements on a kernel is quicker than NumPy's functions in spite of what it takes to find it.
MANY = 1 << 12

# Consecutive bytes, up to as many, are copied by one thread in less time than it takes to find the kernel and threads.
NUMPY_BELOW = 1 << 20

# Contiguous arrays are cut into runs of so many elements for the threads to share.
_RUN = 1 << 14

# Shorter runs of consecutive elements are not worth a transpose in tiles.
_SHORT = 4

# Fewer bytes than these take less time than the call of a kernel.
_SMALL = 1 << 12

# Fewer rows than this are not enough for threads to share.
_FEW = 16


class Movement(Linear):
    """An op that moves elements.

    Parameters
    ----------
    name : str
        Name of the op, for messages and for the registry.
    arrange : callable
        ``arrange(array, leading, *static)``: a view of the array with the elements in the order of the result, and the
        shape of the result. The first ``leading`` axes are directions of tangents and stay in front.
    transpose : callable, optional
        ``transpose(cotangent, leading, shape, arrange, *static)``, if there is a quicker one than :func:`scattered`.
    """

    def __init__(
        self,
        name: str,
        arrange: Callable[..., tuple[np.ndarray[Any, Any], tuple[int, ...]]],
        transpose: Callable[..., np.ndarray[Any, Any]] | None = None,
    ) -> None:
        super().__init__(name, _copied, Backend.copy, transpose or scattered, Backend.copy_transpose, _prepared_back)
        CPU.bring(Backend.copy_transpose, scattered)  # the entry serves every movement
        self.arrange = arrange

    def __call__(self, x: Any, *static: Any, shortcut: Shortcut | None = None) -> Any:
        """The result for a checked operand; a call on a plain array is kept in the short cut."""
        if shortcut is not None and shortcut.moving:
            return keep_linear(
                shortcut,
                x,
                lambda x: self.behind(x, 0, self.arrange, *static),
                lambda part, leading: self._prepared(part, leading, *static),
            )
        call = None if shortcut is None or shortcut.operands[0] is not x else self._prepared(x, 0, *static)
        if shortcut is None or call is None:
            return super().__call__(x, self.arrange, *static)
        shortcut.keep(call)
        return call(x)

    def _prepared(self, x: np.ndarray[Any, Any], leading: int, *static: Any) -> Callable[..., Any] | None:
        """A prepared call for contiguous arrays like this one, if there is one."""
        if x.dtype.kind == "c":
            return None
        view, shape = self.arrange(x, leading, *static)
        if not view.size:
            return None
        return _call_of(view, x, shape)


def _call_of(view: np.ndarray[Any, Any], x: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Callable[..., Any]:
    """A function of arrays like x that copies such a view of it to a result of a shape."""
    call = _by_numpy(view, x, shape)
    if call is not None:
        return copying_call(x, view, _start(view, x), shape, call)
    kernel, numbers = _kernel(view)
    way = FLAT if view.dtype == WORDS[view.itemsize] else WORDS_OF_IT
    after = numbers, _start(view, x)
    return kernel_call(kernel, shape, view.dtype, [way], (), after, result=way, handed=(x.ravel(),))


def _by_numpy(view: np.ndarray[Any, Any], x: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Any:
    """A function that copies such a view by NumPy, which takes less time to start; None where a kernel is quicker."""
    if view.nbytes >= (PARALLEL_FROM if view.flags.c_contiguous else _SMALL) or view.dtype != x.dtype:
        return None
    if view.size == x.size:
        return (lambda x: x.reshape(shape).copy()) if view.flags.c_contiguous else None
    if view.strides != x.strides or view.shape != shape:
        return None
    places = _places(view, x)
    return lambda x: x[places].copy()


def _places(view: np.ndarray[Any, Any], x: np.ndarray[Any, Any]) -> tuple[slice, ...]:
    """The slices of a contiguous array that give a view with its strides."""
    starts = np.unravel_index(_start(view, x), x.shape)
    return tuple(slice(int(start), int(start) + length) for start, length in zip(starts, view.shape))


def _copied(array: np.ndarray[Any, Any], leading: int, arrange: Any, *static: Any) -> np.ndarray[Any, Any]:
    view, shape = arrange(array, leading, *static)
    return contiguous(view, array).reshape(shape)


def scattered(
    array: np.ndarray[Any, Any], leading: int, shape: tuple[int, ...], arrange: Any, *static: Any
) -> np.ndarray[Any, Any]:
    """The transpose of a copy: each element of the operand gets the sum of the elements that are copies of it."""
    result = empty((*array.shape[:leading], *shape), array.dtype)
    view, _ = arrange(result, leading, *static)
    moved = array.reshape(view.shape)
    if array.size >= MANY and array.size == result.size:
        order = sorted(range(view.ndim), key=lambda axis: -view.strides[axis])
        if view.transpose(order).flags.c_contiguous:
            # Each element has one copy, so it is a copy too, by the inverse order.
            back = moved.transpose(order)
            copied = back.copy() if back.flags.c_contiguous else contiguous(back, moved)
            return copied.reshape(result.shape)
    result[...] = 0
    repeated = _repeated(view)
    if repeated:
        moved = moved.sum(repeated)
    if repeated or not view.flags.writeable:  # a view that broadcasting has made is not, even if no axis is longer
        lengths = [1 if axis in repeated else length for axis, length in enumerate(view.shape)]
        view = as_strided(result, lengths, view.strides)
        moved = moved.reshape(lengths)
    view[...] = moved
    return result


def _repeated(view: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """The axes along which a view has the same elements again."""
    return tuple(axis for axis, stride in enumerate(view.strides) if stride == 0 and view.shape[axis] > 1)


def _prepared_back(
    array: np.ndarray[Any, Any], leading: int, shape: tuple[int, ...], arrange: Any, *static: Any
) -> Callable[[Any], Any] | None:
    """What :func:`scattered` does to arrays like this one; None but for one copy, or sum, of a small array."""
    full = (*array.shape[:leading], *shape)
    result = empty(full, array.dtype)
    if not 0 < array.size < MANY or result.size >= MANY or array.itemsize not in WORDS or array.dtype.kind == "c":
        return None
    view, _ = arrange(result, leading, *static)
    repeated = _repeated(view)
    if repeated:
        apart, kept = view.shape, [axis for axis in range(view.ndim) if axis not in repeated]
        once = as_strided(result, [apart[axis] for axis in kept], [view.strides[axis] for axis in kept])
        if once.shape != full or not once.flags.c_contiguous:
            return None
        return lambda array: add.reduce(array.reshape(apart), repeated)
    moved = array.reshape(view.shape)
    if array.size == result.size:
        order = sorted(range(view.ndim), key=lambda axis: -view.strides[axis])
        return _call_of(moved.transpose(order), array, full) if view.transpose(order).flags.c_contiguous else None
    if view.strides != result.strides or view.shape != array.shape:
        return None
    places = _places(view, result)

    def back(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        result = zeros(full, array.dtype)
        result[places] = array
        return result

    return back


_moved = LinearFunction("a copy", _copied, Backend.copy)
_moved.transposed_by(scattered, Backend.copy_transpose)


def with_axis_moved(x: Any, source: int, target: int) -> Any:
    """A copy of an array, or of a Dual, in which an axis has another place; places count from the first axis."""

    def arrange(array: Any, leading: int) -> Any:
        view = np.moveaxis(array, leading + source, leading + target)
        return view, view.shape

    return _moved.behind(x, 0, arrange)


_KERNELS = threads.Kernels(1024)


def contiguous(view: np.ndarray[Any, Any], base: np.ndarray[Any, Any] | None = None) -> np.ndarray[Any, Any]:
    """A fresh array with the elements of a view in order; quicker where the base of the view is given."""
    if view.flags.c_contiguous and view.nbytes < NUMPY_BELOW:
        return view.copy() if view.nbytes < SMALLEST else recycled(view.copy)
    result = empty_result(view.shape, view.dtype)
    if not view.size:
        return result
    if base is not None and is_plain(base):
        source = base.reshape(-1).view(WORDS[base.itemsize])
        start = _start(view, base)
    else:
        reached = span(view)
        if reached is None:
            return view.copy(order="C")
        source, start = reached
    kernel, numbers = _kernel(view)
    kernel(source, result.reshape(-1).view(source.dtype), numbers, start)
    return result


def _start(view: np.ndarray[Any, Any], base: np.ndarray[Any, Any]) -> int:
    """Index, in a contiguous array, of the first element of a view of it."""
    start: int = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return start // base.itemsize


def _kernel(view: np.ndarray[Any, Any]) -> tuple[Any, np.ndarray[Any, Any]]:
    """The machine code that copies a view, and its traversal as an array of numbers."""
    item = view.itemsize
    parallel = view.nbytes >= PARALLEL_FROM and threads.parallel_allowed()
    key = (view.shape, view.strides, item, parallel)
    known = _KERNELS.get(key)
    if known is None:
        way = traversal(view.shape, tuple(stride // item for stride in view.strides))
        kernel, numbers = kernels.copy(way, WORDS[item].name, item, parallel=parallel), way.numbers()
        word = empty(0, WORDS[item])
        known = machine_code(kernel, (word, word, numbers, 0)), numbers
        _KERNELS[key] = known
    return known


def traversal(shape: tuple[int, ...], strides: tuple[int, ...]) -> Traversal:
    """The quickest traversal of a view that is not empty; strides count elements."""
    axes = _joined(shape, strides)
    length, stride, _ = axes[-1]
    outside = axes[:-1]
    if stride == 1 or length == 1:
        if not outside and length > _RUN:
            return Traversal("cut", _RUN, rows=(-(-length // _RUN), _RUN, _RUN))
        return Traversal("run", length, **_outside(outside))
    if length <= LARGEST_BLOCK and outside and outside[-1][1] == 1 and outside[-1][2] == length:
        return Traversal("interleave", outside[-1][0], block=length, stride=stride, **_outside(outside[:-1]))
    unit = next((axis for axis in reversed(outside) if axis[1] == 1), None)
    if unit is not None:
        others = [axis for axis in outside if axis is not unit]
        count, _, apart = unit
        if count == stride <= LARGEST_BLOCK:
            return Traversal("deinterleave", length, block=count, apart=apart, **_outside(others))
        if count >= _SHORT:
            tiles = (-(-count // TILE), TILE, TILE * apart)
            arranged: dict[str, Any] = {"rows": tiles, "others": tuple(reversed(others))}
            return Traversal("transpose", length, stride=stride, apart=apart, breadth=count, **arranged)
    return Traversal("gather", length, stride=stride, **_outside(outside))


def _joined(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[Axis]:
    """The axes with their strides in view and result; neighbours that are consecutive in both are joined."""
    axes: list[Axis] = []
    apart = math.prod(shape)
    for length, stride in zip(shape, strides):
        apart //= length
        if length == 1:
            continue
        if axes and axes[-1][1] == stride * length:
            axes[-1] = (axes[-1][0] * length, stride, apart)
        else:
            axes.append((length, stride, apart))
    return axes or [(1, 1, 1)]


def _outside(axes: list[Axis]) -> dict[str, Any]:
    """The axes outside the innermost loop: rows, columns, others."""
    if not axes:
        return {}
    if len(axes) == 1 or math.prod(length for length, _, _ in axes[:-1]) < _FEW:
        return {"rows": axes[-1], "others": tuple(reversed(axes[:-1]))}
    return {"rows": axes[-2], "columns": axes[-1], "others": tuple(reversed(axes[:-2]))}


__all__ = ["MANY", "Movement", "contiguous", "scattered", "traversal", "with_axis_moved"]
