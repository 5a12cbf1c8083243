"""Functions that change how a computation is differentiated, inside compiled functions, which compute values."""

from __future__ import annotations

from typing import Any

from numba.core import types

from numbafunc.inside.operands import implementation, refuse
from numbafunc.ops import stop_gradient as ops


def stop_gradient(x: Any) -> Any:
    """Implementation of stop_gradient."""
    if not _is_numeric(x):
        raise refuse("stop_gradient", "x", x, "arrays, numbers and tuples of them")
    return implementation(ops.stop_gradient, ["return x"], {})


def _is_numeric(given: Any) -> bool:
    if isinstance(given, types.BaseTuple):
        return all(map(_is_numeric, given))
    element = given.dtype if isinstance(given, types.Array) else types.unliteral(given)
    return isinstance(element, (types.Number, types.Boolean, types.NoneType))
