"""Ranks that make different calls: an error on all of them that lists all, and the axis works afterwards."""

import numpy as np

import numbafunc
from numbafunc import parallel
from numbafunc.parallel import pmax, psum

rank, ranks = parallel.axis_index(), parallel.axis_size()
odd = rank == ranks - 1
FIRST, LAST = "rank 0: ", f"rank {ranks - 1}: "


def operation(size):
    return (pmax if odd else psum)(np.ones(size))


def shape(size):
    return psum(np.ones((size, 1) if odd else (1, size)))


def count(size):
    return psum(np.ones(size + odd))


def dtype(size):
    return psum(np.ones(size, np.float32 if odd else np.float64))


def kind(size):
    return psum(np.ones(size, np.int64 if odd else np.float64))


def nest(size):
    return psum([np.ones(size)] if odd else {"a": np.ones(size)})


def leaves(size):
    return psum([np.ones(size)] * (2 + odd))


def reproducible(size):
    return psum(np.ones(size), reproducible=odd)


def named(size):
    return psum(np.ones(size), name="charge" if odd else "mass")


def order(size):
    a, b = np.ones(size), np.ones(size)
    if odd:
        return psum(b), psum(a)
    return psum(a), psum(b)


def groups(size):
    return psum(np.ones(size), axis_index_groups=[list(range(ranks))] if odd else None)


def root(size):
    return parallel.broadcast(np.ones(size), root=int(odd))


def derivatives(size):
    x = np.ones(size)
    return numbafunc.jvp(lambda v: pmax(numbafunc.stop_gradient(v) if odd else v), (x,), (x,))


CASES = {
    operation: ("psum of float64 ({0},)", "pmax of float64 ({0},)"),
    shape: ("psum of float64 (1, {0})", "psum of float64 ({0}, 1)"),
    count: ("psum of float64 ({0},)", "psum of float64 ({1},)"),
    dtype: ("psum of float64 ({0},)", "psum of float32 ({0},)"),
    kind: ("psum of float64 ({0},)", "psum of int64 ({0},)"),
    nest: ("{{'a': *}}", "[*]"),
    leaves: ("[*, *]", "[*, *, *]"),
    reproducible: ("psum of float64 ({0},) over 'device' at", "psum of float64 ({0},) over 'device', reproducible at"),
    named: ("named 'mass'", "named 'charge'"),
    order: ("psum of float64 ({0},)", "psum of float64 ({0},)"),
    groups: ("psum of float64 ({0},)", "first use of axis"),
    root: ("from rank 0", "from rank 1"),
    derivatives: ("(1,)", "pmax of float64 ({0},)"),
}

if __name__ == "__main__":
    for size in (3, 1000, 20_000):
        for case, (usual, other) in CASES.items():
            for _ in range(2):
                try:
                    case(size)
                except parallel.CollectiveMismatchError as error:
                    text = str(error)
                else:
                    raise AssertionError(f"{case.__name__}: no error")
                listing = {line.split(":")[0].strip(): line for line in text.splitlines() if line.startswith("  rank")}
                assert list(listing) == [f"rank {r}" for r in range(ranks)], text
                assert all("mismatches.py:" in line for line in listing.values()), text
                assert usual.format(size, size + 1) in listing["rank 0"], (case.__name__, text)
                assert other.format(size, size + 1) in listing[f"rank {ranks - 1}"], (case.__name__, text)
                everyone = psum(np.full(size, 1.0))
                assert everyone.tolist() == [ranks] * size
    print("done")
