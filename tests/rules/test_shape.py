"""Linear array functions: the tangent is the function of the tangent, for any axes, batches and levels."""

import numpy as np
import pytest
from dual_table import REARRANGEMENT

from numbafunc.autodiff import Dual, jacfwd, jvp
from numbafunc.dual.tables import FUNCTION_RULES
from numbafunc.rules.register import PLACES

GENERATOR = np.random.default_rng(7)
INDEX = np.array([[[2, 0, 1, 1, 3]]])
CONSTANT = np.zeros((2, 3, 4))

# Functions of an array of shape (2, 3, 4), linear in it.
FUNCTIONS = {
    "reshape": lambda x: np.reshape(x, (4, -1)),
    "reshape to a vector": lambda x: np.reshape(x, -1),
    "method reshape": lambda x: x.reshape(6, 4),
    "method reshape, tuple": lambda x: x.reshape((6, -1)),
    "ravel": np.ravel,
    "method ravel": lambda x: x.ravel(),
    "method flatten": lambda x: x.flatten(),
    "transpose": np.transpose,
    "transpose by axes": lambda x: np.transpose(x, (1, -1, 0)),
    "method transpose": lambda x: x.transpose(2, 0, 1),
    "method transpose, tuple": lambda x: x.transpose((2, 0, 1)),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "matrix_transpose": np.matrix_transpose,
    "swapaxes": lambda x: np.swapaxes(x, 0, -1),
    "method swapaxes": lambda x: x.swapaxes(1, 2),
    "moveaxis": lambda x: np.moveaxis(x, (0, 2), (-1, 0)),
    "expand_dims": lambda x: np.expand_dims(x, (0, -1)),
    "squeeze": lambda x: np.squeeze(x[:1]),
    "squeeze axis": lambda x: np.squeeze(x[:1, :, None], (0, -2)),
    "method squeeze": lambda x: x[:, :1].squeeze(1),
    "atleast_1d": lambda x: np.atleast_1d(x[0, 0, 0]),
    "atleast_2d": lambda x: np.atleast_2d(x[0, 0]),
    "broadcast_to": lambda x: np.broadcast_to(x[:, :1], (5, 2, 3, 4)),
    "broadcast_to, int": lambda x: np.broadcast_to(x[0, 0, 0], 3),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x[:, :1], CONSTANT)[0],
    "flip": np.flip,
    "flip axis": lambda x: np.flip(x, -2),
    "roll": lambda x: np.roll(x, 5),
    "roll axis": lambda x: np.roll(x, 1, -1),
    "roll axes": lambda x: np.roll(x, (1, 2), (0, 2)),
    "repeat": lambda x: np.repeat(x, 2),
    "repeat axis": lambda x: np.repeat(x, [1, 0, 2], 1),
    "take": lambda x: np.take(x, [[5, 1], [-1, 0]]),
    "take axis": lambda x: np.take(x, [[2, 1], [-1, 0]], axis=1),
    "method take": lambda x: x.take(7, axis=-1, mode="clip"),
    "take_along_axis": lambda x: np.take_along_axis(x, INDEX, 2),
    "take_along_axis, flat": lambda x: np.take_along_axis(x, np.array([3, 1]), None),
    "diagonal": lambda x: np.diagonal(x, 1, -1, 0),
    "linalg.diagonal": lambda x: np.linalg.diagonal(x, offset=1),
    "trace": lambda x: np.trace(x, axis1=1, axis2=2),
    "tril": np.tril,
    "triu": lambda x: np.triu(x, 1),
    "copy": np.copy,
    "method copy": lambda x: x.copy(),
    "real": np.real,
    "split": lambda x: np.split(x, 2, -1)[1],
    "split at": lambda x: np.split(x, [1, 1, 3], 1)[2],
    "concatenate": lambda x: np.concatenate([x, CONSTANT, 2 * x], -2),
    "concatenate, flat": lambda x: np.concatenate([x, [0.0]], None),
    "stack": lambda x: np.stack([CONSTANT, x], -1),
    "stack of numbers": lambda x: np.stack([x[0, 0, 0], 0.0, x[0, 0, 1]]),
    "vstack": lambda x: np.vstack([x[0, 0], CONSTANT[0], x[0]]),
    "hstack": lambda x: np.hstack([x[0, 0], [0.0]]),
    "hstack, matrices": lambda x: np.hstack([x[0], x[1]]),
    "where": lambda x: np.where(np.arange(4) > 1, x, 0),
    "where enlarges": lambda x: np.where(np.arange(5)[:, None] > 1, x[0, 0], x[0, 1]),
    "where of a constant": lambda x: np.where(np.arange(4) > 1, CONSTANT, x),
    "sum": np.sum,
    "sum axis": lambda x: np.sum(x, -1),
    "sum axes": lambda x: np.sum(x, (0, -1), keepdims=True),
    "sum of no axis": lambda x: np.sum(x, ()),
    "method sum": lambda x: x.sum(axis=1),
    "add.reduce": np.add.reduce,
    "add.reduce axis": lambda x: np.add.reduce(x, axis=-1, keepdims=True),
    "mean": np.mean,
    "mean axis": lambda x: np.mean(x, 1, keepdims=True),
    "method mean": lambda x: x.mean(axis=(0, 2)),
    "cumsum": np.cumsum,
    "cumsum axis": lambda x: np.cumsum(x, 1),
    "diff": lambda x: np.diff(x, 2),
    "diff axis": lambda x: np.diff(x, axis=0),
    "item": lambda x: x[1, 2, 3],
    "first": lambda x: x[0],
    "negative index": lambda x: x[-1, ..., 0],
    "slice": lambda x: x[:, ::-2, 1:3],
    "newaxis": lambda x: x[:, None, 0, ..., None],
    "ellipsis": lambda x: x[...],
    "array index": lambda x: x[np.array([1, 0, 1])],
    "list index": lambda x: x[[1, 0]],
    "mask": lambda x: x[np.arange(24).reshape(2, 3, 4) % 3 == 0],
    "mask of leading axes": lambda x: x[np.array([[True, False, True], [False, False, True]])],
    "adjacent arrays": lambda x: x[:, [0, 2], [1, 1]],
    "separated arrays": lambda x: x[[0, 1], :, [1, 1]],
    "number and array": lambda x: x[0, :, [1, 2, 3]],
    "arrays broadcast": lambda x: x[[[0], [1]], [0, 2]],
    "mask in a tuple": lambda x: x[:, np.array([True, False, True])],
    "True": lambda x: x[True],
    "numpy integer": lambda x: x[np.int64(1), np.int8(0)],
    "empty": lambda x: x[:0],
    "iteration": lambda x: list(x)[1],
    "astype": lambda x: np.astype(x, x.dtype),
    "astype, same": lambda x: x.astype(np.float64),
    "getitem of 0-d": lambda x: x[0, 0, 0][()],
}  # fmt: skip

