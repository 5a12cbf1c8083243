"""NumPy's classes while a function is differentiated, and functions that were made before."""

from types import ModuleType

import numpy
import pytest

import numbafunc.numpy as np
from numbafunc import grad, jacfwd, jacrev

X = numpy.array([2.0, 3.0])


def test_dual_arrays_are_instances():
    def asked(x):
        number = x[0]
        assert isinstance(x, np.ndarray)
        assert not isinstance(x, (np.floating, np.float64))
        assert isinstance(number, (np.generic, np.floating, np.float64))
        assert not isinstance(number, (np.ndarray, np.float32, np.complexfloating))
        assert np.isscalar(number)
        assert not np.isscalar(x)
        assert isinstance(numpy.float64(1.0), np.float64)
        assert isinstance(numpy.ones(1), np.ndarray)
        assert issubclass(numpy.float64, np.floating)
        return number

    assert grad(asked)(X).tolist() == [1.0, 0.0]


def test_classes_of_numbers_are_dtypes():
    def converted(x):
        assert x.dtype == np.float64
        assert np.float64 == x.dtype
        assert x.dtype.type == np.float64
        assert np.dtype(np.complex64) == numpy.complex64
        assert {np.float64: 1}[numpy.float64] == 1
        assert np.finfo(np.float32).eps == numpy.finfo("f4").eps
        assert np.issubdtype(x.dtype, np.floating)
        assert type(np.float64(2)) is numpy.float64
        assert np.float64([1, 2]).tolist() == [1.0, 2.0]
        low = np.float32(x[0])
        assert low.dtype == np.float32
        array = np.zeros(3, dtype=np.float64)
        array[0] = np.float64(x[1]) * low
        return array.astype(np.float64)[:2] + np.float64(x)

    for of in (jacfwd, jacrev):
        numpy.testing.assert_array_equal(of(converted)(X), [[4.0, 2.0], [0.0, 1.0]])


@np.vectorize
def early(a, b):
    return a - b if a > b else a * b


@np.vectorize(excluded={1}, otypes=[float])
def polynomial(x, coefficients):
    return coefficients[0] + coefficients[1] * x**2


@pytest.mark.parametrize("of", [jacfwd, jacrev])
def test_vectorize_that_was_called_before(of):
    numpy.testing.assert_array_equal(of(lambda x: early(x, 2.5))(X), [[2.5, 0.0], [0.0, 1.0]])
    numpy.testing.assert_array_equal(of(lambda x: polynomial(X, x))(X), [[1.0, 4.0], [1.0, 9.0]])
    assert type(early) is np.vectorize
    assert isinstance(early, numpy.vectorize)
    numpy.testing.assert_array_equal(early(X, 2.5), [5.0, 0.5])
    assert "__call__" not in vars(np.vectorize)


@pytest.mark.parametrize(
    ("ours", "plain"), [(np, numpy), (np.linalg, numpy.linalg), (np.fft, numpy.fft)], ids=["numpy", "linalg", "fft"]
)
def test_names_are_those_of_numpy_and_found_without_a_detour(ours, plain):
    for name in plain.__all__:
        wanted = getattr(plain, name)
        if name != "vectorize" and not isinstance(wanted, ModuleType):
            assert vars(ours)[name] is wanted, name
