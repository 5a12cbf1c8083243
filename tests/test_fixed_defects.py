"""One case for each defect that was found in something that seemed done."""

import math

import ml_dtypes
import numba
import numpy as np
import pytest

import numbafunc
from numbafunc import divergence, loss

INF, NAN = np.inf, np.nan
X = np.array([0.5, -1.0])


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8"])
def test_derivatives_of_byte_swapped_arrays(dtype):
    for function in (numbafunc.sigmoid, numbafunc.softmax, lambda x: x * x):
        expected = numbafunc.jvp(function, (X.astype(dtype[1:]),), (np.ones(2, dtype[1:]),))
        given = numbafunc.jvp(function, (X.astype(dtype),), (np.ones(2, dtype),))
        np.testing.assert_array_equal(given, expected)


def test_derivatives_in_bfloat16():
    x = X.astype(ml_dtypes.bfloat16)
    value, slope = numbafunc.jvp(lambda x: x * x + numbafunc.tanh(x), (x,), (np.ones_like(x),))
    assert value.dtype == slope.dtype == x.dtype
    np.testing.assert_allclose(slope.astype(float), 2 * X + 1 - np.tanh(X) ** 2, rtol=0.02)
    assert numbafunc.grad(lambda x: np.sum(x * x))(x).dtype == x.dtype


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


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (loss.l2, [INF, 1, 2], [INF, 1, 2]),
        (loss.l2, [np.nan, 1, 2], [np.nan, 1, 2]),
        (lambda y: loss.cross_entropy_logits(np.array([-INF, 1, 2]), y), [1, 0, 0], [INF, -1, -2]),
        (lambda p: divergence.kl(p, np.ones(2), 0.0), [0, 0.5], [np.nan, 1 + np.log(0.5)]),
        (lambda a: np.sum(numbafunc.leaky_relu(np.array([-INF, -1]), a)), [1, 1], [-INF, -1]),
    ],
)
def test_what_is_not_finite_spoils_its_own_derivative_only(function, x, expected):
    np.testing.assert_allclose(numbafunc.grad(function)(np.array(x, float)), expected, rtol=1e-15)


def test_tangent_with_a_derivative_after_a_call_of_the_same_form():
    point, direction = np.array([0.3, -0.7]), np.array([1.0, 2.0])

    def slope(v):
        return numbafunc.jvp(numbafunc.sigmoid, (point,), (v,))[1]

    expected = numbafunc.jvp(slope, (direction,), (direction,))
    slope(direction)
    np.testing.assert_array_equal(numbafunc.jvp(slope, (direction,), (direction,)), expected)


@pytest.mark.parametrize(
    "call",
    [
        lambda n: numbafunc.sigmoid(n),
        lambda n: numbafunc.elu(X, n),
        lambda n: numbafunc.softmax(X, initial=n),
        lambda n: numbafunc.logsumexp(X, b=n),
        lambda n: divergence.kl(X, X, n),
        lambda n: numbafunc.one_hot(n, 3),
        lambda n: numbafunc.relu(n),
        lambda n: loss.mean_squared_error(X, n),
    ],
)
def test_integers_beyond_all_words(call):
    with pytest.raises(TypeError, match=r"^(x|y|alpha|initial|b|eps) is an int of .* bits; wanted: at most 64"):
        call(10**400)


def test_integers_beyond_the_signed_words():
    result = numbafunc.relu(2**63)
    assert result == 2**63
    assert result.dtype == np.uint64


def test_one_hot_of_long_doubles():
    with pytest.raises(TypeError, match="dtype is"):
        numbafunc.one_hot([1], 3, dtype=np.longdouble)


def test_labels_are_named_with_the_shape_they_were_given_in():
    with pytest.raises(ValueError, match=r"labels has shape \(3,\)"):
        loss.cross_entropy_logits_sparse(np.ones((2, 3)), np.array([1, 2, 3]))


def test_parameter_named_out():
    with pytest.raises(TypeError, match="parameter out"):
        numbafunc.elementwise(lambda x, out: x)


def test_results_do_not_share_the_memory_of_tangents():
    tangent = np.ones(2)
    for function in (lambda x: x, lambda x: x[::-1], lambda x: (x, x.reshape(2, 1))[0]):
        slope = numbafunc.jvp(function, (X,), (tangent,))[1]
        assert not np.shares_memory(slope, tangent)


def test_out_with_several_elements_in_one_memory():
    overlapping = np.lib.stride_tricks.as_strided(np.zeros(1), (5,), (0,))
    with pytest.raises(ValueError, match="out has strides"):
        numbafunc.sigmoid(np.ones(5), out=overlapping)
    with pytest.raises(TypeError, match="out is a MaskedArray"):
        numbafunc.sigmoid(np.ones(5), out=np.ma.zeros(5))


