"""Functions of numpy.linalg on arrays of numbers with tangents: elimination, with pivots chosen on values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import extending

from numbafunc.numbers.elementary import with_slope_of
from numbafunc.numbers.keys import closed_keys
from numbafunc.numbers.numba_array import NumberArray
from numbafunc.numbers.numba_functions import SHARED, make_empty, product_type, replaces
from numbafunc.numbers.numba_type import NumberType, leave

# A norm is the root of a sum of squares if that lies between these bounds, where its derivatives don't overflow either.
_USUAL = {32: (1e-10, 1e10), 64: (1e-90, 1e90)}


@replaces(np.linalg.norm)
def _norm(x: Any) -> Any:
    if not isinstance(x, NumberArray):
        return None
    low, high = _USUAL[x.dtype.dtype.bitwidth]
    highest = math.frexp(np.finfo(str(x.dtype.dtype)).max)[1] - 2  # a power of two that has a reciprocal

    def implementation(x: Any) -> Any:
        total = 0.0
        for v in x.flat:
            total = total + v * v
        if low < total < high:
            return np.sqrt(total)
        largest = 0.0
        for v in x.flat:
            largest = max(largest, abs(leave(v)))
        scale = 1.0
        if 0.0 < largest < np.inf:
            scale = math.ldexp(1.0, max(-highest, min(highest, math.frexp(largest)[1])))
        total, radius = 0.0, 0.0
        for v in x.flat:
            total = total + (v / scale) * (v / scale)
            radius = np.hypot(radius, v)
        root = np.sqrt(total) * scale
        # A product of two tangents that were scaled could underflow, or overflow.
        return with_slope_of(root, radius) if 0.0 < largest < np.inf else root

    return implementation


@replaces(np.linalg.solve)
def _solve(a: Any, b: Any) -> Any:
    element = product_type(a, b)
    if element is None or a.ndim != 2 or b.ndim > 2:
        return None
    element = NumberType(element.dtype, closed_keys(element.keys), element.lanes)
    make = make_empty(element)

    def implementation(a: Any, b: Any) -> Any:
        size = a.shape[0]
        if a.shape[1] != size or b.shape[0] != size:
            raise ValueError("incompatible array sizes for a linear system")
        work, result = make(a.shape), make(b.shape)
        work[...] = a
        result[...] = b
        x = result.reshape((size, -1)) if size else result.reshape((0, 0))
        columns = x.shape[1]
        for k in range(size):
            pivot = k
            for i in range(k + 1, size):
                if abs(work[i, k]) > abs(work[pivot, k]):
                    pivot = i
            if work[pivot, k] == 0.0:
                raise ValueError("matrix is singular to machine precision")
            if pivot != k:
                for j in range(size):
                    entry = work[k, j]
                    work[k, j] = work[pivot, j]
                    work[pivot, j] = entry
                for j in range(columns):
                    entry = x[k, j]
                    x[k, j] = x[pivot, j]
                    x[pivot, j] = entry
            for i in range(k + 1, size):
                factor = work[i, k] / work[k, k]
                for j in range(k + 1, size):
                    work[i, j] -= factor * work[k, j]
                for j in range(columns):
                    x[i, j] -= factor * x[k, j]
        for step in range(size):
            k = size - 1 - step
            for c in range(columns):
                entry = x[k, c]
                for j in range(k + 1, size):
                    entry = entry - work[k, j] * x[j, c]
                x[k, c] = entry / work[k, k]
        return result

    return implementation


@replaces(np.linalg.inv)
def _inverse(a: Any) -> Any:
    if not isinstance(a, NumberArray) or a.ndim != 2:
        return None
    make = make_empty(a.dtype, True)
    solve = SHARED[np.linalg.solve]

    def implementation(a: Any) -> Any:
        unit = make(a.shape)
        for i in range(a.shape[0]):
            unit[i, i] = 1.0
        return solve(a, unit)

    return implementation


@replaces(np.linalg.det)
def _determinant(a: Any) -> Any:
    element = product_type(a, a)
    if element is None or a.ndim != 2:
        return None
    make = make_empty(NumberType(element.dtype, closed_keys(element.keys), element.lanes))

    def implementation(a: Any) -> Any:
        size = len(a)
        work = make(a.shape)
        work[...] = a
        result = 1.0
        for k in range(size):
            # The pivot is the largest of all that are left: of a singular matrix the zeros come last.
            row, column = k, k
            for i in range(k, size):
                for j in range(k, size):
                    if abs(work[i, j]) > abs(work[row, column]):
                        row, column = i, j
            if work[row, column] == 0.0:
                return result * _without_division(work[k:, k:])
            if row != k:
                result = -result
                for j in range(size):
                    entry = work[k, j]
                    work[k, j] = work[row, j]
                    work[row, j] = entry
            if column != k:
                result = -result
                for i in range(size):
                    entry = work[i, k]
                    work[i, k] = work[i, column]
                    work[i, column] = entry
            result = result * work[k, k]
            for i in range(k + 1, size):
                factor = work[i, k] / work[k, k]
                for j in range(k + 1, size):
                    work[i, j] -= factor * work[k, j]
        return result

    return implementation


@extending.register_jitable
def _without_division(a: Any) -> Any:
    """The determinant of a matrix of zeros with tangents, by the products of R. S. Bird.

    "A simple division-free algorithm for computing determinants", Information Processing Letters 111 (2011).
    """
    size = len(a)
    product = a.copy()
    for _ in range(size - 1):
        upper = product.copy()
        total = 0.0 * a[0, 0]
        for step in range(size):
            i = size - 1 - step
            upper[i, i] = -total
            total = total + product[i, i]
            for j in range(i):
                upper[i, j] = 0.0
        product = upper @ a
    return product[0, 0] if size % 2 else -product[0, 0]
