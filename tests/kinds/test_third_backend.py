"""A back end of this test alone, for arrays that nothing else can read: registering it is all that ops need."""

from collections import Counter

import numpy as np
import pytest

import numbafunc
from numbafunc.backend import CPU, ENTRIES, Backend, of, register
from numbafunc.dual.array import Dual, assemble, components


class Shelf:
    """An array that only the functions of its back end open."""

    def __init__(self, array):
        self._array = array

    shape = property(lambda self: self._array.shape)
    dtype = property(lambda self: self._array.dtype)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)

    def __len__(self):
        return len(self._array)

    def __array__(self, *arguments, **options):
        raise AssertionError("read by NumPy")


def taken(x):
    """Arguments as the back end of main memory takes them."""
    if type(x) is Shelf:
        return x._array
    if type(x) is Dual:
        return assemble({levels: taken(part) for levels, part in components(x).items()})
    return type(x)(map(taken, x)) if type(x) in (tuple, list) else x


def shelved(x):
    """Results as the caller gets them."""
    if isinstance(x, (np.ndarray, np.generic)):
        return Shelf(np.asarray(x))
    if type(x) is Dual:
        return assemble({levels: shelved(part) for levels, part in components(x).items()})
    if isinstance(x, (tuple, list)):
        return list(map(shelved, x)) if type(x) is list else tuple(map(shelved, x))
    return x


CALLS = Counter()
SHELVES = Backend("shelves", "a shelf")


def counted(entry):
    def call(*arguments):
        CALLS[entry.name] += 1
        return shelved(getattr(CPU, entry.name)(*map(taken, arguments)))

    return call


def run_of_a_kind(entry):
    def made(op):
        run = getattr(CPU, entry.name)(op)

        def call(*arguments):
            CALLS[entry.name] += 1
            return shelved(run(*map(taken, arguments)))

        return call

    return made


def pad_function(x, axis, function):
    CALLS["pad_function"] += 1
    return shelved(CPU.pad_function(taken(x), axis, lambda line: taken(function(shelved(line)))))


class Stack:
    def __init__(self, steps, first):
        CALLS["scan_stack"] += 1
        self.stack = CPU.scan_stack(steps, taken(first))

    def put(self, i, leaf):
        self.stack.put(i, taken(leaf))

    def stacked(self):
        return shelved(self.stack.stacked())


for one in ENTRIES:
    SHELVES.bring(one, counted(one))
SHELVES.bring(Backend.elementwise, run_of_a_kind(Backend.elementwise))
SHELVES.bring(Backend.reduction, run_of_a_kind(Backend.reduction))
SHELVES.bring(Backend.pad_function, pad_function)
SHELVES.bring(Backend.in_main_memory, taken)
SHELVES.bring(Backend.scan_leaves, lambda leaves, name: leaves)
SHELVES.bring(Backend.scan_stack, Stack)
register(SHELVES, lambda x: type(x) is Shelf)

RANDOM = np.random.default_rng(3)
ROWS = RANDOM.normal(size=(3, 6))
IMAGES = RANDOM.normal(size=(4, 4, 6, 6)).astype(np.float32)
P, Q = RANDOM.uniform(0.1, 1.0, size=(2, 4))

