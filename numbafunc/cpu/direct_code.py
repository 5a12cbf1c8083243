"""The code of direct calls, as text for LLVM, and the structures by which it is told what to do.

:mod:`numbafunc.cpu.direct_calls` says what they are for. Compiled functions of Numba take words and reals: of an array
no owner, no parent, the number of elements, their size, the address, lengths and steps. On the systems that are served
words that a function does not expect do no harm, and reals are counted apart, so one function enters all kernels.
"""

from __future__ import annotations

import ctypes

from numbafunc.cpu.memory import FLAGS, OWNS, PLAIN, READABLE

LARGEST = 1 << 12
"""The most elements of an array: more are worth a call that gives back the lock of the interpreter."""

WORDS, REALS, OPERANDS, AXES = 64, 4, 6, 8
ARGUMENTS, ENTRIES = 12, 8
THIS, ARRAY, NUMBER = range(3)
SKIPPED = -128

# Where CPython and NumPy keep things, which :func:`_is_known` checks.
POINTER, DATA, NDIM, LENGTHS, DTYPE, FLAGS_AT = 16, 16, 24, 32, 56, 64


class Prepared(ctypes.Structure):
    """What a call on arrays of known shapes needs. A place is the word for an address, or -1 - the number of a real.

    While code runs that ``releases``, other threads may.
    """

    _fields_ = (
        ("code", ctypes.c_void_p),
        ("otherwise", ctypes.c_void_p),
        ("dtype", ctypes.c_void_p),
        ("ndim", ctypes.c_int64),
        ("count", ctypes.c_int64),
        ("result", ctypes.c_int64),
        ("releases", ctypes.c_int64),
        ("places", ctypes.c_int64 * OPERANDS),
        ("lengths", ctypes.c_int64 * AXES),
        ("words", ctypes.c_int64 * WORDS),
        ("reals", ctypes.c_double * REALS),
    )


class Known(ctypes.Structure):
    """Arguments of a public function for which there is a prepared call, and which of them are its operands.

    An argument is this very object, an array of a dtype and of some lengths, or a float.
    """

    _fields_ = (
        ("prepared", ctypes.c_void_p),
        ("operands", ctypes.c_int64 * OPERANDS),
        ("kinds", ctypes.c_int64 * ARGUMENTS),
        ("objects", ctypes.c_void_p * ARGUMENTS),
        ("ndims", ctypes.c_int64 * ARGUMENTS),
        ("lengths", ctypes.c_int64 * AXES * ARGUMENTS),
    )


class AllKnown(ctypes.Structure):
    """What is known of the arguments of a public function."""

    _fields_ = (("many", ctypes.c_int64), ("count", ctypes.c_int64), ("entries", ctypes.c_void_p * ENTRIES))


