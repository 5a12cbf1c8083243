"""Sums that are started and waited for later: values, what is in flight, mistakes, derivatives."""

import gc
import signal
import threading
import time
import warnings

import numpy as np
from common import data, same_bits_everywhere

import numbafunc
from numbafunc import parallel
from numbafunc.parallel import pmean_start, psum_start

rank, ranks = parallel.axis_index(), parallel.axis_size()
last = ranks - 1
LARGE = (40, 1000)
SHAPES = [(), (3,), (29,), (0, 2), LARGE]


def refused(kind, text, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except kind as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"no {kind.__name__}: {text}")


def test_values():
    for dtype in ("?", "i8", "u2", "f2", "f4", "c16", ">f8"):
        parts = [data(shape, dtype, ranks, seed)[rank] for seed, shape in enumerate(SHAPES)]
        nest = {"a": parts[:3], "b": (parts[3], parts[4].T)}
        for operation in ("psum", "pmean"):
            for x in (parts[2], parts[4][::2, ::-1], nest):
                for options in ({}, {"reproducible": True}):
                    start, now = (getattr(parallel, f"{operation}{end}") for end in ("_start", ""))
                    handle = start(x, **options)
                    assert "_start of" in repr(handle)
                    result = handle.wait()
                    assert handle.wait() is result
                    wanted = now(x, **options)
                    for got, one in zip(numbafunc_leaves(result), numbafunc_leaves(wanted), strict=True):
                        assert got.dtype == one.dtype and got.shape == one.shape
                        if options or ranks < 3 or np.dtype(dtype).kind in "biu":
                            assert got.tobytes() == one.tobytes()
                        np.testing.assert_allclose(got.astype(complex), one.astype(complex), rtol=1e-2, atol=1e-2)
                        assert same_bits_everywhere(got)


def numbafunc_leaves(nest):
    if isinstance(nest, dict):
        return [leaf for key in sorted(nest) for leaf in numbafunc_leaves(nest[key])]
    if isinstance(nest, (list, tuple)):
        return [leaf for part in nest for leaf in numbafunc_leaves(part)]
    return [nest]


def test_many_in_flight_waited_for_in_another_order_on_each_rank():
    groups = [list(range(ranks))[::-1]]
    handles = []
    for number in range(40):
        x = np.full((number, 2000), float(number * (rank + 1)))
        handles.append(psum_start(x, axis_index_groups=groups if number % 3 == 0 else None, name=f"number {number}"))
        if number % 5 == 0:  # other calls come between
            assert parallel.psum(np.ones(500))[0] == ranks
    order = np.random.default_rng(rank).permutation(40)
    for number in order:
        got = handles[number].wait()
        assert got.shape == (number, 2000) and np.all(got == number * ranks * (ranks + 1) / 2)


def test_means_whose_sums_overflow():
    for dtype in ("f4", "f8"):
        x = np.full(30_000, np.finfo(dtype).max / 2, dtype)
        handle = pmean_start([x, x[:5]])
        between = psum_start(np.ones(300))
        np.testing.assert_array_equal(handle.wait()[0], parallel.pmean([x, x[:5]])[0])
        assert np.isfinite(handle.wait()[1]).all() and between.wait()[0] == ranks


def test_what_is_in_flight_is_read_only():
    for size in (3, 50_000):
        x, y = np.ones(size), np.ones((2, size))
        part = y[1]
        constant = np.ones(size)
        constant.flags.writeable = False
        first = psum_start({"x": x, "y": [y, part], "z": constant})
        second = psum_start([x, part])
        for array in (x, y, part):
            refused(ValueError, "read-only", array.__setitem__, 0, 2.0)
        refused(ValueError, "read-only", parallel.psum, x, out=x)
        second.wait()
        assert not x.flags.writeable and not part.flags.writeable
        first.wait()
        for array in (x, y, part):
            array[0] = 2.0
        assert not constant.flags.writeable
        third = psum_start(y)
        fourth = psum_start(part)
        fourth.wait()
        assert not part.flags.writeable  # its base is in flight
        third.wait()
        assert part.flags.writeable and y.flags.writeable


class Borrowed:
    """Memory that NumPy would never make writeable again."""

    def __init__(self, array):
        self.array = array
        self.__array_interface__ = array.__array_interface__


def test_arrays_of_other_libraries_stay_as_they_are():
    for x in (
        np.asarray(Borrowed(np.ones(9000))),
        np.asarray(Borrowed(np.ones(9000)))[3:],
        np.frombuffer(bytearray(80_000)),
    ):
        handle = psum_start(x)
        handle.wait()
        x[0] = 3.0


