"""Arrays of pandas, xarray and Dask that meet dual arrays: the derivative, or a TypeError that says what to pass."""

import operator
import sys

import numpy as np
import pytest

import numbafunc
from numbafunc.autodiff import Dual

# Before Python 3.11 it is not known which of the operations in a line was refused, so errors may stay those of others.
EXACT = sys.version_info >= (3, 11)
OTHERWISE = () if EXACT else (ValueError, AttributeError, NotImplementedError)

VALUES = np.array([1.0, 2.0, 3.0])
FACTORS = np.array([2.0, 4.0, 1.5])


def series():
    return pytest.importorskip("pandas").Series(FACTORS, index=list("abc"), name="s")


def frame():
    return pytest.importorskip("pandas").DataFrame(np.outer(FACTORS, FACTORS), columns=list("abc"))


def index():
    return pytest.importorskip("pandas").Index(FACTORS)


def nullable():
    return series().astype("Float64")


def data_array():
    return pytest.importorskip("xarray").DataArray(FACTORS, dims="t", coords={"t": [5, 6, 7]}, name="a")


def dask_array():
    return pytest.importorskip("dask.array").from_array(FACTORS, chunks=2)


OTHERS = [series, frame, index, nullable, data_array, dask_array]
OPERATORS = [
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod),
    *(np.add, np.multiply, np.arctan2, np.hypot, np.maximum, np.dot),
]


