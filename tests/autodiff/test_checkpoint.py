"""Checkpoints: the same values and derivatives with less memory, alone and as the step of scan."""

import gc
import tracemalloc

import numba
import numpy as np
import pytest

import numbafunc
from numbafunc import checkpoint, grad, hvp, jacfwd, jacrev, jvp, linearize, scan, value_and_grad, vjp
from numbafunc.dual import levels

GENERATOR = np.random.default_rng(12)
W = GENERATOR.normal(size=(5, 5)) / 3
X = GENERATOR.normal(size=(4, 5))
V = GENERATOR.normal(size=(5, 5))


def identity(f):
    return f


def with_arguments(w, wrap):
    layer = wrap(lambda h, w: np.tanh(h @ w))
    h = X
    for _ in range(4):
        h = layer(h, w)
    return np.sum(h * h)


def with_captured(w, wrap):
    layer = wrap(lambda h: np.tanh(h @ w) + np.sum(w * w) / 50)
    h = w[:4] * 1.0
    for _ in range(4):
        h = layer(h)
    return np.sum(h * h)


def all_captured(w, wrap):
    # Arguments that are constant: only what the function refers to moves.
    return np.sum(wrap(lambda h, n: np.sin(h @ w) * n)(X, 3) ** 2)


def nested(w, wrap):
    inner = wrap(lambda h: np.tanh(h @ w))
    outer = wrap(lambda h: inner(inner(h) * 0.5) + h)
    return np.sum(outer(outer(w[:4] * 1.0)) ** 2)


def nests(w, wrap):
    def block(p, *, scale):
        return {"h": p["h"] @ p["w"] * scale, "norm": (np.sum(p["w"] ** 2), None, np.argmax(p["h"]))}

    result = wrap(block)({"h": np.sin(w[:3]), "w": w}, scale=w[0, 0])
    assert isinstance(result["norm"][2], np.integer)
    return np.sum(result["h"] ** 2) * result["norm"][0]


def part_of_the_result(w, wrap):
    first, _ = wrap(lambda w: (w @ w, np.linalg.inv(w)))(w)
    return np.sum(first**2)


def with_ops(w, wrap):
    block = wrap(lambda x: numbafunc.softmax(numbafunc.gelu(x) * x[0, 0]))
    return numbafunc.logsumexp(block(block(w)) * w)


def in_place(w, wrap):
    def block(x):
        y = x * 1.0
        y[1:] += np.sin(y[:-1]) * x[1:]
        y[:, 0] = x[:, 1]
        return y

    return np.sum(wrap(block)(wrap(block)(w)) ** 2)


PROGRAMS = [
    with_arguments, with_captured, all_captured, nested, nests, part_of_the_result, with_ops, in_place,
]  # fmt: skip
each = pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)