@numba.njit
def factorial(n):
    return 1.0 if n <= 1 else n * factorial(n - 1)


def test_recursive_functions_inside_elementwise():
    np.testing.assert_array_equal(numbafunc.elementwise(lambda x: x * factorial(3))(X), 6 * X)


GLOBAL = """
    import sys
    import numpy as np
    import numbafunc

    k = 2.0

    @numbafunc.elementwise
    def f(x):
        return k * x

    if sys.argv[1] == "change":
        k = 3.0
    first = f(np.ones(1))[0]
    k = 7.0
    print(first, f(np.ones(1, np.float32))[0], *numbafunc.jvp(f, (1.0,), (1.0,)))
"""


def test_globals_count_as_they_are_at_the_first_call(programs, tmp_path):
    folder = tmp_path / "cache"
    for _ in range(2):
        assert programs.run(GLOBAL, "change", NUMBAFUNC_CACHE_DIR=folder) == "3.0 3.0 3.0 3.0"
        assert programs.run(GLOBAL, "keep", NUMBAFUNC_CACHE_DIR=folder) == "2.0 2.0 2.0 2.0"


MODULE = """
    import sys
    import numba
    import numpy as np
    import numbafunc

    sys.path.insert(0, sys.argv[1])
    import constants_of_mine

    @numbafunc.elementwise
    def f(x):
        return constants_of_mine.K * x

    @numbafunc.elementwise
    def g(x):
        return constants_of_mine.h(x) + later(x)

    @numba.njit
    def later(x):
        return {later} * x

    print(f(np.ones(1))[0], g(np.ones(1))[0])
"""


def test_attributes_of_modules_and_names_bound_later_tell_entries_apart(programs, tmp_path):
    folder = tmp_path / "cache"
    for constant, factor, later in ((2.0, 2, 10), (5.0, 2, 10), (5.0, 7, 10), (5.0, 7, 20)):
        module = f"import numba\n\nK = {constant}\n\n\n@numba.njit\ndef h(x):\n    return {factor} * x\n"
        tmp_path.joinpath("constants_of_mine.py").write_text(module)
        printed = programs.run(MODULE.format(later=later), tmp_path, NUMBAFUNC_CACHE_DIR=folder)
        assert printed == f"{constant} {float(factor + later)}"


@pytest.mark.parametrize("dtype", [">f4", ">i8"])
@pytest.mark.parametrize("mode", ["constant", "edge", "wrap"])
def test_padding_byte_swapped_arrays_again(dtype, mode):
    x = np.array([1, 2, 3], dtype)
    for _ in range(3):
        np.testing.assert_array_equal(numbafunc.pad(x, 1, mode), np.pad(x.astype(dtype[1:]), 1, mode), strict=True)


def test_scan_leaves_what_it_is_given(compiled):
    def exchange(carry, x):
        carry += 1
        return x, carry

    xs = np.arange(6.0).reshape(3, 2)
    carry, _ = numbafunc.scan(compiled(exchange), np.zeros(2), xs)
    carry[:] = 99
    np.testing.assert_array_equal(xs, np.arange(6.0).reshape(3, 2))


@pytest.fixture(params=["Python", "Numba"])
def compiled(request):
    return numba.njit if request.param == "Numba" else lambda f: f


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


IMAGE = np.zeros((1, 1, 4, 4))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda n: numbafunc.max_pool_2d(IMAGE, (1, n), 1, ((0, 0), (n, 0))), "size"),
        (lambda n: numbafunc.average_pool_2d(IMAGE, n, 1, "same"), "size"),
        (lambda n: numbafunc.max_pool_2d(IMAGE, 1, n), "strides"),
        (lambda n: numbafunc.interpolate(IMAGE, n), "size"),
        (lambda n: numbafunc.interpolate(IMAGE, scale_factor=n), "scale_factor"),
        (lambda n: numbafunc.upsample_2d(IMAGE, n), "scale"),
    ],
)
@pytest.mark.parametrize("number", [2**40, 2**63, 2**70])
def test_sizes_beyond_reason(call, name, number):
    with pytest.raises((TypeError, ValueError), match=f"^{name} is"):
        call(number)


@pytest.mark.parametrize(("name", "sign"), [("softplus", 1), ("log_sigmoid", -1)])
def test_infinite_tangents_do_not_cancel(name, sign):
    x = sign * np.array([-2, 0, 2, 800, INF])
    for tangent in (INF, -INF):
        slope = numbafunc.jvp(getattr(numbafunc, name), (x,), (np.full(5, tangent),))[1]
        np.testing.assert_array_equal(slope, tangent)


def test_derivatives_of_swish_at_infinity():
    for dtype in (np.float32, np.float64):
        x = np.array([INF, -INF], dtype)
        one = np.ones(2, dtype)

        def slope(y, one=one):
            return numbafunc.jvp(numbafunc.swish, (y,), (one,))[1]

        np.testing.assert_array_equal(slope(x), [1, 0])
        np.testing.assert_array_equal(numbafunc.jvp(slope, (x,), (one,))[1], [0, 0])


