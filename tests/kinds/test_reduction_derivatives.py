"""Derivatives of the reductions against complex steps: every operand, every form of loop, first and second order."""

import numpy as np
import oracles
import pytest
from chosen_backend import divergence, loss, numbafunc, sized
from reduction_table import FREE, NAMES, TABLE, operands, shape_for
from sweep import mostly_thorough, thorough

pytestmark = pytest.mark.any_backend

# The derivative of the weights is checked as well, that of labels and masks does not exist.
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


def closures(name, axis, arrays, position):
    """The op and its oracle as functions of one operand."""
    entry = TABLE[name]

    def place(x):
        return [*arrays[:position], x, *arrays[position + 1 :]]

    def function(x):
        first, *others = place(x)
        return entry.function(first, axis, *others)

    def oracle(x):
        first, *others = place(x)
        return entry.oracle(np.asarray(first, complex), axis, *others)

    return function, oracle


def check_first(name, shape, axis, dtype):
    arrays = operands(name, shape, dtype)
    doubles = [array.astype(np.float64) for array in arrays]
    for position, x in enumerate(arrays):
        direction = np.random.default_rng(9).normal(size=x.shape).astype(dtype)
        function, _ = closures(name, axis, arrays, position)
        _, oracle = closures(name, axis, doubles, position)
        value, tangent = numbafunc.jvp(function, (x,), (direction,))
        assert type(value) is type(tangent) is np.ndarray
        # Tangents change the width of vectors and so the order of the sum, whose terms are about 1 and may cancel.
        tolerance = 8 * np.finfo(dtype).eps
        np.testing.assert_allclose(value, function(x), rtol=tolerance, atol=tolerance)
        assert tangent.dtype == dtype
        assert tangent.shape == value.shape
        expected = oracles.complex_step(oracle, doubles[position], direction.astype(np.float64))
        masked = np.isneginf(value)
        np.testing.assert_array_equal(tangent[masked], 0)
        tolerance = TOLERANCE[str(dtype)]
        np.testing.assert_allclose(tangent[~masked], np.asarray(expected)[~masked], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_rows(name, dtype):
    check_first(name, shape_for(name, (5, 7)), -1, dtype)


@pytest.mark.parametrize(
    "name", mostly_thorough(FREE, ["logsumexp_weighted", "mean_squared_error", "softmax", "softmax_where"])
)
def test_columns(name):
    check_first(name, (6, 4, 3), 1, np.dtype(np.float64))


@pytest.mark.parametrize(("shape", "axis"), [((9, 40), -1), ((2, 40, 3), 1)], ids=["in batches", "narrow columns"])
@pytest.mark.parametrize("name", mostly_thorough(FREE, ["softmax"]))
def test_other_loops(name, shape, axis):
    check_first(name, shape, axis, np.dtype(np.float64))


@pytest.mark.parametrize("name", mostly_thorough(NAMES, ["l2", "log_softmax_where", "logsumexp_weighted"]))
def test_long_rows(name):
    check_first(name, (sized(66_001, simulated=261),), -1, np.dtype(np.float64))


# Eleven go in chunks of eight and three.
@pytest.mark.parametrize("directions", [11, *thorough(1, 3, 8)])
@pytest.mark.parametrize("name", NAMES)
def test_jacobian(name, directions):
    arrays = operands(name, (directions,))
    function, oracle = closures(name, -1, arrays, 0)
    jacobian = numbafunc.jacfwd(function)(arrays[0])
    columns = [oracles.complex_step(oracle, arrays[0], unit) for unit in np.eye(directions)]
    expected = np.stack(columns, -1)
    np.testing.assert_allclose(jacobian, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_both_operands_at_once(name):
    arrays = operands(name, shape_for(name, (36, 6)))  # as many rows as are reduced side by side, of a copy
    if len(arrays) == 1:
        arrays = [arrays[0], arrays[0] * 0.5 - 1]
        entry = TABLE[name]

        def function(x, y):
            return entry.function(x * y, -1)

        def oracle(x, y):
            return entry.oracle(x * y, -1)
    else:
        entry = TABLE[name]

        def function(x, y):
            return entry.function(x, -1, y)

        def oracle(x, y):
            return entry.oracle(x, -1, y)

    directions = [np.random.default_rng(seed).normal(size=array.shape) for seed, array in enumerate(arrays)]
    _, tangent = numbafunc.jvp(function, tuple(arrays), tuple(directions))
    stepped = oracle(*(array + 1e-30j * direction for array, direction in zip(arrays, directions)))
    expected = np.imag(stepped) / 1e-30
    finite = np.isfinite(np.real(stepped))
    np.testing.assert_allclose(tangent[finite], expected[finite], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_second_derivative(name):
    arrays = operands(name, shape_for(name, (3, 5)))
    function, oracle = closures(name, -1, arrays, 0)
    random = np.random.default_rng(3)
    first, second = random.normal(size=arrays[0].shape), random.normal(size=arrays[0].shape)
    inner = lambda x: numbafunc.jvp(function, (x,), (first,))[1]  # noqa: E731
    tangent, curvature = numbafunc.jvp(inner, (arrays[0],), (second,))
    slope = oracles.complex_step(oracle, arrays[0], first)
    expected = oracles.second_derivative(oracle, arrays[0], first, second)
    masked = np.isneginf(function(arrays[0]))
    np.testing.assert_allclose(tangent[~masked], np.asarray(slope)[~masked], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(curvature[~masked], np.asarray(expected)[~masked], rtol=2e-7, atol=2e-8)
    np.testing.assert_array_equal(curvature[masked], 0)


@pytest.mark.parametrize("name", ["softmax", "logsumexp", "mean_squared_error"])
def test_second_derivative_down_columns(name):
    arrays = operands(name, (5, 3))
    function, oracle = closures(name, 0, arrays, 0)
    random = np.random.default_rng(3)
    first, second = random.normal(size=(5, 3)), random.normal(size=(5, 3))
    inner = lambda x: numbafunc.jvp(function, (x,), (first,))[1]  # noqa: E731
    _, curvature = numbafunc.jvp(inner, (arrays[0],), (second,))
    expected = oracles.second_derivative(oracle, arrays[0], first, second)
    np.testing.assert_allclose(curvature, expected, rtol=2e-7, atol=2e-8)


@pytest.mark.parametrize("size", [2, 9])
def test_hessian_of_logsumexp(size):
    # In several directions at both levels: diag(s) - s s^T.
    x = np.random.default_rng(0).normal(size=size)
    hessian = numbafunc.jacfwd(numbafunc.grad(numbafunc.logsumexp))(x)
    share = oracles.softmax(x)
    np.testing.assert_allclose(hessian, np.diag(share) - np.outer(share, share), rtol=1e-13, atol=1e-15)


def test_third_derivative_of_logsumexp():
    x = np.array([0.5, -1.0])
    one = np.array([1.0, 0.0])

    def along(function):
        return lambda x: numbafunc.jvp(function, (x,), (one,))[1]

    s = oracles.softmax(x)[0]
    result = along(along(along(numbafunc.logsumexp)))(x)
    np.testing.assert_allclose(result, s * (1 - s) * (1 - 2 * s), rtol=1e-13)


def test_derivatives_of_different_levels_are_kept_apart():
    x = np.array([0.5, -1.0, 2.0])

    def outer(scale):
        return numbafunc.grad(lambda x: numbafunc.logsumexp(x * scale))(x)

    result = numbafunc.jvp(outer, (1.5,), (1.0,))[1]

    def slope(scale):
        return scale * oracles.softmax(x * scale)

    np.testing.assert_allclose(result, oracles.complex_step(slope, 1.5, 1.0), rtol=1e-13)


@pytest.mark.parametrize("mode", ["jacfwd", "jacrev"])
def test_derivatives_along_broadcast_weights(mode):
    # As many results as rows: the axis of directions could be taken for that of rows.
    a = np.random.default_rng(0).normal(size=(3, 3))
    b = np.array([0.5, 2.0, 1.0])
    jacobian_of = getattr(numbafunc, mode)
    jacobian = jacobian_of(lambda b: numbafunc.logsumexp(a, 0, b))(b)
    np.testing.assert_allclose(jacobian, np.diag(1 / b), rtol=1e-13, atol=1e-15)
    jacobian = jacobian_of(lambda b: numbafunc.logsumexp(a, 1, b))(b)
    np.testing.assert_allclose(jacobian, np.exp(a) / (np.exp(a) @ b)[:, None], rtol=1e-13)
    jacobian = jacobian_of(lambda b: numbafunc.logsumexp(np.ones((2, 4, 3)), 0, b))(b)
    np.testing.assert_allclose(jacobian, np.broadcast_to(np.diag(1 / b), (4, 3, 3)), rtol=1e-13, atol=1e-15)
    slope = numbafunc.grad(lambda b: numbafunc.logsumexp(a, None, b))(2.0)
    np.testing.assert_allclose(slope, 0.5, rtol=1e-14)


@pytest.mark.filterwarnings("ignore:.*they are broadcast:UserWarning")
def test_derivatives_along_broadcast_losses():
    x = np.random.default_rng(0).normal(size=(4, 3))
    y = np.array([0.5, -1.0, 2.0])
    gradient = numbafunc.grad(lambda y: loss.mean_squared_error(x, y, None))(y)
    np.testing.assert_allclose(gradient, -2 * (x - y).mean(0) / 3, rtol=1e-13)
    gradient = numbafunc.grad(lambda x: loss.mean_absolute_error(x, y, ()))(x)
    np.testing.assert_allclose(gradient, np.sign(x - y) / 12, rtol=1e-13)


def test_half_precision_derivatives():
    x = np.array([0.5, -1.0, 2.0], np.float16)
    tangent = numbafunc.jvp(numbafunc.softmax, (x,), (np.ones(3, np.float16),))[1]
    assert tangent.dtype == np.float16
    np.testing.assert_allclose(tangent, 0, atol=1e-3)
    jacobian = numbafunc.jacfwd(numbafunc.logsumexp)(x)
    assert jacobian.dtype == np.float16
    np.testing.assert_allclose(jacobian, oracles.softmax(x.astype(float)), rtol=2e-3)


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (loss.l2, [np.inf, 1, 2], [np.inf, 1, 2]),
        (loss.l2, [np.nan, 1, 2], [np.nan, 1, 2]),
        (lambda y: loss.cross_entropy_logits(np.array([-np.inf, 1, 2]), y), [1, 0, 0], [np.inf, -1, -2]),
        (lambda p: divergence.kl(p, np.ones(2), 0.0), [0, 0.5], [-np.inf, 1 + np.log(0.5)]),
        (lambda a: np.sum(numbafunc.leaky_relu(np.array([-np.inf, -1]), a)), [1, 1], [-np.inf, -1]),
    ],
)
def test_what_is_not_finite_spoils_its_own_derivative_only(function, x, expected):
    np.testing.assert_allclose(numbafunc.grad(function)(np.array(x, float)), expected, rtol=1e-15)
