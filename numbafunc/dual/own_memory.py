"""Whether a dual array alone has its memory, and memory of its own for one that has not."""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import numpy as np

from numbafunc.dual.array import (
    Components,
    Dual,
    assemble,
    components,
    value_of,
)
from numbafunc.dual.recorder import Recorder, variable

Part: TypeAlias = "np.ndarray[Any, Any]"


class _Probe:
    __slots__ = ("part",)
    part: Any


def _count_of_one() -> int:
    probe = _Probe()
    probe.part = np.empty(0)
    return sys.getrefcount(probe.part)


_ALONE = _count_of_one()
"""References that sys.getrefcount counts of an object that one attribute alone refers to."""


def _count_in_dictionary() -> int:
    held = {0: np.empty(0)}
    return sys.getrefcount(held[0])


IN_DICTIONARY = _count_in_dictionary()
"""References that it counts of an object that a dictionary alone refers to."""


def _is_own(x: Dual) -> bool:
    """Whether nothing else refers to the arrays of a Dual, and all have the same order in memory."""
    if x.family is not None and not is_alone(x):
        return False
    return _has_own_parts(x, value_of(x).strides)


def _has_own_parts(x: Dual, strides: tuple[int, ...]) -> bool:
    if sys.getrefcount(x.primal) > _ALONE or sys.getrefcount(x.tangent) > _ALONE:
        return False
    for part in (x.primal, x.tangent):
        if type(part) is Dual:
            if not is_alone(part) or not _has_own_parts(part, strides):
                return False
        elif type(part) is Recorder:
            continue
        elif not owns_memory(part) or part.strides[part.ndim - len(strides) :] != strides:
            return False
    return True


def owns_memory(part: Part) -> bool:
    """Whether an array has memory of its own, or alone refers to that which has, as transposed ones made here do."""
    if part.base is None:
        return part.flags.writeable
    lone = type(part.base) is np.ndarray and part.base.base is None and sys.getrefcount(part.base) <= _ALONE
    return lone and part.flags.writeable


def is_alone(x: Dual) -> bool:
    """Whether no other member of its family is alive; if so it leaves the family."""
    if x.family is None:
        return True
    members = x.family[0].living()
    if any(member is not x for member in members):
        return False
    x.family = None
    return True


def _laid_out_like(value: Part, lead: tuple[int, ...]) -> Part:
    """An array of zeros with axes of directions before those of `value`, which keep their order in memory."""
    if value.flags.c_contiguous:
        return np.zeros((*lead, *value.shape), value.dtype)
    order = sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis]))
    storage = np.zeros((*lead, *(value.shape[axis] for axis in order)), value.dtype)
    back = sorted(range(value.ndim), key=order.__getitem__)
    return storage.transpose((*range(len(lead)), *(len(lead) + axis for axis in back)))


def own(x: Dual, parts: Components, constant: bool = False) -> None:
    """Give a Dual memory of its own, with all the components that a value of these `parts` needs.

    A constant one has no tangents before.
    """
    have: Components = {(): value_of(x)} if constant else components(x)
    missing = {key: part for key, part in parts.items() if key not in have or _replaces_zeros(part, have[key])}
    if not missing:
        del have
        if _is_own(x):
            return
        have = components(x)
    value = have[()]
    owned: Components = {}
    for key, part in have.items():
        if type(part) is Recorder:
            owned[key] = part.copy()
        else:
            owned[key] = _laid_out_like(value, part.shape[: len(key)])
            owned[key][...] = part
    for key, part in missing.items():
        directions = part.shape[: len(key)]
        if type(part) is Recorder:
            owned[key] = variable((*directions, *value.shape), value.dtype, part.level)
        else:
            owned[key] = _laid_out_like(value, directions)
    y = assemble(owned)
    x.primal, x.tangent, x.level = y.primal, y.tangent, y.level


def _replaces_zeros(part: Any, own: Any) -> bool:
    """Whether a recorded tangent is to be stored among tangents of zeros, which are a plain array."""
    return type(part) is Recorder and type(own) is not Recorder
