"""Operands and results of every layout in memory give the same numbers, and nothing but the result is written."""

import warnings

import ml_dtypes
import numpy as np
import pytest
from chosen_backend import numbafunc
from elementwise_table import NAMES, TABLE, operands
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from layouts import LAYOUTS, strided

pytestmark = pytest.mark.any_backend

SHAPE = (3, 4, 5)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_elementwise(name, layout):
    function = TABLE[name].function
    arrays = operands(name, SHAPE, np.float32)
    expected = function(*arrays)
    arranged = [LAYOUTS[layout](array) for array in arrays]
    result = function(*arranged)
    assert type(result) is np.ndarray
    assert result.shape == SHAPE
    if layout == "list":
        assert result.dtype == np.float64
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-7)
        return
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, expected)
    assert result.flags.writeable
    for given_array, array in zip(arranged, arrays):
        held = getattr(given_array, "array", given_array)
        np.testing.assert_array_equal(held, array)
    if len(arrays) > 1:  # one operand in order, the others not
        np.testing.assert_array_equal(function(arrays[0], *arranged[1:]), expected)
        np.testing.assert_array_equal(function(*arranged[:-1], arrays[-1]), expected)


REDUCTIONS = {
    "softmax": lambda x: numbafunc.softmax(x, 1),
    "log_softmax": lambda x: numbafunc.log_softmax(x, -1),
    "log_softmax of all": lambda x: numbafunc.log_softmax(x, (0, 1, 2)),
    "logsumexp": lambda x: numbafunc.logsumexp(x, (0, 2)),
    "softmax where": lambda x: numbafunc.softmax(x, 0, where=[[[True, False, True, True, True]]]),
    "mean_squared_error": lambda x: numbafunc.loss.mean_squared_error(x, np.full(SHAPE, 0.5, np.float32), (1,)),
    "l2": lambda x: numbafunc.loss.l2(x),
    "cross_entropy_logits_sparse": lambda x: numbafunc.loss.cross_entropy_logits_sparse(x, 2),
}


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout not in ("dlpack", "array interface")])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, layout):
    (x,) = operands("sigmoid", SHAPE, np.float32)
    reduce = REDUCTIONS[name]
    expected = reduce(x)
    arranged = LAYOUTS[layout](x)
    result = reduce(arranged)
    assert type(result) is np.ndarray
    assert result.shape == expected.shape
    if layout == "list":
        assert result.dtype == np.float64
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
        return
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(arranged, x)


@pytest.mark.thorough
@pytest.mark.parametrize("layout", ["fortran", "negative strides", "slice", "read-only", "byte-swapped", "unaligned"])
@pytest.mark.parametrize(
    "dtype", [np.float16, ml_dtypes.bfloat16, np.float64, np.int16, np.uint64], ids=lambda d: np.dtype(d).name
)
def test_other_dtypes(dtype, layout):
    if layout == "byte-swapped" and dtype is ml_dtypes.bfloat16:
        return  # which has one byte order only
    x = operands("sigmoid", SHAPE, np.float64)[0]
    x = np.abs(x).astype(dtype) if np.dtype(dtype).kind == "u" else x.astype(dtype)
    arranged = LAYOUTS[layout](x)
    for function in (numbafunc.sigmoid, numbafunc.relu, lambda x: numbafunc.softmax(x, 1)):
        result = function(arranged)
        np.testing.assert_array_equal(result, function(x))
        assert result.dtype.isnative


def test_memory_map(tmp_path):
    x = operands("sigmoid", (6, 5), np.float32)[0]
    x.tofile(tmp_path / "numbers")
    mapped = np.memmap(tmp_path / "numbers", np.float32, "r", shape=(6, 5))
    for function in (numbafunc.sigmoid, numbafunc.softmax, numbafunc.logsumexp):
        result = function(mapped)
        assert type(result) is np.ndarray
        np.testing.assert_array_equal(result, function(x))
    target = np.memmap(tmp_path / "results", np.float32, "w+", shape=(6, 5))
    assert numbafunc.sigmoid(x, out=target) is target
    target.flush()
    np.testing.assert_array_equal(np.fromfile(tmp_path / "results", np.float32).reshape(6, 5), numbafunc.sigmoid(x))


@pytest.mark.parametrize("name", NAMES)
def test_empty_and_single_and_0d(name):
    function = TABLE[name].function
    for shape in ((0,), (3, 0), (0, 2, 4), (1,), (1, 1), ()):
        arrays = operands(name, shape, np.float32)
        result = function(*arrays)
        assert type(result) is np.ndarray
        assert result.shape == shape
        assert result.dtype == np.float32
        flat = function(*(np.atleast_1d(array).reshape(-1) for array in arrays))
        np.testing.assert_array_equal(result.reshape(-1), flat)
    scalars = [array[()] for array in operands(name, (), np.float32)]
    result = function(*scalars)
    assert type(result) is np.ndarray
    assert result.dtype == np.float32


@pytest.mark.parametrize("name", NAMES)
def test_no_call_changes_what_later_calls_do(name):
    # What is kept for quick calls must fit later ones, whatever came first.
    function = TABLE[name].function
    arrays = operands(name, (3, 5), np.float64)
    expected = [function(*(array[row, column] for array in arrays)) for row in range(3) for column in range(5)]
    for shape in ((), (1,), (1, 1), (0,), (5,), (3, 5)):
        for layout in (np.ascontiguousarray, np.asfortranarray):
            function(*(layout(np.resize(array, shape)).reshape(shape) for array in arrays))
            np.testing.assert_array_equal(function(*arrays).reshape(-1), expected)
            np.testing.assert_array_equal(function(*(array.T for array in arrays)).T.reshape(-1), expected)
            np.testing.assert_array_equal(function(*(array[0, 0] for array in arrays)), expected[0])


