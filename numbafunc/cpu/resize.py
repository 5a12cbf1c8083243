"""The loops of resizing: weighted taps, or the nearest element, along one axis or two at once.

An operand is seen as planes of rows. The kernel goes down the columns of a plane, across its rows, or both; then what
lies between the two passes stays in a few rows, and the result is written once. The order depends on lengths alone:
rows are made fewer before, and more after, the pass across.

One element that is not finite makes everything that is weighted together with it NaN: its line or, with two axes, its
plane. Operands are looked through while they are in the cache; results are made NaN afterwards, in the rare case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from numbafunc.cpu.access import Separation, _address, _narrow, _widen
from numbafunc.cpu.cache import compile_lazily, inline
from numbafunc.cpu.real import Real, fma
from numbafunc.cpu.schedule import SET_CHUNK, schedule

# Numbers that stand before the first taps in the table ``places``.
HEADER = 13
PLANES, ROWS, COLUMNS, NEW_ROWS, NEW_COLUMNS, PER_TASK, BANDS, BAND, GROUPS_DOWN, GROUPS_ACROSS, BEGIN, END, INNER = (
    range(HEADER)
)


@dataclass(frozen=True)
class Pass:
    """What a kernel does along one axis.

    Attributes
    ----------
    form : str
        "none", "any" (taps of each result from a table), "grow" (by a whole factor: the taps of every ``step`` results
        repeat, one position further) or "shrink" (by a whole factor: those of each result repeat, ``step`` further).
    taps : int
        Taps in a group, whose code is unrolled.
    several : bool
        Whether there is more than one group of taps.
    step : int
        The whole factor.
    offsets : tuple of int
        Where the taps of each phase begin, from the position of the first; one for "shrink".
    """

    form: str
    taps: int = 1
    several: bool = False
    step: int = 1
    offsets: tuple[int, ...] = ()


_SPECIAL = {
    "float16": (0x7C00, 16),
    "bfloat16": (0x7F80, 16),
    "float32": (0x7F800000, 32),
    "float64": (0x7FF << 52, 64),
}


def _reader(storage: str, separation: Separation, group: str) -> Callable[..., Any]:
    """The intrinsic ``get(array, index)``: an element; 16-bit floats as float32."""

    @intrinsic
    def get(typingctx: Any, array: Any, index: Any) -> Any:
        half = storage in ("float16", "bfloat16")

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            loaded = builder.load(_address(context, builder, array, *args))
            separation.mark(builder.module, loaded, group)
            return _widen(builder, storage, loaded) if half else loaded

        return (types.float32 if half else array.dtype)(array, index), codegen

    return get  # type: ignore[no-any-return]


def _writer(storage: str, separation: Separation, group: str) -> Callable[..., Any]:
    """The intrinsic ``put(array, index, value)``."""

    @intrinsic
    def put(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            stored = args[2]
            if storage in ("float16", "bfloat16"):
                stored = _narrow(builder, storage, stored)
            address = _address(context, builder, array, args[0], args[1])
            separation.mark(builder.module, builder.store(stored, address), group)
            return context.get_dummy_value()

        return types.none(array, index, value), codegen

    return put  # type: ignore[no-any-return]


def _watch(storage: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The intrinsics ``nothing()`` and ``seen(word, array, index)``, a word that is negative once infinity or NaN came.

    Words, because a sum of floats in a given order is no vector instruction.
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
            address = builder.bitcast(_address(context, builder, array, args[1], args[2]), word.as_pointer())
            bits = builder.and_(builder.load(address), ir.Constant(word, exponent))
            # An exponent of ones, and no other, carries into the sign.
            lowest = ir.Constant(word, exponent & -exponent)
            return builder.or_(args[0], builder.add(bits, lowest))

        return type_(found, array, index), codegen

    return nothing, seen


@intrinsic
def _multiply_add(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c`` rounded once."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return fma(*(Real(builder, arg) for arg in args)).value

    return a(a, b, c), codegen


def _joined(lines: list[str]) -> str:
    return "\n".join("    " + line for line in lines)


def _sum(get: str, source: str, terms: list[tuple[str, str]], start: str | None = None) -> str:
    """Expression of the sum of weights times elements of a source, given as names and indices, in this order."""
    total = start
    for weight, index in terms:
        element = f"{get}({source}, {index})"
        total = f"{weight} * {element}" if total is None else f"multiply_add({weight}, {element}, {total})"
    assert total is not None
    return total


def _down(name: str, source: str, target: str, steps: Pass) -> str:
    """Function that makes one row of results, or a part of it, from the rows ``at0``, ``at0 + stride``, ...

    With ``ring`` the source is a ring of as many rows as there are taps, of which ``first`` is the number of the row
    that is wanted first.
    """
    taps = range(steps.taps)
    weights = [f"w{t} = get_weight(weights, at + {t})" for t in taps]
    rows = [f"r{t} = origin + {t} * stride" for t in taps]
    if source == "line":
        rows = [f"r{t} = (first + {t}) % {steps.taps} * stride" for t in taps]
    terms = [(f"w{t}", f"r{t} + j") for t in taps]
    get, put = f"get_{source}", f"put_{target}"
    if not steps.several:
        body = [
            *weights,
            *rows,
            "for j in range(width):",
            f"    {put}({target}, place + j, {_sum(get, source, terms)})",
        ]
        return f"def {name}({source}, origin, first, stride, {target}, place, width, weights, at, groups):\n" + _joined(
            body
        )
    more = _sum(get, source, terms, "get_line(total, j)")
    advance = [f"at += {steps.taps}", f"origin += {steps.taps} * stride"]
    body = [
        "total = empty(width, compute)",
        *weights,
        *rows,
        "for j in range(width):",
        f"    put_line(total, j, {_sum(get, source, terms)})",
        "for group in range(1, groups):",
        *("    " + line for line in (*advance, *weights, *rows)),
        "    for j in range(width):",
        f"        put_line(total, j, {more})",
        "for j in range(width):",
        f"    {put}({target}, place + j, get_line(total, j))",
    ]
    return f"def {name}({source}, origin, first, stride, {target}, place, width, weights, at, groups):\n" + _joined(
        body
    )


def _across(name: str, source: str, target: str, steps: Pass) -> str:
    """Function that makes a row of results from a row of elements."""
    taps = range(steps.taps)
    get, put = f"get_{source}", f"put_{target}"
    head = f"def {name}({source}, origin, {target}, place, places, weights):\n"
    each = [f"{put}({target}, place + o, {_tapped(get, source, steps)})"]
    if steps.several:
        again = _sum(get, source, [(f"get_weight(weights, at + {t})", f"index + {t}") for t in taps], "total")
        each = [
            f"total = {_tapped(get, source, steps)}",
            f"for group in range(1, places[{GROUPS_ACROSS}]):",
            f"    at += {steps.taps}",
            f"    index += {steps.taps}",
            f"    total = {again}",
            f"{put}({target}, place + o, total)",
        ]
    one = [
        f"index = origin + places[{HEADER} + places[{NEW_ROWS}] + o]",
        "at = table + o * count",
        *each,
    ]
    body = [
        f"columns = places[{NEW_COLUMNS}]",
        f"count = {steps.taps} * places[{GROUPS_ACROSS}]",
        f"table = places[{NEW_ROWS}] * {{down}} * places[{GROUPS_DOWN}]",
    ]
    if steps.form == "any":
        body += ["for o in range(columns):", *("    " + line for line in one)]
        return head + _joined(body)
    phases = range(steps.step if steps.form == "grow" else 1)
    factor = steps.step if steps.form == "grow" else 1
    body += [
        f"begin = places[{BEGIN}]",
        f"end = places[{END}]",
        f"inner = table + places[{INNER}]",
        f"for o in range(begin * {factor}):",
        *("    " + line for line in one),
        *(f"w{p}_{t} = get_weight(weights, inner + {p * steps.taps + t})" for p in phases for t in taps),
    ]
    stride = 1 if steps.form == "grow" else steps.step
    body += [
        f"index = origin + begin * {stride}",
        f"start = place + begin * {factor}",
        "for q in range(end - begin):",
    ]
    for p in phases:
        terms = [(f"w{p}_{t}", f"index + {stride} * q + {steps.offsets[p] + t}") for t in taps]
        body += [f"    v{p} = {_sum(get, source, terms)}"]
    body += [f"    {put}({target}, start + {factor} * q + {p}, v{p})" for p in phases]
    body += [f"for o in range(end * {factor}, columns):", *("    " + line for line in one)]
    return head + _joined(body)


def _tapped(get: str, source: str, steps: Pass) -> str:
    return _sum(get, source, [(f"get_weight(weights, at + {t})", f"index + {t}") for t in range(steps.taps)])


_LOOK = """
def look(x, start, count, found):
    for j in range(count):
        found = seen(found, x, start + j)
    return found
