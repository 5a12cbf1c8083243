"""The loops of resizing: weighted taps, or the nearest element, along one axis or two at once.

An operand is seen as planes of rows. The kernel goes down the columns of a plane, across its rows, or both; with
both, a few rows hold what one pass hands to the other, and the result is written once. The order depends on lengths
alone: a pass down that makes rows fewer comes before the pass across, one that makes more comes after it.

Results are sums over all taps, those of weight zero included, which must add nothing even if the element is infinite or
NaN. Operands are searched for such an element while they are in the cache; in the rare case the results that are not
finite are made once more, with care. The same goes for elements so large that the passes may overflow between them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from numbafunc.cpu.dispatchers import compile_kernel, inline, separate
from numbafunc.cpu.load_store import Separation, address_of, is_finite, make_read, make_write
from numbafunc.cpu.loop_hints import ONE_BY_ONE
from numbafunc.cpu.resize_pass import (
    BAND,
    BANDS,
    BEGIN,
    COLUMNS,
    END,
    GROUPS_ACROSS,
    GROUPS_DOWN,
    HEADER,
    INNER,
    NEW_COLUMNS,
    NEW_ROWS,
    PER_TASK,
    PLANES,
    ROWS,
    Pass,
)
from numbafunc.cpu.schedule import MIN_MAX, tasks
from numbafunc.numbers.real import Real, fma

_SPECIAL = {
    "float16": (0x7C00, 16),
    "bfloat16": (0x7F80, 16),
    "float32": (0x7F800000, 32),
    "float64": (0x7FF << 52, 64),
}


def _watch(storage: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The intrinsics ``nothing()`` and ``seen(word, array, index)``, a word that is negative after infinity or NaN.

    So it is after elements within a factor of 8 of those, except in float16, which is computed in float32. It is a
    word because sums of floats in a fixed order don't vectorise.
    """
    exponent, width = _SPECIAL[storage]
    word = ir.IntType(width)
    type_ = getattr(types, f"int{width}")

    @intrinsic
    def nothing(typingctx: Any) -> Any:
        return type_(), lambda context, builder, sig, args: ir.Constant(word, 0)

    @intrinsic
    def seen(typingctx: Any, found: Any, array: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            address = builder.bitcast(address_of(context, builder, array, args[1], args[2]), word.as_pointer())
            bits = builder.and_(builder.load(address), ir.Constant(word, exponent))
            # An exponent of all ones carries into the sign bit, and one that is at most three less.
            lowest = ir.Constant(word, (exponent & -exponent) * (1 if storage == "float16" else 4))
            return builder.or_(args[0], builder.add(bits, lowest))

        return type_(found, array, index), codegen

    return nothing, seen


@intrinsic
def multiply_add(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c`` rounded once."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return fma(*(Real(builder, arg) for arg in args)).value

    return a(a, b, c), codegen


def _lines(depth: int, lines: list[str]) -> str:
    return "\n".join("    " * depth + line for line in lines)


def _sum(get: str, source: str, terms: list[tuple[str, str]], start: str | None = None) -> str:
    """Expression of the sum of weights times elements of a source, given as names and indices, in this order."""
    total = start
    for weight, index in terms:
        element = f"{get}({source}, {index})"
        total = f"{weight} * {element}" if total is None else f"multiply_add({weight}, {element}, {total})"
    assert total is not None
    return total


def _down(source: str, target: str, steps: Pass) -> list[str]:
    """Statements that make ``width`` elements of row ``o`` of a target, from ``place`` on.

    Their sources are the rows that begin at ``origin``, ``columns`` elements apart. Where the source is "line",
    they are in a ring of as many rows as there are taps, in which row ``first`` is the first to use.
    """
    taps = range(steps.taps)
    rows = [f"r{t} = origin + {t} * columns" for t in taps]
    if source == "line":
        rows = [f"r{t} = (first + {t}) % {steps.taps} * new_columns" for t in taps]
    rows += [f"d{t} = get_weight(weights, at + {t})" for t in taps]
    terms = [(f"d{t}", f"r{t} + j") for t in taps]
    total = _sum(f"get_{source}", source, terms)
    start = [f"at = o * {steps.taps} * groups", *rows, "for j in range(width):"]
    if not steps.several:
        return [*start, f"    put_{target}({target}, place + j, {total})"]
    return [
        *start,
        f"    put_total(total, j, {total})",
        "for group in range(1, groups):",
        f"    at += {steps.taps}",
        f"    origin += {steps.taps} * columns",
        *("    " + line for line in rows),
        "    for j in range(width):",
        f"        put_total(total, j, {_sum(f'get_{source}', source, terms, 'get_total(total, j)')})",
        "for j in range(width):",
        f"    put_{target}({target}, place + j, get_total(total, j))",
    ]


def _across_once(steps: Pass) -> list[str]:
    """Statements before a pass across: where the weights lie, and those that repeat."""
    lines = [
        f"count = {steps.taps} * places[{GROUPS_ACROSS}]",
        f"table = new_rows * {{down}} * places[{GROUPS_DOWN}]",
    ]
    if steps.form == "any":
        return lines
    phases = steps.step if steps.form == "grow" else 1
    lines += [
        f"begin, end = places[{BEGIN}], places[{END}]",
        f"inner = table + places[{INNER}]",
    ]
    return lines + [f"w{i} = get_weight(weights, inner + {i})" for i in range(phases * steps.taps)]


def _across(source: str, target: str, steps: Pass) -> list[str]:
    """Statements that make a row of results, from ``goal`` on, from the row that begins at ``row``."""
    get, put = f"get_{source}", f"put_{target}"
    terms = [(f"get_weight(weights, tap + {t})", f"index + {t}") for t in range(steps.taps)]
    one = [
        f"index = row + places[{HEADER} + new_rows + c]",
        "tap = table + c * count",
        f"value = {_sum(get, source, terms)}",
    ]
    if steps.several:
        one += [
            f"for group in range(1, places[{GROUPS_ACROSS}]):",
            f"    tap += {steps.taps}",
            f"    index += {steps.taps}",
            f"    value = {_sum(get, source, terms, 'value')}",
        ]
    one.append(f"{put}({target}, goal + c, value)")
    if steps.form == "any":
        return ["for c in range(new_columns):", *("    " + line for line in one)]
    # Results for each position of the taps, and the step to the next position.
    width, stride = (steps.step, 1) if steps.form == "grow" else (1, steps.step)
    lines = [
        f"for border in range(new_columns - (end - begin) * {width}):",
        f"    c = border if border < begin * {width} else border + (end - begin) * {width}",
        *("    " + line for line in one),
        f"index = row + begin * {stride}",
        f"start_at = goal + begin * {width}",
        "for q in range(end - begin):",
    ]
    for p in range(width):
        repeated = [
            (f"w{p * steps.taps + t}", f"index + {stride} * q + {steps.offsets[p] + t}") for t in range(steps.taps)
        ]
        lines.append(f"    v{p} = {_sum(get, source, repeated)}")
    return lines + [f"    {put}({target}, start_at + {width} * q + {p}, v{p})" for p in range(width)]


_BAND = f"""
def band(x, out, places, weights, plane, start, stop):
    rows, columns = places[{ROWS}], places[{COLUMNS}]
    new_rows, new_columns = places[{NEW_ROWS}], places[{NEW_COLUMNS}]
    groups = places[{GROUPS_DOWN}]
    found = nothing()
    total = empty({{total}}, compute)
{{once}}
"""

# Each band of results has its own rows between the passes, so rows at its border are computed twice.
_ACROSS_THEN_DOWN = """
    width = new_columns
    line = empty({down} * width, compute)
    done = 0
    for o in range(start, stop):
        first = places[{header} + o]
        for i in range(max(done, first), first + {down}):
            row = (plane * rows + i) * columns
            for j in range(columns):
                found = seen(found, x, row + j)
            goal = i % {down} * width
{across}
        done = first + {down}
        place = (plane * new_rows + o) * width
{down_lines}
    return found < 0
"""

_DOWN_THEN_ACROSS = """
    width = columns
    line = empty(width, compute)
    place = 0
    row = 0
    done = 0
    for o in range(start, stop):
        first = places[{header} + o]
        fresh = max(done, first)
        done = first + {down} * groups
        origin = (plane * rows + fresh) * columns
        for j in range((done - fresh) * columns):
            found = seen(found, x, origin + j)
        origin = (plane * rows + first) * columns
{down_lines}
        goal = (plane * new_rows + o) * new_columns
{across}
    return found < 0
"""

_ACROSS_ALONE = """
    row = plane * columns
    for j in range(columns):
        found = seen(found, x, row + j)
    goal = plane * new_columns
{across}
    return found < 0
"""

# Here a band is a range of columns, each of which is a separate line.
_DOWN_ALONE = """
    width = stop - start
    for i in range(rows):
        origin = (plane * rows + i) * columns + start
        for j in range(width):
            found = seen(found, x, origin + j)
    for o in range(new_rows):
        origin = (plane * rows + places[{header} + o]) * columns + start
        place = (plane * new_rows + o) * columns + start
{down_lines}
    return found < 0
"""

# Makes the results of a band once more that are not finite, in the order of the passes.
_REPAIR = f"""
def repair(x, out, places, weights, plane, start, stop):
    rows, columns = places[{ROWS}], places[{COLUMNS}]
    new_rows, new_columns = places[{NEW_ROWS}], places[{NEW_COLUMNS}]
    for o in range({{rows}}):
        for c in range({{columns}}):
            goal = (plane * new_rows + o) * new_columns + c
            if not is_finite(get_out(out, goal)):
                row, column = {{row}}, {{column}}
                at, tap = {{at}}, {{tap}}
                scale = one
                for _ in range(2):
{{sums}}
                    if is_finite(sum0):
                        break
                    scale = small  # sums on the way may overflow where the result does not
                put_out(out, goal, sum0 / scale)
"""


def _repair(down: Pass, across: Pass, rows_first: bool) -> str:
    """The source of the function that repairs the results of a band."""
    taps = {
        "s": ("at + s", f"{down.taps} * places[{GROUPS_DOWN}]"),
        "t": ("tap + t", f"{across.taps} * places[{GROUPS_ACROSS}]"),
    }
    one, other = down.form != "none", across.form != "none"
    order = ["t", "s"] if rows_first else ["s", "t"]  # the pass outside is the second one
    order = [name for name, there in (("s", one), ("t", other)) if there] if not (one and other) else order
    lines: list[str] = []
    ends: list[str] = []
    element = f"get_x(x, (plane * rows + row{' + s' * one}) * columns + column{' + t' * other}) * scale"
    for depth, name in enumerate(order):
        weight, count = taps[name]
        found = f"sum{depth + 1}" if depth + 1 < len(order) else element
        lines += [f"{'    ' * depth}sum{depth} = minus_zero", f"{'    ' * depth}for {name} in range({count}):"]
        ends.insert(
            0, f"{'    ' * (depth + 1)}sum{depth} = add_weighted(get_weight(weights, {weight}), {found}, sum{depth})"
        )
    return _REPAIR.format(
        rows="start, stop" if other else "new_rows",
        columns="new_columns" if other else "start, stop",
        row=f"places[{HEADER} + o]" if one else "0",
        column=f"places[{HEADER} + new_rows + c]" if other else "c",
        at=f"o * {down.taps} * places[{GROUPS_DOWN}]" if one else "0",
        tap=f"new_rows * {down.taps if one else 0} * places[{GROUPS_DOWN}] + c * {taps['t'][1]}" if other else "0",
        sums=_lines(5, lines + ends),
    )


def add_weighted(weight: Any, element: Any, total: Any) -> Any:
    """A total with an element times its weight, which adds nothing if the weight is zero."""
    if weight == 0 and not is_finite(element):
        return total
    return multiply_add(weight, element, total)


_KERNEL = f"""
def kernel(x, out, places, weights):
    planes, per_task = places[{PLANES}], places[{PER_TASK}]
    bands, size = places[{BANDS}], places[{BAND}]
    extent = {{extent}}
    for index in {{tasks}}((planes + per_task - 1) // per_task * bands):
        task = int64(index)
        first = task // bands * per_task
        start = task % bands * size
        for plane in range(first, min(first + per_task, planes)):
            stop = min(start + size, extent)
            if band(x, out, places, weights, plane, start, stop):
                repair(x, out, places, weights, plane, start, stop)
"""


def _source(down: Pass, across: Pass, rows_first: bool, parallel: bool) -> str:
    """The source of a kernel."""
    if across.form == "none":
        template, ends = _DOWN_ALONE, (("x", "out"), ("", ""))
    elif down.form == "none":
        template, ends = _ACROSS_ALONE, (("", ""), ("x", "out"))
    elif rows_first:
        template, ends = _DOWN_THEN_ACROSS, (("x", "line"), ("line", "out"))
    else:
        template, ends = _ACROSS_THEN_DOWN, (("line", "out"), ("x", "line"))
    passes: dict[str, str] = {"total": "columns" if down.several else "0", "once": "", "across": "", "down_lines": ""}
    if across.form != "none":
        passes["once"] = _lines(1, _across_once(across))
        passes["across"] = _lines({_ACROSS_THEN_DOWN: 3, _ACROSS_ALONE: 1}.get(template, 2), _across(*ends[1], across))
    if down.form != "none":
        passes["down_lines"] = _lines(2, _down(*ends[0], down))
    numbers = {"down": down.taps if down.form != "none" else 0, "header": HEADER}
    passes["once"] = passes["once"].format(**numbers)
    extent = f"places[{COLUMNS}]" if across.form == "none" else f"places[{NEW_ROWS}]"
    band = (_BAND + template).format(**passes, **numbers)
    return band + _repair(down, across, rows_first) + _KERNEL.format(extent=extent, tasks=tasks(parallel))


def build(
    down: Pass, across: Pass, rows_first: bool, storage: str, *, parallel: bool, identity: str | None = None
) -> Any:
    """Kernel ``kernel(x, out, places, weights)`` over flat contiguous arrays.

    Parameters
    ----------
    down, across : Pass
        What is done along columns and along rows.
    rows_first : bool
        Whether the pass down comes first.
    storage : str
        Dtype of operand and result.
    parallel : bool
        Whether planes and bands are shared out to threads.
    identity : str, optional
        Identifies the kernel in the cache.

    Notes
    -----
    ``places`` holds the lengths named at the top of this module, the first tap of each new row, and that of each new
    column; ``weights`` the weights of each new row, and those of each new column.
    """
    compute = "float64" if storage == "float64" else "float32"
    separation = Separation(("x", "out", "line", "total", "weights"))
    nothing, seen = _watch(storage)
    namespace: dict[str, Any] = {
        "__name__": __name__,
        **MIN_MAX,
        "prange": numba.prange,
        "int64": np.int64,  # the index of prange is unsigned
        "empty": np.empty,
        "compute": np.dtype(compute),
        "minus_zero": np.dtype(compute).type(-0.0),  # which changes no sum
        "one": np.dtype(compute).type(1),
        "small": np.dtype(compute).type(2.0**-16),
        "get_x": make_read(storage, separation, "x"),
        "get_line": make_read(compute, separation, "line"),
        "get_weight": make_read(compute, separation, "weights"),
        "get_total": make_read(compute, separation, "total"),
        "put_line": make_write(compute, separation, "line"),
        "put_total": make_write(compute, separation, "total"),
        "get_out": make_read(storage, separation, "out"),
        "put_out": make_write(storage, separation, "out"),
        "multiply_add": multiply_add,
        "add_weighted": inline(add_weighted),
        "is_finite": is_finite,
        "nothing": nothing,
        "seen": seen,
    }
    exec(compile(_source(down, across, rows_first, parallel), "<numbafunc resize>", "exec"), namespace)
    namespace["band"], namespace["repair"] = inline(namespace["band"]), separate(namespace["repair"], identity)
    return compile_kernel(namespace["kernel"], identity, parallel=parallel)


_NEAREST = f"""
def kernel(x, out, places, unused):
    planes, per_task = places[{PLANES}], places[{PER_TASK}]
    rows, columns = places[{ROWS}], places[{COLUMNS}]
    new_rows, new_columns = places[{NEW_ROWS}], places[{NEW_COLUMNS}]
    total = planes * new_rows
    for index in {{tasks}}((total + per_task - 1) // per_task):
        start = int64(index) * per_task
        plane = start // new_rows
        line = start - plane * new_rows
        for row in range(start, min(start + per_task, total)):
            origin = (plane * rows + places[{HEADER} + line]) * columns
            across(x, origin, out, row * new_columns, places, new_columns)
            line += 1
            if line == new_rows:
                line = 0
                plane += 1
"""


def build_nearest(across: Pass, word: str, *, parallel: bool, identity: str | None = None) -> Any:
    """Kernel ``kernel(x, out, places, unused)`` that copies words of a type; ``places`` as in :func:`build`."""
    separation = Separation(("x", "out"))
    body = {
        "none": ["for o in range(columns):", "    put_out(out, place + o, get_x(x, origin + o))"],
        "any": [
            f"head = {HEADER} + places[{NEW_ROWS}]",
            "for o in range(columns):",
            "    put_out(out, place + o, get_x(x, origin + places[head + o]))",
        ],
        "grow": [
            f"for q in range(columns // {across.step}):",
            "    element = get_x(x, origin + q)",
            *(f"    put_out(out, place + {across.step} * q + {p}, element)" for p in range(across.step)),
        ],
        "shrink": [
            "for o in range(columns):",
            f"    put_out(out, place + o, get_x(x, origin + {across.step} * o + {sum(across.offsets)}))",
        ],
    }[across.form]
    function = "def across(x, origin, out, place, places, columns):\n" + _lines(1, body)
    source = function + "\n\n" + _NEAREST.format(tasks=tasks(parallel))
    namespace: dict[str, Any] = {
        "__name__": __name__,
        **MIN_MAX,
        "prange": numba.prange,
        "int64": np.int64,
        "get_x": make_read(word, separation, "x"),
        # LLVM would gather the elements of a vector, which takes longer.
        "put_out": make_write(word, separation, "out", ONE_BY_ONE if across.form == "shrink" else ()),
    }
    exec(compile(source, "<numbafunc resize nearest>", "exec"), namespace)
    namespace["across"] = inline(namespace["across"])
    return compile_kernel(namespace["kernel"], identity, parallel=parallel)


__all__ = ["build", "build_nearest", "multiply_add"]
