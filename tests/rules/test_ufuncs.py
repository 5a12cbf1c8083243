"""Derivatives of elementwise ufuncs: first and second order against mpmath, dtypes, batches, broadcasting."""

import itertools

import mpmath
import numpy as np
import pytest

from numbafunc.autodiff import Dual, jacfwd, jvp
from numbafunc.dual.tables import UFUNC_RULES

ANY = (-2.3, -0.4, 0.7, 3.1)
POSITIVE = (0.05, 0.7, 1.0, 9.5)
INSIDE = (-0.9, -0.2, 0.3, 0.8)

# ufunc: (the function in mpmath, where to look)
UNARY = {
    np.exp: (mpmath.exp, ANY),
    np.exp2: (lambda x: mpmath.mpf(2) ** x, ANY),
    np.expm1: (mpmath.expm1, (*ANY, 1e-9)),
    np.log: (mpmath.log, POSITIVE),
    np.log2: (lambda x: mpmath.log(x, 2), POSITIVE),
    np.log10: (mpmath.log10, POSITIVE),
    np.log1p: (lambda x: mpmath.log(1 + x), INSIDE),
    np.sqrt: (mpmath.sqrt, POSITIVE),
    np.cbrt: (lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), ANY),
    np.square: (lambda x: x * x, ANY),
    np.reciprocal: (lambda x: 1 / x, ANY),
    np.tanh: (mpmath.tanh, (*ANY, 15.0)),
    np.sinh: (mpmath.sinh, ANY),
    np.cosh: (mpmath.cosh, ANY),
    np.arcsinh: (mpmath.asinh, ANY),
    np.arccosh: (mpmath.acosh, (1.1, 2.0, 30.0)),
    np.arctanh: (mpmath.atanh, INSIDE),
    np.sin: (mpmath.sin, ANY),
    np.cos: (mpmath.cos, ANY),
    np.tan: (mpmath.tan, INSIDE),
    np.arcsin: (mpmath.asin, INSIDE),
    np.arccos: (mpmath.acos, INSIDE),
    np.arctan: (mpmath.atan, ANY),
    np.negative: (lambda x: -x, ANY),
    np.positive: (lambda x: +x, ANY),
    np.conjugate: (lambda x: +x, ANY),
    np.absolute: (abs, ANY),
    np.fabs: (abs, ANY),
    np.deg2rad: (lambda x: x * mpmath.pi / 180, ANY),
    np.radians: (lambda x: x * mpmath.pi / 180, ANY),
    np.rad2deg: (lambda x: x * 180 / mpmath.pi, ANY),
    np.degrees: (lambda x: x * 180 / mpmath.pi, ANY),
}

PAIRS = ((0.7, 1.9), (2.5, 0.4), (3.1, 3.3))
SIGNED = (*PAIRS, (-0.7, 1.3), (1.6, -2.2), (-3.7, -0.9))


def fmod(x, y):
    quotient = x / y
    return x - y * (mpmath.floor(quotient) if quotient > 0 else mpmath.ceil(quotient))


BINARY = {
    np.add: (lambda x, y: x + y, SIGNED),
    np.subtract: (lambda x, y: x - y, SIGNED),
    np.multiply: (lambda x, y: x * y, SIGNED),
    np.divide: (lambda x, y: x / y, SIGNED),
    np.power: (lambda x, y: x**y, PAIRS),
    np.float_power: (lambda x, y: x**y, PAIRS),
    np.maximum: (max, SIGNED),
    np.minimum: (min, SIGNED),
    np.fmax: (max, SIGNED),
    np.fmin: (min, SIGNED),
    np.arctan2: (mpmath.atan2, SIGNED),
    np.hypot: (mpmath.hypot, SIGNED),
    np.logaddexp: (lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)), SIGNED),
    np.logaddexp2: (lambda x, y: mpmath.log(mpmath.mpf(2) ** x + mpmath.mpf(2) ** y, 2), SIGNED),
    np.remainder: (lambda x, y: x - y * mpmath.floor(x / y), SIGNED),
    np.fmod: (fmod, SIGNED),
    np.copysign: (lambda x, y: abs(x) * mpmath.sign(y), SIGNED),
    np.heaviside: (lambda x, y: mpmath.mpf(x > 0), SIGNED),
}

# Derivative zero wherever there is one, or a truth value: plain arrays.
ON_VALUE = [
    np.spacing,
    np.sign, np.floor, np.ceil, np.trunc, np.rint, np.floor_divide, np.isnan, np.isinf, np.isfinite, np.signbit,
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
]  # fmt: skip

names = pytest.mark.parametrize


def name_of(ufunc):
    return getattr(ufunc, "__name__", None)


