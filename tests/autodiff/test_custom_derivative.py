"""Functions with a derivative that the user defines: both modes, any order, nests, constants, errors."""

import numpy as np
import pytest

import numbafunc
from numbafunc import checkpoint, custom_derivative, grad, hessian, hvp, jacfwd, jacrev, jvp, linearize, scan, vjp
from numbafunc.autodiff import Dual
from numbafunc.dual import levels

X = np.array([0.3, -1.2, 2.0])
V = np.array([1.0, -0.5, 0.25])
MODES = ["forward", "reverse"]
modes = pytest.mark.parametrize("mode", MODES)


@custom_derivative
def cube(x):
    """The third power."""
    return x**3


@cube.defjvp
def cube_rule(primals, tangents):
    (x,), (dx,) = primals, tangents
    return cube(x), 3.0 * x * x * dx


@custom_derivative
def ramp(x):
    """Its own derivative is a choice: that of softplus with a slope of ten."""
    return np.maximum(x, 0.0)


@ramp.defjvp
def ramp_rule(primals, tangents):
    (x,), (dx,) = primals, tangents
    return ramp(x), numbafunc.sigmoid(10.0 * x) * dx


@custom_derivative
def blend(p, factor, name):
    assert name == "text"
    return {"y": p["a"] * p["b"] * factor, "n": (p["a"].size, factor)}


@blend.defjvp
def blend_rule(primals, tangents):
    p, factor, name = primals
    dp, dfactor, dname = tangents
    assert dname is None
    assert dp["k"] is None
    value = blend(p, factor, name)
    change = dp["a"] * p["b"] * factor + p["a"] * dp["b"] * factor + p["a"] * p["b"] * dfactor
    return value, {"y": change, "n": (None, dfactor)}


@pytest.mark.parametrize("wrap", [lambda f: f, checkpoint], ids=["alone", "in a checkpoint"])
@modes
def test_gradient_is_that_of_the_rule(mode, wrap):
    np.testing.assert_allclose(grad(lambda x: np.sum(wrap(cube)(x)), mode=mode)(X), 3 * X**2, rtol=1e-15)
    slope = 1 / (1 + np.exp(-10 * X))
    np.testing.assert_allclose(grad(lambda x: np.sum(wrap(ramp)(x)), mode=mode)(X), slope, rtol=1e-14)


def test_without_derivatives_it_is_the_function():
    np.testing.assert_array_equal(ramp(X), np.maximum(X, 0))
    assert type(cube(X)) is np.ndarray
    assert cube(2) == 8
    assert cube.__name__ == "cube"
    assert cube.__doc__ == "The third power."


