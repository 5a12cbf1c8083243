"""top_k: the figures of the API's description, its order, and what is refused."""

import json

import ml_dtypes
import numpy as np
import pytest
from chosen_backend import numbafunc, sized, top_k
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from selection_table import ranked, taken

from numbafunc.errors import ShapeError

pytestmark = pytest.mark.any_backend


def check(x, k):
    """Compare with a stable sort by NumPy."""
    values, indices = top_k(x, k)
    positions = ranked(k)(x)
    assert indices.dtype == np.int32
    np.testing.assert_array_equal(indices, positions % max(1, x.shape[-1]))
    expected = taken(x, positions, 0)
    assert values.dtype == x.dtype
    assert values.tobytes() == expected.tobytes()


def test_named_tuple():
    result = top_k([3.0, 1.0, 4.0, 1.5], 2)
    assert result.values is result[0]
    assert result.indices is result[1]
    np.testing.assert_array_equal(result.values, [4, 3])
    np.testing.assert_array_equal(result.indices, [2, 0])


def test_order():
    values, indices = top_k([np.nan, 1.0, np.inf, -np.inf], 4)
    np.testing.assert_array_equal(values, [np.nan, np.inf, 1, -np.inf])
    np.testing.assert_array_equal(indices, [0, 2, 1, 3])
    np.testing.assert_array_equal(top_k([5, 1, 5, 5, 2], 4).indices, [0, 2, 3, 4])
    np.testing.assert_array_equal(top_k([False, True, False, True], 3).indices, [1, 3, 0])


def test_subnormal_numbers_count():
    tiny = np.array([0, 1e-45, -1e-45, 3e-45], np.float32)
    np.testing.assert_array_equal(top_k(tiny, 4).indices, [3, 1, 0, 2])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_integers_to_their_limits(dtype):
    limits = np.iinfo(dtype)
    x = np.array([0, limits.max, limits.min, 1, limits.max, limits.max - 1, limits.min], dtype)
    for k in range(8):
        check(x, k)
    # More of them than are held in order, with all that can be equal to a limit.
    for row in (
        np.full(50, limits.min, dtype),
        np.full(50, limits.max, dtype),
        np.resize(x, sized(2000, simulated=70)),
    ):
        # Kernels for many take their time to compile.
        for k in (1, 16, 17, 49, 50) if dtype in (np.int8, np.uint32, np.int64) else (1, 16):
            check(row, k)


def test_none_and_all():
    x = np.random.default_rng(0).normal(size=(2, 3, 5))
    values, indices = top_k(x, 0)
    assert values.shape == indices.shape == (2, 3, 0)
    assert values.dtype == np.float64
    check(x, 5)
    for shape in ((0,), (2, 0), (0, 4), (3, 0, 2)):
        for k in range(shape[-1] + 1):
            values, indices = top_k(np.zeros(shape, np.float32), k)
            assert values.shape == indices.shape == (*shape[:-1], k)
            assert indices.dtype == np.int32


