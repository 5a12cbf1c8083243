"""The threads of this package: they share the work, follow Numba's number, and hold up neither forks nor exits."""

import platform

import llvmlite.binding as llvm
import pytest

from numbafunc.cpu.thread_pool import RENAMED, exists
from numbafunc.cpu.thread_pool_code import PROCESSORS, code_for

pytestmark = pytest.mark.skipif(not exists(), reason="there are no threads of our own on this system")

PREPARE = """
import os
import signal
import sys
import threading
import time
from pathlib import Path
import numpy as np
import numbafunc
from numbafunc.cpu import threads

x = np.linspace(-4, 4, 400_000)
expected = 1 / (1 + np.exp(-x))

def use():
    np.testing.assert_allclose(numbafunc.sigmoid(x), expected, rtol=1e-13)

def tasks():
    return {int(path.name) for path in Path("/proc/self/task").iterdir()}

def workers(before):
    deadline = time.monotonic() + 100
    while True:
        use()
        found = tasks() - before
        times = [Path(f"/proc/self/task/{one}/stat").read_text().rpartition(")")[2].split()[11] for one in found]
        if found and all(int(time) > 0 for time in times):  # each has computed for a while
            return found
        assert time.monotonic() < deadline, times
"""

SHARED = """
use()  # compiled by a process before, so that Numba has no threads here
before = {os.getpid()}
others = tasks() - before
found = workers(before)
print("numba" in sys.modules, threads.start()[0], threads.count(), len(found))
for one in found:
    (line,) = [line for line in Path(f"/proc/self/task/{one}/status").read_text().splitlines() if "SigBlk" in line]
    blocked = int(line.split()[1], 16)
    assert all(blocked >> number - 1 & 1 for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)), line
"""


