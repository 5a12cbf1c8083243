"""All collective functions inside compiled functions: the bits, dtypes, shapes and errors that they have outside."""

import warnings
from typing import NamedTuple

import numba
import numpy as np
from common import data

import numbafunc
from numbafunc import parallel

rank, ranks = parallel.axis_index(), parallel.axis_size()
last = ranks - 1
CIRCLE = [(r, (r + 1) % ranks) for r in range(ranks)]


class Pair(NamedTuple):
    a: tuple
    b: float


def reductions(x, n, text, ordered):
    return (
        parallel.psum(x, name=text),
        parallel.psum(Pair((x, n), 2.5), name="nest", reproducible=ordered),
        parallel.pmean(x, "device", reproducible=True),
        parallel.pmean((x[0, 1], x), weight=n, name=text + str(x.ndim)),
        parallel.pmean(n, weight=0.5),
        parallel.pscan(x, exclusive=ordered),
        parallel.pscan(n > 0, op="sum"),
    )


def comparisons(x, n):
    extrema = parallel.pmax(x), parallel.pmin((x[0, 0], n)), parallel.pscan(x, op="max", exclusive=n < 0)
    return extrema, parallel.pargmax(x), parallel.pargmin((x, -n))


def movements(x, n, root, axis, circle):
    parallel.barrier(name="here")
    size = parallel.axis_size()
    return (
        parallel.broadcast((x, n), root=root),
        parallel.all_gather(x, axis=axis),
        parallel.all_gather(x[: parallel.axis_index()], tiled=True, name="uneven"),
        parallel.all_gather((n, x[0, 0])),
        parallel.reduce_scatter(np.ones(size) * n),
        parallel.reduce_scatter(x, tiled=True, axis=axis),
        parallel.all_to_all(x[:size].T, split_axis=1, concat_axis=0),
        parallel.all_to_all(x, tiled=True, concat_axis=axis),
        parallel.ppermute(x, perm=circle),
        parallel.ppermute(n, perm=((0, last), (last, 0)) if last else ((0, 0),)),
    )


def of_every_dtype(x, circle, text):
    return (
        parallel.psum((x[0], x[0, 1]), name=text),
        parallel.pmean(x),
        parallel.reduce_scatter(x, name=text),
        parallel.all_gather((x[:, ::2], x[0, 0])),
        parallel.ppermute(x, perm=circle),
    )


def axes():
    return parallel.axis_index("column"), parallel.axis_size(("row", "column")), parallel.psum(1, "column")


def leaves(nest):
    return [leaf for one in nest for leaf in leaves(one)] if isinstance(nest, tuple) else [np.asarray(nest)]


def same(f, *arguments):
    found = [leaves(one(*arguments)) for one in (numba.njit(f), f)]
    for got, wanted in zip(*found, strict=True):
        if not wanted.ndim:  # Numba gives numbers to Python without their dtype
            got = got.astype(wanted.dtype)
        assert got.dtype == wanted.dtype, (f.__name__, got.dtype, wanted.dtype)
        assert got.shape == wanted.shape, (f.__name__, got.shape, wanted.shape)
        assert got.tobytes() == wanted.tobytes(), (f.__name__, got, wanted)


def test_values():
    x = data((2 * ranks, 2 * ranks), "f8", ranks, seed=1)[rank]
    same(reductions, x, rank + 1, "gänzlich 測", rank < 0)
    same(comparisons, x, rank)
    same(movements, x.T, rank + 1, last, 1, CIRCLE)
    for dtype in ("?", "i2", "c8"):
        x = data((ranks, 40), dtype, ranks, seed=2)[rank]
        same(of_every_dtype, x, np.array(CIRCLE), "step")
    parallel.grid(row=1, column=-1)
    same(axes)


def raised(kind, words, f, *arguments):
    try:
        numba.njit(f)(*arguments)
    except kind as error:
        assert words in str(error), str(error)
    else:
        raise AssertionError(f"no {kind.__name__}")


def test_errors():
    x = np.ones((ranks + 1, 3))
    raised(ValueError, f"root is 7; wanted: from 0 to {last}", lambda x: parallel.broadcast(x, root=7), x)
    raised(ValueError, f"x has length {ranks + 1} along axis 0", lambda x: parallel.reduce_scatter(x), x)
    raised(ValueError, "axis is 2, but x has 2 axes", lambda x: parallel.all_gather(x, tiled=True, axis=2), x)
    raised(ValueError, "weight is -1", lambda x: parallel.pmean(x, weight=-1.0), x)
    raised(NameError, "no axis 'planes'", lambda: parallel.axis_size("planes"))
    if ranks > 1:
        mismatch = parallel.CollectiveMismatchError
        odd = rank == last
        raised(mismatch, "named 'step 1'", lambda x, step: parallel.psum(x, name=f"step {step}"), x, int(odd))
        raised(mismatch, "all_gather along axis 0 of float64", lambda x: parallel.all_gather(x), np.ones(3 + odd))
        raised(mismatch, "reproducible", lambda x, odd: parallel.psum(x, reproducible=odd), x, odd)
        raised(mismatch, "barrier", lambda x: parallel.barrier() if x else parallel.barrier(name="b"), odd)
        assert parallel.psum(1) == ranks


def test_derivatives():
    weights = np.arange(1.0, 4.0) * (rank + 1)
    for f in (
        lambda x: np.sum(parallel.psum(x * x) * x * weights),
        lambda x: np.sum(parallel.pmax(x) * weights),
        lambda x: np.sum(parallel.all_gather(x**2) * (rank + 1)),
        lambda x: np.sum(parallel.ppermute(x**3, perm=CIRCLE) * weights),
    ):
        compiled = numba.njit(f)
        for mode in ("forward", "reverse"):
            x = data(3, "f8", ranks, seed=2)[rank]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", numbafunc.errors.CompiledDerivativeWarning)
                found = [numbafunc.grad(lambda v, g=g: g(v), mode=mode)(x) for g in (compiled, f)]
            np.testing.assert_array_equal(*found)


if __name__ == "__main__":
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            function()
            print(name, flush=True)
