"""Steps of ``scan`` on a device: takes entries of arrays, and stacks results."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, assemble, components, on_device
from numbafunc.dual.recorder import Recorder, variable
from numbafunc.kinds.arguments import check_dtype
from numbafunc.rules.device_ufuncs import apply, copied_into
from numbafunc_cuda.arrays import View, arranged, empty, follow, numba_array, part_of, stream_for, view, without_axis
from numbafunc_cuda.copy import copied, copy_into
from numbafunc_cuda.fill import integer, zeros
from numbafunc_cuda.steps import selected


def leaves_of(leaves: list[Any], name: str) -> list[Any]:
    """Leaves of a nest, those on the device as Numba's arrays."""
    return [adopt(leaf, name) if on_device(leaf) else leaf for leaf in leaves]


def adopt(x: Any, name: str) -> Any:
    """Numba's array on the memory of any array of a device, or a Dual of such; TypeError for complex elements."""

    def checked(part: Any) -> Any:
        if type(part) is Recorder:
            return part
        found = view(part, name)
        check_dtype(found.dtype, name)
        return numba_array(found)

    return assemble({levels: checked(part) for levels, part in components(x).items()})


def own(x: Any, shared: bool = False) -> Any:
    """A copy, which a step may write to."""
    return x if type(x) is Dual else copied(view(x, "x")).array


def entries(leaves: list[Any], i: int) -> list[Any]:
    """The entries of leaves along the first axis, of which some may be in main memory."""
    return [entry(leaf, i) if on_device(leaf) else leaf[i] for leaf in leaves]


def entry(x: Any, i: int) -> Any:
    """The entry of an array, or of a Dual, along the first axis."""
    return selected(x, i)


def nothing(x: Any) -> Any:
    """An entry of zeros."""

    def cleared(part: Any, levels: int) -> Any:
        shape = (*part.shape[:levels], *part.shape[levels + 1 :])
        if type(part) is Recorder:
            return variable(shape, part.dtype, part.level)
        return zeros(shape, part.dtype, view(part, "x").stream).array

    return assemble({levels: cleared(part, len(levels)) for levels, part in components(x).items()})


def number(x: Any, dtype: np.dtype[Any], like: Any) -> Any:
    """A number as an array without axes on the device, on the stream of another array."""
    if on_device(x):
        return x
    stream = _stream(like)
    if type(x) is Dual:
        return apply(np.multiply, integer(1, dtype, stream).array, x)
    if dtype.kind in "iub":
        return integer(int(x), dtype, stream).array
    result = empty((), dtype, None, stream)
    copied_into(result.array, float(x))
    return result.array


def _stream(x: Any) -> Any:
    return stream_for([view(part, "x") for part in components(x).values() if type(part) is not Recorder])


# The annotation of NumPy's function doesn't allow for recorders.
_stack: Any = np.stack


class Stack:
    """Collects the results of all steps at one place of a nest."""

    def __init__(self, steps: int, first: Any) -> None:
        self.steps = steps
        # One array for each component. The axis of steps comes first, so that a step writes one contiguous part; where
        # a step has no tangent, zeros stay.
        self.parts: dict[tuple[int, ...], View] = {}
        # Recorded tangents of the steps, which have no memory to be put in.
        self.recorded: dict[tuple[int, ...], list[Any]] = {}
        self.stream = _stream(first)
        for levels, part in components(first).items():
            if type(part) is not Recorder:
                self._add(levels, view(part, "the result of f"))

    def _add(self, levels: tuple[int, ...], part: View) -> None:
        self.parts[levels] = zeros((self.steps, *part.shape), part.dtype, self.stream)

    def put(self, i: int, leaf: Any) -> None:
        """Take the result of a step: an array of the device, a Dual of such, or a number."""
        if not on_device(leaf):
            value = self.parts[()]
            leaf = number(leaf, value.dtype, value.array)
        for levels, part in components(leaf).items():
            if type(part) is Recorder:
                none = variable(part.shape, part.dtype, part.level)
                self.recorded.setdefault(levels, [none] * self.steps)[i] = part
                continue
            source = view(part, "the result of f")
            if levels not in self.parts:
                self._add(levels, source)
            stack = self.parts[levels]
            row = without_axis(part_of(stack, i, 1), 0)
            follow(self.stream, source.stream)
            copy_into(row, source, self.stream)

    def stacked(self) -> Any:
        """All of them, along a new first axis."""
        parts = {levels: _turned(stack, len(levels)).array for levels, stack in self.parts.items()}
        for levels, steps in self.recorded.items():
            parts[levels] = _stack(steps, len(levels))
        return assemble(parts)


def _turned(stack: View, levels: int) -> View:
    """A copy with the axis of steps behind those of directions."""
    if not levels:
        return stack
    axes = (*range(1, levels + 1), 0, *range(levels + 1, stack.ndim))
    return copied(arranged(stack, tuple(stack.shape[a] for a in axes), tuple(stack.strides[a] for a in axes)))
