"""Python's operators of dual arrays, which go to the rules directly, past NumPy's protocol."""

from __future__ import annotations

import operator as operators
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import CPU, IN_MAIN_MEMORY
from numbafunc.dual.methods import ArrayMethods
from numbafunc.dual.other_arrays import holds_arrays
from numbafunc.dual.recorder import Recorder
from numbafunc.dual.tables import FUNCTION_RULES, HOOKS, UFUNC_RULES

# The type of a dual array is that of ``self``: the module of the class imports this one.


def apply(ufunc: Callable[..., Any], dual: Any, *operands: Any) -> Any:
    """What a ufunc, or a function called like one, makes of operands of which one is of the type of dual arrays."""
    elsewhere = False
    for x in operands:
        if type(x) is dual:
            if x.family is not None and x.family[0].blank:
                return HOOKS["ufunc_of_blanks"](ufunc, "__call__", operands, {})
            while type(x) is dual:
                x = x.primal
        elsewhere = elsewhere or type(x) not in IN_MAIN_MEMORY
    if elsewhere and (place := backend.of(*operands)) is not CPU:
        return place.ufunc(ufunc, *operands)
    return UFUNC_RULES[ufunc](*operands)


def _does_the_work(other: Any, ufunc: np.ufunc, dual: type) -> bool:
    """Whether an operand has operators of its own: a recorder, of whose level dual arrays are constants, and others."""
    if type(other) is Recorder or getattr(other, "__array_ufunc__", True) is None:
        return True
    return type(other) is not dual and ufunc is not np.matmul and holds_arrays(other)


def _binary(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        dual = type(self)
        own, value = self.primal, other
        blank = self.family is not None and self.family[0].blank
        if type(other) is dual:
            value = other.primal
            blank = blank or (other.family is not None and other.family[0].blank)
        while type(own) is dual:
            own = own.primal
        while type(value) is dual:
            value = value.primal
        if blank:
            return apply(ufunc, dual, self, other)
        if type(own) is not np.ndarray or type(value) not in IN_MAIN_MEMORY:
            return NotImplemented if _does_the_work(other, ufunc, dual) else apply(ufunc, dual, self, other)
        return UFUNC_RULES[ufunc](self, other)

    return operator


def _equality(ufunc: np.ufunc, plain: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    compare = _binary(ufunc)

    def operator(self: Any, other: Any) -> Any:
        try:
            return compare(self, other)
        except TypeError:  # text, for example, which no number is equal to
            value = self.primal
            while type(value) is type(self):
                value = value.primal
            return plain(value, other)

    return operator


def _reflected(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        dual = type(self)
        own, value = self.primal, other
        while type(own) is dual:
            own = own.primal
        while type(value) is dual:
            value = value.primal
        if self.family is not None and self.family[0].blank:
            return apply(ufunc, dual, other, self)
        if type(own) is not np.ndarray or type(value) not in IN_MAIN_MEMORY:
            return NotImplemented if _does_the_work(other, ufunc, dual) else apply(ufunc, dual, other, self)
        return UFUNC_RULES[ufunc](other, self)

    return operator


def _unary(ufunc: np.ufunc) -> Callable[[Any], Any]:
    def operator(self: Any) -> Any:
        return apply(ufunc, type(self), self)

    return operator


def _is_number(x: Any) -> bool:
    """Whether a dual array is a number: without axes, and not part of an array. Then ``x += y`` makes a new one."""
    return x.primal.ndim == 0 and (x.family is None or x.family[0].storage.ndim == 0)


def _in_place(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    name = f"numpy.{ufunc.__name__}"

    def operator(self: Any, other: Any) -> Any:
        if getattr(other, "__array_ufunc__", True) is None:
            return NotImplemented
        result = apply(ufunc, type(self), self, other)
        return result if _is_number(self) else FUNCTION_RULES[operators.iadd](self, result, name)

    return operator


class Operators(ArrayMethods):
    """The operators, for the class of dual arrays."""

    __slots__ = ()
    # Equality is elementwise, so a dual array can't be a key.
    __hash__ = None  # type: ignore[assignment]

    __add__ = _binary(np.add)
    __radd__ = _reflected(np.add)
    __sub__ = _binary(np.subtract)
    __rsub__ = _reflected(np.subtract)
    __mul__ = _binary(np.multiply)
    __rmul__ = _reflected(np.multiply)
    __truediv__ = _binary(np.divide)
    __rtruediv__ = _reflected(np.divide)
    __floordiv__ = _binary(np.floor_divide)
    __rfloordiv__ = _reflected(np.floor_divide)
    __mod__ = _binary(np.remainder)
    __rmod__ = _reflected(np.remainder)
    __divmod__ = _binary(np.divmod)
    __rdivmod__ = _reflected(np.divmod)
    __rpow__ = _reflected(np.power)
    __matmul__ = _binary(np.matmul)
    __rmatmul__ = _reflected(np.matmul)
    __lt__ = _binary(np.less)
    __le__ = _binary(np.less_equal)
    __gt__ = _binary(np.greater)
    __ge__ = _binary(np.greater_equal)
    __eq__ = _equality(np.equal, operators.eq)
    __ne__ = _equality(np.not_equal, operators.ne)
    __iadd__ = _in_place(np.add)
    __isub__ = _in_place(np.subtract)
    __imul__ = _in_place(np.multiply)
    __itruediv__ = _in_place(np.divide)
    __ifloordiv__ = _in_place(np.floor_divide)
    __imod__ = _in_place(np.remainder)
    __imatmul__ = _in_place(np.matmul)
    __neg__ = _unary(np.negative)
    __pos__ = _unary(np.positive)
    __abs__ = _unary(np.absolute)

    def __pow__(self, exponent: Any) -> Any:
        # For these exponents the operator of arrays calls other functions than numpy.power, and so does this one.
        dual = type(self)
        if type(exponent) is int or type(exponent) is float:
            if exponent == 2:
                return apply(np.square, dual, self)
            if exponent == 1:
                return apply(np.positive, dual, self)
            if exponent == 0.5:
                return apply(np.sqrt, dual, self)
            if exponent == -1:
                return apply(np.reciprocal, dual, self)
        elif type(exponent) is not dual and holds_arrays(exponent):
            return NotImplemented
        return apply(np.power, dual, self, exponent)

    def __ipow__(self, exponent: Any) -> Any:
        result = self**exponent
        return result if _is_number(self) else FUNCTION_RULES[operators.iadd](self, result, "numpy.power")
