"""NumPy's functions of dual arrays: value, first and second derivative, directions at once, float32."""

import dual_checks
import pytest
from dual_table import CASES as ARRAYS
from dual_table_complex import CASES as COMPLEX
from dual_table_fft import CASES as TRANSFORMS
from dual_table_linalg import CASES as LINEAR_ALGEBRA
from dual_table_statistics import CASES as STATISTICS

CASES = ARRAYS + COMPLEX + TRANSFORMS + LINEAR_ALGEBRA + STATISTICS
each = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@each
def test_value_is_that_of_numpy(case):
    dual_checks.check_value(case)


@each
def test_forward_mode(case):
    dual_checks.check_forward(case)


@pytest.mark.parametrize("case", [case for case in CASES if case.keeps_float32], ids=lambda case: case.name)
def test_float32(case):
    dual_checks.check_float32(case)
