"""Rules of products of vectors, matrices and tensors: matmul, dot, outer, tensordot, einsum and their like.

The tangent of a product has one term for each operand with a tangent. Directions are merged with an axis that is not
contracted, so that a term is one matrix product, not one for each direction. A term of einsum is the same sum with one
operand replaced by its tangent, whose axis of directions gets a new label, the first one of the result.
"""

from __future__ import annotations

import math
import operator
import string
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from numbafunc.dual.array import Operand, ndim_of
from numbafunc.dual.dtypes import refuse_long
from numbafunc.dual.products import align, finish, whole
from numbafunc.dual.quiet import quiet
from numbafunc.dual.recorder import Recorder
from numbafunc.dual.storage import componentwise
from numbafunc.dual.tables import UFUNC_RULES
from numbafunc.rules.application import Tangent, combine
from numbafunc.rules.arguments import as_array, into, refuse, separate
from numbafunc.rules.binary_ufuncs import QUIET, binary
from numbafunc.rules.complex_values import conjugate
from numbafunc.rules.register import define_on_value, register, rule_for

# Products of two matrices.

_WIDE = 32
"""Columns from which on one product for each direction is as fast as one for all, and leaves rows contiguous."""


def _matmul(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    return combine(
        None if dx is None else _moving_left(_without_padding(dx, x.ndim), y, x.ndim),
        None if dy is None else _moving_right(x, _without_padding(dy, y.ndim), y.ndim),
    )


def _without_padding(tangent: Tangent, ndim: int) -> Tangent:
    """Undo the alignment that elementwise functions need."""
    extra = tangent.ndim - 1 - ndim
    return tangent.reshape((tangent.shape[0], *tangent.shape[1 + extra :])) if extra else tangent


def _times_vector(tangent: Tangent, vector: Operand) -> Tangent:
    if type(tangent) is Recorder:
        return tangent @ vector
    plain = type(tangent) is np.ndarray and type(vector) is np.ndarray and vector.dtype.char in "fd"
    if plain and tangent.ndim == 2 and tangent.flags.c_contiguous and vector.flags.c_contiguous:
        return tangent.dot(vector)  # the same function of BLAS, found in a third of the time
    return np.matmul(tangent, vector)


def _moving_left(dx: Tangent, y: Operand, x_ndim: int) -> Tangent:
    if y.ndim == 2 and type(dx) is Recorder:
        return dx @ y  # the operator takes less time than NumPy's function
    if y.ndim == 1:
        return _times_vector(dx, y)
    if y.ndim == 2:
        *rows, inner = dx.shape
        product = np.matmul(dx.reshape((math.prod(rows), inner)), y)
        return product.reshape((*rows, y.shape[1]))
    if x_ndim == 1:
        # A vector has no row axis to stand beside the directions.
        return np.matmul(align(dx[:, np.newaxis, :], y.ndim), y)[..., 0, :]
    return np.matmul(align(dx, y.ndim), y)


def _moving_right(x: Operand, dy: Tangent, y_ndim: int) -> Tangent:
    if y_ndim == 1 and x.ndim == 1:
        return _times_vector(dy, x)
    if type(dy) is Recorder:
        return dy @ x.T if y_ndim == 1 and x.ndim == 2 else _moving_right_recorded(x, dy, y_ndim)
    if y_ndim == 1:
        # x @ dy[d] for all d: the directions become columns, and lead again at the end.
        return np.moveaxis(np.matmul(x, dy.T), -1, 0)
    if x.ndim == 2 and y_ndim == 2 and dy.shape[2] < _WIDE:
        directions, inner, columns = dy.shape
        product = np.matmul(x, dy.transpose(1, 0, 2).reshape((inner, directions * columns)))
        return product.reshape((x.shape[0], directions, columns)).transpose(1, 0, 2)
    return np.matmul(x, align(dy, x.ndim))


def _moving_right_recorded(x: Operand, dy: Tangent, y_ndim: int) -> Tangent:
    """The same for a recorded tangent, in one step where there is no vector that has to become columns."""
    if y_ndim == 1:
        return np.moveaxis(np.matmul(x, dy.T), -1, 0)
    return np.matmul(x, align(dy, x.ndim))


QUIET.add(_matmul)
register(np.matmul, binary(np.matmul, _matmul))
register(np.linalg.matmul, UFUNC_RULES[np.matmul])


@rule_for(np.dot)
def _dot(a: Operand, b: Operand, out: Any = None) -> Any:
    if out is not None:
        return into(out, np.dot(a, b), "dot")
    a_ndim, b_ndim = ndim_of(a), ndim_of(b)
    if a_ndim == 0 or b_ndim == 0:
        return UFUNC_RULES[np.multiply](a, b)
    if b_ndim <= 2:
        return UFUNC_RULES[np.matmul](a, b)
    # The last axis of a with the last but one of b: the matrix (inner, all other axes of b), then b's axes again.
    columns = np.moveaxis(b, -2, 0)
    product = np.matmul(a, np.reshape(columns, (columns.shape[0], -1)))
    return np.reshape(product, (*product.shape[:-1], *columns.shape[1:]))


@rule_for(np.inner)
def _inner(a: Operand, b: Operand, /) -> Any:
    if ndim_of(a) == 0 or ndim_of(b) == 0:
        return UFUNC_RULES[np.multiply](a, b)
    return np.dot(a, np.swapaxes(b, -1, -2) if ndim_of(b) > 1 else b)


@rule_for(np.outer)
def _outer(a: Operand, b: Operand, out: Any = None) -> Any:
    if out is not None:
        return into(out, np.outer(a, b), "outer")
    a, b = as_array(a), as_array(b)
    return UFUNC_RULES[np.multiply](componentwise(a, _as_column), componentwise(b, _as_row))


def _as_column(v: Any, lead: int) -> Any:
    """An array with its elements behind ``lead`` axes as a column."""
    if type(v) is np.ndarray and v.ndim == lead + 1:
        return v[..., np.newaxis]
    return v.reshape((*v.shape[:lead], math.prod(v.shape[lead:]), 1))


def _as_row(v: Any, lead: int) -> Any:
    """An array with its elements behind ``lead`` axes as a row."""
    if type(v) is np.ndarray and v.ndim == lead + 1:
        return v[..., np.newaxis, :]
    return v.reshape((*v.shape[:lead], 1, math.prod(v.shape[lead:])))


@rule_for(np.linalg.outer)
def _linalg_outer(x1: Operand, x2: Operand, /) -> Any:
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(f"both operands must be vectors, not of {np.ndim(x1)} and {np.ndim(x2)} dimensions")
    return np.outer(x1, x2)


@rule_for(np.vdot)
def _vdot(a: Operand, b: Operand, /) -> Any:
    return np.matmul(conjugate(np.ravel(a)), np.ravel(b))


# Products of stacks of vectors and matrices.

# Axes of the operands and of the result that are not looped over.
_CORE_AXES = {"vecdot": (1, 1, 0), "matvec": (2, 1, 1), "vecmat": (1, 2, 1)}


def _define_product(ufunc: Any) -> None:
    of_x, of_y, of_z = _CORE_AXES[ufunc.__name__]

    def tangent_of(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
        looped = z.ndim - of_z
        return combine(
            None if dx is None else ufunc(_looped(dx, x, looped + of_x), y),
            None if dy is None else ufunc(x, _looped(dy, y, looped + of_y)),
        )

    register(ufunc, binary(ufunc, tangent_of))


def _looped(tangent: Tangent, operand: Operand, ndim: int) -> Tangent:
    return align(tangent.reshape((tangent.shape[0], *operand.shape)), ndim)


for _name in _CORE_AXES:
    # NumPy 2.0 has vecdot; 2.2 added the others.
    if hasattr(np, _name):
        _define_product(getattr(np, _name))


@rule_for(np.linalg.vecdot)
def _linalg_vecdot(x1: Operand, x2: Operand, /, *, axis: int = -1) -> Any:
    return np.vecdot(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1))


# Products of tensors.


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


# Einsum.

_MANY = 2**9
_VERY_MANY = 2**16
"""Elements of a tangent from which on a search for a good order of products pays, for several products and for one."""

define_on_value(np.einsum_path)


def _labels(subscripts: Sequence[Any]) -> str:
    """Subscripts given as numbers and Ellipsis, as letters."""
    return "".join("..." if label is Ellipsis else string.ascii_letters[label] for label in subscripts)


def _as_text(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """The subscripts as text, and the arrays, of either form of the arguments."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), list(operands[1:])
    pairs = len(operands) // 2
    text = ",".join(_labels(subscripts) for subscripts in operands[1 : 2 * pairs : 2])
    if len(operands) % 2:
        text += "->" + _labels(operands[-1])
    return text, list(operands[: 2 * pairs : 2])


def _result_labels(text: str) -> str:
    """The labels of the result where the subscripts don't say: those that occur once, in alphabetical order."""
    letters = text.replace("...", "").replace(",", "")
    once = "".join(sorted(label for label in set(letters) if letters.count(label) == 1))
    return "..." + once if "..." in text else once


@rule_for(np.einsum)
def _einsum(
    *operands: Operand,
    out: Any = None, optimize: Any = False, dtype: Any = None, order: str = "K", casting: str = "safe",
) -> Any:  # fmt: skip
    refuse("einsum", dtype=dtype)
    if out is not None:
        return into(out, np.einsum(*operands, optimize=optimize), "einsum")
    text, arrays = _as_text(operands)
    level, primals, tangents = separate("numpy.einsum", *arrays)
    value = whole(np.einsum(text, *primals, optimize=optimize))
    inputs, _, result = text.partition("->")
    if "->" not in text:
        result = _result_labels(inputs)
    parts = inputs.split(",")
    directions = next(label for label in string.ascii_letters if label not in text)
    change = None
    with quiet():
        for position, tangent in enumerate(tangents):
            if tangent is None:
                continue
            # Plain loops that are slow for one direction are too slow for many.
            large = tangent.size > (_MANY if len(primals) > 2 else _VERY_MANY)
            labels = ",".join([*parts[:position], directions + parts[position], *parts[position + 1 :]])
            factors = [*primals[:position], tangent, *primals[position + 1 :]]
            change = combine(change, np.einsum(f"{labels}->{directions}{result}", *factors, optimize=optimize or large))
        refuse_long(value.dtype, "numpy.einsum")
        return finish(value, change, level)
