"""The loops that find the largest elements of rows, in descending order, the first of equal ones first.

Elements are compared as signed integers, their sort keys. If ``k`` is small, the largest are held in order, and a block
is searched one by one only if its maximum is among them. Otherwise elements are collected in a buffer; when it is full,
all but the largest are dropped: the smallest that stays is found by bisection, counting keys, and from then on only
larger elements are collected. All steps keep equal keys in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from numbafunc.cpu.dispatchers import compile_kernel, inline
from numbafunc.cpu.load_store import Separation, address_of, make_write, maximum
from numbafunc.cpu.schedule import tasks

# Elements that are compared at once with the smallest one held.
BLOCK = 32
# Room in the buffer for elements beyond those that stay.
ROOM = 512
# Up to so many keys are sorted faster by counting smaller keys than by digits.
SHORT = 192
# Elements of the rows that make a task.
TASK = 1 << 13


def _key_type(word: Any) -> Any:
    return types.int64 if word.bitwidth == 64 else types.int32


# Bits of infinity, by the order and the width of floats.
_INFINITY = {
    ("float", 16): 0x7C00,
    ("bfloat16", 16): 0x7F80,
    ("float", 32): 0x7F800000,
    ("float", 64): 0x7FF0000000000000,
}


def _rough_key(builder: Any, order: str, bits: Any, width: int) -> Any:
    """The sort key of an element, given its bits, ordered as "signed", "unsigned", "float" or "bfloat16".

    It has 32 bits, or 64 for an element of 64 bits. Floats are ordered NaN, inf, ..., 0.0, -0.0, ..., -inf, where NaN
    has many keys, which :func:`_settled` makes one. "smallest" before a word turns the order round, where NaN stays
    last.
    """
    word = ir.IntType(width)
    smallest, order = order.startswith("smallest "), order.removeprefix("smallest ")
    if order in ("float", "bfloat16"):
        # The bits of a positive number are its key. The difference takes -inf to the lowest integer, and what is below
        # it, NaN with a sign, to the keys of NaN without.
        turned = builder.sub(ir.Constant(word, _INFINITY[order, width]), bits)
        bits = builder.select(builder.icmp_signed("<", bits, ir.Constant(word, 0)), turned, bits)
    if width >= 32:
        key = builder.xor(bits, ir.Constant(word, 1 << width - 1)) if order == "unsigned" else bits
    else:
        key = (builder.zext if order == "unsigned" else builder.sext)(bits, ir.IntType(32))
    return builder.not_(key) if smallest else key


def _settled(builder: Any, order: str, key: Any, width: int) -> Any:
    """A sort key, where NaN has the lowest of its keys; so a rough key is at least as large as it wherever this is."""
    smallest, order = order.startswith("smallest "), order.removeprefix("smallest ")
    if order not in ("float", "bfloat16"):
        return key
    infinity = _INFINITY[order, width]
    limit = ir.Constant(key.type, ~infinity if smallest else infinity)
    nan = ir.Constant(key.type, -(1 << width - 1) if smallest else infinity + 1)
    return builder.select(builder.icmp_signed("<" if smallest else ">", key, limit), nan, key)


def make_key(order: str) -> Callable[..., Any]:
    """The intrinsic ``key(word)``: the sort key of an element, given as a word of its size."""

    @intrinsic
    def key(typingctx: Any, word: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _settled(builder, order, _rough_key(builder, order, args[0], word.bitwidth), word.bitwidth)

        return _key_type(word)(word), codegen

    return key  # type: ignore[no-any-return]


def _make_keys(order: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The intrinsics ``rough_key_of(array, index)`` and ``settled(array, key)``; together they make a sort key."""

    @intrinsic
    def rough_key_of(typingctx: Any, array: Any, index: Any) -> Any:
        width = array.dtype.bitwidth

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            loaded = builder.load(address_of(context, builder, array, *args))
            return _rough_key(builder, order, builder.bitcast(loaded, ir.IntType(width)), width)

        return _key_type(array.dtype)(array, index), codegen

    @intrinsic
    def settled(typingctx: Any, array: Any, key: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _settled(builder, order, args[1], array.dtype.bitwidth)

        return key(array, key), codegen

    return rough_key_of, settled


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
def _minimum(typingctx: Any, a: Any, b: Any) -> Any:
    """The smaller of two integers of one type."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.icmp_signed("<", *args), *args)

    return a(a, b), codegen


@intrinsic
def _below(typingctx: Any, key: Any) -> Any:
    """The next smaller integer."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.sub(args[0], ir.Constant(args[0].type, 1))

    return key(key), codegen


# The steps are pieces of one function, since each function that a kernel calls costs Numba time. A search finds the
# ``k`` largest of the elements from ``start`` to ``stop`` of ``x`` and leaves ``keys`` and ``places``, counted from
# ``start``.

_PUT = """
free_after = free + 1
while free > 0 and keys[unsigned(free - 1)] < key:
    keys[unsigned(free)] = keys[unsigned(free - 1)]
    places[unsigned(free)] = places[unsigned(free - 1)]
    free -= 1
keys[unsigned(free)] = key
places[unsigned(free)] = i - start
"""

# At least ``k`` elements are as large as the smallest of the ``k`` largest maxima of blocks, so smaller ones are
# ruled out, and few blocks hold others.
_INSERT = """
held = 0
block = 0
for begin in range(start, stop, BLOCK):
    end = begin + BLOCK if begin + BLOCK < stop else stop
    key = rough_key_of(x, begin)
    for i in range(begin, end):
        key = maximum(key, rough_key_of(x, i))
    maxima[unsigned(block)] = key
    block += 1
    if held < k or key > keys[unsigned(k - 1)]:
        key = settled(x, key)
        i = begin
        free = held if held < k else k - 1
        {put}
        held = free_after
lowest = keys[unsigned(k - 1)] if held == k else LOWEST
held = 0
block = 0
for begin in range(start, stop, BLOCK):
    if maxima[unsigned(block)] >= lowest:
        end = begin + BLOCK if begin + BLOCK < stop else stop
        for i in range(begin, end):
            key = rough_key_of(x, i)
            if key >= lowest:
                key = settled(x, key)
                if held < k or key > keys[unsigned(k - 1)]:
                    free = held if held < k else k - 1
                    {put}
                    held = free_after
    block += 1
"""

# All but the ``k`` largest are dropped when the buffer is full, and again at the end. Keys that come later must be
# larger than ``lowest``, the smallest that stays or a number below it.
_COLLECT = """
count = stop - start if stop - start <= room - BLOCK else room - BLOCK
for i in range(count):
    keys[unsigned(i)] = settled(x, rough_key_of(x, start + i))
    places[unsigned(i)] = i
block = start + count
while count > k:
    lowest = keys[0]
    highest = keys[0]
    for i in range(count):
        highest = maximum(highest, keys[unsigned(i)])
        lowest = minimum(lowest, keys[unsigned(i)])
    ties = -1
    while lowest < highest:
        tried = middle(lowest, highest)
        found = integer(0)
        for i in range(count):
            found = one_more(found, keys[unsigned(i)], tried)
        if found < k:
            highest = below(tried)
        else:
            lowest = tried
            if found == k:
                ties = k
                break
    if ties < 0:
        ties = k
        for i in range(count):
            ties -= keys[unsigned(i)] > lowest
    kept = 0
    for i in range(count):
        key = keys[unsigned(i)]
        keys[unsigned(kept)] = key
        places[unsigned(kept)] = places[unsigned(i)]
        kept += (key > lowest) | ((key == lowest) & (ties > 0))
        ties -= key == lowest
    count = k
    while block < stop and count <= room - BLOCK:
        end = block + BLOCK if block + BLOCK < stop else stop
        largest = lowest
        for i in range(block, end):
            largest = maximum(largest, rough_key_of(x, i))
        if settled(x, largest) > lowest:
            for i in range(block, end):
                key = settled(x, rough_key_of(x, i))
                keys[unsigned(count)] = key
                places[unsigned(count)] = i - start
                count += key > lowest
        block = end
"""

# Equal keys stay in order: the rank of a key is the number of keys before it that are not smaller and of keys after it
# that are larger. Digits are inverted, since the largest key comes first, and the sign bit is inverted once more.
_SORT = """
if k <= SHORT:
    for i in range(k):
        key = keys[unsigned(i)]
        rank = integer(k - 1 - i)
        for j in range(i):
            rank = one_more(rank, keys[unsigned(j)], key)
        smaller = integer(0)
        for j in range(i + 1, k):
            smaller = one_more(smaller, key, keys[unsigned(j)])
        other_places[unsigned(rank - smaller)] = places[unsigned(i)]
    places, other_places = other_places, places
else:
    for i in range(DIGITS * 256):
        begins[unsigned(i)] = 0
    for i in range(k):
        key = keys[unsigned(i)]
        for digit in range(DIGITS):
            begins[unsigned((((key >> (8 * digit)) & 255) ^ FLIPS[digit]) + 256 * digit)] += 1
    for digit in range(DIGITS):
        flip = FLIPS[digit]
        begin = 256 * digit
        if begins[unsigned((((keys[0] >> (8 * digit)) & 255) ^ flip) + begin)] == k:
            continue
        total = 0
        for value in range(begin, begin + 256):
            held = begins[unsigned(value)]
            begins[unsigned(value)] = total
            total += held
        for i in range(k):
            key = keys[unsigned(i)]
            value = unsigned((((key >> (8 * digit)) & 255) ^ flip) + begin)
            target = begins[value]
            begins[value] = target + 1
            other_keys[unsigned(target)] = key
            other_places[unsigned(target)] = places[unsigned(i)]
        keys, other_keys = other_keys, keys
        places, other_places = other_places, places
"""

_ROWS = """
def rows_of_task(x, values, indices, first, last, rows, n, k):
    {allocate}
    for row in range(first, last):
        start = row * x.size // rows
        stop = (row + 1) * x.size // rows
        {search}
        {sort}
        for i in range(k):
            place = places[unsigned(i)]
            copy(x, start + place, values, row * k + i)
            set_index(indices, row * k + i, place)


def kernel(x, values, indices, rows, k):
    n = (x.size + rows - 1) // rows
    per_task = TASK // n + 1
    for index in {tasks}((rows + per_task - 1) // per_task):
        first = int64(index) * per_task
        last = first + per_task
        rows_of_task(x, values, indices, first, last if last < rows else rows, rows, n, k)
"""

_ALLOCATE_FEW = """
keys = empty(k, key_dtype)
places = empty(k, place_dtype)
maxima = empty(n // BLOCK + 1, key_dtype)
"""

_ALLOCATE_MANY = """
room = (k if k > ROOM else ROOM) + k
room = (room if room < n else n) + BLOCK
keys = empty(room, key_dtype)
places = empty(room, place_dtype)
other_keys = empty(room if k > SHORT else 1, key_dtype)
other_places = empty(room, place_dtype)
begins = empty(DIGITS * 256, place_dtype)
"""


def _filled(template: str, **pieces: str) -> str:
    """A template with pieces of source in place of the lines that name them, indented like those lines."""
    lines = []
    for line in template.strip("\n").splitlines():
        name = line.strip()
        if name.startswith("{") and name[1:-1] in pieces:
            indent = line[: len(line) - len(name)]
            lines += [indent + inner for inner in pieces[name[1:-1]].strip("\n").splitlines()]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


@intrinsic
def _copy(typingctx: Any, source: Any, place: Any, target: Any, index: Any) -> Any:
    """Copy an element of one array to another of the same dtype; indices count elements in memory."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        loaded = builder.load(address_of(context, builder, source, args[0], args[1]))
        builder.store(loaded, address_of(context, builder, target, args[2], args[3]))
        return context.get_dummy_value()

    return types.none(source, place, target, index), codegen


def build(order: str, width: int, *, few: bool, parallel: bool, identity: str | None = None) -> Any:
    """Kernel ``kernel(x, values, indices, rows, k)`` over C-contiguous arrays.

    Elements are shared out evenly: rows may differ by one in length, and have ``k`` elements or more.

    Parameters
    ----------
    order : str
        How elements, or the words they are given as, are ordered; see :func:`order_of`.
    width : int
        Bits of a key: 64 for elements of 64 bits, 32 for all others.
    few : bool
        Whether ``k`` is at most :data:`FEW`.
    parallel : bool
        Whether rows are shared out to threads.
    identity : str, optional
        Identifies the kernel in the cache.
    """
    digits = width // 8
    rough_key_of, settled = _make_keys(order)
    namespace: dict[str, Any] = {
        "__name__": __name__,
        "rough_key_of": rough_key_of,
        "settled": settled,
        "one_more": _one_more,
        "middle": _middle,
        "below": _below,
        "maximum": maximum,
        "minimum": _minimum,
        "copy": _copy,
        "set_index": make_write("int32", Separation(()), ""),
        "empty": np.empty,
        "unsigned": np.uint64,
        "integer": np.int64 if width == 64 else np.int32,
        "int64": np.int64,  # the index of prange is unsigned
        "key_dtype": np.dtype(np.int64 if width == 64 else np.int32),
        "place_dtype": np.dtype(np.int32),
        "prange": numba.prange,
        "LOWEST": np.int64(-(2**63)) if width == 64 else np.int32(-(2**31)),
        "DIGITS": digits,
        "FLIPS": (255,) * (digits - 1) + (127,),
        **{name: globals()[name] for name in ("BLOCK", "ROOM", "SHORT", "TASK")},
    }
    source = _filled(
        _ROWS,
        allocate=_ALLOCATE_FEW if few else _ALLOCATE_MANY,
        search=_filled(_INSERT, put=_PUT) if few else _COLLECT,
        sort="" if few else _SORT,
    )
    exec(compile(source.format(tasks=tasks(parallel)), "<numbafunc top_k>", "exec"), namespace)
    namespace["rows_of_task"] = inline(namespace["rows_of_task"])
    return compile_kernel(namespace["kernel"], identity, parallel=parallel)
