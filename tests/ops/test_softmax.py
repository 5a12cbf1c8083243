"""Special values, masks, weights and forms of axis of softmax, log_softmax and logsumexp."""

import numpy as np
import pytest
import scipy.special
from chosen_backend import ACTIVE, log_softmax, logsumexp, numbafunc, softmax

pytestmark = pytest.mark.any_backend

INF, NAN = np.inf, np.nan


def tangent_of(function, x, direction=None):
    x = np.asarray(x, np.float64)
    return numbafunc.jvp(function, (x,), (np.ones_like(x) if direction is None else np.asarray(direction, float),))[1]


# softmax and log_softmax


def test_shift_prevents_overflow():
    np.testing.assert_array_equal(softmax([1e4, 1e4, -1e4]), [0.5, 0.5, 0])
    np.testing.assert_allclose(
        log_softmax([1e4, 1e4, -1e4]), [-0.6931471805599453] * 2 + [-20000.693147180561], rtol=1e-15
    )
    large = np.array([3e38, 3e38, 0], np.float32)
    np.testing.assert_array_equal(softmax(large), np.array([0.5, 0.5, 0], np.float32))


@pytest.mark.parametrize("axis", [-1, 0])
def test_infinities_and_nan(axis):
    rows = np.array([[0, -INF, 0], [0, INF, 1], [NAN, 1, 2], [-INF, -INF, -INF], [INF, INF, -INF]])
    expected = np.array([[0.5, 0, 0.5], [NAN] * 3, [NAN] * 3, [NAN] * 3, [NAN] * 3])
    x, wanted = (rows, expected) if axis == -1 else (rows.T, expected.T)
    np.testing.assert_array_equal(softmax(x, axis), wanted)
    result = log_softmax(x, axis)
    result = result if axis == -1 else result.T
    np.testing.assert_allclose(result[0], [-np.log(2), -INF, -np.log(2)])
    assert np.isnan(result[1:]).all()


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_derivatives_at_infinities(function):
    np.testing.assert_array_equal(tangent_of(function, [-INF, -INF], [1, 2]), 0)
    np.testing.assert_array_equal(tangent_of(function, [INF, 0.0], [1, 3]), [0, 0] if function is softmax else [0, 2])
    tangent = tangent_of(function, [0.0, -INF, 0.0], [1, 1, 0])
    if function is softmax:
        np.testing.assert_allclose(tangent, [0.25, 0, -0.25])
    else:
        np.testing.assert_allclose(tangent[[0, 2]], [0.5, -0.5])


def test_no_axis_means_rows_of_one():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(softmax(x, ()), np.ones((2, 2)))
    np.testing.assert_array_equal(log_softmax(x, ()), np.zeros((2, 2)))


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_0d(function):
    expected = 1 if function is softmax else 0
    for axis in (None, ()):
        result = function(2.0, axis)
        assert result.shape == ()
        assert result == expected
    with pytest.raises(ValueError, match="axis"):
        function(2.0)


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3), (2, 0, 3)])
def test_empty(function, shape):
    for axis in (None, 0, -1, ()):
        for dtype in (np.float32, np.float64):
            result = function(np.zeros(shape, dtype), axis)
            assert result.shape == shape
            assert result.dtype == dtype


def test_axis_forms():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for axis in (None, 1, -2, np.int64(1), (0, 2), (2, 0), (-1,), [0, 1]):
        wanted = tuple(axis) if isinstance(axis, list) else axis
        np.testing.assert_allclose(softmax(x, axis), scipy.special.softmax(x, wanted), rtol=1e-14)


