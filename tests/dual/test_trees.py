"""Classes with fields as nests, and callables of all kinds as functions to differentiate."""

import dataclasses
import functools
from typing import Any, NamedTuple

import numpy as np
import optree
import pytest

import numbafunc
from numbafunc.dual.trees import flatten

VALUES = np.array([1.0, 2.0, 3.0])


@dataclasses.dataclass
class Plain:
    w: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class Frozen:
    w: Any
    b: Any


@dataclasses.dataclass(slots=True, kw_only=True)
class Slotted:
    w: Any
    b: Any


class Named(NamedTuple):
    w: Any
    b: Any


class Registered:
    def __init__(self, w, b):
        self.w, self.b = w, b


optree.register_pytree_node(
    Registered,
    lambda x: ([x.w, x.b], None),
    lambda _, parts: Registered(*parts),
    namespace=optree.registry.__GLOBAL_NAMESPACE,
)


@dataclasses.dataclass
class Checked:
    """A class whose constructor takes no gradients."""

    w: Any
    b: Any
    name: str = dataclasses.field(default="", metadata={"static": True})

    def __post_init__(self):
        if not isinstance(self.w, np.ndarray) or np.any(self.w < 0):
            raise ValueError("w must be an array of positive numbers")


def attrs_class():
    attrs = pytest.importorskip("attrs")
    global Attrs
    Attrs = attrs.make_class("Attrs", ["w", "b"], frozen=True, slots=True)
    return Attrs


CLASSES = [Plain, Frozen, Slotted, Named, Registered, Checked, "attrs"]


@pytest.fixture(params=CLASSES, ids=str)
def kind(request):
    return attrs_class() if request.param == "attrs" else request.param


def replaced(x, w, b):
    """The object with other parts, made without its constructor."""
    _, structure = flatten(x)
    return structure.unflatten([w, b])


def product(p):
    return -np.sum(p.w * p.b**2)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_gradient_by_an_object(kind, mode):
    gradient = numbafunc.grad(product, mode=mode)(kind(w=VALUES, b=2 * VALUES))
    assert type(gradient) is kind
    np.testing.assert_array_equal(gradient.w, -4 * VALUES**2)
    np.testing.assert_array_equal(gradient.b, -4 * VALUES**2)


def test_other_drivers(kind):
    at = kind(w=VALUES, b=VALUES)
    _, change = numbafunc.jvp(lambda p: p.w * p.b, (at,), (replaced(at, VALUES, None),))
    np.testing.assert_array_equal(change, VALUES**2)
    _, pull = numbafunc.vjp(lambda p: replaced(p, p.w * p.b, p.b), at)
    (pulled,) = pull(replaced(at, np.ones(3), None))
    np.testing.assert_array_equal(pulled.w, VALUES)
    rows = numbafunc.jacfwd(lambda x: replaced(at, x * x, x))(VALUES)
    np.testing.assert_array_equal(rows.w, 2 * np.diag(VALUES))
    last, _ = numbafunc.scan(lambda carry, x: (replaced(carry, carry.w + x, carry.b), None), at, VALUES)
    np.testing.assert_array_equal(last.w, VALUES + 6)
    assert type(numbafunc.stop_gradient(at)) is kind
    _, aux = numbafunc.grad(lambda x: (np.sum(x), replaced(at, x, "text")), has_aux=True)(VALUES)
    np.testing.assert_array_equal(aux.w, VALUES)
    assert aux.b == "text"
    layer = numbafunc.checkpoint(lambda p: replaced(p, p.w * p.b, p.b))
    gradient = numbafunc.grad(lambda p: np.sum(layer(p).w), mode="reverse")(at)
    np.testing.assert_array_equal(gradient.b, VALUES)


def test_static_fields_stay():
    at = Checked(VALUES, VALUES, "layer")
    assert numbafunc.grad(product)(at).name == "layer"
    with pytest.raises(TypeError, match=r"tangents\[0\] is nested as"):
        numbafunc.jvp(product, (at,), (Checked(VALUES, VALUES, "another"),))


@dataclasses.dataclass
class Derived:
    w: Any
    total: Any = dataclasses.field(init=False)

    def __post_init__(self):
        self.total = np.sum(self.w)


class Own:
    def __init__(self):
        self.w = VALUES


@pytest.mark.parametrize("made", [lambda: Own(), lambda: Derived(VALUES)])
def test_other_classes_are_refused_and_handed_through(made):
    x = made()
    name = type(x).__name__
    with pytest.raises(TypeError, match=rf"argument 0 is a {name}; .*dataclass.*optree\.register_pytree_node"):
        numbafunc.grad(lambda p: np.sum(p.w))(x)
    with pytest.raises(TypeError, match=rf"the output of f is a {name}; "):
        numbafunc.jacfwd(lambda _: x)(VALUES)
    assert numbafunc.grad(lambda y: (np.sum(y), x), has_aux=True)(VALUES)[1] is x


def test_messages_name_fields():
    with pytest.raises(TypeError, match=r"argument 0\.b\['k'\] is a str"):
        numbafunc.grad(product)(Plain(VALUES, {"k": "text"}))
    with pytest.raises(TypeError, match=r"argument 0\.w\.b has dtype int64"):
        numbafunc.grad(lambda p: np.sum(p.b))(Plain(Frozen(VALUES, np.arange(3)), VALUES))


def squares(x, power=2):
    return np.sum(x**power)


class Model:
    power = 2

    def __call__(self, x):
        return squares(x, self.power)

    def loss(self, x):
        return squares(x, self.power)

    @staticmethod
    def static(x):
        return squares(x)

    @classmethod
    def of_class(cls, x):
        return squares(x, cls.power)


CALLABLES = {
    "partial": functools.partial(squares, power=2),
    "partial of partial": functools.partial(functools.partial(squares), power=2),
    "partial of a method": functools.partial(Model().loss),
    "object": Model(),
    "method": Model().loss,
    "static method": Model.static,
    "class method": Model.of_class,
}
DRIVERS = {
    "grad": lambda f: numbafunc.grad(f)(VALUES),
    "value_and_grad": lambda f: numbafunc.value_and_grad(f, mode="forward")(VALUES)[1],
    "jvp": lambda f: numbafunc.jvp(f, (VALUES,), (VALUES,))[1],
    "vjp": lambda f: numbafunc.vjp(f, VALUES)[1](1.0)[0],
    "jacfwd": lambda f: numbafunc.jacfwd(f)(VALUES),
    "jacrev": lambda f: numbafunc.jacrev(f)(VALUES),
    "hvp": lambda f: numbafunc.hvp(f, (VALUES,), (VALUES,)),
    "hessian": lambda f: numbafunc.hessian(f)(VALUES),
    "derivative": lambda f: numbafunc.derivative(f)(3.0),
    "linearize": lambda f: numbafunc.linearize(f, VALUES)[1](VALUES),
    "checkpoint": lambda f: numbafunc.grad(numbafunc.checkpoint(f), mode="reverse")(VALUES),
    "custom_derivative": lambda f: numbafunc.custom_derivative(f)(VALUES),
}


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("function", CALLABLES)
def test_callables_of_all_kinds(function, driver):
    np.testing.assert_array_equal(DRIVERS[driver](CALLABLES[function]), DRIVERS[driver](squares))
