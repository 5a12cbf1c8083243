"""Solution of triangular systems: a linear step with a transpose of its own, which takes time n² for each column.

With T the triangle of A that counts, ``T X = B`` has the tangent ``T dX = dB - dT X``; the transpose of the solution is
the solution with the transposed matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand
from numbafunc.dual.products import align, finish
from numbafunc.dual.quiet import quiet
from numbafunc.dual.recorder import Primitive, Recorder
from numbafunc.limits import broadcast_shapes
from numbafunc.rules.application import Tangent, combine
from numbafunc.rules.arguments import separate
from numbafunc.rules.complex_values import conjugate
from numbafunc.scipy.original import original


def triangle(a: Any, lower: bool, unit_diagonal: bool) -> Any:
    """The triangle of a matrix that a solver reads, without the diagonal if that counts as ones."""
    return np.tril(a, -1 if unit_diagonal else 0) if lower else np.triu(a, 1 if unit_diagonal else 0)


def substitute(a: Operand, b: Tangent, transposed: bool, lower: bool, unit_diagonal: bool = False) -> Any:
    """The solution of a triangular system with a stack of matrices as right side."""
    options = (transposed, lower, unit_diagonal)
    if type(b) is Recorder:
        shape = (*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])
        return SUBSTITUTED.record(shape, np.result_type(a.dtype, b.dtype), a, b, *options)
    if type(a) is not Dual and type(b) is not Dual:
        return _substitute_plain(a, b, *options)
    level, (a, b), (da, db) = separate("scipy.linalg.solve_triangular", a, b)
    x = substitute(a, b, *options)
    with quiet():
        change = None if db is None else align(db, x.ndim)
        if da is not None:
            dt = align(triangle(da, lower, unit_diagonal), x.ndim)
            change = combine(change, -((np.swapaxes(dt, -1, -2) if transposed else dt) @ x))
        return finish(x, substitute(a, change, *options), level)


SUBSTITUTED = Primitive(
    "solve_triangular",
    substitute,
    lambda cotangent, place, a, b, transposed, *options: substitute(a, cotangent, not transposed, *options),
)


def _substitute_plain(a: Any, b: Any, transposed: bool, lower: bool, unit_diagonal: bool) -> Any:
    solve = original("linalg").solve_triangular
    options = {"trans": int(transposed), "lower": lower, "unit_diagonal": unit_diagonal, "check_finite": False}
    if a.ndim == 2:
        if b.ndim == 2:
            return solve(a, b, **options)
        # The matrices of the right side are columns of one system.
        rows = np.moveaxis(b, -2, 0)
        return np.moveaxis(np.reshape(solve(a, rows.reshape(rows.shape[0], -1), **options), rows.shape), 0, -2)
    stack = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (np.broadcast_to(x, (*stack, *x.shape[-2:])) for x in (a, b))
    x = np.empty(b.shape, np.result_type(a, b))
    for place in np.ndindex(*stack):
        x[place] = solve(a[place], b[place], **options)
    return x


def transposition(name: str, trans: Any, a: Operand) -> tuple[Any, bool]:
    """The matrix and whether it is transposed, for the codes 0, 1 and 2 or N, T and C of LAPACK."""
    codes = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}
    if trans not in codes:
        raise ValueError(f"scipy.linalg.{name}: trans is {trans!r}; wanted: 0, 1, 2, 'N', 'T' or 'C'")
    code = codes[trans]
    return (conjugate(a) if code == 2 else a), code != 0