@modes
def test_hessian_goes_by_the_rule(mode):
    wanted = np.diag(10 / (1 + np.exp(-10 * X)) / (1 + np.exp(10 * X)))
    np.testing.assert_allclose(hessian(lambda x: np.sum(ramp(x)), mode=mode)(X), wanted, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(hvp(lambda x: np.sum(ramp(x)), (X,), (V,), mode=mode), wanted @ V, rtol=1e-12)


@pytest.mark.parametrize("order", range(1, 5))
@modes
@pytest.mark.parametrize("other", MODES)
def test_any_order(mode, other, order):
    f = cube
    for depth in range(order):
        f = grad(f, mode=(mode, other)[depth % 2])
    np.testing.assert_allclose(f(2.0), [12, 12, 6, 0][order - 1], rtol=1e-14)


@modes
@pytest.mark.parametrize("other", MODES)
def test_levels_are_kept_apart(mode, other):
    assert grad(lambda x: x * grad(lambda y: cube(x * y), mode=other)(1.0), mode=mode)(2.0) == 3 * 4 * 8
    assert grad(lambda x: grad(lambda y: cube(y) * x, mode=other)(2.0), mode=mode)(3.0) == 12
    assert grad(lambda x: grad(lambda y: cube(x), mode=other)(2.0), mode=mode)(3.0) == 0


def nest(a, b, factor):
    result = blend({"a": a, "b": b, "k": np.arange(3)}, factor, "text")
    return result["y"], result["n"][1] * a


def test_nests_and_constants():
    a, b = X, np.array([2.0, 3.0])[:, None]
    got = jacrev(nest, (0, 1, 2))(a, b, 0.5)
    plain = jacfwd(lambda a, b, f: (a * b * f, f * a), (0, 1, 2))(a, b, 0.5)
    forward = jacfwd(nest, (0, 1, 2))(a, b, 0.5)
    for part in range(2):
        for one, other, third in zip(got[part], forward[part], plain[part], strict=True):
            np.testing.assert_allclose(one, third, rtol=1e-14)
            np.testing.assert_allclose(other, third, rtol=1e-14)
    # Of one operand, the others being constants.
    np.testing.assert_allclose(jacrev(nest, 1)(a, b, 0.5)[0], plain[0][1], rtol=1e-14)
    np.testing.assert_allclose(jacfwd(nest, 2)(a, b, 0.5)[0], plain[0][2], rtol=1e-14)
    _, pull = vjp(lambda a, n: blend({"a": a, "b": b, "k": n}, 1.0, "text")["y"], a, np.arange(3))
    np.testing.assert_allclose(pull(np.ones((2, 3)))[0], [5, 5, 5])
    assert pull(np.ones((2, 3)))[1] is None


@modes
def test_other_drivers(mode):
    np.testing.assert_allclose(jvp(cube, (X,), (V,))[1], 3 * X**2 * V, rtol=1e-15)
    np.testing.assert_allclose(jacrev(cube)(X), np.diag(3 * X**2), rtol=1e-15)
    np.testing.assert_allclose(jacrev(cube, chunk_size=2)(X), np.diag(3 * X**2), rtol=1e-15)
    x = np.linspace(-1, 1, 40)
    np.testing.assert_allclose(linearize(cube, x)[1](x), 3 * x**3, rtol=1e-15)

    def steps(c):
        c, ys = scan(lambda c, x: (cube(c) * 0.5 + x, ramp(c)), c, np.ones((4, 3)) / 5)
        return np.sum(c) + np.sum(ys)

    wanted = grad(steps, mode="forward")(X / 2)
    np.testing.assert_allclose(grad(steps, mode=mode)(X / 2), wanted, rtol=1e-13)


def test_directions_at_once():
    x = Dual(X, np.stack([V, 2 * V]), 1)
    np.testing.assert_allclose(cube(x).tangent, np.stack([3 * X**2 * V, 6 * X**2 * V]), rtol=1e-15)


@modes
def test_tangent_that_is_broadcast(mode):
    @custom_derivative
    def f(x):
        return x + np.zeros((4, 3))

    @f.defjvp
    def rule(primals, tangents):
        return f(*primals), tangents[0]

    np.testing.assert_array_equal(grad(lambda x: np.sum(f(x)), mode=mode)(X), [4, 4, 4])


@modes
def test_tangent_that_does_not_depend(mode):
    @custom_derivative
    def straight(x):
        return np.round(x)

    @straight.defjvp
    def rule(primals, tangents):
        return straight(*primals), np.zeros(3)

    np.testing.assert_array_equal(grad(lambda x: np.sum(straight(x) * x), mode=mode)(X), np.round(X))


@modes
def test_straight_through(mode):
    @custom_derivative
    def rounded(x):
        return np.round(x)

    @rounded.defjvp
    def rule(primals, tangents):
        return rounded(*primals), tangents[0]

    np.testing.assert_array_equal(grad(lambda x: np.sum(rounded(x) * V), mode=mode)(X), V)


@modes
def test_function_that_refers_to_an_array(mode):
    # What the function refers to is a constant of the rule, unless the rule takes it into account.
    @custom_derivative
    def f(x, w):
        return x * w

    @f.defjvp
    def rule(primals, tangents):
        (x, w), (dx, _) = primals, tangents
        return f(x, w), dx * w

    first, second = grad(lambda x, w: np.sum(f(x, w)), (0, 1), mode=mode)(X, V)
    np.testing.assert_array_equal(first, V)
    np.testing.assert_array_equal(second, np.zeros(3))


def test_keyword_arguments():
    @custom_derivative
    def scaled(x, factor=2.0):
        return x * factor

    @scaled.defjvp
    def rule(primals, tangents):
        (x, factor), (dx, dfactor) = primals, tangents
        return scaled(x, factor), dx * factor + x * dfactor

    for mode in MODES:
        np.testing.assert_array_equal(grad(lambda x: np.sum(scaled(x, factor=3.0)), mode=mode)(X), [3, 3, 3])
        np.testing.assert_array_equal(grad(lambda x: np.sum(scaled(factor=5.0, x=x)), mode=mode)(X), [5, 5, 5])

    @custom_derivative
    def only(x, *, factor):
        return x * factor

    with pytest.raises(TypeError, match=r"only has keyword arguments \(factor\), which a rule is not given"):
        only(X, factor=2.0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@modes
def test_dtypes(mode, dtype):
    gradient = grad(lambda x: np.sum(cube(x)), mode=mode)(X.astype(dtype))
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient, 3 * X**2, rtol=3e-3)


# Errors.


def with_rule(rule):
    @custom_derivative
    def named(x):
        return x * 2.0

    if rule is not None:
        named.defjvp(rule)
    return named


@modes
@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (None, "named has no rule for its derivative; define one with named.defjvp"),
        (lambda p, t: p[0], r"the rule of named must return a pair \(value, tangent\) as a tuple"),
        (lambda p, t: [p[0], t[0]], "must return a pair"),
        (lambda p, t: (p[0], t[0], 1), "must return a pair"),
        (lambda p, t: (p[0], (t[0], t[0])), "named returns a tangent nested as"),
        (lambda p, t: ((p[0], p[0]), t[0]), "named returns a tangent nested as .* wanted: as the value"),
        (lambda p, t: (p[0][:2], t[0]), r"value of dtype float64 and shape \(2,\) with a tangent of .* shape \(3,\)"),
        (lambda p, t: ((1, {"a": np.arange(3)}), (None, {"a": t[0]})), r"a value\[1\]\['a'\] of dtype int64"),
    ],
)
def test_wrong_rules(mode, rule, words):
    before = set(levels.LIVE)
    with pytest.raises(TypeError, match=words):
        grad(lambda x: np.sum(with_rule(rule)(x)), mode=mode)(X)
    assert before == levels.LIVE


