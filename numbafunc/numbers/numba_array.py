"""The Numba type of arrays of numbers with tangents: what a user's compiled function sees when it is differentiated.

An element is a struct of the coefficients of a number, side by side in memory, so an array of numbers is a float array
with one more axis, the last, seen in another way. Indexing, slices, views, assignment, iteration and shapes are those
of Numba's own arrays. Here are the operators and NumPy's elementwise functions, which Numba fuses as it does for float
arrays; :mod:`numbafunc.numbers.numba_functions` has the others.
"""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from llvmlite import ir
from numba import extending
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.np import arrayobj, npyimpl

from numbafunc.numbers.numba_type import NumberType, lanes_in, pack, unpack
from numbafunc.numbers.operations import OPERATIONS, PLAIN, QUERIES, closed

Emit = Callable[..., Any]


class NumberArray(types.Array):
    """Type of an array whose elements are numbers, a :class:`NumberType`."""

    def copy(self, dtype: Any = None, ndim: Any = None, layout: Any = None, readonly: Any = None) -> Any:
        """The type with some of its properties changed; one of plain elements is an ordinary array."""
        dtype = self.dtype if dtype is None else dtype
        return array_type(
            dtype,
            self.ndim if ndim is None else ndim,
            self.layout if layout is None else layout,
            not self.mutable if readonly is None else readonly,
        )

    def unify(self, typingctx: Any, other: Any) -> Any:
        """The array that either of two may be: one of the same elements."""
        if isinstance(other, NumberArray) and other.ndim == self.ndim and other.dtype == self.dtype:
            layout = self.layout if self.layout == other.layout else "A"
            return NumberArray(self.dtype, self.ndim, layout, not (self.mutable and other.mutable))
        return None


# Numba fuses expressions of arrays of its own types only, which it tells by the module they are defined in.
NumberArray._is_internal = True


def array_type(dtype: Any, ndim: int, layout: str = "C", readonly: bool = False) -> Any:
    """Type of an array of numbers, or of other elements."""
    kind = NumberArray if isinstance(dtype, NumberType) else types.Array
    return kind(dtype, ndim, layout, readonly)


extending.register_model(NumberArray)(extending.models.ArrayModel)


@extending.overload_classmethod(NumberArray, "_allocate", strict=False)
def _allocate(cls: Any, size: Any, align: Any) -> Any:
    return lambda cls, size, align: arrayobj.intrin_alloc(size, align)


# Arrays of floats with one more axis, and arrays of numbers, are the same memory.


def make_enter(target: NumberType, ndim: int) -> Any:
    """The intrinsic that sees a contiguous float array, of which the last axis holds coefficients, as numbers.

    Without further axes it gives the number itself.
    """

    @extending.intrinsic
    def enter(typingctx: Any, floats: Any) -> Any:
        result = NumberArray(target, ndim, "C") if ndim else target

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            array = context.make_array(floats)(context, builder, args[0])
            data = builder.bitcast(array.data, context.get_data_type(target).as_pointer())
            if ndim == 0:
                return context.unpack_value(builder, target, data)
            own = _view(context, builder, result, array, data, _size(context, target), drop=True)
            return impl_ret_borrowed(context, builder, result, own)

        return result(floats), codegen

    return enter


@extending.intrinsic
def floats_of(typingctx: Any, numbers: Any) -> Any:
    """The float array that an array of numbers is in memory: the inverse of the intrinsic of :func:`make_enter`."""
    if not isinstance(numbers, NumberArray):
        return None
    floats = types.Array(numbers.dtype.dtype, numbers.ndim + 1, "C" if numbers.layout == "C" else "A")

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array = context.make_array(numbers)(context, builder, args[0])
        data = builder.bitcast(array.data, context.get_data_type(floats.dtype).as_pointer())
        size = _size(context, floats.dtype)
        own = _view(context, builder, floats, array, data, size, append=numbers.dtype.floats)
        return impl_ret_borrowed(context, builder, floats, own)

    return floats(numbers), codegen


def _size(context: Any, type_: Any) -> Any:
    return context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(type_)))


