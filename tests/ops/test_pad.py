"""pad: every mode and option against numpy.pad where it agrees, the figures of the objax API, derivatives, errors."""

import ml_dtypes
import numpy as np
import pytest
from chosen_backend import jvp, numbafunc, pad, sized
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

pytestmark = pytest.mark.any_backend

MODES = [
    "constant",
    "edge",
    "empty",
    "linear_ramp",
    "maximum",
    "mean",
    "median",
    "minimum",
    "reflect",
    "symmetric",
    "wrap",
]
ODD = [1, 3, 2]


def check(result, expected):
    expected = np.asarray(expected)
    assert type(result) is np.ndarray
    assert result.shape == expected.shape
    np.testing.assert_array_equal(result, expected)


# Figures.


def test_figures():
    check(pad([1, 2], 1, constant_values=2.7), [2, 1, 2, 2])
    check(pad(ODD, 5, "reflect", reflect_type="odd"), [-3, -1, 1, 0, -1, 1, 3, 2, 1, 3, 5, 4, 3])
    check(pad(ODD, 7, "wrap"), [2, 1, 3, 2, 1, 3, 2, 1, 3, 2, 1, 3, 2, 1, 3, 2, 1])
    check(pad([1, 4], 1, "mean"), [2, 1, 4, 2])
    check(pad([1, 4, 9, 10], 1, "median"), [6, 1, 4, 9, 10, 6])
    check(pad([-2], (0, 3), "linear_ramp", end_values=-9), [-2, -5, -7, -9])
    # The second step after the edge is 6 exactly; in float32 the objax API comes out just below, at 5.
    check(pad(ODD, 3, "linear_ramp", end_values=8), [8, 5, 3, 1, 3, 2, 4, 6, 8])


def test_corners_follow_the_last_axis():
    x = np.array([[1, 2], [3, 4]])
    check(
        pad(x, 1, constant_values=((5, 6), (7, 8))),
        [[7, 5, 5, 8], [7, 1, 2, 8], [7, 3, 4, 8], [7, 6, 6, 8]],
    )
    check(
        pad(x, 1, "linear_ramp", end_values=((5, 6), (7, 8))),
        [[7, 5, 5, 8], [7, 1, 2, 8], [7, 3, 4, 8], [7, 6, 6, 8]],
    )


def test_constants():
    x = np.zeros((2, 2), np.float32)
    for constants in (1, (1, 2), ((1, 2),), ((1, 2), (3, 4)), [[1, 2], [3, 4]], np.array([1.5]), np.float64(3)):
        check(pad(x, 1, constant_values=constants), np.pad(x, 1, constant_values=constants))
    check(pad(np.zeros(1, np.uint8), (0, 1), constant_values=7.9), [0, 7])
    check(pad(np.array([True]), (1, 0), constant_values=2), [True, True])
    zeros = pad(np.ones(1), (1, 1), constant_values=-0.0)
    assert np.signbit(zeros).tolist() == [True, False, True]
    assert not np.signbit(pad(np.ones(1), (1, 1), constant_values=0.0)).any()
    check(pad(np.ones(1), 1, constant_values=np.nan), [np.nan, 1, np.nan])
    check(pad(np.ones(2), 1, "empty"), [0, 1, 1, 0])


@pytest.mark.parametrize("mode", MODES)
def test_forms_of_pad_width(mode):
    x = np.arange(6.0).reshape(2, 3)
    for width in (
        1,
        np.int8(2),
        (1, 2),
        [1, 2],
        ((1, 2),),
        ((1, 2), (0, 3)),
        [[1, 2], [0, 3]],
        np.array([1, 2]),
        (2,),
        0,
    ):
        whole = np.broadcast_to(np.asarray(width), (2, 2))
        check(pad(x, width, mode), pad(x, tuple(map(tuple, whole.tolist())), mode))
        assert pad(x, width, mode).shape == tuple(np.array(x.shape) + whole.sum(1))
    assert pad(3.0, 1, mode) == 3.0
    assert pad(np.float32(3), ((1, 2),), mode).dtype == np.float32
    if mode == "constant":
        check(pad(array=x, pad_width=1), pad(x, 1))


