"""Distribution of a kernel's tasks: one at a time, so that threads that join late find tasks left.

A parallel loop, as Numba compiles it, asks a library for everything: how many indices a thread gets at once, memory for
the bounds of these chunks, and the lock of the interpreter, which it takes only to give it back before it launches the
threads, and once more afterwards. Kernels bring simple answers along, and are bound to no library but to the two
functions of :mod:`numbafunc.cpu.threads`.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

_PREPARED = 64
_BOUNDS = ", ".join(f"[2 x i64] [i64 {task}, i64 {task}]" for task in range(_PREPARED))

ONE_BY_ONE = f"""
@prepared = internal constant [{_PREPARED} x [2 x i64]] [{_BOUNDS}]

declare ptr @NRT_Allocate(i64)
declare void @NRT_Free(ptr)

define linkonce_odr i64 @get_parallel_chunksize() {{
  ret i64 1
}}

define linkonce_odr void @set_parallel_chunksize(i64 %size) {{
  ret void
}}

define linkonce_odr i64 @get_sched_size(i64 %threads, i64 %dimensions, ptr %first, ptr %last) {{
  %begin = load i64, ptr %first
  %end = load i64, ptr %last
  %distance = sub i64 %end, %begin
  %size = add i64 %distance, 1
  ret i64 %size
}}

define linkonce_odr ptr @allocate_sched(i64 %numbers) {{
entry:
  %few = icmp ule i64 %numbers, {2 * _PREPARED}
  br i1 %few, label %ready, label %many
ready:
  ret ptr @prepared
many:
  %bytes = mul i64 %numbers, 8
  %memory = call ptr @NRT_Allocate(i64 %bytes)
  ret ptr %memory
}}

define linkonce_odr void @deallocate_sched(ptr %memory) {{
entry:
  %few = icmp eq ptr %memory, @prepared
  br i1 %few, label %end, label %many
many:
  call void @NRT_Free(ptr %memory)
  br label %end
end:
  ret void
}}

define linkonce_odr ptr @do_scheduling_unsigned(i64 %dimensions, ptr %first, ptr %last, i64 %size, ptr %bounds, i64) {{
entry:
  %few = icmp eq ptr %bounds, @prepared
  br i1 %few, label %end, label %fill
fill:
  %task = phi i64 [ 0, %entry ], [ %next, %fill ]
  %pair = getelementptr [2 x i64], ptr %bounds, i64 %task
  store i64 %task, ptr %pair
  %upper = getelementptr i64, ptr %pair, i64 1
  store i64 %task, ptr %upper
  %next = add i64 %task, 1
  %more = icmp slt i64 %next, %size
  br i1 %more, label %fill, label %end
end:
  ret ptr %bounds
}}
"""
"""What divides the indices of a loop over one variable, from 0 on, into chunks of one. Their bounds are inclusive."""

WITHOUT_LOCK = """
define linkonce_odr void @numba_gil_ensure(ptr %state) {
  ret void
}

define linkonce_odr void @numba_gil_release(ptr %state) {
  ret void
}

define linkonce_odr ptr @PyEval_SaveThread() {
  ret ptr null
}

define linkonce_odr void @PyEval_RestoreThread(ptr %state) {
  ret void
}
"""
"""The functions by which the launch of a loop takes the lock of the interpreter, which kernels have given back."""


def _choice(order: str) -> Any:
    def of(typingctx: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.select(builder.icmp_signed(order, *args), *args)

        return types.int64(types.int64, types.int64), codegen

    return intrinsic(of)


# ``min`` and ``max`` of indices. Numba would compile a function of its own for each combination of types.
MIN_MAX = {"min": _choice("<"), "max": _choice(">")}


def tasks(parallel: bool) -> str:
    """The function over whose range a template's loop over tasks goes."""
    return "prange" if parallel else "range"