# An op of one array, that array, and the function of the back end in which the call has to arrive.
CASES = {
    "sigmoid": (numbafunc.sigmoid, ROWS, "elementwise"),
    "elu": (lambda x: numbafunc.elu(x, 0.5), IMAGES, "elementwise"),
    "of a user": (numbafunc.elementwise(lambda x: x * x + 1), ROWS, "elementwise"),
    "softmax": (numbafunc.softmax, ROWS, "reduction"),
    "softmax where": (lambda x: numbafunc.softmax(x, 0, np.arange(3)[:, None], 0.5), ROWS, "reduction"),
    "log_softmax": (lambda x: numbafunc.log_softmax(x, 0), IMAGES, "reduction"),
    "logsumexp": (lambda x: numbafunc.logsumexp(x, 1, b=2.0, return_sign=True)[0], ROWS, "reduction"),
    "l2": (numbafunc.loss.l2, ROWS, "reduction"),
    "cross_entropy_logits": (lambda x: numbafunc.loss.cross_entropy_logits(x, x), ROWS, "reduction"),
    "cross_entropy_logits_sparse": (lambda x: numbafunc.loss.cross_entropy_logits_sparse(x, 2), ROWS, "labels"),
    "sigmoid_cross_entropy_logits": (
        lambda x: numbafunc.loss.sigmoid_cross_entropy_logits(x, 0.5),
        ROWS,
        "elementwise",
    ),
    "kl": (lambda x: numbafunc.divergence.kl(x, x), P, "reduction"),
    "kl of matrices": (lambda x: numbafunc.divergence.kl(x, x), np.stack([P, Q])[:, :2], "dot"),
    "one_hot": (lambda x: numbafunc.one_hot(x, 3, axis=0), np.array([2.0, 0.0, 5.0]), "one_hot"),
    "top_k": (lambda x: numbafunc.top_k(x, 2)[0], ROWS, "top_k"),
    "max_pool_2d": (numbafunc.max_pool_2d, IMAGES, "max_pool"),
    "average_pool_2d": (numbafunc.average_pool_2d, IMAGES, "average_pool"),
    "interpolate": (lambda x: numbafunc.interpolate(x, (9, 5)), IMAGES, "resize"),
    "upsample_2d": (lambda x: numbafunc.upsample_2d(x, 2), IMAGES, "resize"),
    "flatten": (numbafunc.flatten, IMAGES, "copy"),
    "upscale_nn": (numbafunc.upscale_nn, IMAGES, "copy"),
    "batch_to_space2d": (numbafunc.batch_to_space2d, IMAGES, "copy"),
    "channel_to_space2d": (numbafunc.channel_to_space2d, IMAGES, "copy"),
    "space_to_batch2d": (numbafunc.space_to_batch2d, IMAGES, "copy"),
    "space_to_channel2d": (numbafunc.space_to_channel2d, IMAGES, "copy"),
    "dynamic_slice": (lambda x: numbafunc.dynamic_slice(x, (1, 9), (2, 3)), ROWS, "copy"),
    "pad": (lambda x: numbafunc.pad(x, 1, constant_values=2), ROWS, "pad_constant"),
    "pad reflect": (lambda x: numbafunc.pad(x, 2, "reflect"), ROWS, "pad_mapped"),
    "pad odd": (lambda x: numbafunc.pad(x, 2, "symmetric", reflect_type="odd"), ROWS, "pad_odd"),
    "pad linear_ramp": (lambda x: numbafunc.pad(x, (1, 2), "linear_ramp", end_values=3), ROWS, "pad_ramp"),
    "pad mean": (lambda x: numbafunc.pad(x, 2, "mean", stat_length=2), ROWS, "pad_statistics"),
    "pad function": (lambda x: numbafunc.pad(x, 1, lambda line, *others: line), ROWS, "pad_function"),
    "scan": (lambda x: numbafunc.scan(lambda c, r: (numbafunc.tanh(r), r), 0.0, x)[1], ROWS[0], "scan_entries"),
}


def same(found, wanted, rounding=0.0):
    assert of(found) is SHELVES
    found, wanted = components(taken(found)), components(wanted)
    assert found.keys() == wanted.keys()
    for levels, part in found.items():
        assert part.dtype == wanted[levels].dtype
        tolerance = rounding if part.dtype != np.float32 else 1e9 * rounding
        np.testing.assert_allclose(part, wanted[levels], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_ops(name):
    op, x, entry = CASES[name]
    before = CALLS[entry]
    same(op(Shelf(x)), op(x))
    assert CALLS[entry] > before


@pytest.mark.parametrize("name", [name for name in CASES if name != "one_hot"])
def test_derivatives(name):
    op, x, entry = CASES[name]
    direction = RANDOM.normal(size=x.shape).astype(x.dtype)
    wanted = numbafunc.jvp(op, (x,), (direction,))
    CALLS.clear()
    for found, expected in zip(numbafunc.jvp(op, (Shelf(x),), (Shelf(direction),)), wanted):
        same(found, expected)
    assert CALLS[entry]
    assert CALLS["add_direction"] == CALLS["only_direction"] == 1


# For these a back end has to record steps of its own, where this one delegates.
RECORDING = ("top_k", "max_pool_2d", "scan", "cross_entropy_logits_sparse", "kl of matrices")


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("one_hot", *RECORDING)])
def test_reverse_mode(name):
    op, x, _entry = CASES[name]
    value, pull = numbafunc.vjp(op, x)
    cotangent = RANDOM.normal(size=value.shape).astype(value.dtype)
    # Reductions go back by composed stages in main memory, and elsewhere step by step.
    same(numbafunc.vjp(op, Shelf(x))[1](Shelf(cotangent))[0], pull(cotangent)[0], 1e-13)
    direction = RANDOM.normal(size=x.shape).astype(x.dtype)

    def gradient(x):
        return numbafunc.grad(lambda x: numbafunc.loss.l2(op(x)), mode="reverse")(x)

    found = numbafunc.jvp(gradient, (Shelf(x),), (Shelf(direction),))[1]
    same(found, numbafunc.jvp(gradient, (x,), (direction,))[1], 1e-13)


