"""A call like an earlier one takes a short cut: it gives the same, and refuses the same."""

import importlib
import inspect
import warnings

import numpy as np
import pytest

import numbafunc
from numbafunc import divergence, loss
from numbafunc.kinds.elementwise import REGISTRY
from numbafunc.kinds.shortcuts import new_shortcut, shortcut, signature_of

RANDOM = np.random.default_rng(5)
X, Y, LABELS = RANDOM.random((6, 4)), RANDOM.random((6, 4)), RANDOM.integers(-4, 4, 6)
INDICES = RANDOM.integers(-1, 5, 7)
IMAGES = RANDOM.random((2, 4, 4, 6))

CALLS = {
    "elu of an array alpha": lambda: numbafunc.elu(X, Y),
    "elu of a row of alphas": lambda: numbafunc.elu(X, Y[0]),
    "elu of one alpha": lambda: numbafunc.elu(X, Y[:1, 0]),
    "sigmoid": lambda: numbafunc.sigmoid(X),
    "softmax": lambda: numbafunc.softmax(X),
    "softmax along the first axis": lambda: numbafunc.softmax(X, 0),
    "log_softmax of all": lambda: numbafunc.log_softmax(X, None),
    "logsumexp": lambda: numbafunc.logsumexp(X, 1),
    "one_hot": lambda: numbafunc.one_hot(INDICES, 4),
    "one_hot of one index": lambda: numbafunc.one_hot(INDICES[:1], 4, dtype=bool, axis=0),
    "one_hot of unsigned indices": lambda: numbafunc.one_hot(INDICES[:1].astype(np.uint8), 4),
    "sigmoid_cross_entropy_logits": lambda: loss.sigmoid_cross_entropy_logits(X, Y),
    "cross_entropy_logits": lambda: loss.cross_entropy_logits(X, Y),
    "cross_entropy_logits_sparse": lambda: loss.cross_entropy_logits_sparse(X, LABELS),
    "cross_entropy_logits_sparse of one label": lambda: loss.cross_entropy_logits_sparse(X, 2),
    "l2": lambda: loss.l2(X),
    "mean_absolute_error": lambda: loss.mean_absolute_error(X, Y),
    "mean_squared_error of all": lambda: loss.mean_squared_error(X, Y, None),
    "mean_squared_log_error of columns": lambda: loss.mean_squared_log_error(X, Y, (1,)),
    "kl": lambda: divergence.kl(X[0], Y[0]),
    "max_pool_2d": lambda: numbafunc.max_pool_2d(IMAGES),
    "average_pool_2d": lambda: numbafunc.average_pool_2d(IMAGES, (2, 1), 1, ((0, 1), (1, 0))),
    "top_k": lambda: numbafunc.top_k(X, 2).values,
    "pad": lambda: numbafunc.pad(X, ((1, 2), (0, 3)), "reflect"),
    "pad with a constant": lambda: numbafunc.pad(INDICES, 2, constant_values=-1),
    "pad of bytes": lambda: numbafunc.pad(INDICES.astype(np.int8), 2),
    "dynamic_slice": lambda: numbafunc.dynamic_slice(X, (1, -3), (2, 3)),
    "interpolate": lambda: numbafunc.interpolate(X, (6, 8)),
    "upsample_2d": lambda: numbafunc.upsample_2d(IMAGES, (1, 2)),
    "flatten": lambda: numbafunc.flatten(IMAGES),
    "batch_to_space2d": lambda: numbafunc.batch_to_space2d(IMAGES, (2, 1)),
    "channel_to_space2d": lambda: numbafunc.channel_to_space2d(IMAGES, 2),
    "space_to_batch2d": lambda: numbafunc.space_to_batch2d(IMAGES, 2),
    "space_to_channel2d": lambda: numbafunc.space_to_channel2d(IMAGES.astype(np.int16), 2),
    "upscale_nn": lambda: numbafunc.upscale_nn(IMAGES, 3),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_later_calls_give_the_same(call):
    first, *others = (call() for _ in range(3))
    for other in others:
        assert other.dtype == first.dtype
        assert other.flags.c_contiguous == first.flags.c_contiguous
        np.testing.assert_array_equal(other, first, strict=True)
        assert not np.shares_memory(first, other)


@pytest.mark.parametrize(
    "function",
    [
        numbafunc.sigmoid,
        numbafunc.softmax,
        lambda x, out: numbafunc.elu(x, Y, out=out),
        lambda x, out: loss.sigmoid_cross_entropy_logits(x, Y, out=out),
    ],
)
def test_out_is_checked_on_every_call(function):
    for _ in range(2):
        out = np.zeros_like(X)
        assert function(X, out=out) is out
        np.testing.assert_array_equal(out, function(X, out=np.zeros_like(X)))
        spread = np.zeros((6, 8))[:, ::2]
        assert function(X, out=spread) is spread
        np.testing.assert_array_equal(spread, out)
        copy = X.copy()
        with pytest.raises(ValueError, match="out overlaps"):
            function(copy, out=copy)
        with pytest.raises(ValueError, match="out has shape"):
            function(X, out=np.zeros((4, 6)))
        with pytest.raises(TypeError, match="out has dtype"):
            function(X, out=np.zeros((6, 4), np.float32))
        with pytest.raises(TypeError, match="out is a list"):
            function(X, out=[])
        locked = np.zeros_like(X)
        locked.flags.writeable = False
        with pytest.raises(ValueError, match="out is read-only"):
            function(X, out=locked)


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (loss.l2, {"where": X > 0.5}),
        (loss.mean_squared_error, {"where": X > 0.5}),
        (loss.cross_entropy_logits, {"label_smoothing": 0.5}),
        (loss.cross_entropy_logits, {"weight": Y[0]}),
        (loss.sigmoid_cross_entropy_logits, {"pos_weight": 3.0}),
        (numbafunc.logsumexp, {"where": X > 0.5}),
        (
            lambda x, y, **options: loss.cross_entropy_logits_sparse(x, LABELS, **options),
            {"ignore_index": int(LABELS[0])},
        ),
    ],
)
def test_options_are_taken_after_calls_without_them(function, options):
    operands = (X,) if function in (loss.l2, numbafunc.logsumexp) else (X, Y)
    plain = [function(*operands) for _ in range(3)]
    chosen = [function(*operands, **options) for _ in range(2)]
    assert np.any(chosen[0] != plain[0])
    np.testing.assert_array_equal(chosen[1], chosen[0])
    np.testing.assert_array_equal(function(*operands), plain[0])


