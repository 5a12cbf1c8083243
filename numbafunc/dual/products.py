"""Products with tangents, in which a zero tangent contributes nothing.

A direction that does not move an element has a tangent of exactly zero there, and by the chain rule the element
contributes nothing, whatever its derivative: infinite (``sqrt`` at 0) or NaN (a NaN input). Plain multiplication
would give NaN and spoil every other direction of a gradient. Nearly always all elements are finite, which one dot
product shows.
"""

from __future__ import annotations

import dis
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import CPU, Backend
from numbafunc.dual import anywhere
from numbafunc.dual.array import Dual, Operand, make, on_device, value_of
from numbafunc.dual.dtypes import is_finite, refuse_long
from numbafunc.dual.recorded import added
from numbafunc.dual.recorder import RECORDED, Primitive, Recorder, Rooted


def scale(factor: Operand, tangent: Operand) -> Any:
    """``factor * tangent``, zero where `tangent` is zero.

    `tangent` has the leading axis of directions and at least as many axes behind it as `factor` has.
    """
    if type(tangent) is not np.ndarray:
        if type(tangent) is Recorder and _is_constant(factor, tangent):
            return RECORDED[scale](factor, tangent)
        if on_device(tangent):
            return backend.of(tangent).scale(factor, tangent)
    if type(factor) is not Dual and type(tangent) is not Dual:
        product = beside(factor, tangent) * tangent
        if is_finite(factor):
            return product
        return np.where(tangent == 0, product.dtype.type(0), product)
    return _product(factor, tangent, scale)


def _is_constant(x: Operand, recorder: Recorder) -> bool:
    """Whether an operand is a constant at the level of a recorder."""
    return type(x) is not Dual or x.level < recorder.level


def beside(factor: Any, tangent: Any) -> Any:
    """The factor with an axis for the directions of a tangent: where NumPy has to add it, small arrays cost twice."""
    if type(factor) is np.ndarray and factor.ndim < tangent.ndim:
        return factor[None]
    return factor


def divide(tangent: Operand, divisor: Operand) -> Any:
    """``tangent / divisor``, zero where `tangent` is zero."""
    if type(tangent) is Recorder and _is_constant(divisor, tangent):
        return RECORDED[divide](tangent, divisor)
    if type(divisor) is not Dual and type(tangent) is not Dual:
        divisor = divisor[None] if type(divisor) is np.ndarray and divisor.ndim < tangent.ndim else divisor  # `beside`
        quotient = tangent / divisor
        if is_finite(quotient):
            return quotient
        return np.where(tangent == 0, quotient.dtype.type(0), quotient)
    return scale(1 / divisor, tangent)


def divide_by_length(tangent: Operand, length: Operand) -> Any:
    """``divide(tangent, length)`` for the tangent of a length, which may be zero: reverse mode has to know of that."""
    if type(tangent) is Recorder and _is_constant(length, tangent):
        return RECORDED[divide_by_length](tangent, length)
    return divide(tangent, length)


_MANY = 2**12
"""Elements from which on a look at the layout or the dtype pays."""

_IN_PLACE = 2**14
"""Elements from which on a product written over a factor takes clearly less time than one in new memory."""


def _chained_back(cotangent: Any, place: int, dx: Any, derivative: Callable[[Any, Any], Any], x: Any, y: Any) -> Any:
    slope = derivative(x, y)
    if type(slope) is np.ndarray and slope.size >= _IN_PLACE and type(cotangent) is np.ndarray:
        is_new = slope.base is None and slope is not x and slope is not y
        if is_new and slope.dtype == cotangent.dtype and cotangent.shape == (1, *slope.shape):
            product = slope.reshape(cotangent.shape)
            np.multiply(product, cotangent, out=product)
            if is_finite(product):
                return product
            slope = derivative(x, y)
    return mixed(slope, cotangent)


_CHAINED = Primitive(
    "product with a derivative",
    lambda dx, derivative, x, y: scale(derivative(x, y), dx),
    _chained_back,
    curved=True,
)


def _rooted_back(
    cotangent: Any, place: int, dx: Any, derivative: Callable[[Any, Any], Any], x: Any, y: Any, unknown_from: int
) -> Any:
    contribution = _chained_back(cotangent, place, dx, derivative, x, y)
    return contribution if is_finite(value_of(contribution)) else Rooted(contribution, unknown_from)