def derivative(f, driver):
    """The Jacobian; the function must give a dual array, by itself or in what holds it."""
    results = []

    def noting(x):
        results.append(f(x))
        return results[-1]

    found = getattr(numbafunc, driver)(noting)(VALUES)
    assert type(getattr(results[-1], "data", results[-1])) is Dual
    return found


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("reflected", [False, True])
@pytest.mark.parametrize("apply", OPERATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("make", OTHERS)
def test_operators_in_both_orders(make, apply, reflected):
    other = make()
    plain = np.asarray(other, float)
    if make is index and apply in (np.add, np.multiply, np.arctan2, np.hypot, np.maximum) and not reflected:
        pytest.skip("pandas.Index answers ufuncs before it asks the other operand; see the next test")
    got = derivative(lambda x: apply(x, other) if reflected else apply(other, x), "jacfwd")
    want = numbafunc.jacfwd(lambda x: apply(x, plain) if reflected else apply(plain, x))(VALUES)
    np.testing.assert_array_equal(got, want)


REFUSED = [
    (index, lambda i, x: np.add(i, x), r"numpy\.add .*pass i\.to_numpy\(\)"),
    (series, lambda s, x: s @ x, r"pandas\.Series .*pass s\.to_numpy\(\)"),
    (frame, lambda s, x: s @ x, r"pandas\.DataFrame .*pass s\.to_numpy\(\)"),
    (data_array, lambda s, x: s @ x, r"xarray\.DataArray .*pass s\.to_numpy\(\)"),
    (series, lambda s, x: s.dot(x), r"pandas\.Series\.dot .*pass s\.to_numpy\(\)"),
    (data_array, lambda s, x: s.dot(x), r"xarray\.DataArray\.dot .*pass s\.to_numpy\(\)"),
    (series, lambda s, x: np.matmul(s, x), r"numpy\.matmul .*pass s\.to_numpy\(\)"),
    (series, lambda s, x: operator.iadd(s, x), r"operator\.iadd .*pass s\.to_numpy\(\)"),
    (series, lambda s, x: s[x], r"the index of s "),
    (series, lambda s, x: operator.setitem(s, ..., x), r"operator\.setitem "),
    (data_array, lambda s, x: operator.setitem(s, 0, x[0]), r"operator\.setitem "),
    (dask_array, lambda s, x: operator.setitem(s, 0, x[0]), r"operator\.setitem "),
    (data_array, lambda s, x: operator.iadd(s, x), r"numpy\.add: out can't hold"),
    (frame, lambda s, x: s.assign(z=x), r"pandas\.DataFrame\.assign "),
    (frame, lambda s, x: s.apply(lambda column: column * x), r"pandas\.DataFrame\.apply "),
    (series, lambda s, x: s.astype(str) * x, r"type Series can't meet a dual array"),
    (series, lambda s, x: type(s)([x[0], x[1]]), r"holds objects.*numpy\.stack"),
    (data_array, lambda s, x: s.to_dataset() * x, r"the output of f is a Dataset of xarray"),
]


@pytest.mark.parametrize(("make", "use", "message"), REFUSED)
def test_what_is_refused_names_itself(make, use, message):
    other = make()
    with pytest.raises((TypeError, *OTHERWISE), match=message if EXACT else None):
        numbafunc.jacfwd(lambda x: use(other, x))(VALUES)


def test_series_is_changed_in_place_by_no_dual_array():
    def f(x):
        s = series()
        s += x
        return s

    message = r"an operator of pandas\.Series .*pass s\.to_numpy\(\)"
    with pytest.raises((TypeError, *OTHERWISE), match=message if EXACT else None):
        numbafunc.jacfwd(f)(VALUES)


USES = [
    (series, lambda s, x: np.where(s > 1.6, x * x, s)),
    (series, lambda s, x: np.sum(x, where=s > 1.6)),
    (series, lambda s, x: x.sum(where=s > 1.6)),
    (series, lambda s, x: np.add.reduce(x, where=s > 1.6)),
    (series, lambda s, x: np.exp(x, where=s > 1.6)),
    (series, lambda s, x: x[s > 1.6]),
    (series, lambda s, x: x @ s),
    (frame, lambda s, x: x @ s),
    (series, lambda s, x: np.concatenate([s, x])),
    (series, lambda s, x: np.outer(s, x)),
    (series, lambda s, x: np.interp(x, np.sort(s), s)),
    (data_array, lambda s, x: x @ s),
    (data_array, lambda s, x: x.sum(where=s > 1.6)),
    (dask_array, lambda s, x: np.where(s > 1.6, x, s)),
    (dask_array, lambda s, x: s @ x),
]


@pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")
@pytest.mark.parametrize(("make", "use"), USES)
def test_functions_of_numpy_take_other_arrays_as_data(make, use):
    other = make()
    plain = np.asarray(other)
    for driver in (numbafunc.jacfwd, lambda f: lambda x: numbafunc.jvp(f, (x,), (FACTORS,))[1]):
        np.testing.assert_array_equal(driver(lambda x: use(other, x))(VALUES), driver(lambda x: use(plain, x))(VALUES))


# A function of labelled arrays, and the same of plain ones where it is written differently.
LABELLED = [
    (lambda a, x: a * x, None),
    (lambda a, x: x * a, None),
    (lambda a, x: x**a - (a * x) / x, None),
    (lambda a, x: np.exp(x * a).sum("t"), lambda a, x: np.exp(x * a).sum()),
    (lambda a, x: (a * x).mean() ** 2, None),
    (lambda a, x: (x * a).isel(t=[0, 2]) * 3, lambda a, x: (x * a)[[0, 2]] * 3),
    (lambda a, x: x * (a * x), None),
    (lambda a, x: numbafunc.swish(a * x), None),
    (lambda a, x: numbafunc.elu(x * a, 2.0) + a, None),
]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(("labelled", "plain"), LABELLED)
def test_arrays_of_xarray_hold_dual_arrays_and_keep_labels(labelled, plain, nested):
    array = data_array()
    seen = []

    def f(x):
        seen.append(labelled(array, x))
        return seen[-1]

    outer = numbafunc.jacfwd if nested else lambda f: f
    for driver in (numbafunc.jacfwd, numbafunc.jacrev):
        got = outer(driver(f))(VALUES)
        want = outer(driver(lambda x: (plain or labelled)(FACTORS, x)))(VALUES)
        np.testing.assert_allclose(got, want, rtol=1e-15)
        assert type(got) is np.ndarray
    assert type(seen[-1]).__name__ == "DataArray"
    assert type(seen[-1].data) is Dual
    assert seen[-1].dims == ("t",) * seen[-1].ndim


def test_scalar_of_xarray_has_a_gradient():
    array = data_array()
    value, gradient = numbafunc.value_and_grad(lambda x: (array * x * x).sum())(VALUES)
    np.testing.assert_array_equal(gradient, 2 * FACTORS * VALUES)
    assert value == np.sum(FACTORS * VALUES**2)


def test_dask_computes_with_dual_arrays_while_the_derivative_is_taken():
    array = dask_array()
    gradient = numbafunc.grad(lambda x: array.dot(x).compute())(VALUES)
    np.testing.assert_array_equal(gradient, FACTORS)
    with pytest.raises(ValueError, match="kept beyond the derivative"):
        numbafunc.jacfwd(lambda x: array.dot(x))(VALUES)


def test_objects_of_pandas_keep_derivatives():
    s = series()
    gradient = numbafunc.grad(lambda x: np.sum(s.apply(lambda entry: entry * x[0])))(VALUES)
    np.testing.assert_array_equal(gradient, [np.sum(FACTORS), 0, 0])
