"""Reverse mode of whole programs: masks and infinities, changes in place, what can't be transposed, large operands."""

import elementwise_table
import numpy as np
import pytest

import numbafunc
from numbafunc import grad, jacfwd, jacrev, jvp, linearize, stop_gradient, vjp
from numbafunc.autodiff import Dual
from numbafunc.dual import levels

GENERATOR = np.random.default_rng(15)
X = GENERATOR.normal(size=(3, 4))


def same_as_forward(f, *args, tolerance=1e-13):
    argnums = tuple(range(len(args)))
    for got, wanted in zip(
        grad(f, argnums, mode="reverse")(*args), grad(f, argnums, mode="forward")(*args), strict=True
    ):
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


# Cotangents of zero contribute nothing, whatever the derivative that they are multiplied by.

ZERO = np.array([0.0, 4.0, 0.0, 2.5])
QUIET = pytest.mark.filterwarnings("ignore::RuntimeWarning")


MASKED = {
    "root": lambda x: np.where(x > 0, np.sqrt(x), 0.0),
    "root of another shape": lambda x: np.where(x > 0, np.sqrt(x[None] * np.ones((2, 1))), 0.0),
    "logarithm": lambda x: np.where(x > 0, np.log(x), 1.0),
    "quotient": lambda x: np.where(x > 0, x / x, 0.0),
    "reciprocal": lambda x: np.where(x > 0, 1 / x, x),
    "power": lambda x: np.where(x > 0, x**-1.5, x),
    "power of the variable": lambda x: np.where(x > 0, x**x, x),
    "arcsine": lambda x: np.where(x < 1, np.arcsin(x / 2.5), x),
    "times infinity": lambda x: np.where(x > 0, x, 1.0 + x * np.inf)[1::2],
    "times NaN": lambda x: np.where(x > 0, x, x * np.nan)[1::2],
    "norm": lambda x: np.linalg.norm(np.reshape(x, (2, 2)).T, axis=1),
    "deviation": lambda x: np.std(np.stack([x[::2], x[1::2]]), axis=1),
    "hypotenuse": lambda x: np.where(x > 0, np.hypot(x, 0 * x), 0.0),
    "angle": lambda x: np.where(x > 0, np.arctan2(x, 0 * x), 0.0),
    "by an index": lambda x: np.sqrt(x)[[1, 3]],
    "by a slice": lambda x: (1 / x)[1::2],
    "by a mask": lambda x: np.log(x)[x > 0],
    "by assignment": lambda x: np.array([0.0, 1.0, 0.0, 1.0]) * numbafunc.stop_gradient(x) + x,
    "product": lambda x: np.prod(x) + np.prod(x[1:]) + x,
    "product with a logarithm": lambda x: np.where(x > 0, x * np.log(x), 0.0),
    "where in a sum": lambda x: np.sum(np.sqrt(x), where=x > 0),
    "op": lambda x: np.where(x > 0, numbafunc.rsqrt(x), 0.0),
    "selected": lambda x: np.select([x > 2, x > 0], [np.sqrt(x), np.log(x)], x),
    "largest": lambda x: np.maximum(np.log(x), -1.0),
    "chain": lambda x: np.where(x > 0, np.sqrt(np.log(x + (x == 0) * 0.0) ** 2), 0.0),
    "cumulated": lambda x: np.cumsum(np.where(x > 0, 1 / np.sqrt(x), 0.0)),
}


@QUIET
@pytest.mark.parametrize("name", MASKED)
def test_masked_elements(name):
    result = np.asarray(MASKED[name](ZERO))
    weights = np.arange(1.0, result.size + 1).reshape(result.shape)
    f = lambda x: np.sum(MASKED[name](x) * weights)  # noqa: E731
    wanted = grad(f, mode="forward")(ZERO)
    got = grad(f, mode="reverse")(ZERO)
    np.testing.assert_allclose(got, wanted, rtol=1e-13)
    assert np.all(np.isfinite(wanted)), "the case is no case"


@QUIET
@pytest.mark.parametrize("name", ["root", "logarithm", "reciprocal", "by a mask", "op"])
def test_masked_elements_in_second_order(name):
    f = lambda x: np.sum(MASKED[name](x) ** 2)  # noqa: E731
    v = np.array([1.0, -2.0, 3.0, 0.5])
    wanted = jvp(grad(f, mode="forward"), (ZERO,), (v,))[1]
    assert np.all(np.isfinite(wanted))
    for product in (
        jvp(grad(f, mode="reverse"), (ZERO,), (v,))[1],
        grad(lambda x: jvp(f, (x,), (v,))[1], mode="reverse")(ZERO),
        grad(lambda x: np.sum(grad(f, mode="reverse")(x) * v), mode="reverse")(ZERO),
    ):
        np.testing.assert_allclose(product, wanted, rtol=1e-12)