# Against numpy.pad.


def options_of(mode, draw):
    if mode == "constant":
        return {"constant_values": draw(st.sampled_from([0, 3, (1, 2)]))}
    if mode == "linear_ramp":
        return {"end_values": draw(st.sampled_from([0, 3, (1, 2)]))}
    if mode in ("reflect", "symmetric"):
        return {"reflect_type": draw(st.sampled_from(["even", "odd"]))}
    if mode in ("maximum", "mean", "median", "minimum"):
        length = draw(st.sampled_from([None, 1, 3, (2, 1), 9]))
        return {} if length is None else {"stat_length": length}
    return {}


@settings(derandomize=True, max_examples=sized(300, simulated=60), deadline=None)
@given(data=st.data(), shape=hnp.array_shapes(max_dims=4, max_side=4), mode=st.sampled_from(MODES))
def test_against_numpy(data, shape, mode):
    draw = data.draw
    width = draw(st.tuples(*[st.tuples(st.sampled_from([0, 0, 1, 2, 7]), st.sampled_from([0, 1, 5])) for _ in shape]))
    dtype = np.dtype(draw(st.sampled_from([np.float64, np.float32, np.int64, np.int16, np.uint8])))
    x = np.random.default_rng(0).integers(0, 9, shape).astype(dtype)
    options = options_of(mode, draw)
    result = pad(x, width, mode, **options)
    assert result.dtype == dtype
    expected = np.pad(x, width, "constant" if mode == "empty" else mode, **options)
    # numpy.pad rounds the steps of ramps in another way; those of integers it rounds before it rounds down.
    if mode == "linear_ramp" and dtype.kind in "iu":
        assert np.max(np.abs(result.astype(float) - expected)) <= 1
    else:
        np.testing.assert_allclose(result, expected, rtol=4 * np.finfo(np.float32).eps if dtype.kind == "f" else 0)
    check(pad(x, width, mode, **options), result)  # by the way that was prepared


