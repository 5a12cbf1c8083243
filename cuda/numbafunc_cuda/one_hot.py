"""Functions of indices on arrays of a device."""

from __future__ import annotations

from typing import Any

from numbafunc_cuda.arrays import view, with_axis
from numbafunc_cuda.fill import arange


def one_hot(indices: Any, classes: int, position: int) -> tuple[Any, Any]:
    """The operands that ``one_hot`` compares: indices with a new axis at ``position``, and the classes along it."""
    found = view(indices, "x")
    wide = arange(classes, found.stream)
    for _ in range(found.ndim - position):
        wide = with_axis(wide, wide.ndim)
    return with_axis(found, position).array, wide.array
