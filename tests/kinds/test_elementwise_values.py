"""Values of the elementwise ops against mpmath, in every floating-point format, and conversions of integers."""

import warnings

import mpmath
import numpy as np
import oracles
import pytest
from chosen_backend import LARGE, numbafunc
from elementwise_table import NAMES, TABLE, operands, sample
from hypothesis import given, settings, strategies as st
from sweep import mostly_thorough, thorough

from numbafunc.kinds import elementwise

pytestmark = pytest.mark.any_backend

# Largest error in units of the last place.
BARS = {"float16": 1.0, "bfloat16": 1.0, "float32": 2.0, "float64": 2.0}


def test_every_op_has_an_entry():
    assert set(TABLE) == set(elementwise.REGISTRY)
    assert set(TABLE) == set(oracles.ELEMENTWISE)


def wide_range(domain, dtype):
    """Numbers of all magnitudes that a format has, besides those of the domain."""
    usual = sample(domain, 120)
    if domain not in ("real", "positive"):
        return np.resize(usual, 700).astype(dtype)
    bits, exponent, largest = oracles._format(np.dtype(dtype))
    random = np.random.default_rng(1)
    smallest = float(mpmath.ldexp(1, max(exponent - bits + 1, -1074)))
    spread = np.exp(random.uniform(np.log(smallest), np.log(float(largest)), 150))
    spread = np.minimum(spread, float(largest))
    moderate = np.exp(random.uniform(np.log(1e-3), np.log(800.0), 400))
    limits = np.array([0.0, smallest, float(mpmath.ldexp(1, exponent)), float(largest), 1.0, 0.5, 2.0])
    numbers = np.concatenate([np.abs(usual[:100]), spread, moderate, limits])
    signs = np.where(random.random(numbers.size) < 0.5, -1, 1)
    numbers = numbers * signs if domain == "real" else numbers[numbers > 0]
    return np.resize(numbers.astype(dtype), 700)