def looking(p, t):
    return p[0], np.zeros_like(t[0]) if not t[0].any() else 3.0 * t[0]


def solved(p, t):
    """A tangent by an iteration that ends by its residual: t / 2."""
    found = t[0] * 0.0
    while np.max(np.abs(t[0] - 2.0 * found)) > 1e-12:
        found = found + 0.4 * (t[0] - 2.0 * found)
    return p[0], found


@pytest.mark.parametrize(("rule", "slope"), [(looking, 3.0), (solved, 0.5)])
def test_rule_that_looks_at_tangents_works_in_forward_mode_alone(rule, slope):
    f = with_rule(rule)
    gradient = grad(lambda x: np.sum(f(x)), mode="forward")(X)
    np.testing.assert_allclose(gradient, np.full(3, slope), rtol=1e-10)
    with pytest.raises(TypeError, match="the rule of named looks at the numbers of a tangent, or is not linear"):
        grad(lambda x: np.sum(f(x)), mode="reverse")(X)


@pytest.mark.parametrize(
    "rule", [lambda p, t: (p[0], t[0] ** 2), lambda p, t: (p[0], 1.0 + t[0]), lambda p, t: (p[0], np.clip(t[0], -1, 1))]
)
def test_rule_that_is_not_linear_is_refused_by_reverse_mode(rule):
    f = with_rule(rule)
    with pytest.raises(TypeError, match="is not linear in the tangents"):
        grad(lambda x: np.sum(f(x)), mode="reverse")(X)


@modes
def test_rule_that_calls_its_function_with_tangents_is_named(mode):
    f = with_rule(None)

    @f.defjvp
    def rule(primals, tangents):
        return f(primals[0]), f(primals[0] * 0 + tangents[0])

    g = with_rule(lambda p, t: (p[0], 2.0 * t[0]))
    np.testing.assert_array_equal(grad(lambda x: np.sum(g(g(x))), mode=mode)(X), [4, 4, 4])
    if mode == "reverse":
        with pytest.raises(TypeError, match="the rule of named calls named with tangents"):
            grad(lambda x: np.sum(f(x)), mode=mode)(X)


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="custom_derivative is given a int; wanted: a function"):
        custom_derivative(3)
    with pytest.raises(TypeError, match="defjvp is given a str; wanted: a function of primals and tangents"):
        with_rule(None).defjvp("text")
