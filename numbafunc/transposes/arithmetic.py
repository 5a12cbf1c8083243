"""Transposes of sums, of products and quotients with constants, of choices, and of parts of complex values.

A zero cotangent contributes nothing, whatever the factor, as a zero tangent does.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy

from numbafunc.dual import anywhere
from numbafunc.dual.array import value_of
from numbafunc.dual.dtypes import is_finite
from numbafunc.dual.products import (
    SCALED,
    SUM_OF_SCALED,
    divide,
    divide_by_length,
    masked,
    mixed,
    scale,
    sloped,
    sum_of_products,
)
from numbafunc.dual.recorder import RECORDED, Primitive, Recorder, Rooted, Shape, not_linear
from numbafunc.kinds.product import product
from numbafunc.limits import broadcast_shapes
from numbafunc.transposes.register import records

# The annotations of NumPy's functions don't allow for recorders.
np: Any = numpy

_function: Any

_WEAK = (int, float, complex)


def broadcast(x: Recorder, other: Any) -> Shape:
    """The shape of an elementwise function of two operands."""
    shape = getattr(other, "shape", ())
    own = x.shape
    if shape == () or shape == own or (shape == own[1:] and own):
        return own
    return joined_shape(own, shape)


# NumPy's function takes longer than most steps.
joined_shape = functools.lru_cache(1024)(broadcast_shapes)
"""The shape that two shapes broadcast to."""


def common_dtype(x: Recorder, other: Any) -> Any:
    """The dtype of an elementwise function of two operands; Python's numbers leave it as it is."""
    own = x.dtype
    dtype = getattr(other, "dtype", None)
    if dtype is None:
        if (type(other) is float or type(other) is int) and own.kind == "f":
            return own
        return np.result_type(own, other if type(other) in _WEAK else np.asarray(other))
    return own if dtype is own or dtype == own else np.result_type(own, dtype)


# Products.


def _one_factor(what: str, x: Any, y: Any) -> tuple[Recorder, Any]:
    if type(x) is not Recorder:
        x, y = y, x
    if type(y) is Recorder:
        raise not_linear(f"{what} of two tangents")
    return x, y


# The floor of these steps has no kernels.
SCALED.transpose = lambda cotangent, place, x, factor: product(factor, cotangent)
SUM_OF_SCALED.transpose = lambda cotangent, place, *arguments: product(arguments[-1][place], cotangent)
SLOPED = Primitive("product with a partial derivative", SCALED.apply, SCALED.transpose, curved=True)
MIXED = Primitive(
    "product with a tangent of another level",
    lambda x, factor: mixed(factor, x),
    lambda cotangent, place, x, factor: product(factor, cotangent),
)
QUOTIENT = Primitive(
    "quotient by a constant",
    lambda x, divisor: divide(x, divisor),
    lambda cotangent, place, x, divisor: divide(cotangent, divisor),
)


def _by_length_back(cotangent: Any, place: int, x: Any, length: Any) -> Any:
    contribution = divide(cotangent, length)
    return contribution if is_finite(value_of(contribution)) else Rooted(contribution, 2)


BY_LENGTH = Primitive("quotient by a length", QUOTIENT.apply, _by_length_back)


@records(np.multiply, scale)
def multiply(x: Any, y: Any) -> Recorder:
    """The product of a recorded tangent and a constant."""
    if type(x) is not Recorder:
        x, y = y, x
    if type(y) is Recorder:
        raise not_linear("a product of two tangents")
    return SCALED.of(x, broadcast(x, y), common_dtype(x, y), y)


@records(sloped)
def _sloped(slope: Any, x: Recorder) -> Recorder:
    return SLOPED.of(x, broadcast(x, slope), common_dtype(x, slope), slope)


@records(mixed)
def _mixed(x: Any, y: Any) -> Recorder:
    x, y = _one_factor("a product", x, y)
    return MIXED.of(x, broadcast(x, y), common_dtype(x, y), y)


@records(np.divide, divide)
def _divide(x: Any, y: Any) -> Recorder:
    if type(y) is Recorder:
        raise not_linear("a quotient")
    return QUOTIENT.of(x, broadcast(x, y), common_dtype(x, y), y)


@records(divide_by_length)
def _divide_by_length(x: Recorder, length: Any) -> Recorder:
    return BY_LENGTH.of(x, broadcast(x, length), common_dtype(x, length), length)


SUM_OF_PRODUCTS = Primitive(
    "sum of two products with constants",
    lambda dx, dy, a, b: anywhere.added(scale(a, dx), scale(b, dy)),
    lambda cotangent, place, dx, dy, a, b: product(b if place else a, cotangent),
    curved=True,
)


