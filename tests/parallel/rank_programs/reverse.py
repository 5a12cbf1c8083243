"""Gradients by reverse mode through reductions.

The gradient on a rank is that of the sum of the functions of all ranks, with respect to this rank's variables. So it
is compared with differences of that sum, and where forward mode can move the variables of one rank at a time, with it.
"""

import numpy as np
from common import data, world

import numbafunc
from numbafunc import parallel
from numbafunc.dual import recorder

rank, ranks = parallel.axis_index(), parallel.axis_size()
last = ranks - 1
X = data(3, "f8", ranks, seed=1)[rank]
V = data(3, "f8", ranks, seed=2)[rank]
WEIGHTS = np.arange(1.0, 4.0) * (rank + 1)


def one_more(x):
    """A function of several reductions in a row."""
    s = parallel.psum(np.sin(x))
    return np.sum(parallel.pmean(s * x) ** 2 * WEIGHTS)


def reduced_in_a_nest(x):
    tree = parallel.psum({"a": x * x, "b": (x[0], np.float64(rank), [np.arange(2)])})
    return np.sum(tree["a"] * WEIGHTS) + tree["b"][0] * x[1]


def of_some_ranks(x):
    s = parallel.psum(x * x)
    return np.sum(s**2) if rank == 0 else np.sum(x)


def of_no_rank(x):
    parallel.psum(x * x)
    return np.sum(np.sin(x))


def of_a_part(x):
    s = parallel.psum(x * x)
    return s[rank % 3] * x[0] if rank != last else x[0] * x[1]


GROUPS = [[0], list(range(1, ranks))] if ranks > 1 else [[0]]


def in_groups(x):
    s = parallel.psum(np.exp(x), axis_index_groups=GROUPS)
    return np.sum(s * s * WEIGHTS)


def mean_in_groups(x):
    return np.sum(parallel.pmean(x * x, axis_index_groups=GROUPS) * x)


def largest_in_groups(x):
    return np.sum(parallel.pmax(x * x, axis_index_groups=GROUPS) * x)


FUNCTIONS = {
    "sum": lambda x: np.sum(parallel.psum(x * x) * WEIGHTS),
    "reproducible sum": lambda x: np.sum(parallel.psum(x * x, reproducible=True) * WEIGHTS),
    "mean": lambda x: np.sum(np.sin(parallel.pmean(x)) * WEIGHTS),
    "largest": lambda x: np.sum(parallel.pmax(x * x) * x),
    "smallest": lambda x: np.sum(parallel.pmin({"a": np.sin(x), "b": x[0]})["a"] * x),
    "broadcast": lambda x: np.sum(parallel.broadcast(x * x, root=last) * x),
    "broadcast of a nest": lambda x: np.sum(parallel.broadcast({"a": np.sin(x), "n": 3}, root=0)["a"] ** 2 * WEIGHTS),
    "several": one_more,
    "nest": reduced_in_a_nest,
    "of some ranks": of_some_ranks,
    "of no rank": of_no_rank,
    "of a part": of_a_part,
    "groups": in_groups,
    "mean of groups": mean_in_groups,
    "largest of groups": largest_in_groups,
}


def differences(f, x, step=1e-3):
    """The gradient of the sum of f over the ranks, by differences of sixth order of one variable at a time."""
    result = np.zeros_like(x)
    for other in range(ranks):
        for i in range(x.size):
            slope = 0.0
            for multiple, weight in ((1, 45), (2, -9), (3, 1)):
                for sign in (1, -1):
                    moved = x.copy()
                    if other == rank:
                        moved[i] += sign * multiple * step
                    slope += sign * weight * world().allreduce(float(f(moved)))
            if other == rank:
                result[i] = slope / (60 * step)
    return result


def close(got, wanted, tolerance=1e-8):
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


def gradient(f):
    return numbafunc.grad(f, mode="reverse")


def test_gradient():
    for name, f in FUNCTIONS.items():
        print(name, flush=True)
        close(gradient(f)(X), differences(f, X))
        value, slope = numbafunc.value_and_grad(f, mode="reverse")(X)
        assert value == f(X)
        close(slope, gradient(f)(X), 1e-15)


def test_gradient_against_forward_mode():
    # The variables of one rank at a time move: the tangents of all ranks' results add up to one derivative.
    for name, f in FUNCTIONS.items():
        print(name, flush=True)
        wanted = np.zeros(3)
        for other in range(ranks):
            for i, unit in enumerate(np.eye(3)):
                slope = numbafunc.jvp(f, (X,), (unit * (other == rank),))[1]
                total = world().allreduce(float(slope))
                if other == rank:
                    wanted[i] = total
        close(gradient(f)(X), wanted, 1e-13)


