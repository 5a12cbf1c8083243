"""What the user's functions may hold: those under numba.njit that call ops, and definitions of ops."""

import math

import mpmath
import numba
import numpy as np
import pytest

import numbafunc


@numba.njit
def relu_inside(x):
    return numbafunc.relu(x)


@numba.njit
def leaky_relu_inside(x, slope):
    return numbafunc.leaky_relu(x, slope)


@numba.njit
def celu_inside(x, alpha):
    return numbafunc.celu(x, alpha)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint32", "int64", "uint64", "float32"])
def test_integers_inside_compiled_functions(dtype):
    x = (np.arange(6).reshape(2, 3) - (3 if dtype[0] in "if" else 0)).astype(dtype)
    np.testing.assert_array_equal(relu_inside(x), numbafunc.relu(x), strict=True)
    for slope in (2, 0.5):
        expected = numbafunc.leaky_relu(x, slope)
        np.testing.assert_array_equal(leaky_relu_inside(x, slope), expected, strict=True)


def test_numbers_inside_compiled_functions():
    for x, expected in ((-3, 0), (3, 3), (True, 1), (2.5, 2.5)):
        result = relu_inside(x)
        assert result == expected
        assert type(result) is type(expected)


@numba.njit
def forms_of_gelu_inside(x):
    return numbafunc.gelu(x), numbafunc.gelu(x, False), numbafunc.gelu(x, approximate=True)


def test_flags_inside_compiled_functions():
    for x in (np.linspace(-3, 3, 13), np.linspace(-3, 3, 12, dtype=np.float32).reshape(3, 4), 0.5):
        exact, again, approximate = forms_of_gelu_inside(x)
        np.testing.assert_array_equal(exact, numbafunc.gelu(x))
        np.testing.assert_array_equal(again, numbafunc.gelu(x))
        np.testing.assert_array_equal(approximate, numbafunc.gelu(x, True))
    both = numbafunc.elementwise(lambda x: numbafunc.gelu(x) - numbafunc.gelu(x, True))
    np.testing.assert_array_equal(both(0.5), numbafunc.gelu(0.5) - numbafunc.gelu(0.5, True))
    sharp = numba.njit(lambda x, beta: (numbafunc.softplus(x), numbafunc.softplus(x, beta=beta)))
    for mine, theirs in zip(sharp(x, 2.0), (numbafunc.softplus(x), numbafunc.softplus(x, beta=2.0))):
        np.testing.assert_array_equal(mine, theirs)
    slopes = [numbafunc.grad(numbafunc.gelu, 0)(0.5, flag) for flag in (False, True)]
    np.testing.assert_allclose(numbafunc.grad(both)(0.5), slopes[0] - slopes[1], rtol=1e-9)
    for flag in (np.array(True), 1, "tanh"):
        with pytest.raises(numba.TypingError, match=r"approximate of numbafunc\.gelu is .*wanted: True or False"):
            numba.njit(lambda x, flag: numbafunc.gelu(x, flag))(0.5, flag)


