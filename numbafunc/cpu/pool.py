"""The loops of windows that slide over the rows and columns of planes.

A row of results is made in two steps: the rows of the image below the window are combined into one line, which lies
between margins as wide as the padding, then the elements of the line below the window are combined. Both steps run
along rows, and neither has to look for the border of the image.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.core import types

from numbafunc.cpu.dispatchers import compile_lazily, inline
from numbafunc.cpu.load_store import Separation, beats, chosen, make_read, make_write, maximum
from numbafunc.cpu.schedule import MIN_MAX, SET_CHUNK, schedule

Window = tuple[int, int, int, int]  # rows, columns, and steps down and across

# Windows whose sizes and steps are constants of the code, which is unrolled; others are read at run time.
UNROLLED: tuple[Window, ...] = ((2, 2, 2, 2), (3, 3, 2, 2), (3, 3, 1, 1))

# Windows are compared in multiples of this number, so that none is left for scalar instructions, whose comparisons
# would be branches that the processor mispredicts.
LANES = 8

# Windows of up to so many elements are unrolled when tangents are carried along.
_SMALL = 25

# Names of the integers in the array ``places`` of a kernel.
PLACES = (
    *("total", "step", "rows", "columns", "new_rows", "new_columns", "top", "left"),
    *("high", "wide", "down", "across"),
)

_HEAD = """
def pool({arrays}, {places}, first, last):
    length = (new_columns - 1) * across + wide
    begin = max(left, 0)
    width = min(left + columns, length) - begin
    {more}
    for j in range({line}):
        put_line(line, j, nothing)
    for index in range(first, last):
        row = index % new_rows * down - top
        start = max(row, 0)
        stop = min(row + high, rows)
        origin = (index // new_rows * rows + start) * columns + begin - left
"""

_KERNEL = """
def kernel({arrays}, places):
{unpack}
    {dynamic}
    for index in {tasks}((total + step - 1) // step):
        first = int64(index) * step
        pool({arrays}, {places}, first, min(first + step, total))
    {static}
"""

_DOWN = """
for j in range(width):
    put_line(line, begin + j, nothing)
for i in range(start, stop):
    for j in range(width):
        element = get_x(x, origin + (i - start) * columns + j)
        put_line(line, begin + j, combine(get_line(line, begin + j), element))
"""

# Short rows of results are gone through one by one, so that the loop inside is the longer one.
_ACROSS = """
if new_columns < wide:
    for o in range(new_columns):
        total_of_window = get_line(line, o * across)
        for k in range(1, wide):
            total_of_window = combine(total_of_window, get_line(line, o * across + k))
        put_y(y, index * new_columns + o, finish(total_of_window, area))
else:
    for o in range(new_columns):
        put_sums(sums, o, get_line(line, o * across))
    for k in range(1, wide):
        if across == 1:
            for o in range(new_columns):
                put_sums(sums, o, combine(get_sums(sums, o), get_line(line, o + k)))
        else:
            for o in range(new_columns):
                put_sums(sums, o, combine(get_sums(sums, o), get_line(line, o * across + k)))
    for o in range(new_columns):
        put_y(y, index * new_columns + o, finish(get_sums(sums, o), area))
"""

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

# As ``_FIND``, for elements with tangents, whose names end in the numbers of their slots: all elements of a small
# window at once, those of a large one row by row, those of a long row one by one.
_FOLLOW_SMALL = """
for o in range(LANES * blocks):
    held = nothing
{start}
{elements}
    put_best(best, o, held)
{keep}
"""

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

_LINES = """
for i in range(high):
    inside = row + i >= start and row + i < stop
    source = origin + (row + i - start) * columns
    if inside:
        for j in range(width):
            put_line(line, i * room + begin + j, get_x(x, source + j))
{copies}
    else:
        for j in range(width):
            put_line(line, i * room + begin + j, nothing)
"""

_COPY = """
for j in range(width):
    put_line{slot}(line{slot}, i * room + begin + j, get_x(x{slot}, source + j))
"""

_FOLLOWED = """
element = get_line(line, {place})
better = beats(element, held)
held = chosen(better, element, held)
"""


# The number of whole blocks of windows, and the length of the line below them.
_BLOCKS = ["blocks = (new_columns + LANES - 1) // LANES", "room = (LANES * blocks - 1) * across + wide"]


def _indented(text: str, depth: int) -> str:
    return "\n".join("    " * depth + line for line in text.strip("\n").splitlines())


def _chain(items: list[str]) -> str:
    expression = items[0]
    for item in items[1:]:
        expression = f"combine({expression}, {item})"
    return expression


def _unrolled_down(high: int) -> str:
    elements = [f"get_x(x, origin + {i} * columns + j)" for i in range(high)]
    loop = f"for j in range(width):\n    put_line(line, begin + j, {_chain(elements)})"
    return f"if stop - start == {high}:\n{_indented(loop, 1)}\nelse:\n{_indented(_DOWN, 1)}"


def _unrolled_across(wide: int, across: int) -> str:
    elements = _chain([f"get_line(line, o * {across} + {k})" for k in range(wide)])
    return f"for o in range(new_columns):\n    put_y(y, index * new_columns + o, finish({elements}, area))"


def add(a: Any, b: Any) -> Any:
    """Sum of two elements of a window."""
    return a + b


def divide(total: Any, area: Any) -> Any:
    """Mean of a window, from its sum."""
    return total / area


def keep(total: Any, area: Any) -> Any:
    """The largest element of a window, as it is."""
    return total


def _sizes(window: Window | None) -> dict[str, int]:
    """The sizes of a window, as constants of the code; none where they are looked up."""
    return dict(zip(PLACES[-4:], window)) if window else {}


def _compile(
    form: str,
    body: str,
    more: list[str],
    sizes: dict[str, int],
    namespace: dict[str, Any],
    identity: Any,
    parallel: bool,
    arrays: str = "x, y",
    line: str = "length",
) -> Any:
    handed = [name for name in PLACES if name not in sizes and name not in ("total", "step")]
    constants = [f"{name} = {value}" for name, value in sizes.items()]
    head = _HEAD.format(
        arrays=arrays,
        places=", ".join(handed),
        more="\n    ".join(more),
        line=line,
    )
    lines = head.strip("\n").splitlines()
    lines[1:1] = ["    " + line for line in constants]
    unpack = [f"{name} = places[{place}]" for place, name in enumerate(PLACES)]
    kernel = _KERNEL.format(
        unpack="\n".join("    " + line for line in unpack),
        arrays=arrays,
        places=", ".join(handed),
        **schedule(parallel),
    )
    source = "\n".join(lines) + "\n" + _indented(body, 2) + "\n\n" + kernel
    namespace.update(
        __name__=__name__,
        set_parallel_chunksize=SET_CHUNK,
        **MIN_MAX,
        prange=numba.prange,
        LANES=LANES,
        int64=np.int64,  # the index of prange is unsigned
        empty=np.empty,
    )
    exec(compile(source, f"<numbafunc {form}>", "exec"), namespace)
    namespace["pool"] = inline(namespace["pool"])
    return compile_lazily(namespace["kernel"], repr((form, identity, sizes)), parallel=parallel)


def build(form: str, storage: str, window: Window | None, *, parallel: bool) -> Any:
    """Kernel ``kernel(x, y, places)``: the mean or the largest element of each window.

    Parameters
    ----------
    form : str
        "mean" or "largest".
    storage : str
        Dtype of ``x``; bool comes as uint8. That of ``y`` is the same but for the mean of integers, which is float64.
    window : tuple of int or None
        Sizes and steps to unroll; None to take them from ``places``.
    parallel : bool
        Whether rows are shared out to threads.

    Notes
    -----
    ``places`` is an array of int64 with the numbers named in :data:`PLACES`: rows of results in all planes, how many
    are a task, sizes of the planes of ``x`` and ``y``, padding before, and the window.
    """
    separation = Separation(("x", "y", "line", "sums"))
    integer = np.dtype(storage).kind in "iu" if storage != "bfloat16" else False
    result = "float64" if integer and form == "mean" else storage
    compute = result if integer or storage == "float64" else "float32"
    type_ = getattr(types, compute)
    nothing: Any = 0
    if form == "largest":
        nothing = np.iinfo(compute).min if integer else -np.inf
    namespace: dict[str, Any] = {
        "compute": np.dtype(compute),
        "number": np.dtype(compute).type,
        "nothing": np.dtype(compute).type(nothing),
        "combine": maximum if form == "largest" else inline(add),
        "finish": inline(keep if form == "largest" else divide),
        "get_x": make_read(storage, separation, "x", type_),
        "put_y": make_write(result, separation, "y"),
        **{f"get_{name}": make_read(compute, separation, name, type_) for name in ("line", "sums")},
        **{f"put_{name}": make_write(compute, separation, name) for name in ("line", "sums")},
    }
    more = ["line = empty(length, compute)", "area = number(high * wide)"]
    if window is None:
        body = f"{_DOWN.strip()}\n{_ACROSS.strip()}"
        more.append("sums = empty(new_columns, compute)")
    else:
        body = f"{_unrolled_down(window[0])}\n{_unrolled_across(window[1], window[3])}"
    return _compile(f"pooling {form}", body, more, _sizes(window), namespace, storage, parallel)


def build_find(storage: str, window: Window | None, wide_index: bool, *, parallel: bool) -> Any:
    """Kernel ``kernel(x, y, places)``: the position in its plane of the first largest element of each window, as int64.

    A NaN is larger than all others. The position is -1 where nothing is larger than minus infinity. See :func:`build`;
    ``wide_index`` tells that positions need more than 32 bits.
    """
    separation = Separation(("x", "y", "line", "best", "which"))
    index = "int64" if wide_index or storage == "float64" else "int32"
    type_ = getattr(types, storage)
    namespace: dict[str, Any] = {
        "compute": np.dtype(storage),
        "index_dtype": np.dtype(index),
        "nothing": np.dtype(storage).type(-np.inf),
        "get_x": make_read(storage, separation, "x", type_),
        "put_y": make_write("int64", separation, "y"),
        **{f"get_{name}": make_read(storage, separation, name, type_) for name in ("line", "best")},
        **{f"put_{name}": make_write(storage, separation, name) for name in ("line", "best")},
        "get_which": make_read(index, separation, "which", getattr(types, index)),
        "put_which": make_write(index, separation, "which"),
        "narrow": getattr(np, index),
        "none": getattr(np, index)(-1),
        "beats": beats,
        "chosen": chosen,
    }
    more = [*_BLOCKS, "line = empty(room, compute)", "best = empty(LANES * blocks, compute)"]
    more += ["which = empty(LANES * blocks, index_dtype)"]
    if window is None:
        element = _indented(_ELEMENT.format(k="k"), 1)
        compare = "for k in range(wide):\n" + _indented(_COMPARE.format(elements=element), 1)
    else:
        elements = (_indented(_ELEMENT.format(k=k), 1) for k in range(window[1]))
        compare = _COMPARE.format(elements="\n".join(elements))
    body = _FIND.format(compare=_indented(compare, 1))
    sizes = _sizes(window)
    return _compile("pooling find", body, more, sizes, namespace, (storage, index), parallel, line="room")


def build_follow(storage: str, window: Window, tangents: int, *, parallel: bool) -> Any:
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
    more = [*_BLOCKS, *(f"{name} = empty(high * room, compute)" for name in lines)]
    more += [f"{name} = empty(LANES * blocks, compute)" for name in bests]

    def compared(place: str) -> str:
        chosen = [f"held{s} = chosen(better, get_line{s}(line{s}, {place}), held{s})" for s in slots]
        return "\n".join([_FOLLOWED.format(place=place).strip(), *chosen])

    high, wide, _, across = window
    keep = "\n".join(f"put_best{s}(best{s}, o, held{s})" for s in slots)
    if high * wide <= _SMALL:
        elements = "\n".join(compared(f"{i} * room + o * {across} + {k}") for i in range(high) for k in range(wide))
        start = "\n".join(f"held{s} = zero" for s in slots)
        sizes = _sizes(window)
        compare = _FOLLOW_SMALL.format(
            start=_indented(start, 1), elements=_indented(elements, 1), keep=_indented(keep, 1)
        )
    else:
        turns = 1 if wide <= _SMALL else "wide"
        places = [f"i * room + o * {across} + {k}" for k in (range(wide) if turns == 1 else "k")]
        # Elements that are a constant apart are loaded by vector instructions.
        sizes = {"across": across} if turns == "wide" else {"wide": wide, "across": across}
        compare = _FOLLOW_LARGE.format(
            start=_indented("\n".join(f"put_best{s}(best{s}, o, zero)" for s in slots), 1),
            load=_indented("\n".join(f"held{s} = get_best{s}(best{s}, o)" for s in slots), 3),
            turns=turns,
            elements=_indented("\n".join(map(compared, places)), 3),
            keep=_indented(keep, 3),
        )
    body = _FOLLOW.format(
        lines=_LINES.format(copies="\n".join(_indented(_COPY.format(slot=s), 2) for s in slots)).strip(),
        compare=compare.strip(),
        end=_indented("\n".join(f"put_y{s}(y{s}, index * new_columns + o, get_best{s}(best{s}, o))" for s in slots), 1),
    )
    form = storage, tangents
    every = ", ".join(arrays)
    return _compile("pooling follow", body, more, sizes, namespace, form, parallel, arrays=every, line="high * room")


__all__ = ["PLACES", "UNROLLED", "Window", "add", "build", "build_find", "build_follow", "divide", "keep"]
