"""NumPy's functions on arrays of numbers with tangents, inside a user's compiled function that is differentiated.

The copy of such a function that is compiled for numbers sees these in the place of NumPy's own. Arguments without
tangents go to NumPy's function as they are. All are plain loops; :mod:`numbafunc.numbers.numba_creation` has those that
make arrays.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import extending
from numba.core import ir, types
from numba.core.errors import TypingError
from numba.core.imputils import impl_ret_new_ref
from numba.core.ir_utils import get_definition, guard
from numba.core.rewrites import Rewrite, register_rewrite
from numba.np import arrayobj

from numbafunc.numbers.keys import product_keys, sort_keys
from numbafunc.numbers.numba_array import NumberArray
from numbafunc.numbers.numba_type import NumberType, lanes_in
from numbafunc.numbers.operations import PLAIN

Choose = Callable[..., Any]

_LONGEST_LITERAL = 64
"""Elements up to which a list that is written out becomes a tuple."""

SHARED: dict[Any, Any] = {}
"""What stands in the place of functions of NumPy that compute with numbers, by these functions."""


def is_number(type_: Any) -> bool:
    """Whether a type is that of numbers with tangents, or an array, a list or a tuple of such."""
    if isinstance(type_, types.BaseTuple):
        return any(map(is_number, type_))
    if isinstance(type_, (types.List, types.Optional)):
        return is_number(getattr(type_, "dtype", None) or type_.type)
    return isinstance(type_, (NumberType, NumberArray))


def _delegated(original: Any, count: int, names: tuple[str, ...]) -> Any:
    """The implementation that calls a function of NumPy with the arguments as they are."""
    given = [f"given{number}" for number in range(count)]
    called = ", ".join([*given, *(f"{name}={name}" for name in names)])
    namespace = {"__name__": __name__, "original": original}
    exec(f"def implementation({', '.join([*given, *names])}):\n    return original({called})\n", namespace)
    return namespace["implementation"]


def stand_in(original: Any, choose: Choose, concerned: Callable[..., bool]) -> Any:
    """The function that compiled code calls in the place of another one."""

    def standing_in(*args: Any, **options: Any) -> Any:
        raise NotImplementedError

    standing_in.__name__ = standing_in.__qualname__ = getattr(original, "__name__", str(original))

    standing_in.stands_for = original  # type: ignore[attr-defined]

    @extending.overload(standing_in, strict=False)
    def typed(*args: Any, **options: Any) -> Any:
        if not concerned(*args, *options.values()):
            return _delegated(original, len(args), tuple(options))
        try:
            found = choose(*args, **options)
        except TypeError:  # arguments that are not provided for
            found = None
        if found is None:
            given = ", ".join(["array" if isinstance(x, types.Array) else str(x) for x in (*args, *options.values())])
            raise TypingError(f"numpy.{standing_in.__name__} of numbers with derivatives is not provided for ({given})")
        return found

    return standing_in


@register_rewrite("before-inference")
class ListLiterals(Rewrite):
    """Makes tuples of lists that are written out as arguments of stand-ins: tuples take no memory of their own."""

    def match(self, func_ir: Any, block: Any, typemap: Any, calltypes: Any) -> bool:
        """Find such lists."""
        self.block = block
        self.found: set[int] = set()
        lists: dict[str, Any] = {}
        for assignment in block.find_insts(ir.Assign):
            value = assignment.value
            if not isinstance(value, ir.Expr):
                continue
            if value.op == "build_list" and len(value.items) <= _LONGEST_LITERAL:
                lists[assignment.target.name] = value
            elif value.op == "call" and value.args and hasattr(_called(func_ir, value.func), "stands_for"):
                self._add(value.args[0], lists)
        return bool(self.found)

    def _add(self, variable: Any, lists: dict[str, Any]) -> None:
        value = lists.get(variable.name)
        if value is not None:
            self.found.add(id(value))
            for item in value.items:
                self._add(item, lists)

    def apply(self) -> Any:
        """The block with tuples."""
        for assignment in self.block.find_insts(ir.Assign):
            value = assignment.value
            if id(value) in self.found:
                assignment.value = ir.Expr.build_tuple(value.items, value.loc)
        return self.block


def _called(func_ir: Any, variable: Any) -> Any:
    """The function that a variable of Numba's intermediate representation refers to, if that is known."""
    definition = guard(get_definition, func_ir, variable)
    if isinstance(definition, (ir.Global, ir.FreeVar)):
        return definition.value
    if isinstance(definition, ir.Expr) and definition.op == "getattr":
        return getattr(_called(func_ir, definition.value), definition.attr, None)
    return None


