"""while_loop, and scan with an early exit: values, dtypes, derivatives of both modes, compiled functions, errors."""

import math
import warnings

import numba
import numpy as np
import pytest

import numbafunc
from numbafunc import grad, jvp, scan, while_loop

COMPILED = pytest.mark.parametrize("jitted", [False, True], ids=["Python", "Numba"])


def below(carry):
    return carry[0] < 40


def double(carry):
    return carry[0] * carry[1], carry[1]


def state_is_large(carry):
    return np.sum(carry * carry) > 1e-3


def shrink(carry):
    return carry * 0.5 + 0.1 * np.sin(carry)


def of(function, jitted):
    return numba.njit(function) if jitted else function


@COMPILED
def test_values(jitted):
    last, factor = while_loop(of(below, jitted), of(double, jitted), (1.0, 3.0))
    assert type(last) is np.ndarray
    assert (last, factor) == (81, 3)
    x = np.array([3.0, -2.0])
    wanted = x
    while state_is_large(wanted):
        wanted = shrink(wanted)
    np.testing.assert_allclose(while_loop(of(state_is_large, jitted), of(shrink, jitted), x), wanted, rtol=1e-15)
    np.testing.assert_array_equal(x, [3, -2])


@COMPILED
def test_a_loop_without_steps(jitted):
    def fail(carry):
        raise ValueError("called")

    start = np.array([1.0, 2.0])
    result = while_loop(of(lambda c: c[0] > 5, jitted), of(shrink, jitted), start)
    np.testing.assert_array_equal(result, start)
    assert result is not start
    assert while_loop(lambda c: False, fail, 1.5) == 1.5


@COMPILED
def test_a_loop_again(jitted):
    """Calls after the first one are prepared, if the functions are compiled."""
    condition, body = (
        of(lambda c: c[0] < c[2], jitted),
        of(lambda c: (c[0] + 1, c[1] * c[3] + c[3], c[2], c[3]), jitted),
    )
    rate = np.float32(0.5)
    for steps in (3, 1, 0, 4):
        for x in (
            np.float32(2),
            np.array(2.0, np.float32),
            np.float32([2, 3]),
            np.float32([2, 3, 4]),
            np.ones(9, np.float32),
        ):
            was = np.copy(x)
            wanted = np.copy(x)
            for _ in range(steps):
                wanted = wanted * rate + rate
            last = while_loop(condition, body, (0, x, steps, rate))
            np.testing.assert_array_equal(last[1], wanted)
            assert [leaf.dtype for leaf in last] == [np.int64, np.float32, np.int64, np.float32]
            assert last[0] == steps
            np.testing.assert_array_equal(x, was)
            if x.ndim:
                value, slope = jvp(lambda x: while_loop(condition, body, (0, x, steps, rate))[1], (x,), (x,))  # noqa: B023
                np.testing.assert_array_equal(value, wanted)
                np.testing.assert_array_equal(slope, x * rate**steps)
                value, pull = numbafunc.vjp(lambda x: while_loop(condition, body, (0, x, steps, rate))[1], x)  # noqa: B023
                np.testing.assert_array_equal(value, wanted)
                np.testing.assert_array_equal(pull(x)[0], x * rate**steps)


@COMPILED
def test_python_numbers_are_weak(jitted):
    last, factor = while_loop(of(below, jitted), of(double, jitted), (1.0, np.float32(3)))
    assert last.dtype == factor.dtype == np.float32
    count, total = while_loop(
        of(lambda c: c[0] < 4, jitted), of(lambda c: (c[0] + 1, c[1] + np.float32(0.5)), jitted), (0, 0.0)
    )
    assert count.dtype == np.int64
    assert (count, total) == (4, 2)


