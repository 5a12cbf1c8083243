"""Every operation on every dtype, size and layout against NumPy on the stacked data."""

import warnings

import ml_dtypes
import numpy as np
from common import data, same_bits_everywhere

import numbafunc
from numbafunc import parallel

REAL = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ml_dtypes.bfloat16, ">f4", ">i2"]
SHAPES = [(), (5,), (0, 3), (4, 6, 2), (150, 200)]
FUNCTIONS = {"psum": np.sum, "pmean": np.mean, "pmax": np.max, "pmin": np.min}

rank, ranks = parallel.axis_index(), parallel.axis_size()


def expected(name, stacked, dtype):
    """Value and dtype of the result, and its relative error bound."""
    dtype = dtype.newbyteorder("=")
    if name in ("pmax", "pmin"):
        wide = stacked if dtype.kind in "biuf" else stacked.astype(np.float64)
        return FUNCTIONS[name](wide, 0).astype(dtype), dtype, 0
    if dtype.kind in "biu":
        if name == "psum":
            kept = np.dtype(np.int64) if dtype.kind == "b" else dtype
            return np.sum(stacked, 0, dtype=kept), kept, 0
        return np.mean(stacked, 0, dtype=np.float64), np.dtype(np.float64), 1e-15
    wide = FUNCTIONS[name](stacked.astype(np.complex128 if dtype.kind == "c" else np.float64), 0)
    bound = {2: 2e-3 if dtype.kind == "f" else 1e-2, 4: 1e-6, 8: 1e-15 if dtype.kind == "f" else 1e-6, 16: 1e-15}
    return wide, dtype, bound[dtype.itemsize]


def check(name, x, stacked, **options):
    before = x.tobytes()
    result = getattr(parallel, name)(x, **options)
    value, dtype, bound = expected(name, stacked, stacked.dtype)
    assert type(result) is np.ndarray, type(result)
    assert result.dtype == dtype, (name, x.dtype, result.dtype)
    assert result.shape == x.shape
    assert result.flags.c_contiguous
    assert x.tobytes() == before
    scale = np.abs(stacked.astype(np.complex128)).sum(0).max(initial=1)
    difference = np.abs(result.astype(np.complex128) - value.astype(np.complex128))
    assert np.all(difference <= bound * scale), (name, x.dtype, x.shape, options, difference.max())
    assert same_bits_everywhere(result)


def test_dtypes_and_shapes():
    for shape in SHAPES:
        for dtype in REAL:
            everyone = data(shape, dtype, ranks)
            for name in FUNCTIONS:
                check(name, everyone[rank], np.stack(everyone))
        for dtype in ("F", "D"):
            everyone = data(shape, dtype, ranks)
            for name in ("psum", "pmean"):
                check(name, everyone[rank], np.stack(everyone))
        for dtype in ("i4", "f2", "f4", "f8", "D"):
            everyone = data(shape, dtype, ranks)
            for name in ("psum", "pmean"):
                check(name, everyone[rank], np.stack(everyone), reproducible=True)


def test_layouts():
    for shape in [(4, 6), (90, 120)]:
        base = data((2 * shape[0], 2 * shape[1]), "f4", ranks)
        unaligned = [np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape) for x in base]
        views = {
            "Fortran": [np.asfortranarray(x) for x in base],
            "strided": [x[::2, ::2] for x in base],
            "reversed": [x[::-1, ::-1] for x in base],
            "transposed": [x.T for x in base],
            "broadcast": [np.broadcast_to(x[0], shape[:1] + x[0].shape) for x in base],
            "unaligned": unaligned,  # and read-only
            "one rank in another layout": [np.asfortranarray(x) if r else x for r, x in enumerate(base)],
        }
        for name, arrays in views.items():
            x, stacked = arrays[rank], np.stack(arrays)
            for function in FUNCTIONS:
                for _ in range(2):  # the second call takes the short way
                    check(function, x, stacked)
            assert name


