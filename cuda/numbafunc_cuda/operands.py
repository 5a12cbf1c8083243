"""Components of the operands of an op on device arrays, like :class:`numbafunc.kinds.plan.Operands`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.backend import is_device_array
from numbafunc.dual.array import Dual, components, levels_of, value_of
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments
from numbafunc.kinds.plan import Levels
from numbafunc_cuda.arrays import View, view


class Operands:
    """The operands of one call.

    Attributes
    ----------
    values : list
        For each operand its value: a :class:`View`, or a number that is known to the host.
    parts : list of dict
        For each operand its components, keyed by levels counted from 0.
    levels : tuple of int
        The levels themselves.
    description : tuple
        Equal for calls that need the same work.

    Raises
    ------
    TypeError
        For arrays in main memory beside those of a device, and for dtypes that no op takes.
    """

    def __init__(self, given: Sequence[Any], names: Sequence[str], *, boolean: bool = True) -> None:
        self.levels: Levels = levels_of(*given)
        rank = {level: position for position, level in enumerate(self.levels)}
        self.values: list[Any] = []
        self.parts: list[dict[Levels, Any]] = []
        described: list[Any] = []
        for x, name in zip(given, names, strict=True):
            found = {
                tuple(rank[level] for level in levels): _operand(part, len(levels), name, boolean)
                for levels, part in (components(x) if type(x) is Dual else {(): x}).items()
            }
            self.parts.append(found)
            self.values.append(found[()])
            for component, part in found.items():
                if isinstance(part, View):
                    described.append((component, part.dtype, part.shape, part.strides))
                else:
                    described.append((component, getattr(part, "dtype", type(part)), np.shape(part)))
        self.description = tuple(described)

    def views(self) -> list[View]:
        """The components that are arrays of the device."""
        return [part for found in self.parts for part in found.values() if isinstance(part, View)]

    def counts(self) -> tuple[int, ...]:
        """Number of directions at each level."""
        counts = [0] * len(self.levels)
        for found in self.parts:
            for component, part in found.items():
                for level, length in zip(component, part.shape if component else ()):
                    counts[level] = length
        return tuple(counts)


def _operand(x: Any, leading: int, name: str, boolean: bool) -> Any:
    if is_device_array(x):
        found = view(x, name)
        arguments.check_dtype(found.dtype, name, boolean=boolean)
        return found
    operand = arguments.as_operand(x, name, boolean=boolean)
    # The host knows the value of a number, so it becomes an argument of the kernel.
    if isinstance(operand, np.ndarray) and operand.ndim > leading:
        raise TypeError(
            f"{name} is an array in main memory, of shape {operand.shape}, beside arrays of a CUDA device; wanted: all "
            "on the device, such as numba.cuda.to_device gives, or numbers"
        )
    return operand


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], inputs: Sequence[View]) -> View:
    """The view of ``out``; raise unless it can take a result of this shape and dtype without touching an input."""
    if not is_device_array(out):
        raise TypeError(f"out is a {type(value_of(out)).__name__}; wanted: an array of the device, as the operands are")
    found = view(out, "out")
    if found.dtype != dtype:
        raise TypeError(f"out has dtype {found.dtype}; wanted: {dtype}")
    if found.shape != shape:
        raise ShapeError(f"out has shape {found.shape}; wanted: {shape}")
    if not found.writeable:
        raise ValueError("out is read-only; wanted: a writeable array")
    if found.size and any(not stride and length > 1 for stride, length in zip(found.strides, shape)):
        raise ValueError(
            f"out has strides {found.strides}, one memory for several elements; wanted: an array of its own"
        )
    if any(found.overlaps(x) for x in inputs):
        raise ValueError("out overlaps the memory of an input; wanted: an array of its own")
    return found
