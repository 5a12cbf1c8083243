"""Rules of convolution and of polynomials given by their coefficients."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.dual.products import divide, finish
from numbafunc.dual.quiet import quiet
from numbafunc.rules.application import combine
from numbafunc.rules.arguments import as_array, separate
from numbafunc.rules.complex_values import conjugate
from numbafunc.rules.register import rule_for

# Convolution. The directions of a tangent, each followed by zeros for the overhang of the other operand, are joined to
# one long signal, so that one convolution serves them all.


def _convolve_all(tangents: Any, other: Any) -> Any:
    """The full convolutions of all rows with one signal."""
    rows, length = tangents.shape
    full = length + other.shape[0] - 1
    padding = np.zeros((rows, other.shape[0] - 1), tangents.dtype)
    signal = np.reshape(np.concatenate([tangents, padding], 1), rows * full)
    return np.reshape(np.convolve(signal, other)[: rows * full], (rows, full))


def _full_convolution_tangent(a: Any, v: Any, da: Any, dv: Any) -> Any:
    return combine(
        None if da is None else _convolve_all(da, v),
        None if dv is None else _convolve_all(dv, a),
    )


def _kept(mode: str, longer: int, shorter: int, start_of_same: int) -> slice:
    """The part of the full convolution that a mode keeps."""
    # NumPy has accepted the mode for the value, so it is one of three, which the first letter tells apart.
    if mode[0] in "fF":
        return slice(None)
    if mode[0] in "vV":
        return slice(shorter - 1, longer)
    return slice(start_of_same, start_of_same + longer)


@rule_for(np.convolve)
def _convolve(a: Operand, v: Operand, mode: Any = "full") -> Any:
    level, (a, v), (da, dv) = separate("numpy.convolve", a, v)
    value = np.convolve(a, v, mode)
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    with quiet():
        da, dv = (None if d is None else np.reshape(d, (d.shape[0], -1)) for d in (da, dv))
        shorter, longer = sorted((a.shape[0], v.shape[0]))
        full = _full_convolution_tangent(a, v, da, dv)
        return finish(value, full[:, _kept(mode, longer, shorter, (shorter - 1) // 2)], level)


@rule_for(np.correlate)
def _correlate(a: Operand, v: Operand, mode: Any = "valid") -> Any:
    level, (a, v), (da, dv) = separate("numpy.correlate", a, v)
    value = np.correlate(a, v, mode)
    with quiet():
        # A correlation is the convolution with the second signal conjugated and turned round.
        turned = conjugate(v)[::-1]
        dv = None if dv is None else conjugate(dv)[:, ::-1]
        shorter, longer = sorted((a.shape[0], v.shape[0]))
        start = (shorter - 1) // 2 if a.shape[0] >= v.shape[0] else shorter // 2
        full = _full_convolution_tangent(a, turned, da, dv)
        return finish(value, full[:, _kept(mode, longer, shorter, start)], level)


# Polynomials, highest power first.


def _coefficients(p: Operand) -> Any:
    return p if type(p) is Dual else np.atleast_1d(np.asarray(p))


@rule_for(np.polyval)
def _polyval(p: Operand, x: Operand) -> Any:
    if isinstance(x, np.poly1d):
        raise TypeError(
            "numpy.polyval: a poly1d can't hold dual arrays; give its coefficients to numpy.polyval in turn"
        )
    p, x = _coefficients(p), as_array(x)
    y: Any = np.zeros_like(x)
    for coefficient in p:
        y = y * x + coefficient
    return y


@rule_for(np.polyadd)
def _polyadd(a1: Operand, a2: Operand) -> Any:
    a1, a2 = (np.atleast_1d(as_array(a)) for a in (a1, a2))
    missing = a2.shape[0] - a1.shape[0]
    if missing > 0:
        a1 = np.concatenate([np.zeros(missing, a1.dtype), a1])
    elif missing < 0:
        a2 = np.concatenate([np.zeros(-missing, a2.dtype), a2])
    return a1 + a2


@rule_for(np.polysub)
def _polysub(a1: Operand, a2: Operand) -> Any:
    return _polyadd(a1, -as_array(a2))


@rule_for(np.polymul)
def _polymul(a1: Operand, a2: Operand) -> Any:
    factors: list[Any] = []
    for a in (a1, a2):
        coefficients = np.atleast_1d(as_array(a))
        # As numpy.poly1d does, without the powers whose coefficients are zero.
        leading = np.flatnonzero(coefficients)
        factors.append(coefficients[leading[0] :] if leading.size else coefficients[-1:])
    return np.convolve(*factors)


@rule_for(np.polyder)
def _polyder(p: Operand, m: Any = 1) -> Any:
    m = operator.index(m)
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    for _ in range(m):
        p = p[:-1] * np.arange(p.shape[0] - 1, 0, -1)
    return p


@rule_for(np.polyint)
def _polyint(p: Operand, m: Any = 1, k: Operand = None) -> Any:
    m = operator.index(m)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    constants = np.zeros(m) if k is None else np.atleast_1d(as_array(k))
    if constants.shape[0] == 1:
        constants = np.broadcast_to(constants, max(m, 1))
    if constants.shape[0] < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    p = _coefficients(p)
    for i in range(m):
        p = np.concatenate([p / np.arange(p.shape[0], 0, -1), constants[i : i + 1]])
    return p


@rule_for(np.poly)
def _poly(seq_of_zeros: Operand) -> Any:
    if seq_of_zeros.ndim > 1:
        raise TypeError("numpy.poly: the characteristic polynomial of a dual matrix is not supported; give its zeros")
    product: Any = np.ones(1, seq_of_zeros.dtype)
    for zero in np.atleast_1d(seq_of_zeros):
        product = np.convolve(product, np.stack([np.ones((), zero.dtype), -zero]))
    return product


@rule_for(np.polydiv)
def _polydiv(u: Operand, v: Operand) -> Any:
    if any(isinstance(x, np.poly1d) for x in (u, v)):
        raise TypeError("numpy.polydiv: a poly1d can't hold dual arrays; give coefficients")
    u, v = _coefficients(u) + 0.0, _coefficients(v) + 0.0
    length, inverse = v.shape[0], 1.0 / v[0]
    remainder: Any = u.astype(np.result_type(u, v))
    quotient: list[Any] = []
    for k in range(u.shape[0] - length + 1):
        quotient.append(inverse * remainder[k])
        changed = remainder[k : k + length] - quotient[-1] * v
        remainder = np.concatenate([remainder[:k], changed, remainder[k + length :]])
    # Leading coefficients that are zero but for rounding, as NumPy sees them.
    leading = np.flatnonzero(~np.isclose(value_of(remainder), 0, rtol=1e-14))
    first = leading[0] if leading.size else remainder.shape[0] - 1
    return np.stack(quotient) if quotient else np.zeros(1, remainder.dtype), remainder[first:]


@rule_for(np.roots)
def _roots(p: Operand) -> Any:
    # dr = -dp(r) / p'(r): a root that is not simple has no derivative.
    p = _coefficients(p)
    roots: Any = np.roots(p.primal)
    with quiet():
        change: Any = 0.0
        for k in range(p.shape[0]):
            change = change * roots + p.tangent[:, k, np.newaxis]
        return finish(roots, divide(-change, np.polyval(np.polyder(p.primal), roots)), p.level)


@rule_for(np.polyfit)
def _polyfit(
    x: Operand, y: Operand, deg: Any, rcond: Any = None, full: bool = False, w: Operand = None, cov: Any = False
) -> Any:
    if full or cov:
        raise TypeError("numpy.polyfit: full=True and cov are not supported for dual arrays")
    order = int(deg) + 1
    x, y = as_array(x) + 0.0, as_array(y) + 0.0
    if order < 1 or x.ndim != 1 or x.size == 0 or y.ndim not in (1, 2) or x.shape[0] != y.shape[0]:
        raise ValueError(
            f"numpy.polyfit takes a vector x, one or several columns y of its length and a degree from 0; "
            f"these have shapes {x.shape} and {y.shape}, and degree {deg}"
        )
    left, right = np.vander(x, order), y
    if w is not None:
        weights = as_array(w) + 0.0
        left = left * weights[:, np.newaxis]
        right = right * (weights[:, np.newaxis] if y.ndim == 2 else weights)
    # Columns of length 1 make the system better conditioned.
    lengths = np.sqrt(np.sum(left * left, axis=0))
    c = np.linalg.lstsq(left / lengths, right, len(x) * np.finfo(x.dtype).eps if rcond is None else rcond)[0]
    return np.transpose(np.transpose(c) / lengths)