def _view(
    context: Any, builder: Any, target: Any, array: Any, data: Any, size: Any, drop: bool = False, append: int = 0
) -> Any:
    """The array of another type in the same memory, without the last axis or with one more."""
    view = context.make_array(target)(context, builder)
    shape, strides = (cgutils.unpack_tuple(builder, axes) for axes in (array.shape, array.strides))
    if drop:
        shape, strides = shape[:-1], strides[:-1]
    if append:
        shape, strides = [*shape, context.get_constant(types.intp, append)], [*strides, size]
    arrayobj.populate_array(
        view, data=data, shape=shape, strides=strides, itemsize=size, meminfo=array.meminfo, parent=array.parent
    )
    return view._getvalue()


def make_store(target: NumberType) -> Any:
    """The intrinsic that writes all coefficients of a number to a float array of one axis."""

    @extending.intrinsic
    def store(typingctx: Any, floats: Any, number: Any) -> Any:
        if not isinstance(number, (NumberType, types.Number, types.Boolean)):
            return None

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            array = context.make_array(floats)(context, builder, args[0])
            value = context.cast(builder, args[1], number, target)
            data = builder.bitcast(array.data, context.get_data_type(target).as_pointer())
            context.pack_value(builder, target, value, data)
            return context.get_dummy_value()

        return types.void(floats, number), codegen

    return store


