"""The rules by which NumPy's functions act on dual arrays: importing this module fills the tables.

One file for each idea: elementwise ufuncs by their derivatives, linear functions by their axes, matrix products by
their two terms, queries by the value alone.
"""

from numbafunc.dual.array import FUNCTION_RULES, UFUNC_METHODS, UFUNC_RULES
from numbafunc.rules import (
    assignment,
    complex_values,
    contraction,
    decompositions,
    einsum,
    fft,
    interpolation,
    linalg,
    linear,
    norms,
    pieces,
    polynomials,
    products,
    queries,
    rearrangement,
    reductions,
    sampling,
    scipy_special,
    sorting,
    statistics,
    ufunc_methods,
    ufuncs,
    vectors,
)

__all__ = [
    "FUNCTION_RULES",
    "UFUNC_METHODS",
    "UFUNC_RULES",
    "assignment",
    "complex_values",
    "contraction",
    "decompositions",
    "einsum",
    "fft",
    "interpolation",
    "linalg",
    "linear",
    "norms",
    "pieces",
    "polynomials",
    "products",
    "queries",
    "rearrangement",
    "reductions",
    "sampling",
    "scipy_special",
    "sorting",
    "statistics",
    "ufunc_methods",
    "ufuncs",
    "vectors",
]
