"""Reverse mode of all functions that have a rule, and of all ops, against forward mode."""

import elementwise_table
import pytest
import reverse_checks
from dual_table import CASES as ARRAYS
from dual_table_complex import CASES as COMPLEX
from dual_table_fft import CASES as TRANSFORMS
from dual_table_linalg import CASES as LINEAR_ALGEBRA
from dual_table_statistics import CASES as STATISTICS
from reverse_cases import CASES as OPS
from sweep import mostly_thorough

from numbafunc.kinds import linear, reduction, selection

CASES = ARRAYS + COMPLEX + TRANSFORMS + LINEAR_ALGEBRA + STATISTICS
each = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@each
def test_reverse_mode(case, monkeypatch):
    reverse_checks.check_reverse(case, monkeypatch)


@each
def test_jacobian(case):
    reverse_checks.check_jacobian(case.function, case.arrays)


def ops(order):
    """All ops, of which the fast suite takes those that it should in this order."""
    return pytest.mark.parametrize(
        "case",
        [
            pytest.param(case, id=case.name, marks=pytest.mark.thorough if case.orders < order else ())
            for case in OPS
            if case.most >= order
        ],
    )


def test_every_op_is_among_them():
    names = [case.name.split()[0] for case in OPS if case.orders]
    known = [*elementwise_table.SMOOTH, *reduction.REGISTRY, *linear.REGISTRY, *selection.REGISTRY]
    assert set(known) <= set(names)


@ops(1)
def test_gradient_of_op(case):
    reverse_checks.check_gradient(case.function, case.arrays)


@pytest.mark.parametrize(
    "name",
    mostly_thorough(
        [case.name for case in OPS if len(case.arrays) > 1 and case.most > 1],
        [
            "celu broadcast",
            "logsumexp_weighted last",
            "elementwise with a condition",
            "pad constant of values that move",
        ],
    ),
)
def test_each_operand_of_op(name):
    case = next(case for case in OPS if case.name == name)
    reverse_checks.check_each_operand(case.function, case.arrays)


@ops(1)
def test_steps_of_op_taken_again(case, monkeypatch):
    reverse_checks.check_replay(case.function, case.arrays, monkeypatch)


@ops(2)
def test_jacobian_of_op(case):
    reverse_checks.check_jacobian(case.function, case.arrays)


@ops(2)
@pytest.mark.parametrize("nesting", reverse_checks.NESTINGS)
def test_second_order_of_op(case, nesting):
    reverse_checks.check_second_order(case.function, case.arrays, [nesting])
