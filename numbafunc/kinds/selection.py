"""The selection kind: each element of a result is one of the operand's, which one is found on the value alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from numbafunc.autodiff.dual import Dual, assemble, components
from numbafunc.cpu import threads
from numbafunc.cpu.memory import empty, flat_words

Array = Any  # numpy.ndarray or Dual

REGISTRY: dict[str, Selection] = {}

# From this many elements on, several threads pay in spite of the cost of starting them.
PARALLEL_FROM = 1 << 15


class Positions(NamedTuple):
    """Where the elements of a result stand in the operand.

    Attributes
    ----------
    within : numpy.ndarray
        Positions as int64 of shape (blocks, count): those of each block of the operand, counted from its beginning;
        -1 stands for none.
    shape : tuple of int
        Shape of the result.
    missing : float
        The result where there is none. Its derivative is 0.
    """

    within: np.ndarray[Any, Any]
    shape: tuple[int, ...]
    missing: float = 0.0

    def gather(self, part: np.ndarray[Any, Any], leading: int) -> np.ndarray[Any, Any]:
        """The elements of a component of the operand, whose first ``leading`` axes are directions."""
        from numbafunc.cpu.selection import build_gather

        directions = part.shape[:leading]
        result = empty((*directions, *self.shape), part.dtype)
        blocks, count = self.within.shape
        if result.size:
            parallel = result.size >= PARALLEL_FROM and threads.parallel_allowed()
            missing = np.array(0.0 if leading else self.missing, part.dtype)
            build_gather(parallel)(
                flat_words(part, 0),
                flat_words(self.within, 0),
                flat_words(result, 0),
                math.prod(directions),
                blocks,
                math.prod(part.shape[leading:]) // blocks,
                count,
                flat_words(missing, 0)[0],
            )
        return result


class Selection:
    """An op of the selection kind.

    Parameters
    ----------
    name : str
        Name of the op, for messages and for the registry.
    find : callable
        ``find(value, *static)``: the :class:`Positions` for a plain array.
    """

    def __init__(self, name: str, find: Callable[..., Positions]) -> None:
        self.name = name
        self.find = find
        REGISTRY[name] = self

    def __call__(self, x: Array, *static: Any) -> tuple[Array, Positions]:
        """The elements selected from an array or a Dual, with all their tangents, and where they stood."""
        parts = components(x)
        positions = self.find(parts[()], *static)
        gathered = {levels: positions.gather(part, len(levels)) for levels, part in parts.items()}
        return (assemble(gathered) if type(x) is Dual else gathered[()]), positions


__all__ = ["REGISTRY", "Positions", "Selection"]