def _any_number(*given: Any) -> bool:
    return any(map(is_number, given))


def replaces(*originals: Any, method: str = "") -> Callable[[Choose], Choose]:
    """Register what chooses the implementation of a function of NumPy, given the types of its arguments."""

    def register(choose: Choose) -> Choose:
        for original in originals:
            SHARED[original] = stand_in(original, choose, _any_number)
        if method:
            extending.overload_method(NumberArray, method, strict=False)(choose)
        return choose

    return register


def absent(*given: Any) -> bool:
    """Whether optional arguments are left out."""
    return all(
        x is None or (isinstance(x, (types.NoneType, types.Omitted)) and getattr(x, "value", None) is None)
        for x in given
    )


@cache
def make_empty(element: NumberType, fill: bool = False) -> Any:
    """The intrinsic that makes an array of numbers, of zeros with ``fill``."""

    @extending.intrinsic
    def empty(typingctx: Any, shape: Any) -> Any:
        whole = shape if isinstance(shape, types.BaseTuple) else (shape,)
        if not all(isinstance(length, types.Integer) for length in whole):
            return None
        target = NumberArray(element, len(whole), "C")

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            lengths = arrayobj._parse_shape(context, builder, sig.args[0], args[0])
            array = arrayobj._empty_nd_impl(context, builder, target, lengths)
            if fill:
                size = builder.mul(array.itemsize, array.nitems)
                arrayobj.cgutils.memset(builder, array.data, size, 0)
            return impl_ret_new_ref(context, builder, target, array._getvalue())

        return target(shape), codegen

    return empty


# Sums, products and extrema.


def _reduced(name: str, start: float | None, step: str, finish: str = "total", guard: str = "") -> Choose:
    """What chooses a reduction of all elements, or along one axis of a matrix."""

    def choose(a: Any, axis: Any = None) -> Any:
        if not isinstance(a, NumberArray):
            return None
        namespace: dict[str, Any] = {"__name__": __name__, "make": make_empty(a.dtype), "nan": math.nan}
        first = "a.flat[0]" if start is None else repr(start)
        refuse = [f"    if a.size == 0: raise ValueError('{name} of an array without elements')"] if guard else []
        if absent(axis):
            lines = [
                *refuse,
                "    count = a.size",
                f"    total = {first}",
                "    for x in a.flat:",
                f"        total = {step}",
                f"    return {finish}",
            ]
        elif a.ndim == 1 and isinstance(axis, types.Integer):
            return choose(a)
        elif a.ndim == 2 and isinstance(axis, types.Integer):
            first = "a[0, i] if down else a[i, 0]" if start is None else first
            lines = [
                *refuse,
                "    down = axis == 0 or axis == -2",
                "    count = a.shape[0] if down else a.shape[1]",
                "    result = make(a.shape[1] if down else a.shape[0])",
                "    for i in range(len(result)):",
                f"        total = {first}",
                "        for j in range(count):",
                "            x = a[j, i] if down else a[i, j]",
                f"            total = {step}",
                f"        result[i] = {finish}",
                "    return result",
            ]
        else:
            return None
        exec("\n".join(["def implementation(a, axis=None):", *lines]), namespace)
        return namespace["implementation"]

    return choose


