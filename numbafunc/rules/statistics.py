"""Rules of second moments of several variables: covariances and correlations, made of functions that have rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.rules.complex_values import conjugate, is_complex
from numbafunc.rules.linear import given, rule_for

_UNSET: Any = np._NoValue


def _in_rows(x: Operand, dtype: Any, turn: bool) -> Any:
    """The samples as a matrix with a row for each variable."""
    x = x if type(x) is Dual else np.asarray(x)
    rows = np.atleast_2d(x.astype(dtype))
    return rows.T if turn else rows


@rule_for(np.cov)
def _cov(
    m: Operand, y: Operand = None, rowvar: Any = True, bias: Any = False, ddof: Any = None, fweights: Any = None,
    aweights: Operand = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    values = (value_of(x) for x in (m, y, rowvar, bias, ddof, fweights, aweights))
    if np.cov(*values, dtype=dtype).size == 0:  # errors, and a warning of too few samples
        return np.zeros((0, 0))
    if dtype is None:
        dtype = np.result_type(np.float64, *(value_of(x) for x in (m, y) if x is not None))
    rows = _in_rows(m, dtype, not rowvar and np.ndim(m) > 1)
    if y is not None:
        rows = np.concatenate([rows, _in_rows(y, dtype, not rowvar and np.atleast_2d(y).shape[0] != 1)])
    if ddof is None:
        ddof = 0 if bias else 1
    weights = fweights = None if fweights is None else np.asarray(fweights, float)
    if aweights is not None:
        aweights = (aweights if type(aweights) is Dual else np.asarray(aweights)).astype(float)
        weights = aweights if fweights is None else aweights * fweights
    mean, total = np.average(rows, 1, weights, returned=True)
    total = total[0]
    if weights is None:
        count = rows.shape[1] - ddof
    elif ddof == 0:
        count = total
    elif aweights is None:
        count = total - ddof
    else:
        count = total - ddof * np.sum(weights * aweights) / total
    if value_of(count) <= 0:
        count = 0.0
    deviation = (rows - mean[:, np.newaxis]).astype(dtype)
    weighted = deviation if weights is None else deviation * weights
    products: Any = np.dot(deviation, conjugate(weighted.T))
    return np.squeeze((products * np.true_divide(1, count)).astype(products.dtype))


@rule_for(np.corrcoef)
def _corrcoef(
    x: Operand, y: Operand = None, rowvar: Any = True, bias: Any = _UNSET, ddof: Any = _UNSET, *, dtype: Any = None
) -> Any:
    # Up to NumPy 2.3 there are a bias and a ddof, which do nothing but warn.
    np.corrcoef(value_of(x), value_of(y), rowvar, **given(bias=bias, ddof=ddof), dtype=dtype)
    c: Any = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.diag(c).real)
    c = (c / deviation[:, np.newaxis] / deviation).astype(c.dtype)
    # What rounding put beyond 1.
    return np.clip(c.real, -1, 1) + 1j * np.clip(c.imag, -1, 1) if is_complex(c) else np.clip(c, -1, 1)
