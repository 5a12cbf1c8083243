"""dynamic_slice: starts that are moved into the array, views of any shape, and errors."""

import numpy as np
import pytest
from chosen_backend import dynamic_slice, numbafunc
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

pytestmark = pytest.mark.any_backend

TABLE = np.arange(12).reshape(3, 4)


@pytest.mark.parametrize(
    ("starts", "expected"),
    [((-1, 0), TABLE[1:3, 0:3]), ((-5, -9), TABLE[0:2, 0:3]), ((5, 9), TABLE[1:3, 1:4]), ((0, 1), TABLE[:2, 1:4])],
)
def test_starts_are_adjusted(starts, expected):
    for given_starts in (
        starts,
        list(starts),
        np.array(starts),
        np.array(starts, np.int8),
        tuple(map(np.int64, starts)),
    ):
        np.testing.assert_array_equal(dynamic_slice(TABLE, given_starts, (2, 3)), expected)
    np.testing.assert_array_equal(dynamic_slice(TABLE, [np.array(n) for n in starts], [2, 3]), expected)


def test_slices_at_the_limits():
    assert dynamic_slice(TABLE, (1, 1), (0, 2)).shape == (0, 2)
    assert dynamic_slice(3.0, (), ()) == 3.0
    whole = dynamic_slice(TABLE, (7, -7), (3, 4))
    np.testing.assert_array_equal(whole, TABLE)
    assert not np.shares_memory(whole, TABLE)
    large = np.arange(500_000).reshape(500, 1000)
    np.testing.assert_array_equal(dynamic_slice(large, (3, -3), (400, 900)), large[3:403, 100:])


@settings(derandomize=True, max_examples=60, deadline=None)
@given(data=st.data(), shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
def test_any_slice(data, shape):
    x = np.arange(int(np.prod(shape))).reshape(shape)
    starts = data.draw(st.tuples(*[st.integers(-8, 8) for _ in shape]))
    sizes = data.draw(st.tuples(*[st.integers(0, length) for length in shape]))
    places = [
        int(np.clip(start + length if start < 0 else start, 0, length - size))
        for start, size, length in zip(starts, sizes, shape)
    ]
    expected = x[tuple(slice(place, place + size) for place, size in zip(places, sizes))]
    np.testing.assert_array_equal(dynamic_slice(x, starts, sizes), expected)


def test_errors_of_dynamic_slice():
    for starts in ((0,), (0, 0, 0), (), np.array([0])):
        for error in (ValueError, TypeError):
            with pytest.raises(error, match="^start_indices has"):
                dynamic_slice(TABLE, starts, (1, 1))
    for sizes in ((1,), (1, 1, 1), (4, 1), (1, 5), (-1, 1)):
        for error in (ValueError, TypeError):
            with pytest.raises(error, match="^slice_sizes"):
                dynamic_slice(TABLE, (0, 0), sizes)
    mixed = (np.int32(0), np.int64(0))
    for starts in ((0.0, 0), (True, 0), np.zeros(2), np.zeros(2, bool), 0, None, "00", mixed, np.zeros((2, 1), int)):
        with pytest.raises(TypeError, match="^start_indices is"):
            dynamic_slice(TABLE, starts, (1, 1))
    for sizes in ((1.0, 1), 1, None, (None, 1)):
        with pytest.raises(TypeError, match="^slice_sizes is"):
            dynamic_slice(TABLE, (0, 0), sizes)
    with pytest.raises(TypeError, match="^start_indices is a Dual"):
        numbafunc.jvp(lambda x: dynamic_slice(TABLE, x, (1, 1)), (np.zeros(2),), (np.zeros(2),))
