"""Elementwise ops of arrays of a CUDA device, and what goes for device arrays in all ops and drivers."""

import copy
import math

import ml_dtypes
import numpy as np
import pytest
from chosen_backend import refused, to_device as as_it_lies
from elementwise_table import NAMES, SMOOTH, TABLE, operands
from numba import cuda
from numbafunc_cuda import dlpack

import numbafunc
from numbafunc.backend import is_device_array

pytestmark = pytest.mark.any_backend

SHAPE = (9, 31)  # more than a block of the simulator, and no multiple of a vector
# The circular functions and powers come from other libraries on a device.
ULP = {np.dtype(np.float32): 2.0**-23, np.dtype(np.float64): 2.0**-52}


def equal(on_device, expected):
    assert is_device_array(on_device), type(on_device)
    computed = on_device.copy_to_host()
    assert computed.dtype == expected.dtype
    assert computed.shape == expected.shape
    np.testing.assert_array_equal(computed, expected)


def near(on_device, expected, ulps=4):
    computed = on_device.copy_to_host()
    assert computed.dtype == expected.dtype
    assert computed.shape == expected.shape
    np.testing.assert_allclose(computed, expected, rtol=ulps * ULP[expected.dtype], atol=ulps * ULP[expected.dtype])


@pytest.mark.parametrize("name", NAMES)
def test_every_op_gives_the_bits_of_the_processor(name):
    for dtype in (np.float16, ml_dtypes.bfloat16, np.float32, np.float64):
        arrays = operands(name, SHAPE if dtype is np.float32 else (1, 37), dtype)
        function = TABLE[name].function
        equal(function(*map(cuda.to_device, arrays)), function(*arrays))


def test_vectors_of_every_length_and_place():
    x = operands("relu", (80,), np.float32)[0]
    for dtype in (np.float16, np.float32, np.float64, np.int8):
        typed = x.astype(dtype)
        for start in (0, 1, 4):
            for size in (0, 1, 3, 7, 8, 33):
                part = typed[start : start + size]
                equal(numbafunc.relu(as_it_lies(part)), numbafunc.relu(part))


def test_strides_and_broadcasting():
    x, alpha = operands("elu", (4, 6, 5), np.float32)
    for first, second in [
        (x.T, alpha.T),
        (x[::-1, :, ::-2], alpha[:, :, 1::2][:, :, :1]),
        (x, alpha[0]),
        (x[:, :1], alpha[:1]),
        (x, alpha[0, 0, 0].reshape(())),
        (np.asfortranarray(x), alpha),
        (np.broadcast_to(x[:1], x.shape), alpha),
    ]:
        expected = numbafunc.elu(first, second)
        result = numbafunc.elu(as_it_lies(first), as_it_lies(second))
        equal(result, expected)
        assert result.strides == expected.strides or 1 in expected.shape
        out = as_it_lies(np.zeros((expected.shape[0], 3 * expected.shape[1], expected.shape[2]), np.float32)[:, ::3])
        if hasattr(out, "copy_to_host"):
            assert numbafunc.elu(as_it_lies(first), as_it_lies(second), out=out) is out
            equal(out, expected)


def test_arrays_that_lie_alike_are_gone_through_as_one_axis():
    from numbafunc_cuda import layout

    shape, strides = (4, 1, 6, 5), (30, 7, 5, 1)
    assert layout.merged(shape, [strides, strides]) == ((120,), [(1,), (1,)])
    assert layout.merged(shape, [strides, (0, 0, 5, 1)]) == ((4, 30), [(30, 1), (0, 1)])
    assert layout.merged((3, 4), [(1, 3)]) == ((3, 4), [(1, 3)])
    assert layout.merged((1, 1), [(5, 9)]) == ((), [()])


def test_numbers_beside_arrays():
    x = operands("elu", SHAPE, np.float32)[0]
    device = cuda.to_device(x)
    equal(numbafunc.elu(device, 0.5), numbafunc.elu(x, 0.5))
    equal(numbafunc.elu(device, np.float64(0.5)), numbafunc.elu(x, np.float64(0.5)))
    equal(numbafunc.elu(0.5, device), numbafunc.elu(0.5, x))
    equal(numbafunc.leaky_relu(cuda.to_device(np.arange(-5, 5)), 3), numbafunc.leaky_relu(np.arange(-5, 5), 3))
    scalar = numbafunc.tanh(cuda.to_device(np.array(0.5)))
    assert scalar.shape == ()
    equal(scalar, numbafunc.tanh(np.array(0.5)))