class Kind(ctypes.Structure):
    """The machine code for arrays of one dtype: of arrays alone, and of an array and a number."""

    _fields_ = (
        ("dtype", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("alone", ctypes.c_void_p),
        ("number", ctypes.c_void_p),
    )


class AnyArrays(ctypes.Structure):
    """What a call on arrays of any shape needs."""

    _fields_ = (
        ("otherwise", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("most", ctypes.c_int64),
        ("releases", ctypes.c_int64),
        ("kinds", Kind * 2),
    )


def _at(structure: type[ctypes.Structure], name: str, base: str = "%state") -> str:
    return f"getelementptr i8, ptr {base}, i64 {getattr(structure, name).offset}"


def _array(values: str) -> str:
    """The words of an array of one axis."""
    return f"ptr null, ptr null, i64 %elements, i64 %bytes, ptr {values}, i64 %elements, i64 %bytes"


# How a function begins that may get one more argument, the array for the result, and goes on where it is the last one.
_BEGIN = """
entry:
  %state.at = getelementptr i8, ptr %self, i64 {pointer}
  %state = load ptr, ptr %state.at
  %count.at = {count}
  %count = load i64, ptr %count.at
  %usual = icmp eq i64 %given, %count
  br i1 %usual, label %start, label %longer
longer:
  %expected = add i64 %count, 1
  %one.more = icmp eq i64 %given, %expected
  br i1 %one.more, label %last, label %other
last:
  %out.at = getelementptr ptr, ptr %args, i64 %count
  %out = load ptr, ptr %out.at
  %none = load ptr, ptr @none
  %absent = icmp eq ptr %out, %none
"""

_OTHER = """
other:
  %otherwise.at = {otherwise}
  %otherwise = load ptr, ptr %otherwise.at
  %handed = call ptr @hand_on(ptr %otherwise, ptr %args, i64 %given)
  ret ptr %handed
}}
"""

_PASSED = OPERANDS + 1

TEXT = f"""
@array = internal global ptr null
@float = internal global ptr null
@none = internal global ptr null
@new = internal global ptr null
@increase = internal global ptr null
@decrease = internal global ptr null
@call = internal global ptr null
@missed = internal global ptr null
@save = internal global ptr null
@restore = internal global ptr null

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define void @numbafunc_direct_setup(ptr %array, ptr %float, ptr %none, ptr %new, ptr %increase, ptr %decrease,
                                    ptr %call, ptr %missed, ptr %save, ptr %restore) {{
  store ptr %array, ptr @array
  store ptr %float, ptr @float
  store ptr %none, ptr @none
  store ptr %new, ptr @new
  store ptr %increase, ptr @increase
  store ptr %decrease, ptr @decrease
  store ptr %call, ptr @call
  store ptr %missed, ptr @missed
  store ptr %save, ptr @save
  store ptr %restore, ptr @restore
  ret void
}}

define internal ptr @hand_on(ptr %function, ptr %args, i64 %given) {{
entry:
  %all = alloca [{_PASSED} x ptr], align 16
  call void @llvm.memset.p0.i64(ptr %all, i8 0, i64 {8 * _PASSED}, i1 false)
  %few = icmp ult i64 %given, {_PASSED}
  %most = select i1 %few, i64 %given, i64 {_PASSED}
  %bytes = mul i64 %most, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %all, ptr %args, i64 %bytes, i1 false)
  %call = load ptr, ptr @call
{
    "".join(
        f'''
  %at{k} = getelementptr ptr, ptr %all, i64 {k}
  %a{k} = load ptr, ptr %at{k}'''
        for k in range(_PASSED)
    )
}
  %result = call ptr (ptr, ...) %call(ptr %function, {", ".join(f"ptr %a{k}" for k in range(_PASSED))}, ptr null)
  ret ptr %result
}}

; Give back the lock of the interpreter, if wanted; what take_lock is to be given.
define internal ptr @give_lock(i64 %releases) {{
entry:
  %keeps = icmp eq i64 %releases, 0
  br i1 %keeps, label %keep, label %give
give:
  %save = load ptr, ptr @save
  %thread = call ptr %save()
  ret ptr %thread
keep:
  ret ptr null
}}

define internal void @take_lock(ptr %thread) {{
entry:
  %kept = icmp eq ptr %thread, null
  br i1 %kept, label %done, label %take
take:
  %restore = load ptr, ptr @restore
  call void %restore(ptr %thread)
  br label %done
done:
  ret void
}}

define internal ptr @empty(ptr %dtype, i32 %ndim, ptr %lengths) {{
  %increase = load ptr, ptr @increase
  call void %increase(ptr %dtype) ; which the array takes
  %array = load ptr, ptr @array
  %new = load ptr, ptr @new
  %result = call ptr %new(ptr %array, ptr %dtype, i32 %ndim, ptr %lengths, ptr null, ptr null, i32 0, ptr null)
  ret ptr %result
}}

; The result; null where there is no memory for it; NotImplemented where the kernel can't do it.
define internal ptr @enter(ptr %state, ptr %args) {{
start:
  %returned = alloca [2 x ptr], align 16
  %raised = getelementptr ptr, ptr %returned, i64 1
  %words = alloca [{WORDS} x i64], align 16
  %reals = alloca [{REALS} x double], align 16
  %count.at = {_at(Prepared, "count")}
  %count = load i64, ptr %count.at
  %words.from = {_at(Prepared, "words")}
  call void @llvm.memcpy.p0.p0.i64(ptr align 16 %words, ptr %words.from, i64 {8 * WORDS}, i1 false)
  %reals.from = {_at(Prepared, "reals")}
  call void @llvm.memcpy.p0.p0.i64(ptr align 16 %reals, ptr %reals.from, i64 {8 * REALS}, i1 false)
  store ptr %returned, ptr %words
  %second = getelementptr i64, ptr %words, i64 1
  store ptr %raised, ptr %second
  %places = {_at(Prepared, "places")}
  br label %operand
operand:
  %number = phi i64 [ 0, %start ], [ %next, %following ]
  %some = icmp slt i64 %number, %count
  br i1 %some, label %take, label %make
take:
  %x.at = getelementptr ptr, ptr %args, i64 %number
  %x = load ptr, ptr %x.at
  %value.at = getelementptr i8, ptr %x, i64 {DATA}
  %value = load i64, ptr %value.at
  %place.at = getelementptr i64, ptr %places, i64 %number
  %place = load i64, ptr %place.at
  %is.word = icmp sge i64 %place, 0
  br i1 %is.word, label %word, label %no.word
word:
  %word.at = getelementptr i64, ptr %words, i64 %place
  store i64 %value, ptr %word.at
  br label %following
no.word:
  %skipped = icmp eq i64 %place, {SKIPPED}
  br i1 %skipped, label %following, label %real
real:
  %real.number = xor i64 %place, -1
  %real.at = getelementptr i64, ptr %reals, i64 %real.number
  store i64 %value, ptr %real.at
  br label %following
following:
  %next = add i64 %number, 1
  br label %operand
make:
  %dtype.at = {_at(Prepared, "dtype")}
  %dtype = load ptr, ptr %dtype.at
  %ndim.at = {_at(Prepared, "ndim")}
  %ndim.wide = load i64, ptr %ndim.at
  %ndim = trunc i64 %ndim.wide to i32
  %lengths = {_at(Prepared, "lengths")}
  %result.place.at = {_at(Prepared, "result")}
  %result.place = load i64, ptr %result.place.at
  %code.at = {_at(Prepared, "code")}
  %code = load ptr, ptr %code.at
  %releases.at = {_at(Prepared, "releases")}
  %releases = load i64, ptr %releases.at
  ; To make an array may run other code, after which the state need not be there any more.
  %result = call ptr @empty(ptr %dtype, i32 %ndim, ptr %lengths)
  %is.null = icmp eq ptr %result, null
  br i1 %is.null, label %failed, label %made
made:
  %data.at = getelementptr i8, ptr %result, i64 {DATA}
  %data = load i64, ptr %data.at
  %result.word.at = getelementptr i64, ptr %words, i64 %result.place
  store i64 %data, ptr %result.word.at
{
    "".join(
        f'''
  %w{k}.at = getelementptr i64, ptr %words, i64 {k}
  %w{k} = load i64, ptr %w{k}.at'''
        for k in range(WORDS)
    )
}
{
    "".join(
        f'''
  %r{k}.at = getelementptr double, ptr %reals, i64 {k}
  %r{k} = load double, ptr %r{k}.at'''
        for k in range(REALS)
    )
}
  %thread = call ptr @give_lock(i64 %releases)
  %status = call i32 %code({", ".join([f"i64 %w{k}" for k in range(WORDS)] + [f"double %r{k}" for k in range(REALS)])})
  call void @take_lock(ptr %thread)
  %fine = icmp eq i32 %status, 0
  br i1 %fine, label %done, label %raises
failed:
  ret ptr null
raises:
  %decrease = load ptr, ptr @decrease
  call void %decrease(ptr %result)
  %missed = load ptr, ptr @missed
  ret ptr %missed
done:
  ret ptr %result
}}

define ptr @numbafunc_prepared(ptr %self, ptr %args, i64 %given) {{
{_BEGIN.format(pointer=POINTER, count=_at(Prepared, "count"))}
  br i1 %absent, label %start, label %other
start:
  %result = call ptr @enter(ptr %state, ptr %args)
  %missed = load ptr, ptr @missed
  %is.missed = icmp eq ptr %result, %missed
  br i1 %is.missed, label %other, label %done
done:
  ret ptr %result
{_OTHER.format(otherwise=_at(Prepared, "otherwise"))}

; The same for the first known call with these arguments; NotImplemented where there is none.
define ptr @numbafunc_known(ptr %self, ptr %args, i64 %given) {{
entry:
  %state.at = getelementptr i8, ptr %self, i64 {POINTER}
  %state = load ptr, ptr %state.at
  %operands = alloca [{OPERANDS} x ptr], align 16
  %array = load ptr, ptr @array
  %float = load ptr, ptr @float
  %many.at = {_at(AllKnown, "many")}
  %many = load i64, ptr %many.at
  %entries = {_at(AllKnown, "entries")}
  br label %look
look:
  %number = phi i64 [ 0, %entry ], [ %number.next, %different ]
  %some = icmp slt i64 %number, %many
  br i1 %some, label %compare, label %missing
compare:
  %known.at = getelementptr ptr, ptr %entries, i64 %number
  %known = load ptr, ptr %known.at
  %kinds = {_at(Known, "kinds", "%known")}
  %objects = {_at(Known, "objects", "%known")}
  %ndims = {_at(Known, "ndims", "%known")}
  %all.lengths = {_at(Known, "lengths", "%known")}
  br label %argument
argument:
  %place = phi i64 [ 0, %compare ], [ %place.next, %same ]
  %more = icmp slt i64 %place, %given
  br i1 %more, label %kind.of, label %found
kind.of:
  %x.at = getelementptr ptr, ptr %args, i64 %place
  %x = load ptr, ptr %x.at
  %kind.at = getelementptr i64, ptr %kinds, i64 %place
  %kind = load i64, ptr %kind.at
  %object.at = getelementptr ptr, ptr %objects, i64 %place
  %object = load ptr, ptr %object.at
  %type.at = getelementptr i8, ptr %x, i64 8
  %type = load ptr, ptr %type.at
  switch i64 %kind, label %this [ i64 {ARRAY}, label %array.of
                                 i64 {NUMBER}, label %number.of ]
this:
  %is.this = icmp eq ptr %x, %object
  br i1 %is.this, label %same, label %different
number.of:
  %is.number = icmp eq ptr %type, %float
  br i1 %is.number, label %same, label %different
array.of:
  %is.array = icmp eq ptr %type, %array
  br i1 %is.array, label %details, label %different
details:
  %flags.at = getelementptr i8, ptr %x, i64 {FLAGS_AT}
  %flags = load i32, ptr %flags.at
  %chosen = and i32 %flags, {READABLE}
  %readable = icmp eq i32 %chosen, {READABLE}
  %dtype.at = getelementptr i8, ptr %x, i64 {DTYPE}
  %dtype = load ptr, ptr %dtype.at
  %alike = icmp eq ptr %dtype, %object
  %ndim.at = getelementptr i8, ptr %x, i64 {NDIM}
  %ndim.short = load i32, ptr %ndim.at
  %ndim = sext i32 %ndim.short to i64
  %ndim.known.at = getelementptr i64, ptr %ndims, i64 %place
  %ndim.known = load i64, ptr %ndim.known.at
  %as.many = icmp eq i64 %ndim, %ndim.known
  %usual = and i1 %readable, %alike
  %fits = and i1 %usual, %as.many
  %lengths.at = getelementptr i8, ptr %x, i64 {LENGTHS}
  %lengths = load ptr, ptr %lengths.at
  %lengths.known = getelementptr [{AXES} x i64], ptr %all.lengths, i64 %place
  br i1 %fits, label %axis, label %different
axis:
  %axis.number = phi i64 [ 0, %details ], [ %axis.next, %equal ]
  %left = icmp slt i64 %axis.number, %ndim
  br i1 %left, label %length, label %same
length:
  %length.at = getelementptr i64, ptr %lengths, i64 %axis.number
  %length.here = load i64, ptr %length.at
  %length.known.at = getelementptr i64, ptr %lengths.known, i64 %axis.number
  %length.known = load i64, ptr %length.known.at
  %length.same = icmp eq i64 %length.here, %length.known
  br i1 %length.same, label %equal, label %different
equal:
  %axis.next = add i64 %axis.number, 1
  br label %axis
same:
  %place.next = add i64 %place, 1
  br label %argument
different:
  %number.next = add i64 %number, 1
  br label %look
found:
  %prepared.at = {_at(Known, "prepared", "%known")}
  %prepared = load ptr, ptr %prepared.at
  %chosen.operands = {_at(Known, "operands", "%known")}
  %operand.count.at = {_at(Prepared, "count", "%prepared")}
  %operand.count = load i64, ptr %operand.count.at
  br label %choose
choose:
  %turn = phi i64 [ 0, %found ], [ %turn.next, %take ]
  %again = icmp slt i64 %turn, %operand.count
  br i1 %again, label %take, label %run
take:
  %from.at = getelementptr i64, ptr %chosen.operands, i64 %turn
  %from = load i64, ptr %from.at
  %operand.at = getelementptr ptr, ptr %args, i64 %from
  %operand = load ptr, ptr %operand.at
  %operand.to = getelementptr ptr, ptr %operands, i64 %turn
  store ptr %operand, ptr %operand.to
  %turn.next = add i64 %turn, 1
  br label %choose
run:
  %result = call ptr @enter(ptr %prepared, ptr %operands)
  %missed = load ptr, ptr @missed
  %is.missed = icmp eq ptr %result, %missed
  br i1 %is.missed, label %missing, label %done
done:
  ret ptr %result
missing:
  %missed.too = load ptr, ptr @missed
  %increase = load ptr, ptr @increase
  call void %increase(ptr %missed.too)
  ret ptr %missed.too
}}

define ptr @numbafunc_any_shape(ptr %self, ptr %args, i64 %given) {{
{_BEGIN.format(pointer=POINTER, count=_at(AnyArrays, "count"))}
  %wanted = select i1 %absent, ptr null, ptr %out
  br label %start
start:
  %target = phi ptr [ null, %entry ], [ %wanted, %last ]
  %returned = alloca [2 x ptr], align 16
  %raised = getelementptr ptr, ptr %returned, i64 1
  %array = load ptr, ptr @array
  %x = load ptr, ptr %args
  %x.type.at = getelementptr i8, ptr %x, i64 8
  %x.type = load ptr, ptr %x.type.at
  %x.is.array = icmp eq ptr %x.type, %array
  br i1 %x.is.array, label %flags, label %other
flags:
  %x.flags.at = getelementptr i8, ptr %x, i64 {FLAGS_AT}
  %x.flags = load i32, ptr %x.flags.at
  %x.chosen = and i32 %x.flags, {FLAGS - 2**32}
  %x.plain = icmp eq i32 %x.chosen, {PLAIN}
  br i1 %x.plain, label %dtypes, label %other
dtypes:
  %dtype.at = getelementptr i8, ptr %x, i64 {DTYPE}
  %dtype = load ptr, ptr %dtype.at
  %first = {_at(AnyArrays, "kinds")}
  %first.dtype = load ptr, ptr %first
  %is.first = icmp eq ptr %dtype, %first.dtype
  br i1 %is.first, label %known, label %look
look:
  %second = getelementptr i8, ptr %first, i64 {ctypes.sizeof(Kind)}
  %second.dtype = load ptr, ptr %second
  %is.second = icmp eq ptr %dtype, %second.dtype
  br i1 %is.second, label %known, label %other
known:
  %kind = phi ptr [ %first, %dtypes ], [ %second, %look ]
  %bytes.at = {_at(Kind, "size", "%kind")}
  %bytes = load i64, ptr %bytes.at
  %ndim.at = getelementptr i8, ptr %x, i64 {NDIM}
  %ndim = load i32, ptr %ndim.at
  %ndim.wide = sext i32 %ndim to i64
  %lengths.at = getelementptr i8, ptr %x, i64 {LENGTHS}
  %lengths = load ptr, ptr %lengths.at
  br label %axis
axis:
  %number = phi i64 [ 0, %known ], [ %next, %multiply ]
  %elements = phi i64 [ 1, %known ], [ %product, %multiply ]
  %some = icmp slt i64 %number, %ndim.wide
  br i1 %some, label %multiply, label %counted
multiply:
  %length.at = getelementptr i64, ptr %lengths, i64 %number
  %length = load i64, ptr %length.at
  %product = mul i64 %elements, %length
  %next = add i64 %number, 1
  br label %axis
counted:
  %most.at = {_at(AnyArrays, "most")}
  %most = load i64, ptr %most.at
  %little = icmp sle i64 %elements, %most
  br i1 %little, label %how.many, label %other
how.many:
  %alone.at = {_at(Kind, "alone", "%kind")}
  %alone = load ptr, ptr %alone.at
  %one = icmp eq i64 %count, 1
  br i1 %one, label %one.array, label %two
two:
  %y.at = getelementptr ptr, ptr %args, i64 1
  %y = load ptr, ptr %y.at
  %y.type.at = getelementptr i8, ptr %y, i64 8
  %y.type = load ptr, ptr %y.type.at
  %float = load ptr, ptr @float
  %y.is.float = icmp eq ptr %y.type, %float
  br i1 %y.is.float, label %number.too, label %array.too
one.array:
  %code.one = icmp eq ptr %alone, null
  br i1 %code.one, label %other, label %make
number.too:
  %with.number.at = {_at(Kind, "number", "%kind")}
  %with.number = load ptr, ptr %with.number.at
  %code.number = icmp eq ptr %with.number, null
  br i1 %code.number, label %other, label %make
array.too:
  %y.is.array = icmp eq ptr %y.type, %array
  %has.code = icmp ne ptr %alone, null
  %worth = and i1 %y.is.array, %has.code
  br i1 %worth, label %y.flags, label %other
y.flags:
  %y.flags.at = getelementptr i8, ptr %y, i64 {FLAGS_AT}
  %y.flags.all = load i32, ptr %y.flags.at
  %y.chosen = and i32 %y.flags.all, {FLAGS - 2**32}
  %y.plain = icmp eq i32 %y.chosen, {PLAIN}
  %y.dtype.at = getelementptr i8, ptr %y, i64 {DTYPE}
  %y.dtype = load ptr, ptr %y.dtype.at
  %y.alike = icmp eq ptr %y.dtype, %dtype
  %y.ndim.at = getelementptr i8, ptr %y, i64 {NDIM}
  %y.ndim = load i32, ptr %y.ndim.at
  %y.as.many = icmp eq i32 %y.ndim, %ndim
  %y.usual = and i1 %y.plain, %y.alike
  %y.fits = and i1 %y.usual, %y.as.many
  %y.lengths.at = getelementptr i8, ptr %y, i64 {LENGTHS}
  %y.lengths = load ptr, ptr %y.lengths.at
  br i1 %y.fits, label %compare, label %other
compare:
  %place = phi i64 [ 0, %y.flags ], [ %place.next, %equal ]
  %left = icmp slt i64 %place, %ndim.wide
  br i1 %left, label %lengths.of, label %make
lengths.of:
  %x.length.at = getelementptr i64, ptr %lengths, i64 %place
  %x.length = load i64, ptr %x.length.at
  %y.length.at = getelementptr i64, ptr %y.lengths, i64 %place
  %y.length = load i64, ptr %y.length.at
  %same = icmp eq i64 %x.length, %y.length
  br i1 %same, label %equal, label %other
equal:
  %place.next = add i64 %place, 1
  br label %compare
make:
  %way = phi i32 [ 0, %one.array ], [ 1, %number.too ], [ 2, %compare ]
  %y.again = getelementptr ptr, ptr %args, i64 1
  %number.code.at = {_at(Kind, "number", "%kind")}
  %no.target = icmp eq ptr %target, null
  br i1 %no.target, label %new, label %target.type
new:
  %fresh = call ptr @empty(ptr %dtype, i32 %ndim, ptr %lengths)
  %is.null = icmp eq ptr %fresh, null
  br i1 %is.null, label %failed, label %made
target.type: ; arrays that own their memory share it with no other that does
  %t.type.at = getelementptr i8, ptr %target, i64 8
  %t.type = load ptr, ptr %t.type.at
  %t.is.array = icmp eq ptr %t.type, %array
  %t.is.x = icmp eq ptr %target, %x
  %t.other = xor i1 %t.is.x, true
  %t.possible = and i1 %t.is.array, %t.other
  br i1 %t.possible, label %target.details, label %other
target.details:
  %t.flags.at = getelementptr i8, ptr %target, i64 {FLAGS_AT}
  %t.flags = load i32, ptr %t.flags.at
  %t.chosen = and i32 %t.flags, {FLAGS - 2**32}
  %t.plain = icmp eq i32 %t.chosen, {PLAIN}
  %t.dtype.at = getelementptr i8, ptr %target, i64 {DTYPE}
  %t.dtype = load ptr, ptr %t.dtype.at
  %t.alike = icmp eq ptr %t.dtype, %dtype
  %t.ndim.at = getelementptr i8, ptr %target, i64 {NDIM}
  %t.ndim = load i32, ptr %t.ndim.at
  %t.as.many = icmp eq i32 %t.ndim, %ndim
  %t.owning = and i32 %t.flags, {OWNS}
  %t.owns = icmp ne i32 %t.owning, 0
  %x.owning = and i32 %x.flags, {OWNS}
  %x.owns = icmp ne i32 %x.owning, 0
  %t.usual = and i1 %t.plain, %t.alike
  %t.fits = and i1 %t.usual, %t.as.many
  %both.own = and i1 %t.owns, %x.owns
  %t.good = and i1 %t.fits, %both.own
  %t.lengths.at = getelementptr i8, ptr %target, i64 {LENGTHS}
  %t.lengths = load ptr, ptr %t.lengths.at
  br i1 %t.good, label %target.axis, label %other
target.axis:
  %t.place = phi i64 [ 0, %target.details ], [ %t.place.next, %target.equal ]
  %t.left = icmp slt i64 %t.place, %ndim.wide
  br i1 %t.left, label %target.length, label %target.second
target.length:
  %l.length.at = getelementptr i64, ptr %lengths, i64 %t.place
  %l.length = load i64, ptr %l.length.at
  %t.length.at = getelementptr i64, ptr %t.lengths, i64 %t.place
  %t.length = load i64, ptr %t.length.at
  %t.same = icmp eq i64 %l.length, %t.length
  br i1 %t.same, label %target.equal, label %other
target.equal:
  %t.place.next = add i64 %t.place, 1
  br label %target.axis
target.second:
  %has.second = icmp eq i32 %way, 2
  br i1 %has.second, label %second.owns, label %into
second.owns:
  %y.there = load ptr, ptr %y.again
  %y.there.flags.at = getelementptr i8, ptr %y.there, i64 {FLAGS_AT}
  %y.there.flags = load i32, ptr %y.there.flags.at
  %y.owning = and i32 %y.there.flags, {OWNS}
  %y.owns = icmp ne i32 %y.owning, 0
  %t.no.y = icmp ne ptr %target, %y.there
  %apart = and i1 %y.owns, %t.no.y
  br i1 %apart, label %into, label %other
into:
  %increase = load ptr, ptr @increase
  call void %increase(ptr %target)
  br label %made
made:
  %result = phi ptr [ %fresh, %new ], [ %target, %into ]
  %data.at = getelementptr i8, ptr %result, i64 {DATA}
  %data = load ptr, ptr %data.at
  %x.data.at = getelementptr i8, ptr %x, i64 {DATA}
  %x.data = load ptr, ptr %x.data.at
  %releases.at = {_at(AnyArrays, "releases")}
  %releases = load i64, ptr %releases.at
  switch i32 %way, label %run.one [ i32 1, label %run.number
                                   i32 2, label %run.two ]
run.one:
  %thread.one = call ptr @give_lock(i64 %releases)
  %status.one = call i32 %alone(ptr %returned, ptr %raised, {_array("%x.data")}, {_array("%data")})
  br label %ran
run.number:
  %y.number = load ptr, ptr %y.again
  %real.at = getelementptr i8, ptr %y.number, i64 {DATA}
  %real = load double, ptr %real.at
  %number.again = load ptr, ptr %number.code.at
  %thread.number = call ptr @give_lock(i64 %releases)
  %status.number = call i32 %number.again(ptr %returned, ptr %raised, {_array("%x.data")}, double %real,
                                          {_array("%data")})
  br label %ran
run.two:
  %y.array = load ptr, ptr %y.again
  %y.data.at = getelementptr i8, ptr %y.array, i64 {DATA}
  %y.data = load ptr, ptr %y.data.at
  %thread.two = call ptr @give_lock(i64 %releases)
  %status.two = call i32 %alone(ptr %returned, ptr %raised, {_array("%x.data")}, {_array("%y.data")},
                                {_array("%data")})
  br label %ran
ran:
  %status = phi i32 [ %status.one, %run.one ], [ %status.number, %run.number ], [ %status.two, %run.two ]
  %thread = phi ptr [ %thread.one, %run.one ], [ %thread.number, %run.number ], [ %thread.two, %run.two ]
  call void @take_lock(ptr %thread)
  %fine = icmp eq i32 %status, 0
  br i1 %fine, label %done, label %raises
failed:
  ret ptr null
done:
  ret ptr %result
raises: ; the function of Python says why
  %decrease = load ptr, ptr @decrease
  call void %decrease(ptr %result)
  br label %other
{_OTHER.format(otherwise=_at(AnyArrays, "otherwise"))}

; A view of an array of one axis, as a kernel that takes the array, the result, and an array of numbers: bytes of an
; element, bytes before the first one, the number of axes, and for each its length and its step in bytes.
define i32 @numbafunc_copy_view({", ".join(f"i64 %w{k}" for k in range(WORDS))}) {{
entry:
  %numbers = inttoptr i64 %w20 to ptr
  %start.at = getelementptr i64, ptr %numbers, i64 1
  %start = load i64, ptr %start.at
  %first = add i64 %w6, %start
  %from = inttoptr i64 %first to ptr
  %to = inttoptr i64 %w13 to ptr
  %axes.at = getelementptr i64, ptr %numbers, i64 2
  %axes = load i64, ptr %axes.at
  %pairs = getelementptr i64, ptr %numbers, i64 3
  %size = load i64, ptr %numbers
  %end = call ptr @copy_axes(ptr %from, ptr %to, i64 %size, i64 %axes, ptr %pairs)
  ret i32 0
}}

define internal ptr @copy_axes(ptr %from, ptr %to, i64 %size, i64 %axes, ptr %pairs) {{
entry:
  %length = load i64, ptr %pairs
  %step.at = getelementptr i64, ptr %pairs, i64 1
  %step = load i64, ptr %step.at
  %inner = icmp eq i64 %axes, 1
  br i1 %inner, label %choose, label %outer
outer:
  %number = phi i64 [ 0, %entry ], [ %number.next, %outer ]
  %outer.from = phi ptr [ %from, %entry ], [ %outer.from.next, %outer ]
  %outer.to = phi ptr [ %to, %entry ], [ %outer.to.next, %outer ]
  %fewer = sub i64 %axes, 1
  %pairs.next = getelementptr i64, ptr %pairs, i64 2
  %outer.to.next = call ptr @copy_axes(ptr %outer.from, ptr %outer.to, i64 %size, i64 %fewer, ptr %pairs.next)
  %outer.from.next = getelementptr i8, ptr %outer.from, i64 %step
  %number.next = add i64 %number, 1
  %outer.more = icmp slt i64 %number.next, %length
  br i1 %outer.more, label %outer, label %outer.done
outer.done:
  ret ptr %outer.to.next
choose:
  %bytes = mul i64 %length, %size
  %whole.end = getelementptr i8, ptr %to, i64 %bytes
  %run = icmp eq i64 %step, %size
  br i1 %run, label %at.once, label %by.size
at.once:
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)
  ret ptr %whole.end
by.size:
  switch i64 %size, label %loop8 [ i64 4, label %loop4
                                 i64 2, label %loop2
                                 i64 1, label %loop1 ]
{
    "".join(
        f'''
loop{bytes}:
  %number{bytes} = phi i64 [ 0, %by.size ], [ %next{bytes}, %loop{bytes} ]
  %from{bytes} = phi ptr [ %from, %by.size ], [ %from.next{bytes}, %loop{bytes} ]
  %to{bytes} = getelementptr i{8 * bytes}, ptr %to, i64 %number{bytes}
  %word{bytes} = load i{8 * bytes}, ptr %from{bytes}
  store i{8 * bytes} %word{bytes}, ptr %to{bytes}
  %from.next{bytes} = getelementptr i8, ptr %from{bytes}, i64 %step
  %next{bytes} = add i64 %number{bytes}, 1
  %more{bytes} = icmp slt i64 %next{bytes}, %length
  br i1 %more{bytes}, label %loop{bytes}, label %done'''
        for bytes in (8, 4, 2, 1)
    )
}
done:
  ret ptr %whole.end
}}
"""

NAMES = "numbafunc_direct_setup", "numbafunc_prepared", "numbafunc_any_shape", "numbafunc_known", "numbafunc_copy_view"
"""The functions of the text."""
