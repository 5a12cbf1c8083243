r"""Rules of numpy.linalg: inverse, determinant, linear systems, least squares, powers.

Formulas of Giles [1]_, for stacks of matrices, and of Golub and Pereyra [2]_ for the pseudoinverse; with the matrix
A, its tangent dA, adjoints \*:

========== ==========================================================================================
inv        dX = -X dA X
det        dy = y tr(inv(A) dA), by cofactors where y = 0
slogdet    d log|det A| = Re tr(inv(A) dA)
solve      A dX = dB - dA X
pinv       dP = -P dA P + P P* dA* (I - A P) + (I - P A) dA* P* P, as long as the rank does not change
lstsq      that times B, and P dB
========== ==========================================================================================

References
----------
.. [1] M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation",
   Advances in Automatic Differentiation, Springer (2008).
.. [2] G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
   variables separate", SIAM Journal on Numerical Analysis 10 (1973).
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.dual.products import align, finish, scale, whole
from numbafunc.dual.quiet import quiet
from numbafunc.rules.application import Tangent, combine
from numbafunc.rules.arguments import UNSET, as_array, into, separate
from numbafunc.rules.complex_values import adjoint, is_complex
from numbafunc.rules.register import define_on_value, rule_for


def identity_like(a: Operand) -> Any:
    """The identity matrix as large as the last axis of `a`, of its dtype."""
    return np.eye(a.shape[-1], dtype=a.dtype)


def _define_matrix_function(function: Callable[[Any], Any], tangent_of: Callable[[Any, Any, Any], Any]) -> None:
    """Register a function of a stack of matrices by ``tangent_of(a, y, da)``, ``y = function(a)``."""

    @rule_for(function)
    def rule(a: Dual) -> Any:
        value = whole(function(a.primal))
        with quiet():
            return finish(value, tangent_of(a.primal, value, a.tangent), a.level)


def trace_of_product(a: Operand, b: Operand) -> Any:
    """``tr(a b)`` of stacks of matrices."""
    return np.sum(np.swapaxes(a, -1, -2) * b, axis=(-2, -1))


def solve_all(a: Operand, right: Tangent) -> Tangent:
    """``inv(a) @ right`` for every direction: the directions are columns of one system, which is factorised once."""
    right = align(right, a.ndim)
    directions, columns = right.shape[0], right.shape[-1]
    if directions == 1:
        return np.linalg.solve(a, right)
    right = np.moveaxis(right, 0, -2)
    solution = np.linalg.solve(a, np.reshape(right, (*right.shape[:-2], directions * columns)))
    return np.moveaxis(np.reshape(solution, (*solution.shape[:-1], directions, columns)), -2, 0)


def singular_value_tangents(a: Operand, da: Tangent) -> Tangent:
    """The derivatives of all singular values, in descending order of the values."""
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return np.sum((np.conjugate(u) * (da @ adjoint(vh))).real, axis=-2)


# Determinants and inverses.


def _adjugate(a: Operand, det: Operand) -> Any:
    """``det(a) inv(a)``, the matrix of cofactors transposed; it exists for singular matrices too."""
    n = a.shape[-1]
    if np.all(value_of(det) != 0):
        return det[..., np.newaxis, np.newaxis] * np.linalg.inv(a)
    if n == 1:
        return np.ones_like(a)
    # Row i of others is all indices but i.
    others = np.array([[j for j in range(n) if j != i] for i in range(n)])
    minors = a[..., others[:, np.newaxis, :, np.newaxis], others[np.newaxis, :, np.newaxis, :]]
    signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    return np.swapaxes(np.linalg.det(minors) * signs.astype(a.dtype), -1, -2)


@rule_for(np.linalg.slogdet)
def _slogdet(a: Dual) -> Any:
    value = np.linalg.slogdet(a.primal)
    sign, logarithm = whole(value[0]), whole(value[1])
    primal, singular = a.primal, value_of(sign) == 0
    if np.any(singular):
        # The logarithm is minus infinity there, and has no derivative.
        primal = np.where(singular[..., np.newaxis, np.newaxis], np.eye(a.shape[-1], dtype=a.dtype), primal)
    with quiet():
        change = np.trace(solve_all(primal, a.tangent), axis1=-2, axis2=-1)
        if np.any(singular):
            unknown = np.where(singular[..., np.newaxis, np.newaxis], np.nan, np.zeros(a.shape)).astype(a.dtype)
            change = change + np.sum(scale(unknown, a.tangent), axis=(-2, -1))
        logarithm = finish(logarithm, change.real, a.level)
        if is_complex(a):
            sign = finish(sign, 1j * change.imag * sign, a.level)
    return type(value)(sign, logarithm)


_define_matrix_function(np.linalg.inv, lambda a, x, da: -(x @ da @ x))
_define_matrix_function(np.linalg.det, lambda a, y, da: trace_of_product(_adjugate(a, y), da))


# Linear systems.


@rule_for(np.linalg.solve)
def _solve(a: Operand, b: Operand) -> Any:
    level, (a, b), (da, db) = separate("numpy.linalg.solve", a, b)
    value = whole(np.linalg.solve(a, b))
    x = value
    if b.ndim == 1:
        # A vector of unknowns is a matrix of one column.
        x = x[..., np.newaxis]
        db = None if db is None else db[..., np.newaxis]
    with quiet():
        right = combine(None if db is None else align(db, x.ndim), None if da is None else -(align(da, x.ndim) @ x))
        dx = solve_all(a, right)
        return finish(value, dx[..., 0] if b.ndim == 1 else dx, level)


@rule_for(np.linalg.tensorsolve)
def _tensorsolve(a: Operand, b: Operand, axes: Any = None) -> Any:
    ndim, b_ndim = np.ndim(a), np.ndim(b)
    if axes is not None:
        order = list(range(ndim))
        for axis in axes:
            order.remove(axis)
            order.insert(ndim, axis)
        a = np.transpose(a, order)
    shape = np.shape(a)[-(ndim - b_ndim) :]
    size = math.prod(shape)
    if np.size(a) != size**2:
        raise np.linalg.LinAlgError(f"a has {np.size(a)} elements; solving for shape {shape} needs {size}**2")
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.ravel(b)), shape)


@rule_for(np.linalg.tensorinv)
def _tensorinv(a: Operand, ind: int = 2) -> Any:
    if ind <= 0:
        raise ValueError(f"ind is {ind}; it must be positive")
    inverse = np.linalg.inv(np.reshape(a, (math.prod(a.shape[ind:]), -1)))
    return np.reshape(inverse, a.shape[ind:] + a.shape[:ind])


# Least squares.


def _without_range(a: Operand, p: Operand, x: Operand) -> Any:
    """``(I - a p) x``."""
    return x - a @ (p @ x)


def _pinv_tangent(a: Operand, p: Operand, da: Tangent) -> Tangent:
    # P P* dA* (I - A P) is the adjoint of (I - A P) dA P P*; likewise the last term.
    outside = _without_range(a, p, da) @ (p @ adjoint(p))
    inside = adjoint(p) @ p
    beyond = inside @ (da - (da @ p) @ a)
    return -(p @ da @ p) + adjoint(outside) + adjoint(beyond)


@rule_for(np.linalg.pinv)
def _pinv(a: Operand, rcond: Any = None, hermitian: bool = False, *, rtol: Any = UNSET) -> Any:
    if hermitian:
        raise TypeError("numpy.linalg.pinv: hermitian=True is not supported for dual arrays; leave it out")
    options = {} if rtol is UNSET else {"rtol": value_of(rtol)}
    value = np.linalg.pinv(a.primal, value_of(rcond), **options)
    with quiet():
        return finish(value, _pinv_tangent(a.primal, value, a.tangent), a.level)


@rule_for(np.linalg.lstsq)
def _lstsq(a: Operand, b: Operand, rcond: Any = None) -> Any:
    level, (a, b), (da, db) = separate("numpy.linalg.lstsq", a, b)
    solution: tuple[Any, ...] = np.linalg.lstsq(a, b, rcond)
    value, residuals, rank, singular_values = solution
    with quiet():
        dtype = value.dtype
        a, b, x = a.astype(dtype), b.astype(dtype), value
        p = np.linalg.pinv(a, np.finfo(dtype).eps * max(a.shape) if rcond is None else rcond)
        if b.ndim == 1:
            b, x = b[:, np.newaxis], x[:, np.newaxis]
            db = None if db is None else db[:, :, np.newaxis]
        moved = db if da is None else combine(db, -(da @ x))
        dx = p @ moved
        if da is not None:
            rest = adjoint(da) @ (b - a @ x)
            change = adjoint(da) @ (adjoint(p) @ x)
            dx = dx + p @ (adjoint(p) @ rest) + (change - p @ (a @ change))
            singular_values = finish(singular_values, singular_value_tangents(a, da), level)
        if residuals.size:
            rest = b - a @ x
            residuals = finish(residuals, 2 * np.sum((np.conjugate(rest) * moved).real, axis=-2), level)
        return finish(value, dx[..., 0] if value.ndim == 1 else dx, level), residuals, rank, singular_values


# Products of several matrices.


@rule_for(np.linalg.matrix_power)
def _matrix_power(a: Operand, n: Any) -> Any:
    n = operator.index(n)
    if n == 0:
        return np.linalg.matrix_power(value_of(a), 0)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 3:
        return (a @ a) @ a
    # The product of the powers 2**k that n is the sum of.
    result = None
    while True:
        if n & 1:
            result = a if result is None else result @ a
        n >>= 1
        if n == 0:
            return result
        a = a @ a


@rule_for(np.linalg.multi_dot)
def _multi_dot(arrays: Any, *, out: Any = None) -> Any:
    if out is not None:
        return into(out, np.linalg.multi_dot(arrays), "linalg.multi_dot")
    matrices: list[Any] = list(map(as_array, arrays))
    if len(matrices) == 2:
        return np.dot(*matrices)
    first, last = matrices[0], matrices[-1]
    if first.ndim == 1:
        matrices[0] = first[np.newaxis, :]
    if last.ndim == 1:
        matrices[-1] = last[:, np.newaxis]
    if any(x.ndim != 2 for x in matrices):
        raise np.linalg.LinAlgError("numpy.linalg.multi_dot takes matrices, and vectors at both ends")
    sizes = [x.shape[0] for x in matrices] + [matrices[-1].shape[1]]

    @functools.cache
    def cheapest(i: int, j: int) -> tuple[float, int]:
        """Multiplications that the product of the matrices from i to j takes, and after which one to split it."""
        if i == j:
            return 0.0, i
        return min(
            (cheapest(i, k)[0] + cheapest(k + 1, j)[0] + float(sizes[i]) * sizes[k + 1] * sizes[j + 1], k)
            for k in range(i, j)
        )

    def product(i: int, j: int) -> Any:
        if i == j:
            return matrices[i]
        k = cheapest(i, j)[1]
        return np.dot(product(i, k), product(k + 1, j))

    result = product(0, len(matrices) - 1)
    if first.ndim == 1:
        result = result[0]
    return result[..., 0] if last.ndim == 1 else result


define_on_value(np.linalg.matrix_rank)
