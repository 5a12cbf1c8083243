"""Functions that move data, against NumPy on the data of all ranks; their derivatives against forward mode and sums."""

import ml_dtypes
import numpy as np
from common import data, world

import numbafunc
from numbafunc import parallel

rank, ranks = parallel.axis_index(), parallel.axis_size()
last = ranks - 1
DTYPES = ["?", "i1", "u2", "i8", "f2", "f4", "f8", "F", "D", ml_dtypes.bfloat16, ">f4"]
SHAPE = (2 * ranks, 3, ranks)
CIRCLE = [(r, (r + 1) % ranks) for r in range(ranks)]
LINE = [(r, r + 1) for r in range(last)]
parallel.grid(up=max(size for size in range(1, ranks + 1) if size * size <= ranks and ranks % size == 0), right=-1)


def same(got, wanted):
    wanted = np.asarray(wanted)
    assert type(got) is np.ndarray, type(got)
    assert got.dtype == wanted.dtype.newbyteorder("="), (got.dtype, wanted.dtype)
    np.testing.assert_array_equal(got.astype(np.complex128), wanted.astype(np.complex128), strict=True)


def rows(x, where, tiled):
    """The parts of an array for the ranks."""
    return np.split(x, ranks, where) if tiled else [np.take(x, r, where) for r in range(ranks)]


def test_values():
    for dtype in DTYPES:
        everyone = data(SHAPE, dtype, ranks, seed=1)
        native = [x.astype(x.dtype.newbyteorder("=")) for x in everyone]
        x = everyone[rank]
        for where in (0, 1, -1):
            same(parallel.all_gather(x, axis=where), np.stack(native, where))
            same(parallel.all_gather(x, axis=where, tiled=True), np.concatenate(native, where))
        for tiled, split in ((True, 0), (True, -1), (False, -1)):
            parts = [rows(y, split, tiled)[rank] for y in native]
            kept = np.int64 if x.dtype.kind == "b" else native[0].dtype
            wide = np.float32 if kept.itemsize == 2 and kept.kind not in "iu" else kept
            total = parts[0].astype(wide)
            for part in parts[1:]:
                total = total + part.astype(wide)
            same(parallel.reduce_scatter(x, axis=split, tiled=tiled), total.astype(kept))
            for joined in (0, 1):
                found = parallel.all_to_all(x, split_axis=split, concat_axis=joined, tiled=tiled)
                same(found, np.concatenate(parts, joined) if tiled else np.stack(parts, joined))
        same(parallel.ppermute(x, perm=CIRCLE), native[rank - 1])
        same(parallel.ppermute(x, perm=LINE), native[rank - 1] if rank else np.zeros(SHAPE, native[0].dtype))


def test_scans_and_ranks_of_extrema():
    for dtype in DTYPES:
        everyone = data((3, 40), dtype, ranks, seed=6)
        stacked = np.stack([x.astype(x.dtype.newbyteorder("=")) for x in everyone])
        kind = stacked.dtype.kind
        wide = np.int64 if kind == "b" else stacked.dtype if kind in "iu" else np.complex128 if kind == "c" else "f8"
        bound = 0 if kind in "biu" else 1e-2 if stacked.dtype.itemsize == 2 else 1e-5
        for exclusive in (False, True):
            found = parallel.pscan({"x": everyone[rank]}, exclusive=exclusive)["x"]
            wanted = stacked[: rank + (not exclusive)].sum(0, dtype=wide)
            assert found.dtype == (np.int64 if kind == "b" else stacked.dtype)
            np.testing.assert_allclose(found.astype("D"), wanted.astype("D"), rtol=bound, atol=4 * bound)
            if kind == "c":
                continue
            found = parallel.pscan(everyone[rank], op="max", exclusive=exclusive)
            assert found.dtype == stacked.dtype
            numbers = stacked if kind in "biu" else stacked.astype("f8")
            if rank or not exclusive:
                np.testing.assert_array_equal(found.astype(numbers.dtype), numbers[: rank + (not exclusive)].max(0))
            else:
                assert np.all(found <= stacked.min(0))
        if kind != "c":
            numbers = stacked if kind in "biu" else stacked.astype("f8")
            for find, reference in ((parallel.pargmax, np.argmax), (parallel.pargmin, np.argmin)):
                same(find(everyone[rank]), reference(numbers, 0))
    holes = np.where(np.arange(5) == rank, np.nan, 1.0)
    assert parallel.pargmax(holes).tolist() == [r if r < ranks else 0 for r in range(5)]
    assert np.isnan(parallel.pscan(holes, op="max")).tolist() == [r <= rank for r in range(5)]
    refused(ValueError, "op is 'min'; wanted: 'sum' or 'max'", parallel.pscan, 1.0, op="min")
    refused(TypeError, "exclusive is 'yes'", parallel.pscan, 1.0, exclusive="yes")
    refused(TypeError, "real", parallel.pscan, 1j, op="max")
    refused(TypeError, "real", parallel.pargmin, 1j)


