"""The ops of the linear kind: values, dtypes, layouts and derivatives, against NumPy and against linearity itself."""

import itertools

import ml_dtypes
import numpy as np
import pytest
from chosen_backend import ACTIVE
from layouts import LAYOUTS
from linear_table import NAMES, TABLE, operand
from sweep import mostly_thorough, thorough

import numbafunc
from numbafunc.dual.array import Dual, components
from numbafunc.kinds import linear

pytestmark = pytest.mark.any_backend

FLOATS = [np.float16, np.float32, np.float64]
DTYPES = [*FLOATS, ml_dtypes.bfloat16, np.int8, np.uint16, np.int32, np.uint64, np.bool_]


def ids(dtype):
    return np.dtype(dtype).name


def check(name, result, x):
    """Compare a result with the oracle's."""
    entry = TABLE[name]
    assert type(result) is np.ndarray
    assert result.flags.c_contiguous
    assert result.flags.writeable
    assert result.dtype.isnative
    assert not np.shares_memory(result, x) if isinstance(x, np.ndarray) else True
    if entry.moves:
        expected = entry.oracle(x)
        assert result.dtype == x.dtype
        assert result.shape == expected.shape
        np.testing.assert_array_equal(result, expected)
        return
    floating = x.dtype.kind in "fV" or entry.integers
    assert result.dtype == (x.dtype if floating else np.float64)
    expected = entry.oracle(x.astype(np.float64))
    assert result.shape == expected.shape
    if result.dtype.kind in "iub":
        np.testing.assert_array_equal(result, np.floor(expected) if result.dtype.kind != "b" else expected != 0)
        return
    epsilon = float(ml_dtypes.finfo(result.dtype).eps)
    scale = np.max(np.abs(expected), initial=0.0)
    difference = np.abs(result.astype(np.float64) - expected)
    assert np.max(difference, initial=0.0) <= entry.tolerance * epsilon * scale


def accepts(name, dtype):
    return TABLE[name].boolean or np.dtype(dtype).kind != "b"


def test_the_table_covers_the_registry():
    assert sorted(linear.REGISTRY) == NAMES


@pytest.mark.parametrize("dtype", mostly_thorough(DTYPES, [np.float32, np.float64, np.int32, np.bool_]), ids=ids)
@pytest.mark.parametrize("name", NAMES)
def test_values(name, dtype):
    if not accepts(name, dtype):
        with pytest.raises(TypeError, match=f"^{TABLE[name].argument} has dtype bool"):
            TABLE[name].function(operand(name, TABLE[name].shapes[0], dtype))
        return
    for shape in TABLE[name].shapes[:-1]:
        for seed in range(2):  # the second call of a form takes another way
            x = operand(name, shape, dtype, seed)
            before = x.copy()
            check(name, TABLE[name].function(x), x)
            np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", NAMES)
def test_values_that_several_threads_compute(name):
    for arrange in (np.ascontiguousarray, np.asfortranarray):
        x = arrange(operand(name, TABLE[name].shapes[-1], np.float32))
        check(name, TABLE[name].function(x), x)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_layouts(name, layout):
    x = operand(name, TABLE[name].shapes[0], np.float32)
    arranged = LAYOUTS[layout](x)
    result = TABLE[name].function(arranged)
    expected = x.astype(np.float64) if layout == "list" else x
    check(name, result, expected)
    held = getattr(arranged, "array", arranged)
    np.testing.assert_array_equal(held, x)


@pytest.mark.thorough
@pytest.mark.parametrize("layout", ["fortran", "negative strides", "slice", "read-only", "byte-swapped", "unaligned"])
@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int16, np.uint8], ids=ids)
@pytest.mark.parametrize("name", NAMES)
def test_layouts_in_other_dtypes(name, dtype, layout):
    x = operand(name, TABLE[name].shapes[0], dtype)
    result = TABLE[name].function(LAYOUTS[layout](x))
    np.testing.assert_array_equal(result, TABLE[name].function(x))
    assert result.dtype.isnative


@pytest.mark.parametrize("name", NAMES)
def test_broadcast_view(name):
    shape = TABLE[name].shapes[0]
    x = np.broadcast_to(operand(name, (1, *shape[1:]), np.float32), shape)
    check(name, TABLE[name].function(x), x)
    everywhere = np.broadcast_to(np.float32(2), shape)
    check(name, TABLE[name].function(everywhere), everywhere)


# Derivatives: an op that is linear does to tangents what it does to values.


