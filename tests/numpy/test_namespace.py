"""numbafunc.numpy: NumPy's own objects outside of derivatives, functions that know of dual arrays inside.

Derivatives are held against central differences of the same function on plain arrays, and reverse mode against forward
mode.
"""

import threading

import numba
import numpy
import pytest

import numbafunc
import numbafunc.numpy as np
from numbafunc.dual.array import is_blank

X = numpy.array([0.3, 0.7, 1.1])


@numba.njit
def compiled(t):
    return np.sqrt(t) + np.zeros(1)[0] + np.sum(np.array([1.0, 2.0]))


def nested_lists(x):
    return np.array([[x[0], x[1], 1.0], [x[1] * x[2], 2.0, 3], (0.5, x[0], x[2])])


def rows_beside_lists(x):
    return np.array([x, [1.0, x[0], 2.0], numpy.array([3.0, 4.0, 5.0])])


def complex_list(x):
    return np.abs(np.array([x[0] + 1j * x[1], 2.0]))


def options_of_array(x):
    columns = np.array([x[0], x[1]], ndmin=2)
    return columns.T @ columns + np.asarray([x[2], 1.0], dtype=float) + np.asanyarray((x[0], x[1]))


def filled(x):
    matrix = np.zeros((3, 3))
    matrix[0] = x
    row = matrix[1]
    row[1] = x[0] * x[1]
    matrix.T[0, 2] = x[2] ** 2
    matrix[2, 2] = 4.0
    matrix[:, 0] += x
    matrix += 1
    matrix.reshape(-1)[5] = x[1]
    return matrix


def state_transition(x):
    transition = np.eye(3)
    transition[0, 2] = x[0]
    transition[1] *= x[1]
    return np.linalg.inv(transition + np.diag([x[2], 2.0, x[0]]))


def recurrence(x):
    y = np.empty(4)
    y[0] = 1.0
    for k in range(3):
        y[k + 1] = y[k] + 0.1 * x[k] * y[k]
    return y


def lower_triangle(x):
    lower = np.zeros((2, 2))
    lower[np.tril_indices(2)] = x
    return lower @ lower.T


def lists_as_arguments(x):
    return (
        np.sum([x[0], x[1], 2.0])
        + np.linalg.norm([x[0], x[2]])
        + np.dot([x[0], 1.0], [x[1], x[2]])
        + np.exp([x[0], x[1]]).sum()
        + np.max([x[0], 3.0])
        + np.linalg.det([[x[0], 1.0], [2.0, x[1]]])
        + np.add.reduce(np.multiply([x[0], 2.0], 3.0))
        + np.average([x[0], x[1]], weights=[x[2], 1.0])
        + np.real(np.fft.fft([x[0], x[1]]))[1]
        + np.polyval([x[0], x[1], 2.0], 0.7)
    )


def lists_of_arrays(x):
    return np.vstack(([x[0], x[1]], [1.0, x[1]], np.hstack([x[0], 2.0]), np.concatenate([[x[0]], [x[2]]])))


def blocks(x):
    return np.block([[np.eye(2), np.ones((2, 1)) * x[0]], [np.zeros((1, 2)), x[2]]])


def joined_by_index(x):
    return np.r_[x, 1.0, [x[0], x[2]], 0:3, np.r_["-1", x, x]]


def columns_by_index(x):
    return np.c_[x, x * x, [1.0, x[0], 2.0]]


def full(x):
    return np.full((2, 3), x[0]) * x + np.full(3, [x[1], 1.0, x[2]]) + np.full(3, 2.0)


def called_for_each_element(x):
    chosen = np.vectorize(lambda a, b, scale=1.0: scale * a * a if b > 0 else a)
    pairs = np.vectorize(lambda a: (a, a**2))(x)
    return chosen(x, [1, 0, 1], scale=x[1]) + pairs[0] * pairs[1] + product(x, 2.0).astype(float)


product = np.frompyfunc(lambda a, b: a * b, 2, 1)


@np.vectorize
def decorated(t):
    return t**3