@COMPILED
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_derivatives(jitted, mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        condition, body = of(below, jitted), of(double, jitted)
        for order, wanted in ((1, 4 * 3.0**3), (2, 12 * 3.0**2)):
            f = lambda a: while_loop(condition, body, (1.0, a))[0]  # noqa: E731
            for _ in range(order):
                f = grad(f, mode=mode if f.__name__ == "<lambda>" else "forward")
            np.testing.assert_allclose(f(3.0), wanted)
        x, t = np.array([3.0, -2.0]), np.array([0.5, 2.0])
        g = lambda x: np.sum(while_loop(of(state_is_large, jitted), of(shrink, jitted), x) ** 2)  # noqa: E731
        h = 1e-5
        slope = (g(x + h * t) - g(x - h * t)) / (2 * h)
        np.testing.assert_allclose(np.sum(grad(g, mode=mode)(x) * t), slope, rtol=1e-7)


@pytest.mark.parametrize("start", [3.0, np.float64(3), np.array(3.0)])
def test_compiled_conditions_get_numbers(start):
    """Functions of math take no arrays, not even such without axes."""
    condition, body = numba.njit(lambda c: math.fabs(c[0]) < c[1]), numba.njit(lambda c: (c[0] * -2, c[1]))
    for bound, wanted in ((40.0, 16), (1.0, 1)):
        last = lambda x: while_loop(condition, body, (x, bound))[0]  # noqa: B023, E731
        for _ in range(2):  # the second call is prepared
            assert last(start) == 3 * wanted
            for mode in ("forward", "reverse"):
                assert grad(last, mode=mode)(start) == wanted
    step, end = numba.njit(lambda c, x: (c + math.exp(c * x), c)), numba.njit(lambda c: math.fabs(c) > 5)
    xs = np.zeros(4)
    assert scan(step, start, xs, until=end)[0] == 6
    assert grad(lambda c: scan(step, c, xs, until=end)[0])(start) == 1


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_what_derivatives_of_compiled_loops_do_not_take_runs_in_python(mode):
    """Functions that know no numbers with tangents, and reverse mode by many elements; the warning names the body."""
    grow = lambda c: (c[0] * 1.5, c[1] + 1)  # noqa: E731
    steps = numba.njit(lambda c: int(c[1]) < 3)
    through_complex = numba.njit(lambda c: (np.real(c[0] * (1.5 + 0j)), c[1] + 1))
    for condition, body, x in (
        (steps, through_complex, np.ones(2)),
        (numba.njit(lambda c: int(c[0][0]) < 3), numba.njit(grow), np.ones(2)),
        (steps, numba.njit(grow), np.ones(1025 if mode == "reverse" else 2)),
    ):
        last = lambda x: np.sum(while_loop(condition, body, (x, 0.0))[0])  # noqa: B023, E731
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for _ in range(2):
                np.testing.assert_allclose(grad(last, mode=mode)(x), np.full(x.size, 1.5**3))
        unlike = x.size != 2 or body is through_complex or condition is not steps
        assert [str(one.message).split()[0] for one in told] == ["<lambda>"] * unlike


@COMPILED
def test_results_are_arrays(jitted):
    """With steps or without them, in the first call and later ones."""
    condition, body = of(lambda c: c[0] < 3, jitted), of(lambda c: (c[0] + 1, c[1], c[2], c[3]), jitted)
    for start in (0, 5, 5):
        last = while_loop(condition, body, (start, np.float32(2), True, np.array(1.5)))
        for leaf, wanted in zip(last, (max(3, start), np.float32(2), True, 1.5)):
            np.testing.assert_array_equal(leaf, np.asarray(wanted), strict=True)


def test_functions_refer_to_variables():
    def newton(a):
        return while_loop(lambda x: abs(x * x - numbafunc.stop_gradient(a)) > 1e-12, lambda x: (x + a / x) / 2, a)

    np.testing.assert_allclose(numbafunc.derivative(newton, 2)(2.0), -0.25 * 2**-1.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("condition", "body", "start", "message"),
    [
        (1, double, 1.0, "^condition is a int"),
        (below, None, 1.0, "^body is a NoneType"),
        (lambda c: 1.0, lambda c: c, 1.0, "^condition returns a float; wanted: True or False"),
        (lambda c: c > 0, lambda c: c, np.ones(2), r"^condition returns of shape \(2,\)"),
        (lambda c: c < 3, lambda c: (c, c), np.float64(1), "^the carry is a nest of structure"),
        (lambda c: c < 3, lambda c: c * np.ones(2), np.float64(1), r"shape \(\).* shape \(2,\)"),
        (lambda c: c < 3, lambda c: c + 0.5, np.int64(1), "dtype int64 and body makes it .* dtype float64"),
        (lambda c: True, lambda c: c, "text", "^initial is a str"),
        (
            numba.njit(lambda c: c < 3),
            numba.njit(lambda c: c + 0.5),
            np.float32(1),
            "type float32 and body makes it .* float64",
        ),
        (numba.njit(lambda c: len(c) < 3), numba.njit(lambda c: np.append(c, c + 1)), np.ones(2), "of one shape"),
        (numba.njit(lambda c: c[0] < 3), numba.njit(lambda c: (c[0], c)), (1.0, 2.0), "can't be compiled"),
    ],
)
def test_errors(condition, body, start, message):
    with pytest.raises(TypeError, match=message):
        while_loop(condition, body, start)


# Early exit of scan


def add(carry, x):
    return carry + x, carry * 2


@COMPILED
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("start", [0, 0.0, np.float64(0)])
def test_scan_until(jitted, reverse, start):
    xs = np.arange(1.0, 11.0)
    order = xs[::-1] if reverse else xs
    for bound in (0.5, 12.0, 40.0, 1e9):
        taken = min(10, 1 + int(np.sum(np.cumsum(order) < bound)))
        sums = np.concatenate([[0.0], np.cumsum(order)])
        carry, ys = scan(of(add, jitted), start, xs, reverse=reverse, until=lambda c: c >= bound)  # noqa: B023
        assert carry == sums[taken]
        wanted = 2 * sums[:taken]
        np.testing.assert_array_equal(ys, wanted[::-1] if reverse else wanted, strict=True)


@COMPILED
@pytest.mark.parametrize("reverse", [False, True])
def test_derivatives_of_scan_until(jitted, reverse):
    xs, t = np.arange(1.0, 11.0), np.random.default_rng(0).normal(size=10)
    body = of(add, jitted)

    def loss(xs):
        carry, ys = scan(body, 0.5, xs, reverse=reverse, until=lambda c: c > 20)
        return carry**2 + np.sum(np.sin(ys))

    slope = (loss(xs + 1e-6 * t) - loss(xs - 1e-6 * t)) / 2e-6
    np.testing.assert_allclose(jvp(loss, (xs,), (t,))[1], slope, rtol=1e-7)
    np.testing.assert_allclose(np.sum(grad(loss, mode="reverse")(xs) * t), slope, rtol=1e-7)
    checkpointed = lambda xs: scan(numbafunc.checkpoint(add), 0.5, xs, until=lambda c: c > 20)[0] ** 2  # noqa: E731
    plain = lambda xs: scan(add, 0.5, xs, until=lambda c: c > 20)[0] ** 2  # noqa: E731
    np.testing.assert_allclose(grad(checkpointed, mode="reverse")(xs), grad(plain, mode="reverse")(xs))


def test_wrong_ends_of_scan():
    for until, message in (
        (1, "^until is a int"),
        (lambda c: None, "^until returns a NoneType"),
        (lambda c: c, "^until"),
    ):
        with pytest.raises(TypeError, match=message):
            scan(add, 0.0, np.ones(3), until=until)
    body = numba.njit(add)
    with pytest.raises(numba.TypingError, match=r"until of numbafunc\.scan"):
        numba.njit(lambda xs: scan(body, 0.0, xs, until=True))(np.ones(3))
