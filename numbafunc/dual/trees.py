"""Nests of tuples, lists, dicts, dataclasses and None with arrays at the leaves; a single leaf costs no look-up.

optree takes longer to import than the rest of this package, so it is imported when the first container shows up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual
from numbafunc.dual.classes import LEAVES, NAMESPACE, Field, register_classes

LEAVES.add(Dual)
_LEAF_TYPES = (Dual, np.ndarray, np.generic, float, int)


class Structure:
    """The containers of a nest, without its leaves."""

    __slots__ = ("_definition",)

    def __init__(self, definition: Any) -> None:
        self._definition = definition

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        if self._definition is None:
            (leaf,) = leaves
            return leaf
        return self._definition.unflatten(leaves)

    def flatten_like(self, tree: Any) -> list[Any] | None:
        """The leaves of another nest, in which None may replace any leaf or all; None if it is nested differently."""
        if tree is None:
            return [None] * (1 if self._definition is None else self._definition.num_leaves)
        if self._definition is None:
            leaves = [tree]
        else:
            try:
                leaves = self._definition.flatten_up_to(tree)
            except (TypeError, ValueError):
                return None
        return leaves if all(leaf is None or flatten(leaf)[1] is SINGLE for leaf in leaves) else None

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Structure) and bool(self._definition == other._definition))

    def __hash__(self) -> int:
        return hash(self._definition)

    def __repr__(self) -> str:
        """The containers as Python writes them, with ``*`` for each leaf."""
        if self._definition is None:
            return "a single array"
        text = str(self._definition).removesuffix(")").removesuffix(f", namespace={NAMESPACE!r}")
        return text.removeprefix("PyTreeSpec(")


SINGLE = Structure(None)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of a nest, and the structure that puts others in their places."""
    if isinstance(tree, _LEAF_TYPES):
        return [tree], SINGLE
    import optree

    try:
        leaves, definition = optree.tree_flatten(tree, namespace=NAMESPACE)
    except RecursionError:
        raise ValueError(f"a nest, a {type(tree).__name__}, is too deep or holds itself") from None
    while register_classes(leaves):
        leaves, definition = optree.tree_flatten(tree, namespace=NAMESPACE)
    if definition.is_leaf():
        return leaves, SINGLE
    return leaves, Structure(definition)


def flatten_with_names(tree: Any) -> tuple[list[Any], list[str], Structure]:
    """The leaves of a nest, their places written as the indices that lead there, and the structure."""
    leaves, structure = flatten(tree)
    if structure is SINGLE:
        return leaves, [""], structure
    import optree

    names = ["".join(map(_place, path)) for path in optree.tree_paths(tree, namespace=NAMESPACE)]
    return leaves, names, structure


def _place(entry: Any) -> str:
    return f".{entry}" if type(entry) is Field else f"[{entry!r}]"


def tree_map(function: Callable[[Any], Any], tree: Any) -> Any:
    """The nest with `function` applied to each leaf."""
    leaves, structure = flatten(tree)
    return structure.unflatten([function(leaf) for leaf in leaves])


def as_one_array(x: Any) -> Any:
    """A list or tuple of numbers, dual ones too, as the array of these; anything else as it is."""
    if isinstance(x, (list, tuple)):
        return np.stack(x) if any(type(entry) is Dual for entry in x) else np.asarray(x)
    return x
