"""The class Dual: its parts, its flat view, what it refuses, and what it answers about its value."""

import copy
import math
import pickle
from xml.etree import ElementTree

import numpy as np
import pytest

import numbafunc
from numbafunc.autodiff import Dual, assemble, components, levels_of, value_of
from numbafunc.dual.tables import UFUNC_RULES

GENERATOR = np.random.default_rng(5)


def dual(shape=(2, 3), directions=2, level=1, dtype=float):
    return Dual(
        GENERATOR.normal(size=shape).astype(dtype), GENERATOR.normal(size=(directions, *shape)).astype(dtype), level
    )


def nested():
    """Levels 1 and 4 with 2 and 3 directions, every component present."""
    primal = dual((5,), 2, 1)
    tangent = dual((3, 5), 2, 1)
    return Dual(primal, tangent, 4)


# Structure.


def test_properties():
    x = dual((2, 3), dtype=np.float32)
    assert (x.shape, x.ndim, x.size, len(x), x.itemsize, x.nbytes) == ((2, 3), 2, 6, 2, 4, 24)
    assert x.dtype == np.float32
    assert x.level == 1


def test_repr_shows_value_and_tangent():
    made = Dual(np.array([1.5]), np.array([[2.5]]), 3)
    assert repr(made) == "Dual(array([1.5]), tangent=array([[2.5]]), level=3)"
    again = eval(repr(made), {"Dual": Dual, "array": np.array})
    assert (again.primal, again.tangent, again.level) == ([1.5], [[2.5]], 3)


def seen_by(driver, show, x):
    found = []
    driver(lambda x: (found.append(show(x)), np.sum(x * x))[1])(x)
    return found[0]


def test_repr_inside_derivatives_shows_no_level_and_aligns_what_takes_several_lines():
    x = np.array([1.0, 2.0])
    assert seen_by(numbafunc.jacfwd, repr, np.float64(2)) == "Dual(array(2.), tangent=array([1.]))"
    assert seen_by(numbafunc.grad, repr, np.ones(3)) == (
        "Dual(array([1., 1., 1.]), tangent=<to be found by reverse mode, shape (3,)>)"
    )
    assert seen_by(numbafunc.jacfwd, repr, x).splitlines() == [
        "Dual(array([1., 2.]),",
        "     tangent=array([[1., 0.],",
        "                    [0., 1.]]))",
    ]
    assert seen_by(numbafunc.hessian, repr, x).startswith("Dual(Dual(array([1., 2.]),\n          tangent=array(")


def test_notebooks_show_value_and_derivative_as_a_table():
    made = Dual(np.array([1.5, 0.5]), np.array([[2.5, 3.5]]), 3)
    table = ElementTree.fromstring(made._repr_html_())
    assert table.tag == "table"
    assert table.findtext("caption") == "Dual array, shape (2,), float64"
    assert [row.findtext("th") for row in table.iter("tr")] == ["value", "derivative"]
    assert [row.findtext("td/pre") for row in table.iter("tr")] == ["[1.5 0.5]", "[2.5 3.5]"]

    def rows(driver):
        shown = seen_by(driver, Dual._repr_html_, np.ones(2))
        return [cell.text for cell in ElementTree.fromstring(shown).iter("th")]

    assert rows(numbafunc.jacfwd) == ["value", "derivative along 2 directions"]
    assert rows(numbafunc.hessian) == ["value", "value", *["derivative along 2 directions"] * 2]
    assert "to be found by reverse mode" in seen_by(numbafunc.grad, Dual._repr_html_, np.ones(3))


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (([1, 2], [[1, 2]], 1), TypeError, "int64"),
        (([1j], [[1.0]], 1), TypeError, "tangent has dtype float64; it must be that of primal, complex128"),
        (([None], [[None]], 1), TypeError, "object"),
        (([1.0], np.ones((1, 1), np.float32), 1), TypeError, "tangent has dtype float32"),
        (([1.0, 2.0], [1.0, 2.0], 1), ValueError, "tangent has shape"),
        ((1.0, 1.0, 1), ValueError, "tangent has shape"),
        (([1.0], [[1.0]], 0), ValueError, "level is 0"),
    ],
)
def test_construction_is_checked(arguments, error, match):
    with pytest.raises(error, match=match):
        Dual(*arguments)


