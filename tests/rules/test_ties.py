"""Ties, NaN, infinities and empty arrays in reductions, sorting and quantiles: which tangent is taken."""

import warnings

import numpy as np
import pytest

import numbafunc
from numbafunc.autodiff import Dual
from numbafunc.dual.array import value_of

INF, NAN = np.inf, np.nan


def dual(values):
    values = np.array(values, float)
    return Dual(values, np.arange(1.0, values.size + 1).reshape(1, *values.shape), 1)


CASES = [
    (np.max, [1, 3, 3, 2], 2),
    (np.min, [1, 0, 3, 0], 2),
    (np.maximum.reduce, [1, 3, 3, 2], 2),
    (np.maximum.accumulate, [1, 3, 3, 2, NAN, 4], [1, 2, 2, 2, 5, 5]),
    (np.minimum.accumulate, [1, 3, 0, 0], [1, 1, 3, 3]),
    (np.fmax.accumulate, [NAN, 1, NAN, 1, 2], [1, 2, 2, 2, 5]),
    (np.fmax.reduce, [NAN, 1, 2, 2], 3),
    (np.max, [1, NAN, 3, NAN], 2),
    (np.nanmax, [-INF, NAN, -INF], 1),
    (np.nanmax, [NAN, -INF, -INF], 2),
    (np.nanmin, [NAN, INF, 1], 3),
    (np.nanmax, [NAN, NAN], 1),
    (np.max, 2.0, 1),
    (lambda x: np.max(np.reshape(x, (2, 2)), axis=(1, 0)), [2, 5, 5, 1], 2),
    (np.ptp, [2, 5, 5, 2], 2 - 1),
    (lambda x: np.linalg.norm(x, np.inf), [2, 5, -5], 2),
    (lambda x: np.max(x[:2], initial=x[2]), [3, 5, 5], 2),
    (lambda x: np.maximum(x[:2], x[2:]), [5, 5, 5, 5], [1, 2]),
    (np.median, [5, 5, 1, 5, 5], 2),
    (np.median, [2, 1, 2, 2], (1 + 3) / 2),
    (np.median, [NAN, 1, 0], 2),
    (np.nanmedian, [NAN, 1, 0], 2.5),
    (np.median, 2.0, 1),
    (np.sort, [NAN, 1, 0, 1], [3, 2, 4, 1]),
    (np.unique, [1.0, 0, 1, NAN, NAN], [2, 1, 4]),
    (lambda x: np.quantile(x, [0, 0.5, 1]), [-INF, 1, INF], [1, 2, 3]),
    (lambda x: np.clip(x, 0, 1), [0, 1, 2, -1], [1, 2, 0, 0]),
    (np.std, [2, 2, 2], 0),
    (np.var, [2.0], 0),
    (np.sum, [], 0),
    (np.prod, [], 0),
    (np.prod, [0, 5, 0], 0),
    (np.prod, [0, 5, 2], 10),
    (np.cumprod, [0, 5, 0], [1, 5, 0]),
    (np.prod, [1e-200, 1e-200, 1e300], 1e100 + 2e100),
    (np.nansum, [NAN, 1, INF], 5),
    (np.nanmean, [NAN, 1, 2], 2.5),
    (np.nan_to_num, [NAN, 1, INF, -INF], [0, 2, 0, 0]),
    (np.logaddexp.reduce, [-INF, -INF, 1], 3),
    (np.logaddexp.accumulate, [-INF, -INF, 1], [1, 0, 3]),
    *(
        case
        for ufunc in (np.logaddexp, np.logaddexp2)
        for case in (
            (lambda x, ufunc=ufunc: ufunc(x[0], x[1]), [-INF, -INF], 0),
            (lambda x, ufunc=ufunc: ufunc(x[0], x[1]), [INF, INF], 1.5),
            (lambda x, ufunc=ufunc: ufunc(x[0], x[1]), [3, INF], 2),
            (lambda x, ufunc=ufunc: ufunc(x, INF), [INF, -INF], [0.5, 0]),
            (lambda x, ufunc=ufunc: ufunc(x, -INF), [INF, -INF], [1, 0]),
        )
    ),
    (np.sinc, [0.0, 1.0], [0, -2]),
    (lambda x: np.power(x[0], x[1]), [0, 1], 1),
]


