"""Ghost layers, against NumPy's pad of the whole array, on all grids that the ranks fit."""

import itertools

import ml_dtypes
import numpy as np
from common import data

import numbafunc
from numbafunc import parallel
from numbafunc.parallel import halo

rank, ranks = parallel.axis_index(), parallel.axis_size()
last = ranks - 1
GRIDS = [(rows, ranks // rows) for rows in range(1, ranks + 1) if ranks % rows == 0]
WIDTHS = [1, (2, 1), (0, 2), ((1, 1), (0, 3)), {0: 2, 1: (1, 0)}]
BORDERS = [0, -3, "edge", "reflect", "symmetric", None]
PERIODIC = [False, True, (True, False), {0: False, 1: True}]
DTYPES = ["i1", "i8", "f2", "f4", "f8", "F", "D", ml_dtypes.bfloat16, ">f4"]


def pairs(setting):
    """The setting of each of two axes, of those that the function takes."""
    if isinstance(setting, dict):
        return tuple(setting.values())
    return setting if isinstance(setting, tuple) and isinstance(setting[0], (tuple, bool)) else (setting, setting)


def wide(whole, axis, where, width, periodic, border):
    """The part of a block along an axis, with its margins, of the array as NumPy pads it."""
    before, after = width if isinstance(width, tuple) else (width, width)
    start, stop = where[0], where[1] + before + after
    if not periodic and border is None:
        start, stop = max(0, where[0] - before), min(where[1] + after, whole.shape[axis])
    elif periodic:
        whole = np.pad(whole, [(before, after) if i == axis else (0, 0) for i in range(whole.ndim)], "wrap")
    else:
        options = {"mode": border} if isinstance(border, str) else {"constant_values": border}
        whole = np.pad(whole, [(before, after) if i == axis else (0, 0) for i in range(whole.ndim)], **options)
    return np.take(whole, np.arange(start, stop), axis)


class Blocks:
    """How an array is divided: rows of ranks along axis 0, columns along axis 1, of different lengths."""

    def __init__(self, grid):
        parallel.grid(row=grid[0], column=grid[1])
        lengths = [3 + i % 2 for i in range(grid[0])], [6 - j % 3 for j in range(grid[1])]
        self.shape = tuple(map(sum, lengths))
        mine = divmod(rank, grid[1])
        self.where = [(sum(some[:i]), sum(some[: i + 1])) for some, i in zip(lengths, mine, strict=True)]

    def block(self, whole):
        (a, b), (c, d) = self.where
        return whole[a:b, c:d]

    def wide(self, whole, width, periodic, border):
        for axis, (one, wraps) in enumerate(zip(pairs(width), pairs(periodic), strict=True)):
            whole = wide(whole, axis, self.where[axis], one, wraps, border)
        return whole


def same(got, wanted):
    assert type(got) is np.ndarray
    assert got.dtype == wanted.dtype.newbyteorder("="), (got.dtype, wanted.dtype)
    assert got.shape == wanted.shape, (got.shape, wanted.shape)
    np.testing.assert_array_equal(got.astype("D"), wanted.astype("D"))


def test_grids():
    dtypes = itertools.cycle(DTYPES)
    for grid in GRIDS:
        blocks = Blocks(grid)
        for width, periodic, border in itertools.product(WIDTHS, PERIODIC, BORDERS):
            if periodic is True and border:
                continue  # there is none
            dtype = np.dtype(next(dtypes))
            (whole,) = data(blocks.shape, dtype, 1, seed=ranks)
            options = {"width": width, "periodic": periodic, "border": border}
            try:
                wanted = blocks.wide(whole, **options)
                for _ in range(2):  # the second call takes what the first one has prepared
                    same(halo(blocks.block(whole), ("row", "column"), **options), wanted)
            except BaseException:
                print(grid, dtype, options)
                raise


def test_layouts_and_axes():
    for grid in GRIDS:
        blocks = Blocks(grid)
        for dtype in (bool, "i2", "f8", "D"):
            (whole,) = data((*blocks.shape, 3), dtype, 1, seed=7)
            block, wanted = blocks.block(whole), blocks.wide(whole, (2, 1), True, 0)
            for given in (block, np.asfortranarray(block), block[::-1, :, ::-1].copy()[::-1, :, ::-1]):
                before = given.tobytes()
                same(halo(given, {1: "column", -3: "row"}, width=(2, 1), periodic=True), wanted)
                assert given.tobytes() == before
            for order in itertools.permutations(range(3)):
                names = [None] * 3
                names[order.index(0)], names[order.index(1)] = "row", "column"
                given = np.ascontiguousarray(block.transpose(order))
                same(halo(given, tuple(names), width=(2, 1), periodic=True), wanted.transpose(order))
            one = blocks.block(whole[..., :1])  # of shapes with a length of 1, and of 0
            same(halo(one, ("row", "column"), width=2, border="edge"), blocks.wide(whole[..., :1], 2, False, "edge"))
            assert halo(one[..., :0], ("row", "column")).shape == (*halo(one, ("row", "column")).shape[:2], 0)
            packed = np.zeros(block.shape, [("pad", "i1"), ("x", block.dtype)])["x"]
            packed[...] = block  # not aligned
            same(halo(packed, ("row", "column"), width=(2, 1), periodic=True), wanted)


def test_nests_are_widened_together():
    for grid in GRIDS:
        blocks = Blocks(grid)
        (a,), (b,) = data(blocks.shape, "f4", 1, seed=1), data((*blocks.shape, 2), "i8", 1, seed=2)
        options = {"width": ((1, 1), (0, 2)), "periodic": (False, True), "border": 4}
        # Axes of communicators that have no grid in common can be widened one after the other.
        rows = halo(blocks.block(a), {0: "row"}, border=4)
        same(halo(rows, {1: "column"}, width=(0, 2), periodic=True), blocks.wide(a, **options))
        nest = {"b": [blocks.block(b)], "a": (blocks.block(a), None)}
        found = halo(nest, ("row", "column"), **options, name="both")
        same(found["a"][0], blocks.wide(a, **options))
        same(found["b"][0], blocks.wide(b, **options))
        assert found["a"][1] is None


def test_ranks_in_one_line():
    lengths = [2 + 3 * (r % 2) for r in range(ranks)]
    (whole,) = data((sum(lengths), 4), "f8", 1)
    where = sum(lengths[:rank]), sum(lengths[: rank + 1])
    block = whole[slice(*where)]
    for border in BORDERS:
        width = 2 if border != "reflect" else 1
        same(halo(block, width=width, border=border), wide(whole, 0, where, width, False, border))
    grid = GRIDS[len(GRIDS) // 2]
    parallel.grid(row=grid[0], column=grid[1])
    same(halo(block, {0: ("row", "column")}, width=2, periodic=True), wide(whole, 0, where, 2, True, 0))
    if rank > 0:  # a block may be short where nobody needs more of it
        block = block[:, :1]
    same(halo(whole[slice(*where)][:, :1], width=(0, 2)), wide(whole[:, :1], 0, where, (0, 2), False, 0))
    short = np.full((2 if rank < last else 0, 3), float(rank))
    assert halo(short, width=(2, 0)).shape == (short.shape[0] + 2, 3)
    assert halo(short, width=(2, 0))[0, 0] == max(0, rank - 1)


def test_large_blocks_and_many_calls():
    # Above the size at which the MPI libraries send a message only when it is asked for.
    (whole,) = data((ranks * 40, 50_000), "f8", 1)
    where = rank * 40, rank * 40 + 40
    block = whole[slice(*where)]
    same(halo(block, width=20, periodic=True), wide(whole, 0, where, 20, True, 0))
    columns = np.ascontiguousarray(block.T)
    same(halo(columns, {1: "device"}, width=20, periodic=True), wide(whole, 0, where, 20, True, 0).T)
    x = np.array([float(rank)])
    for _ in range(40):
        x = halo(x, periodic=True)[:-2]
    assert x == (rank - 40) % ranks


def test_out():
    for grid in GRIDS:
        blocks = Blocks(grid)
        (whole,) = data(blocks.shape, "f8", 1)
        block, wanted = blocks.block(whole), blocks.wide(whole, 1, (True, False), 5)
        options = {"periodic": (True, False), "border": 5}
        for out in (np.empty(wanted.shape), np.empty(wanted.shape[::-1]).T, np.empty((*wanted.shape, 2))[..., 1]):
            for _ in range(2):
                out[...] = np.nan
                assert halo(block, ("row", "column"), **options, out=out) is out
                same(out, wanted)
        for _ in range(3):
            u = np.full(wanted.shape, np.nan)
            u[1:-1, 1:-1] = block
            assert halo(u[1:-1, 1:-1], ("row", "column"), **options, out=u) is u
            same(u, wanted)
        trees = [np.empty(wanted.shape), np.empty(wanted.shape)]
        assert halo([block, 2 * block], ("row", "column"), out=trees, **options)[1] is trees[1]
        same(trees[0], wanted)
        read_only = np.empty(wanted.shape)
        read_only.flags.writeable = False
        for kind, words, out in [
            (ValueError, "out has shape", np.empty(block.shape)),
            (TypeError, "out has dtype float32; wanted: float64", np.empty(wanted.shape, "f4")),
            (ValueError, "read-only", read_only),
        ]:
            refused(kind, words, halo, block, ("row", "column"), **options, out=out)
        u = np.zeros((wanted.shape[0] + 1, wanted.shape[1]))
        refused(ValueError, "out overlaps", halo, u[:-3, 1:-1], ("row", "column"), out=u[:-1])
        assert halo(u[1:-2, 1:-1], ("row", "column"), out=u[:-1]) is not None
        refused(ValueError, "out overlaps", halo, u[:-3, 1:-1], ("row", "column"), out=u[:-1])


def test_a_constant_border_has_no_derivative():
    x, v = np.arange(2.0) + rank, np.ones(2)
    value, tangent = numbafunc.jvp(lambda y: halo({"a": y * y, "b": np.ones((1, 1))}, border=7.5)["a"], (x,), (v,))
    same(value, halo(x * x, border=7.5))
    same(tangent, halo(2 * x, border=0))
    slope = numbafunc.grad(lambda y: np.sum(halo(y, border=7.5) ** 2), mode="reverse")(x)
    same(slope, (2 + 2 * ((np.arange(2) == 0) * (rank > 0) + (np.arange(2) == 1) * (rank < last))) * x)


def mismatch(words, *arguments, **options):
    try:
        halo(*arguments, **options)
    except parallel.CollectiveMismatchError as error:
        for word in words:
            assert word in str(error), str(error)
        for r in range(ranks):
            assert f"rank {r}: halo of " in str(error), str(error)
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
    x = np.ones((4, 5))
    mismatch(["float64 (4, 5)", "float64 (4, 6)", "halos.py:"], np.ones((4, 5 + odd)))
    mismatch(["float64", "float32"], x.astype("f4") if odd else x)
    mismatch(["width (1, 1)", "width (2, 2)"], x, width=1 + odd)
    mismatch(["periodic True", "periodic False"], x, periodic=odd)
    mismatch(["border 1", "border 'edge'"], x, border="edge" if odd else 1)
    mismatch(["named 'a'", "named 'b'"], x, name="b" if odd else "a")
    mismatch(["{0: 'device'}", "{1: 'device'}"], x, {int(odd): "device"})
    for grid in GRIDS:
        Blocks(grid)
        row, column = divmod(rank, grid[1])
        if grid[1] > 1:  # a row of blocks of which one is higher than the others
            mismatch(["side by side on axis"], np.ones((4 + odd, 5)), ("row", "column"))
        if grid[0] > 1:
            mismatch(["side by side on axis"], np.ones((4, 5 + odd)), ("row", "column"))
        assert halo(np.ones((4 + row, 5 + column)), ("row", "column")).shape == (6 + row, 7 + column)


def test_a_block_that_is_too_small_is_named_on_all_ranks():
    for small in {0, last}:
        short = 1 if rank == small else 3
        for options, possible in [({"periodic": True}, False), ({"border": "symmetric"}, False), ({}, ranks == 1)]:
            nest = {"a": np.ones(9), "b": np.ones((short, 4))}
            if possible:
                halo(nest, width=2, **options)
            else:
                words = f"rank {small}: too small: x['b'] has length 1 along axis 0; needed: 2: halo of float64 (9,)"
                refused(ValueError, words, halo, nest, width=2, **options)
        refused(ValueError, "along axis 0; needed: 4", halo, np.ones((3, 4)), width=(0, 4), periodic=True)
        assert parallel.psum(1) == ranks
    for grid in GRIDS:
        Blocks(grid)
        short = 1 if rank // grid[1] == grid[0] - 1 else 2
        refused(ValueError, "along axis 0", halo, np.ones((short, 4)), ("row", "column"), width=2, periodic=True)
    assert parallel.psum(1) == ranks


if __name__ == "__main__":
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            function()
            print(name, flush=True)
    print("done")
