"""Arrays of more than 32 axes are taken; what would cost more than a machine has is refused before memory is taken."""

import inspect
import resource

import numpy as np
import pytest
from wrong_arguments import FUNCTIONS, UNUSUAL, call, right_arguments

import numbafunc
from numbafunc import limits, loss
from numbafunc.divergence import kl
from numbafunc.errors import ShapeError


def test_shapes_broadcast_as_numpy_says():
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(2000):
        shapes = [tuple(random.choice([0, 1, 1, 2, 3], random.integers(0, 5))) for _ in range(random.integers(1, 4))]
        try:
            expected = np.broadcast_shapes(*shapes)
        except ValueError:
            refused += 1
            with pytest.raises(ValueError, match="do not broadcast"):
                limits.broadcast_shapes(*shapes)
        else:
            assert limits.broadcast_shapes(*shapes) == expected
    assert 100 < refused < 1900
    assert limits.broadcast_shapes((1,) * 64, (2,)) == (*(1,) * 63, 2)


def wide(x, axes):
    return x.reshape(*(1,) * (axes - x.ndim), *x.shape)


SMALL = np.linspace(-1.0, 2.0, 8).reshape(2, 2, 2)
# Functions of arrays of any number of axes.
WIDE = {
    "sigmoid": numbafunc.sigmoid,
    "elu of two": lambda x: numbafunc.elu(x, SMALL),
    "softmax": numbafunc.softmax,
    "softmax where": lambda x: numbafunc.softmax(x, -2, SMALL > 0),
    "logsumexp": lambda x: numbafunc.logsumexp(x, (-1, -3), b=SMALL, keepdims=True),
    "mean squared error": lambda x: loss.mean_squared_error(x, SMALL, (x.ndim - 1,)),
    "cross entropy": lambda x: loss.cross_entropy_logits(x, SMALL),
    "top_k": lambda x: numbafunc.top_k(x, 1, axis=-2)[0],
    "dynamic_slice": lambda x: numbafunc.dynamic_slice(x, (0,) * x.ndim, (1,) * (x.ndim - 1) + (2,)),
    "pad": lambda x: numbafunc.pad(x, {-1: 1, -3: (0, 2)}, "reflect"),
    "pad by the mean": lambda x: numbafunc.pad(x, {-1: 1}, "mean"),
    "interpolate": lambda x: numbafunc.interpolate(x, (3, 3)),
}


@pytest.mark.filterwarnings("ignore:.*they are broadcast")
@pytest.mark.parametrize("axes", [33, 64])
@pytest.mark.parametrize("name", WIDE)
def test_more_than_32_axes(name, axes):
    expected = WIDE[name](SMALL)
    np.testing.assert_array_equal(WIDE[name](wide(SMALL, axes)).reshape(expected.shape), expected)


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:.*they are broadcast")
@pytest.mark.parametrize("axes", [33, 60])
@pytest.mark.parametrize("name", WIDE)
def test_derivatives_of_more_than_32_axes(name, axes):
    function = WIDE[name]
    plain, tangent = numbafunc.jvp(function, (SMALL,), (SMALL,))
    found = numbafunc.jvp(function, (wide(SMALL, axes),), (wide(SMALL, axes),))
    for one, other in zip(found, (plain, tangent)):
        np.testing.assert_array_equal(one.reshape(other.shape), other)
    gradient = numbafunc.grad(lambda x: function(x).sum())(wide(SMALL, axes))
    expected = numbafunc.grad(lambda x: function(x).sum())(SMALL)
    np.testing.assert_allclose(gradient.reshape(SMALL.shape), expected, rtol=1e-13, atol=1e-15)


def test_more_axes_than_an_array_has():
    x = wide(SMALL, 64)
    np.testing.assert_array_equal(numbafunc.sigmoid(x).reshape(SMALL.shape), numbafunc.sigmoid(SMALL))
    refused = {
        "num_classes is 3": lambda: numbafunc.one_hot(x, 3),
        "has 64 axes": lambda: numbafunc.grad(lambda y: y.sum())(x),
        r"primals\[0\] has 64 axes": lambda: numbafunc.jvp(np.sin, (x,), (x,)),
        "p has 64 axes": lambda: kl(x, x),
        "array has 33 axes": lambda: numbafunc.pad(wide(SMALL, 33), {-1: 1}, "median"),
        "x has 64 axes": lambda: numbafunc.parallel.all_gather(x),
    }
    for message, call_it in refused.items():
        with pytest.raises(ValueError, match=f"{message}.*wanted"):
            call_it()


@pytest.mark.parametrize(
    "function",
    [
        lambda: numbafunc.interpolate(wide(SMALL, 64), scale_factor=2),
        lambda: numbafunc.interpolate(np.ones(4), 2**31 - 1),
        lambda: numbafunc.upsample_2d(np.ones((1, 1, 4, 4)), 2**20),
        lambda: numbafunc.upscale_nn(np.ones((1, 1, 4, 4)), 2**20),
        lambda: numbafunc.pad(wide(SMALL, 40), 1),
        lambda: numbafunc.pad(np.ones(3), 2**36, "mean"),
        lambda: numbafunc.one_hot(1, 2**36, dtype=bool),
        lambda: numbafunc.max_pool_2d(np.ones((1, 1, 4, 4)), 2, 1, 2**20),
        lambda: numbafunc.derivative(np.sin, 2**31),
        lambda: numbafunc.hessian(lambda x: (x**3).sum())(np.ones(10**6)),
        lambda: numbafunc.hessian(lambda x: (x**3).sum(), mode="forward")(np.ones(10**6)),
        lambda: numbafunc.jacfwd(np.sin)(np.ones(10**6)),
        lambda: numbafunc.jacrev(np.sin)(np.ones(10**6)),
    ],
)  # fmt: skip
def test_refused_by_cost(function, monkeypatch):
    monkeypatch.setattr(limits, "memory", lambda: 2**30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"\d.*wanted"):
        function()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**28 / 1024


def test_memory_of_this_machine():
    assert 2**28 < limits.memory() < 2**60
    limits.check_memory(2**27, "a result", "less")
    with pytest.raises(ValueError, match=r"a result takes 1,152,921,504,606,846,976 bytes, .*wanted: less"):
        limits.check_memory(2**60, "a result", "less")


@pytest.mark.parametrize("size", [(2, 2, 9), (2,), [], np.array([2, 2, 9])], ids=repr)
@pytest.mark.parametrize("name", ["batch_to_space2d", "channel_to_space2d", "space_to_batch2d", "space_to_channel2d"])
def test_sizes_of_blocks_that_are_no_pairs(name, size):
    with pytest.raises(ShapeError, match="^size is"):
        getattr(numbafunc, name)(np.ones((4, 4, 4, 4)), size)


# Flags are True or False, or NumPy's, everywhere.
FLAGS = sorted(
    (name, parameter.name)
    for name, function in FUNCTIONS.items()
    if name not in UNUSUAL
    for parameter in inspect.signature(function).parameters.values()
    if type(parameter.default) is bool
)


@pytest.mark.parametrize(("name", "flag"), FLAGS)
def test_flags(name, flag):
    given = right_arguments(name)
    for wrong in (1, 0, np.int64(1), 1.0, "False", None, [True], np.array(True)):
        if (name, flag, wrong) == ("parallel.halo", "periodic", [True]):  # for each axis
            continue
        with pytest.raises(TypeError, match=f"{flag} "):
            call(name, {**given, flag: wrong})
    call(name, {**given, flag: np.False_})
