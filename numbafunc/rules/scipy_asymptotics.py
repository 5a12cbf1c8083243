"""Slopes of functions of SciPy that are small differences of large numbers where the argument is large.

There their asymptotic series are differentiated: DLMF 10.40 for exponentially scaled Bessel functions, 7.12 for
Dawson's integral, 5.11 for the digamma function. These hold where SciPy's functions of the neighbouring orders, which
give the slopes elsewhere, are NaN, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.dual.array import Operand, value_of
from numbafunc.rules.scipy_module import special

_FAR = 30.0
_TERMS = 26


def _scaled_bessel_slope(n: Any, x: Operand, step: float, factor: float, near: Callable[[Any, Any], Any]) -> Any:
    """The slope of ``factor * sum(a_k(n) * (step / x)**k) / sqrt(x)`` where x is large, else ``near(n, x)``."""
    n = value_of(n)
    with np.errstate(all="ignore"):
        far = (value_of(x) > np.maximum(_FAR, n * n)) & (x.dtype.kind != "c")
    inverse = 1 / np.where(far, x, 1)
    series: Any = 0.5 + _TERMS
    for k in range(_TERMS, 0, -1):
        # The series of (k + 1/2) a_k by Horner's rule, with a_k / a_(k - 1) in each step.
        ratio = step * (4 * n * n - (2 * k - 1) ** 2) / (8 * k)
        series = (k - 0.5) + ratio * inverse * series
    slope = -factor * series * inverse * np.sqrt(inverse)
    return np.where(far, slope, near(n, np.where(far, 1, x)))


def _ive_near(n: Any, x: Operand) -> Any:
    if type(n) is float and n == 0:
        return special.i1e(x) - np.sign(value_of(x)) * special.i0e(x)
    below, above = special.ive(n - 1, x), special.ive(n + 1, x)
    return (below + above) / 2 - np.sign(value_of(x)) * special.ive(n, x)


def _kve_near(n: Any, x: Operand) -> Any:
    return special.kve(n, x) - (special.kve(n - 1, x) + special.kve(n + 1, x)) / 2


def ive_slope(n: Any, x: Operand) -> Any:
    """The derivative of ``ive(n, x)`` by x."""
    return _scaled_bessel_slope(n, x, -1.0, 1 / math.sqrt(2 * math.pi), _ive_near)


def kve_slope(n: Any, x: Operand) -> Any:
    """The derivative of ``kve(n, x)`` by x."""
    return _scaled_bessel_slope(n, x, 1.0, math.sqrt(math.pi / 2), _kve_near)


def i0e_slope(x: Operand) -> Any:
    """The derivative of ``i0e(x)``, an odd function."""
    return np.sign(value_of(x)) * ive_slope(0.0, np.abs(x))


def i1e_slope(x: Operand) -> Any:
    """The derivative of ``i1e(x)``, an even function."""
    return ive_slope(1.0, np.abs(x))


def far_from(x: Operand) -> float:
    """From where on 18 terms of a series in ``k / x**2`` have all digits of the dtype, and those of two derivatives."""
    return 5.5 if x.dtype == np.float32 else 8.5


def dawsn_slope(x: Operand, y: Operand) -> Any:
    """The derivative of ``y = dawsn(x)``."""
    with np.errstate(all="ignore"):
        far = (abs(value_of(x)) > far_from(x)) & (x.dtype.kind != "c")
    inverse = 1 / np.where(far, x, 1)
    square = inverse * inverse
    series: Any = 1.0
    for k in range(18, 0, -1):
        series = 1 + (k + 0.5) * square * series
    return np.where(far, -0.5 * square * series, 1 - 2 * x * y)


def wofz_slope(z: Operand, y: Operand) -> Any:
    """The derivative of the Faddeeva function ``y = wofz(z)``."""
    plain = value_of(z)
    with np.errstate(all="ignore"):
        far = abs(plain) > 12
    inverse = 1 / np.where(far, z, 1)
    square = inverse * inverse
    series: Any = 1.0
    for k in range(18, 0, -1):
        series = 1 + (k + 0.5) * square * series
    # Below the real axis the function has the part 2 exp(-z**2) too; on the axis half of that is its real part.
    share = np.where(plain.imag < 0, 2, np.where(plain.imag == 0, 1, 0))
    below = np.where(share > 0, z, 0)
    asymptotic = (-1j / math.sqrt(math.pi)) * square * series - 2 * share * below * np.exp(-below * below)
    return np.where(far, asymptotic, 2j / math.sqrt(math.pi) - 2 * z * y)


_PSI_FAR = 16.0
_PSI_SERIES = (-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132, 691 / 32760, -1 / 12)
"""Coefficients of ``x**(-2 * k)`` of the digamma function."""


def psi_increase(x: Operand, step: Operand) -> Any:
    """``psi(x + step) - psi(x)``, with the digits that the difference would lose where ``x`` is large."""
    with np.errstate(all="ignore"):
        far = (np.real(value_of(x)) > _PSI_FAR) & (np.real(value_of(step)) > -0.5 * np.real(value_of(x)))
    low, change = np.where(far, x, 1), np.where(far, step, 0)
    high = low + change
    logarithm = np.log1p(change / low)
    increase: Any = logarithm + change / low / high / 2
    power: Any = 1.0
    for k, coefficient in enumerate(_PSI_SERIES, 1):
        power = power / low / low
        increase = increase + coefficient * power * np.expm1(-2 * k * logarithm)
    return np.where(far, increase, special.psi(np.where(far, 1, x + step)) - special.psi(np.where(far, 1, x)))
