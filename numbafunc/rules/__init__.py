"""The rules by which NumPy's functions act on dual arrays: importing this package registers them all.

One file for each chapter of NumPy's functions. :mod:`~numbafunc.rules.register` keeps the tables;
:mod:`~numbafunc.rules.arguments` and :mod:`~numbafunc.rules.application` have what several files need.
"""

from numbafunc.rules import (
    assignment,
    complex_values,
    decompositions,
    device_ufuncs,
    fft,
    linalg,
    norms,
    pickling,
    pieces,
    polynomials,
    products,
    queries,
    reductions,
    sampling,
    scipy_special,
    shape,
    sorting,
    statistics,
    ufunc_methods,
    ufuncs,
)

__all__ = [
    "assignment",
    "complex_values",
    "decompositions",
    "device_ufuncs",
    "fft",
    "linalg",
    "norms",
    "pickling",
    "pieces",
    "polynomials",
    "products",
    "queries",
    "reductions",
    "sampling",
    "scipy_special",
    "shape",
    "sorting",
    "statistics",
    "ufunc_methods",
    "ufuncs",
]
