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

from numbafunc.cpu.dispatchers import compile_lazily, inline, separate
from numbafunc.cpu.load_store import Separation, beats, chosen, is_finite, make_read, make_write, maximum
from numbafunc.cpu.overflow import forget_overflow, marks, may_have_overflowed
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
# Two more where windows are dilated: rows and columns from one of their elements to the next.
GAPS = ("high_gap", "wide_gap")

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
        {put_total}
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
        {put}
"""

# A mean that is not finite may be one whose sum overflows. Where a task may have had one, those of its results that are
# not finite are made once more, in a wider format or from smaller elements.
_PUT = "put_y(y, index * new_columns + o, finish({total}, {area}))"
_IF_OVERFLOWED = """
    if may_have_overflowed():
        repair({names}, first, last)
"""
_REPAIR = """
def repair({names}, first, last):
    {constants}
    seen = unmarked()
    for place in range(first * new_columns, last * new_columns):
        seen = mark(seen, get_y(y, place))
    if not is_marked(seen):
        return
    for index in range(first, last):
        row = index % new_rows * down - top
        origin = index // new_rows * rows
        for o in range(new_columns):
            if not is_finite(get_y(y, index * new_columns + o)):
                column = o * across - left
                total = zero
                for c in range(column, column + wide):
                    line = zero
                    for r in range(max(row, 0), min(row + high, rows)):
                        if c >= 0 and c < columns:
                            line = line + get_x(x, (origin + r) * columns + c) * small
                    total = total + line
                put_y(y, index * new_columns + o, total / {area} / small)