def derivative(f):
    return lambda x: jvp(f, (x,), (np.ones_like(x),))[1]


def exact(f, points, order):
    """Derivatives by mpmath at 60 digits; `order` is one number for each argument."""
    with mpmath.workdps(60):
        result = []
        for point in points:
            arguments = tuple(map(mpmath.mpf, np.atleast_1d(point)))
            if len(arguments) == 1:
                result.append(float(mpmath.diff(f, arguments[0], order[0])))
            else:
                result.append(float(mpmath.diff(f, arguments, order)))
        return np.array(result)


def test_every_rule_is_tested():
    products = {getattr(np, name) for name in ("matmul", "vecdot", "matvec", "vecmat") if hasattr(np, name)}
    apart = {np.ldexp, np.divmod, np.modf, np.frexp, np.nextafter} | products
    of_numpy = {ufunc for ufunc in UFUNC_RULES if getattr(np, ufunc.__name__, None) is ufunc}
    assert set(UNARY) | set(BINARY) | set(ON_VALUE) | apart == of_numpy


@names("ufunc", UNARY, ids=name_of)
def test_first_and_second_derivative(ufunc):
    oracle, points = UNARY[ufunc]
    x = np.array(points)
    np.testing.assert_array_equal(jvp(ufunc, (x,), (np.ones_like(x),))[0], ufunc(x))
    np.testing.assert_allclose(derivative(ufunc)(x), exact(oracle, points, (1,)), rtol=2e-15, atol=1e-300)
    second = derivative(derivative(ufunc))(x)
    np.testing.assert_allclose(second, exact(oracle, points, (2,)), rtol=2e-14, atol=1e-30)


@names("ufunc", BINARY, ids=name_of)
def test_partial_derivatives_to_second_order(ufunc):
    oracle, points = BINARY[ufunc]
    x, y = np.array(points).T

    def by_x(f):
        return lambda x, y: jvp(lambda x: f(x, y), (x,), (np.ones_like(x),))[1]

    def by_y(f):
        return lambda x, y: jvp(lambda y: f(x, y), (y,), (np.ones_like(y),))[1]

    for f, order in (
        (by_x(ufunc), (1, 0)),
        (by_y(ufunc), (0, 1)),
        (by_x(by_x(ufunc)), (2, 0)),
        (by_x(by_y(ufunc)), (1, 1)),
        (by_y(by_x(ufunc)), (1, 1)),
        (by_y(by_y(ufunc)), (0, 2)),
    ):
        expected = exact(oracle, points, order)
        np.testing.assert_allclose(f(x, y), expected, rtol=2e-14, atol=1e-14, err_msg=str(order))
    together = jvp(ufunc, (x, y), (np.full_like(x, 2.0), np.full_like(y, -3.0)))[1]
    expected = 2 * exact(oracle, points, (1, 0)) - 3 * exact(oracle, points, (0, 1))
    np.testing.assert_allclose(together, expected, rtol=1e-14, atol=1e-14)


@names("dtype", [np.float16, np.float32, np.float64])
@names("ufunc", [*UNARY, *BINARY], ids=name_of)
def test_dtype_is_that_of_numpy(ufunc, dtype):
    arguments = [np.array(column, dtype) for column in np.array((UNARY | BINARY)[ufunc][1]).T[: ufunc.nin]]
    if ufunc.nin == 1:
        arguments = [np.array(UNARY[ufunc][1], dtype)]
    directions = [np.ones_like(x) for x in arguments]
    value, tangent = jvp(ufunc, arguments, directions)
    assert value.dtype == tangent.dtype == ufunc(*arguments).dtype
    wide = jvp(ufunc, [x.astype(float) for x in arguments], [v.astype(float) for v in directions])[1]
    precision = np.finfo(dtype).eps
    np.testing.assert_allclose(tangent.astype(float), wide, rtol=20 * precision, atol=20 * precision)


@names("other", [np.int8(3), np.uint8(3), np.int64(3), 3, True, np.float64(3), 3.0, [3, 3, 3]], ids=repr)
@names("ufunc", [u for u in BINARY if u is not np.copysign], ids=name_of)
def test_constant_of_another_dtype(ufunc, other):
    x = np.array([0.5, 1.5, 2.5], np.float16)
    for order in (lambda a: (a, other), lambda a: (other, a)):
        value, tangent = jvp(lambda x, order=order: ufunc(*order(x)), (x,), (np.ones_like(x),))
        expected = ufunc(*order(x))
        assert value.dtype == tangent.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)
        wide = jvp(lambda x, order=order: ufunc(*order(x)), (x.astype(float),), (np.ones(3),))[1]
        np.testing.assert_allclose(tangent.astype(float), wide, rtol=5e-3, atol=5e-3)


