"""Rules of complex values: their parts, and the slopes of functions that differ for complex values.

A tangent is the derivative along a real direction, so any function of the real and the imaginary part has one: with z
the value and dz its tangent, ``d conj(z) = conj(dz)`` and ``d |z| = Re(conj(z) dz) / |z|``. The rules of analytic
functions hold for complex values as they stand.

At z = 0, where they have no derivative, ``absolute`` has the slope +1 along the real axis, as for real values, and
``sign`` has slope zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.dual.guesses import of_length
from numbafunc.dual.products import divide, finish, scale, sloped, whole
from numbafunc.dual.quiet import quiet
from numbafunc.dual.storage import view
from numbafunc.rules.register import define_on_value, rule_for


def is_complex(x: Operand) -> bool:
    """Whether an array has a complex dtype."""
    return bool(x.dtype.kind == "c")


def conjugate(x: Operand) -> Any:
    """The complex conjugate; a real array as it is."""
    return np.conjugate(x) if is_complex(x) else x


def adjoint(x: Operand) -> Any:
    """The conjugate transpose of a stack of matrices."""
    return conjugate(np.swapaxes(x, -1, -2))


def real_product(x: Operand, y: Operand) -> Any:
    """``Re(conj(x) y)``: the product of two numbers as vectors in the plane, zero where `y` is zero."""
    if not is_complex(x):
        return sloped(x, y.real)
    return sloped(x.real, y.real) + sloped(x.imag, y.imag)


def absolute_tangent(x: Operand, dx: Operand) -> Any:
    """The tangent of ``abs(x)``."""
    if not is_complex(x):
        return np.where(value_of(x) >= 0, dx, -dx)
    radius = abs(x)
    at_zero = value_of(radius) == 0
    change = np.where(at_zero, dx.real, real_product(x / np.where(at_zero, 1, radius), dx))
    # What is real to this order has the derivatives of a real number.
    return of_length(change, at_zero, [(x.imag, dx.imag)]) if type(change) is Dual else change


def sign_of_complex(x: Dual) -> Any:
    """``sign(x)`` of complex numbers: ``x / abs(x)``."""
    value = np.sign(x.primal)
    with quiet():
        radius = abs(x.primal)
        # Only the part of dz across z turns it, by an angle in inverse proportion to abs(z).
        turn = divide((np.conjugate(value) * x.tangent).imag, np.where(value_of(radius) == 0, 1, radius))
        return finish(whole(value), scale(1j * value, turn), x.level)


def tanh_slope(x: Operand, y: Operand) -> Any:
    """The derivative of ``y = tanh(x)`` of complex numbers."""
    # 1 / cosh(x)**2, an even function, from the half plane in which exp(-x) does not overflow.
    decay = np.exp(-2 * np.where(value_of(x).real >= 0, x, -x))
    return 4 * decay / (1 + decay) ** 2


@rule_for(np.real)
def _real(val: Operand) -> Any:
    return view(val, lambda v, lead: v.real) if is_complex(val) else val


@rule_for(np.imag)
def _imag(val: Operand) -> Any:
    return view(val, lambda v, lead: v.imag) if is_complex(val) else np.zeros_like(value_of(val))


@rule_for(np.angle)
def _angle(z: Operand, deg: bool = False) -> Any:
    angle = np.arctan2(z.imag if is_complex(z) else 0, z.real)
    return angle * (180 / np.pi) if deg else angle


define_on_value(np.isreal, np.iscomplex, np.iscomplexobj, np.isrealobj)


@rule_for(np.real_if_close)
def _real_if_close(a: Operand, tol: float = 100) -> Any:
    return a.real if np.isrealobj(np.real_if_close(value_of(a), tol)) else a
