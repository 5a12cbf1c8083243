"""Functions that compiled functions call while they are differentiated."""

import math
import re

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbafunc as nf
from numbafunc.errors import CompiledDerivativeWarning


@numba.njit
def _power(x, n):
    if n == 0:
        return 1.0
    return x * _power(x, n - 1)


@numba.njit
def _even(x, n):
    if n == 0:
        return x
    return x * _odd(x, n - 1)


@numba.njit
def _odd(x, n):
    if n == 0:
        return x * x
    return x + _even(x, n - 1)


_mutual = numba.njit(lambda x: _even(x, 4) * _odd(x, 3))
_fifth = numba.njit(lambda x: _power(x, 5))
_fifth_of_two = numba.njit(lambda x: _power(x, 2) + _fifth(x) * _power(x, np.int64(1)))


def _mutual_in_python(x):
    even = lambda n: x if n == 0 else x * odd(n - 1)  # noqa: E731
    odd = lambda n: x * x if n == 0 else x + even(n - 1)  # noqa: E731
    return even(4) * odd(3)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_functions_that_call_themselves_are_called(mode):
    assert_allclose(nf.grad(_fifth, mode=mode)(0.5), 5 * 0.5**4, rtol=1e-14)
    assert_allclose(nf.grad(_fifth_of_two, mode=mode)(0.5), 2 * 0.5 + 6 * 0.5**5, rtol=1e-14)
    assert_allclose(nf.derivative(_fifth, 2)(0.5), 20 * 0.5**3, rtol=1e-14)
    assert_allclose(nf.grad(_mutual, mode=mode)(0.5), nf.grad(_mutual_in_python)(0.5), rtol=1e-14)
    step = numba.njit(lambda carry, x: (_power(carry, 2) + x, carry))
    assert_allclose(nf.grad(lambda x: nf.scan(step, x, np.ones(2))[0], mode=mode)(0.5), 2 * 1.25 * 1.0, rtol=1e-14)


@pytest.mark.parametrize(("dtype", "scales"), [("d", (3e200, 3e-200, 1.0, 1e307, 5e-324)), ("f", (1e30, 1e-30, 1e-44))])
def test_norms_neither_overflow_nor_underflow(dtype, scales):
    norm = numba.njit(lambda x: np.linalg.norm(x))
    for scale in np.array(scales, dtype):
        x = np.array([3.0, 4.0], dtype) * scale
        value, change = nf.jvp(norm, (x,), (np.array([1.0, 0.0], dtype),))
        assert_allclose(value, 5 * scale, rtol=1e-6)
        assert_allclose(change, 0.6, rtol=1e-6)
        assert_allclose(nf.grad(norm, mode="reverse")(x), [0.6, 0.8], rtol=1e-6)
        if 100 * np.finfo(dtype).tiny < scale < 0.01 / np.finfo(dtype).tiny:
            assert_allclose(nf.hessian(norm)(x) * scale, [[0.128, -0.096], [-0.096, 0.072]], rtol=1e-5)
    assert list(nf.grad(norm)(np.zeros(2, dtype))) == [0.0, 0.0]


@pytest.mark.parametrize(
    "a",
    [
        np.array([[0.0, 0.0], [0.0, 5.0]]),
        np.diag([0.0, 2.0, 0.0]),
        np.zeros((3, 3)),
        np.outer([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]),
        np.array([[1.0, 1.0, 2.0], [1 / 3, 1 / 3, 5.0], [1.0, 1.0, 7.0]]),
    ],
)
def test_determinants_of_singular_matrices(a):
    det = numba.njit(lambda a: np.linalg.det(a))
    by_columns = lambda a: np.sum(a[0] * np.cross(a[1], a[2])) if len(a) == 3 else a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]  # noqa: E731
    for driver in (nf.jacfwd, nf.jacrev):
        assert_allclose(driver(det)(a), nf.jacfwd(by_columns)(a), rtol=1e-13, atol=1e-13)
    assert_allclose(nf.jacfwd(nf.jacfwd(det))(a), nf.jacfwd(nf.jacfwd(by_columns))(a), rtol=1e-13, atol=1e-13)
    third, wanted = (nf.jacfwd(nf.jacfwd(nf.jacfwd(f)))(a) for f in (det, by_columns))
    assert_allclose(third, wanted, rtol=1e-12, atol=1e-12)


@numba.njit
def _printing(x):
    print("at", x[0], x, len(x))
    return x[0] * x[1]


def test_values_are_printed(capfd):
    assert list(nf.grad(_printing)(np.array([1.5, 2.0]))) == [2.0, 1.5]
    assert capfd.readouterr() == ("at 1.5 [1.5 2. ] 2\n", "")


@numba.njit
def _with_text(x):
    return x * len(str(x))


@numba.njit
def _with_formatted(x):
    return x * len(f"{x}")


@pytest.mark.parametrize("f", [_with_text, _with_formatted])
def test_text_of_numbers_is_refused(f):
    line = f.py_func.__code__.co_firstlineno + 2
    place = rf"there is no str\(number\); .*line {line} of {re.escape(__file__)}"
    with pytest.warns(CompiledDerivativeWarning, match=place):
        assert nf.grad(f)(2.0) > 0


def test_interpolation_at_arrays():
    f = numba.njit(lambda x, y: np.interp(x, np.array([0.0, 1.0, 2.0]), y))
    plain = lambda x, y: np.interp(x, np.array([0.0, 1.0, 2.0]), y)  # noqa: E731
    x, y = np.array([[0.5, 1.5], [-1.0, 3.0]]), np.array([1.0, 3.0, 2.0])
    for driver in (nf.jacfwd, nf.jacrev):
        for found, wanted in zip(driver(f, (0, 1))(x, y), driver(plain, (0, 1))(x, y)):
            assert_allclose(found, wanted, rtol=1e-14)


def test_quotients_with_remainders():
    f = numba.njit(lambda x: divmod(x, 0.4)[0] * x + divmod(x, 0.4)[1] ** 2 + divmod(5.0, x)[1])
    wanted = math.floor(1.5 / 0.4) + 2 * (1.5 - 3 * 0.4) - 3
    assert_allclose(nf.grad(f)(1.5), wanted, rtol=1e-13)