def make_unit(target: NumberType, place: int) -> Any:
    """The intrinsic that makes a number of a float: one that moves along one of the lanes."""

    @extending.intrinsic
    def unit(typingctx: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            plain = context.cast(builder, args[0], value, target.dtype)
            ones = [float(lane == place) for lane in range(target.lanes)]
            lanes = ir.Constant(ir.VectorType(plain.type, len(ones)), ones) if len(ones) > 1 else plain.type(ones[0])
            struct = builder.insert_value(context.get_constant_undef(target), plain, 0)
            return builder.insert_value(struct, lanes, 1)

        return target(value), codegen

    return unit


def make_lanes(target: NumberType) -> Any:
    """The intrinsic that gives the coefficients of all lanes of a number, which may be a plain one, as a tuple."""

    @extending.intrinsic
    def lanes(typingctx: Any, number: Any) -> Any:
        result = types.UniTuple(target.dtype, target.lanes)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            found = builder.extract_value(context.cast(builder, args[0], number, target), 1)
            places = [ir.Constant(ir.IntType(32), lane) for lane in range(target.lanes)]
            parts = [builder.extract_element(found, place) for place in places] if len(places) > 1 else [found]
            return context.make_tuple(builder, result, parts)

        return result(number), codegen

    return lanes


# Operators and elementwise functions.

_SCALARS = (NumberType, types.Number, types.Boolean)


def _element(type_: Any) -> Any:
    return type_.dtype if isinstance(type_, types.Array) else type_


def _is_operand(type_: Any) -> bool:
    return isinstance(_element(type_), _SCALARS) and not isinstance(_element(type_), types.Complex)


def _ndim(operands: Any) -> Any:
    """The number of axes of an elementwise result; None where this file has nothing to say."""
    if not all(map(_is_operand, operands)):
        return None
    arrays = [x for x in operands if isinstance(x, types.Array)]
    if not arrays or not any(isinstance(_element(x), NumberType) for x in operands):
        return None
    return max(x.ndim for x in arrays)


def _number(operands: Any, keys: Callable[..., Any]) -> NumberType:
    elements = [_element(x) for x in operands]
    dtype = max((x.dtype for x in elements if isinstance(x, NumberType)), key=lambda dtype: dtype.bitwidth)
    found = keys(*(x.keys if isinstance(x, NumberType) else PLAIN for x in elements))
    return NumberType(dtype, found, lanes_in(elements))


def _zero_dimensional(context: Any, builder: Any, type_: Any, value: Any) -> tuple[Any, Any]:
    """A number as an array without axes, which Numba's loops over arrays take."""
    if not isinstance(type_, NumberType):
        return type_, value
    target = NumberArray(type_, 0, "C")
    data = cgutils.alloca_once(builder, context.get_data_type(type_))
    context.pack_value(builder, type_, value, data)
    array = context.make_array(target)(context, builder)
    arrayobj.populate_array(
        array, data=data, shape=(), strides=(), itemsize=_size(context, type_), meminfo=None, parent=None
    )
    return target, array._getvalue()


def _loop(context: Any, builder: Any, result: Any, operands: Any, values: Any, generate: Emit, out: bool) -> Any:
    """Emit the loop over all elements; with ``out`` the last operand is the array for the results."""

    class Kernel(npyimpl._Kernel):
        def generate(self, *args: Any) -> Any:
            return generate(context, builder, self.outer_sig, args)

    pairs = [_zero_dimensional(context, builder, type_, value) for type_, value in zip(operands, values, strict=True)]
    count = len(pairs) - out
    shaped = SimpleNamespace(nin=count, nout=1, nargs=count + 1, __name__="numbers")
    sig = signature(result, *(type_ for type_, _ in pairs))
    return npyimpl.numpy_ufunc_kernel(context, builder, sig, [value for _, value in pairs], shaped, Kernel)


def _emitted(emit: Emit) -> Emit:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        target = sig.return_type
        operands = [unpack(context, builder, t, v, target.dtype) for t, v in zip(sig.args, args)]
        return pack(context, builder, target, emit(*operands))

    return generate


def _asked(ask: Emit) -> Emit:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        dtype = _number(sig.args, lambda *keys: PLAIN).dtype
        return ask(*(unpack(context, builder, t, v, dtype).value for t, v in zip(sig.args, args))).value

    return generate


def _power(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    target = sig.return_type
    base, exponent = (unpack(context, builder, t, v, target.dtype) for t, v in zip(sig.args, args))
    constant = getattr(args[1], "constant", None)
    result = base.power(constant if isinstance(constant, (int, float)) else exponent)
    return pack(context, builder, target, result)


def _register(function: Any, arity: int, result: Callable[[Any], Any], generate: Emit, in_place: bool = False) -> None:
    class Typed(AbstractTemplate):
        key = function
        # So that it is asked before Numba's own, which fails for operators in place.
        metadata: ClassVar[dict[str, str]] = {"target": "cpu"}

        def generic(self, args: Any, kws: Any) -> Any:
            out = len(args) == arity + 1 and not in_place  # NumPy's positional argument for the result
            operands = args[:-1] if out else args
            ndim = _ndim(operands)
            if kws or ndim is None or len(operands) != arity:
                return None
            element = result(operands)
            target = array_type(element, ndim)
            if out or in_place:
                given = args[-1] if out else args[0]
                if not isinstance(given, types.Array) or not given.mutable or given.ndim < ndim:
                    return None
                if given.dtype != element and self.context.can_convert(element, given.dtype) is None:
                    return None
                target = given
            return signature(target, *args)

    # As a decorator it asks a ufunc for its module, which has no name in NumPy 2.0.
    infer_global(function, types.Function(Typed))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        operands, values = list(sig.args), list(args)
        if in_place:
            operands, values = [*operands, operands[0]], [*values, values[0]]
        return _loop(context, builder, sig.return_type, operands, values, generate, len(operands) == arity + 1)

    for given in (arity, arity + 1):
        for patterns in _patterns(given):
            extending.lower_builtin(function, *patterns)(lower)


def _patterns(count: int) -> list[tuple[Any, ...]]:
    """Patterns of operands, more special than those under which Numba has registered its own arrays."""
    kinds = (NumberArray, types.Array, NumberType, types.Number, types.Boolean)
    found: list[tuple[Any, ...]] = [()]
    for _ in range(count):
        found = [(*pattern, kind) for pattern in found for kind in kinds]
    return [
        p
        for p in found
        if (NumberArray in p or NumberType in p) and (NumberArray in p or types.Array in p)
    ]  # fmt: skip


def _by(keys: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda operands: _number(operands, keys)


def _install() -> None:
    for function, operation in OPERATIONS.items():
        if isinstance(function, np.ufunc) or function is builtins.abs or function.__module__ == "_operator":
            in_place = function.__name__ in ("iadd", "isub", "imul", "itruediv")
            _register(function, operation.arity, _by(operation.keys), _emitted(operation.emit), in_place)
    for function in (operator.pow, operator.ipow, np.power):
        _register(function, 2, _by(closed), _power, function is operator.ipow)
    for function, query in QUERIES.items():
        if isinstance(function, np.ufunc) or function.__module__ == "_operator":
            _register(function, query.arity, lambda operands: types.boolean, _asked(query.ask))


_install()

__all__ = ["NumberArray", "array_type", "floats_of", "make_enter", "make_lanes", "make_store", "make_unit"]
