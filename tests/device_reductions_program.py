"""What is said of reductions of device arrays, for test_device.py to run in Numba's simulator or on a device."""

import threading
import time
import warnings
from unittest import mock

import ml_dtypes
import numpy as np
import oracles
from device_backend import refused, run, to_device as as_it_lies
from numba import config, cuda
from reduction_table import FREE, NAMES, TABLE, operands, shape_for
from test_reduction_values import TOLERANCE

import numbafunc
from numbafunc import loss
from numbafunc.backend import is_device_array
from numbafunc.divergence import kl
from numbafunc.errors import ShapeError

# Entries of the table whose functions do what arrays of a device can't: b gets another sign, x is cut.
FUNCTIONS = {name: TABLE[name].function for name in NAMES}
FUNCTIONS["logsumexp_signed"] = lambda x, axis, b: numbafunc.logsumexp(x, axis, b, return_sign=True)[0]
FUNCTIONS["inner_product"] = lambda x, axis, y: loss.cross_entropy_logits(x, y)

warnings.simplefilter("ignore", UserWarning)  # of shapes that differ


def host_operands(name, shape, dtype):
    first, *others = operands(name, shape_for(name, shape), dtype)
    return [np.ascontiguousarray(first[..., :1]) if name == "inner_product" else first, *others]


def equal(computed, expected, dtype):
    assert is_device_array(computed), type(computed)
    found = computed.copy_to_host()
    assert found.dtype == dtype
    assert found.shape == np.shape(expected)
    tolerance = TOLERANCE[str(found.dtype)]
    np.testing.assert_allclose(found.astype(np.float64), expected, rtol=tolerance, atol=tolerance)


def compare(name, shape, axis, dtype):
    arrays = host_operands(name, shape, dtype)
    first, *others = map(cuda.to_device, arrays)
    doubles = [array.astype(np.float64) for array in arrays]
    equal(FUNCTIONS[name](first, axis, *others), TABLE[name].oracle(doubles[0], axis, *doubles[1:]), dtype)


def test_every_op():
    # Rows of a block with a remainder, rows of a thread, rows in segments; in the simulator these are short.
    shapes = ((2, 37), (41, 3), (1, 261)) if config.ENABLE_CUDASIM else ((5, 1000), (9_001, 5), (3, 70_001))
    for name in NAMES:
        for shape in shapes:
            compare(name, shape, -1, np.float32)
        for dtype in (np.float16, ml_dtypes.bfloat16, np.float64):
            compare(name, (2, 9), -1, dtype)
        if name in FREE and name != "inner_product":
            compare(name, (10, 33), 0, np.float64)
            compare(name, (2, 3, 4), (0, 2), np.float64)


def test_every_op_in_duals():
    for name in NAMES:
        arrays = host_operands(name, (2, 11), np.float64)
        first, *others = map(cuda.to_device, arrays)
        direction = np.random.default_rng(9).normal(size=arrays[0].shape)
        tangent = numbafunc.jvp(
            lambda x: FUNCTIONS[name](x, -1, *others),  # noqa: B023
            (first,),
            (cuda.to_device(direction),),
        )[1].copy_to_host()
        expected = oracles.complex_step(lambda x: TABLE[name].oracle(x, -1, *arrays[1:]), arrays[0], direction)  # noqa: B023
        moving = np.isfinite(TABLE[name].oracle(arrays[0], -1, *arrays[1:]))
        np.testing.assert_allclose(tangent[moving], np.asarray(expected)[moving], 1e-12, 1e-12, err_msg=name)


def test_higher_derivatives():
    x = np.random.default_rng(0).normal(size=5)
    share = oracles.softmax(x)
    expected = np.diag(share) - np.outer(share, share)
    for outer in (numbafunc.jacfwd, lambda function: numbafunc.jacfwd(function, chunk_size=2)):
        found = outer(numbafunc.grad(numbafunc.logsumexp))(cuda.to_device(x))
        np.testing.assert_allclose(found.copy_to_host(), expected, 1e-13, 1e-15)
    slope = numbafunc.grad(lambda b: numbafunc.logsumexp(cuda.to_device(x), b=b))(2.0)
    np.testing.assert_allclose(slope.copy_to_host(), 0.5, 1e-14)
    gradient = numbafunc.grad(lambda x: loss.cross_entropy_logits_sparse(x, 2))(cuda.to_device(x))
    np.testing.assert_allclose(gradient.copy_to_host(), share - np.eye(5)[2], 1e-13)


