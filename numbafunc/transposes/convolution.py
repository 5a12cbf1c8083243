"""Transpose of the convolution with a constant signal: the correlation with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.recorder import Primitive, Recorder
from numbafunc.transposes.arithmetic import common_dtype
from numbafunc.transposes.products import sum_of_products
from numbafunc.transposes.register import records


def _transpose(cotangent: Any, place: int, x: Any, other: Any) -> Any:
    overhang = other.shape[0] - 1
    whole = sum_of_products(np.convolve, cotangent, other[::-1])
    return whole[overhang : overhang + x.shape[0]]


CONVOLVED = Primitive("convolve", lambda x, other: np.convolve(x, other), _transpose)


@records(np.convolve)
def _convolve(x: Recorder, other: Any) -> Recorder:
    return CONVOLVED.of(x, (x.shape[0] + other.shape[0] - 1,), common_dtype(x, other), other)