def decorated_function(x):
    return decorated(x)


def from_iterator(x):
    return np.fromiter((v * v for v in x), float) + np.fromiter((v for v in range(3)), float, count=3)


def iterators(x):
    total = 0.0
    for index, v in np.ndenumerate(x):
        total = total + v ** (index[0] + 1)
    for v in np.nditer(x):
        total = total + np.sin(v)
    with np.nditer([x, X], flags=["multi_index"]) as pairs:
        for v, w in pairs:
            total = total + v * w * pairs.multi_index[0]
    return total


def pieces_of_variable(x):
    return np.piecewise(x, [x < 0.5, x >= 0.5], [lambda v: v**2, lambda v: np.sin(v)])


def pieces_of_constant(x):
    t = np.linspace(0, 1, 5)
    return np.piecewise(t, [t < 0.5], [lambda v: v * x[0], lambda v: v**2 * x[1]])


def along_an_axis(x):
    return np.apply_along_axis(lambda row: row.sum() * x[0], 1, np.arange(6.0).reshape(2, 3))


def series_of_polynomials(x):
    series = np.polynomial
    product = series.polynomial.polymul([x[0], 1.0], [x[1], x[2]])
    total = series.polynomial.polyval(0.3, product) + series.polynomial.polyval(x[0], [1.0, 2.0, x[2]])
    total = total + series.chebyshev.chebval(x, [0.5, x[0], x[1]]).sum() + series.Polynomial([1.0, 2.0])(0.5)
    return (
        total + series.legendre.legval(0.5, x) + series.polynomial.polyder(x)[0] + series.hermite.hermadd(x, [1.0])[0]
    )


def with_isinstance(x):
    assert isinstance(x, np.ndarray)
    assert isinstance(X, np.ndarray)
    assert not isinstance(3, np.ndarray)
    assert issubclass(type(x), np.ndarray)
    return np.asarray(x) * np.ascontiguousarray(x) + np.asarray_chkfinite(x)


def with_compiled_function(x):
    return x * compiled(4.0)


def with_constants(x):
    zeros = np.zeros(3)
    for array in (zeros + 1, np.sin(zeros), zeros.reshape(3, 1) * 2, numbafunc.relu(zeros)):
        assert type(numpy.asarray(array)) is numpy.ndarray  # TypeError if there were tangents
    assert float(zeros[0]) == int(zeros[1]) == zeros.sum() == zeros.item(2) == 0
    assert zeros.tolist() == [0.0, 0.0, 0.0]
    assert np.allclose(zeros, 0)
    assert (zeros == 0).all()
    assert type(np.zeros(3, int)) is numpy.ndarray
    assert type(numpy.asarray(zeros)) is numpy.ndarray
    zeros.reshape(3, 1)[0, 0] = x[1]
    zeros[2] = 1.0
    assert type(zeros + 1) is type(x)
    return zeros


def copies(x):
    first = np.array([1.0, 2.0, 3.0])
    second, third = first.copy(), np.copy(first)
    second[1] = x[0]
    first[0] = x[1]
    third[2:] = x[2]
    return first + second * third


def functions_in_place(x):
    a, b, c, d = np.zeros(3), np.ones((3, 3)), np.zeros(3), np.zeros(3)
    np.copyto(a, x)
    np.fill_diagonal(b, x)
    np.put(c, [2, 0], [x[0], 1.0])
    np.add.at(d, [0, 0, 2], x)
    np.add(d, 1.0, out=d)
    np.multiply(x, 2.0, out=a)
    return a + b + c + d


def inner_gradient(x):
    def inner(y):
        weights = np.zeros(3)
        weights[1] = x[0]
        weights[2] = y[2] * x[1]
        return np.sum(np.array([y[0] * x[0], y[1] ** 2 * x[1]]) * np.ones(2)) + weights @ y

    return numbafunc.grad(inner)(X)


def second_run_of_a_checkpoint(x):
    return numbafunc.checkpoint(filled)(x).sum()