@pytest.mark.parametrize("shapes", [((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((), (2, 3)), ((2, 3), (2, 3))])
def test_broadcasting_inside_compiled_functions(shapes):
    x, alpha = (np.linspace(-2, 3, 6)[: np.prod(shape, dtype=int)].reshape(shape) for shape in shapes)
    for first in (x, x > 0, x.astype(np.float32)):
        result = celu_inside(first, alpha + 4)
        np.testing.assert_array_equal(result, numbafunc.celu(first, alpha + 4), strict=True)


def test_what_ops_inside_compiled_functions_refuse():
    with pytest.raises(ValueError, match="broadcast"):
        celu_inside(np.ones(3), np.ones(2))
    for x in ("a", np.ones(2, np.complex128), np.ones(2, np.float16)):
        with pytest.raises(numba.TypingError, match=r"x of numbafunc\.relu is .*wanted: numbers or arrays"):
            relu_inside(x)


@pytest.mark.parametrize(
    "function",
    [numbafunc.jvp, numbafunc.hessian, numbafunc.grad],
)
def test_functions_that_compiled_functions_can_not_call(function):
    with pytest.raises(numba.TypingError, match=rf"numbafunc\.{function.__name__} can't be called .*reductions"):
        numba.njit(lambda x: function(x, 1))(np.ones(2))


def unknown_name(x):
    y = x + 1
    return y + missing  # noqa: F821


def no_such_operator(x):
    y = x + 1
    return y << 2


def no_such_function(x):
    return math.copysign(x, 1.0)


def no_such_choice(x):
    return np.clip(x, 0.0, 1.0)


def no_such_special_function(x):
    return math.frexp(x)


def several_results(x):
    return x, x


def no_result(x):
    pass


def context(x):
    with open("x"):  # noqa: PTH123
        return x


def softmax_of_one(x):
    return numbafunc.softmax(x)


@pytest.mark.parametrize(
    ("definition", "reason", "line"),
    [
        (unknown_name, "name 'missing' is not defined", 0),
        (no_such_operator, r"there is no lshift\(float64, .*\); wanted: arithmetic, .*", 2),
        (no_such_function, r"there is no copysign\(float64, float64\); wanted: comparisons with 0", 1),
        (no_such_choice, r"there is no clip.*; wanted: min\(max\(x, lower\), upper\)", 1),
        (no_such_special_function, "there is no frexp.*; wanted: arithmetic, .*exp, .*tanh, .*", 1),
        (several_results, "it returns .*; wanted: a number", 0),
        (no_result, "it returns none; wanted: a number", 0),
        (softmax_of_one, r"numbafunc\.softmax can't be called .*", 1),
    ],
)
def test_functions_that_numba_does_not_understand(definition, reason, line):
    line += definition.__code__.co_firstlineno
    message = rf"^{definition.__name__} can't be compiled: .*{reason} \(line {line} of .*test_definitions.py\)$"
    for call in (
        numbafunc.elementwise(definition),
        lambda x: numbafunc.jvp(numbafunc.elementwise(definition), (x,), (x,)),
    ):
        with pytest.raises(TypeError, match=message) as raised:
            call(np.ones(3))
        assert isinstance(raised.value.__cause__, numba.core.errors.NumbaError)


def test_statements_that_numba_does_not_understand():
    with pytest.raises(TypeError, match="^context can't be compiled: ") as raised:
        numbafunc.elementwise(context)(1.0)
    assert isinstance(
        raised.value.__cause__, (numba.core.errors.NumbaError, numba.core.errors.UnsupportedBytecodeError)
    )


def test_functions_that_yield():
    def several(x):
        yield x

    with pytest.raises(TypeError, match="returns a number"):
        numbafunc.elementwise(several)


def limited(x):
    if x > 1:
        raise ValueError("x is too large")
    return x


@numba.njit
def checked(x):
    assert x <= 1
    return x


def test_definitions_that_raise_are_refused():
    # Where threads share a loop their exceptions were lost, and elements of the result never written.
    x = np.linspace(-1, 2, 200_000)
    out = np.full(x.shape, 7.0)
    for definition in (limited, lambda x: checked(x) * 2, lambda x: limited(x)):
        with pytest.raises(TypeError, match=r"raises an exception.*return math.nan instead \(line \d+ of "):
            numbafunc.elementwise(definition)(x, out=out)
    assert (out == 7).all()
    assert numbafunc.elementwise(lambda x: x if x <= 1 else math.nan)(0.5) == 0.5


def printing(x):
    print(x)
    return x


@pytest.mark.parametrize(
    ("definition", "reason", "line"), [(limited, "limited raises an exception", 2), (printing, "printing prints", 1)]
)
def test_statements_that_threads_can_not_share(definition, reason, line):
    place = f"line {definition.__code__.co_firstlineno + line} of .*test_definitions.py"
    with pytest.raises(TypeError, match=f"^{definition.__name__} can't be compiled: {reason}.*{place}"):
        numbafunc.elementwise(definition)(np.ones(3))


def of_ops(x, alpha):
    return 2 * numbafunc.softplus(x) + numbafunc.elu(x, alpha) * numbafunc.celu(x)


def of_numpy(x, alpha):
    return np.maximum(x, alpha) + math.ceil(x) * np.square(x) - np.minimum(alpha, x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("definition", [of_ops, of_numpy])
def test_ops_and_functions_of_numpy_inside_definitions(definition, dtype):
    x = np.array([-2.75, -1.0, -0.25, 0.5, 1.0, 3.25], dtype)
    op, alpha = numbafunc.elementwise(definition), dtype(0.625)
    plain = np.vectorize(definition)
    tolerance = 8 * np.finfo(dtype).eps
    result = op(x, alpha)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, plain(x.astype(float), float(alpha)), rtol=tolerance)
    # Away from the jumps of ceil, at which a difference is no derivative.
    x, step = np.array([-2.75, -0.25, 0.5, 3.25]), 1e-5
    for position in (0, 1):
        ahead, behind = ([x + d * (position == 0), 0.625 + d * (position == 1)] for d in (step, -step))
        tangents = (np.full(4, 1.0 - position), float(position))
        _, slope = numbafunc.jvp(op, (x, 0.625), tangents)
        np.testing.assert_allclose(slope, (plain(*ahead) - plain(*behind)) / (2 * step), rtol=1e-8, atol=1e-8)


def test_second_derivatives_of_ops_inside_definitions():
    curvature = numbafunc.grad(numbafunc.grad(numbafunc.elementwise(lambda x: x * numbafunc.sigmoid(x))))
    np.testing.assert_allclose(curvature(0.75), numbafunc.grad(numbafunc.grad(numbafunc.swish))(0.75), rtol=1e-14)
    expected = float(mpmath.diff(lambda x: x / (1 + mpmath.exp(-x)), 0.75, 2))
    np.testing.assert_allclose(curvature(0.75), expected, rtol=1e-12)


@numbafunc.elementwise
def power(x, y):
    return x**y


@numbafunc.elementwise
def powers(x):
    total = 0.0
    for i in range(3):
        total += x**i
    return total


def test_powers_of_negative_bases_and_of_zero():
    x = np.array([-1.5, 0.0, 2.0])
    value, slope = numbafunc.jvp(powers, (x,), (np.ones(3),))
    np.testing.assert_array_equal(value, 1 + x + x * x)
    np.testing.assert_array_equal(slope, 1 + 2 * x)
    base, exponent = np.array([-2.0, 0.0, 2.0, 3e50]), np.array([2.0, 2.0, -3.0, 2.5])
    np.testing.assert_array_equal(power(base, exponent), base**exponent)
    ones, zeros = np.ones(4), np.zeros(4)
    slope = numbafunc.jvp(power, (base, exponent), (ones, zeros))[1]
    np.testing.assert_allclose(slope, exponent * base ** (exponent - 1), rtol=1e-15)
    slope = numbafunc.jvp(power, (base[1:], exponent[1:]), (zeros[1:], ones[1:]))[1]
    np.testing.assert_allclose(slope, [0, np.log(2) / 8, 3e50**2.5 * np.log(3e50)], rtol=1e-15)
    assert numbafunc.elementwise(lambda x: x**65)(-1.0) == -1
    second = numbafunc.grad(numbafunc.grad(lambda y: power(2.0, y)))(3.0)
    np.testing.assert_allclose(second, 8 * np.log(2) ** 2, rtol=1e-15)
    mixed = numbafunc.grad(lambda x: numbafunc.grad(power, 1)(x, 3.0))(2.0)
    np.testing.assert_allclose(mixed, 4 * (1 + 3 * np.log(2)), rtol=1e-15)


@numba.njit
def factorial(n):
    return 1.0 if n <= 1 else n * factorial(n - 1)


def test_recursive_functions_inside_elementwise():
    x = np.array([0.5, -1.0])
    np.testing.assert_array_equal(numbafunc.elementwise(lambda x: x * factorial(3))(x), 6 * x)