def test_second_order():
    for name, f in FUNCTIONS.items():
        print(name, flush=True)
        # The Hessian of the sum over the ranks times the direction of all ranks' variables.
        wanted = differences(lambda x, f=f: np.sum(gradient(f)(x) * V), X)
        close(numbafunc.hvp(f, (X,), (V,), mode="reverse"), wanted, 1e-7)
        close(gradient(lambda x, f=f: numbafunc.jvp(f, (x,), (V,))[1])(X), wanted, 1e-7)
        close(gradient(lambda x, f=f: np.sum(gradient(f)(x) * V))(X), wanted, 1e-7)


def test_pull():
    _, pull = numbafunc.vjp(lambda x: parallel.psum(x * x), X)
    for _ in range(2):
        total = world().allreduce(WEIGHTS)
        close(pull(WEIGHTS)[0], 2 * X * total, 1e-14)
    # A cotangent of zero on some ranks: all take part.
    part = WEIGHTS if rank == last else np.zeros(3)
    close(pull(part)[0], 2 * X * np.arange(1.0, 4.0) * (last + 1), 1e-14)
    (none,) = pull(None)
    assert not none.any()
    _, pull = numbafunc.vjp(lambda x: parallel.psum(x, axis_index_groups=GROUPS), X)
    members = next(group for group in GROUPS if rank in group)
    close(pull(WEIGHTS)[0], np.arange(1.0, 4.0) * sum(member + 1 for member in members), 1e-14)


def test_jacobian():
    # Each row is that of the sum of the ranks' outputs of the same index.
    jacobian = numbafunc.jacrev(lambda x: parallel.psum(x**3) * (rank + 1.0))(X)
    total = sum(r + 1.0 for r in range(ranks))
    close(jacobian, np.diag(3 * X**2) * total, 1e-14)
    close(numbafunc.jacrev(lambda x: parallel.psum(x**3), chunk_size=2)(X), np.diag(3 * X**2) * ranks, 1e-14)


def test_large_arrays_and_dtypes():
    for dtype in ("f4", "f8"):
        x = data(20_000, dtype, ranks, seed=3)[rank]
        slope = gradient(lambda x: np.sum(parallel.psum(x) ** 2))(x)
        assert slope.dtype == x.dtype
        total = np.sum(data(20_000, dtype, ranks, seed=3), 0)
        np.testing.assert_allclose(slope, 2 * ranks * total, rtol=1e-4, atol=1e-4)


def test_data_parallel_training_step():
    # The gradient of the mean loss with respect to weights that all ranks have in common, as users write it.
    weights = np.array([0.3, -0.2, 0.5])
    everything = data((8, 3), "f8", ranks, seed=4)

    def loss(w, x):
        return np.mean(numbafunc.softplus(x @ w))

    mine = parallel.pmean(gradient(lambda w: loss(w, everything[rank]))(weights))
    close(mine, gradient(lambda w: loss(w, np.concatenate(everything)))(weights), 1e-13)


def test_linearize():
    x, v = data(40, "f8", ranks, seed=5)[rank], data(40, "f8", ranks, seed=6)[rank]
    f = lambda x: np.sin(parallel.psum(x * x)) * x  # noqa: E731
    value, push = numbafunc.linearize(f, x)
    for factor in (1.0, -2.0):
        close(push(factor * v), numbafunc.jvp(f, (x,), (factor * v,))[1], 1e-12)
    close(value, f(x), 1e-15)


def test_checkpoints():
    @numbafunc.checkpoint
    def layer(x):
        return np.tanh(parallel.psum(x) * 0.3 + x)

    def f(x):
        return np.sum(layer(layer(x)) * WEIGHTS)

    def on_some_ranks(x):
        y = layer(x)
        return np.sum(y * WEIGHTS) if rank == 0 else np.sum(x)

    def steps(x):
        step = numbafunc.checkpoint(lambda c, x: (np.tanh(parallel.pmean(c * x) + c), parallel.pmax(c)))
        c, ys = numbafunc.scan(step, x, np.linspace(0.5, 1.5, 7))
        return np.sum(c * WEIGHTS) + np.sum(ys**2) if rank == last else np.sum(c)

    for g in (f, on_some_ranks, steps):
        close(gradient(g)(X), differences(g, X))
        wanted = differences(lambda x, g=g: np.sum(gradient(g)(x) * V), X)
        close(numbafunc.hvp(g, (X,), (V,), mode="reverse"), wanted, 1e-7)
        close(gradient(lambda x, g=g: numbafunc.jvp(g, (x,), (V,))[1])(X), wanted, 1e-7)
        close(gradient(lambda x, g=g: np.sum(gradient(g)(x) * V))(X), wanted, 1e-7)


def test_failures_leave_nothing_behind():
    def failing(x):
        parallel.psum(x)
        raise RuntimeError("after a call")

    try:
        gradient(failing)(X)
    except RuntimeError as error:
        assert "after a call" in str(error)


def test_nothing_is_left_behind():
    assert not recorder.SHARED


if __name__ == "__main__":
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            function()
            print(name, flush=True)