def test_arguments_that_equal_accepted_ones_are_still_refused():
    loss.mean_squared_error(X, Y, (1,))
    with pytest.raises(TypeError, match="keep_axis"):
        loss.mean_squared_error(X, Y, (True,))
    numbafunc.softmax(X, 1)
    for axis in (True, 1.0):
        with pytest.raises(TypeError, match="axis"):
            numbafunc.softmax(X, axis)
    numbafunc.one_hot(INDICES, 1, axis=0)
    with pytest.raises(TypeError, match="num_classes"):
        numbafunc.one_hot(INDICES, True, axis=0)
    with pytest.raises(ValueError, match="axis"):
        numbafunc.one_hot(INDICES, 1, axis=False)
    loss.cross_entropy_logits_sparse(X, 1)
    with pytest.raises(TypeError, match="labels"):
        loss.cross_entropy_logits_sparse(X, True)


ACCEPTED = {
    "size of windows": (
        lambda size: numbafunc.max_pool_2d(IMAGES, size),
        1,
        (True, 1.0, (1, True), (1.0, 1), np.ones(3)),
    ),
    "strides": (lambda strides: numbafunc.max_pool_2d(IMAGES, 2, strides), 1, (True, 1.0, (1, 1.0))),
    "padding": (
        lambda padding: numbafunc.average_pool_2d(IMAGES, 2, 1, padding),
        1,
        (True, 1.0, (1, 1.0), ((1, 1), (1, True))),
    ),
    "k": (lambda k: numbafunc.top_k(X, k), 1, (True, 1.0)),
    "pad_width": (lambda width: numbafunc.pad(X, width), 1, (True, 1.0, ((1, 1), (1, 1.0)), (1, True))),
    "pairs of pad_width": (
        lambda width: numbafunc.pad(X, width),
        ((1, 1), (1, 1)),
        (((1, 1), (1, 1.0)), ((1, 1), [1, True])),
    ),
    "start_indices": (lambda start: numbafunc.dynamic_slice(X, start, (2, 2)), (1, 1), ((1, 1.0), (True, 1))),
    "slice_sizes": (lambda size: numbafunc.dynamic_slice(X, (1, 1), size), (1, 1), ((1, 1.0), (True, True))),
    "size": (lambda size: numbafunc.interpolate(X, size), (6, 1), ((6.0, 1), (6, True))),
    "scale_factor": (lambda factor: numbafunc.interpolate(X, None, factor), 1, (True, (1, True))),
    "scale of images": (lambda scale: numbafunc.upsample_2d(IMAGES, scale), 1, (True, (1, True))),
    "scale": (lambda scale: numbafunc.upscale_nn(IMAGES, scale), 1, (1.0, True)),
    "size of blocks": (lambda size: numbafunc.space_to_batch2d(IMAGES, size), 1, (1.0, True, (1, 1.0), (True, 1))),
}


