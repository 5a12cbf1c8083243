"""Memory blocks that are used again, by functions in machine code that NumPy takes for an allocator.

NumPy calls these for each array, from any thread and until the process ends, so they are no functions of Python. They
hold no locks: a thread takes a free block by exchanging its address for null, so a process that is forked at any moment
finds the pool whole.

The sizes of blocks have sixteen steps from one power of two to the next, so a block is at most a sixteenth larger than
what it is for. Free blocks of a size are in a row of places. On Linux a block is a mapping of its own, of huge pages
from 4 MiB on as NumPy has it, so that one that is given back is memory for other programs, and no hole in the heap of
the C library; elsewhere it comes from NumPy's own allocator. Two rules bound what is kept:

- Free blocks have together at most as many bytes as the limit says.
- All blocks, free or not, have together at most an eighth more bytes than arrays had at their peak, or 16 MiB more, if
  that is more. Before a new block is made, free ones are given back until that is so.
"""

from __future__ import annotations

import ctypes
import mmap
import sys

SMALLEST = 2**18
"""Bytes of the smallest arrays whose memory is used again; that of others goes back to NumPy's allocator at once."""

_SIZES, _ROW = 512, 256
_MARGIN = 2**24

# What NumPy knows of an allocator: a pointer that it hands to each function, and the functions.
_ALLOCATOR = tuple((name, ctypes.c_void_p) for name in ("own", "malloc", "calloc", "realloc", "free"))


class Pool(ctypes.Structure):
    """What the functions share: NumPy's own allocator, numbers of bytes and of blocks, and the places of free blocks.

    Attributes
    ----------
    huge
        Bytes from which on blocks have huge pages.
    limit
        Bytes that free blocks have at most.
    live, peak
        Bytes of arrays now, and of those that were there at the same time at most.
    held, spare
        Bytes of all blocks, and of free ones.
    hand
        The size of the free blocks that are given back next.
    recycled, fresh
        How many arrays got a block that was there, and a new one.
    free_blocks, places
        The number of free blocks of each size, and where they are.
    """

    _fields_ = (
        *_ALLOCATOR,
        *((name, ctypes.c_int64) for name in ("huge", "limit", "live", "peak", "held", "spare", "hand")),
        *((name, ctypes.c_int64) for name in ("recycled", "fresh")),
        ("free_blocks", ctypes.c_int64 * _SIZES),
        ("places", ctypes.c_void_p * _ROW * _SIZES),
    )


class Handler(ctypes.Structure):
    """NumPy's structure ``PyDataMem_Handler``."""

    _fields_ = (("name", ctypes.c_char * 127), ("version", ctypes.c_uint8), *_ALLOCATOR)


def _field(name: str) -> str:
    return f"getelementptr inbounds %pool, ptr %pool, i32 0, i32 {[known for known, *_ in Pool._fields_].index(name)}"


# How blocks are made and given back, in LLVM's language.
_BY_MAPPING = (
    f"""
declare ptr @mmap(ptr, i64, i32, i32, i32, i64)
declare i32 @munmap(ptr, i64)
declare i32 @madvise(ptr, i64, i32)

define internal ptr @new_block(ptr %pool, i64 %whole, i1 %zeros) {{
  %raw = call ptr @mmap(ptr null, i64 %whole, i32 {mmap.PROT_READ | mmap.PROT_WRITE},
                        i32 {mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}, i32 -1, i64 0)
  %address = ptrtoint ptr %raw to i64
  %failed = icmp eq i64 %address, -1
  br i1 %failed, label %failing, label %mapped
mapped:
  %huge.at = {_field("huge")}
  %huge = load i64, ptr %huge.at
  %small = icmp ult i64 %whole, %huge
  br i1 %small, label %done, label %advise
advise:
  %advised = call i32 @madvise(ptr %raw, i64 %whole, i32 {mmap.MADV_HUGEPAGE})
  br label %done
done:
  ret ptr %raw
failing:
  ret ptr null
}}

define internal void @drop_block(ptr %pool, ptr %raw, i64 %whole) {{
  %status = call i32 @munmap(ptr %raw, i64 %whole)
  ret void
}}
"""
    if sys.platform == "linux"
    else ""
)
_BY_NUMPY = """
define internal ptr @new_block(ptr %pool, i64 %whole, i1 %zeros) {
  %raw = call ptr @ask(ptr %pool, i64 %whole, i1 %zeros)
  ret ptr %raw
}

define internal void @drop_block(ptr %pool, ptr %raw, i64 %whole) {
  call void @give_back(ptr %pool, ptr %raw, i64 %whole)
  ret void
}
"""

