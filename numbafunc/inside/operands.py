"""Arguments of ops inside compiled functions: Numba's types are checked, constants are told from values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba.core import types
from numba.core.errors import TypingError
from numba.np.numpy_support import as_dtype

from numbafunc.inside.memory import FUNCTIONS
from numbafunc.kinds.njit import parameters_of, scalar_type
from numbafunc.kinds.njit_arguments import UNKNOWN, known, shown
from numbafunc.numbers.numba_type import NumberType


class Wanted(NamedTuple):
    """Whom an operand is for, and whether it may be bool."""

    name: str
    boolean: bool = True


class Operand(NamedTuple):
    """An argument that is an array or a number.

    Attributes
    ----------
    name : str
        Its name.
    dtype : numpy.dtype
        That of its elements.
    ndim : int
        Number of axes.
    array : bool
        Whether it is an array.
    plain : bool
        Whether it is known to be contiguous in memory, in the order of its axes.
    """

    name: str
    dtype: np.dtype[Any]
    ndim: int
    array: bool
    plain: bool

    @classmethod
    def of(cls, function: str, name: str, given: Any, *, boolean: bool = True) -> Operand:
        """The operand of a type; TypingError unless it holds real numbers."""
        if isinstance(given, NumberType):
            raise TypingError(f"numbafunc.{function} can't be called in a definition of an elementwise function")
        element = scalar_type(Wanted(function, boolean), name, given)
        if isinstance(given, types.Array):
            plain = given.layout == "C" and given.aligned
            return cls(name, as_dtype(element), given.ndim, True, plain)
        return cls(name, as_dtype(element), 0, False, True)

    @property
    def storage(self) -> str:
        """Name of the dtype of its elements."""
        return self.dtype.name

    @property
    def shape(self) -> str:
        """Expression of the shape."""
        return f"{self.name}.shape" if self.array else "()"

    def flat(self, order: tuple[int, ...] | None = None) -> str:
        """Expression of the elements in one contiguous run, after a permutation of the axes if one is given."""
        if not self.array:
            return f"one_element({self.name})"
        if order is not None and order != tuple(range(self.ndim)):
            return f"run_of({self.name}.transpose({order}).copy())"
        return f"run_of(writeable({self.name}))" if self.plain else f"run_of({self.name}.copy())"

    def spread(self, shape: str, ndim: int, order: tuple[int, ...] | None = None) -> list[str]:
        """Lines that make ``flat_<name>``, the elements of the operand broadcast to a shape with ``ndim`` axes."""
        if not self.array or self.ndim == 0:
            fill = self.name if not self.array else f"{self.name}[()]"
            if not ndim:
                return [f"flat_{self.name} = one_element({fill})"]
            return [f"flat_{self.name} = repeated({fill}, {shape})"]
        moved = f".transpose({order})" if order is not None and order != tuple(range(ndim)) else ""
        wide = f"run_of(np.broadcast_to({self.name}, {shape}){moved}.copy())"
        if self.ndim != ndim:
            return [f"flat_{self.name} = {wide}"]
        return [
            f"if {self.name}.shape == {shape}:",
            f"    flat_{self.name} = {self.flat(order)}",
            "else:",
            f"    flat_{self.name} = {wide}",
        ]


def float_dtype(operands: list[Operand]) -> np.dtype[Any]:
    """Dtype of a floating-point result: the widest float; numbers do not widen arrays, nor integers anything."""
    telling = [one for one in operands if one.array] or operands
    floats = [one.dtype for one in telling if one.dtype.kind == "f"]
    return max(floats, key=lambda dtype: dtype.itemsize, default=np.dtype(np.float64))


def is_integer(given: Any) -> bool:
    """Whether an argument is an integer."""
    value = known(given)
    if value is not UNKNOWN:
        return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return isinstance(given, types.Integer)


def flag(function: str, name: str, given: Any) -> bool:
    """A flag, which must be known when code is compiled."""
    value = known(given)
    if type(value) is bool:
        return value
    raise TypingError(f"{name} of numbafunc.{function} is {shown(given)}; wanted: True or False, written out")


def as_mask(function: str, where: Any) -> tuple[Operand, list[str]]:
    """The operand ``mask`` that the argument ``where`` stands for, and the lines that make it."""
    given = Operand.of(function, "where", where)
    truth = given.dtype.kind == "b"
    mask = given._replace(name="mask", dtype=np.dtype(bool), plain=given.plain or not truth)
    if truth:
        return mask, ["mask = where"]
    # Where an array has the order of Fortran, so has its comparison.
    return mask, ["mask = np.ascontiguousarray(where != 0)" if given.ndim > 1 else "mask = where != 0"]


def chosen(
    function: str, one: Operand, where: Any, fill: str, dtype: np.dtype[Any]
) -> tuple[Operand, list[str], dict[str, Any]]:
    """An operand where the argument ``where`` is true, else a number; the lines that make it, and names in these."""
    mask, lines = as_mask(function, where)
    name, ndim = f"kept_{one.name}", max(one.ndim, mask.ndim)
    names = {"kept_dtype": dtype}
    if not ndim:
        return Operand(name, dtype, 0, False, True), [*lines, f"{name} = {one.name} if mask else {fill}"], names
    lines += [
        *shape_lines([one, mask]),
        f"{name} = np.empty(shape, kept_dtype)",
        f"given, wide = np.broadcast_to({one.name}, shape), np.broadcast_to(mask, shape)",
        "for place in np.ndindex(shape):",
        f"    {name}[place] = given[place] if wide[place] else {fill}",
    ]
    return Operand(name, dtype, ndim, True, True), lines, names


def shape_lines(operands: Sequence[Operand]) -> list[str]:
    """Lines that find the common shape of operands."""
    shapes = [one.shape for one in operands if one.array and one.ndim]
    if not shapes:
        return ["shape = ()"]
    return [f"shape = {shapes[0]}" if len(shapes) == 1 else f"shape = np.broadcast_shapes({', '.join(shapes)})"]


def implementation(public: Callable[..., Any], lines: list[str], namespace: dict[str, Any]) -> Any:
    """The function of the parameters of a public function, ``out`` aside, that consists of some lines."""
    declared, defaults = parameters_of(public)
    names: dict[str, Any] = {"np": np, **FUNCTIONS, **defaults, **namespace}
    source = f"def implementation({declared}):\n" + "".join(f"    {line}\n" for line in lines)
    exec(compile(source, f"<numbafunc.{public.__name__} inside compiled functions>", "exec"), names)
    return names["implementation"]
