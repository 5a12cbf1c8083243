"""The tests of the ops once more, on arrays of a CUDA device: with NUMBAFUNC_TEST_BACKEND=cuda in the environment.

Between a test and an op, arrays go to the device as they lie in memory, and results come back. Numba's simulator takes
the place of a device where NUMBA_ENABLE_CUDASIM=1.
"""

import functools
import os

import numpy as np

import numbafunc
from numbafunc.autodiff.dual import Dual, assemble, components, on_device
from numbafunc.device import is_device_array
from numbafunc.kinds import elementwise

ACTIVE = os.environ.get("NUMBAFUNC_TEST_BACKEND", "cpu") == "cuda"

# Elements of an array that the CPU shares out to threads; the simulator starts a thread for each few of them.
LARGE = 1003 if ACTIVE else 70_003


class _Interface:
    """Memory of a device as an array of any layout."""

    def __init__(self, owner, **interface):
        self.owner = owner
        self.__cuda_array_interface__ = interface


def to_device(array):
    """An array on the device that lies in memory as this one does."""
    from numba import config, cuda

    if not array.dtype.isnative or not array.flags.aligned:
        array = array.astype(array.dtype.newbyteorder("="))  # which devices can't read
    if config.ENABLE_CUDASIM:
        from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

        return FakeCUDAArray(array.view(np.ndarray))
    low, high = np.lib.array_utils.byte_bounds(array)
    memory = cuda.to_device(np.ctypeslib.as_array((np.ctypeslib.ctypes.c_uint8 * (high - low)).from_address(low)))
    start = array.__array_interface__["data"][0] - low
    return _Interface(
        memory,
        shape=array.shape,
        strides=array.strides,
        typestr=array.dtype.str,
        data=(memory.__cuda_array_interface__["data"][0] + start, not array.flags.writeable),
        version=3,
    )


def _moved(x):
    if type(x) is Dual:
        return assemble({levels: to_device(part) for levels, part in components(x).items()})
    return to_device(x) if isinstance(x, np.ndarray) else x


def _back(x):
    if type(x) is Dual:
        return assemble({levels: _back(part) for levels, part in components(x).items()})
    assert is_device_array(x), f"{type(x)} is not on the device"
    return x.copy_to_host()


def _evaluate_on_device(self, checked, *, out=None, dtype=None, form=None, given=()):
    moved = list(map(_moved, checked))
    if not any(map(on_device, moved)):
        return _evaluate(self, checked, out=out, dtype=dtype, form=form, given=given)
    if out is None:
        return _back(self.on_device(moved, None, dtype))
    target = to_device(out) if isinstance(out, np.ndarray) else out
    assert self.on_device(moved, target, dtype) is target
    if not np.shares_memory(getattr(target, "_ary", out[:0]), out):
        out[...] = target.copy_to_host()
    return out


_evaluate = elementwise.Elementwise.evaluate


# Ops of the linear and the selection kind are replaced where users find them.
FUNCTIONS = (
    *(
        "average_pool_2d",
        "batch_to_space2d",
        "channel_to_space2d",
        "dynamic_slice",
        "flatten",
        "interpolate",
        "max_pool_2d",
        "pad",
    ),
    *("space_to_batch2d", "space_to_channel2d", "top_k", "upsample_2d", "upscale_nn"),
)


def _padded(pad_width=None, mode="constant", *, reflect_type=None, **options):
    """Whether arrays of a device are padded in this way."""
    return mode in ("constant", "empty", "edge", "reflect", "symmetric", "wrap") and reflect_type != "odd"


def _through_device(function):
    @functools.wraps(function)
    def call(*operands, **options):
        # The operand is the first argument; what others may be in main memory is parameters.
        if operands:
            first, *others = operands
            if isinstance(first, np.ma.MaskedArray) or (function.__name__ == "pad" and not _padded(*others, **options)):
                return function(*operands, **options)
            operands = (_moved(first), *others)
        result = function(*operands, **options)
        if not operands or not on_device(operands[0]):
            return result
        return type(result)(*map(_back, result)) if isinstance(result, tuple) else _back(result)

    return call


def install():
    """From here on ops run on the device."""
    elementwise.Elementwise.evaluate = _evaluate_on_device
    for name in FUNCTIONS:
        setattr(numbafunc, name, _through_device(getattr(numbafunc, name)))
