r"""Rules of vector and matrix norms.

``d|x|`` is the tangent of the absolute value, at 0 the one of :mod:`numbafunc.rules.complex_values`:

============ =================================================================
2, Frobenius ``sum(Re(conj(x) dx)) / norm``
1            ``sum(d|x|)``
p            ``sum((|x| / norm)**(p - 1) d|x|)``
inf, -inf    ``d|x|`` where ``|x|`` is largest, smallest; the first of several
0            0
matrix 1     the tangent of the norm 1 of the largest column; inf: row
matrix 2     that of the largest singular value; nuc: of the sum of all
============ =================================================================

At ``x = 0`` the derivative of the norms 2 and p > 1 is taken to be 0, the subgradient of least length. Higher ones
that do not follow from the derivatives kept are NaN, see :mod:`numbafunc.dual.guesses`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Operand, make, value_of
from numbafunc.dual.axes import axes_of
from numbafunc.dual.dtypes import is_finite
from numbafunc.dual.guesses import of_length
from numbafunc.dual.products import divide_by_length, finish, sloped, whole
from numbafunc.dual.quiet import begin_quiet, end_quiet, quiet
from numbafunc.rules.application import SAFE_LENGTHS, Tangent, with_axes, with_scale
from numbafunc.rules.arguments import from_end
from numbafunc.rules.complex_values import absolute_tangent, real_product
from numbafunc.rules.linalg import singular_value_tangents
from numbafunc.rules.register import rule_for

# Products of more elements are left to ufuncs: BLAS may share them out to threads.
_FEW = 10000

# Functions of tangents count their axes from the end, where the axis of directions does not shift them.


def _euclidean(x: Operand, norm: Operand, dx: Tangent, axis: Any) -> Tangent:
    return divide_by_length(np.add.reduce(real_product(x, dx), axis), norm)


def _pick(dx: Tangent, positions: Any, axis: int) -> Tangent:
    positions = np.expand_dims(positions, axis)
    return np.take_along_axis(dx, positions[np.newaxis], axis)


def _vector(x: Operand, norm: Operand, dx: Tangent, order: Any, axis: int) -> Tangent:
    """The tangent of a vector norm over one axis."""
    if order is None or order == 2:
        return _euclidean(x, norm, dx, axis)
    if order == 0:
        return np.zeros((dx.shape[0], *norm.shape), norm.dtype)
    moved = absolute_tangent(x, dx)
    if order == 1:
        return np.sum(moved, axis=axis)
    if order in (np.inf, -np.inf):
        size = abs(value_of(x))
        where = np.argmax(size, axis) if order > 0 else np.argmin(size, axis)
        return np.squeeze(_pick(moved, where, axis), axis)
    at_zero = value_of(norm) == 0
    share = abs(x) / np.where(np.expand_dims(at_zero, axis), 1, np.expand_dims(norm, axis))
    change = np.sum(sloped(share ** (order - 1), moved), axis=axis)
    return divide_by_length(change, np.where(at_zero, 0, 1).astype(change.dtype)) if np.any(at_zero) else change


def _matrix(x: Operand, norm: Operand, dx: Tangent, order: Any, rows: int, columns: int) -> Tangent:
    """The tangent of a matrix norm over two axes."""
    if order in (None, "fro", "f"):
        return _euclidean(x, norm, dx, (rows, columns))
    if order in (2, -2, "nuc"):
        matrices, moved = (np.moveaxis(v, (rows, columns), (-2, -1)) for v in (x, dx))
        changes = singular_value_tangents(matrices, moved)
        return np.sum(changes, axis=-1) if order == "nuc" else changes[..., 0 if order == 2 else -1]
    if order in (np.inf, -np.inf):
        rows, columns, order = columns, rows, 1 if order > 0 else -1
    # Sums over the rows; one of them is the norm.
    sums = np.sum(abs(value_of(x)), axis=rows, keepdims=True)
    where = np.argmax(sums, columns) if order > 0 else np.argmin(sums, columns)
    changes = np.sum(absolute_tangent(x, dx), axis=rows, keepdims=True)
    return np.squeeze(_pick(changes, where, columns), (rows, columns))


def _of_few(x: Operand, dx: Tangent) -> tuple[Any, Any] | None:
    """The euclidean norm of few real numbers and its tangent, the short way; None where that takes more care."""
    if type(x) is not np.ndarray or x.size > _FEW or x.dtype.char not in SAFE_LENGTHS:
        return None
    flat = x.ravel(order="K")
    norm = np.sqrt(flat.dot(flat))  # as NumPy's function does it
    smallest, largest = SAFE_LENGTHS[x.dtype.char]
    if not smallest < norm < largest:
        return None
    # Elements that are zero need no care where the sum is finite.
    token = begin_quiet()
    try:
        change = dx.dot(flat) if x.ndim == 1 else dx.reshape(-1, x.size).dot(x.ravel())
        return (np.asarray(norm), change / norm.item()) if is_finite(change) else None
    finally:
        end_quiet(token)


@rule_for(np.linalg.norm)
def _norm(x: Operand, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord is None and axis is None and type(x.tangent) is np.ndarray:
        short = _of_few(x.primal, x.tangent)
        if short is not None:
            value, change = short
            if keepdims:
                value, change = value.reshape((1,) * x.ndim), change.reshape((-1,) + (1,) * x.ndim)
            return make(value, change, x.level)
    value = whole(np.linalg.norm(x.primal, ord, axis, keepdims))
    if ord is None or (ord not in (0, 1, np.inf, -np.inf, 2, -2, "nuc") or np.ndim(x) == 1 or type(axis) is int):
        scaled = with_scale(x, value_of(value), axis, lambda x: np.linalg.norm(x, ord, axis, keepdims), keepdims)
        if scaled is not None:
            return scaled
    primal, tangent, ndim = x.primal, x.tangent, x.ndim
    with quiet():
        if axis is None and ord is None:
            axes = tuple(range(-ndim, 0))
            flat = np.reshape(value, ()) if keepdims else value
            change = _euclidean(primal, flat, tangent, axes) if ndim else absolute_tangent(primal, tangent)
            change = of_length(change, value_of(flat) == 0, [(primal, tangent)], axes)
        else:
            axes = from_end(axis, ndim)
            flat = np.reshape(value, [length for a, length in enumerate(x.shape) if a - ndim not in axes])
            if len(axes) == 1:
                change = _vector(primal, flat, tangent, ord, axes[0])
            else:
                change = _matrix(primal, flat, tangent, ord, *axes)
            if ord in (None, "fro", "f", "nuc") or (ord not in (0, 1) and abs(ord) != np.inf):
                change = of_length(change, value_of(flat) == 0, [(primal, tangent)], axes)
        return finish(value, change.reshape((change.shape[0], *value.shape)), x.level)


@rule_for(np.linalg.vector_norm)
def _vector_norm(x: Operand, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    axes = axes_of(axis, x.ndim)
    if axis is None:
        norm = np.linalg.norm(np.ravel(x), ord, 0)
    elif isinstance(axis, tuple):
        rest = [a for a in range(x.ndim) if a not in axes]
        moved = np.transpose(x, (*axes, *rest))
        norm = np.linalg.norm(np.reshape(moved, (-1, *moved.shape[len(axes) :])), ord, 0)
    else:
        norm = np.linalg.norm(x, ord, axes[0])
    return with_axes(norm, x, axis, keepdims)


@rule_for(np.linalg.matrix_norm)
def _matrix_norm(x: Operand, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


@rule_for(np.linalg.cond)
def _cond(x: Operand, p: Any = None) -> Any:
    value = whole(np.linalg.cond(x.primal, p))
    with quiet():
        if p in (None, 2, -2):
            s = np.linalg.svdvals(x)
            product: Any = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
        elif np.all(np.isfinite(value_of(value))):
            axes = (-2, -1)
            product = np.linalg.norm(x, p, axes) * np.linalg.norm(np.linalg.inv(x), p, axes)
        else:
            raise np.linalg.LinAlgError("numpy.linalg.cond has no derivative at a singular matrix")
        return finish(value, product.tangent, x.level)
