"""Errors of what dual arrays can't do: one TypeError names the function, the user's line and the cure."""

import cmath
import contextlib
import functools
import math
import statistics
import sys

import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.optimize
import scipy.sparse
import scipy.special
import scipy.stats

import numbafunc

VALUES = np.array([1.0, 2.0, 3.0])
MATRIX = np.eye(3) + 1
SPARSE = scipy.sparse.csr_array(MATRIX)
LIST = [1, 2, 3]

exact_positions = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="the position of an instruction is known from Python 3.11 on"
)


@functools.lru_cache
def cached(x):
    return x * x


def fill(x):
    array = np.zeros(3)
    array[0] = x[0]
    return array


def fill_slice(x):
    array = np.zeros(3)
    array[:] = x
    return array


# What is called, and what the message says of it.
REFUSED = [
    (lambda x: math.sin(x[0]), r"math\.sin .*call numpy\.sin\(x\)"),
    (lambda x: math.floor(x[0]), r"math\.floor .*call numpy\.floor\(x\)"),
    (lambda x: math.fsum([x[0], x[1]]), r"math\.fsum .*call sum\(\[x, y\]\)"),
    (lambda x: math.gamma(x[0]), r"math\.gamma .*call scipy\.special\.gamma\(x\)"),
    (lambda x: cmath.sqrt(x[0]), r"cmath\.sqrt .*call numpy\.sqrt\(x\)"),
    (lambda x: float(x[0]), r"float\(\) .*leave float\(\) out"),
    (lambda x: int(x[0]), r"int\(\) .*int\(numbafunc\.stop_gradient\(x\)\)"),
    (lambda x: complex(x[0]), r"complex\(\) .*leave complex\(\) out"),
    (lambda x: range(x[0]), r"range\(\) .*int\(numbafunc\.stop_gradient\(x\)\)"),
    (lambda x: LIST[x[0]], r"the index of LIST .*stop_gradient"),
    (lambda x: VALUES[x], r"the index of VALUES .*stop_gradient"),
    (lambda x: "%.3f" % x[0], r"formatting by % .*f\"{x:.3f}\""),  # noqa: UP031
    (lambda x: np.array([x[0], 1.0]), r"numpy\.array .*numpy\.stack"),
    (lambda x: np.asarray(x), r"numpy\.asarray .*leave it out"),
    (lambda x: (lambda numbers: np.array(numbers))([x[0], x[1]]), r"numpy\.array .*numpy\.stack"),
    (lambda x: np.array([2 * entry for entry in x]), r"numpy\.array .*numpy\.stack"),
    (lambda x: np.full(3, x[0]), r"numpy\.full .*np\.full after import numbafunc\.numpy"),
    (lambda x: np.zeros(x[0]), r"numpy\.zeros .*int\(numbafunc\.stop_gradient\(x\)\)"),
    (lambda x: np.linalg.norm([x[0], x[1]]), r"numpy\.linalg\.norm .*numpy\.stack"),
    (lambda x: np.exp([x[0], x[1]]), r"numpy\.exp .*numpy\.stack"),
    (lambda x: x[:2] * [x[0], x[1]], r"a list .*numpy\.stack"),
    (lambda x: np.nditer(x), r"numpy\.nditer "),
    (lambda x: np.ones(3).fill(x[0]), r"numpy\.ones\(\.\.\.\)\.fill "),
    (lambda x: MATRIX.dot(x), r"numpy\.ndarray\.dot .*call numpy\.dot\(MATRIX, \.\.\.\)"),
    (fill, r"assignment to a plain array .*numpy\.zeros_like\(x\).* line \d+: array\[0\] = x\[0\]"),
    (fill_slice, r"assignment to a plain array .*numpy\.zeros_like\(x\).* line \d+: array\[:\] = x"),
    (lambda x: cached(x[0]), r"cached keeps values by their hash"),
    (lambda x: {x[0]: 1}, r"a dict or set keeps values by their hash"),
    (lambda x: SPARSE @ x, r"scipy\.sparse\.csr_array .*SPARSE\.toarray\(\)"),
    (lambda x: SPARSE.dot(x), r"scipy\.sparse\.csr_array\.dot .*SPARSE\.toarray\(\)"),
    (lambda x: x @ SPARSE, r"numpy\.matmul: an operand of type csr_array"),
    (lambda x: scipy.sparse.csr_array(x), r"scipy\.sparse\.csr_array "),
    (lambda x: scipy.linalg.toeplitz(x), r"scipy\.linalg\.toeplitz .*numbafunc\.scipy\.linalg"),
    (lambda x: scipy.special.logsumexp(x), r"scipy\.special\.logsumexp .*numbafunc\.logsumexp"),
    (lambda x: scipy.optimize.brentq(lambda t: t - x[0], -5, 5), r"scipy\.optimize\.brentq .*stop_gradient"),
    (lambda x: scipy.optimize.brentq(lambda t: t - 1, -5, x[0] * 5), r"scipy\.optimize\.brentq .*stop_gradient"),
    (lambda x: scipy.optimize.root(lambda t: t - x, VALUES), r"scipy\.optimize\.root .*stop_gradient"),
    (
        lambda x: scipy.optimize.minimize(lambda t: np.sum((t - x) ** 2), VALUES),
        r"scipy\.optimize\.minimize .*custom_root",
    ),
    (lambda x: scipy.interpolate.CubicSpline(VALUES, x), r"scipy\.interpolate\.CubicSpline "),
    (lambda x: scipy.interpolate.CubicSpline(VALUES, VALUES)(x), r"scipy\.interpolate\.CubicSpline\(\.\.\.\) "),
    (lambda x: scipy.integrate.quad(lambda t: t * x[0], 0, 1), r"scipy\.integrate\.quad "),
    (lambda x: scipy.stats.norm.pdf(x), r"scipy\.stats\.norm\.pdf "),
    (lambda x: statistics.mean([x[0], x[1]]), r"statistics\.mean "),
]


