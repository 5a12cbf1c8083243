"""What is refused, with the error that names the argument, what was given and what is wanted."""

import decimal

import numpy as np
import pytest
from elementwise_table import NAMES, TABLE

import numbafunc
from numbafunc import loss
from numbafunc.divergence import kl
from numbafunc.errors import ShapeError

# Every parameter that takes numbers: a call with the given object there, and the name of the parameter.
X = np.array([[0.5, 0.25, 0.75], [1.0, 2.0, 0.5]])
OPERANDS = {
    "celu x": (lambda bad: numbafunc.celu(bad), "x"),
    "celu alpha": (lambda bad: numbafunc.celu(X, bad), "alpha"),
    "elu x": (lambda bad: numbafunc.elu(bad), "x"),
    "elu alpha": (lambda bad: numbafunc.elu(X, bad), "alpha"),
    "gelu": (lambda bad: numbafunc.gelu(bad), "x"),
    "gelu of the tanh form": (lambda bad: numbafunc.gelu(bad, approximate=True), "x"),
    "hard_swish": (lambda bad: numbafunc.hard_swish(bad), "x"),
    "leaky_relu x": (lambda bad: numbafunc.leaky_relu(bad), "x"),
    "leaky_relu slope": (lambda bad: numbafunc.leaky_relu(X, bad), "negative_slope"),
    "log_sigmoid": (lambda bad: numbafunc.log_sigmoid(bad), "x"),
    "mish": (lambda bad: numbafunc.mish(bad), "x"),
    "relu": (lambda bad: numbafunc.relu(bad), "x"),
    "rsqrt": (lambda bad: numbafunc.rsqrt(bad), "x"),
    "selu": (lambda bad: numbafunc.selu(bad), "x"),
    "sigmoid": (lambda bad: numbafunc.sigmoid(bad), "x"),
    "softplus": (lambda bad: numbafunc.softplus(bad), "x"),
    "softplus beta": (lambda bad: numbafunc.softplus(X, beta=bad), "beta"),
    "swish": (lambda bad: numbafunc.swish(bad), "x"),
    "tanh": (lambda bad: numbafunc.tanh(bad), "x"),
    "one_hot": (lambda bad: numbafunc.one_hot(bad, 3), "x"),
    "softmax x": (lambda bad: numbafunc.softmax(bad), "x"),
    "softmax where": (lambda bad: numbafunc.softmax(X, where=bad, initial=0), "where"),
    "softmax initial": (lambda bad: numbafunc.softmax(X, where=X > 0.3, initial=bad), "initial"),
    "log_softmax x": (lambda bad: numbafunc.log_softmax(bad), "x"),
    "logsumexp a": (lambda bad: numbafunc.logsumexp(bad), "a"),
    "logsumexp b": (lambda bad: numbafunc.logsumexp(X, b=bad), "b"),
    "logsumexp where": (lambda bad: numbafunc.logsumexp(X, where=bad), "where"),
    "kl p": (lambda bad: kl(bad, X[0]), "p"),
    "kl q": (lambda bad: kl(X[0], bad), "q"),
    "kl eps": (lambda bad: kl(X[0], X[0], bad), "eps"),
    "cross_entropy_logits": (lambda bad: loss.cross_entropy_logits(bad, X), "logits"),
    "cross_entropy_logits labels": (lambda bad: loss.cross_entropy_logits(X, bad), "labels"),
    "cross_entropy_logits weight": (lambda bad: loss.cross_entropy_logits(X, X, weight=bad), "weight"),
    "cross_entropy_logits_sparse": (lambda bad: loss.cross_entropy_logits_sparse(bad, 0), "logits"),
    "cross_entropy_logits_sparse labels": (lambda bad: loss.cross_entropy_logits_sparse(X, bad), "labels"),
    "l2": (lambda bad: loss.l2(bad), "x"),
    "mean_absolute_error x": (lambda bad: loss.mean_absolute_error(bad, X), "x"),
    "mean_absolute_error y": (lambda bad: loss.mean_absolute_error(X, bad), "y"),
    "mean_squared_error x": (lambda bad: loss.mean_squared_error(bad, X), "x"),
    "mean_squared_error y": (lambda bad: loss.mean_squared_error(X, bad), "y"),
    "mean_squared_log_error x": (lambda bad: loss.mean_squared_log_error(bad, X), "y_true"),
    "mean_squared_log_error y": (lambda bad: loss.mean_squared_log_error(X, bad), "y_pred"),
    "sigmoid_cross_entropy_logits pos_weight": (
        lambda bad: loss.sigmoid_cross_entropy_logits(X, X, pos_weight=bad),
        "pos_weight",
    ),
    "mean_squared_error where": (lambda bad: loss.mean_squared_error(X, X, where=bad), "where"),
    "sigmoid_cross_entropy_logits": (lambda bad: loss.sigmoid_cross_entropy_logits(bad, X), "logits"),
    "sigmoid_cross_entropy_logits labels": (lambda bad: loss.sigmoid_cross_entropy_logits(X, bad), "labels"),
}