def test_nan_wins_on_every_rank():
    for dtype in ("f2", "f4", "f8", ml_dtypes.bfloat16):
        for size in (6, 2000, 40000):
            for name in ("pmax", "pmin"):
                everyone = data(size, dtype, ranks)
                for r, x in enumerate(everyone):
                    x[r::7] = np.nan
                    x[r + 1 :: 11] = -np.nan
                result = getattr(parallel, name)(everyone[rank])
                stacked = np.stack(everyone).astype(np.float64)
                np.testing.assert_array_equal(result.astype(np.float64), FUNCTIONS[name](stacked, 0))
                assert same_bits_everywhere(result)


def test_signed_zeros():
    for size in (3, 1000):
        zeros = np.full(size, -0.0 if rank == ranks - 1 else 0.0)
        assert np.signbit(parallel.pmin(zeros)).all()
        assert not np.signbit(parallel.pmax(zeros)).any() or ranks == 1


def test_integers_neither_wrap_in_the_mean_nor_differ_from_numpy_in_the_sum():
    x = np.full(5, 120, np.int8)
    assert parallel.pmean(x).tolist() == [120.0] * 5
    with np.errstate(over="ignore"):
        assert parallel.psum(x).tolist() == np.sum([x] * ranks, 0, dtype=np.int8).tolist()
    big = np.full(2000, 2**62, np.int64)
    assert parallel.pmean(big).tolist() == [2.0**62] * 2000
    high = np.full(3, 2**64 - 1 - rank, np.uint64)
    assert parallel.pmax(high).tolist() == [2**64 - 1] * 3
    assert parallel.pmin(high).tolist() == [2**64 - ranks] * 3


def test_half_precision_is_added_in_single():
    one = np.full(2000, 1.0 if rank == 0 else 2.0**-11, np.float16)
    # Each of the small numbers alone would be lost.
    assert np.all(parallel.psum(one) == np.float16(1 + (ranks - 1) * 2.0**-11))
    assert np.all(parallel.pmean(np.full(3, 60000, np.float16)) == 60000)


def test_means_whose_sums_overflow():
    for dtype, large in (("f4", 3e38), ("f8", 1.5e308), ("F", 3e38), ("D", 1.5e308)):
        for size in (3, 60, 3000, 90_000):
            for options in ({}, {"reproducible": True}):
                x = np.full(size, 1 + rank, dtype)
                x[0], x[1] = large, np.inf if rank == 0 else 1
                usual = parallel.pmean(np.full(size, 1 + rank, dtype), **options)
                for out in (None, np.empty_like(x)):
                    mean = parallel.pmean(x, out=out, **options)
                    np.testing.assert_allclose(mean[0], large, rtol=1e-6)
                    assert mean[1] == np.inf
                    assert mean[2:].tobytes() == usual[2:].tobytes()
                    assert same_bits_everywhere(mean)
                mine = np.full(size, large, dtype)
                assert parallel.pmean(mine, out=mine, **options) is mine
                np.testing.assert_allclose(mine, large, rtol=1e-6)
    tree = [np.full(40, 3e38, np.float32), np.full(50, 3e38, np.float32), np.ones(9000, np.float32)]
    for one in parallel.pmean(tree)[:2]:
        np.testing.assert_allclose(one, 3e38, rtol=1e-6)


def test_numbers():
    assert parallel.psum(1) == ranks
    assert parallel.psum(True) == ranks
    assert parallel.psum(1.5).dtype == np.float64
    assert parallel.pmean(rank) == (ranks - 1) / 2
    assert parallel.pmax(np.float32(rank)) == ranks - 1
    assert parallel.pmin(rank) == 0
    assert parallel.psum(1j * rank) == 1j * sum(range(ranks))