def test_unsigned_exponent_does_not_wrap():
    x = np.array([1e10, 1e10])
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(derivative(lambda x: x ** np.array([0, 1], np.uint8))(x), [0, 1])


def test_narrow_base_keeps_precision():
    # The logarithm of an int8 array is float16.
    base, x = np.array([3, 5], np.int8), np.array([0.5, 2.0])
    np.testing.assert_allclose(
        derivative(lambda x: np.power(base, x))(x), np.log([3.0, 5.0]) * np.array([3.0, 5.0]) ** x, rtol=1e-15
    )


@names("ufunc", [*UNARY, *BINARY], ids=name_of)
def test_batch_of_directions(ufunc):
    generator = np.random.default_rng(1)
    if ufunc.nin == 1:
        x = np.array(UNARY[ufunc][1])
        moved = [Dual(x, generator.normal(size=(3, *x.shape)), 1)]
    else:
        points = np.array(BINARY[ufunc][1]).T
        moved = [Dual(x, generator.normal(size=(3, *x.shape)), 1) for x in points]
    result = ufunc(*moved)
    for d in range(3):
        single = jvp(ufunc, [x.primal for x in moved], [x.tangent[d] for x in moved])
        np.testing.assert_array_equal(result.primal, single[0])
        np.testing.assert_allclose(result.tangent[d], single[1], rtol=1e-15)


SHAPES = [(), (3,), (1, 3), (2, 1, 3), (2, 4, 1), (0,), (2, 0, 1), (1,)]


@names("ufunc", BINARY, ids=name_of)
def test_broadcasting(ufunc):
    generator = np.random.default_rng(2)
    for left, right in itertools.product(SHAPES, SHAPES):
        try:
            shape = np.broadcast_shapes(left, right)
        except ValueError:
            continue
        x = Dual(generator.uniform(1, 2, left), generator.normal(size=(2, *left)), 1)
        y = Dual(generator.uniform(1, 2, right), generator.normal(size=(2, *right)), 1)
        whole_x = Dual(*(np.broadcast_to(a, s) for a, s in _stretched(x, shape)), 1)
        whole_y = Dual(*(np.broadcast_to(a, s) for a, s in _stretched(y, shape)), 1)
        for short, whole in (
            (ufunc(x, y), ufunc(whole_x, whole_y)),
            (ufunc(x, y.primal), ufunc(whole_x, whole_y.primal)),
            (ufunc(x.primal, y), ufunc(whole_x.primal, whole_y)),
        ):
            assert short.shape == shape
            assert short.tangent.shape == (2, *shape)
            np.testing.assert_array_equal(short.primal, whole.primal)
            np.testing.assert_array_equal(short.tangent, whole.tangent)


def _stretched(x, shape):
    tangent = x.tangent.reshape((2,) + (1,) * (len(shape) - x.ndim) + x.shape)
    return (x.primal, shape), (tangent, (2, *shape))


@names("ufunc", [*UNARY, *BINARY], ids=name_of)
def test_layout_does_not_matter(ufunc):
    generator = np.random.default_rng(3)
    storage = generator.uniform(0.2, 0.9, size=(ufunc.nin, 6, 8)) + (ufunc is np.arccosh)
    views = [a.T[::2, ::-1] for a in storage]
    directions = [generator.normal(size=(8, 6))[::2] for _ in views]
    strided = jvp(ufunc, views, directions)
    packed = jvp(ufunc, [v.copy() for v in views], [v.copy() for v in directions])
    for one, other in zip(strided, packed, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-15)


@names("ufunc", ON_VALUE, ids=name_of)
def test_on_value(ufunc):
    x = np.array([-1.5, 0.5, 2.5])
    y = np.array([2.0, 2.0, 2.5])
    inner = Dual(x, np.ones((1, 3)), 1)
    outer = Dual(inner, np.ones((1, 3)), 2)
    arguments = [x, y][: ufunc.nin]
    result = ufunc(*[outer, y][: ufunc.nin])
    assert isinstance(result, np.ndarray)
    np.testing.assert_array_equal(result, ufunc(*arguments))
    if ufunc.nin == 2:
        np.testing.assert_array_equal(ufunc(y, inner), ufunc(y, x))


