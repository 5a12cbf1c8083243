"""Keys of the coefficients of numbers with tangents: which of them there are, before any code is emitted.

A unit is a pair (level, direction), and a key the units of a product, see :mod:`numbafunc.numbers.number`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

Unit = tuple[int, int]
Key = tuple[Unit, ...]

VALUE: Key = ()


def join_keys(a: Key, b: Key) -> Key | None:
    """The key of a product of two terms; None where the product vanishes."""
    if not a or not b:
        return a or b
    if {level for level, _ in a} & {level for level, _ in b}:
        return None
    return tuple(sorted(a + b))


def product_keys(a: tuple[Key, ...], b: tuple[Key, ...]) -> tuple[Key, ...]:
    """The keys that a product of two numbers can have."""
    joined = (join_keys(*pair) for pair in product(a, b))
    return sort_keys({key for key in joined if key is not None})


def closed_keys(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    """The keys that an analytic function of a number can have: those of all its powers."""
    closure = keys
    while True:
        larger = product_keys(closure, keys)
        if larger == closure:
            return closure
        closure = larger


def sort_keys(keys: Any) -> tuple[Key, ...]:
    """Keys in the order in which their coefficients are stored: the value first."""
    return tuple(sorted(set(keys), key=lambda key: (len(key), key)))


__all__ = ["VALUE", "Key", "Unit", "closed_keys", "join_keys", "product_keys", "sort_keys"]
