"""Elementary functions: one object holds a function and its derivative, for scalars and arrays alike.

Definitions of ops import their mathematics from here. The same names work in three places:

- in plain Python, on numbers, NumPy arrays and :class:`numbafunc.Dual` arrays: NumPy evaluates them;
- inside a compiled kernel, on the number type of :mod:`numbafunc.numbers.number`: vectorised code is emitted;
- in the rules of dual arrays: the derivative is read from the same object.

A derivative is written in terms of ``x`` and ``y = f(x)`` with Python operators and the functions of this module,
so it can itself be differentiated, to any order. It must not use the dtype of its arguments, and numbers
in it are weak: they take the precision of ``x``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.numbers.evaluate import evaluator as _evaluator

Derivative = Callable[[Any, Any], Any]


class ElementaryFunction:
    """A function of one real variable with its derivative.

    Parameters
    ----------
    name : str
        The name under which kernels know the function.
    evaluate : callable
        Computes the value for numbers and arrays: a NumPy ufunc, an expression of ufuncs, or the core itself (see
        :func:`~numbafunc.numbers.evaluate.evaluator`).
    derivative : callable
        ``derivative(x, y)`` with ``y = f(x)``.
    unknown_from : int, optional
        Of a function that is finite where its slope is infinite: the order from which on the derivatives of ``f(u)``
        there do not follow from those of ``u`` up to this order, if these are all zero. Where ``f`` is like a power p,
        and u like a power n + 1, f(u) is like a power p (n + 1), which is to be larger than n.
    """

    def __init__(
        self, name: str, evaluate: Callable[[Any], Any], derivative: Derivative, unknown_from: int | None = None
    ) -> None:
        self.__name__ = name
        self.evaluate = evaluate
        self.derivative = derivative
        self.unknown_from = unknown_from
        self.__doc__ = f"Elementary function {name}(x), elementwise."

    def __call__(self, x: Any) -> Any:
        if type(x) is np.ndarray:
            return self.evaluate(x)
        emit = getattr(type(x), "emit_elementary", None)  # of dual arrays, and of numbers of a kernel being compiled
        return self.evaluate(x) if emit is None else emit(x, self.__name__)

    def __repr__(self) -> str:
        return f"<elementary function {self.__name__}>"

    def __reduce__(self) -> str:
        return self.__name__


FUNCTIONS: dict[str, ElementaryFunction] = {}

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
_CUBIC_SLOPE = 2 * math.sqrt(2 / math.pi)
_CUBIC = 0.044715 * _CUBIC_SLOPE


def _define(
    name: str,
    derivative: Derivative,
    evaluate: Callable[[Any], Any] | None = None,
    unknown_from: int | None = None,
) -> ElementaryFunction:
    evaluate = evaluate if evaluate is not None else getattr(np, name)
    function = ElementaryFunction(name, evaluate, derivative, unknown_from)
    FUNCTIONS[name] = function
    return function


# Powers, exponentials and logarithms.
exp = _define("exp", lambda x, y: y)
exp_nonpositive = _define("exp_nonpositive", lambda x, y: y, lambda x: np.exp(x))
exp2 = _define("exp2", lambda x, y: y * math.log(2.0))
expm1 = _define("expm1", lambda x, y: exp(x))
log = _define("log", lambda x, y: 1 / x)
log2 = _define("log2", lambda x, y: (1 / math.log(2.0)) / x)
log10 = _define("log10", lambda x, y: (1 / math.log(10.0)) / x)
log1p = _define("log1p", lambda x, y: 1 / (1 + x))
# At 0 the slope of sqrt and cbrt is infinite, at 1 that of arccosh, arcsin and arccos. A square root of what is of
# order t**2 has the slope 0, or a kink and the mean of the slopes of both sides.
sqrt = _define("sqrt", lambda x, y: 0.5 / y, unknown_from=2)
rsqrt = _define("rsqrt", lambda x, y: -0.5 * y / x, lambda x: 1 / np.sqrt(x))
cbrt = _define("cbrt", lambda x, y: 1 / (3 * y * y), unknown_from=1)

# Hyperbolic functions. 1 - tanh(x)**2 loses every digit in the tails; 1 / cosh(x)**2 loses none.
tanh = _define("tanh", lambda x, y: _sech_squared(x))
sech: ElementaryFunction = _define("sech", lambda x, y: -y * tanh(x), lambda x: _sech(x))
sinh = _define("sinh", lambda x, y: cosh(x))
cosh: ElementaryFunction = _define("cosh", lambda x, y: sinh(x))
arcsinh = _define("arcsinh", lambda x, y: _over_hypotenuse(x))
arccosh = _define("arccosh", lambda x, y: rsqrt(x - 1) * rsqrt(x + 1), unknown_from=2)
arctanh = _define("arctanh", lambda x, y: 1 / _one_minus_square(x))

# The logistic function 1 / (1 + exp(-x)); its derivative y * (1 - y) would lose the right tail.
logistic: ElementaryFunction = _define("logistic", lambda x, y: y * logistic(-x), lambda x: _logistic(x, _decay(x)))

# log(1 + exp(x)). As one function it has one slope, logistic(x), so no infinite tangents cancel to NaN.
softplus = _define(
    "softplus",
    lambda x, y: _logistic(x, exp(-abs(x))),
    lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))),
)

# x * logistic(x), and its limit -0 at -inf.
swish = _define(
    "swish",
    lambda x, y: logistic(x) + damped(x, logistic(x) * logistic(-x)),
    lambda x: _above_underflow(x) * _logistic(x, _decay(x)),
)

# x * tanh(softplus(x)), and its limit -0 at -inf.
mish = _define("mish", lambda x, y: _mish_slope(x), _evaluator("mish"))

# Error functions and the normal distribution. NumPy has none of them: their cores evaluate them everywhere. exp(-x * x)
# would lose digits in the tails to the rounding of the square, so gaussian and normal_pdf are functions of their own.
erf = _define("erf", lambda x, y: _TWO_OVER_ROOT_PI * gaussian(x), _evaluator("erf"))
erfc = _define("erfc", lambda x, y: -_TWO_OVER_ROOT_PI * gaussian(x), _evaluator("erfc"))
gaussian: ElementaryFunction = _define("gaussian", lambda x, y: -2 * damped(x, y), _evaluator("gaussian"))
normal_pdf: ElementaryFunction = _define("normal_pdf", lambda x, y: -damped(x, y), _evaluator("normal_pdf"))
normal_cdf = _define("normal_cdf", lambda x, y: normal_pdf(x), _evaluator("normal_cdf"))

# (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2, which is close to normal_cdf(x).
normal_cdf_tanh: ElementaryFunction = _define(
    "normal_cdf_tanh",
    lambda x, y: damped(_CUBIC_SLOPE + 3 * _CUBIC * (x * x), y * normal_cdf_tanh(-x)),
    _evaluator("normal_cdf_tanh"),
)

# x * normal_cdf(x) and x * normal_cdf_tanh(x), and their limit -0 at -inf.
gelu = _define("gelu", lambda x, y: normal_cdf(x) + damped(x, normal_pdf(x)), _evaluator("gelu"))
gelu_tanh = _define(
    "gelu_tanh",
    lambda x, y: damped(
        1 + damped(x * (_CUBIC_SLOPE + 3 * _CUBIC * (x * x)), normal_cdf_tanh(-x)),
        normal_cdf_tanh(x),
    ),
    _evaluator("gelu_tanh"),
)

# Circular functions.
sin = _define("sin", lambda x, y: cos(x))
cos: ElementaryFunction = _define("cos", lambda x, y: -sin(x))
tan = _define("tan", lambda x, y: 1 + y * y)
arcsin = _define("arcsin", lambda x, y: rsqrt(_one_minus_square(x)), unknown_from=2)
arccos = _define("arccos", lambda x, y: -rsqrt(_one_minus_square(x)), unknown_from=2)
arctan = _define("arctan", lambda x, y: 1 / (1 + x * x))

# The gamma function, the logarithm of its magnitude, and the derivatives of that. Beyond the last one that is known
# here, NaN.
gamma = _define("gamma", lambda x, y: y * digamma(x), _evaluator("gamma"))
lgamma = _define("lgamma", lambda x, y: digamma(x), _evaluator("lgamma"))
digamma: ElementaryFunction = _define("digamma", lambda x, y: trigamma(x), _evaluator("digamma"))
trigamma: ElementaryFunction = _define("trigamma", lambda x, y: tetragamma(x), _evaluator("trigamma"))
tetragamma: ElementaryFunction = _define("tetragamma", lambda x, y: pentagamma(x), _evaluator("tetragamma"))
pentagamma: ElementaryFunction = _define("pentagamma", lambda x, y: math.nan * x, _evaluator("pentagamma"))


def _sech_squared(x: Any) -> Any:
    y = np.reciprocal(np.cosh(x)) if type(x) is np.ndarray else sech(x)  # the first form saves a call
    return y * y


def _one_minus_square(x: Any) -> Any:
    # The product is exact near 1; its derivative, (1 - x) - (1 + x), is inexact near 0.
    value = (1 - x) * (1 + x)
    return value if type(value) is np.ndarray else with_slope_of(value, 1 - x * x)


def _over_hypotenuse(x: Any) -> Any:
    # 1 / sqrt(1 + x**2), where the square of a large x would overflow.
    dtype = getattr(x, "dtype", None)
    if dtype is not None:
        return rsqrt(1 + x * x) if dtype.kind == "c" else np.reciprocal(np.hypot(x, 1))
    # One function, by different formulas on either side of 1, so that no derivative jumps there.
    distance = abs(x)
    inverse = choose(distance - 1, 1, 1 / distance)
    below = choose(distance - 1, distance, 1)
    return inverse * rsqrt(inverse * inverse + below * below)


def _decay(x: Any) -> Any:
    # exp(-|x|); of complex numbers that of the real part, so that nothing overflows.
    if getattr(x, "dtype", None) is not None and x.dtype.kind == "c":
        return np.exp(np.where(x.real < 0, x, -x))
    return np.exp(-abs(x))


def _above_underflow(x: Any) -> Any:
    # Below, exp(x) is 0 in any precision; -inf would make 0 * inf of its product with x.
    return x if getattr(x, "dtype", None) is not None and x.dtype.kind == "c" else np.maximum(x, -800.0)


def _sech(x: Any) -> Any:
    decay = _decay(x)
    return 2 * decay / (1 + decay * decay)


def _mish_slope(x: Any) -> Any:
    # tanh(softplus(x)) = p * (1 + q) / (1 + q * q), with p = logistic(x) and q = 1 - p. It equals 1 - 2 * q * q /
    # (1 + q * q), which has the same derivative without the terms that cancel where q is small.
    p, q = logistic(x), logistic(-x)
    below = 1 + q * q
    ratio = 2 * q / below
    return with_slope_of(p * (1 + q) / below, 1 - 2 * (q * q) / below) + damped(x, p * (ratio * ratio))


def _logistic(x: Any, decay: Any) -> Any:
    return choose(x, decay, 1) / (1 + decay)


def choose(x: Any, below: Any, above: Any) -> Any:
    """``below`` where ``x`` is negative, else ``above``, elementwise."""
    emit = getattr(type(x), "emit_choose", None)
    return np.where(x < 0, below, above) if emit is None else emit(x, below, above)


def damped(x: Any, factor: Any) -> Any:
    """``x * factor``, and zero where the factor is zero, even for an infinite ``x``, elementwise."""
    emit = getattr(type(factor), "scaled", None)
    return np.where(factor == 0, 0, x * factor) if emit is None else emit(factor, x)


# Selections. NaN wins, and at a tie the first argument, with its derivative.


def maximum(a: Any, b: Any) -> Any:
    """The larger of both, NaN when either is NaN, elementwise."""
    return np.maximum(a, b)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of both, NaN when either is NaN, elementwise."""
    return np.minimum(a, b)