def test_the_maximum_of_a_scan_has_the_tangent_of_the_lowest_rank_that_has_it():
    x = np.array([1.0, -1.0, 0.0]) * (rank + 1)
    value, tangent = numbafunc.jvp(lambda v: parallel.pscan(v, op="max"), (x,), (np.full(3, rank + 10.0),))
    assert value.tolist() == [rank + 1, -1, 0]
    assert tangent.tolist() == [rank + 10, 10, 10]
    tangent = numbafunc.jvp(lambda v: parallel.pscan(np.sin(v), op="max"), (X,), (V,))[1]
    slope = numbafunc.grad(lambda v: np.sum(parallel.pscan(np.sin(v), op="max") * X), mode="reverse")(X)
    close(world().allreduce(np.sum(slope * V)), world().allreduce(np.sum(tangent * X)))


def test_numbers_nests_and_layouts():
    assert parallel.all_gather(rank).tolist() == list(range(ranks))
    for scalar in (parallel.pscan(rank, exclusive=True), parallel.pscan(rank), parallel.reduce_scatter(np.ones(ranks))):
        assert type(scalar) is np.ndarray
    assert parallel.all_gather({"a": (True, None), "b": 2.5})["b"].tolist() == [2.5] * ranks
    x = data((ranks, 4), "f8", ranks, seed=2)
    for given in (np.asfortranarray(x[rank]), x[rank][:, ::-1][:, ::-1], np.broadcast_to(x[0], (ranks, 4))):
        before = given.tobytes()
        assert parallel.all_gather({"x": given})["x"].shape == (ranks, ranks, 4)
        np.testing.assert_array_equal(parallel.all_gather(given)[rank], given)
        assert given.tobytes() == before
    assert parallel.all_gather(np.empty((0, 3))).shape == (ranks, 0, 3)
    assert parallel.ppermute({"a": [rank]}, perm=CIRCLE) == {"a": [(rank - 1) % ranks]}
    large = np.full((300, 300), float(rank))
    assert parallel.all_gather(large)[:, 0, 0].tolist() == list(range(ranks))
    parallel.barrier()
    groups = [[0], list(range(1, ranks))] if ranks > 1 else [[0]]
    members = next(group for group in groups if rank in group)
    assert parallel.all_gather(rank, axis_index_groups=groups).tolist() == members
    parallel.barrier(axis_index_groups=groups)
    parallel.grid(row=1, column=-1)
    assert parallel.all_gather(rank, "column").tolist() == list(range(ranks))
    assert parallel.all_gather(rank, ("row", "column")).tolist() == list(range(ranks))


def test_uneven_lengths():
    for where in (0, 1):
        for lengths in ([3 * r for r in range(ranks)], [2] * ranks, [0] * ranks, [5, *[0] * last]):
            shape = [4, 4]
            parts = []
            for r, length in enumerate(lengths):
                shape[where] = length
                parts.append(np.arange(float(np.prod(shape))).reshape(shape) + 100 * r)
            tree = parallel.all_gather([parts[rank], parts[rank].astype("f4")], axis=where, tiled=True)
            same(tree[0], np.concatenate(parts, where))
            assert tree[1].dtype == np.float32


def uneven(x):
    return parallel.all_gather(x[: rank + 1], tiled=True)


X = data((2 * ranks, 3), "f8", ranks, seed=3)[rank]
V = data((2 * ranks, 3), "f8", ranks, seed=4)[rank]
FUNCTIONS = {
    "all_gather": lambda x: parallel.all_gather(x, axis=1),
    "all_gather tiled": lambda x: parallel.all_gather({"a": x, "b": np.arange(3)}, axis=-1, tiled=True)["a"],
    "all_gather uneven": uneven,
    "reduce_scatter": lambda x: parallel.reduce_scatter(x[::2]),
    "reduce_scatter tiled": lambda x: parallel.reduce_scatter(x, tiled=True),
    "all_to_all": lambda x: parallel.all_to_all(x[:ranks], concat_axis=1),
    "all_to_all tiled": lambda x: parallel.all_to_all(x, concat_axis=1, tiled=True),
    "sum up to here": lambda x: parallel.pscan({"a": x, "b": 2 * x})["b"],
    "sum before": lambda x: parallel.pscan(x, exclusive=True),
    "circle": lambda x: parallel.ppermute(x, perm=CIRCLE),
    "sum of complex numbers": lambda x: np.imag(parallel.psum(x * (2 + 1j))),
    "halo": lambda x: parallel.halo(x, width=(2, 1), periodic=True),
    "halo in a grid": lambda x: parallel.halo({"a": x, "b": 2 * x}, ("up", "right"), border="symmetric", width=2)["b"],
    "halo of complex numbers": lambda x: np.imag(parallel.halo(x * (2 + 1j), {1: "device"}, border="reflect")),
    "halo of uneven blocks": lambda x: parallel.halo(x[rank % 2 :], width=(1, 2), border=None),
    "halo, edges": lambda x: parallel.halo(x, (None, "right"), width=((0, 3),), border="edge"),
    "line": lambda x: parallel.ppermute({"a": x, "b": 2 * x}, perm=LINE)["b"],
}


