"""The kernels of ops: what identifies each of them, and the function of this folder that makes its dispatcher.

What a kernel does, and the arguments that it takes, is told where it is made.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numbafunc.cpu.kernel import Kernel
from numbafunc.cpu.pool_places import Window
from numbafunc.cpu.reduction_layout import Layout
from numbafunc.cpu.resize_pass import Pass
from numbafunc.cpu.stored_operand import StoredOperand
from numbafunc.cpu.traversal import Traversal, lanes
from numbafunc.numbers.keys import Key


def elementwise(
    definition: Any,
    identity: str | None,
    operands: tuple[StoredOperand, ...],
    storage: str,
    keys: tuple[Key, ...],
    spans: tuple[str, ...],
    *,
    parallel: bool,
) -> Kernel:
    """That of :func:`numbafunc.cpu.elementwise.build`; ``identity`` is that of the definition."""
    words = None if identity is None else ("elementwise", identity, operands, storage, keys, spans)
    return Kernel(words, "elementwise.build", definition, operands, storage, keys, spans, parallel=parallel)


def reduction(form: str, stages: Any, layout: Layout, identity: str | None, *, parallel: bool) -> Kernel:
    """Those of :mod:`numbafunc.cpu.reduction`; ``identity`` is that of the stages."""
    words = None if identity is None else ("reduction", form, identity, layout)
    builder, options = _LOOPS[form]
    return Kernel(words, f"reduction.{builder}", stages, layout, parallel=parallel, **options)


_LOOPS: dict[str, tuple[str, dict[str, Any]]] = {
    "rows": ("build_rows", {}),
    "batch": ("build_rows", {"batch": True}),
    "columns": ("build_columns", {}),
    "narrow": ("build_columns", {"form": "narrow"}),
    "lanes": ("build_columns", {"form": "lanes"}),
    "segments": ("build_segments", {}),
}


def copy(way: Traversal, word: str, itemsize: int, *, parallel: bool) -> Kernel:
    """That of :func:`numbafunc.cpu.copy.build`."""
    woven = way.form in ("interleave", "deinterleave")
    return _copy(way.form, way.block, lanes(way.length, way.block, itemsize) if woven else 1, word, parallel)


@cache
def _copy(form: str, block: int, lanes: int, word: str, parallel: bool) -> Kernel:
    given = form, block, lanes, word
    return Kernel(("copy", *given), "copy.build", *given, parallel=parallel)


@cache
def gather(word: str, *, parallel: bool) -> Kernel:
    """That of :func:`numbafunc.cpu.gather.build_gather`, for elements of one dtype."""
    return Kernel(("gather",), "gather.build_gather", parallel=parallel)


@cache
def scatter(word: str, *, parallel: bool) -> Kernel:
    """That of :func:`numbafunc.cpu.gather.build_scatter`, for elements of one dtype."""
    return Kernel(("scatter",), "gather.build_scatter", parallel=parallel)


@cache
def pad(word: str, *, constant: bool, parallel: bool) -> Kernel:
    """That of :func:`numbafunc.cpu.pad.build`."""
    return Kernel(("pad", word, constant), "pad.build", word, constant=constant, parallel=parallel)


@cache
def pool(form: str, storage: str, window: Window | None, *, parallel: bool, dilated: bool, counted: bool) -> Kernel:
    """That of :func:`numbafunc.cpu.pool.build`."""
    words = f"pooling {form}", storage, window, dilated, counted
    options = {"dilated": dilated, "counted": counted}
    return Kernel(words, "pool.build", form, storage, window, parallel=parallel, **options)


@cache
def pool_find(storage: str, window: Window | None, wide_index: bool, *, parallel: bool, dilated: bool) -> Kernel:
    """That of :func:`numbafunc.cpu.pool_positions.build_find`."""
    given = storage, window, wide_index
    words = "pooling find", *given, dilated
    return Kernel(words, "pool_positions.build_find", *given, parallel=parallel, dilated=dilated)


@cache
def pool_follow(storage: str, window: Window, tangents: int, *, parallel: bool) -> Kernel:
    """That of :func:`numbafunc.cpu.pool_positions.build_follow`."""
    given = storage, window, tangents
    return Kernel(("pooling follow", *given), "pool_positions.build_follow", *given, parallel=parallel)


@cache
def resize(down: Pass, across: Pass, rows_first: bool, storage: str, *, parallel: bool) -> Kernel:
    """That of :func:`numbafunc.cpu.resize.build`."""
    given = down, across, rows_first, storage
    return Kernel(("resize", *given), "resize.build", *given, parallel=parallel)


@cache
def resize_nearest(across: Pass, word: str, *, parallel: bool) -> Kernel:
    """That of :func:`numbafunc.cpu.resize.build_nearest`."""
    return Kernel(("resize nearest", across, word), "resize.build_nearest", across, word, parallel=parallel)


@cache
def top_k(order: str, width: int, *, few: bool, parallel: bool, word: str) -> Kernel:
    """That of :func:`numbafunc.cpu.top_k.build`, for elements of one dtype."""
    return Kernel(("top_k", order, width, few), "top_k.build", order, width, few=few, parallel=parallel)