SHAPE = X.shape
WRONG = {
    "None": None,
    "string": "text",
    "bytes": b"text",
    "complex": 1j,
    "complex array": np.full(SHAPE, 1j, np.complex64),
    "object array": np.full(SHAPE, 1.0, object),
    "string array": np.full(SHAPE, "a"),
    "strings": [["a", "b", "c"]] * 2,
    "datetime": np.full(SHAPE, np.datetime64("2000-01-01")),
    "timedelta": np.full(SHAPE, np.timedelta64(1, "s")),
    "long double": X.astype(np.longdouble),
    "records": np.zeros(SHAPE, [("a", float)]),
    "ragged": [[1.0, 2.0], [3.0]],
    "dict": {"a": 1.0},
    "set": {1.0},
    "decimal": decimal.Decimal(1),
    "function": np.sin,
    "object": object(),
    "masked": np.ma.masked_array(X, X > 0.6),
}
NATURALLY_NONE = {
    *("softmax where", "softmax initial", "logsumexp b", "logsumexp where", "mean_squared_error where"),
    *("cross_entropy_logits weight", "sigmoid_cross_entropy_logits pos_weight"),
}
TAKE_COMPLEX = {"logsumexp a", "logsumexp b"}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("operand", OPERANDS)
def test_operand_that_is_no_real_number(operand, what):
    if what == "None" and operand in NATURALLY_NONE:
        return
    if what.startswith("complex") and operand in TAKE_COMPLEX:
        return
    call, name = OPERANDS[operand]
    with pytest.raises(TypeError, match=rf"^{name}\b"):
        call(WRONG[what])


@pytest.mark.parametrize(
    "operand",
    [
        *["log_sigmoid", "one_hot", "softmax x", "log_softmax x", "mean_absolute_error x", "mean_absolute_error y"],
        *["mean_squared_error x", "mean_squared_error y", "sigmoid_cross_entropy_logits"],
        *["sigmoid_cross_entropy_logits labels", "cross_entropy_logits_sparse labels", "cross_entropy_logits"],
    ],
)
def test_bool_where_it_makes_no_sense(operand):
    call, name = OPERANDS[operand]
    for given in (True, np.True_, X > 0.6, [[True, False, True]] * 2):
        with pytest.raises(TypeError, match=rf"^{name}\b"):
            call(given)


# Shapes


