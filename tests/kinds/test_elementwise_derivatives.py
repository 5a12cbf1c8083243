"""Derivatives of the elementwise ops against mpmath: every operand, up to third order, several directions."""

import itertools

import numpy as np
import oracles
import pytest
from chosen_backend import LARGE, numbafunc
from elementwise_table import SMOOTH, TABLE, operands
from sweep import thorough

pytestmark = pytest.mark.any_backend

SIZE = 12


def true_derivatives(name, arrays, orders):
    points = zip(*(map(oracles.exact, array) for array in arrays))
    return [oracles.derivative(name, point, orders) for point in points]


def check(computed, true, dtype, bar):
    """Compare with a bar in ULP of the derivative, or of 1/8 where it is smaller by cancellation."""
    for index, (mine, theirs) in enumerate(zip(computed, true, strict=True)):
        scale = max(abs(theirs), oracles.mp.mpf(1) / 8)
        error = abs(oracles.exact(mine) - theirs) / oracles.ulp(scale, dtype)
        assert error <= bar, f"element {index}: {mine} is not {float(theirs)}, off by {float(error)} ULP"


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)], ids=str)
@pytest.mark.parametrize("name", SMOOTH)
def test_first(name, dtype):
    function = TABLE[name].function
    arrays = operands(name, (SIZE,), dtype)
    for position, x in enumerate(arrays):

        def restricted(x, position=position):
            return function(*arrays[:position], x, *arrays[position + 1 :])

        value, tangent = numbafunc.jvp(restricted, (x,), (np.ones_like(x),))
        np.testing.assert_array_equal(value, function(*arrays))
        assert tangent.dtype == dtype
        orders = [int(other == position) for other in range(len(arrays))]
        true = true_derivatives(name, arrays, orders)
        bar = 4 if name != "log_ratio" else 16
        scale = max(1, *(abs(float(number)) for number in true))
        check(
            tangent / scale if name == "log_ratio" else tangent,
            [n / scale for n in true] if name == "log_ratio" else true,
            dtype,
            bar,
        )


TAILS = {
    "celu": [-30.0, -80.0, 40.0],
    "elu": [-30.0, -80.0, 40.0],
    "gelu": [-37.0, -30.0, -10.0, 10.0, 30.0],
    "gelu_tanh": [-20.0, -10.0, 10.0, 20.0],
    "log_sigmoid": [-80.0, 30.0, 80.0],
    "mish": [-700.0, -50.0, -20.0, 20.0, 50.0],
    "selu": [-30.0, -80.0, 40.0],
    "sigmoid": [-80.0, -30.0, 30.0, 80.0],
    "sigmoid_cross_entropy_logits": [-80.0, -30.0],
    "softplus": [-80.0, -30.0, 30.0],
    "softplus_scaled": [-80.0, -30.0, 30.0],
    "tanh": [-40.0, -15.0, 15.0, 40.0],
}


@pytest.mark.parametrize("name", TAILS)
def test_first_in_the_tails(name):
    # 1 - tanh(x)**2 or s * (1 - s) would be 0 here.
    x = np.array(TAILS[name])
    others = [np.zeros_like(x) if name.startswith("sigmoid_") else np.ones_like(x) for _ in TABLE[name].domains[1:]]
    tangent = numbafunc.jvp(lambda x: TABLE[name].function(x, *others), (x,), (np.ones_like(x),))[1]
    true = true_derivatives(name, [x, *others], [1, *(0 for _ in others)])
    for mine, theirs in zip(tangent, true):
        assert oracles.error_in_ulps(mine, theirs, np.float64) <= 4


