"""The selection kind on a device: gathers elements and tangents at positions found on the value."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import cuda
from numba.core import types

from numbafunc.dual.array import Components, assemble, components
from numbafunc_cuda.arrays import View, empty, pointer, stream_for
from numbafunc_cuda.copy import in_order
from numbafunc_cuda.fill import zeros
from numbafunc_cuda.launch import access, compiled, launch
from numbafunc_cuda.layout import Shape
from numbafunc_cuda.steps import paired


class Positions(NamedTuple):
    """Positions in the operand of the elements of a result, as in :class:`numbafunc.kinds.selection.Positions`.

    Attributes
    ----------
    within : View
        Positions of an integer dtype, counted from the beginning of each of the ``blocks`` of the operand that are of
        equal size; -1 stands for none. There are as many for each block.
    blocks : int
        Number of blocks.
    shape : tuple of int
        Shape of the result.
    missing : float
        The result where there is none. Its derivative is 0.
    back : callable, optional
        The transpose, ``back(cotangent, leading, shape)`` for an operand of a shape behind the directions. Without it,
        no position occurs twice.
    """

    within: View
    blocks: int
    shape: Shape
    missing: float = 0.0
    back: Callable[[View, int, Shape], View] | None = None

    def gather(self, part: View, leading: int) -> View:
        """The elements of a component of the operand, whose first ``leading`` axes are directions."""
        stream = stream_for([part, self.within])
        directions = part.shape[:leading]
        result = empty((*directions, *self.shape), part.dtype, None, stream)
        if result.size:
            part = in_order(part)
            word = np.dtype(f"u{part.dtype.itemsize}")
            missing = int(np.array(0.0 if leading else self.missing, part.dtype).view(word)[()])
            total = math.prod(self.shape)
            numbers = (result.size, total, total // self.blocks)
            arrays = pointer(part, word=word), pointer(self.within), pointer(result, word=word)
            size = math.prod(part.shape[leading:]) // self.blocks
            kernel = gather_kernel(word.name, self.within.dtype.name, max(result.size, part.size) >= 2**31)
            launch(kernel, result.size, (*arrays, *numbers, size, missing), stream)
        return result

    def scatter(self, cotangent: View, leading: int, shape: Shape) -> View:
        """The transpose of :meth:`gather`: the elements where they came from, in an array of zeros."""
        if self.back is not None:
            return self.back(cotangent, leading, shape)
        stream = stream_for([cotangent, self.within])
        result = zeros((*cotangent.shape[:leading], *shape), cotangent.dtype, stream)
        if cotangent.size:
            x = in_order(cotangent)
            word = np.dtype(f"u{x.dtype.itemsize}")
            total = math.prod(self.shape)
            numbers = (x.size, total, total // self.blocks, math.prod(shape) // self.blocks)
            arrays = pointer(x, word=word), pointer(self.within), pointer(result, word=word)
            wide = max(result.size, x.size) >= 2**31
            launch(scatter_kernel(word.name, self.within.dtype.name, wide), x.size, (*arrays, *numbers), stream)
        return result


def build_scatter(word: str, positions: str) -> Any:
    """The kernel ``kernel(source, positions, result, size, total, count, block)``, not compiled yet."""
    get, get_position = access.make_read(word), access.make_read(positions)
    put = access.make_write(word)
    index_like, advance, split = access.index_like, access.advance, access.split

    def kernel(source, places, result, size, total, count, block):  # type: ignore[no-untyped-def]
        step = index_like(cuda.gridsize(1), size)
        i = index_like(cuda.grid(1), size)
        while i < size:
            position = get_position(places, split(i, (total,))[1])
            if position >= 0:
                put(result, split(i, (count,))[0] * block + position, get(source, i))
            i = advance(i, step)

    return kernel


@cache
def scatter_kernel(word: str, positions: str, wide: bool) -> Any:
    """The kernel that scatters, compiled."""
    return compiled(build_scatter(word, positions), argument_types(word, wide)[:-1])


def build(word: str, positions: str) -> Any:
    """The kernel ``kernel(source, positions, result, size, total, count, block, missing)``, not compiled yet.

    There are ``count`` positions for each ``block`` elements of the source, ``total`` for each direction.
    """
    get, get_position = access.make_read(word), access.make_read(positions)
    put = access.make_write(word)
    index_like, advance, split = access.index_like, access.advance, access.split

    def kernel(source, places, result, size, total, count, block, missing):  # type: ignore[no-untyped-def]
        step = index_like(cuda.gridsize(1), size)
        i = index_like(cuda.grid(1), size)
        while i < size:
            position = get_position(places, split(i, (total,))[1])
            if position >= 0:
                put(result, i, get(source, split(i, (count,))[0] * block + position))
            else:
                put(result, i, missing)
            i = advance(i, step)

    return kernel


def argument_types(word: str, wide: bool) -> tuple[Any, ...]:
    """Numba's types of the arguments of the kernel."""
    index = types.uint64 if wide else types.uint32
    return (*[types.uint64] * 3, *[index] * 3, types.int64, getattr(types, word))


@cache
def gather_kernel(word: str, positions: str, wide: bool) -> Any:
    """The kernel, compiled."""
    return compiled(build(word, positions), argument_types(word, wide))


_GATHERED = paired(
    "selection",
    lambda part, leading, positions: positions.gather(part, leading),
    lambda part, leading, shape, positions: positions.scatter(part, leading, shape),
)


def gathered(x: Any, positions: Positions, value: Any = None) -> Any:
    """The elements of a Dual at positions, with all their tangents; ``value`` is that of the result, if known."""
    parts = components(x)
    plain = parts.pop(())
    result = _GATHERED.anywhere(plain, 0, positions) if value is None else value
    found: Components = {(): result}
    for levels, part in parts.items():
        found[levels] = _GATHERED.of_tangents(part, len(levels), 0, result, positions)
    return assemble(found)