def test_nests():
    tree = {
        "many": [np.full(3 + i, rank, np.float32) for i in range(60)],
        "mixed": (np.ones((2, 3), np.int16), None, 2.0, True, np.full((70, 70), rank), np.float16(0.5)),
        "large": np.arange(100_000.0) * rank,
        "empty": np.empty((0, 2)),
    }
    total = sum(range(ranks))
    for _ in range(2):
        result = parallel.psum(tree)
        assert all(np.all(x == total) and x.shape == (3 + i,) for i, x in enumerate(result["many"]))
        mixed = result["mixed"]
        assert mixed[0].tolist() == [[ranks] * 3] * 2
        assert mixed[0].dtype == np.int16
        assert mixed[1] is None
        assert mixed[2] == 2.0 * ranks
        assert mixed[3] == ranks
        assert np.all(mixed[4] == total)
        assert mixed[5] == 0.5 * ranks
        np.testing.assert_array_equal(result["large"], np.arange(100_000.0) * total)
        assert result["empty"].shape == (0, 2)
    arrays = {"b": np.full(50, rank + 1.0), "a": np.full((5, 20), rank + 2.0)}
    for _ in range(3):
        again = parallel.pmax(arrays)
        assert list(again) == ["b", "a"]
        assert np.all(again["b"] == ranks)
        assert np.all(again["a"] == ranks + 1)
        assert again["a"].shape == (5, 20)
    assert parallel.psum({}) == {}
    small = parallel.psum([np.float32(rank), rank + 0.5])
    assert small == [total, total + ranks / 2]


def test_out():
    for size in (5, 3000, 50_000):
        x = np.full(size, rank + 1.0, np.float32)
        out = np.empty_like(x)
        for _ in range(2):
            assert parallel.psum(x, out=out) is out
            assert np.all(out == sum(range(1, ranks + 1)))
        strided = np.zeros(2 * size, np.float32)[::2]
        assert parallel.pmean(x, out=strided) is strided
        assert np.all(strided == (ranks + 1) / 2)
    flags = np.empty(3, bool)
    assert parallel.pmax(np.array([False, True, rank == 0]), out=flags) is flags
    assert flags.tolist() == [False, True, True]
    tree = {"a": np.ones(4), "b": [np.ones(5), np.ones((100, 100))]}
    out = {"a": np.empty(4), "b": [np.empty(5), np.empty((100, 100))]}
    result = parallel.psum(tree, out=out)
    assert result["b"][1] is out["b"][1]
    assert np.all(out["a"] == ranks)
    assert np.all(out["b"][1] == ranks)


def test_results_in_the_place_of_the_operands():
    total = sum(range(1, ranks + 1))
    for dtype in ("f4", "f8", "i2", "f2", "D"):
        for size in (5, 3000, 90_000):
            for options in ({}, {"reproducible": True}):
                for _ in range(2):
                    x = np.full(size, rank + 1).astype(dtype)
                    assert parallel.psum(x, out=x, **options) is x
                    assert np.all(x == total), (dtype, size, options)
                strided = np.full(2 * size, rank + 1).astype(dtype)[::2]
                assert parallel.psum(strided, out=strided, **options) is strided
                assert np.all(strided == total)
                x = np.full(size, rank + 1).astype(dtype)
                tree = {"a": x, "b": np.full(7, rank + 1.0)}
                parallel.psum(tree, out={"a": x[:], "b": tree["b"]}, **options)
                assert np.all(x == total)
                assert np.all(tree["b"] == total)
    x = np.full(4000, rank + 1.0)
    assert np.all(parallel.pmax(x, out=x) == ranks)
    block = np.full((2, 300), rank + 1.0)
    for out in ([block[1], block[0]], [block[0], block[0]]):
        try:
            parallel.psum([block[0], block[1]], out=out)
        except ValueError as error:
            assert "memory" in str(error)
        else:
            raise AssertionError("no error")


