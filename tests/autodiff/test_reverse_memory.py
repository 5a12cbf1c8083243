"""What reverse mode leaves behind, how much memory it takes on the way, and threads."""

import gc
import json
import platform
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest

import numbafunc
from numbafunc import grad, hvp, jacrev, linearize, value_and_grad, vjp
from numbafunc.dual import levels, recorder

GENERATOR = np.random.default_rng(18)


def network(w, x):
    h = numbafunc.tanh(x @ w["a"] + w["b"])
    h[0] = h[1] * 2.0
    return np.sum(numbafunc.softmax(h)[..., [0, 0, 1]] ** 2)


WEIGHTS = {"a": GENERATOR.normal(size=(3, 4)), "b": np.zeros(4)}
X = GENERATOR.normal(size=(5, 3))


@numbafunc.checkpoint
def steps(x):
    return numbafunc.scan(numbafunc.checkpoint(lambda c, _: (np.sin(c), None)), x, None, 5)[0]


def failing(w, x):
    network(w, x)
    raise RuntimeError


def failing_gradient():
    with pytest.raises(RuntimeError):
        grad(failing, mode="reverse")(WEIGHTS, X)


@pytest.mark.parametrize(
    ("call", "times"),
    [
        (lambda: grad(lambda x: np.sum(x * np.sin(x)), mode="reverse")(X), 10_000),
        (lambda: value_and_grad(network, mode="reverse")(WEIGHTS, X), 300),
        (lambda: vjp(network, WEIGHTS, X), 300),
        (lambda: linearize(np.sin, np.ones(40)), 1000),
        (lambda: jacrev(lambda x: np.outer(x, x))(X[0]), 1000),
        (lambda: hvp(lambda x: np.sum(x**3), (X,), (X,), mode="reverse"), 1000),
        (lambda: grad(lambda x: steps(steps(x)).sum(), mode="reverse")(X[0]), 100),
        (failing_gradient, 300),
    ],
    ids=["gradient", "network", "vjp", "linearize", "jacrev", "hvp", "checkpoint", "failure"],
)
def test_nothing_is_left_behind(call, times):
    live = set(levels.LIVE)
    for _ in range(20):
        call()
    gc.collect()
    objects = len(gc.get_objects())
    tracemalloc.start()
    try:
        # Python's stock of small tuples comes to be traced little by little.
        for _ in range(100):
            call()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(times):
            call()
        # What refers to itself is for the garbage collector.
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 20_000
    assert len(gc.get_objects()) - objects < 100
    assert live == levels.LIVE
    assert not recorder.SHARED


def test_gradients_need_no_garbage_collector():
    # No step refers to one after it, so a tape is freed when the last reference to its end is gone.
    f = lambda x: np.sum(np.sin(x) * x)  # noqa: E731
    x = np.ones(100_000)
    call = grad(f, mode="reverse")
    call(x)
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        for _ in range(20):
            call(x)
        assert tracemalloc.get_traced_memory()[0] < x.nbytes
        _, pull = vjp(f, x)
        assert tracemalloc.get_traced_memory()[0] > x.nbytes
        del pull, _
        assert tracemalloc.get_traced_memory()[0] < x.nbytes
    finally:
        tracemalloc.stop()
        gc.enable()


SIZE = 100_000


def peak(call):
    """Arrays of SIZE elements that a call needs at most."""
    call()
    gc.collect()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / (8 * SIZE)
    finally:
        tracemalloc.stop()


def test_memory_of_a_chain():
    x = np.full(SIZE, 0.5)
    length = 50

    def chain(x):
        for _ in range(length):
            x = np.sin(x)
        return np.sum(x)

    needed = peak(lambda: value_and_grad(chain, mode="reverse")(x))
    # One derivative for each function, and what is computed just now.
    assert length - 1 < needed < length + 5


def test_memory_of_a_chain_of_ops():
    x = np.full(SIZE, 0.5)
    length = 50

    def chain(x):
        for _ in range(length):
            x = numbafunc.sigmoid(x)
        return np.sum(x)

    assert peak(lambda: value_and_grad(chain, mode="reverse")(x)) < length + 6


def test_values_that_no_step_needs_are_not_copied():
    x = np.ones(SIZE)

    def function(x):
        return numbafunc.relu(x)

    for _ in range(2):
        vjp(function, x)
    assert peak(lambda: vjp(function, x)) < 3.1  # the operand as it is now, value and partial derivative


def test_steps_are_freed_when_the_walk_has_passed_them():
    # The walk back makes as many arrays as the run kept, which fit in the memory of those that are no longer needed.
    x = np.full(SIZE, 0.5)
    length = 30

    def fan(x):
        parts = [np.sin(x * float(i)) for i in range(length)]
        total = parts[0]
        for part in parts[1:]:
            total = total * part
        return np.sum(total)

    # For each of the factors its slope, the factor and the product before it.
    assert peak(lambda: grad(fan, mode="reverse")(x)) < 3 * length + 8