ROOTED = Primitive(
    "product with a derivative that may be infinite",
    lambda dx, derivative, x, y, unknown_from: scale(derivative(x, y), dx),
    _rooted_back,
    curved=True,
)
"""The step of a function with an ``unknown_from``, see :mod:`numbafunc.dual.guesses`."""


def chained(
    derivative: Callable[[Any, Any], Any], x: Operand, y: Operand, dx: Recorder, unknown_from: int | None = None
) -> Recorder:
    """The recorded tangent of ``y = f(x)``: the derivative is computed when the walk comes to it, if it does.

    In place of the derivative the tape keeps operand or result, whichever it depends on; they are mostly in use
    elsewhere.
    """
    by_x, by_y = _depends(derivative)
    # The function of a real number may be complex.
    kept = (derivative, x if by_x else None, y if by_y else None)
    if unknown_from is None:
        return _CHAINED.of(dx, dx.shape, y.dtype, *kept)
    return ROOTED.of(dx, dx.shape, y.dtype, *kept, unknown_from)


def sloped(slope: Operand, tangent: Operand) -> Any:
    """``scale(slope, tangent)`` with the derivative of a function that is not linear; reverse mode has to know."""
    if type(tangent) is Recorder and _is_constant(slope, tangent):
        return RECORDED[sloped](slope, tangent)
    return scale(slope, tangent)


@functools.cache
def _depends(derivative: Callable[[Any, Any], Any]) -> tuple[bool, bool]:
    """Whether a function of two arguments reads the first, and the second."""
    code = getattr(derivative, "__code__", None)
    if code is None:
        return True, True
    read: set[Any] = set()
    for instruction in dis.get_instructions(code):
        # From Python 3.13 on, one instruction may load two variables.
        read.update(instruction.argval if type(instruction.argval) is tuple else (instruction.argval,))
    first, second = code.co_varnames[:2]
    return first in read, second in read


def sum_of_products(a: Operand, dx: Operand, b: Operand, dy: Operand) -> Any:
    """``a * dx + b * dy``, without a term whose tangent is zero."""
    if type(dx) is np.ndarray:
        if type(dy) is np.ndarray and type(a) is not Dual and type(b) is not Dual:
            # Both products at once; results that are not finite are computed again, term by term.
            a = a[None] if type(a) is np.ndarray and a.ndim < dx.ndim else a  # as `beside` does it
            b = b[None] if type(b) is np.ndarray and b.ndim < dy.ndim else b
            tangent = a * dx
            second = b * dy
            if tangent.shape == second.shape:
                tangent += second
            else:
                tangent = tangent + second
            if is_finite(tangent):
                return tangent
    elif type(dx) is Recorder and type(dy) is Recorder and _is_constant(a, dx) and _is_constant(b, dy):
        return RECORDED[sum_of_products](a, dx, b, dy)
    return scale(a, dx) + scale(b, dy)


def mixed(a: Operand, b: Operand) -> Any:
    """``a * b``, zero where either is zero: of tangents of two levels, or of a factor and a cotangent.

    In forward mode a tangent that a factor has made zero stays zero, whatever slope comes behind, and so does a
    cotangent that comes to that factor with an infinite slope.
    """
    if type(b) is not np.ndarray or type(a) is Dual or type(a) is Recorder:
        if (type(a) is Recorder and _is_constant(b, a)) or (type(b) is Recorder and _is_constant(a, b)):
            return RECORDED[mixed](a, b)
        if on_device(b) and type(a) is not Recorder:
            return backend.of(b).mixed(a, b)
        if type(a) is Dual or type(b) is Dual:
            return _product(a, b, mixed)
    if type(a) is float and a != 0 and math.isfinite(a):
        # This makes no NaN. The cotangent of a sum is one number, repeated in no memory.
        if type(b) is np.ndarray and b.size > _MANY and not any(b.strides):
            return anywhere.repeated(a * b[(slice(1),) * b.ndim], b.shape)
        return a * b
    product = beside(a, b) * b
    if is_finite(product):
        return product
    return np.where((a == 0) | (b == 0), product.dtype.type(0), product)


def times_constant(factor: Operand, tangent: Operand) -> Any:
    """``factor * tangent`` with an operand of a product that does not move: zero where either is zero."""
    if (type(tangent) is not np.ndarray and type(tangent) is not Dual) or type(factor) is Dual or on_device(tangent):
        return scale(factor, tangent)
    if tangent.shape[0] > 1 and np.all(factor):
        # The look at the factor takes less time than that at the product.
        return scale(factor, tangent)
    return mixed(factor, tangent)