def test_a_handle_that_nobody_waits_for_is_named():
    x = np.ones(70_000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        psum_start(x, name="forgotten")
        handle = pmean_start(x[:60_000])
        del handle
        gc.collect()
    assert [one.category for one in caught] == [RuntimeWarning] * 2
    assert "nobody waited for psum_start of float64 (70000,) over 'device' at" in str(caught[0].message)
    assert "named 'forgotten'" in str(caught[0].message) and caught[0].filename.endswith("starting.py")
    for _ in range(2):
        assert psum_start(np.full(9999, rank + 1.0)).wait()[5] == ranks * (ranks + 1) / 2
    parallel.axes.find("device", None, None).finish()
    assert x.flags.writeable


def test_mismatches_raise_on_every_rank_at_the_start():
    if ranks == 1:
        return
    odd = rank == last
    x = np.ones(50_000)
    cases = {
        "psum of float64": lambda: (parallel.psum if odd else psum_start)(x),
        "pmean_start of float64": lambda: (pmean_start if odd else psum_start)(x),
        "(50001,)": lambda: psum_start(np.ones(50_000 + odd)),
        "float32": lambda: psum_start(x.astype("f4") if odd else x),
        "[*]": lambda: psum_start([x] if odd else {"a": x}),
        "named 'charge'": lambda: psum_start(x, name="charge" if odd else "mass"),
        "reproducible": lambda: psum_start(x, reproducible=odd),
    }
    for text, call in cases.items():
        for _ in range(2):
            pending = psum_start(x)
            try:
                call()
            except parallel.CollectiveMismatchError as error:
                listing = str(error).splitlines()
                assert text in next(line for line in listing if f"rank {last}:" in line), error
                assert "psum_start of" in listing[1] and "starting.py:" in listing[1], error
            else:
                raise AssertionError(f"no mismatch: {text}")
            assert pending.wait()[7] == ranks and x.flags.writeable


def test_derivatives():
    x, v = data(60, "f8", ranks, 1)[rank], data(60, "f8", ranks, 2)[rank]

    def with_handles(y):
        sums = psum_start({"a": y * y, "b": np.arange(3.0)})
        mean = pmean_start(np.sin(y))
        return np.sum(sums.wait()["a"] * mean.wait()) + sums.wait()["b"][1]

    def at_once(y):
        sums = parallel.psum({"a": y * y, "b": np.arange(3.0)})
        return np.sum(sums["a"] * parallel.pmean(np.sin(y))) + sums["b"][1]

    for one, other in zip(numbafunc.jvp(with_handles, (x,), (v,)), numbafunc.jvp(at_once, (x,), (v,))):
        assert one == other
    for function in (
        lambda f: numbafunc.grad(f, mode="reverse")(x),
        lambda f: numbafunc.hvp(f, (x,), (v,), mode="reverse"),
    ):
        np.testing.assert_array_equal(function(with_handles), function(at_once))


def test_bad_arguments():
    refused(TypeError, "x['a'] is 'text'", psum_start, {"a": "text"})
    refused(TypeError, "reproducible is 'yes'", psum_start, 1.0, reproducible="yes")
    refused(TypeError, "name is 5", psum_start, 1.0, name=5)
    refused(NameError, "no axis 'rows'", pmean_start, 1.0, "rows")
    refused(ValueError, "axis_index_groups", pmean_start, 1.0, axis_index_groups=[[0, 0]])


def test_a_thread_may_wait_for_what_another_one_has_started():
    handle = psum_start(np.ones(300_000))
    found = []
    waiting = [threading.Thread(target=lambda: found.append(handle.wait())) for _ in range(3)]
    for thread in waiting:
        thread.start()
    assert parallel.psum(np.ones(3))[0] == ranks
    for thread in waiting:
        thread.join()
    assert handle.wait()[0] == ranks and all(one is handle.wait() for one in found)


def test_an_axis_that_is_made_anew_finishes_what_is_in_flight():
    x = np.full(200_000, rank + 1.0)
    total = ranks * (ranks + 1) / 2
    for sizes, name in [((ranks, 1), "row"), ((1, ranks), "column"), ((ranks, 1), "row")]:
        parallel.grid(row=sizes[0], column=sizes[1])
        assert psum_start(x, name).wait()[-1] == total
        handle = psum_start(x, name)
    parallel.grid(row=-1)
    assert handle.wait()[-1] == total


class TimeLimitError(Exception):
    pass


def raise_limit(number, frame):
    raise TimeLimitError


def test_a_handler_that_raises_while_a_rank_waits():
    before = signal.signal(signal.SIGALRM, raise_limit)
    x = np.full(1_000_000, rank + 1.0)
    for number in range(20):
        handle = psum_start(x)
        try:
            signal.setitimer(signal.ITIMER_REAL, 1e-4 * (number + 1))
            handle.wait()
            time.sleep(0.1)
        except TimeLimitError:
            pass
        assert handle.wait()[-1] == ranks * (ranks + 1) / 2 and x.flags.writeable
    signal.signal(signal.SIGALRM, before)


def leave_with_data_in_flight():
    """One rank alone waits for the last sum; the others leave the program, which names what they have forgotten."""
    handle = psum_start(np.full(500_000, rank + 1.0), name="the last one")
    if rank == 0:
        assert np.all(handle.wait() == ranks * (ranks + 1) / 2)
    return handle


if __name__ == "__main__":
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            begin = time.perf_counter()
            function()
            print(name, round(time.perf_counter() - begin, 1), flush=True)
    kept = leave_with_data_in_flight()
    print("done", flush=True)