def test_two_results():
    x = Dual(np.array([-1.5, 2.75]), np.ones((1, 2)), 1)
    whole, rest = divmod(x, 2.0)
    np.testing.assert_array_equal(whole, [-1, 1])
    np.testing.assert_array_equal(rest.primal, [0.5, 0.75])
    np.testing.assert_array_equal(rest.tangent, [[1, 1]])
    whole, rest = divmod(7.0, x)
    np.testing.assert_array_equal(rest.tangent, -whole[np.newaxis])
    fraction, whole = np.modf(x)
    np.testing.assert_array_equal(fraction.primal, [-0.5, 0.75])
    np.testing.assert_array_equal(fraction.tangent, [[1, 1]])
    np.testing.assert_array_equal(whole, [-1, 2])


def test_ldexp():
    x = Dual(np.array([1.5, 2.0]), np.array([[1.0, -3.0]]), 1)
    y = np.ldexp(x, np.array([[1], [2]]))
    np.testing.assert_array_equal(y.primal, [[3, 4], [6, 8]])
    np.testing.assert_array_equal(y.tangent, [[[2, -6], [4, -12]]])
    with pytest.raises(TypeError, match="ldexp"):
        np.ldexp(2.0, x)


@names(
    ("operator", "function"),
    [
        (lambda x: x + 2, np.add), (lambda x: x - 2, np.subtract), (lambda x: x * 2, np.multiply),
        (lambda x: x / 2, np.divide), (lambda x: x**2.5, lambda x, _: np.power(x, 2.5)),
        (lambda x: 2 + x, lambda x, c: np.add(c, x)), (lambda x: 2 - x, lambda x, c: np.subtract(c, x)),
        (lambda x: 2 * x, lambda x, c: np.multiply(c, x)), (lambda x: 2 / x, lambda x, c: np.divide(c, x)),
        (lambda x: 2**x, lambda x, c: np.power(2.0, x)), (lambda x: x % 2, np.remainder),
        (lambda x: 2 % x, lambda x, c: np.remainder(c, x)), (lambda x: -x, lambda x, _: np.negative(x)),
        (lambda x: +x, lambda x, _: np.positive(x)), (lambda x: abs(x), lambda x, _: np.absolute(x)),
        (lambda x: np.float64(2) * x, np.multiply), (lambda x: np.array([2.0, 2.0]) / x, lambda x, c: np.divide(c, x)),
    ],
)  # fmt: skip
def test_operators(operator, function):
    x = np.array([1.3, 2.7])
    for got, wanted in zip(
        jvp(operator, (x,), (np.ones(2),)), jvp(lambda x: function(x, 2), (x,), (np.ones(2),)), strict=True
    ):
        np.testing.assert_array_equal(got, wanted)


@names("exponent", [0, 1, 2, 3, 4, -1, -2, 0.5, 1.5, -0.5])
def test_power_operator_follows_arrays(exponent):
    x = np.array([0.3, 1.0, 2.2])
    value, tangent = jvp(lambda x: x**exponent, (x,), (np.ones(3),))
    np.testing.assert_array_equal(value, x**exponent)
    np.testing.assert_allclose(tangent, exponent * x ** (exponent - 1), rtol=1e-15)


def test_rebinding_operators():
    def f(x):
        x += 1
        x *= x
        x -= 0.5
        x /= 2
        return x

    x = np.array([1.0, 2.0])
    kept = x.copy()
    value, tangent = jvp(f, (x,), (np.ones(2),))
    np.testing.assert_array_equal(value, ((kept + 1) ** 2 - 0.5) / 2)
    np.testing.assert_array_equal(tangent, kept + 1)
    np.testing.assert_array_equal(x, kept)


def test_chain_against_complex_step():
    def f(x):
        return np.exp(-x) * np.sin(x * x) / (1 + x**3) - np.sqrt(x) * np.log(x)

    x = np.linspace(0.2, 2, 7)
    np.testing.assert_allclose(derivative(f)(x), f(x + 1e-200j).imag / 1e-200, rtol=1e-13)


def test_third_derivative():
    x = np.array([0.5, 1.2])
    third = derivative(derivative(derivative(lambda x: np.sin(x) * x)))(x)
    np.testing.assert_allclose(third, -3 * np.sin(x) - x * np.cos(x), rtol=1e-14)


def test_hessian_in_one_pass_each():
    x = np.array([0.5, 1.2, -0.3])
    hessian = jacfwd(jacfwd(lambda x: np.sum(np.exp(x * x[0]))))(x)
    e = np.exp(x * x[0])
    expected = np.diag(e * x[0] ** 2)
    cross = e * (1 + x * x[0])
    expected[0] += cross
    expected[:, 0] += cross
    expected[0, 0] = 0
    expected[0, 0] = np.sum(e[1:] * x[1:] ** 2) + e[0] * (2 + 4 * x[0] ** 2)
    np.testing.assert_allclose(hessian, expected, rtol=1e-14)