def test_drivers():
    def loss(x):
        return numbafunc.loss.l2(numbafunc.softmax(x) * x)

    x = ROWS[0]
    same(numbafunc.grad(loss)(Shelf(x)), numbafunc.grad(loss)(x), 1e-14)
    same(numbafunc.grad(loss, chunk_size=4)(Shelf(x)), numbafunc.grad(loss, chunk_size=4)(x))
    same(numbafunc.jacfwd(numbafunc.softmax)(Shelf(x)), numbafunc.jacfwd(numbafunc.softmax)(x))
    v = P[:1].repeat(6)
    same(numbafunc.hvp(loss, (Shelf(x),), (Shelf(v),)), numbafunc.hvp(loss, (x,), (v,)), 1e-14)
    assert all(CALLS[name] for name in ("unit_directions", "joined", "part", "block", "ufunc"))


def test_out_and_labels():
    out = Shelf(np.empty_like(ROWS))
    numbafunc.relu(Shelf(ROWS), out=out)
    np.testing.assert_array_equal(taken(out), numbafunc.relu(ROWS))
    labels = np.array([1, -1, 7])
    sparse = numbafunc.loss.cross_entropy_logits_sparse
    same(sparse(Shelf(ROWS), Shelf(labels)), sparse(ROWS, labels))
    same(sparse(Shelf(ROWS[:, :0]), Shelf(labels)), sparse(ROWS[:, :0], labels))


def test_what_is_refused_names_the_place():
    with pytest.raises(TypeError, match="x is a sequence that holds arrays of a shelf"):
        numbafunc.sigmoid([Shelf(ROWS)])
    with pytest.raises(TypeError, match=r"linearize is given an array of a shelf"):
        numbafunc.linearize(numbafunc.relu, Shelf(ROWS))
    with pytest.raises(TypeError, match=r"numpy.cumsum has no rule for dual arrays of a shelf"):
        numbafunc.jvp(np.cumsum, (Shelf(ROWS),), (Shelf(ROWS),))


class Empty(Shelf):
    """An array of a back end that brings nothing but this type."""


BARE = Backend("bare", "an empty room")
BARE.bring(Backend.view, lambda x, name: x)
BARE.bring(Backend.adopt, lambda x, name: x)
register(BARE, lambda x: type(x) is Empty)


@pytest.mark.parametrize(
    ("op", "x", "words"),
    [
        (
            numbafunc.sigmoid,
            ROWS,
            "sigmoid can't take an array of an empty room: the back end bare brings no elementwise",
        ),
        (
            numbafunc.softmax,
            ROWS,
            "softmax can't take an array of an empty room: the back end bare brings no reduction",
        ),
        (numbafunc.max_pool_2d, IMAGES, "max_pool_2d can't take an array .* the back end bare brings no max_pool"),
        (numbafunc.average_pool_2d, IMAGES, "average_pool_2d can't take .* the back end bare brings no average_pool"),
    ],
)
def test_a_missing_function_is_named(op, x, words):
    with pytest.raises(TypeError, match=words):
        op(Empty(x))


def test_the_one_for_main_memory_brings_all_that_ops_ask_for():
    for name in numbafunc.__all__:
        getattr(numbafunc, name)
    for entry in ENTRIES:
        if entry is not Backend.memory:
            assert getattr(CPU, entry.name) is not None
