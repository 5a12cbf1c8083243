"""Elementary functions as emitted code: straight-line, branch-free, and so vectorised with the loop around it.

``CORES`` maps a name of :mod:`numbafunc.elementary` to a function of an emitted :class:`~numbafunc.numbers.real.Real`.
One source serves float32 and float64; what differs is in :mod:`numbafunc.numbers.cores_constants`. ``VECTORISED`` holds
those that do not call, branch, look up tables or convert between integers and floating-point numbers (AVX2 has no such
conversion for 64 bits: adding 1.5 * 2**52 leaves an integer in the low bits instead). Rounding errors that matter are
carried along as a low part, obtained without error from fused multiply-adds and from ``a + b = h + ((a - h) + b)``,
exact for ``|a| >= |b|`` (Dekker 1971). The code is right only as written: no flag may let the compiler reassociate it.

Every polynomial comes from ``bench/minimax.py``. Errors are in units in the last place (ULP) of the exact result;
``bench/exhaustive_float32.py`` measures them for every float32 input.

References: Cody and Waite, Software Manual for the Elementary Functions, 1980; Tang, Table-driven implementation of the
exponential function, ACM TOMS 15 (1989), of the logarithm, 16 (1990), of expm1, 18 (1992); Muller, Elementary
Functions, 3rd edition, 2016; Ng, the fdlibm sources, 1993; Shepherd and Laframboise, Chebyshev approximation of
(1 + 2 x) exp(x**2) erfc x, Mathematics of Computation 36 (1981).
"""

from __future__ import annotations

from collections.abc import Callable

from numbafunc.numbers.cores_blocks import INFINITY, power_of_two, with_sign_of
from numbafunc.numbers.cores_constants import constants_of
from numbafunc.numbers.cores_exponentials import (
    cosh,
    exp,
    exp2,
    exp_nonpositive,
    expm1,
    logistic,
    mish,
    sech,
    sinh,
    softplus,
    swish,
    tanh,
)
from numbafunc.numbers.cores_gamma import GAMMA
from numbafunc.numbers.cores_logarithms import arccosh, arcsinh, arctanh, log, log1p, log2, log10, small_to_real
from numbafunc.numbers.cores_normal import erf, erfc, gaussian, gelu, gelu_tanh, normal_cdf, normal_cdf_tanh, normal_pdf
from numbafunc.numbers.real import FLOAT64, Real, fma, polynomial, select


def sqrt(x: Real) -> Real:
    """Correctly rounded by the processor."""
    return x.sqrt()


def rsqrt(x: Real) -> Real:
    """1 / sqrt(x): two correctly rounded operations, together within 1.5 ULP."""
    return 1.0 / x.sqrt()


def cbrt(x: Real) -> Real:
    """Cube root of 2**(3 q + j) * m: a polynomial for m**(-1/3), a step of third order, one on the exact residual."""
    c = constants_of(x)
    format = x.format
    shift = format.mantissa
    magnitude = abs(x)
    lift = 24 if shift == 23 else 54
    subnormal = magnitude < c.smallest_normal
    scaled = select(subnormal, magnitude * 2.0**lift, magnitude)
    bits = scaled.bits()
    e = small_to_real(bits.shift_right_logical(shift)) - (2.0**shift + format.bias)
    magic = 1.5 * 2.0**shift + format.bias
    shifted = fma(e - 1.0, 1.0 / 3.0, magic)
    j = fma(shifted - magic, -3.0, e)
    m = ((bits & ((1 << shift) - 1)) | (format.bias << shift)).reinterpret()
    w = select(j > 0.5, select(j > 1.5, m * 4.0, m * 2.0), m)
    third = select(j > 0.5, select(j > 1.5, x.constant(2.0 ** (-2 / 3)), 2.0 ** (-1 / 3)), 1.0)
    y = polynomial(m, *c.cbrt) * third
    h = fma(-w * y, y * y, 1.0)
    y = fma(y * h, fma(h, 2.0 / 9.0, 1.0 / 3.0), y)
    square = y * y
    root = w * square
    root_square = root * root
    residual = fma(-fma(root, root, -root_square), root, fma(-root_square, root, w))
    root = fma(residual, square * (1.0 / 3.0), root)
    root = root * power_of_two(shifted.bits()) * select(subnormal, x.constant(2.0 ** (-lift // 3)), 1.0)
    return select(magnitude.equals(0) | ~(magnitude < INFINITY), x, with_sign_of(root, x))


_LIBRARY = {"sin": "sin", "cos": "cos", "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan"}


def _library_function(symbol: str) -> Callable[[Real], Real]:
    def emit(x: Real) -> Real:
        return x.call(symbol if x.format is FLOAT64 else symbol + "f")

    emit.__doc__ = f"The C library's {symbol}."
    return emit


VECTORISED: dict[str, Callable[[Real], Real]] = {
    "exp": exp,
    "exp2": exp2,
    "exp_nonpositive": exp_nonpositive,
    "expm1": expm1,
    "log": log,
    "log2": log2,
    "log10": log10,
    "log1p": log1p,
    "sqrt": sqrt,
    "rsqrt": rsqrt,
    "cbrt": cbrt,
    "tanh": tanh,
    "sech": sech,
    "sinh": sinh,
    "cosh": cosh,
    "arcsinh": arcsinh,
    "arccosh": arccosh,
    "arctanh": arctanh,
    "logistic": logistic,
    "softplus": softplus,
    "swish": swish,
    "mish": mish,
    "erf": erf,
    "erfc": erfc,
    "gaussian": gaussian,
    "normal_pdf": normal_pdf,
    "normal_cdf": normal_cdf,
    "normal_cdf_tanh": normal_cdf_tanh,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
}

CORES: dict[str, Callable[[Real], Real]] = {
    **VECTORISED,
    **{name: _library_function(symbol) for name, symbol in _LIBRARY.items()},
    **GAMMA,
}
