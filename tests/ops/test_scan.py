"""scan: the figures, nests, errors, derivatives of any nesting, and bodies compiled by Numba."""

import math
import warnings

import ml_dtypes
import numba
import numpy as np
import pytest

import numbafunc
from numbafunc import grad, jacfwd, jvp, scan

XS = np.array([1.0, 2.0, 3.0])


def running_sum(carry, x):
    return carry + x, carry


@numba.njit
def compiled_sum(carry, x):
    return carry + x, carry


@numba.njit
def compiled_filter(carry, x):
    level, state = carry
    row, gain = x
    level = 0.5 * level + row.sum()
    state = 0.5 * state + row * gain
    return (level, state), (state, (None, level))


BODIES = pytest.mark.parametrize("body", [running_sum, compiled_sum], ids=["python", "njit"])


def same(result, expected):
    """Compare nests of arrays, structure and dtypes included."""
    assert type(result) is type(expected)
    if isinstance(expected, (tuple, list)):
        assert len(result) == len(expected)
        for a, b in zip(result, expected):
            same(a, b)
    elif isinstance(expected, dict):
        assert list(result) == list(expected)
        for key in expected:
            same(result[key], expected[key])
    elif expected is not None:
        assert result.dtype == expected.dtype
        assert result.shape == expected.shape
        np.testing.assert_allclose(result, expected, rtol=1e-14)


# Values


@BODIES
def test_figures(body):
    same(scan(body, 0.0, XS, reverse=True), (np.array(6.0), np.array([5.0, 3.0, 0.0])))
    same(scan(body, 0.0, XS), (np.array(6.0), np.array([0.0, 1.0, 3.0])))
    same(scan(body, 0.0, XS, 3, False, 2), (np.array(6.0), np.array([0.0, 1.0, 3.0])))


@BODIES
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("start", [0, 0.0])
def test_a_python_number_takes_the_dtype_that_the_first_step_gives_it(body, dtype, start):
    wanted = np.float64 if start == 0.0 and isinstance(start, float) and dtype is np.int64 else dtype
    carry, ys = scan(body, start, XS.astype(dtype))
    same((carry, ys), (np.array(6, wanted), np.array([0, 1, 3], wanted)))
    same(scan(body, start, np.zeros(0, dtype)), (np.array(0, wanted), np.zeros(0, wanted)))


def shift(carry, x):
    return (carry[1], carry[2], carry[2] + x), carry[0]


def fibonacci(carry, x):
    return (carry[1], carry[0] + carry[1] * x), carry[0]


def add_up(carry, x):
    return (carry[0] + x, carry[1] + carry[0], carry[2] + carry[1]), carry[2]


def scale(carry, x):
    return (carry[0], carry[1] + carry[0] * x, carry[2]), carry[1]


