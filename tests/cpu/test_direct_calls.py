"""Calls on small arrays enter kernels directly: they give what other calls give, and hand on all the rest."""

import ctypes
import itertools
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import numbafunc
from numbafunc.cpu import direct_calls
from numbafunc.kinds.registry import REGISTRY

RANDOM = np.random.default_rng(3)

pytestmark = pytest.mark.skipif(direct_calls._methods() is None, reason="this system has no direct calls")


def swapped(x):
    return x.astype(x.dtype.newbyteorder())


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def misaligned(x):
    memory = np.empty(x.nbytes + 1, np.uint8)
    view = memory[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


class Subclass(np.ndarray):
    pass


ARRAYS = {
    "no axes": np.array(-0.5),
    "empty": np.empty((0, 3)),
    "nine axes": RANDOM.standard_normal((1, 2) * 4 + (3,)),
    "large": RANDOM.standard_normal(2 * direct_calls.LARGEST + 1),
    "the largest": RANDOM.standard_normal(2 * direct_calls.LARGEST - 1),
    "strided": RANDOM.standard_normal((6, 8))[::2, ::3],
    "Fortran order": np.asfortranarray(RANDOM.standard_normal((3, 4))),
    "other byte order": swapped(RANDOM.standard_normal(5)),
    "read-only": read_only(RANDOM.standard_normal(5)),
    "misaligned": misaligned(RANDOM.standard_normal(5)),
    "subclass": RANDOM.standard_normal((2, 3)).view(Subclass),
    "float32": RANDOM.standard_normal((2, 3)).astype(np.float32),
    "float16": RANDOM.standard_normal((2, 3)).astype(np.float16),
    "integers": np.arange(-3, 3),
    "list": [[-1.0, 2.0]],
}


@pytest.mark.parametrize("x", ARRAYS.values(), ids=ARRAYS)
def test_any_operand_gives_what_it_gives_elsewhere(x):
    numbafunc.celu(np.ones(2)), numbafunc.celu(np.ones(2, np.float32))
    assert type(REGISTRY["celu"].call) is type(len)
    plain = np.array(x, dtype=np.result_type(np.asarray(x)).newbyteorder("="))
    wanted = REGISTRY["celu"]._general((plain, 1.0), None)
    by_numpy = np.where(plain > 0, plain, np.expm1(np.minimum(plain, 0.0).astype(float)))
    for _ in range(3):
        found = numbafunc.celu(x)
        np.testing.assert_array_equal(found, wanted, strict=True)
        np.testing.assert_allclose(found, by_numpy, rtol=2 * np.finfo(found.dtype).eps)
        assert not np.shares_memory(found, np.asarray(x))


@pytest.mark.parametrize(
    "pair",
    [
        (np.ones((2, 3)), RANDOM.random((2, 3))),
        (np.ones((2, 3)), RANDOM.random((3, 2)).reshape(2, 3)[:, ::-1]),
        (np.ones((2, 3)), RANDOM.random(3)),
        (np.ones((2, 3)), RANDOM.random((2, 3)).astype(np.float32)),
        (np.ones((2, 3)), 0.5),
        (np.ones((2, 3)), np.float64(0.5)),
        (np.ones((2, 3)), 2),
    ],
)
def test_two_operands(pair):
    x, y = -RANDOM.random((2, 3)) * pair[0], pair[1]
    wanted = y * np.expm1(x / np.asarray(y, np.result_type(np.asarray(y), np.float32)))
    for _ in range(3):
        np.testing.assert_allclose(numbafunc.celu(x, y), wanted, rtol=1e-6)


def test_arrays_for_results_are_filled_unless_they_share_memory():
    x, memory = RANDOM.standard_normal(6), RANDOM.standard_normal(7)
    wanted = numbafunc.sigmoid(x)
    for out in (np.empty(6), np.empty(12)[::2], np.empty(7)[1:]):
        for _ in range(2):
            out[...] = np.nan
            assert numbafunc.sigmoid(x, out=out) is out
            np.testing.assert_array_equal(out, wanted)
    count = sys.getrefcount(out)
    numbafunc.sigmoid(x, out=out)
    assert sys.getrefcount(out) == count
    same = x.copy()
    for source, out in ((same, same), (memory[:6], memory[1:])):
        with pytest.raises(ValueError, match="overlaps"):
            numbafunc.sigmoid(source, out=out)


def test_arrays_of_c_code_may_share_memory_though_they_have_no_base():
    api, dtype, length = ctypes.pythonapi, np.dtype(float), (ctypes.c_int64 * 1)(6)
    types = [ctypes.py_object, ctypes.py_object, ctypes.c_int, *[ctypes.c_void_p] * 3, ctypes.c_int, ctypes.c_void_p]
    make = ctypes.PYFUNCTYPE(ctypes.py_object, *types)(direct_calls._new_array())
    memory = RANDOM.standard_normal(7)
    views = []
    for start in (0, 1):
        api.Py_IncRef(ctypes.py_object(dtype))  # which the array takes
        views.append(make(np.ndarray, dtype, 1, length, None, memory[start:].ctypes.data, 0x501, None))
    assert views[0].base is None
    assert not views[0].flags.owndata
    assert np.shares_memory(*views)
    numbafunc.relu(np.ones(6)), numbafunc.softmax(np.ones(6))
    for function in (numbafunc.relu, numbafunc.softmax):
        with pytest.raises(ValueError, match="overlaps"):
            function(views[0], out=views[1])


@pytest.mark.parametrize("releases", [False, True])
def test_other_threads_may_run_beside_a_kernel_of_the_user(releases):
    # This function takes the place of a kernel: its status is 1 while the lock of the interpreter is held.
    held = ctypes.cast(ctypes.pythonapi.PyGILState_Check, ctypes.c_void_p).value
    x, dtype = np.ones((2, 3)), np.dtype(float)
    given = (x.ravel(), np.empty(6))
    prepared = direct_calls.prepared_call(held, given, [0], 1, (2, 3), dtype, lambda *_: None, releases)
    alone = direct_calls.AnyShape(1, 9, lambda *_: None, releases).learn(dtype, False, held, None)
    pair = direct_calls.AnyShape(2, 9, lambda *_: None, releases)
    pair.learn(dtype, False, held, None)
    pair = pair.learn(dtype, True, held, None)
    for result in (prepared(x), alone(x), alone(x, np.empty((2, 3))), pair(x, x), pair(x, 0.5)):
        assert type(result) is (np.ndarray if releases else type(None))


def test_loops_of_the_user_keep_no_thread_from_running():
    @numbafunc.elementwise
    def count_to(x):
        total = 0.0
        while total < x:
            total = total + 1.0
        return total

    @numbafunc.elementwise
    def count_from(x, y, z):
        total = z
        while total < x + y:
            total = total + 1.0
        return total

    calls = (lambda most: count_to(np.full(2, most)), lambda most: count_from(np.full(2, most), np.ones((3, 1)), 0.0))
    for call in calls:
        for _ in range(3):
            call(1.0)
        done, times = threading.Event(), []

        def note(done=done, times=times):
            while not done.wait(0.001):
                times.append(time.perf_counter())

        other = threading.Thread(target=note)
        other.start()
        start = time.perf_counter()
        try:
            call(3e8)
        finally:
            end = time.perf_counter()
            done.set()
            other.join()
        times = [start, *(moment for moment in times if start < moment < end), end]
        assert max(b - a for a, b in itertools.pairwise(times)) < 0.5 * (end - start)


def test_nothing_is_kept_by_calls():
    x = RANDOM.random((2, 3))
    axes, dtype = (0, 1), x.dtype
    calls = (lambda: numbafunc.relu(x), lambda: numbafunc.logsumexp(x, axes), lambda: numbafunc.flatten(x))
    for call in calls:
        for _ in range(5):
            call()
        counts = [sys.getrefcount(one) for one in (x, dtype, None, NotImplemented)]
        for _ in range(1000):
            call()
        later = [sys.getrefcount(one) for one in (x, dtype, None, NotImplemented)]
        assert all(abs(a - b) < 100 for a, b in zip(counts, later))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: numbafunc.celu(x),
        lambda x: numbafunc.softmax(x),
        lambda x: numbafunc.flatten(x),
        lambda x: numbafunc.pad(x, 1, "edge"),
        lambda x: numbafunc.max_pool_2d(x[None, None], 2),
        lambda x: numbafunc.upscale_nn(x[None, None], 2),
    ],
)
def test_memory_of_operands_is_not_kept(call):
    memory = np.ones(200)
    alive = weakref.ref(memory)
    for _ in range(3):
        call(memory[:143].reshape(11, 13))
    del memory
    assert alive() is None