@records(sum_of_products)
def _sum_of_products(a: Any, dx: Recorder, b: Any, dy: Recorder) -> Recorder:
    shape, dtype = broadcast(dx, a), common_dtype(dx, a)
    if shape != broadcast(dy, b) or dtype != common_dtype(dy, b):
        # The cotangent of each term has a shape and dtype of its own.
        return _add(multiply(a, dx), multiply(b, dy))
    return SUM_OF_PRODUCTS.of_two(dx, dy, shape, dtype, a, b)


@records(np.ldexp)
def _ldexp(x: Recorder, exponent: Any) -> Recorder:
    return multiply(x, np.ldexp(np.ones((), x.dtype), exponent))


# Sums. An operand that is no recorder is a tangent of zeros, of an operand that does not move.


SUM_OF_TWO = Primitive("sum of two", anywhere.added, lambda cotangent, place, x, y: cotangent)
DIFFERENCE = Primitive(
    "difference of two",
    lambda x, y: anywhere.added(x, anywhere.negative(y)),
    lambda cotangent, place, x, y: anywhere.negative(cotangent) if place else cotangent,
)
NEGATIVE = Primitive("negative", anywhere.negative, lambda cotangent, place, x: anywhere.negative(cotangent))


def _repeated(x: Recorder, other: Any) -> Recorder:
    shape, dtype = broadcast(x, other), common_dtype(x, other)
    if shape != x.shape:
        x = RECORDED[np.broadcast_to](x, shape)
    return x if dtype == x.dtype else x.astype(dtype)


@records(np.add)
def _add(x: Any, y: Any) -> Recorder:
    if type(x) is not Recorder:
        return _repeated(y, x)
    if type(y) is not Recorder:
        return _repeated(x, y)
    return SUM_OF_TWO.of_two(x, y, broadcast(x, y), common_dtype(x, y))


@records(np.negative)
def _negative(x: Recorder) -> Recorder:
    return NEGATIVE.of(x, x.shape, x.dtype)


@records(np.subtract)
def _subtract(x: Any, y: Any) -> Recorder:
    if type(x) is not Recorder or type(y) is not Recorder:
        return _add(x, -y)
    return DIFFERENCE.of_two(x, y, broadcast(x, y), common_dtype(x, y))


@records(np.positive)
def _positive(x: Recorder) -> Recorder:
    return x


for _function in (np.deg2rad, np.radians, np.rad2deg, np.degrees):
    records(_function)(lambda x, function=_function: multiply(x, float(function(1.0))))


# Choices.


def _where_transpose(cotangent: Any, place: int, condition: Any, x: Any, y: Any) -> Any:
    return masked(condition if place == 1 else ~condition, cotangent)


CHOICE = Primitive("choice", np.where, _where_transpose)


@records(np.where)
def _where(condition: Any, x: Any, y: Any) -> Recorder:
    condition = np.asarray(condition, bool)
    one, other = (x, y) if type(x) is Recorder else (y, x)
    shape, dtype = broadcast(one, other), common_dtype(one, other)
    if condition.shape != shape and condition.shape != shape[1:]:
        shape = joined_shape(shape, condition.shape)
    return CHOICE.record(shape, dtype, condition, x, y)


# Dtypes and complex values.


CONVERSION = Primitive("conversion", anywhere.converted, lambda cotangent, place, x, dtype: cotangent)
REAL_PART = Primitive("real part", lambda x: x.real, lambda cotangent, place, x: cotangent)
IMAGINARY_PART = Primitive("imaginary part", lambda x: x.imag, lambda cotangent, place, x: -1j * cotangent)
CONJUGATE = Primitive("conjugate", np.conjugate, lambda cotangent, place, x: np.conjugate(cotangent))


@records(np.astype)
def _astype(x: Recorder, dtype: Any, /, *, copy: bool = True) -> Recorder:
    dtype = np.dtype(dtype)
    return x.copy() if dtype == x.dtype else CONVERSION.of(x, x.shape, dtype, dtype)


def _part_dtype(x: Recorder) -> Any:
    return np.empty(0, x.dtype).real.dtype


@records(np.real)
def _real(x: Recorder) -> Recorder:
    return REAL_PART.of(x, x.shape, _part_dtype(x)) if x.dtype.kind == "c" else x.copy()


@records(np.imag)
def _imag(x: Recorder) -> Any:
    return IMAGINARY_PART.of(x, x.shape, _part_dtype(x)) if x.dtype.kind == "c" else np.zeros(x.shape, x.dtype)


@records(np.conjugate)
def _conjugate(x: Recorder) -> Recorder:
    return CONJUGATE.of(x, x.shape, x.dtype) if x.dtype.kind == "c" else x.copy()
