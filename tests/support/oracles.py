"""Oracles that this package has no part in: mpmath for scalars, NumPy and complex steps for arrays."""

import ml_dtypes
import mpmath
import numpy as np

mp = mpmath.mp.clone()
mp.dps = 60

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = [np.dtype(np.float16), BFLOAT16, np.dtype(np.float32), np.dtype(np.float64)]
INTEGERS = [np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)]

SELU_SCALE = mp.mpf("1.0507009873554804934193349852946")
SELU_ALPHA = mp.mpf("1.6732632423543772848170429916717")


def _exponential_unit(x, alpha, scale):
    return x if x > 0 else alpha * mp.expm1(x / scale)


def _logistic(x):
    return 1 / (1 + mp.exp(-x))


def _log_sigmoid(x):
    return -mp.log1p(mp.exp(-x)) if x > 0 else x - mp.log1p(mp.exp(x))


def _softplus(x):
    return -_log_sigmoid(-x)


def _gelu(x):
    # Of large numbers mpmath can't tell that erfc is next to nothing.
    return x * mp.erfc(min(-x / mp.sqrt(2), mp.mpf(1000))) / 2


def _gelu_tanh(x):
    return x * _logistic(mp.sqrt(8 / mp.pi) * (x + mp.mpf("0.044715") * x**3))


# The functions as the literature defines them, on numbers of mpmath.
ELEMENTWISE = {
    "celu": lambda x, alpha: _exponential_unit(x, alpha, alpha),
    "elu": lambda x, alpha: _exponential_unit(x, alpha, 1),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "hard_swish": lambda x: x * min(max(x + 3, mp.zero), mp.mpf(6)) / 6,
    "leaky_relu": lambda x, slope: x if x >= 0 else slope * x,
    "log_ratio": lambda p, q, eps: mp.log(p + eps) - mp.log(q + eps),
    "log_sigmoid": _log_sigmoid,
    "mish": lambda x: x * mp.tanh(_softplus(x)),
    "one_hot": lambda x, index: mp.mpf(x == index),
    "relu": lambda x: max(x, mp.zero),
    "rsqrt": lambda x: 1 / mp.sqrt(x),
    "selu": lambda x: SELU_SCALE * _exponential_unit(x, SELU_ALPHA, 1),
    "sigmoid": _logistic,
    "sigmoid_cross_entropy_logits": lambda x, y: _softplus(x) - x * y,
    "softplus": _softplus,
    "softplus_scaled": lambda x, beta: _softplus(beta * x) / beta,
    "swish": lambda x: x * _logistic(x),
    "tanh": mp.tanh,
}


def derivative(name, point, orders):
    """A mixed partial derivative of an elementwise function at a point away from kinks."""
    function = ELEMENTWISE[name]
    varying = [position for position, order in enumerate(orders) if order]

    def restricted(*moved):
        values = list(point)
        for position, value in zip(varying, moved, strict=True):
            values[position] = value
        return function(*values)

    where = tuple(point[position] for position in varying)
    return mp.diff(restricted, where, tuple(orders[position] for position in varying))


def exact(value):
    """A number of NumPy as a number of mpmath."""
    return mp.mpf(float(value))


def _format(dtype):
    """Bits of the significand, exponent of the smallest normal number, largest finite number."""
    if dtype == BFLOAT16:
        return 8, -126, mp.mpf(float(ml_dtypes.finfo(dtype).max))
    information = np.finfo(dtype)
    return information.nmant + 1, int(information.minexp), exact(information.max)


def ulp(value, dtype):
    """Distance of neighbouring numbers of a dtype around a real number."""
    bits, smallest, _ = _format(np.dtype(dtype))
    exponent = smallest if value == 0 else max(smallest, int(mp.floor(mp.log(abs(value), 2))))
    return mp.ldexp(mp.one, exponent - bits + 1)


def error_in_ulps(computed, true, dtype):
    """How far a computed number is from the true one; infinity where one of them is not finite and the other is."""
    largest = _format(np.dtype(dtype))[2]
    computed = float(computed)
    if np.isinf(computed) and abs(true) + ulp(largest, dtype) > largest:
        return mp.zero if (computed > 0) == (true > 0) else mp.inf
    if not np.isfinite(computed):
        return mp.inf
    return abs(mp.mpf(computed) - true) / ulp(true, dtype)


def complex_step(function, point, direction, step=1e-30):
    """Derivative of an analytic function along a direction, exact to rounding."""
    return np.imag(function(point + 1j * step * direction)) / step


def second_derivative(function, point, first, second, step=2e-4):
    """Second derivative along two directions, by a fourth-order difference of complex steps."""

    def slope(distance):
        return complex_step(function, point + distance * second, first)

    return (8 * (slope(step) - slope(-step)) - (slope(2 * step) - slope(-2 * step))) / (12 * step)


def _axes(x, axis):
    return tuple(range(x.ndim)) if axis is None else axis


def logsumexp(x, axis=None, b=1.0):
    """Logarithm of a weighted sum of exponentials of finite numbers."""
    shift = np.max(np.real(x), axis=_axes(x, axis), keepdims=True)
    total = np.sum(b * np.exp(x - shift), axis=_axes(x, axis), keepdims=True)
    return np.squeeze(np.log(total) + shift, axis=_axes(np.asarray(x - shift + b), axis))


def log_softmax(x, axis=-1):
    """Logarithm of softmax of finite numbers."""
    shifted = x - np.max(np.real(x), axis=_axes(x, axis), keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=_axes(x, axis), keepdims=True))


def softmax(x, axis=-1):
    """Softmax of finite numbers."""
    return np.exp(log_softmax(x, axis))


def masked_softmax(x, mask, axis=-1):
    """Softmax over the unmasked entries, 0 elsewhere."""
    shifted = x - np.max(np.real(x), axis=_axes(x, axis), keepdims=True)
    powers = np.where(mask, np.exp(shifted), 0)
    total = np.sum(powers, axis=_axes(x, axis), keepdims=True)
    return powers / np.where(total == 0, 1, total)


def masked_log_softmax(x, mask, axis=-1):
    """Its logarithm, -inf where masked."""
    share = masked_softmax(x, mask, axis)
    return np.where(mask, np.log(np.where(mask, share, 1)), -np.inf)


def log1p(x):
    """Logarithm of 1 + x, for complex x too, whose imaginary part may be tiny."""
    return np.log1p(x) if np.isrealobj(x) else np.log1p(x.real) + 1j * x.imag / (1 + x.real)


def absolute(x):
    """Absolute value, continued to complex numbers around the real axis."""
    return np.where(np.real(x) >= 0, x, -x)
