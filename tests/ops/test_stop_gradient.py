"""stop_gradient: identity on values, zero derivative at every level, any nest."""

from collections import namedtuple

import numpy as np
import pytest

from numbafunc.autodiff import Dual, grad, jvp
from numbafunc.ops.stop_gradient import stop_gradient

Pair = namedtuple("Pair", "first second")


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16", "?", "i1", "u8", ">f4"])
def test_arrays_are_not_copied(dtype):
    x = np.zeros((2, 3), dtype)
    assert stop_gradient(x) is x
    assert stop_gradient(x[::2, 1:].T).base is x


@pytest.mark.parametrize("number", [1, 2.5, True, 1j, np.float32(1), np.int8(3), np.bool_(True)])
def test_numbers_come_back_as_they_are(number):
    assert stop_gradient(number) is number


def test_nests():
    x = np.ones(2)
    nest = {"a": [x, (1, None)], "b": Pair(2.0, x), "c": (), "d": None}
    result = stop_gradient(nest)
    assert result["a"][0] is x
    assert result["a"][1] == (1, None)
    assert type(result["b"]) is Pair
    assert result["b"].second is x
    assert result["c"] == ()
    assert result["d"] is None
    assert list(result) == ["a", "b", "c", "d"]
    assert stop_gradient(None) is None


def test_drops_every_level():
    value = np.array([1.0, 2.0])
    dual = Dual(Dual(value, np.ones((1, 2)), 1), np.ones((1, 2)), 2)
    assert stop_gradient(dual) is value
    assert stop_gradient([dual])[0] is value


@pytest.mark.parametrize(
    ("x", "match"),
    [
        ("text", "x is a str"),
        (object(), "x is a object"),
        (b"bytes", "x is a bytes"),
        ([1.0, "text"], r"x\[1\] is a str"),
        ({"a": (1, [print])}, r"x\['a'\]\[1\]\[0\] is a builtin_function"),
        (Pair(1, "text"), "is a str"),
        (np.array(["text"]), "array of dtype <U4"),
        (np.array([None]), "array of dtype object"),
    ],
)
def test_other_leaves(x, match):
    with pytest.raises(TypeError, match=match):
        stop_gradient(x)


def test_derivatives():
    assert grad(lambda x: x**2)(3.0) == 6
    assert grad(lambda x: stop_gradient(x) ** 2)(3.0) == 0
    assert grad(grad(lambda x: x**2))(3.0) == 2
    assert grad(grad(lambda x: stop_gradient(x) ** 2))(3.0) == 0
    assert grad(lambda x: x * stop_gradient(x))(3.0) == 3
    assert grad(grad(lambda x: x * stop_gradient(x)))(3.0) == 0
    assert grad(grad(lambda x: x**2 * stop_gradient(x)))(3.0) == 6
    value, tangent = jvp(lambda x: stop_gradient({"a": x}), (np.ones(2),), (np.ones(2),))
    np.testing.assert_array_equal(value["a"], 1)
    np.testing.assert_array_equal(tangent["a"], 0)


def test_value_becomes_convertible():
    seen = []

    def f(x):
        seen.append(float(stop_gradient(x)))
        return x * x

    assert grad(f)(3.0) == 6
    assert seen == [3.0]