@pytest.mark.parametrize("jitted", [False, True], ids=["Python", "Numba"])
@pytest.mark.parametrize(
    ("body", "start"),
    [
        *[(fibonacci, start) for start in ((0.0, 1.0), (0, 1), (0, 1.0), (0.0, np.float32(1)))],
        *[(body, start) for body in (shift, add_up) for start in ((0.0, 1.0, 2.0), (0, 1.0, 2), (0, 0, 0))],
        (scale, (2.0, 1.0, np.float32(0))),
    ],
)
def test_python_numbers_take_the_dtypes_that_steps_keep(body, start, jitted):
    xs = (np.arange(4) + 0.5).astype(np.float32)
    f = numba.njit(body) if jitted else body
    wanted = tuple(map(np.float32, start))
    for reverse in (False, True):
        carry, ys = scan(f, start, xs, reverse=reverse)
        same((carry, ys), scan(body, wanted, xs, reverse=reverse))
        assert {leaf.dtype for leaf in (*carry, ys)} == {np.dtype(np.float32)}
    same(scan(f, start, xs[:0]), (tuple(map(np.asarray, wanted)), np.zeros(0, np.float32)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as that of a derivative that isn't compiled
        for mode in ("forward", "reverse"):
            gradient = grad(lambda x: scan(f, start, x)[0][-2], mode=mode)(xs)
            assert gradient.dtype == np.float32
            expected = grad(lambda x: scan(body, wanted, x)[0][-2], mode=mode)(xs)
            np.testing.assert_allclose(gradient, expected, rtol=1e-6)


@pytest.mark.parametrize("body", [shift, add_up])
def test_python_numbers_become_halves(body):
    carry, ys = scan(body, (0.0, 0.0, 0.0), np.arange(3, dtype=np.float16))
    assert {leaf.dtype for leaf in (*carry, ys)} == {np.dtype(np.float16)}


def test_python_numbers_that_meet_no_array():
    xs = XS.astype(np.float32)
    same(scan(lambda c, x: ((c[0] + 1, c[1] + x), c[0]), (0, 0.0), xs)[0], (np.array(3), np.array(6, np.float32)))
    same(scan(lambda c, x: ((c[0], c[1] + x), None), (1.5, 0), xs)[0], (np.array(1.5), np.array(6, np.float32)))
    # One that scales others is of their dtype; an integer, which would widen them, stays Python's.
    for start, dtype in ((2, np.int64), (2.0, np.float32)):
        carry, ys = scan(scale, (start, 0.0, 1), xs)
        same(carry, (np.array(2, dtype), np.array(12, np.float32), np.array(1)))
        same(ys, np.array([0, 2, 6], np.float32))
    same(scan(lambda c, x: (c + x, c), 0j, xs)[0], np.array(6, np.complex64))


def test_steps_are_taken_no_more_often_than_needed():
    calls = []

    def body(carry, x):
        calls.append(x)
        return carry + x, carry

    for start, times in ((0.0, 4), (np.float64(0), 3)):
        calls.clear()
        scan(body, start, XS)
        assert len(calls) == times


def test_python_numbers_inside_compiled_functions():
    body = numba.njit(fibonacci)
    carry, ys = numba.njit(lambda xs: scan(body, (0, 1), xs))(XS + 0.5)
    same(tuple(map(np.asarray, carry)), scan(fibonacci, (0, 1), XS + 0.5)[0])
    same(ys, scan(fibonacci, (0, 1), XS + 0.5)[1])


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.float16, ml_dtypes.bfloat16, np.complex64])
def test_dtypes_stay(dtype):
    carry, ys = scan(running_sum, np.zeros((), dtype), XS.astype(dtype))
    assert carry.dtype == ys.dtype == dtype
    assert carry == 6


@pytest.mark.parametrize("reverse", [False, True])
def test_nests(reverse):
    def body(carry, x):
        new = {"a": carry["a"] * 2 + x[0], "b": (carry["b"][0] + x[1]["y"], None)}
        return [new, [x[1]["y"].sum(), None, {"was": carry["b"][0]}]]

    rows = np.arange(8.0).reshape(4, 2)
    numbers = np.arange(4.0)
    carry, ys = scan(body, {"a": np.float64(1), "b": (np.ones(2), None)}, (numbers, {"y": rows}), reverse=reverse)
    a, b, was, sums = 1.0, np.ones(2), np.zeros((4, 2)), np.zeros(4)
    for i in reversed(range(4)) if reverse else range(4):
        was[i], sums[i] = b, rows[i].sum()
        a, b = 2 * a + numbers[i], b + rows[i]
    same(carry, {"a": np.array(a), "b": (b, None)})
    same(ys, [sums, None, {"was": was}])


def test_no_xs():
    same(scan(lambda c, x: (c * 2, x), 1, None, 5), (np.array(32), None))
    same(scan(lambda c, x: (c * 2, c), 1, (), length=3), (np.array(8), np.array([1, 2, 4])))
    same(scan(lambda c, x: (None, x), None, XS), (None, XS))
    body = numba.njit(lambda c, x: (c * 2, c))
    same(scan(body, 1, None, 5), (np.array(32), np.array([1, 2, 4, 8, 16])))


@pytest.mark.parametrize("body", [compiled_filter, compiled_filter.py_func], ids=["njit", "python"])
@pytest.mark.parametrize("steps", [0, 1, 4])
@pytest.mark.parametrize("reverse", [False, True])
def test_compiled_nests(body, steps, reverse):
    random = np.random.default_rng(0)
    rows, gains = random.normal(size=(steps, 3)), random.normal(size=steps)
    level, state = 0.25, random.normal(size=3)
    start = state.copy()
    levels, states = np.zeros(steps), np.zeros((steps, 3))
    carry, ys = scan(body, (level, start), (rows, gains), reverse=reverse)
    np.testing.assert_array_equal(start, state)
    for i in reversed(range(steps)) if reverse else range(steps):
        level = states_i = 0.5 * level + rows[i].sum()
        state = 0.5 * state + rows[i] * gains[i]
        levels[i], states[i] = states_i, state
    same(carry, (np.array(level), state))
    same(ys, (states, (None, levels)))