@pytest.mark.parametrize("dtype", [np.float32, np.float64, *thorough(np.float16)], ids=ids)
@pytest.mark.parametrize("name", NAMES)
def test_jvp(name, dtype):
    function = TABLE[name].function
    # A large one in one dtype only: compiling kernels with threads takes long.
    for shape in TABLE[name].shapes if dtype is np.float32 else TABLE[name].shapes[:-1]:
        x, t = (operand(name, shape, dtype, seed) for seed in (1, 2))
        value, tangent = numbafunc.jvp(function, (x,), (t,))
        assert type(value) is type(tangent) is np.ndarray
        assert tangent.dtype == dtype
        np.testing.assert_array_equal(value, function(x))
        np.testing.assert_array_equal(tangent, function(t))


@pytest.mark.skipif(ACTIVE, reason="kernels of main memory")
@pytest.mark.parametrize("name", NAMES)
def test_transposes_that_kernels_compute(name):
    function = TABLE[name].function
    x = operand(name, TABLE[name].shapes[-1], np.float32)
    value, pull = numbafunc.vjp(function, x)
    np.testing.assert_array_equal(value, function(x))
    for seed in (1, 2):
        random = np.random.default_rng(seed)
        # Whole numbers, of which sums have one value. Not so where weights are no powers of 2.
        tangent, cotangent = (random.integers(-4, 5, shape).astype(np.float32) for shape in (x.shape, value.shape))
        (gradient,) = pull(cotangent)
        assert gradient.dtype == np.float32
        assert gradient.flags.c_contiguous
        forward = np.sum(cotangent * numbafunc.jvp(function, (x,), (tangent,))[1], dtype=np.float64)
        scale = np.sum(np.abs(gradient * tangent), dtype=np.float64)
        backward = np.sum(gradient * tangent, dtype=np.float64)
        assert abs(forward - backward) <= (0.0 if TABLE[name].moves and name != "pad_odd" else 1e-6) * scale


@pytest.mark.parametrize("dtype", FLOATS, ids=ids)
@pytest.mark.parametrize("name", NAMES)
def test_nested_jvp(name, dtype):
    function = TABLE[name].function
    x, t, u = (operand(name, TABLE[name].shapes[0], dtype, seed) for seed in (1, 2, 3))

    def derivative(y):
        return numbafunc.jvp(lambda z: function(z * z), (y,), (t,))[1]

    value, tangent = numbafunc.jvp(derivative, (x,), (u,))
    np.testing.assert_array_equal(value, function(2 * x * t))
    np.testing.assert_array_equal(tangent, function(2 * u * t))


@pytest.mark.parametrize("name", NAMES)
def test_every_direction_of_every_level(name):
    function = TABLE[name].function
    shape = TABLE[name].shapes[0]
    # Three directions of level 1, two of level 2, and all mixed second derivatives, none of them in order in memory.
    parts = {
        (): operand(name, shape, seed=1),
        (1,): np.asfortranarray(operand(name, (3, *shape), seed=2)),
        (2,): operand(name, (2, *shape), seed=3)[::-1],
        (1, 2): np.moveaxis(operand(name, (*shape, 3, 2), seed=4), (-2, -1), (0, 1)),
    }
    inner = Dual(parts[()], parts[1,], 1)
    dual = Dual(inner, Dual(parts[2,], np.ascontiguousarray(parts[1, 2]), 1), 2)
    results = components(function(dual))
    assert set(results) == set(parts)
    for levels, part in parts.items():
        found = results[levels]
        assert found.shape[: len(levels)] == part.shape[: len(levels)]
        for index in itertools.product(*map(range, part.shape[: len(levels)])):
            np.testing.assert_array_equal(found[index], function(part[index]))


@pytest.mark.parametrize("name", NAMES)
def test_jacobian(name):
    function = TABLE[name].function
    x = operand(name, TABLE[name].shapes[0], np.float32)
    jacobian = numbafunc.jacfwd(function)(x)
    expected = function(x)
    assert jacobian.shape == (*expected.shape, *x.shape)
    for index in np.ndindex(x.shape):
        unit = np.zeros_like(x)
        unit[index] = 1
        np.testing.assert_array_equal(jacobian[(..., *index)], function(unit))


# Errors


@pytest.mark.parametrize(
    "wrong",
    [None, "text", b"text", np.longdouble(1), object(), np.array([object()]), np.zeros(2, "M8[s]")],
    ids=lambda x: str(type(x)),
)
@pytest.mark.parametrize("name", NAMES)
def test_operands_that_are_no_numbers(name, wrong):
    with pytest.raises(TypeError, match=f"^{TABLE[name].argument} "):
        TABLE[name].function(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_masked_array(name):
    x = np.ma.masked_array(operand(name, TABLE[name].shapes[0]), False)
    with pytest.raises(TypeError, match=f"^{TABLE[name].argument} is a masked array"):
        TABLE[name].function(x)
