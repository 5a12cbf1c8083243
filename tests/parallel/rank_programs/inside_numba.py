"""Collective functions inside compiled functions that Numba keeps on disk."""

import pickle
import sys

import numba
import numpy as np

from numbafunc import parallel
from numbafunc.parallel import pmax, psum


@numba.njit(cache=True)
def everything(x, step="step"):
    rows = parallel.all_gather(x[: parallel.axis_index()], tiled=True, name=step + str(len(x)))
    parts = parallel.pmean(x[::2]), pmax(x), parallel.pmin(x, "device")
    return rows, psum(x), parts, psum(1), psum(True), psum(2.5), psum(1j), parallel.pmean(3)


@numba.njit(cache=True, nogil=True)
def along(x):
    return psum(x, axis_name="column")


@numba.njit(cache=True)
def along_both(x):
    return psum(x, axis_name=("row", "column"))


@numba.njit(cache=True)
def single(x):
    return pmax(x)


def main():
    rank, ranks = parallel.axis_index(), parallel.axis_size()
    x = np.arange(6.0) + rank
    rows, total, (mean, largest, smallest), *numbers = everything(x)
    assert rows.tolist() == [r + i for r in range(ranks) for i in range(r)]
    np.testing.assert_array_equal(total, np.arange(6.0) * ranks + sum(range(ranks)))
    np.testing.assert_array_equal(mean, np.arange(0.0, 6.0, 2) + (ranks - 1) / 2)
    np.testing.assert_array_equal(largest, np.arange(6.0) + ranks - 1)
    np.testing.assert_array_equal(smallest, np.arange(6.0))
    assert numbers == [ranks, ranks, 2.5 * ranks, 1j * ranks, 3.0]
    assert sum(everything.stats.cache_hits.values()) == int(sys.argv[1])
    try:
        along(x)
    except NameError as error:
        assert "'column'" in str(error)
    else:
        raise AssertionError("no NameError")
    parallel.grid(row=1, column=-1)
    matrix = np.asfortranarray(np.full((30, 40), rank + 1, np.int32))
    assert along(matrix).tolist() == np.full((30, 40), sum(range(1, ranks + 1))).tolist()
    assert along_both(np.ones(3, np.float32)).tolist() == [ranks] * 3
    assert single(np.array(float(rank)))[()] == ranks - 1
    assert single(np.empty((0, 3))).shape == (0, 3)
    if ranks == 1:
        return print("done")
    try:
        single(np.ones(3 + rank))
    except parallel.CollectiveMismatchError as error:
        assert "rank 0: pmax of float64 (3,)" in str(error)
        assert "rank 1: pmax of float64 (4,)" in str(error)
        assert "inside_numba.py:" in str(error)
        kept, text = error, str(error)
    else:
        raise AssertionError("no mismatch")
    try:
        single(np.ones(5 + rank))
    except parallel.CollectiveMismatchError as error:
        assert "(6,)" in str(error)
        assert str(pickle.loads(pickle.dumps(kept))) == text
    assert single(np.full(3, rank)).tolist() == [ranks - 1] * 3
    print("done")


if __name__ == "__main__":
    main()
