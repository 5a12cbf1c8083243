"""scipy.special on dual arrays: first and second derivatives against mpmath."""

import subprocess
import sys

import mpmath
import numpy as np
import pytest
import reverse_checks
from scipy import special

import numbafunc
from numbafunc import grad, jacfwd, jvp
from numbafunc.autodiff import Dual
from numbafunc.rules import scipy_special
from numbafunc.rules.register import find_ufunc_rule

mp = mpmath.mp.clone()
mp.dps = 34

ROOT_OF_TWO = mp.sqrt(2)
SPREAD = [-2.5, -0.7, 0.3, 1.9]
POSITIVE = [0.2, 0.9, 1.7, 6.3]
UNIT = [0.05, 0.3, 0.6, 0.97]
PARAMETERS = [-1e4, -2.0, -0.31, -0.29, -1e-8, 0.0, 1e-8, 0.29, 0.31, 0.9, 0.9999]
ANGLES = [(-4.0, -2.0), (1e-3, 0.4), (1.2, -1e-3), (1.5, 0.95), (10.0, 0.6), (0.7, 1e-7), (0.0, 0.5)]


def normal_distribution(x):
    return mp.erfc(-x / ROOT_OF_TWO) / 2


def inverse(function, start):
    """The inverse with respect to the last argument, by root finding from a start in double precision."""
    return lambda *p: mp.findroot(lambda x: function(*p[:-1], x) - p[-1], start(*map(float, p)))


def x_log_y(x, y):
    return x * mp.log(y)


def logistic(x):
    return 1 / (1 + mp.exp(-x))


def upper_share(a, x):
    return mp.gammainc(a, x, mp.inf, regularized=True)


def lower_share(a, x):
    return mp.gammainc(a, 0, x, regularized=True)


def beta_share(a, b, x):
    return mp.betainc(a, b, 0, x, regularized=True)


def student(n, t):
    factor = mp.gamma((n + 1) / 2) / mp.sqrt(mp.pi * n) / mp.gamma(n / 2)
    return factor * mp.hyp2f1(0.5, (n + 1) / 2, 1.5, -t * t / n)


def t_share(n, t):
    return mp.mpf(1) / 2 + t * student(n, t)


def f_share(n, d, x):
    return beta_share(n / 2, d / 2, n * x / (d + n * x))


def upper_beta_share(a, b, x):
    return 1 - beta_share(a, b, x)