replaces(np.sum, method="sum")(_reduced("sum", 0.0, "total + x"))
replaces(np.prod, method="prod")(_reduced("prod", 1.0, "total * x"))
replaces(np.mean, method="mean")(_reduced("mean", 0.0, "total + x", "total / count"))
replaces(np.max, np.amax, method="max")(_reduced("max", None, "max(total, x)", guard="x"))
replaces(np.min, np.amin, method="min")(_reduced("min", None, "min(total, x)", guard="x"))


def _of_mean_square(root: bool) -> Choose:
    def choose(a: Any) -> Any:
        if not isinstance(a, NumberArray):
            return None

        def variance(a: Any) -> Any:
            mean = 0.0
            for x in a.flat:
                mean = mean + x
            mean = mean / a.size
            total = 0.0
            for x in a.flat:
                total = total + (x - mean) * (x - mean)
            total = total / a.size
            return np.sqrt(total) if root else total

        return variance

    return choose


replaces(np.var, method="var")(_of_mean_square(False))
replaces(np.std, method="std")(_of_mean_square(True))


def _place(sign: str) -> Choose:
    def choose(a: Any) -> Any:
        if not isinstance(a, NumberArray) or a.ndim != 1:
            return None
        namespace: dict[str, Any] = {"__name__": __name__}
        exec(
            "def implementation(a):\n    best = 0\n    for i in range(1, len(a)):\n"
            f"        if a[i] {sign} a[best]:\n            best = i\n    return best\n",
            namespace,
        )
        return namespace["implementation"]

    return choose


replaces(np.argmax, method="argmax")(_place(">"))
replaces(np.argmin, method="argmin")(_place("<"))


@replaces(np.cumsum, method="cumsum")
def _cumsum(a: Any) -> Any:
    if not isinstance(a, NumberArray):
        return None
    make = make_empty(a.dtype)

    def implementation(a: Any) -> Any:
        result = make(a.size)
        total = 0.0
        for i, x in enumerate(a.flat):
            total = total + x
            result[i] = total
        return result

    return implementation


@replaces(np.diff)
def _diff(a: Any) -> Any:
    return (lambda a: a[1:] - a[:-1]) if isinstance(a, NumberArray) and a.ndim == 1 else None


def product_type(a: Any, b: Any) -> Any:
    """The type of the elements of a product of arrays; None if these are no arrays of real numbers."""
    elements = [x.dtype for x in (a, b) if isinstance(x, types.Array)]
    numbers = [x for x in elements if isinstance(x, NumberType)]
    plain = all(isinstance(x, (NumberType, types.Float, types.Integer, types.Boolean)) for x in elements)
    if len(elements) < 2 or not plain or not numbers:
        return None
    dtype = max((x.dtype for x in numbers), key=lambda dtype: dtype.bitwidth)
    keys = product_keys(*(x.keys if isinstance(x, NumberType) else PLAIN for x in elements))
    return NumberType(dtype, keys, lanes_in(elements))


def _dot(a: Any, b: Any) -> Any:
    element = product_type(a, b)
    if element is None:
        return None
    make = make_empty(element, True)

    def inner(a: Any, b: Any) -> Any:
        if len(a) != len(b):
            raise ValueError("incompatible array sizes for a product")
        total = 0.0
        for i in range(len(a)):
            total = total + a[i] * b[i]
        return total

    def of_vector(a: Any, b: Any) -> Any:
        if a.shape[1] != len(b):
            raise ValueError("incompatible array sizes for a product")
        result = make(a.shape[0])
        for i in range(a.shape[0]):
            total = 0.0
            for j in range(len(b)):
                total = total + a[i, j] * b[j]
            result[i] = total
        return result

    def by_vector(a: Any, b: Any) -> Any:
        if b.shape[0] != len(a):
            raise ValueError("incompatible array sizes for a product")
        result = make(b.shape[1])
        for i in range(len(a)):
            for j in range(b.shape[1]):
                result[j] += a[i] * b[i, j]
        return result

    def of_matrices(a: Any, b: Any) -> Any:
        if a.shape[1] != b.shape[0]:
            raise ValueError("incompatible array sizes for a product")
        result = make((a.shape[0], b.shape[1]))
        for i in range(a.shape[0]):
            for k in range(a.shape[1]):
                for j in range(b.shape[1]):
                    result[i, j] += a[i, k] * b[k, j]
        return result

    return {(1, 1): inner, (2, 1): of_vector, (1, 2): by_vector, (2, 2): of_matrices}.get((a.ndim, b.ndim))


