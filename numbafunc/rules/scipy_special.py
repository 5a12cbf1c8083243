"""Rules of scipy.special's ufuncs.

This module never imports SciPy: the rules are registered by name, and made when a ufunc of that name, of a
``scipy.special`` that the program has imported, is first called with a dual array. The formulas are those of the
Digital Library of Mathematical Functions, https://dlmf.nist.gov: erf 7.2, gamma 5.2 and 5.9, beta 5.12, zeta 25.11,
exponential integrals 6.2, Bessel 10.6 and 10.29, incomplete gamma and beta 8.8 and 8.17, hypergeometric 13.3, 15.5 and
16.3, Lambert's W 4.13. :mod:`~numbafunc.rules.scipy_elliptic` has those of elliptic integrals,
:mod:`~numbafunc.rules.scipy_shapes` those by the shape parameters of incomplete gamma and beta functions.

A derivative is a function of the operands and of the value y, in which ``special`` holds the functions of SciPy.
``by_nothing`` stands for an operand with respect to which there is no rule: it must be constant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.dual.products import align, finish, scale, whole
from numbafunc.dual.quiet import quiet
from numbafunc.numbers.elementary import with_slope_of
from numbafunc.rules.application import combine
from numbafunc.rules.arguments import cast, separate
from numbafunc.rules.binary_ufuncs import Helper, by_partials, cosine, damped
from numbafunc.rules.register import Rule, on_value, register_by_name
from numbafunc.rules.scipy_asymptotics import (
    dawsn_slope,
    far_from,
    i0e_slope,
    i1e_slope,
    ive_slope,
    kve_slope,
    psi_increase,
    wofz_slope,
)
from numbafunc.rules.scipy_distributions import (
    beta_density,
    fdtr_partials,
    gamma_density,
    stdtr_by_degrees,
    t_density,
)
from numbafunc.rules.scipy_elliptic import (
    delta,
    slope_of_e,
    slope_of_f,
    slope_of_incomplete_e,
    slope_of_k,
    slope_of_km1,
)
from numbafunc.rules.scipy_module import MODULE, polynomial, special
from numbafunc.rules.scipy_shapes import betainc_by_first, betainc_by_second, gammainc_by_shape
from numbafunc.rules.ufuncs import unary

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
_ROOT_OF_HALF = math.sqrt(0.5)
_ROOT_OF_TWO_PI = math.sqrt(2 * math.pi)
_LOG_10 = math.log(10.0)
_LOG_2 = math.log(2.0)


def by_nothing(*operands: Operand) -> Any:
    """Marks an operand that must be constant."""
    raise NotImplementedError


def _hazard(x: Operand) -> Any:
    # Density over distribution function of the normal distribution. Far on the left the quotient would be 0 / 0; on the
    # right the quotient of scaled functions would have an infinite derivative.
    if x.dtype.kind == "c":
        return math.sqrt(2 / math.pi) / special.erfcx(-_ROOT_OF_HALF * x)
    left = value_of(x) < 0
    scaled = math.sqrt(2 / math.pi) / special.erfcx(-_ROOT_OF_HALF * np.where(left, x, 0))
    right = np.where(left, 0, x)
    return np.where(left, scaled, np.exp(-0.5 * right * right) / _ROOT_OF_TWO_PI / special.ndtr(right))


def _erfcx_slope(x: Operand, y: Operand) -> Any:
    # For large x, 2 x y - 2 / sqrt(pi) would lose digits: the asymptotic series, DLMF 7.12.1, is differentiated
    # instead.
    far = value_of(x) > far_from(x)
    inverse = 1 / np.where(far, x, 12.0)
    square = inverse * inverse
    series: Any = 1.0
    for k in range(18, 0, -1):
        series = 1 - (k + 0.5) * square * series
    return np.where(far, square * series / -math.sqrt(math.pi), 2 * x * y - _TWO_OVER_ROOT_PI)


def _logarithm_of_ratio(a: Any, b: Any) -> Any:
    # log(a / b): near 1 the quotient is rounded to few digits of its distance from 1, and it may overflow.
    ratio = a / b
    far = np.where((ratio == 0) | np.isinf(ratio), np.log(a) - np.log(b), np.log(ratio))
    return np.where(abs(ratio - 1) < 0.5, np.log1p((a - b) / b), far)


def _one_minus_ratio(a: Operand, b: Operand) -> Any:
    ratio = a / b
    rest = 1 - ratio
    return with_slope_of(np.where(abs(value_of(rest)) < 0.5, (b - a) / b, rest), rest)


_log_ratio = Helper("log(x / y)", _logarithm_of_ratio, lambda a, b, z: 1 / a, lambda a, b, z: -1 / b)


def _ratio(x: Operand, y: Operand) -> Any:
    # x / y, and 0 where both are zero, like x log(y).
    both = (value_of(x) == 0) & (value_of(y) == 0)
    return np.where(both, damped(1 / y, x), x / np.where(both, 1, y))


def _spence_slope(x: Operand) -> Any:
    # log(x) / (1 - x), by its series at 1.
    near = abs(value_of(x) - 1) < 0.25
    far = np.where(near, 2, x)
    return np.where(near, polynomial(_SERIES_OF_SPENCE, np.where(near, 1 - x, 0)), np.log(far) / (1 - far))


_SERIES_OF_SPENCE = [-1 / k for k in range(30, 0, -1)]


def _zeta(s: Operand, q: Operand) -> Any:
    return special._ufuncs._zeta(s, q)


# Functions of one operand: derivative(x, y).
UNARY: dict[str, Callable[[Any, Any], Any]] = {
    # Error functions and the normal distribution.
    "erf": lambda x, y: _TWO_OVER_ROOT_PI * np.exp(-x * x),
    "erfc": lambda x, y: -_TWO_OVER_ROOT_PI * np.exp(-x * x),
    "erfcx": lambda x, y: _erfcx_slope(x, y),
    "erfi": lambda x, y: _TWO_OVER_ROOT_PI * np.exp(x * x),
    "erfinv": lambda x, y: np.exp(y * y) / _TWO_OVER_ROOT_PI,
    "erfcinv": lambda x, y: -np.exp(y * y) / _TWO_OVER_ROOT_PI,
    "ndtr": lambda x, y: np.exp(-0.5 * x * x) / _ROOT_OF_TWO_PI,
    "log_ndtr": lambda x, y: _hazard(x),
    "ndtri": lambda x, y: np.exp(0.5 * y * y) * _ROOT_OF_TWO_PI,
    "ndtri_exp": lambda x, y: 1 / _hazard(y),
    "dawsn": lambda x, y: dawsn_slope(x, y),
    # The gamma function.
    "gamma": lambda x, y: y * special.psi(x),
    "rgamma": lambda x, y: _rgamma_slope(x, y),
    "gammaln": lambda x, y: special.psi(x),
    "loggamma": lambda x, y: special.psi(x),
    "psi": lambda x, y: _zeta(2, x),
    # The logistic function.
    "expit": lambda x, y: y * special.expit(-x),
    "log_expit": lambda x, y: special.expit(-x),
    "logit": lambda x, y: 1 / (x * (1 - x)),
    # Entropy.
    "entr": lambda x, y: -np.log(x) - 1,
    # Bessel functions.
    "j0": lambda x, y: -special.j1(x),
    "j1": lambda x, y: (special.j0(x) - special.jv(2, x)) / 2,
    "y0": lambda x, y: -special.y1(x),
    "y1": lambda x, y: (special.y0(x) - special.yv(2, x)) / 2,
    "i0": lambda x, y: special.i1(x),
    "i0e": lambda x, y: i0e_slope(x),
    "i1": lambda x, y: (special.i0(x) + special.iv(2, x)) / 2,
    "i1e": lambda x, y: i1e_slope(x),
    "k0": lambda x, y: -special.k1(x),
    "k0e": lambda x, y: kve_slope(0.0, x),
    "k1": lambda x, y: -(special.k0(x) + special.k1(x) / x),  # SciPy's kv is 0 long before k1 is
    "k1e": lambda x, y: kve_slope(1.0, x),
    # Exponential integrals and elementary functions.
    "expi": lambda x, y: np.exp(x) / x,
    "exp1": lambda x, y: -np.exp(-x) / x,
    "spence": lambda x, y: _spence_slope(x),
    "exp2": lambda x, y: _LOG_2 * y,
    "exp10": lambda x, y: _LOG_10 * y,
    "expm1": lambda x, y: np.exp(x),
    "log1p": lambda x, y: 1 / (1 + x),
    "wofz": lambda z, y: wofz_slope(z, y),
    "wrightomega": lambda z, y: with_slope_of(y / (1 + y), -1 / (1 + y)),
    "cosm1": lambda x, y: -np.sin(x),
    "cbrt": lambda x, y: 1 / (3 * y * y),
    "exprel": lambda x, y: _exprel_slope(x),
    # Elliptic integrals.
    "ellipk": slope_of_k,
    "ellipe": slope_of_e,
    "ellipkm1": slope_of_km1,
}

# Functions of two operands: the partial derivatives, functions of x1, x2 and y.
BINARY: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "xlogy": (lambda a, b, y: np.log(b), lambda a, b, y: _ratio(a, b)),
    "xlog1py": (lambda a, b, y: np.log1p(b), lambda a, b, y: _ratio(a, 1 + b)),
    "rel_entr": (lambda a, b, y: _log_ratio(a, b) + 1, lambda a, b, y: -a / b),
    "kl_div": (lambda a, b, y: _log_ratio(a, b), lambda a, b, y: _one_minus_ratio(a, b)),
    "beta": (lambda a, b, y: -y * psi_increase(a, b), lambda a, b, y: -y * psi_increase(b, a)),
    "betaln": (lambda a, b, y: -psi_increase(a, b), lambda a, b, y: -psi_increase(b, a)),
    "poch": (
        lambda a, m, y: y * psi_increase(a, m),
        lambda a, m, y: y * special.psi(a + m),
    ),
    "binom": (
        lambda n, k, y: y * psi_increase(n - k + 1, k),
        lambda n, k, y: y * (special.psi(n - k + 1) - special.psi(k + 1)),
    ),
    "huber": (
        lambda delta, r, y: np.where(abs(value_of(r)) <= value_of(delta), 0, abs(r) - delta),
        lambda delta, r, y: np.where(abs(value_of(r)) <= value_of(delta), r, delta * np.sign(value_of(r))),
    ),
    "pseudo_huber": (
        lambda delta, r, y: np.hypot(r, delta) * cosine(r, delta) ** 4 / (1 + cosine(delta, r)) ** 2,
        lambda delta, r, y: delta * cosine(r, delta),
    ),
    "_zeta": (by_nothing, lambda s, q, y: -s * _zeta(s + 1, q)),
    "gammainc": (lambda a, x, y: gammainc_by_shape(a, x), lambda a, x, y: gamma_density(a, x)),
    "gammaincc": (lambda a, x, y: -gammainc_by_shape(a, x), lambda a, x, y: -gamma_density(a, x)),
    "gammaincinv": (
        lambda a, p, y: -gammainc_by_shape(a, y) / gamma_density(a, y),
        lambda a, p, y: 1 / gamma_density(a, y),
    ),
    "gammainccinv": (
        lambda a, q, y: -gammainc_by_shape(a, y) / gamma_density(a, y),
        lambda a, q, y: -1 / gamma_density(a, y),
    ),
    "ellipkinc": (lambda phi, m, y: 1 / delta(phi, m), lambda phi, m, y: slope_of_f(phi, m)),
    "ellipeinc": (lambda phi, m, y: delta(phi, m), lambda phi, m, y: slope_of_incomplete_e(phi, m)),
    "hyp0f1": (by_nothing, lambda v, z, y: special.hyp0f1(v + 1, z) / v),
    "jv": (by_nothing, lambda n, x, y: (special.jv(n - 1, x) - special.jv(n + 1, x)) / 2),
    "yv": (by_nothing, lambda n, x, y: (special.yv(n - 1, x) - special.yv(n + 1, x)) / 2),
    "iv": (by_nothing, lambda n, x, y: (special.iv(n - 1, x) + special.iv(n + 1, x)) / 2),
    "ive": (by_nothing, lambda n, x, y: ive_slope(n, x)),
    "kv": (by_nothing, lambda n, x, y: -(special.kv(n - 1, x) + special.kv(n + 1, x)) / 2),
    "yn": (by_nothing, lambda n, x, y: (special.yn(n - 1, x) - special.yn(n + 1, x)) / 2),
    "kn": (by_nothing, lambda n, x, y: -(special.kn(n - 1, x) + special.kn(n + 1, x)) / 2),
    "expn": (by_nothing, lambda n, x, y: _expn_slope(n, x)),
    "stdtr": (lambda n, t, y: stdtr_by_degrees(n, t), lambda n, t, y: t_density(n, t)),
    "stdtrit": (lambda n, p, y: -stdtr_by_degrees(n, y) / t_density(n, y), lambda n, p, y: 1 / t_density(n, y)),
    "pdtr": (by_nothing, lambda k, m, y: -gamma_density(np.floor(k) + 1, m)),
    "pdtrc": (by_nothing, lambda k, m, y: gamma_density(np.floor(k) + 1, m)),
    "owens_t": (
        lambda h, a, y: -np.exp(-0.5 * h * h) * special.erf(a * h * _ROOT_OF_HALF) / (2 * _ROOT_OF_TWO_PI),
        lambda h, a, y: np.exp(-0.5 * h * h * (1 + a * a)) / (2 * math.pi * (1 + a * a)),
    ),
    "powm1": (lambda x, p, y: p * x ** (p - 1), lambda x, p, y: np.log(x) * x**p),
    "chdtr": (
        lambda n, x, y: gammainc_by_shape(n / 2, x / 2) / 2,
        lambda n, x, y: gamma_density(n / 2, x / 2) / 2,
    ),
    "chdtrc": (
        lambda n, x, y: -gammainc_by_shape(n / 2, x / 2) / 2,
        lambda n, x, y: -gamma_density(n / 2, x / 2) / 2,
    ),
    "boxcox": (lambda x, p, y: x ** (p - 1), lambda x, p, y: _by_power(np.log(x), p)),
    "boxcox1p": (lambda x, p, y: (1 + x) ** (p - 1), lambda x, p, y: _by_power(np.log1p(x), p)),
    # Orthogonal polynomials.
    "eval_legendre": (by_nothing, lambda n, x, y: (n + 1) / 2 * _lower("eval_jacobi", n, 1, 1, x)),
    "eval_chebyt": (by_nothing, lambda n, x, y: n * _lower("eval_chebyu", n, x)),
    "eval_chebyu": (by_nothing, lambda n, x, y: 2 * _lower("eval_gegenbauer", n, 2, x)),
    "eval_hermite": (by_nothing, lambda n, x, y: 2 * n * _lower("eval_hermite", n, x)),
    "eval_hermitenorm": (by_nothing, lambda n, x, y: n * _lower("eval_hermitenorm", n, x)),
    "eval_laguerre": (by_nothing, lambda n, x, y: -_lower("eval_genlaguerre", n, 1, x)),
    "kve": (by_nothing, lambda n, x, y: kve_slope(n, x)),
}

# Functions of more operands: the partial derivatives, functions of all operands and of y.
SEVERAL: dict[str, tuple[Callable[..., Any], ...]] = {
    "betainc": (
        lambda a, b, x, y: betainc_by_first(a, b, x),
        lambda a, b, x, y: betainc_by_second(a, b, x),
        lambda a, b, x, y: beta_density(a, b, x),
    ),
    "betaincc": (
        lambda a, b, x, y: -betainc_by_first(a, b, x),
        lambda a, b, x, y: -betainc_by_second(a, b, x),
        lambda a, b, x, y: -beta_density(a, b, x),
    ),
    "betaincinv": (
        lambda a, b, p, y: -betainc_by_first(a, b, y) / beta_density(a, b, y),
        lambda a, b, p, y: -betainc_by_second(a, b, y) / beta_density(a, b, y),
        lambda a, b, p, y: 1 / beta_density(a, b, y),
    ),
    "betainccinv": (
        lambda a, b, q, y: -betainc_by_first(a, b, y) / beta_density(a, b, y),
        lambda a, b, q, y: -betainc_by_second(a, b, y) / beta_density(a, b, y),
        lambda a, b, q, y: -1 / beta_density(a, b, y),
    ),
    "gdtr": (
        lambda a, b, x, y: x * gamma_density(b, a * x),
        lambda a, b, x, y: gammainc_by_shape(b, a * x),
        lambda a, b, x, y: a * gamma_density(b, a * x),
    ),
    "gdtrc": (
        lambda a, b, x, y: -x * gamma_density(b, a * x),
        lambda a, b, x, y: -gammainc_by_shape(b, a * x),
        lambda a, b, x, y: -a * gamma_density(b, a * x),
    ),
    "fdtr": fdtr_partials(),
    "bdtr": (*(by_nothing, by_nothing), lambda k, n, p, y: -beta_density(n - np.floor(k), np.floor(k) + 1, 1 - p)),
    "nbdtr": (*(by_nothing, by_nothing), lambda k, n, p, y: beta_density(n, np.floor(k) + 1, p)),
    "eval_gegenbauer": (
        *(by_nothing, by_nothing),
        lambda n, a, x, y: 2 * a * _lower("eval_gegenbauer", n, a + 1, x),
    ),
    "eval_genlaguerre": (*(by_nothing, by_nothing), lambda n, a, x, y: -_lower("eval_genlaguerre", n, a + 1, x)),
    "eval_jacobi": (
        *(by_nothing, by_nothing, by_nothing),
        lambda n, a, b, x, y: (n + a + b + 1) / 2 * _lower("eval_jacobi", n, a + 1, b + 1, x),
    ),
    "hyp1f1": (by_nothing, by_nothing, lambda a, b, z, y: a / b * special.hyp1f1(a + 1, b + 1, z)),
    "hyp2f1": (
        *(by_nothing, by_nothing, by_nothing),
        lambda a, b, c, z, y: a * b / c * special.hyp2f1(a + 1, b + 1, c + 1, z),
    ),
    # With exp(-W) / (1 + W) there is no quotient 0 / 0 at z = 0.
    "_lambertw": (lambda z, k, tol, y: np.exp(-y) / (1 + y), by_nothing, by_nothing),
}

# Functions that are constant between jumps.
ON_VALUE = ("gammasgn",)


def _rgamma_slope(x: Operand, y: Operand) -> Any:
    # On the left by reflection, 1 / gamma(x) = gamma(1 - x) sin(pi x) / pi, for psi has poles where this is smooth.
    left = value_of(x) < 0.5
    z = 1 - np.where(left, x, 0)
    reflected = special.gamma(z) * (np.cos(math.pi * x) - special.psi(z) * np.sin(math.pi * x) / math.pi)
    return np.where(left, reflected, -y * special.psi(np.where(left, 1, x)))


def _by_power(logarithm: Operand, p: Operand) -> Any:
    # The derivative of (exp(p l) - 1) / p by p.
    return logarithm * logarithm * _exprel_slope(p * logarithm)


def _exprel_slope(u: Operand) -> Any:
    # (u exp(u) - exp(u) + 1) / u**2, by its series at 0.
    near = abs(value_of(u)) < 1
    series = polynomial(_SERIES_OF_POWER, np.where(near, u, 0))
    far = np.where(near, 1, u)
    return np.where(near, series, (far * np.exp(far) - np.expm1(far)) / far / far)


_SERIES_OF_POWER = [(k + 1) / math.factorial(k + 2) for k in range(22, -1, -1)]


def _lower(name: str, n: Any, *operands: Operand) -> Any:
    """A polynomial of degree n - 1; zero for n = 0."""
    degree = np.where(n == 0, 1, n) - 1
    # SciPy takes other ways for degrees that are no integers, by their dtype.
    whole = degree.astype(np.dtype("long"))
    degree = whole if (whole == degree).all() else degree
    return np.where(n == 0, 0, getattr(special, name)(degree, *operands))


def _expn_slope(n: Operand, x: Operand) -> Any:
    # For n = 0 the function is exp(-x) / x.
    return np.where(n >= 1, -special.expn(np.maximum(n - 1, 0), x), -np.exp(-x) * (1 + 1 / x) / x)


def _by_partials(ufunc: np.ufunc, partials: tuple[Callable[..., Any], Callable[..., Any]]) -> Rule:
    fixed = tuple(position for position, partial in enumerate(partials) if partial is by_nothing)
    return _with_constant(ufunc, by_partials(ufunc, *partials), fixed)


def _by_each(ufunc: np.ufunc, partials: tuple[Callable[..., Any], ...]) -> Rule:
    name = f"scipy.special.{ufunc.__name__.lstrip('_')}"

    def rule(*operands: Operand) -> Any:
        level, primals, tangents = separate(name, *operands)
        value = whole(ufunc(*primals))
        with quiet():
            primals = [cast(x, value.dtype) for x in primals]
            change = None
            for partial, tangent in zip(partials, tangents, strict=True):
                if tangent is not None:
                    change = combine(change, scale(partial(*primals, value), align(tangent, value.ndim)))
            return finish(value, change, level)

    fixed = tuple(position for position, partial in enumerate(partials) if partial is by_nothing)
    return _with_constant(ufunc, rule, fixed)


def _with_constant(ufunc: np.ufunc, rule: Rule, positions: tuple[int, ...]) -> Rule:
    """The rule with an error for duals where operands must be constant."""

    def checked(*operands: Operand) -> Any:
        for position in positions:
            if type(operands[position]) is Dual:
                raise TypeError(
                    f"scipy.special.{ufunc.__name__.lstrip('_')} has no derivative with respect to operand {position}; "
                    "pass numbafunc.stop_gradient(x) there if it is to be held fixed"
                )
        return rule(*operands)

    return checked


for _name in UNARY:
    register_by_name(MODULE, _name, lambda ufunc: unary(ufunc, UNARY[ufunc.__name__]))
for _name in BINARY:
    register_by_name(MODULE, _name, lambda ufunc: _by_partials(ufunc, BINARY[ufunc.__name__]))
for _name in SEVERAL:
    register_by_name(MODULE, _name, lambda ufunc: _by_each(ufunc, SEVERAL[ufunc.__name__]))
for _name in ON_VALUE:
    register_by_name(MODULE, _name, on_value)
