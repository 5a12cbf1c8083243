r"""Derivatives of the incomplete gamma and beta functions by their shape parameters.

Each is the share of a distribution of t that lies below a point: of the density :math:`t^{a-1} e^{-t} / \Gamma(a)` for
the gamma function, :math:`t^{a-1} (1-t)^{b-1} / B(a, b)` for the beta function. With P the share below x, Q the
share above it and :math:`\bar l` the mean of log t over the whole distribution,

.. math:: \partial P / \partial a = P \, (\langle \log t \rangle_{t < x} - \bar l)
    = -Q \, (\langle \log t \rangle_{t > x} - \bar l).

Where :math:`\log x < \bar l`, all of the terms of the first form have one sign, and otherwise those of the second, so
that nothing cancels. The means over a part are quotients of two integrals over the distance v from the edge, on a scale
on which the density is log-concave and smooth: log t for the gamma function, log(t / (1 - t)) for the beta function.
They end where the density has fallen by exp(-40), and are found by Gauss's and Legendre's quadrature on five panels.
All of this is arithmetic that dual arrays know, so it has derivatives itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.dual.array import Operand, value_of
from numbafunc.rules.scipy_module import special, wide

_DROP = 40.0
"""How many powers of e the density falls until an integral ends."""

_BEHIND = (0.0, 8.0, 40.0)
"""Where panels end at and behind a bend of the density; beyond the last of them it is an exponential."""

_BEFORE = 10.0
"""The length of the last panel, in which a density falls that does so like exp(-exp(v))."""


@functools.cache
def _gauss(count: int) -> tuple[Any, Any]:
    """Nodes and weights of the quadrature on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


def _last(x: Operand) -> Any:
    """The operand with an axis for the nodes."""
    return x[..., np.newaxis]


def _panels(bend: Any, end: Any) -> tuple[Any, Any]:
    """Nodes and weights, along a new last axis, from 0 to `end`, with `bend` between two panels."""
    nodes, weights = _gauss(40)
    inner = [*(np.maximum(bend, 0) + length for length in _BEHIND), end - _BEFORE]
    edges = np.sort(np.clip(np.stack([np.zeros_like(end), *inner, end], -1), 0, _last(end)), -1)
    lengths = _last(np.diff(edges))
    shape = (*end.shape, -1)
    return np.reshape(_last(edges[..., :-1]) + lengths * nodes, shape), np.reshape(lengths * weights, shape)


def _end(fall: Callable[[Any], tuple[Any, Any]], start: Any) -> Any:
    """Where a convex function reaches ``_DROP``, from a start beyond, by Newton's steps, none of which goes too far."""
    v = start
    for _ in range(40):
        fallen, slope = fall(v)
        v = v - (fallen - _DROP) / slope
    return v


def _mean(exponent: Operand, weights: Any, of: Operand) -> Any:
    density = weights * np.exp(exponent)
    return np.sum(density * of, -1) / np.sum(density, -1)


_BLOCK = 4096
"""How many elements are integrated at once, so that memory does not grow by 200 numbers for each."""


def _means(first: Any, below: Callable[..., Any], above: Callable[..., Any], *operands: Operand) -> Any:
    """One mean where a condition holds, another one elsewhere."""
    shape = first.shape
    flat = [np.reshape(np.broadcast_to(x, shape), (first.size,)) for x in operands]
    places = [np.flatnonzero(first), np.flatnonzero(~first)]
    parts = [
        mean(*(x[chosen[start : start + _BLOCK]] for x in flat))
        for mean, chosen in zip((below, above), places, strict=True)
        for start in range(0, chosen.size, _BLOCK)
    ]
    if not parts:
        return np.zeros(shape)
    return np.reshape(np.concatenate(parts)[np.argsort(np.concatenate(places))], shape)


# The gamma function, with t = x exp(-v) below and t = x exp(v) above.


def _gamma_below(a: Operand, x: Operand) -> Any:
    """The mean of log(x / t) for t < x."""
    at, edge = np.broadcast_arrays(value_of(a), value_of(x))
    end = _end(lambda v: (at * v + edge * np.expm1(-v), at - edge * np.exp(-v)), (_DROP + edge) / at)
    v, weights = _panels(np.zeros_like(end), end)
    return _mean(-(_last(a) * v + _last(x) * np.expm1(-v)), weights, v)


def _gamma_above(a: Operand, x: Operand) -> Any:
    """The mean of log(t / x) for t > x."""
    at, edge = np.broadcast_arrays(value_of(a), value_of(x))
    start = np.log1p((_DROP + 10 + 3 * at) / edge)
    end = _end(lambda v: (edge * np.expm1(v) - at * v, edge * np.exp(v) - at), start)
    # The exponential sets in where t is about 1.
    v, weights = _panels(-1 - np.log(edge), end)
    return _mean(_last(a) * v - _last(x) * np.expm1(v), weights, v)


