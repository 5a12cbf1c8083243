"""The code of the threads that share the loops of kernels with the caller, as text for LLVM.

A launch is a call of ``numbafunc_parallel_for``, which has the arguments of Numba's function for the same purpose: the
body of a loop, its arguments, and how far each argument moves from one task to the next. The tasks are divided into as
many ranges as there are threads, so that in repeated loops over the same arrays each core meets what is in its own
cache; who has finished its range takes tasks of the others'. The caller works as well, and waits only for workers that
have come: one that sleeps, or for which the system has no core, costs nothing. So the code does not depend on how many
workers there are, and a forked child, which has none, is served as well.

- ``@owner`` is 1 while a launch is under way. Another thread that launches meanwhile takes its own tasks one by one and
  looks after each whether it can have the workers for the rest.
- ``@gate`` is the number of workers that may still enter; ``@left`` that of those which have gone again.
- ``@generation`` counts launches. Idle workers look at it for a while, and offer their core to others after the first
  microseconds; then they sleep on it. Where the core is taken from them they sleep at once.
- ``@costs`` has for a body what a task of it took when it last ran: whether workers are asked at all is decided by the
  time that the tasks need, not by the number of elements. To wake a worker takes as long as much work, so that is done
  for long loops, and for loops that follow each other closely.
"""

from __future__ import annotations

MOST = 256
"""The largest number of threads that share a loop."""

WORTH = 2_000
"""From this work on, in nanoseconds, workers are asked that are awake."""

WORTH_WAKING = 80_000
"""From this work on, workers are woken up."""

DENSE = 50_000
"""A launch within this time after the last one is one of many. So long workers stay awake for the next."""

WAKES = 500_000
"""The shortest time between two wakes because of many launches, which may be in vain where cores are busy."""

PATIENCE = 3_000
"""So long a thread looks for a change without a look at who else wants its core."""

TAKEN = 15_000
"""A thread that has not looked for so long was not running: others want its core."""

# By processor: the number of the system call futex, what a thread does while it waits, and how the state of its
# floating-point unit (rounding, numbers below the normal ones) is read and written.
PROCESSORS = {
    "x86_64": {
        "futex": 202,
        "declarations": """
declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)""",
        "pause": "call void @llvm.x86.sse2.pause()",
        "read_floating": "call void @llvm.x86.sse.stmxcsr(ptr @floating)",
        "write_floating": "call void @llvm.x86.sse.ldmxcsr(ptr @floating)",
    },
    "aarch64": {
        "futex": 98,
        "declarations": """
declare void @llvm.aarch64.hint(i32)
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)""",
        "pause": "call void @llvm.aarch64.hint(i32 1)",
        "read_floating": "%state = call i64 @llvm.aarch64.get.fpcr()\n  store i64 %state, ptr @floating",
        "write_floating": "%state = load i64, ptr @floating\n  call void @llvm.aarch64.set.fpcr(i64 %state)",
    },
}

