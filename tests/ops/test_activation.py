"""Special values, kinks and odd parameters of the activations, one case for each rule of their definition."""

import mpmath
import numpy as np
import pytest
from chosen_backend import numbafunc

pytestmark = pytest.mark.any_backend

INF, NAN = np.inf, np.nan
POINTS = [-INF, -1e4, -1.5, 0.0, 0.5, 1e4, INF, NAN]

VALUES = {
    "celu": [-1, -1, -0.77686983, 0, 0.5, 1e4, INF, NAN],
    "elu": [-1, -1, -0.77686983, 0, 0.5, 1e4, INF, NAN],
    "gelu": [0, 0, -0.10021081, 0, 0.34573123, 1e4, INF, NAN],
    "hard_swish": [0, 0, -0.375, 0, 0.29166667, 1e4, INF, NAN],
    "leaky_relu": [-INF, -100, -0.015, 0, 0.5, 1e4, INF, NAN],
    "log_sigmoid": [-INF, -1e4, -1.7014133, -0.6931472, -0.474077, 0, 0, NAN],
    "mish": [0, 0, -0.29809974, 0, 0.37524521, 1e4, INF, NAN],
    "relu": [0, 0, 0, 0, 0.5, 1e4, INF, NAN],
    "selu": [-1.7580993, -1.7580993, -1.3658143, 0, 0.52535051, 10507.01, INF, NAN],
    "sigmoid": [0, 0, 0.18242553, 0.5, 0.62245935, 1, 1, NAN],
    "softplus": [0, 0, 0.20141329, 0.6931472, 0.974077, 1e4, INF, NAN],
    "swish": [0, 0, -0.27363829, 0, 0.31122967, 1e4, INF, NAN],
    "tanh": [-1, -1, -0.9051482, 0, 0.46211717, 1, 1, NAN],
    "rsqrt": [NAN, NAN, NAN, INF, 1.4142135, 0.01, 0, NAN],
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", VALUES)
def test_table_of_values(name, dtype):
    result = getattr(numbafunc, name)(np.array(POINTS, dtype))
    assert result.dtype == dtype
    np.testing.assert_allclose(result, np.array(VALUES[name], dtype), rtol=2e-3 if dtype is np.float16 else 2e-7)


def slope_of(function, x, *others):
    x = np.asarray(x, np.float64)
    return numbafunc.jvp(lambda x: function(x, *others), (x,), (np.ones_like(x),))[1]


def curvature_of(function, x, *others):
    return slope_of(lambda x: slope_of_dual(function, x, *others), x)


def slope_of_dual(function, x, *others):
    return numbafunc.jvp(lambda x: function(x, *others), (x,), (np.ones(x.shape),))[1]


SELU_SLOPE = 1.0507009873554805 * 1.6732632423543772

# Name of the op, points, first and second derivative.
KINKS = [
    ("relu", [0.0, -0.0, NAN, INF, -INF], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]),
    ("leaky_relu", [0.0, -0.0, NAN, INF, -INF], [1, 1, 0.01, 1, 0.01], [0, 0, 0, 0, 0]),
    ("elu", [0.0, -0.0, INF, -INF, NAN], [1, 1, 1, 0, NAN], [1, 1, 0, 0, NAN]),
    ("celu", [0.0, -0.0, INF, -INF, NAN], [1, 1, 1, 0, NAN], [1, 1, 0, 0, NAN]),
    ("gelu", [0.0, INF, -INF, NAN], [0.5, 1, 0, NAN], [np.sqrt(2 / np.pi), 0, 0, NAN]),
    ("hard_swish", [-3.0, 3.0, 0.0, INF, -INF, NAN], [0, 1, 0.5, 1, 0, NAN], [0, 0, 1 / 3, 0, 0, 1 / 3]),
    ("mish", [0.0, INF, -INF, NAN], [0.6, 1, 0, NAN], [0.64, 0, 0, NAN]),
    ("selu", [0.0, -0.0, -INF, NAN], [SELU_SLOPE, SELU_SLOPE, 0, NAN], [SELU_SLOPE, SELU_SLOPE, 0, NAN]),
    ("softplus", [0.0, INF, -INF, NAN], [0.5, 1, 0, NAN], [0.25, 0, 0, NAN]),
    ("log_sigmoid", [0.0, INF, -INF, NAN], [0.5, 0, 1, NAN], [-0.25, 0, 0, NAN]),
    ("sigmoid", [0.0, INF, -INF, NAN], [0.25, 0, 0, NAN], [0, 0, 0, NAN]),
    ("swish", [0.0, INF, -INF, NAN], [0.5, 1, 0, NAN], [0.5, 0, 0, NAN]),
    ("tanh", [0.0, INF, -INF, NAN], [1, 0, 0, NAN], [0, 0, 0, NAN]),
    ("rsqrt", [0.0, -0.0, -1.0, INF], [-INF, -INF, NAN, -0.0], [INF, -INF, NAN, 0]),
]


