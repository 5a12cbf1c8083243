r"""Derivatives of Legendre's elliptic integrals by the parameter m.

With :math:`\Delta^2 = 1 - m \sin^2 \theta` and integrals over :math:`\theta` from 0 to :math:`\varphi`,

.. math:: F_m = \tfrac12 \int \sin^2 \theta \, \Delta^{-3} = \frac{\sin^3 \varphi}{6} R_D(\cos^2 \varphi, 1, \Delta^2),
    \qquad E_m = -\tfrac12 \int \sin^2 \theta \, \Delta^{-1}
    = -\frac{\sin^3 \varphi}{6} R_D(\cos^2 \varphi, \Delta^2, 1)

by Carlson's integral, DLMF 19.25. Their derivatives by m follow from the differential equations, DLMF 19.4.8 and
19.4.4, and where these would subtract nearly equal numbers, from the integrals by quadrature. The complete integrals
are power series around m = 0, DLMF 19.5.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.rules.binary_ufuncs import Helper
from numbafunc.rules.scipy_module import polynomial, special, wide
from numbafunc.rules.ufuncs import unary

_NEAR = 0.3
"""Up to which m the series of complete integrals are summed."""


def _series(a: float, b: float, factor: float) -> list[float]:
    """Coefficients of ``factor * hyp2f1(a, b, 2, m)``, highest power first."""
    coefficients = [factor]
    for n in range(40):
        coefficients.append(coefficients[-1] * (a + n) * (b + n) / ((2 + n) * (1 + n)))
    return coefficients[::-1]


def _differentiated(series: list[float]) -> list[float]:
    return [power * coefficient for power, coefficient in zip(range(len(series) - 1, 0, -1), series)]


_SLOPE_OF_K = _series(1.5, 1.5, math.pi / 8)
_SLOPE_OF_E = _series(0.5, 1.5, -math.pi / 8)


def _near_or_far(m: Operand, series: list[float]) -> tuple[Any, Any, Any]:
    """Whether the series is taken, its sum, and m where it is not."""
    near = abs(value_of(m)) < _NEAR
    return near, polynomial(series, np.where(near, m, 0)), np.where(near, 1, m)


def slope_of_k(m: Operand, k: Operand) -> Any:
    """The derivative of ``k = ellipk(m)``."""
    near, series, far = _near_or_far(m, _SLOPE_OF_K)
    return np.where(near, series, (special.ellipe(m) / (1 - m) - k) / (2 * far))


def slope_of_e(m: Operand, e: Operand) -> Any:
    """The derivative of ``e = ellipe(m)``."""
    near, series, far = _near_or_far(m, _SLOPE_OF_E)
    return np.where(near, series, (e - special.ellipk(m)) / (2 * far))


def _slope_of_k_at(m: Any) -> Any:
    return slope_of_k(m, special.ellipk(m))


def _slope_of_e_at(m: Any) -> Any:
    return slope_of_e(m, special.ellipe(m))


def _second_of_k(m: Operand) -> Any:
    near, series, far = _near_or_far(m, _differentiated(_SLOPE_OF_K))
    slope = _slope_of_k_at(m)
    return np.where(near, series, (special.ellipk(m) / 4 - (1 - 2 * m) * slope) / (far * (1 - m)))


def _second_of_e(m: Operand) -> Any:
    near, series, far = _near_or_far(m, _differentiated(_SLOPE_OF_E))
    return np.where(near, series, -(_slope_of_e_at(m) + _slope_of_k_at(m)) / (2 * far))


# ellipkm1(p) is the integral at m = 1 - p, exact for small p. E there needs no more digits, but its derivative does.


def _complement_of_e(p: Operand) -> Any:
    """``ellipe(1 - p)`` as a function of p."""
    return _rule_of_complement(p) if type(p) is Dual else special.ellipe(1 - p)


def _slope_by_complement(p: Operand, e: Operand) -> Any:
    near, series, far = _near_or_far(1 - p, _SLOPE_OF_E)
    return np.where(near, -series, (special.ellipkm1(p) - e) / (2 * far))


_rule_of_complement = unary(_complement_of_e, _slope_by_complement)


def slope_of_km1(p: Operand, k: Operand) -> Any:
    """The derivative of ``k = ellipkm1(p)``."""
    near, series, far = _near_or_far(1 - p, _SLOPE_OF_K)
    return np.where(near, -series, (k - _complement_of_e(p) / p) / (2 * far))


# Incomplete integrals. They are those of the angle reduced to half a turn, and a multiple of the complete ones.


def _reduced(phi: Operand) -> tuple[Any, Any]:
    """The number of half turns, and the angle that remains."""
    turns = np.rint(value_of(phi) / math.pi)
    return turns, phi - turns * math.pi


def delta(phi: Operand, m: Operand) -> Any:
    """``sqrt(1 - m sin(phi)**2)``, at m = 1 without a difference of nearly equal numbers, nor in slopes at m = 0."""
    square = np.square(np.sin(phi))
    return np.sqrt(np.where(abs(value_of(m)) < 0.5, 1 - m * square, np.square(np.cos(phi)) + (1 - m) * square))


def _with_turns(turns: Any, incomplete: Operand, complete: Operand) -> Any:
    return incomplete + np.where(turns == 0, 0, 2 * turns * complete)


def _slope_of_f(phi: Any, m: Any) -> Any:
    turns, rest = _reduced(phi)
    carlson = special.elliprd(np.square(np.cos(rest)), 1, np.square(delta(rest, m)))
    return _with_turns(turns, np.sin(rest) ** 3 / 6 * carlson, _slope_of_k_at(m))


def _slope_of_incomplete_e(phi: Any, m: Any) -> Any:
    turns, rest = _reduced(phi)
    carlson = special.elliprd(np.square(np.cos(rest)), np.square(delta(rest, m)), 1)
    return _with_turns(turns, -(np.sin(rest) ** 3) / 6 * carlson, _slope_of_e_at(m))


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)


def _integral(phi: Operand, m: Operand, power: int, factor: float) -> Any:
    """``factor`` times the integral of ``sin(theta)**4 * delta**power``."""
    theta = phi[..., np.newaxis] * ((_NODES + 1) / 2)
    m = m[..., np.newaxis]
    return factor * phi * np.sum(_WEIGHTS / 2 * np.sin(theta) ** 4 * delta(theta, m) ** power, -1)


def _by_quadrature(phi: Operand, m: Operand) -> tuple[Any, Any, Any, Any]:
    """Where quadrature takes the place of a differential equation, the turns there, and the operands."""
    turns, rest = _reduced(phi)
    near = abs(value_of(m)) * np.square(np.sin(value_of(rest))) < 0.5
    return near, turns, np.where(near, rest, 0), np.where(near, m, 0)


def _second_of_f(phi: Operand, m: Operand, slope: Operand) -> Any:
    phi, m = wide(phi), wide(m)
    near, turns, rest, inside = _by_quadrature(phi, m)
    integral = _with_turns(turns, _integral(rest, inside, -5, 0.75), _second_of_k(np.where(turns == 0, 0, m)))
    far = np.where(near, 0.5, m)
    edge = np.sin(phi) * np.cos(phi) / (4 * delta(phi, m) ** 3)
    equation = (special.ellipkinc(phi, m) / 4 - (1 - 2 * m) * slope - edge) / (far * (1 - far))
    return np.where(near, integral, equation)


def _second_of_incomplete_e(phi: Operand, m: Operand, slope: Operand) -> Any:
    phi, m = wide(phi), wide(m)
    near, turns, rest, inside = _by_quadrature(phi, m)
    integral = _with_turns(turns, _integral(rest, inside, -3, -0.25), _second_of_e(np.where(turns == 0, 0, m)))
    return np.where(near, integral, -(slope + slope_of_f(phi, m)) / (2 * np.where(near, 1, m)))


slope_of_f = Helper(
    "derivative of ellipkinc by m",
    _slope_of_f,
    lambda phi, m, slope: np.square(np.sin(phi)) / (2 * delta(phi, m) ** 3),
    _second_of_f,
)
slope_of_incomplete_e = Helper(
    "derivative of ellipeinc by m",
    _slope_of_incomplete_e,
    lambda phi, m, slope: -np.square(np.sin(phi)) / (2 * delta(phi, m)),
    _second_of_incomplete_e,
)