"""

_SIZES = f"""
    rows, columns = places[{ROWS}], places[{COLUMNS}]
    new_rows, new_columns = places[{NEW_ROWS}], places[{NEW_COLUMNS}]
    groups = places[{GROUPS_DOWN}]
    found = nothing()
"""

# Each band of results has its own rows between the passes, so rows at its border are made twice.
_ACROSS_THEN_DOWN = (
    """
def band(x, out, places, weights, plane, start, stop):"""
    + _SIZES
    + """
    line = empty({down} * new_columns, compute)
    done = 0
    for o in range(start, stop):
        first = places[{header} + o]
        for i in range(max(done, first), first + {down}):
            row = (plane * rows + i) * columns
            found = look(x, row, columns, found)
            across(x, row, line, i % {down} * new_columns, places, weights)
        done = first + {down}
        place = (plane * new_rows + o) * new_columns
        down(line, 0, first, new_columns, out, place, new_columns, weights, o * {down}, groups)
    return found < 0
"""
)

_DOWN_THEN_ACROSS = (
    """
def band(x, out, places, weights, plane, start, stop):"""
    + _SIZES
    + """
    line = empty(columns, compute)
    taps = {down} * groups
    done = 0
    for o in range(start, stop):
        first = places[{header} + o]
        fresh = max(done, first)
        done = first + taps
        found = look(x, (plane * rows + fresh) * columns, (done - fresh) * columns, found)
        down(x, (plane * rows + first) * columns, 0, columns, line, 0, columns, weights, o * taps, groups)
        across(line, 0, out, (plane * new_rows + o) * new_columns, places, weights)
    return found < 0