def test_level_of_a_part_must_be_lower():
    inner = dual((3,), 1, 2)
    with pytest.raises(ValueError, match="level is 2"):
        Dual(inner, np.ones((1, 3)), 2)


def test_levels_of():
    assert levels_of() == ()
    assert levels_of(1.0, np.ones(3)) == ()
    assert levels_of(nested()) == (1, 4)
    assert levels_of(dual(level=7), 2.0, nested()) == (1, 4, 7)
    assert levels_of(Dual(np.ones(2), dual((1, 2), level=3), 9)) == (3, 9)


def test_components():
    x = nested()
    parts = components(x)
    assert set(parts) == {(), (1,), (4,), (1, 4)}
    assert parts[()] is x.primal.primal
    assert parts[(1,)].shape == (2, 5)
    assert parts[(4,)].shape == (3, 5)
    assert parts[(1, 4)].shape == (2, 3, 5)
    array = np.ones(2)
    assert components(array) == {(): array}
    assert set(components(Dual(dual((5,), 2, 1), np.ones((3, 5)), 4))) == {(), (1,), (4,)}


def test_assemble_is_the_inverse():
    x = nested()
    y = assemble(components(x))
    assert y.level == 4
    assert y.primal.level == y.tangent.level == 1
    for key, array in components(x).items():
        assert components(y)[key] is array
    array = np.ones(2)
    assert assemble({(): array}) is array


def test_assemble_fills_what_the_structure_needs():
    for level in (1, 2, 4):
        Dual(np.ones(1), np.ones((1, 1)), level)  # from now on users have it in use
    x = assemble({(): np.ones(5), (1, 4): np.ones((2, 3, 5))})
    np.testing.assert_array_equal(components(x)[(4,)], np.zeros((3, 5)))
    assert (1,) not in components(x)
    y = assemble({(2,): np.ones((3, 5), np.float32)})
    np.testing.assert_array_equal(y.primal, np.zeros(5, np.float32))


def test_value_of():
    x = nested()
    assert value_of(x) is x.primal.primal
    assert value_of(2) == 2


def test_copies():
    x = dual()
    for twin in (x.copy(), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        np.testing.assert_array_equal(twin.primal, x.primal)
        np.testing.assert_array_equal(twin.tangent, x.tangent)
        assert not np.shares_memory(twin.primal, x.primal)
        assert twin.level == x.level


# What would drop the derivative.


@pytest.mark.parametrize(
    "conversion",
    [
        float,
        int,
        complex,
        np.asarray,
        np.array,
        lambda x: np.array([x, x]),
        lambda x: np.float64(x),
        lambda x: x.astype(int),
        lambda x: x.astype(np.complex128).astype(float),
        lambda x: np.zeros(3).__setitem__(0, x),
        lambda x: np.zeros(3).__setitem__(slice(None), x),
        lambda x: np.full(3, x),
        lambda x: np.full_like(np.ones(3), x),
        lambda x: [1, 2][x],
        lambda x: np.arange(3)[x],
        lambda x: x.reshape(1)[x],
        lambda x: range(x),
    ],
)
def test_nothing_drops_a_tangent(conversion):
    # NumPy turns the TypeError into its own error when it assigns to one element, and for an index.
    with pytest.raises((TypeError, IndexError, ValueError)):
        conversion(Dual(np.array(1.0), np.ones((1,)), 1))


@pytest.mark.parametrize("conversion", [float, np.asarray, lambda x: x.astype(int)])
def test_refusal_says_what_to_do(conversion):
    with pytest.raises(TypeError, match="stop_gradient"):
        conversion(Dual(np.array(1.0), np.ones((1,)), 1))


def test_items_and_lists_hold_dual_numbers():
    def of_items(x):
        matrix = x.reshape(2, 2)
        first, second = matrix.tolist()
        return matrix.item(3) * first[1] + matrix.item((1, 0)) * second[1] + x[:1].item() ** 2

    x = np.array([2.0, 3.0, 5.0, 7.0])
    for of in (numbafunc.jacfwd, numbafunc.jacrev):
        np.testing.assert_array_equal(of(of_items)(x), [4.0, 7.0, 7.0, 3.0 + 5.0])
    with pytest.raises(ValueError, match="size 1"):
        numbafunc.grad(lambda x: x.item())(x)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: np.histogramdd(x), "numpy.histogramdd"),
        (lambda x: np.histogram2d(x[0], x[1]), "numpy.histogram2d"),
    ],
)
def test_function_without_a_rule_is_named(call, name):
    with pytest.raises(TypeError, match=rf"{name} has no rule .*stop_gradient"):
        call(dual((2, 2)))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x: np.exp(x, out=np.zeros((2, 3))), "numpy.exp: out"),
        (lambda x: np.add(x, 1.0, casting="unsafe"), "numpy.add: the argument casting"),
        (lambda x: np.zeros((2, 3)).__iadd__(x), "numpy.add: out"),
    ],
)
def test_ufunc_options_are_refused(call, match):
    with pytest.raises(TypeError, match=match):
        call(dual())