@pytest.mark.parametrize("dtype", mostly_thorough(oracles.FLOATS, [np.float32, np.float64]), ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_values(name, dtype):
    entry = TABLE[name]
    arrays = [wide_range(domain, dtype) for domain in entry.domains]
    copies = [array.copy() for array in arrays]
    result = entry.function(*arrays)
    assert type(result) is np.ndarray
    assert result.dtype == dtype
    assert result.shape == arrays[0].shape
    for array, copy in zip(arrays, copies):
        np.testing.assert_array_equal(array, copy)
    bar = BARS[str(dtype)] + (name == "softplus_scaled")  # whose docstring says so
    wrong = []
    for index, computed in enumerate(result):
        point = [oracles.exact(array[index]) for array in arrays]
        true = oracles.ELEMENTWISE[name](*point)
        error = oracles.error_in_ulps(computed, true, dtype)
        if name == "log_ratio":  # a difference: its error is that of its terms
            terms = max(abs(oracles.mp.log(term + point[2])) for term in point[:2])
            error = error * oracles.ulp(true, dtype) / oracles.ulp(terms, dtype) / 2
        if error > bar:
            wrong.append((float(error), [float(number) for number in point], float(computed), float(true)))
    assert not wrong, f"{len(wrong)} errors beyond {bar} ULP, the largest: {max(wrong)}"


@pytest.mark.parametrize("dtype", [np.float32, *thorough(np.float64)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_large_arrays_are_shared_out(name, dtype):
    # Elements come in a loop of vectors, in a remainder, in blocks for threads: all must agree to the last bit.
    arrays = operands(name, (LARGE,), dtype)
    function = TABLE[name].function
    whole = function(*arrays)
    pieces = [function(*(array[start : start + 237] for array in arrays)) for start in range(0, LARGE, 237)]
    np.testing.assert_array_equal(whole, np.concatenate(pieces))


@settings(derandomize=True, max_examples=25, deadline=None)
@given(x=st.floats(allow_nan=True, allow_infinity=True), name=st.sampled_from(["sigmoid", "softplus", "tanh", "swish"]))
def test_any_double(x, name):
    result = TABLE[name].function(x)
    assert result.shape == ()
    assert result.dtype == np.float64
    if np.isnan(x):
        assert np.isnan(result)
    else:
        if np.isinf(x):
            limits = {"sigmoid": (0, 1), "softplus": (0, np.inf), "tanh": (-1, 1), "swish": (0, np.inf)}
            assert result == limits[name][x > 0]
        else:
            assert oracles.error_in_ulps(result, oracles.ELEMENTWISE[name](oracles.exact(x)), np.float64) <= 2


@pytest.mark.parametrize(
    "dtype", mostly_thorough([*oracles.INTEGERS, np.dtype(bool)], [np.int8, np.uint64, np.bool_]), ids=str
)
@pytest.mark.parametrize("name", ["celu", "sigmoid", "rsqrt", "relu", "leaky_relu"])
def test_integers_become_double(name, dtype):
    # Converted first, so nothing wraps. relu keeps integers.
    entry = TABLE[name]
    if dtype.kind == "b":
        x = np.array([True, False, True])
    else:
        limits = np.iinfo(dtype)
        x = np.array([limits.min, limits.max, 0, 1, 5, 100], dtype)
    if name == "relu":
        result = entry.function(x)
        assert result.dtype == (np.int64 if dtype.kind == "b" else dtype)
        np.testing.assert_array_equal(result, np.maximum(x, 0))
        return
    result = entry.function(x)
    assert result.dtype == np.float64
    expected = entry.function(x.astype(np.float64))
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", [np.dtype(np.int64), np.dtype(bool), *thorough(np.dtype(np.uint8))], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_integer_operands_of_every_op(name, dtype):
    entry = TABLE[name]
    arrays = [
        array != 0 if dtype.kind == "b" else np.ceil(np.abs(array)).astype(dtype)
        for array in operands(name, (7,), float)
    ]
    if dtype.kind == "b" and not entry.boolean:
        with pytest.raises(TypeError, match="bool"):
            entry.function(*arrays)
        return
    result = entry.function(*arrays)
    if entry.integers:
        assert result.dtype == (np.int64 if dtype.kind == "b" else dtype)
    else:
        assert result.dtype == np.float64
    np.testing.assert_array_equal(result, entry.function(*(array.astype(np.float64) for array in arrays)))


@pytest.mark.parametrize("name", ["leaky_relu", *thorough("elu", "celu", "sigmoid_cross_entropy_logits")])
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("float16", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("float64", "float16", "float64"),
        ("float32", "int64", "float32"),
        ("float16", "int32", "float16"),
        ("int64", "float32", "float32"),
        ("bfloat16", "float16", "float32"),
        ("bfloat16", "float32", "float32"),
        ("bfloat16", "int8", "bfloat16"),
        ("int8", "int64", "float64"),
    ],
)
def test_precision_of_mixed_operands(name, first, second, expected):
    arrays = [np.array([1, 2, 0]).astype(np.dtype(dtype)) for dtype in (first, second)]
    result = TABLE[name].function(*arrays)
    if name == "leaky_relu" and expected == "float64" and "int" in first and "int" in second:
        expected = "int64"
    assert result.dtype == np.dtype(expected)
    precise = TABLE[name].function(*(array.astype(np.float64) for array in arrays))
    np.testing.assert_allclose(result.astype(np.float64), precise, rtol=8e-3 if "b" in expected else 1e-3)


@pytest.mark.parametrize("name", ["elu", "celu", "leaky_relu", "sigmoid_cross_entropy_logits"])
def test_python_numbers_are_weak_and_numpy_scalars_are_not(name):
    x = np.array([0.5, -1.5, 2.0], np.float32)

    def function(*operands):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "logits has shape", UserWarning)
            return TABLE[name].function(*operands)

    assert function(x, 0.5).dtype == np.float32
    assert function(x, 1).dtype == np.float32
    assert function(x, np.float64(0.5)).dtype == np.float64
    assert function(x, np.float32(0.5)).dtype == np.float32
    assert function(x.astype(np.float16), 0.5).dtype == np.float16
    assert function(1.5, 0.5).dtype == np.float64
    np.testing.assert_array_equal(function(x, 0.5), function(x, np.full(3, 0.5, np.float32)))


def test_python_numbers_alone():
    for name in NAMES:
        entry = TABLE[name]
        numbers = [float(sample(domain, 1)[0]) for domain in entry.domains]
        result = entry.function(*numbers)
        assert type(result) is np.ndarray
        assert result.shape == ()
        assert result.dtype == np.float64
        arrays = [np.array([number]) for number in numbers]
        np.testing.assert_array_equal(result, entry.function(*arrays)[0])


def test_user_function_has_the_same_accuracy_and_precision():
    @numbafunc.elementwise
    def gaussian(x, width):
        return numbafunc.elementary.exp(-((x / width) ** 2) / 2)

    for dtype in oracles.FLOATS:
        x = np.linspace(-3, 3, 50).astype(dtype)
        width = np.full(50, 1.25, dtype)
        result = gaussian(x, width)
        assert result.dtype == dtype
        expected = np.exp(-((x.astype(np.float64) / 1.25) ** 2) / 2)
        bits = oracles._format(dtype)[0]
        np.testing.assert_allclose(result.astype(np.float64), expected, rtol=8 * 2.0**-bits)