@QUIET
def test_cotangents_that_the_caller_sets_to_zero():
    x = np.array([0.0, 4.0])
    for f, slope in ((np.sqrt, 0.25), (np.log, 0.25), (lambda x: 1 / x, -1 / 16), (numbafunc.rsqrt, -1 / 16)):
        _, pull = vjp(f, x)
        np.testing.assert_allclose(pull(np.array([0.0, 1.0]))[0], [0, slope], rtol=1e-15)
        np.testing.assert_allclose(jacrev(f)(x)[1], [0, slope], rtol=1e-15)
    _, push = linearize(np.sqrt, np.append(x, np.ones(40)))
    np.testing.assert_array_equal(push(np.append([0.0, 1.0], np.zeros(40)))[:2], [0, 0.25])


@QUIET
@pytest.mark.parametrize("length", [6, 6000])
@pytest.mark.parametrize("numbers", [[0, 1, 2], [0.0, np.nan, -2.5]])
def test_numbers_as_conditions(numbers, length):
    # NumPy takes all but zero for true.
    condition = np.tile(numbers, length // 3)
    found = grad(lambda x: np.sum(np.where(condition, 2 * x, 5 * x)), mode="reverse")(np.ones(length))
    np.testing.assert_array_equal(found, np.where(condition, 2.0, 5.0))


def test_infinite_slopes_are_kept():
    assert grad(np.sqrt, mode="reverse")(0.0) == np.inf
    np.testing.assert_array_equal(
        grad(lambda x: np.sum(np.sqrt(x)), mode="reverse")(np.array([0.0, 4.0])), [np.inf, 0.25]
    )


# Kinks, infinities and the ends of what a function is defined on.

EDGES = np.array([0, -0.0, 3, -3, 1, -1, np.inf, -np.inf, np.nan, 1e-300, 700, -700, 6, 1e300])
UFUNCS = [
    np.abs, np.sqrt, np.cbrt, np.exp, np.exp2, np.expm1, np.log, np.log1p, np.tan, np.arcsin, np.arctan, np.tanh,
    np.arccosh, np.arctanh, np.square, np.reciprocal, np.sign, np.rint, np.sinc,
]  # fmt: skip
OF_TWO = [
    np.multiply, np.divide, np.power, np.maximum, np.minimum, np.fmax, np.fmin, np.hypot, np.arctan2, np.logaddexp,
    np.remainder, np.fmod, np.copysign, np.heaviside,
]  # fmt: skip
SMOOTH = [name for name in elementwise_table.SMOOTH if name != "log_ratio"]


def at_edges(f, *operands):
    """First and mixed second derivatives, with respect to all operands, element by element."""
    argnums = tuple(range(len(operands)))
    v = tuple(np.ones_like(x) for x in operands)

    def by(mode):
        slopes = grad(lambda *xs: np.sum(f(*xs)), argnums, mode=mode)
        return [*slopes(*operands), *jvp(slopes, operands, v)[1]]

    for got, wanted in zip(by("reverse"), by("forward"), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-300)


@QUIET
@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda ufunc: ufunc.__name__)
def test_edges_of_ufuncs(ufunc):
    at_edges(ufunc, EDGES)


@QUIET
@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda ufunc: ufunc.__name__)
@pytest.mark.parametrize("choice", [np.maximum, np.fmin], ids=lambda ufunc: ufunc.__name__)
def test_edges_in_large_arrays(ufunc, choice):
    # The slopes of large arrays are multiplied where they lie, and masked word by word.
    slopes = grad(lambda x, w: np.sum(w * ufunc(choice(x, 0.5))), mode="reverse")
    x, w = np.repeat(EDGES, 4), np.tile([0.0, 1.0, -1.0, np.inf], EDGES.size)
    small = slopes(x, w)
    large = slopes(np.tile(x, 400), np.tile(w, 400))
    np.testing.assert_allclose(large, np.tile(small, 400), rtol=1e-14, atol=0)


@QUIET
@pytest.mark.parametrize("ufunc", OF_TWO, ids=lambda ufunc: ufunc.__name__)
def test_edges_of_ufuncs_of_two(ufunc):
    at_edges(ufunc, *(x.ravel() for x in np.meshgrid(EDGES, EDGES)))


@QUIET
@pytest.mark.parametrize("name", SMOOTH)
def test_edges_of_ops(name):
    op = elementwise_table.TABLE[name]
    at_edges(op.function, EDGES, *(np.full(EDGES.shape, 0.5) for _ in op.domains[1:]))


# Changes in place, and views.


def filled(x):
    y = np.zeros(3) + 0.0 * x[0]
    for i in range(3):
        y[i] = x[i] * y[i - 1] + x[i]
    return y


def overwritten(x):
    y = x * 1.0
    y[0] = 5.0
    y[1:] = y[:2] * x[1:]
    return y


def twice_at_one_place(x):
    y = x * 1.0
    y[[0, 0]] = np.stack([x[1], x[2]])
    np.add.at(y, [1, 1, 2], x)
    return y