UNARY = {
    "erf": (mp.erf, [*SPREAD, 0.0, 5.0]),
    "erfc": (mp.erfc, [*SPREAD, 0.0, 5.0]),
    "erfcx": (lambda x: mp.exp(x * x) * mp.erfc(x), [*SPREAD, 0.0, 5.0]),
    "erfi": (mp.erfi, SPREAD),
    "erfinv": (mp.erfinv, [-0.9, -0.2, 0.1, 0.99]),
    "erfcinv": (lambda x: mp.erfinv(1 - x), [0.1, 0.8, 1.2, 1.9]),
    "ndtr": (normal_distribution, [*SPREAD, -6.0]),
    "log_ndtr": (lambda x: mp.log(normal_distribution(x)), [*SPREAD, -30.0, 8.0]),
    "ndtri": (lambda p: ROOT_OF_TWO * mp.erfinv(2 * p - 1), UNIT),
    "ndtri_exp": (lambda y: ROOT_OF_TWO * mp.erfinv(2 * mp.exp(y) - 1), [-3.0, -1.0, -0.2]),
    "dawsn": (lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x), SPREAD),
    "gamma": (mp.gamma, [*POSITIVE, -0.6, -1.3]),
    "rgamma": (mp.rgamma, [*POSITIVE, 0.0, -1.0, -2.0, -0.6, -1.3]),
    "gammaln": (mp.loggamma, [*POSITIVE, 1000.0]),
    "loggamma": (mp.loggamma, POSITIVE),
    "psi": (mp.digamma, [*POSITIVE, -0.6, -1.3]),
    "expit": (logistic, [*SPREAD, 0.0, 40.0, -40.0]),
    "log_expit": (lambda x: mp.log(logistic(x)), [*SPREAD, 30.0, -800.0]),
    "logit": (lambda x: mp.log(x / (1 - x)), UNIT),
    "entr": (lambda x: -x * mp.log(x), POSITIVE),
    "j0": (lambda x: mp.besselj(0, x), SPREAD),
    "j1": (lambda x: mp.besselj(1, x), [*SPREAD, 0.0]),
    "y0": (lambda x: mp.bessely(0, x), POSITIVE),
    "y1": (lambda x: mp.bessely(1, x), POSITIVE),
    "i0": (lambda x: mp.besseli(0, x), [*SPREAD, 0.0]),
    "i1": (lambda x: mp.besseli(1, x), [*SPREAD, 0.0]),
    "i0e": (lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), SPREAD),
    "i1e": (lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), SPREAD),
    "k0": (lambda x: mp.besselk(0, x), POSITIVE),
    "k1": (lambda x: mp.besselk(1, x), POSITIVE),
    "k0e": (lambda x: mp.besselk(0, x) * mp.exp(x), POSITIVE),
    "k1e": (lambda x: mp.besselk(1, x) * mp.exp(x), POSITIVE),
    "expi": (mp.ei, [-1.2, 0.4, 2.0]),
    "exp1": (mp.e1, POSITIVE),
    "spence": (lambda x: mp.polylog(2, 1 - x), [0.2, 0.7, 1.6]),
    "exp2": (lambda x: mp.mpf(2) ** x, SPREAD),
    "exp10": (lambda x: mp.mpf(10) ** x, SPREAD),
    "expm1": (mp.expm1, SPREAD),
    "log1p": (mp.log1p, POSITIVE),
    "cosm1": (lambda x: mp.cos(x) - 1, SPREAD),
    "cbrt": (mp.cbrt, POSITIVE),
    "wrightomega": (lambda x: mp.lambertw(mp.exp(x)), [*SPREAD, 30.0]),
    "exprel": (lambda x: mp.expm1(x) / x if x else mp.mpf(1), [*SPREAD, 0.0, 1e-9, -40.0]),
    "ellipk": (mp.ellipk, PARAMETERS),
    "ellipe": (mp.ellipe, PARAMETERS),
    "ellipkm1": (lambda p: mp.ellipk(1 - p), [0.001, 0.3, 0.71, 1.0, 5.0]),
}

DEGREES = [(0, 0.4), (1, -0.3), (2, 1.0), (5, -0.9)]

PAIRS = [(0.4, 1.3), (2.2, 0.7), (1.5, 3.1)]
ORDERS = [(0, 0.4), (1, 1.3), (2.5, 0.7), (1, 3.1)]
WHOLE_ORDERS = [(0, 0.4), (1, 1.3), (3, 2.7)]

