"""The linear kind: an op that is linear in an array acts on its value and on all its tangents alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import Entry
from numbafunc.cpu.memory import READABLE
from numbafunc.cpu.threads import Kernels
from numbafunc.dual.array import Components, Dual, assemble, components, make
from numbafunc.dual.recorder import Primitive, Recorder, variable

Array = Any  # numpy.ndarray or Dual

REGISTRY: dict[str, Linear] = {}

_MOST = 1024


class LinearFunction:
    """A linear function of arrays and dual arrays whose first axes are directions of tangents.

    Parameters
    ----------
    name : str
        Its name, for messages.
    apply : callable
        ``apply(array, leading, *static)``: the result for a plain array whose first ``leading`` axes are directions; it
        acts behind them and leaves them in front. Whatever else the function depends on is in ``static``.
    entry : Entry, optional
        Entry of back ends for the function of these arguments; ``apply`` becomes the one for main memory. Without an
        entry the function is for arrays in main memory only.
    """

    def __init__(self, name: str, apply: Callable[..., np.ndarray[Any, Any]], entry: Entry | None = None) -> None:
        self.name = name
        self.apply = apply
        self.entry = entry
        self.step: Primitive | None = None
        if entry is not None:
            backend.CPU.bring(entry, apply)

    def anywhere(self, part: Array, leading: int, *static: Any) -> Array:
        """The result for a component of an operand, an array of any back end."""
        first = part[0] if type(part) is tuple else part
        if isinstance(first, np.ndarray):
            if first.dtype.kind == "c":
                return by_parts(self.apply, part, leading, *static)
            return self.apply(part, leading, *static)
        here = backend.of(first)
        if self.entry is None:
            raise TypeError(f"{self.name} is given an array of {here.place}; wanted: one in main memory")
        return self.entry.of(here, self.name)(part, leading, *static)

    def behind(self, x: Array, leading: int, *static: Any) -> Array:
        """The result for an array, or for a Dual whose components are taken one by one."""
        if type(x) is not Dual:
            return self.anywhere(x, leading, *static)
        if x.lent is not None:
            value = self.anywhere(x.lent, leading, *static)
            if np.may_share_memory(value, x.lent):
                value = value.copy()
            return make(value, self.of_tangents(x.tangent, 1, leading, value, *static), x.level)
        if type(x.primal) is not Dual and type(x.tangent) is not Dual:
            value = self.anywhere(x.primal, leading, *static)
            return make(value, self.of_tangents(x.tangent, 1, leading, value, *static), x.level)
        parts = components(x)
        value = self.anywhere(parts.pop(()), leading, *static)
        results: Components = {(): value}
        for levels, part in parts.items():
            results[levels] = self.of_tangents(part, len(levels), leading, value, *static)
        return assemble(results)

    def of_tangents(self, part: Any, added: int, leading: int, value: Array, *static: Any) -> Any:
        """The result for tangents, which have ``added`` axes in front of those of the value whose result is given."""
        if type(part) is not Recorder:
            return self.anywhere(part, added + leading, *static)
        if self.step is None:
            apply = self.apply if part.dtype.kind != "c" else partial(by_parts, self.apply)
            return apply(part, added + leading, *static)
        shape = (*part.shape[:added], *value.shape)
        return self.step.of(part, shape, value.dtype, added + leading, *static)

    def transposed_by(
        self,
        transpose: Callable[..., np.ndarray[Any, Any]],
        entry: Entry | None = None,
        prepare: Callable[..., Callable[[Any], Any] | None] | None = None,
    ) -> None:
        """Let tangents be recorded, given the transpose of the function.

        Parameters
        ----------
        transpose : callable
            ``transpose(cotangent, leading, shape, *static)``, for operands that have a shape behind the directions.
        entry : Entry, optional
            Entry of back ends for the function of these arguments.
        prepare : callable, optional
            ``prepare`` of the same arguments gives a function of cotangents like this one, arrays of main memory that
            are C-contiguous, which takes less time to start; None where there is none.
        """
        calls = Kernels(_MOST)
        transposed = LinearFunction(f"the transpose of {self.name}", transpose, entry)

        def back(cotangent: Array, place: int, x: Any, leading: int, *static: Any) -> Array:
            if prepare is not None and type(cotangent) is np.ndarray and cotangent.flags.num & READABLE == READABLE:
                key = (cotangent.shape, cotangent.dtype, leading, x.shape, *static)
                call: Any = calls.get(key)
                if call is None:
                    call = calls[key] = prepare(cotangent, leading, x.shape[leading:], *static) or False
                if call:
                    return call(cotangent)
            return transposed.behind(cotangent, leading, x.shape[leading:], *static)

        def forth(cotangent: Array, place: int, x: Any, leading: int, shape: Any, *static: Any) -> Array:
            return self.behind(cotangent, leading, *static)

        self.step = Primitive(self.name, self.behind, back)
        transposed.step = Primitive(transposed.name, transposed.behind, forth)


def by_parts(apply: Callable[..., Any], part: Any, leading: int, *static: Any) -> Any:
    """The result for complex elements: functions of this kind have real weights, so each part goes its own way."""
    several = type(part) is tuple
    real = apply(tuple(x.real for x in part) if several else part.real, leading, *static)
    imaginary = apply(tuple(x.imag for x in part) if several else part.imag, leading, *static)
    if type(real) is Recorder:
        return real + 1j * imaginary
    # Not a sum, in which an infinite part would make the other one NaN.
    result = np.empty(real.shape, np.result_type(real.dtype, np.complex64))
    result.real, result.imag = real, imaginary
    return result


class Linear(LinearFunction):
    """An op of the linear kind.

    Parameters
    ----------
    name, apply, entry
        As of :class:`LinearFunction`; the name is that in the registry too.
    transpose, transpose_entry, prepare : optional
        As of :meth:`LinearFunction.transposed_by`. Without them, ``apply`` consists of NumPy's functions and takes
        recorded tangents.
    """

    def __init__(
        self,
        name: str,
        apply: Callable[..., np.ndarray[Any, Any]],
        entry: Entry | None = None,
        transpose: Callable[..., np.ndarray[Any, Any]] | None = None,
        transpose_entry: Entry | None = None,
        prepare: Callable[..., Callable[[Any], Any] | None] | None = None,
    ) -> None:
        super().__init__(name, apply, entry)
        if transpose is not None:
            self.transposed_by(transpose, transpose_entry, prepare)
            if self.step is not None:
                self.step.fixed = True
        REGISTRY[name] = self

    def __call__(self, x: Array, *static: Any) -> Array:
        """The result for a checked operand."""
        return self.behind(x, 0, *static)


class JointlyLinear(Linear):
    """An op that is linear in several operands taken together.

    It applies ``apply(arrays, leading, *static)``, where all arrays have the same directions in front.
    """

    def __call__(self, operands: Sequence[Array], *static: Any) -> Array:
        """The result for checked operands; a tangent that one of them has and another lacks is zero there."""
        if not any(type(x) is Dual for x in operands):
            return self.anywhere(tuple(operands), 0, *static)
        taken = [components(x) for x in operands]
        directions = {key: part.shape[: len(key)] for parts in taken for key, part in parts.items()}
        results = {}
        for key in sorted(directions, key=lambda key: (len(key), key)):
            recorded = next((parts[key] for parts in taken if type(parts.get(key)) is Recorder), None)
            arrays = tuple(
                parts[key] if key in parts else _zeros(parts[()], directions[key], recorded) for parts in taken
            )
            if recorded is None:
                results[key] = self.anywhere(arrays, len(key), *static)
            elif recorded.dtype.kind == "c":
                results[key] = by_parts(self.apply, arrays, len(key), *static)
            else:
                results[key] = self.apply(arrays, len(key), *static)
        return assemble(results)


def _zeros(value: Any, directions: tuple[int, ...], recorded: Recorder | None) -> Any:
    if recorded is not None:
        return variable((*directions, *value.shape), value.dtype, recorded.level)
    if not isinstance(value, np.ndarray):
        return backend.of(value).zeros((*directions, *value.shape), value.dtype, value)
    return np.broadcast_to(np.zeros((), value.dtype), (*directions, *value.shape))


__all__ = ["REGISTRY", "JointlyLinear", "Linear", "by_parts"]