@pytest.mark.parametrize(("name", "points", "first", "second"), KINKS, ids=[case[0] for case in KINKS])
def test_derivatives_at_kinks_and_infinities(name, points, first, second):
    function = getattr(numbafunc, name)
    np.testing.assert_allclose(slope_of(function, points), first, rtol=1e-15)
    np.testing.assert_allclose(curvature_of(function, points), second, rtol=1e-15)
    single = np.array(points, np.float32)
    tangent = numbafunc.jvp(function, (single,), (np.ones_like(single),))[1]
    np.testing.assert_allclose(tangent, np.array(first, np.float32), rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_kinks_with_a_parameter(alpha):
    zeros = [0.0, -0.0]
    np.testing.assert_array_equal(slope_of(numbafunc.elu, zeros, alpha), alpha)
    np.testing.assert_array_equal(curvature_of(numbafunc.elu, zeros, alpha), alpha)
    np.testing.assert_array_equal(slope_of(numbafunc.celu, zeros, alpha), 1)
    np.testing.assert_array_equal(curvature_of(numbafunc.celu, zeros, alpha), 1 / alpha)
    np.testing.assert_array_equal(slope_of(numbafunc.leaky_relu, [NAN], alpha), alpha)


@pytest.mark.parametrize("name", ["elu", "celu", "leaky_relu"])
def test_derivative_along_the_parameter_is_zero_where_it_is_not_used(name):
    function = getattr(numbafunc, name)
    x = np.array([0.0, 0.5, 3.0, INF])
    tangent = numbafunc.jvp(lambda a: function(x, a), (1.5,), (1.0,))[1]
    np.testing.assert_array_equal(tangent, 0)


def test_untaken_branch_contributes_nothing():
    for tangent in (INF, NAN):
        assert numbafunc.jvp(numbafunc.relu, (np.array([-1.0]),), (np.array([tangent]),))[1] == 0
        for name in ("elu", "leaky_relu"):
            function = getattr(numbafunc, name)
            value = numbafunc.jvp(lambda a, f=function: f(np.array([2.0]), a), (1.0,), (tangent,))[1]
            assert value == 0, name


def test_accuracy_in_the_tails():
    np.testing.assert_allclose(numbafunc.sigmoid(-30.0), 9.357622968839299e-14, rtol=1e-15)
    np.testing.assert_allclose(numbafunc.softplus(-40.0), 4.248354255291589e-18, rtol=1e-15)
    np.testing.assert_allclose(numbafunc.elu(-1e-10), -9.9999999995e-11, rtol=1e-15)
    np.testing.assert_allclose(slope_of(numbafunc.sigmoid, [40.0]), [4.248354255291589e-18], rtol=1e-14)


@pytest.mark.parametrize(
    ("x", "second"), [(20.0, -6.4574985e-16), (30.0, -2.0315105e-24), (40.0, -5.6311e-33), (45.0, -2.884e-37)]
)
def test_second_derivative_of_mish_in_the_right_tail(x, second):
    exact = second_derivative_of_mish(x)
    assert exact == pytest.approx(second, rel=1e-3)
    assert float(numbafunc.derivative(numbafunc.mish, 2)(x)) == pytest.approx(exact, rel=1e-13)
    assert float(numbafunc.derivative(numbafunc.mish, 2)(np.array(x))) == pytest.approx(exact, rel=1e-13)


def second_derivative_of_mish(x):
    with mpmath.workdps(80):
        return float(mpmath.diff(lambda t: t * mpmath.tanh(mpmath.log1p(mpmath.exp(t))), mpmath.mpf(x), 2))


def test_subnormal_numbers_are_kept():
    x = np.array([1e-40, -1e-40], np.float32)
    np.testing.assert_array_equal(numbafunc.relu(x), [x[0], 0])
    np.testing.assert_array_equal(numbafunc.tanh(x), x)
    np.testing.assert_array_equal(numbafunc.elu(x), x)
    np.testing.assert_array_equal(numbafunc.leaky_relu(x, 0.5), [x[0], x[1] / 2])
    np.testing.assert_allclose(numbafunc.rsqrt(x[:1]), [1 / np.sqrt(float(x[0]))], rtol=2e-7)
    np.testing.assert_allclose(numbafunc.sigmoid(np.float32(-100)), np.float32(np.exp(-100.0)), rtol=0)


def test_signed_zeros_of_rsqrt():
    np.testing.assert_array_equal(numbafunc.rsqrt([0.0, -0.0]), [INF, -INF])


def test_odd_parameters():
    x = np.array([-2.0, 0.0, 2.0])
    for zero in (0.0, -0.0):
        np.testing.assert_array_equal(numbafunc.celu(x, zero), [0, 0, 2])
        np.testing.assert_array_equal(slope_of(numbafunc.celu, x, zero), [0, 0, 1])
        np.testing.assert_array_equal(curvature_of(numbafunc.celu, x, zero), 0)
    assert np.signbit(numbafunc.celu(-1.0, 0.0))
    for infinite in (INF, -INF):
        np.testing.assert_array_equal(numbafunc.celu(x, infinite), x)
        np.testing.assert_array_equal(slope_of(numbafunc.celu, x, infinite), 1)
        np.testing.assert_array_equal(curvature_of(numbafunc.celu, x, infinite), 0)
        np.testing.assert_array_equal(slope_of(numbafunc.celu, np.full(2, NAN), infinite), NAN)
        np.testing.assert_array_equal(curvature_of(numbafunc.celu, np.full(2, NAN), infinite), NAN)
    np.testing.assert_array_equal(numbafunc.celu(x, NAN), NAN)
    np.testing.assert_allclose(numbafunc.celu(-2.0, -1.0), -6.389056098930650, rtol=1e-15)
    result = numbafunc.elu(x, 0.0)
    np.testing.assert_array_equal(result, [0, 0, 2])
    assert np.signbit(result[0])
    np.testing.assert_array_equal(numbafunc.elu([0.0], INF), NAN)
    np.testing.assert_array_equal(numbafunc.leaky_relu([-INF], 0.0), NAN)
    np.testing.assert_array_equal(numbafunc.leaky_relu([-2.0, 3.0], -1.0), [2, 3])


def test_parameters_broadcast():
    result = numbafunc.elu([-2, -1, 1], [[1], [2]])
    assert result.shape == (2, 3)
    np.testing.assert_allclose(result, [[np.expm1(-2), np.expm1(-1), 1], [2 * np.expm1(-2), 2 * np.expm1(-1), 1]])
    x = np.array([-1.0, 1.0], np.float32)
    assert numbafunc.elu(x, np.array([1.0, 2.0])).dtype == np.float64
    assert numbafunc.celu(x, alpha=2).dtype == np.float32
    assert numbafunc.leaky_relu(x, negative_slope=np.int64(2)).dtype == np.float32


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_leaky_relu_of_integers(dtype):
    x = np.array([3, 0, 100], dtype)
    result = numbafunc.leaky_relu(x, 2)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, x)
    assert numbafunc.leaky_relu(x, 0.5).dtype == np.float64
    if not dtype.startswith("u"):
        np.testing.assert_array_equal(numbafunc.leaky_relu(-x, 1), -x)
        np.testing.assert_array_equal(numbafunc.leaky_relu(np.array([-3, 5], dtype), 2), np.array([-6, 5], dtype))


