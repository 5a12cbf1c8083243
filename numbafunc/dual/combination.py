"""Linear combinations of arrays with numbers as coefficients, of which a tape keeps one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, assemble, components
from numbafunc.dual.recorder import Primitive, Recorder


def combination(coefficients: Sequence[float], arrays: Sequence[Operand]) -> Any:
    """``sum(c * x)`` of arrays of one shape and dtype, in main memory, with any tangents."""
    if not any(type(x) is Dual for x in arrays):
        return _sum(coefficients, *arrays)
    terms: dict[tuple[int, ...], list[tuple[float, Any]]] = {}
    for coefficient, x in zip(coefficients, arrays, strict=True):
        if coefficient:
            for key, part in components(x).items():
                terms.setdefault(key, []).append((coefficient, part))
    return assemble({key: _combined(found) for key, found in terms.items()}) if terms else np.zeros_like(arrays[0])


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
