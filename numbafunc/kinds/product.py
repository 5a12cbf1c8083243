"""Products of a factor and a cotangent, in one pass over arrays that are large enough for it to pay."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.products import mixed
from numbafunc.kinds.elementwise import Elementwise

# Elements from which on a look at the product for NaN takes longer than a call of the kernel.
_MANY = 2**13


def _product(a: Any, b: Any) -> Any:
    product = a * b
    return product if product == product else 0 if a == 0 else 0 if b == 0 else product


_op = Elementwise(_product, name="product", light=True, identity=f"{__name__}.product")


def product(factor: Any, cotangent: Any) -> Any:
    """``factor * cotangent``, zero where either is zero and the other is not finite; of arrays, numbers or Duals."""
    if (
        type(factor) is np.ndarray
        and type(cotangent) is np.ndarray
        and factor.size > _MANY
        and factor.size == cotangent.size
        and factor.dtype == cotangent.dtype
        and factor.dtype.char in "fd"
        and factor.shape == cotangent.shape[cotangent.ndim - factor.ndim :]
        and factor.flags.c_contiguous
        and cotangent.flags.c_contiguous
    ):
        # In the shape of the factor, which has no axis for the only direction.
        return _op(factor, cotangent.reshape(factor.shape)).reshape(cotangent.shape)
    return mixed(factor, cotangent)


__all__ = ["product"]