@pytest.mark.parametrize("axis", [0, 1, None])
def test_where(axis):
    x = np.array([[1.0, NAN, 2.0], [INF, 3.0, 0.5], [7.0, -INF, NAN]])
    mask = np.array([[True, False, True], [False, True, True], [True, False, False]])
    harmless = np.where(mask, x, -INF)
    expected = scipy.special.softmax(harmless, axis)
    np.testing.assert_allclose(softmax(x, axis, mask), expected, rtol=1e-15)
    np.testing.assert_allclose(softmax(x, axis, mask, -INF), expected, rtol=1e-15)
    np.testing.assert_allclose(softmax(x, axis, mask, 0.0), expected, rtol=1e-15)
    with np.errstate(divide="ignore"):
        logarithm = np.log(expected)
    np.testing.assert_allclose(log_softmax(x, axis, mask, 0.0), logarithm, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "mask", [[1, 0, 2], [1.0, 0.0, -0.5], [True, False, True], np.array([255, 0, 1], np.uint8)], ids=str
)
def test_truth_values(mask):
    np.testing.assert_array_equal(softmax([0.0, 5.0, 0.0], where=mask), [0.5, 0, 0.5])


def test_rows_without_any_entry():
    x = np.array([[1.0, NAN], [1.0, 1.0]], np.float32)
    mask = [[False, False], [True, True]]
    np.testing.assert_array_equal(softmax(x, where=mask), [[0, 0], [0.5, 0.5]])
    np.testing.assert_array_equal(softmax(x, where=mask, initial=-INF), [[0, 0], [0.5, 0.5]])
    np.testing.assert_array_equal(log_softmax(x, where=mask)[0], [-INF, -INF])
    for initial in (None, 0.0):
        for function in (softmax, log_softmax):
            for tangent in (1.0, NAN):
                direction = np.array([[tangent, 1.0], [1.0, 1.0]])
                result = tangent_of(lambda x: function(x, -1, mask, initial), x, direction)  # noqa: B023
                np.testing.assert_array_equal(result[0], 0)
                np.testing.assert_allclose(result[1], 0, atol=1e-15)


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize("harm", [NAN, INF, -INF])
def test_masked_entries_have_no_influence_on_derivatives(function, harm):
    mask = np.array([True, False, True])
    x = np.array([0.5, harm, -0.25])
    direction = np.array([1.0, harm, 0.0])
    result = tangent_of(lambda x: function(x, -1, mask), x, direction)
    without = tangent_of(function, x[mask], direction[mask])
    np.testing.assert_allclose(result[mask], without, rtol=1e-14)
    assert result[1] == 0


def test_where_enlarges_the_result():
    x = np.array([0.0, 0.0, 1.0])
    mask = np.array([[True, True, False], [False, False, True]])
    np.testing.assert_array_equal(softmax(x, where=mask), [[0.5, 0.5, 0], [0, 0, 1]])
    np.testing.assert_array_equal(softmax(x, 0, mask)[0], [1, 1, 0])
    np.testing.assert_array_equal(softmax(x, -2, mask)[0], [1, 1, 0])
    np.testing.assert_array_equal(softmax(5.0, 0, [True, False, True]), [0.5, 0, 0.5])


def test_initial_is_a_bound_of_the_shift():
    x = np.array([-200.0, -201.0], np.float32)
    np.testing.assert_array_equal(softmax(x, initial=0.0), [NAN, NAN])
    np.testing.assert_array_equal(softmax(x, where=[True, True], initial=0.0), [NAN, NAN])
    assert np.isfinite(softmax(x, where=[True, True])).all()
    np.testing.assert_allclose(softmax(x, initial=-300.0), softmax(x), rtol=1e-6)
    np.testing.assert_allclose(softmax([1.0, 2.0], initial=5), softmax([1.0, 2.0]), rtol=1e-14)
    np.testing.assert_array_equal(softmax([1.0, 2.0], initial=NAN), [NAN, NAN])


# logsumexp


def test_infinities_of_logsumexp():
    assert logsumexp([-INF, -INF]) == -INF
    assert logsumexp([INF, 0.0]) == INF
    assert logsumexp([INF, -INF]) == INF
    assert np.isnan(logsumexp([NAN, 0.0]))
    assert np.isnan(logsumexp([NAN, INF]))
    assert logsumexp([0.0, -INF]) == 0
    huge = logsumexp(np.array([3e38, 3e38], np.float32))
    assert huge == np.float32(3e38)
    assert huge.dtype == np.float32
    assert logsumexp([-1e308, -1e308]) == -1e308


