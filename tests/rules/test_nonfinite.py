"""Kinks, selections, zeros, infinities and NaN in derivatives; and silence about them."""

import numba
import numpy as np
import pytest

import numbafunc
from numbafunc.autodiff import grad, jacfwd, jvp
from numbafunc.dual.tables import FUNCTION_RULES
from numbafunc.dual.trees import flatten

INF, NAN = np.inf, np.nan


def derivative(f):
    return lambda x: jvp(f, (x,), (np.ones_like(x),))[1]


@pytest.mark.parametrize("absolute", [abs, np.abs, np.fabs])
def test_absolute_at_its_kink(absolute):
    x = np.array([-2.0, -0.0, 0.0, 3.0, NAN, INF, -INF])
    np.testing.assert_array_equal(derivative(absolute)(x), [-1, 1, 1, 1, -1, 1, -1])
    np.testing.assert_array_equal(derivative(derivative(absolute))(x), np.zeros(7))


@pytest.mark.parametrize(
    ("ufunc", "taken"),
    [
        (np.maximum, [1, 2, 1, 1, 2, 1]),
        (np.minimum, [2, 1, 1, 1, 2, 1]),
        (np.fmax, [1, 2, 1, 2, 1, 1]),
        (np.fmin, [2, 1, 1, 2, 1, 1]),
    ],
)
def test_selection_takes_one_operand(ufunc, taken):
    x = np.array([3.0, 1.0, 2.0, NAN, 1.0, NAN])
    y = np.array([1.0, 3.0, 2.0, 1.0, NAN, NAN])
    value, tangent = jvp(ufunc, (x, y), (np.full(6, 1.0), np.full(6, 2.0)))
    np.testing.assert_array_equal(value, ufunc(x, y))
    np.testing.assert_array_equal(tangent, taken)
    for spoiled in (INF, NAN):
        directions = [np.where(np.array(taken) == 1, 1.0, spoiled), np.where(np.array(taken) == 2, 2.0, spoiled)]
        np.testing.assert_array_equal(jvp(ufunc, (x, y), directions)[1], taken)


ORDERED = [
    *(np.sort, np.max, np.min, np.nanmax, np.nanmin, np.argmax, np.argmin, np.nanargmax, np.argsort, np.ptp, np.median),
    *(np.nanmedian, np.unique, np.maximum.reduce, np.fmax.reduce, np.maximum.accumulate, lambda x: np.partition(x, 3)),
    *(lambda x: np.maximum(x[:4], x[4:]), lambda x: np.fmin(x[:4], x[4:]), lambda x: np.clip(x, x[3], 1.0)),
    *(lambda x: np.quantile(x, 0.3), lambda x: np.linalg.norm(x, np.inf), lambda x: numbafunc.top_k(x, 5).values),
    lambda x: numbafunc.max_pool_2d(x.reshape(1, 1, 2, 4), 2),
]
COMPILED = [
    numba.njit(function)
    for function in (
        lambda x: np.max(x) + np.min(x[:3]),
        lambda x: (x.argmax(), x.argmin(), np.argsort(x)),
        lambda x: np.sort(x),
        lambda x: (np.nanmax(x), np.nanmin(x), max(x[0], x[1]), min(x[0], x[1])),
        lambda x: (np.maximum(x[:4], x[4:]), np.fmax(x[:4], x[4:])),
        lambda x: numbafunc.top_k(x, 5).values,
    )
]


@pytest.mark.filterwarnings("ignore::numbafunc.errors.CompiledDerivativeWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", [*ORDERED, *COMPILED])
def test_the_sign_of_a_nan_decides_nothing(function, dtype):
    t = np.arange(1, 9).astype(dtype)
    found = []
    with np.errstate(invalid="ignore"):
        for sign in (1, -1):
            nan = np.copysign(NAN, sign)
            x = np.array([2, nan, -1, INF, 2, nan, -INF, 1], dtype)
            found.append([function(x), *jvp(function, (x,), (t,))])
    np.testing.assert_array_equal(*(np.concatenate([*map(np.ravel, flatten(result)[0])]) for result in found))


def test_operand_not_taken_contributes_nothing():
    relu = lambda x: np.maximum(x, 0)  # noqa: E731
    assert jvp(relu, (np.array([-1.0]),), (np.array([INF]),))[1] == 0
    assert jvp(lambda x: np.where(x > 0, x, 0), (np.array([-1.0]),), (np.array([NAN]),))[1] == 0
    assert jvp(lambda x: np.clip(x, 0, 1), (np.array([-1.0]),), (np.array([NAN]),))[1] == 0


def test_guarded_square_root():
    with np.errstate(invalid="ignore"):
        gradient = grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)))(np.array([-1.0, 0.0, 4.0]))
    np.testing.assert_array_equal(gradient, [0, 0, 0.25])