def test_in_place_on_an_array_is_refused():
    total = seen = np.zeros((2, 3))
    with pytest.raises(TypeError, match="write x = x \\+ y"):
        total += dual()
    np.testing.assert_array_equal(seen, 0)


def test_harmless_options_are_accepted():
    x = dual()
    np.testing.assert_array_equal(np.exp(x, out=None, where=True, dtype=None).tangent, np.exp(x).tangent)


@pytest.mark.parametrize("other", ["text", None, object(), np.array([None])])
@pytest.mark.parametrize("operator", [np.add, np.multiply, np.power, np.maximum, np.matmul])
def test_operand_that_is_no_number(operator, other):
    with pytest.raises(TypeError):
        operator(dual(), other)
    with pytest.raises(TypeError):
        operator(other, dual())


def test_python_operators_with_strangers():
    class Stranger:
        __array_ufunc__ = None

        def __radd__(self, other):
            return "reflected"

    assert dual() + Stranger() == "reflected"
    with pytest.raises(TypeError):
        dual() + "text"


# Queries.


def test_comparisons_look_at_the_value():
    x = nested()
    value = value_of(x)
    assert isinstance(x < 0, np.ndarray)
    np.testing.assert_array_equal(x < 0, value < 0)
    np.testing.assert_array_equal(value >= x, np.ones(5, bool))
    np.testing.assert_array_equal(x == x, np.ones(5, bool))
    np.testing.assert_array_equal(x != value, np.zeros(5, bool))


@pytest.mark.parametrize("other", ["text", b"text", [1.5, "text", 0, 0, 0], None, object()])
def test_no_number_equals_text(other):
    x = nested()
    value = value_of(x)
    for found, wanted in (
        (x == other, value == other),
        (x != other, value != other),
        (other == x, other == value),
        (x.flat == other, value.flat == other),
        (x.flat != other, value.flat != other),
    ):
        assert type(found) is type(wanted)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("number", [2**63, 2**64, -(10**30)])
@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.fmax, np.fmin, np.copysign, np.greater])
def test_ints_that_no_array_holds(ufunc, number):
    x = nested()
    np.testing.assert_array_equal(value_of(ufunc(x, number)), ufunc(value_of(x), number))
    np.testing.assert_array_equal(value_of(ufunc(number, x)), ufunc(number, value_of(x)))