@each
def test_gradient(program):
    value, gradient = value_and_grad(program, mode="reverse")(W, checkpoint)
    assert value == program(W, identity)
    wanted = grad(program, mode="forward")(W, identity)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-12, atol=1e-13)
    # With checkpoints the same steps are taken back, in the same order.
    np.testing.assert_allclose(gradient, grad(program, mode="reverse")(W, identity), rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(grad(program, mode="forward")(W, checkpoint), wanted)


@each
def test_second_order(program):
    f = lambda w: program(w, checkpoint)  # noqa: E731
    plain = lambda w: program(w, identity)  # noqa: E731
    wanted = hvp(plain, (W,), (V,), mode="forward")
    close = {"rtol": 1e-10, "atol": 1e-11}
    np.testing.assert_allclose(hvp(f, (W,), (V,), mode="reverse"), wanted, **close)
    np.testing.assert_allclose(grad(lambda w: jvp(f, (w,), (V,))[1], mode="reverse")(W), wanted, **close)
    twice = grad(lambda w: np.sum(grad(f, mode="reverse")(w) * V), mode="reverse")(W)
    np.testing.assert_allclose(twice, wanted, **close)


@each
def test_steps_taken_again(program):
    w = np.concatenate([W.ravel(), np.zeros(20)])  # enough variables for a tape
    f = lambda w: program(w[:25].reshape(5, 5), checkpoint)  # noqa: E731
    value, push = linearize(f, w)
    for _ in range(2):
        v = GENERATOR.normal(size=45)
        np.testing.assert_allclose(push(v), jvp(f, (w,), (v,))[1], rtol=1e-12)
    assert value == f(w)


def test_jacobian():
    f = checkpoint(lambda x, y: {"a": np.outer(x, y), "b": np.sum(x) * y})
    x, y = X[0], X[1, :3]
    got = jacrev(lambda x, y: f(x, y), (0, 1), chunk_size=4)(x, y)
    wanted = jacfwd(lambda x, y: f(x, y), (0, 1))(x, y)
    for name in "ab":
        for one, other in zip(got[name], wanted[name], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)


def test_pull_may_be_called_again():
    _, pull = vjp(checkpoint(lambda x: np.sin(x) * x), X)
    wanted = np.cos(X) * X + np.sin(X)
    for factor in (1.0, 2.0):
        np.testing.assert_allclose(pull(np.full(X.shape, factor))[0], factor * wanted, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_dtypes(dtype):
    x = X.astype(dtype)
    gradient = grad(lambda x: np.sum(checkpoint(np.sin)(x)), mode="reverse")(x)
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient, np.cos(x), rtol=1e-3, atol=1e-3)


def test_runs():
    calls = []

    def f(x):
        calls.append(1)
        return np.sin(x)

    counted = checkpoint(f)
    np.testing.assert_array_equal(counted(X), np.sin(X))
    assert len(calls) == 1
    jvp(counted, (X,), (X,))
    assert len(calls) == 2
    calls.clear()
    _, pull = vjp(counted, X)
    assert len(calls) == 1
    pull(X)
    assert len(calls) == 2
    calls.clear()
    # No second run where the result has no cotangent.
    grad(lambda x: (counted(x), np.sum(x))[1], mode="reverse")(X)
    assert len(calls) == 1


def test_name_and_docstring_are_kept():
    assert checkpoint(with_arguments).__name__ == "with_arguments"


@pytest.mark.parametrize("f", [None, 3, "text"])
def test_what_is_no_function_is_refused(f):
    with pytest.raises(TypeError, match=f"checkpoint is given a {type(f).__name__}; wanted: a function"):
        checkpoint(f)


def test_exceptions_in_either_run_leave_no_level():
    before = set(levels.LIVE)
    calls = []
    limit = 0

    def failing(x):
        calls.append(1)
        if len(calls) > limit:
            raise RuntimeError("in a run")
        return np.sin(x)

    for runs in (0, 1):
        calls.clear()
        limit = runs
        with pytest.raises(RuntimeError, match="in a run"):
            grad(lambda x: np.sum(checkpoint(failing)(x)), mode="reverse")(X)
        assert before == levels.LIVE


def test_another_array_in_the_second_run_is_noticed():
    def f(w):
        held = [w * 2.0, w * 3.0]
        block = checkpoint(lambda x: np.sum(x * (held.pop() * 0.0 + 1.0)))
        return block(w)

    with pytest.raises(RuntimeError, match="refers to another array in its second run"):
        grad(f, mode="reverse")(X)


def test_levels_of_arguments_and_of_what_is_referred_to():
    # The argument moves at the outer level, the array that the function refers to at the inner one, and the reverse.
    def inner_captured(v, wrap):
        return np.sum(grad(lambda w: np.sum(wrap(lambda h: np.sin(h * w))(v)), mode="reverse")(v[::-1]) * V[0])

    def outer_captured(v, wrap):
        return np.sum(grad(lambda w: np.sum(wrap(lambda h: np.sin(h * v))(w)), mode="reverse")(v[::-1]) * V[0])

    for f in (inner_captured, outer_captured):
        wanted = grad(f, mode="forward")(W[0], identity)
        np.testing.assert_allclose(grad(f, mode="reverse")(W[0], checkpoint), wanted, rtol=1e-13)


# The step of scan.


def rnn(w, wrap, steps, reverse=False):
    step = wrap(lambda h, x: (np.tanh(h @ w + x), np.sum(h * w[0])))
    h, ys = scan(step, w[0], X[:1] * np.linspace(0.1, 1, steps)[:, None], reverse=reverse)
    return np.sum(h) + np.sum(ys * np.arange(steps))


def nests_of_states(w, wrap, steps, reverse=False):
    def step(c, x):
        new = {"h": (np.tanh(c["h"][0] @ w + x["a"]), c["h"][1] * 0.9), "n": c["n"] + 1}
        return new, {"mean": np.mean(new["h"][0]), "n": c["n"]}

    xs = {"a": X[:1] * np.linspace(0.1, 1, steps)[:, None]}
    last, ys = scan(wrap(step), {"h": (w[0], w[1]), "n": 0}, xs, reverse=reverse)
    assert last["n"] == steps
    np.testing.assert_array_equal(np.sort(ys["n"]), np.arange(steps))
    return np.sum(last["h"][0] * last["h"][1]) + np.sum(ys["mean"] ** 2)


def without_results(w, wrap, steps, reverse=False):
    h, ys = scan(wrap(lambda h, x: (np.sin(h * x), None)), w[0], np.linspace(1, 2, steps), reverse=reverse)
    assert ys is None
    return np.sum(h)


def without_entries(w, wrap, steps, reverse=False):
    h, ys = scan(wrap(lambda h, x: (np.sin(h @ w), h)), w[0], None, length=steps, reverse=reverse)
    return np.sum(h) + np.sum(ys**2)


def entries_that_move(w, wrap, steps, reverse=False):
    xs = np.outer(np.linspace(0.5, 1.5, steps), w[0])
    h, ys = scan(wrap(lambda h, x: (np.cos(h) * x, h * x)), np.zeros(5), xs, reverse=reverse)
    return np.sum(h) + np.sum(ys[::2] ** 2)


SCANS = pytest.mark.parametrize(
    "program", [rnn, nests_of_states, without_results, without_entries, entries_that_move], ids=lambda f: f.__name__
)


@SCANS
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", range(1, 11))
def test_scan(program, steps, reverse):
    wanted = grad(program, mode="forward")(W, identity, steps, reverse)
    value, gradient = value_and_grad(program, mode="reverse")(W, checkpoint, steps, reverse)
    np.testing.assert_allclose(value, program(W, identity, steps, reverse), rtol=1e-15)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(
        grad(program, mode="reverse")(W, identity, steps, reverse), wanted, rtol=1e-11, atol=1e-13
    )


@SCANS
@pytest.mark.parametrize("reverse", [False, True])
def test_second_order_of_scan(program, reverse):
    f = lambda w: program(w, checkpoint, 5, reverse)  # noqa: E731
    wanted = hvp(lambda w: program(w, identity, 5, reverse), (W,), (V,), mode="forward")
    np.testing.assert_allclose(hvp(f, (W,), (V,), mode="reverse"), wanted, rtol=1e-9, atol=1e-11)
    twice = grad(lambda w: np.sum(grad(f, mode="reverse")(w) * V), mode="reverse")(W)
    np.testing.assert_allclose(twice, wanted, rtol=1e-9, atol=1e-11)


def test_no_steps():
    gradient = grad(rnn, mode="reverse")(W, checkpoint, 0)
    wanted = np.zeros((5, 5))
    wanted[0] = 1
    np.testing.assert_array_equal(gradient, wanted)


def test_compiled_step():
    @numba.njit
    def step(c, x):
        return numbafunc.tanh(c * x) + x, c * c

    def f(x, wrap):
        c, ys = scan(wrap(step), 0.3, x)
        return c + np.sum(ys)

    x = np.linspace(0.1, 1.0, 7)
    wanted = grad(f, mode="forward")(x, identity)
    np.testing.assert_allclose(grad(f, mode="reverse")(x, checkpoint), wanted, rtol=1e-13)


def peak(f):
    """Bytes that a call needs at most."""
    gc.collect()
    tracemalloc.start()
    try:
        f()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("steps", [25, 100])
def test_memory_of_scan(steps):
    x = GENERATOR.normal(size=10_000)

    def f(x, wrap):
        def step(c, _):
            for _ in range(5):
                c = np.sin(c)
            return c, None

        return np.sum(scan(wrap(step), x, None, length=steps)[0])

    plain = peak(lambda: grad(f, mode="reverse")(x, identity)) / x.nbytes
    checkpointed = peak(lambda: grad(f, mode="reverse")(x, checkpoint)) / x.nbytes
    # Each of 5 functions a step keeps its derivative; with checkpoints those of sqrt(steps) steps do, and as many
    # carries are kept.
    assert plain > 5 * steps
    assert checkpointed < (1 + 5) * np.sqrt(steps) + 5


def test_memory_of_layers():
    x = GENERATOR.normal(size=10_000)

    def f(x, wrap):
        def layer(x):
            for _ in range(20):
                x = np.sin(x)
            return x

        for _ in range(10):
            x = wrap(layer)(x)
        return np.sum(x)

    plain = peak(lambda: grad(f, mode="reverse")(x, identity)) / x.nbytes
    checkpointed = peak(lambda: grad(f, mode="reverse")(x, checkpoint)) / x.nbytes
    assert plain > 200
    assert checkpointed < 10 + 20 * 3


def test_array_that_a_function_refers_to_and_that_was_changed_is_seen():
    w = np.array([1.0, 2.0, 3.0])
    layer = checkpoint(lambda x: x * x * w)

    def f(x):
        y = layer(x)
        w[:] = 5
        return np.sum(y)

    with pytest.raises(RuntimeError, match="another value in its second run than in its first"):
        grad(f, mode="reverse")(np.array([0.5, 1.0, -1.0]))


def test_arguments_that_are_changed_in_place_are_refused():
    def doubled(x):
        x *= 2
        return x * x

    x = np.arange(6.0)
    for function in (lambda x: np.sum(checkpoint(doubled)(x)), lambda x: np.sum(checkpoint(doubled)(x * 1))):
        with pytest.raises(ValueError, match="read-only"):
            grad(function, mode="reverse")(x)
    np.testing.assert_array_equal(x, np.arange(6.0))
    gradient = grad(lambda x: np.sum(checkpoint(lambda x: doubled(x.copy()))(x)), mode="reverse")(x)
    np.testing.assert_allclose(gradient, 8 * x)


def test_a_buffer_that_the_function_overwrites_is_noticed():
    @checkpoint
    def of_buffer(x):
        buffer, total = np.zeros(3), 0.0
        for i in range(3):
            buffer[:] = i + 1.0
            total = total + np.sum((buffer * x) ** 2)
        return total

    with pytest.raises(ValueError, match="changed in place"):
        grad(of_buffer, mode="reverse")(np.array([1.5]))