def through_views(x):
    y = np.outer(x, x)
    row, diagonal = y[0], y.T[1:]
    row *= 2.0
    diagonal[:] += x
    y.reshape(-1)[4] = x[2]
    return y @ x


def after_the_view_was_used(x):
    y = x * x
    view = y[1:]
    before = np.sin(view)
    y[1] = x[0] * 3.0
    return np.concatenate([before, np.cos(view)])


def swapped(x):
    y = x * 2.0
    y[0], y[2] = y[2] * 1.0, y[0] * 1.0
    y[::-1] -= x**2
    return y


def by_a_mask(x):
    y = x * x
    y[y > 0.1] *= x[1]
    y[y < 0.1] = 0.5
    return y


def operators_in_place(x):
    y = x + 1.0
    y *= x
    y -= x[0]
    y /= 2.0 + x**2
    y **= 2
    return y


def with_out(x):
    y = x * 1.0
    np.multiply(y, x, out=y)
    np.sin(y, out=y)
    return y


def sorted_and_shuffled(x):
    y = x * 1.0
    y.sort()
    return y[::-1] * x


PROGRAMS = [
    filled, overwritten, twice_at_one_place, through_views, after_the_view_was_used, swapped, by_a_mask,
    operators_in_place, with_out, sorted_and_shuffled,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_changes_in_place(program):
    x, v = np.array([0.7, -1.3, 0.2]), np.array([0.3, 0.9, -2.0])
    np.testing.assert_allclose(jacrev(program)(x), jacfwd(program)(x), rtol=1e-13, atol=1e-14)
    for chunk_size in (1, 2):
        np.testing.assert_allclose(
            jacrev(program, chunk_size=chunk_size)(x), jacfwd(program)(x), rtol=1e-13, atol=1e-14
        )
    f = lambda x: np.sum(np.sin(program(x)))  # noqa: E731
    wanted = jvp(grad(f, mode="forward"), (x,), (v,))[1]
    np.testing.assert_allclose(jvp(grad(f, mode="reverse"), (x,), (v,))[1], wanted, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(grad(lambda x: jvp(f, (x,), (v,))[1], mode="reverse")(x), wanted, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(
        grad(lambda x: np.sum(grad(f, mode="reverse")(x) * v), mode="reverse")(x), wanted, rtol=1e-11, atol=1e-13
    )


# What reverse mode can't pass through.


def test_function_of_tangents_without_a_transpose_is_named():
    # A rule of a user's own: reverse mode raises where the step is made, with nothing left behind.
    after = []
    before = set(levels.LIVE)

    @numbafunc.custom_derivative
    def f(x):
        return x * 2.0

    def through(function):
        def rule(primals, tangents):
            tangent = tangents[0]
            return f(*primals), Dual(np.zeros_like(primals[0]), function(tangent.tangent), tangent.level)

        f.defjvp(rule)

        def run(x):
            y = f(x)
            after.append(1)
            return np.sum(y)

        return run

    for function, words in (
        (np.sort, "numpy.sort of a tangent has no transpose"),
        (np.linalg.inv, "numpy.linalg.inv of a tangent has no transpose"),
        (np.exp, "numpy.exp of a tangent has no transpose"),
        (np.multiply.accumulate, r"numpy.multiply.accumulate of a tangent has no transpose"),
        (lambda t: t * t, "a product of two tangents"),
        (lambda t: np.where(t > 0, t, t), "a comparison"),
        (lambda t: t and 2.0 * t, "a condition"),
        (lambda t: float(t), r"float\(\)"),
        (np.array, "conversion to a NumPy array"),
    ):
        with pytest.raises(TypeError, match=words) as caught:
            grad(through(function), mode="reverse")(np.ones((2, 2)))
        assert "mode='forward'" in str(caught.value)
    assert not after
    assert before == levels.LIVE


def test_function_without_a_rule_is_named_in_both_modes():
    for mode in ("forward", "reverse"):
        with pytest.raises(TypeError, match="histogramdd has no rule"):
            grad(lambda x: np.sum(np.histogramdd(x)[0]), mode=mode)(X)


def test_values_are_looked_at_freely():
    # Conditions go by the value, as in forward mode.
    def f(x):
        y = x if x.sum() > 0 else -x
        n = int(np.argmax(stop_gradient(x)))
        return np.sum(y[: 1 + n % 2] ** 2) * (2.0 if np.any(x > 1) else 3.0)

    same_as_forward(f, X)
    same_as_forward(f, -X)


def test_perceptron():
    w, b, u = GENERATOR.normal(size=(4, 5)), GENERATOR.normal(size=5), GENERATOR.normal(size=(5, 3))
    labels = np.array([2, 0, 1])

    def f(w, b, u):
        hidden = numbafunc.gelu(X @ w + b)
        return np.mean(numbafunc.loss.cross_entropy_logits_sparse(hidden @ u, labels))

    same_as_forward(f, w, b, u)