def test_clip():
    x = np.array([-1.0, 0.0, 0.5, 1.0, 2.0])
    np.testing.assert_array_equal(derivative(lambda x: np.clip(x, 0, 1))(x), [0, 1, 1, 1, 0])
    np.testing.assert_array_equal(derivative(lambda x: x.clip(min=0))(x), [0, 1, 1, 1, 1])
    # NumPy 2.1 added these names.
    bounded = FUNCTION_RULES[np.clip]
    np.testing.assert_array_equal(derivative(lambda x: bounded(x, min=0, max=1))(x), [0, 1, 1, 1, 0])
    np.testing.assert_array_equal(derivative(lambda x: np.clip(0.5, x, 1))(x), [0, 0, 0, 1, 0])


@pytest.mark.parametrize("number", [int, float, np.float64, np.int64, np.array])
@pytest.mark.parametrize(("exponent", "first", "second"), [(0, 0, 0), (1, 1, 0), (2, 0, 2), (3, 0, 0), (4, 0, 0)])
@pytest.mark.parametrize("power", [lambda x, n: x**n, np.power, np.float_power])
def test_constant_exponent_at_zero(power, exponent, first, second, number):
    f = lambda x: power(x, number(exponent))  # noqa: E731
    x = np.array([0.0])
    np.testing.assert_array_equal(derivative(f)(x), [first])
    np.testing.assert_array_equal(derivative(derivative(f))(x), [second])
    np.testing.assert_array_equal(derivative(lambda x: f(x - 2.0))(x), [exponent * (-2.0) ** max(exponent - 1, 0)])


def test_array_of_exponents_at_zero():
    x, n = np.zeros(4), np.arange(4)
    np.testing.assert_array_equal(derivative(lambda x: x**n)(x), [0, 1, 0, 0])
    np.testing.assert_array_equal(derivative(derivative(lambda x: x**n))(x), [0, 0, 2, 0])


def test_power_by_exponent_at_the_edges():
    base = np.array([0.0, 0.0, INF, 2.0, -1.0])
    exponent = np.array([2.0, 0.5, -1.0, 3.0, 2.0])
    tangent = derivative(lambda y: np.power(base, y))(exponent)
    np.testing.assert_array_equal(tangent, [0, 0, 0, np.log(2.0) * 8, NAN])


def test_infinite_slopes_follow_ieee():
    with np.errstate(divide="ignore"):
        zero = np.array([0.0])
        assert derivative(np.sqrt)(zero) == INF
        assert derivative(np.cbrt)(zero) == INF
        assert derivative(np.log)(zero) == INF
        assert derivative(lambda x: 1 / x)(zero) == -INF
        assert derivative(np.reciprocal)(np.array([-0.0])) == -INF


@pytest.mark.parametrize(
    ("f", "x", "gradient"),
    [
        (np.sqrt, [0.0, 1.0], [INF, 0.5]),
        (lambda x: 1 / x, [0.0, 1.0], [-INF, -1.0]),
        (lambda x: x / np.array([0.0, 2.0]), [3.0, 1.0], [INF, 0.5]),
        (lambda x: x * np.array([INF, 2.0]), [3.0, 1.0], [INF, 2.0]),
        (np.exp, [1000.0, 0.0], [INF, 1.0]),
        (lambda x: x * x, [INF, 1.0], [INF, 2.0]),
        (lambda x: np.multiply(x, x), [NAN, 1.0], [NAN, 2.0]),
        (np.sin, [NAN, 0.0], [NAN, 1.0]),
        (lambda x: x**0.5, [0.0, 1.0], [INF, 0.5]),
        (lambda x: np.arctan2(x, np.array([0.0, 1.0])), [0.0, 0.0], [NAN, 1.0]),
    ],
)
def test_an_element_spoils_no_other_direction(f, x, gradient):
    x = np.array(x)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(jacfwd(f)(x), np.diag(gradient))
        mixed = jacfwd(jacfwd(f))(x)
        assert np.count_nonzero(mixed) <= 2
        np.testing.assert_array_equal(mixed[1, 0], [0, 0])
        np.testing.assert_array_equal(mixed[0, 1], [0, 0])


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.sqrt, 0.0),
        (np.exp, 709.0),
        (np.tan, 1.5707963267948966),
        (lambda x: x * 1e300, 1e5),
        (lambda x: np.power(x, 0.5), 0.0),
        (np.cosh, 710.0),
        (lambda x: np.hypot(x, 0.0), 0.0),
        (lambda x: x / 1e-300, 1.0),
    ],
)
def test_no_warning_that_the_value_does_not_raise(f, x):
    f(np.float64(x))
    for direction in (1.0, 1e308, INF):
        jvp(f, (x,), (direction,))
        jvp(derivative(f), (x,), (direction,))


def test_warnings_of_the_value_are_kept():
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in log"):
        jvp(np.log, (0.0,), (1.0,))
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        jvp(np.log, (0.0,), (1.0,))
