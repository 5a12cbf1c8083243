"""Arrays that functions of numbafunc.numpy make: they count as plain until a value with tangents is stored in them."""

import operator

import numba
import numpy
import pytest

import numbafunc.numpy as np
from numbafunc import checkpoint, grad, jacfwd, jacrev, stop_gradient

X = numpy.array([2.0, 3.0])


@numba.njit
def weighted(a, weights):
    total = numpy.zeros_like(a)
    for i in range(a.size):
        total[i] = a[i] * weights[i]
    weights[0] = 5.0
    if a[0] > 100:
        total = a
    return total


def both(function, x=X):
    """The derivative in both modes, which have to agree."""
    forward, reverse = jacfwd(function)(x), jacrev(function)(x)
    numpy.testing.assert_allclose(forward, reverse, rtol=1e-14)
    return forward


CONSTANT = numpy.array([[4.0, 1.0], [1.0, 3.0]])

# What makes an array that holds constants, and to which x[0] is assigned afterwards.
MAKERS = {
    "sum": lambda: np.ones((2, 2)) + np.zeros((2, 2)),
    "sum with a plain array": lambda: np.ones((2, 2)) + CONSTANT,
    "plain array with it": lambda: CONSTANT * np.ones((2, 2)),
    "sign": lambda: -np.ones((2, 2)),
    "power": lambda: np.ones((2, 2)) ** 2,
    "index array": lambda: np.ones((3, 2))[[0, 2]],
    "mask": lambda: np.ones((3, 2))[np.array([True, False, True])],
    "copy": lambda: np.ones((2, 2)).copy(),
    "astype": lambda: np.ones((2, 2)).astype(float),
    "of integers": lambda: np.divide(np.arange(4).reshape(2, 2), 2),
    "method": lambda: np.ones((2, 2)).dot(CONSTANT),
    "ufunc of a plain array": lambda: np.exp(CONSTANT),
    "function of plain arrays": lambda: np.outer(CONSTANT[0], CONSTANT[0]),
    "one of several": lambda: np.meshgrid(CONSTANT[0], CONSTANT[0])[0],
    "field of a tuple": lambda: np.linalg.eigh(CONSTANT).eigenvectors,
    "method of a ufunc": lambda: np.multiply.outer(CONSTANT[0], CONSTANT[0]),
    "reduction": lambda: np.ones((2, 2, 2)).sum(axis=0),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_what_is_computed_from_blank_arrays_is_blank(make):
    def stored(x):
        array = make()
        array[0, 1] = x[0] ** 2
        array[1] += x[1]
        return array

    numpy.testing.assert_array_equal(both(stored)[..., 0], [[0.0, 4.0], [0.0, 0.0]])
    numpy.testing.assert_array_equal(both(stored)[..., 1], [[0.0, 0.0], [1.0, 1.0]])


@pytest.mark.parametrize("view", [np.atleast_1d, np.ravel, np.squeeze, np.transpose, np.asarray])
def test_views_of_plain_arrays_remain_plain(view):
    def stored(x):
        array = view(CONSTANT)
        array[0] = x[0]
        return array

    before = CONSTANT.copy()
    with pytest.raises((TypeError, ValueError)):
        jacfwd(stored)(X)
    numpy.testing.assert_array_equal(CONSTANT, before)


# Looked up when they are called, as scripts do.
SAME_MEMORY = {
    "asarray": lambda a: np.asarray(a),
    "asanyarray": lambda a: np.asanyarray(a, float),
    "array": lambda a: np.array(a, copy=None),
    "array with axes": lambda a: np.array(a, copy=False, ndmin=3)[0],
    "ascontiguousarray": lambda a: np.ascontiguousarray(a),
    "asarray_chkfinite": lambda a: np.asarray_chkfinite(a),
    "conj": lambda a: a.conj(),
}


@pytest.mark.parametrize("convert", SAME_MEMORY.values(), ids=SAME_MEMORY)
@pytest.mark.parametrize("turned", [False, True])
def test_conversions_that_copy_nothing_share_assignments(convert, turned):
    def stored(x):
        one = np.zeros((2, 2))
        other = convert(one)
        (other if turned else one)[0] = x**2
        return (one if turned else other)[0]

    numpy.testing.assert_array_equal(both(stored), [[4.0, 0.0], [0.0, 6.0]])
    numpy.testing.assert_array_equal(stored(X), X**2)


@numba.njit
def tail(a):
    return a[1:]


SHOWN = {
    "asarray": numpy.asarray,
    "part": lambda a: numpy.asarray(a)[1:],
    "other dtype": lambda a: a.view(numpy.int64),
    "memoryview": lambda a: a.data,
    "addresses": lambda a: a.ctypes,
    "windows": lambda a: numpy.lib.stride_tricks.as_strided(a, (2, 2), (8, 8)),
    "DLPack": numpy.from_dlpack,
    "compiled": tail,
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
def test_plain_arrays_of_the_same_memory_are_not_left_behind(show):
    def stored(x, keep):
        array = np.zeros(3)
        other = show(array)
        if not keep:
            del other
        array[1] = 2.0
        array[0] = x[0]
        return array

    with pytest.raises(TypeError, match="shows too"):
        both(lambda x: stored(x, True))
    numpy.testing.assert_array_equal(both(lambda x: stored(x, False)), [[1, 0], [0, 0], [0, 0]])


@pytest.mark.parametrize("size", [3, 200])
def test_constants_stored_later_do_not_change_what_was_computed(size):
    def assembled(x):
        matrix, vector, total = np.zeros((size, size)), np.full(size, x[0]) * x[1], 0.0
        row = matrix[1]
        for i in range(3):
            row[0] = i + 1.0
            matrix[2, 1:] += 1.0
            total = total + np.sum((matrix @ vector) ** 2) + np.sum(row * x[0])
        return total

    derivative = sum(2 * 6.0 * 3.0 * ((i + 1.0) ** 2 + (i + 1.0) ** 2 * (size - 1) ** 2) + i + 1.0 for i in range(3))
    numpy.testing.assert_allclose(both(assembled)[0], derivative, rtol=1e-12)


@numba.njit
def set_first(a):
    a[0] = 7.0


WRITES = {
    "copyto": lambda a: np.copyto(a[:1], 7.0),
    "put": lambda a: np.put(a, [0], 7.0),
    "putmask": lambda a: np.putmask(a, np.arange(a.size) == 0, 7.0),
    "at": lambda a: np.add.at(a, [0], 6.0),
    "out": lambda a: np.sum(np.full((2, 1), 3.5), axis=0, out=a[:1]),
    "out of a ufunc": lambda a: np.multiply(a, 7.0, out=a),
    "method": lambda a: a[:1].fill(7.0),
    "flat": lambda a: operator.setitem(a.flat, 0, 7.0),
    "compiled": set_first,
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_functions_that_write_constants_do_not_change_what_was_computed(write):
    def function(x):
        array = np.ones(30000)
        products = array * x[0]
        write(array)
        return products[0] ** 2 + array[0] * x[0]

    numpy.testing.assert_array_equal(both(function), [11.0, 0.0])


def test_an_array_that_is_not_copied_remains_plain():
    def stored(x):
        plain = numpy.zeros(3)
        other = np.array(plain, copy=None)
        before = numpy.sum(plain * x[0])
        other[0] = 5.0
        return before + numpy.sum(plain)

    with pytest.raises(ValueError, match="changed in place"):
        jacrev(stored)(X)
    assert stored(X) == 5.0


def test_checkpoints_of_functions_that_fill_arrays():
    @checkpoint
    def powers(y, blank):
        result = np.ones(3)
        assert blank[2] == 1.0
        for i in range(1, 3):
            result[i] = result[i - 1] * y * blank[2]
        return result, np.zeros(2), np.full(2, float(stop_gradient(blank[1])))

    def function(x):
        blank = np.ones(3)
        first = powers(x[0], blank)
        blank[1] = 7.0
        second = powers(x[1], blank)
        blank[2] = x[1]
        return np.concatenate([*first, *second, blank])

    wanted = numpy.zeros((17, 2))
    wanted[[1, 2], 0] = 1.0, 4.0
    wanted[[8, 9, 16], 1] = 1.0, 6.0, 1.0
    numpy.testing.assert_array_equal(both(function), wanted)


def test_additions_at_places_that_repeat():
    def gathered(x):
        result = np.zeros(3)
        np.add.at(result, [0, 2, 2], x[[0, 1, 1]])
        np.multiply.at(result, [2], x[0])
        return result

    numpy.testing.assert_array_equal(both(gathered), [[1, 0], [0, 0], [6, 4]])


def test_lists_of_numbers_are_stored():
    def rows(x):
        result = np.zeros((3, 2))
        result[0] = x[1], x[0] * x[1]
        result[1:] = [[x[0], 1.0], [2.0, x[1]]]
        return result

    wanted = [[[0, 1], [3, 2]], [[1, 0], [0, 0]], [[0, 0], [0, 1]]]
    numpy.testing.assert_array_equal(both(rows), wanted)


def test_compiled_functions_read_and_write_them():
    def with_compiled(x):
        grid, weights = np.linspace(0.0, 1.0, 3), np.ones(3) * 2
        return weighted(grid, weights) * x[0] + weights

    numpy.testing.assert_array_equal(both(with_compiled)[:, 0], [0.0, 1.0, 2.0])
    numpy.testing.assert_array_equal(with_compiled(X), [5.0, 4.0, 6.0])


def test_they_have_what_plain_arrays_have():
    def queried(x):
        blank = np.ones((2, 3))
        assert blank.flags.c_contiguous
        assert blank.strides == (24, 8)
        assert blank.view(np.int64).dtype == np.int64
        assert blank.astype(int).tolist() == [[1, 1, 1], [1, 1, 1]]
        assert blank[1].tobytes() == numpy.ones(3).tobytes()
        return x

    numpy.testing.assert_array_equal(both(queried), numpy.eye(2))
    with pytest.raises(AttributeError, match="'flags'"):
        grad(lambda x: x[x.flags.ndim])(X)


def test_lists_in_methods_of_ufuncs():
    numpy.testing.assert_array_equal(both(lambda x: np.maximum.reduce([x, x[::-1], CONSTANT[1]])), [[0, 1], [0, 1]])
