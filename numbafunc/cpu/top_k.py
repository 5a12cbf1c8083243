"""The loops that find the largest elements of rows, in descending order, the first of equal ones first.

Elements are compared as signed integers, their keys. Only those that are larger than what is held already are looked
at one by one. Few elements are held in order; many are collected until there is no more room, and then all but the
largest are dropped: the smallest that stays is found by bisection, counting keys. All steps keep equal keys in the
order in which they came. Few long rows are searched in segments, and what these yield is searched once more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from numbafunc.cpu.access import Separation, _address
from numbafunc.cpu.cache import compile_lazily, inline
from numbafunc.cpu.element import make_write, maximum
from numbafunc.cpu.schedule import SET_CHUNK, schedule

# So many are held in order; beyond, insertion is slower than collection.
FEW = 16
# Elements that are compared at once with the smallest one held.
BLOCK = 128
# Room for elements beyond those that stay.
ROOM = 512
# Up to here counting smaller keys sorts faster than distribution by digits.
SHORT = 192
# Rows that are a task: so many elements.
TASK = 1 << 13


def _make_key(order: str) -> Callable[..., Any]:
    """The intrinsic ``key_of(array, index)``: what stands for an element, ordered as "signed", "unsigned" or "float".

    32 bits, or 64 where the element has as many. Floats are ordered by their bits: NaN, inf, ..., 0.0, -0.0, ..., -inf,
    and last NaN with a sign.
    """

    @intrinsic
    def key_of(typingctx: Any, array: Any, index: Any) -> Any:
        width = array.dtype.bitwidth
        key = types.int64 if width == 64 else types.int32
        word = ir.IntType(width)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            bits = builder.bitcast(builder.load(_address(context, builder, array, *args)), word)
            if order == "float":
                sign = builder.ashr(bits, ir.Constant(word, width - 1))
                bits = builder.xor(bits, builder.and_(sign, ir.Constant(word, (1 << width - 1) - 1)))
            if width == key.bitwidth:
                return builder.xor(bits, ir.Constant(word, 1 << width - 1)) if order == "unsigned" else bits
            extend = builder.zext if order == "unsigned" else builder.sext
            return extend(bits, ir.IntType(key.bitwidth))

        return key(array, index), codegen

    return key_of  # type: ignore[no-any-return]


@intrinsic
def _one_more(typingctx: Any, count: Any, a: Any, b: Any) -> Any:
    """``count + (a >= b)`` for integers of one type, which keep it."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.add(args[0], builder.zext(builder.icmp_signed(">=", args[1], args[2]), args[0].type))

    return count(count, a, b), codegen


@intrinsic
def _middle(typingctx: Any, low: Any, high: Any) -> Any:
    """Half the sum of two integers, rounded up, without overflow."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        half = builder.ashr(builder.xor(*args), ir.Constant(args[0].type, 1))
        return builder.sub(builder.or_(*args), half)

    return low(low, high), codegen


@intrinsic
def _below(typingctx: Any, key: Any) -> Any:
    """The integer before another."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.sub(args[0], ir.Constant(args[0].type, 1))

    return key(key), codegen


_INSERT = """
def insert(x, start, stop, k, keys, places):
    for i in range(start, start + k):
        put(keys, places, i - start, key_of(x, i), i - start)
    lowest = keys[unsigned(k - 1)]
    for block in range(start + k, stop, BLOCK):
        end = min(block + BLOCK, stop)
        largest = lowest
        for i in range(block, end):
            largest = maximum(largest, key_of(x, i))
        if largest > lowest:
            for i in range(block, end):
                key = key_of(x, i)
                if key > lowest:
                    put(keys, places, k - 1, key, i - start)
                    lowest = keys[unsigned(k - 1)]
"""

_PUT = """
def put(keys, places, free, key, place):
    while free > 0 and keys[unsigned(free - 1)] < key:
        keys[unsigned(free)] = keys[unsigned(free - 1)]
        places[unsigned(free)] = places[unsigned(free - 1)]
        free -= 1
    keys[unsigned(free)] = key
    places[unsigned(free)] = place
"""