@pytest.mark.parametrize("name", SMOOTH)
def test_along_all_operands_at_once(name):
    arrays = operands(name, (SIZE,), np.float64)
    directions = [np.random.default_rng(seed).normal(size=SIZE) for seed in range(len(arrays))]
    _, tangent = numbafunc.jvp(TABLE[name].function, tuple(arrays), tuple(directions))
    expected = 0.0
    for position in range(len(arrays)):
        orders = [int(other == position) for other in range(len(arrays))]
        expected = expected + np.array(list(map(float, true_derivatives(name, arrays, orders)))) * directions[position]
    np.testing.assert_allclose(tangent, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("directions", [11, *thorough(1, 3, 8)])
@pytest.mark.parametrize("name", SMOOTH)
def test_directions(name, directions):
    # jacfwd pushes one direction for each element, in chunks: eleven as eight and three.
    arrays = operands(name, (directions,), np.float64)
    function = TABLE[name].function
    jacobian = numbafunc.jacfwd(lambda x: function(x, *arrays[1:]))(arrays[0])
    assert jacobian.shape == (directions, directions)
    true = true_derivatives(name, arrays, [1, *(0 for _ in arrays[1:])])
    np.testing.assert_allclose(np.diag(jacobian), np.array(list(map(float, true))), rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(jacobian - np.diag(np.diag(jacobian)), 0)


@pytest.mark.parametrize("name", SMOOTH)
def test_second(name):
    arrays = operands(name, (SIZE,), np.float64)
    function = TABLE[name].function
    for first, second in itertools.product(range(len(arrays)), repeat=2):
        if first == second == 2:
            continue

        def along(function, position):
            def derived(*operands):
                rest = [*operands]

                def restricted(x):
                    return function(*rest[:position], x, *rest[position + 1 :])

                return numbafunc.jvp(restricted, (operands[position],), (np.ones(SIZE),))[1]

            return derived

        result = along(along(function, first), second)(*arrays)
        orders = [0] * len(arrays)
        orders[first] += 1
        orders[second] += 1
        expected = np.array(list(map(float, true_derivatives(name, arrays, orders))))
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-13 * scale)


@pytest.mark.parametrize("name", ["celu", "rsqrt", "sigmoid", "softplus", "tanh"])
def test_third(name):
    arrays = operands(name, (4,), np.float64)

    def along(function):
        return lambda x: numbafunc.jvp(function, (x,), (np.ones(4),))[1]

    result = along(along(along(lambda x: TABLE[name].function(x, *arrays[1:]))))(arrays[0])
    true = true_derivatives(name, arrays, [3, *(0 for _ in arrays[1:])])
    np.testing.assert_allclose(result, np.array(list(map(float, true))), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ["sigmoid", "elu", "swish"])
def test_hessian_in_several_directions(name):
    arrays = operands(name, (3,), np.float64)
    function = TABLE[name].function
    hessian = numbafunc.jacfwd(numbafunc.grad(lambda x: np.sum(function(x, *arrays[1:]))))(arrays[0])
    true = true_derivatives(name, arrays, [2, *(0 for _ in arrays[1:])])
    np.testing.assert_allclose(hessian, np.diag(np.array(list(map(float, true)))), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["celu", "elu", "leaky_relu"])
def test_broadcast_operands(name):
    function = TABLE[name].function
    x, parameter = operands(name, (4, 1), np.float64)[0], operands(name, (1, 3), np.float64)[1]
    full = [array.reshape(-1) for array in np.broadcast_arrays(x, parameter)]
    for position in (0, 1):
        moved = (x, parameter)[position]

        def restricted(moving, position=position):
            return function(moving, parameter) if position == 0 else function(x, moving)

        value, tangent = numbafunc.jvp(restricted, (moved,), (np.ones_like(moved),))
        assert value.shape == tangent.shape == (4, 3)
        true = true_derivatives(name, full, [int(position == 0), int(position == 1)])
        np.testing.assert_allclose(tangent.reshape(-1), np.array(list(map(float, true))), rtol=1e-13, atol=1e-15)
    slope = numbafunc.grad(lambda parameter: np.sum(function(x, parameter)))(0.75)
    true = true_derivatives(name, [x.reshape(-1), np.full(4, 0.75)], [0, 1])
    np.testing.assert_allclose(slope, float(sum(true)), rtol=1e-13)


@pytest.mark.parametrize("layout", ["fortran", "reversed", "transposed"])
def test_layouts(layout):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    arranged = {
        "fortran": np.asfortranarray(x),
        "reversed": np.ascontiguousarray(x[::-1, :, ::-1])[::-1, :, ::-1],
        "transposed": np.ascontiguousarray(x.transpose(2, 0, 1)).transpose(1, 2, 0),
    }[layout]
    direction = np.random.default_rng(1).normal(size=(2, 3, 4))
    for function in (numbafunc.sigmoid, lambda x: numbafunc.softmax(x, 1), lambda x: numbafunc.elu(x.T, x.T)):
        expected = numbafunc.jvp(function, (x,), (direction,))
        for tangent in (direction, np.asfortranarray(direction)):
            result = numbafunc.jvp(function, (arranged,), (tangent,))
            np.testing.assert_array_equal(result[0], expected[0])
            np.testing.assert_array_equal(result[1], expected[1])


def test_large_arrays():
    x = np.random.default_rng(0).normal(size=LARGE)
    direction = np.random.default_rng(1).normal(size=LARGE)
    value, tangent = numbafunc.jvp(numbafunc.sigmoid, (x,), (direction,))
    share = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(value, share, rtol=1e-15)
    np.testing.assert_allclose(tangent, direction * share * (1 - share), rtol=1e-13)


def test_empty():
    for shape in ((0,), (2, 0)):
        x = np.zeros(shape)
        value, tangent = numbafunc.jvp(numbafunc.sigmoid, (x,), (x,))
        assert value.shape == tangent.shape == shape
        assert numbafunc.jacfwd(numbafunc.tanh)(x).shape == shape + shape


def test_float16():
    x = np.array([-1.5, 0.25, 2.0], np.float16)
    tangent = numbafunc.jvp(numbafunc.tanh, (x,), (np.ones(3, np.float16),))[1]
    assert tangent.dtype == np.float16
    true = true_derivatives("tanh", [x], [1])
    for mine, theirs in zip(tangent, true):
        assert oracles.error_in_ulps(mine, theirs, np.float16) <= 1


def test_integer_parameters_with_moving_floats():
    x = np.array([-1.0, 0.5], np.float32)
    value, tangent = numbafunc.jvp(lambda x: numbafunc.leaky_relu(x, 2), (x,), (np.ones(2, np.float32),))
    assert value.dtype == tangent.dtype == np.float32
    np.testing.assert_array_equal(tangent, [2, 1])
    value, tangent = numbafunc.jvp(lambda x: numbafunc.elu(x, np.array([2, 3])), (x,), (np.ones(2, np.float32),))
    assert value.dtype == tangent.dtype == np.float32
    np.testing.assert_allclose(tangent, [2 * np.exp(-1), 1], rtol=1e-6)


def test_user_function():
    @numbafunc.elementwise
    def damped(x, rate):
        return numbafunc.elementary.exp(-rate * x) * numbafunc.elementary.sin(x) if x > 0 else x

    x, rate = np.array([-1.0, 0.5, 2.0]), 0.25
    value, tangent = numbafunc.jvp(lambda x: damped(x, rate), (x,), (np.ones(3),))
    decay = np.exp(-rate * x)
    np.testing.assert_allclose(value, np.where(x > 0, decay * np.sin(x), x), rtol=1e-15)
    np.testing.assert_allclose(tangent, np.where(x > 0, decay * (np.cos(x) - rate * np.sin(x)), 1), rtol=1e-14)
    slope = numbafunc.grad(lambda rate: np.sum(damped(x, rate)))(rate)
    np.testing.assert_allclose(slope, np.sum(np.where(x > 0, -x * decay * np.sin(x), 0)), rtol=1e-14)


def test_operands_may_be_the_same_dual():
    x = np.array([-0.5, 1.5])
    tangent = numbafunc.jvp(lambda x: numbafunc.elu(x, x), (x,), (np.ones(2),))[1]
    np.testing.assert_allclose(tangent, [np.expm1(-0.5) - 0.5 * np.exp(-0.5), 1.0], rtol=1e-14)


def test_out_is_refused_with_tangents():
    target = np.zeros(2)
    for function in (numbafunc.sigmoid, numbafunc.softmax):
        with pytest.raises(TypeError, match="out"):
            numbafunc.jvp(lambda x, f=function: f(x, out=target), (np.ones(2),), (np.ones(2),))