def test_large_integers_keep_every_digit():
    x = np.array([2**63 - 1, -(2**63), 2**53 + 1], np.int64)
    np.testing.assert_array_equal(numbafunc.relu(x), np.maximum(x, 0))
    x = np.array([2**64 - 1, 2**63 + 1, 2**53 + 1, 0], np.uint64)
    np.testing.assert_array_equal(numbafunc.relu(x), x)
    np.testing.assert_array_equal(numbafunc.leaky_relu(x, np.uint64(3)), x)


def test_python_integers():
    assert numbafunc.relu(3).dtype == np.int64
    assert numbafunc.relu(-3) == 0
    assert numbafunc.relu(True).dtype == np.int64
    assert numbafunc.leaky_relu(-3, 2) == -6
    assert numbafunc.leaky_relu(-3, 0.5) == -1.5
    assert numbafunc.sigmoid(0) == 0.5


def test_names_and_positions_of_parameters():
    x = np.array([-1.0, 2.0])
    np.testing.assert_array_equal(numbafunc.elu(x=x, alpha=2.0), numbafunc.elu(x, 2.0))
    np.testing.assert_array_equal(numbafunc.celu(x=x, alpha=2.0), numbafunc.celu(x, 2.0))
    np.testing.assert_array_equal(numbafunc.leaky_relu(x=x, negative_slope=2.0), numbafunc.leaky_relu(x, 2.0))
    np.testing.assert_array_equal(numbafunc.softmax(x=x, axis=0), numbafunc.softmax(x, 0))
    np.testing.assert_array_equal(
        numbafunc.logsumexp(a=x, axis=0, b=2.0, keepdims=True), numbafunc.logsumexp(x, 0, 2.0, True)
    )
    np.testing.assert_array_equal(numbafunc.one_hot(x=[1], num_classes=3), numbafunc.one_hot([1], 3))