SCALED = Primitive(
    "product with a constant",
    lambda x, factor: scale(factor, x),
    lambda cotangent, place, x, factor: mixed(factor, cotangent),
)


def _sum_of_scaled(*arguments: Any) -> Any:
    *tangents, factors = arguments
    return functools.reduce(anywhere.added, map(scale, factors, tangents))


SUM_OF_SCALED = Primitive(
    "sum of products with constants",
    _sum_of_scaled,
    lambda cotangent, place, *arguments: mixed(arguments[-1][place], cotangent),
)
"""The step of several tangents, followed by the sequence of as many factors."""


_WORDS: dict[int, Any] = {2: np.int16, 4: np.int32, 8: np.int64}


def masked(condition: Any, x: Any) -> Any:
    """``numpy.where(condition, x, 0)``, to the last bit."""
    if type(x) is Recorder:
        return RECORDED[np.where](condition, x, 0)
    if type(x) is np.ndarray and x.size > _MANY and x.dtype.kind == "f" and x.itemsize in _WORDS:
        # NumPy's function branches at each element, which takes ten times as long where the condition is irregular. A
        # product of whole words has no infinities and no sign of zero.
        return np.multiply(x.view(_WORDS[x.itemsize]), condition).view(x.dtype)
    return np.where(condition, x, x.dtype.type(0))


CPU.bring(Backend.scale, scale)
CPU.bring(Backend.mixed, mixed)


def _product(factor: Operand, tangent: Operand, multiply: Any) -> Any:
    factor_level = factor.level if type(factor) is Dual else 0
    tangent_level = tangent.level if type(tangent) is Dual else 0
    level = factor_level if factor_level >= tangent_level else tangent_level
    factor_moves = tangent_moves = None
    if factor_level == level:
        factor, factor_moves = factor.primal, factor.tangent
    if tangent_level == level:
        tangent, tangent_moves = tangent.primal, tangent.tangent
    primal = multiply(factor, tangent)
    change = None
    if factor_moves is not None:
        factor_moves = align(factor_moves, primal.ndim)
        if not _never_meet(factor_moves, tangent):
            change = mixed(factor_moves, tangent)
    if tangent_moves is not None:
        second = multiply(factor, align(tangent_moves, primal.ndim))
        change = second if change is None else _sum(change, second)
    return primal if change is None else finish(primal, change, level)


def _sum(x: Operand, y: Operand) -> Any:
    """The sum of two tangents, whose components may be recorders of a lower level than their own."""
    for one, other in ((x, y), (y, x)):
        if type(one) is Recorder and _is_constant(other, one):
            # A constant is a tangent of zeros.
            break
        if type(other) is Dual and (type(one) is Recorder or type(value_of(other)) is Recorder):
            return added(x, y)
    return anywhere.added(x, y)


_LARGE = 2**15
"""Elements from which on a product of two tangents is worth a search for zeros in them."""


def _never_meet(a: Operand, b: Operand) -> bool:
    """Whether one of two tangents is zero at each element, so that no product need be formed.

    This holds for most blocks of the Hessian of a sum in which each variable meets few others.
    """
    if (
        type(a) is not np.ndarray
        or type(b) is not np.ndarray
        or a.shape[2:] != b.shape[1:]
        or a.shape[0] * b.size < _LARGE
    ):
        return False
    return not (a.any((0, 1)) & b.any(0)).any()


def align(tangent: Any, ndim: int) -> Any:
    """Give the tangent of an operand that is broadcast to `ndim` axes the missing axes, behind the directions."""
    missing = ndim + 1 - tangent.ndim
    if missing > 0:
        shape = tangent.shape
        return anywhere.reshaped(tangent, (shape[0],) + (1,) * missing + shape[1:])
    return tangent


def whole(value: Any) -> Any:
    """A value as NumPy's functions return it, scalars as 0-d arrays."""
    return value if type(value) is Dual else np.asarray(value)


def finish(primal: Any, tangent: Any, level: int) -> Dual:
    """The Dual of a result; the tangent takes the result's shape and dtype."""
    if tangent.shape[1:] != primal.shape:
        tangent = anywhere.repeated(tangent, (tangent.shape[0], *primal.shape))
    if tangent.dtype is not primal.dtype and tangent.dtype != primal.dtype:
        refuse_long(primal.dtype, "a function of a dual array")
        tangent = anywhere.converted(tangent, primal.dtype)
    return make(primal, tangent, level)
