"""Derivatives of loops around a function that the user has compiled: the loop is compiled for numbers with tangents.

In forward mode all tangents go through one loop, up to eight at a time.
"""

from __future__ import annotations

from typing import Any

from numbafunc.cpu import scan as compiled
from numbafunc.dual.array import settled
from numbafunc.dual.recorded import recorded_level
from numbafunc.kinds.compiled import warn_once


def differentiated(f: Any, init: Any, leaves: list[Any], xs: Any, entries: list[Any], steps: int, reverse: bool) -> Any:
    """The last carry and the stacked results of a loop in which something moves; None if it can't be compiled."""
    from numbafunc.cpu.coefficients import Directions

    leaves, entries = list(map(settled, leaves)), list(map(settled, entries))
    if steps == 0:
        return None  # the shapes of results are known to Python only
    if recorded_level(*leaves, *entries):
        return None
    weak = [type(leaf) is int or type(leaf) is float for leaf in leaves]
    try:
        return compiled.run(f, init, leaves, weak, xs, entries, steps, reverse, Directions([*leaves, *entries]))
    except TypeError as error:
        warn_once(f, error, 4)
        return None