"""
)

_ACROSS_ALONE = (
    """
def band(x, out, places, weights, plane, start, stop):"""
    + _SIZES
    + """
    found = look(x, plane * columns, columns, found)
    across(x, plane * columns, out, plane * new_columns, places, weights)
    return found < 0
"""
)

# A band is a band of columns, each of which is a line of its own.
_DOWN_ALONE = (
    """
def band(x, out, places, weights, plane, start, stop):"""
    + _SIZES
    + """
    taps = {down} * groups
    for i in range(rows):
        found = look(x, (plane * rows + i) * columns + start, stop - start, found)
    for o in range(new_rows):
        origin = (plane * rows + places[{header} + o]) * columns + start
        place = (plane * new_rows + o) * columns + start
        down(x, origin, 0, columns, out, place, stop - start, weights, o * taps, groups)
    if found < 0:
        for j in range(start, stop):
            found = nothing()
            for i in range(rows):
                found = seen(found, x, (plane * rows + i) * columns + j)
            if found < 0:
                for o in range(new_rows):
                    put_out(out, (plane * new_rows + o) * columns + j, nan)
    return False
"""
)

_KERNEL = f"""
def kernel(x, out, places, weights):
    planes, per_task = places[{PLANES}], places[{PER_TASK}]
    bands, size = places[{BANDS}], places[{BAND}]
    extent = {{extent}}
    spoilt = empty(planes, flag)
    for plane in range(planes):  # zeros() would be a parallel loop of its own
        spoilt[plane] = 0
    {{dynamic}}
    for index in {{tasks}}((planes + per_task - 1) // per_task * bands):
        task = int64(index)
        first = task // bands * per_task
        start = task % bands * size
        for plane in range(first, min(first + per_task, planes)):
            if band(x, out, places, weights, plane, start, min(start + size, extent)):
                spoilt[plane] = 1
    {{static}}
    area = places[{NEW_ROWS}] * places[{NEW_COLUMNS}]
    for plane in range(planes):
        if spoilt[plane] != 0:
            for i in range(plane * area, (plane + 1) * area):
                put_out(out, i, nan)
"""


def build(down: Pass, across: Pass, rows_first: bool, storage: str, *, parallel: bool) -> Any:
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

    Notes
    -----
    ``places`` holds the lengths named at the top of this module, the first tap of each new row, and that of each new
    column; ``weights`` the weights of each new row, and those of each new column.
    """
    compute = "float64" if storage == "float64" else "float32"
    separation = Separation(("x", "out", "line", "weights"))
    nothing, seen = _watch(storage)
    if across.form == "none":
        passes, template = [_down("down", "x", "out", down)], _DOWN_ALONE
    elif down.form == "none":
        passes, template = [_across("across", "x", "out", across)], _ACROSS_ALONE
    elif rows_first:
        passes = [_down("down", "x", "line", down), _across("across", "line", "out", across)]
        template = _DOWN_THEN_ACROSS
    else:
        passes = [_across("across", "x", "line", across), _down("down", "line", "out", down)]
        template = _ACROSS_THEN_DOWN
    body = "\n\n".join((*passes, template)).format(down=down.taps if down.form != "none" else 0, header=HEADER)
    extent = f"places[{COLUMNS}]" if across.form == "none" else f"places[{NEW_ROWS}]"
    source = "\n".join((_LOOK, body, _KERNEL.format(extent=extent, **schedule(parallel))))
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "set_parallel_chunksize": SET_CHUNK,
        "prange": numba.prange,
        "int64": np.int64,  # the index of prange is unsigned
        "empty": np.empty,
        "flag": np.dtype(np.uint8),
        "compute": np.dtype(compute),
        "nan": np.dtype(compute).type(np.nan),
        "get_x": _reader(storage, separation, "x"),
        "get_line": _reader(compute, separation, "line"),
        "get_weight": _reader(compute, separation, "weights"),
        "put_line": _writer(compute, separation, "line"),
        "put_out": _writer(storage, separation, "out"),
        "multiply_add": _multiply_add,
        "nothing": nothing,
        "seen": seen,
    }
    exec(compile(source, "<numbafunc resize>", "exec"), namespace)
    for name in ("look", "down", "across", "band"):
        if name in namespace:
            namespace[name] = inline(namespace[name])
    identity = repr(("resize", down, across, rows_first, storage))
    return compile_lazily(namespace["kernel"], identity, parallel=parallel)


