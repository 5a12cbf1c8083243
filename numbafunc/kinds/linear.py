"""The linear kind: an op that is linear in an array acts on its value and on all its tangents alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import Entry
from numbafunc.dual.array import Dual, assemble, components

Array = Any  # numpy.ndarray or Dual

REGISTRY: dict[str, Linear] = {}


class Linear:
    """An op of the linear kind.

    Parameters
    ----------
    name : str
        Name of the op, for messages and for the registry.
    apply : callable
        ``apply(array, leading, *static)``: the result for a plain array whose first ``leading`` axes are directions of
        tangents; it acts behind them and leaves them in front. Whatever else the op depends on is in ``static``.
    entry : Entry, optional
        Entry of back ends for the function of these arguments; ``apply`` becomes the one for main memory. Without an
        entry the op is for arrays in main memory only.
    """

    def __init__(self, name: str, apply: Callable[..., np.ndarray[Any, Any]], entry: Entry | None = None) -> None:
        self.name = name
        self.apply = apply
        self.entry = entry
        if entry is not None:
            backend.CPU.bring(entry, apply)
        REGISTRY[name] = self

    def anywhere(self, part: Array, leading: int, *static: Any) -> Array:
        """The result for a component of an operand, an array of any back end."""
        first = part[0] if type(part) is tuple else part
        if isinstance(first, np.ndarray):
            return self.apply(part, leading, *static)
        here = backend.of(first)
        if self.entry is None:
            raise TypeError(f"{self.name} is given an array of {here.place}; wanted: one in main memory")
        return self.entry.of(here, self.name)(part, leading, *static)

    def __call__(self, x: Array, *static: Any) -> Array:
        """The result for a checked operand: an array, or a Dual whose components are taken one by one."""
        if type(x) is not Dual:
            return self.anywhere(x, 0, *static)
        return assemble({levels: self.anywhere(part, len(levels), *static) for levels, part in components(x).items()})


class JointlyLinear(Linear):
    """An op that is linear in several operands taken together.

    It applies ``apply(arrays, leading, *static)``, where all arrays have the same directions in front.
    """

    def __call__(self, operands: Sequence[Array], *static: Any) -> Array:
        """The result for checked operands; a tangent that one of them has and another lacks is zero there."""
        if not any(type(x) is Dual for x in operands):
            return self.anywhere(tuple(operands), 0, *static)
        taken = [components(x) for x in operands]
        directions = {key: part.shape[: len(key)] for parts in taken for key, part in parts.items()}
        results = {}
        for key in sorted(directions, key=lambda key: (len(key), key)):
            arrays = tuple(parts[key] if key in parts else _zeros(parts[()], directions[key]) for parts in taken)
            results[key] = self.anywhere(arrays, len(key), *static)
        return assemble(results)


def _zeros(value: Any, directions: tuple[int, ...]) -> Any:
    if not isinstance(value, np.ndarray):
        return backend.of(value).zeros((*directions, *value.shape), value.dtype, value)
    return np.broadcast_to(np.zeros((), value.dtype), (*directions, *value.shape))


__all__ = ["REGISTRY", "JointlyLinear", "Linear"]
