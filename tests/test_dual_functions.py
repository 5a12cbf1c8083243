"""NumPy's functions of dual arrays: value, first and second derivative, directions at once, float32."""

import dual_checks
import pytest
from dual_table import CASES

each = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@each
def test_value_is_that_of_numpy(case):
    dual_checks.check_value(case)


@each
def test_first_order(case):
    dual_checks.check_first_order(case)


@each
def test_second_order(case):
    dual_checks.check_second_order(case)


@each
def test_directions_at_once(case):
    dual_checks.check_directions(case)


@each
def test_float32(case):
    dual_checks.check_float32(case)
