"""Copies of strided views into contiguous results on a device: all that ops that move elements do.

Elements move as words of their size, or larger ones where several lie together on both sides. Each thread writes
consecutive words and gathers them by the kernel of the elementwise kind, for an operand of any strides. Where the
words that it would gather lie far apart, but others near them, tiles go through memory that the threads of a block
share, so that both sides are gone through in whole lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import cuda
from numba.core import types
from numpy.lib.stride_tricks import as_strided

from numbafunc.bounded import Bounded
from numbafunc.numbers.keys import VALUE
from numbafunc_cuda import elementwise
from numbafunc_cuda.arrays import View, arranged, empty, pointer, stream_for, view
from numbafunc_cuda.launch import BLOCK, SIMULATED, access, compiled, inline, launch
from numbafunc_cuda.layout import Shape, Slot, StoredOperand, contiguous, merged, span_of

# Words on a side of a tile: as many as there are threads in a warp.
TILE = 32
# Shorter runs of consecutive words, or words that lie nearer to each other, are not worth tiles.
_SHORT = 8
# Bytes of the largest word that is loaded by one instruction, and of the largest vector of words.
_WORD, _VECTOR = 8, 16

_TILED = """
def kernel(source, result, size, across, down, width, height, stride, apart, {arguments}):
    tile = cuda.shared.array(shape, word)
    lane = cuda.threadIdx.x % TILE
    first = cuda.threadIdx.x // TILE
    tiles = int64(size)
    number = int64(cuda.blockIdx.x)
    while number < tiles:
        rest = number // across
        x = (number - rest * across) * TILE
        other = rest // down
        y = (rest - other * down) * TILE
        s = x * stride + y
        d = y * apart + x
        {offsets}
        for k in range(first, TILE, ROWS):
            if x + k < width and y + lane < height:
                tile[k, lane] = load((source,), (s + k * stride + lane,))[0]
        cuda.syncthreads()
        for k in range(first, TILE, ROWS):
            if x + lane < width and y + k < height:
                store((result,), d + k * apart + lane, tile[lane, k])
        cuda.syncthreads()
        number += cuda.gridDim.x
"""

_OFFSETS = """
s += offset(index_like(other, size), ({lengths}), ({sources}))
d += offset(index_like(other, size), ({lengths}), ({results}))
"""


class Tiles(NamedTuple):
    """Parameters of a kernel with tiles: its word, the number of axes outside tiles, whether indices have 64 bits."""

    word: str
    others: int
    wide: bool

    def argument_types(self) -> tuple[Any, ...]:
        """Numba's types of the arguments of the kernel."""
        index, stride = (types.uint64, types.int64) if self.wide else (types.uint32, types.int32)
        lengths = [index] * max(0, self.others - 1)
        return (types.uint64, types.uint64, index, *[types.int64] * 6, *lengths, *[stride] * (2 * self.others))


class _Way(NamedTuple):
    """How a view is copied: the kernel, its last arguments, the number of its threads, and the size of its words."""

    kernel: Any
    numbers: Shape
    tasks: int
    itemsize: int


def _same(x: Any) -> Any:
    return x


def _slot(span: str, word: str) -> tuple[StoredOperand]:
    return (StoredOperand(word, None, (Slot(VALUE, span),)),)


def build(form: elementwise.KernelSpec | Tiles) -> Callable[..., Any]:
    """The kernel, not compiled yet; its arguments are described where it is called."""
    if isinstance(form, elementwise.KernelSpec):
        return elementwise.build(inline(_same), form)
    axes = range(form.others)
    lengths = [f"length{axis}" for axis in axes[1:]]
    sources, results = ([f"{side}{axis}" for axis in axes] for side in ("source", "result"))
    names = {"lengths": lengths, "sources": sources, "results": results}
    joined = {name: "".join(f"{x}, " for x in found) for name, found in names.items()}
    offsets = _OFFSETS.format(**joined).strip().replace("\n", "\n        ") if axes else ""
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "cuda": cuda,
        "load": access.make_load(_slot("strided", form.word)),
        "store": access.make_store(form.word, (VALUE,)),
        "index_like": access.index_like,
        "offset": access.offset,
        "int64": np.int64,
        "word": getattr(types, form.word),
        "shape": (TILE, TILE + 1),  # columns of a tile lie in different banks
        "TILE": TILE,
        "ROWS": BLOCK // TILE,
    }
    source = _TILED.format(arguments=", ".join([*lengths, *sources, *results]), offsets=offsets)
    exec(compile(source, "<numbafunc movement on a device>", "exec"), namespace)
    return namespace["kernel"]  # type: ignore[no-any-return]


_KERNELS: Bounded = Bounded(math.inf)
_WAYS: Bounded = Bounded(4096)


def _kernel(form: elementwise.KernelSpec | Tiles) -> Any:
    kernel = _KERNELS.get(form)
    if kernel is None:
        kernel = _KERNELS[form] = compiled(build(form), form.argument_types())
    return kernel


