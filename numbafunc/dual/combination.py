"""Linear combinations of arrays with numbers as coefficients, of which a tape keeps one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, assemble, components, make
from numbafunc.dual.recorder import Primitive, Recorder


def combination(coefficients: Sequence[float], arrays: Sequence[Operand]) -> Any:
    """``sum(c * x)`` of arrays of one shape and dtype, in main memory, with any tangents."""
    if not any(type(x) is Dual for x in arrays):
        return _sum(coefficients, *arrays)
    found = _of_one_level(coefficients, arrays)
    if found is not None:
        return found
    terms: dict[tuple[int, ...], list[tuple[float, Any]]] = {}
    for coefficient, x in zip(coefficients, arrays, strict=True):
        if coefficient:
            for key, part in components(x).items():
                terms.setdefault(key, []).append((coefficient, part))
    return assemble({key: _combined(found) for key, found in terms.items()}) if terms else np.zeros_like(arrays[0])


def _of_one_level(coefficients: Sequence[float], arrays: Sequence[Operand]) -> Any:
    """The combination of dual arrays of one level, whose tangents are all recorded or none; None of others."""
    values, changes, used = [], [], []
    level, kind = 0, None
    for coefficient, x in zip(coefficients, arrays, strict=True):
        if not coefficient:
            continue
        if type(x) is not Dual or type(x.primal) is not np.ndarray:
            return None
        change = x.tangent
        if level == 0:
            level, kind = x.level, type(change)
        if x.level != level or type(change) is not kind:
            return None
        values.append(x.primal)
        changes.append(change)
        used.append(coefficient)
    if kind is np.ndarray:
        change = _sum(used, *changes)
    elif kind is Recorder:
        change = _COMBINED.record(changes[0].shape, changes[0].dtype, tuple(used), *changes)
    else:
        return None
    return make(_sum(used, *values), change, level)


def _combined(terms: list[tuple[float, Any]]) -> Any:
    """The combination of the parts of one key."""
    recorded = [(coefficient, x) for coefficient, x in terms if type(x) is Recorder]
    coefficients, parts = zip(*(recorded or terms), strict=True)
    if not recorded:
        return _sum(coefficients, *parts)
    # What is no recorder is a tangent of zeros.
    return _COMBINED.record(parts[0].shape, parts[0].dtype, coefficients, *parts)


def _sum(coefficients: Sequence[float], *arrays: Any) -> Any:
    total = None
    for coefficient, x in zip(coefficients, arrays, strict=True):
        if coefficient:
            term = x if coefficient == 1 else coefficient * x
            total = term if total is None else total + term
    return np.asarray(total)


_COMBINED = Primitive(
    "linear combination",
    _sum,
    lambda cotangent, place, coefficients, *arrays: coefficients[place - 1] * cotangent,
)
