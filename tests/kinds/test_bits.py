"""The value that a derivative returns has the bits of the plain call."""

import warnings

import elementwise_table
import linear_table
import numpy as np
import pytest
import reduction_table
import selection_table
from layouts import LAYOUTS

import numbafunc
from numbafunc.dual.trees import flatten

THOROUGH = pytest.mark.thorough
FORMS = ["small", pytest.param("large", marks=THOROUGH)]
DTYPES = [np.float32, pytest.param(np.float64, marks=THOROUGH)]


def one_direction(function, operands):
    return numbafunc.jvp(function, operands, tuple(np.ones_like(x) for x in operands))[0]


def bits(nest):
    return [(np.shape(leaf), np.asarray(leaf).tobytes()) for leaf in flatten(nest)[0]]


def check(function, operands, order=1):
    """Compare the bits of the values of both modes with those of the plain call."""
    operands = tuple(operands)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = function(*operands)
        assert bits(numbafunc.vjp(function, *operands)[0]) == bits(plain)
        total = lambda *x: np.sum(function(*x))  # noqa: E731
        assert bits(numbafunc.value_and_grad(total, mode="reverse")(*operands)[0]) == bits(np.sum(plain))
        found = one_direction(function, operands)
        if order == 2:
            found = one_direction(lambda *x: one_direction(function, x), operands)
    assert bits(found) == bits(plain)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", elementwise_table.SMOOTH)
def test_elementwise(name, form, dtype):
    operands = elementwise_table.operands(name, (70_003,) if form == "large" else (3, 4), dtype)
    check(elementwise_table.TABLE[name].function, operands, order=2 if form == "large" else 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["gelu", "relu", "tanh"])
def test_elements_alone(name, dtype):
    # 700 elements are enough for vectors that are taken together, with some left over; 300 and 1 are not.
    x = elementwise_table.operands(name, (700,), dtype)[0]
    function = elementwise_table.TABLE[name].function
    assert bits(function(x)) == bits(np.concatenate([function(x[:300]), function(x[300:699]), function(x[699:])]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", reduction_table.NAMES)
def test_reductions(name, form, dtype):
    entry = reduction_table.TABLE[name]
    axes = [-1, 0, None] if form == "large" and name in reduction_table.FREE else [-1]
    for axis in axes:
        shape = reduction_table.shape_for(name, (300, 500) if form == "large" else (3, 4))
        check(
            lambda x, *o, axis=axis: entry.function(x, axis, *o),
            reduction_table.operands(name, shape, dtype),
            order=2 if form == "large" and axis == -1 else 1,
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [*linear_table.NAMES, *selection_table.CASES])
def test_linear_and_selections(name, form, dtype):
    entry = linear_table.TABLE.get(name) or selection_table.entry(name)
    shape = entry.shapes[-1 if form == "large" else 0]
    check(entry.function, [np.random.default_rng(0).normal(size=shape).astype(dtype)])


@pytest.mark.thorough
@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - {"list", "dlpack", "array interface"}))
@pytest.mark.parametrize("name", [*elementwise_table.SMOOTH, *reduction_table.NAMES])
def test_layouts_and_alignment(name, layout):
    if name in reduction_table.TABLE:
        entry = reduction_table.TABLE[name]
        operands = reduction_table.operands(name, reduction_table.shape_for(name, (30, 600)), np.float32)
        call = lambda *x: entry.function(x[0], -1, *x[1:])  # noqa: E731
    else:
        call, operands = elementwise_table.TABLE[name].function, elementwise_table.operands(name, (30, 600), np.float32)
    if operands[0].ndim < 2:
        pytest.skip("layouts of matrices")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert bits(call(*map(LAYOUTS[layout], operands))) == bits(call(*operands))