@replaces(np.dot, np.vdot, np.inner)
def _dot_or_scaled(a: Any, b: Any) -> Any:
    if not (isinstance(a, types.Array) and isinstance(b, types.Array)):
        return lambda a, b: a * b
    return _dot(a, b)


extending.overload(operator.matmul, strict=False)(_dot)
extending.overload_method(NumberArray, "dot", strict=False)(_dot)


@replaces(np.outer)
def _outer(a: Any, b: Any) -> Any:
    element = product_type(a, b)
    if element is None or a.ndim != 1 or b.ndim != 1:
        return None
    make = make_empty(element)

    def implementation(a: Any, b: Any) -> Any:
        result = make((len(a), len(b)))
        for i in range(len(a)):
            for j in range(len(b)):
                result[i, j] = a[i] * b[j]
        return result

    return implementation


@replaces(np.trace)
def _trace(a: Any) -> Any:
    if not isinstance(a, NumberArray) or a.ndim != 2:
        return None

    def implementation(a: Any) -> Any:
        total = 0.0
        for i in range(min(a.shape[0], a.shape[1])):
            total = total + a[i, i]
        return total

    return implementation


@extending.overload_attribute(NumberType, "real", strict=False)
@extending.overload_attribute(NumberArray, "real", strict=False)
def _real(x: Any) -> Any:
    return lambda x: x


# Choices.


@replaces(np.where)
def _where(condition: Any, x: Any, y: Any) -> Any:
    given_types = {"condition": condition, "x": x, "y": y}
    arrays = [given for given in given_types.values() if isinstance(given, types.Array)]
    elements_of = [t.dtype if isinstance(t, types.Array) else t for t in (x, y)]
    found = [e for e in elements_of if isinstance(e, NumberType)]
    if not found:
        return None
    if not arrays:
        return lambda condition, x, y: x if condition else y
    ndim = max(array.ndim for array in arrays)
    dtype = max((e.dtype for e in found), key=lambda dtype: dtype.bitwidth)
    make = make_empty(NumberType(dtype, sort_keys([key for e in found for key in e.keys]), lanes_in(found)))
    shapes = [f"{name}.shape" for name, t in given_types.items() if isinstance(t, types.Array)]
    lines = [f"    shape = np.broadcast_shapes({', '.join(shapes)})"]
    elements = []
    for name, given in given_types.items():
        if not isinstance(given, types.Array):
            elements.append(name)
        elif given.ndim == ndim and len(arrays) == 1:
            elements.append(f"{name}[index]")
        else:
            lines.append(f"    {name}_ = np.broadcast_to({name}, shape)")
            elements.append(f"{name}_[index]")
    lines += [
        "    result = make(shape)",
        "    for index in np.ndindex(shape):",
        f"        result[index] = {elements[1]} if {elements[0]} else {elements[2]}",
        "    return result",
    ]
    namespace = {"__name__": __name__, "np": np, "make": make}
    exec("\n".join(["def implementation(condition, x, y):", *lines]), namespace)
    return namespace["implementation"]


@replaces(np.clip)
def _clip(a: Any, a_min: Any, a_max: Any) -> Any:
    if absent(a_min):
        return lambda a, a_min, a_max: np.minimum(a, a_max)
    if absent(a_max):
        return lambda a, a_min, a_max: np.maximum(a, a_min)
    return lambda a, a_min, a_max: np.minimum(np.maximum(a, a_min), a_max)