PAIRS = {
    "celu": (numbafunc.celu, "x", "alpha"),
    "elu": (numbafunc.elu, "x", "alpha"),
    "leaky_relu": (numbafunc.leaky_relu, "x", "negative_slope"),
    "softplus": (lambda x, y: numbafunc.softplus(x, beta=y), "x", "beta"),
    "softmax": (lambda x, y: numbafunc.softmax(x, where=y > 0), "x", "where"),
    "log_softmax": (lambda x, y: numbafunc.log_softmax(x, where=y > 0), "x", "where"),
    "logsumexp": (lambda x, y: numbafunc.logsumexp(x, b=y), "a", "b"),
    "kl": (kl, "p", "q"),
    "cross_entropy_logits": (loss.cross_entropy_logits, "logits", "labels"),
    "cross_entropy_logits_sparse": (
        lambda x, y: loss.cross_entropy_logits_sparse(np.zeros((*x.shape, 2)), y.astype(int)),
        "logits",
        "labels",
    ),
    "mean_absolute_error": (loss.mean_absolute_error, "x", "y"),
    "mean_squared_error": (loss.mean_squared_error, "x", "y"),
    "mean_squared_log_error": (loss.mean_squared_log_error, "y_true", "y_pred"),
    "sigmoid_cross_entropy_logits": (loss.sigmoid_cross_entropy_logits, "logits", "labels"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_shapes_that_do_not_broadcast(name):
    call, first, second = PAIRS[name]
    for error in (ShapeError, ValueError, TypeError):
        with pytest.raises(error, match=rf"{first} has shape .*{second} has shape .*wanted"):
            call(np.ones((2, 3)), np.ones((2, 4)))


def test_shapes_that_do_not_broadcast_in_duals():
    with pytest.raises(ShapeError, match="alpha has shape"):
        numbafunc.jvp(lambda x: numbafunc.elu(x, np.ones(4)), (np.ones(3),), (np.ones(3),))


# Axes


AXIS = {
    "softmax": lambda axis: numbafunc.softmax(X, axis),
    "log_softmax": lambda axis: numbafunc.log_softmax(X, axis),
    "masked softmax": lambda axis: numbafunc.softmax(X, axis, X > 0.5),
    "logsumexp": lambda axis: numbafunc.logsumexp(X, axis),
    "weighted logsumexp": lambda axis: numbafunc.logsumexp(X, axis, 2.0),
    "softmax of lists": lambda axis: numbafunc.softmax(X.tolist(), axis),
}


@pytest.mark.parametrize("axis", [2, -3, (0, 2), (0, 0), (1, -1), 10**20], ids=str)
@pytest.mark.parametrize("name", AXIS)
def test_axis_out_of_range_or_twice(name, axis):
    with pytest.raises(ValueError, match="^axis is"):
        AXIS[name](axis)


@pytest.mark.parametrize(
    "axis", [1.0, "0", (0.0,), (0, "a"), True, (False,), {0}, np.array([0.5]), np.array(1.0)], ids=repr
)
@pytest.mark.parametrize("name", AXIS)
def test_axis_of_wrong_type(name, axis):
    with pytest.raises(TypeError, match="^axis is"):
        AXIS[name](axis)


def test_no_axes():
    for function in (loss.cross_entropy_logits, loss.cross_entropy_logits_sparse):
        with pytest.raises(ValueError, match="logits has no axes"):
            function(1.0, 0 if function is loss.cross_entropy_logits_sparse else [1.0])
    with pytest.raises(ValueError, match="labels has no axes"):
        loss.cross_entropy_logits([1.0], 0)


# out


OUT = {name: TABLE[name] for name in NAMES if name not in ("log_ratio", "one_hot")}


def call_with_out(name, out):
    count = len(OUT[name].domains)
    return OUT[name].function(*[X] * count, out=out)


@pytest.mark.parametrize("name", [*OUT, "softmax", "log_softmax", "masked"])
def test_out_that_does_not_fit(name):
    functions = {
        "softmax": numbafunc.softmax,
        "log_softmax": numbafunc.log_softmax,
        "masked": lambda x, out: numbafunc.softmax(x, where=x > 0.5, out=out),
    }

    def call(x, out):
        return (
            functions[name](x, out=out)
            if name in functions
            else OUT[name].function(*[x] * len(OUT[name].domains), out=out)
        )

    x = X.copy()
    numbafunc.softmax(x)  # a second call takes another way
    for shape in ((2,), (3, 2), (2, 3, 1), (), (1, 2, 3), (2, 0)):
        for error in (ValueError, TypeError):
            with pytest.raises(error, match=r"^out has shape .*wanted: \(2, 3\)"):
                call(x, np.zeros(shape))
    for dtype in (np.float32, np.float16, np.int64, complex, object, ">f8"):
        with pytest.raises(TypeError, match="^out has dtype .*wanted: float64"):
            call(x, np.zeros((2, 3), dtype))
    frozen = np.zeros((2, 3))
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="^out is read-only"):
        call(x, frozen)
    for wrong in ([[0.0] * 3] * 2, 1.0, "out", memoryview(bytearray(48))):
        with pytest.raises(TypeError, match="^out is"):
            call(x, wrong)
    with pytest.raises(ValueError, match="^out overlaps"):
        call(x, x)
    holder = np.arange(1.0, 25.0).reshape(4, 6)
    np.testing.assert_array_equal(x, X)
    for operand, target in [
        (holder[:2, :3], holder[1:3, :3]),
        (holder[:2, :3], holder[:2, 1:4]),
        (holder[:2, :3], holder[1::-1, :3]),
        (holder[:2, ::2], holder[1:3, :3]),
    ]:
        before = holder.copy()
        with pytest.raises(ValueError, match="^out overlaps"):
            call(operand, target)
        np.testing.assert_array_equal(holder, before)
    # Side by side in the same memory is fine.
    np.testing.assert_array_equal(
        call(holder[:2, ::2], holder[:2, 1::2]), call(holder[:2, ::2].copy(), np.zeros((2, 3)))
    )


@pytest.mark.parametrize("strides", [(0, 8), (8, 8), (16, 8), (-8, 8), (8, 0), (4, 24), (24, 4)])
def test_out_that_overlaps_itself(strides):
    memory = np.zeros(64)
    out = np.lib.stride_tricks.as_strided(memory[32:], X.shape, strides)
    for call in (numbafunc.sigmoid, numbafunc.softmax, numbafunc.relu):
        with pytest.raises(ValueError, match="^out has strides .*wanted: an array of its own"):
            call(X, out=out)
    assert not memory.any()


@pytest.mark.parametrize("strides", [(8, 16), (-24, 8), (40, -16), (16, 40), (24, 16)])
def test_out_of_any_strides_that_do_not_meet(strides):
    memory = np.full(64, np.nan)
    out = np.lib.stride_tricks.as_strided(memory[32:], X.shape, strides)
    for call in (numbafunc.sigmoid, numbafunc.softmax):
        assert call(X, out=out) is out
        np.testing.assert_array_equal(out, call(X))
    assert np.isnan(memory).sum() == 64 - X.size


def test_out_that_overlaps_a_parameter():
    alpha = np.array([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="^out overlaps"):
        numbafunc.elu(np.ones(3), alpha, out=alpha)
    mask = np.ones((2, 3), np.uint8)
    with pytest.raises(ValueError, match="^out overlaps"):
        numbafunc.relu(mask, out=mask)


# Users' functions


@pytest.mark.parametrize("wrong", [None, 3, np.sin, "f", print], ids=str)
def test_elementwise_of_no_function(wrong):
    with pytest.raises(TypeError, match="elementwise is given"):
        numbafunc.elementwise(wrong)


@pytest.mark.parametrize("wrong", [lambda: 1, lambda *x: 1, lambda *, x: x, lambda **x: 1, lambda x, /: x])
def test_elementwise_of_odd_parameters(wrong):
    if wrong.__code__.co_posonlyargcount:
        with pytest.raises(TypeError, match="positional parameters"):
            numbafunc.elementwise(wrong)
        return
    with pytest.raises(TypeError, match="positional parameters"):
        numbafunc.elementwise(wrong)


def test_arguments_of_a_user_function():
    @numbafunc.elementwise
    def scaled(x, factor=2.0):
        return factor * x

    np.testing.assert_array_equal(scaled([1.0, 2.0]), [2, 4])
    np.testing.assert_array_equal(scaled([1.0, 2.0], factor=3.0), [3, 6])
    np.testing.assert_array_equal(scaled(factor=3.0, x=[1.0]), [3])
    target = np.zeros(2)
    assert scaled([1.0, 2.0], out=target) is target
    for wrong in ((), (1.0, 2.0, 3.0)):
        with pytest.raises(TypeError, match=r"^scaled\(\): "):
            scaled(*wrong)
    with pytest.raises(TypeError, match="^factor"):
        scaled(1.0, "a")
    with pytest.raises(ShapeError, match="factor has shape"):
        scaled(np.ones(2), np.ones(3))


def test_nothing_is_an_assertion():
    # Whatever is wrong, callers get one of three errors.
    for call in (
        lambda: numbafunc.softmax(X, 5),
        lambda: numbafunc.one_hot(X, -1),
        lambda: loss.cross_entropy_logits_sparse(X, 9),
        lambda: loss.mean_squared_error(X, X, 5),
        lambda: kl(X, X),
    ):
        with pytest.raises((ValueError, TypeError, IndexError)):
            call()


@pytest.mark.parametrize("flag", ["no", 2, 1, 0, np.int64(1), None, [True], 1.0, np.array(True)], ids=repr)
def test_flags_that_are_neither_true_nor_false(flag):
    x = np.ones(3)
    for name, call in (
        ("keepdims", lambda: numbafunc.logsumexp(x, keepdims=flag)),
        ("return_sign", lambda: numbafunc.logsumexp(x, return_sign=flag)),
        ("reverse", lambda: numbafunc.scan(lambda c, y: (c, y), 0.0, x, reverse=flag)),
    ):
        with pytest.raises(TypeError, match=rf"^{name} is .*wanted: True or False"):
            call()
    assert numbafunc.logsumexp(x, keepdims=np.True_).shape == numbafunc.logsumexp(x, keepdims=True).shape == (1,)


@pytest.mark.parametrize("given", [{"a": 1}, decimal.Decimal(3), object(), [decimal.Decimal(3)]])
def test_objects_of_which_numpy_makes_no_numbers(given):
    for function in (numbafunc.relu, numbafunc.softmax, numbafunc.max_pool_2d):
        with pytest.raises(TypeError, match=rf"^x is of type {type(given).__name__}, .*wanted: float16"):
            function(given)


def test_axes_of_a_number():
    with pytest.raises(ValueError, match="^axis is -1; wanted: None for a number"):
        numbafunc.softmax(3.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda n: numbafunc.sigmoid(n),
        lambda n: numbafunc.elu(X, n),
        lambda n: numbafunc.softmax(X, initial=n),
        lambda n: numbafunc.logsumexp(X, b=n),
        lambda n: kl(X[0], X[0], n),
        lambda n: numbafunc.one_hot(n, 3),
        lambda n: numbafunc.relu(n),
        lambda n: loss.mean_squared_error(X, n),
    ],
)
def test_integers_beyond_all_words(call):
    with pytest.raises(TypeError, match=r"^(x|y|alpha|initial|b|eps) is an int of .* bits; wanted: at most 64"):
        call(10**400)


def test_integers_beyond_the_signed_words():
    result = numbafunc.relu(2**63)
    assert result == 2**63
    assert result.dtype == np.uint64


def test_parameter_named_out():
    with pytest.raises(TypeError, match="parameter out"):
        numbafunc.elementwise(lambda x, out: x)


def test_out_with_several_elements_in_one_memory():
    overlapping = np.lib.stride_tricks.as_strided(np.zeros(1), (5,), (0,))
    with pytest.raises(ValueError, match="out has strides"):
        numbafunc.sigmoid(np.ones(5), out=overlapping)
    with pytest.raises(TypeError, match="out is a MaskedArray"):
        numbafunc.sigmoid(np.ones(5), out=np.ma.zeros(5))