@pytest.mark.parametrize("name", [name for name in NAMES if len(TABLE[name].domains) > 1])
@pytest.mark.parametrize(
    "shapes",
    [((3, 4), (4,)), ((4,), (3, 4)), ((3, 1), (1, 4)), ((2, 3, 4), ()), ((), (2, 3)), ((0, 1), (1, 3)), ((1,), (5,))],
    ids=str,
)
def test_broadcasting(name, shapes):
    entry = TABLE[name]
    arrays = [operands(name, shape, np.float32)[position] for position, shape in enumerate(shapes)]
    arrays += [operands(name, (), np.float32)[position] for position in range(2, len(entry.domains))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        result = entry.function(*arrays)
    full = [np.ascontiguousarray(array) for array in np.broadcast_arrays(*arrays)]
    assert result.shape == full[0].shape
    np.testing.assert_array_equal(result, entry.function(*full))


def test_operand_that_is_a_broadcast_view():
    x = np.broadcast_to(np.array([[0.5], [-1.0]], np.float32), (2, 6))
    np.testing.assert_array_equal(numbafunc.tanh(x), numbafunc.tanh(x.copy()))
    np.testing.assert_array_equal(numbafunc.elu(x, x[::-1]), numbafunc.elu(x.copy(), x[::-1].copy()))
    np.testing.assert_array_equal(numbafunc.softmax(x, 0), numbafunc.softmax(x.copy(), 0))
    scalar_everywhere = np.broadcast_to(np.float32(2), (3, 4))
    np.testing.assert_array_equal(
        numbafunc.logsumexp(scalar_everywhere, 1), numbafunc.logsumexp(scalar_everywhere.copy(), 1)
    )


@settings(derandomize=True, max_examples=25, deadline=None)
@given(data=st.data(), shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4, min_side=0))
def test_any_broadcast(data, shapes):
    random = np.random.default_rng(0)
    x, alpha = (random.normal(size=shape).astype(np.float32) for shape in shapes.input_shapes)
    permutation = data.draw(st.permutations(range(x.ndim)))
    x = np.ascontiguousarray(x.transpose(permutation)).transpose(np.argsort(permutation)) if x.ndim else x
    result = numbafunc.elu(x, alpha)
    assert result.shape == shapes.result_shape
    expected = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
    np.testing.assert_allclose(result, expected, rtol=1e-6)


# Results into arrays of the caller.


@pytest.mark.parametrize("name", NAMES)
def test_out(name):
    function = TABLE[name].function
    arrays = operands(name, (6, 5), np.float32)
    expected = function(*arrays)
    targets = {
        "contiguous": np.full((6, 5), np.nan, np.float32),
        "fortran": np.full((6, 5), np.nan, np.float32, order="F"),
        "slice": np.full((12, 10), np.nan, np.float32)[::2, 1::2],
        "negative": np.full((6, 5), np.nan, np.float32)[::-1, ::-1],
    }
    for target in targets.values():
        result = function(*arrays, out=target)
        assert result is target
        np.testing.assert_array_equal(target, expected)
    holder = np.full((12, 10), 7, np.float32)
    function(*arrays, out=holder[::2, 1::2])
    assert (holder[1::2] == 7).all()
    assert (holder[:, ::2] == 7).all()
    transposed = [np.asfortranarray(array) for array in arrays]
    for target in targets.values():
        target[...] = np.nan
        np.testing.assert_array_equal(function(*transposed, out=target), expected)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64], ids=lambda dtype: np.dtype(dtype).name)
def test_out_in_other_dtypes(dtype):
    x = operands("sigmoid", (4, 5), dtype)[0]
    for function in (numbafunc.sigmoid, numbafunc.softmax, numbafunc.log_softmax):
        target = np.zeros((4, 5), dtype)
        assert function(x, out=target) is target
        np.testing.assert_array_equal(target, function(x))


def test_out_of_integers():
    x = np.array([-3, 4, 0], np.int16)
    target = np.zeros(3, np.int16)
    assert numbafunc.relu(x, out=target) is target
    np.testing.assert_array_equal(target, [0, 4, 0])
    target = np.zeros(3)
    assert numbafunc.sigmoid(x, out=target) is target
    np.testing.assert_array_equal(target, numbafunc.sigmoid(x))


def test_out_0d_and_empty():
    target = np.zeros(())
    assert numbafunc.tanh(0.5, out=target) is target
    assert target == numbafunc.tanh(0.5)
    target = np.zeros((0, 3))
    assert numbafunc.softmax(np.zeros((0, 3)), out=target) is target


@pytest.mark.parametrize("function", [numbafunc.softmax, numbafunc.log_softmax])
@pytest.mark.parametrize("axis", [-1, 0, None, (0, 2), ()])
def test_out_of_softmax(function, axis):
    x = operands("sigmoid", SHAPE, np.float32)[0]
    expected = function(x, axis)
    for target in (np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32, order="F"), strided(x)):
        assert function(x, axis, out=target) is target
        np.testing.assert_array_equal(target, expected)
        assert function(np.asfortranarray(x), axis, out=target) is target
        np.testing.assert_array_equal(target, expected)


def test_results_never_share_memory_with_operands():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    for function in (numbafunc.relu, numbafunc.leaky_relu, numbafunc.logsumexp, numbafunc.softmax):
        assert not np.shares_memory(function(x), x)
    assert not np.shares_memory(numbafunc.logsumexp(x, ()), x)
    assert not np.shares_memory(numbafunc.loss.mean_squared_error(x, x * 0, (0, 1)), x)