def test_out():
    x = operands("tanh", SHAPE, np.float32)[0]
    device, out = cuda.to_device(x), cuda.device_array(SHAPE, np.float32)
    assert numbafunc.tanh(device, out=out) is out
    equal(out, numbafunc.tanh(x))
    equal(device, x)
    refused(TypeError, "out is a ndarray; wanted: an array of the device", numbafunc.tanh, device, out=np.empty_like(x))
    refused(TypeError, "out has dtype float64", numbafunc.tanh, device, out=cuda.device_array(SHAPE, np.float64))
    refused(ValueError, "out has shape (31, 9)", numbafunc.tanh, device, out=cuda.device_array((31, 9), np.float32))
    refused(ValueError, "overlaps", numbafunc.tanh, device, out=device)
    refused(TypeError, "out is a", numbafunc.tanh, x, out=out)


def test_places_are_not_mixed():
    x = operands("elu", SHAPE, np.float32)[0]
    device = cuda.to_device(x)
    refused(TypeError, "alpha is an array in main memory, of shape (9, 31)", numbafunc.elu, device, x)
    refused(TypeError, "x is an array in main memory", numbafunc.elu, [1.0, 2.0], device)
    refused(TypeError, "shape", numbafunc.elu, device, cuda.to_device(np.ones(7, np.float32)))
    refused(TypeError, "x has dtype complex128", numbafunc.tanh, cuda.to_device(np.ones(3, complex)))
    refused(TypeError, "bool", numbafunc.log_sigmoid, cuda.to_device(np.ones(3, bool)))
    refused(TypeError, "primals[0]", numbafunc.jvp, numbafunc.tanh, (device,), (x,))
    refused(TypeError, "numpy.sum has no rule", numbafunc.jvp, np.sum, (device,), (device,))
    refused(TypeError, "operator.getitem", numbafunc.jvp, lambda x: x[0], (device,), (device,))
    refused(TypeError, "numpy.arctan2", numbafunc.jvp, lambda x: np.arctan2(x, x), (device,), (device,))


def test_copies_and_conversions_of_dual_arrays():
    x = np.linspace(-1, 1, 40)
    for function in (lambda x: (x * x).copy(), lambda x: numbafunc.tanh(x.astype(np.float32)), copy.deepcopy):
        wanted = numbafunc.jvp(function, (x,), (x,))
        found = numbafunc.jvp(function, (cuda.to_device(x),), (cuda.to_device(x),))
        for a, b in zip(found, wanted):
            a = a.copy_to_host()
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def test_what_is_refused_before_any_kernel():
    refused(TypeError, "x has dtype bool", numbafunc.one_hot, cuda.to_device(np.array([True, False])), 3)
    swapped = cuda.to_device(np.array([1.0, 2.0], ">f4"))
    for function in (numbafunc.tanh, numbafunc.softmax, numbafunc.flatten):
        refused(TypeError, "in a byte order that is not that of the device", function, swapped)
    refused(TypeError, "x is a Other; wanted, in the simulator", numbafunc.tanh, Other())


class Other:
    """An array of some other library."""

    @property
    def __cuda_array_interface__(self):
        return {"shape": (3,), "typestr": "<f4", "data": (4096, False), "version": 3}


def test_a_sequence_of_arrays_is_no_operand():
    numbers = [cuda.to_device(np.array(1.0)), cuda.to_device(np.array(2.0))]
    for function in (numbafunc.relu, numbafunc.softmax, numbafunc.flatten, numbafunc.max_pool_2d):
        refused(TypeError, "a sequence that holds arrays of a CUDA device", function, numbers)


@pytest.mark.parametrize("name", SMOOTH)
def test_jvp_of_every_op(name):
    for dtype in (np.float32, np.float64):
        arrays = operands(name, (3, 13), dtype)
        directions = [np.random.default_rng(i).normal(size=(3, 13)).astype(dtype) for i in range(len(arrays))]
        expected = numbafunc.jvp(TABLE[name].function, tuple(arrays), tuple(directions))
        computed = numbafunc.jvp(
            TABLE[name].function, tuple(map(cuda.to_device, arrays)), tuple(map(cuda.to_device, directions))
        )
        for one, other in zip(computed, expected):
            equal(one, other)


def expression(x):
    return numbafunc.sigmoid(x * x + 1.0) / np.exp(x) - 2.0 * abs(x) + np.maximum(x, 0.25) ** 3


def test_derivatives_of_expressions():
    x, direction = np.random.default_rng(0).normal(size=(2, 3, 7))
    for function in (expression, lambda x: x, lambda x: -(x**2), lambda x: 1 / x, lambda x: np.sin(x) * math.pi):
        expected = numbafunc.jvp(function, (x,), (direction,))
        computed = numbafunc.jvp(function, (cuda.to_device(x),), (cuda.to_device(direction),))
        for one, other in zip(computed, expected):
            near(one, other, 64)
    near(numbafunc.jacfwd(expression)(cuda.to_device(x)), numbafunc.jacfwd(expression)(x), 64)
    near(numbafunc.jacfwd(expression, chunk_size=4)(cuda.to_device(x)), numbafunc.jacfwd(expression)(x), 64)
    scalar = np.array(0.3)
    for derivative in (
        numbafunc.grad,
        lambda f: numbafunc.grad(numbafunc.grad(f)),
        lambda f: numbafunc.jacfwd(numbafunc.grad(f)),
    ):
        near(derivative(expression)(cuda.to_device(scalar)), derivative(expression)(scalar), 256)