def test_compiled_bodies_of_other_shapes():
    turned = numba.njit(lambda c, x: (c[::-1], x > 0))
    same(scan(turned, np.arange(3.0), XS - 2), (np.array([2.0, 1.0, 0.0]), np.array([False, False, True])))
    matrices = numba.njit(lambda c, x: (x @ c, c[0]))
    xs = np.random.default_rng(0).normal(size=(5, 2, 2))
    same(scan(matrices, np.ones(2), xs[:, ::-1]), scan(matrices.py_func, np.ones(2), xs[:, ::-1]))
    assert scan(compiled_sum, np.float32(0), XS.astype(np.float32))[0].dtype == np.float32
    # Numba's literals are of 64 bits, so the number becomes float64 here.
    assert scan(numba.njit(lambda c, x: (0.5 * c + x, x)), 0, XS.astype(np.float32))[0].dtype == np.float64
    same(scan(numba.njit(lambda c, x: ((c[0], c[1] + x), c[1])), (0.0, 1), XS)[0], (np.array(0.0), np.array(7.0)))


def grow(carry, x):
    total, row, count = carry
    return (total + x[0] * row.sum(), row + x[1], count + 1), (row, total)


def multiply(carry, x):
    return carry * np.float32(2) if carry > 1 else carry, x


def test_compiled_bodies_called_again():
    """Calls after the first one are prepared: they give the same, find the same faults, and keep to copies."""
    f = numba.njit(grow)
    rng = np.random.default_rng(0)

    def operands(n, dtype):
        # Sums of these are exact in both dtypes.
        start, first, second = (rng.integers(-8, 8, shape) / 4 for shape in (2, n, (n, 2)))
        return (0.0, start.astype(dtype), 3), (first, second.astype(dtype))

    for n, dtype in ((3, np.float64), (1, np.float64), (5, np.float64), (3, np.float32), (4, np.float64)):
        init, xs = operands(n, dtype)
        before = [x.copy() for x in (init[1], *xs)]
        for reverse in (False, True):
            same(scan(f, init, xs, None, reverse), scan(grow, init, xs, n, reverse))
        moving = lambda function: lambda a, b: scan(function, (init[0], a, init[2]), (xs[0], b))  # noqa: B023, E731
        tangents = init[1][::-1].copy(), xs[1] + 1
        for _ in range(2 * (dtype is np.float64)):
            same(jvp(moving(f), (init[1], xs[1]), tangents)[1], jvp(moving(grow), (init[1], xs[1]), tangents)[1])
        for x, was in zip((init[1], *xs), before):
            np.testing.assert_array_equal(x, was)
    with pytest.raises(ValueError, match="one length"):
        scan(f, init, (xs[0], xs[1][:-1]))
    with pytest.raises(ValueError, match="length is 3 and xs has length 4"):
        scan(f, init, xs, 3)
    with pytest.raises(ValueError, match="unroll is 0"):
        scan(f, init, xs, unroll=0)
    same(scan(f, init, tuple(x[:0] for x in xs))[1][1], np.zeros(0))
    # What dtype a Python number takes in a branch is found anew in each call.
    f = numba.njit(multiply)
    for start, dtype in ((0.5, np.float64), (1.5, np.float32), (0.5, np.float64)):
        assert scan(f, start, XS)[0].dtype == dtype


def test_compiled_bodies_know_no_dicts():
    with pytest.raises(TypeError, match="can't be compiled"):
        scan(numba.njit(lambda c, x: (c, x["a"])), 1.0, {"a": XS})


def test_a_body_that_works_in_place_does_not_change_the_start():
    def body(carry, x):
        carry += x
        return carry, carry

    for f in (body, numba.njit(body)):
        start = np.zeros(2)
        carry, ys = scan(f, start, np.ones((3, 2)))
        np.testing.assert_array_equal(start, 0)
        np.testing.assert_array_equal(carry, [3, 3])
        np.testing.assert_array_equal(ys, [[1, 1], [2, 2], [3, 3]])
    # The first step is taken twice to learn the type of the number.
    carry, _ = scan(lambda c, x: ((body(c[0], x)[0], c[1] + x[0]), None), (np.zeros(2), 0), np.ones((3, 2)))
    same(carry, (np.full(2, 3.0), np.array(3.0)))


def test_no_steps():
    same(scan(running_sum, np.zeros(3), np.zeros((0, 3))), (np.zeros(3), np.zeros((0, 3))))
    same(
        scan(lambda c, x: (c, (x @ x.T, None)), np.float32(2), np.ones((0, 2, 3))),
        (np.array(2, np.float32), (np.zeros((0, 2, 2)), None)),
    )
    with pytest.raises(TypeError, match="carry"):
        scan(lambda c, x: (np.ones(2), x), 1.0, np.zeros(0))