def test_workers_share_the_work_and_take_no_signals(programs):
    setting = {"NUMBA_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "1"}
    programs.run(PREPARE + "use()", **setting)
    assert programs.run(PREPARE + SHARED, **setting) == "False numbafunc 3 2"


NUMBER = """
use()
counts = [threads.count()]
import numba

@numba.njit
def change(number):
    numba.set_num_threads(number)

def ask():
    counts.append(threads.count())

counts.append(threads.count())
numba.set_num_threads(2)
ask()
change(1)
ask()
use()
thread = threading.Thread(target=ask)
thread.start()
thread.join()
print(*counts, numba.get_num_threads())
"""


@pytest.mark.parametrize("first", ["", "import numba\n", "import numba\nnumba.set_num_threads(3)\n"])
def test_the_number_of_threads_is_numbas(programs, first):
    # The number that a program sets counts for the thread that sets it.
    assert programs.run(first + PREPARE + NUMBER, NUMBA_NUM_THREADS="3") == "3 3 2 1 3 1"


FORKED = """
use()
stop = threading.Event()

def work():
    while not stop.is_set():
        use()

others = [threading.Thread(target=work) for _ in range(3)]
for other in others:
    other.start()
statuses = []
for _ in range(20):
    child = os.fork()
    if child == 0:
        before = tasks()
        use()
        use()
        os._exit(0 if tasks() - before else 3)
    statuses.append(os.waitpid(child, 0)[1])
stop.set()
for other in others:
    other.join()
print(set(statuses))
"""


def test_children_that_are_forked_amid_launches_have_threads(programs):
    # Numba's threads must not be there: those of TBB survive no fork in the midst of their work.
    programs.run(PREPARE + "use()", NUMBA_NUM_THREADS="3")
    assert programs.run(PREPARE + FORKED, NUMBA_NUM_THREADS="3") == "{0}"


EXIT = """
use()
import atexit
atexit.register(use)  # before the threads are stopped, and after
threads.start.cache_clear()

def work():
    while True:
        use()

for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
print("done", flush=True)
"""


def test_a_program_ends_while_threads_compute(programs):
    assert programs.run("import atexit, os\natexit.register(lambda: use())\n" + PREPARE + EXIT) == "done"


UNTOLD = """
import ctypes
workers({os.getpid()})
child = ctypes.CDLL(None).fork()
if child == 0:
    use()
    sys.exit()
print(os.waitpid(child, 0)[1])
"""


def test_a_child_ends_that_python_did_not_fork(programs):
    # As daemon(3) of the C library does: no function of Python's is called in the child.
    setting = {"NUMBA_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "1"}
    programs.run(PREPARE + "use()", **setting)
    assert programs.run(PREPARE + UNTOLD, **setting) == "0"


FLUSHED = """
import llvmlite.binding as llvm
import ctypes

text = '''
declare void @llvm.x86.sse.ldmxcsr(ptr)
define void @set_state(i32 %state) {
  %place = alloca i32
  store i32 %state, ptr %place
  call void @llvm.x86.sse.ldmxcsr(ptr %place)
  ret void
}
'''
small = np.full(400_000, 1e-310)
workers({os.getpid()})
machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine)
engine.finalize_object()
ctypes.CFUNCTYPE(None, ctypes.c_uint32)(engine.get_function_address("set_state"))(0x1F80 | 0x8040)
for _ in range(300):
    result = numbafunc.swish(small)
    assert not result.view(np.int64).any()
print("zero")
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the state is that of another processor")
def test_workers_compute_in_the_state_of_the_caller(programs):
    # A library that flushes small numbers to zero does so for the thread that loads it.
    setting = {"NUMBA_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1"}
    programs.run(PREPARE + "use()", **setting)
    assert programs.run(PREPARE + FLUSHED, **setting) == "zero"


@pytest.mark.parametrize("processor", PROCESSORS)
def test_the_code_is_valid_for_each_processor(processor):
    module = llvm.parse_assembly(code_for(processor))
    module.verify()
    names = {function.name for function in module.functions if not function.is_declaration}
    assert {*RENAMED.values()} < names


RAISED = """
import ctypes
import os
import numba
import numpy as np
import numbafunc
from numbafunc import loss
from numbafunc.cpu import thread_pool

numba.set_num_threads(1)
random = np.random.default_rng(0)
x = random.normal(size=(400, 500))
images = x.reshape(5, 1, 200, 200)
own = numbafunc.elementwise(lambda x: x * x + 1)
CASES = {
    "light": (numbafunc.relu, x),
    "elementwise": (numbafunc.sigmoid, x),
    "user's": (own, x),
    "two operands": (lambda x: loss.mean_squared_error(x, x[::-1]), x),
    "rows": (lambda x: numbafunc.softmax(x, 1), x),
    "columns": (lambda x: numbafunc.softmax(x, 0), x),
    "row": (numbafunc.logsumexp, x.ravel()),
    "movement": (lambda x: numbafunc.space_to_channel2d(x, 2), images),
    "padding": (lambda x: numbafunc.pad(x, 2, mode="reflect"), images),
    "pool": (lambda x: numbafunc.max_pool_2d(x, 2), images),
    "mean pool": (lambda x: numbafunc.average_pool_2d(x, 3), images),
    "resize": (lambda x: numbafunc.interpolate(x, (300, 100)), images),
    "largest": (lambda x: numbafunc.top_k(x, 5)[0], x),
}

def pulled(f, x):
    value, pull = numbafunc.vjp(f, x)
    return pull(np.ones_like(value))[0]

calls = {name: lambda f=f, x=x: f(x) for name, (f, x) in CASES.items()}
for name in ("elementwise", "rows", "pool", "resize"):
    f, x = CASES[name]
    calls[name + ", jvp"] = lambda f=f, x=x: numbafunc.jvp(f, (x,), (np.ones_like(x),))[1]
    calls[name + ", vjp"] = lambda f=f, x=x: pulled(f, x)
results = {name: [np.asarray(call()) for _ in range(3)][-1] for name, call in calls.items()}

# Now there are two. A kernel that can be shared out asks for their number when it is called.
asked = []
counter = ctypes.CFUNCTYPE(ctypes.c_int32)(lambda: asked.append(1) or 2)
thread_pool.set_count(2, ctypes.cast(counter, ctypes.c_void_p).value)
for name, call in calls.items():
    asked.clear()
    np.testing.assert_array_equal(np.asarray(call()), results[name])
    if not asked:
        print(name)
print("done", flush=True)
os._exit(0)  # the program's functions can't be asked when it ends
"""


def test_kernels_of_first_calls_by_one_thread_are_shared_out_later(programs):
    assert programs.run(RAISED, NUMBA_NUM_THREADS="2") == "done"