@pytest.mark.parametrize(("function", "values", "tangent"), CASES)
def test_tangent(function, values, tangent):
    x = dual(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(x)
        np.testing.assert_array_equal(result.primal, function(x.primal))
    np.testing.assert_allclose(result.tangent[0], tangent, rtol=1e-12)


@pytest.mark.parametrize(("function", "values", "tangent"), CASES)
def test_gradient_by_reverse_mode(function, values, tangent):
    x = dual(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, pull = numbafunc.vjp(function, x.primal)
        for position, wanted in np.ndenumerate(np.asarray(tangent, float)):
            cotangent = np.zeros(np.shape(tangent))
            cotangent[position] = 1.0
            (gradient,) = pull(cotangent)
            np.testing.assert_allclose(np.sum(gradient * x.tangent[0]), wanted, rtol=1e-12)


@pytest.mark.parametrize("pad", [np.pad, numbafunc.pad], ids=["numpy", "numbafunc"])
@pytest.mark.parametrize(
    ("mode", "values", "margins"),
    [
        ("maximum", [2, 5, 5, 1], [(2 + 3) / 2, (2 + 3) / 2]),
        ("minimum", [1, 5, 1, 1], [(1 + 3 + 4) / 3, (1 + 3 + 4) / 3]),
        ("median", [5, 5, 5, 5], [(2 + 3) / 2, (2 + 3) / 2]),
        ("maximum", [1, NAN, NAN], [(2 + 3) / 2, (2 + 3) / 2]),
        ("maximum", [INF, INF, 0], [(1 + 2) / 2, (1 + 2) / 2]),
    ],
)
def test_elements_that_tie_share_margins(pad, mode, values, margins):
    x = dual(values)
    result = pad(x, 1, mode)
    np.testing.assert_array_equal(result.primal, np.pad(x.primal, 1, mode))
    np.testing.assert_array_equal(result.tangent[0], [margins[0], *x.tangent[0], margins[1]])


@pytest.mark.parametrize("pad", [np.pad, numbafunc.pad], ids=["numpy", "numbafunc"])
def test_elements_that_tie_share_margins_to_second_order(pad):
    x, t = np.array([3.0, -3.0, 1.0, 1.0]), np.array([1.0, 3.0, INF, 1.0])

    def margins(x):
        return pad(x * x, 1, "maximum", stat_length=2)[::5]

    value, (first, second) = numbafunc.jvp(lambda x: numbafunc.jvp(margins, (x,), (t,)), (x,), (t,))
    np.testing.assert_array_equal(value[0], [9, 1])
    np.testing.assert_array_equal(value[1], [(6 - 18) / 2, INF])
    np.testing.assert_array_equal((first[0], second[0]), ((6 - 18) / 2, (2 * 1 + 2 * 9) / 2))


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: np.max(x[:0]), ValueError, "zero-size"),
        (lambda x: np.max(x, 3), np.exceptions.AxisError, "out of bounds"),
        (lambda x: np.prod(x, 3), np.exceptions.AxisError, "out of bounds"),
        (lambda x: np.sort(x, 3), np.exceptions.AxisError, "out of bounds"),
        (lambda x: np.quantile(x, 1.3), ValueError, "range"),
        (lambda x: np.quantile(np.ones(3), x), TypeError, "q can't be"),
        (lambda x: np.choose(x, [1, 2]), TypeError, "choice"),
        (lambda x: np.insert(np.arange(3), 0, x[0]), TypeError, "int64"),
        (lambda x: np.subtract.reduce(x, axis=(0, 1)), np.exceptions.AxisError, "out of bounds"),
        (lambda x: np.add(x, 1, dtype=int), TypeError, "drop its derivative"),
        (lambda x: np.add(x, 1, casting="unsafe"), TypeError, "casting"),
        (lambda x: np.mean([x, x]), TypeError, "numpy.stack"),
    ],
)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call(dual([1, 2, 3]))


@pytest.mark.parametrize(
    "query",
    [
        lambda x: np.digitize(x, [0.0, 1.0]), lambda x: np.lexsort((x, x)), lambda x: np.argpartition(x, 1),
        np.nanargmax, lambda x: np.isin(x, [1.0]), np.argwhere, np.isposinf, np.fix, lambda x: x.argmax(),
        lambda x: x.any(), lambda x: x.argsort(),
        lambda x: x.round(), lambda x: x.nonzero()[0], lambda x: x.searchsorted(1.5), lambda x: np.array_equiv(x, x),
        lambda x: np.histogram(x, [0, 1, 4])[0],
    ],
)  # fmt: skip
def test_queries_look_at_the_value(query):
    x = dual([1, 3, 2])
    np.testing.assert_array_equal(query(x), query(value_of(x)))


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(
    ("function", "values", "hessian"),
    [
        (np.logaddexp, [INF, INF], [[0.25, -0.25], [-0.25, 0.25]]),
        (np.logaddexp, [-INF, -INF], [[0, 0], [0, 0]]),
        (lambda x, y: np.logaddexp.reduce(np.stack([x, y])), [INF, INF], [[0.25, -0.25], [-0.25, 0.25]]),
        # x**y has the derivative x**(y - 1) * (1 + y * log(x)) by both.
        (np.power, [0, 0], [[0, INF], [INF, INF]]),
        (np.power, [0, 1], [[0, -INF], [-INF, 0]]),
        (np.power, [0, 2], [[2, 0], [0, 0]]),
        (np.power, [2, 0], [[0, 0.5], [0.5, np.log(2) ** 2]]),
        (np.float_power, [0, 1], [[0, -INF], [-INF, 0]]),
    ],
)
def test_second_derivatives_where_a_factor_is_zero(function, values, hessian, mode):
    gradient = numbafunc.grad(lambda x: function(x[0], x[1]), mode=mode)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(numbafunc.jacfwd(gradient)(np.array(values, float)), hessian, rtol=1e-14)
