"""More functions on numbers with tangents, inside a user's compiled function: written with those that are emitted."""

from __future__ import annotations

import builtins
import math
import operator
from typing import Any

import numpy as np
from numba import extending
from numba.core import types
from numba.core.errors import TypingError

from numbafunc.numbers import elementary
from numbafunc.numbers.keys import closed_keys, sort_keys
from numbafunc.numbers.numba_array import NumberArray
from numbafunc.numbers.numba_functions import absent, is_number, make_empty, replaces
from numbafunc.numbers.numba_type import NumberType, lanes_in, leave

_constant, _with_slope_of = elementary.constant, elementary.with_slope_of


def _joint(given: tuple[Any, ...]) -> NumberType:
    """The type of numbers that depend on several numbers, and on elements of arrays."""
    elements = [type_.dtype if isinstance(type_, types.Array) else type_ for type_ in given]
    numbers = [element for element in elements if isinstance(element, NumberType)]
    dtype = max((element.dtype for element in numbers), key=lambda dtype: dtype.bitwidth)
    keys = closed_keys(sort_keys([key for element in numbers for key in element.keys]))
    return NumberType(dtype, keys, lanes_in(numbers))


def over_elements(function: Any) -> Any:
    """What chooses the implementation of a function of numbers: the function itself, or a loop over arrays."""

    def choose(*given: Any) -> Any:
        names = [f"given{number}" for number in range(len(given))]
        called = ", ".join(names)
        namespace: dict[str, Any] = {"__name__": __name__, "function": function, "np": np}
        arrays = [name for name, type_ in zip(names, given) if isinstance(type_, types.Array)]
        lines = [f"return function({called})"]
        if arrays:
            namespace["make"] = make_empty(_joint(given))
            shapes = ", ".join(f"{name}.shape" for name in arrays)
            lines = [f"shape = np.broadcast_shapes({shapes})" if len(arrays) > 1 else f"shape = {shapes}"]
            if len(arrays) > 1:
                lines += [f"{name} = np.broadcast_to({name}, shape)" for name in arrays]
            called = ", ".join(f"{name}[index]" if name in arrays else name for name in names)
            lines += ["result = make(shape)", "for index in np.ndindex(shape):"]
            lines += [f"    result[index] = function({called})", "return result"]
        exec("\n".join([f"def implementation({', '.join(names)}):", *(f"    {line}" for line in lines)]), namespace)
        return namespace["implementation"]

    return choose


def _scalar(*originals: Any) -> Any:
    """Register the implementation of functions of numbers, given as a function that Numba can compile."""

    def register(implementation: Any) -> Any:
        function = extending.register_jitable(implementation)
        for original in originals:
            replaces(original)(over_elements(function))
        return implementation

    return register


for _name in ("asin", "acos", "atan", "asinh", "acosh", "atanh"):
    _scalar(getattr(math, _name))(
        eval(f"lambda x: np.{_name.replace('a', 'arc', 1)}(x)", {"__name__": __name__, "np": np})
    )

_scalar(math.pow, np.power, np.float_power)(lambda x, y: x**y)
_scalar(np.add)(lambda x, y: x + y)
_scalar(np.subtract)(lambda x, y: x - y)
_scalar(np.multiply)(lambda x, y: x * y)
_scalar(np.divide)(lambda x, y: x / y)
_scalar(np.negative)(lambda x: -x)
_scalar(np.positive)(lambda x: x)
_scalar(np.reciprocal)(lambda x: 1.0 / x)
_scalar(np.degrees, np.rad2deg, math.degrees)(lambda x: x * (180.0 / math.pi))
_scalar(np.radians, np.deg2rad, math.radians)(lambda x: x * (math.pi / 180.0))
_scalar(np.sign)(lambda x: np.sign(leave(x)))
_scalar(np.trunc)(lambda x: np.trunc(leave(x)))
_scalar(math.trunc)(lambda x: math.trunc(leave(x)))
_scalar(np.round, np.around)(lambda x: np.rint(leave(x)))


@_scalar(np.logaddexp)
def _logaddexp(x: Any, y: Any) -> Any:
    if x == y and np.isinf(leave(x)):
        # Equal infinities share equally, but -inf has no share.
        slope = x + elementary.softplus(_with_slope_of(0.0, y - x))
        return _with_slope_of(x + y, slope if x > 0.0 else 0.0 * slope)
    return x + elementary.softplus(y - x) if x >= y else y + elementary.softplus(x - y)


_scalar(np.arctan2, math.atan2)(lambda y, x: np.arctan2(y, x))
_scalar(np.hypot, math.hypot)(lambda x, y: np.hypot(x, y))


@_scalar(math.copysign, np.copysign)
def _copysign(x: Any, y: Any) -> Any:
    return abs(x) * np.copysign(1.0, leave(y))


