"""Namespace for the test suite of the array API standard, in which every new floating array is a dual array.

The suite looks at values, by ``float(x)`` and its like, so these drop the derivative here. See tox.ini, `array-api`.
"""

import numpy

import numbafunc.numpy as inside
import numbafunc.rules  # noqa: F401  (as a driver would load them)
from numbafunc.dual.array import Dual, is_blank, make, value_of
from numbafunc.dual.levels import Run

LEVEL = Run(2).__enter__()
GENERATOR = numpy.random.default_rng(0)


def dual(x):
    """The array with random tangents in two directions, if it is floating."""
    if type(x) is Dual and not is_blank(x):
        return x
    x = value_of(x)
    if not isinstance(x, numpy.ndarray) or x.dtype.kind not in "fc":
        return x
    return make(x, GENERATOR.standard_normal((2, *x.shape)).astype(x.dtype), LEVEL)


def _making_duals(name):
    function = getattr(inside, name)

    def make_array(*args, **options):
        return dual(function(*args, **options))

    make_array.__wrapped__ = getattr(numpy, name)
    return make_array


globals().update({name: getattr(inside, name) for name in numpy.__all__})
for _name in (
    *("arange", "asarray", "empty", "empty_like", "eye", "full", "full_like", "linspace", "ones", "ones_like"),
    *("zeros", "zeros_like"),
):
    globals()[_name] = _making_duals(_name)
__array_namespace_info__ = numpy.__array_namespace_info__
__array_api_version__ = numpy.__array_api_version__

Dual.__float__ = lambda x: float(value_of(x))
Dual.__int__ = lambda x: int(value_of(x))
Dual.__complex__ = lambda x: complex(value_of(x))
