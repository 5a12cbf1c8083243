"""The package's ops of the elementwise kind, by name, and what public functions are usually called with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

REGISTRY: dict[str, Any] = {}

# Shapes of which some are for one thread and some for several, and those of rows for each loop along them.
VECTORS = ((1000,), (1000, 1000))
ROWS = ((1000,), (64, 10), (64, 100), (8000, 10), (1000, 1000))
IMAGES = ((4, 4, 8, 8), (8, 16, 64, 64))


class Call(NamedTuple):
    """What a public function is called with where its kernels are compiled ahead.

    Attributes
    ----------
    shapes : tuple of tuple of int
        Shapes of the first operand; none for a function whose kernels are made of functions of the user.
    operands : tuple of str
        What the operands are: ``real`` numbers of the shape, ``whole`` numbers of the shape, or a ``label`` for each
        row.
    settings : mapping
        Arguments by name without which it can't be called.
    """

    shapes: tuple[tuple[int, ...], ...] = VECTORS
    operands: tuple[str, ...] = ("real",)
    settings: Mapping[str, Any] = {}


CALLS: dict[str, Call] = {}
"""By the name of the function; those that are not here are called with one array of real numbers."""