def _way(shape: Shape, strides: Shape, itemsize: int, address: int) -> _Way:
    """The quickest way through a view that is not empty; strides count elements."""
    lengths, (steps, _) = merged(shape, [strides, contiguous(shape)])
    if not lengths:
        lengths, steps = (1,), (1,)
    while itemsize < _WORD and _pairs(lengths, steps, address, itemsize):
        lengths = (*lengths[:-1], lengths[-1] // 2)
        steps = (*(step // 2 for step in steps[:-1]), 1)
        itemsize *= 2
    word = f"uint{8 * itemsize}"
    size = math.prod(lengths)
    wide = max(size, sum((n - 1) * abs(step) for n, step in zip(lengths, steps))) >= 2**31
    unit = next((axis for axis in reversed(range(len(lengths) - 1)) if steps[axis] == 1), None)
    if unit is not None and abs(steps[-1]) >= _SHORT and min(lengths[unit], lengths[-1]) >= _SHORT:
        return _in_tiles(lengths, steps, unit, word, wide)
    span = span_of(lengths, steps)
    table = span == "strided"
    ndim = len(lengths) if table else 0
    form = elementwise.KernelSpec(_slot(span, word), word, (VALUE,), (0 if table else -1,), -1, ndim, 1, wide)
    lanes = elementwise.lanes_for(form, [itemsize])
    if address % min(_VECTOR, itemsize * lanes):
        lanes = 1
    tail = (*lengths[1:], *steps) if table else ()
    return _Way(_kernel(form._replace(lanes=lanes)), (size, *tail), -(-size // lanes), itemsize)


def _pairs(lengths: Shape, steps: Shape, address: int, itemsize: int) -> bool:
    """Whether all words lie in aligned pairs, so that one load takes two."""
    together = steps[-1] == 1 and lengths[-1] % 2 == 0 and address % (2 * itemsize) == 0
    return together and all(step % 2 == 0 for step in steps[:-1])


def _in_tiles(lengths: Shape, steps: Shape, unit: int, word: str, wide: bool) -> _Way:
    *targets, _ = contiguous(lengths)
    others = [axis for axis in range(len(lengths) - 1) if axis != unit]
    across, down = -(-lengths[-1] // TILE), -(-lengths[unit] // TILE)
    tiles = across * down * math.prod(lengths[axis] for axis in others)
    numbers = (tiles, across, down, lengths[-1], lengths[unit], steps[-1], targets[unit])
    tail = [lengths[axis] for axis in others[1:]]
    tail += [steps[axis] for axis in others] + [targets[axis] for axis in others]
    itemsize = np.dtype(word).itemsize
    return _Way(_kernel(Tiles(word, len(others), wide)), (*numbers, *tail), tiles * BLOCK, itemsize)


def copied(source: View, shape: Shape | None = None) -> View:
    """A new contiguous array with the elements of a view, reshaped if a shape is given."""
    stream = stream_for([source])
    result = empty(source.shape if shape is None else shape, source.dtype, None, stream)
    copy_into(result, source, stream)
    return result


def copy_into(result: View, source: View, stream: Any) -> None:
    """Copy the elements of a view into a C-contiguous array."""
    if result.size:
        itemsize = source.dtype.itemsize
        strides = tuple(stride // itemsize for stride in source.strides)
        key = source.shape, strides, itemsize, source.address % _VECTOR
        way = _WAYS.get(key)
        if way is None:
            way = _WAYS[key] = _way(source.shape, strides, itemsize, source.address)
        word = np.dtype(f"uint{8 * way.itemsize}")
        launch(way.kernel, way.tasks, (pointer(source, word=word), pointer(result, word=word), *way.numbers), stream)


def in_order(array: View) -> View:
    """The array if it is C-contiguous, otherwise a copy that is."""
    if array.strides == contiguous(array.shape, array.dtype.itemsize) or not array.size:
        return array
    return copied(array)


def moved(part: Any, leading: int, arrange: Callable[..., tuple[np.ndarray[Any, Any], Shape]], *static: Any) -> Any:
    """The result of a :class:`numbafunc.kinds.copy.Movement` for an array of the device."""
    source = view(part, "a tangent")
    # An arrangement only makes views, so it can be applied to a NumPy array of this shape and these strides that has no
    # memory behind it; nothing is read.
    word = np.empty(1, f"u{source.dtype.itemsize}")
    found, shape = arrange(as_strided(word, source.shape, source.strides), leading, *static)
    start = found.__array_interface__["data"][0] - word.__array_interface__["data"][0]
    if SIMULATED:
        source = arranged(source, found.shape, found.strides, start)
    else:  # kernels need no array
        source = source._replace(address=source.address + start, shape=found.shape, strides=found.strides)
    return copied(source, shape).array
