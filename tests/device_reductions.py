"""Reductions of arrays of a CUDA device against NumPy: run by test_device_reductions.py, in Numba's simulator."""

import sys
import warnings

import ml_dtypes
import numpy as np
import oracles
import pytest
from device_backend import _back, _moved
from reduction_table import FREE, NAMES, TABLE, operands, shape_for
from test_reduction_derivatives import closures

import numbafunc
from numbafunc import loss
from numbafunc.autodiff.dual import on_device
from numbafunc.kinds import reduction

TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 4e-6, "float64": 1e-14}
# Less than a warp, more than one, a thread for each row, segments with a remainder.
ROWS = ((3, 7), (2, 70), (33, 3), (2, 261))

on_host = reduction.Reduction.__call__


def through_the_device(self, arrays, axes, dtype, *, shape=None, keepdims=False, out=None, form=None, **rest):
    """What the op does, between a transfer to the device and one back."""
    moved = list(map(_moved, arrays))
    assert on_device(*moved)
    shape = np.shape(arrays[0]) if shape is None else shape
    results = self.on_device(moved, [f"operand{i}" for i in range(len(moved))], axes, dtype, shape, keepdims, None)
    results = tuple(map(_back, results))
    return results[0] if len(results) == 1 else results


def compare(name, shape, axis, dtype):
    entry = TABLE[name]
    arrays = operands(name, shape_for(name, shape), dtype)
    result = entry.function(arrays[0], axis, *arrays[1:])
    expected = entry.oracle(arrays[0].astype(np.float64), axis, *(a.astype(np.float64) for a in arrays[1:]))
    assert result.dtype == arrays[0].dtype, name
    assert result.shape == np.shape(expected), name
    tolerance = TOLERANCE[str(arrays[0].dtype)]
    np.testing.assert_allclose(result.astype(np.float64), expected, tolerance, tolerance, err_msg=f"{name} {shape}")


def test_values(name):
    for shape in ROWS:
        compare(name, shape, -1, np.float32)
    for dtype in (np.float16, ml_dtypes.bfloat16, np.float64):
        compare(name, (2, 37), -1, dtype)
    if name in FREE:
        for shape, axis in (((33, 34), 0), ((2, 3, 4), (0, 2)), ((2, 3, 4), 1)):
            compare(name, shape, axis, np.float64)


def test_derivatives(name):
    for shape in ((2, 35), (1, 261)):
        arrays = operands(name, shape_for(name, shape))
        for position, x in enumerate(arrays):
            direction = np.random.default_rng(9).normal(size=x.shape)
            function, oracle = closures(name, -1, arrays, position)
            value, tangent = numbafunc.jvp(function, (x,), (direction,))
            expected = np.asarray(oracles.complex_step(oracle, x, direction))
            moving = ~np.isneginf(value)
            np.testing.assert_allclose(tangent[moving], expected[moving], 1e-12, 1e-12, err_msg=f"{name} {shape}")
    # Second order, nested: against a difference of first ones, which are proved above.
    x, *others = operands(name, shape_for(name, (1, 5)))
    function, _ = closures(name, -1, [x, *others], 0)
    direction = np.ones_like(x)

    def slope(x):
        return numbafunc.jvp(function, (x,), (direction,))[1]

    second = numbafunc.jvp(slope, (x,), (direction,))[1]
    near = (slope(x + 1e-5 * direction) - slope(x - 1e-5 * direction)) / 2e-5
    np.testing.assert_allclose(second, near, 1e-6, 1e-6, err_msg=name)


def test_sums_lose_nothing_with_their_length():
    x = np.full(5_003, 0.1, np.float32)  # equal terms round the same way at each step
    exact = float(x[0]) ** 2 * x.size / 2
    assert abs(float(loss.l2(x)) - exact) <= 2 * np.finfo(np.float32).eps * exact


def test_labels_out_of_range():
    x = np.random.default_rng(0).normal(size=(4, 5))
    result = loss.cross_entropy_logits_sparse(x, np.array([0, -1, 5, -6]))
    np.testing.assert_allclose(result[:2], oracles.logsumexp(x[:2], -1) - [x[0, 0], x[1, 4]], 1e-14)
    assert np.isnan(result[2:]).all()


def test_what_users_see():
    from numba import cuda

    reduction.Reduction.__call__ = on_host
    x = np.random.default_rng(0).normal(size=(3, 4))
    device = cuda.to_device(x)
    scalar = numbafunc.logsumexp(device)
    assert scalar.shape == ()
    np.testing.assert_allclose(scalar.copy_to_host(), oracles.logsumexp(x, None), 1e-14)
    assert numbafunc.logsumexp(device, 1, keepdims=True).shape == (3, 1)
    out = cuda.device_array((3, 4))
    assert numbafunc.softmax(device, out=out) is out
    np.testing.assert_allclose(out.copy_to_host(), oracles.softmax(x), 1e-14)
    np.testing.assert_allclose(
        loss.cross_entropy_logits_sparse(device, 2).copy_to_host(), oracles.logsumexp(x, -1) - x[:, 2], 1e-14
    )
    with pytest.raises(TypeError, match="y is an array in main memory"):
        loss.mean_squared_error(device, x)
    with pytest.raises(TypeError, match="logits is an array in main memory"):
        loss.cross_entropy_logits(x, device)
    with pytest.raises(TypeError, match="where is an array in main memory"):
        numbafunc.softmax(device, where=x > 0)
    with pytest.raises(ValueError, match="overlaps"):
        numbafunc.softmax(device, out=device)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    reduction.Reduction.__call__ = through_the_device
    names = sys.argv[1:] or NAMES
    for name in names:
        test_values(name)
        test_derivatives(name)
    test_sums_lose_nothing_with_their_length()
    test_labels_out_of_range()
    test_what_users_see()
    print("done")
