"""Reductions of device arrays in Numba's simulator, whose memory is that of the host."""

import sys

import numpy as np
from common import data
from numba import cuda

import numbafunc
from numbafunc import parallel

rank, ranks = parallel.axis_index(), parallel.axis_size()
directly = sys.argv[1] == "1"
SHAPES = [(), (5,), (0, 3), (90, 120)]


def on_device(x):
    return getattr(x, "__cuda_ndarray__", False)


def test_each_result_is_where_its_operand_is():
    for shape in SHAPES:
        for dtype in ("?", "i2", "i8", "u4", "f2", "f4", "f8"):
            x = data(shape, dtype, ranks)[rank]
            for name in ("psum", "pmean", "pmax", "pmin"):
                function = getattr(parallel, name)
                given = cuda.to_device(x)
                result = function(given)
                assert on_device(result)
                expected = function(x)
                got = result.copy_to_host()
                assert got.dtype == expected.dtype
                np.testing.assert_array_equal(got, expected, strict=True)
                np.testing.assert_array_equal(given.copy_to_host(), x)


def test_nests_of_both_kinds():
    parts = [data(shape, "f4", ranks, seed)[rank] for seed, shape in enumerate([(3,), (100, 101), (70, 130), ()])]
    nest = {"a": cuda.to_device(parts[0]), "b": [parts[1], cuda.to_device(parts[2])], "c": parts[3]}
    result = parallel.pmean(nest)
    expected = parallel.pmean(parts)
    assert on_device(result["a"]) and on_device(result["b"][1])
    assert type(result["b"][0]) is np.ndarray and type(result["c"]) is np.ndarray
    got = [result["a"].copy_to_host(), result["b"][0], result["b"][1].copy_to_host(), result["c"]]
    for one, other in zip(got, expected):
        np.testing.assert_array_equal(one, other, strict=True)


def test_what_is_started():
    parts = [data(shape, "f4", ranks, seed)[rank] for seed, shape in enumerate([(3,), (90, 120), (70, 130)])]
    for name in ("psum", "pmean"):
        for sizes in (slice(1), slice(3)):
            here = parts[sizes]
            given = [cuda.to_device(x) for x in here]
            handle = getattr(parallel, f"{name}_start")({"there": given, "here": here})
            for x in given:
                x.copy_to_device(np.zeros_like(x.copy_to_host()))  # it has been copied
            result, wanted = handle.wait(), getattr(parallel, name)(here)
            assert handle.wait() is result
            for there, one, expected in zip(result["there"], result["here"], wanted, strict=True):
                assert on_device(there) and type(one) is np.ndarray
                np.testing.assert_array_equal(there.copy_to_host(), expected, strict=True)
                np.testing.assert_array_equal(one, expected, strict=True)


def test_out_takes_the_result():
    x = data((120, 100), "f4", ranks)[rank]
    for name in ("psum", "pmean", "pmax"):
        out = cuda.device_array(x.shape, x.dtype)
        assert getattr(parallel, name)(cuda.to_device(x), out=out) is out
        np.testing.assert_array_equal(out.copy_to_host(), getattr(parallel, name)(x))
        both = cuda.to_device(x)
        assert getattr(parallel, name)([both, x], out=[both, np.empty_like(x)])[0] is both
        np.testing.assert_array_equal(both.copy_to_host(), getattr(parallel, name)(x))


def test_order_of_the_ranks():
    x = data((90, 100), "f4", ranks)[rank]
    result = parallel.psum(cuda.to_device(x), reproducible=True).copy_to_host()
    assert result.tobytes() == parallel.psum(x, reproducible=True).tobytes()


