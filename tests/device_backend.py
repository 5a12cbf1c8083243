"""The tests of the ops once more, on arrays of a CUDA device: with NUMBAFUNC_TEST_BACKEND=cuda in the environment.

Between a test and an op, arrays go to the device as they lie in memory, and results come back. Numba's simulator takes
the place of a device where NUMBA_ENABLE_CUDASIM=1.
"""

import functools
import os
import re
import sys

import numpy as np
import pytest

import numbafunc
from numbafunc.backend import is_device_array
from numbafunc.dual.array import Dual, assemble, components, on_device
from numbafunc.kinds import elementwise, reduction

ACTIVE = os.environ.get("NUMBAFUNC_TEST_BACKEND", "cpu") == "cuda"
SIMULATED = ACTIVE and os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"

if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
    sys.setswitchinterval(1e-4)  # one thread of the simulator polls while all others wait for their turn


def sized(length, *, simulated):
    """A length for a test, or several, and shorter ones where each element is worked on by a Python program."""
    return simulated if SIMULATED else length


# Elements of an array that the CPU shares out to threads.
LARGE = sized(70_003, simulated=1003)


def refused(error, words, function, *arguments, **options):
    """Fail unless a call raises an error with these words."""
    with pytest.raises(error, match=re.escape(words)):
        function(*arguments, **options)


def run(program):
    """Run the tests among the names of a program, which is one of the simulator unless test_device.py executes it."""
    from numba import config

    for name, test in list(program.items()):
        if name.startswith("test_"):
            test()
            print(name, flush=True)
    print("done" if config.ENABLE_CUDASIM or program["__name__"] == "device_program" else "the simulator is off")


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
    if array.dtype.kind == "V":  # bfloat16, which has no name in the interface
        from numbafunc_cuda.arrays import View, arranged

        words = View(memory, memory.__cuda_array_interface__["data"][0], memory.shape, (1,), array.dtype, 0)
        return arranged(words, array.shape, array.strides, start).array
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


def _through_the_device(run, out):
    """What ``run(out)`` gives, with all that it returns, or writes to ``out``, brought back."""
    if out is None:
        result = run(None)
        return tuple(map(_back, result)) if isinstance(result, tuple) else _back(result)
    target = to_device(out) if isinstance(out, np.ndarray) else out
    assert run(target) is target
    if not np.shares_memory(getattr(target, "_ary", np.empty(0)), out):
        out[...] = target.copy_to_host()
    return out


def _evaluate_on_device(self, checked, *, out=None, dtype=None, shortcut=None):
    moved = list(map(_moved, checked))
    if not any(map(on_device, moved)):
        return _evaluate(self, checked, out=out, dtype=dtype, shortcut=shortcut)
    return _through_the_device(lambda target: self.on_device(moved, target, dtype), out)


def _reduce_on_device(self, operands, axes, dtype, *, out=None, **options):
    moved = list(map(_moved, operands))
    if any(map(on_device, operands)) or not any(map(on_device, moved)):
        return _reduce(self, operands, axes, dtype, out=out, **options)
    return _through_the_device(lambda target: _reduce(self, moved, axes, dtype, out=target, **options), out)


_evaluate = elementwise.Elementwise.evaluate
_reduce = reduction.Reduction.__call__


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


def _of_host_lines(function):
    """A function of lines on the device, given one of lines in main memory."""
    return lambda line, *others: _moved(function(_back(line), *others))


def _on_device_operand(function):
    @functools.wraps(function)
    def call(*operands, **options):
        # The operand is the first argument; what others may be in main memory is parameters.
        if not operands or on_device(operands[0]) or isinstance(operands[0], np.ma.MaskedArray):
            return function(*operands, **options)
        first, *others = operands
        if function.__name__ == "pad":
            others = [_of_host_lines(other) if callable(other) else other for other in others]
        moved = _moved(first)
        result = function(moved, *others, **options)
        if not on_device(moved):
            return result
        return type(result)(*map(_back, result)) if isinstance(result, tuple) else _back(result)

    return call


def install():
    """From here on ops run on the device."""
    elementwise.Elementwise.evaluate = _evaluate_on_device
    reduction.Reduction.__call__ = _reduce_on_device
    for name in FUNCTIONS:
        setattr(numbafunc, name, _on_device_operand(getattr(numbafunc, name)))
