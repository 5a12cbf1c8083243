"""A signal handler raises while a rank waits in a call: the call is finished first, so the ranks stay in step."""

import os
import signal
import sys
import threading
import time

import numba
import numpy as np

import numbafunc
from numbafunc import parallel
from numbafunc.parallel import psum, reduce
from numbafunc.parallel.watchdog import watchdog

rank, ranks = parallel.axis_index(), parallel.axis_size()
factor = rank + 1.0
total = ranks * (ranks + 1) / 2
X = np.array([1.0, -2.0, 3.0])


class TimeLimitError(Exception):
    pass


def large():
    return psum(np.full(1000, factor))


def inline():
    return psum(np.full(3, factor))


def into_out():
    return psum(np.full(20_000, factor), out=np.empty(20_000))


def nest():
    return psum([np.full(9000, factor), {"a": np.full(9, factor)}])[1]["a"]


def small_nest():
    return psum([factor, {"a": np.full(9, factor)}])[1]["a"]


def in_order():
    return psum([np.full(300_000, factor), factor], reproducible=True)[1]


def tangents():
    return numbafunc.jvp(lambda v: psum(v * factor), (np.ones(1000),), (np.ones(1000),))[1]


def extremum():
    return numbafunc.jvp(lambda v: parallel.pmax(v * factor), (np.ones(1000),), (np.full(1000, total / ranks),))[1]


def recorded():
    return numbafunc.vjp(lambda v: parallel.pmax(v * factor), np.full(500, total / ranks))[0]


def of_groups():
    return psum(np.full(500, factor), axis_index_groups=[list(range(ranks))[:: 1 if number else -1]])


def grid():
    parallel.grid(row=ranks, column=1)
    return total


def of_several_names():
    return psum(np.full(500, factor), ("row", "column"))


def sent():
    return parallel.broadcast(np.full(500, total * factor), root=0)


def ghosts():
    return parallel.halo(np.full((50, 3), total), width=2, periodic=True)


def ghosts_of_nothing():
    """All get the error of the rank whose block is too small, but for the one that is interrupted."""
    try:
        parallel.halo(np.ones((rank, 3)), periodic=True)
    except ValueError as error:
        assert "rank 0: too small: x has length 0" in str(error)
        raise parallel.CollectiveMismatchError from error
    raise AssertionError("no error")


def started():
    handle = parallel.psum_start(np.full(10_000, factor))
    return handle.wait()


@numba.njit
def compiled_sum(x):
    return psum(x)


def compiled():
    return compiled_sum(np.full(700, factor))


def on_device():
    from numba import cuda

    tree = [cuda.to_device(np.full(size, factor)) for size in (9000, 9, 9001)]
    return psum(tree)[2].copy_to_host()


CASES = [
    large,
    inline,
    into_out,
    nest,
    small_nest,
    in_order,
    tangents,
    extremum,
    recorded,
    of_groups,
    grid,
    of_several_names,
    sent,
    ghosts,
    started,
]
CASES += [compiled]
if "device" in sys.argv:
    CASES = [on_device]


def raise_limit(number, frame):
    raise TimeLimitError("over")


def call_again(number, frame):
    seen.append(psum(np.full(3, factor), name="in the handler"))


def disagree():
    """Both get what is due to them where a rank is interrupted while the ranks tell each other their calls."""
    try:
        psum(np.ones(500), name=f"of rank {rank}")
    except parallel.CollectiveMismatchError as error:
        assert f"named 'of rank {ranks - 1}'" in str(error)
        raise
    raise AssertionError("no mismatch")


def interrupt_when_waiting(who):
    """Let a rank come first to the next call and get a signal once it waits there."""
    if rank != who:
        time.sleep(0.2)
        return

    def watch():
        while not any(axis.entered() % 2 for axis in watchdog().axes):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGALRM)

    threading.Thread(target=watch, daemon=True).start()


def check(case, who):
    others = (parallel.CollectiveMismatchError,) if case in (disagree, ghosts_of_nothing) else ()
    interrupted = False
    try:
        interrupt_when_waiting(who)
        result = case()
        np.testing.assert_array_equal(result, np.full(np.shape(result), total))
    except TimeLimitError:
        interrupted = True
    except RuntimeError as error:
        if not isinstance(error.__cause__, TimeLimitError):
            assert isinstance(error, others), error
        interrupted = isinstance(error.__cause__, TimeLimitError)
    assert interrupted == (rank == who), (case.__name__, interrupted)
    if case is grid:
        assert psum(np.full(3, factor), "row").tolist() == [total] * 3
    for size in (2, 300):
        assert psum(np.full(size, factor)).tolist() == [total] * size, case.__name__


number = 0
for case in CASES:  # compiled or loaded here, so that the signals below come while a rank waits
    case()
signal.signal(signal.SIGALRM, raise_limit)
for who in {0, ranks - 1}:
    for plans in (reduce._prepared, reduce._prepared_nests, parallel.axes.find("device", None, None).plans):
        plans.clear()
    for number, case in enumerate([*CASES, disagree, ghosts_of_nothing]):
        number += 1 + 100 * who
        for _ in range(2):  # the first one makes its plan
            check(case, who)
        print(case.__name__, flush=True)

# A collective call in a handler, on all ranks, in the same place of the order of calls.
seen: list = []
signal.signal(signal.SIGALRM, call_again)
for size in (3, 1000):
    interrupt_when_waiting(0)
    assert psum(np.full(size, factor)).tolist() == [total] * size
    if rank == 0:
        while len(seen) == 0:
            pass
    else:
        call_again(0, None)
    assert seen.pop().tolist() == [total] * 3
print("done")