_TEXT = """
%Range = type {{ i64, i64, [112 x i8] }} ; the next task, the end, and space: each has cache lines of its own
%Cost = type {{ ptr, i64 }} ; a body, and the nanoseconds of a task

@owner = internal global i32 0, align 128
@stopping = internal global i32 0
@workers = internal global i32 0
@refused = internal global i32 0
@handles = internal global [{most} x i64] zeroinitializer
@last_end = internal global i64 0
@last_wake = internal global i64 0
@small_launches = internal global i8 0
@costs = internal global [256 x %Cost] zeroinitializer
@generation = internal global i32 0, align 128
@gate = internal global i32 0, align 128
@sleepers = internal global i32 0, align 128
@left = internal global i32 0, align 128
@awaited = internal global i32 0

; The launch under way, as workers see it between the gate and the count of those that have gone.
@body = internal global ptr null, align 128
@arguments = internal global ptr null
@lengths = internal global ptr null
@steps = internal global ptr null
@data = internal global ptr null
@width = internal global i64 0
@shares = internal global i64 0
@floating = internal global i64 0
@ranges = internal global [{most} x %Range] zeroinitializer, align 128

@counter = internal global ptr null, align 128
@count = internal global i64 1

declare i64 @syscall(i64, ...)
declare i32 @clock_gettime(i32, ptr)
declare i32 @sched_yield()
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(i64, ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sigfillset(ptr)
declare i32 @sigdelset(ptr, i32)
declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.smax.i64(i64, i64)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
{declarations}

define internal i64 @now() {{ ; nanoseconds
  %time = alloca [2 x i64]
  call i32 @clock_gettime(i32 1, ptr %time)
  %seconds = load i64, ptr %time
  %place = getelementptr i64, ptr %time, i64 1
  %rest = load i64, ptr %place
  %whole = mul i64 %seconds, 1000000000
  %sum = add i64 %whole, %rest
  ret i64 %sum
}}

define internal void @sleep(ptr %place, i32 %value) {{ ; until somebody calls @wake, unless it has another value already
  call i64 (i64, ...) @syscall(i64 {futex}, ptr %place, i64 128, i32 %value, ptr null, ptr null, i64 0)
  ret void
}}

define internal void @wake(ptr %place, i32 %number) {{
  call i64 (i64, ...) @syscall(i64 {futex}, ptr %place, i64 129, i32 %number, ptr null, ptr null, i64 0)
  ret void
}}

define internal i1 @changes(ptr %place, i32 %value, i64 %limit) {{ ; whether a word changes within some nanoseconds
entry:
  %found = load atomic i32, ptr %place acquire, align 4
  %at_once = icmp ne i32 %found, %value
  br i1 %at_once, label %yes, label %begin
begin:
  %start = call i64 @now()
  br label %round
round:
  %before = phi i64 [ %start, %begin ], [ %time, %further ], [ %time, %offer ]
  br label %look
look:
  %turn = phi i32 [ 0, %round ], [ %next, %again ]
  {pause}
  %new = load atomic i32, ptr %place acquire, align 4
  %different = icmp ne i32 %new, %value
  br i1 %different, label %yes, label %again
again:
  %next = add i32 %turn, 1
  %more = icmp ult i32 %next, 16
  br i1 %more, label %look, label %clock
clock:
  %time = call i64 @now()
  %spent = sub i64 %time, %start
  %gap = sub i64 %time, %before
  %taken = icmp ugt i64 %gap, {taken}
  %late = icmp ugt i64 %spent, %limit
  %give_up = or i1 %taken, %late
  br i1 %give_up, label %last, label %further
further:
  %polite = icmp ugt i64 %spent, {patience}
  br i1 %polite, label %offer, label %round
offer:
  call i32 @sched_yield()
  br label %round
yes:
  ret i1 true
last:
  %final = load atomic i32, ptr %place acquire, align 4
  %lucky = icmp ne i32 %final, %value
  ret i1 %lucky
}}

define internal void @run(ptr %own, i64 %task, ptr %body, ptr %arguments, ptr %lengths, ptr %steps, ptr %data, i64
%width) {{ entry:
  br label %shift
shift:
  %index = phi i64 [ 0, %entry ], [ %next, %shift ]
  %from = getelementptr ptr, ptr %arguments, i64 %index
  %base = load ptr, ptr %from
  %step_place = getelementptr i64, ptr %steps, i64 %index
  %step = load i64, ptr %step_place
  %offset = mul i64 %step, %task
  %shifted = getelementptr i8, ptr %base, i64 %offset
  %to = getelementptr ptr, ptr %own, i64 %index
  store ptr %shifted, ptr %to
  %next = add i64 %index, 1
  %more = icmp slt i64 %next, %width
  br i1 %more, label %shift, label %end
end:
  call void %body(ptr %own, ptr %lengths, ptr %steps, ptr %data)
  ret void
}}

define internal i64 @take_part(i64 %number) {{ ; the number of tasks that this thread has done
entry:
  %body = load ptr, ptr @body
  %arguments = load ptr, ptr @arguments
  %lengths = load ptr, ptr @lengths
  %steps = load ptr, ptr @steps
  %data = load ptr, ptr @data
  %width = load i64, ptr @width
  %shares = load i64, ptr @shares
  %own = alloca ptr, i64 %width
  %begin = urem i64 %number, %shares
  br label %share
share:
  %turn = phi i64 [ 0, %entry ], [ %next_turn, %exhausted ]
  %done = phi i64 [ 0, %entry ], [ %so_far, %exhausted ]
  %sum = add i64 %begin, %turn
  %index = urem i64 %sum, %shares
  %range = getelementptr [{most} x %Range], ptr @ranges, i64 0, i64 %index
  %stop_place = getelementptr %Range, ptr %range, i32 0, i32 1
  %stop = load i64, ptr %stop_place
  br label %look
look:
  %so_far = phi i64 [ %done, %share ], [ %one_more, %take ]
  %seen = load atomic i64, ptr %range monotonic, align 8
  %some = icmp slt i64 %seen, %stop
  br i1 %some, label %claim, label %exhausted
claim:
  %task = atomicrmw add ptr %range, i64 1 monotonic
  %mine = icmp slt i64 %task, %stop
  br i1 %mine, label %take, label %exhausted
take:
  call void @run(ptr %own, i64 %task, ptr %body, ptr %arguments, ptr %lengths, ptr %steps, ptr %data, i64 %width)
  %one_more = add i64 %so_far, 1
  br label %look
exhausted:
  %next_turn = add i64 %turn, 1
  %others = icmp ult i64 %next_turn, %shares
  br i1 %others, label %share, label %end
end:
  ret i64 %so_far
}}

define internal ptr @worker(ptr %given) {{
entry:
  %number = ptrtoint ptr %given to i64
  br label %arrive
arrive:
  %seen = load atomic i32, ptr @generation seq_cst, align 4
  %stopping = load atomic i32, ptr @stopping acquire, align 4
  %stops = icmp ne i32 %stopping, 0
  br i1 %stops, label %end, label %knock
knock:
  %places = load atomic i32, ptr @gate acquire, align 4
  %closed = icmp eq i32 %places, 0
  br i1 %closed, label %idle, label %try
try:
  %fewer = sub i32 %places, 1
  %pair = cmpxchg ptr @gate, i32 %places, i32 %fewer acq_rel acquire
  %entered = extractvalue {{ i32, i1 }} %pair, 1
  br i1 %entered, label %enter, label %knock
enter:
  {write_floating}
  call i64 @take_part(i64 %number)
  atomicrmw add ptr @left, i32 1 seq_cst
  %awaited = load atomic i32, ptr @awaited seq_cst, align 4
  %is_awaited = icmp ne i32 %awaited, 0
  br i1 %is_awaited, label %tell, label %idle
tell:
  call void @wake(ptr @left, i32 1)
  br label %idle
idle:
  %soon = call i1 @changes(ptr @generation, i32 %seen, i64 {dense})
  br i1 %soon, label %arrive, label %lie_down
lie_down:
  atomicrmw add ptr @sleepers, i32 1 seq_cst
  call void @sleep(ptr @generation, i32 %seen)
  atomicrmw sub ptr @sleepers, i32 1 seq_cst
  br label %arrive
end:
  ret ptr null
}}

define internal void @hire(i32 %wanted) {{
entry:
  %all = alloca [128 x i8], align 16
  %old = alloca [128 x i8], align 16
  %have = load i32, ptr @workers
  %refused = load i32, ptr @refused
  %limited = icmp ne i32 %refused, 0
  %enough = icmp sge i32 %have, %wanted
  %none = or i1 %enough, %limited
  br i1 %none, label %end, label %begin
begin: ; signals are for the threads of the program, but for those by which a fault in a thread is told to itself
  call i32 @sigfillset(ptr %all)
  call i32 @sigdelset(ptr %all, i32 4) ; SIGILL, SIGBUS, SIGFPE, SIGSEGV
  call i32 @sigdelset(ptr %all, i32 7)
  call i32 @sigdelset(ptr %all, i32 8)
  call i32 @sigdelset(ptr %all, i32 11)
  call i32 @pthread_sigmask(i32 2, ptr %all, ptr %old)
  br label %make
make:
  %number = phi i32 [ %have, %begin ], [ %next, %made ]
  %next = add i32 %number, 1
  %wide = zext i32 %next to i64
  %given = inttoptr i64 %wide to ptr
  %place = getelementptr [{most} x i64], ptr @handles, i64 0, i32 %number
  %failed = call i32 @pthread_create(ptr %place, ptr null, ptr @worker, ptr %given)
  %is_failed = icmp ne i32 %failed, 0
  br i1 %is_failed, label %give_up, label %made
give_up: ; for good: the system allows no more threads
  store i32 1, ptr @refused
  br label %restore
made:
  store i32 %next, ptr @workers
  %more = icmp slt i32 %next, %wanted
  br i1 %more, label %make, label %restore
restore:
  call i32 @pthread_sigmask(i32 2, ptr %old, ptr null)
  br label %end
end:
  ret void
}}

define internal ptr @place_of_cost(ptr %body) {{
  %number = ptrtoint ptr %body to i64
  %high = lshr i64 %number, 4
  %index = and i64 %high, 255
  %place = getelementptr [256 x %Cost], ptr @costs, i64 0, i64 %index
  ret ptr %place
}}

define internal i64 @cost_of(ptr %body) {{ ; of a task; a second where it is unknown
  %place = call ptr @place_of_cost(ptr %body)
  %kept = load ptr, ptr %place
  %known = icmp eq ptr %kept, %body
  %cost_place = getelementptr %Cost, ptr %place, i32 0, i32 1
  %cost = load i64, ptr %cost_place
  %result = select i1 %known, i64 %cost, i64 1000000000
  ret i64 %result
}}

define internal void @note_cost(ptr %body, i64 %time, i64 %done) {{
  %some = call i64 @llvm.smax.i64(i64 %done, i64 1)
  %cost = sdiv i64 %time, %some
  %place = call ptr @place_of_cost(ptr %body)
  %cost_place = getelementptr %Cost, ptr %place, i32 0, i32 1
  store i64 %cost, ptr %cost_place
  store ptr %body, ptr %place
  ret void
}}

define void @numbafunc_parallel_for(ptr %body, ptr %arguments, ptr %lengths, ptr %steps, ptr %data,
                                    i64 %dimensions, i64 %width, i64 %threads) {{
entry:
  %tasks = load i64, ptr %lengths
  %fewest = call i64 @llvm.smin.i64(i64 %tasks, i64 %threads)
  %several = icmp sgt i64 %fewest, 1
  br i1 %several, label %weigh, label %simple
simple:
  call void %body(ptr %arguments, ptr %lengths, ptr %steps, ptr %data)
  ret void
weigh:
  %cost = call i64 @cost_of(ptr %body)
  %work = mul i64 %cost, %tasks
  %small = icmp slt i64 %work, {worth}
  br i1 %small, label %alone, label %hesitate
hesitate: ; whether to wake workers, and whether there is one that is awake
  %start = call i64 @now()
  %long = icmp sgt i64 %work, {worth_waking}
  %last_end = load i64, ptr @last_end
  %pause = sub i64 %start, %last_end
  %dense = icmp slt i64 %pause, {dense}
  %last_wake = load i64, ptr @last_wake
  %since = sub i64 %start, %last_wake
  %rare = icmp sgt i64 %since, {wakes}
  %likely = and i1 %dense, %rare
  %worthwhile = or i1 %long, %likely
  %workers = load i32, ptr @workers
  %resting = load atomic i32, ptr @sleepers monotonic, align 4
  %awake = icmp slt i32 %resting, %workers
  %nobody = icmp eq i32 %workers, 0
  %useful = or i1 %awake, %worthwhile
  %ask = or i1 %nobody, %useful
  br i1 %ask, label %single_tasks, label %nobody_awake
nobody_awake:
  %expected_end = add i64 %start, %work
  store i64 %expected_end, ptr @last_end
  br label %alone
alone:
  %turn = load i8, ptr @small_launches
  %next_turn = add i8 %turn, 1
  store i8 %next_turn, ptr @small_launches
  %low = and i8 %turn, 7
  %again = icmp eq i8 %low, 0 ; a look at the clock takes as long as some of these loops
  br i1 %again, label %timed, label %simple
timed:
  %before = call i64 @now()
  call void %body(ptr %arguments, ptr %lengths, ptr %steps, ptr %data)
  %behind = call i64 @now()
  %alone_time = sub i64 %behind, %before
  call void @note_cost(ptr %body, i64 %alone_time, i64 %tasks)
  ret void
single_tasks:
  %all_dimensions = add i64 %dimensions, 1
  %bytes = mul i64 %all_dimensions, 8
  %single = alloca i64, i64 %all_dimensions
  call void @llvm.memcpy.p0.p0.i64(ptr %single, ptr %lengths, i64 %bytes, i1 false)
  store i64 1, ptr %single
  %own = alloca ptr, i64 %width
  br label %take
take:
  %first = phi i64 [ 0, %single_tasks ], [ %after, %meanwhile ]
  %pair = cmpxchg ptr @owner, i32 0, i32 1 acq_rel monotonic
  %taken = extractvalue {{ i32, i1 }} %pair, 1
  br i1 %taken, label %prepare, label %meanwhile
meanwhile:
  call void @run(ptr %own, i64 %first, ptr %body, ptr %arguments, ptr %single, ptr %steps, ptr %data, i64 %width)
  %after = add i64 %first, 1
  %remain = icmp slt i64 %after, %tasks
  br i1 %remain, label %take, label %done_alone
done_alone:
  ret void
prepare:
  %number = sub i64 %tasks, %first
  %fewer = call i64 @llvm.smin.i64(i64 %number, i64 %threads)
  %shares = call i64 @llvm.smin.i64(i64 %fewer, i64 {most})
  %helpers_wide = sub i64 %shares, 1
  %helpers = trunc i64 %helpers_wide to i32
  call void @hire(i32 %helpers)
  store ptr %body, ptr @body
  store ptr %arguments, ptr @arguments
  store ptr %single, ptr @lengths
  store ptr %steps, ptr @steps
  store ptr %data, ptr @data
  store i64 %width, ptr @width
  store i64 %shares, ptr @shares
  {read_floating}
  br label %divide
divide:
  %index = phi i64 [ 0, %prepare ], [ %next, %divide ]
  %begin = phi i64 [ %first, %prepare ], [ %end, %divide ]
  %range = getelementptr [{most} x %Range], ptr @ranges, i64 0, i64 %index
  %end_place = getelementptr %Range, ptr %range, i32 0, i32 1
  %next = add i64 %index, 1
  %product = mul i64 %next, %number
  %part = udiv i64 %product, %shares
  %end = add i64 %first, %part
  store i64 %begin, ptr %range
  store i64 %end, ptr %end_place
  %more = icmp ult i64 %next, %shares
  br i1 %more, label %divide, label %open
open:
  store atomic i32 0, ptr @left monotonic, align 4
  store atomic i32 %helpers, ptr @gate release, align 4
  atomicrmw add ptr @generation, i32 1 seq_cst
  %asleep = load atomic i32, ptr @sleepers seq_cst, align 4
  %any = icmp ne i32 %asleep, 0
  %wanted = and i1 %any, %worthwhile
  br i1 %wanted, label %rouse, label %join
rouse:
  store i64 %start, ptr @last_wake
  call void @wake(ptr @generation, i32 %helpers)
  br label %join
join:
  %done = call i64 @take_part(i64 0)
  %free = atomicrmw xchg ptr @gate, i32 0 acq_rel
  %finish = call i64 @now()
  %time = sub i64 %finish, %start
  call void @note_cost(ptr %body, i64 %time, i64 %done)
  %came = sub i32 %helpers, %free
  br label %check
check:
  %gone = load atomic i32, ptr @left acquire, align 4
  %complete = icmp eq i32 %gone, %came
  br i1 %complete, label %close, label %wait
wait:
  %soon = call i1 @changes(ptr @left, i32 %gone, i64 {dense})
  br i1 %soon, label %check, label %doze
doze:
  store atomic i32 1, ptr @awaited seq_cst, align 4
  call void @sleep(ptr @left, i32 %gone)
  store atomic i32 0, ptr @awaited seq_cst, align 4
  br label %check
close:
  store i64 %finish, ptr @last_end
  store atomic i32 0, ptr @owner release, align 4
  ret void
}}

define i64 @numbafunc_get_num_threads() {{
entry:
  %counter = load ptr, ptr @counter
  %none = icmp eq ptr %counter, null
  br i1 %none, label %fixed, label %ask
ask:
  %asked = call i32 %counter()
  %wide = sext i32 %asked to i64
  ret i64 %wide
fixed:
  %count = load i64, ptr @count
  ret i64 %count
}}

define void @numbafunc_set_num_threads(i64 %count, ptr %counter) {{ ; a number, or who knows it for each thread
  store i64 %count, ptr @count
  store ptr %counter, ptr @counter
  ret void
}}

define void @numbafunc_forget_workers() {{ ; in a forked child
  store i32 0, ptr @workers
  store i32 0, ptr @refused
  store i32 0, ptr @gate
  store i32 0, ptr @sleepers
  store i32 0, ptr @awaited
  store i32 0, ptr @owner
  ret void
}}

define void @numbafunc_stop_workers() {{ ; for good: launches go on without
entry:
  br label %take
take:
  %pair = cmpxchg ptr @owner, i32 0, i32 1 acq_rel monotonic
  %taken = extractvalue {{ i32, i1 }} %pair, 1
  br i1 %taken, label %tell, label %wait
wait:
  call i32 @sched_yield()
  br label %take
tell:
  store atomic i32 1, ptr @stopping release, align 4
  atomicrmw add ptr @generation, i32 1 seq_cst
  call void @wake(ptr @generation, i32 {most})
  %workers = load i32, ptr @workers
  br label %check
check:
  %number = phi i32 [ 0, %tell ], [ %next, %join ]
  %more = icmp slt i32 %number, %workers
  br i1 %more, label %join, label %end
join:
  %place = getelementptr [{most} x i64], ptr @handles, i64 0, i32 %number
  %handle = load i64, ptr %place
  call i32 @pthread_join(i64 %handle, ptr null)
  %next = add i32 %number, 1
  br label %check
end:
  ret void
}}
"""


def code_for(processor: str) -> str:
    """The text for a processor, one of :data:`PROCESSORS`."""
    return _TEXT.format(
        most=MOST,
        worth=WORTH,
        worth_waking=WORTH_WAKING,
        dense=DENSE,
        wakes=WAKES,
        patience=PATIENCE,
        taken=TAKEN,
        **PROCESSORS[processor],
    )
