"""Reverse mode on arrays of a CUDA device: gradients beside oracles, and beside those of arrays in main memory."""

import elementwise_table
import linear_table
import numpy as np
import oracles
import pytest
import reduction_table
import selection_table
from chosen_backend import to_device
from numba import config, cuda

import numbafunc
from numbafunc import loss, parallel
from numbafunc.backend import is_device_array

pytestmark = [pytest.mark.any_backend, pytest.mark.filterwarnings("ignore:.*they are broadcast:UserWarning")]

RANDOM = np.random.default_rng(11)
ROWS = RANDOM.normal(size=(3, 4))
OTHERS = RANDOM.normal(size=(3, 4))
IMAGES = RANDOM.normal(size=(1, 2, 5, 4))


@pytest.fixture(autouse=True)
def arrays_without_operators(monkeypatch):
    """Take from the simulator's arrays what those of a device lack, so that no function of NumPy may be given one."""
    if not config.ENABLE_CUDASIM:
        return
    from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

    def refused(*arguments, **options):
        raise AssertionError("given to NumPy")

    names = ("add", "sub", "mul", "truediv", "pow", "neg", "radd", "rmul", "setitem", "array_ufunc", "array")
    for name in (*(f"__{name}__" for name in names), "reshape", "transpose", "ravel"):
        monkeypatch.setattr(FakeCUDAArray, name, refused, raising=False)
    monkeypatch.setattr(FakeCUDAArray, "__array_interface__", property(refused), raising=False)


def moved(tree):
    """A nest of tuples with its arrays on the device."""
    if isinstance(tree, tuple):
        return tuple(map(moved, tree))
    return cuda.to_device(tree) if isinstance(tree, np.ndarray) else tree


def back(tree):
    """A nest of tuples with its arrays in main memory; all of them must be on the device."""
    if isinstance(tree, tuple):
        return tuple(map(back, tree))
    assert is_device_array(tree), type(tree)
    return tree.copy_to_host()


