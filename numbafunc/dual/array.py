"""Dual arrays: values with directional derivatives, for use in NumPy expressions.

A :class:`Dual` of level ``l`` stands for ``primal + sum_d tangent[d] * e_d`` with ``e_i * e_j = 0``. Each driver call
(:func:`numbafunc.jvp`, ...) takes a fresh level, so derivatives of nested functions never mix: an operation works
at the highest level among its operands, and everything of a lower level is a constant there.

The rules by which NumPy's functions act on dual arrays are in tables, which :mod:`numbafunc.rules` fills. The class and
the functions that take it apart and assemble it need each other, so they share this file.
"""

from __future__ import annotations

import operator as operators
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, final

import numpy as np

import numbafunc
from numbafunc import backend
from numbafunc.backend import IN_MAIN_MEMORY, is_device_array
from numbafunc.dual.dtypes import is_inexact
from numbafunc.dual.errors import dropped, without_rule
from numbafunc.dual.lent import own_value
from numbafunc.dual.levels import FIRST_DRAWN, LIVE, admit, leaked
from numbafunc.dual.operators import Operators, apply
from numbafunc.dual.other_arrays import PANDAS_PRIORITY, holds_arrays
from numbafunc.dual.recorder import Recorder
from numbafunc.dual.show import html_of, text_of
from numbafunc.dual.tables import FUNCTION_RULES, HOOKS, UFUNC_METHODS, UFUNC_RULES
from numbafunc.dual.user_line import DUAL_TYPES
from numbafunc.numbers import elementary

Operand: TypeAlias = Any
"""A Dual, an array or a number: the rules accept all three and tell them apart at run time."""

Components: TypeAlias = dict[tuple[int, ...], Any]


_OF_ARRAY_ITSELF = ("resize", "setflags")
"""Methods of plain arrays that change more than their elements."""


def is_blank(x: Operand) -> bool:
    """Whether something is a dual array that holds constants so far: made by a function of :mod:`numbafunc.numpy`.

    It counts as the plain array of its values until a value with tangents is assigned to it or to a view of it.
    """
    return type(x) is Dual and x.family is not None and x.family[0].blank


def settled(x: Operand) -> Any:
    """A dual array that holds constants so far as a plain array, in the same memory; anything else as it is."""
    return value_of(x) if type(x) is Dual and x.family is not None and x.family[0].blank else x