def _remainder(x: Any, y: Any) -> Any:
    return _with_slope_of(leave(x) % leave(y), x - y * np.floor(x / y))


_remainder = extending.register_jitable(_remainder)
replaces(np.mod, np.remainder)(over_elements(_remainder))


@extending.overload(operator.mod, strict=False)
def _mod(x: Any, y: Any) -> Any:
    return over_elements(_remainder)(x, y) if is_number(x) or is_number(y) else None


@extending.overload(operator.floordiv, strict=False)
def _floor_division(x: Any, y: Any) -> Any:
    if isinstance(x, NumberType) or isinstance(y, NumberType):
        return lambda x, y: leave(x) // leave(y)
    return None


@extending.overload(builtins.divmod, strict=False)
def _quotient_and_remainder(x: Any, y: Any) -> Any:
    return (lambda x, y: (x // y, x % y)) if isinstance(x, NumberType) or isinstance(y, NumberType) else None


@extending.overload(builtins.float, strict=False)
def _float(x: Any) -> Any:
    return (lambda x: x) if isinstance(x, NumberType) else None


@extending.overload(builtins.bool, strict=False)
def _truth(x: Any) -> Any:
    return (lambda x: x != 0.0) if isinstance(x, NumberType) else None


@extending.overload(builtins.round, strict=False)
def _rounded(x: Any, digits: Any = None) -> Any:
    if not isinstance(x, NumberType):
        return None
    return (
        (lambda x, digits=None: round(leave(x))) if absent(digits) else lambda x, digits=None: round(leave(x), digits)
    )


def _of_several(function: Any) -> None:
    def of_three(a: Any, b: Any, c: Any) -> Any:
        return (lambda a, b, c: function(function(a, b), c)) if any(map(is_number, (a, b, c))) else None

    def of_four(a: Any, b: Any, c: Any, d: Any) -> Any:
        some = any(map(is_number, (a, b, c, d)))
        return (lambda a, b, c, d: function(function(function(a, b), c), d)) if some else None

    extending.overload(function, strict=False)(of_three)
    extending.overload(function, strict=False)(of_four)


_of_several(builtins.max)
_of_several(builtins.min)


# Interpolation.


@replaces(np.searchsorted)
def _searchsorted(a: Any, v: Any) -> Any:
    if isinstance(v, types.Array):
        return None
    if isinstance(v, NumberType) and not is_number(a):
        return lambda a, v: np.searchsorted(a, leave(v))

    def implementation(a: Any, v: Any) -> Any:
        low, high = 0, len(a)
        while low < high:
            middle = (low + high) // 2
            if a[middle] < v:
                low = middle + 1
            else:
                high = middle
        return low

    return implementation


def _interpolated(x: Any, xp: Any, fp: Any) -> Any:
    last = len(xp) - 1
    if x <= xp[0]:
        return fp[0] + 0.0 * x
    if x >= xp[last]:
        return fp[last] + 0.0 * x
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if xp[middle] <= x:
            low = middle
        else:
            high = middle
    return fp[low] + (x - xp[low]) * ((fp[high] - fp[low]) / (xp[high] - xp[low]))


_interpolated = extending.register_jitable(_interpolated)


@replaces(np.interp)
def _interp(x: Any, xp: Any, fp: Any) -> Any:
    if not isinstance(x, types.Array):
        return lambda x, xp, fp: _interpolated(x, xp, fp)
    make = make_empty(_joint((x, xp, fp)))

    def implementation(x: Any, xp: Any, fp: Any) -> Any:
        result = make(x.shape)
        for index in np.ndindex(x.shape):
            result[index] = _interpolated(x[index], xp, fp)
        return result

    return implementation


def without_tangents(x: Any) -> Any:
    """What chooses, given the type of an argument, the implementation of a function that drops all tangents."""
    if isinstance(x, NumberType):
        return lambda x: leave(x)
    if isinstance(x, NumberArray):
        dtype = x.dtype.dtype

        def of_array(x: Any) -> Any:
            result = np.empty(x.shape, dtype)
            for index in np.ndindex(x.shape):
                result[index] = leave(x[index])
            return result

        return of_array
    if is_number(x):
        return None
    if not _is_numeric(x):
        given = repr(x.literal_value) if isinstance(x, types.Literal) else str(x)
        raise TypingError(f"x of numbafunc.stop_gradient is {given}; wanted: arrays, numbers and tuples of them")
    return lambda x: x


def _is_numeric(given: Any) -> bool:
    if isinstance(given, types.BaseTuple):
        return all(map(_is_numeric, given))
    element = given.dtype if isinstance(given, types.Array) else types.unliteral(given)
    return isinstance(element, (types.Number, types.Boolean, types.NoneType, NumberType))


__all__ = ["over_elements", "without_tangents"]