def iterated(x):
    def body(carry, scale):
        new = np.zeros(3)
        new[0], new[1:] = carry[1] * scale, carry[:2]
        return new, new.sum()

    return numbafunc.scan(body, x, numpy.array([1.0, 2.0, 3.0]))[1]


FUNCTIONS = [
    value for value in list(globals().values()) if type(value) is type(lambda: 0) and value.__module__ == __name__
]


def differences(f, x):
    columns = []
    for i in range(x.size):
        step = numpy.zeros(x.size)
        step[i] = 1e-3
        pairs = [(numpy.asarray(f(x + k * step)) - numpy.asarray(f(x - k * step))) / (2 * k * 1e-3) for k in (1, 2, 3)]
        columns.append(1.5 * pairs[0] - 0.6 * pairs[1] + 0.1 * pairs[2])
    return numpy.stack(columns, -1)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_derivatives(f):
    if f is with_constants:
        forward = numbafunc.jacfwd(f)(X)
        numpy.testing.assert_array_equal(forward, [[0, 1, 0], [0, 0, 0], [0, 0, 0]])
    else:
        forward = numbafunc.jacfwd(f)(X)
        numpy.testing.assert_allclose(forward, differences(f, X), rtol=1e-8, atol=1e-9)
    numpy.testing.assert_allclose(numbafunc.jacrev(f)(X), forward, rtol=1e-13, atol=1e-13)
    value, _ = numbafunc.jvp(f, (X,), (numpy.ones(3),))
    if f is not with_constants:
        numpy.testing.assert_array_equal(value, f(X))


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_second_derivatives(f):
    weights = numpy.cos(numpy.arange(40.0))

    def scalar(x):
        y = f(x)
        return np.sum(numpy.resize(weights, np.shape(y)) * y * y)

    if f is with_constants:
        pytest.skip("asserts what plain arrays are not")
    hessian = numbafunc.hessian(scalar)(X)
    numpy.testing.assert_allclose(hessian, differences(numbafunc.grad(scalar), X), rtol=1e-7, atol=1e-7)
    numpy.testing.assert_allclose(numbafunc.jacfwd(numbafunc.jacfwd(scalar))(X), hessian, rtol=1e-11, atol=1e-11)


def test_names_are_those_of_numpy():
    for module, original in ((np, numpy), (np.linalg, numpy.linalg), (np.fft, numpy.fft)):
        for name in original.__all__:
            if name not in ("linalg", "fft", "vectorize"):
                assert getattr(module, name) is getattr(original, name), name
        assert set(dir(original)) - {"__path__"} <= {*dir(module), *dir(original)}
    assert np.float64 is numpy.float64
    assert type(np.zeros(3)) is numpy.ndarray


def test_names_are_those_of_numpy_after_an_error():
    def fails(x):
        assert np.zeros is not numpy.zeros
        assert np.zeros.__name__ == "zeros"
        assert np.zeros.__doc__ == numpy.zeros.__doc__
        assert np.add.identity == 0
        raise KeyError("from the function")

    for driver in (numbafunc.grad, numbafunc.jacfwd, numbafunc.derivative, numbafunc.hessian):
        with pytest.raises(KeyError, match="from the function"):
            driver(fails)(1.0)
        assert np.zeros is numpy.zeros


def test_another_thread_has_plain_arrays():
    types = []

    def f(x):
        thread = threading.Thread(target=lambda: types.append(type(np.zeros(3))))
        thread.start()
        thread.join()
        return np.array([x, x]).sum()

    assert numbafunc.grad(f)(1.0) == 2
    assert types == [numpy.ndarray]


def test_constants_kept_beyond_the_derivative_are_plain_arrays():
    kept = []

    def f(x):
        kept.append(np.ones((2, 2)))
        return x * kept[0][0, 0]

    assert numbafunc.grad(f)(3.0) == 1
    assert numbafunc.grad(f)(3.0) == 1
    (ones, _) = kept
    assert is_blank(ones)
    for array in (ones + 1, ones[0], ones.T, np.sin(ones), np.concatenate([ones, ones]), numpy.asarray(ones)):
        assert type(array) is numpy.ndarray
    ones[0, 0] = 2.0
    numpy.testing.assert_array_equal(ones[0], [2, 1])