@final
class Dual(Operators):
    """An array with directional derivatives.

    Parameters
    ----------
    primal : numpy.ndarray or Dual
        The value: floating or complex, of any shape; a Dual must have a lower level.
    tangent : numpy.ndarray or Dual
        One derivative of the value for each direction: shape ``(directions,) + primal.shape``, dtype of the primal.
    level : int
        The differentiation that the tangents belong to: positive, and below a million, where the levels of the
        functions that take derivatives begin.

    Raises
    ------
    TypeError
        A primal that is neither floating nor complex, or a tangent of another dtype.
    ValueError
        A tangent of another shape, a primal or tangent whose level is not lower, or a level out of range.

    Notes
    -----
    NumPy's ufuncs, Python's operators, indexing and many array functions work. A function without a rule raises
    TypeError, and so does everything that would drop the derivative (``float(x)``, ``numpy.asarray(x)``). Comparisons
    and queries look at the value and give plain arrays.

    The variables of a derivative are real, what is computed from them may be complex: the tangent is then the
    derivative of the real and of the imaginary part along a real direction, so functions that are not analytic
    (``abs``, ``conj``, ``real``) have derivatives too.

    Examples
    --------
    >>> import numpy as np
    >>> from numbafunc.autodiff import Dual
    >>> x = Dual(np.array([1.0, 2.0]), np.array([[1.0, 0.0], [0.0, 1.0]]), level=1)
    >>> (x * x).tangent
    array([[2., 0.],
           [0., 4.]])
    """

    __slots__ = ("__weakref__", "family", "lent", "level", "primal", "tangent")
    __array_priority__ = 1000.0
    __pandas_priority__ = PANDAS_PRIORITY
    primal: Any
    tangent: Any
    level: int
    family: Any
    """None, or the views that see an assignment: see :mod:`numbafunc.dual.storage`."""
    lent: Any
    """None, or the value where no ``primal`` is set yet: see :mod:`numbafunc.dual.lent`."""

    def __init__(self, primal: Operand, tangent: Operand, level: int) -> None:
        primal = primal if type(primal) is Dual or is_device_array(primal) else np.asarray(primal)
        tangent = tangent if type(tangent) is Dual or is_device_array(tangent) else np.asarray(tangent)
        if not is_inexact(primal.dtype):
            raise TypeError(f"primal has dtype {primal.dtype}; a dual array needs a floating or complex dtype")
        if tangent.dtype != primal.dtype:
            raise TypeError(f"tangent has dtype {tangent.dtype}; it must be that of primal, {primal.dtype}")
        if tangent.ndim == 0 or tangent.shape[1:] != primal.shape:
            raise ValueError(f"tangent has shape {tangent.shape}; it must be (directions,) + {primal.shape}")
        if not 1 <= level < FIRST_DRAWN or any(lower >= level for lower in levels_of(primal, tangent)):
            raise ValueError(
                f"level is {level}; it must be above the levels of primal and tangent, from 1 to {FIRST_DRAWN - 1}"
            )
        admit(level)
        self.primal = primal
        self.tangent = tangent
        self.level = level
        self.family = self.lent = None

    def __reduce__(self) -> tuple[Any, ...]:
        return HOOKS["reduce"](self)  # type: ignore[no-any-return]

    def __deepcopy__(self, memo: Any) -> Dual:
        return self.copy()

    def __getattr__(self, name: str) -> Any:
        """What only plain arrays have (``flags``, ``view``, ...), of an array that holds constants so far."""
        if name == "primal":
            return own_value(self)
        if name.startswith("__") or not is_blank(self):
            raise AttributeError(f"a dual array has no attribute {name!r}", name=name, obj=self)
        return getattr(value_of(self) if name in _OF_ARRAY_ITSELF else HOOKS["show"](self), name)

    def __len__(self) -> int:
        return len(self.primal)

    def __bool__(self) -> bool:
        return bool(value_of(self))

    def __repr__(self) -> str:
        return text_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)

    def __format__(self, specification: str) -> str:
        """With a specification (``f"{x:.3f}"``) the value, like any number; without one, the ``repr``."""
        if not specification or self.ndim:
            return super().__format__(specification)
        value = value_of(self)
        return format(complex(value) if self.dtype.kind == "c" else float(value), specification)

    # Conversions that would drop the tangent raise.

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if is_blank(self):
            return np.array(value_of(self) if copy else HOOKS["show"](self), dtype, copy=copy)
        raise dropped(
            "conversion to a NumPy array",
            "call functions of NumPy: numpy.dot(a, x) for a.dot(x), numpy.stack([x, y]) for numpy.array([x, y]); fill "
            "arrays made by numpy.zeros_like(x)",
        )

    def __float__(self) -> float:
        if is_blank(self):
            return float(value_of(self))
        raise dropped("float()", "functions of math take no dual arrays: call those of NumPy")

    def __int__(self) -> int:
        if is_blank(self):
            return int(value_of(self))
        raise dropped("int()")

    def __index__(self) -> int:
        raise dropped("an index", "take int(numbafunc.stop_gradient(x))")

    def __round__(self, decimals: int | None = None) -> Any:
        """The rounded value, which has no derivative, as :func:`numpy.round` gives it; without decimals an int."""
        if self.ndim:
            raise TypeError("round() of a dual array that is not a number; call numpy.round(x, decimals)")
        return round(value_of(self)[()], decimals)

    def __complex__(self) -> complex:
        if is_blank(self):
            return complex(value_of(self))
        raise dropped("complex()")

    # Numbers with their tangents stand for Python's.

    def item(self, *args: Any) -> Any:
        """One element, a dual number: that at an index, or the only one."""
        if is_blank(self):
            return value_of(self).item(*args)
        number = np.arange(self.size).reshape(self.shape).item(*args)  # raises NumPy's errors
        return self.flatten()[number]

    def tolist(self) -> Any:
        """The elements, dual numbers, in nested lists."""
        if is_blank(self):
            return value_of(self).tolist()
        return [x.tolist() for x in self] if self.ndim else self.copy()

    # The Python array API standard.

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The module of functions for this array, :mod:`numbafunc.numpy`; ValueError for an unknown version."""
        value_of(self).__array_namespace__(api_version=api_version)
        return numbafunc.numpy

    @property
    def device(self) -> Any:
        """Where the array is: ``"cpu"`` for main memory."""
        return value_of(self).device

    def to_device(self, device: Any, /, *, stream: Any = None) -> Dual:
        """The array itself; ValueError for another device than its own."""
        value_of(self).to_device(device, stream=stream)
        return self

    def __dlpack__(self, **options: Any) -> Any:
        if is_blank(self):
            return HOOKS["show"](self).__dlpack__(**options)
        raise dropped("export by DLPack")

    def __dlpack_device__(self) -> Any:
        return value_of(self).__dlpack_device__()

    # NumPy's protocols.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Operand, **options: Any) -> Any:
        # The common case, before all questions.
        if not options and method == "__call__" and ufunc in UFUNC_RULES:
            for x in inputs:
                if type(x) is Dual:
                    if x.family is not None and x.family[0].blank:
                        break
                    while type(x) is Dual:
                        x = x.primal
                if type(x) not in IN_MAIN_MEMORY:
                    break
            else:
                return UFUNC_RULES[ufunc](*inputs)
        if any(map(is_blank, inputs)):
            return HOOKS["ufunc_of_blanks"](ufunc, method, inputs, options)
        for x in inputs:
            kind = type(x)
            if kind is Recorder or (kind is not Dual and kind not in IN_MAIN_MEMORY and holds_arrays(x)):
                return NotImplemented
        if on_device(*inputs):
            if method != "__call__" or options:
                place = backend.of(*inputs).place
                raise TypeError(f"{_name_of(ufunc)} of arrays of {place} takes no options and has no methods")
            return backend.of(*inputs).ufunc(ufunc, *inputs)
        if method == "__call__":
            rule = UFUNC_RULES.get(ufunc) or HOOKS["find_ufunc_rule"](ufunc)
            if rule is None:
                raise without_rule(_name_of(ufunc))
            if not options:
                return rule(*inputs)
            if "out" in options and type(inputs[0]) is np.ndarray and options["out"][0] is inputs[0]:
                taken = HOOKS["in_place"](ufunc, inputs, sys.getrefcount(inputs[0]), sys._getframe(1))
                if taken is not None:
                    return taken
            return UFUNC_METHODS["call"](ufunc, *inputs, **options)
        if ufunc not in UFUNC_RULES:
            raise without_rule(f"numpy.{ufunc.__name__}.{method}")
        return UFUNC_METHODS[method](ufunc, *inputs, **options)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        if Recorder in types:
            return NotImplemented
        if self.family is not None and self.family[0].blank:
            plain = HOOKS["function_of_blanks"](function, args, options)
            if plain is not None:
                return plain
        rule = FUNCTION_RULES.get(function)
        if rule is None:
            module = (getattr(function, "__module__", None) or "numpy").replace("numpy._core.multiarray", "numpy")
            raise without_rule(f"{module}.{function.__name__}")
        for x in args:
            while type(x) is Dual:
                x = x.primal
            if type(x) not in IN_MAIN_MEMORY:
                refuse_on_device(function, *args)
                break
        return rule(*args, **options)

    # Called by the functions of numbafunc.numbers.elementary.

    def emit_constant(self) -> Any:
        return value_of(self)

    def emit_elementary(self, name: str) -> Any:
        return apply(elementary.FUNCTIONS[name].evaluate, Dual, self)

    def emit_with_slope_of(self, other: Dual) -> Any:
        return assemble({**components(other), (): value_of(self)})

    # Indexing.

    def __getitem__(self, key: Any) -> Any:
        if self.family is not None and self.family[0].blank:
            plain = value_of(self)[key]
            if (
                type(plain) is not np.ndarray
                or self.level not in LIVE
                or not np.may_share_memory(plain, value_of(self))
            ):
                return HOOKS["fillable"](plain)
        if type(self.primal) is not np.ndarray:
            refuse_on_device(operators.getitem, self)
        return FUNCTION_RULES[operators.getitem](self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        refuse_on_device(operators.setitem, self)
        FUNCTION_RULES[operators.setitem](self, key, value)

    def __iter__(self) -> Iterator[Dual]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d dual array")
        return (self[i] for i in range(self.shape[0]))

    # Methods of arrays; the others are in :mod:`numbafunc.dual.methods`.

    def _call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """The rule of a function of NumPy, applied to the array and other arguments."""
        if is_blank(self):
            plain = HOOKS["function_of_blanks"](function, (self, *args), options)
            if plain is not None:
                return plain
        refuse_on_device(function, self, *args)
        return FUNCTION_RULES[function](self, *args, **options)

    def conj(self) -> Any:
        """The conjugate; a real array is its own, as in NumPy, not a copy."""
        return apply(np.conjugate, Dual, self) if self.dtype.kind == "c" else self

    conjugate = conj

    def view(self, dtype: Any = None) -> Any:
        """The array itself under a second name, which sees all assignments."""
        if dtype is None or dtype == self.dtype:
            return self[...]
        if is_blank(self):
            return HOOKS["show"](self).view(dtype)
        raise TypeError(f"view({dtype}) of a dual array of dtype {self.dtype}; call x.astype, x.real or x.imag")

    def copy(self, order: str = "C") -> Dual:
        if is_blank(self):
            return HOOKS["fillable"](value_of(self).copy())  # type: ignore[no-any-return]
        if on_device(self):
            return backend.of(self).convert(self, self.dtype)  # type: ignore[no-any-return]
        return make(self.primal.copy(), self.tangent.copy(), self.level)

    def astype(self, dtype: Any, copy: bool = True) -> Dual:
        """The array in another floating or complex dtype; TypeError for dtypes that would drop a derivative."""
        dtype = np.dtype(dtype)
        if is_blank(self) and (copy or dtype != self.dtype):
            return HOOKS["fillable"](value_of(self).astype(dtype))  # type: ignore[no-any-return]
        if not is_inexact(dtype):
            raise dropped(f"astype({dtype})")
        if self.dtype.kind == "c" and dtype.kind != "c":
            raise TypeError(f"astype({dtype}) of a complex dual array would drop the imaginary part; take x.real")
        if dtype == self.dtype and not copy:
            # The array itself, so that writing to one changes the other.
            return self
        if on_device(self):
            return backend.of(self).convert(self, dtype)  # type: ignore[no-any-return]
        return make(self.primal.astype(dtype, copy=copy), self.tangent.astype(dtype, copy=copy), self.level)


backend.look_inside(Dual)
DUAL_TYPES.add(Dual)


_new = object.__new__


def make(primal: Any, tangent: Any, level: int) -> Dual:
    """Build a Dual from parts known to fit together; ValueError if its derivative is no longer being taken."""
    if level not in LIVE:
        raise leaked(level)
    dual = _new(Dual)
    dual.primal = primal
    dual.tangent = tangent
    dual.level = level
    dual.family = dual.lent = None
    return dual


def levels_of(*operands: Operand) -> tuple[int, ...]:
    """The distinct levels found anywhere in the operands, in ascending order."""
    found: set[int] = set()
    pending = [operand for operand in operands if type(operand) is Dual]
    while pending:
        dual = pending.pop()
        found.add(dual.level)
        pending.extend(part for part in (dual.primal, dual.tangent) if type(part) is Dual)
    return tuple(sorted(found))


def value_of(x: Operand) -> Any:
    """The value with the tangents of all levels dropped; anything but a Dual as it is."""
    while type(x) is Dual:
        x = x.primal
    return x


def number_of(x: Any) -> Any:
    """The value, as :func:`value_of` gives it; an array of NumPy's without axes as the number in it.

    Functions that a user has compiled take numbers: few of those of :mod:`math` know arrays.
    """
    value = value_of(x)
    return value[()] if type(value) is np.ndarray and not value.ndim else value


def components(x: Operand) -> Components:
    """The flat view of a dual array.

    Returns
    -------
    dict
        The array of key ``(l1, ..., lk)``, levels in ascending order, is the derivative in the directions of these
        levels, of shape ``(directions of l1, ..., directions of lk) + x.shape``. ``()`` is the value itself. A
        derivative that is zero by structure has no entry.
    """
    if type(x) is not Dual:
        return {(): x}
    found = components(x.primal)
    for key, array in components(x.tangent).items():
        found[(*key, x.level)] = array
    return found


def parts_to_read(x: Operand) -> Components:
    """The components, of which the value is that of :func:`numbafunc.dual.lent.to_read`."""
    return components(x) if type(x) is not Dual or x.lent is None else {(): x.lent, (x.level,): x.tangent}


def assemble(parts: Components) -> Any:
    """The Dual (or array) with the given components: the inverse of :func:`components`.

    A value that the structure needs and `parts` lacks is zero.
    """
    level = 0
    for key in parts:
        if key and key[-1] > level:
            level = key[-1]
    if level == 0:
        return parts[()]
    primal: Components = {}
    tangent: Components = {}
    for key, array in parts.items():
        if key and key[-1] == level:
            tangent[key[:-1]] = array
        else:
            primal[key] = array
    if () not in tangent:
        key, array = next(iter(tangent.items()))
        tangent[()] = _zeros(array.shape[len(key) :], array)
    if () not in primal:
        array = tangent[()]
        primal[()] = _zeros(array.shape[1:], array)
    return make(assemble(primal), assemble(tangent), level)


def _zeros(shape: tuple[int, ...], like: Any) -> Any:
    return np.zeros(shape, like.dtype) if type(like) is np.ndarray else backend.of(like).zeros(shape, like.dtype, like)


def _name_of(ufunc: np.ufunc) -> str:
    name = ufunc.__name__
    return f"numpy.{name}" if getattr(np, name, None) is ufunc else f"the ufunc {name}"


def on_device(*operands: Operand) -> bool:
    """Whether any operand, or its value, is an array that is not in main memory."""
    for x in operands:
        while type(x) is Dual:
            x = x.primal
        if type(x) not in IN_MAIN_MEMORY and is_device_array(x):
            return True
    return False


def refuse_on_device(function: Callable[..., Any], *operands: Operand) -> None:
    """Raise TypeError if an operand is a dual array of a device: the function has no rule for these."""
    for x in operands:
        while type(x) is Dual:
            x = x.primal
        if type(x) not in IN_MAIN_MEMORY and is_device_array(x):
            module = (getattr(function, "__module__", None) or "numpy").strip("_")
            place = backend.of(*operands).place
            raise TypeError(f"{module}.{function.__name__} has no rule for dual arrays of {place}")


def ndim_of(x: Operand) -> int:
    """The number of axes; quicker than NumPy's function, which goes through the protocol of dual arrays."""
    return x.ndim if type(x) is Dual or type(x) is np.ndarray else np.ndim(x)