@pytest.mark.parametrize(("call", "accepted", "refused"), ACCEPTED.values(), ids=ACCEPTED)
def test_settings_that_equal_accepted_ones_are_still_refused(call, accepted, refused):
    for _ in range(3):
        call(accepted)
        for setting in refused:
            with pytest.raises(TypeError):
                call(setting)


OF_ONE_ARRAY = {
    "softmax": (numbafunc.softmax, X),
    "logsumexp": (numbafunc.logsumexp, X),
    "l2": (loss.l2, X),
    "kl": (lambda x: divergence.kl(x, Y[0]), X[0]),
    "mean_squared_error": (lambda x: loss.mean_squared_error(x, x), X),
    "cross_entropy_logits_sparse": (lambda x: loss.cross_entropy_logits_sparse(x, LABELS), X),
    "max_pool_2d": (numbafunc.max_pool_2d, IMAGES),
    "average_pool_2d": (numbafunc.average_pool_2d, IMAGES),
    "top_k": (lambda x: numbafunc.top_k(x, 2).values, X),
    "pad": (lambda x: numbafunc.pad(x, 1), X),
    "dynamic_slice": (lambda x: numbafunc.dynamic_slice(x, (1, 1), (2, 2)), X),
    "interpolate": (lambda x: numbafunc.interpolate(x, 6), X),
    "upsample_2d": (lambda x: numbafunc.upsample_2d(x, 2, "nearest"), IMAGES),
    "flatten": (numbafunc.flatten, IMAGES),
    "space_to_channel2d": (numbafunc.space_to_channel2d, IMAGES),
    "upscale_nn": (numbafunc.upscale_nn, IMAGES),
}


@pytest.mark.parametrize(("call", "x"), OF_ONE_ARRAY.values(), ids=OF_ONE_ARRAY)
@pytest.mark.parametrize("dtype", ["f4", "f2", "i4", "i8", "u1"])
def test_arrays_that_kernels_do_not_take_as_they_are(call, x, dtype):
    plain = (8 * x).astype(dtype)
    expected = call(plain)
    swapped = plain.astype(plain.dtype.newbyteorder())
    locked = plain.copy()
    locked.flags.writeable = False
    for other in (swapped, locked, plain[..., ::-1].copy()[..., ::-1]):
        for _ in range(3):
            np.testing.assert_array_equal(call(other), expected, strict=True)


OF_IMAGES = {
    **{f"pad, {mode}": lambda x, mode=mode: numbafunc.pad(x, ((0, 0), (0, 1), (1, 2), (3, 0)), mode)
       for mode in ("constant", "edge", "reflect", "symmetric", "wrap", "maximum", "mean")},
    "pad with ones": lambda x: numbafunc.pad(x, 2, constant_values=1.0),
    "dynamic_slice": lambda x: numbafunc.dynamic_slice(x, (0, 1, 1, -3), (2, 2, 3, 3)),
    "average_pool_2d, windows side by side": lambda x: numbafunc.average_pool_2d(x, (2, 3)),
    "average_pool_2d, windows and a rest": lambda x: numbafunc.average_pool_2d(x, (3, 4)),
    "average_pool_2d, windows that overlap": lambda x: numbafunc.average_pool_2d(x, (2, 3), 1, 1),
    "max_pool_2d": lambda x: numbafunc.max_pool_2d(x, 2),
    "upsample_2d": lambda x: numbafunc.upsample_2d(x, (1, 2)),
    "interpolate, nearest": lambda x: numbafunc.interpolate(x, (3, 9), mode="nearest"),
    "interpolate, cubic": lambda x: numbafunc.interpolate(x, (7, 4), mode="cubic"),
    "flatten": numbafunc.flatten,
    "space_to_channel2d": numbafunc.space_to_channel2d,
    "channel_to_space2d": lambda x: numbafunc.channel_to_space2d(x, 2),
    "space_to_batch2d": lambda x: numbafunc.space_to_batch2d(x, (2, 3)),
    "batch_to_space2d": lambda x: numbafunc.batch_to_space2d(x, (2, 1)),
    "upscale_nn": lambda x: numbafunc.upscale_nn(x, 2),
    "softmax": lambda x: numbafunc.softmax(x, (1, 3)),
    "log_softmax": lambda x: numbafunc.log_softmax(x, 0),
    "logsumexp": lambda x: numbafunc.logsumexp(x, 2),
}  # fmt: skip


