"""The rules by which NumPy's functions act on dual arrays: importing this module fills the tables.

One file for each idea: elementwise ufuncs by their derivatives, linear functions by their axes, matrix products by
their two terms, queries by the value alone.
"""

from numbafunc.autodiff import (
    rules_assignment,
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
    rules_order,
    rules_piecewise,
    rules_polynomial,
    rules_product,
    rules_query,
    rules_rearrangement,
    rules_reduction,
    rules_sampled,
    rules_special,
    rules_statistics,
    rules_ufunc_methods,
    rules_vector,
)
from numbafunc.autodiff.dual import FUNCTION_RULES, UFUNC_METHODS, UFUNC_RULES

__all__ = [
    "FUNCTION_RULES",
    "UFUNC_METHODS",
    "UFUNC_RULES",
    "rules_assignment",
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
    "rules_order",
    "rules_piecewise",
    "rules_polynomial",
    "rules_product",
    "rules_query",
    "rules_rearrangement",
    "rules_reduction",
    "rules_sampled",
    "rules_special",
    "rules_statistics",
    "rules_ufunc_methods",
    "rules_vector",
]