# Cases in which a float64 array takes part.
WITH_FLOAT64 = {
    "astype, same", "concatenate", "concatenate, flat", "stack", "stack of numbers", "vstack", "hstack",
    "where of a constant",
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tangent_is_the_function_of_the_tangent(name):
    function = FUNCTIONS[name]
    x, direction = GENERATOR.normal(size=(2, 2, 3, 4))
    value, tangent = jvp(function, (x,), (direction,))
    np.testing.assert_array_equal(value, function(x))
    np.testing.assert_allclose(tangent, function(direction), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_batch_of_directions(name):
    function = FUNCTIONS[name]
    x, *directions = GENERATOR.normal(size=(4, 2, 3, 4))
    result = function(Dual(x, np.array(directions), 1))
    assert result.tangent.shape == (3, *result.shape)
    assert isinstance(result.primal, np.ndarray)
    for tangent, direction in zip(result.tangent, directions, strict=True):
        np.testing.assert_allclose(tangent, function(direction), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_order(name):
    function = FUNCTIONS[name]
    x = GENERATOR.normal(size=(2, 3, 4))
    second = jacfwd(jacfwd(lambda x: function(x * x)))(x)
    units = np.eye(24).reshape(24, 2, 3, 4)
    expected = np.zeros((*function(x).shape, 24, 24))
    for i, unit in enumerate(units):
        expected[..., i, i] = function(2 * unit)
    np.testing.assert_allclose(second.reshape(expected.shape), expected, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in WITH_FLOAT64])
def test_dtype(name, dtype):
    x = GENERATOR.normal(size=(2, 3, 4)).astype(dtype)
    value, tangent = jvp(FUNCTIONS[name], (x,), (x,))
    assert value.dtype == tangent.dtype == dtype


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4)])
@pytest.mark.parametrize("name", ["ravel", "transpose", "sum", "sum axes", "flip", "cumsum", "T", "ellipsis"])
def test_empty(name, shape):
    x = np.zeros(shape)
    value, tangent = jvp(FUNCTIONS[name], (x,), (x,))
    assert value.shape == tangent.shape == FUNCTIONS[name](x).shape