def test_names_of_builtins_in_a_compiled_body_warn_nobody():
    """NumPy has no ``str`` any more, and warns where it is asked for one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scan(numba.njit(lambda c, x: (np.abs(c) + len(str(3)), None)), 1.0, np.ones(3))[0] == 4


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_derivatives_of_compiled_bodies_without_steps(mode):
    """The Python source is not run: it might know no numbers with tangents."""
    body = numba.njit(lambda c, x: ((c[0] * math.exp(x[0]), c[1] + x[1], c[2]), c[1] * x[1]))

    def loss(a, v, x):
        (a, v, _), ys = scan(body, (a, v, 3), (x, np.zeros((0, 2), np.float32)))
        assert ys.shape == (0, 2)
        return a**2 + np.sum(v) + np.sum(ys)

    found = grad(loss, argnums=(0, 1, 2), mode=mode)(2.0, np.ones(2, np.float32), np.zeros(0))
    for each, wanted in zip(found, (np.array(4.0), np.ones(2, np.float32), np.zeros(0))):
        np.testing.assert_array_equal(each, wanted, strict=True)


# Derivatives


def polynomial(a, x):
    """Horner's rule with the coefficients x, and the values on the way."""
    return scan(lambda c, k: (c * a + k, c * a), 1.0, x)


def test_closures_carry_and_xs():
    for order in range(3):
        f = lambda a: polynomial(a, XS)[0]  # noqa: E731
        for _ in range(order):
            f = grad(f)
        expected = np.polyval(np.polyder(np.poly1d([1, *XS]), order), 1.5)
        np.testing.assert_allclose(f(1.5), expected, rtol=1e-13)
    np.testing.assert_allclose(grad(lambda x: polynomial(1.5, x)[0])(XS), 1.5 ** np.arange(2, -1, -1))
    np.testing.assert_allclose(
        grad(lambda c: scan(lambda c, x: (c * c + x, None), c, XS)[0])(0.5), 8 * 0.5 * 1.25 * 3.5625
    )


@pytest.mark.parametrize("reverse", [False, True])
def test_against_complex_steps(reverse):
    rows = np.random.default_rng(0).normal(size=(5, 3))

    def f(a):
        def body(carry, x):
            state, total = carry
            new = np.exp(-state * a) + x * a
            return (new, total + state[0] * a), (total, new * a)

        return scan(body, (rows[0] * a, a * 0), rows, reverse=reverse)

    step = 1e-30
    (state, total), (totals, news) = jvp(f, (0.7,), (1.0,))[1]
    expected = f(0.7 + 1j * step)
    np.testing.assert_allclose(state, expected[0][0].imag / step, rtol=1e-13)
    np.testing.assert_allclose(total, expected[0][1].imag / step, rtol=1e-13)
    np.testing.assert_allclose(totals, expected[1][0].imag / step, rtol=1e-13)
    np.testing.assert_allclose(news, expected[1][1].imag / step, rtol=1e-13)
    second = jvp(lambda a: jvp(f, (a,), (1.0,))[1], (0.7,), (1.0,))[1]
    first = jvp(f, (0.7 + 1e-6,), (1.0,))[1][1][1] - jvp(f, (0.7 - 1e-6,), (1.0,))[1][1][1]
    np.testing.assert_allclose(second[1][1], first / 2e-6, rtol=1e-6, atol=1e-8)


def test_a_result_that_gets_its_tangent_on_the_way():
    value, tangent = jvp(lambda a: scan(lambda c, x: (c * a, c), 1.0, XS)[1], (2.0,), (1.0,))
    np.testing.assert_array_equal(value, [1, 2, 4])
    np.testing.assert_array_equal(tangent, [0, 1, 4])
    jacobian = jacfwd(lambda a: scan(lambda c, x: (c + a * x, c[0]), np.zeros(2), XS)[1])(np.ones(2))
    np.testing.assert_array_equal(jacobian, [[0, 0], [1, 0], [3, 0]])


def test_levels_do_not_mix():
    def inner(x):
        return scan(lambda c, y: (c + x * jvp(lambda z: z * x, (y,), (1.0,))[1], None), 0.0, XS)[0]

    np.testing.assert_allclose(inner(2.0), 12)
    np.testing.assert_allclose(grad(inner)(2.0), 12)
    np.testing.assert_allclose(grad(grad(inner))(2.0), 6)
    stopped = grad(lambda x: scan(lambda c, y: (numbafunc.stop_gradient(c) * x, None), x, XS)[0])(2.0)
    np.testing.assert_allclose(stopped, 8)


