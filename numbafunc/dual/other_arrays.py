"""Arrays of other libraries, as data and beside dual arrays. No such library is imported here.

Most are data, whose elements are constants: pandas and Dask leave operators to dual arrays. Those of xarray hold arrays
of any type that answers NumPy's protocols, dual arrays too: these do the work, and keep their labels. Tensors of
PyTorch share their memory, those of bfloat16 as well, for which NumPy has no name of its own.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

import numpy as np

from numbafunc.backend import is_device_array
from numbafunc.dual.user_line import DUAL_TYPES

PANDAS_PRIORITY = 5000
"""Higher than that of all types of pandas, whose operators then leave the work to the other operand."""


@lru_cache(256)
def _holds_arrays(kind: type) -> bool:
    return any(base.__module__.partition(".")[0] == "xarray" for base in kind.__mro__)


def holds_arrays(x: Any) -> bool:
    """Whether something holds arrays of any type and answers NumPy's protocols by theirs, as objects of xarray do."""
    kind: Any = type(x)
    return _holds_arrays(kind)


def held(x: Any) -> Any:
    """The array in a labelled one, in which a dual array may be; anything else as it is."""
    return x.data if holds_arrays(x) and hasattr(x, "data") else x


def as_mask(x: Any) -> Any:
    """A mask for functions of NumPy, some of which never end where it is one of pandas."""
    return x if isinstance(x, (bool, np.ndarray, np.generic)) else np.asarray(x)


def as_numpy(x: Any, name: str) -> np.ndarray[Any, Any]:
    """The elements of an array of any library in main memory; of a tensor of PyTorch in its own memory."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(x, torch.Tensor):
        return np.asarray(x)
    if x.requires_grad:
        raise TypeError(
            f"{name} is a torch.Tensor that requires grad, of which PyTorch keeps track; pass {name}.detach()"
        )
    if x.layout is not torch.strided or x.device.type != "cpu":
        raise TypeError(f"{name} is a torch.Tensor of {x.layout} on {x.device}; wanted: a dense one in main memory")
    if x.dtype is torch.bfloat16:
        return x.view(torch.int16).numpy().view(_bfloat16(name))  # type: ignore[no-any-return]
    try:
        return x.resolve_neg().resolve_conj().numpy()  # type: ignore[no-any-return]
    except TypeError:
        raise TypeError(f"{name} is a torch.Tensor of {x.dtype}, which NumPy does not have") from None


def long_ints_as_floats(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Objects that are Python's ints and floats, some longer than arrays hold, as floats; any other array itself."""
    numbers = x.dtype.kind == "O" and x.size and all(type(element) in (int, float) for element in x.flat)
    return x.astype(float) if numbers else x


def _bfloat16(name: str) -> Any:
    try:
        from ml_dtypes import bfloat16
    except ImportError:
        raise TypeError(f"{name} is a torch.Tensor of bfloat16, for which the package ml_dtypes is needed") from None
    return bfloat16


def as_target(out: Any) -> Any:
    """The array in whose memory a result is put: one of NumPy that shares it with an array of another library."""
    if isinstance(out, np.ndarray) or type(out) in DUAL_TYPES or is_device_array(out):
        return out
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(out, torch.Tensor):
        if out.is_neg() or out.is_conj():
            raise TypeError("out is a torch.Tensor of negated or conjugated elements; pass out.resolve_neg()")
        return as_numpy(out, "out")
    if hasattr(out, "__dlpack__"):
        return np.from_dlpack(out)
    return out
