"""Partial derivatives of the distribution functions in ``scipy.special``, by densities and by shape parameters.

They are incomplete gamma and beta functions of other arguments, DLMF 8.4, 8.17 and 8.23.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numbafunc.dual.array import Operand, value_of
from numbafunc.rules.scipy_module import special
from numbafunc.rules.scipy_shapes import betainc_by_first, betainc_by_second


def gamma_density(a: Operand, x: Operand) -> Any:
    """The density of the gamma distribution of scale 1."""
    return np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))


def beta_density(a: Operand, b: Operand, x: Operand) -> Any:
    """The density of the beta distribution."""
    return np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


def t_density(n: Operand, t: Operand) -> Any:
    """The density of Student's distribution."""
    logarithm = special.gammaln((n + 1) / 2) - special.gammaln(n / 2) - (n + 1) / 2 * np.log1p(t * t / n)
    return np.exp(logarithm) / np.sqrt(math.pi * n)


def stdtr_by_degrees(n: Operand, t: Operand) -> Any:
    """The derivative of ``stdtr(n, t)`` by the degrees of freedom."""
    # On the left it is half of the share below x = n / (n + t**2) of a beta distribution. Of x and 1 - x the smaller
    # one is exact.
    square = t * t
    x, y = n / (n + square), square / (n + square)
    near = value_of(square) < value_of(n)
    half = np.full_like(value_of(x), 0.5)
    share = np.where(
        near,
        -betainc_by_second(half, n / 2, np.where(near, y, 0)),
        betainc_by_first(n / 2, half, np.where(near, 0, x)),
    )
    # The density by x times the derivative of x by n, without the powers of t that cancel.
    moved = t_density(n, t) * t / n
    return -np.sign(value_of(t)) * share / 4 - moved / 2


def fdtr_partials() -> tuple[Any, Any, Any]:
    """The partial derivatives of ``fdtr(n, d, x)``, the share below ``n x / (d + n x)`` of a beta distribution."""

    def share(n: Operand, d: Operand, x: Operand) -> tuple[Any, Any, Any]:
        return n / 2, d / 2, n * x / (d + n * x)

    def density(n: Operand, d: Operand, x: Operand) -> Any:
        return beta_density(*share(n, d, x)) / np.square(d + n * x)

    return (
        lambda n, d, x, y: betainc_by_first(*share(n, d, x)) / 2 + density(n, d, x) * d * x,
        lambda n, d, x, y: betainc_by_second(*share(n, d, x)) / 2 - density(n, d, x) * n * x,
        lambda n, d, x, y: density(n, d, x) * n * d,
    )
