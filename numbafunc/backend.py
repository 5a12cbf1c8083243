"""Which arrays lie in the memory of a CUDA device, told without importing anything that knows CUDA."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

# Of DLPack: memory of a CUDA device, and memory that CUDA moves to and fro.
_DLPACK_DEVICES = (2, 13)


def is_device_array(x: Any) -> bool:
    """Whether something is an array of a CUDA device, or of Numba's simulator of one."""
    if isinstance(x, (np.ndarray, np.generic, float, int)):
        return False
    if getattr(x, "__cuda_ndarray__", False) is True:  # Numba's own
        return True
    locate = getattr(x, "__dlpack_device__", None)
    if locate is not None and not isinstance(x, type):
        return locate()[0] in _DLPACK_DEVICES
    return hasattr(x, "__cuda_array_interface__")


def counterpart(name: str) -> Callable[..., Any]:
    """A function of the back end for CUDA devices, which is imported when the first is needed: "module.function"."""
    module, _, function = name.partition(".")
    return getattr(importlib.import_module(f"numbafunc_cuda.{module}"), function)  # type: ignore[no-any-return]