def test_weights():
    assert np.isnan(logsumexp([INF, INF], b=[1.0, -1.0]))
    assert logsumexp([1.0, 2.0], b=INF) == INF
    assert logsumexp([1.0, NAN, INF], b=[2.0, 0.0, 0.0]) == 1 + np.log(2.0)
    assert logsumexp([1.0, 2.0], b=0.0) == -INF
    assert np.isnan(logsumexp([0.0, 1.0], b=[1.0, -1.0]))
    np.testing.assert_allclose(logsumexp([1000.0, 1000.0], b=3), 1000 + np.log(6), rtol=1e-15)
    np.testing.assert_allclose(logsumexp(0.0, b=[1.0, 2.0, 3.0]), np.log(6), rtol=1e-15)
    np.testing.assert_allclose(logsumexp([0.0, 1.0], 0, np.ones((2, 1))), [[0.0, 1.0]][0] + np.log(2), rtol=1e-15)
    assert logsumexp(np.float32([1, 2]), b=np.float64([1, 2])).dtype == np.float64
    assert logsumexp(np.float32([1, 2]), b=2.0).dtype == np.float32
    assert logsumexp(np.float32([1, 2]), b=np.array([1, 2])).dtype == np.float32


@pytest.mark.parametrize(
    ("a", "b", "value", "sign"),
    [
        ([0.0, 1.0], [1.0, -1.0], np.log(np.e - 1), -1),
        ([0.0, 1.0], None, np.log(np.e + 1), 1),
        ([2.0, 2.0], [1.0, -1.0], -INF, 0),
        ([-INF, -INF], None, -INF, 0),
        ([INF, INF], [1.0, -1.0], NAN, NAN),
        ([NAN, 1.0], None, NAN, NAN),
        ([INF, 1.0], [-1.0, 1.0], INF, -1),
        ([], None, -INF, 0),
    ],
)
def test_sign(a, b, value, sign):
    for dtype in (np.float32, np.float64):
        result = logsumexp(np.array(a, dtype), b=b if b is None else np.array(b, dtype), return_sign=True)
        assert isinstance(result, tuple)
        assert [part.dtype for part in result] == [dtype, dtype]
        np.testing.assert_allclose(result[0], value, rtol=1e-6)
        np.testing.assert_array_equal(result[1], sign)


def test_sign_has_derivative_zero():
    x = np.array([0.0, 1.0])
    b = np.array([1.0, -1.0])
    tangents = numbafunc.jvp(lambda x: logsumexp(x, b=b, return_sign=True), (x,), (np.array([1.0, 0.0]),))[1]
    np.testing.assert_allclose(tangents[0], 1 / (1 - np.e), rtol=1e-14)
    assert tangents[1] == 0
    tangents = numbafunc.jvp(lambda b: logsumexp(x, b=b, return_sign=True), (b,), (np.array([1.0, 0.0]),))[1]
    np.testing.assert_allclose(tangents[0], 1 / (1 - np.e), rtol=1e-14)
    assert tangents[1] == 0


def test_derivative_where_the_weight_is_zero():
    gradient = numbafunc.grad(lambda b: logsumexp(np.array([0.0, NAN, 1.0]), b=b))(np.array([1.0, 0.0, 2.0]))
    total = 1 + 2 * np.e
    np.testing.assert_allclose(gradient, [1 / total, 0, np.e / total], rtol=1e-14)
    gradient = numbafunc.grad(lambda b: logsumexp(np.array([0.0, 5.0, 1.0]), b=b))(np.array([1.0, 0.0, 2.0]))
    np.testing.assert_allclose(gradient, np.exp([0, 5, 1]) / total, rtol=1e-14)
    gradient = numbafunc.grad(lambda a: logsumexp(a, b=np.array([1.0, 0.0, 2.0])))(np.array([0.0, NAN, 1.0]))
    np.testing.assert_allclose(gradient, [1 / total, 0, 2 * np.e / total], rtol=1e-14)