def chain(error):
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


@exact_positions
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(("function", "message"), REFUSED)
def test_refusals_name_function_line_and_cure(function, message, mode):
    line = r"\d+" if function in (fill, fill_slice) else function.__code__.co_firstlineno
    with pytest.raises(TypeError, match=message) as caught:
        numbafunc.grad(lambda x: (function(x), np.sum(x))[1], mode=mode)(VALUES)
    caught.match(rf"\(in test_errors\.py, line {line}: ")
    assert len(chain(caught.value)) <= 2


DRIVERS = {
    "jvp": lambda f, x: numbafunc.jvp(f, (x,), (np.ones_like(x),)),
    "vjp": numbafunc.vjp,
    "grad": lambda f, x: numbafunc.grad(f)(x),
    "value_and_grad": lambda f, x: numbafunc.value_and_grad(f, mode="forward")(x),
    "jacfwd": lambda f, x: numbafunc.jacfwd(f)(x),
    "jacrev": lambda f, x: numbafunc.jacrev(f)(x),
    "hvp": lambda f, x: numbafunc.hvp(f, (x,), (np.ones_like(x),)),
    "hessian": lambda f, x: numbafunc.hessian(f)(x),
    "hessian forward": lambda f, x: numbafunc.hessian(f, mode="forward")(x),
    "derivative": lambda f, x: numbafunc.derivative(f, 2)(x),
    "linearize": numbafunc.linearize,
    "linearize by tape": lambda f, x: numbafunc.linearize(f, np.tile(x, 20)),
    "checkpoint": lambda f, x: numbafunc.grad(numbafunc.checkpoint(f), mode="reverse")(x),
    "nested": lambda f, x: numbafunc.grad(lambda y: np.sum(numbafunc.grad(f)(y)))(x),
}


def store(x):
    array = np.zeros(3)
    array[0] = x[0]
    return np.sum(array)


@exact_positions
@pytest.mark.parametrize("driver", DRIVERS)
def test_every_driver_translates_what_numpy_raises(driver):
    # jacrev runs the function on plain arrays first.
    with pytest.raises(TypeError, match=r"assignment to a plain array .*\(in test_errors.py, line") as caught:
        DRIVERS[driver](store, VALUES)
    assert [type(error) for error in chain(caught.value)] == [TypeError, ValueError]


def raises(error):
    def function(x):
        raise error

    return function


def after_refusal(x):
    try:
        return float(x[0])
    except TypeError as error:
        raise ValueError("my words") from error


def swallows_refusal(x):
    with contextlib.suppress(TypeError):
        float(x[0])
    return np.sum(np.arange(3.0).reshape(2, 2) * x[0])


def wrong_call(x):
    return np.reshape(x)


def wrong_bracket(x):
    return scipy.optimize.brentq(lambda t, p: t * t + 1, -1.0, 1.0, args=(x,))


UNTOUCHED = [
    (raises(ValueError("setting an array element with a sequence.")), ValueError, "^setting an array element"),
    (raises(TypeError("mine")), TypeError, "^mine$"),
    (raises(KeyError("mine")), KeyError, "mine"),
    (after_refusal, ValueError, "^my words$"),
    (swallows_refusal, ValueError, "^cannot reshape"),
    (wrong_call, TypeError, "^reshape.. missing 1 required positional argument|^numpy.reshape needs a shape"),
    (wrong_bracket, ValueError, r"^f\(a\) and f\(b\) must have different signs"),
    (lambda x: np.ones(2) + x, ValueError, "^operands could not be broadcast"),
    (lambda x: np.linalg.inv(np.zeros((2, 2)) * x[0]), np.linalg.LinAlgError, "^Singular matrix$"),
    (lambda x: x.nothing, AttributeError, "nothing"),
    (lambda x: 1 / 0 * x, ZeroDivisionError, "^division by zero$"),
]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(("function", "error", "message"), UNTOUCHED)
def test_errors_of_the_user_pass(function, error, message, mode):
    with pytest.raises(error, match=message) as caught:
        numbafunc.grad(function, mode=mode)(VALUES)
    assert type(caught.value) is error


def test_function_that_a_driver_calls_is_named():
    with pytest.raises(TypeError, match=r"^math\.exp .*call numpy\.exp\(x\) \(in test_errors.py"):
        numbafunc.grad(math.exp)(1.0)


def test_code_without_source_has_a_message():
    names = {"numbafunc": numbafunc, "math": math}
    with pytest.raises(
        TypeError, match=r"^float\(\) .*functions of math .*stop_gradient\(x\) \(in <string>, line 1\)$"
    ):
        exec("numbafunc.grad(lambda x: math.exp(x))(1.0)", names)
