"""Gradients by reverse mode in smaller dtypes: of the dtype of the arguments, and near those of float64."""

import ml_dtypes
import pytest
import reverse_checks
from dual_table import CASES as ARRAYS
from dual_table_complex import CASES as COMPLEX
from dual_table_fft import CASES as TRANSFORMS
from dual_table_linalg import CASES as LINEAR_ALGEBRA
from dual_table_statistics import CASES as STATISTICS
from reverse_cases import CASES as OPS
from sweep import mostly_thorough

TOLERANCE = {"float32": 1e-4, "float16": 5e-2, "bfloat16": 0.2}

# One op of each kind, and each way of selection; compiling kernels takes time.
FAST = [
    "average_pool_2d 3 1 SAME", "elementwise of the user's", "gelu", "interpolate cubic (3, 9)",
    "logsumexp_weighted last", "max_pool_2d 3 1 SAME", "ops of ops", "pad linear_ramp", "pad median", "scan",
    "softmax last", "top_k two (3, 5)",
]  # fmt: skip
NARROW = [
    "average_pool_2d 3 1 SAME",
    "elu",
    "max_pool_2d 3 1 SAME",
    "mean_squared_error last",
    "pad wrap",
    "softmax last",
]
BY_NAME = {case.name: case for case in OPS}


@pytest.mark.parametrize(
    "case",
    [case for case in ARRAYS + COMPLEX + TRANSFORMS + LINEAR_ALGEBRA + STATISTICS if case.keeps_float32],
    ids=lambda case: case.name,
)
def test_float32(case):
    reverse_checks.check_precision(case.function, case.arrays, "float32", 2e-2)


@pytest.mark.parametrize("name", mostly_thorough([case.name for case in OPS if case.most > 1], FAST))
def test_ops_in_float32(name):
    case = BY_NAME[name]
    reverse_checks.check_precision(case.function, case.arrays, "float32", TOLERANCE["float32"])


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16], ids=["float16", "bfloat16"])
@pytest.mark.parametrize("name", NARROW)
def test_narrow_floats(name, dtype):
    case = BY_NAME[name]
    tolerance = TOLERANCE["float16" if dtype == "float16" else "bfloat16"]
    reverse_checks.check_precision(case.function, case.arrays, dtype, tolerance)