def test_nested_and_several():
    x, direction = np.random.default_rng(1).normal(size=(2, 11))

    def inner(x):
        return numbafunc.jvp(numbafunc.celu, (x,), (x,))[1]

    expected = numbafunc.jvp(inner, (x,), (direction,))
    computed = numbafunc.jvp(inner, (cuda.to_device(x),), (cuda.to_device(direction),))
    for one, other in zip(computed, expected):
        near(one, other)
    scalar = np.array(0.75)
    for argnums in (0, 1, (0, 1)):
        expected = numbafunc.jacfwd(numbafunc.elu, argnums)(x, scalar)
        computed = numbafunc.jacfwd(numbafunc.elu, argnums)(cuda.to_device(x), cuda.to_device(scalar))
        for one, other in zip(computed, expected) if argnums == (0, 1) else [(computed, expected)]:
            equal(one, other)
    expected = numbafunc.jvp(lambda alpha: numbafunc.elu(x, alpha), (0.5,), (1.0,))
    computed = numbafunc.jvp(lambda alpha: numbafunc.elu(cuda.to_device(x), alpha), (0.5,), (1.0,))
    for one, other in zip(computed, expected):
        equal(one, other)


def test_a_tangent_is_never_the_caller_s_own():
    x, direction = np.random.default_rng(2).normal(size=(2, 5))
    given = cuda.to_device(direction)
    change = numbafunc.jvp(lambda x: x, (cuda.to_device(x),), (given,))[1]
    change[0] = 7.0
    equal(given, direction)


def test_labels_and_indices():
    logits, labels = operands("sigmoid_cross_entropy_logits", SHAPE, np.float32)
    function = numbafunc.loss.sigmoid_cross_entropy_logits
    equal(function(cuda.to_device(logits), cuda.to_device(labels)), function(logits, labels))
    indices = np.array([[0, 2, -1], [1, 1, 5]])
    for axis in (-1, 0, 1):
        for dtype in (np.float64, np.float16, bool, np.int8):
            expected = numbafunc.one_hot(indices, 3, dtype=dtype, axis=axis)
            equal(numbafunc.one_hot(cuda.to_device(indices), 3, dtype=dtype, axis=axis), expected)
    refused(TypeError, "wanted, on a device", numbafunc.one_hot, cuda.to_device(indices), 3, dtype=complex)


def test_drivers_that_work_in_main_memory():
    x = cuda.to_device(np.linspace(-1, 1, 5))
    for driver in ("linearize", "hessian", "derivative"):
        of = getattr(numbafunc, driver)
        call = (lambda x, of=of: of(numbafunc.tanh, x)) if driver == "linearize" else of(numbafunc.tanh)
        refused(TypeError, f"{driver} is given an array of a CUDA device", call, x)


def test_users_functions():
    scale = 1.5

    @numbafunc.elementwise
    def bump(x, width):
        inside = abs(x) < width
        smooth = math.exp(-1 / (1 - (x / width) ** 2)) * scale if inside else max(x, 0) * 0
        return smooth + numbafunc.celu(x) * numbafunc.softplus(width) - np.maximum(x, np.square(width))

    x = np.linspace(-2, 2, 41)
    expected = numbafunc.jvp(lambda x: bump(x, 1.25), (x,), (np.ones(41),))
    computed = numbafunc.jvp(lambda x: bump(x, 1.25), (cuda.to_device(x),), (cuda.to_device(np.ones(41)),))
    for one, other in zip(computed, expected):
        equal(one, other)


def test_capsules_of_dlpack():
    x = np.arange(24.0).reshape(2, 3, 4)
    single = np.array(1.5, np.float32)
    for array in (x, x.T, x[:, ::2, 1:], x[::-1], x.astype(np.int16), x > 3, np.zeros((0, 2)), single):
        found = dlpack.read(array.__dlpack__(), "x")
        assert found.dtype == array.dtype
        assert found.shape == array.shape
        assert not array.size or found.address == array.__array_interface__["data"][0]
        assert array.size < 2 or found.strides in (None, array.strides)
        assert found.strides is not None or array.flags.c_contiguous


def test_users_kernels():
    @cuda.jit
    def kernel(x, out):
        i = cuda.grid(1)
        if i < out.size:
            out[i] = numbafunc.sigmoid(x[i]) + numbafunc.elu(x[i])

    x = operands("elu", (40,), np.float64)[0]
    out = cuda.device_array(40, np.float64)
    kernel[2, 32](cuda.to_device(x), out)
    equal(out, numbafunc.sigmoid(x) + numbafunc.elu(x))
