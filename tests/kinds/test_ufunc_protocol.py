"""Elementwise ops on arrays of other libraries: labels stay, lazy arrays stay lazy, by NumPy's protocol for ufuncs."""

import pickle

import numpy as np
import pytest

import numbafunc

VALUES = np.array([-1.0, 2.0, 3.0])


@numbafunc.elementwise
def power(x, y):
    """An op with the name of a ufunc, which must not be taken for it."""
    return x * x + y


def defined(x):
    return x * x + 1


module_level = numbafunc.elementwise(defined)


class Wrapped:
    """The simplest array that answers the protocol; a declined op takes it as data."""

    def __init__(self, array, declines=False):
        self.array = array
        self.declines = declines
        self.seen = []

    def __array__(self, dtype=None, copy=None):
        return self.array

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        self.seen.append((ufunc.__name__, ufunc.nin, ufunc.nout, method, options))
        if self.declines:
            return NotImplemented
        return Wrapped(getattr(ufunc, method)(*(x.array if type(x) is Wrapped else x for x in inputs)))


OPS = [
    ("relu", numbafunc.relu, 1),
    ("elu", lambda x: numbafunc.elu(x, 1.5), 2),
    ("gelu_tanh", lambda x: numbafunc.gelu(x, approximate=True), 1),
    ("leaky_relu", lambda x: numbafunc.leaky_relu(x, 0.1), 2),
    ("power", lambda x: power(x, 2.0), 2),
    ("power", lambda x: power(VALUES, x), 2),
    ("sigmoid_cross_entropy_logits", lambda x: numbafunc.loss.sigmoid_cross_entropy_logits(x, 0.5), 2),
]


@pytest.mark.parametrize(("name", "op", "operands"), OPS)
def test_op_asks_the_array(name, op, operands):
    x = Wrapped(VALUES)
    result = op(x)
    assert type(result) is Wrapped
    np.testing.assert_array_equal(result.array, op(VALUES))
    assert x.seen == [(f"numbafunc.{name}", operands, 1, "__call__", {})]


@pytest.mark.parametrize(("name", "op", "operands"), OPS)
def test_array_that_declines_is_data(name, op, operands):
    result = op(Wrapped(VALUES, declines=True))
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, op(VALUES))


def test_with_out_an_array_is_data():
    x = Wrapped(VALUES)
    out = np.empty(3)
    assert numbafunc.relu(x, out=out) is out
    np.testing.assert_array_equal(out, [0, 2, 3])
    assert not x.seen


def test_plain_arrays_are_not_asked(monkeypatch):
    monkeypatch.setattr("numbafunc.kinds.elementwise.applied", None)
    numbafunc.relu(VALUES)
    numbafunc.relu(1.0)
    power(VALUES, VALUES)


@pytest.mark.parametrize("op", [numbafunc.relu, module_level])
def test_what_the_array_is_asked_to_apply_can_be_pickled(op):
    asked = []

    class Keeping(Wrapped):
        def __array_ufunc__(self, ufunc, *rest):
            asked.append(ufunc)

    op(Keeping(VALUES))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(asked[0]))(VALUES), op(VALUES))


@pytest.mark.parametrize(("name", "op", "operands"), OPS)
def test_series_and_frames_keep_labels(name, op, operands):
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(VALUES, index=list("abc"), name="s")
    pandas.testing.assert_series_equal(op(series), pandas.Series(op(VALUES), index=series.index, name="s"))
    # As many columns as rows, for operands of three elements.
    frame = pandas.DataFrame({"p": VALUES, "q": -VALUES, "r": 2 * VALUES}, index=list("abc"))
    want = pandas.DataFrame(op(frame.to_numpy()), index=frame.index, columns=frame.columns)
    pandas.testing.assert_frame_equal(op(frame), want)


def test_series_are_aligned_as_by_a_ufunc():
    pandas = pytest.importorskip("pandas")
    first, second = pandas.Series(VALUES, index=list("abc")), pandas.Series(VALUES, index=list("cba"))
    pandas.testing.assert_series_equal(power(first, second), first * first + second)


@pytest.mark.parametrize(("name", "op", "operands"), OPS)
def test_arrays_and_datasets_of_xarray_keep_labels(name, op, operands):
    xarray = pytest.importorskip("xarray")
    array = xarray.DataArray(VALUES, dims="t", coords={"t": [5, 6, 7]}, name="a", attrs={"unit": "m"})
    want = array.copy(data=op(VALUES))
    xarray.testing.assert_identical(op(array), want)
    xarray.testing.assert_equal(op(array.to_dataset()), want.to_dataset())


@pytest.mark.parametrize(("name", "op", "operands"), OPS)
def test_arrays_of_dask_stay_lazy(name, op, operands):
    dask = pytest.importorskip("dask.array")
    array = dask.from_array(VALUES.astype(np.float32), chunks=2)
    result = op(array)
    assert type(result) is dask.Array
    plain = op(VALUES.astype(np.float32))
    assert result.dtype == plain.dtype
    np.testing.assert_array_equal(result.compute(), plain)