def close(found, wanted, tolerance=1e-12):
    for one, other in zip(back(found), wanted, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_allclose(one, other, tolerance, tolerance)


def agree(f, *arguments, tolerance=1e-12):
    """Compare gradients, and their derivatives along a direction, with those of arrays in main memory."""
    places = tuple(range(len(arguments)))
    gradient = numbafunc.grad(f, places, mode="reverse")
    wanted = gradient(*arguments)
    close(gradient(*moved(arguments)), wanted, tolerance)
    directions = tuple(np.random.default_rng(5).normal(size=x.shape).astype(x.dtype) for x in arguments)
    along = numbafunc.hvp(f, arguments, directions, mode="reverse")
    close(numbafunc.hvp(f, moved(arguments), moved(directions), mode="reverse"), along, 10 * tolerance)


def pulled(op, x, *others):
    """A cotangent, and what reverse mode on the device makes of it."""
    value, pull = numbafunc.vjp(lambda x: op(x, *moved(others)), moved(x))
    cotangent = np.random.default_rng(2).normal(size=value.shape).astype(x.dtype)
    return cotangent, back(pull(moved(cotangent)))[0]


def basis(x):
    """Unit vectors in the shape of an array."""
    return np.eye(x.size).reshape(x.size, *x.shape)


@pytest.mark.parametrize("name", linear_table.NAMES)
def test_every_linear_op(name):
    entry = linear_table.TABLE[name]
    shapes = entry.shapes[:1] if np.prod(entry.shapes[0]) > 30 else entry.shapes[:2]
    for shape in shapes:
        x = linear_table.operand(name, shape)
        cotangent, found = pulled(entry.function, x)
        wanted = np.reshape([np.sum(cotangent * entry.oracle(unit)) for unit in basis(x)], x.shape)
        np.testing.assert_allclose(found, wanted, 1e-12, 1e-12)


PADS = {
    "constant": {"constant_values": 2.5},
    "edge": {},
    "wrap": {},
    "symmetric": {},
    "mean": {"stat_length": 2},
    "minimum": {},
    "median": {},
}


@pytest.mark.parametrize("mode", PADS)
def test_padding(mode):
    widths = ((5, 0), (1, 6))
    cotangent, found = pulled(lambda x: numbafunc.pad(x, widths, mode, **PADS[mode]), ROWS)
    # Each is linear where the order of the elements stays as it is, so this difference is exact but for rounding.
    step = 2.0**-20

    def pad(x):
        return np.pad(x, widths, mode, **PADS[mode])

    slopes = [(pad(ROWS + step * unit) - pad(ROWS)) / step for unit in basis(ROWS)]
    np.testing.assert_allclose(found.reshape(-1), [np.sum(cotangent * slope) for slope in slopes], 1e-8, 1e-8)


@pytest.mark.parametrize("case", selection_table.CASES)
def test_every_selection_op(case):
    entry = selection_table.entry(case)
    for shape in entry.shapes[:2]:
        x = np.nan_to_num(selection_table.operand(case, shape), posinf=30.0, neginf=-30.0)  # with ties
        function = (lambda x: numbafunc.top_k(x, x.shape[x.ndim - 1])[0]) if case == "top_k all" else entry.function
        cotangent, found = pulled(function, x)
        wanted = np.zeros(x.size)
        positions = np.asarray(entry.oracle(x))
        for position, part in zip(positions.reshape(-1), cotangent.reshape(-1), strict=True):
            if position >= 0:
                wanted[position] += part
        np.testing.assert_allclose(found.reshape(-1), wanted, 1e-13)


@pytest.mark.parametrize("name", reduction_table.NAMES)
def test_every_reduction_op(name):
    entry = reduction_table.TABLE[name]
    shape = reduction_table.shape_for(name, (2, 5))
    x, *others = reduction_table.operands(name, shape)
    function = entry.function
    if name == "logsumexp_signed":  # arrays of a device have no sign
        function = lambda x, axis, b: numbafunc.logsumexp(x, axis, b, return_sign=True)[0]  # noqa: E731
    if name == "inner_product":
        x = np.ascontiguousarray(x[..., :1])
        function = lambda x, axis, y: loss.cross_entropy_logits(x, y)  # noqa: E731
    for axis in (-1, 0) if name in reduction_table.FREE and name != "inner_product" else (-1,):
        cotangent, found = pulled(lambda x, *rest, axis=axis: function(x, axis, *rest), x, *others)
        wanted = []
        for unit in basis(x):
            slope = oracles.complex_step(lambda x, axis=axis: entry.oracle(x, axis, *others), x, unit)
            wanted.append(np.sum(cotangent * np.where(cotangent == 0, 0, slope)))
        inside = np.isfinite(wanted)
        np.testing.assert_allclose(found.reshape(-1)[inside], np.array(wanted)[inside], 1e-12, 1e-12)


@pytest.mark.parametrize("name", elementwise_table.SMOOTH)
def test_every_elementwise_op(name):
    entry = elementwise_table.TABLE[name]
    operands = elementwise_table.operands(name, (3,), np.float64)
    places = tuple(range(len(operands)))

    def total(*operands):
        return loss.l2(entry.function(*operands))

    # Forward mode carries derivatives through the same kernels on both places, and has an oracle of its own.
    wanted = numbafunc.grad(total, places, mode="forward")(*operands)
    close(numbafunc.grad(total, places, mode="reverse")(*moved(tuple(operands))), wanted, 1e-11)


def test_operators_and_functions_of_numpy():
    agree(lambda x, y: loss.l2(np.sin(x) * y - x / (1 + y * y) + np.exp(-x) ** 2), ROWS, OTHERS)
    agree(lambda x, y: loss.l2(np.maximum(x, y) + x), ROWS, OTHERS[0])  # y is repeated along an axis
    agree(lambda x, y: loss.l2(x * y), ROWS[:, :1].copy(), OTHERS[:1].copy())
    single = ROWS.astype(np.float32), OTHERS.astype(np.float32)
    agree(lambda x, y: loss.mean_squared_error(np.tanh(x), y * y, keep_axis=None), *single, tolerance=2e-6)


def test_labels():
    labels = np.array([1, 0, -1])
    there = cuda.to_device(labels)
    sparse = loss.cross_entropy_logits_sparse
    wanted = oracles.softmax(ROWS)
    wanted[np.arange(3), labels] -= 1
    close((numbafunc.grad(lambda x: _sum(sparse(x, there)), mode="reverse")(moved(ROWS)),), [wanted])
    wrong = numbafunc.grad(lambda x: _sum(sparse(x, cuda.to_device(np.array([1, 4, 0])))), mode="reverse")(moved(ROWS))
    assert np.isnan(back(wrong)[1]).all()
    assert not np.isnan(back(wrong)[[0, 2]]).any()


def _sum(x):
    """The sum of numbers of any sign, as a loss: a polarised square."""
    return loss.l2(x + 0.5) - loss.l2(x - 0.5)


def _network(images, filters, weights, bias):
    hidden = numbafunc.max_pool_2d(numbafunc.pad(images, ((0, 0), (0, 0), (1, 0), (0, 1)), "edge"), 2, 1)
    hidden = numbafunc.relu(numbafunc.flatten(hidden) * filters)
    hidden = numbafunc.interpolate(numbafunc.tanh(hidden), (1, 3))
    logits = numbafunc.softplus(hidden * weights + bias)
    return loss.mean_squared_error(loss.cross_entropy_logits_sparse(logits, 1), bias, keep_axis=None)


def test_a_network():
    filters, weights, bias = RANDOM.normal(size=40), RANDOM.normal(size=(1, 3)), RANDOM.normal(size=(1,))
    agree(_network, IMAGES, filters, weights, bias)


def test_the_mode_for_many_variables():
    # Above 16 variables the mode is reverse, which needs one run.
    calls = []

    def f(x):
        calls.append(x)
        return loss.l2(numbafunc.softmax(x) * x)

    x = RANDOM.normal(size=17)
    (found,) = back((numbafunc.grad(f)(moved(x)),))
    assert len(calls) == 1
    np.testing.assert_allclose(found, numbafunc.grad(f, mode="forward")(x), 1e-12)


def test_infinite_slopes():
    # The product with the cotangent is zero where that is, whatever the slope.
    x = np.array([0.0, 4.0])
    found = numbafunc.grad(lambda x: loss.l2(numbafunc.relu(np.sqrt(x) - 1)), mode="reverse")(moved(x))
    np.testing.assert_array_equal(back(found), [0.0, 0.25])
    infinite = numbafunc.grad(lambda x: _sum(np.sqrt(x)), mode="reverse")(moved(x))
    np.testing.assert_array_equal(back(infinite), [np.inf, 0.25])


def test_numbers_of_main_memory():
    # Numbers are taken by kernels where they are; their gradients come back by way of main memory.
    def f(x, theta):
        return loss.l2(np.sin(x) * theta[0] + np.tanh(theta[1]) * x + np.dot(theta, theta) * x)

    theta = np.array([0.3, 0.7])
    wanted = numbafunc.grad(f, (0, 1), mode="forward")(ROWS, theta)
    found = numbafunc.grad(f, (0, 1), mode="reverse")(moved(ROWS), theta)
    close(found, wanted)
    agree(lambda x: loss.l2(np.exp(x) * 0.5 + np.array(2.0)), ROWS)


def test_scan_and_checkpoint():
    multiply = numbafunc.elementwise(lambda x, y: x * y)

    def step(carry, x):
        carry = numbafunc.tanh(multiply(carry, x))
        return carry, multiply(carry, x)

    def f(init, xs):
        carry, ys = numbafunc.scan(step, init, xs)
        return loss.l2(ys) + loss.l2(carry)

    agree(f, OTHERS[0].copy(), ROWS)
    agree(lambda xs: loss.l2(numbafunc.scan(step, 1.0, xs, reverse=True)[1]), ROWS[0].copy())
    agree(lambda x: loss.l2(numbafunc.checkpoint(lambda x: np.tanh(x) * x)(x) * x), ROWS)
    agree(lambda xs: loss.l2(numbafunc.scan(numbafunc.checkpoint(step), 1.0, xs)[1]), RANDOM.normal(size=6))


def test_jacobians_and_pulls():
    shares = oracles.softmax(ROWS[0])
    wanted = np.diag(shares) - np.outer(shares, shares)
    for chunk_size in (None, 3):
        found = numbafunc.jacrev(numbafunc.softmax, chunk_size=chunk_size)(moved(ROWS[0].copy()))
        np.testing.assert_allclose(back(found), wanted, 1e-12, 1e-14)
    pooled = numbafunc.jacrev(lambda x: numbafunc.max_pool_2d(x, 2, 1))
    np.testing.assert_array_equal(back(pooled(moved(IMAGES))), pooled(IMAGES))
    value, pull = numbafunc.vjp(lambda x, y: (x, x * y, y), moved(ROWS), moved(OTHERS))
    given = moved(ROWS)
    for _ in range(2):  # as often as one likes, in memory apart from all else
        one, other = pull((given, None, given))
        np.testing.assert_array_equal(back(one), ROWS)
        one.copy_to_device(np.zeros((3, 4)))
        np.testing.assert_array_equal(back(other), ROWS)
        np.testing.assert_array_equal(back(given), ROWS)
    np.testing.assert_array_equal(back(value[0]), ROWS)
    with pytest.raises(TypeError, match="cotangent is in main memory; it must be where the value is"):
        numbafunc.vjp(numbafunc.relu, moved(ROWS))[1](ROWS)


def test_nested():
    def f(x):
        return loss.l2(numbafunc.softmax(x) * np.sin(x))

    def reverse(f):
        return numbafunc.grad(f, mode="reverse")

    x, v = ROWS[:1].copy(), OTHERS[:1].copy()
    for nested in (
        lambda x, v: reverse(lambda x: loss.l2(reverse(f)(x)))(x),
        lambda x, v: reverse(lambda x: numbafunc.jvp(f, (x,), (v,))[1])(x),
        lambda x, v: reverse(lambda x: loss.l2(numbafunc.grad(f, mode="forward")(x)))(x),
        lambda x, v: numbafunc.jacfwd(reverse(f))(x),
    ):
        np.testing.assert_allclose(back(nested(*moved((x, v)))), nested(x, v), 1e-11, 1e-12)


def test_custom_derivatives():
    @numbafunc.custom_derivative
    def half_slope(x):
        return numbafunc.tanh(x)

    @half_slope.defjvp
    def rule(primals, tangents):
        return half_slope(*primals), tangents[0] * 0.5

    found = numbafunc.grad(lambda x: _sum(half_slope(x)), mode="reverse")(moved(ROWS))
    np.testing.assert_array_equal(back(found), np.full((3, 4), 0.5))


def test_collective_functions():
    for reduced in (parallel.psum, parallel.pmean, parallel.pmax):
        agree(lambda x, reduced=reduced: loss.l2(reduced(x * x)), ROWS)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_layouts_and_dtypes(dtype):
    x = np.asfortranarray(ROWS.astype(dtype))[::-1, 1:]
    gradient = numbafunc.grad(lambda x: loss.l2(numbafunc.softmax(x) * x), mode="reverse")
    (found,) = back((gradient(to_device(x)),))
    assert found.dtype == dtype
    wanted = gradient(x.astype(np.float64))
    np.testing.assert_allclose(found, wanted, 0, 2e-3 if dtype == np.float16 else 1e-6)
    (empty,) = back((gradient(moved(np.zeros((0, 3), dtype))),))
    assert empty.shape == (0, 3)
