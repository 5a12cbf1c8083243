"""The rules by which NumPy's functions act on dual arrays: importing this module fills the tables.

One file for each idea: elementwise ufuncs by their derivatives, linear functions by their axes, matrix products by
their two terms, queries by the value alone.
"""

from numbafunc.autodiff import (
    rules_complex,
    rules_contraction,
    rules_decomposition,
    rules_einsum,
    rules_elementwise,
    rules_fft,
    rules_interpolation,
    rules_linalg,
    rules_linear,
    rules_norm,
    rules_polynomial,
    rules_product,
    rules_query,
    rules_special,
)
from numbafunc.autodiff.dual import FUNCTION_RULES, UFUNC_RULES

__all__ = [
    "FUNCTION_RULES",
    "UFUNC_RULES",
    "rules_complex",
    "rules_contraction",
    "rules_decomposition",
    "rules_einsum",
    "rules_elementwise",
    "rules_fft",
    "rules_interpolation",
    "rules_linalg",
    "rules_linear",
    "rules_norm",
    "rules_polynomial",
    "rules_product",
    "rules_query",
    "rules_special",
]
