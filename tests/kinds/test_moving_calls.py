"""A derivative like an earlier one takes a short cut: it gives what the first one gave."""

import gc
import weakref

import numpy as np
import pytest

import numbafunc
from numbafunc import divergence, loss
from numbafunc.autodiff import Dual

LABELS = np.array([2, -1, 0])
CALLS = {
    "softmax": lambda x, y: numbafunc.softmax(x) * y,
    "softmax along the first axis": lambda x, y: numbafunc.softmax(x, 0) * y,
    "log_softmax of all": lambda x, y: numbafunc.log_softmax(x, None) * y,
    "logsumexp": lambda x, y: numbafunc.logsumexp(x, 1) * y[:, 0],
    "sigmoid_cross_entropy_logits": loss.sigmoid_cross_entropy_logits,
    "cross_entropy_logits": loss.cross_entropy_logits,
    "cross_entropy_logits_sparse": lambda x, y: loss.cross_entropy_logits_sparse(x, LABELS) * y[:, 0],
    "l2": lambda x, y: loss.l2(x) * y,
    "mean_absolute_error": lambda x, y: loss.mean_absolute_error(x, y, None),
    "mean_squared_error": loss.mean_squared_error,
    "mean_squared_log_error of columns": lambda x, y: loss.mean_squared_log_error(x, y, (1,)),
    "kl": lambda x, y: divergence.kl(x[0], y[0]),
    "elu": lambda x, y: numbafunc.elu(x - 0.5, y),
    "pad": lambda x, y: numbafunc.pad(x, 1) * numbafunc.pad(y, 1, "reflect"),
    "flatten": lambda x, y: numbafunc.flatten(x[None]) * numbafunc.dynamic_slice(y, (1, 2), (1, 3)).sum(),
    "top_k": lambda x, y: numbafunc.top_k(x, 2).values * y[:, :2],
    "tanh": lambda x, y: numbafunc.tanh(x) * numbafunc.sigmoid(y),
}

MARGINS = ((0, 0), (0, 1), (2, 1), (1, 2))
IMAGES = {
    **{f"pad by {mode}": lambda x, mode=mode: numbafunc.pad(x, MARGINS, mode) for mode in ("edge", "reflect", "wrap")},
    "pad by a constant": lambda x: numbafunc.pad(x, MARGINS, constant_values=3.5),
    **{name: getattr(numbafunc, name) for name in ("channel_to_space2d", "space_to_channel2d", "space_to_batch2d")},
    "batch_to_space2d": lambda x: numbafunc.batch_to_space2d(x, (1, 2)),
    "upscale_nn": lambda x: numbafunc.upscale_nn(x, 3),
    "dynamic_slice": lambda x: numbafunc.dynamic_slice(x, (0, 1, 2, 3), (2, 2, 3, 2)),
    "flatten": numbafunc.flatten,
    "average_pool_2d": lambda x: numbafunc.average_pool_2d(x, 3, 2, 1),
    "max_pool_2d": lambda x: numbafunc.max_pool_2d(x, 3, 2, 1),
    "max_pool_2d, dilated": lambda x: numbafunc.max_pool_2d(x, 2, 1, dilation=2),
    "interpolate": lambda x: numbafunc.interpolate(x, (4, 9)),
    "interpolate to all lengths": lambda x: numbafunc.interpolate(x, [3, 2, 7, 6]),
    "upsample_2d": lambda x: numbafunc.upsample_2d(x, 2, "bicubic"),
}


def _derivatives(f, x, y):
    """Those of a function by both arguments, by one, and of the second order."""
    u, v = np.random.default_rng(2).normal(size=(2, *x.shape)).astype(x.dtype)
    value, pull = numbafunc.vjp(f, x, y)
    weights = np.random.default_rng(1).normal(size=np.shape(value)).astype(x.dtype)
    found = [value, *pull(weights), *numbafunc.jvp(f, (x, y), (u, v))]
    found += numbafunc.jvp(lambda a: f(a, y), (x,), (u,))
    found += numbafunc.vjp(lambda b: f(x, b), y)[1](weights)

    def gradient(a):
        return numbafunc.vjp(lambda b: f(b, y), a)[1](weights)[0]

    found += numbafunc.jvp(gradient, (x,), (u,))
    found += numbafunc.vjp(gradient, x)[1](v)
    return found