def test_every_rule_has_a_case():
    called = set()

    class Recorder(np.ndarray):
        def __array_function__(self, function, types, args, options):
            called.add(function)
            return super().__array_function__(function, types, args, options)

    x = np.ones((2, 3, 4)).view(Recorder)
    for function in FUNCTIONS.values():
        function(x)
    for case in REARRANGEMENT:
        case.function(*(array.view(Recorder) for array in case.arrays))
    called.add(np.linalg.matrix_transpose)  # the same rule as numpy.matrix_transpose
    linear = {function for function in FUNCTION_RULES if PLACES[function].module == "numbafunc.rules.shape"}
    assert len(linear) > 50
    assert linear | {np.sum, np.mean, np.cumsum, np.diff, np.trace, np.where} <= called


def test_shape_under_its_former_name():
    # NumPy 2.4 no longer takes it.
    x = Dual(np.arange(6.0), np.arange(12.0).reshape(2, 6), 1)
    y = FUNCTION_RULES[np.reshape](x, newshape=(2, 3))
    np.testing.assert_array_equal(y.tangent, x.tangent.reshape(2, 2, 3))
    with pytest.raises(TypeError, match="needs a shape"):
        FUNCTION_RULES[np.reshape](x)


def test_joining_duals_of_several_levels():
    inner = Dual(np.array([1.0, 2.0]), np.array([[3.0, 4.0]]), 1)
    outer = Dual(np.array([5.0, 6.0]), np.array([[7.0, 8.0]]), 2)
    for joined in (np.concatenate([inner, outer, [0.0]]), np.stack([inner, outer]).ravel()):
        assert joined.level == 2
        np.testing.assert_array_equal(joined.tangent[0, :4], [0, 0, 7, 8])
        assert joined.primal.level == 1
        np.testing.assert_array_equal(joined.primal.tangent[0, :4], [3, 4, 0, 0])
    chosen = np.where([True, False], inner, outer)
    np.testing.assert_array_equal(chosen.tangent, [[0, 8]])
    np.testing.assert_array_equal(chosen.primal.tangent, [[3, 0]])
    np.testing.assert_array_equal(chosen.primal.primal, [1, 6])


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda x: np.mean(x, out=np.zeros(())), "out"),
        (lambda x: np.reshape(x, (1, 2), order="A"), "order"),
        (lambda x: np.take(x, [0], out=np.zeros(1)), "out"),
        (lambda x: np.concatenate([x, x], out=np.zeros(4)), "out"),
        (lambda x: np.quantile(np.ones(3), x[0]), "q"),
        (lambda x: np.dot(x, x, out=np.zeros(())), "out"),
    ],
)
def test_options_that_are_refused_by_name(call, argument):
    with pytest.raises(TypeError, match=argument):
        call(Dual(np.ones(2), np.ones((1, 2)), 1))


@pytest.mark.parametrize("call", [lambda x: np.sum(x, 3), lambda x: x[:, :, :, 0], lambda x: x[5], lambda x: x.T[9]])
def test_axes_and_indices_out_of_range(call):
    with pytest.raises(IndexError):
        call(Dual(np.ones((2, 3)), np.ones((1, 2, 3)), 1))