def test_weighted_mean():
    def mean(rows):
        with np.errstate(invalid="ignore"):
            return rows.sum(0) / len(rows) if len(rows) else np.full(rows.shape[1:], np.nan)

    for dtype in ("f8", "f4", "f2", "F", "i4"):
        for lengths in (list(range(ranks)), [5 + r for r in range(ranks)]):
            if not sum(lengths):
                continue
            everything = [x.astype(dtype) for x in data((9, 2), "f8", ranks, seed=5)]
            parts = [x[:length] for x, length in zip(everything, lengths)]
            own = mean(parts[rank]).astype(dtype if dtype != "i4" else "f8")
            wanted = np.concatenate(parts).astype("D").sum(0) / sum(lengths)
            for options in ({}, {"reproducible": True}, {"out": {"a": np.empty_like(own)}}):
                result = parallel.pmean({"a": own}, weight=lengths[rank], **options)["a"]
                assert result.dtype == own.dtype
                bound = {"f2": 5e-3, "f4": 1e-6, "F": 1e-6}.get(dtype, 1e-14)
                assert np.all(np.abs(result - wanted) <= bound * (1 + np.abs(wanted))), (dtype, result, wanted)
                assert same_bits_everywhere(result)
    huge = np.full(3, 3e38, np.float32)
    np.testing.assert_allclose(parallel.pmean(huge, weight=10), huge, rtol=1e-6)
    assert parallel.pmean(3, weight=2.0) == 3.0
    # The derivative is that of the sum over all divided by the sum of the weights, by both.
    weights = [r + 0.5 for r in range(ranks)]
    values = [2.0 * r - 1 for r in range(ranks)]

    def f(x, w):
        return parallel.pmean(x, weight=w) ** 2

    value, slope = numbafunc.jvp(f, (values[rank], weights[rank]), (1.0 + rank, 0.5))
    total = sum(weights)
    expected = sum(w * x for w, x in zip(weights, values)) / total
    np.testing.assert_allclose(value, expected**2, rtol=1e-13)
    moved = sum(w * (1.0 + r) + 0.5 * (x - expected) for r, (w, x) in enumerate(zip(weights, values))) / total
    np.testing.assert_allclose(slope, 2 * expected * moved, rtol=1e-13, atol=1e-13)
    x_slope, w_slope = numbafunc.grad(f, (0, 1), mode="reverse")(values[rank], weights[rank])
    np.testing.assert_allclose(x_slope, ranks * 2 * expected * weights[rank] / total, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(
        w_slope, ranks * 2 * expected * (values[rank] - expected) / total, rtol=1e-13, atol=1e-13
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert np.isnan(parallel.pmean(1.0, weight=0))
    assert "all weights are 0" in str(caught[0].message)
    for kind, wrong, text in [
        (ValueError, -1, "weight is -1"),
        (ValueError, np.nan, "weight is nan"),
        (ValueError, np.ones(2), "weight has shape (2,)"),
        (TypeError, "1", "weight is '1'"),
    ]:
        try:
            parallel.pmean(1.0, weight=wrong)
        except kind as error:
            assert text in str(error)
        else:
            raise AssertionError("no error")


def test_out_of_a_nest_shares_no_memory():
    x = np.full(300, rank + 1.0)
    for _ in range(2):  # the second call has its plan at once
        block = np.empty((300, 2))
        tree = {"a": x, "b": x}
        result = parallel.psum(tree, out={"a": block[:, 0], "b": block[:, 1]})
        assert np.all(block == sum(range(1, ranks + 1)))
        assert np.shares_memory(result["a"], block)
        one = np.empty(600)
        for name, wrong in {
            "two arrays": {"a": one[:300], "b": one[299:599]},
            "two": {"a": block[:, 0], "b": block[:, 0]},
            "overlaps": {"a": block[:, 0], "b": x[::-1]},
        }.items():
            try:
                parallel.psum(tree, out=wrong)
            except ValueError as error:
                assert name in str(error)
            else:
                raise AssertionError("no error")


def test_infinite_complex_numbers_have_a_mean():
    for size in (3, 300, 9000):
        for options in ({}, {"reproducible": True}):
            mean = parallel.pmean(np.full(size, complex(np.inf, rank)), **options)
            assert np.all(mean == complex(np.inf, (ranks - 1) / 2)), mean


def test_overflow_on_some_ranks_is_no_exception_between_exchanges():
    # Each rank adds up a part of its own, of which only the first overflows.
    x = np.ones(300_000, np.float32)
    x[:10] = 3e38
    with np.errstate(all="raise"):
        total = parallel.psum([x, x[1:]], reproducible=True)[0]
    assert total[-1] == ranks
    assert np.isinf(total[0]) or ranks == 1
    assert parallel.psum(1) == ranks


def test_nests_that_are_their_own_results():
    for dtype in ("f4", "i2", "?"):
        everyone = [data((40, 3), dtype, ranks, seed=seed) for seed in range(5)]
        for _ in range(3):  # the memory in which they travel is kept from the second call on
            tree = {f"{seed}": arrays[rank].copy() for seed, arrays in enumerate(everyone)}
            tree["vector"] = np.full(100, rank).astype(dtype)
            largest = parallel.pmax(tree, out={name: np.empty_like(x) for name, x in tree.items()})
            result = parallel.pmax(tree, out=tree)
            assert result is tree
            for seed, arrays in enumerate(everyone):
                np.testing.assert_array_equal(tree[f"{seed}"], np.max(arrays, 0))
                np.testing.assert_array_equal(largest[f"{seed}"], np.max(arrays, 0))
            assert np.all(tree["vector"] == np.max(np.arange(ranks).astype(dtype)))


def test_large_extrema_in_pieces():
    from numbafunc.parallel import exchange

    whole, exchange.PIECE = exchange.PIECE, 400_000
    try:
        for dtype in ("f4", "f8"):
            everyone = data(150_001, dtype, ranks)
            everyone[0][7] = np.nan
            for function, reference in ((parallel.pmax, np.max), (parallel.pmin, np.min)):
                own = everyone[rank].copy()
                found = function(everyone[rank])
                assert function(own, out=own) is own
                np.testing.assert_array_equal(found, reference(everyone, 0))
                assert found.tobytes() == own.tobytes()
                assert same_bits_everywhere(found)
    finally:
        exchange.PIECE = whole


def test_chunks():
    from numbafunc.parallel import exchange

    whole, exchange.CHUNK = exchange.CHUNK, 1000
    try:
        for dtype in ("f4", "i8", "D"):
            everyone = data(10_017, dtype, ranks)
            np.testing.assert_allclose(parallel.psum(everyone[rank]), np.sum(everyone, 0), rtol=1e-5, atol=1e-5)
    finally:
        exchange.CHUNK = whole


def test_reproducible_sums_are_those_in_the_order_of_the_ranks():
    for dtype in ("f4", "f8", "F"):
        for size in (3, 500, 300_001):
            everyone = [x * 10.0 ** (3 * r % 7) for r, x in enumerate(data(size, dtype, ranks))]
            everyone = [x.astype(dtype) for x in everyone]
            total = everyone[0].copy()
            for x in everyone[1:]:
                total += x
            alone = parallel.psum(everyone[rank], reproducible=True)
            fused = parallel.psum([everyone[rank][:2], everyone[rank], everyone[rank][1:]], reproducible=True)
            assert alone.tobytes() == total.tobytes()
            assert fused[1].tobytes() == total.tobytes()
            assert fused[2].tobytes() == total[1:].tobytes()
            mean = (total.view(total.real.dtype) / ranks).view(dtype)  # parts by themselves: NumPy rounds twice
            assert parallel.pmean(everyone[rank], reproducible=True).tobytes() == mean.tobytes()


def test_broadcast():
    root = ranks - 1
    everyone = data((40, 3), "f4", ranks)
    tree = {"a": everyone[rank], "b": [rank, True], "c": np.full(3, np.nan) if rank == root else np.ones(3)}
    result = parallel.broadcast(tree, root=root)
    assert result["a"].tobytes() == everyone[root].tobytes()
    assert result["b"] == [root, True]
    assert np.isnan(result["c"]).all()
    assert result["a"] is not tree["a"]


if __name__ == "__main__":
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            function()
            print(name, flush=True)
