"""Reverse mode of all functions that have a rule, and of all ops, against forward mode."""

import pytest
import reverse_checks
from dual_table import CASES as ARRAYS
from dual_table_complex import CASES as COMPLEX
from dual_table_fft import CASES as TRANSFORMS
from dual_table_linalg import CASES as LINEAR_ALGEBRA
from dual_table_statistics import CASES as STATISTICS
from reverse_cases import CASES as OPS

CASES = ARRAYS + COMPLEX + TRANSFORMS + LINEAR_ALGEBRA + STATISTICS
each = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@each
def test_gradient(case):
    reverse_checks.check_gradient(case.function, case.arrays)


@each
def test_steps_taken_again(case, monkeypatch):
    reverse_checks.check_replay(case.function, case.arrays, monkeypatch)


@each
def test_jacobian(case):
    reverse_checks.check_jacobian(case.function, case.arrays)


@each
def test_second_order(case):
    reverse_checks.check_second_order(case.function, case.arrays)


each_op = pytest.mark.parametrize("case", OPS, ids=[case.name for case in OPS])


@each_op
def test_gradient_of_op(case):
    reverse_checks.check_gradient(case.function, case.arrays)


@each_op
def test_steps_of_op_taken_again(case, monkeypatch):
    reverse_checks.check_replay(case.function, case.arrays, monkeypatch)


@each_op
@pytest.mark.parametrize("nesting", reverse_checks.NESTINGS)
def test_second_order_of_op(case, nesting):
    reverse_checks.check_second_order(case.function, case.arrays, [nesting])