def test_results_that_do_not_depend_on_variables():
    def f(x):
        return np.array([1.0, 2.0]), {"sum": np.zeros(())}

    for driver in (numbafunc.jacfwd, numbafunc.jacrev):
        result = driver(f)(X)
        numpy.testing.assert_array_equal(result[0], numpy.zeros((2, 3)))
        numpy.testing.assert_array_equal(result[1]["sum"], numpy.zeros(3))
    value, tangent = numbafunc.jvp(f, (X,), (X,))
    assert type(value[0]) is type(tangent[0]) is numpy.ndarray
    (value, aux), _ = numbafunc.value_and_grad(lambda x: (np.sum(x), np.ones(2)), has_aux=True)(X)
    numpy.testing.assert_array_equal(aux, [1, 1])
    assert type(numpy.add(aux, 1)) is numpy.ndarray


def test_arrays_without_variables_keep_their_dtypes():
    def f(x):
        for dtype in ("f2", "f4", "f8", "c8", "c16", "i4", "?"):
            assert np.zeros(2, dtype).dtype == numpy.array([0, 0], dtype).dtype == np.array([0, 1], dtype).dtype
        single = np.zeros(2, np.float32)
        single[0] = x
        assert single.dtype == np.float32
        return single.sum()

    assert numbafunc.grad(f)(1.0) == 1


def test_what_is_refused():
    def ragged(x):
        return np.array([[x, 1.0], [x]])

    def integers(x):
        np.zeros(3, int)[0] = x

    def real_for_complex(x):
        np.zeros(3)[0] = 1j * x

    def writing(x):
        np.nditer(np.array([x]), op_flags=["readwrite"])

    for f, error, words in (
        (ragged, ValueError, r"entries have the shapes \(1,\), \(2,\)"),
        (integers, TypeError, "dual array"),
        (real_for_complex, TypeError, "complex128 can't be stored"),
        (writing, TypeError, "readwrite; wanted"),
        (lambda x: np.array([x], dtype=int), TypeError, "int64"),
        (lambda x: np.fromiter([x], float, count=2), ValueError, "iterator too short"),
    ):
        with pytest.raises(error, match=words):
            numbafunc.jacfwd(f)(1.0)
        with pytest.raises(error, match=words):
            numbafunc.vjp(f, 1.0)


def test_namespace_of_arrays():
    def f(x):
        xp = x.__array_namespace__()
        assert xp is np
        assert x.__array_namespace__(api_version="2022.12") is np
        assert x.device == "cpu"
        assert x.to_device("cpu") is x
        assert x.__dlpack_device__() == (1, 0)
        with pytest.raises(TypeError, match="__dlpack__"):
            x.__dlpack__()
        with pytest.raises(ValueError, match="1999"):
            x.__array_namespace__(api_version="1999")
        return xp.sum(xp.asarray([x, x]))

    assert numbafunc.grad(f)(1.0) == 2


def test_lists_in_vectorized_functions_and_templates():
    def function(x):
        like = numpy.ones((2, 2), numpy.float32)
        return np.vectorize(lambda a, b: a * b)(x, [x[1], 2.0, 3.0]), np.full_like(like, x[0]), np.full_like(x, x[1])

    x = numpy.array([1.0, 2.0, 3.0])
    for of in (numbafunc.jacfwd, numbafunc.jacrev):
        products, filled, other = of(function)(x)
        numpy.testing.assert_array_equal(products, [[2, 1, 0], [0, 2, 0], [0, 0, 3]])
        assert filled.dtype == numpy.float32
        numpy.testing.assert_array_equal(filled, numpy.broadcast_to([1, 0, 0], (2, 2, 3)))
        numpy.testing.assert_array_equal(other, numpy.broadcast_to([0, 1, 0], (3, 3)))
