"""Ctrl-C ends compiled loops, other signals are handled while they run, and compilation is not left half done."""

import signal
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has it")

LOOPS = """
import signal
import numba
import numpy as np
import numbafunc

@numba.njit
def step(carry, x):
    return carry * 0.5 + 1.0, None

@numba.njit
def goes_on(carry):
    return carry < limit

@numba.njit
def body(carry):
    return carry * 0.5 + 1.0

@numba.njit
def inside(x, steps):
    return numbafunc.scan(step, x, None, steps)[0]

limit = 1e9
ENDLESS = 10**15
loop = lambda steps, x: numbafunc.scan(step, x, None, steps)[0]
LOOPS = {
    "scan": loop,
    "inside a compiled function": lambda steps, x: inside(x, steps),
    "derivative of scan": lambda steps, x: numbafunc.jvp(lambda x: loop(steps, x), (x,), (1.0,))[0],
    "while_loop": lambda steps, x: numbafunc.while_loop(goes_on, body, x if steps == ENDLESS else 1e9),
    "derivative of while_loop": lambda steps, x: numbafunc.jvp(
        lambda x: numbafunc.while_loop(goes_on, body, x), (x if steps == ENDLESS else 1e9,), (1.0,)
    )[0],
}
seen = []
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores it
signal.signal(signal.SIGUSR1, lambda *_: (seen.append(1), print("handled", flush=True)))
for name, run in LOOPS.items():
    expected = run(4, 0.0)  # compiled now
    try:
        print(name, flush=True)
        run(ENDLESS, 0.0)
    except KeyboardInterrupt:
        assert run(4, 0.0) == expected
        print("ended", flush=True)
print("done", len(seen))
"""


def test_loops_answer_signals(programs):
    process = programs.start(LOOPS)
    for _ in range(5):
        process.stdout.readline()
        time.sleep(0.3)  # the loop has begun, as a rule
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.readline() == "handled\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "ended\n"
    assert process.stdout.readline() == "done 5\n"
    assert programs.finish(process) == ""


FAILING = """
import ctypes
import signal
import numba
import numbafunc

length = ctypes.CDLL(None).strlen
length.argtypes, length.restype = [ctypes.c_size_t], ctypes.c_size_t
text = ctypes.create_string_buffer(2)
address = ctypes.addressof(text)

@numba.njit
def body(carry):
    if length(address) > 0:
        raise ValueError("the step after the one that was interrupted")
    return carry + 1.0

@numba.njit
def step(carry, x):
    return body(carry), None

@numba.njit
def goes_on(carry):
    return carry < 1e15

def interrupt(*_):
    text[0] = b"x"
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
for run in (
    lambda steps: numbafunc.scan(step, 0.0, None, steps)[0],
    lambda steps: numbafunc.while_loop(goes_on, body, 1e15 - steps),
):
    run(4)  # compiled now
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        run(10**15)
    except KeyboardInterrupt:
        print("ended")
    text[0] = b"\\0"
    run(4)
"""


def test_an_interrupt_is_not_kept_for_the_next_loop_if_its_own_fails(programs):
    assert programs.run(FAILING) == "ended\nended"


COMPILED = """
import os
import random
import signal
import sys
import tempfile
import time
import numba
import numpy as np
import numbafunc
from numbafunc import loss

@numba.njit
def step(carry, x):
    return carry * 0.5 + x, carry

x = np.ones((4, 5))
OPS = [
    lambda: numbafunc.softmax(x),
    lambda: numbafunc.grad(lambda x: np.sum(loss.mean_squared_error(x, 1.0, (0,))))(x),
    lambda: numbafunc.top_k(x, 2),
    lambda: numbafunc.scan(step, 0.0, x[0]),
    lambda: numbafunc.jvp(lambda carry: numbafunc.scan(step, carry, x[0]), (0.0,), (1.0,)),
    lambda: numbafunc.elementwise(lambda x: x * x + 1)(x),
]
signal.signal(signal.SIGINT, signal.default_int_handler)
draw, ends = random.Random(0), []
for number in range(30):
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        os.environ["NUMBAFUNC_CACHE_DIR"] = tempfile.mkdtemp(dir=os.path.dirname(__file__))
        try:
            try:
                os.write(writes, b"!")
                OPS[number % len(OPS)]()
                time.sleep(10)
            except KeyboardInterrupt:
                OPS[number % len(OPS)]()  # again
                status = 0
        finally:
            os._exit(status)
    os.read(reads, 1)
    time.sleep(draw.uniform(0, 1.5))
    os.kill(child, signal.SIGINT)
    ends.append(os.waitpid(child, 0)[1])
print(ends.count(0))
"""


@pytest.mark.thorough
def test_what_was_interrupted_compiles_again(programs):
    assert programs.run(COMPILED) == "30"
