"""Memory of large results that is used again: whose it is, how much there is, and who else may set it."""

import gc
import os
import pickle
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import numbafunc
from numbafunc import result_memory
from numbafunc.recycled_blocks import SMALLEST, Pool

try:
    from numpy._core.multiarray import get_handler_name
except ImportError:
    from numpy.core.multiarray import get_handler_name

LARGE = np.linspace(-1.0, 1.0, 150_000)
OURS, NUMPYS = "numbafunc", "default_allocator"


def address(x):
    return x.__array_interface__["data"][0]


def test_large_results_are_ordinary_arrays():
    result = numbafunc.relu(LARGE)
    assert type(result) is np.ndarray
    assert result.base is None
    assert get_handler_name(result) == OURS
    assert result.flags.owndata
    assert result.flags.writeable
    expected = np.maximum(LARGE, 0)
    result.resize(300_000)
    np.testing.assert_array_equal(result[:150_000], expected)
    np.testing.assert_array_equal(result[150_000:], 0)
    for length in (100, 50, 200_000):
        result.resize(length, refcheck=False)
        np.testing.assert_array_equal(result[:50], expected[:50])
    assert get_handler_name(numbafunc.relu(LARGE[: SMALLEST // 8 - 1])) == NUMPYS
    assert get_handler_name(np.empty(150_000)) == NUMPYS


@pytest.mark.parametrize(
    "call",
    [
        numbafunc.tanh,
        lambda x: numbafunc.leaky_relu(x, 0.1),
        numbafunc.softmax,
        lambda x: numbafunc.pad(x, 2),
        lambda x: numbafunc.top_k(x, 100_000).values,
        lambda x: numbafunc.upsample_2d(x[:140_000].reshape(1, 1, 400, 350), 2, "bilinear"),
        lambda x: numbafunc.max_pool_2d(x[:149_769].reshape(1, 1, 387, 387), 2, 1),
        lambda x: numbafunc.space_to_channel2d(x[:140_000].reshape(1, 1, 400, 350), 2),
    ],
    ids=["unary", "binary", "reduction", "pad", "top_k", "resize", "pool", "copy"],
)
def test_every_kind_uses_memory_again(call):
    for _ in range(3):  # planned, prepared, and by the short cut
        result = call(LARGE)
        assert get_handler_name(result) == OURS
        before = address(result)
        del result
    result = call(LARGE)
    assert address(result) == before


def test_memory_is_kept_as_long_as_there_is_a_view():
    first = numbafunc.relu(LARGE)
    before, view = address(first), memoryview(first[100:])[5:]
    del first
    others = [numbafunc.relu(LARGE) for _ in range(3)]
    assert before not in map(address, others)
    view.release()
    assert address(numbafunc.relu(LARGE)) == before


def test_pickles_have_memory_of_their_own():
    result = numbafunc.relu(LARGE)
    expected, buffers = result.copy(), []
    again = [
        pickle.loads(pickle.dumps(result)),
        pickle.loads(pickle.dumps(result, 5, buffer_callback=buffers.append), buffers=buffers),
    ]
    before = address(result)
    del result, buffers
    assert address(numbafunc.tanh(LARGE)) != before  # the second has it still
    for one in again:
        np.testing.assert_array_equal(one, expected)


def test_all_that_a_large_derivative_makes_uses_memory_again():
    names = []

    def f(x):
        part = np.sin(x) * LARGE
        names.append(get_handler_name(np.empty(SMALLEST, np.uint8)))
        return numbafunc.relu(part)

    results = [*numbafunc.jvp(f, (LARGE,), (LARGE,)), numbafunc.vjp(f, LARGE)[1](LARGE)[0]]
    results.append(numbafunc.grad(lambda x: np.sum(f(x)))(LARGE))
    value, push = numbafunc.linearize(f, LARGE)
    results += [value, push(LARGE), numbafunc.derivative(f)(LARGE)]
    assert names == [OURS] * len(names)
    # Of one constant that is large, too, once it has been met.
    numbafunc.grad(lambda a: np.sum(numbafunc.relu(a * LARGE) * names.append(get_handler_name(a * LARGE.copy())) or 1))
    assert {get_handler_name(x if x.base is None else x.base) for x in results} == {OURS}

    def failing(x):
        raise KeyError

    for driver in (lambda: numbafunc.jvp(failing, (LARGE,), (LARGE,)), lambda: numbafunc.vjp(failing, LARGE)):
        with pytest.raises(KeyError):
            driver()
        assert get_handler_name(np.empty(SMALLEST)) == NUMPYS


class Patterns:
    """Arrays of one thread, each filled with a number of its own, that come and go, some of them as views."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.arrays = []
        self.number = seed * 1_000_000

    def make(self):
        length = int(self.random.choice([30_000, 33_000, 40_000, 41_000, 150_000]))
        self.number += 1
        token = result_memory.begin_recycling()
        try:
            x = np.zeros(length) if self.random.random() < 0.3 else np.empty(length)
            if self.random.random() < 0.1:
                x.resize(length + 50_000)
        finally:
            result_memory.end_recycling(token)
        return x

    def step(self):
        if len(self.arrays) < 6:
            x = self.make()
            x[...] = self.number
            self.arrays.append((x[3:] if self.random.random() < 0.5 else x, self.number))
        else:
            x, number = self.arrays.pop(int(self.random.integers(6)))
            assert (x == number).all()

    def check(self):
        for x, number in self.arrays:
            assert (x == number).all()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_no_block_is_given_to_two():
    failed, children, over = [], [], threading.Event()

    def work(seed):
        try:
            patterns = Patterns(seed)
            while not over.is_set():
                patterns.step()
            patterns.check()
        except BaseException as error:
            failed.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 7)]
    try:
        for thread in threads:
            thread.start()
        own = Patterns(100)
        for round_ in range(12):
            for _ in range(40):
                own.step()
            if hasattr(os, "fork"):
                children.append(os.fork())
                if not children[-1]:
                    status = 1
                    try:
                        own.number += 1000 * round_
                        for _ in range(30):
                            own.step()
                        own.check()
                        status = 0
                    finally:
                        os._exit(status)
        own.check()
    finally:
        over.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert not failed
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * len(children)


def test_zeros_are_zero():
    token = result_memory.begin_recycling()
    for _ in range(3):
        x = np.zeros(100_000)
        assert not x.any()
        x[:] = 1
        del x
    result_memory.end_recycling(token)


def test_tracemalloc_counts_live_arrays_alone():
    numbafunc.relu(LARGE)
    tracemalloc.start()
    try:
        result = numbafunc.relu(LARGE)
        assert tracemalloc.get_traced_memory()[0] >= result.nbytes
        del result
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < LARGE.nbytes
    finally:
        tracemalloc.stop()


def test_what_is_kept_is_bounded(programs):
    program = """
        import numpy as np
        from numbafunc import result_memory

        random, arrays, sizes = np.random.default_rng(0), [], 2 ** np.linspace(17.5, 24, 12)
        for step in range(3000):
            token = result_memory.begin_recycling()
            if random.random() < 0.5 + 0.2 * np.sin(step / 200):
                arrays.append(np.empty(int(random.choice(sizes)), np.uint8))
            elif arrays:
                arrays.pop(random.integers(len(arrays)))
            result_memory.end_recycling(token)
            pool = result_memory.pool()
            assert pool.live == sum(x.nbytes for x in arrays if x.nbytes >= 2**18)
            assert pool.live <= pool.peak
            assert pool.spare <= pool.limit == 50 * 2**20, step
            assert pool.held <= pool.peak + max(pool.peak // 8, 2**24), step
            assert pool.spare <= pool.held - pool.live
        assert pool.recycled > 300, pool.recycled
        arrays.clear()
        assert pool.live == 0 and pool.spare == pool.held
        print("fine")
        """
    assert programs.run(program, NUMBAFUNC_RESULT_MEMORY="50") == "fine"


PEAK = """
    import numpy as np, numbafunc
    from pathlib import Path

    def chain(x):
        return numbafunc.tanh(np.sin(x) * numbafunc.relu(x)) ** 2

    for size in (1_500_000, 1_000_000, 2_300_000, 500_000, 2_500_000):
        x = np.linspace(-1, 1, size)
        for _ in range(2):
            numbafunc.softmax(x)
            numbafunc.jvp(chain, (x,), (x,))
            numbafunc.vjp(chain, x)[1](x)
    print(next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line).split()[1])
    """


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system doesn't tell peaks of memory")
def test_the_peak_is_at_most_a_quarter_higher(programs):
    programs.run(PEAK)  # which compiles
    kept, without = (int(programs.run(PEAK, NUMBAFUNC_RESULT_MEMORY=size)) for size in (None, 0))
    assert kept <= 1.25 * without


def test_free_blocks_are_given_back_where_memory_is_scarce(programs):
    pytest.importorskip("resource")
    if sys.platform != "linux":
        pytest.skip("limits of the address space are Linux's")
    program = """
        import resource
        from pathlib import Path
        import numpy as np
        from numbafunc import result_memory

        token = result_memory.begin_recycling()
        arrays = [np.ones((50 + part) * 2**17) for part in (0, 7, 14, 21)]  # of four sizes, 242 MiB
        arrays.clear()
        pool = result_memory.pool()
        peak = pool.peak
        assert pool.spare > 240 * 2**20
        status = Path("/proc/self/status").read_text().splitlines()
        there = 1024 * next(int(line.split()[1]) for line in status if "VmSize" in line)
        resource.setrlimit(resource.RLIMIT_AS, (there + 10 * 2**20, resource.RLIM_INFINITY))
        x = np.ones(25 * 2**17)
        assert pool.spare == 0 and pool.live == x.nbytes
        try:
            np.ones(2**36)
        except MemoryError:
            print(pool.live == x.nbytes, pool.peak == peak)
        """
    assert programs.run(program) == "True True"


def test_results_have_memory_where_no_mapping_can_be_made(programs):
    pytest.importorskip("resource")
    if sys.platform != "linux":
        pytest.skip("blocks are mappings on Linux alone")
    program = """
        import resource
        from pathlib import Path
        import numpy as np, numbafunc
        from numbafunc import result_memory
        from numbafunc.cpu.heap import keep_freed_memory

        x = np.linspace(-1, 1, 150_000)
        kept = [numbafunc.relu(x) for _ in range(3)]
        keep_freed_memory()
        np.ones(2**21)  # from now on the heap has room for some arrays
        status = Path("/proc/self/status").read_text().splitlines()
        there = 1024 * next(int(line.split()[1]) for line in status if "VmSize" in line)
        resource.setrlimit(resource.RLIMIT_AS, (there, resource.RLIM_INFINITY))
        try:
            numpys = [np.empty(150_000) for _ in range(3)]
        except MemoryError:
            print("no room")
        else:
            kept += [numbafunc.relu(x) for _ in range(3)]
            assert all(np.array_equal(kept[0], one) for one in kept)
            pool = result_memory.pool()
            assert pool.live == 3 * x.nbytes
            del kept
            assert pool.live == 0 and pool.held == pool.spare
            print("fine")
        """
    if (said := programs.run(program)) == "no room":
        pytest.skip("another C library has no such heap")
    assert said == "fine"


def test_it_can_be_switched_off(programs):
    program = """
        import numpy as np, numbafunc, warnings
        from numpy._core.multiarray import get_handler_name

        x = np.ones(200_000)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            results = (numbafunc.relu(x), *numbafunc.jvp(np.sin, (x,), (x,)))
            names = {get_handler_name(y if y.base is None else y.base) for y in results}
        print(*names, *(warning.message for warning in warned))
        """
    assert programs.run(program, NUMBAFUNC_RESULT_MEMORY="0") == NUMPYS
    assert programs.run(program, NUMBAFUNC_RESULT_MEMORY="lots") == (
        f"{OURS} NUMBAFUNC_RESULT_MEMORY is 'lots'; wanted: a number of MiB. 1024 is used."
    )


def test_no_limit_is_too_large_for_the_pool(monkeypatch):
    monkeypatch.setenv(result_memory.VARIABLE, "1e20")
    assert Pool(limit=result_memory.limit()).limit > 2**60


def test_a_handler_of_the_program_stays(programs):
    program = """
        import contextvars, ctypes, numpy as np, numbafunc
        from numbafunc import result_memory
        from numbafunc.recycled_blocks import Handler
        from numpy._core.multiarray import get_handler_name

        x = np.ones(200_000)
        numbafunc.relu(x)
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_size_t, [ctypes.py_object, ctypes.c_char_p]
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        variable, default = result_memory._variable, result_memory._default
        other = Handler.from_buffer_copy(Handler.from_address(pointer(default, b"mem_handler")))
        other.name = b"other"
        token = variable.set(new(ctypes.addressof(other), b"mem_handler", None))
        print(get_handler_name(numbafunc.relu(x)), get_handler_name(numbafunc.jvp(np.sin, (x,), (x,))[1].base))
        variable.set(default)
        print(get_handler_name(numbafunc.relu(x)))
        """
    assert programs.run(program) == f"other other\n{OURS}"


def test_arrays_outlive_the_interpreter(programs):
    program = """
        import atexit, sys, threading
        import numpy as np, numbafunc

        class Late:
            def __init__(self):
                self.array = numbafunc.relu(np.ones(200_000))

            def __del__(self, relu=numbafunc.relu):
                relu(self.array)

        sys.kept = numbafunc.relu(np.ones(200_000)), Late()
        cycle = [numbafunc.relu(np.ones(200_000)), Late()]
        cycle.append(cycle)
        atexit.register(lambda: numbafunc.relu(np.ones(200_000)))
        threading.Thread(target=lambda: [numbafunc.relu(np.ones(200_000)) for _ in range(10**6)], daemon=True).start()
        print("fine")
        """
    assert programs.run(program) == "fine"
