"""The rules by which NumPy's functions act on dual arrays: importing this package registers them all.

One file for each chapter of NumPy's functions. :mod:`~numbafunc.rules.register` keeps the tables;
:mod:`~numbafunc.rules.arguments` and :mod:`~numbafunc.rules.application` hold what several files need.

A new rule goes to the file of its chapter: a function that takes the arguments of NumPy's, by the same names, under
``@rule_for(numpy.function)``; for an elementwise ufunc, ``register(ufunc, unary(ufunc, derivative))`` in
:mod:`~numbafunc.rules.ufuncs`. A case in the tables of the tests then compares it with NumPy and with finite
differences.
"""

from numbafunc.rules import (
    assignment,
    binary_ufuncs,
    blanks,
    complex_values,
    decompositions,
    device_ufuncs,
    eigenvalues,
    fft,
    in_place,
    linalg,
    norms,
    pickling,
    pieces,
    polynomials,
    products,
    queries,
    reductions,
    sampling,
    scipy_distributions,
    scipy_elliptic,
    scipy_module,
    scipy_shapes,
    scipy_special,
    shape,
    sorting,
    statistics,
    ufunc_methods,
    ufuncs,
)