# The rest. Below the memory of an array are three words: the address that NumPy's allocator gave, the bytes
# of the block, or 0 if it is not kept, and the bytes that were asked for.
_SOURCE = f"""
%pool = type {{ ptr, ptr, ptr, ptr, ptr, i64, i64, i64, i64, i64, i64, i64, i64, i64,
               [{_SIZES} x i64], [{_SIZES} x [{_ROW} x ptr]] }}

declare i64 @llvm.ctlz.i64(i64, i1)
declare {{ i64, i1 }} @llvm.umul.with.overflow.i64(i64, i64)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

; The number of the smallest size that is not below some bytes.
define internal i64 @size_for(i64 %bytes) {{
  %last = sub i64 %bytes, 1
  %zeros = call i64 @llvm.ctlz.i64(i64 %last, i1 true)
  %shift = sub i64 59, %zeros
  %step = lshr i64 %last, %shift
  %octave = sub i64 %shift, 14
  %first = shl i64 %octave, 4
  %size = add i64 %first, %step
  ret i64 %size
}}

; Its bytes.
define internal i64 @bytes_of(i64 %size) {{
  %part = and i64 %size, 15
  %octave = lshr i64 %size, 4
  %shift = add i64 %octave, 13
  %step = add i64 %part, 17
  %bytes = shl i64 %step, %shift
  ret i64 %bytes
}}

; Give a block back.
define internal void @release(ptr %pool, ptr %block) {{
  %raw.at = getelementptr inbounds i64, ptr %block, i64 -3
  %raw = load ptr, ptr %raw.at
  %capacity.at = getelementptr inbounds i64, ptr %block, i64 -2
  %capacity = load i64, ptr %capacity.at
  %held.at = {_field("held")}
  %held = atomicrmw sub ptr %held.at, i64 %capacity monotonic
  %whole = add i64 %capacity, 128
  call void @drop_block(ptr %pool, ptr %raw, i64 %whole)
  ret void
}}

; Give memory back to NumPy's allocator.
define internal void @give_back(ptr %pool, ptr %raw, i64 %whole) {{
  %own.at = {_field("own")}
  %own = load ptr, ptr %own.at
  %free.at = {_field("free")}
  %free = load ptr, ptr %free.at
  call void %free(ptr %own, ptr %raw, i64 %whole)
  ret void
}}

; Take a free block of a size, if there is one; else null.
define internal ptr @take(ptr %pool, i64 %size) {{
start:
  %count.at = {_field("free_blocks")}, i64 %size
  %count = load atomic i64, ptr %count.at monotonic, align 8
  %empty = icmp eq i64 %count, 0
  br i1 %empty, label %none, label %look
look:
  %number = phi i64 [ 0, %start ], [ %number.next, %next ]
  %place.at = {_field("places")}, i64 %size, i64 %number
  %seen = load atomic ptr, ptr %place.at monotonic, align 8
  %free = icmp eq ptr %seen, null
  br i1 %free, label %next, label %exchange
exchange:
  %block = atomicrmw xchg ptr %place.at, ptr null acq_rel
  %lost = icmp eq ptr %block, null
  br i1 %lost, label %next, label %some
next:
  %number.next = add i64 %number, 1
  %over = icmp eq i64 %number.next, {_ROW}
  br i1 %over, label %none, label %look
some:
  %count.before = atomicrmw sub ptr %count.at, i64 1 monotonic
  %capacity.at = getelementptr inbounds i64, ptr %block, i64 -2
  %capacity = load i64, ptr %capacity.at
  %spare.at = {_field("spare")}
  %spare = atomicrmw sub ptr %spare.at, i64 %capacity monotonic
  ret ptr %block
none:
  ret ptr null
}}

; Give free blocks back, of one size after another, until a number of bytes is not above a bound; false if it stays so.
define internal i1 @trim(ptr %pool, ptr %bytes.at, i64 %bound) {{
start:
  %hand.at = {_field("hand")}
  br label %look
look:
  %count = phi i64 [ 0, %start ], [ %count, %found ], [ %count.next, %next ]
  %bytes = load atomic i64, ptr %bytes.at monotonic, align 8
  %fits = icmp ule i64 %bytes, %bound
  br i1 %fits, label %fitting, label %take
take:
  %hand = load atomic i64, ptr %hand.at monotonic, align 8
  %size = and i64 %hand, {_SIZES - 1}
  %block = call ptr @take(ptr %pool, i64 %size)
  %none = icmp eq ptr %block, null
  br i1 %none, label %next, label %found
found:
  call void @release(ptr %pool, ptr %block)
  br label %look
next:
  %hand.before = atomicrmw add ptr %hand.at, i64 1 monotonic
  %count.next = add i64 %count, 1
  %over = icmp eq i64 %count.next, {2 * _SIZES}
  br i1 %over, label %failing, label %look
fitting:
  ret i1 true
failing:
  ret i1 false
}}

; Note what was asked for, in front of the memory of an array; that of a block begins at a multiple of 64.
define internal ptr @label(ptr %raw, i64 %capacity, i64 %bytes) {{
  %none = icmp eq ptr %raw, null
  br i1 %none, label %failing, label %some
some:
  %address = ptrtoint ptr %raw to i64
  %beyond = add i64 %address, 127
  %rest = and i64 %beyond, 63
  %distance = sub i64 127, %rest
  %kept = icmp ne i64 %capacity, 0
  %offset = select i1 %kept, i64 %distance, i64 64
  %block = getelementptr inbounds i8, ptr %raw, i64 %offset
  %raw.at = getelementptr inbounds i64, ptr %block, i64 -3
  store ptr %raw, ptr %raw.at
  %capacity.at = getelementptr inbounds i64, ptr %block, i64 -2
  store i64 %capacity, ptr %capacity.at
  %bytes.at = getelementptr inbounds i64, ptr %block, i64 -1
  store i64 %bytes, ptr %bytes.at
  ret ptr %block
failing:
  ret ptr null
}}

; New memory from NumPy's allocator.
define internal ptr @ask(ptr %pool, i64 %whole, i1 %zeros) {{
  %own.at = {_field("own")}
  %own = load ptr, ptr %own.at
  br i1 %zeros, label %zeroed, label %plain
plain:
  %malloc.at = {_field("malloc")}
  %malloc = load ptr, ptr %malloc.at
  %some = call ptr %malloc(ptr %own, i64 %whole)
  ret ptr %some
zeroed:
  %calloc.at = {_field("calloc")}
  %calloc = load ptr, ptr %calloc.at
  %zero = call ptr %calloc(ptr %own, i64 1, i64 %whole)
  ret ptr %zero
}}

; Memory for an array.
define internal ptr @allocate(ptr %pool, i64 %bytes, i1 %zeros) {{
start:
  %few = icmp ult i64 %bytes, {SMALLEST}
  %many = icmp ugt i64 %bytes, {2**46}
  %other = or i1 %few, %many
  br i1 %other, label %not.kept, label %kept
not.kept:
  %whole.few = add i64 %bytes, 64
  %raw.few = call ptr @ask(ptr %pool, i64 %whole.few, i1 %zeros)
  %block.few = call ptr @label(ptr %raw.few, i64 0, i64 %bytes)
  ret ptr %block.few
kept:
  %live.at = {_field("live")}
  %live.before = atomicrmw add ptr %live.at, i64 %bytes monotonic
  %live = add i64 %live.before, %bytes
  %peak.at = {_field("peak")}
  %size = call i64 @size_for(i64 %bytes)
  %block = call ptr @take(ptr %pool, i64 %size)
  %none = icmp eq ptr %block, null
  br i1 %none, label %fresh, label %found
found:
  %peak.found = atomicrmw umax ptr %peak.at, i64 %live monotonic
  %recycled.at = {_field("recycled")}
  %recycled = atomicrmw add ptr %recycled.at, i64 1 monotonic
  %bytes.at = getelementptr inbounds i64, ptr %block, i64 -1
  store i64 %bytes, ptr %bytes.at
  br i1 %zeros, label %clear, label %ready
clear:
  call void @llvm.memset.p0.i64(ptr %block, i8 0, i64 %bytes, i1 false)
  ret ptr %block
ready:
  ret ptr %block
fresh:
  %capacity = call i64 @bytes_of(i64 %size)
  %held.at = {_field("held")}
  %held = atomicrmw add ptr %held.at, i64 %capacity monotonic
  %peak.before = load atomic i64, ptr %peak.at monotonic, align 8
  %higher = icmp ugt i64 %live, %peak.before
  %peak = select i1 %higher, i64 %live, i64 %peak.before
  %part = lshr i64 %peak, 3
  %small = icmp ult i64 %part, {_MARGIN}
  %margin = select i1 %small, i64 {_MARGIN}, i64 %part
  %bound = add i64 %peak, %margin
  %trimmed = call i1 @trim(ptr %pool, ptr %held.at, i64 %bound)
  %whole = add i64 %capacity, 128
  %raw = call ptr @new_block(ptr %pool, i64 %whole, i1 %zeros)
  %missing = icmp eq ptr %raw, null
  br i1 %missing, label %scarce, label %made
scarce:
  %emptied = call i1 @trim(ptr %pool, ptr %held.at, i64 0)
  %raw.last = call ptr @new_block(ptr %pool, i64 %whole, i1 %zeros)
  %failed = icmp eq ptr %raw.last, null
  br i1 %failed, label %failing, label %made
made:
  %raw.made = phi ptr [ %raw, %fresh ], [ %raw.last, %scarce ]
  %block.made = call ptr @label(ptr %raw.made, i64 %capacity, i64 %bytes)
  %peak.made = atomicrmw umax ptr %peak.at, i64 %live monotonic
  %fresh.at = {_field("fresh")}
  %fresh.count = atomicrmw add ptr %fresh.at, i64 1 monotonic
  ret ptr %block.made
failing: ; the heap may have room though the system makes no mapping
  %held.not = atomicrmw sub ptr %held.at, i64 %capacity monotonic
  %live.not = atomicrmw sub ptr %live.at, i64 %bytes monotonic
  br label %not.kept
}}

define ptr @numbafunc_malloc(ptr %pool, i64 %bytes) {{
  %block = call ptr @allocate(ptr %pool, i64 %bytes, i1 false)
  ret ptr %block
}}

define ptr @numbafunc_calloc(ptr %pool, i64 %count, i64 %each) {{
  %product = call {{ i64, i1 }} @llvm.umul.with.overflow.i64(i64 %count, i64 %each)
  %bytes = extractvalue {{ i64, i1 }} %product, 0
  %overflow = extractvalue {{ i64, i1 }} %product, 1
  br i1 %overflow, label %failing, label %some
some:
  %block = call ptr @allocate(ptr %pool, i64 %bytes, i1 true)
  ret ptr %block
failing:
  ret ptr null
}}

; NumPy says how many bytes it thinks there are, which is not needed.
define void @numbafunc_free(ptr %pool, ptr %block, i64 %told) {{
start:
  %nothing = icmp eq ptr %block, null
  br i1 %nothing, label %done, label %some
some:
  %bytes.at = getelementptr inbounds i64, ptr %block, i64 -1
  %bytes = load i64, ptr %bytes.at
  %capacity.at = getelementptr inbounds i64, ptr %block, i64 -2
  %capacity = load i64, ptr %capacity.at
  %plain = icmp eq i64 %capacity, 0
  br i1 %plain, label %not.kept, label %kept
not.kept:
  %raw.at = getelementptr inbounds i64, ptr %block, i64 -3
  %raw = load ptr, ptr %raw.at
  %whole = add i64 %bytes, 64
  call void @give_back(ptr %pool, ptr %raw, i64 %whole)
  ret void
kept:
  %live.at = {_field("live")}
  %live = atomicrmw sub ptr %live.at, i64 %bytes monotonic
  %limit.at = {_field("limit")}
  %limit = load atomic i64, ptr %limit.at monotonic, align 8
  %large = icmp ugt i64 %capacity, %limit
  br i1 %large, label %refused, label %room
room:
  %spare.at = {_field("spare")}
  %spare = atomicrmw add ptr %spare.at, i64 %capacity monotonic
  %fits = call i1 @trim(ptr %pool, ptr %spare.at, i64 %limit)
  %size = call i64 @size_for(i64 %capacity)
  br i1 %fits, label %look, label %full
look:
  %number = phi i64 [ 0, %room ], [ %number.next, %again ]
  %place.at = {_field("places")}, i64 %size, i64 %number
  %seen = load atomic ptr, ptr %place.at monotonic, align 8
  %free = icmp eq ptr %seen, null
  br i1 %free, label %exchange, label %again
exchange:
  %pair = cmpxchg ptr %place.at, ptr null, ptr %block acq_rel monotonic
  %put = extractvalue {{ ptr, i1 }} %pair, 1
  br i1 %put, label %counted, label %again
again:
  %number.next = add i64 %number, 1
  %over = icmp eq i64 %number.next, {_ROW}
  br i1 %over, label %full, label %look
counted:
  %count.at = {_field("free_blocks")}, i64 %size
  %count = atomicrmw add ptr %count.at, i64 1 monotonic
  ret void
full:
  %spare.not = atomicrmw sub ptr %spare.at, i64 %capacity monotonic
  br label %refused
refused:
  call void @release(ptr %pool, ptr %block)
  br label %done
done:
  ret void
}}

define ptr @numbafunc_realloc(ptr %pool, ptr %block, i64 %bytes) {{
start:
  %nothing = icmp eq ptr %block, null
  br i1 %nothing, label %new, label %some
new:
  %first = call ptr @allocate(ptr %pool, i64 %bytes, i1 false)
  ret ptr %first
some:
  %other = call ptr @allocate(ptr %pool, i64 %bytes, i1 false)
  %failed = icmp eq ptr %other, null
  br i1 %failed, label %failing, label %copy
copy:
  %had.at = getelementptr inbounds i64, ptr %block, i64 -1
  %had = load i64, ptr %had.at
  %less = icmp ult i64 %had, %bytes
  %common = select i1 %less, i64 %had, i64 %bytes
  call void @llvm.memcpy.p0.p0.i64(ptr %other, ptr %block, i64 %common, i1 false)
  call void @numbafunc_free(ptr %pool, ptr %block, i64 %had)
  ret ptr %other
failing:
  ret ptr null
}}
"""


def new_handler(own: Handler, limit: int, huge: int) -> tuple[Handler, Pool]:
    """A handler whose memory comes from another one, NumPy's own, and its pool. Neither is ever freed.

    Parameters
    ----------
    own : Handler
        NumPy's own.
    limit : int
        Bytes that free blocks have at most.
    huge : int
        Bytes from which on blocks have huge pages where the system allows that.
    """
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # Without optimisation, which would take four times as long and saves nothing beside the arrays that are filled.
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        opt=0, codemodel="jitdefault", jit=True
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(_SOURCE + (_BY_MAPPING or _BY_NUMPY)), machine)
    engine.finalize_object()
    pool = Pool(own.own, own.malloc, own.calloc, own.realloc, own.free, huge, limit)
    functions = [engine.get_function_address(f"numbafunc_{name}") for name, _ in _ALLOCATOR[1:]]
    made = Handler(b"numbafunc", 1, ctypes.addressof(pool), *functions)
    for part in (engine, pool, made):  # arrays may outlive all that refers to them, modules included
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(part))
    return made, pool


__all__ = ["SMALLEST", "Handler", "Pool", "new_handler"]