def test_results_stay_on_the_device():
    x = np.random.default_rng(0).normal(size=(3, 4))
    device = cuda.to_device(x)
    equal(numbafunc.logsumexp(device), oracles.logsumexp(x, None), np.float64)
    equal(numbafunc.logsumexp(device, 1, keepdims=True), oracles.logsumexp(x, 1)[:, None], np.float64)
    equal(numbafunc.logsumexp(device, (), b=2.0), x + np.log(2), np.float64)
    value, sign = numbafunc.logsumexp(device, 0, cuda.to_device(-np.ones(4)), return_sign=True)
    equal(value, oracles.logsumexp(x, 0), np.float64)
    equal(sign, -np.ones(4), np.float64)
    equal(loss.l2(cuda.to_device(np.array(3))), 4.5, np.float64)
    equal(numbafunc.softmax(cuda.to_device(np.zeros((0, 3)))), np.zeros((0, 3)), np.float64)
    equal(numbafunc.logsumexp(cuda.to_device(np.zeros((0, 3))), 0), np.full(3, -np.inf), np.float64)
    p = np.abs(x[0])
    equal(kl(cuda.to_device(p), 0.5, cuda.to_device(np.array(0.1))), p @ np.log((p + 0.1) / 0.6), np.float64)


def test_layouts_and_out():
    x = np.random.default_rng(0).normal(size=(6, 10))
    expected = oracles.softmax(x)
    for array in (np.asfortranarray(x), x[::-1, ::-1], np.repeat(x, 3, 1)[:, 1::3]):
        wanted = oracles.softmax(np.array(array))
        equal(numbafunc.softmax(as_it_lies(array)), wanted, np.float64)
        holder = np.full((12, 20), 7.0)
        target = as_it_lies(holder[::2, 1::2])
        assert numbafunc.softmax(as_it_lies(array), out=target) is target
        if config.ENABLE_CUDASIM:  # where both have one memory
            np.testing.assert_allclose(holder[::2, 1::2], wanted, 1e-14)
            assert (holder[1::2] == 7).all()
            assert (holder[:, ::2] == 7).all()
    rows = np.broadcast_to(x[0], (3, 10))
    equal(numbafunc.log_softmax(as_it_lies(rows)), oracles.log_softmax(rows), np.float64)
    device = cuda.to_device(x)
    refused(TypeError, "out is a ndarray", numbafunc.softmax, device, out=np.zeros((6, 10)))
    refused(ValueError, "wanted: (6, 10)", numbafunc.softmax, device, out=cuda.to_device(x.T.copy()))
    refused(TypeError, "wanted: float64", numbafunc.softmax, device, out=cuda.to_device(expected.astype(np.float32)))
    refused(ValueError, "overlaps", numbafunc.softmax, device, out=device)

    def written(x):
        return numbafunc.softmax(x, out=cuda.to_device(expected))

    refused(TypeError, "tangents", numbafunc.jvp, written, (device,), (device,))


def test_labels():
    x = np.random.default_rng(0).normal(size=(4, 5))
    device = cuda.to_device(x)
    total = oracles.logsumexp(x, -1)
    equal(loss.cross_entropy_logits_sparse(device, -2), total - x[:, 3], np.float64)
    for labels in ([0, -1, 5, -6], np.array([0, 4, 5, 2**64 - 1], np.uint64)):
        found = loss.cross_entropy_logits_sparse(device, cuda.to_device(np.asarray(labels)))
        equal(found, [total[0] - x[0, 0], total[1] - x[1, 4], np.nan, np.nan], np.float64)
    for dtype in (np.int8, np.uint16, np.int32):
        found = loss.cross_entropy_logits_sparse(device, cuda.to_device(np.array([1], dtype)))
        equal(found, total - x[:, 1], np.float64)
    empty, zeros = cuda.to_device(np.zeros((4, 0))), cuda.to_device(np.zeros(4, np.int64))
    equal(loss.cross_entropy_logits_sparse(empty, zeros), np.full(4, np.nan), np.float64)
    refused(IndexError, "from -5 to 4", loss.cross_entropy_logits_sparse, device, 5)
    refused(TypeError, "wanted: integers", loss.cross_entropy_logits_sparse, device, cuda.to_device(np.zeros(4)))


