"""Derivatives at infinite slopes: the right ones, or NaN where they do not follow from what dual numbers keep."""

import numba
import numpy as np
import pytest

import numbafunc

INF, NAN = np.inf, np.nan

# A function, and its derivatives of the first three orders at 0, by hand: NaN where there is none.
FUNCTIONS = {
    "sqrt(x**4)": (lambda x: np.sqrt(x**4), (0, 2, 0)),
    "sqrt(x**3)": (lambda x: np.sqrt(x**3), (0, INF, NAN)),
    "(x**4)**0.5": (lambda x: (x**4) ** 0.5, (0, 2, 0)),
    "cbrt(x**3)": (lambda x: np.cbrt(x**3), (1, 0, 0)),
    "cbrt(x**2)": (lambda x: np.cbrt(x**2), (NAN, NAN, NAN)),
    "(x**4)**(1/4)": (lambda x: (x**4) ** 0.25, (NAN, NAN, NAN)),
    "(x**4)**0.75": (lambda x: (x**4) ** 0.75, (0, 0, NAN)),
    "arcsin(1 - x**4)": (lambda x: np.arcsin(1 - x**4), (0, -2 * np.sqrt(2), 0)),
    "arccos(1 - x**4)": (lambda x: np.arccos(1 - x**4), (0, 2 * np.sqrt(2), 0)),
    "arccosh(1 + x**4)": (lambda x: np.arccosh(1 + x**4), (0, 2 * np.sqrt(2), 0)),
    "hypot(x**2, x**2)": (lambda x: np.hypot(x**2, x**2), (0, 2 * np.sqrt(2), 0)),
    "sqrt(x)**2": (lambda x: np.sqrt(x) ** 2, (1, 0, 0)),
    "cbrt(x)**3": (lambda x: np.cbrt(x) ** 3, (1, 0, 0)),
    "sqrt(x) * x": (lambda x: np.sqrt(x) * x, (0, INF, NAN)),
}
ARRAYS = {
    "norm": (lambda x: np.linalg.norm(np.stack([x * x, x * x])), (0, 2 * np.sqrt(2), 0)),
    "norm of order 3": (lambda x: np.linalg.norm(np.stack([x * x, x * x]), 3), (0, 2 * 2 ** (1 / 3), 0)),
    "norm of a matrix": (lambda x: np.linalg.norm(np.stack([x * x, x * x]).reshape(1, 2)), (0, 2 * np.sqrt(2), 0)),
    "std": (lambda x: np.std(np.stack([x * x, 3 * x * x])), (0, 2, 0)),
    "root of var": (lambda x: np.var(np.stack([x * x, 3 * x * x])) ** 0.5, (0, 2, 0)),
    "sqrt((v @ v)**2)": (lambda x: np.sqrt((np.stack([x, x]) @ np.stack([x, x])) ** 2), (0, 4, 0)),
}


OF_ONE_OPERAND = [name for name in FUNCTIONS if not name.startswith(("hypot", "sqrt(x)", "cbrt(x)"))]


def right_or_nan(found, wanted):
    return np.isnan(found) or np.isclose(found, wanted, rtol=1e-13) or np.isnan(wanted)


@pytest.mark.parametrize("name", [*FUNCTIONS, *ARRAYS])
def test_right_or_nan(name):
    function, wanted = {**FUNCTIONS, **ARRAYS}[name]
    for order in (1, 2, 3):
        assert right_or_nan(float(numbafunc.derivative(function, order)(0.0)), wanted[order - 1]), order
    assert right_or_nan(float(numbafunc.grad(function, mode="reverse")(0.0)), wanted[0])
    hessian = numbafunc.hessian(lambda v: function(v[0]) + v[1] * v[2], mode="reverse")(np.zeros(3))
    assert right_or_nan(hessian[0, 0], wanted[1])
    np.testing.assert_array_equal(hessian[1:, 1:], [[0, 1], [1, 0]])


def around(function, inner):
    """The gradient by reverse mode of a first derivative."""
    return numbafunc.grad(lambda x: numbafunc.grad(function, mode=inner)(x), mode="reverse")


@pytest.mark.parametrize("inner", ["forward", "reverse"])
@pytest.mark.parametrize("name", OF_ONE_OPERAND)
def test_right_or_nan_around_a_derivative(name, inner):
    function, wanted = FUNCTIONS[name]
    assert right_or_nan(float(around(function, inner)(0.0)), wanted[1])