_COLLECT = """
def collect(x, start, stop, k, keys, places):
    count = min(stop - start, keys.size - BLOCK)
    for i in range(count):
        keys[unsigned(i)] = key_of(x, start + i)
        places[unsigned(i)] = i
    if count == k:
        return
    lowest = drop(keys, places, count, k)
    begin, count = start + count, k
    for block in range(begin, stop, BLOCK):
        end = min(block + BLOCK, stop)
        largest = lowest
        for i in range(block, end):
            largest = maximum(largest, key_of(x, i))
        if largest > lowest:
            for i in range(block, end):
                key = key_of(x, i)
                keys[unsigned(count)] = key
                places[unsigned(count)] = i - start
                count += key > lowest
            if count > keys.size - BLOCK:
                lowest = drop(keys, places, count, k)
                count = k
    if count > k:
        drop(keys, places, count, k)
"""

# Returns a key such that later elements must be larger to be among the k largest.
_DROP = """
def drop(keys, places, count, k):
    low = keys[0]
    high = keys[0]
    for i in range(count):
        key = keys[unsigned(i)]
        low = key if key < low else low
        high = maximum(high, key)
    ties = -1
    while low < high:
        tried = middle(low, high)
        found = low ^ low
        for i in range(count):
            found = one_more(found, keys[unsigned(i)], tried)
        if found >= k:
            low = tried
            if found == k:
                ties = k
                break
        else:
            high = below(tried)
    if ties < 0:
        ties = k
        for i in range(count):
            ties -= keys[unsigned(i)] > low
    kept = 0
    for i in range(count):
        key = keys[unsigned(i)]
        tie = key == low
        keys[unsigned(kept)] = key
        places[unsigned(kept)] = places[unsigned(i)]
        kept += (key > low) | (tie & (ties > 0))
        ties -= tie
    return low
"""

# Equal keys stay in order: a rank counts those before that are not smaller, and those behind that are larger.
_SORT = """
def sort(keys, places, count):
    other_places = empty(count, places.dtype)
    if count <= SHORT:
        for i in range(count):
            key = keys[unsigned(i)]
            rank = integer(count - 1 - i)
            for j in range(i):
                rank = one_more(rank, keys[unsigned(j)], key)
            smaller = integer(0)
            for j in range(i + 1, count):
                smaller = one_more(smaller, key, keys[unsigned(j)])
            other_places[unsigned(rank - smaller)] = places[unsigned(i)]
        return other_places
    other_keys = empty(count, keys.dtype)
    begins = zeros((DIGITS, 256), places.dtype)
    for i in range(count):
        key = keys[unsigned(i)]
        for digit in range(DIGITS):
            begins[unsigned(digit), digit_of(key, digit)] += 1
    for digit in range(DIGITS):
        begin = begins[unsigned(digit)]
        if begin[digit_of(keys[0], digit)] == count:
            continue
        total = 0
        for value in range(256):
            held = begin[unsigned(value)]
            begin[unsigned(value)] = total
            total += held
        for i in range(count):
            key = keys[unsigned(i)]
            value = digit_of(key, digit)
            target = unsigned(begin[value])
            begin[value] += 1
            other_keys[target] = key
            other_places[target] = places[unsigned(i)]
        keys, other_keys = other_keys, keys
        places, other_places = other_places, places
    return places
"""

# The sign counts the other way round, and so do all digits, since the largest key comes first.
_DIGIT = """
def digit_of(key, digit):
    return unsigned(((key >> (8 * digit)) & 255) ^ (127 if digit == DIGITS - 1 else 255))
"""

_SEARCH = """
def search(x, start, stop, k):
    if k <= FEW:
        keys = empty(k, key_dtype)
        places = empty(k, place_dtype)
        insert(x, start, stop, k, keys, places)
        return keys, places
    keys = empty(max(2 * k, k + ROOM) + BLOCK if 2 * k < stop - start else stop - start + BLOCK, key_dtype)
    places = empty(keys.size, place_dtype)
    collect(x, start, stop, k, keys, places)
    return keys, places


def ranked(x, start, stop, k):
    keys, places = search(x, start, stop, k)
    return places if k <= FEW else sort(keys, places, k)
"""

_ROWS = """
def rows_of_task(x, values, indices, first, last, n, k):
    for row in range(first, last):
        places = ranked(x, row * n, row * n + n, k)
        for i in range(k):
            copy(x, row * n + places[unsigned(i)], values, row * k + i)
            set_index(indices, row * k + i, places[unsigned(i)])


def kernel(x, values, indices, rows, n, k):
    per_task = max(1, TASK // n)
    {dynamic}
    for index in {tasks}((rows + per_task - 1) // per_task):
        first = int64(index) * per_task
        rows_of_task(x, values, indices, first, min(first + per_task, rows), n, k)
    {static}
"""

