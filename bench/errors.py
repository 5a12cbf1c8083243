"""How wrong the values of elementwise ops are, by each library: a sample, beside mpmath."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.libraries import Library
from bench.operands import KINDS
from bench.ops import Op

POINTS = 300
# What the definitions for mpmath take beside the operands.
_FURTHER = {"celu": (1.0,), "elu": (1.0,), "leaky_relu": (0.01,)}


def largest_errors(
    table: Mapping[str, Op], libraries: Mapping[str, Library], points: int = POINTS
) -> dict[str, dict[str, dict[str, float]]]:
    """Errors in units in the last place by op, dtype and library; nothing where mpmath is not installed."""
    if not (importlib.util.find_spec("mpmath") and importlib.util.find_spec("ml_dtypes")):
        return {}
    from tests.support.oracles import ELEMENTWISE

    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, op in table.items():
        exact = ELEMENTWISE.get(name.replace(" ", "_"))
        if exact is None or op.shape != "vector":
            continue
        for dtype in ("float32", "float64"):
            random = np.random.default_rng(0)
            drawn = {key: KINDS[kind](random, (points,), getattr(np, dtype)) for key, kind in op.operands.items()}
            further = [getattr(np, dtype)(number) for number in _FURTHER.get(name, ())]
            expected = [
                exact(*map(_mpf, numbers), *map(_mpf, further)) for numbers in zip(*drawn.values(), strict=True)
            ]
            errors = {}
            for library_name, library in libraries.items():
                expression = library.expression(name, op, "value")
                if expression:
                    values = value_of(library, expression, drawn, dtype)
                    errors[library_name] = max(map(_ulp, np.asarray(values), expected))
            found.setdefault(name, {})[dtype] = errors
    return found


def value_of(library: Library, expression: str, drawn: Mapping[str, Any], dtype: str) -> Any:
    """What a library gives for an expression."""
    statement = library.statement(expression, "value", tuple(drawn), {})
    names = {key: library.take(value) for key, value in {**drawn, "dtype": getattr(np, dtype)}.items()}
    names = {**library.namespace, **names}
    exec(statement.setup, names)
    return eval(statement.call, names)


def _mpf(number: Any) -> Any:
    from tests.support.oracles import mp

    return mp.mpf(float(number))


def _ulp(value: Any, exact: Any) -> float:
    rounded = type(value)(float(exact))
    return round(float(abs(_mpf(value) - exact) / float(np.spacing(abs(rounded)))), 2)