def test_swish_is_x_times_sigmoid():
    x = np.array([-INF, -20.0, -1.0, 0.0, 3.0, INF, NAN])
    np.testing.assert_allclose(numbafunc.swish(x)[1:5], x[1:5] / (1 + np.exp(-x[1:5])), rtol=1e-15)
    assert numbafunc.swish(x)[5] == INF
    assert np.isnan(numbafunc.swish(x)[6])
    far = numbafunc.swish(np.array([-INF, -1e300, -760.0]))
    np.testing.assert_array_equal(far, 0)
    assert np.all(np.signbit(far))


def test_limits_at_minus_infinity_are_negative_zeros():
    for function in (numbafunc.gelu, gelu_tanh, numbafunc.mish):
        result = function(np.array([-INF, -1e308, -0.0, 0.0]))
        np.testing.assert_array_equal(result, 0)
        np.testing.assert_array_equal(np.signbit(result), [True, True, True, False])
    assert np.signbit(numbafunc.hard_swish(-0.0))
    assert not np.signbit(numbafunc.hard_swish(-INF))


def gelu_tanh(x):
    return numbafunc.gelu(x, approximate=True)


# By mpmath, with 40 digits; the second of each pair is subnormal, where float64 has few digits.
LEFT_TAILS = [
    (numbafunc.gelu, -10.0, -7.619853024160526e-23),
    (numbafunc.gelu, -38.25, -7.9548e-319),
    (gelu_tanh, -10.0, -1.204092348209806e-37),
    (gelu_tanh, -21.0, -6.016648487631484e-301),
    (numbafunc.mish, -50.0, -9.643749239819589e-21),
    (numbafunc.mish, -745.0, -2.105e-321),
]


@pytest.mark.parametrize(("function", "x", "expected"), LEFT_TAILS)
def test_left_tails(function, x, expected):
    # x / 2 * (1 + erf(x / sqrt(2))) would be 0, and x * tanh(log(1 + exp(x))) too.
    assert abs(function(x) - expected) <= 2 * np.spacing(abs(expected))


@pytest.mark.parametrize("approximate", ["tanh", "none", None, 1, 0.0, np.ones(2, bool)])
def test_the_form_of_gelu_is_named_by_a_bool(approximate):
    with pytest.raises(TypeError, match="approximate of gelu is .*wanted: True or False"):
        numbafunc.gelu(np.ones(2), approximate)


def test_forms_of_gelu():
    x = np.linspace(-6, 6, 241)
    np.testing.assert_array_equal(numbafunc.gelu(x, np.False_), numbafunc.gelu(x))
    difference = np.abs(numbafunc.gelu(x, True) - numbafunc.gelu(x))
    assert 1e-4 < difference.max() < 5e-4
    out = np.empty_like(x)
    assert numbafunc.gelu(x=x, approximate=True, out=out) is out
    np.testing.assert_array_equal(out, gelu_tanh(x))