@pytest.mark.parametrize("f", CALLS.values(), ids=CALLS)
def test_later_derivatives(f):
    # Of a shape that no other test has, so that the first call finds nothing.
    (x, y), others = np.random.default_rng(0).random((2, 2, 3, 13))
    first = _derivatives(f, x, y)
    assert not np.array_equal(_derivatives(f, *others)[0], first[0])
    for one, other in zip(_derivatives(f, x, y), first, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


OF_ONE = {**IMAGES, "top_k": lambda x: numbafunc.top_k(x[0, 0], 2).values}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", OF_ONE.values(), ids=OF_ONE)
def test_later_gradients(f, dtype):
    random = np.random.default_rng(8)
    xs, vs = (random.normal(size=(3, 2, 4, 4, 6)).astype(dtype) for _ in range(2))
    pulls = [numbafunc.vjp(f, x)[1] for x in xs]
    for x, v, pull in zip(xs, vs, pulls):
        change = numbafunc.jvp(f, (x,), (v,))[1]
        for _ in range(3):
            u = random.normal(size=change.shape).astype(dtype)
            (gradient,) = pull(u)
            assert gradient.shape == x.shape
            assert gradient.dtype == dtype
            tolerance = 50 * np.finfo(dtype).eps * np.abs(u * change).sum(dtype=float)
            assert np.vdot(gradient, v) == pytest.approx(np.vdot(u, change), abs=tolerance)
    jacobian = numbafunc.jacrev(f)(x)
    np.testing.assert_allclose(np.tensordot(jacobian, v, x.ndim), change, 0, 500 * np.finfo(dtype).eps)


@pytest.mark.parametrize("f", OF_ONE.values(), ids=OF_ONE)
def test_calls_keep_no_operand(f):
    seen = []

    def noted(x):
        seen.append(weakref.ref(x.primal))
        return f(x)

    for x in np.random.default_rng(9).normal(size=(3, 2, 4, 4, 10)):
        value, pull = numbafunc.vjp(noted, x)
        pull(np.ones_like(value))
        del pull
    gc.collect()
    assert all(reference() is None for reference in seen)


@pytest.mark.parametrize("directions", [1, 5])
@pytest.mark.parametrize("f", [*CALLS.values(), *IMAGES.values()], ids=(*CALLS, *IMAGES))
def test_tangents_along_several_directions(f, directions):
    shapes = [(2, 4, 6, 8)] if f in IMAGES.values() else [(3, 14)] * 2
    random = np.random.default_rng(7)
    for _ in range(3):  # with other numbers in each call
        values = [random.random(shape) for shape in shapes]
        tangents = [random.normal(size=(directions, *shape)) for shape in shapes]
        found = f(*(Dual(value, tangent, 1) for value, tangent in zip(values, tangents)))
        for direction, along in enumerate(zip(*tangents)):
            value, change = numbafunc.jvp(f, values, along)
            np.testing.assert_array_equal(found.primal, value, strict=True)
            np.testing.assert_allclose(found.tangent[direction], change, 1e-13, 1e-13)


def test_an_operand_given_twice_is_not_taken_for_two():
    x, y = np.random.default_rng(3).random((2, 5))

    def f(a, b):
        return loss.mean_squared_error(a, b, None)

    for _ in range(3):
        numbafunc.grad(lambda a: f(a, a))(x)
        gradients = numbafunc.grad(f, (0, 1))(x, y)
    np.testing.assert_allclose(gradients, (2 * (x - y) / 5, 2 * (y - x) / 5))


def test_settings_and_out_are_looked_at_in_every_call():
    x = np.random.default_rng(4).random((3, 4))
    for _ in range(3):
        for axis in (0, 1):
            value, change = numbafunc.jvp(lambda a, axis=axis: numbafunc.logsumexp(a, axis), (x,), (np.ones_like(x),))
            assert value.shape == (x.shape[1 - axis],)
            np.testing.assert_allclose(change, 1)
        with pytest.raises(TypeError, match="out can't take a result with tangents"):
            numbafunc.grad(lambda a: numbafunc.softmax(a, out=np.empty((3, 4)))[0, 0])(x)


def test_dual_arrays_that_were_kept_are_refused():
    kept = []

    def f(a):
        kept.append(a)
        return numbafunc.logsumexp(a)

    x = np.random.default_rng(5).random(4)
    for mode in ("forward", "reverse"):
        for _ in range(2):
            numbafunc.grad(f, mode=mode)(x)
        with pytest.raises(ValueError, match="kept beyond the derivative"):
            numbafunc.logsumexp(kept[-1])


def test_arrays_that_change_are_noticed():
    labels = np.array([0, 1, 2])

    def f(x):
        return loss.cross_entropy_logits_sparse(x, labels)

    for _ in range(3):
        pull = numbafunc.vjp(f, np.random.default_rng(6).random((3, 3)))[1]
    labels[:] = 1
    with pytest.raises(ValueError, match="was changed in place"):
        pull(np.ones(3))