_SEGMENTS = """
def segment_of_row(x, found_keys, found_places, row, segment, segments, n, k):
    first = segment * n // segments
    keys, places = search(x, row * n + first, row * n + (segment + 1) * n // segments, k)
    begin = (row * segments + segment) * k
    for i in range(k):
        found_keys[unsigned(begin + i)] = keys[unsigned(i)]
        found_places[unsigned(begin + i)] = first + places[unsigned(i)]


def row_of_segments(x, values, indices, found_keys, found_places, row, segments, n, k):
    begin = row * segments * k
    places = ranked_keys(found_keys, begin, begin + segments * k, k)
    for i in range(k):
        place = found_places[unsigned(begin + places[unsigned(i)])]
        copy(x, row * n + place, values, row * k + i)
        set_index(indices, row * k + i, place)


def kernel(x, values, indices, rows, n, k, segments):
    found_keys = empty(rows * segments * k, key_dtype)
    found_places = empty(rows * segments * k, place_dtype)
    {dynamic}
    for index in {tasks}(rows * segments):
        task = int64(index)
        segment_of_row(x, found_keys, found_places, task // segments, task % segments, segments, n, k)
    for index in {tasks}(rows):
        row_of_segments(x, values, indices, found_keys, found_places, int64(index), segments, n, k)
    {static}
"""


@intrinsic
def _copy(typingctx: Any, source: Any, place: Any, target: Any, index: Any) -> Any:
    """An element of one array to another of the same dtype; indices count elements in memory."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        loaded = builder.load(_address(context, builder, source, args[0], args[1]))
        builder.store(loaded, _address(context, builder, target, args[2], args[3]))
        return context.get_dummy_value()

    return types.none(source, place, target, index), codegen


def _functions(order: str, width: int) -> dict[str, Any]:
    """The functions above for elements of an order, with keys of so many bits."""
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "key_of": _make_key(order),
        "one_more": _one_more,
        "middle": _middle,
        "below": _below,
        "maximum": maximum,
        "empty": np.empty,
        "zeros": np.zeros,
        "unsigned": np.uint64,
        "integer": np.int64 if width == 64 else np.int32,
        "key_dtype": np.dtype(np.int64 if width == 64 else np.int32),
        "place_dtype": np.dtype(np.int32),
        "DIGITS": width // 8,
        **{name: globals()[name] for name in ("FEW", "BLOCK", "ROOM", "SHORT")},
    }
    exec(compile("\n\n".join((_DIGIT, _PUT, _INSERT, _DROP, _COLLECT, _SORT, _SEARCH)), "<numbafunc top_k>", "exec"), namespace)
    for name in ("digit_of", "put", "insert", "drop", "collect", "sort", "search", "ranked"):
        namespace[name] = inline(namespace[name])
    return namespace


@cache
def build(order: str, width: int, *, segments: bool, parallel: bool) -> Any:
    """Kernel ``kernel(x, values, indices, rows, n, k[, segments])`` over C-contiguous arrays; ``0 < k <= n``.

    Parameters
    ----------
    order : str
        "signed", "unsigned" or "float": how elements, or the words they are given as, are ordered.
    width : int
        Bits of a key: 64 for elements of 64 bits, 32 for all others.
    segments : bool
        Whether rows are searched in that many parts, each of at least ``k`` elements.
    parallel : bool
        Whether rows, or segments, are shared out to threads.
    """
    own = _functions(order, width)
    namespace: dict[str, Any] = {
        **own,
        "copy": _copy,
        "set_index": make_write("int32", Separation(()), ""),
        "set_parallel_chunksize": SET_CHUNK,
        "prange": numba.prange,
        "int64": np.int64,  # the index of prange is unsigned
        "TASK": TASK,
    }
    if segments:
        namespace["ranked_keys"] = _functions("signed", width)["ranked"]
    template = _SEGMENTS if segments else _ROWS
    exec(compile(template.format(**schedule(parallel)), "<numbafunc top_k rows>", "exec"), namespace)
    for name in ("rows_of_task", "segment_of_row", "row_of_segments"):
        if name in namespace:
            namespace[name] = inline(namespace[name])
    identity = repr(("top_k", order, width, segments))
    return compile_lazily(namespace["kernel"], identity, parallel=parallel)
