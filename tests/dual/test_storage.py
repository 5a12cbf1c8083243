"""Assignment into dual arrays: what is replaced, who sees it, levels that rise, and what is refused."""

import numpy as np
import pytest

from numbafunc.autodiff import Dual, components, grad, jacfwd, jvp, value_of

GENERATOR = np.random.default_rng(41)


def dual(shape=(3, 4), directions=2, level=1):
    return Dual(GENERATOR.normal(size=shape), GENERATOR.normal(size=(directions, *shape)), level)


def nested(shape=(3, 4)):
    return Dual(dual(shape, 2, 1), dual((3, *shape), 2, 1), 4)


# Each takes a view; `twin` does the same to plain arrays.
VIEWS = {
    "slice": lambda x: x[1:],
    "step": lambda x: x[::2, ::-1],
    "row": lambda x: x[1],
    "newaxis": lambda x: x[:, None],
    "item that keeps an axis": lambda x: x[1:2, 2],
    "reshape": lambda x: x.reshape(2, 6),
    "ravel": lambda x: x.ravel(),
    "transpose": lambda x: x.T,
    "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "flip": lambda x: np.flip(x, 0),
    "rot90": lambda x: np.rot90(x),
    "squeeze": lambda x: np.squeeze(x[None]),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "diagonal of rows": lambda x: x[:, :3].T[1:],
    "view of a view": lambda x: x[1:].reshape(-1)[2:].reshape(2, 3).T,
    "split": lambda x: np.split(x, 3)[1],
    "array_split": lambda x: np.array_split(x, 2)[1],
    "atleast_3d": lambda x: np.atleast_3d(x),
    "iteration": lambda x: list(x)[2],
    "ellipsis": lambda x: x[...],
    "same": lambda x: x,
}


def check_like_components(x, change):
    """Change every component of a plain copy as the array is changed, and compare."""
    plain = {key: part.copy() for key, part in components(x).items()}
    change(x)
    for key, part in plain.items():
        rows = part.reshape((-1, *x.shape))
        for row in rows:
            change(row, None if key == () else 0.0)
        np.testing.assert_array_equal(components(x)[key], rows.reshape(part.shape), err_msg=str(key))


@pytest.mark.parametrize("make", [dual, nested])
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_writing_to_a_view_changes_the_array(view, make):
    def change(x, constant=None):
        part = view(x)
        part[0] = 7.0 if constant is None else constant
        part *= 2

    check_like_components(make(), change)


@pytest.mark.parametrize("make", [dual, nested])
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_writing_to_the_array_changes_a_view(view, make):
    x = make()
    part = view(x)
    other = x[0]
    x[...] = x * x
    x[1, 2] = 5.0
    fresh = view(x)
    for key, array in components(fresh).items():
        np.testing.assert_array_equal(components(part)[key], array)
        np.testing.assert_array_equal(components(other)[key], components(x[0])[key])


def test_sliding_windows_see_what_is_written_and_can_not_be_written_to():
    x = dual((5,))
    windows = np.lib.stride_tricks.sliding_window_view(x, 3)
    x[2] = 2.0 * x[0]
    np.testing.assert_array_equal(windows.primal, np.lib.stride_tricks.sliding_window_view(x.primal, 3))
    np.testing.assert_array_equal(windows.tangent[:, 0, 2], 2 * x.tangent[:, 0])
    with pytest.raises(ValueError, match="read-only"):
        windows[0, 0] = 1.0


COPIES = {
    "copy": lambda x: x.copy(),
    "arithmetic": lambda x: x + 1,
    "positive": lambda x: +x,
    "integers": lambda x: x[[0, 1, 2]],
    "mask": lambda x: x[np.ones((3, 4), bool)],
    "flatten": lambda x: x.flatten(),
    "astype": lambda x: x.astype(float),
    "negative": np.negative,
    "where": lambda x: np.where(True, x, 0),
    "broadcast": lambda x: x + np.zeros((2, 3, 4)),
    "item": lambda x: x[1, 1],
    "concatenate": lambda x: np.concatenate([x, x]),
    "tile": lambda x: np.tile(x, 1),
    "ravel of a transpose": lambda x: x.T.ravel(),
}


@pytest.mark.parametrize("make", [dual, nested])
@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_copies_are_apart(copy, make):
    x = make()
    other = copy(x)
    kept = {key: part.copy() for key, part in components(x).items()}
    other_kept = {key: part.copy() for key, part in components(other).items()}
    x[1] = 0.0
    x += 1
    for key, part in other_kept.items():
        np.testing.assert_array_equal(components(other)[key], part)
    x = make()
    other = copy(x)
    kept = {key: part.copy() for key, part in components(x).items()}
    other[...] = 0.0
    for key, part in kept.items():
        np.testing.assert_array_equal(components(x)[key], part)


def test_aliasing_names():
    x = dual()
    same = x
    same += 1
    same[0] = 2.0
    assert same is x
    np.testing.assert_array_equal(x.tangent[:, 0], 0)


