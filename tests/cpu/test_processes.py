"""Processes that were forked or spawned after parallel use compute on, under every threading layer."""

import os

import pytest

PREPARE = """
import multiprocessing
import os
import sys
import numpy as np
import numbafunc

x = np.linspace(-4, 4, 100_000)
rows = x.reshape(100, 1000)
EXPECTED = 1 / (1 + np.exp(-x)), np.log(np.exp(rows).sum(1)), x / (1 + np.exp(-x))

def use():
    # Single arrays and single axes take a way of their own; so do further arguments, and derivatives.
    np.testing.assert_allclose(numbafunc.sigmoid(x), EXPECTED[0], rtol=1e-13)
    np.testing.assert_allclose(numbafunc.logsumexp(rows, 1), EXPECTED[1], rtol=1e-13)
    np.testing.assert_allclose(numbafunc.logsumexp(rows, 1, 1.0), EXPECTED[1], rtol=1e-13)
    np.testing.assert_allclose(numbafunc.leaky_relu(x, 0.5), np.where(x < 0, x / 2, x), rtol=1e-13)
    np.testing.assert_allclose(numbafunc.jvp(numbafunc.softplus, (x,), (x,))[1], EXPECTED[2], rtol=1e-12, atol=1e-14)
    return 0
"""

FORK = (
    PREPARE
    + """
for _ in range(3):
    use()
statuses = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for _ in range(3):
                status = use()
        finally:
            os._exit(status)
    statuses.append(os.waitpid(child, 0)[1])
    use()
print(statuses)
"""
)

SETTINGS = [{}, {"NUMBA_THREADING_LAYER": "omp"}, {"NUMBA_THREADING_LAYER": "workqueue"}, {"NUMBA_NUM_THREADS": "1"}]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def name_of(setting):
    return "-".join(setting.values()) or "default"


@needs_fork
@pytest.mark.parametrize("setting", SETTINGS, ids=name_of)
def test_fork_after_parallel_use(programs, setting):
    assert programs.run(FORK, **{"NUMBA_NUM_THREADS": "2", **setting}) == "[0, 0, 0]"


@needs_fork
@pytest.mark.parametrize("setting", SETTINGS[:2], ids=name_of)
def test_fork_before_any_use(programs, setting):
    assert (
        programs.run(FORK.replace("for _ in range(3):\n    use()\n", "", 1), **{"NUMBA_NUM_THREADS": "2", **setting})
        == "[0, 0, 0]"
    )


@needs_fork
def test_grandchildren(programs):
    program = (
        PREPARE
        + """
use()
child = os.fork()
if child == 0:
    use()
    grandchild = os.fork()
    if grandchild == 0:
        os._exit(use())
    os._exit(use() or int(os.waitpid(grandchild, 0)[1] != 0))
print(os.waitpid(child, 0)[1])
"""
    )
    for setting in SETTINGS[:2]:
        assert programs.run(program, **{"NUMBA_NUM_THREADS": "2", **setting}) == "0"


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing(programs, method):
    import multiprocessing

    if method not in multiprocessing.get_all_start_methods():
        return
    program = (
        PREPARE
        + """
def work(number):
    return use() + number

if __name__ == "__main__":
    use()
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(pool.map(work, range(4)))
"""
    )
    assert programs.run(program, method, NUMBA_NUM_THREADS="2") == "[0, 1, 2, 3]"


def test_thread_pool_and_process_pool_together(programs):
    program = (
        PREPARE
        + """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

def work(number):
    return use() + number

if __name__ == "__main__":
    with ThreadPoolExecutor(4) as threads, ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        here = [threads.submit(work, number) for number in range(4)]
        there = [processes.submit(work, number) for number in range(4)]
        print([future.result() for future in here + there])
"""
    )
    assert programs.run(program, NUMBA_NUM_THREADS="2") == "[0, 1, 2, 3, 0, 1, 2, 3]"


AMID = """
import logging
import os
import signal
import threading
import time
import numba
import numbafunc
from numba.extending import overload
from numbafunc.cpu.kernel_loader import alone
from numbafunc.interrupts import held_back

started, arguments = threading.Event(), iter((1.0, 1))

def slow(x):
    pass

@overload(slow)
def compile_slow(x):
    started.set()
    time.sleep(0.5)
    logging.getLogger("a name that is new").info("a thread that forks must not hold the lock of logging")
    return lambda x: x

def compiling():
    with held_back():
        numba.njit(lambda x: slow(x))(next(arguments))  # of a new type each time

def loading():
    with held_back(), alone():
        started.set()
        time.sleep(0.5)

def holding():
    with held_back():  # which is no reason for a fork to wait
        started.set()
        time.sleep(0.5)

def fork():
    started.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(100)  # ends a child that waits for ever
        assert numba.njit(lambda x: x + 1)(1.0) == 2.0
        with alone():
            pass
        os.kill(os.getpid(), signal.SIGUSR1)
        os._exit(0 if handled else 3)
    statuses.append(os.waitpid(child, 0)[1])

handled, statuses = [], []
signal.signal(signal.SIGUSR1, lambda *_: handled.append(1))
for work in (compiling, loading, holding):
    for first, second in ((work, fork), (fork, work)):  # the thread that forks is the main one, or the other
        started.clear()
        other = threading.Thread(target=first, daemon=True)
        other.start()
        second()
        other.join(200)
print(statuses)
"""


IMPORT = """
import importlib.abc, os, signal, sys, threading, time
import numpy as np
import numbafunc

begun = threading.Event()

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            begun.set()
            time.sleep(1)

sys.meta_path.insert(0, Slow())
thread = threading.Thread(target=lambda: numbafunc.softmax(np.ones(3)))
thread.start()
begun.wait()
child = os.fork()
if child == 0:
    signal.alarm(100)
    numbafunc.softmax(np.ones(3))
    os._exit(0)
print(os.waitpid(child, 0)[1])
thread.join()
"""


MEMORY = """
import os, signal, sys, threading, time
from numbafunc import result_memory

made, limit = threading.Event(), result_memory.limit

def slow():
    made.set()
    time.sleep(1)
    return limit()

result_memory.limit = slow
thread = threading.Thread(target=result_memory._handler_set, args=(None,))
thread.start()
made.wait()
assert "numba" not in sys.modules
child = os.fork()
if child == 0:
    signal.alarm(20)
    result_memory._handler_set(None)
    os._exit(0)
print(os.waitpid(child, 0)[1])
thread.join()
"""


@needs_fork
def test_fork_while_another_thread_makes_the_memory_of_results(programs):
    assert programs.run(MEMORY) == "0"


@needs_fork
@pytest.mark.parametrize("module", ["numbafunc.ops.softmax", "numbafunc.kinds.reduction"])
def test_fork_while_another_thread_uses_a_function_for_the_first_time(programs, module):
    # Its module is looked for, or executed as far as a module that it imports.
    assert programs.run(IMPORT, module) == "0"


@needs_fork
def test_fork_while_another_thread_compiles_or_loads(programs):
    assert programs.run(AMID) == "[0, 0, 0, 0, 0, 0]"
