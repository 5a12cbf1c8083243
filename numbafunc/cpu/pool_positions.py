"""The loops that find the largest elements of sliding windows: their positions, or their tangents along with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from numbafunc.cpu.dispatchers import inline
from numbafunc.cpu.load_store import Separation, beats, chosen, make_read, make_write
from numbafunc.cpu.pool_places import Window, sizes_of
from numbafunc.cpu.pool_source import BLOCKS, compile_loop, indented
from numbafunc.cpu.pool_vectors import make_follow_windows

# Windows of up to so many elements are unrolled when tangents are carried along.
_SMALL = 25

# How many of these are compared side by side, if there are as many.
_MANY, _FEW = 8, 4

# The most phases of a row.
_STEPS = 4


# The window's elements are compared in the order that decides ties. A NaN, once found, stays.
_FIND = """
for o in range(LANES * blocks):
    put_best(best, o, nothing)
    put_which(which, o, none)
for i in range(start, stop):
    for j in range(width):
        put_line(line, begin + j, get_x(x, origin + (i - start) * columns + j))
{compare}
for o in range(new_columns):
    found = int64(get_which(which, o))
    put_y(y, index * new_columns + o, found + o * across - left if found >= 0 else -1)
"""


_COMPARE = """
for o in range(LANES * blocks):
    held = get_best(best, o)
    place = get_which(which, o)
{elements}
    put_best(best, o, held)
    put_which(which, o, place)