def test_more_kinds_of_calls_than_are_known():
    rows = [RANDOM.standard_normal((2, n)) for n in range(1, 30)]
    wanted = [np.log(np.sum(np.exp(x), axis)) for x in rows for axis in (0, 1)]
    for _ in range(30):
        for (x, axis), right in zip(itertools.product(rows, (0, 1)), wanted):
            np.testing.assert_allclose(numbafunc.logsumexp(x, axis), right, rtol=1e-13)


def test_threads_call_at_once():
    rows = [RANDOM.standard_normal((2, n)) for n in range(1, 30)]
    wanted = [numbafunc.softmax(x) for x in rows]

    def run(start):
        for turn in range(2000):
            place = (turn + start) % len(rows)
            np.testing.assert_array_equal(numbafunc.softmax(rows[place]), wanted[place])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))


@pytest.mark.parametrize("status", [0, 1])
def test_a_kernel_gets_what_numba_hands_over(status):
    signature = [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 17 + [ctypes.c_double]
    seen = []

    def kernel(*arguments):
        seen.append(arguments)
        return status

    code = ctypes.CFUNCTYPE(ctypes.c_int32, *signature)(kernel)
    x, y = np.zeros((2, 3)), np.ones((2, 3))
    address = ctypes.cast(code, ctypes.c_void_p).value
    given = (x, 0.0, 7, np.empty(4, np.float32))
    call = direct_calls.prepared_call(address, given, [1, -1, 0], 3, (2, 2), np.dtype("f4"), lambda *given: given)
    result = call(2.5, 9, y)
    _, _, *words, real = seen[0]
    assert real == 2.5
    assert words[:9] == [0, 0, 6, 8, y.ctypes.data, 2, 3, 24, 8]
    assert words[9] == 7
    assert (words[10:14], words[15:]) == ([0, 0, 4, 4], [4, 4])
    if status:
        assert result == (2.5, 9, y)
    else:
        assert (result.shape, result.dtype, result.ctypes.data) == ((2, 2), np.float32, words[14])
    assert call(2.5, 9, y, x)[3] is x
