"""Derivatives through reductions against formulas."""

import numpy as np
from common import data

import numbafunc
from numbafunc import parallel

rank, ranks = parallel.axis_index(), parallel.axis_size()
factors = [r + 1.0 for r in range(ranks)]
total = sum(factors)
mine = factors[rank]


def test_sum_and_mean():
    for size in (3, 400, 20_000):
        x, direction = (parallel.broadcast(v) for v in data(size, "f8", 2, seed=size))
        value, tangent = numbafunc.jvp(lambda v: parallel.psum(mine * v**2), (x,), (direction,))
        np.testing.assert_allclose(value, total * x**2, rtol=1e-14)
        np.testing.assert_allclose(tangent, total * 2 * x * direction, rtol=1e-14, atol=1e-14)
        value, tangent = numbafunc.jvp(
            lambda v: parallel.pmean({"a": mine * v, "b": [np.float32(2)]}, reproducible=True), (x,), (direction,)
        )
        np.testing.assert_allclose(tangent["a"], total / ranks * direction, rtol=1e-14)
        assert tangent["b"][0] == 0


def test_batched_and_nested():
    x = np.array([1.0, 2.0, 3.0])
    jacobian = numbafunc.jacfwd(lambda v: parallel.psum(mine * v**3))(x)
    np.testing.assert_allclose(jacobian, np.diag(3 * total * x**2), rtol=1e-14)
    second = numbafunc.grad(lambda v: parallel.psum(numbafunc.grad(lambda w: mine * w**3)(v)))(2.0)
    np.testing.assert_allclose(second, 12 * total, rtol=1e-14)
    mixed = numbafunc.grad(lambda v: v * numbafunc.grad(lambda w: parallel.psum(mine * w * v))(1.0))(3.0)
    np.testing.assert_allclose(mixed, 2 * 3 * total, rtol=1e-14)


def test_extrema_take_the_tangent_of_the_winner():
    for size in (4, 300, 9000):
        x = np.tile([1.0, -1.0, 2.0, -3.0], size // 4)
        value, tangent = numbafunc.jvp(lambda v: parallel.pmax(mine * v), (x,), (np.ones(size),))
        best = np.where(x > 0, max(factors), min(factors))
        np.testing.assert_array_equal(value, best * x)
        np.testing.assert_array_equal(tangent, best)
        value, tangent = numbafunc.jvp(lambda v: parallel.pmin([v, mine * v]), (x,), (np.ones(size),))
        np.testing.assert_array_equal(tangent[1], np.where(x < 0, max(factors), min(factors)))
        np.testing.assert_array_equal(tangent[0], np.ones(size))


def test_ties_go_to_the_lowest_rank():
    slope = np.float32(mine)
    value, tangent = numbafunc.jvp(
        lambda v: parallel.pmax(slope * v), (np.zeros(3, np.float32),), (np.ones(3, np.float32),)
    )
    assert value.dtype == tangent.dtype == np.float32
    assert tangent.tolist() == [1.0] * 3


def test_losers_contribute_nothing():
    last = rank == ranks - 1
    offset = np.array([5.0, np.nan]) if last else np.zeros(2)
    direction = np.array([2.0, 7.0]) if last else np.array([np.inf, np.nan])
    value, tangent = numbafunc.jvp(lambda v: parallel.pmax(v + offset), (np.zeros(2),), (direction,))
    assert value[0] == 5
    assert np.isnan(value[1])
    assert tangent.tolist() == [2.0, 7.0]


def test_second_derivative_of_an_extremum():
    second = numbafunc.grad(numbafunc.grad(lambda v: parallel.pmax(mine * v**3)))(2.0)
    np.testing.assert_allclose(second, max(factors) * 12.0, rtol=1e-14)


def test_broadcast_carries_tangents():
    _, tangent = numbafunc.jvp(lambda v: parallel.broadcast(mine * v, root=ranks - 1), (2.0,), (1.0,))
    assert tangent == factors[-1]


def test_derivatives_on_some_ranks_only_are_refused():
    if ranks == 1:
        return

    def f(v):
        return parallel.psum(v if rank == 0 else numbafunc.stop_gradient(v))

    try:
        numbafunc.jvp(f, (np.ones(3),), (np.ones(3),))
    except parallel.CollectiveMismatchError as error:
        assert "derivatives" in str(error)
    else:
        raise AssertionError("no error")


if __name__ == "__main__":
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            function()
            print(name, flush=True)