def multiply_add(a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, elementwise; rounded once inside kernels."""
    return a * b + c


def like(value: Any, x: Any) -> Any:
    """A value in the dtype of ``x``, where both are integers; other values as they are."""
    dtype = getattr(x, "dtype", None)
    return dtype.type(value) if dtype is not None and dtype.kind in "iu" else value


def with_slope_of(a: Any, b: Any) -> Any:
    """The value of ``a`` with the derivatives of ``b``."""
    emit = getattr(type(a), "emit_with_slope_of", None)
    return a if emit is None else emit(a, b)


def still_below(x: Any, bound: Any) -> Any:
    """``x``, with derivative zero where it is below the bound, inside kernels."""
    return x


def coarse(x: Any) -> Any:
    """``x`` without derivative, rounded so that a sum of a few such numbers is exact, elementwise."""
    return np.rint(x * 2.0**16) * 2.0**-16


def at_top(x: Any, top: Any) -> Any:
    """1 where ``x`` is the largest element of a row, ``top``, and -0 elsewhere, elementwise; no -inf is a top."""
    return np.where((x == top) & (top != -np.inf), 1.0, -0.0)


def below_top(x: Any, top: Any) -> Any:
    """``x - top`` for the largest element of a row, ``x`` where that is -inf; at the top 0 where ``x`` moves."""
    return x - np.where(top == -np.inf, 0, top)


def from_top(x: Any, top: Any) -> Any:
    """The same, and 0 at the top in any case, which may be infinite."""
    return np.where((x == top) & (top != -np.inf), 0 * x, below_top(x, top))


def exp_at_top(x: Any, top: Any) -> Any:
    """``exp(x - top)`` of an element of a row that is its largest, ``top``, and -0 elsewhere, elementwise."""
    return at_top(x, top)


def exp_below_top(x: Any, top: Any) -> Any:
    """``exp(x - top)`` of an element of a row that is not its largest, ``top``, and -0 there, elementwise."""
    return np.where(at_top(x, top) != 0, -0.0, np.exp(below_top(x, top)))


def constant(x: Any) -> Any:
    """The value of ``x`` with derivative zero."""
    emit = getattr(type(x), "emit_constant", None)
    return x if emit is None else emit(x)