@pytest.mark.parametrize(("rows", "n"), [(3, 1000), (2, 70000), (1, 200000)])
def test_hard_orders(rows, n):
    n = sized(n, simulated=30 + n // 5000)
    random, shape = np.random.default_rng(1), (rows, n)
    cases = {
        "random": random.normal(size=shape),
        "ascending": np.broadcast_to(np.arange(n), shape),
        "descending": np.broadcast_to(np.arange(n)[::-1], shape),
        "equal": np.ones(shape),
        "two values": random.integers(0, 2, shape),
        "few large": np.where(random.random(shape) < 1e-3, random.normal(size=shape), -np.inf),
        "saw": np.broadcast_to(np.arange(n) % 97, shape),
    }
    for x in cases.values():
        for k in sized((1, 2, 16, 17, 100, 193, 700), simulated=(1, 2, 17)):
            check(x.astype(np.float32), k)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_of_a_long_row(dtype):
    n = sized(30000, simulated=60)
    x = np.random.default_rng(2).normal(size=(2, n)).astype(dtype)
    for k in (n // 3 - 1, n - 1, n):
        check(x, k)


@settings(derandomize=True, max_examples=sized(100, simulated=25), deadline=None)
@given(
    x=hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=st.floats(width=32)),
    data=st.data(),
)
def test_any_row(x, data):
    check(x, data.draw(st.integers(0, x.shape[-1])))


@pytest.mark.parametrize("shape", [(7,), (2, 7), (2, 3, 7), (1, 1, 1, 7)], ids=str)
def test_axes(shape):
    x = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    for _ in range(2):  # the second call of a form takes another way
        for k in (3, np.int64(3), np.array(3)):
            check(x, int(k))
            np.testing.assert_array_equal(top_k(x, k).values, top_k(x, 3).values)


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_other_axes_and_the_smallest(axis, largest):
    x = np.random.default_rng(4).integers(-5, 5, (4, 6, 5)) / 2
    for k in (0, 2, x.shape[axis]):
        order = np.take(np.argsort(-x if largest else x, axis, kind="stable"), range(k), axis)
        values, indices = top_k(x, k, axis=axis, largest=largest)
        np.testing.assert_array_equal(values, np.take_along_axis(x, order, axis), strict=True)
        np.testing.assert_array_equal(indices, order.astype(np.int32), strict=True)
    t = np.random.default_rng(5).normal(size=x.shape)
    _, slopes = numbafunc.jvp(lambda x: top_k(x, 2, axis=axis, largest=largest).values, (x,), (t,))
    indices = top_k(x, 2, axis=axis, largest=largest).indices
    np.testing.assert_array_equal(slopes, np.take_along_axis(t, indices, axis))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
@pytest.mark.parametrize("largest", [True, False])
def test_what_nobody_sees_of_a_nan_decides_nothing(dtype, largest):
    x = np.array([0, 0, -0.0, 0, 0, -np.inf, 0, 2, -2, np.inf, 0], dtype)
    # NaN of both signs, with the fewest and with the most bits set.
    infinity, sign = np.array(np.inf, dtype).view(f"u{x.itemsize}").item(), 1 << 8 * x.itemsize - 1
    x.view(f"u{x.itemsize}")[[0, 4, 6, 10]] = infinity + sign + 1, infinity + 1, sign - 1, 2 * sign - 1
    # -0.0 is smaller than 0.0; otherwise this is the order of numpy.sort, or that of the negative numbers.
    places = np.array([6, 3, 2, 3, 6, 0, 6, 4, 1, 5, 6])
    for row in (x, np.resize(x, 44)):
        keys = np.resize(places, len(row))
        order = np.argsort(np.where(keys == 6, 0, 6 - keys) if largest else keys, kind="stable")
        for k in (3, 11, len(row)):
            values, indices = top_k(row, k, largest=largest)
            np.testing.assert_array_equal(indices, order[:k])
            assert values.tobytes() == row[order[:k]].tobytes()


@pytest.mark.parametrize("dtype", "bBhHiIlL?")
def test_the_smallest_integers(dtype):
    limits = (0, 1) if dtype == "?" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    x = np.random.default_rng(7).choice(np.array([*limits, 1, 0, limits[1]], dtype), 50)
    for k in (3, 40):
        np.testing.assert_array_equal(top_k(x, k, largest=False).indices, np.argsort(x, kind="stable")[:k])


# Derivatives


def test_slopes_follow_the_indices():
    x = np.array([[3.0, 1.0, 3.0, 2.0], [np.nan, 1.0, -np.inf, 1.0]])
    t = np.arange(8.0).reshape(2, 4)
    (values, indices), (slopes, slope_of_indices) = numbafunc.jvp(lambda y: tuple(top_k(y, 3)), (x,), (t,))
    np.testing.assert_array_equal(values, [[3, 3, 2], [np.nan, 1, 1]])
    np.testing.assert_array_equal(indices, [[0, 2, 3], [0, 1, 3]])
    np.testing.assert_array_equal(slopes, [[0, 2, 3], [4, 5, 7]])
    assert not np.any(slope_of_indices)
    gradient = numbafunc.grad(lambda y: np.sum(top_k(y, 2).values[0] * np.array([1.0, 10.0])))(x)
    np.testing.assert_array_equal(gradient, [[1, 0, 10, 0], [0, 0, 0, 0]])


def test_minus_infinity_has_a_slope_here():
    assert numbafunc.jvp(lambda y: top_k(y, 1).values, (np.array([-np.inf]),), (np.array([5.0]),))[1] == 5


def test_indices_of_a_dual_are_plain():
    seen = []

    def function(y):
        result = top_k(y, 2)
        seen.append(result.indices)
        return result.values

    numbafunc.jvp(function, (np.array([1.0, 3.0, 2.0]),), (np.ones(3),))
    assert type(seen[0]) is np.ndarray
    assert seen[0].dtype == np.int32
    np.testing.assert_array_equal(seen[0], [1, 2])


# Errors


def test_no_axes():
    for operand in (1.0, np.array(2), 3, np.float32(1)):
        for error in (TypeError, ValueError, ShapeError):
            with pytest.raises(error, match="^operand has no axes"):
                top_k(operand, 0)


@pytest.mark.parametrize("k", [-1, 4, 10**20])
def test_k_out_of_range(k):
    for x in ([1.0, 2.0, 3.0], np.zeros((2, 3), np.float32), np.zeros((0, 3))):
        with pytest.raises(ValueError, match=r"^k is .*wanted: from 0 to 3"):
            top_k(x, k)


@pytest.mark.parametrize("k", [1.0, "1", None, True, np.True_, (1,), np.array([1]), 1j], ids=repr)
def test_k_that_is_no_integer(k):
    x = np.zeros((2, 3), np.float32)
    top_k(x, 1)  # a known call with an equal number must not be taken for it
    with pytest.raises(TypeError, match="^k is"):
        top_k(x, k)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"axis": 2}, ValueError, "axis is 2; wanted: from -2 to 1"),
        ({"axis": -3}, ValueError, "axis is -3"),
        ({"axis": 1.0}, TypeError, "axis is 1.0; wanted: an int"),
        ({"axis": (0,)}, TypeError, "axis is"),
        ({"axis": True}, TypeError, "axis is True"),
        ({"axis": None}, TypeError, "axis is None"),
        ({"largest": "no"}, TypeError, "largest is 'no'"),
        ({"largest": None}, TypeError, "largest is None"),
        ({"axis": 0}, ValueError, "k is 3; wanted: from 0 to 2, the length of axis 0"),
    ],
    ids=repr,
)
def test_wrong_options(options, error, message):
    x = np.zeros((2, 3), np.float32)
    top_k(x, 3)
    with pytest.raises(error, match=f"^{message}"):
        top_k(x, 3, **options)


# Results do not depend on threads.

THREADS = """
import hashlib, json
import numba
import numpy as np
import numbafunc

random = np.random.default_rng(0)
digests = {}
for shape in ((40, 5000), (2, 200001)):
    x = np.round(random.normal(size=shape), 2).astype(np.float32)
    for k in (3, 100):
        found = set()
        for threads in (1, 2, 3):
            numba.set_num_threads(threads)
            for _ in range(2):
                values, indices = numbafunc.top_k(x, k)
                found.add(hashlib.sha256(values.tobytes() + indices.tobytes()).hexdigest())
        digests[f"{shape} {k}"] = len(found)
print(json.dumps(digests))
"""


def test_threads(programs):
    counts = json.loads(programs.run(THREADS, NUMBA_NUM_THREADS="3"))
    assert len(counts) == 4
    assert set(counts.values()) == {1}
