"""The kernels of copies, padding, margins, resizing, pooling and selection as :mod:`ptx` examines them.

Tangents go through the kernels of values, or through the gather, so there is one order.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from numbafunc_cuda import copy, gather, pad, pad_statistics, pool, resize, top_k
from numbafunc_cuda.launch import BLOCK
from ptx import FLOATS, INTEGERS, Case

from numbafunc.cpu.pool_places import UNROLLED

_WORDS = ("uint8", "uint16", "uint32", "uint64")
_STATISTICS = ("mean", "maximum", "tied minimum", "places", "middle")
_ORDERS = {
    "float": ("uint16", "uint32", "uint64"),
    "signed": _WORDS,
    "unsigned": _WORDS,
    "smallest float": ("uint16", "uint32", "uint64"),
    "smallest bfloat16": ("uint16",),
}


def _case(kind: str, name: str, dtype: str, layout: str, kernel: Any, types: tuple[Any, ...]) -> Case:
    return Case(kind, name, dtype, "0", layout, lambda: (kernel, types))


def cases() -> Iterator[Case]:
    """Each kernel for each dtype, or for words of its size where it computes nothing."""
    for word, others in product(_WORDS, (0, 1, 3)):
        tiles = copy.Tiles(word, others, wide=False)
        yield _case(
            "movement", "transpose", word, f"tiles, {others} more axes", copy.build(tiles), tiles.argument_types()
        )
    for word, constants in product(_WORDS, (0, 1, 4)):
        types = pad.argument_types(word, constants, wide=False)
        yield _case("padding", "pad", word, f"{constants} constants", pad.build(word, "int64", constants), types)
    for dtype, form in product((*FLOATS, *INTEGERS, "bool"), ("odd", "ramp")):
        if (form, dtype) != ("odd", "bool"):  # which goes along as int64
            types = pad.margin_types(form, dtype, wide=False)
            yield _case("margins", form, dtype, "lines", pad.build_margin(form, dtype), types)
    for dtype, work, team in product((*FLOATS, *INTEGERS, "bool"), _STATISTICS, (1, BLOCK)):
        if work.startswith("tied") and dtype not in FLOATS:
            continue  # which have no tangents
        if (work, dtype) != ("mean", "bool") and (work, team) != ("middle", BLOCK):
            kernel = pad_statistics.build(pad_statistics.KernelSpec(work, dtype, team))
            yield _case(
                "statistics", f"{work} of lines", dtype, f"{team} threads a line", kernel, pad_statistics.ARGUMENT_TYPES
            )
    for storage in FLOATS:
        kernel = resize.build(storage, storage, "int64")
        yield _case("resize", "interpolate", storage, "lines", kernel, resize.argument_types(wide=False))
    kernel = resize.build("int32", "float64", "int64")
    yield _case("resize", "interpolate", "int32", "lines", kernel, resize.argument_types(wide=False))
    for form, dtype, window in product(("mean", "largest", "find"), [*FLOATS, *INTEGERS], (None, *UNROLLED)):
        if form == "find" and dtype in INTEGERS:
            continue  # which have no tangents
        layout = "any window" if window is None else f"window {window[:2]}, steps {window[2:]}"
        kernel = pool.build(form, dtype, window, "int32")
        yield _case("pooling", form, dtype, layout, kernel, pool.argument_types(window, wide=False))
    for form, dtype in (
        ("mean", "float32"),
        ("mean", "int32"),
        ("largest", "float16"),
        ("place", "float64"),
        ("place", "int8"),
    ):
        counted = "int32" if form == "mean" else None
        kernel = pool.build(form, dtype, None, dilated=True, counted=counted)
        types = pool.argument_types(None, wide=False, dilated=True, counted=counted is not None)
        yield _case("pooling", form, dtype, "dilated", kernel, types)
    for word, positions in product(_WORDS, ("int32", "int64")):
        types = gather.argument_types(word, wide=False)
        yield _case("selection", "gather", word, f"positions {positions}", gather.build(word, positions), types)
    for order, words in _ORDERS.items():
        for word in words:
            yield _case("selection", "top_k", word, f"order {order}", top_k.build(order, word), top_k.ARGUMENT_TYPES)
            many = top_k.build_many(order, word)
            yield _case("selection", "top_k", word, f"order {order}, many", many, top_k.MANY_ARGUMENT_TYPES)