def test_huge_arguments_overflow_nowhere():
    x = np.array([-1e308, 1e308])
    np.testing.assert_array_equal(numbafunc.softplus(x), [0, 1e308])
    np.testing.assert_array_equal(numbafunc.log_sigmoid(x), [-1e308, 0])
    np.testing.assert_array_equal(slope_of(numbafunc.softplus, x), [0, 1])
    np.testing.assert_array_equal(curvature_of(numbafunc.softplus, x), [0, 0])
    np.testing.assert_array_equal(curvature_of(numbafunc.sigmoid, x), [0, 0])
    np.testing.assert_array_equal(curvature_of(numbafunc.tanh, x), [0, 0])


@pytest.mark.parametrize(("name", "sign"), [("softplus", 1), ("log_sigmoid", -1)])
def test_infinite_tangents_do_not_cancel(name, sign):
    x = sign * np.array([-2, 0, 2, 800, INF])
    for tangent in (INF, -INF):
        slope = numbafunc.jvp(getattr(numbafunc, name), (x,), (np.full(5, tangent),))[1]
        np.testing.assert_array_equal(slope, tangent)


def test_derivatives_of_swish_at_infinity():
    for dtype in (np.float32, np.float64):
        x = np.array([INF, -INF], dtype)
        one = np.ones(2, dtype)

        def slope(y, one=one):
            return numbafunc.jvp(numbafunc.swish, (y,), (one,))[1]

        np.testing.assert_array_equal(slope(x), [1, 0])
        np.testing.assert_array_equal(numbafunc.jvp(slope, (x,), (one,))[1], [0, 0])


@pytest.mark.parametrize(
    ("x", "alpha", "value"),
    [(-1e-310, 1e10, -1e-310), (-5e-324, 2.0, -5e-324), (-1.0, 1e-310, -1e-310), (-INF, 1.0, -1.0), (NAN, 1.0, NAN)],
)
def test_celu_of_ratios_beyond_the_range(x, alpha, value):
    np.testing.assert_array_equal(numbafunc.celu(x, alpha), value)


@pytest.mark.parametrize(
    ("x", "alpha", "slopes"),
    [(-1e-310, 1e10, (1, 0)), (-1.0, 1e-310, (0, -1)), (-1.0, 5e-324, (0, -1)), (-INF, 1.0, (0, -1))],
)
def test_slopes_of_celu_at_ratios_beyond_the_range(x, alpha, slopes):
    found = [numbafunc.grad(numbafunc.celu, position)(x, alpha) for position in (0, 1)]
    np.testing.assert_allclose(found, slopes, atol=1e-300)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_softplus_of_other_sharpness(dtype):
    x = np.array([-INF, -3, -1, -0.0, 0, 1, 3, INF, NAN], dtype)
    np.testing.assert_array_equal(numbafunc.softplus(x, beta=1), numbafunc.softplus(x), strict=True)
    np.testing.assert_array_equal(numbafunc.softplus(x, beta=np.ones(9, dtype)), numbafunc.softplus(x), strict=True)
    np.testing.assert_array_equal(numbafunc.softplus(x, beta=-2.0), -numbafunc.softplus(-x, beta=2.0), strict=True)
    # The limit is relu, elsewhere too.
    np.testing.assert_array_equal(numbafunc.softplus(x, beta=INF), numbafunc.relu(x), strict=True)
    assert np.all(np.isnan(numbafunc.softplus(x, beta=NAN)))


def test_softplus_of_infinite_sharpness_has_the_slopes_of_relu():
    x = [-INF, -3.0, -0.0, 0.0, 3.0, INF]
    sharp = lambda x: numbafunc.softplus(x, beta=INF)  # noqa: E731
    np.testing.assert_array_equal(slope_of(sharp, x), slope_of(numbafunc.relu, x))
    np.testing.assert_array_equal(curvature_of(sharp, x), np.zeros(6))


@pytest.mark.parametrize("beta", [0, 0.0, -0.0, np.float32(0), [1.0, 0.0]], ids=repr)
def test_softplus_without_sharpness(beta):
    with pytest.raises(ValueError, match="^beta is .*wanted: numbers other than 0"):
        numbafunc.softplus([1.0, 2.0], beta=beta)


def test_softplus_where_products_leave_the_range():
    for beta in (1e-300, 1e-5, 1e300):
        np.testing.assert_allclose(numbafunc.softplus(1e10, beta=beta), max(1e10, np.log(2) / beta), rtol=1e-4)
        np.testing.assert_allclose(slope_of(lambda x: numbafunc.softplus(x, beta=beta), 1e10), 1 - 0.5 * (beta < 1e-9))  # noqa: B023
