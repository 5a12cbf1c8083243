"""Rules of matrix products.

A product of two operands has one term for each that moves. The directions of a tangent are laid beside an axis that
is not contracted, so that a term is one matrix product, not one for each direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import UFUNC_RULES, Dual, Operand, ndim_of
from numbafunc.dual.products import align
from numbafunc.dual.storage import componentwise
from numbafunc.rules.complex_values import conjugate
from numbafunc.rules.linear import refuse, rule_for
from numbafunc.rules.ufuncs import Tangent, combine, define_binary

_WIDE = 32
"""Columns from which one product for each direction is as fast as one of them all, and leaves rows contiguous."""


def _matmul(x: Operand, y: Operand, z: Operand, dx: Tangent, dy: Tangent) -> Tangent:
    return combine(
        None if dx is None else _moving_left(_without_padding(dx, x.ndim), y, x.ndim),
        None if dy is None else _moving_right(x, _without_padding(dy, y.ndim), y.ndim),
    )


def _without_padding(tangent: Tangent, ndim: int) -> Tangent:
    """Undo the alignment that elementwise functions need."""
    extra = tangent.ndim - 1 - ndim
    return tangent.reshape((tangent.shape[0], *tangent.shape[1 + extra :])) if extra else tangent


def _moving_left(dx: Tangent, y: Operand, x_ndim: int) -> Tangent:
    if y.ndim == 1:
        return np.matmul(dx, y)
    if y.ndim == 2:
        *rows, inner = dx.shape
        product = np.matmul(dx.reshape((_size(rows), inner)), y)
        return product.reshape((*rows, y.shape[1]))
    if x_ndim == 1:
        # A vector has no row axis to stand beside the directions.
        return np.matmul(align(dx[:, np.newaxis, :], y.ndim), y)[..., 0, :]
    return np.matmul(align(dx, y.ndim), y)


def _moving_right(x: Operand, dy: Tangent, y_ndim: int) -> Tangent:
    if y_ndim == 1 and x.ndim == 1:
        return np.matmul(dy, x)
    if y_ndim == 1:
        # x @ dy[d] for all d: the directions become columns, and lead again at the end.
        return np.moveaxis(np.matmul(x, dy.T), -1, 0)
    if x.ndim == 2 and y_ndim == 2 and dy.shape[2] < _WIDE:
        directions, inner, columns = dy.shape
        product = np.matmul(x, dy.transpose(1, 0, 2).reshape((inner, directions * columns)))
        return product.reshape((x.shape[0], directions, columns)).transpose(1, 0, 2)
    return np.matmul(x, align(dy, x.ndim))


def _size(shape: list[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


define_binary(np.matmul, _matmul)


@rule_for(np.dot)
def _dot(a: Operand, b: Operand, out: Any = None) -> Any:
    refuse("dot", out=out)
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
    refuse("outer", out=out)
    a, b = (x if type(x) is Dual else np.asarray(x) for x in (a, b))
    column, row = (a.size, 1), (1, b.size)
    return UFUNC_RULES[np.multiply](
        componentwise(a, lambda v, lead: v.reshape((*v.shape[:lead], *column))),
        componentwise(b, lambda v, lead: v.reshape((*v.shape[:lead], *row))),
    )


@rule_for(np.vdot)
def _vdot(a: Operand, b: Operand, /) -> Any:
    return np.matmul(conjugate(np.ravel(a)), np.ravel(b))
