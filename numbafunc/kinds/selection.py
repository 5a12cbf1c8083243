"""The selection kind: each element of a result is an element of the operand, chosen by the value alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy import ascontiguousarray, zeros

from numbafunc import backend
from numbafunc.backend import Entry
from numbafunc.cpu import kernels, threads
from numbafunc.cpu.machine_code import machine_code
from numbafunc.cpu.memory import empty, flat_words
from numbafunc.dual.array import Components, Dual, assemble, make, parts_to_read
from numbafunc.dual.recorded import recorded_level
from numbafunc.dual.recorder import Recorder
from numbafunc.kinds.linear import LinearFunction
from numbafunc.result_memory import empty_for, empty_result

REGISTRY: dict[str, Selection] = {}

# From this many elements on, several threads pay in spite of the cost of starting them.
PARALLEL_FROM = 1 << 15

# Up to so many tangents are carried along while the selected elements are found.
FEW = 4


class Positions(NamedTuple):
    """Positions of the elements of a result in the operand.

    Attributes
    ----------
    within : numpy.ndarray
        Positions as int64 of shape (blocks, count): those of each block of the operand, counted from its beginning;
        -1 stands for none.
    shape : tuple of int
        Shape of the result.
    missing : float
        The result where there is no position. Its derivative is 0.
    """

    within: np.ndarray[Any, Any]
    shape: tuple[int, ...]
    missing: float = 0.0

    def gather(self, part: np.ndarray[Any, Any], leading: int) -> np.ndarray[Any, Any]:
        """The elements of a component of the operand, whose first ``leading`` axes are directions."""
        result = empty_result((*part.shape[:leading], *self.shape), part.dtype)
        if result.size:
            kernel, sizes = self._kernel(part, leading)
            kernel.run(flat_words(part, 0), flat_words(self.within, 0), flat_words(result, 0), *sizes)
        return result

    def gatherer(self, part: np.ndarray[Any, Any], leading: int) -> Callable[..., np.ndarray[Any, Any]]:
        """A prepared :meth:`gather`, ``take(part, within)``, for contiguous arrays like these; there are elements."""
        shape, dtype = (*part.shape[:leading], *self.shape), part.dtype
        kernel, sizes = self._kernel(part, leading)
        code = machine_code(kernel, (flat_words(part, 0), flat_words(self.within, 0), empty(0, dtype), *sizes))
        new = empty_for(shape, dtype)

        def take(part: np.ndarray[Any, Any], within: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            result = new(shape, dtype)
            code(part.ravel(), within.ravel(), result.ravel(), *sizes)
            return result

        return take

    def carrier(self, x: Dual) -> Callable[[Dual, np.ndarray[Any, Any], np.ndarray[Any, Any]], Dual]:
        """A prepared call ``carry(x, value, within)`` for dual arrays like this one, of a single level.

        It gives the selected elements, whose value is known, their tangents.
        """
        blocks, shape, missing = self.within.shape, self.shape, self.missing
        if type(x.tangent) is Recorder:

            def record(x: Dual, value: np.ndarray[Any, Any], within: np.ndarray[Any, Any]) -> Dual:
                positions = Positions(within.reshape(blocks), shape, missing)
                return make(value, _gathered.of_tangents(x.tangent, 1, 0, value, positions), x.level)

            return record
        take = self.gatherer(x.tangent, 1)
        return lambda x, value, within: make(value, take(x.tangent, within), x.level)

    def _kernel(self, part: np.ndarray[Any, Any], leading: int) -> tuple[Any, tuple[Any, ...]]:
        """The kernel that gathers, and its arguments behind the arrays."""
        directions = math.prod(part.shape[:leading])
        blocks, count = self.within.shape
        parallel = directions * math.prod(self.shape) >= PARALLEL_FROM and threads.parallel_allowed()
        missing = np.array(0.0 if leading else self.missing, part.dtype)
        size = math.prod(part.shape[leading:]) // blocks
        kernel = kernels.gather(part.dtype.name, parallel=parallel)
        return kernel, (directions, blocks, size, count, flat_words(missing, 0)[0])

    def scatter(self, array: np.ndarray[Any, Any], leading: int, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """The transpose of :meth:`gather`: an operand of a shape in which each element is the sum of its copies."""
        key = (array.shape, array.dtype, leading, shape, self.within.shape)
        add = _SCATTERERS.get(key)
        if add is None:
            add = _SCATTERERS[key] = self._scatterer(array, leading, shape)
        return add(array, self.within)

    def _scatterer(
        self, array: np.ndarray[Any, Any], leading: int, shape: tuple[int, ...]
    ) -> Callable[..., np.ndarray[Any, Any]]:
        """A prepared :meth:`scatter`, ``add(array, within)``, for arrays like these."""
        dtype, full = array.dtype, (*array.shape[:leading], *shape)
        if not array.size:
            return lambda array, within: zeros(full, dtype)
        compute = np.dtype(np.float32) if array.itemsize == 2 else dtype
        blocks, count = self.within.shape
        parallel = array.size >= PARALLEL_FROM and threads.parallel_allowed()
        sizes = math.prod(full[:leading]), blocks, math.prod(shape) // blocks, count
        words = empty(0, compute)
        code = machine_code(
            kernels.scatter(compute.name, parallel=parallel), (words, empty(0, np.int64), words, *sizes)
        )

        def add(array: np.ndarray[Any, Any], within: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            result = zeros(full, compute)
            code(ascontiguousarray(array, compute).reshape(-1), within.reshape(-1), result.reshape(-1), *sizes)
            return result if compute == dtype else result.astype(dtype)

        return add


_SCATTERERS = threads.Kernels(1024)

_gathered = LinearFunction("selection", lambda part, leading, positions: positions.gather(part, leading))
_gathered.transposed_by(lambda array, leading, shape, positions: positions.scatter(array, leading, shape))


class Selection:
    """An op of the selection kind.

    Parameters
    ----------
    name : str
        Name of the op, for messages and for the registry.
    find : callable
        ``find(value, *static)``: the :class:`Positions` for a plain array.
    entry : Entry
        Entry of back ends for the function ``evaluate(x, *static)`` of arrays and Duals. The one for main memory calls
        ``find`` and gathers.
    follow : callable, optional
        ``follow(value, tangents, *static)``: the list of the results for a plain array and for each of its
        ``tangents``, arrays of its shape behind an axis of up to :data:`FEW` directions, found in one pass without
        positions.
    """

    def __init__(
        self,
        name: str,
        find: Callable[..., Positions],
        entry: Entry,
        follow: Callable[..., list[np.ndarray[Any, Any]]] | None = None,
    ) -> None:
        self.name = name
        self.find = find
        self.entry = entry
        self.follow = follow
        backend.CPU.bring(entry, self.evaluate)
        REGISTRY[name] = self

    def __call__(self, x: Any, *static: Any) -> Any:
        """The elements selected from an array or a Dual, with all their tangents."""
        here = backend.of(x)
        return self.evaluate(x, *static) if here is backend.CPU else self.entry.of(here, self.name)(x, *static)

    def evaluate(self, x: Any, *static: Any) -> Any:
        """The elements selected from an array or a Dual in main memory."""
        if type(x) is not Dual:
            return self.find(x, *static).gather(x, 0)
        parts = parts_to_read(x)
        value = parts.pop(())
        few = value.size and sum(part.size for part in parts.values()) <= FEW * value.size
        few = few and not recorded_level(x)
        if self.follow is None or not few:
            value = np.ascontiguousarray(value)  # once for both
            positions = self.find(value, *static)
            return self.gather(x, positions, positions.gather(value, 0))
        tangents = [part.reshape(-1, *value.shape) for part in parts.values()]
        result, *followed = self.follow(value, tangents, *static)
        gathered: Components = {(): result}
        for (levels, part), some in zip(parts.items(), followed):
            gathered[levels] = some.reshape(*part.shape[: len(levels)], *result.shape)
        return assemble(gathered)

    def gather(self, x: Dual, positions: Positions, value: np.ndarray[Any, Any] | None = None) -> Dual:
        """The elements of a Dual at positions, with all their tangents; their value may be known."""
        parts = parts_to_read(x)
        plain = parts.pop(())
        result = positions.gather(plain, 0) if value is None else value
        gathered: Components = {(): result}
        for levels, part in parts.items():
            gathered[levels] = _gathered.of_tangents(part, len(levels), 0, result, positions)
        return assemble(gathered)  # type: ignore[no-any-return]


__all__ = ["FEW", "REGISTRY", "Positions", "Selection"]
