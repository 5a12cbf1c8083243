"""Dataclasses, and classes made by attrs, as nests: their fields are the parts.

Each class is registered with optree, in a namespace of this package, when the first object of it shows up. A field with
``metadata={"static": True}``, as JAX has it too, is no part: it stays as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np

from numbafunc.process_lock import free_in_children

NAMESPACE = "numbafunc"

_ARRAYS = ("__array__", "__array_interface__", "__cuda_array_interface__", "__dlpack__")

LEAVES: set[type] = {np.ndarray, np.float64, np.float32, float, int}
"""The usual types of leaves, which need no look for fields."""

_lock = free_in_children(threading.Lock())
_registered: set[type] = set()


class Field(str):
    """The name of a field, as it stands in the path to a leaf."""


def register_classes(leaves: Iterable[Any]) -> bool:
    """Register the classes of leaves that have fields; whether there are any, so that these are no leaves any more."""
    found = False
    for kind in {*map(type, leaves)} - LEAVES:
        fields = _fields(kind)
        if fields is not None:
            found = True
            _register(kind, fields)
    return found


def _fields(kind: Any) -> list[Any] | None:
    """The fields of a class, by which it can be taken apart and made again; None if it has none, or is an array."""
    if any(hasattr(kind, protocol) for protocol in _ARRAYS):
        return None
    fields: Any = ()
    if hasattr(kind, "__dataclass_fields__"):
        from dataclasses import fields as fields_of

        fields = fields_of(kind)
    elif hasattr(kind, "__attrs_attrs__"):
        fields = kind.__attrs_attrs__
    # A field that the constructor does not take may be computed from others, which only the class knows.
    return list(fields) if fields and all(field.init for field in fields) else None


def _register(kind: Any, fields: list[Any]) -> None:
    import optree

    parts = tuple(Field(field.name) for field in fields if not field.metadata.get("static", False))
    static = tuple(field.name for field in fields if field.name not in parts)

    def flatten(x: Any) -> tuple[list[Any], tuple[Any, ...], tuple[Field, ...]]:
        return [getattr(x, name) for name in parts], tuple(getattr(x, name) for name in static), parts

    def unflatten(kept: Any, values: Iterable[Any]) -> Any:
        # Not by the constructor, which may check or convert what it is given: gradients are not values.
        made = kind.__new__(kind)
        for names, found in ((parts, values), (static, kept)):
            for name, value in zip(names, found, strict=True):
                object.__setattr__(made, name, value)
        return made

    with _lock:
        if kind not in _registered:
            optree.register_pytree_node(kind, flatten, unflatten, namespace=NAMESPACE)
            _registered.add(kind)