"""


_ELEMENT = """
element = get_line(line, o * across + {k})
better = beats(element, held)
held = chosen(better, element, held)
place = chosen(better, narrow(i * columns + {k}), place)
"""


# As ``_FIND``, for elements with tangents, whose names end in the numbers of their slots. Small windows that lie in the
# row are compared side by side as they are; the last of them overlap others, so that none is left. Those at the border,
# and few, are compared one by one.
_FOLLOW_SMALL = """
target = index * new_columns
inside = (left + across - 1) // across
outside = min(new_columns, (columns + left - wide + across) // across)
origins = ({origins},)
if start >= stop or outside - inside < {few}:
    inside = outside = new_columns
elif outside - inside < {many}:
    follow_few({x}, origins, inside * across - left, {y}, target + inside)
    follow_few({x}, origins, (outside - {few}) * across - left, {y}, target + outside - {few})
else:
    o = inside
    while o < outside - {many}:
        follow_many({x}, origins, o * across - left, {y}, target + o)
        o += {many}
    follow_many({x}, origins, (outside - {many}) * across - left, {y}, target + outside - {many})
for border in range(new_columns - (outside - inside)):
    o = border if border < inside else border + outside - inside
    column = o * across - left
    if start < stop and column < columns and column + wide > 0:
        follow_one({x}, origins, ({columns},), {y}, target + o)
    else:
        put_y(y, target + o, nothing)
{zeros}
"""


# The elements of a large one are taken from lines of the rows below it, row by row, those of a long row one by one.
_FOLLOW_LARGE = """
for o in range(LANES * blocks):
    put_best(best, o, nothing)
{start}
for i in range(high):
    for k in range({turns}):
        for o in range(LANES * blocks):
            held = get_best(best, o)
{load}
{elements}
            put_best(best, o, held)
{keep}
"""


_FOLLOW = """
{lines}
{compare}
for o in range(new_columns):
    put_y(y, index * new_columns + o, get_best(best, o))
{end}
"""


# The rows below a window. Where windows overlap, each row is in as many phases as there are steps across: elements that
# windows side by side have at the same place lie side by side, where vector instructions load them at once.
_LINES = """
for i in range(high):
    inside = row + i >= start and row + i < stop
    source = origin + (row + i - start) * columns
    target = i * phases * phase
    if inside:
{copies}
    else:
        for j in range(phases * phase):
            put_line(line, target + j, nothing)
"""


_COPY = """
for q in range(max(width, 0) // phases):
{together}
for j in range(max(width, 0) // phases * phases, width):
    put_line{slot}(line{slot}, target + (begin + j) % phases * phase + (begin + j) // phases, get_x(x{slot}, source +
    j))
"""


_TOGETHER = "put_line{slot}(line{slot}, target + place{r} + q, get_x(x{slot}, source + q * phases + {r}))"


_FOLLOWED = """
element = get_line(line, {place})
better = beats(element, held)
held = chosen(better, element, held)
"""


def larger(new: Any, held: Any) -> Any:
    """Whether an integer is larger than the one held so far."""
    return new > held


def build_find(
    storage: str,
    window: Window | None,
    wide_index: bool,
    *,
    parallel: bool,
    dilated: bool = False,
    identity: str | None = None,
) -> Any:
    """Kernel ``kernel(x, y, places)``: the position in its plane of the first largest element of each window, as int64.

    A NaN is larger than all others. The position is -1 where nothing is larger than minus infinity, or than the
    smallest integer. See :func:`build`; ``wide_index`` tells that positions need more than 32 bits.
    """
    separation = Separation(("x", "y", "line", "best", "which"))
    index = "int64" if wide_index or storage in ("float64", "int64", "uint64") else "int32"
    integer = np.dtype(storage).kind in "iu"
    type_ = getattr(types, storage)
    namespace: dict[str, Any] = {
        "compute": np.dtype(storage),
        "index_dtype": np.dtype(index),
        "nothing": np.dtype(storage).type(np.iinfo(storage).min if integer else -np.inf),
        "get_x": make_read(storage, separation, "x", type_),
        "put_y": make_write("int64", separation, "y"),
        **{f"get_{name}": make_read(storage, separation, name, type_) for name in ("line", "best")},
        **{f"put_{name}": make_write(storage, separation, name) for name in ("line", "best")},
        "get_which": make_read(index, separation, "which", getattr(types, index)),
        "put_which": make_write(index, separation, "which"),
        "narrow": getattr(np, index),
        "none": getattr(np, index)(-1),
        "beats": inline(larger) if integer else beats,
        "chosen": chosen,
    }
    more = [*BLOCKS, "line = empty(room, compute)", "best = empty(LANES * blocks, compute)"]
    more += ["which = empty(LANES * blocks, index_dtype)"]
    if window is None:
        element = indented(_ELEMENT.format(k="k * wide_gap" if dilated else "k"), 1)
        compare = "for k in range(wide):\n" + indented(_COMPARE.format(elements=element), 1)
    else:
        elements = (indented(_ELEMENT.format(k=k), 1) for k in range(window[1]))
        compare = _COMPARE.format(elements="\n".join(elements))
    body = _FIND.format(compare=indented(compare, 1))
    sizes = sizes_of(window)
    return compile_loop("pooling find", body, more, sizes, namespace, identity, parallel, line="room", dilated=dilated)


def build_follow(storage: str, window: Window, tangents: int, *, parallel: bool, identity: str | None = None) -> Any:
    """Kernel ``kernel(x, x0, x1, ..., y, y0, y1, ..., places)``: the largest elements, and their tangents.

    ``x0`` holds a tangent of each element of ``x``; those of the largest elements go to ``y0``, and so forth. See
    :func:`build_find`.
    """
    slots = range(tangents)
    arrays = [f"{name}{slot}" for name in "xy" for slot in ("", *slots)]
    lines = ["line", *(f"line{slot}" for slot in slots)]
    bests = ["best", *(f"best{slot}" for slot in slots)]
    separation = Separation(("x", *arrays[tangents + 1 :], *lines, *bests))
    compute = "float64" if storage == "float64" else "float32"
    type_ = getattr(types, compute)
    namespace: dict[str, Any] = {
        "compute": np.dtype(compute),
        "nothing": np.dtype(compute).type(-np.inf),
        "zero": np.dtype(compute).type(0),
        "get_x": make_read(storage, separation, "x", type_),
        **{f"put_{name}": make_write(storage, separation, name) for name in arrays[tangents + 1 :]},
        **{f"get_{name}": make_read(compute, separation, name, type_) for name in (*lines, *bests)},
        **{f"put_{name}": make_write(compute, separation, name) for name in (*lines, *bests)},
        "beats": beats,
        "chosen": chosen,
    }
    more = [*BLOCKS, *(f"{name} = empty(high * phases * phase, compute)" for name in lines)]
    more += [f"{name} = empty(LANES * blocks, compute)" for name in bests]

    def compared(place: str) -> str:
        chosen = [f"held{s} = chosen(better, get_line{s}(line{s}, {place}), held{s})" for s in slots]
        return "\n".join([_FOLLOWED.format(place=place).strip(), *chosen])

    high, wide, _, across = window
    every = ", ".join(arrays)
    if high * wide <= _SMALL:
        for name, count in (("few", _FEW), ("many", _MANY), ("one", 1)):
            namespace[f"follow_{name}"] = make_follow_windows(storage, window, count, separation)
        places = [f"(index // new_rows * rows + min(max(row + {i}, 0), rows - 1)) * columns" for i in range(high)]
        body = _FOLLOW_SMALL.format(
            x=f"({', '.join(arrays[: tangents + 1])})",
            y=f"({', '.join(arrays[tangents + 1 :])})",
            origins=", ".join(places),
            columns=", ".join(f"min(max(column + {k}, 0), columns - 1)" for k in range(wide)),
            zeros=indented("\n".join(f"put_y{s}(y{s}, target + o, zero)" for s in slots), 2),
            few=_FEW,
            many=_MANY,
        )
        sizes = sizes_of(window)
        return compile_loop("pooling follow", body, [], sizes, namespace, identity, parallel, arrays=every, line=None)
    phases = across if wide > across and across <= _STEPS else 1
    more[len(BLOCKS) : len(BLOCKS)] = [f"phases = {phases}", "phase = (room + phases - 1) // phases"]
    more += [f"place{r} = (begin + {r}) % phases * phase + (begin + {r}) // phases" for r in range(phases)]

    def copied(slot: Any) -> str:
        """Source that copies a row of an array into a line."""
        together = "\n".join(_TOGETHER.format(slot=slot, r=r) for r in range(phases))
        return indented(_COPY.format(slot=slot, together=indented(together, 1)), 2)

    def place_of(row: Any, k: Any) -> str:
        """Index, in a line, of the element of window ``o`` in a row and a column of the window."""
        return f"{row} * phases * phase + {k} % phases * phase + {k} // phases + o * {across // phases}"

    keep = "\n".join(f"put_best{s}(best{s}, o, held{s})" for s in slots)
    turns = 1 if wide <= _SMALL else "wide"
    places = [place_of("i", k) for k in (range(wide) if turns == 1 else "k")]
    sizes = {"across": across} if turns == "wide" else {"wide": wide, "across": across}
    compare = _FOLLOW_LARGE.format(
        start=indented("\n".join(f"put_best{s}(best{s}, o, zero)" for s in slots), 1),
        load=indented("\n".join(f"held{s} = get_best{s}(best{s}, o)" for s in slots), 3),
        turns=turns,
        elements=indented("\n".join(map(compared, places)), 3),
        keep=indented(keep, 3),
    )
    body = _FOLLOW.format(
        lines=_LINES.format(copies="\n".join(map(copied, ("", *slots)))).strip(),
        compare=compare.strip(),
        end=indented("\n".join(f"put_y{s}(y{s}, index * new_columns + o, get_best{s}(best{s}, o))" for s in slots), 1),
    )
    return compile_loop(
        "pooling follow", body, more, sizes, namespace, identity, parallel, arrays=every, line="high * phases * phase"
    )


__all__ = ["build_find", "build_follow", "larger"]