def test_lists_with_ints_that_no_array_holds():
    """As such ints alone they count as floats; NumPy makes objects of them, with the same values."""
    x, numbers = dual((2,)), [10**30, 1]
    for function in (np.multiply, np.dot, np.maximum, np.matmul):
        for pair in ((x, numbers), (numbers, x)):
            found = function(*pair)
            wanted = function(*(np.array(one, float) if one is numbers else one for one in pair))
            np.testing.assert_array_equal(value_of(found), value_of(wanted), strict=True)
            np.testing.assert_array_equal(found.tangent, wanted.tangent, strict=True)
    for index, value in ((0, 10**30), (slice(2), numbers)):
        y, plain = x.copy(), x.primal.copy()
        y[index] = plain[index] = value
        np.testing.assert_array_equal(value_of(y), plain)
    for wrong in ([10**30, "text"], [10**30, None]):
        with pytest.raises(TypeError, match="list can't meet a dual array"):
            x * wrong


def test_truth_is_that_of_the_value():
    assert Dual(np.array(2.0), np.zeros(1), 1)
    assert not Dual(np.array([0.0]), np.ones((1, 1)), 1)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(dual())


def test_not_hashable():
    with pytest.raises(TypeError, match="unhashable"):
        hash(dual())


def test_iteration():
    x = dual((2, 3))
    first, second = x
    np.testing.assert_array_equal(second.tangent, x.tangent[:, 1])
    assert first.shape == (3,)
    with pytest.raises(TypeError, match="0-d"):
        iter(Dual(np.array(1.0), np.ones(1), 1))
    with pytest.raises(TypeError):
        len(Dual(np.array(1.0), np.ones(1), 1))


@pytest.mark.parametrize(
    "query",
    [
        np.shape, np.ndim, np.size, lambda x: np.result_type(x, np.float32), lambda x: np.can_cast(x, float),
        np.iscomplexobj, np.isrealobj, lambda x: np.zeros_like(x, int),
        lambda x: np.empty_like(x).shape, np.argmax, lambda x: np.argmin(x, axis=1), np.argsort, np.nonzero,
        np.flatnonzero, np.count_nonzero, np.any, lambda x: np.all(x > 0, axis=0), lambda x: np.array_equal(x, x),
        lambda x: np.allclose(x, x), lambda x: np.isclose(x, 0.5), lambda x: np.round(x, 1), np.around,
        lambda x: np.searchsorted(np.array([0.0, 1.0]), x), np.where, np.min_scalar_type,
    ],
)  # fmt: skip
def test_queries_give_plain_results(query):
    x = Dual(dual((2, 3), 2, 1), GENERATOR.normal(size=(4, 2, 3)), 2)
    result = query(x)
    assert not isinstance(result, Dual)
    expected = query(value_of(x))
    assert type(result) is type(expected)
    for got, wanted in zip(np.atleast_1d(result), np.atleast_1d(expected), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_astype():
    x = dual(dtype=np.float32)
    y = x.astype(np.float64)
    assert y.dtype == y.tangent.dtype == np.float64
    np.testing.assert_array_equal(y.tangent, x.tangent)


def test_operations_work_at_the_highest_level():
    low, high = dual((3,), 2, 3), dual((3,), 1, 8)
    for result in (low * high, high * low):
        assert result.level == 8
        assert result.primal.level == 3
        np.testing.assert_allclose(result.primal.primal, low.primal * high.primal)
        np.testing.assert_allclose(components(result)[(3, 8)], low.tangent[:, None] * high.tangent)


def test_every_ufunc_rule_gives_arrays_for_scalars():
    x = Dual(np.array(0.5), np.array([1.0]), 1)
    for ufunc, rule in UFUNC_RULES.items():
        if isinstance(ufunc, np.ufunc) and ufunc.nin == 1 and ufunc is not np.arccosh and ufunc.nout == 1:
            result = rule(x)
            if isinstance(result, Dual):
                assert type(result.primal) is np.ndarray
                assert result.tangent.shape == (1,)


def test_conversions_of_dual_arrays_say_what_to_call():
    with pytest.raises(TypeError, match=r"math\.exp .*call numpy\.exp\(x\)"):
        numbafunc.grad(math.exp)(1.0)
    matrix = np.eye(2)
    with pytest.raises(TypeError, match=r"numpy\.dot\((a, x|matrix, \.\.\.)\)"):
        numbafunc.grad(lambda x: matrix.dot(x).sum())(np.array([0.5, -1.0]))