def test_numbers_do_not_change():
    # A dual array without axes stands for a number.
    x = Dual(np.array(2.0), np.ones(1), 1)
    y = x
    y += 1
    assert (x.primal, y.primal) == (2, 3)
    row = dual((3,))
    item = row[1]
    item *= 0
    assert row.primal[1] != 0
    x[()] = 5.0
    assert (x.primal, x.tangent[0]) == (5, 0)
    x[True] = Dual(np.array(1.0), np.full(1, 3.0), 1)
    assert (x.primal, x.tangent[0]) == (1, 3)


def test_arrays_of_the_caller_are_left_alone():
    x, v = np.arange(4.0), np.ones(4)

    def f(x):
        x[0] = x[1] * x[2]
        x += 1
        half = x[2:]
        half *= 3
        x.sort()
        return x

    jvp(f, (x,), (v,))
    for chunk_size in (None, 1):
        np.testing.assert_array_equal(
            jacfwd(f, chunk_size=chunk_size)(x), [[0, 1, 0, 0], [0, 2, 1, 0], [0, 0, 3, 0], [0, 0, 0, 3]]
        )
    np.testing.assert_array_equal(x, np.arange(4.0))
    np.testing.assert_array_equal(v, 1)


def test_outer_array_is_left_alone_by_an_inner_derivative():
    def outer(x):
        def inner(y):
            z = x * 1.0
            z[1:] = y * x[0]
            z[0] *= y[0]
            return np.sum(z * z)

        return np.sum(grad(inner)(x[:2]))

    x = np.array([0.7, 1.3, 2.0])

    def expected(x):
        return 2 * x[0] ** 2 * x[0] + 2 * x[0] ** 2 * (x[0] + x[1])

    h = 1e-5
    slopes = [(expected(x + h * e) - expected(x - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(grad(outer)(x), slopes, rtol=1e-8)


@pytest.mark.parametrize(("low", "high"), [(1, 2), (2, 5)])
def test_level_rises(low, high):
    x, y = dual((3,), 2, low), dual((), 4, high)
    kept = x.copy()
    flat = x[:2]
    x[0] = y
    for array in (x, flat):
        assert array.level == high
        np.testing.assert_array_equal(array.tangent[:, 0], y.tangent)
        np.testing.assert_array_equal(array.tangent[:, 1], 0)
        np.testing.assert_array_equal(array.primal.primal[1], kept.primal[1])
        np.testing.assert_array_equal(components(array)[(low,)][:, 0], 0)
        np.testing.assert_array_equal(components(array)[(low,)][:, 1], kept.tangent[:, 1])
    flat *= y
    np.testing.assert_allclose(value_of(x.tangent[:, 0]), 2 * y.primal * y.tangent)


def test_lower_level_goes_into_the_value():
    x, y = dual((3,), 2, 4), dual((), 3, 1)
    x[1] = y
    assert x.level == 4
    np.testing.assert_array_equal(x.tangent[:, 1], 0)
    np.testing.assert_array_equal(x.primal.tangent[:, 1], y.tangent)
    np.testing.assert_array_equal(x.primal.tangent[:, 0], 0)


def test_work_array_of_an_outer_level():
    def f(x):
        work = np.zeros_like(x)

        def g(y):
            own = work + 0 * y
            own[0] = y[0] ** 2 * x[1]
            view = own[1:]
            view[0] = own[0] * y[1]
            return own.sum()

        return grad(g)(x).sum()

    # g(y) = y0**2 x1 (1 + y1)
    x = np.array([0.7, 1.3])
    a, b = x
    np.testing.assert_allclose(grad(f)(x), [2 * b * (1 + b) + 2 * a * b, 2 * a * (1 + 2 * b) + a**2], rtol=1e-14)


@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_empty(shape):
    x = Dual(np.zeros(shape), np.zeros((2, *shape)), 1)
    x[...] = 1.0
    x[:, :0] = dual(shape)[:, :0]
    x += 1
    x[np.zeros(shape, bool)] = 3.0
    assert x.tangent.shape == (2, *shape)


def test_layouts():
    value = np.asfortranarray(GENERATOR.normal(size=(3, 4)))
    x = Dual(value, np.moveaxis(GENERATOR.normal(size=(3, 4, 2)), -1, 0), 1)
    expected, change = x.primal.copy(), x.tangent.copy()
    flat, turned = x.T.reshape(-1), x.T
    flat[3:] = 9.0
    expected.T.reshape(-1)[3:] = 9.0
    change[:, :, 1:] = 0
    np.testing.assert_array_equal(x.primal, np.where(np.arange(4) > 0, 9.0, expected))
    np.testing.assert_array_equal(x.tangent, change)
    np.testing.assert_array_equal(turned.tangent, change.transpose(0, 2, 1))


def test_float32_stays():
    x = Dual(np.zeros(3, np.float32), np.zeros((1, 3), np.float32), 1)
    x[0] = Dual(np.array(1.5), np.array([2.5]), 1)
    x += np.float64(1)
    x[1:] = np.arange(2)
    assert x.dtype == x.tangent.dtype == np.float32
    np.testing.assert_array_equal(x.primal, [2.5, 0, 1])
    np.testing.assert_array_equal(x.tangent, [[2.5, 0, 0]])


def test_many_views_of_views():
    x = np.arange(3000.0)

    def f(x):
        y = x * 1.0
        while len(y) > 1:
            y = y[1:]
        y[0] = 2 * y[0]
        return y

    value, tangent = jvp(f, (x,), (np.ones(3000),))
    assert (value, tangent) == (5998, 2)


def test_assignment_in_a_loop_does_not_copy_the_array():
    x = np.zeros_like(dual((1000,)))
    row = dual((1000,))
    x[0] = row[0]
    address = x.tangent.ctypes.data
    for i in range(1, 10):
        x[i] = x[i - 1] * row[i]
        x[i] += row[i]
        x[i : i + 2] *= 2
    assert x.tangent.ctypes.data == address


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda x: x.__setitem__(5, 1.0), IndexError, "out of bounds"),
        (lambda x: x.__setitem__((0, 0, 0), 1.0), IndexError, "too many indices"),
        (lambda x: x.__setitem__(0, np.ones(3)), ValueError, "broadcast"),
        (lambda x: x.__setitem__(0, dual((3,))), ValueError, "broadcast"),
        (lambda x: x.__setitem__(0, 1j), TypeError, "complex"),
        (lambda x: x.__setitem__(0, "text"), TypeError, "dtype"),
        (lambda x: x.__setitem__(x[0], 1.0), TypeError, "index"),
        (lambda x: x.__setitem__(0, [x[0, 0]] * 3), ValueError, "broadcast"),
        (lambda x: x.__iadd__(np.ones((2, 3, 4))), ValueError, "output operand"),
        (lambda x: np.broadcast_to(x, (2, 3, 4)).__setitem__(0, 1.0), ValueError, "read-only"),
        (lambda x: np.zeros((3, 4)).__setitem__(0, x[0]), TypeError, "numpy.zeros_like"),
        (lambda x: np.zeros((3, 4)).__setitem__(..., x), TypeError, "numpy.zeros_like"),
        (lambda x: np.zeros((3, 4)).__iadd__(x), TypeError, "numpy.zeros_like"),
        (lambda x: np.copyto(np.zeros((3, 4)), x), TypeError, "numpy.copyto.*numpy.zeros_like"),
        (lambda x: np.put(np.zeros(3), [0], x[0, 0]), TypeError, "numpy.put.*numpy.zeros_like"),
        (lambda x: np.add.at(np.zeros(3), [0], x[0, 0]), TypeError, "numpy.add.at.*numpy.zeros_like"),
        (lambda x: np.sum(x, out=np.zeros(())), TypeError, "numpy.sum: out.*numpy.zeros_like"),
        (lambda x: np.exp(x, out=np.zeros((3, 4))), TypeError, "numpy.exp: out.*numpy.zeros_like"),
        (lambda x: np.array([x[0, 0], x[1, 1]]), TypeError, "numpy.stack"),
        (lambda x: np.asarray([x[0], x[1]]), TypeError, "numpy.stack"),
    ],
)
def test_errors(change, error, match):
    x = dual()
    view = x[1:]
    with pytest.raises(error, match=match):
        change(x)
    # Nothing is left half done.
    assert x.primal.shape == (3, 4)
    np.testing.assert_array_equal(view.tangent, x.tangent[:, 1:])


