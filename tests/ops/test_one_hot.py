"""one_hot: values, dtypes and axes, derivatives that are zero, and what is refused."""

import numpy as np
import pytest
from chosen_backend import ACTIVE, numbafunc, sized

pytestmark = pytest.mark.any_backend

INF, NAN = np.inf, np.nan
COMPLEX = [] if ACTIVE else [complex]  # which devices have no arrays of


def test_one_hot():
    np.testing.assert_array_equal(numbafunc.one_hot([0, 2, -1, 3], 3), [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(numbafunc.one_hot([1.0, 0.5, NAN, INF, -INF, -1.0], 2)[0], [0, 1])
    assert not numbafunc.one_hot([0.5, NAN, INF, -INF, -1.0, 1e300], 2).any()
    assert numbafunc.one_hot(1, 3).shape == (3,)
    assert numbafunc.one_hot([], 3).shape == (0, 3)
    assert numbafunc.one_hot([0, 1], 0).shape == (2, 0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int8", "uint8", "uint64"])
def test_one_hot_of_any_index_dtype(dtype):
    import ml_dtypes

    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    result = numbafunc.one_hot(np.array([1, 100, 0]).astype(kind), sized(100_000, simulated=1000))
    np.testing.assert_array_equal(result.argmax(1), [1, 100, 0])
    np.testing.assert_array_equal(result.sum(1), 1)


@pytest.mark.parametrize("dtype", [np.float16, "float32", float, int, bool, np.dtype("int8"), np.uint64, *COMPLEX])
def test_one_hot_dtype(dtype):
    result = numbafunc.one_hot([1, 5], 3, dtype=dtype)
    assert result.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(result, np.array([[0, 1, 0], [0, 0, 0]], dtype))
    assert numbafunc.one_hot([1], 3).dtype == np.float64


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_one_hot_axis(axis):
    x = np.array([[0, 1, 2], [2, 1, 3]])
    result = numbafunc.one_hot(x, 4, axis=axis)
    np.testing.assert_array_equal(result, np.moveaxis(np.eye(4)[x], -1, axis))


def test_one_hot_has_derivative_zero():
    value, tangent = numbafunc.jvp(lambda x: numbafunc.one_hot(x, 3), (np.array([1.0, 2.0]),), (np.ones(2),))
    np.testing.assert_array_equal(value, [[0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(tangent, 0)


@pytest.mark.parametrize("classes", [-1, 2.0, "3", None, True, np.float64(3), np.array([3]), np.array(3.0)], ids=repr)
def test_wrong_number_of_classes(classes):
    with pytest.raises(TypeError, match="^num_classes"):
        numbafunc.one_hot([0, 1], classes)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_too_many_classes(dtype):
    for classes in (1 << 62, 1 << 70):
        with pytest.raises(ValueError, match="^num_classes is .*wanted: one that an array can have"):
            numbafunc.one_hot(np.array([0, 1], dtype), classes)


@pytest.mark.parametrize("axis", [2, -3, (0,), 0.5, None, "0", np.array(0.5)], ids=repr)
def test_wrong_axis_of_one_hot(axis):
    with pytest.raises(ValueError, match="^axis is"):
        numbafunc.one_hot([0, 1], 3, axis=axis)


@pytest.mark.parametrize("dtype", [object, "U3", "datetime64[s]", "no such dtype", [("a", float)], 3], ids=repr)
def test_wrong_dtype_of_one_hot(dtype):
    with pytest.raises(TypeError, match="^dtype is"):
        numbafunc.one_hot([0, 1], 3, dtype=dtype)


def test_options_of_one_hot_go_by_name():
    with pytest.raises(TypeError, match="positional"):
        numbafunc.one_hot([0], 3, np.float32)


def test_one_hot_of_long_doubles():
    with pytest.raises(TypeError, match=r"dtype is float\d+ \(long double\)"):
        numbafunc.one_hot([1], 3, dtype=np.longdouble)
