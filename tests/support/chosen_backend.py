"""The functions of the library, on the back end that the suites of ops run on.

A suite that says ``from chosen_backend import numbafunc`` calls the library as it is, with arrays in main memory. With
NUMBAFUNC_TEST_BACKEND=cuda in the environment, each op is called with its operands on a CUDA device, as they lie in
memory; its results must be on the device too, and come back. Numba's simulator takes the place of a device where
NUMBA_ENABLE_CUDASIM=1.
"""

import functools
import inspect
import os
import re
import sys
import types

import numpy as np
import pytest

import numbafunc as library
from numbafunc.backend import is_device_array
from numbafunc.dual.array import Dual, assemble, components, on_device
from numbafunc.dual.recorder import Primitive, Recorder
from numbafunc.kinds import elementwise, reduction

ACTIVE = os.environ.get("NUMBAFUNC_TEST_BACKEND", "cpu") == "cuda"
SIMULATED = ACTIVE and os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"

if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
    sys.setswitchinterval(1e-4)  # one thread of the simulator polls while all others wait for their turn


def sized(length, *, simulated):
    """A length for a test, or several, and shorter ones where each element is worked on by a Python program."""
    return simulated if SIMULATED else length


# Whether ops move what they are given; tests that handle arrays of the device themselves turn it off.
moving = ACTIVE

# Elements of an array that the CPU shares out to threads.
LARGE = sized(70_003, simulated=1003)


def refused(error, words, function, *arguments, **options):
    """Fail unless a call raises an error with these words."""
    with pytest.raises(error, match=re.escape(words)):
        function(*arguments, **options)


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
        return assemble({levels: _moved(part) for levels, part in components(x).items()})
    if type(x) is Recorder:
        return _TO_DEVICE.of(x, x.shape, x.dtype)
    return to_device(x) if isinstance(x, np.ndarray) else x


def _back(x):
    if type(x) is Dual:
        return assemble({levels: _back(part) for levels, part in components(x).items()})
    if type(x) is Recorder:
        return _FROM_DEVICE.of(x, x.shape, x.dtype)
    assert is_device_array(x), f"{type(x)} is not on the device"
    return x.copy_to_host()


# Reverse mode takes cotangents the other way, so that the steps between run on the device.
_TO_DEVICE = Primitive("copy to the device", _moved, lambda cotangent, place, x: _back(cotangent))
_FROM_DEVICE = Primitive("copy from the device", _back, lambda cotangent, place, x: _moved(cotangent))


def _all_back(result):
    if not isinstance(result, tuple):
        return _back(result)
    parts = map(_back, result)
    return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)


def _is_array(x):
    """Whether a device can hold it, and it isn't there yet."""
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "biufcV" and not isinstance(x, np.ma.MaskedArray)
    return type(x) is Dual and not on_device(x)


def _as_array(x):
    return np.asarray(x) if type(x) is list and x else x


def _with_lines_back(function):
    """A function of lines on the device, given one of lines in main memory."""
    return lambda line, *others: _moved(function(_back(line), *others))


def on_chosen(op, joint=None):
    """The same op on the chosen back end.

    ``joint`` tells whether all of its arrays are operands, save axes, as in the elementwise and the reduction kind;
    otherwise only the first argument is, and what others hold are parameters, in main memory.
    """
    if not ACTIVE:
        return op
    if joint is None:
        joint = op.__name__ in elementwise.REGISTRY or op.__name__ in reduction.REGISTRY
    names = list(inspect.signature(op).parameters)

    @functools.wraps(op)
    def call(*arguments, **options):
        positions = [names[i] if i < len(names) else i for i in range(len(arguments))]
        given = dict(zip(positions, arguments))
        if not moving or given.keys() & options.keys():
            return op(*arguments, **options)
        given |= options
        out = given.pop("out", None)
        if joint:
            operands = {name: _as_array(x) for name, x in given.items() if "axis" not in str(name)}
        else:
            operands = dict(list(given.items())[:1])
        arrays = {name: x for name, x in operands.items() if _is_array(x)}
        others = [x for name, x in operands.items() if name not in arrays]
        # Numbers alone, arrays of the device as they are, and what is refused.
        if not arrays or any(isinstance(x, (np.ndarray, list)) or on_device(x) for x in others):
            return op(*arguments, **options)
        given |= {name: _moved(x) for name, x in arrays.items()}
        if not joint:
            given = {name: _with_lines_back(x) if inspect.isfunction(x) else x for name, x in given.items()}
        if out is not None:
            given["out"] = to_device(out) if isinstance(out, np.ndarray) else out
        result = op(*(given[name] for name in positions), **{name: given[name] for name in options})
        if out is None:
            return _all_back(result)
        assert result is given["out"]
        if not np.shares_memory(getattr(result, "_ary", np.empty(0)), out):
            out[...] = result.copy_to_host()
        return out

    return call


class _Chosen(types.ModuleType):
    """A module of the library; what it defines are the ops on the chosen back end, all else is the library's own."""

    def __init__(self, module):
        super().__init__(module.__name__, module.__doc__)
        self._module = module

    def __getattr__(self, name):
        found = getattr(self._module, name)
        if name in ("divergence", "loss"):
            found = _Chosen(found)
        elif found is library.elementwise:
            found = _elementwise
        elif getattr(found, "__module__", "").startswith("numbafunc.ops."):
            found = on_chosen(found)
        setattr(self, name, found)
        return found


def _elementwise(definition):
    return on_chosen(library.elementwise(definition), joint=True)


numbafunc = _Chosen(library) if ACTIVE else library


def __getattr__(name):
    """What can be imported from the library can be imported from here."""
    return getattr(numbafunc, name)
