"""The loops of windows that slide over the rows and columns of planes.

A row of results is made in two steps: the rows of the image below the window are combined into one line, which lies
between margins as wide as the padding, then the elements of the line below the window are combined. Both steps run
along rows, and neither has to look for the border of the image.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from numbafunc.cpu.dispatchers import inline
from numbafunc.cpu.load_store import Separation, is_finite, make_read, make_write, maximum
from numbafunc.cpu.overflow import forget_overflow, marks, may_have_overflowed
from numbafunc.cpu.pool_places import Window, sizes_of
from numbafunc.cpu.pool_source import compile_loop, indented

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


def _chain(items: list[str]) -> str:
    expression = items[0]
    for item in items[1:]:
        expression = f"combine({expression}, {item})"
    return expression


def _unrolled_down(high: int) -> str:
    elements = [f"get_x(x, origin + {i} * columns + j)" for i in range(high)]
    loop = f"for j in range(width):\n    put_line(line, begin + j, {_chain(elements)})"
    return f"if stop - start == {high}:\n{indented(loop, 1)}\nelse:\n{indented(_DOWN, 1)}"


def _unrolled_across(wide: int, across: int, put: str) -> str:
    elements = _chain([f"get_line(line, o * {across} + {k})" for k in range(wide)])
    return f"for o in range(new_columns):\n{indented(put.format(total=elements), 1)}"


def add(a: Any, b: Any) -> Any:
    """Sum of two elements of a window."""
    return a + b


def divide(total: Any, area: Any) -> Any:
    """Mean of a window, from its sum."""
    return total / area


def keep(total: Any, area: Any) -> Any:
    """The largest element of a window, as it is."""
    return total


def build(
    form: str,
    storage: str,
    window: Window | None,
    *,
    parallel: bool,
    dilated: bool = False,
    counted: bool = False,
    identity: str | None = None,
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
    identity : str, optional
        Identifies the kernel in the cache.

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
        across = _ACROSS.replace("        {put_total}", indented(put.format(total="total_of_window"), 2)).replace(
            "        {put}", indented(put.format(total="get_sums(sums, o)"), 2)
        )
        body = f"{_DOWN.strip()}\n{across.strip()}"
        more.append("sums = empty(new_columns, compute)")
    else:
        body = f"{_unrolled_down(window[0])}\n{_unrolled_across(window[1], window[3], put)}"
    arrays = "x, y, counts" if counted else "x, y"
    return compile_loop(
        f"pooling {form}",
        body,
        more,
        sizes_of(window),
        namespace,
        identity,
        parallel,
        arrays=arrays,
        dilated=dilated,
        repair=repair,
    )


__all__ = ["add", "build", "divide", "keep"]