def test_masks():
    x = np.random.default_rng(0).normal(size=(3, 4))
    device, mask = cuda.to_device(x), x > -0.5
    for given in (mask, mask.astype(np.uint8), np.where(mask, 256, 0)):
        found = numbafunc.softmax(device, where=cuda.to_device(given), initial=0.0)
        equal(found, oracles.masked_softmax(x, mask, -1), np.float64)
    floats = np.where(x > 0, x, 0.0).astype(np.float32)
    floats[0, 0] = np.nan  # which is not 0
    found = numbafunc.log_softmax(device, where=cuda.to_device(floats))
    np.testing.assert_allclose(found.copy_to_host(), numbafunc.log_softmax(x, where=floats), rtol=1e-14)
    for initial in (np.array(0.0), np.array(700.0, np.float32), np.array(3)):
        found = numbafunc.softmax(device, initial=cuda.to_device(initial))
        np.testing.assert_allclose(found.copy_to_host(), numbafunc.softmax(x, initial=initial), rtol=1e-14)
    refused(TypeError, "wanted: a number", numbafunc.softmax, device, initial=cuda.to_device(np.zeros(1)))
    refused(TypeError, "x is an array in main memory", numbafunc.softmax, x, initial=cuda.to_device(np.array(0.0)))


def test_operands_in_two_places():
    x = np.random.default_rng(0).uniform(size=(3, 4))
    device = cuda.to_device(x)
    refused(TypeError, "y is an array in main memory", loss.mean_squared_error, device, x)
    refused(TypeError, "logits is an array in main memory", loss.cross_entropy_logits, x, device)
    refused(TypeError, "labels is an array in main memory", loss.cross_entropy_logits_sparse, device, [0, 1, 2])
    refused(TypeError, "where is an array in main memory", numbafunc.softmax, device, where=x > 0)
    refused(TypeError, "x is an array in main memory", numbafunc.softmax, x, where=cuda.to_device(x > 0))
    refused(TypeError, "b is an array in main memory", numbafunc.logsumexp, device, b=x)
    refused(TypeError, "q is an array in main memory", kl, cuda.to_device(x[0]), x[1])


def test_operands_that_are_refused():
    x = np.ones((3, 3))
    for dtype in (bool, complex):
        refused(TypeError, "x has dtype", numbafunc.softmax, cuda.to_device(x.astype(dtype)))
    refused(ValueError, "axis is 2", numbafunc.softmax, cuda.to_device(x), 2)
    refused(ValueError, "broadcast", loss.mean_squared_error, cuda.to_device(x), cuda.to_device(x[:, :2].copy()))
    refused(ShapeError, "wanted: shapes that numpy.dot contracts", kl, cuda.to_device(x[:, 1:].copy()), 0.5)


def test_kl_of_matrices():
    generator = np.random.default_rng(3)
    shapes = [((4, 4), (4, 4)), ((3, 3), (3,)), ((2, 5, 5), (5, 5)), ((2, 2, 2), (2, 2, 2, 2)), ((6,), (3, 6, 6))]
    shapes += [((), (3, 2)), ((3, 2), ()), ((2, 3), (2, 3))]
    for p_shape, q_shape in shapes:
        p, q = (np.asarray(generator.uniform(0.1, 1.0, size=shape)) for shape in (p_shape, q_shape))
        try:
            wanted = kl(p, q)
        except ShapeError:
            refused(ShapeError, "dot contracts", kl, cuda.to_device(p), cuda.to_device(q))
            continue
        equal(kl(cuda.to_device(p), cuda.to_device(q)), wanted, np.float64)
        directions = [generator.normal(size=x.shape) for x in (p, q)]
        value, tangent = numbafunc.jvp(kl, (p, q), directions)
        found = numbafunc.jvp(kl, tuple(map(cuda.to_device, (p, q))), tuple(map(cuda.to_device, directions)))
        equal(found[0], value, np.float64)
        equal(found[1], tangent, np.float64)


def test_threads_that_come_at_once_share_one_array():
    if not config.ENABLE_CUDASIM:
        return
    import numbafunc_cuda.simulator.load_store  # noqa: F401  (which mends it)
    from numba.cuda.simulator.kernelapi import FakeCUDAShared

    def slow(*arguments):
        time.sleep(0.01)
        return np.zeros(*arguments)

    block, found = FakeCUDAShared(0), []
    threads = [threading.Thread(target=lambda: found.append(block.array(8, np.float64))) for _ in range(4)]
    with mock.patch.object(np, "empty", slow):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(one is found[0] for one in found)


run(globals())
