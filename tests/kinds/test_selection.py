"""The ops of the selection kind: what is selected, from every layout and dtype, and tangents that come along."""

import itertools

import ml_dtypes
import numpy as np
import pytest
from layouts import LAYOUTS
from refused import NO_NUMBERS
from selection_table import CASES, TABLE, entry, operand, taken
from sweep import mostly_thorough

import numbafunc
from numbafunc.dual.array import Dual, components
from numbafunc.kinds import selection

pytestmark = pytest.mark.any_backend

FLOATS = [np.float16, np.float32, np.float64]
INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.bool_]
DTYPES = [*FLOATS, ml_dtypes.bfloat16, *INTEGERS]


# Each dtype and form is a kernel of its own. One form sees all dtypes; keys of 64 bits are sorted in other steps.
FORMS = [(case, dtype) for case in ("max_pool_2d any", "top_k two") for dtype in DTYPES]
FORMS += [(case, dtype) for case in CASES if case not in dict(FORMS) for dtype in (np.float32, np.uint8)]
FORMS += [("top_k all", np.float64)]
# Of which the fast suite takes a few.
FAST = [form for form in FORMS if form[1] in (np.float32, np.float64, np.uint32)]


def ids(dtype):
    return np.dtype(dtype).name


def lowest(dtype):
    """What stands where nothing is selected."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return False if dtype.kind == "b" else -np.inf


def check(case, x, result):
    positions = entry(case).oracle(x)
    assert type(result) is np.ndarray
    assert result.dtype == x.dtype.newbyteorder("=")
    assert result.shape == positions.shape
    assert result.flags.c_contiguous
    assert result.flags.writeable
    expected = taken(x, positions, lowest(x.dtype))
    if x.dtype == ml_dtypes.bfloat16:  # whose NaN NumPy does not know
        result, expected = result.astype(np.float32), expected.astype(np.float32)
    np.testing.assert_array_equal(result, expected)


def test_the_table_covers_the_registry():
    assert sorted(selection.REGISTRY) == sorted(TABLE)


@pytest.mark.parametrize(
    ("case", "dtype"), mostly_thorough(FORMS, FAST), ids=lambda value: value if isinstance(value, str) else ids(value)
)
def test_values(case, dtype):
    for shape in entry(case).shapes[:-1]:
        for seed in range(2):  # the second call of a form takes another way
            x = operand(case, shape, dtype, seed)
            before = x.copy()
            check(case, x, entry(case).function(x))
            assert x.tobytes() == before.tobytes()


@pytest.mark.parametrize("case", CASES)
def test_values_that_several_threads_find(case):
    x = operand(case, entry(case).shapes[-1], np.float32)
    check(case, x, entry(case).function(x))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", [case for case in CASES if entry(case).shapes[0] != (2, 40)])
def test_layouts(case, layout):
    shape = {4: (2, 2, 5, 6), 2: (3, 4, 5), 3: (3, 4, 5)}[len(entry(case).shapes[0])]
    if len(shape) == 4 and layout == "transposed":
        return  # it has three axes
    x = operand(case, shape, np.float32)
    x[np.isnan(x)] = 7
    arranged = LAYOUTS[layout](x)
    check(case, x.astype(np.float64) if layout == "list" else x, entry(case).function(arranged))
    np.testing.assert_array_equal(getattr(arranged, "array", arranged), x)


@pytest.mark.thorough
@pytest.mark.parametrize("layout", ["fortran", "negative strides", "slice", "read-only", "byte-swapped", "unaligned"])
@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int16, np.bool_], ids=ids)
@pytest.mark.parametrize("case", ["max_pool_2d any", "top_k two"])
def test_layouts_in_other_dtypes(case, dtype, layout):
    x = operand(case, (2, 3, 4, 6), dtype)
    result = entry(case).function(LAYOUTS[layout](x))
    np.testing.assert_array_equal(result, entry(case).function(x))
    assert result.dtype.isnative


@pytest.mark.parametrize("case", ["max_pool_2d same", "top_k all"])
def test_broadcast_view(case):
    x = np.broadcast_to(operand(case, (1, 2, 1, 6), np.float32), (3, 2, 4, 6))
    check(case, np.ascontiguousarray(x), entry(case).function(x))
    check(case, np.full((1, 2, 3, 4), 2.0), entry(case).function(np.broadcast_to(2.0, (1, 2, 3, 4))))


# Derivatives


@pytest.mark.parametrize(
    ("case", "dtype"),
    mostly_thorough([form for form in FORMS if form[1] in FLOATS], FAST),
    ids=lambda value: value if isinstance(value, str) else ids(value),
)
def test_jvp(case, dtype):
    for shape in entry(case).shapes if dtype == np.float32 else entry(case).shapes[:-1]:
        x = operand(case, shape, dtype, 1)
        t = np.random.default_rng(2).normal(size=shape).astype(dtype)
        positions = entry(case).oracle(x)
        value, tangent = numbafunc.jvp(entry(case).function, (x,), (t,))
        assert tangent.dtype == dtype
        check(case, x, value)
        np.testing.assert_array_equal(tangent, taken(t, positions, 0))


@pytest.mark.parametrize("case", CASES)
def test_nested_jvp(case):
    function, shape = entry(case).function, entry(case).shapes[0]
    x, t, u = (np.random.default_rng(seed).normal(size=shape) for seed in (1, 2, 3))

    def derivative(y):
        return numbafunc.jvp(lambda z: function(z * z * z), (y,), (t,))[1]

    positions = entry(case).oracle(x * x * x)
    value, tangent = numbafunc.jvp(derivative, (x,), (u,))
    np.testing.assert_allclose(value, taken(3 * x * x * t, positions, 0), rtol=1e-14)
    np.testing.assert_allclose(tangent, taken(6 * x * t * u, positions, 0), rtol=1e-14)


@pytest.mark.parametrize("case", CASES)
def test_every_direction_of_every_level(case):
    function, shape = entry(case).function, entry(case).shapes[0]
    random = np.random.default_rng(5)
    # Three directions of level 1, two of level 2, and all mixed second derivatives, none of them in order in memory.
    parts = {
        (): operand(case, shape, seed=1),
        (1,): np.asfortranarray(random.normal(size=(3, *shape))),
        (2,): random.normal(size=(2, *shape))[::-1],
        (1, 2): np.moveaxis(random.normal(size=(*shape, 3, 2)), (-2, -1), (0, 1)),
    }
    inner = Dual(parts[()], parts[1,], 1)
    results = components(function(Dual(inner, Dual(parts[2,], np.ascontiguousarray(parts[1, 2]), 1), 2)))
    positions = entry(case).oracle(parts[()])
    assert set(results) == set(parts)
    check(case, parts[()], results[()])
    for levels, part in parts.items():
        if not levels:
            continue
        for index in itertools.product(*map(range, part.shape[: len(levels)])):
            np.testing.assert_array_equal(results[levels][index], taken(np.array(part[index]), positions, 0))


def test_values_with_tangents_are_those_without():
    for case in CASES:
        x = operand(case, entry(case).shapes[0], np.float32, 3)
        value, _ = numbafunc.jvp(entry(case).function, (x,), (np.ones_like(x),))
        np.testing.assert_array_equal(value, entry(case).function(x))


# Errors


@pytest.mark.parametrize("wrong", NO_NUMBERS.values(), ids=NO_NUMBERS)
@pytest.mark.parametrize("case", CASES)
def test_operands_that_are_no_numbers(case, wrong):
    if "all" in case:
        return
    with pytest.raises(TypeError, match=f"^{entry(case).argument} "):
        entry(case).function(wrong)
