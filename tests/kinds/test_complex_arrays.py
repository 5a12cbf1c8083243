"""Complex arrays in the ops that move elements or average them: each part as the op has it, in both modes."""

import numpy as np
import pytest

import numbafunc

OPS = {
    "average_pool_2d": (lambda x: numbafunc.average_pool_2d(x, 2, 1, 1), (1, 2, 4, 5)),
    "batch_to_space2d": (numbafunc.batch_to_space2d, (8, 2, 2, 3)),
    "channel_to_space2d": (numbafunc.channel_to_space2d, (2, 8, 2, 3)),
    "dynamic_slice": (lambda x: numbafunc.dynamic_slice(x, (1, 0), (1, 2)), (3, 4)),
    "flatten": (numbafunc.flatten, (2, 3, 4)),
    "space_to_batch2d": (numbafunc.space_to_batch2d, (2, 2, 4, 6)),
    "space_to_channel2d": (numbafunc.space_to_channel2d, (2, 2, 4, 6)),
    "upscale_nn": (numbafunc.upscale_nn, (2, 3, 2, 2)),
    "pad reflect, odd": (lambda x: numbafunc.pad(x, 2, "reflect", reflect_type="odd"), (3, 4)),
}
MODES = ["constant", "edge", "empty", "linear_ramp", "mean", "reflect", "symmetric", "wrap"]
OPS |= {f"pad {mode}": (lambda x, mode=mode: numbafunc.pad(x, 2, mode), (3, 4)) for mode in MODES}


def numbers(*shape, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=shape) + 1j * random.normal(size=shape)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("name", OPS)
def test_values(name, dtype):
    function, shape = OPS[name]
    x = numbers(*shape).astype(dtype)
    for given in (x, x, np.asfortranarray(x), x.byteswap().view(x.dtype.newbyteorder())):
        result = function(given)
        assert result.dtype == dtype
        np.testing.assert_allclose(result.real, function(x.real), rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(result.imag, function(x.imag), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", OPS)
def test_derivatives(name):
    function, shape = OPS[name]
    x, (a, b) = numbers(*shape), np.random.default_rng(1).normal(size=(2, *shape))
    target = numbers(*function(x).shape, seed=2)
    inner = lambda a: function(a * x + 1j * a**2)  # noqa: E731
    np.testing.assert_allclose(
        numbafunc.jvp(inner, (a,), (b,))[1], function(b * x + 2j * a * b), rtol=1e-13, atol=1e-13
    )
    loss = lambda a: np.sum(np.abs(inner(a) - target) ** 2)  # noqa: E731
    slope = numbafunc.jvp(loss, (a,), (b,))[1]
    np.testing.assert_allclose(np.sum(numbafunc.grad(loss, mode="reverse")(a) * b), slope, rtol=1e-12)
    forward_over_reverse = numbafunc.jvp(numbafunc.grad(loss, mode="reverse"), (a,), (b,))[1]
    reverse_over_forward = numbafunc.grad(lambda a: numbafunc.jvp(loss, (a,), (b,))[1], mode="reverse")(a)
    np.testing.assert_allclose(forward_over_reverse, reverse_over_forward, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("mode", [*MODES, "maximum", "median", "minimum"])
def test_padding_as_numpy(mode):
    x = numbers(3, 4)
    options = {"constant": {"constant_values": (1 + 2j, 3)}, "linear_ramp": {"end_values": (2j, 1)}}.get(mode, {})
    expected = np.pad(x, 2, "constant" if mode == "empty" else mode, **options)
    np.testing.assert_allclose(numbafunc.pad(x, 2, mode, **options), expected, rtol=1e-14)
    loss = lambda a: np.sum(np.abs(numbafunc.pad(a * x, 1, mode) - 1j) ** 2)  # noqa: E731
    a, b = np.ones((3, 4)), np.random.default_rng(1).normal(size=(3, 4))
    gradient = numbafunc.grad(loss, mode="reverse")(a)
    np.testing.assert_allclose(np.sum(gradient * b), numbafunc.jvp(loss, (a,), (b,))[1], rtol=1e-12)


def test_parts_do_not_mix():
    x = np.array([[np.inf + 1j, complex(1, np.nan)]])
    result = numbafunc.pad(x, ((0, 0), (1, 0)), "edge")
    np.testing.assert_array_equal(result.real, [[np.inf, np.inf, 1]])
    np.testing.assert_array_equal(result.imag, [[1, 1, np.nan]])


def test_what_stays_real():
    x = numbers(3, 4)
    with pytest.raises(TypeError, match="^constant_values has dtype complex128"):
        numbafunc.pad(x.real, 1, constant_values=1j)
    with pytest.raises(TypeError, match="^operand has dtype complex128"):
        numbafunc.top_k(x, 1)
    with pytest.raises(TypeError, match="^x has dtype complex128"):
        numbafunc.max_pool_2d(x[None, None])


LONG = np.ones((1, 4, 2, 2), np.longdouble)


@pytest.mark.skipif(np.longdouble(1).itemsize == 8, reason="long double is double here")
@pytest.mark.parametrize(
    "call",
    [
        lambda: numbafunc.relu(LONG),
        lambda: numbafunc.softmax(LONG),
        lambda: numbafunc.loss.l2(LONG),
        lambda: numbafunc.pad(LONG, 1),
        lambda: numbafunc.top_k(LONG, 1),
        lambda: numbafunc.channel_to_space2d(LONG),
        lambda: numbafunc.max_pool_2d(LONG),
        lambda: numbafunc.stop_gradient({"a": [LONG]}),
        lambda: numbafunc.scan(lambda carry, x: (carry, x), np.longdouble(0), np.ones(2)),
        lambda: numbafunc.scan(lambda carry, x: (carry, x), 0.0, LONG),
        lambda: numbafunc.scan(lambda carry, x: (carry, {"y": LONG}), 0.0, np.ones(2)),
        lambda: numbafunc.while_loop(lambda carry: carry[0, 0, 0, 0] < 3, lambda carry: carry + 1, LONG),
        lambda: numbafunc.odeint(lambda y, t: y, 1.0, np.longdouble([0, 1])),
        lambda: numbafunc.odeint(lambda y, t: y, LONG, [0.0, 1.0]),
        lambda: numbafunc.grad(np.sum)(LONG),
        lambda: numbafunc.jvp(np.sin, (LONG,), (LONG,)),
        lambda: numbafunc.vjp(np.sin, LONG),
        *(
            lambda mix=mix: numbafunc.jvp(lambda v: mix(v, LONG), (np.ones(LONG.shape),), (np.ones(LONG.shape),))
            for mix in (
                np.multiply,
                np.add,
                np.matmul,
                lambda v, a: np.where(v > 0, v, a),
                lambda v, a: np.concatenate([v, a]),
                lambda v, a: np.stack([v, a]),
                lambda v, a: np.einsum("abcd,abcd", v, a),
            )
        ),
    ],
)
def test_long_doubles_are_refused_with_what_to_do(call):
    with pytest.raises(TypeError, match=r"float(96|128).*\(long double\).*pass .*\.?astype\(numpy.float64\)"):
        call()


@pytest.mark.skipif(np.longdouble(1).itemsize == 8, reason="long double is double here")
def test_complex_long_doubles():
    with pytest.raises(TypeError, match=r"long double.*pass x.astype\(numpy.complex128\)"):
        numbafunc.flatten(LONG.astype(np.clongdouble))
