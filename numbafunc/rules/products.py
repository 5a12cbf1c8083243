"""Rules of products made of others: tensordot, kron, cross, vecdot, and the products of numpy.linalg."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from numbafunc.dual.array import FUNCTION_RULES, UFUNC_RULES, Dual, Operand
from numbafunc.rules.complex_values import conjugate
from numbafunc.rules.linear import refuse, rule_for


@rule_for(np.tensordot, np.linalg.tensordot)
def _tensordot(a: Operand, b: Operand, /, axes: Any = 2) -> Any:
    a_ndim, b_ndim = np.ndim(a), np.ndim(b)
    if np.iterable(axes):
        a_axes, b_axes = (list(x) if np.iterable(x) else [x] for x in axes)
    else:
        count = operator.index(axes)
        a_axes, b_axes = list(range(-count, 0)), list(range(count))
    a_axes = [normalize_axis_index(axis, a_ndim) for axis in a_axes]
    b_axes = [normalize_axis_index(axis, b_ndim) for axis in b_axes]
    a_shape, b_shape = np.shape(a), np.shape(b)
    summed = [a_shape[axis] for axis in a_axes]
    if summed != [b_shape[axis] for axis in b_axes]:
        raise ValueError("shape-mismatch for sum")
    a_kept = [axis for axis in range(a_ndim) if axis not in a_axes]
    b_kept = [axis for axis in range(b_ndim) if axis not in b_axes]
    a_lengths, b_lengths = [a_shape[axis] for axis in a_kept], [b_shape[axis] for axis in b_kept]
    inner = math.prod(summed)
    left = np.reshape(np.transpose(a, a_kept + a_axes), (math.prod(a_lengths), inner))
    right = np.reshape(np.transpose(b, b_axes + b_kept), (inner, math.prod(b_lengths)))
    return np.reshape(np.dot(left, right), a_lengths + b_lengths)


@rule_for(np.kron)
def _kron(a: Operand, b: Operand) -> Any:
    ndim = max(np.ndim(a), np.ndim(b))
    a_shape = (1,) * (ndim - np.ndim(a)) + np.shape(a)
    b_shape = (1,) * (ndim - np.ndim(b)) + np.shape(b)
    # Axes of a and b in turn: element (i, j) of a pair is element i * length of b + j of the result.
    left = np.reshape(a, [length for pair in zip(a_shape, (1,) * ndim, strict=True) for length in pair])
    right = np.reshape(b, [length for pair in zip((1,) * ndim, b_shape, strict=True) for length in pair])
    return np.reshape(left * right, [x * y for x, y in zip(a_shape, b_shape, strict=True)])


@rule_for(np.cross)
def _cross(a: Operand, b: Operand, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ValueError("incompatible dimensions for cross product\n(dimension must be 2 or 3)")
    last = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    if a.shape[-1] == b.shape[-1] == 2:
        return last
    # A vector in the plane has the third component 0.
    if a.shape[-1] == 2:
        parts = [a[..., 1] * b[..., 2], -(a[..., 0] * b[..., 2])]
    elif b.shape[-1] == 2:
        parts = [-(a[..., 2] * b[..., 1]), a[..., 2] * b[..., 0]]
    else:
        parts = [a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1], a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]]
    return np.stack([*parts, last], axisc)


@rule_for(np.linalg.cross)
def _linalg_cross(x1: Operand, x2: Operand, /, *, axis: int = -1) -> Any:
    for x in (x1, x2):
        if np.shape(x)[axis] != 3:
            raise ValueError(f"both operands must hold vectors of length 3, not {np.shape(x)[axis]}")
    return np.cross(x1, x2, axis=axis)


@rule_for(np.linalg.outer)
def _linalg_outer(x1: Operand, x2: Operand, /) -> Any:
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(f"both operands must be vectors, not of {np.ndim(x1)} and {np.ndim(x2)} dimensions")
    return np.outer(x1, x2)


@rule_for(np.linalg.trace)
def _linalg_trace(x: Operand, /, *, offset: int = 0, dtype: Any = None) -> Any:
    refuse("linalg.trace", dtype=dtype)
    return np.trace(x, offset, -2, -1)


@rule_for(np.linalg.diagonal)
def _linalg_diagonal(x: Operand, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, -2, -1)


def _vecdot(x1: Operand, x2: Operand) -> Any:
    if np.ndim(x1) == 0 or np.ndim(x2) == 0:
        raise ValueError("numpy.vecdot takes vectors, not numbers")
    x1 = x1 if type(x1) is Dual else np.asarray(x1)
    row = np.expand_dims(conjugate(x1), -2)
    return np.matmul(row, np.expand_dims(x2, -1))[..., 0, 0]


@rule_for(np.linalg.vecdot)
def _linalg_vecdot(x1: Operand, x2: Operand, /, *, axis: int = -1) -> Any:
    return _vecdot(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1))


def _matvec(x1: Operand, x2: Operand) -> Any:
    return np.matmul(x1, np.expand_dims(x2, -1))[..., 0]


def _vecmat(x1: Operand, x2: Operand) -> Any:
    x1 = x1 if type(x1) is Dual else np.asarray(x1)
    return np.matmul(np.expand_dims(conjugate(x1), -2), x2)[..., 0, :]


UFUNC_RULES[np.vecdot] = _vecdot
# NumPy 2.2 added these.
for _name, _rule in (("matvec", _matvec), ("vecmat", _vecmat)):
    if hasattr(np, _name):
        UFUNC_RULES[getattr(np, _name)] = _rule

FUNCTION_RULES[np.linalg.matmul] = UFUNC_RULES[np.matmul]
FUNCTION_RULES[np.linalg.matrix_transpose] = FUNCTION_RULES[np.matrix_transpose]