"""
_AREA = "number(high * wide)"
_COUNTED_AREA = "number(get_counts(counts, index % new_rows) * get_counts(counts, new_rows + o))"

# Pieces of source that are others where windows are dilated.
_DILATED = {
    "start = max(row, 0)": "start = row if row >= 0 else row + (high_gap - 1 - row) // high_gap * high_gap",
    "stop = min(row + high, rows)": "stop = min(row + (high - 1) * high_gap + 1, rows)",
    "range(start, stop)": "range(start, stop, high_gap)",
    "range(max(row, 0), min(row + high, rows))": "range(row, row + high * high_gap, high_gap)",
    "range(column, column + wide)": "range(column, column + wide * wide_gap, wide_gap)",
    "if c >= 0 and c < columns": "if c >= 0 and c < columns and r >= 0 and r < rows",
    "* across + wide": "* across + (wide - 1) * wide_gap + 1",
    "+ k)": "+ k * wide_gap)",
}


def _dilated(source: str) -> str:
    for plain, other in _DILATED.items():
        source = source.replace(plain, other)
    return source


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


def _unrolled_across(wide: int, across: int, put: str) -> str:
    elements = _chain([f"get_line(line, o * {across} + {k})" for k in range(wide)])
    return f"for o in range(new_columns):\n{_indented(put.format(total=elements), 1)}"


def add(a: Any, b: Any) -> Any:
    """Sum of two elements of a window."""
    return a + b


def divide(total: Any, area: Any) -> Any:
    """Mean of a window, from its sum."""
    return total / area


def keep(total: Any, area: Any) -> Any:
    """The largest element of a window, as it is."""
    return total


def larger(new: Any, held: Any) -> Any:
    """Whether an integer is larger than the one held so far."""
    return new > held


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
    dilated: bool = False,
    repair: str = "",
) -> Any:
    every = (*PLACES, *GAPS) if dilated else PLACES
    handed = [name for name in every if name not in sizes and name not in ("total", "step")]
    constants = [f"{name} = {value}" for name, value in sizes.items()]
    head = _HEAD.format(
        arrays=arrays,
        places=", ".join(handed),
        more="\n    ".join(more),
        line=line,
    )
    lines = head.strip("\n").splitlines()
    lines[1:1] = ["    " + line for line in constants]
    unpack = [f"{name} = places[{place}]" for place, name in enumerate(every)]
    kernel = _KERNEL.format(
        unpack="\n".join("    " + line for line in unpack),
        arrays=arrays,
        places=", ".join(handed),
        **schedule(parallel),
    )
    source = "\n".join(lines) + "\n" + _indented(body, 2) + "\n"
    if repair:
        source += _IF_OVERFLOWED + repair.replace("{constants}", "\n    ".join(constants))
        source = source.replace("{names}", f"{arrays}, {', '.join(handed)}")
    source += "\n\n" + kernel
    if dilated:
        source = _dilated(source)
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
    identity = repr((form, identity, sizes, dilated))
    namespace["pool"] = inline(namespace["pool"])
    if repair:
        namespace["repair"] = separate(namespace["repair"], identity)
    return compile_lazily(namespace["kernel"], identity, parallel=parallel)


def build(
    form: str, storage: str, window: Window | None, *, parallel: bool, dilated: bool = False, counted: bool = False
) -> Any:
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
    dilated : bool
        Whether ``places`` goes on with :data:`GAPS`.
    counted : bool
        Whether means are taken of ``counts[i] * counts[H' + j]`` elements; the kernel is ``kernel(x, y, counts,
        places)``.

    Notes
    -----
    ``places`` is an array of int64 with the numbers named in :data:`PLACES`: rows of results in all planes, how many
    are a task, sizes of the planes of ``x`` and ``y``, padding before, and the window.
    """
    separation = Separation(("x", "y", "line", "sums", "counts"))
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
    watched = form == "mean" and not integer and storage != "float16"
    more = ["line = empty(length, compute)"]
    area = _COUNTED_AREA if counted else "area"
    if not counted:
        more.append(f"area = {_AREA}")
    put = _PUT.replace("{area}", area)
    repair = ""
    if watched:
        # float32 is summed in float64.
        small = np.float64(2.0**-64 if compute == "float64" else 1)
        more.append("forget_overflow()")
        namespace.update(marks(compute), is_finite=is_finite, small=small, zero=np.float64(0))
        namespace.update(may_have_overflowed=may_have_overflowed, forget_overflow=forget_overflow)
        namespace["get_y"] = make_read(storage, separation, "y")
        repair = _REPAIR.replace("{area}", _COUNTED_AREA if counted else _AREA)
    if counted:
        namespace["get_counts"] = make_read("int64", separation, "counts")
    if window is None:
        across = _ACROSS.replace("        {put_total}", _indented(put.format(total="total_of_window"), 2)).replace(
            "        {put}", _indented(put.format(total="get_sums(sums, o)"), 2)
        )
        body = f"{_DOWN.strip()}\n{across.strip()}"
        more.append("sums = empty(new_columns, compute)")
    else:
        body = f"{_unrolled_down(window[0])}\n{_unrolled_across(window[1], window[3], put)}"
    arrays = "x, y, counts" if counted else "x, y"
    return _compile(
        f"pooling {form}",
        body,
        more,
        _sizes(window),
        namespace,
        (storage, counted),
        parallel,
        arrays=arrays,
        dilated=dilated,
        repair=repair,
    )


def build_find(storage: str, window: Window | None, wide_index: bool, *, parallel: bool, dilated: bool = False) -> Any:
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
    more = [*_BLOCKS, "line = empty(room, compute)", "best = empty(LANES * blocks, compute)"]
    more += ["which = empty(LANES * blocks, index_dtype)"]
    if window is None:
        element = _indented(_ELEMENT.format(k="k * wide_gap" if dilated else "k"), 1)
        compare = "for k in range(wide):\n" + _indented(_COMPARE.format(elements=element), 1)
    else:
        elements = (_indented(_ELEMENT.format(k=k), 1) for k in range(window[1]))
        compare = _COMPARE.format(elements="\n".join(elements))
    body = _FIND.format(compare=_indented(compare, 1))
    sizes = _sizes(window)
    return _compile(
        "pooling find", body, more, sizes, namespace, (storage, index), parallel, line="room", dilated=dilated
    )


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


__all__ = [
    "GAPS",
    "PLACES",
    "UNROLLED",
    "Window",
    "add",
    "build",
    "build_find",
    "build_follow",
    "divide",
    "keep",
    "larger",
]