def close(got, wanted, tolerance=1e-12):
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


def test_forward_mode():
    # Each is linear, so the tangent is the function of the tangent.
    for name, f in FUNCTIONS.items():
        value, tangent = numbafunc.jvp(lambda x, f=f: f(np.sin(x)), (X,), (V,))
        close(value, f(np.sin(X)))
        close(tangent, f(np.cos(X) * V))
        second = numbafunc.jvp(lambda x, f=f: numbafunc.jvp(lambda y: f(np.sin(y)), (x,), (V,))[1], (X,), (V,))[1]
        close(second, f(-np.sin(X) * V * V))
        assert name


def test_reverse_mode():
    for name, f in FUNCTIONS.items():
        print(name, flush=True)
        value, pull = numbafunc.vjp(f, X)
        weights = np.cos(np.arange(float(value.size)) + rank).reshape(value.shape)
        (slope,) = pull(weights)
        assert slope.shape == X.shape
        # Over all ranks the two products are one number.
        close(world().allreduce(np.sum(slope * V)), world().allreduce(np.sum(weights * f(V))))
        part = weights if rank == last else np.zeros_like(weights)  # a cotangent of zero on some ranks
        close(world().allreduce(np.sum(pull(part)[0] * V)), world().allreduce(np.sum(part * f(V))))


def test_second_order_in_both_modes():
    for f in FUNCTIONS.values():

        def loss(x, f=f):
            return np.sum(f(np.sin(x)) ** 3)

        gradient = numbafunc.grad(loss, mode="reverse")
        forward = numbafunc.jvp(lambda x, g=loss: numbafunc.jvp(g, (x,), (V,))[1], (X,), (V,))[1]
        wanted = world().allreduce(float(forward))
        for product in (
            numbafunc.jvp(gradient, (X,), (V,))[1],
            numbafunc.grad(lambda x, g=gradient: np.sum(g(x) * V), mode="reverse")(X),
            numbafunc.grad(lambda x, g=loss: numbafunc.jvp(g, (x,), (V,))[1], mode="reverse")(X),
        ):
            close(world().allreduce(np.sum(product * V)), wanted, 1e-10)


def mismatch(words, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except parallel.CollectiveMismatchError as error:
        for word in words:
            assert word in str(error), str(error)
    else:
        raise AssertionError("no mismatch")
    assert parallel.psum(1) == ranks


def refused(kind, words, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except kind as error:
        assert words in str(error), str(error)
    else:
        raise AssertionError(f"no {kind.__name__}")


def test_ranks_that_differ_are_named():
    if ranks == 1:
        return
    odd = rank == last
    mismatch(["all_gather", "moving.py:"], parallel.all_gather, np.ones(3 + odd))
    mismatch(["float64 ('*', 3)", "float64 ('*', 4)"], parallel.all_gather, np.ones((2, 3 + odd)), tiled=True)
    mismatch(
        ["all_gather", "ppermute"], lambda x: parallel.ppermute(x, perm=CIRCLE) if odd else parallel.all_gather(x), 1
    )
    mismatch(["axis 0", "axis 1"], parallel.all_gather, np.ones((2, 3)), axis=int(odd))
    mismatch(["reduce_scatter", "float32"], parallel.reduce_scatter, np.ones(ranks, np.float32 if odd else np.float64))
    mismatch(
        ["from axis 0 to axis 1"], parallel.all_to_all, np.ones((ranks, ranks)), split_axis=0, concat_axis=int(odd)
    )
    mismatch(["[(0, 0)]", f"[(0, {last})]"], parallel.ppermute, 1.0, perm=[(0, last * odd)])
    mismatch(["barrier", "named 'b'"], parallel.barrier, name="b" if odd else "a")


def test_bad_arguments():
    x = np.ones((ranks + 1, 3))
    refused(ValueError, f"x has length {ranks + 1} along axis 0; wanted: {ranks}", parallel.reduce_scatter, x)
    refused(ValueError, "x['a'] has length", parallel.all_to_all, {"a": x})
    refused(ValueError, "axis is 2, but x has 2 axes", parallel.all_gather, x, axis=2, tiled=True)
    refused(TypeError, "axis is 'a'; wanted: an int", parallel.all_gather, x, axis="a")
    refused(TypeError, "perm is 5", parallel.ppermute, x, perm=5)
    if ranks > 1:
        refused(ValueError, "twice among its receivers", parallel.ppermute, x, perm=[(0, 0), (1, 0)])
    refused(ValueError, f"ranks from 0 to {last}", parallel.ppermute, x, perm=[(0, ranks)])
    refused(TypeError, "name is 5; wanted: a string", parallel.barrier, name=5)
    refused(TypeError, "'text'", parallel.all_gather, ["text"])


if __name__ == "__main__":
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            function()
            print(name, flush=True)
