"""Operators in place on plain arrays, and products with ``out``: what nobody can tell from a new array becomes dual."""

import collections
import contextlib
import operator
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from numbafunc import checkpoint, grad, hessian, jacfwd, jacrev

POINT = np.array([1.5, 2.0, 3.0])
GRAM = np.arange(9.0).reshape(3, 3)


def local(x):
    s = GRAM @ GRAM
    s += x[0] * np.eye(3)
    s *= x[1]
    return np.sum(s * s)


def attribute(x):
    filter = SimpleNamespace(p=GRAM @ GRAM)
    filter.p -= np.multiply.outer(x, x)
    return np.sum(filter.p**2)


def item(x):
    rows = {"first": GRAM[0] * 2, "all": [GRAM + 1]}
    rows["first"] /= x[0]
    rows["all"][0] **= x[1]
    return np.sum(rows["first"] ** 2) + np.sum(rows["all"][0])


def closure(x):
    total = np.zeros(3)

    def add(value):
        nonlocal total
        total += value

    for value in x:
        add(value**2 * x)
    return np.sum(total)


@pytest.mark.parametrize("function", [local, attribute, item, closure])
def test_an_array_with_one_name_becomes_dual(function):
    steps = 1e-6 * np.eye(3)
    wanted = [(function(POINT + h) - function(POINT - h)) / 2e-6 for h in steps]
    for of in (jacfwd, jacrev):
        np.testing.assert_allclose(of(function)(POINT), wanted, rtol=1e-7)
    columns = [(grad(function)(POINT + h) - grad(function)(POINT - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(hessian(function)(POINT), columns, rtol=1e-7, atol=1e-6)


def _second_name(x):
    s = t = GRAM @ GRAM
    s += x[0]
    return t


def _view(x):
    s = GRAM @ GRAM
    row = s[0]
    row += x[0]
    return s


def _viewed(x):
    s = GRAM @ GRAM
    row = s[0]
    s += x[0]
    return row


def _argument(x):
    def add(a):
        a += x[0]

    s = GRAM @ GRAM
    add(s)
    return s


def _of_an_object(x):
    state = SimpleNamespace(p=GRAM @ GRAM)
    p = state.p
    p += x[0]
    return state.p


def _out(x):
    s = GRAM @ GRAM
    np.add(s, x[0], out=s)
    return s


def _function(x):
    s = GRAM @ GRAM
    operator.iadd(s, x[0])
    return s


@pytest.mark.parametrize("function", [_second_name, _view, _viewed, _argument, _of_an_object, _out, _function])
@pytest.mark.parametrize("of", [jacfwd, jacrev])
def test_an_array_that_something_else_sees_is_refused(function, of):
    with pytest.raises(TypeError, match="numpy.add: out"):
        of(function)(POINT)


def _weakly(x):
    s = GRAM @ GRAM
    reference = weakref.ref(s)
    s += x[0]
    return reference() * x[0]


def _attribute_of_a_class(x):
    class Counter:
        total = GRAM @ GRAM

    first, second = Counter(), Counter()
    first.total += x[0]
    return second.total * x[0]


def _property(x):
    class Filter:
        gram = property(lambda self: self.hidden, lambda self, value: None)

    filter = Filter()
    filter.hidden = GRAM @ GRAM
    filter.gram += x[0]
    return filter.hidden * x[0]


def _tuple(x):
    pair = (GRAM @ GRAM, 1.0)
    with contextlib.suppress(TypeError):
        pair[0] += x[0]
    return pair[0] * x[0]


def _chain(x):
    scopes = collections.ChainMap({}, {"gram": GRAM @ GRAM})
    scopes["gram"] += x[0]
    return scopes.maps[1]["gram"] * x[0]


def _other_scope(x):
    outer = {"gram": GRAM @ GRAM, "x": x}
    exec("gram += x[0]", outer, {})
    return outer["gram"] * x[0]


@pytest.mark.parametrize("function", [_weakly, _attribute_of_a_class, _property, _tuple, _chain, _other_scope])
@pytest.mark.parametrize("of", [jacfwd, jacrev, lambda f: jacrev(checkpoint(f))])
def test_an_array_that_is_seen_after_the_statement_is_refused(function, of):
    with pytest.raises(TypeError, match="numpy.add: "):
        of(function)(POINT)


def test_shape_and_dtype_remain():
    def wider(x):
        row = GRAM[0] * 1
        row += x[0] * np.ones((3, 3))
        return row

    def integers(x):
        counts = np.ones(3, int)
        counts += x
        return counts

    with pytest.raises(ValueError, match="output operand"):
        jacfwd(wider)(POINT)
    with pytest.raises(TypeError, match=r"int64"):
        jacfwd(integers)(POINT)


@pytest.mark.parametrize(
    "product",
    [
        lambda x, out: np.dot(GRAM, x, out),
        lambda x, out: np.matmul(GRAM, x, out=out),
        lambda x, out: np.einsum("ij,j->i", GRAM, x, out=out),
        lambda x, out: np.linalg.multi_dot([x, GRAM], out=out),
    ],
)
def test_out_of_products(product):
    def written(x):
        out = np.zeros_like(x)
        product(x, out)
        return out

    matrix = np.stack([product(unit, None) for unit in np.eye(3)], axis=-1)
    for of in (jacfwd, jacrev):
        np.testing.assert_allclose(of(written)(POINT), matrix, rtol=1e-14)


def test_out_of_outer():
    def written(x):
        out = np.multiply.outer(0 * x, x)
        np.outer(x, GRAM[1], out)
        return np.sum(out)

    for of in (jacfwd, jacrev):
        np.testing.assert_allclose(of(written)(POINT), np.full(3, 12.0))