BINARY = {
    "xlogy": (x_log_y, PAIRS),
    "xlog1py": (lambda x, y: x_log_y(x, 1 + y), PAIRS),
    "rel_entr": (lambda x, y: x * mp.log(x / y), PAIRS),
    "kl_div": (lambda x, y: x * mp.log(x / y) - x + y, PAIRS),
    "beta": (mp.beta, PAIRS),
    "betaln": (lambda a, b: mp.log(mp.beta(a, b)), PAIRS),
    "poch": (mp.rf, PAIRS),
    "binom": (mp.binomial, [(5.5, 2.2), (7.0, 3.0)]),
    "huber": (lambda d, r: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2), [(1.0, 0.3), (1.0, -2.5), (0.5, 1.5)]),
    "pseudo_huber": (lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1), [(1.0, 0.3), (1.0, -2.5), (0.5, 1.5)]),
    "zeta": (mp.zeta, [(2, 0.4), (3.5, 1.7), (2, 8.0)]),
    "gammainc": (lower_share, PAIRS),
    "gammaincc": (upper_share, PAIRS),
    "gammaincinv": (inverse(lower_share, special.gammaincinv), [(0.4, 0.3), (2.2, 0.7)]),
    "gammainccinv": (inverse(upper_share, special.gammainccinv), [(0.4, 0.3), (2.2, 0.7)]),
    "jv": (mp.besselj, ORDERS),
    "yv": (mp.bessely, ORDERS),
    "iv": (mp.besseli, ORDERS),
    "yn": (mp.bessely, WHOLE_ORDERS),
    "kn": (mp.besselk, WHOLE_ORDERS),
    "expn": (mp.expint, WHOLE_ORDERS),
    "stdtr": (t_share, [(3.0, 0.4), (1.0, -2.0), (30.5, 1.2), (2.5, -1e-3), (0.4, 3.0)]),
    "stdtrit": (inverse(t_share, special.stdtrit), [(3.0, 0.4), (1.5, 0.9)]),
    "pdtr": (lambda k, m: upper_share(k + 1, m), [(0, 0.4), (3, 2.7)]),
    "pdtrc": (lambda k, m: lower_share(k + 1, m), [(0, 0.4), (3, 2.7)]),
    "owens_t": (
        lambda h, a: mp.quad(lambda x: mp.exp(-h * h * (1 + x * x) / 2) / (1 + x * x), [0, a]) / (2 * mp.pi),
        [(0.4, 1.3), (-1.2, 0.7), (2.0, -0.4)],
    ),
    "powm1": (lambda x, p: x**p - 1, PAIRS),
    "eval_legendre": (mp.legendre, [*DEGREES, (2, 0.7)]),
    "eval_chebyt": (mp.chebyt, DEGREES),
    "eval_chebyu": (mp.chebyu, DEGREES),
    "eval_hermite": (mp.hermite, DEGREES),
    "eval_hermitenorm": (lambda n, x: mp.hermite(n, x / ROOT_OF_TWO) * mp.mpf(2) ** (-n / 2), DEGREES),
    "eval_laguerre": (lambda n, x: mp.laguerre(n, 0, x), DEGREES),
    "chdtr": (lambda n, x: lower_share(n / 2, x / 2), PAIRS),
    "chdtrc": (lambda n, x: upper_share(n / 2, x / 2), PAIRS),
    "boxcox": (lambda x, p: mp.expm1(p * mp.log(x)) / p if p else mp.log(x), [(0.4, 0.0), (1.3, 2.5), (2.0, -1.0)]),
    "boxcox1p": (
        lambda x, p: mp.expm1(p * mp.log1p(x)) / p if p else mp.log1p(x),
        [(0.4, 0.0), (1.3, 2.5), (2.0, -1.0)],
    ),
    "ellipkinc": (mp.ellipf, ANGLES),
    "ellipeinc": (mp.ellipe, ANGLES),
    "hyp0f1": (mp.hyp0f1, PAIRS),
    "ive": (lambda n, x: mp.besseli(n, x) * mp.exp(-abs(x)), [*ORDERS, (1, -0.5)]),
    "kv": (mp.besselk, ORDERS),
    "kve": (lambda n, x: mp.besselk(n, x) * mp.exp(x), ORDERS),
}

TRIPLES = [(0.4, 1.3, 0.2), (2.2, 0.7, 0.6), (1.0, 3.1, 0.5)]

SEVERAL = {
    "betainc": (beta_share, TRIPLES),
    "betaincc": (upper_beta_share, TRIPLES),
    "betaincinv": (inverse(beta_share, special.betaincinv), TRIPLES),
    "betainccinv": (inverse(upper_beta_share, special.betainccinv), TRIPLES),
    "gdtr": (lambda a, b, x: lower_share(b, a * x), TRIPLES),
    "gdtrc": (lambda a, b, x: upper_share(b, a * x), TRIPLES),
    "fdtr": (f_share, TRIPLES),
    "bdtr": (lambda k, n, p: beta_share(n - k, k + 1, 1 - p), [(0, 3, 0.2), (2, 5, 0.7)]),
    "nbdtr": (lambda k, n, p: beta_share(n, k + 1, p), [(0, 3, 0.2), (2, 5, 0.7)]),
    "eval_gegenbauer": (mp.gegenbauer, [(0, 1.5, 0.3), (1, 0.7, -0.4), (4, 2.2, 0.8)]),
    "eval_genlaguerre": (mp.laguerre, [(0, 1.5, 0.3), (1, 0.7, -0.4), (4, 2.2, 0.8)]),
    "eval_jacobi": (mp.jacobi, [(0, 1.5, 0.3, 0.2), (1, 0.7, 0.4, -0.4), (4, 2.2, 1.3, 0.8)]),
    "hyp1f1": (mp.hyp1f1, TRIPLES),
    "hyp2f1": (mp.hyp2f1, [(0.4, 1.3, 2.0, 0.2), (2.2, 0.7, 1.5, -3.0), (1.0, 1.0, 3.5, 0.9)]),
}


