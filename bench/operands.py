"""Operands of the ops: sizes, shapes, and random numbers of each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench.ops import Op

# Numbers of elements, as they are called in results.
SIZES = {"1": 1, "64x10": 640, "1e3": 10**3, "3e4": 3 * 10**4, "1e5": 10**5, "1e6": 10**6, "1.6e7": 16 * 10**6}

Shape = tuple[int, ...]

# Images have an even number of rows and columns, hence four elements at least.
_IMAGES = {
    1: (1, 1, 2, 2),
    640: (1, 10, 8, 8),
    10**3: (1, 1, 32, 32),
    3 * 10**4: (1, 3, 100, 100),
    10**5: (1, 10, 100, 100),
    10**6: (10, 10, 100, 100),
    16 * 10**6: (160, 10, 100, 100),
}


def _rows(elements: int) -> Shape:
    return {1: (1, 1), 640: (64, 10)}.get(elements, (elements // 1000, 1000))


def _with_channels(elements: int) -> Shape:
    n, c, h, w = _IMAGES[elements]
    return n, 4 * c, h // 2, w // 2


def _in_batches(elements: int) -> Shape:
    n, c, h, w = _IMAGES[elements]
    return 4 * n, c, h // 2, w // 2


SHAPES: dict[str, Callable[[int], Shape]] = {
    "vector": lambda elements: (64, 10) if elements == 640 else (elements,),
    "flat": lambda elements: (elements,),
    "rows": _rows,
    "images": _IMAGES.__getitem__,
    "images with channels": _with_channels,
    "images in batches": _in_batches,
    "ten classes": lambda elements: (max(1, elements // 10), 10),
    "steps": lambda elements: (),
}


def _normal(random: np.random.Generator, shape: Shape, dtype: Any) -> Any:
    return random.standard_normal(shape, dtype)


def _distribution(random: np.random.Generator, shape: Shape, dtype: Any) -> Any:
    shares = random.random(shape, dtype)
    return shares / np.sum(shares, -1, keepdims=True)


# ``make(random, shape, dtype)`` for each kind of operand.
KINDS: dict[str, Callable[[np.random.Generator, Shape, Any], Any]] = {
    "real": lambda random, shape, dtype: 3 * _normal(random, shape, dtype),
    "positive": lambda random, shape, dtype: np.abs(_normal(random, shape, dtype)) + dtype(1e-3),
    "share": lambda random, shape, dtype: random.random(shape, dtype),
    "distribution": _distribution,
    "labels": lambda random, shape, dtype: random.integers(0, shape[-1], shape[:-1]),
    "ones": lambda random, shape, dtype: np.ones(shape, dtype),  # an array whose pages exist
    "number": lambda random, shape, dtype: np.asarray(1 + random.random(), dtype),
    "times": lambda random, shape, dtype: np.linspace(0, 1, 5, dtype=dtype),
    "factor": lambda random, shape, dtype: np.asarray(1 + random.random() * 1e-6, dtype),
}


def shape_of(op: Op, elements: int) -> Shape:
    """The shape of the first operand."""
    return SHAPES[op.shape](elements)


def constants(op: Op, elements: int) -> dict[str, int]:
    """What expressions name beside operands: lengths of axes, ``k`` of top_k, the number of steps."""
    shape = shape_of(op, elements)
    found = dict(zip("nchw", shape, strict=True)) if len(shape) == 4 else {}
    return {**found, "k": min(5, shape[-1]) if shape else 0, "steps": elements}


# Arrays with more elements are a block of random numbers, repeated along the first axis: to draw all takes long.
LARGE = 2 * 10**6
_BLOCKS = 16


def drawn(make: Callable[[Shape], Any], shape: Shape) -> Any:
    """What ``make`` draws for a shape."""
    if np.prod(shape) <= LARGE or shape[0] % _BLOCKS:
        return make(shape)
    return np.concatenate([make((shape[0] // _BLOCKS, *shape[1:]))] * _BLOCKS)


def draw(op: Op, elements: int, dtype: str, random: np.random.Generator) -> Mapping[str, Any]:
    """Fresh operands."""
    shape, kind = shape_of(op, elements), getattr(np, dtype)
    return {
        name: drawn(lambda block, make=KINDS[made_of]: make(random, block, kind), shape)
        for name, made_of in op.operands.items()
    }