@pytest.mark.parametrize("xs", [XS, np.zeros(0)], ids=["three", "none"])
def test_compiled_bodies_have_derivatives(xs):
    for body in (compiled_sum, running_sum):
        (carry, ys), (dcarry, dys) = jvp(lambda c, x: scan(body, c, x), (1.0, xs), (2.0, xs * 10))  # noqa: B023
        np.testing.assert_array_equal(carry, 1 + xs.sum())
        np.testing.assert_array_equal(dcarry, 2 + 10 * xs.sum())
        np.testing.assert_array_equal(dys, 2 + 10 * np.cumsum(xs) - 10 * xs)
        assert ys.shape == xs.shape


# Errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: scan(1, 0.0, XS), TypeError, "^f is a int"),
        (lambda: scan(running_sum, 0.0, None), ValueError, "^length is missing"),
        (lambda: scan(running_sum, 0.0, ()), ValueError, "^length is missing"),
        (lambda: scan(running_sum, 0.0, XS, 4), ValueError, "^length is 4 and xs has length 3"),
        (lambda: scan(running_sum, 0.0, None, -1), ValueError, "^length is -1"),
        (lambda: scan(running_sum, 0.0, None, 1.5), TypeError, "^length is 1.5"),
        (lambda: scan(running_sum, 0.0, {"a": XS, "b": XS[1:]}), ValueError, r"xs\['a'\] has length 3, xs\['b'\]"),
        (lambda: scan(running_sum, 0.0, [1.0, 2.0]), ValueError, r"^xs\[0\] is the number 1.0"),
        (lambda: scan(running_sum, 0.0, np.array(1.0)), IndexError, "^xs has no dimensions"),
        (lambda: scan(running_sum, 0.0, ["a"]), TypeError, r"^xs\[0\] is a str"),
        (lambda: scan(running_sum, ("a",), XS), TypeError, r"^init\[0\] is a str"),
        (lambda: scan(running_sum, np.array(["a"]), XS), TypeError, "^init is an array of dtype"),
        (lambda: scan(running_sum, 0.0, XS, unroll=0), ValueError, "^unroll is 0"),
        (lambda: scan(running_sum, 0.0, XS, unroll=-1), ValueError, "^unroll is -1"),
        (lambda: scan(running_sum, 0.0, XS, unroll="x"), TypeError, "^unroll is 'x'"),
        (lambda: scan(lambda c, x: c, 0.0, XS), TypeError, "^f returns a .*pair"),
        (lambda: scan(lambda c, x: (c, x, x), 0.0, XS), TypeError, "^f returns 3 values"),
        (lambda: scan(lambda c, x: ((c, c), x), 0.0, XS), TypeError, "the carry is a nest of structure"),
        (lambda: scan(lambda c, x: ({"b": c["a"]}, x), {"a": 0.0}, XS), TypeError, "the carry is a nest"),
        (lambda: scan(lambda c, x: (np.ones(2) * c, x), 0.0, XS), TypeError, r"shape \(\).* shape \(2,\)"),
        (lambda: scan(running_sum, np.int32(0), XS), TypeError, "dtype int32 .* dtype float64"),
        (lambda: scan(running_sum, np.float32(0), XS), TypeError, "dtype float32 .* dtype float64"),
        (lambda: scan(lambda c, x: ((c[0], "a"), x), (0.0, 1.0), XS), TypeError, r"^the carry\[1\] is a str"),
        (lambda: scan(lambda c, x: (c, "a"), 0.0, XS), TypeError, "^the result of f is a str"),
        (lambda: scan(lambda c, x: (c, np.ones(int(x))), 0.0, XS), TypeError, "^the result of f is of shape"),
        (lambda: scan(lambda c, x: (c, x if x < 2 else None), 0.0, XS), TypeError, "^the result of f has structure"),
        (lambda: scan(compiled_sum, np.float32(0), XS), TypeError, "type float32 .* float64"),
        (lambda: scan(compiled_sum, (0.0, 1.0), XS), TypeError, "can't be compiled"),
        (lambda: scan(numba.njit(lambda c, x: c), 0.0, XS), TypeError, "pair"),
        (lambda: scan(numba.njit(lambda c, x: ((c, c), x)), 0.0, XS), TypeError, "carry"),
        (lambda: scan(numba.njit(lambda c, x: (c[1:], x)), np.ones(4), XS), TypeError, "the carry .*shape"),
        (lambda: scan(numba.njit(lambda c, x: (c, np.ones(int(x)))), 0.0, XS), TypeError, "result of f .*shape"),
    ],
    ids=range(32),
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_carry_that_changes_late():
    def body(carry, x):
        return (carry if x < 3 else carry.astype(np.float32)), None

    with pytest.raises(TypeError, match="dtype float64 .* dtype float32"):
        scan(body, np.zeros(2), XS)