@pytest.mark.parametrize("mode", MODES)
def test_long_rows_and_many_rows(mode):
    random = np.random.default_rng(0)
    long, high = sized(100_000, simulated=70), (sized(300, simulated=33), sized(200, simulated=2), 3)
    for shape, width in (((long,), 3), ((2, long // 2), ((0, 0), (2, 1))), (high, ((1, 1), (1, 1), (0, 0)))):
        x = random.integers(-9, 9, shape).astype(np.float32)
        expected = np.pad(x, width, "constant" if mode == "empty" else mode)
        np.testing.assert_allclose(pad(x, width, mode), expected, rtol=1e-6)
        np.testing.assert_allclose(pad(np.asfortranarray(x), width, mode), expected, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint64, np.int32], ids=lambda dtype: np.dtype(dtype).name)
def test_means_medians_and_ramps_of_integers_are_exact(dtype, count):
    limits = np.iinfo(dtype)
    random = np.random.default_rng(count)
    x = random.integers(limits.min, limits.max, count, dtype, endpoint=True)
    numbers = sorted(x.tolist())

    def rounded(total, number):  # half to even
        whole, rest = divmod(total, number)
        return whole + (2 * rest > number or (2 * rest == number and whole % 2))

    assert pad(x, (1, 0), "mean")[0] == rounded(sum(numbers), count)
    assert pad(x, (1, 0), "median")[0] == rounded(numbers[(count - 1) // 2] + numbers[count // 2], 2)
    end, edge = int(x[-1]), int(x[0])
    ramp = pad(x, (5, 0), "linear_ramp", end_values=x[-1])
    assert ramp[:5].tolist() == [(end * (5 - step) + edge * step) // 5 for step in range(5)]


def test_ramps_are_rounded_once():
    x = np.array([2], np.float32)
    check(pad(x, (3, 0), "linear_ramp", end_values=8), np.array([8, 6, 4, 2], np.float32))
    x = np.float16([0.1])
    steps = np.linspace(7.0, float(x[0]), 8)
    check(pad(x, (7, 0), "linear_ramp", end_values=7), steps.astype(np.float16))


def test_bool():
    x = np.array([True, False])
    for mode, expected in {
        "constant": [0, 1, 0, 0],
        "edge": [1, 1, 0, 0],
        "linear_ramp": [0, 1, 0, 0],
        "maximum": [1, 1, 0, 1],
        "mean": [1, 1, 0, 1],
        "median": [1, 1, 0, 1],
        "minimum": [0, 1, 0, 0],
        "reflect": [0, 1, 0, 1],
        "symmetric": [1, 1, 0, 0],
        "wrap": [0, 1, 0, 1],
    }.items():
        result = pad(x, 1, mode)
        assert result.dtype == np.bool_
        check(result, np.array(expected, bool))


@pytest.mark.parametrize("mode", ["maximum", "mean", "median", "minimum"])
@pytest.mark.parametrize("dtype", [np.float16, np.float64, ml_dtypes.bfloat16], ids=lambda dtype: np.dtype(dtype).name)
def test_statistics_of_non_finite_numbers(mode, dtype):
    x = np.array([[1, np.nan, 3], [np.inf, 2, 5], [-np.inf, 2, 5]], dtype)
    result = pad(x, ((0, 0), (1, 0)), mode)
    assert result.dtype == dtype
    function = {"maximum": np.max, "mean": np.mean, "median": np.median, "minimum": np.min}[mode]
    np.testing.assert_array_equal(result[:, 0].astype(np.float64), function(x.astype(np.float64), 1))
    if mode == "mean":
        large = np.full(6, ml_dtypes.finfo(dtype).max)
        if dtype is not np.float64:
            assert np.isfinite(pad(large, 1, mode)[0])
    if mode == "median":
        large = np.full(2, ml_dtypes.finfo(dtype).max)
        check(pad(large, 1, mode), np.full(4, large[0]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=lambda dtype: np.dtype(dtype).name)
def test_ramps_of_non_finite_numbers(dtype):
    numbers = [1.0, np.inf, -np.inf, np.nan]
    for edge in numbers:
        for end in numbers:
            x = np.array([edge, 2.0, edge], dtype)
            with np.errstate(invalid="ignore"):
                expected = np.pad(x, (1, 3), "linear_ramp", end_values=end)
            check(pad(x, (1, 3), "linear_ramp", end_values=end), expected)


def test_odd_reflections_of_bool_are_those_of_their_numbers():
    x = np.array([True, False, True])
    numbers = pad(x.astype(int), 300, "reflect", reflect_type="odd")
    check(pad(x, 300, "reflect", reflect_type="odd"), numbers != 0)
    assert pad(x[:2], (0, 300), "reflect", reflect_type="odd")[257]


def test_halfway_is_rounded_once():
    check(pad(np.array([5e-324, 1e-323]), (1, 0), "median")[:1], [5e-324])  # two roundings of halves to even


def test_axes_without_elements():
    for mode in ("constant", "empty"):
        check(pad(np.zeros((0, 2)), ((1, 1), (0, 1)), mode), np.zeros((2, 3)))
    for mode in MODES:
        assert pad(np.zeros((0, 2)), ((0, 0), (1, 2)), mode).shape == (0, 5)
        if mode in ("constant", "empty"):
            continue
        for error in (ValueError, TypeError):
            with pytest.raises(error, match="^array has shape .*wanted: elements on axis 0"):
                pad(np.zeros((0, 2)), ((1, 0), (0, 0)), mode)
    with pytest.raises(ValueError, match="^array has shape"):
        pad(np.zeros(0, int), 1, "mean")


def test_the_input_is_not_returned():
    x = np.ones(3)
    for mode in MODES:
        assert not np.shares_memory(pad(x, 0, mode), x)
        check(pad(x, 0, mode), x)


def test_odd_reflections_of_halves_are_rounded_once():
    x = np.array([4e4, 3e4], np.float16)  # twice the edge is beyond the largest number
    check(pad(x, (1, 0), "reflect", reflect_type="odd"), np.array([5e4, *x], np.float16))


# A function as mode.


def test_function():
    calls = []

    def mark(line, width, axis, options):
        calls.append((line.tolist(), width, axis, options))
        line = line.copy()
        line[: width[0]] = 7 + axis
        return line

    check(pad(np.ones((2, 1)), ((1, 0), (1, 1)), mark), [[8, 7, 7], [8, 1, 0], [8, 1, 0]])
    assert calls == [
        ([0, 0, 0], (1, 0), 0, {}),
        ([0, 1, 1], (1, 0), 0, {}),
        ([0, 0, 0], (1, 0), 0, {}),
        ([7, 7, 7], (1, 1), 1, {}),
        ([0, 1, 0], (1, 1), 1, {}),
        ([0, 1, 0], (1, 1), 1, {}),
    ]
    calls.clear()
    pad(np.ones(1), 1, mark, stat_length=3, constant_values=2)
    assert calls[0][-1] == {"stat_length": 3, "constant_values": 2}
    pad(np.ones(1), 1, mark, constant_values=0)
    assert calls[-1][-1] == {"constant_values": 0}
    assert pad(np.ones(3, np.int16), 1, lambda line, *rest: line * 1.5).dtype == np.int16
    assert pad(np.zeros((0, 2)), ((0, 0), (1, 1)), mark).shape == (0, 4)


def test_function_of_dual_lines():
    def scale(line, width, axis, options):
        return line * line + 1

    x, t = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [2.0, -1.0]])
    value, tangent = jvp(lambda x: pad(x, 1, scale), (x,), (t,))
    padded, direction = np.pad(x, 1), np.pad(t, 1)
    inner = padded**2 + 1
    np.testing.assert_allclose(value, inner**2 + 1)
    np.testing.assert_allclose(tangent, 4 * inner * padded * direction)
    # The derivative may come in by what the function closes over.
    value, tangent = jvp(lambda c: pad(np.ones(2), 1, lambda line, *rest: line * c), (3.0,), (1.0,))
    check(value, [0, 3, 3, 0])
    check(tangent, [0, 1, 1, 0])


def test_function_that_returns_no_line():
    with pytest.raises(TypeError, match="^what mode returned is None"):
        pad(np.ones(3), 1, lambda line, *rest: None)
    with pytest.raises(ValueError, match="^what mode returned has shape"):
        pad(np.ones(3), 1, lambda line, *rest: line[1:])


# Derivatives. Those of modes that are linear in the array are tested with their kind.


def test_constants_have_derivatives():
    x, t = np.array([1.0, 2.0]), np.array([10.0, 20.0])
    value, tangent = jvp(lambda x, c: pad(x, (1, 2), constant_values=c), (x, 5.0), (t, 7.0))
    check(value, [5, 1, 2, 5, 5])
    check(tangent, [7, 10, 20, 7, 7])
    value, tangent = jvp(lambda c: pad(x, 1, constant_values=(c, 1)), (5.0,), (7.0,))
    check(value, [5, 1, 2, 1])
    check(tangent, [7, 0, 0, 0])
    value, tangent = jvp(lambda x: pad(x, 1, constant_values=3), (x,), (t,))
    check(tangent, [0, 10, 20, 0])
    constants = np.array([[1.0, 2.0], [3.0, 4.0]])
    jacobian = numbafunc.jacfwd(lambda c: pad(np.zeros((1, 1)), 1, constant_values=c))(constants)
    for index in np.ndindex(2, 2):
        unit = np.zeros((2, 2))
        unit[index] = 1
        check(jacobian[(..., *index)], np.pad(np.zeros((1, 1)), 1, constant_values=unit))


def test_end_values_have_derivatives():
    x, t = np.array([1.0, 2.0]), np.array([10.0, 20.0])
    value, tangent = jvp(lambda x, e: pad(x, (2, 4), "linear_ramp", end_values=(e, e * e)), (x, 5.0), (t, 8.0))
    np.testing.assert_allclose(value, np.pad(x, (2, 4), "linear_ramp", end_values=(5, 25)))
    np.testing.assert_allclose(tangent, np.pad(t, (2, 4), "linear_ramp", end_values=(8, 80)))
    second = numbafunc.grad(lambda e: numbafunc.grad(lambda e: pad(x, (0, 2), "linear_ramp", end_values=e**3)[2])(e))
    np.testing.assert_allclose(second(2.0), 6.0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=lambda dtype: np.dtype(dtype).name)
def test_derivatives_of_statistics(dtype):
    x = np.array([3, 1, 3, 2, 1, 1], dtype)
    t = np.array([1, 20, 3, 40, 500, 30], dtype)
    # The maximum is there twice, the minimum three times; in the middle of the stable order are the last 1 and the 2.
    for mode, expected in {"maximum": 2, "minimum": 550 / 3, "mean": 99, "median": (30 + 40) / 2}.items():
        value, tangent = jvp(lambda x, mode=mode: pad(x, 1, mode), (x,), (t,))
        check(value, pad(x, 1, mode))
        assert tangent.dtype == dtype
        np.testing.assert_allclose(tangent, [expected, *t, expected], rtol=float(np.finfo(dtype).eps))
    value, tangent = jvp(lambda x: pad(x, 1, "median", stat_length=(3, 1)), (x,), (t,))
    check(value, [3, *x, 1])
    assert tangent[0] == 1  # of the two that are 3, the first comes second in the stable order
    assert tangent[-1] == 30
    value, tangent = jvp(lambda x: pad(x, 1, "maximum", stat_length=(2, 3)), (x,), (t,))
    check(tangent, np.array([1, *t, 40], dtype))


@pytest.mark.parametrize("mode", ["maximum", "mean", "median", "minimum"])
def test_statistics_in_every_direction_and_order(mode):
    random = np.random.default_rng(0)
    x = random.permutation(24).reshape(4, 6) / 4.0

    def smooth(x):
        return pad(x * x * x, ((1, 2), (2, 1)), mode, stat_length=3)

    # Without ties a statistic is linear near x, so differences of its oracle on a line are exact up to rounding.
    step = 1e-4
    for tangents in (random.normal(size=x.shape), random.normal(size=x.shape)):
        tangent = jvp(smooth, (x,), (tangents,))[1]
        line = [np.pad((x + h * tangents) ** 3, ((1, 2), (2, 1)), mode, stat_length=3) for h in (-step, step)]
        np.testing.assert_allclose(tangent, (line[1] - line[0]) / (2 * step), rtol=1e-4, atol=1e-3)
    t, u = random.normal(size=x.shape), random.normal(size=x.shape)
    second = jvp(lambda y: jvp(smooth, (y,), (t,))[1], (x,), (u,))[1]
    linear = jvp(lambda y: pad(y, ((1, 2), (2, 1)), mode, stat_length=3), (x**3,), (6 * x * t * u,))[1]
    np.testing.assert_allclose(second, linear, rtol=1e-12, atol=1e-9)
    jacobian = numbafunc.jacfwd(lambda y: pad(y, 1, mode))(x)
    for index in [(0, 0), (3, 5), (2, 1)]:
        unit = np.zeros_like(x)
        unit[index] = 1
        check(jacobian[(..., *index)], jvp(lambda y: pad(y, 1, mode), (x,), (unit,))[1])


@pytest.mark.parametrize("mode", ["maximum", "median", "minimum"])
def test_derivative_of_nan_is_that_of_the_element(mode):
    x, t = np.array([1.0, np.nan, 3.0, 2.0]), np.array([1.0, 20.0, 3.0, 4.0])
    value, tangent = jvp(lambda x: pad(x, (1, 0), mode), (x,), (t,))
    assert np.isnan(value[0])
    check(tangent, [20, *t])


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16], ids=lambda dtype: np.dtype(dtype).name
)
def test_of_zeros_the_positive_one_is_larger(dtype):
    for zeros in ([0.0, -0.0, -0.0], [-0.0, 0.0, -0.0], [-0.0, -0.0, 0.0]):
        x = np.array(zeros, dtype)
        assert not np.signbit(pad(x, (1, 0), "maximum"))[0]
        assert np.signbit(pad(x, (1, 0), "minimum"))[0]
    assert np.signbit(pad(np.array([-0.0, -1], dtype), (1, 0), "maximum"))[0]


def test_what_is_not_chosen_has_no_say():
    x, t = np.array([1.0, 5.0, 2.0]), np.array([np.inf, 1.0, np.nan])
    for mode, expected in (("maximum", 1.0), ("minimum", np.inf), ("median", np.nan)):
        assert np.array_equal(jvp(lambda x, m=mode: pad(x, (1, 0), m), (x,), (t,))[1][0], expected, equal_nan=True)


# Errors.


@pytest.mark.parametrize("mode", ["nearest", "Constant", "", None, 3, ["edge"], b"edge"], ids=repr)
def test_unknown_mode(mode):
    with pytest.raises(ValueError, match="^mode is .*wanted: a function, or one of constant, edge, empty, linear_ramp"):
        pad(np.ones(3), 1, mode)


@pytest.mark.parametrize(
    "width", [-1, (1, -1), ((1, -2),), ((1,), (2,), (3,)), (1, 2, 3), (), [[1, 2]] * 3, [[1, 2], [3]]], ids=str
)
def test_wrong_width(width):
    with pytest.raises(ValueError, match="^pad_width is"):
        pad(np.ones((2, 2)), width)


@pytest.mark.parametrize("width", [1.0, (1.0, 2), True, (True, False), "1", None, {1: 2}, np.ones(2)], ids=repr)
def test_width_of_wrong_type(width):
    pad(np.ones(2), 1)
    pad(np.ones(2), (1, 2))
    with pytest.raises(TypeError, match="^pad_width is"):
        pad(np.ones(2), width)


WIDTHS = [{0: 1}, {-1: (0, 2)}, {1: 2, 0: (1, 0)}, {}, ((1,), (2,)), ((1,),), [[1], [2]], np.array([[1], [2]])]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("width", WIDTHS, ids=repr)
def test_widths_by_axis(width, mode):
    x = np.arange(6.0).reshape(2, 3)
    wanted = np.pad(x, width, "constant" if mode == "empty" else mode)
    check(pad(x, width, mode), wanted)
    inner = tuple(slice(before, before + n) for before, n in zip(np.argwhere(pad(x * 0 + 1, width) == 1)[0], x.shape))
    np.testing.assert_array_equal(jvp(lambda x: pad(x, width, mode), (x,), (x + 1,))[1][inner], x + 1)


def test_options_by_axis():
    x = np.arange(6.0).reshape(2, 3)
    for mode, name in (("constant", "constant_values"), ("linear_ramp", "end_values"), ("median", "stat_length")):
        for value in (((1,), (2,)), ((3,),)):
            check(pad(x, 2, mode, **{name: value}), np.pad(x, 2, mode, **{name: value}))


@pytest.mark.parametrize(
    ("width", "error", "message"),
    [
        ({2: 1}, ValueError, "with the axis 2, for an array of 2 axes"),
        ({0: 1, -2: 1}, ValueError, "names axis 0 twice"),
        ({0.5: 1}, TypeError, "with the axis 0.5"),
        ({True: 1}, TypeError, "with the axis True"),
        ({"a": 1}, TypeError, "with the axis 'a'"),
        ({0: 1.5}, TypeError, "1.5, not integers"),
        ({0: (1, 2, 3)}, ValueError, "of shape"),
        ({0: -1}, ValueError, "from 0 on"),
        (((1,), (2,), (3,)), ValueError, "of shape"),
    ],
    ids=repr,
)
def test_wrong_widths_by_axis(width, error, message):
    with pytest.raises(error, match=rf"^pad_width(\[.*\])? is .*{message}"):
        pad(np.ones((2, 3)), width)


def test_options_of_other_modes():
    given = {"stat_length": (1,), "constant_values": (1, 0, 0.0), "end_values": (1, 0), "reflect_type": ("odd", "even")}
    takers = {
        "stat_length": ("maximum", "mean", "median", "minimum"),
        "constant_values": ("constant",),
        "end_values": ("linear_ramp",),
        "reflect_type": ("reflect", "symmetric"),
    }
    for name, value in [(name, value) for name, values in given.items() for value in values]:
        for mode in MODES:
            pad(np.ones(2), 1, mode)  # a call that is kept must not admit others
            if mode in takers[name]:
                pad(np.ones(2), 1, mode, **{name: value})
                continue
            with pytest.raises(ValueError, match=f"^{name} is .*, but mode is '{mode}'"):
                pad(np.ones(2), 1, mode, **{name: value})


def test_wrong_options():
    x = np.ones((2, 2))
    for length in (0, -1, (1, 0)):
        with pytest.raises(ValueError, match="^stat_length is"):
            pad(x, 1, "mean", stat_length=length)
    for length in (1.0, "1", True):
        with pytest.raises(TypeError, match="^stat_length is"):
            pad(x, 1, "mean", stat_length=length)
    for kind in ("Odd", 1, ["odd"]):
        with pytest.raises(ValueError, match="^reflect_type is"):
            pad(x, 1, "reflect", reflect_type=kind)
    for mode, name in (("constant", "constant_values"), ("linear_ramp", "end_values")):
        with pytest.raises(ValueError, match=f"^{name} has shape"):
            pad(x, 1, mode, **{name: (1, 2, 3)})
        with pytest.raises(TypeError, match=f"^{name} "):
            pad(x, 1, mode, **{name: "1"})
        with pytest.raises(ValueError, match=f"^{name} is nan"):
            pad(x.astype(int), 1, mode, **{name: np.nan})
        with pytest.raises(TypeError, match=f"^{name} is a Dual"):
            jvp(lambda c, mode=mode, name=name: pad(x.astype(int), 1, mode, **{name: c}), (1.0,), (1.0,))
        with pytest.raises(ValueError, match=f"^{name} is"):
            jvp(lambda c, mode=mode, name=name: pad(x, 1, mode, **{name: (c, (1, 2))}), (1.0,), (1.0,))
    with pytest.raises(TypeError, match="^constant_values is None"):
        pad(x, 1, constant_values=None)
    with pytest.raises(TypeError, match="positional"):
        pad(x, 1, "mean", 2)


def test_bool_among_integers_is_no_width():
    x = np.ones((2, 2))
    pad(x, (1, 1))  # a call that is kept must not admit others
    pad(x, ((1, 1), (0, 1)))
    for widths in (True, (1, True), [1, True], ((1, True), (0, 1)), ((1, 1), (np.False_, 1)), ((1, True),)):
        with pytest.raises(TypeError, match="^pad_width is"):
            pad(x, widths)
        with pytest.raises(TypeError, match="^stat_length is"):
            pad(x, 1, "mean", stat_length=widths)


@pytest.mark.parametrize("mode", [*MODES, pytest.param(lambda line, *rest: line, id="function")])
def test_result_that_is_too_large(mode):
    for width in (1 << 62, (1 << 63) - 1, 1 << 64, (0, 1 << 200)):
        with pytest.raises(ValueError, match="^pad_width is .*wanted: one that an array can have"):
            pad(np.ones(2), width, mode)
        with pytest.raises(ValueError, match="^pad_width is"):
            pad(np.ones((0, 2)), ((0, 0), (0, 1 << 62)), mode)


@pytest.mark.parametrize("dtype", [">f4", ">i8"])
@pytest.mark.parametrize("mode", ["constant", "edge", "wrap"])
def test_padding_byte_swapped_arrays_again(dtype, mode):
    x = np.array([1, 2, 3], dtype)
    for _ in range(3):
        np.testing.assert_array_equal(numbafunc.pad(x, 1, mode), np.pad(x.astype(dtype[1:]), 1, mode), strict=True)


def test_mean_whose_sum_leaves_the_range():
    x = np.array([1.5e308, 1.5e308, 1e308])
    np.testing.assert_allclose(pad(x, 1, "mean")[0], 1.5e308 / 3 * 2 + 1e308 / 3, rtol=1e-15)
    np.testing.assert_array_equal(pad([np.inf, -np.inf], 1, "mean")[[0, -1]], np.nan)
