"""How the elements are ordered of which the largest are found, and which of two loops finds them."""

from __future__ import annotations

from typing import Any

import numpy as np

# The largest ``k`` for which elements are held in order; beyond it insertion is slower than collection.
FEW = 16


def order_of(dtype: np.dtype[Any], largest: bool) -> str:
    """The order of elements of a dtype, of which the largest or the smallest come first."""
    if dtype.kind in "iub":
        order = "signed" if dtype.kind == "i" else "unsigned"
    else:
        order = "bfloat16" if dtype.name == "bfloat16" else "float"
    return order if largest else f"smallest {order}"


__all__ = ["FEW", "order_of"]