def test_an_error_of_the_body_stays_what_it_is():
    def body(carry, x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        scan(body, 0.0, XS)
    compiled = numba.njit(lambda c, x: (c + np.ones(3)[: int(x)], x))
    with pytest.raises(ValueError, match="broadcast"):
        scan(compiled, np.zeros(3), XS + 1)


@pytest.fixture(params=["Python", "Numba"])
def compiled(request):
    return numba.njit if request.param == "Numba" else lambda f: f


def test_scan_leaves_what_it_is_given(compiled):
    def exchange(carry, x):
        carry += 1
        return x, carry

    xs = np.arange(6.0).reshape(3, 2)
    carry, _ = numbafunc.scan(compiled(exchange), np.zeros(2), xs)
    carry[:] = 99
    np.testing.assert_array_equal(xs, np.arange(6.0).reshape(3, 2))


def test_scan_of_a_step_that_changes_its_entry(compiled):
    def double(carry, x):
        x *= 2
        return carry + x.sum(), x

    for start in (0.0, np.float64(0)):
        assert numbafunc.scan(compiled(double), start, np.ones((3, 2)))[0] == 12


def test_scan_of_byte_swapped_arrays(compiled):
    def add(carry, x):
        return carry + x, carry

    carry, sums = numbafunc.scan(compiled(add), np.zeros(2, ">f8"), np.ones((3, 2), ">f8"))
    np.testing.assert_array_equal(carry, np.full(2, 3.0), strict=True)
    np.testing.assert_array_equal(sums, np.repeat([[0.0], [1.0], [2.0]], 2, 1), strict=True)


def test_scan_of_nothing_does_not_divide_by_zero():
    for step, dtype in ((lambda c, x: (c, 10 // x), int), (lambda c, x: (c, 10 / x), float)):
        carry, results = numbafunc.scan(numba.njit(step), dtype(0), np.zeros(0, dtype))
        assert carry == 0
        np.testing.assert_array_equal(results, np.zeros(0, dtype), strict=True)


def test_scan_of_functions_with_fixed_signatures():
    function = numba.njit("Tuple((f8, f8))(f8, f8)")(lambda carry, x: (carry + x, carry))
    assert numbafunc.scan(function, 0.0, np.arange(3.0))[0] == 3
    with pytest.raises(TypeError, match="f has no signature"):
        numbafunc.scan(function, 0.0, np.arange(3))


@pytest.mark.parametrize(
    ("step", "init", "xs", "message"),
    [
        (lambda c, x: (300, None), np.int8(0), np.arange(3, dtype=np.int8), "the carry"),
        (lambda c, x: (10**400, c), np.float64(0), np.arange(3), "the carry"),
        (lambda c, x: (x, c), 300, np.arange(3, dtype=np.int8), "init"),
        (lambda c, x: (c, x), 2**70, np.arange(3), "init"),
        (lambda c, x: (c, 2**70), 0, np.arange(3), "the result of f"),
        (lambda c, x: (c, x), 0.0, np.ma.array([1, 2], mask=[0, 1]), "xs is a masked array"),
        (numba.njit(lambda c, x: (c + x, c)), np.float16(0), np.arange(3, dtype=np.float16), "f can't be compiled"),
    ],
)
def test_what_scan_refuses_by_name(step, init, xs, message):
    with pytest.raises(TypeError, match=message):
        numbafunc.scan(step, init, xs)


def test_scan_takes_python_numbers_as_weak_in_bfloat16():
    xs = np.arange(3).astype(ml_dtypes.bfloat16)
    carry, results = numbafunc.scan(lambda c, x: (x, c), 0.5, xs)
    assert carry.dtype == results.dtype == xs.dtype


# Reverse mode through compiled bodies: Jacobians on the way forth, a compiled loop back


def rows_and_numbers(carry, x):
    row, scale, count = carry
    first, second = x
    row = np.sin(row) * 0.5 + first * scale
    return (row, scale + second * row.sum(), count + 1), (row * second, 3.0, count)


def many_numbers(carry, x):
    a, b, c, d, e, f, g, h, i = carry
    return (b, c, d, e * x, f, g, h, i, a * b), None


def in_place(carry, x):
    carry *= 0.5
    x *= carry
    return carry + x, x.sum()


REVERSED = pytest.mark.parametrize(
    ("body", "shapes"),
    [
        (lambda c, x: ((c[0] + c[1] * (x - c[0]), c[1]), c[0]), ((), (), (6,))),
        (rows_and_numbers, ((12,), (), (3, 12), (3,))),
        (many_numbers, ((),) * 9 + ((4,),)),
        (in_place, ((3,), (4, 3))),
    ],
    ids=["numbers", "rows", "many numbers", "in place"],
)


@REVERSED
def test_compiled_bodies_in_reverse_mode(body, shapes, request):
    rng = np.random.default_rng(0)
    operands = [rng.normal(size=shape) for shape in shapes]
    before = [x.copy() for x in operands]
    count = {"rows": 2, "numbers": 2, "many numbers": 9}.get(request.node.callspec.id, 1)

    def run(f, operands, reverse=False):
        carry = (*operands[:count], 3) if body is rows_and_numbers else tuple(operands[:count])
        xs = tuple(operands[count:])
        last = scan(f, carry if count > 1 else carry[0], xs if len(xs) > 1 else xs[0], None, reverse)
        return np.concatenate([np.ravel(x) for x in numbafunc.dual.trees.flatten(last)[0] if x.dtype == float])

    f = numba.njit(body)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as that of a derivative that isn't compiled
        for reverse in (False, True, False):  # calls after the first one are prepared
            value, pull = numbafunc.vjp(lambda *x: run(f, x, reverse), *operands)  # noqa: B023
            u, v = rng.normal(size=value.shape), [rng.normal(size=shape) for shape in shapes]
            forward, slope = jvp(lambda *x: run(body, x, reverse), tuple(operands), tuple(v))  # noqa: B023
            np.testing.assert_allclose(value, forward, rtol=1e-12)
            found = pull(u)
            np.testing.assert_allclose(sum(np.sum(a * b) for a, b in zip(found, v)), np.sum(u * slope), rtol=1e-10)
            for x, was in zip(operands, before):
                np.testing.assert_array_equal(x, was)
        if request.node.callspec.id == "numbers":
            rows = numbafunc.jacrev(lambda x: run(f, [*operands[:2], x]))(operands[2])
            np.testing.assert_allclose(np.tensordot(u, rows, 1), found[2], rtol=1e-10)
            curved = lambda f: lambda x: np.sum(run(f, [*operands[:2], x]) ** 2)  # noqa: E731
            hessian, wanted = (
                numbafunc.hessian(curved(f))(operands[2]),
                numbafunc.jacfwd(numbafunc.jacfwd(curved(body))),
            )
            np.testing.assert_allclose(hessian, wanted(operands[2]), rtol=1e-10, atol=1e-12)


def parameters(carry, x):
    total, rates, offset = carry
    return (total * 0.5 + np.sum(np.sin(rates)) * x, rates, offset), total * offset


def shifted(carry, x):
    a, b, c = carry
    return (b, c, x * x), a


def filled(carry, x):
    row, total = carry
    row[0] = x
    return (row, total * 0.5 + np.sum(row * row)), total


def unmoved(carry, x):
    return carry, None


@pytest.mark.parametrize(
    ("body", "init"),
    [
        (parameters, (0.5, np.arange(3.0), 2.0)),
        (shifted, (0.1, 0.2, 0.3)),
        (filled, (np.ones(2), 0.5)),
        (unmoved, (0.1, np.ones(2))),
    ],
)
def test_reverse_mode_where_parts_of_the_carry_have_no_tangents(body, init):
    xs, v = np.random.default_rng(0).normal(size=(2, 5))
    f = numba.njit(body)

    def run(xs):
        leaves = numbafunc.dual.trees.flatten(scan(f, init, xs))[0]
        return sum(np.sum(np.cos(leaf + 0.1 * place)) for place, leaf in enumerate(leaves))

    slope = (run(xs + 1e-6 * v) - run(xs - 1e-6 * v)) / 2e-6
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as that of a derivative that isn't compiled
        for _ in range(2):  # the second call is prepared
            gradient = grad(run, mode="reverse")(xs)
            np.testing.assert_allclose(np.sum(gradient * v), slope, rtol=1e-7, atol=1e-9)


def test_reverse_mode_past_steps_without_a_finite_slope():
    """A cotangent of zero stays zero, whatever the derivative: then the Python source runs, in prepared calls too."""
    f = numba.njit(lambda c, x: (c + np.sqrt(x) * c, np.sqrt(x)))
    for start in (4.0, 0.0, 0.0, 4.0):
        gradient = grad(lambda x: scan(f, 0.5, x)[1][1], mode="reverse")(np.array([start, 4.0]))
        np.testing.assert_array_equal(gradient, [0.0, 0.25])


@numba.njit
def adding_in_place(carry, x):
    x[0] += 1.0
    return carry * x[0] + x[1], x


def doubling_in_place(carry, x):
    total, row = carry
    row *= 2.0
    x *= 3.0
    return (total + row.sum() * x.sum(), row), x


def doubling(carry, x):
    total, row = carry
    row, x = row * 2.0, x * 3.0
    return (total + row.sum() * x.sum(), row), x


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("total", [0.5, np.float64(0.5)])
@pytest.mark.parametrize("moving", [(0,), (1,), (0, 1)])
def test_steps_in_place_change_no_variables(mode, total, moving):
    # With a Python number in the carry the first step is taken more than once.
    given = np.linspace(0.5, 1, 3), np.linspace(-1, 1, 8).reshape(4, 2)

    def loss(step, *variables):
        arrays = list(given)
        for place, x in zip(moving, variables):
            arrays[place] = x
        row, xs = arrays
        (last, _), ys = numbafunc.scan(step, (total, row), xs)
        return np.sin(last) + np.sum(np.sin(ys)) + np.sum(row**3) + np.sum(xs**3)

    def derivatives(step):
        places = tuple(range(len(moving)))
        variables = [given[place] for place in moving]
        take = numbafunc.value_and_grad(lambda *x: loss(step, *x), argnums=places, mode=mode)
        value, found = take(*variables)
        return [value, *found]

    for found, wanted in zip(derivatives(doubling_in_place), derivatives(doubling)):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    variables = [given[place] for place in moving]
    for number, x in enumerate(variables):
        change = np.zeros_like(x)
        change.flat[1] = 1e-6
        others = [[y + sign * change if k == number else y for k, y in enumerate(variables)] for sign in (1, -1)]
        difference = (loss(doubling, *others[0]) - loss(doubling, *others[1])) / 2e-6
        np.testing.assert_allclose(derivatives(doubling_in_place)[1 + number].flat[1], difference, rtol=1e-6)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_bodies_of_while_loop_in_place_change_no_variables(mode):
    def body(carry):
        count, row = carry
        row *= 2.0
        return count + 1, row

    def f(x):
        _, last = numbafunc.while_loop(lambda carry: carry[0] < 3, body, (0, x))
        return np.sum(last**2) + np.sum(x**3)

    x = np.linspace(0.5, 1, 3)
    np.testing.assert_allclose(numbafunc.grad(f, mode=mode)(x), 128 * x + 3 * x**2, rtol=1e-12)


def test_entries_that_a_step_changes_in_place_serve_all_orders():
    xs = np.ones((4, 2))

    def f(c):
        return numbafunc.scan(adding_in_place, c, xs)[0] ** 2

    def slope(c):
        return numbafunc.vjp(f, c)[1](np.ones(()))[0]

    # The last carry is 16 c + 15.
    first, second = numbafunc.jvp(slope, (np.array(0.7),), (np.ones(()),))
    np.testing.assert_allclose([first, second], [2 * 16 * (16 * 0.7 + 15), 2 * 16**2])
    assert (xs == 1).all()


def test_a_carry_whose_leaves_share_memory():
    """Reverse mode finds derivatives by one leaf after the other, and a step that works in place changes both."""

    @numba.njit
    def step(carry, x):
        a, b = carry
        a[0] = a[0] * x
        b[1] = b[1] + a[0]
        return (a, a), b[1]

    def loss(a, b, x):
        (last, _), ys = scan(step, (a, b), x)
        return last[0] + last[1] / 2 + np.sum(ys**2)

    given = np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([2.0, 3.0, 5.0])
    wanted = grad(loss, argnums=(0, 1, 2), mode="forward")(*given)
    for x, found in zip(given, wanted):
        for k, row in enumerate(np.eye(x.size) * 1e-6):
            up, down = (loss(*(y + sign * row if y is x else y for y in given)) for sign in (1, -1))
            np.testing.assert_allclose(found[k], (up - down) / 2e-6, rtol=1e-6)
    with pytest.warns(numbafunc.errors.CompiledDerivativeWarning, match="leaves of the carry share memory"):
        got = grad(loss, argnums=(0, 1, 2), mode="reverse")(*given)
    np.testing.assert_allclose(np.concatenate(got), np.concatenate(wanted))
    gradient = lambda *given: np.concatenate(grad(loss, argnums=(0, 1, 2), mode="reverse")(*given))  # noqa: E731
    along = tuple(np.cos(np.arange(x.size)) for x in given)
    ends = [gradient(*(x + step_by * t for x, t in zip(given, along))) for step_by in (1e-6, -1e-6)]
    np.testing.assert_allclose(jvp(gradient, given, along)[1], (ends[0] - ends[1]) / 2e-6, rtol=1e-6)