@pytest.mark.parametrize("call", OF_IMAGES.values(), ids=OF_IMAGES)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_later_gradients_go_back_as_tangents_come_forth(call, dtype):
    random = np.random.default_rng(3)
    shape = (2, 4, 4, 6)
    for turn in range(4):
        x, v = (random.standard_normal(shape).astype(dtype) for _ in range(2))
        value, pull = numbafunc.vjp(call, x)
        np.testing.assert_array_equal(value, call(x), strict=True)
        cotangent = random.standard_normal(value.shape).astype(dtype)
        if turn == 2:  # in another layout
            cotangent = np.asfortranarray(cotangent)
        for _ in range(2):
            (gradient,) = pull(cotangent)
            assert (gradient.dtype, gradient.shape) == (x.dtype, shape)
            tangent = numbafunc.jvp(call, (x,), (v,))[1]
            limit = 300 * np.finfo(dtype).eps * np.sqrt(x.size)
            assert abs(np.vdot(gradient, v) - np.vdot(cotangent, tangent)) < limit
            assert not np.shares_memory(gradient, cotangent)
    rows = numbafunc.jacrev(call)(x).reshape(-1, x.size)
    np.testing.assert_allclose(cotangent.reshape(-1) @ rows, gradient.reshape(-1), atol=limit)


def test_equal_tuples_share_a_short_cut():
    for _ in range(3):
        widths = tuple(tuple(map(int, pair)) for pair in np.ones((2, 2)))
        np.testing.assert_array_equal(numbafunc.pad(X, widths), np.pad(X, widths))


def test_zeros_of_either_sign():
    for constant in (0.0, -0.0, 0, 1.5, 0.0, -0.0):
        result = numbafunc.pad(X[0], 1, constant_values=constant)
        assert np.signbit(result[0]) == np.signbit(constant)
        assert result[0] == constant


def checks_of(function):
    """The cell with the checked function behind a short cut."""
    return dict(zip(function.__code__.co_freevars, function.__closure__))["checked"]


@pytest.mark.parametrize("name", [name for name in CALLS if name.split()[0] not in ("elu", "sigmoid")])
def test_later_calls_check_nothing(name):
    word = name.split()[0]
    modules = (numbafunc, loss, divergence)
    cell = checks_of(next(getattr(module, word) for module in modules if hasattr(module, word)))
    CALLS[name]()
    checked, cell.cell_contents = cell.cell_contents, None
    try:
        CALLS[name]()
    finally:
        cell.cell_contents = checked


def test_calls_within_calls_leave_their_own():
    inner = numbafunc.flatten.__wrapped__
    seen = []

    @shortcut("x")
    def outer(x):
        seen.append(new_shortcut())
        inner(X.T)  # which is no plain array
        numbafunc.flatten(X.T)
        numbafunc.flatten(IMAGES)
        seen.append(new_shortcut())
        return x

    outer(X)
    assert seen[0] is seen[1] is not None
    assert new_shortcut() is None
    seen.clear()
    outer(X.T)
    assert seen == [None, None]

    @shortcut("x")
    def failing(x):
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        failing(X)
    assert new_shortcut() is None


def test_options_take_no_short_cut():
    x = np.arange(64.0).reshape(1, 1, 8, 8)
    for _ in range(2):
        plain = numbafunc.max_pool_2d(x), numbafunc.average_pool_2d(x, 3), numbafunc.interpolate(x, 5)
        found = (
            numbafunc.max_pool_2d(x, dilation=2),
            numbafunc.average_pool_2d(x, 3, ceil_mode=True),
            numbafunc.interpolate(x, 5, align_corners=True),
        )
        for one, other in zip(plain, found):
            assert not np.array_equal(one, other)
        np.testing.assert_array_equal(numbafunc.max_pool_2d(x, dilation=1, ceil_mode=False), plain[0])