def test_dual_arrays():
    x = data((4, 5), "f8", ranks)[rank]
    for name in ("psum", "pmean", "pmax", "pmin"):
        reduction = getattr(parallel, name)

        def function(a, reduction=reduction):
            return reduction({"a": a * a, "b": 2.0 * a})["a"]

        def twice(a, function=function):
            return numbafunc.jvp(lambda y: numbafunc.jvp(function, (y,), (a,))[1], (a,), (a,))

        for given in (x, np.float32(x)):
            for a, b in zip(twice(cuda.to_device(given)), twice(given)):
                assert on_device(a)
                np.testing.assert_array_equal(a.copy_to_host(), b)
    found = numbafunc.jvp(lambda a: parallel.broadcast(a, root=ranks - 1), (cuda.to_device(x),), (cuda.to_device(x),))
    assert all(map(on_device, found))
    refused(TypeError, "out can't hold", numbafunc.jvp, lambda a: parallel.psum(a, out=x), *[(cuda.to_device(x),)] * 2)


def test_broadcast():
    x = data((4, 5), "f8", ranks)
    result = parallel.broadcast([cuda.to_device(x[rank]), x[rank]], root=ranks - 1)
    assert on_device(result[0])
    np.testing.assert_array_equal(result[0].copy_to_host(), x[ranks - 1])
    np.testing.assert_array_equal(result[1], x[ranks - 1])


def test_functions_that_move_data():
    x = data((2 * ranks, 5), "f4", ranks)[rank]
    circle = [(r, (r + 1) % ranks) for r in range(ranks)]
    for function in (
        parallel.all_gather,
        lambda v: parallel.reduce_scatter(v, tiled=True),
        lambda v: parallel.all_to_all(v, concat_axis=1, tiled=True),
        lambda v: parallel.ppermute({"a": v}, perm=circle)["a"],
        lambda v: parallel.halo({"a": v}, width=(1, 2), periodic=True)["a"],
    ):
        for operand, wanted in [((cuda.to_device(x),) * 2, numbafunc.jvp(function, (x,), (x,)))]:
            result = function(operand[0])
            assert on_device(result)
            np.testing.assert_array_equal(result.copy_to_host(), function(x))
            for got, there in zip(numbafunc.jvp(function, operand[:1], operand[1:]), wanted):
                assert on_device(got)
                np.testing.assert_array_equal(got.copy_to_host(), there)


def refused(error, words, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except error as raised:
        assert words in str(raised), str(raised)
    else:
        raise AssertionError(f"no {error.__name__}")


def test_bad_arguments_are_named():
    x = np.ones((3, 4), np.float32)
    device = cuda.to_device(x)
    refused(TypeError, "out is ndarray; wanted: an array on the device", parallel.psum, device, out=np.empty_like(x))
    refused(TypeError, "an array in main memory", parallel.psum, [x, device], out=[device, cuda.to_device(x)])
    refused(ValueError, "out has shape (4,)", parallel.psum, device, out=cuda.device_array(4, np.float32))
    refused(TypeError, "out can't take the margins of arrays of a device", parallel.halo, device, out=device)
    refused(TypeError, "out has dtype float64", parallel.psum, device, out=cuda.device_array((3, 4), np.float64))
    flat = cuda.to_device(np.ones(13, np.float32))
    refused(ValueError, "out shares memory with x", parallel.psum, flat[:-1], out=flat[1:])
    there, here = cuda.device_array((3, 4), np.float32), np.empty((3, 4), np.float32)
    refused(ValueError, "share memory", parallel.psum, [device, device], out=[there, there])
    refused(ValueError, "share memory", parallel.psum, [device, x, x], out=[there, here, here])
    refused(ValueError, "overlaps", parallel.psum, [device, x], out=[there, x[::-1]])
    here.flags.writeable = False
    refused(ValueError, "read-only", parallel.psum, [device, x], out=[there, here])


def test_ranks_that_hold_it_elsewhere_are_told():
    if ranks > 1:
        x = np.ones(20000, np.float32)
        given = cuda.to_device(x) if rank else x
        refused(parallel.CollectiveMismatchError, "on a device [0]", parallel.psum, given)
        np.testing.assert_array_equal(parallel.psum(cuda.to_device(x)).copy_to_host(), ranks * x)


exchanged = []
if ranks > 1:
    from numbafunc.parallel import device

    assert device.mpi_reads_device_memory() is directly
    original = device._step
    device._step = lambda *arguments: exchanged.append(arguments[0]) or original(*arguments)

for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
        print(name, flush=True)
assert ranks == 1 or bool(exchanged) is directly
print("done")