def exact(function, points, orders):
    return np.array(
        [float(mp.re(mp.diff(function, tuple(map(mp.mpf, np.atleast_1d(point))), orders))) for point in points]
    )


def derivative(function, position=0):
    """The derivative with respect to one argument, elementwise."""

    def differentiated(*arguments):
        def restricted(x):
            return function(*arguments[:position], x, *arguments[position + 1 :])

        x = arguments[position]
        return jvp(restricted, (x,), (np.ones_like(x),))[1]

    return differentiated


def test_every_rule_is_tested():
    assert {*UNARY, "wofz"} == set(scipy_special.UNARY)
    assert set(BINARY) == {name.lstrip("_") for name in scipy_special.BINARY}
    assert {*SEVERAL, "lambertw"} == {name.lstrip("_") for name in scipy_special.SEVERAL}


@pytest.mark.parametrize("name", UNARY)
def test_one_operand(name):
    oracle, points = UNARY[name]
    function = getattr(special, name)
    x = np.array(points)
    value, slope = jvp(function, (x,), (np.ones_like(x),))
    np.testing.assert_array_equal(value, function(x))
    np.testing.assert_allclose(slope, exact(oracle, points, (1,)), rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(derivative(derivative(function))(x), exact(oracle, points, (2,)), rtol=1e-11, atol=1e-14)


def moving_operands(name):
    """The positions of the operands with respect to which a function of several has derivatives."""
    partials = (scipy_special.BINARY | scipy_special.SEVERAL)["_zeta" if name == "zeta" else name]
    return [position for position, partial in enumerate(partials) if partial is not scipy_special.by_nothing]


# The operands that SciPy takes as integers only.
WHOLE = {"eval_hermite": 0, "eval_hermitenorm": 0, "bdtr": 1}


def operands_of(name, points):
    """The points by operand."""
    arrays = np.array(points, float).reshape(len(points), -1).T
    return tuple(x.astype(int) if WHOLE.get(name) == position else x for position, x in enumerate(arrays))


@pytest.mark.parametrize("name", [*BINARY, *SEVERAL])
def test_several_operands(name):
    oracle, points = (BINARY | SEVERAL)[name]
    function = getattr(special, name)
    arguments = operands_of(name, points)
    moved = (Dual(arguments[-1], np.ones((1, len(points))), 1),)
    np.testing.assert_array_equal(function(*arguments[:-1], *moved).primal, function(*arguments))
    moving = moving_operands(name)
    fixed = [position for position in range(len(arguments)) if position not in moving]
    units = np.eye(len(arguments), dtype=int)
    for position in moving:
        first = derivative(function, position)
        wanted = exact(oracle, points, tuple(units[position].tolist()))
        np.testing.assert_allclose(first(*arguments), wanted, rtol=1e-11)
        for other in moving:
            second = derivative(first, other)(*arguments)
            wanted = exact(oracle, points, tuple((units[position] + units[other]).tolist()))
            np.testing.assert_allclose(second, wanted, rtol=1e-9, atol=1e-11)
    for position in fixed:
        with pytest.raises(
            TypeError, match=rf"scipy.special.{name} has no derivative with respect to operand {position}"
        ):
            derivative(function, position)(*(x.astype(float) for x in arguments))


@pytest.mark.parametrize("name", [*UNARY, *BINARY, *SEVERAL])
def test_reverse_mode(name):
    points = (UNARY | BINARY | SEVERAL)[name][1]
    operands = operands_of(name, points)
    moving = [0] if name in UNARY else moving_operands(name)

    def restricted(*moved):
        arguments = list(operands)
        for position, x in zip(moving, moved, strict=True):
            arguments[position] = x
        return getattr(special, name)(*arguments)

    arrays = tuple(operands[position] for position in moving)
    reverse_checks.check_gradient(restricted, arrays)
    reverse_checks.check_each_operand(restricted, arrays)
    reverse_checks.check_second_order(restricted, arrays)


@pytest.mark.parametrize("name", UNARY)
def test_precision_of_float32(name):
    function = getattr(special, name)
    x = np.array(UNARY[name][1], np.float32)
    value, slope = jvp(function, (x,), (np.ones_like(x),))
    assert value.dtype == slope.dtype == function(x).dtype
    second = derivative(derivative(function))(x)
    assert second.dtype == function(x).dtype


def test_directions_at_once():
    x = np.array([0.3, 0.7])
    for function in (special.erf, special.gammaln, lambda x: special.betainc(2.0, [0.5, 1.5], x)):
        np.testing.assert_allclose(
            jacfwd(function)(x), np.expand_dims(derivative(function)(x), -1) * np.eye(2), rtol=1e-15
        )


SHAPES = [0.001, 0.01, 0.3, 2.5, 50.0, 3000.0]
SHARES = [1e-8, 0.05, 0.5, 0.95, 1 - 1e-8]


def test_incomplete_gamma_function_by_its_shape():
    a = np.repeat(SHAPES, len(SHARES))
    x = special.gammaincinv(a, np.tile(SHARES, len(SHAPES)))
    a, x = a[x > 1e-290], x[x > 1e-290]
    points = list(zip(a, x, strict=True))
    first = derivative(special.gammainc)
    np.testing.assert_allclose(first(a, x), exact(lower_share, points, (1, 0)), rtol=1e-12)
    np.testing.assert_allclose(derivative(first)(a, x), exact(lower_share, points, (2, 0)), rtol=1e-9)
    np.testing.assert_array_equal(first(np.array([2.0, 3.0]), np.array([0.0, np.inf])), [0, 0])
    assert np.isnan(first(np.array([np.nan]), np.array([1.0])))


def test_incomplete_beta_function_by_its_shapes():
    a, b, share = (x.ravel() for x in np.meshgrid([0.01, 0.3, 3.0, 300.0], [0.01, 1.0, 20.0], [1e-6, 0.3, 0.95]))
    x = special.betaincinv(a, b, share)
    inside = (x > 1e-30) & (x < 1 - 1e-12)
    points = list(zip(a[inside], b[inside], x[inside], strict=True))
    arguments = np.array(points).T
    for position, orders in ((0, (1, 0, 0)), (1, (0, 1, 0))):
        first = derivative(special.betainc, position)
        np.testing.assert_allclose(first(*arguments), exact(beta_share, points, orders), rtol=1e-10)
    np.testing.assert_array_equal(derivative(special.betainc)(np.ones(2), np.ones(2), np.array([0.0, 1.0])), [0, 0])


def test_shapes_of_many_elements():
    a, x = np.linspace(0.5, 9.0, 3), np.linspace(0.1, 12.0, 2000)[:, np.newaxis]
    for function, further in ((special.gammainc, ()), (special.betainc, (2.0,))):
        by_shape = derivative(lambda a, x, f=function, more=further: f(a, *more, x))
        points = x / 13 if further else x
        found = by_shape(np.broadcast_to(a, (2000, 3)), points)
        assert found.shape == (2000, 3)
        for row in (0, 1364, 1365, 1366, 1999):  # 4096 elements are integrated at once
            np.testing.assert_array_equal(found[row], by_shape(a, points[row]))


def test_branches_of_lambert_w():
    for k, points in ((0, [-0.3, 0.0, 1e-9, 0.7, 40.0]), (-1, [-0.3, -0.01])):
        z = np.array(points)
        function = derivative(lambda z, k=k: special.lambertw(z, k))
        wanted = [complex(mp.diff(lambda z, k=k: mp.lambertw(z, k), mp.mpf(point))) for point in points]
        np.testing.assert_allclose(function(z), wanted, rtol=1e-13)
        wanted = [complex(mp.diff(lambda z, k=k: mp.lambertw(z, k), mp.mpf(point), 2)) for point in points]
        np.testing.assert_allclose(derivative(function)(z), wanted, rtol=1e-12)
    reverse_checks.check_gradient(special.lambertw, (np.array([0.3, 2.0]),))


def test_faddeeva_function():
    x = np.array([-1.2, 0.0, 0.7])
    slope = derivative(lambda x: special.wofz(x + 0j))
    for order, function in ((1, slope), (2, derivative(slope))):
        wanted = [complex(mp.diff(lambda x: mp.exp(-x * x) * mp.erfc(-1j * x), mp.mpf(point), order)) for point in x]
        np.testing.assert_allclose(function(x), wanted, rtol=1e-13, atol=1e-14)


def test_zero_times_logarithm():
    x, y = np.array([0.0, 0.0, 2.0]), np.array([0.0, 3.0, 4.0])
    np.testing.assert_array_equal(derivative(special.xlogy, 1)(x, y), [0, 0, 0.5])
    np.testing.assert_array_equal(derivative(derivative(special.xlogy, 1), 0)(x, y)[1:], [1 / 3, 0.25])
    np.testing.assert_array_equal(derivative(special.xlog1py, 1)(x, y), [0, 0, 0.4])
    gradient = jacfwd(lambda y: special.xlogy(np.zeros(2), y))(np.zeros(2))
    np.testing.assert_array_equal(gradient, np.zeros((2, 2)))


def test_constants_are_accepted():
    assert not isinstance(special.gammasgn(Dual(np.array([-0.5]), np.ones((1, 1)), 1)), Dual)
    np.testing.assert_allclose(derivative(lambda x: special.jv(2, x))(np.array([1.0])), [special.jvp(2, 1.0)])


def test_likelihood_of_a_negative_binomial_distribution():
    counts = np.array([0, 3, 1, 7])

    def log_likelihood(parameters):
        size, logit = parameters[0], parameters[1]
        return np.sum(
            special.gammaln(counts + size) - special.gammaln(size) - special.gammaln(counts + 1)
            + size * special.log_expit(-logit) + counts * special.log_expit(logit)
        )  # fmt: skip

    point = np.array([2.5, 0.3])
    gradient = grad(log_likelihood)(point)
    for i, unit in enumerate(np.eye(2)):
        step = 1e-5 * unit
        slope = (log_likelihood(point + step) - log_likelihood(point - step)) / 2e-5
        np.testing.assert_allclose(gradient[i], slope, rtol=1e-8)


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_functions_that_numpy_does_not_hand_over(name):
    x = np.array([0.3, -0.2, 1.0])
    with pytest.raises(TypeError, match=rf"scipy\.special\.{name} .*call numbafunc\.{name}"):
        jvp(getattr(special, name), (x,), (x,))
    value, _ = jvp(getattr(numbafunc.scipy.special, name), (x,), (x,))
    np.testing.assert_allclose(value, getattr(special, name)(x), rtol=1e-14)


@pytest.mark.parametrize("name", ["struve", "airy", "ellipj", "fdtri"])
def test_function_without_a_rule_is_named(name):
    function = getattr(special, name)
    x = Dual(np.array([0.5]), np.ones((1, 1)), 1)
    with pytest.raises(TypeError, match=rf"the ufunc {name} has no rule .*stop_gradient"):
        function(*[x] * function.nin)


def test_ufunc_of_the_same_name_is_another():
    def erf(x):
        return x * x

    stranger = np.frompyfunc(erf, 1, 1)
    np.testing.assert_array_equal(stranger(Dual(np.array([0.5]), np.ones((1, 1)), 1)).tangent, [[1.0]])
    assert find_ufunc_rule(np.exp2) is None


def test_scipy_is_not_imported():
    code = (
        "import sys, numpy as np, numbafunc\n"
        "x = np.array([0.5])\n"
        "numbafunc.jvp(np.sinc, (x,), (x,))\n"
        "try: numbafunc.jvp(np.spacing, (x,), (x,))\n"
        "except TypeError: pass\n"
        "assert 'scipy.special' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("function", [special.wofz, lambda x: special.lambertw(x - 2)], ids=["wofz", "lambertw"])
def test_complex_functions_of_real_arguments_in_reverse(function):
    x = np.array([0.3, 0.5])
    wanted = np.diag((function(x + 1e-5) - function(x - 1e-5)) / 2e-5)
    np.testing.assert_allclose(numbafunc.jacrev(function)(x), wanted, rtol=1e-8, atol=1e-9)
    second = numbafunc.jacfwd(numbafunc.jacfwd(function))(x)
    np.testing.assert_allclose(numbafunc.jacrev(numbafunc.jacrev(function))(x), second, rtol=1e-12, atol=1e-12)
