r"""Functions of ``numpy.polynomial`` on dual arrays: series of polynomials by their coefficients, lowest degree first.

NumPy wrote these in Python, and they convert coefficients to arrays before a dual array could speak up, so no rule can
be registered for them. The functions here take the same arguments; :data:`REPLACEMENTS` says which stands for which.

All bases follow a recurrence :math:`p_{n+1} = (A_n x + B_n) p_n - C_n p_{n-1}`, and a series is summed by Clenshaw's
method, downwards: :math:`b_n = c_n + (A_n x + B_n) b_{n+1} - C_{n+1} b_{n+2}`, whose :math:`b_0` is the sum.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre, polynomial

from numbafunc.dual.array import Operand, value_of
from numbafunc.rules.arguments import as_array

Recurrence: TypeAlias = Callable[[int], tuple[float, float, float]]
"""The factors A, B and C of a degree."""


def _powers(n: int) -> tuple[float, float, float]:
    return 1, 0, 0


def _chebyshev(n: int) -> tuple[float, float, float]:
    return (2 if n else 1), 0, 1


def _legendre(n: int) -> tuple[float, float, float]:
    return (2 * n + 1) / (n + 1), 0, n / (n + 1)


def _hermite(n: int) -> tuple[float, float, float]:
    return 2, 0, 2 * n


def _hermite_e(n: int) -> tuple[float, float, float]:
    return 1, 0, n


def _laguerre(n: int) -> tuple[float, float, float]:
    return -1 / (n + 1), (2 * n + 1) / (n + 1), n / (n + 1)


def _coefficients(c: Operand) -> Any:
    c = np.atleast_1d(as_array(c))
    return c + 0.0 if c.dtype.kind in "biu" else c


# Evaluation.


def _evaluate(recurrence: Recurrence, x: Operand, c: Operand, tensor: bool = True) -> Any:
    """The sum of a series at points; with `tensor` each column of coefficients is evaluated at all points."""
    x, c = as_array(x), _coefficients(c)
    if tensor:
        c = np.reshape(c, c.shape + (1,) * x.ndim)
    last = beyond = None
    for n in range(len(c) - 1, -1, -1):
        total = c[n]
        if last is not None:
            a, b, _ = recurrence(n)
            factor = a * x if a != 1 else x
            total = total + (factor + b if b else factor) * last
        if beyond is not None:
            _, _, past = recurrence(n + 1)
            total = total - past * beyond if past else total
        last, beyond = total, last
    return last + 0 * x if len(c) == 1 else last


def _evaluate_in_turn(recurrence: Recurrence, *arguments: Operand) -> Any:
    """The sum of a series in several variables, the coefficients last."""
    *points, c = arguments
    points = [as_array(x) for x in points]
    if any(x.shape != points[0].shape for x in points):
        raise ValueError(f"the points have shapes {', '.join(str(x.shape) for x in points)}; wanted: one shape")
    for place, x in enumerate(points):
        c = _evaluate(recurrence, x, c, tensor=place == 0)
    return c


def _evaluate_on_grid(recurrence: Recurrence, *arguments: Operand) -> Any:
    """The sum of a series in several variables at all points of a grid, the coefficients last."""
    *points, c = arguments
    for x in points:
        c = _evaluate(recurrence, x, c)
    return c


# Arithmetic of power series.


def _trimmed(c: Any) -> Any:
    """The coefficients without zeros at the end, of which one is left."""
    nonzero = np.flatnonzero(value_of(c))
    return c[: nonzero[-1] + 1] if nonzero.size else c[:1]


def polyadd(c1: Operand, c2: Operand) -> Any:
    """The sum of two series."""
    c1, c2 = _trimmed(_coefficients(c1)), _trimmed(_coefficients(c2))
    length = max(len(c1), len(c2))
    return _trimmed(np.pad(c1, (0, length - len(c1))) + np.pad(c2, (0, length - len(c2))))


def polysub(c1: Operand, c2: Operand) -> Any:
    """The difference of two series."""
    return polyadd(c1, -_coefficients(c2))


def polymul(c1: Operand, c2: Operand) -> Any:
    """The product of two power series."""
    return _trimmed(np.convolve(_trimmed(_coefficients(c1)), _trimmed(_coefficients(c2))))


def polyfromroots(roots: Operand) -> Any:
    """The polynomial with these roots, and 1 as its leading coefficient."""
    roots = _coefficients(roots)
    if roots.shape == (0,):
        return np.ones(1)
    # Products of halves, of roots in order, as NumPy forms them.
    roots = roots[np.argsort(value_of(roots))]
    factors = [np.stack([-root, np.ones((), roots.dtype)]) for root in roots]
    while len(factors) > 1:
        half, odd = divmod(len(factors), 2)
        products = [np.convolve(factors[i], factors[i + half]) for i in range(half)]
        if odd:
            products[0] = np.convolve(products[0], factors[-1])
        factors = products
    return factors[0]


def polyvander(x: Operand, deg: Any) -> Any:
    """The powers of points from 0 to a degree, along a new last axis."""
    deg = operator.index(deg)
    if deg < 0:
        raise ValueError(f"deg is {deg}; wanted: 0 or more")
    x = _coefficients(x)
    powers = [np.ones_like(x)]
    for _ in range(deg):
        powers.append(powers[-1] * x)
    return np.stack(powers, -1)


def _along_first(c: Operand, axis: Any) -> tuple[Any, int]:
    c = _coefficients(c)
    axis = normalize_axis_index(operator.index(axis), c.ndim)
    return np.moveaxis(c, axis, 0), axis


def _column(numbers: Any, c: Any) -> Any:
    return np.reshape(numbers, (-1,) + (1,) * (c.ndim - 1)).astype(c.dtype)


def polyder(c: Operand, m: Any = 1, scl: Operand = 1, axis: Any = 0) -> Any:
    """The coefficients of the derivative of order `m`, times ``scl`` each time."""
    m = operator.index(m)
    if m < 0:
        raise ValueError(f"m is {m}; wanted: 0 or more")
    c, axis = _along_first(c, axis)
    if m >= len(c):
        return np.moveaxis(c[:1] * 0, 0, axis)
    for _ in range(m):
        c = c[1:] * scl * _column(np.arange(1, len(c)), c)
    return np.moveaxis(c, 0, axis)


def polyint(c: Operand, m: Any = 1, k: Any = (), lbnd: Operand = 0, scl: Operand = 1, axis: Any = 0) -> Any:
    """The coefficients of the integral of order `m` from ``lbnd``, plus constants ``k``, times ``scl`` each time."""
    m = operator.index(m)
    constants = list(k) if np.ndim(k) else [k]
    if m < 0 or len(constants) > m:
        raise ValueError(f"m is {m} and k has {len(constants)} constants; wanted: 0 or more, and at most m constants")
    c, axis = _along_first(c, axis)
    for i in range(m):
        c = c * scl
        if not (len(c) == 1 and np.all(c[0] == 0)):
            raised = c / _column(np.arange(1, len(c) + 1), c)
            c = np.concatenate([c[:1] * 0, raised])
            c = np.concatenate([c[:1] - _evaluate(_powers, lbnd, c), c[1:]])
        if i < len(constants):
            c = np.concatenate([c[:1] + constants[i], c[1:]])
    return np.moveaxis(c, 0, axis)


# Which function stands for which.

REPLACEMENTS: dict[Callable[..., Any], Callable[..., Any]] = {
    polynomial.polyadd: polyadd,
    polynomial.polysub: polysub,
    polynomial.polymul: polymul,
    polynomial.polyfromroots: polyfromroots,
    polynomial.polyvander: polyvander,
    polynomial.polyder: polyder,
    polynomial.polyint: polyint,
}
"""The function for dual arrays that stands for each of NumPy's."""

for _module, _stem, _recurrence in (
    (polynomial, "poly", _powers),
    (chebyshev, "cheb", _chebyshev),
    (legendre, "leg", _legendre),
    (hermite, "herm", _hermite),
    (hermite_e, "herme", _hermite_e),
    (laguerre, "lag", _laguerre),
):
    REPLACEMENTS[getattr(_module, f"{_stem}val")] = functools.partial(_evaluate, _recurrence)
    for _count in ("2d", "3d"):
        REPLACEMENTS[getattr(_module, f"{_stem}val{_count}")] = functools.partial(_evaluate_in_turn, _recurrence)
        REPLACEMENTS[getattr(_module, f"{_stem}grid{_count}")] = functools.partial(_evaluate_on_grid, _recurrence)
    # Sums don't depend on the basis.
    REPLACEMENTS[getattr(_module, f"{_stem}add")] = polyadd
    REPLACEMENTS[getattr(_module, f"{_stem}sub")] = polysub