def test_parts_of_a_large_array_take_no_array_each():
    x = np.full(SIZE, 0.5)

    def f(x):
        return np.sum(np.stack([np.sum(x[i * 1000 : (i + 1) * 1000] ** 2) for i in range(100)]))

    assert peak(lambda: grad(f, mode="reverse")(x)) < 8


# Threads.


def test_gradients_in_several_threads():
    wanted = grad(network, mode="reverse")(WEIGHTS, X)
    product = hvp(lambda b: network({**WEIGHTS, "b": b}, X), (WEIGHTS["b"],), (np.ones(4),), mode="reverse")
    failures = []
    start = threading.Barrier(6)

    def work():
        start.wait()
        try:
            for _ in range(30):
                got = grad(network, mode="reverse")(WEIGHTS, X)
                np.testing.assert_array_equal(got["a"], wanted["a"])
                np.testing.assert_array_equal(got["b"], wanted["b"])
                other = hvp(lambda b: network({**WEIGHTS, "b": b}, X), (WEIGHTS["b"],), (np.ones(4),), mode="reverse")
                np.testing.assert_array_equal(other, product)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_pull_in_several_threads():
    _, pull = vjp(network, WEIGHTS, X)
    wanted = pull(1.0)[0]["a"]
    results = []

    def work():
        results.extend(pull(1.0)[0]["a"] for _ in range(30))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 120
    for got in results:
        np.testing.assert_array_equal(got, wanted)


SAME_BITS = """
import hashlib
import json
import numba
import numpy as np
import numbafunc

random = np.random.default_rng(0)
images = random.normal(size=(2, 3, 200, 210))
rows = random.normal(size=(300, 1000))
labels = random.integers(0, 1000, 300)
indices = random.integers(0, 300, 40_000)

cases = {
    "max_pool_2d": (lambda x: numbafunc.max_pool_2d(x, 3, 2, 1), images),
    "average_pool_2d": (lambda x: numbafunc.average_pool_2d(x, 3, 1, "same"), images),
    "interpolate": (lambda x: numbafunc.interpolate(x, (333, 120), mode="cubic"), images),
    "pad": (lambda x: numbafunc.pad(x, 3, "wrap"), images),
    "space_to_batch2d": (lambda x: numbafunc.space_to_batch2d(x, 2), images),
    "top_k": (lambda x: numbafunc.top_k(x, 50).values, rows),
    "softmax": (numbafunc.softmax, rows),
    "logsumexp": (lambda x: numbafunc.logsumexp(x, 0), rows),
    "loss": (lambda x: numbafunc.loss.cross_entropy_logits_sparse(x, labels), rows),
    "l2": (numbafunc.loss.l2, rows),
    "gelu": (numbafunc.gelu, rows),
    "indices": (lambda x: x[indices] ** 2, rows[:, :20]),
    "take_along_axis": (lambda x: np.take_along_axis(x, np.tile(indices[:5000] % 20, (300, 1)), 1) ** 2, rows[:, :20]),
    "sum": (lambda x: np.sum(x * x, axis=0), rows),
}
digests = {}
for threads in (1, 2):
    numba.set_num_threads(threads)
    for name, (f, x) in cases.items():
        value, pull = numbafunc.vjp(f, x)
        cotangent = np.random.default_rng(1).normal(size=value.shape)
        gradient = pull(cotangent)[0]
        direction = np.random.default_rng(2).normal(size=x.shape)
        product = np.sum(gradient * direction)
        wanted = np.sum(cotangent * numbafunc.jvp(f, (x,), (direction,))[1])
        assert abs(product - wanted) <= 1e-11 * np.sum(abs(gradient * direction)), name
        digests.setdefault(name, []).append(hashlib.sha256(gradient.tobytes()).hexdigest())
print(json.dumps(digests))
"""


def test_gradients_of_large_arrays_do_not_depend_on_the_number_of_threads(programs):
    digests = json.loads(programs.run(SAME_BITS, NUMBA_NUM_THREADS="2"))
    assert len(digests) > 10
    assert [name for name, (first, second) in digests.items() if first != second] == []


FAULTS = """
import resource
import numpy as np
from numbafunc import grad

call, x = grad(lambda x: np.sum(np.sin(x) * np.cos(x) * np.tanh(x)), mode="reverse"), np.ones(100_000)
for _ in range(3):
    call(x)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    call(x)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="limits of glibc's heap")
def test_gradients_take_the_memory_of_those_before():
    run = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True, timeout=120)
    # A page has 4096 bytes: gradients that take a single array from the system have 2000 faults.
    assert int(run.stdout) < 1000
