"""The linear kind: an op that is linear in an array acts on its value and on all its tangents alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.autodiff.dual import Dual, assemble, components

Array = Any  # numpy.ndarray or Dual

REGISTRY: dict[str, Linear] = {}


class Linear:
    """An op of the linear kind.

    Parameters
    ----------
    name : str
        Name of the op, for messages and for the registry.
    apply : callable
        ``apply(array, leading, *static)``: the result for a plain array whose first ``leading`` axes are directions of
        tangents; it acts behind them and leaves them in front. Whatever else the op depends on is in ``static``.
    """

    def __init__(self, name: str, apply: Callable[..., np.ndarray[Any, Any]]) -> None:
        self.name = name
        self.apply = apply
        REGISTRY[name] = self

    def __call__(self, x: Array, *static: Any) -> Array:
        """The result for a checked operand: an array, or a Dual whose components are taken one by one."""
        if type(x) is not Dual:
            return self.apply(x, 0, *static)
        return assemble({levels: self.apply(part, len(levels), *static) for levels, part in components(x).items()})


__all__ = ["REGISTRY", "Linear"]
