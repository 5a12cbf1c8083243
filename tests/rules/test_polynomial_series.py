"""Series of polynomials on dual arrays: values to rounding, derivatives, reverse mode, errors."""

import dual_checks
import numpy as np
import pytest
import reverse_checks
from dual_table_polynomials import CASES, replaced
from numpy.polynomial import polynomial

import numbafunc

each = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@each
def test_value_is_that_of_numpy(case):
    value, _ = numbafunc.jvp(case.function, case.arrays, dual_checks.draw(case.arrays, 1))
    wanted = case.function(*case.arrays)
    assert value.shape == wanted.shape
    dual_checks.close(value, wanted, 1e-14)


@each
def test_forward_mode(case):
    dual_checks.check_forward(case)


@each
def test_reverse_mode(case, monkeypatch):
    reverse_checks.check_reverse(case, monkeypatch)


def test_zeros_at_the_end_are_left_out():
    c = np.array([1.0, 2.0, 0.0])
    value, tangent = numbafunc.jvp(lambda c: replaced(polynomial.polymul)(c, [1, 1, 0]), (c,), (np.ones(3),))
    np.testing.assert_array_equal(value, polynomial.polymul(c, [1, 1, 0]))
    np.testing.assert_array_equal(tangent, [1, 2, 1])


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda c: replaced(polynomial.polyder)(c, -1), ValueError),
        (lambda c: replaced(polynomial.polyint)(c, 1, [1, 2]), ValueError),
        (lambda c: replaced(polynomial.polyvander)(c, -1), ValueError),
        (lambda c: replaced(polynomial.polyval2d)(c, c[:1], c), ValueError),
        # What NumPy converts to an array by itself.
        (lambda c: polynomial.polyval(1.0, c), TypeError),
        (lambda c: np.polynomial.Polynomial(c), TypeError),
        (lambda c: np.polynomial.Polynomial([1.0, 2.0])(c), TypeError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error):
        numbafunc.jvp(call, (np.ones(3),), (np.ones(3),))