def test_derivatives_at_infinities_of_logsumexp():
    assert tangent_of(logsumexp, [-INF, -INF]) == 0
    np.testing.assert_allclose(numbafunc.grad(logsumexp)(np.array([0.0, -INF, 0.0])), [0.5, 0, 0.5], rtol=1e-15)


def test_forms_of_axis_and_keepdims():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for axis in (None, 0, 1, -1, np.int32(1), (0, 2), (2, 0), [1, 2], (0, 1, 2)):
        wanted = tuple(axis) if isinstance(axis, list) else axis
        for keepdims in (False, True):
            for b in (None, 2.0):
                result = logsumexp(x, axis, b, keepdims)
                expected = scipy.special.logsumexp(x, wanted, b, keepdims)
                assert result.shape == np.shape(expected)
                np.testing.assert_allclose(result, expected, rtol=1e-14)
    np.testing.assert_array_equal(logsumexp(x, ()), x)
    np.testing.assert_array_equal(logsumexp(x, (), keepdims=True), x)
    assert logsumexp(x, keepdims=True).shape == (1, 1, 1)
    assert logsumexp(2.0) == 2
    assert logsumexp(2.0, ()) == 2
    for sign in logsumexp(x, 1, keepdims=True, return_sign=True):
        assert sign.shape == (2, 1, 4)


@pytest.mark.parametrize(("shape", "axis"), [((0,), None), ((0, 3), 0), ((3, 0), 1), ((3, 0), None), ((0, 2), 1)])
def test_empty_sums(shape, axis):
    for keepdims in (False, True):
        result = logsumexp(np.zeros(shape), axis, keepdims=keepdims)
        expected = np.sum(np.zeros(shape), axis, keepdims=keepdims)
        assert result.shape == expected.shape
        assert np.isneginf(result).all()
    value, sign = logsumexp(np.zeros(shape), axis, return_sign=True)
    assert np.isneginf(value).all()
    assert not sign.any()
    assert np.isneginf(logsumexp(np.zeros(shape), axis, 2.0)).all()


def test_integers_and_bool():
    assert logsumexp([1, 2]).dtype == np.float64
    assert logsumexp([True, False]).dtype == np.float64
    np.testing.assert_array_equal(logsumexp([True, False]), logsumexp([1.0, 0.0]))
    np.testing.assert_allclose(softmax(np.array([3, 5], np.uint8)), softmax([3.0, 5.0]))
    np.testing.assert_array_equal(softmax(np.array([-128, 127], np.int8)), softmax([-128.0, 127.0]))


@pytest.mark.parametrize("options", [{}, {"where": [True, True]}], ids=["plain", "where"])
def test_derivatives_of_log_softmax_have_all_digits_beside_a_dominant_element(options):
    def share(x):
        return log_softmax(x, **options)[0]

    small = 4.248354255291589e-18  # exp(-40)
    wanted = small * np.array([[-1.0, 1.0], [1.0, -1.0]])
    x = np.array([40.0, 0.0])
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(numbafunc.grad(share, mode=mode)(x), [small, -small], rtol=1e-13)
        np.testing.assert_allclose(numbafunc.hessian(share, mode=mode)(x), wanted, rtol=1e-13)
    np.testing.assert_array_equal(tangent_of(lambda x: log_softmax(x, **options), [3.0, 3.0], [1, 0]), [0.5, -0.5])


@pytest.mark.skipif(ACTIVE, reason="kernels of main memory")
@pytest.mark.parametrize("axis", [0, -1])
def test_gradients_of_large_arrays(axis):
    x, cotangent = np.random.default_rng(5).normal(size=(2, 600, 500))
    y = np.exp(x - scipy.special.logsumexp(x, axis, keepdims=True))
    for function, wanted in (
        (numbafunc.softmax, y * (cotangent - np.sum(cotangent * y, axis, keepdims=True))),
        (numbafunc.log_softmax, cotangent - y * np.sum(cotangent, axis, keepdims=True)),
    ):
        (gradient,) = numbafunc.vjp(lambda x, function=function: function(x, axis=axis), x)[1](cotangent)
        np.testing.assert_allclose(gradient, wanted, rtol=1e-12, atol=1e-14)