def test_one_label_is_not_another():
    for label in (0, 1, 1, 0, -1, 3):
        expected = numbafunc.logsumexp(X, 1) - X[:, label]
        np.testing.assert_allclose(loss.cross_entropy_logits_sparse(X, label), expected, rtol=1e-14)


def test_different_shapes_warn_every_time():
    for function in (loss.mean_squared_error, loss.cross_entropy_logits, loss.sigmoid_cross_entropy_logits):
        for _ in range(3):
            with pytest.warns(UserWarning, match="are broadcast"):
                function(X, Y[:1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss.mean_squared_error(X, Y)


def test_signatures():
    assert signature_of(X, 1.0) == ((6, 4), X.dtype, float)
    assert signature_of(X, 2) is None
    assert signature_of(X, 2, ints=True) == ((6, 4), X.dtype, 2)
    locked = X.copy()
    locked.flags.writeable = False
    assert signature_of(locked) == signature_of(X)  # kernels only read operands
    for other in (
        X.T,
        X[:, ::2],
        X.view(np.matrix),
        True,
        np.float64(1),
        [1.0],
        np.broadcast_arrays(X, X)[0].T,
    ):
        assert signature_of(X, other) is None


def test_indices_beyond_the_signed_words():
    for index in (3, 2**64 - 1, 3):
        result = numbafunc.one_hot(np.array([index], np.uint64), 4)
        np.testing.assert_array_equal(result, [[0, 0, 0, index == 3]])


def test_labels_of_all_kinds():
    for labels in (LABELS, LABELS.astype(np.int8), np.abs(LABELS).astype(np.uint64), np.full(6, 2**64 - 1, np.uint64)):
        for _ in range(2):
            result = loss.cross_entropy_logits_sparse(X, labels)
            known = labels < 4
            expected = np.where(
                known, numbafunc.logsumexp(X, 1) - X[np.arange(6), np.where(known, labels, 0).astype(int)], np.nan
            )
            np.testing.assert_allclose(result, expected, rtol=1e-14)


def test_tangent_with_a_derivative_after_a_call_of_the_same_form():
    point, direction = np.array([0.3, -0.7]), np.array([1.0, 2.0])

    def slope(v):
        return numbafunc.jvp(numbafunc.sigmoid, (point,), (v,))[1]

    expected = numbafunc.jvp(slope, (direction,), (direction,))
    slope(direction)
    np.testing.assert_array_equal(numbafunc.jvp(slope, (direction,), (direction,)), expected)


def test_settings_that_can_not_be_looked_up():
    class Unhashable:
        def __hash__(self):
            raise RuntimeError

        def __index__(self):
            return 2

    for _ in range(2):
        np.testing.assert_array_equal(
            numbafunc.space_to_batch2d(IMAGES, (Unhashable(), 2)), numbafunc.space_to_batch2d(IMAGES, 2)
        )


def test_ints_that_differ_from_call_to_call_leave_nothing():
    before = dict(REGISTRY["celu"]._prepared)
    for i in range(1, 20):
        np.testing.assert_array_equal(numbafunc.celu(X, i), X)
        np.testing.assert_allclose(numbafunc.celu(i, X + 1), i)
    assert REGISTRY["celu"]._prepared == before


def test_frames_name_the_function():
    assert "numbafunc.ops.softmax.softmax" in numbafunc.softmax.__code__.co_filename
    assert "def softmax" in inspect.getsource(numbafunc.softmax)


def test_settings_of_nan_are_known_again(monkeypatch):
    """A NaN is equal to no other one, and to itself only where it is the same object."""
    pad, prepared = importlib.import_module("numbafunc.ops.pad"), []
    prepare = pad._prepared
    monkeypatch.setattr(pad, "_prepared", lambda *given: prepared.append(given) or prepare(*given))

    def padded(x):
        return numbafunc.pad(x, (1, 2), constant_values=float("nan"))

    x = np.arange(3.0)
    for call in (lambda: padded(x), lambda: numbafunc.jvp(padded, (x,), (x,))[0]):
        for number in range(3):
            np.testing.assert_array_equal(call(), [np.nan, 0, 1, 2, np.nan, np.nan])
            if number == 0:
                first = len(prepared)
        assert len(prepared) == first > 0