@pytest.mark.parametrize("compiled", [numbafunc.elementwise, numba.njit], ids=["elementwise", "njit"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_or_nan_when_compiled(name, compiled):
    function, wanted = FUNCTIONS[name]
    for order in (1, 2, 3):
        found = float(numbafunc.derivative(compiled(function), order)(0.0))
        assert right_or_nan(found, wanted[order - 1]), order
    assert right_or_nan(float(numbafunc.grad(compiled(function), mode="reverse")(0.0)), wanted[0])


# A function, a point, and its derivative of order 1 and 2 there: zeros that must stay, though slopes are infinite.
HARMLESS = {
    "mask": (lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0, (0, 0)),
    "square of a mask": (lambda x: np.where(x > 0, np.sqrt(x), 0.0) ** 2, 0.0, (0, 0)),
    "bound": (lambda x: np.sqrt(np.maximum(x, 0.0)), -1.0, (0, 0)),
    "part that is not used": (lambda x: np.stack([np.sqrt(x), x * x])[1], 0.0, (0, 2)),
    "factor of zero": (lambda x: np.sqrt(x) * 0.0 + x * x, 0.0, (0, 2)),
    "root of a square": (lambda x: np.sqrt(x * x) + x, 0.0, (1, INF)),
    "root": (lambda x: np.sqrt(x), 0.0, (INF, -INF)),
    "largest": (lambda x: np.max(np.stack([np.sqrt(x), 1 + x * x])), 0.0, (0, 2)),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_zeros_that_stay(name):
    function, point, wanted = HARMLESS[name]
    for order in (1, 2):
        np.testing.assert_array_equal(numbafunc.derivative(function, order)(point), wanted[order - 1])
    np.testing.assert_array_equal(numbafunc.grad(function, mode="reverse")(point), wanted[0])
    for inner in ("forward", "reverse"):
        np.testing.assert_array_equal(around(function, inner)(point), wanted[1])
    hessian = numbafunc.hessian(lambda v: function(v[0]) + v[1] * v[2], mode="reverse")(np.array([point, 1.0, 1.0]))
    np.testing.assert_array_equal(hessian, [[wanted[1], 0, 0], [0, 0, 1], [0, 1, 0]])


@pytest.mark.parametrize("compiled", [numbafunc.elementwise, numba.njit], ids=["elementwise", "njit"])
def test_a_literal_zero_hides_an_infinite_slope(compiled):
    function, point, wanted = HARMLESS["factor of zero"]
    for order in (1, 2):
        assert numbafunc.derivative(compiled(function), order)(point) == wanted[order - 1]
    assert numbafunc.grad(compiled(function), mode="reverse")(point) == wanted[0]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_other_directions_keep_their_zeros(mode):
    v = np.array([0.0, 1.0, 4.0])
    for function in (lambda v: np.sum(np.sqrt(v)), lambda v: np.sum(v**0.5), lambda v: np.sum(np.sqrt(v * v[1]))):
        hessian = numbafunc.hessian(function, mode=mode)(v)
        assert hessian[0, 0] == -INF
        assert np.isfinite(hessian[1:, 1:]).all()
    assert np.count_nonzero(numbafunc.hessian(lambda v: np.sum(np.sqrt(v)), mode=mode)(v)) == 3


def test_gradient_of_a_square_of_roots():
    # The right one is 1 everywhere.
    for function, undo in ((np.sqrt, 2), (np.cbrt, 3)):
        gradient = numbafunc.grad(lambda v, f=function, n=undo: np.sum(f(v) ** n))(np.array([0.0, 1.0, 8.0]))
        np.testing.assert_allclose(gradient, [NAN, 1, 1])


def test_hypot_is_a_norm():
    assert numbafunc.grad(np.hypot, (0, 1))(0.0, 0.0) == (0, 0)
    assert numbafunc.grad(np.hypot, (0, 1), mode="reverse")(0.0, 0.0) == (0, 0)


MATRIX = np.array([[1.0, -1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 1.0, 3.0]])
# Products in which zeros meet infinite slopes, and points where they do.
PRODUCTS = {
    "v @ v": (lambda v: v @ v, [0.0, 0.0, 0.0]),
    "einsum": (lambda v: np.einsum("i,ij,j", v, MATRIX @ MATRIX.T, v), [0.0, 0.0, 0.0]),
    "matrix @ vector": (lambda v: MATRIX @ v, [1.0, 1.0, 0.5]),
    "vector @ matrix": (lambda v: v @ MATRIX.T, [2.0, 1.0, 0.0]),
    "matrix @ matrix": (lambda v: MATRIX @ np.stack([v, v * v], -1), [0.0, 0.0, 1.0]),
    "row @ matrix": (lambda v: v[np.newaxis] @ np.abs(MATRIX), [0.0, 0.0, 2.0]),
    "convolve": (lambda v: np.convolve(v, [1.0, 0.0, -1.0]), [1.0, 0.0, 1.0]),
    "convolve bools": (lambda v: np.convolve(v, [True, False, True]), [1.0, 0.0, 1.0]),
    "einsum of bools": (lambda v: np.einsum("ij,j->i", MATRIX > 0, v), [1.0, 0.0, 1.0]),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_zero_in_a_product_passes_nothing_on(name):
    function, point = PRODUCTS[name]

    def root(v):
        product = function(v)
        return np.sum(np.where(product < 0, 0.0, np.sqrt(np.abs(product))))

    expected = numbafunc.grad(root, mode="forward")(np.array(point))
    assert not np.isnan(expected).all()
    np.testing.assert_array_equal(numbafunc.grad(root, mode="reverse")(np.array(point)), expected)
