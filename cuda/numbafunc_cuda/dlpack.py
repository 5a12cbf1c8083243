"""Reads the DLPack capsules of device arrays.

Of bfloat16 this is the only way between libraries, as the CUDA array interface has no name for it.
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np


class _DLDevice(ctypes.Structure):
    _fields_ = [("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32)]


class _DLDataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _DLDevice),
        ("ndim", ctypes.c_int32),
        ("dtype", _DLDataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_KINDS = {0: "i", 1: "u", 2: "f", 5: "c"}
_BFLOAT, _BOOL = 4, 6

_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype = ctypes.c_void_p
_pointer_of.argtypes = [ctypes.py_object, ctypes.c_char_p]


class Tensor(NamedTuple):
    """The array that a capsule describes; ``strides`` count bytes, None stands for C order."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    dtype: np.dtype[Any]


def read(capsule: Any, name: str) -> Tensor:
    """The contents of a capsule. The memory stays valid while the capsule is kept.

    Raises
    ------
    TypeError
        For elements that are not numbers of NumPy.
    """
    # The tensor is the first member of the structure; the rest is for those who take ownership.
    tensor = _DLTensor.from_address(_pointer_of(capsule, b"dltensor"))
    dtype = _dtype(tensor.dtype, name)
    shape = tuple(tensor.shape[axis] for axis in range(tensor.ndim))
    strides = None
    if tensor.strides:
        strides = tuple(tensor.strides[axis] * dtype.itemsize for axis in range(tensor.ndim))
    return Tensor((tensor.data or 0) + tensor.byte_offset, shape, strides, dtype)


def _dtype(found: _DLDataType, name: str) -> np.dtype[Any]:
    if found.lanes == 1:
        if found.code == _BFLOAT and found.bits == 16:
            import ml_dtypes  # without which no array of this dtype exists in Python

            bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
            return bfloat16
        if found.code == _BOOL and found.bits == 8:
            return np.dtype(np.bool_)
        if found.code in _KINDS and found.bits in (8, 16, 32, 64, 128):
            return np.dtype(f"{_KINDS[found.code]}{found.bits // 8}")
    raise TypeError(
        f"{name} has a dtype that NumPy does not know: in DLPack's terms code {found.code}, {found.bits} bits, "
        f"{found.lanes} lanes"
    )