_NEAREST = f"""
def kernel(x, out, places, unused):
    planes, per_task = places[{PLANES}], places[{PER_TASK}]
    rows, columns = places[{ROWS}], places[{COLUMNS}]
    new_rows, new_columns = places[{NEW_ROWS}], places[{NEW_COLUMNS}]
    total = planes * new_rows
    {{dynamic}}
    for index in {{tasks}}((total + per_task - 1) // per_task):
        start = int64(index) * per_task
        for row in range(start, min(start + per_task, total)):
            origin = (row // new_rows * rows + places[{HEADER} + row % new_rows]) * columns
            across(x, origin, out, row * new_columns, places, new_columns)
    {{static}}
"""


def build_nearest(across: Pass, word: str, *, parallel: bool) -> Any:
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
    function = "def across(x, origin, out, place, places, columns):\n" + _joined(body)
    source = function + "\n\n" + _NEAREST.format(**schedule(parallel))
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "set_parallel_chunksize": SET_CHUNK,
        "prange": numba.prange,
        "int64": np.int64,
        "get_x": _reader(word, separation, "x"),
        "put_out": _writer(word, separation, "out"),
    }
    exec(compile(source, "<numbafunc resize nearest>", "exec"), namespace)
    namespace["across"] = inline(namespace["across"])
    identity = repr(("resize nearest", across, word))
    return compile_lazily(namespace["kernel"], identity, parallel=parallel)


__all__ = ["HEADER", "Pass", "build", "build_nearest"]