def test_element_of_a_plain_array():
    # NumPy makes a ValueError of any error here; its cause says what to do.
    with pytest.raises((TypeError, ValueError)) as caught:
        np.zeros(3)[0] = dual((3,))[0]
    reason = caught.value if isinstance(caught.value, TypeError) else caught.value.__cause__
    assert isinstance(reason, TypeError)
    assert "numpy.zeros_like" in str(reason)


def test_results_without_tangents_may_go_into_plain_arrays():
    x = dual()
    larger, whole = np.zeros((3, 4), bool), np.zeros((3, 4))
    assert np.greater(x, 0, out=larger) is larger
    np.floor(x, out=whole, where=larger)
    np.testing.assert_array_equal(whole, np.where(x.primal > 0, np.floor(x.primal), 0))
    x //= 0.5
    np.testing.assert_array_equal(x.tangent, 0)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("assigned", [1, 2])
def test_elements_are_assigned_in_place_after_the_first(order, assigned):
    x = Dual(np.asfortranarray(np.ones((3, 4))) if order == "F" else np.ones((3, 4)), np.zeros((2, 3, 4)), 1)
    kept = x.primal
    y = Dual(np.array(2.0), np.array([1.0, 3.0]), assigned)
    x[0, 1] = y
    where = value_of(x).ctypes.data
    for i in range(3):
        x[i, 0] = y * i
        assert value_of(x).ctypes.data == where
    x[:, 2] = 5.0
    assert value_of(x).ctypes.data == where
    assert kept[0, 1] == 1
    np.testing.assert_array_equal(x[2, 0].tangent, [2.0, 6.0])