@pytest.mark.parametrize(
    ("x", "alpha", "value"),
    [(-1e-310, 1e10, -1e-310), (-5e-324, 2.0, -5e-324), (-1.0, 1e-310, -1e-310), (-INF, 1.0, -1.0), (NAN, 1.0, NAN)],
)
def test_celu_of_ratios_beyond_the_range(x, alpha, value):
    np.testing.assert_array_equal(numbafunc.celu(x, alpha), value)


@pytest.mark.parametrize(
    ("x", "alpha", "slopes"),
    [(-1e-310, 1e10, (1, 0)), (-1.0, 1e-310, (0, -1)), (-1.0, 5e-324, (0, -1)), (-INF, 1.0, (0, -1))],
)
def test_slopes_of_celu_at_ratios_beyond_the_range(x, alpha, slopes):
    found = [numbafunc.grad(numbafunc.celu, position)(x, alpha) for position in (0, 1)]
    np.testing.assert_allclose(found, slopes, atol=1e-300)


def slopes_of_maxima(x, change, size, step, padding):
    """What NumPy's argmax finds in each window: the first NaN, or the first of the largest; 0 where nothing is."""
    before, after = padding if isinstance(padding, tuple) else (padding, padding)
    x = x[..., :after, :after] if after < 0 else x
    margins = ((0, 0), (0, 0), *2 * ((before, max(after, 0)),))
    kept = change[..., : x.shape[-2], : x.shape[-1]]
    values, slopes = (
        np.lib.stride_tricks.sliding_window_view(padded, (size, size), (2, 3))[:, :, ::step, ::step]
        for padded in (np.pad(x, margins, constant_values=-INF), np.pad(kept, margins))
    )
    values, slopes = (part.reshape(*part.shape[:4], -1) for part in (values, slopes))
    place = np.argmax(values, -1)[..., None]
    found, slope = (np.take_along_axis(part, place, -1)[..., 0] for part in (values, slopes))
    return np.where(found == -INF, 0, slope)


@pytest.mark.parametrize("directions", [1, 3, 5])
@pytest.mark.parametrize("window", [(3, 2, 1), (4, 3, (2, -1)), (7, 5, 3), (27, 1, 9)])
def test_all_numbers_of_directions_follow_the_same_maximum(window, directions):
    random = np.random.default_rng(directions)
    x = np.round(random.normal(size=(2, 3, 11, 13)))
    x[0, 0, 3], x[1, 2, :, 4] = NAN, -INF
    changes = random.normal(size=(directions, *x.shape))
    followed = numbafunc.max_pool_2d(numbafunc.Dual(x, changes, 1), *window)
    np.testing.assert_array_equal(followed.primal, numbafunc.max_pool_2d(x, *window))
    for change, slope in zip(changes, followed.tangent):
        marked = numbafunc.max_pool_2d(numbafunc.Dual(x, np.stack([change, *5 * [x]]), 1), *window)
        np.testing.assert_array_equal(slope, marked.tangent[0])
        np.testing.assert_array_equal(slope, slopes_of_maxima(x, change, *window))


COLLISION = """
    import sys
    import numpy as np
    import numbafunc

    x = np.linspace(-4, 4, 200_000)
    for name in sys.argv[1:]:
        y = getattr(numbafunc, name)(x)
    print(y[0].round(3))
"""


def test_kernels_from_the_cache_call_their_own_parts(programs, tmp_path):
    folder = tmp_path / "cache"
    assert programs.run(COLLISION, "sigmoid", NUMBAFUNC_CACHE_DIR=folder) == "0.018"
    assert programs.run(COLLISION, "tanh", "sigmoid", NUMBAFUNC_CACHE_DIR=folder) == "0.018"


RECURSION = """
    import numba
    import numpy as np
    import numbafunc

    @numba.njit
    def factorial(n):
        return 1.0 if n <= 1 else n * factorial(n - 1)

    print(numbafunc.elementwise(lambda x: x * factorial(3))(np.ones(2))[0])
"""


def test_recursive_functions_in_a_second_process(programs, tmp_path):
    for _ in range(2):
        assert programs.run(RECURSION, NUMBAFUNC_CACHE_DIR=tmp_path / "cache") == "6.0"


def test_conversions_of_dual_arrays_say_what_to_call():
    with pytest.raises(TypeError, match=r"numpy\.exp\(x\) for math\.exp\(x\)"):
        numbafunc.grad(math.exp)(1.0)
    with pytest.raises(TypeError, match=r"numpy\.dot\(a, x\) for a\.dot\(x\)"):
        numbafunc.grad(lambda x: np.eye(2).dot(x).sum())(X)
