"""Arrays of nests of lists and tuples that hold dual arrays: NumPy's own conversion does not look into them."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, is_blank

_LISTS = (list, tuple)


def holds_dual(nest: Any) -> bool:
    """Whether a nest of lists and tuples holds a dual array with tangents."""
    for x in nest:
        moves = not is_blank(x) if type(x) is Dual else isinstance(x, _LISTS) and holds_dual(x)
        if moves:
            return True
    return False


def array_of(nest: Any) -> Any:
    """The array of a nest of lists and tuples that holds dual arrays, as :func:`numpy.array` would make it.

    Raises
    ------
    ValueError
        Entries of different shapes.
    """
    leaves: list[Any] = []
    outer = _flatten(nest, leaves)
    shapes = {x.shape if type(x) is Dual or type(x) is np.ndarray else np.shape(x) for x in leaves}
    if outer is None or len(shapes) != 1:
        # Lists beside arrays: both are rows.
        parts = [array_of(x) if isinstance(x, _LISTS) and holds_dual(x) else x for x in nest]
        shapes = set(map(np.shape, parts))
        if len(shapes) != 1:
            raise ValueError(
                f"numpy.array is given a list whose entries have the shapes {', '.join(map(str, sorted(shapes)))}; "
                "wanted: all of one shape"
            )
        return np.stack(parts)
    stacked = np.stack(leaves)
    if len(outer) == 1:
        return stacked
    return np.reshape(stacked, (*outer, *shapes.pop()))


def _flatten(nest: Any, leaves: list[Any]) -> tuple[int, ...] | None:
    """Append the leaves of a nest; its lengths, or None where they differ."""
    inner = {(_flatten(x, leaves) if isinstance(x, _LISTS) else _leaf(x, leaves)) for x in nest}
    if len(inner) != 1:
        return None
    lengths = inner.pop()
    return None if lengths is None else (len(nest), *lengths)


def _leaf(x: Any, leaves: list[Any]) -> tuple[int, ...]:
    leaves.append(x)
    return ()