def gammainc_by_shape(a: Operand, x: Operand) -> Any:
    """The derivative of ``gammainc(a, x)`` by `a`."""
    a, x = wide(a), wide(x)
    at_edge = (value_of(x) == 0) | (value_of(x) == np.inf)
    x = np.where(at_edge, 1.0, x)
    difference = np.log(x) - special.psi(a)
    first = np.asarray(value_of(difference) < 0)
    mean = _means(first, _gamma_below, _gamma_above, a, x)
    below, above = special.gammainc(a, x) * (difference - mean), special.gammaincc(a, x) * (difference + mean)
    return np.where(at_edge, 0.0, np.where(first, below, -above))


# The beta function, with t / (1 - t) = x / y exp(-v), y = 1 - x. Above x, the function is mirrored.


def _rise(v: Any, x: Operand, y: Operand) -> Any:
    """``log(1 - t) - log(y)``."""
    near = v < 1
    return -np.where(near, np.log1p(x * np.expm1(-np.minimum(v, 1))), np.log(y + x * np.exp(-v)))


def _gap(v: Any, x: Operand, y: Operand) -> Any:
    """``log(x) - log(t)``."""
    near = v < 30
    return np.where(near, np.log1p(y * np.expm1(np.minimum(v, 30))), v + np.log(y + x * np.exp(-v)))


def _beta_nodes(a: Any, b: Any, x: Any, y: Any) -> tuple[Any, Any]:
    a, b, x, y = np.broadcast_arrays(a, b, x, y)

    def fall(v: Any) -> tuple[Any, Any]:
        t_over_x = np.exp(-v) / (y + x * np.exp(-v))
        return a * _gap(v, x, y) - b * _rise(v, x, y), a - (a + b) * x * t_over_x

    end = _end(fall, (_DROP - (a + b) * np.log(y)) / a)
    return _panels(np.log(x / y), end)


def _beta_means(a: Operand, b: Operand, x: Operand, y: Operand, of_gap: bool) -> Any:
    v, weights = _beta_nodes(*map(value_of, (a, b, x, y)))
    a, b, x, y = map(_last, (a, b, x, y))
    gap, rise = _gap(v, x, y), _rise(v, x, y)
    return _mean(b * rise - a * gap, weights, gap if of_gap else rise)


def _beta_below(a: Operand, b: Operand, x: Operand, y: Operand) -> Any:
    """The mean of log(x / t) for t < x."""
    return _beta_means(a, b, x, y, True)


def _beta_above(a: Operand, b: Operand, x: Operand, y: Operand) -> Any:
    """The mean of log(t / x) for t > x: in the mirror, where 1 - t is below y."""
    return _beta_means(b, a, y, x, False)


_BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6]


def _mean_logarithm(a: Operand, b: Operand) -> Any:
    """``psi(a) - psi(a + b)``: for large `a` by the difference of the asymptotic series, DLMF 5.11.2."""
    far = value_of(a) > 20
    large = np.where(far, a, 20.0)
    total = large + b
    series = np.log1p(b / large) + b / (2 * large * total)
    for k, number in enumerate(_BERNOULLI, 1):
        series = series + number / (2 * k) * (large ** (-2 * k) - total ** (-2 * k))
    return np.where(far, -series, special.psi(a) - special.psi(a + b))


def _by_first(
    a: Operand, b: Operand, x: Operand, y: Operand, logarithm: Operand, below: Operand, above: Operand
) -> Any:
    """The derivative of the share below x by `a`; y is 1 - x, and the shares are those below and above x."""
    difference = logarithm - _mean_logarithm(a, b)
    first = np.broadcast_to(value_of(difference) < 0, np.shape(value_of(below)))
    mean = _means(first, _beta_below, _beta_above, a, b, x, y)
    return np.where(first, below * (difference - mean), -above * (difference + mean))


def _prepared(a: Operand, b: Operand, x: Operand) -> tuple[Any, ...]:
    a, b, x = map(wide, (a, b, x))
    at_edge = (value_of(x) == 0) | (value_of(x) == 1)
    x = np.where(at_edge, 0.5, x)
    return at_edge, a, b, x, special.betainc(a, b, x), special.betaincc(a, b, x)


def betainc_by_first(a: Operand, b: Operand, x: Operand) -> Any:
    """The derivative of ``betainc(a, b, x)`` by `a`."""
    at_edge, a, b, x, below, above = _prepared(a, b, x)
    return np.where(at_edge, 0.0, _by_first(a, b, x, 1 - x, np.log(x), below, above))


def betainc_by_second(a: Operand, b: Operand, x: Operand) -> Any:
    """The derivative of ``betainc(a, b, x)`` by `b`."""
    at_edge, a, b, x, below, above = _prepared(a, b, x)
    return np.where(at_edge, 0.0, -_by_first(b, a, 1 - x, x, np.log1p(-x), above, below))
