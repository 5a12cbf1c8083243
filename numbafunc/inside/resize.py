"""Resizing inside compiled functions, one axis after the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba.core import types

from numbafunc.constants import Interpolate
from numbafunc.cpu.dispatchers import compile_lazily, inline, separate
from numbafunc.cpu.memory import WORDS
from numbafunc.cpu.resize import build, build_nearest
from numbafunc.cpu.resize_pass import (
    BAND,
    BANDS,
    COLUMNS,
    GROUPS_ACROSS,
    GROUPS_DOWN,
    HEADER,
    NEW_COLUMNS,
    NEW_ROWS,
    PER_TASK,
    PLANES,
    ROWS,
    Pass,
)
from numbafunc.inside.operands import Operand, implementation, is_integer
from numbafunc.inside.rearrange import images, pair
from numbafunc.kinds.njit_arguments import UNKNOWN, at_defaults, known, refuse
from numbafunc.numbers.numba_type import leave, make_start
from numbafunc.ops import resize as ops, resize_taps


def _order(lengths: Any, targets: Any) -> Any:
    # As resize_taps.order_of_axes has it.
    last = len(lengths) - 1
    order = np.empty(len(lengths), np.int64)
    key = np.empty(len(lengths), np.float64)
    count = 0
    for axis in range(len(lengths)):
        if lengths[axis] == targets[axis]:
            continue
        ratio = targets[axis] / lengths[axis]
        if lengths[last] != targets[last] and axis >= last - 1:
            first = axis == last and targets[last - 1] > lengths[last - 1] and last > 0
            ratio = 1.0  # between the axes that shrink and those that grow
            place = count
            while place > 0 and (key[place - 1] > ratio or (first and key[place - 1] == ratio)):
                order[place], key[place] = order[place - 1], key[place - 1]
                place -= 1
        else:
            place = count
            while place > 0 and key[place - 1] > ratio:
                order[place], key[place] = order[place - 1], key[place - 1]
                place -= 1
        order[place], key[place] = axis, ratio
        count += 1
    return order[:count]


def _nearest(n: Any, m: Any) -> Any:
    # As resize_taps.nearest has it.
    first = np.empty(m, np.int64)
    for o in range(m):
        first[o] = (2 * o + 1) * n // (2 * m)
    return first, np.zeros(0, np.float32)


def _weight(method: str) -> Any:
    """The weight as a function of a number."""
    if method == "cubic":
        near, far = inline(resize_taps.cubic_near), inline(resize_taps.cubic_far)
        return inline(lambda d: near(d, -0.5) if d < 1 else far(d, -0.5))
    if not method.startswith("lanczos"):
        return inline(resize_taps.FILTERS[method].weight)
    namespace: dict[str, Any] = {
        "definition": inline(resize_taps.lanczos.definition),
        "number": make_start(types.float64),
        "leave": leave,
        "radius": float(resize_taps.FILTERS[method].radius),
    }
    exec("def weight(d):\n    return leave(definition(number(d), number(radius)))\n", namespace)
    return inline(namespace["weight"])


def _taps_of(method: str, storage: str) -> Any:
    """The function ``taps(n, m)``: the first element that each of m results is made of, and all weights."""
    compute = np.dtype(storage)
    radius = resize_taps.FILTERS[method].radius
    weight, rounded, smallest = _weight(method), inline(resize_taps.rounded), resize_taps.SMALLEST_TOTAL

    def taps(n: Any, m: Any) -> Any:
        # As resize_taps.taps has them, in float64.
        reach = 2 * radius * max(n, m)
        lowest = np.empty(m, np.int64)
        count = 0
        for o in range(m):
            centre = (2 * o + 1) * n - m
            lowest[o] = (centre - reach) // (2 * m) + 1
            highest = -((-centre - reach) // (2 * m)) - 1
            count = max(count, highest - lowest[o] + 1)
        count = rounded(min(count, n), n)
        first, weights = np.empty(m, np.int64), np.empty(m * count, compute)
        row = np.empty(count, np.float64)
        for o in range(m):
            centre = (2 * o + 1) * n - m
            begin = min(max(lowest[o], 0), n - count)
            first[o] = begin
            total = 0.0
            for tap in range(count):
                steps = abs(2 * m * (begin + tap) - centre)
                distance = steps / (2 * max(n, m))
                whole = steps % (2 * max(n, m)) == 0 and steps > 0
                row[tap] = weight(distance) if distance < radius and not whole else 0.0
                total = total + row[tap] if tap else row[tap]
            for tap in range(count):
                weights[o * count + tap] = 0.0 if abs(total) < smallest else row[tap] / total
        return first, weights

    return taps


@cache
def _resizer(method: str, storage: str) -> Any:
    """The function ``resize(x, lengths, targets)`` of a run of elements; the result is a run."""
    if method == "nearest":
        loops = [build_nearest(form, storage, parallel=False) for form in (Pass("any"), Pass("none"))]
        taps = separate(_nearest)
    else:
        table, none = Pass("any", 1, True), Pass("none")
        loops = [build(*form, False, storage, parallel=False) for form in ((none, table), (table, none))]
        taps = separate(_taps_of(method, storage))
    along_rows, down_columns = (separate(loop.py_func) for loop in loops)
    order_of, TILE = separate(_order), resize_taps.TILE

    def resize(x: Any, lengths: Any, targets: Any) -> Any:
        current = lengths.copy()
        last = len(lengths) - 1
        for axis in order_of(lengths, targets):
            n, m = current[axis], targets[axis]
            planes, columns = 1, 1
            for other in range(axis):
                planes *= current[other]
            for other in range(axis + 1, last + 1):
                columns *= current[other]
            first, weights = taps(n, m)
            across = axis == last
            places = np.zeros(HEADER + m + 1, np.int64)
            places[PLANES] = planes
            places[PER_TASK] = 1
            out = np.empty(planes * m * columns, x.dtype)
            groups = weights.size // m
            if across:
                places[ROWS], places[COLUMNS], places[NEW_ROWS], places[NEW_COLUMNS] = 1, n, 1, m
                places[BANDS], places[BAND], places[GROUPS_ACROSS] = 1, 1, groups
                places[HEADER + 1 :] = first
                along_rows(x, out, places, weights)
            else:
                places[ROWS], places[COLUMNS], places[NEW_ROWS], places[NEW_COLUMNS] = n, columns, m, columns
                size = max(1, min(columns, TILE))
                places[BANDS], places[BAND] = (columns + size - 1) // size, size
                places[GROUPS_DOWN] = groups
                places[HEADER : HEADER + m] = first
                down_columns(x, out, places, weights)
            x = out
            current[axis] = m
        return x

    return compile_lazily(resize, repr(("resize inside", method, storage)))


def _method(function: str, name: str, given: Any) -> str:
    value = known(given)
    if isinstance(value, Interpolate):
        value = value.value
    if not isinstance(value, str) or value.lower() not in ops.METHODS:
        raise refuse(function, name, given, f"one of {', '.join(map(repr, ops.METHODS))}, written out")
    return ops.METHODS[value.lower()]


def _resized(public: Callable[..., Any], x: Operand, lines: list[str], lengths: list[str], method: str) -> Any:
    storage = x.storage if x.dtype.kind == "f" else "float64"
    run = x.flat()
    if method == "nearest":
        storage = WORDS[x.dtype.itemsize].name
        run = f"words({run})"
    elif x.dtype.kind != "f":
        run = f"{run}.astype(np.float64)"
    wrapped = "words({})" if method == "nearest" else "{}"
    lines = [
        *lines,
        f"shape = ({', '.join(lengths)},)",
        f"kind = {x.name}.dtype" if method == "nearest" or x.dtype.kind == "f" else "kind = np.float64",
        f"for axis in range({x.ndim}):",
        "    if shape[axis] < 0:",
        "        raise ValueError('lengths and factors are not negative')",
        f"    if {x.name}.shape[axis] == 0 and shape[axis] > 0:",
        f"        raise ValueError('{x.name} has an empty axis, which can not be enlarged')",
        "result = np.empty(shape, kind)",
        "if result.size > 0:",
        f"    {wrapped.format('run_of(result)')}[:] = resize({run}, listed({x.name}.shape), listed(shape))",
        "return result",
    ]
    return implementation(public, lines, {"resize": _resizer(method, storage)})


def interpolate(input: Any, size: Any, scale_factor: Any, mode: Any, *options: Any) -> Any:
    """Implementation of interpolate."""
    at_defaults(ops.interpolate, options)
    x = Operand.of("interpolate", "input", input)
    method = _method("interpolate", "mode", mode)
    given = {name: one for name, one in (("size", size), ("scale_factor", scale_factor)) if _is_given(one)}
    wanted = f"exactly one of size and scale_factor, integers for at most {x.ndim} axes"
    if len(given) != 1:
        raise refuse("interpolate", "size", size, wanted)
    ((name, one),) = given.items()
    if is_integer(one):
        count = 1 if name == "size" else max(0, x.ndim - 1)
        numbers = [f"np.int64({name})"] * count
    elif isinstance(one, (types.BaseTuple, tuple)) and all(map(is_integer, one)):
        numbers = [f"np.int64({name}[{place}])" for place in range(len(one))]
    else:
        raise refuse("interpolate", name, one, wanted)
    if len(numbers) > x.ndim or not x.ndim:
        raise refuse("interpolate", name, one, wanted)
    kept = x.ndim - len(numbers)
    lengths = [f"input.shape[{axis}]" for axis in range(x.ndim)]
    new = numbers if name == "size" else [f"{a} * {b}" for a, b in zip(lengths[kept:], numbers)]
    unset = [f"if {name} == 0:", f"    raise ValueError('{name} is 0')"] if is_integer(one) else []
    return _resized(ops.interpolate, x, unset, [*lengths[:kept], *new], method)


def _is_given(given: Any) -> bool:
    value = known(given)
    return value is UNKNOWN or bool(value)


def upsample_2d(x: Any, scale: Any, method: Any, *options: Any) -> Any:
    """Implementation of upsample_2d."""
    at_defaults(ops.upsample_2d, options)
    operand = images("upsample_2d", x)
    chosen = _method("upsample_2d", "method", method)
    lines = [f"down, across = {pair('upsample_2d', 'scale', scale)}"]
    lengths = ["x.shape[0]", "x.shape[1]", "x.shape[2] * down", "x.shape[3] * across"]
    return _resized(ops.upsample_2d, operand, lines, lengths, chosen)
