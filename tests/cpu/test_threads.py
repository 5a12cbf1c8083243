"""Many threads at once get right values under every threading layer, and results do not depend on their number."""

import json
import threading

import numpy as np
import pytest

import numbafunc
from numbafunc.cpu import threads
from numbafunc.cpu.kernel_loader import alone

AT_ONCE = """
import sys
import threading
import numpy as np
import numbafunc

x = np.linspace(-4, 4, 200_000)
rows = x.reshape(200, 1000)
shares = np.exp(rows - rows.max(1, keepdims=True))
shares /= shares.sum(1, keepdims=True)
cases = [
    (lambda: numbafunc.sigmoid(x), 1 / (1 + np.exp(-x))),
    (lambda: numbafunc.tanh(x), np.tanh(x)),
    (lambda: numbafunc.softmax(rows), shares),
    (lambda: numbafunc.logsumexp(x), np.log(np.sum(np.exp(x)))),
    (lambda: numbafunc.jvp(numbafunc.softplus, (x,), (x,))[1], x / (1 + np.exp(-x))),
]
failures = []
start = threading.Barrier(8)

def work(number):
    start.wait()
    for turn in range(20):
        call, expected = cases[(number + turn) % len(cases)]
        try:
            np.testing.assert_allclose(call(), expected, rtol=1e-12, atol=1e-14)
        except BaseException as error:
            failures.append(repr(error))

threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(failures), *failures[:1])
"""

LAYERS = [
    {},
    {"NUMBA_THREADING_LAYER": "omp"},
    {"NUMBA_THREADING_LAYER": "workqueue"},
    {"NUMBA_NUM_THREADS": "1"},
]


@pytest.mark.parametrize("setting", LAYERS, ids=lambda setting: "-".join(setting.values()) or "default")
def test_threads_at_once(programs, setting):
    # The first call of each op is among them, so threads compile or load the same kernel at once.
    assert programs.run(AT_ONCE, **{"NUMBA_NUM_THREADS": "2", **setting}) == "0"


IN_BOTH = """
import threading
import time
import numba
import numpy as np
import numbafunc
from numba.extending import overload

x = np.arange(16.0).reshape(1, 4, 2, 2)
started = threading.Event()

def slow(x):
    pass

@overload(slow)
def compile_slow(x):
    started.set()
    time.sleep(0.5)  # as a compilation that takes a while before it meets the op
    return lambda x: x

def inside():
    numba.njit(lambda x: numbafunc.channel_to_space2d(slow(x), 2))(x)

def outside():
    started.wait()
    numbafunc.channel_to_space2d(x, 2)

threads = [threading.Thread(target=function, daemon=True) for function in (inside, outside)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(60)
print([thread.is_alive() for thread in threads])
"""


def test_an_op_is_compiled_while_a_compiled_function_meets_it(programs, tmp_path):
    assert programs.run(IN_BOTH, NUMBAFUNC_CACHE_DIR=tmp_path / "cache") == "[False, False]"


NUMBERS = """
import hashlib
import json
import numba
import numpy as np
import numbafunc
from numbafunc import loss

random = np.random.default_rng(0)
shapes = {"rows": (300, 500), "columns": (500, 300), "long": (2, 70_001), "blocks": (40, 50, 60)}
digests = {}
for form, shape in shapes.items():
    axis = 1 if form == "blocks" else 0 if form == "columns" else -1
    x = random.normal(0, 3, shape).astype(np.float32)
    y = random.normal(0, 3, shape).astype(np.float32)
    kept = tuple(one for one in range(x.ndim) if one != axis % x.ndim)
    calls = {
        "softmax": lambda: numbafunc.softmax(x, axis),
        "logsumexp": lambda: numbafunc.logsumexp(x, axis),
        "mean_squared_error": lambda: loss.mean_squared_error(x, y, kept),
        "l2": lambda: loss.l2(x),
    }
    if form in ("rows", "long"):
        calls["cross_entropy_logits"] = lambda: loss.cross_entropy_logits(x, y)
    if form == "rows":
        calls["sigmoid"] = lambda: numbafunc.sigmoid(x)
        calls["derivative"] = lambda: numbafunc.jvp(numbafunc.softmax, (x,), (y,))[1]
    for name, call in calls.items():
        results = []
        for threads in (1, 2, 3, 2):
            numba.set_num_threads(threads)
            for _ in range(3):
                results.append(hashlib.sha256(np.ascontiguousarray(call()).tobytes()).hexdigest())
        digests[f"{form} {name}"] = len(set(results))
print(json.dumps(digests))
"""


def test_results_do_not_depend_on_the_number_of_threads(programs):
    counts = json.loads(programs.run(NUMBERS, NUMBA_NUM_THREADS="3"))
    assert counts
    assert {name: count for name, count in counts.items() if count != 1} == {}


def test_no_thread_waits_for_one_that_compiles():
    expected, results = threads.count(), []
    with alone():
        thread = threading.Thread(target=lambda: results.append(threads.count()), daemon=True)
        thread.start()
        thread.join(60)
        assert results == [expected]


def test_levels_of_threads_do_not_mix():
    wrong = []

    def work(scale):
        for _ in range(30):
            result = numbafunc.grad(lambda x: x * numbafunc.grad(lambda y: scale * y * y)(x))(1.5)
            if not np.allclose(result, 4 * scale * 1.5):
                wrong.append(result)

    threads = [threading.Thread(target=work, args=(float(scale),)) for scale in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
